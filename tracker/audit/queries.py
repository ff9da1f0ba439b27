"""Reading the change log: lists, one change set, the history of one record."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Select, select, true
from sqlalchemy.orm import Session

from tracker.accounts.models import User
from tracker.audit.labels import ACTIONS, field_label, show_value, table_label
from tracker.core.changes import Change, ChangeSet
from tracker.core.clock import local_day_bounds
from tracker.core.context import current
from tracker.core.errors import NotFound
from tracker.core.rights import rights
from tracker.core.text import fold
from tracker.units.models import Unit


@dataclass(frozen=True)
class LogFilter:
    """What the list of the change log is narrowed to."""

    text: str = ""
    table: str = ""
    source: str = ""
    start: date | None = None
    end: date | None = None


@dataclass(frozen=True)
class FieldChange:
    """One field of one record: its name, old and new value as people read them."""

    label: str
    old: str
    new: str


@dataclass(frozen=True)
class RecordChange:
    """What a change set did to one record."""

    action: str
    action_label: str
    table: str
    table_label: str
    record_id: str
    label: str
    fields: Sequence[FieldChange]


def reach(session: Session) -> ColumnElement[bool]:
    """Return the filter of the change sets that the actor may read.

    Whoever may read the log at the top of every tree reads all of it; others read what people of
    their own units did.
    """
    access = current().actor.access
    if access.everything:
        return true()
    tops = session.scalars(
        select(Unit.id).where(Unit.parent_id.is_(None), Unit.valid_to.is_(None))
    ).all()
    if tops and access.scope("audit.view").issuperset(tops):
        return true()
    return ChangeSet.actor_id.in_(select(User.id).where(rights.visible(access, "audit.view", User)))


def list_query(session: Session, wanted: LogFilter) -> Select[ChangeSet]:
    """Return the change sets that fit, newest first."""
    query = select(ChangeSet).where(reach(session)).order_by(ChangeSet.id.desc())
    if wanted.source:
        query = query.where(ChangeSet.source == wanted.source)
    if wanted.start:
        query = query.where(ChangeSet.at >= local_day_bounds(wanted.start)[0])
    if wanted.end:
        query = query.where(ChangeSet.at < local_day_bounds(wanted.end)[1])
    if wanted.table:
        query = query.where(
            ChangeSet.id.in_(select(Change.change_set_id).where(Change.table_name == wanted.table))
        )
    for word in fold(wanted.text).split():
        # Names of people are found without their accents; the log itself is kept as it was.
        people = select(User.id).where(User.folded.contains(word, autoescape=True))
        query = query.where(
            ChangeSet.actor_id.in_(people)
            | ChangeSet.id.in_(
                select(Change.change_set_id).where(Change.label.contains(word, autoescape=True))
            )
            | ChangeSet.reason.contains(word, autoescape=True)
        )
    return query


def get_change_set(session: Session, number: int) -> ChangeSet:
    """Return a change set within the actor's reach. Raises NotFound."""
    found = session.scalars(
        select(ChangeSet).where(ChangeSet.id == number, reach(session))
    ).one_or_none()
    if found is None:
        raise NotFound
    return found


def records_of(session: Session, numbers: Sequence[int]) -> dict[int, list[RecordChange]]:
    """Return what change sets did, by their number, at most 200 records of each."""
    rows = session.scalars(
        select(Change)
        .where(Change.change_set_id.in_(numbers), Change.position < 200)
        .order_by(Change.change_set_id, Change.position)
    )
    found: dict[int, list[RecordChange]] = {number: [] for number in numbers}
    for row in rows:
        found[row.change_set_id].append(read(row))
    return found


def history_of(
    session: Session, table: str, record_id: str
) -> list[tuple[ChangeSet, RecordChange]]:
    """Return all changes of one record within the actor's reach, newest first."""
    rows = session.execute(
        select(ChangeSet, Change)
        .join(Change, Change.change_set_id == ChangeSet.id)
        .where(Change.table_name == table, Change.record_id == record_id, reach(session))
        .order_by(ChangeSet.id.desc())
        .limit(500)
    )
    return [(row.ChangeSet, read(row.Change)) for row in rows]


def read(row: Change) -> RecordChange:
    """Return a logged change as people read it."""
    fields = json.loads(row.fields)
    return RecordChange(
        action=row.action.value,
        action_label=str(ACTIONS[row.action.value]),
        table=row.table_name,
        table_label=table_label(row.table_name),
        record_id=row.record_id,
        label=row.label,
        fields=[
            FieldChange(field_label(row.table_name, name), show_value(old), show_value(new))
            for name, (old, new) in fields.items()
            if name not in {"version", "id", "public_id"}
        ],
    )

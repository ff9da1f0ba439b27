"""Reading the change log: lists, one change set, the history of one record."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Select,
    String,
    Table,
    cast,
    literal,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import Session

from tracker.accounts.models import User
from tracker.audit.labels import ACTIONS, field_label, show_value, table_label, value_word
from tracker.core.changes import Change, ChangeSet, technical_tables
from tracker.core.clock import local_day_bounds
from tracker.core.context import current
from tracker.core.db import Base
from tracker.core.errors import NotFound
from tracker.core.rights import rights
from tracker.core.text import fold
from tracker.units.models import Unit

# What a record is called, in the order of preference.
NAMING: Final = ("name", "title", "number", "text", "filename")
MOST_NAMED: Final = 500
# Of one change set: imports touch thousands.
MOST_RECORDS: Final = 200


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


def changes_query(session: Session, wanted: LogFilter) -> Select[Change]:
    """Return the records of the change sets that fit: each gives several rows of a spreadsheet."""
    sets = list_query(session, wanted).with_only_columns(ChangeSet.id).order_by(None)
    return select(Change).where(Change.change_set_id.in_(sets), Change.position < MOST_RECORDS)


def get_change_set(session: Session, number: int) -> ChangeSet:
    """Return a change set within the actor's reach. Raises NotFound."""
    found = session.scalars(
        select(ChangeSet).where(ChangeSet.id == number, reach(session))
    ).one_or_none()
    if found is None:
        raise NotFound
    return found


def records_of(session: Session, numbers: Sequence[int]) -> dict[int, list[RecordChange]]:
    """Return what change sets did, by their number, at most MOST_RECORDS of each."""
    rows = session.scalars(
        select(Change)
        .where(Change.change_set_id.in_(numbers), Change.position < MOST_RECORDS)
        .order_by(Change.change_set_id, Change.position)
    )
    found: dict[int, list[RecordChange]] = {number: [] for number in numbers}
    logged = list(rows)
    names = names_in(session, logged)
    for row in logged:
        found[row.change_set_id].append(read(row, names))
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
    ).all()
    names = names_in(session, [row.Change for row in rows])
    return [(row.ChangeSet, read(row.Change, names)) for row in rows]


def _target(table: str, field: str) -> Table | None:
    """Return the table that a field names a record of, where that has a name to show."""
    known = Base.metadata.tables.get(table)
    column = known.c.get(field) if known is not None else None
    for key in column.foreign_keys if column is not None else ():
        target = key.column.table
        if _naming(target) is not None and target.name not in technical_tables():
            return target
    return None


def _naming(table: Table) -> Column[Any] | None:
    """Return the column that names a table's records; what the log keeps to itself names none."""
    columns = [table.c[name] for name in NAMING if name in table.c]
    return next((one for one in columns if not one.info.get("private")), None)


def names_in(session: Session, rows: Sequence[Change]) -> dict[tuple[str, int], str]:
    """Return the names of the records that logged fields point at, in one query.

    They are called what they are called today; one that is gone keeps its number.
    """
    wanted: dict[str, tuple[Table, set[int]]] = {}
    for row in rows:
        for field, values in json.loads(row.fields).items():
            target = _target(row.table_name, field)
            if target is not None:
                keys = {one for one in values if isinstance(one, int)}
                wanted.setdefault(target.name, (target, set()))[1].update(keys)
    parts = [
        select(literal(name), table.c.id, cast(_naming(table), String)).where(
            table.c.id.in_(sorted(keys)[:MOST_NAMED])
        )
        for name, (table, keys) in wanted.items()
        if keys
    ]
    if not parts:
        return {}
    return {(row[0], row[1]): row[2] for row in session.execute(union_all(*parts))}


def _shown(row: Change, field: str, value: object, names: Mapping[tuple[str, int], str]) -> str:
    word = value_word(row.table_name, field, value)
    if word is not None:
        return word
    if isinstance(value, int) and not isinstance(value, bool):
        target = _target(row.table_name, field)
        name = names.get((target.name, value)) if target is not None else None
        if name:
            return name
    return show_value(value)


def read(row: Change, names: Mapping[tuple[str, int], str]) -> RecordChange:
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
            FieldChange(
                field_label(row.table_name, name),
                _shown(row, name, old, names),
                _shown(row, name, new, names),
            )
            for name, (old, new) in fields.items()
            if name not in {"version", "id", "public_id"}
        ],
    )

"""Two people, one row of a plan: what each made of it, field by field.

A row is more than its columns: its units are rows of other tables, and its deadline is many
columns that make sense only together. Both are compared here as one field each.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.core.changes import Change, ChangeAction, ChangeSet
from tracker.core.conflicts import Since, changes_since, settle
from tracker.core.deadlines import DeadlineKind
from tracker.plans import documents
from tracker.plans.assign import Deadline
from tracker.plans.models import RowKind, Task, TaskCoordinator, TaskLead
from tracker.plans.rows import RowInput, columns

PLAIN: Final = (
    "kind",
    "number",
    "area_id",
    "title",
    "product",
    "lead_text",
    "coordinator_text",
    "unit_set_id",
    "budget_text",
    "note",
)
UNITS: Final = {"lead_unit_ids": TaskLead, "coordinator_ids": TaskCoordinator}
DEADLINE: Final = (
    "deadline_kind",
    "deadline_text",
    "deadline_on",
    "window_start",
    "recurrence",
    "trigger_text",
    "trigger_offset",
    "trigger_in_working_days",
    "review_on",
    "awaits_id",
)
DAYS: Final = ("deadline_on", "window_start", "review_on")


def values_of(row: RowInput) -> dict[str, Any]:
    """Return a row as it would be stored, the fields that people compare, units in order."""
    stored = columns(row)
    is_task = row.kind is RowKind.TASK
    return {
        **{name: stored[name] for name in PLAIN},
        **{name: sorted(set(getattr(row, name))) if is_task else [] for name in UNITS},
        "deadline": _bare({name: stored[name] for name in DEADLINE}),
    }


def input_of(task: Task, leads: Collection[int], coordinators: Collection[int]) -> RowInput:
    """Return a stored row as what would be typed to make it."""
    return RowInput(
        title=task.title,
        kind=task.kind,
        number=task.number,
        area_id=task.area_id,
        product=task.product,
        lead_text=task.lead_text,
        lead_unit_ids=tuple(leads),
        unit_set_id=task.unit_set_id,
        coordinator_text=task.coordinator_text,
        coordinator_ids=tuple(coordinators),
        budget_text=task.budget_text,
        note=task.note,
        deadline=Deadline.of(task),
        is_invented=task.is_invented,
    )


def merge(
    session: Session, task: Task, stored: RowInput, base_version: int, submitted: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the fields of `submitted` (`values_of`) that the person changed since a version.

    Raises Conflict where somebody else changed the same one differently.
    """
    theirs = values_of(stored)
    if base_version == task.version:
        return settle(submitted, theirs, Since())
    since = changes_since(session, task, base_version)
    values = {name: value for name, value in since.values.items() if name in PLAIN}
    authors = dict(since.authors)
    if deadline := {name: since.values[name] for name in DEADLINE if name in since.values}:
        now = {name: getattr(task, name) for name in DEADLINE}
        values["deadline"] = _bare(now | deadline)
        authors["deadline"] = next(authors[name] for name in deadline)
    for name, before in _units_before(session, task.id, theirs, since).items():
        values[name] = before
        # The row itself counts as changed with its units, so its set names the person.
        authors.setdefault(name, _author(session, since))
    return settle(submitted, theirs, Since(values, authors))


def merged(stored: RowInput, typed: RowInput, wanted: Mapping[str, Any]) -> RowInput:
    """Return the stored row with the fields of `wanted` as they were typed."""
    taken: dict[str, Any] = {name: getattr(typed, name) for name in wanted}
    return replace(stored, **taken)


def deadline_words(deadline: Deadline) -> str:
    """Return a deadline as people read it: the plan's words, and what was made of them."""
    row = SimpleNamespace(**deadline.columns())
    read = documents.deadline_words(SimpleNamespace(**(deadline.columns() | {"deadline_text": ""})))
    words = documents.deadline_words(row)
    return words if words == read or not read else f"{words} ({read})"


def _bare(stored: Mapping[str, Any]) -> Deadline:
    """Return a deadline without who read it: the same days are the same deadline."""
    values = {
        name: date.fromisoformat(value) if name in DAYS and isinstance(value, str) else value
        for name, value in stored.items()
    }
    row: Any = SimpleNamespace(
        **values,
        triggered_on=None,
        deadline_read_by="",
        deadline_confidence=0,
    )
    row.deadline_kind = DeadlineKind(row.deadline_kind)
    return Deadline.of(row)


def _units_before(
    session: Session, task_id: int, theirs: Mapping[str, Any], since: Since
) -> dict[str, list[int]]:
    """Return the units that a row had before the sets of `since`, where they changed them."""
    rows = session.execute(
        select(Change.table_name, Change.action, Change.fields)
        .where(
            Change.change_set_id.in_(since.change_set_ids),
            Change.table_name.in_([link.__tablename__ for link in UNITS.values()]),
        )
        .order_by(Change.change_set_id.desc(), Change.position)
    )
    names = {link.__tablename__: name for name, link in UNITS.items()}
    found: dict[str, set[int]] = {}
    for table, action, fields in rows:
        changed: dict[str, list[Any]] = json.loads(fields)
        side = 0 if action == ChangeAction.DELETED else 1
        if changed.get("task_id", [None, None])[side] != task_id:
            continue
        units = found.setdefault(names[table], set(theirs[names[table]]))
        unit_id = changed["unit_id"][side]
        if action == ChangeAction.DELETED:
            units.add(unit_id)
        else:
            units.discard(unit_id)
    return {name: sorted(units) for name, units in found.items()}


def _author(session: Session, since: Since) -> str:
    query = select(ChangeSet.actor_name).where(ChangeSet.id.in_(since.change_set_ids))
    return session.scalars(query.order_by(ChangeSet.id.desc())).first() or ""

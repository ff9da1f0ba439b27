"""One unit's page: what it is, what it was, what became of it, and what lies under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.core.changes import Change, ChangeAction, ChangeSet
from tracker.core.clock import local_day_bounds
from tracker.core.db import db
from tracker.core.errors import NotFound
from tracker.plugins.descriptors import TimelineEntry
from tracker.units.labels import EVENTS
from tracker.units.models import (
    Unit,
    UnitAlias,
    UnitEvent,
    UnitEventKind,
    UnitEventUnit,
    UnitSuccessor,
    UnitVersion,
)
from tracker.units.queries import visible

ICONS = {
    UnitEventKind.CREATE: "plus",
    UnitEventKind.RENAME: "edit",
    UnitEventKind.MOVE: "branch",
    UnitEventKind.MERGE: "handover",
    UnitEventKind.SPLIT: "branch",
    UnitEventKind.END: "withdrawn",
}


@dataclass(frozen=True)
class UnitLink:
    """Another unit, as a page names it; `can_open` when the actor may see it."""

    id: int
    name: str
    ended_on: date | None
    can_open: bool = True


@dataclass(frozen=True)
class Relative:
    """A predecessor or successor, and from which day on."""

    unit: UnitLink
    effective_on: date
    decision: str


@dataclass(frozen=True)
class UnitFacts:
    """Everything that the page of a unit says about the unit itself."""

    unit: Unit
    # From the top down to the parent.
    line: Sequence[UnitLink]
    children: Sequence[UnitLink]
    aliases: Sequence[tuple[int, str]]
    versions: Sequence[UnitVersion]
    predecessors: Sequence[Relative]
    successors: Sequence[Relative]

    @property
    def old_names(self) -> list[tuple[str, date, date]]:
        """Return the names before the present one, newest first, each with its days."""
        return [
            (version.name, version.valid_from, version.valid_to)
            for version in self.versions
            if version.name != self.unit.name
        ]


def get_unit(session: Session, unit_id: int) -> Unit:
    """Return a unit within the actor's sight. Raises NotFound."""
    unit = session.scalar(select(Unit).where(Unit.id == unit_id, visible()))
    if unit is None:
        raise NotFound
    return unit


def unit_facts(session: Session, unit_id: int) -> UnitFacts:
    """Return what the page of a unit says. Raises NotFound outside the actor's sight."""
    unit = get_unit(session, unit_id)
    children = session.execute(
        select(Unit.id, Unit.name)
        .where(Unit.parent_id == unit.id, Unit.valid_to.is_(None))
        .order_by(Unit.sort_key, Unit.id)
    )
    aliases = session.execute(
        select(UnitAlias.id, UnitAlias.name)
        .where(UnitAlias.unit_id == unit.id)
        .order_by(UnitAlias.folded)
    )
    versions = session.scalars(
        select(UnitVersion)
        .where(UnitVersion.unit_id == unit.id)
        .order_by(UnitVersion.valid_from.desc())
    )
    return UnitFacts(
        unit=unit,
        line=_line(session, unit),
        children=[UnitLink(row.id, row.name, None) for row in children],
        aliases=[(row.id, row.name) for row in aliases],
        versions=versions.all(),
        predecessors=_relatives(session, unit.id, back=True),
        successors=_relatives(session, unit.id, back=False),
    )


def _line(session: Session, unit: Unit) -> list[UnitLink]:
    parents = {
        row.id: row
        for row in session.execute(
            select(Unit.id, Unit.name, Unit.parent_id, Unit.valid_to, visible().label("seen"))
        )
    }
    line: list[UnitLink] = []
    current = unit.parent_id
    while current is not None:
        row = parents[current]
        line.insert(0, UnitLink(row.id, row.name, row.valid_to, bool(row.seen)))
        current = row.parent_id
    return line


def _relatives(session: Session, unit_id: int, *, back: bool) -> list[Relative]:
    here, there = UnitSuccessor.new_unit_id, UnitSuccessor.old_unit_id
    if not back:
        here, there = there, here
    rows = session.execute(
        select(
            Unit.id,
            Unit.name,
            Unit.valid_to,
            visible().label("seen"),
            UnitEvent.effective_on,
            UnitEvent.decision_number,
        )
        .join(UnitSuccessor, there == Unit.id)
        .join(UnitEvent, UnitEvent.id == UnitSuccessor.event_id)
        .where(here == unit_id)
        .order_by(UnitEvent.effective_on, Unit.sort_key)
    )
    return [
        Relative(
            UnitLink(row.id, row.name, row.valid_to, bool(row.seen)),
            row.effective_on,
            row.decision_number,
        )
        for row in rows
    ]


def history(unit_id: int) -> list[TimelineEntry]:
    """Return the events of a unit's life: the feature's own timeline source."""
    session = db.session()
    rows = session.execute(
        select(UnitEvent, UnitEventUnit.before, UnitEventUnit.after)
        .join(UnitEventUnit, UnitEventUnit.event_id == UnitEvent.id)
        .where(UnitEventUnit.unit_id == unit_id)
    ).all()
    recorded = _recorded(session, "unit_events", [row.UnitEvent.id for row in rows])
    entries: list[TimelineEntry] = []
    for row in rows:
        event = row.UnitEvent
        known_at, who = recorded.get(event.id) or _unlogged(event.effective_on)
        entries.append(
            TimelineEntry(
                at=event.effective_on,
                known_at=known_at,
                who=who,
                label=str(EVENTS[event.kind]),
                detail=_detail(event, row.before, row.after),
                icon=ICONS[event.kind],
                tone="brand",
            )
        )
    born = session.execute(
        select(UnitVersion.valid_from, UnitVersion.event_id, UnitVersion.name)
        .where(UnitVersion.unit_id == unit_id)
        .order_by(UnitVersion.valid_from)
        .limit(1)
    ).one()
    # A unit that no recorded decision brought to life still began some day.
    if not any(row.UnitEvent.effective_on == born.valid_from for row in rows):
        recorded = _recorded(session, "units", [unit_id])
        known_at, who = recorded.get(unit_id) or _unlogged(born.valid_from)
        entries.append(
            TimelineEntry(
                at=born.valid_from,
                known_at=known_at,
                who=who,
                label=_("Bắt đầu theo dõi"),
                detail=born.name,
                icon="plus",
            )
        )
    return entries


def _detail(event: UnitEvent, before: str, after: str) -> str:
    change = " → ".join(name for name in (before, after) if name)
    decision = event.decision_number
    if decision and event.decision_date:
        decision = _(
            "%(number)s ngày %(day)s",
            number=decision,
            day=f"{event.decision_date:%d/%m/%Y}",
        )
    return "\n".join(line for line in (change, decision, event.note) if line)


def _unlogged(day: date) -> tuple[datetime, str]:
    """Stand in for what came into the tables past the change log (a data migration)."""
    return local_day_bounds(day)[0], ""


def _recorded(session: Session, table: str, ids: Sequence[int]) -> dict[int, tuple[datetime, str]]:
    """Return when records were made and by whom, from the change log."""
    rows = session.execute(
        select(Change.record_id, ChangeSet.at, ChangeSet.actor_name)
        .join(ChangeSet, ChangeSet.id == Change.change_set_id)
        .where(
            Change.table_name == table,
            Change.record_id.in_([str(one) for one in ids]),
            Change.action == ChangeAction.CREATED,
        )
    )
    return {int(row.record_id): (row.at, row.actor_name) for row in rows}

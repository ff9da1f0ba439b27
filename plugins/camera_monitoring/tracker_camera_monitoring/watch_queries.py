"""Reading the watch log and the roster, within one's rights."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, select

from tracker.api.queries import leaves, people, session, unit_closure, units, visible
from tracker.api.text import fold
from tracker_camera_monitoring.health_queries import under
from tracker_camera_monitoring.models import (
    Camera,
    Desk,
    Entry,
    EntrySight,
    Severity,
    Shift,
    Sight,
)
from tracker_camera_monitoring.permissions import READ_LOG, ROSTER, VIEW
from tracker_camera_monitoring.rosters import Away, Span, gaps, minutes_of


@dataclass(frozen=True)
class EntryFilters:
    """What the stream is narrowed to."""

    unit_id: int | None = None
    desk_id: int | None = None
    severity: Severity | None = None
    sight_id: int | None = None
    start: date | None = None
    end: date | None = None
    text: str = ""
    only_mine: int | None = None


def entries_query(filters: EntryFilters) -> Any:
    """Return the entries that one may read, newest first."""
    query: Any = (
        select(
            Entry.id,
            Entry.day,
            Entry.starts_at,
            Entry.ends_at,
            Entry.severity,
            Entry.text,
            Entry.shows_people,
            Entry.recorded_at,
            Entry.recorded_by_name,
            Entry.visit_public_id,
            Entry.finding_public_id,
            Entry.unit_id,
            Desk.name.label("desk_name"),
            Camera.name.label("camera_name"),
            units.c.name.label("unit_name"),
        )
        .join(Desk, Desk.id == Entry.desk_id)
        .join(units, units.c.id == Entry.unit_id)
        .outerjoin(Camera, Camera.id == Entry.camera_id)
        .where(visible(READ_LOG, Entry))
        .order_by(Entry.day.desc(), Entry.starts_at.desc(), Entry.id.desc())
    )
    if filters.unit_id is not None:
        query = query.where(Entry.unit_id.in_(under(filters.unit_id)))
    if filters.desk_id is not None:
        query = query.where(Entry.desk_id == filters.desk_id)
    if filters.severity is not None:
        query = query.where(Entry.severity == filters.severity)
    if filters.sight_id is not None:
        query = query.where(
            Entry.id.in_(select(EntrySight.entry_id).where(EntrySight.sight_id == filters.sight_id))
        )
    if filters.start is not None:
        query = query.where(Entry.day >= filters.start)
    if filters.end is not None:
        query = query.where(Entry.day <= filters.end)
    if filters.only_mine is not None:
        query = query.where(Entry.recorded_by_id == filters.only_mine)
    for word in fold(filters.text).split():
        query = query.where(
            Entry.folded.contains(word, autoescape=True)
            | Desk.folded.contains(word, autoescape=True)
            | units.c.folded.contains(word, autoescape=True)
        )
    return query


def sights_of(entry_ids: Collection[int]) -> dict[int, list[Sight]]:
    """Return what entries say was seen."""
    found: dict[int, list[Sight]] = {}
    rows = session().execute(
        select(EntrySight.entry_id, Sight)
        .join(Sight, Sight.id == EntrySight.sight_id)
        .where(EntrySight.entry_id.in_(sorted(entry_ids)))
        .order_by(Sight.position, Sight.id)
    )
    for entry_id, sight in rows:
        found.setdefault(entry_id, []).append(sight)
    return found


def find_entry(entry_id: int) -> Entry | None:
    """Return an entry that one may read."""
    return session().scalar(select(Entry).where(Entry.id == entry_id, visible(READ_LOG, Entry)))


def sight_counts(start: date, end: date, unit_id: int | None = None) -> list[tuple[Sight, int]]:
    """Return how often each thing was seen in a time; counts only, so the wider right does."""
    query = (
        select(Sight, func.count(EntrySight.entry_id))
        .join(EntrySight, EntrySight.sight_id == Sight.id)
        .join(Entry, Entry.id == EntrySight.entry_id)
        .where(visible(VIEW, Entry), Entry.day.between(start, end))
        .group_by(Sight.id)
        .order_by(func.count(EntrySight.entry_id).desc(), Sight.position)
    )
    if unit_id is not None:
        query = query.where(Entry.unit_id.in_(under(unit_id)))
    return [(row[0], row[1]) for row in session().execute(query)]


def entry_counts_by_unit(
    start: date, end: date, unit_id: int | None = None
) -> dict[int, tuple[int, int]]:
    """Return (entries, those not normal) by unit; counts only."""
    query = (
        select(
            Entry.unit_id,
            func.count(),
            func.count().filter(Entry.severity != Severity.NORMAL),
        )
        .where(visible(VIEW, Entry), Entry.day.between(start, end))
        .group_by(Entry.unit_id)
    )
    if unit_id is not None:
        query = query.where(Entry.unit_id.in_(under(unit_id)))
    return {row[0]: (row[1], row[2]) for row in session().execute(query)}


# ---------------------------------------------------------------------------------------------
# Roster


@dataclass(frozen=True)
class RosterDay:
    """A day of the roster: turns, the working hours that nobody covers, and what was written."""

    day: date
    is_working: bool
    shifts: Sequence[Any] = ()
    gaps: Sequence[Span] = ()
    # Turns that are over and in which nobody wrote anything.
    silent: frozenset[int] = field(default_factory=frozenset)
    # Turns of people who are not there to watch, and why: they leave a gap.
    away: Mapping[int, Away] = field(default_factory=dict)


def shifts_between(start: date, end: date) -> list[Any]:
    """Return the turns of days that one may see, in order."""
    return list(
        session().execute(
            select(
                Shift.id,
                Shift.day,
                Shift.starts_at,
                Shift.ends_at,
                Shift.watcher_id,
                Shift.watcher_name,
                Shift.watcher_unit_id,
                Shift.note,
                Shift.unit_id,
                units.c.name.label("unit_name"),
            )
            .join(units, units.c.id == Shift.unit_id)
            .where(visible(READ_LOG, Shift), Shift.day.between(start, end))
            .order_by(Shift.day, Shift.starts_at, units.c.sort_key, Shift.id)
        )
    )


def written_in(start: date, end: date) -> dict[tuple[date, int], list[Span]]:
    """Return when each person wrote entries about, by day."""
    found: dict[tuple[date, int], list[Span]] = {}
    rows = session().execute(
        select(Entry.day, Entry.recorded_by_id, Entry.starts_at, Entry.ends_at).where(
            visible(READ_LOG, Entry), Entry.day.between(start, end)
        )
    )
    for row in rows:
        if row.recorded_by_id is not None:
            span = Span(minutes_of(row.starts_at), minutes_of(row.ends_at))
            found.setdefault((row.day, row.recorded_by_id), []).append(span)
    return found


def is_written_of(turn: Span, written: Iterable[Span]) -> bool:
    """Tell whether something was written of a turn, or of a part of it."""
    return any(one.start < turn.end and one.end > turn.start for one in written)


def away_in(shifts: Sequence[Any], today: date) -> dict[int, Away]:
    """Return by turn why its watcher is not there; turns of people who are there are left out.

    A leave counts on its days. That an account is closed, or its person works elsewhere, is known
    of today only and says nothing of days before.
    """
    if not shifts:
        return {}
    watchers = sorted({row.watcher_id for row in shifts})
    days = [row.day for row in shifts]
    gone: dict[int, list[tuple[date, date]]] = {}
    for leave in session().execute(
        select(leaves.c.user_id, leaves.c.valid_from, leaves.c.valid_to).where(
            leaves.c.user_id.in_(watchers),
            leaves.c.valid_from <= max(days),
            leaves.c.valid_to >= min(days),
        )
    ):
        gone.setdefault(leave.user_id, []).append((leave.valid_from, leave.valid_to))
    now = {
        row.id: row
        for row in session().execute(
            select(people.c.id, people.c.is_active, people.c.unit_id).where(
                people.c.id.in_(watchers)
            )
        )
    }
    heirs = _heirs({row.watcher_unit_id for row in shifts if row.watcher_unit_id is not None})
    found: dict[int, Away] = {}
    for row in shifts:
        person = now.get(row.watcher_id)
        if any(first <= row.day <= last for first, last in gone.get(row.watcher_id, ())):
            found[row.id] = Away.ON_LEAVE
        elif row.day < today:
            continue
        elif person is None or not person.is_active:
            found[row.id] = Away.LEFT
        elif (
            row.watcher_unit_id not in {None, person.unit_id}
            and (person.unit_id, row.watcher_unit_id) not in heirs
        ):
            found[row.id] = Away.MOVED
    return found


def _heirs(unit_ids: set[int]) -> set[tuple[int, int]]:
    """Return (unit that took over, unit): who went with a unit into its successor did not move."""
    rows = session().execute(
        select(unit_closure.c.ancestor_id, unit_closure.c.descendant_id).where(
            unit_closure.c.descendant_id.in_(sorted(unit_ids)), unit_closure.c.by_succession
        )
    )
    return {(row.ancestor_id, row.descendant_id) for row in rows}


def roster(
    monday: date, days: int, hours: Sequence[Span], off: Mapping[date, bool], today: date
) -> list[RosterDay]:
    """Return days of the roster with their gaps; `off` says which days nobody works."""
    end = monday + timedelta(days=days - 1)
    by_day: dict[date, list[Any]] = {}
    for row in shifts_between(monday, end):
        by_day.setdefault(row.day, []).append(row)
    written = written_in(monday, end)
    away = away_in([row for rows in by_day.values() for row in rows], today)
    found = []
    for number in range(days):
        day = monday + timedelta(days=number)
        rows = by_day.get(day, [])
        spans = {row.id: Span(minutes_of(row.starts_at), minutes_of(row.ends_at)) for row in rows}
        unwritten = {
            row.id
            for row in rows
            if not is_written_of(spans[row.id], written.get((day, row.watcher_id), ()))
        }
        # Who wrote of the turn was there all the same.
        missing = {key: why for key, why in away.items() if key in unwritten}
        taken = [span for key, span in spans.items() if key not in missing]
        is_working = not off.get(day, False)
        found.append(
            RosterDay(
                day=day,
                is_working=is_working,
                shifts=rows,
                gaps=gaps(hours, taken, shortest=15) if is_working else (),
                silent=frozenset(unwritten - missing.keys()) if day < today else frozenset(),
                away=missing,
            )
        )
    return found


def watchers() -> list[tuple[int, str]]:
    """Return (id, name) of the active people of the units in reach, by name."""
    rows = session().execute(
        select(people.c.id, people.c.name, people.c.title)
        .where(
            people.c.is_active,
            people.c.unit_id.in_(select(units.c.id).where(visible(ROSTER, units))),
        )
        .order_by(people.c.sort_key, people.c.id)
    )
    return [(row.id, f"{row.name}, {row.title}" if row.title else row.name) for row in rows]


def my_shifts(user_id: int, start: date, end: date) -> list[Any]:
    """Return one's own turns on days."""
    return list(
        session().execute(
            select(Shift.id, Shift.day, Shift.starts_at, Shift.ends_at, units.c.name)
            .join(units, units.c.id == Shift.unit_id)
            .where(Shift.watcher_id == user_id, Shift.day.between(start, end))
            .order_by(Shift.day, Shift.starts_at)
        )
    )


def newest_own(user_id: int) -> Any:
    """Return (desk, camera) of the newest entry that a person wrote."""
    return (
        session()
        .execute(
            select(Entry.desk_id, Entry.camera_id)
            .where(Entry.recorded_by_id == user_id)
            .order_by(Entry.recorded_at.desc(), Entry.id.desc())
            .limit(1)
        )
        .one_or_none()
    )

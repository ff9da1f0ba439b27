"""The history of an assignment as period rows: what as-of questions and lists read.

`periods` is pure: it puts what was reported and decided in order of when it took effect (then of
when it was recorded) and says how the assignment stood from day to day. `rebuild` writes that,
after every new fact, be it back-dated. With `known_at` it answers what was known at a moment.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    Delete,
    Insert,
    Select,
    bindparam,
    delete,
    func,
    insert,
    inspect,
    select,
)
from sqlalchemy.orm import Session
from sqlalchemy.orm.util import identity_key

from tracker.core.db import Base, read_rows
from tracker.core.deadlines import DeadlineKind
from tracker.core.work import Work
from tracker.plans.models import (
    FOREVER,
    Assignment,
    AssignmentPeriod,
    Decision,
    EntryKind,
    Evidence,
    Extension,
    Plan,
    ProgressEntry,
    Reported,
    Task,
)
from tracker.plans.rules import Facts

CHUNK: Final = 400
# What has no record of when it was typed counts as known from the start.
LONG_AGO: Final = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """A line of the history that changes how the assignment stands."""

    kind: EntryKind
    effective_on: date
    recorded_at: datetime
    id: int = 0
    reported: Reported | None = None
    percent: int | None = None
    done_on: date | None = None
    until: date | None = None
    unit_id: int | None = None


@dataclass(frozen=True)
class Extended:
    """An approved extension: the new deadline, the day from which it holds, when that was decided.

    `old_due_on` is None where the assignment had no deadline before.
    """

    effective_on: date
    recorded_at: datetime
    new_due_on: date
    old_due_on: date | None
    id: int = 0


@dataclass(frozen=True)
class AssignmentFacts:
    """All that is known of an assignment, in any order.

    `begins_on` is the day from which it is part of its plan, None while the plan is a draft.
    `unit_id` led it at first; `withdrawn_on` is the day from which the task is no longer part.
    """

    unit_id: int
    begins_on: date | None
    original_due_on: date | None
    withdrawn_on: date | None = None
    entries: Sequence[Entry] = ()
    extensions: Sequence[Extended] = ()


@dataclass(frozen=True)
class Period:
    """How an assignment stood from a day to a day (exclusive)."""

    valid_from: date
    valid_to: date
    unit_id: int
    due_on: date | None
    reported: Reported = Reported.NOT_STARTED
    percent: int = 0
    done_on: date | None = None
    is_confirmed: bool = False
    disputed_until: date | None = None
    is_withdrawn: bool = False


def periods(facts: AssignmentFacts, known_at: datetime | None = None) -> list[Period]:
    """Return the periods of an assignment from its beginning to FOREVER, without a gap.

    `known_at` leaves out what was recorded later. Empty while the plan is a draft.
    What took effect before the beginning counts from the beginning on.
    """
    begins_on = facts.begins_on
    if begins_on is None:
        return []
    happenings = [
        (max(one.effective_on, begins_on), one.recorded_at, one.id, one)
        for one in _all(facts)
        if known_at is None or one.recorded_at <= known_at
    ]
    if facts.withdrawn_on is not None:
        day = max(facts.withdrawn_on, begins_on)
        happenings.append((day, LONG_AGO, 0, Entry(EntryKind.WITHDRAWN, day, LONG_AGO)))
    happenings.sort(key=lambda happening: happening[:3])
    now = Period(begins_on, FOREVER, facts.unit_id, _first_due(facts))
    found: list[Period] = []
    for effective_on, _recorded_at, _id, one in happenings:
        if isinstance(one, Extended):
            after = replace(now, due_on=one.new_due_on)
        else:
            after = _after(now, one, found)
        now = _turn(found, now, replace(after, valid_from=effective_on))
    return [*found, now]


def _all(facts: AssignmentFacts) -> list[Entry | Extended]:
    return [*facts.entries, *facts.extensions]


def _turn(found: list[Period], now: Period, after: Period) -> Period:
    """Close `now` where `after` begins and return what holds then; no change makes no period.

    Several happenings on one day leave how the assignment stood at the day's end.
    """
    if _same(after, now):
        return now
    if after.valid_from > now.valid_from:
        found.append(replace(now, valid_to=after.valid_from))
        return after
    if found and _same(after, found[-1]):
        return replace(found.pop(), valid_to=FOREVER)
    return after


def _same(one: Period, other: Period) -> bool:
    return replace(one, valid_from=other.valid_from, valid_to=other.valid_to) == other


def _first_due(facts: AssignmentFacts) -> date | None:
    """Return the deadline at the beginning: what the first thing that moved it moved it from."""
    movers = [
        one for one in _all(facts) if isinstance(one, Extended) or one.kind is EntryKind.TRIGGERED
    ]
    if not movers:
        return facts.original_due_on
    first = min(movers, key=lambda one: (one.effective_on, one.recorded_at, one.id))
    if isinstance(first, Extended):
        return first.old_due_on
    # A trigger gives a deadline to what had none; one without a date takes it away.
    return facts.original_due_on if first.until is None else None


def _after(now: Period, entry: Entry, found: Sequence[Period]) -> Period:
    """Return how the assignment stands once `entry` has taken effect."""
    match entry.kind:
        case EntryKind.PROGRESS:
            return _reported(now, entry)
        case EntryKind.CONFIRMED:
            return replace(now, is_confirmed=now.reported is Reported.DONE)
        case EntryKind.SENT_BACK:
            # What was claimed falls; how far the work had come before the claim is what is left.
            before = next(
                (one for one in reversed(found) if one.reported is not Reported.DONE), None
            )
            return replace(
                now,
                reported=Reported.IN_PROGRESS,
                percent=before.percent if before else 0,
                done_on=None,
                is_confirmed=False,
            )
        case EntryKind.DISPUTED:
            return replace(now, disputed_until=entry.until)
        case EntryKind.DISPUTE_DECIDED:
            return replace(now, disputed_until=None)
        case EntryKind.WITHDRAWN:
            return replace(now, is_withdrawn=True)
        case EntryKind.HANDED_OVER:
            return replace(now, unit_id=entry.unit_id or now.unit_id)
        case EntryKind.TRIGGERED:
            return replace(now, due_on=entry.until)


def _reported(now: Period, entry: Entry) -> Period:
    reported = entry.reported or now.reported
    is_done = reported is Reported.DONE
    return replace(
        now,
        reported=reported,
        percent=100 if is_done else (now.percent if entry.percent is None else entry.percent),
        done_on=(entry.done_on or entry.effective_on) if is_done else None,
        # A new report is a new claim, and is confirmed anew.
        is_confirmed=False,
    )


def period_on(found: Sequence[Period], as_of: date) -> Period | None:
    """Return the period that holds on a day."""
    return next((one for one in found if one.valid_from <= as_of < one.valid_to), None)


def facts_on(
    period: Period,
    *,
    original_due_on: date | None,
    deadline_kind: DeadlineKind,
    needs_confirmation: bool,
) -> Facts:
    """Return what the rule of status looks at, from a period and what does not change with it."""
    return Facts(
        deadline_kind=deadline_kind,
        needs_confirmation=needs_confirmation,
        original_due_on=original_due_on,
        due_on=period.due_on,
        reported=period.reported,
        done_on=period.done_on,
        is_confirmed=period.is_confirmed,
        disputed_until=period.disputed_until,
        is_withdrawn=period.is_withdrawn,
    )


# -- reading and writing ---------------------------------------------------------------------


def load_facts(session: Session, assignment_ids: Collection[int]) -> dict[int, AssignmentFacts]:
    """Return all that is known of assignments, in three queries or four."""
    return {stored.assignment.id: stored.facts for stored in _load(session, assignment_ids)}


@dataclass(frozen=True)
class _Stored:
    """An assignment, what is known of it, and whether a document proves any of its reports."""

    assignment: Assignment
    facts: AssignmentFacts
    is_proven: bool


@dataclass(frozen=True)
class _Statements:
    """What is sent for each report, made once; `ids` are the assignments."""

    entries: Select[*tuple[Any, ...]]
    extensions: Select[*tuple[Any, ...]]
    frames: Select[*tuple[Any, ...]]
    forget: Delete
    write: Insert


@cache
def _statements() -> _Statements:
    ids: BindParameter[Sequence[int]] = bindparam("ids", expanding=True)
    # Written below the ORM, which never holds these rows.
    table = Base.metadata.tables[AssignmentPeriod.__tablename__]
    return _Statements(
        entries=select(
            ProgressEntry.assignment_id,
            ProgressEntry.kind,
            ProgressEntry.effective_on,
            ProgressEntry.recorded_at,
            ProgressEntry.id,
            ProgressEntry.reported,
            ProgressEntry.percent,
            ProgressEntry.done_on,
            ProgressEntry.until,
            ProgressEntry.unit_id,
        ).where(ProgressEntry.assignment_id.in_(ids)),
        extensions=select(
            Extension.assignment_id,
            Extension.decided_on,
            Extension.decided_at,
            Extension.new_due_on,
            Extension.old_due_on,
            Extension.id,
        ).where(Extension.assignment_id.in_(ids), Extension.state == Decision.APPROVED),
        frames=select(
            Assignment.id,
            func.coalesce(Assignment.begins_on, Task.valid_from, Plan.issued_on),
            Task.withdrawn_on,
            select(Evidence.id).where(Evidence.assignment_id == Assignment.id).exists(),
            select(Extension.id)
            .where(Extension.assignment_id == Assignment.id, Extension.state == Decision.APPROVED)
            .exists(),
        )
        .join(Task, Task.id == Assignment.task_id)
        .join(Plan, Plan.id == Task.plan_id)
        .where(Assignment.id.in_(ids)),
        forget=delete(table).where(table.c.assignment_id.in_(ids)),
        write=insert(table),
    )


def _load(session: Session, assignment_ids: Collection[int]) -> list[_Stored]:
    asked = {"ids": sorted(set(assignment_ids))}
    statements = _statements()
    entries: dict[int, list[Entry]] = {}
    for key, *values in read_rows(session, statements.entries, asked):
        entries.setdefault(key, []).append(Entry(*values))
    frames = read_rows(session, statements.frames, asked).all()
    extended = [key for key, *_others, is_extended in frames if is_extended]
    extensions: dict[int, list[Extended]] = {}
    if extended:
        for key, *values in read_rows(session, statements.extensions, {"ids": extended}):
            # Approval has set the day and the moment of the decision.
            extensions.setdefault(key, []).append(Extended(*values))
    assignments = _assignments(session, asked["ids"])
    found: list[_Stored] = []
    for key, begins_on, withdrawn_on, is_proven, _is_extended in frames:
        assignment = assignments[key]
        unit_id, own = _with_receivers(assignment.unit_id, entries.get(key, []))
        facts = AssignmentFacts(
            unit_id=unit_id,
            begins_on=begins_on,
            original_due_on=assignment.original_due_on,
            withdrawn_on=withdrawn_on,
            entries=own,
            extensions=extensions.get(key, []),
        )
        found.append(_Stored(assignment, facts, bool(is_proven)))
    return found


def _assignments(session: Session, ids: Sequence[int]) -> dict[int, Assignment]:
    """Return assignments by key: those that the session holds already, the others in one query.

    One that a bulk update has expired is read with the others, not by itself at its first use.
    """
    held = {
        key: record
        for key in ids
        if (record := session.identity_map.get(identity_key(Assignment, key))) is not None
        and not inspect(record).expired
    }
    others = [key for key in ids if key not in held]
    if others:
        found = session.scalars(select(Assignment).where(Assignment.id.in_(others)))
        held.update((record.id, record) for record in found)
    return held


def _with_receivers(unit_id: int, entries: Sequence[Entry]) -> tuple[int, Sequence[Entry]]:
    """Return who led at first, and the entries with hand-overs naming who received.

    A stored hand-over names the unit that gave; who received is the giver of the next one, and
    after the last of them the unit that leads now.
    """
    handed = sorted(
        (one for one in entries if one.kind is EntryKind.HANDED_OVER),
        key=lambda one: (one.effective_on, one.recorded_at, one.id),
    )
    if not handed:
        return unit_id, entries
    receivers = [*(one.unit_id for one in handed[1:]), unit_id]
    others = [one for one in entries if one.kind is not EntryKind.HANDED_OVER]
    named = [
        replace(one, unit_id=receiver) for one, receiver in zip(handed, receivers, strict=True)
    ]
    return handed[0].unit_id or unit_id, [*others, *named]


def rebuild(work: Work, assignment_ids: Collection[int]) -> None:
    """Write the periods of assignments anew, and the current state that their rows repeat."""
    ids = sorted(set(assignment_ids))
    work.session.flush()
    for start in range(0, len(ids), CHUNK):
        _rebuild(work, ids[start : start + CHUNK])


def _rebuild(work: Work, ids: Sequence[int]) -> None:
    session = work.session
    written: list[dict[str, Any]] = []
    for stored in _load(session, ids):
        assignment, facts = stored.assignment, stored.facts
        found = periods(facts)
        written += [{"assignment_id": assignment.id, **vars(period)} for period in found]
        if found:
            _repeat(assignment, facts, found)
        assignment.has_evidence = stored.is_proven
    connection = session.connection()
    connection.execute(_statements().forget, {"ids": ids})
    if written:
        connection.execute(_statements().write, written)
    session.flush()


def _repeat(assignment: Assignment, facts: AssignmentFacts, found: Sequence[Period]) -> None:
    """Repeat the newest period in the assignment's own columns."""
    last = found[-1]
    assignment.due_on = last.due_on
    assignment.reported = last.reported
    assignment.percent = last.percent
    assignment.done_on = last.done_on
    assignment.disputed_until = last.disputed_until
    assignment.extension_count = len(facts.extensions)
    assignment.withdrawn_on = next((one.valid_from for one in found if one.is_withdrawn), None)
    confirmed = [one.effective_on for one in facts.entries if one.kind is EntryKind.CONFIRMED]
    assignment.confirmed_on = max(confirmed) if last.is_confirmed and confirmed else None
    reports = [one.recorded_at for one in facts.entries if one.kind is EntryKind.PROGRESS]
    assignment.last_reported_at = max(reports, default=None)

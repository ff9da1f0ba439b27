"""The ladder: who is told of a deadline, so many working days before or after it.

Each night (on working days) the rungs that are due are taken: a row for each assignment and person
says why, when and to whom. Then each person gets one notice for each rung, whether it speaks of one
task or of a hundred. Both steps can be cut off anywhere and begun again: rows are unique, and a
row without its notice is found by that.

A rung is taken within `WINDOW` working days of its day, never later: old backlogs, known to all,
don't flood people on the day a ladder is changed. It rests while a dispute or a request for a later
deadline waits for its decision, and while a pause with an accepted reason lasts. Another deadline
begins the ladder anew.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import and_, exists, func, or_, select, tuple_, update
from sqlalchemy.orm import Session

from tracker.accounts.models import User
from tracker.core.calendar import WorkingCalendar
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.rights import Role
from tracker.core.work import Work, run
from tracker.notices.audience import deputies_on, nearest
from tracker.notices.escalation_models import (
    Audience,
    EscalationPause,
    EscalationRung,
    EscalationStep,
)
from tracker.notices.reach import Reach, new_reach
from tracker.notices.services import NewNotice, write
from tracker.outbox.rows import insert_new
from tracker.plans.models import (
    Assignment,
    Decision,
    Extension,
    Plan,
    PlanState,
    Reported,
    Task,
)
from tracker.plans.notices import shorten
from tracker.plugins.descriptors import JobCall
from tracker.settings.queries import working_calendar
from tracker.units.models import Unit

WINDOW: Final = 5
CHUNK: Final = 500
PEOPLE_AT_ONCE: Final = 200
ASSIGNMENTS_AT_ONCE: Final = 2000
NAMED: Final = 5

ROLES: Final = {
    Audience.OFFICER: Role.OFFICER,
    Audience.HEAD: Role.HEAD,
    Audience.COORDINATOR: Role.COORDINATOR,
    Audience.LEADER: Role.LEADER,
}


@dataclass(frozen=True)
class Rung:
    """A rung as plain values, and the deadlines (first, last) for which it is taken today."""

    id: int
    offset: int
    audience: Audience
    first: date
    last: date


def rung_day(calendar: WorkingCalendar, due_on: date, offset: int) -> date:
    """Return the day on which a rung of this offset comes for a deadline."""
    return calendar.add_working_days(due_on, offset)


def window(calendar: WorkingCalendar, offset: int, today: date) -> tuple[date, date] | None:
    """Return the first and last deadline whose rung comes today or came `WINDOW` days ago.

    None when today is no day for it. What is reminded of beforehand is not overdue yet, and what
    is told of as overdue is.
    """
    earliest = calendar.add_working_days(today, -WINDOW)
    # The day of a rung grows with its deadline, so both ends are found by going back from it.
    last = _latest_due(calendar, offset, today)
    first = _latest_due(calendar, offset, earliest)
    first = date.fromordinal(first.toordinal() + 1)
    if offset <= 0:
        first = max(first, today)
    return (first, last) if first <= last else None


def _latest_due(calendar: WorkingCalendar, offset: int, day: date) -> date:
    """Return the latest deadline whose rung comes on `day` or before."""
    # Off days between working days only stretch the distance: a year is far enough on both sides.
    low, high = day.toordinal() - 400, day.toordinal() + 400
    while low < high:
        middle = (low + high + 1) // 2
        if rung_day(calendar, date.fromordinal(middle), offset) <= day:
            low = middle
        else:
            high = middle - 1
    return date.fromordinal(low)


def rungs_of(session: Session, calendar: WorkingCalendar, today: date) -> list[Rung]:
    """Return the rungs that can be taken today."""
    found: list[Rung] = []
    rows = session.execute(
        select(EscalationRung.id, EscalationRung.offset_days, EscalationRung.audience)
        .where(EscalationRung.is_active.is_(True))
        .order_by(EscalationRung.offset_days, EscalationRung.id)
    )
    for row in rows:
        days = window(calendar, row.offset_days, today)
        if days is not None:
            found.append(Rung(row.id, row.offset_days, row.audience, *days))
    return found


# -- the rows ------------------------------------------------------------------------------------


@dataclass
class Duties:
    """Who is told for a unit, by level; read once for each unit."""

    today: date
    known: dict[tuple[Audience, int], set[int]] = field(default_factory=dict)

    def learn(self, session: Session, audience: Audience, unit_ids: Collection[int]) -> None:
        """Read what is not known yet of these units."""
        new = [unit for unit in set(unit_ids) if (audience, unit) not in self.known]
        if not new:
            return
        people = nearest(session, new, [ROLES[audience]], self.today)
        for unit in new:
            self.known[audience, unit] = people.get(unit, set())

    def of(self, audience: Audience, unit_id: int) -> set[int]:
        """Return who is told for a unit."""
        return self.known[audience, unit_id]


@dataclass(frozen=True)
class TakeChunk:
    """The assignments after a place (deadline, key) for which one rung is to be taken."""

    rung: Rung
    after: tuple[date, int]
    duties: Duties
    calendar: WorkingCalendar
    call: JobCall | None
    done: int
    total: int


@dataclass(frozen=True)
class Taken:
    """Where a chunk ended (None: there was nothing left), how many it looked at, rows written."""

    last: tuple[date, int] | None
    looked_at: int
    written: int


def open_assignments(rung: Rung, today: date) -> Any:
    """Return the condition of assignments of which a rung tells today."""
    waits = (
        exists()
        .where(Extension.assignment_id == Assignment.id, Extension.state == Decision.PENDING)
        .correlate(Assignment)
    )
    paused = (
        exists()
        .where(EscalationPause.assignment_id == Assignment.id, EscalationPause.until >= today)
        .correlate(Assignment)
    )
    return and_(
        Assignment.due_on.between(rung.first, rung.last),
        Assignment.reported != Reported.DONE,
        or_(Assignment.withdrawn_on.is_(None), Assignment.withdrawn_on > today),
        or_(Assignment.disputed_until.is_(None), Assignment.disputed_until < today),
        or_(Task.withdrawn_on.is_(None), Task.withdrawn_on > today),
        Plan.state == PlanState.ISSUED,
        ~waits,
        ~paused,
    )


def take_chunk(work: Work, data: TakeChunk) -> Taken:
    """Write the rows of one rung for the next assignments."""
    rung = data.rung
    rows = work.session.execute(
        select(
            Assignment.id,
            Assignment.unit_id,
            # Who has left is told nothing: the unit's people are, as if nobody were named.
            User.id.label("person_id"),
            Assignment.due_on,
        )
        .join(Task, Task.id == Assignment.task_id)
        .join(Plan, Plan.id == Task.plan_id)
        .outerjoin(User, and_(User.id == Assignment.person_id, User.is_active.is_(True)))
        .where(
            open_assignments(rung, work.today),
            # The order of the index on deadlines: each chunk goes on where the last one ended.
            tuple_(Assignment.due_on, Assignment.id) > tuple_(*data.after),
        )
        .order_by(Assignment.due_on, Assignment.id)
        .limit(CHUNK)
    ).all()
    if not rows:
        return Taken(None, 0, 0)
    data.duties.learn(work.session, rung.audience, [row.unit_id for row in rows])
    if rung.audience is Audience.OFFICER:
        # Where a unit names no officer, its head does the work or knows who does.
        without = [row.unit_id for row in rows if not data.duties.of(rung.audience, row.unit_id)]
        data.duties.learn(work.session, Audience.HEAD, without)
    distances = {
        day: data.calendar.working_days_between(day, work.today)
        for day in {row.due_on for row in rows}
    }
    steps: list[dict[str, Any]] = []
    for row in rows:
        for user_id in _told(data.duties, rung.audience, row.unit_id, row.person_id):
            steps.append(
                {
                    "assignment_id": row.id,
                    "due_on": row.due_on,
                    "rung_id": rung.id,
                    "user_id": user_id,
                    "distance": distances[row.due_on],
                    "taken_on": work.today,
                }
            )
    written = insert_new(work.session, EscalationStep, steps)
    if data.call is not None:
        data.call.step(work, data.done + len(rows), data.total)
    return Taken((rows[-1].due_on, rows[-1].id), len(rows), written)


def _told(duties: Duties, audience: Audience, unit_id: int, person_id: int | None) -> set[int]:
    if audience is Audience.OFFICER:
        if person_id is not None:
            return {person_id}
        return duties.of(audience, unit_id) or duties.of(Audience.HEAD, unit_id)
    return duties.of(audience, unit_id)


# -- the notices ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class TellChunk:
    """People whose rows have no notice yet."""

    user_ids: Sequence[int]
    reach: Reach


def tell_chunk(work: Work, data: TellChunk) -> int:
    """Write for each of these people one notice for each rung and day; return how many."""
    unsent = (EscalationStep.user_id.in_(data.user_ids), EscalationStep.sent_at.is_(None))
    active = set(
        work.session.scalars(
            select(User.id).where(User.id.in_(data.user_ids), User.is_active.is_(True))
        )
    )
    place = (EscalationStep.user_id, EscalationStep.rung_id, EscalationStep.taken_on)
    counts = work.session.execute(
        select(
            *place,
            EscalationRung.offset_days,
            EscalationRung.audience,
            func.count().label("count"),
            func.min(EscalationStep.id).label("first_id"),
            func.count(Assignment.unit_id.distinct()).label("units"),
        )
        .join(EscalationRung, EscalationRung.id == EscalationStep.rung_id)
        .join(Assignment, Assignment.id == EscalationStep.assignment_id)
        .where(*unsent)
        .group_by(*place, EscalationRung.offset_days, EscalationRung.audience)
        .order_by(*place)
    ).all()
    named = _named(work.session, data.user_ids)
    deputies = deputies_on(work.session, active, work.today)
    notices: list[NewNotice] = []
    for row in counts:
        if row.user_id not in active:
            continue
        one = _notice(row, named[row.user_id, row.rung_id, row.taken_on])
        notices.append(one)
        for deputy in deputies.get(row.user_id, ()):
            # Two people's deputy is told for each of them.
            key = f"{one.key}:{row.user_id}"
            notices.append(replace(one, user_id=deputy, represents_id=row.user_id, key=key))
    written = write(work, notices, data.reach)
    work.session.execute(update(EscalationStep).where(*unsent).values(sent_at=work.now))
    return written


def key_prefix(rung_id: int, taken_on: date) -> str:
    """Return how the key begins by which a person was told of a rung on a day."""
    return f"ladder:{rung_id}:{taken_on.isoformat()}:"


def _named(session: Session, user_ids: Sequence[int]) -> dict[tuple[int, int, date], list[Any]]:
    """Return the first tasks of each person's rung, those with the earliest deadline."""
    number = func.row_number().over(
        partition_by=(EscalationStep.user_id, EscalationStep.rung_id, EscalationStep.taken_on),
        order_by=(EscalationStep.due_on, EscalationStep.id),
    )
    steps = (
        select(
            EscalationStep.user_id,
            EscalationStep.rung_id,
            EscalationStep.taken_on,
            EscalationStep.assignment_id,
            EscalationStep.due_on,
            number.label("number"),
        )
        .where(EscalationStep.user_id.in_(user_ids), EscalationStep.sent_at.is_(None))
        .subquery()
    )
    rows = session.execute(
        select(
            steps.c.user_id,
            steps.c.rung_id,
            steps.c.taken_on,
            steps.c.due_on,
            Task.id.label("task_id"),
            Task.title,
            Plan.title.label("plan"),
            Unit.name,
            Unit.short_name,
        )
        .join(Assignment, Assignment.id == steps.c.assignment_id)
        .join(Task, Task.id == Assignment.task_id)
        .join(Plan, Plan.id == Task.plan_id)
        .join(Unit, Unit.id == Assignment.unit_id)
        .where(steps.c.number <= NAMED)
        .order_by(steps.c.user_id, steps.c.rung_id, steps.c.taken_on, steps.c.number)
    )
    found: dict[tuple[int, int, date], list[Any]] = {}
    for row in rows:
        found.setdefault((row.user_id, row.rung_id, row.taken_on), []).append(row)
    return found


def _notice(row: Any, named: Sequence[Any]) -> NewNotice:
    is_late = row.offset_days > 0
    kind = "plans.overdue" if is_late else "plans.due_soon"
    # Run again by hand on the same day, the job tells of what came since.
    key = f"{key_prefix(row.rung_id, row.taken_on)}{row.first_id}"
    first = named[0]
    if row.count == 1:
        return NewNotice(
            user_id=row.user_id,
            kind=kind,
            key=key,
            page=("plans.show_task", {"task_id": first.task_id}),
            params={
                "task": shorten(first.title),
                "plan": shorten(first.plan),
                "unit": first.short_name or first.name,
                "due_on": first.due_on.isoformat(),
                "on": row.taken_on.isoformat(),
            },
        )
    if row.audience in (Audience.COORDINATOR, Audience.LEADER):
        page: tuple[str, dict[str, Any]] = ("notices.list_units", {})
    else:
        page = ("plans.list_tasks", {"status": "overdue" if is_late else "due_soon"})
    return NewNotice(
        user_id=row.user_id,
        kind=kind,
        key=key,
        page=page,
        params={
            "count": row.count,
            "units": row.units,
            "days": abs(row.offset_days),
            "titles": [shorten(one.title) for one in named],
        },
    )


# -- the job -------------------------------------------------------------------------------------


def remind(call: JobCall | None) -> str:
    """Take the rungs that are due today and tell everybody; return what was done.

    Without a `call` nobody is told how far it is: for the demo and for measurements.
    """
    context = current()
    today = context.clock.today()
    calendar = working_calendar()
    _note_all_acts()
    if not calendar.is_working(today):
        tell_all(new_reach())
        return str(_("Hôm nay không phải ngày làm việc."))
    rungs = rungs_of(db.session(), calendar, today)
    totals = [
        db.session.execute(
            select(func.count())
            .select_from(Assignment)
            .join(Task, Task.id == Assignment.task_id)
            .join(Plan, Plan.id == Task.plan_id)
            .where(open_assignments(rung, today))
        ).scalar_one()
        for rung in rungs
    ]
    duties = Duties(today)
    done = written = 0
    for rung in rungs:
        after: tuple[date, int] | None = (rung.first, 0)
        while after is not None:
            taken = run(
                take_chunk, TakeChunk(rung, after, duties, calendar, call, done, sum(totals))
            )
            after, done, written = taken.last, done + taken.looked_at, written + taken.written
    told = tell_all(new_reach())
    return " ".join(
        (
            str(ngettext("%(num)d lượt nhắc mới.", "%(num)d lượt nhắc mới.", written)),
            str(ngettext("%(num)d thông báo.", "%(num)d thông báo.", told)),
        )
    )


def tell_all(reach: Reach) -> int:
    """Write the notices of all rows that have none yet, some people at a time."""
    told, after = 0, 0
    while True:
        ids = db.session.scalars(
            select(EscalationStep.user_id)
            .where(EscalationStep.sent_at.is_(None), EscalationStep.user_id > after)
            .group_by(EscalationStep.user_id)
            .order_by(EscalationStep.user_id)
            .limit(PEOPLE_AT_ONCE)
        ).all()
        if not ids:
            return told
        told += run(tell_chunk, TellChunk(ids, reach))
        after = ids[-1]


def _note_all_acts() -> None:
    """Note what was done about the steps, some assignments at a time."""
    after: int | None = 0
    while after is not None:
        after = run(note_acts, after)


def note_acts(work: Work, after: int) -> int | None:
    """Note for each step the first report or request that came after it.

    Takes the next assignments after this one that somebody waits for; returns the last of them,
    None when there are no more.
    """
    waiting = (EscalationStep.acted_at.is_(None), EscalationStep.sent_at.is_not(None))
    ids = work.session.scalars(
        select(EscalationStep.assignment_id)
        .where(*waiting, EscalationStep.assignment_id > after)
        .group_by(EscalationStep.assignment_id)
        .order_by(EscalationStep.assignment_id)
        .limit(ASSIGNMENTS_AT_ONCE)
    ).all()
    if not ids:
        return None
    reported = (
        select(Assignment.last_reported_at)
        .where(Assignment.id == EscalationStep.assignment_id)
        .correlate(EscalationStep)
        .scalar_subquery()
    )
    asked = (
        select(func.min(Extension.requested_at))
        .where(
            Extension.assignment_id == EscalationStep.assignment_id,
            Extension.requested_at > EscalationStep.sent_at,
        )
        .correlate(EscalationStep)
        .scalar_subquery()
    )
    these = EscalationStep.assignment_id.between(ids[0], ids[-1])
    for moment in (reported, asked):
        work.session.execute(
            update(EscalationStep)
            .where(*waiting, these, moment > EscalationStep.sent_at)
            .values(acted_at=moment)
            .execution_options(synchronize_session=False)
        )
    return ids[-1]

"""Reading the ladder: its rungs, and what came of each step: opened, acted on, or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select

from tracker.accounts.models import User
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.rights import rights
from tracker.notices.escalation_models import (
    Audience,
    EscalationPause,
    EscalationRung,
    EscalationStep,
)
from tracker.notices.ladder import key_prefix
from tracker.notices.models import Notice
from tracker.notices.permissions import UNANSWERED
from tracker.plans.models import Assignment, Reported, Task, Urge
from tracker.units.models import Unit

# Older steps are history: what they asked for shows in the figures by now.
LOOK_BACK: Final = timedelta(days=90)


def rungs() -> Sequence[EscalationRung]:
    """Return the rungs in their order."""
    return db.session.scalars(
        select(EscalationRung).order_by(EscalationRung.offset_days, EscalationRung.id)
    ).all()


def _open(since: datetime) -> ColumnElement[bool]:
    """Return the condition of steps that wait for something to be done."""
    return and_(
        EscalationStep.acted_at.is_(None),
        EscalationStep.sent_at >= since,
        Assignment.reported != Reported.DONE,
        Assignment.withdrawn_on.is_(None),
        # The nightly job notes what was done; until then the newest report tells.
        or_(
            Assignment.last_reported_at.is_(None),
            Assignment.last_reported_at <= EscalationStep.sent_at,
        ),
    )


def _since() -> datetime:
    return current().clock.now() - LOOK_BACK


def _reach() -> ColumnElement[bool]:
    return rights.visible(current().actor.access, UNANSWERED, Assignment)


@dataclass(frozen=True)
class UnitCount:
    """How a unit answers: reminders and urges that nothing came of."""

    unit_id: int
    name: str
    tasks: int
    steps: int
    oldest: datetime | None
    urges: int
    late_urges: int


def unit_counts() -> list[UnitCount]:
    """Return the units with unanswered reminders or urges, the worst first."""
    steps = {
        row.unit_id: row
        for row in db.session.execute(
            select(
                Assignment.unit_id,
                func.count(EscalationStep.assignment_id.distinct()).label("tasks"),
                func.count().label("steps"),
                func.min(EscalationStep.sent_at).label("oldest"),
            )
            .select_from(EscalationStep)
            .join(Assignment, Assignment.id == EscalationStep.assignment_id)
            .where(_open(_since()), _reach())
            .group_by(Assignment.unit_id)
        )
    }
    is_late = Urge.reply_by < current().clock.today()
    urged = {
        row.unit_id: row
        for row in db.session.execute(
            select(
                Assignment.unit_id,
                func.count().label("urges"),
                func.sum(case((is_late, 1), else_=0)).label("late"),
            )
            .select_from(Urge)
            .join(Assignment, Assignment.id == Urge.assignment_id)
            .where(Urge.answered_at.is_(None), _reach())
            .group_by(Assignment.unit_id)
        )
    }
    ids = sorted({*steps, *urged})
    names = {
        row.id: row.name
        for row in db.session.execute(select(Unit.id, Unit.name).where(Unit.id.in_(ids)))
    }
    found = [
        UnitCount(
            unit_id=unit_id,
            name=names[unit_id],
            tasks=steps[unit_id].tasks if unit_id in steps else 0,
            steps=steps[unit_id].steps if unit_id in steps else 0,
            oldest=steps[unit_id].oldest if unit_id in steps else None,
            urges=urged[unit_id].urges if unit_id in urged else 0,
            late_urges=urged[unit_id].late if unit_id in urged else 0,
        )
        for unit_id in ids
    ]
    return sorted(found, key=lambda one: (-one.tasks, -one.late_urges, -one.urges, one.name))


def unanswered() -> tuple[int, int]:
    """Return how many tasks with unanswered reminders there are within reach, and in how many
    units: for the overview. One query.
    """
    row = db.session.execute(
        select(
            func.count(EscalationStep.assignment_id.distinct()),
            func.count(Assignment.unit_id.distinct()),
        )
        .select_from(EscalationStep)
        .join(Assignment, Assignment.id == EscalationStep.assignment_id)
        .where(_open(_since()), _reach())
    ).one()
    return row[0], row[1]


@dataclass(frozen=True)
class StepRow:
    """One step as its page shows it: why, when, to whom, and what came of it."""

    assignment_id: int
    task_id: int
    title: str
    unit_name: str
    due_on: date
    offset: int
    audience: Audience
    distance: int
    to_whom: str
    sent_at: datetime
    opened_at: datetime | None
    # False where there is no notice (any more) that tells whether it was read.
    is_opening_known: bool
    acted_at: datetime | None
    paused_until: date | None


def steps_query(unit_id: int, *, only_open: bool) -> Select[Any]:
    """Return the steps about a unit's work within reach, newest first."""
    paused = (
        select(func.max(EscalationPause.until))
        .where(
            EscalationPause.assignment_id == Assignment.id,
            EscalationPause.until >= current().clock.today(),
        )
        .correlate(Assignment)
        .scalar_subquery()
    )
    columns: list[Any] = [
        EscalationStep.assignment_id,
        EscalationStep.rung_id,
        EscalationStep.user_id,
        EscalationStep.due_on,
        EscalationStep.distance,
        EscalationStep.taken_on,
        EscalationStep.sent_at,
        EscalationStep.acted_at,
        EscalationRung.offset_days,
        EscalationRung.audience,
        Assignment.last_reported_at,
        Task.id.label("task_id"),
        Task.title,
        Unit.name.label("unit_name"),
        User.name.label("to_whom"),
        paused.label("paused_until"),
    ]
    query = (
        select(*columns)
        .select_from(EscalationStep)
        .join(EscalationRung, EscalationRung.id == EscalationStep.rung_id)
        .join(Assignment, Assignment.id == EscalationStep.assignment_id)
        .join(Task, Task.id == Assignment.task_id)
        .join(Unit, Unit.id == Assignment.unit_id)
        .join(User, User.id == EscalationStep.user_id)
        .where(Assignment.unit_id == unit_id, EscalationStep.sent_at.is_not(None), _reach())
        .order_by(EscalationStep.sent_at.desc(), EscalationStep.id.desc())
    )
    return query.where(_open(_since())) if only_open else query


def step_rows(rows: Sequence[Any]) -> list[StepRow]:
    """Return rows of `steps_query` with when each was opened, read from its notice. One query."""
    moments = {row.sent_at for row in rows}
    opened: dict[tuple[int, str, datetime], datetime | None] = {}
    if rows:
        for one in db.session.execute(
            select(Notice.user_id, Notice.key, Notice.created_at, Notice.read_at).where(
                Notice.user_id.in_({row.user_id for row in rows}),
                Notice.created_at.in_(moments),
                Notice.key.startswith("ladder:"),
            )
        ):
            prefix = one.key.rpartition(":")[0] + ":"
            opened[one.user_id, prefix, one.created_at] = one.read_at
    return [
        StepRow(
            assignment_id=row.assignment_id,
            task_id=row.task_id,
            title=row.title,
            unit_name=row.unit_name,
            due_on=row.due_on,
            offset=row.offset_days,
            audience=row.audience,
            distance=row.distance,
            to_whom=row.to_whom,
            sent_at=row.sent_at,
            opened_at=opened.get(_place(row)),
            is_opening_known=_place(row) in opened,
            acted_at=row.acted_at or _acted(row),
            paused_until=row.paused_until,
        )
        for row in rows
    ]


def _place(row: Any) -> tuple[int, str, datetime]:
    """Return by which notice a step was told: its person, rung, day and moment."""
    return row.user_id, key_prefix(row.rung_id, row.taken_on), row.sent_at


def _acted(row: Any) -> datetime | None:
    reported: datetime | None = row.last_reported_at
    return reported if reported is not None and reported > row.sent_at else None

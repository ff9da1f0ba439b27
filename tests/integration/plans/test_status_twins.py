"""The rule of status in Python and in SQL give the same answer over random histories."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count

from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests.factories.plans import ISSUED_ON, make_plan, make_task
from tests.factories.units import make_unit
from tracker.core.context import SYSTEM_ACTOR, Context, acting
from tracker.core.db import db
from tracker.core.deadlines import DeadlineKind
from tracker.core.work import Work, run
from tracker.plans import history, rules
from tracker.plans.models import (
    Assignment,
    AssignmentPeriod,
    Decision,
    EntryKind,
    Extension,
    Plan,
    ProgressEntry,
    Reported,
    Task,
)

SPAN = 40
days = st.integers(-5, SPAN).map(lambda number: ISSUED_ON + timedelta(days=number))
moments = st.integers(0, SPAN * 24).map(
    lambda hours: datetime(2026, 1, 15, tzinfo=UTC) + timedelta(hours=hours)
)
optional_days = st.none() | days

# Hand-overs need a unit each; they are tested in test_history.
KINDS = [kind for kind in EntryKind if kind is not EntryKind.HANDED_OVER]


@st.composite
def entries(draw: st.DrawFn) -> dict[str, object]:
    kind = draw(st.sampled_from([EntryKind.PROGRESS, EntryKind.PROGRESS, *KINDS]))
    values: dict[str, object] = {
        "kind": kind,
        "effective_on": draw(days),
        "recorded_at": draw(moments),
    }
    if kind is EntryKind.PROGRESS:
        values["reported"] = draw(st.sampled_from(Reported))
        values["percent"] = draw(st.integers(0, 100))
        values["done_on"] = draw(optional_days) if values["reported"] is Reported.DONE else None
    if kind in (EntryKind.DISPUTED, EntryKind.TRIGGERED):
        values["until"] = draw(days if kind is EntryKind.DISPUTED else optional_days)
    return values


extensions = st.fixed_dictionaries(
    {
        "old_due_on": optional_days,
        "new_due_on": days,
        "decided_on": days,
        "decided_at": moments,
        "state": st.sampled_from([Decision.APPROVED, Decision.APPROVED, Decision.REFUSED]),
    }
)


@dataclass(frozen=True)
class Story:
    kind: DeadlineKind
    confirms: bool
    original_due_on: date | None
    entries: list[dict[str, object]]
    extensions: list[dict[str, object]]


stories = st.builds(
    Story,
    st.sampled_from(DeadlineKind),
    st.booleans(),
    optional_days,
    st.lists(entries(), max_size=5),
    st.lists(extensions, max_size=2),
)


# Which histories are drawn depends on what else is loaded; the rarest status is there at any rate.
DONE_LATE = Story(
    DeadlineKind.DATE,
    confirms=False,
    original_due_on=ISSUED_ON + timedelta(days=5),
    entries=[
        {
            "kind": EntryKind.PROGRESS,
            "effective_on": ISSUED_ON + timedelta(days=10),
            "recorded_at": datetime(2026, 1, 25, tzinfo=UTC),
            "reported": Reported.DONE,
            "percent": 100,
            "done_on": ISSUED_ON + timedelta(days=10),
        }
    ],
    extensions=[],
)


@dataclass(frozen=True)
class Told:
    stories: list[Story]
    tasks: dict[tuple[DeadlineKind, bool], int]
    unit: int
    numbers: count[int]


def write(work: Work, data: Told) -> list[int]:
    keys = []
    for story in data.stories:
        assignment = Assignment(
            task_id=data.tasks[story.kind, story.confirms],
            unit_id=data.unit,
            occurrence=next(data.numbers),
            original_due_on=story.original_due_on,
        )
        work.session.add(assignment)
        work.session.flush()
        keys.append(assignment.id)
        for values in story.entries:
            work.session.add(ProgressEntry(assignment_id=assignment.id, **values))
        for values in story.extensions:
            work.session.add(
                Extension(
                    assignment_id=assignment.id,
                    reason="…",
                    requested_at=values["decided_at"],
                    **values,
                )
            )
    history.rebuild(work, keys)
    return keys


def test_python_and_sql_agree_on_random_histories(app: Flask) -> None:
    with app.app_context():
        unit = make_unit("Phòng Nội vụ")
        tasks = {
            (kind, confirms): make_task(plan, unit, kind=kind, assigned=False)
            for confirms in (False, True)
            for plan in [make_plan(unit, needs_confirmation=confirms)]
            for kind in DeadlineKind
        }
        numbers = count(1)
        seen = {"histories": 0, "statuses": set()}

        @example(told=[DONE_LATE], as_of=ISSUED_ON + timedelta(days=20), due_soon_days=3)
        @given(
            told=st.lists(stories, min_size=35, max_size=45),
            as_of=days,
            due_soon_days=st.integers(0, 10),
        )
        @settings(max_examples=60, suppress_health_check=list(HealthCheck))
        def agree(told: list[Story], as_of: date, due_soon_days: int) -> None:
            with acting(Context(SYSTEM_ACTOR)):
                keys = run(write, Told(told, tasks, unit, numbers))
            known = history.load_facts(db.session, keys)
            expected = {}
            for key, story in zip(keys, told, strict=True):
                period = history.period_on(history.periods(known[key]), as_of)
                if period is not None:
                    expected[key] = rules.status(
                        history.facts_on(
                            period,
                            original_due_on=story.original_due_on,
                            deadline_kind=story.kind,
                            needs_confirmation=story.confirms,
                        ),
                        as_of,
                        due_soon_days,
                    )
            statement = (
                select(
                    Assignment.id,
                    rules.status_sql(rules.period_columns(), as_of, due_soon_days),
                )
                .join(Task, Task.id == Assignment.task_id)
                .join(Plan, Plan.id == Task.plan_id)
                .join(AssignmentPeriod, AssignmentPeriod.assignment_id == Assignment.id)
                .where(
                    Assignment.id.in_(keys),
                    AssignmentPeriod.valid_from <= as_of,
                    AssignmentPeriod.valid_to > as_of,
                )
            )
            assert {key: rules.Status(value) for key, value in db.session.execute(statement)} == (
                expected
            )
            _newest_agrees_with_current_columns(keys, due_soon_days)
            seen["histories"] += len(told)
            seen["statuses"].update(expected.values())

        agree()
        assert seen["histories"] > 2000
        assert seen["statuses"] == set(rules.Status)


def _newest_agrees_with_current_columns(keys: list[int], due_soon_days: int) -> None:
    """Lists about today read the assignment's own columns: they repeat the newest period."""
    last = ISSUED_ON + timedelta(days=SPAN)
    columns = [
        rules.status_sql(columns, last, due_soon_days)
        for columns in (rules.period_columns(), rules.current_columns(last))
    ]
    rows = db.session.execute(
        select(*columns)
        .select_from(Assignment)
        .join(Task, Task.id == Assignment.task_id)
        .join(Plan, Plan.id == Task.plan_id)
        .join(AssignmentPeriod, AssignmentPeriod.assignment_id == Assignment.id)
        .where(
            Assignment.id.in_(keys),
            AssignmentPeriod.valid_from <= last,
            AssignmentPeriod.valid_to > last,
        )
    ).all()
    assert len(rows) == len(keys)
    assert all(by_period == by_current for by_period, by_current in rows)

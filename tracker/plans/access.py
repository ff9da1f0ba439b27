"""To which units plans, rows and assignments belong: for one record, and the same as SQL filter.

Writing belongs to whoever answers: the issuing unit for a plan and its rows, the lead unit (and
the named person) for an assignment. Reading also belongs to the units that lead or coordinate.
A draft is read where it is written only.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session, object_session

from tracker.core.rights import RecordScope
from tracker.plans.models import (
    Assignment,
    AssignmentPeriod,
    Plan,
    PlanState,
    Task,
    TaskCoordinator,
    TaskLead,
)

Units = Select[int]


def _session(record: object) -> Session:
    session = object_session(record)
    if session is None:
        raise RuntimeError("a record outside a session belongs to nobody")
    return session


def _issuer(session: Session, plan_id: int) -> tuple[int, PlanState]:
    row = session.execute(select(Plan.issuer_id, Plan.state).where(Plan.id == plan_id)).one()
    return row.issuer_id, row.state


def _involved(session: Session, tasks: Select[int]) -> set[int]:
    found: set[int] = set()
    for model in (TaskLead, TaskCoordinator, Assignment):
        found.update(session.scalars(select(model.unit_id).where(model.task_id.in_(tasks))))
    return found


def _tasks_of(units: Units) -> ColumnElement[bool]:
    return or_(
        *(
            Task.id.in_(select(model.task_id).where(model.unit_id.in_(units)))
            for model in (TaskLead, TaskCoordinator, Assignment)
        )
    )


def _issued() -> ColumnElement[bool]:
    return Plan.state != PlanState.DRAFT


def plan_readers(plan: Plan) -> Iterable[int]:
    """Return the units that may read a plan."""
    if plan.state is PlanState.DRAFT:
        return [plan.issuer_id]
    tasks = select(Task.id).where(Task.plan_id == plan.id)
    return {plan.issuer_id, *_involved(_session(plan), tasks)}


def plans_read_by(units: Units) -> ColumnElement[bool]:
    """Return the same as a condition on Plan."""
    involved = select(Task.plan_id).where(_tasks_of(units))
    return or_(Plan.issuer_id.in_(units), and_(_issued(), Plan.id.in_(involved)))


def task_writers(task: Task) -> Iterable[int]:
    """Return the unit that writes a row: whoever issues the plan."""
    return [_issuer(_session(task), task.plan_id)[0]]


def tasks_written_by(units: Units) -> ColumnElement[bool]:
    """Return the same as a condition on Task."""
    return Task.plan_id.in_(select(Plan.id).where(Plan.issuer_id.in_(units)))


def task_readers(task: Task) -> Iterable[int]:
    """Return the units that may read a row."""
    session = _session(task)
    issuer_id, state = _issuer(session, task.plan_id)
    if state is PlanState.DRAFT:
        return [issuer_id]
    return {issuer_id, *_involved(session, select(Task.id).where(Task.id == task.id))}


def tasks_read_by(units: Units) -> ColumnElement[bool]:
    """Return the same as a condition on Task."""
    issued = Task.plan_id.in_(select(Plan.id).where(_issued()))
    return or_(tasks_written_by(units), and_(issued, _tasks_of(units)))


def assignment_readers(assignment: Assignment) -> Iterable[int]:
    """Return the units that may read an assignment: lead, coordinating, and issuing ones."""
    session = _session(assignment)
    coordinators = session.scalars(
        select(TaskCoordinator.unit_id).where(TaskCoordinator.task_id == assignment.task_id)
    )
    issuer_id = session.execute(
        select(Plan.issuer_id)
        .join(Task, Task.plan_id == Plan.id)
        .where(Task.id == assignment.task_id)
    ).scalar_one()
    return {assignment.unit_id, issuer_id, *coordinators}


def assignments_read_by(units: Units) -> ColumnElement[bool]:
    """Return the same as a condition on Assignment."""
    coordinated = select(TaskCoordinator.task_id).where(TaskCoordinator.unit_id.in_(units))
    issued = select(Task.id).join(Plan, Plan.id == Task.plan_id).where(Plan.issuer_id.in_(units))
    return or_(
        Assignment.unit_id.in_(units),
        Assignment.task_id.in_(coordinated),
        Assignment.task_id.in_(issued),
    )


def _person(assignment: Assignment) -> Iterable[int]:
    return [] if assignment.person_id is None else [assignment.person_id]


SCOPES = (
    RecordScope(
        model=Plan,
        units=lambda plan: [plan.issuer_id],
        in_units=Plan.issuer_id.in_,
        reading_units=plan_readers,
        in_reading_units=plans_read_by,
    ),
    RecordScope(
        model=Task,
        units=task_writers,
        in_units=tasks_written_by,
        reading_units=task_readers,
        in_reading_units=tasks_read_by,
    ),
    RecordScope(
        model=Assignment,
        units=lambda assignment: [assignment.unit_id],
        in_units=Assignment.unit_id.in_,
        reading_units=assignment_readers,
        in_reading_units=assignments_read_by,
        people=_person,
        for_person=lambda user_id: Assignment.person_id == user_id,
    ),
    # How an assignment stood for a while: what a unit led it may look back on, whoever leads since.
    RecordScope(
        model=AssignmentPeriod,
        units=lambda period: [period.unit_id],
        in_units=AssignmentPeriod.unit_id.in_,
    ),
)

"""Deadlines for calendars outside the app."""

from __future__ import annotations

from collections.abc import Iterator

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, or_, select

from tracker.core.context import current
from tracker.core.db import db
from tracker.core.rights import rights
from tracker.plans.models import Assignment, Plan, PlanState, Reported, Task
from tracker.plugins.descriptors import CalendarEntry, CalendarQuery
from tracker.units import tree
from tracker.units.models import Unit

MOST = 2000


def entries(query: CalendarQuery) -> Iterator[CalendarEntry]:
    """Yield the deadlines of open work: of a unit and those below it, or of the current person.

    A person's are those of the units that the person answers for, and what names the person.
    """
    access = current().actor.access
    today = current().clock.today()
    reach: ColumnElement[bool]
    if query.unit_id is None:
        reach = rights.visible(access, "tasks.answer", Assignment)
        if access.user_id is not None:
            reach = or_(reach, Assignment.person_id == access.user_id)
    else:
        units = tree.units_within([query.unit_id], reading=True)
        visible = rights.visible(access, "plans.view", Assignment)
        reach = Assignment.unit_id.in_(units) & visible
    rows = db.session.execute(
        select(
            Assignment.public_id,
            Assignment.due_on,
            Assignment.last_reported_at,
            Task.id.label("task_id"),
            Task.title,
            Task.product,
            Plan.title.label("plan"),
            Unit.name.label("unit"),
        )
        .join(Task, Task.id == Assignment.task_id)
        .join(Plan, Plan.id == Task.plan_id)
        .join(Unit, Unit.id == Assignment.unit_id)
        .where(
            reach,
            Plan.state == PlanState.ISSUED,
            Assignment.due_on.between(query.start, query.end),
            Assignment.reported != Reported.DONE,
            or_(Assignment.withdrawn_on.is_(None), Assignment.withdrawn_on > today),
            or_(Task.withdrawn_on.is_(None), Task.withdrawn_on > today),
        )
        .order_by(Assignment.due_on, Assignment.id)
        .limit(MOST)
    )
    for row in rows:
        product = _("Sản phẩm: %(product)s", product=row.product) if row.product else ""
        yield CalendarEntry(
            uid=f"assignment-{row.public_id}",
            title=_("Hạn: %(task)s", task=row.title),
            day=row.due_on,
            text="\n".join(part for part in (row.unit, row.plan, product) if part),
            page=("plans.show_task", {"task_id": row.task_id}),
            alarm_days=1,
            changed_at=row.last_reported_at,
            category=_("Nhiệm vụ"),
        )

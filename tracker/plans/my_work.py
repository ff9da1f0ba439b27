"""What waits for a person: the rows of 'Việc của tôi hôm nay' that plans give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import aliased

from tracker.core.context import current
from tracker.core.db import db
from tracker.core.deadlines import DeadlineKind
from tracker.core.rights import rights
from tracker.plans.models import (
    Assignment,
    Decision,
    Extension,
    Plan,
    PlanState,
    ProgressEntry,
    Reported,
    Task,
    Urge,
)
from tracker.plans.models import EntryKind as Kind
from tracker.plans.rules import Status
from tracker.plans.task_queries import TaskFilter, list_query, now_status, order_columns, task_row
from tracker.plugins.descriptors import MyWorkItem, WorkGroup
from tracker.units.models import Unit
from tracker.web.i18n import show_date

# The page shows so many of a group; the list behind it has them all.
MOST: Final = 100
GROUPS: Final = {
    Status.OVERDUE: WorkGroup.OVERDUE,
    Status.DUE_SOON: WorkGroup.DUE_SOON,
    Status.UNDATED: WorkGroup.UNDATED,
}


def _context(plan_title: str, number: str, unit_name: str) -> str:
    row = _("dòng %(number)s", number=number) if number else ""
    return " · ".join(part for part in (unit_name, row, plan_title) if part)


def own_work() -> Sequence[MyWorkItem]:
    """Return the overdue, due soon, urged and undated work of the units one answers for.

    What somebody else in the unit is named for is left to him, unless it is overdue or urged.
    """
    context = current()
    today, user_id = context.clock.today(), context.actor.user_id
    mine = or_(Assignment.person_id.is_(None), Assignment.person_id == user_id)
    # Who answers for a unit, not who may report for all of them: a coordinator has other work.
    reach = rights.visible(context.actor.access, "tasks.answer", Assignment)
    status = now_status(today)
    base = list_query(TaskFilter(), today).where(reach, Plan.state == PlanState.ISSUED)
    urged = {
        row.assignment_id: row
        for row in db.session.execute(
            select(Urge.assignment_id, Urge.message, Urge.reply_by, Urge.urged_by_name)
            .join(Assignment, Assignment.id == Urge.assignment_id)
            .where(Urge.answered_at.is_(None), reach)
            .order_by(Urge.reply_by.desc(), Urge.id.desc())
            .limit(MOST)
        )
    }
    wanted = or_(
        status == Status.OVERDUE.value,
        status.in_([Status.DUE_SOON.value, Status.UNDATED.value]) & mine,
    )
    found: list[MyWorkItem] = []
    rows = [
        task_row(row)
        for row in db.session.execute(
            base.where(or_(wanted, Assignment.id.in_(urged)))
            .order_by(*order_columns(today)["due"])
            .limit(4 * MOST)
        )
    ]
    for row in rows:
        url = url_for("plans.show_task", task_id=row.task_id)
        update = url_for("plans.edit_progress", assignment_id=row.assignment_id)
        group = GROUPS.get(row.status)
        urge = urged.get(row.assignment_id)
        if urge is not None:
            found.append(
                MyWorkItem(
                    # Late work is shown as late, also while somebody waits for an answer.
                    group=WorkGroup.OVERDUE if group is WorkGroup.OVERDUE else WorkGroup.URGED,
                    title=row.title,
                    url=url,
                    context=_context(row.plan_title, row.number, row.unit_name),
                    due_on=row.due_on,
                    status=row.status.value,
                    note=_(
                        "%(who)s đôn đốc, trả lời trước %(day)s: %(message)s",
                        who=urge.urged_by_name,
                        day=show_date(urge.reply_by),
                        message=urge.message,
                    ),
                    update_url=update,
                    key=f"urge-{row.assignment_id}",
                )
            )
        elif group is not None:
            found.append(
                MyWorkItem(
                    group=group,
                    title=row.title,
                    url=url,
                    context=_context(row.plan_title, row.number, row.unit_name),
                    due_on=row.due_on,
                    status=row.status.value,
                    update_url=update,
                    key=f"assignment-{row.assignment_id}",
                )
            )
    return found


def to_decide() -> Sequence[MyWorkItem]:
    """Return what waits for a coordinator: extensions, confirmations, disputes."""
    context = current()
    today = context.clock.today()
    reach = rights.visible(context.actor.access, "tasks.decide", Assignment)
    found: list[MyWorkItem] = []
    asked = db.session.execute(
        select(
            Extension.id,
            Extension.new_due_on,
            Extension.old_due_on,
            Extension.reason,
            Task.id.label("task_id"),
            Task.title,
            Task.number,
            Plan.title.label("plan_title"),
            Unit.name.label("unit_name"),
        )
        .join(Assignment, Assignment.id == Extension.assignment_id)
        .join(Task, Task.id == Assignment.task_id)
        .join(Plan, Plan.id == Task.plan_id)
        .join(Unit, Unit.id == Assignment.unit_id)
        .where(Extension.state == Decision.PENDING, reach)
        .order_by(Extension.requested_at, Extension.id)
        .limit(MOST)
    )
    for row in asked:
        found.append(
            MyWorkItem(
                group=WorkGroup.TO_DECIDE,
                title=row.title,
                url=url_for("plans.show_task", task_id=row.task_id),
                context=_context(row.plan_title, row.number, row.unit_name),
                due_on=row.old_due_on,
                note=_(
                    "Đề nghị gia hạn đến %(day)s: %(reason)s",
                    day=show_date(row.new_due_on),
                    reason=row.reason,
                ),
                update_url=url_for("plans.judge_extension", extension_id=row.id),
                key=f"extension-{row.id}",
            )
        )
    status = now_status(today)
    waiting = list_query(TaskFilter(), today).where(
        # What both statuses ask for, said plainly: nearly all work is ruled out before its status
        # and its readers are looked at.
        or_(
            and_(
                Plan.needs_confirmation.is_(True),
                Assignment.reported == Reported.DONE,
                Assignment.confirmed_on.is_(None),
            ),
            Assignment.disputed_until >= today,
        ),
        reach,
        Plan.state == PlanState.ISSUED,
        status.in_([Status.AWAITING.value, Status.DISPUTED.value]),
    )
    rows = [
        task_row(row)
        for row in db.session.execute(
            waiting.order_by(*order_columns(today)["due"]).limit(2 * MOST)
        )
    ]
    disputed = [row.assignment_id for row in rows if row.status is Status.DISPUTED]
    reasons = {
        entry.assignment_id: entry.note
        for entry in db.session.execute(
            select(ProgressEntry.assignment_id, ProgressEntry.note)
            .where(ProgressEntry.assignment_id.in_(disputed), ProgressEntry.kind == Kind.DISPUTED)
            .order_by(ProgressEntry.id)
        )
    }
    for one in rows:
        is_dispute = one.status is Status.DISPUTED
        found.append(
            MyWorkItem(
                group=WorkGroup.TO_DECIDE,
                title=one.title,
                url=url_for("plans.show_task", task_id=one.task_id),
                context=_context(one.plan_title, one.number, one.unit_name),
                due_on=one.due_on,
                status=one.status.value,
                note=_("Đề nghị tra soát: %(reason)s", reason=reasons.get(one.assignment_id, ""))
                if is_dispute
                else _("Báo hoàn thành ngày %(day)s, chờ xác nhận", day=show_date(one.done_on)),
                update_url=url_for(
                    "plans.judge_dispute" if is_dispute else "plans.judge_report",
                    assignment_id=one.assignment_id,
                ),
                key=f"decide-{one.assignment_id}",
            )
        )
    return found


def to_review() -> Sequence[MyWorkItem]:
    """Return the conditional tasks whose day has come to ask whether the condition is there."""
    context = current()
    awaited = aliased(Task)
    rows = db.session.execute(
        select(
            Task.id,
            Task.title,
            Task.number,
            Task.trigger_text,
            Task.review_on,
            func.coalesce(awaited.title, "").label("awaited"),
            Plan.title.label("plan_title"),
        )
        .join(Plan, Plan.id == Task.plan_id)
        .join(awaited, awaited.id == Task.awaits_id, isouter=True)
        .where(
            Plan.state == PlanState.ISSUED,
            Task.deadline_kind == DeadlineKind.CONDITIONAL,
            Task.triggered_on.is_(None),
            Task.withdrawn_on.is_(None),
            Task.review_on <= context.clock.today(),
            rights.visible(context.actor.access, "plans.manage", Task),
            exists().where(
                Assignment.task_id == Task.id,
                Assignment.withdrawn_on.is_(None),
                Assignment.reported != Reported.DONE,
            ),
        )
        .order_by(Task.review_on, Task.id)
        .limit(MOST)
    )
    return [
        MyWorkItem(
            group=WorkGroup.TO_DECIDE,
            title=row.title,
            url=url_for("plans.show_task", task_id=row.id),
            context=_context(row.plan_title, row.number, ""),
            status=Status.WAITING.value,
            note=_(
                "Đến ngày xem lại %(day)s. Điều kiện đã có chưa: %(trigger)s",
                day=show_date(row.review_on),
                trigger=row.trigger_text
                if not row.awaited
                else _("%(trigger)s (việc “%(task)s”)", trigger=row.trigger_text, task=row.awaited),
            ),
            update_url=url_for("plans.trigger_task", task_id=row.id),
            key=f"review-{row.id}",
        )
        for row in rows
    ]


def unanswered() -> Sequence[MyWorkItem]:
    """Return the urges that one sent and that are still without an answer."""
    context = current()
    rows = db.session.execute(
        select(
            Urge.id,
            Urge.message,
            Urge.reply_by,
            Task.id.label("task_id"),
            Task.title,
            Task.number,
            Plan.title.label("plan_title"),
            Unit.name.label("unit_name"),
            Assignment.due_on,
        )
        .join(Assignment, Assignment.id == Urge.assignment_id)
        .join(Task, Task.id == Assignment.task_id)
        .join(Plan, Plan.id == Task.plan_id)
        .join(Unit, Unit.id == Assignment.unit_id)
        .where(
            Urge.answered_at.is_(None),
            Urge.urged_by_id == context.actor.user_id,
            rights.visible(context.actor.access, "tasks.urge", Assignment),
        )
        .order_by(Urge.reply_by, Urge.id)
        .limit(MOST)
    )
    today = context.clock.today()
    return [
        MyWorkItem(
            group=WorkGroup.SENT,
            title=row.title,
            url=url_for("plans.show_task", task_id=row.task_id),
            context=_context(row.plan_title, row.number, row.unit_name),
            due_on=row.due_on,
            note=_("Bạn đã đôn đốc, quá hạn trả lời từ %(day)s", day=show_date(row.reply_by))
            if row.reply_by < today
            else _("Bạn đã đôn đốc, chờ trả lời trước %(day)s", day=show_date(row.reply_by)),
            key=f"sent-urge-{row.id}",
        )
        for row in rows
    ]

"""What people are told about plans and tasks: the kinds with their words, and who is told."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy import func, select

from tracker.core.work import Work
from tracker.outbox.telling import Tell, tell
from tracker.plans.models import (
    Assignment,
    Decision,
    Extension,
    Plan,
    PlanDocument,
    ProgressEntry,
    Task,
    Urge,
)
from tracker.plugins.descriptors import NoticeKind, NoticeWords
from tracker.units.models import Unit
from tracker.web.i18n import show_date, show_due

GROUP = _l("Kế hoạch và nhiệm vụ")
ANSWER, DECIDE = "tasks.answer", "tasks.decide"
LONGEST_TITLE = 200


# -- words ---------------------------------------------------------------------------------------


def _day(text: str | None) -> str:
    return show_date(date.fromisoformat(text)) if text else ""


def _lines(*parts: str) -> str:
    return "\n".join(part for part in parts if part)


def _where(params: Mapping[str, Any]) -> str:
    return " · ".join(part for part in (params.get("unit", ""), params.get("plan", "")) if part)


def _urged(params: Mapping[str, Any]) -> NoticeWords:
    return NoticeWords(
        _("%(who)s đôn đốc: %(task)s", who=params["by"], task=params["task"]),
        _lines(
            params["message"], _("Trả lời trước %(day)s", day=_day(params["reply_by"])),
            _where(params),
        ),
    )  # fmt: skip


def _answered(params: Mapping[str, Any]) -> NoticeWords:
    return NoticeWords(
        _("%(unit)s trả lời đôn đốc: %(task)s", unit=params["unit"], task=params["task"]),
        _lines(params["answer"], params["by"]),
    )


def _extension_asked(params: Mapping[str, Any]) -> NoticeWords:
    return NoticeWords(
        _(
            "%(unit)s đề nghị gia hạn đến %(day)s: %(task)s",
            unit=params["unit"],
            day=_day(params["until"]),
            task=params["task"],
        ),
        _lines(params["reason"], params["plan"]),
    )


def _extension_decided(params: Mapping[str, Any]) -> NoticeWords:
    if params["approved"]:
        title = _("Đồng ý gia hạn đến %(day)s: %(task)s", day=_day(params["until"]),
                  task=params["task"])  # fmt: skip
    else:
        title = _("Không đồng ý gia hạn: %(task)s", task=params["task"])
    return NoticeWords(title, _lines(params["note"], _where(params)))


def _confirmation_asked(params: Mapping[str, Any]) -> NoticeWords:
    return NoticeWords(
        _("%(unit)s báo hoàn thành, chờ xác nhận: %(task)s", unit=params["unit"],
          task=params["task"]),
        params["plan"],
    )  # fmt: skip


def _confirmation_decided(params: Mapping[str, Any]) -> NoticeWords:
    title = (
        _("Đã xác nhận hoàn thành: %(task)s", task=params["task"])
        if params["approved"]
        else _("Báo cáo hoàn thành bị trả lại: %(task)s", task=params["task"])
    )
    return NoticeWords(title, _lines(params["note"], _where(params)))


def _dispute_opened(params: Mapping[str, Any]) -> NoticeWords:
    return NoticeWords(
        _("%(unit)s đề nghị tra soát: %(task)s", unit=params["unit"], task=params["task"]),
        _lines(params["reason"], params["plan"]),
    )


def _dispute_decided(params: Mapping[str, Any]) -> NoticeWords:
    title = (
        _("Chấp nhận tra soát: %(task)s", task=params["task"])
        if params["approved"]
        else _("Không chấp nhận tra soát: %(task)s", task=params["task"])
    )
    return NoticeWords(title, _lines(params["note"], _where(params)))


def _assigned(params: Mapping[str, Any]) -> NoticeWords:
    due = params.get("due_on")
    return NoticeWords(
        _("Bạn được giao: %(task)s", task=params["task"]),
        _lines(_("Hạn %(day)s", day=_day(due)) if due else "", _where(params)),
    )


def _issued(params: Mapping[str, Any]) -> NoticeWords:
    return NoticeWords(
        ngettext(
            "%(unit)s được giao %(num)d việc: %(plan)s",
            "%(unit)s được giao %(num)d việc: %(plan)s",
            params["count"],
            unit=params["unit"],
            plan=params["plan"],
        ),
        _("Số %(number)s ngày %(day)s", number=params["number"], day=_day(params["on"])),
    )


def _amended(params: Mapping[str, Any]) -> NoticeWords:
    return NoticeWords(
        _("Kế hoạch được điều chỉnh: %(plan)s", plan=params["plan"]),
        _lines(
            _("Số %(number)s ngày %(day)s", number=params["number"], day=_day(params["on"])),
            params["summary"],
        ),
    )


def _several(params: Mapping[str, Any], title: str) -> NoticeWords:
    """Say what a rung of the ladder tells of many tasks at once: the first by name."""
    rest = params["count"] - len(params["titles"])
    more = ngettext("… và %(num)d việc khác", "… và %(num)d việc khác", rest) if rest > 0 else ""
    return NoticeWords(title, _lines(*(f"– {one}" for one in params["titles"]), more))


def _due_soon(params: Mapping[str, Any]) -> NoticeWords:
    if "count" in params:
        return _several(
            params,
            ngettext("%(num)d việc sắp đến hạn", "%(num)d việc sắp đến hạn", params["count"]),
        )
    return NoticeWords(
        _("Sắp đến hạn %(day)s: %(task)s", day=_day(params["due_on"]), task=params["task"]),
        _where(params),
    )


def _overdue(params: Mapping[str, Any]) -> NoticeWords:
    if "count" in params:
        return _several(
            params,
            ngettext(
                "%(num)d việc quá hạn từ %(days)d ngày làm việc, ở %(units)d đơn vị",
                "%(num)d việc quá hạn từ %(days)d ngày làm việc, ở %(units)d đơn vị",
                params["count"],
                days=params["days"],
                units=params["units"],
            ),
        )
    words = show_due(date.fromisoformat(params["due_on"]), date.fromisoformat(params["on"]))
    return NoticeWords(
        _("Quá hạn từ %(day)s: %(task)s", day=_day(params["due_on"]), task=params["task"]),
        _lines(words, _where(params)),
    )


def _kind(key: str, label: Any, words: Any, icon: str, *, urgent: bool = False) -> NoticeKind:
    return NoticeKind(key=key, label=label, words=words, icon=icon, group=GROUP, urgent=urgent)


_IN_ORDER = (
    _kind("plans.urged", _l("Bị đôn đốc"), _urged, "megaphone", urgent=True),
    _kind("plans.urge_answered", _l("Trả lời đôn đốc"), _answered, "message"),
    _kind("plans.assigned", _l("Được giao việc"), _assigned, "task"),
    _kind("plans.due_soon", _l("Sắp đến hạn"), _due_soon, "clock"),
    _kind("plans.overdue", _l("Quá hạn"), _overdue, "alert"),
    _kind("plans.extension_asked", _l("Đề nghị gia hạn"), _extension_asked, "hourglass"),
    _kind("plans.extension_decided", _l("Kết quả gia hạn"), _extension_decided, "calendar"),
    _kind("plans.confirmation_asked", _l("Chờ xác nhận"), _confirmation_asked, "hourglass"),
    _kind(
        "plans.confirmation_decided", _l("Kết quả xác nhận"), _confirmation_decided, "check-circle"
    ),
    _kind("plans.dispute_opened", _l("Đề nghị tra soát"), _dispute_opened, "dispute"),
    _kind("plans.dispute_decided", _l("Kết quả tra soát"), _dispute_decided, "dispute"),
    _kind("plans.issued", _l("Kế hoạch ban hành"), _issued, "plan"),
    _kind("plans.amended", _l("Kế hoạch điều chỉnh"), _amended, "edit"),
)
KINDS = tuple(replace(kind, weight=10 + place) for place, kind in enumerate(_IN_ORDER))


# -- who is told ---------------------------------------------------------------------------------


def about(work: Work, assignment: Assignment) -> tuple[tuple[str, dict[str, Any]], dict[str, Any]]:
    """Return the page of an assignment, and what every notice about it says."""
    row = work.session.execute(
        select(Task.title, Plan.title.label("plan"), Unit.name, Unit.short_name)
        .join(Plan, Plan.id == Task.plan_id)
        .join(Unit, Unit.id == assignment.unit_id)
        .where(Task.id == assignment.task_id)
    ).one()
    params = {
        "task": shorten(row.title),
        "plan": shorten(row.plan),
        "unit": row.short_name or row.name,
    }
    return ("plans.show_task", {"task_id": assignment.task_id}), params


def shorten(title: str) -> str:
    """Return a title that a notice can hold."""
    return title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…"


def _unit_people(assignment: Assignment) -> dict[str, Any]:
    """Return who answers for an assignment: its person, and the people of its unit."""
    return {"people": [assignment.person_id], "holders": [(ANSWER, assignment.unit_id)]}


def _deciders(assignment: Assignment) -> dict[str, Any]:
    return {"holders": [(DECIDE, assignment.unit_id)]}


def tell_urged(work: Work, assignment: Assignment, urge: Urge) -> None:
    """Tell a unit that it is urged."""
    page, params = about(work, assignment)
    params |= {
        "by": urge.urged_by_name,
        "message": urge.message,
        "reply_by": urge.reply_by.isoformat(),
    }
    who = _unit_people(assignment)
    tell(work, Tell(kind="plans.urged", key=str(urge.id), page=page, params=params, **who))


def tell_answered(work: Work, assignment: Assignment, urge: Urge) -> None:
    """Tell whoever urged that there is an answer."""
    page, params = about(work, assignment)
    params |= {"answer": urge.answer, "by": urge.answered_by_name}
    tell(
        work,
        Tell(
            kind="plans.urge_answered",
            key=str(urge.id),
            page=page,
            params=params,
            people=[urge.urged_by_id],
        ),
    )


def tell_extension_asked(work: Work, assignment: Assignment, request: Extension) -> None:
    """Tell who decides that a later deadline is asked for."""
    page, params = about(work, assignment)
    params |= {"until": request.new_due_on.isoformat(), "reason": request.reason}
    who = _deciders(assignment)
    tell(
        work,
        Tell(kind="plans.extension_asked", key=str(request.id), page=page, params=params, **who),
    )


def tell_extension_decided(work: Work, assignment: Assignment, request: Extension) -> None:
    """Tell who asked, and who works on it, what was decided."""
    page, params = about(work, assignment)
    params |= {
        "approved": request.state is Decision.APPROVED,
        "until": request.new_due_on.isoformat(),
        "note": request.decision_note,
    }
    tell(
        work,
        Tell(
            kind="plans.extension_decided",
            key=str(request.id),
            page=page,
            params=params,
            people=[request.requested_by_id, assignment.person_id],
        ),
    )


def tell_reported_done(work: Work, assignment: Assignment, entry: ProgressEntry) -> None:
    """Tell who confirms that something waits for it."""
    page, params = about(work, assignment)
    who = _deciders(assignment)
    tell(
        work,
        Tell(kind="plans.confirmation_asked", key=str(entry.id), page=page, params=params, **who),
    )


def tell_judged(
    work: Work, assignment: Assignment, entry: ProgressEntry, by_id: int | None, *, approved: bool
) -> None:
    """Tell who reported whether it was confirmed."""
    page, params = about(work, assignment)
    params |= {"approved": approved, "note": entry.note}
    people = [by_id, assignment.person_id]
    who = {"people": people} if approved else {**_unit_people(assignment), "people": people}
    tell(
        work,
        Tell(kind="plans.confirmation_decided", key=str(entry.id), page=page, params=params, **who),
    )


def tell_disputed(work: Work, assignment: Assignment, entry: ProgressEntry) -> None:
    """Tell who decides that a unit says it is not late."""
    page, params = about(work, assignment)
    params |= {"reason": entry.note}
    who = _deciders(assignment)
    tell(
        work, Tell(kind="plans.dispute_opened", key=str(entry.id), page=page, params=params, **who)
    )


def tell_dispute_decided(
    work: Work, assignment: Assignment, entry: ProgressEntry, by_id: int | None, *, approved: bool
) -> None:
    """Tell who opened a dispute how it ended."""
    page, params = about(work, assignment)
    params |= {"approved": approved, "note": entry.note}
    tell(
        work,
        Tell(
            kind="plans.dispute_decided",
            key=str(entry.id),
            page=page,
            params=params,
            people=[by_id, assignment.person_id],
        ),
    )


def tell_assigned(work: Work, assignment: Assignment) -> None:
    """Tell a person that work of their unit is now theirs."""
    if assignment.person_id is None:
        return
    page, params = about(work, assignment)
    params |= {"due_on": assignment.due_on.isoformat() if assignment.due_on else None}
    # A person may be given the same work again later, and is then told again.
    key = f"{assignment.id}:{assignment.person_id}:{work.now.isoformat()}"
    tell(
        work,
        Tell(
            kind="plans.assigned", key=key, page=page, params=params, people=[assignment.person_id]
        ),
    )


def tell_issued(work: Work, plan: Plan) -> None:
    """Tell each lead unit what an issued plan asks of it."""
    if plan.issued_on is None:
        return
    rows = work.session.execute(
        select(Assignment.unit_id, Unit.name, Unit.short_name, func.count().label("count"))
        .join(Task, Task.id == Assignment.task_id)
        .join(Unit, Unit.id == Assignment.unit_id)
        .where(Task.plan_id == plan.id)
        .group_by(Assignment.unit_id, Unit.name, Unit.short_name)
        .order_by(Assignment.unit_id)
    )
    page = ("plans.show_plan", {"key": plan.key})
    common = {"plan": shorten(plan.title), "number": plan.number, "on": plan.issued_on.isoformat()}
    tell(
        work,
        *(
            Tell(
                kind="plans.issued",
                key=f"{plan.id}:{row.unit_id}",
                page=page,
                params={**common, "unit": row.short_name or row.name, "count": row.count},
                holders=[(ANSWER, row.unit_id)],
            )
            for row in rows
        ),
    )


def tell_amended(
    work: Work, plan: Plan, document: PlanDocument, unit_ids: Collection[int] | None = None
) -> None:
    """Tell the lead units that a document amends their plan; `unit_ids` names only some."""
    query = (
        select(Assignment.unit_id)
        .join(Task, Task.id == Assignment.task_id)
        .where(Task.plan_id == plan.id, Assignment.withdrawn_on.is_(None))
        .distinct()
    )
    units = sorted(set(work.session.scalars(query)) if unit_ids is None else set(unit_ids))
    if not units:
        return
    tell(
        work,
        Tell(
            kind="plans.amended",
            key=str(document.id),
            page=("plans.show_plan", {"key": plan.key}),
            params={
                "plan": shorten(plan.title),
                "number": document.number,
                "on": document.issued_on.isoformat(),
                "summary": shorten(document.summary),
            },
            holders=[(ANSWER, unit) for unit in units],
        ),
    )

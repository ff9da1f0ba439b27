"""Reporting on assignments, and what is decided about the reports. Nothing here edits an entry.

A wrong report is put right by a new one; a later one of the same day, or one that is back-dated,
takes the place of the wrong one in the history (see history.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import Select, bindparam, func, select

from tracker.accounts.models import User
from tracker.core.db import read_rows
from tracker.core.deadlines import DeadlineKind, OffsetUnit, due_from_trigger
from tracker.core.errors import (
    Conflict,
    FieldConflict,
    FieldError,
    NotFound,
    PermissionDenied,
    ValidationFailed,
)
from tracker.core.work import Work
from tracker.files.services import attach_all
from tracker.plans import history, notices, rules, waiting
from tracker.plans.extensions import add_approved
from tracker.plans.inputs import (
    AssignPerson,
    ConfirmReports,
    DecideDispute,
    JudgeReport,
    OpenDispute,
    PostponeReview,
    RecordTrigger,
    ReportProgress,
)
from tracker.plans.models import (
    Assignment,
    EntryKind,
    Evidence,
    Plan,
    PlanState,
    ProgressEntry,
    Reported,
    Task,
    Urge,
)
from tracker.plans.reach import PlanInForce, enter, plan_in_force, reach_assignment, require_version
from tracker.plugins.events import ProgressReported
from tracker.settings import queries as settings
from tracker.units import tree

LONGEST_NOTE = 5000
MOST_AT_ONCE = 500
EVIDENCE_FILES = "evidence"


def status_now(work: Work, assignment: Assignment) -> rules.Status:
    """Return how an assignment stands today."""
    task = work.session.get_one(Task, assignment.task_id)
    plan = work.session.get_one(Plan, task.plan_id)
    facts = rules.Facts(
        deadline_kind=task.deadline_kind,
        needs_confirmation=plan.needs_confirmation,
        original_due_on=assignment.original_due_on,
        due_on=assignment.due_on,
        reported=assignment.reported,
        done_on=assignment.done_on,
        is_confirmed=assignment.confirmed_on is not None,
        disputed_until=assignment.disputed_until,
        is_withdrawn=assignment.withdrawn_on is not None and assignment.withdrawn_on <= work.today,
    )
    return rules.status(facts, work.today, settings.whole("plans.due_soon_days"))


# -- reports ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recorded:
    """The line of the history that a report became, and the task that it is about."""

    entry_id: int
    public_id: UUID
    task_id: int


@cache
def _sent_before() -> Select[int, UUID, int]:
    """Return the query for the report of an idempotency key, sent with each and made once."""
    return select(ProgressEntry.id, ProgressEntry.public_id, ProgressEntry.assignment_id).where(
        ProgressEntry.idempotency_key == bindparam("key")
    )


def report_progress(work: Work, data: ReportProgress) -> Recorded:
    """Record what a unit says of its assignment.

    A second send with the same idempotency key returns the first entry. Raises ValidationFailed
    by field, Conflict when the assignment changed since the form was opened, NotFound and
    PermissionDenied.
    """
    assignment = reach_assignment(work, data.assignment_id, "tasks.report")
    if data.idempotency_key:
        first = read_rows(work.session, _sent_before(), {"key": data.idempotency_key}).first()
        if first is not None:
            if first.assignment_id != assignment.id:
                raise Conflict(_("Mã gửi này đã dùng cho việc khác. Hãy mở lại biểu mẫu."))
            return Recorded(first.id, first.public_id, assignment.task_id)
    plan = plan_in_force(work, assignment)
    problems = report_problems(data, work.today)
    if problems:
        raise ValidationFailed(problems)
    require_version(assignment, data.version, _differences(assignment, data))
    is_done = data.reported is Reported.DONE
    was_done = assignment.reported is Reported.DONE
    entry = enter(
        work,
        assignment,
        EntryKind.PROGRESS,
        # What was finished earlier than it was typed counts from the day it was finished.
        effective_on=data.effective_on or (data.done_on if is_done else None) or work.today,
        reported=data.reported,
        percent=_percent(data),
        done_on=data.done_on if is_done else None,
        note=data.note,
        source=data.source,
        idempotency_key=data.idempotency_key,
    )
    if data.evidence is not None and not data.evidence.is_empty:
        evidence = Evidence(
            entry_id=entry.id,
            assignment_id=assignment.id,
            number=data.evidence.number,
            issued_on=data.evidence.issued_on,
            issuer=data.evidence.issuer,
            title=data.evidence.title,
        )
        work.session.add(evidence)
        work.session.flush()
        attach_all(work, data.evidence.files, EVIDENCE_FILES, evidence.id)
    if data.answers_urges and data.note:
        _answer_all(work, assignment, data.note)
    history.rebuild(work, [assignment.id])
    if is_done and plan.needs_confirmation:
        notices.tell_reported_done(work, assignment, entry)
    elif is_done and not was_done:
        waiting.wake(work, [assignment.task_id])
    work.emit(
        ProgressReported(
            assignment=assignment.public_id,
            unit_id=assignment.unit_id,
            reported=data.reported.value,
            percent=_percent(data),
            effective_on=entry.effective_on,
        )
    )
    return Recorded(entry.id, entry.public_id, assignment.task_id)


def report_problems(data: ReportProgress, today: date) -> list[FieldError]:
    """Return what is wrong with a report, field by field."""
    found: list[FieldError] = []

    def wrong(field: str, message: str) -> None:
        found.append(FieldError(field, message))

    if not 0 <= data.percent <= 100:
        wrong("percent", _("Tỷ lệ phải từ 0 đến 100."))
    if data.reported is Reported.DONE:
        if data.done_on is None:
            wrong("done_on", _("Hãy ghi ngày hoàn thành."))
        elif data.done_on > today:
            wrong("done_on", _("Ngày hoàn thành không được sau hôm nay."))
        elif data.effective_on is not None and data.effective_on < data.done_on:
            wrong("effective_on", _("Ngày số liệu không được trước ngày hoàn thành."))
        if data.percent != 100:
            wrong("percent", _("Đã hoàn thành thì tỷ lệ phải là 100."))
    elif data.reported is Reported.IN_PROGRESS and data.percent == 100:
        wrong("percent", _("Tỷ lệ đã là 100 thì chọn “Đã hoàn thành”."))
    if data.reported is Reported.CANNOT and not data.note:
        wrong("note", _("Hãy nêu lý do không thực hiện được."))
    if data.effective_on is not None and data.effective_on > today:
        wrong("effective_on", _("Ngày số liệu không được sau hôm nay."))
    if len(data.note) > LONGEST_NOTE:
        wrong("note", _("Dài quá %(most)d ký tự.", most=LONGEST_NOTE))
    evidence = data.evidence
    if evidence is not None:
        if evidence.issued_on is not None and evidence.issued_on > today:
            wrong("evidence_issued_on", _("Ngày văn bản không được sau hôm nay."))
        if evidence.issuer and evidence.is_empty:
            wrong("evidence_number", _("Hãy ghi số văn bản hoặc chọn tệp."))
        for field, text, most in (
            ("evidence_number", evidence.number, 80),
            ("evidence_issuer", evidence.issuer, 500),
            ("evidence_title", evidence.title, 500),
        ):
            if len(text) > most:
                wrong(field, _("Dài quá %(most)d ký tự.", most=most))
    return found


def _percent(data: ReportProgress) -> int:
    return 0 if data.reported is Reported.NOT_STARTED else data.percent


def _differences(assignment: Assignment, data: ReportProgress) -> tuple[FieldConflict, ...]:
    pairs = (
        ("reported", data.reported, assignment.reported),
        ("percent", data.percent, assignment.percent),
    )
    return tuple(
        FieldConflict(field, None, mine, theirs) for field, mine, theirs in pairs if mine != theirs
    )


def _answer_all(work: Work, assignment: Assignment, answer: str) -> None:
    if not work.may("tasks.answer", assignment):
        return
    unanswered = select(Urge).where(Urge.assignment_id == assignment.id, Urge.answered_at.is_(None))
    for urge in work.session.scalars(unanswered):
        urge.answer = answer
        urge.answered_at = work.now
        urge.answered_by_id = work.actor.user_id
        urge.answered_by_name = work.actor.name
        notices.tell_answered(work, assignment, urge)


# -- confirmation ----------------------------------------------------------------------------


def confirm(work: Work, data: JudgeReport) -> int:
    """Confirm what was reported as done; return the entry's id.

    Raises ValidationFailed where nothing waits for it, or to whoever reported it himself.
    """
    assignment = _judged(work, data)
    entry = enter(work, assignment, EntryKind.CONFIRMED, note=data.note)
    history.rebuild(work, [assignment.id])
    waiting.wake(work, [assignment.task_id])
    _tell_judged(work, assignment, entry, approved=True)
    return entry.id


def confirm_several(work: Work, data: ConfirmReports) -> int:
    """Confirm several reports of 'done', all or none; return how many.

    Raises ValidationFailed where one of them does not wait for it, NotFound, PermissionDenied.
    """
    require_few(data.assignment_ids)
    if not data.note:
        raise ValidationFailed({"note": _("Hãy ghi căn cứ xác nhận.")})
    keys = sorted(set(data.assignment_ids))
    task_ids: set[int] = set()
    for key in keys:
        assignment = _judged(work, JudgeReport(key))
        task_ids.add(assignment.task_id)
        entry = enter(work, assignment, EntryKind.CONFIRMED, note=data.note)
        _tell_judged(work, assignment, entry, approved=True)
    history.rebuild(work, keys)
    waiting.wake(work, task_ids)
    return len(keys)


def send_back(work: Work, data: JudgeReport) -> int:
    """Return a report of 'done' with the reason; return the entry's id. Raises like `confirm`."""
    assignment = _judged(work, data)
    if not data.note:
        raise ValidationFailed({"note": _("Hãy nêu lý do trả lại.")})
    entry = enter(
        work, assignment, EntryKind.SENT_BACK, note=data.note, reported=Reported.IN_PROGRESS
    )
    history.rebuild(work, [assignment.id])
    _tell_judged(work, assignment, entry, approved=False)
    return entry.id


def _tell_judged(
    work: Work, assignment: Assignment, entry: ProgressEntry, *, approved: bool
) -> None:
    claim = _last_entry(work, assignment, EntryKind.PROGRESS)
    by_id = claim.recorded_by_id if claim is not None else None
    notices.tell_judged(work, assignment, entry, by_id, approved=approved)


def _judged(work: Work, data: JudgeReport) -> Assignment:
    assignment = reach_assignment(work, data.assignment_id, "tasks.decide")
    plan = plan_in_force(work, assignment)
    require_version(assignment, data.version)
    if not plan.needs_confirmation:
        raise ValidationFailed({"": _("Kế hoạch này không yêu cầu xác nhận.")})
    if assignment.reported is not Reported.DONE or assignment.confirmed_on is not None:
        raise ValidationFailed({"": _("Việc này không có báo cáo nào đang chờ xác nhận.")})
    claim = _last_entry(work, assignment, EntryKind.PROGRESS)
    if claim is not None:
        _require_another(work, claim.recorded_by_id)
    return assignment


def _last_entry(work: Work, assignment: Assignment, kind: EntryKind) -> ProgressEntry | None:
    return work.session.scalar(
        select(ProgressEntry)
        .where(ProgressEntry.assignment_id == assignment.id, ProgressEntry.kind == kind)
        .order_by(ProgressEntry.id.desc())
        .limit(1)
    )


def _require_another(work: Work, user_id: int | None) -> None:
    if user_id is not None and user_id == work.actor.user_id:
        raise ValidationFailed({"": _("Người đề nghị không tự quyết định được. Cần người khác.")})


# -- disputes --------------------------------------------------------------------------------


def open_dispute(work: Work, data: OpenDispute) -> int:
    """Say why a row that shows as overdue is not; it shows as disputed for a limited time.

    One dispute for each deadline: else a row could be kept from turning red for ever. Raises
    ValidationFailed; returns the entry's id.
    """
    assignment = reach_assignment(work, data.assignment_id, "tasks.report")
    plan_in_force(work, assignment)
    if not data.reason:
        raise ValidationFailed({"reason": _("Hãy nêu lý do đề nghị tra soát.")})
    if len(data.reason) > LONGEST_NOTE:
        raise ValidationFailed({"reason": _("Dài quá %(most)d ký tự.", most=LONGEST_NOTE)})
    if status_now(work, assignment) is not rules.Status.OVERDUE:
        raise ValidationFailed({"": _("Chỉ đề nghị tra soát được việc đang quá hạn.")})
    earlier = work.session.scalar(
        select(func.count())
        .select_from(ProgressEntry)
        .where(
            ProgressEntry.assignment_id == assignment.id,
            ProgressEntry.kind == EntryKind.DISPUTED,
            ProgressEntry.effective_on > assignment.due_on,
        )
    )
    if earlier:
        raise ValidationFailed({"": _("Hạn này đã được tra soát một lần.")})
    entry = enter(
        work,
        assignment,
        EntryKind.DISPUTED,
        note=data.reason,
        until=work.today + timedelta(days=settings.whole("plans.dispute_days")),
    )
    history.rebuild(work, [assignment.id])
    notices.tell_disputed(work, assignment, entry)
    return entry.id


def decide_dispute(work: Work, data: DecideDispute) -> int:
    """End a dispute: refused, or accepted with the day the work was done or a later deadline.

    Raises ValidationFailed; returns the id of the entry that tells of the decision.
    """
    assignment = reach_assignment(work, data.assignment_id, "tasks.decide")
    plan = plan_in_force(work, assignment)
    opened = _last_entry(work, assignment, EntryKind.DISPUTED)
    if opened is None or assignment.disputed_until is None:
        raise ValidationFailed({"": _("Việc này không có đề nghị tra soát nào đang chờ.")})
    _require_another(work, opened.recorded_by_id)
    if not data.note:
        raise ValidationFailed({"note": _("Hãy ghi kết luận.")})
    if data.accepted:
        _put_right(work, plan, assignment, data)
    entry = enter(work, assignment, EntryKind.DISPUTE_DECIDED, note=data.note)
    history.rebuild(work, [assignment.id])
    if data.accepted and data.done_on is not None:
        waiting.wake(work, [assignment.task_id])
    notices.tell_dispute_decided(
        work, assignment, entry, opened.recorded_by_id, approved=data.accepted
    )
    return entry.id


def _put_right(work: Work, plan: PlanInForce, assignment: Assignment, data: DecideDispute) -> None:
    if data.done_on is not None:
        if data.done_on > work.today:
            raise ValidationFailed({"done_on": _("Ngày hoàn thành không được sau hôm nay.")})
        enter(
            work,
            assignment,
            EntryKind.PROGRESS,
            effective_on=data.done_on,
            reported=Reported.DONE,
            percent=100,
            done_on=data.done_on,
            note=data.note,
        )
        if plan.needs_confirmation:
            enter(work, assignment, EntryKind.CONFIRMED, note=data.note)
    elif data.new_due_on is not None:
        add_approved(work, assignment, data.new_due_on, data.note, field="new_due_on")
    else:
        raise ValidationFailed(
            {"done_on": _("Chấp nhận tra soát thì ghi ngày đã hoàn thành hoặc hạn đúng.")}
        )


# -- conditional deadlines -------------------------------------------------------------------


def _conditional_task(work: Work, task_id: int) -> Task:
    """Return a task in force that waits for something, for who manages its plan."""
    task = work.get(Task, task_id)
    if not work.may("plans.manage", task):
        raise PermissionDenied if work.may("plans.view", task) else NotFound
    plan = work.session.get_one(Plan, task.plan_id)
    if plan.state is not PlanState.ISSUED:
        raise ValidationFailed({"": _("Kế hoạch không ở trạng thái đang thực hiện.")})
    if task.deadline_kind is not DeadlineKind.CONDITIONAL:
        raise ValidationFailed({"": _("Việc này không có hạn theo điều kiện.")})
    return task


def postpone_review(work: Work, data: PostponeReview) -> None:
    """Keep the day on which to ask again whether what a task waits for has come about.

    Raises ValidationFailed by field.
    """
    task = _conditional_task(work, data.task_id)
    if task.triggered_on is not None:
        raise ValidationFailed({"review_on": _("Việc này đã có ngày có điều kiện.")})
    if data.review_on <= work.today:
        raise ValidationFailed({"review_on": _("Ngày xem lại phải sau hôm nay.")})
    task.review_on = data.review_on


def record_trigger(work: Work, data: RecordTrigger) -> date:
    """Record the day a conditional task was waiting for; return the due day that follows.

    Recorded again, it puts a wrong day right. Raises ValidationFailed by field.
    """
    task = _conditional_task(work, data.task_id)
    if task.trigger_offset is None:
        raise ValidationFailed({"": _("Kế hoạch chưa ghi số ngày kể từ khi có điều kiện.")})
    if data.triggered_on > work.today:
        raise ValidationFailed({"triggered_on": _("Ngày có điều kiện không được sau hôm nay.")})
    unit = OffsetUnit.WORKING if task.trigger_in_working_days else OffsetUnit.CALENDAR
    try:
        due_on = due_from_trigger(
            data.triggered_on, task.trigger_offset, unit, settings.working_calendar()
        )
    except (ValueError, OverflowError) as error:
        raise ValidationFailed({"triggered_on": _("Không tính được hạn từ ngày này.")}) from error
    task.triggered_on = data.triggered_on
    shares = work.session.scalars(
        select(Assignment).where(
            Assignment.task_id == task.id,
            Assignment.withdrawn_on.is_(None),
            Assignment.reported != Reported.DONE,
        )
    ).all()
    for assignment in shares:
        assignment.original_due_on = due_on
        enter(
            work,
            assignment,
            EntryKind.TRIGGERED,
            effective_on=data.triggered_on,
            until=due_on,
            note=data.note,
        )
    history.rebuild(work, [assignment.id for assignment in shares])
    return due_on


# -- people ----------------------------------------------------------------------------------


def assign_person(work: Work, data: AssignPerson) -> int:
    """Say who in the unit works on these assignments; return how many changed.

    The person has to work in the lead unit or under it. Raises ValidationFailed, NotFound,
    PermissionDenied; then none is changed.
    """
    require_few(data.assignment_ids)
    person = None if data.person_id is None else work.session.get(User, data.person_id)
    if data.person_id is not None and (person is None or not person.is_active):
        raise ValidationFailed({"person_id": _("Không có người này, hoặc tài khoản đã khóa.")})
    changed = 0
    for key in sorted(set(data.assignment_ids)):
        assignment = reach_assignment(work, key, "tasks.report")
        if person is not None:
            within = set(
                work.session.scalars(tree.units_within([assignment.unit_id], reading=False))
            )
            if person.unit_id not in within:
                raise ValidationFailed(
                    {
                        "person_id": _(
                            "%(person)s không thuộc đơn vị chủ trì của mọi việc đã chọn.",
                            person=person.name,
                        )
                    }
                )
        if assignment.person_id != data.person_id:
            assignment.person_id = data.person_id
            notices.tell_assigned(work, assignment)
            changed += 1
    return changed


def require_few(ids: tuple[int, ...]) -> None:
    """Raise ValidationFailed unless something is picked, and not far too much."""
    if not ids:
        raise ValidationFailed({"": _("Hãy chọn ít nhất một việc.")})
    if len(ids) > MOST_AT_ONCE:
        raise ValidationFailed(
            {"": _("Mỗi lần làm được với nhiều nhất %(most)d việc.", most=MOST_AT_ONCE)}
        )

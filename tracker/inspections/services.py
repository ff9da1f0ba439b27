"""Services of visits, answers, findings and remedies: every rule of writing them stands here.

Who may see a visit may be somebody else than who writes in it: only its team writes. What the
team finished is read only, but for conclusion and notice, which its leader adds. Findings live on:
remedied by the unit, verified by a second person, closed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import TypeVar

from flask_babel import gettext as _
from sqlalchemy import func, or_, select

from tracker.accounts.models import User
from tracker.core import text
from tracker.core.clock import LOCAL
from tracker.core.errors import Conflict, FieldError, NotFound, PermissionDenied, ValidationFailed
from tracker.core.work import Work
from tracker.files.services import attach
from tracker.inspections import inputs, notices, queries, rules
from tracker.inspections.checklists import newest_version_id
from tracker.inspections.lineage import predecessor_ids
from tracker.inspections.models import (
    ChecklistItem,
    ChecklistVersion,
    Finding,
    FindingCheck,
    FindingState,
    InspectionPlanItem,
    MemberRole,
    Remedy,
    Visit,
    VisitAnswer,
    VisitKind,
    VisitMember,
    VisitState,
)
from tracker.inspections.permissions import LOG, PLAN, REMEDY, SELF, VERIFY, VIEW
from tracker.plugins.events import FindingRecorded, VisitFinished
from tracker.settings.queries import whole
from tracker.units.models import Unit, UnitClosure

OPEN_STATES = (VisitState.PLANNED, VisitState.IN_PROGRESS)
MOST_MEMBERS = 30
MOST_PHOTOS = 10
MOST_PEOPLE = 10_000
MOST_AT_ONCE = 200
FARTHEST_YEARS = 5

Sent = TypeVar("Sent", Visit, Finding)


# ---------------------------------------------------------------------------------------------
# Visits


def create_visit(work: Work, data: inputs.CreateVisit) -> int:
    """Make a visit and return its id; a surprise visit begins at once.

    A second send with the same key returns the first one's id. The person who makes it is of the
    team, its leader unless another is named. Raises ValidationFailed, PermissionDenied.
    """
    right = _right_to_log(work, data.kind)
    work.require_held(right)
    known = _sent_before(work, Visit, data.idempotency_key)
    if known is not None:
        if known.created_by_id != work.actor.user_id:
            raise Conflict
        return known.id
    unit = work.session.get(Unit, data.unit_id)
    if unit is None or not work.may(right, unit):
        raise ValidationFailed({"unit_id": _("Hãy chọn đơn vị trong phạm vi của bạn.")})
    errors = _check_day(work, "visited_on", data.visited_on)
    if unit.valid_to is not None and unit.valid_to <= data.visited_on:
        errors.append(FieldError("unit_id", _("Đơn vị này đã kết thúc hoạt động vào ngày đó.")))
    if data.kind in {VisitKind.SURPRISE, VisitKind.SELF} and data.visited_on > work.today:
        errors.append(FieldError("visited_on", _("Ngày kiểm tra chưa tới.")))
    if data.kind is VisitKind.PLANNED and data.plan_item_id is None:
        errors.append(
            FieldError("plan_item_id", _("Hãy chọn dòng của kế hoạch kiểm tra cho đơn vị này."))
        )
    if errors:
        raise ValidationFailed(errors)
    if data.kind is VisitKind.PLANNED:
        _check_plan_item(work, data)
    begins = data.kind in {VisitKind.SURPRISE, VisitKind.SELF}
    visit = Visit(
        kind=data.kind,
        state=VisitState.IN_PROGRESS if begins else VisitState.PLANNED,
        unit_id=unit.id,
        plan_item_id=data.plan_item_id if data.kind is VisitKind.PLANNED else None,
        checklist_version_id=(
            newest_version_id(work, data.checklist_id) if data.checklist_id is not None else None
        ),
        visited_on=data.visited_on,
        started_at=work.now if begins else None,
        decision_number=text.normalise(data.decision_number),
        team_name=text.normalise(data.team_name),
        is_announced=data.is_announced,
        created_by_id=work.actor.user_id,
        idempotency_key=data.idempotency_key,
    )
    work.session.add(visit)
    work.session.flush()
    members = list(data.members)
    me = work.actor.user_id
    if me is not None and all(member.user_id != me for member in members):
        has_leader = any(member.role is MemberRole.LEADER for member in members)
        role = MemberRole.MEMBER if has_leader else MemberRole.LEADER
        members.insert(0, inputs.Member(user_id=me, role=role))
    for member in members:
        _add_member(work, visit, member)
    if data.kind is VisitKind.REINSPECTION:
        _link_findings(work, visit, data.finding_ids)
    if not begins:
        notices.tell_planned(work, visit)
    return visit.id


def edit_visit(work: Work, data: inputs.EditVisit) -> None:
    """Change the facts of an open visit; the checklist only before the first answer."""
    visit = _open_visit(work, data.visit_id)
    _check_version(visit, data.version)
    errors = _check_day(work, "visited_on", data.visited_on)
    if visit.state is VisitState.IN_PROGRESS and data.visited_on > work.today:
        errors.append(FieldError("visited_on", _("Ngày kiểm tra chưa tới.")))
    if errors:
        raise ValidationFailed(errors)
    current = (
        work.session.scalar(
            select(ChecklistVersion.checklist_id).where(
                ChecklistVersion.id == visit.checklist_version_id
            )
        )
        if visit.checklist_version_id is not None
        else None
    )
    if data.checklist_id != current:
        if work.session.scalar(
            select(VisitAnswer.id).where(VisitAnswer.visit_id == visit.id).limit(1)
        ):
            raise ValidationFailed(
                {"checklist_id": _("Đã có câu trả lời, không đổi bảng kiểm được nữa.")}
            )
        visit.checklist_version_id = (
            newest_version_id(work, data.checklist_id) if data.checklist_id is not None else None
        )
    visit.visited_on = data.visited_on
    visit.decision_number = text.normalise(data.decision_number)
    visit.team_name = text.normalise(data.team_name)
    visit.is_announced = data.is_announced
    if visit.state is VisitState.PLANNED:
        # Another day is another occasion: whoever was told of the old one is told again.
        notices.tell_planned(work, visit)


def start_visit(work: Work, data: inputs.VisitRef) -> None:
    """Begin a visit that was planned: the team is there now. Beginning again changes nothing."""
    visit = _open_visit(work, data.visit_id)
    _begin(work, visit)


def add_member(work: Work, data: inputs.AddMember) -> int:
    """Add a person to the team; return the member's id. Raises ValidationFailed."""
    visit = _visit_to_staff(work, data.visit_id)
    added = _add_member(work, visit, data.member)
    notices.tell_asked_along(work, visit, data.member.user_id)
    return added


def remove_member(work: Work, data: inputs.RemoveMember) -> None:
    """Take a person out of the team; the last one with an account stays."""
    visit = _visit_to_staff(work, data.visit_id)
    member = work.get(VisitMember, data.member_id)
    if member.visit_id != visit.id:
        raise NotFound
    others = work.session.scalar(
        select(func.count())
        .select_from(VisitMember)
        .where(
            VisitMember.visit_id == visit.id,
            VisitMember.user_id.is_not(None),
            VisitMember.id != member.id,
        )
    )
    if not others:
        raise ValidationFailed({"": _("Đoàn cần ít nhất một người có tài khoản.")})
    work.session.delete(member)


def count_heads(work: Work, data: inputs.CountHeads) -> None:
    """Keep who was present and absent; the same figures again change nothing."""
    visit = _open_visit(work, data.visit_id)
    errors = [
        FieldError(name, _("Hãy nhập số từ 0 đến %(most)s.", most=MOST_PEOPLE))
        for name in ("present", "absent_with_reason", "absent_without_reason")
        if (value := getattr(data, name)) is not None and not 0 <= value <= MOST_PEOPLE
    ]
    if len(data.note) > 4000:
        errors.append(FieldError("note", _("Ghi chú quá dài.")))
    if errors:
        raise ValidationFailed(errors)
    _begin(work, visit)
    counted_at = (
        datetime.combine(visit.visited_on, data.counted_at, tzinfo=LOCAL)
        if data.counted_at is not None
        else None
    )
    for name, attribute, value in (
        ("present", "present", data.present),
        ("absent_with_reason", "absent_with_reason", data.absent_with_reason),
        ("absent_without_reason", "absent_without_reason", data.absent_without_reason),
        ("counted_at", "counted_at", counted_at),
        ("note", "absence_note", text.normalise(data.note)),
    ):
        if name not in data.untouched:
            setattr(visit, attribute, value)


def save_answer(work: Work, data: inputs.SaveAnswer) -> None:
    """Keep the answer to one item of the visit's own checklist version; the newest send counts.

    Sending the same again changes nothing. Raises NotFound for an item of another version.
    """
    visit = _open_visit(work, data.visit_id)
    item = work.session.get(ChecklistItem, data.item_id)
    if item is None or item.version_id != visit.checklist_version_id:
        raise NotFound
    if len(data.note or "") > 4000:
        raise ValidationFailed({"note": _("Ghi chú quá dài.")})
    answer = work.session.scalar(
        select(VisitAnswer)
        .where(VisitAnswer.visit_id == visit.id, VisitAnswer.item_id == item.id)
        .with_for_update()
    )
    if answer is None:
        if data.answer is None:
            raise ValidationFailed({"answer": _("Hãy chọn một câu trả lời.")})
        _begin(work, visit)
        work.session.add(
            VisitAnswer(
                visit_id=visit.id,
                item_id=item.id,
                answer=data.answer,
                note=text.normalise(data.note or ""),
                answered_at=work.now,
                answered_by_id=work.actor.user_id,
            )
        )
        return
    wanted = data.answer or answer.answer
    note = answer.note if data.note is None else text.normalise(data.note)
    if (answer.answer, answer.note) == (wanted, note):
        return
    answer.answer, answer.note = wanted, note
    answer.answered_at, answer.answered_by_id = work.now, work.actor.user_id


def check_finding(work: Work, data: inputs.CheckFinding) -> None:
    """Keep what a re-inspection says of an earlier finding; it takes effect at its end."""
    visit = _open_visit(work, data.visit_id)
    check = work.session.get(
        FindingCheck, (visit.id, data.finding_id), with_for_update=True, populate_existing=True
    )
    if check is None:
        raise NotFound
    _begin(work, visit)
    if data.is_remedied is not None:
        check.is_remedied = data.is_remedied
    if data.note is not None:
        check.note = text.normalise(data.note)


def finish_visit(work: Work, data: inputs.FinishVisit) -> None:
    """Close the record of a visit. Raises ValidationFailed with everything that is missing."""
    visit = _visible_visit(work, data.visit_id)
    _require_team(work, visit)
    if visit.state is VisitState.FINISHED:
        return
    if visit.state is VisitState.CANCELLED:
        raise Conflict(_("Cuộc kiểm tra này đã hủy."))
    if visit.visited_on > work.today:
        raise ValidationFailed({"": _("Chưa tới ngày kiểm tra, chưa kết thúc được.")})
    missing = missing_of(work, visit)
    if missing:
        raise ValidationFailed([FieldError("", words) for words in missing])
    checks = work.session.scalars(
        select(FindingCheck).where(FindingCheck.visit_id == visit.id)
    ).all()
    for check in checks:
        _apply_check(work, check)
    visit.state = VisitState.FINISHED
    visit.started_at = visit.started_at or work.now
    visit.finished_at = work.now
    visit.conclusion = text.normalise(data.conclusion)
    count = work.session.scalar(
        select(func.count()).select_from(Finding).where(Finding.visit_id == visit.id)
    )
    notices.tell_findings(work, visit)
    work.emit(
        VisitFinished(
            visit=visit.public_id,
            unit_id=visit.unit_id,
            kind=visit.kind.value,
            visited_on=visit.visited_on,
            finding_count=count or 0,
        )
    )


def missing_of(work: Work, visit: Visit) -> list[str]:
    """Return in words what a visit still needs before it can end."""
    words: list[str] = []
    counts = (visit.present, visit.absent_with_reason, visit.absent_without_reason)
    if any(count is None for count in counts):
        words.append(_("Chưa ghi đủ quân số: có mặt, vắng có lý do, vắng không lý do."))
    if visit.checklist_version_id is not None:
        unanswered = work.session.scalars(
            select(ChecklistItem.text)
            .outerjoin(
                VisitAnswer,
                (VisitAnswer.item_id == ChecklistItem.id) & (VisitAnswer.visit_id == visit.id),
            )
            .where(
                ChecklistItem.version_id == visit.checklist_version_id,
                ChecklistItem.is_required,
                VisitAnswer.id.is_(None),
            )
            .order_by(ChecklistItem.position)
        )
        words += [_("Chưa trả lời: %(item)s", item=item) for item in unanswered]
    unchecked = work.session.scalars(
        select(Finding.text)
        .join(FindingCheck, FindingCheck.finding_id == Finding.id)
        .where(FindingCheck.visit_id == visit.id, FindingCheck.is_remedied.is_(None))
        .order_by(Finding.id)
    )
    words += [_("Chưa kiểm tra lại: %(finding)s", finding=found) for found in unchecked]
    return words


def cancel_visit(work: Work, data: inputs.CancelVisit) -> None:
    """Give up a visit that is not finished, with the reason; its findings must be none."""
    visit = _open_visit(work, data.visit_id)
    reason = text.normalise(data.reason)
    if not reason:
        raise ValidationFailed({"reason": _("Hãy ghi lý do hủy.")})
    if work.session.scalar(select(Finding.id).where(Finding.visit_id == visit.id).limit(1)):
        raise Conflict(_("Đã ghi phát hiện, không hủy được. Hãy kết thúc cuộc kiểm tra."))
    visit.state = VisitState.CANCELLED
    visit.cancel_reason = reason


def record_notice(work: Work, data: inputs.RecordNotice) -> None:
    """Add conclusion and notice to a finished visit. Only the team's leader may."""
    visit = _visible_visit(work, data.visit_id)
    if visit.state is not VisitState.FINISHED:
        raise Conflict(_("Hãy kết thúc cuộc kiểm tra trước khi ghi thông báo kết luận."))
    if not work.actor.access.everything and not _leads(work, visit):
        raise PermissionDenied(_("Chỉ trưởng đoàn ghi kết luận và thông báo."))
    number = text.normalise(data.notice_number)
    errors = []
    if bool(number) != bool(data.notice_on):
        name = "notice_on" if number else "notice_number"
        errors.append(FieldError(name, _("Hãy ghi cả số và ngày của thông báo.")))
    if data.notice_on and not visit.visited_on <= data.notice_on <= work.today:
        errors.append(
            FieldError(
                "notice_on", _("Ngày thông báo không trước ngày kiểm tra, không sau hôm nay.")
            )
        )
    if errors:
        raise ValidationFailed(errors)
    visit.conclusion = text.normalise(data.conclusion)
    visit.notice_number = number
    visit.notice_on = data.notice_on


# ---------------------------------------------------------------------------------------------
# Findings


def record_finding(work: Work, data: inputs.RecordFinding) -> int:
    """Keep something to put right, with photos; return its id.

    Flags a repeat: the same item failed at this unit, or at one it took over from, within the
    months of the setting. A second send with the same key returns the first one's id.
    """
    visit = _open_visit(work, data.visit_id)
    known = _sent_before(work, Finding, data.idempotency_key)
    if known is not None:
        if known.visit_id != visit.id:
            raise Conflict
        return known.id
    item: ChecklistItem | None = None
    if data.item_id is not None:
        item = work.session.get(ChecklistItem, data.item_id)
        if item is None or item.version_id != visit.checklist_version_id:
            raise NotFound
    words = _checked_finding(work, visit, data.text, data.remedy_due_on, len(data.photos))
    _begin(work, visit)
    code = item.code if item else ""
    repeated = _earlier_finding(work, visit, code) if code else None
    finding = Finding(
        visit_id=visit.id,
        unit_id=visit.unit_id,
        item_id=item.id if item else None,
        item_code=code,
        severity=data.severity,
        text=words,
        folded=text.fold(words)[:4000],
        state=FindingState.OPEN,
        found_on=visit.visited_on,
        remedy_due_on=data.remedy_due_on,
        repeat_of_id=repeated,
        recorded_by_id=work.actor.user_id,
        idempotency_key=data.idempotency_key,
    )
    work.session.add(finding)
    work.session.flush()
    for photo in data.photos:
        attach(work, photo, "finding", finding.id)
    work.emit(
        FindingRecorded(
            finding=finding.public_id,
            unit_id=finding.unit_id,
            severity=finding.severity.value,
            is_repeated=repeated is not None,
        )
    )
    return finding.id


def edit_finding(work: Work, data: inputs.EditFinding) -> None:
    """Change what a finding says while its visit is open; more photos may be added."""
    finding = _visible_finding(work, data.finding_id)
    visit = _open_visit(work, finding.visit_id)
    _check_version(finding, data.version)
    words = _checked_finding(work, visit, data.text, data.remedy_due_on, len(data.photos))
    finding.text, finding.folded = words, text.fold(words)[:4000]
    finding.severity = data.severity
    finding.remedy_due_on = data.remedy_due_on
    for photo in data.photos:
        attach(work, photo, "finding", finding.id)


def set_remedy_due(work: Work, data: inputs.SetRemedyDue) -> int:
    """Give open findings a day to be remedied by, or another one; return how many changed.

    While a visit is open its team writes that day; what the conclusion says, or a later day, comes
    by this way. Raises ValidationFailed, NotFound, PermissionDenied; then none is changed.
    """
    if not data.finding_ids:
        raise ValidationFailed({"": _("Hãy chọn ít nhất một phát hiện.")})
    if len(data.finding_ids) > MOST_AT_ONCE:
        raise ValidationFailed(
            {"": _("Mỗi lần làm được với nhiều nhất %(most)d phát hiện.", most=MOST_AT_ONCE)}
        )
    errors = _check_day(work, "due_on", data.due_on)
    if data.due_on < work.today:
        errors.append(FieldError("due_on", _("Hạn khắc phục không trước hôm nay.")))
    if errors:
        raise ValidationFailed(errors)
    changed = 0
    for key in sorted(set(data.finding_ids)):
        finding = _visible_finding(work, key)
        work.require(VERIFY, finding)
        if finding.state is not FindingState.OPEN:
            raise ValidationFailed({"": _("Chỉ đặt hạn cho phát hiện đang chờ khắc phục.")})
        if _is_insider(work, finding):
            raise PermissionDenied(_("Người của đơn vị không tự đặt hạn cho đơn vị mình."))
        changed += finding.remedy_due_on != data.due_on
        finding.remedy_due_on = data.due_on
    return changed


def report_remedy(work: Work, data: inputs.ReportRemedy) -> int:
    """Keep what the unit did about a finding; it then waits for a second person.

    Sending the same report again returns the first one's id.
    """
    finding = _visible_finding(work, data.finding_id)
    unit = work.get(Unit, finding.unit_id, lock=False)
    work.require(REMEDY, unit)
    words = text.normalise(data.text)
    waiting = _waiting_remedy(work, finding)
    if waiting is not None:
        if (waiting.text, waiting.done_on) == (words, data.done_on):
            return waiting.id
        raise Conflict(_("Báo cáo khắc phục trước đang chờ xác minh."))
    if finding.state is not FindingState.OPEN:
        raise Conflict(_("Phát hiện này không chờ khắc phục nữa."))
    errors = []
    if not words:
        errors.append(FieldError("text", _("Hãy ghi đơn vị đã khắc phục thế nào.")))
    elif len(words) > 4000:
        errors.append(FieldError("text", _("Nội dung quá dài.")))
    if not finding.found_on <= data.done_on <= work.today:
        errors.append(
            FieldError("done_on", _("Ngày xong không trước ngày phát hiện, không sau hôm nay."))
        )
    if data.evidence_on is not None and data.evidence_on > work.today:
        errors.append(FieldError("evidence_on", _("Ngày văn bản không sau hôm nay.")))
    if len(data.files) > MOST_PHOTOS:
        errors.append(FieldError("files", _("Nhiều nhất %(most)d tệp.", most=MOST_PHOTOS)))
    if errors:
        raise ValidationFailed(errors)
    remedy = Remedy(
        finding_id=finding.id,
        text=words,
        done_on=data.done_on,
        evidence_number=text.normalise(data.evidence_number),
        evidence_on=data.evidence_on,
        evidence_issuer=text.normalise(data.evidence_issuer),
        reported_at=work.now,
        reported_by_id=work.actor.user_id,
        reported_by_name=work.actor.name,
    )
    work.session.add(remedy)
    finding.state = FindingState.REMEDIED
    work.session.flush()
    for one in data.files:
        attach(work, one, "remedy", remedy.id)
    notices.tell_remedied(work, finding, remedy)
    return remedy.id


def verify_remedy(work: Work, data: inputs.VerifyRemedy) -> None:
    """Accept the remedy that waits, or send it back with a note, as the second person.

    Raises PermissionDenied for the reporter and for members of the unit.
    """
    finding = _visible_finding(work, data.finding_id)
    work.require(VERIFY, finding)
    remedy = _waiting_remedy(work, finding)
    if remedy is None:
        raise Conflict(_("Không có báo cáo khắc phục nào đang chờ xác minh."))
    _require_second_person(work, finding, remedy)
    note = text.normalise(data.note)
    if not data.is_accepted and not note:
        raise ValidationFailed({"note": _("Hãy ghi còn thiếu gì, để đơn vị làm tiếp.")})
    _judge(work, remedy, is_accepted=data.is_accepted, note=note)
    finding.state = FindingState.VERIFIED if data.is_accepted else FindingState.OPEN
    notices.tell_judged(work, finding, remedy)


def close_finding(work: Work, data: inputs.FindingRef) -> None:
    """Close a verified finding."""
    finding = _visible_finding(work, data.finding_id)
    work.require(VERIFY, finding)
    if finding.state is FindingState.CLOSED:
        return
    if finding.state is not FindingState.VERIFIED:
        raise Conflict(_("Chỉ đóng được phát hiện đã xác minh khắc phục."))
    _require_outsider(work, finding)
    finding.state = FindingState.CLOSED
    finding.closed_on = work.today


# ---------------------------------------------------------------------------------------------
# What the services share


def _sent_before(work: Work, model: type[Sent], key: str | None) -> Sent | None:
    if not key:
        return None
    return work.session.scalar(select(model).where(model.idempotency_key == key))


def _visible_visit(work: Work, visit_id: int) -> Visit:
    visit = work.get(Visit, visit_id)
    if not work.may(VIEW, visit):
        raise NotFound
    return visit


def _visible_finding(work: Work, finding_id: int) -> Finding:
    finding = work.get(Finding, finding_id)
    if not work.may(VIEW, finding):
        raise NotFound
    return finding


def _open_visit(work: Work, visit_id: int) -> Visit:
    """Return a visit in which the actor may write now."""
    visit = _visible_visit(work, visit_id)
    _require_team(work, visit)
    if visit.state not in OPEN_STATES:
        raise Conflict(_("Cuộc kiểm tra đã kết thúc, không sửa được nữa."))
    return visit


def _visit_to_staff(work: Work, visit_id: int) -> Visit:
    """Return an open visit whose team the actor may change: its own team's, or a planner's.

    Being asked along is not enough: whoever may write nothing in the record sends nobody home.
    """
    visit = _visible_visit(work, visit_id)
    if not work.may(PLAN, visit):
        _require_team(work, visit)
    if visit.state not in OPEN_STATES:
        raise Conflict(_("Cuộc kiểm tra đã kết thúc, không sửa được nữa."))
    return visit


def _members(work: Work, visit: Visit) -> dict[int, MemberRole]:
    return {
        row.user_id: row.role
        for row in work.session.execute(
            select(VisitMember.user_id, VisitMember.role).where(
                VisitMember.visit_id == visit.id, VisitMember.user_id.is_not(None)
            )
        )
    }


def _is_of_team(work: Work, visit: Visit) -> bool:
    return work.actor.access.everything or work.actor.user_id in _members(work, visit)


def _leads(work: Work, visit: Visit) -> bool:
    me = work.actor.user_id
    return me is not None and _members(work, visit).get(me) is MemberRole.LEADER


def _right_to_log(work: Work, kind: VisitKind) -> str:
    """Return the right that a record of this kind asks for: a unit may look at itself."""
    return LOG if kind is not VisitKind.SELF or work.actor.access.holds(LOG) else SELF


def _require_team(work: Work, visit: Visit) -> None:
    work.require(_right_to_log(work, visit.kind), visit)
    if not _is_of_team(work, visit):
        raise PermissionDenied(_("Chỉ thành viên đoàn kiểm tra ghi vào biên bản này."))


def _begin(work: Work, visit: Visit) -> None:
    if visit.state is VisitState.PLANNED:
        if visit.visited_on > work.today:
            raise ValidationFailed({"": _("Chưa tới ngày kiểm tra.")})
        visit.state = VisitState.IN_PROGRESS
        visit.started_at = work.now


def _check_version(record: Visit | Finding, version: int | None) -> None:
    if version is not None and record.version != version:
        raise Conflict(_("Người khác vừa sửa mục này. Hãy tải lại rồi sửa tiếp."))


def _check_day(work: Work, name: str, day: date) -> list[FieldError]:
    if abs(day.year - work.today.year) > FARTHEST_YEARS:
        return [FieldError(name, _("Ngày này quá xa. Hãy kiểm tra lại năm."))]
    return []


def _check_plan_item(work: Work, data: inputs.CreateVisit) -> None:
    item = work.session.get(InspectionPlanItem, data.plan_item_id)
    if item is None or item.unit_id != data.unit_id:
        raise ValidationFailed({"plan_item_id": _("Dòng kế hoạch này không phải của đơn vị.")})
    if not item.plan.is_issued:
        raise ValidationFailed({"plan_item_id": _("Kế hoạch kiểm tra này chưa ban hành.")})
    if item.withdrawn_on is not None:
        raise ValidationFailed({"plan_item_id": _("Dòng này đã rút khỏi kế hoạch kiểm tra.")})
    taken = work.session.scalar(
        select(Visit.id).where(Visit.plan_item_id == item.id, Visit.state != VisitState.CANCELLED)
    )
    if taken is not None:
        raise ValidationFailed({"plan_item_id": _("Dòng kế hoạch này đã có cuộc kiểm tra.")})


def _add_member(work: Work, visit: Visit, member: inputs.Member) -> int:
    name, agency = text.normalise(member.name), text.normalise(member.agency)
    count = work.session.scalar(
        select(func.count()).select_from(VisitMember).where(VisitMember.visit_id == visit.id)
    )
    if (count or 0) >= MOST_MEMBERS:
        raise ValidationFailed({"": _("Đoàn có nhiều nhất %(most)d người.", most=MOST_MEMBERS)})
    if member.user_id is not None:
        user = work.session.scalars(
            select(User).where(User.id == member.user_id, queries.may_be_member())
        ).one_or_none()
        if user is None:
            raise ValidationFailed({"user_id": _("Không có tài khoản này.")})
        if user.id in _members(work, visit):
            raise ValidationFailed({"user_id": _("Người này đã ở trong đoàn.")})
        name = user.name
        if not agency and user.unit_id is not None:
            unit = work.session.get(Unit, user.unit_id)
            agency = unit.name if unit else ""
    if not name:
        raise ValidationFailed({"name": _("Hãy chọn tài khoản hoặc ghi họ tên.")})
    if len(name) > 200 or len(agency) > 500:
        raise ValidationFailed({"name": _("Họ tên hoặc cơ quan quá dài.")})
    row = VisitMember(
        visit_id=visit.id, user_id=member.user_id, name=name, agency=agency, role=member.role
    )
    work.session.add(row)
    work.session.flush()
    return row.id


def _link_findings(work: Work, visit: Visit, finding_ids: Sequence[int]) -> None:
    if not finding_ids:
        raise ValidationFailed({"finding_ids": _("Hãy chọn những phát hiện cần kiểm tra lại.")})
    found = work.session.scalars(select(Finding).where(Finding.id.in_(set(finding_ids)))).all()
    for finding in found:
        if not work.may(VIEW, finding) or finding.unit_id != visit.unit_id:
            raise ValidationFailed(
                {"finding_ids": _("Chỉ chọn phát hiện của đơn vị được kiểm tra lại.")}
            )
        if finding.state is FindingState.CLOSED:
            raise ValidationFailed({"finding_ids": _("Phát hiện đã đóng không cần kiểm tra lại.")})
        work.session.add(FindingCheck(visit_id=visit.id, finding_id=finding.id))
    if len(found) != len(set(finding_ids)):
        raise ValidationFailed({"finding_ids": _("Có phát hiện không tìm thấy.")})


def _apply_check(work: Work, check: FindingCheck) -> None:
    """Let a finding follow what the re-inspection saw: verified, or open again."""
    finding = work.get(Finding, check.finding_id)
    if finding.state is FindingState.CLOSED and check.is_remedied:
        return
    waiting = _waiting_remedy(work, finding)
    if waiting is not None:
        _require_second_person(work, finding, waiting)
        _judge(work, waiting, is_accepted=bool(check.is_remedied), note=check.note)
        notices.tell_judged(work, finding, waiting)
    elif check.is_remedied:
        _require_outsider(work, finding)
    finding.state = FindingState.VERIFIED if check.is_remedied else FindingState.OPEN
    if not check.is_remedied:
        finding.closed_on = None


def _judge(work: Work, remedy: Remedy, *, is_accepted: bool, note: str) -> None:
    remedy.verified_at = work.now
    remedy.verified_by_id = work.actor.user_id
    remedy.verified_by_name = work.actor.name
    remedy.is_accepted = is_accepted
    remedy.verification_note = note


def _waiting_remedy(work: Work, finding: Finding) -> Remedy | None:
    return work.session.scalar(
        select(Remedy)
        .where(Remedy.finding_id == finding.id, Remedy.is_accepted.is_(None))
        .order_by(Remedy.id.desc())
        .limit(1)
        .with_for_update()
    )


def _require_second_person(work: Work, finding: Finding, remedy: Remedy) -> None:
    me = work.actor.user_id
    if me is not None and me == remedy.reported_by_id:
        raise PermissionDenied(_("Người báo cáo khắc phục không tự xác minh được."))
    _require_outsider(work, finding)


def _require_outsider(work: Work, finding: Finding) -> None:
    if _is_insider(work, finding):
        raise PermissionDenied(_("Người của đơn vị không tự xác minh khắc phục của đơn vị mình."))


def _is_insider(work: Work, finding: Finding) -> bool:
    """Tell whether the actor is a member of the unit: by home, or by answering for it."""
    if work.actor.access.everything:
        return False
    user = work.session.get(User, work.actor.user_id)
    unit = work.session.get(Unit, finding.unit_id)
    at_home = (
        user is not None
        and user.unit_id is not None
        and work.session.scalar(
            select(UnitClosure.descendant_id).where(
                UnitClosure.ancestor_id == finding.unit_id,
                UnitClosure.descendant_id == user.unit_id,
                UnitClosure.by_succession.is_(False),
            )
        )
        is not None
    )
    return at_home or (unit is not None and work.may(REMEDY, unit))


def _checked_finding(work: Work, visit: Visit, words: str, due: date | None, photos: int) -> str:
    words = text.normalise(words)
    errors = []
    if not words:
        errors.append(FieldError("text", _("Hãy ghi nội dung cần khắc phục.")))
    elif len(words) > 4000:
        errors.append(FieldError("text", _("Nội dung quá dài.")))
    if due is not None and due < visit.visited_on:
        errors.append(FieldError("remedy_due_on", _("Hạn khắc phục không trước ngày kiểm tra.")))
    elif due is not None:
        errors += _check_day(work, "remedy_due_on", due)
    if photos > MOST_PHOTOS:
        errors.append(FieldError("photos", _("Nhiều nhất %(most)d ảnh.", most=MOST_PHOTOS)))
    if errors:
        raise ValidationFailed(errors)
    return words


def _earlier_finding(work: Work, visit: Visit, code: str) -> int | None:
    """Return the latest earlier finding of the same item at the unit or a predecessor of it."""
    units: Iterable[int] = predecessor_ids(work.session, visit.unit_id)
    months = whole("inspections.repeat_months")
    return work.session.scalar(
        select(Finding.id)
        .join(Visit, Visit.id == Finding.visit_id)
        .where(
            Finding.item_code == code,
            Finding.visit_id != visit.id,
            Finding.found_on <= visit.visited_on,
            Finding.found_on >= rules.months_before(visit.visited_on, months),
            or_(Finding.unit_id.in_(units), Visit.unit_id.in_(units)),
        )
        .order_by(Finding.found_on.desc(), Finding.id.desc())
        .limit(1)
    )

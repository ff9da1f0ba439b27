"""The yearly plan: drafted, proposed, changed by a person, approved, published, carried out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select

from tracker.api import text
from tracker.api.errors import Conflict, FieldError, ValidationFailed
from tracker.api.i18n import gettext as _
from tracker.api.jobs import queue
from tracker.api.queries import session, tasks, unit_closure, visible
from tracker.api.work import Work
from tracker_position_rotation.inputs import (
    ApplyProposal,
    ApprovePlan,
    DraftPlan,
    FinishRow,
    MovePerson,
    PlanRef,
    PublishPlan,
    SavePlan,
    SaveRow,
)
from tracker_position_rotation.models import (
    Deferral,
    Holding,
    Outcome,
    Person,
    Plan,
    PlanRow,
    PlanState,
    Post,
    Reason,
    keep_reason,
    reason_of,
)
from tracker_position_rotation.permissions import MANAGE
from tracker_position_rotation.rules import due_by, retires_soon
from tracker_position_rotation.services import holds, move
from tracker_position_rotation.standings import held_on, periods_on, retirement_months

# People of one plan; beyond it a plan belongs to several units.
MOST_ROWS = 20_000
PROPOSE = "position_rotation.propose"
MOST_NAMED = 5
# After so long nobody waits for a proposal any more: the run that should make it has failed.
PATIENCE = timedelta(minutes=15)


def _plan(work: Work, plan_id: int) -> Plan:
    plan = work.get(Plan, plan_id)
    work.require(MANAGE, plan)
    return plan


def waits_for_proposal(plan: Plan, now: datetime) -> bool:
    """Tell whether a proposal that was asked for may still come."""
    return plan.asked_at is not None and now - plan.asked_at < PATIENCE


def _draft(work: Work, plan_id: int) -> Plan:
    plan = _plan(work, plan_id)
    if plan.state is not PlanState.DRAFT:
        raise Conflict(_("Kế hoạch đã ban hành, không sửa bản nháp được nữa."))
    return plan


def _rows(work: Work, plan: Plan) -> dict[int, PlanRow]:
    """Return the rows of a plan by person."""
    found = work.session.scalars(select(PlanRow).where(PlanRow.plan_id == plan.id))
    return {row.person_id: row for row in found}


def draft_plan(work: Work, data: DraftPlan) -> int:
    """Begin a plan, with a row for everybody who falls due by the end of its year; return its id.

    A person is listed with the reasons that hold at the end of the year: exempt and deferred people
    are in the list by their reason. Near retirement is whoever is so on the day of falling due, or
    from when on the plan is made.
    """
    work.require_held(MANAGE)
    if not 2000 <= data.year <= 2100:
        raise ValidationFailed({"year": _("Năm chưa đúng.")})
    plan = Plan(unit_id=data.unit_id, year=data.year)
    if not work.may(MANAGE, plan):
        raise ValidationFailed({"unit_id": _("Hãy chọn đơn vị trong phạm vi của bạn.")})
    known = select(Plan.id).where(Plan.unit_id == data.unit_id, Plan.year == data.year)
    if work.session.scalar(known):
        raise ValidationFailed({"year": _("Đơn vị này đã có kế hoạch của năm đó.")})
    plan.title = text.normalise(data.title) or _(
        "Kế hoạch chuyển đổi vị trí công tác năm %(year)d", year=data.year
    )
    plan.task_id = _task(data.task_id)
    work.session.add(plan)
    work.session.flush()
    list_people(work, plan)
    return plan.id


def _task(task_id: int | None) -> int | None:
    """Return the task whose progress a plan gives: one that the actor sees. ValidationFailed."""
    if task_id is None:
        return None
    known = select(tasks.c.id).where(
        tasks.c.id == task_id,
        tasks.c.kind == "task",
        tasks.c.withdrawn_on.is_(None),
        visible("plans.view", tasks),
    )
    if session().scalar(known) is None:
        raise ValidationFailed({"task_id": _("Hãy chọn một mục trong danh sách.")})
    return task_id


def save_plan(work: Work, data: SavePlan) -> int:
    """Change a plan's title and the task that takes its progress; return the plan's id."""
    plan = _plan(work, data.plan_id)
    if data.version is not None and plan.version != data.version:
        raise Conflict(_("Người khác vừa sửa mục này. Hãy tải lại rồi sửa tiếp."))
    title = text.normalise(data.title)
    if not title:
        raise ValidationFailed({"title": _("Hãy điền mục này.")})
    if data.task_id != plan.task_id:
        plan.task_id = _task(data.task_id)
    plan.title = title
    return plan.id


def relist_plan(work: Work, data: PlanRef) -> int:
    """List anew who is due, keeping what a person chose; return how many rows there are."""
    return list_people(work, _draft(work, data.plan_id))


def list_people(work: Work, plan: Plan) -> int:
    """Fill the rows of a draft; return how many there are."""
    year_end = date(plan.year, 12, 31)
    opening = min(max(work.today, date(plan.year, 1, 1)), year_end)
    periods = periods_on(work.session, opening)
    held_day = min(work.today, year_end)
    found = work.session.execute(
        select(Holding, Post.category_id, Person)
        .join(Post, Post.id == Holding.post_id)
        .join(Person, Person.id == Holding.person_id)
        .where(
            held_on(held_day),
            Post.unit_id.in_(
                select(unit_closure.c.descendant_id).where(
                    unit_closure.c.ancestor_id == plan.unit_id
                )
            ),
            Post.category_id.in_(list(periods)),
        )
        .order_by(Holding.id)
    ).all()
    due = [
        (holding, day, person)
        for holding, category_id, person in found
        if category_id is not None
        and (day := due_by(holding.since_in_category, periods[category_id])) <= year_end
    ]
    if len(due) > MOST_ROWS:
        raise ValidationFailed(
            {"unit_id": _("Quá nhiều người cho một kế hoạch, hãy chọn đơn vị nhỏ hơn.")}
        )
    pauses = _pauses(work, [holding.person_id for holding, _day, _person in due], year_end)
    retirement = _Retirement.read(work)
    rows = _rows(work, plan)
    wanted = {holding.person_id for holding, _day, _person in due}
    for person_id, row in list(rows.items()):
        if person_id not in wanted and not row.is_by_hand:
            work.session.delete(row)
            del rows[person_id]
    work.session.flush()
    for holding, day, person in due:
        known = rows.get(holding.person_id)
        if known is not None and known.is_by_hand:
            continue
        row = known or PlanRow(plan_id=plan.id, person_id=holding.person_id)
        if known is None:
            row.outcome = Outcome.OPEN
            rows[holding.person_id] = row
            work.session.add(row)
        if row.from_post_id != holding.post_id:
            row.from_post_id, row.to_post_id, row.month = holding.post_id, None, None
            row.outcome = Outcome.OPEN
        row.since, row.due_on = holding.since_in_category, day
        pause = pauses.get(holding.person_id)
        is_exempt = pause is not None and pause.counts_out
        if not is_exempt and retirement.exempts(person, max(day, opening)):
            row.outcome, row.to_post_id, row.month = Outcome.EXEMPT, None, None
            row.deferred_until, row.why = None, retirement.words(person)
            keep_reason(row, retirement.reason)
        elif pause is not None:
            row.outcome = Outcome.EXEMPT if pause.counts_out else Outcome.DEFERRED
            row.to_post_id = row.month = None
            row.reason_id, row.private_reason = pause.reason_id, pause.private_reason
            row.deferred_until, row.why = pause.end, ""
        elif row.outcome in {Outcome.EXEMPT, Outcome.DEFERRED}:
            row.outcome, row.deferred_until, row.why = Outcome.OPEN, None, ""
            keep_reason(row, None)
    work.session.flush()
    return len(rows)


@dataclass(frozen=True)
class _Retirement:
    """The rule that who is near retirement is not rotated, and the reason of the list for it."""

    months: int
    reason: Reason | None

    @classmethod
    def read(cls, work: Work) -> _Retirement:
        """Read the rule; an agency may have taken its reason off the list."""
        reason = work.session.scalar(select(Reason).where(Reason.code == "retirement"))
        return cls(retirement_months(), reason)

    def exempts(self, person: Person, day: date) -> bool:
        """Tell whether a person is exempt on a day and nobody decided otherwise."""
        return not person.retirement_override and retires_soon(person.retires_on, day, self.months)

    def words(self, person: Person) -> str:
        """Return why, as the plan's row says it."""
        assert person.retires_on is not None
        return _(
            "Do máy tính ra: đến tuổi nghỉ hưu ngày %(day)s, khi đến hạn còn dưới %(months)d "
            "tháng.",
            day=f"{person.retires_on:%d/%m/%Y}",
            months=self.months,
        )


def _pauses(work: Work, person_ids: Sequence[int], day: date) -> dict[int, Deferral]:
    """Return by person the deferral that holds on `day`: an exemption first, then the longest."""
    found: dict[int, Deferral] = {}
    for start in range(0, len(person_ids), 500):
        part = person_ids[start : start + 500]
        for deferral in work.session.scalars(
            select(Deferral).where(Deferral.person_id.in_(part), Deferral.start <= day)
        ):
            if deferral.end is not None and deferral.end < day:
                continue
            known = found.get(deferral.person_id)
            if known is None or _weight(deferral) > _weight(known):
                found[deferral.person_id] = deferral
    return found


def _weight(deferral: Deferral) -> tuple[bool, date, int]:
    return deferral.counts_out, deferral.end or date.max, deferral.id


def ask_proposal(work: Work, data: PlanRef) -> UUID:
    """Ask for a proposal, made by a job; return the run's identity, the same while one waits."""
    plan = _draft(work, data.plan_id)
    plan.asked_at = work.now
    return queue(work, PROPOSE, {"plan": plan.id}, once=str(plan.id))


def apply_proposal(work: Work, data: ApplyProposal) -> int:
    """Write a proposal into a draft; return how many rows it changed.

    What a person chose stays. Rows of people who are not due and only free a seat come and go
    with the proposal.
    """
    plan = _draft(work, data.plan_id)
    rows = _rows(work, plan)
    proposed = {one.person_id: one for one in data.rows}
    changed = 0
    since_of = _since(work, [key for key in proposed if key not in rows])
    for person_id, row in list(rows.items()):
        if row.due_on is None and not row.is_by_hand and person_id not in proposed:
            work.session.delete(row)
            del rows[person_id]
    for one in data.rows:
        known = rows.get(one.person_id)
        row = known or PlanRow(plan_id=plan.id, person_id=one.person_id, is_by_hand=False)
        if known is None:
            post_id, since = since_of.get(one.person_id, (None, None))
            if since is None or post_id != one.from_post_id:
                continue
            row.since, row.from_post_id, row.outcome = since, one.from_post_id, Outcome.OPEN
            work.session.add(row)
        if row.is_by_hand or row.from_post_id != one.from_post_id:
            continue
        if row.outcome not in {Outcome.OPEN, Outcome.PLANNED}:
            continue
        row.outcome = Outcome.OPEN if one.to_post_id is None else Outcome.PLANNED
        row.to_post_id, row.month, row.why = one.to_post_id, one.month, one.why
        changed += 1
    plan.asked_at = None
    plan.proposal = dict(data.summary)
    work.session.flush()
    return changed


def _since(work: Work, person_ids: Sequence[int]) -> dict[int, tuple[int, date]]:
    """Return by person the post held now, and since when posts of its category."""
    found: dict[int, tuple[int, date]] = {}
    for start in range(0, len(person_ids), 500):
        rows = work.session.execute(
            select(Holding.person_id, Holding.post_id, Holding.since_in_category).where(
                Holding.person_id.in_(person_ids[start : start + 500]), Holding.until.is_(None)
            )
        )
        found.update({row.person_id: (row.post_id, row.since_in_category) for row in rows})
    return found


def save_row(work: Work, data: SaveRow) -> int:
    """Write what a person decides about one row; return the plan's id.

    After approval a change needs a reason, which goes into the change log.
    """
    row = work.get(PlanRow, data.row_id)
    plan = _plan(work, row.plan_id)
    if data.version is not None and row.version != data.version:
        raise Conflict(_("Người khác vừa sửa mục này. Hãy tải lại rồi sửa tiếp."))
    if plan.state is PlanState.CLOSED or row.outcome is Outcome.DONE:
        raise Conflict(_("Dòng này đã thực hiện hoặc kế hoạch đã kết thúc, không sửa được."))
    if plan.state is PlanState.APPROVED and not work.reason.strip():
        raise ValidationFailed({"reason": _("Kế hoạch đã ban hành: hãy ghi lý do điều chỉnh.")})
    errors: list[FieldError] = []
    target: Post | None = None
    reason: Reason | None = None
    if data.outcome is Outcome.PLANNED:
        target = work.session.get(Post, data.to_post_id) if data.to_post_id else None
        if target is None or not work.may(MANAGE, target) or target.ended_on is not None:
            errors.append(FieldError("to_post_id", _("Hãy chọn vị trí trong phạm vi của bạn.")))
        elif target.id == row.from_post_id:
            errors.append(FieldError("to_post_id", _("Đây là vị trí đang giữ.")))
        elif problem := _unfit(work, row, target):
            errors.append(FieldError("to_post_id", problem))
        if data.month is None or not 1 <= data.month <= 12:
            errors.append(FieldError("month", _("Tháng từ 1 đến 12.")))
    elif data.outcome in {Outcome.DEFERRED, Outcome.EXEMPT}:
        reason_id = reason_of(row) if data.keeps_reason else data.reason_id
        reason = work.session.get(Reason, reason_id) if reason_id else None
        errors += _reason_faults(work, row, data, reason)
    elif data.outcome is not Outcome.OPEN:
        errors.append(FieldError("outcome", _("Hãy chọn một mục trong danh sách.")))
    if errors:
        raise ValidationFailed(errors)
    planned = data.outcome is Outcome.PLANNED
    row.outcome = data.outcome
    row.to_post_id = target.id if planned and target is not None else None
    row.month = data.month if planned else None
    row.why = text.normalise(data.why)
    keep_reason(row, reason)
    row.deferred_until = data.deferred_until if data.outcome is Outcome.DEFERRED else None
    row.is_by_hand = True
    work.session.flush()
    return plan.id


def _reason_faults(
    work: Work, row: PlanRow, data: SaveRow, reason: Reason | None
) -> list[FieldError]:
    if reason is None or (reason.id != reason_of(row) and not holds(reason, work.today)):
        return [FieldError("reason_id", _("Hãy chọn một lý do đang áp dụng."))]
    if reason.counts_out is not (data.outcome is Outcome.EXEMPT):
        return [
            FieldError(
                "reason_id",
                _("Lý do này để không phải chuyển, không phải để tạm hoãn.")
                if reason.counts_out
                else _("Lý do này chỉ để tạm hoãn."),
            )
        ]
    if data.outcome is Outcome.DEFERRED and reason.needs_end and data.deferred_until is None:
        return [FieldError("deferred_until", _("Lý do này cần ngày kết thúc."))]
    return []


def _unfit(work: Work, row: PlanRow, target: Post) -> str:
    """Return why a person should not be put there; '' when nothing speaks against it."""
    origin = work.session.get(Post, row.from_post_id)
    if origin is not None and origin.profession_folded != target.profession_folded:
        return _("Vị trí mới phải cùng chuyên môn: %(profession)s.", profession=origin.profession)
    if origin is not None and origin.reach_unit_id != target.reach_unit_id:
        return _("Vị trí mới ngoài phạm vi điều động của vị trí hiện tại.")
    left = work.session.scalars(
        select(Holding.post_id)
        .where(Holding.person_id == row.person_id, Holding.until.is_not(None))
        .order_by(Holding.until.desc())
        .limit(1)
    ).first()
    if left == target.id:
        return _("Người này vừa rời vị trí đó, không chuyển trở lại.")
    return ""


def approve_plan(work: Work, data: ApprovePlan) -> None:
    """Approve a draft by its document. Raises ValidationFailed while a row is undecided."""
    plan = _draft(work, data.plan_id)
    number = text.normalise(data.number)
    errors: list[FieldError] = []
    if not number:
        errors.append(FieldError("number", _("Hãy điền mục này.")))
    if data.issued_on > work.today:
        errors.append(FieldError("issued_on", _("Ngày ban hành không sau hôm nay.")))
    rows = work.session.scalars(select(PlanRow).where(PlanRow.plan_id == plan.id)).all()
    if not rows:
        errors.append(FieldError("", _("Kế hoạch chưa có ai.")))
    undecided = sum(row.outcome is Outcome.OPEN for row in rows)
    if undecided:
        errors.append(FieldError("", _("Còn %(count)d người chưa có phương án.", count=undecided)))
    if crowded := _crowded(work, rows):
        errors.append(
            FieldError("", _("Quá số biên chế: %(posts)s.", posts="; ".join(crowded[:MOST_NAMED])))
        )
    if errors:
        raise ValidationFailed(errors)
    plan.number, plan.issued_on, plan.asked_at = number, data.issued_on, None
    plan.state = PlanState.APPROVED


def _crowded(work: Work, rows: Sequence[PlanRow]) -> list[str]:
    """Return the titles of posts that would hold more people than seats when all rows are done."""
    planned = [row for row in rows if row.outcome is Outcome.PLANNED]
    coming = Counter(row.to_post_id for row in planned if row.to_post_id is not None)
    leaving = Counter(row.from_post_id for row in planned)
    keys = sorted(coming)
    crowded = []
    for start in range(0, len(keys), 500):
        part = keys[start : start + 500]
        held = {
            row.post_id: int(row.many)
            for row in work.session.execute(
                select(Holding.post_id, func.count().label("many"))
                .where(Holding.post_id.in_(part), Holding.until.is_(None))
                .group_by(Holding.post_id)
            )
        }
        crowded += [
            post.title
            for post in work.session.scalars(select(Post).where(Post.id.in_(part)))
            if coming[post.id] > leaving[post.id]
            and held.get(post.id, 0) + coming[post.id] - leaving[post.id] > post.seats
        ]
    return crowded


def publish_plan(work: Work, data: PublishPlan) -> None:
    """Write when and where the plan was made public (Law 36/2018/QH14, article 24)."""
    plan = _plan(work, data.plan_id)
    if plan.state is PlanState.DRAFT or plan.issued_on is None:
        raise Conflict(_("Hãy ban hành kế hoạch trước khi công khai."))
    where = text.normalise(data.published_where)
    errors: list[FieldError] = []
    if not where:
        errors.append(FieldError("published_where", _("Hãy ghi nơi công khai.")))
    if not plan.issued_on <= data.published_on <= work.today:
        errors.append(FieldError("published_on", _("Ngày công khai từ ngày ban hành đến hôm nay.")))
    if errors:
        raise ValidationFailed(errors)
    plan.published_on, plan.published_where = data.published_on, where


def finish_row(work: Work, data: FinishRow) -> int:
    """Carry a row out: write its decision and minutes, and move the person; return the plan."""
    row = work.get(PlanRow, data.row_id)
    plan = _plan(work, row.plan_id)
    if data.version is not None and row.version != data.version:
        raise Conflict(_("Người khác vừa sửa mục này. Hãy tải lại rồi sửa tiếp."))
    if plan.state is not PlanState.APPROVED:
        raise Conflict(_("Kế hoạch chưa ban hành hoặc đã kết thúc."))
    if row.outcome is not Outcome.PLANNED or row.to_post_id is None:
        raise Conflict(_("Dòng này chưa có vị trí mới hoặc đã thực hiện."))
    number = text.normalise(data.decision_number)
    errors: list[FieldError] = []
    if not number:
        errors.append(FieldError("decision_number", _("Hãy điền mục này.")))
    if data.minutes_on is not None and data.minutes_on > work.today:
        errors.append(FieldError("minutes_on", _("Ngày bàn giao không sau hôm nay.")))
    if errors:
        raise ValidationFailed(errors)
    person = work.get(Person, row.person_id)
    held = _since(work, [person.id]).get(person.id)
    if held is None or held[0] != row.from_post_id:
        raise Conflict(_("Người này không còn ở vị trí mà kế hoạch ghi; hãy sửa dòng này trước."))
    move(
        work,
        person,
        MovePerson(
            person_id=person.id,
            effective_on=data.effective_on,
            post_id=row.to_post_id,
            decision_number=number,
            decided_on=data.decided_on,
        ),
        makes_room=_leaving(work, plan, row),
    )
    row.outcome = Outcome.DONE
    row.decision_number, row.decided_on = number, data.decided_on
    row.effective_on = data.effective_on
    row.minutes_number, row.minutes_on = text.normalise(data.minutes_number), data.minutes_on
    work.session.flush()
    return plan.id


def _leaving(work: Work, plan: Plan, row: PlanRow) -> int:
    """Return how many of the plan still have to leave the post that this row goes to.

    In a ring of moves somebody has to be first: their seat is still held by who moves next.
    """
    leaving = work.session.scalars(
        select(PlanRow.id).where(
            PlanRow.plan_id == plan.id,
            PlanRow.from_post_id == row.to_post_id,
            PlanRow.outcome == Outcome.PLANNED,
        )
    ).all()
    return len(leaving)


def close_plan(work: Work, data: PlanRef) -> None:
    """End a plan; what was not carried out stays as it is and counts as not done."""
    plan = _plan(work, data.plan_id)
    if plan.state is not PlanState.APPROVED:
        raise Conflict(_("Chỉ kết thúc được kế hoạch đã ban hành."))
    plan.state = PlanState.CLOSED


def delete_plan(work: Work, data: PlanRef) -> None:
    """Delete a draft with its rows."""
    plan = _draft(work, data.plan_id)
    for row in work.session.scalars(select(PlanRow).where(PlanRow.plan_id == plan.id)):
        work.session.delete(row)
    work.session.flush()
    work.session.delete(plan)

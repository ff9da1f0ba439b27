"""Pages of the yearly plans."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import or_, select
from werkzeug.wrappers import Response

from tracker.api import clock
from tracker.api.errors import NotFound
from tracker.api.i18n import gettext as _
from tracker.api.numbers import percent
from tracker.api.queries import paginate, session, setting, tasks, unit_choices, unit_names, visible
from tracker.api.queries import plans as reform_plans
from tracker.api.web import (
    Column,
    Sheet,
    count_rows,
    flash,
    page_number,
    redirect,
    render_template,
    requires,
    send_workbook,
    url_for,
)
from tracker.api.work import may, run
from tracker_position_rotation import forms, inputs, labels, plans, queries
from tracker_position_rotation.blueprint import (
    blueprint,
    choice_in,
    fill,
    page,
    version_of,
    written,
)
from tracker_position_rotation.models import Outcome, Plan, PlanRow, PlanState
from tracker_position_rotation.permissions import MANAGE, VIEW

# In a row's form: the private reason that the row has, whichever it is. No key is as high.
KEPT_REASON = 2**31 - 1
Answer = str | tuple[str, int] | Response


@blueprint.get("/ke-hoach")
@requires(VIEW)
def list_plans() -> str:
    """Show the plans with their results."""
    rows = queries.plans(session())
    counts = queries.plan_counts(session(), [plan.id for plan, _unit in rows])
    return render_template(
        "position_rotation/plans.html",
        plans=[
            (plan, unit, counts[plan.id], percent(counts[plan.id].moved, counts[plan.id].to_move))
            for plan, unit in rows
        ],
        may_manage=may(MANAGE),
    )


def _task_choices(first: int, last: int, kept: int | None = None) -> list[tuple[int, str]]:
    """Return (id, title) of the reform plans' tasks that may take their progress from here.

    Those that speak of rotation in plans of the years, and the one that is kept.
    """
    rows = session().execute(
        select(tasks.c.id, tasks.c.title, reform_plans.c.title)
        .join(reform_plans, reform_plans.c.id == tasks.c.plan_id)
        .where(
            tasks.c.kind == "task",
            tasks.c.withdrawn_on.is_(None),
            or_(
                tasks.c.id == kept,
                (reform_plans.c.year_from <= last)
                & (reform_plans.c.year_to >= first)
                & tasks.c.folded.contains("chuyen doi vi tri"),
            ),
            visible("plans.view", tasks),
        )
        .order_by(reform_plans.c.sort_key, tasks.c.path)
        .limit(50)
    )
    return [(row[0], f"{row[1]} – {row[2]}") for row in rows]


@blueprint.route("/ke-hoach/moi", methods=["GET", "POST"])
@requires(MANAGE)
def new_plan() -> Answer:
    """Begin a plan: whoever falls due in its year is listed at once."""
    form = forms.PlanForm()
    form.unit_id.choices = forms.options(unit_choices(MANAGE), _("Chọn đơn vị"))
    year = clock.today().year
    form.task_id.choices = forms.options(_task_choices(year, year + 1), _("Không gắn nhiệm vụ"))
    if not form.is_submitted():
        form.year.data = year
        if len(form.unit_id.choices) > 1:
            form.unit_id.data = form.unit_id.choices[1].value
    elif key := written(
        form,
        plans.draft_plan,
        lambda: inputs.DraftPlan(
            unit_id=form.unit_id.data,
            year=form.year.data or 0,
            title=form.title.data or "",
            task_id=form.task_id.data,
        ),
    ):
        return _to(session().get(Plan, key))
    return page("plan_form", form, plan=None)


@blueprint.route("/ke-hoach/<uuid:plan_id>/sua", methods=["GET", "POST"])
@requires(MANAGE)
def edit_plan(plan_id: UUID) -> Answer:
    """Change a plan's title, and tie it to the task of the reform plan."""
    plan = _plan(plan_id)
    form = forms.PlanEditForm()
    form.task_id.choices = forms.options(
        _task_choices(plan.year, plan.year, plan.task_id), _("Không gắn nhiệm vụ")
    )
    if not form.is_submitted():
        fill(form, plan, "title", "task_id", "version")
    elif written(
        form,
        plans.save_plan,
        lambda: inputs.SavePlan(
            plan_id=plan.id,
            title=form.title.data or "",
            task_id=form.task_id.data,
            version=version_of(form.version.data),
        ),
    ):
        flash(_("Đã lưu."), "success")
        return _to(_plan(plan_id))
    return page("plan_form", form, plan=plan)


def _to(plan: Plan | None) -> Response:
    if plan is None:
        raise NotFound
    return redirect(url_for("position_rotation.show_plan", plan_id=plan.public_id), code=303)


def _plan(plan_id: UUID) -> Plan:
    plan = queries.find_plan(session(), plan_id)
    if plan is None:
        raise NotFound
    return plan


@blueprint.get("/ke-hoach/<uuid:plan_id>")
@requires(VIEW)
def show_plan(plan_id: UUID) -> str:
    """Show a plan: its result, and each person."""
    return _plan_page(_plan(plan_id))


def _plan_page(plan: Plan, problems: list[str] | None = None, **filled: object) -> str:
    outcome = choice_in(Outcome, "kq")
    counts = queries.plan_counts(session(), [plan.id])[plan.id]
    approve, publish = forms.ApproveForm(), forms.PublishForm()
    short = plan.proposal.get("short", {}) if plan.proposal else {}
    shown = paginate(
        queries.plan_rows(plan, frozenset({outcome}) if outcome else frozenset()), page_number()
    )
    waits = plans.waits_for_proposal(plan, clock.now())
    task = select(tasks.c.title).where(tasks.c.id == plan.task_id, visible("plans.view", tasks))
    return render_template(
        "position_rotation/plan.html",
        plan=plan,
        unit=unit_names([plan.unit_id])[plan.unit_id],
        page=shown,
        lines=[queries.plan_line(row, plan.year) for row in shown.rows],
        waits=waits,
        was_lost=plan.asked_at is not None and not waits,
        task_title=session().scalar(task) if plan.task_id else None,
        reasons=queries.reason_counts(session(), plan.id),
        by_outcome=queries.outcomes(session(), plan.id),
        outcome=outcome,
        counts=counts,
        percent=percent(counts.moved, counts.to_move),
        short=queries.post_titles(session(), [int(key) for key in short])
        if isinstance(short, dict)
        else {},
        may_manage=may(MANAGE, plan),
        problems=problems or [],
        **{"approve": approve, "publish": publish, **filled},
    )


@blueprint.post("/ke-hoach/<uuid:plan_id>/de-xuat")
@requires(MANAGE)
def ask_proposal(plan_id: UUID) -> Response:
    """Ask for a proposal."""
    plan = _plan(plan_id)
    run(plans.ask_proposal, inputs.PlanRef(plan.id))
    flash(_("Đang tìm phương án; thường xong trong vòng một phút."), "success")
    return _to(_plan(plan_id))


@blueprint.post("/ke-hoach/<uuid:plan_id>/cap-nhat")
@requires(MANAGE)
def relist_plan(plan_id: UUID) -> Response:
    """List anew who is due."""
    plan = _plan(plan_id)
    many = run(plans.relist_plan, inputs.PlanRef(plan.id))
    flash(_("Danh sách có %(count)d người.", count=many), "success")
    return _to(_plan(plan_id))


@blueprint.post("/ke-hoach/<uuid:plan_id>/ban-hanh")
@requires(MANAGE)
def approve_plan(plan_id: UUID) -> Answer:
    """Approve a draft by its document."""
    plan = _plan(plan_id)
    form = forms.ApproveForm()
    if written(
        form,
        plans.approve_plan,
        lambda: inputs.ApprovePlan(
            plan_id=plan.id, number=form.number.data or "", issued_on=form.issued_on.data
        ),
    ):
        flash(_("Đã ban hành kế hoạch. Hãy công khai trong đơn vị."), "success")
        return _to(_plan(plan_id))
    return _plan_page(_plan(plan_id), approve=form), 422


@blueprint.post("/ke-hoach/<uuid:plan_id>/cong-khai")
@requires(MANAGE)
def publish_plan(plan_id: UUID) -> Answer:
    """Write when and where the plan was made public."""
    plan = _plan(plan_id)
    form = forms.PublishForm()
    if written(
        form,
        plans.publish_plan,
        lambda: inputs.PublishPlan(
            plan_id=plan.id,
            published_on=form.published_on.data,
            published_where=form.published_where.data or "",
        ),
    ):
        flash(_("Đã ghi việc công khai."), "success")
        return _to(_plan(plan_id))
    return _plan_page(_plan(plan_id), publish=form), 422


@blueprint.post("/ke-hoach/<uuid:plan_id>/ket-thuc")
@requires(MANAGE)
def close_plan(plan_id: UUID) -> Response:
    """End a plan."""
    plan = _plan(plan_id)
    run(plans.close_plan, inputs.PlanRef(plan.id))
    flash(_("Đã kết thúc kế hoạch."), "success")
    return _to(_plan(plan_id))


@blueprint.post("/ke-hoach/<uuid:plan_id>/xoa")
@requires(MANAGE)
def delete_plan(plan_id: UUID) -> Response:
    """Delete a draft."""
    plan = _plan(plan_id)
    run(plans.delete_plan, inputs.PlanRef(plan.id))
    flash(_("Đã xóa bản nháp."), "success")
    return redirect(url_for("position_rotation.list_plans"), code=303)


def _row(plan: Plan, row_id: int) -> tuple[PlanRow, queries.PlanLine]:
    found = session().execute(queries.plan_rows(plan, row_id=row_id)).one_or_none()
    if found is None:
        raise NotFound
    return found.PlanRow, queries.plan_line(found, plan.year)


@blueprint.route("/ke-hoach/<uuid:plan_id>/dong/<int:row_id>", methods=["GET", "POST"])
@requires(MANAGE)
def edit_row(plan_id: UUID, row_id: int) -> Answer:
    """Change what the plan says of one person."""
    plan = _plan(plan_id)
    row, line = _row(plan, row_id)
    form = forms.RowForm()
    form.to_post_id.choices = forms.options(
        queries.post_choices(session(), but=row.from_post_id), _("Chọn vị trí")
    )
    form.month.choices = forms.options(
        [(month, _("Tháng %(month)s", month=month)) for month in range(1, 13)], _("Chọn tháng")
    )
    reasons = {
        one.id: labels.reason_name(one.name, one.name_en)
        for one in queries.reasons(session(), clock.today())
    }
    if line.reason_is_private:
        # What the row says may be kept without being told.
        reasons[KEPT_REASON] = _("Lý do riêng (đang ghi)")
    elif row.reason_id is not None:
        reasons.setdefault(row.reason_id, line.reason)
    form.reason_id.choices = forms.options(reasons.items(), _("Chọn lý do"))
    # After approval no change goes without its reason: the form says so before it is sent.
    form.reason.flags.required = plan.state is PlanState.APPROVED
    if not form.is_submitted():
        fill(form, row, "to_post_id", "month", "reason_id", "deferred_until", "why", "version")
        if line.reason_is_private:
            form.reason_id.data = KEPT_REASON
        form.outcome.data = row.outcome.value
    elif written(
        form,
        plans.save_row,
        lambda: inputs.SaveRow(
            row_id=row.id,
            outcome=Outcome(form.outcome.data),
            to_post_id=form.to_post_id.data,
            month=form.month.data,
            why=form.why.data or "",
            reason_id=form.reason_id.data,
            keeps_reason=line.reason_is_private and form.reason_id.data == KEPT_REASON,
            deferred_until=form.deferred_until.data,
            version=version_of(form.version.data),
        ),
        form.reason.data or "",
    ):
        flash(_("Đã lưu phương án."), "success")
        return _to(_plan(plan_id))
    return page("row_form", form, plan=plan, line=line)


@blueprint.route("/ke-hoach/<uuid:plan_id>/dong/<int:row_id>/xong", methods=["GET", "POST"])
@requires(MANAGE)
def finish_row(plan_id: UUID, row_id: int) -> Answer:
    """Write the decision that carried a row out."""
    plan = _plan(plan_id)
    row, line = _row(plan, row_id)
    form = forms.FinishForm()
    if not form.is_submitted():
        fill(form, row, "version")
        form.decided_on.data = form.effective_on.data = clock.today()
    elif written(
        form,
        plans.finish_row,
        lambda: inputs.FinishRow(
            row_id=row.id,
            decision_number=form.decision_number.data or "",
            decided_on=form.decided_on.data,
            effective_on=form.effective_on.data,
            minutes_number=form.minutes_number.data or "",
            minutes_on=form.minutes_on.data,
            version=version_of(form.version.data),
        ),
    ):
        flash(_("Đã ghi quyết định; sổ đã cập nhật."), "success")
        return _to(_plan(plan_id))
    return page("finish", form, plan=plan, line=line)


@blueprint.get("/ke-hoach/<uuid:plan_id>/niem-yet")
@requires(VIEW)
def print_plan(plan_id: UUID) -> str:
    """Show the plan as it is posted inside the unit: no private reason stands on it."""
    plan = _plan(plan_id)
    return render_template(
        "position_rotation/posting.html",
        plan=plan,
        unit=unit_names([plan.unit_id])[plan.unit_id],
        lines=queries.plan_lines(session(), plan),
        agency=str(setting("agency.name") or ""),
        today=clock.today(),
    )


@blueprint.get("/ke-hoach/<uuid:plan_id>/bang.xlsx")
@requires(VIEW)
def export_plan(plan_id: UUID) -> Response:
    """Download the plan with its result table; no private reason stands in it."""
    plan = _plan(plan_id)
    rows = count_rows(queries.plan_rows(plan))
    return send_workbook(
        f"chuyen-doi-{plan.year}.xlsx", rows, lambda: [_list_sheet(plan), _result_sheet(plan)]
    )


def _list_sheet(plan: Plan) -> Sheet:
    return Sheet(
        _("Danh sách"),
        [
            Column(_("Họ tên"), 28),
            Column(_("Mã số"), 14),
            Column(_("Đơn vị"), 30),
            Column(_("Vị trí hiện tại"), 30),
            Column(_("Giữ từ ngày"), 13, "date"),
            Column(_("Số tháng đến 31/12"), 12, "whole"),
            Column(_("Đến hạn"), 13, "date"),
            Column(_("Phương án"), 18),
            Column(_("Đơn vị mới"), 30),
            Column(_("Vị trí mới"), 30),
            Column(_("Tháng"), 8, "whole"),
            Column(_("Lý do"), 40),
            Column(_("Số quyết định"), 18),
            Column(_("Ngày quyết định"), 13, "date"),
            Column(_("Có hiệu lực"), 13, "date"),
        ],
        [
            (
                line.name,
                line.staff_code,
                line.from_unit,
                line.from_post,
                line.since,
                line.months,
                line.due_on,
                str(labels.OUTCOMES[line.outcome]),
                line.to_unit,
                line.to_post,
                line.month,
                _("Lý do riêng") if line.reason_is_private else line.reason or line.why,
                line.decision_number,
                line.decided_on,
                line.effective_on,
            )
            for line in queries.plan_lines(session(), plan)
        ],
        title=plan.title,
    )


def _result_sheet(plan: Plan) -> Sheet:
    counts = queries.plan_counts(session(), [plan.id])[plan.id]
    return Sheet(
        _("Kết quả"),
        [Column(_("Chỉ tiêu"), 40), Column(_("Số người"), 12, "whole")],
        [
            (_("Thuộc diện chuyển đổi trong năm"), counts.listed),
            (_("Không phải chuyển"), counts.exempt),
            (_("Tạm hoãn"), counts.deferred),
            (_("Phải chuyển theo kế hoạch"), counts.to_move),
            (_("Đã chuyển"), counts.moved),
            *(
                (f"{labels.OUTCOMES[one.outcome]}: {one.reason or _('Lý do riêng')}", one.many)
                for one in queries.reason_counts(session(), plan.id)
            ),
        ],
    )

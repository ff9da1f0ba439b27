"""Pages of annual inspection plans."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker.accounts.forms import options
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import NotFound, ValidationFailed
from tracker.core.numbers import percent
from tracker.core.rights import rights
from tracker.core.work import run
from tracker.inspections import forms, inputs, planning, queries
from tracker.inspections.blueprint import blueprint, existing, version_of
from tracker.inspections.models import InspectionPlan, VisitState
from tracker.inspections.permissions import LOG, PLAN, VIEW
from tracker.units import sets
from tracker.web.doors import requires


@blueprint.get("/ke-hoach")
@requires(VIEW)
def list_plans() -> str:
    """Show the plans with their progress."""
    plans = [(row, percent(row.done, row.total)) for row in queries.plans_list()]
    return render_template("inspections/plans.html", plans=plans)


def _plan(key: str) -> InspectionPlan:
    plan = queries.find_plan(db.session(), key)
    if plan is None:
        raise NotFound
    return plan


def _plan_form() -> forms.PlanForm:
    form = forms.PlanForm()
    form.issuer_id.choices = options(queries.unit_choices(PLAN), _("Chọn cơ quan"))
    return form


def _save(form: forms.PlanForm, key: str | None) -> str:
    return run(
        planning.save_plan,
        inputs.SavePlan(
            title=form.title.data or "",
            year=form.year.data or 0,
            issuer_id=form.issuer_id.data,
            number=form.number.data or "",
            issued_on=form.issued_on.data,
            key=key,
            version=version_of(form.version.data),
        ),
    )


@blueprint.route("/ke-hoach/moi", methods=["GET", "POST"])
@requires(PLAN)
def new_plan() -> str | tuple[str, int] | Response:
    """Make a plan."""
    form = _plan_form()
    if form.is_submitted():
        if form.validate():
            try:
                key = _save(form, None)
            except ValidationFailed as error:
                form.take_errors(error)
            else:
                return redirect(url_for("inspections.show_plan", key=key), 303)
        return render_template("inspections/plan_form.html", form=form, plan=None), 422
    form.year.data = current().clock.today().year
    form.title.data = _("Kế hoạch kiểm tra cải cách hành chính năm %(year)d", year=form.year.data)
    return render_template("inspections/plan_form.html", form=form, plan=None)


@blueprint.route("/ke-hoach/<key>/sua", methods=["GET", "POST"])
@requires(PLAN)
def edit_plan(key: str) -> str | tuple[str, int] | Response:
    """Change what a plan says of itself."""
    plan = _plan(key)
    form = _plan_form()
    if form.is_submitted():
        if form.validate():
            try:
                _save(form, key)
            except ValidationFailed as error:
                form.take_errors(error)
            else:
                flash(_("Đã lưu kế hoạch kiểm tra."), "success")
                return redirect(url_for("inspections.show_plan", key=key), 303)
        return render_template("inspections/plan_form.html", form=form, plan=_plan(key)), 422
    for name in ("title", "year", "issuer_id", "number", "issued_on", "version"):
        form[name].data = getattr(plan, name)
    return render_template("inspections/plan_form.html", form=form, plan=plan)


def _page(key: str, form: forms.PlanItemsForm | None = None, problem: str = "") -> str:
    session = db.session()
    plan = _plan(key)
    rows = queries.plan_rows(session, plan.id)
    done = sum(row.visit_state is VisitState.FINISHED for row in rows)
    may_edit = rights.may(session, current().actor.access, PLAN, plan)
    if form is None:
        form = _items_form() if may_edit else None
    return render_template(
        "inspections/plan.html",
        plan=plan,
        rows=rows,
        done=done,
        percent=percent(done, len(rows)),
        form=form,
        may_edit=may_edit,
        may_log=current().actor.access.holds(LOG),
        problem=problem,
    )


def _items_form() -> forms.PlanItemsForm:
    form = forms.PlanItemsForm()
    form.unit_ids.choices = options(queries.unit_choices(PLAN))
    form.unit_set_id.choices = options(sets.choices(db.session()), _("Không theo nhóm"))
    return form


@blueprint.get("/ke-hoach/<key>")
@requires(VIEW)
def show_plan(key: str) -> str:
    """Show a plan: its units and what became of each."""
    return _page(key)


@blueprint.post("/ke-hoach/<key>/don-vi")
@requires(PLAN)
def add_plan_items(key: str) -> tuple[str, int] | Response:
    """Add units to a plan."""
    _plan(key)
    form = _items_form()
    if form.validate():
        try:
            added = run(
                planning.add_plan_items,
                inputs.AddPlanItems(
                    key=key,
                    unit_ids=tuple(form.unit_ids.data or ()),
                    month_from=form.month_from.data,
                    month_to=form.month_to.data,
                    scope=form.scope.data or "",
                    unit_set_id=form.unit_set_id.data,
                ),
            )
        except ValidationFailed as error:
            form.take_errors(error)
        else:
            flash(_("Đã thêm %(count)d đơn vị.", count=added), "success")
            return redirect(url_for("inspections.show_plan", key=key), 303)
    return _page(key, form), 422


@blueprint.post("/ke-hoach/<key>/don-vi/<int:item_id>/bo")
@requires(PLAN)
def remove_plan_item(key: str, item_id: int) -> Response:
    """Take a unit out of a plan."""
    run(planning.remove_plan_item, inputs.RemovePlanItem(key, existing(item_id)))
    flash(_("Đã bỏ khỏi kế hoạch."), "success")
    return redirect(url_for("inspections.show_plan", key=key), 303)


@blueprint.post("/ke-hoach/<key>/ban-hanh")
@requires(PLAN)
def issue_plan(key: str) -> tuple[str, int] | Response:
    """Issue a plan."""
    try:
        run(planning.issue_plan, inputs.PlanRef(key))
    except ValidationFailed as error:
        return _page(key, problem=error.message), 422
    flash(_("Đã ban hành kế hoạch kiểm tra."), "success")
    return redirect(url_for("inspections.show_plan", key=key), 303)


@blueprint.post("/ke-hoach/<key>/xoa")
@requires(PLAN)
def delete_plan(key: str) -> Response:
    """Delete a draft."""
    run(planning.delete_plan, inputs.PlanRef(key))
    flash(_("Đã xóa bản nháp."), "success")
    return redirect(url_for("inspections.list_plans"), 303)

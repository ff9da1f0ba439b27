"""Pages of annual inspection plans."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker.accounts.forms import options
from tracker.core import numbers
from tracker.core.conflicts import Way
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import Conflict, NotFound, PermissionDenied, ValidationFailed
from tracker.core.numbers import percent
from tracker.core.rights import rights
from tracker.core.work import run
from tracker.inspections import forms, inputs, planning, queries
from tracker.inspections.blueprint import blueprint, existing
from tracker.inspections.models import InspectionPlan, InspectionPlanItem, VisitState
from tracker.inspections.permissions import LOG, PLAN, VIEW
from tracker.units import sets
from tracker.web import conflict
from tracker.web.doors import requires
from tracker.web.forms import Form

# What a plan says of itself, by field of its form and attribute of its record.
FIELDS: Final = ("title", "year", "issuer_id", "number", "issued_on")


def _month(day: Any) -> int:
    return date.fromisoformat(str(day)).month


# People say from which month to which; days are stored.
ITEM_WAYS: Final = {
    "month_from": Way("planned_from", _month),
    "month_to": Way("planned_to", _month),
}


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
    """Change what a plan says of itself; what others changed meanwhile is merged, or shown."""
    plan = _plan(key)
    form = _plan_form()
    if form.is_submitted():
        status, version = 422, conflict.posted_version("version")
        if form.validate():
            try:
                conflict.persist(lambda: _save_merged(form, key, version))
            except ValidationFailed as error:
                form.take_errors(error)
            except Conflict as error:
                if error.fields:
                    return _plan_conflict(form, key, version, error), 409
                form.form_errors.append(error.message)
                status = 409
            else:
                flash(_("Đã lưu kế hoạch kiểm tra."), "success")
                return redirect(url_for("inspections.show_plan", key=key), 303)
        return render_template("inspections/plan_form.html", form=form, plan=_plan(key)), status
    for name in (*FIELDS, "version"):
        form[name].data = getattr(plan, name)
    return render_template("inspections/plan_form.html", form=form, plan=plan)


def _save_merged(form: forms.PlanForm, key: str, version: int) -> str:
    """Write what the person changed since `version` over the plan as it is now."""
    session = db.session()
    session.expire_all()
    plan = _plan(key)
    typed = {name: form[name].data for name in FIELDS}
    values = conflict.whole(session, plan, version, typed)
    return run(planning.save_plan, inputs.SavePlan(**values, key=key, version=plan.version))


def _plan_conflict(form: forms.PlanForm, key: str, version: int, error: Conflict) -> str:
    plan = _plan(key)
    back = url_for("inspections.show_plan", key=key)
    return conflict.page(
        form,
        error,
        title=_("Hai người cùng sửa kế hoạch kiểm tra"),
        version_name="version",
        base_version=version,
        seen_version=plan.version,
        action=url_for("inspections.edit_plan", key=key),
        cancel_url=back,
        crumbs=[(_("Kế hoạch kiểm tra"), url_for("inspections.list_plans")), (plan.title, back)],
    )


def _documents(plan: InspectionPlan) -> list[queries.DocumentView]:
    return queries.plan_documents(db.session(), plan.id) if plan.is_issued else []


def _offer(form: Form, documents: Sequence[queries.DocumentView]) -> None:
    """Give a form the documents that a change can name; the newest is the likely one."""
    later = [one for one in documents if one.ordinal > 0]
    field: Any = form["document_id"]
    field.choices = options(
        ((one.id, f"{one.number} ({one.issued_on:%d/%m/%Y})") for one in later),
        _("Chọn văn bản"),
    )
    # Asked for by the service once the plan is issued; the page says so beforehand.
    field.flags.required = bool(documents)
    if request.method != "POST" and later:
        field.data = later[-1].id


@blueprint.route("/ke-hoach/<key>/dieu-chinh", methods=["GET", "POST"])
@requires(PLAN)
def amend_plan(key: str) -> str | tuple[str, int] | Response:
    """Register a document that amends an issued plan."""
    plan = _managed(key)
    form = forms.AmendForm()
    status = 200
    if form.is_submitted():
        status = 422
        if form.validate():
            data = inputs.AmendPlan(
                key=key,
                number=form.number.data or "",
                issued_on=form.issued_on.data,
                summary=form.summary.data or "",
            )
            try:
                run(planning.amend_plan, data)
            except ValidationFailed as error:
                form.take_errors(error)
            except Conflict as error:
                form.form_errors.append(error.message)
                status = 409
            else:
                flash(
                    _("Đã ghi văn bản. Sửa, thêm hoặc rút đơn vị và chọn văn bản này làm căn cứ."),
                    "success",
                )
                return redirect(url_for("inspections.show_plan", key=key), 303)
        plan = _managed(key)
    return render_template("inspections/plan_amend.html", form=form, plan=plan), status


def _managed(key: str) -> InspectionPlan:
    """Return a plan that the person may change. Raises NotFound, PermissionDenied to readers."""
    plan = _plan(key)
    if not rights.may(db.session(), current().actor.access, PLAN, plan):
        raise PermissionDenied
    return plan


@blueprint.route("/ke-hoach/<key>/don-vi/<int:item_id>", methods=["GET", "POST"])
@requires(PLAN)
def edit_plan_item(key: str, item_id: int) -> str | tuple[str, int] | Response:
    """Change when a unit is inspected and what is looked at."""
    plan = _managed(key)
    rows = queries.plan_rows(db.session(), plan.id)
    row = next((one for one in rows if one.id == item_id and one.withdrawn_on is None), None)
    if row is None:
        raise NotFound
    form = forms.PlanItemForm()
    documents = [one for one in _documents(plan) if one.ordinal > 0]
    _offer(form, documents)
    status = 200
    if form.is_submitted():
        status, version = 422, conflict.posted_version("version")
        if form.validate():
            try:
                conflict.persist(lambda: _save_item(form, key, item_id, version))
            except ValidationFailed as error:
                form.take_errors(error)
            except Conflict as error:
                if error.fields:
                    return _item_conflict(form, key, item_id, version, error), 409
                form.form_errors.append(error.message)
                status = 409
            else:
                flash(_("Đã sửa trong kế hoạch kiểm tra."), "success")
                return redirect(url_for("inspections.show_plan", key=key), 303)
        plan = _managed(key)
    else:
        form.month_from.data, form.month_to.data = row.planned_from.month, row.planned_to.month
        form.scope.data, form.version.data = row.scope, str(row.version)
    page = render_template(
        "inspections/plan_item.html", form=form, plan=plan, row=row, documents=documents
    )
    return page, status


def _save_item(form: forms.PlanItemForm, key: str, item_id: int, version: int) -> None:
    """Write what the person changed since `version` over the row as it is now."""
    session = db.session()
    session.expire_all()
    item = session.get(InspectionPlanItem, item_id)
    if item is None:
        raise NotFound
    typed = {name: form[name].data for name in ("month_from", "month_to", "scope")}
    values = conflict.whole(session, item, version, typed, ITEM_WAYS)
    data = inputs.EditPlanItem(
        key=key,
        item_id=item_id,
        version=item.version,
        document_id=form.document_id.data,
        **values,
    )
    run(planning.edit_plan_item, data)


def _item_conflict(
    form: forms.PlanItemForm, key: str, item_id: int, version: int, error: Conflict
) -> str:
    plan, item = _plan(key), db.session().get_one(InspectionPlanItem, item_id)
    back = url_for("inspections.show_plan", key=key)
    return conflict.page(
        form,
        error,
        title=_("Hai người cùng sửa: %(name)s", name=item.unit.name),
        unused=() if plan.is_issued else ("document_id",),
        version_name="version",
        base_version=version,
        seen_version=item.version,
        action=url_for("inspections.edit_plan_item", key=key, item_id=item_id),
        cancel_url=back,
        crumbs=[(_("Kế hoạch kiểm tra"), url_for("inspections.list_plans")), (plan.title, back)],
    )


def _page(key: str, form: forms.PlanItemsForm | None = None, problem: str = "") -> str:
    session = db.session()
    plan = _plan(key)
    every = queries.plan_rows(session, plan.id)
    rows = [row for row in every if row.withdrawn_on is None]
    done = sum(row.visit_state is VisitState.FINISHED for row in rows)
    may_edit = rights.may(session, current().actor.access, PLAN, plan)
    documents = _documents(plan)
    if form is None:
        form = _items_form() if may_edit else None
    if form is not None:
        _offer(form, documents)
    return render_template(
        "inspections/plan.html",
        plan=plan,
        rows=rows,
        withdrawn=[row for row in every if row.withdrawn_on is not None],
        done=done,
        percent=percent(done, len(rows)),
        form=form,
        may_edit=may_edit,
        may_log=current().actor.access.holds(LOG),
        problem=problem,
        documents=documents,
        amendments=[one for one in documents if one.ordinal > 0],
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
    """Add units to a plan; to an issued one by a document."""
    plan = _plan(key)
    form = _items_form()
    _offer(form, _documents(plan))
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
                    document_id=form.document_id.data,
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
def remove_plan_item(key: str, item_id: int) -> tuple[str, int] | Response:
    """Take a unit out of a plan; out of an issued one by a document."""
    document_id = numbers.read_whole(request.form.get("document_id", "")) or None
    data = inputs.RemovePlanItem(key, existing(item_id), document_id)
    try:
        run(planning.remove_plan_item, data)
    except ValidationFailed as error:
        return _page(key, problem=error.message), 422
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

"""Pages of plans: the list, a plan as a tree, its life, its documents, its rows, its copies."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.wrappers import Response

from tracker.core import numbers
from tracker.core.context import current
from tracker.core.db import Versioned, db
from tracker.core.errors import BadRequest, Conflict, ValidationFailed
from tracker.core.text import normalise
from tracker.core.work import run
from tracker.plans import (
    areas,
    assign,
    copying,
    documents,
    figures,
    lifecycle,
    plan_queries,
    row_merge,
    rows,
)
from tracker.plans.blueprint import blueprint
from tracker.plans.labels import due_text, due_tone
from tracker.plans.models import Plan, PlanState, RowKind, Task, TaskCoordinator, TaskLead
from tracker.plans.plan_forms import (
    DEADLINE_FIELDS,
    DOCUMENT_FIELDS,
    DOCUMENT_LABELS,
    NEW_DOCUMENT,
    CloseForm,
    CopyForm,
    DocumentForm,
    IssueForm,
    MoveForm,
    PlanForm,
    RowForm,
    WithdrawForm,
    plan_input,
    plan_values,
    row_values,
)
from tracker.plans.plan_queries import MANAGE, VIEW, PlanFilter, TreeFilter
from tracker.plans.rules import RULE_WORDS, STATUS_WORDS, CountRule, Status
from tracker.plans.task_forms import options
from tracker.plugins.descriptors import Label
from tracker.settings.queries import working_calendar
from tracker.units import queries as units
from tracker.units import sets as unit_sets
from tracker.web import conflict
from tracker.web.doors import requires
from tracker.web.exports import count_rows, send_workbook
from tracker.web.i18n import locale_code, show_percent
from tracker.web.paging import address_with, page_number, paginate, sorting
from tracker.web.xlsx import Column, Sheet

Answer = str | tuple[str, int] | Response
LONGEST_QUERY: Final = 200

STATE_WORDS: Final[Mapping[PlanState, Label]] = {
    PlanState.DRAFT: _l("Dự thảo"),
    PlanState.ISSUED: _l("Đang thực hiện"),
    PlanState.CLOSED: _l("Đã khép"),
}
CONTENT_WORDS: Final[Mapping[str, Label]] = {
    "number": _l("Số thứ tự"),
    "title": _l("Nội dung"),
    "product": _l("Sản phẩm"),
    "lead": _l("Chủ trì"),
    "coordinators": _l("Phối hợp"),
    "deadline": _l("Thời hạn"),
    "budget": _l("Kinh phí"),
}


# -- reading what addresses ask for ----------------------------------------------------------


def _typed(name: str) -> str:
    return normalise(request.args.get(name, ""))[:LONGEST_QUERY]


def _key_of(name: str) -> int | None:
    """Return a record's key from the address. Raises BadRequest for anything else."""
    text = request.args.get(name, "")
    if not text:
        return None
    key = numbers.read_whole(text)
    if not key:
        raise BadRequest(_("Bộ lọc trên địa chỉ không hợp lệ."))
    return key


def _day_asked() -> tuple[date, str]:
    """Return the day that the page is about and what was typed of it. Raises BadRequest."""
    text = _typed("as_of")
    if not text:
        return current().clock.today(), ""
    try:
        return numbers.parse_date(text), text
    except ValueError as error:
        raise BadRequest(_("Ngày chưa đúng. Hãy gõ như 15/12/2026.")) from error


def _version(form: Any) -> int:
    """Return the version that a form was opened in. Raises BadRequest when it was tampered with."""
    version = numbers.read_whole(str(form.version.data or ""))
    if version is None:
        raise BadRequest(_("Biểu mẫu không hợp lệ. Hãy tải lại trang."))
    return version


def _state_asked() -> PlanState | None:
    text = _typed("state")
    if not text:
        return None
    if text not in set(PlanState):
        raise BadRequest(_("Bộ lọc trên địa chỉ không hợp lệ."))
    return PlanState(text)


def _status_asked() -> Status | None:
    text = _typed("status")
    if not text:
        return None
    if text not in set(Status):
        raise BadRequest(_("Bộ lọc trên địa chỉ không hợp lệ."))
    return Status(text)


# -- the list --------------------------------------------------------------------------------


@blueprint.get("/ke-hoach")
@requires(VIEW)
def list_plans() -> Answer:
    """Show the plans that the person may read, filtered and sorted."""
    session = db.session()
    wanted = PlanFilter(_typed("q"), _key_of("year"), _key_of("issuer"), _state_asked())
    order = sorting(plan_queries.SORTS, "-year")
    query = order.apply(plan_queries.plans_query(wanted), plan_queries.SORTS)
    page = paginate(session, query, page_number())
    years = plan_queries.list_years(session)
    issuers = plan_queries.list_issuers(session)
    chips = [
        (label, address_with(**{name: None}))
        for name, label in (
            ("q", f"“{wanted.query}”" if wanted.query else ""),
            ("year", _("Năm %(year)s", year=wanted.year) if wanted.year else ""),
            ("issuer", dict(issuers).get(wanted.issuer_id or 0, "")),
            ("state", str(STATE_WORDS[wanted.state]) if wanted.state else ""),
        )
        if label
    ]
    return render_template(
        "plans/list.html",
        page=page,
        plans=plan_queries.plan_rows(session, page.rows, current().clock.today()),
        wanted=wanted,
        order=order,
        chips=chips,
        years=[("", _("Mọi năm")), *((str(year), str(year)) for year in years)],
        issuers=[("", _("Mọi cơ quan")), *((str(key), name) for key, name in issuers)],
        states=[
            ("", _("Mọi trạng thái")),
            *((state.value, str(word)) for state, word in STATE_WORDS.items()),
        ],
        state_words=STATE_WORDS,
        kind_words=DOCUMENT_LABELS,
        may_write=current().actor.access.holds(MANAGE),
        has_filter=bool(chips),
    )


# -- one plan --------------------------------------------------------------------------------


def _tree_filter() -> TreeFilter:
    return TreeFilter(_typed("q"), _key_of("area"), _key_of("unit"), _status_asked())


@blueprint.get("/ke-hoach/<key>")
@requires(VIEW)
def show_plan(key: str) -> Answer:
    """Show a plan as a tree with its progress as of a day."""
    session = db.session()
    plan, issuer = plan_queries.get_plan_and_issuer(session, key)
    as_of, as_of_text = _day_asked()
    wanted = _tree_filter()
    tree = plan_queries.plan_tree(session, plan, as_of, wanted, page=page_number())
    is_draft = plan.state is PlanState.DRAFT
    figure = None
    version = None
    if not is_draft:
        wanted_figure = figures.Filter(plan_id=plan.id)
        figure = figures.figure(session, as_of, CountRule.PLAN, wanted_figure)
        version = documents.version_in_force(session, plan.id, as_of)
    all_areas = areas.list_areas(session, locale_code())
    lead_units = plan_queries.list_lead_units(session, plan.id)
    today = current().clock.today()
    return render_template(
        "plans/show.html",
        plan=plan,
        issuer=issuer,
        tree=tree,
        figure=figure,
        version=version,
        as_of=as_of,
        as_of_text=as_of_text,
        today=today,
        wanted=wanted,
        chips=_tree_chips(wanted, all_areas, lead_units),
        area_names={area.id: area.short_name for area in all_areas},
        area_choices=[(str(area.id), area.short_name) for area in all_areas],
        unit_choices=[(str(one), name) for one, name in lead_units],
        status_bar=[
            (status.value, number, address_with(status=status.value))
            for status, number in tree.by_status
        ],
        status_chips=_status_chips(tree, wanted),
        why_url=_why_url(figure),
        rule_words=RULE_WORDS,
        due=lambda standing: due_text(standing.status, standing.due_on, standing.done_on, today),
        due_tone=due_tone,
        state_words=STATE_WORDS,
        kind_words=DOCUMENT_LABELS,
        years=plan_queries.years_text(plan.year_from, plan.year_to),
        may_write=plan_queries.may_manage(session, plan),
        kinds=RowKind,
        pager=_TreePage(tree),
    )


class _TreePage:
    """A page of a tree as the pager wants it."""

    def __init__(self, tree: plan_queries.Tree) -> None:
        size = plan_queries.ROWS_PER_PAGE
        self.number = tree.page
        self.pages = tree.pages
        self.total = tree.total_rows
        self.first = (tree.page - 1) * size + 1 if tree.total_rows else 0
        self.last = min(tree.page * size, tree.total_rows)


def _why_url(figure: figures.Figure | None) -> str:
    """Return the page that explains a figure: its rule and its rows."""
    if figure is None:
        return ""
    parameters: dict[str, Any] = dict(figure.parameters)
    return url_for("plans.explain", **parameters)


def _status_chips(
    tree: plan_queries.Tree, wanted: TreeFilter
) -> list[tuple[str, str, bool, int | None, str]]:
    if not tree.by_status:
        return []
    chips: list[tuple[str, str, bool, int | None, str]] = [
        (
            _("Tất cả"),
            address_with(status=None),
            wanted.status is None,
            sum(number for _status, number in tree.by_status),
            "",
        )
    ]
    chips += [
        (
            str(STATUS_WORDS[status]),
            address_with(status=status.value),
            wanted.status is status,
            number,
            status.value,
        )
        for status, number in tree.by_status
    ]
    return chips


def _tree_chips(
    wanted: TreeFilter,
    all_areas: Sequence[areas.AreaRow],
    lead_units: Sequence[tuple[int, str]],
) -> list[tuple[str, str]]:
    area_name = next((one.short_name for one in all_areas if one.id == wanted.area_id), "")
    unit_name = dict(lead_units).get(wanted.unit_id or 0, "")
    if wanted.unit_id is not None and not unit_name:
        unit_name = units.names([wanted.unit_id]).get(wanted.unit_id, "?")
    found = (
        ("q", f"“{wanted.query}”" if wanted.query else ""),
        ("area", area_name or ("?" if wanted.area_id else "")),
        ("unit", unit_name),
        ("status", str(STATUS_WORDS[wanted.status]) if wanted.status else ""),
    )
    return [(label, address_with(**{name: None})) for name, label in found if label]


@blueprint.get("/ke-hoach/<key>/xuat")
@requires(VIEW)
def export_plan(key: str) -> Response:
    """Give the plan as a spreadsheet in the columns of its annex, with how each row stands."""
    plan = plan_queries.get_plan(db.session(), key)
    as_of, _typed_day = _day_asked()
    wanted = _tree_filter()
    return send_workbook(
        f"{plan.key}-{as_of:%Y-%m-%d}.xlsx",
        # Those that a filter leaves out are read as well.
        count_rows(plan_queries.rows_query(plan.id)),
        lambda: [_annex(plan, as_of, wanted)],
    )


def _annex(plan: Plan, as_of: date, wanted: TreeFilter) -> Sheet:
    session = db.session()
    tree = plan_queries.plan_tree(session, plan, as_of, wanted, per_page=None)
    names = {area.id: area.short_name for area in areas.list_areas(session, locale_code())}
    note = _("Số liệu đến ngày %(day)s.", day=f"{as_of:%d/%m/%Y}")
    if plan.state is not PlanState.DRAFT:
        figure = figures.figure(session, as_of, CountRule.PLAN, figures.Filter(plan_id=plan.id))
        version = documents.version_in_force(session, plan.id, as_of)
        note = _(
            "Hoàn thành %(done)s/%(total)s nhiệm vụ (%(percent)s), số liệu đến ngày %(day)s, "
            "theo văn bản %(number)s.",
            done=figure.numerator,
            total=figure.denominator,
            percent=show_percent(figure.percent),
            day=f"{as_of:%d/%m/%Y}",
            number=version.number if version else plan.number,
        )
    return Sheet(
        name=plan.key[:31],
        title=plan.title,
        note=note,
        columns=_annex_columns(),
        rows=(_annex_row(row, names) for row in tree.rows),
    )


def _annex_columns() -> list[Column]:
    """Return the customary columns of a plan's annex, then how each row stands."""
    return [
        Column(_("STT"), 8),
        Column(_("Nội dung nhiệm vụ"), 60),
        Column(_("Sản phẩm"), 30),
        Column(_("Cơ quan chủ trì"), 28),
        Column(_("Cơ quan phối hợp"), 28),
        Column(_("Thời gian hoàn thành"), 20),
        Column(_("Kinh phí"), 16),
        Column(_("Ghi chú"), 24),
        Column(_("Lĩnh vực"), 20),
        Column(_("Trạng thái"), 18),
        Column(_("Hạn hiện tại"), 14, "date"),
        Column(_("Ngày hoàn thành"), 14, "date"),
    ]


def _annex_row(row: plan_queries.TreeRow, names: Mapping[int, str]) -> list[object]:
    standing = row.standing
    return [
        row.number,
        row.title,
        row.product,
        row.lead,
        row.coordinators,
        row.deadline,
        row.budget,
        row.note,
        names.get(row.area_id or 0, ""),
        str(STATUS_WORDS[standing.status]) if standing else "",
        standing.due_on if standing else None,
        standing.done_on if standing else None,
    ]


# -- its life --------------------------------------------------------------------------------


def _issuer_choices(now: int | None = None) -> list[tuple[int, str]]:
    """Return the units that the person may issue plans for; the present issuer is always there."""
    found = units.choices(MANAGE)
    if now is not None and now not in dict(found):
        found = [*units.names([now]).items(), *found]
    return found


def _say_conflict(form: Any, error: Conflict, newest: Versioned | None = None) -> int:
    """Say that somebody was faster; sent again after a look at `newest`, it is meant."""
    form.form_errors.append(error.message)
    if newest is not None:
        form.version.raw_data, form.version.data = None, str(newest.version)
    return 409


@blueprint.route("/ke-hoach/moi", methods=["GET", "POST"])
@requires(MANAGE)
def new_plan() -> Answer:
    """Start a draft."""
    choices = _issuer_choices()
    today = current().clock.today()
    first = choices[0][0] if choices else None
    form: Any = PlanForm(data={"year_from": str(today.year), "issuer_id": first})
    form.issuer_id.choices = options(choices)
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate():
            try:
                plan_id = run(lifecycle.create_plan, lifecycle.CreatePlan(form.to_input()))
            except ValidationFailed as error:
                form.take_errors(error)
            except Conflict as error:
                status = _say_conflict(form, error)
            else:
                flash(_("Đã tạo dự thảo. Giờ thêm nhóm và nhiệm vụ."), "success")
                return redirect(_plan_url(plan_id))
    return render_template("plans/edit.html", form=form, plan=None), status


def _plan_url(plan_id: int) -> str:
    return url_for("plans.show_plan", key=db.session().get_one(Plan, plan_id).key)


@blueprint.route("/ke-hoach/<key>/sua", methods=["GET", "POST"])
@requires(MANAGE)
def edit_plan(key: str) -> Answer:
    """Change a plan's head; what others changed meanwhile is merged, or shown beside it."""
    plan = plan_queries.get_managed_plan(db.session(), key)
    plan_id = plan.id
    form: Any = PlanForm(data=plan_values(plan))
    form.issuer_id.choices = options(_issuer_choices(plan.issuer_id))
    if plan.state is not PlanState.DRAFT:
        form.fix()
    status = 200
    if request.method == "POST":
        status, version = 422, _version(form)
        if form.validate():
            try:
                conflict.persist(lambda: _save_plan(form, plan_id, version))
            except ValidationFailed as error:
                form.take_errors(error)
            except Conflict as error:
                plan = db.session().get_one(Plan, plan_id)
                if error.fields:
                    return _plan_conflict(form, plan, version, error), 409
                status = _say_conflict(form, error)
            else:
                flash(_("Đã lưu kế hoạch."), "success")
                return redirect(_plan_url(plan_id))
            plan = db.session().get_one(Plan, plan_id)
    return render_template("plans/edit.html", form=form, plan=plan), status


def _save_plan(form: Any, plan_id: int, version: int) -> int:
    """Write what the person changed since `version` over the plan as it is now."""
    session = db.session()
    session.expire_all()
    plan = session.get_one(Plan, plan_id)
    wanted = conflict.resolve(session, plan, version, form.submitted())
    given = replace(plan_input(plan), **wanted)
    return run(lifecycle.edit_plan, lifecycle.EditPlan(plan_id, plan.version, given))


def _plan_conflict(form: Any, plan: Plan, version: int, error: Conflict) -> str:
    url = url_for("plans.show_plan", key=plan.key)
    return conflict.page(
        form,
        error,
        title=_("Hai người cùng sửa kế hoạch"),
        version_name="version",
        base_version=version,
        seen_version=plan.version,
        action=url_for("plans.edit_plan", key=plan.key),
        cancel_url=url,
        crumbs=[
            (ngettext("Kế hoạch", "Kế hoạch", 2), url_for("plans.list_plans")),
            (plan.title, url),
        ],
    )


@blueprint.route("/ke-hoach/<key>/ban-hanh", methods=["GET", "POST"])
@requires(MANAGE)
def issue_plan(key: str) -> Answer:
    """Issue a draft by a numbered document."""
    session = db.session()
    plan = plan_queries.get_managed_plan(session, key)
    plan_id = plan.id
    if plan.state is not PlanState.DRAFT:
        flash(_("Kế hoạch này đã ban hành."), "info")
        return redirect(url_for("plans.show_plan", key=key))
    form: Any = IssueForm(
        data={"version": plan.version, "number": plan.number, "issued_on": plan.issued_on}
    )
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate():
            data = lifecycle.IssuePlan(
                plan_id,
                _version(form),
                form.number.data or "",
                form.issued_on.data,
                form.summary.data or "",
            )
            try:
                made = run(lifecycle.issue_plan, data)
            except ValidationFailed as error:
                form.take_errors(error)
            except Conflict as error:
                status = _say_conflict(form, error, db.session().get_one(Plan, plan_id))
            else:
                flash(
                    ngettext(
                        "Đã ban hành và giao %(num)d phần việc.",
                        "Đã ban hành và giao %(num)d phần việc.",
                        made,
                    ),
                    "success",
                )
                return redirect(url_for("plans.show_plan", key=key))
    plan = plan_queries.get_managed_plan(db.session(), key)
    check = plan_queries.check_draft(db.session(), plan)
    page = render_template("plans/issue.html", form=form, plan=plan, check=check)
    return page, status


@blueprint.route("/ke-hoach/<key>/dieu-chinh", methods=["GET", "POST"])
@requires(MANAGE)
def amend_plan(key: str) -> Answer:
    """Register a document that amends an issued plan."""
    plan = plan_queries.get_managed_plan(db.session(), key)
    form: Any = DocumentForm()
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate():
            try:
                run(lifecycle.amend_plan, lifecycle.AmendPlan(plan.id, form.to_input()))
            except ValidationFailed as error:
                form.take_errors(error)
            except Conflict as error:
                status = _say_conflict(form, error)
            else:
                flash(_("Đã ghi văn bản. Sửa từng dòng và chọn văn bản này làm căn cứ."), "success")
                return redirect(url_for("plans.show_plan", key=key))
        plan = plan_queries.get_managed_plan(db.session(), key)
    return render_template("plans/amend.html", form=form, plan=plan), status


@blueprint.route("/ke-hoach/<key>/khep", methods=["GET", "POST"])
@requires(MANAGE)
def close_plan(key: str) -> Answer:
    """Close an issued plan."""
    session = db.session()
    plan = plan_queries.get_managed_plan(session, key)
    plan_id = plan.id
    today = current().clock.today()
    form: Any = CloseForm(data={"version": plan.version, "closed_on": today})
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate():
            data = lifecycle.ClosePlan(plan_id, _version(form), form.closed_on.data)
            try:
                run(lifecycle.close_plan, data)
            except ValidationFailed as error:
                form.take_errors(error)
            except Conflict as error:
                status = _say_conflict(form, error, db.session().get_one(Plan, plan_id))
            else:
                flash(_("Đã khép kế hoạch."), "success")
                return redirect(url_for("plans.show_plan", key=key))
        plan = plan_queries.get_managed_plan(db.session(), key)
    figure = figures.figure(db.session(), today, CountRule.PLAN, figures.Filter(plan_id=plan.id))
    return render_template("plans/close.html", form=form, plan=plan, figure=figure), status


@blueprint.post("/ke-hoach/<key>/xoa")
@requires(MANAGE)
def delete_plan(key: str) -> Answer:
    """Delete a draft."""
    plan = plan_queries.get_managed_plan(db.session(), key)
    try:
        title = run(lifecycle.delete_plan, lifecycle.DeletePlan(plan.id, _posted_version()))
    except ValidationFailed as error:
        flash(error.message, "error")
        return redirect(url_for("plans.show_plan", key=key))
    flash(_("Đã xóa dự thảo “%(title)s”.", title=title), "success")
    return redirect(url_for("plans.list_plans"))


def _posted_version() -> int:
    version = numbers.read_whole(request.form.get("version", ""))
    if version is None:
        raise BadRequest(_("Biểu mẫu không hợp lệ. Hãy tải lại trang."))
    return version


@blueprint.get("/ke-hoach/<key>/van-ban")
@requires(VIEW)
def list_documents(key: str) -> Answer:
    """Show the documents of a plan, and its rows as issued beside what they are now."""
    session = db.session()
    plan = plan_queries.get_plan(session, key)
    return render_template(
        "plans/documents.html",
        plan=plan,
        documents=documents.list_documents(session, plan.id),
        differences=documents.list_differences(session, plan.id),
        content_words=CONTENT_WORDS,
        kind_words=DOCUMENT_LABELS,
        may_write=plan_queries.may_manage(session, plan),
    )


# -- copying ---------------------------------------------------------------------------------


@blueprint.route("/ke-hoach/<key>/sao-chep", methods=["GET", "POST"])
@requires(MANAGE)
def copy_plan(key: str) -> Answer:
    """Make next year's draft from a plan: what becomes of each row first, then save."""
    session = db.session()
    plan = plan_queries.get_plan(session, key)
    next_year = plan.year_to + 1
    title = copying.text_years_on(
        plan.title, plan.year_from, plan.year_to, next_year - plan.year_from
    )
    is_asked = request.method == "POST" or "year" in request.args
    typed = request.form if request.method == "POST" else request.args
    form: Any = CopyForm(
        typed if is_asked else None,
        data={"title": title, "year": str(next_year), "issuer_id": plan.issuer_id},
    )
    form.issuer_id.choices = options(_issuer_choices())
    is_valid = form.validate() if is_asked else True
    year = form.year.year if is_valid and is_asked else next_year
    status = 200 if is_valid else 422
    if request.method == "POST" and is_valid:
        data = copying.CopyPlan(
            plan.id,
            lifecycle.PlanInput(
                title=form.title.data or "",
                issuer_id=form.issuer_id.data or 0,
                year_from=year,
                year_to=year + plan.year_to - plan.year_from,
                kind=plan.kind,
                key=form.key.data or "",
                needs_confirmation=plan.needs_confirmation,
            ),
            _chosen_rows(),
        )
        status = 422
        try:
            plan_id = run(copying.copy_plan, data)
        except ValidationFailed as error:
            form.take_errors(_renamed(error, {"year_from": "year", "year_to": "year"}))
        except Conflict as error:
            status = _say_conflict(form, error)
        else:
            flash(_("Đã tạo dự thảo từ kế hoạch cũ. Hãy xem lại từng dòng."), "success")
            return redirect(_plan_url(plan_id))
        plan = plan_queries.get_plan(db.session(), key)
    shift = year - plan.year_from
    if not 0 <= shift <= copying.MOST_YEARS_ON:
        year = next_year
    preview = copying.preview(db.session(), plan, year, working_calendar())
    chosen = _chosen_rows() if request.method == "POST" else None
    page = render_template(
        "plans/copy.html",
        form=form,
        plan=plan,
        preview=preview,
        year=year,
        chosen=chosen,
        kinds=RowKind,
    )
    return page, status


def _chosen_rows() -> frozenset[int]:
    chosen: set[int] = set()
    for value in request.form.getlist("ids"):
        key = numbers.read_whole(value)
        if key is None:
            raise BadRequest(_("Biểu mẫu không hợp lệ. Hãy tải lại trang."))
        chosen.add(key)
    return frozenset(chosen)


def _renamed(error: ValidationFailed, names: Mapping[str, str]) -> ValidationFailed:
    return ValidationFailed(
        [type(one)(names.get(one.field, one.field), one.message) for one in error.errors]
    )


# -- rows ------------------------------------------------------------------------------------


def _fill_row_choices(
    form: Any, plan: Plan, task: Task | None, shown_units: Collection[int] = ()
) -> None:
    """Give the selects of a row's form what can be chosen; what is chosen now is always there."""
    session = db.session()
    kinds = (RowKind.GROUP, RowKind.TASK)
    if task is None:
        top = ("", _("Đầu kế hoạch"))
        rest = plan_queries.row_choices(session, plan.id, kinds)
        form.parent_id.choices = options([top, *rest])
    awaited = plan_queries.row_choices(
        session, plan.id, (RowKind.TASK,), without=task.id if task else None
    )
    chosen = task.awaits_id if task else None
    if chosen is not None and chosen not in {key for key, _label in awaited}:
        # One that was withdrawn stays chosen where it was.
        awaited.append((chosen, session.get_one(Task, chosen).title))
    form.awaits_id.choices = options([("", _("Không phải việc trong kế hoạch")), *awaited])
    shown = areas.list_areas(session, locale_code(), date(plan.year_from, 12, 31))
    if task is not None and task.area_id and task.area_id not in {area.id for area in shown}:
        shown = [
            area
            for area in areas.list_areas(session, locale_code())
            if area in shown or area.id == task.area_id
        ]
    form.area_id.choices = options(
        [("", _("Không thuộc lĩnh vực nào")), *((a.id, a.name) for a in shown)]
    )
    choices = units.choices("units.view")
    missing = {*(form.lead_unit_ids.data or ()), *(form.coordinator_ids.data or ()), *shown_units}
    missing -= {key for key, _name in choices}
    # Units that have ended, or lie out of reach, stay chosen where they were.
    choices = [*choices, *units.names(missing).items()]
    form.lead_unit_ids.choices = options(choices)
    form.coordinator_ids.choices = options(choices)
    form.unit_set_id.choices = options([("", _("Không chọn nhóm")), *unit_sets.choices(session)])


def _fill_documents(form: Any, plan: Plan) -> None:
    known = documents.list_documents(db.session(), plan.id)
    form.document_id.choices = options(
        [
            ("", _("Chọn văn bản…")),
            *(
                (str(one.id), f"{one.number} ({one.issued_on:%d/%m/%Y})")
                for one in known
                if one.ordinal > 0
            ),
            (NEW_DOCUMENT, _("Văn bản mới…")),
        ]
    )


def _row_page(form: Any, plan: Plan, task: Task | None) -> str:
    session = db.session()
    _fill_row_choices(form, plan, task)
    _fill_documents(form, plan)
    proposed: list[tuple[int, str]] = []
    if task is not None and plan.state is PlanState.ISSUED:
        found = assign.proposed_units(session, task, current().clock.today())
        names = units.names(found)
        proposed = [(one, names[one]) for one in found]
    return render_template(
        "plans/row.html",
        form=form,
        plan=plan,
        task=task,
        proposed=proposed,
        is_issued=plan.state is PlanState.ISSUED,
        kinds=RowKind,
        today=current().clock.today(),
        back=url_for("plans.show_plan", key=plan.key),
    )


@blueprint.route("/ke-hoach/<key>/dong/moi", methods=["GET", "POST"])
@requires(MANAGE)
def add_row(key: str) -> Answer:
    """Add a row to a plan."""
    session = db.session()
    plan = plan_queries.get_managed_plan(session, key)
    plan_id = plan.id
    kind = _typed("kind") or RowKind.TASK.value
    if kind not in set(RowKind):
        raise BadRequest(_("Bộ lọc trên địa chỉ không hợp lệ."))
    parent_id = _key_of("parent")
    parent = plan_queries.get_row(session, plan, parent_id) if parent_id else None
    form: Any = RowForm(
        data={
            "kind": kind,
            "parent_id": parent_id,
            "area_id": parent.area_id if parent else None,
        }
    )
    status = 200
    if request.method == "POST":
        status = 422
        _fill_documents(form, plan)
        if form.validate():
            try:
                row = form.to_input()
                if form.has_rule_fault():
                    raise ValidationFailed(())
                task_id = run(
                    rows.add_row,
                    rows.AddRow(plan_id, row, form.parent_id.data, document=form.document()),
                )
            except ValidationFailed as error:
                form.take_errors(error)
            except Conflict as error:
                status = _say_conflict(form, error)
            else:
                flash(_("Đã thêm “%(title)s”.", title=row.title[:80]), "success")
                return redirect(_after_row(key, task_id, form))
            plan = plan_queries.get_managed_plan(db.session(), key)
    return _row_page(form, plan, None), status


def _after_row(key: str, task_id: int, form: Any) -> str:
    """Return where to go after saving: the same form for the next row, or the plan at this row."""
    if request.form.get("then") == "more":
        return url_for("plans.add_row", key=key, kind=form.kind.data, parent=form.parent_id.data)
    return url_for("plans.show_plan", key=key, _anchor=f"dong-{task_id}")


def _units_of(task: Task) -> tuple[list[int], list[int]]:
    session = db.session()
    found: list[list[int]] = []
    for link in (TaskLead, TaskCoordinator):
        found.append(plan_queries.linked_units(session, link, task.id))
    return found[0], found[1]


@blueprint.route("/ke-hoach/<key>/dong/<int:task_id>", methods=["GET", "POST"])
@requires(MANAGE)
def edit_row(key: str, task_id: int) -> Answer:
    """Change what a row says; what others changed meanwhile is merged, or shown beside it."""
    session = db.session()
    plan = plan_queries.get_managed_plan(session, key)
    task = plan_queries.get_row(session, plan, task_id)
    form: Any = RowForm(data=row_values(task, *_units_of(task)))
    del form.parent_id
    status = 200
    if request.method == "POST":
        status, version = 422, _version(form)
        _fill_documents(form, plan)
        if form.validate():
            try:
                row = form.to_input()
                if form.has_rule_fault():
                    raise ValidationFailed(())
                conflict.persist(lambda: _save_row(form, row, plan.id, task_id, version))
            except ValidationFailed as error:
                form.take_errors(error)
            except Conflict as error:
                plan = plan_queries.get_managed_plan(db.session(), key)
                task = plan_queries.get_row(db.session(), plan, task_id)
                if error.fields:
                    return _row_conflict(form, plan, task, version, error), 409
                status = _say_conflict(form, error)
            else:
                flash(_("Đã lưu dòng này."), "success")
                return redirect(url_for("plans.show_plan", key=key, _anchor=f"dong-{task_id}"))
            plan = plan_queries.get_managed_plan(db.session(), key)
            task = plan_queries.get_row(db.session(), plan, task_id)
    return _row_page(form, plan, task), status


def _save_row(form: Any, typed: rows.RowInput, plan_id: int, task_id: int, version: int) -> int:
    """Write what the person changed since `version` over the row as it is now."""
    session = db.session()
    session.expire_all()
    task = plan_queries.get_row(session, session.get_one(Plan, plan_id), task_id)
    # No form asks for it: what was made up stays marked so.
    typed = replace(typed, is_invented=task.is_invented)
    if task.version != version:
        stored = row_merge.input_of(task, *_units_of(task))
        wanted = conflict.choose(
            lambda values: row_merge.merge(session, task, stored, version, values),
            task.version,
            row_merge.values_of(typed),
        )
        typed = row_merge.merged(stored, typed, wanted)
    return run(rows.edit_row, rows.EditRow(task_id, task.version, typed, form.document()))


def _row_conflict(form: Any, plan: Plan, task: Task, version: int, error: Conflict) -> str:
    stored_units = {unit for units in _units_of(task) for unit in units}
    bases = [one.base for one in error.fields if isinstance(one.base, list)]
    _fill_row_choices(form, plan, task, stored_units.union(*bases))
    _fill_documents(form, plan)
    unused = () if plan.state is PlanState.ISSUED else DOCUMENT_FIELDS
    deadline = conflict.Composite(
        label=str(_("Thời hạn")),
        template="plans/_deadline_fields.html",
        show=_deadline_words,
        covers=DEADLINE_FIELDS,
    )
    url = url_for("plans.show_plan", key=plan.key)
    return conflict.page(
        form,
        error,
        composites={"deadline": deadline},
        title=_("Hai người cùng sửa dòng %(number)s", number=task.number),
        unused=unused,
        styles=("css/plans.css",),
        version_name="version",
        base_version=version,
        seen_version=task.version,
        action=url_for("plans.edit_row", key=plan.key, task_id=task.id),
        cancel_url=url,
        crumbs=[
            (ngettext("Kế hoạch", "Kế hoạch", 2), url_for("plans.list_plans")),
            (plan.title, url),
        ],
    )


def _deadline_words(deadline: assign.Deadline) -> str:
    words = row_merge.deadline_words(deadline)
    awaited = db.session.get(Task, deadline.awaits_id) if deadline.awaits_id else None
    return words if awaited is None else f"{words} · {_('Chờ việc:')} {awaited.title}"


@blueprint.post("/ke-hoach/<key>/dong/<int:task_id>/xoa")
@requires(MANAGE)
def delete_row(key: str, task_id: int) -> Answer:
    """Delete a row of a draft with everything under it."""
    plan = plan_queries.get_managed_plan(db.session(), key)
    plan_queries.get_row(db.session(), plan, task_id)
    try:
        run(rows.delete_row, rows.DeleteRow(task_id))
    except ValidationFailed as error:
        flash(error.message, "error")
    else:
        flash(_("Đã xóa dòng này."), "success")
    return redirect(url_for("plans.show_plan", key=key))


@blueprint.route("/ke-hoach/<key>/dong/<int:task_id>/rut", methods=["GET", "POST"])
@requires(MANAGE)
def withdraw_row(key: str, task_id: int) -> Answer:
    """Take a row out of an issued plan by a document."""
    session = db.session()
    plan = plan_queries.get_managed_plan(session, key)
    task = plan_queries.get_row(session, plan, task_id)
    form: Any = WithdrawForm(data={"version": task.version})
    _fill_documents(form, plan)
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate():
            try:
                choice = form.document() or documents.DocumentChoice()
                data = rows.WithdrawTask(task_id, _version(form), choice, form.reason.data or "")
                run(rows.withdraw_task, data)
            except ValidationFailed as error:
                form.take_errors(error)
            except Conflict as error:
                status = _say_conflict(form, error, db.session().get_one(Task, task_id))
            else:
                flash(_("Đã rút khỏi kế hoạch; lịch sử vẫn còn."), "success")
                return redirect(url_for("plans.show_plan", key=key))
            plan = plan_queries.get_managed_plan(db.session(), key)
            task = plan_queries.get_row(db.session(), plan, task_id)
    return render_template("plans/withdraw.html", form=form, plan=plan, task=task), status


@blueprint.route("/ke-hoach/<key>/dong/<int:task_id>/chuyen", methods=["GET", "POST"])
@requires(MANAGE)
def move_row(key: str, task_id: int) -> Answer:
    """Move a row with everything under it."""
    session = db.session()
    plan = plan_queries.get_managed_plan(session, key)
    task = plan_queries.get_row(session, plan, task_id)
    form: Any = MoveForm(data={"parent_id": task.parent_id})
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate():
            data = rows.MoveRow(task_id, form.parent_id.data, form.before_id.data)
            try:
                run(rows.move_row, data)
            except ValidationFailed as error:
                form.take_errors(error)
            else:
                flash(_("Đã chuyển dòng này."), "success")
                return redirect(url_for("plans.show_plan", key=key, _anchor=f"dong-{task_id}"))
            plan = plan_queries.get_managed_plan(db.session(), key)
            task = plan_queries.get_row(db.session(), plan, task_id)
    session = db.session()
    kinds = [kind for kind in rows.PARENTS[task.kind] if kind is not None]
    top = [("", _("Đầu kế hoạch"))] if None in rows.PARENTS[task.kind] else []
    form.parent_id.choices = options(
        [
            *top,
            *plan_queries.row_choices(session, plan.id, kinds, task.id),
        ]
    )
    form.before_id.choices = options(
        [
            ("", _("Cuối nhóm")),
            *plan_queries.row_choices(session, plan.id, list(RowKind), task.id),
        ]
    )
    return render_template("plans/move.html", form=form, plan=plan, task=task), status


@blueprint.post("/ke-hoach/<key>/dong/<int:task_id>/don-vi")
@requires(MANAGE)
def add_proposed(key: str, task_id: int) -> Answer:
    """Give a row to units that its unit set came to mean after the issue."""
    plan = plan_queries.get_managed_plan(db.session(), key)
    plan_queries.get_row(db.session(), plan, task_id)
    data = assign.AddProposed(task_id, tuple(_chosen_rows()), current().clock.today())
    try:
        run(assign.add_proposed, data)
    except ValidationFailed as error:
        flash(error.message, "error")
    else:
        flash(_("Đã giao thêm cho các đơn vị này."), "success")
    return redirect(url_for("plans.edit_row", key=key, task_id=task_id))

"""Pages of units: the list, one unit, forms, and unit sets. Operations are in operation_views."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.wrappers import Response

from tracker.core import numbers
from tracker.core import text as texts
from tracker.core.clock import to_local
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import BadRequest, Conflict, NotFound, ValidationFailed
from tracker.core.rights import rights
from tracker.core.work import run
from tracker.plugins.descriptors import Place, TimelineEntry
from tracker.plugins.host import current_registry
from tracker.units import facts, forms, listing, queries, services, sets
from tracker.units.inputs import (
    AddAlias,
    CreateUnit,
    DeleteUnitSet,
    EditUnit,
    RemoveAlias,
    SaveUnitSet,
)
from tracker.units.labels import KINDS, kind_choices, kind_label
from tracker.units.listing import UnitFilter, UnitLine
from tracker.units.models import Unit, UnitKind, UnitSet
from tracker.web import conflict, paging, xlsx
from tracker.web.doors import requires
from tracker.web.exports import send_workbook
from tracker.web.forms import optional_int

VIEW, MANAGE = "units.view", "units.manage"
# Keys beyond the databases' range are no addresses.
KEY = "int(max=2147483647)"
PER_PAGE = 100
LONGEST_QUERY = 200

blueprint = Blueprint("units", __name__)


# -- the list ------------------------------------------------------------------------------------


def _filter() -> UnitFilter:
    """Return what the address asks for. Raises BadRequest for what cannot be read."""
    today = current().clock.today()
    kind, day = request.args.get("kind", ""), request.args.get("as_of", "").strip()
    state = request.args.get("state", "")
    try:
        as_of = numbers.parse_date(day) if day else today
        under = optional_int(request.args.get("under"))
        chosen = UnitKind(kind) if kind else None
    except ValueError as error:
        raise BadRequest(_("Điều kiện lọc không hợp lệ.")) from error
    if state not in ("", "ended"):
        raise BadRequest(_("Điều kiện lọc không hợp lệ."))
    text = texts.normalise(request.args.get("q", "")[:LONGEST_QUERY])
    return UnitFilter(as_of=as_of, text=text, kind=chosen, under=under, ended=state == "ended")


def _chips(wanted: UnitFilter, today: date) -> list[tuple[str, str]]:
    chips: list[tuple[str, str]] = []
    if wanted.text:
        chips.append((f"“{wanted.text}”", paging.address_with(q=None)))
    if wanted.kind:
        chips.append((kind_label(wanted.kind), paging.address_with(kind=None)))
    if wanted.under:
        name = queries.names_as_of(db.session(), [wanted.under], wanted.as_of).get(wanted.under)
        label = _("Thuộc %(name)s", name=name or "?")
        chips.append((label, paging.address_with(under=None)))
    if wanted.as_of != today:
        day = numbers.format_date(wanted.as_of)
        chips.append((_("Tại ngày %(day)s", day=day), paging.address_with(as_of=None)))
    if wanted.ended:
        chips.append((_("Đã kết thúc"), paging.address_with(state=None)))
    return chips


@blueprint.get("/don-vi")
@requires(VIEW)
def list_units() -> str:
    """Show the tree of units as of a day, or what a filter leaves of it."""
    wanted, number = _filter(), paging.page_number()
    rows = listing.list_units(db.session(), wanted)
    number = max(1, min(number, -(-len(rows) // PER_PAGE)))
    page: paging.Page[UnitLine] = paging.Page(
        rows[(number - 1) * PER_PAGE : number * PER_PAGE], number, PER_PAGE, len(rows)
    )
    today = current().clock.today()
    return render_template(
        "units/list.html",
        page=page,
        wanted=wanted,
        is_today=wanted.as_of == today,
        kinds=KINDS,
        kind_choices=kind_choices(),
        unit_choices=queries.choices(),
        chips=_chips(wanted, today),
        clear_url=url_for("units.list_units"),
    )


@blueprint.get("/don-vi.xlsx")
@requires(VIEW)
def export_units() -> Response:
    """Send the list as a spreadsheet, with the columns of the import template."""
    wanted = _filter()
    rows = listing.list_units(db.session(), wanted)
    name = f"{_('don-vi')}-{wanted.as_of:%Y%m%d}.xlsx"
    return send_workbook(name, len(rows), lambda: [_sheet(rows)])


def _sheet(rows: Sequence[listing.UnitLine]) -> xlsx.Sheet:
    aliases = queries.aliases_of(db.session(), [row.id for row in rows])
    return xlsx.Sheet(
        _("Đơn vị"),
        (
            xlsx.Column(_("Mã đơn vị"), 14),
            xlsx.Column(_("Tên đơn vị"), 44),
            xlsx.Column(_("Loại đơn vị"), 22),
            xlsx.Column(_("Đơn vị cấp trên"), 36),
            xlsx.Column(_("Tên ngắn"), 20),
            xlsx.Column(_("Tên gọi khác"), 36),
            xlsx.Column(_("Từ ngày"), 12, "date"),
            xlsx.Column(_("Chức danh người đứng đầu"), 28),
            xlsx.Column(_("Kết thúc từ ngày"), 16, "date"),
        ),
        [
            (
                row.code,
                row.name,
                kind_label(row.kind),
                row.parent_name,
                row.short_name,
                "; ".join(aliases.get(row.id, ())),
                row.valid_from,
                row.head_title,
                row.ended_on,
            )
            for row in rows
        ],
    )


# -- one unit ------------------------------------------------------------------------------------


def _timeline(unit_id: int) -> list[TimelineEntry]:
    """Return what all features and plug-ins know of the unit's history, newest first."""
    entries = [
        entry
        for source in current_registry().timeline_sources
        if source.place is Place.UNIT
        for entry in source.entries(unit_id)
    ]
    return sorted(entries, key=lambda entry: (_day_of(entry.at), entry.known_at), reverse=True)


def _day_of(at: datetime | date) -> date:
    return to_local(at).date() if isinstance(at, datetime) else at


def _panels(unit_id: int) -> list[tuple[str, str, Markup]]:
    """Return (key, title, HTML) of the panels that have something to show."""
    access = current().actor.access
    shown: list[tuple[str, str, Markup]] = []
    for panel in current_registry().panels:
        if panel.place is Place.UNIT and (not panel.permission or access.holds(panel.permission)):
            html = panel.render(unit_id)
            if html:
                # A panel's contract is to return safe HTML.
                shown.append((panel.key, str(panel.title), Markup(html)))  # noqa: S704
    return shown


def may_manage(unit: Unit) -> bool:
    """Tell whether the person may change this unit."""
    return rights.may(db.session(), current().actor.access, MANAGE, unit)


def _unit_page(unit_id: int, alias: forms.AliasForm | None = None) -> str:
    shown = facts.unit_facts(db.session(), unit_id)
    return render_template(
        "units/unit.html",
        facts=shown,
        unit=shown.unit,
        kind=kind_label(shown.unit.kind),
        kinds=KINDS,
        manages=may_manage(shown.unit),
        panels=_panels(unit_id),
        entries=_timeline(unit_id),
        day_of=_day_of,
        alias_form=alias or forms.AliasForm(formdata=None),
        far=services.FAR,
    )


@blueprint.get(f"/don-vi/<{KEY}:unit_id>")
@requires(VIEW)
def show_unit(unit_id: int) -> str:
    """Show one unit, living or ended."""
    return _unit_page(unit_id)


def _managed(unit_id: int) -> Unit:
    """Return a unit that the person sees and may change. Raises NotFound, PermissionDenied."""
    unit = facts.get_unit(db.session(), unit_id)
    rights.require(db.session(), current().actor.access, MANAGE, unit)
    return unit


def _shown(unit_id: int) -> Response:
    return redirect(url_for("units.show_unit", unit_id=unit_id), 303)


@blueprint.route("/don-vi/moi", methods=["GET", "POST"])
@requires(MANAGE)
def create_unit() -> Response:
    """Make a unit."""
    form = forms.UnitForm()
    forms.offer_kinds(form.kind)
    forms.offer_units(form.parent_id, queries.choices(MANAGE), _("Không có (đứng đầu cây)"))
    status = 200
    if request.method != "POST":
        form.parent_id.data = _key_argument("cha")
    else:
        status = 422
        if form.validate():
            data = CreateUnit(
                name=form.name.data or "",
                kind=UnitKind(form.kind.data),
                parent_id=form.parent_id.data,
                valid_from=form.valid_from.data,
                code=form.code.data or "",
                short_name=form.short_name.data or "",
                head_title=form.head_title.data or "",
                decision_number=form.decision_number.data or "",
                decision_date=form.decision_date.data,
            )
            try:
                unit_id = run(services.create_unit, data)
            except ValidationFailed as error:
                form.take_errors(error)
            except Conflict as error:
                form.form_errors.append(error.message)
                status = 409
            else:
                flash(_("Đã lập đơn vị."), "success")
                return _shown(unit_id)
    return make_response(render_template("units/new.html", form=form), status)


def _key_argument(name: str) -> int | None:
    try:
        return optional_int(request.args.get(name))
    except ValueError as error:
        raise BadRequest from error


@blueprint.route(f"/don-vi/<{KEY}:unit_id>/sua", methods=["GET", "POST"])
@requires(MANAGE)
def edit_unit(unit_id: int) -> Response:
    """Put right what needs no decision; others' changes are merged, or shown beside."""
    unit = _managed(unit_id)
    name = unit.name
    form = forms.EditUnitForm(obj=unit)
    status = 200
    if request.method == "POST":
        status, version = 422, conflict.posted_version("version")
        if form.validate():
            try:
                conflict.persist(lambda: _save_unit(form, unit_id, version))
            except ValidationFailed as error:
                form.take_errors(error)
            except Conflict as error:
                if not error.fields:
                    raise
                page = conflict.page(
                    form,
                    error,
                    title=_("Hai người cùng sửa: %(name)s", name=name),
                    version_name="version",
                    base_version=version,
                    seen_version=_managed(unit_id).version,
                    action=url_for("units.edit_unit", unit_id=unit_id),
                    cancel_url=url_for("units.show_unit", unit_id=unit_id),
                    crumbs=[(name, url_for("units.show_unit", unit_id=unit_id))],
                )
                return make_response(page, 409)
            else:
                flash(_("Đã lưu thay đổi."), "success")
                return _shown(unit_id)
    page = render_template("units/edit.html", form=form, unit_id=unit_id, name=name)
    return make_response(page, status)


def _save_unit(form: forms.EditUnitForm, unit_id: int, version: int) -> int:
    """Write what the person changed since `version` over the unit as it is now."""
    session = db.session()
    session.expire_all()
    unit = _managed(unit_id)
    typed = {
        "short_name": form.short_name.data or "",
        # A unit without a code has none: several may lack it.
        "code": form.code.data or None,
        "head_title": form.head_title.data or "",
    }
    values = conflict.whole(session, unit, version, typed)
    values["code"] = values["code"] or ""
    return run(services.edit_unit, EditUnit(unit_id=unit_id, version=unit.version, **values))


@blueprint.post(f"/don-vi/<{KEY}:unit_id>/ten-khac")
@requires(MANAGE)
def add_alias(unit_id: int) -> Response:
    """Add another name under which the unit is written."""
    _managed(unit_id)
    form = forms.AliasForm()
    if form.validate():
        try:
            run(services.add_alias, AddAlias(unit_id, form.alias.data or ""))
        except ValidationFailed as error:
            form.take_errors(error)
        else:
            flash(_("Đã thêm tên gọi khác."), "success")
            return _shown(unit_id)
    return make_response(_unit_page(unit_id, form), 422)


@blueprint.post(f"/don-vi/<{KEY}:unit_id>/ten-khac/<{KEY}:alias_id>/xoa")
@requires(MANAGE)
def remove_alias(unit_id: int, alias_id: int) -> Response:
    """Take another name away."""
    _managed(unit_id)
    run(services.remove_alias, RemoveAlias(unit_id, alias_id))
    flash(_("Đã bỏ tên gọi khác."), "success")
    return _shown(unit_id)


# -- unit sets -----------------------------------------------------------------------------------


@blueprint.get("/don-vi/nhom")
@requires(MANAGE)
def list_sets() -> str:
    """Show the saved rules for several units, each with how many units it means today."""
    session, today = db.session(), current().clock.today()
    nodes = queries.tree_as_of(session, today)
    rows = sets.list_sets(session)
    under = queries.names([row.under_unit_id for row in rows if row.under_unit_id])
    lines = [
        (
            row,
            [kind_label(kind) for kind in KINDS if kind in sets.kinds_of(row)],
            under.get(row.under_unit_id, "") if row.under_unit_id else "",
            len(sets.pick(nodes, sets.kinds_of(row), row.under_unit_id)),
        )
        for row in rows
    ]
    return render_template("units/sets.html", lines=lines)


@blueprint.route("/don-vi/nhom/moi", methods=["GET", "POST"])
@requires(MANAGE)
def create_set() -> Response:
    """Make a unit set."""
    return _set_page(None, forms.UnitSetForm())


@blueprint.route(f"/don-vi/nhom/<{KEY}:unit_set_id>", methods=["GET", "POST"])
@requires(MANAGE)
def edit_set(unit_set_id: int) -> Response:
    """Change a unit set, and see which units it means today."""
    unit_set = db.session.get(UnitSet, unit_set_id)
    if unit_set is None:
        raise NotFound
    form = forms.UnitSetForm(obj=unit_set)
    if request.method != "POST":
        form.kinds.data = [kind for kind in unit_set.kinds.split(",") if kind]
    return _set_page(unit_set, form)


def _set_page(unit_set: UnitSet | None, form: forms.UnitSetForm) -> Response:
    session, today = db.session(), current().clock.today()
    form.kinds.choices = kind_choices()
    unit_set_id = unit_set.id if unit_set else None
    name = unit_set.name if unit_set else ""
    under = unit_set.under_unit_id if unit_set else None
    units = queries.choices(MANAGE)
    if under is not None and under not in dict(units):
        # What it is stays choosable for those who may not see that unit; saving asks for the right.
        units = [*units, (under, queries.names([under]).get(under, ""))]
    forms.offer_units(form.under_unit_id, units, _("Toàn bộ cây đơn vị"))
    status, wants_preview = 200, request.form.get("step") == "preview"
    if request.method == "POST":
        version = conflict.posted_version("version") if unit_set_id else 0
        valid = form.validate()
        status = 200 if valid and wants_preview else 422
        if valid and not wants_preview:
            try:
                conflict.persist(lambda: _save_set(form, unit_set_id, version))
            except ValidationFailed as error:
                form.take_errors(error)
            except Conflict as error:
                if unit_set_id is None or not error.fields:
                    raise
                page = conflict.page(
                    form,
                    error,
                    title=_("Hai người cùng sửa: %(name)s", name=name),
                    version_name="version",
                    base_version=version,
                    seen_version=session.get_one(UnitSet, unit_set_id).version,
                    action=url_for("units.edit_set", unit_set_id=unit_set_id),
                    cancel_url=url_for("units.list_sets"),
                    crumbs=[(_("Nhóm đơn vị"), url_for("units.list_sets"))],
                )
                return make_response(page, 409)
            else:
                flash(_("Đã lưu nhóm đơn vị."), "success")
                return redirect(url_for("units.list_sets"), 303)
    kinds = {UnitKind(kind) for kind in form.kinds.data or () if kind in list(UnitKind)}
    members = sets.select_nodes(session, kinds, form.under_unit_id.data, today)
    page = render_template(
        "units/set.html",
        form=form,
        unit_set_id=unit_set_id,
        name=name,
        members=members,
        kinds=KINDS,
        shows_members=unit_set_id is not None or wants_preview,
    )
    return make_response(page, status)


def _save_set(form: forms.UnitSetForm, unit_set_id: int | None, version: int) -> int:
    """Make a set, or write what the person changed since `version` over it as it is now."""
    session = db.session()
    typed = {
        "name": form.name.data or "",
        # As the record keeps them.
        "kinds": ",".join(sorted(set(form.kinds.data or ()))),
        "under_unit_id": form.under_unit_id.data,
    }
    newest = None
    if unit_set_id is not None:
        session.expire_all()
        unit_set = session.get(UnitSet, unit_set_id)
        if unit_set is None:
            raise NotFound
        typed, newest = conflict.whole(session, unit_set, version, typed), unit_set.version
    data = SaveUnitSet(
        name=typed["name"],
        kinds=tuple(UnitKind(kind) for kind in typed["kinds"].split(",") if kind),
        under_unit_id=typed["under_unit_id"],
        unit_set_id=unit_set_id,
        version=newest,
    )
    return run(services.save_unit_set, data)


@blueprint.post(f"/don-vi/nhom/<{KEY}:unit_set_id>/xoa")
@requires(MANAGE)
def delete_set(unit_set_id: int) -> Response:
    """Take a unit set away."""
    run(services.delete_unit_set, DeleteUnitSet(unit_set_id))
    flash(_("Đã xóa nhóm đơn vị."), "success")
    return redirect(url_for("units.list_sets"), 303)

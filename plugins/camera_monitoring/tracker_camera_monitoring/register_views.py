"""Pages of the register: cameras, desks, coverage and cost, the list of what may be seen."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Response

from tracker.api.clock import today
from tracker.api.errors import NotFound, ValidationFailed
from tracker.api.i18n import gettext as _
from tracker.api.numbers import format_date
from tracker.api.queries import paginate, session, unit_choices, unit_names
from tracker.api.web import (
    Column,
    Sheet,
    count_rows,
    flash,
    page_number,
    redirect,
    render_template,
    request,
    requires,
    send_workbook,
    sorting,
    url_for,
)
from tracker.api.work import may_everywhere, require_everywhere, run
from tracker_camera_monitoring import forms, inputs, labels, queries, services, values
from tracker_camera_monitoring.addresses import (
    AddressUnreadable,
    CameraAddress,
    check_secret,
    read_address,
)
from tracker_camera_monitoring.blueprint import (
    blueprint,
    choice_in,
    day_in,
    existing,
    key_in,
    text_in,
)
from tracker_camera_monitoring.models import Camera, CameraState, Desk, Severity, Sight
from tracker_camera_monitoring.permissions import MANAGE, VIEW

MOST_EXPORTED = 20_000
Page = str | tuple[str, int] | Response


def _filters() -> queries.CameraFilters:
    return queries.CameraFilters(
        unit_id=key_in("dv"),
        state=choice_in(CameraState, "tt"),
        text=text_in("q"),
        desk_id=key_in("ban"),
        keeps_too_little=(
            values.whole("retention_days") if request.args.get("luu_it") == "1" else None
        ),
    )


@blueprint.get("/so")
@requires(VIEW)
def list_cameras() -> str:
    """Show the register: figures on top, then the cameras."""
    order = sorting(queries.CAMERA_ORDER, "unit")
    filters = _filters()
    query = order.apply(queries.cameras_query(filters), queries.CAMERA_ORDER)
    day = today()
    return render_template(
        "camera_monitoring/cameras.html",
        filters=filters,
        order=order,
        page=paginate(query, page_number()),
        units=queries.units_with_desks(),
        coverage=queries.coverage_on(day, day, filters.unit_id),
        short_retention=queries.count_short_retention(
            values.whole("retention_days"), filters.unit_id
        ),
        wanted_days=values.whole("retention_days"),
    )


@blueprint.get("/so/xuat")
@requires(VIEW)
def export_cameras() -> Response:
    """Send the filtered register as a spreadsheet that the import reads back."""
    order = sorting(queries.CAMERA_ORDER, "unit")
    query = queries.cameras_query(_filters())
    rows = count_rows(query)
    query = order.apply(query, queries.CAMERA_ORDER).limit(MOST_EXPORTED)
    return send_workbook("so-camera.xlsx", rows, lambda: [_sheet(query)])


def _sheet(query: Any) -> Sheet:
    return Sheet(
        _("Sổ camera"),
        (
            Column(_("Đơn vị"), 36),
            Column(_("Bàn tiếp dân"), 28),
            Column(_("Nơi đặt bàn"), 24),
            Column(_("Tên camera"), 20),
            Column(_("Bộ"), 12),
            Column(_("Loại máy"), 22),
            Column(_("Vị trí"), 22),
            Column(_("Ngày mua"), 12, "date"),
            Column(_("Giá (đồng)"), 14, "whole"),
            Column(_("Lưu hình (ngày)"), 12, "whole"),
            Column(_("Trạng thái"), 14),
            Column(_("Địa chỉ thăm dò"), 36),
            Column(_("Thăm dò mỗi (phút)"), 12, "whole"),
            Column(_("Ghi chú"), 30),
        ),
        [
            (
                row.unit_name,
                row.desk_name,
                row.desk_place,
                row.name,
                row.set_name,
                row.model,
                row.place,
                row.bought_on,
                row.cost,
                row.retention_days,
                str(labels.STATES[row.state]),
                address_text(row),
                row.probe_minutes if row.probe_kind else None,
                row.note,
            )
            for row in session().execute(query)
        ],
        title=_("Sổ camera tại bàn tiếp dân"),
        note=_("Lập ngày %(day)s", day=format_date(today())),
    )


def address_text(row: Any) -> str:
    """Return where a camera is asked, without what opens it; '' when it is not."""
    if row.probe_kind is None:
        return ""
    return CameraAddress(row.probe_kind, row.host, row.port, row.path).text


@blueprint.get("/so/so-lieu")
@requires(VIEW)
def show_figures() -> str:
    """Explain coverage and cost on a day: the rule, the sum, and the rows it is made of."""
    now = today()
    day = day_in("ngay") or now
    unit_id = key_in("dv")
    if unit_id is not None and not unit_names([unit_id]):
        raise NotFound
    coverage = queries.coverage_on(day, now, unit_id)
    return render_template(
        "camera_monitoring/figures.html",
        day=day,
        unit_id=unit_id,
        units=_figure_units(unit_id),
        coverage=coverage,
        rows=queries.coverage_by_unit(day, now, unit_id),
        uncovered=unit_names(coverage.uncovered_unit_ids),
    )


def _figure_units(unit_id: int | None) -> list[tuple[int, str]]:
    """Return the units to choose from, with the chosen one even when it has ended."""
    found = unit_choices(VIEW)
    if unit_id is not None and unit_id not in dict(found):
        found = [*found, *unit_names([unit_id]).items()]
    return found


# ---------------------------------------------------------------------------------------------
# Desks


@blueprint.get("/so/ban")
@requires(VIEW)
def list_desks() -> str:
    """Show the desks."""
    unit_id, text = key_in("dv"), text_in("q")
    return render_template(
        "camera_monitoring/desks.html",
        unit_id=unit_id,
        text=text,
        page=paginate(queries.desks_query(unit_id, text), page_number()),
        units=queries.units_with_desks(),
    )


@blueprint.route("/so/ban/moi", methods=["GET", "POST"])
@requires(MANAGE)
def new_desk() -> Page:
    """Make a desk."""
    form = forms.DeskForm()
    form.unit_id.choices = forms.options(unit_choices(MANAGE), "")
    if not form.is_submitted():
        form.unit_id.data = key_in("dv")
        form.opened_on.data = today()
        form.name.data = _("Bộ phận Một cửa")
    return _desk_page(form, None)


@blueprint.route("/so/ban/<int:desk_id>/sua", methods=["GET", "POST"])
@requires(MANAGE)
def edit_desk(desk_id: int) -> Page:
    """Change a desk."""
    desk = queries.find_desk(existing(desk_id), MANAGE)
    if desk is None:
        raise NotFound
    form = forms.DeskForm(obj=desk)
    choices = unit_choices(MANAGE)
    if desk.unit_id not in dict(choices):
        choices = [*choices, *unit_names([desk.unit_id]).items()]
    form.unit_id.choices = forms.options(choices, "")
    return _desk_page(form, desk)


def _desk_page(form: forms.DeskForm, desk: Desk | None) -> Page:
    status = 200
    if form.is_submitted():
        if form.validate():
            try:
                desk_id = run(
                    services.save_desk,
                    inputs.SaveDesk(
                        unit_id=form.unit_id.data,
                        name=form.name.data or "",
                        opened_on=form.opened_on.data,
                        place=form.place.data or "",
                        closed_on=form.closed_on.data,
                        note=form.note.data or "",
                        desk_id=desk.id if desk else None,
                        version=form.version.data,
                    ),
                )
            except ValidationFailed as error:
                form.take_errors(error)
            else:
                flash(_("Đã lưu bàn tiếp dân."), "success")
                return redirect(url_for("camera_monitoring.show_desk", desk_id=desk_id), 303)
        status = 422
    return render_template("camera_monitoring/desk_form.html", form=form, desk=desk), status


@blueprint.get("/so/ban/<int:desk_id>")
@requires(VIEW)
def show_desk(desk_id: int) -> str:
    """Show a desk and its cameras."""
    desk = queries.find_desk(existing(desk_id))
    if desk is None:
        raise NotFound
    query = queries.cameras_query(queries.CameraFilters(desk_id=desk.id))
    rows = session().execute(query.order_by(*queries.CAMERA_ORDER["unit"])).all()
    return render_template(
        "camera_monitoring/desk.html",
        desk=desk,
        unit_name=unit_names([desk.unit_id]).get(desk.unit_id, ""),
        rows=rows,
    )


# ---------------------------------------------------------------------------------------------
# Cameras


@blueprint.route("/so/may/moi", methods=["GET", "POST"])
@requires(MANAGE)
def new_camera() -> Page:
    """Make a camera."""
    form = forms.CameraForm()
    form.desk_id.choices = forms.options(queries.desk_choices(MANAGE, today()), "")
    if not form.is_submitted():
        form.desk_id.data = key_in("ban")
        form.probe_minutes.data = 5
        form.retention_days.data = values.whole("retention_days")
    return _camera_page(form, None)


@blueprint.route("/so/may/<int:camera_id>/sua", methods=["GET", "POST"])
@requires(MANAGE)
def edit_camera(camera_id: int) -> Page:
    """Change a camera. The password that is kept is never shown."""
    camera = queries.find_camera(existing(camera_id), MANAGE)
    if camera is None:
        raise NotFound
    form = forms.CameraForm(obj=_shown(camera))
    form.desk_id.choices = forms.options(
        queries.desk_choices(MANAGE, today(), keep=camera.desk_id), ""
    )
    return _camera_page(form, camera)


class _Shown:
    """A camera as its form shows it: its address without what opens it."""

    def __init__(self, camera: Camera) -> None:
        for name in [
            "desk_id",
            "name",
            "set_name",
            "model",
            "place",
            "bought_on",
            "retired_on",
            "cost",
            "retention_days",
            "probe_minutes",
            "note",
            "version",
        ]:
            setattr(self, name, getattr(camera, name))
        self.state = camera.state.value
        self.address = address_text(camera)


def _shown(camera: Camera) -> _Shown:
    return _Shown(camera)


def _camera_page(form: forms.CameraForm, camera: Camera | None) -> Page:
    status = 200
    if form.is_submitted():
        if form.validate():
            try:
                camera_id = run(services.save_camera, _camera_input(form, camera))
            except ValidationFailed as error:
                form.take_errors(error)
            else:
                flash(_("Đã lưu camera."), "success")
                return redirect(url_for("camera_monitoring.show_camera", camera_id=camera_id), 303)
        status = 422
    page = render_template(
        "camera_monitoring/camera_form.html",
        form=form,
        camera=camera,
        keeps_secret=bool(camera is not None and camera.username),
        networks_named=bool(str(values.OWN.setting("camera_monitoring.networks")).strip()),
    )
    return page, status


def _camera_input(form: forms.CameraForm, camera: Camera | None) -> inputs.SaveCamera:
    return inputs.SaveCamera(
        desk_id=form.desk_id.data,
        name=form.name.data or "",
        set_name=form.set_name.data or "",
        model=form.model.data or "",
        place=form.place.data or "",
        state=CameraState(form.state.data),
        bought_on=form.bought_on.data,
        retired_on=form.retired_on.data,
        cost=form.cost.data,
        retention_days=form.retention_days.data,
        address=address_of(
            form.address.data or "", form.username.data or "", form.secret.data or ""
        ),
        probe_minutes=form.probe_minutes.data if form.probe_minutes.data is not None else 5,
        note=form.note.data or "",
        forget_secret=bool(form.forget_secret.data),
        camera_id=camera.id if camera else None,
        version=form.version.data,
    )


def address_of(words: str, username: str, secret: str) -> CameraAddress | None:
    """Return the address that a form holds; name and password may stand in it or beside it.

    Raises ValidationFailed.
    """
    if not words:
        return None
    field = "address"
    try:
        found = read_address(words)
        field = "username"
        check_secret(username)
        field = "secret"
        check_secret(secret)
    except AddressUnreadable as error:
        raise ValidationFailed({field: str(labels.ADDRESS_FAULTS[error.reason])}) from error
    if not username:
        return found
    return CameraAddress(found.kind, found.host, found.port, found.path, username, secret)


# ---------------------------------------------------------------------------------------------
# What may be seen


@blueprint.get("/so/noi-dung")
@requires(VIEW)
def list_sights() -> str:
    """Show the list of what may be seen; whoever answers for all units changes it."""
    return render_template(
        "camera_monitoring/sights.html",
        rows=queries.sights(only_active=False),
        may_change=may_everywhere(MANAGE),
    )


@blueprint.route("/so/noi-dung/moi", methods=["GET", "POST"])
@requires(MANAGE)
def new_sight() -> Page:
    """Add a line to the list."""
    require_everywhere(MANAGE)
    form = forms.SightForm()
    if not form.is_submitted():
        form.position.data = 100
    return _sight_page(form, None)


@blueprint.route("/so/noi-dung/<int:sight_id>", methods=["GET", "POST"])
@requires(MANAGE)
def edit_sight(sight_id: int) -> Page:
    """Change a line of the list."""
    require_everywhere(MANAGE)
    sight = session().get(Sight, existing(sight_id))
    if sight is None:
        raise NotFound
    form = forms.SightForm(obj=sight)
    if not form.is_submitted():
        form.severity.data = sight.severity.value
    return _sight_page(form, sight)


def _sight_page(form: forms.SightForm, sight: Sight | None) -> Page:
    status = 200
    if form.is_submitted():
        if form.validate():
            try:
                run(
                    services.save_sight,
                    inputs.SaveSight(
                        name=form.name.data or "",
                        name_en=form.name_en.data or "",
                        severity=Severity(form.severity.data),
                        position=form.position.data if form.position.data is not None else 100,
                        is_active=bool(form.is_active.data),
                        sight_id=sight.id if sight else None,
                        version=form.version.data,
                    ),
                )
            except ValidationFailed as error:
                form.take_errors(error)
            else:
                flash(_("Đã lưu danh mục."), "success")
                return redirect(url_for("camera_monitoring.list_sights"), 303)
        status = 422
    return render_template("camera_monitoring/sight_form.html", form=form, sight=sight), status


@blueprint.post("/so/noi-dung/<int:sight_id>/xoa")
@requires(MANAGE)
def remove_sight(sight_id: int) -> Response:
    """Delete a line that no entry uses."""
    run(services.remove_sight, existing(sight_id))
    flash(_("Đã xóa khỏi danh mục."), "success")
    return redirect(url_for("camera_monitoring.list_sights"), 303)

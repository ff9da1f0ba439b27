"""Pages on which administrators manage people, their roles and their sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import Select
from werkzeug.wrappers import Response

from tracker.accounts import forms, importing, links, queries, services, sessions, signin
from tracker.accounts.permissions import MANAGE, ROLE_LABELS
from tracker.accounts.reauth import fresh_required
from tracker.accounts.tokens import hash_token, new_token
from tracker.accounts.views import blueprint, deputy_page, form_version, person
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import (
    BadRequest,
    Conflict,
    FieldConflict,
    PermissionDenied,
    ValidationFailed,
)
from tracker.core.work import run
from tracker.units import queries as units
from tracker.web import paging, xlsx
from tracker.web.doors import requires
from tracker.web.exports import count_rows, send_workbook
from tracker.web.forms import optional_int
from tracker.web.i18n import locale_code

# Of the columns of the import's template, in their order.
WIDTHS = (18, 28, 24, 28, 16, 36, 20, 36, 12)


def _filter() -> queries.UserFilter:
    state = request.args.get("state", "")
    try:
        unit_id = optional_int(request.args.get("unit"))
        role = forms.role_of(request.args.get("role", ""))
    except ValueError as error:
        raise BadRequest(_("Điều kiện lọc không hợp lệ.")) from error
    if state and state not in queries.STATES:
        raise BadRequest(_("Điều kiện lọc không hợp lệ."))
    return queries.UserFilter(request.args.get("q", "")[:200], unit_id, role, state)


def _shown(user_id: int) -> Response:
    return redirect(url_for("accounts.show_user", user_id=user_id), 303)


@blueprint.get("/nguoi-dung")
@requires(MANAGE)
def list_users() -> str:
    """Show the people whom the actor manages."""
    wanted = _filter()
    order = paging.sorting(queries.SORTS, "name")
    query = order.apply(queries.list_users(wanted), queries.SORTS)
    page = paging.paginate(db.session(), query, paging.page_number())
    return render_template(
        "accounts/users.html",
        page=page,
        order=order,
        wanted=wanted,
        roles=queries.roles_of([row.id for row in page.rows]),
        role_choices=forms.role_choices(),
        unit_choices=units.choices(MANAGE),
        chips=_chips(wanted),
    )


def _chips(wanted: queries.UserFilter) -> list[tuple[str, str]]:
    """Return what the list is narrowed to, each with the address without it."""
    states = {
        "active": _("Đang dùng"),
        "closed": _("Đã khóa"),
        "idle": _("Chưa có vai trò"),
    }
    chips = []
    if wanted.query:
        chips.append((f"“{wanted.query}”", paging.address_with(q=None)))
    if wanted.unit_id is not None:
        name = units.names([wanted.unit_id]).get(wanted.unit_id, "")
        chips.append((name or "?", paging.address_with(unit=None)))
    if wanted.role is not None:
        chips.append((str(ROLE_LABELS[wanted.role]), paging.address_with(role=None)))
    if wanted.state:
        chips.append((states[wanted.state], paging.address_with(state=None)))
    return chips


@blueprint.get("/nguoi-dung.xlsx")
@requires(MANAGE)
def export_users() -> Response:
    """Send the list as a spreadsheet, with the columns of the import template."""
    order = paging.sorting(queries.SORTS, "name")
    query = queries.list_users(_filter())
    rows = count_rows(query)
    query = order.apply(query, queries.SORTS)
    return send_workbook("nguoi-dung.xlsx", rows, lambda: [_sheet(query)])


def _sheet(query: Select[Any]) -> xlsx.Sheet:
    rows = db.session.execute(query).all()
    # The same words as in the import's template, so that a corrected file can come back.
    is_english = locale_code() == "en"
    headings = [one.heading_en if is_english else one.heading_vi for one in importing.COLUMNS]
    return xlsx.Sheet(
        _("Người dùng"),
        (
            *(
                xlsx.Column(heading, width, "date" if heading == headings[-1] else "text")
                for heading, width in zip(headings, WIDTHS, strict=True)
            ),
            xlsx.Column(_("Tình trạng"), 14),
        ),
        (
            [*line[:-1], _("Đang dùng") if line[-1] else _("Đã khóa")]
            for line in queries.export_rows(rows)
        ),
    )


@blueprint.route("/nguoi-dung/moi", methods=["GET", "POST"])
@requires(MANAGE)
@fresh_required
def create_user() -> Response:
    """Make an account with its first role; the password comes by a one-time link."""
    form = forms.NewUserForm()
    form.unit_id.choices = forms.options(units.choices(MANAGE), empty="")
    form.offer_roles()
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate():
            row = services.AccountRow(
                form.account(),
                forms.role_of(form.role.data or ""),
            )
            try:
                user_id = run(services.save_account, row)
            except ValidationFailed as error:
                form.take_errors(error)
            except Conflict as error:
                form.form_errors.append(error.message)
                status = 409
            else:
                flash(
                    _("Đã tạo tài khoản. Hãy tạo liên kết để người dùng đặt mật khẩu."), "success"
                )
                return _shown(user_id)
    return make_response(render_template("accounts/user_new.html", form=form), status)


@blueprint.get("/nguoi-dung/<int:user_id>")
@requires(MANAGE)
def show_user(user_id: int) -> str:
    """Show one account with its roles, leaves and sessions."""
    return _user_page(user_id)


def _user_page(user_id: int, link: str = "", link_until: object = None) -> str:
    found = queries.get_person(user_id, managed=True)
    grants = queries.grants_of([found.id]).get(found.id, [])
    now = current().clock.now()
    return render_template(
        "accounts/user.html",
        person=found,
        grants=grants,
        deputies=queries.deputies_of(found.id),
        sessions=[
            one
            for one in queries.sessions_of(found.id)
            if not signin.is_over(one.created_at, one.last_seen_at, now)
        ],
        is_self=found.id == person().user_id,
        is_whole=queries.manages_whole(found, grants),
        link=link,
        link_until=link_until,
    )


@blueprint.route("/nguoi-dung/<int:user_id>/sua", methods=["GET", "POST"])
@requires(MANAGE)
def edit_user(user_id: int) -> Response:
    """Correct an account's name, contact and unit."""
    found = queries.get_person(user_id, managed=True)
    form = forms.UserForm(obj=found)
    choices = units.choices(MANAGE)
    if found.unit_id is not None and found.unit_id not in dict(choices):
        choices = [(found.unit_id, found.unit_name), *choices]
    form.unit_id.choices = forms.options(choices, empty="")
    conflict: Sequence[FieldConflict] = ()
    version, status = found.version, 200
    if request.method == "POST":
        status, version = 422, form_version()
        if form.validate():
            data = services.UpdateUser(found.id, version, form.contact(), form.unit_id.data)
            try:
                run(services.update_user, data)
            except ValidationFailed as error:
                form.take_errors(error)
            except Conflict as error:
                conflict, status = error.fields, 409
                version = queries.get_person(user_id, managed=True).version
            else:
                flash(_("Đã lưu người dùng."), "success")
                return _shown(user_id)
    page = render_template(
        "accounts/user_edit.html", form=form, person=found, version=version, conflict=conflict
    )
    return make_response(page, status)


@blueprint.route("/nguoi-dung/<int:user_id>/cap-quyen", methods=["GET", "POST"])
@requires(MANAGE)
@fresh_required
def add_grant(user_id: int) -> Response:
    """Give a person a role within a unit."""
    found = queries.get_person(user_id, managed=True)
    form = forms.GrantForm(data=None if request.form else {"valid_from": current().clock.today()})
    form.unit_id.choices = forms.options(units.choices(MANAGE), empty="")
    form.offer_roles()
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate():
            role = forms.role_of(form.role.data)
            assert role is not None
            data = services.AddGrant(
                found.id,
                role,
                form.unit_id.data,
                form.valid_from.data,
                form.valid_to.data,
                form.note.data or "",
            )
            try:
                run(services.add_grant, data)
            except ValidationFailed as error:
                form.take_errors(error)
            except Conflict as error:
                form.form_errors.append(error.message)
                status = 409
            else:
                flash(_("Đã cấp vai trò."), "success")
                return _shown(user_id)
    page = render_template(
        "accounts/grant.html",
        form=form,
        person=found,
        hints=forms.role_hints(),
        is_self=found.id == person().user_id,
    )
    return make_response(page, status)


@blueprint.post("/quyen/<int:grant_id>/ket-thuc")
@requires(MANAGE)
@fresh_required
def end_grant(grant_id: int) -> Response:
    """End a grant, at once or on a named day."""
    try:
        last_day = forms.last_day_of(request.form.get("last_day", ""), current().clock.today())
    except ValueError as error:
        raise BadRequest(_("Ngày chưa đúng. Hãy gõ như 15/12/2026.")) from error
    user_id = run(services.end_grant, services.EndGrant(grant_id, last_day))
    flash(_("Đã kết thúc vai trò."), "success")
    return _shown(user_id)


@blueprint.post("/nguoi-dung/<int:user_id>/khoa")
@requires(MANAGE)
@fresh_required
def close_user(user_id: int) -> Response:
    """Close an account; its sessions end at once."""
    queries.get_person(user_id, managed=True)
    run(services.switch_user, services.SwitchUser(user_id, is_active=False))
    flash(_("Đã khóa tài khoản."), "success")
    return _shown(user_id)


@blueprint.post("/nguoi-dung/<int:user_id>/mo-khoa")
@requires(MANAGE)
@fresh_required
def open_user(user_id: int) -> Response:
    """Open a closed account again."""
    queries.get_person(user_id, managed=True)
    run(services.switch_user, services.SwitchUser(user_id, is_active=True))
    flash(_("Đã mở khóa tài khoản."), "success")
    return _shown(user_id)


@blueprint.post("/nguoi-dung/<int:user_id>/lien-ket")
@requires(MANAGE)
@fresh_required
def make_link(user_id: int) -> Response:
    """Make a one-time link to set the password and show it, this one time."""
    queries.get_person(user_id, managed=True)
    token = new_token()
    until = run(links.make_link, links.MakeLink(hash_token(token), user_id))
    address = url_for("accounts.use_link", token=token, _external=True)
    return make_response(_user_page(user_id, address, until))


@blueprint.post("/nguoi-dung/<int:user_id>/dang-xuat")
@requires(MANAGE)
def end_user_sessions(user_id: int) -> Response:
    """Sign a person out on every device."""
    queries.get_person(user_id, managed=True)
    ended = run(sessions.end_sessions, sessions.EndSessions(user_id))
    flash(_("Đã đăng xuất %(num)d thiết bị.", num=ended), "success")
    return _shown(user_id)


@blueprint.route("/nguoi-dung/<int:user_id>/nguoi-thay", methods=["GET", "POST"])
@requires(MANAGE)
def name_user_deputy(user_id: int) -> Response:
    """Name who acts for a person during a leave."""
    found = queries.get_person(user_id, managed=True)
    # Whoever may not name one is not told who works beside the person either.
    grants = queries.grants_of([found.id]).get(found.id, [])
    if not queries.manages_whole(found, grants):
        raise PermissionDenied
    return deputy_page(
        found.id,
        found.name,
        url_for("accounts.show_user", user_id=found.id),
        url_for("accounts.name_user_deputy", user_id=found.id),
    )

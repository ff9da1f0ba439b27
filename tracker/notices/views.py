"""Pages of notices: the bell, the list, choices, leaving by a link, the mail server."""

from __future__ import annotations

from typing import Any

from flask import (
    Blueprint,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.blueprints import BlueprintSetupState
from flask_babel import gettext as _
from werkzeug.routing import BuildError
from werkzeug.wrappers import Response

from tracker.accounts.queries import get_person
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import BadRequest, Conflict, ValidationFailed
from tracker.core.numbers import read_whole
from tracker.core.work import run
from tracker.notices import forms, mail, mail_services, queries, services
from tracker.notices.bell import bell
from tracker.notices.hours import Hours
from tracker.notices.models import MailServer
from tracker.notices.permissions import MANAGE
from tracker.notices.push import browsers_of
from tracker.notices.reach import ALL_KINDS, is_usual
from tracker.plugins.host import current_registry
from tracker.web.doors import open_to_all, requires, signed_in, unnoticed
from tracker.web.paging import page_number, paginate

blueprint = Blueprint("notices", __name__)

Answer = str | tuple[str, int] | Response


def me() -> int:
    """Return the account of the person behind a door that lets only people in."""
    user_id = current().actor.user_id
    if user_id is None:
        raise BadRequest
    return user_id


@blueprint.record
def _take_one_click(state: BlueprintSetupState) -> None:
    """Mail programs that leave a list by one click know no token of a form (RFC 8058)."""
    state.app.extensions["csrf"].exempt(f"{__name__}.leave_now")


# -- in the app ----------------------------------------------------------------------------------


@blueprint.get("/thong-bao/chuong")
@open_to_all
@unnoticed
def ring() -> Response:
    """Answer with the bell when it changed; with nothing when it did not, or nobody is here."""
    found = bell()
    if found is None or found.poll_url.endswith(f"known={request.args.get('known', '')}"):
        return Response(status=204)
    return make_response(render_template("_bell.html", bell=found))


@blueprint.get("/thong-bao")
@signed_in
def list_notices() -> str:
    """Show one's notices, newest first."""
    groups = queries.groups()
    group = request.args.get("loai", "")
    if group and group not in groups:
        group = ""
    wanted = queries.Filter(
        only_unread=request.args.get("chua_doc") == "1", kinds=tuple(groups.get(group, ()))
    )
    page = paginate(db.session(), queries.list_query(me(), wanted), page_number())
    return render_template(
        "notices/list.html",
        page=page,
        rows=[queries.row_of(row) for row in page.rows],
        wanted=wanted,
        group=group,
        groups=[(name, name) for name in groups],
    )


@blueprint.get("/thong-bao/<int:notice_id>")
@signed_in
def open_notice(notice_id: int) -> Response:
    """Go to what a notice is about; from then on it counts as read."""
    endpoint, values = run(services.open_notice, services.OpenNotice(me(), notice_id))
    try:
        return redirect(url_for(endpoint, **values), 303)
    except BuildError:
        flash(_("Trang của thông báo này thuộc một mô-đun đang tắt."), "info")
        return redirect(url_for("notices.list_notices"), 303)


@blueprint.post("/thong-bao/da-doc")
@signed_in
def mark_read() -> Response:
    """Mark the picked notices read, or all."""
    ids: tuple[int, ...] | None = None
    if request.form.get("all") != "1":
        given = [read_whole(text, 2**31 - 1) for text in request.form.getlist("ids")[:500]]
        ids = tuple(one for one in given if one)
    run(services.mark_read, services.MarkRead(me(), ids))
    return redirect(url_for("notices.list_notices"), 303)


# -- choices -------------------------------------------------------------------------------------


def _field(kind: str, channel: str) -> str:
    return f"{kind}@{channel}"


@blueprint.route("/thong-bao/tuy-chon", methods=["GET", "POST"])
@signed_in
def edit_choices() -> Answer:
    """Show and keep which kinds come by which channels, and when."""
    user_id = me()
    registry = current_registry()
    hours = queries.hours_of(user_id)
    form: Any = forms.HoursForm(
        data={name: str(getattr(hours, name)) for name in ("digest_hour", "quiet_from", "quiet_to")}
    )
    status = 200
    if request.method == "POST":
        if form.validate():
            offered = [(kind, name) for name in registry.channels for kind in registry.notice_kinds]
            offered += [(ALL_KINDS, name) for name in registry.channels]
            wanted = {pair: _field(*pair) in request.form for pair in offered}
            chosen = Hours(
                int(form.digest_hour.data), int(form.quiet_from.data), int(form.quiet_to.data)
            )
            run(services.save_choices, services.SaveChoices(user_id, wanted, chosen))
            flash(_("Đã lưu cách nhận thông báo."), "success")
            return redirect(url_for("notices.edit_choices"), 303)
        status = 422
    choices = queries.choices_of(user_id)
    reachable = {
        name: user_id in channel.reachable([user_id]) for name, channel in registry.channels.items()
    }
    page = render_template(
        "notices/choices.html",
        form=form,
        channels=registry.channels,
        reachable=reachable,
        groups=[
            (name, [registry.notice_kinds[key] for key in keys])
            for name, keys in queries.groups().items()
        ],
        is_on=lambda kind, channel: (
            _field(kind, channel) in request.form
            if request.method == "POST"
            else choices.get(
                (kind, channel),
                kind == ALL_KINDS or is_usual(registry.notice_kinds[kind], channel),
            )
        ),
        field_name=_field,
        all_kinds=ALL_KINDS,
        browsers=browsers_of(user_id),
    )
    return page, status


@blueprint.get("/thong-bao/thoi-nhan/<token>")
@open_to_all
def leave(token: str) -> str:
    """Ask whoever followed the link at the end of an e-mail whether to stop."""
    wish = mail.read_token(token)
    kind = current_registry().notice_kinds.get(wish.kind)
    return render_template(
        "notices/leave.html", token=token, kind_label=str(kind.label) if kind else "", is_done=False
    )


@blueprint.post("/thong-bao/thoi-nhan/<token>")
@open_to_all
def leave_now(token: str) -> str:
    """Stop sending: from the page above, or by the one click of a mail program."""
    wish = mail.read_token(token)
    run(services.unsubscribe, wish)
    kind = current_registry().notice_kinds.get(wish.kind)
    return render_template(
        "notices/leave.html", token=token, kind_label=str(kind.label) if kind else "", is_done=True
    )


# -- the mail server -----------------------------------------------------------------------------


@blueprint.route("/thiet-lap/may-chu-thu", methods=["GET", "POST"])
@requires(MANAGE)
def edit_mail_server() -> Answer:
    """Show and keep the server by which e-mail leaves."""
    row = db.session.get(MailServer, 1)
    form: Any = forms.MailServerForm(
        data={
            "host": row.host if row else "",
            "port": row.port if row else 587,
            "security": row.security if row else "starttls",
            "username": row.username if row else "",
            "sender": row.sender if row else "",
            "sender_name": row.sender_name if row else "",
            "is_active": row.is_active if row else True,
            "version": str(row.version if row else 0),
        }
    )
    has_password = bool(row and row.password)
    status, message = 200, ""
    if request.method == "POST":
        status = 422
        if form.validate():
            try:
                run(mail_services.save_mail_server, _mail_server(form))
            except ValidationFailed as error:
                form.take_errors(error)
            except Conflict as error:
                status, message = 409, error.message
            else:
                flash(_("Đã lưu máy chủ thư."), "success")
                return redirect(url_for("notices.edit_mail_server"), 303)
    person = get_person(me(), managed=False)
    page = render_template(
        "notices/mail_server.html",
        form=form,
        message=message,
        has_password=has_password,
        is_saved=row is not None,
        own_address=person.email,
        has_site=bool(queries.site_address()),
    )
    return page, status


def _mail_server(form: Any) -> mail_services.SaveMailServer:
    version = read_whole(request.form.get("version", ""), 2**31 - 1)
    if version is None:
        raise BadRequest(_("Biểu mẫu thiếu phiên bản. Hãy tải lại trang."))
    return mail_services.SaveMailServer(
        version=version,
        host=form.host.data,
        port=form.port.data,
        security=form.security.data,
        username=form.username.data,
        password=form.password.data or None,
        sender=form.sender.data,
        sender_name=form.sender_name.data,
        is_active=form.is_active.data,
    )


@blueprint.post("/thiet-lap/may-chu-thu/thu")
@requires(MANAGE)
def try_mail_server() -> Response:
    """Send a test message to one's own address, at once."""
    person = get_person(me(), managed=False)
    found = mail.server()
    back = redirect(url_for("notices.edit_mail_server"), 303)
    if found is None:
        flash(_("Chưa có máy chủ thư nào đang dùng."), "warning")
    elif not person.email:
        flash(_("Tài khoản của bạn chưa có thư điện tử."), "warning")
    else:
        # No transaction stays open while the server is waited for.
        db.session.rollback()
        problem = mail.send_test(found, person.name, person.email, person.locale)
        if problem:
            flash(problem, "error")
        else:
            flash(_("Đã gửi thư thử tới %(address)s.", address=person.email), "success")
    return back

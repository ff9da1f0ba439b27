"""Pages of webhooks: which systems are told of notices, and how that goes."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker.accounts.queries import get_person
from tracker.core.errors import BadRequest, Conflict, NotFound, ValidationFailed
from tracker.core.numbers import read_whole
from tracker.core.work import run
from tracker.notices import forms, outside, queries, webhook, webhook_services
from tracker.notices.permissions import WEBHOOKS
from tracker.notices.reach import ALL_KINDS
from tracker.notices.views import Answer, blueprint, me
from tracker.plugins.host import current_registry
from tracker.web.doors import requires

# The secret is shown once, on the page after it was made.
FRESH = "fresh_webhook_secret"


@blueprint.get("/thiet-lap/noi-nhan-tin")
@requires(WEBHOOKS)
def list_endpoints() -> str:
    """Show the systems that are told, how that goes, and a new secret for the only time."""
    return render_template(
        "notices/endpoints.html",
        endpoints=webhook.endpoints(),
        kinds=current_registry().notice_kinds,
        all_kinds=ALL_KINDS,
        fault_words=outside.fault_words,
        fresh=session.pop(FRESH, None),
        has_site=bool(queries.site_address()),
        unread_networks=outside.unread_networks(),
    )


@blueprint.route("/thiet-lap/noi-nhan-tin/them", methods=["GET", "POST"])
@requires(WEBHOOKS)
def add_endpoint() -> Answer:
    """Add a system that is to be told."""
    return _endpoint_page(None)


@blueprint.route("/thiet-lap/noi-nhan-tin/<int:endpoint_id>", methods=["GET", "POST"])
@requires(WEBHOOKS)
def edit_endpoint(endpoint_id: int) -> Answer:
    """Change what a system is told, where, and whether at all."""
    return _endpoint_page(_endpoint(endpoint_id))


def _endpoint(endpoint_id: int) -> webhook.EndpointRow:
    found = webhook.endpoints(endpoint_id)
    if not found:
        raise NotFound
    return found[0]


def _endpoint_page(row: webhook.EndpointRow | None) -> Answer:
    form: Any = forms.EndpointForm(
        data={
            "name": row.name if row else "",
            "url": row.url if row else "",
            "is_active": row.is_active if row else True,
            "version": str(row.version) if row else "0",
        }
    )
    registry = current_registry()
    picked = set(row.kinds) if row else {ALL_KINDS}
    status, message, kinds_fault = 200, "", ""
    if request.method == "POST":
        status = 422
        picked = set(request.form.getlist("kinds")[:500])
        if form.validate():
            try:
                _save(form, row.id if row else None, picked)
            except ValidationFailed as error:
                kinds_fault = next(
                    (str(one.message) for one in error.errors if one.field == "kinds"), ""
                )
                form.take_errors(error)
            except Conflict as error:
                status, message = 409, error.message
            else:
                flash(_("Đã lưu nơi nhận."), "success")
                return redirect(url_for("notices.list_endpoints"), 303)
    page = render_template(
        "notices/endpoint.html",
        form=form,
        message=message,
        row=row,
        groups=[
            (name, [registry.notice_kinds[key] for key in keys])
            for name, keys in queries.groups().items()
        ],
        picked=picked,
        all_kinds=ALL_KINDS,
        kinds_fault=kinds_fault,
    )
    return page, status


def _save(form: Any, endpoint_id: int | None, picked: set[str]) -> None:
    version = read_whole(request.form.get("version", ""), 2**31 - 1)
    if version is None:
        raise BadRequest(_("Biểu mẫu thiếu phiên bản. Hãy tải lại trang."))
    secret = "" if endpoint_id else webhook_services.new_secret()
    saved = run(
        webhook_services.save_endpoint,
        webhook_services.SaveEndpoint(
            name=form.name.data,
            url=form.url.data,
            kinds=tuple(sorted(picked)),
            is_active=form.is_active.data,
            endpoint_id=endpoint_id,
            version=version,
            secret=secret,
        ),
    )
    if secret:
        session[FRESH] = [saved, secret]


@blueprint.post("/thiet-lap/noi-nhan-tin/<int:endpoint_id>/khoa")
@requires(WEBHOOKS)
def change_endpoint_secret(endpoint_id: int) -> Response:
    """Make another secret, and show it once."""
    secret = webhook_services.new_secret()
    run(webhook_services.change_secret, webhook_services.ChangeSecret(endpoint_id, secret))
    session[FRESH] = [endpoint_id, secret]
    return redirect(url_for("notices.list_endpoints"), 303)


@blueprint.post("/thiet-lap/noi-nhan-tin/<int:endpoint_id>/xoa")
@requires(WEBHOOKS)
def remove_endpoint(endpoint_id: int) -> Response:
    """Tell a system nothing more."""
    run(webhook_services.remove_endpoint, webhook_services.RemoveEndpoint(endpoint_id))
    flash(_("Đã xóa nơi nhận."), "success")
    return redirect(url_for("notices.list_endpoints"), 303)


@blueprint.post("/thiet-lap/noi-nhan-tin/<int:endpoint_id>/thu")
@requires(WEBHOOKS)
def try_endpoint(endpoint_id: int) -> Response:
    """Send a test message, at once."""
    fault = webhook.send_test(endpoint_id, get_person(me(), managed=False).username)
    if fault:
        flash(outside.fault_words(fault), "error")
    else:
        flash(_("Nơi nhận đã nhận tin thử."), "success")
    return redirect(url_for("notices.list_endpoints"), 303)

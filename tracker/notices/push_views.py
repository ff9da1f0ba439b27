"""Switching browsers on and off for Web Push, and the worker that shows what is pushed."""

from __future__ import annotations

from flask import flash, jsonify, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker.core.errors import ValidationFailed
from tracker.core.work import run
from tracker.notices import push_services
from tracker.notices.views import blueprint, me
from tracker.web.assets import STATIC
from tracker.web.doors import open_to_all, signed_in, unnoticed


@blueprint.get("/thong-bao-day.js")
@open_to_all
@unnoticed
def push_worker() -> Response:
    """Send the worker from the root, as its address is the reach that it gets."""
    content = (STATIC / "js" / "push-worker.js").read_bytes()
    return Response(content, content_type="text/javascript; charset=utf-8")


@blueprint.post("/thong-bao/trinh-duyet/khoa")
@signed_in
def push_key() -> Response:
    """Answer with the public key that the browser's push service is to know."""
    return jsonify(key=run(push_services.make_key, None))


@blueprint.post("/thong-bao/trinh-duyet")
@signed_in
def add_browser() -> Response | tuple[Response, int]:
    """Keep what the browser's push service gave it."""
    data = push_services.AddBrowser(
        me(),
        request.form.get("endpoint", ""),
        request.form.get("p256dh", ""),
        request.form.get("auth", ""),
        str(request.user_agent),
    )
    try:
        run(push_services.add_browser, data)
    except ValidationFailed as error:
        return jsonify(message=error.message), 422
    flash(_("Đã bật thông báo trên trình duyệt này."), "success")
    return jsonify(done=True)


@blueprint.post("/thong-bao/trinh-duyet/<int:browser_id>/bo")
@signed_in
def remove_browser(browser_id: int) -> Response:
    """Tell a browser of one's own nothing more."""
    run(push_services.remove_browser, push_services.RemoveBrowser(me(), browser_id))
    flash(_("Đã tắt thông báo trên trình duyệt đó."), "success")
    return redirect(url_for("notices.edit_choices"), 303)

"""Safe mode: a command begins and ends it, and makes a link that begins it once.

The link is for the day on which a plug-in keeps people from signing in: whoever the operator gives
it to opens it, reads what it does, and presses one button.
"""

from __future__ import annotations

import click
from flask import Blueprint, current_app, render_template, url_for
from flask_babel import gettext as _

from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting, current
from tracker.core.numbers import format_moment
from tracker.core.text import N_
from tracker.core.work import run
from tracker.notices.queries import SITE
from tracker.plugin_admin import operations
from tracker.plugins import services
from tracker.settings.queries import value
from tracker.web.doors import open_to_all

blueprint = Blueprint("safe_mode", __name__)


@blueprint.route("/che-do-an-toan/<token>")
@open_to_all
def ask(token: str) -> str:
    """Say what safe mode is, and offer the button; looking does not use the link up."""
    services.check_safe_token(token, current().clock.now())
    return render_template("plugin_admin/safe_mode.html", until=None)


@blueprint.route("/che-do-an-toan/<token>", methods=["POST"])
@open_to_all
def begin(token: str) -> str:
    """Begin safe mode by the link, which then works no more."""
    here = current()
    # The link is the right to do it: who opens it need not be able to sign in.
    with acting(Context(SYSTEM_ACTOR, here.clock, Source.PAGE, request_id=here.request_id)):
        until = run(services.use_safe_link, services.UseSafeLink(token))
    return render_template("plugin_admin/safe_mode.html", until=until)


@click.command(
    "safe-mode",
    help=N_("Chế độ an toàn: mọi mô-đun tạm ngừng trên mọi máy trong 2 giờ; --off để ra."),
    epilog=N_("Ví dụ: tracker plugin safe-mode --link"),
)
@click.option("--link", "as_link", is_flag=True, help=N_("In liên kết mở chế độ này một lần."))
@click.option("--off", is_flag=True, help=N_("Ra khỏi chế độ an toàn."))
def safe_mode(as_link: bool, off: bool) -> None:
    """Begin or end safe mode, or make its link."""
    if off:
        operations.leave_safe_mode(current_app.extensions["tracker_settings"])
        click.echo(_("Đã ra khỏi chế độ an toàn."))
        return
    if as_link:
        token = services.new_safe_token(current().clock.now())
        run(services.make_safe_link, services.MakeSafeLink(token))
        bind = current_app.extensions["tracker_settings"].bind
        site = str(value(SITE)).rstrip("/") or f"http://{bind}"
        with current_app.test_request_context(base_url=site):
            address = url_for("safe_mode.ask", token=token, _external=True)
        click.echo(_("Liên kết dùng một lần, hiệu lực 24 giờ:"))
        click.echo(f"\n  {address}\n")
        return
    until = run(services.begin_safe_mode, None)
    click.echo(_("Mọi mô-đun tạm ngừng đến %(when)s.", when=format_moment(until)))

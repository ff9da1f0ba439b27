"""The two servers that the page benchmark compares, on the same database and addresses.

`make_measured` is the product. `make_bare` answers with plain Flask views: one indexed query by raw
sqlite3 on a connection that stays open, then the same template, layout included, with what the
product's own view had given it. Nobody is recognised there, no rights are asked, no form is
checked; routing, Flask's own work, the template and compression are the same.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from typing import Any

from flask import Flask, g, redirect, request, template_rendered
from pages import PAGES, POST_RULE, SIGNED_IN_AS, Page

from tracker.accounts import sessions
from tracker.accounts.tokens import hash_token
from tracker.config import settings_from_environment
from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting, current
from tracker.core.work import run
from tracker.ops.serving import make_app
from tracker.web.assets import compress
from tracker.web.contracts import contracts_of
from tracker.web.shell import build_shell

TOKEN = "a-person-who-is-signed-in-for-a-benchmark"  # noqa: S105 - of a throw-away database


def make_measured() -> Flask:
    """Return the product's app."""
    return make_app()


def sign_in(app: Flask) -> str:
    """Open the session of the benchmark's person and return the cookie of a browser in use."""
    with (
        app.app_context(),
        acting(Context(SYSTEM_ACTOR, contracts_of(app).clock, Source.COMMAND)),
    ):
        run(
            sessions.open_session,
            sessions.OpenSession(SIGNED_IN_AS, hash_token(TOKEN), "127.0.0.1", "bench"),
        )
    return cookie_of(app)


def cookie_of(app: Flask) -> str:
    """Return the Cookie header of the person whose session is open, the CSRF secret included."""
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = TOKEN
    answer = client.get(PAGES[0].address)
    assert answer.status_code == 200, answer.status
    cookie = client.get_cookie(app.config["SESSION_COOKIE_NAME"])
    assert cookie is not None
    return f"{cookie.key}={cookie.value}"


def _capture(app: Flask, page: Page, cookie: str) -> tuple[Any, dict[str, Any]]:
    """Return the template of a page and all that the product's view gave it."""
    seen: list[tuple[Any, dict[str, Any]]] = []

    def keep(_app: Flask, template: Any, context: dict[str, Any], **_: object) -> None:
        access = current().actor.access
        seen.append((template, {**context, "shell": build_shell(), "may": access.holds}))

    with template_rendered.connected_to(keep, app):
        answer = app.test_client(use_cookies=False).get(page.address, headers={"Cookie": cookie})
    assert answer.status_code == 200, (page.address, answer.status)
    template, context = seen[-1]
    for name in ("g", "request", "session", "csrf_token", "current_user"):
        context.pop(name, None)
    return template, context


def make_bare() -> Flask:
    """Return the product's app with all its views and hooks taken out, and bare views put in."""
    app = make_app()
    cookie = cookie_of(app)
    pages = {page.address: (page.query, *_capture(app, page, cookie)) for page in PAGES}
    for hooks in (app.before_request_funcs, app.after_request_funcs, app.teardown_request_funcs):
        hooks.clear()
    app.teardown_appcontext_funcs.clear()
    app.template_context_processors.clear()
    app.jinja_env.globals["csrf_token"] = lambda: "0" * 91
    app.after_request_funcs[None] = [compress]
    database = settings_from_environment().database_url.removeprefix("sqlite:///")
    local = threading.local()
    today = contracts_of(app).clock.today().isoformat()

    def connection() -> sqlite3.Connection:
        if not hasattr(local, "connection"):
            local.connection = sqlite3.connect(database)
            local.connection.execute("PRAGMA busy_timeout=15000")
            local.connection.execute("PRAGMA synchronous=NORMAL")
        found: sqlite3.Connection = local.connection
        return found

    def show(**_: object) -> str:
        query, template, context = pages[request.full_path.rstrip("?")]
        connection().execute(query).fetchall()
        g.locale = "vi"
        html: str = template.render({**context, "g": g, "request": request})
        return html

    def post(assignment_id: int) -> Any:
        form = request.form
        with connection() as opened:
            opened.execute(
                "INSERT INTO progress_entries (public_id, assignment_id, kind, effective_on,"
                " reported, percent, note, recorded_at, recorded_by_name, source)"
                " VALUES (?, ?, 'progress', ?, ?, ?, ?, ?, 'bench', 'person')",
                (
                    os.urandom(16).hex(),
                    assignment_id,
                    today,
                    form["reported"],
                    int(form["percent"]),
                    form["note"],
                    f"{today} 03:00:00",
                ),
            )
        return redirect("/viec/99")

    for rule in app.url_map.iter_rules():
        if rule.endpoint != "assets.static_file":
            app.view_functions[rule.endpoint] = post if rule.rule == POST_RULE else show
    return app

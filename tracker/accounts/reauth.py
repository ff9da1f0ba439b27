"""Ask for the password again before what is dangerous (ASVS 5.0, 7.5.1).

A view marked with `fresh_required` runs only if the person has signed in, or given the password
again, within ten minutes. What a form sent is not lost: the question carries it along.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar, cast

from flask import make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker.accounts import authentication, sessions, signin
from tracker.core.context import current
from tracker.core.errors import BadRequest, TooMany
from tracker.core.work import run

View = TypeVar("View", bound=Callable[..., Any])

FRESH_FOR = timedelta(minutes=10)
FIELD = "confirm_password"
NOT_CARRIED = {FIELD, "csrf_token"}


def is_fresh(person: signin.SignedIn) -> bool:
    """Tell whether the person proved who they are within the last ten minutes.

    Whoever has no password (the demo's people) cannot be asked for one.
    """
    return not person.has_password or current().clock.now() - person.confirmed_at < FRESH_FOR


def fresh_required(view: View) -> View:
    """Ask for the password first, unless it was given lately; put it under the view's door."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        person = signin.signed_in_person()
        if person is None or is_fresh(person):
            return view(*args, **kwargs)
        if request.method != "POST":
            return redirect(url_for("accounts.confirm", next=request.full_path.rstrip("?")))
        if request.files:
            raise BadRequest(_("Hãy xác nhận mật khẩu ở trang tài khoản rồi gửi lại tệp."))
        if FIELD not in request.form:
            return ask(request.full_path.rstrip("?"), _carried())
        answer = check(person, request.form[FIELD], request.full_path.rstrip("?"), _carried())
        return answer if answer is not None else view(*args, **kwargs)

    return cast(View, guarded)


def _carried() -> list[tuple[str, str]]:
    return [
        (name, value) for name, value in request.form.items(multi=True) if name not in NOT_CARRIED
    ]


def check(
    person: signin.SignedIn, password: str, action: str, carried: list[tuple[str, str]]
) -> Response | None:
    """Check a password that was given again; return the question with what is wrong, or None."""
    try:
        found = authentication.authenticate(person.username, password, request.remote_addr or "")
    except TooMany as error:
        response = ask(action, carried, error.message, 429)
        response.headers["Retry-After"] = str(error.retry_after_seconds)
        return response
    if found != person.user_id:
        return ask(action, carried, _("Mật khẩu không đúng."), 422)
    run(sessions.confirm_session, sessions.ConfirmSession(person.session_id))
    return None


def ask(
    action: str, carried: list[tuple[str, str]], problem: str = "", status: int = 403
) -> Response:
    """Return the page that asks for the password and sends the form on."""
    page = render_template(
        "accounts/confirm.html", action=action, carried=carried, problem=problem, field=FIELD
    )
    return make_response(page, status)

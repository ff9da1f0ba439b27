"""Make people, give them roles, sign them in. All need an app context."""

from __future__ import annotations

import os
from datetime import date, timedelta
from functools import cache
from itertools import count
from typing import Any

from flask import current_app
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from werkzeug.test import TestResponse

from tracker.accounts import passwords, services, sessions
from tracker.accounts.tokens import hash_token, new_token
from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting
from tracker.core.rights import Role
from tracker.core.work import run
from tracker.web.contracts import shell_contracts

# What one process has made is shared by others: no two of them give the same user name.
_numbers = count(os.getpid() * 10_000 + 1)


def _system() -> Context:
    return Context(SYSTEM_ACTOR, shell_contracts().clock, Source.COMMAND)


def make_user(
    unit: int,
    role: Role | None = None,
    *,
    name: str = "",
    username: str = "",
    scope: int | None = None,
) -> int:
    """Make an account in `unit` and return its id; with `role` granted over `scope` or the unit."""
    number = next(_numbers)
    with acting(_system()):
        user = run(
            services.create_user,
            services.CreateUser(
                username=username or f"nguoi-{number}",
                contact=services.Contact(name=name or f"Nguyễn Văn {number}"),
                unit_id=unit,
            ),
        )
    if role is not None:
        grant(user, role, scope or unit)
    return user


def grant(
    user: int, role: Role, unit: int, start: date | None = None, end: date | None = None
) -> int:
    """Give a person a role over a unit (since a year ago unless said otherwise); return its id."""
    context = _system()
    since = start or context.clock.today() - timedelta(days=365)
    with acting(context):
        return run(services.add_grant, services.AddGrant(user, role, unit, since, end))


def sign_in(client: FlaskClient, user: int) -> str:
    """Sign a person in on this client without the password form; return the session's token."""
    token = new_token()
    with acting(_system()):
        run(
            sessions.open_session,
            sessions.OpenSession(user, hash_token(token), "127.0.0.1", "factory"),
        )
    with client.session_transaction() as cookie:
        cookie["_user_id"] = token
    return token


def sign_out(client: FlaskClient) -> None:
    """Forget the cookies of this client."""
    client.delete_cookie(current_app.config["SESSION_COOKIE_NAME"])


def csrf_token(client: FlaskClient) -> str:
    """Return a token that this client's forms may carry, without fetching a page first."""
    with client.session_transaction() as cookie:
        secret = cookie.setdefault("csrf_token", "0" * 40)
    signer = URLSafeTimedSerializer(client.application.secret_key, salt="wtf-csrf-token")
    return str(signer.dumps(secret))


def post(client: FlaskClient, url: str, data: dict[str, Any] | None = None) -> TestResponse:
    """Send a form as a browser does, with its token."""
    return client.post(url, data={"csrf_token": csrf_token(client), **(data or {})})


@cache
def _hash(password: str) -> str:
    """Hash a password once a run: it takes a while on purpose."""
    return passwords.hash_password(password)


def give_password(user: int, password: str) -> None:
    """Set a person's password."""
    with acting(_system()):
        run(
            services.assign_password,
            services.SetPassword(user, _hash(password)),
        )

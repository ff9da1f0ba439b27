"""Doors: each view says who may come in; a view that says nothing is closed to everybody.

A door asks only whether a right is held at all; whether it reaches the record is asked by the
service or query, per record.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

from flask import Flask, current_app, redirect, request, url_for
from werkzeug.wrappers import Response

from tracker.core.context import current
from tracker.core.errors import NotFound, PermissionDenied
from tracker.web.contracts import shell_contracts

View = TypeVar("View", bound=Callable[..., Any])

PUBLIC = "public"
SIGNED_IN = "signed_in"
DOOR = "__tracker_door__"
UNNOTICED = "__tracker_unnoticed__"


def open_to_all(view: View) -> View:
    """Let everybody in, signed in or not."""
    setattr(view, DOOR, (PUBLIC,))
    return view


def signed_in(view: View) -> View:
    """Let in whoever is signed in."""
    setattr(view, DOOR, (SIGNED_IN,))
    return view


def requires(*permissions: str) -> Callable[[View], View]:
    """Let in whoever holds one of `permissions` somewhere."""

    def mark(view: View) -> View:
        setattr(view, DOOR, permissions)
        return view

    return mark


def unnoticed(view: View) -> View:
    """Let a view be asked by pages on their own: that does not count as using the session."""
    setattr(view, UNNOTICED, True)
    return view


def is_unnoticed() -> bool:
    """Tell whether this request came from a page on its own, not from its person."""
    view = current_app.view_functions.get(request.endpoint or "")
    return bool(getattr(view, UNNOTICED, False))


def door_of(view: Callable[..., Any] | None) -> tuple[str, ...] | None:
    """Return what a view's door asks for; None where the view says nothing."""
    return getattr(view, DOOR, None) or getattr(getattr(view, "view_class", None), DOOR, None)


def check_door() -> Response | None:
    """Refuse, or send to the sign-in page, before the view runs. Runs before each request."""
    if request.endpoint is None:
        return None
    door = door_of(current_app.view_functions.get(request.endpoint))
    if door is None:
        raise PermissionDenied
    if PUBLIC in door:
        return None
    access = current().actor.access
    if access.user_id is None and not access.everything:
        return to_sign_in()
    if SIGNED_IN in door or any(map(access.holds, door)):
        return None
    raise PermissionDenied


def to_sign_in() -> Response:
    """Send to the sign-in page and, for pages that can be opened again, back afterwards."""
    back = request.full_path.rstrip("?") if request.method == "GET" else ""
    url = url_for(shell_contracts().login_endpoint)
    return redirect(f"{url}?next={quote(back)}" if back and back != "/" else url)


def safe_next(target: str | None, fallback: str) -> str:
    """Return `target` if it stays on this site, else `fallback` (open redirects: ASVS 3.7.2).

    Only an absolute path is taken: no scheme, no host, no backslash, no control character.
    """
    if (
        target
        and target.startswith("/")
        and not target.startswith(("//", "/\\"))
        and "\\" not in target
        and all(character.isprintable() for character in target)
    ):
        return target
    return fallback


def undeclared_endpoints(app: Flask) -> list[str]:
    """Return the endpoints whose views say nothing about who may come in (a test wants none)."""
    return sorted(name for name, view in app.view_functions.items() if door_of(view) is None)


def hide_unless(condition: bool) -> None:
    """Raise NotFound unless `condition`: whoever may not see a record need not know of it."""
    if not condition:
        raise NotFound

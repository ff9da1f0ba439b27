"""Addresses of one-time links, also where there is no request: on the command line."""

from __future__ import annotations

from flask import current_app

from tracker.accounts.links import MakeLink, make_link
from tracker.accounts.tokens import hash_token, new_token
from tracker.core.work import run


def link_address(base_url: str, token: str) -> str:
    """Return the address of a one-time link below `base_url`."""
    path = current_app.url_map.bind("").build("accounts.use_link", {"token": token})
    return base_url.rstrip("/") + path


def setup_link(base_url: str) -> str:
    """Make the set-up link of an empty instance and return its address.

    Earlier set-up links die. Raises Conflict when the instance has users already.
    """
    return _make(base_url, None)


def password_link(base_url: str, user_id: int) -> str:
    """Make a one-time link for an account and return its address.

    Raises NotFound, Conflict (a closed account), PermissionDenied.
    """
    return _make(base_url, user_id)


def _make(base_url: str, user_id: int | None) -> str:
    token = new_token()
    run(make_link, MakeLink(hash_token(token), user_id))
    return link_address(base_url, token)

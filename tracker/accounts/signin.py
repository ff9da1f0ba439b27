"""Who is signed in: the cookie's token against the table of login sessions."""

from __future__ import annotations

import hashlib

from flask import Flask, g, session
from sqlalchemy import select

from tracker.core.context import ANONYMOUS, Actor
from tracker.core.db import db
from tracker.accounts.models import LoginSession, User
from tracker.web.contracts import UserCard

TOKEN = "token"


def hash_token(token: str) -> str:
    """Return what the table keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def identify() -> Actor:
    """Return who acts in this request, from the session cookie."""
    token = session.get(TOKEN)
    if not token:
        return ANONYMOUS
    row = db.session.execute(
        select(LoginSession, User)
        .join(User, User.id == LoginSession.user_id)
        .where(LoginSession.token_hash == hash_token(token), LoginSession.ended_at.is_(None))
    ).first()
    if row is None:
        return ANONYMOUS
    g.user = row.User
    return Actor(row.User.name, row.User.id)


def user_card() -> UserCard | None:
    """Return what the shell shows of the person who is signed in."""
    user: User | None = g.get("user")
    if user is None:
        return None
    return UserCard(user.name, "", "", user.locale, user.theme)


def init_app(app: Flask) -> None:
    """Set up Flask-Login for the app."""

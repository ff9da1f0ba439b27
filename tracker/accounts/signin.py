"""Who is signed in: Flask-Login over the table of login sessions.

The cookie carries a random token, the table its hash, so that a session can be ended from the
server at any moment and a stolen table opens nothing. One query reads the session with its person
and unit, a second one the grants that are in force today.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast

from flask import Flask, current_app, g, request, session
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from sqlalchemy import Label, bindparam, select

from tracker.accounts import sessions
from tracker.accounts.access import HeldGrant, access_of, held_grants, know_roles
from tracker.accounts.models import LoginSession, User
from tracker.accounts.permissions import ROLE_LABELS
from tracker.accounts.tokens import hash_token, new_token
from tracker.config import Settings
from tracker.core.context import ANONYMOUS, Actor, current
from tracker.core.db import db, read_rows
from tracker.core.kept import HEAD, know_head
from tracker.core.rights import Role
from tracker.core.work import run
from tracker.plugins.host import host_of
from tracker.plugins.switch import GENERATION, follow
from tracker.units.models import Unit
from tracker.web.contracts import Person, UserCard
from tracker.web.doors import is_unnoticed

# How often a session's last request is written down; in between, reading pages writes nothing.
STAMP_EVERY = timedelta(minutes=1)
LONGEST_DEVICE = 300
QUERY = "tracker_session_query"


@dataclass(frozen=True)
class SignedIn(UserMixin):  # type: ignore[misc]
    """The person of this request as Flask-Login sees it: plain values, no record of the database.

    Its identity towards Flask-Login is the session's token, never the user's number.
    """

    token: str
    session_id: int
    user_id: int
    username: str
    name: str
    unit_id: int | None
    unit_name: str
    locale: str
    theme: str
    has_password: bool
    created_at: datetime
    last_seen_at: datetime
    confirmed_at: datetime
    # What features above asked to be read along with each session (see `init_app`).
    more: Mapping[str, Any] = field(default_factory=dict)

    def get_id(self) -> str:
        """Return what Flask-Login puts into the cookie."""
        return self.token


def limits() -> tuple[timedelta, timedelta]:
    """Return how long a session may be idle, and how long it may last at all."""
    settings = cast(Settings, current_app.extensions["tracker_settings"])
    return timedelta(minutes=settings.idle_minutes), timedelta(hours=settings.absolute_hours)


def is_over(created_at: datetime, last_seen_at: datetime, now: datetime) -> bool:
    """Tell whether a session has run out (ASVS 5.0, 7.3.1 and 7.3.2)."""
    idle, absolute = limits()
    return now - last_seen_at >= idle or now - created_at >= absolute


# Sent with every request, so it is made once.
_SESSION = (
    select(
        LoginSession.id.label("session_id"),
        LoginSession.created_at,
        LoginSession.last_seen_at,
        LoginSession.confirmed_at,
        User.id.label("user_id"),
        User.username,
        User.name,
        User.unit_id,
        User.locale,
        User.theme,
        (User.password_hash != "").label("has_password"),
        Unit.name.label("unit_name"),
        Unit.short_name,
    )
    .join(User, User.id == LoginSession.user_id)
    .outerjoin(Unit, Unit.id == User.unit_id)
    .where(
        LoginSession.token_hash == bindparam("token_hash"),
        LoginSession.ended_at.is_(None),
        User.is_active.is_(True),
    )
)


def load_session(token: str) -> SignedIn | None:
    """Return the person whose open session has this token, None when there is none any more."""
    query, more = current_app.extensions[QUERY]
    row = read_rows(db.session, query, {"token_hash": hash_token(token)}).first()
    if row is None or is_over(row.created_at, row.last_seen_at, current().clock.now()):
        return None
    return SignedIn(
        token=token,
        session_id=row.session_id,
        user_id=row.user_id,
        username=row.username,
        name=row.name,
        unit_id=row.unit_id,
        unit_name=row.short_name or row.unit_name or "",
        locale=row.locale,
        theme=row.theme,
        has_password=bool(row.has_password),
        created_at=row.created_at,
        last_seen_at=row.last_seen_at,
        confirmed_at=row.confirmed_at,
        more={name: row._mapping[name] for name in more},
    )


def signed_in_person() -> SignedIn | None:
    """Return the person of this request, None for an anonymous one."""
    person = current_user
    return cast(SignedIn, person._get_current_object()) if person.is_authenticated else None


def identify() -> Actor:
    """Return who acts in this request, with the rights that their grants give them today."""
    person = signed_in_person()
    if person is None:
        return ANONYMOUS
    know_head(person.more.get(HEAD))
    # Before rights are looked at: those of a plug-in come and go with it.
    follow(person.more.get(GENERATION))
    clock = current().clock
    grants = held_grants(db.session(), person.user_id, clock.today())
    g.held_grants = grants
    access = access_of(person.user_id, grants)
    if clock.now() - person.last_seen_at >= STAMP_EVERY and not is_unnoticed():
        run(sessions.stamp_session, sessions.StampSession(person.session_id))
    return Actor(person.name, person.user_id, access)


def person_of(user_id: int) -> Person | None:
    """Return who an account is, with the rights that its grants give it today; None when closed."""
    row = db.session.execute(
        select(User.name, User.locale).where(User.id == user_id, User.is_active.is_(True))
    ).one_or_none()
    if row is None:
        return None
    grants = held_grants(db.session(), user_id, current().clock.today())
    return Person(Actor(row.name, user_id, access_of(user_id, grants)), row.locale)


def leading_role(grants: list[HeldGrant], user_id: int) -> Role | None:
    """Return the role by which a person is introduced: of their own ones the first in order."""
    own = {grant.role for grant in grants if grant.owner_id == user_id}
    held = own or {grant.role for grant in grants}
    return next((role for role in ROLE_LABELS if role in held), None)


def user_card() -> UserCard | None:
    """Return what the shell shows of the person who is signed in."""
    person = signed_in_person()
    if person is None:
        return None
    role = leading_role(g.get("held_grants", []), person.user_id)
    label = ROLE_LABELS[role] if role else ""
    return UserCard(person.name, label, person.unit_name, person.locale, person.theme)


def sign_in(user_id: int) -> None:
    """Begin a session of a person whom the caller has recognised.

    The cookie starts anew: nothing that an earlier visitor of this browser left in it, no token
    planted before, goes on (session fixation; ASVS 5.0, 7.2.4).
    """
    person = signed_in_person()
    session.clear()
    token = new_token()
    run(
        sessions.open_session,
        sessions.OpenSession(
            user_id=user_id,
            token_hash=hash_token(token),
            address=request.remote_addr or "",
            device=str(request.user_agent)[:LONGEST_DEVICE],
            replaces_id=person.session_id if person else None,
        ),
    )
    loaded = load_session(token)
    if loaded is not None:
        login_user(loaded)


def sign_out() -> None:
    """End the session of this request on the server, and empty the cookie."""
    person = signed_in_person()
    if person is not None:
        run(sessions.end_session, sessions.EndSession(person.user_id, person.session_id))
    logout_user()
    session.clear()


def init_app(app: Flask, more: Sequence[Label[Any]] = ()) -> None:
    """Set up Flask-Login for the app.

    `more` are labelled columns over User that each page needs: one query reads them with the
    session, where a query of their own would cost every page a round trip.
    """
    app.extensions[QUERY] = (_SESSION.add_columns(*more), tuple(one.name for one in more))
    manager = LoginManager()
    # The server's table says which sessions live; guessing from address and browser would only
    # throw out people whose address changes on the way.
    manager.session_protection = None
    manager.init_app(app)
    manager.user_loader(load_session)
    know_roles(app)
    host_of(app).on_exchange(partial(know_roles, app))

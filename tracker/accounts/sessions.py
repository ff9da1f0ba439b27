"""Services on login sessions: open, stamp, confirm, end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from sqlalchemy import ColumnElement, CursorResult, delete, or_, update

from tracker.accounts.models import LoginSession, User
from tracker.accounts.permissions import MANAGE
from tracker.core.errors import NotFound
from tracker.core.work import Work

# Sessions that ended stay listed nowhere; they are kept this long for whoever looks into a theft.
KEPT_FOR = timedelta(days=30)


@dataclass(frozen=True)
class OpenSession:
    """A person whom the caller has recognised signs in; `replaces_id` is the session that ends."""

    user_id: int
    token_hash: str
    address: str
    device: str
    replaces_id: int | None = None


def open_session(work: Work, data: OpenSession) -> int:
    """Begin a session and return its id. Raises NotFound when the account is closed or gone."""
    user = work.get(User, data.user_id)
    if not user.is_active:
        raise NotFound
    if data.replaces_id is not None:
        _end(work, LoginSession.id == data.replaces_id)
    oldest = work.now - KEPT_FOR
    work.session.execute(
        delete(LoginSession).where(
            or_(LoginSession.ended_at < oldest, LoginSession.created_at < oldest)
        )
    )
    opened = LoginSession(
        token_hash=data.token_hash,
        user_id=user.id,
        created_at=work.now,
        last_seen_at=work.now,
        confirmed_at=work.now,
        address=data.address,
        device=data.device,
    )
    work.session.add(opened)
    work.session.flush()
    return opened.id


@dataclass(frozen=True)
class StampSession:
    """The session was used now."""

    session_id: int


def stamp_session(work: Work, data: StampSession) -> None:
    """Note the moment of a session's last request."""
    work.session.execute(
        update(LoginSession)
        .where(LoginSession.id == data.session_id, LoginSession.last_seen_at < work.now)
        .values(last_seen_at=work.now)
    )


@dataclass(frozen=True)
class ConfirmSession:
    """The person of this session has just given the password again."""

    session_id: int


def confirm_session(work: Work, data: ConfirmSession) -> None:
    """Note the moment at which the person proved once more who they are."""
    work.session.execute(
        update(LoginSession).where(LoginSession.id == data.session_id).values(confirmed_at=work.now)
    )


@dataclass(frozen=True)
class EndSession:
    """One session of a person is to end; of one's own, or of whom one manages."""

    user_id: int
    session_id: int


def end_session(work: Work, data: EndSession) -> None:
    """End one session at once. Another's needs `users.manage` over its person."""
    _may_end(work, data.user_id)
    _end(
        work,
        (LoginSession.id == data.session_id) & (LoginSession.user_id == data.user_id),
    )


@dataclass(frozen=True)
class EndSessions:
    """All sessions of a person are to end, but for `keep_id`."""

    user_id: int
    keep_id: int | None = None


def end_sessions(work: Work, data: EndSessions) -> int:
    """End a person's sessions on every device and return how many there were."""
    _may_end(work, data.user_id)
    return end_all(work, data.user_id, data.keep_id)


# Filled by features above: what else of a person ends where their sessions do.
on_all_ended: list[Callable[[Work, int], None]] = []


def end_all(work: Work, user_id: int, keep_id: int | None = None) -> int:
    """End a person's sessions within another service, which has checked the right to."""
    for step in on_all_ended:
        step(work, user_id)
    condition = LoginSession.user_id == user_id
    if keep_id is not None:
        condition = condition & (LoginSession.id != keep_id)
    return _end(work, condition)


def _may_end(work: Work, user_id: int) -> None:
    if work.actor.user_id != user_id:
        work.require(MANAGE, work.get(User, user_id))


def _end(work: Work, condition: ColumnElement[bool]) -> int:
    ended = work.session.execute(
        update(LoginSession)
        .where(condition, LoginSession.ended_at.is_(None))
        .values(ended_at=work.now)
    )
    return cast("CursorResult[tuple[()]]", ended).rowcount

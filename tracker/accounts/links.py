"""One-time links to set a password: for a new account, a reset, and the set-up of an instance.

The link carries a random token, the table its hash (CVE-2026-62376). It works once, for 48 hours,
and looking at its page does not use it up: mail scanners look at every link.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.accounts import services, throttle
from tracker.accounts.models import Grant, PasswordLink, User
from tracker.accounts.tokens import hash_token
from tracker.core.errors import Conflict, NotFound, PermissionDenied, ValidationFailed
from tracker.core.rights import Role
from tracker.core.work import Work
from tracker.units.inputs import CreateUnit
from tracker.units.models import Unit, UnitKind
from tracker.units.services import create_unit

LIVES = timedelta(hours=48)


@dataclass(frozen=True)
class MakeLink:
    """A link for an account; for the set-up of an empty instance `user_id` is None."""

    token_hash: str
    user_id: int | None


def make_link(work: Work, data: MakeLink) -> datetime:
    """Keep a new link and return when it expires; earlier ones of the same person die.

    Needs reach over all that the person may do, as the link opens the account. Raises
    PermissionDenied, NotFound; Conflict for a set-up link of an instance that has users.
    """
    if data.user_id is None:
        if not work.actor.access.everything:
            raise PermissionDenied
        if has_users(work.session):
            raise Conflict(_("Hệ thống đã có người dùng, không thể thiết lập lại từ đầu."))
    else:
        user = work.get(User, data.user_id)
        services.require_whole(work, user)
        if not user.is_active:
            raise Conflict(_("Tài khoản đang bị khóa. Hãy mở khóa trước."))
        if user.id == work.actor.user_id:
            raise Conflict(_("Hãy dùng trang đổi mật khẩu cho tài khoản của mình."))
    services.void_links(work, data.user_id)
    link = PasswordLink(
        token_hash=data.token_hash,
        user_id=data.user_id,
        created_at=work.now,
        expires_at=work.now + LIVES,
    )
    work.session.add(link)
    return link.expires_at


def has_users(session: Session) -> bool:
    """Tell whether anybody has an account."""
    return session.scalar(select(User.id).limit(1)) is not None


@dataclass(frozen=True)
class LinkInfo:
    """What the page of a living link shows; without a user it is the set-up of an instance."""

    token_hash: str
    user_id: int | None
    username: str
    name: str
    is_first_password: bool


def find_link(session: Session, token: str, now: datetime) -> LinkInfo | None:
    """Return what a link is for, None when it never was, was used, or is too old."""
    row = session.execute(
        select(
            PasswordLink.token_hash,
            PasswordLink.user_id,
            User.username,
            User.name,
            User.is_active,
            User.password_hash,
        )
        .outerjoin(User, User.id == PasswordLink.user_id)
        .where(
            PasswordLink.token_hash == hash_token(token),
            PasswordLink.used_at.is_(None),
            PasswordLink.expires_at > now,
        )
    ).first()
    if row is None or (row.user_id is not None and not row.is_active):
        return None
    if row.user_id is None and has_users(session):
        return None
    return LinkInfo(
        row.token_hash, row.user_id, row.username or "", row.name or "", not row.password_hash
    )


@dataclass(frozen=True)
class UseLink:
    """A new password by a link, already hashed."""

    token_hash: str
    password_hash: str


def use_link(work: Work, data: UseLink) -> int:
    """Set the password of the link's person and return the person's id.

    All sessions end, and failed tries at the name are forgotten. Raises NotFound when the link has
    been used meanwhile or is too old.
    """
    link = _take(work, data.token_hash)
    if link.user_id is None:
        raise NotFound
    user = work.get(User, link.user_id)
    if not user.is_active:
        raise NotFound
    services.put_password(work, user, services.SetPassword(user.id, data.password_hash))
    throttle.forget_name(work, user.username)
    return user.id


@dataclass(frozen=True)
class SetUp:
    """The first administrator and the unit at the top of the tree."""

    token_hash: str
    password_hash: str
    username: str
    contact: services.Contact
    unit_name: str
    unit_kind: UnitKind
    locale: str = "vi"


def set_up(work: Work, data: SetUp) -> int:
    """Make the root unit and its administrator by a set-up link; return the person's id.

    Runs as the system: the link is what gives the right. Raises NotFound for a link that is no
    longer good, ValidationFailed.
    """
    link = _take(work, data.token_hash)
    if link.user_id is not None or has_users(work.session):
        raise NotFound
    username = services.clean_username(data.username)
    problems = [*services.check_username(username), *services.check_contact(data.contact)]
    if problems:
        raise ValidationFailed(problems)
    unit_id = work.session.scalar(
        select(Unit.id).where(Unit.parent_id.is_(None), Unit.valid_to.is_(None)).order_by(Unit.id)
    )
    if unit_id is None:
        unit_id = _make_root(work, data)
    user_id = services.create_user(
        work, services.CreateUser(username, data.contact, unit_id, data.locale)
    )
    services.put_password(
        work, work.get(User, user_id), services.SetPassword(user_id, data.password_hash)
    )
    work.session.add(
        Grant(user_id=user_id, role=Role.ADMINISTRATOR, unit_id=unit_id, valid_from=work.today)
    )
    return user_id


def _make_root(work: Work, data: SetUp) -> int:
    try:
        return create_unit(
            work,
            CreateUnit(
                name=data.unit_name,
                kind=data.unit_kind,
                parent_id=None,
                valid_from=work.today.replace(month=1, day=1),
            ),
        )
    except ValidationFailed as error:
        # The form asks for the unit beside the person: `name` is the person's there.
        raise ValidationFailed({"unit_name": error.message}) from error


def _take(work: Work, token_hash: str) -> PasswordLink:
    """Return the link, used up; a second request that comes at the same time finds none."""
    link = work.session.scalar(
        select(PasswordLink).where(PasswordLink.token_hash == token_hash).with_for_update()
    )
    if link is None or link.used_at is not None or link.expires_at <= work.now:
        raise NotFound
    link.used_at = work.now
    return link

"""Services on people: accounts, grants, deputies, preferences. Rights are asked per record."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from flask_babel import gettext as _
from sqlalchemy import or_, select

from tracker.accounts.models import Grant, User
from tracker.accounts.permissions import MANAGE
from tracker.core import text
from tracker.core.errors import Conflict, FieldError, PermissionDenied, ValidationFailed
from tracker.core.rights import Role
from tracker.core.work import Work
from tracker.units.models import Unit

USERNAME = re.compile(r"^[a-z][a-z0-9._-]{2,63}$")
EMAIL = re.compile(r"^[^@\s,;<>\"]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$")
PHONE = re.compile(r"^[0-9+().\s-]{6,20}$")
LOCALES = ("vi", "en")
THEMES = ("auto", "light", "dark")
LONGEST_LEAVE = timedelta(days=366)
ONE_DAY = timedelta(days=1)


def clean_username(typed: str) -> str:
    """Return a user name as it is kept and looked up: small letters, nothing around it."""
    return text.normalise(typed).lower()


# -- accounts ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Contact:
    """What a person may change about themselves."""

    name: str
    title: str = ""
    email: str = ""
    phone: str = ""


@dataclass(frozen=True)
class CreateUser:
    """A new account in a unit; it has no rights and no password yet."""

    username: str
    contact: Contact
    unit_id: int
    locale: str = "vi"


def create_user(work: Work, data: CreateUser) -> int:
    """Make an account and return its id.

    Needs `users.manage` over the unit. Raises ValidationFailed, also for a name that is taken.
    """
    username = clean_username(data.username)
    problems = [*check_username(username), *check_contact(data.contact)]
    if not problems and _is_taken(work, username):
        problems.append(FieldError("username", _("Tên đăng nhập này đã có người dùng.")))
    problems += _check_unit(work, data.unit_id)
    if problems:
        raise ValidationFailed(problems)
    user = User(username=username, unit_id=data.unit_id, locale=data.locale)
    _fill(user, data.contact)
    work.require(MANAGE, user)
    work.session.add(user)
    work.session.flush()
    return user.id


def check_username(username: str) -> list[FieldError]:
    """Return what is wrong with a user name in its clean form."""
    if USERNAME.match(username):
        return []
    return [
        FieldError(
            "username",
            _(
                "Tên đăng nhập dài 3 đến 64 ký tự, gồm chữ không dấu, số, dấu chấm, gạch nối, "
                "gạch dưới và bắt đầu bằng chữ."
            ),
        )
    ]


def check_contact(contact: Contact) -> list[FieldError]:
    """Return what is wrong with a person's name and contact."""
    problems = []
    if not contact.name:
        problems.append(FieldError("name", _("Hãy điền họ và tên.")))
    for field, most in (("name", 200), ("title", 200), ("email", 254), ("phone", 20)):
        if len(getattr(contact, field)) > most:
            problems.append(FieldError(field, _("Dài quá %(most)d ký tự.", most=most)))
    if contact.email and not EMAIL.match(contact.email):
        problems.append(FieldError("email", _("Thư điện tử chưa đúng, ví dụ: an@coquan.gov.vn.")))
    if contact.phone and not PHONE.match(contact.phone):
        problems.append(FieldError("phone", _("Số điện thoại chỉ gồm chữ số và dấu + ( ) - .")))
    return problems


def _is_taken(work: Work, username: str) -> bool:
    return work.session.scalar(select(User.id).where(User.username == username)) is not None


def _check_unit(work: Work, unit_id: int, field: str = "unit_id") -> list[FieldError]:
    unit = work.session.get(Unit, unit_id)
    if unit is None:
        return [FieldError(field, _("Hãy chọn đơn vị trong danh sách."))]
    if unit.valid_to is not None and unit.valid_to <= work.today:
        return [FieldError(field, _("Đơn vị này đã kết thúc, hãy chọn đơn vị kế tục."))]
    return []


def _fill(user: User, contact: Contact) -> None:
    user.name, user.title = contact.name, contact.title
    user.email, user.phone = contact.email, contact.phone
    user.sort_key = text.person_sort_key(contact.name)
    user.folded = text.fold(" ".join((contact.name, user.username, contact.email, contact.phone)))


# -- grants ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AddGrant:
    """A role within a unit's subtree from a date to a date, both inclusive."""

    user_id: int
    role: Role
    unit_id: int
    valid_from: date
    valid_to: date | None = None
    note: str = ""


def add_grant(work: Work, data: AddGrant) -> int:
    """Give a role and return the grant's id.

    Nobody grants to himself; the person and the unit must both lie within the actor's reach.
    Raises PermissionDenied, ValidationFailed; Conflict when the person holds the role there.
    """
    user = work.get(User, data.user_id)
    if work.actor.user_id == user.id:
        raise PermissionDenied(_("Không ai được tự cấp quyền cho mình."))
    work.require(MANAGE, user)
    problems = _check_unit(work, data.unit_id)
    if data.valid_to is not None and data.valid_to < data.valid_from:
        problems.append(FieldError("valid_to", _("Ngày kết thúc phải sau ngày bắt đầu.")))
    if problems:
        raise ValidationFailed(problems)
    grant = Grant(
        user_id=user.id,
        role=data.role,
        unit_id=data.unit_id,
        valid_from=data.valid_from,
        valid_to=data.valid_to,
        granted_by_id=work.actor.user_id,
        note=data.note,
    )
    work.require(MANAGE, grant)
    if _overlaps(work, grant):
        raise Conflict(_("Người này đã có vai trò đó ở đơn vị này trong thời gian ấy."))
    work.session.add(grant)
    work.session.flush()
    return grant.id


def _overlaps(work: Work, grant: Grant) -> bool:
    same = select(Grant.id).where(
        Grant.user_id == grant.user_id,
        Grant.role == grant.role,
        Grant.unit_id == grant.unit_id,
        or_(Grant.valid_to.is_(None), Grant.valid_to >= grant.valid_from),
    )
    if grant.valid_to is not None:
        same = same.where(Grant.valid_from <= grant.valid_to)
    return work.session.scalar(same.limit(1)) is not None

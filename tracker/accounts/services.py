"""Services on people: accounts, grants, deputies, preferences. Rights are asked per record."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from flask_babel import gettext as _
from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from tracker.accounts import notices, sessions
from tracker.accounts.access import in_force
from tracker.accounts.models import Deputy, Grant, PasswordLink, User
from tracker.accounts.permissions import MANAGE
from tracker.core import conflicts, text
from tracker.core.errors import Conflict, FieldError, PermissionDenied, ValidationFailed
from tracker.core.rights import Role
from tracker.core.work import Work
from tracker.units.models import Unit, UnitClosure

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


@dataclass(frozen=True)
class EndGrant:
    """A grant's last day; a day before its first one withdraws it altogether."""

    grant_id: int
    last_day: date


def end_grant(work: Work, data: EndGrant) -> int:
    """Let a grant end and return whose it was.

    A grant that was ever in force keeps its row; one whose days all lie after `last_day` goes (the
    change log keeps it). Raises ValidationFailed for the last administrator.
    """
    grant = work.get(Grant, data.grant_id)
    work.require(MANAGE, grant)
    user_id = grant.user_id
    if grant.valid_to is not None and grant.valid_to < work.today:
        raise ValidationFailed([FieldError("last_day", _("Quyền này đã kết thúc."))])
    # Days that have passed under the grant stay as they were.
    last_day = max(data.last_day, work.today - ONE_DAY)
    if grant.role is Role.ADMINISTRATOR:
        _keep_an_administrator(work, but_grant=grant.id, until=last_day)
    if grant.valid_from > last_day:
        work.session.delete(grant)
    else:
        grant.valid_to = last_day
    return user_id


def _keep_an_administrator(
    work: Work, *, but_user: int = 0, but_grant: int = 0, until: date | None = None
) -> None:
    """Raise ValidationFailed if nobody would be left who administers a root of the tree.

    The rows that count are locked, so that two administrators cannot remove each other at once.
    """
    rows = work.session.execute(
        select(Grant.id, Grant.user_id, Grant.valid_to)
        .join(User, User.id == Grant.user_id)
        .join(Unit, Unit.id == Grant.unit_id)
        .where(
            Grant.role == Role.ADMINISTRATOR,
            in_force(work.today),
            User.is_active.is_(True),
            Unit.parent_id.is_(None),
            or_(Unit.valid_to.is_(None), Unit.valid_to > work.today),
        )
        .order_by(Grant.id)
        .with_for_update(of=Grant)
    ).all()
    touched = [row for row in rows if row.user_id == but_user or row.id == but_grant]
    left = [
        row
        for row in rows
        if row not in touched
        and (row.valid_to is None or (until is not None and row.valid_to > until))
    ]
    if touched and not left:
        raise ValidationFailed(
            [
                FieldError(
                    "", _("Đây là quản trị viên cuối cùng. Hãy cấp quyền cho người khác trước.")
                )
            ]
        )


def require_whole(work: Work, user: User) -> None:
    """Raise PermissionDenied unless the actor reaches all that a person may do.

    Whoever sets another's password or takes over the account acts with all of that person's
    rights, so reaching one of the person's units is not enough (CVE-2026-35595 is of this kind).
    """
    work.require(MANAGE, user)
    grants = work.session.scalars(
        select(Grant).where(
            Grant.user_id == user.id,
            or_(Grant.valid_to.is_(None), Grant.valid_to >= work.today),
        )
    )
    for grant in grants:
        work.require(MANAGE, grant)


# -- changing accounts -------------------------------------------------------------------------


@dataclass(frozen=True)
class UpdateUser:
    """What an administrator corrects; `version` is the one that the form was made from."""

    user_id: int
    version: int
    contact: Contact
    unit_id: int


def update_user(work: Work, data: UpdateUser) -> int:
    """Change an account and return its id.

    Raises Conflict when the same field was changed meanwhile, ValidationFailed, PermissionDenied.
    """
    user = work.get(User, data.user_id)
    require_whole(work, user)
    submitted = {**vars(data.contact), "unit_id": data.unit_id}
    wanted = conflicts.merge(work.session, user, data.version, submitted)
    contact = Contact(
        **{name: wanted.get(name, getattr(user, name)) for name in vars(data.contact)}
    )
    problems = check_contact(contact)
    if "unit_id" in wanted:
        problems += _check_unit(work, data.unit_id)
    if problems:
        raise ValidationFailed(problems)
    _fill(user, contact)
    if "unit_id" in wanted:
        work.require(MANAGE, work.get(Unit, data.unit_id))
        user.unit_id = data.unit_id
    return user.id


@dataclass(frozen=True)
class UpdateProfile:
    """What people change about themselves."""

    user_id: int
    version: int
    contact: Contact
    locale: str
    theme: str


def update_profile(work: Work, data: UpdateProfile) -> int:
    """Change one's own name, contact, language and theme. Raises Conflict, ValidationFailed."""
    if work.actor.user_id != data.user_id:
        raise PermissionDenied
    user = work.get(User, data.user_id)
    submitted = {**vars(data.contact), "locale": data.locale, "theme": data.theme}
    wanted = conflicts.merge(work.session, user, data.version, submitted)
    contact = Contact(
        **{name: wanted.get(name, getattr(user, name)) for name in vars(data.contact)}
    )
    problems = [*check_contact(contact), *_check_looks(data.locale, data.theme)]
    if problems:
        raise ValidationFailed(problems)
    _fill(user, contact)
    user.locale = wanted.get("locale", user.locale)
    user.theme = wanted.get("theme", user.theme)
    return user.id


@dataclass(frozen=True)
class SavePreferences:
    """A person's language or theme, chosen from the top bar; '' leaves it as it is."""

    user_id: int
    locale: str = ""
    theme: str = ""


def save_preferences(work: Work, data: SavePreferences) -> None:
    """Keep one's own language or theme. Raises ValidationFailed, PermissionDenied."""
    if work.actor.user_id != data.user_id:
        raise PermissionDenied
    user = work.get(User, data.user_id)
    problems = _check_looks(data.locale or user.locale, data.theme or user.theme)
    if problems:
        raise ValidationFailed(problems)
    user.locale = data.locale or user.locale
    user.theme = data.theme or user.theme


def _check_looks(locale: str, theme: str) -> list[FieldError]:
    problems = []
    if locale not in LOCALES:
        problems.append(FieldError("locale", _("Hãy chọn một ngôn ngữ trong danh sách.")))
    if theme not in THEMES:
        problems.append(FieldError("theme", _("Hãy chọn một kiểu nền trong danh sách.")))
    return problems


@dataclass(frozen=True)
class SwitchUser:
    """Close an account, or open it again."""

    user_id: int
    is_active: bool


def switch_user(work: Work, data: SwitchUser) -> int:
    """Close or open an account and return its id; closing ends its sessions and links at once.

    Raises ValidationFailed for one's own account and for the last administrator.
    """
    user = work.get(User, data.user_id)
    require_whole(work, user)
    if not data.is_active:
        if work.actor.user_id == user.id:
            raise ValidationFailed([FieldError("", _("Không thể tự khóa tài khoản của mình."))])
        _keep_an_administrator(work, but_user=user.id)
        sessions.end_all(work, user.id)
        void_links(work, user.id)
    user.is_active = data.is_active
    return user.id


@dataclass(frozen=True)
class SwitchUsers:
    """Several accounts to close or to open, all of them or none."""

    user_ids: Sequence[int]
    is_active: bool


def switch_users(work: Work, data: SwitchUsers) -> int:
    """Close or open accounts and return how many.

    Raises ValidationFailed with the name of the first one that can't be, as `switch_user` does.
    """
    for user_id in data.user_ids:
        name = work.get(User, user_id).name
        try:
            switch_user(work, SwitchUser(user_id, data.is_active))
        except ValidationFailed as error:
            raise ValidationFailed(
                [FieldError("", f"{name}: {one.message}") for one in error.errors]
            ) from error
        except PermissionDenied as error:
            message = _("%(name)s còn giữ vai trò ngoài phạm vi của bạn.", name=name)
            raise ValidationFailed([FieldError("", message)]) from error
    return len(data.user_ids)


def void_links(work: Work, user_id: int | None) -> None:
    """Make a person's unused password links useless (None: those that set up the instance)."""
    links = work.session.scalars(
        select(PasswordLink).where(PasswordLink.user_id == user_id, PasswordLink.used_at.is_(None))
    )
    for link in links:
        link.used_at = work.now


# -- passwords ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class SetPassword:
    """A new password, already hashed: hashing takes long and happens before the transaction."""

    user_id: int
    password_hash: str
    keep_session_id: int | None = None


def change_password(work: Work, data: SetPassword) -> int:
    """Set one's own password and return how many other sessions ended.

    The caller has asked for the current one.
    """
    if work.actor.user_id != data.user_id:
        raise PermissionDenied
    return put_password(work, work.get(User, data.user_id), data)


def assign_password(work: Work, data: SetPassword) -> int:
    """Set a person's password from the command line. Raises PermissionDenied for people."""
    if not work.actor.access.everything:
        raise PermissionDenied
    return put_password(work, work.get(User, data.user_id), data)


def put_password(work: Work, user: User, data: SetPassword) -> int:
    """Write the hash within another service; links die, sessions but the kept one end."""
    user.password_hash = data.password_hash
    user.password_changed_at = work.now
    void_links(work, user.id)
    return sessions.end_all(work, user.id, data.keep_session_id)


@dataclass(frozen=True)
class RehashPassword:
    """The same password under today's parameters; nothing else changes."""

    user_id: int
    old_hash: str
    new_hash: str


def rehash_password(work: Work, data: RehashPassword) -> None:
    """Keep a hash of today's strength, unless the password was changed meanwhile."""
    user = work.get(User, data.user_id)
    if user.password_hash == data.old_hash:
        user.password_hash = data.new_hash


# -- deputies ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class NameDeputy:
    """Who acts for `user_id` on the days of a leave, both inclusive."""

    user_id: int
    deputy_id: int
    valid_from: date
    valid_to: date
    reason: str = ""


def name_deputy(work: Work, data: NameDeputy) -> int:
    """Name a deputy and return the entry's id.

    For oneself, or with `users.manage` over the person; nobody makes himself another's deputy.
    A deputy must be there on those days and may not pass on what he holds for somebody else.
    Raises ValidationFailed, PermissionDenied.
    """
    user = work.get(User, data.user_id)
    if work.actor.user_id != user.id:
        require_whole(work, user)
        if work.actor.user_id == data.deputy_id:
            raise PermissionDenied(_("Không ai được tự cấp quyền cho mình."))
    problems = _check_leave(work, data)
    deputy = work.session.get(User, data.deputy_id)
    if deputy is None or not deputy.is_active or not may_deputise(work.session, user, deputy):
        problems.append(FieldError("deputy_id", _("Hãy chọn một người trong danh sách.")))
    if not problems:
        problems += _check_chain(work, data)
    if problems:
        raise ValidationFailed(problems)
    entry = Deputy(
        user_id=user.id,
        deputy_id=data.deputy_id,
        valid_from=data.valid_from,
        valid_to=data.valid_to,
        reason=data.reason,
    )
    work.session.add(entry)
    work.session.flush()
    notices.tell_deputy(work, user, entry)
    return entry.id


def _check_leave(work: Work, data: NameDeputy) -> list[FieldError]:
    problems = []
    if data.valid_from < work.today:
        problems.append(FieldError("valid_from", _("Ngày bắt đầu phải từ hôm nay trở đi.")))
    if data.valid_to < data.valid_from:
        problems.append(FieldError("valid_to", _("Ngày kết thúc phải sau ngày bắt đầu.")))
    elif data.valid_to - data.valid_from > LONGEST_LEAVE:
        problems.append(FieldError("valid_to", _("Một lần thay không quá một năm.")))
    if len(data.reason) > 300:
        problems.append(FieldError("reason", _("Dài quá %(most)d ký tự.", most=300)))
    if data.deputy_id == data.user_id:
        problems.append(FieldError("deputy_id", _("Hãy chọn một người khác.")))
    return problems


def _check_chain(work: Work, data: NameDeputy) -> list[FieldError]:
    """No chains, and one deputy at a time: compare with the entries of both on those days."""
    entries = work.session.execute(
        select(Deputy.user_id, Deputy.deputy_id).where(
            Deputy.valid_from <= data.valid_to,
            Deputy.valid_to >= data.valid_from,
            or_(
                Deputy.user_id.in_([data.user_id, data.deputy_id]),
                Deputy.deputy_id == data.user_id,
            ),
        )
    ).all()
    if any(entry.user_id == data.user_id for entry in entries):
        return [FieldError("valid_from", _("Trong những ngày này đã có người thay."))]
    if any(entry.user_id == data.deputy_id for entry in entries):
        return [
            FieldError("deputy_id", _("Người này cũng nghỉ và có người thay trong những ngày ấy."))
        ]
    if any(entry.deputy_id == data.user_id for entry in entries):
        return [
            FieldError(
                "valid_from",
                _("Người nghỉ đang thay người khác trong những ngày này, không thể nhờ tiếp."),
            )
        ]
    return []


def may_deputise(session: Session, user: User, deputy: User) -> bool:
    """Tell whether a person works near enough to another to act for them (see `near_units`)."""
    if user.unit_id is None or deputy.unit_id is None:
        return False
    near = near_units(user.unit_id)
    return (
        session.scalar(select(Unit.id).where(Unit.id == deputy.unit_id, Unit.id.in_(near)))
        is not None
    )


def near_units(unit_id: int) -> Select[int]:
    """Return the units from which a deputy may come: the subtree of the unit above one's own."""
    above = (
        select(UnitClosure.ancestor_id)
        .where(
            UnitClosure.descendant_id == unit_id,
            UnitClosure.depth <= 1,
            UnitClosure.by_succession.is_(False),
        )
        .scalar_subquery()
    )
    return select(UnitClosure.descendant_id).where(
        UnitClosure.ancestor_id.in_(above), UnitClosure.by_succession.is_(False)
    )


@dataclass(frozen=True)
class EndDeputy:
    """A leave is over, or does not take place."""

    deputy_entry_id: int


def end_deputy(work: Work, data: EndDeputy) -> int:
    """End a deputy's time at once and return whose leave it was.

    By the person on leave, the deputy, or with `users.manage` over the person. The entry keeps the
    days that have passed; one that had none goes (the change log keeps it).
    """
    entry = work.get(Deputy, data.deputy_entry_id)
    if work.actor.user_id not in (entry.user_id, entry.deputy_id):
        work.require(MANAGE, entry)
    user_id = entry.user_id
    if entry.valid_to < work.today:
        raise ValidationFailed([FieldError("", _("Thời gian thay này đã hết."))])
    if entry.valid_from >= work.today:
        work.session.delete(entry)
    else:
        entry.valid_to = work.today - ONE_DAY
    return user_id


# -- many at once ------------------------------------------------------------------------------


@dataclass(frozen=True)
class AccountRow:
    """An account with an optional role, as a file or a command gives it."""

    account: CreateUser
    role: Role | None = None
    scope_unit_id: int | None = None
    valid_from: date | None = None
    password_hash: str = ""
    # The account that the row changes; None makes a new one.
    user_id: int | None = None


def save_account(work: Work, row: AccountRow) -> int:
    """Make or change an account with its role and return its id; see the single services."""
    if row.user_id is None:
        user_id = create_user(work, row.account)
    else:
        user = work.get(User, row.user_id)
        user_id = update_user(
            work, UpdateUser(user.id, user.version, row.account.contact, row.account.unit_id)
        )
    if row.password_hash:
        assign_password(work, SetPassword(user_id, row.password_hash))
    if row.role is not None:
        grant = AddGrant(
            user_id=user_id,
            role=row.role,
            unit_id=row.scope_unit_id or row.account.unit_id,
            valid_from=row.valid_from or work.today,
        )
        if not (row.user_id and holds_already(work.session, grant)):
            add_grant(work, grant)
    return user_id


def holds_already(session: Session, wanted: AddGrant) -> bool:
    """Tell whether a person holds a role at a unit from a day on, open-ended or not."""
    return (
        session.scalar(
            select(Grant.id)
            .where(
                Grant.user_id == wanted.user_id,
                Grant.role == wanted.role,
                Grant.unit_id == wanted.unit_id,
                or_(Grant.valid_to.is_(None), Grant.valid_to >= wanted.valid_from),
            )
            .limit(1)
        )
        is not None
    )


@dataclass(frozen=True)
class ImportAccounts:
    """All rows of a file."""

    rows: tuple[AccountRow, ...]


def import_accounts(work: Work, data: ImportAccounts) -> int:
    """Make and change all accounts, or none, and return how many rows were taken.

    A second row of the same user name gives one more role to the account of the first.
    """
    made: dict[str, int] = {}
    for row in data.rows:
        username = clean_username(row.account.username)
        known = made.get(username, row.user_id)
        made[username] = save_account(work, replace(row, user_id=known))
        work.session.flush()
    return len(data.rows)

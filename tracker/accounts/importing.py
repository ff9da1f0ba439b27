"""People from a spreadsheet: one row an account, or one more role of an account above it.

Passwords never travel in files: each person gets a one-time link from an administrator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import or_, select

from tracker.accounts import services
from tracker.accounts.models import Grant, User
from tracker.accounts.permissions import MANAGE, ROLE_LABELS
from tracker.accounts.queries import reachable
from tracker.core import text
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.rights import Role
from tracker.plugins.descriptors import (
    CellKind,
    ImportColumn,
    ImportRow,
    ImportSpec,
    ParsedRows,
    RowError,
    RowOutcome,
)
from tracker.units import queries as units

COLUMNS = (
    ImportColumn(
        key="username",
        heading_vi="Tên đăng nhập",
        heading_en="User name",
        hint=_l("Chữ không dấu và số. Tên đã có thì dòng này sửa tài khoản đó."),
        required=True,
        example="nguyenvanan",
    ),
    ImportColumn(
        key="name",
        heading_vi="Họ và tên",
        heading_en="Full name",
        required=True,
        example="Nguyễn Văn An",
    ),
    ImportColumn(key="title", heading_vi="Chức vụ", heading_en="Title", example="Chuyên viên"),
    ImportColumn(
        key="email", heading_vi="Thư điện tử", heading_en="E-mail", example="an@vidu.gov.vn"
    ),
    ImportColumn(key="phone", heading_vi="Điện thoại", heading_en="Phone", example="0912345678"),
    ImportColumn(
        key="unit",
        heading_vi="Đơn vị",
        heading_en="Unit",
        hint=_l("Mã hoặc tên đơn vị công tác."),
        required=True,
        example="Phòng Nội vụ",
    ),
    ImportColumn(
        key="role",
        heading_vi="Vai trò",
        heading_en="Role",
        hint=_l("Chọn trong danh sách; để trống nếu chưa cấp."),
        example="Chuyên viên",
        choices=lambda: [str(label) for label in ROLE_LABELS.values()],
    ),
    ImportColumn(
        key="scope",
        heading_vi="Phạm vi",
        heading_en="Scope",
        hint=_l("Đơn vị mà vai trò có hiệu lực; để trống là đơn vị công tác."),
        example="Phòng Nội vụ",
        width=32,
    ),
    ImportColumn(
        key="from",
        heading_vi="Từ ngày",
        heading_en="From",
        hint=_l("Ngày vai trò có hiệu lực; để trống là hôm nay."),
        example="01/07/2026",
        kind=CellKind.DATE,
    ),
)

# Both languages count whatever the reader's is; files travel.
ROLE_NAMES: Mapping[str, Role] = {
    **{role.value: role for role in Role},
    "quan tri vien": Role.ADMINISTRATOR,
    "quan tri": Role.ADMINISTRATOR,
    "thuong truc cchc": Role.COORDINATOR,
    "dieu phoi": Role.COORDINATOR,
    "plan coordinator": Role.COORDINATOR,
    "lanh dao": Role.LEADER,
    "truong phong": Role.HEAD,
    "department head": Role.HEAD,
    "chuyen vien": Role.OFFICER,
    "can bo kiem tra": Role.INSPECTOR,
    "kiem tra": Role.INSPECTOR,
}

Cells = Mapping[str, Any]
AMBIGUOUS = -1


@dataclass(frozen=True)
class _Known:
    """An account that is there already."""

    id: int
    is_reachable: bool
    # Name, title, e-mail, telephone and unit, as they are.
    details: tuple[str, str, str, str, int | None]


@dataclass
class _Reader:
    """Reads rows one by one, asking the database once for each different text."""

    today: date
    me: int | None
    allowed: frozenset[int]
    known: Mapping[str, _Known]
    # (person, role, unit) of the roles that are in force or to come.
    held: frozenset[tuple[int, Role, int]]
    errors: list[RowError] = field(default_factory=list)
    rows: list[services.AccountRow] = field(default_factory=list)
    outcomes: dict[int, RowOutcome] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    units: dict[str, int | None] = field(default_factory=dict)

    def read(self, number: int, cells: Cells) -> None:
        """Read one row. Cells that must be filled and are not have their error already."""
        before = len(self.errors)
        username = services.clean_username(_text(cells.get("username")))
        contact = services.Contact(
            *(_text(cells.get(key)) for key in ("name", "title", "email", "phone"))
        )
        problems = services.check_username(username) if username else []
        problems += services.check_contact(contact) if contact.name else []
        for problem in problems:
            self.fault(number, problem.field, problem.message)
        unit_id = self.unit(number, "unit", _text(cells.get("unit")))
        role = self.role(number, _text(cells.get("role")))
        scope = self.unit(number, "scope", _text(cells.get("scope")))
        known = self.known.get(username)
        self.check_person(number, username, known, role)
        if len(self.errors) > before or not username or not contact.name or unit_id is None:
            return
        row = services.AccountRow(
            services.CreateUser(username, contact, unit_id),
            role,
            scope,
            cells.get("from"),
            user_id=known.id if known else None,
        )
        self.rows.append(row)
        self.outcomes[number] = self.outcome(row, known)

    def check_person(
        self, number: int, username: str, known: _Known | None, role: Role | None
    ) -> None:
        """Note an account out of reach, a role for oneself, and rows that say the same twice."""
        if known is not None and not known.is_reachable:
            self.fault(number, "username", _("Tài khoản này ngoài phạm vi quản lý của bạn."))
        if role and known is not None and known.id == self.me:
            self.fault(number, "role", _("Không ai được tự cấp quyền cho mình."))
        if username in self.seen and not role:
            first = self.seen[username]
            self.fault(
                number,
                "username",
                _("Trùng với dòng %(row)d; dòng thêm chỉ để cấp thêm vai trò.", row=first),
            )
        if username:
            self.seen.setdefault(username, number)

    def outcome(self, row: services.AccountRow, known: _Known | None) -> RowOutcome:
        """Say what the row would do."""
        if known is None:
            return RowOutcome.NEW
        contact = row.account.contact
        details = (contact.name, contact.title, contact.email, contact.phone, row.account.unit_id)
        scope = row.scope_unit_id or row.account.unit_id
        has_role = row.role is None or (known.id, row.role, scope) in self.held
        return RowOutcome.SAME if has_role and details == known.details else RowOutcome.CHANGED

    def fault(self, number: int, key: str, message: str) -> None:
        """Note what is wrong in a cell."""
        self.errors.append(RowError(number, key, message))

    def unit(self, number: int, key: str, typed: str) -> int | None:
        """Return the living unit within reach that a cell names by code or name; None for ''."""
        if not typed:
            return None
        if typed not in self.units:
            self.units[typed] = self._match(typed)
        found = self.units[typed]
        if found is None:
            self.fault(number, key, _("Không có đơn vị nào tên hoặc mã như vậy."))
        elif found == AMBIGUOUS:
            self.fault(number, key, _("Có nhiều đơn vị cùng tên, hãy ghi mã đơn vị."))
        elif found not in self.allowed:
            self.fault(number, key, _("Đơn vị này ngoài phạm vi quản lý của bạn."))
        else:
            return found
        return None

    def _match(self, typed: str) -> int | None:
        matches = [
            one
            for one in units.match(db.session(), typed, self.today)
            if one.is_whole and one.is_alive
        ]
        found = {one.id for one in matches if one.matched == typed} or {one.id for one in matches}
        if len(found) > 1:
            return AMBIGUOUS
        return found.pop() if found else None

    def role(self, number: int, typed: str) -> Role | None:
        """Return the role that a cell names, None for ''."""
        if not typed:
            return None
        role = ROLE_NAMES.get(text.fold(typed))
        if role is None:
            self.fault(number, "role", _("Không có vai trò này."))
        return role


def _text(value: object) -> str:
    """Return a cell as one line of text."""
    return "" if value is None else " ".join(text.normalise(str(value)).split())


def parse(rows: Sequence[ImportRow], _options: Mapping[str, str]) -> ParsedRows:
    """Read and check all rows; nothing is written."""
    session, today = db.session(), current().clock.today()
    within = set(session.scalars(select(User.id).where(reachable())))
    people = session.execute(
        select(User.username, User.id, User.name, User.title, User.email, User.phone, User.unit_id)
    )
    grants = session.execute(
        select(Grant.user_id, Grant.role, Grant.unit_id).where(
            or_(Grant.valid_to.is_(None), Grant.valid_to >= today)
        )
    )
    reader = _Reader(
        today=today,
        me=current().actor.user_id,
        allowed=frozenset(unit_id for unit_id, _label in units.choices(MANAGE)),
        known={
            one.username: _Known(
                one.id,
                one.id in within,
                (one.name, one.title, one.email, one.phone, one.unit_id),
            )
            for one in people
        },
        held=frozenset((one.user_id, one.role, one.unit_id) for one in grants),
    )
    for number, cells in rows:
        reader.read(number, cells)
    return ParsedRows(
        services.ImportAccounts(tuple(reader.rows)), tuple(reader.errors), reader.outcomes
    )


def done_url(_result: object) -> str:
    """Return where to go after the import."""
    return url_for("accounts.list_users")


SPEC = ImportSpec(
    key="users",
    label=_l("Người dùng"),
    columns=COLUMNS,
    permission=MANAGE,
    parse=parse,
    apply=services.import_accounts,
    done_url=done_url,
    icon="users",
    hint=_l("Mật khẩu không có trong tệp: mỗi người nhận một liên kết từ quản trị viên."),
    weight=30,
)

"""The demo's people: one for each role, and the buttons that sign them in on a demo instance.

They have no password unless random ones are asked for. The buttons exist only where the database
says that it is a demo, and only for a browser on the same machine: a request from a loopback peer
to a loopback host that no proxy has forwarded. So a demo put on a network opens for nobody.
"""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass
from datetime import date, timedelta

from flask import Request
from sqlalchemy import select

from tracker.accounts import passwords, services
from tracker.accounts.models import User
from tracker.accounts.permissions import ROLE_HINTS, ROLE_LABELS
from tracker.core.db import db
from tracker.core.errors import NotFound
from tracker.core.rights import Role
from tracker.core.work import Work, run
from tracker.units.models import Unit, UnitKind
from tracker.web.contracts import shell_contracts


@dataclass(frozen=True)
class DemoPerson:
    """One of the demo's people; `everywhere` means that the role covers every root unit."""

    username: str
    name: str
    title: str
    role: Role
    everywhere: bool


PEOPLE = (
    DemoPerson("lanhdao", "Trần Thị Thu Hà", "Phó Chủ tịch", Role.LEADER, True),
    DemoPerson("dieuphoi", "Nguyễn Quốc Bảo", "Thường trực CCHC", Role.COORDINATOR, True),
    DemoPerson("truongphong", "Lê Minh Đức", "Trưởng phòng", Role.HEAD, False),
    DemoPerson("chuyenvien", "Phạm Thị Ngọc Ánh", "Chuyên viên", Role.OFFICER, False),
    DemoPerson("kiemtra", "Võ Thành Đạt", "Trưởng đoàn kiểm tra", Role.INSPECTOR, True),
    DemoPerson("quantri", "Hoàng Gia Khánh", "Quản trị hệ thống", Role.ADMINISTRATOR, True),
)
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
FORWARDED = ("Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip")


@dataclass(frozen=True)
class DemoRole:
    """A button of the sign-in page."""

    username: str
    role: Role
    name: str
    unit_name: str

    @property
    def label(self) -> str:
        """The role in the reader's language."""
        return str(ROLE_LABELS[self.role])

    @property
    def hint(self) -> str:
        """What the role does, in one line."""
        return str(ROLE_HINTS[self.role])


def is_open_for(request: Request) -> bool:
    """Tell whether the demo's buttons may be shown to, and used by, this request."""
    if not shell_contracts().setting("demo.loaded_on"):
        return False
    headers = [name.title() for name in request.headers.keys()]  # noqa: SIM118 - not a mapping
    if any(name.startswith("X-Forwarded") or name in FORWARDED for name in headers):
        return False
    host = request.host.rsplit(":", 1)[0] if not request.host.endswith("]") else request.host
    return host.strip("[]").lower() in LOOPBACK_HOSTS and _is_loopback(request.remote_addr)


def _is_loopback(address: str | None) -> bool:
    try:
        peer = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    mapped = getattr(peer, "ipv4_mapped", None)
    return bool((mapped or peer).is_loopback)


def demo_roles() -> list[DemoRole]:
    """Return the buttons: the demo's people who are there, in the order of their work."""
    rows = {
        row.username: row
        for row in db.session.execute(
            select(User.username, User.name, Unit.name.label("unit_name"))
            .outerjoin(Unit, Unit.id == User.unit_id)
            .where(
                User.username.in_([person.username for person in PEOPLE]),
                User.is_active.is_(True),
            )
        )
    }
    return [
        DemoRole(person.username, person.role, row.name, row.unit_name or "")
        for person in PEOPLE
        if (row := rows.get(person.username)) is not None
    ]


def get_demo_user(username: str) -> int:
    """Return the id of one of the demo's people. Raises NotFound for anybody else."""
    user_id = None
    if username in {person.username for person in PEOPLE}:
        user_id = db.session.scalar(
            select(User.id).where(User.username == username, User.is_active.is_(True))
        )
    if user_id is None:
        raise NotFound
    return user_id


@dataclass(frozen=True)
class MakePeople:
    """Where the demo's people work: an office for those with a wide view, a division for others."""

    office_id: int
    division_id: int
    scopes: tuple[int, ...]
    valid_from: date


def make_people(work: Work, data: MakePeople) -> int:
    """Make those of the demo's people who are not there yet and return how many were made."""
    known = set(work.session.scalars(select(User.username)))
    made = 0
    for person in PEOPLE:
        if person.username in known:
            continue
        unit_id = data.office_id if person.everywhere else data.division_id
        user_id = services.create_user(
            work,
            services.CreateUser(
                person.username, services.Contact(person.name, person.title), unit_id
            ),
        )
        for scope in data.scopes if person.everywhere else (unit_id,):
            services.add_grant(
                work, services.AddGrant(user_id, person.role, scope, data.valid_from)
            )
        made += 1
    return made


def load(today: date) -> None:
    """Make the demo's people in the units that are there; again, it changes nothing.

    Raises NotFound when there is no unit at all.
    """
    roots = db.session.execute(
        select(Unit.id, Unit.name)
        .where(Unit.parent_id.is_(None), Unit.valid_to.is_(None))
        .order_by(Unit.id)
    ).all()
    if not roots:
        raise NotFound
    office = roots[0].id
    division = db.session.scalar(
        select(Unit.id)
        .where(
            Unit.parent_id == office,
            Unit.valid_to.is_(None),
            Unit.kind.in_([UnitKind.DIVISION, UnitKind.DEPARTMENT, UnitKind.COMMUNE]),
        )
        .order_by(Unit.id)
    )
    run(
        make_people,
        MakePeople(
            office_id=office,
            division_id=division or office,
            scopes=tuple(root.id for root in roots),
            valid_from=today - timedelta(days=730),
        ),
    )


def set_random_passwords() -> dict[str, str]:
    """Give each of the demo's people a random password and return them by user name."""
    given: dict[str, str] = {}
    for role in demo_roles():
        password = secrets.token_urlsafe(12)
        run(
            services.assign_password,
            services.SetPassword(get_demo_user(role.username), passwords.hash_password(password)),
        )
        given[role.username] = password
    return given

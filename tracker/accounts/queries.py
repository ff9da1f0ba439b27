"""Reading people: lists, one person's page, choices. Each list has a fixed number of queries."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Row, Select, or_, select
from sqlalchemy.orm import aliased

from tracker.accounts import services
from tracker.accounts.access import in_force
from tracker.accounts.models import Deputy, Grant, LoginSession, User
from tracker.accounts.permissions import MANAGE, ROLE_LABELS
from tracker.core import text
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import NotFound
from tracker.core.rights import Role, rights
from tracker.units.models import Unit
from tracker.units.tree import units_within

SORTS: Mapping[str, Sequence[ColumnElement[Any]]] = {
    "name": (User.sort_key.expression, User.id.expression),
    "username": (User.username.expression,),
    "unit": (Unit.sort_key.expression, User.sort_key.expression, User.id.expression),
}


@dataclass(frozen=True)
class UserFilter:
    """What a list of people is narrowed to; state is '', 'active', 'closed' or 'idle' (no role)."""

    query: str = ""
    unit_id: int | None = None
    role: Role | None = None
    state: str = ""


STATES = ("active", "closed", "idle")


def reachable() -> ColumnElement[bool]:
    """Return the condition of the people whom the actor manages."""
    return rights.visible(current().actor.access, MANAGE, User)


def list_users(wanted: UserFilter) -> Select[Any]:
    """Return the query of the people whom the actor manages, one row each, unsorted."""
    today = current().clock.today()
    # One row, one tuple: the types of its ten columns are of no use to the list.
    query: Select[Any] = cast(
        "Select[Any]",
        select(
            User.id,
            User.name,
            User.username,
            User.title,
            User.email,
            User.phone,
            User.is_active,
            (User.password_hash != "").label("has_password"),
            User.unit_id,
            Unit.name.label("unit_name"),
        )
        .outerjoin(Unit, Unit.id == User.unit_id)
        .where(reachable()),
    )
    for word in text.search_terms(wanted.query).folded:
        query = query.where(User.folded.contains(word, autoescape=True))
    if wanted.unit_id is not None:
        query = query.where(User.unit_id.in_(units_within([wanted.unit_id], False)))
    held = select(Grant.user_id).where(in_force(today))
    if wanted.role is not None:
        query = query.where(User.id.in_(held.where(Grant.role == wanted.role)))
    if wanted.state == "active":
        query = query.where(User.is_active.is_(True))
    elif wanted.state == "closed":
        query = query.where(User.is_active.is_(False))
    elif wanted.state == "idle":
        query = query.where(User.is_active.is_(True), User.id.not_in(held))
    return query


@dataclass(frozen=True)
class GrantRow:
    """A grant as pages show it."""

    id: int
    user_id: int
    role: Role
    unit_id: int
    unit_name: str
    valid_from: date
    valid_to: date | None
    granted_by: str
    note: str

    @property
    def role_label(self) -> str:
        """The role in the reader's language."""
        return str(ROLE_LABELS[self.role])

    def counts_on(self, day: date) -> bool:
        """Tell whether the grant is in force on a day."""
        return self.valid_from <= day and (self.valid_to is None or self.valid_to >= day)

    def is_past(self, day: date) -> bool:
        """Tell whether the grant has ended before a day."""
        return self.valid_to is not None and self.valid_to < day


def grants_of(user_ids: Collection[int]) -> dict[int, list[GrantRow]]:
    """Return the grants of people, newest first."""
    granter = aliased(User)
    rows = db.session.execute(
        select(
            Grant.id,
            Grant.user_id,
            Grant.role,
            Grant.unit_id,
            Unit.name.label("unit_name"),
            Grant.valid_from,
            Grant.valid_to,
            granter.name.label("granted_by"),
            Grant.note,
        )
        .join(Unit, Unit.id == Grant.unit_id)
        .outerjoin(granter, granter.id == Grant.granted_by_id)
        .where(Grant.user_id.in_(sorted(user_ids)))
        .order_by(Grant.valid_from.desc(), Grant.id.desc())
    )
    found: dict[int, list[GrantRow]] = {}
    for row in rows:
        grant = GrantRow(**{**row._mapping, "granted_by": row.granted_by or ""})
        found.setdefault(grant.user_id, []).append(grant)
    return found


def roles_of(user_ids: Collection[int]) -> dict[int, dict[str, list[str]]]:
    """Return the roles of today: by person, the role's label and the units it reaches from."""
    today = current().clock.today()
    found: dict[int, dict[str, list[str]]] = {}
    for user_id, held in grants_of(user_ids).items():
        for grant in sorted(held, key=lambda one: list(ROLE_LABELS).index(one.role)):
            if grant.counts_on(today):
                units = found.setdefault(user_id, {}).setdefault(grant.role_label, [])
                units.append(grant.unit_name)
    return found


@dataclass(frozen=True)
class Person:
    """One account as its page shows it."""

    id: int
    version: int
    username: str
    name: str
    title: str
    email: str
    phone: str
    unit_id: int | None
    unit_name: str
    is_active: bool
    has_password: bool
    password_changed_at: datetime | None
    locale: str
    theme: str


def get_person(user_id: int, *, managed: bool) -> Person:
    """Return a person; with `managed` only one whom the actor manages. Raises NotFound."""
    query = (
        select(
            User.id,
            User.version,
            User.username,
            User.name,
            User.title,
            User.email,
            User.phone,
            User.unit_id,
            Unit.name.label("unit_name"),
            User.is_active,
            (User.password_hash != "").label("has_password"),
            User.password_changed_at,
            User.locale,
            User.theme,
        )
        .outerjoin(Unit, Unit.id == User.unit_id)
        .where(User.id == user_id)
    )
    if managed:
        query = query.where(reachable())
    row = db.session.execute(query).first()
    if row is None:
        raise NotFound
    return Person(
        **{
            **row._mapping,
            "unit_name": row.unit_name or "",
            "has_password": bool(row.has_password),
        }
    )


def manages_whole(person: Person, grants: Sequence[GrantRow]) -> bool:
    """Tell whether the actor reaches all that a person may do (see `services.require_whole`)."""
    access = current().actor.access
    today = current().clock.today()
    units = {grant.unit_id for grant in grants if not grant.is_past(today)}
    if access.everything or not units:
        return True
    reach = units_within(access.scope(MANAGE), False)
    column = reach.selected_columns[0]
    return units <= set(db.session.scalars(reach.where(column.in_(sorted(units)))))


@dataclass(frozen=True)
class DeputyRow:
    """A leave with its deputy."""

    id: int
    user_id: int
    user_name: str
    deputy_id: int
    deputy_name: str
    valid_from: date
    valid_to: date
    reason: str


def deputies_of(user_id: int) -> list[DeputyRow]:
    """Return the leaves of a person and those in which the person is the deputy, newest first."""
    user, deputy = aliased(User), aliased(User)
    rows = db.session.execute(
        select(
            Deputy.id,
            Deputy.user_id,
            user.name.label("user_name"),
            Deputy.deputy_id,
            deputy.name.label("deputy_name"),
            Deputy.valid_from,
            Deputy.valid_to,
            Deputy.reason,
        )
        .join(user, user.id == Deputy.user_id)
        .join(deputy, deputy.id == Deputy.deputy_id)
        .where(or_(Deputy.user_id == user_id, Deputy.deputy_id == user_id))
        .order_by(Deputy.valid_from.desc(), Deputy.id.desc())
        .limit(50)
    )
    return [DeputyRow(**row._mapping) for row in rows]


def deputy_choices(user_id: int) -> list[tuple[int, str]]:
    """Return who may act for a person: people near by, by given name."""
    unit_id = db.session.scalar(select(User.unit_id).where(User.id == user_id))
    if unit_id is None:
        return []
    rows = db.session.execute(
        select(User.id, User.name, User.title, Unit.name.label("unit_name"))
        .join(Unit, Unit.id == User.unit_id)
        .where(
            User.is_active.is_(True),
            User.id != user_id,
            User.unit_id.in_(services.near_units(unit_id)),
        )
        .order_by(User.sort_key, User.id)
    )
    return [
        (row.id, " · ".join(part for part in (row.name, row.title, row.unit_name) if part))
        for row in rows
    ]


@dataclass(frozen=True)
class SessionRow:
    """A sign-in on one device."""

    id: int
    created_at: datetime
    last_seen_at: datetime
    address: str
    device: str


def sessions_of(user_id: int) -> list[SessionRow]:
    """Return the sessions of a person that nobody ended, the last used first."""
    rows = db.session.execute(
        select(
            LoginSession.id,
            LoginSession.created_at,
            LoginSession.last_seen_at,
            LoginSession.address,
            LoginSession.device,
        )
        .where(LoginSession.user_id == user_id, LoginSession.ended_at.is_(None))
        .order_by(LoginSession.last_seen_at.desc(), LoginSession.id.desc())
    )
    return [SessionRow(**row._mapping) for row in rows]


def export_rows(rows: Sequence[Row[Any]]) -> Iterator[list[object]]:
    """Yield the lines of a spreadsheet: one for each role in force, one for people without any."""
    today = current().clock.today()
    grants = grants_of([row.id for row in rows])
    for row in rows:
        held = [grant for grant in grants.get(row.id, []) if grant.counts_on(today)]
        person = [row.username, row.name, row.title, row.email, row.phone, row.unit_name or ""]
        roles: list[list[object]] = [
            [grant.role_label, grant.unit_name, grant.valid_from] for grant in held
        ]
        for role in roles or [["", "", None]]:
            yield [*person, *role, row.is_active]


def find_people(query: str, limit: int) -> list[tuple[int, str, str, int]]:
    """Return (id, name, context, exactness) of the people whom the actor manages."""
    rows = db.session.execute(
        list_users(UserFilter(query=query)).order_by(User.sort_key, User.id).limit(200)
    )
    found = []
    for row in rows:
        rank = text.rank(query, f"{row.name} {row.username}")
        context = " · ".join(part for part in (row.title, row.unit_name) if part)
        found.append((row.id, row.name, context, 0 if rank is None else 100 - rank))
    return sorted(found, key=lambda one: -one[3])[:limit]


def user_by_name(username: str) -> int | None:
    """Return the id of an account by its user name."""
    return db.session.scalar(
        select(User.id).where(User.username == services.clean_username(username))
    )

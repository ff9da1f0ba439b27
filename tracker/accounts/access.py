"""From grants to rights: which grants a person holds on a day, and what they amount to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

from sqlalchemy import BindParameter, ColumnElement, Select, bindparam, or_, select
from sqlalchemy.orm import Session

from tracker.accounts.models import Deputy, Grant, User
from tracker.core.rights import Access, Role
from tracker.plugins.descriptors import Permission


@dataclass(frozen=True)
class HeldGrant:
    """A role within a unit that a person holds; `owner_id` is whose it is (a deputy's is not)."""

    role: Role
    unit_id: int
    owner_id: int


def in_force(day: date | BindParameter[date]) -> ColumnElement[bool]:
    """Return the SQL condition of grants that count on `day`; both dates are inclusive."""
    return (Grant.valid_from <= day) & or_(Grant.valid_to.is_(None), Grant.valid_to >= day)


@cache
def _held_statement() -> Select[Role, int, int]:
    """Return the query of `held_grants`, sent with every request and therefore made once."""
    user_id: BindParameter[int] = bindparam("user_id")
    day: BindParameter[date] = bindparam("day")
    represented = (
        select(Deputy.user_id)
        .join(User, User.id == Deputy.user_id)
        .where(
            Deputy.deputy_id == user_id,
            Deputy.valid_from <= day,
            Deputy.valid_to >= day,
            User.is_active.is_(True),
        )
    )
    return select(Grant.role, Grant.unit_id, Grant.user_id).where(
        or_(Grant.user_id == user_id, Grant.user_id.in_(represented)), in_force(day)
    )


def held_grants(session: Session, user_id: int, day: date) -> list[HeldGrant]:
    """Return what a person holds on `day`: their own grants and those of whom they deputise for.

    One query. A deputy holds the other's own grants, not what the other holds as a deputy, and
    none of a person whose account is closed.
    """
    rows = session.execute(_held_statement(), {"user_id": user_id, "day": day})
    return [HeldGrant(row.role, row.unit_id, row.user_id) for row in rows]


def permissions_by_role(permissions: Iterable[Permission]) -> dict[Role, tuple[str, ...]]:
    """Return the keys of the permissions that each role holds."""
    found: dict[Role, list[str]] = {role: [] for role in Role}
    for permission in permissions:
        for role in permission.roles:
            found[role].append(permission.key)
    return {role: tuple(keys) for role, keys in found.items()}


def build_access(
    user_id: int, grants: Iterable[HeldGrant], by_role: Mapping[Role, Iterable[str]]
) -> Access:
    """Return what a person with these grants may do, permission by permission."""
    roots: dict[str, set[int]] = {}
    for grant in grants:
        for permission in by_role[grant.role]:
            roots.setdefault(permission, set()).add(grant.unit_id)
    return Access(user_id, {key: frozenset(units) for key, units in roots.items()})

"""From grants to rights: which grants a person holds on a day, and what they amount to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from typing import Final

from flask import Flask, current_app
from sqlalchemy import BindParameter, ColumnElement, Select, bindparam, func, or_, select
from sqlalchemy.orm import Session, aliased

from tracker.accounts.models import Deputy, Grant, User
from tracker.core.db import read_rows
from tracker.core.rights import Access, Role
from tracker.plugins.descriptors import Permission
from tracker.plugins.host import host_of
from tracker.units.models import Unit

BY_ROLE: Final = "tracker_permissions_by_role"
ACCESS: Final = "tracker_access"
MOST_KEPT: Final = 1024


@dataclass(frozen=True)
class HeldGrant:
    """A role within a unit that a person holds; `owner_id` is whose it is (a deputy's is not).

    `is_top` tells whether the unit is the top of a tree, `trees` how many trees live on the day.
    """

    role: Role
    unit_id: int
    owner_id: int
    is_top: bool = False
    trees: int = 0


def in_force(day: date | BindParameter[date]) -> ColumnElement[bool]:
    """Return the SQL condition of grants that count on `day`; both dates are inclusive."""
    return (Grant.valid_from <= day) & or_(Grant.valid_to.is_(None), Grant.valid_to >= day)


@cache
def _held_statement() -> Select[Role, int, int, bool, int]:
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
    is_top = _is_top(Unit, day)
    tree = aliased(Unit)
    trees = select(func.count()).select_from(tree).where(_is_top(tree, day)).scalar_subquery()
    return (
        select(
            Grant.role, Grant.unit_id, Grant.user_id, is_top.label("is_top"), trees.label("trees")
        )
        .join(Unit, Unit.id == Grant.unit_id)
        .where(or_(Grant.user_id == user_id, Grant.user_id.in_(represented)), in_force(day))
    )


def _is_top(unit: type[Unit], day: BindParameter[date]) -> ColumnElement[bool]:
    lives = (unit.valid_from <= day) & or_(unit.valid_to.is_(None), unit.valid_to > day)
    return unit.parent_id.is_(None) & lives


def held_grants(session: Session, user_id: int, day: date) -> list[HeldGrant]:
    """Return what a person holds on `day`: their own grants and those of whom they deputise for.

    One query. A deputy holds the other's own grants, not what the other holds as a deputy, and
    none of a person whose account is closed.
    """
    return [
        HeldGrant(role, unit_id, owner_id, bool(is_top), trees)
        for role, unit_id, owner_id, is_top, trees in read_rows(
            session, _held_statement(), {"user_id": user_id, "day": day}
        )
    ]


def permissions_by_role(permissions: Iterable[Permission]) -> dict[Role, tuple[Permission, ...]]:
    """Return the permissions that each role holds."""
    found: dict[Role, list[Permission]] = {role: [] for role in Role}
    for permission in permissions:
        for role in permission.roles:
            found[role].append(permission)
    return {role: tuple(held) for role, held in found.items()}


def build_access(
    user_id: int, grants: Sequence[HeldGrant], by_role: Mapping[Role, Iterable[Permission]]
) -> Access:
    """Return what a person with these grants may do, permission by permission.

    What counts everywhere is held over all trees of units together, or not at all.
    """
    roots: dict[str, set[int]] = {}
    everywhere: set[str] = set()
    for grant in grants:
        for permission in by_role[grant.role]:
            roots.setdefault(permission.key, set()).add(grant.unit_id)
            if permission.everywhere:
                everywhere.add(permission.key)
    tops = {grant.unit_id: grant.trees for grant in grants if grant.is_top}
    for key in everywhere:
        covered = roots[key] & tops.keys()
        if not covered or len(covered) < max(tops.values()):
            del roots[key]
    return Access(user_id, {key: frozenset(units) for key, units in roots.items()})


def know_roles(app: Flask) -> None:
    """Take over what each role of the app may do, as its features and plug-ins say now."""
    by_role = permissions_by_role(host_of(app).registry.permissions.values())

    # The same object for the same grants: what is kept for it is then found without comparing.
    @lru_cache(maxsize=MOST_KEPT)
    def access(user_id: int, grants: tuple[HeldGrant, ...]) -> Access:
        return build_access(user_id, grants, by_role)

    app.extensions[BY_ROLE] = by_role
    app.extensions[ACCESS] = access


def access_of(user_id: int, grants: Sequence[HeldGrant]) -> Access:
    """Return what a person with these grants may do in the current app."""
    found: Access = current_app.extensions[ACCESS](user_id, tuple(grants))
    return found

"""Who is told: people by account, by what they hold near a unit, and their deputies."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.accounts.access import in_force
from tracker.accounts.models import Deputy, Grant, User
from tracker.core.rights import Role
from tracker.plugins.host import current_registry
from tracker.units.models import UnitClosure

AT_ONCE = 500


@dataclass(frozen=True)
class Recipient:
    """An account, and for whom it stands in (None: for itself)."""

    user_id: int
    represents_id: int | None = None


def recipients_of(session: Session, payload: Mapping[str, Any], today: date) -> list[Recipient]:
    """Return everyone whom a message of the topic `notice` names, deputies included."""
    wanted = {int(one) for one in payload["people"]}
    for permission, unit_id in payload["holders"]:
        roles = roles_holding(permission)
        wanted |= nearest(session, [int(unit_id)], roles, today).get(int(unit_id), set())
    for permission in payload["anyone"]:
        wanted |= _anywhere(session, roles_holding(permission), today)
    wanted.discard(payload["but"])
    found = with_deputies(session, _active(session, wanted), today)
    return [one for one in found if one.user_id != payload["but"]]


def roles_holding(permission: str) -> frozenset[Role]:
    """Return the roles that hold a permission; none for one that nobody declares."""
    spec = current_registry().permissions.get(permission)
    return spec.roles if spec else frozenset()


def nearest(
    session: Session, unit_ids: Collection[int], roles: Collection[Role], today: date
) -> dict[int, set[int]]:
    """Return by unit who has one of these roles nearest to it: in it, else in the next one above.

    Those further up have the same right, but not the same duty: they are not told of everything.
    """
    found: dict[int, tuple[int, set[int]]] = {}
    ids = sorted(set(unit_ids))
    for start in range(0, len(ids), AT_ONCE):
        rows = session.execute(
            select(UnitClosure.descendant_id, UnitClosure.depth, Grant.user_id)
            .join(Grant, Grant.unit_id == UnitClosure.ancestor_id)
            .join(User, User.id == Grant.user_id)
            .where(
                UnitClosure.descendant_id.in_(ids[start : start + AT_ONCE]),
                UnitClosure.by_succession.is_(False),
                Grant.role.in_(sorted(roles)),
                in_force(today),
                User.is_active.is_(True),
            )
        )
        for unit_id, depth, user_id in rows:
            known = found.get(unit_id)
            if known is None or depth < known[0]:
                found[unit_id] = (depth, {user_id})
            elif depth == known[0]:
                known[1].add(user_id)
    return {unit_id: people for unit_id, (_depth, people) in found.items()}


def _anywhere(session: Session, roles: Collection[Role], today: date) -> set[int]:
    return set(
        session.scalars(select(Grant.user_id).where(Grant.role.in_(sorted(roles)), in_force(today)))
    )


def _active(session: Session, user_ids: Collection[int]) -> set[int]:
    return set(
        session.scalars(select(User.id).where(User.id.in_(user_ids), User.is_active.is_(True)))
    )


def with_deputies(session: Session, user_ids: Iterable[int], today: date) -> list[Recipient]:
    """Return the people, and whoever stands in for one of them today; nobody twice."""
    own = set(user_ids)
    found = [Recipient(user_id) for user_id in sorted(own)]
    added: set[int] = set()
    for absent, deputies in deputies_on(session, own, today).items():
        for deputy in deputies:
            if deputy not in own and deputy not in added:
                added.add(deputy)
                found.append(Recipient(deputy, absent))
    return found


def deputies_on(session: Session, user_ids: Collection[int], today: date) -> dict[int, list[int]]:
    """Return by absent person who stands in for them today."""
    found: dict[int, list[int]] = {}
    ids = sorted(user_ids)
    for start in range(0, len(ids), AT_ONCE):
        rows = session.execute(
            select(Deputy.user_id, Deputy.deputy_id)
            .join(User, User.id == Deputy.deputy_id)
            .where(
                Deputy.user_id.in_(ids[start : start + AT_ONCE]),
                Deputy.valid_from <= today,
                Deputy.valid_to >= today,
                User.is_active.is_(True),
            )
            .order_by(Deputy.user_id, Deputy.id)
        )
        for absent, deputy in rows:
            found.setdefault(absent, []).append(deputy)
    return found


def one_at_a_time(session: Session, user_id: int) -> None:
    """Have requests of one person wait for each other, so that none misses what another made.

    For what a person may have only so many of. What merely points at the person does not wait.
    """
    session.scalar(select(User.id).where(User.id == user_id).with_for_update(key_share=True))

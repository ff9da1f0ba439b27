"""Unit sets: saved rules such as 'all communes', resolved into units as of a day."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.core.errors import NotFound
from tracker.units.models import UnitKind, UnitSet
from tracker.units.queries import UnitNode, tree_as_of


def kinds_of(unit_set: UnitSet) -> frozenset[UnitKind]:
    """Return the kinds that a set takes; empty means any."""
    return frozenset(UnitKind(kind) for kind in unit_set.kinds.split(",") if kind)


def resolve(session: Session, unit_set_id: int, as_of: date) -> list[int]:
    """Return the ids of the units that a set means on a day, in tree order. Raises NotFound."""
    unit_set = session.get(UnitSet, unit_set_id)
    if unit_set is None:
        raise NotFound
    nodes = select_nodes(session, kinds_of(unit_set), unit_set.under_unit_id, as_of)
    return [node.id for node in nodes]


def select_nodes(
    session: Session, kinds: Collection[UnitKind], under_unit_id: int | None, as_of: date
) -> list[UnitNode]:
    """Return the units that a rule means on a day (see `pick`)."""
    return pick(tree_as_of(session, as_of), kinds, under_unit_id)


def pick(
    nodes: Sequence[UnitNode], kinds: Collection[UnitKind], under_unit_id: int | None
) -> list[UnitNode]:
    """Return those of a tree's units that are of these kinds (none: any) and lie under a unit.

    The unit itself is not among them. `nodes` is a whole tree in its order.
    """
    chosen: list[UnitNode] = []
    above: list[int] = []
    for node in nodes:
        del above[node.level :]
        if (not kinds or node.kind in kinds) and (under_unit_id is None or under_unit_id in above):
            chosen.append(node)
        above.append(node.id)
    return chosen


def list_sets(session: Session) -> Sequence[UnitSet]:
    """Return all sets, sorted."""
    return session.scalars(select(UnitSet).order_by(UnitSet.sort_key, UnitSet.id)).all()


def choices(session: Session) -> list[tuple[int, str]]:
    """Return (id, name) of all sets, sorted."""
    rows = session.execute(select(UnitSet.id, UnitSet.name).order_by(UnitSet.sort_key, UnitSet.id))
    return [(row.id, row.name) for row in rows]

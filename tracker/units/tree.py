"""The closure of the unit tree: who lies under whom today, and whom successors have replaced."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Select, delete, insert, select
from sqlalchemy.orm import Session

from tracker.units.models import Unit, UnitClosure, UnitSuccessor


def units_within(roots: Collection[int], reading: bool) -> Select[int]:
    """Return a select of the ids of all units under `roots`, themselves included.

    For reading it also gives ended units whose successors lie there.
    """
    # Nearly everybody has one grant; a list would be written into the statement each time anew.
    is_under = (
        UnitClosure.ancestor_id == next(iter(roots))
        if len(roots) == 1
        else UnitClosure.ancestor_id.in_(sorted(roots))
    )
    query = select(UnitClosure.descendant_id).where(is_under)
    return query if reading else query.where(UnitClosure.by_succession.is_(False))


def lock(session: Session) -> None:
    """Put all that change the tree in line: two moves at once could close a circle."""
    session.execute(
        select(Unit.id).where(Unit.parent_id.is_(None)).order_by(Unit.id).limit(1).with_for_update()
    )


def rebuild_closure(session: Session) -> None:
    """Compute the closure anew from the units' parents and successors."""
    session.flush()
    parents: dict[int, int | None] = {
        row.id: row.parent_id for row in session.execute(select(Unit.id, Unit.parent_id))
    }
    successors: dict[int, list[int]] = {}
    for old, new in session.execute(select(UnitSuccessor.old_unit_id, UnitSuccessor.new_unit_id)):
        successors.setdefault(old, []).append(new)
    rows = closure_rows(parents, successors)
    session.execute(delete(UnitClosure))
    if rows:
        session.execute(insert(UnitClosure), rows)


def add_leaf(session: Session, unit_id: int, parent_id: int | None) -> None:
    """Add a new unit without children or successors to the closure."""
    session.flush()
    rows = [_row(unit_id, unit_id, 0, by_succession=False)]
    if parent_id is not None:
        above = select(UnitClosure).where(UnitClosure.descendant_id == parent_id)
        rows += [
            _row(one.ancestor_id, unit_id, one.depth + 1, by_succession=one.by_succession)
            for one in session.scalars(above)
        ]
    session.execute(insert(UnitClosure), rows)


def closure_rows(
    parents: Mapping[int, int | None], successors: Mapping[int, Collection[int]]
) -> list[dict[str, object]]:
    """Return the rows of the closure. Raises ValueError when the parents form a circle."""
    rows: list[dict[str, object]] = []
    for unit in parents:
        line = line_of(unit, parents)
        for ancestor, depth in _readers(unit, parents, successors).items():
            nearness = line.get(ancestor, depth)
            rows.append(_row(ancestor, unit, nearness, by_succession=ancestor not in line))
    return rows


def _row(ancestor: int, descendant: int, depth: int, *, by_succession: bool) -> dict[str, object]:
    return {
        "ancestor_id": ancestor,
        "descendant_id": descendant,
        "depth": depth,
        "by_succession": by_succession,
    }


def line_of(unit: int, parents: Mapping[int, int | None]) -> dict[int, int]:
    """Return a unit and its ancestors with their distance. Raises ValueError for a circle."""
    line: dict[int, int] = {}
    current: int | None = unit
    while current is not None:
        if current in line:
            raise ValueError(f"unit {unit} lies under itself")
        line[current] = len(line)
        current = parents[current]
    return line


def _readers(
    unit: int, parents: Mapping[int, int | None], successors: Mapping[int, Collection[int]]
) -> dict[int, int]:
    """Return all units whose readers may read this one, with the distance.

    Whoever reads a unit reads what lies under it, and what it has succeeded.
    """
    found = {unit: 0}
    waiting = [unit]
    for one in waiting:
        parent = parents[one]
        for reader in (*(() if parent is None else (parent,)), *successors.get(one, ())):
            if reader not in found:
                found[reader] = found[one] + 1
                waiting.append(reader)
    return found

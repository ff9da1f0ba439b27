"""The closure of the unit tree: who lies under whom today, and whom successors have replaced."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Select, delete, insert, select
from sqlalchemy.orm import Session

from tracker.units.models import Unit, UnitClosure, UnitSuccessor


def units_within(roots: Collection[int], reading: bool) -> Select[tuple[int]]:
    """Return a select of the ids of all units under `roots`, themselves included.

    For reading it also gives ended units whose successors lie there.
    """
    query = select(UnitClosure.descendant_id).where(UnitClosure.ancestor_id.in_(sorted(roots)))
    return query if reading else query.where(UnitClosure.by_succession.is_(False))


def rebuild_closure(session: Session) -> None:
    """Compute the closure anew from the units' parents and successors."""
    session.flush()
    parents: dict[int, int | None] = {
        row.id: row.parent_id for row in session.execute(select(Unit.id, Unit.parent_id))
    }
    successors: dict[int, list[int]] = {}
    for old, new in session.execute(
        select(UnitSuccessor.old_unit_id, UnitSuccessor.new_unit_id)
    ):
        successors.setdefault(old, []).append(new)
    rows = closure_rows(parents, successors)
    session.execute(delete(UnitClosure))
    if rows:
        session.execute(insert(UnitClosure), rows)


def closure_rows(
    parents: Mapping[int, int | None], successors: Mapping[int, Collection[int]]
) -> list[dict[str, object]]:
    """Return the rows of the closure. Raises ValueError when the parents form a circle."""
    ancestors: dict[int, dict[int, int]] = {unit: _line(unit, parents) for unit in parents}
    rows: dict[tuple[int, int], dict[str, object]] = {}
    for unit, line in ancestors.items():
        for ancestor, depth in line.items():
            rows[ancestor, unit] = _row(ancestor, unit, depth, by_succession=False)
    for unit in parents:
        for heir in _heirs(unit, successors):
            # What lay under the ended unit is read by whoever reads its successor.
            for descendant in [one for one in parents if unit in ancestors[one]]:
                for ancestor, depth in ancestors[heir].items():
                    key = (ancestor, descendant)
                    rows.setdefault(key, _row(*key, depth, by_succession=True))
    return list(rows.values())


def _row(ancestor: int, descendant: int, depth: int, *, by_succession: bool) -> dict[str, object]:
    return {
        "ancestor_id": ancestor,
        "descendant_id": descendant,
        "depth": depth,
        "by_succession": by_succession,
    }


def _line(unit: int, parents: Mapping[int, int | None]) -> dict[int, int]:
    line: dict[int, int] = {}
    current: int | None = unit
    while current is not None:
        if current in line:
            raise ValueError(f"unit {unit} lies under itself")
        line[current] = len(line)
        current = parents[current]
    return line


def _heirs(unit: int, successors: Mapping[int, Collection[int]]) -> set[int]:
    """Return all successors of a unit, theirs included."""
    found: set[int] = set()
    waiting = list(successors.get(unit, ()))
    while waiting:
        heir = waiting.pop()
        if heir not in found and heir != unit:
            found.add(heir)
            waiting.extend(successors.get(heir, ()))
    return found

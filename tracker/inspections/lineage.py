"""From whom a unit took over: faults of a predecessor are remembered at its successor."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.units.models import UnitSuccessor


def predecessor_ids(session: Session, unit_id: int) -> list[int]:
    """Return the unit itself and all units that it took over from, step by step."""
    line = (
        select(UnitSuccessor.old_unit_id)
        .where(UnitSuccessor.new_unit_id == unit_id)
        .cte("line", recursive=True)
    )
    line = line.union(
        select(UnitSuccessor.old_unit_id).where(UnitSuccessor.new_unit_id == line.c.old_unit_id)
    )
    return sorted({unit_id, *session.scalars(select(line.c.old_unit_id))})

"""What this feature itself hands over: unit sets that lie under a unit which ends."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from tracker.core.db import db
from tracker.core.work import Work
from tracker.plugins.descriptors import Handover, HandoverItem
from tracker.units.models import UnitSet

KEY = "unit_sets"


def preview_sets(handover: Handover) -> Sequence[HandoverItem]:
    """Return the sets under the units that end."""
    rows = db.session.execute(
        select(UnitSet.id, UnitSet.name, UnitSet.under_unit_id)
        .where(UnitSet.under_unit_id.in_(list(handover.successors)))
        .order_by(UnitSet.sort_key, UnitSet.id)
    )
    return [
        HandoverItem(
            row.id, row.name, row.under_unit_id, _heir(handover, row.under_unit_id, row.id)
        )
        for row in rows
    ]


def apply_sets(work: Work, handover: Handover) -> int:
    """Hang the sets under the successors; return how many."""
    unit_sets = work.session.scalars(
        select(UnitSet)
        .where(UnitSet.under_unit_id.in_(list(handover.successors)))
        .with_for_update()
    ).all()
    for unit_set in unit_sets:
        heir = _heir(handover, unit_set.under_unit_id or 0, unit_set.id)
        if heir is not None:
            unit_set.under_unit_id = heir
    return len(unit_sets)


def _heir(handover: Handover, unit_id: int, unit_set_id: int) -> int | None:
    heirs = handover.successors[unit_id]
    if len(heirs) == 1:
        return heirs[0]
    return handover.choices.get((KEY, unit_set_id))

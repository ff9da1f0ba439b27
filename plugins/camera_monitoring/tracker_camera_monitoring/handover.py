"""Desks change hands when units are reorganised; their history stays with the old units."""

from __future__ import annotations

from sqlalchemy import select

from tracker.api.hooks import Handover, HandoverContributor, HandoverItem
from tracker.api.i18n import lazy_gettext as _l
from tracker.api.queries import session
from tracker.api.work import Work
from tracker_camera_monitoring import inputs, services
from tracker_camera_monitoring.models import Desk

KEY = "camera_monitoring.desks"


def _heir(data: Handover, desk_id: int, unit_id: int) -> int | None:
    """Return who takes a desk over: the only successor, or the one that a person chose."""
    heirs = data.successors.get(unit_id, ())
    if len(heirs) == 1:
        return heirs[0]
    chosen = data.choices.get((KEY, desk_id))
    return chosen if chosen in heirs else None


def preview(data: Handover) -> list[HandoverItem]:
    """Return the desks of units that end and still receive people."""
    rows = session().execute(
        select(Desk.id, Desk.name, Desk.unit_id)
        .where(Desk.unit_id.in_(sorted(data.successors)), Desk.closed_on.is_(None))
        .order_by(Desk.unit_id, Desk.id)
    )
    return [
        HandoverItem(row.id, row.name, row.unit_id, _heir(data, row.id, row.unit_id))
        for row in rows
    ]


def apply(work: Work, data: Handover) -> int:
    """Give desks to the successors; one for which nobody chose goes to the first. Idempotent."""
    moves: dict[int, int] = {}
    for row in work.session.execute(
        select(Desk.id, Desk.unit_id).where(
            Desk.unit_id.in_(sorted(data.successors)), Desk.closed_on.is_(None)
        )
    ):
        heirs = data.successors[row.unit_id]
        heir = _heir(data, row.id, row.unit_id) or (heirs[0] if heirs else None)
        if heir is not None:
            moves[row.id] = heir
    return services.hand_over(work, inputs.HandOver(data.effective_on, moves))


CONTRIBUTOR = HandoverContributor(
    key=KEY, label=_l("Bàn tiếp dân và camera"), preview=preview, apply=apply
)

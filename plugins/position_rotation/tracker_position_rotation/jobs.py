"""What the clock or a person starts: making a proposal."""

from __future__ import annotations

from tracker.api import clock
from tracker.api.errors import Conflict, NotFound
from tracker.api.i18n import gettext as _
from tracker.api.jobs import JobCall
from tracker.api.queries import session
from tracker.api.work import Work, run
from tracker_position_rotation import drafting, inputs, plans
from tracker_position_rotation.blueprint import OWN
from tracker_position_rotation.models import Plan
from tracker_position_rotation.plans import PROPOSE

__all__ = ["PROPOSE", "propose"]


def propose(call: JobCall) -> str:
    """Make the proposal that a draft waits for. The solver runs outside any transaction."""
    plan = session().get(Plan, call.input.get("plan"))
    if plan is None:
        return _("Bản nháp đã bị xóa.")
    call.progress(0, 3, _("Đọc sổ"))
    facts = drafting.situation(
        session(), plan, OWN.setting("position_rotation.shortest_months"), clock.today()
    )
    session().rollback()
    call.progress(1, 3, _("Tìm phương án"))
    found = drafting.solve(facts, OWN.setting("position_rotation.proposal_seconds"))
    said = _(
        "%(moves)d người có vị trí mới, %(stuck)d người chưa có.",
        moves=found.summary["moves"],
        stuck=found.summary["stuck"],
    )

    def write(work: Work, data: inputs.ApplyProposal) -> None:
        plans.apply_proposal(work, data)
        call.finish_in(work, said)

    try:
        run(write, found)
    except (Conflict, NotFound):
        # Approved or deleted while the solver worked: the proposal is wanted by nobody.
        return _("Kế hoạch không còn là bản nháp, phương án không được ghi.")
    return said

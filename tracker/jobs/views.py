"""The ledger as a page for administrators."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from tracker.core.db import db
from tracker.jobs.models import JobRun, RunState
from tracker.jobs.schedule import due_moments
from tracker.plugins.host import current_registry
from tracker.web.contracts import shell_contracts
from tracker.web.doors import requires
from tracker.web.paging import address_with, page_number, paginate

blueprint = Blueprint("jobs", __name__)

STATE_LABELS = {
    RunState.RUNNING: _l("Đang chạy"),
    RunState.DONE: _l("Xong"),
    RunState.FAILED: _l("Hỏng"),
    RunState.MISSED: _l("Bỏ lỡ"),
}
STATE_TONES = {
    RunState.RUNNING: "move",
    RunState.DONE: "done",
    RunState.FAILED: "wait",
    RunState.MISSED: "wait",
}


@blueprint.get("/viec-tu-dong")
@requires("jobs.view")
def list_runs() -> str:
    """Show each job with its next due moment, and the newest runs."""
    now = shell_contracts().clock.now()
    later = now.replace(year=now.year + 1, day=1)
    jobs = [
        (spec, next(due_moments(spec.cron, now, later), None))
        for spec in current_registry().jobs.values()
    ]
    query = select(JobRun).order_by(JobRun.due_at.desc(), JobRun.id.desc())
    return render_template(
        "jobs/list.html",
        jobs=jobs,
        page=paginate(db.session(), query, page_number()),
        page_url=lambda number: address_with(page=number),
        labels={key: str(spec.label) for key, spec in current_registry().jobs.items()},
        state_labels=STATE_LABELS,
        state_tones=STATE_TONES,
    )

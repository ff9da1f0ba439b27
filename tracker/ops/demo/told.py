"""What the demo's people are told: notices of what happened, and this morning's reminders."""

from __future__ import annotations

from datetime import date, timedelta

from flask import current_app
from sqlalchemy import update

from tracker.core.clock import SystemClock, local_day_bounds
from tracker.core.work import Work, run
from tracker.notices import ladder
from tracker.notices.models import Notice
from tracker.ops.demo.scene import on
from tracker.outbox.drain import drain
from tracker.plugins.descriptors import DemoData
from tracker.settings.queries import working_calendar

# What is older has been read.
FRESH = timedelta(days=3)


def _read_old(work: Work, before: date) -> None:
    start, _end = local_day_bounds(before)
    work.session.execute(
        update(Notice)
        .where(Notice.read_at.is_(None), Notice.created_at < start)
        .values(read_at=work.now)
    )


def load(today: date) -> None:
    """Tell everybody what happened so far, and take the ladder's rungs of the last working day."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    drain(app, seconds=600, clock=SystemClock())
    calendar = working_calendar()
    day = today if calendar.is_working(today) else calendar.last_working_day_before(today)
    with on(day, hour=6):
        ladder.remind(None)
    with on(today):
        run(_read_old, today - FRESH)


DEMO = (DemoData(key="notices.told", load=load, weight=95),)

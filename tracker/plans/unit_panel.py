"""What a unit's page tells of its tasks."""

from __future__ import annotations

from typing import Final

from flask import render_template

from tracker.core.context import current
from tracker.core.db import db
from tracker.plans import labels
from tracker.plans.rules import Status
from tracker.plans.task_queries import (
    TaskFilter,
    list_query,
    order_columns,
    status_counts,
    task_row,
)

# The page shows so many; the list behind it has them all.
MOST_SHOWN: Final = 5
OPEN: Final = tuple(
    status
    for status in Status
    if status not in {Status.DONE, Status.DONE_LATE, Status.WITHDRAWN, Status.REGULAR}
)


def unit_panel(unit_id: int) -> str:
    """Return how the tasks of a unit and those under it stand, and the most pressing of them."""
    today = current().clock.today()
    counts = status_counts(TaskFilter(unit_id=unit_id), today)
    pressing = list_query(TaskFilter(statuses=OPEN, unit_id=unit_id), today)
    rows = db.session.execute(
        pressing.order_by(*order_columns(today)["open"]).limit(MOST_SHOWN)
    ).all()
    return render_template(
        "plans/_unit_panel.html",
        unit_id=unit_id,
        statuses=[(status.value, counts.get(status, 0)) for status in Status],
        rows=[task_row(row) for row in rows],
        labels=labels,
        today=today,
    )

"""Work off the outbox in a test, as the job process would."""

from __future__ import annotations

from flask import Flask, current_app

from tracker.core.db import db
from tracker.outbox.drain import drain


def work_off(app: Flask | None = None) -> tuple[int, int]:
    """Settle what is due now; return (done, put off). The test's own session sees it."""
    made = app or current_app._get_current_object()  # type: ignore[attr-defined]
    result = drain(made)
    if app is None:
        db.session.rollback()
    return result

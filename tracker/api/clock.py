"""Time: moments are UTC, dates are local, and both come from the clock of the context."""

from __future__ import annotations

from datetime import date, datetime

from tracker.core.clock import LOCAL
from tracker.core.context import current

__all__ = ["LOCAL", "now", "today"]


def now() -> datetime:
    """Return the moment (aware, UTC). Within a unit of work use `work.now`."""
    return current().clock.now()


def today() -> date:
    """Return today's local date. Within a unit of work use `work.today`."""
    return current().clock.today()

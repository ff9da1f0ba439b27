"""Work that the clock starts, or somebody."""

from __future__ import annotations

from tracker.api.i18n import gettext as _
from tracker.api.jobs import JobCall
from tracker_dummy import queries


def count(call: JobCall) -> str:
    """Count the things."""
    number = queries.count()
    call.progress(number, number)
    return _("%(count)d mẫu", count=number)


def fail(call: JobCall) -> str:
    """Fail, as whoever calls it wants to see."""
    raise RuntimeError(str(call.input.get("why", "asked to")))

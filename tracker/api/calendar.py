"""Working days, with the days off and the worked weekends that the instance keeps."""

from __future__ import annotations

from tracker.core.calendar import WorkingCalendar
from tracker.settings.queries import working_calendar

__all__ = ["WorkingCalendar", "working_calendar"]

"""When a person may be reached: the hour of the day's digest, and the quiet hours. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from tracker.core.clock import LOCAL, to_local


@dataclass(frozen=True)
class Hours:
    """Local hours, 0 to 23; equal ends mean that no hour is quiet."""

    digest_hour: int = 7
    quiet_from: int = 21
    quiet_to: int = 6

    def is_quiet(self, hour: int) -> bool:
        """Tell whether nothing is sent in this hour of the day."""
        if self.quiet_from <= self.quiet_to:
            return self.quiet_from <= hour < self.quiet_to
        return hour >= self.quiet_from or hour < self.quiet_to


def after_quiet(hours: Hours, moment: datetime) -> datetime:
    """Return the moment itself, or the end of the quiet time that it lies in."""
    local = to_local(moment)
    if not hours.is_quiet(local.hour):
        return moment
    end = datetime.combine(local.date(), time(hours.quiet_to), tzinfo=LOCAL)
    if end <= local:
        end += timedelta(days=1)
    return end.astimezone(UTC)


def next_digest(hours: Hours, moment: datetime) -> datetime:
    """Return when the next digest goes out: at its hour, today or tomorrow, never in quiet time."""
    local = to_local(moment)
    at = datetime.combine(local.date(), time(hours.digest_hour), tzinfo=LOCAL)
    if at <= local:
        at += timedelta(days=1)
    return after_quiet(hours, at.astimezone(UTC))

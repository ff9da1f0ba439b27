"""When a job is due: cron lines in local time, computed from the ledger's last due moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from apscheduler.triggers.cron import CronTrigger

from tracker.core.clock import LOCAL

# How many due moments of one job are looked at after a long standstill.
MOST_AT_ONCE = 500


def due_moments(cron: str, after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the moments (aware, UTC) in (after, until] at which a cron line falls due, in order."""
    trigger = CronTrigger.from_crontab(cron, timezone=LOCAL)
    moment = after
    for _count in range(MOST_AT_ONCE):
        found = trigger.get_next_fire_time(None, moment + timedelta(microseconds=1))
        if found is None or found > until:
            return
        moment = found.astimezone(UTC)
        yield moment


def last_due(cron: str, now: datetime, within: timedelta) -> datetime | None:
    """Return the newest due moment in the time `within` before `now`, None when there is none."""
    moments = list(due_moments(cron, now - within, now))
    return moments[-1] if moments else None

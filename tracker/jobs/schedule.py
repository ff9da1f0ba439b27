"""When a job is due: cron lines in local time, computed from the ledger's last due moment.

Days of the week are written by name (mon, sun): APScheduler counts them from Monday, cron from
Sunday.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tracker.core.clock import LOCAL
from tracker.plugins.descriptors import JobSpec, MissedPolicy

if TYPE_CHECKING:
    from apscheduler.triggers.cron import CronTrigger

# Of the moments that were slept through, the ledger names this many, the newest.
MOST_LISTED = 50
# A run that starts within this time of its due moment is on time.
ON_TIME = timedelta(minutes=5)

_MINUTE = timedelta(minutes=1)


def trigger_of(cron: str) -> CronTrigger:
    """Return what knows the due moments of a cron line. Raises ValueError for a line that is none.

    Kept, because reading a line takes longer than all that is asked of it.
    """
    found = _triggers.get(cron)
    if found is None:
        # Loaded by the first line that is read, not at each start.
        from apscheduler.triggers.cron import CronTrigger

        found = _triggers[cron] = CronTrigger.from_crontab(cron, timezone=LOCAL)
    return found


_triggers: dict[str, CronTrigger] = {}


def next_due(cron: str, after: datetime) -> datetime | None:
    """Return the first moment (aware, UTC) after `after` at which a cron line falls due, if any."""
    if not cron:
        return None
    found = trigger_of(cron).get_next_fire_time(None, after + timedelta(microseconds=1))
    return found.astimezone(UTC) if found else None


def newest_due(cron: str, after: datetime, until: datetime) -> datetime | None:
    """Return the newest moment in (after, until] at which a cron line falls due, None without one.

    Found by halving the time between, so it costs the same after a minute and after ten years.
    """
    first = next_due(cron, after)
    if first is None or first > until:
        return None
    # A moment lies after `low`, none after `high`; moments are whole minutes.
    low, high, newest = after, until, first
    while high - low > _MINUTE / 2:
        middle = low + (high - low) / 2
        found = next_due(cron, middle)
        if found is not None and found <= until:
            low, newest = found, found
        else:
            high = middle
    return newest


@dataclass(frozen=True)
class Passed:
    """Due moments that have come: the newest ones in order, and whether older ones are left out."""

    moments: tuple[datetime, ...] = ()
    has_more: bool = False


def passed(cron: str, after: datetime, until: datetime) -> Passed:
    """Return the newest due moments in (after, until]."""
    found: list[datetime] = []
    moment = newest_due(cron, after, until)
    while moment is not None and len(found) < MOST_LISTED:
        found.append(moment)
        moment = newest_due(cron, after, moment - timedelta(microseconds=1))
    return Passed(tuple(reversed(found)), has_more=moment is not None)


def start_delay(spec: JobSpec) -> timedelta:
    """Return how long after its due moments a job starts: its constant share of the jitter."""
    if not spec.jitter_seconds:
        return timedelta()
    return timedelta(seconds=zlib.crc32(spec.key.encode()) % (spec.jitter_seconds + 1))


def tolerance(spec: JobSpec) -> timedelta:
    """Return how old a due moment may be to be run at all."""
    if spec.missed is MissedPolicy.DECLARE:
        return ON_TIME
    return max(timedelta(seconds=spec.catch_up_seconds), ON_TIME)


@dataclass(frozen=True)
class Plan:
    """What a job's due moments come to: the one to run for, and those that are missed."""

    run_for: datetime | None = None
    missed: tuple[datetime, ...] = ()
    has_more: bool = False


def plan_for(spec: JobSpec, known: datetime | None, now: datetime) -> Plan:
    """Return what is to be done for a job whose newest due moment in the ledger is `known`.

    Late runs never fire together: of several moments that were slept through, one run catches up.
    A job that the ledger doesn't know yet owes nothing from before its tolerance.
    """
    until = now - start_delay(spec)
    oldest = until - tolerance(spec)
    if known is None:
        return Plan(run_for=newest_due(spec.cron, oldest, until))
    if known >= until:
        return Plan()
    slept = passed(spec.cron, known, until)
    if not slept.moments:
        return Plan()
    if slept.moments[-1] > oldest:
        return Plan(slept.moments[-1], slept.moments[:-1], slept.has_more)
    return Plan(None, slept.moments, slept.has_more)

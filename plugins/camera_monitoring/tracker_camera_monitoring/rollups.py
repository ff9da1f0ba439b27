"""A day of a camera in a few figures: how long it worked, how often and how long it did not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from tracker_camera_monitoring.outages import FAILING, Stretch
from tracker_camera_monitoring.probing import Health


@dataclass(frozen=True)
class DayFigures:
    """Seconds of one day by health; `outages` counts those that began or lasted in it."""

    up_seconds: int = 0
    fault_seconds: int = 0
    down_seconds: int = 0
    unknown_seconds: int = 0
    outages: int = 0
    longest_outage_seconds: int = 0

    @property
    def measured_seconds(self) -> int:
        """Return how long anybody knew how the camera stood: the denominator."""
        return self.up_seconds + self.fault_seconds + self.down_seconds

    @property
    def availability(self) -> Decimal | None:
        """Return the share of the measured time in which it worked, in percent; None of none."""
        return share(self.up_seconds, self.measured_seconds)


def share(part: int, whole: int) -> Decimal | None:
    """Return `part` of `whole` in percent, not rounded; None of nothing."""
    return Decimal(part) * 100 / Decimal(whole) if whole else None


def _within(one: Stretch, start: datetime, end: datetime) -> int:
    """Return how many whole seconds of a stretch lie in [start, end)."""
    first = max(one.began_at, start)
    last = min(one.ended_at or end, end)
    return max(0, int(last.timestamp()) - int(first.timestamp()))


def summarise(stretches: Sequence[Stretch], start: datetime, end: datetime) -> DayFigures:
    """Return the figures of [start, end) from stretches in any order.

    Stretches that follow each other without the camera working are one outage. Time in which
    nobody measured neither ends an outage nor makes it longer.
    """
    seconds = dict.fromkeys(Health, 0)
    outages = longest = lasting = 0
    for one in sorted(stretches, key=lambda stretch: stretch.began_at):
        length = _within(one, start, end)
        if not length:
            continue
        seconds[one.health] += length
        if one.health in FAILING:
            outages += not lasting
            lasting += length
            longest = max(longest, lasting)
        elif one.health is Health.UP:
            lasting = 0
    return DayFigures(
        up_seconds=seconds[Health.UP],
        fault_seconds=seconds[Health.FAULT],
        down_seconds=seconds[Health.DOWN],
        unknown_seconds=seconds[Health.UNKNOWN],
        outages=outages,
        longest_outage_seconds=longest,
    )


def total(days: Iterable[DayFigures]) -> DayFigures:
    """Return the figures of several days, or of several cameras, together."""
    up = fault = down = unknown = outages = longest = 0
    for one in days:
        up += one.up_seconds
        fault += one.fault_seconds
        down += one.down_seconds
        unknown += one.unknown_seconds
        outages += one.outages
        longest = max(longest, one.longest_outage_seconds)
    return DayFigures(up, fault, down, unknown, outages, longest)


def days_between(first: date, last: date) -> list[date]:
    """Return the days from `first` to `last`, both included."""
    return [date.fromordinal(one) for one in range(first.toordinal(), last.toordinal() + 1)]

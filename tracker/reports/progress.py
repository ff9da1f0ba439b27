"""How far the tasks of plans were on any day of the past, from one reading of their history.

The same counting as rule 'plan' in tracker.plans.figures (a test holds the two together), for many
days at once: a line through time would else ask one grouped query for each of its points.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import IntEnum
from typing import Final, NamedTuple

from tracker.core.numbers import percent
from tracker.plans.models import FOREVER


class Stand(IntEnum):
    """What one share of a task means for its task, for a time."""

    WITHDRAWN = 0
    OPEN = 1
    CLAIMED = 2
    DONE = 3
    REGULAR = 4


class Stretch(NamedTuple):
    """A share of a task from a day to a day (exclusive); `task` None is a task led by nobody.

    After `turns_on`, where there is one, it stands as `later` until its end.
    """

    task: int
    group: tuple[int, int | None]
    start: date
    end: date
    stand: int
    turns_on: date | None = None
    later: int = 0


@dataclass(frozen=True)
class Tally:
    """Tasks done, claimed and counted."""

    done: int = 0
    claimed: int = 0
    total: int = 0

    def __add__(self, other: Tally) -> Tally:
        """Return both together."""
        return Tally(self.done + other.done, self.claimed + other.claimed, self.total + other.total)

    @property
    def percent(self) -> Decimal | None:
        """Return the share done in percent, None for 0 of 0."""
        return percent(self.done, self.total)


Groups = Mapping[tuple[int, int | None], Tally]
NOTHING: Final = Tally()


def total(groups: Groups) -> Tally:
    """Return the sum over all groups."""
    return sum(groups.values(), NOTHING)


def on_days(stretches: Iterable[Stretch], days: Collection[date]) -> dict[date, Groups]:
    """Return for each day the tally of each group (plan, area) as of that day.

    Counted is a task with at least one share that is not withdrawn and none that is regular; done
    is one all of whose live shares are.
    """
    wanted = sorted(set(days))
    if not wanted:
        return {}
    last = wanted[-1]
    groups: dict[int, tuple[int, int | None]] = {}
    events: list[tuple[date, int, int, int]] = []
    for task, group, start, end, stand, turns_on, later in stretches:
        if start > last:
            continue
        groups[task] = group
        at_first, at_last = stand, stand
        if turns_on is not None and turns_on < end:
            at_last = later
            if turns_on <= start:
                at_first = later
            else:
                events += ((turns_on, task, stand, -1), (turns_on, task, later, 1))
        events.append((start, task, at_first, 1))
        if end <= last:
            events.append((end, task, at_last, -1))
    events.sort(key=lambda one: one[0])
    counts: dict[int, list[int]] = {task: [0] * len(Stand) for task in groups}
    sums: dict[tuple[int, int | None], list[int]] = {
        group: [0, 0, 0] for group in set(groups.values())
    }
    found: dict[date, Groups] = {}
    position = 0
    for day in wanted:
        touched: dict[int, tuple[bool, bool, bool]] = {}
        while position < len(events) and events[position][0] <= day:
            _day, task, stand, step = events[position]
            if task not in touched:
                touched[task] = _meaning(counts[task])
            counts[task][stand] += step
            position += 1
        for task, before in touched.items():
            after = _meaning(counts[task])
            if after != before:
                summed = sums[groups[task]]
                for number in range(3):
                    summed[number] += after[number] - before[number]
        found[day] = {group: Tally(*summed) for group, summed in sums.items() if summed[2]}
    return found


def _meaning(count: list[int]) -> tuple[bool, bool, bool]:
    """Return whether a task is done, claimed, counted."""
    done = count[Stand.DONE]
    claimed = done + count[Stand.CLAIMED]
    live = claimed + count[Stand.OPEN] + count[Stand.REGULAR]
    counted = live > 0 and not count[Stand.REGULAR]
    return counted and done == live, counted and claimed == live, counted


def unled(task: int, group: tuple[int, int | None], start: date, end: date | None) -> Stretch:
    """Return the stretch of a task that nobody leads: it still has to be done."""
    return Stretch(task, group, start, end or FOREVER, Stand.OPEN)


def weekly(start: date, end: date, most: int = 27) -> list[date]:
    """Return the ends of the weeks from `start` on, the last one cut at `end`.

    A window with more than `most` weeks is read every second, third ... week.
    """
    weeks = -(-((end - start).days + 1) // 7)
    step = -(-weeks // most)
    days = [start + timedelta(days=7 * number - 1) for number in range(step, weeks + 1, step)]
    days = [day for day in days if day < end]
    return [*days, end]

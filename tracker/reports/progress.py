"""How far the tasks of plans were on any day of the past, from one reading of their history.

The same counting as rule 'plan' in tracker.plans.figures (a test holds the two together), for many
days at once: a line through time would else ask one grouped query for each of its points.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import IntEnum
from typing import Final, NamedTuple

from tracker.core.numbers import percent


class Stand(IntEnum):
    """What one share of a task means for its task, for a time."""

    WITHDRAWN = 0
    OPEN = 1
    CLAIMED = 2
    DONE = 3
    REGULAR = 4


class Stretch(NamedTuple):
    """How a share of a task stood from a day to a day (exclusive).

    From `turns_on` on, where there is such a day, it stands as `later` until its end. Stretches
    of one share don't overlap; a task that nobody leads has one share, number 0.
    """

    task: int
    share: int
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


# What a task adds to (done, claimed, counted) when it has one share only.
_ALONE: Final[Mapping[int, tuple[int, int, int]]] = {
    Stand.WITHDRAWN: (0, 0, 0),
    Stand.OPEN: (0, 0, 1),
    Stand.CLAIMED: (0, 1, 1),
    Stand.DONE: (1, 1, 1),
    Stand.REGULAR: (0, 0, 0),
}


def on_days(stretches: Sequence[Stretch], days: Collection[date]) -> dict[date, Groups]:
    """Return for each day the tally of each group (plan, area) as of that day.

    Counted is a task with at least one share that is not withdrawn and none that is regular; done
    is one all of whose live shares are. The work grows with the stretches, not with the days.
    """
    wanted = sorted(set(days))
    places: dict[date, int] = {}

    def place(day: date) -> int:
        """Return the number of the first wanted day that is not before `day`."""
        found = places.get(day)
        if found is None:
            found = places[day] = bisect_left(wanted, day)
        return found

    only: dict[int, int | None] = {}
    for one in stretches:
        if only.setdefault(one.task, one.share) != one.share:
            only[one.task] = None
    steps: dict[tuple[int, int | None], list[list[int]]] = {}
    shared: dict[int, tuple[tuple[int, int | None], list[list[int]]]] = {}
    for task, _share, group, start, end, stand, turns_on, later in stretches:
        first, last = place(start), place(end)
        if first == last:
            continue
        turn = last if turns_on is None else min(max(place(turns_on), first), last)
        spans = (
            ((first, turn, stand), (turn, last, later)) if turn < last else ((first, last, stand),)
        )
        if only[task] is None:
            _group, counts = shared.setdefault(task, (group, [[0] * len(Stand) for _ in wanted]))
            for begin, end_place, stands in spans:
                for number in range(begin, end_place):
                    counts[number][stands] += 1
            continue
        step = steps.get(group)
        if step is None:
            step = steps[group] = _steps(len(wanted))
        for begin, end_place, stands in spans:
            if begin < end_place:
                _add(step, begin, end_place, _ALONE[stands])
    for group, counts in shared.values():
        step = steps.setdefault(group, _steps(len(wanted)))
        for number, count in enumerate(counts):
            _add(step, number, number + 1, _meaning(count))
    return _summed(steps, wanted)


def _steps(length: int) -> list[list[int]]:
    return [[0, 0, 0] for _ in range(length + 1)]


def _add(steps: list[list[int]], begin: int, end: int, values: tuple[int, int, int]) -> None:
    """Add values from one day to another as steps: up at the first, down at the last."""
    up, down = steps[begin], steps[end]
    for number, value in enumerate(values):
        if value:
            up[number] += value
            down[number] -= value


def _summed(
    steps: Mapping[tuple[int, int | None], list[list[int]]], wanted: Sequence[date]
) -> dict[date, Groups]:
    sums = {group: [0, 0, 0] for group in steps}
    found: dict[date, Groups] = {}
    for number, day in enumerate(wanted):
        for group, step in steps.items():
            summed = sums[group]
            for part in range(3):
                summed[part] += step[number][part]
        found[day] = {group: Tally(*summed) for group, summed in sums.items() if summed[2]}
    return found


def _meaning(count: Sequence[int]) -> tuple[int, int, int]:
    """Return what a task with several shares adds to (done, claimed, counted)."""
    done = count[Stand.DONE]
    claimed = done + count[Stand.CLAIMED]
    live = claimed + count[Stand.OPEN] + count[Stand.REGULAR]
    if not live or count[Stand.REGULAR]:
        return 0, 0, 0
    return int(done == live), int(claimed == live), 1


def weekly(start: date, end: date, most: int = 27) -> list[date]:
    """Return the ends of the weeks from `start` on, the last one cut at `end`.

    A window with more than `most` weeks is read every second, third ... week.
    """
    weeks = -(-((end - start).days + 1) // 7)
    step = -(-weeks // most)
    days = [start + timedelta(days=7 * number - 1) for number in range(step, weeks + 1, step)]
    days = [day for day in days if day < end]
    return [*days, end]

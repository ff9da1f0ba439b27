"""Who watches when, and where nobody does: gaps in the hours that have to be watched."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import time
from enum import StrEnum

HOURS = re.compile(r"^\s*(\d{1,2})[:hH](\d{2})\s*[-–]\s*(\d{1,2})[:hH](\d{2})\s*$")
DAY_MINUTES = 24 * 60


class HoursUnreadable(ValueError):
    """The text names no hours; carries the part that cannot be read."""

    def __init__(self, part: str) -> None:
        super().__init__(part)
        self.part = part


class Away(StrEnum):
    """Why somebody who is on the roster is not there to watch."""

    ON_LEAVE = "on_leave"
    LEFT = "left"
    MOVED = "moved"


@dataclass(frozen=True, order=True)
class Span:
    """A part of a day, in minutes from midnight; the end is not in it."""

    start: int
    end: int

    @property
    def minutes(self) -> int:
        """Return how long it is."""
        return self.end - self.start

    @property
    def starts_at(self) -> time:
        """Return when it begins."""
        return time(self.start // 60, self.start % 60)

    @property
    def ends_at(self) -> time:
        """Return when it ends; the last minute of the day where it ends with the day."""
        last = min(self.end, DAY_MINUTES - 1)
        return time(last // 60, last % 60)

    @property
    def words(self) -> str:
        """Return it as people write it: 07:30–11:30."""
        return "–".join(f"{one // 60:02}:{one % 60:02}" for one in (self.start, self.end))


def minutes_of(moment: time) -> int:
    """Return a time of day as minutes from midnight."""
    return moment.hour * 60 + moment.minute


def read_hours(words: str) -> tuple[Span, ...]:
    """Read '07:30-11:30, 13:30-17:00'; spans that touch are joined. Raises HoursUnreadable."""
    spans = []
    for part in re.split(r"[,;]", words):
        if not part.strip():
            continue
        found = HOURS.match(part)
        if found is None:
            raise HoursUnreadable(part.strip())
        start, end = (int(found[one]) * 60 + int(found[one + 1]) for one in (1, 3))
        minutes_fit = int(found[2]) < 60 and int(found[4]) < 60
        if not (minutes_fit and start < end <= DAY_MINUTES):
            raise HoursUnreadable(part.strip())
        spans.append(Span(start, end))
    return join(spans)


def join(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return the same minutes as few spans, in order."""
    joined: list[Span] = []
    for one in sorted(spans):
        if joined and one.start <= joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, one.end))
        elif one.end > one.start:
            joined.append(one)
    return tuple(joined)


def gaps(wanted: Sequence[Span], taken: Iterable[Span], shortest: int = 1) -> tuple[Span, ...]:
    """Return the parts of `wanted` that no span of `taken` covers, from `shortest` minutes on."""
    left: list[Span] = []
    filled = join(taken)
    for hours in join(wanted):
        start = hours.start
        for one in filled:
            if one.end <= start or one.start >= hours.end:
                continue
            if one.start > start:
                left.append(Span(start, one.start))
            start = max(start, one.end)
        if start < hours.end:
            left.append(Span(start, hours.end))
    return tuple(one for one in left if one.minutes >= shortest)


def covered_minutes(wanted: Sequence[Span], taken: Iterable[Span]) -> int:
    """Return how many minutes of `wanted` are covered."""
    hours = join(wanted)
    return sum(one.minutes for one in hours) - sum(one.minutes for one in gaps(hours, taken))

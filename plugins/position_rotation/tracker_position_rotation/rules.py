"""Who is due to change position: months held, the day it falls due, deferral and exemption.

Pure rules over dates of the local calendar. Sources: Law 36/2018/QH14 on preventing corruption,
articles 24 and 25 (posts, period of full two to five years by sector, published plan); decree
59/2019/ND-CP, article 36 and its list, as amended by decree 134/2021/ND-CP. How long a sector's
period is, which reasons defer, at which age the alerts begin and how near retirement exempts are
data of the agency; nothing of it stands here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

SHORTEST_PERIOD = 24
LONGEST_PERIOD = 60


def months_held(since: date, as_of: date) -> int:
    """Return the full months from `since` to `as_of`; none before it began.

    A month is full on the day of the month on which it began, or on the last day of a shorter one.
    """
    if as_of <= since:
        return 0
    months = (as_of.year - since.year) * 12 + as_of.month - since.month
    return months if as_of >= add_months(since, months) else months - 1


def add_months(day: date, months: int) -> date:
    """Return the day `months` later; the last day of the month where it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last))


@dataclass(frozen=True)
class Pause:
    """A reason not to move somebody now, from a day to its end (None = no end is known).

    `counts_out` says that the person is left out of the year's plan for good (an exemption, such
    as less than 18 months to retirement age); otherwise the move waits and comes back by itself.
    """

    start: date
    end: date | None
    counts_out: bool = False

    def holds_on(self, day: date) -> bool:
        """Tell whether the reason holds on `day`; its last day is included."""
        return self.start <= day and (self.end is None or day <= self.end)


class Standing(StrEnum):
    """How a person stands towards rotation on a day."""

    OUTSIDE = "outside"
    NOT_DUE = "not_due"
    SOON = "soon"
    DUE = "due"
    DEFERRED = "deferred"
    EXEMPT = "exempt"


@dataclass(frozen=True)
class Period:
    """The period of a position category in months, and from which age an alert begins."""

    months: int
    alert_months: int

    def __post_init__(self) -> None:
        if not SHORTEST_PERIOD <= self.months <= LONGEST_PERIOD:
            raise ValueError(f"a period is {SHORTEST_PERIOD} to {LONGEST_PERIOD} months")
        if not 0 <= self.alert_months <= self.months:
            raise ValueError("an alert begins before the period ends")


def due_by(since: date, period: Period) -> date:
    """Return the day on which the period is full."""
    return add_months(since, period.months)


def standing(
    since: date, period: Period | None, pauses: Iterable[Pause], as_of: date
) -> tuple[Standing, date | None]:
    """Return how a person stands on `as_of`, and the day that matters.

    That day is when the period is full; for a deferred person the last day of the deferral that
    ends last (None when one has no end), and for an exempt one None. A post outside every category
    is OUTSIDE. Only whoever is due or soon due can be deferred or exempt: before that, a reason
    changes nothing.
    """
    if period is None:
        return Standing.OUTSIDE, None
    due = due_by(since, period)
    if as_of < since or months_held(since, as_of) < period.alert_months:
        return Standing.NOT_DUE, due
    holding = [pause for pause in pauses if pause.holds_on(as_of)]
    if any(pause.counts_out for pause in holding):
        return Standing.EXEMPT, None
    if holding:
        ends = [pause.end for pause in holding]
        known = [end for end in ends if end is not None]
        return Standing.DEFERRED, max(known) if len(known) == len(ends) else None
    return (Standing.DUE if as_of >= due else Standing.SOON), due


def earliest_move(
    since: date, shortest_months: int, pauses: Sequence[Pause], not_before: date
) -> date | None:
    """Return the first day from `not_before` on which a person may move; None when never.

    Nobody moves before the shortest time in a post is full, nor while a reason to wait holds.
    """
    day = max(not_before, add_months(since, shortest_months))
    for pause in sorted(pauses, key=lambda one: one.start):
        if pause.holds_on(day):
            if pause.end is None:
                return None
            day = pause.end + timedelta(days=1)
    return day


def retires_soon(retires_on: date | None, as_of: date, months: int) -> bool:
    """Tell whether fewer than `months` full months are left to retirement age.

    Who is that near is not rotated (decree 59/2019/ND-CP: less than 18 months). Somebody past the
    age counts too: a post that is still held then is not a matter of rotation.
    """
    return retires_on is not None and months > 0 and retires_on < add_months(as_of, months)


def exempt_from(retires_on: date, months: int) -> date:
    """Return the first day on which `retires_soon` holds, for `months` of at least 1."""
    return last_start(retires_on, months) + timedelta(days=1)


def last_start(as_of: date, months: int) -> date:
    """Return the last day on which a time may have begun that is `months` full on `as_of`.

    The twin of `months_held` for a query: `since <= last_start(as_of, m)` exactly when
    `months_held(since, as_of) >= m`, for m of at least 1.
    """
    back = add_months(as_of, -months)
    is_month_end = add_months(as_of.replace(day=1), 1) - timedelta(days=1) == as_of
    return add_months(back.replace(day=1), 1) - timedelta(days=1) if is_month_end else back

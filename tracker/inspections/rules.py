"""Rules of inspections without a database: windows, states, what is late, words of rules."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date

from tracker.inspections.models import FindingState

REPEAT_MONTHS = 24
# Within how many days of a visit its conclusion is to be announced, unless set otherwise.
NOTICE_DAYS = 10
REMEDY_DAYS = 15
SOON_DAYS = 15


def months_before(day: date, months: int) -> date:
    """Return the same day `months` earlier, or that month's last day if it is shorter."""
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    if year < 1:
        return date.min
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def month_range(year: int, first: int, last: int) -> tuple[date, date]:
    """Return the first day of month `first` and the last day of month `last`.

    Raises ValueError for months outside 1 to 12, or in the wrong order.
    """
    if not 1 <= first <= last <= 12:
        raise ValueError("months run from 1 to 12, the first before the last")
    return date(year, first, 1), date(year, last, monthrange(year, last)[1])


def is_overdue(state: FindingState, remedy_due_on: date | None, today: date) -> bool:
    """Tell whether the unit is late: nothing reported, and the last day has passed.

    A remedy that waits for its verification is not the unit's delay.
    """
    return state is FindingState.OPEN and remedy_due_on is not None and remedy_due_on < today


def due_tone(state: FindingState, remedy_due_on: date | None, today: date) -> str:
    """Return the tone in which a finding's deadline is shown."""
    if state in {FindingState.VERIFIED, FindingState.CLOSED}:
        return "done"
    if state is FindingState.REMEDIED:
        return "wait"
    if remedy_due_on is None:
        return "quiet"
    if remedy_due_on < today:
        return "late"
    return "soon" if (remedy_due_on - today).days <= 7 else "quiet"


@dataclass(frozen=True)
class Progress:
    """How many items have an answer, and of those how many fail."""

    answered: int
    total: int
    failed: int = 0

    @property
    def is_complete(self) -> bool:
        """Tell whether every item has an answer."""
        return self.answered == self.total

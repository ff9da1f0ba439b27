"""Count working days by the rules in force: weekends, holidays, swapped Saturdays.

Which days those are is decided by the Government each year, so they are data: rows of a table
become ``DayRule`` values, and ``WorkingCalendar`` does arithmetic over them. Saturday and Sunday
are off unless a rule says otherwise. All days are local dates.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

DayKind = Literal["holiday", "swap_off", "swap_work"]
"""A holiday; a working day given off and made up for; the day off on which it is made up for."""

_SATURDAY = 6


@dataclass(frozen=True)
class DayRule:
    """One day that differs from its weekday's habit.

    ``name`` is for people to read; ``decision`` is the document that ordered it, or empty.
    Raises ``ValueError`` for an unknown kind.
    """

    day: date
    kind: DayKind
    name: str
    decision: str = ""

    def __post_init__(self) -> None:
        if self.kind not in get_args(DayKind):
            raise ValueError(f"unknown kind of day: {self.kind!r}")


class WorkingCalendar:
    """Arithmetic on working days.

    The cost of each question grows with the logarithm of the number of rules, not with the
    number of days between.
    """

    def __init__(self, rules: Iterable[DayRule]) -> None:
        """Take the rules in any order.

        Raises ``ValueError`` if one day has two rules that contradict each other.
        """
        self._rules: dict[date, DayRule] = {}
        for rule in rules:
            other = self._rules.setdefault(rule.day, rule)
            if (other.kind == "swap_work") != (rule.kind == "swap_work"):
                raise ValueError(f"{rule.day} can't be both a working day and a day off")
        # Only what differs from the weekday's habit counts: a holiday on a Sunday doesn't.
        self._off = sorted(
            day.toordinal()
            for day, rule in self._rules.items()
            if rule.kind != "swap_work" and day.isoweekday() < _SATURDAY
        )
        self._worked = sorted(
            day.toordinal()
            for day, rule in self._rules.items()
            if rule.kind == "swap_work" and day.isoweekday() >= _SATURDAY
        )
        self.years = frozenset(day.year for day in self._rules)
        """The years that any rule speaks of; the holidays of others are not known."""

    def rule_on(self, day: date) -> DayRule | None:
        """Return the rule for ``day``, which tells why it is off or worked, if there is one."""
        return self._rules.get(day)

    def is_working(self, day: date) -> bool:
        """Return whether offices work on ``day``."""
        rule = self._rules.get(day)
        return day.isoweekday() < _SATURDAY if rule is None else rule.kind == "swap_work"

    def working_days_between(self, start: date, end: date) -> int:
        """Return the number of working days ``d`` with ``start <= d < end``.

        Negative if ``end`` comes before ``start``: the same days counted backwards.
        """
        return self._before(end.toordinal()) - self._before(start.toordinal())

    def add_working_days(self, day: date, n: int) -> date:
        """Return the ``n``-th working day after ``day``, or before it if ``n`` is negative.

        ``day`` itself is not counted and may be a day off; with ``n`` = 0 it is returned as it
        is. Raises ``OverflowError`` if the result lies outside the years 1 to 9999.
        """
        if n == 0:
            return day
        start = day.toordinal()
        # The working day wanted is number ``wanted``, counted from 0, of all since year 1.
        wanted = self._before(start + 1) + n - 1 if n > 0 else self._before(start) + n
        if not 0 <= wanted < self._before(date.max.toordinal() + 1):
            raise OverflowError(f"{n} working days from {day} is outside the calendar")
        low, high = date.min.toordinal(), date.max.toordinal()
        while low < high:
            middle = (low + high) // 2
            if self._before(middle + 1) > wanted:
                high = middle
            else:
                low = middle + 1
        return date.fromordinal(low)

    def last_working_day_before(self, day: date) -> date:
        """Return the last working day before ``day``, never ``day`` itself."""
        return self.add_working_days(day, -1)

    def next_working_day(self, day: date) -> date:
        """Return the first working day after ``day``, never ``day`` itself."""
        return self.add_working_days(day, 1)

    def working_day_from(self, day: date) -> date:
        """Return ``day`` if it is a working day, else the next one."""
        return day if self.is_working(day) else self.next_working_day(day)

    def _before(self, ordinal: int) -> int:
        """Count the working days before the day of that ordinal; 1 January of year 1 is 1."""
        weeks, rest = divmod(ordinal - 1, 7)  # day 1 was a Monday
        habit = 5 * weeks + min(rest, 5)
        return habit - bisect_left(self._off, ordinal) + bisect_left(self._worked, ordinal)

"""Deadlines as data: their kinds, recurrence rules, and due dates that wait for a trigger.

All days are local dates. Everything is computed by arithmetic from the window that is asked
for, so neither a rule nor a date from 1900 can make it walk through the years.
"""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, Literal

from tracker.core.calendar import WorkingCalendar

MAX_OCCURRENCES: Final = 400
"""More in one answer is a mistake: a daily report for over a year."""

MAX_DATES: Final = 60
"""More dates in one yearly list are not a rule."""

MAX_OFFSET_DAYS: Final = 3660
"""A due date further from its trigger than ten years is a typing error."""

Last = Literal["last"]


class DeadlineKind(StrEnum):
    """How a task is due."""

    DATE = "date"
    """On one day."""
    WINDOW = "window"
    """Within a window, due on its last day."""
    RECURRING = "recurring"
    """Once per occurrence of a rule."""
    OPEN_ENDED = "open_ended"
    """Regular work ("thường xuyên") without a due date."""
    CONDITIONAL = "conditional"
    """Some days after a trigger that is yet to come."""
    ASK = "ask"
    """Nobody can tell from the words; a person has to be asked."""


class Frequency(StrEnum):
    """The period in which an occurrence comes once."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    HALF_YEARLY = "half_yearly"
    YEARLY = "yearly"
    DATES = "dates"
    """On each of a list of days of the year."""


class OffsetUnit(StrEnum):
    """What the days after a trigger are."""

    CALENDAR = "calendar"
    WORKING = "working"


class InvalidRecurrence(ValueError):
    """A recurrence rule can't be; ``field`` names the part at fault."""

    def __init__(self, field: str, reason: str) -> None:
        """Keep the field and the reason, in English for logs."""
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class TooManyOccurrences(ValueError):
    """A window holds more occurrences of a rule than ``MAX_OCCURRENCES``."""


_MONTHS_IN: Final = {
    Frequency.MONTHLY: 1,
    Frequency.QUARTERLY: 3,
    Frequency.HALF_YEARLY: 6,
    Frequency.YEARLY: 12,
}
_LONGEST_MONTH: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SHORT_YEAR: Final = 2001


@dataclass(frozen=True)
class RecurrenceRule:
    """When a recurring task comes due.

    - weekly: ``weekday``, 1 for Monday to 7 for Sunday ("thứ Tư hằng tuần" is 3);
    - monthly: ``day``, 1 to 31 or ``"last"``;
    - quarterly, half-yearly, yearly: ``month`` counted within the period (1 to 3, 6 or 12) and
      ``day`` ("ngày 20 tháng cuối quý" is month 3, day 20);
    - dates: ``dates``, pairs of month and day ("tháng 3, 6, 9, 12" is their last days).

    A day that a month lacks means its last: 31 is 30 in April, 29/2 is 28/2. Parts that a
    frequency does not use stay None. Raises ``InvalidRecurrence``.
    """

    freq: Frequency
    weekday: int | None = None
    month: int | None = None
    day: int | Last | None = None
    dates: tuple[tuple[int, int | Last], ...] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.freq, Frequency):
            raise InvalidRecurrence("freq", f"unknown frequency {self.freq!r}")
        used = _PARTS[self.freq]
        for field in ("weekday", "month", "day", "dates"):
            present = getattr(self, field) is not None
            if present != (field in used):
                reason = "is not used" if present else "is missing"
                raise InvalidRecurrence(field, f"{reason} in a {self.freq} rule")
        if self.weekday is not None:
            _require_number("weekday", self.weekday, 7)
        if self.month is not None:
            _require_number("month", self.month, _MONTHS_IN[self.freq])
        if self.day is not None:
            yearly = self.freq is Frequency.YEARLY and self.month is not None
            longest = _LONGEST_MONTH[self.month - 1] if yearly and self.month else 31
            _require_day("day", self.day, longest)
        if self.dates is not None:
            self._check_dates(self.dates)

    @staticmethod
    def _check_dates(dates: tuple[tuple[int, int | Last], ...]) -> None:
        if not isinstance(dates, tuple) or not 1 <= len(dates) <= MAX_DATES:
            raise InvalidRecurrence("dates", f"needs 1 to {MAX_DATES} pairs of month and day")
        for pair in dates:
            if not isinstance(pair, tuple) or len(pair) != 2:
                raise InvalidRecurrence("dates", f"not a pair of month and day: {pair!r}")
            _require_number("dates", pair[0], 12)
            _require_day("dates", pair[1], _LONGEST_MONTH[pair[0] - 1])
        if len({_resolve(_SHORT_YEAR, month - 1, day) for month, day in dates}) < len(dates):
            raise InvalidRecurrence("dates", "names a day twice")

    def to_json(self) -> dict[str, object]:
        """Return the rule as plain values for a JSON column: ``{"freq": "monthly", "day": 5}``.

        Only parts in use are there; ``dates`` is a list of ``[month, day]``.
        """
        plain: dict[str, object] = {"freq": self.freq.value}
        for field in _PARTS[self.freq]:
            plain[field] = getattr(self, field)
        if self.dates is not None:
            plain["dates"] = [list(pair) for pair in self.dates]
        return plain

    @classmethod
    def from_json(cls, plain: object) -> "RecurrenceRule":
        """Return the rule that ``to_json`` wrote.

        Raises ``InvalidRecurrence`` for anything else: unknown keys, wrong types, values out of
        range, parts that the frequency does not use.
        """
        if not isinstance(plain, Mapping):
            raise InvalidRecurrence("rule", "is not an object")
        unknown = sorted(map(str, plain.keys() - {field.name for field in fields(cls)}))
        if unknown:
            raise InvalidRecurrence(unknown[0][:60], "is not a part of a rule")
        parts = dict(plain)
        freq = parts.pop("freq", None)
        if not isinstance(freq, str) or freq not in set(Frequency):
            raise InvalidRecurrence("freq", f"unknown frequency {str(freq)[:60]!r}")
        if any(value is None for value in parts.values()):
            raise InvalidRecurrence("rule", "leaves out what it does not use")
        dates = parts.pop("dates", None)
        if dates is not None:
            if not isinstance(dates, list) or len(dates) > MAX_DATES:
                raise InvalidRecurrence("dates", f"needs 1 to {MAX_DATES} pairs of month and day")
            dates = tuple(tuple(pair) if isinstance(pair, list) else pair for pair in dates)
        return cls(Frequency(freq), dates=dates, **parts)


_PARTS: Final[dict[Frequency, tuple[str, ...]]] = {
    Frequency.WEEKLY: ("weekday",),
    Frequency.MONTHLY: ("day",),
    Frequency.QUARTERLY: ("month", "day"),
    Frequency.HALF_YEARLY: ("month", "day"),
    Frequency.YEARLY: ("month", "day"),
    Frequency.DATES: ("dates",),
}


def occurrences(rule: RecurrenceRule, start: date, end: date) -> list[date]:
    """Return the days of ``rule`` from ``start`` to ``end``, both included, in order, each once.

    Empty if ``end`` comes before ``start``. Raises ``TooManyOccurrences`` if there are more than
    ``MAX_OCCURRENCES``, before making any of them.
    """
    if end < start:
        return []
    if rule.freq is Frequency.WEEKLY:
        return _weekly(rule, start, end)
    length, pattern = _pattern(rule)
    first, last = ((12 * day.year + day.month - 1) // length for day in (start, end))
    # All but the first and the last period lie wholly in the window.
    _require_few((last - first - 1) * len(pattern), start, end)
    days = sorted(
        _resolve(*divmod(period * length + month - 1, 12), day)
        for period in range(first, last + 1)
        for month, day in pattern
    )
    days = [day for day in days if start <= day <= end]
    _require_few(len(days), start, end)
    return days


def next_occurrence(rule: RecurrenceRule, after: date) -> date | None:
    """Return the first day of ``rule`` after ``after``; None if the calendar ends before it."""
    if after == date.max:
        return None
    days_left = (date.max - after).days
    # Every rule comes at least once in a year and a day.
    end = after + timedelta(days=min(days_left, 367))
    found = occurrences(rule, after + timedelta(days=1), end)
    return found[0] if found else None


def due_from_trigger(
    trigger: date, offset: int, unit: OffsetUnit, calendar: WorkingCalendar
) -> date:
    """Return the due date ``offset`` days after ``trigger``; the trigger's day is not counted.

    "Trong 05 ngày làm việc kể từ ngày nhận" is 5 working days; calendar days may end on a day
    off, and the date is kept. A negative offset counts backwards. Raises ``ValueError`` beyond
    ``MAX_OFFSET_DAYS``, and ``OverflowError`` outside the years 1 to 9999.
    """
    if abs(offset) > MAX_OFFSET_DAYS:
        raise ValueError(f"{offset} days is more than {MAX_OFFSET_DAYS}")
    if unit is OffsetUnit.WORKING:
        return calendar.add_working_days(trigger, offset)
    return trigger + timedelta(days=offset)


def _weekly(rule: RecurrenceRule, start: date, end: date) -> list[date]:
    assert rule.weekday is not None  # the rule has checked it
    wait = (rule.weekday - start.isoweekday()) % 7
    number = ((end - start).days - wait) // 7 + 1
    _require_few(number, start, end)
    return [start + timedelta(days=wait + 7 * week) for week in range(number)]


def _pattern(rule: RecurrenceRule) -> tuple[int, tuple[tuple[int, int | Last], ...]]:
    """Return the months in a period, and (month in the period, day) of each occurrence in it."""
    if rule.dates is not None:
        return 12, rule.dates
    assert rule.day is not None
    return _MONTHS_IN[rule.freq], ((rule.month or 1, rule.day),)


def _resolve(year: int, month_index: int, day: int | Last) -> date:
    """Return the day of a month, counted from 0, or its last day if it is shorter."""
    longest = monthrange(year, month_index + 1)[1]
    return date(year, month_index + 1, longest if day == "last" else min(day, longest))


def _require_few(number: int, start: date, end: date) -> None:
    if number > MAX_OCCURRENCES:
        raise TooManyOccurrences(f"{number} occurrences from {start} to {end}")


def _require_number(field: str, value: object, most: int) -> None:
    # bool is an int to Python, but true is no month.
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise InvalidRecurrence(field, f"not a whole number from 1 to {most}")


def _require_day(field: str, value: object, longest: int) -> None:
    if value != "last":
        _require_number(field, value, longest)

"""Recurrence rules and triggered due dates: strict as data, cheap whatever they say."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.days_2026 import DAYS_2026
from tracker.core.calendar import WorkingCalendar
from tracker.core.deadlines import (
    MAX_OCCURRENCES,
    DeadlineKind,
    Frequency,
    InvalidRecurrence,
    OffsetUnit,
    RecurrenceRule,
    TooManyOccurrences,
    due_from_trigger,
    next_occurrence,
    occurrences,
)

CALENDAR = WorkingCalendar(DAYS_2026)
YEAR = (date(2026, 1, 1), date(2026, 12, 31))
PERIODS = {
    Frequency.MONTHLY: 1,
    Frequency.QUARTERLY: 3,
    Frequency.HALF_YEARLY: 6,
    Frequency.YEARLY: 12,
}
LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@st.composite
def rules(draw: st.DrawFn) -> RecurrenceRule:
    freq = draw(st.sampled_from(list(Frequency)))
    if freq is Frequency.WEEKLY:
        return RecurrenceRule(freq, weekday=draw(st.integers(1, 7)))
    if freq is Frequency.DATES:
        months = draw(st.lists(st.integers(1, 12), min_size=1, max_size=8, unique=True))
        return RecurrenceRule(freq, dates=tuple((m, draw(days(LENGTHS[m - 1]))) for m in months))
    if freq is Frequency.MONTHLY:
        return RecurrenceRule(freq, day=draw(days(31)))
    month = draw(st.integers(1, PERIODS[freq]))
    longest = LENGTHS[month - 1] if freq is Frequency.YEARLY else 31
    return RecurrenceRule(freq, month=month, day=draw(days(longest)))


def days(longest: int) -> st.SearchStrategy[Any]:
    return st.integers(1, longest) | st.just("last")


def naive_is_due(rule: RecurrenceRule, day: date) -> bool:
    """The rule's words, asked of one day."""
    if rule.freq is Frequency.WEEKLY:
        return day.isoweekday() == rule.weekday
    if rule.dates is not None:
        return any(day.month == m and is_day(day, wanted) for m, wanted in rule.dates)
    month = (day.month - 1) % PERIODS[rule.freq] + 1
    return month == (rule.month or 1) and is_day(day, rule.day)


def is_day(day: date, wanted: int | str | None) -> bool:
    is_last = (day + timedelta(days=1)).day == 1
    if isinstance(wanted, int):
        return day.day == wanted or (is_last and day.day < wanted)
    return is_last


def all_days(start: date, end: date) -> list[date]:
    return [start + timedelta(days=n) for n in range((end - start).days + 1)]


@given(rules(), st.dates(date(2023, 1, 1), date(2029, 1, 1)), st.integers(-5, 900))
def test_occurrences_agree_with_asking_every_day(
    rule: RecurrenceRule, start: date, length: int
) -> None:
    end = start + timedelta(days=length)
    expected = [day for day in all_days(start, end) if naive_is_due(rule, day)]
    assert occurrences(rule, start, end) == expected


@given(rules(), st.dates(date(2023, 1, 1), date(2029, 1, 1)))
def test_next_occurrence_is_the_first_after(rule: RecurrenceRule, after: date) -> None:
    following = next_occurrence(rule, after)
    assert following is not None
    assert following > after
    assert occurrences(rule, after + timedelta(days=1), following) == [following]


@given(rules())
def test_rules_survive_json(rule: RecurrenceRule) -> None:
    assert RecurrenceRule.from_json(json.loads(json.dumps(rule.to_json()))) == rule


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        # Tháng 3, 6, 9, 12
        (
            {"freq": "dates", "dates": [[3, "last"], [6, "last"], [9, "last"], [12, "last"]]},
            [(3, 31), (6, 30), (9, 30), (12, 31)],
        ),
        ({"freq": "quarterly", "month": 3, "day": "last"}, [(3, 31), (6, 30), (9, 30), (12, 31)]),
        # Chậm nhất ngày 20 của tháng cuối kỳ báo cáo
        ({"freq": "quarterly", "month": 3, "day": 20}, [(3, 20), (6, 20), (9, 20), (12, 20)]),
        # Trước ngày 05 hằng tháng
        ({"freq": "monthly", "day": 4}, [(month, 4) for month in range(1, 13)]),
        # 02 lần/năm; 6 tháng một lần
        ({"freq": "half_yearly", "month": 6, "day": "last"}, [(6, 30), (12, 31)]),
        # Hằng năm
        ({"freq": "yearly", "month": 12, "day": 31}, [(12, 31)]),
        # 2 đợt: đợt 1 tháng 5, đợt 2 tháng 10
        ({"freq": "dates", "dates": [[10, "last"], [5, "last"]]}, [(5, 31), (10, 31)]),
        ({"freq": "yearly", "month": 2, "day": 29}, [(2, 28)]),
    ],
)
def test_phrases_of_plans_can_be_said(
    plain: dict[str, object], expected: list[tuple[int, int]]
) -> None:
    rule = RecurrenceRule.from_json(plain)
    assert occurrences(rule, *YEAR) == [date(2026, month, day) for month, day in expected]


def test_every_wednesday_of_2026() -> None:
    found = occurrences(RecurrenceRule(Frequency.WEEKLY, weekday=3), *YEAR)
    assert (found[0], found[-1], len(found)) == (date(2026, 1, 7), date(2026, 12, 30), 52)


@pytest.mark.parametrize(
    ("plain", "field"),
    [
        (None, "rule"),
        ([], "rule"),
        ({}, "freq"),
        ({"freq": "daily"}, "freq"),
        ({"freq": ["weekly"]}, "freq"),
        ({"freq": "weekly"}, "weekday"),
        ({"freq": "weekly", "weekday": 0}, "weekday"),
        ({"freq": "weekly", "weekday": 8}, "weekday"),
        ({"freq": "weekly", "weekday": True}, "weekday"),
        ({"freq": "weekly", "weekday": 3.0}, "weekday"),
        ({"freq": "weekly", "weekday": "3"}, "weekday"),
        ({"freq": "weekly", "weekday": 3, "day": 1}, "day"),
        ({"freq": "weekly", "weekday": 3, "interval": 2}, "interval"),
        ({"freq": "weekly", "weekday": 3, "day": None}, "rule"),
        ({"freq": "monthly", "day": 32}, "day"),
        ({"freq": "monthly", "day": "first"}, "day"),
        ({"freq": "monthly", "day": [1]}, "day"),
        ({"freq": "quarterly", "day": 1}, "month"),
        ({"freq": "quarterly", "month": 4, "day": 1}, "month"),
        ({"freq": "yearly", "month": 9, "day": 31}, "day"),
        ({"freq": "dates", "dates": []}, "dates"),
        ({"freq": "dates", "dates": "last"}, "dates"),
        ({"freq": "dates", "dates": [[1]]}, "dates"),
        ({"freq": "dates", "dates": [5]}, "dates"),
        ({"freq": "dates", "dates": [[2, 30]]}, "dates"),
        ({"freq": "dates", "dates": [[13, 1]]}, "dates"),
        ({"freq": "dates", "dates": [[[], 1]]}, "dates"),
        ({"freq": "dates", "dates": [[2, 28], [2, "last"]]}, "dates"),
        ({"freq": "dates", "dates": [[1, 1]] * 100_000}, "dates"),
    ],
)
def test_other_json_is_refused(plain: object, field: str) -> None:
    with pytest.raises(InvalidRecurrence) as caught:
        RecurrenceRule.from_json(plain)
    assert caught.value.field == field


@pytest.mark.parametrize("plain", [{"freq": "weekly", "weekday": 3}, {"freq": "monthly", "day": 1}])
def test_window_from_1900_is_refused_before_any_work(
    plain: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """CVE-2026-35599: a task repeating since 1900 kept a server busy. Here no day is made."""
    rule = RecurrenceRule.from_json(plain)

    def refuse(*args: object) -> None:
        raise AssertionError("a day was computed")

    monkeypatch.setattr("tracker.core.deadlines._resolve", refuse)
    monkeypatch.setattr("tracker.core.deadlines.timedelta", refuse)
    with pytest.raises(TooManyOccurrences):
        occurrences(rule, date(1900, 1, 1), date(2026, 12, 31))


def test_advancing_from_1900_makes_few_days(monkeypatch: pytest.MonkeyPatch) -> None:
    """CVE-2026-35599: the next date is computed, not reached by repeating the rule."""
    made: list[date] = []
    from tracker.core import deadlines

    resolve = deadlines._resolve

    def counting(year: int, month_index: int, day: Any) -> date:
        made.append(resolve(year, month_index, day))
        return made[-1]

    monkeypatch.setattr(deadlines, "_resolve", counting)
    rule = RecurrenceRule(Frequency.MONTHLY, day=31)
    assert next_occurrence(rule, date(1900, 1, 31)) == date(1900, 2, 28)
    assert occurrences(rule, date(2026, 4, 1), date(2026, 4, 30)) == [date(2026, 4, 30)]
    assert len(made) < 20


def test_limit_is_exact() -> None:
    rule, start = RecurrenceRule(Frequency.WEEKLY, weekday=1), date(2024, 1, 1)
    assert start.isoweekday() == 1
    end = start + timedelta(weeks=MAX_OCCURRENCES - 1)
    assert len(occurrences(rule, start, end)) == MAX_OCCURRENCES
    with pytest.raises(TooManyOccurrences):
        occurrences(rule, start, end + timedelta(weeks=1))
    yearly = RecurrenceRule(Frequency.YEARLY, month=1, day=1)
    assert len(occurrences(yearly, date(1601, 1, 1), date(2000, 1, 1))) == MAX_OCCURRENCES
    with pytest.raises(TooManyOccurrences):
        occurrences(yearly, date(1600, 1, 1), date(2000, 1, 1))


def test_ends_of_the_calendar() -> None:
    rule = RecurrenceRule(Frequency.MONTHLY, day="last")
    assert occurrences(rule, date.max, date.max) == [date.max]
    assert next_occurrence(rule, date.max) is None
    assert next_occurrence(rule, date.max - timedelta(days=1)) == date.max
    assert next_occurrence(RecurrenceRule(Frequency.MONTHLY, day=1), date(9999, 12, 1)) is None
    assert occurrences(rule, date.min, date(1, 1, 31)) == [date(1, 1, 31)]


def test_due_from_trigger() -> None:
    friday = date(2026, 2, 13)  # the last working day before Tết
    assert due_from_trigger(friday, 5, OffsetUnit.CALENDAR, CALENDAR) == date(2026, 2, 18)
    assert due_from_trigger(friday, 5, OffsetUnit.WORKING, CALENDAR) == date(2026, 2, 27)
    assert due_from_trigger(friday, -1, OffsetUnit.WORKING, CALENDAR) == date(2026, 2, 12)
    assert due_from_trigger(friday, 0, OffsetUnit.WORKING, CALENDAR) == friday
    for unit in OffsetUnit:
        with pytest.raises(ValueError, match="more than"):
            due_from_trigger(friday, 10**9, unit, CALENDAR)


def test_stored_names_do_not_change() -> None:
    assert [kind.value for kind in DeadlineKind] == [
        "date",
        "window",
        "recurring",
        "open_ended",
        "conditional",
        "ask",
    ]

"""Working days, against a naive loop and against the calendar of 2026."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.days_2026 import DAYS_2026
from tracker.core.calendar import DayKind, DayRule, WorkingCalendar

DAY = timedelta(days=1)
DAYS = st.dates(date(2025, 11, 1), date(2026, 12, 31))
KINDS = st.sampled_from(["holiday", "swap_off", "swap_work"])
RULES = st.dictionaries(DAYS, KINDS, max_size=60).map(
    lambda kinds: [DayRule(day, kind, "") for day, kind in kinds.items()]
)

SEED = WorkingCalendar(DAYS_2026)


def naive_is_working(rules: list[DayRule], day: date) -> bool:
    for rule in rules:
        if rule.day == day:
            return rule.kind == "swap_work"
    return day.weekday() < 5


@given(RULES, DAYS, DAYS)
def test_between_agrees_with_counting(rules: list[DayRule], start: date, end: date) -> None:
    calendar = WorkingCalendar(rules)
    count, day = 0, min(start, end)
    while day < max(start, end):
        count += naive_is_working(rules, day)
        assert calendar.is_working(day) == naive_is_working(rules, day)
        day += DAY
    assert calendar.working_days_between(start, end) == (count if start <= end else -count)


@given(RULES, DAYS, st.integers(-60, 60))
def test_add_agrees_with_walking(rules: list[DayRule], start: date, n: int) -> None:
    step, left, day = (DAY if n > 0 else -DAY), abs(n), start
    while left:
        day += step
        left -= naive_is_working(rules, day)
    assert WorkingCalendar(rules).add_working_days(start, n) == day


@given(RULES, DAYS)
def test_neighbours_are_working_days(rules: list[DayRule], day: date) -> None:
    calendar = WorkingCalendar(rules)
    before, after = calendar.last_working_day_before(day), calendar.next_working_day(day)
    assert before < day < after
    assert calendar.is_working(before)
    assert calendar.is_working(after)
    assert calendar.working_days_between(before, after) == 1 + calendar.is_working(day)
    assert calendar.working_day_from(day) == (day if calendar.is_working(day) else after)


def test_long_ranges_need_no_walk() -> None:
    far = SEED.add_working_days(date(1900, 1, 1), 500_000)
    assert SEED.working_days_between(date(1900, 1, 2), far) == 499_999
    assert SEED.add_working_days(far, -500_000) == date(1900, 1, 1)


@pytest.mark.parametrize(("day", "n"), [(date.max, 1), (date.min, -1), (date.min, 10**12)])
def test_add_beyond_the_calendar_is_refused(day: date, n: int) -> None:
    with pytest.raises(OverflowError, match="outside"):
        SEED.add_working_days(day, n)


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2026, 1, 2), False),  # a Friday, given off
        (date(2026, 1, 10), True),  # a Saturday, made up for
        (date(2026, 2, 13), True),
        (date(2026, 2, 16), False),
        (date(2026, 2, 20), False),
        (date(2026, 2, 23), True),
        (date(2026, 4, 27), False),
        (date(2026, 8, 22), True),
        (date(2026, 8, 31), False),
        (date(2026, 11, 24), False),  # a Tuesday, new in 2026
        (date(2026, 12, 20), False),  # a Sunday
    ],
)
def test_seed_knows_2026(day: date, works: bool) -> None:
    assert SEED.is_working(day) is works


def test_seed_before_and_after_tet() -> None:
    assert SEED.last_working_day_before(date(2026, 2, 14)) == date(2026, 2, 13)
    assert SEED.next_working_day(date(2026, 2, 13)) == date(2026, 2, 23)
    assert SEED.working_days_between(date(2026, 2, 14), date(2026, 2, 23)) == 0
    assert SEED.years == {2026}


def test_seed_is_in_order_and_names_its_decisions() -> None:
    days = [rule.day for rule in DAYS_2026]
    assert days == sorted(set(days))
    assert all(rule.name for rule in DAYS_2026)
    culture_day = SEED.rule_on(date(2026, 11, 24))
    assert culture_day is not None
    assert culture_day.decision == "Nghị quyết 28/2026/QH16"
    assert SEED.rule_on(date(2026, 11, 23)) is None


def test_seed_makes_up_for_every_swapped_day() -> None:
    kinds: list[DayKind] = [rule.kind for rule in DAYS_2026]
    assert kinds.count("swap_off") == kinds.count("swap_work") == 2


def test_contradicting_rules_are_refused() -> None:
    day = date(2026, 1, 10)
    with pytest.raises(ValueError, match="both"):
        WorkingCalendar([DayRule(day, "swap_work", ""), DayRule(day, "holiday", "")])
    assert not WorkingCalendar(
        [DayRule(day, "swap_off", ""), DayRule(day, "holiday", "")]
    ).is_working(day)


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="kind"):
        DayRule(date(2026, 1, 10), "feast", "")  # type: ignore[arg-type]

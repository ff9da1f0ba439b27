"""Deadlines as data: shares from rules, checks, the form's ways of writing, a year on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from flask import Flask
from flask_babel import Babel
from hypothesis import given
from hypothesis import strategies as st

from tracker.core.deadlines import DeadlineKind, Frequency, RecurrenceRule
from tracker.core.errors import ValidationFailed
from tracker.plans.assign import Deadline, due_days
from tracker.plans.copying import deadline_years_on, text_years_on, years_on
from tracker.plans.deadline_forms import format_dates, make_rule, parse_dates
from tracker.plans.plan_import import read_recurrence

YEAR = (date(2026, 1, 1), date(2026, 12, 31))


def recurring(rule: RecurrenceRule) -> Deadline:
    return Deadline(kind=DeadlineKind.RECURRING, rule=rule)


@pytest.fixture(autouse=True)
def language() -> Iterator[None]:
    """Sentences for people need a language; the app itself is not needed here."""
    app = Flask(__name__)
    Babel(app)
    with app.app_context():
        yield


def test_quarterly_rule_gives_four_numbered_shares_on_the_quarters_last_days() -> None:
    rule = RecurrenceRule(Frequency.QUARTERLY, month=3, day="last")
    assert due_days(recurring(rule), *YEAR) == [
        (1, date(2026, 3, 31)),
        (2, date(2026, 6, 30)),
        (3, date(2026, 9, 30)),
        (4, date(2026, 12, 31)),
    ]


def test_rule_counts_only_from_the_day_the_row_is_in_force() -> None:
    rule = RecurrenceRule(Frequency.MONTHLY, day=5)
    shares = due_days(recurring(rule), date(2026, 10, 6), YEAR[1])
    assert [day for _number, day in shares] == [date(2026, 11, 5), date(2026, 12, 5)]


def test_wednesdays_of_a_year_are_52() -> None:
    rule = RecurrenceRule(Frequency.WEEKLY, weekday=3)
    shares = due_days(recurring(rule), *YEAR)
    assert len(shares) == 52
    assert all(day is not None and day.isoweekday() == 3 for _number, day in shares)


def test_rule_without_a_day_in_time_is_refused() -> None:
    rule = RecurrenceRule(Frequency.DATES, dates=((1, 10),))
    with pytest.raises(ValidationFailed):
        due_days(recurring(rule), date(2026, 2, 1), YEAR[1])


def test_rule_from_the_year_1_to_9999_is_refused_without_a_loop() -> None:
    # A repeating task from 1900 stopped a server elsewhere (CVE-2026-35599).
    rule = RecurrenceRule(Frequency.WEEKLY, weekday=1)
    with pytest.raises(ValidationFailed):
        due_days(recurring(rule), date.min, date.max)


@pytest.mark.parametrize(
    ("deadline", "column"),
    [
        (Deadline(kind=DeadlineKind.DATE), "deadline_on"),
        (Deadline(kind=DeadlineKind.WINDOW, on=date(2026, 5, 1)), "window_start"),
        (
            Deadline(kind=DeadlineKind.WINDOW, on=date(2026, 5, 1), starts_on=date(2026, 5, 2)),
            "window_start",
        ),
        (Deadline(kind=DeadlineKind.RECURRING), "recurrence"),
        (Deadline(kind=DeadlineKind.CONDITIONAL), "trigger_text"),
        (
            Deadline(kind=DeadlineKind.CONDITIONAL, trigger="x", offset=99999),
            "trigger_offset",
        ),
        (Deadline(kind=DeadlineKind.ASK, text="x" * 301), "deadline_text"),
    ],
)
def test_missing_and_impossible_parts_are_named(deadline: Deadline, column: str) -> None:
    assert set(deadline.problems()) == {column}


def test_tidy_drops_what_the_kind_does_not_use() -> None:
    deadline = Deadline(
        kind=DeadlineKind.OPEN_ENDED, on=date(2026, 1, 1), trigger="x", offset=3, text="cả năm"
    ).tidy()
    assert deadline == Deadline(kind=DeadlineKind.OPEN_ENDED, text="cả năm")


def test_days_of_the_year_are_read_and_written_alike() -> None:
    dates = parse_dates("15/03; 30/6\ntháng 9, cuối tháng 12")
    assert dates == ((3, 15), (6, 30), (9, "last"), (12, "last"))
    assert parse_dates(format_dates(dates)) == dates


@pytest.mark.parametrize("text", ["", ";", "mai", "2026-01-01", "1/2/3"])
def test_what_is_no_day_of_the_year_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_dates(text)


@pytest.mark.parametrize("text", ["31/02", "32/01", "0/5", "5/13", "15/03; 15/03"])
def test_days_that_do_not_exist_or_come_twice_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        make_rule(Frequency.DATES, dates=text)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Hằng tháng", RecurrenceRule(Frequency.MONTHLY, day="last")),
        ("hằng tháng, ngày 5", RecurrenceRule(Frequency.MONTHLY, day=5)),
        ("HẰNG QUÝ", RecurrenceRule(Frequency.QUARTERLY, month=3, day="last")),
        ("6 tháng một lần", RecurrenceRule(Frequency.HALF_YEARLY, month=6, day="last")),
        ("Hằng năm", RecurrenceRule(Frequency.YEARLY, month=12, day="last")),
        ("Thứ Tư hằng tuần", RecurrenceRule(Frequency.WEEKLY, weekday=3)),
        ("15/03; 30/06", RecurrenceRule(Frequency.DATES, dates=((3, 15), (6, 30)))),
    ],
)
def test_recurrence_of_a_cell_is_read(text: str, rule: RecurrenceRule) -> None:
    assert read_recurrence(text) == rule


@pytest.mark.parametrize("text", ["thỉnh thoảng", "hằng tháng ngày 32", "hằng giờ"])
def test_recurrence_that_nobody_can_read_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_recurrence(text)


def test_leap_day_goes_to_the_28th_and_other_days_stay() -> None:
    assert years_on(date(2024, 2, 29), 1) == date(2025, 2, 28)
    assert years_on(date(2024, 2, 29), 4) == date(2028, 2, 29)


@given(st.dates(date(1990, 1, 1), date(2190, 12, 31)), st.integers(0, 9))
def test_a_year_on_keeps_month_and_day(day: date, years: int) -> None:
    moved = years_on(day, years)
    assert moved.year == day.year + years
    assert (moved.month, moved.day) == (day.month, day.day) or (day.month, day.day) == (2, 29)


def test_years_in_a_phrase_move_on_and_other_numbers_stay() -> None:
    text = "Quý I/2025, công văn 20251, trước 2023"
    assert text_years_on(text, 2025, 2025, 1) == "Quý I/2026, công văn 20251, trước 2023"


def test_deadline_a_year_on_waits_anew_and_says_who_made_it() -> None:
    deadline = Deadline(
        kind=DeadlineKind.CONDITIONAL,
        trigger="hướng dẫn năm 2025",
        triggered_on=date(2025, 3, 1),
        review_on=date(2025, 6, 1),
    )
    moved = deadline_years_on(deadline, 2025, 2025, 1)
    assert moved.triggered_on is None
    assert moved.review_on == date(2026, 6, 1)
    assert moved.trigger == "hướng dẫn năm 2026"
    assert moved.read_by == "copy"

"""Which window a summary is compared with, and which one the overview looks at."""

from __future__ import annotations

from datetime import date

import pytest

from tracker.core.periods import WindowRule, window
from tracker.reports.overview import windows_of
from tracker.reports.period import before_window, windows_in

# As 581/BNV-CCHC has them.
QUARTER = WindowRule("q1", "Quý I", 12, 15, -1, 3, 14, 3, 20, cumulative=False)
HALF = WindowRule("h1", "6 tháng", 12, 15, -1, 6, 14, 6, 20, cumulative=True)
THIRD = WindowRule("q3", "Quý III", 6, 15, 0, 9, 14, 9, 20, cumulative=False)
YEAR = WindowRule("year", "Năm", 12, 15, -1, 12, 14, 12, 20, cumulative=True)
RULES = (QUARTER, HALF, THIRD, YEAR)


@pytest.mark.parametrize(
    ("rule", "year", "before"),
    [
        (QUARTER, 2026, (date(2024, 12, 15), date(2025, 12, 14))),
        (HALF, 2026, (date(2025, 12, 15), date(2026, 3, 14))),
        (THIRD, 2026, (date(2025, 12, 15), date(2026, 6, 14))),
        (YEAR, 2026, (date(2026, 6, 15), date(2026, 9, 14))),
    ],
)
def test_a_reporting_window_is_compared_with_the_one_closed_before(
    rule: WindowRule, year: int, before: tuple[date, date]
) -> None:
    """The rules say which one that is."""
    chosen = window(rule, year)
    assert before_window(RULES, chosen, chosen.start, chosen.end) == before


def test_a_free_window_is_compared_with_as_many_days_before() -> None:
    """Ten days are compared with the ten days before them."""
    found = before_window(RULES, None, date(2026, 5, 11), date(2026, 5, 20))
    assert found == (date(2026, 5, 1), date(2026, 5, 10))


def test_there_is_nothing_before_the_calendar_begins() -> None:
    """A window that long has none to compare with."""
    assert before_window(RULES, None, date(1, 1, 5), date(2026, 5, 20)) is None


def test_without_rules_there_is_nothing_to_compare_with() -> None:
    """An instance may have no windows."""
    chosen = window(QUARTER, 2026)
    assert before_window((), chosen, chosen.start, chosen.end) is None


def test_a_year_has_all_windows_in_order() -> None:
    """Names and dates come from the rules."""
    found = windows_in(RULES, 2021)
    assert [one.code for one in found] == ["q1", "h1", "q3", "year"]
    assert (found[3].start, found[3].end) == (date(2020, 12, 15), date(2021, 12, 14))


def test_the_day_after_the_year_closes_looks_back_at_the_year() -> None:
    """On 15/12/2021 the first quarter of 2022 is gathered and the year 2021 was closed last."""
    here, before = windows_of(RULES, date(2021, 12, 15))
    assert here is not None
    assert before is not None
    assert (here.code, here.year) == ("q1", 2022)
    assert (before.code, before.end) == ("year", date(2021, 12, 14))

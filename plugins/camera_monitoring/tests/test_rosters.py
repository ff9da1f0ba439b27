"""Hours to be watched, and the gaps in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tracker_camera_monitoring.rosters import (
    HoursUnreadable,
    Span,
    covered_minutes,
    gaps,
    join,
    read_hours,
)

WORKING = read_hours("07:30-11:30, 13:30-17:00")


def test_hours_are_read_in_the_ways_people_type_them() -> None:
    assert read_hours("7h30 – 11h30; 13:30-17:00") == WORKING
    assert [one.words for one in WORKING] == ["07:30–11:30", "13:30–17:00"]
    assert read_hours(" ") == ()


@pytest.mark.parametrize("words", ["7-11", "11:30-07:30", "07:61-08:00", "23:00-25:00", "sáng"])
def test_hours_that_are_none(words: str) -> None:
    with pytest.raises(HoursUnreadable):
        read_hours(words)


def test_gaps_are_what_nobody_covers() -> None:
    taken = [Span(7 * 60, 9 * 60), Span(9 * 60, 10 * 60), Span(14 * 60, 18 * 60)]
    assert [one.words for one in gaps(WORKING, taken)] == ["10:00–11:30", "13:30–14:00"]
    assert gaps(WORKING, taken, shortest=60) == (Span(600, 690),)
    assert covered_minutes(WORKING, taken) == 150 + 180
    assert gaps(WORKING, []) == WORKING
    assert gaps(WORKING, [Span(0, 1440)]) == ()


spans = st.lists(
    st.tuples(st.integers(0, 1439), st.integers(1, 300)).map(
        lambda one: Span(one[0], min(1440, one[0] + one[1]))
    ),
    max_size=8,
)


@given(spans, spans)
def test_gaps_and_cover_make_up_the_whole(wanted: list[Span], taken: list[Span]) -> None:
    def minutes(some: list[Span] | tuple[Span, ...]) -> set[int]:
        return {minute for one in some for minute in range(one.start, one.end)}

    left = gaps(wanted, taken)
    assert minutes(left) == minutes(wanted) - minutes(taken)
    assert list(join(left)) == list(left)
    assert covered_minutes(wanted, taken) == len(minutes(wanted) & minutes(taken))

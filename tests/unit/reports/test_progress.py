"""Counting tasks on many days from one history, and the days of the line through time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tracker.plans.models import FOREVER
from tracker.reports.progress import NOTHING, Stand, Stretch, Tally, on_days, total, weekly

FIRST = date(2026, 1, 1)
GROUP = (1, 7)


def share(task: int, start: int, end: int | None, stand: Stand, number: int = 1) -> Stretch:
    """Return a share of a task from a day to a day, counted from FIRST."""
    last = FOREVER if end is None else FIRST + timedelta(days=end)
    return Stretch(task, number, GROUP, FIRST + timedelta(days=start), last, stand)


def on_day(stretches: Sequence[Stretch], day: int) -> Tally:
    """Return the sum as of one day."""
    when = FIRST + timedelta(days=day)
    return total(on_days(stretches, [when])[when])


def test_a_task_is_done_when_all_its_shares_are() -> None:
    """Two units lead it: the first done on day 5, the second on day 9."""
    history = [
        share(1, 0, 5, Stand.OPEN),
        share(1, 5, None, Stand.DONE),
        share(1, 0, 9, Stand.OPEN, 2),
        share(1, 9, None, Stand.DONE, 2),
    ]
    assert [on_day(history, day) for day in (0, 5, 8, 9)] == [
        Tally(0, 0, 1),
        Tally(0, 0, 1),
        Tally(0, 0, 1),
        Tally(1, 1, 1),
    ]


def test_before_the_plan_there_is_nothing() -> None:
    """No task counts before it began."""
    assert on_day([share(1, 3, None, Stand.OPEN)], 2) == NOTHING


def test_a_claim_counts_apart() -> None:
    """What waits for confirmation is claimed, not done."""
    assert on_day([share(1, 0, None, Stand.CLAIMED)], 0) == Tally(0, 1, 1)


def test_withdrawn_shares_do_not_hold_a_task_back() -> None:
    """The share that was withdrawn no longer counts; a task with no other share is gone."""
    history = [share(1, 0, None, Stand.DONE), share(1, 0, 4, Stand.OPEN, 2)]
    history.append(share(1, 4, None, Stand.WITHDRAWN, 2))
    assert on_day(history, 3) == Tally(0, 0, 1)
    assert on_day(history, 4) == Tally(1, 1, 1)
    assert on_day([share(2, 0, None, Stand.WITHDRAWN)], 1) == NOTHING


def test_regular_work_is_left_out_until_it_is_given_an_end() -> None:
    """A task that was regular enters from the day on which it stands otherwise."""
    history = [share(1, 0, 6, Stand.REGULAR), share(1, 6, None, Stand.DONE)]
    assert on_day(history, 5) == NOTHING
    assert on_day(history, 6) == Tally(1, 1, 1)


def test_what_a_share_means_may_turn_on_a_day_of_its_own() -> None:
    """Until the last day of a dispute it counts as one thing, from the day after as another."""
    turn = FIRST + timedelta(days=4)
    history = [Stretch(1, 1, GROUP, FIRST, FOREVER, Stand.OPEN, turn, Stand.REGULAR)]
    assert on_day(history, 3) == Tally(0, 0, 1)
    assert on_day(history, 4) == NOTHING


def test_a_dispute_that_lapsed_before_the_stretch_changes_nothing_in_it() -> None:
    """The stretch begins after the turn: it stands as it will from its first day."""
    history = [
        Stretch(1, 1, GROUP, FIRST + timedelta(days=9), FOREVER, Stand.OPEN, FIRST, Stand.REGULAR)
    ]
    assert on_day(history, 9) == NOTHING


def test_what_nobody_leads_is_not_done() -> None:
    """It stays in the denominator until it is withdrawn."""
    history = [Stretch(1, 0, GROUP, FIRST, FIRST + timedelta(days=3), Stand.OPEN)]
    assert on_day(history, 2) == Tally(0, 0, 1)
    assert on_day(history, 3) == NOTHING


def test_groups_are_counted_apart() -> None:
    """Each plan and area has a tally of its own, and no empty group is told."""
    history = [
        Stretch(1, 1, (1, 7), FIRST, FOREVER, Stand.DONE),
        Stretch(2, 1, (1, None), FIRST, FOREVER, Stand.OPEN),
        Stretch(3, 1, (2, 7), FIRST, FOREVER, Stand.REGULAR),
    ]
    assert on_days(history, [FIRST])[FIRST] == {(1, 7): Tally(1, 1, 1), (1, None): Tally(0, 0, 1)}


stands = st.sampled_from(list(Stand))


@st.composite
def histories(draw: st.DrawFn) -> list[Stretch]:
    """Return tasks with one to three shares, each a row of stretches without a gap."""
    found: list[Stretch] = []
    for task in range(1, draw(st.integers(1, 4)) + 1):
        for number in range(1, draw(st.integers(1, 3)) + 1):
            start = draw(st.integers(0, 20))
            for _ in range(draw(st.integers(1, 4))):
                end = start + draw(st.integers(1, 15))
                found.append(share(task, start, end, draw(stands), number))
                start = end
    return found


@given(histories(), st.lists(st.integers(0, 45), min_size=1, max_size=6))
def test_many_days_at_once_are_the_same_as_each_day_alone(
    history: list[Stretch], days: list[int]
) -> None:
    """The sweep over all days agrees with looking at one day by definition."""
    wanted = [FIRST + timedelta(days=day) for day in days]
    swept = on_days(history, wanted)
    for day in wanted:
        assert total(swept[day]) == by_definition(history, day)


def by_definition(history: list[Stretch], day: date) -> Tally:
    """Count the shares that cover a day, task by task."""
    found = NOTHING
    for task in {one.task for one in history}:
        covering = [
            Stand(one.stand) for one in history if one.task == task and one.start <= day < one.end
        ]
        live = [stand for stand in covering if stand is not Stand.WITHDRAWN]
        if not live or Stand.REGULAR in live:
            continue
        done = all(stand is Stand.DONE for stand in live)
        claimed = all(stand in (Stand.DONE, Stand.CLAIMED) for stand in live)
        found += Tally(int(done), int(claimed), 1)
    return found


def test_weeks_end_with_the_window() -> None:
    """The first quarter has 90 days: twelve whole weeks and six days."""
    days = weekly(date(2025, 12, 15), date(2026, 3, 14))
    assert days[0] == date(2025, 12, 21)
    assert days[-2:] == [date(2026, 3, 8), date(2026, 3, 14)]
    assert len(days) == 13


def test_a_year_is_read_every_second_week() -> None:
    """No line has more points than can be told apart."""
    days = weekly(date(2025, 12, 15), date(2026, 12, 14))
    assert len(days) <= 27
    assert days[1] - days[0] == timedelta(days=14)
    assert days[-1] == date(2026, 12, 14)


def test_a_window_of_one_day_has_one_point() -> None:
    """It begins and ends on that day."""
    assert weekly(FIRST, FIRST) == [FIRST]

"""The history of an assignment: what is recorded late, decided, corrected, and known at a time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from tracker.plans.history import (
    AssignmentFacts,
    Entry,
    Extended,
    Period,
    period_on,
    periods,
)
from tracker.plans.models import FOREVER, EntryKind, Reported

START = date(2026, 1, 15)
DUE = date(2026, 8, 21)


def recorded(day: date, hour: int = 8) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def entry(kind: EntryKind, on: date, at: date | None = None, id: int = 0, **more: object) -> Entry:
    return Entry(kind, on, recorded(at or on), id, **more)  # type: ignore[arg-type]


def report(
    on: date, reported: Reported, percent: int, at: date | None = None, **more: object
) -> Entry:
    return entry(EntryKind.PROGRESS, on, at, reported=reported, percent=percent, **more)


def done(on: date, at: date | None = None) -> Entry:
    return report(on, Reported.DONE, 100, at, done_on=on)


def facts(
    *entries: Entry, extensions: tuple[Extended, ...] = (), **more: object
) -> AssignmentFacts:
    given = {"unit_id": 7, "begins_on": START, "original_due_on": DUE, **more}
    return AssignmentFacts(entries=entries, extensions=extensions, **given)  # type: ignore[arg-type]


def on(found: list[Period], day: date) -> Period:
    period = period_on(found, day)
    assert period is not None
    return period


def test_nothing_reported_gives_one_open_period() -> None:
    assert periods(facts()) == [Period(START, FOREVER, 7, DUE)]


def test_draft_has_no_periods() -> None:
    assert periods(facts(done(date(2026, 3, 1)), begins_on=None)) == []


def test_work_done_before_typed_counts_from_the_day_it_was_done() -> None:
    # Finished 20/8, typed 5/9, report of 23/8: the unit was not late (domain.md, trap 9).
    found = periods(facts(done(date(2026, 8, 20), at=date(2026, 9, 5))))
    assert on(found, date(2026, 8, 23)).reported is Reported.DONE
    assert on(found, date(2026, 8, 19)).reported is Reported.NOT_STARTED


def test_known_at_leaves_out_what_was_typed_later() -> None:
    late = facts(done(date(2026, 8, 20), at=date(2026, 9, 5)))
    then = periods(late, known_at=recorded(date(2026, 8, 23)))
    assert on(then, date(2026, 8, 23)).reported is Reported.NOT_STARTED


def test_back_dated_report_stands_between_others() -> None:
    found = periods(
        facts(
            report(date(2026, 3, 1), Reported.IN_PROGRESS, 20),
            report(date(2026, 5, 1), Reported.IN_PROGRESS, 60),
            report(date(2026, 4, 1), Reported.IN_PROGRESS, 40, at=date(2026, 6, 1)),
        )
    )
    assert [(one.valid_from.month, one.percent) for one in found] == [
        (1, 0),
        (3, 20),
        (4, 40),
        (5, 60),
    ]
    assert all(a.valid_to == b.valid_from for a, b in pairwise(found))


def test_correction_of_the_same_day_recorded_later_wins() -> None:
    day = date(2026, 5, 1)
    found = periods(
        facts(done(day), report(day, Reported.IN_PROGRESS, 70, at=date(2026, 5, 9), id=2))
    )
    assert [one.reported for one in found] == [Reported.NOT_STARTED, Reported.IN_PROGRESS]
    assert found[-1].done_on is None


def test_day_that_ends_as_it_began_makes_no_period() -> None:
    day = date(2026, 5, 1)
    found = periods(
        facts(done(day), report(day, Reported.NOT_STARTED, 0, at=date(2026, 5, 2), id=2))
    )
    assert found == [Period(START, FOREVER, 7, DUE)]


def test_report_before_the_beginning_counts_from_it() -> None:
    found = periods(facts(done(date(2026, 1, 5), at=date(2026, 2, 1))))
    assert [one.valid_from for one in found] == [START]
    assert found[0].done_on == date(2026, 1, 5)


def test_sent_back_falls_to_what_was_done_before_the_claim() -> None:
    found = periods(
        facts(
            report(date(2026, 3, 1), Reported.IN_PROGRESS, 60),
            done(date(2026, 4, 1)),
            entry(EntryKind.SENT_BACK, date(2026, 4, 3)),
        )
    )
    assert (found[-1].reported, found[-1].percent) == (Reported.IN_PROGRESS, 60)
    assert found[-1].done_on is None


def test_new_report_is_confirmed_anew() -> None:
    found = periods(
        facts(
            done(date(2026, 4, 1)),
            entry(EntryKind.CONFIRMED, date(2026, 4, 2)),
            done(date(2026, 4, 5)),
        )
    )
    assert [one.is_confirmed for one in found] == [False, False, True, False]


def test_confirmation_of_nothing_done_confirms_nothing() -> None:
    found = periods(facts(entry(EntryKind.CONFIRMED, date(2026, 4, 2))))
    assert not found[-1].is_confirmed


def test_extension_moves_the_due_day_from_its_decision_on() -> None:
    later = date(2026, 10, 31)
    granted = Extended(date(2026, 8, 25), recorded(date(2026, 8, 25)), later, DUE)
    found = periods(facts(extensions=(granted,)))
    assert on(found, date(2026, 8, 24)).due_on == DUE
    assert on(found, date(2026, 8, 25)).due_on == later


def test_trigger_makes_the_due_day_from_its_day_on() -> None:
    made = date(2026, 6, 30)
    found = periods(
        facts(entry(EntryKind.TRIGGERED, date(2026, 6, 15), until=made), original_due_on=made)
    )
    assert [(one.valid_from, one.due_on) for one in found] == [
        (START, None),
        (date(2026, 6, 15), made),
    ]


def test_taking_the_due_day_away_leaves_the_past_as_it_was() -> None:
    found = periods(facts(entry(EntryKind.TRIGGERED, date(2026, 6, 15))))
    assert [one.due_on for one in found] == [DUE, None]


def test_dispute_ends_by_its_decision() -> None:
    until = date(2026, 9, 10)
    found = periods(
        facts(
            entry(EntryKind.DISPUTED, date(2026, 9, 1), until=until),
            entry(EntryKind.DISPUTE_DECIDED, date(2026, 9, 4)),
        )
    )
    assert [one.disputed_until for one in found] == [None, until, None]


def test_hand_over_changes_who_leads_from_its_day_on() -> None:
    day = date(2026, 7, 1)
    found = periods(facts(entry(EntryKind.HANDED_OVER, day, unit_id=9)))
    assert on(found, day - timedelta(days=1)).unit_id == 7
    assert on(found, day).unit_id == 9


@pytest.mark.parametrize("day", [date(2026, 4, 1), START, date(2025, 12, 1)])
def test_withdrawal_holds_from_its_day_on(day: date) -> None:
    by_entry = periods(facts(entry(EntryKind.WITHDRAWN, day)))
    by_task = periods(facts(withdrawn_on=day))
    assert by_entry == by_task
    assert by_entry[-1].is_withdrawn
    assert by_entry[-1].valid_from == max(day, START)


def test_report_after_withdrawal_leaves_it_withdrawn() -> None:
    found = periods(facts(done(date(2026, 5, 1)), withdrawn_on=date(2026, 4, 1)))
    assert found[-1].is_withdrawn

"""The turns of a job process: clocks that are set, databases that are away."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError

from tracker.jobs.worker import Turn, call_now, is_gone, process_name


def away() -> OperationalError:
    return OperationalError("SELECT 1", {}, Exception("database is locked"))


def test_turns_stalled_by_a_clock_set_back_are_taken_at_once():
    taken = threading.Event()
    scheduler = BackgroundScheduler(timezone=UTC)
    # As after the clock was set back by an hour: APScheduler would wait for it to come again.
    scheduler.add_job(
        taken.set,
        IntervalTrigger(seconds=3600),
        next_run_time=datetime.now(UTC) + timedelta(hours=1),
    )
    scheduler.start()
    try:
        assert not taken.is_set()
        call_now(scheduler)
        assert taken.wait(20)
    finally:
        scheduler.shutdown()


def test_database_that_is_away_is_told_once_and_waited_for(caplog: pytest.LogCaptureFixture):
    calls = []
    is_away = [True]

    def turn() -> None:
        calls.append(1)
        if is_away[0]:
            raise away()

    taking = Turn(turn)
    with caplog.at_level(logging.WARNING, logger="tracker.jobs.worker"):
        taking()
        taking()
    assert len(calls) == 2
    assert len(caplog.records) == 1
    is_away[0] = False
    taking()
    is_away[0] = True
    with caplog.at_level(logging.WARNING, logger="tracker.jobs.worker"):
        taking()
    assert len(caplog.records) == 2


def test_other_errors_of_a_turn_are_not_swallowed():
    def turn() -> None:
        raise IntegrityError("INSERT", {}, Exception("duplicate"))

    with pytest.raises(IntegrityError):
        Turn(turn)()


def test_errors_that_mean_an_absent_database():
    assert is_gone(away())
    assert is_gone(InterfaceError("SELECT 1", {}, Exception("closed")))
    cut = DBAPIError("SELECT 1", {}, Exception("terminated"), connection_invalidated=True)
    assert is_gone(cut)
    assert not is_gone(IntegrityError("INSERT", {}, Exception("duplicate")))
    assert not is_gone(ValueError())


def test_names_of_processes_differ_on_one_machine_and_with_one_number():
    assert process_name() != process_name()

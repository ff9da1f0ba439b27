"""Job processes killed at random moments, clocks set, databases away: no due run is lost, none is
doubled in its effects, and everybody is told once.

`make chaos` does the same for longer.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.faults.house import HOUR, START, House, house_on
from tests.faults.nursery import JOBS
from tests.faults.outages import Outage, OwnServer, locked
from tracker.core.migrate import upgrade

# A round is a kill; a dead process's runs are waited for after some of them.
KILLS_AN_HOUR = 4
ROUNDS = int(os.environ.get("TRACKER_TEST_FAULT_ROUNDS", "20"))
OUTAGE_SECONDS = float(os.environ.get("TRACKER_TEST_OUTAGE_SECONDS", "3"))


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    """Two job processes on a database of their own, at the first due moment."""
    with house_on(database_url, tmp_path) as opened:
        yield opened


def test_killed_processes_lose_no_run_and_double_none(house: House):
    chance = random.Random(20261122)
    hours = [START + number * HOUR for number in range(-(-ROUNDS // KILLS_AN_HOUR))]
    for number in range(ROUNDS):
        hour = hours[number // KILLS_AN_HOUR]
        house.queue(1)
        house.clock.set(hour)
        time.sleep(chance.uniform(0.05, 0.4))
        house.kill(chance.choice(house.pids))
        house.start()
        if number % KILLS_AN_HOUR == KILLS_AN_HOUR - 1 or number == ROUNDS - 1:
            # What waits when the next hour comes would be missed, so all have to begin before.
            house.wait(lambda due=hour: house.ran(due), f"not all ran at {hour}")
    house.check(hours)
    assert house.kills == ROUNDS
    taken_over = sum(attempts > 1 for _job, _due, _state, attempts, _log in house.ledger())
    told_again = len(house.rows("SELECT 1 FROM outbox_messages WHERE fence > 1"))
    # Kills hit runs and messages; otherwise this would prove nothing.
    assert taken_over >= ROUNDS / 5
    assert told_again >= ROUNDS / 20


def test_clock_set_back_and_forward_loses_and_doubles_nothing(house: House):
    def go(hour: int) -> None:
        house.clock.set(START + hour * HOUR)
        house.wait(lambda: house.ran(START + hour * HOUR), f"not all ran at hour {hour}")

    go(0)
    go(1)
    # Forward by mistake: the hours between are declared missed, the newest one runs.
    go(5)
    missed = "SELECT 1 FROM job_runs WHERE state = 'missed'"
    assert len(house.rows(missed)) == 3 * len(JOBS)
    # Back: what was declared missed ahead of its time is owed again, what ran is not repeated.
    house.clock.set(START + HOUR + HOUR / 2)
    house.wait(lambda: not house.rows(missed), "the future stays missed")
    for hour in range(2, 7):
        go(hour)
    # Far back, to where nothing falls due: the ledger knows of nothing before its first hour.
    house.clock.set(START - 5 * HOUR + HOUR / 2)
    time.sleep(0.3)
    go(7)
    house.check([START + hour * HOUR for hour in range(8)])


@contextlib.contextmanager
def server_of_its_own() -> Iterator[OwnServer]:
    """A PostgreSQL server with the product's tables, to be stopped and started."""
    # Paths of sockets are short; the test's own folder may be too deep, and is closed to others.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    folder.chmod(0o755)
    server = OwnServer(folder / "s")
    try:
        server.start()
        upgrade(server.url)
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


@contextlib.contextmanager
def house_with_outage(
    backend: str, request: pytest.FixtureRequest
) -> Iterator[tuple[House, Outage]]:
    """A house, and how its database goes away."""
    folder: Path = request.getfixturevalue("tmp_path")
    if backend == "sqlite":
        url: str = request.getfixturevalue("database_url")
        with house_on(url, folder) as house:
            yield house, partial(locked, url)
        return
    with server_of_its_own() as server, house_on(server.url, folder) as house:
        yield house, server.outage


def test_database_that_goes_away_and_comes_back_loses_and_doubles_nothing(
    database_backend: str, request: pytest.FixtureRequest
):
    chance = random.Random(11)
    hours = [START + number * HOUR for number in range(3)]
    with house_with_outage(database_backend, request) as (house, outage):
        for number, hour in enumerate(hours):
            house.queue(1)
            house.clock.set(hour)
            time.sleep(chance.uniform(0.1, 0.4))
            if number == 1:
                with outage():
                    # One dies while the database is away, another is born to nothing.
                    house.kill(house.pids[0])
                    house.start()
                    time.sleep(OUTAGE_SECONDS)
            house.wait(lambda due=hour: house.ran(due), f"not all ran at {hour}")
        house.check(hours)

"""The house of the fault tests: job processes, their clock, their database, and what they did."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from tests.factories.accounts import make_user
from tests.factories.units import make_unit
from tests.faults.nursery import DRAIN, JOBS, OUTWARD, QUEUED, STEPS, FileClock, make_app
from tracker.core.context import SYSTEM_ACTOR, Context, acting
from tracker.core.db import db
from tracker.core.work import Work, run
from tracker.jobs.ledger import queue

# 16/06/2026 at 09:00 in Vietnam, on the hour: every job falls due.
START = datetime(2026, 6, 16, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
# And than what failed while the database was away waits until it is tried again.
LONGER_THAN_A_LEASE = timedelta(minutes=4)
ENDED_WELL = ("done", "caught_up")
PATIENCE_SECONDS = 120.0


@dataclass
class House:
    """Job processes on one database. `url` may stop answering; looking then waits for it."""

    url: str
    folder: Path
    nursery: subprocess.Popen[str] | None = None
    pids: list[int] = field(default_factory=list)
    kills: int = 0
    people: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = FileClock(self.folder / "clock")
        # Jobs that the ledger does not know yet begin with this very moment.
        self.clock.set(START)
        self.engine = create_engine(self.url, poolclass=NullPool)
        instance = self.folder / "instance"
        instance.mkdir(exist_ok=True)
        self.outward = instance / OUTWARD
        self.app = make_app(self.url, instance, self.clock)

    # -- processes --------------------------------------------------------------------------

    def open(self) -> None:
        """Make the table of effects, and what makes processes."""
        with self.engine.begin() as connection:
            connection.execute(
                text("CREATE TABLE fault_effects (run_id VARCHAR(36), step INTEGER)")
            )
        with self.app.app_context():
            unit = make_unit()
            self.people = [make_user(unit), make_user(unit)]
        with (self.folder / "processes.log").open("w") as log:
            self.nursery = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.faults.nursery"),
                    *(self.url, str(self.folder / "instance"), str(self.clock.path)),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
                cwd=Path(__file__).resolve().parents[2],
            )
        assert self._answer() == "ready", self.log()

    def _answer(self) -> str:
        assert self.nursery is not None
        assert self.nursery.stdout is not None
        return self.nursery.stdout.readline().strip()

    def start(self) -> None:
        """Start one more job process."""
        assert self.nursery is not None
        assert self.nursery.stdin is not None
        self.nursery.stdin.write("start\n")
        self.nursery.stdin.flush()
        self.pids.append(int(self._answer()))

    def kill(self, pid: int) -> None:
        """Kill a job process in whatever it is at."""
        os.kill(pid, signal.SIGKILL)
        self.pids.remove(pid)
        self.kills += 1

    def close(self) -> None:
        """End all processes."""
        self.engine.dispose()
        with self.app.app_context():
            db.engine.dispose()
        if self.nursery is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.nursery.pid, signal.SIGKILL)
            self.nursery.wait()
            for stream in (self.nursery.stdin, self.nursery.stdout):
                if stream is not None:
                    stream.close()

    def log(self) -> str:
        """Return the end of what the processes complained of."""
        return (self.folder / "processes.log").read_text()[-4000:]

    def queue(self, count: int, job: str = QUEUED) -> None:
        """Queue one-off runs, as a page or an import would, in the transaction of their cause."""

        def cause(work: Work, number: int) -> None:
            queue(work, job, {"number": number})

        with self.app.app_context(), acting(Context(SYSTEM_ACTOR, self.clock)):
            for number in range(count):
                run(cause, number)

    # -- looking ----------------------------------------------------------------------------

    def rows(self, statement: str, **values: object) -> Sequence[Any]:
        """Return what a query finds; while the database is away, wait for it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                with self.engine.connect() as connection:
                    return connection.execute(text(statement), values).all()
            except DBAPIError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until `condition` holds."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"{what}\n{self.ledger()}\n{self.log()}"
            time.sleep(0.02)

    def ledger(self) -> list[tuple[str, str, str, int, str]]:
        """Return (job, due, state, attempts, log) of every run."""
        rows = self.rows(
            "SELECT job, due_at, state, attempts, log FROM job_runs ORDER BY job, due_at"
        )
        return [(one.job, str(one.due_at)[:16], one.state, one.attempts, one.log) for one in rows]

    def ran(self, due: datetime) -> bool:
        """Tell whether every job has run for this moment."""
        wanted = due.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
        done = {
            job
            for job, at, state, _attempts, _log in self.ledger()
            if at == wanted and state in ENDED_WELL
        }
        return done >= set(JOBS)

    def is_idle(self) -> bool:
        """Tell whether nothing waits or runs."""
        return not self.rows("SELECT 1 FROM job_runs WHERE state IN ('queued', 'running') LIMIT 1")

    # -- judging ------------------------------------------------------------------------------

    def check(self, hours: Sequence[datetime]) -> None:
        """Every due moment ran once; every effect of every run is there once; nothing failed."""
        self.wait(self.is_idle, "something is never done")
        ledger = self.ledger()
        wanted = Counter((job, hour.strftime("%Y-%m-%d %H:%M")) for job in JOBS for hour in hours)
        found = Counter((job, at) for job, at, *_rest in ledger if job in JOBS)
        assert found == wanted
        bad = [one for one in ledger if one[2] not in ENDED_WELL]
        assert not bad, f"{bad}\n{self.log()}"
        runs = [str(row.id) for row in self.rows("SELECT public_id AS id FROM job_runs")]
        effects = Counter(
            (row.run_id.replace("-", ""), row.step)
            for row in self.rows("SELECT run_id, step FROM fault_effects")
        )
        assert effects == Counter(
            (run_id.replace("-", ""), step) for run_id in runs for step in range(1, STEPS + 1)
        )
        self.check_told(runs)

    def check_told(self, runs: Sequence[str]) -> None:
        """Everybody was told once of every run in the app; outside at least once, as one message.

        What a killed process held is free again when its lease is over, by the clock.
        """
        self.clock.set(self.clock.now() + LONGER_THAN_A_LEASE)
        waiting = "SELECT 1 FROM outbox_messages WHERE state = 'pending' LIMIT 1"
        while self.rows(waiting):
            self.queue(1, DRAIN)
            self.wait(self.is_idle, "the outbox is never worked off")
        assert not self.rows("SELECT 1 FROM outbox_messages WHERE state <> 'done'")
        told = self.rows("SELECT id, user_id, key FROM notices")
        assert Counter((one.user_id, one.key.rpartition(":")[2]) for one in told) == Counter(
            (person, str(UUID(run_id))) for person in self.people for run_id in runs
        )
        sent = [line.split() for line in self.outward.read_text().splitlines()]
        # Twice the same message may go out, never one notice as two messages.
        assert sorted(set(map(tuple, sent))) == sorted(
            (f"notice.send:faults:{one.id}", str(one.id)) for one in told
        )


@contextlib.contextmanager
def house_on(url: str, folder: Path, processes: int = 2) -> Iterator[House]:
    """Give a house with job processes on a migrated database."""
    house = House(url, folder)
    try:
        house.open()
        for _number in range(processes):
            house.start()
        yield house
    finally:
        house.close()

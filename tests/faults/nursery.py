"""Makes job processes for the fault tests: real ones, to be killed with SIGKILL.

`python -m tests.faults.nursery URL INSTANCE CLOCK` imports the app once. For each line on standard
input it forks a job process and prints its number; the app has no connection and no thread before.
All die with the nursery, whose standard input the test holds.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path

from flask import Flask
from sqlalchemy import text

from tracker.app import create_app
from tracker.config import Settings
from tracker.core.clock import to_local
from tracker.core.work import Work, run
from tracker.jobs import worker
from tracker.outbox.drain import start_pool
from tracker.outbox.hooks import work_off
from tracker.outbox.telling import Tell, tell
from tracker.plugins.descriptors import (
    Channel,
    JobCall,
    JobSpec,
    NoticeKind,
    NoticeWords,
    Outgoing,
)
from tracker.plugins.host import host_of

STEPS = 5
JOBS = ("faults.bare", "faults.fenced", "faults.slow", "faults.wide")
QUEUED = "faults.queued"
DRAIN = "faults.drain"
NOTICE = "faults.step"
OUTWARD = "outward"
LEASE_SECONDS = 1.0


class FileClock:
    """A clock that stands where a file says, so that a test sets it for every process at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def now(self) -> datetime:
        """Return the moment in the file."""
        return datetime.fromisoformat(self.path.read_text(encoding="ascii"))

    def today(self) -> date:
        """Return the local day of that moment."""
        return to_local(self.now()).date()

    def set(self, moment: datetime) -> None:
        """Set the clock of all who read this file."""
        new = self.path.with_suffix(".new")
        new.write_text(moment.isoformat(), encoding="ascii")
        os.replace(new, self.path)


@dataclass(frozen=True)
class Effect:
    """One step of a run: what it writes, and whether it is the last one."""

    call: JobCall
    number: int
    ends: bool


def write_effect(work: Work, data: Effect) -> None:
    """Write a row that nothing keeps from being written twice, but the fence; tell of the last."""
    if data.ends:
        data.call.finish_in(work, "đủ")
    else:
        data.call.step(work, data.number, STEPS)
    time.sleep(random.uniform(0, 0.01))
    work.session.execute(
        text("INSERT INTO fault_effects (run_id, step) VALUES (:run_id, :step)"),
        {"run_id": str(data.call.run_id), "step": data.number},
    )
    if data.number == STEPS:
        people = work.session.execute(text("SELECT id FROM users")).scalars()
        page: tuple[str, dict[str, object]] = ("web.home", {})
        tell(work, Tell(kind=NOTICE, key=str(data.call.run_id), page=page, people=people))


def work_through(call: JobCall, *, pause: float, ends: bool) -> str:
    """Write the effects that an earlier attempt has not written."""
    for number in range(call.done + 1, STEPS + 1):
        run(write_effect, Effect(call, number, ends and number == STEPS))
        time.sleep(random.uniform(0, pause))
    return "đủ"


def specs() -> dict[str, JobSpec]:
    """Return the jobs that the processes offer: due every hour, or queued."""
    ways: dict[str, Callable[[JobCall], str]] = {
        # Ends after its last effect, in a unit of work of its own.
        "faults.bare": partial(work_through, pause=0.02, ends=False),
        # Ends with its last effect.
        "faults.fenced": partial(work_through, pause=0.02, ends=True),
        "faults.slow": partial(work_through, pause=0.06, ends=True),
        "faults.wide": partial(work_through, pause=0.04, ends=False),
        QUEUED: partial(work_through, pause=0.02, ends=True),
    }
    return {
        key: JobSpec(
            key=key,
            label=key,
            run=way,
            cron="0 * * * *" if key in JOBS else "",
            parallel=key == QUEUED,
            # A kill is no fault of the job here.
            attempts=100_000,
        )
        for key, way in ways.items()
    } | {DRAIN: JobSpec(key=DRAIN, label=DRAIN, run=work_off, attempts=100_000)}


def send(outgoing: Outgoing, *, file: Path) -> None:
    """Let a message out: one line, which stays whatever becomes of this process."""
    line = f"{outgoing.key} {' '.join(str(one.id) for one in outgoing.notices)}\n"
    time.sleep(random.uniform(0, 0.01))
    with file.open("ab", buffering=0) as stream:
        stream.write(line.encode())
    time.sleep(random.uniform(0, 0.01))


def channel(folder: Path) -> Channel:
    """Return a way out of the app that a test can read afterwards."""
    return Channel(
        key="faults",
        label="faults",
        reachable=frozenset,
        send=partial(send, file=folder / OUTWARD),
    )


def settings_for(url: str, instance: Path) -> Settings:
    """Return settings with a short lease and short waits."""
    return Settings(
        instance=instance,
        database_url=url,
        secret_key="for-tests-only-" + "0123456789abcdef" * 4,
        testing=True,
        job_threads=4,
        job_lease_seconds=LEASE_SECONDS,
        job_poll_seconds=0.1,
        job_tick_seconds=0.1,
        job_grace_seconds=5,
        outbox_lease_seconds=LEASE_SECONDS,
    )


def make_app(url: str, instance: Path, clock: FileClock) -> Flask:
    """Return an app that offers the jobs of these tests alone."""
    app = create_app(settings_for(url, instance), clock=clock)
    kind = NoticeKind(
        key=NOTICE,
        label=NOTICE,
        words=lambda params: NoticeWords(NOTICE),
        urgent=True,
        breaks_quiet=True,
        channels=frozenset({"faults"}),
    )
    registry = host_of(app).registry
    for name, offered in (
        ("jobs", specs()),
        ("notice_kinds", {NOTICE: kind}),
        ("channels", {"faults": channel(instance)}),
    ):
        object.__setattr__(registry, name, offered)
    return app


def say(line: str) -> None:
    """Tell the test."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Fork a job process for each line; end with standard input."""
    url, instance, clock = sys.argv[1], Path(sys.argv[2]), FileClock(Path(sys.argv[3]))
    logging.basicConfig(format="%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s")
    # Killed children need nobody to look after them.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    app = make_app(url, instance, clock)
    say("ready")
    for _line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            random.seed(os.getpid())
            # As a web server would, so that the outbox is worked off by what is killed, too.
            start_pool(app)
            worker.serve(app)
            os._exit(0)
        say(str(pid))
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()

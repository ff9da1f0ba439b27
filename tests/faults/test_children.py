"""Plug-ins' jobs: processes of their own, killed at their budget, gone with their job process."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import create_engine, select, text
from sqlalchemy.pool import NullPool

from tests.factories.accounts import make_user
from tests.factories.units import make_unit
from tests.faults import child
from tests.faults.house import START, House
from tests.faults.nursery import LEASE_SECONDS, STEPS, FileClock, settings_for
from tracker.app import create_app
from tracker.config import Settings
from tracker.core.context import SYSTEM_ACTOR, Actor, Context, Source, acting
from tracker.core.db import db
from tracker.core.rights import Role
from tracker.core.work import Work, run
from tracker.exports.services import AskForExport, ask_for_export
from tracker.jobs import ledger
from tracker.jobs.calls import Call
from tracker.jobs.cli import run_claimed
from tracker.jobs.models import ENDED, JobRun, RunState
from tracker.jobs.worker import JobProcess, is_foreign
from tracker.testing.databases import Databases

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Nest:
    """An app with an evil plug-in, and a job process whose children load it too."""

    app: Flask
    process: JobProcess
    settings: Settings
    clock: FileClock
    # What the job process takes for the time, in seconds.
    watch: list[float]

    def run_one(self, name: str, script: str = "", *arguments: str) -> UUID:
        """Queue a run and begin it; its child runs `script`, which needs no app, if one is given.

        An app takes seconds to load, and how a child misbehaves has nothing to do with it.
        """
        if script:
            self.process.command = lambda call: (sys.executable, "-c", script, *arguments)

        def cause(work: Work, _data: None) -> UUID:
            return ledger.queue(work, f"evil.{name}")

        with self.acting():
            run_id = run(cause, None)
        self.process.claim()
        return run_id

    @contextlib.contextmanager
    def acting(self) -> Iterator[None]:
        """Act as the system."""
        with self.app.app_context(), acting(Context(SYSTEM_ACTOR, self.clock, Source.JOB)):
            yield

    def read(self, run_id: UUID) -> JobRun:
        """Return a run as it is now."""
        with self.acting():
            return db.session.scalars(select(JobRun).where(JobRun.public_id == run_id)).one()

    def wait_for_progress(self, run_id: UUID) -> None:
        """Wait until a run's child has said how far it is."""
        deadline = time.monotonic() + 60
        while not (found := self.read(run_id)).progress_done:
            assert time.monotonic() < deadline, found.log
            time.sleep(0.02)

    def ended(self, run_id: UUID) -> JobRun:
        """Return a run when it has ended."""
        deadline = time.monotonic() + 60
        while (found := self.read(run_id)).state not in ENDED:
            assert time.monotonic() < deadline, found.log
            self.process.beat()
            time.sleep(0.05)
        return found


@pytest.fixture
def sqlite_url(databases: Databases, tmp_path: Path) -> Iterator[str]:
    """A migrated database, for what a child does to its process: no database changes that."""
    with databases.fresh("sqlite", tmp_path, migrated=True) as url:
        yield url


@pytest.fixture
def nest(sqlite_url: str, tmp_path: Path) -> Iterator[Nest]:
    """A job process in this very process, whose children are real."""
    with nest_on(sqlite_url, tmp_path) as opened:
        yield opened


@contextlib.contextmanager
def nest_on(url: str, tmp_path: Path) -> Iterator[Nest]:
    """Give a job process on a migrated database."""
    instance = tmp_path / "instance"
    instance.mkdir()
    clock = FileClock(tmp_path / "clock")
    clock.set(START)
    settings = settings_for(url, instance)
    app = child.make_app(settings, clock)

    def command(call: Call) -> Sequence[str]:
        return (
            *(sys.executable, "-m", "tests.faults.child", url, str(instance)),
            *(str(clock.path), str(call.run_id), str(call.token.attempt)),
        )

    watch = [0.0]
    process = JobProcess(app, settings, command=command, watch=lambda: watch[0])
    yield Nest(app, process, settings, clock, watch)
    process._give_back()
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children find the tests' modules."""
    monkeypatch.chdir(ROOT)


def is_alive(pid: int) -> bool:
    """Tell whether a process is there and no corpse."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_only_a_plug_ins_jobs_run_in_children(nest: Nest):
    assert is_foreign(nest.app, "evil.tell")
    assert not is_foreign(nest.app, "audit.anchor")
    run_id = nest.run_one("tell")
    ended = nest.ended(run_id)
    assert ended.state is RunState.DONE, ended.log
    assert (ended.progress_done, ended.progress_total) == (3, 4)
    assert "một dòng" in ended.log
    assert ended.log.splitlines()[-1].startswith("pid ")
    assert ended.log.splitlines()[-1] != f"pid {os.getpid()}"


def test_large_list_of_a_plug_in_is_written_in_a_child(nest: Nest):
    with nest.acting():
        person = make_user(make_unit("Tỉnh Lâm Đồng", "province"), Role.COORDINATOR)
        with acting(Context(Actor("Ai đó", person), nest.clock)):
            asked = AskForExport("/don-vi.xlsx", "don-vi.xlsx", is_foreign=True)
            run_id = run(ask_for_export, asked)
    nest.process.claim()
    assert [one.in_child for one in nest.process.active.values()] == [True]
    ended = nest.ended(run_id)
    assert ended.state is RunState.DONE, ended.log
    assert ended.result_url.startswith("/tep/"), ended.log


# Starts a further process, says which, and never ends.
HANG = (
    "import os, subprocess, sys, time\n"
    "other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "open(sys.argv[1] + '.new', 'w').write(str(other.pid))\n"
    "os.replace(sys.argv[1] + '.new', sys.argv[1])\n"
    "time.sleep(600)\n"
)
LEAVE = "import os, sys; sys.stderr.write('nothing left to do'); sys.stderr.flush(); os._exit(3)"


def hang(nest: Nest, folder: Path) -> tuple[UUID, int]:
    """Begin a run that hangs; return it, and the process that its child has started."""
    file = folder / "grandchild"
    run_id = nest.run_one("tell", HANG, str(file))
    deadline = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return run_id, int(file.read_text())


def test_child_that_hangs_is_killed_at_its_budget_with_all_that_it_started(
    nest: Nest, tmp_path: Path
):
    run_id, grandchild = hang(nest, tmp_path)
    nest.watch[0] += child.BUDGET_SECONDS + 1
    ended = nest.ended(run_id)
    assert ended.state is RunState.FAILED
    assert f"Chạy quá {child.BUDGET_SECONDS} giây" in ended.log
    deadline = time.monotonic() + 10
    while is_alive(grandchild) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_alive(grandchild)


def test_child_that_leaves_without_a_word_is_a_failed_run(nest: Nest):
    ended = nest.ended(nest.run_one("tell", LEAVE))
    assert ended.state is RunState.FAILED
    assert "nothing left to do" in ended.log
    assert "mã 3" in ended.log


@pytest.fixture
def nest_anywhere(database_url: str, tmp_path: Path) -> Iterator[Nest]:
    """The same on each kind of database."""
    with nest_on(database_url, tmp_path) as opened:
        yield opened


def test_child_dies_with_its_job_process_and_its_run_goes_on_elsewhere(
    nest_anywhere: Nest, database_url: str
):
    nest = nest_anywhere
    # The app's own connections only read outside a unit of work.
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE fault_effects (run_id VARCHAR(36), step INTEGER)"))
    run_id = nest.run_one("slow")
    nest.wait_for_progress(run_id)
    # The same as a killed job process: the pipe's end is gone, nobody gives signs of life.
    active = nest.process.active[nest.read(run_id).id]
    nest.process.active.clear()
    active.call.lost.set()
    nest.process.look_around()
    nest.watch[0] += LEASE_SECONDS
    nest.process.look_around()
    ended = nest.ended(run_id)
    assert ended.state is RunState.DONE
    assert ended.attempts == 2
    with nest.acting():
        steps = Counter(db.session.execute(text("SELECT step FROM fault_effects")).scalars())
    assert steps == Counter(range(1, STEPS + 1))


def test_child_ends_when_its_pipe_does(tmp_path: Path):
    script = (
        "import sys, time; from tracker.jobs.child import die_with_parent; die_with_parent();"
        "sys.stdout.write('up'); sys.stdout.flush(); time.sleep(600)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.read(2) == b"up"
        process.stdin.close()
        assert process.wait(timeout=30) == 1
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_command_runs_a_claimed_run(sqlite_url: str, tmp_path: Path):
    house = House(sqlite_url, tmp_path)
    environment = {
        **os.environ,
        "TRACKER_INSTANCE": str(tmp_path / "instance"),
        "TRACKER_DATABASE_URL": sqlite_url,
        "TRACKER_SECRET_KEY": "for-tests-only-" + "0123456789abcdef" * 4,
    }
    # With the product's own jobs, as the command has them.
    app = create_app(settings_for(sqlite_url, tmp_path / "instance"), clock=house.clock)
    with app.app_context(), acting(Context(SYSTEM_ACTOR, house.clock)):
        run(ledger.note_due, ledger.Due("audit.anchor", START))
        claimed = run(ledger.claim_run, ledger.Claim("here:1", 30, ["audit.anchor"]))
        assert claimed is not None
        # Another token than the run's own writes nothing.
        run_claimed(claimed.run_id, claimed.attempt + 1)
        db.engine.dispose()
    assert [one[2] for one in house.ledger()] == ["running"]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tracker", "jobs", "exec"),
            *(str(claimed.run_id), "--attempt", str(claimed.attempt)),
        ],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    assert process.stderr is not None
    said = process.stderr.read()
    assert process.wait(timeout=60) == 0, said.decode()
    process.stderr.close()
    assert process.stdin is not None
    process.stdin.close()
    assert [one[2] for one in house.ledger()] == ["done"], said.decode()
    house.close()


def test_job_process_gives_back_what_it_cannot_finish(nest: Nest, tmp_path: Path):
    run_id, _grandchild = hang(nest, tmp_path)
    nest.process._give_back()
    given = nest.read(run_id)
    assert given.state is RunState.QUEUED
    assert "dừng giữa chừng" in given.log

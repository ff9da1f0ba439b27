"""The ledger: each due moment runs once, late ones never together, a dead process loses its run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.factories.accounts import make_user, sign_in
from tests.factories.units import make_unit
from tests.support.apps import running_app
from tracker.config import Settings
from tracker.core.clock import FixedClock
from tracker.core.db import db
from tracker.core.rights import Role
from tracker.core.work import run
from tracker.jobs import worker
from tracker.jobs.cli import jobs
from tracker.jobs.ledger import Claim, Ending, Renewal, end_run, renew_lease, try_claim
from tracker.jobs.models import JobRun, RunState
from tracker.jobs.schedule import due_moments, last_due
from tracker.plugins.descriptors import JobSpec
from tracker.plugins.host import host_of

DUE = datetime(2026, 6, 15, 17, 10, tzinfo=UTC)
LEASE = timedelta(minutes=5)


class Counting:
    """A job that counts its runs and may be told to fail."""

    def __init__(self) -> None:
        self.runs: list[datetime] = []
        self.fails = False

    def __call__(self, due_at: datetime) -> str:
        self.runs.append(due_at)
        if self.fails:
            raise ValueError("không có mạng")
        return "ok"


@pytest.fixture
def counting(app: Flask) -> Counting:
    """The app with one job only, due at ten past midnight in Vietnam."""
    job = Counting()
    spec = JobSpec(key="test.count", label="Đếm", cron="10 0 * * *", run=job)
    registry = host_of(app).registry
    object.__setattr__(registry, "jobs", {spec.key: spec})
    return job


def states() -> list[tuple[datetime, RunState]]:
    rows = db.session.scalars(select(JobRun).order_by(JobRun.due_at)).all()
    found = [(row.due_at, row.state) for row in rows]
    db.session.rollback()
    return found


def test_due_moments_are_local_and_bounded():
    start = datetime(2026, 6, 14, 0, tzinfo=UTC)
    found = list(due_moments("10 0 * * *", start, start + timedelta(days=3)))
    assert found == [DUE - timedelta(days=1), DUE, DUE + timedelta(days=1)]
    far = list(due_moments("* * * * *", datetime(1900, 1, 1, tzinfo=UTC), DUE))
    assert len(far) == 500
    assert last_due("10 0 * * *", DUE, timedelta(days=1)) == DUE


@pytest.mark.usefixtures("system")
def test_due_job_runs_once_however_often_the_clock_ticks(
    app: Flask, clock: FixedClock, counting: Counting
):
    clock.move_to(DUE + timedelta(minutes=1))
    assert worker.tick(app) == ["test.count"]
    assert worker.tick(app) == []
    assert counting.runs == [DUE]
    assert states() == [(DUE, RunState.DONE)]


@pytest.mark.usefixtures("system")
def test_moments_slept_through_are_missed_and_one_run_catches_up(
    app: Flask, clock: FixedClock, counting: Counting
):
    clock.move_to(DUE + timedelta(minutes=1))
    worker.tick(app)
    clock.advance(days=3)
    worker.tick(app)
    day = timedelta(days=1)
    assert counting.runs == [DUE, DUE + 3 * day]
    assert states() == [
        (DUE, RunState.DONE),
        (DUE + day, RunState.MISSED),
        (DUE + 2 * day, RunState.MISSED),
        (DUE + 3 * day, RunState.DONE),
    ]


@pytest.mark.usefixtures("system")
def test_job_that_raises_is_noted_and_tried_at_its_next_due_time(
    app: Flask, clock: FixedClock, counting: Counting
):
    counting.fails = True
    clock.move_to(DUE + timedelta(minutes=1))
    worker.tick(app)
    assert states() == [(DUE, RunState.FAILED)]
    assert "không có mạng" in db.session.scalars(select(JobRun.log)).one()
    db.session.rollback()
    assert worker.tick(app) == []
    counting.fails = False
    clock.advance(days=1)
    assert worker.tick(app) == ["test.count"]


@pytest.mark.usefixtures("system")
def test_run_of_a_dead_process_is_taken_over_after_its_lease(
    app: Flask, clock: FixedClock, counting: Counting
):
    clock.move_to(DUE + timedelta(minutes=1))
    dead = try_claim(Claim("test.count", DUE, "elsewhere:1", LEASE))
    assert dead is not None
    assert worker.tick(app) == []
    clock.advance(minutes=6)
    assert worker.tick(app) == ["test.count"]
    # The first process wakes up again: its sign of life is refused.
    assert run(renew_lease, Renewal(dead, "elsewhere:1", LEASE)) is False


@pytest.mark.usefixtures("system")
def test_second_claim_of_a_finished_run_is_refused(clock: FixedClock):
    claim = Claim("test.count", DUE, "here:1", LEASE)
    run_id = try_claim(claim)
    assert run_id is not None
    assert try_claim(claim) is None
    run(end_run, Ending(run_id, RunState.DONE, "ok"))
    clock.advance(hours=1)
    assert try_claim(claim) is None


def test_two_processes_on_one_database_share_the_due_runs(
    settings: Settings, app: Flask, clock: FixedClock, counting: Counting
):
    clock.move_to(DUE + timedelta(minutes=1))
    with running_app(settings, clock) as other:
        object.__setattr__(host_of(other).registry, "jobs", host_of(app).registry.jobs)
        ran = worker.tick(app) + worker.tick(other)
    assert ran == ["test.count"]
    assert counting.runs == [DUE]


@pytest.mark.usefixtures("system")
def test_ledger_is_shown_to_administrators_only(app: Flask, client: FlaskClient, clock: FixedClock):
    root = make_unit("Tỉnh")
    run_id = try_claim(Claim("audit.anchor", DUE, "here:1", LEASE))
    assert run_id is not None
    run(end_run, Ending(run_id, RunState.DONE, "neo số 12"))
    sign_in(client, make_user(root, Role.COORDINATOR))
    assert client.get("/viec-tu-dong").status_code == 403
    sign_in(client, make_user(root, Role.ADMINISTRATOR))
    assert "neo số 12" in client.get("/viec-tu-dong").get_data(as_text=True)
    listed = app.test_cli_runner().invoke(jobs, ["runs", "--json"])
    assert '"state": "done"' in listed.output

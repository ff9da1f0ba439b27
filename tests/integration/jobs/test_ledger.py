"""The ledger: each due moment runs once, late ones never together, a dead process loses its run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from tests.support.apps import running_app
from tracker.config import Settings
from tracker.core.clock import FixedClock
from tracker.core.db import db
from tracker.core.errors import Conflict, NotFound
from tracker.core.work import Work, run
from tracker.jobs import ledger, worker
from tracker.jobs.calls import Call
from tracker.jobs.ledger import Claim, Ending, Release, RunLost, Token
from tracker.jobs.models import JobRun, RunKind, RunState
from tracker.jobs.schedule import start_delay
from tracker.jobs.worker import JobProcess
from tracker.plugins.descriptors import JobCall, JobSpec, MissedPolicy
from tracker.plugins.host import host_of

DUE = datetime(2026, 6, 15, 17, 10, tzinfo=UTC)
DAY = timedelta(days=1)
KEY = "test.count"


class Counting:
    """A job that counts its runs and may be told to do something else."""

    def __init__(self) -> None:
        self.runs: list[datetime] = []
        self.then: Callable[[JobCall], str] = lambda call: "ok"

    def __call__(self, call: JobCall) -> str:
        self.runs.append(call.due_at)
        return self.then(call)


def offer(app: Flask, *specs: JobSpec) -> None:
    registry = host_of(app).registry
    object.__setattr__(registry, "jobs", {spec.key: spec for spec in specs})


@pytest.fixture
def counting(app: Flask) -> Counting:
    """The app with one job only, due at ten past midnight in Vietnam."""
    job = Counting()
    offer(app, JobSpec(key=KEY, label="Đếm", cron="10 0 * * *", run=job))
    return job


def change(app: Flask, **changes: object) -> None:
    """Change the one job that the app offers."""
    spec = host_of(app).registry.jobs[KEY]
    offer(app, replace(spec, **changes))  # type: ignore[arg-type]


def states() -> list[tuple[datetime, RunState]]:
    rows = db.session.scalars(select(JobRun).order_by(JobRun.due_at)).all()
    found = [(row.due_at, row.state) for row in rows]
    db.session.rollback()
    return found


def newest() -> JobRun:
    db.session.rollback()
    return db.session.scalars(select(JobRun).order_by(JobRun.id.desc()).limit(1)).one()


def wish(process: str = "elsewhere:1", **more: object) -> Claim:
    return Claim(process, 30, [KEY], most_attempts={KEY: 5}, **more)  # type: ignore[arg-type]


def process_of(app: Flask, settings: Settings) -> tuple[JobProcess, list[float]]:
    """A job process with a watch that the test turns: seconds in a list of one."""
    watch = [0.0]
    return JobProcess(app, settings, watch=lambda: watch[0]), watch


# -- due moments ------------------------------------------------------------------------------


@pytest.mark.usefixtures("system")
def test_due_job_runs_once_however_often_the_clock_ticks(
    app: Flask, clock: FixedClock, counting: Counting
):
    clock.move_to(DUE + timedelta(minutes=1))
    assert worker.tick(app) == [KEY]
    assert worker.tick(app) == []
    assert counting.runs == [DUE]
    assert states() == [(DUE, RunState.DONE)]
    assert newest().log == "ok"


@pytest.mark.usefixtures("system")
def test_moments_slept_through_are_missed_and_one_run_catches_up(
    app: Flask, clock: FixedClock, counting: Counting
):
    clock.move_to(DUE + timedelta(minutes=1))
    worker.tick(app)
    clock.advance(days=3, hours=2)
    worker.tick(app)
    assert counting.runs == [DUE, DUE + 3 * DAY]
    assert states() == [
        (DUE, RunState.DONE),
        (DUE + DAY, RunState.MISSED),
        (DUE + 2 * DAY, RunState.MISSED),
        (DUE + 3 * DAY, RunState.CAUGHT_UP),
    ]


@pytest.mark.usefixtures("system")
def test_job_that_is_not_caught_up_is_declared_missed(
    app: Flask, clock: FixedClock, counting: Counting
):
    change(app, missed=MissedPolicy.DECLARE)
    clock.move_to(DUE + timedelta(minutes=1))
    worker.tick(app)
    clock.advance(days=1, hours=2)
    assert worker.tick(app) == []
    assert states() == [(DUE, RunState.DONE), (DUE + DAY, RunState.MISSED)]
    assert "Không tiến trình nào chạy" in newest().log
    clock.move_to(DUE + 2 * DAY)
    assert worker.tick(app) == [KEY]


@pytest.mark.usefixtures("system")
def test_minutely_job_that_slept_for_a_year_runs_once_and_lists_the_last_hour(
    app: Flask, clock: FixedClock, counting: Counting
):
    change(app, cron="* * * * *")
    clock.move_to(DUE)
    worker.tick(app)
    clock.advance(days=365)
    assert worker.tick(app) == [KEY]
    assert counting.runs == [DUE, DUE + 365 * DAY]
    missed = db.session.scalars(
        select(JobRun).where(JobRun.state == RunState.MISSED).order_by(JobRun.due_at)
    ).all()
    assert len(missed) == 49
    assert "không được liệt kê" in missed[0].log
    assert not missed[1].log


@pytest.mark.usefixtures("system")
def test_run_that_waits_when_the_next_moment_comes_is_missed(
    app: Flask, settings: Settings, clock: FixedClock, counting: Counting
):
    process, _watch = process_of(app, settings)
    clock.move_to(DUE)
    process.plan()
    clock.advance(days=1)
    assert worker.tick(app) == [KEY]
    assert states() == [(DUE, RunState.MISSED), (DUE + DAY, RunState.DONE)]


@pytest.mark.usefixtures("system")
def test_jitter_delays_the_start_by_the_same_time_each_day(
    app: Flask, clock: FixedClock, counting: Counting
):
    change(app, jitter_seconds=290)
    clock.move_to(DUE + timedelta(minutes=5))
    assert worker.tick(app) == [KEY]
    delay = start_delay(host_of(app).registry.jobs[KEY])
    assert timedelta(seconds=1) < delay <= timedelta(seconds=290)
    clock.move_to(DUE + DAY + delay - timedelta(seconds=1))
    assert worker.tick(app) == []
    clock.move_to(DUE + DAY + delay)
    assert worker.tick(app) == [KEY]
    assert states()[-1] == (DUE + DAY, RunState.DONE)


@pytest.mark.usefixtures("system")
def test_clock_set_back_repeats_nothing_and_set_forward_loses_nothing(
    app: Flask, clock: FixedClock, counting: Counting
):
    clock.move_to(DUE)
    worker.tick(app)
    clock.move_to(DUE - timedelta(hours=3))
    assert worker.tick(app) == []
    # Two days back: what falls due from there on is run, what lies before is not owed.
    clock.move_to(DUE - 2 * DAY + timedelta(minutes=6))
    assert worker.tick(app) == []
    clock.move_to(DUE + timedelta(minutes=1))
    assert worker.tick(app) == []
    # A year ahead by mistake: a year of moments is declared missed, one runs.
    clock.advance(days=365)
    assert worker.tick(app) == [KEY]
    # Put right: the misses that have not come are taken back, and tomorrow's moment runs.
    clock.move_to(DUE + timedelta(hours=1))
    assert worker.tick(app) == []
    clock.move_to(DUE + DAY)
    assert worker.tick(app) == [KEY]
    assert [due for due, _state in states()] == [DUE, DUE + DAY, DUE + 365 * DAY]


# -- one run at a time, anywhere ----------------------------------------------------------------


def test_two_processes_on_one_database_share_the_due_runs(
    settings: Settings, app: Flask, clock: FixedClock, counting: Counting
):
    clock.move_to(DUE + timedelta(minutes=1))
    with running_app(settings, clock) as other:
        object.__setattr__(host_of(other).registry, "jobs", host_of(app).registry.jobs)
        ran = worker.tick(app) + worker.tick(other)
    assert ran == [KEY]
    assert counting.runs == [DUE]


@pytest.mark.usefixtures("system")
def test_run_without_signs_of_life_is_taken_over_and_its_old_owner_writes_nothing(
    app: Flask, settings: Settings, clock: FixedClock, counting: Counting
):
    clock.move_to(DUE)
    process, watch = process_of(app, settings)
    process.plan()
    dead = ledger.try_claim(wish())
    assert dead is not None
    process.look_around()
    watch[0] += 29
    process.look_around()
    assert not process.active
    # A sign of life begins the lease anew, whatever the clocks say.
    assert run(ledger.renew, Token(dead.id, dead.attempt))
    watch[0] += 29
    process.look_around()
    watch[0] += 29
    process.look_around()
    assert not process.active
    watch[0] += 2
    process.look_around()
    wait_for_end(process)
    assert counting.runs == [DUE]
    assert newest().state is RunState.DONE
    assert newest().attempts == 2
    assert "không còn dấu hiệu chạy" in newest().log
    assert_lost(dead)


def wait_for_end(process: JobProcess) -> None:
    for thread in threading.enumerate():
        if thread.name == KEY:
            thread.join(timeout=20)
    assert not process.active


def assert_lost(claimed: ledger.Claimed) -> None:
    """The owner of an old token can neither beat, nor write, nor end the run."""
    token = Token(claimed.id, claimed.attempt)
    before = (newest().state, newest().log, newest().attempts)
    assert run(ledger.renew, token) is False
    with pytest.raises(RunLost):
        run(ledger.end_run, Ending(token, RunState.FAILED, "too late"))
    with pytest.raises(RunLost):
        Call(claimed).progress(1, 2)
    with pytest.raises(RunLost):
        run(lambda work, call: call.step(work, 1, 2), Call(claimed))
    with pytest.raises(RunLost):
        run(lambda work, call: call.finish_in(work), Call(claimed))
    run(ledger.release_runs, Release((token,), "too late"))
    assert (newest().state, newest().log, newest().attempts) == before


@pytest.mark.usefixtures("system")
def test_run_that_kills_its_process_again_and_again_is_given_up(
    app: Flask, settings: Settings, clock: FixedClock, counting: Counting
):
    clock.move_to(DUE)
    process, watch = process_of(app, settings)
    process.plan()
    for attempt in range(1, 6):
        claimed = ledger.try_claim(wish())
        assert claimed is not None
        assert claimed.attempt == attempt
        run(ledger.release_runs, Release((Token(claimed.id, attempt),), "stopped"))
    assert ledger.try_claim(wish()) is None
    assert newest().state is RunState.FAILED
    assert "Đã thử 5 lần" in newest().log
    assert watch == [0.0]


@pytest.mark.usefixtures("system")
def test_runs_of_one_job_do_not_overlap_unless_it_says_so(
    app: Flask, clock: FixedClock, counting: Counting
):
    first = run(lambda work, _data: ledger.queue(work, KEY), None)
    second = run(lambda work, _data: ledger.queue(work, KEY, {"n": 2}), None)
    claimed = ledger.try_claim(wish())
    assert claimed is not None
    assert claimed.run_id == first
    assert ledger.try_claim(wish()) is None
    also = ledger.try_claim(wish(parallel=frozenset({KEY})))
    assert also is not None
    assert also.run_id == second
    assert also.input == {"n": 2}


# -- queued runs --------------------------------------------------------------------------------


@pytest.mark.usefixtures("system")
def test_queued_run_commits_with_its_cause_or_not_at_all(app: Flask, counting: Counting):
    change(app, cron="")

    def cause(work: Work, fails: bool) -> UUID:
        run_id = ledger.queue(work, KEY, {"file": "a.xlsx"}, reason="nhập")
        if fails:
            raise ValueError
        return run_id

    with pytest.raises(ValueError, match=r"^$"):
        run(cause, True)
    assert db.session.scalar(select(func.count()).select_from(JobRun)) == 0
    run_id = run(cause, False)
    queued = newest()
    assert (queued.public_id, queued.kind, queued.state) == (
        run_id,
        RunKind.QUEUED,
        RunState.QUEUED,
    )
    counting.then = lambda call: f"read {call.input['file']}"
    assert worker.tick(app) == [KEY]
    assert newest().log == "read a.xlsx"
    with pytest.raises(NotFound):
        run(lambda work, _data: ledger.queue(work, "nobody.offers"), None)


@pytest.mark.usefixtures("system")
def test_run_queued_once_is_not_queued_again_until_it_ended(app: Flask, counting: Counting):
    change(app, cron="")

    def wanted(work: Work, word: str) -> UUID:
        return ledger.queue(work, KEY, once=word)

    first = run(wanted, "plan 3")
    assert run(wanted, "plan 3") == first
    assert run(wanted, "plan 4") != first
    assert worker.tick(app) == [KEY, KEY]
    assert run(wanted, "plan 3") != first


@pytest.mark.usefixtures("system")
def test_job_writes_its_effects_with_its_end_and_keeps_its_place(app: Flask, counting: Counting):
    change(app, cron="")

    def effects(call: JobCall) -> str:
        def chunk(work: Work, number: int) -> None:
            call.step(work, number, 3, f"phần {number}")
            if number == 2 and not call.done:
                raise ConnectionAbortedError

        def last(work: Work, _data: None) -> None:
            call.say("gần xong")
            call.link("/ke-hoach")
            call.finish_in(work, "đủ 3 phần")

        for number in range(call.done + 1, 4):
            run(chunk, number)
        run(last, None)
        return "not written"

    counting.then = effects
    run(lambda work, _data: ledger.queue(work, KEY), None)
    worker.tick(app)
    failed = newest()
    assert failed.state is RunState.FAILED
    # The chunk that raised left no mark; the one before it did.
    assert (failed.progress_done, failed.progress_total, failed.progress_text) == (1, 3, "phần 1")
    claimed = ledger.Claimed(failed.id, failed.public_id, KEY, failed.due_at, 2, {}, 1)
    db.session.rollback()
    run(again, claimed.id)
    effects(Call(claimed))
    ended = newest()
    assert ended.state is RunState.DONE
    assert ended.log.endswith("đủ 3 phần")
    assert "gần xong" in ended.log
    assert ended.result_url == "/ke-hoach"
    with pytest.raises(ValueError, match="not a path"):
        Call(claimed).link("https://elsewhere.example")


@pytest.mark.usefixtures("system")
def test_end_within_a_transaction_that_fails_ends_nothing(app: Flask, counting: Counting):
    def fails(work: Work, call: JobCall) -> None:
        call.finish_in(work, "never")
        raise Conflict("trùng")

    def job(call: JobCall) -> str:
        with pytest.raises(Conflict):
            run(fails, call)
        return "told the person"

    counting.then = job
    change(app, cron="")
    run(lambda work, _data: ledger.queue(work, KEY), None)
    worker.tick(app)
    assert (newest().state, newest().log) == (RunState.DONE, "told the person")


def again(work: Work, run_id: int) -> None:
    found = work.get(JobRun, run_id)
    found.state, found.attempts = RunState.RUNNING, 2


# -- failures and budgets ---------------------------------------------------------------------


@pytest.mark.usefixtures("system")
def test_job_that_raises_is_noted_and_tried_at_its_next_due_time(
    app: Flask, clock: FixedClock, counting: Counting
):
    def fail(_call: JobCall) -> str:
        raise ValueError("không có mạng")

    counting.then = fail
    clock.move_to(DUE + timedelta(minutes=1))
    worker.tick(app)
    assert states() == [(DUE, RunState.FAILED)]
    assert "không có mạng" in newest().log
    db.session.rollback()
    assert worker.tick(app) == []
    counting.then = lambda call: "ok"
    clock.advance(days=1)
    assert worker.tick(app) == [KEY]


@pytest.mark.usefixtures("system")
def test_run_whose_database_went_away_goes_back_into_the_queue(
    app: Flask, clock: FixedClock, counting: Counting
):
    def cut_off(_call: JobCall) -> str:
        counting.then = lambda call: "ok"
        raise OperationalError("SELECT 1", {}, Exception("server closed the connection"))

    counting.then = cut_off
    clock.move_to(DUE)
    assert worker.tick(app) == [KEY, KEY]
    assert states() == [(DUE, RunState.DONE)]
    assert newest().attempts == 2


@pytest.mark.usefixtures("system")
def test_run_over_its_budget_is_failed_and_its_function_can_write_no_more(
    app: Flask, settings: Settings, clock: FixedClock, counting: Counting
):
    change(app, budget_seconds=60)
    process, watch = process_of(app, settings)
    at_work, let_go, said = threading.Event(), threading.Event(), []

    def hang(call: JobCall) -> str:
        at_work.set()
        assert let_go.wait(20)
        try:
            call.progress(1)
        except RunLost:
            said.append("lost")
            raise
        return "never"

    counting.then = hang
    clock.move_to(DUE)
    process.plan()
    process.claim()
    assert at_work.wait(20)
    process.beat()
    beats = newest().beats
    assert beats == 2
    watch[0] += 61
    process.beat()
    assert newest().state is RunState.FAILED
    assert "Chạy quá 60 giây" in newest().log
    let_go.set()
    wait_for_end(process)
    assert said == ["lost"]
    assert newest().state is RunState.FAILED


@pytest.mark.usefixtures("system")
def test_run_over_its_budget_within_a_transaction_holds_up_no_signs_of_life(
    app: Flask, settings: Settings, clock: FixedClock, counting: Counting
):
    change(app, budget_seconds=60, parallel=True)
    process, watch = process_of(app, settings)
    began, let_go = threading.Barrier(3), threading.Event()
    # On SQLite one transaction writes at a time and all wait for it alike; there it ends first.
    is_sqlite = db.engine.dialect.name == "sqlite"

    def wait() -> None:
        began.wait(20)
        assert let_go.wait(20)

    def within(work: Work, call: JobCall) -> None:
        call.step(work, 1)
        if not is_sqlite:
            wait()

    def hold(call: JobCall) -> str:
        if call.input:
            run(within, call)
        if is_sqlite or not call.input:
            wait()
        return "ok"

    counting.then = hold
    run(lambda work, _data: ledger.queue(work, KEY, {"long": 1}), None)
    clock.move_to(DUE)
    process.plan()
    process.claim()
    began.wait(20)
    over, beside = sorted(process.active)
    process.active[beside].deadline = 1000
    watch[0] = 61
    before = db.session.get_one(JobRun, beside).beats
    db.session.rollback()
    process.beat()
    assert db.session.get_one(JobRun, beside).beats == before + 1
    is_over = db.session.get_one(JobRun, over).state is RunState.FAILED
    assert is_over == is_sqlite
    db.session.rollback()
    let_go.set()
    wait_for_end(process)
    assert newest().state is RunState.DONE


@pytest.mark.usefixtures("system")
def test_long_queued_runs_leave_a_thread_for_the_clock(
    app: Flask, settings: Settings, clock: FixedClock
):
    let_go, began = threading.Event(), threading.Semaphore(0)

    def long_one(_call: JobCall) -> str:
        began.release()
        assert let_go.wait(20)
        return "ok"

    quick = Counting()
    offer(
        app,
        JobSpec(key="test.long", label="Lâu", run=long_one, parallel=True),
        JobSpec(key=KEY, label="Đếm", cron="10 0 * * *", run=quick),
    )
    process = JobProcess(app, replace(settings, job_threads=2))
    for _number in range(3):
        run(lambda work, _data: ledger.queue(work, "test.long"), None)
    process.claim()
    assert began.acquire(timeout=20)
    clock.move_to(DUE)
    process.plan()
    process.claim()
    wait_for_quick = [one for one in threading.enumerate() if one.name == KEY]
    for thread in wait_for_quick:
        thread.join(timeout=20)
    assert quick.runs == [DUE]
    assert not began.acquire(blocking=False)
    # Nor is one taken over from another process with the last thread.
    with app.app_context():
        other = run(
            ledger.claim_run, Claim("elsewhere:1", 0, ["test.long"], frozenset({"test.long"}))
        )
    assert other is not None
    process.look_around()
    process.look_around()
    assert not began.acquire(blocking=False)
    let_go.set()
    for thread in threading.enumerate():
        if thread.name == "test.long":
            thread.join(timeout=20)


@pytest.mark.usefixtures("system")
def test_jobs_that_nobody_offers_sleep_and_wake(app: Flask, clock: FixedClock, counting: Counting):
    awake = host_of(app).registry.jobs
    clock.move_to(DUE)
    run(lambda work, _data: ledger.queue(work, KEY), None)
    offer(app)
    assert worker.tick(app) == []
    assert newest().state is RunState.QUEUED
    object.__setattr__(host_of(app).registry, "jobs", awake)
    assert worker.tick(app) == [KEY, KEY]


# -- tidiness ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("system")
def test_old_runs_are_removed_but_not_the_newest_of_a_job(
    app: Flask, clock: FixedClock, counting: Counting
):
    change(app, keep_days=30)
    for day in range(3):
        clock.move_to(DUE + day * DAY)
        worker.tick(app)
    clock.advance(days=400)
    assert ledger.prune_runs(clock.now()) == 2
    assert states() == [(DUE + 2 * DAY, RunState.DONE)]


@pytest.mark.usefixtures("system")
def test_ledger_refuses_a_second_row_for_a_due_moment(app: Flask, counting: Counting):
    run(ledger.note_due, ledger.Due(KEY, DUE))
    with pytest.raises(ledger.Conflict):
        run(ledger.note_due, ledger.Due(KEY, DUE))
    assert states() == [(DUE, RunState.QUEUED)]
    db.session.execute(text("SELECT 1"))
    db.session.rollback()

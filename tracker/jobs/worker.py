"""The job process: APScheduler ticks, the ledger decides what is due and who runs it.

Any number of these may run on any number of machines against one database. APScheduler keeps no
jobs of the product (its stores run them in every process, and forget or repeat them in silence):
it calls the four turns below in this process, and its triggers tell due moments. What becomes of
these moments is decided in the database alone.

Time between machines is never compared. A run's owner counts its signs of life up; another process
that saw no change for a whole lease by its own monotonic watch takes the run over.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger
from flask import Flask
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from tracker.config import Settings
from tracker.core.clock import LOCAL
from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting
from tracker.core.errors import Conflict, TrackerError
from tracker.core.work import run
from tracker.jobs.calls import Call
from tracker.jobs.child import ChildCommand, Verdict, child_command, run_child
from tracker.jobs.ledger import (
    Claim,
    Claimed,
    Due,
    Overrun,
    Release,
    RunLost,
    Sight,
    TakeOver,
    end_overrun,
    forget_future_misses,
    has_future_misses,
    is_waiting,
    newest_known,
    note_due,
    release_runs,
    renew,
    sights,
    take_over,
    try_claim,
)
from tracker.jobs.models import RunKind, RunState
from tracker.jobs.schedule import plan_for
from tracker.plugins import switch
from tracker.plugins.descriptors import JobSpec
from tracker.plugins.host import host_of
from tracker.web.contracts import contracts_of

log = logging.getLogger(__name__)

# A wall clock that moved this much against the monotonic one was set.
CLOCK_JUMP_SECONDS = 2.0
BEATS_PER_LEASE = 3


def process_name() -> str:
    """Return a name for this process that no other has, on this machine or another."""
    return f"{socket.gethostname()[:80]}:{os.getpid()}:{secrets.token_hex(3)}"


@contextmanager
def job_context(app: Flask, name: str) -> Iterator[None]:
    """Act as the system inside the app, with a session of its own."""
    clock = contracts_of(app).clock
    with (
        app.app_context(),
        acting(Context(SYSTEM_ACTOR, clock, Source.JOB, request_id=name[:64])),
    ):
        yield


def is_gone(error: BaseException) -> bool:
    """Tell whether an error says that the database does not answer, or is held by another."""
    if isinstance(error, OperationalError | InterfaceError):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


@dataclass
class Active:
    """A run that this process is at: what its function got, and when it has to be over."""

    call: Call
    spec: JobSpec
    in_child: bool
    deadline: float


@dataclass
class Watched:
    """A sight of a run of another process, and since when it has not changed."""

    sight: Sight
    since: float


@dataclass
class JobProcess:
    """One job process: its four turns, and the runs it is at.

    `command` makes the command line of a child process; `watch` is the monotonic watch.
    """

    app: Flask
    settings: Settings
    command: ChildCommand = child_command
    watch: Callable[[], float] = time.monotonic
    name: str = field(default_factory=process_name)
    active: dict[int, Active] = field(default_factory=dict)
    watched: dict[int, Watched] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)
    # Held while `active` changes, and while runs are claimed: the pool's bound is exact.
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def jobs(self) -> Mapping[str, JobSpec]:
        """The jobs that are offered now; those of a disabled plug-in sleep."""
        return host_of(self.app).registry.jobs

    # -- turns --------------------------------------------------------------------------------

    def plan(self) -> None:
        """Write the due moments that have come into the ledger."""
        with job_context(self.app, self.name):
            # Plug-ins that were switched on or off since the last turn.
            switch.look()
            jobs = {key: spec for key, spec in self.jobs.items() if spec.cron}
            now = contracts_of(self.app).clock.now()
            if has_future_misses(now):
                run(forget_future_misses, None)
            known = newest_known(jobs, now)
            for key, spec in jobs.items():
                plan = plan_for(spec, known.get(key), now)
                if plan.run_for is None and not plan.missed:
                    continue
                try:
                    run(note_due, Due(key, plan.run_for, plan.missed, plan.has_more))
                except Conflict:
                    log.debug("another process noted the due moments of %s", key)

    def claim(self) -> None:
        """Begin waiting runs while there are threads for them."""
        while not self.stopping.is_set():
            with self.lock:
                active = self._claim_one()
                if active is None:
                    return
            self._start_thread(active)

    def beat(self) -> None:
        """Give signs of life, and end what has used up its time."""
        for active in list(self.active.values()):
            call = active.call
            with job_context(self.app, self.name):
                # A child is killed by whoever waits for it; a thread can only be disowned.
                if self.watch() > active.deadline and not active.in_child:
                    if run(end_overrun, Overrun(call.token, _over_budget(active.spec))):
                        call.lost.set()
                elif not run(renew, call.token):
                    call.lost.set()

    def look_around(self) -> None:
        """Take over runs whose process gives no signs of life."""
        try:
            with job_context(self.app, self.name):
                seen = {one.id: one for one in sights(list(self.jobs)) if one.id not in self.active}
        except DBAPIError:
            # Nobody can give signs of life now.
            self.watched.clear()
            raise
        now = self.watch()
        self.watched = {
            key: self.watched[key]
            if key in self.watched and self.watched[key].sight == sight
            else Watched(sight, now)
            for key, sight in seen.items()
        }
        for key, watched in list(self.watched.items()):
            if now - watched.since >= watched.sight.lease_seconds and not self.stopping.is_set():
                del self.watched[key]
                self._take_over(watched.sight)

    # -- one run --------------------------------------------------------------------------------

    def _wish(self, jobs: Mapping[str, JobSpec]) -> Claim:
        return Claim(
            process=self.name,
            lease_seconds=self.settings.job_lease_seconds,
            jobs=sorted(jobs),
            parallel=frozenset(key for key, spec in jobs.items() if spec.parallel),
            most_attempts={key: spec.attempts for key, spec in jobs.items()},
            # The last thread is kept for the clock: long imports must not hold it up.
            scheduled_only=len(self.active) >= self.settings.job_threads - 1,
        )

    def _claim_one(self) -> Active | None:
        if len(self.active) >= self.settings.job_threads:
            return None
        # Kept: plug-ins may be switched off while the run is claimed.
        jobs = self.jobs
        with job_context(self.app, self.name):
            wish = self._wish(jobs)
            claimed = try_claim(wish) if is_waiting(wish) else None
        return self._begin(claimed, jobs) if claimed else None

    def _take_over(self, seen: Sight) -> None:
        with self.lock:
            free = self.settings.job_threads - len(self.active)
            # As with claims, the last thread is kept for the clock.
            if free < (1 if seen.kind is RunKind.SCHEDULED else 2):
                return
            jobs = self.jobs
            if seen.job not in jobs:
                return
            with job_context(self.app, self.name):
                claimed = run(take_over, TakeOver(self._wish(jobs), seen, time.monotonic()))
            if claimed is None:
                return
            log.warning("run %s of %s is taken over", claimed.run_id, claimed.job)
            active = self._begin(claimed, jobs)
        self._start_thread(active)

    def _start_thread(self, active: Active) -> None:
        threading.Thread(
            target=self._run_in_thread, args=(active,), name=active.call.job, daemon=True
        ).start()

    def _begin(self, claimed: Claimed, jobs: Mapping[str, JobSpec]) -> Active:
        spec = jobs[claimed.job]
        active = Active(
            Call(claimed),
            spec,
            spec.own_process or is_foreign(self.app, claimed.job),
            self.watch() + spec.budget_seconds,
        )
        self.active[claimed.id] = active
        return active

    def _run_in_thread(self, active: Active) -> None:
        call = active.call
        try:
            if active.in_child:
                self._run_child(active)
            else:
                self._run_here(active)
        except Exception:
            # The ledger could not be written. The run stays without signs of life, and whoever
            # reaches the database first goes on with it.
            log.exception("run %s of %s is left", call.run_id, call.job)
        finally:
            with self.lock:
                if self.active.get(call.token.id) is active:
                    del self.active[call.token.id]

    def _run_here(self, active: Active) -> None:
        call = active.call
        with job_context(self.app, self.name):
            execute(call, active.spec)

    def _run_child(self, active: Active) -> None:
        call = active.call
        ended = run_child(self.command(call), call, lambda: self.watch() > active.deadline)
        if ended.verdict is Verdict.LOST:
            return
        with job_context(self.app, self.name):
            if ended.verdict is Verdict.OVER_BUDGET:
                end(call, RunState.FAILED, _over_budget(active.spec))
                return
            # A child that did its work has ended its run; this finds one that died first.
            said = _("Tiến trình con dừng với mã %(code)d.", code=ended.code)
            end(call, RunState.FAILED, "\n".join(filter(None, (ended.words, said))))

    # -- the process ----------------------------------------------------------------------------

    def run_due(self) -> list[str]:
        """Run all that is due or queued, here and one after the other; return the keys in order.

        For tests and for `tracker jobs run --here`; no signs of life are given meanwhile.
        """
        self.plan()
        ran: list[str] = []
        while True:
            with self.lock:
                active = self._claim_one()
            if active is None:
                return ran
            self._run_in_thread(active)
            ran.append(active.call.job)

    def stop(self, *_signal: object) -> None:
        """Tell the process to end."""
        self.stopping.set()

    def serve(self) -> None:
        """Tick until told to stop, let runs end for a while, and give back those that don't."""
        scheduler = self._scheduler()
        scheduler.start()
        log.info("job process %s is ticking", self.name)
        offset = time.time() - time.monotonic()
        while not self.stopping.wait(1):
            now = time.time() - time.monotonic()
            if abs(now - offset) > CLOCK_JUMP_SECONDS:
                log.warning("the clock was set by %.0f s", now - offset)
                call_now(scheduler)
            offset = now
        for name in ("plan", "claim", "look_around"):
            scheduler.remove_job(name)
        deadline = time.monotonic() + self.settings.job_grace_seconds
        while self.active and time.monotonic() < deadline:
            time.sleep(0.05)
        scheduler.shutdown(wait=False)
        self._give_back()

    def _scheduler(self) -> BackgroundScheduler:
        # What a turn that is still under way skips is no news.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        scheduler = BackgroundScheduler(
            timezone=LOCAL, executors={"default": ThreadPoolExecutor(max_workers=4)}
        )
        beat = self.settings.job_lease_seconds / BEATS_PER_LEASE
        turns: tuple[tuple[Callable[[], None], float], ...] = (
            (self.plan, self.settings.job_tick_seconds),
            (self.claim, self.settings.job_poll_seconds),
            (self.beat, beat),
            (self.look_around, beat),
        )
        for turn, seconds in turns:
            scheduler.add_job(
                Turn(turn),
                IntervalTrigger(seconds=seconds, timezone=LOCAL),
                id=turn.__name__,
                coalesce=True,
                max_instances=1,
                misfire_grace_time=None,
                next_run_time=datetime.now(UTC),
            )
        return scheduler

    def _give_back(self) -> None:
        left = list(self.active.values())
        for active in left:
            active.call.lost.set()
        if not left:
            return
        try:
            with job_context(self.app, self.name):
                tokens = tuple(active.call.token for active in left)
                run(release_runs, Release(tokens, _("Tiến trình dừng giữa chừng.")))
        except DBAPIError:
            log.warning("%d runs are left without signs of life", len(left))


@dataclass
class Turn:
    """Calls a turn; a database that is away is waited for, with one line in the log."""

    turn: Callable[[], None]
    is_away: bool = False

    def __call__(self) -> None:
        """Take the turn."""
        try:
            self.turn()
        except DBAPIError as error:
            if not is_gone(error):
                raise
            if not self.is_away:
                log.warning("the database does not answer: %s", error.orig)
            self.is_away = True
        else:
            self.is_away = False


def call_now(scheduler: BackgroundScheduler) -> None:
    """Have every turn taken now: APScheduler waits by the wall clock, which was set."""
    for job in scheduler.get_jobs():
        job.modify(next_run_time=datetime.now(UTC))


def end(call: Call, state: RunState, said: str) -> None:
    """Write how a run ended, unless it has ended or is another process's by now."""
    try:
        call.end(state, said)
    except RunLost:
        log.debug("run %s had ended", call.run_id)


def execute(call: Call, spec: JobSpec) -> None:
    """Run the function of a job and write how it ended, inside a job context.

    An error that says the database is away leaves the run to whoever reaches it first.
    """
    try:
        said = spec.run(call)
        if not call.is_over:
            call.end(RunState.DONE, said)
    except RunLost:
        log.warning("run %s of %s was lost", call.run_id, call.job)
    except Exception as error:
        if is_gone(error):
            log.warning("run %s of %s lost the database", call.run_id, call.job)
            run(release_runs, Release((call.token,), f"{type(error).__name__}: {error}"))
            return
        # A job may raise anything; the ledger keeps what it was, and the next due time comes.
        log.exception("job %s failed", call.job)
        end(call, RunState.FAILED, words_of(error))


def words_of(error: Exception) -> str:
    """Return what the ledger says of an error: the product's own are written for people."""
    if isinstance(error, TrackerError) and error.message:
        return str(error.message)
    return f"{type(error).__name__}: {error}"


def _over_budget(spec: JobSpec) -> str:
    return str(
        ngettext(
            "Chạy quá %(num)d giây cho phép nên bị dừng.",
            "Chạy quá %(num)d giây cho phép nên bị dừng.",
            spec.budget_seconds,
        )
    )


def is_foreign(app: Flask, job: str) -> bool:
    """Tell whether a job is a plug-in's, and runs in a process of its own."""
    return host_of(app).is_foreign("jobs", job)


def tick(app: Flask) -> list[str]:
    """Run whatever is due now in this thread; return the keys of the jobs that ran, in order."""
    settings: Settings = app.extensions["tracker_settings"]
    return JobProcess(app, settings).run_due()


def serve(app: Flask) -> None:
    """Be a job process until SIGTERM or SIGINT."""
    process = JobProcess(app, app.extensions["tracker_settings"])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, process.stop)
    process.serve()

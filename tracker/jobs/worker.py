"""The job process: APScheduler ticks, the ledger decides what is due and who runs it."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger
from flask import Flask

from tracker.core.clock import LOCAL, Clock
from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting
from tracker.core.db import db
from tracker.core.work import run
from tracker.jobs.ledger import (
    Claim,
    Ending,
    Missed,
    Renewal,
    abandoned,
    end_run,
    newest_due,
    note_missed,
    renew_lease,
    try_claim,
)
from tracker.jobs.models import RunState
from tracker.jobs.schedule import due_moments, last_due
from tracker.plugins.descriptors import JobSpec
from tracker.plugins.host import host_of
from tracker.web.contracts import contracts_of

log = logging.getLogger(__name__)

TICK_SECONDS = 20
LEASE = timedelta(minutes=5)


def process_name() -> str:
    """Return a name of this process that no other machine's has."""
    return f"{socket.gethostname()}:{os.getpid()}"


@contextmanager
def job_context(app: Flask, clock: Clock) -> Iterator[None]:
    """Act as the system inside the app, with a session of its own."""
    with (
        app.app_context(),
        acting(Context(SYSTEM_ACTOR, clock, Source.JOB, request_id=process_name())),
    ):
        yield


def tick(app: Flask) -> list[str]:
    """Run whatever is due now; return the keys of the jobs that ran, in order."""
    clock = contracts_of(app).clock
    ran: list[str] = []
    with job_context(app, clock):
        now = clock.now()
        jobs = host_of(app).registry.jobs
        waiting = [(jobs[key], due) for key, due in abandoned(now) if key in jobs]
        for spec in jobs.values():
            waiting.extend((spec, due) for due in _due(spec, now))
        for spec, due_at in waiting:
            if _run_once(app, clock, spec, due_at):
                ran.append(spec.key)
    return ran


def _due(spec: JobSpec, now: datetime) -> list[datetime]:
    """Return the moment to run for, if any: the newest due one; older ones are noted as missed.

    Late runs never fire together: of several moments that were slept through, one run catches up.
    """
    catch_up = timedelta(seconds=spec.catch_up_seconds)
    known = newest_due(spec.key)
    if known is None:
        newest = last_due(spec.cron, now, catch_up)
        return [newest] if newest else []
    moments = list(due_moments(spec.cron, known, now))
    if not moments:
        return []
    *older, newest = moments
    for moment in older:
        run(note_missed, Missed(spec.key, moment))
    if now - newest > catch_up:
        run(note_missed, Missed(spec.key, newest))
        return []
    return [newest]


def _run_once(app: Flask, clock: Clock, spec: JobSpec, due_at: datetime) -> bool:
    run_id = try_claim(Claim(spec.key, due_at, process_name(), LEASE))
    if run_id is None:
        return False
    over = threading.Event()
    heart = threading.Thread(target=_beat, args=(app, clock, run_id, over), daemon=True)
    heart.start()
    try:
        said = spec.run(due_at)
        ending = Ending(run_id, RunState.DONE, said)
    except Exception as error:
        # A job may raise anything; the ledger keeps what it was, and the next due time comes.
        log.exception("job %s failed", spec.key)
        ending = Ending(run_id, RunState.FAILED, f"{type(error).__name__}: {error}")
    finally:
        over.set()
        heart.join()
    db.session.rollback()
    run(end_run, ending)
    return True


def _beat(app: Flask, clock: Clock, run_id: int, over: threading.Event) -> None:
    while not over.wait(LEASE.total_seconds() / 3):
        with job_context(app, clock):
            if not run(renew_lease, Renewal(run_id, process_name(), LEASE)):
                log.warning("run %s was taken over by another process", run_id)
                return


def serve(app: Flask) -> None:
    """Tick until SIGTERM or SIGINT; a run that is under way is finished first."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    scheduler = BackgroundScheduler(
        timezone=LOCAL, executors={"default": ThreadPoolExecutor(max_workers=1)}
    )
    scheduler.add_job(
        tick,
        IntervalTrigger(seconds=TICK_SECONDS, timezone=LOCAL),
        args=[app],
        id="tick",
        coalesce=True,
        max_instances=1,
        misfire_grace_time=None,
        next_run_time=datetime.now(LOCAL),
    )
    scheduler.start()
    log.info("job process %s is ticking", process_name())
    stop.wait()
    scheduler.shutdown(wait=True)

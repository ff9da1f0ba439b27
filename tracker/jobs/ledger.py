"""The ledger: who runs which due moment, and how it ended.

(job, due_at) is unique, so the database itself lets one process have a run. A run whose lease has
passed belongs to a process that died, and is taken over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from tracker.core.db import db
from tracker.core.errors import Conflict
from tracker.core.work import Work, run
from tracker.jobs.models import JobRun, RunState

LONGEST_LOG = 20_000


@dataclass(frozen=True)
class Claim:
    """A wish to run `job` for the moment it was due at, as process `process`."""

    job: str
    due_at: datetime
    process: str
    lease: timedelta


@dataclass(frozen=True)
class Ending:
    """How a run ended."""

    run_id: int
    state: RunState
    log: str


def claim_run(work: Work, data: Claim) -> int | None:
    """Take the run and return its id; None when another process has it or it is over."""
    found = work.session.scalars(
        select(JobRun).where(JobRun.job == data.job, JobRun.due_at == data.due_at).with_for_update()
    ).one_or_none()
    if found is None:
        found = JobRun(job=data.job, due_at=data.due_at, state=RunState.RUNNING)
        work.session.add(found)
    elif found.state is not RunState.RUNNING or (found.lease_until or work.now) > work.now:
        return None
    found.state = RunState.RUNNING
    found.started_at = work.now
    found.lease_until = work.now + data.lease
    found.process = data.process
    work.session.flush()
    return found.id


def try_claim(claim: Claim) -> int | None:
    """Claim in a unit of work of its own; losing the race for a new row is not an error."""
    try:
        return run(claim_run, claim)
    except Conflict:
        return None


@dataclass(frozen=True)
class Renewal:
    """A sign of life of a run."""

    run_id: int
    process: str
    lease: timedelta


def renew_lease(work: Work, data: Renewal) -> bool:
    """Prolong the lease; False when the run was taken over meanwhile."""
    found = work.get(JobRun, data.run_id)
    if found.state is not RunState.RUNNING or found.process != data.process:
        return False
    found.lease_until = work.now + data.lease
    return True


def end_run(work: Work, data: Ending) -> None:
    """Write how a run ended."""
    found = work.get(JobRun, data.run_id)
    found.state = data.state
    found.ended_at = work.now
    found.lease_until = None
    found.log = data.log[-LONGEST_LOG:]


@dataclass(frozen=True)
class Missed:
    """A due moment that is too old to be caught up."""

    job: str
    due_at: datetime


def note_missed(work: Work, data: Missed) -> None:
    """Say that a due moment passed without a run."""
    work.session.add(
        JobRun(job=data.job, due_at=data.due_at, state=RunState.MISSED, ended_at=work.now)
    )


def newest_due(job: str) -> datetime | None:
    """Return the newest due moment that the ledger knows of a job."""
    newest: datetime | None = db.session.execute(
        select(func.max(JobRun.due_at)).where(JobRun.job == job)
    ).scalar()
    return newest


def abandoned(now: datetime) -> list[tuple[str, datetime]]:
    """Return (job, due) of the runs whose process seems dead."""
    rows = db.session.execute(
        select(JobRun.job, JobRun.due_at).where(
            JobRun.state == RunState.RUNNING, JobRun.lease_until < now
        )
    )
    return [(row.job, row.due_at) for row in rows]

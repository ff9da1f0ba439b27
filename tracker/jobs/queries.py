"""What pages and commands show of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select

from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import NotFound
from tracker.jobs.ledger import newest_known
from tracker.jobs.models import ENDED, JobRun, RunKind, RunState
from tracker.jobs.schedule import next_due, plan_for, start_delay
from tracker.plugins.host import current_registry

VIEW = "jobs.view"
RUN = "jobs.run"


@dataclass(frozen=True)
class JobLine:
    """One job: what it is, when it comes next, how it went last, and what is under way."""

    key: str
    label: str
    hint: str = ""
    cron: str = ""
    next_due: datetime | None = None
    by_hand: bool = False
    is_asleep: bool = False
    last: JobRun | None = None
    under_way: JobRun | None = None


def job_lines(now: datetime) -> list[JobLine]:
    """Return the jobs that are offered, and those that the ledger knows from plug-ins asleep."""
    jobs = current_registry().jobs
    last = _newest(JobRun.state.in_(ENDED))
    under_way = _newest(JobRun.state.in_((RunState.QUEUED, RunState.RUNNING)))
    lines = [
        JobLine(
            key=key,
            label=str(spec.label),
            hint=str(spec.hint),
            cron=spec.cron,
            next_due=_next(key, now),
            by_hand=spec.by_hand,
            last=last.get(key),
            under_way=under_way.get(key),
        )
        for key, spec in jobs.items()
    ]
    for key in sorted((last.keys() | under_way.keys()) - jobs.keys()):
        lines.append(
            JobLine(
                key=key,
                label=key,
                is_asleep=True,
                last=last.get(key),
                under_way=under_way.get(key),
            )
        )
    return lines


def _next(key: str, now: datetime) -> datetime | None:
    spec = current_registry().jobs[key]
    found = next_due(spec.cron, now - start_delay(spec))
    return found + start_delay(spec) if found else None


def _newest(condition: Any) -> dict[str, JobRun]:
    newest = select(func.max(JobRun.id)).where(condition).group_by(JobRun.job)
    rows = db.session.scalars(select(JobRun).where(JobRun.id.in_(newest)))
    return {one.job: one for one in rows}


@dataclass(frozen=True)
class RunFilter:
    """Which runs to list; None or '' for all."""

    job: str = ""
    state: RunState | None = None
    kind: RunKind | None = None


def runs_query(wanted: RunFilter) -> Select[JobRun]:
    """Return the query for runs, newest first."""
    query = select(JobRun).order_by(JobRun.id.desc())
    if wanted.job:
        query = query.where(JobRun.job == wanted.job)
    if wanted.state is not None:
        query = query.where(JobRun.state == wanted.state)
    if wanted.kind is not None:
        query = query.where(JobRun.kind == wanted.kind)
    return query


def known_jobs() -> Sequence[str]:
    """Return the keys of all jobs that the ledger knows."""
    return db.session.scalars(select(JobRun.job).distinct().order_by(JobRun.job)).all()


def label_of(job: str) -> str:
    """Return the name of a job in the reader's language; its key when nobody offers it now."""
    spec = current_registry().jobs.get(job)
    return str(spec.label) if spec else job


def result_label_of(job: str) -> str:
    """Return what leads to the result of a job's runs; '' where the job doesn't say."""
    spec = current_registry().jobs.get(job)
    return str(spec.result_label) if spec else ""


def get_run(run_id: UUID) -> JobRun:
    """Return a run that the reader may see: all for who holds jobs.view, else one's own.

    Raises NotFound.
    """
    found = db.session.scalars(select(JobRun).where(JobRun.public_id == run_id)).one_or_none()
    actor = current().actor
    is_own = found is not None and found.asked_by_id is not None
    is_own = is_own and found is not None and found.asked_by_id == actor.user_id
    if found is None or not (is_own or actor.access.holds(VIEW)):
        raise NotFound
    return found


def waiting_since() -> datetime | None:
    """Return since when the oldest run waits that some process should have taken, None if none.

    Runs of jobs that nobody offers now sleep, and are not counted.
    """
    jobs = list(current_registry().jobs)
    oldest: datetime | None = db.session.scalar(
        select(func.min(JobRun.due_at)).where(JobRun.state == RunState.QUEUED, JobRun.job.in_(jobs))
    )
    return oldest


def late_jobs(now: datetime, grace: timedelta) -> list[str]:
    """Return the jobs whose due moment passed by more than `grace` without a line in the ledger."""
    jobs = {key: spec for key, spec in current_registry().jobs.items() if spec.cron}
    known = newest_known(jobs, now)
    plans = {key: plan_for(jobs[key], moment, now - grace) for key, moment in known.items()}
    return [key for key in jobs if key in plans and (plans[key].run_for or plans[key].missed)]


def last_line(log: str) -> str:
    """Return the last line of a log: what the run came to."""
    return log.rstrip("\n").rpartition("\n")[2]


def seconds_of(one: JobRun) -> float | None:
    """Return how long a run took from its first start to its end, None while there is neither."""
    if one.started_at is None or one.ended_at is None:
        return None
    return max(0.0, (one.ended_at - one.started_at).total_seconds())

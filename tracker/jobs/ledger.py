"""The ledger: what is queued, who runs what, and how it ended.

The database itself lets one process have a run: a due moment's row is unique, a claim locks its
row, and every claim raises the run's number of attempts. That number is the fencing token. Whoever
holds an older one (a process that hung while its run was given to another) is refused everywhere:
at signs of life, at the end, and inside the units of work that write the job's effects.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import case, delete, exists, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from tracker.core.clock import to_local
from tracker.core.db import db
from tracker.core.errors import Conflict, NotFound, TrackerError, ValidationFailed
from tracker.core.work import Work, run
from tracker.jobs.models import ENDED, JobRun, RunKind, RunState
from tracker.jobs.schedule import ON_TIME
from tracker.plugins.events import JobFailed
from tracker.plugins.host import current_registry

LONGEST_LOG = 20_000
LONGEST_MESSAGE = 500
LONGEST_REASON = 2000
PRUNE_BATCH = 500


class RunLost(TrackerError):
    """The run belongs to another process now, or its time is up; nothing is written for it."""


# -- queueing ---------------------------------------------------------------------------------


def queue(
    work: Work,
    job: str,
    data: Mapping[str, Any] | None = None,
    *,
    once: str = "",
    reason: str = "",
) -> UUID:
    """Put a run of `job` into the queue, in the transaction of its cause; return its identity.

    `data` are plain values (as JSON holds them). With `once`, a run that was queued under the same
    word and has not ended is returned instead of a second one. Raises NotFound for a job that
    nobody offers.
    """
    if job not in current_registry().jobs:
        raise NotFound
    once_key = f"{job}:{once}" if once else None
    if once_key is not None:
        waiting = _open_under(work, once_key)
        if waiting is not None:
            return waiting
    queued = JobRun(
        job=job,
        kind=RunKind.QUEUED,
        due_at=work.now,
        input=dict(data or {}),
        once_key=once_key,
        asked_by_id=work.actor.user_id,
        asked_by_name=work.actor.name,
        reason=reason[:LONGEST_REASON],
    )
    try:
        with work.session.begin_nested():
            work.session.add(queued)
    except IntegrityError:
        waiting = _open_under(work, once_key) if once_key else None
        if waiting is None:
            raise
        return waiting
    return queued.public_id


def _open_under(work: Work, once_key: str) -> UUID | None:
    return work.session.scalars(
        select(JobRun.public_id).where(JobRun.once_key == once_key)
    ).one_or_none()


@dataclass(frozen=True)
class StartByHand:
    """A person's wish to have a job run now."""

    job: str
    reason: str = ""


def start_by_hand(work: Work, data: StartByHand) -> UUID:
    """Queue a run now, or return the one that was asked for and has not ended.

    Raises NotFound, PermissionDenied, and ValidationFailed for a job that needs an input.
    """
    work.require_held("jobs.run")
    spec = current_registry().jobs.get(data.job)
    if spec is None:
        raise NotFound
    if not spec.by_hand:
        raise ValidationFailed({"job": _("Việc này không chạy tay được.")})
    if len(data.reason) > LONGEST_REASON:
        raise ValidationFailed({"reason": _("Lý do dài quá %(most)d ký tự.", most=LONGEST_REASON)})
    return queue(work, data.job, once="by-hand", reason=data.reason)


# -- the clock --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Due:
    """Due moments of one job that have come: one to run for, and those that are missed."""

    job: str
    run_for: datetime | None = None
    missed: Sequence[datetime] = ()
    has_more: bool = False


def note_due(work: Work, data: Due) -> None:
    """Write due moments into the ledger. Raises Conflict when another process was faster.

    A moment that still waits for its start when the next one comes is missed: runs never pile up.
    """
    log = _("Không tiến trình nào chạy vào giờ này.")
    if data.has_more:
        log += " " + _("Những giờ trước đó cũng bị bỏ lỡ và không được liệt kê.")
    for moment in data.missed:
        work.session.add(
            JobRun(
                job=data.job,
                due_at=moment,
                state=RunState.MISSED,
                ended_at=work.now,
                log=log if moment is data.missed[0] else "",
            )
        )
    if data.run_for is None:
        return
    waiting = work.session.scalars(
        select(JobRun)
        .where(
            JobRun.job == data.job,
            JobRun.kind == RunKind.SCHEDULED,
            JobRun.state == RunState.QUEUED,
            JobRun.due_at < data.run_for,
        )
        .with_for_update(skip_locked=True)
    )
    for older in waiting:
        older.state = RunState.MISSED
        older.ended_at = work.now
        older.log = _("Chưa kịp chạy thì đã đến giờ sau.")
    work.session.add(JobRun(job=data.job, due_at=data.run_for))
    work.session.flush()


def newest_known(jobs: Collection[str], now: datetime) -> dict[str, datetime]:
    """Return by job the newest due moment in the ledger that is not after `now`. One query.

    Later ones were written while a clock was ahead; they must not keep the job from its moments.
    A job that has none but later ones is known, and owes nothing from before now. One that the
    ledger doesn't know at all is left out.
    """
    come = case((JobRun.due_at <= now, JobRun.due_at))
    rows = db.session.execute(
        select(JobRun.job, func.max(come).label("newest"))
        .where(JobRun.kind == RunKind.SCHEDULED, JobRun.job.in_(sorted(jobs)))
        .group_by(JobRun.job)
    )
    return {row.job: row.newest or now - ON_TIME for row in rows}


def has_future_misses(now: datetime) -> bool:
    """Tell whether moments that are yet to come were declared missed by a clock that was ahead."""
    return bool(db.session.scalar(select(exists().where(*_future_misses(now)))))


def forget_future_misses(work: Work, _data: None) -> int:
    """Take back what a clock that was ahead declared missed; return how many."""
    done = work.session.execute(delete(JobRun).where(*_future_misses(work.now)))
    return int(done.rowcount)  # type: ignore[attr-defined]


def _future_misses(now: datetime) -> tuple[Any, ...]:
    return (
        JobRun.state == RunState.MISSED,
        JobRun.kind == RunKind.SCHEDULED,
        JobRun.due_at > now + ON_TIME,
    )


# -- claims and signs of life -----------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """A wish of `process` to take the oldest waiting run of one of `jobs`.

    `parallel` are those of them whose runs may overlap, `most_attempts` how often each is tried.
    """

    process: str
    lease_seconds: float
    jobs: Sequence[str]
    parallel: frozenset[str] = frozenset()
    most_attempts: Mapping[str, int] = field(default_factory=dict)
    scheduled_only: bool = False


@dataclass(frozen=True)
class Claimed:
    """A run that this process has, as it was at that moment; `attempt` is its fencing token."""

    id: int
    run_id: UUID
    job: str
    due_at: datetime
    attempt: int
    input: Mapping[str, Any]
    done: int = 0


def _claimable(claim: Claim) -> list[Any]:
    running = aliased(JobRun)
    conditions: list[Any] = [
        JobRun.state == RunState.QUEUED,
        JobRun.job.in_(claim.jobs),
        or_(
            JobRun.job.in_(claim.parallel),
            ~exists().where(running.alone_key == JobRun.job),
        ),
    ]
    if claim.scheduled_only:
        conditions.append(JobRun.kind == RunKind.SCHEDULED)
    return conditions


def is_waiting(claim: Claim) -> bool:
    """Tell whether there is a run to claim; a look into an index, without any lock."""
    return bool(db.session.scalar(select(exists().where(*_claimable(claim)))))


def claim_run(work: Work, data: Claim) -> Claimed | None:
    """Take a waiting run; None when there is none, or others were faster.

    Raises Conflict when another process began a run of the same job at the same time.
    """
    found = work.session.scalars(
        select(JobRun)
        .where(*_claimable(data))
        .order_by(JobRun.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if found is None:
        return None
    if found.attempts >= data.most_attempts.get(found.job, 1):
        _give_up(work, found)
        return None
    return _take(work, found, data.process, data.lease_seconds, data.parallel)


def try_claim(claim: Claim) -> Claimed | None:
    """Claim in a unit of work of its own; losing a race is not an error."""
    try:
        return run(claim_run, claim)
    except Conflict:
        return None


@dataclass(frozen=True)
class Sight:
    """A running run as another process sees it: while its token or its beats change, it lives."""

    id: int
    job: str
    attempts: int
    beats: int
    lease_seconds: float
    kind: RunKind


def sights(jobs: Sequence[str]) -> list[Sight]:
    """Return the running runs of these jobs."""
    rows = db.session.execute(
        select(
            JobRun.id,
            JobRun.job,
            JobRun.attempts,
            JobRun.beats,
            JobRun.lease_seconds,
            JobRun.kind,
        ).where(JobRun.state == RunState.RUNNING, JobRun.job.in_(jobs))
    )
    return [Sight(*row) for row in rows]


@dataclass(frozen=True)
class TakeOver:
    """A wish to take a run that was seen without a sign of life for a whole lease.

    `asked_at` is the time.monotonic() of the wish. Who waited long for the database knows nothing
    about the other process, which waited as well.
    """

    claim: Claim
    seen: Sight
    asked_at: float


def take_over(work: Work, data: TakeOver) -> Claimed | None:
    """Take a run from a process that seems dead; None when it shows a sign of life after all."""
    found = work.session.scalars(
        select(JobRun).where(JobRun.id == data.seen.id).with_for_update(skip_locked=True)
    ).one_or_none()
    # A row that is locked is being written by its owner: the owner lives.
    if found is None or found.state is not RunState.RUNNING:
        return None
    if (found.attempts, found.beats) != (data.seen.attempts, data.seen.beats):
        return None
    if time.monotonic() - data.asked_at > data.seen.lease_seconds / 2:
        return None
    found.log = _with_line(
        found.log, _("Tiến trình %(process)s không còn dấu hiệu chạy.", process=found.process)
    )
    if found.attempts >= data.claim.most_attempts.get(found.job, 1):
        _give_up(work, found)
        return None
    claim = data.claim
    return _take(work, found, claim.process, claim.lease_seconds, claim.parallel)


def _give_up(work: Work, found: JobRun) -> None:
    said = ngettext(
        "Đã thử %(num)d lần mà không xong.", "Đã thử %(num)d lần mà không xong.", found.attempts
    )
    _end(work, found, RunState.FAILED, str(said))


def _take(
    work: Work, found: JobRun, process: str, lease_seconds: float, parallel: frozenset[str]
) -> Claimed:
    found.state = RunState.RUNNING
    found.attempts += 1
    found.alone_key = None if found.job in parallel else found.job
    found.started_at = found.started_at or work.now
    found.process = process
    found.lease_seconds = lease_seconds
    _beat(found, work.now)
    work.session.flush()
    return Claimed(
        found.id,
        found.public_id,
        found.job,
        found.due_at,
        found.attempts,
        found.input,
        found.progress_done,
    )


def _beat(found: JobRun, now: datetime) -> None:
    found.beats += 1
    found.beat_at = now


@dataclass(frozen=True)
class Token:
    """The right to act for a run."""

    id: int
    attempt: int


def held(work: Work, token: Token) -> JobRun:
    """Return the run, locked until the unit of work ends. Raises RunLost when it is not ours."""
    found = work.session.get(JobRun, token.id, with_for_update=True, populate_existing=True)
    if found is None or found.state is not RunState.RUNNING or found.attempts != token.attempt:
        raise RunLost(_("Lần chạy này đã thuộc về tiến trình khác."))
    return found


def renew(work: Work, token: Token) -> bool:
    """Give a sign of life; False when the run was lost.

    A row that is locked is being written in the run's own unit of work, which beats as well.
    """
    found = _unless_locked(work, token)
    if found is not None:
        _beat(found, work.now)
        return True
    return work.session.scalar(select(exists().where(*_mine(token)))) or False


def _mine(token: Token) -> tuple[Any, ...]:
    return (
        JobRun.id == token.id,
        JobRun.state == RunState.RUNNING,
        JobRun.attempts == token.attempt,
    )


def _unless_locked(work: Work, token: Token) -> JobRun | None:
    """Return the run, locked, if it is ours and nobody is writing it now."""
    return work.session.scalars(
        select(JobRun).where(*_mine(token)).with_for_update(skip_locked=True)
    ).one_or_none()


@dataclass(frozen=True)
class Progress:
    """How far a run is; `lines` go to its log."""

    token: Token
    done: int | None = None
    total: int | None = None
    message: str = ""
    lines: Sequence[str] = ()
    result_url: str = ""


def note_progress(work: Work, data: Progress) -> None:
    """Write how far a run is, which is a sign of life too. Raises RunLost."""
    found = held(work, data.token)
    _beat(found, work.now)
    if data.done is not None:
        found.progress_done, found.progress_total = data.done, data.total
        found.progress_text = data.message[:LONGEST_MESSAGE]
    _add_lines(found, data.lines, data.result_url)


def _add_lines(found: JobRun, lines: Sequence[str], result_url: str) -> None:
    for line in lines:
        found.log = _with_line(found.log, line)
    found.result_url = result_url or found.result_url


def _with_line(log: str, line: str) -> str:
    return "\n".join(part for part in (log, line.replace("\x00", "")) if part)[-LONGEST_LOG:]


# -- ends -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ending:
    """How a run ended: DONE or FAILED, and what it says of it."""

    token: Token
    state: RunState
    said: str = ""
    lines: Sequence[str] = ()
    result_url: str = ""


def end_run(work: Work, data: Ending) -> None:
    """Write how a run ended. Raises RunLost when it is not ours (any more)."""
    found = held(work, data.token)
    _add_lines(found, data.lines, data.result_url)
    _end(work, found, data.state, data.said)


@dataclass(frozen=True)
class Overrun:
    """A run whose time is up, and what the ledger says of it."""

    token: Token
    said: str


def end_overrun(work: Work, data: Overrun) -> bool:
    """Fail a run whose time is up; False while its own unit of work holds the row.

    Who gives signs of life for others too must not wait for that: they would look dead.
    """
    found = _unless_locked(work, data.token)
    if found is not None:
        _end(work, found, RunState.FAILED, data.said)
        return True
    return not work.session.scalar(select(exists().where(*_mine(data.token))))


def _end(work: Work, found: JobRun, state: RunState, said: str) -> None:
    late = (found.started_at or work.now) - found.due_at > ON_TIME
    if state is RunState.DONE and found.kind is RunKind.SCHEDULED and late:
        state = RunState.CAUGHT_UP
    found.state = state
    found.ended_at = work.now
    found.once_key = found.alone_key = None
    found.log = _with_line(found.log, said)
    if state is RunState.FAILED:
        work.emit(JobFailed(found.job, found.public_id, found.due_at, said[:LONGEST_MESSAGE]))


@dataclass(frozen=True)
class Release:
    """Runs that this process gives back, and why."""

    tokens: Sequence[Token]
    said: str


def release_runs(work: Work, data: Release) -> None:
    """Put runs back into the queue for any process; those that are lost or over stay so."""
    for token in data.tokens:
        found = work.session.get(JobRun, token.id, with_for_update=True, populate_existing=True)
        if found is None or found.state is not RunState.RUNNING or found.attempts != token.attempt:
            continue
        found.state = RunState.QUEUED
        found.alone_key = None
        found.log = _with_line(found.log, data.said)


# -- the ledger's own tidiness ------------------------------------------------------------------


def prune_runs(now: datetime) -> int:
    """Delete ended runs older than their job keeps them, but never a job's newest; return how many.

    In batches of their own, so that the ledger is never locked for long.
    """
    jobs = current_registry().jobs
    newest = {row.id for row in db.session.execute(_newest_by_job())}
    removed = 0
    for job in db.session.scalars(select(JobRun.job).distinct()).all():
        days = jobs[job].keep_days if job in jobs else 90
        old = db.session.scalars(
            select(JobRun.id).where(
                JobRun.job == job,
                JobRun.state.in_(ENDED),
                JobRun.ended_at < now - timedelta(days=days),
            )
        ).all()
        ids = [one for one in old if one not in newest]
        for start in range(0, len(ids), PRUNE_BATCH):
            removed += run(delete_runs, tuple(ids[start : start + PRUNE_BATCH]))
    return removed


def delete_runs(work: Work, ids: tuple[int, ...]) -> int:
    """Delete rows of the ledger that have ended."""
    done = work.session.execute(delete(JobRun).where(JobRun.id.in_(ids), JobRun.state.in_(ENDED)))
    return int(done.rowcount)  # type: ignore[attr-defined]


def _newest_by_job() -> Any:
    # The newest due moment keeps a job from starting afresh, so it stays however old it is.
    newest = (
        select(JobRun.job, func.max(JobRun.due_at).label("due_at"))
        .where(JobRun.kind == RunKind.SCHEDULED)
        .group_by(JobRun.job)
        .subquery()
    )
    return select(JobRun.id).join(
        newest, (newest.c.job == JobRun.job) & (newest.c.due_at == JobRun.due_at)
    )


def local_time(moment: datetime) -> str:
    """Return a moment as lines of a log begin with it."""
    return f"{to_local(moment):%H:%M:%S}"

"""The ledger of jobs: what is queued, what runs, and how each run ended or why there was none."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.core.db import Base, HasPublicId, JsonText, Moment, choice


class RunKind(StrEnum):
    """What a run comes from."""

    SCHEDULED = "scheduled"
    """A due moment of the job's cron line."""
    QUEUED = "queued"
    """A wish: 'run now', an import, an export, a rehearsal, an installation."""


class RunState(StrEnum):
    """How a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    """Ran once, at its time."""
    CAUGHT_UP = "caught_up"
    """Ran once, later than its time."""
    FAILED = "failed"
    MISSED = "missed"
    """Its time passed, and the job's policy says that it is not made up for."""


ENDED = (RunState.DONE, RunState.CAUGHT_UP, RunState.FAILED, RunState.MISSED)


class JobRun(HasPublicId, Base):
    """One run of a job.

    A scheduled one is unique by (job, due_at), so the database itself makes sure that a due moment
    runs once anywhere. `attempts` is the fencing token: a process that lost the run to another one
    holds an older number, and can neither prolong, end nor commit anything for it.
    """

    __tablename__ = "job_runs"
    __technical__ = "the ledger itself"

    id: Mapped[int] = mapped_column(primary_key=True)
    job: Mapped[str] = mapped_column(String(80))
    kind: Mapped[RunKind] = mapped_column(choice(RunKind), default=RunKind.SCHEDULED)
    # For a queued run the moment at which it was asked for.
    due_at: Mapped[datetime] = mapped_column(Moment)
    state: Mapped[RunState] = mapped_column(choice(RunState), default=RunState.QUEUED)
    # Plain values, never changed after the run was queued.
    input: Mapped[Any] = mapped_column(JsonText, default=dict)
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    asked_by_name: Mapped[str] = mapped_column(String(200), default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    # While the run waits or runs no other may have the same key; empty for most.
    once_key: Mapped[str | None] = mapped_column(String(160), unique=True)
    # The job's key while it runs, where two runs of a job must not overlap.
    alone_key: Mapped[str | None] = mapped_column(String(80), unique=True)
    attempts: Mapped[int] = mapped_column(default=0)
    process: Mapped[str] = mapped_column(String(120), default="")
    # Signs of life, counted: others watch the number change by their own watch, so neither a clock
    # that is set nor clocks that differ can make a living run look dead.
    beats: Mapped[int] = mapped_column(default=0)
    beat_at: Mapped[datetime | None] = mapped_column(Moment)
    lease_seconds: Mapped[float] = mapped_column(default=0)
    started_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    progress_done: Mapped[int] = mapped_column(default=0)
    progress_total: Mapped[int | None]
    progress_text: Mapped[str] = mapped_column(String(500), default="")
    log: Mapped[str] = mapped_column(Text, default="")
    # Where the result can be looked at, a path of this site.
    result_url: Mapped[str] = mapped_column(String(500), default="")

    __table_args__ = (
        Index(
            "uq_job_runs_scheduled",
            "job",
            "due_at",
            unique=True,
            sqlite_where=text("kind = 'scheduled'"),
            postgresql_where=text("kind = 'scheduled'"),
        ),
        Index("ix_job_runs_state", "state", "job"),
        Index("ix_job_runs_job", "job", "id"),
    )

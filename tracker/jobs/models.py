"""The ledger of jobs: each due time that ran, is running, failed or was missed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tracker.core.db import Base, HasPublicId, Moment, choice


class RunState(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    MISSED = "missed"


class JobRun(HasPublicId, Base):
    """One run of a job for one due moment; (job, due_at) is unique, so it runs once anywhere."""

    __tablename__ = "job_runs"
    __technical__ = "the ledger itself"

    id: Mapped[int] = mapped_column(primary_key=True)
    job: Mapped[str] = mapped_column(String(80))
    due_at: Mapped[datetime] = mapped_column(Moment)
    state: Mapped[RunState] = mapped_column(choice(RunState))
    started_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    # Whoever runs it must renew this; a run past it is taken over.
    lease_until: Mapped[datetime | None] = mapped_column(Moment)
    process: Mapped[str] = mapped_column(String(120), default="")
    log: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (UniqueConstraint("job", "due_at"), Index("ix_job_runs_state", "state"))

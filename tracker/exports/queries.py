"""Whose export a run makes, and who may fetch it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import exists, select

from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import NotFound
from tracker.exports.services import KEPT, WRITE, WRITE_FOREIGN
from tracker.jobs.models import JobRun


@dataclass(frozen=True)
class Asked:
    """A run that makes an export: its number, and whose it is (None once the account is gone)."""

    id: int
    owner_id: int | None


def get_asked(run_id: UUID) -> Asked:
    """Return a run by its identity. Raises NotFound."""
    row = db.session.execute(
        select(JobRun.id, JobRun.asked_by_id).where(JobRun.public_id == run_id)
    ).first()
    if row is None:
        raise NotFound
    return Asked(*row)


def may_read(run_id: int) -> bool:
    """Tell whether who acts may fetch what a run made: whoever asked for it, for a day."""
    context = current()
    if context.actor.user_id is None:
        return False
    mine = exists().where(
        JobRun.id == run_id,
        JobRun.job.in_((WRITE, WRITE_FOREIGN)),
        JobRun.asked_by_id == context.actor.user_id,
        JobRun.ended_at >= context.clock.now() - KEPT,
    )
    return bool(db.session.scalar(select(mine)))

"""Large exports: asked for, kept for their owner, gone after a day."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import select

from tracker.core.errors import TooMany
from tracker.core.work import Work
from tracker.files.models import Attachment
from tracker.files.services import PreparedFile, attach
from tracker.jobs.ledger import queue
from tracker.jobs.models import JobRun, RunState
from tracker.outbox.telling import Tell, tell

KEPT: Final = timedelta(hours=24)
WRITE: Final = "exports.write"
# The same for pages of plug-ins.
WRITE_FOREIGN: Final = "exports.write_foreign"
# Of the attachments that hold exports; the record is the run that made one.
FILES: Final = "exports"
READY: Final = "exports.ready"
PRUNED_AT_ONCE: Final = 200
# Nobody keeps others from their imports and exports.
MOST_WAITING: Final = 5
RETRY_SECONDS: Final = 10


@dataclass(frozen=True)
class AskForExport:
    """The address of a page that sends a spreadsheet, and the name of the file.

    `is_foreign` tells that the page is a plug-in's.
    """

    address: str
    filename: str
    is_foreign: bool = False


def ask_for_export(work: Work, data: AskForExport) -> UUID:
    """Queue the run that makes a spreadsheet, or find the one that has not ended; return it.

    Raises TooMany where the person waits for MOST_WAITING others.
    """
    asked = f"{work.actor.user_id} {data.address}"
    once = hashlib.sha256(asked.encode()).hexdigest()
    job = WRITE_FOREIGN if data.is_foreign else WRITE
    waiting = work.session.scalars(
        select(JobRun.once_key).where(
            JobRun.job.in_((WRITE, WRITE_FOREIGN)),
            JobRun.state.in_((RunState.QUEUED, RunState.RUNNING)),
            JobRun.asked_by_id == work.actor.user_id,
        )
    ).all()
    if len(waiting) >= MOST_WAITING and f"{job}:{once}" not in waiting:
        message = _(
            "Bạn đang chờ %(most)d tệp khác. Hãy đợi xong rồi xuất tiếp.", most=MOST_WAITING
        )
        raise TooMany(message, RETRY_SECONDS)
    return queue(work, job, {"address": data.address, "file": data.filename}, once=once)


@dataclass(frozen=True)
class KeepExport:
    """A spreadsheet that a run has made; `end` ends the run, given the identity of the file."""

    run_id: int
    file: PreparedFile
    end: Callable[[Work, UUID], None] = field(repr=False)


def keep_export(work: Work, data: KeepExport) -> None:
    """Keep a spreadsheet for whoever asked for it, tell them, and end the run.

    Raises Conflict when the store has lost the content, RunLost when the run is not ours.
    """
    made_by = work.get(JobRun, data.run_id)
    kept = attach(work, data.file, FILES, made_by.id)
    run_id = str(made_by.public_id)
    data.end(work, kept.public_id)
    tell(
        work,
        Tell(
            kind=READY,
            key=run_id,
            page=("jobs.show_run", {"run_id": run_id}),
            params={"name": data.file.name},
            people=[made_by.asked_by_id],
        ),
    )


@dataclass(frozen=True)
class PruneExports:
    """Remove some of the exports whose day is over."""


def prune_exports(work: Work, _data: PruneExports) -> int:
    """Remove exports whose day is over, oldest first and not too many; return how many."""
    old = work.session.scalars(
        select(Attachment)
        .where(Attachment.owner_kind == FILES, Attachment.uploaded_at < work.now - KEPT)
        .order_by(Attachment.id)
        .limit(PRUNED_AT_ONCE)
    ).all()
    for kept in old:
        made_by = work.session.get(JobRun, kept.owner_id)
        if made_by is not None:
            # Its page leads nowhere now.
            made_by.result_url = ""
        work.session.delete(kept)
    return len(old)

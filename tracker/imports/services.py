"""Uploads between dry run and confirmation: kept for a day, so that nothing is sent twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import delete

from tracker.core.errors import Conflict, NotFound
from tracker.core.work import Work
from tracker.imports.models import ImportUpload
from tracker.jobs.ledger import queue

KEPT = timedelta(hours=24)
READ = "imports.read"
WRITE = "imports.write"


@dataclass(frozen=True)
class KeepUpload:
    """A file to be kept for its import."""

    spec: str
    name: str
    content: bytes = field(repr=False)
    options: Mapping[str, str] = field(default_factory=dict)
    # Is it read by a run of the ledger, instead of by the page?
    is_large: bool = False


def keep_upload(work: Work, data: KeepUpload) -> UUID:
    """Keep a file for the person who sent it; return the id under which it is confirmed."""
    upload = ImportUpload(
        spec=data.spec,
        name=data.name,
        options=dict(data.options),
        content=data.content,
        uploaded_by_id=work.actor.user_id,
        uploaded_at=work.now,
    )
    work.session.add(upload)
    work.session.flush()
    if data.is_large:
        upload.run_id = _queue(work, READ, upload)
    return upload.public_id


def _queue(work: Work, job: str, upload: ImportUpload) -> UUID:
    identity = str(upload.public_id)
    return queue(work, job, {"spec": upload.spec, "upload": identity}, once=identity)


@dataclass(frozen=True)
class AskToWrite:
    """A large file that was read and found clean is to be written."""

    upload_id: int


def ask_to_write(work: Work, data: AskToWrite) -> UUID:
    """Queue the writing of a large file; return the run. Raises Conflict when it is written."""
    upload = work.get(ImportUpload, data.upload_id)
    if upload.uploaded_by_id != work.actor.user_id:
        raise NotFound
    if upload.applied_at is not None:
        raise Conflict(_("Tệp này đã được nhập rồi."))
    upload.run_id = _queue(work, WRITE, upload)
    return upload.run_id


@dataclass(frozen=True)
class KeepFinding:
    """What a run found in a file; `end` ends the run in the same transaction."""

    upload_id: int
    found: bytes = field(repr=False)
    end: Callable[[Work], None] = field(repr=False)


def keep_finding(work: Work, data: KeepFinding) -> None:
    """Keep with a file what was found in it. Raises NotFound when its day is over."""
    work.get(ImportUpload, data.upload_id).found = data.found
    data.end(work)


def claim_upload(work: Work, upload_id: int) -> None:
    """Mark an upload as imported, within the transaction that imports it.

    Raises Conflict when that was done already (two clicks), NotFound when the day is over.
    """
    upload = work.get(ImportUpload, upload_id)
    if upload.applied_at is not None:
        raise Conflict(_("Tệp này đã được nhập rồi."))
    upload.applied_at = work.now


@dataclass(frozen=True)
class PruneUploads:
    """Remove uploads older than a day."""


def prune_uploads(work: Work, _data: PruneUploads) -> int:
    """Remove the uploads whose day is over; return how many."""
    removed = work.session.execute(
        delete(ImportUpload)
        .where(ImportUpload.uploaded_at < work.now - KEPT)
        .returning(ImportUpload.id)
    )
    return len(removed.all())

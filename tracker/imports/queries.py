"""Reading uploads: each person's own, and only within their day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import NotFound
from tracker.imports.findings import Finding, unpack
from tracker.imports.models import ImportUpload
from tracker.imports.services import KEPT
from tracker.jobs.models import JobRun, RunState


@dataclass(frozen=True)
class Upload:
    """A kept file."""

    id: int
    public_id: UUID
    name: str
    options: Mapping[str, str]
    content: bytes
    uploaded_at: datetime
    applied_at: datetime | None
    # Of a large file: the newest run that reads or writes it.
    run_id: UUID | None


def get_upload(spec: str, public_id: UUID) -> Upload:
    """Return the person's own upload for a spec. Raises NotFound, for another's too."""
    context = current()
    row = db.session.execute(
        select(
            ImportUpload.id,
            ImportUpload.public_id,
            ImportUpload.name,
            ImportUpload.options,
            ImportUpload.content,
            ImportUpload.uploaded_at,
            ImportUpload.applied_at,
            ImportUpload.run_id,
        ).where(
            ImportUpload.public_id == public_id,
            ImportUpload.spec == spec,
            ImportUpload.uploaded_by_id == context.actor.user_id,
            ImportUpload.uploaded_at >= context.clock.now() - KEPT,
        )
    ).first()
    if row is None:
        raise NotFound
    return Upload(*row)


def owner_of(public_id: UUID) -> int | None:
    """Return who sent a file; None once it is gone."""
    return db.session.scalar(
        select(ImportUpload.uploaded_by_id).where(ImportUpload.public_id == public_id)
    )


def finding_of(upload: Upload) -> Finding | None:
    """Return what a run found in a file whose owner asks; None while nothing was found."""
    found = db.session.scalar(select(ImportUpload.found).where(ImportUpload.id == upload.id))
    return unpack(found) if found is not None else None


def is_under_way(upload: Upload) -> bool:
    """Tell whether a run reads or writes the file, or waits to."""
    state = select(JobRun.state).where(JobRun.public_id == upload.run_id)
    return db.session.scalar(state) in (RunState.QUEUED, RunState.RUNNING)

"""Uploads between dry run and confirmation: kept for a day, so that nothing is sent twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import delete

from tracker.core.errors import Conflict
from tracker.core.work import Work
from tracker.imports.models import ImportUpload

KEPT = timedelta(hours=24)


@dataclass(frozen=True)
class KeepUpload:
    """A file to be kept for its import."""

    spec: str
    name: str
    content: bytes = field(repr=False)
    options: Mapping[str, str] = field(default_factory=dict)


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
    return upload.public_id


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

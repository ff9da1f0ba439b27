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
from tracker.imports.models import ImportUpload
from tracker.imports.services import KEPT


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

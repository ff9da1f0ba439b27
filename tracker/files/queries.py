"""Reading attachments. Whoever asks has checked the right to the record."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask import url_for
from sqlalchemy import select

from tracker.core.db import db
from tracker.files.inspect_content import PICTURE_TYPES
from tracker.files.models import Attachment, Blob
from tracker.files.store import current_stores

BATCH = 500


@dataclass(frozen=True)
class FileLink:
    """A file as pages show it."""

    public_id: UUID
    name: str
    media_type: str
    size: int
    uploaded_at: datetime

    @property
    def is_image(self) -> bool:
        """Tell whether there is a small picture of it."""
        return self.media_type in PICTURE_TYPES

    @property
    def url(self) -> str:
        """Return where the file is downloaded."""
        return url_for("files.download", public_id=self.public_id)

    @property
    def view_url(self) -> str:
        """Return where a picture is shown in the browser, where anything else is downloaded."""
        return url_for(
            "files.show" if self.is_image else "files.download", public_id=self.public_id
        )

    @property
    def thumbnail_url(self) -> str:
        """Return the address of the small picture; only for pictures."""
        return url_for("files.thumbnail", public_id=self.public_id)


@dataclass(frozen=True)
class FoundFile:
    """A file as the download needs it."""

    sha256: str
    name: str
    media_type: str
    size: int
    owner_kind: str
    owner_id: int


def of(owner_kind: str, owner_ids: Collection[int]) -> dict[int, list[FileLink]]:
    """Return the files of several records of one kind, oldest first; only records that have any."""
    found: dict[int, list[FileLink]] = {}
    ids = sorted(set(owner_ids))
    for start in range(0, len(ids), BATCH):
        rows = db.session.execute(
            select(
                Attachment.owner_id,
                Attachment.public_id,
                Attachment.name,
                Attachment.uploaded_at,
                Blob.media_type,
                Blob.size,
            )
            .join(Blob, Blob.sha256 == Attachment.sha256)
            .where(
                Attachment.owner_kind == owner_kind,
                Attachment.owner_id.in_(ids[start : start + BATCH]),
            )
            .order_by(Attachment.id)
        )
        for row in rows:
            found.setdefault(row.owner_id, []).append(
                FileLink(row.public_id, row.name, row.media_type, row.size, row.uploaded_at)
            )
    return found


def find(public_id: UUID) -> FoundFile | None:
    """Return a file by its random id, None when there is none."""
    row = db.session.execute(
        select(
            Attachment.sha256,
            Attachment.name,
            Blob.media_type,
            Blob.size,
            Attachment.owner_kind,
            Attachment.owner_id,
        )
        .join(Blob, Blob.sha256 == Attachment.sha256)
        .where(Attachment.public_id == public_id)
    ).first()
    return None if row is None else FoundFile(*row)


def attached_hashes() -> set[str]:
    """Return the hashes of all contents that are in use."""
    return set(db.session.scalars(select(Attachment.sha256).distinct()))


def unused_contents(older_than: datetime) -> list[str]:
    """Return hashes, in the store or in the table, that no attachment uses since `older_than`."""
    used = attached_hashes()
    stored = {one.sha256: one.written_at for one in current_stores().contents.iterate()}
    rows = db.session.execute(select(Blob.sha256, Blob.created_at))
    known = {row.sha256: row.created_at for row in rows}
    return sorted(
        sha256
        for sha256, written_at in {**known, **stored}.items()
        if sha256 not in used and written_at <= older_than
    )

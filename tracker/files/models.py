"""Files: content stored once under its hash, attachments reached by a random id."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.core.db import Base, HasPublicId, Moment


class Blob(Base):
    """A content in the store: its SHA-256 (hex), size in bytes, and type found by looking at it."""

    __tablename__ = "blobs"
    __technical__ = "follows from the attachments"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(Moment)


class Attachment(HasPublicId, Base):
    """A file that belongs to a record, under the name its owner gave it.

    (owner_kind, owner_id) names the record whose rights decide who may fetch the file.
    """

    __tablename__ = "attachments"

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256", ondelete="RESTRICT"))
    name: Mapped[str] = mapped_column(String(200))
    owner_kind: Mapped[str] = mapped_column(String(40))
    owner_id: Mapped[int]
    uploaded_by_id: Mapped[int | None]
    uploaded_at: Mapped[datetime] = mapped_column(Moment)

    blob: Mapped[Blob] = relationship(viewonly=True)

    __table_args__ = (
        Index("ix_attachments_owner", "owner_kind", "owner_id"),
        Index("ix_attachments_sha256", "sha256"),
    )

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return self.name

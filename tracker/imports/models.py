"""Uploaded spreadsheets between their dry run and their confirmation."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Uuid
from sqlalchemy.orm import Mapped, deferred, mapped_column

from tracker.core.db import Base, HasPublicId, JsonText, Moment


class ImportUpload(HasPublicId, Base):
    """A file that somebody uploaded for an import; it is gone a day later, confirmed or not."""

    __tablename__ = "import_uploads"
    __technical__ = "short-lived; what an import writes is in its change set"

    id: Mapped[int] = mapped_column(primary_key=True)
    spec: Mapped[str] = mapped_column(String(80))
    name: Mapped[str] = mapped_column(String(200))
    options: Mapped[Any] = mapped_column(JsonText, default=dict)
    content: Mapped[bytes] = deferred(mapped_column(LargeBinary))
    uploaded_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    uploaded_at: Mapped[datetime] = mapped_column(Moment)
    applied_at: Mapped[datetime | None] = mapped_column(Moment)
    # Of a large file: the newest run that reads or writes it, and what was found in it.
    run_id: Mapped[UUID | None] = mapped_column(Uuid)
    found: Mapped[bytes | None] = deferred(mapped_column(LargeBinary))

    __table_args__ = (Index("ix_import_uploads_uploaded_at", "uploaded_at"),)

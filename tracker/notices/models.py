"""Notices, their way out of the app, and how each person wants to be told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.accounts.models import User
from tracker.core.db import Base, BigKey, JsonText, Moment, Versioned
from tracker.core.secrets import EncryptedText


class Notice(Base):
    """One thing that one person is told; `key` makes telling it twice the same as once.

    The words are made when it is shown, from `kind` and `params`, in the reader's language.
    """

    __tablename__ = "notices"
    __technical__ = "tells of changes that the log holds, and changes with each reading"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(80))
    # What the kind needs for its words, and the page that it leads to: plain values only.
    params: Mapped[Any] = mapped_column(JsonText)
    created_at: Mapped[datetime] = mapped_column(Moment)
    read_at: Mapped[datetime | None] = mapped_column(Moment)
    # For whom one is told during that person's leave; null for one's own notices.
    represents_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))

    user: Mapped[User] = relationship(foreign_keys=[user_id], viewonly=True)

    __table_args__ = (
        UniqueConstraint("user_id", "key"),
        Index("ix_notices_user_id_id", "user_id", "id"),
        # The bell counts by this alone, on every page.
        Index(
            "ix_notices_unread",
            "user_id",
            "id",
            sqlite_where=sql("read_at IS NULL"),
            postgresql_where=sql("read_at IS NULL"),
        ),
        Index("ix_notices_created_at", "created_at"),
        Index("ix_notices_represents_id", "represents_id"),
    )


class NoticeDelivery(Base):
    """A notice on its way out by one channel; those of one `batch` go out together."""

    __tablename__ = "notice_deliveries"
    __technical__ = "the state of sending"

    notice_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("notices.id", ondelete="CASCADE"), primary_key=True
    )
    channel: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    # The outbox message that carries it; empty until a digest picks it up.
    batch: Mapped[str] = mapped_column(String(200), default="")
    sent_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (
        Index("ix_notice_deliveries_batch", "batch"),
        Index(
            "ix_notice_deliveries_waiting",
            "user_id",
            "channel",
            sqlite_where=sql("sent_at IS NULL"),
            postgresql_where=sql("sent_at IS NULL"),
        ),
    )


class NoticePreference(Base):
    """Whether a person wants a kind of notice by a channel, where they chose otherwise."""

    __tablename__ = "notice_preferences"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(String(80), primary_key=True)
    channel: Mapped[str] = mapped_column(String(40), primary_key=True)
    is_wanted: Mapped[bool]


class NoticeHours(Versioned, Base):
    """When a person wants to be reached outside the app; hours are local, 0 to 23."""

    __tablename__ = "notice_hours"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    digest_hour: Mapped[int] = mapped_column(default=7)
    # From this hour to that hour nothing is sent; equal hours mean no quiet time.
    quiet_from: Mapped[int] = mapped_column(default=21)
    quiet_to: Mapped[int] = mapped_column(default=6)

    __table_args__ = (
        CheckConstraint("digest_hour BETWEEN 0 AND 23", name="digest_hour"),
        CheckConstraint("quiet_from BETWEEN 0 AND 23", name="quiet_from"),
        CheckConstraint("quiet_to BETWEEN 0 AND 23", name="quiet_to"),
    )


class MailServer(Versioned, Base):
    """The server by which e-mail leaves: one row, or none when no e-mail is sent."""

    __tablename__ = "mail_servers"

    id: Mapped[int] = mapped_column(primary_key=True)
    host: Mapped[str] = mapped_column(String(253))
    port: Mapped[int]
    # 'tls' from the first byte, 'starttls', or 'none' for a relay on the same machine.
    security: Mapped[str] = mapped_column(String(10), default="starttls")
    username: Mapped[str] = mapped_column(String(254), default="")
    password: Mapped[str | None] = mapped_column(EncryptedText, info={"private": True})
    sender: Mapped[str] = mapped_column(String(254))
    sender_name: Mapped[str] = mapped_column(String(200), default="")
    is_active: Mapped[bool] = mapped_column(default=True)

    __table_args__ = (
        CheckConstraint("id = 1", name="single"),
        CheckConstraint("security IN ('tls', 'starttls', 'none')", name="security"),
        CheckConstraint("port BETWEEN 1 AND 65535", name="port"),
    )

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return self.host

"""Browsers that notices are pushed to, and systems that are told of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from tracker.core.db import Base, JsonText, Moment, Versioned
from tracker.core.outgoing import LONGEST_URL
from tracker.core.secrets import EncryptedText


class PushKey(Base):
    """The key by which push services know this instance: one row, made at first need."""

    __tablename__ = "push_keys"
    __technical__ = "made once by the system itself; nobody changes it"

    id: Mapped[int] = mapped_column(primary_key=True)
    # Loaded by name alone: pages need the public half, and work where no key opens this one.
    private_key: Mapped[str] = mapped_column(EncryptedText, deferred=True)
    public_key: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(Moment)

    __table_args__ = (CheckConstraint("id = 1", name="single"),)


class PushSubscription(Base):
    """A browser in which a person wants to be told; gone when its push service says so."""

    __tablename__ = "push_subscriptions"
    __technical__ = "addresses that browsers make and give up by themselves"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    endpoint: Mapped[str] = mapped_column(String(LONGEST_URL), unique=True)
    # The browser's public key and shared secret (RFC 8291), as URL-safe base64.
    p256dh: Mapped[str] = mapped_column(String(120))
    auth: Mapped[str] = mapped_column(String(40))
    device: Mapped[str] = mapped_column(String(300), default="")
    created_at: Mapped[datetime] = mapped_column(Moment)
    # When its push service last took a message.
    last_ok_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (Index("ix_push_subscriptions_user_id", "user_id"),)


class WebhookEndpoint(Versioned, Base):
    """An address of another system that is told of notices, signed with a secret of its own."""

    __tablename__ = "webhook_endpoints"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    url: Mapped[str] = mapped_column(String(LONGEST_URL))
    # Loaded by name alone: pages never show it, and work where no key opens it.
    secret: Mapped[str] = mapped_column(EncryptedText, deferred=True, info={"private": True})
    # Keys of the kinds that it is told of; '*' stands for all.
    notice_kinds: Mapped[Any] = mapped_column(JsonText)
    is_active: Mapped[bool] = mapped_column(default=True)

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return self.name


class WebhookState(Base):
    """How the last messages to an endpoint went."""

    __tablename__ = "webhook_states"
    __technical__ = "the state of sending"

    endpoint_id: Mapped[int] = mapped_column(
        ForeignKey("webhook_endpoints.id", ondelete="CASCADE"), primary_key=True
    )
    tried_at: Mapped[datetime] = mapped_column(Moment)
    ok_at: Mapped[datetime | None] = mapped_column(Moment)
    # Since the last success; 0 when the last message arrived.
    failures: Mapped[int] = mapped_column(default=0)
    # What stood in the way: a code, told in the reader's words.
    fault: Mapped[str] = mapped_column(String(40), default="")

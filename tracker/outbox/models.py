"""The outbox: rows that are written with their cause and settled afterwards."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.core.db import Base, BigKey, JsonText, Moment, choice


class MessageState(StrEnum):
    """Where a message stands: to be done, done, or given up after its topic's patience."""

    PENDING = "pending"
    DONE = "done"
    GIVEN_UP = "given_up"


class OutboxMessage(Base):
    """Something to be done after a commit; `key` makes posting it twice the same as once."""

    __tablename__ = "outbox_messages"
    __technical__ = "work that follows from changes which the log already holds"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    key: Mapped[str] = mapped_column(String(200), unique=True)
    topic: Mapped[str] = mapped_column(String(80))
    payload: Mapped[Any] = mapped_column(JsonText)
    state: Mapped[MessageState] = mapped_column(choice(MessageState), default=MessageState.PENDING)
    posted_at: Mapped[datetime] = mapped_column(Moment)
    next_try_at: Mapped[datetime] = mapped_column(Moment)
    settled_at: Mapped[datetime | None] = mapped_column(Moment)
    attempts: Mapped[int] = mapped_column(default=0)
    # Whoever works on it holds it until then; a process that died loses it.
    lease_until: Mapped[datetime | None] = mapped_column(Moment)
    # Raised by each claim: who comes back late with an old number changes nothing.
    fence: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (
        Index("ix_outbox_messages_state_next_try_at", "state", "next_try_at"),
        Index("ix_outbox_messages_topic", "topic", "state"),
    )

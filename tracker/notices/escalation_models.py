"""The ladder of reminders and escalation, each step that was taken, and what feeds calendars."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from tracker.core.db import Base, BigKey, HasPublicId, Moment, Versioned, choice


class Audience(StrEnum):
    """Who is told by a rung: the ladder's four levels."""

    OFFICER = "officer"
    HEAD = "head"
    COORDINATOR = "coordinator"
    LEADER = "leader"


class EscalationRung(Versioned, Base):
    """One rung: so many working days before (negative) or after a deadline, this level is told."""

    __tablename__ = "escalation_rungs"

    id: Mapped[int] = mapped_column(primary_key=True)
    offset_days: Mapped[int]
    audience: Mapped[Audience] = mapped_column(choice(Audience))
    is_active: Mapped[bool] = mapped_column(default=True)

    __table_args__ = (
        CheckConstraint("offset_days BETWEEN -60 AND 120", name="offset_days"),
        UniqueConstraint("offset_days", "audience"),
    )

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return f"{self.audience} {self.offset_days:+d}"


class EscalationStep(Base):
    """A person was told of one assignment by one rung: why, when, and what they did then."""

    __tablename__ = "escalation_steps"
    __technical__ = "a record of its own, written by the clock alone"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id", ondelete="CASCADE"))
    # The deadline it is about: another deadline begins the ladder anew.
    due_on: Mapped[date]
    rung_id: Mapped[int] = mapped_column(ForeignKey("escalation_rungs.id", ondelete="RESTRICT"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    # Working days to (negative) or past the deadline on the day it was sent.
    distance: Mapped[int]
    taken_on: Mapped[date]
    # Empty until the person's notice of that day is written.
    sent_at: Mapped[datetime | None] = mapped_column(Moment)
    # The first report or request about the assignment after it.
    acted_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (
        UniqueConstraint("assignment_id", "due_on", "rung_id", "user_id"),
        Index("ix_escalation_steps_user_id", "user_id"),
        Index("ix_escalation_steps_rung_id", "rung_id"),
        Index(
            "ix_escalation_steps_unsent",
            "user_id",
            "rung_id",
            sqlite_where=sql("sent_at IS NULL"),
            postgresql_where=sql("sent_at IS NULL"),
        ),
        Index(
            "ix_escalation_steps_unanswered",
            "assignment_id",
            "sent_at",
            sqlite_where=sql("acted_at IS NULL"),
            postgresql_where=sql("acted_at IS NULL"),
        ),
    )


class EscalationPause(Base):
    """Nobody is reminded of an assignment until a day, for a reason that was accepted."""

    __tablename__ = "escalation_pauses"

    id: Mapped[int] = mapped_column(primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id", ondelete="CASCADE"))
    until: Mapped[date]
    reason: Mapped[str] = mapped_column(String(500))
    created_at: Mapped[datetime] = mapped_column(Moment)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    created_by_name: Mapped[str] = mapped_column(String(200), default="")

    __table_args__ = (Index("ix_escalation_pauses_assignment_id", "assignment_id", "until"),)

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return self.reason[:100]


class FeedKind(StrEnum):
    """What a calendar shows: a person's own matters, or those of a unit."""

    PERSON = "person"
    UNIT = "unit"


class CalendarFeed(HasPublicId, Base):
    """A private address of a calendar; whoever has the token reads it until it is revoked."""

    __tablename__ = "calendar_feeds"

    id: Mapped[int] = mapped_column(primary_key=True)
    feed_kind: Mapped[FeedKind] = mapped_column(choice(FeedKind))
    # In whose name it is read: what this person may no longer see, it no longer shows.
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id", ondelete="CASCADE"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True, info={"private": True})
    created_at: Mapped[datetime] = mapped_column(Moment)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (
        CheckConstraint("(feed_kind = 'unit') = (unit_id IS NOT NULL)", name="unit"),
        Index("ix_calendar_feeds_user_id", "user_id"),
        Index("ix_calendar_feeds_unit_id", "unit_id"),
    )

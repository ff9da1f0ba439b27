"""Plans and what they ask for: rows in a tree, who leads them, until when, and what was reported.

Deadlines are data (kind, parameters, raw text); status is never stored, it is a rule over the
period rows of an assignment (see rules.py).
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.accounts.models import User
from tracker.core.db import (
    NAME_LENGTH,
    Base,
    BigKey,
    HasPublicId,
    JsonText,
    Moment,
    Versioned,
    choice,
    folded_column,
    sort_key_column,
)
from tracker.core.deadlines import DeadlineKind
from tracker.units.models import Unit, UnitSet

# The end of a period row that is still open.
FOREVER = date(9999, 12, 31)


class ReformArea(Versioned, Base):
    """A content area of the reform ('cải cách thể chế' ...), valid from a date to a date."""

    __tablename__ = "reform_areas"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    name_en: Mapped[str] = mapped_column(String(NAME_LENGTH), default="")
    short_name: Mapped[str] = mapped_column(String(120), default="")
    short_name_en: Mapped[str] = mapped_column(String(120), default="")
    position: Mapped[int]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]

    __table_args__ = (
        UniqueConstraint("code", "valid_from"),
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="dates"),
    )

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return self.name


class PlanState(StrEnum):
    """Where a plan stands: being written, in force, or closed with its year."""

    DRAFT = "draft"
    ISSUED = "issued"
    CLOSED = "closed"


class DocumentKind(StrEnum):
    """The kinds of document by which plans are issued and amended."""

    PLAN = "plan"
    DECISION = "decision"
    OFFICIAL_LETTER = "official_letter"
    NOTICE = "notice"
    PROGRAMME = "programme"
    OTHER = "other"


class Plan(HasPublicId, Versioned, Base):
    """An annual plan. (issuer, kind, number, date) is its identity once it is issued."""

    __tablename__ = "plans"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(80), unique=True)
    title: Mapped[str] = mapped_column(String(NAME_LENGTH))
    kind: Mapped[DocumentKind] = mapped_column(choice(DocumentKind), default=DocumentKind.PLAN)
    number: Mapped[str] = mapped_column(String(80), default="")
    issued_on: Mapped[date | None]
    issuer_id: Mapped[int] = mapped_column(ForeignKey("units.id", ondelete="RESTRICT"))
    year_from: Mapped[int]
    year_to: Mapped[int]
    state: Mapped[PlanState] = mapped_column(choice(PlanState), default=PlanState.DRAFT)
    needs_confirmation: Mapped[bool] = mapped_column(default=False)
    copied_from_id: Mapped[int | None] = mapped_column(ForeignKey("plans.id", ondelete="SET NULL"))
    # Where the plan's figures come from, and what of it is invented (demo data).
    source_note: Mapped[str] = mapped_column(Text, default="")
    closed_on: Mapped[date | None]
    folded: Mapped[str] = folded_column()
    sort_key: Mapped[str] = sort_key_column()

    issuer: Mapped[Unit] = relationship(viewonly=True)

    __table_args__ = (
        CheckConstraint("year_to >= year_from", name="years"),
        CheckConstraint("state = 'draft' OR issued_on IS NOT NULL", name="issued"),
        Index(
            "uq_plans_document",
            "issuer_id",
            "kind",
            "number",
            "issued_on",
            unique=True,
            sqlite_where=sql("state <> 'draft'"),
            postgresql_where=sql("state <> 'draft'"),
        ),
        Index("ix_plans_year_from", "year_from"),
    )

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return self.title


class PlanDocument(HasPublicId, Base):
    """A version of a plan: as issued (ordinal 0), then one for each amending document."""

    __tablename__ = "plan_documents"

    id: Mapped[int] = mapped_column(primary_key=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("plans.id", ondelete="CASCADE"))
    ordinal: Mapped[int]
    kind: Mapped[DocumentKind] = mapped_column(choice(DocumentKind))
    number: Mapped[str] = mapped_column(String(80))
    issued_on: Mapped[date]
    issuer: Mapped[str] = mapped_column(String(NAME_LENGTH), default="")
    summary: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (UniqueConstraint("plan_id", "ordinal"),)

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return f"{self.number} ({self.issued_on:%d/%m/%Y})"


class RowKind(StrEnum):
    """What a row of a plan is. Only tasks count; groups gather, steps explain."""

    GROUP = "group"
    TASK = "task"
    STEP = "step"


class Task(HasPublicId, Versioned, Base):
    """A row of a plan: a group, a task, or a step of a task."""

    __tablename__ = "tasks"

    id: Mapped[int] = mapped_column(primary_key=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("plans.id", ondelete="CASCADE"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("tasks.id", ondelete="RESTRICT"))
    kind: Mapped[RowKind] = mapped_column(choice(RowKind), default=RowKind.TASK)
    # Place among the siblings, and the places of all ancestors and itself: '0002.0011'.
    position: Mapped[int]
    path: Mapped[str] = mapped_column(
        String(120).with_variant(String(120, collation="C"), "postgresql")
    )
    # STT as printed: 'II', '1.2', 'a)'.
    number: Mapped[str] = mapped_column(String(40), default="")
    area_id: Mapped[int | None] = mapped_column(ForeignKey("reform_areas.id", ondelete="RESTRICT"))
    title: Mapped[str] = mapped_column(Text)
    product: Mapped[str] = mapped_column(Text, default="")
    # 'Các phòng, ban, ngành; UBND các xã' as the plan says it, whatever it was resolved to.
    lead_text: Mapped[str] = mapped_column(Text, default="")
    coordinator_text: Mapped[str] = mapped_column(Text, default="")
    unit_set_id: Mapped[int | None] = mapped_column(ForeignKey("unit_sets.id", ondelete="RESTRICT"))
    budget_text: Mapped[str] = mapped_column(String(200), default="")
    note: Mapped[str] = mapped_column(Text, default="")
    is_invented: Mapped[bool] = mapped_column(default=False)

    deadline_kind: Mapped[DeadlineKind] = mapped_column(
        choice(DeadlineKind), default=DeadlineKind.ASK
    )
    deadline_text: Mapped[str] = mapped_column(String(300), default="")
    deadline_on: Mapped[date | None]
    window_start: Mapped[date | None]
    recurrence: Mapped[Any] = mapped_column(JsonText, nullable=True)
    trigger_text: Mapped[str] = mapped_column(String(300), default="")
    trigger_offset: Mapped[int | None]
    trigger_in_working_days: Mapped[bool] = mapped_column(default=False)
    triggered_on: Mapped[date | None]
    review_on: Mapped[date | None]
    # The task of the same plan that it waits for, where the condition is one.
    awaits_id: Mapped[int | None] = mapped_column(ForeignKey("tasks.id"))
    # Who or what chose the kind: 'person', 'column', a parser's name; and how sure it was (0..100).
    deadline_read_by: Mapped[str] = mapped_column(String(40), default="person")
    deadline_confidence: Mapped[int] = mapped_column(default=100)

    # The task is part of the plan from the date of its document to its withdrawal (exclusive).
    valid_from: Mapped[date | None]
    withdrawn_on: Mapped[date | None]
    added_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("plan_documents.id", ondelete="SET NULL")
    )
    withdrawn_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("plan_documents.id", ondelete="SET NULL")
    )
    carried_from_id: Mapped[int | None] = mapped_column(ForeignKey("tasks.id", ondelete="SET NULL"))
    folded: Mapped[str] = folded_column(4000)
    sort_key: Mapped[str] = sort_key_column()

    plan: Mapped[Plan] = relationship(viewonly=True)
    area: Mapped[ReformArea | None] = relationship(viewonly=True)
    unit_set: Mapped[UnitSet | None] = relationship(viewonly=True)

    __table_args__ = (
        CheckConstraint("deadline_confidence BETWEEN 0 AND 100", name="confidence"),
        CheckConstraint("awaits_id <> id", name="awaits"),
        Index("ix_tasks_plan_id_path", "plan_id", "path"),
        Index("ix_tasks_awaits_id", "awaits_id"),
        Index("ix_tasks_parent_id", "parent_id"),
        Index("ix_tasks_area_id", "area_id"),
    )

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return f"{self.number} {self.title}".strip()


class TaskVersion(Base):
    """A row of a plan as one of its documents has it: as issued, then as amended."""

    __tablename__ = "task_versions"

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"))
    document_id: Mapped[int] = mapped_column(ForeignKey("plan_documents.id", ondelete="CASCADE"))
    # 'added', 'changed' or 'withdrawn'.
    action: Mapped[str] = mapped_column(String(16))
    # Number, title, product, lead, coordinators, deadline of the row, as printed.
    content: Mapped[Any] = mapped_column(JsonText)

    __table_args__ = (
        UniqueConstraint("task_id", "document_id"),
        CheckConstraint("action IN ('added', 'changed', 'withdrawn')", name="action"),
        Index("ix_task_versions_document_id", "document_id"),
    )


class TaskLead(Base):
    """A unit that leads a task by the plan's words; its shares of the work are the assignments.

    A draft knows its lead units by these rows alone: assignments come with the issue, so that no
    unit is shown work that nobody has decided on.
    """

    __tablename__ = "task_leads"

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id", ondelete="RESTRICT"))

    unit: Mapped[Unit] = relationship(viewonly=True)

    __table_args__ = (
        UniqueConstraint("task_id", "unit_id"),
        Index("ix_task_leads_unit_id", "unit_id"),
    )


class TaskCoordinator(Base):
    """A unit that takes part in a task without leading it, and without a deadline of its own."""

    __tablename__ = "task_coordinators"

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id", ondelete="RESTRICT"))

    unit: Mapped[Unit] = relationship(viewonly=True)

    __table_args__ = (
        UniqueConstraint("task_id", "unit_id"),
        Index("ix_task_coordinators_unit_id", "unit_id"),
    )


class Reported(StrEnum):
    """What a unit says of its assignment; the status is derived from it, never typed."""

    NOT_STARTED = "not_started"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    CANNOT = "cannot"


class Assignment(HasPublicId, Versioned, Base):
    """One unit's share of a task: (task, lead unit, occurrence), with its dates.

    The current state repeats the newest period row, for lists that ask about today.
    """

    __tablename__ = "assignments"

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id", ondelete="RESTRICT"))
    # 0 for a single deadline; 1, 2, ... for the occurrences of a recurring one.
    occurrence: Mapped[int] = mapped_column(default=0)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    original_due_on: Mapped[date | None]
    due_on: Mapped[date | None]
    reported: Mapped[Reported] = mapped_column(choice(Reported), default=Reported.NOT_STARTED)
    percent: Mapped[int] = mapped_column(default=0)
    done_on: Mapped[date | None]
    confirmed_on: Mapped[date | None]
    disputed_until: Mapped[date | None]
    # From when it counts, where that is later than the task: a unit added by an amendment.
    begins_on: Mapped[date | None]
    withdrawn_on: Mapped[date | None]
    extension_count: Mapped[int] = mapped_column(default=0)
    has_evidence: Mapped[bool] = mapped_column(default=False)
    last_reported_at: Mapped[datetime | None] = mapped_column(Moment)
    # The unit it was handed over from, when units were reorganised.
    handed_over_from_id: Mapped[int | None] = mapped_column(
        ForeignKey("units.id", ondelete="RESTRICT")
    )

    task: Mapped[Task] = relationship(viewonly=True)
    unit: Mapped[Unit] = relationship(foreign_keys=[unit_id], viewonly=True)
    person: Mapped[User | None] = relationship(viewonly=True)

    __table_args__ = (
        UniqueConstraint("task_id", "unit_id", "occurrence"),
        CheckConstraint("percent BETWEEN 0 AND 100", name="percent"),
        Index("ix_assignments_unit_id_due_on", "unit_id", "due_on"),
        Index("ix_assignments_due_on", "due_on"),
        Index("ix_assignments_person_id", "person_id"),
    )


class AssignmentPeriod(Base):
    """How an assignment stood from a date to a date (exclusive): what as-of questions read.

    Derived from entries, extensions, confirmations, disputes, hand-overs and withdrawals, and
    rebuilt when one of them is recorded, be it back-dated.
    """

    __tablename__ = "assignment_periods"
    __technical__ = "derived from what was reported and decided"

    assignment_id: Mapped[int] = mapped_column(
        ForeignKey("assignments.id", ondelete="CASCADE"), primary_key=True
    )
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    valid_to: Mapped[date]
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id", ondelete="RESTRICT"))
    due_on: Mapped[date | None]
    reported: Mapped[Reported] = mapped_column(choice(Reported))
    percent: Mapped[int]
    done_on: Mapped[date | None]
    is_confirmed: Mapped[bool] = mapped_column(default=False)
    disputed_until: Mapped[date | None]
    is_withdrawn: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (
        CheckConstraint("valid_to > valid_from", name="dates"),
        Index("ix_assignment_periods_valid", "valid_to", "valid_from"),
    )


class EntryKind(StrEnum):
    """What a line in an assignment's history records."""

    PROGRESS = "progress"
    CONFIRMED = "confirmed"
    SENT_BACK = "sent_back"
    DISPUTED = "disputed"
    DISPUTE_DECIDED = "dispute_decided"
    WITHDRAWN = "withdrawn"
    HANDED_OVER = "handed_over"
    TRIGGERED = "triggered"


class ProgressEntry(HasPublicId, Base):
    """Something reported or decided about an assignment; entries are added, never edited.

    `effective_on` is when it took effect, `recorded_at` when it was typed: the difference is
    data-entry lag, and is shown.
    """

    __tablename__ = "progress_entries"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id", ondelete="CASCADE"))
    kind: Mapped[EntryKind] = mapped_column(choice(EntryKind), default=EntryKind.PROGRESS)
    effective_on: Mapped[date]
    reported: Mapped[Reported | None] = mapped_column(choice(Reported))
    percent: Mapped[int | None]
    done_on: Mapped[date | None]
    until: Mapped[date | None]
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id", ondelete="RESTRICT"))
    note: Mapped[str] = mapped_column(Text, default="")
    recorded_at: Mapped[datetime] = mapped_column(Moment)
    recorded_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    recorded_by_name: Mapped[str] = mapped_column(String(200), default="")
    # 'person', 'import', or the plug-in whose register the report came from.
    source: Mapped[str] = mapped_column(String(40), default="person")
    # Set by a form that may be sent twice: the second send finds the first.
    idempotency_key: Mapped[str | None] = mapped_column(String(64), unique=True)

    __table_args__ = (
        Index("ix_progress_entries_assignment_id", "assignment_id", "effective_on", "id"),
        Index("ix_progress_entries_recorded_at", "recorded_at"),
        CheckConstraint("percent IS NULL OR percent BETWEEN 0 AND 100", name="percent"),
    )


class Evidence(HasPublicId, Base):
    """The document that proves a report: number, date, issuer; its files are attachments."""

    __tablename__ = "evidence"

    id: Mapped[int] = mapped_column(primary_key=True)
    entry_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("progress_entries.id", ondelete="CASCADE")
    )
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id", ondelete="CASCADE"))
    number: Mapped[str] = mapped_column(String(80), default="")
    issued_on: Mapped[date | None]
    issuer: Mapped[str] = mapped_column(String(NAME_LENGTH), default="")
    title: Mapped[str] = mapped_column(String(NAME_LENGTH), default="")

    __table_args__ = (
        Index("ix_evidence_assignment_id", "assignment_id"),
        Index("ix_evidence_entry_id", "entry_id"),
    )

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return self.number or self.title


class Decision(StrEnum):
    """How a request was answered."""

    PENDING = "pending"
    APPROVED = "approved"
    REFUSED = "refused"


class Extension(HasPublicId, Versioned, Base):
    """A request for a later deadline: reason, answer, history; the original deadline stays."""

    __tablename__ = "extensions"

    id: Mapped[int] = mapped_column(primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id", ondelete="CASCADE"))
    old_due_on: Mapped[date | None]
    new_due_on: Mapped[date]
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[Decision] = mapped_column(choice(Decision), default=Decision.PENDING)
    requested_at: Mapped[datetime] = mapped_column(Moment)
    requested_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    requested_by_name: Mapped[str] = mapped_column(String(200), default="")
    decided_at: Mapped[datetime | None] = mapped_column(Moment)
    # The day from which the new deadline holds.
    decided_on: Mapped[date | None]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    decided_by_name: Mapped[str] = mapped_column(String(200), default="")
    decision_note: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (
        Index("ix_extensions_assignment_id", "assignment_id"),
        Index(
            "uq_extensions_pending",
            "assignment_id",
            unique=True,
            sqlite_where=sql("state = 'pending'"),
            postgresql_where=sql("state = 'pending'"),
        ),
        Index("ix_extensions_state", "state"),
    )


class Urge(HasPublicId, Versioned, Base):
    """A leader's push (đôn đốc) with a day to answer by."""

    __tablename__ = "urges"

    id: Mapped[int] = mapped_column(primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id", ondelete="CASCADE"))
    message: Mapped[str] = mapped_column(Text)
    reply_by: Mapped[date]
    urged_at: Mapped[datetime] = mapped_column(Moment)
    urged_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    urged_by_name: Mapped[str] = mapped_column(String(200), default="")
    answered_at: Mapped[datetime | None] = mapped_column(Moment)
    answered_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    answered_by_name: Mapped[str] = mapped_column(String(200), default="")
    answer: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (
        Index("ix_urges_assignment_id", "assignment_id"),
        Index("ix_urges_answered_at_reply_by", "answered_at", "reply_by"),
    )

"""Inspections: the annual plan, visits, checklists in versions, answers, findings and remedies."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.accounts.models import User
from tracker.core.db import (
    NAME_LENGTH,
    Base,
    HasPublicId,
    JsonText,
    Moment,
    Versioned,
    choice,
    folded_column,
    sort_key_column,
)
from tracker.units.models import Unit


class InspectionPlan(HasPublicId, Versioned, Base):
    """The annual inspection plan, a numbered document of its own."""

    __tablename__ = "inspection_plans"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(80), unique=True)
    title: Mapped[str] = mapped_column(String(NAME_LENGTH))
    year: Mapped[int]
    number: Mapped[str] = mapped_column(String(80), default="")
    issued_on: Mapped[date | None]
    issuer_id: Mapped[int] = mapped_column(ForeignKey("units.id", ondelete="RESTRICT"))
    is_issued: Mapped[bool] = mapped_column(default=False)
    sort_key: Mapped[str] = sort_key_column()

    issuer: Mapped[Unit] = relationship(viewonly=True)

    __table_args__ = (Index("ix_inspection_plans_year", "year"),)

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return self.title


class InspectionPlanItem(Versioned, Base):
    """A unit to be inspected under the plan, within a month range."""

    __tablename__ = "inspection_plan_items"

    id: Mapped[int] = mapped_column(primary_key=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("inspection_plans.id", ondelete="CASCADE"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id", ondelete="RESTRICT"))
    planned_from: Mapped[date]
    planned_to: Mapped[date]
    scope: Mapped[str] = mapped_column(Text, default="")
    # The row is part of the plan from the date of its document to its withdrawal (exclusive).
    valid_from: Mapped[date | None]
    withdrawn_on: Mapped[date | None]

    unit: Mapped[Unit] = relationship(viewonly=True)
    plan: Mapped[InspectionPlan] = relationship(viewonly=True)

    __table_args__ = (
        CheckConstraint("planned_to >= planned_from", name="dates"),
        UniqueConstraint("plan_id", "unit_id", "planned_from"),
        Index("ix_inspection_plan_items_unit_id", "unit_id"),
    )


class InspectionPlanDocument(Base):
    """A version of an inspection plan: as issued (ordinal 0), then one for each amendment."""

    __tablename__ = "inspection_plan_documents"

    id: Mapped[int] = mapped_column(primary_key=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("inspection_plans.id", ondelete="CASCADE"))
    ordinal: Mapped[int]
    number: Mapped[str] = mapped_column(String(80))
    issued_on: Mapped[date]
    summary: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (UniqueConstraint("plan_id", "ordinal"),)

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return f"{self.number} ({self.issued_on:%d/%m/%Y})"


class InspectionPlanItemVersion(Base):
    """A row of an inspection plan as one of its documents has it."""

    __tablename__ = "inspection_plan_item_versions"

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("inspection_plan_items.id", ondelete="CASCADE"))
    document_id: Mapped[int] = mapped_column(
        ForeignKey("inspection_plan_documents.id", ondelete="CASCADE")
    )
    # 'added', 'changed' or 'withdrawn'.
    action: Mapped[str] = mapped_column(String(16))
    # From when to when and what is looked at, as the document has it.
    content: Mapped[Any] = mapped_column(JsonText)

    __table_args__ = (
        UniqueConstraint("item_id", "document_id"),
        CheckConstraint("action IN ('added', 'changed', 'withdrawn')", name="action"),
        Index("ix_inspection_plan_item_versions_document_id", "document_id"),
    )


class Checklist(Versioned, Base):
    """A checklist by its stable key; what is asked stands in its versions."""

    __tablename__ = "checklists"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(80), unique=True)
    title: Mapped[str] = mapped_column(String(NAME_LENGTH))
    is_active: Mapped[bool] = mapped_column(default=True)

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return self.title


class ChecklistVersion(Base):
    """A published edition of a checklist; visits keep the edition they were made with."""

    __tablename__ = "checklist_versions"

    id: Mapped[int] = mapped_column(primary_key=True)
    checklist_id: Mapped[int] = mapped_column(ForeignKey("checklists.id", ondelete="CASCADE"))
    number: Mapped[int]
    published_at: Mapped[datetime | None] = mapped_column(Moment)
    note: Mapped[str] = mapped_column(Text, default="")

    checklist: Mapped[Checklist] = relationship(viewonly=True)

    __table_args__ = (UniqueConstraint("checklist_id", "number"),)


class Severity(StrEnum):
    """How grave a finding is."""

    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


class ChecklistItem(Base):
    """One thing to look at; its `code` stays from version to version: repeats are found by it."""

    __tablename__ = "checklist_items"

    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("checklist_versions.id", ondelete="CASCADE"))
    position: Mapped[int]
    section: Mapped[str] = mapped_column(String(200))
    code: Mapped[str] = mapped_column(String(60))
    text: Mapped[str] = mapped_column(Text)
    severity: Mapped[Severity] = mapped_column(choice(Severity), default=Severity.MINOR)
    is_required: Mapped[bool] = mapped_column(default=True)

    __table_args__ = (UniqueConstraint("version_id", "code"),)


class VisitKind(StrEnum):
    """Why a team goes out. '100% of the plan' counts planned visits only."""

    PLANNED = "planned"
    SURPRISE = "surprise"
    REINSPECTION = "reinspection"
    SELF = "self"


class VisitState(StrEnum):
    """Where a visit stands."""

    PLANNED = "planned"
    IN_PROGRESS = "in_progress"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class Visit(HasPublicId, Versioned, Base):
    """One visit of one unit, with headcount and checklist."""

    __tablename__ = "visits"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[VisitKind] = mapped_column(choice(VisitKind))
    state: Mapped[VisitState] = mapped_column(choice(VisitState), default=VisitState.PLANNED)
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id", ondelete="RESTRICT"))
    plan_item_id: Mapped[int | None] = mapped_column(
        ForeignKey("inspection_plan_items.id", ondelete="RESTRICT")
    )
    checklist_version_id: Mapped[int | None] = mapped_column(
        ForeignKey("checklist_versions.id", ondelete="RESTRICT")
    )
    visited_on: Mapped[date]
    started_at: Mapped[datetime | None] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment)
    # The decision that sends the team out, where there is one.
    decision_number: Mapped[str] = mapped_column(String(80), default="")
    team_name: Mapped[str] = mapped_column(String(NAME_LENGTH), default="")
    is_announced: Mapped[bool] = mapped_column(default=False)
    # Headcount: null until counted.
    present: Mapped[int | None]
    absent_with_reason: Mapped[int | None]
    absent_without_reason: Mapped[int | None]
    counted_at: Mapped[datetime | None] = mapped_column(Moment)
    absence_note: Mapped[str] = mapped_column(Text, default="")
    conclusion: Mapped[str] = mapped_column(Text, default="")
    notice_number: Mapped[str] = mapped_column(String(80), default="")
    notice_on: Mapped[date | None]
    cancel_reason: Mapped[str] = mapped_column(Text, default="")
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    # Set by the phone, so that a second send finds the first.
    idempotency_key: Mapped[str | None] = mapped_column(String(64), unique=True)

    unit: Mapped[Unit] = relationship(viewonly=True)
    plan_item: Mapped[InspectionPlanItem | None] = relationship(viewonly=True)
    checklist_version: Mapped[ChecklistVersion | None] = relationship(viewonly=True)

    __table_args__ = (
        CheckConstraint("present IS NULL OR present BETWEEN 0 AND 10000", name="present"),
        CheckConstraint(
            "absent_with_reason IS NULL OR absent_with_reason BETWEEN 0 AND 10000",
            name="absent_with_reason",
        ),
        CheckConstraint(
            "absent_without_reason IS NULL OR absent_without_reason BETWEEN 0 AND 10000",
            name="absent_without_reason",
        ),
        CheckConstraint("kind <> 'planned' OR plan_item_id IS NOT NULL", name="plan_item"),
        Index("ix_visits_unit_id_visited_on", "unit_id", "visited_on"),
        Index("ix_visits_visited_on", "visited_on"),
        Index("ix_visits_plan_item_id", "plan_item_id"),
        Index("ix_visits_state", "state"),
    )


class MemberRole(StrEnum):
    """What a person is in an inspection team."""

    LEADER = "leader"
    SECRETARY = "secretary"
    MEMBER = "member"


class VisitMember(Base):
    """A member of the team: an account, or a guest from another agency by name."""

    __tablename__ = "visit_members"

    id: Mapped[int] = mapped_column(primary_key=True)
    visit_id: Mapped[int] = mapped_column(ForeignKey("visits.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    name: Mapped[str] = mapped_column(String(200))
    agency: Mapped[str] = mapped_column(String(NAME_LENGTH), default="")
    role: Mapped[MemberRole] = mapped_column(choice(MemberRole), default=MemberRole.MEMBER)

    user: Mapped[User | None] = relationship(viewonly=True)

    __table_args__ = (
        UniqueConstraint("visit_id", "user_id"),
        Index("ix_visit_members_user_id", "user_id"),
    )


class Answer(StrEnum):
    """The answer to a checklist item: đạt, không đạt, không áp dụng."""

    PASS = "pass"  # noqa: S105 - an answer, not a password
    FAIL = "fail"
    NOT_APPLICABLE = "not_applicable"


class VisitAnswer(Versioned, Base):
    """What a team found for one item of the checklist; saved as soon as it is given."""

    __tablename__ = "visit_answers"

    id: Mapped[int] = mapped_column(primary_key=True)
    visit_id: Mapped[int] = mapped_column(ForeignKey("visits.id", ondelete="CASCADE"))
    item_id: Mapped[int] = mapped_column(ForeignKey("checklist_items.id", ondelete="RESTRICT"))
    answer: Mapped[Answer] = mapped_column(choice(Answer))
    note: Mapped[str] = mapped_column(Text, default="")
    answered_at: Mapped[datetime] = mapped_column(Moment)
    answered_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))

    __table_args__ = (
        UniqueConstraint("visit_id", "item_id"),
        Index("ix_visit_answers_item_id", "item_id"),
    )


class FindingState(StrEnum):
    """Where a finding stands: open, remedied by the unit, verified by a second person, closed."""

    OPEN = "open"
    REMEDIED = "remedied"
    VERIFIED = "verified"
    CLOSED = "closed"


class Finding(HasPublicId, Versioned, Base):
    """Something to put right; photos are attachments of it."""

    __tablename__ = "findings"

    id: Mapped[int] = mapped_column(primary_key=True)
    visit_id: Mapped[int] = mapped_column(ForeignKey("visits.id", ondelete="CASCADE"))
    # The unit that answers for it today (a successor, after a merger); the visit keeps the old one.
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id", ondelete="RESTRICT"))
    item_id: Mapped[int | None] = mapped_column(
        ForeignKey("checklist_items.id", ondelete="RESTRICT")
    )
    # The item's stable code, '' for a finding outside the checklist.
    item_code: Mapped[str] = mapped_column(String(60), default="")
    severity: Mapped[Severity] = mapped_column(choice(Severity))
    text: Mapped[str] = mapped_column(Text)
    state: Mapped[FindingState] = mapped_column(choice(FindingState), default=FindingState.OPEN)
    found_on: Mapped[date]
    remedy_due_on: Mapped[date | None]
    closed_on: Mapped[date | None]
    # The earlier finding at the same unit for the same item.
    repeat_of_id: Mapped[int | None] = mapped_column(ForeignKey("findings.id", ondelete="SET NULL"))
    recorded_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    idempotency_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    folded: Mapped[str] = folded_column(4000)

    visit: Mapped[Visit] = relationship(viewonly=True)
    unit: Mapped[Unit] = relationship(viewonly=True)
    item: Mapped[ChecklistItem | None] = relationship(viewonly=True)

    __table_args__ = (
        CheckConstraint("state <> 'closed' OR closed_on IS NOT NULL", name="closed"),
        Index("ix_findings_unit_id_state", "unit_id", "state"),
        Index("ix_findings_visit_id", "visit_id"),
        Index("ix_findings_unit_id_item_code", "unit_id", "item_code"),
        Index("ix_findings_state_remedy_due_on", "state", "remedy_due_on"),
    )

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return self.text


class Remedy(HasPublicId, Versioned, Base):
    """What a unit did about a finding, with evidence, and what the second person said of it."""

    __tablename__ = "remedies"

    id: Mapped[int] = mapped_column(primary_key=True)
    finding_id: Mapped[int] = mapped_column(ForeignKey("findings.id", ondelete="CASCADE"))
    text: Mapped[str] = mapped_column(Text)
    done_on: Mapped[date]
    evidence_number: Mapped[str] = mapped_column(String(80), default="")
    evidence_on: Mapped[date | None]
    evidence_issuer: Mapped[str] = mapped_column(String(NAME_LENGTH), default="")
    reported_at: Mapped[datetime] = mapped_column(Moment)
    reported_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    reported_by_name: Mapped[str] = mapped_column(String(200), default="")
    verified_at: Mapped[datetime | None] = mapped_column(Moment)
    verified_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    verified_by_name: Mapped[str] = mapped_column(String(200), default="")
    # None until somebody looked; then accepted or sent back with a note.
    is_accepted: Mapped[bool | None]
    verification_note: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (
        CheckConstraint(
            "verified_by_id IS NULL OR reported_by_id IS NULL OR verified_by_id <> reported_by_id",
            name="second_person",
        ),
        Index("ix_remedies_finding_id", "finding_id"),
    )


class FindingCheck(Base):
    """What a re-inspection says of an earlier finding."""

    __tablename__ = "finding_checks"

    visit_id: Mapped[int] = mapped_column(
        ForeignKey("visits.id", ondelete="CASCADE"), primary_key=True
    )
    finding_id: Mapped[int] = mapped_column(
        ForeignKey("findings.id", ondelete="RESTRICT"), primary_key=True
    )
    # None until looked at.
    is_remedied: Mapped[bool | None]
    note: Mapped[str] = mapped_column(Text, default="")

    finding: Mapped[Finding] = relationship(viewonly=True)

    __table_args__ = (Index("ix_finding_checks_finding_id", "finding_id"),)

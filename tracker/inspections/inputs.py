"""What services of inspections take: frozen, plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, time
from typing import Any

from tracker.inspections.models import Answer, MemberRole, Severity, VisitKind
from tracker.plugins.events import FindingProposed, VisitProposed


@dataclass(frozen=True, kw_only=True)
class Member:
    """One person of a team: an account, or a guest by name."""

    user_id: int | None = None
    name: str = ""
    agency: str = ""
    role: MemberRole = MemberRole.MEMBER


@dataclass(frozen=True, kw_only=True)
class CreateVisit:
    """A visit to come or, for a surprise visit, one that begins now."""

    kind: VisitKind
    unit_id: int
    visited_on: date
    plan_item_id: int | None = None
    checklist_id: int | None = None
    decision_number: str = ""
    team_name: str = ""
    is_announced: bool = False
    members: Sequence[Member] = ()
    # Earlier findings that a re-inspection looks at again.
    finding_ids: Sequence[int] = ()
    idempotency_key: str | None = None

    def proposed(self) -> VisitProposed:
        """Return what hooks are asked about before it is made."""
        return VisitProposed(self.unit_id, self.kind.value, self.visited_on, self.is_announced)


@dataclass(frozen=True, kw_only=True)
class EditVisit:
    """The facts of a visit that is not finished."""

    visit_id: int
    visited_on: date
    checklist_id: int | None
    decision_number: str
    team_name: str
    is_announced: bool
    version: int | None = None


@dataclass(frozen=True)
class VisitRef:
    """Names a visit."""

    visit_id: int


@dataclass(frozen=True, kw_only=True)
class CountHeads:
    """Who was there, who was not, at what time of the day.

    `untouched` names what the person left as the page showed it: there others' words stay.
    """

    visit_id: int
    present: int | None
    absent_with_reason: int | None
    absent_without_reason: int | None
    counted_at: time | None
    note: str = ""
    untouched: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class SaveAnswer:
    """The answer to one item and its note; None keeps the one that is there."""

    visit_id: int
    item_id: int
    answer: Answer | None
    note: str | None = ""


@dataclass(frozen=True, kw_only=True)
class SetRemedyDue:
    """The day by which these findings are to be remedied."""

    finding_ids: tuple[int, ...]
    due_on: date


@dataclass(frozen=True, kw_only=True)
class AmendPlan:
    """Another numbered document that amends an issued inspection plan."""

    key: str
    number: str
    issued_on: date | None
    summary: str = ""


@dataclass(frozen=True, kw_only=True)
class EditPlanItem:
    """A row's new months and contents; the document behind it once the plan is issued."""

    key: str
    item_id: int
    version: int
    month_from: int
    month_to: int
    scope: str = ""
    document_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class AddMember:
    """One more person of a team."""

    visit_id: int
    member: Member


@dataclass(frozen=True)
class RemoveMember:
    """A person who is not of the team after all."""

    visit_id: int
    member_id: int


@dataclass(frozen=True, kw_only=True)
class RecordFinding:
    """Something to put right. `photos` are files prepared before the unit of work."""

    visit_id: int
    text: str
    severity: Severity
    item_id: int | None = None
    remedy_due_on: date | None = None
    photos: Sequence[Any] = field(default=(), compare=False)
    idempotency_key: str | None = None

    def proposed(self) -> FindingProposed:
        """Return what hooks are asked about before it is written."""
        return FindingProposed(
            self.visit_id, self.text, self.severity.value, self.remedy_due_on, len(self.photos)
        )


@dataclass(frozen=True, kw_only=True)
class EditFinding:
    """What a finding says, while its visit is open."""

    finding_id: int
    text: str
    severity: Severity
    remedy_due_on: date | None
    photos: Sequence[Any] = field(default=(), compare=False)
    version: int | None = None


@dataclass(frozen=True, kw_only=True)
class CheckFinding:
    """What a re-inspection says of an earlier finding; None keeps what is there."""

    visit_id: int
    finding_id: int
    is_remedied: bool | None
    note: str | None = ""


@dataclass(frozen=True, kw_only=True)
class FinishVisit:
    """The end of a visit, with what the team concludes."""

    visit_id: int
    conclusion: str = ""


@dataclass(frozen=True, kw_only=True)
class CancelVisit:
    """A visit that will not be."""

    visit_id: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class RecordNotice:
    """Conclusion and notice of a finished visit; only its leader writes them."""

    visit_id: int
    conclusion: str
    notice_number: str
    notice_on: date | None


@dataclass(frozen=True, kw_only=True)
class ReportRemedy:
    """What a unit did about a finding, with evidence."""

    finding_id: int
    text: str
    done_on: date
    evidence_number: str = ""
    evidence_on: date | None = None
    evidence_issuer: str = ""
    files: Sequence[Any] = field(default=(), compare=False)


@dataclass(frozen=True, kw_only=True)
class VerifyRemedy:
    """What the second person says of a remedy."""

    finding_id: int
    is_accepted: bool
    note: str = ""


@dataclass(frozen=True)
class FindingRef:
    """Names a finding."""

    finding_id: int


@dataclass(frozen=True, kw_only=True)
class SavePlan:
    """An annual inspection plan; `key` None makes a new one."""

    title: str
    year: int
    issuer_id: int
    number: str = ""
    issued_on: date | None = None
    key: str | None = None
    version: int | None = None


@dataclass(frozen=True, kw_only=True)
class AddPlanItems:
    """Units to be inspected within a range of months of the plan's year."""

    key: str
    unit_ids: Sequence[int]
    month_from: int
    month_to: int
    scope: str = ""
    unit_set_id: int | None = None
    # The amending document behind it; an issued plan changes by nothing else.
    document_id: int | None = None


@dataclass(frozen=True)
class RemovePlanItem:
    """A unit that is not to be inspected after all; withdrawn by a document once issued."""

    key: str
    item_id: int
    document_id: int | None = None


@dataclass(frozen=True)
class PlanRef:
    """Names an inspection plan by its key."""

    key: str


@dataclass(frozen=True, kw_only=True)
class ChecklistItemInput:
    """One thing to look at."""

    code: str
    section: str
    text: str
    severity: Severity = Severity.MINOR
    is_required: bool = True


@dataclass(frozen=True, kw_only=True)
class CreateChecklist:
    """A new checklist, with an empty draft."""

    title: str
    key: str = ""


@dataclass(frozen=True)
class ChecklistRef:
    """Names a checklist by its key."""

    key: str


@dataclass(frozen=True, kw_only=True)
class SaveDraft:
    """All items of a draft, in order; `base` is the fingerprint of those that were changed."""

    key: str
    items: Sequence[ChecklistItemInput]
    base: str
    note: str = ""

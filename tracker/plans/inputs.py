"""What the services of this feature take: frozen, plain values, checked by the forms before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tracker.files.services import PreparedFile
from tracker.plans.models import Reported
from tracker.plugins.events import ProgressProposed


@dataclass(frozen=True)
class EvidenceInput:
    """A document that proves a report, and its files, whose contents are already in the store."""

    number: str = ""
    issued_on: date | None = None
    issuer: str = ""
    title: str = ""
    files: tuple[PreparedFile, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing in it; an issuer alone proves nothing."""
        return not (self.number or self.issued_on or self.title or self.files)


@dataclass(frozen=True)
class ReportProgress:
    """A unit's report on one assignment.

    `done_on` is the day the work was really done, `effective_on` the day the report speaks of;
    both are local dates, at most today. `version` is that of the assignment when the form was
    opened, None for reports that are not made on a form.
    """

    assignment_id: int
    reported: Reported
    percent: int
    note: str = ""
    done_on: date | None = None
    effective_on: date | None = None
    evidence: EvidenceInput | None = None
    idempotency_key: str | None = None
    source: str = "person"
    version: int | None = None
    # The note is also the answer to what the unit was urged.
    answers_urges: bool = False

    def proposed(self) -> ProgressProposed:
        """Return what hooks are asked about before it is written."""
        return ProgressProposed(
            assignment_id=self.assignment_id,
            reported=self.reported.value,
            percent=self.percent,
            note=self.note,
            done_on=self.done_on,
            effective_on=self.effective_on,
            has_evidence=self.evidence is not None and not self.evidence.is_empty,
            source=self.source,
        )


@dataclass(frozen=True)
class JudgeReport:
    """A coordinator's confirmation of what was reported as done, or its return with a reason."""

    assignment_id: int
    note: str = ""
    version: int | None = None


@dataclass(frozen=True)
class ConfirmReports:
    """A coordinator's confirmation of several reports of 'done' at once, and what it rests on."""

    assignment_ids: tuple[int, ...]
    note: str


@dataclass(frozen=True)
class OpenDispute:
    """A unit says why a row that shows as overdue is not."""

    assignment_id: int
    reason: str


@dataclass(frozen=True)
class DecideDispute:
    """The end of a dispute: refused, or accepted with what is right."""

    assignment_id: int
    accepted: bool
    note: str
    done_on: date | None = None
    new_due_on: date | None = None


@dataclass(frozen=True)
class RecordTrigger:
    """The day on which what a conditional task waits for came about."""

    task_id: int
    triggered_on: date
    note: str = ""


@dataclass(frozen=True)
class PostponeReview:
    """What a conditional task waits for has not come about; the next day to ask again."""

    task_id: int
    review_on: date


@dataclass(frozen=True)
class AskExtension:
    """A request for a later deadline."""

    assignment_id: int
    new_due_on: date
    reason: str


@dataclass(frozen=True)
class DecideExtension:
    """The answer to a request for a later deadline."""

    extension_id: int
    approved: bool
    note: str = ""
    version: int | None = None


@dataclass(frozen=True)
class GrantExtensions:
    """A later deadline for several assignments at once, decided without being asked for."""

    assignment_ids: tuple[int, ...]
    new_due_on: date
    reason: str


@dataclass(frozen=True)
class UrgeUnits:
    """A leader's push for several assignments, with the day to answer by."""

    assignment_ids: tuple[int, ...]
    message: str
    reply_by: date


@dataclass(frozen=True)
class AnswerUrge:
    """A unit's answer to a push."""

    urge_id: int
    answer: str


@dataclass(frozen=True)
class AssignPerson:
    """Who in the unit works on these assignments; None for nobody by name."""

    assignment_ids: tuple[int, ...]
    person_id: int | None

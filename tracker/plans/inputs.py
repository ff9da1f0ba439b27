"""What the services of this feature take: frozen, plain values, checked by the forms before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tracker.plans.models import Reported


@dataclass(frozen=True)
class EvidenceInput:
    """A document that proves a report; `file_ids` are attachments already stored."""

    number: str = ""
    issued_on: date | None = None
    issuer: str = ""
    title: str = ""


@dataclass(frozen=True)
class ReportProgress:
    """A unit's report on one assignment.

    `done_on` is the day the work was really done, `effective_on` the day the report speaks of;
    both are local dates, at most today.
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

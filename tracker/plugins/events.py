"""Facts that are told after commit, and inputs that may be vetoed: frozen, plain values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID


@dataclass(frozen=True)
class ProgressReported:
    """A unit reported progress on one of its assignments."""

    assignment: UUID
    unit_id: int
    reported: str
    percent: int
    effective_on: date


@dataclass(frozen=True)
class PlanIssued:
    """A plan left the draft state by a numbered document."""

    plan: UUID
    key: str
    number: str
    issued_on: date


@dataclass(frozen=True)
class UnitsReorganised:
    """Units were merged, split, renamed, moved or ended by a decision."""

    kind: str
    effective_on: date
    successors: tuple[tuple[int, tuple[int, ...]], ...]


@dataclass(frozen=True)
class VisitFinished:
    """An inspection team closed its record of a visit."""

    visit: UUID
    unit_id: int
    kind: str
    visited_on: date
    finding_count: int


@dataclass(frozen=True)
class FindingRecorded:
    """An inspection found something to put right."""

    finding: UUID
    unit_id: int
    severity: str
    is_repeated: bool

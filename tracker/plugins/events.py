"""Facts that are told after commit, and inputs that may be vetoed: frozen, plain values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, get_args, get_origin, get_type_hints
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


@dataclass(frozen=True)
class JobFailed:
    """A job that the clock started or a person queued ended with an error."""

    job: str
    run: UUID
    due_at: datetime
    reason: str


@dataclass(frozen=True)
class PluginPaused:
    """A plug-in was paused, because it broke too often or took too long."""

    name: str
    reason: str


# -- what may be vetoed before it is written ----------------------------------------------------


@dataclass(frozen=True)
class ProgressProposed:
    """A progress report that is about to be written."""

    assignment_id: int
    reported: str
    percent: int
    note: str
    done_on: date | None
    effective_on: date | None
    has_evidence: bool
    source: str


@dataclass(frozen=True)
class VisitProposed:
    """An inspection's visit that is about to be made."""

    unit_id: int
    kind: str
    visited_on: date
    is_announced: bool


@dataclass(frozen=True)
class FindingProposed:
    """A finding that is about to be written."""

    visit_id: int
    text: str
    severity: str
    remedy_due_on: date | None
    photo_count: int


# -- on paper: events wait in the outbox as JSON ------------------------------------------------


def to_plain(happened: Any) -> dict[str, Any]:
    """Return an event's fields as JSON values."""
    return {one.name: _plain(getattr(happened, one.name)) for one in fields(happened)}


def from_plain(kind: type[Any], values: Mapping[str, Any]) -> Any:
    """Return the event of this kind that `to_plain` wrote down.

    A field that a later release added needs a default; one that it dropped is passed over.
    """
    hints = get_type_hints(kind)
    known = {one.name for one in fields(kind)}
    return kind(**{name: _read(hints[name], one) for name, one in values.items() if name in known})


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value


def _read(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if get_origin(hint) is tuple:
        of = get_args(hint)
        if len(of) == 2 and of[1] is Ellipsis:
            return tuple(_read(of[0], one) for one in value)
        return tuple(_read(kind, one) for kind, one in zip(of, value, strict=True))
    if hint is UUID:
        return UUID(value)
    if hint in (date, datetime):
        return hint.fromisoformat(value)
    return value

"""What services take: frozen, plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from tracker_position_rotation.models import Outcome


@dataclass(frozen=True, kw_only=True)
class SaveCategory:
    """A category of posts as it is from `valid_from` on."""

    code: str
    title: str
    sector: str
    months: int
    alert_months: int
    legal_basis: str
    valid_from: date
    valid_to: date | None = None
    category_id: int | None = None
    version: int | None = None


@dataclass(frozen=True, kw_only=True)
class SaveReason:
    """A reason for deferral or exemption."""

    code: str
    name: str
    name_en: str
    counts_out: bool
    is_private: bool
    needs_end: bool
    legal_basis: str
    valid_from: date
    valid_to: date | None = None
    reason_id: int | None = None
    version: int | None = None


@dataclass(frozen=True, kw_only=True)
class SavePost:
    """A post of a unit."""

    unit_id: int
    reach_unit_id: int
    title: str
    profession: str
    category_id: int | None
    seats: int = 1
    smallest: int = 1
    ended_on: date | None = None
    post_id: int | None = None
    version: int | None = None


@dataclass(frozen=True, kw_only=True)
class SavePerson:
    """An official; a new one begins in a post."""

    staff_code: str
    name: str
    retires_on: date | None = None
    retirement_override: str = ""
    person_id: int | None = None
    version: int | None = None
    post_id: int | None = None
    since: date | None = None
    since_in_category: date | None = None


@dataclass(frozen=True, kw_only=True)
class MovePerson:
    """A decision that moves somebody to another post, or out of the register (`post_id` None)."""

    person_id: int
    effective_on: date
    post_id: int | None = None
    decision_number: str = ""
    decided_on: date | None = None
    # The post was only made anew, as when units were reorganised: no rotation, time goes on.
    keeps_clock: bool = False
    version: int | None = None


@dataclass(frozen=True, kw_only=True)
class AddDeferral:
    """A reason that holds for a person."""

    person_id: int
    reason_id: int
    start: date
    end: date | None = None
    note: str = ""
    evidence_number: str = ""
    evidence_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class EndDeferral:
    """The last day of a deferral, when it becomes known."""

    deferral_id: int
    end: date


@dataclass(frozen=True, kw_only=True)
class DraftPlan:
    """A plan of a year for a unit and everything below it."""

    unit_id: int
    year: int
    title: str = ""
    task_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class SavePlan:
    """A plan's title, and the task of the reform plan that takes its progress from it."""

    plan_id: int
    title: str
    task_id: int | None = None
    version: int | None = None


@dataclass(frozen=True)
class PlanRef:
    """Names a plan."""

    plan_id: int


@dataclass(frozen=True)
class RowProposal:
    """Where a person would go, when, and why there."""

    person_id: int
    from_post_id: int
    to_post_id: int | None
    month: int | None
    why: str


@dataclass(frozen=True, kw_only=True)
class ApplyProposal:
    """What the solver found for a plan; `summary` is kept for the page."""

    plan_id: int
    rows: Sequence[RowProposal]
    summary: dict[str, object]


@dataclass(frozen=True, kw_only=True)
class SaveRow:
    """What a person decides about one row of a draft, or of an approved plan with a reason.

    `keeps_reason`: the private reason that the row has stays, without being told.
    """

    row_id: int
    outcome: Outcome
    to_post_id: int | None = None
    month: int | None = None
    why: str = ""
    reason_id: int | None = None
    keeps_reason: bool = False
    deferred_until: date | None = None
    version: int | None = None


@dataclass(frozen=True, kw_only=True)
class FinishRow:
    """The decision that carried a row out, and the hand-over minutes."""

    row_id: int
    decision_number: str
    decided_on: date
    effective_on: date
    minutes_number: str = ""
    minutes_on: date | None = None
    version: int | None = None


@dataclass(frozen=True, kw_only=True)
class ApprovePlan:
    """The document that approves a plan."""

    plan_id: int
    number: str
    issued_on: date


@dataclass(frozen=True, kw_only=True)
class PublishPlan:
    """When and where a plan was made public inside the unit."""

    plan_id: int
    published_on: date
    published_where: str

"""The one rule of status, and what each status means for the figures.

Status is never stored: it follows from what was reported and decided, as of a day. Each rule
stands once in `RULES`, its Python and its SQL side by side; the first that holds decides. A
property test holds the two together over random histories.

Lateness of what is done is judged by the original deadline, what is overdue by the current one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final

from flask_babel import lazy_gettext as _l
from sqlalchemy import Case, ColumnElement, and_, case, literal, not_, or_, true

from tracker.core.deadlines import DeadlineKind
from tracker.plans.models import Assignment, AssignmentPeriod, Plan, Reported, Task


class Status(StrEnum):
    """How an assignment stands as of a day; the order is the one in which people read them."""

    OVERDUE = "overdue"
    DUE_SOON = "due_soon"
    DISPUTED = "disputed"
    AWAITING = "awaiting"
    IN_PROGRESS = "in_progress"
    NOT_STARTED = "not_started"
    UNDATED = "undated"
    WAITING = "waiting"
    REGULAR = "regular"
    DONE = "done"
    DONE_LATE = "done_late"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Facts:
    """What the rule looks at: one assignment as it stood on the day that is asked about."""

    deadline_kind: DeadlineKind
    needs_confirmation: bool
    original_due_on: date | None
    due_on: date | None
    reported: Reported
    done_on: date | None
    is_confirmed: bool
    disputed_until: date | None
    is_withdrawn: bool


@dataclass(frozen=True)
class Columns:
    """The SQL twin of `Facts`: where each of them is read."""

    deadline_kind: ColumnElement[Any]
    needs_confirmation: ColumnElement[bool]
    original_due_on: ColumnElement[Any]
    due_on: ColumnElement[Any]
    reported: ColumnElement[Any]
    done_on: ColumnElement[Any]
    is_confirmed: ColumnElement[bool]
    disputed_until: ColumnElement[Any]
    is_withdrawn: ColumnElement[bool]


@dataclass(frozen=True)
class Moment:
    """The day asked about, and the last day that still counts as due soon."""

    as_of: date
    soon: date

    @classmethod
    def at(cls, as_of: date, due_soon_days: int) -> Moment:
        """Return the moment; calendar arithmetic is done here, so that SQL gets bound dates."""
        return cls(as_of, as_of + timedelta(days=due_soon_days))


@dataclass(frozen=True)
class Rule:
    """One line of the rule: the status, when it holds, and the same in SQL."""

    status: Status
    holds: Callable[[Facts, Moment], bool]
    in_sql: Callable[[Columns, Moment], ColumnElement[bool]]


def _accepted(facts: Facts) -> bool:
    return facts.reported is Reported.DONE and (facts.is_confirmed or not facts.needs_confirmation)


def _accepted_sql(c: Columns) -> ColumnElement[bool]:
    return and_(c.reported == Reported.DONE, or_(c.is_confirmed, not_(c.needs_confirmation)))


def _late(facts: Facts) -> bool:
    return (
        facts.done_on is not None
        and facts.original_due_on is not None
        and facts.done_on > facts.original_due_on
    )


# In order of first match. A comparison with an absent date is false in both languages.
RULES: Final[tuple[Rule, ...]] = (
    Rule(
        Status.WITHDRAWN,
        lambda f, m: f.is_withdrawn,
        lambda c, m: c.is_withdrawn,
    ),
    # Work without an end is never done, whatever is reported of it: it stands apart
    # (docs/decisions/regular-work.md).
    Rule(
        Status.REGULAR,
        lambda f, m: f.deadline_kind is DeadlineKind.OPEN_ENDED,
        lambda c, m: c.deadline_kind == DeadlineKind.OPEN_ENDED,
    ),
    Rule(
        Status.DONE_LATE,
        lambda f, m: _accepted(f) and _late(f),
        lambda c, m: and_(_accepted_sql(c), c.done_on > c.original_due_on),
    ),
    Rule(
        Status.DONE,
        lambda f, m: _accepted(f),
        lambda c, m: _accepted_sql(c),
    ),
    Rule(
        Status.AWAITING,
        lambda f, m: f.reported is Reported.DONE,
        lambda c, m: c.reported == Reported.DONE,
    ),
    Rule(
        Status.DISPUTED,
        lambda f, m: f.disputed_until is not None and f.disputed_until >= m.as_of,
        lambda c, m: c.disputed_until >= m.as_of,
    ),
    Rule(
        Status.UNDATED,
        lambda f, m: f.due_on is None and f.deadline_kind is not DeadlineKind.CONDITIONAL,
        lambda c, m: and_(c.due_on.is_(None), c.deadline_kind != DeadlineKind.CONDITIONAL),
    ),
    Rule(
        Status.WAITING,
        lambda f, m: f.due_on is None,
        lambda c, m: c.due_on.is_(None),
    ),
    Rule(
        Status.OVERDUE,
        lambda f, m: f.due_on is not None and f.due_on < m.as_of,
        lambda c, m: c.due_on < m.as_of,
    ),
    Rule(
        Status.DUE_SOON,
        lambda f, m: f.due_on is not None and f.due_on <= m.soon,
        lambda c, m: c.due_on <= m.soon,
    ),
    Rule(
        Status.IN_PROGRESS,
        # 'Cannot' is an answer too: the work was taken up, and its deadline still runs.
        lambda f, m: f.reported is not Reported.NOT_STARTED,
        lambda c, m: c.reported != Reported.NOT_STARTED,
    ),
    Rule(
        Status.NOT_STARTED,
        lambda f, m: True,
        lambda c, m: true(),
    ),
)


def status(facts: Facts, as_of: date, due_soon_days: int) -> Status:
    """Return how an assignment stands as of a day."""
    moment = Moment.at(as_of, due_soon_days)
    return next(rule.status for rule in RULES if rule.holds(facts, moment))


def status_sql(columns: Columns, as_of: date, due_soon_days: int) -> Case[Any]:
    """Return the same as an SQL expression whose value is the status' text."""
    moment = Moment.at(as_of, due_soon_days)
    *whens, last = RULES
    return case(
        *((rule.in_sql(columns, moment), literal(rule.status.value)) for rule in whens),
        else_=literal(last.status.value),
    )


def current_columns(as_of: date) -> Columns:
    """Return the columns of a query about now, over Assignment joined with its Task and Plan."""
    return Columns(
        deadline_kind=Task.deadline_kind.expression,
        needs_confirmation=Plan.needs_confirmation.expression,
        original_due_on=Assignment.original_due_on.expression,
        due_on=Assignment.due_on.expression,
        reported=Assignment.reported.expression,
        done_on=Assignment.done_on.expression,
        is_confirmed=Assignment.confirmed_on.is_not(None),
        disputed_until=Assignment.disputed_until.expression,
        is_withdrawn=and_(Assignment.withdrawn_on.is_not(None), Assignment.withdrawn_on <= as_of),
    )


def period_columns() -> Columns:
    """Return the columns of an as-of query: AssignmentPeriod over Assignment, Task and Plan."""
    return Columns(
        deadline_kind=Task.deadline_kind.expression,
        needs_confirmation=Plan.needs_confirmation.expression,
        original_due_on=Assignment.original_due_on.expression,
        due_on=AssignmentPeriod.due_on.expression,
        reported=AssignmentPeriod.reported.expression,
        done_on=AssignmentPeriod.done_on.expression,
        is_confirmed=AssignmentPeriod.is_confirmed.expression,
        disputed_until=AssignmentPeriod.disputed_until.expression,
        is_withdrawn=AssignmentPeriod.is_withdrawn.expression,
    )


class CountRule(StrEnum):
    """The two ways of counting that officials use; every figure names its own."""

    PLAN = "plan"
    """Tasks: all that are neither regular nor withdrawn; done when all their assignments are."""
    DUE = "due"
    """Assignments whose current deadline has come by the day asked about."""


@dataclass(frozen=True)
class Counted:
    """Where rows of one status enter: the denominator of each rule, and the numerators."""

    in_plan: bool = True
    in_due: bool = True
    is_done: bool = False


COUNTED: Final[Mapping[Status, Counted]] = {
    Status.OVERDUE: Counted(),
    Status.DUE_SOON: Counted(),
    # A disputed row stays in the denominator: tra soát explains lateness, it doesn't remove work.
    Status.DISPUTED: Counted(),
    Status.AWAITING: Counted(),
    Status.IN_PROGRESS: Counted(),
    Status.NOT_STARTED: Counted(),
    Status.UNDATED: Counted(in_due=False),
    Status.WAITING: Counted(in_due=False),
    Status.REGULAR: Counted(in_plan=False, in_due=False),
    Status.DONE: Counted(is_done=True),
    Status.DONE_LATE: Counted(is_done=True),
    Status.WITHDRAWN: Counted(in_plan=False, in_due=False),
}
DONE: Final = tuple(status for status, counted in COUNTED.items() if counted.is_done)
# What still asks for something to be done.
OPEN: Final = tuple(
    one for one, counted in COUNTED.items() if counted.in_plan and not counted.is_done
)

RULE_WORDS: Final = {
    CountRule.PLAN: _l(
        "Đếm theo nhiệm vụ của kế hoạch. Mẫu số là các nhiệm vụ còn hiệu lực, không tính nhiệm vụ "
        "thường xuyên và nhiệm vụ đã rút. Tử số là các nhiệm vụ mà mọi đơn vị được giao đều đã "
        "hoàn thành; nhiệm vụ chưa giao cho đơn vị nào thì chưa hoàn thành."
    ),
    CountRule.DUE: _l(
        "Đếm theo phần việc đã đến hạn. Mẫu số là các phần việc có hạn hiện tại đến hết ngày chốt "
        "số liệu, không tính việc thường xuyên và việc đã rút; việc đang tra soát vẫn tính. "
        "Tử số là các phần việc đã hoàn thành, kể cả hoàn thành muộn."
    ),
}
STATUS_WORDS: Final = {
    Status.OVERDUE: _l("Quá hạn"),
    Status.DUE_SOON: _l("Sắp đến hạn"),
    Status.DISPUTED: _l("Đang tra soát"),
    Status.AWAITING: _l("Chờ xác nhận"),
    Status.IN_PROGRESS: _l("Đang thực hiện"),
    Status.NOT_STARTED: _l("Chưa thực hiện"),
    Status.UNDATED: _l("Cần điền hạn"),
    Status.WAITING: _l("Chờ điều kiện"),
    Status.REGULAR: _l("Thường xuyên"),
    Status.DONE: _l("Hoàn thành"),
    Status.DONE_LATE: _l("Hoàn thành muộn"),
    Status.WITHDRAWN: _l("Đã rút"),
}

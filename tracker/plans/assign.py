"""Who answers for a task until when: deadlines as data, and the assignments that follow from them.

A row of a plan says who leads it (units, or a unit set by a rule) and by when. Issuing the plan
turns that into assignments, one for each lead unit and occurrence. Later changes keep what was
done: a unit that is taken off keeps its finished work, one that is added starts from that day.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from flask_babel import gettext as _
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from tracker.accounts.models import User
from tracker.core.deadlines import (
    MAX_OFFSET_DAYS,
    DeadlineKind,
    RecurrenceRule,
    TooManyOccurrences,
    occurrences,
)
from tracker.core.errors import ValidationFailed
from tracker.core.text import normalise
from tracker.core.work import Work
from tracker.plans import history
from tracker.plans.models import (
    FOREVER,
    Assignment,
    AssignmentPeriod,
    Decision,
    EntryKind,
    Extension,
    Plan,
    PlanState,
    ProgressEntry,
    Reported,
    RowKind,
    Task,
    TaskLead,
)
from tracker.units import sets, tree

LONGEST_DEADLINE_TEXT = 300
SINGLE = (DeadlineKind.DATE, DeadlineKind.WINDOW)
UNDATED = (DeadlineKind.OPEN_ENDED, DeadlineKind.CONDITIONAL, DeadlineKind.ASK)


@dataclass(frozen=True)
class Deadline:
    """When a task is due, as data; `text` is what the plan says, whatever was made of it.

    Parts that the kind does not use are dropped by `tidy`.
    """

    kind: DeadlineKind = DeadlineKind.ASK
    text: str = ""
    on: date | None = None
    starts_on: date | None = None
    rule: RecurrenceRule | None = None
    trigger: str = ""
    offset: int | None = None
    in_working_days: bool = False
    triggered_on: date | None = None
    review_on: date | None = None
    # The task of the same plan that a conditional one waits for, where the condition is one.
    awaits_id: int | None = None
    read_by: str = "person"
    confidence: int = 100

    def tidy(self) -> Deadline:
        """Return the deadline with only the parts that its kind uses."""
        conditional = self.kind is DeadlineKind.CONDITIONAL
        return Deadline(
            kind=self.kind,
            text=normalise(self.text),
            on=self.on if self.kind in SINGLE else None,
            starts_on=self.starts_on if self.kind is DeadlineKind.WINDOW else None,
            rule=self.rule if self.kind is DeadlineKind.RECURRING else None,
            trigger=normalise(self.trigger) if conditional else "",
            offset=self.offset if conditional else None,
            in_working_days=self.in_working_days and conditional,
            triggered_on=self.triggered_on if conditional else None,
            review_on=self.review_on if conditional else None,
            awaits_id=self.awaits_id if conditional else None,
            read_by=self.read_by,
            confidence=self.confidence,
        )

    def problems(self) -> dict[str, str]:
        """Return what is missing or impossible, by the names of the row's columns."""
        errors: dict[str, str] = {}
        if len(self.text) > LONGEST_DEADLINE_TEXT:
            errors["deadline_text"] = _("Dài quá %(most)d ký tự.", most=LONGEST_DEADLINE_TEXT)
        if self.kind in SINGLE and self.on is None:
            errors["deadline_on"] = _("Hãy ghi ngày đến hạn.")
        if self.kind is DeadlineKind.WINDOW:
            if self.starts_on is None:
                errors["window_start"] = _("Hãy ghi ngày bắt đầu.")
            elif self.on is not None and self.starts_on > self.on:
                errors["window_start"] = _("Ngày bắt đầu phải trước ngày đến hạn.")
        if self.kind is DeadlineKind.RECURRING and self.rule is None:
            errors["recurrence"] = _("Hãy chọn việc lặp lại khi nào.")
        if self.kind is DeadlineKind.CONDITIONAL:
            if not self.trigger:
                errors["trigger_text"] = _("Hãy ghi việc này chờ điều gì.")
            elif len(self.trigger) > LONGEST_DEADLINE_TEXT:
                errors["trigger_text"] = _("Dài quá %(most)d ký tự.", most=LONGEST_DEADLINE_TEXT)
            if self.offset is not None and not 0 <= self.offset <= MAX_OFFSET_DAYS:
                errors["trigger_offset"] = _(
                    "Số ngày phải từ 0 đến %(most)d.", most=MAX_OFFSET_DAYS
                )
        return errors

    def columns(self) -> dict[str, object]:
        """Return the deadline as the columns of a row."""
        return {
            "deadline_kind": self.kind,
            "deadline_text": self.text,
            "deadline_on": self.on,
            "window_start": self.starts_on,
            "recurrence": self.rule.to_json() if self.rule else None,
            "trigger_text": self.trigger,
            "trigger_offset": self.offset,
            "trigger_in_working_days": self.in_working_days,
            "triggered_on": self.triggered_on,
            "review_on": self.review_on,
            "awaits_id": self.awaits_id,
            "deadline_read_by": self.read_by,
            "deadline_confidence": self.confidence,
        }

    @classmethod
    def of(cls, task: Task) -> Deadline:
        """Return the deadline that a row has."""
        return cls(
            kind=task.deadline_kind,
            text=task.deadline_text,
            on=task.deadline_on,
            starts_on=task.window_start,
            rule=RecurrenceRule.from_json(task.recurrence) if task.recurrence else None,
            trigger=task.trigger_text,
            offset=task.trigger_offset,
            in_working_days=task.trigger_in_working_days,
            triggered_on=task.triggered_on,
            review_on=task.review_on,
            awaits_id=task.awaits_id,
            read_by=task.deadline_read_by,
            confidence=task.deadline_confidence,
        )

    def same_time(self, other: Deadline) -> bool:
        """Tell whether both ask for the same days (their words and readers may differ)."""

        def days(one: Deadline) -> tuple[object, ...]:
            return (one.kind, one.on, one.starts_on, one.rule, one.offset, one.in_working_days)

        return days(self) == days(other)


def due_days(deadline: Deadline, start: date, end: date) -> list[tuple[int, date | None]]:
    """Return (occurrence, due day) of each share that a lead unit gets.

    A single deadline is occurrence 0; a recurring one gives 1, 2, ... for the days of its rule
    from `start` to `end`. Raises ValidationFailed when a rule gives no day in that time, or far
    too many.
    """
    if deadline.kind in SINGLE:
        return [(0, deadline.on)]
    if deadline.kind is not DeadlineKind.RECURRING or deadline.rule is None:
        return [(0, None)]
    try:
        days = occurrences(deadline.rule, start, end)
    except TooManyOccurrences as error:
        raise ValidationFailed(
            {"recurrence": _("Việc lặp lại quá nhiều lần trong thời gian của kế hoạch.")}
        ) from error
    if not days:
        raise ValidationFailed(
            {
                "recurrence": _(
                    "Không có kỳ nào từ %(start)s đến %(end)s.",
                    start=f"{start:%d/%m/%Y}",
                    end=f"{end:%d/%m/%Y}",
                )
            }
        )
    return list(enumerate(days, 1))


def span(plan: Plan, valid_from: date) -> tuple[date, date]:
    """Return the days within which recurring work of a plan falls due.

    Not before the row is in force: nobody is late with what was not yet asked for.
    """
    return max(valid_from, date(plan.year_from, 1, 1)), date(plan.year_to, 12, 31)


# -- who leads ------------------------------------------------------------------------------


def leads_of(session: Session, task_ids: Collection[int]) -> dict[int, list[int]]:
    """Return the lead units that the plan names for each row (without unit sets)."""
    found: dict[int, list[int]] = {}
    for chunk in _chunks(list(task_ids)):
        rows = session.execute(
            select(TaskLead.task_id, TaskLead.unit_id)
            .where(TaskLead.task_id.in_(chunk))
            .order_by(TaskLead.id)
        )
        for task_id, unit_id in rows:
            found.setdefault(task_id, []).append(unit_id)
    return found


def _chunks(ids: Sequence[int], size: int = 500) -> Iterable[Sequence[int]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


class UnitSets:
    """Resolves unit sets as of one day, each once."""

    def __init__(self, session: Session, as_of: date) -> None:
        self._session = session
        self._as_of = as_of
        self._known: dict[int, list[int]] = {}

    def units(self, unit_set_id: int | None) -> list[int]:
        """Return the units of the set on that day; none for no set."""
        if unit_set_id is None:
            return []
        if unit_set_id not in self._known:
            self._known[unit_set_id] = list(sets.resolve(self._session, unit_set_id, self._as_of))
        return self._known[unit_set_id]


def _lead_units(task: Task, named: Sequence[int], unit_sets: UnitSets) -> list[int]:
    return list(dict.fromkeys([*named, *unit_sets.units(task.unit_set_id)]))


# -- making assignments ---------------------------------------------------------------------


def assign_tasks(work: Work, plan: Plan, tasks: Sequence[Task]) -> int:
    """Turn what rows say into assignments, and return how many; rows without a lead get none.

    Unit sets are resolved on the day each row comes into force. Raises ValidationFailed.
    """
    leads = leads_of(work.session, [task.id for task in tasks])
    by_day: dict[date, UnitSets] = {}
    rows: list[dict[str, object]] = []
    starts: list[date] = []
    for task in tasks:
        if task.kind is not RowKind.TASK or task.valid_from is None:
            continue
        unit_sets = by_day.setdefault(task.valid_from, UnitSets(work.session, task.valid_from))
        days = _days_of(plan, task)
        for unit_id in _lead_units(task, leads.get(task.id, []), unit_sets):
            for occurrence, day in days:
                rows.append(_new(task.id, unit_id, occurrence, day))
                starts.append(task.valid_from)
    _insert(work, rows, starts)
    return len(rows)


def _days_of(plan: Plan, task: Task) -> list[tuple[int, date | None]]:
    assert task.valid_from is not None
    try:
        return due_days(Deadline.of(task), *span(plan, task.valid_from))
    except ValidationFailed as error:
        raise ValidationFailed(
            {
                "": _(
                    "Dòng %(number)s “%(title)s”: %(problem)s",
                    number=task.number or "–",
                    title=task.title[:80],
                    problem=error.message,
                )
            }
        ) from error


def _new(
    task_id: int,
    unit_id: int,
    occurrence: int,
    day: date | None,
    begins_on: date | None = None,
) -> dict[str, object]:
    return {
        "begins_on": begins_on,
        "task_id": task_id,
        "unit_id": unit_id,
        "occurrence": occurrence,
        "original_due_on": day,
        "due_on": day,
    }


def _insert(work: Work, rows: Sequence[Mapping[str, object]], starts: Sequence[date]) -> None:
    """Insert assignments and the first period of each, which as-of questions read."""
    keys = work.bulk_insert(Assignment, rows)
    periods = [
        {
            "assignment_id": key,
            "valid_from": start,
            "valid_to": FOREVER,
            "unit_id": row["unit_id"],
            "due_on": row["due_on"],
            "reported": Reported.NOT_STARTED,
            "percent": 0,
            "is_confirmed": False,
            "is_withdrawn": False,
        }
        for key, row, start in zip(keys, rows, starts, strict=True)
    ]
    if periods:
        work.session.execute(insert(AssignmentPeriod), periods)


# -- changing them later --------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """What an amending document does to one row: from which day, and in whose words."""

    effective_on: date
    reason: str
    removed_units: Collection[int] = field(default_factory=tuple)
    added_units: Collection[int] = field(default_factory=tuple)
    is_deadline_changed: bool = False


def carry_out(work: Work, plan: Plan, task: Task, change: Change) -> None:
    """Bring the assignments of an issued row in line with what an amendment says.

    Finished work stays with whoever did it. Raises ValidationFailed for a rule without days.
    """
    session = work.session
    existing = list(
        session.scalars(
            select(Assignment).where(Assignment.task_id == task.id).order_by(Assignment.id)
        )
    )
    touched: list[Assignment] = []
    for one in existing:
        if one.unit_id in change.removed_units and is_open(one):
            withdraw_assignment(work, one, change.effective_on, change.reason)
            touched.append(one)
    deadline = Deadline.of(task)
    start, end = span(plan, change.effective_on)
    staying = [one for one in existing if one.unit_id not in change.removed_units]
    if change.is_deadline_changed:
        touched += _change_days(work, task, deadline, staying, change, (start, end))
    rows: list[dict[str, object]] = []
    for unit_id in change.added_units:
        before = [one for one in existing if one.unit_id == unit_id]
        shift = 1 + max((one.occurrence for one in before), default=-1)
        rows += [
            # Numbers that no earlier share has: a unit may lead, leave and lead again.
            _new(task.id, unit_id, occurrence + shift, day, change.effective_on)
            for occurrence, day in due_days(deadline, start, end)
        ]
    session.flush()
    _insert(work, rows, [change.effective_on] * len(rows))
    history.rebuild(work, {one.id for one in touched})


def _change_days(
    work: Work,
    task: Task,
    deadline: Deadline,
    staying: Sequence[Assignment],
    change: Change,
    window: tuple[date, date],
) -> list[Assignment]:
    was_recurring = any(one.occurrence > 0 for one in staying)
    if deadline.kind is not DeadlineKind.RECURRING and not was_recurring:
        day = deadline.on if deadline.kind in SINGLE else None
        moved = [one for one in staying if is_open(one) and one.due_on != day]
        for one in moved:
            move_due_day(work, one, day, change.effective_on, change.reason)
        return moved
    touched = [
        one
        for one in staying
        if is_open(one) and (one.due_on is None or one.due_on >= change.effective_on)
    ]
    for one in touched:
        withdraw_assignment(work, one, change.effective_on, change.reason)
    highest: dict[int, int] = {}
    for one in staying:
        highest[one.unit_id] = max(highest.get(one.unit_id, 0), one.occurrence)
    rows = [
        _new(task.id, unit_id, last + number, day, change.effective_on)
        for unit_id, last in highest.items()
        for number, (_occurrence, day) in enumerate(due_days(deadline, *window), 1)
    ]
    work.session.flush()
    _insert(work, rows, [change.effective_on] * len(rows))
    return touched


def is_open(one: Assignment) -> bool:
    """Tell whether there is still something to do."""
    return one.withdrawn_on is None and one.reported is not Reported.DONE


def withdraw_assignment(work: Work, one: Assignment, on: date, reason: str) -> None:
    """Take an assignment out of its plan from a day on; its history stays.

    The caller rebuilds the history of what it touched, once.
    """
    one.withdrawn_on = on
    _enter(work, one, EntryKind.WITHDRAWN, on, reason)


def move_due_day(work: Work, one: Assignment, day: date | None, on: date, reason: str) -> None:
    """Give an assignment another due day by a document; the original one stays.

    Kept as an extension that was decided with the document, so that one history tells of all
    changes of the due day. The caller rebuilds the history of what it touched, once.
    """
    old = one.due_on
    one.due_on = day
    if day is None:
        _enter(work, one, EntryKind.TRIGGERED, on, reason)
        return
    if one.original_due_on is None:
        one.original_due_on = day
    work.session.add(
        Extension(
            assignment_id=one.id,
            old_due_on=old,
            new_due_on=day,
            reason=reason,
            state=Decision.APPROVED,
            requested_at=work.now,
            requested_by_id=work.actor.user_id,
            requested_by_name=work.actor.name,
            decided_at=work.now,
            decided_on=on,
            decided_by_id=work.actor.user_id,
            decided_by_name=work.actor.name,
            decision_note=reason,
        )
    )


def _enter(
    work: Work,
    one: Assignment,
    kind: EntryKind,
    on: date,
    note: str,
    until: date | None = None,
) -> None:
    work.session.add(
        ProgressEntry(
            assignment_id=one.id,
            kind=kind,
            effective_on=on,
            until=until,
            note=note,
            recorded_at=work.now,
            recorded_by_id=work.actor.user_id,
            recorded_by_name=work.actor.name,
        )
    )


# -- units born later, people, triggers -----------------------------------------------------


def proposed_units(session: Session, task: Task, on: date) -> list[int]:
    """Return the units that a row's unit set means on a day and that lead nothing of it yet.

    They are proposed to a person; nothing is given to a unit that did not exist when the plan was
    issued unless somebody decides so.
    """
    if task.unit_set_id is None or task.valid_from is None or task.withdrawn_on is not None:
        return []
    having = set(session.scalars(select(Assignment.unit_id).where(Assignment.task_id == task.id)))
    return [
        unit_id for unit_id in sets.resolve(session, task.unit_set_id, on) if unit_id not in having
    ]


@dataclass(frozen=True)
class AddProposed:
    """Units of a row's unit set that are to lead it too, from a day on."""

    task_id: int
    unit_ids: tuple[int, ...]
    from_day: date


def add_proposed(work: Work, data: AddProposed) -> int:
    """Give a row's work to units that its unit set came to mean; return how many.

    Raises ValidationFailed for a unit that is not proposed, NotFound, PermissionDenied.
    """
    task = work.get(Task, data.task_id)
    plan = work.get(Plan, task.plan_id)
    work.require("plans.manage", plan)
    if plan.state is not PlanState.ISSUED:
        raise ValidationFailed({"": _("Kế hoạch này không còn nhận thay đổi.")})
    if task.valid_from is not None and data.from_day < task.valid_from:
        raise ValidationFailed({"from_day": _("Ngày này trước khi việc có hiệu lực.")})
    proposed = set(proposed_units(work.session, task, data.from_day))
    if not data.unit_ids or not set(data.unit_ids) <= proposed:
        raise ValidationFailed({"unit_ids": _("Hãy chọn trong các đơn vị được đề xuất.")})
    change = Change(
        effective_on=data.from_day,
        reason=_("Đơn vị thuộc nhóm được giao, thành lập sau khi ban hành."),
        added_units=data.unit_ids,
    )
    carry_out(work, plan, task, change)
    return len(data.unit_ids)


@dataclass(frozen=True)
class SetPerson:
    """Who of the unit does the work; None takes the name off."""

    assignment_id: int
    person_id: int | None


def set_person(work: Work, data: SetPerson) -> int:
    """Name the person who does an assignment; return the task's key.

    Raises ValidationFailed when the person cannot work for the unit, NotFound, PermissionDenied.
    """
    one = work.get(Assignment, data.assignment_id)
    work.require("tasks.report", one)
    if data.person_id is not None:
        person = work.session.get(User, data.person_id)
        if person is None or not person.is_active:
            raise ValidationFailed({"person_id": _("Không có tài khoản đang dùng này.")})
        if person.unit_id not in tree_units(work.session, one.unit_id):
            raise ValidationFailed({"person_id": _("Người này không thuộc đơn vị chủ trì.")})
    one.person_id = data.person_id
    return one.task_id


def tree_units(session: Session, unit_id: int) -> set[int]:
    """Return a unit and all units under it today."""
    return set(session.scalars(tree.units_within([unit_id], reading=False)))

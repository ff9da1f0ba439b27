"""The life of a plan: draft, issued by a numbered document, amended by others, closed.

A draft may be changed and deleted freely. Issuing fixes its identity (issuer, kind, number, date),
turns its rows into assignments and keeps each row as issued.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tracker.core.errors import Conflict, FieldError, ValidationFailed
from tracker.core.text import fold, normalise, slug, sort_key
from tracker.core.work import Work
from tracker.plans import assign, notices, waiting
from tracker.plans.documents import (
    ADDED,
    NewDocument,
    add_document,
    number_problem,
    record_versions,
    require_changeable,
)
from tracker.plans.models import (
    DocumentKind,
    Plan,
    PlanDocument,
    PlanState,
    RowKind,
    Task,
    TaskLead,
)
from tracker.plugins.events import PlanIssued
from tracker.units.models import Unit

LONGEST_TITLE: Final = 500
LONGEST_KEY: Final = 80
FIRST_YEAR: Final = 1990
LAST_YEAR: Final = 2200
MOST_YEARS: Final = 15
MOST_NAMED: Final = 10
# Addresses of pages that stand beside the plans.
RESERVED_KEYS: Final = frozenset({"moi", "linh-vuc"})
KEY_SHAPE: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@dataclass(frozen=True)
class PlanInput:
    """What is written of a plan; an empty `key` is made from the issuer and the year."""

    title: str
    issuer_id: int
    year_from: int
    year_to: int
    kind: DocumentKind = DocumentKind.PLAN
    key: str = ""
    number: str = ""
    issued_on: date | None = None
    needs_confirmation: bool = False
    source_note: str = ""


@dataclass(frozen=True)
class CreatePlan:
    """A new draft."""

    plan: PlanInput


@dataclass(frozen=True)
class EditPlan:
    """A changed plan, and the version it was read in."""

    plan_id: int
    version: int
    plan: PlanInput


@dataclass(frozen=True)
class IssuePlan:
    """The document by which a draft is issued."""

    plan_id: int
    version: int
    number: str
    issued_on: date | None
    summary: str = ""


@dataclass(frozen=True)
class AmendPlan:
    """Another numbered document that amends an issued plan."""

    plan_id: int
    document: NewDocument


@dataclass(frozen=True)
class ClosePlan:
    """The end of a plan: from then on nothing of it changes."""

    plan_id: int
    version: int
    closed_on: date


@dataclass(frozen=True)
class DeletePlan:
    """A draft that goes."""

    plan_id: int
    version: int


def create_plan(work: Work, data: CreatePlan) -> int:
    """Make a draft and return its key number. Raises ValidationFailed, PermissionDenied."""
    issuer = work.session.get(Unit, data.plan.issuer_id)
    errors = _problems(data.plan)
    if issuer is None:
        errors["issuer_id"] = _("Hãy chọn cơ quan ban hành.")
    key = normalise(data.plan.key)
    if key and (problem := key_problem(work.session, key, None)):
        errors["key"] = problem
    if errors or issuer is None:
        raise ValidationFailed(errors)
    plan = Plan(
        key=key or free_key(work.session, issuer, data.plan.year_from),
        title="",
        issuer_id=issuer.id,
        year_from=data.plan.year_from,
        year_to=data.plan.year_to,
    )
    work.require("plans.manage", plan)
    _fill(plan, data.plan)
    _fill_search(plan, issuer)
    work.session.add(plan)
    work.session.flush()
    return plan.id


def edit_plan(work: Work, data: EditPlan) -> int:
    """Change a plan's head and return its key number.

    Of an issued plan only title, confirmation and source note change: its identity is printed.
    Raises ValidationFailed, Conflict, NotFound, PermissionDenied.
    """
    plan = _get(work, data.plan_id, data.version)
    require_changeable(plan)
    given = data.plan
    if plan.state is not PlanState.DRAFT:
        given = PlanInput(
            title=given.title,
            issuer_id=plan.issuer_id,
            year_from=plan.year_from,
            year_to=plan.year_to,
            kind=plan.kind,
            key=plan.key,
            number=plan.number,
            issued_on=plan.issued_on,
            needs_confirmation=given.needs_confirmation,
            source_note=given.source_note,
        )
    issuer = work.session.get(Unit, given.issuer_id)
    errors = _problems(given)
    if issuer is None:
        errors["issuer_id"] = _("Hãy chọn cơ quan ban hành.")
    key = normalise(given.key) or plan.key
    if key != plan.key and (problem := key_problem(work.session, key, plan.id)):
        errors["key"] = problem
    if errors or issuer is None:
        raise ValidationFailed(errors)
    plan.key = key
    was_confirmed = plan.needs_confirmation
    _fill(plan, given)
    # The new issuer must lie within the actor's reach too, or a plan could be given away.
    work.require("plans.manage", plan)
    _fill_search(plan, issuer)
    work.session.flush()
    if was_confirmed and not plan.needs_confirmation:
        waiting.wake_reported(work, plan)
    return plan.id


def issue_plan(work: Work, data: IssuePlan) -> int:
    """Issue a draft: fix its identity, keep its rows as issued, make the assignments.

    Returns the number of assignments. Raises ValidationFailed, Conflict when a plan of the same
    issuer, kind, number and date is there, NotFound, PermissionDenied.
    """
    plan = _get(work, data.plan_id, data.version)
    if plan.state is not PlanState.DRAFT:
        raise ValidationFailed({"": _("Kế hoạch này đã ban hành.")})
    number = normalise(data.number)
    errors: dict[str, str] = {}
    if problem := number_problem(number):
        errors["number"] = problem
    if data.issued_on is None:
        errors["issued_on"] = _("Hãy ghi ngày ban hành.")
    elif data.issued_on > work.today:
        errors["issued_on"] = _("Ngày ban hành chưa tới.")
    elif data.issued_on.year > plan.year_to:
        errors["issued_on"] = _("Ngày ban hành sau khi thời gian của kế hoạch đã hết.")
    tasks = list(
        work.session.scalars(select(Task).where(Task.plan_id == plan.id).order_by(Task.path))
    )
    if not any(task.kind is RowKind.TASK for task in tasks):
        errors[""] = _("Kế hoạch chưa có nhiệm vụ nào.")
    if errors or data.issued_on is None:
        raise ValidationFailed(errors)
    _require_single_document(work.session, plan, number, data.issued_on)
    _require_living_leads(work.session, plan.id, data.issued_on)
    plan.number, plan.issued_on = number, data.issued_on
    plan.state = PlanState.ISSUED
    try:
        work.session.flush()
    except IntegrityError as error:
        # Somebody else issued the same document a moment ago.
        raise _twice(number, data.issued_on) from error
    document = PlanDocument(
        plan_id=plan.id,
        ordinal=0,
        kind=plan.kind,
        number=number,
        issued_on=data.issued_on,
        issuer=work.session.scalars(select(Unit.name).where(Unit.id == plan.issuer_id)).one(),
        summary=normalise(data.summary),
    )
    work.session.add(document)
    for task in tasks:
        task.valid_from = data.issued_on
        task.added_by_id = None
    work.session.flush()
    record_versions(work, plan, tasks, document, ADDED)
    made = assign.assign_tasks(work, plan, tasks)
    _fill_search(plan, work.session.get_one(Unit, plan.issuer_id))
    notices.tell_issued(work, plan)
    work.emit(
        PlanIssued(plan=plan.public_id, key=plan.key, number=number, issued_on=data.issued_on)
    )
    return made


def amend_plan(work: Work, data: AmendPlan) -> int:
    """Register a document that amends an issued plan; return the document's key.

    Changes of rows then name it. Raises ValidationFailed, Conflict, NotFound, PermissionDenied.
    """
    plan = work.get(Plan, data.plan_id)
    work.require("plans.manage", plan)
    require_changeable(plan)
    if plan.state is not PlanState.ISSUED:
        raise ValidationFailed({"": _("Kế hoạch chưa ban hành thì sửa thẳng, không cần văn bản.")})
    return add_document(work, plan, data.document).id


def close_plan(work: Work, data: ClosePlan) -> int:
    """Close an issued plan; return its key number. It stays readable, and nothing changes it.

    Raises ValidationFailed, Conflict, NotFound, PermissionDenied.
    """
    plan = _get(work, data.plan_id, data.version)
    if plan.state is not PlanState.ISSUED:
        raise ValidationFailed({"": _("Chỉ khép được kế hoạch đang thực hiện.")})
    if plan.issued_on is not None and data.closed_on < plan.issued_on:
        raise ValidationFailed({"closed_on": _("Ngày khép phải sau ngày ban hành.")})
    if data.closed_on > work.today:
        raise ValidationFailed({"closed_on": _("Ngày này chưa tới.")})
    plan.state = PlanState.CLOSED
    plan.closed_on = data.closed_on
    return plan.id


def delete_plan(work: Work, data: DeletePlan) -> str:
    """Delete a draft with its rows; return its title. An issued plan is never deleted.

    Raises ValidationFailed, Conflict, NotFound, PermissionDenied.
    """
    plan = _get(work, data.plan_id, data.version)
    if plan.state is not PlanState.DRAFT:
        raise ValidationFailed({"": _("Kế hoạch đã ban hành thì không xóa được.")})
    title = plan.title
    waiting.forget(work, Task.plan_id == plan.id)
    by_depth: dict[int, list[Task]] = {}
    for task in work.session.scalars(select(Task).where(Task.plan_id == plan.id)):
        by_depth.setdefault(task.path.count("."), []).append(task)
    for depth in sorted(by_depth, reverse=True):
        # Level by level from the leaves up: a parent may go only after its children.
        for task in by_depth[depth]:
            work.session.delete(task)
        work.session.flush()
    work.session.delete(plan)
    return title


# -- keys and checks ------------------------------------------------------------------------


def free_key(session: Session, issuer: Unit, year: int) -> str:
    """Return a key that no plan has: the issuer's short name and the year, numbered if taken."""
    base = slug(f"{_place_name(issuer.short_name or issuer.name)} {year}") or f"ke-hoach-{year}"
    base = base[: LONGEST_KEY - 4].strip("-")
    taken = set(session.scalars(select(Plan.key).where(Plan.key.startswith(base))))
    key, number = base, 2
    while key in taken or key in RESERVED_KEYS:
        key, number = f"{base}-{number}", number + 1
    return key


def _place_name(name: str) -> str:
    """Return a unit's name without what it is: 'UBND thị xã Vĩnh Châu' is 'Vĩnh Châu'."""
    kinds = r"(?:ubnd|ủy ban nhân dân|uỷ ban nhân dân)?\s*"
    levels = r"(?:tỉnh|thành phố|huyện|quận|thị xã|thị trấn|xã|phường|đặc khu)?\s+"
    short = re.sub(rf"^{kinds}{levels}(?=\S)", "", f" {name}".strip(), flags=re.IGNORECASE)
    return short or name


def key_problem(session: Session, key: str, own_id: int | None) -> str:
    """Return what is wrong with a key, '' when it can be used."""
    if not KEY_SHAPE.fullmatch(key) or len(key) > LONGEST_KEY:
        return str(_("Chỉ dùng chữ thường không dấu, chữ số và dấu gạch nối, như vinh-chau-2021."))
    if key in RESERVED_KEYS:
        return str(_("Hệ thống đã dùng mã này. Hãy chọn mã khác."))
    query = select(Plan.id).where(Plan.key == key)
    if own_id is not None:
        query = query.where(Plan.id != own_id)
    with session.no_autoflush:
        is_taken = session.execute(query.limit(1)).first() is not None
    return str(_("Một kế hoạch khác đã dùng mã này.")) if is_taken else ""


def _problems(plan: PlanInput) -> dict[str, str]:
    errors: dict[str, str] = {}
    title = normalise(plan.title)
    if not title:
        errors["title"] = _("Hãy ghi tên kế hoạch.")
    elif len(title) > LONGEST_TITLE:
        errors["title"] = _("Dài quá %(most)d ký tự.", most=LONGEST_TITLE)
    if not FIRST_YEAR <= plan.year_from <= LAST_YEAR:
        errors["year_from"] = _("Năm chưa đúng.")
    elif not plan.year_from <= plan.year_to <= plan.year_from + MOST_YEARS:
        errors["year_to"] = _("Năm cuối phải từ năm đầu trở đi, nhiều nhất %(most)d năm.",
                              most=MOST_YEARS)  # fmt: skip
    if len(plan.number) > 80:
        errors["number"] = _("Dài quá %(most)d ký tự.", most=80)
    return errors


def _get(work: Work, plan_id: int, version: int) -> Plan:
    plan = work.get(Plan, plan_id)
    work.require("plans.manage", plan)
    if plan.version != version:
        raise Conflict(_("Người khác vừa sửa mục này. Hãy tải lại rồi sửa tiếp."))
    return plan


def _fill(plan: Plan, data: PlanInput) -> None:
    plan.title = normalise(data.title)
    plan.issuer_id = data.issuer_id
    plan.kind = data.kind
    plan.year_from, plan.year_to = data.year_from, data.year_to
    plan.number = normalise(data.number)
    plan.issued_on = data.issued_on
    plan.needs_confirmation = data.needs_confirmation
    plan.source_note = normalise(data.source_note)


def _fill_search(plan: Plan, issuer: Unit) -> None:
    years = " ".join(str(year) for year in range(plan.year_from, plan.year_to + 1))
    plan.folded = fold(f"{plan.title} {plan.number} {plan.key} {issuer.name} {years}")[:2000]
    plan.sort_key = sort_key(plan.title)


def _require_single_document(session: Session, plan: Plan, number: str, issued_on: date) -> None:
    """Raise Conflict when a plan of the same issuer, kind, number and date has been issued."""
    query = select(Plan.id).where(
        Plan.id != plan.id,
        Plan.state != PlanState.DRAFT,
        Plan.issuer_id == plan.issuer_id,
        Plan.kind == plan.kind,
        Plan.number == number,
        Plan.issued_on == issued_on,
    )
    if session.execute(query.limit(1)).first() is not None:
        raise _twice(number, issued_on)


def _require_living_leads(session: Session, plan_id: int, on: date) -> None:
    """Raise ValidationFailed naming rows that are led by a unit which had ended by then."""
    ended = session.execute(
        select(Task.number, Task.title, Unit.name)
        .join(TaskLead, TaskLead.task_id == Task.id)
        .join(Unit, Unit.id == TaskLead.unit_id)
        .where(Task.plan_id == plan_id, Unit.valid_to <= on)
        .order_by(Task.path)
        .limit(MOST_NAMED)
    ).all()
    if ended:
        raise ValidationFailed(
            [
                FieldError(
                    "",
                    _(
                        "Dòng %(number)s “%(title)s”: %(unit)s đã ngừng hoạt động trước ngày "
                        "ban hành. Hãy chọn đơn vị kế thừa.",
                        number=row.number or "–",
                        title=row.title[:80],
                        unit=row.name,
                    ),
                )
                for row in ended
            ]
        )


def _twice(number: str, issued_on: date) -> Conflict:
    return Conflict(
        _(
            "Cơ quan này đã ban hành một văn bản cùng loại, cùng số %(number)s "
            "ngày %(day)s. Hãy kiểm tra lại số và ngày.",
            number=number,
            day=f"{issued_on:%d/%m/%Y}",
        )
    )

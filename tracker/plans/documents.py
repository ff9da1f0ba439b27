"""The documents of a plan, and its rows as each of them has them.

Version 0 is the plan as issued; each amending document adds one. A row has a version only where a
document says something of it, so its state under a document is the newest version up to there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import Select, func, literal, select, union_all
from sqlalchemy.orm import Session

from tracker.core.deadlines import RecurrenceRule
from tracker.core.errors import Conflict, FieldError, ValidationFailed
from tracker.core.text import normalise
from tracker.core.work import Work
from tracker.plans import notices, phrases
from tracker.plans.models import (
    DocumentKind,
    Plan,
    PlanDocument,
    PlanState,
    Task,
    TaskCoordinator,
    TaskLead,
    TaskVersion,
)
from tracker.units.models import Unit, UnitSet

LONGEST_NUMBER = 80
ADDED, CHANGED, WITHDRAWN = "added", "changed", "withdrawn"


@dataclass(frozen=True)
class NewDocument:
    """A document that amends a plan: kind, number, date, who signed it, what it is about."""

    kind: DocumentKind
    number: str
    issued_on: date
    issuer: str = ""
    summary: str = ""


@dataclass(frozen=True)
class DocumentChoice:
    """The amending document behind a change: one that is known, or a new one."""

    document_id: int | None = None
    new: NewDocument | None = None


def number_problem(number: str) -> str:
    """Return what is wrong with the number of a document, '' when nothing is."""
    if not number:
        return str(_("Hãy ghi số, ký hiệu văn bản."))
    if len(number) > LONGEST_NUMBER:
        return str(_("Dài quá %(most)d ký tự.", most=LONGEST_NUMBER))
    return ""


def add_document(work: Work, plan: Plan, data: NewDocument) -> PlanDocument:
    """Add an amending document to an issued plan.

    Raises ValidationFailed for a missing number or an impossible date, Conflict for one that the
    plan has already.
    """
    number = normalise(data.number)
    errors: dict[str, str] = {}
    if problem := number_problem(number):
        errors["number"] = problem
    if plan.issued_on is not None and data.issued_on < plan.issued_on:
        errors["issued_on"] = _(
            "Văn bản điều chỉnh không thể trước ngày ban hành kế hoạch (%(day)s).",
            day=f"{plan.issued_on:%d/%m/%Y}",
        )
    elif data.issued_on > work.today:
        errors["issued_on"] = _("Ngày văn bản chưa tới.")
    if errors:
        raise ValidationFailed(errors)
    known = list(
        work.session.scalars(
            select(PlanDocument)
            .where(PlanDocument.plan_id == plan.id)
            .order_by(PlanDocument.ordinal)
        )
    )
    if any(
        (one.kind, one.number, one.issued_on) == (data.kind, number, data.issued_on)
        for one in known
    ):
        raise Conflict(_("Kế hoạch đã có văn bản số %(number)s này.", number=number))
    document = PlanDocument(
        plan_id=plan.id,
        ordinal=1 + max((one.ordinal for one in known), default=0),
        kind=data.kind,
        number=number,
        issued_on=data.issued_on,
        issuer=normalise(data.issuer),
        summary=normalise(data.summary),
    )
    work.session.add(document)
    work.session.flush()
    notices.tell_amended(work, plan, document)
    return document


def amending_document(work: Work, plan: Plan, choice: DocumentChoice | None) -> PlanDocument:
    """Return the document behind a change of an issued plan.

    Raises ValidationFailed when none is named: what was issued changes by a document only.
    """
    if choice is not None and choice.new is not None:
        try:
            return add_document(work, plan, choice.new)
        except ValidationFailed as error:
            # Beside a row's own fields, which have a number too.
            raise ValidationFailed(
                [FieldError(f"document_{one.field}", one.message) for one in error.errors]
            ) from error
    document = None
    if choice is not None and choice.document_id is not None:
        document = work.session.get(PlanDocument, choice.document_id)
    if document is None or document.plan_id != plan.id or document.ordinal == 0:
        raise ValidationFailed(
            {
                "document_id": _(
                    "Kế hoạch đã ban hành: hãy chọn văn bản điều chỉnh làm căn cứ cho thay đổi này."
                )
            }
        )
    return document


def require_changeable(plan: Plan) -> None:
    """Raise ValidationFailed for a plan that is closed."""
    if plan.state is PlanState.CLOSED:
        raise ValidationFailed({"": _("Kế hoạch đã khép lại, không sửa được nữa.")})


# -- the rows as printed --------------------------------------------------------------------

# What a document says of a row, in the order of the annex.
CONTENT_KEYS = ("number", "title", "product", "lead", "coordinators", "deadline", "budget")


def deadline_words(task: Any) -> str:
    """Return when a row is due, in the plan's own words where it has any."""
    if task.deadline_text:
        return str(task.deadline_text)
    return phrases.deadline_phrase(
        kind=task.deadline_kind,
        on=task.deadline_on,
        starts_on=task.window_start,
        rule=RecurrenceRule.from_json(task.recurrence) if task.recurrence else None,
        trigger=task.trigger_text,
        offset=task.trigger_offset,
        in_working_days=task.trigger_in_working_days,
    )


@dataclass(frozen=True)
class Names:
    """The names that rows need to be printed: of lead and coordinating units and of unit sets."""

    leads: Mapping[int, Sequence[str]]
    coordinators: Mapping[int, Sequence[str]]
    sets: Mapping[int, str]

    def lead(self, task: Any) -> str:
        """Return who leads, in the plan's own words where it has any."""
        if task.lead_text:
            return str(task.lead_text)
        named = list(self.leads.get(task.id, ()))
        if task.unit_set_id is not None and task.unit_set_id in self.sets:
            named.append(self.sets[task.unit_set_id])
        return "; ".join(named)

    def coordinating(self, task: Any) -> str:
        """Return who takes part, in the plan's own words where it has any."""
        return str(task.coordinator_text) or "; ".join(self.coordinators.get(task.id, ()))


def load_names(session: Session, plan_id: int, task_ids: Collection[int] | None = None) -> Names:
    """Return the names for the rows of a plan, in one query whatever their number."""
    parts: list[Select[*tuple[Any, ...]]] = []
    for link in (TaskLead, TaskCoordinator):
        part = (
            select(
                literal(link.__tablename__),
                link.task_id.label("task_id"),
                link.id.label("place"),
                Unit.name,
            )
            .join(Unit, Unit.id == link.unit_id)
            .join(Task, Task.id == link.task_id)
            .where(Task.plan_id == plan_id)
        )
        parts.append(part if task_ids is None else part.where(link.task_id.in_(task_ids)))
    sets = select(literal(UnitSet.__tablename__), UnitSet.id, literal(0), UnitSet.name)
    found: dict[str, dict[int, list[str]]] = {}
    for kind, key, _place, name in session.execute(
        union_all(*parts, sets).order_by("task_id", "place")
    ):
        found.setdefault(kind, {}).setdefault(key, []).append(name)
    return Names(
        leads=found.get(TaskLead.__tablename__, {}),
        coordinators=found.get(TaskCoordinator.__tablename__, {}),
        sets={key: names[0] for key, names in found.get(UnitSet.__tablename__, {}).items()},
    )


def content_of(task: Any, names: Names) -> dict[str, str]:
    """Return what a document says of a row, as it would be printed."""
    return {
        "kind": str(task.kind.value),
        "number": task.number,
        "title": task.title,
        "product": task.product,
        "lead": names.lead(task),
        "coordinators": names.coordinating(task),
        "deadline": deadline_words(task),
        "budget": task.budget_text,
    }


def record_versions(
    work: Work, plan: Plan, tasks: Sequence[Task], document: PlanDocument, action: str
) -> None:
    """Keep rows as a document has them; what the same document said before is replaced."""
    work.session.flush()
    ids = [task.id for task in tasks]
    names = load_names(work.session, plan.id, ids if len(ids) < 500 else None)
    known = {}
    if document.ordinal > 0:
        known = {
            one.task_id: one
            for one in work.session.scalars(
                select(TaskVersion).where(
                    TaskVersion.document_id == document.id, TaskVersion.task_id.in_(ids)
                )
            )
        }
    rows = []
    # What is kept is the document, whose language is Vietnamese whoever types.
    with force_locale("vi"):
        contents = {task.id: content_of(task, names) for task in tasks}
    for task in tasks:
        content = contents[task.id]
        version = known.get(task.id)
        if version is None:
            rows.append(
                {
                    "task_id": task.id,
                    "document_id": document.id,
                    "action": action,
                    "content": content,
                }
            )
            continue
        version.content = content
        if action == WITHDRAWN:
            version.action = action
    work.bulk_insert(TaskVersion, rows)


# -- reading --------------------------------------------------------------------------------


@dataclass(frozen=True)
class DocumentRow:
    """A document of a plan with how many rows it added, changed and withdrew."""

    id: int
    ordinal: int
    kind: DocumentKind
    number: str
    issued_on: date
    issuer: str
    summary: str
    added: int = 0
    changed: int = 0
    withdrawn: int = 0


def list_documents(session: Session, plan_id: int) -> list[DocumentRow]:
    """Return the documents of a plan in order, with what each did."""
    counts: dict[int, dict[str, int]] = {}
    for document_id, action, number in session.execute(
        select(TaskVersion.document_id, TaskVersion.action, func.count())
        .join(PlanDocument, PlanDocument.id == TaskVersion.document_id)
        .where(PlanDocument.plan_id == plan_id)
        .group_by(TaskVersion.document_id, TaskVersion.action)
    ):
        counts.setdefault(document_id, {})[action] = number
    documents = session.scalars(
        select(PlanDocument).where(PlanDocument.plan_id == plan_id).order_by(PlanDocument.ordinal)
    )
    return [
        DocumentRow(
            id=one.id,
            ordinal=one.ordinal,
            kind=one.kind,
            number=one.number,
            issued_on=one.issued_on,
            issuer=one.issuer,
            summary=one.summary,
            **counts.get(one.id, {}),
        )
        for one in documents
    ]


def version_in_force(session: Session, plan_id: int, as_of: date) -> PlanDocument | None:
    """Return the newest document of a plan up to a day: the version that its figures rest on."""
    return session.scalars(
        select(PlanDocument)
        .where(PlanDocument.plan_id == plan_id, PlanDocument.issued_on <= as_of)
        .order_by(PlanDocument.ordinal.desc())
        .limit(1)
    ).first()


@dataclass(frozen=True)
class Difference:
    """A row that is not today what it was when issued: what was done to it, and each field."""

    task_id: int
    action: str
    number: str
    title: str
    # (key of CONTENT_KEYS, as issued, today)
    fields: Sequence[tuple[str, str, str]]
    # Ordinals of the documents that did it.
    by: Sequence[int]


def list_differences(session: Session, plan_id: int) -> list[Difference]:
    """Return what documents changed since the plan was issued, in the order of the rows."""
    rows = session.execute(
        select(
            TaskVersion.task_id,
            TaskVersion.action,
            TaskVersion.content,
            PlanDocument.ordinal,
        )
        .join(PlanDocument, PlanDocument.id == TaskVersion.document_id)
        .join(Task, Task.id == TaskVersion.task_id)
        .where(
            PlanDocument.plan_id == plan_id,
            TaskVersion.task_id.in_(
                select(TaskVersion.task_id)
                .join(PlanDocument, PlanDocument.id == TaskVersion.document_id)
                .where(PlanDocument.plan_id == plan_id, PlanDocument.ordinal > 0)
            ),
        )
        .order_by(Task.path, Task.id, PlanDocument.ordinal)
    )
    by_task: dict[int, list[tuple[str, dict[str, str], int]]] = {}
    for task_id, action, content, ordinal in rows:
        by_task.setdefault(task_id, []).append((action, content, ordinal))
    return [
        difference
        for task_id, versions in by_task.items()
        if (difference := _difference(task_id, versions)) is not None
    ]


def _difference(
    task_id: int, versions: Sequence[tuple[str, dict[str, str], int]]
) -> Difference | None:
    issued = next((content for _action, content, ordinal in versions if ordinal == 0), None)
    last_action, today, _ordinal = versions[-1]
    by = [ordinal for _action, _content, ordinal in versions if ordinal > 0]
    if last_action == WITHDRAWN:
        # Added and withdrawn by documents: neither the first nor the last version has it.
        action, fields = (WITHDRAWN, []) if issued is not None else ("", [])
    elif issued is None:
        action, fields = ADDED, [(key, "", today.get(key, "")) for key in CONTENT_KEYS]
    else:
        action, fields = CHANGED, list(_changed_fields(issued, today))
    if not action or (action == CHANGED and not fields):
        return None
    shown = issued or today
    return Difference(task_id, action, shown["number"], shown["title"], fields, by)


def _changed_fields(
    before: Mapping[str, str], after: Mapping[str, str]
) -> Iterable[tuple[str, str, str]]:
    for key in CONTENT_KEYS:
        if before.get(key, "") != after.get(key, ""):
            yield key, before.get(key, ""), after.get(key, "")

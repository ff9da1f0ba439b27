"""The rows of a plan: a tree of groups, tasks and steps, and how it is changed.

Groups gather, tasks count and are assigned, steps explain one task. The place of a row is its
parent and its position; `path` repeats the positions down from the top, so that one ORDER BY gives
the tree. Once a plan is issued, what a row says changes only by an amending document.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from tracker.core.errors import Conflict, ValidationFailed
from tracker.core.text import fold, normalise, sort_key
from tracker.core.work import Work
from tracker.plans import assign, history, waiting
from tracker.plans.assign import Change, Deadline
from tracker.plans.documents import (
    ADDED,
    CHANGED,
    WITHDRAWN,
    DocumentChoice,
    amending_document,
    content_of,
    load_names,
    record_versions,
    require_changeable,
)
from tracker.plans.models import (
    Assignment,
    Plan,
    PlanDocument,
    PlanState,
    ReformArea,
    RowKind,
    Task,
    TaskCoordinator,
    TaskLead,
)
from tracker.units.models import Unit, UnitSet

LONGEST_TITLE: Final = 4000
LONGEST_LINE: Final = 200
LONGEST_FOLDED: Final = 4000
MAX_DEPTH: Final = 10
# Five digits a level: a plan may have 99.999 rows side by side, and paths compare as text.
PLACES: Final = 5
MOST_SIBLINGS: Final = 10**PLACES - 1

# What may stand under what; None is the top of the plan.
PARENTS: Final[Mapping[RowKind, frozenset[RowKind | None]]] = {
    RowKind.GROUP: frozenset({None, RowKind.GROUP}),
    RowKind.TASK: frozenset({None, RowKind.GROUP}),
    RowKind.STEP: frozenset({RowKind.TASK}),
}


@dataclass(frozen=True)
class RowInput:
    """What is written of a row, as the plan says it."""

    title: str
    kind: RowKind = RowKind.TASK
    number: str = ""
    area_id: int | None = None
    product: str = ""
    lead_text: str = ""
    lead_unit_ids: tuple[int, ...] = ()
    unit_set_id: int | None = None
    coordinator_text: str = ""
    coordinator_ids: tuple[int, ...] = ()
    budget_text: str = ""
    note: str = ""
    deadline: Deadline = field(default_factory=Deadline)
    is_invented: bool = False


@dataclass(frozen=True)
class AddRow:
    """A new row under `parent_id` (None: at the top), before a sibling or at the end."""

    plan_id: int
    row: RowInput
    parent_id: int | None = None
    before_id: int | None = None
    document: DocumentChoice | None = None


@dataclass(frozen=True)
class EditRow:
    """A changed row, and the version it was read in."""

    task_id: int
    version: int
    row: RowInput
    document: DocumentChoice | None = None


@dataclass(frozen=True)
class MoveRow:
    """A row's new place: under `parent_id`, before `before_id` or, without one, at the end."""

    task_id: int
    parent_id: int | None
    before_id: int | None = None


@dataclass(frozen=True)
class DeleteRow:
    """A row of a draft that goes, with everything under it."""

    task_id: int


@dataclass(frozen=True)
class WithdrawTask:
    """A row of an issued plan that a document takes out, with everything under it."""

    task_id: int
    version: int
    document: DocumentChoice
    reason: str


# -- the tree, without a database ------------------------------------------------------------


@dataclass(frozen=True)
class Node:
    """A row's place."""

    id: int
    parent_id: int | None
    kind: RowKind
    position: int
    path: str
    version: int = 1


class ImpossiblePlace(ValueError):
    """A row cannot stand there; the message says why, for people."""


def step_of(position: int) -> str:
    """Return a position as its part of a path."""
    return f"{position:0{PLACES}}"


def children_of(nodes: Iterable[Node]) -> dict[int | None, list[Node]]:
    """Return the rows under each row (None: at the top), in order."""
    found: dict[int | None, list[Node]] = {}
    for node in nodes:
        found.setdefault(node.parent_id, []).append(node)
    for siblings in found.values():
        siblings.sort(key=lambda node: (node.position, node.id))
    return found


def lay_out(children: Mapping[int | None, Sequence[Node]]) -> dict[int, tuple[int, str]]:
    """Return (position, path) of every row: positions count from 1, paths follow from them.

    Raises ImpossiblePlace for too many levels or siblings.
    """
    places: dict[int, tuple[int, str]] = {}
    waiting: list[tuple[int | None, str, int]] = [(None, "", 1)]
    while waiting:
        parent_id, above, depth = waiting.pop()
        siblings = children.get(parent_id, ())
        if siblings and depth > MAX_DEPTH:
            raise ImpossiblePlace(_("Kế hoạch có quá %(most)d cấp.", most=MAX_DEPTH))
        if len(siblings) > MOST_SIBLINGS:
            raise ImpossiblePlace(_("Có quá nhiều dòng trong một nhóm."))
        for position, node in enumerate(siblings, 1):
            path = f"{above}.{step_of(position)}" if above else step_of(position)
            places[node.id] = (position, path)
            waiting.append((node.id, path, depth + 1))
    return places


def place(
    nodes: Sequence[Node], moved_id: int, parent_id: int | None, before_id: int | None
) -> dict[int, tuple[int, str, int | None]]:
    """Return (position, path, parent) of the rows that change when one row moves.

    Raises ImpossiblePlace when the row would lie under itself, under a row that takes none of its
    kind, or before a row that is no sibling there.
    """
    by_id = {node.id: node for node in nodes}
    moved = by_id[moved_id]
    parent = by_id.get(parent_id) if parent_id is not None else None
    if parent_id is not None and parent is None:
        raise ImpossiblePlace(_("Không có nhóm này trong kế hoạch."))
    check_parent(moved.kind, parent.kind if parent else None)
    above = parent
    while above is not None:
        if above.id == moved_id:
            raise ImpossiblePlace(_("Không thể chuyển một dòng vào bên trong chính nó."))
        above = by_id[above.parent_id] if above.parent_id is not None else None
    children = children_of(nodes)
    children[moved.parent_id] = [n for n in children[moved.parent_id] if n.id != moved_id]
    siblings = children.setdefault(parent_id, [])
    index = len(siblings)
    if before_id is not None:
        where = [i for i, node in enumerate(siblings) if node.id == before_id]
        if not where:
            raise ImpossiblePlace(_("Vị trí chọn không còn trong nhóm này. Hãy tải lại trang."))
        index = where[0]
    siblings.insert(index, moved)
    changed: dict[int, tuple[int, str, int | None]] = {}
    for node_id, (position, path) in lay_out(children).items():
        node = by_id[node_id]
        under = parent_id if node_id == moved_id else node.parent_id
        if (position, path, under) != (node.position, node.path, node.parent_id):
            changed[node_id] = (position, path, under)
    return changed


def check_parent(kind: RowKind, parent: RowKind | None) -> None:
    """Raise ImpossiblePlace when a row of this kind cannot stand there."""
    if parent in PARENTS[kind]:
        return
    if kind is RowKind.STEP:
        raise ImpossiblePlace(_("Hoạt động phải nằm trong một nhiệm vụ."))
    raise ImpossiblePlace(
        _("Chỉ nhóm mới chứa được nhóm và nhiệm vụ khác. Hãy đổi dòng đó thành nhóm trước.")
    )


# -- reading --------------------------------------------------------------------------------


def load_nodes(session: Session, plan_id: int) -> list[Node]:
    """Return the places of all rows of a plan, in order."""
    rows = session.execute(
        select(Task.id, Task.parent_id, Task.kind, Task.position, Task.path, Task.version)
        .where(Task.plan_id == plan_id)
        .order_by(Task.path, Task.id)
    )
    return [Node(*row) for row in rows]


def has_assignments(session: Session, task_id: int) -> bool:
    """Tell whether somebody answers for the row."""
    query = select(Assignment.id).where(Assignment.task_id == task_id).limit(1)
    return session.execute(query).first() is not None


# -- services -------------------------------------------------------------------------------


def _open_plan(work: Work, plan_id: int) -> Plan:
    plan = work.get(Plan, plan_id)
    work.require("plans.manage", plan)
    require_changeable(plan)
    return plan


def add_row(work: Work, data: AddRow) -> int:
    """Add a row and return its key; in an issued plan an amending document adds it.

    Raises ValidationFailed, NotFound, PermissionDenied.
    """
    plan = _open_plan(work, data.plan_id)
    nodes = load_nodes(work.session, plan.id)
    by_id = {node.id: node for node in nodes}
    row = data.row
    errors = problems(work.session, row)
    errors |= _awaited_problems(work.session, plan.id, None, row.deadline)
    parent = by_id.get(data.parent_id) if data.parent_id is not None else None
    if data.parent_id is not None and parent is None:
        errors["parent_id"] = _("Không có nhóm này trong kế hoạch.")
    else:
        try:
            check_parent(row.kind, parent.kind if parent else None)
        except ImpossiblePlace as error:
            errors["parent_id"] = str(error)
    if errors:
        raise ValidationFailed(errors)
    document = None
    if plan.state is PlanState.ISSUED:
        document = amending_document(work, plan, data.document)
    siblings = children_of(nodes).get(data.parent_id, [])
    position = (siblings[-1].position if siblings else 0) + 1
    above = f"{parent.path}." if parent else ""
    if above.count(".") >= MAX_DEPTH:
        raise ValidationFailed({"parent_id": _("Kế hoạch có quá %(most)d cấp.", most=MAX_DEPTH)})
    task = Task(
        plan_id=plan.id,
        parent_id=data.parent_id,
        kind=row.kind,
        position=position,
        path=above + step_of(position),
        title="",
    )
    _fill(task, row)
    work.session.add(task)
    work.session.flush()
    _set_units(work, task, row)
    if data.before_id is not None:
        work.session.flush()
        _move(work, plan.id, task.id, data.parent_id, data.before_id)
    if document is not None:
        task = work.get(Task, task.id)
        task.valid_from = document.issued_on
        task.added_by_id = document.id
        work.session.flush()
        record_versions(work, plan, [task], document, ADDED)
        assign.assign_tasks(work, plan, [task])
        if task.review_on is None:
            waiting.ask_if_settled(work, task)
    return task.id


def edit_row(work: Work, data: EditRow) -> int:
    """Change what a row says and return its key.

    In an issued plan every change of what is printed needs an amending document, and moves the
    row's assignments with it; area, note and which task it waits for may be put right at any time.
    Raises ValidationFailed, Conflict, NotFound, PermissionDenied.
    """
    task = work.get(Task, data.task_id)
    plan = _open_plan(work, task.plan_id)
    if task.version != data.version:
        raise Conflict(_("Người khác vừa sửa mục này. Hãy tải lại rồi sửa tiếp."))
    if task.withdrawn_on is not None:
        raise ValidationFailed({"": _("Việc này đã rút khỏi kế hoạch, không sửa được nữa.")})
    row = data.row
    errors = problems(work.session, row)
    errors.update(_kind_problems(work.session, task, row.kind))
    errors.update(_awaited_problems(work.session, task.plan_id, task, row.deadline))
    if errors:
        raise ValidationFailed(errors)
    names = load_names(work.session, plan.id, [task.id])
    before = content_of(task, names)
    deadline = Deadline.of(task)
    old_units = _lead_set(work, task)
    _fill(task, row)
    if _set_units(work, task, row):
        # The units are rows of their own: the row itself counts as changed with them.
        flag_modified(task, "lead_text")
    work.session.flush()
    if plan.state is PlanState.DRAFT:
        return task.id
    new_units = _lead_set(work, task)
    after = content_of(task, load_names(work.session, plan.id, [task.id]))
    new_deadline = Deadline.of(task)
    same_days = deadline.same_time(new_deadline)
    if deadline.awaits_id != new_deadline.awaits_id and deadline.review_on == task.review_on:
        waiting.ask_if_settled(work, task)
    if before == after and same_days and old_units == new_units:
        return task.id
    document = amending_document(work, plan, data.document)
    record_versions(work, plan, [task], document, CHANGED)
    if task.kind is RowKind.TASK:
        change = Change(
            effective_on=document.issued_on,
            reason=reason_of(document),
            removed_units=[one for one in old_units if one not in new_units],
            added_units=[one for one in new_units if one not in old_units],
            is_deadline_changed=not same_days,
        )
        assign.carry_out(work, plan, task, change)
        if change.removed_units:
            # The last share that was not done may have gone.
            waiting.wake(work, [task.id])
    return task.id


def move_row(work: Work, data: MoveRow) -> int:
    """Move a row with everything under it; return the plan's key.

    Raises ValidationFailed when it cannot stand there, NotFound, PermissionDenied.
    """
    task = work.get(Task, data.task_id)
    plan = _open_plan(work, task.plan_id)
    _move(work, plan.id, task.id, data.parent_id, data.before_id)
    return plan.id


def delete_row(work: Work, data: DeleteRow) -> int:
    """Delete a row of a draft and everything under it; return the plan's key.

    Raises ValidationFailed for an issued plan, whose rows are withdrawn instead.
    """
    task = work.get(Task, data.task_id)
    plan = _open_plan(work, task.plan_id)
    if plan.state is not PlanState.DRAFT:
        raise ValidationFailed(
            {"": _("Kế hoạch đã ban hành: chỉ rút được việc theo văn bản, không xóa được.")}
        )
    nodes = load_nodes(work.session, plan.id)
    doomed = [one.id for one in subtree(nodes, task.id)]
    waiting.forget(work, Task.awaits_id.in_(doomed))
    for row in work.session.scalars(
        select(Task).where(Task.id.in_(doomed)).order_by(Task.path.desc())
    ):
        work.session.delete(row)
        # One by one from the leaves: a parent may go only after its children.
        work.session.flush()
    return plan.id


def withdraw_task(work: Work, data: WithdrawTask) -> int:
    """Take a row out of an issued plan by a document, with everything under it; return its key.

    Its history and what was reported stay. Raises ValidationFailed, Conflict, NotFound,
    PermissionDenied.
    """
    task = work.get(Task, data.task_id)
    plan = _open_plan(work, task.plan_id)
    if plan.state is not PlanState.ISSUED:
        raise ValidationFailed({"": _("Kế hoạch còn là dự thảo: hãy xóa dòng này.")})
    if task.version != data.version:
        raise Conflict(_("Người khác vừa sửa mục này. Hãy tải lại rồi sửa tiếp."))
    if task.withdrawn_on is not None:
        raise ValidationFailed({"": _("Việc này đã rút khỏi kế hoạch.")})
    reason = normalise(data.reason)
    if not reason:
        raise ValidationFailed({"reason": _("Hãy ghi lý do rút.")})
    document = amending_document(work, plan, data.document)
    ids = [one.id for one in subtree(load_nodes(work.session, plan.id), task.id)]
    rows = list(
        work.session.scalars(
            select(Task).where(Task.id.in_(ids), Task.withdrawn_on.is_(None)).order_by(Task.path)
        )
    )
    for row in rows:
        row.withdrawn_on = document.issued_on
        row.withdrawn_by_id = document.id
    record_versions(work, plan, rows, document, WITHDRAWN)
    assignments = list(
        work.session.scalars(
            select(Assignment).where(
                Assignment.task_id.in_([row.id for row in rows]),
                Assignment.withdrawn_on.is_(None),
            )
        )
    )
    words = f"{reason_of(document)} {reason}"
    for one in assignments:
        assign.withdraw_assignment(work, one, document.issued_on, words)
    history.rebuild(work, [one.id for one in assignments])
    waiting.wake(work, ids)
    return task.id


def reason_of(document: PlanDocument) -> str:
    """Return a document as the reason of what it changes."""
    return str(
        _(
            "Theo văn bản số %(number)s ngày %(day)s.",
            number=document.number,
            day=f"{document.issued_on:%d/%m/%Y}",
        )
    )


# -- many rows at once ----------------------------------------------------------------------


@dataclass(frozen=True)
class RowDraft:
    """A row of a whole table: `parent` is the index of the row that it stands under."""

    row: RowInput
    parent: int | None = None
    carried_from_id: int | None = None


def insert_rows(work: Work, plan: Plan, drafts: Sequence[RowDraft]) -> list[int]:
    """Insert checked rows of a draft after those it has, parents before children; return keys.

    Written by the bulk writer, level by level: ten thousand rows in a few statements. Raises
    ValidationFailed when the tree is too deep or too wide.
    """
    depths: list[int] = []
    for draft in drafts:
        depths.append(0 if draft.parent is None else depths[draft.parent] + 1)
    if depths and max(depths) >= MAX_DEPTH:
        raise ValidationFailed({"": _("Kế hoạch có quá %(most)d cấp.", most=MAX_DEPTH)})
    top = work.session.scalar(
        select(func.max(Task.position)).where(Task.plan_id == plan.id, Task.parent_id.is_(None))
    )
    last: dict[int | None, int] = {None: top or 0}
    places: list[tuple[int, str]] = []
    for index, draft in enumerate(drafts):
        position = last.get(draft.parent, 0) + 1
        if position > MOST_SIBLINGS:
            raise ValidationFailed({"": _("Có quá nhiều dòng trong một nhóm.")})
        last[draft.parent] = position
        last[index] = 0
        above = "" if draft.parent is None else places[draft.parent][1] + "."
        places.append((position, above + step_of(position)))
    keys: list[int] = [0] * len(drafts)
    for depth in range(max(depths, default=-1) + 1):
        level = [index for index, one in enumerate(depths) if one == depth]
        made = work.bulk_insert(
            Task,
            [
                {
                    **columns(drafts[index].row),
                    "plan_id": plan.id,
                    "parent_id": None if (under := drafts[index].parent) is None else keys[under],
                    "position": places[index][0],
                    "path": places[index][1],
                    "carried_from_id": drafts[index].carried_from_id,
                }
                for index in level
            ],
        )
        for index, key in zip(level, made, strict=True):
            keys[index] = key
    for link, name in ((TaskLead, "lead_unit_ids"), (TaskCoordinator, "coordinator_ids")):
        work.bulk_insert(
            link,
            [
                {"task_id": key, "unit_id": unit_id}
                for key, draft in zip(keys, drafts, strict=True)
                if draft.row.kind is RowKind.TASK
                for unit_id in dict.fromkeys(getattr(draft.row, name))
            ],
        )
    return keys


# -- checks and details ---------------------------------------------------------------------


def problems(session: Session, row: RowInput) -> dict[str, str]:
    """Return what is wrong with a row, by field."""
    errors: dict[str, str] = {}
    if not normalise(row.title):
        errors["title"] = _("Hãy ghi nội dung.")
    elif len(row.title) > LONGEST_TITLE:
        errors["title"] = _("Dài quá %(most)d ký tự.", most=LONGEST_TITLE)
    if len(row.number) > 40:
        errors["number"] = _("Dài quá %(most)d ký tự.", most=40)
    if len(row.budget_text) > LONGEST_LINE:
        errors["budget_text"] = _("Dài quá %(most)d ký tự.", most=LONGEST_LINE)
    if row.area_id is not None and session.get(ReformArea, row.area_id) is None:
        errors["area_id"] = _("Không có lĩnh vực này.")
    if row.unit_set_id is not None and session.get(UnitSet, row.unit_set_id) is None:
        errors["unit_set_id"] = _("Không có nhóm đơn vị này.")
    for name, ids in (
        ("lead_unit_ids", row.lead_unit_ids),
        ("coordinator_ids", row.coordinator_ids),
    ):
        if ids and _count_units(session, ids) < len(set(ids)):
            errors[name] = _("Không có đơn vị này.")
    if row.kind is RowKind.TASK:
        errors.update(row.deadline.tidy().problems())
    return errors


def _count_units(session: Session, ids: Collection[int]) -> int:
    return session.scalar(select(func.count()).where(Unit.id.in_(set(ids)))) or 0


def _awaited_problems(
    session: Session, plan_id: int, task: Task | None, deadline: Deadline
) -> dict[str, str]:
    """Return what is wrong with the task that a row waits for: one of the same plan and in force,
    and none that waits for this one itself, be it through others.
    """
    awaited = deadline.tidy().awaits_id
    if awaited is None or (task is not None and task.awaits_id == awaited):
        return {}
    chain = {
        found.id: found.awaits_id
        for found in session.execute(
            select(Task.id, Task.awaits_id).where(
                Task.plan_id == plan_id, Task.kind == RowKind.TASK, Task.withdrawn_on.is_(None)
            )
        )
    }
    if awaited not in chain:
        return {"awaits_id": _("Không có việc này trong kế hoạch.")}
    seen: set[int] = set()
    step: int | None = awaited
    while step is not None and step not in seen:
        if task is not None and step == task.id:
            return {"awaits_id": _("Việc ấy lại chờ chính việc này.")}
        seen.add(step)
        step = chain.get(step)
    return {}


def _kind_problems(session: Session, task: Task, kind: RowKind) -> dict[str, str]:
    if kind is task.kind:
        return {}
    if task.kind is RowKind.TASK and has_assignments(session, task.id):
        return {"kind": _("Việc đã giao cho đơn vị thì không đổi thành nhóm hay hoạt động được.")}
    waiting_title = session.scalar(select(Task.title).where(Task.awaits_id == task.id).limit(1))
    if waiting_title is not None:
        return {"kind": _("Việc “%(title)s” đang chờ việc này.", title=waiting_title)}
    parent = session.get(Task, task.parent_id) if task.parent_id is not None else None
    children = set(session.scalars(select(Task.kind).where(Task.parent_id == task.id).distinct()))
    try:
        check_parent(kind, parent.kind if parent else None)
        for child in children:
            check_parent(child, kind)
    except ImpossiblePlace as error:
        return {"kind": str(error)}
    return {}


def columns(row: RowInput) -> dict[str, object]:
    """Return what is written of a row as its columns, the derived ones included.

    Groups and steps have neither deadline nor units.
    """
    is_task = row.kind is RowKind.TASK
    title, number = normalise(row.title), normalise(row.number)
    deadline = row.deadline.tidy() if is_task else Deadline()
    return {
        "kind": row.kind,
        "number": number,
        "area_id": row.area_id,
        "title": title,
        "product": normalise(row.product),
        "lead_text": normalise(row.lead_text) if is_task else "",
        "coordinator_text": normalise(row.coordinator_text) if is_task else "",
        "unit_set_id": row.unit_set_id if is_task else None,
        "budget_text": normalise(row.budget_text),
        "note": normalise(row.note),
        "is_invented": row.is_invented,
        **deadline.columns(),
        "folded": fold(f"{number} {title} {row.product}")[:LONGEST_FOLDED],
        "sort_key": sort_key(title),
    }


def _fill(task: Task, row: RowInput) -> None:
    triggered_on = task.triggered_on
    for name, value in columns(row).items():
        setattr(task, name, value)
    # Recorded when the condition is met, not typed with the row.
    task.triggered_on = triggered_on


def _lead_set(work: Work, task: Task) -> list[int]:
    """Return who leads a row: its units, and those of its unit set when the row came into force."""
    named = assign.leads_of(work.session, [task.id]).get(task.id, [])
    day = task.valid_from or work.today
    units = assign.UnitSets(work.session, day).units(task.unit_set_id)
    return list(dict.fromkeys([*named, *units]))


def _set_units(work: Work, task: Task, row: RowInput) -> bool:
    """Write the lead and coordinating units of a row; tell whether they changed."""
    is_task = row.kind is RowKind.TASK
    leads = _replace(work, TaskLead, task.id, row.lead_unit_ids if is_task else ())
    others = _replace(work, TaskCoordinator, task.id, row.coordinator_ids if is_task else ())
    return leads or others


def _replace(
    work: Work,
    link: type[TaskLead] | type[TaskCoordinator],
    task_id: int,
    unit_ids: Collection[int],
) -> bool:
    known: dict[int, TaskLead | TaskCoordinator] = {}
    for one in work.session.scalars(select(link).where(link.task_id == task_id)):
        assert isinstance(one, TaskLead | TaskCoordinator)
        known[one.unit_id] = one
    new = [unit_id for unit_id in dict.fromkeys(unit_ids) if unit_id not in known]
    work.session.add_all(link(task_id=task_id, unit_id=unit_id) for unit_id in new)
    gone = [one for unit_id, one in known.items() if unit_id not in unit_ids]
    for one in gone:
        work.session.delete(one)
    return bool(new or gone)


def _move(
    work: Work, plan_id: int, task_id: int, parent_id: int | None, before_id: int | None
) -> None:
    nodes = load_nodes(work.session, plan_id)
    try:
        changed = place(nodes, task_id, parent_id, before_id)
    except ImpossiblePlace as error:
        raise ValidationFailed({"parent_id": str(error)}) from error
    versions = {node.id: node.version for node in nodes}
    work.bulk_update(
        Task,
        [
            {
                "id": node_id,
                "position": position,
                "path": path,
                "parent_id": under,
                "version": versions[node_id],
            }
            for node_id, (position, path, under) in changed.items()
        ],
    )


def subtree(nodes: Sequence[Node], task_id: int) -> list[Node]:
    """Return a row and everything under it, in order."""
    top = next(node for node in nodes if node.id == task_id)
    inside = f"{top.path}."
    return [node for node in nodes if node.id == task_id or node.path.startswith(inside)]

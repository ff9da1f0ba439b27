"""Rename, move, merge, split and end units: one dated operation by a decision.

`preview` says what an operation would do and what still needs a person's choice; `apply` does it in
one unit of work. Both go through `_plan`, so that what was shown is what is done.

The rules of time (docs/decisions/units-in-time.md): an operation takes effect today or earlier, and
not before the newest change of a unit that it touches; what was true before stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.core import text
from tracker.core.context import current
from tracker.core.db import NAME_LENGTH, db
from tracker.core.errors import FieldError, NotFound, ValidationFailed
from tracker.core.rights import Access, rights
from tracker.core.work import Work
from tracker.plugins.descriptors import Handover, HandoverItem
from tracker.plugins.events import UnitsReorganised
from tracker.plugins.host import current_host
from tracker.units import tree
from tracker.units.inputs import Operation
from tracker.units.models import (
    Unit,
    UnitEvent,
    UnitEventKind,
    UnitEventUnit,
    UnitSuccessor,
    UnitVersion,
)
from tracker.units.services import (
    EARLIEST,
    FAR,
    MANAGE,
    add_unit,
    check_texts,
    code_taken,
    name_taken,
    newest_version,
    one_line,
    refresh_searchable,
)

MOST_UNITS = 500
MOST_NEW_UNITS = 20
LONG_AGO_DAYS = 60
ENDING = frozenset({UnitEventKind.MERGE, UnitEventKind.SPLIT, UnitEventKind.END})
OPERATIONS = (
    UnitEventKind.RENAME,
    UnitEventKind.MOVE,
    UnitEventKind.MERGE,
    UnitEventKind.SPLIT,
    UnitEventKind.END,
)


class Role(StrEnum):
    """What an operation does to one unit."""

    RENAMED = "renamed"
    MOVED = "moved"
    ENDS = "ends"
    STARTS = "starts"
    TAKES_OVER = "takes_over"


@dataclass(frozen=True)
class UnitChange:
    """What happens to one unit; `unit_id` is negative for one that does not exist yet."""

    unit_id: int
    name: str
    role: Role
    before: str
    after: str


@dataclass(frozen=True)
class Choice:
    """Something that goes to one of several units; `chosen` None waits for a person."""

    key: str
    record_id: int
    title: str
    from_name: str
    candidates: tuple[tuple[int, str], ...]
    chosen: int | None

    @property
    def chosen_name(self) -> str:
        """Return the name of the unit that takes it."""
        return dict(self.candidates).get(self.chosen or 0, "")


@dataclass(frozen=True)
class HandoverGroup:
    """The open records of one feature that change hands."""

    key: str
    label: str
    items: tuple[Choice, ...]


@dataclass(frozen=True)
class Preview:
    """What an operation would do."""

    changes: tuple[UnitChange, ...]
    children: tuple[Choice, ...]
    groups: tuple[HandoverGroup, ...]
    warnings: tuple[str, ...]

    @property
    def open_choices(self) -> int:
        """Return how many choices a person still has to make."""
        chosen = [*self.children, *(item for group in self.groups for item in group.items)]
        return sum(one.chosen is None for one in chosen)


@dataclass
class _Plan:
    operation: Operation
    units: list[Unit]
    heirs: list[Unit] = field(default_factory=list)
    # Parents of the units to be made, in their order; negative ones are made too.
    new_parents: list[int | None] = field(default_factory=list)
    children: list[tuple[Unit, Choice]] = field(default_factory=list)
    # Moved units with where they go (None: to the top; negative: a unit to be made).
    moved: dict[int, int | None] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def heir_ids(self) -> tuple[int, ...]:
        made = tuple(-number for number in range(1, len(self.operation.new_units) + 1))
        return (*(heir.id for heir in self.heirs), *made)

    @property
    def successors(self) -> dict[int, tuple[int, ...]]:
        """Return old unit -> heirs; empty where nobody has to take over."""
        if self.operation.kind not in ENDING:
            return {}
        return {unit.id: self.heir_ids for unit in self.units}


def preview(operation: Operation) -> Preview:
    """Return what the operation would do, as the current actor.

    Raises ValidationFailed, NotFound, PermissionDenied.
    """
    session, context = db.session(), current()

    def get(unit_id: int) -> Unit:
        unit = session.get(Unit, unit_id)
        if unit is None:
            raise NotFound
        return unit

    plan = _plan(session, context.actor.access, context.clock.today(), operation, get)
    return Preview(
        changes=tuple(_changes(plan)),
        children=tuple(choice for _child, choice in plan.children),
        groups=tuple(_groups(plan)),
        warnings=tuple(plan.warnings),
    )


def apply(work: Work, operation: Operation) -> int:
    """Carry the operation out; return the id of its event.

    Raises ValidationFailed (also for a choice that nobody made), NotFound, PermissionDenied.
    """
    session = work.session
    tree.lock(session)
    plan = _plan(session, work.actor.access, work.today, operation, lambda one: work.get(Unit, one))
    _require_complete(plan)
    event = UnitEvent(
        kind=operation.kind,
        effective_on=operation.effective_on,
        decision_number=one_line(operation.decision_number),
        decision_date=operation.decision_date,
        note=text.normalise(operation.note),
    )
    session.add(event)
    session.flush()
    made = _make_new_units(session, plan, event.id)
    real = {**{unit_id: unit_id for unit_id in plan.names if unit_id > 0}, **made}
    for change in _changes(plan):
        session.add(
            UnitEventUnit(
                event_id=event.id,
                unit_id=real[change.unit_id],
                before=change.before[:NAME_LENGTH],
                after=change.after[:NAME_LENGTH],
            )
        )
    if operation.kind is UnitEventKind.RENAME:
        _rename(session, plan.units[0], operation, event.id)
    if operation.kind in ENDING:
        for unit in plan.units:
            _end(session, unit, operation.effective_on)
            for heir in plan.heir_ids:
                session.add(
                    UnitSuccessor(event_id=event.id, old_unit_id=unit.id, new_unit_id=real[heir])
                )
    for unit_id, parent in plan.moved.items():
        _move(
            session,
            work.get(Unit, unit_id),
            None if parent is None else real[parent],
            operation.effective_on,
            event.id,
        )
    tree.rebuild_closure(session)
    successors = {
        old: tuple(real[heir] for heir in heirs) for old, heirs in plan.successors.items()
    }
    if successors:
        chosen = {
            record: real[to]
            for record, to in operation.record_choices.items()
            if to in plan.heir_ids
        }
        handover = _handover(operation, successors, chosen)
        for contributor in current_host().handover_contributors:
            contributor.apply(work, handover)
    work.emit(
        UnitsReorganised(
            kind=operation.kind.value,
            effective_on=operation.effective_on,
            successors=tuple(sorted(successors.items())),
        )
    )
    return event.id


def _handover(
    operation: Operation,
    successors: Mapping[int, Sequence[int]],
    choices: Mapping[tuple[str, int], int],
) -> Handover:
    return Handover(
        kind=operation.kind.value,
        effective_on=operation.effective_on,
        decision=one_line(operation.decision_number),
        successors=successors,
        choices=choices,
    )


# -- the plan: everything that is checked, and what follows from it ------------------------------


def _plan(
    session: Session,
    access: Access,
    today: date,
    operation: Operation,
    get: Callable[[int], Unit],
) -> _Plan:
    def reach(unit_id: int) -> Unit:
        """Return a unit that the actor manages; one that he may not even see is not found."""
        unit = get(unit_id)
        if not rights.may(session, access, "units.view", unit):
            raise NotFound
        rights.require(session, access, MANAGE, unit)
        return unit

    errors = _check_shape(operation, today)
    if errors:
        raise ValidationFailed(errors)
    plan = _Plan(operation, [reach(one) for one in sorted(set(operation.units))])
    plan.heirs = [reach(one) for one in dict.fromkeys(operation.successors)]
    plan.names = {unit.id: unit.name for unit in (*plan.units, *plan.heirs)}
    for number, new in enumerate(operation.new_units, 1):
        plan.names[-number] = one_line(new.name)
    errors = [*_check_alive(session, plan)]
    if operation.kind is UnitEventKind.RENAME:
        errors += _check_rename(session, plan.units[0], operation)
    elif operation.kind is UnitEventKind.MOVE:
        parent = reach(operation.parent_id or 0)
        errors += _plan_move(plan, parent)
    else:
        errors += _plan_ending(session, plan, reach)
    errors = errors or _check_circle(session, plan)
    if errors:
        raise ValidationFailed(errors)
    _warn(session, plan, today)
    return plan


def _check_shape(operation: Operation, today: date) -> list[FieldError]:
    """Return what is wrong with the operation whatever the units are."""
    errors: list[FieldError] = []
    kind, count = operation.kind, len(set(operation.units))
    heirs = len(set(operation.successors)) + len(operation.new_units)
    if operation.effective_on > today:
        errors.append(
            FieldError(
                "effective_on",
                _(
                    "Ngày hiệu lực ở tương lai. Hãy xem trước và chuẩn bị, rồi thực hiện từ ngày "
                    "quyết định có hiệu lực."
                ),
            )
        )
    if operation.effective_on < EARLIEST:
        errors.append(FieldError("effective_on", _("Ngày này quá xa trong quá khứ.")))
    if operation.decision_date and operation.decision_date > today:
        errors.append(FieldError("decision_date", _("Ngày ký ở tương lai.")))
    if len(one_line(operation.decision_number)) > 80:
        errors.append(FieldError("decision_number", _("Dài quá %(most)d ký tự.", most=80)))
    if kind not in OPERATIONS:
        errors.append(FieldError("kind", _("Hãy chọn việc cần làm.")))
    elif not count:
        errors.append(FieldError("units", _("Hãy chọn đơn vị.")))
    elif count > MOST_UNITS or len(operation.new_units) > MOST_NEW_UNITS:
        errors.append(FieldError("units", _("Quá nhiều đơn vị trong một lần.")))
    elif kind is UnitEventKind.RENAME and count != 1:
        errors.append(FieldError("units", _("Mỗi lần chỉ đổi tên một đơn vị.")))
    elif kind is UnitEventKind.MOVE and not operation.parent_id:
        errors.append(FieldError("parent_id", _("Hãy chọn đơn vị cấp trên mới.")))
    elif kind is UnitEventKind.MERGE and not heirs:
        errors.append(
            FieldError("successors", _("Hãy chọn đơn vị nhận sáp nhập hoặc ghi tên đơn vị mới."))
        )
    elif kind is UnitEventKind.MERGE and count == 1 and not operation.successors:
        errors.append(
            FieldError(
                "units",
                _("Sáp nhập cần ít nhất hai đơn vị. Để chỉ đổi tên, hãy chọn 'Đổi tên'."),
            )
        )
    elif kind is UnitEventKind.SPLIT and heirs < 2:
        errors.append(
            FieldError("successors", _("Chia tách cần ít nhất hai đơn vị nhận nhiệm vụ."))
        )
    if kind in ENDING and set(operation.units) & set(operation.successors):
        errors.append(FieldError("successors", _("Một đơn vị không thể nhập vào chính nó.")))
    return errors


def _check_alive(session: Session, plan: _Plan) -> list[FieldError]:
    """Return which units cannot be changed on that day."""
    day = plan.operation.effective_on
    newest = _newest_starts(session, [unit.id for unit in plan.units])
    errors: list[FieldError] = []
    for unit in plan.units:
        if unit.valid_to is not None:
            errors.append(FieldError("units", _("%(name)s đã kết thúc hoạt động.", name=unit.name)))
        elif newest[unit.id] > day:
            errors.append(_changed_later(unit.name))
        elif plan.operation.kind in ENDING and unit.valid_from >= day:
            errors.append(
                FieldError(
                    "effective_on",
                    _("%(name)s được thành lập từ ngày này trở đi.", name=unit.name),
                )
            )
    for heir in plan.heirs:
        errors += _check_takes(heir, day, "successors")
    return errors


def _changed_later(name: str) -> FieldError:
    return FieldError(
        "effective_on",
        _("%(name)s đã có thay đổi sau ngày này. Hãy chọn ngày muộn hơn.", name=name),
    )


def _check_takes(unit: Unit, day: date, field_name: str) -> list[FieldError]:
    """Return why a unit cannot take over, or take others under it, on a day."""
    if unit.valid_to is not None:
        return [FieldError(field_name, _("%(name)s đã kết thúc hoạt động.", name=unit.name))]
    if unit.valid_from > day:
        message = _("%(name)s được thành lập sau ngày hiệu lực.", name=unit.name)
        return [FieldError(field_name, message)]
    return []


def _newest_starts(session: Session, ids: Iterable[int]) -> dict[int, date]:
    rows = session.execute(
        select(UnitVersion.unit_id, UnitVersion.valid_from)
        .where(UnitVersion.unit_id.in_(list(ids)))
        .order_by(UnitVersion.valid_from)
    )
    return {row.unit_id: row.valid_from for row in rows}


def _check_rename(session: Session, unit: Unit, operation: Operation) -> list[FieldError]:
    name = one_line(operation.new_name)
    short = unit.short_name if operation.new_short_name is None else operation.new_short_name
    errors = [
        FieldError(f"new_{error.field}", error.message)
        for error in check_texts({"name": name, "short_name": one_line(short)})
    ]
    same = (name, operation.new_kind or unit.kind, one_line(short)) == (
        unit.name,
        unit.kind,
        unit.short_name,
    )
    if same:
        errors.append(FieldError("new_name", _("Tên mới giống tên hiện nay.")))
    if name_taken(session, name, unit.parent_id, [unit.id]):
        errors.append(FieldError("new_name", _("Đơn vị cấp trên đã có đơn vị mang tên này.")))
    return errors


def _plan_move(plan: _Plan, parent: Unit) -> list[FieldError]:
    errors = _check_takes(parent, plan.operation.effective_on, "parent_id")
    plan.names[parent.id] = parent.name
    for unit in plan.units:
        plan.moved[unit.id] = parent.id
        if unit.id == parent.id:
            errors.append(FieldError("parent_id", _("Một đơn vị không thể trực thuộc chính nó.")))
        elif unit.parent_id == parent.id:
            message = _("%(name)s đã trực thuộc đơn vị này.", name=unit.name)
            errors.append(FieldError("units", message))
    return errors


def _plan_ending(session: Session, plan: _Plan, reach: Callable[[int], Unit]) -> list[FieldError]:
    operation, ended = plan.operation, {unit.id for unit in plan.units}
    errors = _plan_new_units(session, plan, reach)
    if any(unit.parent_id is None for unit in plan.units):
        new_roots = all(parent is None for parent in plan.new_parents)
        if not plan.heir_ids or not new_roots or any(heir.parent_id for heir in plan.heirs):
            errors.append(
                FieldError(
                    "units",
                    _(
                        "Đơn vị đứng đầu cây không thể kết thúc, trừ khi nhập vào một đơn vị đứng "
                        "đầu khác."
                    ),
                )
            )
    errors += _check_former_children(session, plan)
    children = session.scalars(
        select(Unit)
        .where(Unit.parent_id.in_(ended), Unit.valid_to.is_(None), Unit.id.not_in(ended))
        .order_by(Unit.sort_key, Unit.id)
    ).all()
    starts = _newest_starts(session, [child.id for child in children])
    plan.names.update({child.id: child.name for child in children})
    for child in children:
        if starts[child.id] > operation.effective_on:
            errors.append(_changed_later(child.name))
        above = _surviving_ancestor(session, child.parent_id, ended)
        if child.id in plan.heir_ids or not plan.heir_ids:
            # An heir comes up to where the ended unit hung, and so does what has no heir to go to.
            plan.moved[child.id] = above.id if above else None
            if above:
                plan.names[above.id] = above.name
            continue
        chosen: int | None = operation.child_choices.get(child.id)
        if len(plan.heir_ids) == 1:
            chosen = plan.heir_ids[0]
        elif chosen not in plan.heir_ids:
            chosen = None
        choice = Choice(
            key="child",
            record_id=child.id,
            title=child.name,
            from_name=plan.names.get(child.parent_id or 0, ""),
            candidates=tuple((heir, plan.names[heir]) for heir in plan.heir_ids),
            chosen=chosen,
        )
        plan.children.append((child, choice))
        if chosen is not None:
            plan.moved[child.id] = chosen
    return errors


def _surviving_ancestor(session: Session, unit_id: int | None, ended: set[int]) -> Unit | None:
    while unit_id is not None:
        unit = session.get(Unit, unit_id)
        if unit is None or unit_id not in ended:
            return unit
        unit_id = unit.parent_id
    return None


def _plan_new_units(
    session: Session, plan: _Plan, reach: Callable[[int], Unit]
) -> list[FieldError]:
    """Check the units to be made, and find where each will hang."""
    operation, ended = plan.operation, {unit.id for unit in plan.units}
    errors: list[FieldError] = []
    seen: set[tuple[int | None, str]] = set()
    codes: set[str] = set()
    for number, new in enumerate(operation.new_units):
        where = f"new_units-{number}-"
        name, code, short = one_line(new.name), one_line(new.code), one_line(new.short_name)
        for error in check_texts({"name": name, "code": code, "short_name": short}):
            errors.append(FieldError(where + error.field, error.message))
        parent_id = new.parent_id
        if parent_id is None:
            above = _surviving_ancestor(session, plan.units[0].parent_id, ended)
            parent_id = above.id if above else None
        plan.new_parents.append(parent_id)
        if parent_id is not None:
            parent = reach(parent_id)
            if parent_id in ended:
                message = _("%(name)s kết thúc trong chính lần này.", name=parent.name)
                errors.append(FieldError(where + "parent_id", message))
            errors += _check_takes(parent, operation.effective_on, where + "parent_id")
            plan.names.setdefault(parent.id, parent.name)
        key = (parent_id, name.casefold())
        if key in seen or name_taken(session, name, parent_id, ended):
            errors.append(
                FieldError(where + "name", _("Đơn vị cấp trên đã có đơn vị mang tên này."))
            )
        seen.add(key)
        if code and (code.lower() in codes or code_taken(session, code)):
            errors.append(FieldError(where + "code", _("Mã này đã có đơn vị khác dùng.")))
        codes.add(code.lower())
    return errors


def _check_former_children(session: Session, plan: _Plan) -> list[FieldError]:
    """Refuse a day on which an ended unit still had children that have moved or ended since."""
    ended = [unit.id for unit in plan.units]
    rows = session.execute(
        select(Unit.name)
        .join(UnitVersion, UnitVersion.unit_id == Unit.id)
        .where(
            UnitVersion.parent_id.in_(ended),
            UnitVersion.valid_to > plan.operation.effective_on,
            UnitVersion.valid_to < FAR,
            Unit.id.not_in(ended),
        )
        .order_by(Unit.sort_key)
        .distinct()
        .add_columns(Unit.sort_key)
    )
    return [_changed_later(row.name) for row in rows]


def _check_circle(session: Session, plan: _Plan) -> list[FieldError]:
    """Refuse a move under a unit that lies below, on the day or on any later one."""
    if not plan.moved:
        return []
    parents: dict[int, set[int]] = {}
    for row in session.execute(
        select(UnitVersion.unit_id, UnitVersion.parent_id).where(
            UnitVersion.valid_to > plan.operation.effective_on
        )
    ):
        if row.parent_id is not None and row.unit_id not in plan.moved:
            parents.setdefault(row.unit_id, set()).add(row.parent_id)
    for unit_id, parent in plan.moved.items():
        if parent is not None:
            parents[unit_id] = {parent}
    for number, parent in enumerate(plan.new_parents, 1):
        if parent is not None:
            parents[-number] = {parent}
    for unit_id in plan.moved:
        waiting, seen = list(parents.get(unit_id, ())), set[int]()
        while waiting:
            above = waiting.pop()
            if above == unit_id:
                message = _(
                    "%(name)s sẽ nằm dưới chính đơn vị trực thuộc của nó.",
                    name=plan.names[unit_id],
                )
                moving = plan.operation.kind is UnitEventKind.MOVE
                return [FieldError("parent_id" if moving else "successors", message)]
            if above not in seen:
                seen.add(above)
                waiting += parents.get(above, ())
    return []


def _warn(session: Session, plan: _Plan, today: date) -> None:
    operation = plan.operation
    days = (today - operation.effective_on).days
    if days > LONG_AGO_DAYS:
        plan.warnings.append(
            _(
                "Ngày hiệu lực đã qua %(days)d ngày: danh sách xem theo thời điểm từ ngày đó sẽ "
                "khác trước.",
                days=days,
            )
        )
    if operation.decision_date and operation.decision_date > operation.effective_on:
        plan.warnings.append(_("Quyết định được ký sau ngày hiệu lực. Hãy kiểm tra lại hai ngày."))
    if operation.kind is UnitEventKind.END and not plan.heir_ids:
        plan.warnings.append(_("Không có đơn vị nào tiếp nhận nhiệm vụ."))
    if operation.kind in ENDING and plan.moved:
        plan.warnings.append(
            _(
                "%(count)d đơn vị trực thuộc chuyển sang đơn vị cấp trên khác.",
                count=len(plan.moved),
            )
        )
    for unit_id, parent in plan.moved.items():
        name = plan.names[unit_id]
        if parent is not None and parent > 0 and name_taken(session, name, parent, [unit_id]):
            plan.warnings.append(
                _(
                    "%(parent)s sẽ có hai đơn vị cùng tên %(name)s.",
                    parent=plan.names.get(parent, ""),
                    name=name,
                )
            )


def _groups(plan: _Plan, *, only_features: bool = False) -> list[HandoverGroup]:
    """Return what every feature and plug-in would hand over.

    `only_features` leaves plug-ins out: none of their code runs inside the operation.
    """
    if not plan.successors:
        return []
    handover = _handover(plan.operation, plan.successors, plan.operation.record_choices)
    groups: list[HandoverGroup] = []
    host = current_host()
    for contributor in host.registry.handover_contributors:
        if only_features and host.is_foreign("handover_contributors", contributor.key):
            continue
        items = tuple(
            _choice(plan, contributor.key, item) for item in contributor.preview(handover)
        )
        if items:
            groups.append(HandoverGroup(contributor.key, str(contributor.label), items))
    return groups


def _choice(plan: _Plan, key: str, item: HandoverItem) -> Choice:
    heirs = plan.successors.get(item.from_unit_id, ())
    chosen = plan.operation.record_choices.get((key, item.record_id), item.to_unit_id)
    if len(heirs) == 1:
        chosen = heirs[0]
    return Choice(
        key=key,
        record_id=item.record_id,
        title=item.title,
        from_name=plan.names.get(item.from_unit_id, ""),
        candidates=tuple((heir, plan.names[heir]) for heir in heirs),
        chosen=chosen if chosen in heirs else None,
    )


def _require_complete(plan: _Plan) -> None:
    """Raise ValidationFailed while the decision or a choice is missing."""
    errors: list[FieldError] = []
    if not one_line(plan.operation.decision_number):
        errors.append(FieldError("decision_number", _("Hãy ghi số quyết định.")))
    for child, choice in plan.children:
        if choice.chosen is None:
            message = _("Hãy chọn nơi đến của %(name)s.", name=child.name)
            errors.append(FieldError(f"child-{child.id}", message))
    groups = _groups(plan, only_features=True)
    errors += _open_records(groups, has_heirs=bool(plan.heir_ids))
    if errors:
        raise ValidationFailed(errors)


def require_choices(operation: Operation, shown: Preview) -> None:
    """Raise ValidationFailed while a record of a feature or plug-in has nobody who takes it over.

    Asked before `apply`, which asks the features alone.
    """
    has_heirs = bool(operation.successors or operation.new_units)
    errors = _open_records(shown.groups, has_heirs=has_heirs)
    if errors:
        raise ValidationFailed(errors)


def _open_records(groups: Sequence[HandoverGroup], *, has_heirs: bool) -> list[FieldError]:
    errors: list[FieldError] = []
    for group in groups:
        waiting = [item for item in group.items if item.chosen is None]
        if waiting and not has_heirs:
            message = _(
                "%(label)s: còn %(count)d mục đang mở. Hãy chọn đơn vị tiếp nhận.",
                label=group.label,
                count=len(waiting),
            )
            errors.append(FieldError("successors", message))
        elif waiting:
            errors += [
                FieldError(
                    f"record-{group.key}-{item.record_id}",
                    _("Hãy chọn đơn vị tiếp nhận: %(title)s.", title=item.title),
                )
                for item in waiting
            ]
    return errors


def _changes(plan: _Plan) -> list[UnitChange]:
    """Return what happens to each unit, each once."""
    operation, names = plan.operation, plan.names
    olds = ", ".join(unit.name for unit in plan.units)
    heirs = ", ".join(names[heir] for heir in plan.heir_ids)
    found: dict[int, UnitChange] = {}
    if operation.kind is UnitEventKind.RENAME:
        unit = plan.units[0]
        after = one_line(operation.new_name)
        found[unit.id] = UnitChange(unit.id, unit.name, Role.RENAMED, unit.name, after)
    if operation.kind in ENDING:
        for unit in plan.units:
            found[unit.id] = UnitChange(unit.id, unit.name, Role.ENDS, unit.name, heirs)
        for heir in plan.heir_ids:
            role = Role.TAKES_OVER if heir > 0 else Role.STARTS
            found[heir] = UnitChange(heir, names[heir], role, olds, names[heir])
    before = {unit.id: unit.parent for unit in plan.units}
    for child, _choice_made in plan.children:
        before[child.id] = child.parent
    for unit_id, parent in plan.moved.items():
        was = before.get(unit_id)
        came_from = was.name if was else _parent_name(plan, unit_id)
        goes_to = "" if parent is None else names.get(parent, "")
        moved = UnitChange(unit_id, names[unit_id], Role.MOVED, came_from, goes_to)
        found.setdefault(unit_id, moved)
    return list(found.values())


def _parent_name(plan: _Plan, unit_id: int) -> str:
    """Return the name of the ended unit from which something moves up."""
    parent = next((heir.parent for heir in plan.heirs if heir.id == unit_id), None)
    return parent.name if parent else ", ".join(unit.name for unit in plan.units)


# -- writing -------------------------------------------------------------------------------------


def _make_new_units(session: Session, plan: _Plan, event_id: int) -> dict[int, int]:
    made: dict[int, int] = {}
    for number, new in enumerate(plan.operation.new_units, 1):
        unit = add_unit(
            session,
            name=one_line(new.name),
            kind=new.kind,
            parent_id=plan.new_parents[number - 1],
            valid_from=plan.operation.effective_on,
            code=one_line(new.code),
            short_name=one_line(new.short_name),
            head_title="",
            event_id=event_id,
        )
        made[-number] = unit.id
    return made


def _end(session: Session, unit: Unit, day: date) -> None:
    newest = newest_version(session, unit.id)
    if newest.valid_from == day:
        # Changed earlier on its last day: that state never held for a whole day.
        session.delete(newest)
        session.flush()
        newest = newest_version(session, unit.id)
        unit.name, unit.kind, unit.short_name = newest.name, newest.kind, newest.short_name
        unit.parent_id = newest.parent_id
    newest.valid_to = day
    unit.valid_to = day
    refresh_searchable(session, unit)


def _next_version(session: Session, unit: Unit, day: date, event_id: int) -> None:
    """Make the unit's columns, as they now are, its version from a day on."""
    newest = newest_version(session, unit.id)
    if newest.valid_from == day:
        newest.name, newest.kind = unit.name, unit.kind
        newest.short_name, newest.parent_id = unit.short_name, unit.parent_id
        newest.event_id = event_id
    else:
        newest.valid_to = day
        session.flush()
        session.add(
            UnitVersion(
                unit_id=unit.id,
                valid_from=day,
                valid_to=FAR,
                kind=unit.kind,
                name=unit.name,
                short_name=unit.short_name,
                parent_id=unit.parent_id,
                event_id=event_id,
            )
        )
    refresh_searchable(session, unit)


def _rename(session: Session, unit: Unit, operation: Operation, event_id: int) -> None:
    unit.name = one_line(operation.new_name)
    if operation.new_kind is not None:
        unit.kind = operation.new_kind
    if operation.new_short_name is not None:
        unit.short_name = one_line(operation.new_short_name)
    _next_version(session, unit, operation.effective_on, event_id)


def _move(session: Session, unit: Unit, parent_id: int | None, day: date, event_id: int) -> None:
    unit.parent_id = parent_id
    _next_version(session, unit, day, event_id)

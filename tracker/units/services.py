"""Writing units: making them, putting details right, aliases and unit sets.

Names, kinds and places in the tree change by dated operations only (see operations.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.core import text
from tracker.core.db import NAME_LENGTH
from tracker.core.errors import Conflict, FieldError, NotFound, PermissionDenied, ValidationFailed
from tracker.core.work import Work
from tracker.units import tree
from tracker.units.inputs import (
    AddAlias,
    CreateUnit,
    DeleteUnitSet,
    EditUnit,
    ImportUnits,
    RemoveAlias,
    SaveUnitSet,
    UnitRow,
)
from tracker.units.models import (
    Unit,
    UnitAlias,
    UnitEvent,
    UnitEventKind,
    UnitEventUnit,
    UnitSet,
    UnitVersion,
)

MANAGE = "units.manage"
FAR = date(9999, 12, 31)
EARLIEST = date(1945, 9, 2)
FOLDED_LENGTH = 2000
LENGTHS = {"name": NAME_LENGTH, "code": 40, "short_name": 120, "head_title": 200}
MOST_ALIASES = 50


def require_instance(work: Work) -> None:
    """Raise PermissionDenied unless the actor manages the whole tree: every living root."""
    if work.actor.access.everything:
        return
    roots = work.session.scalars(
        select(Unit).where(Unit.parent_id.is_(None), Unit.valid_to.is_(None))
    ).all()
    if not roots:
        raise PermissionDenied
    for root in roots:
        work.require(MANAGE, root)


def searchable(name: str, short_name: str, code: str, others: Iterable[str]) -> str:
    """Return the folded text by which a unit is found: all names it has or had, and its code."""
    pieces = dict.fromkeys(piece for piece in (name, short_name, code, *others) if piece)
    return " ".join(dict.fromkeys(text.fold(piece) for piece in pieces))[:FOLDED_LENGTH]


def refresh_searchable(session: Session, unit: Unit) -> None:
    """Write the derived columns of a unit anew from its names."""
    session.flush()
    aliases = session.scalars(
        select(UnitAlias.name).where(UnitAlias.unit_id == unit.id).order_by(UnitAlias.id)
    ).all()
    versions = session.execute(
        select(UnitVersion.name, UnitVersion.short_name)
        .where(UnitVersion.unit_id == unit.id)
        .order_by(UnitVersion.valid_from.desc())
    ).all()
    old = [name for version in versions for name in version]
    unit.folded = searchable(unit.name, unit.short_name, unit.code or "", [*aliases, *old])
    unit.sort_key = text.sort_key(unit.name)


def check_texts(values: dict[str, str]) -> list[FieldError]:
    """Return what is too long, or missing where it must be there."""
    errors = [
        FieldError(field, _("Dài quá %(most)d ký tự.", most=LENGTHS[field]))
        for field, value in values.items()
        if len(value) > LENGTHS[field]
    ]
    if "name" in values and not text.fold(values["name"]):
        errors.append(FieldError("name", _("Hãy điền tên đơn vị.")))
    return errors


def one_line(value: str) -> str:
    """Return a text as it is stored in one line."""
    return " ".join(text.normalise(value).split())


def name_taken(session: Session, name: str, parent_id: int | None, but: Iterable[int] = ()) -> bool:
    """Tell whether a living sibling already has this name."""
    query = select(Unit.name).where(
        Unit.valid_to.is_(None),
        Unit.parent_id.is_(None) if parent_id is None else Unit.parent_id == parent_id,
        Unit.id.not_in(list(but)),
    )
    wanted = text.normalise(name).casefold()
    return any(text.normalise(one).casefold() == wanted for one in session.scalars(query))


def code_taken(session: Session, code: str, but: int | None = None) -> bool:
    """Tell whether another unit, living or ended, has this code."""
    found = session.scalar(select(Unit.id).where(func.lower(Unit.code) == code.lower()))
    return found is not None and found != but


def create_unit(work: Work, data: CreateUnit) -> int:
    """Make a unit with its first version; return its id.

    Raises ValidationFailed, NotFound for an unknown parent, PermissionDenied.
    """
    session = work.session
    tree.lock(session)
    parent: Unit | None = None
    if data.parent_id is None:
        require_instance(work)
    else:
        parent = work.get(Unit, data.parent_id)
        work.require(MANAGE, parent)
    name, code = one_line(data.name), one_line(data.code)
    short_name, head_title = one_line(data.short_name), one_line(data.head_title)
    errors = check_texts(
        {"name": name, "code": code, "short_name": short_name, "head_title": head_title}
    )
    errors += _check_start(work, data.valid_from, parent)
    if code and code_taken(session, code):
        errors.append(FieldError("code", _("Mã này đã có đơn vị khác dùng.")))
    if not errors and name_taken(session, name, data.parent_id):
        errors.append(FieldError("name", _("Đơn vị cấp trên đã có đơn vị mang tên này.")))
    if errors:
        raise ValidationFailed(errors)
    event: UnitEvent | None = None
    if one_line(data.decision_number):
        event = UnitEvent(
            kind=UnitEventKind.CREATE,
            effective_on=data.valid_from,
            decision_number=one_line(data.decision_number)[:80],
            decision_date=data.decision_date,
        )
        session.add(event)
        session.flush()
    unit = add_unit(
        session,
        name=name,
        kind=data.kind,
        parent_id=data.parent_id,
        valid_from=data.valid_from,
        code=code,
        short_name=short_name,
        head_title=head_title,
        event_id=event.id if event else None,
    )
    if event:
        session.add(UnitEventUnit(event_id=event.id, unit_id=unit.id, after=name))
    for alias in data.aliases:
        _add_alias(session, unit, alias)
    refresh_searchable(session, unit)
    tree.add_leaf(session, unit.id, unit.parent_id)
    return unit.id


def _check_start(work: Work, valid_from: date, parent: Unit | None) -> list[FieldError]:
    if valid_from < EARLIEST:
        return [FieldError("valid_from", _("Ngày này quá xa trong quá khứ."))]
    if valid_from > work.today:
        return [
            FieldError(
                "valid_from",
                _("Ngày thành lập ở tương lai. Hãy ghi khi quyết định đã có hiệu lực."),
            )
        ]
    if parent is None:
        return []
    if parent.valid_to is not None:
        return [FieldError("parent_id", _("Đơn vị cấp trên đã kết thúc hoạt động."))]
    if parent.valid_from > valid_from:
        return [FieldError("valid_from", _("Đơn vị cấp trên được thành lập sau ngày này."))]
    return []


def add_unit(session: Session, **values: object) -> Unit:
    """Add a unit with its first version, without checks; return it with its id."""
    event_id = values.pop("event_id", None)
    values["code"] = values.get("code") or None
    unit = Unit(**values)
    unit.sort_key = text.sort_key(unit.name)
    unit.folded = searchable(unit.name, unit.short_name or "", unit.code or "", ())
    session.add(unit)
    session.flush()
    session.add(
        UnitVersion(
            unit_id=unit.id,
            valid_from=unit.valid_from,
            valid_to=FAR,
            kind=unit.kind,
            name=unit.name,
            short_name=unit.short_name or "",
            parent_id=unit.parent_id,
            event_id=event_id,
        )
    )
    session.flush()
    return unit


def edit_unit(work: Work, data: EditUnit) -> int:
    """Put right what needs no decision; return the unit's id.

    Raises ValidationFailed, NotFound, PermissionDenied, Conflict when somebody was faster.
    """
    unit = work.get(Unit, data.unit_id)
    work.require(MANAGE, unit)
    if data.version is not None and data.version != unit.version:
        raise Conflict(_("Người khác vừa sửa mục này. Hãy tải lại rồi sửa tiếp."))
    code, short_name = one_line(data.code), one_line(data.short_name)
    head_title = one_line(data.head_title)
    errors = check_texts({"code": code, "short_name": short_name, "head_title": head_title})
    if code and code_taken(work.session, code, unit.id):
        errors.append(FieldError("code", _("Mã này đã có đơn vị khác dùng.")))
    if errors:
        raise ValidationFailed(errors)
    unit.code = code or None
    unit.head_title = head_title
    if unit.short_name != short_name:
        unit.short_name = short_name
        newest_version(work.session, unit.id).short_name = short_name
    refresh_searchable(work.session, unit)
    return unit.id


def newest_version(session: Session, unit_id: int) -> UnitVersion:
    """Return the newest version of a unit, locked."""
    return session.scalars(
        select(UnitVersion)
        .where(UnitVersion.unit_id == unit_id)
        .order_by(UnitVersion.valid_from.desc())
        .limit(1)
        .with_for_update()
    ).one()


def add_alias(work: Work, data: AddAlias) -> int:
    """Add another name of a unit; return the alias's id.

    Raises ValidationFailed, NotFound, PermissionDenied.
    """
    unit = work.get(Unit, data.unit_id)
    work.require(MANAGE, unit)
    alias = _add_alias(work.session, unit, data.name)
    refresh_searchable(work.session, unit)
    return alias.id


def _add_alias(session: Session, unit: Unit, name: str) -> UnitAlias:
    name = one_line(name)
    folded = text.fold(name)
    known = session.scalars(select(UnitAlias.folded).where(UnitAlias.unit_id == unit.id)).all()
    problem = ""
    if not folded:
        problem = _("Hãy điền tên gọi khác.")
    elif len(name) > NAME_LENGTH:
        problem = _("Dài quá %(most)d ký tự.", most=NAME_LENGTH)
    elif folded in known:
        problem = _("Đơn vị đã có tên gọi này.")
    elif len(known) >= MOST_ALIASES:
        problem = _("Đơn vị đã có quá nhiều tên gọi khác.")
    if problem:
        raise ValidationFailed([FieldError("alias", problem)])
    alias = UnitAlias(unit_id=unit.id, name=name, folded=folded)
    session.add(alias)
    session.flush()
    return alias


def remove_alias(work: Work, data: RemoveAlias) -> int:
    """Take an alias away; return the unit's id. Raises NotFound, PermissionDenied."""
    unit = work.get(Unit, data.unit_id)
    work.require(MANAGE, unit)
    alias = work.get(UnitAlias, data.alias_id)
    if alias.unit_id != unit.id:
        raise NotFound
    work.session.delete(alias)
    refresh_searchable(work.session, unit)
    return unit.id


def save_unit_set(work: Work, data: SaveUnitSet) -> int:
    """Make or change a unit set; return its id.

    Raises ValidationFailed, NotFound, PermissionDenied, Conflict when somebody was faster.
    """
    session = work.session
    unit_set = UnitSet() if data.unit_set_id is None else work.get(UnitSet, data.unit_set_id)
    if data.unit_set_id is not None:
        _require_set(work, unit_set.under_unit_id)
        if data.version is not None and data.version != unit_set.version:
            raise Conflict(_("Người khác vừa sửa mục này. Hãy tải lại rồi sửa tiếp."))
    _require_set(work, data.under_unit_id)
    name = one_line(data.name)
    errors: list[FieldError] = []
    if not name:
        errors.append(FieldError("name", _("Hãy điền tên nhóm.")))
    elif len(name) > 200:
        errors.append(FieldError("name", _("Dài quá %(most)d ký tự.", most=200)))
    same = session.scalar(select(UnitSet.id).where(UnitSet.name == name))
    if same is not None and same != data.unit_set_id:
        errors.append(FieldError("name", _("Đã có nhóm mang tên này.")))
    if errors:
        raise ValidationFailed(errors)
    unit_set.name = name
    unit_set.sort_key = text.sort_key(name)
    unit_set.kinds = ",".join(sorted({kind.value for kind in data.kinds}))
    unit_set.under_unit_id = data.under_unit_id
    session.add(unit_set)
    session.flush()
    return unit_set.id


def delete_unit_set(work: Work, data: DeleteUnitSet) -> None:
    """Take a unit set away.

    Raises NotFound, PermissionDenied, Conflict (from the unit of work) while rows refer to it.
    """
    unit_set = work.get(UnitSet, data.unit_set_id)
    _require_set(work, unit_set.under_unit_id)
    work.session.delete(unit_set)


def _require_set(work: Work, under_unit_id: int | None) -> None:
    """Require the right over the unit that a set lies under; over the whole tree without one."""
    if under_unit_id is None:
        require_instance(work)
    else:
        work.require(MANAGE, work.get(Unit, under_unit_id))


def import_units(work: Work, data: ImportUnits) -> int:
    """Make and update the units of an import, all or none; return how many rows were taken.

    Rows were checked before (see importing.py); what changed meanwhile is refused by Conflict.
    Raises PermissionDenied where a row lies outside the actor's reach.
    """
    session = work.session
    tree.lock(session)
    keys: dict[int, int] = {}
    levels: dict[int, list[UnitRow]] = {}
    depth: dict[int, int] = {}
    for row in data.rows:
        if row.unit_id is not None:
            keys[row.row] = row.unit_id
            continue
        above = row.parent_row
        depth[row.row] = depth.get(above, -1) + 1 if above is not None else 0
        levels.setdefault(depth[row.row], []).append(row)
    for parent_id in sorted({r.parent_id for r in data.rows if r.parent_id and not r.unit_id}):
        work.require(MANAGE, work.get(Unit, parent_id))
    if any(r.parent_id is None and r.parent_row is None and not r.unit_id for r in data.rows):
        require_instance(work)
    for _level, rows in sorted(levels.items()):
        _insert_level(work, rows, keys)
    for row in data.rows:
        if row.unit_id is not None:
            _update_from_row(work, row)
    tree.rebuild_closure(session)
    return len(data.rows)


def _insert_level(work: Work, rows: list[UnitRow], keys: dict[int, int]) -> None:
    parents = {
        row.row: keys[row.parent_row] if row.parent_row is not None else row.parent_id
        for row in rows
    }
    ids = work.bulk_insert(
        Unit,
        [
            {
                "name": row.name,
                "kind": row.kind,
                "parent_id": parents[row.row],
                "valid_from": row.valid_from,
                "code": row.code or None,
                "short_name": row.short_name,
                "head_title": row.head_title,
                "sort_key": text.sort_key(row.name),
                "folded": searchable(row.name, row.short_name, row.code, row.aliases),
            }
            for row in rows
        ],
    )
    keys.update({row.row: unit_id for row, unit_id in zip(rows, ids, strict=True)})
    work.bulk_insert(
        UnitVersion,
        [
            {
                "unit_id": unit_id,
                "valid_from": row.valid_from,
                "valid_to": FAR,
                "kind": row.kind,
                "name": row.name,
                "short_name": row.short_name,
                "parent_id": parents[row.row],
            }
            for row, unit_id in zip(rows, ids, strict=True)
        ],
    )
    aliases = [
        {"unit_id": keys[row.row], "name": alias, "folded": text.fold(alias)}
        for row in rows
        for alias in row.aliases
    ]
    if aliases:
        work.bulk_insert(UnitAlias, aliases)


def _update_from_row(work: Work, row: UnitRow) -> None:
    assert row.unit_id is not None
    unit = work.get(Unit, row.unit_id)
    work.require(MANAGE, unit)
    if row.short_name and unit.short_name != row.short_name:
        unit.short_name = row.short_name
        newest_version(work.session, unit.id).short_name = row.short_name
    if row.head_title:
        unit.head_title = row.head_title
    if row.code and not unit.code:
        unit.code = row.code
    known = set(work.session.scalars(select(UnitAlias.folded).where(UnitAlias.unit_id == unit.id)))
    for alias in row.aliases:
        if text.fold(alias) not in known:
            work.session.add(UnitAlias(unit_id=unit.id, name=alias, folded=text.fold(alias)))
    refresh_searchable(work.session, unit)

"""Units from a spreadsheet: rows are checked against each other and against what there is.

A row that names a unit there already is (by code, or by name under the same parent) updates it;
names, kinds and parents of such units change by operations only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy import select

from tracker.core import text
from tracker.core.context import current
from tracker.core.db import NAME_LENGTH, db
from tracker.plugins.descriptors import (
    CellKind,
    ImportColumn,
    ImportRow,
    ParsedRows,
    RowError,
    RowOutcome,
)
from tracker.units.inputs import ImportUnits, UnitRow
from tracker.units.labels import KINDS, kind_label, kind_of
from tracker.units.models import Unit, UnitKind
from tracker.units.queries import aliases_of
from tracker.units.services import EARLIEST, LENGTHS, MOST_ALIASES, one_line

BETWEEN_ALIASES = re.compile(r"[;\n]")


def _kind_names() -> list[str]:
    return [str(label) for label in KINDS.values()]


COLUMNS = (
    ImportColumn(
        key="code",
        heading_vi="Mã đơn vị",
        heading_en="Unit code",
        hint=_l("Mã riêng của đơn vị. Dòng có mã đã biết sẽ cập nhật đơn vị ấy."),
        example="31732",
        aliases=("Mã", "Code"),
        longest=LENGTHS["code"],
        width=14,
    ),
    ImportColumn(
        key="name",
        heading_vi="Tên đơn vị",
        heading_en="Unit name",
        required=True,
        example="UBND phường Vĩnh Phước",
        aliases=("Tên", "Đơn vị", "Name"),
        longest=NAME_LENGTH,
        width=44,
    ),
    ImportColumn(
        key="kind",
        heading_vi="Loại đơn vị",
        heading_en="Kind",
        required=True,
        example="Phường",
        aliases=("Loại",),
        choices=_kind_names,
        longest=100,
        width=22,
    ),
    ImportColumn(
        key="parent",
        heading_vi="Đơn vị cấp trên",
        heading_en="Parent unit",
        hint=_l("Mã hoặc tên; có thể nằm ở dòng dưới. Để trống cho đơn vị đứng đầu."),
        example="Thành phố Cần Thơ",
        aliases=("Cấp trên", "Trực thuộc", "Parent"),
        longest=NAME_LENGTH,
        width=36,
    ),
    ImportColumn(
        key="short_name",
        heading_vi="Tên ngắn",
        heading_en="Short name",
        example="Vĩnh Phước",
        longest=LENGTHS["short_name"],
    ),
    ImportColumn(
        key="aliases",
        heading_vi="Tên gọi khác",
        heading_en="Other names",
        hint=_l("Cách nhau bằng dấu chấm phẩy."),
        example="Phường Vĩnh Phước; P. Vĩnh Phước",
        aliases=("Tên khác", "Aliases"),
        width=36,
    ),
    ImportColumn(
        key="valid_from",
        heading_vi="Từ ngày",
        heading_en="Valid from",
        hint=_l("Ngày bắt đầu hoạt động. Để trống: như đơn vị cấp trên."),
        example="01/07/2025",
        kind=CellKind.DATE,
        aliases=("Ngày thành lập",),
        width=12,
    ),
    ImportColumn(
        key="head_title",
        heading_vi="Chức danh người đứng đầu",
        heading_en="Title of the head",
        example="Chủ tịch UBND phường",
        longest=LENGTHS["head_title"],
        width=28,
    ),
)


@dataclass(frozen=True)
class _Known:
    """A unit that there already is."""

    id: int
    name: str
    kind: UnitKind
    code: str
    short_name: str
    head_title: str
    parent_id: int | None
    valid_from: date
    ended: bool


@dataclass
class _Row:
    """A row on its way from cells to input."""

    number: int
    name: str
    code: str
    parent: str
    short_name: str
    head_title: str
    aliases: tuple[str, ...]
    valid_from: date | None
    kind: UnitKind | None
    known: _Known | None = None
    parent_row: _Row | None = None
    parent_unit: _Known | None = None
    errors: list[RowError] = field(default_factory=list)

    def fault(self, column: str, message: str) -> None:
        self.errors.append(RowError(self.number, column, message))


def parse(rows: Sequence[ImportRow], _options: Mapping[str, str]) -> ParsedRows:
    """Return the input of `services.import_units`, and what is wrong by row and column."""
    known = _known_units()
    found = [_read(number, values) for number, values in rows]
    _match_codes(found, known)
    _resolve_parents(found, known)
    _match_names(found, known)
    ordered = _in_order(found)
    _check_dates(ordered)
    _check_names(found)
    errors = [error for row in found for error in row.errors]
    outcomes = _outcomes(found)
    if errors:
        return ParsedRows(None, errors, outcomes)
    roots = sum(not row.parent and row.known is None for row in found)
    summary = ""
    if roots:
        summary = ngettext("%(num)d đơn vị đứng đầu cây.", "%(num)d đơn vị đứng đầu cây.", roots)
    return ParsedRows(ImportUnits(tuple(map(_input, ordered))), (), outcomes, summary)


def _known_units() -> dict[int, _Known]:
    rows = db.session.execute(
        select(
            Unit.id,
            Unit.name,
            Unit.kind,
            Unit.code,
            Unit.short_name,
            Unit.head_title,
            Unit.parent_id,
            Unit.valid_from,
            Unit.valid_to,
        )
    )
    return {
        row.id: _Known(
            id=row.id,
            name=row.name,
            kind=row.kind,
            code=row.code or "",
            short_name=row.short_name,
            head_title=row.head_title,
            parent_id=row.parent_id,
            valid_from=row.valid_from,
            ended=row.valid_to is not None,
        )
        for row in rows
    }


def _read(number: int, values: Mapping[str, object]) -> _Row:
    def cell(key: str) -> str:
        return one_line(str(values.get(key) or ""))

    parts = BETWEEN_ALIASES.split(str(values.get("aliases") or ""))
    aliases: dict[str, str] = {}
    for part in parts:
        if text.fold(part):
            aliases.setdefault(text.fold(part), one_line(part))
    day = values.get("valid_from")
    row = _Row(
        number=number,
        name=cell("name"),
        code=cell("code"),
        parent=cell("parent"),
        short_name=cell("short_name"),
        head_title=cell("head_title"),
        aliases=tuple(aliases.values()),
        valid_from=day if isinstance(day, date) else None,
        kind=kind_of(cell("kind")),
    )
    if cell("kind") and row.kind is None:
        row.fault("kind", _("Không có loại đơn vị “%(kind)s”.", kind=cell("kind")[:60]))
    if row.name and not text.fold(row.name):
        row.fault("name", _("Hãy điền tên đơn vị."))
    if len(aliases) > MOST_ALIASES or any(len(one) > NAME_LENGTH for one in aliases.values()):
        row.fault("aliases", _("Đơn vị đã có quá nhiều tên gọi khác."))
    return row


def _match_codes(rows: Sequence[_Row], known: Mapping[int, _Known]) -> None:
    by_code = {one.code.casefold(): one for one in known.values() if one.code}
    first: dict[str, _Row] = {}
    for row in rows:
        if not row.code:
            continue
        code = row.code.casefold()
        if code in first:
            message = _("Mã này đã có ở dòng %(row)d.", row=first[code].number)
            row.fault("code", message)
        first.setdefault(code, row)
        row.known = by_code.get(code)


def _resolve_parents(rows: Sequence[_Row], known: Mapping[int, _Known]) -> None:
    row_by_code = {row.code.casefold(): row for row in rows if row.code}
    unit_by_code = {one.code.casefold(): one for one in known.values() if one.code}
    rows_by_name: dict[str, list[_Row]] = {}
    for row in rows:
        rows_by_name.setdefault(text.fold(row.name), []).append(row)
    units_by_name: dict[str, list[_Known]] = {}
    for one in known.values():
        if not one.ended:
            units_by_name.setdefault(text.fold(one.name), []).append(one)
    for row in rows:
        if not row.parent:
            continue
        code, name = row.parent.casefold(), text.fold(row.parent)
        row.parent_row = row_by_code.get(code)
        row.parent_unit = unit_by_code.get(code)
        if row.parent_row or row.parent_unit:
            continue
        in_file, there = rows_by_name.get(name, []), units_by_name.get(name, [])
        named = {one.id for one in there} - {one.known.id for one in in_file if one.known}
        if len(in_file) + len(named) > 1 and not _same_unit(in_file, there):
            row.fault("parent", _("Có nhiều đơn vị tên này. Hãy ghi mã đơn vị."))
        elif in_file:
            row.parent_row = in_file[0]
            row.parent_unit = there[0] if there else None
        elif there:
            row.parent_unit = there[0]
        else:
            row.fault("parent", _("Không tìm thấy đơn vị cấp trên này."))
    for row in rows:
        # A parent that is itself a row about a unit there is, is that unit.
        above = row.parent_row
        if above is not None and above.known is not None:
            row.parent_unit, row.parent_row = above.known, None
        if row.parent_unit is not None and row.parent_unit.ended:
            row.fault("parent", _("Đơn vị cấp trên đã kết thúc hoạt động."))


def _same_unit(in_file: Sequence[_Row], there: Sequence[_Known]) -> bool:
    """Tell whether one row and one unit of the same name are one: the row repeats the unit."""
    if len(in_file) != 1 or len(there) != 1:
        return False
    row, unit = in_file[0], there[0]
    return row.known is None and (not row.code or not unit.code)


def _match_names(rows: Sequence[_Row], known: Mapping[int, _Known]) -> None:
    """Recognise units by name under the same parent, and see that nothing else would change."""
    living = {
        (one.parent_id, text.normalise(one.name).casefold()): one
        for one in known.values()
        if not one.ended
    }
    waiting = [row for row in rows if row.known is None]
    progress = True
    while progress:
        progress = False
        for row in list(waiting):
            above = row.parent_row
            if above is not None and above.known is not None:
                row.parent_unit, row.parent_row, above = above.known, None, None
            if above is not None or (row.parent and row.parent_unit is None):
                continue
            parent_id = row.parent_unit.id if row.parent_unit else None
            one = living.get((parent_id, row.name.casefold()))
            waiting.remove(row)
            if one is not None and (not row.code or not one.code):
                row.known = one
                progress = True
            elif one is not None:
                row.fault("name", _("Đơn vị cấp trên đã có đơn vị mang tên này."))
    for row in rows:
        if row.parent_row is not None:
            # Now it is known whether the parent's row is about a unit that there is.
            row.parent_unit = row.parent_row.known
            row.parent_row = None if row.parent_unit else row.parent_row
    for row in rows:
        one = row.known
        if one is None:
            continue
        if one.ended:
            row.fault("code", _("%(name)s đã kết thúc hoạt động.", name=one.name))
        elif text.normalise(one.name).casefold() != row.name.casefold() and row.name:
            message = _("Mã này là của %(name)s. Đổi tên bằng trang Sắp xếp đơn vị.", name=one.name)
            row.fault("name", message)
        elif row.kind is not None and row.kind is not one.kind:
            message = _(
                "Đơn vị này đang là %(kind)s. Đổi loại bằng trang Sắp xếp đơn vị.",
                kind=kind_label(one.kind),
            )
            row.fault("kind", message)
        elif row.parent and (row.parent_row or (row.parent_unit or one).id != one.parent_id):
            row.fault("parent", _("Cấp trên khác hiện nay. Chuyển bằng trang Sắp xếp đơn vị."))


def _in_order(rows: Sequence[_Row]) -> list[_Row]:
    """Return parents before children; rows of a circle get an error and come last."""
    depth: dict[int, int] = {}
    for row in rows:
        line: list[_Row] = []
        current_row: _Row | None = row
        while current_row is not None and current_row.number not in depth:
            if current_row in line:
                for one in line[line.index(current_row) :]:
                    one.fault("parent", _("Các đơn vị cấp trên tạo thành vòng tròn."))
                break
            line.append(current_row)
            current_row = current_row.parent_row
        base = depth.get(current_row.number, -1) if current_row is not None else -1
        for one in reversed(line):
            base += 1
            depth[one.number] = base
    return sorted(rows, key=lambda row: (depth[row.number], row.number))


def _check_dates(ordered: Sequence[_Row]) -> None:
    today = current().clock.today()
    for row in ordered:
        if row.known is not None:
            row.valid_from = row.known.valid_from
            continue
        above = row.parent_row or row.parent_unit
        born = above.valid_from if above is not None else None
        if row.valid_from is None:
            row.valid_from = born or today.replace(month=1, day=1)
        elif row.valid_from > today:
            row.fault("valid_from", _("Ngày này ở tương lai."))
        elif row.valid_from < EARLIEST:
            row.fault("valid_from", _("Ngày này quá xa trong quá khứ."))
        elif born is not None and born > row.valid_from:
            row.fault("valid_from", _("Đơn vị cấp trên được thành lập sau ngày này."))


def _check_names(rows: Sequence[_Row]) -> None:
    first: dict[tuple[object, str], _Row] = {}
    for row in rows:
        above: object = None
        if row.parent_row is not None:
            above = ("row", row.parent_row.number)
        elif row.parent_unit is not None:
            above = ("unit", row.parent_unit.id)
        same = first.setdefault((above, row.name.casefold()), row)
        if same is not row and row.name:
            message = _("Đơn vị này đã có ở dòng %(row)d.", row=same.number)
            row.fault("name", message)


def _outcomes(rows: Sequence[_Row]) -> dict[int, RowOutcome]:
    known = aliases_of(db.session(), [row.known.id for row in rows if row.known])
    outcomes: dict[int, RowOutcome] = {}
    for row in rows:
        one = row.known
        if one is None:
            outcomes[row.number] = RowOutcome.NEW
            continue
        aliases = {text.fold(alias) for alias in known.get(one.id, ())}
        changes = (
            row.short_name not in ("", one.short_name)
            or row.head_title not in ("", one.head_title)
            or (row.code and not one.code)
            or any(text.fold(alias) not in aliases for alias in row.aliases)
        )
        outcomes[row.number] = RowOutcome.CHANGED if changes else RowOutcome.SAME
    return outcomes


def _input(row: _Row) -> UnitRow:
    assert row.kind is not None
    assert row.valid_from is not None
    return UnitRow(
        row=row.number,
        unit_id=row.known.id if row.known else None,
        name=row.name,
        kind=row.kind,
        valid_from=row.valid_from,
        parent_row=row.parent_row.number if row.parent_row else None,
        parent_id=row.parent_unit.id if row.parent_unit else None,
        code=row.code,
        short_name=row.short_name,
        head_title=row.head_title,
        aliases=row.aliases,
    )

"""Plans from a spreadsheet: the annex as a table, one row a group, task or step.

The tree comes from the numbers as printed (A, I, 1, 1.1, a, -) or from the column that says what a
row is; a numbered row with numbered rows under it is a group, since only leaves count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from tracker.core.context import current
from tracker.core.db import db
from tracker.core.deadlines import (
    MAX_OFFSET_DAYS,
    DeadlineKind,
    Frequency,
    Last,
    RecurrenceRule,
)
from tracker.core.errors import NotFound, ValidationFailed
from tracker.core.rights import rights
from tracker.core.text import fold, normalise
from tracker.core.work import Work
from tracker.plans import lifecycle, rows
from tracker.plans.assign import Deadline
from tracker.plans.deadline_forms import KIND_LABELS, make_rule
from tracker.plans.models import Plan, PlanState, ReformArea, RowKind
from tracker.plans.plan_forms import ROW_LABELS
from tracker.plugins.descriptors import (
    CellKind,
    ImportColumn,
    ImportOption,
    ImportRow,
    ImportSpec,
    ParsedRows,
    RowError,
    RowOutcome,
)
from tracker.units import queries as units
from tracker.units import sets as unit_sets

MANAGE: Final = "plans.manage"
READ_BY: Final = "column"
MOST_CANDIDATES: Final = 5

COLUMNS: Final = (
    ImportColumn(
        key="number",
        heading_vi="STT",
        heading_en="No.",
        hint=_l("Như trong phụ lục: I, 1, 1.1, a; dấu - cho hoạt động của nhiệm vụ trên nó."),
        example="1",
        aliases=("TT", "Số thứ tự"),
        longest=40,
        width=8,
    ),
    ImportColumn(
        key="row_kind",
        heading_vi="Loại dòng",
        heading_en="Row kind",
        hint=_l("Nhóm, Nhiệm vụ hoặc Hoạt động; để trống thì hiểu theo STT."),
        example="Nhiệm vụ",
        choices=lambda: [str(label) for label in ROW_LABELS.values()],
        width=14,
    ),
    ImportColumn(
        key="area",
        heading_vi="Lĩnh vực",
        heading_en="Area",
        hint=_l("Mã hoặc tên lĩnh vực; để trống thì theo nhóm."),
        example="TTHC",
        width=16,
    ),
    ImportColumn(
        key="title",
        heading_vi="Nội dung nhiệm vụ",
        heading_en="Task",
        required=True,
        example="Rà soát, đơn giản hóa thủ tục hành chính",
        aliases=("Nội dung", "Nhiệm vụ", "Nội dung nhiệm vụ, hoạt động"),
        longest=rows.LONGEST_TITLE,
        width=60,
    ),
    ImportColumn(
        key="product",
        heading_vi="Sản phẩm",
        heading_en="Product",
        example="Báo cáo",
        aliases=("Sản phẩm, kết quả", "Sản phẩm, kết quả đầu ra", "Kết quả"),
        width=30,
    ),
    ImportColumn(
        key="leads",
        heading_vi="Cơ quan chủ trì",
        heading_en="Lead units",
        hint=_l("Tên, mã đơn vị hoặc tên nhóm đơn vị; nhiều đơn vị cách nhau bằng dấu chấm phẩy."),
        example="Sở Nội vụ",
        aliases=("Đơn vị chủ trì", "Chủ trì", "Lead unit"),
        width=30,
    ),
    ImportColumn(
        key="coordinators",
        heading_vi="Cơ quan phối hợp",
        heading_en="Coordinating units",
        hint=_l("Như cột chủ trì; tên không tìm thấy được giữ nguyên văn."),
        example="Các sở, ban, ngành",
        aliases=("Đơn vị phối hợp", "Phối hợp"),
        width=30,
    ),
    ImportColumn(
        key="deadline_kind",
        heading_vi="Loại thời hạn",
        heading_en="Deadline kind",
        hint=_l("Chọn trong danh sách; để trống thì hiểu theo các cột ngày."),
        example="Một ngày",
        choices=lambda: [str(label) for _kind, label in KIND_LABELS],
        width=18,
    ),
    ImportColumn(
        key="deadline",
        heading_vi="Ngày đến hạn",
        heading_en="Due date",
        example="30/06/2026",
        kind=CellKind.DATE,
        width=14,
    ),
    ImportColumn(
        key="start",
        heading_vi="Từ ngày",
        heading_en="From",
        hint=_l("Chỉ cho việc trong một khoảng."),
        kind=CellKind.DATE,
        width=14,
    ),
    ImportColumn(
        key="recurrence",
        heading_vi="Lặp lại",
        heading_en="Repeats",
        hint=_l(
            "Hằng tháng, Hằng quý, 6 tháng, Hằng năm, Thứ Tư hằng tuần, hoặc các ngày 15/03; 30/06."
        ),
        width=22,
    ),
    ImportColumn(
        key="deadline_text",
        heading_vi="Thời gian hoàn thành",
        heading_en="Deadline as written",
        hint=_l("Nguyên văn trong phụ lục, như Quý II/2026."),
        example="Quý II/2026",
        aliases=("Thời gian thực hiện", "Thời hạn", "Thời gian"),
        longest=300,
        width=22,
    ),
    ImportColumn(
        key="offset",
        heading_vi="Hạn sau khi có điều kiện",
        heading_en="Due after the condition",
        hint=_l(
            "Chỉ cho việc chờ điều kiện: số ngày, như 15 ngày hoặc 5 ngày làm việc; cột Thời gian "
            "hoàn thành ghi chờ điều gì."
        ),
        longest=60,
        width=20,
    ),
    ImportColumn(
        key="budget",
        heading_vi="Kinh phí",
        heading_en="Budget",
        longest=rows.LONGEST_LINE,
        width=16,
    ),
    ImportColumn(key="note", heading_vi="Ghi chú", heading_en="Note", width=24),
)


# -- what cells say --------------------------------------------------------------------------

ROW_NAMES: Final[Mapping[str, RowKind]] = {
    **{kind.value: kind for kind in RowKind},
    "nhom": RowKind.GROUP,
    "nhiem vu": RowKind.TASK,
    "viec": RowKind.TASK,
    "hoat dong": RowKind.STEP,
    "activity": RowKind.STEP,
}
KIND_NAMES: Final[Mapping[str, DeadlineKind]] = {
    **{fold(kind.value): kind for kind in DeadlineKind},
    "mot ngay": DeadlineKind.DATE,
    "ngay": DeadlineKind.DATE,
    "one day": DeadlineKind.DATE,
    "trong mot khoang": DeadlineKind.WINDOW,
    "khoang": DeadlineKind.WINDOW,
    "within a period": DeadlineKind.WINDOW,
    "dinh ky": DeadlineKind.RECURRING,
    "lap lai": DeadlineKind.RECURRING,
    "thuong xuyen": DeadlineKind.OPEN_ENDED,
    "regular": DeadlineKind.OPEN_ENDED,
    "cho dieu kien": DeadlineKind.CONDITIONAL,
    "chua ro": DeadlineKind.ASK,
    "chua ro can hoi": DeadlineKind.ASK,
    "unclear to be asked": DeadlineKind.ASK,
}
WEEKDAYS: Final[Mapping[str, int]] = {
    "thu hai": 1,
    "thu ba": 2,
    "thu tu": 3,
    "thu nam": 4,
    "thu sau": 5,
    "thu bay": 6,
    "chu nhat": 7,
    "monday": 1,
    "tuesday": 2,
    "wednesday": 3,
    "thursday": 4,
    "friday": 5,
    "saturday": 6,
    "sunday": 7,
}
FREQUENCIES: Final[tuple[tuple[str, Frequency], ...]] = (
    (r"(?:hang|hang ky|moi) thang|monthly|every month", Frequency.MONTHLY),
    (r"(?:hang|moi) quy|quarterly|every quarter", Frequency.QUARTERLY),
    (
        r"(?:hang |moi )?6 thang(?: mot lan)?|sau thang mot lan|half yearly|every 6 months",
        Frequency.HALF_YEARLY,
    ),
    (r"(?:hang|moi) nam|yearly|every year", Frequency.YEARLY),
)
_ON_DAY = re.compile(r"(?: (?:ngay|vao ngay|on day|day))? ?([0-9]{1,2}|cuoi|ngay cuoi|last)?")


def read_recurrence(text: str) -> RecurrenceRule:
    """Return the rule of a preset in words ('hằng tháng, ngày 5') or of a list of days.

    Raises ValueError with a sentence for people.
    """
    words = fold(text)
    for name, weekday in WEEKDAYS.items():
        if words in (f"{name} hang tuan", f"{name} moi tuan", f"hang tuan {name}", f"every {name}"):
            return make_rule(Frequency.WEEKLY, weekday=weekday)
    for pattern, frequency in FREQUENCIES:
        match = re.match(pattern, words)
        if match is None:
            continue
        rest = _ON_DAY.fullmatch(words[match.end() :])
        if rest is not None:
            typed = rest.group(1) or ""
            day: int | Last = int(typed) if typed.isdigit() else "last"
            return make_rule(frequency, day=day)
    try:
        return make_rule(Frequency.DATES, dates=text)
    except ValueError as error:
        raise ValueError(
            _(
                "Chưa hiểu “%(text)s”. Hãy ghi Hằng tháng, Hằng quý, 6 tháng, Hằng năm, "
                "Thứ Tư hằng tuần, hoặc các ngày như 15/03; 30/06.",
                text=text[:60],
            )
        ) from error


_OFFSET = re.compile(
    r"(?:sau |trong |within |after )?([0-9]{1,4}) ?(ngay|days?|d)?( lam viec| working)?"
    r"( ngay| days?)?(?: lich| calendar)?"
)


def read_offset(text: str) -> tuple[int, bool]:
    """Return (days, whether working days) of an offset: '15', '15 ngày', '5 ngày làm việc'.

    Raises ValueError with a sentence for people.
    """
    match = _OFFSET.fullmatch(fold(text))
    if match is None or int(match.group(1)) > MAX_OFFSET_DAYS:
        raise ValueError(
            _(
                "Chưa hiểu “%(text)s”. Hãy ghi số ngày, như 15 ngày hoặc 5 ngày làm việc.",
                text=text[:60],
            )
        )
    return int(match.group(1)), bool(match.group(3))


# -- the tree from the numbers ---------------------------------------------------------------

_ROMAN = re.compile(r"(?=.)M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_ARABIC = re.compile(r"[0-9]+(?:[.,][0-9]+)*")
_PART_RANK, _ROMAN_RANK, _ARABIC_RANK, _ITEM_RANK = 0, 1, 2, 50
_STEP_RANK: Final = 99
_NO_RANK: Final = -1


@dataclass(frozen=True)
class Numbered:
    """What a printed number says: how deep the row stands, and its parts where it has some."""

    rank: int
    parts: tuple[int, ...] = ()


def read_number(number: str) -> Numbered:
    """Return what a number says; `_NO_RANK` where it says nothing."""
    text = normalise(number).strip(" .)(/:")
    if not text:
        mark = normalise(number).strip()[:1]
        return Numbered(_STEP_RANK if mark in "-–—+•*" and mark else _NO_RANK)
    if text[0] in "-–—+•*":
        return Numbered(_STEP_RANK)
    if _ARABIC.fullmatch(text):
        parts = tuple(int(part[:9]) for part in re.split(r"[.,]", text))
        return Numbered(_ARABIC_RANK + len(parts) - 1, parts)
    # A single C, D, L or M is a letter: a plan has no hundredth part.
    if _ROMAN.fullmatch(text) and (len(text) > 1 or text in "IVX"):
        return Numbered(_ROMAN_RANK)
    if len(text) <= 2 and text.isalpha():
        return Numbered(_PART_RANK if text.isupper() else _ITEM_RANK)
    return Numbered(_NO_RANK)


@dataclass
class _Place:
    """Where a row stands: what is above it, and what it is."""

    row: int
    number: str
    said: RowKind | None
    numbered: Numbered
    parent: int | None = None
    kind: RowKind = RowKind.TASK
    has_children: bool = False


def place_rows(
    given: Sequence[tuple[int, str, RowKind | None]],
) -> tuple[list[tuple[int | None, RowKind]], list[RowError]]:
    """Return (index of the parent, kind) of rows from (row number, number, kind that was said).

    A row's parent is the nearest row above that stands less deep. Errors name the row.
    """
    places: list[_Place] = []
    errors: list[RowError] = []
    stack: list[int] = []
    for row, number, said in given:
        place = _Place(row, number, said, read_number(number))
        index = len(places)
        is_step = said is RowKind.STEP or (said is None and place.numbered.rank == _STEP_RANK)
        if is_step:
            place.kind = RowKind.STEP
            place.parent = stack[-1] if stack else None
            places.append(place)
            continue
        rank = _rank(place, [places[one] for one in stack])
        while stack and _own_rank(places[stack[-1]]) >= rank:
            stack.pop()
        place.numbered = Numbered(rank, place.numbered.parts)
        above = places[stack[-1]] if stack else None
        if above is not None:
            place.parent = stack[-1]
            above.has_children = True
        missing = _missing_parent(place, above)
        if missing:
            errors.append(RowError(row, "number", missing))
        places.append(place)
        stack.append(index)
    for place in places:
        errors += _decide(place)
    for place in places:
        if place.kind is not RowKind.STEP:
            continue
        task = places[place.parent] if place.parent is not None else None
        if task is None or task.kind is not RowKind.TASK:
            errors.append(
                RowError(place.row, "row_kind", _("Hoạt động phải nằm dưới một nhiệm vụ."))
            )
    return [(place.parent, place.kind) for place in places], errors


def _own_rank(place: _Place) -> int:
    return place.numbered.rank


def _rank(place: _Place, above: Sequence[_Place]) -> int:
    """Return how deep a row stands; one without a number goes under the nearest group."""
    if place.numbered.rank not in (_NO_RANK, _STEP_RANK):
        return place.numbered.rank
    if place.said is RowKind.GROUP:
        return _ROMAN_RANK
    return max((_own_rank(one) for one in above if one.said is RowKind.GROUP), default=1) + 1


def _missing_parent(place: _Place, parent: _Place | None) -> str:
    """Return what is wrong when 1.2 does not stand under 1 (or under the first part, I)."""
    parts = place.numbered.parts
    if len(parts) < 2:
        return ""
    if parent is not None and parent.numbered.parts == parts[:-1]:
        return ""
    if parent is not None and not parent.numbered.parts and len(parts) == 2:
        return ""
    wanted = ".".join(map(str, parts[:-1]))
    return str(
        _("Chưa có dòng %(wanted)s đứng trước dòng %(number)s.", wanted=wanted, number=place.number)
    )


def _decide(place: _Place) -> list[RowError]:
    """Say what a row is: as written, else a group where rows stand under it."""
    if place.kind is RowKind.STEP:
        return []
    if place.said is not None:
        place.kind = place.said
        if place.said is RowKind.TASK and place.has_children:
            message = _("Dòng này ghi là nhiệm vụ nhưng có nhiệm vụ khác nằm trong: hãy ghi Nhóm.")
            return [RowError(place.row, "row_kind", message)]
        return []
    heads = place.numbered.rank in (_PART_RANK, _ROMAN_RANK)
    place.kind = RowKind.GROUP if heads or place.has_children else RowKind.TASK
    return []


# -- reading the rows ------------------------------------------------------------------------


@dataclass(frozen=True)
class ImportPlan:
    """A checked table: the new draft's head or the key of the draft that it goes into."""

    drafts: tuple[rows.RowDraft, ...]
    key: str = ""
    head: lifecycle.PlanInput | None = None


@dataclass
class _Reader:
    """Reads cells against what the instance knows; each name is looked up once."""

    days: tuple[date, ...]
    areas: Mapping[str, int]
    sets: Mapping[str, int]
    errors: list[RowError] = field(default_factory=list)
    known: dict[str, tuple[int | None, str]] = field(default_factory=dict)

    def fault(self, row: int, column: str, message: str) -> None:
        """Note what is wrong with a cell."""
        self.errors.append(RowError(row, column, str(message)))

    def kind(self, row: int, cells: Mapping[str, Any]) -> RowKind | None:
        """Return what a row says that it is."""
        text = cells.get("row_kind")
        if not text:
            return None
        found = ROW_NAMES.get(fold(text))
        if found is None:
            self.fault(row, "row_kind", _("Hãy ghi Nhóm, Nhiệm vụ hoặc Hoạt động."))
        return found

    def area(self, row: int, cells: Mapping[str, Any]) -> int | None:
        """Return the area that a row names by code or name."""
        text = cells.get("area")
        if not text:
            return None
        found = self.areas.get(fold(text))
        if found is None:
            self.fault(row, "area", _("Không có lĩnh vực “%(name)s”.", name=text[:60]))
        return found

    def unit(self, text: str) -> tuple[int | None, str]:
        """Return the unit of that name, or None with what is wrong."""
        folded = fold(text)
        if folded not in self.known:
            self.known[folded] = self._look_up(text)
        return self.known[folded]

    def _look_up(self, text: str) -> tuple[int | None, str]:
        session = db.session()
        found: dict[int, units.UnitMatch] = {}
        for day in self.days:
            for match in units.match(session, text, day):
                if match.id not in found or match.is_alive:
                    found[match.id] = match
        alive = [one for one in found.values() if one.is_alive]
        whole = [one for one in alive if one.is_whole]
        fitting = whole or alive
        if len(fitting) == 1:
            return fitting[0].id, ""
        if fitting:
            names = "; ".join(one.name for one in fitting[:MOST_CANDIDATES])
            return None, _("“%(name)s” có thể là: %(names)s.", name=text[:60], names=names)
        if any(one.is_whole for one in found.values()):
            return None, _("“%(name)s” không còn hoạt động trong năm kế hoạch.", name=text[:60])
        return None, _("Không có đơn vị “%(name)s”.", name=text[:60])

    def leads(self, row: int, cells: Mapping[str, Any]) -> tuple[tuple[int, ...], int | None, str]:
        """Return the lead units, the unit set, and the words where they say more than names."""
        text = cells.get("leads") or ""
        found: list[int] = []
        unit_set: int | None = None
        for name in _names(text):
            set_id = self.sets.get(fold(name))
            if set_id is not None:
                if unit_set not in (None, set_id):
                    self.fault(row, "leads", _("Mỗi dòng chỉ nêu được một nhóm đơn vị."))
                unit_set = set_id
                continue
            unit_id, problem = self.unit(name)
            if unit_id is None:
                self.fault(row, "leads", problem)
            else:
                found.append(unit_id)
        return tuple(dict.fromkeys(found)), unit_set, text

    def coordinators(self, cells: Mapping[str, Any]) -> tuple[tuple[int, ...], str]:
        """Return the coordinating units that are known, and the words as they stand."""
        text = cells.get("coordinators") or ""
        ids = [self.unit(name)[0] for name in _names(text)]
        return tuple(dict.fromkeys(one for one in ids if one is not None)), text

    def offset(self, row: int, cells: Mapping[str, Any]) -> tuple[int | None, bool]:
        """Return the days after a condition, and whether they are working days."""
        text = cells.get("offset") or ""
        if not text:
            return None, False
        try:
            return read_offset(text)
        except ValueError as error:
            self.fault(row, "offset", str(error))
            return None, False

    def deadline(self, row: int, cells: Mapping[str, Any]) -> Deadline:
        """Return the deadline: of the kind that is said, else of what its cells hold."""
        text = cells.get("deadline_text") or ""
        on, start, repeats = cells.get("deadline"), cells.get("start"), cells.get("recurrence")
        said = cells.get("deadline_kind")
        kind: DeadlineKind | None = None
        if said:
            kind = KIND_NAMES.get(fold(said))
            if kind is None:
                self.fault(row, "deadline_kind", _("Không có loại thời hạn này."))
        rule: RecurrenceRule | None = None
        if repeats:
            try:
                rule = read_recurrence(repeats)
            except ValueError as error:
                self.fault(row, "recurrence", str(error))
        offset, in_working_days = self.offset(row, cells)
        if kind is None:
            kind = _kind_of(on, start, repeats, offset)
        elif offset is not None and kind is not DeadlineKind.CONDITIONAL:
            self.fault(row, "offset", _("Chỉ ghi cột này cho việc chờ điều kiện."))
        deadline = Deadline(
            kind=kind,
            text=text,
            on=on,
            starts_on=start,
            rule=rule,
            trigger=text if kind is DeadlineKind.CONDITIONAL else "",
            offset=offset,
            in_working_days=in_working_days,
            read_by=READ_BY,
        ).tidy()
        columns = {
            "deadline_on": "deadline",
            "window_start": "start",
            "trigger_text": "deadline_text",
            "trigger_offset": "offset",
        }
        for name, message in deadline.problems().items():
            if name == "recurrence" and repeats:
                continue  # said already, in more words
            self.fault(row, columns.get(name, name), message)
        return deadline


def _kind_of(
    on: date | None, start: date | None, repeats: str | None, offset: int | None
) -> DeadlineKind:
    if repeats:
        return DeadlineKind.RECURRING
    if offset is not None and on is None and start is None:
        return DeadlineKind.CONDITIONAL
    if start is not None:
        return DeadlineKind.WINDOW
    return DeadlineKind.DATE if on is not None else DeadlineKind.ASK


def _names(text: str) -> list[str]:
    return [name for part in re.split(r"[;\n]", text) if (name := part.strip(" ,.-+"))]


def parse(given: Sequence[ImportRow], options: Mapping[str, str]) -> ParsedRows:
    """Check the rows of an annex; only reads. Faults name the row and the column."""
    head, key, year, problems = _target(options)
    reader = _Reader(
        days=_days_of(year),
        areas=_area_names(),
        sets={fold(name): key for key, name in unit_sets.choices(db.session())},
        errors=problems,
    )
    said = [(row, str(cells.get("number") or ""), reader.kind(row, cells)) for row, cells in given]
    places, faults = place_rows(said)
    reader.errors += faults
    drafts: list[rows.RowDraft] = []
    for (row, cells), (parent, kind) in zip(given, places, strict=True):
        above = drafts[parent].row.area_id if parent is not None else None
        row_input = _read_row(reader, row, cells, kind, above)
        drafts.append(rows.RowDraft(row_input, parent))
    task_count = sum(draft.row.kind is RowKind.TASK for draft in drafts)
    return ParsedRows(
        ImportPlan(tuple(drafts), key, head),
        reader.errors,
        {row: RowOutcome.NEW for row, _cells in given},
        _("%(tasks)s nhiệm vụ trong %(rows)s dòng.", tasks=task_count, rows=len(drafts)),
    )


def _read_row(
    reader: _Reader, row: int, cells: Mapping[str, Any], kind: RowKind, above: int | None
) -> rows.RowInput:
    is_task = kind is RowKind.TASK
    lead_ids, unit_set, lead_text = reader.leads(row, cells) if is_task else ((), None, "")
    coordinator_ids, coordinator_text = reader.coordinators(cells) if is_task else ((), "")
    return rows.RowInput(
        title=cells.get("title") or "",
        kind=kind,
        number=str(cells.get("number") or ""),
        area_id=reader.area(row, cells) or above,
        product=cells.get("product") or "",
        lead_text=lead_text,
        lead_unit_ids=lead_ids,
        unit_set_id=unit_set,
        coordinator_text=coordinator_text,
        coordinator_ids=coordinator_ids,
        budget_text=cells.get("budget") or "",
        note=cells.get("note") or "",
        deadline=reader.deadline(row, cells) if is_task else Deadline(),
    )


def _area_names() -> dict[str, int]:
    """Return areas by folded code and names; of several with one name the newest counts."""
    found: dict[str, int] = {}
    query = select(ReformArea).order_by(ReformArea.valid_from, ReformArea.id)
    for area in db.session.scalars(query):
        for name in (area.code, area.name, area.short_name, area.name_en, area.short_name_en):
            if name:
                found[fold(name)] = area.id
    return found


def _days_of(year: int) -> tuple[date, ...]:
    """Return the days on which a named unit may have been alive: units end within a year."""
    today = current().clock.today()
    return (today,) if year >= today.year else (date(year, 1, 1), date(year, 12, 31))


def _target(
    options: Mapping[str, str],
) -> tuple[lifecycle.PlanInput | None, str, int, list[RowError]]:
    """Return the head of a new draft or the key of an old one, its year, and what is wrong."""
    today = current().clock.today()
    key = options.get("plan", "")
    if key:
        plan = db.session.scalars(select(Plan).where(Plan.key == key)).first()
        if plan is None or plan.state is not PlanState.DRAFT:
            return None, key, today.year, [RowError(0, "", _("Không có dự thảo này."))]
        return None, key, plan.year_from, []
    errors: list[RowError] = []
    title, year_text = options.get("title", ""), options.get("year", "")
    year = today.year
    if not title:
        errors.append(RowError(0, "", _("Hãy ghi tên kế hoạch mới, hoặc chọn một dự thảo.")))
    if year_text.isascii() and year_text.isdigit() and len(year_text) == 4:
        year = int(year_text)
    elif year_text:
        errors.append(RowError(0, "", _("Hãy ghi năm bằng bốn chữ số.")))
    issuer = options.get("issuer", "")
    if not (issuer.isascii() and issuer.isdigit()):
        errors.append(RowError(0, "", _("Hãy chọn cơ quan ban hành.")))
        return None, "", year, errors
    head = lifecycle.PlanInput(title=title, issuer_id=int(issuer), year_from=year, year_to=year)
    return head, "", year, errors


def import_plan(work: Work, data: ImportPlan) -> str:
    """Write the rows into a new draft or an old one; return its key.

    Raises ValidationFailed, NotFound, PermissionDenied.
    """
    if data.head is not None:
        plan_id = lifecycle.create_plan(work, lifecycle.CreatePlan(data.head))
        plan = work.get(Plan, plan_id)
    else:
        found = work.session.scalars(select(Plan.id).where(Plan.key == data.key)).first()
        if found is None:
            raise NotFound
        plan = work.get(Plan, found)
        work.require(MANAGE, plan)
    if plan.state is not PlanState.DRAFT:
        raise ValidationFailed({"": _("Chỉ nhập được vào dự thảo.")})
    rows.insert_rows(work, plan, data.drafts)
    return plan.key


def done_url(key: str) -> str:
    """Return the page of the plan that was filled."""
    return url_for("plans.show_plan", key=key)


def _draft_choices() -> list[tuple[str, str]]:
    mine = rights.visible(current().actor.access, MANAGE, Plan)
    drafts = db.session.execute(
        select(Plan.key, Plan.title)
        .where(Plan.state == PlanState.DRAFT, mine)
        .order_by(Plan.sort_key)
    )
    return [("", _("Kế hoạch mới")), *((row.key, row.title) for row in drafts)]


def _issuer_choices() -> list[tuple[str, str]]:
    return [("", _("Chọn…")), *((str(key), name) for key, name in units.choices(MANAGE))]


SPEC: Final = ImportSpec(
    key="plan",
    label=_l("Kế hoạch và nhiệm vụ"),
    columns=COLUMNS,
    permission=MANAGE,
    parse=parse,
    apply=import_plan,
    done_url=done_url,
    icon="plan",
    hint=_l("Mỗi dòng của phụ lục là một dòng của tệp; kết quả là một dự thảo để xem lại."),
    options=(
        ImportOption(
            name="plan",
            label=_l("Nhập vào"),
            hint=_l("Dự thảo đã có, hoặc một kế hoạch mới."),
            choices=_draft_choices,
        ),
        ImportOption(name="title", label=_l("Tên kế hoạch mới")),
        ImportOption(name="year", label=_l("Năm"), hint=_l("Để trống là năm nay.")),
        ImportOption(name="issuer", label=_l("Cơ quan ban hành"), choices=_issuer_choices),
    ),
    weight=10,
)

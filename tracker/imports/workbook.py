"""Reading a spreadsheet: safe to open, headings found wherever they stand, cells by kind.

An .xlsx is an archive of XML: OWASP ASVS 5.0, 1.5.1 (no external entities) and 5.2.3 (unpacked
size and count) apply before a single cell is looked at.
"""

from __future__ import annotations

import io
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _

from tracker.core import numbers
from tracker.core.errors import ValidationFailed
from tracker.core.text import fold, normalise
from tracker.files.inspect_content import Hostile, check_archive
from tracker.plugins.descriptors import CellKind, ImportColumn, ImportRow, RowError
from tracker.web.i18n import locale_code

LARGEST_FILE = 20 * 1024 * 1024
LARGEST_UNPACKED = 150 * 1024 * 1024
MOST_ROWS = 20_000
MOST_COLUMNS = 100
MOST_SHEETS = 20
HEADING_ROWS = 20
# Sheets often carry formats down to their last row: so many blank rows in succession are the end.
BLANK_ROWS_AT_END = 1000
MOST_MERGED = 50_000
FIRST_YEAR, LAST_YEAR = 1900, 2200
LARGEST_WHOLE = 2**31 - 1

FIELD = "file"
EXCEL_ERRORS = frozenset(
    {"#REF!", "#N/A", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#GETTING_DATA", "#SPILL!"}
)
# What openpyxl and what it rests on raise on broken files.
BROKEN_WORKBOOK = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    SyntaxError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    EOFError,
    OSError,
    NotImplementedError,
)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class SheetRows:
    """What was read: rows by column key, what was unreadable, and the text of unreadable cells."""

    rows: list[ImportRow]
    errors: list[RowError]
    # Column keys that the file has, in its order.
    columns: tuple[str, ...] = ()
    unknown_headings: tuple[str, ...] = ()
    # (row, column key) -> what stood in a cell that could not be read.
    unreadable: Mapping[tuple[int, str], str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Headings:
    """The heading row of a sheet: where it is, and which column holds what."""

    sheet: int
    row: int
    positions: Mapping[int, ImportColumn]
    unknown: tuple[str, ...]
    twice: tuple[str, ...]
    missing: tuple[str, ...]


def refuse(message: str) -> ValidationFailed:
    """Return the error that speaks of the file as a whole."""
    return ValidationFailed({FIELD: message})


def heading_of(column: ImportColumn) -> str:
    """Return a column's heading in the person's language."""
    return column.heading_en if locale_code() == "en" else column.heading_vi


def read_workbook(
    content: bytes, columns: Sequence[ImportColumn], progress: Progress | None = None
) -> SheetRows:
    """Return the rows of the sheet that has the wanted headings.

    `progress(done, of about)` is told now and then. Raises ValidationFailed when the file cannot
    be opened safely, has no such headings, or holds more than MOST_ROWS rows.
    """
    # Loaded with the first file: it takes a quarter of the time in which the whole app loads.
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    archive = _open_archive(content)
    try:
        with archive, warnings.catch_warnings():
            # openpyxl warns of what it leaves out (styles, drop-downs); none of that is read here.
            warnings.simplefilter("ignore", UserWarning)
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
            try:
                sheets = [one for one in book.worksheets if one.sheet_state == "visible"]
                headings = _find_headings(sheets[:MOST_SHEETS], columns)
                sheet = sheets[headings.sheet]
                expected = sheet.max_row or 0
                merged = _merged_downwards(archive, sheet)
                return _read_rows(_rows_of(sheet), headings, merged, expected, progress)
            finally:
                book.close()
    except ValidationFailed:
        raise
    except (*BROKEN_WORKBOOK, InvalidFileException) as error:
        raise refuse(_("Không đọc được tệp Excel này: tệp bị hỏng. Hãy mở và lưu lại.")) from error


_ROW = re.compile(rb"<(?:\w+:)?row[\s/>]")


def count_rows(content: bytes) -> int:
    """Return how many rows the longest sheet of a workbook has, blank ones that it writes down too.

    Raises ValidationFailed when the file cannot be opened safely.
    """
    try:
        with _open_archive(content) as archive:
            sheets = [
                name for name in archive.namelist() if name.lower().startswith("xl/worksheets/")
            ]
            return max((len(_ROW.findall(archive.read(name))) for name in sheets), default=0)
    except BROKEN_WORKBOOK as error:
        raise refuse(_("Không đọc được tệp Excel này: tệp bị hỏng. Hãy mở và lưu lại.")) from error


def _open_archive(content: bytes) -> zipfile.ZipFile:
    """Return the archive if it is harmless. Raises ValidationFailed."""
    if len(content) > LARGEST_FILE:
        largest = LARGEST_FILE // 1024 // 1024
        raise refuse(
            _("Tệp nhập lớn hơn %(largest)d MB. Hãy chia thành nhiều tệp.", largest=largest)
        )
    if not content.startswith(b"PK\x03\x04"):
        raise refuse(
            _("Đây không phải tệp Excel .xlsx. Hãy mở bằng Excel rồi lưu lại thành .xlsx.")
        )
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        check_archive(archive, len(content))
        if sum(member.file_size for member in archive.infolist()) > LARGEST_UNPACKED:
            raise Hostile(_("Tệp giải nén ra quá lớn."))
        if "[Content_Types].xml" not in archive.namelist():
            raise refuse(
                _("Đây không phải tệp Excel .xlsx. Hãy mở bằng Excel rồi lưu lại thành .xlsx.")
            )
        for member in archive.infolist():
            if member.filename.lower().endswith((".xml", ".rels", ".vml")):
                _refuse_document_type(archive.read(member))
    except Hostile as error:
        raise refuse(str(error)) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error) as error:
        raise refuse(_("Không đọc được tệp Excel này: tệp bị hỏng. Hãy mở và lưu lại.")) from error
    return archive


def _refuse_document_type(xml: bytes) -> None:
    """Raise Hostile for XML that declares types or entities: office files never do.

    Text in cells can't hold the mark, because '<' is escaped there. Zero bytes mean UTF-16, which
    office files don't use and which would hide the mark.
    """
    if b"<!DOCTYPE" in xml or b"<!ENTITY" in xml or b"\x00" in xml:
        raise Hostile(_("Tệp Excel chứa nội dung XML không được phép."))


def _rows_of(sheet: Any) -> Iterator[tuple[Any, ...]]:
    # The size that a file claims is not to be believed; without it rows come as they are.
    sheet.reset_dimensions()
    rows: Iterator[tuple[Any, ...]] = sheet.iter_rows(max_col=MOST_COLUMNS, values_only=True)
    return rows


def _spellings(columns: Sequence[ImportColumn]) -> dict[str, ImportColumn]:
    return {
        fold(spelling): column
        for column in columns
        for spelling in (column.heading_vi, column.heading_en, *column.aliases)
    }


def _heading_text(value: object) -> str:
    return " ".join(normalise(value).split()) if isinstance(value, str) else ""


def _find_headings(sheets: Sequence[Any], columns: Sequence[ImportColumn]) -> _Headings:
    """Return the row with the most known headings. Raises ValidationFailed."""
    spellings = _spellings(columns)
    best: _Headings | None = None
    for number, sheet in enumerate(sheets):
        for row_number, row in zip(range(1, HEADING_ROWS + 1), _rows_of(sheet), strict=False):
            found = _match_headings(number, row_number, row, spellings, columns)
            if found.positions and (best is None or len(found.positions) > len(best.positions)):
                best = found
    if best is None:
        wanted = ", ".join(heading_of(column) for column in columns if column.required)
        raise refuse(
            _(
                "Không tìm thấy dòng tiêu đề trong %(rows)d dòng đầu. Cần có các cột: %(wanted)s.",
                rows=HEADING_ROWS,
                wanted=wanted or ", ".join(map(heading_of, columns)),
            )
        )
    if best.missing:
        raise refuse(
            _(
                "Dòng tiêu đề (dòng %(row)d) thiếu cột bắt buộc: %(missing)s.",
                row=best.row,
                missing=", ".join(best.missing),
            )
        )
    if best.twice:
        raise refuse(
            _("Có hai cột cùng mang tiêu đề: %(names)s. Hãy bỏ bớt.", names=", ".join(best.twice))
        )
    return best


def _match_headings(
    sheet: int,
    row_number: int,
    row: Sequence[object],
    spellings: Mapping[str, ImportColumn],
    columns: Sequence[ImportColumn],
) -> _Headings:
    positions: dict[int, ImportColumn] = {}
    known: set[str] = set()
    unknown, twice = [], []
    for position, value in enumerate(row):
        text = _heading_text(value)
        if not text:
            continue
        # 'Hạn (dd/mm/yyyy) *' is 'Hạn' as well.
        column = spellings.get(fold(text)) or spellings.get(fold(text.partition("(")[0]))
        if column is None:
            unknown.append(text[:100])
        elif column.key in known:
            twice.append(text)
        else:
            positions[position] = column
            known.add(column.key)
    missing = [heading_of(one) for one in columns if one.required and one.key not in known]
    return _Headings(sheet, row_number, positions, tuple(unknown), tuple(twice), tuple(missing))


_MERGED = re.compile(
    rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]{1,3}[0-9]{1,7}:[A-Z]{1,3}[0-9]{1,7})"'
)


def _merged_downwards(archive: zipfile.ZipFile, sheet: Any) -> dict[tuple[int, int], int]:
    """Return, for each cell below the first of a merged block, (row, column from 0) -> first row.

    Only the block's first column counts: a block across columns is a band or a long text. Merged
    blocks stand after the rows in the file, so the reader of rows doesn't know them.
    """
    from openpyxl.utils.cell import range_boundaries

    found: dict[tuple[int, int], int] = {}
    with archive.open(sheet._worksheet_path) as stream:
        xml = stream.read()
    for match in _MERGED.finditer(xml):
        left, top, _right, bottom = range_boundaries(match[1].decode("ascii"))
        for row in range(top + 1, min(bottom, MOST_ROWS + HEADING_ROWS) + 1):  # type: ignore[operator, type-var]
            found[row, left - 1] = top  # type: ignore[operator, assignment]
        if len(found) > MOST_MERGED:
            raise refuse(_("Tệp có quá nhiều ô gộp. Hãy bỏ gộp ô rồi gửi lại."))
    return found


def _read_rows(
    rows: Iterator[tuple[Any, ...]],
    headings: _Headings,
    merged: Mapping[tuple[int, int], int],
    expected: int,
    progress: Progress | None,
) -> SheetRows:
    result: list[ImportRow] = []
    errors: list[RowError] = []
    unreadable: dict[tuple[int, str], str] = {}
    origins: dict[tuple[int, int], Any] = {}
    wanted_origins = {(top, column) for (_row, column), top in merged.items()}
    blank = 0
    for number, row in enumerate(rows, 1):
        if number <= headings.row:
            continue
        raw = {place: row[place] if place < len(row) else None for place in headings.positions}
        for place, value in raw.items():
            if (number, place) in wanted_origins:
                origins[number, place] = value
        if all(_is_blank(value) for value in raw.values()):
            blank += 1
            if blank >= BLANK_ROWS_AT_END:
                break
            continue
        blank = 0
        if len(result) >= MOST_ROWS:
            most = numbers.format_number(MOST_ROWS, locale_code())
            raise refuse(_("Tệp có hơn %(most)s dòng. Hãy chia thành nhiều tệp.", most=most))
        for place, value in raw.items():
            if _is_blank(value) and (number, place) in merged:
                raw[place] = origins.get((merged[number, place], place))
        values: dict[str, Any] = {}
        for place, column in headings.positions.items():
            try:
                values[column.key] = read_cell(raw[place], column)
            except UnreadableCell as error:
                values[column.key] = None
                errors.append(RowError(number, column.key, str(error)))
                unreadable[number, column.key] = show_raw(raw[place])
        result.append((number, values))
        if progress is not None and len(result) % 200 == 0:
            progress(number, expected)
    return SheetRows(
        rows=result,
        errors=errors,
        columns=tuple(headings.positions[place].key for place in sorted(headings.positions)),
        unknown_headings=headings.unknown,
        unreadable=unreadable,
    )


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not normalise(value))


class UnreadableCell(ValueError):
    """A cell does not hold what its column is for; the message says it to the person."""


def show_raw(value: object) -> str:
    """Return what stands in a cell as short text, to show it beside its error."""
    return normalise(str(value))[:200]


def read_cell(value: object, column: ImportColumn) -> Any:
    """Return a cell's value as the column's kind, None for an empty one. Raises UnreadableCell."""
    if _is_blank(value):
        return None
    if isinstance(value, str) and value.strip() in EXCEL_ERRORS:
        raise UnreadableCell(_("Ô này là lỗi của Excel (%(error)s).", error=value.strip()))
    if column.kind is CellKind.WHOLE:
        return _whole(value)
    if column.kind is CellKind.DECIMAL:
        return _decimal(value)
    if column.kind is CellKind.DATE:
        return _day(value)
    text = _text(value)
    if len(text) > column.longest:
        raise UnreadableCell(_("Dài quá %(most)d ký tự.", most=column.longest))
    return text


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "x" if value else ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        midnight = value.time() == time()
        return value.strftime("%d/%m/%Y" if midnight else "%d/%m/%Y %H:%M")
    if isinstance(value, date):
        return value.strftime("%d/%m/%Y")
    return normalise(str(value))


def _not_number(value: object) -> UnreadableCell:
    return UnreadableCell(
        _("“%(value)s” chưa phải số. Hãy gõ như 1.234,5.", value=show_raw(value)[:60])
    )


def _not_date(value: object) -> UnreadableCell:
    return UnreadableCell(
        _("“%(value)s” chưa phải ngày. Hãy gõ như 15/12/2026.", value=show_raw(value)[:60])
    )


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool | date | time | timedelta):
        raise _not_number(value)
    if isinstance(value, int | float):
        number = Decimal(str(value))
        if not number.is_finite():
            raise _not_number(value)
        return number
    try:
        return numbers.parse_number(str(value), locale_code())
    except ValueError as error:
        raise _not_number(value) from error


def _whole(value: object) -> int:
    number = _decimal(value)
    if number != number.to_integral_value():
        raise UnreadableCell(_("“%(value)s” phải là số nguyên.", value=show_raw(value)[:60]))
    if abs(number) > LARGEST_WHOLE:
        raise UnreadableCell(_("“%(value)s” là số quá lớn.", value=show_raw(value)[:60]))
    return int(number)


def _day(value: object) -> date:
    if isinstance(value, datetime):
        value = value.date()
    if isinstance(value, date):
        if not FIRST_YEAR <= value.year <= LAST_YEAR:
            raise _not_date(value)
        return value
    if not isinstance(value, str):
        raise _not_date(value)
    try:
        return numbers.parse_date(value)
    except ValueError as error:
        raise _not_date(value) from error

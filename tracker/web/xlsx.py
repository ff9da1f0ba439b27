"""Spreadsheets out: numbers stay numbers, dates dates, and no text can act as a formula."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Final
from urllib.parse import quote

from flask import Response
from flask_babel import gettext as _

from tracker.core.clock import LOCAL
from tracker.core.errors import ValidationFailed
from tracker.core.numbers import format_date, format_moment
from tracker.core.text import fold

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# What a cell and a sheet may hold, by the format's own limits.
LONGEST_TEXT: Final = 32_767
MOST_LINES: Final = 1_048_576
# Days are numbers from here; the format has a 29th of February 1900, so that programs differ on
# the days before it.
DAY_ZERO: Final = date(1899, 12, 30)
FIRST_SURE_DAY: Final = date(1900, 3, 1)


@dataclass(frozen=True)
class Column:
    """A column of an export: heading, width in characters, and how its values look."""

    heading: str
    width: int = 16
    # 'text', 'whole', 'decimal', 'percent' (a fraction of 1), 'date', 'moment'
    kind: str = "text"


FORMATS: dict[str, dict[str, object]] = {
    "text": {"text_wrap": True, "valign": "top"},
    "whole": {"num_format": "#,##0", "valign": "top"},
    "decimal": {"num_format": "#,##0.00", "valign": "top"},
    "percent": {"num_format": "0.00%", "valign": "top"},
    "date": {"num_format": "dd/mm/yyyy", "align": "center", "valign": "top"},
    "moment": {"num_format": "hh:mm dd/mm/yyyy", "align": "center", "valign": "top"},
}


@dataclass(frozen=True)
class Sheet:
    """A sheet: its name, an optional title above the table, columns and rows of plain values."""

    name: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[object]]
    title: str = ""
    note: str = ""


def _sheet_name(name: str) -> str:
    """Return a name as the format allows it: without some signs, no apostrophe at its ends."""
    kept = "".join(" " if character in "[]:*?/\\" else character for character in name)
    return " ".join(kept.split())[:31].strip("' ") or "1"


def _text(value: str) -> str:
    """Return a text as a cell can hold it: cut, and never taken for the markup of rich text."""
    if len(value) > LONGEST_TEXT // 2:
        # The limit counts letters outside the first plane twice.
        value = value.encode("utf-16-le")[: LONGEST_TEXT * 2].decode("utf-16-le", "ignore")
    return f"{value} " if value[:3] == "<r>" and value[-4:] == "</r>" else value


def _day_number(value: date) -> int | None:
    """Return the number by which spreadsheets know a day, None where programs differ on it."""
    return (value - DAY_ZERO).days if value >= FIRST_SURE_DAY else None


def _number(value: object) -> str:
    """Return the number that a cell holds for a value; '' for what is written as text."""
    number: float | Decimal | None = None
    if isinstance(value, datetime):
        local = value.astimezone(LOCAL)
        day = _day_number(local.date())
        since = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second)
        number = None if day is None else day + since / timedelta(days=1)
    elif isinstance(value, date):
        day = _day_number(value)
        return "" if day is None else str(day)
    elif isinstance(value, bool):
        return ""
    elif isinstance(value, int | float | Decimal):
        number = value if math.isfinite(value) else None
    return "" if number is None else f"{number:.16G}"


def _as_text(value: object) -> str:
    if value is True:
        return "x"
    if isinstance(value, datetime):
        return format_moment(value)
    return format_date(value) if isinstance(value, date) else str(value)


@cache
def _table_class() -> type[Any]:
    """Return the worksheet that writes a table's rows as they come, loaded by the first export.

    XlsxWriter keeps an object for each cell and asks it all it could be when it writes: four fifths
    of the time of a large export (docs/decisions/speed.md). Here a cell is a number or the number
    of a shared text, whose escaping stays the library's.
    """
    from xlsxwriter.utility import xl_col_to_name
    from xlsxwriter.worksheet import Worksheet

    class Table(Worksheet):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.lines: list[str] = []

        def add_rows(self, top: int, looks: Sequence[Any], rows: Iterable[Sequence[object]]) -> int:
            """Take the rows below line `top`, counted from 1; return the last line's number."""
            index_of = self.str_table._get_shared_string_index
            heads = [
                (f'<c r="{xl_col_to_name(number)}', f'" s="{look._get_xf_index()}"')
                for number, look in enumerate(looks)
            ]
            line = top
            for line, row in enumerate(rows, top + 1):
                if line > MOST_LINES:
                    raise ValidationFailed(
                        {"": _("Danh sách dài hơn một trang tính chứa được. Hãy lọc bớt.")}
                    )
                if len(row) > len(heads):
                    raise ValueError("a row is longer than the headings of its sheet")
                cells = [f'<row r="{line}">']
                for (begin, style), value in zip(heads, row, strict=False):
                    if value is None or value is False or value == "":
                        cells.append(f"{begin}{line}{style}/>")
                    elif isinstance(value, str):
                        cells.append(
                            f'{begin}{line}{style} t="s"><v>{index_of(_text(value))}</v></c>'
                        )
                    elif number := _number(value):
                        cells.append(f"{begin}{line}{style}><v>{number}</v></c>")
                    else:
                        text = _text(_as_text(value))
                        cells.append(f'{begin}{line}{style} t="s"><v>{index_of(text)}</v></c>')
                cells.append("</row>")
                self.lines.append("".join(cells))
            if heads:
                self._check_dimensions(line - 1, len(heads) - 1)
            return line

        def _write_rows(self) -> None:
            # The lines above the table are the library's own.
            super()._write_rows()
            self.fh.writelines(self.lines)

    return Table


def write_workbook(sheets: Sequence[Sheet]) -> bytes:
    """Return a workbook. Text is written as text whatever it begins with (CVE-2024-53555)."""
    # Loaded by the first export of a process, not at each start.
    import xlsxwriter

    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, {"in_memory": True})
    head = book.add_format(
        {"bold": True, "text_wrap": True, "valign": "vcenter", "align": "center",
         "bg_color": "#E6EEEE", "border": 1, "border_color": "#B8C4C4"}
    )  # fmt: skip
    title = book.add_format({"bold": True, "font_size": 14})
    formats = {kind: book.add_format({**look, "border": 1, "border_color": "#D5DBDB"})
               for kind, look in FORMATS.items()}  # fmt: skip
    for sheet in sheets:
        page = book.add_worksheet(_sheet_name(sheet.name), _table_class())
        top = 0
        for text, look in ((sheet.title, title), (sheet.note, None)):
            if text:
                page.write_string(top, 0, _text(text), look)
                top += 1
        for number, column in enumerate(sheet.columns):
            page.write_string(top, number, _text(column.heading), head)
            page.set_column(number, number, column.width)
        last = page.add_rows(
            top + 1, [formats[column.kind] for column in sheet.columns], sheet.rows
        )
        page.freeze_panes(top + 1, 0)
        if sheet.columns:
            page.autofilter(top, 0, last - 1, len(sheet.columns) - 1)
        page.set_landscape()
        page.set_paper(9)
        page.fit_to_pages(1, 0)
        page.repeat_rows(top)
    book.close()
    return target.getvalue()


def download(content: bytes, filename: str, media_type: str = MEDIA_TYPE) -> Response:
    """Return a file to be saved; the name survives in old browsers without its accents."""
    response = Response(content, content_type=media_type)
    plain = "".join(
        # A header holds no letters of other scripts.
        c if c.isascii() and (c.isalnum() or c in "-_.") else "-"
        for c in fold(filename)
    )
    response.headers["Content-Disposition"] = (
        f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename)}"
    )
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response

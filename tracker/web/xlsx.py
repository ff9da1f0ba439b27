"""Spreadsheets out: numbers stay numbers, dates dates, and no text can act as a formula."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from urllib.parse import quote

from flask import Response

from tracker.core.clock import LOCAL
from tracker.core.text import fold

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# The most a cell may hold, by the format's own limit.
LONGEST_TEXT = 32_767


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
    return "".join(" " if character in "[]:*?/\\" else character for character in name)[:31]


def write_workbook(sheets: Sequence[Sheet]) -> bytes:
    """Return a workbook. Text is written as text whatever it begins with (CVE-2024-53555)."""
    # Loaded by the first export of a process, not at each start.
    import xlsxwriter

    target = io.BytesIO()
    book = xlsxwriter.Workbook(
        target,
        {
            "in_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "default_date_format": "dd/mm/yyyy",
        },
    )
    head = book.add_format(
        {"bold": True, "text_wrap": True, "valign": "vcenter", "align": "center",
         "bg_color": "#E6EEEE", "border": 1, "border_color": "#B8C4C4"}
    )  # fmt: skip
    title = book.add_format({"bold": True, "font_size": 14})
    formats = {kind: book.add_format({**look, "border": 1, "border_color": "#D5DBDB"})
               for kind, look in FORMATS.items()}  # fmt: skip
    for sheet in sheets:
        page = book.add_worksheet(_sheet_name(sheet.name))
        top = 0
        for text, look in ((sheet.title, title), (sheet.note, None)):
            if text:
                page.write_string(top, 0, text, look)
                top += 1
        for number, column in enumerate(sheet.columns):
            page.write_string(top, number, column.heading, head)
            page.set_column(number, number, column.width)
        line = top
        looks = [formats[column.kind] for column in sheet.columns]
        for line, row in enumerate(sheet.rows, top + 1):
            for number, value in enumerate(row):
                look = looks[number]
                if value is None or value == "":
                    page.write_blank(line, number, None, look)
                elif isinstance(value, str):
                    page.write_string(line, number, value[:LONGEST_TEXT], look)
                elif isinstance(value, bool):
                    page.write_string(line, number, "x" if value else "", look)
                elif isinstance(value, int | float | Decimal):
                    page.write_number(line, number, float(value), look)
                elif isinstance(value, datetime):
                    local = value.astimezone(LOCAL).replace(tzinfo=None)
                    page.write_datetime(line, number, local, look)
                elif isinstance(value, date):
                    page.write_datetime(line, number, value, look)
                else:
                    page.write_string(line, number, str(value)[:LONGEST_TEXT], look)
        page.freeze_panes(top + 1, 0)
        if sheet.columns:
            page.autofilter(top, 0, max(line, top), len(sheet.columns) - 1)
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

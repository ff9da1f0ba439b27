"""The spreadsheet to fill in: headings in the person's language, lists to choose from, a guide."""

from __future__ import annotations

import io
from typing import Any

from flask_babel import gettext as _

from tracker.core import numbers
from tracker.imports.workbook import MOST_ROWS, heading_of
from tracker.plugins.descriptors import CellKind, ImportColumn, ImportSpec
from tracker.web.i18n import locale_code

# Rows that get formats and drop-down lists; more may be filled in.
PREPARED_ROWS = 2000
NOTE_ROW, EXAMPLE_ROW, HEADING_ROW, FIRST_ROW = 0, 1, 2, 3
LONGEST_PROMPT = 255
LONGEST_PROMPT_TITLE = 32

NUMBER_FORMATS = {
    CellKind.TEXT: "@",
    CellKind.WHOLE: "0",
    CellKind.DECIMAL: "General",
    CellKind.DATE: "dd/mm/yyyy",
}


def write_template(spec: ImportSpec) -> bytes:
    """Return the template of an import as .xlsx.

    The example stands above the headings, where the reader of rows never looks: it cannot be
    imported by mistake.
    """
    # Not every process writes spreadsheets, and it is a large library.
    import xlsxwriter

    target = io.BytesIO()
    book = xlsxwriter.Workbook(
        target, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    looks = {
        "head": book.add_format(
            {
                "bold": True,
                "text_wrap": True,
                "valign": "vcenter",
                "align": "center",
                "bg_color": "#E6EEEE",
                "border": 1,
                "border_color": "#B8C4C4",
            }
        ),
        "example": book.add_format({"italic": True, "font_color": "#5B6B6B", "text_wrap": True}),
        "note": book.add_format({"font_color": "#5B6B6B"}),
        "wrap": book.add_format({"text_wrap": True, "valign": "top"}),
        "bold": book.add_format({"bold": True, "font_size": 14}),
    }
    page = book.add_worksheet(_("Dữ liệu"))
    guide = book.add_worksheet(_("Hướng dẫn"))
    lists = book.add_worksheet(_("Danh mục"))
    lists.hide()
    page.write_string(
        NOTE_ROW,
        0,
        _("Dòng 2 là ví dụ. Nhập từ dòng 4. Cột có dấu * là bắt buộc. Xem thêm trang “Hướng dẫn”."),
        looks["note"],
    )
    for position, column in enumerate(spec.columns):
        cells = book.add_format({"num_format": NUMBER_FORMATS[column.kind], "valign": "top"})
        page.set_column(position, position, column.width, cells)
        page.write_string(EXAMPLE_ROW, position, column.example, looks["example"])
        mark = " *" if column.required else ""
        page.write_string(HEADING_ROW, position, heading_of(column) + mark, looks["head"])
        _write_rule(page, lists, position, column)
    page.set_row(HEADING_ROW, 32)
    page.freeze_panes(FIRST_ROW, 0)
    _write_guide(guide, spec, looks)
    book.close()
    return target.getvalue()


def _write_rule(page: Any, lists: Any, position: int, column: ImportColumn) -> None:
    """Add the drop-down list and the hint that shows beside a chosen cell."""
    rule: dict[str, Any] = {"validate": "any"}
    choices = list(column.choices()) if column.choices else []
    if choices:
        from xlsxwriter.utility import xl_col_to_name

        for row, choice in enumerate(choices):
            lists.write_string(row, position, str(choice))
        last = _("Danh mục").replace("'", "''")
        letter = xl_col_to_name(position)
        rule = {
            "validate": "list",
            "source": f"='{last}'!${letter}$1:${letter}${len(choices)}",
            # Other values stay possible: names are also found by their old or short forms.
            "show_error": False,
        }
    hint = str(column.hint)
    if hint:
        rule["input_title"] = heading_of(column)[:LONGEST_PROMPT_TITLE]
        rule["input_message"] = hint[:LONGEST_PROMPT]
    if choices or hint:
        page.data_validation(FIRST_ROW, position, FIRST_ROW + PREPARED_ROWS, position, rule)


def _write_guide(guide: Any, spec: ImportSpec, looks: dict[str, Any]) -> None:
    widths = (28, 12, 60, 36)
    for position, width in enumerate(widths):
        guide.set_column(position, position, width)
    guide.write_string(0, 0, str(spec.label), looks["bold"])
    headings = (_("Cột"), _("Bắt buộc"), _("Cách điền"), _("Ví dụ"))
    for position, heading in enumerate(headings):
        guide.write_string(2, position, heading, looks["head"])
    row = 2
    for row, column in enumerate(spec.columns, 3):
        values = (
            heading_of(column),
            _("Có") if column.required else _("Không"),
            str(column.hint) or _kind_hint(column.kind),
            column.example,
        )
        for position, value in enumerate(values):
            guide.write_string(row, position, value, looks["wrap"])
    notes = (
        _("Tiêu đề bằng tiếng Việt hoặc tiếng Anh đều được, không cần dấu; thứ tự cột tùy ý."),
        _("Dòng trống được bỏ qua. Ô gộp theo chiều dọc được hiểu là mọi dòng có cùng giá trị."),
        _("Mỗi tệp tối đa %(most)s dòng.", most=numbers.format_number(MOST_ROWS, locale_code())),
        _("Trước khi ghi, hệ thống cho xem thử: chỉ cần một dòng sai là chưa dòng nào được ghi."),
    )
    for number, note in enumerate(notes, row + 2):
        guide.write_string(number, 0, f"{number - row - 1}. {note}")


def _kind_hint(kind: CellKind) -> str:
    hints = {
        CellKind.TEXT: _("Chữ."),
        CellKind.WHOLE: _("Số nguyên."),
        CellKind.DECIMAL: _("Số, có thể có phần lẻ."),
        CellKind.DATE: _("Ngày, như 15/12/2026."),
    }
    return str(hints[kind])

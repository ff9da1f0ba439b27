"""Reading spreadsheets: what people send, and what is made to hurt."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

import openpyxl
import openpyxl.xml.functions
import pytest
from flask import Flask
from flask_babel import Babel, force_locale

from tests.support import contents
from tracker.core.errors import ValidationFailed
from tracker.imports import workbook
from tracker.imports.workbook import SheetRows, read_workbook
from tracker.plugins.descriptors import CellKind, ImportColumn

NAME = ImportColumn(
    key="name", heading_vi="Tên đơn vị", heading_en="Unit name", required=True, longest=40
)
COUNT = ImportColumn(
    key="count",
    heading_vi="Số người",
    heading_en="Headcount",
    kind=CellKind.WHOLE,
    aliases=("Biên chế",),
)
SHARE = ImportColumn(key="share", heading_vi="Tỷ lệ", heading_en="Share", kind=CellKind.DECIMAL)
DUE = ImportColumn(key="due", heading_vi="Hạn", heading_en="Due date", kind=CellKind.DATE)
COLUMNS = (NAME, COUNT, SHARE, DUE)


@pytest.fixture(autouse=True)
def texts() -> Iterator[None]:
    app = Flask(__name__)
    Babel(app, default_locale="vi")
    with app.app_context():
        yield


def read(*rows: Sequence[object]) -> SheetRows:
    return read_workbook(contents.sheet(*rows), COLUMNS)


def refusal(content: bytes) -> str:
    with pytest.raises(ValidationFailed) as caught:
        read_workbook(content, COLUMNS)
    (error,) = caught.value.errors
    assert error.field == "file"
    return error.message


# -- headings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headings",
    [
        ("Tên đơn vị", "Số người", "Hạn"),
        ("TÊN  ĐƠN\nVỊ *", "so nguoi", "Hạn (dd/mm/yyyy)"),
        ("Unit name", "HEADCOUNT", "due date"),
        ("ten don vi", "Biên chế", "Han:"),
    ],
)
def test_headings_are_found_in_either_language_without_marks(headings: Sequence[str]) -> None:
    found = read(headings, ("Xã A", 3, date(2026, 5, 4)))
    assert found.rows == [(2, {"name": "Xã A", "count": 3, "due": date(2026, 5, 4)})]
    assert found.columns == ("name", "count", "due")


def test_headings_may_stand_in_any_order_below_a_title() -> None:
    found = read(("DANH SÁCH ĐƠN VỊ",), (), ("Hạn", "ghi chú", "Tên đơn vị"), (None, "x", "Xã A"))
    assert found.rows == [(4, {"due": None, "name": "Xã A"})]
    assert found.unknown_headings == ("ghi chú",)


def test_headings_are_looked_for_in_the_first_rows_only() -> None:
    rows: list[Sequence[object]] = [("",)] * workbook.HEADING_ROWS
    assert "20 dòng đầu" in refusal(contents.sheet(*rows, ("Tên đơn vị",), ("Xã A",)))


def test_headings_on_another_sheet_are_found() -> None:
    book = openpyxl.Workbook()
    book.create_sheet("Dữ liệu").append(["Tên đơn vị"])
    book["Dữ liệu"].append(["Xã A"])
    assert read_workbook(contents.saved(book), COLUMNS).rows == [(2, {"name": "Xã A"})]


def test_missing_required_heading_is_told_in_the_persons_language() -> None:
    content = contents.sheet(("Số người",), (3,))
    assert "Tên đơn vị" in refusal(content)
    with force_locale("en"):
        assert "Unit name" in refusal(content)


def test_heading_that_stands_twice_is_refused() -> None:
    assert "hai cột" in refusal(contents.sheet(("Tên đơn vị", "Unit name"), ("Xã A", "Xã B")))


def test_sheet_without_any_known_heading_names_what_is_needed() -> None:
    assert "Tên đơn vị" in refusal(contents.sheet(("a", "b"), (1, 2)))


# -- cells ----------------------------------------------------------------------------------


def test_rows_that_are_blank_are_passed_over_and_numbers_stay() -> None:
    found = read(("Tên đơn vị",), ("Xã A",), (None,), ("  \u200b ",), ("Xã B",))
    assert [row for row, _values in found.rows] == [2, 5]


def test_text_is_normalised_and_numbers_in_text_columns_stay_short() -> None:
    found = read(("Tên đơn vị",), ("Xa\u0303  A ",), (12.0,), (date(2026, 5, 4),), (True,))
    assert [values["name"] for _row, values in found.rows] == ["Xã A", "12", "04/05/2026", "x"]


@pytest.mark.parametrize(
    ("heading", "value", "expected"),
    [
        ("Số người", 3, 3),
        ("Số người", 3.0, 3),
        ("Số người", "1.234", 1234),
        ("Tỷ lệ", 91.3, Decimal("91.3")),
        ("Tỷ lệ", "91,3", Decimal("91.3")),
        ("Hạn", datetime(2026, 5, 4, 10, 30), date(2026, 5, 4)),
        ("Hạn", "04/05/2026", date(2026, 5, 4)),
        ("Hạn", "ngày 4 tháng 5 năm 2026", date(2026, 5, 4)),
    ],
)
def test_cell_is_read_by_the_kind_of_its_column(
    heading: str, value: object, expected: object
) -> None:
    found = read(("Tên đơn vị", heading), ("Xã A", value))
    assert not found.errors
    assert list(found.rows[0][1].values())[1] == expected


@pytest.mark.parametrize(
    ("heading", "value", "message"),
    [
        ("Số người", "ba", "chưa phải số"),
        ("Số người", 2.5, "số nguyên"),
        ("Số người", 10**12, "quá lớn"),
        ("Số người", True, "chưa phải số"),
        ("Tỷ lệ", date(2026, 1, 1), "chưa phải số"),
        ("Hạn", "31/02/2026", "chưa phải ngày"),
        ("Hạn", "12/31/2026", "chưa phải ngày"),
        ("Hạn", 45000, "chưa phải ngày"),
        ("Hạn", "quý I", "chưa phải ngày"),
        ("Hạn", "#REF!", "lỗi của Excel"),
        ("Tên đơn vị", "x" * 41, "Dài quá 40"),
    ],
)
def test_cell_that_does_not_fit_is_told_with_row_and_column(
    heading: str, value: object, message: str
) -> None:
    headings = (heading,) if heading == "Tên đơn vị" else (heading, "Tên đơn vị")
    found = read(headings, (value, "Xã A")[: len(headings)])
    (error,) = found.errors
    (row, values) = found.rows[0]
    assert (error.row, row) == (2, 2)
    assert message in error.message
    assert values[error.column] is None
    assert found.unreadable[2, error.column]


def test_merged_cells_downwards_give_every_row_their_value() -> None:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    for row in (("Tên đơn vị", "Số người"), ("Xã A", 1), (None, 2), (None, 3), ("Xã B", 4)):
        page.append(row)  # type: ignore[attr-defined]
    page.merge_cells("A2:A4")  # type: ignore[attr-defined]
    found = read_workbook(contents.saved(book), COLUMNS)
    assert [tuple(values.values()) for _row, values in found.rows] == [
        ("Xã A", 1),
        ("Xã A", 2),
        ("Xã A", 3),
        ("Xã B", 4),
    ]


def test_formula_is_read_by_its_stored_result_never_computed() -> None:
    found = read(("Tên đơn vị", "Số người"), ("Xã A", "=1+1"))
    assert found.rows == [(2, {"name": "Xã A", "count": None})]


# -- limits and hostile files ---------------------------------------------------------------


def test_more_rows_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MOST_ROWS", 5)
    rows = [("Xã",)] * 6
    assert "5 dòng" in refusal(contents.sheet(("Tên đơn vị",), *rows))
    assert len(read(("Tên đơn vị",), *rows[:5]).rows) == 5


def test_progress_is_told_while_rows_are_read() -> None:
    told: list[int] = []
    content = contents.sheet(("Tên đơn vị",), *[("Xã",)] * 450)
    read_workbook(content, COLUMNS, lambda done, _expected: told.append(done))
    assert told == [201, 401]


def test_openpyxl_reads_xml_by_defusedxml() -> None:
    assert openpyxl.xml.functions.iterparse.__module__.startswith("defusedxml")


@pytest.mark.parametrize(
    "declaration",
    [
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>',
        b'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">',
    ],
)
@pytest.mark.parametrize(
    "member", ["xl/sharedStrings.xml", "xl/worksheets/sheet1.xml", "xl/workbook.xml"]
)
def test_workbook_with_entities_is_refused(declaration: bytes, member: str) -> None:
    # ASVS 1.5.1: external entities and entity bombs.
    xml = b'<?xml version="1.0"?>' + declaration + b"<x>&e;</x>"
    content = contents.with_member(contents.sheet(("Tên đơn vị",), ("A",)), member, xml)
    assert "không được phép" in refusal(content)


def test_workbook_in_utf16_xml_is_refused() -> None:
    xml = '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x><x/>'.encode("utf-16")
    content = contents.with_member(contents.sheet(("Tên đơn vị",)), "xl/workbook.xml", xml)
    assert "không được phép" in refusal(content)


def test_workbook_that_unpacks_to_too_much_is_refused() -> None:
    good = contents.sheet(("Tên đơn vị",))
    bomb = contents.with_member(good, "xl/media/a.bin", b"\x00" * (30 * 1024 * 1024))
    assert "giải nén" in refusal(bomb)


def test_workbook_with_macros_is_refused() -> None:
    content = contents.with_member(contents.sheet(("Tên đơn vị",)), "xl/vbaProject.bin", b"x")
    assert "macro" in refusal(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04",
        b"Ten,So\n1,2\n",
        contents.picture(),
        contents.old_office("Workbook"),
        contents.word(),
        contents.archive({"[Content_Types].xml": "not xml"}),
        contents.sheet(("Tên đơn vị",))[:-30],
        contents.with_member(contents.sheet(("Tên đơn vị",)), "xl/workbook.xml", b"<broken"),
        contents.with_member(contents.sheet(("Tên đơn vị",)), "xl/worksheets/sheet1.xml", b"<a/"),
    ],
)
def test_what_is_no_workbook_is_refused_plainly(content: bytes) -> None:
    assert "Excel" in refusal(content) or "tiêu đề" in refusal(content)


def test_claimed_size_of_a_sheet_is_not_believed() -> None:
    xml = (
        b'<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/'
        b'spreadsheetml/2006/main"><dimension ref="A1:XFD1048576"/><sheetData><row r="1">'
        b'<c r="A1" t="inlineStr"><is><t>Unit name</t></is></c></row><row r="2">'
        b'<c r="A2" t="inlineStr"><is><t>X</t></is></c></row><row r="999999999">'
        b'<c r="A999999999" t="inlineStr"><is><t>Y</t></is></c></row></sheetData></worksheet>'
    )
    content = contents.with_member(contents.sheet(("x",)), "xl/worksheets/sheet1.xml", xml)
    found = read_workbook(io.BytesIO(content).getvalue(), COLUMNS)
    assert found.rows == [(2, {"name": "X"})]

"""Workbooks as a spreadsheet program finds them: each value of its kind, and no text a formula."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from decimal import Decimal

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.utils.escape import unescape

from tracker.core.clock import LOCAL
from tracker.core.errors import ValidationFailed
from tracker.web import xlsx
from tracker.web.xlsx import LONGEST_TEXT, Column, Sheet, write_workbook

COLUMNS = [Column("Nội dung", 30), Column("Số", 10, "whole"), Column("Ngày", 12, "date")]


def read(content: bytes, *, at_once: bool = True) -> list[tuple[object, ...]]:
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=not at_once)
    rows = [tuple(cell.value for cell in row) for row in book.worksheets[0].rows]
    book.close()
    return rows


def written(*values: object, kind: str = "text") -> list[object]:
    sheet = Sheet("a", [Column("x", 16, kind)], [(value,) for value in values])
    return [row[0] for row in read(write_workbook([sheet]))[1:]]


def test_table_below_its_title() -> None:
    rows: list[tuple[object, ...]] = [
        ("Rà soát", 7, date(2026, 11, 22)),
        ("", None, None),
        ("Rà soát", 0, None),
    ]
    sheet = Sheet("Việc: [1]'", COLUMNS, rows, title="Kế hoạch", note="Đến 22/11/2026")
    content = write_workbook([sheet])
    expected = [
        ("Kế hoạch", None, None),
        ("Đến 22/11/2026", None, None),
        ("Nội dung", "Số", "Ngày"),
        ("Rà soát", 7, datetime(2026, 11, 22)),
        (None, None, None),
        ("Rà soát", 0, None),
    ]
    assert read(content) == expected
    # As programs read that trust the size which the sheet says of itself.
    assert read(content, at_once=False) == expected
    page = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    assert page.title == "Việc 1"
    assert page.auto_filter.ref == "A3:C6"
    assert page.freeze_panes == "A4"
    assert page.print_title_rows == "$3:$3"
    assert page["C4"].number_format == "dd/mm/yyyy"
    # An empty cell has its borders too.
    assert page["C5"].border.left.style == page["A4"].border.left.style == "thin"


def test_table_without_rows() -> None:
    content = write_workbook([Sheet("a", COLUMNS, []), Sheet("b", COLUMNS, [("x", 1, None)])])
    book = openpyxl.load_workbook(io.BytesIO(content))
    assert [page.max_row for page in book.worksheets] == [1, 2]
    assert book.worksheets[1]["A2"].value == "x"


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://evil.example")',
        "+1+1",
        "@SUM(1)",
        "{=1+1}",
        "https://evil.example",
        "0042",
        "_x0041_",
        "  lùi vào  ",
        "hai\ndòng",
        "<b>&amp;</b>",
    ],
)
def test_text_is_the_text_that_was_typed(text: str) -> None:
    sheet = Sheet(text[:3].strip("@"), [Column(text)], [(text,)], title=text, note=text)
    page = openpyxl.load_workbook(io.BytesIO(write_workbook([sheet]))).worksheets[0]
    for row in page.iter_rows():
        assert row[0].data_type == "s"
        assert row[0].value == text
        assert row[0].hyperlink is None


def test_sign_that_xml_has_not_is_named_by_its_number() -> None:
    assert [unescape(str(text)) for text in written("chuông\x07")] == ["chuông\x07"]


def test_markup_of_rich_text_is_text() -> None:
    # The library takes a text of this shape for its own markup: the file could not be opened.
    assert written("<r>&</r>") == ["<r>&</r> "]


def test_long_text_is_cut_where_the_format_ends() -> None:
    assert written("ă" * 40_000) == ["ă" * LONGEST_TEXT]
    # Letters beyond the first plane count twice, and none is cut in two.
    assert written("😀" * 20_000) == ["😀" * (LONGEST_TEXT // 2)]


def test_numbers_and_what_is_none() -> None:
    values = (Decimal("0.9130"), -3, 1.5, True, False, float("nan"), Decimal("Infinity"))
    assert written(*values, kind="decimal") == [0.913, -3, 1.5, "x", None, "nan", "Infinity"]


def test_days_and_moments_in_vietnam() -> None:
    moment = datetime(2026, 11, 21, 20, 30, 15, tzinfo=UTC)
    assert written(moment, kind="moment") == [datetime(2026, 11, 22, 3, 30, 15)]
    assert written(date(1900, 3, 1), date(1900, 2, 28), date(1890, 5, 19), kind="date") == [
        datetime(1900, 3, 1),
        "28/02/1900",
        "19/05/1890",
    ]
    early = datetime(1890, 5, 19, 8, tzinfo=LOCAL)
    assert "19/05/1890" in str(written(early, kind="moment")[0])


def test_more_lines_than_a_sheet_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "MOST_LINES", 3)
    assert written("a", "b") == ["a", "b"]
    with pytest.raises(ValidationFailed):
        written("a", "b", "c")


def test_row_longer_than_its_headings() -> None:
    with pytest.raises(ValueError, match="headings"):
        write_workbook([Sheet("a", COLUMNS, [("x", 1, None, "y")])])


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(
            # Line ends are one letter in XML, whatever they were.
            st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20),
            st.integers(-(10**12), 10**12),
            st.dates(xlsx.FIRST_SURE_DAY, date(9999, 12, 31)),
        ),
        max_size=40,
    )
)
def test_what_goes_in_comes_out(rows: list[tuple[str, int, date]]) -> None:
    found = read(write_workbook([Sheet("a", COLUMNS, rows)]))[1:]
    for (text, number, day), (shown, amount, moment) in zip(rows, found, strict=True):
        assert str(shown or "").rstrip() == text.rstrip()
        assert amount == number
        assert moment == datetime(day.year, day.month, day.day)

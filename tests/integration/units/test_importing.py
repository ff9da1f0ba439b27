"""Units from a spreadsheet: every fault by row and column, all or nothing, twice is once."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterator
from datetime import date

import openpyxl
import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.factories.units import make_unit, system_context
from tracker.core.changes import ChangeSet
from tracker.core.context import Actor, Context, acting
from tracker.core.db import db
from tracker.core.errors import PermissionDenied
from tracker.core.rights import Access
from tracker.imports import engine
from tracker.plugins.host import current_registry
from tracker.units import queries
from tracker.units.importing import COLUMNS
from tracker.units.models import Unit, UnitKind

HEADINGS = [column.heading_vi for column in COLUMNS]


@pytest.fixture
def inside(app: Flask) -> Iterator[None]:
    with app.app_context(), acting(system_context()):
        yield


def workbook(*rows: tuple[object, ...], headings: list[str] | None = None) -> bytes:
    book = openpyxl.Workbook()
    book.active.append(headings or HEADINGS)
    for row in rows:
        book.active.append(list(row))
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def dry_run(*rows: tuple[object, ...], headings: list[str] | None = None) -> engine.DryRun:
    spec = current_registry().import_specs["units"]
    return engine.check(spec, workbook(*rows, headings=headings), "don-vi.xlsx", {})


def load(result: engine.DryRun) -> None:
    engine.apply(current_registry().import_specs["units"], result, "don-vi.xlsx")


def faults(result: engine.DryRun) -> set[tuple[int, str]]:
    return {(one.row, one.column) for one in result.problems}


GOOD = (
    ("K-1", "Phòng Kinh tế", "Phòng, ban", "X-1"),
    ("X-1", unicodedata.normalize("NFD", "Xã Ðất Mũi"), "Xã", "Tỉnh Cà Mau", "Đất Mũi", "A; B; a"),
    (None, "Tỉnh Cà Mau", "tinh", None, None, None, "01/07/2025", "Chủ tịch"),
    (None, "Phòng Văn hóa", "phòng", "xa dat mui"),
)


def test_parents_may_come_later_and_are_found_by_code_or_name(inside: None) -> None:
    result = dry_run(*GOOD)
    assert result.problems == ()
    load(result)
    nodes = queries.tree_as_of(db.session(), date(2025, 7, 1))
    assert [(node.level, node.name) for node in nodes] == [
        (0, "Tỉnh Cà Mau"),
        (1, "Xã Đất Mũi"),
        (2, "Phòng Kinh tế"),
        (2, "Phòng Văn hóa"),
    ]
    root = nodes[0].id
    assert len(queries.subtree_ids(root)) == 4
    assert queries.aliases_of(db.session(), [nodes[1].id])[nodes[1].id] == ["A", "B"]
    assert db.session.scalar(select(func.count()).select_from(ChangeSet)) == 1


def test_loading_again_changes_nothing(inside: None) -> None:
    load(dry_run(*GOOD))
    again = dry_run(*GOOD)
    assert again.problems == ()
    assert (again.count("new"), again.count("changed"), again.count("same")) == (0, 0, 4)
    load(again)
    assert db.session.scalar(select(func.count()).select_from(Unit)) == 4
    assert db.session.scalar(select(func.count()).select_from(ChangeSet)) == 1


def test_known_code_updates_details_but_no_name(inside: None) -> None:
    root = make_unit("Tỉnh Cà Mau", UnitKind.PROVINCE)
    unit = make_unit("Xã Đất Mũi", parent=root, code="X-1")
    result = dry_run(
        ("x-1", "Xã Đất Mũi", "Xã", "Tỉnh Cà Mau", "Mũi", "Đất Mũi cũ", None, "Bí thư")
    )
    assert result.problems == ()
    assert result.count("changed") == 1
    load(result)
    saved = db.session.get(Unit, unit)
    assert (saved.short_name, saved.head_title) == ("Mũi", "Bí thư")
    assert queries.match(db.session(), "dat mui cu", date(2026, 1, 1))[0].id == unit
    assert faults(dry_run(("X-1", "Xã Khác", "Xã", "Tỉnh Cà Mau"))) == {(2, "Tên đơn vị")}
    assert faults(dry_run(("X-1", "Xã Đất Mũi", "Phường", "Tỉnh Cà Mau"))) == {(2, "Loại đơn vị")}
    assert faults(dry_run(("X-1", "Xã Đất Mũi", "Xã", None), ("R", "Sở", "Sở", "X-1"))) == set()


def test_faults_are_told_by_row_and_column(inside: None) -> None:
    root = make_unit("Tỉnh Cà Mau", UnitKind.PROVINCE, code="96", valid_from=date(2025, 7, 1))
    make_unit(
        "Phòng Nội vụ",
        UnitKind.DIVISION,
        make_unit("Xã A", parent=root, valid_from=date(2025, 7, 1)),
        valid_from=date(2025, 7, 1),
    )
    make_unit(
        "Phòng Nội vụ",
        UnitKind.DIVISION,
        make_unit("Xã B", parent=root, valid_from=date(2025, 7, 1)),
        valid_from=date(2025, 7, 1),
    )
    result = dry_run(
        ("1", "Xã Một", "Lâu đài", "96"),
        ("2", "Xã Hai", "Xã", "Không có đâu"),
        ("3", "Xã Ba", "Xã", "96"),
        ("3", "Xã Bốn", "Xã", "96"),
        ("5", "Xã Năm", "Xã", "6"),
        ("6", "Xã Sáu", "Xã", "5"),
        ("7", "Xã Bảy", "Xã", "7"),
        ("8", "Xã Ba", "Xã", "96"),
        ("9", "Tổ một", "Khác", "Phòng Nội vụ"),
        ("10", "Xã Mười", "Xã", "96", None, None, "01/01/2020"),
        ("11", "Xã Mười một", "Xã", "96", None, None, "01/01/2030"),
        ("12", None, "Xã", "96"),
        ("13", "...", "Xã", "96"),
        ("14", "Xã A", "Xã", "96"),
        ("15", "Xã Mười lăm", "Xã", "96", None, None, "31/02/2025"),
        ("16", "x" * 501, "Xã", "96"),
    )
    assert {
        (2, "Loại đơn vị"),
        (3, "Đơn vị cấp trên"),
        (5, "Mã đơn vị"),
        (6, "Đơn vị cấp trên"),
        (7, "Đơn vị cấp trên"),
        (8, "Đơn vị cấp trên"),
        (9, "Tên đơn vị"),
        (10, "Đơn vị cấp trên"),
        (11, "Từ ngày"),
        (12, "Từ ngày"),
        (13, "Tên đơn vị"),
        (14, "Tên đơn vị"),
        (16, "Từ ngày"),
        (17, "Tên đơn vị"),
    } == faults(result)
    with pytest.raises(ValueError, match="clean"):
        load(result)
    assert db.session.scalar(select(func.count()).select_from(Unit)) == 5


def test_english_headings_and_kinds_are_read(inside: None) -> None:
    headings = [column.heading_en for column in COLUMNS]
    result = dry_run((None, "Tỉnh Cà Mau", "Province"), headings=headings)
    assert result.problems == ()


def test_rows_outside_ones_reach_are_refused_whole(inside: None) -> None:
    root = make_unit("Tỉnh Cà Mau", UnitKind.PROVINCE)
    mine = make_unit("Xã A", parent=root, code="A")
    make_unit("Xã B", parent=root, code="B")
    scope = frozenset([mine])
    access = Access(user_id=7, roots={"units.manage": scope, "units.view": scope})
    local = Context(Actor("Người thử", 7, access), system_context().clock)
    for rows in (
        (("1", "Phòng một", "Phòng", "A"), ("2", "Phòng hai", "Phòng", "B")),
        (("1", "Tỉnh Khác", "Tỉnh", None),),
        (("B", "Xã B", "Xã", "Tỉnh Cà Mau", "Bê"),),
    ):
        with acting(local):
            result = dry_run(*rows)
            assert result.problems == ()
            with pytest.raises(PermissionDenied):
                load(result)
    assert db.session.scalar(select(func.count()).select_from(Unit)) == 3
    with acting(local):
        load(dry_run(("1", "Phòng một", "Phòng", "A")))
    assert len(queries.subtree_ids(mine)) == 2

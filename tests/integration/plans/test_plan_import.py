"""A plan's annex from a spreadsheet: every fault by row and column, then all or nothing."""

from __future__ import annotations

import io
from datetime import date

import openpyxl
import pytest
from sqlalchemy import select

from tests.factories.plans import make_plan
from tests.factories.units import make_unit, make_unit_set
from tests.integration.plans.conftest import Office
from tracker.core.db import db
from tracker.core.deadlines import DeadlineKind
from tracker.core.errors import PermissionDenied, ValidationFailed
from tracker.imports import engine
from tracker.plans import plan_import
from tracker.plans.models import Plan, RowKind, Task, TaskCoordinator, TaskLead
from tracker.plans.plan_import import SPEC

HEADINGS = [column.heading_vi for column in SPEC.columns]
KEYS = [column.key for column in SPEC.columns]


def workbook(*rows: dict[str, object], headings: list[str] | None = None) -> bytes:
    book = openpyxl.Workbook()
    book.active.append(headings or HEADINGS)
    for row in rows:
        book.active.append([row.get(key) for key in KEYS])
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def new_plan(office: Office) -> dict[str, str]:
    return {"title": "Kế hoạch CCHC năm 2026", "year": "2026", "issuer": str(office.agency)}


def check(
    office: Office, *rows: dict[str, object], options: dict[str, str] | None = None
) -> engine.DryRun:
    return engine.check(SPEC, workbook(*rows), "phu-luc.xlsx", options or new_plan(office))


def faults(result: engine.DryRun) -> set[tuple[int, str]]:
    keys = dict(zip(HEADINGS, KEYS, strict=True))
    return {(one.row, keys.get(one.column, one.column)) for one in result.problems}


ANNEX: tuple[dict[str, object], ...] = (
    {"number": "I", "title": "Cải cách thể chế", "area": "TC"},
    {
        "number": "1",
        "title": "Rà soát văn bản",
        "product": "Báo cáo",
        "leads": "UBND xã Hương Lâm; UBND xã Triệu Hải",
        "coordinators": "Các phòng, ban; UBND xã Triệu Hải",
        "deadline": date(2026, 6, 30),
        "deadline_text": "Quý II/2026",
    },
    {"number": "-", "title": "Lập danh mục"},
    {"number": "II", "title": "Chỉ đạo, điều hành", "area": "Chỉ đạo, điều hành"},
    {"number": "2", "title": "Báo cáo quý", "leads": "Hương Lâm", "recurrence": "Hằng quý"},
    {"number": "3", "title": "Tuyên truyền", "leads": "Tất cả các xã",
     "deadline_kind": "Thường xuyên"},
)  # fmt: skip


def test_annex_becomes_a_draft_with_its_tree(office: Office) -> None:
    communes = make_unit_set("Tất cả các xã", under=office.agency)
    with office.acting("coordinator"):
        result = check(office, *ANNEX)
        assert result.problems == ()
        key = engine.apply(SPEC, result, "phu-luc.xlsx")
    assert key == "da-teh-2026"
    plan = db.session.scalars(select(Plan).where(Plan.key == key)).one()
    rows = db.session.scalars(select(Task).where(Task.plan_id == plan.id).order_by(Task.path)).all()
    assert [(row.number, row.kind, row.path) for row in rows] == [
        ("I", RowKind.GROUP, "00001"),
        ("1", RowKind.TASK, "00001.00001"),
        ("-", RowKind.STEP, "00001.00001.00001"),
        ("II", RowKind.GROUP, "00002"),
        ("2", RowKind.TASK, "00002.00001"),
        ("3", RowKind.TASK, "00002.00002"),
    ]
    first, quarterly, regular = rows[1], rows[4], rows[5]
    assert (first.deadline_on, first.deadline_text) == (date(2026, 6, 30), "Quý II/2026")
    assert (first.deadline_read_by, first.area_id) == ("column", rows[0].area_id)
    leads = select(TaskLead.unit_id).where(TaskLead.task_id == first.id)
    assert set(db.session.scalars(leads)) == {office.north, office.south}
    others = select(TaskCoordinator.unit_id).where(TaskCoordinator.task_id == first.id)
    assert list(db.session.scalars(others)) == [office.south]
    assert first.coordinator_text == "Các phòng, ban; UBND xã Triệu Hải"
    assert quarterly.recurrence == {"freq": "quarterly", "month": 3, "day": "last"}
    assert regular.deadline_kind is DeadlineKind.OPEN_ENDED
    assert regular.unit_set_id == communes


@pytest.mark.parametrize(
    ("typed", "days", "working"),
    [("15", 15, False), ("15 ngày", 15, False), ("5 ngày làm việc", 5, True),
     ("Sau 10 ngày", 10, False), ("5 working days", 5, True)],
)  # fmt: skip
def test_a_condition_has_its_days(office: Office, typed: str, days: int, working: bool) -> None:
    row = {
        "number": "1",
        "title": "Khắc phục",
        "leads": "Hương Lâm",
        "deadline_text": "Khi có thông báo kết luận",
        "offset": typed,
    }
    with office.acting("coordinator"):
        result = check(office, row)
        assert result.problems == ()
        key = engine.apply(SPEC, result, "phu-luc.xlsx")
    plan = db.session.scalars(select(Plan).where(Plan.key == key)).one()
    task = db.session.scalars(select(Task).where(Task.plan_id == plan.id)).one()
    assert task.deadline_kind is DeadlineKind.CONDITIONAL
    assert (task.trigger_offset, task.trigger_in_working_days) == (days, working)
    assert task.trigger_text == "Khi có thông báo kết luận"


@pytest.mark.parametrize(
    "more",
    [
        {"offset": "vài ngày"},
        {"offset": "99999"},
        {"offset": "5", "deadline_kind": "Một ngày", "deadline": date(2026, 6, 30)},
        {"offset": "5", "deadline_text": ""},
    ],
)
def test_days_after_a_condition_that_mean_nothing_are_told(
    office: Office, more: dict[str, object]
) -> None:
    row = {"number": "1", "title": "Việc", "leads": "Hương Lâm", "deadline_text": "Khi có"}
    with office.acting("coordinator"):
        found = faults(check(office, row | more))
    assert found
    assert {column for _row, column in found} <= {"offset", "deadline_text"}


def test_english_headings_are_read_too(office: Office) -> None:
    content = workbook(
        {"number": "1", "title": "Task"}, headings=[column.heading_en for column in SPEC.columns]
    )
    with office.acting("coordinator"):
        assert engine.check(SPEC, content, "annex.xlsx", new_plan(office)).is_clean


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"title": None, "product": "x"}, "title"),
        ({"leads": "Sở Không Có Thật"}, "leads"),
        ({"leads": "UBND xã"}, "leads"),
        ({"area": "Không có"}, "area"),
        ({"row_kind": "Chương"}, "row_kind"),
        ({"number": "4.2"}, "number"),
        ({"deadline": "31/09/2026"}, "deadline"),
        ({"deadline": "hôm nào"}, "deadline"),
        ({"deadline_kind": "Một ngày"}, "deadline"),
        ({"deadline_kind": "Bao giờ"}, "deadline_kind"),
        ({"start": date(2026, 5, 1)}, "deadline"),
        ({"start": date(2026, 5, 1), "deadline": date(2026, 4, 1)}, "start"),
        ({"recurrence": "thỉnh thoảng"}, "recurrence"),
        ({"deadline_kind": "Chờ điều kiện"}, "deadline_text"),
        ({"deadline_kind": "Định kỳ"}, "recurrence"),
    ],
)
def test_faults_name_row_and_column_and_nothing_is_written(
    office: Office, row: dict[str, object], column: str
) -> None:
    good = {"number": "1", "title": "Việc", "leads": "Hương Lâm"}
    with office.acting("coordinator"):
        result = check(office, good, {"number": "2", "title": "Việc", **row})
    assert faults(result) == {(3, column)}
    assert not result.is_clean


def test_ambiguous_unit_names_its_candidates(office: Office) -> None:
    make_unit("UBND xã Hương Lâm Thượng", parent=office.agency)
    with office.acting("coordinator"):
        result = check(office, {"number": "1", "title": "Việc", "leads": "xã Hương"})
    (problem,) = result.problems
    assert "UBND xã Hương Lâm" in problem.message
    assert "UBND xã Hương Lâm Thượng" in problem.message


def test_rows_go_after_those_of_a_draft_and_never_into_an_issued_plan(office: Office) -> None:
    make_plan(office.agency, key="nhap", issued_on=None)
    make_plan(office.agency, key="da-ban-hanh")
    row = {"number": "1", "title": "Việc"}
    with office.acting("coordinator"):
        for _time in (1, 2):
            result = check(office, row, options={"plan": "nhap"})
            assert engine.apply(SPEC, result, "x.xlsx") == "nhap"
        paths = db.session.scalars(select(Task.path).order_by(Task.path)).all()
        assert paths == ["00001", "00002"]
        with pytest.raises(ValidationFailed):
            check(office, row, options={"plan": "da-ban-hanh"})


@pytest.mark.parametrize("change", [{"title": ""}, {"year": "hai"}, {"issuer": ""}])
def test_new_plan_needs_title_year_and_issuer(office: Office, change: dict[str, str]) -> None:
    with office.acting("coordinator"):
        result = check(
            office, {"number": "1", "title": "Việc"}, options={**new_plan(office), **change}
        )
    assert faults(result) == {(0, "")}


def test_import_into_a_foreign_draft_is_refused(office: Office) -> None:
    outside = make_unit("Sở Nội vụ", kind="department")
    make_plan(outside, key="cua-so", issued_on=None)
    from tracker.core.work import run

    with office.acting("coordinator"), pytest.raises(PermissionDenied):
        run(plan_import.import_plan, plan_import.ImportPlan((), "cua-so"))


def test_import_page_leads_to_the_plan(office: Office) -> None:
    assert office.client("coordinator").get("/nhap/plan").status_code == 200
    assert office.client("head").get("/nhap/plan").status_code == 403

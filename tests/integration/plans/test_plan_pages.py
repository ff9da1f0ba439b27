"""Pages of plans: who sees what, a life led through forms, awkward input, counted queries."""

from __future__ import annotations

import io
import re
from datetime import date

import openpyxl
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.factories.accounts import post
from tests.factories.plans import make_plan, make_task
from tests.factories.units import make_unit
from tests.integration.plans.conftest import Office
from tests.support.statements import statements_sent
from tracker.core.db import db
from tracker.plans.models import Plan, PlanState, RowKind, Task

ROW = {
    "kind": "task",
    "title": "Rà soát thủ tục hành chính",
    "deadline_kind": "date",
    "deadline_on": "30/06/2026",
    "recurrence": "",
    "recurrence_weekday": "3",
    "document_kind": "decision",
    "document_id": "",
}


def version_of(html: str) -> str:
    found = re.search(r'name="version"[^>]*value="(\d+)"|value="(\d+)"[^>]*name="version"', html)
    assert found is not None
    return found.group(1) or found.group(2)


def field(client: FlaskClient, url: str) -> str:
    return version_of(client.get(url).get_data(as_text=True))


def test_life_of_a_plan_through_its_forms(office: Office) -> None:
    client = office.client("coordinator")
    assert client.get("/ke-hoach").status_code == 200
    answer = post(
        client,
        "/ke-hoach/moi",
        {
            "title": "Kế hoạch CCHC năm 2026",
            "issuer_id": str(office.agency),
            "kind": "plan",
            "year_from": "2026",
        },
    )
    assert answer.headers["Location"] == "/ke-hoach/da-teh-2026"
    base = "/ke-hoach/da-teh-2026"
    answer = post(
        client, f"{base}/dong/moi", {**ROW, "kind": "group", "number": "I", "title": "Thể chế"}
    )
    assert answer.status_code == 302
    group = db.session.scalars(select(Task.id)).one()
    answer = post(
        client,
        f"{base}/dong/moi",
        {
            **ROW,
            "number": "1",
            "parent_id": str(group),
            "lead_unit_ids": [str(office.north), str(office.south)],
        },
    )
    assert answer.status_code == 302
    assert "1 nhiệm vụ" in client.get(f"{base}/ban-hanh").get_data(as_text=True)
    answer = post(
        client,
        f"{base}/ban-hanh",
        {
            "version": field(client, f"{base}/ban-hanh"),
            "number": "11/KH-UBND",
            "issued_on": "15/01/2026",
        },
    )
    assert answer.status_code == 302
    page = client.get(base).get_data(as_text=True)
    assert "0/1" in page
    assert "Theo bản ban hành: số 11/KH-UBND ngày 15/01/2026." in page
    task = db.session.scalars(select(Task.id).where(Task.kind == RowKind.TASK)).one()
    url = f"{base}/dong/{task}"
    change = {
        **ROW,
        "number": "1",
        "lead_unit_ids": [str(office.north)],
        "version": field(client, url),
    }
    answer = post(client, url, change)
    assert answer.status_code == 422
    assert "văn bản điều chỉnh" in answer.get_data(as_text=True)
    answer = post(
        client,
        url,
        {
            **change,
            "document_id": "new",
            "document_number": "45/QĐ-UBND",
            "document_issued_on": "04/05/2026",
        },
    )
    assert answer.status_code == 302
    documents = client.get(f"{base}/van-ban").get_data(as_text=True)
    assert "45/QĐ-UBND" in documents
    assert "UBND xã Hương Lâm; UBND xã Triệu Hải" in documents
    assert "Điều chỉnh lần 1" in documents
    answer = post(
        client,
        f"{base}/khep",
        {"version": field(client, f"{base}/khep"), "closed_on": "16/06/2026"},
    )
    assert answer.status_code == 302
    db.session.rollback()
    assert db.session.scalars(select(Plan.state)).one() is PlanState.CLOSED


@pytest.mark.parametrize(
    "path",
    [
        "/ke-hoach/moi",
        "/ke-hoach/linh-vuc",
        "/ke-hoach/linh-vuc/moi",
        "/ke-hoach/linh-vuc/1",
        "/ke-hoach/p/sua",
        "/ke-hoach/p/dieu-chinh",
        "/ke-hoach/p/khep",
        "/ke-hoach/p/sao-chep",
        "/ke-hoach/p/dong/moi",
        "/ke-hoach/p/dong/{task}",
        "/ke-hoach/p/dong/{task}/rut",
        "/ke-hoach/p/dong/{task}/chuyen",
    ],
)
def test_pages_that_write_open_to_coordinators_only(office: Office, path: str) -> None:
    plan = make_plan(office.agency, key="p")
    task = make_task(plan, office.north)
    url = path.format(task=task)
    assert office.client("coordinator").get(url).status_code == 200
    for who in ("leader", "head", "stranger"):
        assert office.client(who).get(url).status_code == 403
    assert office.app.test_client().get(url).status_code == 302


def test_plan_is_seen_by_its_issuer_and_by_who_takes_part(office: Office) -> None:
    # Records reached by key without a check: CVE-2026-28352.
    outside = make_unit("Sở Nội vụ", kind="department")
    plan = make_plan(outside, key="so-noi-vu-2026", title="Kế hoạch của sở")
    make_task(plan, office.north, title="Việc của xã phía bắc")
    make_task(plan, outside, title="Việc riêng của sở")
    page = office.client("head").get("/ke-hoach/so-noi-vu-2026")
    assert page.status_code == 200
    html = page.get_data(as_text=True)
    assert "Việc của xã phía bắc" in html
    assert "Việc riêng của sở" not in html
    for path in ("", "/xuat", "/van-ban"):
        url = f"/ke-hoach/so-noi-vu-2026{path}"
        assert office.client("stranger").get(url).status_code == 404
    assert "Kế hoạch của sở" not in office.client("stranger").get("/ke-hoach").get_data(
        as_text=True
    )


def test_draft_is_seen_where_it_is_written_only(office: Office) -> None:
    plan = make_plan(office.agency, key="nhap", issued_on=None)
    make_task(plan, office.north, assigned=False, valid_from=None)
    assert office.client("coordinator").get("/ke-hoach/nhap").status_code == 200
    assert office.client("head").get("/ke-hoach/nhap").status_code == 404


def test_row_of_another_plan_is_not_found_under_this_one(office: Office) -> None:
    mine, other = make_plan(office.agency, key="mot"), make_plan(office.agency, key="hai")
    task = make_task(other, office.north)
    make_task(mine, office.north)
    client = office.client("coordinator")
    assert client.get(f"/ke-hoach/mot/dong/{task}").status_code == 404
    assert post(client, f"/ke-hoach/mot/dong/{task}/xoa").status_code == 404


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("as_of=31/02/2026", 400),
        ("as_of=tomorrow", 400),
        ("page=0", 400),
        ("page=x", 400),
        ("page=99999", 200),
        ("area=abc", 400),
        ("area=999999", 200),
        ("unit=99999999999999", 400),
        ("unit=-1", 400),
        ("status=late", 400),
        ("status=overdue", 200),
        ("as_of=01/01/1900", 200),
        ("q=%00%ff'\"<script>", 200),
        ("q=" + "x" * 3000, 200),
    ],
)
def test_awkward_addresses_get_a_message_and_never_a_crash(
    office: Office, query: str, status: int
) -> None:
    plan = make_plan(office.agency, key="p")
    make_task(plan, office.north)
    client = office.client("coordinator")
    assert client.get(f"/ke-hoach/p?{query}").status_code == status
    assert client.get(f"/ke-hoach/p/xuat?{query}").status_code in (status, 200)


@pytest.mark.parametrize(
    "query", ["year=abc", "issuer=x", "state=gone", "sort=password", "sort=-", "page=-1"]
)
def test_awkward_list_addresses_are_bad_requests(office: Office, query: str) -> None:
    assert office.client("coordinator").get(f"/ke-hoach?{query}").status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {"title": ""},
        {"title": "x" * 4001},
        {"kind": "secret"},
        {"deadline_kind": "never"},
        {"deadline_on": "31/09/2026"},
        {"deadline_on": ""},
        {"deadline_kind": "window", "window_start": "01/07/2026"},
        {"deadline_kind": "recurring"},
        {"deadline_kind": "recurring", "recurrence": "monthly", "recurrence_day": "32"},
        {"deadline_kind": "recurring", "recurrence": "dates", "recurrence_dates": "31/02"},
        {"deadline_kind": "conditional", "trigger_text": ""},
        {"deadline_kind": "conditional", "trigger_text": "x", "trigger_offset": "-5"},
        {"deadline_kind": "conditional", "trigger_text": "x", "trigger_offset": "99999"},
        {"area_id": "x"},
        {"area_id": "999999"},
        {"lead_unit_ids": ["x"]},
        {"lead_unit_ids": ["999999"]},
        {"lead_unit_ids": ["99999999999999999999"]},
        {"unit_set_id": "999999"},
        {"parent_id": "999999"},
        {"parent_id": "x"},
    ],
)
def test_awkward_rows_are_refused_and_what_was_typed_stays(
    office: Office, change: dict[str, object]
) -> None:
    make_plan(office.agency, key="p", issued_on=None)
    client = office.client("coordinator")
    typed = {**ROW, "product": "Báo cáo rà soát độc nhất", **change}
    answer = post(client, "/ke-hoach/p/dong/moi", typed)
    assert answer.status_code == 422
    html = answer.get_data(as_text=True)
    assert "Báo cáo rà soát độc nhất" in html
    assert "Cần sửa trước khi lưu" in html
    # WTForms' own fields speak the language of the page too.
    assert not re.search("[Ii]nvalid choice|not a valid|Not a valid", html)
    assert db.session.scalars(select(Task)).all() == []


def test_tampered_version_is_a_bad_request(office: Office) -> None:
    plan = make_plan(office.agency, key="p", issued_on=None)
    task = make_task(plan, office.north, assigned=False, valid_from=None)
    client = office.client("coordinator")
    for version in ("", "x", "99999999999"):
        answer = post(client, f"/ke-hoach/p/dong/{task}", {**ROW, "version": version})
        assert answer.status_code == 400


def test_markup_in_titles_is_text(office: Office) -> None:
    # Stored scripts in names: CVE-2018-16516 and its kin.
    plan = make_plan(office.agency, key="p", title="<script>alert(1)</script>")
    make_task(plan, office.north, title="<img src=x onerror=alert(2)>")
    html = office.client("coordinator").get("/ke-hoach/p").get_data(as_text=True)
    assert "<script>alert" not in html
    assert "<img src=x" not in html


def test_forms_need_their_token(office: Office) -> None:
    make_plan(office.agency, key="p", issued_on=None)
    answer = office.client("coordinator").post("/ke-hoach/p/xoa", data={"version": "1"})
    assert answer.status_code == 400


def test_export_has_the_annex_columns_and_no_formula(office: Office) -> None:
    # CVE-2024-53555: a cell that begins with = must stay text.
    plan = make_plan(office.agency, key="p")
    make_task(plan, office.north, title="=1+1", row=RowKind.TASK, number="=2")
    answer = office.client("coordinator").get("/ke-hoach/p/xuat")
    assert answer.status_code == 200
    sheet = openpyxl.load_workbook(io.BytesIO(answer.data)).active
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[2][:8] == (
        "STT",
        "Nội dung nhiệm vụ",
        "Sản phẩm",
        "Cơ quan chủ trì",
        "Cơ quan phối hợp",
        "Thời gian hoàn thành",
        "Kinh phí",
        "Ghi chú",
    )
    assert rows[3][:2] == ("=2", "=1+1")
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "d", "n"}


def test_filters_show_what_fits_with_its_groups(office: Office) -> None:
    plan = make_plan(office.agency, key="p")
    group = make_task(plan, row=RowKind.GROUP, title="Nhóm thể chế", due_on=None)
    one = make_task(plan, office.north, title="Đẩy mạnh rà soát")
    make_task(plan, office.south, title="Việc thứ hai", due_on=date(2026, 2, 1))
    task = db.session.get_one(Task, one)
    path = db.session.get_one(Task, group).path

    def under(work: object, _data: None) -> None:
        row = work.get(Task, task.id)  # type: ignore[attr-defined]
        row.parent_id, row.path = group, f"{path}.00001"

    from tests.factories.units import system_context
    from tracker.core.context import acting
    from tracker.core.work import run

    with acting(system_context()):
        run(under, None)
    client = office.client("coordinator")
    found = client.get("/ke-hoach/p?q=day manh").get_data(as_text=True)
    assert "Đẩy mạnh rà soát" in found
    assert "Nhóm thể chế" in found
    assert "Việc thứ hai" not in found
    late = client.get("/ke-hoach/p?status=overdue").get_data(as_text=True)
    assert "Việc thứ hai" in late
    assert "Đẩy mạnh rà soát" not in late
    mine = client.get(f"/ke-hoach/p?unit={office.north}").get_data(as_text=True)
    assert "Đẩy mạnh rà soát" in mine
    assert "Việc thứ hai" not in mine


def test_tree_takes_as_many_queries_for_a_thousand_rows_as_for_a_hundred(office: Office) -> None:
    from tests.integration.plans.many import many_tasks

    small = make_plan(office.agency, key="nho")
    large = make_plan(office.agency, key="lon")
    many_tasks(small, office.north, 100)
    many_tasks(large, office.north, 1000)
    client = office.client("coordinator")
    numbers = []
    for key in ("nho", "lon"):
        client.get(f"/ke-hoach/{key}")
        with statements_sent() as said:
            assert client.get(f"/ke-hoach/{key}").status_code == 200
        numbers.append(len(said))
    assert numbers[0] == numbers[1], said
    assert numbers[1] <= 16, said


def test_search_finds_plans_without_marks(office: Office) -> None:
    make_plan(
        office.agency, key="p", title="Kế hoạch chuyển đổi số", folded="ke hoach chuyen doi so"
    )
    html = office.client("head").get("/tim?q=chuyen doi so").get_data(as_text=True)
    assert "Kế hoạch chuyển đổi số" not in html
    html = office.client("coordinator").get("/tim?q=chuyen doi so").get_data(as_text=True)
    assert "Kế hoạch chuyển đổi số" in html


def test_areas_are_dated_data_and_codes_do_not_overlap(office: Office) -> None:
    client = office.client("coordinator")
    assert "Cải cách thể chế" in client.get("/ke-hoach/linh-vuc").get_data(as_text=True)
    area = {"code": "TC", "name": "Thể chế khác", "valid_from": "01/01/2026"}
    answer = post(client, "/ke-hoach/linh-vuc/moi", area)
    assert answer.status_code == 422
    answer = post(client, "/ke-hoach/linh-vuc/moi", {**area, "code": "CDS"})
    assert answer.status_code == 302
    version = field(client, "/ke-hoach/linh-vuc/1")
    ended = {
        "version": version,
        "code": "TC",
        "name": "Cải cách thể chế",
        "valid_from": "01/01/2021",
        "valid_to": "31/12/2020",
    }
    assert post(client, "/ke-hoach/linh-vuc/1", ended).status_code == 422
    ended["valid_to"] = "31/12/2025"
    assert post(client, "/ke-hoach/linh-vuc/1", ended).status_code == 302
    # Sent again from the old page: nothing is left to change but what another wrote since.
    assert post(client, "/ke-hoach/linh-vuc/1", ended).status_code == 302
    clash = post(client, "/ke-hoach/linh-vuc/1", ended | {"valid_to": "30/11/2025"})
    assert clash.status_code == 409
    assert "31/12/2025" in clash.get_data(as_text=True)


def test_copy_wizard_shows_differences_then_makes_a_draft(office: Office) -> None:
    plan = make_plan(office.agency, key="p", title="Kế hoạch CCHC năm 2026")
    task = make_task(plan, office.north, title="Dở dang")
    client = office.client("coordinator")
    page = client.get("/ke-hoach/p/sao-chep").get_data(as_text=True)
    assert "Kế hoạch CCHC năm 2027" in page
    assert "30/06/2027" in page
    assert "chuyển tiếp" in page
    data = {
        "title": "Kế hoạch CCHC năm 2027",
        "year": "2027",
        "issuer_id": str(office.agency),
        "ids": [str(task)],
    }
    assert post(client, "/ke-hoach/p/sao-chep", {**data, "year": "2020"}).status_code == 422
    assert post(client, "/ke-hoach/p/sao-chep", {**data, "ids": ["x"]}).status_code == 400
    answer = post(client, "/ke-hoach/p/sao-chep", data)
    assert answer.headers["Location"] == "/ke-hoach/da-teh-2027"
    assert client.get("/ke-hoach/p/sao-chep?year=abc").status_code == 422

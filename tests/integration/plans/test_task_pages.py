"""Pages of tasks: who sees and does what, what bad input is told, how many queries it takes."""

from __future__ import annotations

import io
import re
from datetime import date
from typing import Any

import openpyxl
import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from tests.factories.plans import assignment_of, make_plan, make_task, report
from tests.integration.plans.conftest import Office
from tests.support.statements import statements_sent
from tracker.core.db import db
from tracker.core.work import run
from tracker.files import queries as files
from tracker.plans import extensions, progress, urges
from tracker.plans.inputs import AskExtension, OpenDispute, UrgeUnits
from tracker.plans.models import Assignment, Evidence, Extension, ProgressEntry, Reported, Urge

PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"


@pytest.fixture
def plan(office: Office) -> int:
    return make_plan(office.agency, title="Kế hoạch cải cách hành chính năm 2026")


@pytest.fixture
def task(office: Office, plan: int) -> int:
    return make_task(
        plan,
        office.north,
        title="Niêm yết công khai thủ tục hành chính tại bộ phận một cửa",
        due_on=date(2026, 6, 10),
    )


def form_of(client: FlaskClient, url: str) -> dict[str, str]:
    """Return the hidden values of the form on a page, as a browser would send them."""
    page = client.get(url).get_data(as_text=True)
    found = re.findall(r'<input[^>]*type="hidden"[^>]*>', page)
    values = {}
    for tag in found:
        name = re.search(r'name="([^"]*)"', tag)
        value = re.search(r'value="([^"]*)"', tag)
        if name:
            values[name[1]] = value[1] if value else ""
    return values


def send(client: FlaskClient, url: str, **values: Any) -> Any:
    return client.post(url, data={**form_of(client, url), **values})


def token(client: FlaskClient) -> dict[str, str]:
    """Return what proves that a form came from our own page."""
    return {"csrf_token": form_of(client, "/")["csrf_token"]}


def update_url(assignment: int) -> str:
    return f"/viec/giao/{assignment}/cap-nhat"


# -- reading ---------------------------------------------------------------------------------


def test_home_lists_what_waits_for_the_unit(office: Office, task: int) -> None:
    page = office.client("head").get("/").get_data(as_text=True)
    assert "Niêm yết công khai" in page
    assert "quá hạn 6 ngày" in page
    assert "10/06/2026" in page
    assert "Niêm yết công khai" not in office.client("stranger").get("/").get_data(as_text=True)


def test_home_teaches_when_nothing_waits(office: Office) -> None:
    page = office.client("head").get("/").get_data(as_text=True)
    assert "Hôm nay không có việc nào chờ bạn" in page
    assert "Thứ Ba, 16/06/2026" in page


def test_list_shows_only_what_one_may_see(office: Office, plan: int, task: int) -> None:
    other = make_task(plan, office.south, title="Tập huấn ký số cho công chức")
    assert str(other)
    page = office.client("head").get("/viec").get_data(as_text=True)
    assert "Niêm yết công khai" in page
    assert "Tập huấn ký số" not in page
    assert "Tập huấn ký số" in office.client("leader").get("/viec").get_data(as_text=True)


def test_task_of_another_unit_is_not_found(office: Office, task: int) -> None:
    assert office.client("head").get(f"/viec/{task}").status_code == 200
    assert office.client("stranger").get(f"/viec/{task}").status_code == 404


def test_coordinating_unit_reads_and_does_not_write(office: Office, plan: int) -> None:
    task = make_task(plan, office.north, coordinators=[office.south])
    client = office.client("stranger")
    assert client.get(f"/viec/{task}").status_code == 200
    assert client.get(update_url(assignment_of(task))).status_code == 403


def test_draft_is_not_shown_to_its_lead_units(office: Office) -> None:
    draft = make_plan(office.agency, issued_on=None)
    task = make_task(draft, office.north)
    assert office.client("head").get(f"/viec/{task}").status_code == 404


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("status=overdue", True),
        ("status=done", False),
        ("q=niem+yet", True),
        ("q=NIÊM+YẾT", True),
        ("q=tap+huan", False),
        ("due=past", True),
        ("due=none", False),
        ("from=01/06/2026&to=30/06/2026", True),
        ("evidence=missing", False),
        ("urged=1", False),
    ],
)
def test_list_filters(office: Office, task: int, query: str, shown: bool) -> None:
    page = office.client("head").get(f"/viec?{query}").get_data(as_text=True)
    assert ("Niêm yết công khai" in page) is shown


@pytest.mark.parametrize(
    "address",
    [
        "/viec?page=0",
        "/viec?page=x",
        "/viec?unit=x",
        "/viec?unit=99999999999999999999",
        "/viec?status=red",
        "/viec?due=never",
        "/viec?from=31/02/2026",
        "/viec?sort=id;drop",
        "/so-lieu?rule=x",
        "/so-lieu?as_of=2026-13-01",
        "/so-lieu?plan=x",
    ],
)
def test_malformed_address_is_told(office: Office, address: str) -> None:
    assert office.client("leader").get(address).status_code == 400


@pytest.mark.parametrize(
    "address", ["/viec/999999", "/viec/giao/999999/cap-nhat", "/so-lieu?plan=999999"]
)
def test_unknown_record_is_not_found(office: Office, address: str) -> None:
    assert office.client("coordinator").get(address).status_code == 404


def test_export_holds_exactly_what_is_filtered(office: Office, plan: int, task: int) -> None:
    make_task(plan, office.north, title="=1+1 Tập huấn", due_on=date(2026, 12, 1))
    client = office.client("head")
    for query, titles in (
        ("?status=overdue", {"Niêm yết công khai thủ tục hành chính tại bộ phận một cửa"}),
        ("?q=tap+huan", {"=1+1 Tập huấn"}),
    ):
        book = openpyxl.load_workbook(io.BytesIO(client.get(f"/viec/xuat{query}").data))
        rows = list(book.active.iter_rows(values_only=True))
        top = next(number for number, row in enumerate(rows) if row[0] == "STT")
        assert {row[1] for row in rows[top + 1 :]} == titles


def test_figure_explains_itself(office: Office, plan: int, task: int) -> None:
    report(make_task(plan, office.north, title="Đã xong"), done_on=date(2026, 5, 4))
    page = office.client("leader").get(f"/so-lieu?plan={plan}").get_data(as_text=True)
    assert "1/2" in page
    assert "50,00%" in page
    due = office.client("leader").get(f"/so-lieu?plan={plan}&rule=due").get_data(as_text=True)
    assert "0/1" in due


def test_search_finds_without_accents(office: Office, task: int) -> None:
    assert "Niêm yết" in office.client("head").get("/tim?q=niem yet").get_data(as_text=True)
    hidden = office.client("stranger").get("/tim?q=niem yet").get_data(as_text=True)
    assert "Niêm yết công khai" not in hidden


# -- reporting -------------------------------------------------------------------------------


def test_done_with_a_document(office: Office, task: int) -> None:
    client, key = office.client("officer"), assignment_of(task)
    answer = send(
        client,
        update_url(key),
        reported="done",
        done_on="09/06/2026",
        evidence_number="12/BC-UBND",
        evidence_issued_on="09/06/2026",
        evidence_files=(io.BytesIO(PDF), "bao cao.pdf"),
    )
    assert answer.status_code == 302
    assignment = db.session.get_one(Assignment, key)
    assert (assignment.reported, assignment.percent) == (Reported.DONE, 100)
    assert assignment.has_evidence
    proof = db.session.scalars(select(Evidence)).one()
    link = files.of("evidence", [proof.id])[proof.id][0]
    address = f"/tep/{link.public_id}"
    with client.get(address) as sent:
        assert sent.data == PDF
    # A file is reached with its record's rights alone (Redmine #43634, ASVS 8.2.2).
    assert office.client("stranger").get(address).status_code == 404
    page = client.get(f"/viec/{task}").get_data(as_text=True)
    assert "12/BC-UBND" in page
    assert "bao cao.pdf" in page


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"reported": "done", "done_on": ""}, "Hãy ghi ngày hoàn thành."),
        ({"reported": "done", "done_on": "17/06/2026"}, "không được sau hôm nay"),
        ({"reported": "done", "done_on": "31/02/2026"}, "Ngày chưa đúng"),
        ({"reported": "in_progress", "percent": "101"}, "từ 0 đến 100"),
        ({"reported": "in_progress", "percent": "abc"}, "từ 0 đến 100"),
        ({"reported": "in_progress", "percent": "100"}, "chọn “Đã hoàn thành”"),
        ({"reported": "cannot", "note": ""}, "lý do không thực hiện được"),
        ({"reported": "", "percent": "5"}, "Hãy chọn một mục."),
        ({"reported": "nonsense"}, "Cần sửa trước khi lưu"),
        ({"reported": "in_progress", "note": "x" * 5001}, "Dài quá"),
        ({"reported": "in_progress", "effective_on": "01/01/2030"}, "không được sau hôm nay"),
    ],
)
def test_wrong_report_is_told_beside_its_field(
    office: Office, task: int, values: dict[str, str], message: str
) -> None:
    client, key = office.client("officer"), assignment_of(task)
    answer = send(client, update_url(key), **{"evidence_number": "77/BC-GIU", **values})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert message in page
    assert "77/BC-GIU" in page
    assert db.session.scalar(select(func.count()).select_from(ProgressEntry)) == 0


def test_forbidden_file_is_told_and_the_rest_stays(office: Office, task: int) -> None:
    client, key = office.client("officer"), assignment_of(task)
    answer = send(
        client,
        update_url(key),
        reported="in_progress",
        percent="30",
        note="Đang làm phần hai",
        evidence_files=(io.BytesIO(b"<script>"), "x.html"),
    )
    assert answer.status_code == 422
    assert "Đang làm phần hai" in answer.get_data(as_text=True)
    assert db.session.scalar(select(func.count()).select_from(ProgressEntry)) == 0


def test_form_sent_twice_reports_once(office: Office, task: int) -> None:
    client, url = office.client("officer"), update_url(assignment_of(task))
    values = {**form_of(client, url), "reported": "in_progress", "percent": "40"}
    assert client.post(url, data=values).status_code == 302
    assert client.post(url, data=values).status_code == 302
    assert db.session.scalar(select(func.count()).select_from(ProgressEntry)) == 1


def test_stale_form_shows_both_and_may_be_sent_again(office: Office, task: int) -> None:
    client, url = office.client("officer"), update_url(assignment_of(task))
    values = {**form_of(client, url), "reported": "in_progress", "percent": "40", "note": "của tôi"}
    report(task, percent=70)
    answer = client.post(url, data=values)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert "70%" in page
    assert "của tôi" in page
    version = re.search(r'name="version"[^>]*value="(\d+)"', page)
    assert version is not None
    assert client.post(url, data={**values, "version": version[1]}).status_code == 302


def test_report_through_another_units_number_is_refused(office: Office, task: int) -> None:
    # Vikunja CVE-2026-55066, Kanboard CVE-2023-33968: a record reached by a number in the form.
    url = update_url(assignment_of(task))
    client = office.client("stranger")
    values = {"reported": "done", "done_on": "01/06/2026", **token(client)}
    answer = client.post(url, data=values)
    assert answer.status_code == 404
    assert db.session.scalar(select(func.count()).select_from(ProgressEntry)) == 0


def test_malformed_version_is_a_bad_request(office: Office, task: int) -> None:
    client, url = office.client("officer"), update_url(assignment_of(task))
    answer = send(client, url, reported="in_progress", percent="5", version="x")
    assert answer.status_code == 400


def test_panel_answer_refreshes_the_page(office: Office, task: int) -> None:
    client, url = office.client("officer"), update_url(assignment_of(task))
    shown = client.get(url, headers={"HX-Request": "true"})
    assert "<html" not in shown.get_data(as_text=True)
    values = {**form_of(client, url), "reported": "in_progress", "percent": "40"}
    answer = client.post(url, data=values, headers={"HX-Request": "true"})
    assert answer.headers["HX-Refresh"] == "true"


def test_next_stays_on_this_site(office: Office, task: int) -> None:
    client, url = office.client("officer"), update_url(assignment_of(task))
    answer = send(client, url, reported="in_progress", percent="4", next="//evil.example/")
    assert answer.headers["Location"] == f"/viec/{task}"


# -- deciding --------------------------------------------------------------------------------


def test_confirmation_by_another_person(office: Office) -> None:
    plan = make_plan(office.agency, needs_confirmation=True)
    task = make_task(plan, office.north, due_on=date(2026, 6, 5))
    report(task, done_on=date(2026, 6, 1), by=office.context("officer"))
    url = f"/viec/giao/{assignment_of(task)}/xac-nhan"
    assert office.client("head").get(url).status_code == 403
    client = office.client("coordinator")
    home = client.get("/").get_data(as_text=True)
    assert "chờ xác nhận" in home
    # What was done in time is not late because it waits for its confirmation.
    assert "Hạn 05/06/2026" in home
    assert "quá hạn" not in home
    assert send(client, url, decision="yes").status_code == 302
    assert db.session.get_one(Assignment, assignment_of(task)).confirmed_on == date(2026, 6, 16)


def test_nobody_confirms_his_own_report(office: Office) -> None:
    plan = make_plan(office.agency, needs_confirmation=True)
    task = make_task(plan, office.north)
    report(task, done_on=date(2026, 6, 1), by=office.context("coordinator"))
    url = f"/viec/giao/{assignment_of(task)}/xac-nhan"
    assert send(office.client("coordinator"), url, decision="yes").status_code == 422


def test_report_sent_back_needs_a_reason(office: Office) -> None:
    plan = make_plan(office.agency, needs_confirmation=True)
    task = make_task(plan, office.north)
    report(task, done_on=date(2026, 6, 1), by=office.context("officer"))
    url = f"/viec/giao/{assignment_of(task)}/xac-nhan"
    client = office.client("coordinator")
    assert send(client, url, decision="no").status_code == 422
    assert send(client, url, decision="no", note="Thiếu văn bản").status_code == 302
    assert db.session.get_one(Assignment, assignment_of(task)).reported is Reported.IN_PROGRESS


def test_extension_asked_and_approved(office: Office, task: int) -> None:
    key = assignment_of(task)
    url = f"/viec/giao/{key}/gia-han"
    client = office.client("head")
    assert send(client, url, new_due_on="01/06/2026", reason="chờ").status_code == 422
    assert send(client, url, new_due_on="30/06/2026", reason="Chờ kinh phí").status_code == 302
    assert send(client, url, new_due_on="30/07/2026", reason="Chờ kinh phí").status_code == 422
    asked = db.session.scalars(select(Extension)).one()
    decide = f"/viec/gia-han/{asked.id}"
    assert client.get(decide).status_code == 403
    coordinator = office.client("coordinator")
    assert "Chờ kinh phí" in coordinator.get("/").get_data(as_text=True)
    assert send(coordinator, decide, decision="yes").status_code == 302
    assignment = db.session.get_one(Assignment, key, populate_existing=True)
    assert (assignment.due_on, assignment.original_due_on) == (date(2026, 6, 30), date(2026, 6, 10))
    page = client.get(f"/viec/{task}").get_data(as_text=True)
    assert "đã gia hạn 1 lần" in page
    assert send(coordinator, decide, decision="yes").status_code == 422


def test_dispute_turns_the_row_from_red_and_is_decided(office: Office, task: int) -> None:
    key = assignment_of(task)
    with office.acting("head"):
        run(progress.open_dispute, OpenDispute(key, "Đã gửi báo cáo ngày 9/6"))
    assert "Đang tra soát" in office.client("leader").get("/viec").get_data(as_text=True)
    url = f"/viec/giao/{key}/ket-luan"
    client = office.client("coordinator")
    assert send(client, url, outcome="done", note="đúng").status_code == 422
    answer = send(client, url, outcome="done", done_on="09/06/2026", note="Có văn bản đến")
    assert answer.status_code == 302
    page = client.get("/viec").get_data(as_text=True)
    assert 'data-status="done"' in page


def test_urge_and_answer(office: Office, task: int) -> None:
    key = assignment_of(task)
    url = f"/viec/giao/{key}/don-doc"
    assert office.client("head").get(url).status_code == 403
    leader = office.client("leader")
    answer = send(leader, url, message="Báo cáo ngay", reply_by="18/06/2026")
    assert answer.status_code == 302
    head = office.client("head")
    assert "Báo cáo ngay" in head.get("/").get_data(as_text=True)
    assert "Bạn đã đôn đốc" in leader.get("/").get_data(as_text=True)
    urge = db.session.scalars(select(Urge)).one()
    reply = f"/viec/don-doc/{urge.id}/tra-loi"
    assert office.client("stranger").get(reply).status_code == 404
    assert send(head, reply, answer="Xong trong tuần").status_code == 302
    assert send(head, reply, answer="lần nữa").status_code == 422
    assert "Bạn đã đôn đốc" not in leader.get("/").get_data(as_text=True)


def test_bulk_urge_asks_then_does(office: Office, plan: int, task: int) -> None:
    second = make_task(plan, office.south)
    ids = [str(assignment_of(task)), str(assignment_of(second))]
    client = office.client("leader")
    form = {"action": "urge", "ids": ids, "next": "/viec", **token(client)}
    assert client.post("/viec/hang-loat", data=form).status_code == 200
    form |= {"confirm": "1", "message": "Khẩn trương", "reply_by": "01/01/2020"}
    assert client.post("/viec/hang-loat", data=form).status_code == 422
    form["reply_by"] = "20/06/2026"
    assert client.post("/viec/hang-loat", data=form).status_code == 302
    assert db.session.scalar(select(func.count()).select_from(Urge)) == 2


def test_bulk_with_one_row_out_of_reach_changes_nothing(
    office: Office, plan: int, task: int
) -> None:
    second = make_task(plan, office.south)
    form = {
        "action": "person",
        "ids": [str(assignment_of(task)), str(assignment_of(second))],
        "person_id": str(office.people["officer"]),
        "reason": "Phân công",
        "confirm": "1",
    }
    client = office.client("head")
    form |= token(client)
    assert client.post("/viec/hang-loat", data=form).status_code == 404
    named = select(func.count()).select_from(Assignment).where(Assignment.person_id.is_not(None))
    assert db.session.scalar(named) == 0
    form["ids"] = [str(assignment_of(task))]
    assert client.post("/viec/hang-loat", data=form).status_code == 302
    assert db.session.scalar(named) == 1


@pytest.mark.parametrize(
    "form",
    [{}, {"action": "delete"}, {"action": "urge", "ids": ["x"]}, {"action": "urge", "ids": ["0"]}],
)
def test_malformed_bulk_is_told(office: Office, form: dict[str, Any]) -> None:
    client = office.client("leader")
    answer = client.post("/viec/hang-loat", data={**form, **token(client)})
    assert answer.status_code == 400
    assert "Trang đã hết hạn" not in answer.get_data(as_text=True)


def test_extension_service_refuses_a_foreign_unit(office: Office, task: int) -> None:
    from tracker.core.errors import NotFound

    ask = AskExtension(assignment_of(task), date(2026, 7, 1), "x")
    with office.acting("stranger"), pytest.raises(NotFound):
        run(extensions.ask_extension, ask)


def test_unanswered_urges_are_counted(office: Office, task: int) -> None:
    with office.acting("leader") as context:
        run(urges.urge_units, UrgeUnits((assignment_of(task),), "Nhanh", date(2026, 6, 20)))
        assert urges.count_unanswered(db.session(), context.actor.access) == 1


# -- speed -----------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/", "/viec", "/viec?sort=age&unit={north}", "/viec/{task}"])
def test_queries_do_not_grow_with_rows(office: Office, plan: int, task: int, address: str) -> None:
    address = address.format(north=office.north, task=task)
    client = office.client("leader" if address.startswith("/viec") else "head")
    report(task, percent=10)
    client.get(address)
    with statements_sent() as few:
        assert client.get(address).status_code == 200
    for number in range(60):
        make_task(plan, office.north, title=f"Việc thêm {number}", due_on=date(2026, 6, 1))
    for percent in range(20, 40):
        report(task, percent=percent)
    with statements_sent() as many:
        assert client.get(address).status_code == 200
    assert len(many) == len(few), "\n".join(many)
    assert len(many) <= 12, "\n---\n".join(many)

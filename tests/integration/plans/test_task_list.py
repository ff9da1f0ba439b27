"""The list of tasks as of an earlier day, its filters, and the way to it from figures."""

from __future__ import annotations

import html
import re
from datetime import date, timedelta

import openpyxl
import pytest
from flask.testing import FlaskClient

from tests.factories.accounts import make_user, post, sign_in
from tests.factories.plans import assignment_of, make_plan, make_task, report
from tests.factories.units import make_unit
from tests.integration.plans.conftest import Office
from tracker.core.context import SYSTEM_ACTOR, Context, acting
from tracker.core.db import db
from tracker.core.rights import Role
from tracker.core.work import run
from tracker.plans import handover, progress
from tracker.plans.inputs import AssignPerson
from tracker.plans.models import Assignment, Plan
from tracker.plugins.descriptors import Handover
from tracker.web.contracts import contracts_of

DAY = "tai-ngay=2026-06-12"


def rows_of(client: FlaskClient, address: str) -> int:
    """Return how many rows the list at an address holds, by its first quick choice."""
    page = client.get(address).get_data(as_text=True)
    found = re.search(r"Tất cả\s*<span[^>]*>([0-9.]+)</span>", page)
    assert found is not None, address
    return int(found[1])


def links(page: str) -> list[str]:
    return [html.unescape(one) for one in re.findall(r'href="(/viec\?[^"]*)"', page)]


@pytest.fixture
def late(office: Office) -> int:
    """A task due on 10/6, finished on 14/6; today is 16/6."""
    plan = make_plan(office.agency)
    task = make_task(plan, office.north, title="Niêm yết thủ tục", due_on=date(2026, 6, 10))
    report(task, done_on=date(2026, 6, 14))
    return task


def test_a_list_of_an_earlier_day_shows_what_was_so_then(office: Office, late: int) -> None:
    client = office.client("officer")
    then = client.get(f"/viec?{DAY}").get_data(as_text=True)
    assert "Danh sách như cuối ngày 12/06/2026" in then
    assert "quá hạn 2 ngày" in then
    assert "Niêm yết thủ tục" in client.get(f"/viec?{DAY}&status=overdue").get_data(as_text=True)
    now = client.get("/viec").get_data(as_text=True)
    assert "Danh sách như cuối ngày" not in now
    assert "quá hạn" not in now
    assert "xong 14/06/2026" in now


def test_a_list_of_an_earlier_day_is_for_reading_only(office: Office, late: int) -> None:
    client = office.client("coordinator")
    page = client.get(f"/viec?{DAY}").get_data(as_text=True)
    assert "/viec/hang-loat" not in page
    assert "/cap-nhat" not in page
    # The day stays when filters change or go.
    assert 'name="tai-ngay" value="2026-06-12"' in page
    assert rows_of(client, "/viec?tai-ngay=2026-01-01") == 0
    today = client.get("/viec?tai-ngay=2026-06-16").get_data(as_text=True)
    assert "/viec/hang-loat" in today


def test_the_workbook_is_of_the_same_day(office: Office, late: int, tmp_path: object) -> None:
    answer = office.client("officer").get(f"/viec/xuat?{DAY}&status=overdue")
    assert answer.status_code == 200
    import io

    sheet = openpyxl.load_workbook(io.BytesIO(answer.data)).active
    assert sheet is not None
    cells = [str(cell.value) for row in sheet.iter_rows() for cell in row if cell.value]
    assert any("Tính đến ngày 12/06/2026" in cell for cell in cells)
    assert "Quá hạn" in cells
    # What is known as of now only is not told as of then.
    assert not {"Người thực hiện", "Số lần gia hạn", "Có minh chứng"} & set(cells)
    assert "Kế hoạch" in cells


@pytest.mark.parametrize(
    "query",
    [
        "tai-ngay=2026-06-17",
        "tai-ngay=9999-12-31",
        "tai-ngay=abc",
        "tai-ngay=01/01/0001",
        "from=20/06/2026&to=10/06/2026",
        "year=abc",
        "year=1",
        "scope=all",
    ],
)
def test_awkward_days_are_told(office: Office, query: str) -> None:
    assert office.client("leader").get(f"/viec?{query}").status_code == 400


def test_person_and_days_are_fields_of_the_list(office: Office, late: int) -> None:
    other = make_task(make_plan(office.agency), office.north, due_on=date(2026, 9, 1))
    with office.acting("head"):
        run(progress.assign_person, AssignPerson((assignment_of(other),), office.people["officer"]))
    client = office.client("head")
    page = client.get("/viec?from=01/08/2026&to=30/09/2026").get_data(as_text=True)
    assert 'name="from" value="01/08/2026"' in page
    assert 'name="to" value="30/09/2026"' in page
    person = "Phạm Thị Chuyên</option>"
    assert person in page
    assert rows_of(client, "/viec?from=01/08/2026&to=30/09/2026") == 1
    assert rows_of(client, f"/viec?person={office.people['officer']}") == 1
    # Of other units nobody is named.
    assert person not in office.client("stranger").get("/viec").get_data(as_text=True)


def test_several_reports_are_confirmed_at_once_with_a_reason(office: Office) -> None:
    plan = make_plan(office.agency, needs_confirmation=True)
    tasks = [make_task(plan, office.north, due_on=date(2026, 6, 30)) for _ in range(2)]
    for task in tasks:
        report(task, done_on=date(2026, 6, 1), by=office.context("officer"))
    client = office.client("coordinator")
    form = {"action": "confirm", "ids": [str(assignment_of(task)) for task in tasks]}
    asked = post(client, "/viec/hang-loat", form)
    assert asked.status_code == 200
    assert "Xác nhận hoàn thành 2 việc" in asked.get_data(as_text=True)
    assert post(client, "/viec/hang-loat", form | {"confirm": "1"}).status_code == 422
    form |= {"confirm": "1", "note": "Đã kiểm tra hồ sơ"}
    assert post(client, "/viec/hang-loat", form).status_code == 302
    for task in tasks:
        assert db.session.get_one(Assignment, assignment_of(task)).confirmed_on == date(2026, 6, 16)
    # What does not wait for it is told, and nothing is half done.
    again = post(client, "/viec/hang-loat", form)
    assert again.status_code == 422
    assert "không có báo cáo nào đang chờ xác nhận" in again.get_data(as_text=True)
    assert post(office.client("officer"), "/viec/hang-loat", form).status_code == 403


def test_figures_of_several_plans_lead_to_exactly_their_rows(office: Office) -> None:
    """A reader of reports finds behind each figure of a year as many rows as it counts."""
    elsewhere = make_unit("Sở Tư pháp", kind="department")
    for title in ("Một", "Hai"):
        plan = make_plan(office.agency, title=title)
        task = make_task(plan, office.north, due_on=date(2026, 6, 1))
        make_task(plan, elsewhere, due_on=date(2026, 6, 2))
        make_task(plan, office.south, due_on=date(2026, 12, 1))
    report(task, done_on=date(2026, 5, 30))
    # A plan of another agency in which one unit of ours takes part, and one of another year.
    others = make_plan(elsewhere)
    make_task(others, office.north, due_on=date(2026, 6, 3))
    make_task(others, elsewhere, coordinators=[office.north], due_on=date(2026, 6, 3))
    old = make_plan(office.agency, issued_on=date(2025, 1, 10))
    make_task(old, office.north, due_on=date(2025, 6, 1))
    client = office.client("leader")
    for day in ("", "&as_of=15/06/2026"):
        page = client.get(f"/tong-quan?year=2026{day}").get_data(as_text=True)
        assert "1/7" in page
        by_status = [one for one in links(page) if "status=overdue" in one and "unit=" not in one]
        assert by_status
        whole = [one for one in by_status if "from=" not in one and "to=" not in one]
        counts = {len(re.findall(r'<tr class="is-late"', text(client, one))) for one in whole}
        assert counts == {4}
        explained = re.search(r'href="(/so-lieu\?[^"]*scope=reports[^"]*)"', page)
        assert explained is not None
        answer = client.get(html.unescape(explained[1]))
        assert answer.status_code == 200
        words = " ".join(re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)).split())
        assert "1/7" in words
        assert ("tai-ngay=2026-06-15" in "".join(links(answer.get_data(as_text=True)))) is bool(day)


def text(client: FlaskClient, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.get_data(as_text=True)


def test_ages_of_overdue_work_lead_to_their_rows(office: Office) -> None:
    plan, today = make_plan(office.agency), date(2026, 6, 16)
    for days in (3, 7, 8, 30, 31, 60, 61):
        make_task(plan, office.north, due_on=today - timedelta(days=days))
    client = office.client("leader")
    page = text(client, "/tong-quan")
    ages = [one for one in links(page) if "from=" in one or "to=" in one]
    found = [len(re.findall(r'<tr class="is-late"', text(client, one))) for one in ages]
    assert found == [2, 2, 3]


def test_figures_of_a_period_lead_to_the_list_of_the_cut_off(office: Office) -> None:
    for _ in range(2):
        plan = make_plan(office.agency)
        task = make_task(plan, office.north, due_on=date(2026, 6, 1))
    report(task, done_on=date(2026, 6, 15))
    client = office.client("leader")
    page = text(client, "/bao-cao-ky?start=01/01/2026&end=14/06/2026")
    found = [one for one in links(page) if "status=overdue" in one]
    assert found
    assert "tai-ngay=2026-06-14" in found[0]
    assert len(re.findall(r'<tr class="is-late"', text(client, found[0]))) == 2
    # Of a window that has not closed there is no such day yet.
    still_open = text(client, "/bao-cao-ky?start=01/01/2026&end=31/12/2026")
    assert not [one for one in links(still_open) if "tai-ngay" in one]


def test_an_officer_who_opens_a_leaders_link_reads_as_an_officer(office: Office) -> None:
    make_task(make_plan(office.agency), office.north)
    make_task(make_plan(office.agency), office.south)
    client = office.client("officer")
    assert rows_of(client, "/viec?scope=reports&year=2026") == 1
    assert client.get("/so-lieu?scope=reports&year=2026").status_code == 200


def test_plans_are_asked_for_confirmation_in_bulk(office: Office) -> None:
    plans = [make_plan(office.agency) for _ in range(2)]
    client = office.app.test_client()
    sign_in(client, make_user(office.agency, Role.COORDINATOR))
    form = {
        "action": "confirmation",
        "rowid": [str(one) for one in plans],
        "confirmed": "1",
        "needs_confirmation": "1",
    }
    silent = post(client, "/quan-tri/ke-hoach/hang-loat/", form)
    assert silent.status_code == 422
    done = post(client, "/quan-tri/ke-hoach/hang-loat/", form | {"reason": "Theo quy chế"})
    assert done.status_code == 303
    db.session.rollback()
    assert all(db.session.get_one(Plan, one).needs_confirmation for one in plans)


def test_a_share_handed_over_since_stays_where_it_was_then(office: Office) -> None:
    """The report of a day counts it for the unit that led then, and the list of that day shows it.

    Who neither leads it now nor was named by the plan reads of it, but opens nothing.
    """
    plan = make_plan(office.agency)
    task = make_task(plan, office.north, title="Số hóa hồ sơ", due_on=date(2026, 6, 2))
    report(make_task(plan, office.south, due_on=date(2026, 3, 2)), done_on=date(2026, 3, 1))
    with acting(Context(SYSTEM_ACTOR, contracts_of(office.app).clock)):
        for giver, receiver, day in (
            (office.north, office.south, date(2026, 6, 1)),
            (office.south, office.agency, date(2026, 6, 10)),
        ):
            given = Handover("merge", day, "12/NQ-HĐND", {giver: [receiver]})
            assert run(handover.apply, given) == 1
    client = office.app.test_client()
    sign_in(client, make_user(office.south, Role.HEAD))
    for day, share, rows in (("2026-06-09", "1/2", 2), ("2026-06-10", "1/1", 1)):
        page = text(client, f"/tong-quan?as_of={day}")
        assert share in page
        listed = next(one for one in links(page) if "status=" in one)
        for address in (re.sub("status=[a-z]+", "", listed), f"/viec?tai-ngay={day}"):
            assert rows_of(client, address) == rows
            found = text(client, address)
            assert ("Số hóa hồ sơ" in found) is (rows == 2)
            assert f'href="/viec/{task}"' not in found
        for rule in ("plan", "due"):
            for scope in ("", "&scope=reports&year=2026"):
                found = text(client, f"/so-lieu?rule={rule}&as_of={day}{scope}")
                assert share in found
                assert ("Số hóa hồ sơ" in found) is (rows == 2)
                assert f'href="/viec/{task}"' not in found
    assert client.get(f"/viec/{task}").status_code == 404
    # The unit that the plan named opens it still, and so does who leads now.
    for who, day in (("head", "2026-05-31"), ("coordinator", "2026-06-09")):
        assert f'href="/viec/{task}"' in text(office.client(who), f"/viec?tai-ngay={day}")


def test_a_year_of_which_all_was_handed_over_is_looked_back_on(office: Office) -> None:
    """Who leads nothing of a plan any more reads the figures of the days on which he did.

    The overview, the period, the explained figure and the list agree; of today there is nothing.
    """
    plan = make_plan(office.agency, title="Kế hoạch đã bàn giao")
    make_task(plan, office.north, title="Số hóa hồ sơ", due_on=date(2026, 6, 2))
    make_task(plan, office.agency)
    with acting(Context(SYSTEM_ACTOR, contracts_of(office.app).clock)):
        for giver, receiver, day in (
            (office.north, office.south, date(2026, 6, 1)),
            (office.south, office.agency, date(2026, 6, 10)),
        ):
            run(handover.apply, Handover("merge", day, "12/NQ-HĐND", {giver: [receiver]}))
    client = office.app.test_client()
    sign_in(client, make_user(office.south, Role.HEAD))
    then = text(client, f"/tong-quan?as_of=2026-06-09&plan={plan}")
    figure = re.search(r'href="(/so-lieu\?[^"]*rule=plan[^"]*)"', then)
    assert figure is not None
    for page in (
        then,
        text(client, html.unescape(figure[1])),
        text(client, f"/bao-cao-ky?start=01/01/2026&end=09/06/2026&plan={plan}"),
    ):
        assert "0/1" in page
        assert "Kế hoạch đã bàn giao" in page
    listed = text(client, f"/viec?tai-ngay=2026-06-09&plan={plan}")
    assert "Mục số" not in listed
    assert "Số hóa hồ sơ" in listed
    assert "Chưa có kế hoạch nào" in text(client, "/tong-quan")
    for address in ("/tong-quan?", "/tong-quan?as_of=2026-06-10&", "/so-lieu?as_of=2026-05-31&"):
        assert client.get(f"{address}plan={plan}").status_code == 404, address

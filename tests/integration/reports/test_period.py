"""The period summary at its door: windows, indicators, sections, workbook, bad addresses."""

from __future__ import annotations

import html
import io
import re
from datetime import UTC, date, datetime
from urllib.parse import parse_qs, urlsplit

import openpyxl
import pytest
from flask.testing import FlaskClient

from tests.factories.accounts import make_user, sign_in
from tests.factories.plans import assignment_of, make_plan, make_task, report
from tests.factories.units import make_unit
from tests.integration.reports.test_overview import ROOT, text_of
from tracker.core.clock import FixedClock
from tracker.core.rights import Role
from tracker.core.work import Work, run
from tracker.plans.models import Decision, Extension, Urge
from tracker.settings.services import SaveSettings, save_settings

pytestmark = pytest.mark.usefixtures("system")


def leader_of(root: int, client: FlaskClient) -> None:
    """Sign a leader in."""
    sign_in(client, make_user(root, Role.LEADER))


def line(words: str, name: str) -> str:
    """Return what stands behind the name of an indicator, up to the next one."""
    found = words.split(name, 1)[1]
    return found.split("vì sao?", 2)[1].split(" + ")[0][:900]


def test_the_last_closed_window_is_shown_first(client: FlaskClient) -> None:
    """On 16/6/2026 the half year has just closed."""
    root = make_unit(ROOT)
    leader_of(root, client)
    words = text_of(client.get("/bao-cao-ky").data)
    assert "Báo cáo kỳ: 6 tháng đầu năm 2026" in words
    assert "Kỳ báo cáo: từ 15/12/2025 đến 14/06/2026." in words
    assert "So với kỳ từ 15/12/2025 đến 14/03/2026." in words


@pytest.mark.parametrize(
    ("query", "window"),
    [
        ("window=Y&year=2021", "từ 15/12/2020 đến 14/12/2021"),
        ("window=Q3&year=2026", "từ 15/06/2026 đến 14/09/2026"),
        ("year=2024", "từ 15/12/2023 đến 14/12/2024"),
        ("start=01/05/2026&end=20/5/2026", "từ 01/05/2026 đến 20/05/2026"),
        ("start=2026-05-01&end=2026-05-01", "từ 01/05/2026 đến 01/05/2026"),
    ],
)
def test_any_window_may_be_asked_for(client: FlaskClient, query: str, window: str) -> None:
    """By the instance's rules and a year, or from one day to another."""
    root = make_unit(ROOT)
    leader_of(root, client)
    page = client.get(f"/bao-cao-ky?{query}")
    assert page.status_code == 200
    assert f"Kỳ báo cáo: {window}." in text_of(page.data)


@pytest.mark.parametrize(
    "query",
    [
        "window=q9",
        "window=Q1&year=abc",
        "window=Q1&year=1",
        "start=01/05/2026",
        "end=01/05/2026",
        "start=02/05/2026&end=01/05/2026",
        "start=30/02/2026&end=01/05/2026",
        "start=01/01/0001&end=01/05/2026",
        "plan=x",
        "unit=-1",
    ],
)
def test_a_window_that_cannot_be_read_is_told(client: FlaskClient, query: str) -> None:
    """On the page and for the workbook."""
    root = make_unit(ROOT)
    leader_of(root, client)
    for path in ("/bao-cao-ky", "/bao-cao-ky/xuat"):
        assert client.get(f"{path}?{query}").status_code == 400, path


def busy(clock: FixedClock) -> int:
    """Make a plan with progress, an extension, urges and lag in the half year; return its root."""
    root = make_unit(ROOT)
    unit = make_unit("Phòng Nội vụ", "division", root)
    plan = make_plan(root, title="Kế hoạch CCHC năm 2026")
    clock.move_to(datetime(2026, 3, 20, 3, tzinfo=UTC))
    early = make_task(plan, unit, due_on=date(2026, 3, 31))
    late = make_task(plan, unit, due_on=date(2026, 2, 28))
    waiting = make_task(plan, unit, due_on=date(2026, 5, 1), title="=HYPERLINK(1)")
    make_task(plan, root, due_on=date(2026, 12, 1), title="Việc cuối năm")
    report(early, done_on=date(2026, 3, 10))
    report(late, done_on=date(2026, 3, 16))

    def more(work: Work, _data: None) -> None:
        share = assignment_of(waiting)
        work.session.add(
            Extension(
                assignment_id=share,
                old_due_on=date(2026, 5, 1),
                new_due_on=date(2026, 5, 20),
                reason="Chờ văn bản",
                state=Decision.REFUSED,
                requested_at=work.now,
                decided_at=work.now,
                decided_on=work.today,
            )
        )
        for answered in (work.now, None):
            work.session.add(
                Urge(
                    assignment_id=share,
                    message="Khẩn trương",
                    reply_by=date(2026, 3, 25),
                    urged_at=work.now,
                    answered_at=answered,
                )
            )

    run(more, None)
    clock.move_to(datetime(2026, 6, 16, 3, tzinfo=UTC))
    return root


def test_figures_say_numerator_denominator_and_rule(client: FlaskClient, clock: FixedClock) -> None:
    """At the cut-off of 14/6/2026 and in the window, against the first quarter."""
    leader_of(busy(clock), client)
    words = text_of(client.get("/bao-cao-ky").data)
    plan = words.index("Nhiệm vụ hoàn thành trên nhiệm vụ của kế hoạch")
    assert "Đếm theo nhiệm vụ của kế hoạch." in words[plan : plan + 200]
    assert "2/4 50,00%" in words[plan : plan + 700]
    assert "1/4 25,00%" in words[plan : plan + 700]
    assert "+25,00 điểm %" in words[plan : plan + 700]
    due = words.index("Phần việc hoàn thành trên phần việc đã đến hạn")
    assert "2/3 66,67%" in words[due : due + 700]
    late = words.index("Trong đó hoàn thành muộn")
    assert "1/2 50,00%" in words[late : late + 400]
    for name, shown in (
        ("Phần việc quá hạn", " 1 "),
        ("Đề nghị gia hạn", " 1 "),
        ("Gia hạn được đồng ý", " 0 "),
        ("Đôn đốc chưa được trả lời", " 1/2 50,00% "),
        ("Lượt cập nhật tiến độ", " 2 "),
        ("Độ trễ nhập liệu (trung vị)", " 7 "),
        ("Phần việc hoàn thành chưa có minh chứng", " 2/2 100,00% "),
    ):
        start = words.index(f"{name} vì sao?")
        assert shown in words[start : start + 420], name


def test_what_happened_in_the_window_leads_to_its_rows(
    client: FlaskClient, clock: FixedClock
) -> None:
    """Behind each count stand as many rows, what it names apart among them marked."""
    leader_of(busy(clock), client)
    page = client.get("/bao-cao-ky").get_data(as_text=True)
    links = re.findall(r'href="(/bao-cao-ky/phat-sinh[^"]*)"', page)
    found = {}
    for address in dict.fromkeys(html.unescape(one) for one in links):
        answer = client.get(address)
        assert answer.status_code == 200, address
        what = parse_qs(urlsplit(address).query)["what"][0]
        found[what] = text_of(answer.data)
    rows = {what: words.count("Kế hoạch CCHC năm 2026") - 1 for what, words in found.items()}
    assert rows == {"done": 2, "asked": 1, "approved": 0, "urged": 2, "entered": 2}
    assert found["done"].count("Hoàn thành muộn") == 1
    assert found["urged"].count("Chưa trả lời") == 1
    assert "Chờ văn bản" in found["asked"]
    assert client.get("/bao-cao-ky/phat-sinh?what=x").status_code == 400


def test_sections_sum_up_by_area_and_unit(client: FlaskClient, clock: FixedClock) -> None:
    """Each table ends with the sum of all its rows."""
    leader_of(busy(clock), client)
    words = text_of(client.get("/bao-cao-ky").data)
    assert "Chưa xếp lĩnh vực 4 2 50,00 1 Tổng cộng 4 2 50,00 1" in words
    assert "Phòng Nội vụ 3 3 2 66,67 1 2" in words
    assert "Tổng cộng 4 3 2 66,67 1 2" in words


def test_a_window_that_is_not_closed_says_so(client: FlaskClient) -> None:
    """Its figures still move."""
    root = make_unit(ROOT)
    leader_of(root, client)
    assert "Kỳ này chưa chốt" in text_of(client.get("/bao-cao-ky?window=Q3&year=2026").data)
    assert "Kỳ này chưa chốt" not in text_of(client.get("/bao-cao-ky?window=Q1&year=2026").data)


def test_the_printed_head_names_the_agency(client: FlaskClient) -> None:
    """As the layout of official documents has it, from the settings."""
    root = make_unit(ROOT)
    values = {
        "agency.name": "UBND thị xã Vĩnh Châu",
        "agency.parent_name": "UBND tỉnh Sóc Trăng",
        "agency.place": "Vĩnh Châu",
    }
    run(save_settings, SaveSettings(values))
    leader_of(root, client)
    words = text_of(client.get("/bao-cao-ky").data)
    assert "UBND tỉnh Sóc Trăng UBND thị xã Vĩnh Châu CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM" in words
    assert "Vĩnh Châu, ngày 16 tháng 6 năm 2026" in words
    assert "THỦ TRƯỞNG CƠ QUAN" in words


def test_the_workbook_holds_all_and_no_formula(client: FlaskClient, clock: FixedClock) -> None:
    """A sheet for each section and the list of tasks; a title that begins with '=' stays text."""
    leader_of(busy(clock), client)
    answer = client.get("/bao-cao-ky/xuat?window=H1&year=2026")
    assert answer.status_code == 200
    assert "attachment" in answer.headers["Content-Disposition"]
    book = openpyxl.load_workbook(io.BytesIO(answer.data))
    assert book.sheetnames[0] == "Chỉ tiêu"
    assert {"Kết quả theo lĩnh vực", "Kết quả theo đơn vị", "Phụ lục nhiệm vụ"} <= set(
        book.sheetnames
    )
    annex = book["Phụ lục nhiệm vụ"]
    rows = list(annex.iter_rows(min_row=3, values_only=True))
    titles = [row[2] for row in rows]
    assert titles[0] == "Nhiệm vụ"
    assert "=HYPERLINK(1)" in titles
    assert {row[7] for row in rows[1:]} == {
        "Hoàn thành",
        "Hoàn thành muộn",
        "Quá hạn",
        "Chưa thực hiện",
    }
    for sheet in book:
        assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row), sheet.title
    figures = book["Chỉ tiêu"]
    first = next(figures.iter_rows(min_row=4, max_row=4, values_only=True))
    assert first[3:6] == (2, 4, 0.5)


def test_a_head_reports_on_the_own_unit(client: FlaskClient, clock: FixedClock) -> None:
    """Page and workbook hold the subtree alone."""
    root = busy(clock)
    own = make_unit("Phòng Tư pháp", "division", root)
    plan = make_plan(root)
    make_task(plan, own, title="Việc tư pháp")
    sign_in(client, make_user(own, Role.HEAD))
    page = client.get("/bao-cao-ky")
    assert "Phòng Nội vụ" not in text_of(page.data)
    book = openpyxl.load_workbook(io.BytesIO(client.get("/bao-cao-ky/xuat").data))
    titles = [row[2] for row in book["Phụ lục nhiệm vụ"].iter_rows(min_row=4, values_only=True)]
    assert titles == ["Việc tư pháp"]


def test_the_version_of_the_plan_is_named(client: FlaskClient, clock: FixedClock) -> None:
    """Years and numbers come from the data."""
    leader_of(busy(clock), client)
    words = text_of(client.get("/bao-cao-ky?window=H1&year=2026").data)
    assert "Kế hoạch CCHC năm 2026" in words
    assert not re.search(r"năm 202[0-57-9]", words)

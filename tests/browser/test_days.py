"""Days of the people who use it: on a phone, by keyboard, without scripts, on paper."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.factories.accounts import make_user, sign_in
from tests.factories.plans import assignment_of, make_plan, make_task
from tests.factories.units import make_unit
from tests.support.browser import (
    VIEWPORTS,
    Complaints,
    LiveServer,
    NewPage,
    Viewport,
    axe,
    cookies_of,
    sideways_overflow,
)
from tracker.core.clock import FixedClock
from tracker.core.db import db
from tracker.core.rights import Role
from tracker.plans.models import Assignment, Evidence, Reported, Urge
from tracker.units.models import Unit, UnitKind

pytestmark = pytest.mark.browser

TITLE = "Rà soát thủ tục hành chính thuộc thẩm quyền giải quyết"
UPDATE = re.compile(f"^Cập nhật.*{TITLE}$")
# As long as the names that a decision on a merger gives.
LONG_NAME = (
    "Ban Quản lý dự án đầu tư xây dựng công trình giao thông, dân dụng và phát triển đô thị "
    "khu vực liên phường Đông Phương Yên"
)


@dataclass(frozen=True)
class Office:
    """A province with a department, its overdue task, and who works there."""

    unit: int
    task: int
    assignment: int
    enter: Callable[..., Page]


@pytest.fixture
def office(
    app: Flask, live_server: LiveServer, new_page: NewPage, clock: FixedClock, system: None
) -> Office:
    """One overdue task of a department, one due soon; `enter(role, viewport)` signs in."""
    province = make_unit("Tỉnh Lâm Đồng", UnitKind.PROVINCE)
    unit = make_unit("Sở Tư pháp", UnitKind.DEPARTMENT, province)
    make_unit(LONG_NAME, UnitKind.SERVICE_UNIT, province)
    plan = make_plan(province, title="Kế hoạch cải cách hành chính năm 2026")
    today = clock.today()
    task = make_task(plan, unit, title=TITLE, due_on=today - timedelta(days=5))
    make_task(plan, unit, title="Công khai thủ tục mới", due_on=today + timedelta(days=3))
    users = {
        Role.HEAD: make_user(unit, Role.HEAD, name="Lê Minh Đức"),
        Role.LEADER: make_user(province, Role.LEADER, name="Trần Thị Hà"),
        Role.COORDINATOR: make_user(province, Role.COORDINATOR, name="Nguyễn Quốc Bảo"),
    }

    def enter(role: Role, viewport: Viewport = "desktop", *, javascript: bool = True) -> Page:
        client = app.test_client()
        sign_in(client, users[role])
        return new_page(viewport, cookies=cookies_of(client, live_server), javascript=javascript)

    return Office(unit, task, assignment_of(task), enter)


def assignment(office: Office) -> Assignment:
    db.session.rollback()
    return db.session.get_one(Assignment, office.assignment)


# -- the department head ----------------------------------------------------------------------


def test_head_reports_a_task_as_done_in_three_taps(office: Office, clock: FixedClock) -> None:
    page = office.enter(Role.HEAD, "phone")
    page.goto("/")
    late = page.get_by_role("region", name="Quá hạn").or_(
        page.locator("section", has=page.get_by_role("heading", name="Quá hạn"))
    )
    expect(late.first.get_by_role("link", name=TITLE, exact=True)).to_be_visible()
    taps = 0

    page.get_by_role("link", name=UPDATE).tap()
    taps += 1
    panel = page.locator("#panel")
    panel.get_by_text("Đã hoàn thành", exact=True).tap()
    taps += 1
    panel.get_by_label("Số, ký hiệu").fill("412/BC-STP")
    panel.get_by_label("Ngày văn bản").fill("12/6/2026")
    assert axe(page) == []
    assert sideways_overflow(page) == 0
    panel.get_by_role("button", name="Lưu cập nhật").tap()
    taps += 1
    expect(page.locator("#panel")).to_be_empty()
    assert taps == 3

    kept = assignment(office)
    assert (kept.reported, kept.percent, kept.done_on) == (Reported.DONE, 100, clock.today())
    assert db.session.query(Evidence).one().number == "412/BC-STP"
    page.goto(f"/viec/{office.task}")
    timeline = page.locator(".timeline")
    expect(timeline).to_contain_text("Báo đã hoàn thành")
    expect(timeline).to_contain_text("412/BC-STP")
    expect(timeline).to_contain_text("Lê Minh Đức")


def test_choices_fold_on_a_phone_and_open_to_stay(office: Office) -> None:
    """The figure comes first; opening the choices asks the server nothing."""
    page = office.enter(Role.LEADER, "phone")
    for path, field in (("/tong-quan", "Tính đến ngày"), ("/viec", "Mọi kế hoạch")):
        page.goto(path)
        choices = page.locator(".filter-more").get_by_label(field)
        expect(choices).to_be_hidden()
        if path == "/tong-quan":
            figure = page.locator(".lead-figure").bounding_box()
            assert figure is not None
            assert figure["y"] + figure["height"] < VIEWPORTS["phone"][1] / 2
        asked: list[str] = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.get_by_text("Bộ lọc", exact=True).tap()
        expect(choices).to_be_visible()
        assert [one for one in asked if path in one] == []
        assert axe(page) == []
        assert sideways_overflow(page) == 0


def test_leader_urges_from_the_overview_and_the_head_answers(office: Office) -> None:
    leader = office.enter(Role.LEADER)
    leader.goto("/tong-quan")
    leader.get_by_role("link", name=f"Đôn đốc {TITLE}").click()
    panel = leader.locator("#panel")
    panel.get_by_label("Nội dung đôn đốc").fill("Báo cáo nguyên nhân chậm.")
    assert axe(leader) == []
    panel.get_by_role("button", name="Gửi đôn đốc").click()
    expect(panel).to_be_empty()
    leader.goto("/")
    waiting = leader.locator("section", has=leader.get_by_role("heading", name="chờ trả lời"))
    expect(waiting.get_by_role("link", name=TITLE)).to_be_visible()

    head = office.enter(Role.HEAD, "phone")
    head.goto("/")
    expect(head.get_by_text("Báo cáo nguyên nhân chậm.")).to_be_visible()
    head.get_by_role("link", name=TITLE, exact=True).tap()
    head.get_by_role("link", name="Trả lời").tap()
    head.locator("#panel").get_by_role("textbox", name="Trả lời").fill(
        "Chờ ý kiến thẩm định, xong trước 30/6."
    )
    head.locator("#panel").get_by_role("button", name="Gửi trả lời").tap()
    expect(head.locator("#panel")).to_be_empty()
    db.session.rollback()
    assert db.session.query(Urge).one().answer == "Chờ ý kiến thẩm định, xong trước 30/6."

    leader.goto("/")
    expect(leader.get_by_role("heading", name="chờ trả lời")).to_have_count(0)


# -- by keyboard --------------------------------------------------------------------------------


def test_everything_is_reached_by_keyboard(office: Office) -> None:
    page = office.enter(Role.HEAD)
    page.goto("/")
    press = page.keyboard.press

    press("Tab")
    skip = page.get_by_role("link", name="Đến nội dung chính")
    expect(skip).to_be_focused()
    press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"

    press("/")
    search = page.get_by_role("searchbox")
    expect(search).to_be_focused()
    page.keyboard.type("so tu phap")
    press("Enter")
    page.wait_for_url("**/tim?q=so+tu+phap")
    expect(page.get_by_role("link", name="Sở Tư pháp").first).to_be_visible()

    page.goto("/")
    menu = page.get_by_role("navigation", name="Trình đơn chính")
    menu.get_by_role("link", name="Nhiệm vụ").focus()
    press("Enter")
    page.wait_for_url("**/viec")

    update = page.get_by_role("link", name=UPDATE)
    update.focus()
    press("Enter")
    heading = page.locator("#panel").get_by_role("heading", name="Cập nhật tiến độ")
    expect(heading).to_be_focused()
    press("Escape")
    expect(page.locator("#panel")).to_be_empty()
    expect(update).to_be_focused()

    press("Enter")
    expect(heading).to_be_focused()
    chosen = page.locator("#panel input[type=radio]:checked")
    for _attempt in range(12):
        if page.evaluate("document.activeElement.type") == "radio":
            break
        press("Tab")
    expect(chosen).to_have_value("in_progress")
    press("ArrowRight")
    expect(chosen).to_have_value("done")
    press("ArrowLeft")
    expect(chosen).to_have_value("in_progress")
    page.locator("#panel").get_by_label("Kết quả, vướng mắc").focus()
    page.keyboard.type("Đã lấy ý kiến.")
    press("Tab")
    page.locator("#panel").get_by_role("button", name="Lưu cập nhật").focus()
    press("Enter")
    expect(page.locator("#panel")).to_be_empty()
    assert assignment(office).reported is Reported.IN_PROGRESS


# -- without scripts ----------------------------------------------------------------------------


def test_head_works_without_scripts(office: Office) -> None:
    page = office.enter(Role.HEAD, "phone", javascript=False)
    page.goto("/viec")
    page.locator(".filter-toggle-label").click()
    page.get_by_role("searchbox").last.fill("ra soat")
    page.get_by_role("button", name="Lọc", exact=True).click()
    assert "q=ra+soat" in page.url
    expect(page.get_by_role("link", name=TITLE, exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Công khai thủ tục mới", exact=True)).to_have_count(0)

    page.get_by_role("link", name=UPDATE).click()
    page.get_by_text("Đã hoàn thành", exact=True).click()
    page.get_by_label("Số, ký hiệu").fill("7/BC-STP")
    page.get_by_label("Ngày văn bản").fill("12/06/2026")
    page.get_by_role("button", name="Lưu cập nhật").click()
    assert "q=ra+soat" in page.url
    assert assignment(office).reported is Reported.DONE


def test_unit_is_renamed_without_scripts(office: Office) -> None:
    page = office.enter(Role.COORDINATOR, javascript=False)
    page.goto(f"/don-vi/sap-xep/doi-ten?don-vi={office.unit}")
    page.get_by_label("Tên mới").fill("Sở Tư pháp và Pháp chế")
    page.get_by_label("Ngày hiệu lực").fill("16/06/2026")
    page.get_by_role("button", name="Xem trước").last.click()
    expect(page.get_by_role("heading", name=re.compile("^Xem trước"))).to_be_visible()
    expect(page.get_by_role("cell", name="Sở Tư pháp và Pháp chế")).to_be_visible()
    page.get_by_label("Số quyết định").fill("12/QĐ-UBND")
    page.get_by_label("Ngày ký").fill("10/06/2026")
    page.locator("form button[name=step][value=apply]").click()
    db.session.rollback()
    assert db.session.get_one(Unit, office.unit).name == "Sở Tư pháp và Pháp chế"


# -- language, theme, zoom, paper ---------------------------------------------------------------


def test_language_and_theme_stay(office: Office) -> None:
    page = office.enter(Role.HEAD)
    page.goto("/viec")
    page.get_by_role("button", name="English").first.click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert page.url.endswith("/viec")
    page.locator(".pref-theme summary").click()
    page.locator(".pref-theme button[value=dark]").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    assert sum(int(part) for part in re.findall(r"\d+", dark)[:3]) < 150

    again = office.enter(Role.HEAD, "phone")
    again.goto("/")
    expect(again.locator("html")).to_have_attribute("lang", "en")
    expect(again.locator("html")).to_have_attribute("data-theme", "dark")
    assert again.evaluate(background) == dark


@pytest.mark.parametrize("path", ["/don-vi", "/tong-quan", "/viec", "/ke-hoach"])
def test_pages_hold_at_double_size_and_with_long_names(office: Office, path: str) -> None:
    """A window of 1366 at 200 % is 683 wide; a phone's shows names of 120 characters."""
    assert len(LONG_NAME) > 120
    page = office.enter(Role.COORDINATOR)
    for width in (683, 360):
        page.set_viewport_size({"width": width, "height": 384})
        page.goto(path)
        assert sideways_overflow(page) == 0


@pytest.mark.parametrize("path", ["/tong-quan", "plan"])
def test_paper_has_no_shell(office: Office, path: str, complaints: Complaints) -> None:
    page = office.enter(Role.LEADER)
    if path == "plan":
        page.goto("/ke-hoach")
        page.get_by_role("link", name="Kế hoạch cải cách hành chính năm 2026").click()
    else:
        page.goto(path)
    expect(page.locator("nav.menu")).to_be_visible()
    page.emulate_media(media="print")
    for part in ("nav.menu", ".topbar", ".bottombar", ".page-actions", ".filter-bar"):
        for one in page.locator(part).all():
            expect(one).to_be_hidden()
    expect(page.locator("h1")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") in {
        "rgb(255, 255, 255)",
        "rgba(0, 0, 0, 0)",
    }
    font = page.evaluate("getComputedStyle(document.body).fontFamily")
    assert "Tinos" in font

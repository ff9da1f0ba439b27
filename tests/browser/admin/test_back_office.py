"""The back office in a real browser: looks, accessibility, weight, keyboard, two people at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, Response

from tests.factories.accounts import make_user, sign_in
from tests.factories.plans import make_plan, make_task
from tests.factories.units import make_unit, make_unit_set
from tests.support.browser import (
    Complaints,
    LiveServer,
    NewPage,
    Viewport,
    axe,
    cookies_of,
    sideways_overflow,
)
from tracker.core.db import db
from tracker.core.rights import Role
from tracker.units.models import Unit, UnitKind

HEAVIEST = 300_000


@dataclass(frozen=True)
class Office:
    """Records to look at, and the sessions of two people."""

    commune: int
    administrator: list[Any]
    coordinator: list[Any]


@pytest.fixture
def office(system: None, app: Flask, live_server: LiveServer) -> Office:
    """A province with communes, plans and rows."""
    province = make_unit("Tỉnh Đồng Tháp", UnitKind.PROVINCE)
    communes = [make_unit(f"Xã số {number}", parent=province) for number in range(1, 25)]
    make_unit_set("Mọi xã", under=province)
    plan = make_plan(province, title="Kế hoạch cải cách hành chính năm 2026")
    for unit in communes[:5]:
        make_task(plan, unit)
    cookies = []
    for role in (Role.ADMINISTRATOR, Role.COORDINATOR):
        client = app.test_client()
        sign_in(client, make_user(province, role, name=f"Người {role.value}"))
        cookies.append(cookies_of(client, live_server))
    return Office(communes[0], *cookies)


@pytest.mark.parametrize("viewport", ["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True])
def test_pages_are_accessible_and_fit_their_window(
    viewport: Viewport, dark: bool, office: Office, new_page: NewPage
) -> None:
    for_administrator = (
        "/",
        "/don-vi/?kind=commune&state=living&page_size=20",
        f"/don-vi/xem/?id={office.commune}",
        f"/don-vi/sua/?id={office.commune}",
        "/nhom-don-vi/sua/?id=1",
        "/quyen/",
        "/ngay-nghi/them/",
        "/nhat-ky/",
        "/viec-tu-dong/",
    )
    for_coordinator = ("/ke-hoach/", "/ke-hoach/xem/?id=1", "/nhiem-vu/", "/phan-cong/")
    both = ((office.administrator, for_administrator), (office.coordinator, for_coordinator))
    for cookies, paths in both:
        page = new_page(viewport, dark=dark, cookies=cookies)
        for path in paths:
            answer = page.goto(f"/quan-tri{path}")
            assert answer is not None
            assert answer.status == 200, path
            assert axe(page) == [], path
            assert sideways_overflow(page) == 0, path


def test_a_first_visit_with_a_cold_cache_is_light(office: Office, new_page: NewPage) -> None:
    page = new_page(cookies=office.administrator)
    answers: list[Response] = []

    def note(answer: Response) -> None:
        answers.append(answer)

    page.on("response", note)
    page.goto("/quan-tri/don-vi/", wait_until="networkidle")
    weight = sum(int(answer.request.sizes()["responseBodySize"]) for answer in answers)
    assert 0 < weight < HEAVIEST
    assert not [one.url for one in answers if "jquery" in one.url or "select2" in one.url]


def test_a_record_is_put_right_beside_the_list(office: Office, new_page: NewPage) -> None:
    page = new_page(cookies=office.administrator)
    page.goto("/quan-tri/don-vi/?kind=commune&q=xa+so+1")
    page.locator("td.a a").first.click()
    page.get_by_role("heading", name="Sửa Xã số 1").wait_for()
    assert axe(page) == []
    page.locator("#panel").get_by_label("Tên ngắn").fill("Số một")
    page.locator("#panel").get_by_role("button", name="Lưu thay đổi").click()
    page.get_by_text("Đã lưu.").wait_for()
    db.session.rollback()
    assert db.session.get_one(Unit, office.commune).short_name == "Số một"


@pytest.mark.parametrize("javascript", [True, False])
def test_two_people_at_once_see_both_versions(
    javascript: bool, office: Office, new_page: NewPage, complaints: Complaints
) -> None:
    complaints.expect("409")
    path = f"/quan-tri/don-vi/sua/?id={office.commune}"
    mine = new_page("phone", cookies=office.administrator, javascript=javascript)
    theirs = new_page(cookies=office.coordinator)
    mine.goto(path)
    theirs.goto(path)
    _save(theirs, "Tên của người kia")
    theirs.get_by_text("Đã lưu.").wait_for()
    mine.get_by_label("Chức danh người đứng đầu").fill("Chủ tịch")
    _save(mine, "Tên của tôi")
    mine.get_by_role("heading", name="Hai người cùng sửa: Xã số 1").wait_for()
    if javascript:
        assert axe(mine) == []
        assert sideways_overflow(mine) == 0
    assert mine.get_by_text("Tên của người kia").is_visible()
    assert mine.locator("[name=short_name]").input_value() == "Tên của tôi"
    mine.get_by_role("radio", name="Bản của bạn").check()
    mine.get_by_role("button", name="Lưu các bản đã chọn").click()
    mine.get_by_text("Đã lưu.").wait_for()
    db.session.rollback()
    unit = db.session.get_one(Unit, office.commune)
    assert (unit.short_name, unit.head_title) == ("Tên của tôi", "Chủ tịch")


def _save(page: Page, short_name: str) -> None:
    page.get_by_label("Tên ngắn").fill(short_name)
    page.get_by_role("button", name="Lưu thay đổi").click()


def test_picked_rows_are_changed_after_a_question(
    office: Office, new_page: NewPage, complaints: Complaints
) -> None:
    complaints.expect("422")
    page = new_page("phone", cookies=office.coordinator)
    page.goto("/quan-tri/nhiem-vu/")
    for number in range(2):
        page.locator("[data-check]").nth(number).check()
    page.get_by_role("button", name="Đổi lĩnh vực").click()
    page.get_by_text("Xếp những dòng này vào cùng một lĩnh vực.").wait_for()
    assert axe(page) == []
    assert sideways_overflow(page) == 0
    assert page.locator(".admin-picked li").count() == 2
    page.get_by_role("button", name="Đổi lĩnh vực (2 dòng)").click()
    page.get_by_role("heading", name="Cần sửa trước khi lưu").wait_for()


def test_a_deletion_asks_in_words_without_a_script(office: Office, new_page: NewPage) -> None:
    """Stock Flask-Admin asks by inline script, which the content security policy blocks."""
    page = new_page(cookies=office.administrator, javascript=False)
    page.goto("/quan-tri/nhom-don-vi/xem/?id=1")
    button = page.get_by_role("button", name="Xóa", exact=True)
    assert not button.is_visible()
    page.locator("summary", has_text="Xóa").click()
    page.get_by_text("Xóa “Mọi xã”?").wait_for()
    button.click()
    page.get_by_text("Đã xóa.").wait_for()

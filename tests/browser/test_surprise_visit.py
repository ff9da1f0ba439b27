"""A team member logs a surprise visit on a phone of 360x740, saved at each answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, Route, expect
from sqlalchemy import func, select

from tests.factories.accounts import make_user, sign_in
from tests.factories.inspections import items_of, photo, sync_checklists
from tests.factories.units import make_unit
from tests.support.browser import Complaints, LiveServer, NewPage, axe, sideways_overflow
from tracker.core.db import db
from tracker.core.rights import Role
from tracker.files.models import Attachment
from tracker.inspections.models import Finding, Visit, VisitAnswer, VisitState
from tracker.units.models import UnitKind

pytestmark = pytest.mark.browser


@pytest.fixture
def inspector(app: Flask, system: None) -> int:
    """A member of the standing team, and a commune to visit."""
    province = make_unit("Tỉnh Lâm Đồng", UnitKind.PROVINCE)
    make_unit("Xã Đạ Tẻh", UnitKind.COMMUNE, province)
    sync_checklists()
    return make_user(province, Role.INSPECTOR, name="Trần Thị An")


@pytest.fixture
def handset(app: Flask, live_server: LiveServer, new_page: NewPage, inspector: int) -> Page:
    """The inspector's phone, signed in."""
    client = app.test_client()
    sign_in(client, inspector)
    name = app.config["SESSION_COOKIE_NAME"]
    cookie = client.get_cookie(name)
    assert cookie is not None
    return new_page(
        "phone", cookies=[{"name": name, "value": cookie.value, "url": live_server.url}]
    )


def look(page: Page) -> None:
    """Fail on anything that axe finds, or when the page is wider than the phone."""
    assert axe(page) == []
    assert sideways_overflow(page) == 0


def answers() -> int:
    """Return how many answers the database has."""
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(VisitAnswer)) or 0


def begin(page: Page) -> int:
    """Make the visit on its one screen; return its number."""
    page.goto("/kiem-tra/moi")
    look(page)
    unit = page.get_by_label("Đơn vị được kiểm tra")
    unit.fill("da teh")
    page.get_by_role("option", name="Xã Đạ Tẻh").click()
    page.get_by_role("button", name="Bắt đầu").click()
    page.wait_for_url(re.compile(r"/kiem-tra/\d+$"))
    return int(page.url.rpartition("/")[2])


def answer(page: Page, item: int, label: str) -> None:
    """Tap an answer and wait for its tick."""
    article = page.locator(f"#muc-{item}")
    article.get_by_role("radio", name=label, exact=True).check()
    expect(article.locator(".item-after")).to_contain_text("Đã lưu")


def record_finding(page: Page, item: int, words: str, pictures: list[Path]) -> None:
    """Open the form from the failed item, add words and photos, save."""
    page.locator(f"#muc-{item}").get_by_role("link", name="Ghi phát hiện").click()
    expect(page.get_by_label("Nội dung cần khắc phục")).to_have_value(re.compile("^Không đạt: "))
    look(page)
    page.get_by_label("Nội dung cần khắc phục").fill(words)
    page.locator("#photos").set_input_files([str(path) for path in pictures])
    page.get_by_role("button", name="Lưu phát hiện").click()
    page.wait_for_url(re.compile(rf"/kiem-tra/\d+#muc-{item}$"))


def test_surprise_visit_is_logged_on_a_phone(handset: Page, tmp_path: Path) -> None:
    page = handset
    visit_id = begin(page)
    look(page)
    items = [item.id for item in items_of(visit_id)]
    assert len(items) == 22

    for label, count in (("Có mặt", "40"), ("Vắng có lý do", "3"), ("Vắng không lý do", "1")):
        page.get_by_label(label, exact=False).first.fill(count)
        page.get_by_label(label, exact=False).first.blur()
    page.get_by_label("Lúc mấy giờ").fill("7:15")
    page.get_by_label("Lúc mấy giờ").blur()
    expect(page.locator("#count-quan-so svg")).to_be_visible()

    for item in items[:10]:
        answer(page, item, "Không đạt" if item in items[:2] else "Đạt")
    assert answers() == 10
    page.reload()
    assert page.locator(".answer input:checked").count() == 10
    expect(page.locator("#visit-progress")).to_contain_text("10/22")
    expect(page.get_by_label("Có mặt", exact=False).first).to_have_value("40")
    for item in items[10:]:
        answer(page, item, "Không áp dụng" if item == items[-1] else "Đạt")
    assert answers() == 22

    pictures = []
    for number in range(3):
        path = tmp_path / f"anh-{number}.jpg"
        path.write_bytes(photo(1800 + number))
        pictures.append(path)
    record_finding(page, items[0], "Bảng niêm yết thiếu 3 thủ tục", pictures[:2])
    record_finding(page, items[1], "Mã QR không mở được", pictures[2:])
    look(page)

    page.get_by_role("link", name="Kết thúc").click()
    expect(page.get_by_text("Đã ghi đủ các mục bắt buộc.")).to_be_visible()
    look(page)
    page.get_by_label("Kết luận của đoàn").fill("Yêu cầu khắc phục trong 15 ngày.")
    page.get_by_role("button", name="Kết thúc cuộc kiểm tra").click()
    expect(page.get_by_text("Đã kết thúc cuộc kiểm tra.")).to_be_visible()
    look(page)

    db.session.rollback()
    visit = db.session.get_one(Visit, visit_id)
    assert visit.state is VisitState.FINISHED
    assert (visit.present, visit.absent_with_reason, visit.absent_without_reason) == (40, 3, 1)
    assert db.session.scalar(select(func.count()).select_from(Finding)) == 2
    assert db.session.scalar(select(func.count()).select_from(Attachment)) == 3


def test_answer_without_signal_is_kept_and_sent_later(
    handset: Page, complaints: Complaints
) -> None:
    complaints.expect("ERR_FAILED|ERR_INTERNET_DISCONNECTED|net::")
    page = handset
    visit_id = begin(page)
    first, second = (item.id for item in items_of(visit_id)[:2])

    def drop(route: Route) -> None:
        route.abort()

    page.route("**/tra-loi/*", drop)
    page.locator(f"#muc-{first}").get_by_role("radio", name="Đạt", exact=True).check()
    expect(page.locator("#unsent")).to_contain_text("Còn 1 mục chưa gửi")
    page.locator(f"#muc-{second}").get_by_role("radio", name="Không đạt", exact=True).check()
    page.locator(f"#muc-{first}").get_by_role("radio", name="Không áp dụng", exact=True).check()
    expect(page.locator("#unsent")).to_contain_text("Còn 2 mục chưa gửi")
    assert answers() == 0
    page.reload()
    expect(page.locator("#unsent")).to_contain_text("Còn 2 mục chưa gửi")
    expect(page.locator(f"#muc-{first} input[value=not_applicable]")).to_be_checked()
    page.unroute("**/tra-loi/*", drop)
    page.evaluate("() => window.dispatchEvent(new Event('online'))")
    expect(page.locator(f"#after-{first}")).to_contain_text("Đã lưu")
    expect(page.locator(f"#after-{second}")).to_contain_text("Đã lưu")
    expect(page.locator("#unsent")).to_be_hidden()
    assert answers() == 2


def test_visit_can_be_logged_without_scripts(
    app: Flask, live_server: LiveServer, new_page: NewPage, inspector: int
) -> None:
    from tests.factories.inspections import make_visit

    client = app.test_client()
    sign_in(client, inspector)
    name = app.config["SESSION_COOKIE_NAME"]
    cookie = client.get_cookie(name)
    assert cookie is not None
    page = new_page(
        "phone",
        javascript=False,
        cookies=[{"name": name, "value": cookie.value, "url": live_server.url}],
    )
    unit = make_unit("Xã Cát Tiên", UnitKind.COMMUNE)
    visit_id = make_visit(unit, inspector)
    item = items_of(visit_id)[0].id
    page.goto(f"/kiem-tra/{visit_id}")
    page.locator(f"#muc-{item}").get_by_role("radio", name="Đạt", exact=True).check()
    page.locator(f"#muc-{item}").get_by_role("button", name="Lưu").click()
    page.wait_for_url(re.compile(rf"/kiem-tra/\d+#muc-{item}$"))
    assert answers() == 1

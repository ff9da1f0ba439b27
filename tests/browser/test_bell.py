"""The bell rings on a page that stands open, and what rings can be read on a phone."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from playwright.sync_api import expect

from tests.factories.accounts import make_user, sign_in
from tests.factories.notices import tell_people
from tests.factories.units import make_unit
from tests.support.browser import (
    LiveServer,
    NewPage,
    axe,
    cookies_of,
    sideways_overflow,
)
from tracker.core.clock import FixedClock
from tracker.core.rights import Role
from tracker.core.work import run
from tracker.settings.services import SaveSettings, save_settings

pytestmark = pytest.mark.browser

LONG = "Rà soát, đơn giản hóa thủ tục hành chính thuộc thẩm quyền giải quyết của các sở " * 2


def test_bell_rings_without_reloading_and_the_list_fits_a_phone(
    app: Flask, live_server: LiveServer, new_page: NewPage, clock: FixedClock, system: None
) -> None:
    head = make_user(make_unit("Sở Nội vụ", "department"), Role.HEAD)
    run(save_settings, SaveSettings({"notices.poll_seconds": 5}))
    client = app.test_client()
    sign_in(client, head)
    page = new_page("phone", cookies=cookies_of(client, live_server))
    page.goto(f"{live_server.url}/viec")
    bell = page.locator("#bell")
    expect(bell.locator(".bell-count")).to_have_count(0)
    page.evaluate("window.stays = true")
    tell_people([head], key="1", page=("plans.list_tasks", {}), task=LONG)
    expect(bell.locator(".bell-count")).to_have_text("1", timeout=20_000)
    assert page.evaluate("window.stays")
    bell.get_by_role("link", name="1 thông báo chưa đọc").click()
    expect(page).to_have_url(re.compile("/thong-bao$"))
    assert sideways_overflow(page) == 0
    assert axe(page) == []
    page.get_by_role("link", name=re.compile("^Bạn được giao")).click()
    expect(page).to_have_url(re.compile("/viec$"))
    expect(page.locator(".bell-count")).to_have_count(0)

"""An administrator starts a job by hand and watches it run, with a script and without one."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.factories.accounts import make_user, sign_in
from tests.factories.units import make_unit
from tests.support.browser import LiveServer, NewPage, Viewport, axe, cookies_of, sideways_overflow
from tracker.core.clock import FixedClock
from tracker.core.rights import Role
from tracker.core.work import run
from tracker.jobs import ledger
from tracker.jobs.calls import Call
from tracker.jobs.models import RunState

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("system")]

NAME = "Neo nhật ký"


@pytest.fixture
def browser_of(app: Flask, live_server: LiveServer, new_page: NewPage, system: None) -> NewPage:
    """Open an administrator's browsers."""
    client = app.test_client()
    sign_in(client, make_user(make_unit("Tỉnh Lâm Đồng"), Role.ADMINISTRATOR))

    def open_one(viewport: Viewport = "desktop", **more: Any) -> Page:
        return new_page(viewport, cookies=cookies_of(client, live_server), **more)

    return open_one


def start(page: Page) -> None:
    """Start the job by hand, from the menu on."""
    page.goto("/viec-tu-dong")
    page.get_by_role("link", name=re.compile(f"Chạy ngay.*{NAME}")).click()
    page.get_by_label(re.compile("Lý do")).fill("Trước khi sao lưu")
    page.get_by_role("button", name="Chạy ngay").click()
    expect(page.get_by_text("Đang chờ", exact=True)).to_be_visible()


def claim() -> Call:
    """Be the job process that takes the run."""
    claimed = run(ledger.claim_run, ledger.Claim("may-1:7:ab12cd", 30, ["audit.anchor"]))
    assert claimed is not None
    return Call(claimed, every=0)


def test_run_is_watched_live_until_it_ended(browser_of: NewPage, clock: FixedClock):
    page = browser_of()
    start(page)
    call = claim()
    call.say("Đọc nhật ký từ đầu.")
    call.progress(1200, 4000, "Đang kiểm tra chuỗi")
    expect(page.get_by_text("1.200 trong 4.000")).to_be_visible()
    expect(page.get_by_text("Đọc nhật ký từ đầu.")).to_be_visible()
    assert axe(page) == []
    call.progress(4000, 4000, "Đang ghi neo")
    expect(page.get_by_text("4.000 trong 4.000")).to_be_visible()
    clock.advance(seconds=9)
    call.end(RunState.DONE, "Đã neo số 12.")
    expect(page.get_by_text("Đã neo số 12.")).to_be_visible()
    expect(page.get_by_text("Đã chạy", exact=True)).to_be_visible()
    for look in (page, browser_of("phone", locale="en-GB")):
        for address in (page.url, "/viec-tu-dong", "/viec-tu-dong/audit.anchor/chay"):
            look.goto(address)
            assert sideways_overflow(look) == 0
            assert axe(look) == []


def test_run_is_watched_by_reloading_where_there_is_no_script(browser_of: NewPage):
    page = browser_of("phone", javascript=False)
    start(page)
    call = claim()
    call.progress(1, 2, "Đang kiểm tra chuỗi")
    page.reload()
    expect(page.get_by_text("1 trong 2")).to_be_visible()
    call.end(RunState.FAILED, "ValueError: chuỗi đứt ở lần ghi 7")
    page.reload()
    expect(page.get_by_text("Hỏng", exact=True)).to_be_visible()
    expect(page.get_by_text("chuỗi đứt ở lần ghi 7")).to_be_visible()

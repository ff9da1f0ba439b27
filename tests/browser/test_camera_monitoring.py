"""The duty officer logs what a camera shows on a phone of 360x740; the page becomes a finding."""

from __future__ import annotations

import importlib
import io
import re
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from PIL import Image
from playwright.sync_api import Page, expect

from tests.support.browser import LiveServer, NewPage, axe, cookies_of, sideways_overflow
from tracker.core.clock import FixedClock
from tracker.core.migrate import Owner, upgrade
from tracker.testing.apps import running_plugins
from tracker.testing.world import World

if TYPE_CHECKING:
    from tracker.config import Settings

pytestmark = pytest.mark.browser

FOLDER = Path(__file__).resolve().parents[2] / "plugins" / "camera_monitoring"
NAME = "camera_monitoring"


@pytest.fixture(scope="module")
def plugin() -> Iterator[Any]:
    """The plug-in's hooks, from its folder in the checkout."""
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module(f"tracker_{NAME}.hooks")
    sys.path.remove(str(FOLDER))


@pytest.fixture
def app(settings: Settings, clock: FixedClock, plugin: Any) -> Iterator[Flask]:
    """The app with the plug-in in it."""
    owner = Owner(NAME, FOLDER / f"tracker_{NAME}" / "migrations")
    upgrade(settings.database_url, owner=owner)
    with running_plugins(settings, clock, {NAME: plugin}) as made:
        yield made


@pytest.fixture
def world(app: Flask, clock: FixedClock) -> Iterator[World]:
    """Two communes with a desk each, three cameras, and how one of them stood."""
    from tracker_camera_monitoring import inputs, monitoring, services
    from tracker_camera_monitoring.addresses import read_address
    from tracker_camera_monitoring.probing import Outcome, Reason

    from tracker.core.work import run

    with app.app_context():
        made = World(app, clock)
        with made.as_system():
            for unit in ("UBND xã Đạ Tẻh", "UBND xã có một cái tên rất dài để thử chỗ xuống dòng"):
                desk = run(
                    services.save_desk,
                    inputs.SaveDesk(
                        unit_id=made.unit(unit), name="Bộ phận Một cửa", opened_on=clock.today()
                    ),
                )
                for number in (1, 2):
                    camera = run(
                        services.save_camera,
                        inputs.SaveCamera(
                            desk_id=desk,
                            name=f"Camera {number}",
                            cost=3_847_391,
                            retention_days=15,
                            address=read_address("rtsp://10.0.0.1/live"),
                        ),
                    )
            for reason in (Reason.OK, *[Reason.TIMEOUT] * 5):
                clock.advance(minutes=5)
                outcomes = [(Outcome(camera, reason, 20), clock.now())]
                run(monitoring.record_outcomes, inputs.RecordOutcomes(outcomes, 15))
            yield made


def look(page: Page) -> None:
    """Fail on anything that axe finds, or when the page is wider than the window."""
    assert axe(page) == [], page.url
    assert sideways_overflow(page) == 0, page.url


def signed_in(
    world: World, live_server: LiveServer, new_page: NewPage, role: str, viewport: Any
) -> Page:
    client = world.sign_in(world.app.test_client(), world.person(role, name="Trần Thị An"))
    return new_page(viewport, cookies=cookies_of(client, live_server))


def test_officer_logs_an_hour_on_a_phone_and_makes_it_a_finding(
    world: World, live_server: LiveServer, new_page: NewPage, tmp_path: Path
) -> None:
    phone = signed_in(world, live_server, new_page, "inspector", "phone")
    still = tmp_path / "man-hinh.jpg"
    picture = io.BytesIO()
    Image.new("RGB", (320, 240), "#336699").save(picture, "JPEG")
    still.write_bytes(picture.getvalue())

    phone.goto("/camera")
    look(phone)
    phone.get_by_role("link", name="Ghi nhật ký").click()
    look(phone)
    phone.get_by_label("Bàn, camera đã xem").fill("da teh")
    phone.get_by_role("option", name=re.compile("Đạ Tẻh.*Camera 2")).click()
    phone.get_by_label("Không có người trực tại bàn").check()
    phone.get_by_role("textbox", name="Mô tả").fill("Quầy trống từ 8 giờ 10")
    phone.locator("#files").set_input_files(still)
    phone.get_by_role("button", name="Lưu nhật ký").click()

    phone.wait_for_url(re.compile(r"/camera/nhat-ky#nk-\d+$"))
    entry = phone.locator(".camera-entry")
    expect(entry).to_contain_text("Không có người trực tại bàn")
    expect(entry).to_contain_text("Nặng")
    look(phone)
    entry.get_by_role("link", name="Bộ phận Một cửa, Camera 2").click()
    expect(phone.get_by_text("Quầy trống từ 8 giờ 10")).to_be_visible()
    look(phone)
    phone.get_by_role("button", name="Ghi thành phát hiện").click()
    phone.wait_for_url(re.compile(r"/kiem-tra/phat-hien/\d+$"))
    expect(phone.get_by_role("main")).to_contain_text("Quầy trống từ 8 giờ 10")


@pytest.mark.parametrize("viewport", ["desktop", "phone"])
def test_pages_are_clean_in_both_sizes_and_languages(
    world: World, live_server: LiveServer, new_page: NewPage, viewport: str
) -> None:
    page = signed_in(world, live_server, new_page, "coordinator", viewport)
    week = f"{world.clock.today() + timedelta(days=7):%d/%m/%Y}"
    paths = (
        "/camera/su-co",
        "/camera/su-co/1",
        "/camera/so",
        "/camera/so/so-lieu",
        "/camera/so/ban",
        "/camera/so/ban/1",
        "/camera/so/ban/1/sua",
        "/camera/so/may/4",
        "/camera/so/may/4/sua",
        "/camera/so/noi-dung",
        "/camera/so/noi-dung/1",
        "/camera/nhat-ky",
        "/camera/nhat-ky/in",
        f"/camera/lich?tuan={week}",
    )
    for path in paths:
        page.goto(path)
        look(page)
    page.goto("/camera")
    if viewport == "desktop":
        page.get_by_role("button", name="English").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Desk cameras")
        look(page)

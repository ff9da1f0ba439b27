"""A province with two communes, and somebody in each role who knocks at the back office."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.factories.accounts import make_user, post, sign_in
from tests.factories.units import make_unit
from tests.support.fillings import filling_of
from tracker.core.rights import Role
from tracker.testing.databases import Filling
from tracker.units.models import UnitKind


@dataclass(frozen=True)
class Place:
    """The ids of units and people."""

    province: int
    near: int
    far: int
    administrator: int
    coordinator: int
    # Coordinates the commune `near` alone.
    local: int
    head: int
    officer: int
    inspector: int
    leader: int


def make_place() -> Place:
    """Make units and people."""
    province = make_unit("Tỉnh Đồng Tháp", UnitKind.PROVINCE)
    near = make_unit("Xã Đạ Tẻh", UnitKind.COMMUNE, province, code="TP01")
    far = make_unit("Xã Chợ Gạo", UnitKind.COMMUNE, province, code="CG01")
    return Place(
        province=province,
        near=near,
        far=far,
        administrator=make_user(province, Role.ADMINISTRATOR, name="Trần Thị An"),
        coordinator=make_user(province, Role.COORDINATOR, name="Võ Thị Cúc"),
        local=make_user(near, Role.COORDINATOR, name="Lê Văn Địa"),
        head=make_user(near, Role.HEAD, name="Nguyễn Văn Dũng"),
        officer=make_user(near, Role.OFFICER, name="Hồ Thị Em"),
        inspector=make_user(near, Role.INSPECTOR, name="Phạm Văn Khách"),
        leader=make_user(province, Role.LEADER, name="Đỗ Văn Giang"),
    )


PLACE = filling_of("place", make_place)


@pytest.fixture
def filling(request: pytest.FixtureRequest) -> Filling | None:
    """The place from the start, for tests that ask for it."""
    return PLACE if "place" in request.fixturenames else None


@pytest.fixture
def place(filled: Place, system: None) -> Place:
    """Units and people."""
    return filled


class Desk:
    """A person at the back office: reads pages and sends forms with their token."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str, **more: Any) -> TestResponse:
        """Open a page."""
        return self.client.get(path, **more)

    def post(self, path: str, data: dict[str, Any]) -> TestResponse:
        """Send a form with its token."""
        return post(self.client, path, data)


@pytest.fixture
def desk_of(app: Flask, place: Place) -> Callable[[int], Desk]:
    """Seat a person."""

    def seat(user: int) -> Desk:
        client = app.test_client()
        sign_in(client, user)
        return Desk(client)

    return seat


@pytest.fixture
def administrator(place: Place, desk_of: Callable[[int], Desk]) -> Desk:
    """The administrator of the province."""
    return desk_of(place.administrator)


@pytest.fixture
def coordinator(place: Place, desk_of: Callable[[int], Desk]) -> Desk:
    """The coordinator of the province."""
    return desk_of(place.coordinator)


@pytest.fixture
def local(place: Place, desk_of: Callable[[int], Desk]) -> Desk:
    """The coordinator of one commune."""
    return desk_of(place.local)


def plain_text(response: TestResponse) -> str:
    """Return what a page says, without tags."""
    return unescape(" ".join(re.sub(r"<[^>]*>", " ", response.text).split()))


def field_value(response: TestResponse, name: str) -> str:
    """Return the value that a page's form carries in an input."""
    tag = re.search(rf'<input[^>]*name="{name}"[^>]*>', response.text)
    assert tag, f"no input {name}"
    value = re.search(r'value="([^"]*)"', tag.group(0))
    return unescape(value.group(1)) if value else ""

"""A province with communes, a team that inspects them, and the people of one commune."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.factories.accounts import make_user, sign_in
from tests.factories.inspections import sync_checklists
from tests.factories.units import make_unit
from tests.support.fillings import filling_of
from tracker.core.rights import Role
from tracker.testing.databases import Filling
from tracker.units.models import UnitKind


@dataclass(frozen=True)
class World:
    """The ids of units and people."""

    province: int
    office: int
    commune: int
    other: int
    inspector: int
    colleague: int
    stranger: int
    coordinator: int
    head: int
    officer: int
    leader: int


def make_world() -> World:
    """Make units, people and the ready-made checklists."""
    province = make_unit("Tỉnh Đồng Tháp", UnitKind.PROVINCE)
    office = make_unit("Sở Nội vụ", UnitKind.DEPARTMENT, province)
    commune = make_unit("Xã Tân Phước", UnitKind.COMMUNE, province)
    other = make_unit("Xã Chợ Gạo", UnitKind.COMMUNE, province)
    sync_checklists()
    return World(
        province=province,
        office=office,
        commune=commune,
        other=other,
        inspector=make_user(office, Role.INSPECTOR, name="Trần Thị An", scope=province),
        colleague=make_user(office, Role.INSPECTOR, name="Lê Văn Bình", scope=province),
        stranger=make_user(other, Role.INSPECTOR, name="Phạm Văn Khách", scope=other),
        coordinator=make_user(office, Role.COORDINATOR, name="Võ Thị Cúc", scope=province),
        head=make_user(commune, Role.HEAD, name="Nguyễn Văn Dũng"),
        officer=make_user(commune, Role.OFFICER, name="Hồ Thị Em"),
        leader=make_user(province, Role.LEADER, name="Đỗ Văn Giang"),
    )


WORLD = filling_of("inspected world", make_world)


@pytest.fixture
def filling(request: pytest.FixtureRequest) -> Filling | None:
    """The world from the start, for tests that ask for it."""
    return WORLD if "world" in request.fixturenames else None


@pytest.fixture
def world(filled: World, system: None) -> World:
    """Units, people and the ready-made checklists."""
    return filled


class ApartClient(FlaskClient):
    """A browser whose requests do not see the app context that the test itself holds.

    Otherwise Flask lends them the test's `g`, and with it the person of an earlier request.
    """

    def open(self, *args: Any, **kwargs: Any) -> Any:
        """Send a request from an empty context."""
        return Context().run(super().open, *args, **kwargs)


@pytest.fixture
def browse(app: Flask) -> Callable[[int], FlaskClient]:
    """Return a browser of its own in which a person is signed in."""

    def make(user: int) -> FlaskClient:
        client = ApartClient(app)
        sign_in(client, user)
        return client

    return make

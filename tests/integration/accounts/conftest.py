"""People in two provinces, for tests of accounts."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from flask import Flask

from tests.factories.accounts import give_password, make_user
from tests.factories.units import make_unit
from tests.support.fillings import filling_of
from tracker.core.rights import Role
from tracker.testing.databases import Filling

PASSWORD = "con trâu xanh bay"


@dataclass(frozen=True)
class World:
    """Two provinces, each with its administrator, a commune and an officer there."""

    root: int
    commune: int
    chief: int
    officer: int
    other_root: int
    other_commune: int
    other_chief: int
    other_officer: int


def make_world() -> World:
    """Make the two provinces."""
    root, other_root = make_unit("Tỉnh Một"), make_unit("Tỉnh Hai")
    commune = make_unit("Xã Một", parent=root)
    other_commune = make_unit("Xã Hai", parent=other_root)
    found = World(
        root=root,
        commune=commune,
        chief=make_user(root, Role.ADMINISTRATOR, name="Trần Thị Bình", username="binh"),
        officer=make_user(commune, Role.OFFICER, name="Nguyễn Văn An", username="nguyen.an"),
        other_root=other_root,
        other_commune=other_commune,
        other_chief=make_user(other_root, Role.ADMINISTRATOR, name="Lê Cường"),
        other_officer=make_user(other_commune, Role.OFFICER, name="Phạm Dung"),
    )
    give_password(found.officer, PASSWORD)
    return found


WORLD = filling_of("world of accounts", make_world)


@pytest.fixture
def filling(request: pytest.FixtureRequest) -> Filling | None:
    """The world from the start, for tests that ask for it."""
    return WORLD if "world" in request.fixturenames else None


@pytest.fixture
def world(filled: World, app: Flask) -> World:
    """Two provinces; `officer` has the user name 'nguyen.an' and a password."""
    return filled

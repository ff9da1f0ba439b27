"""A small office: one agency, two communes, and a person of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.factories.accounts import make_user, sign_in
from tests.factories.units import make_unit
from tests.support.fillings import filling_of
from tracker.accounts.access import build_access, held_grants
from tracker.core.context import Actor, Context, acting
from tracker.core.db import db
from tracker.core.rights import Role
from tracker.testing.databases import Filling
from tracker.web.contracts import contracts_of


@dataclass(frozen=True)
class Office:
    """The units and the people of a test, and ways to act as one of them."""

    app: Flask
    agency: int
    north: int
    south: int
    people: dict[str, int]

    def client(self, who: str) -> FlaskClient:
        """Return a browser in which a person is signed in."""
        client = self.app.test_client()
        sign_in(client, self.people[who])
        return client

    def context(self, who: str) -> Context:
        """Return the context of a person, for services."""
        clock = contracts_of(self.app).clock
        user = self.people[who]
        access = build_access(
            user,
            held_grants(db.session(), user, clock.today()),
            self.app.extensions["tracker_permissions_by_role"],
        )
        return Context(Actor(who, user, access), clock)

    def acting(self, who: str) -> AbstractContextManager[Context]:
        """Act as a person within a block."""
        return acting(self.context(who))


def make_office() -> dict[str, Any]:
    """Make the units and the people; return their ids."""
    agency = make_unit("UBND huyện Đạ Tẻh", kind="district")
    north = make_unit("UBND xã Hương Lâm", parent=agency)
    south = make_unit("UBND xã Triệu Hải", parent=agency)
    people = {
        "coordinator": make_user(agency, Role.COORDINATOR, name="Trần Thị Thường"),
        "leader": make_user(agency, Role.LEADER, name="Nguyễn Văn Lãnh"),
        "head": make_user(north, Role.HEAD, name="Lê Văn Trưởng"),
        "officer": make_user(north, Role.OFFICER, name="Phạm Thị Chuyên"),
        "stranger": make_user(south, Role.OFFICER, name="Võ Văn Khác"),
    }
    return {"agency": agency, "north": north, "south": south, "people": people}


OFFICE = filling_of("office", make_office)


@pytest.fixture
def filling(request: pytest.FixtureRequest) -> Filling | None:
    """The office from the start, for tests that ask for it."""
    return OFFICE if "office" in request.fixturenames else None


@pytest.fixture
def office(filled: dict[str, Any], app: Flask) -> Iterator[Office]:
    with app.app_context():
        yield Office(app, **{**filled, "people": dict(filled["people"])})

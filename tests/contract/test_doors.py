"""Who may open which address: the table in doors.py against the app, route by route.

A route without a row fails, with the row to add. Each route is tried without signing in and as
each role: reading with the number of a record that is not there, writing without a form's token.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from tests.contract.doors import ALL, NOBODY, SIGNED_IN, TABLE
from tests.factories.accounts import make_user, sign_in
from tests.factories.units import make_unit
from tests.support.apps import PRESENT, make_settings, running_app
from tracker.core.clock import FixedClock
from tracker.core.rights import Role
from tracker.plugins.host import host_of
from tracker.testing.databases import Databases
from tracker.web.doors import PUBLIC, door_of, undeclared_endpoints
from tracker.web.doors import SIGNED_IN as DOOR_SIGNED_IN

ANONYMOUS = "anonymous"
ACTORS = (ANONYMOUS, *Role)
# Views that need no form's token, each with what protects it instead.
OTHERWISE_PROTECTED = {
    "notices.leave_now": "the address itself is signed; mail programs send it by one click",
}
# What stands for a value in an address: a record that is not there, a file that is none.
HARMLESS = {
    "RecordNumber": 999_999,
    "UUIDConverter": "00000000-0000-4000-8000-000000000000",
    "PathConverter": "khong/co",
}


@pytest.fixture(scope="module")
def app(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """One app for all: nothing here writes, and doors do not depend on the database."""
    folder = tmp_path_factory.mktemp("doors")
    with databases.fresh("sqlite", folder) as url:
        (folder / "instance").mkdir()
        settings = make_settings(url, folder / "instance")
        with running_app(settings, FixedClock(PRESENT)) as made:
            # A view that breaks is one line of the report, not the end of it.
            made.config["PROPAGATE_EXCEPTIONS"] = False
            yield made


@pytest.fixture(scope="module")
def people(app: Flask) -> dict[Role, int]:
    """Make a unit and a person of each role over it."""
    with app.app_context():
        unit = make_unit("Tỉnh Một")
        return {role: make_user(unit, role) for role in Role}


def suggestion(app: Flask, endpoint: str) -> str:
    """Return the row that the view's own door would give, to be checked and added."""
    door = door_of(app.view_functions[endpoint])
    if door is None:
        return f'"{endpoint}": ... the view has no door: add @requires, @signed_in or @open_to_all'
    if PUBLIC in door:
        who = "ALL"
    elif DOOR_SIGNED_IN in door:
        who = "SIGNED_IN"
    else:
        permissions = host_of(app).registry.permissions
        roles = {role for key in door for role in permissions[key].roles}
        named = " | ".join(role.name for role in Role if role in roles)
        who = "SIGNED_IN" if roles == set(Role) else named
    return f'"{endpoint}": {who},'


def test_every_route_has_a_row(app: Flask) -> None:
    missing = sorted(app.view_functions.keys() - TABLE.keys())
    assert not missing, "rows to check and add to tests/contract/doors.py:\n" + "\n".join(
        suggestion(app, endpoint) for endpoint in missing
    )


def test_every_row_has_a_route(app: Flask) -> None:
    assert sorted(TABLE.keys() - app.view_functions.keys()) == []


def test_every_view_has_a_door(app: Flask) -> None:
    assert undeclared_endpoints(app) == []


def address(app: Flask, rule: Rule) -> str:
    """Return an address of a route with harmless values."""
    values = {
        name: HARMLESS.get(type(converter).__name__, "khong-co")
        for name, converter in rule._converters.items()
    }
    return str(app.url_map.bind("localhost").build(rule.endpoint, values, method=method_of(rule)))


def method_of(rule: Rule) -> str:
    return "GET" if "GET" in (rule.methods or ()) else "POST"


def is_refused(response: TestResponse) -> bool:
    to_sign_in = response.status_code == 302 and response.location.startswith("/dang-nhap")
    return to_sign_in or response.status_code in {401, 403}


@pytest.mark.parametrize("actor", ACTORS)
def test_each_route_lets_in_whom_its_row_names_and_nobody_else(
    app: Flask, people: dict[Role, int], actor: str
) -> None:
    client = browser(app, people, actor)
    faults = []
    for rule in app.url_map.iter_rules():
        row = TABLE.get(rule.endpoint, frozenset())
        may_come = row == ALL or (actor != ANONYMOUS and (row == SIGNED_IN or actor in row))
        for method in sorted({"GET", "POST", "PUT", "PATCH", "DELETE"} & (rule.methods or set())):
            response = client.open(address(app, rule), method=method)
            if rule.endpoint in OTHERWISE_PROTECTED and method != "GET":
                assert response.status_code == 404, rule.endpoint
                continue
            fault = judge(response, method, may_come, is_off=row == NOBODY)
            if fault:
                faults.append(f"{method} {rule.rule} ({rule.endpoint}): {fault}")
    assert not faults, f"as {actor}:\n" + "\n".join(faults)


def test_number_larger_than_any_record_is_not_found(app: Flask, people: dict[Role, int]) -> None:
    client = browser(app, people, Role.ADMINISTRATOR)
    found = []
    for rule in app.url_map.iter_rules():
        if any(type(one).__name__ == "RecordNumber" for one in rule._converters.values()):
            url = address(app, rule).replace("999999", str(10**19))
            status = client.open(url, method=method_of(rule)).status_code
            if status != 404:
                found.append(f"{url}: {status}")
    assert not found


def browser(app: Flask, people: dict[Role, int], actor: str) -> FlaskClient:
    client = app.test_client()
    if actor != ANONYMOUS:
        with app.app_context():
            sign_in(client, people[Role(actor)])
    return client


def judge(response: TestResponse, method: str, may_come: bool, *, is_off: bool) -> str:
    """Return what is wrong with an answer, '' when nothing is.

    A form without its token is refused before a page that is off (`is_off`) can say so itself.
    """
    status = response.status_code
    if status >= 500 and "readyz" not in response.request.path:
        return f"broke with {status}"
    if is_off and method != "GET" and status == 400:
        return ""
    if not may_come:
        return "" if is_refused(response) else f"was let in ({status})"
    if method != "GET":
        return "" if status == 400 else f"took a form without its token ({status})"
    return f"was refused ({status})" if is_refused(response) else ""

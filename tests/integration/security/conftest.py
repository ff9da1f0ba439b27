"""One furnished app for the tests of this folder, on each database."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from flask import Flask

from tests.integration.security.house import FURNISHED, Furnished, House
from tests.integration.security.walk import Walked
from tests.support.apps import PRESENT, make_settings, running_app
from tests.support.fillings import known_of
from tracker.core.clock import FixedClock
from tracker.testing import postgres
from tracker.testing.databases import BACKENDS, Databases


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try everything on each database that the run was asked for."""
    if "house_backend" in metafunc.fixturenames:
        chosen: str = metafunc.config.getoption("--database")
        backends = BACKENDS if chosen == "all" else (chosen,)
        metafunc.parametrize("house_backend", backends, indirect=True, scope="module")


@pytest.fixture(scope="module")
def house_backend(request: pytest.FixtureRequest) -> str:
    """'sqlite' or 'postgresql'."""
    backend: str = request.param
    return backend


@pytest.fixture(scope="module")
def house(
    house_backend: str, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """A furnished app; tests that write use records of their own or expect refusal.

    It answers bugs as it would in production, so that a test sees a status and goes on.
    """
    folder = tmp_path_factory.mktemp("house")
    try:
        with databases.fresh(house_backend, folder, filling=FURNISHED) as url:
            known: Furnished = known_of(databases, house_backend, FURNISHED)
            instance = folder / "instance"
            shutil.copytree(databases.files(house_backend, FURNISHED), instance)
            clock = FixedClock(PRESENT)
            with running_app(make_settings(url, instance), clock) as app:
                app.config["PROPAGATE_EXCEPTIONS"] = False
                yield House(app, clock, known.people, known.ids, known.walked)
    except postgres.PostgresMissing as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="module")
def walked(house: House) -> Walked:
    """Every page that somebody with all rights comes to by links, before anything was sent."""
    return house.walked


@pytest.fixture
def app(house: House) -> Flask:
    """The furnished app."""
    return house.app

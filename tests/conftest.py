"""Fixtures that every test may use: databases, the app on them, its clock, and hygiene."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from flask import Flask, has_app_context, has_request_context
from flask import globals as flask_globals
from flask.testing import FlaskClient

from tests.support.apps import PRESENT, make_settings, running_app
from tests.support.fillings import known_of
from tracker.core import context
from tracker.core.clock import FixedClock
from tracker.core.db import writing
from tracker.testing import postgres
from tracker.testing.apps import wait_patiently
from tracker.testing.databases import BACKENDS, Databases, Filling

if TYPE_CHECKING:
    from tracker.config import Settings

pytest_plugins = ["tests.support.browser"]

hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.load_profile("repeatable")


# -- one run: options, the folder its processes share, the environment ----------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=[*BACKENDS, "all"],
        default="all",
        help="databases for the tests that need one (default: all)",
    )


def pytest_configure(config: pytest.Config) -> None:
    # What a developer has set for a server of their own must not steer the tests.
    for name in list(os.environ):
        if name.startswith("TRACKER_") and not name.startswith("TRACKER_TEST_"):
            del os.environ[name]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database_backend" not in metafunc.fixturenames:
        return
    chosen: str = metafunc.config.getoption("--database")
    backends = BACKENDS if chosen == "all" else (chosen,)
    if "live_server" in metafunc.fixturenames and chosen == "all":
        # A browser sees the same pages on both; one suffices.
        backends = ("sqlite",)
    metafunc.parametrize("database_backend", backends, indirect=True)


# -- databases ------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def _patience() -> None:
    wait_patiently()


@pytest.fixture(scope="session")
def databases(tracker_run_folder: Path) -> Iterator[Databases]:
    """Makers of fresh databases for this process."""
    from tracker.core.migrate import upgrade

    pool = Databases(tracker_run_folder, upgrade, os.environ.get("TEST_DATABASE_URL"))
    yield pool
    pool.close()


@pytest.fixture
def database_backend(request: pytest.FixtureRequest) -> str:
    """'sqlite' or 'postgresql': a test that asks for it runs once on each."""
    backend: str = request.param
    return backend


@pytest.fixture
def filling() -> Filling | None:
    """What the test's database holds from the start; folders of tests say so for theirs."""
    return None


@pytest.fixture
def filled(databases: Databases, database_backend: str, filling: Filling, database_url: str) -> Any:
    """What the filling tells of itself."""
    return known_of(databases, database_backend, filling)


@pytest.fixture
def database_url(
    database_backend: str, databases: Databases, tmp_path: Path, filling: Filling | None
) -> Iterator[str]:
    """The address of a migrated database that no other test sees."""
    with _fresh(databases, database_backend, tmp_path, migrated=True, filling=filling) as url:
        yield url


@pytest.fixture
def empty_database_url(
    database_backend: str, databases: Databases, tmp_path: Path
) -> Iterator[str]:
    """The address of a database without a single table, for tests of migrations and restores."""
    folder = tmp_path / "empty"
    folder.mkdir()
    with _fresh(databases, database_backend, folder, migrated=False) as url:
        yield url


@pytest.fixture
def another_database_url(
    database_backend: str, databases: Databases, tmp_path: Path
) -> Iterator[str]:
    """A second migrated database of the same kind, for restores and comparisons."""
    folder = tmp_path / "another"
    folder.mkdir()
    with _fresh(databases, database_backend, folder, migrated=True) as url:
        yield url


@contextmanager
def _fresh(
    databases: Databases,
    backend: str,
    folder: Path,
    *,
    migrated: bool,
    filling: Filling | None = None,
) -> Iterator[str]:
    with ExitStack() as stack:
        try:
            url = stack.enter_context(
                databases.fresh(backend, folder, migrated=migrated, filling=filling)
            )
        except postgres.PostgresMissing as error:
            pytest.fail(str(error), pytrace=False)
        yield url


# -- the app --------------------------------------------------------------------------------


@pytest.fixture
def clock() -> FixedClock:
    """The clock of the app under test, standing still at PRESENT until a test moves it."""
    return FixedClock(PRESENT)


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    """The folder in which the app under test keeps files."""
    folder = tmp_path / "instance"
    folder.mkdir()
    return folder


@pytest.fixture
def settings(database_url: str, instance: Path) -> Settings:
    """The settings of the app under test."""
    return make_settings(database_url, instance)


@pytest.fixture
def app(settings: Settings, clock: FixedClock, request: pytest.FixtureRequest) -> Iterator[Flask]:
    """The real app on a database of its own; a test that asks for it runs on each backend.

    Marked `own_app`, a test gets one that no other test has used, and may add pages to it.
    """
    own = request.node.get_closest_marker("own_app") is not None
    with running_app(settings, clock, own=own) as made:
        yield made


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A person's browser without a browser: cookies are kept, nobody is logged in."""
    return app.test_client()


@pytest.fixture
def system(app: Flask, clock: FixedClock) -> Iterator[None]:
    """Act as the system itself inside the app, to call services and queries directly.

    The session then belongs to the test: `db.session.rollback()` before looking at what a request
    wrote.
    """
    with (
        app.app_context(),
        context.acting(context.Context(context.SYSTEM_ACTOR, clock, context.Source.COMMAND)),
    ):
        yield


# -- hygiene --------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def environment_stays() -> Iterator[None]:
    """Fail a test that leaves the environment changed, and put it back for the next."""
    before = _environment()
    yield
    after = _environment()
    if after != before:
        for name in after.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
        changed = sorted(name for name, _ in after.items() ^ before.items())
        pytest.fail(f"the test left these environment variables changed: {changed}")


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


@pytest.fixture(autouse=True)
def contexts_end() -> Iterator[None]:
    """Fail a test that leaves an app, request or actor behind for the next one."""
    yield
    left = []
    while has_app_context():
        left.append(repr(flask_globals.app_ctx))
        # Popping a request's context pops its app's too.
        (flask_globals.request_ctx if has_request_context() else flask_globals.app_ctx).pop()
    if context._current.get() is not None:
        left.append(repr(context._current.get()))
        context._current.set(None)
    if writing.get():
        left.append("a writing connection")
        writing.set(False)
    assert not left

"""The pytest plug-in: loads what `tracker_plugins` in the ini file names into the app under test.

    [tool.pytest.ini_options]
    pythonpath = ["."]
    tracker_plugins = ["camera"]

Tests run on SQLite, and on PostgreSQL too where its programs are installed or TEST_DATABASE_URL
names a server; `--tracker-database` chooses. A project whose own conftest makes fixtures of the
same names keeps its own. Nothing of the product is imported before a fixture is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from tracker.config import Settings
    from tracker.core.clock import FixedClock
    from tracker.testing.apps import KeptApps
    from tracker.testing.databases import Databases
    from tracker.testing.world import World

# A Tuesday, 09:00 in Vietnam.
PRESENT = datetime(2026, 6, 16, 2, 0, tzinfo=UTC)
BACKENDS = ("sqlite", "postgresql")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what chooses plug-ins and databases."""
    parser.addini("tracker_plugins", "plug-ins to load into the app under test", "args", [])
    parser.addoption(
        "--tracker-database",
        choices=[*BACKENDS, "all"],
        default="all",
        help="databases for tests of plug-ins (default: all that are there)",
    )


def _backends(config: pytest.Config) -> tuple[str, ...]:
    from tracker.testing import postgres

    chosen: str = config.getoption("--tracker-database")
    if chosen != "all":
        return (chosen,)
    has_server = os.environ.get("TEST_DATABASE_URL") or postgres.find_programs()
    return BACKENDS if has_server else ("sqlite",)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker process which one began the run."""
    node.workerinput["tracker_controller"] = os.getpid()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End what the processes of this run shared."""
    if not hasattr(config, "workerinput"):
        from tracker.testing import postgres

        postgres.end_run(os.getpid(), os.environ.get("TEST_DATABASE_URL"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that touches the database once on each kind of it."""
    if "tracker_backend" in metafunc.fixturenames:
        metafunc.parametrize("tracker_backend", _backends(metafunc.config), indirect=True)


@pytest.fixture
def tracker_backend(request: pytest.FixtureRequest) -> str:
    """'sqlite' or 'postgresql'."""
    backend: str = request.param
    return backend


@pytest.fixture(scope="session")
def tracker_plugins(request: pytest.FixtureRequest) -> Mapping[str, Any]:
    """The plug-ins under test by name, in the order in which they register."""
    from importlib import import_module

    from tracker.testing.apps import loaded

    names: list[str] = request.config.getini("tracker_plugins")
    return {name: loaded(import_module(f"tracker_{name}.hooks")) for name in names}


@pytest.fixture(scope="session")
def tracker_run_folder(request: pytest.FixtureRequest) -> Path:
    """The folder that all processes of this run share: templates of databases, their server."""
    from tracker.testing import postgres

    worker: dict[str, int] = getattr(request.config, "workerinput", {})
    return postgres.open_run(worker.get("tracker_controller", os.getpid()))


@pytest.fixture(scope="session")
def tracker_databases(
    tracker_plugins: Mapping[str, Any], tracker_run_folder: Path
) -> Iterator[Databases]:
    """Makers of fresh databases, migrated for the core and the plug-ins."""
    from tracker.core.migrate import Owner, upgrade
    from tracker.plugins.folders import folder_of
    from tracker.testing.databases import Databases

    def migrate(url: str) -> None:
        upgrade(url)
        for name, plugin in tracker_plugins.items():
            folder = folder_of(plugin)
            if folder is not None and (folder / "migrations" / "versions").is_dir():
                upgrade(url, owner=Owner(name, folder / "migrations"))

    pool = Databases(tracker_run_folder, migrate, os.environ.get("TEST_DATABASE_URL"))
    yield pool
    pool.close()


@pytest.fixture
def database_url(
    tracker_backend: str, tracker_databases: Databases, tmp_path: Path
) -> Iterator[str]:
    """The address of a database that no other test sees, with the plug-ins' tables in it."""
    from tracker.testing.postgres import PostgresMissing

    with ExitStack() as stack:
        try:
            url = stack.enter_context(tracker_databases.fresh(tracker_backend, tmp_path))
        except PostgresMissing as error:
            pytest.fail(str(error), pytrace=False)
        yield url


@pytest.fixture
def clock() -> FixedClock:
    """The clock of the app under test, standing still until a test moves it."""
    from tracker.core.clock import FixedClock

    return FixedClock(PRESENT)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """The settings of the app under test."""
    from tracker.testing.apps import make_settings

    instance = tmp_path / "instance"
    instance.mkdir()
    return make_settings(database_url, instance)


@pytest.fixture(scope="session")
def tracker_apps(tracker_plugins: Mapping[str, Any]) -> KeptApps:
    """Apps with the plug-ins in them, each used by test after test."""
    from tracker.testing.apps import KeptApps, make_app, wait_patiently

    wait_patiently()
    return KeptApps(lambda settings, clock: make_app(settings, clock, tracker_plugins))


@pytest.fixture
def app(settings: Settings, clock: FixedClock, tracker_apps: KeptApps) -> Iterator[Flask]:
    """The real app with the plug-ins in it, on a database of its own.

    A fault that the host would keep away from a core page fails the test at its end.
    """
    from tracker.testing.apps import faults_of

    with tracker_apps.running(settings, clock) as made:
        yield made
        faults = faults_of(made)
        if faults:
            pytest.fail("\n".join(faults), pytrace=False)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A person's browser without a browser; nobody is signed in."""
    return app.test_client()


@pytest.fixture
def world(app: Flask, clock: FixedClock) -> Iterator[World]:
    """Makers of units, people and tasks, inside the app; what a test calls acts as the system."""
    from tracker.testing.world import World

    with app.app_context():
        made = World(app, clock)
        with made.as_system():
            yield made


@pytest.fixture
def sign_in(world: World, app: Flask) -> Callable[..., FlaskClient]:
    """Return a client on which a new person with this role over `scope` is signed in.

    `sign_in("inspector")` reaches the whole province, `sign_in("head", scope=commune)` a commune.
    """

    def enter(role: str, *, scope: int | None = None, locale: str = "vi") -> FlaskClient:
        person = world.person(role, unit=scope, scope=scope, locale=locale)
        return world.sign_in(app.test_client(), person)

    return enter

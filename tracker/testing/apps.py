"""The app under test, with plug-ins in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from flask import Flask, g, has_app_context, has_request_context
from flask.testing import FlaskClient
from jinja2 import StrictUndefined
from sqlalchemy import Dialect, Engine, event, make_url
from werkzeug.test import TestResponse

from tracker.config import Settings
from tracker.core import secrets
from tracker.core.clock import Clock
from tracker.core.db import db
from tracker.core.errors import PluginError
from tracker.plugins import calls
from tracker.plugins.calls import Fault
from tracker.plugins.folders import find_package
from tracker.plugins.host import host_of
from tracker.plugins.loader import LoadedPlugin
from tracker.plugins.manifest import FILE_NAME, read_manifest
from tracker.web.contracts import contracts_of

FAULTS = "tracker_faults"


class FreshClient(FlaskClient):
    """A browser whose every request starts anew, also while a test holds the app's context.

    Flask lets a request join that context, and with it what an earlier request left in `g`.
    """

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Send a request."""
        if has_app_context() and not has_request_context():
            vars(g).clear()
        return super().open(*args, **kwargs)


def make_settings(database_url: str, instance: Path) -> Settings:
    """Return settings for an app on `database_url` that keeps its files in `instance`."""
    return Settings(
        instance=instance,
        database_url=database_url,
        # Cookies of a test are worth nothing anywhere else.
        secret_key="for-tests-only-" + "0123456789abcdef" * 4,
        testing=True,
    )


def loaded(module: ModuleType) -> LoadedPlugin:
    """Return a plug-in whose hooks are imported, as the host takes it in. Raises PluginError."""
    package = find_package(Path(str(module.__file__)).resolve().parent)
    manifest = read_manifest((package / FILE_NAME).read_bytes())
    return LoadedPlugin(manifest.name, manifest.version, manifest, module)


def faults_of(app: Flask) -> list[str]:
    """Return what the plug-ins of an app under test did wrong in its calls of them so far."""
    faults: list[Fault] = app.extensions[FAULTS]
    return [f"{one.plugin} {one.place}: {one.error!r}" for one in faults]


def wait_patiently() -> None:
    """Give each call of a plug-in a minute: how busy the machine is must not decide a test.

    Tests of the limits themselves set their own.
    """
    calls.BUDGET_SECONDS.update(dict.fromkeys(calls.BUDGET_SECONDS, 60.0))


def set_up_for_tests(app: Flask) -> None:
    """Have an app under test be strict with templates, and each of its requests start anew."""
    # A name that a template doesn't get is an error, not an empty string.
    app.jinja_env.undefined = StrictUndefined
    app.test_client_class = FreshClient


def make_app(settings: Settings, clock: Clock, plugins: Mapping[str, Any]) -> Flask:
    """Return an app with these plug-ins in it.

    What a plug-in does wrong is collected (`faults_of`), not counted: none is paused meanwhile.
    Raises PluginError for a plug-in that the host leaves out.
    """
    from tracker.app import create_app

    app = create_app(settings, plugins, clock=clock)
    host = host_of(app)
    for name, reason in host.failures.items():
        raise PluginError(f"{name}: {reason}")
    faults: list[Fault] = []
    app.extensions[FAULTS] = faults
    host.on_fault(faults.append)
    set_up_for_tests(app)
    return app


def close(app: Flask) -> None:
    """End an app's connections."""
    with app.app_context():
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()


@contextmanager
def running_plugins(
    settings: Settings, clock: Clock, plugins: Mapping[str, Any]
) -> Iterator[Flask]:
    """Give an app as `make_app` makes it; close its connections when the block ends."""
    app = make_app(settings, clock, plugins)
    try:
        yield app
    finally:
        close(app)


class KeptApps:
    """Apps that wait for their next test. Making one costs a fifth of a second, and again as much
    for the templates and the SQL that it compiles; all else of it is put back after each test.
    """

    def __init__(self, make: Callable[[Settings, Clock], Flask]) -> None:
        """Make apps with `make`, as many as are in use at the same time."""
        self._make = make
        self._waiting: dict[str, list[tuple[Flask, dict[str, Any]]]] = {}

    @contextmanager
    def running(self, settings: Settings, clock: Clock) -> Iterator[Flask]:
        """Give an app on `settings`, as if it were new; close its connections afterwards."""
        waiting = self._waiting.setdefault(make_url(settings.database_url).drivername, [])
        if waiting:
            app, before = waiting.pop()
            _move(app, settings, clock)
        else:
            app = self._make(settings, clock)
            before = {name: dict(part) for name, part in _parts(app).items()}
            with app.app_context():
                _follow_its_url(db.engine)
        try:
            yield app
        finally:
            close(app)
            if FAULTS in app.extensions:
                app.extensions[FAULTS].clear()
            for name, now in _parts(app).items():
                now.clear()
                now.update(before[name])
            waiting.append((app, before))


def _move(app: Flask, settings: Settings, clock: Clock) -> None:
    app.instance_path = str(settings.instance)
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.extensions["tracker_settings"] = settings
    contracts_of(app).clock = clock
    secrets.keys[:] = [partial(secrets.load_keys, settings.instance)]
    with app.app_context():
        db.engine.url = make_url(settings.database_url)


def _parts(app: Flask) -> dict[str, dict[Any, Any]]:
    return {
        "config": app.config,
        "extensions": app.extensions,
        "contracts": vars(contracts_of(app)),
        "registry": vars(host_of(app).registry),
    }


def _follow_its_url(engine: Engine) -> None:
    """Have an engine connect to what its `url` says now, so that it can serve test after test.

    It keeps what it has compiled: making SQL anew took a third of the time of most tests.
    """

    def connect(dialect: Dialect, _record: object, _args: object, named: dict[str, Any]) -> Any:
        args, now = dialect.create_connect_args(engine.url)
        return dialect.connect(*args, **{**named, **now})

    event.listen(engine, "do_connect", connect)

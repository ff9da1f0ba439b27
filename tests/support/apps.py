"""Make the app under test: its settings, and its end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from flask import Flask
from jinja2 import StrictUndefined
from sqlalchemy import Engine, create_engine, make_url

from tracker.core import secrets
from tracker.core.clock import FixedClock
from tracker.core.db import db, engine_options, set_up_engine
from tracker.plugins.host import host_of
from tracker.testing.apps import FreshClient, make_settings
from tracker.web.contracts import contracts_of

if TYPE_CHECKING:
    from tracker.config import Settings

__all__ = ["PRESENT", "make_settings", "running_app"]

# A Tuesday, 09:00 in Vietnam, in the middle of a plan's year and away from month's end.
PRESENT = datetime(2026, 6, 16, 2, 0, tzinfo=UTC)


def _make(
    settings: Settings, clock: FixedClock, plugins: Mapping[str, object] | None = None
) -> Flask:
    from tracker.app import create_app

    app = create_app(settings, plugins, clock=clock)
    # A name that a template doesn't get is an error, not an empty string.
    app.jinja_env.undefined = StrictUndefined
    app.test_client_class = FreshClient
    return app


class _Idle:
    """Apps that wait for their next test. Making one costs a fifth of a second, and again as much
    for the templates that it compiles; everything else of it is put back after each test.
    """

    def __init__(self) -> None:
        self.apps: dict[str, list[tuple[Flask, dict[str, Any]]]] = {}

    def take(self, settings: Settings, clock: FixedClock) -> tuple[Flask, dict[str, Any]]:
        """Return an app on `settings`, and what it was like before any test."""
        waiting = self.apps.setdefault(make_url(settings.database_url).drivername, [])
        if not waiting:
            app = _make(settings, clock)
            return app, _state(app)
        app, state = waiting.pop()
        app.instance_path = str(settings.instance)
        app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
        app.extensions["tracker_settings"] = settings
        contracts_of(app).clock = clock
        secrets.keys[:] = [partial(secrets.load_keys, settings.instance)]
        engine = create_engine(settings.database_url, **engine_options(settings.database_url))
        set_up_engine(engine)
        with app.app_context():
            # Flask-SQLAlchemy shows its engines read-only, yet hands out the dictionary itself.
            cast(dict[str | None, Engine], db.engines)[None] = engine
        return app, state

    def put_back(self, app: Flask, state: dict[str, Any]) -> None:
        """Undo what a test did to the app, and keep it for the next one."""
        for part, before in state.items():
            now = _parts(app)[part]
            now.clear()
            now.update(before)
        address = app.config["SQLALCHEMY_DATABASE_URI"]
        self.apps[make_url(address).drivername].append((app, state))


def _parts(app: Flask) -> dict[str, dict[Any, Any]]:
    return {
        "config": app.config,
        "extensions": app.extensions,
        "contracts": vars(contracts_of(app)),
        "registry": vars(host_of(app).registry),
    }


def _state(app: Flask) -> dict[str, Any]:
    return {name: dict(part) for name, part in _parts(app).items()}


_idle = _Idle()


@contextlib.contextmanager
def running_app(
    settings: Settings,
    clock: FixedClock,
    *,
    own: bool = False,
    plugins: Mapping[str, object] | None = None,
) -> Iterator[Flask]:
    """Give the app on `settings`; close its connections when the block ends.

    `own` makes a new one, for a test that adds pages to it; so do `plugins`, the hook
    implementations by name that join it.
    """
    if own or plugins:
        app, state = _make(settings, clock, plugins), None
    else:
        app, state = _idle.take(settings, clock)
    try:
        yield app
    finally:
        with app.app_context():
            db.session.remove()
            for engine in db.engines.values():
                engine.dispose()
        if state is not None:
            _idle.put_back(app, state)

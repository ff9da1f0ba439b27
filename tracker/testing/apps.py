"""The app under test, with plug-ins in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from flask import Flask, g, has_app_context, has_request_context
from flask.testing import FlaskClient
from jinja2 import StrictUndefined
from werkzeug.test import TestResponse

from tracker.config import Settings
from tracker.core.clock import Clock
from tracker.core.db import db
from tracker.core.errors import PluginError
from tracker.plugins.calls import Fault
from tracker.plugins.folders import find_package
from tracker.plugins.host import host_of
from tracker.plugins.loader import LoadedPlugin
from tracker.plugins.manifest import FILE_NAME, read_manifest

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


@contextmanager
def running_plugins(
    settings: Settings, clock: Clock, plugins: Mapping[str, Any]
) -> Iterator[Flask]:
    """Give an app with these plug-ins in it; close its connections when the block ends.

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
    # A name that a template doesn't get is an error, not an empty string.
    app.jinja_env.undefined = StrictUndefined
    app.test_client_class = FreshClient
    try:
        yield app
    finally:
        with app.app_context():
            db.session.remove()
            for engine in db.engines.values():
                engine.dispose()

"""The app under test, with plug-ins in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask, g, has_app_context, has_request_context
from flask.testing import FlaskClient
from jinja2 import StrictUndefined
from werkzeug.test import TestResponse

from tracker.config import Settings
from tracker.core.clock import Clock
from tracker.core.db import db


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


@contextmanager
def running_plugins(
    settings: Settings, clock: Clock, plugins: Mapping[str, Any]
) -> Iterator[Flask]:
    """Give an app with these plug-ins in it; close its connections when the block ends."""
    from tracker.app import create_app

    app = create_app(settings, plugins, clock=clock)
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

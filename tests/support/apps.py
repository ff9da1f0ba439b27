"""Make the app under test: its settings, and its end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask, g, has_app_context, has_request_context
from flask.testing import FlaskClient
from jinja2 import StrictUndefined
from werkzeug.test import TestResponse

from tracker.core.clock import FixedClock
from tracker.core.db import db

if TYPE_CHECKING:
    from tracker.config import Settings

# A Tuesday, 09:00 in Vietnam, in the middle of a plan's year and away from month's end.
PRESENT = datetime(2026, 6, 16, 2, 0, tzinfo=UTC)


def make_settings(database_url: str, instance: Path) -> Settings:
    """Return settings for an app on `database_url` that keeps its files in `instance`."""
    from tracker.config import Settings

    return Settings(
        instance=instance,
        database_url=database_url,
        secret_key="for-tests-only-" + "0123456789abcdef" * 4,
        testing=True,
    )


class FreshClient(FlaskClient):
    """A browser whose every request starts anew, also while a test holds the app's context.

    Flask lets a request join that context, and with it what an earlier request left in `g`.
    """

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Send a request."""
        if has_app_context() and not has_request_context():
            vars(g).clear()
        return super().open(*args, **kwargs)


@contextlib.contextmanager
def running_app(settings: Settings, clock: FixedClock) -> Iterator[Flask]:
    """Give the app on `settings`; close its connections when the block ends."""
    from tracker.app import create_app

    app = create_app(settings, clock=clock)
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

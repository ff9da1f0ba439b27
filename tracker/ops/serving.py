"""The app as a server starts it: settings from the environment."""

from __future__ import annotations

import logging

from flask import Flask

from tracker.app import create_app
from tracker.config import settings_from_environment
from tracker.outbox.drain import start_pool


def make_app() -> Flask:
    """Return the app of this installation."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    app = create_app(settings_from_environment())
    start_pool(app)
    return app

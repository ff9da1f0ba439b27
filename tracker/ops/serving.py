"""The app as a server starts it: settings from the environment, plug-ins from the set file."""

from __future__ import annotations

import logging

from flask import Flask

from tracker.app import create_app
from tracker.config import settings_from_environment
from tracker.features import load_models
from tracker.ops import workers
from tracker.outbox.drain import start_pool
from tracker.plugins.breaker import breaker_of, end_in_order
from tracker.plugins.loader import load_plugins
from tracker.web.compiled import CompiledTemplates


def make_app() -> Flask:
    """Return the app of this installation."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    settings = settings_from_environment()
    # Before plug-ins are imported: their tables point at the core's.
    load_models()
    app = create_app(settings, load_plugins(settings))
    app.jinja_env.bytecode_cache = CompiledTemplates(settings.instance)
    breaker_of(app).retire = end_in_order
    start_pool(app)
    workers.announce(settings.instance)
    return app

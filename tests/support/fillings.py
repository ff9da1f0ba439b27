"""What many tests begin with, written once a run by the services and copied for each test."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.apps import PRESENT, make_settings, running_app
from tracker.core import context
from tracker.core.clock import FixedClock
from tracker.testing.databases import Databases, Filling


def filling_of(name: str, make: Callable[[], Any]) -> Filling:
    """Return a filling that `make` writes, as the system itself inside the app.

    It returns what tests need to know: the ids of what it made. Nothing in it may lie in the
    instance's folder or be encrypted; each test has a folder and a key of its own.
    """

    def fill(url: str, _files: Path) -> bytes:
        clock = FixedClock(PRESENT)
        with (
            tempfile.TemporaryDirectory() as folder,
            running_app(make_settings(url, Path(folder)), clock) as app,
            app.app_context(),
            context.acting(context.Context(context.SYSTEM_ACTOR, clock, context.Source.COMMAND)),
        ):
            return pickle.dumps(make())

    return Filling(name, fill)


def known_of(databases: Databases, backend: str, filling: Filling) -> Any:
    """Return what `make` returned when this run wrote the filling on a backend."""
    return pickle.loads(databases.known(backend, filling))  # noqa: S301 - this run wrote it

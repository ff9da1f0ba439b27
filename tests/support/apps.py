"""Make the app under test: its settings, and its end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flask import Flask

from tracker.core.clock import Clock, FixedClock
from tracker.testing.apps import KeptApps, close, make_settings, set_up_for_tests

if TYPE_CHECKING:
    from tracker.config import Settings

__all__ = ["PRESENT", "make_settings", "running_app"]

# A Tuesday, 09:00 in Vietnam, in the middle of a plan's year and away from month's end.
PRESENT = datetime(2026, 6, 16, 2, 0, tzinfo=UTC)


def _make(settings: Settings, clock: Clock, plugins: Mapping[str, object] | None = None) -> Flask:
    from tracker.app import create_app

    app = create_app(settings, plugins, clock=clock)
    set_up_for_tests(app)
    return app


_kept = KeptApps(_make)


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
    if not own and not plugins:
        with _kept.running(settings, clock) as app:
            yield app
        return
    app = _make(settings, clock, plugins)
    try:
        yield app
    finally:
        close(app)

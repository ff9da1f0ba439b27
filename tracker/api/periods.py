"""The reporting windows of the instance: quarter, half-year, nine months, year."""

from __future__ import annotations

from tracker.core.periods import Window, WindowRule, current_window, previous_window, window
from tracker.settings.queries import window_rules

__all__ = [
    "Window",
    "WindowRule",
    "current_window",
    "previous_window",
    "window",
    "window_rules",
]

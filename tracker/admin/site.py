"""The back office of one app."""

from __future__ import annotations

from flask import Flask


def init_admin(app: Flask) -> None:
    """Mount the back office with the views that features registered."""

"""Where the product's own files lie, installed or in a checkout; imports nothing."""

from __future__ import annotations

from importlib import resources
from pathlib import Path


def migrations_folder() -> Path:
    """Return the core's migrations: beside the package when installed, else in the checkout."""
    try:
        return Path(str(resources.files("tracker.migrations").joinpath("")))
    except ModuleNotFoundError:
        return Path(__file__).resolve().parents[2] / "migrations"

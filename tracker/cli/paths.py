"""Where the catalogue of translations lies, known without loading the web."""

from __future__ import annotations

from pathlib import Path


def catalogue_folder() -> str:
    """Return the folder of the translations."""
    return str(Path(__file__).resolve().parents[1] / "locale")

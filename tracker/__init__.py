"""Tracks administrative-reform plans, the work under them and its inspection."""

from __future__ import annotations


def __getattr__(name: str) -> str:
    """Return `__version__`, read when asked: what reads it takes longer to load than a command."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    return version("tracker")

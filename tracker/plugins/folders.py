"""Where the package of a loaded plug-in lies: words, pages, migrations are beside its code."""

from __future__ import annotations

from pathlib import Path


def folder_of(plugin: object) -> Path | None:
    """Return the folder of a plug-in's package; None for one that was made without a file."""
    implementation = getattr(plugin, "implementation", plugin)
    path = getattr(implementation, "__file__", None)
    return Path(path).resolve().parent if path else None


def catalogue_of(plugin: object) -> Path | None:
    """Return the folder of a plug-in's translations, None when it has none."""
    folder = folder_of(plugin)
    if folder is None or not (folder / "locale").is_dir():
        return None
    return folder / "locale"

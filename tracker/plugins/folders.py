"""Where the package of a loaded plug-in lies: words, pages, migrations are beside its code."""

from __future__ import annotations

from pathlib import Path

from tracker.core.errors import PluginError
from tracker.plugins.manifest import FILE_NAME


def folder_of(plugin: object) -> Path | None:
    """Return the folder of a plug-in's package; None for one that was made without a file."""
    implementation = getattr(plugin, "implementation", plugin)
    path = getattr(implementation, "__file__", None)
    return Path(path).resolve().parent if path else None


def find_package(folder: Path) -> Path:
    """Return the package in a plug-in's source folder, or the folder itself when it is one.

    Raises PluginError when there is none, or several.
    """
    if (folder / FILE_NAME).is_file():
        return folder
    found = sorted(one.parent for one in folder.glob(f"tracker_*/{FILE_NAME}"))
    if len(found) != 1:
        raise PluginError(f"{folder}: one tracker_<name>/{FILE_NAME} is wanted, {len(found)} found")
    return found[0]


def catalogue_of(plugin: object) -> Path | None:
    """Return the folder of a plug-in's translations, None when it has none."""
    folder = folder_of(plugin)
    if folder is None or not (folder / "locale").is_dir():
        return None
    return folder / "locale"

"""The set file of an instance as plain JSON, for whoever watches it without loading the app."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SET_FILE = "set.json"
# Held on this machine while a plug-in is switched.
SWITCH_LOCK = ".switch.lock"
# Of tracker.plugins.states: imported and gated; all others are not imported.
IMPORTED = frozenset({"enabled", "disabled", "paused"})


def plugins_folder(instance: Path) -> Path:
    """Return the folder of an instance that holds its plug-ins."""
    return instance / "plugins"


def read_plain(instance: Path) -> dict[str, Any]:
    """Return what the set file says; an empty set where there is none. Raises ValueError."""
    try:
        text = (plugins_folder(instance) / SET_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {"generation": 0, "safe_mode": False, "plugins": []}
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError("it holds no table")
    return data


def write_plain(instance: Path, data: Mapping[str, Any]) -> None:
    """Write the set file, at once or not at all."""
    folder = plugins_folder(instance)
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{SET_FILE}.{os.getpid()}.new"
    with draft.open("w", encoding="utf-8") as file:
        json.dump(data, file, ensure_ascii=False, indent=2)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / SET_FILE)


def code_of(data: Mapping[str, Any]) -> str:
    """Return a name of what is to be imported: where it changes, a reload is needed."""
    wanted = sorted(
        (one["name"], one["version"], one["sha256"], one["path"])
        for one in data["plugins"]
        if one["state"] in IMPORTED
    )
    text = json.dumps([bool(data["safe_mode"]), wanted])
    return hashlib.sha256(text.encode()).hexdigest()[:16]

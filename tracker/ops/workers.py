"""Which web workers serve: each leaves a file when it has loaded the app, for the supervisor."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = "serving"


def announce(instance: Path) -> None:
    """Say that this process has loaded the app."""
    folder = instance / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / str(os.getpid())).write_text(str(os.getppid()), encoding="ascii")


def clear(instance: Path) -> None:
    """Forget what an earlier server left."""
    for path in (instance / FOLDER).glob("[0-9]*"):
        path.unlink(missing_ok=True)


def workers_of(instance: Path, parent: int) -> set[int]:
    """Return the process numbers of the workers that serve for the web server `parent`."""
    found: set[int] = set()
    for path in (instance / FOLDER).glob("[0-9]*"):
        try:
            is_own = path.read_text(encoding="ascii") == str(parent)
            os.kill(int(path.name), 0)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            path.unlink(missing_ok=True)
            continue
        if is_own:
            found.add(int(path.name))
    return found

"""`tracker plugin revision`: writes a plug-in's next migration, in a process of its own.

The database that the models are compared with is an empty SQLite one, brought up to what the core
and the plug-in have by now, and thrown away afterwards.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tracker.core.errors import PluginError
from tracker.core.migrate import Owner, upgrade, write_revision
from tracker.core.text import fold
from tracker.features import load_models
from tracker.plugins.folders import find_package
from tracker.plugins.loader import import_hooks
from tracker.plugins.manifest import FILE_NAME, read_manifest

NUMBERED = re.compile(r"(\d{4})_.*\.py")
LONGEST_SLUG = 40


def next_revision(versions: Path, message: str) -> str:
    """Return the id of the next revision: a number of four digits and words of the message."""
    taken = [int(found[1]) for one in versions.glob("*.py") if (found := NUMBERED.match(one.name))]
    words = re.sub(r"[^a-z0-9]+", "_", fold(message)).strip("_")[:LONGEST_SLUG]
    return f"{max(taken, default=0) + 1:04d}" + (f"_{words}" if words else "")


def write(folder: Path, message: str) -> Path:
    """Write the migration and return its file. Raises PluginError, and alembic's own errors."""
    package = find_package(folder.resolve())
    manifest = read_manifest((package / FILE_NAME).read_bytes())
    load_models()
    import_hooks(manifest, package.parent)
    owner = Owner(manifest.name, package / "migrations")
    with tempfile.TemporaryDirectory(prefix="tracker-revision-") as scratch:
        url = f"sqlite:///{Path(scratch) / 'empty.sqlite3'}"
        upgrade(url)
        if any((owner.folder / "versions").glob("*.py")):
            upgrade(url, owner=owner)
        return write_revision(
            url, message, owner, next_revision(owner.folder / "versions", message)
        )


def main(arguments: Sequence[str]) -> int:
    """Write the migration and print its file."""
    try:
        path = write(Path(arguments[0]), arguments[1])
    except PluginError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

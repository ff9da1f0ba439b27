"""`tracker plugin revision`: writes a plug-in's next migration, in a process of its own.

The database that the models are compared with is an empty SQLite one, brought up to what the core
and the plug-in have by now, and thrown away afterwards.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

from tracker.core.errors import PluginError
from tracker.core.migrate import Owner, SchemaError, upgrade, write_revision
from tracker.features import load_models
from tracker.plugins.folders import find_package
from tracker.plugins.loader import import_hooks
from tracker.plugins.manifest import FILE_NAME, read_manifest

NUMBERED = re.compile(r"(\d{4})_.*\.py")


def next_revision(versions: Path) -> str:
    """Return the id of the next revision: a number of four digits."""
    taken = [int(found[1]) for one in versions.glob("*.py") if (found := NUMBERED.match(one.name))]
    return f"{max(taken, default=0) + 1:04d}"


def write(folder: Path, message: str) -> Path:
    """Write the migration and return its file.

    Raises PluginError, SchemaError when there is no difference, and alembic's own errors.
    """
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
        return write_revision(url, message, owner, next_revision(owner.folder / "versions"))


def main(arguments: Sequence[str]) -> int:
    """Write the migration and print its file."""
    try:
        # Alembic tells on its own what it does.
        with redirect_stdout(io.StringIO()):
            path = write(Path(arguments[0]), arguments[1])
    except (PluginError, SchemaError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A fresh, migrated database for each test, by copying a template that is migrated once.

One `Databases` object serves one worker process; templates are made by whichever process of a run
needs one first. Making the schema by the real migrations takes seconds; copying it takes
milliseconds, on both engines.
"""

import contextlib
import fcntl
import functools
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tracker.testing import postgres

BACKENDS = ("sqlite", "postgresql")
Migrate = Callable[[str], object]


@dataclass(frozen=True)
class Filling:
    """What many tests begin with: a name for it, and what writes it into a migrated database.

    `fill` takes the database's URL and a folder for files that belong to the rows, and returns
    what the tests need to know of them (ids), in a form of theirs.
    """

    name: str
    fill: Callable[[str, Path], bytes]


@dataclass(frozen=True)
class Template:
    """What is copied: a path of SQLite or a name on the server, the files, what is known of it."""

    database: str
    files: Path
    known: bytes


class Databases:
    """Copies of the migrated templates, one per backend and filling, made at the first demand."""

    def __init__(self, shared: Path, migrate: Migrate, server_url: str | None) -> None:
        """Keep templates, and the server unless `server_url` names one, in `shared` by all."""
        self._shared = shared
        self._folder = shared / "templates"
        self._folder.mkdir(exist_ok=True)
        self._migrate = migrate
        self._server_url = server_url
        self._templates: dict[tuple[str, str], Template] = {}

    @contextlib.contextmanager
    def fresh(
        self, backend: str, folder: Path, *, migrated: bool = True, filling: Filling | None = None
    ) -> Iterator[str]:
        """Give the URL of a database of its own; it goes when the block ends.

        SQLite's file lies in `folder`. With `migrated=False` the database is empty; `filling` is
        written once, and copied with the tables. Raises PostgresMissing.
        """
        template = self._template(backend, filling) if migrated else None
        if backend == "sqlite":
            path = folder / "tracker.sqlite3"
            if template is not None:
                shutil.copyfile(template.database, path)
            yield f"sqlite:///{path}"
            return
        name = self._server.create(*([template.database] if template else []))
        try:
            yield self._server.url_of(name)
        finally:
            self._server.discard(name)

    def known(self, backend: str, filling: Filling) -> bytes:
        """Return what `filling` told of itself when it was written on a backend."""
        return self._template(backend, filling).known

    def files(self, backend: str, filling: Filling) -> Path:
        """Return the folder of the files that `filling` keeps beside its rows, to be copied."""
        return self._template(backend, filling).files

    def _template(self, backend: str, filling: Filling | None) -> Template:
        key = (backend, filling.name if filling else "")
        if key not in self._templates:
            folder = self._folder / "-".join(key).replace(" ", "-")
            folder.mkdir(exist_ok=True)
            if backend == "sqlite":
                database = str(folder / "template.sqlite3")
            else:
                database = f"{self._shared.name}-{folder.name}"
            note = folder / "known"
            with (folder / "lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not note.exists():
                    note.write_bytes(self._make(backend, filling, database, folder / "files"))
            self._templates[key] = Template(database, folder / "files", note.read_bytes())
        return self._templates[key]

    def _make(self, backend: str, filling: Filling | None, database: str, files: Path) -> bytes:
        """Write a template over what a process that was killed may have left of it."""
        empty = self._template(backend, None).database if filling else None
        shutil.rmtree(files, ignore_errors=True)
        files.mkdir()
        if backend == "sqlite":
            url = f"sqlite:///{database}"
            Path(database).unlink(missing_ok=True)
            if empty is not None:
                shutil.copyfile(empty, database)
        else:
            url = self._server.url_of(self._server.replace(database, empty or "template0"))
        known = b""
        if filling is None:
            self._migrate(url)
        else:
            known = filling.fill(url, files)
        if backend == "sqlite":
            with contextlib.closing(sqlite3.connect(database)) as connection:
                # All of it into the one file that is copied.
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return known

    @functools.cached_property
    def _server(self) -> postgres.Server:
        url = self._server_url or postgres.start(self._shared)
        return postgres.Server(url, f"{self._shared.name}-{os.getpid()}")

    def close(self) -> None:
        """Leave the server."""
        if "_server" in vars(self):
            self._server.close()

"""A fresh, migrated database for each test, by copying a template that is migrated once.

One `Databases` object serves one worker process. Making the schema by the real migrations takes
seconds; copying it takes milliseconds, on both engines.
"""

import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from tracker.testing import postgres

BACKENDS = ("sqlite", "postgresql")
Migrate = Callable[[str], object]


class Databases:
    """Copies of the migrated templates, one per backend, made at the first demand."""

    def __init__(
        self, folder: Path, shared: Path, prefix: str, migrate: Migrate, server_url: str | None
    ) -> None:
        """Keep files in `folder` (this worker's); share a server with others through `shared`."""
        self._folder = folder
        self._shared = shared
        self._prefix = prefix
        self._migrate = migrate
        self._server_url = server_url
        self._server: postgres.Server | None = None
        self._sqlite_template: Path | None = None
        self._postgresql_template: str | None = None

    @contextlib.contextmanager
    def fresh(self, backend: str, folder: Path, *, migrated: bool = True) -> Iterator[str]:
        """Give the URL of a database of its own; it goes when the block ends.

        SQLite's file lies in `folder`. With `migrated=False` the database is empty.
        Raises PostgresMissing.
        """
        make = self._fresh_sqlite if backend == "sqlite" else self._fresh_postgresql
        with make(folder, migrated) as url:
            yield url

    @contextlib.contextmanager
    def _fresh_sqlite(self, folder: Path, migrated: bool) -> Iterator[str]:
        path = folder / "tracker.sqlite3"
        if migrated:
            shutil.copyfile(self._sqlite(), path)
        yield f"sqlite:///{path}"

    def _sqlite(self) -> Path:
        if self._sqlite_template is None:
            path = self._folder / "template.sqlite3"
            self._migrate(f"sqlite:///{path}")
            with contextlib.closing(sqlite3.connect(path)) as connection:
                # All of it into the one file that is copied.
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._sqlite_template = path
        return self._sqlite_template

    @contextlib.contextmanager
    def _fresh_postgresql(self, _folder: Path, migrated: bool) -> Iterator[str]:
        if self._server is None:
            url = self._server_url or postgres.start(self._shared)
            self._server = postgres.Server(url, self._prefix)
        server = self._server
        name = server.create(self._template_on(server)) if migrated else server.create()
        try:
            yield server.url_of(name)
        finally:
            server.discard(name)

    def _template_on(self, server: postgres.Server) -> str:
        if self._postgresql_template is None:
            name = server.create()
            self._migrate(server.url_of(name))
            self._postgresql_template = name
        return self._postgresql_template

    def close(self) -> None:
        """Drop the template and leave the server."""
        if self._server is not None:
            if self._postgresql_template is not None:
                self._server.discard(self._postgresql_template)
            self._server.close()

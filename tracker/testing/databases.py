"""A fresh, migrated database for each test, by copying a template that is migrated once.

One `Databases` object serves one worker process. Making the schema by the real migrations takes
seconds; copying it takes milliseconds, on both engines.
"""

import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracker.testing import postgres

BACKENDS = ("sqlite", "postgresql")
Migrate = Callable[[str], object]


@dataclass(frozen=True)
class Filling:
    """What many tests begin with: a name for it, and what writes it into a migrated database.

    `fill` takes the database's URL and returns what the tests need to know of it (ids).
    """

    name: str
    fill: Callable[[str], Any]


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
        # Templates by what they are filled with; "" is migrated and empty.
        self._sqlite_templates: dict[str, Path] = {}
        self._postgresql_templates: dict[str, str] = {}
        self._known: dict[tuple[str, str], Any] = {}

    @contextlib.contextmanager
    def fresh(
        self, backend: str, folder: Path, *, migrated: bool = True, filling: Filling | None = None
    ) -> Iterator[str]:
        """Give the URL of a database of its own; it goes when the block ends.

        SQLite's file lies in `folder`. With `migrated=False` the database is empty; `filling` is
        written once, and copied with the tables. Raises PostgresMissing.
        """
        make = self._fresh_sqlite if backend == "sqlite" else self._fresh_postgresql
        with make(folder, migrated, filling) as url:
            yield url

    def known(self, backend: str, filling: Filling) -> Any:
        """Return what `filling` told of itself when it was written on a backend."""
        return self._known[backend, filling.name]

    def _fill(self, backend: str, url: str, filling: Filling) -> None:
        self._known[backend, filling.name] = filling.fill(url)

    @contextlib.contextmanager
    def _fresh_sqlite(self, folder: Path, migrated: bool, filling: Filling | None) -> Iterator[str]:
        path = folder / "tracker.sqlite3"
        if migrated:
            shutil.copyfile(self._sqlite(filling), path)
        yield f"sqlite:///{path}"

    def _sqlite(self, filling: Filling | None) -> Path:
        name = filling.name if filling else ""
        if name not in self._sqlite_templates:
            empty = self._sqlite(None) if filling else None
            path = self._folder / f"template{len(self._sqlite_templates)}.sqlite3"
            url = f"sqlite:///{path}"
            if filling is None or empty is None:
                self._migrate(url)
            else:
                shutil.copyfile(empty, path)
                self._fill("sqlite", url, filling)
            with contextlib.closing(sqlite3.connect(path)) as connection:
                # All of it into the one file that is copied.
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._sqlite_templates[name] = path
        return self._sqlite_templates[name]

    @contextlib.contextmanager
    def _fresh_postgresql(
        self, _folder: Path, migrated: bool, filling: Filling | None
    ) -> Iterator[str]:
        if self._server is None:
            url = self._server_url or postgres.start(self._shared)
            self._server = postgres.Server(url, self._prefix)
        server = self._server
        name = server.create(self._template_on(server, filling)) if migrated else server.create()
        try:
            yield server.url_of(name)
        finally:
            server.discard(name)

    def _template_on(self, server: postgres.Server, filling: Filling | None) -> str:
        key = filling.name if filling else ""
        if key not in self._postgresql_templates:
            if filling is None:
                name = server.create()
                self._migrate(server.url_of(name))
            else:
                name = server.create(self._template_on(server, None))
                self._fill("postgresql", server.url_of(name), filling)
            self._postgresql_templates[key] = name
        return self._postgresql_templates[key]

    def close(self) -> None:
        """Drop the templates and leave the server."""
        if self._server is not None:
            for name in self._postgresql_templates.values():
                self._server.discard(name)
            self._server.close()

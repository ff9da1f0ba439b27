"""What the supervisor looks at: the database's schema and generation, asked without the app.

The supervisor starts in a fraction of the time that the app takes to load, so it speaks to the
databases by their plain drivers, and only reads.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import Any

from tracker.config import Settings
from tracker.core.folders import migrations_folder

_REVISION = re.compile(r'^(revision|down_revision) = "([^"]+)"', re.MULTILINE)


class Unreachable(Exception):
    """The database does not answer, or lacks what is asked for."""


class Reader:
    """Asks the instance's database single questions, on one connection while that lasts."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: Any = None

    def one(self, question: str) -> Any:
        """Return the first value that a question yields, None when there is none.

        Raises Unreachable.
        """
        try:
            return self._ask(question)
        except self._errors() as error:
            self.close()
            raise Unreachable(str(error)) from error

    def _errors(self) -> tuple[type[Exception], ...]:
        if self._settings.is_sqlite:
            return (sqlite3.Error, OSError)
        import psycopg

        return (psycopg.Error, OSError)

    def _ask(self, question: str) -> Any:
        if self._settings.is_sqlite:
            # A connection for each question: a backup may have been put in the file's place.
            path = self._settings.database_url.removeprefix("sqlite:///")
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as opened:
                row = opened.execute(question).fetchone()
        else:
            if self._connection is None:
                import psycopg

                url = self._settings.database_url.replace("+psycopg", "", 1)
                self._connection = psycopg.connect(url, autocommit=True, connect_timeout=5)
            row = self._connection.execute(question).fetchone()
        return row[0] if row else None

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def head_of_migrations() -> str:
    """Return the newest revision, read from the files without importing them."""
    found: dict[str, str] = {}
    for path in (migrations_folder() / "versions").glob("*.py"):
        words = dict(_REVISION.findall(path.read_text(encoding="utf-8")))
        found[words["revision"]] = words.get("down_revision", "")
    (head,) = set(found) - set(found.values())
    return head


def has_current_schema(settings: Settings, reader: Reader) -> bool:
    """Tell whether the database is there and at the newest revision."""
    try:
        revision = reader.one("SELECT version_num FROM alembic_version")
    except Unreachable:
        return False
    return bool(revision == head_of_migrations())


def generation(reader: Reader) -> int | None:
    """Return the generation of the wanted set, None while the database does not tell."""
    try:
        return int(reader.one("SELECT generation FROM plugin_set") or 0)
    except Unreachable:
        return None

"""What is sent to the database while something happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, event

from tracker.core.db import db

# What opens and ends transactions asks nothing.
FRAMES = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")


@contextmanager
def statements_sent(engine: Engine | None = None) -> Iterator[list[str]]:
    """Collect the statements that are sent within the block, to the app's database unless told."""
    watched = engine or db.engine
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if not statement.lstrip().upper().startswith(FRAMES):
            sent.append(statement)

    event.listen(watched, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(watched, "before_cursor_execute", note)

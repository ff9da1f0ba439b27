"""Who wants to write to SQLite waits for the writer before, and is told when that takes long."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import OperationalError

from tracker.core import db


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = create_engine(f"sqlite:///{tmp_path / 'turns.db'}")
    db.set_up_engine(made)
    yield made
    made.dispose()


@pytest.fixture
def other(tmp_path: Path, engine: Engine) -> Iterator[sqlite3.Connection]:
    """The connection of another process, in the middle of writing."""
    with engine.connect():
        # The first connection has set how the file is kept.
        pass
    connection = sqlite3.connect(
        tmp_path / "turns.db", isolation_level=None, check_same_thread=False
    )
    connection.execute("CREATE TABLE notes (text TEXT)")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO notes VALUES ('theirs')")
    yield connection
    connection.close()


@pytest.fixture
def is_writing() -> Iterator[None]:
    token = db.writing.set(True)
    yield
    db.writing.reset(token)


@pytest.mark.usefixtures("is_writing")
def test_write_begins_when_the_one_before_ends(engine: Engine, other: sqlite3.Connection) -> None:
    turn = threading.Timer(0.2, other.execute, ("COMMIT",))
    turn.start()
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO notes VALUES ('ours')")
        found = connection.exec_driver_sql("SELECT text FROM notes ORDER BY rowid").scalars().all()
        patience = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
    turn.join()
    assert found == ["theirs", "ours"]
    assert patience == db.BUSY_SECONDS * 1000


@pytest.mark.usefixtures("is_writing")
def test_wait_that_is_too_long_is_told(
    engine: Engine, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "BUSY_SECONDS", 0)
    with engine.connect() as connection, pytest.raises(OperationalError, match="locked"):
        connection.exec_driver_sql("SELECT 1")
    other.execute("ROLLBACK")
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM notes").scalar_one() == 0


def test_reader_waits_for_nobody(engine: Engine, other: sqlite3.Connection) -> None:
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM notes").scalar_one() == 0

"""The ledger that an older version kept is carried over, and back."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from tracker.core import migrate

COLUMNS = "job, due_at, state, process, log, public_id"


def rows(url: str, columns: str) -> list[tuple[object, ...]]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        found = connection.execute(text(f"SELECT {columns} FROM job_runs ORDER BY id")).all()
    return [tuple(row) for row in found]


def test_ledger_is_carried_over_and_back(empty_database_url: str):
    url = empty_database_url
    migrate.upgrade(url, "0002")
    ids = [uuid4().hex for _number in range(2)]
    with migrate.migrating(url) as connection:
        for number, (key, state) in enumerate(zip(ids, ("done", "missed"), strict=True)):
            connection.execute(
                text(
                    f"INSERT INTO job_runs ({COLUMNS}) "
                    "VALUES ('audit.anchor', :due, :state, 'here:1', 'neo', :key)"
                ),
                {"due": datetime(2026, 6, 15 + number, tzinfo=UTC), "state": state, "key": key},
            )
    migrate.upgrade(url, "0003")
    kept = "job, state, kind, attempts, input, log"
    assert rows(url, kept) == [
        ("audit.anchor", "done", "scheduled", 1, "{}", "neo"),
        ("audit.anchor", "missed", "scheduled", 1, "{}", "neo"),
    ]
    with migrate.migrating(url) as connection:
        connection.execute(text("UPDATE job_runs SET state = 'caught_up' WHERE state = 'done'"))
    migrate.downgrade(url, "0002")
    assert rows(url, "job, state, log") == [
        ("audit.anchor", "done", "neo"),
        ("audit.anchor", "missed", "neo"),
    ]
    assert [str(key).replace("-", "") for (key,) in rows(url, "public_id")] == ids

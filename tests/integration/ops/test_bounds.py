"""A migration in rehearsal changes nothing that is not its own, whatever it tries."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from tracker.core.migrate import Owner
from tracker.ops import bounds

OWNER = Owner("tiny", Path())
OWN = (
    "CREATE TABLE plugin_tiny__note (id INTEGER PRIMARY KEY, unit_id INTEGER REFERENCES units)",
    "CREATE INDEX ix_plugin_tiny__note_unit_id ON plugin_tiny__note (unit_id)",
    "INSERT INTO plugin_tiny__note (id) VALUES (1)",
    "CREATE TABLE alembic_version_plugin_tiny (version_num VARCHAR(32))",
    "INSERT INTO alembic_version_plugin_tiny VALUES ('0001')",
)
SHAPES = (
    ("CREATE INDEX ix_mine ON units (name)", "units"),
    ("ALTER TABLE units ADD COLUMN mine INTEGER", "units"),
    ("CREATE TABLE mine (id INTEGER)", "mine"),
    ("CREATE VIEW our_units AS SELECT id FROM units", "our_units"),
    ("DROP VIEW our_units", "our_units"),
)
DROPPED = {
    "sqlite": ("DROP TRIGGER changes_no_update", "changes"),
    "postgresql": ("ALTER TABLE changes DISABLE TRIGGER changes_no_change", "changes"),
}
ROWS = (
    "UPDATE change_head SET last_id = last_id",
    "DELETE FROM change_head",
    "INSERT INTO alembic_version VALUES ('0000')",
)


def say(url: str, *statements: str) -> None:
    with bounds.connected(url) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_what_is_not_its_own_stays_as_it_is(database_url: str):
    bounds.guard(database_url, OWNER)
    before = bounds.shape_of_others(database_url, OWNER)
    say(database_url, *OWN)
    bounds.compare(before, bounds.shape_of_others(database_url, OWNER))
    for statement in ROWS:
        with pytest.raises(DBAPIError, match="its migration writes rows of others"):
            say(database_url, statement)
    dialect = "sqlite" if database_url.startswith("sqlite") else "postgresql"
    seen = before
    for statement, names in (*SHAPES, DROPPED[dialect]):
        say(database_url, statement)
        now = bounds.shape_of_others(database_url, OWNER)
        with pytest.raises(bounds.OutOfBounds, match=f": {names}$"):
            bounds.compare(seen, now)
        seen = now
    bounds.unguard(database_url)
    say(database_url, ROWS[0])

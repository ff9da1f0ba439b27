"""After many writes the database's planner is told how many rows there are now."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from tracker.core.db import db, refresh_statistics, writing
from tracker.core.work import Work, run
from tracker.settings.models import Setting

ROWS = 1200
# How each database says how many rows it believes a table to have.
BELIEVED = {
    "sqlite": "SELECT max(CAST(stat AS INTEGER)) FROM sqlite_stat1 WHERE tbl = 'settings'",
    "postgresql": "SELECT CAST(reltuples AS INTEGER) FROM pg_class WHERE relname = 'settings'",
}


def put_many(work: Work, rows: int) -> None:
    work.session.add_all(Setting(key=f"test.key_{number}", value=1) for number in range(rows))


@pytest.mark.usefixtures("system")
def test_the_planner_learns_what_was_written() -> None:
    run(put_many, ROWS)
    refresh_statistics()
    believed = db.session.scalar(text(BELIEVED[db.engine.dialect.name]))
    assert believed is not None
    assert believed >= ROWS
    # The connection reads again, as all do outside a unit of work.
    assert not writing.get()

"""Insert rows that may be there already: the same statement on both databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from tracker.core.db import Base


def insert_new(session: Session, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert the rows whose unique keys are not there yet; return how many were new.

    For tables outside the change log only: what is written so leaves no change set.
    """
    if not getattr(model, "__technical__", ""):
        raise RuntimeError(f"rows of {model.__name__} belong into the change log")
    if not rows:
        return 0
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    insert = sqlite.insert if is_sqlite else postgresql.insert
    table = cast("Table", cast(Any, model).__table__)
    # What comes back is what was written: drivers don't agree on counting many rows.
    first_key = next(iter(table.primary_key.columns))
    statement = insert(table).on_conflict_do_nothing().returning(first_key)
    return len(session.connection().execute(statement, [dict(row) for row in rows]).all())

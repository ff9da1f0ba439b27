"""Rows as lines of JSON: every kind of column that a table has comes back as it was."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    Time,
    Uuid,
    create_engine,
    insert,
    select,
)
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeEngine

from tracker.core.tabletext import insert_lines, lines_of


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Integer(), 2**31 - 1),
        (Text(), "Xã 'Ð' \\ \u2028"),
        (Boolean(), True),
        (Float(), 1.5),
        (Numeric(8, 2), Decimal("91.30")),
        (Date(), date(2026, 6, 16)),
        (Time(), time(7, 30)),
        (DateTime(), datetime(2026, 6, 16, 7, 30)),
        (LargeBinary(), b"\x00\xff"),
        (Uuid(), UUID(int=7)),
        (JSON(), {"hex": "no", "list": [1, {"xã": None}]}),
    ],
)
@pytest.mark.filterwarnings("ignore:Dialect sqlite.*Decimal")
def test_a_row_comes_back_as_it_was(kind: TypeEngine[Any], value: object) -> None:
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("it", kind))
    rows = [{"id": 1, "it": value}, {"id": 2, "it": None}]
    with create_engine("sqlite://", poolclass=NullPool).begin() as connection:
        table.create(connection)
        connection.execute(insert(table), rows)
        lines = list(lines_of(connection, table))
        connection.execute(table.delete())
        assert insert_lines(connection, table, lines) == []
        found = connection.execute(select(table).order_by(table.c.id)).mappings().all()
    if isinstance(value, datetime):
        assert value.replace(tzinfo=UTC).isoformat() in lines[0].decode()
    assert [dict(row) for row in found] == rows

"""Rows as lines of JSON that both databases write and read: for backups, snapshots, exports.

Tables are taken as the database itself describes them, so columns hold what is stored (JSON as it
was hashed, secrets still encrypted), and nobody's models are needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    ForeignKeyConstraint,
    Table,
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.types import TypeEngine

from tracker.core.db import canonical_json

BATCH = 1000


# Kinds of values that are written and read here; JSON besides.
KINDS = (int, float, str, bool, bytes, datetime, date, time, UUID, Decimal)


def is_known(kind: TypeEngine[Any]) -> bool:
    """Tell whether values of a column's type come back as they were."""
    try:
        return isinstance(kind, JSON) or kind.python_type in KINDS
    except NotImplementedError:
        return False


def told(value: object) -> object:
    """Return a stored value as the file holds it, the same from both databases."""
    if isinstance(value, datetime):
        moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return moment.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes | memoryview):
        return {"hex": bytes(value).hex()}
    return value


def heard(column: Column[Any], value: Any, *, is_sqlite: bool) -> Any:
    """Return what a column takes for a value of the file."""
    if value is None or isinstance(column.type, JSON):
        return value
    if isinstance(value, dict):
        return bytes.fromhex(value["hex"])
    wanted = column.type.python_type
    if wanted is datetime:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=None) if is_sqlite else moment
    if wanted is date:
        return date.fromisoformat(value)
    if wanted is time:
        return time.fromisoformat(value)
    if wanted is UUID:
        return UUID(hex=value)
    if wanted is Decimal:
        return Decimal(value)
    return value


def lines_of(connection: Connection, table: Table) -> Iterator[bytes]:
    """Yield each row as one line of JSON, in the order of the primary key."""
    order = list(table.primary_key.columns) or list(table.columns)
    names = [column.name for column in table.columns]
    query = select(*table.columns).order_by(*order).execution_options(yield_per=BATCH)
    for row in connection.execute(query):
        values = {name: told(value) for name, value in zip(names, row, strict=True)}
        yield canonical_json(values).encode() + b"\n"


def pointing_inside(table: Table) -> list[str]:
    """Return the columns that point into their own table: filled once all rows are there."""
    return [
        column.name
        for constraint in table.constraints
        if isinstance(constraint, ForeignKeyConstraint) and constraint.referred_table is table
        for column in constraint.columns
    ]


def insert_lines(
    connection: Connection, table: Table, lines: Iterable[bytes]
) -> list[dict[str, Any]]:
    """Insert the rows of `lines`; return what `point_back` needs once all tables are filled.

    Raises KeyError for a column that the table does not have, ValueError for a line that is no row.
    """
    inside, updates = pointing_inside(table), []
    key = [column.name for column in table.primary_key.columns]
    is_sqlite = connection.dialect.name == "sqlite"
    for column in table.columns:
        if isinstance(column.type, JSON):
            # What is nothing in the file was nothing in the table, not JSON's null.
            column.type.none_as_null = bool(column.nullable)
    batch: list[dict[str, Any]] = []
    for line in lines:
        row = {
            name: heard(table.columns[name], value, is_sqlite=is_sqlite)
            for name, value in json.loads(line).items()
        }
        pointing = {name: row[name] for name in inside if row[name] is not None}
        if pointing:
            updates.append({**{name: row[name] for name in key}, **pointing})
            row.update(dict.fromkeys(pointing))
        batch.append(row)
        if len(batch) >= BATCH:
            connection.execute(insert(table), batch)
            batch = []
    if batch:
        connection.execute(insert(table), batch)
    return updates


def point_back(connection: Connection, table: Table, updates: Sequence[dict[str, Any]]) -> None:
    """Fill the columns that point into their own table, column by column."""
    key = [column.name for column in table.primary_key.columns]
    condition = [table.columns[name] == bindparam(f"key_{name}") for name in key]
    for pointing in pointing_inside(table):
        rows = [
            {"pointing": row[pointing], **{f"key_{name}": row[name] for name in key}}
            for row in updates
            if row.get(pointing) is not None
        ]
        if rows:
            change = update(table).where(*condition).values(**{pointing: bindparam("pointing")})
            connection.execute(change, rows)


def set_sequence(connection: Connection, table: Table) -> None:
    """Let PostgreSQL's counters go on after the highest restored key."""
    for column in table.primary_key.columns:
        if column.type.python_type is not int:
            continue
        sequence = connection.scalar(select(func.pg_get_serial_sequence(table.name, column.name)))
        highest = connection.scalar(select(func.max(column)))
        if sequence and highest:
            connection.execute(select(func.setval(sequence, highest)))

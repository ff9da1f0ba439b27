"""A copy of the database on which a rehearsal may do what it likes.

SQLite's own backup copies a database that is in use, consistently. PostgreSQL is copied row by row
from one moment into a second database that is for nothing else, with its functions and triggers;
above a set size leaf tables of the core (those that no other table points at) come as their newest
rows only.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Collection
from pathlib import Path

from flask_babel import gettext as _
from sqlalchemy import (
    Connection,
    MetaData,
    Table,
    create_engine,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import AddConstraint, CreateIndex, CreateTable

from tracker.config import Settings
from tracker.core.errors import PluginError
from tracker.core.migrate import is_plugin_table
from tracker.core.tabletext import set_sequence

log = logging.getLogger(__name__)

SQLITE = "sqlite:///"
SAMPLE_ABOVE = 50_000
SAMPLE = 5_000
BATCH = 1000
# Stands in a rehearsal's database, so that no other one is ever emptied by mistake.
MARK = "tracker_rehearsal"
# The log's sets are pointed at by its changes; neither is read by anything that is rehearsed.
LOG = frozenset({"change_sets", "changes"})
# So long connections that were told to end may still hold what they held.
LOCK_SECONDS = 20
CONNECT_SECONDS = 10

# A killed process leaves its statement running in the server, with all that it has locked.
EVICT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
"""
# Functions come before the triggers that call them.
CODE = """
SELECT 1 AS place, pg_get_functiondef(p.oid) AS statement FROM pg_proc AS p
WHERE p.pronamespace = current_schema()::regnamespace AND p.prokind IN ('f', 'p')
  AND NOT EXISTS (SELECT 1 FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')
UNION ALL
SELECT 2, pg_get_triggerdef(t.oid) FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal
ORDER BY place, statement
"""
# Whatever was made in it, also by a migration that was cut off; tables take most of it along.
DROPS = """
SELECT 1 AS place, format('DROP %s IF EXISTS %I CASCADE', CASE c.relkind WHEN 'v' THEN 'VIEW'
  WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END, c.relname) AS statement
FROM pg_class AS c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
  AND NOT EXISTS (SELECT 1 FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e')
UNION ALL
SELECT 2, format('DROP SEQUENCE IF EXISTS %I CASCADE', c.relname) FROM pg_class AS c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'S'
  AND NOT EXISTS (SELECT 1 FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e')
UNION ALL
SELECT 3, format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure) FROM pg_proc AS p
WHERE p.pronamespace = current_schema()::regnamespace AND p.prokind IN ('f', 'p')
  AND NOT EXISTS (SELECT 1 FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')
UNION ALL
SELECT 4, format('DROP TYPE IF EXISTS %I CASCADE', t.typname) FROM pg_type AS t
WHERE t.typnamespace = current_schema()::regnamespace AND t.typtype IN ('e', 'd')
  AND NOT EXISTS (SELECT 1 FROM pg_depend AS d WHERE d.objid = t.oid AND d.deptype = 'e')
ORDER BY place, statement
"""


def copy_database(settings: Settings, folder: Path) -> str:
    """Return the address of a fresh copy: a file in `folder`, or the rehearsal database.

    Raises PluginError when there is no room or no database for it.
    """
    if settings.is_sqlite:
        return _copy_sqlite(Path(settings.database_url.removeprefix(SQLITE)), folder)
    if not settings.rehearsal_database_url:
        raise PluginError(
            _(
                "Chưa diễn tập được: với PostgreSQL cần một cơ sở dữ liệu trống dành riêng, đặt "
                "địa chỉ vào TRACKER_REHEARSAL_DATABASE_URL. Nếu vẫn muốn cài không diễn tập, hãy "
                "chọn rõ điều đó."
            )
        )
    _copy_postgresql(settings.database_url, settings.rehearsal_database_url)
    return settings.rehearsal_database_url


def clear_copy(url: str) -> None:
    """Empty the rehearsal database again: it held the people's data. Files go with their folder.

    Whoever is still connected to it is a rehearsal that was ended, and is turned out. Raises
    PluginError where that does not give the tables free in time.
    """
    if url.startswith(SQLITE):
        return
    engine = create_engine(url, poolclass=NullPool)
    try:
        with engine.begin() as connection:
            _empty(connection)
    finally:
        engine.dispose()


def clear_left_behind(settings: Settings) -> None:
    """Empty the rehearsal database of what a rehearsal left that was killed.

    A database that is not one for rehearsals, or does not answer, is left alone.
    """
    url = settings.rehearsal_database_url
    if settings.is_sqlite or not url:
        return
    engine = create_engine(
        url, poolclass=NullPool, connect_args={"connect_timeout": CONNECT_SECONDS}
    )
    try:
        with engine.begin() as connection:
            names = set(inspect(connection).get_table_names())
            if MARK in names and len(names) > 1:
                _empty(connection)
    except (SQLAlchemyError, PluginError) as error:
        log.warning("the rehearsal database could not be cleared: %s", error)
    finally:
        engine.dispose()


def _copy_sqlite(path: Path, folder: Path) -> str:
    size = path.stat().st_size
    if shutil.disk_usage(folder).free < 3 * size:
        raise PluginError(
            _("Không đủ chỗ trên ổ đĩa để diễn tập: cần %(size)d MB.", size=3 * size // 1024**2)
        )
    target_path = folder / "rehearsal.db"
    source, target = sqlite3.connect(path), sqlite3.connect(target_path)
    try:
        source.backup(target)
    finally:
        source.close()
        target.close()
    return f"{SQLITE}{target_path}"


def _copy_postgresql(source_url: str, target_url: str) -> None:
    source = create_engine(source_url, poolclass=NullPool).execution_options(
        isolation_level="REPEATABLE READ", postgresql_readonly=True
    )
    target = create_engine(target_url, poolclass=NullPool)
    try:
        with source.connect() as reading, target.begin() as writing:
            _empty(writing)
            metadata = MetaData()
            metadata.reflect(reading)
            for table in metadata.tables.values():
                _own_counters(table)
            # Keys between tables come last: rows may then arrive in any order.
            for table in metadata.tables.values():
                writing.execute(CreateTable(table, include_foreign_key_constraints=[]))
            _mark(writing)
            pointed_at = {
                key.referred_table.name
                for table in metadata.tables.values()
                for key in table.foreign_key_constraints
            }
            for table in metadata.tables.values():
                _copy_rows(reading, writing, table, pointed_at)
            for table in metadata.tables.values():
                for index in table.indexes:
                    writing.execute(CreateIndex(index))
                for key in table.foreign_key_constraints:
                    writing.execute(AddConstraint(key))
            for row in reading.execute(text(CODE)):
                _say(writing, row.statement)
    finally:
        source.dispose()
        target.dispose()


def _own_counters(table: Table) -> None:
    """Let integer keys count by themselves: a reflected default names the source's sequence."""
    for column in table.columns:
        default = getattr(column.server_default, "arg", None)
        if default is not None and "nextval(" in str(default):
            column.server_default = None
            column.autoincrement = True


def _copy_rows(
    reading: Connection, writing: Connection, table: Table, pointed_at: Collection[str]
) -> None:
    query = select(table)
    if table.name in LOG:
        return
    if table.name not in pointed_at and not is_plugin_table(table.name):
        count = reading.execute(select(func.count()).select_from(table)).scalar_one()
        keys = list(table.primary_key.columns)
        if count > SAMPLE_ABOVE and keys:
            query = query.order_by(*(key.desc() for key in keys)).limit(SAMPLE)
    rows = reading.execute(query.execution_options(yield_per=BATCH)).mappings()
    for batch in rows.partitions():
        writing.execute(table.insert(), [dict(row) for row in batch])
    set_sequence(writing, table)


def _empty(connection: Connection) -> None:
    """Drop all that is in a rehearsal database. Raises PluginError when it is not one."""
    names = set(inspect(connection).get_table_names())
    if names and MARK not in names:
        raise PluginError(
            _(
                "Cơ sở dữ liệu trong TRACKER_REHEARSAL_DATABASE_URL không trống và không phải để "
                "diễn tập; không xóa gì. Hãy dùng một cơ sở dữ liệu trống."
            )
        )
    connection.execute(text(EVICT))
    connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
    try:
        for row in connection.execute(text(DROPS)).all():
            _say(connection, row.statement)
    except OperationalError as error:
        raise PluginError(
            _("Cơ sở dữ liệu để diễn tập đang bị giữ; hãy thử lại sau ít phút.")
        ) from error
    _mark(connection)


def _say(connection: Connection, statement: str) -> None:
    """Execute a statement that the database wrote itself, as it stands."""
    connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def _mark(connection: Connection) -> None:
    connection.execute(text(f"CREATE TABLE IF NOT EXISTS {MARK} (id INTEGER PRIMARY KEY)"))

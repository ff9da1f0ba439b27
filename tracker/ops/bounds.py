"""What is not a plug-in's own stays as it is while its migrations are rehearsed.

Rows of others are guarded: each of their tables in the copy gets a trigger that refuses to write.
What the tables, indexes, triggers and functions of others are is compared before and after.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from tracker.core.migrate import Owner

GUARD = "tracker_rehearsal_guard"
VERBS = ("INSERT", "UPDATE", "DELETE")

Shape = Mapping[str, list[str]]

# Virtual tables take no trigger.
SQLITE_TABLES = """
SELECT name FROM sqlite_master
WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
  AND sql NOT LIKE 'CREATE VIRTUAL TABLE%'
"""
SQLITE_SHAPE = "SELECT tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL"

GUARD_FUNCTION = f"""
CREATE FUNCTION {GUARD}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION 'its migration writes rows of others: %', TG_TABLE_NAME;
END $$
"""
POSTGRESQL_SHAPE = """
WITH own AS (
  SELECT oid, relname FROM pg_class
  WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
)
SELECT c.relname, concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
  pg_get_expr(d.adbin, d.adrelid))
FROM own AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
UNION ALL
SELECT c.relname, pg_get_indexdef(i.indexrelid) FROM own AS c
JOIN pg_index AS i ON i.indrelid = c.oid
UNION ALL
SELECT c.relname, pg_get_constraintdef(k.oid) FROM own AS c
JOIN pg_constraint AS k ON k.conrelid = c.oid
UNION ALL
SELECT c.relname, concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled) FROM own AS c
JOIN pg_trigger AS t ON t.tgrelid = c.oid AND NOT t.tgisinternal
UNION ALL
SELECT p.proname, pg_get_functiondef(p.oid) FROM pg_proc AS p
WHERE p.pronamespace = current_schema()::regnamespace AND p.prokind IN ('f', 'p')
"""


class OutOfBounds(RuntimeError):
    """A migration changed what is not the plug-in's own."""


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Give a connection to a copy; what was done is kept at the end."""
    engine = create_engine(url, poolclass=NullPool)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def guard(url: str, owner: Owner) -> None:
    """Let nobody write to the tables of others in a copy, until `unguard`."""
    with connected(url) as connection:
        if connection.dialect.name == "sqlite":
            names = [row.name for row in connection.execute(text(SQLITE_TABLES))]
        else:
            names = inspect(connection).get_table_names()
            connection.exec_driver_sql(GUARD_FUNCTION, execution_options={"no_parameters": True})
        for name in names:
            if _is_own(name, owner):
                continue
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(
                    f"CREATE TRIGGER {GUARD} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE "
                    f'ON "{name}" FOR EACH STATEMENT EXECUTE FUNCTION {GUARD}()'
                )
                continue
            for verb in VERBS:
                connection.exec_driver_sql(
                    f'CREATE TRIGGER "{GUARD}_{verb}_{name}" BEFORE {verb} ON "{name}" BEGIN '
                    f"SELECT RAISE(ABORT, 'its migration writes rows of others: {name}'); END"
                )


def unguard(url: str) -> None:
    """Take the guards away again."""
    with connected(url) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"DROP FUNCTION {GUARD}() CASCADE")
            return
        found = text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE :name")
        for row in connection.execute(found, {"name": f"{GUARD}%"}).all():
            connection.exec_driver_sql(f'DROP TRIGGER "{row.name}"')


def shape_of_others(url: str, owner: Owner) -> Shape:
    """Return what the tables, indexes, triggers and functions of others are, by table."""
    found: dict[str, list[str]] = {}
    with connected(url) as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        for name, words in connection.execute(
            text(SQLITE_SHAPE if is_sqlite else POSTGRESQL_SHAPE)
        ):
            if not _is_own(name, owner):
                found.setdefault(name, []).append(words)
    return {name: sorted(words) for name, words in found.items()}


def compare(before: Shape, after: Shape) -> None:
    """Raise OutOfBounds unless both are the same."""
    touched = sorted(
        name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    )
    if touched:
        raise OutOfBounds(f"its migration changes tables of others: {', '.join(touched)}")


def _is_own(name: str, owner: Owner) -> bool:
    return owner.owns(name) or name == owner.version_table

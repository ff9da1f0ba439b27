"""The database: declarative base, column types, and the set-up of its engine.

Only this module imports flask_sqlalchemy. Two engines are served alike: SQLite (embedded) and
PostgreSQL. A connection reads unless `tracker.core.work.run` has declared it a writing one.
"""

from __future__ import annotations

import json
import logging
import re
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVarTuple, cast

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Dialect,
    Engine,
    Enum,
    Integer,
    MetaData,
    Select,
    String,
    Text,
    TypeDecorator,
    Uuid,
    event,
    literal_column,
)
from sqlalchemy.engine import Connection, CursorResult
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    declared_attr,
    mapped_column,
    scoped_session,
)
from sqlalchemy.sql.operators import OperatorType

log = logging.getLogger(__name__)

Columns = TypeVarTuple("Columns")

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

# True while the current thread of control is inside a unit of work (see tracker.core.work).
writing: ContextVar[bool] = ContextVar("writing", default=False)
# True while code that may only read has a session of its own (see `reading_only`).
_reading_only: ContextVar[bool] = ContextVar("reading_only", default=False)


@contextmanager
def reading_only() -> Iterator[None]:
    """Refuse every write within the block: by units of work, and by the database itself."""
    token = _reading_only.set(True)
    try:
        yield
    finally:
        _reading_only.reset(token)


def is_reading_only() -> bool:
    """Tell whether the current thread of control may only read."""
    return _reading_only.get()


class Moment(TypeDecorator[datetime]):
    """An aware moment in UTC; naive values are refused rather than guessed."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def canonical_json(value: object) -> str:
    """Return JSON that is the same text for the same value: hashes rest on it."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


class JsonText(TypeDecorator[Any]):
    """JSON kept as canonical text, so that both databases give back what was hashed."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else canonical_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


# 64-bit keys for tables that grow for ten years; SQLite autoincrements only a plain INTEGER.
BigKey = BigInteger().with_variant(Integer, "sqlite")

SORT_KEY_LENGTH = 400
NAME_LENGTH = 500


# What a choice may be called: it is written into statements as it is.
PLAIN_WORD = re.compile(r"[a-z0-9_-]+")


class Choice(Enum):
    """The type of a column that holds a StrEnum. What it is compared with stands in the statement.

    Sent beside the statement, a value that stands in the condition of a partial index (as 'draft'
    does) makes SQLite plan the statement anew each time, and lets PostgreSQL's kept plans pass the
    index by. There are as many statements as choices, so they are kept all the same.
    """

    class Comparator(Enum.Comparator):
        """Writes members of the enumeration into the statement."""

        def operate(self, op: OperatorType, *other: Any, **kwargs: Any) -> ColumnElement[Any]:
            """Return the comparison, with members of the enumeration as literals."""
            return super().operate(op, *map(self._written, other), **kwargs)

        def _written(self, other: Any) -> Any:
            if isinstance(other, StrEnum) and isinstance(
                other, cast(Enum, self.type).enum_class or ()
            ):
                return literal_column(f"'{other.value}'", self.type)
            return other

    comparator_factory = Comparator


def choice(kind: type[StrEnum]) -> Enum:
    """Return a column type for a StrEnum: its values as text; the database refuses others."""
    if any(PLAIN_WORD.fullmatch(member.value) is None for member in kind):
        raise ValueError(f"values of {kind.__name__} are written into statements: plain words only")
    return Choice(
        kind,
        native_enum=False,
        create_constraint=True,
        length=32,
        name=kind.__name__.lower(),
        values_callable=lambda members: [member.value for member in members],
    )


def sort_key_column(length: int = SORT_KEY_LENGTH) -> Mapped[str]:
    """Return a column for `tracker.core.text.sort_key`, ordered byte by byte on both databases."""
    return mapped_column(
        String(length, collation=None).with_variant(String(length, collation="C"), "postgresql"),
        default="",
        info={"derived": True},
    )


def folded_column(length: int = 2000) -> Mapped[str]:
    """Return a column for `tracker.core.text.fold`, which search reads."""
    return mapped_column(String(length), default="", info={"derived": True})


class Base(DeclarativeBase):
    """Base of the core's models. Every table is audited unless its class says `__technical__`."""

    metadata = MetaData(naming_convention=NAMING)
    # A reason, in words, why changes of this table stay out of the change log ('' means audited).
    __technical__: str = ""


def new_public_id() -> uuid.UUID:
    """Return the random identity under which a record leaves the app."""
    return uuid.uuid4()


class HasPublicId:
    """A random identity for records that leave the app (files, exports, addresses)."""

    public_id: Mapped[uuid.UUID] = mapped_column(Uuid, default=new_public_id, unique=True)


class Versioned:
    """A counter that every saved change raises; forms carry it to find out who was first."""

    version: Mapped[int] = mapped_column(default=1)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.version}


db = SQLAlchemy(model_class=Base, disable_autonaming=True)


_QUERY_ONLY = "tracker_query_only"

# How long a write waits for those before it.
BUSY_SECONDS = 15
NAP_SECONDS = 0.001
SQLITE_PRAGMAS = (
    f"busy_timeout={BUSY_SECONDS * 1000}",
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "foreign_keys=ON",
    "temp_store=MEMORY",
    "cache_size=-16000",
    "mmap_size=268435456",
    "journal_size_limit=67108864",
)


def _set_up_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for pragma in SQLITE_PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred BEGIN that reads and then writes fails at once when another writer was
        # faster, and no time-out helps; IMMEDIATE queues instead.
        if _reading_only.get():
            connection.exec_driver_sql("PRAGMA query_only=ON")
            connection.info[_QUERY_ONLY] = True
        if writing.get():
            _wait_to_write(connection)
        else:
            connection.exec_driver_sql("BEGIN")

    @event.listens_for(engine, "checkin")
    def checkin(connection: Any, record: Any) -> None:
        # The next user of this connection may write again.
        if connection is not None and record.info.pop(_QUERY_ONLY, False):
            connection.execute("PRAGMA query_only=OFF")


def _wait_to_write(connection: Connection) -> None:
    """Begin to write as soon as other processes let it.

    SQLite's own waiting naps ever longer, up to a tenth of a second: with two busy processes the
    one wrote and the other slept.
    """
    raw: Any = connection.connection.dbapi_connection
    deadline = time.monotonic() + BUSY_SECONDS
    raw.execute("PRAGMA busy_timeout=0")
    try:
        while time.monotonic() < deadline:
            try:
                raw.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    break
                time.sleep(NAP_SECONDS)
            else:
                return
        # What it fails of is told as every error of the database is.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        raw.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")


_writers = threading.Lock()


@contextmanager
def in_line_to_write() -> Iterator[None]:
    """Wait until no other thread of this process writes, where the database takes one at a time.

    SQLite itself has those who wait look again after ever longer naps, and whoever comes at the
    right moment overtakes them: among 8 requests the unlucky waited ten times as long as the rest.
    """
    if db.engine.dialect.name != "sqlite":
        yield
        return
    # Whoever has no turn by then asks the database, which says that it is busy.
    has_turn = _writers.acquire(timeout=BUSY_SECONDS)
    try:
        yield
    finally:
        if has_turn:
            _writers.release()


def _set_up_postgresql(engine: Engine) -> None:
    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # psycopg says it in its own BEGIN, so that it costs no round trip.
        raw: Any = connection.connection.dbapi_connection
        raw.read_only = not writing.get()


def init_db(app: Flask, database_url: str) -> None:
    """Bind the app to its database; makes no connection."""
    app.config["SQLALCHEMY_DATABASE_URI"] = database_url
    app.config.setdefault("SQLALCHEMY_ENGINE_OPTIONS", engine_options(database_url))
    db.init_app(app)
    with app.app_context():
        set_up_engine(db.engine)


def engine_options(database_url: str) -> dict[str, Any]:
    """Return how engines of this database are made."""
    if database_url.startswith("sqlite"):
        return {"connect_args": {"check_same_thread": False}}
    return {"pool_pre_ping": True}


def set_up_engine(engine: Engine) -> None:
    """Make an engine's connections read unless a unit of work says otherwise."""
    if engine.dialect.name == "sqlite":
        _set_up_sqlite(engine)
    else:
        _set_up_postgresql(engine)


def read_rows(
    session: Session | scoped_session[Any],
    query: Select[*Columns],
    parameters: Mapping[str, Any] | None = None,
) -> CursorResult[*Columns]:
    """Return the rows of a query of columns, below the ORM.

    For what every page or report asks: the ORM's part takes as long as the database and its driver
    together (docs/decisions/speed.md). Not for queries that name whole records.
    """
    if session.autoflush and (session.new or session.dirty or session.deleted):
        session.flush()
    return session.connection().execute(query, parameters)


def refresh_statistics() -> None:
    """Let the database count its rows anew, so that its planner knows what many writes changed.

    PostgreSQL does so by itself, but only minutes later: until then one page can take as long.
    For after a commit; a database that is too busy for it is left alone.
    """
    is_writing = writing.set(True)
    try:
        with db.engine.begin() as connection:
            connection.exec_driver_sql("ANALYZE")
    except OperationalError as error:
        log.warning("statistics were not refreshed: %s", error.orig)
    finally:
        writing.reset(is_writing)

"""Migrations: the only way the schema is made. One environment, one version table per owner.

Run under a lock in one transaction: on SQLite BEGIN IMMEDIATE with foreign keys off (a batch
migration drops and renames tables, and cascades would delete the children), on PostgreSQL an
advisory lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, create_engine, event, inspect
from sqlalchemy.pool import NullPool

from tracker.core.folders import migrations_folder

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = "alembic_version"
LOCK = 7_203_511_946


class SchemaError(RuntimeError):
    """The migrated schema is broken, or the migration asked for would break it."""


@dataclass(frozen=True)
class Owner:
    """Whose tables are migrated: a plug-in, and the folder that holds its `versions/`."""

    name: str
    folder: Path

    @property
    def prefix(self) -> str:
        """Return how the names of its tables begin."""
        return f"plugin_{self.name}__"

    @property
    def version_table(self) -> str:
        """Return the table that says which of its migrations have run."""
        return f"{VERSION_TABLE}_plugin_{self.name}"

    def owns(self, table: str) -> bool:
        """Tell whether a table is one of its own."""
        return table.startswith(self.prefix)


def is_plugin_table(table: str) -> bool:
    """Tell whether a table is some plug-in's, or says how far a plug-in's migrations have run.

    The core's own tables about plug-ins have no double underscore.
    """
    return (table.startswith("plugin_") and "__" in table) or table.startswith(
        f"{VERSION_TABLE}_plugin_"
    )


def _config(owner: Owner | None) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", _escaped(migrations_folder()))
    config.set_main_option("path_separator", "os")
    if owner is not None:
        config.set_main_option("version_locations", _escaped(owner.folder / "versions"))
        config.attributes["owns"] = owner.owns
        config.attributes["version_table"] = owner.version_table
    return config


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")


@contextmanager
def migrating(database_url: str) -> Iterator[Connection]:
    """Hold the one connection that may change the schema; commit at the end, else roll back."""
    engine = create_engine(database_url, poolclass=NullPool)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def connect(raw: object, _record: object) -> None:
            raw.isolation_level = None  # type: ignore[attr-defined]
            for pragma in ("busy_timeout=60000", "journal_mode=WAL", "foreign_keys=OFF"):
                raw.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
            yield connection
            if connection.dialect.name == "sqlite":
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
                if broken:
                    raise SchemaError(f"foreign keys point at nothing: {broken[:5]}")
    finally:
        engine.dispose()


def _run(database_url: str, action: str, revision: str, owner: Owner | None) -> None:
    from alembic import command

    if database_url.startswith("sqlite:///"):
        Path(database_url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    with migrating(database_url) as connection:
        if owner is not None:
            _require_core(connection)
        elif action == "downgrade" and revision == "base":
            _refuse_with_plugins(connection)
        config = _config(owner)
        config.attributes["connection"] = connection
        getattr(command, action)(config, revision)


def _require_core(connection: Connection) -> None:
    """Refuse to migrate a plug-in on a core that is not at its newest revision."""
    if _revision(connection, None) != head_revision():
        raise SchemaError("the core's tables are not at their newest revision: migrate them first")


def _refuse_with_plugins(connection: Connection) -> None:
    """Refuse to take the core's tables from under a plug-in's: SQLite would let it happen."""
    names = inspect(connection).get_table_names()
    left = sorted(name for name in names if is_plugin_table(name) and "__" in name)
    if left:
        raise SchemaError(f"tables of plug-ins rest on the core's: {', '.join(left[:5])}")


def upgrade(database_url: str, revision: str = "head", owner: Owner | None = None) -> None:
    """Bring the schema of the core, or of a plug-in, up to `revision`. Raises SchemaError."""
    _run(database_url, "upgrade", revision, owner)


def upgrade_within(connection: Connection, revision: str, owner: Owner) -> None:
    """Bring a plug-in's tables up to `revision` inside a `migrating` block, with what else it does.

    Raises SchemaError.
    """
    from alembic import command

    _require_core(connection)
    config = _config(owner)
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def downgrade(database_url: str, revision: str, owner: Owner | None = None) -> None:
    """Take the schema back to `revision` ('base' = empty). Raises SchemaError."""
    _run(database_url, "downgrade", revision, owner)


def check(database_url: str, owner: Owner | None = None) -> None:
    """Raise alembic's AutogenerateDiffsDetected when models and migrations disagree.

    The models of a plug-in have to be imported before.
    """
    from alembic import command

    with migrating(database_url) as connection:
        config = _config(owner)
        config.attributes["connection"] = connection
        command.check(config)


def write_revision(database_url: str, message: str, owner: Owner, revision_id: str) -> Path:
    """Write a plug-in's next migration from the difference between its models and the database.

    The models have to be imported before, and the database at the plug-in's newest revision.
    Raises SchemaError when there is no difference.
    """
    from alembic import command
    from alembic.script import Script

    with migrating(database_url) as connection:
        config = _config(owner)
        config.attributes["connection"] = connection
        config.attributes["skips_empty"] = True
        folder = owner.folder / "versions"
        folder.mkdir(parents=True, exist_ok=True)
        script = command.revision(
            config, message, autogenerate=True, rev_id=revision_id, version_path=str(folder)
        )
    if not isinstance(script, Script):
        raise SchemaError("the models and the migrations agree: there is nothing to write")
    return Path(script.path)


def _revision(connection: Connection, owner: Owner | None) -> str | None:
    from alembic.migration import MigrationContext

    table = VERSION_TABLE if owner is None else owner.version_table
    context = MigrationContext.configure(connection, opts={"version_table": table})
    return context.get_current_revision()


def current_revision(database_url: str, owner: Owner | None = None) -> str | None:
    """Return the revision the core, or a plug-in, is at in the database; None when it is empty."""
    engine = create_engine(database_url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            return _revision(connection, owner)
    finally:
        engine.dispose()


def head_revision(owner: Owner | None = None) -> str | None:
    """Return the newest revision that this version of the product, or of a plug-in, knows.

    None for a plug-in that has no migrations.
    """
    from alembic.script import ScriptDirectory

    if owner is not None and not (owner.folder / "versions").is_dir():
        return None
    return ScriptDirectory.from_config(_config(owner)).get_current_head()


def is_current(database_url: str, owner: Owner | None = None) -> bool:
    """Tell whether the database is at the newest revision of the core, or of a plug-in."""
    return current_revision(database_url, owner) == head_revision(owner)

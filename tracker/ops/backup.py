"""Backup and restore: one file of database and files, made while people work.

The file is a ZIP: `manifest.json`, `tables/<name>.jsonl` (one row a line, values as text that both
databases read), `files/<hash>`, and with `--with-key` the field key wrapped by a passphrase. Since
the rows are told apart from the engine, a backup of SQLite can be restored on PostgreSQL.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from flask_babel import gettext as _
from sqlalchemy import (
    Connection,
    MetaData,
    Table,
    create_engine,
    delete,
    event,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.pool import NullPool

from tracker import __version__
from tracker.config import Settings
from tracker.core import migrate, secrets
from tracker.core.errors import TrackerError
from tracker.core.migrate import Owner
from tracker.core.tabletext import insert_lines, lines_of, point_back, set_sequence
from tracker.files.store import Store, make_stores
from tracker.plugin_admin.exports import exports_folder
from tracker.plugins import packages, snapshots
from tracker.plugins.loader import describe
from tracker.plugins.models import PluginInstall, PluginRelease
from tracker.plugins.setfile import plugins_folder
from tracker.plugins.states import PluginState, Reason

log = logging.getLogger(__name__)

FORMAT = 1
# What a person has to type twice, or a machine makes by itself, is not carried over.
LEFT_OUT = frozenset({"login_sessions", "login_failures", "import_uploads"})

Progress = Callable[[str, int, int], None]
# Told of a plug-in whose rows were put into a file: its name, the file, and why ('' when the backup
# holds no release of it).
Aside = Callable[[str, Path, str], None]


class BackupUnusable(TrackerError):
    """The file is not a backup, is damaged, or is newer than this version."""


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself."""

    format: int
    version: str
    revision: str
    made_at: str
    tables: Mapping[str, int]
    digests: Mapping[str, str]
    files: int
    has_key: bool
    # The revision of each plug-in's tables, by its name.
    plugins: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the manifest as text."""
        return json.dumps(self.__dict__, ensure_ascii=False, indent=2, sort_keys=True, default=dict)


@contextmanager
def _reading(settings: Settings) -> Iterator[Connection]:
    """Hold a connection that sees one moment of the database, whatever is written meanwhile."""
    engine = create_engine(settings.database_url, poolclass=NullPool)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def connect(raw: Any, _record: object) -> None:
            raw.isolation_level = None
            raw.execute("PRAGMA busy_timeout=15000")

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN")

    else:
        engine = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def tables_of(connection: Connection) -> list[Table]:
    """Return all tables as the database itself describes them, parents first.

    Read by reflection: columns hold what is stored (JSON as it was hashed, secrets still
    encrypted), and tables of plug-ins that are gone are carried like all others.
    """
    reflected = MetaData()
    reflected.reflect(connection)
    return [
        table
        for table in reflected.sorted_tables
        if table.name not in LEFT_OUT and not table.name.startswith("alembic_version")
    ]


def back_up(
    settings: Settings,
    target: Path,
    made_at: datetime,
    passphrase: str | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Manifest:
    """Write a backup to `target` (replaced only when whole) and return its manifest.

    Raises BackupUnusable where there is nothing to save, no folder to save it to, or no room.
    """
    revision = migrate.current_revision(settings.database_url)
    if revision is None:
        raise BackupUnusable(_("Cơ sở dữ liệu trống: không có gì để sao lưu."))
    if not target.parent.is_dir():
        # The usual reason: the drive that backups go to is not mounted.
        raise BackupUnusable(
            _("Không có thư mục %(folder)s. Ổ đĩa sao lưu đã được gắn chưa?", folder=target.parent)
        )
    store = make_stores(settings).contents
    draft = target.with_name(target.name + ".part")
    digests: dict[str, str] = {}
    counts: dict[str, int] = {}
    hashes: list[str] = []
    plugins: dict[str, str] = {}
    try:
        # All that the database holds, for the one who made it.
        draft.touch(mode=0o600)
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            with _reading(settings) as connection:
                tables = tables_of(connection)
                for number, table in enumerate(tables):
                    progress(table.name, number, len(tables))
                    counts[table.name] = _write_table(archive, connection, table, digests)
                hashes = _hashes_of(connection)
                plugins = _plugin_revisions(connection)
            for number, sha256 in enumerate(hashes):
                progress("files", number, len(hashes))
                _write_file(archive, store, sha256)
            if passphrase is not None:
                archive.writestr("field.key", secrets.wrap_keys(settings.instance, passphrase))
            manifest = Manifest(
                format=FORMAT,
                version=__version__,
                revision=revision,
                made_at=made_at.isoformat(),
                tables=counts,
                digests=digests,
                files=len(hashes),
                has_key=passphrase is not None,
                plugins=plugins,
            )
            archive.writestr("manifest.json", manifest.to_json())
        draft.replace(target)
    except OSError as error:
        # Usually a full drive, or a folder that is another's.
        raise BackupUnusable(
            _("Không ghi được %(target)s: %(why)s.", target=target, why=error.strerror or error)
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return manifest


def _write_table(
    archive: zipfile.ZipFile, connection: Connection, table: Table, digests: dict[str, str]
) -> int:
    digest, count = hashlib.sha256(), 0
    with archive.open(f"tables/{table.name}.jsonl", "w", force_zip64=True) as file:
        for line in lines_of(connection, table):
            file.write(line)
            digest.update(line)
            count += 1
    digests[table.name] = digest.hexdigest()
    return count


def _plugin_revisions(connection: Connection) -> dict[str, str]:
    """Return at which revision the tables of each plug-in are."""
    mark = f"{migrate.VERSION_TABLE}_plugin_"
    names = [
        table.removeprefix(mark)
        for table in inspect(connection).get_table_names()
        if table.startswith(mark)
    ]
    return {name: snapshots.revision_of(connection, Owner(name, Path())) for name in sorted(names)}


def _hashes_of(connection: Connection) -> list[str]:
    return list(connection.scalars(text("SELECT sha256 FROM blobs ORDER BY sha256")))


def _write_file(archive: zipfile.ZipFile, store: Store, sha256: str) -> None:
    with store.open(sha256) as source, archive.open(f"files/{sha256}", "w") as file:
        while block := source.read(1024 * 1024):
            file.write(block)


def read_manifest(source: Path) -> Manifest:
    """Return the manifest of a backup. Raises BackupUnusable."""
    try:
        with zipfile.ZipFile(source) as archive:
            values = json.loads(archive.read("manifest.json"))
        manifest = Manifest(**values)
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, OSError) as error:
        raise BackupUnusable(
            _("%(name)s không phải bản sao lưu của hệ thống này.", name=source.name)
        ) from error
    if manifest.format != FORMAT:
        raise BackupUnusable(
            _(
                "Bản sao lưu có định dạng %(theirs)s, phiên bản này đọc định dạng %(ours)d.",
                theirs=manifest.format,
                ours=FORMAT,
            )
        )
    return manifest


def restore(
    settings: Settings,
    source: Path,
    passphrase: str | None = None,
    progress: Progress = lambda what, done, total: None,
    aside: Aside = lambda name, path, why: None,
) -> Manifest:
    """Fill an empty database and the file store from a backup, then upgrade to this version.

    The core's tables are written in one transaction: a backup that turns out damaged leaves the
    database as it was. Then each plug-in's tables are made by its own migrations, from the release
    that the backup holds, and filled; rows of a plug-in whose release is not there, or does not
    take them back, are put into a file in the instance's exports, and `aside` is told. Raises
    BackupUnusable; also when the database already holds something.
    """
    manifest = read_manifest(source)
    if migrate.current_revision(settings.database_url) is not None and _holds_data(settings):
        raise BackupUnusable(_("Hệ thống này đã có dữ liệu; hãy nạp vào hệ thống trống."))
    with zipfile.ZipFile(source) as archive:
        key = _unwrap(archive, manifest, passphrase)
        lost = _plugin_tables(manifest)
        for table in (one for tables in lost.values() for one in tables):
            _check_lines(archive, table, manifest)
        _restore_files(archive, make_stores(settings).contents, progress)
        migrate.upgrade(settings.database_url, manifest.revision)
        with migrate.migrating(settings.database_url) as connection:
            _restore_tables(archive, connection, manifest, progress)
        if key is not None:
            secrets.write_keys(settings.instance, key)
        migrate.upgrade(settings.database_url)
        for name, tables in lost.items():
            progress(name, 0, 1)
            with _reading(settings) as connection:
                release = _release_of(connection, name)
            why = ""
            if release is not None:
                try:
                    _restore_plugin(settings, archive, manifest, tables, release)
                    continue
                except (Exception, SystemExit) as error:
                    # Its migrations may raise anything, and the rest of the instance is there.
                    log.exception("the tables of plug-in %s could not be restored", name)
                    why = describe(error)
                    _close(settings, release)
            aside(name, _put_aside(settings, archive, name, tables), why)
    return manifest


def _plugin_tables(manifest: Manifest) -> dict[str, list[str]]:
    """Return the tables of plug-ins in a backup, by the plug-in's name."""
    found: dict[str, list[str]] = {}
    for table in sorted(manifest.tables):
        if migrate.is_plugin_table(table):
            found.setdefault(table.removeprefix("plugin_").partition("__")[0], []).append(table)
    for name in manifest.plugins:
        found.setdefault(name, [])
    return found


def _check_lines(archive: zipfile.ZipFile, table: str, manifest: Manifest) -> None:
    digest, count = hashlib.sha256(), 0
    with archive.open(f"tables/{table}.jsonl") as file:
        for line in _lines(file):
            digest.update(line)
            count += 1
    if digest.hexdigest() != manifest.digests[table] or count != manifest.tables[table]:
        raise BackupUnusable(_("Bảng %(name)s trong bản sao lưu bị hỏng.", name=table))


def set_aside_path(settings: Settings, name: str) -> Path:
    """Return where rows of a plug-in lie whose release a backup did not hold."""
    return exports_folder(settings) / f"{name}-restored.zip"


def _put_aside(
    settings: Settings, archive: zipfile.ZipFile, name: str, tables: Sequence[str]
) -> Path:
    path = set_aside_path(settings, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for table in tables:
            target.writestr(f"tables/{table}.jsonl", archive.read(f"tables/{table}.jsonl"))
    path.chmod(0o600)
    return path


@dataclass(frozen=True)
class _Release:
    """A release in a backup, as far as tables are made by it."""

    name: str
    version: str
    content: bytes = field(repr=False)
    filename: str
    sha256: str


def _close(settings: Settings, release: _Release) -> None:
    """Let a plug-in without tables wait for them, until its release is installed again."""
    with migrate.migrating(settings.database_url) as connection:
        connection.execute(
            update(PluginInstall)
            .where(PluginInstall.name == release.name)
            .values(
                state=PluginState.NEEDS_MIGRATION,
                reason=Reason.SWITCHING,
                reason_parameters={"detail": release.version},
            )
        )


def _restore_plugin(
    settings: Settings,
    archive: zipfile.ZipFile,
    manifest: Manifest,
    tables: Sequence[str],
    release: _Release,
) -> None:
    """Make a plug-in's tables by its own release and fill them, or leave nothing of them."""
    if hashlib.sha256(release.content).hexdigest() != release.sha256:
        raise BackupUnusable(
            _("Gói của mô-đun %(name)s trong bản sao lưu bị hỏng.", name=release.name)
        )
    name, package = release.name, packages.open_package(release.content, release.filename)
    folder = packages.unpack(package, plugins_folder(settings.instance))
    owner = Owner(name, folder / package.manifest.package / "migrations")
    with migrate.migrating(settings.database_url) as connection:
        migrate.upgrade_within(connection, manifest.plugins.get(name) or "head", owner)
        made = {table.name: table for table in snapshots.tables_of(connection, owner)}
        missing = sorted(set(tables) - made.keys())
        if missing:
            raise BackupUnusable(
                _(
                    "Bản %(version)s của mô-đun %(name)s không tạo bảng %(table)s.",
                    version=package.version,
                    name=name,
                    table=missing[0],
                )
            )
        snapshots.clear(connection, list(made.values()))
        later = [
            (one, _insert_rows(archive, connection, one, manifest))
            for one in made.values()
            if one.name in tables
        ]
        for one, updates in later:
            point_back(connection, one, updates)
        if connection.dialect.name == "postgresql":
            for one in made.values():
                set_sequence(connection, one)


def _release_of(connection: Connection, name: str) -> _Release | None:
    """Return the installed release, or the newest one of a plug-in whose data was kept; None when
    the database has none.
    """
    query = (
        select(
            PluginRelease.name,
            PluginRelease.version,
            PluginRelease.content,
            PluginRelease.filename,
            PluginRelease.sha256,
        )
        .outerjoin(PluginInstall, PluginInstall.release_id == PluginRelease.id)
        .where(PluginRelease.name == name)
        .order_by(PluginInstall.name.is_(None), PluginRelease.id.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return _Release(**row._mapping) if row is not None else None


def _holds_data(settings: Settings) -> bool:
    with _reading(settings) as connection:
        return bool(connection.execute(text("SELECT last_id FROM change_head")).scalar())


def _unwrap(archive: zipfile.ZipFile, manifest: Manifest, passphrase: str | None) -> str | None:
    if not manifest.has_key or passphrase is None:
        return None
    try:
        return secrets.unwrap_keys(archive.read("field.key"), passphrase)
    except secrets.SecretUnreadable as error:
        raise BackupUnusable(
            _("Cụm mật khẩu không mở được khóa mã hóa trong bản sao lưu.")
        ) from error


def _restore_files(archive: zipfile.ZipFile, store: Store, progress: Progress) -> None:
    names = [name for name in archive.namelist() if name.startswith("files/")]
    for number, name in enumerate(names):
        progress("files", number, len(names))
        content = archive.read(name)
        sha256 = hashlib.sha256(content).hexdigest()
        if name != f"files/{sha256}":
            raise BackupUnusable(_("Tệp %(name)s trong bản sao lưu bị hỏng.", name=name))
        store.put(sha256, io.BytesIO(content))


def _restore_tables(
    archive: zipfile.ZipFile, connection: Connection, manifest: Manifest, progress: Progress
) -> None:
    present = {table.name: table for table in tables_of(connection)}
    tables = [table for name, table in present.items() if name in manifest.tables]
    for table in reversed(list(present.values())):
        # Migrations bring reference rows; the backup has its own.
        if table.name in manifest.tables and table.name not in {"change_sets", "changes"}:
            connection.execute(delete(table))
    later: list[tuple[Table, list[dict[str, Any]]]] = []
    for number, table in enumerate(tables):
        progress(table.name, number, len(tables))
        later.append((table, _insert_rows(archive, connection, table, manifest)))
    for table, updates in later:
        point_back(connection, table, updates)
    if connection.dialect.name == "postgresql":
        for table in tables:
            set_sequence(connection, table)


def _insert_rows(
    archive: zipfile.ZipFile, connection: Connection, table: Table, manifest: Manifest
) -> list[dict[str, Any]]:
    digest, count = hashlib.sha256(), 0

    def counted(lines: Iterable[bytes]) -> Iterator[bytes]:
        nonlocal count
        for line in lines:
            digest.update(line)
            count += 1
            yield line

    try:
        with archive.open(f"tables/{table.name}.jsonl") as file:
            updates = insert_lines(connection, table, counted(_lines(file)))
    except (KeyError, TypeError, ValueError) as error:
        raise BackupUnusable(
            _("Bảng %(name)s trong bản sao lưu bị hỏng.", name=table.name)
        ) from error
    if digest.hexdigest() != manifest.digests[table.name] or count != manifest.tables[table.name]:
        raise BackupUnusable(_("Bảng %(name)s trong bản sao lưu bị hỏng.", name=table.name))
    return updates


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    yield from file

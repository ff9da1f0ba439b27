"""Copies of a plug-in's own tables: taken before a switch, put back by a rollback or a re-install.

An archive is a ZIP: `snapshot.json` (name, version, revision, tables with counts and hashes) and
`tables/<name>.jsonl`. Only the plug-in's own tables are ever read or written here; rows that a
rollback would lose are set aside first.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import IO, Any

from flask_babel import gettext as _
from sqlalchemy import Connection, MetaData, Table, inspect, text
from sqlalchemy.exc import OperationalError

from tracker.core.db import canonical_json
from tracker.core.errors import PluginError
from tracker.core.migrate import Owner, upgrade_within
from tracker.core.tabletext import (
    insert_lines,
    is_known,
    lines_of,
    point_back,
    pointing_inside,
    set_sequence,
)

MANIFEST = "snapshot.json"
FORMAT = 1
LARGEST_LINE = 16 * 1024 * 1024
# So long what is still being written to a plug-in's tables is waited for.
LOCK_SECONDS = 20
LARGEST_MANIFEST = 1024 * 1024
# Of an archive, in rows of the database: well under what one row of a backup may hold.
PART = 4 * 1024 * 1024


@dataclass(frozen=True)
class Contents:
    """What an archive says of itself."""

    plugin: str
    version: str
    revision: str
    tables: Mapping[str, int]
    digests: Mapping[str, str]
    format: int = FORMAT


def tables_of(connection: Connection, owner: Owner) -> list[Table]:
    """Return a plug-in's tables as the database describes them, parents first."""
    reflected = MetaData()
    names = [name for name in inspect(connection).get_table_names() if owner.owns(name)]
    if names:
        reflected.reflect(connection, only=names, resolve_fks=True)
    return [table for table in reflected.sorted_tables if owner.owns(table.name)]


def revision_of(connection: Connection, owner: Owner) -> str:
    """Return the revision that a plug-in's tables are at; '' when it has none."""
    if not inspect(connection).has_table(owner.version_table):
        return ""
    found = connection.execute(text(f"SELECT version_num FROM {owner.version_table}")).scalar()  # noqa: S608 - a checked name
    return str(found or "")


def counts_of(connection: Connection, owner: Owner) -> dict[str, int]:
    """Return how many rows each of a plug-in's tables has."""
    return {
        table.name: connection.execute(
            text(f"SELECT count(*) FROM {table.name}")  # noqa: S608 - a name from the database
        ).scalar_one()
        for table in tables_of(connection, owner)
    }


def unknown_columns(connection: Connection, owner: Owner) -> list[str]:
    """Return the columns of a plug-in's tables whose values neither copies nor backups know."""
    return [
        f"{table.name}.{column.name} ({column.type})"
        for table in tables_of(connection, owner)
        for column in table.columns
        if not is_known(column.type)
    ]


def take(connection: Connection, owner: Owner, version: str) -> tuple[bytes, Contents]:
    """Return an archive of a plug-in's tables, and what it says of itself."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        contents = write(archive, connection, owner, version)
    return stream.getvalue(), contents


def write(archive: zipfile.ZipFile, connection: Connection, owner: Owner, version: str) -> Contents:
    """Write a plug-in's tables into an archive; return what it says of itself.

    Raises PluginError for a row that is too long to be read again.
    """

    def keep(table: Table) -> tuple[int, str]:
        with archive.open(_member(table.name), "w", force_zip64=True) as file:
            return _counted(connection, table, file.write)

    contents = _contents(connection, owner, version, keep)
    archive.writestr(MANIFEST, json.dumps(asdict(contents), indent=1, sort_keys=True))
    return contents


def look(connection: Connection, owner: Owner, version: str) -> Contents:
    """Return what an archive of a plug-in's tables would say of itself now."""

    def pass_over(table: Table) -> tuple[int, str]:
        return _counted(connection, table, len)

    return _contents(connection, owner, version, pass_over)


def _contents(
    connection: Connection,
    owner: Owner,
    version: str,
    read: Callable[[Table], tuple[int, str]],
) -> Contents:
    found = {table.name: read(table) for table in tables_of(connection, owner)}
    counts = {name: count for name, (count, _digest) in found.items()}
    digests = {name: digest for name, (_count, digest) in found.items()}
    return Contents(owner.name, version, revision_of(connection, owner), counts, digests)


def _counted(
    connection: Connection, table: Table, take_line: Callable[[bytes], object]
) -> tuple[int, str]:
    """Hand over a table's rows as lines; return how many there are, and their hash."""
    digest, count = hashlib.sha256(), 0
    for line in lines_of(connection, table):
        if len(line) > LARGEST_LINE:
            raise PluginError(
                _("Bảng %(name)s có dòng quá dài, không sao lại được.", name=table.name)
            )
        take_line(line)
        digest.update(line)
        count += 1
    return count, digest.hexdigest()


def lock(connection: Connection, owner: Owner) -> None:
    """Keep everybody else out of a plug-in's tables until the end of a `migrating` block.

    What is still being written to them is waited for, but not for long. Raises PluginError. SQLite
    has one writer anyway.
    """
    names = [table.name for table in tables_of(connection, owner)]
    if connection.dialect.name != "postgresql" or not names:
        return
    try:
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
        connection.execute(text(f"LOCK TABLE {', '.join(names)} IN ACCESS EXCLUSIVE MODE"))
        connection.execute(text("SET LOCAL lock_timeout = 0"))
    except OperationalError as error:
        raise PluginError(
            _("Dữ liệu của %(name)s đang được ghi; hãy thử lại sau ít phút.", name=owner.name)
        ) from error


def _member(table: str) -> str:
    return f"tables/{table}.jsonl"


def read_contents(archive: bytes, owner: Owner) -> Contents:
    """Return what an archive says of itself. Raises PluginError when it is not this plug-in's."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            if opened.getinfo(MANIFEST).file_size > LARGEST_MANIFEST:
                raise PluginError(_("Tệp dữ liệu của mô-đun bị hỏng."))
            contents = Contents(**json.loads(opened.read(MANIFEST)))
        is_readable = (
            contents.format == FORMAT
            and contents.plugin == owner.name
            and all(owner.owns(name) for name in contents.tables)
            and contents.tables.keys() == contents.digests.keys()
        )
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError) as error:
        raise PluginError(_("Tệp dữ liệu của mô-đun bị hỏng.")) from error
    if not is_readable:
        raise PluginError(_("Tệp này không phải dữ liệu của mô-đun %(name)s.", name=owner.name))
    return contents


def put_back(connection: Connection, owner: Owner, archive: bytes) -> dict[str, int]:
    """Make a plug-in's tables what an archive holds; return the number of rows by table.

    Runs inside a `migrating` block: the tables are dropped, made again by the migrations of
    `owner` up to the archive's revision, and filled; a failure leaves all as it was. Raises
    PluginError for a damaged archive or one of a revision that the migrations do not know.
    """
    contents = read_contents(archive, owner)
    drop(connection, owner)
    if contents.revision:
        _migrate(connection, owner, contents.revision)
    tables = tables_of(connection, owner)
    missing = contents.tables.keys() - {table.name for table in tables}
    if missing:
        raise PluginError(
            _("Bản này không có bảng %(name)s của dữ liệu.", name=", ".join(sorted(missing)))
        )
    clear(connection, [table for table in tables if table.name in contents.tables])
    later = []
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        for table in tables:
            if table.name not in contents.tables:
                continue
            later.append((table, _fill(connection, table, opened, contents)))
    for table, updates in later:
        point_back(connection, table, updates)
    if connection.dialect.name == "postgresql":
        for table in tables:
            set_sequence(connection, table)
    return dict(contents.tables)


def clear(connection: Connection, tables: Sequence[Table]) -> None:
    """Empty tables, given parents first, of the rows that their migrations brought.

    What is put back has those as they became.
    """
    for table in tables:
        nullable = [name for name in pointing_inside(table) if table.columns[name].nullable]
        if nullable:
            connection.execute(table.update().values(dict.fromkeys(nullable)))
    for table in reversed(tables):
        connection.execute(table.delete())


def _migrate(connection: Connection, owner: Owner, revision: str) -> None:
    from alembic.util.exc import CommandError

    try:
        upgrade_within(connection, revision, owner)
    except CommandError as error:
        raise PluginError(
            _(
                "Bản này không có bước chuyển đổi “%(revision)s” mà dữ liệu đang dùng.",
                revision=revision,
            )
        ) from error


def _fill(
    connection: Connection, table: Table, archive: zipfile.ZipFile, contents: Contents
) -> list[dict[str, Any]]:
    digest, count = hashlib.sha256(), 0

    def counted(lines: Iterable[bytes]) -> Iterator[bytes]:
        nonlocal count
        for line in lines:
            digest.update(line)
            count += 1
            yield line

    try:
        with archive.open(_member(table.name)) as file:
            updates = insert_lines(connection, table, counted(_lines(file)))
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise PluginError(_("Bảng %(name)s trong tệp dữ liệu bị hỏng.", name=table.name)) from error
    if (count, digest.hexdigest()) != (contents.tables[table.name], contents.digests[table.name]):
        raise PluginError(_("Bảng %(name)s trong tệp dữ liệu bị hỏng.", name=table.name))
    return updates


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    while line := file.readline(LARGEST_LINE):
        yield line


def drop(connection: Connection, owner: Owner) -> None:
    """Drop a plug-in's tables and its version table, inside a `migrating` block.

    Raises PluginError when tables of others rest on them.
    """
    tables = tables_of(connection, owner)
    _refuse_with_others(connection, owner, {table.name for table in tables})
    if connection.dialect.name == "postgresql":
        # Keys between two of its tables may form a circle; SQLite does not mind while keys are off.
        for table in tables:
            for constraint in table.foreign_key_constraints:
                connection.execute(
                    text(f'ALTER TABLE {table.name} DROP CONSTRAINT "{constraint.name}"')
                )
    for table in reversed(tables):
        connection.execute(text(f"DROP TABLE {table.name}"))
    connection.execute(text(f"DROP TABLE IF EXISTS {owner.version_table}"))


def _refuse_with_others(connection: Connection, owner: Owner, own: set[str]) -> None:
    inspector = inspect(connection)
    for name in inspector.get_table_names():
        if owner.owns(name):
            continue
        if any(key["referred_table"] in own for key in inspector.get_foreign_keys(name)):
            raise PluginError(
                _(
                    "Bảng %(table)s của phần khác còn dựa vào dữ liệu của mô-đun %(name)s.",
                    table=name,
                    name=owner.name,
                )
            )


def newer_rows(connection: Connection, owner: Owner, archive: bytes) -> dict[str, list[bytes]]:
    """Return, by table, the rows (as lines) that are new or different since an archive."""
    contents = read_contents(archive, owner)
    found: dict[str, list[bytes]] = {}
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        for table in tables_of(connection, owner):
            key = [column.name for column in table.primary_key.columns]
            before: dict[tuple[object, ...], dict[str, Any]] = {}
            if table.name in contents.tables:
                with opened.open(_member(table.name)) as file:
                    for line in _lines(file):
                        row = json.loads(line)
                        before[_key(row, key)] = row
            for line in lines_of(connection, table):
                row = json.loads(line)
                if _differs(before.get(_key(row, key)), row):
                    found.setdefault(table.name, []).append(line)
    return found


def _key(row: Mapping[str, Any], key: Sequence[str]) -> tuple[object, ...]:
    return tuple(canonical_json(row.get(name)) for name in key or sorted(row))


def _differs(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> bool:
    """Tell whether a row is new or changed; a column that came later is no change by itself."""
    return before is None or any(
        now[name] != value for name, value in before.items() if name in now
    )


def parts(archive: bytes) -> list[bytes]:
    """Cut an archive into pieces that one row each can hold."""
    return [archive[start : start + PART] for start in range(0, len(archive), PART)] or [b""]

"""A plug-in's data as a ZIP that people can read and a re-install can take back."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import Connection, Table, select

from tracker.config import Settings
from tracker.core.clock import to_local
from tracker.core.errors import Conflict, NotFound, PluginError
from tracker.core.migrate import Owner
from tracker.core.tabletext import lines_of
from tracker.files.models import Attachment, Blob
from tracker.files.services import PreparedFile
from tracker.files.store import current_stores, make_stores
from tracker.plugins import snapshots
from tracker.plugins.manifest import Manifest
from tracker.plugins.setfile import plugins_folder
from tracker.settings.models import Setting
from tracker.web.xlsx import Column, Sheet, write_workbook

FILES = "files.json"
SETTINGS = "settings.json"
ZIP = "application/zip"
# What a sheet of the format can hold, with its heading.
MOST_ROWS = 1_000_000
LARGEST_EXPORTED = 1024 * 1024 * 1024
LARGEST_SETTINGS = 1024 * 1024


def exports_folder(settings: Settings) -> Path:
    """Return the folder of an instance that keeps exported data."""
    return plugins_folder(settings.instance) / "exports"


def export_name(name: str, version: str, what: str, at: datetime) -> str:
    """Return the file name of an export."""
    return f"{name}-{version}-{what}-{to_local(at):%Y%m%d-%H%M%S}.zip"


def export_data(
    connection: Connection, settings: Settings, owner: Owner, manifest: Manifest, path: Path
) -> tuple[snapshots.Contents, str]:
    """Write all data of a plug-in to `path`; return what its tables hold, and the file's hash.

    Holds what a re-install takes back, each table as .xlsx, the declaration, the settings (secret
    ones as they are stored) and the files. A file that the store has lost is named; a store that
    does not answer raises StoreFailed.
    """
    with _writing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        contents = snapshots.write(target, connection, owner, manifest.version)
        target.writestr("README.txt", _readme(manifest, contents.tables))
        target.writestr(
            "schema.json", json.dumps(dict(manifest.data), ensure_ascii=False, indent=1)
        )
        settings_now = _settings_now(connection, owner)
        target.writestr(SETTINGS, json.dumps(settings_now, ensure_ascii=False, indent=1))
        for table in snapshots.tables_of(connection, owner):
            lines = lines_of(connection, table)
            target.writestr(f"xlsx/{_short(table.name)}.xlsx", _workbook(table, lines))
        _add_files(connection, settings, owner, target)
    return contents, digest_of(path)


def _settings_now(connection: Connection, owner: Owner) -> dict[str, Any]:
    rows = connection.execute(
        select(Setting.key, Setting.value)
        .where(Setting.key.startswith(f"{owner.name}.", autoescape=True))
        .order_by(Setting.key)
    )
    return {row.key: row.value for row in rows}


def export_rows(
    connection: Connection, owner: Owner, rows: Mapping[str, Iterable[bytes]], path: Path
) -> str:
    """Write some rows of a plug-in's tables to `path`, to be read; return the file's hash."""
    with _writing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr(
            "README.txt",
            _(
                "Những dòng được ghi sau bản chụp mà mô-đun đã quay lại. Mở xlsx/ để tra cứu và "
                "nhập lại bằng tay; tệp này không nạp lại được bằng --data."
            )
            + "\n",
        )
        for table in snapshots.tables_of(connection, owner):
            lines = list(rows.get(table.name, ()))
            if lines:
                target.writestr(f"tables/{table.name}.jsonl", b"".join(lines))
                target.writestr(f"xlsx/{_short(table.name)}.xlsx", _workbook(table, lines))
    return digest_of(path)


def keep(path: Path, sha256: str) -> PreparedFile:
    """Put an export into the store, where every machine finds it; return what attaches it.

    Raises StoreFailed.
    """
    with path.open("rb") as stream:
        current_stores().contents.put(sha256, stream)
    return PreparedFile(sha256, path.stat().st_size, ZIP, path.name)


def kept_content(settings: Settings, name: str, sha256: str) -> bytes:
    """Return an export that this instance keeps: from this machine, or from the store.

    Raises NotFound where neither has it, Conflict where it was changed since.
    """
    path = exports_folder(settings) / name
    if name and path.is_file():
        content = path.read_bytes()
    else:
        with current_stores().contents.open(sha256) as stream:
            content = stream.read()
    if digest(content) != sha256:
        raise Conflict(_("Tệp đã bị thay đổi sau khi xuất, nên không gửi đi."))
    return content


def _short(table: str) -> str:
    return table.partition("__")[2] or table


def _readme(manifest: Manifest, rows: Mapping[str, int]) -> str:
    lines = [
        f"{manifest.title.vi} ({manifest.name} {manifest.version})",
        "",
        _("Dữ liệu của mô-đun: xlsx/ để đọc, tables/ và snapshot.json để nạp lại, files/ là tệp."),
        _("Nạp lại: tracker plugin install <gói> --data <tệp này>"),
        "",
        *(f"{_short(table)}: {count}" for table, count in sorted(rows.items())),
    ]
    return "\n".join(lines) + "\n"


def _workbook(table: Table, lines: Iterable[bytes]) -> bytes:
    names = [column.name for column in table.columns]
    rows = []
    for number, line in enumerate(lines):
        if number >= MOST_ROWS:
            break
        row = json.loads(line)
        rows.append([_cell(row.get(name)) for name in names])
    return write_workbook([Sheet(_short(table.name), [Column(name, 18) for name in names], rows)])


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return value


def _add_files(
    connection: Connection, settings: Settings, owner: Owner, target: zipfile.ZipFile
) -> None:
    store = make_stores(settings).contents
    rows = connection.execute(
        select(
            Attachment.public_id,
            Attachment.sha256,
            Attachment.name,
            Attachment.owner_kind,
            Attachment.owner_id,
            Attachment.uploaded_at,
            Blob.size,
            Blob.media_type,
        )
        .join(Blob, Blob.sha256 == Attachment.sha256)
        .where(Attachment.owner_kind.startswith(f"{owner.name}.", autoescape=True))
        .order_by(Attachment.id)
    ).all()
    told, missing = [], []
    for row in rows:
        told.append({name: str(value) for name, value in row._mapping.items()})
        member = f"files/{row.sha256}"
        if member in target.namelist():
            continue
        try:
            with store.open(row.sha256) as source, target.open(member, "w") as file:
                while block := source.read(1024 * 1024):
                    file.write(block)
        except NotFound:
            missing.append(row.name)
    if told:
        answer = {"files": told, "missing": missing}
        target.writestr(FILES, json.dumps(answer, ensure_ascii=False, indent=1))


@contextmanager
def _writing(path: Path) -> Iterator[IO[bytes]]:
    """Write a file whole or not at all, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb+") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def digest_of(path: Path) -> str:
    """Return the hash of a file, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(content: bytes) -> str:
    """Return the hash under which a record knows a file."""
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class ExportedFile:
    """A file in an export, held against its hash."""

    name: str
    owner_kind: str
    owner_id: int
    public_id: UUID
    uploaded_at: datetime
    content: bytes = field(repr=False)


def settings_of(archive: bytes) -> dict[str, Any]:
    """Return the settings of an export as they are told. Raises PluginError for a damaged one."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            if SETTINGS not in opened.namelist():
                return {}
            if opened.getinfo(SETTINGS).file_size > LARGEST_SETTINGS:
                raise PluginError(_("Tệp dữ liệu của mô-đun bị hỏng."))
            told = json.loads(opened.read(SETTINGS))
    except (zipfile.BadZipFile, ValueError) as error:
        raise PluginError(_("Tệp dữ liệu của mô-đun bị hỏng.")) from error
    if not isinstance(told, dict):
        raise PluginError(_("Tệp dữ liệu của mô-đun bị hỏng."))
    return told


def files_of(archive: bytes, owner: Owner) -> list[ExportedFile]:
    """Return the files of an export. Raises PluginError for one that is damaged or of others."""
    found: list[ExportedFile] = []
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            if FILES not in opened.namelist():
                return []
            told = json.loads(opened.read(FILES))
            lost = set(told["missing"])
            for one in told["files"]:
                member = f"files/{one['sha256']}"
                if one["name"] in lost and member not in opened.namelist():
                    continue
                if opened.getinfo(member).file_size > LARGEST_EXPORTED:
                    raise PluginError(_("Tệp dữ liệu của mô-đun bị hỏng."))
                content = opened.read(member)
                if digest(content) != one["sha256"]:
                    raise PluginError(_("Tệp dữ liệu của mô-đun bị hỏng."))
                if not str(one["owner_kind"]).startswith(f"{owner.name}."):
                    raise PluginError(_("Tệp dữ liệu của mô-đun bị hỏng."))
                found.append(
                    ExportedFile(
                        name=str(one["name"]),
                        owner_kind=str(one["owner_kind"]),
                        owner_id=int(one["owner_id"]),
                        public_id=UUID(one["public_id"]),
                        uploaded_at=datetime.fromisoformat(one["uploaded_at"]),
                        content=content,
                    )
                )
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
        raise PluginError(_("Tệp dữ liệu của mô-đun bị hỏng.")) from error
    return found

"""Backup and restore: the drill on both databases, and everything that may be wrong with a file."""

from __future__ import annotations

import hashlib
import io
import json
import resource
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from tests.factories.accounts import make_user
from tests.factories.units import make_unit
from tests.support.apps import make_settings, running_app
from tracker.config import Settings
from tracker.core import changes, migrate, secrets
from tracker.core.clock import FixedClock
from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting
from tracker.core.db import db
from tracker.core.rights import Role
from tracker.core.work import Work, run
from tracker.files.models import Attachment, Blob
from tracker.files.store import make_stores
from tracker.ops.backup import BackupUnusable, back_up, read_manifest, restore, set_aside_path

MADE_AT = datetime(2026, 6, 16, 2, tzinfo=UTC)
CONTENT = "Báo cáo kết quả".encode()


@pytest.fixture
def filled(settings: Settings, system: None) -> Settings:
    """An instance with a tree of units, people, a file and a change log."""
    province = make_unit("Tỉnh Lâm Đồng", kind="province")
    for name in ("Xã Đạ Tẻh", "Phường Xuân Hương", "Xã 'Ð' \\ \u2028"):
        commune = make_unit(name, parent=province, aliases=(f"{name} cũ",))
        make_user(commune, Role.HEAD)
    digest = hashlib.sha256(CONTENT).hexdigest()
    make_stores(settings).contents.put(digest, io.BytesIO(CONTENT))

    def add(work: Work, data: str) -> None:
        work.session.add(
            Blob(sha256=data, size=len(CONTENT), media_type="text/plain", created_at=work.now)
        )
        work.session.flush()
        work.session.add(
            Attachment(
                sha256=data, name="bc.txt", owner_kind="test", owner_id=1, uploaded_at=work.now
            )
        )

    run(add, digest)
    db.session.rollback()
    return settings


def other(settings: Settings, url: str, folder: Path) -> Settings:
    folder.mkdir()
    return make_settings(url, folder)


def test_drill_on_the_same_kind_of_database_proves_equality_by_hashes(
    filled: Settings, empty_database_url: str, tmp_path: Path
):
    first = back_up(filled, tmp_path / "one.zip", MADE_AT)
    assert (tmp_path / "one.zip").stat().st_mode & 0o077 == 0
    target = other(filled, empty_database_url, tmp_path / "restored")
    restore(target, tmp_path / "one.zip")
    second = back_up(target, tmp_path / "two.zip", MADE_AT)
    assert second.digests == first.digests
    assert second.tables == first.tables
    assert first.tables["units"] == 4
    assert first.files == 1
    with make_stores(target).contents.open(next(iter(_hashes(target)))) as file:
        assert file.read() == CONTENT


def test_restored_instance_works_on(
    filled: Settings, empty_database_url: str, tmp_path: Path, clock: FixedClock
):
    back_up(filled, tmp_path / "one.zip", MADE_AT)
    target = other(filled, empty_database_url, tmp_path / "restored")
    restore(target, tmp_path / "one.zip")
    with (
        running_app(target, clock) as app,
        app.app_context(),
        acting(Context(SYSTEM_ACTOR, clock, Source.COMMAND)),
    ):
        # New keys go on after the old ones, and the chain of changes too.
        assert make_unit("Xã mới", parent=1) == 5
        assert changes.verify(db.session()) is None


def test_backup_of_one_engine_is_restored_on_the_other(
    filled: Settings, database_backend: str, databases, tmp_path: Path
):
    first = back_up(filled, tmp_path / "one.zip", MADE_AT)
    across = "postgresql" if database_backend == "sqlite" else "sqlite"
    folder = tmp_path / "across"
    folder.mkdir()
    with databases.fresh(across, folder, migrated=False) as url:
        target = make_settings(url, folder)
        restore(target, tmp_path / "one.zip")
        assert back_up(target, tmp_path / "two.zip", MADE_AT).digests == first.digests


def test_table_of_a_lost_plugin_travels_too(
    filled: Settings, database_url: str, empty_database_url: str, tmp_path: Path
):
    lost = "CREATE TABLE plugin_lost__note (id INTEGER PRIMARY KEY, body TEXT, at TIME)"
    _execute(database_url, lost, "INSERT INTO plugin_lost__note VALUES (1, 'còn đây', '07:30:00')")
    manifest = back_up(filled, tmp_path / "one.zip", MADE_AT)
    assert manifest.tables["plugin_lost__note"] == 1
    target = other(filled, empty_database_url, tmp_path / "restored")
    # The table's owner is not installed there: the rest is restored, nothing breaks or is lost.
    restore(target, tmp_path / "one.zip")
    assert migrate.is_current(empty_database_url)
    with zipfile.ZipFile(set_aside_path(target, "lost")) as archive:
        lines = archive.read("tables/plugin_lost__note.jsonl").decode()
    assert json.loads(lines) == {"id": 1, "body": "còn đây", "at": "07:30:00"}


def test_instance_with_data_is_not_overwritten(filled: Settings, tmp_path: Path):
    back_up(filled, tmp_path / "one.zip", MADE_AT)
    with pytest.raises(BackupUnusable, match="đã có dữ liệu"):
        restore(filled, tmp_path / "one.zip")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04nonsense", b"x" * 1000])
def test_file_that_is_no_backup_is_refused(
    settings: Settings, empty_database_url: str, tmp_path: Path, content: bytes
):
    path = tmp_path / "bad.zip"
    path.write_bytes(content)
    with pytest.raises(BackupUnusable, match="không phải bản sao lưu"):
        restore(make_settings(empty_database_url, tmp_path), path)
    assert migrate.current_revision(empty_database_url) is None


def test_changed_row_is_found_and_nothing_is_restored(
    filled: Settings, empty_database_url: str, tmp_path: Path
):
    back_up(filled, tmp_path / "one.zip", MADE_AT)
    _rewrite(tmp_path / "one.zip", "tables/units.jsonl", "Đạ Tẻh".encode(), "Đạ Huoai".encode())
    target = other(filled, empty_database_url, tmp_path / "restored")
    with pytest.raises(BackupUnusable, match="units trong bản sao lưu bị hỏng"):
        restore(target, tmp_path / "one.zip")
    engine = create_engine(empty_database_url, poolclass=NullPool)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM units")).scalar() == 0
    engine.dispose()


def test_changed_file_is_found(filled: Settings, empty_database_url: str, tmp_path: Path):
    back_up(filled, tmp_path / "one.zip", MADE_AT)
    (sha256,) = _hashes(filled)
    _rewrite(tmp_path / "one.zip", f"files/{sha256}", CONTENT, b"khac")
    with pytest.raises(BackupUnusable, match="bị hỏng"):
        restore(other(filled, empty_database_url, tmp_path / "r"), tmp_path / "one.zip")


def test_backup_from_a_later_format_is_refused(filled: Settings, tmp_path: Path):
    back_up(filled, tmp_path / "one.zip", MADE_AT)
    _rewrite(tmp_path / "one.zip", "manifest.json", b'"format": 1', b'"format": 99')
    with pytest.raises(BackupUnusable, match="định dạng 99"):
        read_manifest(tmp_path / "one.zip")


def test_key_travels_only_when_wrapped(filled: Settings, empty_database_url: str, tmp_path: Path):
    secrets.load_keys(filled.instance)
    key = secrets.key_file(filled.instance).read_text(encoding="ascii")
    back_up(filled, tmp_path / "plain.zip", MADE_AT)
    back_up(filled, tmp_path / "keyed.zip", MADE_AT, passphrase="đò đưa 2026")
    for name in ("plain.zip", "keyed.zip"):
        with zipfile.ZipFile(tmp_path / name) as archive:
            assert not any(key.strip().encode() in archive.read(one) for one in archive.namelist())
    target = other(filled, empty_database_url, tmp_path / "restored")
    with pytest.raises(BackupUnusable, match="Cụm mật khẩu"):
        restore(target, tmp_path / "keyed.zip", passphrase="sai")
    restore(target, tmp_path / "keyed.zip", passphrase="đò đưa 2026")
    assert secrets.key_file(target.instance).read_text(encoding="ascii") == key


def test_keys_rotate_and_old_values_stay_readable(tmp_path: Path):
    token = secrets.load_keys(tmp_path).encrypt(b"mat khau camera")
    secrets.rotate(tmp_path)
    assert secrets.load_keys(tmp_path).decrypt(token) == b"mat khau camera"
    assert len(secrets.key_file(tmp_path).read_text(encoding="ascii").split()) == 2
    assert secrets.key_file(tmp_path).stat().st_mode & 0o077 == 0


def _hashes(settings: Settings) -> list[str]:
    return [stored.sha256 for stored in make_stores(settings).contents.iterate()]


def _execute(url: str, *statements: str) -> None:
    with migrate.migrating(url) as connection:
        for statement in statements:
            connection.execute(text(statement))


def _rewrite(path: Path, name: str, old: bytes, new: bytes) -> None:
    with zipfile.ZipFile(path) as archive:
        contents = {one: archive.read(one) for one in archive.namelist()}
    assert old in contents[name]
    contents[name] = contents[name].replace(old, new)
    with zipfile.ZipFile(path, "w") as archive:
        for one, content in contents.items():
            archive.writestr(one, content)
    assert json.loads(contents["manifest.json"])


def test_backup_to_a_drive_that_is_not_mounted_says_so(filled: Settings, tmp_path: Path):
    with pytest.raises(BackupUnusable, match=r"Không có thư mục .*/usb"):
        back_up(filled, tmp_path / "usb" / "one.zip", MADE_AT)


def test_backup_that_finds_no_room_says_so_and_leaves_nothing(filled: Settings, tmp_path: Path):
    most, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, hard))
    try:
        with pytest.raises(BackupUnusable, match=r"Không ghi được .*/one.zip"):
            back_up(filled, tmp_path / "one.zip", MADE_AT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    assert not list(tmp_path.glob("one.zip*"))

"""Both stores keep the same promises: the folder, and a bucket on a local S3 server."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import pytest
from flask import Flask
from flask_babel import Babel

from tests.support.apps import make_settings
from tests.support.s3 import BUCKET, KEYS, s3_server
from tracker.config import Settings
from tracker.core.errors import NotFound
from tracker.files.store import FolderStore, S3Store, Store, StoreFailed, make_stores

CONTENT = "nội dung".encode()
HASH = hashlib.sha256(CONTENT).hexdigest()
ABSENT = "0" * 64


@pytest.fixture(autouse=True)
def texts() -> Iterator[None]:
    app = Flask(__name__)
    Babel(app, default_locale="vi")
    with app.app_context():
        yield


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys stand in the environment, as on a real machine."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def s3_address() -> Iterator[str]:
    with s3_server() as address:
        yield address


def in_bucket(tmp_path: Path, address: str, bucket: str = BUCKET) -> Settings:
    base = make_settings("sqlite:///:memory:", tmp_path)
    return Settings(
        instance=tmp_path,
        database_url=base.database_url,
        secret_key=base.secret_key,
        file_store=f"s3://{bucket}/{tmp_path.name}",
        s3_endpoint=address,
    )


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return make_stores(make_settings("sqlite:///:memory:", tmp_path)).contents
    return make_stores(in_bucket(tmp_path, request.getfixturevalue("s3_address"))).contents


def put(store: Store, content: bytes) -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    store.put(sha256, io.BytesIO(content))
    return sha256


def test_put_content_can_be_read_found_and_listed(store: Store) -> None:
    put(store, CONTENT)
    with store.open(HASH) as stream:
        assert stream.read() == CONTENT
    assert store.exists(HASH)
    (found,) = store.iterate()
    assert (found.sha256, found.size) == (HASH, len(CONTENT))
    assert abs(found.written_at - datetime.now(UTC)) < timedelta(minutes=5)


def test_put_same_content_twice_is_kept_once(store: Store) -> None:
    put(store, CONTENT)
    put(store, CONTENT)
    assert [one.sha256 for one in store.iterate()] == [HASH]


def test_absent_content_is_not_found(store: Store) -> None:
    assert not store.exists(ABSENT)
    assert store.find(ABSENT) is None
    with pytest.raises(NotFound):
        store.open(ABSENT)
    store.delete(ABSENT)


def test_delete_content_leaves_the_others(store: Store) -> None:
    other = put(store, b"khac")
    put(store, CONTENT)
    store.delete(HASH)
    assert [one.sha256 for one in store.iterate()] == [other]


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "", "a" * 63, "A" * 64, f"{HASH}/..", "x" * 64]
)
def test_name_that_is_no_hash_reaches_no_store(store: Store, name: str) -> None:
    # Path traversal: Redmine #43690, Kanboard's FileStorage.
    with pytest.raises(ValueError, match="SHA-256"):
        store.open(name)
    with pytest.raises(ValueError, match="SHA-256"):
        store.put(name, io.BytesIO(b"x"))
    with pytest.raises(ValueError, match="SHA-256"):
        store.delete(name)


class _Interrupted(io.RawIOBase):
    """A content that breaks off."""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        raise OSError("the line was cut")


def test_folder_put_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "files")
    broken: IO[bytes] = _Interrupted()  # type: ignore[assignment]
    with pytest.raises(StoreFailed):
        store.put(HASH, broken)
    assert not store.exists(HASH)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_folder_put_again_renews_the_time_and_reads_nothing(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "files")
    put(store, CONTENT)
    path = store._path(HASH)
    os.utime(path, (1, 1))
    broken: IO[bytes] = _Interrupted()  # type: ignore[assignment]
    store.put(HASH, broken)
    assert path.stat().st_mtime > 1
    assert path.read_bytes() == CONTENT


def test_folder_iterate_passes_over_what_is_not_a_content(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "files")
    put(store, CONTENT)
    store._path(HASH).with_name(".waiting").write_bytes(b"x")
    (tmp_path / "files" / "note.txt").write_text("x")
    assert [one.sha256 for one in store.iterate()] == [HASH]


def test_bucket_that_is_not_there_fails_plainly(tmp_path: Path, s3_address: str) -> None:
    store = make_stores(in_bucket(tmp_path, s3_address, "khong-co")).contents
    for act in (
        lambda: put(store, CONTENT),
        lambda: list(store.iterate()),
    ):
        with pytest.raises(StoreFailed):
            act()


def test_bucket_keeps_small_pictures_apart(tmp_path: Path, s3_address: str) -> None:
    stores = make_stores(in_bucket(tmp_path, s3_address))
    assert isinstance(stores.contents, S3Store)
    put(stores.thumbnails, CONTENT)
    assert list(stores.contents.iterate()) == []


def test_bucket_server_that_is_down_fails_plainly(tmp_path: Path) -> None:
    # Nothing listens on port 1.
    store = make_stores(in_bucket(tmp_path, "http://127.0.0.1:1")).contents
    with pytest.raises(StoreFailed):
        store.exists(HASH)

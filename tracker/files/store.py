"""Where contents are kept: a folder on one machine, an S3-compatible bucket for many.

Both are addressed by the SHA-256 of the content and by nothing else: no name from outside ever
becomes a path (path traversal: Redmine #43690, Kanboard's FileStorage). Writing the same content
again only renews its time, which keeps the collector away from it.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import urlsplit

from flask import current_app
from flask_babel import gettext as _

from tracker.config import Settings, SettingsError
from tracker.core.errors import NotFound, Unavailable

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

SHA256 = re.compile(r"[0-9a-f]{64}")
CHUNK = 256 * 1024


class StoreFailed(Unavailable):
    """The store does not answer or refuses; nothing was written."""


@dataclass(frozen=True)
class Stored:
    """A content in the store: its hash, its size in bytes, and when it was last written."""

    sha256: str
    size: int
    written_at: datetime


class Store(Protocol):
    """What both stores can do. Each method raises StoreFailed when the store cannot be used."""

    def put(self, sha256: str, stream: IO[bytes]) -> None:
        """Keep what `stream` gives under `sha256`, wholly or not at all."""

    def open(self, sha256: str) -> IO[bytes]:
        """Return a stream of the content. Raises NotFound."""

    def find(self, sha256: str) -> Stored | None:
        """Return what is known of a content, None when it is not there."""

    def exists(self, sha256: str) -> bool:
        """Tell whether the content is there."""

    def delete(self, sha256: str) -> None:
        """Remove the content; one that is not there is no error."""

    def iterate(self) -> Iterator[Stored]:
        """Yield all contents, in no order."""


def checked(sha256: str) -> str:
    """Return `sha256` when it is one; anything else is a fault in the program."""
    if not SHA256.fullmatch(sha256):
        raise ValueError("not a SHA-256")
    return sha256


def _missing() -> NotFound:
    return NotFound(_("Nội dung của tệp này không còn trong kho tệp. Hãy báo quản trị viên."))


def _failed() -> StoreFailed:
    return StoreFailed(_("Kho tệp chưa dùng được lúc này. Hãy thử lại sau ít phút."))


class FolderStore:
    """Contents as files, in folders named by the first digits of their hashes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _path(self, sha256: str) -> Path:
        checked(sha256)
        return self.folder / sha256[:2] / sha256[2:4] / sha256

    def put(self, sha256: str, stream: IO[bytes]) -> None:
        """Write to a temporary name, flush to the disk, rename: readers never see half a file."""
        path = self._path(sha256)
        try:
            with contextlib.suppress(FileNotFoundError):
                os.utime(path)
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            waiting = path.parent / f".{secrets.token_hex(8)}"
            try:
                with waiting.open("xb") as target:
                    shutil.copyfileobj(stream, target, CHUNK)
                    target.flush()
                    os.fsync(target.fileno())
                waiting.replace(path)
            finally:
                waiting.unlink(missing_ok=True)
            _sync_folder(path.parent)
        except OSError as error:
            raise _failed() from error

    def open(self, sha256: str) -> IO[bytes]:
        """Return the file, open for reading."""
        try:
            return self._path(sha256).open("rb")
        except FileNotFoundError:
            raise _missing() from None
        except OSError as error:
            raise _failed() from error

    def find(self, sha256: str) -> Stored | None:
        """Return size and time of the file."""
        try:
            facts = self._path(sha256).stat()
        except FileNotFoundError:
            return None
        return Stored(sha256, facts.st_size, datetime.fromtimestamp(facts.st_mtime, UTC))

    def exists(self, sha256: str) -> bool:
        """Tell whether the file is there."""
        return self.find(sha256) is not None

    def delete(self, sha256: str) -> None:
        """Remove the file."""
        self._path(sha256).unlink(missing_ok=True)

    def iterate(self) -> Iterator[Stored]:
        """Walk the folders; temporary and foreign files are passed over."""
        for path in sorted(self.folder.glob("??/??/*")):
            if SHA256.fullmatch(path.name):
                found = self.find(path.name)
                if found is not None:
                    yield found


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut; Windows has no such call for folders."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class S3Store:
    """Contents as objects of a bucket, for many machines that share them.

    Keys for access come from where boto3 looks for them (AWS_ACCESS_KEY_ID and the like).
    """

    def __init__(self, client: S3Client, bucket: str, prefix: str) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        self.client = client
        self.bucket = bucket
        self.prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._refused = ClientError
        self._failures = (BotoCoreError, ClientError)

    def _key(self, sha256: str) -> str:
        return self.prefix + checked(sha256)

    def put(self, sha256: str, stream: IO[bytes]) -> None:
        """Send the object; a bucket shows it whole or not at all."""
        try:
            self.client.put_object(Bucket=self.bucket, Key=self._key(sha256), Body=stream)
        except self._failures as error:
            raise _failed() from error

    def open(self, sha256: str) -> IO[bytes]:
        """Return the object's body."""
        try:
            answer = self.client.get_object(Bucket=self.bucket, Key=self._key(sha256))
        except self._refused as error:
            raise (_missing() if _says_missing(error) else _failed()) from error
        except self._failures as error:
            raise _failed() from error
        return cast("IO[bytes]", answer["Body"])

    def find(self, sha256: str) -> Stored | None:
        """Return size and time of the object."""
        try:
            answer = self.client.head_object(Bucket=self.bucket, Key=self._key(sha256))
        except self._refused as error:
            if _says_missing(error):
                return None
            raise _failed() from error
        except self._failures as error:
            raise _failed() from error
        return Stored(sha256, answer["ContentLength"], answer["LastModified"].astimezone(UTC))

    def exists(self, sha256: str) -> bool:
        """Tell whether the object is there."""
        return self.find(sha256) is not None

    def delete(self, sha256: str) -> None:
        """Remove the object."""
        try:
            self.client.delete_object(Bucket=self.bucket, Key=self._key(sha256))
        except self._failures as error:
            raise _failed() from error

    def iterate(self) -> Iterator[Stored]:
        """List the prefix, a thousand objects an answer; foreign objects are passed over."""
        pages = self.client.get_paginator("list_objects_v2")
        try:
            for page in pages.paginate(Bucket=self.bucket, Prefix=self.prefix):
                for entry in page.get("Contents", ()):
                    name = entry["Key"].removeprefix(self.prefix)
                    if SHA256.fullmatch(name):
                        yield Stored(name, entry["Size"], entry["LastModified"].astimezone(UTC))
        except self._failures as error:
            raise _failed() from error


def _says_missing(error: Any) -> bool:
    return error.response.get("Error", {}).get("Code") in {"404", "NoSuchKey", "NotFound"}


# Under this prefix or beside this folder lie the small pictures; they can be made again.
THUMBNAILS = "thumbnails"


@dataclass(frozen=True)
class Stores:
    """The stores of one app: what people uploaded, and the small pictures made from it."""

    contents: Store
    thumbnails: Store


def make_stores(settings: Settings) -> Stores:
    """Return the stores that the settings name. Raises SettingsError without boto3 for a bucket."""
    if settings.file_store == "folder":
        return Stores(
            FolderStore(settings.instance / "files"), FolderStore(settings.instance / THUMBNAILS)
        )
    try:
        import boto3
        from botocore.config import Config
    except ModuleNotFoundError as error:
        raise SettingsError(
            "TRACKER_FILE_STORE names a bucket, but boto3 is not installed: "
            'pip install "tracker[s3]"'
        ) from error
    address = urlsplit(settings.file_store)
    client = boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint or None,
        config=Config(
            connect_timeout=5,
            read_timeout=30,
            retries={"mode": "standard", "max_attempts": 3},
            # Not every S3-compatible server knows names as hosts, or checksums in trailers.
            s3={"addressing_style": "path" if settings.s3_endpoint else "auto"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
    prefix = address.path.strip("/")
    return Stores(
        S3Store(client, address.netloc, f"{prefix}/files"),
        S3Store(client, address.netloc, f"{prefix}/{THUMBNAILS}"),
    )


_making = threading.Lock()


def current_stores() -> Stores:
    """Return the stores of the current app, made at first use."""
    found: Stores | None = current_app.extensions.get("tracker_stores")
    if found is None:
        # boto3 may not make two clients at once.
        with _making:
            found = current_app.extensions.get("tracker_stores")
            if found is None:
                found = make_stores(current_app.extensions["tracker_settings"])
                current_app.extensions["tracker_stores"] = found
    return found

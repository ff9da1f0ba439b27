"""Taking files in: the content goes to the store before the unit of work, the row within it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import IO, Protocol
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import delete, exists, select
from sqlalchemy.dialects import postgresql, sqlite

from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import Conflict, FieldError, NotFound, TooLarge, ValidationFailed
from tracker.core.work import Work, run
from tracker.files.inspect_content import inspect_content, make_thumbnail
from tracker.files.models import Attachment, Blob
from tracker.files.names import clean_name
from tracker.files.queries import unused_contents
from tracker.files.store import CHUNK, checked, current_stores
from tracker.web.contracts import shell_contracts

LARGEST_SETTING = "files.largest_mb"
LARGEST_MB = 20
MEGABYTE = 1024 * 1024
MOST_AT_ONCE = 20
# Contents without an attachment stay this long: a form may still be on its way.
KEPT_UNUSED = timedelta(hours=24)
COLLECT_AT_ONCE = 100


class Upload(Protocol):
    """What a web form gives for a file (werkzeug's FileStorage fits)."""

    @property
    def filename(self) -> str | None:
        """Return the name the browser sent."""

    @property
    def stream(self) -> IO[bytes]:
        """Return the content, which can be read more than once."""


@dataclass(frozen=True)
class FileInput:
    """A file that does not come from a form: its content and its name."""

    content: bytes
    name: str

    @property
    def filename(self) -> str:
        """Return the name."""
        return self.name

    @property
    def stream(self) -> IO[bytes]:
        """Return the content as a stream."""
        return io.BytesIO(self.content)


@dataclass(frozen=True)
class PreparedFile:
    """A file that was checked and whose content is in the store; goes into a service's input."""

    sha256: str
    size: int
    media_type: str
    name: str


def largest_bytes() -> int:
    """Return the size of the largest file that is taken."""
    return int(str(shell_contracts().setting(LARGEST_SETTING) or LARGEST_MB)) * MEGABYTE


def prepare(upload: Upload, field: str = "file") -> PreparedFile:
    """Check an uploaded file and put its content into the store. Call it before the unit of work.

    Raises ValidationFailed (on `field`) for an empty, forbidden, mismatching or hostile file,
    TooLarge, and StoreFailed when the store cannot be used.
    """
    name = clean_name(upload.filename)
    stream = upload.stream
    digest, size = _measure(stream, name)
    if size == 0:
        message = _("“%(name)s”: tệp trống. Hãy chọn tệp khác.", name=name)
        raise ValidationFailed([FieldError(field, message)])
    kind = inspect_content(stream, name, field)
    stores = current_stores()
    if kind.is_picture and not stores.thumbnails.exists(digest):
        try:
            small = make_thumbnail(stream, kind.media_type)
        except ValidationFailed as error:
            problems = [FieldError(field, f"“{name}”: {one.message}") for one in error.errors]
            raise ValidationFailed(problems) from error
        stores.thumbnails.put(digest, io.BytesIO(small))
    stream.seek(0)
    stores.contents.put(digest, stream)
    return PreparedFile(digest, size, kind.media_type, name)


def prepare_all(
    uploads: Iterable[Upload], field: str = "files", most: int = MOST_AT_ONCE
) -> list[PreparedFile]:
    """Prepare the files of a field that takes several; fields left empty are passed over.

    Raises what `prepare` raises; of several bad files all are named at once.
    """
    given = [upload for upload in uploads if upload.filename]
    if len(given) > most:
        message = _("Mỗi lần gửi được tối đa %(most)d tệp.", most=most)
        raise ValidationFailed([FieldError(field, message)])
    prepared: list[PreparedFile] = []
    problems: list[FieldError] = []
    for upload in given:
        try:
            prepared.append(prepare(upload, field))
        except ValidationFailed as error:
            problems.extend(error.errors)
    if problems:
        raise ValidationFailed(problems)
    return prepared


def _measure(stream: IO[bytes], name: str) -> tuple[str, int]:
    largest = largest_bytes()
    digest, size = hashlib.sha256(), 0
    stream.seek(0)
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        if size > largest:
            raise TooLarge(
                _(
                    "“%(name)s” lớn hơn %(largest)d MB. Hãy chọn tệp nhỏ hơn.",
                    name=name,
                    largest=largest // MEGABYTE,
                )
            )
        digest.update(chunk)
    return digest.hexdigest(), size


def attach(work: Work, prepared: PreparedFile, owner_kind: str, owner_id: int) -> Attachment:
    """Attach a prepared file to a record whose rights the caller has checked; flushes.

    Raises Conflict when the content was collected since it was prepared (a day ago or more).
    """
    _lock_blob(work, prepared)
    if not current_stores().contents.exists(prepared.sha256):
        raise Conflict(_("“%(name)s” đã bị dọn khỏi kho tệp. Hãy gửi lại.", name=prepared.name))
    attachment = Attachment(
        sha256=prepared.sha256,
        name=prepared.name,
        owner_kind=owner_kind,
        owner_id=owner_id,
        uploaded_by_id=work.actor.user_id,
        uploaded_at=work.now,
    )
    work.session.add(attachment)
    work.session.flush()
    return attachment


def attach_all(
    work: Work, prepared: Sequence[PreparedFile], owner_kind: str, owner_id: int
) -> list[Attachment]:
    """Attach several prepared files to a record."""
    return [attach(work, one, owner_kind, owner_id) for one in prepared]


def store(work: Work, file: FileInput, owner_kind: str, owner_id: int) -> Attachment:
    """Check, keep and attach a file in one step, for demo data and other files made by programs.

    Pages call `prepare` first: what takes time stays outside the transaction.
    """
    return attach(work, prepare(file), owner_kind, owner_id)


def prepared_of(owner_kind: str, owner_id: int) -> list[PreparedFile]:
    """Return the files of a record, oldest first, ready to be attached to another one as well.

    Whoever asks has checked the right to the record.
    """
    rows = db.session.execute(
        select(Attachment.sha256, Blob.size, Blob.media_type, Attachment.name)
        .join(Blob, Blob.sha256 == Attachment.sha256)
        .where(Attachment.owner_kind == owner_kind, Attachment.owner_id == owner_id)
        .order_by(Attachment.id)
    )
    return [PreparedFile(*row) for row in rows]


def remove(work: Work, public_id: UUID, owner_kind: str, owner_id: int) -> None:
    """Take a file away from its record, whose rights the caller has checked.

    The record is named too, so that a file of another one cannot be removed through it (Redmine
    #43634). The content goes later, by the collector. Raises NotFound.
    """
    found = work.session.scalar(
        select(Attachment).where(
            Attachment.public_id == public_id,
            Attachment.owner_kind == owner_kind,
            Attachment.owner_id == owner_id,
        )
    )
    if found is None:
        raise NotFound
    work.session.delete(found)
    work.session.flush()


def _lock_blob(work: Work, prepared: PreparedFile) -> None:
    """Make the content's row if need be, and keep the collector away until commit."""
    values = {
        "sha256": checked(prepared.sha256),
        "size": prepared.size,
        "media_type": prepared.media_type,
        "created_at": work.now,
    }
    dialect = work.session.get_bind().dialect.name
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    work.session.execute(
        insert(Blob).values(values).on_conflict_do_nothing(index_elements=[Blob.sha256])
    )
    work.session.execute(
        select(Blob.sha256)
        .where(Blob.sha256 == prepared.sha256)
        .with_for_update(read=True, key_share=True)
    )


@dataclass(frozen=True)
class Collect:
    """Contents that looked unused: each is looked at again under lock."""

    sha256: tuple[str, ...]


def collect_contents(work: Work, data: Collect) -> int:
    """Delete those contents that still nobody uses; return how many went.

    The row is made where it is missing, so that there is something to lock: an upload of the same
    content then either comes first and is seen here, or waits and finds the content gone.
    """
    stores = current_stores()
    gone = 0
    for sha256 in data.sha256:
        found = stores.contents.find(sha256)
        _lock_blob(work, PreparedFile(sha256, 0, "", ""))
        work.session.execute(select(Blob.sha256).where(Blob.sha256 == sha256).with_for_update())
        used = work.session.scalar(select(exists().where(Attachment.sha256 == sha256)))
        if used or (found is not None and found.written_at > work.now - KEPT_UNUSED):
            continue
        work.session.execute(delete(Blob).where(Blob.sha256 == sha256))
        stores.thumbnails.delete(sha256)
        stores.contents.delete(sha256)
        gone += 1
    return gone


def collect_unused() -> int:
    """Delete contents that have had no attachment for KEPT_UNUSED; return how many went."""
    unused = unused_contents(current().clock.now() - KEPT_UNUSED)
    return sum(
        run(collect_contents, Collect(tuple(unused[start : start + COLLECT_AT_ONCE])))
        for start in range(0, len(unused), COLLECT_AT_ONCE)
    )

"""Handing files out: by a random id, with the rights of the record, as something to save.

The answer can run nothing, whatever is in it (OWASP ASVS 5.0, 5.4.1; Indico CVE-2026-25739).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import IO
from urllib.parse import quote
from uuid import UUID

from flask import Blueprint, Response, request
from werkzeug.wsgi import wrap_file

from tracker.core.errors import NotFound
from tracker.core.text import fold
from tracker.files import owners, queries
from tracker.files.inspect_content import PICTURE_TYPES, make_thumbnail
from tracker.files.store import current_stores
from tracker.web.doors import signed_in

blueprint = Blueprint("files", __name__)

CSP = "sandbox; default-src 'none'; img-src 'self'; frame-ancestors 'none'"


def disposition(kind: str, name: str) -> str:
    """Return the header that names a file, with and without accents (RFC 6266)."""
    stem, dot, suffix = name.rpartition(".")
    plain = fold(stem if dot else name).replace(" ", "-") or "tep"
    plain = "".join(c for c in plain if c.isascii() and (c.isalnum() or c == "-")) or "tep"
    suffix = "".join(c for c in suffix if c.isascii() and c.isalnum())
    ascii_name = f"{plain}.{suffix}" if dot and suffix else plain
    return f"{kind}; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"


def _readable(public_id: UUID) -> queries.FoundFile:
    """Return the file if its record may be read; else it is as if it did not exist."""
    found = queries.find(public_id)
    if found is None or not owners.may_read(found.owner_kind, found.owner_id):
        raise NotFound
    return found


# No copy stays in the browser; the small pictures of long lists may, but are asked about each time.
KEEP_NOTHING = "private, no-store"
ASK_EACH_TIME = "private, no-cache"


@dataclass(frozen=True)
class Sent:
    """How a content is sent: type, size, identity of the content, name, in place or to be saved."""

    media_type: str
    size: int
    etag: str
    name: str
    disposition: str
    cache: str = KEEP_NOTHING


def _answer(stream: IO[bytes], sent: Sent) -> Response:
    response = Response(
        wrap_file(request.environ, stream), mimetype=sent.media_type, direct_passthrough=True
    )
    response.content_length = sent.size
    response.headers["Content-Disposition"] = disposition(sent.disposition, sent.name)
    response.headers["Content-Security-Policy"] = CSP
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = sent.cache
    response.set_etag(sent.etag)
    response.make_conditional(request)
    return response


@blueprint.get("/tep/<uuid:public_id>")
@signed_in
def download(public_id: UUID) -> Response:
    """Send a file to be saved."""
    found = _readable(public_id)
    stream = current_stores().contents.open(found.sha256)
    return _answer(
        stream, Sent(found.media_type, found.size, found.sha256, found.name, "attachment")
    )


@blueprint.get("/tep/<uuid:public_id>/xem")
@signed_in
def show(public_id: UUID) -> Response:
    """Show a picture in the browser. Nothing else is ever shown in place."""
    found = _readable(public_id)
    if found.media_type not in PICTURE_TYPES:
        raise NotFound
    stream = current_stores().contents.open(found.sha256)
    return _answer(stream, Sent(found.media_type, found.size, found.sha256, found.name, "inline"))


@blueprint.get("/tep/<uuid:public_id>/nho")
@signed_in
def thumbnail(public_id: UUID) -> Response:
    """Send the small picture of a picture; a lost one is made again."""
    found = _readable(public_id)
    if found.media_type not in PICTURE_TYPES:
        raise NotFound
    stores = current_stores()
    try:
        with stores.thumbnails.open(found.sha256) as stream:
            small = stream.read()
    except NotFound:
        with stores.contents.open(found.sha256) as stream:
            small = make_thumbnail(io.BytesIO(stream.read()), found.media_type)
        stores.thumbnails.put(found.sha256, io.BytesIO(small))
    sent = Sent("image/jpeg", len(small), f"{found.sha256}-nho", "anh.jpg", "inline", ASK_EACH_TIME)
    return _answer(io.BytesIO(small), sent)

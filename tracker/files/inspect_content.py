"""What a file really is, found by looking into it: an allow-list, and content that fits the name.

Sources: OWASP ASVS 5.0, 5.2.2 (content matches the suffix) and 5.2.3 (unpacked size and count).
SVG and HTML are refused because browsers run what is in them (Redmine #24199, OpenProject
CVE-2026-23625, CVE-2026-32703), archives because nobody sees what is inside.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO

from flask_babel import gettext as _
from PIL import Image, ImageOps

from tracker.core.errors import FieldError, ValidationFailed
from tracker.files.names import suffix_of

# The largest picture: above today's phones' usual 12 to 50 megapixels.
MOST_PIXELS = 64_000_000
# Pillow warns above its limit and raises at twice of it; one limit is easier to explain.
Image.MAX_IMAGE_PIXELS = MOST_PIXELS
THUMBNAIL_SIDE = 320
# Limits on office files, which are archives: members, bytes unpacked, bytes unpacked per byte.
MOST_MEMBERS = 10_000
MOST_UNPACKED = 300 * 1024 * 1024
MOST_RATIO = 200
# Below this nothing can hurt, however well it is packed.
HARMLESS_UNPACKED = 20 * 1024 * 1024

HEAD = 512
# Top-level boxes of a clip; one that is streamed in parts has two for each part.
MOST_BOXES = 4096
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# Control characters that no text has; the rest of the check is UTF-8 itself.
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")

# What Pillow's readers raise on broken or hostile pictures.
BROKEN_PICTURE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


@dataclass(frozen=True)
class Kind:
    """A kind of file that is taken: its type, the check of its content, is it a picture."""

    media_type: str
    fits: Callable[[IO[bytes]], bool]
    is_picture: bool = False


class Hostile(Exception):
    """The content is of its kind but made to hurt; the message says what is wrong with it."""


def _head(stream: IO[bytes]) -> bytes:
    stream.seek(0)
    return stream.read(HEAD)


def _picture(format_name: str, magic: Callable[[bytes], bool]) -> Callable[[IO[bytes]], bool]:
    def fits(stream: IO[bytes]) -> bool:
        return magic(_head(stream)) and open_picture(stream, format_name) is not None

    return fits


def open_picture(stream: IO[bytes], format_name: str) -> Image.Image | None:
    """Return the picture, not decoded yet; None when it is not one of this format.

    Raises Hostile when it would unpack to more than MOST_PIXELS.
    """
    stream.seek(0)
    try:
        picture = Image.open(stream, formats=(format_name,))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Hostile(_too_many_pixels()) from error
    except BROKEN_PICTURE:
        return None
    if picture.width * picture.height > MOST_PIXELS:
        raise Hostile(_too_many_pixels())
    return picture


def _too_many_pixels() -> str:
    most = MOST_PIXELS // 1_000_000
    return str(
        _("Ảnh có quá nhiều điểm ảnh (hơn %(most)d triệu). Hãy thu nhỏ rồi gửi lại.", most=most)
    )


FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}


def make_thumbnail(stream: IO[bytes], media_type: str) -> bytes:
    """Return a small JPEG of a picture, upright, without anything a camera wrote into it.

    Raises ValidationFailed when the picture cannot be decoded.
    """
    try:
        picture = open_picture(stream, FORMATS[media_type])
        if picture is None:
            raise _broken_picture()
        # JPEG can be read at a fraction of its size at once.
        picture.draft("RGB", (THUMBNAIL_SIDE * 2, THUMBNAIL_SIDE * 2))
        picture.load()
        picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
        upright = ImageOps.exif_transpose(picture).convert("RGBA")
        paper = Image.new("RGBA", upright.size, "white")
        paper.alpha_composite(upright)
        target = io.BytesIO()
        paper.convert("RGB").save(target, "JPEG", quality=80, optimize=True)
    except Hostile as error:
        raise ValidationFailed({"": str(error)}) from error
    except BROKEN_PICTURE as error:
        raise _broken_picture() from error
    return target.getvalue()


def _broken_picture() -> ValidationFailed:
    return ValidationFailed({"": _("Ảnh bị hỏng, không mở được. Hãy chọn ảnh khác.")})


def check_archive(archive: zipfile.ZipFile, packed_size: int) -> None:
    """Raise Hostile when an office file would unpack to too much, or holds what it should not."""
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise Hostile(_("Tệp chứa quá nhiều phần bên trong."))
    unpacked = sum(member.file_size for member in members)
    ratio = unpacked / max(packed_size, 1)
    if unpacked > MOST_UNPACKED or (unpacked > HARMLESS_UNPACKED and ratio > MOST_RATIO):
        raise Hostile(_("Tệp giải nén ra quá lớn."))
    for member in members:
        parts = re.split(r"[/\\]", member.filename)
        if member.filename.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
            raise Hostile(_("Tệp chứa đường dẫn không hợp lệ bên trong."))
        if member.flag_bits & 0x1:
            raise Hostile(_("Tệp được đặt mật khẩu. Hãy bỏ mật khẩu rồi gửi lại."))
        if parts[-1].lower().startswith("vbaproject"):
            raise Hostile(_("Tệp có chứa macro. Hãy lưu lại thành tệp không có macro."))


def _office(main_part: str) -> Callable[[IO[bytes]], bool]:
    def fits(stream: IO[bytes]) -> bool:
        # The archive must begin at the first byte: no other file in front of it.
        if not _head(stream).startswith(b"PK\x03\x04"):
            return False
        size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        try:
            with zipfile.ZipFile(stream) as archive:
                check_archive(archive, size)
                names = set(archive.namelist())
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, EOFError):
            return False
        return "[Content_Types].xml" in names and main_part in names

    return fits


def _ole(*streams: str) -> Callable[[IO[bytes]], bool]:
    wanted = [name.encode("utf-16-le") for name in streams]

    def fits(stream: IO[bytes]) -> bool:
        if not _head(stream).startswith(OLE):
            return False
        stream.seek(0)
        content = stream.read()
        return any(name in content for name in wanted)

    return fits


def _is_pdf(stream: IO[bytes]) -> bool:
    return re.match(rb"%PDF-[12]\.\d", _head(stream)) is not None


def _is_text(stream: IO[bytes]) -> bool:
    stream.seek(0)
    content = stream.read()
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    return _NOT_TEXT.search(content) is None


def _is_mp4(stream: IO[bytes]) -> bool:
    """Tell whether the boxes of a clip (ISO 14496-12) fill the file, beginning with its type."""
    size = stream.seek(0, io.SEEK_END)
    place = 0
    kinds: list[bytes] = []
    while place < size:
        stream.seek(place)
        head = stream.read(16)
        if len(head) < 8 or len(kinds) == MOST_BOXES:
            return False
        length, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:], "big")
        length = length or size - place
        if length < 8:
            return False
        kinds.append(kind)
        place += length
    return place == size and kinds[:1] == [b"ftyp"] and b"moov" in kinds


_jpeg = Kind("image/jpeg", _picture("JPEG", lambda head: head.startswith(b"\xff\xd8\xff")), True)

KINDS: Mapping[str, Kind] = {
    "jpg": _jpeg,
    "jpeg": _jpeg,
    "png": Kind(
        "image/png", _picture("PNG", lambda head: head.startswith(b"\x89PNG\r\n\x1a\n")), True
    ),
    "webp": Kind(
        "image/webp",
        _picture("WEBP", lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP"),
        True,
    ),
    "pdf": Kind("application/pdf", _is_pdf),
    "docx": Kind(
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        _office("word/document.xml"),
    ),
    "xlsx": Kind(
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        _office("xl/workbook.xml"),
    ),
    "doc": Kind("application/msword", _ole("WordDocument")),
    "xls": Kind("application/vnd.ms-excel", _ole("Workbook", "Book")),
    "txt": Kind("text/plain", _is_text),
    "csv": Kind("text/csv", _is_text),
    "mp4": Kind("video/mp4", _is_mp4),
}
# For the `accept` attribute of file fields.
ACCEPT = ",".join(f".{suffix}" for suffix in KINDS)
ACCEPT_PICTURES = ",".join(f".{suffix}" for suffix, kind in KINDS.items() if kind.is_picture)
PICTURE_TYPES = frozenset(kind.media_type for kind in KINDS.values() if kind.is_picture)


def inspect_content(stream: IO[bytes], name: str, field: str = "file") -> Kind:
    """Return the kind of a file with a cleaned `name`.

    Raises ValidationFailed, on `field`, when the suffix is not taken, the content is not what the
    suffix says, or it is made to hurt.
    """
    suffix = suffix_of(name)
    kind = KINDS.get(suffix)
    if kind is None:
        message = (
            _(
                "“%(name)s”: ảnh HEIC chưa dùng được. Hãy đặt máy ảnh của điện thoại ở chế độ "
                "tương thích nhất (JPEG), hoặc gửi ảnh chụp màn hình.",
                name=name,
            )
            if suffix in {"heic", "heif"}
            else _(
                "“%(name)s”: loại tệp này không dùng được. Hãy gửi ảnh (JPG, PNG, WEBP), PDF, "
                "Word, Excel, văn bản (TXT, CSV) hoặc đoạn phim MP4.",
                name=name,
            )
        )
        raise ValidationFailed([FieldError(field, message)])
    try:
        fits = kind.fits(stream)
    except Hostile as error:
        raise ValidationFailed([FieldError(field, f"“{name}”: {error}")]) from error
    if not fits:
        raise ValidationFailed(
            [
                FieldError(
                    field,
                    _(
                        "“%(name)s”: nội dung không phải tệp .%(suffix)s, hoặc tệp bị hỏng. "
                        "Hãy lưu lại đúng loại rồi gửi.",
                        name=name,
                        suffix=suffix,
                    ),
                )
            ]
        )
    return kind

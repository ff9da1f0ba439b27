"""Contents for tests of uploads: good ones, and ones that are made to hurt."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence

import openpyxl
from PIL import Image

CONTENT_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/'
    'content-types"></Types>'
)
OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"


def picture(kind: str = "JPEG", size: tuple[int, int] = (640, 480), colour: str = "navy") -> bytes:
    """Return a picture of one colour."""
    target = io.BytesIO()
    Image.new("RGB", size, colour).save(target, kind)
    return target.getvalue()


def png_claiming(width: int, height: int) -> bytes:
    """Return a tiny PNG whose header claims a size: an image bomb."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\x00" * 100)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def clip() -> bytes:
    """Return the boxes of a film without a picture in it."""

    def box(kind: bytes, content: bytes) -> bytes:
        return (8 + len(content)).to_bytes(4, "big") + kind + content

    return box(b"ftyp", b"isom\x00\x00\x02\x00isommp41") + box(b"mdat", b"") + box(b"moov", b"")


def archive(members: Mapping[str, bytes | str], level: int = 9) -> bytes:
    """Return a ZIP of these members."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return target.getvalue()


def word(extra: Mapping[str, bytes | str] | None = None) -> bytes:
    """Return the bones of a .docx, with further members."""
    members: dict[str, bytes | str] = {
        "[Content_Types].xml": CONTENT_TYPES,
        "word/document.xml": "<document/>",
    }
    return archive({**members, **(extra or {})})


def sheet(*rows: Sequence[object], title: str = "Sheet") -> bytes:
    """Return an .xlsx with these rows (sequences of cell values)."""
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = title
    for row in rows:
        page.append(list(row))
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    """Return a workbook as the bytes of its file."""
    target = io.BytesIO()
    book.save(target)
    book.close()
    return target.getvalue()


def with_member(workbook: bytes, name: str, content: bytes) -> bytes:
    """Return a workbook in which one member is replaced or added."""
    with zipfile.ZipFile(io.BytesIO(workbook)) as old:
        members: dict[str, bytes | str] = {one: old.read(one) for one in old.namelist()}
    return archive({**members, name: content})


def old_office(stream_name: str) -> bytes:
    """Return the bones of an old .doc or .xls: the magic number and a directory entry's name."""
    return OLE_MAGIC + b"\x00" * 1024 + stream_name.encode("utf-16-le") + b"\x00" * 512

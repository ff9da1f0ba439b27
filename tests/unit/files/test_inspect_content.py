"""What a file really is: OWASP ASVS 5.0, 5.2.2 and 5.2.3, and holes that other products had."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

import pytest
from flask import Flask
from flask_babel import Babel
from PIL import Image

from tests.support import contents
from tracker.core.errors import ValidationFailed
from tracker.files import inspect_content as inspecting
from tracker.files.inspect_content import inspect_content, make_thumbnail


@pytest.fixture(autouse=True)
def texts() -> Iterator[None]:
    """Messages need an app for their language, and nothing more."""
    app = Flask(__name__)
    Babel(app, default_locale="vi")
    with app.app_context():
        yield


def kind_of(content: bytes, name: str) -> str:
    return inspect_content(io.BytesIO(content), name).media_type


def refusal(content: bytes, name: str) -> str:
    with pytest.raises(ValidationFailed) as caught:
        inspect_content(io.BytesIO(content), name, "files")
    (error,) = caught.value.errors
    assert error.field == "files"
    assert name in error.message
    return error.message


@pytest.mark.parametrize(
    ("content", "name", "media_type"),
    [
        (contents.picture(), "a.jpg", "image/jpeg"),
        (contents.picture(), "a.JPEG", "image/jpeg"),
        (contents.picture("PNG"), "a.png", "image/png"),
        (contents.picture("WEBP"), "a.webp", "image/webp"),
        (contents.PDF, "a.pdf", "application/pdf"),
        (contents.clip(), "a.mp4", "video/mp4"),
        (contents.old_office("WordDocument"), "a.doc", "application/msword"),
        (contents.old_office("Workbook"), "a.xls", "application/vnd.ms-excel"),
        ("Nội dung có dấu\r\n".encode(), "a.txt", "text/plain"),
        (b"\xef\xbb\xbfa,b\n1,2\n", "a.csv", "text/csv"),
    ],
)
def test_inspect_allowed_content_names_its_type(content: bytes, name: str, media_type: str) -> None:
    assert kind_of(content, name) == media_type


def test_inspect_office_files_by_their_main_part() -> None:
    assert kind_of(contents.word(), "a.docx").endswith("wordprocessingml.document")
    assert kind_of(contents.sheet(["a"]), "a.xlsx").endswith("spreadsheetml.sheet")


@pytest.mark.parametrize(
    "name",
    ["a.svg", "a.html", "a.zip", "a.exe", "a.xlsm", "a.docm", "a.js", "a.pdf.exe", "khong-duoi"],
)
def test_inspect_forbidden_suffix_is_refused_whatever_the_content(name: str) -> None:
    assert "không dùng được" in refusal(contents.picture(), name)


def test_inspect_heic_tells_how_to_go_on() -> None:
    assert "JPEG" in refusal(b"\x00\x00\x00\x18ftypheic", "IMG_1.HEIC")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (contents.picture("PNG"), "a.jpg"),
        (contents.picture(), "a.png"),
        (contents.PDF, "a.docx"),
        (contents.word(), "a.xlsx"),
        (contents.sheet(["a"]), "a.docx"),
        (contents.archive({"a.txt": "x"}), "a.docx"),
        (contents.old_office("Workbook"), "a.doc"),
        (contents.old_office("__nameid_version1.0"), "a.doc"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "a.png"),
        (b"<html><script>alert(1)</script>", "a.pdf"),
        (contents.clip()[8:], "a.mp4"),
        (contents.clip() + b"<html>", "a.mp4"),
        (contents.clip()[:24], "a.mp4"),
        (b"<html><script>alert(1)</script>", "a.mp4"),
        (b"MZ\x90\x00", "a.txt"),
        ("Tiếng Việt".encode("utf-16"), "a.txt"),
        (b"\xff\xfe\x00", "a.csv"),
        (b"\xff\xd8\xff", "a.jpg"),
        (b"PK\x03\x04garbage", "a.xlsx"),
    ],
)
def test_inspect_content_that_is_not_its_suffix_is_refused(content: bytes, name: str) -> None:
    assert "nội dung không phải tệp" in refusal(content, name)


@pytest.mark.parametrize("prefix", [b"GIF89a/*", b"<html>", b"\n", b"%PDF-1.7\n"])
def test_inspect_polyglot_with_something_in_front_is_refused(prefix: bytes) -> None:
    refusal(prefix + contents.word(), "a.docx")
    refusal(prefix + contents.picture(), "a.jpg")
    if not prefix.startswith(b"%PDF"):
        refusal(prefix + contents.PDF, "a.pdf")


@pytest.mark.parametrize("size", [(60_000, 60_000), (9_000, 9_000)])
def test_inspect_image_bomb_is_refused_before_it_unpacks(size: tuple[int, int]) -> None:
    assert "điểm ảnh" in refusal(contents.png_claiming(*size), "bomb.png")


def test_inspect_archive_bomb_is_refused_by_what_it_claims() -> None:
    bomb = contents.word({"word/media/a.bin": b"\x00" * (30 * 1024 * 1024)})
    assert len(bomb) < 100_000
    assert "giải nén" in refusal(bomb, "bomb.docx")


def test_inspect_archive_with_too_many_members_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspecting, "MOST_MEMBERS", 50)
    many = contents.word({f"word/{number}.xml": "x" for number in range(60)})
    assert "quá nhiều phần" in refusal(many, "many.docx")


@pytest.mark.parametrize("name", ["../../evil.sh", "/etc/evil", "word\\..\\..\\evil", "C:/evil"])
def test_inspect_archive_with_paths_outside_is_refused(name: str) -> None:
    # Zip slip: no advisory in the systems that were read, but office files are unpacked here.
    assert "đường dẫn" in refusal(contents.word({name: "x"}), "slip.docx")


def test_inspect_office_file_with_macros_is_refused() -> None:
    assert "macro" in refusal(contents.word({"word/vbaProject.bin": b"x"}), "macro.docx")


def test_inspect_office_file_with_password_is_refused() -> None:
    content = bytearray(contents.word())
    # The flag of encryption, in the central directory's entry.
    start = content.rindex(b"PK\x01\x02")
    content[start + 8] |= 0x1
    with zipfile.ZipFile(io.BytesIO(bytes(content))) as archive:
        assert any(member.flag_bits & 0x1 for member in archive.infolist())
    assert "mật khẩu" in refusal(bytes(content), "secret.docx")


def test_make_thumbnail_is_small_upright_and_tells_nothing_of_the_camera() -> None:
    source = Image.new("RGB", (1000, 500), "red")
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    exif[0x010F] = "Máy ảnh"
    target = io.BytesIO()
    source.save(target, "JPEG", exif=exif)
    small = Image.open(io.BytesIO(make_thumbnail(target, "image/jpeg")))
    assert small.size == (160, 320)
    assert not small.getexif()
    assert small.format == "JPEG"


def test_make_thumbnail_of_transparent_picture_is_on_white() -> None:
    target = io.BytesIO()
    Image.new("RGBA", (10, 10), (0, 0, 0, 0)).save(target, "PNG")
    small = Image.open(io.BytesIO(make_thumbnail(target, "image/png")))
    assert small.getpixel((5, 5)) == (255, 255, 255)


def test_make_thumbnail_of_broken_picture_says_so() -> None:
    whole = contents.picture("PNG", (400, 400))
    with pytest.raises(ValidationFailed, match="hỏng"):
        make_thumbnail(io.BytesIO(whole[: len(whole) // 2]), "image/png")

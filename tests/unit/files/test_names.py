"""Names of files: readable, harmless, never a path (Redmine #43690, ASVS 5.3.2)."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.files.names import LONGEST, clean_name, suffix_of


@pytest.mark.parametrize(
    ("given_name", "clean"),
    [
        ("Báo cáo quý I.pdf", "Báo cáo quý I.pdf"),
        (unicodedata.normalize("NFD", "Tờ trình.docx"), "Tờ trình.docx"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\an\\ảnh.jpg", "ảnh.jpg"),
        ("a/b\\..\\c.png", "c.png"),
        ("anh\u202efdp.exe", "anhfdp.exe"),
        ('a"b\r\nX-Evil: 1.txt', "a-bX-Evil- 1.txt"),
        ("<script>.pdf", "-script-.pdf"),
        ("...", "tep"),
        (".htaccess", "htaccess"),
        ("", "tep"),
        (None, "tep"),
        ("con.txt", "con_.txt"),
        ("  tên   dài .pdf ", "tên dài.pdf"),
        ("no\x00null.pdf", "nonull.pdf"),
    ],
)
def test_clean_name_of_what_people_send_is_harmless(given_name: str | None, clean: str) -> None:
    assert clean_name(given_name) == clean


def test_clean_name_too_long_keeps_the_suffix() -> None:
    name = clean_name("ă" * 500 + ".docx")
    assert len(name) == LONGEST
    assert name.endswith("ă.docx")


@given(st.text(max_size=400))
def test_clean_name_of_anything_is_short_printable_and_no_path(text: str) -> None:
    name = clean_name(text)
    assert 0 < len(name) <= LONGEST
    assert not set(name) & set('/\\<>:"|?*\r\n\t\x00')
    assert name not in {".", ".."}
    assert not name.startswith(".")
    assert not any(unicodedata.category(c) in {"Cf", "Cc", "Cs"} for c in name)


@pytest.mark.parametrize(
    ("name", "suffix"), [("a.PDF", "pdf"), ("a", ""), ("a.tar.gz", "gz"), ("a.", "")]
)
def test_suffix_of_name_is_in_small_letters(name: str, suffix: str) -> None:
    assert suffix_of(name) == suffix

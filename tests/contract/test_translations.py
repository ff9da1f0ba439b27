"""The English catalogue is complete, keeps the placeholders, and is compiled."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tracker" / "locale" / "en" / "LC_MESSAGES"
PLACEHOLDER = re.compile(r"%\((\w+)\)([sd])|%%")


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Every message of the code and the templates."""
    target = tmp_path_factory.mktemp("messages") / "messages.pot"
    words = ("extract", "-F", "pyproject.toml", "-k", "_l", "-k", "lazy_gettext", "-k", "lazy")
    subprocess.run(
        [sys.executable, "-m", "babel.messages.frontend", "-q", *words, "-o", str(target), "."],
        cwd=ROOT,
        check=True,
        timeout=120,
    )
    with target.open("rb") as file:
        return read_po(file)


@pytest.fixture(scope="module")
def english() -> Catalog:
    """The English catalogue as it is edited."""
    with (FOLDER / "messages.po").open("rb") as file:
        return read_po(file, locale="en")


def ids(catalog: Catalog) -> set[str]:
    return {_first(message.id) for message in catalog if message.id}


def _first(text: str | tuple[str, ...] | list[str]) -> str:
    return text if isinstance(text, str) else text[0]


def test_every_message_has_an_english_text(wanted: Catalog, english: Catalog):
    translated = {
        _first(message.id)
        for message in english
        if message.id
        and (message.string if isinstance(message.string, str) else all(message.string))
    }
    assert sorted(ids(wanted) - translated) == []


def test_catalogue_holds_nothing_that_is_not_used(wanted: Catalog, english: Catalog):
    assert sorted(ids(english) - ids(wanted)) == []


def test_english_keeps_the_placeholders(english: Catalog):
    wrong = []
    for message in english:
        if not message.id:
            continue
        texts = [message.string] if isinstance(message.string, str) else list(message.string)
        expected = set(PLACEHOLDER.findall(_first(message.id)))
        for text in texts:
            found = set(PLACEHOLDER.findall(text))
            # English says 'one unit' where the singular needs no number.
            is_singular = len(texts) > 1 and text == texts[0]
            if found != expected and not (is_singular and found <= expected):
                wrong.append((message.id, text))
    assert wrong == []


def test_no_vietnamese_is_left_in_the_english_texts(english: Catalog):
    letters = re.compile(r"[ăâđêôơưĂÂĐÊÔƠƯạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]")
    # Names, quoted words and what stands in brackets may stay as they are.
    names = re.compile(
        r"Vĩnh Châu|Cần Thơ|Chương Mỹ|Đạ Tẻh|Tiếng Việt|QĐ|Vĩnh Phước|Tết|đồng|[“\"‘'].+[”\"’']"
        r"|\(.+\)"
    )
    left = [
        text
        for message in english
        if message.id
        for text in ([message.string] if isinstance(message.string, str) else message.string)
        if letters.search(names.sub("", text))
    ]
    assert left == []


def test_compiled_catalogue_is_up_to_date(english: Catalog):
    with (FOLDER / "messages.mo").open("rb") as file:
        compiled = read_mo(file)
    assert texts(compiled) == texts(english)


def texts(catalog: Catalog) -> dict[str, tuple[str, ...]]:
    return {
        _first(message.id): (
            (message.string,) if isinstance(message.string, str) else tuple(message.string)
        )
        for message in catalog
        if message.id
    }

"""The words of the core and of plug-ins, in the language of a page."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages import Catalog
from babel.messages.mofile import write_mo
from flask import Flask
from flask_babel import force_locale, gettext, ngettext

from tracker.web.i18n import init_i18n, translate

# What two plug-ins say; the core has 'Đơn vị' for one and many, and 'Lưu' as it is.
FIRST = {"Đơn vị": "Bureau", "Lưu": "Keep", "Bàn một cửa": "Desk"}
SECOND = {
    "Bàn một cửa": "Counter",
    ("%(num)d bàn", "%(num)d bàn"): ("%(num)d desk", "%(num)d desks"),
}


def catalogue(folder: Path, words: dict[object, object]) -> Path:
    """Write what a plug-in says in English."""
    texts = Catalog(locale="en")
    for text, said in words.items():
        texts.add(text, said)
    (folder / "en" / "LC_MESSAGES").mkdir(parents=True)
    with (folder / "en" / "LC_MESSAGES" / "messages.mo").open("wb") as file:
        write_mo(file, texts)
    return folder


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    app = Flask("words")
    init_i18n(app, [catalogue(tmp_path / "a", FIRST), catalogue(tmp_path / "b", SECOND)])
    return app


def test_words_of_the_core_count_and_those_of_plugins_come_after(app: Flask):
    with app.test_request_context(), force_locale("en"):
        assert gettext("Lưu") == "Save"
        assert gettext("Đơn vị") == "Unit"
        assert ngettext("Đơn vị", "Đơn vị", 2) == "Units"
        assert gettext("Bàn một cửa") == "Counter"
        assert [ngettext("%(num)d bàn", "%(num)d bàn", n) for n in (1, 2)] == ["1 desk", "2 desks"]
        assert translate("Không ai nói câu này") == "Không ai nói câu này"


def test_vietnamese_is_what_the_source_says(app: Flask):
    with app.test_request_context(), force_locale("vi"):
        assert gettext("Đơn vị") == "Đơn vị"
        assert ngettext("%(num)d bàn", "%(num)d bàn", 2) == "2 bàn"

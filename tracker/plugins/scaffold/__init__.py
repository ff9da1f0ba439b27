"""`tracker plugin new`: a working plug-in to start from, written out of the files beside this."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from flask_babel import gettext as _

from tracker.core.errors import PluginError
from tracker.plugins.manifest import LONGEST_NAME, RESERVED_ADDRESSES, is_name
from tracker.plugins.words import write_catalogue

SUFFIX = ".tmpl"


@dataclass(frozen=True)
class NewPlugin:
    """What a new plug-in is called, in its files and by people."""

    name: str
    title_vi: str
    title_en: str
    author: str

    @property
    def package(self) -> str:
        """Return the name of its Python package."""
        return f"tracker_{self.name}"

    @property
    def address(self) -> str:
        """Return the first part of its pages' addresses."""
        address = self.name.replace("_", "-")
        return f"tien-{address}" if address in RESERVED_ADDRESSES else address

    def fill(self, text: str) -> str:
        """Return a file's text with the names put in."""
        for word, value in (
            ("package", self.package),
            ("distribution", f"tracker-{self.name.replace('_', '-')}"),
            ("address", self.address),
            ("title_vi", _quoted(self.title_vi)),
            ("title_en", _quoted(self.title_en)),
            ("author", _quoted(self.author)),
            ("name", self.name),
        ):
            text = text.replace(f"@{word}@", value)
        return text


def _quoted(text: str) -> str:
    """Return a title as it may stand within quotes, in TOML and Python."""
    return text.replace("\\", "").replace('"', "”").replace("\n", " ").strip()


def write_plugin(wanted: NewPlugin, parent: Path) -> Path:
    """Write a working plug-in into `parent`/<name> and return that folder.

    Raises PluginError for a name that no plug-in can have, and for a folder that is there already.
    """
    if not is_name(wanted.name):
        raise PluginError(
            _(
                "“%(name)s” không dùng làm tên được: chỉ gồm chữ thường không dấu, chữ số và dấu "
                "gạch dưới đơn, tối đa %(most)d ký tự, không trùng tên của phần lõi",
                name=wanted.name,
                most=LONGEST_NAME,
            )
        )
    if not wanted.title_vi or not wanted.title_en:
        raise PluginError(_("Hãy đặt tên gọi bằng cả hai thứ tiếng."))
    folder = parent / wanted.name
    if folder.exists():
        raise PluginError(_("Thư mục “%(folder)s” đã có.", folder=folder))
    parent.mkdir(parents=True, exist_ok=True)
    draft = parent / f".{wanted.name}.draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    files = resources.files("tracker.plugins.scaffold") / "files"
    _write(files, draft, wanted)
    package = draft / wanted.package
    (package / "static").mkdir()
    (package / "static" / ".keep").touch()
    words = json.loads((files / "words.json").read_text(encoding="utf-8"))
    write_catalogue(package, words, wanted.name)
    draft.rename(folder)
    return folder


def _write(source: Traversable, target: Path, wanted: NewPlugin) -> None:
    for one in source.iterdir():
        if one.is_dir():
            own = {"package": wanted.package, "name": wanted.name}.get(one.name, one.name)
            folder = target / own
            folder.mkdir()
            _write(one, folder, wanted)
        elif one.name.endswith(SUFFIX):
            plain = one.name.removesuffix(SUFFIX)
            path = target / (".gitignore" if plain == "gitignore" else plain)
            path.write_text(wanted.fill(one.read_text(encoding="utf-8")), encoding="utf-8")

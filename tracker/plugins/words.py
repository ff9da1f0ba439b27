"""The words of a plug-in: what its code and pages say, and the catalogue of their translations."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from jinja2 import TemplateSyntaxError

from tracker.core.errors import PluginError

LANGUAGE = "en"
DOMAIN = "messages"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
OPTIONS = {"templates/**.html": {"silent": "false"}}
KEYWORDS = {**DEFAULT_KEYWORDS, "_l": None, "lazy_gettext": None, "N_": None}


def catalogue_path(package: Path) -> Path:
    """Return where the package keeps its translations; the compiled ones lie beside."""
    return package / "locale" / LANGUAGE / "LC_MESSAGES" / f"{DOMAIN}.po"


def said(package: Path, project: str) -> Catalog:
    """Return the catalogue of what a package's code and pages say, without translations.

    Raises PluginError for a page that cannot be read.
    """
    catalogue = Catalog(project=project, locale=LANGUAGE, charset="utf-8")
    try:
        found = extract_from_dir(
            str(package), METHODS, options_map=OPTIONS, keywords=KEYWORDS, comment_tags=()
        )
        for filename, line, message, _comments, context in found:
            catalogue.add(message, None, [(filename, line)], context=context)
    except (SyntaxError, TemplateSyntaxError) as error:
        raise PluginError(f"{package.name}: {error}") from error
    return catalogue


def read_catalogue(package: Path) -> Catalog:
    """Return the translations that a package has; an empty catalogue where it has none."""
    path = catalogue_path(package)
    if not path.exists():
        return Catalog(
            locale=LANGUAGE,
            header_comment="# English texts of a plug-in; the texts in its code are Vietnamese.",
            project=package.name.removeprefix("tracker_"),
            version="1.0",
            copyright_holder="",
            msgid_bugs_address="",
            last_translator="",
            language_team="en",
            charset="utf-8",
            fuzzy=False,
        )
    with path.open("rb") as file:
        return read_po(file, locale=LANGUAGE)


def write_catalogue(package: Path, words: Mapping[str, str], project: str) -> int:
    """Bring the catalogue up to what is said, with `words` (Vietnamese -> English) filled in.

    What is no longer said goes. Writes the .po and the .mo; returns how many texts still have no
    translation.
    """
    template = said(package, project)
    catalogue = read_catalogue(package)
    catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
    catalogue.obsolete.clear()
    missing = 0
    for message in catalogue:
        if not message.id:
            continue
        if isinstance(message.id, str) and message.id in words:
            message.string = words[message.id]
        missing += not _is_translated(message.string)
    path = catalogue_path(package)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalogue, width=100, omit_header=False, sort_output=True, no_location=True)
    path.with_suffix(".mo").write_bytes(compiled(catalogue))
    return missing


def compiled(catalogue: Catalog) -> bytes:
    """Return a catalogue as programs read it."""
    target = io.BytesIO()
    write_mo(target, catalogue)
    return target.getvalue()


def _is_translated(string: object) -> bool:
    return all(string) if isinstance(string, tuple | list) else bool(string)


@dataclass(frozen=True)
class Missing:
    """A text without a translation, and where it is said."""

    text: str
    place: str


def untranslated(package: Path) -> list[Missing]:
    """Return what is said but not in the catalogue, or without a translation there."""
    catalogue = read_catalogue(package)
    found = []
    for message in said(package, package.name):
        if not message.id:
            continue
        known = catalogue.get(message.id, message.context)
        if known is None or not _is_translated(known.string):
            place = "{}:{}".format(*message.locations[0]) if message.locations else ""
            text = message.id if isinstance(message.id, str) else message.id[0]
            found.append(Missing(text, place))
    return found


def is_compiled(package: Path) -> bool:
    """Tell whether the compiled catalogue says the same as the readable one."""
    path = catalogue_path(package)
    if not path.exists():
        return True
    binary = path.with_suffix(".mo")
    return binary.exists() and binary.read_bytes() == compiled(read_catalogue(package))

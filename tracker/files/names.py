"""File names as people give them: kept readable, made harmless. They are never paths here."""

from __future__ import annotations

import re
import unicodedata

from tracker.core.text import normalise

LONGEST = 200
LONGEST_SUFFIX = 10
# Not allowed in names on Windows, or able to split a header or a path.
_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f\x7f]')
_DEVICES = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{port}{n}" for port in ("com", "lpt") for n in "123456789"),
}


def clean_name(name: str | None) -> str:
    """Return a file name that is safe to store, show and offer for saving.

    Folders in front go, whatever the slash; so do control characters and those that turn the
    direction of writing (`anh\\u202efdp.exe` would read as `anhexe.pdf`). At most LONGEST
    characters, the suffix kept. Without anything left: 'tep'.
    """
    last = re.split(r"[/\\]", name or "")[-1]
    visible = "".join(c for c in last if unicodedata.category(c) not in {"Cf", "Cc", "Cs", "Co"})
    text = " ".join(_FORBIDDEN.sub("-", normalise(visible)).split()).strip(". ")
    stem, dot, suffix = text.rpartition(".")
    if not dot or len(suffix) > LONGEST_SUFFIX:
        stem, dot, suffix = text, "", ""
    stem = stem.strip(". ") or "tep"
    if stem.casefold() in _DEVICES:
        stem += "_"
    return stem[: LONGEST - len(dot) - len(suffix)] + dot + suffix


def suffix_of(name: str) -> str:
    """Return the suffix of a cleaned name in small letters, without the dot; '' without one."""
    return name.rpartition(".")[2].lower() if "." in name else ""

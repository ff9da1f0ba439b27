"""Messages of faults without what may be a person's or a secret."""

from __future__ import annotations

import re

_WORD = (
    r"pass(?:word|wd)?|pwd|secret|token|(?:api|access|private)[_-]?key|authorization|cookie"
    r"|mat[ _-]?khau|mật[ _-]?khẩu"
)
# A name with such a word in it, what stands between, and the value up to the next blank.
_SECRET = re.compile(
    rf"(?i)([\w-]*(?:{_WORD})[\w-]*)(['\"]?\s*(?:[:=]|\bis\b|\blà\b)\s*)"
    r"(?:(?:bearer|basic|digest)\s+)?(\S+)"
)
_IN_URL = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^/\s@]+@")
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")
_LONG_NUMBER = re.compile(r"\d{6,}")
_QUOTED = re.compile(r"'[^']{1,500}'|\"[^\"]{1,500}\"|“[^”]{1,500}”")


def without_secrets(text: str) -> str:
    """Return a message without passwords, keys, addresses of people and long numbers."""
    text = _IN_URL.sub(r"\1…@", text)
    text = _SECRET.sub(r"\1\2…", text)
    text = _ADDRESS.sub("…@…", text)
    return _LONG_NUMBER.sub("…", text)


def redact(text: str) -> str:
    """Return a message also without quoted values, which may be anybody's.

    Names of errors, files and functions stay: they are what finds a fault.
    """
    return _QUOTED.sub("'…'", without_secrets(text))

"""What an address may name: numbers and words that a record can have."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.routing import IntegerConverter, Map, UnicodeConverter, ValidationError

from tracker.core.numbers import LARGEST_KEY


class RecordNumber(IntegerConverter):
    """A record's number; what is too large for one is no address of ours."""

    def __init__(self, url_map: Map, *args: Any, **options: Any) -> None:
        options.setdefault("max", LARGEST_KEY)
        super().__init__(url_map, *args, **options)


class PlainWord(UnicodeConverter):
    """A word of an address; no name of ours has control characters, and PostgreSQL refuses some."""

    def to_python(self, value: str) -> str:
        """Return the word. Raises ValidationError, which means 'not found'."""
        if not value.isprintable():
            raise ValidationError
        return value


def init_addresses(app: Flask) -> None:
    """Let `<int:...>` and `<...>` in addresses mean names of records.

    Call it before pages register.
    """
    app.url_map.converters.update({"int": RecordNumber, "default": PlainWord, "string": PlainWord})

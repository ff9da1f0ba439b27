"""What an address may name: numbers and words that a record can have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from werkzeug.routing import IntegerConverter, Map, Rule, UnicodeConverter, ValidationError

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


class Address(Rule):
    """A rule whose addresses are built by code that is made when one is first asked for.

    The library makes it for each rule twice at every start, and most are never asked for.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        make = super()._compile_builder
        made: Callable[..., tuple[str, str]] | None = None

        def build(rule: Rule, /, **values: Any) -> tuple[str, str]:
            nonlocal made
            if made is None:
                made = make(append_unknown)
            return made(rule, **values)

        return build


def init_addresses(app: Flask) -> None:
    """Let `<int:...>` and `<...>` in addresses mean names of records.

    Call it before pages register.
    """
    app.url_rule_class = Address
    app.url_map.converters.update({"int": RecordNumber, "default": PlainWord, "string": PlainWord})

"""Numbers in addresses: only those that a record can have."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.routing import IntegerConverter, Map

# The largest key of a table; a larger number would be an error of the database, not 'not found'.
LARGEST_KEY = 2**31 - 1


class RecordNumber(IntegerConverter):
    """A record's number; what is too large for one is no address of ours."""

    def __init__(self, url_map: Map, *args: Any, **options: Any) -> None:
        options.setdefault("max", LARGEST_KEY)
        super().__init__(url_map, *args, **options)


def init_addresses(app: Flask) -> None:
    """Let `<int:...>` in addresses mean a record's number; call it before pages register."""
    app.url_map.converters["int"] = RecordNumber

"""Numbers in addresses: only those that a record can have."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.routing import IntegerConverter, Map

from tracker.core.numbers import LARGEST_KEY


class RecordNumber(IntegerConverter):
    """A record's number; what is too large for one is no address of ours."""

    def __init__(self, url_map: Map, *args: Any, **options: Any) -> None:
        options.setdefault("max", LARGEST_KEY)
        super().__init__(url_map, *args, **options)


def init_addresses(app: Flask) -> None:
    """Let `<int:...>` in addresses mean a record's number; call it before pages register."""
    app.url_map.converters["int"] = RecordNumber

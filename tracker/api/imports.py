"""Reading rows from spreadsheets: what a plug-in says of its columns, and what it makes of rows."""

from __future__ import annotations

from tracker.plugins.descriptors import (
    CellKind,
    ImportColumn,
    ImportOption,
    ImportRow,
    ImportSpec,
    ParsedRows,
    RowError,
    RowOutcome,
)

__all__ = [
    "CellKind",
    "ImportColumn",
    "ImportOption",
    "ImportRow",
    "ImportSpec",
    "ParsedRows",
    "RowError",
    "RowOutcome",
]

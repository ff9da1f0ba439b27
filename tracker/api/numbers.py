"""Numbers and days as they are written in Vietnam, read and shown."""

from __future__ import annotations

from tracker.core.numbers import (
    UnreadableDate,
    UnreadableNumber,
    format_date,
    format_moment,
    format_money,
    format_number,
    format_percent,
    parse_date,
    parse_number,
    percent,
    read_whole,
)

__all__ = [
    "UnreadableDate",
    "UnreadableNumber",
    "format_date",
    "format_moment",
    "format_money",
    "format_number",
    "format_percent",
    "parse_date",
    "parse_number",
    "percent",
    "read_whole",
]

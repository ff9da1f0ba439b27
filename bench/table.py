"""Tables in plain text."""

from __future__ import annotations

from collections.abc import Sequence


def show(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Print a table: the first column to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(headings, *lines, strict=True)]
    for line in (headings, *lines):
        first, *rest = line
        cells = [value.rjust(width) for value, width in zip(rest, widths[1:], strict=True)]
        print("  ".join([first.ljust(widths[0]), *cells]))

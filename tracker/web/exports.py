"""Lists as spreadsheets: small ones at once, large ones by a run that opens their address again.

What a list shows is all in its address, and the doors and queries of its page decide who sees what.
So a run that makes a large one opens the very page, for whoever asked, and nothing is said twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Final

from sqlalchemy import Select, func, select
from werkzeug.wrappers import Response

from tracker.core.db import db
from tracker.web.contracts import shell_contracts
from tracker.web.xlsx import Sheet, download, write_workbook

# A page reads and writes so many rows in less than a second (20,000 take 3 s).
ROWS_AT_ONCE: Final = 1000
TOLD_EVERY: Final = 500


@dataclass
class Making:
    """A spreadsheet that a run makes: how many rows of how many are written, and what came of it.

    `content` stays None where the page made none.
    """

    tell: Callable[[int, int], None]
    filename: str = ""
    content: bytes | None = None


_making: ContextVar[Making | None] = ContextVar("export", default=None)


@contextmanager
def making(tell: Callable[[int, int], None]) -> Iterator[Making]:
    """Take what a page sends within the block, telling how far the writing is."""
    made = Making(tell)
    token = _making.set(made)
    try:
        yield made
    finally:
        _making.reset(token)


def count_rows(query: Select[Any]) -> int:
    """Return how many rows a query has; of many only that they are more than ROWS_AT_ONCE."""
    first = query.order_by(None).limit(ROWS_AT_ONCE + 1).subquery()
    return int(db.session.execute(select(func.count()).select_from(first)).scalar_one())


def send_workbook(filename: str, rows: int, sheets: Callable[[], Sequence[Sheet]]) -> Response:
    """Send a spreadsheet to be saved; the answer to a list of many `rows` leads to a page of its
    progress, where its file is then fetched.

    For pages that change nothing and find all they need in their address: of many rows, a run
    opens that address again and has them written then. `sheets` is asked only where they are.
    """
    made = _making.get()
    if made is not None:
        made.filename, made.content = filename, write_workbook(_told(sheets(), made.tell))
        return Response(status=204)
    later = shell_contracts().export_later
    if rows > ROWS_AT_ONCE and later is not None:
        return later(filename)
    return download(write_workbook(sheets()), filename)


def _told(sheets: Sequence[Sheet], tell: Callable[[int, int], None]) -> list[Sheet]:
    """Return the sheets so that writing them tells how far it is.

    All rows are read first: telling is a unit of work, which ends what is being read.
    """
    read = [(sheet, list(sheet.rows)) for sheet in sheets]
    total = sum(len(rows) for _sheet, rows in read)
    numbers = count(1)

    def counted(rows: Iterable[Sequence[object]]) -> Iterator[Sequence[object]]:
        for row, number in zip(rows, numbers, strict=False):
            if number % TOLD_EVERY == 0 or number == total:
                tell(number, total)
            yield row

    return [replace(sheet, rows=counted(rows)) for sheet, rows in read]

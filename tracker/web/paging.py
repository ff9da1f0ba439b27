"""Pages of a list, and the state of a list in its address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from flask import request, url_for
from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from tracker.core.errors import BadRequest
from tracker.core.numbers import read_whole

Row = TypeVar("Row")
PER_PAGE = 50
LARGEST_PAGE = 100_000


@dataclass(frozen=True)
class Page(Generic[Row]):
    """One page of rows; pages count from 1."""

    rows: Sequence[Row]
    number: int
    per_page: int
    total: int

    @property
    def pages(self) -> int:
        """Return how many pages there are, at least one."""
        return max(1, -(-self.total // self.per_page))

    @property
    def first(self) -> int:
        """Return the number of the first row shown, 0 when there is none."""
        return (self.number - 1) * self.per_page + 1 if self.rows else 0

    @property
    def last(self) -> int:
        """Return the number of the last row shown."""
        return self.first + len(self.rows) - 1 if self.rows else 0

    @property
    def has_previous(self) -> bool:
        """Tell whether there is a page before."""
        return self.number > 1

    @property
    def has_next(self) -> bool:
        """Tell whether there is a page after."""
        return self.number < self.pages

    def numbers(self, around: int = 2) -> list[int | None]:
        """Return the page numbers to show; None stands for a gap."""
        shown = {1, self.pages, *range(self.number - around, self.number + around + 1)}
        result: list[int | None] = []
        for number in sorted(number for number in shown if 1 <= number <= self.pages):
            if result and result[-1] is not None and number - result[-1] > 1:
                result.append(None)
            result.append(number)
        return result


def page_number() -> int:
    """Return the page that the address asks for. Raises BadRequest when that is not a number."""
    number = read_whole(request.args.get("page", "1"), LARGEST_PAGE)
    if not number:
        raise BadRequest(_("Số trang không hợp lệ."))
    return number


def paginate(
    session: Session,
    query: Select[Any],
    number: int,
    per_page: int = PER_PAGE,
    count: Select[int] | None = None,
) -> Page[Any]:
    """Return one page of `query`'s rows; a number past the end gives the last page.

    Two queries whatever the number of rows; `count` replaces the count that wraps the query.
    """
    if count is None:
        count = select(func.count()).select_from(query.order_by(None).subquery())
    total = session.execute(count).scalar_one()
    number = max(1, min(number, -(-total // per_page)))
    rows = session.execute(query.limit(per_page).offset((number - 1) * per_page)).all()
    return Page(rows, number, per_page, total)


@dataclass(frozen=True)
class Sorting:
    """How a list is sorted: a key from its allow-list, and the direction."""

    key: str
    descending: bool

    def apply(
        self, query: Select[Any], columns: Mapping[str, Sequence[ColumnElement[Any]]]
    ) -> Select[Any]:
        """Return the query in this order."""
        return query.order_by(
            *(column.desc() if self.descending else column for column in columns[self.key])
        )


def sorting(allowed: Mapping[str, object], default: str) -> Sorting:
    """Return the order that the address asks for (`sort=due` or `sort=-due`).

    `default` may begin with '-'. A key that is not in `allowed` is a BadRequest: names of columns
    never come from outside.
    """
    text = request.args.get("sort") or default
    key = text.removeprefix("-")
    if key not in allowed:
        raise BadRequest(_("Không sắp xếp được theo cột này."))
    return Sorting(key, text.startswith("-"))


def address_with(**changes: object) -> str:
    """Return the address of this page with some parameters changed (None or '' takes one out).

    Changing anything but the page goes back to the first page.
    """
    parameters: dict[str, Any] = {key: request.args.getlist(key) for key in request.args}
    if "page" not in changes:
        parameters.pop("page", None)
    for key, value in changes.items():
        if value is None or value == "":
            parameters.pop(key, None)
        else:
            parameters[key] = value
    return url_for(request.endpoint or "", **{**(request.view_args or {}), **parameters})

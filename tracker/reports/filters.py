"""What the address of a report asks for, read strictly: a bad part is told, never guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from flask import request
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from tracker.core.context import current
from tracker.core.errors import BadRequest, NotFound
from tracker.core.kept import kept
from tracker.core.numbers import parse_date
from tracker.reports.queries import PlanChoice, Scope, readable_plans, roots_of
from tracker.units.queries import UnitNode, tree_as_of

FIRST_YEAR, LAST_YEAR = 2000, 2100


def day_of(name: str) -> date | None:
    """Return a date of the address, None without one. Raises BadRequest."""
    text = request.args.get(name, "").strip()
    if not text:
        return None
    try:
        day = parse_date(text)
    except ValueError as error:
        raise BadRequest(_("Ngày chưa đúng. Hãy gõ như 15/12/2026.")) from error
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise BadRequest(_("Ngày nằm ngoài các năm có số liệu."))
    return day


def number_of(name: str, low: int, high: int) -> int | None:
    """Return a whole number of the address, None without one. Raises BadRequest."""
    text = request.args.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 11 and low <= int(text) <= high):
        raise BadRequest(_("Địa chỉ có một số không hợp lệ."))
    return int(text)


@dataclass(frozen=True)
class Chosen:
    """What was chosen, and what there is to choose from."""

    scope: Scope
    plan: PlanChoice | None
    unit: UnitNode | None
    year: int
    plans: Sequence[PlanChoice]
    years: Sequence[int]
    nodes: Sequence[UnitNode]

    @property
    def roots(self) -> list[UnitNode]:
        """Return the units at the top of what is shown."""
        if self.unit is not None:
            return [self.unit]
        return [node for node in self.nodes if node.level == 0]

    @property
    def parameters(self) -> dict[str, object]:
        """Return what the address needs to lead back here, without the date."""
        found: dict[str, object] = {"year": self.year}
        if self.plan is not None:
            found["plan"] = self.plan.id
        if self.unit is not None:
            found["unit"] = self.unit.id
        return found


def chosen(session: Session, as_of: date) -> Chosen:
    """Return what the address asks for: plan, year, unit. Raises BadRequest, NotFound.

    A unit or plan out of the reader's reach on that day is not found. Without a year it is that of
    `as_of`; where a year has one plan only, that plan is chosen by itself.
    """
    access = current().actor.access
    roots = roots_of(access)
    past = as_of if as_of < current().clock.today() else None
    plans = readable_plans(session, access, past)
    year = number_of("year", FIRST_YEAR, LAST_YEAR)
    plan_id = number_of("plan", 1, 2**31 - 1)
    plan = next((one for one in plans if one.id == plan_id), None)
    if plan_id is not None and plan is None:
        raise NotFound
    if plan is not None and (year is None or not plan.year_from <= year <= plan.year_to):
        year = min(max(as_of.year, plan.year_from), plan.year_to)
    year = year or as_of.year
    of_year = [one for one in plans if one.year_from <= year <= one.year_to]
    if plan is None and len(of_year) == 1:
        plan = of_year[0]
    nodes = _nodes(session, roots)
    unit_id = number_of("unit", 1, 2**31 - 1)
    unit = next((one for one in nodes if one.id == unit_id), None)
    if unit_id is not None and unit is None:
        raise NotFound
    years = {one for found in plans for one in range(found.year_from, found.year_to + 1)}
    return Chosen(
        scope=Scope(
            plan_id=plan.id if plan else None,
            year=None if plan else year,
            unit_id=unit.id if unit else None,
            roots=roots,
        ),
        plan=plan,
        unit=unit,
        year=year,
        plans=of_year,
        years=sorted(years | {year}, reverse=True),
        nodes=nodes,
    )


def whole_tree(session: Session) -> list[UnitNode]:
    """Return the units of today in tree order, read again only when something has changed."""
    return kept(session, "unit tree", lambda: tree_as_of(session, None))


def _nodes(session: Session, roots: frozenset[int] | None) -> list[UnitNode]:
    """Return the living units that the reader's right reaches, in tree order.

    The whole tree is read and cut here: its order is needed anyway.
    """
    nodes = whole_tree(session)
    if roots is None:
        return nodes
    found: list[UnitNode] = []
    base: int | None = None
    for node in nodes:
        if base is not None and node.level <= base:
            base = None
        if base is None and node.id in roots:
            base = node.level
        if base is not None:
            found.append(_raised(node, base))
    return found


def _raised(node: UnitNode, by: int) -> UnitNode:
    return UnitNode(**{**vars(node), "level": node.level - by})


def homes(nodes: Sequence[UnitNode], tops: Mapping[int, int]) -> dict[int, int]:
    """Return for each unit the row it is counted in: the nearest of `tops` above it or itself."""
    parents = {node.id: node.parent_id for node in nodes}
    found: dict[int, int] = {}
    for node in nodes:
        one: int | None = node.id
        while one is not None and one not in tops:
            one = parents.get(one)
        if one is not None:
            found[node.id] = tops[one]
    return found

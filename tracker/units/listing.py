"""The list of units: filters, the tree as of a day, and lines for pages and spreadsheets."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.core import text as texts
from tracker.units.models import Unit, UnitKind, UnitVersion
from tracker.units.queries import MOST_MATCHES, UnitNode, find, tree_as_of, visible


@dataclass(frozen=True)
class UnitFilter:
    """What the list is narrowed to. `ended` asks for the units whose life was over on `as_of`."""

    as_of: date
    text: str = ""
    kind: UnitKind | None = None
    under: int | None = None
    ended: bool = False

    @property
    def is_tree(self) -> bool:
        """Tell whether the rows form a tree."""
        return not (self.text or self.kind or self.ended)


@dataclass(frozen=True)
class UnitLine:
    """One line of the list: a unit as it was on the day, or last before it when it had ended."""

    id: int
    name: str
    kind: UnitKind
    code: str
    short_name: str
    head_title: str
    parent_id: int | None
    parent_name: str
    valid_from: date
    ended_on: date | None
    sort_key: str
    level: int = 0
    child_count: int = 0
    # The alias, code or old name that answered to the text, where it is not the name itself.
    matched: str = ""


def list_units(session: Session, wanted: UnitFilter) -> list[UnitLine]:
    """Return the units that the actor may see, as a tree, or flat in Vietnamese order.

    With a text the nearest come first, and units that have ended are among them.
    """
    nodes = {node.id: node for node in tree_as_of(session, wanted.as_of, visible())}
    lines = _lines(session, wanted.as_of)
    if wanted.text:
        found = find(session, wanted.text, wanted.as_of, MOST_MATCHES)
        chosen = [
            replace(lines[one.id], matched="" if one.matched == one.name else one.matched)
            for one in found
            if one.id in lines
        ]
    elif wanted.is_tree:
        chosen = [_in_tree(lines[one], node) for one, node in nodes.items() if one in lines]
    else:
        chosen = sorted(lines.values(), key=lambda line: (line.sort_key, line.id))
        if not wanted.ended:
            chosen = [line for line in chosen if line.id in nodes]
    if wanted.ended:
        chosen = [line for line in chosen if line.ended_on and line.ended_on <= wanted.as_of]
    if wanted.kind is not None:
        chosen = [line for line in chosen if line.kind is wanted.kind]
    if wanted.under is not None:
        below = _below(wanted.under, {line.id: line.parent_id for line in lines.values()})
        chosen = [line for line in chosen if line.id in below]
        top = min((line.level for line in chosen), default=0)
        chosen = [replace(line, level=line.level - top) for line in chosen]
    return chosen


def _in_tree(line: UnitLine, node: UnitNode) -> UnitLine:
    return replace(line, level=node.level, child_count=node.child_count)


def _lines(session: Session, as_of: date) -> dict[int, UnitLine]:
    """Return a line for every unit within the actor's sight that was born by the day."""
    rows = session.execute(
        select(
            Unit.id,
            Unit.code,
            Unit.head_title,
            Unit.valid_from,
            Unit.valid_to,
            Unit.sort_key,
            Unit.name.label("name_now"),
            UnitVersion.name,
            UnitVersion.kind,
            UnitVersion.short_name,
            UnitVersion.parent_id,
        )
        .join(UnitVersion, UnitVersion.unit_id == Unit.id)
        .where(visible(), UnitVersion.valid_from <= as_of)
        .order_by(Unit.id, UnitVersion.valid_from)
    ).all()
    # Of each unit the last version that began by the day is what it was then.
    newest = {row.id: row for row in rows}
    names = {row.id: row.name for row in newest.values()}
    return {
        row.id: UnitLine(
            id=row.id,
            name=row.name,
            kind=row.kind,
            code=row.code or "",
            short_name=row.short_name,
            head_title=row.head_title,
            parent_id=row.parent_id,
            parent_name=names.get(row.parent_id, "") if row.parent_id else "",
            valid_from=row.valid_from,
            ended_on=row.valid_to,
            sort_key=row.sort_key if row.name == row.name_now else texts.sort_key(row.name),
        )
        for row in newest.values()
    }


def _below(unit_id: int, parents: dict[int, int | None]) -> Collection[int]:
    """Return a unit and all that hang under it, ended units by where they last hung."""
    children: dict[int | None, list[int]] = {}
    for one, parent in parents.items():
        children.setdefault(parent, []).append(one)
    below, waiting = set[int](), [unit_id]
    while waiting:
        one = waiting.pop()
        if one not in below:
            below.add(one)
            waiting += children.get(one, ())
    return below

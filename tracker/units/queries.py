"""Reading units: names, choices, matches, and the tree as of any day.

A unit is alive on a day when one of its versions covers that day (from inclusive, to exclusive).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from tracker.core import text as texts
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.rights import rights
from tracker.units import tree
from tracker.units.models import Unit, UnitAlias, UnitKind, UnitVersion

INDENT = "\u2003"
# More units than this answer to a vague text; ranking them all would say nothing.
MOST_MATCHES = 500


@dataclass(frozen=True)
class UnitNode:
    """A unit as it was on a day, and how deep it hung in the tree of that day."""

    id: int
    name: str
    kind: UnitKind
    short_name: str
    code: str
    parent_id: int | None
    level: int
    child_count: int
    ended_on: date | None


@dataclass(frozen=True)
class UnitMatch:
    """A unit that answers to a text; `exactness` is higher the nearer, 100 for the same text."""

    id: int
    name: str
    exactness: int
    # Which of its names answered; differs from `name` for aliases and old names.
    matched: str
    # The text is this name as a whole, with or without its marks.
    is_whole: bool
    is_alive: bool


def names(ids: Iterable[int]) -> dict[int, str]:
    """Return the newest names of units, ended ones too; unknown ids are left out."""
    wanted = {one for one in ids if one is not None}
    if not wanted:
        return {}
    rows = db.session.execute(select(Unit.id, Unit.name).where(Unit.id.in_(sorted(wanted))))
    return {row.id: row.name for row in rows}


def name_as_of(session: Session, unit_id: int, day: date) -> str:
    """Return what a unit was called on a day; its first name before, its last name after its life.

    '' for a unit that does not exist.
    """
    return names_as_of(session, [unit_id], day).get(unit_id, "")


def names_as_of(session: Session, ids: Collection[int], day: date) -> dict[int, str]:
    """Return what units were called on a day (see `name_as_of`)."""
    if not ids:
        return {}
    rows = session.execute(
        select(UnitVersion.unit_id, UnitVersion.name, UnitVersion.valid_from)
        .where(UnitVersion.unit_id.in_(sorted(set(ids))))
        .order_by(UnitVersion.unit_id, UnitVersion.valid_from)
    )
    found: dict[int, str] = {}
    for row in rows:
        if row.unit_id not in found or row.valid_from <= day:
            found[row.unit_id] = row.name
    return found


def on(day: date) -> ColumnElement[bool]:
    """Return the condition that a version covers a day."""
    return and_(UnitVersion.valid_from <= day, UnitVersion.valid_to > day)


def visible(permission: str = "units.view") -> ColumnElement[bool]:
    """Return the condition that the actor's permission reaches a unit."""
    return rights.visible(current().actor.access, permission, Unit)


def choices(permission: str = "") -> list[tuple[int, str]]:
    """Return (id, label) of the living units that the actor reaches, in tree order, indented.

    `permission` is the right that has to reach them ('' means: to see them).
    """
    nodes = tree_as_of(db.session(), None, visible(permission or "units.view"))
    return [(node.id, INDENT * node.level + node.name) for node in nodes]


def tree_as_of(
    session: Session, as_of: date | None, condition: ColumnElement[bool] | None = None
) -> list[UnitNode]:
    """Return the units alive on a day (None: the newest state) in tree order, siblings sorted.

    A unit whose parent is not among them (outside `condition`, say) stands at the top.
    """
    if as_of is None:
        query = select(
            Unit.id,
            Unit.name,
            Unit.kind,
            Unit.short_name,
            Unit.code,
            Unit.parent_id,
            Unit.valid_to,
            Unit.sort_key,
            Unit.name.label("name_now"),
        ).where(Unit.valid_to.is_(None))
    else:
        query = (
            select(
                Unit.id,
                UnitVersion.name,
                UnitVersion.kind,
                UnitVersion.short_name,
                Unit.code,
                UnitVersion.parent_id,
                Unit.valid_to,
                Unit.sort_key,
                Unit.name.label("name_now"),
            )
            .join(UnitVersion, UnitVersion.unit_id == Unit.id)
            .where(on(as_of))
        )
    if condition is not None:
        query = query.where(condition)
    rows = {row.id: row for row in session.execute(query)}
    keys = {
        row.id: row.sort_key if row.name == row.name_now else texts.sort_key(row.name)
        for row in rows.values()
    }
    children: dict[int | None, list[int]] = {}
    for row in rows.values():
        parent = row.parent_id if row.parent_id in rows else None
        children.setdefault(parent, []).append(row.id)
    for siblings in children.values():
        siblings.sort(key=lambda one: (keys[one], one))
    nodes: list[UnitNode] = []
    waiting = [(one, 0) for one in reversed(children.get(None, []))]
    while waiting:
        unit_id, level = waiting.pop()
        row, below = rows[unit_id], children.get(unit_id, [])
        nodes.append(
            UnitNode(
                id=unit_id,
                name=row.name,
                kind=row.kind,
                short_name=row.short_name,
                code=row.code or "",
                parent_id=row.parent_id,
                level=level,
                child_count=len(below),
                ended_on=row.valid_to,
            )
        )
        waiting += [(one, level + 1) for one in reversed(below)]
    return nodes


def subtree_ids(unit_id: int) -> list[int]:
    """Return the ids of a unit and of all units under it in today's tree."""
    return sorted(db.session.scalars(tree.units_within([unit_id], reading=False)))


def match(session: Session, text: str, as_of: date) -> list[UnitMatch]:
    """Return the units that answer to a text by name, alias, old name, short name or code.

    Best first; among equals those alive on `as_of` come first. Rights are not asked: this reads
    files and phrases. Search within somebody's rights is `find`.
    """
    return _matches(session, text, as_of, None)


def find(session: Session, text: str, as_of: date, limit: int) -> list[UnitMatch]:
    """Return the best matches of a text among the units that the actor may see."""
    return _matches(session, text, as_of, visible())[:limit]


def contains(words: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition that a unit's names hold all these folded words."""
    return and_(True, *(Unit.folded.like(f"%{word}%") for word in words))


def _matches(
    session: Session, text: str, as_of: date, condition: ColumnElement[bool] | None
) -> list[UnitMatch]:
    words = texts.search_terms(text).folded
    if not words:
        return []
    query = (
        select(Unit.id, Unit.name, Unit.short_name, Unit.code, Unit.valid_to, Unit.sort_key)
        .where(contains(words))
        .order_by(Unit.valid_to.is_not(None), Unit.sort_key, Unit.id)
        .limit(MOST_MATCHES)
    )
    if condition is not None:
        query = query.where(condition)
    rows = session.execute(query).all()
    ids = [row.id for row in rows]
    others = other_names(session, ids)
    alive = set(
        session.scalars(select(UnitVersion.unit_id).where(UnitVersion.unit_id.in_(ids), on(as_of)))
    )
    ranked: list[tuple[tuple[int, bool, str, int], UnitMatch]] = []
    for row in rows:
        candidates = [row.name, row.short_name, row.code or "", *others.get(row.id, ())]
        best = min(
            (
                (rank, position)
                for position, name in enumerate(candidates)
                if name and (rank := texts.rank(text, name)) is not None
            ),
            default=None,
        )
        if best is None:
            continue
        rank, position = best
        found = UnitMatch(
            id=row.id,
            name=row.name,
            exactness=100 - rank,
            matched=candidates[position],
            is_whole=texts.fold(text) == texts.fold(candidates[position]),
            is_alive=row.id in alive,
        )
        ranked.append(((rank, not found.is_alive, row.sort_key, row.id), found))
    return [found for _order, found in sorted(ranked, key=lambda one: one[0])]


def aliases_of(session: Session, ids: Collection[int]) -> dict[int, list[str]]:
    """Return the aliases of units, without their earlier names."""
    found: dict[int, list[str]] = {}
    wanted = set(ids)
    # All of them in one statement: a list of thousands of keys is dearer than the rows.
    for row in session.execute(
        select(UnitAlias.unit_id, UnitAlias.name).order_by(UnitAlias.unit_id, UnitAlias.folded)
    ):
        if row.unit_id in wanted:
            found.setdefault(row.unit_id, []).append(row.name)
    return found


def other_names(session: Session, ids: Collection[int]) -> Mapping[int, list[str]]:
    """Return the aliases and the earlier names of units, newest first."""
    found: dict[int, list[str]] = {}
    if not ids:
        return found
    wanted = sorted(set(ids))
    for row in session.execute(
        select(UnitAlias.unit_id, UnitAlias.name)
        .where(UnitAlias.unit_id.in_(wanted))
        .order_by(UnitAlias.unit_id, UnitAlias.id)
    ):
        found.setdefault(row.unit_id, []).append(row.name)
    for version in session.execute(
        select(UnitVersion.unit_id, UnitVersion.name, UnitVersion.short_name)
        .where(UnitVersion.unit_id.in_(wanted))
        .order_by(UnitVersion.unit_id, UnitVersion.valid_from.desc())
    ):
        known = found.setdefault(version.unit_id, [])
        known += [name for name in (version.name, version.short_name) if name and name not in known]
    return found

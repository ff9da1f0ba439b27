"""Two people, one record: changes to different fields are merged, to the same field shown.

A form carries the version it was made from. What the fields were at that version is read back
from the change log, so no form has to carry old values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from flask_babel import gettext as _
from sqlalchemy import inspect, select
from sqlalchemy.orm import Mapper, Session

from tracker.core.changes import Change, ChangeSet, plain
from tracker.core.errors import Conflict, FieldConflict


@dataclass(frozen=True)
class Way:
    """Where a field that is no attribute of its record is stored, and what it is called there.

    `told` takes the attribute's value, stored or from the change log, and returns the field's.
    """

    attribute: str
    told: Callable[[Any], Any] = lambda value: value


NO_WAYS: Final[Mapping[str, Way]] = MappingProxyType({})


def stored(record: Any, name: str, ways: Mapping[str, Way]) -> Any:
    """Return what a field of a form is in the record now."""
    way = ways.get(name) or Way(name)
    return way.told(getattr(record, way.attribute))


def merge(
    session: Session,
    record: Any,
    base_version: int,
    submitted: Mapping[str, Any],
    ways: Mapping[str, Way] = NO_WAYS,
) -> dict[str, Any]:
    """Return the fields of `submitted` that the person really changed since `base_version`.

    `record` is the row as it is now (a Versioned one), `submitted` maps attributes to what the
    form sent. Fields that others changed meanwhile and the person did not touch are left out, so
    theirs stays. Raises Conflict with both values where the same field was changed differently.

    `ways` are those of fields that are no attributes of the record.
    """
    theirs = {name: stored(record, name, ways) for name in submitted}
    if base_version == record.version:
        return settle(submitted, theirs, Since())
    since = changes_since(session, record, base_version)
    values: dict[str, object] = {}
    authors: dict[str, str] = {}
    for name in submitted:
        way = ways.get(name) or Way(name)
        if way.attribute in since.values:
            values[name] = way.told(since.values[way.attribute])
            authors[name] = since.authors[way.attribute]
    return settle(submitted, theirs, Since(values, authors))


@dataclass(frozen=True)
class Since:
    """What was changed after a form was opened: the values before, by whom, in which sets."""

    values: Mapping[str, object] = field(default_factory=dict)
    authors: Mapping[str, str] = field(default_factory=dict)
    change_set_ids: tuple[int, ...] = ()


def settle(
    submitted: Mapping[str, Any], theirs: Mapping[str, object], since: Since
) -> dict[str, Any]:
    """Return the fields of `submitted` that count, given what is stored and what was before.

    What nobody else has changed has no value in `since`. Raises Conflict like `merge`.
    """
    wanted: dict[str, Any] = {}
    conflicts: list[FieldConflict] = []
    for name, mine in submitted.items():
        newest = plain(theirs[name])
        before = plain(since.values.get(name, newest))
        if plain(mine) in (before, newest):
            continue
        if newest == before:
            wanted[name] = mine
        else:
            author = since.authors.get(name, "")
            conflicts.append(FieldConflict(name, before, mine, newest, author))
    if conflicts:
        raise Conflict(
            _("Người khác vừa sửa cùng một mục. Hãy xem hai bản cạnh nhau và chọn."), conflicts
        )
    return wanted


def changes_since(session: Session, record: Any, version: int) -> Since:
    """Return what the attributes of a record were at an earlier version, from the change log."""
    mapper: Mapper[Any] = inspect(type(record))
    columns = {one.columns[0].name: (one.key, one.columns[0]) for one in mapper.column_attrs}
    identity = ",".join(str(plain(part)) for part in mapper.primary_key_from_instance(record))
    rows = session.execute(
        select(Change.fields, ChangeSet.actor_name, ChangeSet.id)
        .join(ChangeSet, ChangeSet.id == Change.change_set_id)
        .where(
            Change.table_name == mapper.local_table.name,  # type: ignore[attr-defined]
            Change.record_id == identity,
        )
        .order_by(Change.change_set_id.desc())
    )
    base: dict[str, object] = {}
    authors: dict[str, str] = {}
    sets: list[int] = []
    for fields, author, change_set_id in rows:
        changed: dict[str, list[object]] = json.loads(fields)
        old_version, new_version = changed.get("version", [None, None])
        if not isinstance(new_version, int) or new_version <= version:
            break
        sets.append(change_set_id)
        for name, (old, _new) in changed.items():
            attribute, column = columns.get(name, ("", None))
            # A column that is never empty was only marked, because rows that belong to the
            # record were changed: its own value stayed as it was.
            if column is None or (old is None and not column.nullable):
                continue
            base[attribute] = old
            authors.setdefault(attribute, author)
        if old_version == version:
            break
    return Since(base, authors, tuple(sets))

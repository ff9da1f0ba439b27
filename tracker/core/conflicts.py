"""Two people, one record: changes to different fields are merged, to the same field shown.

A form carries the version it was made from. What the fields were at that version is read back
from the change log, so no form has to carry old values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import inspect, select
from sqlalchemy.orm import Mapper, Session

from tracker.core.changes import Change, ChangeSet, plain
from tracker.core.errors import Conflict, FieldConflict


def merge(
    session: Session, record: Any, base_version: int, submitted: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the fields of `submitted` that the person really changed since `base_version`.

    `record` is the row as it is now (a Versioned one), `submitted` maps attributes to what the
    form sent. Fields that others changed meanwhile and the person did not touch are left out, so
    theirs stays. Raises Conflict with both values where the same field was changed differently.
    """
    if base_version == record.version:
        return {
            name: value
            for name, value in submitted.items()
            if plain(value) != plain(getattr(record, name))
        }
    base, authors = _values_at(session, record, base_version)
    wanted: dict[str, Any] = {}
    conflicts: list[FieldConflict] = []
    for name, mine in submitted.items():
        theirs = plain(getattr(record, name))
        before = base.get(name, theirs)
        if plain(mine) in (before, theirs):
            continue
        if theirs == before:
            wanted[name] = mine
        else:
            conflicts.append(FieldConflict(name, before, mine, theirs, authors.get(name, "")))
    if conflicts:
        raise Conflict(
            _("Người khác vừa sửa cùng một mục. Hãy xem hai bản cạnh nhau và chọn."), conflicts
        )
    return wanted


def _values_at(
    session: Session, record: Any, version: int
) -> tuple[dict[str, object], dict[str, str]]:
    """Return what changed fields were at an earlier version, and who changed each since."""
    mapper: Mapper[Any] = inspect(type(record))
    names = {attribute.columns[0].name: attribute.key for attribute in mapper.column_attrs}
    identity = ",".join(str(plain(part)) for part in mapper.primary_key_from_instance(record))
    rows = session.execute(
        select(Change.fields, ChangeSet.actor_name)
        .join(ChangeSet, ChangeSet.id == Change.change_set_id)
        .where(
            Change.table_name == mapper.local_table.name,  # type: ignore[attr-defined]
            Change.record_id == identity,
        )
        .order_by(Change.change_set_id.desc())
    )
    base: dict[str, object] = {}
    authors: dict[str, str] = {}
    for fields, author in rows:
        changed: dict[str, list[object]] = json.loads(fields)
        old_version, new_version = changed.get("version", [None, None])
        if not isinstance(new_version, int) or new_version <= version:
            break
        for column, (old, _new) in changed.items():
            if column in names:
                base[names[column]] = old
                authors.setdefault(names[column], author)
        if old_version == version:
            break
    return base, authors

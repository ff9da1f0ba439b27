"""Change sets: every write leaves who, when, why, and each field's old and new value.

Captured from the session's flush, written as the last act of the unit of work, chained by hashes.
The chain's head row is locked before the set gets its number, so numbers have no gaps and follow
the order of commits. Triggers of the database refuse UPDATE and DELETE on both tables.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum, StrEnum
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ForeignKey,
    Index,
    String,
    Table,
    Text,
    event,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, Mapper, Session, mapped_column
from sqlalchemy.orm.state import InstanceState

from tracker.core.db import Base, BigKey, Moment, canonical_json, choice

GENESIS = "0" * 64
PRIVATE = "•"
BATCH = 500


class ChangeAction(StrEnum):
    """What was done to a record."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


class ChangeHead(Base):
    """The one row that names the newest change set; locking it puts commits in line."""

    __tablename__ = "change_head"
    __technical__ = "the chain itself"

    id: Mapped[int] = mapped_column(primary_key=True)
    last_id: Mapped[int] = mapped_column(BigKey, default=0)
    hash: Mapped[str] = mapped_column(String(64), default=GENESIS)


class ChangeSet(Base):
    """All that one unit of work changed, with who, when and why."""

    __tablename__ = "change_sets"
    __technical__ = "the chain itself"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(Moment)
    actor_id: Mapped[int | None]
    actor_name: Mapped[str] = mapped_column(String(200), default="")
    source: Mapped[str] = mapped_column(String(16))
    request_id: Mapped[str] = mapped_column(String(64), default="")
    service: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(Text, default="")
    change_count: Mapped[int]
    body_hash: Mapped[str] = mapped_column(String(64))
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64), unique=True)

    __table_args__ = (
        Index("ix_change_sets_at", "at"),
        Index("ix_change_sets_actor_id", "actor_id"),
    )


class Change(Base):
    """What one change set did to one record; `fields` is canonical JSON {column: [old, new]}."""

    __tablename__ = "changes"
    __technical__ = "the chain itself"

    change_set_id: Mapped[int] = mapped_column(
        ForeignKey("change_sets.id", ondelete="RESTRICT"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    table_name: Mapped[str] = mapped_column(String(63))
    record_id: Mapped[str] = mapped_column(String(64))
    label: Mapped[str] = mapped_column(String(300), default="")
    action: Mapped[ChangeAction] = mapped_column(choice(ChangeAction))
    fields: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index("ix_changes_record", "table_name", "record_id", "change_set_id"),)


# The four statements that every unit of work sends, made once and below the ORM: what its layer
# adds to each took longer than the database does (docs/decisions/speed.md).
_HEADS: Table = Base.metadata.tables["change_head"]
_READ_HEAD = select(_HEADS.c.last_id, _HEADS.c.hash).where(_HEADS.c.id == 1).with_for_update()
_MOVE_HEAD = update(_HEADS).where(_HEADS.c.id == 1)
_ADD_SET = insert(Base.metadata.tables["change_sets"])
_ADD_CHANGES = insert(Base.metadata.tables["changes"])


def is_audited(table: Any) -> bool:
    """Tell whether changes of a table belong in the change log; plug-ins' tables say it along."""
    return not table.info.get("technical") and str(table.name) not in technical_tables()


def technical_tables() -> dict[str, str]:
    """Return the tables that stay out of the change log, each with its reason."""
    found: dict[str, str] = {}
    for mapper in Base.registry.mappers:
        reason = getattr(mapper.class_, "__technical__", "")
        if reason and isinstance(mapper.local_table, Table):
            found[mapper.local_table.name] = reason
    return found


def plain(value: object) -> object:
    """Return a value as JSON can hold it, the same on both databases."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    return value


@dataclass
class _Entry:
    table: str
    record_id: str
    label: str
    action: ChangeAction
    fields: dict[str, list[object]]


@dataclass
class Capture:
    """Collects the changes of one unit of work, one entry a record, in the order of first touch."""

    session: Session
    entries: dict[tuple[str, str], _Entry] = field(default_factory=dict)

    def add(
        self,
        table: str,
        record_id: str,
        label: str,
        action: ChangeAction,
        fields: dict[str, list[object]],
    ) -> None:
        """Note a change; a second one of the same record joins the first."""
        known = self.entries.get((table, record_id))
        if known is None:
            self.entries[table, record_id] = _Entry(table, record_id, label, action, fields)
            return
        for name, (old, new) in fields.items():
            known.fields[name] = [known.fields[name][0] if name in known.fields else old, new]
        known.label = label or known.label
        if action is ChangeAction.DELETED:
            known.action = action

    def seal(
        self,
        *,
        at: datetime,
        actor_id: int | None,
        actor_name: str,
        source: str,
        request_id: str,
        service: str,
        reason: str,
    ) -> int | None:
        """Write the change set as the last act before COMMIT; return its number, None if empty."""
        rows = [
            {
                "position": position,
                "table_name": entry.table,
                "record_id": entry.record_id,
                "label": entry.label[:300],
                "action": entry.action,
                "fields": canonical_json(entry.fields),
            }
            for position, entry in enumerate(
                entry for entry in self.entries.values() if _says_something(entry)
            )
        ]
        if not rows:
            return None
        connection = self.session.connection()
        head = connection.execute(_READ_HEAD).one()
        number: int = head.last_id + 1
        header = {
            "id": number,
            "at": at.isoformat(),
            "actor_id": actor_id,
            "actor_name": actor_name,
            "source": str(source),
            "request_id": request_id,
            "service": service,
            "reason": reason,
            "change_count": len(rows),
            "body_hash": body_hash(rows),
            "previous_hash": head.hash,
        }
        digest = header_hash(header)
        connection.execute(_ADD_SET, {**header, "at": at, "hash": digest})
        connection.execute(_ADD_CHANGES, [{**row, "change_set_id": number} for row in rows])
        connection.execute(_MOVE_HEAD, {"last_id": number, "hash": digest})
        return number


def _says_something(entry: _Entry) -> bool:
    if entry.action is not ChangeAction.UPDATED:
        return True
    return any(old != new or old == PRIVATE for old, new in entry.fields.values())


def body_hash(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the hash over the records of a set, in their order."""
    digest = hashlib.sha256()
    for row in rows:
        parts = (
            row["table_name"],
            row["record_id"],
            row["label"],
            str(row["action"]),
            row["fields"],
        )
        digest.update(canonical_json(parts).encode())
    return digest.hexdigest()


def header_hash(header: Mapping[str, Any]) -> str:
    """Return the hash of a set: its header, which holds the body's and the previous set's hash."""
    return hashlib.sha256(canonical_json(header).encode()).hexdigest()


def _label(record: object) -> str:
    label = getattr(record, "change_label", None)
    return str(label) if label is not None else ""


@cache
def _columns(mapper: Mapper[Any]) -> tuple[tuple[str, str, bool], ...]:
    """Return (attribute, column name, is private) of what the log keeps."""
    return tuple(
        (attribute.key, attribute.columns[0].name, bool(attribute.columns[0].info.get("private")))
        for attribute in mapper.column_attrs
        if not attribute.columns[0].info.get("derived")
    )


def _version_attribute(mapper: Mapper[Any]) -> str:
    """Return the name of the version counter, '' for a model without one."""
    return "" if mapper.version_id_col is None else mapper.version_id_col.name


def _record_id(mapper: Mapper[Any], record: object) -> str:
    return ",".join(str(plain(part)) for part in mapper.primary_key_from_instance(record))


def _collect(session: Session, _flush_context: object) -> None:
    capture: Capture | None = session.info.get("capture")
    if capture is None:
        return
    groups = (
        (session.new, ChangeAction.CREATED),
        (session.dirty, ChangeAction.UPDATED),
        (session.deleted, ChangeAction.DELETED),
    )
    for records, action in groups:
        for record in records:
            state: InstanceState[Any] = inspect(record)
            mapper = state.mapper
            if getattr(mapper.class_, "__technical__", ""):
                continue
            fields: dict[str, list[object]] = {
                column: ([PRIVATE, PRIVATE] if is_private else values)
                for attribute, column, is_private in _columns(mapper)
                if (values := _old_and_new(state, attribute, action)) is not None
            }
            version = _version_attribute(mapper)
            if version and fields and action is ChangeAction.UPDATED:
                # The mapper raises the counter inside the flush, where history does not see it.
                fields[version] = [state.dict[version] - 1, state.dict[version]]
            if fields or action is ChangeAction.DELETED:
                capture.add(
                    mapper.local_table.name,  # type: ignore[attr-defined]
                    _record_id(mapper, record),
                    _label(record),
                    action,
                    fields,
                )


def _old_and_new(
    state: InstanceState[Any], attribute: str, action: ChangeAction
) -> list[object] | None:
    if action is ChangeAction.CREATED:
        value = state.dict.get(attribute)
        return None if value is None else [None, plain(value)]
    if action is ChangeAction.DELETED:
        value = state.dict.get(attribute)
        return None if value is None else [plain(value), None]
    if attribute not in state.committed_state:
        return None
    history = state.attrs[attribute].history
    if not history.has_changes():
        return None
    old = history.deleted[0] if history.deleted else None
    new = history.added[0] if history.added else None
    return [plain(old), plain(new)]


event.listen(Session, "after_flush", _collect)


@contextmanager
def capture(session: Session) -> Iterator[Capture]:
    """Collect what the session flushes within the block."""
    collected = Capture(session)
    session.info["capture"] = collected
    try:
        yield collected
    finally:
        session.info.pop("capture", None)


def _bulk_capture(session: Session) -> Capture:
    collected: Capture | None = session.info.get("capture")
    if collected is None:
        raise RuntimeError("bulk writing happens inside tracker.core.work.run only")
    return collected


def bulk_insert(
    session: Session, model: type[DeclarativeBase], rows: Sequence[Mapping[str, Any]]
) -> list[int]:
    """Insert `rows` (attribute -> value) in batches and return their integer keys in order."""
    mapper: Mapper[Any] = inspect(model)
    collected = _bulk_capture(session)
    keys: list[int] = []
    table = mapper.local_table.name  # type: ignore[attr-defined]
    columns = _columns(mapper)
    for start in range(0, len(rows), BATCH):
        batch = [dict(row) for row in rows[start : start + BATCH]]
        statement = insert(model).returning(mapper.primary_key[0], sort_by_parameter_order=True)
        keys += session.scalars(statement, batch, execution_options={"bulk_writer": True}).all()
    if not getattr(model, "__technical__", ""):
        for key, row in zip(keys, rows, strict=True):
            fields: dict[str, list[object]] = {
                column: ([PRIVATE, PRIVATE] if is_private else [None, plain(row[attribute])])
                for attribute, column, is_private in columns
                if row.get(attribute) is not None
            }
            label = str(row.get("name") or row.get("title") or "")
            collected.add(table, str(key), label, ChangeAction.CREATED, fields)
    return keys


def bulk_update(
    session: Session, model: type[DeclarativeBase], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Update `rows` (each with the primary key among its attributes), logging old values."""
    mapper: Mapper[Any] = inspect(model)
    collected = _bulk_capture(session)
    key = mapper.get_property_by_column(mapper.primary_key[0]).key
    table = mapper.local_table.name  # type: ignore[attr-defined]
    columns = {attribute: (column, private) for attribute, column, private in _columns(mapper)}
    version = _version_attribute(mapper)
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        changed = sorted({name for row in batch for name in row if name in columns} - {key})
        old_values = _old_values(session, model, key, [row[key] for row in batch], changed, version)
        written: list[dict[str, Any]] = []
        for row in batch:
            old = old_values[row[key]]
            different = {name: row[name] for name in row if name in old and row[name] != old[name]}
            if not different:
                continue
            written.append({**row, version: old[version]} if version else dict(row))
            fields: dict[str, list[object]] = {
                columns[name][0]: (
                    [PRIVATE, PRIVATE] if columns[name][1] else [plain(old[name]), plain(value)]
                )
                for name, value in different.items()
            }
            if version:
                # The mapper raises the counter itself; it wants the old one as its condition.
                fields[version] = [old[version], old[version] + 1]
            if not getattr(model, "__technical__", ""):
                collected.add(table, str(row[key]), "", ChangeAction.UPDATED, fields)
        if written:
            session.execute(update(model), written, execution_options={"bulk_writer": True})
    session.expire_all()


def _old_values(
    session: Session,
    model: type[DeclarativeBase],
    key: str,
    keys: Sequence[Any],
    names: Sequence[str],
    version: str,
) -> dict[Any, dict[str, Any]]:
    """Return the attributes `names` (and the version) of the records with these keys."""
    wanted = [*names, *([version] if version and version not in names else [])]
    rows = session.execute(
        select(getattr(model, key), *(getattr(model, name) for name in wanted)).where(
            getattr(model, key).in_(keys)
        )
    )
    return {row[0]: dict(zip(wanted, row[1:], strict=True)) for row in rows}


@dataclass(frozen=True)
class BrokenLink:
    """The first change set that does not fit the chain, and what is wrong with it."""

    change_set_id: int
    reason: str


def verify(session: Session, anchors: Mapping[int, str] | None = None) -> BrokenLink | None:
    """Walk the chain from the first set and return the first break, None when it is whole.

    `anchors` are (number -> hash) written outside the database earlier; a set that is missing or
    different there means that the tail was cut or rewritten.
    """
    previous, expected = GENESIS, 1
    found: dict[int, str] = {}
    wanted = dict(anchors or {})
    stream = session.execute(select(ChangeSet).order_by(ChangeSet.id)).yield_per(BATCH).scalars()
    for batch in stream.partitions():
        bodies = _bodies(session, batch[0].id, batch[-1].id)
        for one in batch:
            reason = _fault(one, bodies.get(one.id, []), previous, expected)
            if reason:
                return BrokenLink(expected if one.id != expected else one.id, reason)
            previous, expected = one.hash, expected + 1
            if one.id in wanted:
                found[one.id] = one.hash
            session.expunge(one)
    for number, digest in sorted(wanted.items()):
        if found.get(number) != digest:
            return BrokenLink(number, "anchor")
    head = session.execute(select(ChangeHead.last_id, ChangeHead.hash)).one()
    if (head.last_id, head.hash) != (expected - 1, previous):
        return BrokenLink(expected, "head")
    return None


def _bodies(session: Session, first: int, last: int) -> dict[int, list[dict[str, Any]]]:
    bodies: dict[int, list[dict[str, Any]]] = {}
    rows = session.execute(
        select(
            Change.change_set_id,
            Change.table_name,
            Change.record_id,
            Change.label,
            Change.action,
            Change.fields,
        )
        .where(Change.change_set_id.between(first, last))
        .order_by(Change.change_set_id, Change.position)
    ).mappings()
    for row in rows:
        bodies.setdefault(row["change_set_id"], []).append(dict(row))
    return bodies


def _fault(one: ChangeSet, body: list[dict[str, Any]], previous: str, expected: int) -> str:
    """Return what is wrong with a set: number, link, header or body ('' when nothing is)."""
    if one.id != expected:
        return "number"
    if one.previous_hash != previous:
        return "link"
    header = {
        "id": one.id,
        "at": one.at.isoformat(),
        "actor_id": one.actor_id,
        "actor_name": one.actor_name,
        "source": one.source,
        "request_id": one.request_id,
        "service": one.service,
        "reason": one.reason,
        "change_count": one.change_count,
        "body_hash": one.body_hash,
        "previous_hash": one.previous_hash,
    }
    if header_hash(header) != one.hash:
        return "header"
    if len(body) != one.change_count or body_hash(body) != one.body_hash:
        return "body"
    return ""

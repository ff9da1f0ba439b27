"""The unit of work: one door, all or nothing, every change in the log."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event

import pytest
from flask import Flask
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError

from tracker.core import changes, conflicts
from tracker.core.changes import Change, ChangeAction, ChangeSet
from tracker.core.db import db, in_line_to_write, writing
from tracker.core.errors import Conflict, NotFound
from tracker.core.work import Work, run
from tracker.settings.models import Setting

pytestmark = pytest.mark.usefixtures("system")


@dataclass(frozen=True)
class Put:
    key: str
    value: object


def put(work: Work, data: Put) -> None:
    row = work.session.get(Setting, data.key)
    if row is None:
        work.session.add(Setting(key=data.key, value=data.value))
    else:
        row.value = data.value


def put_and_fail(work: Work, data: Put) -> None:
    put(work, data)
    work.session.flush()
    raise NotFound


def log() -> list[Change]:
    return list(db.session.scalars(select(Change).order_by(Change.change_set_id, Change.position)))


def test_run_commits_and_logs_each_field_with_old_and_new():
    run(put, Put("agency.name", "Xã A"), reason="lần đầu")
    run(put, Put("agency.name", "Xã B"))
    created, updated = log()
    assert created.action is ChangeAction.CREATED
    assert json.loads(updated.fields) == {"value": ["Xã A", "Xã B"], "version": [1, 2]}
    first = db.session.get(ChangeSet, 1)
    assert first is not None
    assert (first.reason, first.actor_name, first.source) == ("lần đầu", "Hệ thống", "command")
    assert first.service.endswith("test_work.put")


def test_service_that_raises_leaves_nothing_behind():
    with pytest.raises(NotFound):
        run(put_and_fail, Put("agency.name", "Xã A"))
    assert db.session.get(Setting, "agency.name") is None
    assert log() == []
    assert writing.get() is False


def test_unchanged_record_makes_no_change_set():
    run(put, Put("agency.name", "Xã A"))
    run(put, Put("agency.name", "Xã A"))
    assert len(log()) == 1


def test_unit_of_work_refuses_to_hold_another():
    def outer(work: Work, data: Put) -> None:
        run(put, data)

    with pytest.raises(RuntimeError, match="cannot hold another"):
        run(outer, Put("agency.name", "Xã A"))


def test_threads_stand_in_line_where_the_database_takes_one_writer(
    app: Flask, database_backend: str
):
    entered = Event()

    def write_too() -> None:
        with app.app_context(), in_line_to_write():
            entered.set()

    with ThreadPoolExecutor(1) as pool:
        with in_line_to_write():
            pool.submit(write_too)
            overtook = entered.wait(0.1 if database_backend == "sqlite" else 30)
            assert overtook is (database_backend != "sqlite")
        assert entered.wait(30)


def test_flush_outside_a_unit_of_work_is_refused():
    db.session.add(Setting(key="x", value=1))
    with pytest.raises(RuntimeError, match="outside"):
        db.session.flush()
    db.session.rollback()


def test_statement_that_writes_outside_a_unit_of_work_is_refused():
    with pytest.raises(RuntimeError, match="outside"):
        db.session.execute(insert(Setting).values(key="x", value=1))


def test_bulk_statement_on_an_audited_table_is_refused():
    def sweep(work: Work, data: Put) -> None:
        work.session.execute(update(Setting).values(value=data.value))

    with pytest.raises(RuntimeError, match="bulk_insert"):
        run(sweep, Put("x", 1))


def test_reading_connection_cannot_write_on_postgresql(database_backend: str):
    if database_backend != "postgresql":
        # SQLite has no such transaction; there the session's own guard is the only one.
        assert db.engine.dialect.name == "sqlite"
        return
    with pytest.raises(DBAPIError, match="read-only"):
        db.session.connection().execute(text("DELETE FROM settings"))
    db.session.rollback()


def test_database_that_refuses_becomes_a_conflict():
    def add(work: Work, data: Put) -> None:
        work.session.add(Setting(key=data.key, value=data.value))

    run(add, Put("agency.name", "Xã A"))
    with pytest.raises(Conflict):
        run(add, Put("agency.name", "Xã B"))


def test_bulk_writer_logs_each_record_and_skips_what_stays():
    def add(work: Work, data: None) -> None:
        rows = [{"key": f"k{number}", "value": number, "version": 1} for number in range(3)]
        for row in rows:
            work.session.add(Setting(**row))

    def change(work: Work, data: None) -> None:
        work.bulk_update(Setting, [{"key": "k0", "value": 9}, {"key": "k1", "value": 1}])

    run(add, None)
    run(change, None)
    last = [json.loads(change.fields) for change in log() if change.change_set_id == 2]
    assert last == [{"value": [0, 9], "version": [1, 2]}]
    assert changes.verify(db.session()) is None


@pytest.mark.parametrize("batch", [3, 500])
def test_chain_verifies_and_names_the_first_broken_set(batch: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(changes, "BATCH", batch)
    for number in range(8):
        run(put, Put("agency.name", f"Xã {number}"))
    assert changes.verify(db.session()) is None
    hash_of_third = db.session.scalars(select(ChangeSet.hash).where(ChangeSet.id == 3)).one()
    assert changes.verify(db.session(), {3: hash_of_third}) is None
    assert changes.verify(db.session(), {9: "f" * 64}) == changes.BrokenLink(9, "anchor")
    db.session.rollback()
    _tamper("UPDATE changes SET label = 'khác' WHERE change_set_id = 2")
    assert changes.verify(db.session()) == changes.BrokenLink(2, "body")


def test_cut_tail_is_found_by_the_head():
    for number in range(3):
        run(put, Put("agency.name", f"Xã {number}"))
    db.session.rollback()
    _tamper("DELETE FROM changes WHERE change_set_id = 3", "DELETE FROM change_sets WHERE id = 3")
    assert changes.verify(db.session()) == changes.BrokenLink(3, "head")


@pytest.mark.parametrize("table", ["change_sets", "changes"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {}", "DELETE FROM {}"])
def test_database_refuses_to_change_the_log(table: str, statement: str):
    run(put, Put("agency.name", "Xã A"))
    db.session.rollback()
    column = "reason = 'x'" if table == "change_sets" else "label = 'x'"
    token = writing.set(True)
    try:
        with db.engine.connect() as connection, pytest.raises(DBAPIError, match="never changed"):
            connection.execute(text(statement.format(table, column)))
    finally:
        writing.reset(token)


def test_conflict_merges_disjoint_fields_and_shows_the_same_one():
    from tracker.settings.models import CalendarDay, DayKind

    day = db.session.scalars(select(CalendarDay.day).order_by(CalendarDay.day)).first()

    def rename(work: Work, data: str) -> None:
        work.get(CalendarDay, day).name = data

    run(rename, "Nghỉ lễ")
    run(rename, "Nghỉ Tết Dương lịch")
    row = db.session.get(CalendarDay, day)
    assert row is not None
    assert row.version == 3
    # Made from version 2: the kind is mine alone, the name is theirs alone.
    merged = conflicts.merge(db.session(), row, 2, {"kind": DayKind.SWAP_OFF, "name": "Nghỉ lễ"})
    assert merged == {"kind": DayKind.SWAP_OFF}
    with pytest.raises(Conflict) as caught:
        conflicts.merge(db.session(), row, 2, {"name": "Tên thứ ba"})
    (field,) = caught.value.fields
    assert (field.base, field.mine, field.theirs) == (
        "Nghỉ lễ",
        "Tên thứ ba",
        "Nghỉ Tết Dương lịch",
    )


def _tamper(*statements: str) -> None:
    """Change the log as an intruder with the database's own tools would."""
    token = writing.set(True)
    try:
        with db.engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                for table in ("change_sets", "changes"):
                    for verb in ("update", "delete"):
                        connection.execute(text(f"DROP TRIGGER {table}_no_{verb}"))
            else:
                for table in ("change_sets", "changes"):
                    connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
            for statement in statements:
                connection.execute(text(statement))
    finally:
        writing.reset(token)

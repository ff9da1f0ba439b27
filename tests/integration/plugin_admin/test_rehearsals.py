"""The rehearsal: in a process of its own, on a copy, and its report decides."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from tests.factories.accounts import make_user
from tests.factories.units import make_unit
from tests.support.apps import PRESENT, make_settings, running_app
from tests.support.wheels import TinyPlugin, second_migration
from tracker.config import Settings
from tracker.core import migrate
from tracker.core.clock import FixedClock
from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting
from tracker.core.db import db
from tracker.core.errors import PluginError
from tracker.core.rights import Role
from tracker.plugin_admin import copies, operations, queries, rehearsal
from tracker.plugins.loader import read_set
from tracker.testing.databases import Databases

TINY = TinyPlugin()
NOTES = "plugin_tiny__note"


@pytest.fixture
def sqlite(databases: Databases, tmp_path: Path) -> Iterator[Settings]:
    """An app on SQLite in which the test acts as the system; unsigned plug-ins may be installed."""
    with databases.fresh("sqlite", tmp_path) as url:
        settings = replace(make_settings(url, tmp_path / "instance"), plugin_unsigned=True)
        settings.instance.mkdir()
        with running_app(settings, FixedClock(PRESENT)) as app, app.app_context():
            context = Context(SYSTEM_ACTOR, FixedClock(PRESENT), Source.COMMAND)
            with acting(context):
                yield settings


def install(settings: Settings, plugin: TinyPlugin, **options: Any) -> operations.Outcome:
    release_id = operations.add(settings, plugin.wheel(), plugin.filename, None)
    return operations.install(settings, release_id, **options)


def tables(settings: Settings) -> set[str]:
    engine = create_engine(settings.database_url, poolclass=NullPool)
    try:
        return {name for name in inspect(engine).get_table_names() if "tiny" in name}
    finally:
        engine.dispose()


def test_rehearsal_opens_every_page_as_each_role_and_leaves_no_trace(sqlite: Settings):
    said: list[str] = []
    done = install(sqlite, TINY, say=said.append)
    assert done.report is not None
    assert done.report["passed"], done.report["errors"]
    names = [step["name"] for step in done.report["steps"]]
    assert names == ["up", "bounds", "down", "again", "load", "pages"]
    own = {
        page["role"]: page["status"] for page in done.report["pages"] if page["address"] == "/tiny/"
    }
    assert own == {role.value: 200 if role is Role.ADMINISTRATOR else 403 for role in Role}
    assert any("Diễn tập" in one for one in said)
    assert not list((sqlite.instance / "plugins").glob(".rehearsal-*"))
    kept = queries.rehearsal(queries.line("tiny").release_id)
    assert kept is not None
    assert kept.passed
    assert db.session.scalar(text("SELECT count(*) FROM users")) == 0


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"hooks.py": "import sys; sys.exit(3)"}, "SystemExit"),
        ({"hooks.py": "import os; os._exit(3)"}, "mã 3"),
        ({"migrations/versions/0001_notes.py": "raise RuntimeError('hỏng')"}, "RuntimeError"),
        (second_migration('op.drop_table("units")', "pass"), "units"),
        (second_migration('op.execute("DELETE FROM change_head")'), "rows of others: change_head"),
    ],
    ids=["import exits", "import kills", "migration raises", "takes a core table", "core rows"],
)
def test_failed_rehearsal_leaves_everything_as_it_was(
    sqlite: Settings, files: dict[str, str], says: str
):
    with pytest.raises(operations.RehearsalFailed) as failed:
        install(sqlite, TINY.but(files=files))
    assert says in failed.value.message
    assert tables(sqlite) == set()
    assert queries.installs() == {}
    assert read_set(sqlite.instance).entries == ()


def test_without_a_rehearsal_it_is_still_loaded_once_elsewhere(sqlite: Settings):
    with pytest.raises(operations.RehearsalFailed, match="giữa lúc nạp"):
        install(
            sqlite,
            TINY.but(files={"hooks.py": "raise RuntimeError('giữa lúc nạp')"}),
            skip_rehearsal=True,
        )
    assert tables(sqlite) == set()
    wrong_key = TINY.sources()["tracker_tiny/hooks.py"].decode().replace('"tiny.view"', '"units.x"')
    with pytest.raises(operations.RehearsalFailed):
        install(sqlite, TINY.but(version="1.1", files={"hooks.py": wrong_key}), skip_rehearsal=True)
    done = install(sqlite, TINY.but(version="1.2"), skip_rehearsal=True)
    assert (done.version, done.report) == ("1.2", None)


def test_page_that_fails_keeps_the_plugin_out(sqlite: Settings):
    hooks = TINY.sources()["tracker_tiny/hooks.py"].decode()
    broken = hooks.replace('    return "<!doctype', '    1 / 0\n    return "<!doctype')
    with pytest.raises(operations.RehearsalFailed, match="/tiny/"):
        install(sqlite, TINY.but(files={"hooks.py": broken}))
    assert tables(sqlite) == set()


# -- on PostgreSQL ---------------------------------------------------------------------------


@pytest.fixture
def postgres(databases: Databases, tmp_path: Path) -> Iterator[tuple[Settings, Flask, str]]:
    """An app on PostgreSQL, and the address of an empty database for rehearsals."""
    with (
        databases.fresh("postgresql", tmp_path) as url,
        databases.fresh("postgresql", tmp_path, migrated=False) as empty,
    ):
        settings = replace(make_settings(url, tmp_path / "instance"), plugin_unsigned=True)
        settings.instance.mkdir()
        with (
            running_app(settings, FixedClock(PRESENT)) as app,
            app.app_context(),
            acting(Context(SYSTEM_ACTOR, FixedClock(PRESENT), Source.COMMAND)),
        ):
            yield settings, app, empty


def ask(url: str, statement: str) -> Any:
    engine = create_engine(url, poolclass=NullPool)
    try:
        with engine.begin() as connection:
            found = connection.execute(text(statement))
            return found.scalar() if found.returns_rows else None
    finally:
        engine.dispose()


def test_postgresql_is_rehearsed_on_a_database_of_its_own(
    postgres: tuple[Settings, Flask, str], monkeypatch: pytest.MonkeyPatch
):
    settings, _app, empty = postgres
    unit = make_unit("Xã Một")
    make_user(unit, Role.OFFICER)
    with pytest.raises(PluginError, match="TRACKER_REHEARSAL_DATABASE_URL"):
        install(settings, TINY)
    ready = replace(settings, rehearsal_database_url=empty)
    done = install(ready, TINY)
    assert done.report is not None
    assert done.report["passed"], done.report["errors"]
    assert tables(settings) == {NOTES, "alembic_version_plugin_tiny"}
    # The copy held people's data: nothing of it stays.
    assert ask(empty, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 1
    ask(settings.database_url, f"INSERT INTO {NOTES} (text) VALUES ('một')")
    monkeypatch.setattr(copies, "SAMPLE_ABOVE", 1)
    upgraded = install(ready, TINY.but(version="1.1"))
    assert upgraded.report is not None
    assert upgraded.report["passed"], upgraded.report["errors"]


def test_migration_that_hangs_is_ended_with_all_that_it_holds(
    postgres: tuple[Settings, Flask, str], monkeypatch: pytest.MonkeyPatch
):
    settings, _app, empty = postgres
    slow = second_migration('op.execute("SELECT pg_sleep(600)")')
    children: list[int] = []

    def until_it_sleeps(command: list[str], *, timeout: float, **options: Any) -> None:
        """Let the time be over as soon as the migration hangs."""
        del options["check"], options["capture_output"]
        with subprocess.Popen(command, **options) as child:
            children.append(child.pid)
            while not ask(empty, SLEEPING):
                assert child.poll() is None
                time.sleep(0.05)
            child.kill()
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(rehearsal.subprocess, "run", until_it_sleeps)
    with pytest.raises(operations.RehearsalFailed, match="không xong trong 10 phút"):
        install(replace(settings, rehearsal_database_url=empty), TINY.but(files=slow))
    assert children
    assert not ask(empty, SLEEPING)
    assert ask(empty, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 1
    assert tables(settings) == set()


def test_migration_ends_with_the_process_that_was_killed_over_it(
    postgres: tuple[Settings, Flask, str], monkeypatch: pytest.MonkeyPatch
):
    settings, _app, _empty = postgres
    monkeypatch.setattr(operations, "LOOK_SECONDS", 1)
    gone = threading.Event()

    def migrate_for_ever() -> None:
        try:
            with migrate.migrating(settings.database_url) as connection:
                operations._end_with_this_process(connection)
                # What the system does with the connections of a process that is killed.
                with socket.socket(fileno=os.dup(connection.connection.fileno())) as wire:
                    hang_up.append(wire)
                    connection.execute(text("SELECT pg_sleep(600)"))
        except DBAPIError:
            gone.set()

    hang_up: list[socket.socket] = []
    thread = threading.Thread(target=migrate_for_ever)
    thread.start()
    while not ask(settings.database_url, SLEEPING):
        assert thread.is_alive()
        time.sleep(0.05)
    hang_up[0].shutdown(socket.SHUT_RDWR)
    while ask(settings.database_url, SLEEPING):
        time.sleep(0.05)
    thread.join()
    assert gone.is_set()


SLEEPING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND pid <> pg_backend_pid() AND query LIKE '%pg_sleep%'"
)


def test_what_a_killed_rehearsal_left_is_cleared(postgres: tuple[Settings, Flask, str]):
    settings, _app, empty = postgres
    ready = replace(settings, rehearsal_database_url=empty)
    folder = settings.instance / "plugins"
    left = [folder / name for name in (".rehearsal-x", ".trial-x", ".unpacking-x", ".replaced-x")]
    for one in left:
        (one / "instance").mkdir(parents=True)
    copies.copy_database(ready, left[0])
    assert ask(empty, "SELECT count(*) FROM pg_trigger WHERE tgname = 'changes_no_change'") == 1
    # A switch that is under way, on whichever machine, is not disturbed.
    with operations._locked_everywhere(ready, waits=True):
        operations.clear_left_behind(ready)
    assert all(one.is_dir() for one in left)
    operations.clear_left_behind(ready)
    assert not any(one.exists() for one in left)
    assert ask(empty, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 1
    assert ask(empty, "SELECT count(*) FROM pg_proc WHERE proname LIKE 'tracker%'") == 0


def test_database_that_is_not_for_rehearsals_is_never_emptied(
    postgres: tuple[Settings, Flask, str],
):
    settings, _app, empty = postgres
    ask(empty, "CREATE TABLE precious (id INTEGER)")
    ask(empty, "INSERT INTO precious VALUES (1)")
    with pytest.raises(PluginError, match="không xóa gì"):
        install(replace(settings, rehearsal_database_url=empty), TINY)
    assert ask(empty, "SELECT count(*) FROM precious") == 1
    assert queries.installs() == {}

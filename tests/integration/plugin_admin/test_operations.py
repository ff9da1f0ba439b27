"""Install, upgrade, roll back, remove: each in whole, or everything as it was before."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, inspect, select, text
from sqlalchemy.pool import NullPool

from tests.support import contents
from tests.support.apps import PRESENT, make_settings, running_app
from tests.support.wheels import TinyPlugin, make_wheel, second_migration
from tracker.config import Settings
from tracker.core import changes
from tracker.core.clock import FixedClock
from tracker.core.db import db
from tracker.core.errors import Conflict, NotFound, PluginError
from tracker.core.work import Work, run
from tracker.files.models import Attachment
from tracker.files.services import FileInput, store
from tracker.ops import backup
from tracker.outbox.models import OutboxMessage
from tracker.outbox.services import post
from tracker.plugin_admin import checks, operations, queries, services
from tracker.plugins import packages, signatures
from tracker.plugins.descriptors import Health
from tracker.plugins.loader import Quarantine, load_plugins, read_set, write_set
from tracker.plugins.models import Disposal, PluginInstall, PluginRelease
from tracker.plugins.setfile import SET_FILE
from tracker.plugins.states import PluginState, Reason, Wanted

pytestmark = pytest.mark.usefixtures("system")

TINY = TinyPlugin()
NOTES = "plugin_tiny__note"
ADD_COLUMN = f'op.add_column("{NOTES}", sa.Column("seen", sa.Integer, nullable=True))'
DROP_COLUMN = f'op.drop_column("{NOTES}", "seen")'
NEXT = TINY.but(version="2.0", files=second_migration(ADD_COLUMN, DROP_COLUMN))
BROKEN = TINY.but(
    version="2.0", files=second_migration(f"{ADD_COLUMN}\n    raise ValueError('giữa chừng')")
)

Add = Callable[..., int]
Ask = Callable[[str], list[Any]]


@pytest.fixture
def key(instance: Path) -> Path:
    """A signing key whose public half the instance trusts."""
    folder = instance / "keys"
    made = signatures.new_key("to-cong-nghe", folder)
    run(services.trust_key, services.TrustKey(made))
    return folder / "to-cong-nghe.key"


@pytest.fixture
def add(settings: Settings, key: Path) -> Add:
    """Hand a plug-in in, signed by the trusted key."""

    def hand_in(plugin: TinyPlugin) -> int:
        content = plugin.wheel()
        sha256 = hashlib.sha256(content).hexdigest()
        signed = signatures.sign(key, plugin.name, plugin.version, sha256)
        return operations.add(settings, content, plugin.filename, signed)

    return hand_in


@pytest.fixture
def install(settings: Settings, add: Add) -> Callable[..., operations.Outcome]:
    """Hand a plug-in in and install it, without the rehearsal unless told so."""

    def put_in(plugin: TinyPlugin, **options: Any) -> operations.Outcome:
        # Both in a process of their own; test_rehearsals.py has them.
        options.setdefault("skip_rehearsal", True)
        options.setdefault("skip_trial", True)
        return operations.install(settings, add(plugin), **options)

    return put_in


@pytest.fixture
def ask(database_url: str) -> Ask:
    """Send a statement of SQL in a transaction of its own; return the rows."""

    def send(statement: str) -> list[Any]:
        engine = create_engine(database_url, poolclass=NullPool)
        try:
            with engine.begin() as connection:
                found = connection.execute(text(statement))
                return [tuple(row) for row in found] if found.returns_rows else []
        finally:
            engine.dispose()

    return send


@pytest.fixture
def tables(database_url: str) -> Callable[[], set[str]]:
    """Say which tables of plug-ins there are."""

    def look() -> set[str]:
        engine = create_engine(database_url, poolclass=NullPool)
        try:
            return {name for name in inspect(engine).get_table_names() if "tiny" in name}
        finally:
            engine.dispose()

    return look


def state(name: str = "tiny") -> tuple[PluginState, str]:
    install = db.session.get(PluginInstall, name, populate_existing=True)
    assert install is not None
    found = install.state, install.release.version
    db.session.rollback()
    return found


def columns(ask: Ask, database_url: str) -> list[str]:
    engine = create_engine(database_url, poolclass=NullPool)
    try:
        return [column["name"] for column in inspect(engine).get_columns(NOTES)]
    finally:
        engine.dispose()


# -- installing -----------------------------------------------------------------------------


def test_install_makes_tables_files_and_the_set(settings: Settings, install, tables):
    before = queries.generation()
    done = install(TINY)
    assert (done.name, done.version) == ("tiny", "1.0")
    assert done.generation > before
    assert tables() == {NOTES, "alembic_version_plugin_tiny"}
    (entry,) = read_set(settings.instance).entries
    assert (entry.name, entry.version, entry.state) == ("tiny", "1.0", PluginState.ENABLED)
    assert (settings.instance / "plugins" / entry.path / "tracker_tiny" / "hooks.py").is_file()
    assert read_set(settings.instance).generation == done.generation
    assert state() == (PluginState.ENABLED, "1.0")


def test_install_and_keys_stand_in_the_change_log_without_the_file(install):
    install(TINY)
    rows = db.session.execute(select(changes.Change.table_name, changes.Change.fields)).all()
    logged = {row.table_name: json.loads(row.fields) for row in rows}
    assert {"plugin_keys", "plugin_releases", "plugin_installs"} <= logged.keys()
    assert "content" not in logged["plugin_releases"]
    assert logged["plugin_releases"]["sha256"][1] == hashlib.sha256(TINY.wheel()).hexdigest()
    assert changes.verify(db.session()) is None


def test_installing_again_repairs_and_changes_no_table(settings: Settings, install, ask):
    install(TINY)
    ask(f"INSERT INTO {NOTES} (id, text) VALUES (1, 'giữ')")
    folder = settings.instance / "plugins" / "tiny-1.0"
    (folder / "tracker_tiny" / "hooks.py").write_text("broken(")
    install(TINY)
    assert (folder / "tracker_tiny" / "hooks.py").read_bytes() == TINY.sources()[
        "tracker_tiny/hooks.py"
    ]
    assert ask(f"SELECT text FROM {NOTES}") == [("giữ",)]


def test_unsigned_is_refused_unless_the_policy_says_otherwise(settings: Settings, app: Flask):
    with pytest.raises(PluginError, match="chưa được ký"):
        operations.add(settings, TINY.wheel(), TINY.filename, None)
    lax = _with(settings, plugin_unsigned=True)
    release_id = operations.add(lax, TINY.wheel(), TINY.filename, None)
    with pytest.raises(PluginError, match="chưa được ký"):
        operations.install(settings, release_id, skip_rehearsal=True, skip_trial=True)
    operations.install(lax, release_id, skip_rehearsal=True, skip_trial=True)
    assert queries.line("tiny").signed_by == ""


def test_installed_unsigned_stays_unsigned_when_a_signature_comes_later(settings, add):
    lax = _with(settings, plugin_unsigned=True)
    release_id = operations.add(lax, TINY.wheel(), TINY.filename, None)
    operations.install(lax, release_id, skip_rehearsal=True, skip_trial=True)
    assert add(TINY) == release_id
    assert queries.line("tiny").signed_by == ""


def _with(settings: Settings, **values: Any) -> Settings:
    return replace(settings, **values)


def test_revoked_key_no_longer_installs(settings: Settings, add, key):
    release_id = add(TINY)
    fingerprint = signatures.public_key_of(key, "").fingerprint
    run(services.revoke_key, services.RevokeKey(fingerprint[:12]))
    with pytest.raises(PluginError, match="chưa tin cậy"):
        operations.install(settings, release_id, skip_rehearsal=True, skip_trial=True)
    with pytest.raises(Conflict, match="thu hồi"):
        run(services.trust_key, services.TrustKey(signatures.public_key_of(key, "x")))


def test_same_version_with_other_content_is_refused(add):
    add(TINY)
    with pytest.raises(Conflict, match="nội dung khác"):
        add(TINY.but(files={"more.py": "x = 1"}))


def test_release_changed_in_the_database_is_refused(settings: Settings, add, ask):
    release_id = add(TINY)
    db.session.rollback()
    ask(f"UPDATE plugin_releases SET content = {_bytes(settings)} WHERE id = {release_id}")
    db.session.expire_all()
    with pytest.raises(PluginError, match="bị hỏng"):
        operations.install(settings, release_id, skip_rehearsal=True, skip_trial=True)


def _bytes(settings: Settings) -> str:
    return "x'00'" if settings.is_sqlite else r"'\x00'::bytea"


@pytest.mark.parametrize(
    ("plugin", "says"),
    [
        (TINY.but(api="1.99"), "Cần giao diện lập trình 1.99"),
        (TINY.but(api="2.0"), "Viết cho giao diện lập trình 2.0"),
        (TINY.but(needs=("missing_one>=1.0",)), "Cần mô-đun missing_one 1.0"),
        (TINY.but(requires=("flask>=99",)), "Cần thư viện flask"),
        (TINY.but(requires=("nowhere-to-be-found",)), "máy này không có"),
    ],
    ids=["api minor", "api major", "need missing", "library clash", "library missing"],
)
def test_what_does_not_fit_is_refused(install, tables, plugin: TinyPlugin, says: str):
    with pytest.raises(PluginError, match=says):
        install(plugin)
    assert tables() == set()
    assert queries.installs() == {}


def test_needs_in_a_circle_are_refused(install):
    other = TinyPlugin(name="second", needs=("tiny>=1.0",))
    install(TINY)
    install(other)
    with pytest.raises(PluginError, match="vòng"):
        install(TINY.but(version="1.1", needs=("second>=1.0",)))
    assert state() == (PluginState.ENABLED, "1.0")


def test_libraries_of_two_plugins_must_not_clash(settings: Settings, key: Path, tmp_path: Path):
    lax = _with(settings, plugin_unsigned=True)
    for plugin, version in ((TINY, "1.0"), (TinyPlugin(name="second"), "2.0")):
        library = tmp_path / f"helper-{version}-py3-none-any.whl"
        library.write_bytes(make_wheel("helper", version, {"helper.py": b"x = 1"}))
        bundle = packages.write_bundle(
            plugin.write(tmp_path), [library], tmp_path / f"{plugin.name}.bundle.zip"
        )
        release_id = operations.add(lax, bundle.read_bytes(), bundle.name, None)
        if plugin is TINY:
            operations.install(lax, release_id, skip_rehearsal=True, skip_trial=True)
            continue
        with pytest.raises(PluginError, match="helper"):
            operations.install(lax, release_id, skip_rehearsal=True, skip_trial=True)


# -- upgrading ------------------------------------------------------------------------------


def test_upgrade_keeps_rows_and_knows_the_way_back(install, ask, database_url: str):
    install(TINY)
    ask(f"INSERT INTO {NOTES} (id, text) VALUES (1, 'trước')")
    install(NEXT)
    assert state() == (PluginState.ENABLED, "2.0")
    assert columns(ask, database_url) == ["id", "text", "seen"]
    assert ask(f"SELECT text FROM {NOTES}") == [("trước",)]
    found = queries.installs()["tiny"]
    assert found.previous_release is not None
    assert found.previous_release.version == "1.0"
    snapshot = queries.snapshot_of("tiny", found.previous_release.id)
    assert snapshot is not None
    assert snapshot[0].rows == {NOTES: 1}


def test_migration_that_fails_half_way_leaves_the_database_as_before(
    settings: Settings, install, ask, database_url: str
):
    install(TINY)
    ask(f"INSERT INTO {NOTES} (id, text) VALUES (1, 'trước')")
    before = read_set(settings.instance)
    with pytest.raises(PluginError, match=r"vẫn như trước.*giữa chừng"):
        install(BROKEN)
    assert columns(ask, database_url) == ["id", "text"]
    assert ask(f"SELECT text FROM {NOTES}") == [("trước",)]
    assert ask("SELECT version_num FROM alembic_version_plugin_tiny") == [("0001",)]
    assert state() == (PluginState.ENABLED, "1.0")
    assert read_set(settings.instance).code == before.code
    install(NEXT.but(version="2.1"))
    assert state() == (PluginState.ENABLED, "2.1")


def test_first_migration_that_fails_leaves_no_table(install, tables):
    half = TINY.but(
        files={
            "migrations/versions/0001_notes.py": TINY.sources()[
                "tracker_tiny/migrations/versions/0001_notes.py"
            ]
            .decode()
            .replace("def downgrade", "    raise ValueError('giữa chừng')\n\n\ndef downgrade")
        }
    )
    with pytest.raises(PluginError, match="giữa chừng"):
        install(half)
    assert tables() == set()
    assert queries.installs() == {}


def test_lower_version_is_no_upgrade(install):
    install(NEXT)
    with pytest.raises(PluginError, match="Quay lại"):
        install(TINY)
    assert state() == (PluginState.ENABLED, "2.0")


def test_upgrade_must_still_do_for_those_that_need_it(install):
    install(TINY.but(version="1.5"))
    install(TinyPlugin(name="second", needs=("tiny>=1.5",)))
    assert queries.line("second").state is PluginState.ENABLED
    with pytest.raises(PluginError, match="second"):
        run(services.disable, services.Switch("tiny"))


# -- rolling back ---------------------------------------------------------------------------


def test_rollback_brings_tables_back_and_counts_what_is_newer(
    settings: Settings, install, ask, database_url: str
):
    install(TINY)
    ask(f"INSERT INTO {NOTES} (id, text) VALUES (1, 'trước'), (2, 'sẽ đổi')")
    install(NEXT)
    ask(f"INSERT INTO {NOTES} (id, text, seen) VALUES (3, 'sau', 1)")
    ask(f"UPDATE {NOTES} SET text = 'đã đổi' WHERE id = 2")
    units = ask("SELECT count(*) FROM units")
    done = operations.rollback(settings, "tiny")
    assert done.version == "1.0"
    assert columns(ask, database_url) == ["id", "text"]
    assert ask(f"SELECT id, text FROM {NOTES} ORDER BY id") == [(1, "trước"), (2, "sẽ đổi")]
    assert ask("SELECT count(*) FROM units") == units
    assert state() == (PluginState.ENABLED, "1.0")
    assert done.rows == {NOTES: 2}
    assert done.export is not None
    with zipfile.ZipFile(done.export) as archive:
        lines = archive.read(f"tables/{NOTES}.jsonl").decode().splitlines()
        assert {json.loads(line)["text"] for line in lines} == {"sau", "đã đổi"}
        assert "xlsx/note.xlsx" in archive.namelist()
    (record,) = queries.disposals("tiny")
    assert (record.disposal, record.rows) == (Disposal.ROLLBACK, {NOTES: 2})
    # Keys go on after those that are there again.
    ask(f"INSERT INTO {NOTES} (text) VALUES ('mới')")
    with pytest.raises(PluginError, match="không có bản trước"):
        operations.rollback(settings, "tiny")


def test_rollback_of_an_upgrade_without_tables_loses_nothing(settings: Settings, install, ask):
    install(TINY)
    install(TINY.but(version="1.1"))
    ask(f"INSERT INTO {NOTES} (id, text) VALUES (1, 'sau')")
    done = operations.rollback(settings, "tiny")
    assert (done.version, done.rows, done.export) == ("1.0", {}, None)
    assert ask(f"SELECT text FROM {NOTES}") == [("sau",)]


def test_rollback_that_fails_leaves_the_newer_release(
    settings: Settings, install, ask, monkeypatch
):
    install(TINY)
    install(NEXT)
    ask(f"INSERT INTO {NOTES} (id, text, seen) VALUES (3, 'sau', 1)")

    def fail(*_: object) -> None:
        raise OSError("ổ đĩa đầy")

    monkeypatch.setattr(operations.snapshots, "put_back", fail)
    with pytest.raises(PluginError, match="ổ đĩa đầy"):
        operations.rollback(settings, "tiny")
    assert state() == (PluginState.ENABLED, "2.0")
    assert ask(f"SELECT text FROM {NOTES}") == [("sau",)]
    assert not list((settings.instance / "plugins" / "exports").glob("*.zip"))


# -- cut off in the middle ------------------------------------------------------------------

THIRD = TINY.but(
    version="3.0",
    files={
        **second_migration(ADD_COLUMN, DROP_COLUMN),
        "migrations/versions/0003_bad.py": (
            'revision = "0003"\ndown_revision = "0002"\n\n\n'
            "def upgrade():\n    raise ValueError('giữa chừng')\n"
        ),
    },
)


class Killed(BaseException):
    """The process ends here, whatever it was at."""


@pytest.fixture
def killed_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Do something that a kill cuts off when it comes to one of the services."""

    def do(service: str, step: Callable[..., object], *arguments: Any) -> None:
        def kill(*_: object) -> None:
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(operations.services, service, kill)
            with pytest.raises(Killed):
                step(*arguments)
        db.session.rollback()

    return do


def test_failed_upgrades_leave_the_way_back_as_it_was(settings: Settings, install, ask, tables):
    install(TINY)
    ask(f"INSERT INTO {NOTES} (id, text) VALUES (1, 'trước')")
    install(NEXT)
    for _ in range(3):
        with pytest.raises(PluginError, match="giữa chừng"):
            install(THIRD)
        assert state() == (PluginState.ENABLED, "2.0")
    assert operations.rollback(settings, "tiny").rows == {}
    assert state() == (PluginState.ENABLED, "1.0")
    assert ask(f"SELECT id, text FROM {NOTES}") == [(1, "trước")]


def test_upgrade_that_was_killed_after_its_migration_is_done_again_and_undone(
    settings: Settings, install, ask, killed_in, database_url: str
):
    install(TINY)
    ask(f"INSERT INTO {NOTES} (id, text) VALUES (1, 'trước')")
    killed_in("set_installed", install, NEXT)
    assert state() == (PluginState.NEEDS_MIGRATION, "1.0")
    assert "2.0" in queries.line("tiny").reason
    db.session.rollback()
    # The old code never meets the new tables, whatever is pressed.
    operations.disable(settings, "tiny")
    with pytest.raises(PluginError, match="chuyển dở"):
        operations.enable(settings, "tiny")
    with pytest.raises(PluginError):
        install(TINY)
    assert state() == (PluginState.NEEDS_MIGRATION, "1.0")
    install(NEXT, wanted=Wanted.ENABLED)
    assert state() == (PluginState.ENABLED, "2.0")
    assert operations.rollback(settings, "tiny").version == "1.0"
    assert columns(ask, database_url) == ["id", "text"]
    assert ask("SELECT version_num FROM alembic_version_plugin_tiny") == [("0001",)]
    assert ask(f"SELECT id, text FROM {NOTES}") == [(1, "trước")]


def test_rollback_without_a_fitting_snapshot_touches_nothing(settings: Settings, install, ask):
    install(TINY)
    install(NEXT)
    ask("DELETE FROM plugin_snapshot_parts")
    ask("DELETE FROM plugin_snapshots")
    ask(f"INSERT INTO {NOTES} (id, text, seen) VALUES (3, 'sau', 1)")
    with pytest.raises(PluginError, match="Không có bản chụp"):
        operations.rollback(settings, "tiny")
    assert state() == (PluginState.ENABLED, "2.0")
    assert ask(f"SELECT text FROM {NOTES}") == [("sau",)]


@pytest.mark.parametrize("stood", [PluginState.PAUSED, PluginState.FAILED])
def test_failed_switch_lets_a_plugin_stand_as_it_did(settings: Settings, install, ask, stood):
    install(TINY)

    def stand(work: Any, _data: None) -> None:
        row = work.get(PluginInstall, "tiny")
        row.state, row.reason, row.paused_at = stood, Reason.TOO_SLOW, work.now
        row.reason_parameters = {"detail": "tiny.index"}

    run(stand, None)
    ask(
        "CREATE TABLE plugin_stray__link (id INTEGER PRIMARY KEY, "
        f"note_id INTEGER REFERENCES {NOTES} (id))"
    )
    with pytest.raises(PluginError, match="giữa chừng"):
        install(BROKEN)
    with pytest.raises(PluginError, match="plugin_stray__link"):
        operations.remove(settings, "tiny", Disposal.EXPORT)
    found = queries.installs()["tiny"]
    assert (found.state, found.reason, found.paused_at) == (stood, Reason.TOO_SLOW, PRESENT)
    assert found.reason_parameters == {"detail": "tiny.index"}
    # Nothing went, so nothing says that it did.
    assert queries.disposals("tiny") == []
    assert not list((settings.instance / "plugins" / "exports").glob("*"))


def test_removal_that_was_killed_keeps_the_record_of_what_went(
    settings: Settings, install, ask, tables, killed_in
):
    install(TINY)
    ask(f"INSERT INTO {NOTES} (id, text) VALUES (1, 'x')")
    killed_in("forget", operations.remove, settings, "tiny", Disposal.EXPORT)
    assert state()[0] is PluginState.NEEDS_MIGRATION
    assert tables() == set()
    done = operations.remove(settings, "tiny", Disposal.EXPORT)
    assert done.rows == {NOTES: 1}
    assert done.export is not None
    assert done.export.is_file()
    (record,) = queries.disposals("tiny")
    assert (record.rows, record.export_name) == ({NOTES: 1}, done.export.name)
    assert queries.installs() == {}


def test_what_is_written_during_an_export_goes_along(
    settings: Settings, install, ask, monkeypatch: pytest.MonkeyPatch
):
    install(TINY)
    export_data, late = operations.exports.export_data, ["muộn"]

    def slow(*arguments: Any) -> Any:
        found = export_data(*arguments)
        while late:
            arguments[0].rollback()
            ask(f"INSERT INTO {NOTES} (id, text) VALUES (1, '{late.pop()}')")
        return found

    monkeypatch.setattr(operations.exports, "export_data", slow)
    done = operations.remove(settings, "tiny", Disposal.EXPORT)
    assert done.rows == {NOTES: 1}
    assert done.export is not None
    with zipfile.ZipFile(done.export) as archive:
        assert "muộn" in archive.read(f"tables/{NOTES}.jsonl").decode()
    assert len(queries.disposals("tiny")) == 1


def test_releases_that_rules_of_today_would_refuse_stay_manageable(settings, install, ask):
    install(TINY)
    db.session.rollback()
    release = db.session.scalars(select(PluginRelease)).one()
    of_another_day = {**release.manifest, "address": "viec", "later": {"key": 1}}
    db.session.rollback()

    def change(work: Any, _data: None) -> None:
        work.get(PluginRelease, release.id).manifest = of_another_day

    run(change, None)
    assert queries.line("tiny").manifest.address == "viec"
    operations.disable(settings, "tiny")
    operations.remove(settings, "tiny", Disposal.ERASE)


# -- switching ------------------------------------------------------------------------------


def test_disabled_keeps_its_tables_and_says_why(settings: Settings, install, tables):
    done = install(TINY)
    off = operations.disable(settings, "tiny")
    assert off.generation > done.generation
    assert state() == (PluginState.DISABLED, "1.0")
    assert queries.line("tiny").reason
    assert NOTES in tables()
    assert read_set(settings.instance).entries[0].state is PluginState.DISABLED
    on = operations.enable(settings, "tiny")
    assert on.generation > off.generation
    assert state() == (PluginState.ENABLED, "1.0")


def test_switching_what_is_not_there_says_so(settings: Settings):
    for act in (operations.enable, operations.disable, operations.rollback):
        with pytest.raises(NotFound, match="chưa được cài"):
            act(settings, "nobody")


def test_paused_plugin_is_let_in_again(settings: Settings, install):
    install(TINY)

    def pause(work, _data: None) -> None:
        row = work.get(PluginInstall, "tiny")
        row.state, row.reason, row.paused_at = PluginState.PAUSED, Reason.TOO_SLOW, work.now

    run(pause, None)
    assert state()[0] is PluginState.PAUSED
    operations.enable(settings, "tiny")
    found = queries.installs()["tiny"]
    assert (found.state, found.paused_at, found.reason) == (PluginState.ENABLED, None, "")


def test_needed_plugin_can_neither_be_switched_off_nor_removed(settings: Settings, install):
    install(TINY)
    install(TinyPlugin(name="second", needs=("tiny",)))
    with pytest.raises(PluginError, match="second"):
        operations.disable(settings, "tiny")
    with pytest.raises(PluginError, match="second"):
        operations.remove(settings, "tiny", Disposal.ERASE)
    operations.disable(settings, "second")
    operations.disable(settings, "tiny")
    with pytest.raises(PluginError, match="Cần mô-đun tiny"):
        operations.enable(settings, "second")


# -- removing -------------------------------------------------------------------------------


def test_removing_with_data_kept_leaves_tables_that_are_named(settings, install, tables, ask):
    install(TINY)
    ask(f"INSERT INTO {NOTES} (id, text) VALUES (1, 'giữ')")
    done = operations.remove(settings, "tiny", Disposal.KEEP)
    assert done.rows == {NOTES: 1}
    assert NOTES in tables()
    assert queries.installs() == {}
    assert read_set(settings.instance).entries == ()
    (orphan,) = queries.orphans()
    assert (orphan.name, orphan.kept_at is not None) == ("tiny", True)
    assert orphan.tables == ["alembic_version_plugin_tiny", NOTES]
    install(TINY)
    assert ask(f"SELECT text FROM {NOTES}") == [("giữ",)]
    assert queries.orphans() == []


def test_export_is_erased_and_taken_back(settings: Settings, install, tables, ask):
    install(NEXT)
    ask(f"INSERT INTO {NOTES} (id, text, seen) VALUES (7, 'Tiếng Việt =1+1', 3), (9, 'b', NULL)")
    done = operations.remove(settings, "tiny", Disposal.EXPORT)
    assert tables() == set()
    assert done.export is not None
    assert done.export.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(done.export) as archive:
        names = set(archive.namelist())
    assert {"README.txt", "schema.json", "snapshot.json", f"tables/{NOTES}.jsonl"} <= names
    assert "xlsx/note.xlsx" in names
    (record,) = queries.disposals("tiny")
    assert (record.disposal, record.rows) == (Disposal.EXPORT, {NOTES: 2})
    assert record.export_sha256 == hashlib.sha256(done.export.read_bytes()).hexdigest()
    install(NEXT.but(version="2.1"), data=done.export.read_bytes())
    assert ask(f"SELECT id, text, seen FROM {NOTES} ORDER BY id") == [
        (7, "Tiếng Việt =1+1", 3),
        (9, "b", None),
    ]
    ask(f"INSERT INTO {NOTES} (text) VALUES ('mới')")


def test_files_leave_with_the_export_and_come_back_under_their_identity(
    settings: Settings, install
):
    install(TINY)
    content = contents.PDF

    def attach(work: Any, _data: None) -> None:
        store(work, FileInput(content, "biên bản.pdf"), "tiny.note", 7)

    run(attach, None)
    before = db.session.scalar(select(Attachment.public_id))
    db.session.rollback()
    export = operations.remove(settings, "tiny", Disposal.EXPORT).export
    assert export is not None
    # The export itself is all that is kept.
    assert db.session.scalars(select(Attachment.name)).all() == [export.name]
    db.session.rollback()
    install(TINY.but(version="1.1"), data=export.read_bytes())
    own = select(Attachment).where(Attachment.owner_kind.startswith("tiny."))
    found = db.session.scalars(own).one()
    assert (found.public_id, found.name) == (before, "biên bản.pdf")
    assert (found.owner_kind, found.owner_id) == ("tiny.note", 7)


def test_data_is_never_taken_back_over_other_data(settings: Settings, install, ask):
    install(TINY)
    ask(f"INSERT INTO {NOTES} (id, text) VALUES (1, 'cũ')")
    export = operations.remove(settings, "tiny", Disposal.EXPORT).export
    assert export is not None
    install(TINY)
    ask(f"INSERT INTO {NOTES} (id, text) VALUES (1, 'mới')")
    with pytest.raises(PluginError, match="đang có dữ liệu"):
        install(TINY, data=export.read_bytes())
    assert ask(f"SELECT text FROM {NOTES}") == [("mới",)]


@pytest.mark.parametrize("spoil", ["cut", "of another", "changed row"])
def test_damaged_export_is_refused_and_leaves_nothing(
    settings: Settings, install, tables, ask, spoil: str, tmp_path: Path
):
    plugin = TinyPlugin(name="second") if spoil == "of another" else TINY
    install(plugin)
    ask(f"INSERT INTO plugin_{plugin.name}__note (id, text) VALUES (1, 'x')")
    export = operations.remove(settings, plugin.name, Disposal.EXPORT).export
    assert export is not None
    content = export.read_bytes()
    if spoil == "cut":
        content = content[:-30]
    if spoil == "changed row":
        from tests.support.wheels import make_zip, unzip

        files = unzip(content)
        member = f"tables/{NOTES}.jsonl"
        files[member] = files[member].replace(b'"x"', b'"y"')
        content = make_zip(files)
    with pytest.raises(PluginError, match=r"hỏng|không phải dữ liệu"):
        install(TINY, data=content)
    assert tables() == set()
    assert queries.installs() == {}


def test_erase_leaves_a_record_of_tables_and_rows(settings: Settings, install, tables, ask):
    install(TINY)
    ask(f"INSERT INTO {NOTES} (id, text) VALUES (1, 'x'), (2, 'y')")
    done = operations.remove(settings, "tiny", Disposal.ERASE, reason="Hết dùng")
    assert tables() == set()
    assert done.export is None
    (record,) = queries.disposals("tiny")
    assert (record.disposal, record.rows, record.version) == (Disposal.ERASE, {NOTES: 2}, "1.0")
    reasons = db.session.scalars(select(changes.ChangeSet.reason)).all()
    assert "Hết dùng" in reasons
    assert queries.orphans() == []


def test_removal_drops_what_the_plugin_was_to_be_told(settings: Settings, install):
    waiting = {"event:tiny:1", "handover:tiny:tiny.desks:1", "event:tiny_too:1"}

    def post_all(work: Any, _data: None) -> None:
        for key in waiting:
            post(work, key.partition(":")[0], {}, key=key)

    def left() -> set[str]:
        db.session.rollback()
        return set(db.session.scalars(select(OutboxMessage.key)))

    install(TINY)
    run(post_all, None)
    operations.remove(settings, "tiny", Disposal.KEEP)
    # Records that stay still have to change hands when they are back.
    assert left() == waiting - {"event:tiny:1"}
    install(TINY)
    operations.remove(settings, "tiny", Disposal.ERASE)
    assert left() == {"event:tiny_too:1"}


def test_tables_of_others_that_rest_on_a_plugin_keep_it(settings: Settings, install, tables, ask):
    install(TINY)
    ask(
        "CREATE TABLE plugin_stray__link (id INTEGER PRIMARY KEY, "
        f"note_id INTEGER REFERENCES {NOTES} (id))"
    )
    with pytest.raises(PluginError, match="plugin_stray__link"):
        operations.remove(settings, "tiny", Disposal.ERASE)
    assert NOTES in tables()
    assert state() == (PluginState.ENABLED, "1.0")


def test_another_machine_brings_itself_to_the_wanted_set(
    settings: Settings, install, tmp_path: Path
):
    install(TINY)
    install(NEXT)
    elsewhere = _with(settings, instance=tmp_path / "elsewhere")
    wanted = operations.bring_here(elsewhere)
    assert wanted == read_set(settings.instance) == read_set(elsewhere.instance)
    assert (elsewhere.instance / "plugins" / "tiny-2.0" / "tracker_tiny").is_dir()
    assert operations.tidy(settings) == []
    # Bytes that are not the release's are brought anew, whatever the folder is called.
    (elsewhere.instance / "plugins" / "tiny-2.0" / packages.MARK).write_text("0" * 64)
    (elsewhere.instance / "plugins" / "tiny-2.0" / "tracker_tiny" / "hooks.py").write_text("")
    operations.bring_here(elsewhere)
    assert (elsewhere.instance / "plugins/tiny-2.0/tracker_tiny/hooks.py").stat().st_size
    # What is not what was let in is not unpacked, and says so when it is to be loaded.
    run(_sign_falsely, None)
    (elsewhere.instance / "plugins" / "tiny-2.0" / packages.MARK).write_text("0" * 64)
    operations.bring_here(elsewhere)
    assert "không đúng" in load_plugins(elsewhere).failures["tiny"]
    with pytest.raises(PluginError, match="không đúng"):
        operations.rollback(settings, "tiny")
    # What this machine kept out is let in again once it was switched on elsewhere.
    quarantine = Quarantine(elsewhere.instance)
    quarantine.put("tiny", "2.0")
    os.utime(quarantine.folder / "tiny", (PRESENT.timestamp() - 60,) * 2)
    operations.bring_here(elsewhere)
    assert not quarantine.holds("tiny", "2.0")
    install(NEXT.but(version="2.1"))
    # Workers that are being replaced may still read from it.
    assert operations.tidy(settings) == []
    os.utime(settings.instance / "plugins" / SET_FILE, (PRESENT.timestamp(),) * 2)
    assert operations.tidy(settings) == ["tiny-1.0"]
    assert not (settings.instance / "plugins" / "tiny-1.0").exists()


def _sign_falsely(work: Work, _data: None) -> None:
    for release in work.session.scalars(select(PluginRelease)):
        release.signature = base64.b64encode(b"x" * 64).decode("ascii")


def test_safe_mode_of_the_supervisor_outlasts_switches_of_the_same_code(
    settings: Settings, install
):
    install(TINY)
    write_set(settings.instance, replace(read_set(settings.instance), is_safe=True))
    operations.disable(settings, "tiny")
    operations.enable(settings, "tiny")
    assert read_set(settings.instance).is_safe
    operations.leave_safe_mode(settings)
    assert not read_set(settings.instance).is_safe
    write_set(settings.instance, replace(read_set(settings.instance), is_safe=True))
    install(NEXT)
    assert not read_set(settings.instance).is_safe


def test_only_administrators_may_change_the_set(app: Flask):
    from tracker.core.context import Actor, Context, acting
    from tracker.core.errors import PermissionDenied

    with acting(Context(Actor("Ai đó", 1))), pytest.raises(PermissionDenied):
        run(services.enable, services.Switch("tiny"))
    assert db.session.scalars(select(PluginRelease)).all() == []
    assert Wanted.ENABLED.value == "enabled"


def test_backup_brings_a_plugin_back_with_its_tables_and_its_way_back(
    settings: Settings, install, ask, database_backend: str, databases, tmp_path: Path
):
    install(TINY)
    ask(f"INSERT INTO {NOTES} (id, text) VALUES (1, 'trước')")
    install(NEXT)
    ask(f"INSERT INTO {NOTES} (id, text, seen) VALUES (2, 'sau', 5)")
    db.session.rollback()
    backup.back_up(settings, tmp_path / "one.zip", PRESENT)
    folder = tmp_path / "across"
    folder.mkdir()
    across = "postgresql" if database_backend == "sqlite" else "sqlite"
    with databases.fresh(across, folder, migrated=False) as url:
        target = make_settings(url, folder / "instance")
        target.instance.mkdir()
        backup.restore(target, tmp_path / "one.zip")
        engine = create_engine(url, poolclass=NullPool)
        with engine.connect() as connection:
            notes = connection.execute(text(f"SELECT id, text, seen FROM {NOTES} ORDER BY id"))
            assert [tuple(row) for row in notes] == [(1, "trước", None), (2, "sau", 5)]
        with running_app(target, FixedClock(PRESENT), own=True) as app, app.app_context():
            operations.bring_here(target)
            back = operations.rollback(target, "tiny")
        assert (back.version, back.rows) == ("1.0", {NOTES: 1})
        with engine.connect() as connection:
            notes = connection.execute(text(f"SELECT id, text FROM {NOTES}"))
            assert [tuple(row) for row in notes] == [(1, "trước")]
        engine.dispose()


def test_plugin_that_does_not_take_its_rows_back_stops_no_restore(
    settings: Settings, install, ask, empty_database_url: str, tmp_path: Path
):
    install(TINY)
    ask(f"INSERT INTO {NOTES} (id, text) VALUES (1, 'còn đây')")
    ask(f"UPDATE plugin_releases SET sha256 = '{'0' * 64}'")
    db.session.rollback()
    backup.back_up(settings, tmp_path / "one.zip", PRESENT)
    target = make_settings(empty_database_url, tmp_path / "restored")
    target.instance.mkdir()
    told: list[Any] = []
    backup.restore(target, tmp_path / "one.zip", aside=lambda *one: told.append(one))
    ((name, path, why),) = told
    assert (name, "bị hỏng" in why) == ("tiny", True)
    with zipfile.ZipFile(path) as archive:
        assert json.loads(archive.read(f"tables/{NOTES}.jsonl")) == {"id": 1, "text": "còn đây"}
    # It waits for its tables, and says which release makes them.
    with running_app(target, FixedClock(PRESENT), own=True) as app, app.app_context():
        line = queries.line("tiny")
        assert line.state is PluginState.NEEDS_MIGRATION
        assert "bản 1.0" in line.reason


def test_doctor_names_what_is_wrong_with_plugins_and_whose_tables_are_left(
    settings: Settings, install, ask
):
    assert [one.health for one in checks.check_states()] == [Health.OK]
    assert [one.health for one in checks.check_orphans()] == [Health.OK]
    install(TINY)
    assert [one.health for one in checks.check_states()] == [Health.OK]

    def fail(work: Any, _data: None) -> None:
        row = work.get(PluginInstall, "tiny")
        row.state, row.reason = PluginState.FAILED, Reason.IMPORT_FAILED
        row.reason_parameters = {"detail": "ImportError"}

    run(fail, None)
    (told,) = checks.check_states()
    assert told.health is Health.WARNING
    assert "ImportError" in told.message
    assert "rollback tiny" in told.advice
    operations.remove(settings, "tiny", Disposal.KEEP)
    db.session.rollback()
    ask("CREATE TABLE plugin_lost__thing (id INTEGER PRIMARY KEY)")
    found = {one.message: one.health for one in checks.check_orphans()}
    assert [health for message, health in found.items() if "tiny" in message] == [Health.OK]
    assert [health for message, health in found.items() if "lost" in message] == [Health.WARNING]
    # Neither stands in the way of anything.
    install(TINY)
    assert queries.line("tiny").state is PluginState.ENABLED

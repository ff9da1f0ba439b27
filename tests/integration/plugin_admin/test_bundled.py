"""Plug-ins beside the checkout: built, signed by the instance itself, installed like any other."""

from __future__ import annotations

import hashlib
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import time, timedelta
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient
from sqlalchemy import create_engine, inspect, select, text
from sqlalchemy.pool import NullPool

from tests.factories.accounts import sign_in
from tests.support import contents
from tests.support.apps import PRESENT, make_settings, running_app
from tests.support.wheels import TinyPlugin, make_wheel, next_migration
from tracker.accounts.models import User
from tracker.config import Settings
from tracker.core.clock import FixedClock
from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting
from tracker.core.db import db
from tracker.core.errors import PluginError
from tracker.core.rights import Role
from tracker.core.work import run
from tracker.files.models import Attachment
from tracker.files.services import FileInput, prepare
from tracker.files.store import make_stores
from tracker.ops.instance import fill
from tracker.plugin_admin import operations, queries, services, sources
from tracker.plugin_admin.bundled import install_bundled, own_key
from tracker.plugins import gate, signatures, switch
from tracker.plugins.host import host_of
from tracker.plugins.loader import LoadedSet
from tracker.plugins.models import Disposal
from tracker.plugins.states import PluginState
from tracker.settings.queries import value
from tracker.settings.services import SaveSettings, save_settings
from tracker.testing.apps import loaded
from tracker.testing.databases import Databases

TINY = TinyPlugin()
PROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "tracker-tiny"
version = "1.0"

[project.entry-points."tracker.plugins"]
tiny = "tracker_tiny.hooks"

[tool.setuptools]
packages = ["tracker_tiny", "tracker_tiny.migrations.versions"]

[tool.setuptools.package-data]
"*" = ["*.toml"]
"""


@pytest.fixture
def settings(databases: Databases, tmp_path: Path) -> Iterator[Settings]:
    """An instance on SQLite, and the system acting in it."""
    with databases.fresh("sqlite", tmp_path) as url:
        made = make_settings(url, tmp_path / "instance")
        made.instance.mkdir()
        with (
            running_app(made, FixedClock(PRESENT)) as app,
            app.app_context(),
            acting(Context(SYSTEM_ACTOR, FixedClock(PRESENT), Source.COMMAND)),
        ):
            yield made


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    """A folder with the sources of two plug-ins, and one that cannot be built."""
    folder = tmp_path / "plugins"
    for plugin in (TINY, TinyPlugin(name="other")):
        for path, content in plugin.sources().items():
            target = folder / plugin.name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        project = PROJECT.replace("tiny", plugin.name)
        (folder / plugin.name / "pyproject.toml").write_text(project)
    (folder / "broken").mkdir()
    (folder / "broken" / "pyproject.toml").write_text("[project")
    return folder


def test_bundled_plugins_are_built_signed_and_installed_once(settings: Settings, plugins: Path):
    broken, *good = install_bundled(settings, plugins)
    assert broken.name == "broken"
    assert "Không đóng gói được" in broken.problem
    assert [(one.name, one.version, one.problem, one.is_new) for one in good] == [
        ("other", "1.0", "", True),
        ("tiny", "1.0", "", True),
    ]
    line = queries.line("tiny")
    assert queries.key_names()[line.signed_by] == "Khóa của hệ thống này"
    reports = []
    for name in ("other", "tiny"):
        rehearsal = queries.rehearsal(queries.line(name).release_id)
        assert rehearsal is not None
        assert rehearsal.passed
        reports.append(rehearsal.report)
    # Both in one go, each with its migrations and pages, the core's pages once.
    assert reports[0] == reports[1]
    assert [one["name"] for one in reports[0]["steps"]].count("down") == 2
    opened = [one["address"] for one in reports[0]["pages"] if one["role"] == Role.ADMINISTRATOR]
    assert {"/other/", "/tiny/", "/tong-quan"} <= set(opened)
    assert len(opened) == len(set(opened))
    assert not (plugins / "tiny" / "build").exists()
    again = install_bundled(settings, plugins)
    assert [one.is_new for one in again] == [False, False, False]
    assert [one.problem for one in again[1:]] == ["", ""]
    hooks = plugins / "tiny" / "tracker_tiny" / "hooks.py"
    hooks.write_text(hooks.read_text() + "\n# changed\n")
    changed = install_bundled(settings, plugins)[2]
    assert (changed.name, changed.problem, changed.is_new) == ("tiny", "", True)
    assert queries.line("tiny").release_id == line.release_id


def test_bundled_plugins_that_fail_together_are_rehearsed_alone(
    settings: Settings, plugins: Path, monkeypatch: pytest.MonkeyPatch
):
    alone: list[bool] = []

    def fail(*_: object) -> dict[str, Any]:
        raise PluginError("one of them")

    def note(_settings: Settings, release_id: int, **options: Any) -> operations.Outcome:
        alone.append(not options["skip_rehearsal"] and not options["skip_trial"])
        return operations.Outcome(queries.release(release_id).name, "1.0", 1)

    monkeypatch.setattr(operations, "rehearse", fail)
    monkeypatch.setattr(operations, "install", note)
    outcomes = install_bundled(settings, plugins)[1:]
    assert [(one.name, one.problem) for one in outcomes] == [("other", ""), ("tiny", "")]
    assert alone == [True, True]


def test_folder_without_sources_and_unknown_names_are_refused(settings: Settings, tmp_path: Path):
    with pytest.raises(PluginError, match="không có pyproject"):
        sources.fetch(settings, str(tmp_path))
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "pyproject.toml").write_text(PROJECT)
    with pytest.raises(PluginError, match="chưa được ai ký"):
        sources.fetch(settings, str(tmp_path / "sources"))
    with pytest.raises(PluginError, match="Không có tệp"):
        sources.fetch(settings, "no/such/file")
    with pytest.raises(PluginError, match="không phải kho"):
        sources.fetch(settings, "tiny", tmp_path)


def test_name_is_fetched_from_the_package_index_that_is_set(settings: Settings, tmp_path: Path):
    simple = tmp_path / "simple"
    wheel = TINY.write(simple / "tracker-tiny")
    link = f'<a href="{wheel.name}">{wheel.name}</a>'
    (simple / "tracker-tiny" / "index.html").write_text(f"<!doctype html>{link}")
    ready = replace(settings, plugin_index=simple.as_uri())
    found = sources.fetch(ready, "tiny==1.0")
    assert (found.filename, found.content, found.signature) == (
        TINY.filename, TINY.wheel(), None,
    )  # fmt: skip
    with pytest.raises(PluginError, match=r"Không tải được tracker-tiny==9\.0"):
        sources.fetch(ready, "tiny==9.0")


# -- those that the product brings -----------------------------------------------------------------

REAL = Path(__file__).resolve().parents[3] / "plugins"
# Their demo rests on these parts of the core's.
GROUND = ("places.units", "accounts.people")
Rows = dict[str, list[tuple[str, ...]]]


@dataclass(frozen=True)
class Real:
    """A plug-in of the checkout as wheels: as it is, and with one more migration."""

    name: str

    @property
    def package(self) -> Path:
        return REAL / self.name / f"tracker_{self.name}"

    @property
    def tables(self) -> list[str]:
        return [one["name"] for one in self.toml()["tables"]]

    def toml(self) -> dict[str, Any]:
        return tomllib.loads((self.package / "plugin.toml").read_text(encoding="utf-8"))

    def hooks(self) -> Any:
        if str(REAL / self.name) not in sys.path:
            sys.path.append(str(REAL / self.name))
        return import_module(f"tracker_{self.name}.hooks")

    def wheel(self, version: str = "") -> tuple[bytes, str]:
        """Return the wheel and its name; a version makes it the next one, with a migration more."""
        files = {
            f"tracker_{self.name}/{path.relative_to(self.package)}": path.read_bytes()
            for path in self.package.rglob("*")
            if path.is_file() and path.suffix != ".pyc"
        }
        now = str(self.toml()["version"])
        if version:
            declared = f"tracker_{self.name}/plugin.toml"
            old, new = f'version = "{now}"', f'version = "{version}"'
            files[declared] = files[declared].replace(old.encode(), new.encode(), 1)
            column = 'sa.Column("extra", sa.String(20), server_default="mới", nullable=False)'
            newest = max(path.name[:4] for path in self.package.rglob("versions/0*.py"))
            more = next_migration(
                f'op.add_column("{self.tables[0]}", {column})',
                f'op.drop_column("{self.tables[0]}", "extra")',
                after=newest,
            )
            files |= {f"tracker_{self.name}/{path}": one.encode() for path, one in more.items()}
        project = tomllib.loads((REAL / self.name / "pyproject.toml").read_text(encoding="utf-8"))
        content = make_wheel(
            project["project"]["name"],
            version or now,
            files,
            requires=project["project"].get("dependencies", ()),
            entry_points=f"[tracker.plugins]\n{self.name} = tracker_{self.name}.hooks\n",
        )
        return content, f"tracker_{self.name}-{version or now}-py3-none-any.whl"


BOTH = (Real("camera_monitoring"), Real("position_rotation"))
SECRET = "Camera có mật khẩu"


@dataclass
class Office:
    """An app with the two in it, the database that says how they stand, and a coordinator."""

    app: Flask
    settings: Settings
    client: FlaskClient

    def install(self, plugin: Real, version: str = "", data: bytes = b"") -> None:
        content, filename = plugin.wheel(version)
        sha256 = hashlib.sha256(content).hexdigest()
        version = version or str(plugin.toml()["version"])
        signed = signatures.sign(own_key(self.settings), plugin.name, version, sha256)
        release_id = operations.add(self.settings, content, filename, signed)
        operations.install(
            self.settings, release_id, data=data, skip_rehearsal=True, skip_trial=True
        )
        switch.look()

    def status(self, plugin: Real) -> int:
        """Open the plug-in's first page; what else is seen of it must agree."""
        host = host_of(self.app)
        entry = next(
            one for one in host.everything.menu_items if one.key.startswith(f"{plugin.name}.")
        )
        with self.app.test_request_context():
            address = url_for(entry.endpoint)
        status = self.client.get(address).status_code
        registry = host.registry
        keys = [*registry.jobs, *(one.key for one in (*registry.menu_items, *registry.my_work))]
        is_heard = any(key.startswith(f"{plugin.name}.") for key in keys)
        menu = f'href="/{plugin.toml()["address"]}' in self.client.get("/").text
        assert is_heard == menu == (status == 200), (plugin.name, status, is_heard, menu)
        return status

    def rows(self, plugin: Real) -> Rows:
        """Return everything in the plug-in's tables, as the database has it."""
        engine = create_engine(self.settings.database_url, poolclass=NullPool)
        try:
            with engine.connect() as connection:
                names = inspect(connection).get_table_names()
                return {
                    table: sorted(
                        tuple(str(value) for value in row)
                        for row in connection.execute(text(f"SELECT * FROM {table}"))
                    )
                    for table in names
                    if table.startswith(f"plugin_{plugin.name}__")
                }
        finally:
            engine.dispose()

    def files(self) -> list[tuple[object, ...]]:
        """Return the files of records, with what is in them."""
        db.session.rollback()
        store = make_stores(self.settings).contents
        found: list[tuple[object, ...]] = []
        # What left it in exports is no file of its records.
        of_records = select(Attachment).where(Attachment.owner_kind != services.EXPORTS)
        for one in db.session.scalars(of_records.order_by(Attachment.public_id)):
            with closing(store.open(one.sha256)) as content:
                found.append(
                    (one.public_id, one.name, one.owner_kind, one.owner_id, content.read())
                )
        return found


@pytest.fixture
def office(
    database_url: str, instance: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Office]:
    """Both installed, on the demo's units, with the demo's records and some that are secret."""
    monkeypatch.setattr(gate, "WAIT_SECONDS", 0.0)
    settings = make_settings(database_url, instance)
    plugins = LoadedSet({one.name: loaded(one.hooks()) for one in BOTH}, generation=0)
    with (
        running_app(settings, clock, plugins=plugins) as app,
        app.app_context(),
        acting(Context(SYSTEM_ACTOR, clock, Source.COMMAND)),
    ):
        made = Office(app, settings, app.test_client())
        for plugin in BOTH:
            made.install(plugin)
        fill(app)
        for source in host_of(app).registry.demo_data:
            if source.key in GROUND or source.key.startswith(tuple(one.name for one in BOTH)):
                source.load(clock.today())
        keep_secrets(clock)
        who = select(User.id).where(User.username == "dieuphoi")
        sign_in(made.client, db.session.scalars(who).one())
        yield made


def rooms(plugin: Real, *names: str) -> SimpleNamespace:
    """Return modules of a plug-in by name."""
    plugin.hooks()
    return SimpleNamespace(
        **{name: import_module(f"tracker_{plugin.name}.{name}") for name in names}
    )


def keep_secrets(clock: FixedClock) -> None:
    """Write what is encrypted, and what has a file, through the plug-ins' own services."""
    networks = {"camera_monitoring.networks": "10.0.0.0/8"}
    run(save_settings, SaveSettings(networks))
    camera = rooms(BOTH[0], "addresses", "inputs", "models", "services", "watching")
    desk = db.session.scalars(
        select(camera.models.Desk.id).where(camera.models.Desk.closed_on.is_(None))
    ).first()
    address = camera.addresses.read_address("rtsp://admin:kin-dao@192.0.2.9/live")
    run(
        camera.services.save_camera,
        camera.inputs.SaveCamera(desk_id=desk, name=SECRET, address=address),
    )
    entry = camera.inputs.SaveEntry(
        desk_id=desk,
        day=clock.today(),
        starts_at=time(8),
        ends_at=time(8, 30),
        files=(prepare(FileInput(contents.picture(), "anh.jpg")),),
    )
    run(camera.watching.save_entry, entry)
    rotation = rooms(BOTH[1], "inputs", "models", "services")
    person, reason = (
        db.session.scalars(select(one.id).order_by(one.id)).first()
        for one in (rotation.models.Person, rotation.models.Reason)
    )
    deferral = rotation.inputs.AddDeferral(
        person_id=person,
        reason_id=reason,
        start=clock.today(),
        end=clock.today() + timedelta(days=90),
        note="kin-dao",
    )
    run(rotation.services.add_deferral, deferral)


def secrets() -> list[str | None]:
    """Return in clear what the two keep encrypted."""
    camera, rotation = rooms(BOTH[0], "models").models, rooms(BOTH[1], "models").models
    db.session.rollback()
    noted = rotation.Deferral.note.is_not(None)
    kept = [
        *db.session.scalars(select(camera.Camera.secret).where(camera.Camera.name == SECRET)),
        *db.session.scalars(select(rotation.Deferral.note).where(noted)),
    ]
    db.session.rollback()
    return kept


def test_the_products_own_plugins_keep_their_data_through_their_whole_life(office: Office):
    files = office.files()
    assert [(name, kind) for _id, name, kind, _owner, _content in files] == [
        ("anh.jpg", "camera_monitoring.entry")
    ]
    assert secrets() == ["kin-dao", "kin-dao"]
    for plugin in BOTH:
        settings, before = office.settings, office.rows(plugin)
        counts = {table: len(rows) for table, rows in before.items()}
        assert set(counts) == set(plugin.tables)
        assert sum(counts.values()) > 50
        assert "kin-dao" not in str(before)
        assert office.status(plugin) == 200

        operations.disable(settings, plugin.name)
        assert office.status(plugin) == 404
        operations.enable(settings, plugin.name)
        assert office.status(plugin) == 200

        office.install(plugin, "9.0")
        # This process has the code of the version before: its pages ask to come again.
        assert office.status(plugin) == 503
        grown = plugin.tables[0]
        more = {grown: sorted((*row, "mới") for row in before[grown])}
        assert office.rows(plugin) == {**before, **more}
        back = operations.rollback(settings, plugin.name)
        assert (back.version, sum((back.rows or {}).values())) == (plugin.toml()["version"], 0)
        assert office.status(plugin) == 200
        assert office.rows(plugin) == before

        gone = operations.remove(settings, plugin.name, Disposal.EXPORT)
        assert office.status(plugin) == 404
        assert (office.rows(plugin), gone.rows) == ({}, counts)
        assert queries.orphans() == []
        db.session.rollback()
        assert gone.export is not None
        office.install(plugin, data=gone.export.read_bytes())
        assert office.status(plugin) == 200
        assert office.rows(plugin) == before
    assert office.files() == files
    assert value("camera_monitoring.networks") == "10.0.0.0/8"
    assert secrets() == ["kin-dao", "kin-dao"]
    assert {one.state for one in queries.installs().values()} == {PluginState.ENABLED}

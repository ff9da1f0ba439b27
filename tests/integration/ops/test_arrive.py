"""Machines of one instance bring themselves to the wanted set, each in its own folder."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from tests import evil_plugins as evil
from tests.support.wheels import TinyPlugin
from tracker.config import Settings
from tracker.core.db import db
from tracker.core.migrate import head_revision
from tracker.core.work import run
from tracker.ops import arrive
from tracker.ops.watching import Reader, generation, has_current_schema, head_of_migrations
from tracker.plugin_admin import queries, services
from tracker.plugins import packages
from tracker.plugins.loader import forget, load_plugins, read_set, write_set
from tracker.plugins.models import PluginInstall, PluginServer
from tracker.plugins.services import NoteServer, note_server
from tracker.plugins.states import PluginState, Reason, Wanted

TINY = TinyPlugin()


def want(plugin: TinyPlugin) -> int:
    """Put a release into the wanted set, as an installation on some machine does."""
    content = plugin.wheel()
    package = packages.open_package(content, plugin.filename)
    release = run(
        services.add_release,
        services.AddRelease(
            manifest=package.manifest,
            filename=plugin.filename,
            sha256=hashlib.sha256(content).hexdigest(),
            size=len(content),
            content=content,
        ),
    )
    wanted = services.SetInstalled(package.name, release, None, Wanted.ENABLED)
    return run(services.set_installed, wanted)


@pytest.fixture
def machines(settings: Settings, tmp_path: Path) -> tuple[Settings, Settings]:
    """Two machines with folders of their own, on one database."""
    both = []
    for number in (1, 2):
        instance = tmp_path / f"machine-{number}"
        instance.mkdir()
        bind = f"127.0.0.1:{8000 + number}"
        both.append(replace(settings, instance=instance, bind=bind, plugin_unsigned=True))
    return both[0], both[1]


@contextmanager
def own_process() -> Iterator[None]:
    """Forget afterwards what was imported: on a machine each step is a process of its own."""
    paths = list(sys.path)
    try:
        yield
    finally:
        sys.path[:] = paths
        forget("tiny")


def servers() -> dict[str, int]:
    """Return how far each machine is."""
    db.session.rollback()
    rows = db.session.execute(select(PluginServer.machine, PluginServer.generation))
    return {row.machine.rpartition(":")[2]: row.generation for row in rows}


@pytest.mark.usefixtures("system")
def test_each_machine_fetches_loads_and_reports(
    app: Flask, machines: tuple[Settings, Settings]
) -> None:
    number = want(TINY)
    db.session.rollback()
    first, second = machines
    for machine in machines:
        reader = Reader(machine)
        assert generation(reader) == number
        reader.close()
        assert not load_plugins(machine)
        arrive.fetch(machine)
        assert read_set(machine.instance).generation == number
        assert (machine.instance / "plugins/tiny-1.0/tracker_tiny/hooks.py").is_file()
        with own_process():
            loaded = arrive.load(machine)
            assert not loaded.failures
            arrive.report(loaded)
    assert servers() == {"8001": number, "8002": number}
    arrive.fetch(first)
    assert read_set(first.instance) == read_set(second.instance)


@pytest.mark.usefixtures("system")
def test_a_plug_in_that_cannot_be_loaded_is_failed_for_all(
    app: Flask, machines: tuple[Settings, Settings]
) -> None:
    want(TINY.but(files={"hooks.py": evil.AT_IMPORT["raises"]}))
    run(note_server, NoteServer("another", 0))
    db.session.rollback()
    machine = machines[0]
    arrive.fetch(machine)
    with own_process():
        loaded = arrive.load(machine)
        assert "broken on purpose" in loaded.failures["tiny"]
        arrive.report(loaded)
    db.session.rollback()
    install = db.session.get(PluginInstall, "tiny")
    assert install is not None
    assert (install.state, install.reason) == (PluginState.FAILED, Reason.IMPORT_FAILED)
    # Of several machines the reason names the one.
    assert install.reason_parameters["detail"].endswith(f"({arrive.machine_name(machine)})")
    # Somebody switches it on again; what another machine knows of the set before says nothing.
    run(services.enable, services.Switch("tiny"))
    arrive.report(loaded)
    db.session.rollback()
    assert db.session.get_one(PluginInstall, "tiny").state is PluginState.ENABLED
    arrive.fetch(machine)
    with own_process():
        arrive.report(arrive.load(machine))
    db.session.rollback()
    assert db.session.get_one(PluginInstall, "tiny").state is PluginState.FAILED
    # The next fetch writes it down as one that nobody imports.
    arrive.fetch(machine)
    assert load_plugins(machine).failures == {}
    assert queries.generation() == read_set(machine.instance).generation


@pytest.mark.usefixtures("system")
def test_safe_mode_by_the_supervisor_ends_with_other_code(
    app: Flask, machines: tuple[Settings, Settings]
) -> None:
    want(TINY)
    db.session.rollback()
    machine = machines[0]
    arrive.fetch(machine)
    write_set(machine.instance, replace(read_set(machine.instance), is_safe=True))
    arrive.fetch(machine)
    assert read_set(machine.instance).is_safe
    want(TINY.but(version="1.1"))
    db.session.rollback()
    arrive.fetch(machine)
    assert not read_set(machine.instance).is_safe


def test_the_schema_is_looked_at_without_the_app(settings: Settings) -> None:
    assert head_of_migrations() == head_revision()
    reader = Reader(settings)
    assert has_current_schema(settings, reader)
    assert reader.one("SELECT count(*) FROM plugin_installs") == 0
    reader.close()

"""Plug-ins beside the checkout: built, signed by the instance itself, installed like any other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.apps import PRESENT, make_settings, running_app
from tests.support.wheels import TinyPlugin
from tracker.config import Settings
from tracker.core.clock import FixedClock
from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting
from tracker.core.errors import PluginError
from tracker.plugin_admin import queries, sources
from tracker.plugin_admin.bundled import install_bundled
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
    """A folder with the sources of one plug-in, and one that cannot be built."""
    folder = tmp_path / "plugins"
    for path, content in TINY.sources().items():
        target = folder / "tiny" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    (folder / "tiny" / "pyproject.toml").write_text(PROJECT)
    (folder / "broken").mkdir()
    (folder / "broken" / "pyproject.toml").write_text("[project")
    return folder


def test_bundled_plugins_are_built_signed_and_installed_once(settings: Settings, plugins: Path):
    broken, tiny = install_bundled(settings, plugins)
    assert broken.name == "broken"
    assert "Không đóng gói được" in broken.problem
    assert (tiny.name, tiny.version, tiny.problem, tiny.is_new) == ("tiny", "1.0", "", True)
    line = queries.line("tiny")
    assert queries.key_names()[line.signed_by] == "Khóa của hệ thống này"
    rehearsal = queries.rehearsal(line.release_id)
    assert rehearsal is not None
    assert rehearsal.passed
    assert not (plugins / "tiny" / "build").exists()
    again = install_bundled(settings, plugins)
    assert [one.is_new for one in again] == [False, False]
    assert again[1].problem == ""
    hooks = plugins / "tiny" / "tracker_tiny" / "hooks.py"
    hooks.write_text(hooks.read_text() + "\n# changed\n")
    changed = install_bundled(settings, plugins)[1]
    assert (changed.problem, changed.is_new) == ("", True)
    assert queries.line("tiny").release_id == line.release_id


def test_folder_without_sources_and_unknown_names_are_refused(settings: Settings, tmp_path: Path):
    with pytest.raises(PluginError, match="không có pyproject"):
        sources.fetch(settings, str(tmp_path))
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

"""Loading plug-ins into a process: what breaks is left out, with its reason, and the rest runs."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests import evil_plugins as evil
from tracker.config import Settings
from tracker.core.db import Base
from tracker.core.errors import PluginError
from tracker.features import features, load_models
from tracker.plugins.host import Host
from tracker.plugins.loader import (
    KILLED,
    Quarantine,
    SetFile,
    forget,
    load_plugins,
    read_set,
    write_set,
)
from tracker.plugins.setfile import plugins_folder
from tracker.plugins.states import PluginState

SETTINGS = Settings(
    instance=Path("nowhere"),
    database_url="sqlite:///nowhere.db",
    secret_key="0123456789abcdef0123456789abcdef",
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an instance without a database: loading asks none."""
    return replace(SETTINGS, instance=tmp_path)


@pytest.fixture(autouse=True)
def modules_go() -> Iterator[None]:
    """Take what a test imported out of the process again."""
    paths = list(sys.path)
    yield
    sys.path[:] = paths
    for name in {*evil.AT_IMPORT, "one", "two", "three"}:
        forget(name)


def wanted(settings: Settings, **hooks: str) -> SetFile:
    """Write plug-ins and the set of them."""
    found = evil.write_all(plugins_folder(settings.instance), hooks)
    write_set(settings.instance, found)
    return found


def test_without_a_set_file_nothing_is_loaded(settings: Settings) -> None:
    loaded = load_plugins(settings)
    assert not loaded
    assert loaded.generation == 0


def test_a_set_file_comes_back_as_it_was_written(settings: Settings) -> None:
    found = wanted(settings, one="", two="")
    assert read_set(settings.instance) == found
    assert [path.name for path in plugins_folder(settings.instance).glob("set.json*")] == [
        "set.json"
    ]


def test_a_broken_set_file_starts_without_plug_ins_and_says_so(settings: Settings) -> None:
    wanted(settings, one="")
    (plugins_folder(settings.instance) / "set.json").write_text('{"generation": 1')
    loaded = load_plugins(settings)
    assert not loaded
    assert "not JSON" in loaded.failures["set.json"]


def test_what_breaks_at_import_is_left_out_and_the_rest_is_there(settings: Settings) -> None:
    load_models()
    tables = set(Base.metadata.tables)
    wanted(settings, **evil.AT_IMPORT)
    loaded = load_plugins(settings)
    assert list(loaded) == ["good"]
    assert "broken on purpose" in loaded.failures["raises"]
    assert loaded.failures["leaves"] == "SystemExit: 0"
    assert "a_library_that_nobody_has" in loaded.failures["missing"]
    assert "Nowhere" in loaded.failures["relation"]
    assert "must begin with plugin_thief__" in loaded.failures["thief"]
    # Nothing of them stays in the core's schema.
    assert set(Base.metadata.tables) - {"plugin_good__things"} == tables


def test_only_enabled_disabled_and_paused_ones_are_imported(settings: Settings) -> None:
    found = wanted(settings, one="", two="", three="raise RuntimeError")
    states = {
        "one": PluginState.DISABLED,
        "two": PluginState.PAUSED,
        "three": PluginState.FAILED,
    }
    entries = tuple(replace(entry, state=states[entry.name]) for entry in found.entries)
    write_set(settings.instance, replace(found, entries=entries))
    loaded = load_plugins(settings)
    assert {name: one.state for name, one in loaded.items()} == {
        "one": PluginState.DISABLED,
        "two": PluginState.PAUSED,
    }
    assert not loaded.failures
    host = Host(features(), loaded)
    assert not host.is_open("one")


def test_safe_mode_imports_nothing(settings: Settings) -> None:
    wanted(settings, one="")
    assert load_plugins(replace(settings, safe_mode=True)).is_safe
    assert not load_plugins(replace(settings, safe_mode=True))
    write_set(settings.instance, replace(read_set(settings.instance), is_safe=True))
    assert not load_plugins(settings)
    assert Host(features(), load_plugins(settings)).is_safe


def needing(settings: Settings, needs: dict[str, list[str]]) -> None:
    """Write plug-ins that need each other."""
    wanted(settings, **dict.fromkeys(needs, ""))
    for name, others in needs.items():
        path = plugins_folder(settings.instance) / f"{name}-1.0/tracker_{name}/plugin.toml"
        path.write_text(f"needs = {json.dumps(others)}\n" + path.read_text(), encoding="utf-8")


def test_plug_ins_come_after_those_they_need(settings: Settings) -> None:
    needing(settings, {"one": ["two"], "two": ["three"], "three": []})
    assert list(load_plugins(settings)) == ["three", "two", "one"]


def test_a_missing_need_and_a_circle_are_told(settings: Settings) -> None:
    needing(settings, {"one": ["two>=1.0"], "two": ["one"], "three": ["gone"]})
    loaded = load_plugins(settings)
    assert not loaded
    assert "circle: one, two" in loaded.failures["one"]
    assert loaded.failures["three"] == "it needs gone"


def test_another_api_is_refused_before_the_import(settings: Settings) -> None:
    wanted(settings, one="raise RuntimeError('imported')")
    path = plugins_folder(settings.instance) / "one-1.0/tracker_one/plugin.toml"
    path.write_text(path.read_text().replace('api = "1.0"', 'api = "2.0"'), encoding="utf-8")
    assert "tracker.api 2.0" in load_plugins(settings).failures["one"]


LOAD = """\
import json, pathlib
from tracker.config import Settings
from tracker.plugins import loader
loader.IMPORT_SECONDS = 1.0
settings = Settings(instance=pathlib.Path({instance!r}), database_url="sqlite:///nowhere.db",
                    secret_key="0123456789abcdef0123456789abcdef")
loaded = loader.load_plugins(settings)
print(json.dumps([list(loaded), loaded.failures]))
"""


def start(settings: Settings) -> subprocess.CompletedProcess[str]:
    """Load the plug-ins in a process of their own, as each server does."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LOAD.format(instance=str(settings.instance)))],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("name", evil.ENDS_THE_PROCESS)
def test_what_ends_or_freezes_a_start_is_left_out_of_the_next(
    settings: Settings, name: str
) -> None:
    wanted(settings, zgood="", **{name: evil.ENDS_THE_PROCESS[name]})
    first = start(settings)
    assert not first.stdout
    second = start(settings)
    assert second.returncode == 0, second.stderr
    assert json.loads(second.stdout) == [["zgood"], {name: KILLED}]
    # Another version of it is tried again.
    assert Quarantine(settings.instance).holds(name, "1.0")
    assert not Quarantine(settings.instance).holds(name, "1.1")


def test_an_import_under_way_elsewhere_is_no_reason_to_leave_a_plug_in_out(
    settings: Settings,
) -> None:
    wanted(settings, one="")
    folder = Quarantine(settings.instance).folder
    folder.mkdir()
    with (folder / "one.1.importing").open("w") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX)
        assert list(load_plugins(settings)) == ["one"]
    # Nobody holds it any more: its process did not come back from the import.
    assert load_plugins(settings).failures == {"one": KILLED}
    Quarantine(settings.instance).release("one")
    assert list(load_plugins(settings)) == ["one"]


def test_strict_hosts_raise_what_others_leave_out() -> None:
    wrong = evil.offering(register_menu_items=evil.returning("menu"))
    with pytest.raises(PluginError, match="must return a list or a tuple"):
        Host(features(), {"one": wrong}, strict=True)
    host = Host(features(), {"one": wrong, "two": evil.offering()})
    assert "must return a list" in host.failures["one"]
    assert list(host.plugins) == ["two"]

"""What 20 enabled plug-ins cost: an event that none of them listens to, a page, and a start."""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from uuid import uuid4

from bench_start import start_once
from data import build
from flask import Flask
from serving import sign_in
from table import show

from tracker.app import create_app
from tracker.config import Settings
from tracker.core import work
from tracker.features import load_models
from tracker.plugins.events import PlanIssued
from tracker.plugins.loader import LoadedSet, SetEntry, SetFile, load_set, write_set

COUNT = 20
GOAL_PERCENT = 2.0
GOAL_START = 3.0
PAGE = "/viec"
DECLARATION = """\
name = "{name}"
version = "1.0"
api = "1.0"
title = {{ vi = "{name}", en = "{name}" }}
summary = {{ vi = "Đo", en = "Measured" }}
author = "bench"
address = "{name}"
"""
# A page, a right and a menu entry each, as plug-ins have them; no listener.
HOOKS = """\
from flask import Blueprint

from tracker.core.rights import Role
from tracker.plugins.descriptors import MenuItem, Permission
from tracker.plugins.hookspecs import hookimpl
from tracker.web.doors import requires

blueprint = Blueprint("{name}", __name__, url_prefix="/{name}")


@blueprint.get("/")
@requires("{name}.view")
def index():
    return "{name}"


@hookimpl
def tracker_register_permissions():
    roles = frozenset({{Role.ADMINISTRATOR}})
    return (Permission(key="{name}.view", label="{name}", reads=True, roles=roles),)


@hookimpl
def tracker_register_blueprints():
    return (blueprint,)


@hookimpl
def tracker_register_menu_items():
    return (
        MenuItem(
            key="{name}.menu", label="{name}", endpoint="{name}.index", icon="plugin",
            group="admin", permission="{name}.view",
        ),
    )
"""


def write_plugins(instance: Path) -> SetFile:
    """Write the plug-ins and their set into an instance."""
    entries = []
    for number in range(COUNT):
        name = f"bench{number}"
        package = instance / "plugins" / f"{name}-1.0" / f"tracker_{name}"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "plugin.toml").write_text(DECLARATION.format(name=name), encoding="utf-8")
        (package / "hooks.py").write_text(HOOKS.format(name=name), encoding="utf-8")
        entries.append(SetEntry(name, "1.0", f"{name}-1.0", "0" * 64))
    wanted = SetFile(0, tuple(entries))
    write_set(instance, wanted)
    return wanted


@contextmanager
def apps(instance: Path, wanted: SetFile) -> Iterator[tuple[Flask, Flask]]:
    """Give the app without plug-ins and the app with them, on the same database."""
    settings = Settings(
        instance=instance,
        database_url=f"sqlite:///{instance / 'tracker.db'}",
        secret_key="bench" + "0123456789abcdef" * 3,
    )
    load_models()
    loaded = load_set(instance, wanted)
    assert len(loaded) == COUNT, loaded.failures
    # As a test gives them: the database of the benchmark knows nothing of these.
    yield create_app(settings), create_app(settings, LoadedSet(loaded))


def page_seconds(app: Flask, cookie: str, rounds: int) -> list[float]:
    """Return the processor time of a page, several times."""
    client = app.test_client(use_cookies=False)
    took = []
    for _ in range(rounds):
        before = time.thread_time()
        answer = client.get(PAGE, headers={"Cookie": cookie})
        took.append(time.thread_time() - before)
        assert answer.status_code == 200
    return took


def event_seconds(app: Flask, rounds: int) -> list[float]:
    """Return the processor time that an event costs the change that it tells of, several times."""
    happened = PlanIssued(plan=uuid4(), key="k", number="1/KH", issued_on=date(2026, 1, 5))
    took = []
    with app.app_context():
        recorders = work.hooks().recorders
        told = type("Told", (), {"events": [happened]})()
        for _ in range(rounds):
            before = time.thread_time()
            for record in recorders:
                record(told)
            took.append(time.thread_time() - before)
    return took


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--port", type=int, default=8471)
    given = parser.parse_args()
    rounds = 60 if given.quick else 300
    with tempfile.TemporaryDirectory() as folder:
        instance = Path(folder)
        build(instance / "tracker.db", 1000)
        wanted = write_plugins(instance)
        with apps(instance, wanted) as (bare, full):
            cookie = sign_in(bare)
            for app in (bare, full):
                page_seconds(app, cookie, 5)
            pages: dict[str, list[float]] = {"bare": [], "full": []}
            # In turns, so that a busy machine slows both alike.
            for _ in range(rounds // 10):
                pages["bare"] += page_seconds(bare, cookie, 10)
                pages["full"] += page_seconds(full, cookie, 10)
            event = [statistics.median(event_seconds(app, rounds * 20)) for app in (bare, full)]
        start_once(folder, given.port)
        starts = [start_once(folder, given.port)[0] for _ in range(2 if given.quick else 5)]
    page = [statistics.median(pages[name]) for name in ("bare", "full")]
    added = (event[1] - event[0]) / page[0] * 100
    lines = [
        (f"page {PAGE}, ms of processor", f"{page[0] * 1000:.2f}", f"{page[1] * 1000:.2f}", "", ""),
        (
            "an event nobody hears, microseconds",
            f"{event[0] * 1e6:.1f}",
            f"{event[1] * 1e6:.1f}",
            "",
            "",
        ),
        ("the event's share of the page, %", "", "", f"{added:.3f}", f"{GOAL_PERCENT:g}"),
        (
            "start to the first 200, seconds",
            "",
            f"{statistics.median(starts):.2f}",
            f"best {min(starts):.2f}",
            f"{GOAL_START:g}",
        ),
    ]
    show(("what", "no plug-ins", f"{COUNT} plug-ins", "result", "goal"), lines)
    print(
        f"load of the machine at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    )


if __name__ == "__main__":
    main()

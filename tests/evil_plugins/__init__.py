"""Plug-ins that break their contract at run time, each in one way.

`AT_IMPORT` are written to disk and loaded as an instance does; `misbehaving` offers functions that
go wrong when a page calls them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from flask import Blueprint

from tracker.plugins import descriptors as d
from tracker.plugins.hookspecs import hookimpl
from tracker.plugins.loader import SetEntry, SetFile
from tracker.web.doors import open_to_all

DECLARATION = """\
name = "{name}"
version = "1.0"
api = "1.0"
title = {{ vi = "{name}", en = "{name}" }}
summary = {{ vi = "Thử", en = "Trial" }}
author = "Tests"
address = "{name}"
"""

# What stands in the plug-in's hooks.py.
AT_IMPORT: Mapping[str, str] = {
    "good": "",
    "raises": "raise ValueError('broken on purpose')",
    "leaves": "import sys\nsys.exit(0)",
    "missing": "import a_library_that_nobody_has",
    "relation": """
from sqlalchemy import Integer
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from tracker.core.db import Base

class Own(DeclarativeBase):
    metadata = Base.metadata

class Thing(Own):
    __tablename__ = "plugin_relation__things"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    other: Mapped["Nowhere"] = relationship("Nowhere")
""",
    "thief": """
from sqlalchemy import Integer
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from tracker.core.db import Base

class Own(DeclarativeBase):
    metadata = Base.metadata

class Thing(Own):
    __tablename__ = "plugin_good__things"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
""",
}
# These take the whole process along, or hold it for ever.
ENDS_THE_PROCESS: Mapping[str, str] = {
    "exits": "import os\nos._exit(0)",
    "aborts": "import os\nos.abort()",
    "hangs": "import threading\nthreading.Event().wait()",
    "spins": "import re\nre.match('(a|a)*$', 'a' * 64 + 'b')",
}


def write(plugins: Path, name: str, hooks: str, version: str = "1.0") -> SetEntry:
    """Write a plug-in as it lies in an instance, and return its entry in the set."""
    folder = plugins / f"{name}-{version}"
    package = folder / f"tracker_{name}"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    text = DECLARATION.format(name=name).replace('"1.0"', f'"{version}"', 1)
    (package / "plugin.toml").write_text(text, encoding="utf-8")
    (package / "hooks.py").write_text(hooks, encoding="utf-8")
    return SetEntry(name, version, folder.name, "0" * 64)


def write_all(plugins: Path, hooks: Mapping[str, str]) -> SetFile:
    """Write several, and return the set of them."""
    return SetFile(1, tuple(write(plugins, name, text) for name, text in hooks.items()))


def offering(**hooks: Callable[..., Any]) -> SimpleNamespace:
    """Return hook implementations from functions by the ends of their names."""
    return SimpleNamespace(
        **{f"tracker_{name}": hookimpl(function) for name, function in hooks.items()}
    )


def returning(value: Any) -> Callable[[], Any]:
    """Return a function of no arguments that returns `value`."""

    def implementation() -> Any:
        return value

    return implementation


class Hanging:
    """A function that never returns by itself; `let_go` ends it after the test."""

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def __call__(self, *_arguments: Any) -> str:
        self.let_go.wait()
        return ""


def card(name: str, render: Callable[..., Any]) -> d.DashboardCard:
    """A block of the overview."""
    return d.DashboardCard(key=f"{name}.card", title=name, render=render)


def work_source(name: str, items: Callable[..., Any]) -> d.MyWorkSource:
    """A source of the home page."""
    return d.MyWorkSource(key=f"{name}.work", items=items)


def with_work(name: str, items: Callable[..., Any]) -> SimpleNamespace:
    """A plug-in with one source of the home page."""
    return offering(register_my_work=returning((work_source(name, items),)))


def pages(name: str, views: Mapping[str, Callable[[], Any]]) -> Blueprint:
    """A blueprint with a page for each view, open to all."""
    blueprint = Blueprint(name, __name__, url_prefix=f"/{name}")
    for path, view in views.items():
        blueprint.add_url_rule(f"/{path}", path, open_to_all(view))
    return blueprint

"""Describes tracker.api in plain values: `python -m tests.contract.api_snapshot` renews the file.

A change that only adds raises the second number of the version; one that takes away or changes
what is there raises the first.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import json
import pkgutil
import re
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import Subquery

import tracker.api

FILE = Path(__file__).with_name("api.json")


def describe() -> dict[str, Any]:
    """Return the version, and each module's names with their signatures, fields or columns."""
    names = sorted(one.name for one in pkgutil.iter_modules(tracker.api.__path__))
    modules = {name: import_module(f"tracker.api.{name}") for name in names}
    return {
        "version": list(tracker.api.VERSION),
        "modules": {
            name: {key: _describe(getattr(module, key)) for key in sorted(module.__all__)}
            for name, module in modules.items()
        },
    }


def _describe(thing: Any) -> Any:
    if isinstance(thing, Subquery):
        return {column.name: type(column.type).__name__ for column in thing.c}
    if inspect.isclass(thing):
        return _describe_class(thing)
    if inspect.isfunction(thing):
        return _signature(thing)
    return type(thing).__name__


def _describe_class(kind: type[Any]) -> Any:
    if not kind.__module__.startswith("tracker."):
        # A library's own: its name is the promise.
        return f"{kind.__module__.split('.')[0]}.{kind.__name__}"
    if issubclass(kind, enum.Enum):
        return {one.name: one.value for one in kind}
    described: dict[str, Any] = {}
    if dataclasses.is_dataclass(kind):
        for one in dataclasses.fields(kind):
            has_default = one.default is not dataclasses.MISSING
            described[one.name] = f"{one.type}{' = ...' if has_default else ''}"
    for name, member in vars(kind).items():
        if name.startswith("_"):
            continue
        if inspect.isfunction(member):
            described[name] = _signature(member)
        elif isinstance(member, property):
            described[name] = "property"
    return described


def _signature(function: Any) -> str:
    # Where a default lies in memory is not part of it.
    return re.sub(r" at 0x[0-9a-f]+", "", str(inspect.signature(function)))


if __name__ == "__main__":
    FILE.write_text(
        json.dumps(describe(), ensure_ascii=False, indent=1, sort_keys=True) + "\n",
        encoding="utf-8",
    )

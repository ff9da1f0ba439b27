"""The contract with plug-ins: names, columns and signatures of tracker.api stay as they are."""

from __future__ import annotations

import json
from importlib import import_module

import pytest
from sqlalchemy.orm import DeclarativeBase

from tests.contract.api_snapshot import FILE, describe
from tracker.api import VERSION
from tracker.api.models import PluginModel
from tracker.plugins import descriptors, events

KEPT = json.loads(FILE.read_text(encoding="utf-8"))
MODULES = sorted(KEPT["modules"])


def test_version_is_the_one_that_was_kept():
    assert list(VERSION) == KEPT["version"]


def test_no_module_came_or_went():
    assert sorted(describe()["modules"]) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_names_columns_and_signatures_are_those_that_were_kept(module: str):
    # Meant to change? Raise the version, then: python -m tests.contract.api_snapshot
    assert describe()["modules"][module] == KEPT["modules"][module]


@pytest.mark.parametrize("module", MODULES)
def test_no_mapped_class_is_handed_out(module: str):
    made = import_module(f"tracker.api.{module}")
    mapped = [
        name
        for name in made.__all__
        if isinstance(getattr(made, name), type)
        and issubclass(getattr(made, name), DeclarativeBase)
        and getattr(made, name) is not PluginModel
    ]
    assert mapped == []


@pytest.mark.parametrize("source", [descriptors, events])
def test_every_descriptor_and_event_is_to_be_had(source: object):
    from tracker.api import hooks

    own = {
        name
        for name, thing in vars(source).items()
        if isinstance(thing, type) and thing.__module__ == source.__name__  # type: ignore[attr-defined]
    }
    assert own - set(hooks.__all__) == set()

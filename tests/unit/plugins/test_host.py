"""The host: collects descriptors once, refuses duplicates, keeps listeners apart."""

from __future__ import annotations

import inspect
import json
from datetime import UTC, date, datetime
from types import SimpleNamespace
from uuid import uuid4

import pluggy
import pytest

from tracker.core.errors import FieldError, PluginError
from tracker.features import features
from tracker.plugins import hookspecs
from tracker.plugins.descriptors import MenuItem, Permission
from tracker.plugins.events import (
    JobFailed,
    PlanIssued,
    UnitsReorganised,
    from_plain,
    to_plain,
)
from tracker.plugins.hookspecs import hookimpl
from tracker.plugins.host import EVENT_HOOKS, Host


def menu_item(key: str, weight: int = 100) -> MenuItem:
    return MenuItem(
        key=key, label=key, endpoint=f"{key}.index", icon="task", group="day", weight=weight
    )


def offering(hook: str, *offers: object) -> SimpleNamespace:
    def implementation():
        return offers

    return SimpleNamespace(**{hook: hookimpl(implementation)})


def issued() -> PlanIssued:
    return PlanIssued(plan=uuid4(), key="k", number="1/KH-UBND", issued_on=date(2026, 1, 5))


def test_offers_are_sorted_by_weight_then_key():
    host = Host(
        {
            "one": offering("tracker_register_menu_items", menu_item("b"), menu_item("a")),
            "two": offering("tracker_register_menu_items", menu_item("z", weight=1)),
        }
    )
    assert [item.key for item in host.registry.menu_items] == ["z", "a", "b"]


def test_same_key_twice_stops_the_start_and_names_both():
    with pytest.raises(PluginError, match=r"two: menu_items 'a' is already offered by one"):
        Host(
            {
                "one": offering("tracker_register_menu_items", menu_item("a")),
                "two": offering("tracker_register_menu_items", menu_item("a")),
            }
        )


@pytest.mark.parametrize("key", ["Plans", "plans.", "a b", "", "1a", "a-b"])
def test_key_that_is_not_a_name_is_refused(key: str):
    with pytest.raises(PluginError, match="not a name"):
        Host({"one": offering("tracker_register_permissions", Permission(key=key, label="x"))})


def test_misspelt_hook_stops_the_start():
    with pytest.raises(pluggy.PluginValidationError):
        Host({"one": offering("tracker_register_menus", menu_item("a"))})


def test_each_listener_is_told_by_its_name():
    told: list[str] = []

    def breaks(happened: PlanIssued) -> None:
        raise ValueError("broken")

    def hears(happened: PlanIssued) -> None:
        told.append(happened.key)

    host = Host(
        {
            "one": SimpleNamespace(tracker_on_plan_issued=hookimpl(breaks)),
            "two": SimpleNamespace(tracker_on_plan_issued=hookimpl(hears)),
        }
    )
    assert sorted(host.listeners(issued())) == ["one", "two"]
    with pytest.raises(ValueError, match="broken"):
        host.tell("one", issued())
    assert host.tell("two", issued())
    assert not host.tell("three", issued())
    assert told == ["k"]


def test_fact_that_no_hook_tells_of_is_a_mistake():
    with pytest.raises(PluginError):
        Host({}).listeners(object())


@pytest.mark.parametrize(
    "happened",
    [
        issued(),
        UnitsReorganised(
            kind="merge", effective_on=date(2025, 7, 1), successors=((1, (3, 4)), (2, ()))
        ),
        JobFailed(job="a.b", run=uuid4(), due_at=datetime(2026, 6, 1, 17, tzinfo=UTC), reason="x"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_event_comes_back_from_paper_as_it_was(happened: object):
    written = json.loads(json.dumps(to_plain(happened)))
    assert from_plain(type(happened), written) == happened


def test_event_on_paper_may_be_older_or_newer_than_its_class():
    written = {**to_plain(issued()), "of_another_release": 1}
    assert from_plain(PlanIssued, written).key == "k"


def test_validate_hooks_collect_field_errors():
    def veto(progress: object) -> list[FieldError]:
        return [FieldError("note", "thiếu")]

    host = Host({"one": SimpleNamespace(tracker_validate_progress=hookimpl(veto))})
    assert host.validate("progress", object()) == [FieldError("note", "thiếu")]


def test_every_hook_says_when_it_is_called_or_what_to_return():
    hooks = [
        function
        for name, function in inspect.getmembers(hookspecs, inspect.isfunction)
        if name.startswith("tracker_")
    ]
    assert len(hooks) > 20
    for hook in hooks:
        assert (hook.__doc__ or "").startswith(("Return", "Called")), hook.__name__


def test_every_event_has_its_hook():
    names = {name for name in dir(hookspecs) if name.startswith("tracker_on_")}
    assert set(EVENT_HOOKS.values()) == names


def test_every_registration_hook_has_a_living_example_in_the_core():
    host = Host(features())
    unused = [
        name
        for name in dir(hookspecs)
        if name.startswith("tracker_register_")
        and not getattr(host.manager.hook, name).get_hookimpls()
    ]
    # No register of the core's own knows of tasks: the plug-in in the tests is the example.
    assert unused == ["tracker_register_progress_sources"]

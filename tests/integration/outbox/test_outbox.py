"""The outbox: written with its cause, done at least once, settled by whoever holds it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.factories.outbox import work_off
from tests.support.apps import running_app
from tracker.config import Settings
from tracker.core import context
from tracker.core.clock import FixedClock
from tracker.core.db import db
from tracker.core.errors import NotFound
from tracker.core.work import Work, run
from tracker.outbox import topics
from tracker.outbox.cli import outbox
from tracker.outbox.drain import start_pool
from tracker.outbox.hooks import KEPT_DAYS, check_outbox, tidy
from tracker.outbox.models import MessageState, OutboxMessage
from tracker.outbox.pool import EXTENSION
from tracker.outbox.services import (
    Claim,
    Forget,
    Keep,
    apply_and_settle,
    claim,
    forget_listener,
    keep,
    next_wait,
    post,
    settle,
)
from tracker.outbox.topics import GiveUp, Message, NotYet, Topic
from tracker.plugins.descriptors import Health
from tracker.plugins.events import PlanIssued
from tracker.plugins.hookspecs import hookimpl
from tracker.plugins.host import Host, host_of
from tracker.plugins.states import PluginState
from tracker.settings.models import Setting
from tracker.settings.services import SaveSettings, save_settings

pytestmark = pytest.mark.usefixtures("system")

# As long as settings have it where nobody says otherwise.
LEASE = timedelta(minutes=2)


@dataclass
class Outside:
    """What a topic acts on; it may be told to be away."""

    got: list[str] = field(default_factory=list)
    away: Exception | None = None
    arrived: threading.Event = field(default_factory=threading.Event)

    def send(self, message: Message) -> None:
        if self.away is not None:
            raise self.away
        self.got.append(message.payload)
        self.arrived.set()


def note(work: Work, message: Message) -> None:
    work.session.add(Setting(key=f"test.{message.id}", value=message.payload))


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Outside:
    """Two topics: one acts on the outside, one on the database."""
    found = Outside()
    known = {
        **topics.topics(),
        "test.send": Topic(key="test.send", send=found.send, patience=timedelta(days=2)),
        "test.note": Topic(key="test.note", apply=note),
    }
    monkeypatch.setattr(topics, "_topics", known)
    return found


def put(topic: str, payload: object, key: str = "") -> bool:
    def service(work: Work, _data: None) -> bool:
        return post(work, topic, payload, key=key or uuid4().hex)

    return run(service, None)


def messages() -> list[OutboxMessage]:
    db.session.rollback()
    return list(db.session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)))


def test_message_is_written_with_its_cause_or_not_at_all(outside: Outside) -> None:
    def fails(work: Work, _data: None) -> None:
        post(work, "test.send", "x", key="k")
        raise ValueError("after all")

    with pytest.raises(ValueError, match="after all"):
        run(fails, None)
    assert messages() == []
    put("test.send", "x")
    assert len(messages()) == 1


def test_same_key_is_posted_once_and_done_once(outside: Outside) -> None:
    assert put("test.send", "first", "k")
    assert not put("test.send", "second", "k")
    assert work_off() == (1, 0)
    assert not put("test.send", "third", "k")
    assert work_off() == (0, 0)
    assert outside.got == ["first"]


def test_unknown_topic_is_a_mistake(outside: Outside) -> None:
    with pytest.raises(LookupError):
        put("test.nothing", 1)


def test_nothing_is_lost_while_the_outside_is_away_for_a_day(
    outside: Outside, clock: FixedClock
) -> None:
    outside.away = OSError("no route")
    put("test.send", "x")
    tries = 0
    end = clock.now() + timedelta(days=1)
    while clock.now() < end:
        tries += work_off()[1]
        clock.advance(minutes=30)
    (row,) = messages()
    assert row.state is MessageState.PENDING
    assert row.attempts == tries
    assert 20 < tries < 40
    assert "no route" in row.error
    outside.away = None
    clock.advance(hours=1)
    assert work_off() == (1, 0)
    assert outside.got == ["x"]


def test_waits_double_up_to_an_hour() -> None:
    waits = [next_wait(attempt).total_seconds() for attempt in range(1, 10)]
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_patience_ends_and_the_message_can_be_tried_again_by_hand(
    app: Flask, outside: Outside, clock: FixedClock
) -> None:
    outside.away = OSError("gone")
    put("test.send", "x")
    clock.advance(days=2, minutes=1)
    assert work_off() == (0, 1)
    assert messages()[0].state is MessageState.GIVEN_UP
    assert [one.health for one in check_outbox()] == [Health.WARNING]
    listed = app.test_cli_runner().invoke(outbox, ["list", "--json"])
    assert '"given_up"' in listed.output
    outside.away = None
    assert "1" in app.test_cli_runner().invoke(outbox, ["retry", "test.send"]).output
    assert work_off() == (1, 0)
    assert outside.got == ["x"]
    assert [one.health for one in check_outbox()] == [Health.OK]


def test_topic_may_put_off_without_blame_or_give_up(outside: Outside, clock: FixedClock) -> None:
    outside.away = NotYet(timedelta(minutes=15), "later")
    put("test.send", "x")
    work_off()
    (row,) = messages()
    assert (row.attempts, row.next_try_at) == (0, clock.now() + timedelta(minutes=15))
    outside.away = GiveUp("nobody there")
    clock.advance(minutes=15)
    work_off()
    (row,) = messages()
    assert (row.state, row.error) == (MessageState.GIVEN_UP, "nobody there")


def test_effect_in_the_database_happens_once_with_its_settling(
    outside: Outside, clock: FixedClock
) -> None:
    put("test.note", "x")
    (late,) = run(claim, Claim(10, LEASE))
    assert run(claim, Claim(10, LEASE)) == []
    clock.advance(seconds=LEASE.total_seconds() + 1)
    # The first holder hung; a second one takes over and does it.
    assert work_off() == (1, 0)
    assert not run(apply_and_settle, late)
    assert not run(settle, late)
    db.session.rollback()
    written = select(func.count()).select_from(Setting).where(Setting.key.startswith("test."))
    assert db.session.scalar(written) == 1
    assert messages()[0].state is MessageState.DONE


def test_message_behind_slow_ones_is_not_sent_again_once_another_process_has_it(
    outside: Outside, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("test.send", "slow")
    put("test.send", "behind")
    elapsed = [0.0]
    monkeypatch.setattr("tracker.outbox.drain.monotonic", lambda: elapsed[0])
    send = outside.send

    def wait_long(message: Message) -> None:
        send(message)
        if message.payload == "slow":
            # Meanwhile the lease of both ends, and another process does the second one.
            elapsed[0] += LEASE.total_seconds()
            clock.advance(seconds=LEASE.total_seconds() + 1)
            theirs = {held.message.payload: held for held in run(claim, Claim(10, LEASE))}
            assert run(keep, Keep(theirs["behind"], LEASE))

    known = {**topics.topics(), "test.send": Topic(key="test.send", send=wait_long)}
    monkeypatch.setattr(topics, "_topics", known)
    assert work_off() == (0, 2)
    assert outside.got == ["slow"]
    # Whoever holds them may be gone: they are free again after a lease, not before.
    assert work_off() == (0, 0)
    monkeypatch.setattr(
        topics, "_topics", {**known, "test.send": Topic(key="test.send", send=send)}
    )
    clock.advance(seconds=LEASE.total_seconds() + 1)
    assert work_off() == (2, 0)
    assert outside.got == ["slow", "slow", "behind"]


def test_lease_of_a_clock_that_ran_ahead_holds_nothing_up(
    outside: Outside, clock: FixedClock
) -> None:
    put("test.send", "x")
    clock.advance(days=1)
    assert len(run(claim, Claim(10, LEASE))) == 1
    clock.advance(days=-1)
    assert work_off() == (1, 0)


def test_retry_of_what_is_no_topic_says_so(app: Flask, outside: Outside) -> None:
    said = app.test_cli_runner().invoke(outbox, ["retry", "test.sent"])
    assert isinstance(said.exception, NotFound)
    assert "test.sent" in said.exception.message


def test_settled_messages_go_after_a_month(outside: Outside, clock: FixedClock) -> None:
    put("test.send", "x")
    work_off()
    clock.advance(days=29)
    put("test.send", "y")
    tidy(SimpleNamespace())  # type: ignore[arg-type]
    assert len(messages()) == 2
    clock.advance(days=2)
    tidy(SimpleNamespace())  # type: ignore[arg-type]
    assert [row.payload for row in messages()] == ["y"]


def test_settled_messages_stay_as_long_as_the_setting_says(
    outside: Outside, clock: FixedClock
) -> None:
    put("test.send", "x")
    work_off()
    run(save_settings, SaveSettings({KEPT_DAYS: 60}))
    clock.advance(days=59)
    assert tidy(SimpleNamespace()) == "Đã dọn 0 mục."  # type: ignore[arg-type]
    clock.advance(days=2)
    assert tidy(SimpleNamespace()) == "Đã dọn 1 mục."  # type: ignore[arg-type]


def test_server_process_does_at_once_what_it_posts(app: Flask, outside: Outside) -> None:
    pool = start_pool(app)
    try:
        put("test.send", "x")
        assert outside.arrived.wait(20)
    finally:
        pool.executor.shutdown(wait=True)
        del app.extensions[EXTENSION]
    assert [row.state for row in messages()] == [MessageState.DONE]


# -- events -------------------------------------------------------------------------------------


def issued(key: str = "k") -> PlanIssued:
    return PlanIssued(plan=uuid4(), key=key, number="1/KH-UBND", issued_on=date(2026, 1, 5))


def emit(happened: object) -> None:
    def service(work: Work, _data: None) -> None:
        work.emit(happened)

    run(service, None)


Joined = Callable[..., Host]


@pytest.fixture
def joined(settings: Settings, clock: FixedClock) -> Iterator[Joined]:
    """Go on in an app that these listeners to issued plans have joined, by name."""
    with ExitStack() as stack:

        def join(**listeners: Callable[[PlanIssued], None]) -> Host:
            plugins = {
                name: SimpleNamespace(tracker_on_plan_issued=hookimpl(listen))
                for name, listen in listeners.items()
            }
            app = stack.enter_context(running_app(settings, clock, plugins=plugins))
            stack.enter_context(app.app_context())
            stack.enter_context(
                context.acting(context.Context(context.SYSTEM_ACTOR, clock, context.Source.COMMAND))
            )
            return host_of(app)

        yield join


def test_event_is_told_to_each_listener_until_it_succeeds(
    joined: Joined, clock: FixedClock
) -> None:
    told: list[tuple[str, PlanIssued]] = []
    broken = True

    def breaks(happened: PlanIssued) -> None:
        if broken:
            raise ValueError("broken")
        told.append(("one", happened))

    def hears(happened: PlanIssued) -> None:
        told.append(("two", happened))

    joined(one=breaks, two=hears)
    happened = issued()
    emit(happened)
    assert work_off() == (1, 1)
    assert told == [("two", happened)]
    broken = False
    clock.advance(seconds=30)
    assert work_off() == (1, 0)
    assert told == [("two", happened), ("one", happened)]


def test_event_waits_for_a_listener_that_is_switched_off(joined: Joined, clock: FixedClock) -> None:
    told: list[str] = []

    def hears(happened: PlanIssued) -> None:
        told.append(happened.key)

    host = joined(camera_x=hears)
    emit(issued("kept"))
    host.close("camera_x")
    assert work_off() == (0, 1)
    host.set_states({"camera_x": PluginState.ENABLED})
    clock.advance(minutes=15)
    assert work_off() == (1, 0)
    assert told == ["kept"]
    emit(issued("dropped"))
    host.close("camera_x")
    # Another plug-in's name that differs only where a pattern would not tell.
    run(forget_listener, Forget("camera%"))
    run(forget_listener, Forget("cameraax"))
    assert run(forget_listener, Forget("camera_x")) == 1
    db.session.rollback()


@pytest.mark.own_app
def test_event_without_listeners_costs_nothing(app: Flask) -> None:
    manager = host_of(app).manager
    for name, implementation in manager.list_name_plugin():
        if hasattr(implementation, "tracker_on_plan_issued"):
            manager.unregister(implementation, name)
    emit(issued())
    assert messages() == []

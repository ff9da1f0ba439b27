"""Events through the outbox: one message for each listener, written with the cause."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from flask import current_app

from tracker.core.work import Work
from tracker.outbox.services import post
from tracker.outbox.topics import Message, NotYet, Topic, register
from tracker.plugins.events import from_plain, to_plain
from tracker.plugins.host import EVENT_HOOKS, host_of

TOPIC = "event"
# How long an event waits for a listener that is switched off, until it is asked for again.
ABSENT = timedelta(minutes=15)

EVENTS = {kind.__name__: kind for kind in EVENT_HOOKS}


def record(work: Work) -> None:
    """Write down for each listener what happened; where nobody listens, nothing is written."""
    host = host_of(current_app)
    for happened in work.events:
        for listener in host.listeners(happened):
            payload = {
                "listener": listener,
                "event": type(happened).__name__,
                "values": to_plain(happened),
            }
            post(work, TOPIC, payload, key=f"event:{listener}:{uuid4().hex}")


def tell(message: Message) -> None:
    """Tell a listener; raises what it raises, NotYet while it is switched off."""
    payload = message.payload
    happened = from_plain(EVENTS[payload["event"]], payload["values"])
    if not host_of(current_app).tell(payload["listener"], happened):
        raise NotYet(ABSENT, f"{payload['listener']} is switched off")


register(Topic(key=TOPIC, send=tell))

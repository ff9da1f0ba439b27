"""What plug-ins hand over when units are reorganised: written with the operation, done after it.

No plug-in's code runs inside the core's transaction, so a plug-in's part waits here: at least once,
in the order of the operations, and as long as the plug-in is switched off or fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final, cast
from uuid import uuid4

from flask import current_app, render_template
from sqlalchemy import CursorResult, delete, select

from tracker.core.db import db
from tracker.core.work import Work
from tracker.outbox.models import MessageState, OutboxMessage
from tracker.outbox.services import post
from tracker.outbox.topics import Message, NotYet, Topic, register
from tracker.plugins.descriptors import Handover
from tracker.plugins.host import host_of

TOPIC: Final = "handover"
# How long it waits for a plug-in that is switched off, until it is asked for again.
ABSENT: Final = timedelta(minutes=15)
# And for an earlier operation of the same plug-in, which is due at any moment.
BEHIND: Final = timedelta(minutes=1)


def prefix_of(plugin: str) -> str:
    """Return how the keys of a plug-in's messages begin."""
    return f"{TOPIC}:{plugin}:"


def record(work: Work, plugin: str, contributor: str, handover: Handover) -> None:
    """Write down what a plug-in has to hand over, with the operation that is its cause."""
    payload = {
        "plugin": plugin,
        "contributor": contributor,
        "handover": to_plain(handover, contributor),
    }
    post(work, TOPIC, payload, key=f"{prefix_of(plugin)}{contributor}:{uuid4().hex}")


def to_plain(handover: Handover, contributor: str) -> dict[str, Any]:
    """Return a handover as JSON values, with the choices that are a contributor's own."""
    return {
        "kind": handover.kind,
        "effective_on": handover.effective_on.isoformat(),
        "decision": handover.decision,
        "successors": [[old, list(new)] for old, new in sorted(handover.successors.items())],
        "choices": [
            [record, unit]
            for (whose, record), unit in sorted(handover.choices.items())
            if whose == contributor
        ],
    }


def from_plain(values: Mapping[str, Any], contributor: str) -> Handover:
    """Return the handover that `to_plain` wrote down."""
    return Handover(
        kind=values["kind"],
        effective_on=date.fromisoformat(values["effective_on"]),
        decision=values["decision"],
        successors={old: tuple(new) for old, new in values["successors"]},
        choices={(contributor, record): unit for record, unit in values["choices"]},
    )


def hand_over(message: Message) -> None:
    """Let a plug-in do its part; raises what it raises, NotYet while it has to wait."""
    payload = message.payload
    plugin, contributor = payload["plugin"], payload["contributor"]
    if _is_behind(message, plugin):
        raise NotYet(BEHIND, "an earlier operation comes first")
    handover = from_plain(payload["handover"], contributor)
    if not host_of(current_app).hand_over(contributor, handover):
        raise NotYet(ABSENT, f"{plugin} is switched off")


def _is_behind(message: Message, plugin: str) -> bool:
    """Tell whether an earlier operation waits: units that take over may end in the next one."""
    earlier = select(OutboxMessage.id).where(
        OutboxMessage.topic == TOPIC,
        OutboxMessage.state == MessageState.PENDING,
        OutboxMessage.key.startswith(prefix_of(plugin), autoescape=True),
        OutboxMessage.id < message.id,
    )
    return db.session.scalar(earlier.limit(1)) is not None


def forget(work: Work, plugin: str) -> int:
    """Drop what a plug-in has to hand over; return how many. Called when its data goes."""
    dropped = work.session.execute(
        delete(OutboxMessage).where(
            OutboxMessage.topic == TOPIC,
            OutboxMessage.state == MessageState.PENDING,
            OutboxMessage.key.startswith(prefix_of(plugin), autoescape=True),
        )
    )
    return cast("CursorResult[Any]", dropped).rowcount


def unit_panel(unit_id: int) -> str:
    """Name the plug-ins whose records of a unit have not changed hands yet; '' when none waits."""
    waiting = db.session.execute(
        select(OutboxMessage.payload, OutboxMessage.error)
        .where(OutboxMessage.topic == TOPIC, OutboxMessage.state == MessageState.PENDING)
        .order_by(OutboxMessage.id)
    )
    host = host_of(current_app)
    named: dict[str, bool] = {}
    for row in waiting:
        concerned = {
            one for old, new in row.payload["handover"]["successors"] for one in (old, *new)
        }
        if unit_id in concerned:
            title = host.title(row.payload["plugin"])
            named[title] = named.get(title, False) or bool(row.error)
    return render_template("outbox/_handovers.html", plugins=named) if named else ""


register(Topic(key=TOPIC, send=hand_over))

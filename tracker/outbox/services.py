"""Services of the outbox: post within a unit of work, claim, settle, put off, tidy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, and_, delete, or_, select, update

from tracker.core.work import Work
from tracker.outbox.models import MessageState, OutboxMessage
from tracker.outbox.pool import wake
from tracker.outbox.rows import insert_new
from tracker.outbox.topics import Message, topics

FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
LONGEST_ERROR = 2000
DELETED_AT_ONCE = 500


def post(
    work: Work, topic: str, payload: Any, *, key: str, not_before: datetime | None = None
) -> bool:
    """Write down what has to follow from this unit of work; False when `key` is there already.

    It is done right after the commit where a server runs, else by the job process; `not_before`
    holds it back until then. Raises LookupError for a topic that nobody declared.
    """
    if topic not in topics():
        raise LookupError(f"no topic {topic!r}")
    written = insert_new(
        work.session,
        OutboxMessage,
        [_row(topic, payload, key, work.now, not_before)],
    )
    work.then(wake)
    return bool(written)


def post_all(work: Work, topic: str, messages: Sequence[tuple[str, Any, datetime | None]]) -> int:
    """Post many messages of one topic as (key, payload, not before); return how many are new."""
    if topic not in topics():
        raise LookupError(f"no topic {topic!r}")
    rows = [_row(topic, payload, key, work.now, at) for key, payload, at in messages]
    written = insert_new(work.session, OutboxMessage, rows)
    if written:
        work.then(wake)
    return written


def _row(
    topic: str, payload: Any, key: str, now: datetime, not_before: datetime | None
) -> dict[str, Any]:
    return {
        "key": key,
        "topic": topic,
        "payload": payload,
        "state": MessageState.PENDING,
        "posted_at": now,
        "next_try_at": max(now, not_before or now),
        "attempts": 0,
        "fence": 0,
        "error": "",
    }


# -- settling ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """A wish to work on messages that are due, for as long as the lease."""

    most: int
    lease: timedelta


@dataclass(frozen=True)
class Held:
    """A claimed message and the number by which its holder is known."""

    message: Message
    fence: int


def claim(work: Work, data: Claim) -> list[Held]:
    """Take messages that are due and that nobody works on; return them in order of their time."""
    due = (
        select(OutboxMessage.id)
        .where(
            OutboxMessage.state == MessageState.PENDING,
            OutboxMessage.next_try_at <= work.now,
            or_(
                OutboxMessage.lease_until.is_(None),
                OutboxMessage.lease_until <= work.now,
                # Written by a clock that was far ahead: nobody would wait that long on purpose.
                OutboxMessage.lease_until > work.now + 2 * data.lease,
            ),
            # Of a topic that this process doesn't know, another one takes care.
            OutboxMessage.topic.in_(sorted(topics())),
        )
        .order_by(OutboxMessage.next_try_at, OutboxMessage.id)
        .limit(data.most)
        .with_for_update(skip_locked=True)
    )
    ids = work.session.scalars(due).all()
    if not ids:
        return []
    work.session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.id.in_(ids))
        .values(
            lease_until=work.now + data.lease,
            fence=OutboxMessage.fence + 1,
            attempts=OutboxMessage.attempts + 1,
        )
    )
    rows = work.session.scalars(
        select(OutboxMessage)
        .where(OutboxMessage.id.in_(ids))
        .order_by(OutboxMessage.next_try_at, OutboxMessage.id)
        .execution_options(populate_existing=True)
    )
    return [Held(_message(row), row.fence) for row in rows]


def _message(row: OutboxMessage) -> Message:
    return Message(row.id, row.key, row.topic, row.payload, row.posted_at, row.attempts)


def apply_and_settle(work: Work, data: Held) -> bool:
    """Do what the topic says and settle the message, both or neither.

    False, and nothing done, when another process holds the message meanwhile.
    """
    if not _lock(work, data):
        return False
    apply = topics()[data.message.topic].apply
    if apply is None:
        raise RuntimeError(f"topic {data.message.topic!r} acts outside the database")
    apply(work, data.message)
    return _set(work, data, state=MessageState.DONE, settled_at=work.now, error="")


def settle(work: Work, data: Held) -> bool:
    """Note that a message is done; False when another process holds it meanwhile."""
    return _set(work, data, state=MessageState.DONE, settled_at=work.now, error="")


@dataclass(frozen=True)
class Keep:
    """A message whose holder needs it for longer than the lease it began with."""

    held: Held
    lease: timedelta


def keep(work: Work, data: Keep) -> bool:
    """Begin the lease anew; False when another process holds the message meanwhile."""
    return _set(work, data.held, lease_until=work.now + data.lease)


@dataclass(frozen=True)
class PutOff:
    """A message that could not be done: when to try again (None: never), and why."""

    held: Held
    error: str
    wait: timedelta | None
    counts: bool = True


def put_off(work: Work, data: PutOff) -> bool:
    """Note why a message was not done; False when another process holds it meanwhile."""
    error = data.error[:LONGEST_ERROR]
    if data.wait is None:
        return _set(work, data.held, state=MessageState.GIVEN_UP, settled_at=work.now, error=error)
    attempts = data.held.message.attempt - (0 if data.counts else 1)
    return _set(work, data.held, next_try_at=work.now + data.wait, error=error, attempts=attempts)


def next_wait(attempt: int) -> timedelta:
    """Return how long to wait after the n-th failure: twice as long each time, an hour at most."""
    doubled: int = 2 ** min(attempt - 1, 16)
    return min(FIRST_WAIT * doubled, LONGEST_WAIT)


def _mine(held: Held) -> ColumnElement[bool]:
    return and_(
        OutboxMessage.id == held.message.id,
        OutboxMessage.fence == held.fence,
        OutboxMessage.state == MessageState.PENDING,
    )


def _lock(work: Work, held: Held) -> bool:
    """Lock the message until the unit of work ends; False when another process holds it."""
    found = select(OutboxMessage.id).where(_mine(held)).with_for_update()
    return work.session.scalar(found) is not None


def _set(work: Work, held: Held, **values: Any) -> bool:
    changed = work.session.execute(
        update(OutboxMessage).where(_mine(held)).values({"lease_until": None, **values})
    )
    return cast("CursorResult[Any]", changed).rowcount == 1


# -- for people ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class TryAgain:
    """Messages of a topic that were given up, or that wait for their next attempt."""

    topic: str


def try_again(work: Work, data: TryAgain) -> int:
    """Let messages of a topic be tried at once; return how many. For the system's own people."""
    changed = work.session.execute(
        update(OutboxMessage)
        .where(
            OutboxMessage.topic == data.topic,
            or_(
                OutboxMessage.state == MessageState.GIVEN_UP,
                (OutboxMessage.state == MessageState.PENDING) & (OutboxMessage.attempts > 0),
            ),
        )
        .values(state=MessageState.PENDING, next_try_at=work.now, settled_at=None)
    )
    work.then(wake)
    return cast("CursorResult[Any]", changed).rowcount


@dataclass(frozen=True)
class Forget:
    """What a listener that is gone for good was to be told."""

    listener: str


def forget_listener(work: Work, data: Forget) -> int:
    """Drop the events that wait for a listener; return how many. Called when a plug-in goes."""
    dropped = work.session.execute(
        delete(OutboxMessage).where(
            OutboxMessage.state == MessageState.PENDING,
            OutboxMessage.key.startswith(f"event:{data.listener}:", autoescape=True),
        )
    )
    return cast("CursorResult[Any]", dropped).rowcount


def drop_settled(work: Work, before: datetime) -> int:
    """Delete messages that were settled before that moment, some at a time; return how many.

    Until then their keys keep the same thing from being posted a second time.
    """
    old = (
        select(OutboxMessage.id)
        .where(OutboxMessage.state != MessageState.PENDING, OutboxMessage.settled_at < before)
        .limit(DELETED_AT_ONCE)
    )
    ids = work.session.scalars(old).all()
    work.session.execute(delete(OutboxMessage).where(OutboxMessage.id.in_(ids)))
    return len(ids)

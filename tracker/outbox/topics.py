"""What can be posted to the outbox: each topic with what is done about its messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tracker.core.work import Work


@dataclass(frozen=True)
class Message:
    """A message as its topic sees it; `key` stays the same, `attempt` counts from 1."""

    id: int
    key: str
    topic: str
    payload: Any
    posted_at: datetime
    attempt: int


class NotYet(Exception):
    """It can't be done now, through no fault: ask again after `wait`; no attempt is counted."""

    def __init__(self, wait: timedelta, why: str = "") -> None:
        super().__init__(why)
        self.wait = wait


class GiveUp(Exception):
    """It can never be done: the message is kept as given up, with the reason."""


@dataclass(frozen=True, kw_only=True)
class Topic:
    """How messages of one kind are settled; exactly one of the two functions is given.

    `apply(work, message)` writes in the very transaction that settles the message: its effects
    happen once. `send(message)` acts on the outside, in no transaction: it may happen again.
    Both raise whatever stands in the way, and are tried again, up to `patience` after posting.
    """

    key: str
    apply: Callable[[Work, Message], None] | None = None
    send: Callable[[Message], None] | None = None
    patience: timedelta | None = None


_topics: dict[str, Topic] = {}


def register(topic: Topic) -> None:
    """Declare a topic; features do so when their hooks are imported. Raises ValueError."""
    if (topic.apply is None) == (topic.send is None):
        raise ValueError(f"topic {topic.key!r} needs one way to be settled")
    known = _topics.setdefault(topic.key, topic)
    if known is not topic:
        raise ValueError(f"topic {topic.key!r} is declared twice")


def topics() -> Mapping[str, Topic]:
    """Return the topics by key."""
    return _topics

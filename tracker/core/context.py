"""Who acts, from where, at what time: set once at the boundary (request, command, job)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum

from tracker.core.clock import Clock, SystemClock
from tracker.core.rights import NOBODY, SYSTEM, Access


class Source(StrEnum):
    """The door by which a change came in."""

    PAGE = "page"
    COMMAND = "command"
    IMPORT = "import"
    JOB = "job"
    PLUGIN = "plugin"


@dataclass(frozen=True)
class Actor:
    """Who acts; the name is kept as text, because accounts end and the change log stays."""

    name: str
    user_id: int | None = None
    access: Access = field(default=NOBODY, compare=False)


SYSTEM_ACTOR = Actor("Hệ thống", None, SYSTEM)
ANONYMOUS = Actor("", None, NOBODY)


@dataclass(frozen=True)
class Context:
    """What every unit of work and every rights check needs to know of the moment it runs in."""

    actor: Actor = ANONYMOUS
    clock: Clock = field(default_factory=SystemClock)
    source: Source = Source.PAGE
    request_id: str = ""


_current: ContextVar[Context | None] = ContextVar("tracker_context", default=None)


def current() -> Context:
    """Return the context; an anonymous one at the system's time when nothing set it."""
    return _current.get() or Context()


@contextmanager
def acting(context: Context) -> Iterator[Context]:
    """Make `context` the current one within the block."""
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)

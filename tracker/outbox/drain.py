"""Work off the outbox: claim what is due, do it, settle it or put it off."""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from time import monotonic

from flask import Flask

from tracker.config import Settings
from tracker.core.clock import Clock
from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting, current
from tracker.core.db import db
from tracker.core.work import run
from tracker.outbox import pool
from tracker.outbox.services import (
    Claim,
    Held,
    Keep,
    PutOff,
    apply_and_settle,
    claim,
    keep,
    next_wait,
    put_off,
    settle,
)
from tracker.outbox.topics import GiveUp, NotYet, topics
from tracker.web.contracts import contracts_of

log = logging.getLogger(__name__)

AT_ONCE = 10
SECONDS = 50.0


def start_pool(app: Flask) -> pool.Pool:
    """Let this process do at once what it posts: for web servers."""
    return pool.start(app, partial(drain, app))


def drain(app: Flask, seconds: float = SECONDS, clock: Clock | None = None) -> tuple[int, int]:
    """Settle what is due until nothing is, or the time is over; return (done, put off)."""
    context = Context(
        SYSTEM_ACTOR, clock or contracts_of(app).clock, Source.JOB, request_id="outbox"
    )
    settings: Settings = app.extensions["tracker_settings"]
    lease = timedelta(seconds=settings.outbox_lease_seconds)
    done = failed = 0
    until = monotonic() + seconds
    with app.app_context(), acting(context):
        while monotonic() < until:
            since = monotonic()
            held = run(claim, Claim(AT_ONCE, lease))
            if not held:
                break
            for one in held:
                if _do(one, lease, since):
                    done += 1
                else:
                    failed += 1
            db.session.remove()
    return done, failed


def _do(held: Held, lease: timedelta, since: float) -> bool:
    """Do one message; False when it has to be tried again, was given up, or is another's now.

    `since` is when its `lease` began. Those before it may have been slow (a mail server that lets
    each wait): what another process may hold by now is not sent again.
    """
    message = held.message
    topic = topics()[message.topic]
    try:
        if topic.send is None:
            return run(apply_and_settle, held)
        is_old = monotonic() - since > lease.total_seconds() / 4
        if is_old and not run(keep, Keep(held, lease)):
            return False
        topic.send(message)
        return run(settle, held)
    except NotYet as error:
        fault = PutOff(held, str(error), error.wait, counts=False)
    except GiveUp as error:
        fault = PutOff(held, str(error), None)
    except Exception as error:
        # A topic may raise anything, a plug-in's listener above all; it is tried again later.
        log.warning("%s failed at attempt %d", message.key, message.attempt, exc_info=error)
        waited = current().clock.now() - message.posted_at
        is_over = topic.patience is not None and waited >= topic.patience
        wait = None if is_over else next_wait(message.attempt)
        fault = PutOff(held, f"{type(error).__name__}: {error}", wait)
    db.session.rollback()
    run(put_off, fault)
    return False

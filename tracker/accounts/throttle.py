"""Throttling of guesses: by user name and by address, in the database, so every process knows.

A try is written down *before* the password is looked at, in a transaction of its own, and only a
right password takes it away. So nothing that happens to the failed sign-in can undo it
(CVE-2026-35597: the lock was rolled back with the failed login), and tries sent at the same time
do not slip past the count.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from tracker.accounts.models import LoginFailure, User
from tracker.core.errors import TooMany
from tracker.core.work import Work

FREE_BY_NAME = 5
# Whole offices sit behind one address.
FREE_BY_ADDRESS = 40
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=15)
LOOKS_BACK = timedelta(hours=24)


@dataclass(frozen=True)
class Try:
    """Somebody tries a secret: `name` is the user name in its clean form ('' for links)."""

    name: str
    address: str


def name_key(name: str) -> str:
    """Return what is kept of a name: its hash, since people type passwords into the wrong field."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def wait_after(failures: int, free: int) -> timedelta:
    """Return how long to wait after the last of so many failures: none, 30 s, doubled, 15 min."""
    if failures < free:
        return timedelta(0)
    # Past ten doublings the longest wait is long reached.
    return min(FIRST_WAIT * (1 << min(failures - free, 10)), LONGEST_WAIT)


def begin_try(work: Work, data: Try) -> int:
    """Write down a try as failed and return its number, to be forgiven when it succeeds.

    Raises TooMany while earlier failures make one wait; such a try is not counted.
    """
    # Tries on one account queue up, so that each sees those before it.
    work.session.execute(select(User.id).where(User.username == data.name).with_for_update())
    work.session.execute(delete(LoginFailure).where(LoginFailure.at < work.now - LOOKS_BACK))
    checks: list[tuple[ColumnElement[bool], int]] = [
        (LoginFailure.address == data.address, FREE_BY_ADDRESS)
    ]
    if data.name:
        checks.append((LoginFailure.username == name_key(data.name), FREE_BY_NAME))
    wait = max(_remaining(work.session, which, free, work.now) for which, free in checks)
    if wait > timedelta(0):
        raise TooMany(_told(wait), ceil(wait.total_seconds()))
    failure = LoginFailure(
        username=name_key(data.name) if data.name else "", address=data.address, at=work.now
    )
    work.session.add(failure)
    work.session.flush()
    return failure.id


def _remaining(session: Session, which: ColumnElement[bool], free: int, now: datetime) -> timedelta:
    count, last = session.execute(
        select(func.count(), func.max(LoginFailure.at)).where(
            which, LoginFailure.at >= now - LOOKS_BACK
        )
    ).one()
    if not count:
        return timedelta(0)
    until: datetime = last + wait_after(count, free)
    return max(until - now, timedelta(0))


def _told(wait: timedelta) -> str:
    seconds = ceil(wait.total_seconds())
    if seconds < 60:
        rest = ngettext("%(num)d giây", "%(num)d giây", seconds)
    else:
        rest = ngettext("%(num)d phút", "%(num)d phút", ceil(seconds / 60))
    return str(_("Đã thử sai nhiều lần. Hãy chờ %(rest)s rồi thử lại.", rest=rest))


@dataclass(frozen=True)
class Forgive:
    """A try turned out right; with a `name`, its earlier failures are forgotten too."""

    try_id: int
    name: str = ""


def forgive(work: Work, data: Forgive) -> None:
    """Take a try away that succeeded, and clear the name's failures."""
    condition: ColumnElement[bool] = LoginFailure.id == data.try_id
    if data.name:
        condition = condition | (LoginFailure.username == name_key(data.name))
    work.session.execute(delete(LoginFailure).where(condition))


def forget_name(work: Work, name: str) -> None:
    """Clear a name's failures within another service."""
    work.session.execute(delete(LoginFailure).where(LoginFailure.username == name_key(name)))

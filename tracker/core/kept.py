"""Figures kept between requests of one process, for as long as nothing was changed.

Every audited change moves the head of the change log, and what figures rest on changes with an
audited record only; so a result that is kept under (database, head, question) is never stale.
Inside a unit of work nothing is kept: its own changes don't show in the head yet.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, Final, TypeVar

from flask import g, has_request_context
from sqlalchemy import Label, select
from sqlalchemy.orm import Session

from tracker.core.changes import ChangeHead
from tracker.core.db import db, writing

Result = TypeVar("Result")
# The name of the column that is read along with each session.
HEAD: Final = "change_head"
MOST_KEPT: Final = 64

_kept: OrderedDict[Hashable, Any] = OrderedDict()
_turns: dict[Hashable, Lock] = {}
_lock = Lock()


def head_column() -> Label[int]:
    """Return the number of the newest change set as a column of another query."""
    return select(ChangeHead.last_id).limit(1).scalar_subquery().label(HEAD)


def know_head(head: int | None) -> None:
    """Take the number that was read along with the session, for the rest of this request."""
    if head is not None:
        g.change_head = head


def forget_head() -> None:
    """Read the number again within this request: something has been written."""
    if has_request_context():
        g.pop(HEAD, None)


def _head(session: Session) -> int:
    """Return the number of the newest change set, read once a request."""
    if has_request_context() and "change_head" in g:
        return int(g.change_head)
    # Read before the figures are: a change that comes between makes them newer than their key,
    # and the next request, with the next head, asks again.
    head = session.execute(select(ChangeHead.last_id)).scalar_one_or_none() or 0
    if has_request_context():
        g.change_head = head
    return head


def kept(session: Session, question: Hashable, answer: Callable[[], Result]) -> Result:
    """Return the answer to a question, computed only when something changed since it was asked.

    `question` has to name everything that the answer depends on: dates, filters, rights, language.
    """
    if writing.get():
        return answer()
    key = (str(db.engine.url), _head(session), question)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            found: Result = _kept[key]
            return found
        turn = _turns.setdefault(key, Lock())
    # After a change many ask the same at once: the first one counts, the others wait for it.
    with turn:
        with _lock:
            if key in _kept:
                made: Result = _kept[key]
                return made
        try:
            made = answer()
            with _lock:
                _kept[key] = made
                while len(_kept) > MOST_KEPT:
                    _kept.popitem(last=False)
        finally:
            with _lock:
                _turns.pop(key, None)
    return made


def forget() -> None:
    """Drop all that is kept."""
    with _lock:
        _kept.clear()

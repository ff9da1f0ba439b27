"""The unit of work: the one door for every write, from pages, commands, imports, jobs and plug-ins.

`run(service, data)` ends the read transaction, begins a writing one, lets the service re-read and
change, writes down whom to tell of what happened, writes the change set, and commits; what follows
from it is done only then. Services are plain functions `service(work, data)`; they flush, never
commit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeVar

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import DeclarativeBase, ORMExecuteState, Session
from sqlalchemy.orm.exc import StaleDataError

from tracker.core import changes
from tracker.core.context import Actor, Source, current
from tracker.core.db import db, in_line_to_write, is_reading_only, writing
from tracker.core.errors import Conflict, FieldError, NotFound, PermissionDenied, ValidationFailed
from tracker.core.kept import forget_head
from tracker.core.rights import rights

log = logging.getLogger(__name__)

Input = TypeVar("Input")
Result = TypeVar("Result")
Record = TypeVar("Record", bound=DeclarativeBase)

# Deadlocks and serialisation failures of PostgreSQL: the service may be run again from the start.
RETRYABLE = {"40001", "40P01"}
TRIES = 3


@dataclass
class Work:
    """One write as its service sees it: session, who acts, when, and what to tell afterwards."""

    session: Session
    actor: Actor
    now: datetime
    today: date
    source: Source
    request_id: str
    reason: str = ""
    events: list[object] = field(default_factory=list)
    after_commit: list[Callable[[], None]] = field(default_factory=list)

    def emit(self, happened: object) -> None:
        """Tell of a fact after commit; `happened` is a frozen dataclass of plain values."""
        self.events.append(happened)

    def then(self, step: Callable[[], None]) -> None:
        """Call `step` once, right after the commit; the same step asked for twice is called once.

        It must not raise, and nothing may depend on it: a process can end before it is called.
        """
        if step not in self.after_commit:
            self.after_commit.append(step)

    def get(self, model: type[Record], key: object, *, lock: bool = True) -> Record:
        """Return the record as it is now, locked for the change. Raises NotFound."""
        record = self.session.get(model, key, with_for_update=lock, populate_existing=True)
        if record is None:
            raise NotFound
        return record

    def may(self, permission: str, record: Any) -> bool:
        """Tell whether the actor's `permission` reaches `record`."""
        return rights.may(self.session, self.actor.access, permission, record)

    def require(self, permission: str, record: Any) -> None:
        """Raise PermissionDenied unless the actor's `permission` reaches `record`."""
        rights.require(self.session, self.actor.access, permission, record)

    def require_held(self, permission: str) -> None:
        """Raise PermissionDenied unless the actor holds `permission` anywhere."""
        if not self.actor.access.holds(permission):
            raise PermissionDenied

    def bulk_insert(
        self, model: type[DeclarativeBase], rows: Sequence[Mapping[str, Any]]
    ) -> list[int]:
        """Insert many rows at once, each in the change set; return their keys in order."""
        return changes.bulk_insert(self.session, model, rows)

    def bulk_update(self, model: type[DeclarativeBase], rows: Sequence[Mapping[str, Any]]) -> None:
        """Update many rows by primary key at once, each in the change set with its old values."""
        changes.bulk_update(self.session, model, rows)


Validator = Callable[[object], Sequence[FieldError]]
Recorder = Callable[[Work], None]


@dataclass
class Hooks:
    """Filled when an app is made: a check before for a kind of input, and who writes events down.

    Recorders are called inside the transaction, after the service, with the facts that it emitted.
    """

    validators: dict[type[object], Validator] = field(default_factory=dict)
    recorders: list[Recorder] = field(default_factory=list)


def hooks() -> Hooks:
    """Return the hooks of the current app."""
    found: Hooks = current_app.extensions["tracker_work"]
    return found


_running: ContextVar[bool] = ContextVar("unit_of_work", default=False)


def run(
    service: Callable[[Work, Input], Result],
    data: Input,
    *,
    reason: str = "",
) -> Result:
    """Run `service` with `data` in a transaction of its own and return what it returns.

    Raises ValidationFailed when a validate hook vetoes, Conflict when the database refuses what the
    service did (uniqueness, a version that is no longer the newest), and whatever the service
    raises; then nothing is written.
    """
    if is_reading_only():
        raise RuntimeError("what only reads was about to write")
    if _running.get():
        raise RuntimeError("a unit of work cannot hold another")
    validate = hooks().validators.get(type(data))
    problems = validate(data) if validate else ()
    if problems:
        raise ValidationFailed(problems)
    for attempt in range(1, TRIES + 1):
        try:
            with in_line_to_write():
                result, follows = _attempt(service, data, reason)
        except DBAPIError as error:
            if attempt < TRIES and getattr(error.orig, "sqlstate", None) in RETRYABLE:
                continue
            if isinstance(error, IntegrityError):
                log.info("refused by a constraint in %s: %s", _name(service), error.orig)
                raise Conflict(
                    _("Dữ liệu trùng hoặc đang được dùng ở nơi khác, nên không lưu được.")
                ) from error
            raise
        except StaleDataError as error:
            raise Conflict(_("Người khác vừa sửa mục này. Hãy tải lại rồi sửa tiếp.")) from error
        for step in follows:
            step()
        return result
    raise AssertionError("unreachable")


def _attempt(
    service: Callable[[Work, Input], Result], data: Input, reason: str
) -> tuple[Result, list[Callable[[], None]]]:
    context = current()
    session = db.session()
    session.rollback()
    in_work, is_writing = _running.set(True), writing.set(True)
    try:
        work = Work(
            session=session,
            actor=context.actor,
            now=context.clock.now(),
            today=context.clock.today(),
            source=context.source,
            request_id=context.request_id,
            reason=reason,
        )
        with changes.capture(session) as capture:
            result = service(work, data)
            session.flush()
            if work.events:
                for record in hooks().recorders:
                    record(work)
            capture.seal(
                at=work.now,
                actor_id=work.actor.user_id,
                actor_name=work.actor.name,
                source=work.source,
                request_id=work.request_id,
                service=_name(service),
                reason=work.reason,
            )
        session.commit()
        forget_head()
        return result, work.after_commit
    except BaseException:
        session.rollback()
        raise
    finally:
        writing.reset(is_writing)
        _running.reset(in_work)


def _name(service: Callable[..., object]) -> str:
    module = service.__module__.removeprefix("tracker.").removesuffix(".services")
    return f"{module}.{service.__qualname__}"


@event.listens_for(Session, "before_flush")
def _refuse_flush_outside(session: Session, _context: object, _instances: object) -> None:
    pending = session.new or session.deleted or any(map(session.is_modified, session.dirty))
    if pending and not writing.get():
        raise RuntimeError("a record was changed outside tracker.core.work.run")


@event.listens_for(Session, "do_orm_execute")
def _refuse_bulk_statements(state: ORMExecuteState) -> None:
    if not (state.is_insert or state.is_update or state.is_delete):
        return
    if not writing.get():
        raise RuntimeError("a statement that writes was sent outside tracker.core.work.run")
    table = getattr(state.statement, "table", None)
    if table is None or state.execution_options.get("bulk_writer"):
        return
    if changes.is_audited(table):
        raise RuntimeError(f"bulk statements on {table.name} go through Work.bulk_insert/_update")

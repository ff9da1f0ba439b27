"""Calls of plug-ins' functions: bounded in time and size, caught plug-in by plug-in.

What a plug-in offers is called from the middle of core pages. Such a call runs in a thread of a
bounded pool, with a database session of its own that cannot write, and within a time limit. What
raises, takes too long or returns something else than the hook's contract says is replaced by an
empty result and told as an incident; the page never notices. The core's own functions are called
straight.

Python cannot stop a thread: a call past its limit is abandoned, its plug-in is paused and the
process retires (see tracker.plugins.breaker).
"""

from __future__ import annotations

import contextvars
import functools
import itertools
import logging
import queue
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from flask import Flask, current_app, g

from tracker.core.db import reading_only, writing
from tracker.core.errors import FieldError, PluginError, TrackerError, ValidationFailed
from tracker.core.work import Work, run
from tracker.plugins import descriptors as d
from tracker.plugins.models import IncidentKind

if TYPE_CHECKING:
    from tracker.plugins.host import Host

log = logging.getLogger(__name__)

Result = TypeVar("Result")

# Seconds that one call may take; a page waits no longer for any of them.
BUDGET_SECONDS: dict[str, float] = {
    "panel": 2.0,
    "card": 2.0,
    "my_work": 2.0,
    "timeline": 2.0,
    "search": 1.5,
    "indicator": 5.0,
    "section": 5.0,
    "calendar": 5.0,
    "handover": 5.0,
    # Of the outbox: whole units change hands.
    "hand_over": 60.0,
    "notice": 1.0,
    "prefill": 3.0,
    "doctor": 10.0,
    # Of a job, which waits longer than a person.
    "progress": 60.0,
    "channel": 30.0,
    "validator": 2.0,
    "listener": 10.0,
}
LARGEST_TEXT = 256 * 1024
LARGEST_RESULT = 1024 * 1024
MOST_ITEMS = 2_000
POOL_SIZE = 8


class WrongResult(PluginError):
    """A plug-in's function returned something else than its hook's contract says."""


class TimedOut(PluginError):
    """A plug-in's function did not return in time."""


class Busy(PluginError):
    """No thread was free for the call within its time."""


@dataclass(frozen=True)
class Fault:
    """What went wrong in which place of which plug-in, before it is redacted and counted."""

    plugin: str
    kind: IncidentKind
    place: str
    error: BaseException


# -- the pool --------------------------------------------------------------------------------


class _Task:
    """One call on its way through the pool."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.started = False
        self.abandoned = False
        self.result: Any = None
        self.error: BaseException | None = None

    def begin(self) -> bool:
        """Take the call up, unless nobody waits for it any more."""
        with self.lock:
            self.started = not self.abandoned
            return self.started

    def end(self) -> bool:
        """Hand over the outcome; tell whether nobody waited for it any more."""
        with self.lock:
            self.over.set()
            return self.abandoned


class Pool:
    """A few threads that wait for calls; one that is lost in a call is replaced.

    They are daemons, so that a call that never returns does not keep the process from ending.
    """

    def __init__(self, size: int = POOL_SIZE) -> None:
        self._size = size
        self._tasks: queue.SimpleQueue[_Task] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0

    def run(self, function: Callable[[], Result], seconds: float) -> Result:
        """Return what `function` returns, within `seconds`.

        Raises what it raises; TimedOut when it goes on longer, Busy when it could not begin.
        """
        task = _Task(function)
        self._tasks.put(task)
        with self._lock:
            if self._idle == 0 and self._threads < self._size:
                self._threads += 1
                threading.Thread(target=self._work, daemon=True, name="plug-in call").start()
        if not task.over.wait(seconds):
            with task.lock:
                if not task.over.is_set():
                    task.abandoned = True
                    if not task.started:
                        raise Busy(f"no thread was free within {seconds:g} s")
                    with self._lock:
                        self._threads -= 1
                    raise TimedOut(f"not done after {seconds:g} s")
        if task.error is not None:
            raise task.error
        result: Result = task.result
        return result

    def _work(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            task = self._tasks.get()
            with self._lock:
                self._idle -= 1
            if not task.begin():
                continue
            try:
                task.result = task.function()
            except (Exception, SystemExit) as error:  # noqa: BLE001 - raised again by who waits
                task.error = error
            if task.end():
                return


_pool = Pool()

# Of a request's `g`: who acts is carried by the context itself, and must end only once.
_NOT_CARRIED = {"acting", "acting_person"}


def in_pool(function: Callable[[], Result], seconds: float, *, writes: bool = False) -> Result:
    """Run `function` in a thread of the pool, as the current actor, with a session of its own.

    The request goes along; what the function leaves in `g` does not come back. Unless `writes`,
    its session cannot write, on either database. Raises as Pool.run does.
    """
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    carried = {name: value for name, value in vars(g).items() if name not in _NOT_CARRIED}
    context = contextvars.copy_context()

    def inside() -> Result:
        # A session of its own: it is no part of a unit of work that the caller may be in.
        writing.set(False)
        allowed: AbstractContextManager[Any] = nullcontext() if writes else reading_only()
        with app.app_context(), allowed:
            vars(g).update(carried)
            return function()

    return _pool.run(lambda: context.run(inside), seconds)


# -- one guarded call ------------------------------------------------------------------------


def _host() -> Host:
    found: Host = current_app.extensions["tracker_host"]
    return found


def call(
    plugin: str,
    kind: str,
    place: str,
    function: Callable[[], Result],
    *,
    writes: bool = False,
    passing: tuple[type[BaseException], ...] = (),
) -> Result:
    """Call a plug-in's function within the budget of its kind of call.

    A fault is told to the host as an incident and raised again as PluginError; errors of the types
    `passing` are the function's way of answering, and are raised as they are.
    """
    host = _host()
    try:
        return in_pool(function, BUDGET_SECONDS[kind], writes=writes)
    except passing:
        raise
    except Busy:
        log.warning("%s: %s was left out: all threads for plug-ins are busy", plugin, place)
        raise
    except TimedOut as error:
        host.tell_fault(Fault(plugin, IncidentKind.TIMEOUT, place, error))
        raise
    except (Exception, SystemExit) as error:
        host.tell_fault(Fault(plugin, IncidentKind.ERROR, place, error))
        raise PluginError(f"{plugin}: {place} failed") from error


def _guarded(
    plugin: str,
    kind: str,
    place: str,
    function: Callable[..., Any],
    empty: Callable[[], Any],
    accept: Callable[[Any], Any],
) -> Callable[..., Any]:
    @functools.wraps(function, updated=())
    def guarded(*arguments: Any, **named: Any) -> Any:
        if not _host().is_open(plugin):
            return empty()
        try:
            return call(plugin, kind, place, lambda: accept(function(*arguments, **named)))
        except PluginError:
            return empty()

    return guarded


# -- what may come back ----------------------------------------------------------------------


def _weight(value: Any, left: int) -> int:
    """Return what is left of `left` characters after a value's texts; below 0 it is too large."""
    if isinstance(value, (str, bytes)):
        return left - len(value)
    if is_dataclass(value) and not isinstance(value, type):
        value = [getattr(value, one.name) for one in fields(value)]
    elif isinstance(value, Mapping):
        value = [*value.keys(), *value.values()]
    if isinstance(value, (list, tuple)):
        for one in value:
            left = _weight(one, left)
            if left < 0:
                break
    return left - 1


_PLAIN: Mapping[str, tuple[type[Any], ...]] = {
    "str": (str,),
    "int": (int,),
    "bool": (bool,),
    "int | None": (int, type(None)),
    "date | None": (date, type(None)),
    "datetime": (datetime,),
    "datetime | None": (datetime, type(None)),
    "date": (date,),
    "datetime | date": (datetime, date),
    "Place": (d.Place,),
    "WorkGroup": (d.WorkGroup,),
}


def check_fields(value: Any) -> None:
    """Raise WrongResult where a dataclass holds another kind of value than it declares."""
    for one in fields(value):
        held = getattr(value, one.name)
        declared = str(one.type)
        kinds = _PLAIN.get(declared)
        wrong = kinds is not None and not isinstance(held, kinds)
        if declared.startswith("Callable") and "| None" not in declared:
            wrong = not callable(held)
        if isinstance(held, datetime) and held.tzinfo is None:
            wrong = True
        if wrong:
            raise WrongResult(f"{type(value).__name__}.{one.name} cannot be {_shown(held)}")


def _shown(value: Any) -> str:
    return f"a {type(value).__name__}"


def html(value: Any) -> str:
    """Accept a block of a page."""
    if not isinstance(value, str):
        raise WrongResult(f"text was expected, not {_shown(value)}")
    if len(value) > LARGEST_TEXT:
        raise WrongResult(f"{len(value):,} characters; at most {LARGEST_TEXT:,} are taken")
    return value


def many(kind: type[Any]) -> Callable[[Any], Sequence[Any]]:
    """Return what accepts a number of descriptors of one kind."""

    def accept(value: Any) -> Sequence[Any]:
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
            raise WrongResult(f"a list of {kind.__name__} was expected, not {_shown(value)}")
        # A generator runs here, inside the limits of the call.
        found = tuple(itertools.islice(value, MOST_ITEMS + 1))
        if len(found) > MOST_ITEMS:
            raise WrongResult(f"more than {MOST_ITEMS:,} items")
        for one in found:
            if not isinstance(one, kind):
                raise WrongResult(f"{kind.__name__} was expected, not {_shown(one)}")
            check_fields(one)
        if _weight(found, LARGEST_RESULT) < 0:
            raise WrongResult(f"more than {LARGEST_RESULT:,} characters")
        return found

    return accept


def single(kind: type[Any]) -> Callable[[Any], Any]:
    """Return what accepts one descriptor."""

    def accept(value: Any) -> Any:
        if not isinstance(value, kind):
            raise WrongResult(f"{kind.__name__} was expected, not {_shown(value)}")
        check_fields(value)
        if _weight(value, LARGEST_RESULT) < 0:
            raise WrongResult(f"more than {LARGEST_RESULT:,} characters")
        return value

    return accept


def _table(value: Any) -> d.SectionTable:
    table: d.SectionTable = single(d.SectionTable)(value)
    rows = tuple(itertools.islice(table.rows, MOST_ITEMS + 1))
    width = len(table.headings)
    if len(rows) > MOST_ITEMS or any(len(row) != width for row in rows):
        raise WrongResult(f"rows must be as wide as the headings, and at most {MOST_ITEMS:,}")
    return replace(table, rows=rows)


def _user_ids(value: Any) -> frozenset[int]:
    if not isinstance(value, (frozenset, set)) or not all(isinstance(one, int) for one in value):
        raise WrongResult("a set of ids was expected")
    return frozenset(value)


field_errors = many(FieldError)


# -- what is guarded -------------------------------------------------------------------------


@dataclass(frozen=True)
class _Rule:
    """How the function in a field of a descriptor is called."""

    field: str
    kind: str
    empty: Callable[[], Any]
    accept: Callable[[Any], Any]


_RULES: Mapping[str, _Rule] = {
    "Panel": _Rule("render", "panel", str, html),
    "DashboardCard": _Rule("render", "card", str, html),
    "MyWorkSource": _Rule("items", "my_work", tuple, many(d.MyWorkItem)),
    "TimelineSource": _Rule("entries", "timeline", tuple, many(d.TimelineEntry)),
    "Indicator": _Rule("compute", "indicator", d.IndicatorValue, single(d.IndicatorValue)),
    "ReportSection": _Rule("table", "section", lambda: d.SectionTable((), ()), _table),
    "SearchProvider": _Rule("search", "search", tuple, many(d.SearchHit)),
    "HandoverContributor": _Rule("preview", "handover", tuple, many(d.HandoverItem)),
    "CalendarSource": _Rule("entries", "calendar", tuple, many(d.CalendarEntry)),
    "ChecklistPrefill": _Rule("answers", "prefill", tuple, many(d.PrefilledAnswer)),
    "ProgressSource": _Rule("read", "progress", tuple, many(d.SourcedProgress)),
    "NoticeKind": _Rule("words", "notice", lambda: d.NoticeWords("—"), single(d.NoticeWords)),
    "DoctorCheck": _Rule("check", "doctor", tuple, many(d.Diagnosis)),
}


class GuardedLabel:
    """A plug-in's lazy text: one that cannot be made must not break the core's page around it."""

    def __init__(self, plugin: str, label: object) -> None:
        self._plugin = plugin
        self._label = label

    def __str__(self) -> str:
        try:
            return str(self._label)
        except Exception as error:
            log.exception("%s: a label could not be made", self._plugin)
            _host().tell_fault(Fault(self._plugin, IncidentKind.ERROR, "label", error))
            return self._plugin

    def __html__(self) -> str:
        from markupsafe import escape

        return str(escape(str(self)))


def guard(plugin: str, place: str, offer: Any) -> Any:
    """Return a plug-in's descriptor with its functions and lazy texts guarded."""
    if not is_dataclass(offer) or isinstance(offer, type):
        return offer
    changes: dict[str, Any] = {}
    for one in fields(offer):
        held = getattr(offer, one.name)
        if str(one.type) == "Label" and not isinstance(held, str):
            changes[one.name] = GuardedLabel(plugin, held)
    rule = _RULES.get(type(offer).__name__)
    if rule is not None:
        function = getattr(offer, rule.field)
        changes[rule.field] = _guarded(plugin, rule.kind, place, function, rule.empty, rule.accept)
    if isinstance(offer, d.HandoverContributor):
        changes["apply"] = Postponed(plugin, place, offer)
    if isinstance(offer, d.Channel):
        changes["reachable"] = _guarded(
            plugin, "prefill", place, offer.reachable, frozenset, _user_ids
        )
        changes["send"] = _sending(plugin, place, offer.send)
    if isinstance(offer, d.ImportSpec):
        changes["parse"] = _answering(plugin, place, offer.parse)
        if offer.read is not None:
            changes["read"] = _answering(plugin, place, offer.read)
    if isinstance(offer, (d.JobSpec, d.DemoData)):
        name = "run" if isinstance(offer, d.JobSpec) else "load"
        changes[name] = _noting(plugin, place, getattr(offer, name))
    return replace(offer, **changes) if changes else offer


def _noting(plugin: str, place: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Tell of what a function raises, and let it raise: its caller keeps a record of its own."""

    @functools.wraps(function, updated=())
    def noting(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except (Exception, SystemExit) as error:
            _host().tell_fault(Fault(plugin, IncidentKind.ERROR, place, error))
            raise PluginError(f"{plugin}: {type(error).__name__}: {error}") from error

    return noting


def _sending(plugin: str, place: str, send: Callable[..., None]) -> Callable[..., None]:
    """Send within a time limit; what fails is told, and tried again by its keeper."""

    @functools.wraps(send, updated=())
    def sending(outgoing: d.Outgoing) -> None:
        call(plugin, "channel", place, functools.partial(send, outgoing), writes=True)

    return sending


def _answering(plugin: str, place: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function answer by our errors; whatever else it raises ends in a message."""

    @functools.wraps(function, updated=())
    def answering(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except TrackerError:
            raise
        except (Exception, SystemExit) as error:
            _host().tell_fault(Fault(plugin, IncidentKind.ERROR, place, error))
            raise ValidationFailed({"": _host().words_of_fault(plugin)}) from error

    return answering


class Postponed:
    """A plug-in's part of a unit operation: written down with it, and done after its commit.

    No plug-in's code runs inside a transaction of the core: a fault there would undo the operation.
    """

    def __init__(self, plugin: str, place: str, contributor: d.HandoverContributor) -> None:
        self._plugin = plugin
        self._place = place
        self._contributor = contributor

    def __call__(self, work: Work, handover: d.Handover) -> int:
        """Write down that it is to be done; nothing has changed hands yet."""
        _host().postpone(work, self._plugin, self._contributor.key, handover)
        return 0

    def now(self, handover: d.Handover) -> bool:
        """Do it in a unit of work of its own; False while the plug-in is switched off.

        Raises PluginError where the plug-in fails.
        """
        if not _host().is_open(self._plugin):
            return False
        apply = self._contributor.apply
        call(self._plugin, "hand_over", self._place, lambda: run(apply, handover), writes=True)
        return True

"""The circuit breaker: faults of plug-ins are counted, and one that makes too many is paused.

A fault is told in the middle of a page, so it is written down by a thread of its own: the page
neither waits for the database nor joins that transaction. This process closes the plug-in as soon
as the count is full; all others follow with their next request.

A call that did not come back cannot be stopped. Its plug-in is paused at once, and the process
retires: it ends what it is at, and another takes its place.
"""

from __future__ import annotations

import io
import json
import logging
import os
import platform
import queue
import signal
import threading
import time
import traceback
import zipfile
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

import tracker
from tracker.core.clock import Clock
from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting
from tracker.core.errors import NotFound, PluginError
from tracker.core.work import run
from tracker.plugins import services, switch
from tracker.plugins.calls import Fault
from tracker.plugins.host import Host
from tracker.plugins.models import IncidentKind, PluginIncident, PluginInstall, PluginRelease
from tracker.plugins.redaction import redact

log = logging.getLogger(__name__)

ERROR_BUDGET = 5
WINDOW = timedelta(minutes=10)
LONGEST_MESSAGE = 2_000
MOST_WAITING = 1_000


@dataclass(frozen=True)
class Limits:
    """How many faults within which time are too many."""

    budget: int = ERROR_BUDGET
    window: timedelta = WINDOW


# -- what is told of a fault ------------------------------------------------------------------


def describe_fault(error: BaseException) -> str:
    """Return an error with the lines of code that it came through, redacted."""
    if isinstance(error, DBAPIError):
        # Its own text carries the values of the statement.
        said = str(error.orig).strip().partition("\n")[0]
    else:
        said = " ".join(str(error).split())
    lines = [f"{type(error).__name__}: {redact(said)[:500]}"]
    for frame in traceback.extract_tb(error.__traceback__)[-12:]:
        *_folders, parent, name = ("", *frame.filename.replace("\\", "/").split("/"))
        lines.append(f"  {parent}/{name}:{frame.lineno} {frame.name}")
    return "\n".join(lines)[:LONGEST_MESSAGE]


# -- the breaker of one app --------------------------------------------------------------------


class Breaker:
    """Counts the faults of one app's plug-ins, and takes out those that make too many."""

    def __init__(self, app: Flask, host: Host, clock: Callable[[], Clock]) -> None:
        self._app = app
        self._host = host
        self._clock = clock
        # Filled by the app: the limits that the administrator set, and how a process retires.
        self.limits: Callable[[], Limits] = Limits
        self.retire: Callable[[], None] | None = None
        self._waiting: queue.Queue[tuple[Fault, str]] = queue.Queue(MOST_WAITING)
        self._lock = threading.Lock()
        self._writer: threading.Thread | None = None
        self._recent: dict[str, deque[float]] = {}
        self._known = Limits()
        host.on_fault(self.note)

    def note(self, fault: Fault) -> None:
        """Take down a fault; close the plug-in here at once when that was one too many."""
        log.warning(
            "plug-in %s: %s in %s", fault.plugin, fault.kind, fault.place, exc_info=fault.error
        )
        message = describe_fault(fault.error)
        if self._is_too_many(fault):
            self._host.close(fault.plugin)
        try:
            self._waiting.put_nowait((fault, message))
        except queue.Full:
            log.error("a fault of plug-in %s is not counted: too many wait", fault.plugin)
        with self._lock:
            if self._writer is None:
                self._writer = threading.Thread(
                    target=self._write, daemon=True, name="plug-in incidents"
                )
                self._writer.start()

    def _is_too_many(self, fault: Fault) -> bool:
        if is_hopeless(fault):
            return True
        now = time.monotonic()
        with self._lock:
            recent = self._recent.setdefault(fault.plugin, deque(maxlen=1_000))
            recent.append(now)
            while recent and now - recent[0] > self._known.window.total_seconds():
                recent.popleft()
            if len(recent) < self._known.budget:
                return False
            recent.clear()
            return True

    def settle(self) -> None:
        """Wait until every fault that was told is written down."""
        self._waiting.join()

    def _write(self) -> None:
        while True:
            fault, message = self._waiting.get()
            try:
                self._write_one(fault, message)
            except Exception:
                # The one thread that writes faults down must outlive whatever becomes of one.
                log.exception("a fault of plug-in %s could not be written down", fault.plugin)
            finally:
                self._waiting.task_done()

    def _write_one(self, fault: Fault, message: str) -> None:
        plugin = self._host.plugins.get(fault.plugin)
        context = Context(SYSTEM_ACTOR, self._clock(), Source.PLUGIN, request_id="breaker")
        with self._app.app_context(), acting(context):
            self._known = self.limits()
            paused = run(
                services.note_incident,
                services.NoteIncident(
                    plugin=fault.plugin,
                    version=plugin.version if plugin else "",
                    kind=fault.kind,
                    place=fault.place[:120],
                    message=message,
                    budget=self._known.budget,
                    window=self._known.window,
                    at_once=is_hopeless(fault),
                ),
                reason=fault.place,
            )
            if paused:
                log.error("plug-in %s is paused on all machines", fault.plugin)
                if self._host.generation is not None:
                    switch.refresh(self._host)
        if is_hopeless(fault) and self.retire is not None:
            log.error("this process retires: a call of plug-in %s is lost in it", fault.plugin)
            self.retire()


def is_hopeless(fault: Fault) -> bool:
    """Tell whether there is no use in counting: a call that is lost would lose the next, too."""
    return fault.kind in {IncidentKind.TIMEOUT, IncidentKind.CRASH}


def breaker_of(app: Flask) -> Breaker:
    """Return the breaker of an app."""
    found: Breaker = app.extensions["tracker_breaker"]
    return found


def end_in_order() -> None:
    """Let this process end what it is at, and then end: its master starts another."""
    os.kill(os.getpid(), signal.SIGTERM)


# -- diagnostics -----------------------------------------------------------------------------


def diagnostics(session: Session, name: str, environment: Mapping[str, Any]) -> bytes:
    """Return a ZIP for the plug-in's author: versions, declaration, state and faults, redacted.

    No record, no person and no secret of the instance is in it. Raises NotFound.
    """
    install = session.get(PluginInstall, name)
    if install is None:
        raise NotFound
    release = session.get(PluginRelease, install.release_id)
    if release is None:
        raise PluginError(f"the release of {name} is gone")
    incidents = session.scalars(
        select(PluginIncident)
        .where(PluginIncident.plugin == name)
        .order_by(PluginIncident.last_at.desc())
        .limit(200)
    )
    about = {
        "plugin": name,
        "version": release.version,
        "sha256": release.sha256,
        "signed_by": release.signed_by,
        "state": install.state.value,
        "reason": install.reason,
        "tracker": tracker.__version__,
        "python": platform.python_version(),
        "system": platform.system(),
        **environment,
    }
    told = [
        {
            "version": one.version,
            "kind": one.kind.value,
            "place": one.place,
            "count": one.count,
            "first_at": one.first_at.isoformat(),
            "last_at": one.last_at.isoformat(),
            "message": one.message,
        }
        for one in incidents
    ]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for filename, value in (
            ("about.json", about),
            ("declaration.json", release.manifest),
            ("incidents.json", told),
        ):
            archive.writestr(filename, json.dumps(value, ensure_ascii=False, indent=2))
    return content.getvalue()

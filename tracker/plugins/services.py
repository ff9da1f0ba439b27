"""Writes that follow from what plug-ins do: incidents, pauses, failed loads, safe mode, machines.

They are the system's own: whoever was signed in when a plug-in broke did nothing to it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select

from tracker.core.errors import NotFound, PermissionDenied
from tracker.core.work import Work
from tracker.plugins.models import (
    IncidentKind,
    PluginIncident,
    PluginInstall,
    PluginRelease,
    PluginServer,
    PluginSet,
)
from tracker.plugins.states import PluginState, Reason

SAFE_MODE_LASTS = timedelta(hours=2)
LINK_LIVES = timedelta(hours=24)
# Incidents older than this are of no use to whoever looks for a fault.
KEPT_FOR = timedelta(days=90)
SET_ID = 1


def _require_system(work: Work) -> None:
    if not work.actor.access.everything:
        raise PermissionDenied


def _set_row(work: Work) -> PluginSet:
    row = work.session.get(PluginSet, SET_ID, with_for_update=True, populate_existing=True)
    if row is None:
        row = PluginSet(id=SET_ID, generation=0)
        work.session.add(row)
    return row


def _raise_generation(work: Work) -> int:
    row = _set_row(work)
    row.generation += 1
    return row.generation


# -- incidents and the pause that follows ------------------------------------------------------


@dataclass(frozen=True)
class NoteIncident:
    """Something that a plug-in did wrong, redacted.

    `budget` and `window` say how many faults within which time are too many; `at_once` pauses
    whatever the count.
    """

    plugin: str
    version: str
    kind: IncidentKind
    place: str
    message: str
    budget: int
    window: timedelta
    at_once: bool = False
    count: int = 1


def note_incident(work: Work, data: NoteIncident) -> bool:
    """Count a fault; pause the plug-in when that was one too many, and tell whether it was."""
    _require_system(work)
    install = work.session.get(
        PluginInstall, data.plugin, with_for_update=True, populate_existing=True
    )
    # What was before it was switched on again does not count against it.
    begins = max(work.now - data.window, install.changed_at if install else work.now - data.window)
    row = work.session.scalar(
        select(PluginIncident)
        .where(
            PluginIncident.plugin == data.plugin,
            PluginIncident.version == data.version,
            PluginIncident.kind == data.kind,
            PluginIncident.place == data.place,
            PluginIncident.message == data.message,
            PluginIncident.first_at >= begins,
        )
        .order_by(PluginIncident.id.desc())
        .limit(1)
        .with_for_update()
    )
    if row is None:
        row = PluginIncident(
            plugin=data.plugin,
            version=data.version,
            kind=data.kind,
            place=data.place,
            message=data.message,
            count=0,
            first_at=work.now,
            last_at=work.now,
        )
        work.session.add(row)
    row.count += data.count
    row.last_at = work.now
    work.session.flush()
    if install is None or install.state is not PluginState.ENABLED:
        return False
    faults = work.session.scalar(
        select(func.coalesce(func.sum(PluginIncident.count), 0)).where(
            PluginIncident.plugin == data.plugin, PluginIncident.first_at >= begins
        )
    )
    if not data.at_once and (faults or 0) < data.budget:
        return False
    slow = data.kind is IncidentKind.TIMEOUT
    _pause(
        work,
        install,
        Reason.TOO_SLOW if slow else Reason.TOO_MANY_ERRORS,
        {"count": int(faults or 0), "detail": data.place},
    )
    return True


def _pause(
    work: Work, install: PluginInstall, reason: Reason, parameters: Mapping[str, Any]
) -> int:
    from tracker.plugins import events

    install.state = PluginState.PAUSED
    install.reason, install.reason_parameters = reason, dict(parameters)
    install.paused_at = install.changed_at = work.now
    work.emit(events.PluginPaused(install.name, reason.value))
    return _raise_generation(work)


@dataclass(frozen=True)
class NoteFailure:
    """A plug-in of the wanted set that a process could not load."""

    name: str
    version: str
    reason: Reason
    detail: str


@dataclass(frozen=True)
class NoteFailures:
    """What a machine could not load of the wanted set as it was at a generation."""

    machine: str
    generation: int
    failures: Sequence[NoteFailure]


def note_failures(work: Work, data: NoteFailures) -> int:
    """Mark plug-ins as failed; return how many. One that is known to have, or whose version is
    wanted no more, is left.

    What one machine cannot load counts as failed on all, and where there are several the reason
    names the one: a request goes to any of them, and pages, rights and checks that are there on
    every other request are worse than none.

    Nothing is marked once the set has changed: somebody may just have switched one on again after
    another machine had told of it, and this machine will look at the new set anyway.
    """
    _require_system(work)
    names = sorted(one.name for one in data.failures)
    installs = {
        one.name: one
        for one in work.session.scalars(
            select(PluginInstall)
            .where(PluginInstall.name.in_(names))
            .order_by(PluginInstall.name)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    }
    if _set_row(work).generation > data.generation:
        return 0
    others = select(PluginServer.machine).where(PluginServer.machine != data.machine).limit(1)
    where = f" ({data.machine})" if work.session.scalar(others) is not None else ""
    marked = [
        one
        for one in data.failures
        if one.name in installs
        and _mark_failed(work, installs[one.name], replace(one, detail=one.detail + where))
    ]
    if marked:
        _raise_generation(work)
    return len(marked)


def _mark_failed(work: Work, install: PluginInstall, data: NoteFailure) -> bool:
    if install.state is PluginState.FAILED:
        return False
    version = work.session.scalar(
        select(PluginRelease.version).where(PluginRelease.id == install.release_id)
    )
    if version != data.version:
        return False
    install.state = PluginState.FAILED
    install.reason, install.reason_parameters = data.reason, {"detail": data.detail}
    install.changed_at = work.now
    work.session.add(
        PluginIncident(
            plugin=data.name,
            version=data.version,
            kind=IncidentKind.IMPORT,
            place="import",
            message=data.detail,
            first_at=work.now,
            last_at=work.now,
        )
    )
    return True


# -- safe mode -------------------------------------------------------------------------------


def new_safe_token(now: datetime) -> str:
    """Return a fresh token for a link that begins safe mode; it says itself how long it lives."""
    return f"{secrets.token_urlsafe(32)}.{int((now + LINK_LIVES).timestamp())}"


def _token_hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def check_safe_token(token: str, now: datetime) -> None:
    """Raise NotFound for a token that has run out, or never was one."""
    _random, _dot, ends = token.rpartition(".")
    if not ends.isdecimal() or len(ends) > 12 or int(ends) < now.timestamp():
        raise NotFound(_("Liên kết này đã dùng rồi hoặc không còn hiệu lực."))


@dataclass(frozen=True)
class MakeSafeLink:
    """The token of a new one-time link; its hash is kept."""

    token: str = field(repr=False)


def make_safe_link(work: Work, data: MakeSafeLink) -> None:
    """Keep a link that starts safe mode once; one made before stops working."""
    _require_system(work)
    _set_row(work).safe_mode_token_hash = _token_hash(data.token)


@dataclass(frozen=True)
class UseSafeLink:
    """The token that somebody opened."""

    token: str = field(repr=False)


def use_safe_link(work: Work, data: UseSafeLink) -> datetime:
    """Start safe mode by its link, and return until when. Raises NotFound for any other link."""
    _require_system(work)
    check_safe_token(data.token, work.now)
    row = _set_row(work)
    if not hmac.compare_digest(row.safe_mode_token_hash or "", _token_hash(data.token)):
        raise NotFound(_("Liên kết này đã dùng rồi hoặc không còn hiệu lực."))
    row.safe_mode_token_hash = None
    return _begin_safe_mode(work, row)


def begin_safe_mode(work: Work, _nothing: None) -> datetime:
    """Close all plug-ins on all machines for a while, and return until when."""
    _require_system(work)
    return _begin_safe_mode(work, _set_row(work))


def _begin_safe_mode(work: Work, row: PluginSet) -> datetime:
    row.safe_mode_until = work.now + SAFE_MODE_LASTS
    row.generation += 1
    return row.safe_mode_until


def end_safe_mode(work: Work, _nothing: None) -> None:
    """Open the plug-ins again. Whoever calls it has checked the right to."""
    row = _set_row(work)
    row.safe_mode_until = None
    row.generation += 1


# -- machines --------------------------------------------------------------------------------


@dataclass(frozen=True)
class NoteServer:
    """A sign of life of a machine: how far it has brought itself."""

    machine: str
    generation: int
    detail: Mapping[str, Any] = field(default_factory=dict)


def note_server(work: Work, data: NoteServer) -> None:
    """Keep that a machine is there; machines that have been silent for a day are forgotten."""
    _require_system(work)
    row = work.session.get(PluginServer, data.machine, with_for_update=True)
    if row is None:
        row = PluginServer(machine=data.machine, seen_at=work.now)
        work.session.add(row)
    row.generation = data.generation
    row.detail = dict(data.detail)
    row.seen_at = work.now
    silent = select(PluginServer).where(PluginServer.seen_at < work.now - timedelta(days=1))
    for other in work.session.scalars(silent):
        work.session.delete(other)


def forget_incidents(work: Work, _nothing: None) -> int:
    """Delete incidents that nobody will look for any more, and return how many there were."""
    _require_system(work)
    old = list(
        work.session.scalars(
            select(PluginIncident).where(PluginIncident.last_at < work.now - KEPT_FOR)
        )
    )
    for row in old:
        work.session.delete(row)
    return len(old)

"""The gate before plug-ins' pages, and the guard around them.

Pages of all loaded plug-ins are registered once. The gate answers 'not found' for those of a
plug-in that is not enabled; while one is being switched to another version, its pages wait a
little and then ask to come again. The guard turns what a page raises into a page that names the
plug-in, and watches for pages that never end.
"""

from __future__ import annotations

import functools
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from flask import Flask, current_app, request
from flask_babel import gettext as _
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from tracker.core.context import Source, current
from tracker.core.db import db
from tracker.core.errors import NotFound, PluginError, Switching, TrackerError
from tracker.plugins import switch
from tracker.plugins.calls import Fault, TimedOut
from tracker.plugins.host import Host, host_of
from tracker.plugins.models import IncidentKind

# A page of a plug-in that is being switched waits this long, and looks this often.
WAIT_SECONDS = 5.0
LOOK_SECONDS = 0.2
# Waiting pages must leave threads for the core's.
MOST_WAITING = 2
# A page that takes longer is taken for one that never ends.
PAGE_SECONDS = 20.0
_WATCH_SECONDS = 0.5

_waiting = threading.BoundedSemaphore(MOST_WAITING)


class PluginPageFailed(TrackerError):
    """A page of a plug-in raised something; the rest of the app is not touched by it."""


def check() -> None:
    """Let a request to a plug-in's page through, or raise NotFound or Switching."""
    host = host_of(current_app)
    owner = host.owner_of_endpoint(request.endpoint)
    if owner is None:
        return
    if current().actor.user_id is None:
        # Nobody is signed in, and with no session the generation was not read.
        switch.look()
    if host.is_open(owner):
        return
    if host.is_switching(owner) and _opens_soon(host, owner):
        return
    raise NotFound


def _opens_soon(host: Host, owner: str) -> bool:
    """Wait for a plug-in to be switched; False when it was closed. Raises Switching."""
    if _waiting.acquire(blocking=False):
        try:
            until = time.monotonic() + WAIT_SECONDS
            while host.is_switching(owner) and time.monotonic() < until:
                # What is read next must be newer than what was read before.
                db.session.rollback()
                time.sleep(LOOK_SECONDS)
                switch.look()
        finally:
            _waiting.release()
    if host.is_switching(owner):
        title = host.title(owner)
        raise Switching(
            _(
                "Mô-đun “%(title)s” đang được chuyển sang bản khác. Hãy tải lại sau ít giây.",
                title=title,
            )
        )
    return host.is_open(owner)


# -- the guard -------------------------------------------------------------------------------


class Watch:
    """Looks at plug-ins' pages under way; one that never ends takes its plug-in out."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._running: dict[int, tuple[str, str, float]] = {}
        self._thread: threading.Thread | None = None

    @contextmanager
    def page(self, owner: str, endpoint: str) -> Iterator[None]:
        """Watch one page while it is made."""
        number = next(self._numbers)
        with self._lock:
            self._running[number] = (owner, endpoint, time.monotonic())
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._look, daemon=True, name="plug-in pages"
                )
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._running.pop(number, None)

    def _look(self) -> None:
        while True:
            time.sleep(_WATCH_SECONDS)
            now = time.monotonic()
            with self._lock:
                late = [
                    (number, owner, endpoint)
                    for number, (owner, endpoint, since) in self._running.items()
                    if now - since > PAGE_SECONDS
                ]
                for number, _owner, _endpoint in late:
                    del self._running[number]
                if not self._running:
                    self._thread = None
            for _number, owner, endpoint in late:
                error = TimedOut(f"the page was not done after {PAGE_SECONDS:g} s")
                self._host.tell_fault(Fault(owner, IncidentKind.TIMEOUT, endpoint, error))
            if self._thread is None:
                return


def guard_pages(app: Flask) -> None:
    """Put the guard around all pages that plug-ins have registered."""
    host = host_of(app)
    watch = Watch(host)
    for endpoint, view in list(app.view_functions.items()):
        owner = host.owner_of_endpoint(endpoint)
        if owner is not None:
            app.view_functions[endpoint] = _guarded(host, watch, owner, endpoint, view)


def _guarded(
    host: Host, watch: Watch, owner: str, endpoint: str, view: Callable[..., Any]
) -> Callable[..., Any]:
    @functools.wraps(view)
    def page(*arguments: Any, **named: Any) -> Any:
        try:
            # A run that opens the page has a budget of its own, and is killed at it.
            in_run = current().source is Source.JOB
            with nullcontext() if in_run else watch.page(owner, endpoint):
                return view(*arguments, **named)
        except (TrackerError, HTTPException, RequestRedirect):
            raise
        except (Exception, SystemExit) as error:
            db.session.rollback()
            host.tell_fault(Fault(owner, IncidentKind.ERROR, endpoint, error))
            raise PluginPageFailed(
                _(
                    "Trang này thuộc mô-đun “%(title)s” và đang gặp lỗi; quản trị viên đã được "
                    "báo. Các trang khác vẫn dùng bình thường.",
                    title=host.title(owner),
                )
            ) from error

    return page


# -- pages come in -----------------------------------------------------------------------------


def register_pages(app: Flask) -> None:
    """Register the blueprints of the features, then those of plug-ins, each on its own terms."""
    host = host_of(app)
    for offer in list(host.offers("blueprints")):
        if offer.owner in host.features:
            app.register_blueprint(offer.item)
    for offer in list(host.offers("blueprints")):
        if offer.owner not in host.features:
            with host.taking_in(offer.owner):
                host.own_endpoints(offer.owner, offer.item.name)
                _register_foreign(app, offer.item)


def _register_foreign(app: Flask, blueprint: Any) -> None:
    """Register a plug-in's blueprint. Raises PluginError where it reaches beyond its own pages."""
    taken = {rule.rule.split("/")[1] for rule in app.url_map.iter_rules()}
    first = str(blueprint.url_prefix).split("/")[1]
    if first in taken:
        raise PluginError(f"its address /{first} is taken")
    if blueprint.name in app.blueprints:
        raise PluginError(f"the name of its blueprint, {blueprint.name!r}, is taken")
    before = _Shared(app, blueprint.name)
    try:
        app.register_blueprint(blueprint)
    finally:
        # Also what it reached before it failed.
        reached = before.put_back(app)
    if reached:
        raise PluginError(f"its blueprint reaches pages of others: {', '.join(reached)}")
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith(f"{blueprint.name}.") and rule.rule.split("/")[1] != first:
            raise PluginError(f"its page {rule.rule} lies outside /{first}")


_BY_SCOPE = (
    "before_request_funcs",
    "after_request_funcs",
    "teardown_request_funcs",
    "template_context_processors",
    "url_value_preprocessors",
    "url_default_functions",
    "error_handler_spec",
)
_OF_TEMPLATES = ("filters", "globals", "tests")


class _Shared:
    """What of an app belongs to everybody but one blueprint, as it was at one moment."""

    def __init__(self, app: Flask, blueprint: str) -> None:
        self._blueprint = blueprint
        self._kept = self._look(app)

    def _look(self, app: Flask) -> dict[str, Any]:
        """Return copies that stay as they are when the app is changed."""
        found: dict[str, Any] = {
            name: {
                scope: _copied(held)
                for scope, held in getattr(app, name).items()
                if held and not self._is_own(scope)
            }
            for name in _BY_SCOPE
        }
        for name in _OF_TEMPLATES:
            found[f"template {name}"] = dict(getattr(app.jinja_env, name))
        found["pages"] = {
            endpoint: view
            for endpoint, view in app.view_functions.items()
            if not endpoint.startswith(f"{self._blueprint}.")
        }
        return found

    def _is_own(self, scope: str | None) -> bool:
        return scope == self._blueprint or str(scope).startswith(f"{self._blueprint}.")

    def put_back(self, app: Flask) -> list[str]:
        """Undo what was changed since; return the names of what it was."""
        now = self._look(app)
        reached = sorted(name for name, held in self._kept.items() if now[name] != held)
        for name in reached:
            if name in _BY_SCOPE:
                shared = getattr(app, name)
                own = {scope: held for scope, held in shared.items() if self._is_own(scope)}
                shared.clear()
                shared.update(self._kept[name] | own)
            elif name == "pages":
                for endpoint in now[name]:
                    # An address that was registered stays; nothing is behind it.
                    app.view_functions[endpoint] = self._kept[name].get(endpoint, _nowhere)
            else:
                held = getattr(app.jinja_env, name.removeprefix("template "))
                held.clear()
                held.update(self._kept[name])
        return reached


def _copied(held: Any) -> Any:
    """Return a list, or a table of tables, that does not change along with the given one."""
    if isinstance(held, dict):
        copy = held.copy()
        copy.update({name: _copied(one) for name, one in held.items()})
        return copy
    return list(held) if isinstance(held, list) else held


def _nowhere(**_arguments: object) -> Any:
    raise NotFound


def check_links(app: Flask) -> None:
    """Take plug-ins out whose menu entries lead nowhere: every page shows the menu."""
    host = host_of(app)
    for offer in list(host.offers("menu_items")):
        if offer.owner in host.features:
            continue
        with host.taking_in(offer.owner):
            known = offer.item.endpoint in app.view_functions
            rules = list(app.url_map.iter_rules(offer.item.endpoint)) if known else []
            if not any("GET" in (rule.methods or ()) and not rule.arguments for rule in rules):
                raise PluginError(f"its menu leads to {offer.item.endpoint!r}, which is no page")

"""The host: registers the core's features and the plug-ins, and collects what they offer, once.

What is collected is tagged by its owner. `registry` holds only what may be seen now: the features'
offers and those of enabled plug-ins. It is a frozen whole that is exchanged when states change, so
a request that began with one ends with it.
"""

from __future__ import annotations

import logging
import re
import threading
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pluggy

from tracker.core.errors import FieldError, PluginError
from tracker.core.rights import RecordScope, Rights
from tracker.core.work import Work
from tracker.plugins import calls, events, hookspecs
from tracker.plugins import descriptors as d
from tracker.plugins.calls import Fault
from tracker.plugins.loader import LoadedPlugin, LoadedSet
from tracker.plugins.states import PluginState

if TYPE_CHECKING:
    import click
    from flask import Blueprint, Flask

log = logging.getLogger(__name__)

# Keeps (unit of work, plug-in, contributor's key, handover) until it can be done.
Postpone = Callable[[Work, str, str, d.Handover], None]

EVENT_HOOKS: Mapping[type[object], str] = {
    events.ProgressReported: "tracker_on_progress_reported",
    events.PlanIssued: "tracker_on_plan_issued",
    events.UnitsReorganised: "tracker_on_units_reorganised",
    events.VisitFinished: "tracker_on_visit_finished",
    events.FindingRecorded: "tracker_on_finding_recorded",
    events.JobFailed: "tracker_on_job_failed",
    events.PluginPaused: "tracker_on_plugin_paused",
}


@dataclass(frozen=True)
class Registry:
    """All that the features and plug-ins of one app offer, sorted by weight and key.

    A field is a hook: `tracker_register_<field>` fills it.
    """

    permissions: Mapping[str, d.Permission] = field(default_factory=dict)
    record_scopes: Sequence[RecordScope] = ()
    blueprints: Sequence[Blueprint] = ()
    menu_items: Sequence[d.MenuItem] = ()
    admin_views: Sequence[d.AdminViewSpec] = ()
    panels: Sequence[d.Panel] = ()
    timeline_sources: Sequence[d.TimelineSource] = ()
    dashboard_cards: Sequence[d.DashboardCard] = ()
    my_work: Sequence[d.MyWorkSource] = ()
    indicators: Sequence[d.Indicator] = ()
    report_sections: Sequence[d.ReportSection] = ()
    search_providers: Sequence[d.SearchProvider] = ()
    handover_contributors: Sequence[d.HandoverContributor] = ()
    import_specs: Mapping[str, d.ImportSpec] = field(default_factory=dict)
    settings: Mapping[str, d.SettingSpec] = field(default_factory=dict)
    setting_groups: Sequence[d.SettingGroup] = ()
    checklist_templates: Sequence[d.ChecklistTemplate] = ()
    checklist_prefills: Sequence[d.ChecklistPrefill] = ()
    progress_sources: Sequence[d.ProgressSource] = ()
    jobs: Mapping[str, d.JobSpec] = field(default_factory=dict)
    notice_kinds: Mapping[str, d.NoticeKind] = field(default_factory=dict)
    channels: Mapping[str, d.Channel] = field(default_factory=dict)
    calendar_entries: Sequence[d.CalendarSource] = ()
    doctor_checks: Sequence[d.DoctorCheck] = ()
    commands: Sequence[click.Command] = ()
    demo_data: Sequence[d.DemoData] = ()


# Kind of offer -> is it found by its key?
KINDS: Mapping[str, bool] = {
    one.name: str(one.type).startswith("Mapping") for one in fields(Registry)
}
KEY = re.compile(r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$")


@dataclass(frozen=True)
class Offer:
    """One thing that a feature or plug-in offers."""

    owner: str
    item: Any


class Host:
    """Plug-in manager of one app: features first, then plug-ins, each by its name.

    A feature that breaks the contract stops the start. A plug-in that does is left out and named in
    `failures`, unless `strict`: then PluginError is raised, as a trial load wants it.
    """

    def __init__(
        self,
        features: Mapping[str, object],
        plugins: Mapping[str, object] | None = None,
        *,
        strict: bool = False,
    ) -> None:
        self.manager = pluggy.PluginManager(hookspecs.PROJECT)
        self.manager.add_hookspecs(hookspecs)
        loaded = plugins if isinstance(plugins, LoadedSet) else LoadedSet.of(plugins or {})
        self.features = frozenset(features)
        self.plugins: dict[str, LoadedPlugin] = {}
        # Why a plug-in of the set is not there, by its name.
        self.failures: dict[str, str] = dict(loaded.failures)
        # What the wanted set's counter was when the states below were read; None where nobody
        # counts (a list given by a test).
        self.generation: int | None = loaded.generation
        self.code = loaded.code
        self.safe_until: datetime | None = None
        # Started without any plug-in; a start of its own ends that, not the wanted set.
        self.starts_safe = loaded.is_safe
        self.is_safe = loaded.is_safe
        self.strict = strict
        self._watch: Callable[[str], AbstractContextManager[None]] = loaded.watch or (
            lambda name: nullcontext()
        )
        self._told_fault: Callable[[Fault], None] = _log_fault
        self._kept_handover: Postpone | None = None
        self._exchanged: list[Callable[[], None]] = []
        self._lock = threading.RLock()
        self._offers: dict[str, list[Offer]] = {kind: [] for kind in KINDS}
        self._endpoints: dict[str, str] = {}
        for name, implementation in features.items():
            self.manager.register(implementation, name)
            self.manager.check_pending()
            self._add(name, self._collect(name, implementation))
        for name, plugin in loaded.items():
            with self.taking_in(name):
                self._take_in(name, plugin)
        # What else a process needs at its start, states or not: pages, back office, commands.
        self.everything = self._gather(lambda owner: True)
        self._open: frozenset[str] = frozenset()
        self.registry = self.everything
        self.states: Mapping[str, PluginState] = {}
        self.set_states({name: one.state for name, one in self.plugins.items()})

    # -- coming in -----------------------------------------------------------------------

    def taking_in(self, name: str) -> AbstractContextManager[None]:
        """Guard a step of a start in which a plug-in's code runs: a fault takes the plug-in out.

        A step that ends the process leaves a mark, so that the next start does without the plug-in.
        """
        return _TakingIn(self, name, self._watch(name))

    def _take_in(self, name: str, plugin: LoadedPlugin) -> None:
        if name in self.features:
            raise PluginError(f"{name} is the name of a feature of the core")
        self.manager.register(plugin.implementation, name)
        self.manager.check_pending()
        self._add(name, self._collect(name, plugin.implementation, plugin))
        self.plugins[name] = plugin

    def fail(self, name: str, error: BaseException) -> None:
        """Take a plug-in out that cannot be brought in. Raises PluginError when strict."""
        reason = str(error) or type(error).__name__
        if self.strict:
            raise PluginError(reason) from error
        log.error("plug-in %s is left out: %s", name, reason, exc_info=error)
        self.failures[name] = reason
        self.plugins.pop(name, None)
        if self.manager.has_plugin(name):
            self.manager.unregister(name=name)
        for kind, offers in self._offers.items():
            self._offers[kind] = [offer for offer in offers if offer.owner != name]
        if hasattr(self, "everything"):
            self.everything = self._gather(lambda owner: True)
            self.set_states(self.states)

    def _collect(
        self, owner: str, implementation: object, plugin: LoadedPlugin | None = None
    ) -> dict[str, list[Any]]:
        """Return what an owner offers, by kind; a plug-in's checked and guarded."""
        found: dict[str, list[Any]] = {}
        for kind in KINDS:
            method = getattr(implementation, f"tracker_register_{kind}", None)
            if method is None:
                continue
            offers = method()
            if plugin is not None:
                offers = [self._checked(plugin, kind, offer) for offer in _listed(kind, offers)]
            found[kind] = list(offers)
        return found

    def _checked(self, plugin: LoadedPlugin, kind: str, offer: Any) -> Any:
        expected = _expected(kind)
        if not isinstance(offer, expected):
            raise PluginError(
                f"{plugin.name}: {kind} must be {expected.__name__}, not {type(offer).__name__}"
            )
        _require_own_name(plugin, kind, offer)
        if is_dataclass(offer):
            calls.check_fields(offer)
        return calls.guard(plugin.name, f"{kind}:{getattr(offer, 'key', '')}", offer)

    def _add(self, owner: str, found: Mapping[str, Sequence[Any]]) -> None:
        """Take over what an owner offers: all of it, or nothing of it."""
        for kind, offers in found.items():
            seen = {
                offer.item.key: offer.owner
                for offer in self._offers[kind]
                if hasattr(offer.item, "key")
            }
            for offer in offers:
                key = getattr(offer, "key", None)
                if key is None:
                    continue
                if not KEY.match(key):
                    raise PluginError(f"{owner}: {kind} has a key that is not a name: {key!r}")
                if key in seen:
                    raise PluginError(f"{owner}: {kind} {key!r} is already offered by {seen[key]}")
                seen[key] = owner
        for kind, offers in found.items():
            self._offers[kind].extend(Offer(owner, offer) for offer in offers)

    # -- who is open ---------------------------------------------------------------------

    def set_states(
        self,
        states: Mapping[str, PluginState],
        *,
        generation: int | None = None,
        is_safe: bool | None = None,
    ) -> None:
        """Open and close plug-ins: their hooks, pages, menu and jobs, from now on.

        A plug-in without a state is closed. In safe mode all are.
        """
        with self._lock:
            if is_safe is not None:
                self.is_safe = is_safe
            self.states = dict(states)
            open_now = frozenset(
                name
                for name in self.plugins
                if not self.is_safe and states.get(name) is PluginState.ENABLED
            )
            if open_now != self._open or self.registry is self.everything:
                self._open = open_now
                self.registry = self._gather(self.is_open)
                for exchanged in self._exchanged:
                    exchanged()
            # Last: whoever compares generations must find what belongs to it.
            if generation is not None:
                self.generation = generation

    def on_exchange(self, exchanged: Callable[[], None]) -> None:
        """Have something done whenever plug-ins were opened or closed."""
        self._exchanged.append(exchanged)

    def close(self, name: str, state: PluginState = PluginState.PAUSED) -> None:
        """Close a plug-in in this process at once; the instance's own states follow."""
        with self._lock:
            self.set_states({**self.states, name: state})

    def is_open(self, owner: str) -> bool:
        """Tell whether an owner's offers are shown and heard now."""
        return owner in self.features or owner in self._open

    def is_switching(self, owner: str) -> bool:
        """Tell whether a plug-in is closed only until its tables and its code fit again."""
        return not self.is_safe and self.states.get(owner) is PluginState.NEEDS_MIGRATION

    def _gather(self, is_wanted: Callable[[str], bool]) -> Registry:
        return Registry(
            **{
                kind: _sorted(
                    [offer.item for offer in offers if is_wanted(offer.owner)], by_key=KINDS[kind]
                )
                for kind, offers in self._offers.items()
            }
        )

    def offers(self, kind: str) -> Iterator[Offer]:
        """Yield what is offered of a kind with its owner, whether the owner is open or not."""
        items = {id(offer.item): offer for offer in self._offers[kind]}
        found = getattr(self.everything, kind)
        for item in found.values() if KINDS[kind] else found:
            if id(item) in items:
                yield items[id(item)]

    def owner_of(self, kind: str, key: str) -> str | None:
        """Return who offers the descriptor of this key; None where nobody does."""
        found = (offer.owner for offer in self._offers[kind] if offer.item.key == key)
        return next(found, None)

    def is_foreign(self, kind: str, key: str) -> bool:
        """Tell whether a descriptor is a plug-in's."""
        owner = self.owner_of(kind, key)
        return owner is not None and owner not in self.features

    def own_endpoints(self, owner: str, first_part: str) -> None:
        """Note that the endpoints below `first_part` are a plug-in's pages."""
        self._endpoints[first_part] = owner

    def owner_of_endpoint(self, endpoint: str | None) -> str | None:
        """Return the plug-in whose page an endpoint is; None for the core's own."""
        if not self._endpoints or endpoint is None:
            return None
        return self._endpoints.get(endpoint.partition(".")[0])

    def title(self, name: str) -> str:
        """Return a plug-in's title in the reader's language, its name where it gives none."""
        plugin = self.plugins.get(name)
        manifest = plugin.manifest if plugin is not None else None
        return str(manifest.title) if manifest is not None else name

    def words_of_fault(self, name: str) -> str:
        """Return what a person is told when a plug-in did not answer."""
        from flask_babel import gettext as _

        return str(
            _("Mô-đun “%(title)s” đang gặp lỗi. Hãy báo quản trị viên.", title=self.title(name))
        )

    # -- faults --------------------------------------------------------------------------

    def on_fault(self, told: Callable[[Fault], None]) -> None:
        """Say who counts faults of plug-ins."""
        self._told_fault = told

    def tell_fault(self, fault: Fault) -> None:
        """Tell of what a plug-in did wrong."""
        self._told_fault(fault)

    # -- units change hands --------------------------------------------------------------

    def on_handover(self, kept: Postpone) -> None:
        """Say who keeps plug-ins' parts of unit operations until they can be done."""
        self._kept_handover = kept

    def postpone(self, work: Work, owner: str, contributor: str, handover: d.Handover) -> None:
        """Have a plug-in's part of a unit operation kept, in the operation's own transaction."""
        if self._kept_handover is None:
            raise RuntimeError("nobody keeps what plug-ins hand over")
        self._kept_handover(work, owner, contributor, handover)

    @property
    def handover_contributors(self) -> Sequence[d.HandoverContributor]:
        """Who takes part in a unit operation: closed plug-ins too, whose part waits for them."""
        return [
            offer.item
            for offer in self.offers("handover_contributors")
            if offer.owner in self.features or offer.owner in self.states
        ]

    def hand_over(self, contributor: str, handover: d.Handover) -> bool:
        """Let a plug-in do its part; False when it isn't there (switched off, removed).

        Raises PluginError where it fails: it is asked again later.
        """
        for one in self.handover_contributors:
            if one.key == contributor and isinstance(one.apply, calls.Postponed):
                return one.apply.now(handover)
        return False

    # -- rights, events, validators ------------------------------------------------------

    def fill_rights(self, rights: Rights) -> None:
        """Tell the rights contract which permissions and record scopes there are.

        Those of closed plug-ins too: the records stay, and commands of the core may meet them.
        """
        everything = self.everything
        rights.reading = {key: one.reads for key, one in everything.permissions.items()}
        rights.scopes = {scope.model: scope for scope in everything.record_scopes}

    def listeners(self, happened: object) -> list[str]:
        """Return who listens to a fact, by name. Raises PluginError for a fact of no hook."""
        hook = EVENT_HOOKS.get(type(happened))
        if hook is None:
            raise PluginError(f"no hook tells of {type(happened).__name__}")
        return [owner for owner, _listen in self._implementations(hook)]

    def tell(self, owner: str, happened: object) -> bool:
        """Tell one listener of a fact; False when it isn't there (switched off, removed).

        Raises whatever the listener raises (a plug-in's as PluginError): it is told again later.
        """
        hook = EVENT_HOOKS[type(happened)]
        for name, listen in self._implementations(hook):
            if name != owner:
                continue
            if owner not in self.plugins:
                listen(happened=happened)
            else:
                calls.call(owner, "listener", hook, partial(listen, happened=happened), writes=True)
            return True
        return False

    def validate(self, noun: str, proposed: object) -> list[FieldError]:
        """Ask validate hooks about what is to be written ('progress', 'visit', 'finding').

        A plug-in's that fails has no say.
        """
        errors: list[FieldError] = []
        hook = f"tracker_validate_{noun}"
        for owner, validate in self._implementations(hook):
            asked = partial(validate, **{noun: proposed})
            if owner not in self.plugins:
                errors.extend(asked() or ())
                continue
            try:
                errors.extend(calls.call(owner, "validator", hook, partial(_answered, asked)))
            except PluginError:
                continue
        return errors

    def _implementations(self, hook: str) -> Iterable[tuple[str, Callable[..., Any]]]:
        for implementation in reversed(getattr(self.manager.hook, hook).get_hookimpls()):
            if self.is_open(implementation.plugin_name):
                yield implementation.plugin_name, implementation.function


class _TakingIn:
    """See Host.taking_in."""

    def __init__(self, host: Host, name: str, watch: AbstractContextManager[None]) -> None:
        self._host, self._name, self._watch = host, name, watch

    def __enter__(self) -> None:
        self._watch.__enter__()

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        self._watch.__exit__(None, None, None)
        if not isinstance(error, (Exception, SystemExit)):
            return False
        self._host.fail(self._name, error)
        return True


def _answered(asked: Callable[[], Any]) -> Sequence[FieldError]:
    return calls.field_errors(asked() or ())


def _log_fault(fault: Fault) -> None:
    log.error("%s failed in %s", fault.plugin, fault.place, exc_info=fault.error)


def _sorted(offers: Sequence[Any], *, by_key: bool) -> Any:
    found = sorted(
        offers, key=lambda offer: (getattr(offer, "weight", 100), str(getattr(offer, "key", "")))
    )
    return {offer.key: offer for offer in found} if by_key else tuple(found)


def _listed(kind: str, offers: object) -> Sequence[Any]:
    if not isinstance(offers, (list, tuple)):
        raise PluginError(f"tracker_register_{kind} must return a list or a tuple")
    return offers


def _expected(kind: str) -> type[Any]:
    """Return the type of which a registration hook returns a sequence, as its spec says."""
    import click
    from flask import Blueprint

    specification = getattr(hookspecs, f"tracker_register_{kind}")
    names = {**vars(hookspecs), "click": click, "Blueprint": Blueprint}
    returned = typing.get_type_hints(specification, names)["return"]
    return cast("type[Any]", typing.get_args(returned)[0])


def _require_own_name(plugin: LoadedPlugin, kind: str, offer: Any) -> None:
    """Raise PluginError where an offer's name is not within the plug-in's own."""
    name = plugin.name
    if kind == "blueprints":
        address = plugin.manifest.address if plugin.manifest is not None else None
        prefix = str(offer.url_prefix or "")
        if offer.name != name:
            raise PluginError(f"{name}: its blueprint must be called {name!r}, not {offer.name!r}")
        if not prefix.startswith("/") or prefix == "/":
            raise PluginError(f"{name}: its blueprint needs an address (url_prefix) of its own")
        if address is not None and prefix != f"/{address}":
            raise PluginError(f"{name}: its pages lie below /{address}, not {prefix}")
    elif kind == "commands":
        word = name.replace("_", "-")
        if offer.name != word and not str(offer.name).startswith(f"{word}-"):
            raise PluginError(f"{name}: its command must be called {word!r}, not {offer.name!r}")
    elif kind == "record_scopes":
        table = str(getattr(offer.model, "__tablename__", ""))
        if not table.startswith(f"plugin_{name}__"):
            raise PluginError(f"{name}: record scopes are for tables of its own, not {table!r}")
    else:
        key = str(getattr(offer, "key", name))
        if key != name and not key.startswith(f"{name}."):
            raise PluginError(f"{name}: the name of {kind} {key!r} must begin with '{name}.'")


def host_of(app: Flask) -> Host:
    """Return the host of an app."""
    return cast(Host, app.extensions["tracker_host"])


def current_host() -> Host:
    """Return the host of the current app."""
    from flask import current_app

    return host_of(current_app)


def current_registry() -> Registry:
    """Return what the features and enabled plug-ins of the current app offer."""
    from flask import current_app

    return host_of(current_app).registry

"""The host: registers the core's features and the plug-ins, and collects what they offer, once."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pluggy

from tracker.core.errors import FieldError, PluginError
from tracker.core.rights import RecordScope, Rights
from tracker.plugins import descriptors as d
from tracker.plugins import events, hookspecs

if TYPE_CHECKING:
    import click
    from flask import Blueprint, Flask

log = logging.getLogger(__name__)

EVENT_HOOKS: Mapping[type[object], str] = {
    events.ProgressReported: "tracker_on_progress_reported",
    events.PlanIssued: "tracker_on_plan_issued",
    events.UnitsReorganised: "tracker_on_units_reorganised",
    events.VisitFinished: "tracker_on_visit_finished",
    events.FindingRecorded: "tracker_on_finding_recorded",
}


@dataclass(frozen=True)
class Registry:
    """All that the features and plug-ins of one app offer, sorted by weight and key."""

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
    checklist_templates: Sequence[d.ChecklistTemplate] = ()
    jobs: Mapping[str, d.JobSpec] = field(default_factory=dict)
    doctor_checks: Sequence[d.DoctorCheck] = ()
    commands: Sequence[click.Command] = ()
    demo_data: Sequence[d.DemoData] = ()


KEY = re.compile(r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$")


class Host:
    """Plug-in manager of one app: features first, then plug-ins, each by its name."""

    def __init__(
        self, features: Mapping[str, object], plugins: Mapping[str, object] | None = None
    ) -> None:
        self.manager = pluggy.PluginManager(hookspecs.PROJECT)
        self.manager.add_hookspecs(hookspecs)
        for name, implementation in {**features, **(plugins or {})}.items():
            self.manager.register(implementation, name)
        self.manager.check_pending()
        self.registry = self._collect()

    def _offers(self, hook: str) -> list[tuple[str, Any]]:
        """Return (owner, descriptor) of one registration hook, owner by owner."""
        offers: list[tuple[str, Any]] = []
        for name, implementation in self.manager.list_name_plugin():
            method = getattr(implementation, hook, None)
            if implementation is None or method is None:
                continue
            for offer in method():
                offers.append((name, offer))
        return offers

    def _collect(self) -> Registry:
        kinds = (
            ("permissions", True),
            ("record_scopes", False),
            ("blueprints", False),
            ("menu_items", False),
            ("admin_views", False),
            ("panels", False),
            ("timeline_sources", False),
            ("dashboard_cards", False),
            ("my_work", False),
            ("indicators", False),
            ("report_sections", False),
            ("search_providers", False),
            ("handover_contributors", False),
            ("import_specs", True),
            ("settings", True),
            ("checklist_templates", False),
            ("jobs", True),
            ("doctor_checks", False),
            ("commands", False),
            ("demo_data", False),
        )
        return Registry(
            **{kind: self._of_kind(kind, by_key=by_key) for kind, by_key in kinds}  # type: ignore[arg-type]
        )

    def _of_kind(self, kind: str, *, by_key: bool) -> Sequence[Any] | Mapping[str, Any]:
        seen: dict[str, str] = {}
        offers = self._offers(f"tracker_register_{kind}")
        for owner, offer in offers:
            key = getattr(offer, "key", None)
            if key is None:
                continue
            if not KEY.match(key):
                raise PluginError(f"{owner}: {kind} has a key that is not a name: {key!r}")
            if key in seen:
                raise PluginError(f"{owner}: {kind} {key!r} is already offered by {seen[key]}")
            seen[key] = owner
        found = sorted(
            (offer for _owner, offer in offers),
            key=lambda offer: (getattr(offer, "weight", 100), str(getattr(offer, "key", ""))),
        )
        return {offer.key: offer for offer in found} if by_key else tuple(found)

    def fill_rights(self, rights: Rights) -> None:
        """Tell the rights contract which permissions and record scopes there are."""
        rights.reading = {key: one.reads for key, one in self.registry.permissions.items()}
        rights.scopes = {scope.model: scope for scope in self.registry.record_scopes}

    def tell(self, happened: object) -> None:
        """Tell listeners of a fact; one that raises is logged and does not stop the others."""
        hook = EVENT_HOOKS.get(type(happened))
        if hook is None:
            raise PluginError(f"no hook tells of {type(happened).__name__}")
        for owner, listen in self._implementations(hook):
            try:
                listen(happened=happened)
            except Exception:
                # A plug-in may raise anything; what it was told of is already committed.
                log.exception("%s failed in %s", owner, hook)

    def validate_progress(self, progress: object) -> list[FieldError]:
        """Ask validate hooks about a progress report."""
        errors: list[FieldError] = []
        for _owner, validate in self._implementations("tracker_validate_progress"):
            errors.extend(validate(progress=progress) or ())
        return errors

    def _implementations(self, hook: str) -> Iterable[tuple[str, Callable[..., Any]]]:
        for implementation in reversed(getattr(self.manager.hook, hook).get_hookimpls()):
            yield implementation.plugin_name, implementation.function


def host_of(app: Flask) -> Host:
    """Return the host of an app."""
    return cast(Host, app.extensions["tracker_host"])


def current_registry() -> Registry:
    """Return what the features and plug-ins of the current app offer."""
    from flask import current_app

    return host_of(current_app).registry

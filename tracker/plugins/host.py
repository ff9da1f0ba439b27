"""The host: registers the core's features and the plug-ins, and collects what they offer, once."""

from __future__ import annotations

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
            ("setting_groups", False),
            ("checklist_templates", False),
            ("checklist_prefills", False),
            ("progress_sources", False),
            ("jobs", True),
            ("notice_kinds", True),
            ("channels", True),
            ("calendar_entries", False),
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

    def listeners(self, happened: object) -> list[str]:
        """Return who listens to a fact, by name. Raises PluginError for a fact of no hook."""
        hook = EVENT_HOOKS.get(type(happened))
        if hook is None:
            raise PluginError(f"no hook tells of {type(happened).__name__}")
        return [owner for owner, _listen in self._implementations(hook)]

    def tell(self, owner: str, happened: object) -> bool:
        """Tell one listener of a fact; False when it isn't there (switched off, removed).

        Raises whatever the listener raises: the outbox tells it again later.
        """
        hook = EVENT_HOOKS[type(happened)]
        for name, listen in self._implementations(hook):
            if name == owner:
                listen(happened=happened)
                return True
        return False

    def validate(self, noun: str, proposed: object) -> list[FieldError]:
        """Ask validate hooks about what is to be written ('progress', 'visit', 'finding')."""
        errors: list[FieldError] = []
        for _owner, validate in self._implementations(f"tracker_validate_{noun}"):
            errors.extend(validate(**{noun: proposed}) or ())
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

"""What this plug-in registers with the host."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint

from tracker.api.admin import AdminViewSpec
from tracker.api.files import may_read_files_of
from tracker.api.hooks import (
    ChecklistPrefill,
    DashboardCard,
    DemoData,
    DoctorCheck,
    HandoverContributor,
    ImportSpec,
    Indicator,
    JobSpec,
    MenuItem,
    MyWorkSource,
    Panel,
    Permission,
    ReportSection,
    SearchProvider,
    SettingSpec,
    TimelineSource,
    hookimpl,
)
from tracker.api.i18n import lazy_gettext as _l
from tracker.api.jobs import MissedPolicy
from tracker.api.notices import NoticeKind
from tracker.api.rights import RecordScope
from tracker_camera_monitoring import (
    back_office,
    demo,
    figures,
    handover,
    health_views,
    importing,
    jobs,
    monitoring,
    panels,
    permissions,
    prefill,
    reading,
    register_views,
    roster_views,
    watch_views,
    watching,
)
from tracker_camera_monitoring.blueprint import blueprint
from tracker_camera_monitoring.values import OWN

# Imported so that their views stand on the blueprint before it is registered.
PAGES = (health_views, register_views, roster_views, watch_views)

may_read_files_of(watching.FILES, reading.may_read_files)


@hookimpl
def tracker_register_permissions() -> Sequence[Permission]:
    """Declare who sees, manages, watches and reads the log."""
    return OWN.permissions


@hookimpl
def tracker_register_record_scopes() -> Sequence[RecordScope]:
    """Say to whom desks, cameras, incidents, entries and turns belong."""
    return permissions.SCOPES


@hookimpl
def tracker_register_blueprints() -> Sequence[Blueprint]:
    """Offer the pages."""
    return (blueprint,)


@hookimpl
def tracker_register_menu_items() -> Sequence[MenuItem]:
    """Lead to health, log, roster and register."""
    return (
        MenuItem(
            key="camera_monitoring.health",
            label=_l("Camera một cửa"),
            endpoint="camera_monitoring.show_health",
            icon="camera",
            group="inspection",
            permission=permissions.VIEW,
            weight=60,
        ),
        MenuItem(
            key="camera_monitoring.log",
            label=_l("Nhật ký camera"),
            endpoint="camera_monitoring.list_entries",
            icon="eye",
            group="inspection",
            permission=permissions.READ_LOG,
            weight=61,
        ),
        MenuItem(
            key="camera_monitoring.roster",
            label=_l("Lịch xem camera"),
            endpoint="camera_monitoring.show_roster",
            icon="calendar",
            group="inspection",
            permission=permissions.READ_LOG,
            weight=62,
        ),
        MenuItem(
            key="camera_monitoring.register",
            label=_l("Sổ camera"),
            endpoint="camera_monitoring.list_cameras",
            icon="table",
            group="inspection",
            permission=permissions.VIEW,
            weight=63,
        ),
    )


@hookimpl
def tracker_register_panels() -> Sequence[Panel]:
    """Show a unit's cameras on its page."""
    return panels.PANELS


@hookimpl
def tracker_register_dashboard_cards() -> Sequence[DashboardCard]:
    """Show on the overview how cameras stand."""
    return panels.CARDS


@hookimpl
def tracker_register_timeline_sources() -> Sequence[TimelineSource]:
    """Tell of incidents on a unit's timeline."""
    return panels.TIMELINES


@hookimpl
def tracker_register_my_work() -> Sequence[MyWorkSource]:
    """Bring incidents and turns to whom they wait for."""
    return panels.MY_WORK


@hookimpl
def tracker_register_indicators() -> Sequence[Indicator]:
    """Add coverage, cost, availability, incidents and what was watched."""
    return figures.INDICATORS


@hookimpl
def tracker_register_report_sections() -> Sequence[ReportSection]:
    """Add cameras to the period summary."""
    return figures.SECTIONS


@hookimpl
def tracker_register_search_providers() -> Sequence[SearchProvider]:
    """Find cameras."""
    return panels.SEARCH


@hookimpl
def tracker_register_handover_contributors() -> Sequence[HandoverContributor]:
    """Hand desks to the successors of a unit."""
    return (handover.CONTRIBUTOR,)


@hookimpl
def tracker_register_import_specs() -> Sequence[ImportSpec]:
    """Read cameras from a spreadsheet."""
    return (importing.SPEC,)


@hookimpl
def tracker_register_settings() -> Sequence[SettingSpec]:
    """Declare networks, patience, retention and hours."""
    return OWN.settings


@hookimpl
def tracker_register_checklist_prefills() -> Sequence[ChecklistPrefill]:
    """Propose the answer to 'cameras work, recordings are kept long enough'."""
    return prefill.PREFILLS


@hookimpl
def tracker_register_jobs() -> Sequence[JobSpec]:
    """Probe cameras, all in turn or one at once, roll days up, prune."""
    return (
        OWN.job(
            "camera_monitoring.probe",
            jobs.probe,
            missed=MissedPolicy.DECLARE,
            budget_seconds=290,
        ),
        OWN.job(monitoring.PROBE_ONE, jobs.probe_one, budget_seconds=60, by_hand=False),
        OWN.job("camera_monitoring.roll_up", jobs.roll_up, budget_seconds=1800),
        OWN.job("camera_monitoring.prune", jobs.prune, budget_seconds=1800),
    )


@hookimpl
def tracker_register_notice_kinds() -> Sequence[NoticeKind]:
    """Say what is told when a camera is gone for long."""
    return panels.NOTICES


@hookimpl
def tracker_register_doctor_checks() -> Sequence[DoctorCheck]:
    """Check settings and probes."""
    return panels.CHECKS


@hookimpl
def tracker_register_admin_views() -> Sequence[AdminViewSpec]:
    """Offer the cameras in bulk."""
    return back_office.SPECS


@hookimpl
def tracker_register_demo_data() -> Sequence[DemoData]:
    """Offer Vĩnh Châu's cameras of 2021 and this year's."""
    return demo.DATA

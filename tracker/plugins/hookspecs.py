"""Every point at which the core can be extended, on one page.

Registration hooks are called once while the app starts, outside any transaction, and return
descriptors. `tracker_on_*` hooks tell of a fact after its commit: at least once, so whoever
listens must stand being told again; one that raises is told again later, and later ones don't wait
for it. `tracker_validate_*` hooks are called before a unit of work begins and may veto it with
field errors.
The core's own features answer the same hooks (see each feature's hooks.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pluggy

from tracker.core.errors import FieldError
from tracker.core.rights import RecordScope
from tracker.plugins import descriptors as d
from tracker.plugins import events

if TYPE_CHECKING:
    import click
    from flask import Blueprint

PROJECT = "tracker"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def tracker_register_permissions() -> Sequence[d.Permission]:  # type: ignore[empty-body]
    """Return the rights that this feature asks for, each with the roles that hold it."""


@hookspec
def tracker_register_record_scopes() -> Sequence[RecordScope]:  # type: ignore[empty-body]
    """Return how this feature's records belong to units and people."""


@hookspec
def tracker_register_blueprints() -> Sequence[Blueprint]:  # type: ignore[empty-body]
    """Return fresh Flask blueprints with this feature's pages; called once for each app."""


@hookspec
def tracker_register_menu_items() -> Sequence[d.MenuItem]:  # type: ignore[empty-body]
    """Return the entries of the menu that lead to this feature's pages."""


@hookspec
def tracker_register_admin_views() -> Sequence[d.AdminViewSpec]:  # type: ignore[empty-body]
    """Return the pages of the back office for this feature's tables."""


@hookspec
def tracker_register_panels() -> Sequence[d.Panel]:  # type: ignore[empty-body]
    """Return blocks to be shown on a task's, a unit's or a visit's page."""


@hookspec
def tracker_register_timeline_sources() -> Sequence[d.TimelineSource]:  # type: ignore[empty-body]
    """Return sources of entries for a record's timeline."""


@hookspec
def tracker_register_dashboard_cards() -> Sequence[d.DashboardCard]:  # type: ignore[empty-body]
    """Return blocks to be shown on the overview."""


@hookspec
def tracker_register_my_work() -> Sequence[d.MyWorkSource]:  # type: ignore[empty-body]
    """Return sources of what waits for a person on 'Việc của tôi hôm nay'."""


@hookspec
def tracker_register_indicators() -> Sequence[d.Indicator]:  # type: ignore[empty-body]
    """Return figures for the period summary."""


@hookspec
def tracker_register_report_sections() -> Sequence[d.ReportSection]:  # type: ignore[empty-body]
    """Return sections for the period summary."""


@hookspec
def tracker_register_search_providers() -> Sequence[d.SearchProvider]:  # type: ignore[empty-body]
    """Return what the search box looks through."""


@hookspec
def tracker_register_handover_contributors() -> Sequence[d.HandoverContributor]:  # type: ignore[empty-body]
    """Return how this feature's open records change hands when units are reorganised."""


@hookspec
def tracker_register_import_specs() -> Sequence[d.ImportSpec]:  # type: ignore[empty-body]
    """Return what can be read from a spreadsheet."""


@hookspec
def tracker_register_settings() -> Sequence[d.SettingSpec]:  # type: ignore[empty-body]
    """Return the instance's settings that this feature reads."""


@hookspec
def tracker_register_setting_groups() -> Sequence[d.SettingGroup]:  # type: ignore[empty-body]
    """Return headings under which the page of settings shows this feature's settings."""


@hookspec
def tracker_register_checklist_templates() -> Sequence[d.ChecklistTemplate]:  # type: ignore[empty-body]
    """Return checklists for inspections that come ready-made."""


@hookspec
def tracker_register_checklist_prefills() -> Sequence[d.ChecklistPrefill]:  # type: ignore[empty-body]
    """Return what proposes answers to the checklist of a visit; asked when its page is shown."""


@hookspec
def tracker_register_progress_sources() -> Sequence[d.ProgressSource]:  # type: ignore[empty-body]
    """Return registers that report on tasks; asked by a job, outside any transaction."""


@hookspec
def tracker_register_jobs() -> Sequence[d.JobSpec]:  # type: ignore[empty-body]
    """Return work that the clock starts."""


@hookspec
def tracker_register_notice_kinds() -> Sequence[d.NoticeKind]:  # type: ignore[empty-body]
    """Return the kinds of notice that this feature sends, with their words."""


@hookspec
def tracker_register_channels() -> Sequence[d.Channel]:  # type: ignore[empty-body]
    """Return ways by which notices leave the app."""


@hookspec
def tracker_register_calendar_entries() -> Sequence[d.CalendarSource]:  # type: ignore[empty-body]
    """Return sources of days for calendars outside the app."""


@hookspec
def tracker_register_doctor_checks() -> Sequence[d.DoctorCheck]:  # type: ignore[empty-body]
    """Return checks for `tracker doctor`."""


@hookspec
def tracker_register_commands() -> Sequence[click.Command]:  # type: ignore[empty-body]
    """Return commands for the `tracker` command line."""


@hookspec
def tracker_register_demo_data() -> Sequence[d.DemoData]:  # type: ignore[empty-body]
    """Return demo data of this feature."""


@hookspec
def tracker_validate_progress(  # type: ignore[empty-body]
    progress: events.ProgressProposed,
) -> Sequence[FieldError]:
    """Called before a progress report is written, outside its transaction; return what is wrong."""


@hookspec
def tracker_validate_visit(  # type: ignore[empty-body]
    visit: events.VisitProposed,
) -> Sequence[FieldError]:
    """Called before a visit is made, outside its transaction; return what is wrong."""


@hookspec
def tracker_validate_finding(  # type: ignore[empty-body]
    finding: events.FindingProposed,
) -> Sequence[FieldError]:
    """Called before a finding is written, outside its transaction; return what is wrong."""


@hookspec
def tracker_on_progress_reported(happened: events.ProgressReported) -> None:
    """Called after a progress report is committed; return nothing."""


@hookspec
def tracker_on_plan_issued(happened: events.PlanIssued) -> None:
    """Called after a plan's issue is committed; return nothing."""


@hookspec
def tracker_on_units_reorganised(happened: events.UnitsReorganised) -> None:
    """Called after a unit operation is committed; return nothing."""


@hookspec
def tracker_on_visit_finished(happened: events.VisitFinished) -> None:
    """Called after an inspection visit is closed; return nothing."""


@hookspec
def tracker_on_finding_recorded(happened: events.FindingRecorded) -> None:
    """Called after a finding is committed; return nothing."""


@hookspec
def tracker_on_job_failed(happened: events.JobFailed) -> None:
    """Called after a job's failure is committed to the ledger; return nothing."""


@hookspec
def tracker_on_plugin_paused(happened: events.PluginPaused) -> None:
    """Called after a plug-in was paused; return nothing."""

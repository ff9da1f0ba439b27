"""Every hook, answered."""

from __future__ import annotations

from collections.abc import Sequence

import click
from flask import Blueprint

from tracker.api import hooks as h
from tracker.api.clock import today
from tracker.api.declaration import declaration
from tracker.api.errors import FieldError
from tracker.api.files import may_read_files_of
from tracker.api.i18n import gettext as _
from tracker.api.i18n import lazy_gettext as _l
from tracker.api.imports import ImportSpec
from tracker.api.rights import RecordScope
from tracker.api.work import run
from tracker_dummy import admin, jobs, models, offers, queries, services, views

OWN = declaration(__package__)

may_read_files_of(
    services.FILES, lambda thing_id: bool(queries.things(models.Thing.id == thing_id))
)


@h.hookimpl
def tracker_register_permissions() -> Sequence[h.Permission]:
    """Declare who sees and changes things."""
    return OWN.permissions


@h.hookimpl
def tracker_register_record_scopes() -> Sequence[RecordScope]:
    """Say that a thing belongs to its unit."""
    return (
        RecordScope(
            model=models.Thing,
            units=lambda thing: [thing.unit_id],
            in_units=models.Thing.unit_id.in_,
        ),
    )


@h.hookimpl
def tracker_register_blueprints() -> Sequence[Blueprint]:
    """Offer the pages."""
    return (views.blueprint,)


@h.hookimpl
def tracker_register_menu_items() -> Sequence[h.MenuItem]:
    """Lead to the things."""
    return (
        h.MenuItem(
            key="dummy.things",
            label=_l("Mẫu thử"),
            endpoint="dummy.list_things",
            icon="plugin",
            group="day",
            permission=services.VIEW,
        ),
    )


@h.hookimpl
def tracker_register_admin_views() -> Sequence[h.AdminViewSpec]:
    """Offer the table to the back office."""
    return (
        h.AdminViewSpec(
            key="dummy.things",
            label=_l("Mẫu thử"),
            group="other",
            permission=services.MANAGE,
            view=admin.ThingView,
        ),
    )


@h.hookimpl
def tracker_register_panels() -> Sequence[h.Panel]:
    """Show things on pages of units, tasks and visits."""
    return tuple(
        h.Panel(key=f"dummy.{place}", title=_l("Mẫu thử"), place=place, render=render)
        for place, render in (
            (h.Place.UNIT, offers.unit_panel),
            (h.Place.TASK, offers.task_panel),
            (h.Place.VISIT, offers.visit_panel),
        )
    )


@h.hookimpl
def tracker_register_timeline_sources() -> Sequence[h.TimelineSource]:
    """Say something on every timeline."""
    return tuple(
        h.TimelineSource(key=f"dummy.{place}", place=place, entries=offers.entries)
        for place in h.Place
    )


@h.hookimpl
def tracker_register_dashboard_cards() -> Sequence[h.DashboardCard]:
    """Show things to leaders."""
    return (h.DashboardCard(key="dummy.card", title=_l("Thẻ mẫu thử"), render=offers.card),)


@h.hookimpl
def tracker_register_my_work() -> Sequence[h.MyWorkSource]:
    """Have things wait for people."""
    return (h.MyWorkSource(key="dummy.work", items=offers.my_work, permission=services.MANAGE),)


@h.hookimpl
def tracker_register_indicators() -> Sequence[h.Indicator]:
    """Count things in the period summary."""
    return (
        h.Indicator(
            key="dummy.count", name=_l("Số mẫu thử"), measure=_l("mẫu"), compute=offers.figure
        ),
    )


@h.hookimpl
def tracker_register_report_sections() -> Sequence[h.ReportSection]:
    """List things in the period summary."""
    return (
        h.ReportSection(key="dummy.section", title=_l("Danh sách mẫu thử"), table=offers.section),
    )


@h.hookimpl
def tracker_register_search_providers() -> Sequence[h.SearchProvider]:
    """Find things."""
    return (
        h.SearchProvider(
            key="dummy.things",
            label=_l("Mẫu thử"),
            search=offers.search,
            permission=services.VIEW,
        ),
    )


@h.hookimpl
def tracker_register_handover_contributors() -> Sequence[h.HandoverContributor]:
    """Hand things over with their units."""
    return (
        h.HandoverContributor(
            key="dummy.things",
            label=_l("Mẫu thử"),
            preview=offers.preview_handover,
            apply=offers.apply_handover,
        ),
    )


@h.hookimpl
def tracker_register_import_specs() -> Sequence[ImportSpec]:
    """Read things from a spreadsheet."""
    return (offers.IMPORT,)


@h.hookimpl
def tracker_register_settings() -> Sequence[h.SettingSpec]:
    """Declare the settings."""
    return OWN.settings


@h.hookimpl
def tracker_register_setting_groups() -> Sequence[h.SettingGroup]:
    """Head the settings."""
    return OWN.setting_groups


@h.hookimpl
def tracker_register_checklist_templates() -> Sequence[h.ChecklistTemplate]:
    """Bring a checklist along."""
    item = h.ChecklistItemSpec(code="mau_1", section="Mẫu", text="Mẫu có ở đây không?")
    return (h.ChecklistTemplate(key="dummy.list", title="Bảng kiểm mẫu thử", items=(item,)),)


@h.hookimpl
def tracker_register_checklist_prefills() -> Sequence[h.ChecklistPrefill]:
    """Propose answers."""
    return (
        h.ChecklistPrefill(key="dummy.answers", label=_l("Theo mẫu thử"), answers=offers.prefill),
    )


@h.hookimpl
def tracker_register_progress_sources() -> Sequence[h.ProgressSource]:
    """Report on tasks."""
    return (h.ProgressSource(key="dummy.tasks", label=_l("Mẫu thử"), read=offers.progress),)


@h.hookimpl
def tracker_register_jobs() -> Sequence[h.JobSpec]:
    """Declare what the clock starts, and what runs when asked."""
    return (OWN.job("dummy.count", jobs.count), OWN.job("dummy.fail", jobs.fail))


@h.hookimpl
def tracker_register_notice_kinds() -> Sequence[h.NoticeKind]:
    """Tell of new things."""
    return (
        h.NoticeKind(
            key="dummy.made",
            label=_l("Có mẫu mới"),
            words=offers.words,
            group=_l("Mẫu thử"),
            channels=frozenset({"dummy.post"}),
            urgent=True,
        ),
    )


@h.hookimpl
def tracker_register_channels() -> Sequence[h.Channel]:
    """Carry notices to a list in memory."""
    return (
        h.Channel(
            key="dummy.post",
            label=_l("Hộp mẫu thử"),
            reachable=offers.reachable,
            send=offers.send,
        ),
    )


@h.hookimpl
def tracker_register_calendar_entries() -> Sequence[h.CalendarSource]:
    """Put things into calendars."""
    return (h.CalendarSource(key="dummy.days", label=_l("Mẫu thử"), entries=offers.calendar),)


@h.hookimpl
def tracker_register_doctor_checks() -> Sequence[h.DoctorCheck]:
    """Be examined."""
    return (h.DoctorCheck(key="dummy.health", label=_l("Mẫu thử"), check=offers.diagnose),)


@h.hookimpl
def tracker_register_commands() -> Sequence[click.Command]:
    """Offer `tracker dummy`."""
    return (offers.command,)


@h.hookimpl
def tracker_register_demo_data() -> Sequence[h.DemoData]:
    """Show a thing in the demo."""
    return (h.DemoData(key="dummy.demo", load=offers.load_demo),)


@h.hookimpl
def tracker_validate_progress(progress: h.ProgressProposed) -> Sequence[FieldError]:
    """Refuse a certain note."""
    if progress.note == "cấm":
        return (FieldError("note", _("Mẫu thử không cho ghi như vậy.")),)
    return ()


@h.hookimpl
def tracker_validate_visit(visit: h.VisitProposed) -> Sequence[FieldError]:
    """Refuse visits of announced surprise."""
    if visit.kind == "surprise" and visit.is_announced:
        return (FieldError("is_announced", _("Đột xuất thì không báo trước.")),)
    return ()


@h.hookimpl
def tracker_validate_finding(finding: h.FindingProposed) -> Sequence[FieldError]:
    """Refuse findings to be put right before today."""
    if finding.remedy_due_on is not None and finding.remedy_due_on < today():
        return (FieldError("remedy_due_on", _("Hạn đã qua.")),)
    return ()


def _hear(event: str, about: object) -> None:
    run(services.hear, services.HearOf(event, str(about)))


@h.hookimpl
def tracker_on_progress_reported(happened: h.ProgressReported) -> None:
    """Keep that it was told."""
    _hear("progress_reported", happened.assignment)


@h.hookimpl
def tracker_on_plan_issued(happened: h.PlanIssued) -> None:
    """Keep that it was told."""
    _hear("plan_issued", happened.plan)


@h.hookimpl
def tracker_on_units_reorganised(happened: h.UnitsReorganised) -> None:
    """Keep that it was told."""
    _hear("units_reorganised", happened.kind)


@h.hookimpl
def tracker_on_visit_finished(happened: h.VisitFinished) -> None:
    """Keep that it was told."""
    _hear("visit_finished", happened.visit)


@h.hookimpl
def tracker_on_finding_recorded(happened: h.FindingRecorded) -> None:
    """Keep that it was told."""
    _hear("finding_recorded", happened.finding)


@h.hookimpl
def tracker_on_job_failed(happened: h.JobFailed) -> None:
    """Keep that it was told."""
    _hear("job_failed", happened.job)


@h.hookimpl
def tracker_on_plugin_paused(happened: h.PluginPaused) -> None:
    """Keep that it was told."""
    _hear("plugin_paused", happened.name)

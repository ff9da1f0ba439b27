"""What this feature registers with the host."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from flask import Blueprint
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_ngettext as ngettext

from tracker.core.rights import RecordScope
from tracker.files import owners
from tracker.inspections import (
    calendar_entries,
    checklist_views,
    figures,
    finding_views,
    labels,
    notices,
    panels,
    permissions,
    plan_views,
    prefills,
    queries,
    ready_made,
    rules,
    views,
)
from tracker.inspections.blueprint import blueprint
from tracker.inspections.models import VisitKind
from tracker.plugins.descriptors import (
    AdminViewSpec,
    CalendarSource,
    ChecklistPrefill,
    ChecklistTemplate,
    HandoverContributor,
    Indicator,
    MenuItem,
    MyWorkSource,
    NoticeKind,
    Panel,
    Permission,
    Place,
    ReportSection,
    SearchProvider,
    SettingSpec,
    TimelineSource,
)
from tracker.plugins.hookspecs import hookimpl

# Imported so that their views stand on the blueprint before it is registered.
PAGES = (views, finding_views, plan_views, checklist_views)

owners.register("finding", queries.may_read_finding)
owners.register("remedy", queries.may_read_remedy)

SECTION = "inspections.section"


@hookimpl
def tracker_register_permissions() -> Sequence[Permission]:
    """Declare who sees, plans and logs inspections, remedies and verifies."""
    return permissions.PERMISSIONS


@hookimpl
def tracker_register_calendar_entries() -> Sequence[CalendarSource]:
    """Give visits and days of remedy to calendars outside the app."""
    return (
        CalendarSource(
            key="inspections.visits",
            label=_l("Lịch kiểm tra"),
            entries=calendar_entries.visits,
            permission=permissions.VIEW,
        ),
        CalendarSource(
            key="inspections.remedies",
            label=_l("Hạn khắc phục"),
            entries=calendar_entries.remedies,
            permission=permissions.VIEW,
        ),
    )


@hookimpl
def tracker_register_notice_kinds() -> Sequence[NoticeKind]:
    """Say what people are told about visits, findings and remedies."""
    return notices.KINDS


@hookimpl
def tracker_register_record_scopes() -> Sequence[RecordScope]:
    """Say to whom visits, findings and plans belong."""
    return permissions.SCOPES


@hookimpl
def tracker_register_blueprints() -> Sequence[Blueprint]:
    """Offer the pages."""
    return (blueprint,)


@hookimpl
def tracker_register_menu_items() -> Sequence[MenuItem]:
    """Lead to visits, findings, plans and checklists."""
    return (
        MenuItem(
            key="inspections.visits",
            label=_l("Kiểm tra"),
            endpoint="inspections.list_visits",
            icon="inspect",
            group="inspection",
            permission=permissions.VIEW,
            weight=10,
            place=3,
        ),
        MenuItem(
            key="inspections.findings",
            label=ngettext("Phát hiện", "Phát hiện", 2),
            endpoint="inspections.list_findings",
            icon="flag",
            group="inspection",
            permission=permissions.VIEW,
            weight=20,
        ),
        MenuItem(
            key="inspections.plans",
            label=_l("Kế hoạch kiểm tra"),
            endpoint="inspections.list_plans",
            icon="calendar",
            group="inspection",
            permission=permissions.VIEW,
            weight=30,
        ),
        MenuItem(
            key="inspections.checklists",
            # Many of them: English has a word of its own for that.
            label=ngettext("Bảng kiểm", "Bảng kiểm", 2),
            endpoint="inspections.list_checklists",
            icon="files",
            group="inspection",
            permission=permissions.VIEW,
            weight=40,
        ),
    )


@hookimpl
def tracker_register_panels() -> Sequence[Panel]:
    """Show a unit's inspections on its page."""
    return (
        Panel(
            key="inspections.unit",
            title=_l("Kiểm tra"),
            place=Place.UNIT,
            render=panels.unit_panel,
            permission=permissions.VIEW,
            weight=50,
        ),
    )


@hookimpl
def tracker_register_timeline_sources() -> Sequence[TimelineSource]:
    """Tell what happened in a visit, and of the visits of a unit."""
    return (
        TimelineSource(key="inspections.visit", place=Place.VISIT, entries=panels.visit_entries),
        TimelineSource(key="inspections.unit", place=Place.UNIT, entries=panels.unit_entries),
    )


@hookimpl
def tracker_register_my_work() -> Sequence[MyWorkSource]:
    """Bring visits, verifications and remedies to whom they wait for."""
    return (
        MyWorkSource(
            key="inspections.visits", items=panels.my_visits, permission=permissions.LOG, weight=40
        ),
        MyWorkSource(
            key="inspections.self",
            items=panels.my_own_checks,
            permission=permissions.SELF,
            weight=41,
        ),
        MyWorkSource(
            key="inspections.verify",
            items=panels.my_verifications,
            permission=permissions.VERIFY,
            weight=50,
        ),
        MyWorkSource(
            key="inspections.remedy",
            items=panels.my_remedies,
            permission=permissions.REMEDY,
            weight=60,
        ),
    )


@hookimpl
def tracker_register_indicators() -> Sequence[Indicator]:
    """Count visits and units apart, by kind; then plan, findings and repeats."""
    by_kind = [
        indicator
        for number, kind in enumerate(VisitKind)
        for indicator in (
            Indicator(
                key=f"inspections.visits_{kind.value}",
                name=_l("Số cuộc kiểm tra: %(kind)s", kind=labels.KINDS[kind]),
                measure=_l("cuộc"),
                compute=partial(figures.kind_visits, kind=kind),
                section=SECTION,
                permission=permissions.VIEW,
                weight=20 + 2 * number,
            ),
            Indicator(
                key=f"inspections.units_{kind.value}",
                name=_l("Số đơn vị được kiểm tra: %(kind)s", kind=labels.KINDS[kind]),
                measure=_l("đơn vị"),
                compute=partial(figures.kind_units, kind=kind),
                section=SECTION,
                permission=permissions.VIEW,
                weight=21 + 2 * number,
            ),
        )
    ]
    return (
        Indicator(
            key="inspections.planned",
            name=_l("Thực hiện kế hoạch kiểm tra"),
            measure="%",
            compute=figures.planned_share,
            section=SECTION,
            permission=permissions.VIEW,
            weight=10,
        ),
        *by_kind,
        Indicator(
            key="inspections.noticed",
            name=_l("Thông báo kết luận đúng thời hạn"),
            measure="%",
            compute=figures.notices_on_time,
            section=SECTION,
            permission=permissions.VIEW,
            weight=39,
        ),
        Indicator(
            key="inspections.found",
            name=_l("Số phát hiện"),
            measure=_l("phát hiện"),
            compute=figures.findings_found,
            section=SECTION,
            permission=permissions.VIEW,
            weight=40,
        ),
        Indicator(
            key="inspections.closed_on_time",
            name=_l("Phát hiện đóng đúng hạn"),
            measure="%",
            compute=figures.findings_closed_on_time,
            section=SECTION,
            permission=permissions.VIEW,
            weight=41,
        ),
        Indicator(
            key="inspections.overdue",
            name=_l("Phát hiện quá hạn khắc phục"),
            measure=_l("phát hiện"),
            compute=figures.findings_overdue,
            section=SECTION,
            permission=permissions.VIEW,
            weight=42,
        ),
        Indicator(
            key="inspections.repeated",
            name=_l("Phát hiện lặp lại"),
            measure="%",
            compute=figures.repeat_rate,
            section=SECTION,
            permission=permissions.VIEW,
            weight=43,
        ),
    )


@hookimpl
def tracker_register_report_sections() -> Sequence[ReportSection]:
    """Add inspections to the period summary."""
    return (
        ReportSection(
            key=SECTION,
            title=_l("Kiểm tra cải cách hành chính"),
            table=figures.section,
            permission=permissions.VIEW,
            weight=60,
        ),
        ReportSection(
            key="inspections.repeats",
            title=_l("Nội dung không đạt, lặp lại"),
            table=figures.repeat_section,
            permission=permissions.VIEW,
            weight=61,
        ),
    )


@hookimpl
def tracker_register_search_providers() -> Sequence[SearchProvider]:
    """Find findings by their words, visits by the unit."""
    return (
        SearchProvider(
            key="inspections.findings",
            label=ngettext("Phát hiện", "Phát hiện", 2),
            search=panels.search_findings,
            permission=permissions.VIEW,
            weight=50,
        ),
        SearchProvider(
            key="inspections.visits",
            label=ngettext("Cuộc kiểm tra", "Cuộc kiểm tra", 2),
            search=panels.search_visits,
            permission=permissions.VIEW,
            weight=60,
        ),
    )


@hookimpl
def tracker_register_handover_contributors() -> Sequence[HandoverContributor]:
    """Hand findings that are not closed to the successors of a unit."""
    return (
        HandoverContributor(
            key=panels.HANDOVER_KEY,
            label=_l("Phát hiện chưa đóng"),
            preview=panels.preview_handover,
            apply=panels.apply_handover,
        ),
    )


@hookimpl
def tracker_register_settings() -> Sequence[SettingSpec]:
    """Declare how far back repeats are looked for, and how long a remedy may take."""
    return (
        SettingSpec(
            key="inspections.repeat_months",
            label=_l("Nhìn lại bao nhiêu tháng để nhận ra phát hiện lặp lại"),
            kind=int,
            default=rules.REPEAT_MONTHS,
            group="inspections",
            minimum=1,
            maximum=120,
        ),
        SettingSpec(
            key="inspections.notice_days",
            label=_l("Thông báo kết luận trong bao nhiêu ngày sau kiểm tra"),
            kind=int,
            default=rules.NOTICE_DAYS,
            hint=_l("Dùng để tính tỷ lệ thông báo kết luận đúng thời hạn."),
            group="inspections",
            minimum=1,
            maximum=365,
        ),
        SettingSpec(
            key="inspections.remedy_days",
            label=_l("Hạn khắc phục mặc định (ngày)"),
            kind=int,
            default=rules.REMEDY_DAYS,
            hint=_l("Đề xuất sẵn khi ghi phát hiện; người ghi sửa được."),
            group="inspections",
            minimum=1,
            maximum=365,
        ),
    )


@hookimpl
def tracker_register_checklist_templates() -> Sequence[ChecklistTemplate]:
    """Offer the one-stop checklist and the one of working discipline."""
    return ready_made.TEMPLATES


@hookimpl
def tracker_register_checklist_prefills() -> Sequence[ChecklistPrefill]:
    """Propose what did not apply last time."""
    return (
        ChecklistPrefill(
            key="inspections.last_time",
            label=_l("Theo lần kiểm tra trước"),
            answers=prefills.last_time,
            weight=500,
        ),
    )


@hookimpl
def tracker_register_admin_views() -> Sequence[AdminViewSpec]:
    """Offer this feature's tables to the back office."""
    from tracker.inspections.admin import SPECS

    return SPECS

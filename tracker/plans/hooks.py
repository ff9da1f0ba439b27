"""What this feature registers with the host."""

from __future__ import annotations

from collections.abc import Sequence

import click
from flask import Blueprint
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_ngettext as ngettext

from tracker.core.rights import EVERYONE, RecordScope, Role
from tracker.files import owners
from tracker.plans import (
    access,
    area_views,
    calendar_entries,
    handover,
    my_work,
    notices,
    plan_import,
    plan_queries,
    plan_views,
    sources,
    task_queries,
    task_views,
    timeline,
    unit_panel,
)
from tracker.plans.blueprint import blueprint
from tracker.plans.progress import EVIDENCE_FILES
from tracker.plugins.descriptors import (
    AdminViewSpec,
    CalendarSource,
    HandoverContributor,
    ImportSpec,
    JobSpec,
    MenuItem,
    MyWorkSource,
    NoticeKind,
    Panel,
    Permission,
    Place,
    SearchProvider,
    SettingSpec,
    TimelineSource,
)
from tracker.plugins.hookspecs import hookimpl

# Importing the view modules attaches their routes to the blueprint.
VIEWS = (task_views, plan_views, area_views)

owners.register(EVIDENCE_FILES, task_queries.may_read_evidence)

COORDINATOR = frozenset({Role.COORDINATOR})
UNIT_PEOPLE = frozenset({Role.HEAD, Role.OFFICER})


@hookimpl
def tracker_register_permissions() -> Sequence[Permission]:
    """Declare who reads plans, who writes them, and who reports, decides and urges."""
    return (
        Permission(key="plans.view", label=_l("Xem kế hoạch và việc"), reads=True, roles=EVERYONE),
        Permission(
            key="plans.manage", label=_l("Lập và sửa kế hoạch, giao việc"), roles=COORDINATOR
        ),
        Permission(
            key="tasks.report",
            label=_l("Cập nhật tiến độ, minh chứng"),
            roles=UNIT_PEOPLE | COORDINATOR,
        ),
        Permission(
            key="tasks.extend", label=_l("Đề nghị gia hạn"), roles=UNIT_PEOPLE | COORDINATOR
        ),
        Permission(
            key="tasks.decide",
            label=_l("Quyết định gia hạn, xác nhận hoàn thành, tra soát"),
            roles=COORDINATOR,
        ),
        Permission(
            key="tasks.urge", label=_l("Đôn đốc"), roles=frozenset({Role.LEADER}) | COORDINATOR
        ),
        Permission(key="tasks.answer", label=_l("Trả lời đôn đốc"), roles=UNIT_PEOPLE),
    )


@hookimpl
def tracker_register_record_scopes() -> Sequence[RecordScope]:
    """Say to whom plans, rows and assignments belong."""
    return access.SCOPES


@hookimpl
def tracker_register_blueprints() -> Sequence[Blueprint]:
    """Offer the pages of plans and tasks."""
    return (blueprint,)


@hookimpl
def tracker_register_menu_items() -> Sequence[MenuItem]:
    """Lead to the day's work, plans and tasks, the search, and the reform areas."""
    return (
        MenuItem(
            key="tasks",
            label=ngettext("Nhiệm vụ", "Nhiệm vụ", 2),
            endpoint="plans.list_tasks",
            icon="task",
            group="day",
            permission="plans.view",
            weight=20,
        ),
        MenuItem(
            key="plans",
            # Many of them: English has a word of its own for that.
            label=ngettext("Kế hoạch", "Kế hoạch", 2),
            endpoint="plans.list_plans",
            icon="plan",
            group="plan",
            permission="plans.view",
            weight=10,
            place=2,
        ),
        MenuItem(
            key="areas",
            label=_l("Lĩnh vực cải cách"),
            endpoint="plans.list_areas",
            icon="branch",
            group="admin",
            permission="settings.manage",
            weight=40,
        ),
    )


@hookimpl
def tracker_register_settings() -> Sequence[SettingSpec]:
    """Declare the limits by which work counts as due soon, disputed and unanswered."""
    return (
        SettingSpec(
            key="plans.due_soon_days",
            label=_l("Sắp đến hạn: số ngày trước hạn"),
            kind=int,
            default=7,
            hint=_l("Việc còn từng này ngày trở xuống được báo là sắp đến hạn."),
            group="progress",
            minimum=0,
            maximum=90,
            weight=10,
        ),
        SettingSpec(
            key="plans.dispute_days",
            label=_l("Tra soát: số ngày tối đa"),
            kind=int,
            default=10,
            hint=_l("Hết thời gian này mà chưa có kết luận thì việc lại hiện là quá hạn."),
            group="progress",
            minimum=1,
            maximum=60,
            weight=20,
        ),
        SettingSpec(
            key="urges.reply_days",
            label=_l("Đôn đốc: số ngày để trả lời"),
            kind=int,
            default=3,
            hint=_l("Hạn trả lời được điền sẵn khi đôn đốc."),
            group="progress",
            minimum=0,
            maximum=60,
            weight=30,
        ),
    )


@hookimpl
def tracker_register_calendar_entries() -> Sequence[CalendarSource]:
    """Give deadlines to calendars outside the app."""
    return (
        CalendarSource(
            key="plans.deadlines",
            label=_l("Hạn của nhiệm vụ"),
            entries=calendar_entries.entries,
            permission="plans.view",
        ),
    )


@hookimpl
def tracker_register_notice_kinds() -> Sequence[NoticeKind]:
    """Say what people are told about plans and tasks."""
    return notices.KINDS


@hookimpl
def tracker_register_timeline_sources() -> Sequence[TimelineSource]:
    """Tell a task's history: reports, decisions, extensions, urges."""
    return (TimelineSource(key="plans.progress", place=Place.TASK, entries=timeline.entries),)


@hookimpl
def tracker_register_my_work() -> Sequence[MyWorkSource]:
    """Say what waits for a person: own work, decisions, urges without an answer."""
    return (
        MyWorkSource(key="plans.own", items=my_work.own_work, permission="tasks.answer", weight=10),
        MyWorkSource(
            key="plans.decisions", items=my_work.to_decide, permission="tasks.decide", weight=20
        ),
        MyWorkSource(
            key="plans.reviews", items=my_work.to_review, permission="plans.manage", weight=25
        ),
        MyWorkSource(
            key="plans.unanswered", items=my_work.unanswered, permission="tasks.urge", weight=30
        ),
    )


@hookimpl
def tracker_register_panels() -> Sequence[Panel]:
    """Show on a unit's page how its tasks stand."""
    return (
        Panel(
            key="plans.unit",
            title=ngettext("Nhiệm vụ", "Nhiệm vụ", 2),
            place=Place.UNIT,
            render=unit_panel.unit_panel,
            permission="plans.view",
            weight=10,
        ),
    )


@hookimpl
def tracker_register_search_providers() -> Sequence[SearchProvider]:
    """Find tasks by their text, plans by title, number and issuer."""
    return (
        SearchProvider(
            key="plans.plans",
            label=ngettext("Kế hoạch", "Kế hoạch", 2),
            search=plan_queries.search_plans,
            permission="plans.view",
            weight=20,
        ),
        SearchProvider(
            key="plans.tasks",
            label=ngettext("Nhiệm vụ", "Nhiệm vụ", 2),
            search=task_queries.search_tasks,
            permission="plans.view",
            weight=10,
        ),
    )


@hookimpl
def tracker_register_import_specs() -> Sequence[ImportSpec]:
    """Read the annex of a plan from a spreadsheet."""
    return (plan_import.SPEC,)


@hookimpl
def tracker_register_commands() -> Sequence[click.Command]:
    """Offer `tracker plan`."""
    from tracker.plans.cli import COMMANDS

    return COMMANDS


@hookimpl
def tracker_register_jobs() -> Sequence[JobSpec]:
    """Ask registers for the progress that they know of."""
    return (
        JobSpec(
            key="plans.sources",
            label=_l("Lấy tiến độ từ các sổ và mô-đun"),
            cron="23 * * * *",
            run=sources.ask_sources,
        ),
    )


@hookimpl
def tracker_register_handover_contributors() -> Sequence[HandoverContributor]:
    """Hand open assignments over when units are reorganised."""
    return (
        HandoverContributor(
            key=handover.KEY,
            label=_l("Việc đang thực hiện"),
            preview=handover.preview,
            apply=handover.apply,
        ),
    )


@hookimpl
def tracker_register_admin_views() -> Sequence[AdminViewSpec]:
    """Offer this feature's tables to the back office."""
    from tracker.plans.admin import SPECS

    return SPECS

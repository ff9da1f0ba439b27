"""What this plug-in registers with the host."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint

from tracker.api.hooks import (
    DemoData,
    ImportSpec,
    Indicator,
    JobSpec,
    MenuItem,
    MyWorkSource,
    Panel,
    Permission,
    Place,
    ProgressSource,
    ReportSection,
    SearchProvider,
    SettingSpec,
    hookimpl,
)
from tracker.api.i18n import lazy_gettext as _l
from tracker.api.rights import RecordScope
from tracker_position_rotation import (
    demo,
    importing,
    jobs,
    joined,
    permissions,
    plan_views,
    views,
)
from tracker_position_rotation.blueprint import OWN, blueprint
from tracker_position_rotation.permissions import MANAGE, VIEW

# Imported so that their views stand on the blueprint before it is registered.
PAGES = (views, plan_views)


@hookimpl
def tracker_register_permissions() -> Sequence[Permission]:
    """Declare who sees the register, who keeps it, and who reads private reasons."""
    return OWN.permissions


@hookimpl
def tracker_register_record_scopes() -> Sequence[RecordScope]:
    """Say to whom posts, people and plans belong."""
    return permissions.SCOPES


@hookimpl
def tracker_register_blueprints() -> Sequence[Blueprint]:
    """Offer the pages."""
    return (blueprint,)


@hookimpl
def tracker_register_menu_items() -> Sequence[MenuItem]:
    """Lead to the register and the plans."""
    return (
        MenuItem(
            key="position_rotation.register",
            label=_l("Chuyển đổi vị trí"),
            endpoint="position_rotation.register",
            icon="handover",
            group="plan",
            permission=VIEW,
            weight=70,
        ),
    )


@hookimpl
def tracker_register_settings() -> Sequence[SettingSpec]:
    """Declare the shortest time in a post, the nearness of retirement, a proposal's time limit."""
    return OWN.settings


@hookimpl
def tracker_register_jobs() -> Sequence[JobSpec]:
    """Make proposals in the job process."""
    return (OWN.job(jobs.PROPOSE, jobs.propose, budget_seconds=900, by_hand=False),)


@hookimpl
def tracker_register_my_work() -> Sequence[MyWorkSource]:
    """Tell the head concerned whom the quarter sees moved."""
    return (
        MyWorkSource(key="position_rotation.due", items=joined.my_work, permission=VIEW, weight=70),
    )


@hookimpl
def tracker_register_panels() -> Sequence[Panel]:
    """Show on a unit's page how its people stand."""
    return (
        Panel(
            key="position_rotation.unit",
            title=_l("Chuyển đổi vị trí công tác"),
            place=Place.UNIT,
            render=joined.unit_panel,
            permission=VIEW,
            weight=70,
        ),
    )


@hookimpl
def tracker_register_search_providers() -> Sequence[SearchProvider]:
    """Find people of the register."""
    return (
        SearchProvider(
            key="position_rotation.people",
            label=_l("Sổ chuyển đổi vị trí"),
            search=joined.search,
            permission=VIEW,
            weight=70,
        ),
    )


@hookimpl
def tracker_register_import_specs() -> Sequence[ImportSpec]:
    """Read the register from a spreadsheet."""
    return (
        ImportSpec(
            key="position_rotation.register",
            label=_l("Sổ chuyển đổi vị trí công tác"),
            hint=_l("Mỗi dòng một người, với vị trí đang giữ."),
            columns=importing.COLUMNS,
            permission=MANAGE,
            parse=importing.parse,
            apply=importing.apply,
            icon="handover",
            weight=70,
        ),
    )


@hookimpl
def tracker_register_report_sections() -> Sequence[ReportSection]:
    """Put the result table into the period summary."""
    return (
        ReportSection(
            key="position_rotation.result",
            title=_l("Chuyển đổi vị trí công tác"),
            table=joined.section,
            permission=VIEW,
            weight=70,
        ),
    )


@hookimpl
def tracker_register_indicators() -> Sequence[Indicator]:
    """Offer the share moved of those to move, and how many moved in the window."""
    return (
        Indicator(
            key="position_rotation.share",
            name=_l("Tỷ lệ đã chuyển đổi vị trí công tác theo kế hoạch năm"),
            measure=_l("%"),
            compute=joined.share_moved,
            section="position_rotation.result",
            permission=VIEW,
            weight=70,
        ),
        Indicator(
            key="position_rotation.moved",
            name=_l("Số người chuyển đổi vị trí công tác trong kỳ"),
            measure=_l("người"),
            compute=joined.moved_in_window,
            section="position_rotation.result",
            permission=VIEW,
            weight=71,
        ),
    )


@hookimpl
def tracker_register_progress_sources() -> Sequence[ProgressSource]:
    """Let the reform plan's rotation task take its progress from the register."""
    return (
        ProgressSource(
            key="position_rotation.plan",
            label=_l("Kế hoạch chuyển đổi vị trí công tác"),
            read=joined.progress,
        ),
    )


@hookimpl
def tracker_register_demo_data() -> Sequence[DemoData]:
    """Offer the five officials of article A2 and a register of this year."""
    return (DemoData(key="position_rotation.demo", load=demo.load, weight=70),)

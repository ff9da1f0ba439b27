"""What this feature registers with the host."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint
from flask_babel import lazy_gettext as _l

from tracker.plugins.descriptors import (
    DashboardCard,
    Indicator,
    MenuItem,
    Permission,
    ReportSection,
)
from tracker.plugins.hookspecs import hookimpl
from tracker.reports import period, permissions
from tracker.reports.views import blueprint, next_report_card


@hookimpl
def tracker_register_permissions() -> Sequence[Permission]:
    """Declare who reads the overview and the period summary."""
    return permissions.PERMISSIONS


@hookimpl
def tracker_register_blueprints() -> Sequence[Blueprint]:
    """Serve the leaders' pages."""
    return (blueprint,)


@hookimpl
def tracker_register_menu_items() -> Sequence[MenuItem]:
    """Lead to the overview and to the period summary."""
    return (
        MenuItem(
            key="overview",
            label=_l("Tổng quan"),
            endpoint="reports.overview",
            icon="overview",
            group="report",
            permission=permissions.VIEW,
            weight=10,
        ),
        MenuItem(
            key="period_summary",
            label=_l("Báo cáo kỳ"),
            endpoint="reports.period",
            icon="report",
            group="report",
            permission=permissions.VIEW,
            weight=20,
        ),
    )


@hookimpl
def tracker_register_dashboard_cards() -> Sequence[DashboardCard]:
    """Say on the overview which report comes next."""
    return (
        DashboardCard(
            key="reports.next",
            title=_l("Báo cáo sắp nộp"),
            render=next_report_card,
            permission=permissions.VIEW,
            weight=20,
        ),
    )


@hookimpl
def tracker_register_indicators() -> Sequence[Indicator]:
    """Offer the core's figures of the period summary."""
    return period.INDICATORS


@hookimpl
def tracker_register_report_sections() -> Sequence[ReportSection]:
    """Offer the core's tables of the period summary."""
    return period.REPORT_SECTIONS

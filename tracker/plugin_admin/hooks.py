"""What this feature registers with the host."""

from __future__ import annotations

from collections.abc import Sequence

import click
from flask import Blueprint
from flask_babel import lazy_gettext as _l

from tracker.plugin_admin import jobs, permissions, safe_mode
from tracker.plugin_admin.checks import CHECKS
from tracker.plugin_admin.cli import plugin
from tracker.plugin_admin.views import blueprint
from tracker.plugins.descriptors import DoctorCheck, JobSpec, MenuItem, Permission
from tracker.plugins.hookspecs import hookimpl


@hookimpl
def tracker_register_permissions() -> Sequence[Permission]:
    """Changing what an instance runs is a right of its own."""
    return permissions.PERMISSIONS


@hookimpl
def tracker_register_blueprints() -> Sequence[Blueprint]:
    """Serve the pages about plug-ins."""
    return (blueprint, safe_mode.blueprint)


@hookimpl
def tracker_register_menu_items() -> Sequence[MenuItem]:
    """Lead to the plug-ins."""
    return (
        MenuItem(
            key="plugins",
            label=_l("Mô-đun mở rộng"),
            endpoint="plugin_admin.list_plugins",
            icon="plugin",
            group="admin",
            permission=permissions.MANAGE,
            weight=85,
        ),
    )


@hookimpl
def tracker_register_jobs() -> Sequence[JobSpec]:
    """Do the switches that take long."""
    return (jobs.SPEC,)


@hookimpl
def tracker_register_commands() -> Sequence[click.Command]:
    """Offer `tracker plugin`."""
    return (plugin,)


@hookimpl
def tracker_register_doctor_checks() -> Sequence[DoctorCheck]:
    """Examine what is installed, and name the tables that nobody owns."""
    return CHECKS

"""What this feature registers with the host."""

from __future__ import annotations

from collections.abc import Sequence

import click

from tracker.plugin_admin import permissions
from tracker.plugin_admin.cli import plugin
from tracker.plugins.descriptors import Permission
from tracker.plugins.hookspecs import hookimpl


@hookimpl
def tracker_register_permissions() -> Sequence[Permission]:
    """Changing what an instance runs is a right of its own."""
    return permissions.PERMISSIONS


@hookimpl
def tracker_register_commands() -> Sequence[click.Command]:
    """Offer `tracker plugin`."""
    return (plugin,)

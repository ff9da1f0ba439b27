"""What this feature registers with the host."""

from __future__ import annotations

from collections.abc import Sequence

from tracker.accounts import permissions, scopes
from tracker.core.rights import RecordScope
from tracker.plugins.descriptors import Permission
from tracker.plugins.hookspecs import hookimpl


@hookimpl
def tracker_register_permissions() -> Sequence[Permission]:
    """Declare who manages users."""
    return permissions.PERMISSIONS


@hookimpl
def tracker_register_record_scopes() -> Sequence[RecordScope]:
    """Say to which units people and grants belong."""
    return scopes.SCOPES

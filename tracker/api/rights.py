"""Who may do what to which record: the roles, and how a plug-in's records belong to units."""

from __future__ import annotations

from tracker.core.rights import EVERYONE, RecordScope, Role
from tracker.plugins.descriptors import Permission

__all__ = ["EVERYONE", "Permission", "RecordScope", "Role"]

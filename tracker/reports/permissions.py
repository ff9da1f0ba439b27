"""The right that this feature declares."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from tracker.core.rights import Role
from tracker.plugins.descriptors import Permission

VIEW = "reports.view"

PERMISSIONS = (
    Permission(
        key=VIEW,
        label=_l("Xem tổng quan và báo cáo kỳ"),
        reads=True,
        roles=frozenset(
            {
                Role.LEADER,
                Role.COORDINATOR,
                Role.HEAD,
                Role.INSPECTOR,
                Role.ADMINISTRATOR,
            }
        ),
    ),
)

"""The right that this feature declares."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from tracker.core.rights import Role
from tracker.plugins.descriptors import Permission

MANAGE = "settings.manage"

PERMISSIONS = (
    Permission(
        key=MANAGE,
        label=_l("Sửa thiết lập, ngày nghỉ và kỳ báo cáo"),
        roles=frozenset({Role.ADMINISTRATOR, Role.COORDINATOR}),
        everywhere=True,
    ),
)

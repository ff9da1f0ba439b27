"""What this feature registers with the host."""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import lazy_gettext as _l

from tracker.admin.views import OPEN
from tracker.core.rights import Role
from tracker.plugins.descriptors import MenuItem, Permission
from tracker.plugins.hookspecs import hookimpl


@hookimpl
def tracker_register_permissions() -> Sequence[Permission]:
    """Entering the back office is a right of its own; each section asks for another one."""
    return (
        Permission(
            key=OPEN,
            label=_l("Mở trang quản trị dữ liệu"),
            roles=frozenset({Role.ADMINISTRATOR, Role.COORDINATOR}),
        ),
    )


@hookimpl
def tracker_register_menu_items() -> Sequence[MenuItem]:
    """Lead to the back office."""
    return (
        MenuItem(
            key="admin",
            label=_l("Quản trị dữ liệu"),
            endpoint="admin.index",
            icon="database",
            group="admin",
            permission=OPEN,
            weight=10,
        ),
    )

"""The right to change which plug-ins an instance runs."""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import lazy_gettext as _l

from tracker.core.rights import Role
from tracker.plugins.descriptors import Permission

MANAGE = "plugins.manage"

PERMISSIONS: Sequence[Permission] = (
    Permission(
        key=MANAGE,
        label=_l("Quản lý mô-đun mở rộng"),
        roles=frozenset({Role.ADMINISTRATOR}),
        # A plug-in's code reaches the records of all units.
        everywhere=True,
    ),
)

"""The rights that this feature declares."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from tracker.core.rights import Role
from tracker.plugins.descriptors import Permission

MANAGE = "notices.manage"
WEBHOOKS = "notices.webhooks"
LADDER = "notices.ladder"
UNANSWERED = "notices.unanswered"

PERMISSIONS = (
    Permission(
        key=MANAGE,
        label=_l("Thiết lập máy chủ thư"),
        roles=frozenset({Role.ADMINISTRATOR}),
        everywhere=True,
    ),
    Permission(
        key=WEBHOOKS,
        label=_l("Gửi thông báo sang hệ thống khác"),
        roles=frozenset({Role.ADMINISTRATOR}),
        everywhere=True,
    ),
    Permission(
        key=LADDER,
        label=_l("Sửa các bậc nhắc việc"),
        roles=frozenset({Role.ADMINISTRATOR, Role.COORDINATOR}),
        everywhere=True,
    ),
    Permission(
        key=UNANSWERED,
        label=_l("Xem nhắc việc chưa được hồi âm"),
        reads=True,
        roles=frozenset({Role.COORDINATOR, Role.LEADER}),
    ),
)

"""The names of the roles, and the rights that this feature declares."""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from tracker.core.rights import Role
from tracker.plugins.descriptors import Permission

MANAGE = "users.manage"

# In the order in which they are offered, and in which one of several stands for a person.
ROLE_LABELS: Mapping[Role, LazyString] = {
    Role.ADMINISTRATOR: _l("Quản trị viên"),
    Role.COORDINATOR: _l("Thường trực CCHC"),
    Role.LEADER: _l("Lãnh đạo"),
    Role.HEAD: _l("Trưởng phòng"),
    Role.OFFICER: _l("Chuyên viên"),
    Role.INSPECTOR: _l("Cán bộ kiểm tra"),
}

ROLE_HINTS: Mapping[Role, LazyString] = {
    Role.ADMINISTRATOR: _l("Quản lý đơn vị, người dùng và thiết lập."),
    Role.COORDINATOR: _l("Lập kế hoạch, giao việc, xác nhận và đôn đốc."),
    Role.LEADER: _l("Xem toàn bộ trong phạm vi và đôn đốc."),
    Role.HEAD: _l("Chịu trách nhiệm việc của đơn vị, cập nhật và xin gia hạn."),
    Role.OFFICER: _l("Cập nhật tiến độ, minh chứng của đơn vị."),
    Role.INSPECTOR: _l("Lập kế hoạch kiểm tra, ghi kết quả, xác nhận khắc phục."),
}

PERMISSIONS = (
    Permission(
        key=MANAGE,
        label=_l("Quản lý người dùng và cấp quyền"),
        roles=frozenset({Role.ADMINISTRATOR}),
    ),
)

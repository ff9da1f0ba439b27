"""People and their roles in the back office: accounts are closed and opened here, many at once; all
else is changed on the pages of accounts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import joinedload

from tracker.accounts.models import Grant, User
from tracker.accounts.permissions import MANAGE, ROLE_LABELS
from tracker.accounts.reauth import fresh_required
from tracker.accounts.services import SwitchUsers, switch_users
from tracker.admin.listing import Bulk, Filter, Write, choices_of
from tracker.admin.views import Answer, SecureModelView, at
from tracker.core.context import current
from tracker.core.rights import Role
from tracker.plugins.descriptors import AdminViewSpec

ACTIVE, CLOSED = "active", "closed"
IN_FORCE, OVER, LATER = "in_force", "over", "later"


def _switching(is_active: bool) -> Callable[[SecureModelView, Sequence[User], Any], Write]:
    def write(view: SecureModelView, records: Sequence[User], form: Any) -> Write:
        data = SwitchUsers(tuple(user.id for user in records), is_active)
        return Write(switch_users, data, form.reason.data)

    return write


class UserView(SecureModelView):
    """Accounts."""

    record = User
    permission = MANAGE
    label = _l("Người dùng")
    hint = _l("Khóa, mở khóa nhiều tài khoản một lần. Sửa và đặt lại mật khẩu ở trang đầy đủ.")
    slug = "nguoi-dung"
    icon = "users"
    search_column = "folded"
    search_hint = _l("Tìm theo tên, tên đăng nhập")
    column_list = ("name", "username", "title", "unit", "is_active")
    column_details_list = ("name", "username", "title", "unit", "email", "phone", "is_active")
    column_labels = {  # noqa: RUF012 - Flask-Admin reads it from the class
        "name": _l("Họ tên"),
        "username": _l("Tên đăng nhập"),
        "title": _l("Chức vụ"),
        "unit": _l("Đơn vị công tác"),
        "email": _l("Thư điện tử"),
        "phone": _l("Điện thoại"),
        "is_active": _l("Đang hoạt động"),
    }
    column_values = {"unit": lambda user: user.unit.name if user.unit else ""}  # noqa: RUF012
    column_sortable_list = {  # noqa: RUF012
        "name": User.sort_key,
        "username": User.username,
        "is_active": (User.is_active, User.sort_key),
    }
    column_default_sort = "name"
    column_select_related_list = (joinedload(User.unit),)
    filters = (
        Filter(
            "role",
            _l("Vai trò"),
            lambda: choices_of(ROLE_LABELS),
            lambda value: User.id.in_(select(Grant.user_id).where(Grant.role == Role(value))),
        ),
        Filter(
            "state",
            _l("Trạng thái"),
            lambda: [(ACTIVE, _("Đang hoạt động")), (CLOSED, _("Đã khóa"))],
            lambda value: User.is_active.is_(value == ACTIVE),
        ),
    )
    bulk = (
        Bulk(
            name="close",
            label=_l("Khóa các tài khoản"),
            question=_l("Khóa những tài khoản này? Phiên đăng nhập của họ kết thúc ngay."),
            write=_switching(is_active=False),
            icon="lock",
            done=_l("Đã khóa những tài khoản đã chọn."),
            is_dangerous=True,
        ),
        Bulk(
            name="open",
            label=_l("Mở khóa các tài khoản"),
            question=_l("Mở khóa những tài khoản này?"),
            write=_switching(is_active=True),
            icon="check-circle",
            done=_l("Đã mở khóa những tài khoản đã chọn."),
        ),
    )
    details_note = _l("Sửa thông tin, cấp quyền ở trang đầy đủ của người dùng.")

    def page_url(self, record: Any) -> str:
        """Lead to the person's page."""
        return url_for("accounts.show_user", user_id=record.id)

    @at("/hang-loat/", "POST")
    def act_on_several(self) -> Answer:
        """Do it as the person's page does: whoever acts has given the password lately."""
        answer: Answer = fresh_required(super().act_on_several)()
        return answer


def _grants_at(value: str) -> ColumnElement[bool]:
    today = current().clock.today()
    over = Grant.valid_to < today
    if value == OVER:
        return over
    if value == LATER:
        return Grant.valid_from > today
    return (Grant.valid_from <= today) & or_(Grant.valid_to.is_(None), ~over)


class GrantView(SecureModelView):
    """Who holds which role where, and until when."""

    record = Grant
    permission = MANAGE
    label = _l("Quyền đã cấp")
    hint = _l("Ai giữ vai trò gì, ở phạm vi nào, từ ngày nào đến ngày nào.")
    slug = "quyen"
    icon = "key"
    column_list = ("user", "role", "unit", "valid_from", "valid_to", "note")
    column_details_list = column_list
    column_labels = {  # noqa: RUF012
        "user": _l("Người được cấp"),
        "role": _l("Vai trò"),
        "unit": _l("Phạm vi"),
        "valid_from": _l("Từ ngày"),
        "valid_to": _l("Đến ngày"),
        "note": _l("Ghi chú"),
    }
    column_kinds = {"valid_from": "d", "valid_to": "d"}  # noqa: RUF012
    column_values = {  # noqa: RUF012
        "user": lambda grant: grant.user.name,
        "role": lambda grant: str(ROLE_LABELS[grant.role]),
        "unit": lambda grant: grant.unit.name,
    }
    column_sortable_list = {  # noqa: RUF012
        "role": Grant.role,
        "valid_from": Grant.valid_from,
        "valid_to": Grant.valid_to,
    }
    column_default_sort = "-valid_from"
    column_select_related_list = (joinedload(Grant.user), joinedload(Grant.unit))
    filters = (
        Filter(
            "role",
            _l("Vai trò"),
            lambda: choices_of(ROLE_LABELS),
            lambda value: Grant.role == Role(value),
        ),
        Filter(
            "state",
            _l("Hiệu lực"),
            lambda: [
                (IN_FORCE, _("Đang hiệu lực")),
                (LATER, _("Chưa tới ngày")),
                (OVER, _("Đã hết hạn")),
            ],
            _grants_at,
        ),
    )
    details_note = _l("Cấp thêm hoặc kết thúc quyền ở trang đầy đủ của người dùng.")

    def name_of(self, record: Any) -> str:
        """Name a grant by person and role."""
        return f"{record.user.name} · {ROLE_LABELS[record.role]}"

    def page_url(self, record: Any) -> str:
        """Lead to the person's page."""
        return url_for("accounts.show_user", user_id=record.user_id)


SPECS: Sequence[AdminViewSpec] = (
    AdminViewSpec(
        key="users",
        label=UserView.label,
        group="organisation",
        permission=MANAGE,
        view=UserView,
        weight=20,
    ),
    AdminViewSpec(
        key="grants",
        label=GrantView.label,
        group="organisation",
        permission=MANAGE,
        view=GrantView,
        weight=21,
    ),
)

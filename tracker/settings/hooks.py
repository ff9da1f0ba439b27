"""What this feature registers with the host."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_ngettext as ngettext

from tracker.plugins.descriptors import (
    AdminViewSpec,
    MenuItem,
    Permission,
    SettingGroup,
    SettingSpec,
)
from tracker.plugins.hookspecs import hookimpl
from tracker.settings import levels, permissions
from tracker.settings.views import blueprint


@hookimpl
def tracker_register_permissions() -> Sequence[Permission]:
    """Declare who changes what an instance says about itself."""
    return permissions.PERMISSIONS


@hookimpl
def tracker_register_blueprints() -> Sequence[Blueprint]:
    """Serve the pages of settings, days off and reporting windows."""
    return (blueprint,)


@hookimpl
def tracker_register_menu_items() -> Sequence[MenuItem]:
    """Lead to the settings."""
    return (
        MenuItem(
            key="settings",
            label=_l("Thiết lập"),
            endpoint="settings.edit",
            icon="settings",
            group="admin",
            permission=permissions.MANAGE,
            weight=80,
        ),
        MenuItem(
            key="days_off",
            label=_l("Ngày nghỉ"),
            endpoint="settings.list_days",
            icon="calendar",
            group="admin",
            permission=permissions.MANAGE,
            weight=81,
        ),
    )


@hookimpl
def tracker_register_setting_groups() -> Sequence[SettingGroup]:
    """Offer the headings of the core's settings, in the order of the page."""
    headings = (
        ("agency", _l("Cơ quan")),
        ("plans", _l("Kế hoạch và nhiệm vụ")),
        ("progress", _l("Tiến độ và thời hạn")),
        ("inspections", _l("Kiểm tra")),
        ("reports", _l("Báo cáo")),
        ("notices", ngettext("Thông báo", "Thông báo", 2)),
        ("accounts", _l("Tài khoản và đăng nhập")),
        ("files", _l("Tệp")),
        ("plugins", _l("Mô-đun")),
    )
    last = SettingGroup(key="other", label=_l("Khác"), weight=1000)
    return (
        *(
            SettingGroup(key=key, label=label, weight=10 * number)
            for number, (key, label) in enumerate(headings, 1)
        ),
        last,
    )


@hookimpl
def tracker_register_settings() -> Sequence[SettingSpec]:
    """Declare what every instance says about itself."""
    return (
        SettingSpec(
            key="agency.name",
            label=_l("Tên cơ quan"),
            kind=str,
            default="",
            hint=_l("Hiện ở đầu mọi trang và bản in, ví dụ: UBND xã Vĩnh Phước."),
            weight=10,
        ),
        SettingSpec(
            key="agency.parent_name",
            label=_l("Cơ quan chủ quản"),
            kind=str,
            default="",
            hint=_l("Dòng trên tên cơ quan trong bản in."),
            weight=20,
        ),
        SettingSpec(
            key="agency.place",
            label=_l("Địa danh"),
            kind=str,
            default="",
            hint=_l("Nơi ghi trước ngày tháng trong bản in, ví dụ: Vĩnh Phước."),
            weight=30,
        ),
        SettingSpec(
            key="plugins.error_budget",
            label=_l("Số lỗi làm một mô-đun bị tạm dừng"),
            kind=int,
            default=5,
            hint=_l("Mô-đun quá chậm đến mức không trả lời bị tạm dừng ngay."),
            group="plugins",
            minimum=1,
            maximum=1000,
            weight=10,
        ),
        SettingSpec(
            key="plugins.error_minutes",
            label=_l("Đếm lỗi của mô-đun trong (phút)"),
            kind=int,
            default=10,
            group="plugins",
            minimum=1,
            maximum=1440,
            weight=20,
        ),
        *levels.SETTINGS,
        SettingSpec(
            key="demo.loaded_on",
            label=_l("Ngày nạp dữ liệu trình diễn"),
            kind=str,
            default="",
            group="hidden",
        ),
    )


@hookimpl
def tracker_register_admin_views() -> Sequence[AdminViewSpec]:
    """Offer this feature's tables to the back office."""
    from tracker.settings.admin import SPECS

    return SPECS

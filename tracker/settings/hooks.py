"""What this feature registers with the host."""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import lazy_gettext as _l

from tracker.plugins.descriptors import SettingSpec
from tracker.plugins.hookspecs import hookimpl


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
            key="demo.loaded_on",
            label=_l("Ngày nạp dữ liệu trình diễn"),
            kind=str,
            default="",
            group="hidden",
        ),
    )

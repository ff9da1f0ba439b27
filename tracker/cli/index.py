"""The core's commands at a glance, so that `tracker --help` need not load every feature.

A command itself comes from its feature by the hook `tracker_register_commands`, and works whether
it is listed here or not; a test holds this list and what is registered together.
"""

from __future__ import annotations

from collections.abc import Mapping

from tracker.core.text import N_

# name -> one line of help
COMMANDS: Mapping[str, str] = {
    "audit": N_("Nhật ký thay đổi: kiểm tra, niêm phong."),
    "db": N_("Cơ sở dữ liệu: nâng cấp, xem trạng thái."),
    "import": N_("Nhập dữ liệu từ tệp Excel."),
}

"""The core's commands at a glance, so that `tracker --help` need not load every feature.

A command itself comes from its feature by the hook `tracker_register_commands`, and works whether
it is listed here or not; a test holds this list and what is registered together.
"""

from __future__ import annotations

from collections.abc import Mapping

from tracker.core.text import N_

# name -> one line of help
COMMANDS: Mapping[str, str] = {
    "audit": N_("Nhật ký thay đổi: kiểm tra, neo."),
    "backup": N_("Ghi cơ sở dữ liệu và tệp vào một tệp duy nhất."),
    "db": N_("Cơ sở dữ liệu: nâng cấp, xem trạng thái."),
    "demo": N_("Nạp dữ liệu trình diễn vào một hệ thống riêng."),
    "doctor": N_("Khám hệ thống và nói phải làm gì."),
    "import": N_("Nhập dữ liệu từ tệp Excel."),
    "init": N_("Tạo hệ thống thật còn trống và in liên kết thiết lập."),
    "jobs": N_("Việc tự động: danh sách và các lần chạy."),
    "restore": N_("Nạp bản sao lưu vào hệ thống trống."),
    "run": N_("Chạy máy chủ và tiến trình việc tự động."),
    "worker": N_("Chạy việc tự động thành một tiến trình riêng."),
}

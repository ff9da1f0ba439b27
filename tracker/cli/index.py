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
    "backup": N_("Sao lưu cơ sở dữ liệu và tệp vào một tệp."),
    "db": N_("Cơ sở dữ liệu: nâng cấp, xem trạng thái."),
    "demo": N_("Nạp dữ liệu trình diễn."),
    "doctor": N_("Khám hệ thống và nói cách xử lý."),
    "import": N_("Nhập dữ liệu từ tệp Excel."),
    "init": N_("Tạo hệ thống thật còn trống."),
    "jobs": N_("Việc tự động: danh sách và các lần chạy."),
    "outbox": N_("Hộp gửi đi: thông báo và tin đang chờ."),
    "plan": N_("Kế hoạch: danh sách, nội dung và số liệu."),
    "plugin": N_("Mô-đun mở rộng: cài, bật, tắt, nâng cấp, gỡ, ký."),
    "restore": N_("Khôi phục từ tệp sao lưu."),
    "run": N_("Chạy máy chủ."),
    "user": N_("Tài khoản: tạo, cấp liên kết, liệt kê."),
    "worker": N_("Chạy riêng tiến trình việc tự động."),
}

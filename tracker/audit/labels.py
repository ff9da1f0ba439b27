"""How the change log names tables, fields and values to people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.accounts.permissions import ROLE_LABELS
from tracker.core.changes import PRIVATE
from tracker.core.db import Base
from tracker.core.migrate import is_plugin_table
from tracker.inspections import labels as inspections
from tracker.plans.deadline_forms import KIND_LABELS
from tracker.plans.labels import DECISION_WORDS, ENTRY_WORDS, REPORTED_WORDS
from tracker.plans.plan_forms import DOCUMENT_LABELS, ROW_LABELS
from tracker.settings.forms import DAY_KINDS
from tracker.units import labels as units
from tracker.web.i18n import show_date, show_moment

TABLES = {
    "assignments": _l("Phân công"),
    "attachments": _l("Tệp đính kèm"),
    "calendar_days": _l("Ngày nghỉ, làm bù"),
    "calendar_feeds": _l("Địa chỉ lịch"),
    "checklist_items": _l("Mục kiểm tra"),
    "checklist_versions": _l("Phiên bản danh mục kiểm tra"),
    "checklists": _l("Danh mục kiểm tra"),
    "deputies": _l("Người thay"),
    "escalation_pauses": _l("Tạm dừng nhắc việc"),
    "escalation_rungs": _l("Bậc nhắc việc"),
    "evidence": _l("Minh chứng"),
    "extensions": _l("Gia hạn"),
    "finding_checks": _l("Kết quả tái kiểm tra"),
    "findings": _l("Phát hiện"),
    "grants": _l("Quyền"),
    "inspection_plan_documents": _l("Văn bản của kế hoạch kiểm tra"),
    "inspection_plan_item_versions": _l("Bản của đơn vị trong kế hoạch kiểm tra"),
    "inspection_plan_items": _l("Đơn vị trong kế hoạch kiểm tra"),
    "inspection_plans": _l("Kế hoạch kiểm tra"),
    "mail_servers": _l("Máy chủ thư"),
    "notice_hours": _l("Giờ nhận thông báo"),
    "notice_preferences": _l("Lựa chọn nhận thông báo"),
    "password_links": _l("Liên kết đặt mật khẩu"),
    "plan_documents": _l("Văn bản của kế hoạch"),
    "plans": _l("Kế hoạch"),
    "plugin_disposals": _l("Dữ liệu rời mô-đun"),
    "plugin_installs": _l("Mô-đun mở rộng"),
    "plugin_keys": _l("Khóa ký mô-đun"),
    "plugin_releases": _l("Bản phát hành của mô-đun"),
    "progress_entries": _l("Báo cáo tiến độ"),
    "reform_areas": _l("Lĩnh vực cải cách"),
    "remedies": _l("Khắc phục"),
    "report_windows": _l("Kỳ báo cáo"),
    "settings": _l("Thiết lập"),
    "task_coordinators": _l("Đơn vị phối hợp"),
    "task_leads": _l("Đơn vị chủ trì"),
    "task_versions": _l("Bản của nhiệm vụ theo văn bản"),
    "tasks": _l("Nhiệm vụ"),
    "unit_aliases": _l("Tên gọi khác của đơn vị"),
    "unit_event_units": _l("Đơn vị trong lần sắp xếp"),
    "unit_events": _l("Sắp xếp đơn vị"),
    "unit_sets": _l("Nhóm đơn vị"),
    "unit_successors": _l("Đơn vị kế tiếp"),
    "unit_versions": _l("Tên và cấp trên của đơn vị theo thời gian"),
    "units": _l("Đơn vị"),
    "urges": _l("Đôn đốc"),
    "users": _l("Tài khoản"),
    "visit_answers": _l("Câu trả lời kiểm tra"),
    "visit_members": _l("Thành viên đoàn"),
    "visits": _l("Cuộc kiểm tra"),
    "webhook_endpoints": _l("Nơi nhận tin"),
}

FIELDS = {
    # Not a column: something of the record was looked at (tracker.api.work.log_read).
    "read": _l("Đã xem"),
    "absence_note": _l("Ghi chú vắng mặt"),
    "absent_with_reason": _l("Vắng có lý do"),
    "absent_without_reason": _l("Vắng không lý do"),
    "action": _l("Thay đổi"),
    "added_by_id": _l("Văn bản bổ sung"),
    "after": _l("Sau"),
    "agency": _l("Cơ quan"),
    "answer": _l("Trả lời"),
    "answered_at": _l("Trả lời lúc"),
    "answered_by_id": _l("Người trả lời"),
    "answered_by_name": _l("Người trả lời"),
    "area_id": _l("Lĩnh vực"),
    "assignment_id": _l("Phân công"),
    "audience": _l("Báo cho"),
    "before": _l("Trước"),
    "begins_on": _l("Tính từ ngày"),
    "budget_text": _l("Kinh phí"),
    "cancel_reason": _l("Lý do hủy"),
    "carried_from_id": _l("Chuyển tiếp từ"),
    "changed_at": _l("Đổi lúc"),
    "channel": _l("Kênh"),
    "checklist_id": _l("Danh mục kiểm tra"),
    "checklist_version_id": _l("Phiên bản danh mục"),
    "closed_on": _l("Ngày đóng"),
    "code": _l("Mã"),
    "conclusion": _l("Kết luận"),
    "confirmed_on": _l("Ngày xác nhận"),
    "content": _l("Nội dung"),
    "coordinator_text": _l("Cơ quan phối hợp (nguyên văn)"),
    "copied_from_id": _l("Sao từ kế hoạch"),
    "counted_at": _l("Giờ đếm"),
    "created_at": _l("Tạo lúc"),
    "created_by_id": _l("Người lập"),
    "created_by_name": _l("Người lập"),
    "day": _l("Ngày"),
    "deadline_confidence": _l("Độ chắc của hạn"),
    "deadline_kind": _l("Loại hạn"),
    "deadline_on": _l("Ngày đến hạn"),
    "deadline_read_by": _l("Hạn do ai đọc"),
    "deadline_text": _l("Hạn (nguyên văn)"),
    "decided_at": _l("Quyết định lúc"),
    "decided_by_id": _l("Người quyết định"),
    "decided_by_name": _l("Người quyết định"),
    "decided_on": _l("Ngày quyết định"),
    "decision": _l("Căn cứ"),
    "decision_date": _l("Ngày văn bản"),
    "decision_note": _l("Ý kiến"),
    "decision_number": _l("Số văn bản"),
    "deputy_id": _l("Người thay"),
    "digest_hour": _l("Giờ nhận thư tổng hợp"),
    "disposal": _l("Xử lý dữ liệu"),
    "disputed_until": _l("Tra soát đến"),
    "document_id": _l("Văn bản"),
    "done_on": _l("Ngày hoàn thành"),
    "due_day": _l("Ngày nộp"),
    "due_month": _l("Tháng nộp"),
    "due_on": _l("Hạn hiện nay"),
    "effective_on": _l("Ngày có hiệu lực"),
    "email": _l("Thư điện tử"),
    "entry_id": _l("Báo cáo"),
    "event_id": _l("Lần sắp xếp"),
    "evidence_issuer": _l("Cơ quan ban hành minh chứng"),
    "evidence_number": _l("Số minh chứng"),
    "evidence_on": _l("Ngày minh chứng"),
    "expires_at": _l("Hết hạn lúc"),
    "export_name": _l("Tệp xuất"),
    "export_sha256": _l("Mã băm của tệp xuất"),
    "extension_count": _l("Số lần gia hạn"),
    "feed_kind": _l("Loại lịch"),
    "filename": _l("Tên tệp"),
    "finding_id": _l("Phát hiện"),
    "fingerprint": _l("Dấu vân tay của khóa"),
    "finished_at": _l("Kết thúc lúc"),
    "found_on": _l("Ngày phát hiện"),
    "from_day": _l("Từ ngày"),
    "from_month": _l("Từ tháng"),
    "from_year_offset": _l("Năm bắt đầu"),
    "granted_by_id": _l("Người cấp"),
    "handed_over_from_id": _l("Nhận bàn giao từ"),
    "has_evidence": _l("Có minh chứng"),
    "head_title": _l("Chức danh người đứng đầu"),
    "host": _l("Máy chủ"),
    "id": _l("Số thứ tự"),
    "idempotency_key": _l("Mã lần gửi"),
    "installed_at": _l("Cài lúc"),
    "is_accepted": _l("Chấp nhận"),
    "is_active": _l("Đang dùng"),
    "is_announced": _l("Báo trước"),
    "is_cumulative": _l("Lũy kế"),
    "is_invented": _l("Dữ liệu minh họa"),
    "is_issued": _l("Đã ban hành"),
    "is_remedied": _l("Đã khắc phục"),
    "is_required": _l("Bắt buộc"),
    "is_wanted": _l("Nhận"),
    "issued_on": _l("Ngày ban hành"),
    "issuer": _l("Cơ quan ban hành"),
    "issuer_id": _l("Cơ quan ban hành"),
    "item_code": _l("Mã mục"),
    "item_id": _l("Mục kiểm tra"),
    "key": _l("Khóa"),
    "kind": _l("Loại"),
    "kinds": _l("Các loại đơn vị"),
    "last_reported_at": _l("Báo cáo lần cuối"),
    "lead_text": _l("Cơ quan chủ trì (nguyên văn)"),
    "libraries": _l("Thư viện kèm theo"),
    "locale": _l("Ngôn ngữ"),
    "message": _l("Nội dung"),
    "name": _l("Tên"),
    "name_en": _l("Tên tiếng Anh"),
    "needs_confirmation": _l("Cần xác nhận"),
    "new_due_on": _l("Hạn mới"),
    "new_unit_id": _l("Đơn vị mới"),
    "note": _l("Ghi chú"),
    "notice_kinds": _l("Các loại thông báo"),
    "notice_number": _l("Số thông báo kết luận"),
    "notice_on": _l("Ngày thông báo kết luận"),
    "number": _l("Số"),
    "occurrence": _l("Lần thứ"),
    "offset_days": _l("Số ngày làm việc so với hạn"),
    "old_due_on": _l("Hạn cũ"),
    "old_unit_id": _l("Đơn vị cũ"),
    "ordinal": _l("Bản số"),
    "original_due_on": _l("Hạn ban đầu"),
    "owner_id": _l("Mục chứa tệp"),
    "owner_kind": _l("Loại mục chứa tệp"),
    "parent_id": _l("Cấp trên"),
    "password": _l("Mật khẩu"),
    "password_changed_at": _l("Đổi mật khẩu lúc"),
    "password_hash": _l("Mật khẩu"),
    "path": _l("Vị trí trong cây"),
    "paused_at": _l("Tạm dừng lúc"),
    "percent": _l("Phần trăm"),
    "person_id": _l("Người thực hiện"),
    "phone": _l("Điện thoại"),
    "plan_id": _l("Kế hoạch"),
    "plan_item_id": _l("Mục trong kế hoạch kiểm tra"),
    "planned_from": _l("Dự kiến từ"),
    "planned_to": _l("Dự kiến đến"),
    "plugin": _l("Mô-đun"),
    "port": _l("Cổng"),
    "position": _l("Thứ tự"),
    "present": _l("Có mặt"),
    "previous_release_id": _l("Bản trước"),
    "product": _l("Sản phẩm"),
    "public_id": _l("Mã công khai"),
    "public_key": _l("Khóa công khai"),
    "published_at": _l("Ban hành lúc"),
    "quiet_from": _l("Giờ yên lặng từ"),
    "quiet_to": _l("Giờ yên lặng đến"),
    "reason": _l("Lý do"),
    "reason_parameters": _l("Chi tiết lý do"),
    "recorded_at": _l("Ghi lúc"),
    "recorded_by_id": _l("Tài khoản ghi"),
    "recorded_by_name": _l("Người ghi"),
    "recurrence": _l("Quy tắc lặp"),
    "release_id": _l("Bản phát hành"),
    "remedy_due_on": _l("Hạn khắc phục"),
    "removed_at": _l("Gỡ lúc"),
    "removed_by_id": _l("Người gỡ"),
    "removed_by_name": _l("Người gỡ"),
    "repeat_of_id": _l("Lặp lại phát hiện"),
    "reply_by": _l("Trả lời trước"),
    "reported": _l("Tình trạng báo cáo"),
    "reported_at": _l("Báo cáo lúc"),
    "reported_by_id": _l("Người báo cáo"),
    "reported_by_name": _l("Người báo cáo"),
    "requested_at": _l("Đề nghị lúc"),
    "requested_by_id": _l("Người đề nghị"),
    "requested_by_name": _l("Người đề nghị"),
    "review_on": _l("Ngày xem lại"),
    "revoked_at": _l("Thu hồi lúc"),
    "role": _l("Vai trò"),
    "rows": _l("Số dòng của từng bảng"),
    "scope": _l("Nội dung kiểm tra"),
    "secret": _l("Khóa ký"),
    "section": _l("Phần"),
    "security": _l("Mã hóa đường truyền"),
    "sender": _l("Địa chỉ người gửi"),
    "sender_name": _l("Tên người gửi"),
    "severity": _l("Mức độ"),
    "sha256": _l("Mã băm của tệp"),
    "short_name": _l("Tên ngắn"),
    "short_name_en": _l("Tên ngắn tiếng Anh"),
    "signed_by": _l("Khóa đã ký"),
    "size": _l("Dung lượng"),
    "source": _l("Nguồn"),
    "source_note": _l("Nguồn số liệu"),
    "started_at": _l("Bắt đầu lúc"),
    "state": _l("Trạng thái"),
    "summary": _l("Trích yếu"),
    "task_id": _l("Nhiệm vụ"),
    "team_name": _l("Tên đoàn"),
    "text": _l("Nội dung"),
    "theme": _l("Giao diện"),
    "title": _l("Tên"),
    "to_day": _l("Đến ngày"),
    "to_month": _l("Đến tháng"),
    "token_hash": _l("Mã liên kết"),
    "trigger_in_working_days": _l("Tính theo ngày làm việc"),
    "trigger_offset": _l("Số ngày sau điều kiện"),
    "trigger_text": _l("Điều kiện"),
    "awaits_id": _l("Chờ việc"),
    "triggered_on": _l("Ngày đủ điều kiện"),
    "trusted_at": _l("Tin cậy từ lúc"),
    "trusted_by_id": _l("Người tin cậy"),
    "trusted_by_name": _l("Người tin cậy"),
    "under_unit_id": _l("Thuộc đơn vị"),
    "unit_id": _l("Đơn vị"),
    "unit_set_id": _l("Nhóm đơn vị"),
    "until": _l("Đến ngày"),
    "uploaded_at": _l("Tải lên lúc"),
    "uploaded_by_id": _l("Người tải lên"),
    "uploaded_by_name": _l("Người tải lên"),
    "urged_at": _l("Đôn đốc lúc"),
    "urged_by_id": _l("Người đôn đốc"),
    "urged_by_name": _l("Người đôn đốc"),
    "url": _l("Địa chỉ nhận tin"),
    "used_at": _l("Dùng lúc"),
    "user_id": _l("Tài khoản"),
    "username": _l("Tên đăng nhập"),
    "valid_from": _l("Hiệu lực từ"),
    "valid_to": _l("Hiệu lực đến"),
    "value": _l("Giá trị"),
    "verification_note": _l("Ý kiến xác minh"),
    "verified_at": _l("Xác minh lúc"),
    "verified_by_id": _l("Người xác minh"),
    "verified_by_name": _l("Người xác minh"),
    "version": _l("Lần sửa"),
    "version_id": _l("Phiên bản danh mục"),
    "visit_id": _l("Cuộc kiểm tra"),
    "visited_on": _l("Ngày kiểm tra"),
    "wanted": _l("Yêu cầu"),
    "window_start": _l("Bắt đầu từ"),
    "withdrawn_by_id": _l("Văn bản rút"),
    "withdrawn_on": _l("Ngày rút"),
    "year": _l("Năm"),
    "year_from": _l("Từ năm"),
    "year_to": _l("Đến năm"),
}

SOURCES = {
    "page": _l("Trên trang"),
    "command": _l("Dòng lệnh"),
    "import": _l("Nhập từ tệp"),
    "job": _l("Việc tự động"),
    "plugin": _l("Mô-đun"),
}
DATED = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}\S*)?$")
LENGTH_OF_A_DAY = len("2026-12-15")
ACTIONS = {"created": _l("Tạo"), "updated": _l("Sửa"), "deleted": _l("Xóa")}


def table_label(name: str) -> str:
    """Return what a table is called; a plug-in's says it itself."""
    return str(TABLES.get(name) or _told(name).get("label") or name)


def field_label(table: str, name: str) -> str:
    """Return what a field of a table is called."""
    own: Mapping[str, object] = _told(table).get("field_labels", {})
    return str(own.get(name) or FIELDS.get(name) or name)


def table_choices() -> dict[str, str]:
    """Return the names of all audited tables, those of loaded plug-ins too."""
    own = [table.name for table in Base.metadata.tables.values() if table.info.get("label")]
    return {name: table_label(name) for name in (*TABLES, *own)}


def is_known(table: str) -> bool:
    """Tell whether the log may hold changes of a table; those of plug-ins that are gone stay."""
    return table in TABLES or (is_plugin_table(table) and table.isidentifier())


def _told(name: str) -> Mapping[str, Any]:
    table = Base.metadata.tables.get(name)
    return {} if table is None else table.info


# What values of a field are called, where a table has it; '' is any table.
VALUES: Mapping[tuple[str, str], Mapping[Any, Any]] = {
    ("", "reported"): REPORTED_WORDS,
    ("", "deadline_kind"): dict(KIND_LABELS),
    ("", "severity"): inspections.SEVERITIES,
    ("", "role"): ROLE_LABELS,
    ("visits", "kind"): inspections.KINDS,
    ("visits", "state"): inspections.STATES,
    ("visit_answers", "answer"): inspections.ANSWERS,
    ("visit_members", "role"): inspections.ROLES,
    ("findings", "state"): inspections.FINDING_STATES,
    ("attachments", "owner_kind"): {
        "evidence": _l("Minh chứng"),
        "exports": _l("Tệp xuất"),
        "finding": _l("Phát hiện"),
        "plugin_disposals": _l("Dữ liệu rời mô-đun"),
        "remedy": _l("Khắc phục"),
    },
    ("progress_entries", "kind"): ENTRY_WORDS,
    ("progress_entries", "source"): {"person": _l("Người nhập")},
    ("extensions", "state"): DECISION_WORDS,
    ("plans", "kind"): DOCUMENT_LABELS,
    ("plan_documents", "kind"): DOCUMENT_LABELS,
    ("tasks", "kind"): ROW_LABELS,
    ("calendar_days", "kind"): DAY_KINDS,
    ("units", "kind"): units.KINDS,
    ("unit_versions", "kind"): units.KINDS,
    ("unit_events", "kind"): units.EVENTS,
}


def value_word(table: str, name: str, value: object) -> str | None:
    """Return the word of a choice that a field holds; None for what is no choice."""
    if not isinstance(value, str):
        return None
    words = VALUES.get((table, name)) or VALUES.get(("", name)) or {}
    found = words.get(value)
    return None if found is None else str(found)


def show_value(value: object) -> str:
    """Return a logged value as people read it."""
    if value is None or value == "":
        return "—"
    if value == PRIVATE:
        return str(_("đã đổi (không ghi giá trị)"))
    if isinstance(value, bool):
        return str(_("có") if value else _("không"))
    if isinstance(value, list):
        return ", ".join(show_value(one) for one in value)
    if isinstance(value, dict) and value.keys() == {"secret"}:
        return show_value(PRIVATE)
    if isinstance(value, dict):
        return "; ".join(f"{name}: {show_value(one)}" for name, one in value.items())
    if isinstance(value, str) and DATED.match(value):
        return _show_time(value)
    return str(value)


def _show_time(logged: str) -> str:
    """Return a logged day or moment as people write it, or as it stands where it is neither."""
    try:
        if len(logged) == LENGTH_OF_A_DAY:
            return show_date(date.fromisoformat(logged))
        moment = datetime.fromisoformat(logged)
    except ValueError:
        return logged
    return show_moment(moment) if moment.tzinfo else logged

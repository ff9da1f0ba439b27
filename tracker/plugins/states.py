"""The states of a plug-in, each with a reason that a person can read."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.plugins.descriptors import Label


class PluginState(StrEnum):
    """How a plug-in stands; only an enabled one is heard, shown and run."""

    # A release is known, nothing of it runs, its tables may not be there.
    AVAILABLE = "available"
    # It asks for what this instance does not have: another API, other plug-ins, other libraries.
    INCOMPATIBLE = "incompatible"
    # It could not be loaded, or its load killed a start; it is not imported again by itself.
    FAILED = "failed"
    # Its code is newer or older than its tables.
    NEEDS_MIGRATION = "needs_migration"
    ENABLED = "enabled"
    DISABLED = "disabled"
    # The breaker took it out; a person lets it in again.
    PAUSED = "paused"


# Imported and gated; all others are not imported, and need a reload to come back.
LOADED_STATES = frozenset({PluginState.ENABLED, PluginState.DISABLED, PluginState.PAUSED})


class Wanted(StrEnum):
    """What the administrator asked for; the state says what became of it."""

    ENABLED = "enabled"
    DISABLED = "disabled"


class Reason(StrEnum):
    """Why a plug-in is in its state; what varies stands in parameters."""

    NONE = ""
    NOT_INSTALLED = "not_installed"
    SWITCHED_OFF = "switched_off"
    API_TOO_NEW = "api_too_new"
    API_OTHER = "api_other"
    NEED_MISSING = "need_missing"
    NEED_OFF = "need_off"
    NEEDS_CYCLE = "needs_cycle"
    LIBRARY_CLASH = "library_clash"
    IMPORT_FAILED = "import_failed"
    IMPORT_KILLED = "import_killed"
    SWITCHING = "switching"
    LEAVING = "leaving"
    TOO_MANY_ERRORS = "too_many_errors"
    TOO_SLOW = "too_slow"


REASONS: Mapping[Reason, Label] = {
    Reason.NONE: "",
    Reason.NOT_INSTALLED: _l("Chưa cài đặt."),
    Reason.SWITCHED_OFF: _l("Quản trị viên đã tắt; dữ liệu vẫn còn."),
    Reason.API_TOO_NEW: _l("Cần giao diện lập trình %(needed)s, hệ thống này có %(ours)s."),
    Reason.API_OTHER: _l(
        "Viết cho giao diện lập trình %(needed)s, không dùng được với %(ours)s của hệ thống này."
    ),
    Reason.NEED_MISSING: _l("Cần mô-đun %(need)s, hiện chưa có."),
    Reason.NEED_OFF: _l("Cần mô-đun %(need)s, hiện không hoạt động."),
    Reason.NEEDS_CYCLE: _l("Các mô-đun cần lẫn nhau thành vòng: %(names)s."),
    Reason.LIBRARY_CLASH: _l(
        "Cần thư viện %(library)s %(needed)s, hệ thống đang dùng bản %(ours)s."
    ),
    Reason.IMPORT_FAILED: _l("Không nạp được: %(detail)s."),
    Reason.IMPORT_KILLED: _l("Lần nạp trước làm dừng cả tiến trình, nên không nạp lại."),
    Reason.SWITCHING: _l(
        "Đang chuyển sang bản %(detail)s. Nếu việc này đã dừng giữa chừng, hãy cài lại bản đó."
    ),
    Reason.LEAVING: _l("Đang gỡ bản %(detail)s. Nếu việc này đã dừng giữa chừng, hãy gỡ lại."),
    Reason.TOO_MANY_ERRORS: _l("Tạm dừng vì lỗi quá nhiều (%(count)s lần): %(detail)s."),
    Reason.TOO_SLOW: _l("Tạm dừng vì quá chậm: %(detail)s."),
}

# The same in few words, for whoever is told of a pause.
PAUSES: Mapping[str, Label] = {
    Reason.TOO_MANY_ERRORS: _l("Mô-đun gặp lỗi quá nhiều lần trong thời gian ngắn."),
    Reason.TOO_SLOW: _l("Mô-đun chạy quá lâu."),
}

STATES: Mapping[PluginState, Label] = {
    PluginState.AVAILABLE: _l("Có thể cài"),
    PluginState.INCOMPATIBLE: _l("Không tương thích"),
    PluginState.FAILED: _l("Hỏng"),
    PluginState.NEEDS_MIGRATION: _l("Chờ chuyển đổi dữ liệu"),
    PluginState.ENABLED: _l("Đang hoạt động"),
    PluginState.DISABLED: _l("Đã tắt"),
    PluginState.PAUSED: _l("Tạm dừng"),
}


def explain(reason: str, parameters: Mapping[str, object] | None = None) -> str:
    """Return a reason in the reader's language; an unknown one is shown as it stands."""
    try:
        text = str(REASONS[Reason(reason)])
    except ValueError:
        return str(_("Lý do: %(reason)s", reason=reason))
    try:
        return text % dict(parameters or {})
    except KeyError:
        # Parameters written by another version of the product.
        return text


def why_paused(reason: str) -> str:
    """Return why a plug-in was paused, in the reader's language; what is not known as it stands."""
    return str(PAUSES.get(reason, reason))

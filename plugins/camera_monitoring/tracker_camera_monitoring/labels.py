"""The words for kinds, states and reasons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import TypeVar

from tracker.api.i18n import Label, locale_code, ngettext
from tracker.api.i18n import lazy_gettext as _l
from tracker_camera_monitoring.addresses import ProbeKind
from tracker_camera_monitoring.models import CameraState, Severity, Sight
from tracker_camera_monitoring.probing import Health, Reason, health_of
from tracker_camera_monitoring.rosters import Away

HEALTHS: Mapping[Health, Label] = {
    Health.UP: _l("hoạt động"),
    Health.FAULT: _l("lỗi"),
    Health.DOWN: _l("mất kết nối"),
    Health.UNKNOWN: _l("chưa rõ"),
}
# How the design shows them: an outage waits for someone; red means late and nothing else.
TONES: Mapping[Health, str] = {
    Health.UP: "done",
    Health.FAULT: "wait",
    Health.DOWN: "wait",
    Health.UNKNOWN: "calm",
}
ICONS: Mapping[Health, str] = {
    Health.UP: "check-circle",
    Health.FAULT: "alert",
    Health.DOWN: "x-circle",
    Health.UNKNOWN: "question",
}
REASONS: Mapping[Reason, Label] = {
    Reason.OK: _l("trả lời đúng"),
    Reason.TIMEOUT: _l("không trả lời trong thời gian chờ"),
    Reason.REFUSED: _l("từ chối kết nối"),
    Reason.UNREACHABLE: _l("không có đường mạng tới camera"),
    Reason.NO_NAME: _l("tên máy không tra được"),
    Reason.CLOSED: _l("ngắt kết nối giữa chừng"),
    Reason.TLS: _l("không thiết lập được kết nối bảo mật"),
    Reason.NOT_ALLOWED: _l("nằm ngoài mạng được phép thăm dò"),
    Reason.NEEDS_PASSWORD: _l("đòi mật khẩu, sổ chưa có"),
    Reason.WRONG_PASSWORD: _l("sai tên đăng nhập hoặc mật khẩu"),
    Reason.FORBIDDEN: _l("tài khoản không được xem hình"),
    Reason.NO_STREAM: _l("không có luồng hình ở đường dẫn này"),
    Reason.REDIRECTED: _l("chuyển sang địa chỉ khác"),
    Reason.BAD_ANSWER: _l("trả lời không đúng giao thức"),
    Reason.TOO_LONG: _l("trả lời dài bất thường"),
    Reason.SERVER_ERROR: _l("camera báo lỗi"),
    Reason.NOT_MEASURED: _l("không đo"),
}
AWAY: Mapping[Away, Label] = {
    Away.ON_LEAVE: _l("đang nghỉ"),
    Away.LEFT: _l("không còn hoạt động"),
    Away.MOVED: _l("đã chuyển đơn vị"),
}
STATES: Mapping[CameraState, Label] = {
    CameraState.IN_USE: _l("Đang dùng"),
    CameraState.REPAIR: _l("Đang sửa"),
    CameraState.STORED: _l("Cất kho"),
    CameraState.RETIRED: _l("Thôi dùng"),
}
SEVERITIES: Mapping[Severity, Label] = {
    Severity.NORMAL: _l("Bình thường"),
    Severity.MINOR: _l("Nhẹ"),
    Severity.MAJOR: _l("Nặng"),
    Severity.CRITICAL: _l("Nghiêm trọng"),
}
SEVERITY_TONES: Mapping[Severity, str] = {
    Severity.NORMAL: "done",
    Severity.MINOR: "calm",
    Severity.MAJOR: "wait",
    Severity.CRITICAL: "wait",
}
PROBES: Mapping[ProbeKind, str] = {
    ProbeKind.RTSP: "RTSP",
    ProbeKind.HTTP: "HTTP",
    ProbeKind.HTTPS: "HTTPS",
    ProbeKind.TCP: "TCP",
}
ADDRESS_FAULTS: Mapping[str, Label] = {
    "scheme": _l("Chỉ thăm dò được rtsp://, http://, https:// hoặc tcp://."),
    "host": _l("Tên máy hoặc địa chỉ IP chưa đúng, ví dụ rtsp://10.20.1.5:554/live."),
    "port": _l("Cổng phải từ 1 đến 65535; tcp:// phải ghi rõ cổng."),
    "path": _l("Đường dẫn có ký tự lạ, quá dài, hoặc không dùng được với cách thăm dò này."),
    "secret": _l("Tên đăng nhập hoặc mật khẩu có ký tự không dùng được."),
}

Choice = TypeVar("Choice", bound=StrEnum)


def choices_of(labels: Mapping[Choice, Label]) -> list[tuple[str, str]]:
    """Return (value, label) of a kind's choices, in the reader's language."""
    return [(one.value, str(label)) for one, label in labels.items()]


def state_of(text: str) -> CameraState | None:
    """Return the state that a label or its value names."""
    words = text.strip().casefold()
    for state, label in STATES.items():
        if words in {state.value, str(label).casefold()}:
            return state
    return None


def sight_name(name: str, name_en: str) -> str:
    """Return a line of the list of sights in the reader's language."""
    return name_en if name_en and locale_code() == "en" else name


def duration(seconds: int) -> str:
    """Return a length of time in words: '2 ngày 3 giờ', '45 phút'."""
    minutes = max(0, seconds) // 60
    days, hours = minutes // 1440, minutes % 1440 // 60
    parts = []
    if days:
        parts.append(ngettext("%(num)d ngày", "%(num)d ngày", days))
    if hours:
        parts.append(ngettext("%(num)d giờ", "%(num)d giờ", hours))
    if not days and (minutes % 60 or not hours):
        parts.append(ngettext("%(num)d phút", "%(num)d phút", minutes % 60))
    return " ".join(parts)


def health_of_row(reason: Reason | None) -> Health:
    """Return how a camera stands; one that nobody asked is unknown."""
    return Health.UNKNOWN if reason is None else health_of(reason)


def reason_sentence(reason: Reason) -> str:
    """Return why a camera stands as it does, as a sentence's beginning."""
    words = str(REASONS[reason])
    return words[:1].upper() + words[1:]


WEEKDAYS: Sequence[Label] = (
    _l("Thứ Hai"),
    _l("Thứ Ba"),
    _l("Thứ Tư"),
    _l("Thứ Năm"),
    _l("Thứ Sáu"),
    _l("Thứ Bảy"),
    _l("Chủ nhật"),
)


def weekday(day: date) -> str:
    """Return the name of a day of the week."""
    return str(WEEKDAYS[day.weekday()])


def day_after(day: date, number: int) -> date:
    """Return the day so many days later."""
    return day + timedelta(days=number)


def sight_choices(sights: Iterable[Sight]) -> list[tuple[int, str]]:
    """Return (id, name) of the list of sights."""
    return [(one.id, sight_name(one.name, one.name_en)) for one in sights]


def sight_list(sights: Iterable[Sight]) -> str:
    """Return what was seen as one text."""
    return "; ".join(sight_name(one.name, one.name_en) for one in sights)

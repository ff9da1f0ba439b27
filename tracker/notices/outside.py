"""What Web Push and webhooks have in common: allowed networks, and faults in people's words."""

from __future__ import annotations

import socket
import ssl
from datetime import datetime, timedelta
from typing import Final

from flask_babel import gettext as _

from tracker.core.context import current
from tracker.core.outgoing import AddressRefused, AnswerUnreadable, Networks, read_networks
from tracker.core.secrets import SecretUnreadable
from tracker.outbox.topics import GiveUp, Message, NotYet
from tracker.settings import queries as settings

NETWORKS: Final = "notices.outgoing_networks"


class StatusRefused(OSError):
    """Somebody answered, but not that the message was taken; redirects are no answer either."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


def networks() -> Networks:
    """Return the networks in which messages may leave; words that name none allow nothing."""
    return read_networks(str(settings.value(NETWORKS)))[0]


def unread_networks() -> list[str]:
    """Return what stands among the allowed networks and is none."""
    return read_networks(str(settings.value(NETWORKS)))[1]


def require_taken(status: int) -> None:
    """Raise StatusRefused unless a status says that the message was taken."""
    if not 200 <= status < 300:
        raise StatusRefused(status)


def rest(message: Message, patience: timedelta, until: datetime) -> None:
    """Put a message off while whoever it is for rests after a failure.

    Raises NotYet until then, GiveUp once the message has waited for longer than its topic does.
    """
    now = current().clock.now()
    if now >= until:
        return
    if now >= message.posted_at + patience:
        raise GiveUp("whoever it is for has failed for too long")
    raise NotYet(until - now, "whoever it is for has just failed")


def fault_of(error: Exception) -> str:
    """Return what stood in the way as a code that is kept, and told by `fault_words`."""
    match error:
        case StatusRefused():
            return f"status:{error.status}"
        case AddressRefused():
            return error.reason
        case SecretUnreadable():
            return "secret"
        case TimeoutError():
            return "timeout"
        case ssl.SSLError():
            return "tls"
        case socket.gaierror():
            return "name"
        case AnswerUnreadable():
            return "answer"
        case _:
            return "connection"


def fault_words(fault: str) -> str:
    """Return a code of `fault_of` in the reader's words."""
    if fault == "status:410":
        return str(
            _(
                "Nơi nhận báo không nhận tin nữa (mã 410), nên đã được tắt. Khi nơi đó nhận lại, "
                "hãy bật lại ở mục Sửa."
            )
        )
    code, _colon, status = fault.partition(":")
    words: dict[str, str] = {
        "status": _("Nơi nhận trả lời mã %(status)s.", status=status),
        "network": _("Tên máy dẫn tới một mạng chưa được phép."),
        "plain": _("Ngoài mạng nội bộ được phép, địa chỉ phải bắt đầu bằng https."),
        "secret": _("Khóa của hệ thống không mở được khóa ký. Hãy tạo khóa ký mới."),
        "timeout": _("Quá thời gian chờ."),
        "tls": _("Không mã hóa được đường truyền hoặc chứng thư không được tin."),
        "name": _("Không tìm thấy tên máy."),
        "answer": _("Nơi nhận không trả lời như một máy chủ web."),
        "connection": _("Không nối được tới nơi nhận."),
    }
    return words.get(code) or address_words(code)


def address_words(reason: str) -> str:
    """Return why an address can't be used, in the reader's words."""
    words: dict[str, str] = {
        "scheme": _("Địa chỉ phải bắt đầu bằng https:// (hoặc http:// trong mạng nội bộ)."),
        "host": _("Tên máy chưa đúng. Địa chỉ số thì viết đủ bốn số thập phân."),
        "port": _("Cổng phải là 80, 443 hoặc từ 1024 trở lên."),
    }
    return words.get(reason) or str(
        _("Địa chỉ chưa đúng, ví dụ: https://dieuhanh.tinh.gov.vn/nhan-tin.")
    )

"""The mail server of the instance: kept with its password encrypted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from flask_babel import gettext as _

from tracker.core.errors import Conflict, FieldError, ValidationFailed
from tracker.core.text import normalise
from tracker.core.work import Work
from tracker.notices.models import MailServer
from tracker.notices.permissions import MANAGE

HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]")
EMAIL: Final = re.compile(r"[^@\s,;<>\"]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
SECURITY: Final = ("starttls", "tls", "none")


@dataclass(frozen=True)
class SaveMailServer:
    """The server as it should be; `password` None keeps the one that is there."""

    version: int
    host: str
    port: int | None
    security: str
    username: str
    password: str | None
    sender: str
    sender_name: str
    is_active: bool


def save_mail_server(work: Work, data: SaveMailServer) -> None:
    """Keep the server. Raises ValidationFailed by field, Conflict for a stale form.

    Where host or user change, the old password is not kept for them: it would be sent there.
    """
    work.require_held(MANAGE)
    row = work.session.get(MailServer, 1, with_for_update=True, populate_existing=True)
    if (row.version if row else 0) != data.version:
        raise Conflict(_("Người khác vừa sửa mục này. Hãy tải lại rồi sửa tiếp."))
    host, username = normalise(data.host), normalise(data.username)
    sender = normalise(data.sender)
    problems: list[FieldError] = []
    if not HOST.fullmatch(host):
        problems.append(FieldError("host", _("Tên máy chủ chưa đúng, ví dụ: mail.tinh.gov.vn.")))
    if data.port is None or not 1 <= data.port <= 65535:
        problems.append(
            FieldError("port", _("Nhập số từ %(low)d đến %(high)d.", low=1, high=65535))
        )
    if data.security not in SECURITY:
        problems.append(FieldError("security", _("Chọn một cách mã hóa.")))
    if not EMAIL.fullmatch(sender):
        problems.append(FieldError("sender", _("Thư điện tử chưa đúng, ví dụ: an@coquan.gov.vn.")))
    if len(data.sender_name) > 200:
        problems.append(FieldError("sender_name", _("Dài quá %(most)d ký tự.", most=200)))
    if len(username) > 254:
        problems.append(FieldError("username", _("Dài quá %(most)d ký tự.", most=254)))
    moved = row is not None and (row.host, row.username) != (host, username)
    if data.password is None and username and (moved or row is None or not row.password):
        problems.append(
            FieldError("password", _("Hãy nhập mật khẩu cho máy chủ và tài khoản này."))
        )
    if problems or data.port is None:
        raise ValidationFailed(problems)
    if row is None:
        row = MailServer(id=1)
        work.session.add(row)
    row.host, row.port, row.security = host, data.port, data.security
    row.username = username
    if not username:
        row.password = None
    elif data.password is not None:
        row.password = data.password
    row.sender, row.sender_name = sender, normalise(data.sender_name)
    row.is_active = data.is_active

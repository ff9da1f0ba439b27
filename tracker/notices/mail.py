"""E-mail: one message for what is urgent, one digest a day; plain text and HTML, over TLS."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

from flask import current_app
from flask_babel import force_locale, ngettext
from flask_babel import gettext as _
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import select

from tracker.accounts.models import User
from tracker.core.clock import to_local
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import NotFound
from tracker.notices.models import MailServer
from tracker.notices.queries import page_address
from tracker.notices.reach import ALL_KINDS
from tracker.notices.services import Unsubscribe
from tracker.outbox.topics import GiveUp
from tracker.plugins.descriptors import Outgoing, Receiver, ShownNotice

CHANNEL: Final = "email"
SECONDS: Final = 20
LONGEST_SUBJECT: Final = 150
SALT: Final = "notices.unsubscribe"


@dataclass(frozen=True)
class Server:
    """A mail server as it is used: plain values."""

    host: str
    port: int
    security: str
    username: str
    password: str
    sender: str
    sender_name: str


def server() -> Server | None:
    """Return the mail server of this instance, None while none is set up and switched on."""
    row = db.session.scalars(select(MailServer).where(MailServer.is_active.is_(True))).first()
    if row is None:
        return None
    return Server(
        row.host,
        row.port,
        row.security,
        row.username,
        row.password or "",
        row.sender,
        row.sender_name,
    )


def reachable(user_ids: Sequence[int]) -> frozenset[int]:
    """Return whom e-mail can reach: those with an address, once a server is set up."""
    active = select(MailServer.id).where(MailServer.is_active.is_(True)).exists()
    return frozenset(
        db.session.scalars(select(User.id).where(User.id.in_(user_ids), User.email != "", active))
    )


def send(outgoing: Outgoing) -> None:
    """Send one message to one person. Raises OSError and smtplib's errors, to be tried again.

    Raises GiveUp when the server says that this address will never do.
    """
    found = server()
    if found is None or not outgoing.receiver.email:
        raise GiveUp("no mail server, or no address")
    message = compose(found, outgoing)
    # No transaction stays open while the server is waited for.
    db.session.rollback()
    transmit(found, message)


def compose(by: Server, outgoing: Outgoing) -> EmailMessage:
    """Return the message in its reader's language."""
    with force_locale(outgoing.receiver.locale):
        return _compose(by, outgoing)


def _compose(by: Server, outgoing: Outgoing) -> EmailMessage:
    notices = outgoing.notices
    now = to_local(current().clock.now())
    if outgoing.is_digest:
        subject = str(
            ngettext(
                "%(num)d thông báo ngày %(day)s",
                "%(num)d thông báo ngày %(day)s",
                len(notices),
                day=f"{now:%d/%m/%Y}",
            )
        )
    else:
        subject = notices[0].title
    message = EmailMessage()
    message["Subject"] = _one_line(subject)
    message["From"] = _address(by.sender_name or _("Theo dõi CCHC"), by.sender)
    message["To"] = _address(outgoing.receiver.name, outgoing.receiver.email)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = message_id(outgoing.key, by.sender)
    # So that no absence notice answers it (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    kind = ALL_KINDS if outgoing.is_digest else notices[0].kind
    leave = page_address(
        "notices.leave", {"token": sign(Unsubscribe(outgoing.receiver.user_id, kind, CHANNEL))}
    )
    if leave:
        # One click, no sign-in (RFC 2369, RFC 8058).
        message["List-Unsubscribe"] = f"<{leave}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    values = {
        "greeting": _("Kính gửi %(name)s,", name=outgoing.receiver.name),
        "notices": notices,
        "is_digest": outgoing.is_digest,
        "leave": leave,
        "choices": page_address("notices.edit_choices", {}),
        "subject": subject,
        "locale": outgoing.receiver.locale,
    }
    message.set_content(_render("notices/mail.txt", values))
    message.add_alternative(_render("notices/mail.html", values), subtype="html")
    return message


def _render(template: str, values: dict[str, object]) -> str:
    return current_app.jinja_env.get_template(template).render(values)


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_SUBJECT else line[: LONGEST_SUBJECT - 1] + "…"


def _address(name: str, address: str) -> Address:
    return Address(display_name=_one_line(name), addr_spec=address)


def message_id(key: str, sender: str) -> str:
    """Return the identity of a message: the same at each attempt, so that doubles are known."""
    digest = hashlib.sha256(key.encode()).hexdigest()[:40]
    return f"<{digest}@{sender.rpartition('@')[2] or 'tracker'}>"


def tls_context() -> ssl.SSLContext:
    """Return how servers are trusted: by the machine's own certificates, names checked."""
    return ssl.create_default_context()


def transmit(by: Server, message: EmailMessage) -> None:
    """Hand a message to the server. Raises OSError, smtplib.SMTPException, GiveUp."""
    if by.security == "tls":
        connection: smtplib.SMTP = smtplib.SMTP_SSL(
            by.host, by.port, timeout=SECONDS, context=tls_context()
        )
    else:
        connection = smtplib.SMTP(by.host, by.port, timeout=SECONDS)
    with connection:
        if by.security == "starttls":
            connection.starttls(context=tls_context())
        if by.username:
            connection.login(by.username, by.password)
        try:
            connection.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _reason in error.recipients.values()]
            if all(code >= 500 for code in codes):
                raise GiveUp(f"the server refuses the address for good: {codes}") from error
            raise


# -- leaving a list by a link --------------------------------------------------------------------


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.secret_key or "", salt=SALT)


def sign(wish: Unsubscribe) -> str:
    """Return the token of a link by which its reader, and nobody else, can leave a list."""
    return str(_signer().dumps([wish.user_id, wish.kind, wish.channel]))


def read_token(token: str) -> Unsubscribe:
    """Return what a link asks for. Raises NotFound for a token that this site has not made."""
    try:
        user_id, kind, channel = _signer().loads(token)
    except (BadSignature, ValueError, TypeError) as error:
        raise NotFound from error
    return Unsubscribe(int(user_id), str(kind), str(channel))


# -- trying the server ---------------------------------------------------------------------------


def send_test(by: Server, name: str, address: str, locale: str) -> str:
    """Send a test message at once; return '' or, in the reader's words, what stood in the way."""
    now = current().clock.now()
    words = _("Nếu bạn đọc được thư này thì máy chủ thư đã được thiết lập đúng.")
    notice = ShownNotice(0, "", "", _("Thư thử từ hệ thống theo dõi CCHC"), words, "", now)
    receiver = Receiver(0, name, address, locale)
    outgoing = Outgoing(f"test:{now.isoformat()}:{address}", receiver, [notice])
    try:
        transmit(by, compose(by, outgoing))
    except smtplib.SMTPAuthenticationError:
        return str(_("Máy chủ không nhận tên đăng nhập hoặc mật khẩu."))
    except ssl.SSLError as error:
        return str(_("Không mã hóa được đường truyền: %(why)s.", why=error.reason or str(error)))
    except smtplib.SMTPNotSupportedError:
        return str(_("Máy chủ không hỗ trợ cách mã hóa hoặc đăng nhập đã chọn."))
    except smtplib.SMTPException as error:
        return str(_("Máy chủ từ chối: %(why)s.", why=str(error)[:300]))
    except GiveUp:
        return str(_("Máy chủ không nhận địa chỉ này."))
    except OSError as error:
        why = error.strerror or str(error)
        return str(_("Không nối được tới máy chủ: %(why)s.", why=why))
    return ""

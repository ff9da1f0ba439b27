"""A real SMTP server on the loopback address, with TLS and a login, that keeps what it gets."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "cchc@tinh.gov.vn", "mat-khau-thu"


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for the loopback address and its key; return both paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    crt, pem = folder / "server.crt", folder / "server.key"
    crt.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return crt, pem


@dataclass
class Inbox:
    """What arrived; `refuse` answers a recipient's address with that line instead."""

    port: int
    certificate: Path
    messages: list[EmailMessage] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)

    async def handle_RCPT(
        self, _server: object, _session: object, envelope: Any, address: str, _options: object
    ) -> str:
        """Take or refuse an address."""
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:
        """Keep a message."""
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"

    def to(self, address: str) -> list[EmailMessage]:
        """Return what arrived for an address, in order."""
        return [one for one in self.messages if address in str(one["To"])]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def smtp_server(
    folder: Path, *, port: int | None = None, implicit: bool = False
) -> Iterator[Inbox]:
    """Serve until the block ends: STARTTLS required, or (implicit) TLS from the first byte."""
    crt, pem = make_certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, pem)
    inbox = Inbox(port or free_port(), crt)

    def check(
        _server: object, _session: object, _envelope: object, _mechanism: str, data: object
    ) -> AuthResult:
        is_known = isinstance(data, LoginPassword) and (data.login, data.password) == (
            USER.encode(),
            PASSWORD.encode(),
        )
        return AuthResult(success=is_known, handled=False)

    class Trusting(Controller):
        """aiosmtpd's controller tries its own server, whose certificate nobody signed."""

        def _trigger_server(self) -> None:
            with socket.create_connection((self.hostname, self.port), timeout=10) as raw:
                if self.ssl_context is not None:
                    trusting = ssl.create_default_context(cafile=str(crt))
                    with trusting.wrap_socket(raw, server_hostname="localhost") as wrapped:
                        wrapped.recv(1024)
                else:
                    raw.recv(1024)

    options: dict[str, Any]
    if implicit:
        # aiosmtpd offers no login over TLS that it did not begin itself.
        options = {"ssl_context": context}
    else:
        options = {
            "authenticator": check,
            "auth_required": True,
            "tls_context": context,
            "require_starttls": True,
        }
    controller = Trusting(inbox, hostname="127.0.0.1", port=inbox.port, **options)
    controller.start()
    try:
        yield inbox
    finally:
        controller.stop()

"""A web server on the loopback address, over TLS or not, that keeps what it is sent."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tests.support.smtp import make_certificate
from tracker.core import outgoing

LOOPBACK = "127.0.0.0/8"


@dataclass(frozen=True)
class Received:
    """One request: where to, its headers, what it carried."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """What arrived. `answers` are the statuses of the next requests, 201 once they are used up."""

    url: str
    requests: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)


@contextmanager
def receiving(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, tls: bool = True
) -> Iterator[Receiver]:
    """Serve until the block ends; requests of the product trust the server's certificate."""
    found = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            headers = {name.lower(): value for name, value in self.headers.items()}
            found.requests.append(Received(self.path, headers, self.rfile.read(length)))
            status = found.answers.pop(0) if found.answers else 201
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"{found.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        crt, pem = make_certificate(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(crt, pem)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        monkeypatch.setattr(
            outgoing, "tls_context", lambda: ssl.create_default_context(cafile=str(crt))
        )
    found.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# -- the other end of Web Push: what a browser and its push service do with a message -------------


def text_of(data: bytes) -> str:
    """Return bytes as the keys of browsers are written."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def bytes_of(text: str) -> bytes:
    """Read what `text_of` writes."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class BrowserKeys:
    """The keys that a browser makes for one subscription."""

    private: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    auth: bytes = b"sixteen secrets!"

    @property
    def point(self) -> bytes:
        """Return the public key as the browser hands it out."""
        return self.private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )

    def form(self, endpoint: str) -> dict[str, str]:
        """Return what a page tells the site of this subscription."""
        return {"endpoint": endpoint, "p256dh": text_of(self.point), "auth": text_of(self.auth)}

    def decrypt(self, body: bytes) -> bytes:
        """Read a message as the browser does (RFC 8291, section 3.4; RFC 8188, section 2)."""
        salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        sender, record = body[21 : 21 + length], body[21 + length :]
        assert len(record) <= size
        shared = self.private.exchange(
            ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        )

        def derive(secret: bytes, salted: bytes, info: bytes, most: int) -> bytes:
            return HKDF(hashes.SHA256(), most, salted, info).derive(secret)

        secret = derive(shared, self.auth, b"WebPush: info\0" + self.point + sender, 32)
        key = derive(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
        nonce = derive(secret, salt, b"Content-Encoding: nonce\0", 12)
        plain = AESGCM(key).decrypt(nonce, record, None).rstrip(b"\0")
        assert plain[-1:] == b"\x02"
        return plain[:-1]


def claims_of(authorization: str, expected_key: str) -> dict[str, Any]:
    """Return the claims of a sender's token, checked as a push service does (RFC 8292).

    Raises InvalidSignature.
    """
    scheme, _space, rest = authorization.partition(" ")
    assert scheme == "vapid"
    parts = dict(one.strip().split("=", 1) for one in rest.split(","))
    assert parts["k"] == expected_key
    signed, _dot, signature = parts["t"].rpartition(".")
    head, claims = (json.loads(bytes_of(one)) for one in signed.split("."))
    assert head == {"typ": "JWT", "alg": "ES256"}
    raw = bytes_of(signature)
    if len(raw) != 64:
        raise InvalidSignature
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes_of(parts["k"]))
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key.verify(der, signed.encode(), ec.ECDSA(hashes.SHA256()))
    found: dict[str, Any] = claims
    return found

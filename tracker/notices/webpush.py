"""Web Push on the wire: a message that only one browser can read, from a sender that it knows.

Sources: RFC 8291 (encryption for Web Push), RFC 8188 (aes128gcm), RFC 8292 (VAPID).
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

CURVE: Final = ec.SECP256R1()
RECORD: Final = 4096
POINT_BYTES: Final = 65
AUTH_BYTES: Final = 16
SALT_BYTES: Final = 16
# What fits into one record beside its head, tag and delimiter (RFC 8291, section 4).
LARGEST: Final = 3993
# A push service may refuse a signature that holds longer than a day (RFC 8292, section 2).
SIGNED_FOR: Final = timedelta(hours=12)


class KeysUnreadable(ValueError):
    """What came as keys of a browser is none."""


def to_text(data: bytes) -> str:
    """Return bytes as URL-safe base64 without padding, as Web Push writes them."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def to_bytes(text: str) -> bytes:
    """Read what `to_text` writes. Raises KeysUnreadable."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise KeysUnreadable(text[:20]) from None


def read_point(data: bytes) -> ec.EllipticCurvePublicKey:
    """Return the public key in an uncompressed point of P-256. Raises KeysUnreadable."""
    if len(data) != POINT_BYTES:
        raise KeysUnreadable("length")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(CURVE, data)
    except ValueError:
        raise KeysUnreadable("point") from None


def check_keys(p256dh: str, auth: str) -> None:
    """Raise KeysUnreadable unless a message can be encrypted with a browser's two keys."""
    read_point(to_bytes(p256dh))
    if len(to_bytes(auth)) != AUTH_BYTES:
        raise KeysUnreadable("auth")


def point_of(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return a public key as an uncompressed point."""
    return key.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def new_key() -> tuple[str, str]:
    """Return a new key of a sender: the private half as PEM, the public one as browsers want it."""
    key = ec.generate_private_key(CURVE)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem.decode("ascii"), to_text(point_of(key.public_key()))


def _derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(secret)


def encrypt(
    content: bytes,
    p256dh: str,
    auth: str,
    *,
    salt: bytes | None = None,
    sender: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """Return `content` for the browser that has these keys; each time with a key used once.

    `salt` and `sender` are given by the standard's own example alone. Raises KeysUnreadable, and
    ValueError for content that fits into no record.
    """
    if len(content) > LARGEST:
        raise ValueError("too long for a push message")
    salt = salt or os.urandom(SALT_BYTES)
    sender = sender or ec.generate_private_key(CURVE)
    theirs, ours = to_bytes(p256dh), point_of(sender.public_key())
    shared = sender.exchange(ec.ECDH(), read_point(theirs))
    secret = _derive(shared, to_bytes(auth), b"WebPush: info\0" + theirs + ours, 32)
    key = _derive(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derive(secret, salt, b"Content-Encoding: nonce\0", 12)
    head = salt + RECORD.to_bytes(4, "big") + bytes([POINT_BYTES]) + ours
    # The delimiter of the last record, and the only one (RFC 8188, section 2).
    return head + AESGCM(key).encrypt(nonce, content + b"\x02", None)


def authorization(pem: str, origin: str, contact: str, now: datetime) -> str:
    """Return the header by which a push service knows the sender: a token signed with ES256.

    `origin` is the push service's; `contact` how its people reach ours, '' for nobody.
    """
    key = serialization.load_pem_private_key(pem.encode("ascii"), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("no key of an elliptic curve")
    claims: dict[str, object] = {"aud": origin, "exp": int((now + SIGNED_FOR).timestamp())}
    if contact:
        claims["sub"] = contact
    signed = ".".join(_part(one) for one in ({"typ": "JWT", "alg": "ES256"}, claims))
    r, s = decode_dss_signature(key.sign(signed.encode("ascii"), ec.ECDSA(hashes.SHA256())))
    signature = to_text(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    return f"vapid t={signed}.{signature}, k={to_text(point_of(key.public_key()))}"


def _part(value: dict[str, object] | dict[str, str]) -> str:
    return to_text(json.dumps(value, separators=(",", ":")).encode("utf-8"))

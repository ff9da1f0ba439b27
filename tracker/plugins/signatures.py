"""Ed25519 signatures of releases, and the keys that an agency trusts.

A signature stands over name, version and SHA-256 of a release, in a text that begins with what it
is for, so that nothing else signed by the same key can be taken for a release. It lies beside the
file as `<file>.sig` (JSON), or in an index.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from flask_babel import gettext as _

from tracker.core.errors import PluginError

PURPOSE = "tracker plug-in release 1"
PRIVATE_MARK = "tracker-plugin-private-key-1"
PUBLIC_MARK = "tracker-plugin-public-key-1"
SUFFIX = ".sig"
RAW_KEY_BYTES = 32
LARGEST_SIGNATURE_FILE = 4096
# The instance signs what it builds itself (the plug-ins beside its own checkout) with this one.
OWN_KEY = "instance"


@dataclass(frozen=True)
class PublicKey:
    """A key that checks signatures, with the name that people call it by."""

    name: str
    raw: bytes

    @property
    def text(self) -> str:
        """Return the key as base64."""
        return base64.b64encode(self.raw).decode("ascii")

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of the key: what people compare by telephone."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def line(self) -> str:
        """Return the one line that is handed on to those who shall trust the key."""
        return f"{PUBLIC_MARK} {self.text} {self.name}\n"


@dataclass(frozen=True)
class Signature:
    """Who signed which release, as it lies in a `.sig` file."""

    name: str
    version: str
    sha256: str
    fingerprint: str
    signature: str

    def to_json(self) -> str:
        """Return the text of a `.sig` file."""
        return json.dumps({"format": 1, **asdict(self)}, indent=1, sort_keys=True) + "\n"


def _message(name: str, version: str, sha256: str) -> bytes:
    return "\n".join((PURPOSE, name, version, sha256, "")).encode()


def new_key(name: str, folder: Path) -> PublicKey:
    """Make a key pair: `<name>.key` (its owner's only) and `<name>.pub` in `folder`.

    Raises PluginError when a key of this name is there: overwriting it would lose it.
    """
    private = Ed25519PrivateKey.generate()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.key"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise PluginError(_("Đã có khóa %(path)s.", path=path)) from error
    with os.fdopen(handle, "w", encoding="ascii") as file:
        secret = base64.b64encode(private.private_bytes_raw()).decode("ascii")
        file.write(f"{PRIVATE_MARK} {secret}\n")
    public = PublicKey(name, private.public_key().public_bytes_raw())
    (folder / f"{name}.pub").write_text(public.line, encoding="utf-8")
    return public


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """Return the private key in a file. Raises PluginError."""
    words = _text_of(path).split()
    if len(words) != 2 or words[0] != PRIVATE_MARK:
        raise PluginError(_("%(path)s không phải khóa ký.", path=path))
    return Ed25519PrivateKey.from_private_bytes(_raw(words[1], path))


def read_public_key(text: str, name: str = "") -> PublicKey:
    """Return the public key in a line that `new_key` wrote. Raises PluginError."""
    words = text.strip().split(None, 2)
    if len(words) < 2 or words[0] != PUBLIC_MARK:
        raise PluginError(
            _(
                "Đây không phải khóa công khai: cần một dòng bắt đầu bằng %(mark)s.",
                mark=PUBLIC_MARK,
            )
        )
    label = name.strip() or (words[2] if len(words) > 2 else "")
    return PublicKey(label[:120], _raw(words[1], _("khóa công khai")))


def _raw(text: str, place: object) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PluginError(_("Khóa trong %(place)s bị hỏng.", place=place)) from error
    if len(raw) != RAW_KEY_BYTES:
        raise PluginError(_("Khóa trong %(place)s bị hỏng.", place=place))
    return raw


def _text_of(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(LARGEST_SIGNATURE_FILE)
    except (OSError, UnicodeDecodeError) as error:
        raise PluginError(_("Không đọc được %(path)s.", path=path)) from error


def own_key(folder: Path) -> Path:
    """Return the file of the instance's own signing key, making it at first use."""
    path = folder / f"{OWN_KEY}.key"
    if not path.exists():
        new_key(OWN_KEY, folder)
    return path


def public_key_of(private_key: Path, name: str) -> PublicKey:
    """Return the public half of a private key's file. Raises PluginError."""
    return PublicKey(name, read_private_key(private_key).public_key().public_bytes_raw())


def sign(private_key: Path, name: str, version: str, sha256: str) -> Signature:
    """Sign a release. Raises PluginError when the key cannot be read."""
    key = read_private_key(private_key)
    raw = key.public_key().public_bytes_raw()
    return Signature(
        name=name,
        version=version,
        sha256=sha256,
        fingerprint=PublicKey("", raw).fingerprint,
        signature=base64.b64encode(key.sign(_message(name, version, sha256))).decode("ascii"),
    )


def read_signature(text: str, filename: str) -> Signature:
    """Return what a `.sig` file says. Raises PluginError; trusts nothing yet."""
    try:
        told = json.loads(text)
        found = Signature(**{name: told[name] for name in Signature.__dataclass_fields__})
        is_readable = told["format"] == 1 and all(
            isinstance(one, str) and len(one) <= 200 for one in asdict(found).values()
        )
    except (ValueError, KeyError, TypeError) as error:
        raise PluginError(_("Tệp chữ ký %(name)s bị hỏng.", name=filename)) from error
    if not is_readable:
        raise PluginError(_("Tệp chữ ký %(name)s bị hỏng.", name=filename))
    return found


def signature_beside(path: Path) -> Signature | None:
    """Return the signature that lies beside a release's file; None when there is none."""
    beside = path.with_name(path.name + SUFFIX)
    return read_signature(_text_of(beside), beside.name) if beside.exists() else None


def check(
    signature: Signature, name: str, version: str, sha256: str, trusted: Mapping[str, str]
) -> str:
    """Return the fingerprint of the trusted key that signed this very release.

    `trusted` holds public keys (base64) by fingerprint. Raises PluginError when the signature is
    for something else, its key is not trusted, or it is false.
    """
    if (signature.name, signature.version) != (name, version):
        raise PluginError(
            _(
                "Chữ ký là của %(theirs)s, không phải của %(ours)s.",
                theirs=f"{signature.name} {signature.version}",
                ours=f"{name} {version}",
            )
        )
    if signature.sha256 != sha256:
        raise PluginError(
            _("Gói %(name)s đã bị thay đổi sau khi ký: không cài.", name=f"{name} {version}")
        )
    public = trusted.get(signature.fingerprint)
    if public is None:
        raise PluginError(
            _(
                "%(name)s được ký bằng khóa mà cơ quan chưa tin cậy (dấu vân tay %(fingerprint)s).",
                name=f"{name} {version}",
                fingerprint=signature.fingerprint[:16],
            )
        )
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public, validate=True))
        key.verify(base64.b64decode(signature.signature), _message(name, version, sha256))
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise PluginError(
            _("Chữ ký của %(name)s không đúng: không cài.", name=f"{name} {version}")
        ) from error
    return signature.fingerprint

"""Field encryption by a key outside the database, with rotation.

The keys stand in `field.key` of the instance, one a line, newest first: the first encrypts, all
decrypt. A backup never holds them unless they are wrapped by a passphrase.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from sqlalchemy import Dialect, Text, TypeDecorator

SALT_BYTES = 16


class SecretUnreadable(ValueError):
    """No key of this instance opens the value, or the passphrase is wrong."""


def key_file(instance: Path) -> Path:
    """Return where an instance keeps its field keys."""
    return instance / "field.key"


def load_keys(instance: Path) -> MultiFernet:
    """Return the instance's keys, making the first one when there is none."""
    path = key_file(instance)
    if not path.exists():
        write_keys(instance, Fernet.generate_key().decode())
    lines = path.read_text(encoding="ascii").split()
    return MultiFernet([Fernet(line) for line in lines])


def write_keys(instance: Path, text: str) -> None:
    """Write the keys so that only their owner can read them; a crash leaves the old ones."""
    instance.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = key_file(instance).with_suffix(".new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write("\n".join(text.split()) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(key_file(instance))


def rotate(instance: Path) -> None:
    """Put a new key in front; old values stay readable by the keys behind it."""
    load_keys(instance)
    old = key_file(instance).read_text(encoding="ascii")
    write_keys(instance, Fernet.generate_key().decode() + "\n" + old)


def _passphrase_key(passphrase: str, salt: bytes) -> Fernet:
    derived = Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(passphrase.encode())
    return Fernet(base64.urlsafe_b64encode(derived))


def wrap_keys(instance: Path, passphrase: str) -> bytes:
    """Return the instance's keys, encrypted by a passphrase (scrypt)."""
    load_keys(instance)
    salt = os.urandom(SALT_BYTES)
    text = key_file(instance).read_bytes()
    return salt + _passphrase_key(passphrase, salt).encrypt(text)


def unwrap_keys(wrapped: bytes, passphrase: str) -> str:
    """Return the keys that `wrap_keys` wrapped. Raises SecretUnreadable."""
    salt, token = wrapped[:SALT_BYTES], wrapped[SALT_BYTES:]
    try:
        return _passphrase_key(passphrase, salt).decrypt(token).decode("ascii")
    except InvalidToken:
        raise SecretUnreadable("the passphrase does not open the key") from None


# The app fills this at start; a process has one instance.
keys: list[Callable[[], MultiFernet]] = []


def seal(text: str) -> str:
    """Return text as the database holds it encrypted."""
    return keys[0]().encrypt(text.encode()).decode("ascii")


def unseal(sealed: str) -> str:
    """Return what `seal` encrypted. Raises SecretUnreadable."""
    try:
        return keys[0]().decrypt(sealed.encode("ascii")).decode()
    except InvalidToken:
        raise SecretUnreadable("no key of this instance opens the value") from None


class EncryptedText(TypeDecorator[str]):
    """Text that the database holds encrypted; the change log says only that it changed."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else seal(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else unseal(value)

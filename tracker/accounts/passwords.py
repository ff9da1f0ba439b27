"""Passwords: the rules, and argon2id with a bound on memory.

Hashing takes tens of milliseconds and megabytes: it happens outside the write transaction, and at
most two at a time in one process, so that a rush of sign-ins cannot eat the machine.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask_babel import gettext as _

from tracker.accounts.common_passwords import COMMON, ROWS
from tracker.core.text import fold

SHORTEST = 10
LONGEST = 128
FEWEST_DIFFERENT = 5
AT_ONCE = 2

# 32 MiB, three passes: above the least of OWASP's Password Storage Cheat Sheet (19 MiB, two).
_hasher = PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1)
_places = BoundedSemaphore(AT_ONCE)


def normal_form(password: str) -> str:
    """Return the password in one spelling, whatever keyboard composed its accents."""
    return unicodedata.normalize("NFC", password)


def fault(password: str, username: str = "") -> str:
    """Return what is wrong with a new password in words, '' when it will do.

    Length counts and guessability; no rule on kinds of characters (ASVS 5.0, 6.2.1 to 6.2.12).
    """
    password = normal_form(password)
    if len(password) < SHORTEST:
        return str(_("Mật khẩu cần ít nhất %(least)d ký tự.", least=SHORTEST))
    if len(password) > LONGEST:
        return str(_("Mật khẩu dài nhất %(most)d ký tự.", most=LONGEST))
    plain = fold(password).replace(" ", "")
    word = plain.strip("0123456789!@#$%^&*()_+-=.,?~`")
    if username and (word == username or (len(username) >= SHORTEST // 2 and username in plain)):
        return str(_("Mật khẩu không được chứa tên đăng nhập."))
    is_stretch = any(plain in row or plain[::-1] in row for row in ROWS)
    if not word or word in COMMON or is_stretch or len(set(plain)) < FEWEST_DIFFERENT:
        return str(_("Mật khẩu này quá dễ đoán. Hãy dùng vài từ không liên quan nhau."))
    return ""


def hash_password(password: str) -> str:
    """Return the argon2id hash of a password."""
    with _places:
        return _hasher.hash(normal_form(password))


def verify(password_hash: str, password: str) -> bool:
    """Tell whether the password fits the hash.

    Without a hash (no such user, no password set) it works as long and answers no, so that the
    time tells nobody which user names exist. Longer passwords than allowed are not hashed at all.
    """
    password = normal_form(password)[: LONGEST + 1]
    with _places:
        try:
            return _hasher.verify(password_hash or _dummy(), password) and bool(password_hash)
        except (VerificationError, InvalidHashError):
            return False


def needs_rehash(password_hash: str) -> bool:
    """Tell whether the hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


@lru_cache(maxsize=1)
def _dummy() -> str:
    return _hasher.hash("no such person has this password")

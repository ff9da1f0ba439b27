"""The rules of passwords (ASVS 5.0, 6.2.1 to 6.2.12) and their hashes."""

from __future__ import annotations

import unicodedata

import pytest
from flask import Flask

from tracker.accounts import passwords
from tracker.accounts.common_passwords import COMMON


@pytest.fixture
def words() -> Flask:
    """An app whose only use is to let gettext answer in the source language."""
    from flask_babel import Babel

    app = Flask("words")
    Babel(app)
    return app


@pytest.mark.parametrize(
    "password",
    [
        "ngắn quá",
        "a" * 129,
        "matkhau@2026",
        "Mật Khẩu 12345",
        "password123!",
        "1234567890",
        "qwertyuiop",
        "0987654321",
        "aaaaaaaaaaaa",
        "abababababab",
        "nguyenvanan1",
        "xx-nguyenvanan-xx",
        "ThuDoHaNoi2026",
        "!@#$%^&*()_+",
    ],
)
def test_fault_guessable_or_short_password_is_refused(words: Flask, password: str) -> None:
    with words.app_context():
        assert passwords.fault(password, "nguyenvanan")


@pytest.mark.parametrize(
    "password",
    [
        "ngựa đúng pin kẹp giấy",
        "con trâu xanh bay",
        "Tr0ub4dor&3xyz",
        "x" * 30 + "bốn chữ khác",
        "caphe-muoi-sang",
    ],
)
def test_fault_long_phrase_is_taken_without_rules_on_kinds_of_characters(
    words: Flask, password: str
) -> None:
    with words.app_context():
        assert passwords.fault(password, "nguyenvanan") == ""


def test_common_words_are_many_and_some_are_vietnamese() -> None:
    assert len(COMMON) >= 200
    assert {"matkhau", "vietnam", "cchc", "password"} <= COMMON


def test_verify_same_password_typed_with_another_keyboard_fits() -> None:
    composed = unicodedata.normalize("NFC", "mật khẩu rất dài của tôi")
    decomposed = unicodedata.normalize("NFD", composed)
    assert composed != decomposed
    assert passwords.verify(passwords.hash_password(decomposed), composed)


def test_verify_wrong_password_broken_hash_and_no_hash_do_not_fit() -> None:
    password_hash = passwords.hash_password("con trâu xanh bay")
    assert password_hash.startswith("$argon2id$")
    assert not passwords.verify(password_hash, "con trâu xanh")
    assert not passwords.verify("not a hash", "con trâu xanh bay")
    assert not passwords.verify("", "no such person has this password")


def test_verify_without_a_hash_works_as_hard_as_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    class Counting:
        def verify(self, password_hash: str, password: str) -> bool:
            seen.append(password_hash)
            return True

        def hash(self, password: str) -> str:
            return "$argon2id$dummy"

    passwords._dummy.cache_clear()
    monkeypatch.setattr(passwords, "_hasher", Counting())
    assert not passwords.verify("", "x")
    passwords._dummy.cache_clear()
    assert seen == ["$argon2id$dummy"]


def test_needs_rehash_after_parameters_change() -> None:
    from argon2 import PasswordHasher

    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("con trâu xanh bay")
    assert passwords.needs_rehash(weak)
    assert not passwords.needs_rehash(passwords.hash_password("con trâu xanh bay"))

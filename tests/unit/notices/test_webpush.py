"""Web Push on the wire: the standard's own example, and what the other end makes of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from tests.support.receiver import BrowserKeys, bytes_of, claims_of, text_of
from tracker.notices import webpush

NOW = datetime(2026, 6, 16, 2, 0, tzinfo=UTC)


def test_example_of_the_standard() -> None:
    """RFC 8291, appendix A."""
    number = int.from_bytes(bytes_of("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), "big")
    made = webpush.encrypt(
        b"When I grow up, I want to be a watermelon",
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "BTBZMqHH6r4Tts7J_aSIgg",
        salt=bytes_of("DGv6ra1nlYgDCS1FRnbzlw"),
        sender=ec.derive_private_key(number, ec.SECP256R1()),
    )
    assert text_of(made) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmY"
        "WAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexS"
        "gSxsj_Qulcy4a-fN"
    )


@given(st.binary(max_size=webpush.LARGEST))
def test_only_the_browser_reads_it(content: bytes) -> None:
    keys = BrowserKeys()
    form = keys.form("")
    made = webpush.encrypt(content, form["p256dh"], form["auth"])
    assert keys.decrypt(made) == content
    assert len(made) <= 4096
    assert made != webpush.encrypt(content, form["p256dh"], form["auth"])


def test_what_fits_into_no_record_is_refused() -> None:
    form = BrowserKeys().form("")
    with pytest.raises(ValueError, match="too long"):
        webpush.encrypt(b"x" * (webpush.LARGEST + 1), form["p256dh"], form["auth"])


@pytest.mark.parametrize(
    ("p256dh", "auth"),
    [
        ("", "c2l4dGVlbiBzZWNyZXRzIQ"),
        ("kein-schlüssel", "c2l4dGVlbiBzZWNyZXRzIQ"),
        (text_of(b"\x04" + b"\x01" * 64), "c2l4dGVlbiBzZWNyZXRzIQ"),
        (text_of(b"\x02" + b"\x01" * 32), "c2l4dGVlbiBzZWNyZXRzIQ"),
        (text_of(BrowserKeys().point), ""),
        (text_of(BrowserKeys().point), text_of(b"short")),
    ],
    # The keys differ from process to process, the tests' names must not.
    ids=["no key", "no base64", "not on the curve", "compressed", "no secret", "short secret"],
)
def test_keys_that_no_browser_makes(p256dh: str, auth: str) -> None:
    with pytest.raises(webpush.KeysUnreadable):
        webpush.check_keys(p256dh, auth)


def test_sender_is_known_by_its_signature() -> None:
    pem, public = webpush.new_key()
    made = webpush.authorization(pem, "https://push.example.org", "https://cchc.vn", NOW)
    assert claims_of(made, public) == {
        "aud": "https://push.example.org",
        "exp": int(NOW.timestamp()) + 12 * 3600,
        "sub": "https://cchc.vn",
    }
    nobody = webpush.authorization(pem, "https://push.example.org", "", NOW)
    assert "sub" not in claims_of(nobody, public)
    other_pem, _other = webpush.new_key()
    token = webpush.authorization(other_pem, "https://push.example.org", "", NOW).split(", ")[0]
    with pytest.raises(InvalidSignature):
        claims_of(f"{token}, k={public}", public)

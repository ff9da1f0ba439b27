"""Digests against the examples of the standards, and challenges that are odd."""

from __future__ import annotations

import base64

import pytest
from tracker_camera_monitoring.challenges import Challenge, answer, best, read_challenges

# RFC 7616, section 3.9.1.
RFC_7616 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
OWN_NONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_answer_of_the_standard(algorithm: str, response: str) -> None:
    (challenge,) = read_challenges([RFC_7616.format(algorithm=algorithm)])
    header = answer(
        challenge, "GET", "/dir/index.html", "Mufasa", "Circle of Life", lambda: OWN_NONCE
    )
    assert f'response="{response}"' in header
    assert 'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"' in header


def test_old_digest_without_quality_has_no_counter() -> None:
    # RFC 2069 with its erratum: response = MD5(MD5(A1):nonce:MD5(A2)).
    (challenge,) = read_challenges(
        ['Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"']
    )
    header = answer(challenge, "GET", "/dir/index.html", "Mufasa", "CircleOfLife")
    assert 'response="1949323746fe6a43ef61f9606e7febea"' in header
    assert "nc=" not in header
    assert "cnonce" not in header


def test_basic_is_utf_8() -> None:
    header = answer(Challenge("basic", "x"), "GET", "/", "admin", "mật khẩu")
    assert base64.b64decode(header.removeprefix("Basic ")).decode() == "admin:mật khẩu"


def test_strongest_way_is_taken_from_several_headers_or_one() -> None:
    ways = read_challenges(
        [
            'Basic realm="a", Digest realm="a", nonce="1", algorithm=MD5',
            'Digest realm="a", nonce="2", algorithm=SHA-256',
        ]
    )
    assert [one.scheme for one in ways] == ["basic", "digest", "digest"]
    found = best(ways)
    assert found is not None
    assert found.algorithm == "SHA-256"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Negotiate abcdef",
        'Digest realm="x"',
        'Digest realm="x", nonce="y", algorithm=SHA-512-256',
        'Digest realm="x", nonce="y", qop="auth-int"',
        'Digest realm="a\r\nX: y", nonce="z"',
    ],
)
def test_ways_that_cannot_be_answered_are_left_out(header: str) -> None:
    assert best(read_challenges([header])) is None


def test_quotes_in_a_name_stay_inside_it() -> None:
    challenge = Challenge("digest", "r", "n")
    header = answer(challenge, "GET", "/", 'a"b\\c', "p")
    assert r'username="a\"b\\c"' in header


def test_session_digest_of_the_client_nonce() -> None:
    (challenge,) = read_challenges(['Digest realm="r", nonce="n", algorithm=MD5-sess, qop="auth"'])
    header = answer(challenge, "GET", "/", "u", "p", lambda: "c")
    assert "algorithm=MD5-SESS" in header
    assert 'cnonce="c"' in header

"""Answering a server's WWW-Authenticate: digest (RFC 7616, RFC 2069) before basic (RFC 7617)."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.request import parse_http_list, parse_keqv_list

ALGORITHMS: dict[str, str] = {"MD5": "md5", "SHA-256": "sha256"}
SCHEME = re.compile(r"^\s*(basic|digest)\b\s*(.*)$", re.IGNORECASE | re.DOTALL)
NEXT_SCHEME = re.compile(r",\s*(?=(?:basic|digest)\s+\w+\s*=)", re.IGNORECASE)


@dataclass(frozen=True)
class Challenge:
    """One way in that a server offers."""

    scheme: str
    realm: str = ""
    nonce: str = ""
    opaque: str | None = None
    algorithm: str = "MD5"
    with_qop: bool = False
    is_stale: bool = False


def read_challenges(headers: Sequence[str]) -> list[Challenge]:
    """Return the ways in that can be answered, in the server's order; others are left out."""
    found = []
    for header in headers:
        for part in NEXT_SCHEME.split(header):
            match = SCHEME.match(part)
            if match is None:
                continue
            challenge = _read(match[1].lower(), match[2])
            if challenge is not None:
                found.append(challenge)
    return found


def _read(scheme: str, words: str) -> Challenge | None:
    items = [item for item in parse_http_list(words) if "=" in item]
    values = {key.lower(): value for key, value in parse_keqv_list(items).items()}
    realm = values.get("realm", "")
    if not (realm + values.get("nonce", "") + (values.get("opaque") or "")).isprintable():
        return None
    if scheme == "basic":
        return Challenge("basic", realm)
    algorithm = values.get("algorithm", "MD5").upper()
    qops = [one.strip().lower() for one in values.get("qop", "").split(",") if one.strip()]
    if algorithm.removesuffix("-SESS") not in ALGORITHMS or not values.get("nonce"):
        return None
    if qops and "auth" not in qops:
        return None
    return Challenge(
        "digest",
        realm,
        values["nonce"],
        values.get("opaque"),
        algorithm,
        bool(qops),
        values.get("stale", "").lower() == "true",
    )


def best(challenges: Sequence[Challenge]) -> Challenge | None:
    """Return the strongest way in: SHA-256, then MD5, then basic."""

    def strength(one: Challenge) -> int:
        if one.scheme == "basic":
            return 0
        return 2 if one.algorithm.startswith("SHA-256") else 1

    return max(challenges, key=strength, default=None)


def answer(
    challenge: Challenge,
    method: str,
    uri: str,
    username: str,
    password: str,
    new_nonce: Callable[[], str] = lambda: secrets.token_hex(8),
) -> str:
    """Return the Authorization header that answers a challenge."""
    if challenge.scheme == "basic":
        token = base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
        return f"Basic {token}"
    digest = ALGORITHMS[challenge.algorithm.removesuffix("-SESS")]

    def hashed(*parts: str) -> str:
        text = ":".join(parts).encode()
        return hashlib.new(digest, text, usedforsecurity=False).hexdigest()

    own, count = new_nonce(), "00000001"
    secret = hashed(username, challenge.realm, password)
    if challenge.algorithm.endswith("-SESS"):
        secret = hashed(secret, challenge.nonce, own)
    request = hashed(method, uri)
    if challenge.with_qop:
        response = hashed(secret, challenge.nonce, count, own, "auth", request)
    else:
        response = hashed(secret, challenge.nonce, request)
    fields = [
        f"username={_quoted(username)}",
        f"realm={_quoted(challenge.realm)}",
        f"nonce={_quoted(challenge.nonce)}",
        f"uri={_quoted(uri)}",
        f'response="{response}"',
    ]
    # Old cameras know no algorithm but MD5 and are confused by its name.
    if challenge.algorithm != "MD5":
        fields.append(f"algorithm={challenge.algorithm}")
    if challenge.with_qop:
        fields += ["qop=auth", f"nc={count}"]
    if challenge.with_qop or challenge.algorithm.endswith("-SESS"):
        fields.append(f'cnonce="{own}"')
    if challenge.opaque is not None:
        fields.append(f"opaque={_quoted(challenge.opaque)}")
    return "Digest " + ", ".join(fields)


def _quoted(words: str) -> str:
    escaped = words.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

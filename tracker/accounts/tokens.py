"""Random tokens: people carry the token, the database only its hash (CVE-2026-62376)."""

from __future__ import annotations

import hashlib
import secrets

TOKEN_BYTES = 32


def new_token() -> str:
    """Return a fresh token of 256 random bits, fit for a cookie and an address."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def hash_token(token: str) -> str:
    """Return what the database keeps of a token.

    A plain hash suffices: unlike a password, a token is too random to be guessed from it.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()

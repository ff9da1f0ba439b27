"""Headers that every answer carries, and the request's identity in logs.

Source: OWASP ASVS 5.0, 3.4.1 to 3.4.6 (transport, CSP, sniffing, referrer, framing), 14.3.2.
"""

from __future__ import annotations

import secrets

from flask import Flask, Response, g, request

CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


def give_request_id() -> None:
    """Name the request; the name is in its log lines, its change set and its error page."""
    g.request_id = secrets.token_hex(8)


def add_headers(response: Response) -> Response:
    """Add the headers, leaving stricter ones that a view has set."""
    headers = response.headers
    headers.setdefault("Content-Security-Policy", CSP)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault(
        "Permissions-Policy", "camera=(self), geolocation=(self), microphone=(), payment=()"
    )
    if request.is_secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    headers.setdefault("Cache-Control", "no-store")
    headers["X-Request-Id"] = g.get("request_id", "")
    return response


def init_security(app: Flask) -> None:
    """Add the headers to every answer of the app."""
    app.before_request(give_request_id)
    app.after_request(add_headers)

"""Static files: fingerprinted addresses that may be cached for ever, and compressed answers.

Files are compressed once a process and kept in memory; a page is compressed as it goes out.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from functools import lru_cache
from pathlib import Path

from flask import Blueprint, Flask, Response, request
from markupsafe import Markup

from tracker.core.errors import NotFound
from tracker.web.doors import open_to_all

STATIC = Path(__file__).resolve().parents[1] / "static"
COMPRESSED = ("text/", "application/javascript", "application/json", "image/svg+xml")
FOREVER = "public, max-age=31536000, immutable"
SMALL = 600
HIDDEN = Markup('aria-hidden="true"')

mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("font/woff2", ".woff2")
mimetypes.add_type("image/svg+xml", ".svg")
mimetypes.add_type("image/x-icon", ".ico")
mimetypes.add_type("application/manifest+json", ".webmanifest")

blueprint = Blueprint("assets", __name__)


@lru_cache(maxsize=1024)
def _fingerprint(path: str, changed: float) -> str:
    return hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:12]


@lru_cache(maxsize=1024)
def asset(path: str) -> str:
    """Return the address of a static file, with the fingerprint that it had at first use.

    Files change with a release only, and a page names more than a hundred; one that was changed
    under a running server is still sent as it is, but not to be kept.
    """
    return f"/static/{_fingerprint(path, (STATIC / path).stat().st_mtime)}/{path}"


@lru_cache(maxsize=1024)
def icon(name: str, size: int = 20, label: str | None = None, **attributes: str) -> Markup:
    """Return an icon of the sprite; without a label it is decoration. `class` adds to its class.

    A function, as a list of tasks draws 170 of them and a macro costs ten times as much.
    """
    added = attributes.get("class", "")
    spoken = Markup('role="img" aria-label="{}"').format(label) if label else HIDDEN
    return Markup(
        '<svg class="{}" width="{}" height="{}" {} focusable="false"><use href="{}#{}"></use></svg>'
    ).format(f"icon {added}" if added else "icon", size, size, spoken, asset("icons.svg"), name)


@lru_cache(maxsize=1024)
def _content(path: str, changed: float) -> tuple[bytes, bytes | None, str]:
    content = (STATIC / path).read_bytes()
    media_type = mimetypes.guess_type(path)[0] or "application/octet-stream"
    squeezed = gzip.compress(content, 9, mtime=0) if media_type.startswith(COMPRESSED) else None
    return content, squeezed, media_type


def _find(path: str) -> Path:
    try:
        found = (STATIC / path).resolve(strict=True)
    except (OSError, ValueError) as error:
        # Also a name that no file can have: too long, or with a zero byte.
        raise NotFound from error
    if not found.is_file() or STATIC not in found.parents:
        raise NotFound
    return found


@blueprint.get("/static/<fingerprint>/<path:path>")
@open_to_all
def static_file(fingerprint: str, path: str) -> Response:
    """Send a static file; a right fingerprint may be cached for ever, a wrong one not at all."""
    changed = _find(path).stat().st_mtime
    content, squeezed, media_type = _content(path, changed)
    response = Response(content, content_type=media_type)
    if media_type.startswith("text/"):
        response.content_type = f"{media_type}; charset=utf-8"
    if squeezed is not None and request.accept_encodings["gzip"]:
        response.set_data(squeezed)
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    is_right = fingerprint == _fingerprint(path, changed)
    response.headers["Cache-Control"] = FOREVER if is_right else "no-cache"
    return response


@blueprint.get("/favicon.ico")
@open_to_all
def favicon() -> Response:
    """Send the icon that browsers ask for by themselves."""
    return static_file("-", "favicon.ico")


def compress(response: Response) -> Response:
    """Compress a page when the browser takes it (runs after each request)."""
    if (
        response.direct_passthrough
        or response.is_streamed
        or "Content-Encoding" in response.headers
        or not (response.mimetype or "").startswith(COMPRESSED)
        or not request.accept_encodings["gzip"]
    ):
        return response
    content = response.get_data()
    if len(content) < SMALL:
        return response
    response.set_data(gzip.compress(content, 5, mtime=0))
    response.headers["Content-Encoding"] = "gzip"
    response.vary.add("Accept-Encoding")
    return response


def init_assets(app: Flask) -> None:
    """Serve static files and compress answers."""
    app.register_blueprint(blueprint)
    app.jinja_env.globals.update(asset=asset, svg_icon=icon)
    app.after_request(compress)

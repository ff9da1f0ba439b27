"""Answers for whoever watches the server: alive, and ready to work."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify
from sqlalchemy import text

from tracker.core.db import db
from tracker.web.doors import open_to_all

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@open_to_all
def healthz() -> Response:
    """Say that the process answers."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
@open_to_all
def readyz() -> tuple[Response, int]:
    """Say whether the database answers and has the schema that this version needs."""
    revision = db.session.execute(text("SELECT version_num FROM alembic_version")).scalar()
    ready = revision == _head()
    return jsonify(status="ok" if ready else "migrations pending"), 200 if ready else 503


def _head() -> str | None:
    if "tracker_head" not in current_app.extensions:
        # Loaded by whoever asks: pages need no migrations, and each server starts sooner.
        from tracker.core import migrate

        current_app.extensions["tracker_head"] = migrate.head_revision()
    found: str | None = current_app.extensions["tracker_head"]
    return found

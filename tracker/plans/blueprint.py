"""The blueprint of this feature's pages; the view modules attach their routes to it."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("plans", __name__)

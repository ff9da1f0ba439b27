"""Base classes of back-office pages: closed unless a right opens them, written by services."""

from __future__ import annotations

from tracker.admin.listing import Bulk, Filter, OptionalReasonForm, ReasonForm, Several, Write
from tracker.admin.views import SecureModelView, SecureView, at
from tracker.plugins.descriptors import AdminViewSpec

__all__ = [
    "AdminViewSpec",
    "Bulk",
    "Filter",
    "OptionalReasonForm",
    "ReasonForm",
    "SecureModelView",
    "SecureView",
    "Several",
    "Write",
    "at",
]

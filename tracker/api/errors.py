"""What can go wrong, told to a person by the core: raise these, never an HTTP status."""

from __future__ import annotations

from tracker.core.errors import (
    BadRequest,
    Conflict,
    FieldError,
    NotFound,
    PermissionDenied,
    PluginError,
    TooLarge,
    TooMany,
    TrackerError,
    Unavailable,
    ValidationFailed,
)

__all__ = [
    "BadRequest",
    "Conflict",
    "FieldError",
    "NotFound",
    "PermissionDenied",
    "PluginError",
    "TooLarge",
    "TooMany",
    "TrackerError",
    "Unavailable",
    "ValidationFailed",
]

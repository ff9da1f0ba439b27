"""What can go wrong, said without HTTP in it; `tracker.web.errors` turns it into a response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class TrackerError(Exception):
    """Base of every error that is told to a person; `message` is in the person's language."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True)
class FieldError:
    """One thing wrong with one field; `field` is the input's attribute, '' for the whole form."""

    field: str
    message: str


class ValidationFailed(TrackerError):
    """The input breaks a rule; carries each field with its reason."""

    def __init__(self, errors: Sequence[FieldError] | Mapping[str, str]) -> None:
        if isinstance(errors, Mapping):
            errors = [FieldError(field, message) for field, message in errors.items()]
        self.errors = tuple(errors)
        super().__init__(" ".join(str(error.message) for error in self.errors))


class BadRequest(TrackerError):
    """The address, a header or a parameter cannot be read."""


class NotFound(TrackerError):
    """There is no such record, or the person may not know that there is."""


class PermissionDenied(TrackerError):
    """The person may see the record but not do this to it."""


@dataclass(frozen=True)
class FieldConflict:
    """One field that two people changed at once: what it was, what each of them made of it."""

    field: str
    base: object
    mine: object
    theirs: object
    by: str = ""


class Conflict(TrackerError):
    """The record changed meanwhile, or a rule of uniqueness stands against the change."""

    def __init__(self, message: str = "", fields: Sequence[FieldConflict] = ()) -> None:
        super().__init__(message)
        self.fields = tuple(fields)


class TooLarge(TrackerError):
    """A file or a form is larger than the limit."""


class TooMany(TrackerError):
    """Too many tries; `retry_after_seconds` says how long to wait."""

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(TrackerError):
    """Something that the app needs does not answer now (a file store); trying later may help."""


class Switching(Unavailable):
    """A part of the app is being exchanged for another version; it is back after a few seconds."""

    retry_after_seconds = 5


class PluginError(TrackerError):
    """A plug-in broke its contract."""

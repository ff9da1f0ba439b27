"""Whose rights decide about a file: each feature answers for its own kinds of records."""

from __future__ import annotations

from collections.abc import Callable

MayRead = Callable[[int], bool]

_owners: dict[str, MayRead] = {}


def register(owner_kind: str, may_read: MayRead) -> None:
    """Let `may_read(record id)` decide, for whoever acts, about the files of one kind of record.

    Raises ValueError when somebody else decides already.
    """
    known = _owners.setdefault(owner_kind, may_read)
    if known is not may_read:
        raise ValueError(f"files of {owner_kind!r} already have an owner")


def may_read(owner_kind: str, owner_id: int) -> bool:
    """Tell whether the person of the current context may read the files of a record.

    A kind that nobody answers for is closed.
    """
    decide = _owners.get(owner_kind)
    return decide is not None and decide(owner_id)

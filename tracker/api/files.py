"""Files that belong to a plug-in's records: checked before the unit of work, attached within it.

may_read_files_of("camera.shot", may_read_shot)      # at import, in hooks.py
prepared = prepare(request.files["picture"])         # in the view
attach(work, prepared, "camera.shot", shot.id)       # in the service
links_of("camera.shot", [shot.id])                   # in the query
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from uuid import UUID

from tracker.core.errors import PluginError
from tracker.core.work import Work
from tracker.files import owners, queries, services
from tracker.files.queries import FileLink
from tracker.files.services import FileInput, PreparedFile, prepare, prepare_all
from tracker.plugins.manifest import is_name

__all__ = [
    "FileInput",
    "FileLink",
    "PreparedFile",
    "attach",
    "links_of",
    "may_read_files_of",
    "prepare",
    "prepare_all",
    "prepared_of",
    "remove",
    "store_file",
]

LONGEST_KIND = 40


def may_read_files_of(kind: str, may_read: Callable[[int], bool]) -> None:
    """Let `may_read(record id)` decide, for whoever acts, about the files of a kind of record.

    The kind is called `<plug-in>.<noun>`. Raises PluginError for another name, ValueError when
    somebody else decides already.
    """
    owners.register(_own(kind), may_read)


def attach(work: Work, prepared: PreparedFile, kind: str, record_id: int) -> UUID:
    """Attach a prepared file to a record whose rights the caller has checked; flushes.

    Returns the file's public id. Raises Conflict when the content was collected since it was
    prepared (a day ago or more).
    """
    return services.attach(work, prepared, _own(kind), record_id).public_id


def store_file(work: Work, file: FileInput, kind: str, record_id: int) -> UUID:
    """Check, keep and attach a file that a program made, in one step; return its public id."""
    return services.store(work, file, _own(kind), record_id).public_id


def remove(work: Work, public_id: UUID, kind: str, record_id: int) -> None:
    """Take a file away from its record, whose rights the caller has checked. Raises NotFound."""
    services.remove(work, public_id, _own(kind), record_id)


def links_of(kind: str, record_ids: Collection[int]) -> dict[int, list[FileLink]]:
    """Return the files of several records of one kind; only records that have any."""
    return queries.of(_own(kind), record_ids)


def prepared_of(kind: str, record_id: int) -> list[PreparedFile]:
    """Return the files of a record, ready to be attached to another one as well.

    Whoever asks has checked the right to the record.
    """
    return services.prepared_of(_own(kind), record_id)


def _own(kind: str) -> str:
    name, dot, noun = kind.partition(".")
    if not (dot and noun and is_name(name)) or len(kind) > LONGEST_KIND:
        raise PluginError(f"files belong to '<plug-in>.<noun>', not to {kind!r}")
    return kind

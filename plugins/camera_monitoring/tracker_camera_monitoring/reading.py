"""Reading what shows people leaves a trace: of entries, and of their files by their own address.

A page of an entry brings its pictures with it. Whoever opened an entry a moment ago is not logged
once more for each of them; a file that is asked for by itself is.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from tracker.api.clock import now
from tracker.api.i18n import gettext as _
from tracker.api.work import actor_id, log_read
from tracker_camera_monitoring import watch_queries
from tracker_camera_monitoring.models import Entry

# So long after its page was opened the pictures of an entry belong to that reading.
ONE_READING = timedelta(minutes=10)
MOST_KEPT = 2000

# Of this process: another one logs once more, which is no harm.
_opened: dict[tuple[int | None, UUID], datetime] = {}


def log_opening(entry: Entry, what: str) -> None:
    """Log that an entry was opened; its pictures follow within the same reading."""
    key = actor_id(), entry.public_id
    log_read(entry, what)
    if len(_opened) >= MOST_KEPT:
        _opened.clear()
    _opened[key] = now()


def may_read_files(entry_id: int) -> bool:
    """Tell whether whoever acts may read the files of an entry; that they did is logged first."""
    entry = watch_queries.find_entry(entry_id)
    if entry is None:
        return False
    if entry.shows_people:
        opened_at = _opened.get((actor_id(), entry.public_id))
        if opened_at is None or now() - opened_at > ONE_READING:
            log_opening(entry, _("Mở tệp của nhật ký có hình người"))
    return True

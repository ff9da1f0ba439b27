"""Telling people: a notice in the app, and by the ways that each person chose.

The kinds of notice and their words are declared by `tracker_register_notice_kinds`. In a unit of
work of the plug-in's own call `tell(work, Tell(...))`: the notice leaves with its cause, or not at
all. `send_notice` opens a unit of work itself, for jobs that write nothing else.
"""

from __future__ import annotations

from uuid import NAMESPACE_URL, UUID, uuid5

from tracker.core.db import writing
from tracker.core.errors import PluginError
from tracker.core.work import Work, run
from tracker.outbox.telling import Tell
from tracker.outbox.telling import tell as _tell
from tracker.plugins.descriptors import NoticeKind, NoticeWords
from tracker.plugins.host import current_registry

__all__ = ["NoticeKind", "NoticeWords", "Tell", "send_notice", "tell"]


def tell(work: Work, notice: Tell, *, plugin: str) -> UUID:
    """Have people told, with the unit of work that is the cause; return the notice's identity.

    Told again with the same kind and key it is the same notice, and nobody hears twice. Raises
    PluginError for a kind that is not the plug-in's, or that it never declared.
    """
    if (
        not notice.kind.startswith(f"{plugin}.")
        or notice.kind not in current_registry().notice_kinds
    ):
        raise PluginError(f"{plugin!r} declares no kind of notice {notice.kind!r}")
    _tell(work, notice)
    return uuid5(NAMESPACE_URL, f"{notice.kind}:{notice.key}")


def send_notice(notice: Tell, *, plugin: str) -> UUID:
    """Have people told, in a unit of work of its own; return the notice's identity.

    Raises what `tell` raises, and PluginError within a unit of work.
    """
    if writing.get():
        raise PluginError("within a unit of work call tell(work, ...)")

    def service(work: Work, data: Tell) -> UUID:
        return tell(work, data, plugin=plugin)

    service.__qualname__ = "send_notice"
    return run(service, notice)

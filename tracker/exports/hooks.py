"""What this feature registers with the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from tracker.core.work import run
from tracker.exports import jobs, queries, services
from tracker.files import owners
from tracker.plugins.descriptors import JobCall, JobSpec, NoticeKind, NoticeWords
from tracker.plugins.hookspecs import hookimpl

owners.register(services.FILES, queries.may_read)


def prune(_call: JobCall) -> str:
    """Remove exports whose day is over; return what was done, for the ledger of jobs."""
    count = 0
    while removed := run(services.prune_exports, services.PruneExports()):
        count += removed
    return str(ngettext("Đã xóa %(num)d tệp xuất cũ.", "Đã xóa %(num)d tệp xuất cũ.", count))


@hookimpl
def tracker_register_jobs() -> Sequence[JobSpec]:
    """Write large spreadsheets; remove old ones every hour."""
    return (
        jobs.CORE,
        jobs.FOREIGN,
        JobSpec(
            key="exports.prune",
            label=_l("Dọn tệp xuất cũ"),
            cron="13 * * * *",
            run=prune,
            catch_up_seconds=3600,
        ),
    )


def _ready(params: Mapping[str, Any]) -> NoticeWords:
    return NoticeWords(
        _("Tệp %(name)s đã sẵn sàng", name=params["name"]), _("Tệp được giữ trong một ngày.")
    )


@hookimpl
def tracker_register_notice_kinds() -> Sequence[NoticeKind]:
    """Tell people that what they asked for can be fetched; not outside the app, where they are."""
    return (
        NoticeKind(
            key=services.READY,
            label=_l("Tệp xuất đã sẵn sàng"),
            words=_ready,
            icon="download",
            group=_l("Tài khoản"),
            channels=frozenset(),
            weight=55,
        ),
    )

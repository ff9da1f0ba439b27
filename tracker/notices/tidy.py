"""Old notices go: those that were read first, those that nobody opened much later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy import delete, or_, select

from tracker.core.context import current
from tracker.core.work import Work, run
from tracker.notices.models import Notice
from tracker.plugins.descriptors import JobCall, JobSpec, SettingSpec
from tracker.settings import queries as settings

READ_DAYS: Final = "notices.read_days"
UNREAD_DAYS: Final = "notices.unread_days"
AT_ONCE: Final = 500

SETTINGS: Final = (
    SettingSpec(
        key=READ_DAYS,
        label=_l("Giữ thông báo đã đọc bao nhiêu ngày"),
        kind=int,
        default=180,
        hint=_l("Sau đó thông báo được dọn; nhật ký thay đổi và các lượt nhắc việc vẫn còn."),
        group="notices",
        minimum=30,
        maximum=3650,
        weight=40,
    ),
    SettingSpec(
        key=UNREAD_DAYS,
        label=_l("Giữ thông báo chưa đọc bao nhiêu ngày"),
        kind=int,
        default=365,
        hint=_l("Không bao giờ ngắn hơn thời gian giữ thông báo đã đọc."),
        group="notices",
        minimum=30,
        maximum=3650,
        weight=41,
    ),
)


@dataclass(frozen=True)
class DropOld:
    """Which notices are old: read ones written before the first moment, any before the second."""

    read_before: datetime
    unread_before: datetime


def drop_old(work: Work, data: DropOld) -> int:
    """Delete some of the old notices, and what is known of their way out; return how many."""
    old = (
        select(Notice.id)
        .where(
            Notice.created_at < data.read_before,
            or_(Notice.read_at.is_not(None), Notice.created_at < data.unread_before),
        )
        .limit(AT_ONCE)
    )
    ids = work.session.scalars(old).all()
    work.session.execute(delete(Notice).where(Notice.id.in_(ids)))
    return len(ids)


def tidy(_call: JobCall) -> str:
    """Delete old notices, some at a time; return how many, for the ledger."""
    now = current().clock.now()
    read_days = settings.whole(READ_DAYS)
    unread_days = max(read_days, settings.whole(UNREAD_DAYS))
    old = DropOld(now - timedelta(days=read_days), now - timedelta(days=unread_days))
    dropped = 0
    while True:
        count = run(drop_old, old)
        dropped += count
        if count < AT_ONCE:
            return str(
                ngettext("Đã dọn %(num)d thông báo cũ.", "Đã dọn %(num)d thông báo cũ.", dropped)
            )


JOB: Final = JobSpec(
    key="notices.tidy",
    label=_l("Dọn thông báo cũ"),
    hint=_l("Thời gian giữ được đặt trong phần Thiết lập, mục Thông báo."),
    cron="50 2 * * *",
    run=tidy,
    jitter_seconds=600,
)

"""What people are told about accounts: that they stand in for somebody."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.accounts.models import Deputy, User
from tracker.core.work import Work
from tracker.outbox.telling import Tell, tell
from tracker.plugins.descriptors import NoticeKind, NoticeWords
from tracker.web.i18n import show_date


def _deputy_named(params: Mapping[str, Any]) -> NoticeWords:
    return NoticeWords(
        _(
            "Bạn thay %(name)s từ %(start)s đến %(end)s",
            name=params["name"],
            start=show_date(date.fromisoformat(params["start"])),
            end=show_date(date.fromisoformat(params["end"])),
        ),
        params["reason"],
    )


KINDS = (
    NoticeKind(
        key="accounts.deputy_named",
        label=_l("Được cử thay"),
        words=_deputy_named,
        icon="handover",
        group=_l("Tài khoản"),
        weight=50,
    ),
)


def tell_deputy(work: Work, absent: User, entry: Deputy) -> None:
    """Tell a person that they stand in for another, and when."""
    tell(
        work,
        Tell(
            kind="accounts.deputy_named",
            key=str(entry.id),
            page=("accounts.profile", {}),
            params={
                "name": absent.name,
                "start": entry.valid_from.isoformat(),
                "end": entry.valid_to.isoformat(),
                "reason": entry.reason,
            },
            people=[entry.deputy_id],
        ),
    )

"""The line under 'Việc của tôi hôm nay': the day, and the reporting window that is open."""

from __future__ import annotations

from datetime import date
from typing import Final

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from tracker.core.context import current
from tracker.core.periods import Window, current_window, previous_window
from tracker.settings import queries as settings
from tracker.settings.levels import due_for_actor
from tracker.web.i18n import locale_code, show_date

WEEKDAYS: Final = (
    _l("Thứ Hai"),
    _l("Thứ Ba"),
    _l("Thứ Tư"),
    _l("Thứ Năm"),
    _l("Thứ Sáu"),
    _l("Thứ Bảy"),
    _l("Chủ nhật"),
)


def greeting() -> str:
    """Return the day in words, and which report is being gathered or is due."""
    today = current().clock.today()
    day = _("%(weekday)s, %(day)s", weekday=WEEKDAYS[today.weekday()], day=show_date(today))
    rules = settings.window_rules()
    closed, running = previous_window(rules, today), current_window(rules, today)
    parts = [day]
    if closed is not None and closed.due >= today:
        parts.append(
            _(
                "kỳ %(name)s đã chốt, gửi báo cáo trước %(due)s",
                name=_name(closed),
                due=show_date(due_for_actor(closed.due)),
            )
        )
    if running is not None:
        parts.append(_running(running, today))
    return " · ".join(parts)


def _running(window: Window, today: date) -> str:
    days = (window.end - today).days
    return str(
        ngettext(
            "kỳ %(name)s chốt số liệu %(end)s (còn %(days)s ngày)",
            "kỳ %(name)s chốt số liệu %(end)s (còn %(days)s ngày)",
            days,
            name=_name(window),
            end=show_date(window.end),
            days=days,
        )
    )


def _name(window: Window) -> str:
    vietnamese, english = settings.window_names().get(window.code, (window.name, ""))
    return english if english and locale_code() == "en" else vietnamese

"""The words of deadlines and states as people say them, for pages, exports and lists."""

from __future__ import annotations

from datetime import date
from typing import Final

from flask_babel import LazyString, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.plans.models import Decision, EntryKind, Reported
from tracker.plans.rules import Status
from tracker.web.i18n import show_date, show_due, show_number

REPORTED_WORDS: Final[dict[Reported, LazyString]] = {
    Reported.NOT_STARTED: _l("Chưa thực hiện"),
    Reported.IN_PROGRESS: _l("Đang thực hiện"),
    Reported.DONE: _l("Đã hoàn thành"),
    Reported.CANNOT: _l("Không thực hiện được"),
}
ENTRY_WORDS: Final[dict[EntryKind, LazyString]] = {
    EntryKind.PROGRESS: _l("Cập nhật tiến độ"),
    EntryKind.CONFIRMED: _l("Xác nhận hoàn thành"),
    EntryKind.SENT_BACK: _l("Trả lại, chưa xác nhận"),
    EntryKind.DISPUTED: _l("Đề nghị tra soát"),
    EntryKind.DISPUTE_DECIDED: _l("Kết luận tra soát"),
    EntryKind.WITHDRAWN: _l("Rút khỏi kế hoạch"),
    EntryKind.HANDED_OVER: _l("Bàn giao"),
    EntryKind.TRIGGERED: _l("Ghi ngày có điều kiện"),
}
DECISION_WORDS: Final[dict[Decision, LazyString]] = {
    Decision.PENDING: _l("Chờ quyết định"),
    Decision.APPROVED: _l("Đã đồng ý"),
    Decision.REFUSED: _l("Không đồng ý"),
}
DONE_STATES: Final = (Status.DONE, Status.DONE_LATE)


def due_text(status: Status, due_on: date | None, done_on: date | None, today: date) -> str:
    """Say what the deadline means for this status: 'quá hạn 12 ngày · 15/12/2026'."""
    if status in DONE_STATES or status is Status.AWAITING:
        words = _("xong %(day)s", day=show_date(done_on)) if done_on else _("đã xong")
        return str(words)
    if status is Status.REGULAR:
        return str(_("thường xuyên"))
    if status is Status.WAITING:
        return str(_("chờ điều kiện"))
    if status is Status.WITHDRAWN:
        return str(_("đã rút"))
    return show_due(due_on, today)


def due_tone(status: Status) -> str:
    """Return the tone in which the deadline is written; red is for what is overdue alone."""
    return {
        Status.OVERDUE: "late",
        Status.DUE_SOON: "soon",
        Status.UNDATED: "wait",
        Status.WAITING: "wait",
        Status.AWAITING: "wait",
        Status.DONE: "done",
        Status.DONE_LATE: "done",
    }.get(status, "quiet")


def extended_text(count: int) -> str:
    """Say how often a deadline was extended; '' for never."""
    return _("đã gia hạn %(count)s lần", count=show_number(count)) if count else ""


def days_text(count: int) -> str:
    """Return '3 ngày'."""
    return str(ngettext("%(num)d ngày", "%(num)d ngày", count))

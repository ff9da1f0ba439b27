"""Words for what the register holds."""

from __future__ import annotations

from tracker.api.i18n import lazy_gettext as _l
from tracker.api.i18n import locale_code
from tracker_position_rotation.models import Outcome, PlanState
from tracker_position_rotation.rules import Standing

STANDINGS = {
    Standing.DUE: _l("Đến hạn chuyển"),
    Standing.SOON: _l("Sắp đến hạn"),
    Standing.DEFERRED: _l("Tạm hoãn"),
    Standing.EXEMPT: _l("Không phải chuyển"),
    Standing.NOT_DUE: _l("Chưa đến hạn"),
    Standing.OUTSIDE: _l("Ngoài danh mục"),
}
# The status whose colour and icon a standing takes.
STANDING_STATUS = {
    Standing.DUE: "overdue",
    Standing.SOON: "due_soon",
    Standing.DEFERRED: "waiting",
    Standing.EXEMPT: "withdrawn",
    Standing.NOT_DUE: "not_started",
    Standing.OUTSIDE: "undated",
}
OUTCOMES = {
    Outcome.OPEN: _l("Chưa có phương án"),
    Outcome.PLANNED: _l("Sẽ chuyển"),
    Outcome.DEFERRED: _l("Tạm hoãn"),
    Outcome.EXEMPT: _l("Không phải chuyển"),
    Outcome.DONE: _l("Đã chuyển"),
}
OUTCOME_STATUS = {
    Outcome.OPEN: "undated",
    Outcome.PLANNED: "in_progress",
    Outcome.DEFERRED: "waiting",
    Outcome.EXEMPT: "withdrawn",
    Outcome.DONE: "done",
}
STATES = {
    PlanState.DRAFT: _l("Bản nháp"),
    PlanState.APPROVED: _l("Đã ban hành"),
    PlanState.CLOSED: _l("Đã kết thúc"),
}


def reason_name(name: str, name_en: str) -> str:
    """Return the name of a reason in the reader's language."""
    return name_en if name_en and locale_code() == "en" else name

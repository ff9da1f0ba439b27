"""Words, tones and icons of runs."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from tracker.jobs.models import RunKind, RunState

STATE_LABELS = {
    RunState.QUEUED: _l("Đang chờ"),
    RunState.RUNNING: _l("Đang chạy"),
    RunState.DONE: _l("Đã chạy"),
    RunState.CAUGHT_UP: _l("Đã chạy bù"),
    RunState.FAILED: _l("Hỏng"),
    RunState.MISSED: _l("Bỏ lỡ"),
}
STATE_TONES = {
    RunState.QUEUED: "calm",
    RunState.RUNNING: "move",
    RunState.DONE: "done",
    RunState.CAUGHT_UP: "done",
    RunState.FAILED: "wait",
    RunState.MISSED: "wait",
}
STATE_ICONS = {
    RunState.QUEUED: "hourglass",
    RunState.RUNNING: "refresh",
    RunState.DONE: "check-circle",
    RunState.CAUGHT_UP: "check-late",
    RunState.FAILED: "x-circle",
    RunState.MISSED: "minus-circle",
}
KIND_LABELS = {
    RunKind.SCHEDULED: _l("Theo lịch"),
    RunKind.QUEUED: _l("Theo yêu cầu"),
}

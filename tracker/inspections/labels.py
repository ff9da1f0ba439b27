"""What people read for kinds, states and answers: the one place for these words."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from flask_babel import lazy_gettext as _l

from tracker.inspections.models import (
    Answer,
    FindingState,
    MemberRole,
    Severity,
    VisitKind,
    VisitState,
)
from tracker.plugins.descriptors import Label

Choice = TypeVar("Choice", bound=StrEnum)

KINDS: Mapping[VisitKind, Label] = {
    VisitKind.PLANNED: _l("Theo kế hoạch"),
    VisitKind.SURPRISE: _l("Đột xuất"),
    VisitKind.REINSPECTION: _l("Tái kiểm tra"),
    VisitKind.SELF: _l("Tự kiểm tra"),
}

STATES: Mapping[VisitState, Label] = {
    VisitState.PLANNED: _l("Sắp kiểm tra"),
    VisitState.IN_PROGRESS: _l("Đang kiểm tra"),
    VisitState.FINISHED: _l("Đã kết thúc"),
    VisitState.CANCELLED: _l("Đã hủy"),
}

# Which of the design system's statuses gives a state its colour and icon.
STATE_STATUS: Mapping[VisitState, str] = {
    VisitState.PLANNED: "not_started",
    VisitState.IN_PROGRESS: "in_progress",
    VisitState.FINISHED: "done",
    VisitState.CANCELLED: "withdrawn",
}

ANSWERS: Mapping[Answer, Label] = {
    Answer.PASS: _l("Đạt"),
    Answer.FAIL: _l("Không đạt"),
    Answer.NOT_APPLICABLE: _l("Không áp dụng"),
}

SEVERITIES: Mapping[Severity, Label] = {
    Severity.MINOR: _l("Nhẹ"),
    Severity.MAJOR: _l("Vừa"),
    Severity.CRITICAL: _l("Nghiêm trọng"),
}

FINDING_STATES: Mapping[FindingState, Label] = {
    FindingState.OPEN: _l("Chờ khắc phục"),
    FindingState.REMEDIED: _l("Chờ xác minh"),
    FindingState.VERIFIED: _l("Đã xác minh"),
    FindingState.CLOSED: _l("Đã đóng"),
}

FINDING_STATUS: Mapping[FindingState, str] = {
    FindingState.OPEN: "not_started",
    FindingState.REMEDIED: "awaiting",
    FindingState.VERIFIED: "done",
    FindingState.CLOSED: "done",
}

ROLES: Mapping[MemberRole, Label] = {
    MemberRole.LEADER: _l("Trưởng đoàn"),
    MemberRole.SECRETARY: _l("Thư ký"),
    MemberRole.MEMBER: _l("Thành viên"),
}


def choices_of(labels: Mapping[Choice, Label]) -> list[tuple[str, Label]]:
    """Return (value, words) for a select."""
    return [(choice.value, label) for choice, label in labels.items()]

"""Tables of the register and of the yearly plans.

Category 1-n Post; Person 1-n Holding n-1 Post; Person 1-n Deferral n-1 Reason; Plan 1-n PlanRow.
A person holds one post at a time: the holding whose `until` is empty.

Which private reason (illness, discipline ...) somebody has is encrypted: no key of the table of
reasons points at it. What queries need of it, whether it counts out, stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.api.i18n import Label
from tracker.api.i18n import lazy_gettext as _l
from tracker.api.models import (
    EncryptedText,
    HasPublicId,
    JsonText,
    Moment,
    PluginModel,
    Versioned,
    choice,
    folded_column,
    sort_key_column,
    task_key,
    unit_key,
    user_key,
)

PREFIX = "plugin_position_rotation__"


class Model(PluginModel, plugin="position_rotation"):
    """Base of this plug-in's models."""


class Category(Versioned, Model):
    """A kind of post that must be rotated: its period by sector, and the rule behind it."""

    __tablename__ = f"{PREFIX}categories"
    __label__ = _l("Danh mục vị trí phải chuyển đổi")
    __field_labels__: ClassVar[Mapping[str, Label]] = {
        "code": _l("Mã"),
        "title": _l("Tên"),
        "sector": _l("Lĩnh vực"),
        "months": _l("Thời hạn (tháng)"),
        "alert_months": _l("Nhắc từ tháng thứ"),
        "legal_basis": _l("Căn cứ"),
        "valid_from": _l("Có hiệu lực từ"),
        "valid_to": _l("Hết hiệu lực"),
    }

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40))
    title: Mapped[str] = mapped_column(String(300))
    sector: Mapped[str] = mapped_column(String(200), default="")
    months: Mapped[int]
    alert_months: Mapped[int]
    legal_basis: Mapped[str] = mapped_column(String(500), default="")
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    sort_key: Mapped[str] = sort_key_column()

    __table_args__ = (
        UniqueConstraint("code", "valid_from"),
        CheckConstraint("months BETWEEN 24 AND 60", name="period"),
        CheckConstraint("alert_months BETWEEN 0 AND months", name="alert"),
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="dates"),
    )


class Reason(Versioned, Model):
    """Why a move waits or falls away; an entry of a dated list that the agency keeps."""

    __tablename__ = f"{PREFIX}reasons"
    __label__ = _l("Lý do chưa hoặc không chuyển đổi")
    __field_labels__: ClassVar[Mapping[str, Label]] = {
        "code": _l("Mã"),
        "name": _l("Tên"),
        "name_en": _l("Tên tiếng Anh"),
        "counts_out": _l("Không phải chuyển đổi"),
        "is_private": _l("Lý do riêng"),
        "needs_end": _l("Cần ngày kết thúc"),
        "legal_basis": _l("Căn cứ"),
        "valid_from": _l("Có hiệu lực từ"),
        "valid_to": _l("Hết hiệu lực"),
        "position": _l("Thứ tự"),
    }

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(300))
    name_en: Mapped[str] = mapped_column(String(300), default="")
    # Left out of the plan for good, instead of waiting.
    counts_out: Mapped[bool] = mapped_column(default=False)
    # Health and discipline: shown only by the narrower right, and each reading is logged.
    is_private: Mapped[bool] = mapped_column(default=False)
    needs_end: Mapped[bool] = mapped_column(default=False)
    legal_basis: Mapped[str] = mapped_column(String(500), default="")
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    position: Mapped[int] = mapped_column(default=100)

    __table_args__ = (CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="dates"),)


class Post(HasPublicId, Versioned, Model):
    """A post in a unit: its profession, seats, and the unit whose manager can fill it."""

    __tablename__ = f"{PREFIX}posts"
    __label__ = _l("Vị trí công tác")
    __field_labels__: ClassVar[Mapping[str, Label]] = {
        "unit_id": _l("Đơn vị"),
        "reach_unit_id": _l("Phạm vi điều động"),
        "title": _l("Tên"),
        "profession": _l("Chuyên môn"),
        "category_id": _l("Danh mục"),
        "seats": _l("Số biên chế"),
        "smallest": _l("Số người tối thiểu"),
        "ended_on": _l("Kết thúc"),
    }

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[int] = mapped_column(unit_key())
    # Moves stay within the reach of one manager: posts with the same unit here.
    reach_unit_id: Mapped[int] = mapped_column(unit_key())
    title: Mapped[str] = mapped_column(String(300))
    profession: Mapped[str] = mapped_column(String(200))
    profession_folded: Mapped[str] = folded_column(200)
    category_id: Mapped[int | None] = mapped_column(ForeignKey(f"{PREFIX}categories.id"))
    seats: Mapped[int] = mapped_column(default=1)
    smallest: Mapped[int] = mapped_column(default=1)
    ended_on: Mapped[date | None]
    folded: Mapped[str] = folded_column()
    sort_key: Mapped[str] = sort_key_column()

    category: Mapped[Category | None] = relationship()

    __table_args__ = (
        UniqueConstraint("unit_id", "title"),
        CheckConstraint("seats BETWEEN 1 AND 1000", name="seats"),
        CheckConstraint("smallest BETWEEN 0 AND seats", name="smallest"),
        Index(f"ix_{PREFIX}posts_reach", "reach_unit_id", "profession_folded"),
        Index(f"ix_{PREFIX}posts_category", "category_id"),
    )


class Person(HasPublicId, Versioned, Model):
    """An official in the register, by staff code."""

    __tablename__ = f"{PREFIX}people"
    __label__ = _l("Người trong sổ chuyển đổi")
    __field_labels__: ClassVar[Mapping[str, Label]] = {
        "staff_code": _l("Mã số"),
        "name": _l("Họ tên"),
        "user_id": _l("Tài khoản"),
        "retires_on": _l("Ngày đến tuổi nghỉ hưu"),
        "retirement_override": _l("Lý do vẫn chuyển dù sắp nghỉ hưu"),
    }

    id: Mapped[int] = mapped_column(primary_key=True)
    staff_code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    user_id: Mapped[int | None] = mapped_column(user_key())
    retires_on: Mapped[date | None]
    # Why a person moves all the same though little time is left to retirement; '' = the rule holds.
    retirement_override: Mapped[str] = mapped_column(String(300), default="")
    folded: Mapped[str] = folded_column()
    sort_key: Mapped[str] = sort_key_column()

    holdings: Mapped[list[Holding]] = relationship(
        back_populates="person", order_by="Holding.since"
    )

    __table_args__ = (Index(f"ix_{PREFIX}people_sort", "sort_key"),)


class Holding(Versioned, Model):
    """Somebody's time in a post; `until` is the first day no longer in it."""

    __tablename__ = f"{PREFIX}holdings"
    __label__ = _l("Thời gian giữ vị trí")
    __field_labels__: ClassVar[Mapping[str, Label]] = {
        "person_id": _l("Người"),
        "post_id": _l("Giữ vị trí"),
        "since": _l("Từ ngày"),
        "since_in_category": _l("Giữ loại vị trí từ ngày"),
        "until": _l("Đến trước ngày"),
        "decision_number": _l("Số quyết định"),
        "decided_on": _l("Ngày quyết định"),
    }

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey(f"{PREFIX}people.id"))
    post_id: Mapped[int] = mapped_column(ForeignKey(f"{PREFIX}posts.id"))
    since: Mapped[date]
    # Posts were made anew with the units of 2025; both clocks are kept and shown.
    since_in_category: Mapped[date]
    until: Mapped[date | None]
    decision_number: Mapped[str] = mapped_column(String(100), default="")
    decided_on: Mapped[date | None]

    person: Mapped[Person] = relationship(back_populates="holdings")
    post: Mapped[Post] = relationship()

    __table_args__ = (
        CheckConstraint("until IS NULL OR until > since", name="dates"),
        CheckConstraint("since_in_category <= since", name="category_first"),
        Index(
            f"uq_{PREFIX}holdings_current",
            "person_id",
            unique=True,
            sqlite_where=text("until IS NULL"),
            postgresql_where=text("until IS NULL"),
        ),
        Index(f"ix_{PREFIX}holdings_post", "post_id", "until"),
        Index(f"ix_{PREFIX}holdings_person", "person_id", "since"),
    )


class Deferral(HasPublicId, Versioned, Model):
    """A reason that holds for a person from a day to a day, with its evidence."""

    __tablename__ = f"{PREFIX}deferrals"
    __label__ = _l("Lý do của người chưa chuyển đổi")
    __field_labels__: ClassVar[Mapping[str, Label]] = {
        "person_id": _l("Người"),
        "reason_id": _l("Lý do"),
        "private_reason": _l("Lý do riêng"),
        "counts_out": _l("Không phải chuyển đổi"),
        "start": _l("Từ ngày"),
        "end": _l("Đến hết ngày"),
        "note": _l("Ghi chú riêng"),
        "evidence_number": _l("Số minh chứng"),
        "evidence_on": _l("Ngày minh chứng"),
    }

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey(f"{PREFIX}people.id"))
    # One of the two: see `keep_reason`.
    reason_id: Mapped[int | None] = mapped_column(ForeignKey(f"{PREFIX}reasons.id"))
    private_reason: Mapped[str | None] = mapped_column(EncryptedText)
    counts_out: Mapped[bool]
    start: Mapped[date]
    end: Mapped[date | None]
    note: Mapped[str | None] = mapped_column(EncryptedText)
    # A certificate's number can name the hospital.
    evidence_number: Mapped[str | None] = mapped_column(EncryptedText)
    evidence_on: Mapped[date | None]

    __table_args__ = (
        CheckConstraint('"end" IS NULL OR "end" >= start', name="dates"),
        CheckConstraint("(reason_id IS NULL) <> (private_reason IS NULL)", name="one_reason"),
        Index(f"ix_{PREFIX}deferrals_person", "person_id", "start"),
    )


class PlanState(StrEnum):
    """How far a yearly plan is."""

    DRAFT = "draft"
    APPROVED = "approved"
    CLOSED = "closed"


class Plan(HasPublicId, Versioned, Model):
    """The rotation plan of a year for a unit and everything below it."""

    __tablename__ = f"{PREFIX}plans"
    __label__ = _l("Kế hoạch chuyển đổi")
    __field_labels__: ClassVar[Mapping[str, Label]] = {
        "unit_id": _l("Đơn vị"),
        "year": _l("Năm"),
        "title": _l("Tên"),
        "state": _l("Trạng thái"),
        "number": _l("Số"),
        "issued_on": _l("Ngày ban hành"),
        "published_on": _l("Ngày công khai"),
        "published_where": _l("Nơi công khai"),
        "task_id": _l("Nhiệm vụ của kế hoạch CCHC"),
        "asked_at": _l("Lúc yêu cầu phương án"),
        "proposal": _l("Phương án"),
    }

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[int] = mapped_column(unit_key())
    year: Mapped[int]
    title: Mapped[str] = mapped_column(String(300))
    state: Mapped[PlanState] = mapped_column(choice(PlanState), default=PlanState.DRAFT)
    number: Mapped[str] = mapped_column(String(100), default="")
    issued_on: Mapped[date | None]
    published_on: Mapped[date | None]
    published_where: Mapped[str] = mapped_column(String(300), default="")
    # The task of the reform plan that takes its progress from here.
    task_id: Mapped[int | None] = mapped_column(task_key("SET NULL"))
    # When a proposal was asked for, until it is there.
    asked_at: Mapped[datetime | None] = mapped_column(Moment)
    # What the solver said: seconds, gap, people without a seat, desks left short.
    proposal: Mapped[dict[str, object] | None] = mapped_column(JsonText)

    rows: Mapped[list[PlanRow]] = relationship(back_populates="plan")

    __table_args__ = (
        UniqueConstraint("unit_id", "year"),
        CheckConstraint("year BETWEEN 2000 AND 2100", name="year"),
        CheckConstraint(
            "state = 'draft' OR (number <> '' AND issued_on IS NOT NULL)", name="paper"
        ),
    )


class Outcome(StrEnum):
    """What a plan says of a person, and what became of it."""

    OPEN = "open"
    PLANNED = "planned"
    DEFERRED = "deferred"
    EXEMPT = "exempt"
    DONE = "done"


class PlanRow(Versioned, Model):
    """One person in a plan, as listed: from which post, how long, to which post, when, why."""

    __tablename__ = f"{PREFIX}plan_rows"
    __label__ = _l("Dòng của kế hoạch chuyển đổi")
    __field_labels__: ClassVar[Mapping[str, Label]] = {
        "plan_id": _l("Kế hoạch"),
        "person_id": _l("Người"),
        "from_post_id": _l("Vị trí hiện tại"),
        "since": _l("Giữ từ ngày"),
        "due_on": _l("Đến hạn"),
        "outcome": _l("Kết quả"),
        "to_post_id": _l("Vị trí mới"),
        "month": _l("Tháng"),
        "why": _l("Lý do đề xuất"),
        "reason_id": _l("Lý do chưa chuyển"),
        "private_reason": _l("Lý do riêng"),
        "deferred_until": _l("Hoãn đến"),
        "is_by_hand": _l("Do người chọn"),
        "decision_number": _l("Số quyết định"),
        "decided_on": _l("Ngày quyết định"),
        "effective_on": _l("Ngày có hiệu lực"),
        "minutes_number": _l("Số biên bản bàn giao"),
        "minutes_on": _l("Ngày bàn giao"),
    }

    id: Mapped[int] = mapped_column(primary_key=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey(f"{PREFIX}plans.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey(f"{PREFIX}people.id"))
    from_post_id: Mapped[int] = mapped_column(ForeignKey(f"{PREFIX}posts.id"))
    since: Mapped[date]
    # None for somebody who is not due and moves to free a seat.
    due_on: Mapped[date | None]
    outcome: Mapped[Outcome] = mapped_column(choice(Outcome), default=Outcome.OPEN)
    to_post_id: Mapped[int | None] = mapped_column(ForeignKey(f"{PREFIX}posts.id"))
    month: Mapped[int | None]
    why: Mapped[str] = mapped_column(String(1000), default="")
    # At most one of the two: see `keep_reason`.
    reason_id: Mapped[int | None] = mapped_column(ForeignKey(f"{PREFIX}reasons.id"))
    private_reason: Mapped[str | None] = mapped_column(EncryptedText)
    deferred_until: Mapped[date | None]
    # A person chose this; a new proposal leaves it as it is.
    is_by_hand: Mapped[bool] = mapped_column(default=False)
    decision_number: Mapped[str] = mapped_column(String(100), default="")
    decided_on: Mapped[date | None]
    effective_on: Mapped[date | None]
    minutes_number: Mapped[str] = mapped_column(String(100), default="")
    minutes_on: Mapped[date | None]

    plan: Mapped[Plan] = relationship(back_populates="rows")
    person: Mapped[Person] = relationship()

    __table_args__ = (
        UniqueConstraint("plan_id", "person_id"),
        CheckConstraint("month IS NULL OR month BETWEEN 1 AND 12", name="month"),
        CheckConstraint(
            "outcome NOT IN ('planned', 'done') OR to_post_id IS NOT NULL", name="target"
        ),
        CheckConstraint(
            "outcome <> 'done' OR (decision_number <> '' AND decided_on IS NOT NULL"
            " AND effective_on IS NOT NULL)",
            name="decision",
        ),
        CheckConstraint("to_post_id IS NULL OR to_post_id <> from_post_id", name="moves"),
        CheckConstraint("reason_id IS NULL OR private_reason IS NULL", name="one_reason"),
        Index(f"ix_{PREFIX}plan_rows_person", "person_id"),
        Index(f"ix_{PREFIX}plan_rows_outcome", "plan_id", "outcome"),
    )


def keep_reason(record: Deferral | PlanRow, reason: Reason | None) -> None:
    """Write which reason a record has: a private one encrypted, any other as a key."""
    is_private = reason is not None and reason.is_private
    record.reason_id = None if reason is None or is_private else reason.id
    record.private_reason = str(reason.id) if reason is not None and is_private else None


def reason_of(record: Deferral | PlanRow) -> int | None:
    """Return the key of the reason that a record has; reading it is for those who may."""
    return record.reason_id if record.private_reason is None else int(record.private_reason)

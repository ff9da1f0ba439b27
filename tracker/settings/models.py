"""What an instance keeps about itself: settings, days off, reporting windows."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from tracker.core.db import Base, JsonText, Versioned, choice


class Setting(Versioned, Base):
    """The value of a declared setting, as JSON; a setting without a row has its default."""

    __tablename__ = "settings"

    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    value: Mapped[Any] = mapped_column(JsonText)

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return self.key


class DayKind(StrEnum):
    """Why a day is not what its weekday says."""

    HOLIDAY = "holiday"
    SWAP_OFF = "swap_off"
    SWAP_WORK = "swap_work"


class CalendarDay(Versioned, Base):
    """A day off or a swapped working day, with the decision behind it."""

    __tablename__ = "calendar_days"

    day: Mapped[date] = mapped_column(primary_key=True)
    kind: Mapped[DayKind] = mapped_column(choice(DayKind))
    name: Mapped[str] = mapped_column(String(200))
    decision: Mapped[str] = mapped_column(Text, default="")

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return f"{self.day:%d/%m/%Y} {self.name}"


class ReportWindow(Versioned, Base):
    """A reporting period as data: from, to and due day of a year, cumulative or not.

    Source of the rows that come with the product: official letter 581/BNV-CCHC.
    """

    __tablename__ = "report_windows"

    code: Mapped[str] = mapped_column(String(20), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    name_en: Mapped[str] = mapped_column(String(120), default="")
    from_month: Mapped[int]
    from_day: Mapped[int]
    from_year_offset: Mapped[int] = mapped_column(default=0)
    to_month: Mapped[int]
    to_day: Mapped[int]
    due_month: Mapped[int]
    due_day: Mapped[int]
    is_cumulative: Mapped[bool] = mapped_column(default=True)
    position: Mapped[int] = mapped_column(default=0)

    __table_args__ = (
        CheckConstraint("from_month BETWEEN 1 AND 12", name="from_month"),
        CheckConstraint("to_month BETWEEN 1 AND 12", name="to_month"),
        CheckConstraint("due_month BETWEEN 1 AND 12", name="due_month"),
        CheckConstraint("from_year_offset IN (-1, 0)", name="from_year_offset"),
    )

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return self.name

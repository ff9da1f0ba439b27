"""Desks, cameras, how each camera stood, incidents, the watch log and its roster."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    String,
    Text,
    Time,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.api.i18n import Label
from tracker.api.i18n import lazy_gettext as _l
from tracker.api.models import (
    NAME_LENGTH,
    BigKey,
    EncryptedText,
    HasPublicId,
    Moment,
    PluginModel,
    Versioned,
    choice,
    folded_column,
    sort_key_column,
    unit_key,
    user_key,
)
from tracker_camera_monitoring.addresses import CameraAddress, ProbeKind
from tracker_camera_monitoring.probing import Reason

PREFIX = "plugin_camera_monitoring__"


class Model(PluginModel, plugin="camera_monitoring"):
    """Base of this plug-in's models."""


def _key(table: str, ondelete: str) -> ForeignKey:
    return ForeignKey(f"{PREFIX}{table}.id", ondelete=ondelete)


class Desk(HasPublicId, Versioned, Model):
    """A place where a unit receives people: a one-stop desk, a reception room."""

    __tablename__ = f"{PREFIX}desks"
    __label__ = _l("Bàn tiếp dân")
    __field_labels__: ClassVar[Mapping[str, Label]] = {
        "unit_id": _l("Đơn vị"),
        "name": _l("Tên"),
        "place": _l("Nơi đặt"),
        "opened_on": _l("Hoạt động từ"),
        "closed_on": _l("Ngừng từ"),
        "note": _l("Ghi chú"),
    }

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[int] = mapped_column(unit_key())
    name: Mapped[str] = mapped_column(String(200))
    place: Mapped[str] = mapped_column(String(NAME_LENGTH), default="")
    opened_on: Mapped[date]
    closed_on: Mapped[date | None]
    note: Mapped[str] = mapped_column(Text, default="")
    sort_key: Mapped[str] = sort_key_column()
    folded: Mapped[str] = folded_column()

    __table_args__ = (
        CheckConstraint("closed_on IS NULL OR closed_on >= opened_on", name="dates"),
        UniqueConstraint("unit_id", "name"),
    )

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return self.name


class DeskUnit(Model):
    """Whose a desk was, and from when to when: figures of a past year name the units of then."""

    __tablename__ = f"{PREFIX}desk_units"
    __label__ = _l("Đơn vị của bàn tiếp dân")
    __field_labels__: ClassVar[Mapping[str, Label]] = {
        "desk_id": _l("Bàn tiếp dân"),
        "unit_id": _l("Đơn vị"),
        "valid_from": _l("Từ ngày"),
        "valid_to": _l("Đến trước ngày"),
    }

    desk_id: Mapped[int] = mapped_column(
        _key("desks", "CASCADE"), primary_key=True, autoincrement=False
    )
    valid_from: Mapped[date] = mapped_column(Date, primary_key=True)
    # The first day on which it is no longer so.
    valid_to: Mapped[date | None]
    unit_id: Mapped[int] = mapped_column(unit_key())

    __table_args__ = (
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="dates"),
        Index("ix_plugin_camera_monitoring_desk_units_unit", "unit_id"),
    )


class CameraState(StrEnum):
    """Where a camera is in its life."""

    IN_USE = "in_use"
    REPAIR = "repair"
    STORED = "stored"
    RETIRED = "retired"


PLACED = (CameraState.IN_USE, CameraState.REPAIR)


class Camera(HasPublicId, Versioned, Model):
    """A camera at a desk: what it is, what it cost, how it is asked whether it works."""

    __tablename__ = f"{PREFIX}cameras"
    __label__ = _l("Camera")
    __field_labels__: ClassVar[Mapping[str, Label]] = {
        "desk_id": _l("Bàn tiếp dân"),
        "name": _l("Tên"),
        "set_name": _l("Bộ"),
        "model": _l("Loại máy"),
        "place": _l("Vị trí"),
        "state": _l("Trạng thái"),
        "bought_on": _l("Ngày mua"),
        "retired_on": _l("Ngày thôi dùng"),
        "cost": _l("Giá (đồng)"),
        "retention_days": _l("Lưu hình (ngày)"),
        "probe_kind": _l("Cách thăm dò"),
        "host": _l("Máy"),
        "port": _l("Cổng"),
        "path": _l("Đường dẫn"),
        "username": _l("Tên đăng nhập của camera"),
        "secret": _l("Mật khẩu của camera"),
        "probe_minutes": _l("Thăm dò mỗi (phút)"),
        "note": _l("Ghi chú"),
    }

    id: Mapped[int] = mapped_column(primary_key=True)
    desk_id: Mapped[int] = mapped_column(_key("desks", "RESTRICT"))
    name: Mapped[str] = mapped_column(String(120))
    # Cameras of one name of a set at a desk were bought together: they count as one set.
    set_name: Mapped[str] = mapped_column(String(80), default="")
    model: Mapped[str] = mapped_column(String(200), default="")
    place: Mapped[str] = mapped_column(String(200), default="")
    state: Mapped[CameraState] = mapped_column(choice(CameraState), default=CameraState.IN_USE)
    bought_on: Mapped[date | None]
    # The first day on which it is no longer at the desk.
    retired_on: Mapped[date | None]
    cost: Mapped[int | None] = mapped_column(BigInteger)
    retention_days: Mapped[int | None]
    # None: this camera is not probed.
    probe_kind: Mapped[ProbeKind | None] = mapped_column(choice(ProbeKind))
    host: Mapped[str] = mapped_column(String(253), default="")
    port: Mapped[int] = mapped_column(default=0)
    path: Mapped[str] = mapped_column(String(400), default="")
    username: Mapped[str | None] = mapped_column(EncryptedText)
    secret: Mapped[str | None] = mapped_column(EncryptedText)
    probe_minutes: Mapped[int] = mapped_column(default=5)
    note: Mapped[str] = mapped_column(Text, default="")
    sort_key: Mapped[str] = sort_key_column()
    folded: Mapped[str] = folded_column()

    desk: Mapped[Desk] = relationship(viewonly=True)

    __table_args__ = (
        CheckConstraint("cost IS NULL OR cost >= 0", name="cost"),
        CheckConstraint(
            "retention_days IS NULL OR retention_days BETWEEN 0 AND 36500", name="retention"
        ),
        CheckConstraint("port BETWEEN 0 AND 65535", name="port"),
        CheckConstraint("probe_minutes BETWEEN 5 AND 1440", name="minutes"),
        UniqueConstraint("desk_id", "name"),
        Index("ix_plugin_camera_monitoring_cameras_state", "state"),
    )

    @property
    def address(self) -> CameraAddress | None:
        """Return where it is asked, with what opens it; None when it is not probed."""
        if self.probe_kind is None:
            return None
        return CameraAddress(
            self.probe_kind,
            self.host,
            self.port,
            self.path,
            self.username or "",
            self.secret or "",
        )

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return self.name


class StandingRow(Model):
    """How each probed camera stands now: one row a camera, written over by every round."""

    __tablename__ = f"{PREFIX}standings"
    __technical__ = "written by every round of probes"

    camera_id: Mapped[int] = mapped_column(
        _key("cameras", "CASCADE"), primary_key=True, autoincrement=False
    )
    reason: Mapped[Reason] = mapped_column(choice(Reason))
    since: Mapped[datetime] = mapped_column(Moment)
    checked_at: Mapped[datetime] = mapped_column(Moment)
    failing_since: Mapped[datetime | None] = mapped_column(Moment)
    has_incident: Mapped[bool] = mapped_column(default=False)
    milliseconds: Mapped[int] = mapped_column(default=0)


class StretchRow(Model):
    """A time in which a camera stood one way; the open one has no end."""

    __tablename__ = f"{PREFIX}stretches"
    __technical__ = "one row for each change of a camera's state, pruned"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    camera_id: Mapped[int] = mapped_column(_key("cameras", "CASCADE"))
    reason: Mapped[Reason] = mapped_column(choice(Reason))
    began_at: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (
        Index("ix_plugin_camera_monitoring_stretches_camera", "camera_id", "began_at"),
        Index("ix_plugin_camera_monitoring_stretches_ended", "ended_at"),
    )


class DayRow(Model):
    """A camera's day in figures; kept long after its stretches are gone."""

    __tablename__ = f"{PREFIX}days"
    __technical__ = "rolled up every night from the stretches"

    camera_id: Mapped[int] = mapped_column(
        _key("cameras", "CASCADE"), primary_key=True, autoincrement=False
    )
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    up_seconds: Mapped[int]
    fault_seconds: Mapped[int]
    down_seconds: Mapped[int]
    unknown_seconds: Mapped[int]
    outages: Mapped[int]
    longest_outage_seconds: Mapped[int]

    __table_args__ = (Index("ix_plugin_camera_monitoring_days_day", "day"),)


class Incident(HasPublicId, Versioned, Model):
    """An outage that lasted: opened once, told once, closed by the camera itself."""

    __tablename__ = f"{PREFIX}incidents"
    __label__ = _l("Sự cố camera")
    __field_labels__: ClassVar[Mapping[str, Label]] = {
        "camera_id": _l("Camera"),
        "unit_id": _l("Đơn vị"),
        "reason": _l("Lý do"),
        "began_at": _l("Từ lúc"),
        "opened_at": _l("Mở lúc"),
        "ended_at": _l("Đến lúc"),
        "cause": _l("Nguyên nhân"),
        "explained_by_name": _l("Người ghi nguyên nhân"),
        "explained_at": _l("Ghi lúc"),
    }

    id: Mapped[int] = mapped_column(primary_key=True)
    camera_id: Mapped[int] = mapped_column(_key("cameras", "CASCADE"))
    # The unit as it was then.
    unit_id: Mapped[int] = mapped_column(unit_key())
    reason: Mapped[Reason] = mapped_column(choice(Reason))
    began_at: Mapped[datetime] = mapped_column(Moment)
    opened_at: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    cause: Mapped[str] = mapped_column(Text, default="")
    explained_by_name: Mapped[str] = mapped_column(String(200), default="")
    explained_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (
        Index("ix_plugin_camera_monitoring_incidents_camera", "camera_id", "began_at"),
        Index("ix_plugin_camera_monitoring_incidents_unit", "unit_id", "ended_at"),
        Index("ix_plugin_camera_monitoring_incidents_ended", "ended_at"),
    )


class Severity(StrEnum):
    """How grave what was seen is; the three grave ones are those of an inspection's findings."""

    NORMAL = "normal"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


class Sight(Versioned, Model):
    """One line of the list of what may be seen: opens late, nobody at the desk, crowding ..."""

    __tablename__ = f"{PREFIX}sights"
    __label__ = _l("Nội dung quan sát")
    __field_labels__: ClassVar[Mapping[str, Label]] = {
        "code": _l("Mã"),
        "name": _l("Tên"),
        "name_en": _l("Tên tiếng Anh"),
        "severity": _l("Mức độ"),
        "position": _l("Thứ tự"),
        "is_active": _l("Đang dùng"),
    }

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    name_en: Mapped[str] = mapped_column(String(200), default="")
    severity: Mapped[Severity] = mapped_column(choice(Severity), default=Severity.MINOR)
    position: Mapped[int] = mapped_column(default=0)
    is_active: Mapped[bool] = mapped_column(default=True)

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return self.name


class Entry(HasPublicId, Versioned, Model):
    """What was seen at a desk in an hour or a shift that somebody watched."""

    __tablename__ = f"{PREFIX}entries"
    __label__ = _l("Nhật ký xem camera")
    __field_labels__: ClassVar[Mapping[str, Label]] = {
        "desk_id": _l("Bàn tiếp dân"),
        "camera_id": _l("Camera"),
        "unit_id": _l("Đơn vị"),
        "day": _l("Ngày"),
        "starts_at": _l("Từ"),
        "ends_at": _l("Đến"),
        "severity": _l("Mức độ"),
        "text": _l("Nội dung"),
        "shows_people": _l("Có hình người"),
        "recorded_at": _l("Ghi lúc"),
        "recorded_by_id": _l("Người ghi"),
        "recorded_by_name": _l("Tên người ghi"),
        "visit_public_id": _l("Cuộc kiểm tra"),
        "finding_public_id": _l("Phát hiện"),
        "send_key": _l("Mã gửi"),
    }

    id: Mapped[int] = mapped_column(primary_key=True)
    desk_id: Mapped[int] = mapped_column(_key("desks", "RESTRICT"))
    camera_id: Mapped[int | None] = mapped_column(_key("cameras", "SET NULL"))
    # The desk's unit as it was then.
    unit_id: Mapped[int] = mapped_column(unit_key())
    day: Mapped[date]
    starts_at: Mapped[time] = mapped_column(Time)
    ends_at: Mapped[time] = mapped_column(Time)
    severity: Mapped[Severity] = mapped_column(choice(Severity), default=Severity.NORMAL)
    # What people did may not be told by the change log to those who may not read the entry.
    text: Mapped[str] = mapped_column(Text, default="", info={"private": True})
    shows_people: Mapped[bool] = mapped_column(default=False)
    recorded_at: Mapped[datetime] = mapped_column(Moment)
    recorded_by_id: Mapped[int | None] = mapped_column(user_key())
    recorded_by_name: Mapped[str] = mapped_column(String(200), default="")
    # What became of it; the core's records are named by their public ids.
    visit_public_id: Mapped[UUID | None] = mapped_column(Uuid)
    finding_public_id: Mapped[UUID | None] = mapped_column(Uuid)
    # Set by the form, so that a second send finds the first.
    send_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    folded: Mapped[str] = folded_column(4000)

    desk: Mapped[Desk] = relationship(viewonly=True)

    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="times"),
        Index("ix_plugin_camera_monitoring_entries_day", "day", "starts_at"),
        Index("ix_plugin_camera_monitoring_entries_unit", "unit_id", "day"),
        Index("ix_plugin_camera_monitoring_entries_desk", "desk_id", "day"),
    )

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return f"{self.day:%d/%m/%Y} {self.starts_at:%H:%M}"


class EntrySight(Model):
    """What an entry says was seen."""

    __tablename__ = f"{PREFIX}entry_sights"
    __label__ = _l("Nội dung của nhật ký")
    __field_labels__: ClassVar[Mapping[str, Label]] = {
        "entry_id": _l("Nhật ký"),
        "sight_id": _l("Nội dung quan sát"),
    }

    entry_id: Mapped[int] = mapped_column(
        _key("entries", "CASCADE"), primary_key=True, autoincrement=False
    )
    sight_id: Mapped[int] = mapped_column(
        _key("sights", "RESTRICT"), primary_key=True, autoincrement=False
    )

    __table_args__ = (Index("ix_plugin_camera_monitoring_entry_sights_sight", "sight_id"),)


class Shift(Versioned, Model):
    """Somebody's turn to watch: the cameras of a unit and all under it, on one day."""

    __tablename__ = f"{PREFIX}shifts"
    __label__ = _l("Ca xem camera")
    __field_labels__: ClassVar[Mapping[str, Label]] = {
        "unit_id": _l("Các camera của"),
        "watcher_id": _l("Người xem"),
        "watcher_name": _l("Tên người xem"),
        "watcher_unit_id": _l("Đơn vị của người xem"),
        "day": _l("Ngày"),
        "starts_at": _l("Từ"),
        "ends_at": _l("Đến"),
        "note": _l("Ghi chú"),
    }

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[int] = mapped_column(unit_key())
    watcher_id: Mapped[int] = mapped_column(user_key())
    watcher_name: Mapped[str] = mapped_column(String(200))
    # Where the watcher worked when put on the roster: who moved on does not watch any more.
    watcher_unit_id: Mapped[int | None] = mapped_column(unit_key())
    day: Mapped[date]
    starts_at: Mapped[time] = mapped_column(Time)
    ends_at: Mapped[time] = mapped_column(Time)
    note: Mapped[str] = mapped_column(String(500), default="")

    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="times"),
        UniqueConstraint("watcher_id", "day", "starts_at"),
        Index("ix_plugin_camera_monitoring_shifts_day", "day"),
        Index("ix_plugin_camera_monitoring_shifts_unit", "unit_id"),
    )

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return f"{self.watcher_name}, {self.day:%d/%m/%Y} {self.starts_at:%H:%M}"

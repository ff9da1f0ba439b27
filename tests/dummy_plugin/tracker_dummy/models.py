"""Things about units and tasks, and what was heard of the core."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import ForeignKey, Index, String
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
    assignment_key,
    choice,
    folded_column,
    sort_key_column,
    unit_key,
)


class Model(PluginModel, plugin="dummy"):
    """Base of this plug-in's models."""


class Colour(StrEnum):
    """What a thing looks like."""

    RED = "red"
    GREEN = "green"


class Thing(HasPublicId, Versioned, Model):
    """Something about a unit, perhaps about its share of a task."""

    __tablename__ = "plugin_dummy__things"
    __label__ = _l("Mẫu")
    __field_labels__: ClassVar[Mapping[str, Label]] = {
        "unit_id": _l("Đơn vị"),
        "assignment_id": _l("Phần việc"),
        "parent_id": _l("Mẫu cha"),
        "title": _l("Tên mẫu"),
        "colour": _l("Màu"),
        "secret": _l("Điều bí mật"),
        "extra": _l("Thêm"),
        "made_at": _l("Làm lúc"),
    }

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[int] = mapped_column(unit_key())
    assignment_id: Mapped[int | None] = mapped_column(assignment_key("SET NULL"))
    parent_id: Mapped[int | None] = mapped_column(
        ForeignKey("plugin_dummy__things.id", ondelete="SET NULL")
    )
    title: Mapped[str] = mapped_column(String(200))
    colour: Mapped[Colour] = mapped_column(choice(Colour), default=Colour.RED)
    secret: Mapped[str | None] = mapped_column(EncryptedText)
    extra: Mapped[Any] = mapped_column(JsonText, nullable=True)
    made_at: Mapped[datetime] = mapped_column(Moment)
    folded: Mapped[str] = folded_column()
    sort_key: Mapped[str] = sort_key_column()

    parent: Mapped[Thing | None] = relationship(remote_side="Thing.id")

    __table_args__ = (
        Index("ix_plugin_dummy__things_unit_id", "unit_id"),
        Index("ix_plugin_dummy__things_assignment_id", "assignment_id"),
        Index("ix_plugin_dummy__things_parent_id", "parent_id"),
    )

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return self.title


class Heard(Model):
    """An event of the core that this plug-in was told of; told again, it is not kept twice."""

    __tablename__ = "plugin_dummy__heard"
    __technical__ = "copies of facts that the core keeps"

    id: Mapped[int] = mapped_column(primary_key=True)
    event: Mapped[str] = mapped_column(String(60))
    about: Mapped[str] = mapped_column(String(200))

    __table_args__ = (Index("uq_plugin_dummy__heard", "event", "about", unique=True),)

"""Units in time: identity, dated versions, old names, successors, and the tree's closure.

A unit is an identity that lives from `valid_from` to `valid_to` (exclusive, null = still alive).
What it is called, what it is and where it hangs are versions of it, each with dates of its own.
The columns on the unit itself repeat the newest version, for lists that ask about today.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.core.db import (
    NAME_LENGTH,
    Base,
    HasPublicId,
    Versioned,
    choice,
    folded_column,
    sort_key_column,
)


class UnitKind(StrEnum):
    """What a unit is. The district level ended on 1/7/2025 and stays for what came before."""

    PROVINCE = "province"
    DEPARTMENT = "department"
    DISTRICT = "district"
    COMMUNE = "commune"
    WARD = "ward"
    SPECIAL_ZONE = "special_zone"
    DIVISION = "division"
    SERVICE_UNIT = "service_unit"
    SERVICE_CENTRE = "service_centre"
    OTHER = "other"


class Unit(HasPublicId, Versioned, Base):
    """An agency, a commune, a division: whoever can be given a task."""

    __tablename__ = "units"

    id: Mapped[int] = mapped_column(primary_key=True)
    # Code by which files refer to it (GSO code or the agency's own); an attribute, not an identity.
    code: Mapped[str | None] = mapped_column(String(40), unique=True)
    kind: Mapped[UnitKind] = mapped_column(choice(UnitKind))
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    short_name: Mapped[str] = mapped_column(String(120), default="")
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("units.id", ondelete="RESTRICT"))
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    folded: Mapped[str] = folded_column()
    sort_key: Mapped[str] = sort_key_column()
    # Where a task needs an answerable person and none is named: who heads the unit, as text.
    head_title: Mapped[str] = mapped_column(String(200), default="")

    parent: Mapped[Unit | None] = relationship(remote_side="Unit.id", viewonly=True)

    __table_args__ = (
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="dates"),
        CheckConstraint("parent_id IS NULL OR parent_id <> id", name="parent"),
        Index("ix_units_parent_id_sort_key", "parent_id", "sort_key"),
        Index("ix_units_sort_key", "sort_key"),
    )

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return self.name


class UnitVersion(Base):
    """What a unit was called, what it was and where it hung from a date on."""

    __tablename__ = "unit_versions"

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id", ondelete="CASCADE"))
    valid_from: Mapped[date]
    # Exclusive; 9999-12-31 while it is the newest, so that a range join needs no OR.
    valid_to: Mapped[date]
    kind: Mapped[UnitKind] = mapped_column(choice(UnitKind))
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    short_name: Mapped[str] = mapped_column(String(120), default="")
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("units.id", ondelete="RESTRICT"))
    event_id: Mapped[int | None] = mapped_column(ForeignKey("unit_events.id", ondelete="RESTRICT"))

    __table_args__ = (
        CheckConstraint("valid_to > valid_from", name="dates"),
        UniqueConstraint("unit_id", "valid_from"),
        Index("ix_unit_versions_parent_id", "parent_id"),
    )


class UnitAlias(Base):
    """Another name under which a unit is written and must be found."""

    __tablename__ = "unit_aliases"

    id: Mapped[int] = mapped_column(primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    folded: Mapped[str] = folded_column()

    __table_args__ = (
        UniqueConstraint("unit_id", "folded"),
        Index("ix_unit_aliases_folded", "folded"),
    )


class UnitEventKind(StrEnum):
    """What a decision does to units."""

    CREATE = "create"
    RENAME = "rename"
    MOVE = "move"
    MERGE = "merge"
    SPLIT = "split"
    END = "end"


class UnitEvent(HasPublicId, Base):
    """A dated operation on units, by a decision."""

    __tablename__ = "unit_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[UnitEventKind] = mapped_column(choice(UnitEventKind))
    effective_on: Mapped[date]
    decision_number: Mapped[str] = mapped_column(String(80), default="")
    decision_date: Mapped[date | None]
    note: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (Index("ix_unit_events_effective_on", "effective_on"),)


class UnitEventUnit(Base):
    """That an event touched a unit, and its name (or its parent's, for a move) before and after.

    Versions alone don't tell: a unit that ends gets none, and of two events on one day the later
    one's version stands.
    """

    __tablename__ = "unit_event_units"

    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("unit_events.id", ondelete="CASCADE"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id", ondelete="CASCADE"))
    before: Mapped[str] = mapped_column(String(NAME_LENGTH), default="")
    after: Mapped[str] = mapped_column(String(NAME_LENGTH), default="")

    __table_args__ = (
        UniqueConstraint("event_id", "unit_id"),
        Index("ix_unit_event_units_unit_id", "unit_id"),
    )


class UnitSuccessor(Base):
    """Which unit took over from which, by which event; n:m, since a unit may be divided."""

    __tablename__ = "unit_successors"

    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("unit_events.id", ondelete="CASCADE"))
    old_unit_id: Mapped[int] = mapped_column(ForeignKey("units.id", ondelete="RESTRICT"))
    new_unit_id: Mapped[int] = mapped_column(ForeignKey("units.id", ondelete="RESTRICT"))

    __table_args__ = (
        UniqueConstraint("event_id", "old_unit_id", "new_unit_id"),
        CheckConstraint("old_unit_id <> new_unit_id", name="different"),
        Index("ix_unit_successors_old_unit_id", "old_unit_id"),
        Index("ix_unit_successors_new_unit_id", "new_unit_id"),
    )


class UnitClosure(Base):
    """Every (ancestor, descendant) of today's tree, itself included; rebuilt with each event.

    Rows with `by_succession` join an ended unit to the ancestors of its successors: they widen
    what may be read, never what may be changed.
    """

    __tablename__ = "unit_closure"
    __technical__ = "derived from the units"

    ancestor_id: Mapped[int] = mapped_column(
        ForeignKey("units.id", ondelete="CASCADE"), primary_key=True
    )
    descendant_id: Mapped[int] = mapped_column(
        ForeignKey("units.id", ondelete="CASCADE"), primary_key=True
    )
    depth: Mapped[int]
    by_succession: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (Index("ix_unit_closure_descendant_id", "descendant_id", "ancestor_id"),)


class UnitSet(Versioned, Base):
    """A saved rule for 'all communes' and the like: kind of unit, under which unit."""

    __tablename__ = "unit_sets"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    # Comma-separated unit kinds; empty means any kind.
    kinds: Mapped[str] = mapped_column(String(200), default="")
    under_unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id", ondelete="RESTRICT"))
    sort_key: Mapped[str] = sort_key_column()

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return self.name

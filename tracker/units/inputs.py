"""What the services of units take: frozen, plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from tracker.units.models import UnitEventKind, UnitKind


@dataclass(frozen=True, kw_only=True)
class CreateUnit:
    """A unit to be made. `parent_id` None makes a root."""

    name: str
    kind: UnitKind
    parent_id: int | None
    valid_from: date
    code: str = ""
    short_name: str = ""
    head_title: str = ""
    aliases: tuple[str, ...] = ()
    decision_number: str = ""
    decision_date: date | None = None


@dataclass(frozen=True, kw_only=True)
class EditUnit:
    """What may be put right without a decision. `version` is the one that the person saw."""

    unit_id: int
    short_name: str
    code: str
    head_title: str
    version: int | None = None


@dataclass(frozen=True)
class AddAlias:
    """Another name under which a unit is written."""

    unit_id: int
    name: str


@dataclass(frozen=True)
class RemoveAlias:
    """Take an alias away."""

    unit_id: int
    alias_id: int


@dataclass(frozen=True, kw_only=True)
class SaveUnitSet:
    """A rule for several units; `unit_set_id` None makes a new one."""

    name: str
    kinds: tuple[UnitKind, ...]
    under_unit_id: int | None
    unit_set_id: int | None = None
    version: int | None = None


@dataclass(frozen=True)
class DeleteUnitSet:
    """Take a unit set away."""

    unit_set_id: int


@dataclass(frozen=True, kw_only=True)
class NewUnit:
    """A unit that an operation brings to life. `parent_id` None: where the first old unit hung."""

    name: str
    kind: UnitKind
    parent_id: int | None = None
    code: str = ""
    short_name: str = ""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One dated operation on units by a decision.

    In `child_choices` and `record_choices` a unit that the operation makes is named by minus its
    position in `new_units`, counted from 1.
    """

    kind: UnitEventKind
    effective_on: date
    units: tuple[int, ...]
    decision_number: str = ""
    decision_date: date | None = None
    note: str = ""
    # rename: the new name; kind and short name where they change too (a commune becomes a ward).
    new_name: str = ""
    new_kind: UnitKind | None = None
    new_short_name: str | None = None
    # move: where to.
    parent_id: int | None = None
    # merge, split, end: who takes over.
    successors: tuple[int, ...] = ()
    new_units: tuple[NewUnit, ...] = ()
    # Child of an ended unit -> the unit it comes under.
    child_choices: Mapping[int, int] = field(default_factory=dict)
    # (hand-over contributor, record) -> the unit that takes it.
    record_choices: Mapping[tuple[str, int], int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class UnitRow:
    """One row of an import; `parent` names an earlier or later row, or a unit there already is."""

    row: int
    unit_id: int | None
    name: str
    kind: UnitKind
    valid_from: date
    parent_row: int | None = None
    parent_id: int | None = None
    code: str = ""
    short_name: str = ""
    head_title: str = ""
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImportUnits:
    """All rows of an import, parents before their children."""

    rows: tuple[UnitRow, ...]

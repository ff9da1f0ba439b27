"""The contract of rights: who may do what to which record, asked in one place.

A grant is (role, scope unit); a role holds permissions; a permission is held *within* the subtree
of the grant's unit. A record belongs to units (and sometimes to people). `may` answers for one
record, `visible` gives the same answer as an SQL filter; a property test holds the two together.

The unit tree lives in a feature above, so it fills `units_within` at start.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, cast

from flask import current_app
from sqlalchemy import BindParameter, ColumnElement, Select, bindparam, false, true
from sqlalchemy.orm import Session
from werkzeug.local import LocalProxy

from tracker.core.db import read_rows
from tracker.core.errors import PermissionDenied


class Role(StrEnum):
    """The six kinds of user; which permissions each holds is declared with the permission."""

    ADMINISTRATOR = "administrator"
    COORDINATOR = "coordinator"
    HEAD = "head"
    OFFICER = "officer"
    INSPECTOR = "inspector"
    LEADER = "leader"


EVERYONE = frozenset(Role)

MOST_STATEMENTS = 256

# (unit ids of the grants, reading?) -> a select of all unit ids they reach.
UnitsWithin = Callable[[Collection[int], bool], Select[int]]


@dataclass(frozen=True)
class Access:
    """What one person may do: for each permission the units under which it is held.

    `everything` is for the system itself (commands, jobs), never for a person.
    """

    user_id: int | None = None
    roots: Mapping[str, frozenset[int]] = field(default_factory=dict)
    everything: bool = False

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.user_id, self.everything, frozenset(self.roots.items())))

    def holds(self, permission: str) -> bool:
        """Tell whether the permission is held anywhere (for menus and page doors)."""
        return self.everything or bool(self.roots.get(permission))

    def scope(self, permission: str) -> frozenset[int]:
        """Return the scope units of the permission."""
        return self.roots.get(permission, frozenset())


NOBODY = Access()
SYSTEM = Access(everything=True)


@dataclass(frozen=True)
class RecordScope:
    """How records of one model belong to units and people.

    `units`/`in_units` are twins, for one record and for SQL; likewise `people`/`for_person`.
    `reading` ones are used by permissions that only read, the plain ones by those that change.
    """

    model: type[Any]
    units: Callable[[Any], Iterable[int]]
    in_units: Callable[[Select[int]], ColumnElement[bool]]
    reading_units: Callable[[Any], Iterable[int]] | None = None
    in_reading_units: Callable[[Select[int]], ColumnElement[bool]] | None = None
    people: Callable[[Any], Iterable[int]] | None = None
    for_person: Callable[[int], ColumnElement[bool]] | None = None


class Rights:
    """The registry of record scopes and permissions of one app."""

    def __init__(self) -> None:
        self.scopes: dict[type[Any], RecordScope] = {}
        self.reading: dict[str, bool] = {}
        self.units_within: UnitsWithin | None = None
        self._statements: dict[tuple[UnitsWithin, frozenset[int], bool], Select[int]] = {}

    def scope_of(self, model: type[Any]) -> RecordScope:
        """Return the scope of a model; a model without one can be reached by nobody."""
        try:
            return self.scopes[model]
        except KeyError:
            raise LookupError(
                f"{model.__name__} has no record scope: nobody may reach it"
            ) from None

    def _reads(self, permission: str) -> bool:
        """Tell whether a permission only reads."""
        try:
            return self.reading[permission]
        except KeyError:
            raise LookupError(f"unknown permission {permission!r}") from None

    def _reach(self, access: Access, permission: str) -> Select[int] | None:
        reading = self._reads(permission)
        roots = access.scope(permission)
        if not roots or self.units_within is None:
            return None
        return self.units_within(roots, reading)

    def _any_within(self, roots: frozenset[int], reading: bool) -> Select[int] | None:
        """Return the query for one of `units` that lies within `roots`: sent with every write, so
        the newest ones are kept.
        """
        if self.units_within is None:
            return None
        key = (self.units_within, roots, reading)
        if key not in self._statements:
            if len(self._statements) >= MOST_STATEMENTS:
                self._statements.clear()
            reach = self.units_within(roots, reading)
            column = reach.selected_columns[0]
            units: BindParameter[Any] = bindparam("units", expanding=True)
            self._statements[key] = reach.where(column.in_(units)).limit(1)
        return self._statements[key]

    def visible(self, access: Access, permission: str, model: type[Any]) -> ColumnElement[bool]:
        """Return the SQL filter of the records of `model` to which `permission` reaches."""
        scope = self.scope_of(model)
        if access.everything:
            return true()
        reach = self._reach(access, permission)
        reading = self.reading[permission]
        wide = scope.in_reading_units if reading and scope.in_reading_units else scope.in_units
        condition: ColumnElement[bool] = false() if reach is None else wide(reach)
        if scope.for_person and access.user_id is not None and access.holds(permission):
            condition = condition | scope.for_person(access.user_id)
        return condition

    def may(self, session: Session, access: Access, permission: str, record: Any) -> bool:
        """Tell whether `permission` reaches `record`: the twin of `visible`."""
        scope = self.scope_of(type(record))
        if access.everything:
            return True
        reading = self._reads(permission)
        roots = access.scope(permission)
        if not roots:
            return False
        if scope.people and access.user_id in set(scope.people(record)):
            return True
        of = scope.reading_units if reading and scope.reading_units else scope.units
        units = set(of(record))
        if not units:
            return False
        if units & roots:
            return True
        statement = self._any_within(roots, reading)
        return statement is not None and bool(
            read_rows(session, statement, {"units": sorted(units)}).first()
        )

    def require(self, session: Session, access: Access, permission: str, record: Any) -> None:
        """Raise PermissionDenied unless `permission` reaches `record`."""
        if not self.may(session, access, permission, record):
            raise PermissionDenied


def _of_current_app() -> Rights:
    found: Rights = current_app.extensions["tracker_rights"]
    return found


# Of the current app: two apps of one process may hold different plug-ins, and with them rights.
rights = cast(Rights, LocalProxy(_of_current_app))

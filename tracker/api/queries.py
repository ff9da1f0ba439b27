"""Reading: the core's records as selectables of named columns, and which of them one may see.

    query = select(units.c.id, units.c.name).where(visible("camera.view", units))
    rows = session().execute(query).all()

The columns are plain values (kinds and states as text) and frozen by the contract: the core's own
tables behind them may change. Join a plug-in's tables to them by id.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Enum,
    Select,
    String,
    Subquery,
    Table,
    exists,
    select,
    true,
    type_coerce,
)
from sqlalchemy.orm import Session

from tracker.accounts.models import Deputy, User
from tracker.core.context import current
from tracker.core.db import Base, db
from tracker.core.rights import rights
from tracker.inspections.models import Finding, Visit
from tracker.plans.models import Assignment, Plan, ReformArea, Task
from tracker.settings import queries as stored_settings
from tracker.units import queries as unit_queries
from tracker.units.models import Unit, UnitClosure
from tracker.units.queries import UnitMatch
from tracker.web import paging
from tracker.web.paging import Page

__all__ = [
    "UnitMatch",
    "areas",
    "assignments",
    "findings",
    "leaves",
    "match_units",
    "paginate",
    "people",
    "people_names",
    "plans",
    "reaches",
    "session",
    "setting",
    "tasks",
    "unit_choices",
    "unit_closure",
    "unit_names",
    "unit_subtree",
    "units",
    "visible",
    "visits",
]


def _selectable(model: type[Base], name: str, columns: str) -> Subquery:
    """Return the named columns of a table; enumerations are told as plain text."""
    table = Base.metadata.tables[model.__tablename__]
    assert isinstance(table, Table)
    picked: list[ColumnElement[Any]] = []
    for key in columns.split():
        column = table.c[key]
        is_enum = isinstance(column.type, Enum)
        picked.append(type_coerce(column, String()).label(key) if is_enum else column.label(key))
    found = select(*picked).subquery(name)
    _models[name] = model
    return found


_models: dict[str, type[Base]] = {}

units = _selectable(
    Unit,
    "api_units",
    "id public_id code kind name short_name parent_id valid_from valid_to head_title folded "
    "sort_key",
)
"""Units, ended ones too; `valid_to` is null while one is alive."""

unit_closure = _selectable(
    UnitClosure, "api_unit_closure", "ancestor_id descendant_id depth by_succession"
)
"""Every pair of a unit and one above it (or itself) in today's tree."""

areas = _selectable(
    ReformArea, "api_areas", "id code name name_en short_name position valid_from valid_to"
)
"""The content areas of the reform."""

plans = _selectable(
    Plan,
    "api_plans",
    "id public_id key title kind number issued_on issuer_id year_from year_to state closed_on "
    "folded sort_key",
)
"""Plans; `state` is 'draft', 'issued' or 'closed'."""

tasks = _selectable(
    Task,
    "api_tasks",
    "id public_id plan_id parent_id kind path number area_id title product lead_text "
    "coordinator_text deadline_kind deadline_text deadline_on valid_from withdrawn_on folded "
    "sort_key",
)
"""Rows of plans; only those of `kind` 'task' count and have assignments."""

assignments = _selectable(
    Assignment,
    "api_assignments",
    "id public_id task_id unit_id occurrence person_id original_due_on due_on reported percent "
    "done_on confirmed_on disputed_until begins_on withdrawn_on last_reported_at",
)
"""Units' shares of tasks, as they stand today."""

people = _selectable(
    User, "api_people", "id public_id username name title unit_id is_active folded sort_key"
)
"""Accounts, without what they keep private; `unit_id` is where a person works."""

leaves = _selectable(Deputy, "api_leaves", "id user_id deputy_id valid_from valid_to")
"""Dated leaves of people, both days included, and who acts for them."""

visits = _selectable(
    Visit,
    "api_visits",
    "id public_id kind state unit_id visited_on started_at finished_at present "
    "absent_with_reason absent_without_reason",
)
"""Inspections' visits."""

findings = _selectable(
    Finding,
    "api_findings",
    "id public_id visit_id unit_id item_code severity text state found_on remedy_due_on closed_on "
    "folded",
)
"""What inspections found."""


def session() -> Session:
    """Return the session for reading; what changes records goes through `tracker.api.work.run`."""
    return db.session()


def visible(permission: str, selectable: Any) -> ColumnElement[bool]:
    """Return the condition of the rows that a right of whoever acts reaches.

    `selectable` is one of this module's (units, plans, tasks, assignments, people, visits,
    findings), or a model of the plug-in's own that has a record scope. Raises LookupError for an
    unknown right, and for what has no scope.
    """
    access = current().actor.access
    if not isinstance(selectable, Subquery):
        return rights.visible(access, permission, selectable)
    model: Any = _models[selectable.name]
    condition = rights.visible(access, permission, model)
    if access.everything:
        return true()
    key: ColumnElement[int] = selectable.c.id
    return key.in_(select(model.id).where(condition))


def reaches(permission: str, selectable: Subquery, record_id: int) -> bool:
    """Tell whether a right of whoever acts reaches one record of the core's.

    `reaches("camera.manage", units, unit_id)` is what a service asks before it writes about a unit.
    """
    condition = (selectable.c.id == record_id) & visible(permission, selectable)
    return bool(session().scalar(select(exists(select(selectable.c.id).where(condition)))))


def unit_choices(permission: str = "") -> list[tuple[int, str]]:
    """Return (id, label) of the living units in reach of a right, in tree order, indented."""
    return unit_queries.choices(permission)


def unit_names(ids: Iterable[int]) -> dict[int, str]:
    """Return the newest names of units, ended ones too; unknown ids are left out."""
    return unit_queries.names(ids)


def unit_subtree(unit_id: int) -> list[int]:
    """Return the ids of a unit and of all living ones under it."""
    return unit_queries.subtree_ids(unit_id)


def match_units(text: str, as_of: date | None = None) -> Sequence[UnitMatch]:
    """Return the units that answer to a text (names, aliases, old names, codes), best first."""
    return unit_queries.match(session(), text, as_of or current().clock.today())


def people_names(ids: Iterable[int]) -> dict[int, str]:
    """Return the names of people by account; unknown ids are left out."""
    wanted = sorted({one for one in ids if one is not None})
    if not wanted:
        return {}
    query = select(people.c.id, people.c.name).where(people.c.id.in_(wanted))
    return {row.id: row.name for row in session().execute(query)}


def setting(key: str) -> Any:
    """Return the value of a declared setting. Raises LookupError for a key nobody declared."""
    return stored_settings.value(key)


def paginate(
    query: Select[Any], number: int, per_page: int = 50, count: Select[int] | None = None
) -> Page[Any]:
    """Return one page of a query's rows; a number past the end gives the last page."""
    return paging.paginate(session(), query, number, per_page, count)

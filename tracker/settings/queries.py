"""Reading settings: one query a request, whatever is asked for."""

from __future__ import annotations

from typing import Any

from flask import g, has_request_context
from sqlalchemy import select

from tracker.core.calendar import DayRule, WorkingCalendar
from tracker.core.db import db
from tracker.core.periods import WindowRule
from tracker.plugins.host import current_registry
from tracker.settings.models import CalendarDay, ReportWindow, Setting


def _stored() -> dict[str, Any]:
    if not has_request_context():
        return _read()
    if "settings" not in g:
        g.settings = _read()
    stored: dict[str, Any] = g.settings
    return stored


def _read() -> dict[str, Any]:
    return {row.key: row.value for row in db.session.execute(select(Setting.key, Setting.value))}


def value(key: str) -> Any:
    """Return the value of a declared setting, its default where none is stored.

    Raises LookupError for a key that nobody declared.
    """
    spec = current_registry().settings.get(key)
    if spec is None:
        raise LookupError(f"setting {key!r} is not declared")
    return _stored().get(key, spec.default)


def whole(key: str) -> int:
    """Return a whole-number setting."""
    return int(value(key))


def forget() -> None:
    """Read again within this request (after a change of settings)."""
    if has_request_context():
        g.pop("settings", None)


def working_calendar() -> WorkingCalendar:
    """Return the calendar of working days as the instance's data has it."""
    rows = db.session.execute(
        select(CalendarDay.day, CalendarDay.kind, CalendarDay.name, CalendarDay.decision)
    )
    return WorkingCalendar(
        [DayRule(row.day, row.kind.value, row.name, row.decision) for row in rows]
    )


def window_rules() -> list[WindowRule]:
    """Return the reporting windows in their order."""
    rows = db.session.scalars(select(ReportWindow).order_by(ReportWindow.position))
    return [
        WindowRule(
            code=row.code,
            name=row.name,
            from_month=row.from_month,
            from_day=row.from_day,
            from_year_offset=row.from_year_offset,
            to_month=row.to_month,
            to_day=row.to_day,
            due_month=row.due_month,
            due_day=row.due_day,
            cumulative=row.is_cumulative,
        )
        for row in rows
    ]

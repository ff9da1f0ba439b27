"""Reading settings: one query a request, whatever is asked for."""

from __future__ import annotations

import json
from calendar import Calendar
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from cryptography.fernet import InvalidToken
from flask import g, has_request_context, request
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.core import secrets
from tracker.core.calendar import DayRule, WorkingCalendar
from tracker.core.changes import Change, ChangeSet
from tracker.core.conflicts import Since
from tracker.core.db import db, read_rows
from tracker.core.periods import WindowRule
from tracker.plugins.descriptors import SettingSpec
from tracker.plugins.host import current_registry
from tracker.settings.models import CalendarDay, ReportWindow, Setting

_SETTINGS = select(Setting.key, Setting.value)


def _stored() -> dict[str, Any]:
    if not has_request_context():
        return _read()
    if "settings" not in g:
        g.settings = _read()
    stored: dict[str, Any] = g.settings
    return stored


def _read() -> dict[str, Any]:
    return {row.key: row.value for row in read_rows(db.session, _SETTINGS)}


def value(key: str) -> Any:
    """Return the value of a declared setting, its default where none is stored.

    Raises LookupError for a key that nobody declared.
    """
    spec = current_registry().settings.get(key)
    if spec is None:
        raise LookupError(f"setting {key!r} is not declared")
    stored = _stored().get(key, spec.default)
    return unseal(stored) if spec.secret else stored


def shown(spec: SettingSpec) -> Any:
    """Return what a form shows of a setting: of a secret one nothing."""
    return "" if spec.secret else value(spec.key)


def kept_secrets(specs: Iterable[SettingSpec]) -> set[str]:
    """Return the keys of secret settings that hold something, readable or not."""
    stored = _stored()
    return {one.key for one in specs if one.secret and one.key in stored}


def seal(secret: str) -> dict[str, str]:
    """Return a secret as it is stored and logged: encrypted by the instance's key."""
    return {"secret": secrets.keys[0]().encrypt(secret.encode()).decode("ascii")}


def unseal(stored: Any) -> str:
    """Return a stored secret in clear, '' where none is stored. Raises SecretUnreadable."""
    if not isinstance(stored, dict):
        return ""
    try:
        return secrets.keys[0]().decrypt(stored["secret"].encode("ascii")).decode()
    except InvalidToken:
        raise secrets.SecretUnreadable("no key of this instance opens the setting") from None


def newest_change_set(session: Session) -> int:
    """Return the newest change set that touched a setting: what a page of them was made from."""
    newest = select(func.max(Change.change_set_id)).where(
        Change.table_name == Setting.__tablename__
    )
    return session.scalar(newest) or 0


def settings_since(session: Session, seen: int) -> Since:
    """Return what settings were when change set `seen` was the newest, and who changed them."""
    rows = session.execute(
        select(Change.record_id, Change.fields, ChangeSet.actor_name, ChangeSet.id)
        .join(ChangeSet, ChangeSet.id == Change.change_set_id)
        .where(Change.table_name == Setting.__tablename__, Change.change_set_id > seen)
        .order_by(Change.change_set_id.desc())
    )
    declared = current_registry().settings
    values: dict[str, object] = {}
    authors: dict[str, str] = {}
    sets: list[int] = []
    for key, fields, author, change_set_id in rows:
        old, _new = json.loads(fields).get("value", [None, None])
        if key not in declared:
            continue
        # A row that was not there yet stands for the default.
        values[key] = declared[key].default if old is None else old
        authors.setdefault(key, author)
        sets.append(change_set_id)
    return Since(values, authors, tuple(sets))


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
    return [rule_of(row) for row in rows]


def rule_of(row: ReportWindow) -> WindowRule:
    """Return a stored window as a rule. Raises ValueError where its dates contradict each other."""
    return WindowRule(
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


def windows() -> list[ReportWindow]:
    """Return the reporting windows as they are stored, in their order; read once a page."""
    if not has_request_context() or request.method != "GET":
        return _read_windows()
    if "report_windows" not in g:
        g.report_windows = _read_windows()
    stored: list[ReportWindow] = g.report_windows
    return stored


def _read_windows() -> list[ReportWindow]:
    return list(db.session.scalars(select(ReportWindow).order_by(ReportWindow.position)))


def window_names() -> dict[str, tuple[str, str]]:
    """Return the Vietnamese and the English name of each reporting window by its code."""
    rows = db.session.execute(select(ReportWindow.code, ReportWindow.name, ReportWindow.name_en))
    return {row.code: (row.name, row.name_en) for row in rows}


def days_of(year: int) -> list[CalendarDay]:
    """Return the days off and swapped days of a year, in order."""
    return list(
        db.session.scalars(
            select(CalendarDay)
            .where(CalendarDay.day >= date(year, 1, 1), CalendarDay.day <= date(year, 12, 31))
            .order_by(CalendarDay.day)
        )
    )


@dataclass(frozen=True)
class GridDay:
    """A day of a month's grid: a row of the calendar where it is not what its weekday says."""

    day: date
    is_in_month: bool
    is_weekend: bool
    row: CalendarDay | None


def year_grid(year: int, days: Sequence[CalendarDay]) -> list[tuple[date, list[list[GridDay]]]]:
    """Return (first day, weeks from Monday on) of each month of a year."""
    known = {row.day: row for row in days}
    months = Calendar(firstweekday=0)
    return [
        (
            date(year, month, 1),
            [
                [
                    GridDay(day, day.month == month, day.isoweekday() >= 6, known.get(day))
                    for day in week
                ]
                for week in months.monthdatescalendar(year, month)
            ],
        )
        for month in range(1, 13)
    ]


@dataclass(frozen=True)
class ProposedDay:
    """A day that a year's calendar may take over; `is_known` when it is in the calendar already."""

    day: date
    name: str
    is_known: bool


def proposed_days(year: int) -> list[ProposedDay]:
    """Return the public holidays that are foreseeable for a year, from the `holidays` library.

    Decisions come later and differ (swapped days, lengths of Tết), so a person picks from them.
    """
    # Loaded when a coming year is planned, not by every process at its start.
    from holidays import country_holidays

    known = {row.day for row in days_of(year)}
    found = country_holidays("VN", years=year, language="vi")
    return [ProposedDay(day, name, day in known) for day, name in sorted(found.items())]

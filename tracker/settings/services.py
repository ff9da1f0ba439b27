"""Changing settings, days off and reporting windows: all of them data that the instance owns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.core.calendar import DayRule, WorkingCalendar
from tracker.core.conflicts import Since, merge, settle
from tracker.core.errors import Conflict, FieldError, NotFound, ValidationFailed
from tracker.core.periods import WindowRule
from tracker.core.text import normalise
from tracker.core.work import Work
from tracker.plugins.descriptors import SettingSpec
from tracker.plugins.host import current_registry
from tracker.settings import queries
from tracker.settings.models import CalendarDay, DayKind, ReportWindow, Setting
from tracker.settings.permissions import MANAGE

LONGEST_VALUE: Final = 500
LONGEST_DAY_NAME: Final = 200
LONGEST_DECISION: Final = 500
LONGEST_WINDOW_NAME: Final = 120
# Settings that pages never show: what the product keeps about itself.
HIDDEN: Final = "hidden"
# More days than a year has are no calendar of it.
MOST_DAYS_AT_ONCE: Final = 60


@dataclass(frozen=True)
class SaveSettings:
    """New values by key; `seen` is the newest change set when the person read the old ones.

    With it only what the person changed counts, without it every value is written.
    """

    values: Mapping[str, object]
    seen: int | None = None


def save_settings(work: Work, data: SaveSettings) -> list[str]:
    """Write settings as their declarations allow, and return the keys that changed.

    A secret setting that is made empty goes.
    Raises ValidationFailed for unknown keys, wrong types and values out of range, Conflict where
    somebody else changed the same setting meanwhile.
    """
    work.require_held(MANAGE)
    typed, problems = typed_values(data.values, everything=work.actor.access.everything)
    if problems:
        raise ValidationFailed(problems)
    for key in typed:
        work.session.get(Setting, key, with_for_update=True, populate_existing=True)
    wanted = merge_settings(work.session, typed, data.seen)
    declared = current_registry().settings
    for key, plain_value in wanted.items():
        row = work.session.get(Setting, key)
        if declared[key].secret and not plain_value:
            if row is not None:
                work.session.delete(row)
            continue
        value = queries.seal(plain_value) if declared[key].secret else plain_value
        if row is None:
            work.session.add(Setting(key=key, value=value))
        else:
            row.value = value
    queries.forget()
    return list(wanted)


def typed_values(
    values: Mapping[str, object], *, everything: bool = False
) -> tuple[dict[str, Any], list[FieldError]]:
    """Return values as their declarations want them, and what is wrong with the others.

    `everything` lets the product itself write what pages never show.
    """
    declared = current_registry().settings
    problems: list[FieldError] = []
    found: dict[str, Any] = {}
    for key, typed in values.items():
        spec = declared.get(key)
        if spec is None or (spec.group == HIDDEN and not everything):
            problems.append(FieldError(key, _("Không có thiết lập này.")))
            continue
        found[key], fault = checked(spec, typed)
        if fault:
            problems.append(FieldError(key, fault))
    return found, problems


def merge_settings(session: Session, typed: Mapping[str, Any], seen: int | None) -> dict[str, Any]:
    """Return what of `typed` was really changed by somebody who had read change set `seen`.

    Raises Conflict where somebody else has changed the same setting since.
    """
    declared = current_registry().settings
    stored = {
        row.key: row.value
        for row in session.execute(select(Setting.key, Setting.value).where(Setting.key.in_(typed)))
    }
    theirs = {key: stored.get(key, declared[key].default) for key in typed}
    since = Since() if seen is None else queries.settings_since(session, seen)
    # A secret is never shown, not even beside another: the newest one counts.
    secrets = {key: value for key, value in typed.items() if declared[key].secret}
    shown = {key: value for key, value in typed.items() if key not in secrets}
    return {**settle(shown, theirs, since), **secrets}


def checked(spec: SettingSpec, typed: object) -> tuple[Any, str]:
    """Return the value as the declaration wants it, and what is wrong with it ('' = nothing)."""
    if spec.kind is bool:
        return (typed, "") if isinstance(typed, bool) else (None, _("Chọn có hoặc không."))
    if spec.kind is int:
        if not isinstance(typed, int) or isinstance(typed, bool):
            return None, _("Hãy gõ một số nguyên.")
        return typed, _out_of_range(spec, typed)
    if not isinstance(typed, str):
        return None, _("Hãy gõ chữ.")
    text = typed if spec.secret else normalise(typed)
    if spec.choices and text not in [value for value, _words in spec.choices]:
        return None, _("Hãy chọn một trong các giá trị.")
    if len(text) > LONGEST_VALUE:
        return None, _("Dài quá %(most)d ký tự.", most=LONGEST_VALUE)
    return text, ""


def _out_of_range(spec: SettingSpec, value: int) -> str:
    low, high = spec.minimum, spec.maximum
    if (low is None or value >= low) and (high is None or value <= high):
        # What no column of either database holds is out of every range.
        return "" if abs(value) < 2**31 else str(_("Số quá lớn."))
    if low is not None and high is not None:
        return str(_("Nhập số từ %(low)d đến %(high)d.", low=low, high=high))
    if low is not None:
        return str(_("Nhập số từ %(low)d trở lên.", low=low))
    return str(_("Nhập số không quá %(high)d.", high=high))


# -- days off ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class DayInput:
    """A day that is not what its weekday says, and the document that says so."""

    day: date | None
    kind: DayKind | None
    name: str
    decision: str = ""


@dataclass(frozen=True)
class AddDays:
    """Days to be added together: all of them, or none."""

    days: tuple[DayInput, ...]


@dataclass(frozen=True)
class EditDay:
    """Change the day `day` (its date is its identity); `version` is what the form was made from."""

    day: date
    version: int
    kind: DayKind | None
    name: str
    decision: str = ""


@dataclass(frozen=True)
class RemoveDay:
    """Take a day out of the calendar again; the reason goes into the change log."""

    day: date
    reason: str


def add_days(work: Work, data: AddDays) -> list[date]:
    """Add days to the calendar and return them. Raises ValidationFailed, Conflict."""
    work.require_held(MANAGE)
    if len(data.days) > MOST_DAYS_AT_ONCE:
        raise ValidationFailed(
            {"": _("Mỗi lần thêm được nhiều nhất %(most)d ngày.", most=MOST_DAYS_AT_ONCE)}
        )
    added: list[date] = []
    for one in data.days:
        row = CalendarDay(**vars(_checked_day(one)))
        if row.day in added or work.session.get(CalendarDay, row.day) is not None:
            raise Conflict(_("Ngày %(day)s đã có trong lịch.", day=f"{row.day:%d/%m/%Y}"))
        work.session.add(row)
        added.append(row.day)
    work.session.flush()
    _calendar_holds(work)
    return added


def edit_day(work: Work, data: EditDay) -> date:
    """Change the kind, name or decision of a day. Raises NotFound, ValidationFailed, Conflict."""
    work.require_held(MANAGE)
    row = work.get(CalendarDay, data.day)
    new = _checked_day(DayInput(data.day, data.kind, data.name, data.decision))
    submitted = {"kind": new.kind, "name": new.name, "decision": new.decision}
    for name, value in merge(work.session, row, data.version, submitted).items():
        setattr(row, name, value)
    work.session.flush()
    _calendar_holds(work)
    return data.day


def remove_day(work: Work, data: RemoveDay) -> None:
    """Take a day out of the calendar. Raises NotFound, ValidationFailed without a reason."""
    work.require_held(MANAGE)
    if not data.reason.strip():
        raise ValidationFailed({"reason": _("Hãy ghi lý do.")})
    work.reason = data.reason.strip()
    work.session.delete(work.get(CalendarDay, data.day))


def _checked_day(data: DayInput) -> DayInput:
    problems: list[FieldError] = []
    if data.day is None:
        problems.append(FieldError("day", _("Hãy điền ngày.")))
    if data.kind is None:
        problems.append(FieldError("kind", _("Hãy chọn loại ngày.")))
    if not data.name.strip():
        problems.append(FieldError("name", _("Hãy ghi tên ngày nghỉ hoặc lý do.")))
    elif len(data.name) > LONGEST_DAY_NAME:
        problems.append(FieldError("name", _("Dài quá %(most)d ký tự.", most=LONGEST_DAY_NAME)))
    if len(data.decision) > LONGEST_DECISION:
        problems.append(FieldError("decision", _("Dài quá %(most)d ký tự.", most=LONGEST_DECISION)))
    if data.day is not None and data.kind is not None:
        is_weekend = data.day.isoweekday() >= 6
        if data.kind is DayKind.SWAP_WORK and not is_weekend:
            problems.append(FieldError("kind", _("Ngày làm bù phải là thứ Bảy hoặc Chủ nhật.")))
        if data.kind is DayKind.SWAP_OFF and is_weekend:
            problems.append(
                FieldError("kind", _("Ngày nghỉ hoán đổi phải là ngày làm việc trong tuần."))
            )
    if problems:
        raise ValidationFailed(problems)
    return replace(data, name=data.name.strip(), decision=data.decision.strip())


def _calendar_holds(work: Work) -> None:
    """Raise ValueError if the days can no longer be counted over (a programming error)."""
    rows = work.session.query(CalendarDay).all()
    WorkingCalendar([DayRule(row.day, row.kind.value, row.name) for row in rows])


# -- reporting windows ------------------------------------------------------------------------


@dataclass(frozen=True)
class EditWindow:
    """A reporting window as it should be; `version` is what the form was made from."""

    code: str
    version: int
    name: str
    name_en: str
    from_day: int | None
    from_month: int | None
    from_year_offset: int
    to_day: int | None
    to_month: int | None
    due_day: int | None
    due_month: int | None
    is_cumulative: bool


def edit_window(work: Work, data: EditWindow) -> str:
    """Change when a report's figures run and when it is due; return its code.

    Raises NotFound, ValidationFailed for days that no year has or a window that ends before it
    starts, Conflict.
    """
    work.require_held(MANAGE)
    row = work.session.get(ReportWindow, data.code, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound
    submitted: dict[str, Any] = {
        name: value for name, value in vars(data).items() if name not in ("code", "version")
    }
    problems: list[FieldError] = []
    submitted["name"], submitted["name_en"] = data.name.strip(), data.name_en.strip()
    if not submitted["name"]:
        problems.append(FieldError("name", _("Hãy điền tên kỳ báo cáo.")))
    for name in ("name", "name_en"):
        if len(submitted[name]) > LONGEST_WINDOW_NAME:
            problems.append(
                FieldError(name, _("Dài quá %(most)d ký tự.", most=LONGEST_WINDOW_NAME))
            )
    for name in ("from", "to", "due"):
        day, month = submitted[f"{name}_day"], submitted[f"{name}_month"]
        if not _is_day_of_some_year(day, month):
            problems.append(FieldError(f"{name}_day", _("Không có ngày này trong năm.")))
    if data.from_year_offset not in (-1, 0):
        problems.append(FieldError("from_year_offset", _("Chọn năm trước hoặc cùng năm.")))
    if problems:
        raise ValidationFailed(problems)
    for name, value in merge(work.session, row, data.version, submitted).items():
        setattr(row, name, value)
    try:
        queries.rule_of(row)
    except ValueError as error:
        raise ValidationFailed({"to_day": _("Kỳ kết thúc trước khi bắt đầu.")}) from error
    return data.code


def _is_day_of_some_year(day: int | None, month: int | None) -> bool:
    if day is None or month is None:
        return False
    try:
        WindowRule("any", "", month, day, 0, 12, 31, 12, 31, cumulative=False)
    except ValueError:
        return False
    return True

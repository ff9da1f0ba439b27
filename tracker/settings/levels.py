"""When each level hands in a report: the due day of the level above, some working days earlier.

Lower levels have earlier days of their own, so that the level above can put reports together. How
many working days is up to each province, so the offsets are settings; 0 leaves the day as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from tracker.accounts.models import User
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.periods import due_for_level
from tracker.plugins.descriptors import Label, SettingSpec
from tracker.settings import queries
from tracker.units.models import Unit, UnitKind

MOST_DAYS_EARLIER = 20


@dataclass(frozen=True)
class Level:
    """A level that reports to the one above: its setting, its name, and what units it is."""

    key: str
    label: Label
    setting_label: Label
    kinds: frozenset[UnitKind]


LEVELS = (
    Level(
        key="reports.days_earlier_department",
        label=_l("Sở, ngành"),
        setting_label=_l("Sở, ngành nộp báo cáo sớm hơn (ngày làm việc)"),
        kinds=frozenset({UnitKind.DEPARTMENT, UnitKind.SERVICE_UNIT}),
    ),
    Level(
        key="reports.days_earlier_commune",
        label=_l("Cấp xã"),
        setting_label=_l("Cấp xã nộp báo cáo sớm hơn (ngày làm việc)"),
        kinds=frozenset({UnitKind.COMMUNE, UnitKind.WARD, UnitKind.SPECIAL_ZONE}),
    ),
)

SETTINGS = tuple(
    SettingSpec(
        key=level.key,
        label=level.setting_label,
        kind=int,
        default=0,
        minimum=0,
        maximum=MOST_DAYS_EARLIER,
        group="reports",
        hint=_l("Tính lùi từ hạn gửi của kỳ báo cáo, bỏ qua ngày nghỉ; 0 là cùng hạn."),
        weight=10 * number,
    )
    for number, level in enumerate(LEVELS, 1)
)


def due_by_level(dues: Iterable[date]) -> Mapping[date, Mapping[str, date]]:
    """Return, by due day at the top and a level's key, when that level hands in its report."""
    calendar = queries.working_calendar()
    earlier = {level.key: queries.whole(level.key) for level in LEVELS}
    return {
        due: {key: due_for_level(due, days, calendar) for key, days in earlier.items()}
        for due in dues
    }


def due_for_actor(due: date) -> date:
    """Return when the unit of whoever acts hands in a report that is due at the top on `due`."""
    if not any(queries.whole(level.key) for level in LEVELS):
        return due
    kind = db.session.scalar(
        select(Unit.kind)
        .join(User, User.unit_id == Unit.id)
        .where(User.id == current().actor.user_id)
    )
    level = next((level for level in LEVELS if kind in level.kinds), None)
    if level is None:
        return due
    return due_for_level(due, queries.whole(level.key), queries.working_calendar())

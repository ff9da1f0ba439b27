"""An import of days off, to test the engine, its pages and its command with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from flask import Flask
from sqlalchemy import select

from tracker.core.db import db
from tracker.core.work import Work
from tracker.plugins.descriptors import (
    CellKind,
    ImportColumn,
    ImportOption,
    ImportRow,
    ImportSpec,
    ParsedRows,
    RowError,
    RowOutcome,
)
from tracker.plugins.host import host_of
from tracker.settings.models import CalendarDay, DayKind

KEY = "test_days"


@dataclass(frozen=True)
class SaveDays:
    """Days off by date."""

    names: Mapping[date, str]
    decision: str


def parse(rows: Sequence[ImportRow], options: Mapping[str, str]) -> ParsedRows:
    """Find days that are there already, and refuse Sundays and days that stand twice."""
    rows_known = db.session.execute(select(CalendarDay.day, CalendarDay.name))
    known = {row.day: row.name for row in rows_known}
    errors: list[RowError] = []
    outcomes: dict[int, RowOutcome] = {}
    names: dict[date, str] = {}
    for row, values in rows:
        day, name = values["day"], values["name"]
        if day is None or name is None:
            errors.append(RowError(row, "day" if day is None else "name", "never shown twice"))
            continue
        if day.weekday() == 6:
            errors.append(RowError(row, "day", "Chủ nhật đã là ngày nghỉ."))
        if day in names:
            errors.append(RowError(row, "", "Ngày này có hai dòng."))
        names[day] = name
        same = known.get(day) == name
        outcomes[row] = (
            RowOutcome.SAME if same else RowOutcome.CHANGED if day in known else RowOutcome.NEW
        )
    return ParsedRows(SaveDays(names, options["decision"]), errors, outcomes, "Tóm tắt.")


def apply(work: Work, data: SaveDays) -> int:
    """Write the days; one named 'hỏng' fails in the middle."""
    for day, name in data.names.items():
        if name == "hỏng":
            raise RuntimeError("broken in the middle")
        found = work.session.get(CalendarDay, day)
        if found is None:
            work.session.add(
                CalendarDay(day=day, name=name, kind=DayKind.HOLIDAY, decision=data.decision)
            )
        elif found.name != name:
            found.name = name
        work.session.flush()
    return len(data.names)


SPEC = ImportSpec(
    key=KEY,
    label="Ngày nghỉ để thử",
    hint="Ngày nghỉ lễ của năm.",
    permission="units.manage",
    columns=(
        ImportColumn(
            key="day",
            heading_vi="Ngày",
            heading_en="Day",
            kind=CellKind.DATE,
            required=True,
            example="02/09/2027",
            hint="Ngày nghỉ.",
        ),
        ImportColumn(
            key="name",
            heading_vi="Tên ngày nghỉ",
            heading_en="Name",
            required=True,
            example="Quốc khánh",
            choices=lambda: ("Quốc khánh", "Tết Dương lịch"),
        ),
        ImportColumn(key="note", heading_vi="Ghi chú", heading_en="Note"),
    ),
    parse=parse,
    apply=apply,
    options=(
        ImportOption(name="decision", label="Quyết định", hint="Số và ngày."),
        ImportOption(
            name="kind",
            label="Loại",
            choices=lambda: (("le", "Lễ"), ("bu", "Nghỉ bù")),
        ),
    ),
)


def offer(app: Flask, spec: ImportSpec = SPEC) -> None:
    """Let the app under test offer a further import."""
    host = host_of(app)
    specs = {**host.registry.import_specs, spec.key: spec}
    host.registry = replace(host.registry, import_specs=specs)

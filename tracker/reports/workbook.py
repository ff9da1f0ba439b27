"""The period summary as a workbook: indicators, a sheet for each section, the list of tasks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal

from flask_babel import gettext as _

from tracker.plans.rules import STATUS_WORDS, Status
from tracker.plugins.descriptors import Label, ReportSection, SectionTable
from tracker.reports.period import Line
from tracker.reports.queries import AnnexRow
from tracker.web.xlsx import Column, Sheet


def sheets(
    title: str,
    note: str,
    groups: Sequence[tuple[Label, Sequence[Line]]],
    sections: Sequence[tuple[ReportSection, SectionTable]],
    rows: Iterable[AnnexRow],
) -> list[Sheet]:
    """Return the sheets of the workbook; `title` and `note` stand above each table."""
    made = [_indicators(title, note, groups)]
    taken = {made[0].name}
    for section, table in sections:
        name = _free(str(section.title), taken)
        made.append(_section(name, title, note, table))
    made.append(_annex(_free(_("Phụ lục nhiệm vụ"), taken), title, note, rows))
    return made


def _free(name: str, taken: set[str]) -> str:
    """Return a sheet's name that no other sheet has; the format allows 31 characters."""
    short, number = name[:31], 2
    while short.casefold() in {one.casefold() for one in taken}:
        ending = f" {number}"
        short, number = name[: 31 - len(ending)] + ending, number + 1
    taken.add(short)
    return short


def _indicators(title: str, note: str, groups: Sequence[tuple[Label, Sequence[Line]]]) -> Sheet:
    columns = (
        Column(_("Nhóm"), 24),
        Column(_("Chỉ tiêu"), 50),
        Column(_("Đơn vị tính"), 12),
        Column(_("Số lượng / tử số"), 14, "decimal"),
        Column(_("Mẫu số"), 12, "whole"),
        Column(_("Tỷ lệ"), 12, "percent"),
        Column(_("Kỳ trước"), 14, "decimal"),
        Column(_("Kỳ trước: mẫu số"), 14, "whole"),
        Column(_("Cách tính"), 70),
    )
    rows: list[tuple[object, ...]] = []
    for label, found in groups:
        for line in found:
            now, before = line.now, line.before
            rows.append(
                (
                    str(label),
                    str(line.name),
                    str(line.measure),
                    now.value if now.denominator is None else now.numerator,
                    now.denominator,
                    Decimal(now.numerator or 0) / now.denominator if now.denominator else None,
                    None
                    if before is None
                    else before.numerator
                    if before.denominator is not None
                    else before.value,
                    None if before is None else before.denominator,
                    now.rule,
                )
            )
    return Sheet(_("Chỉ tiêu"), columns, rows, title, note)


def _section(name: str, title: str, note: str, table: SectionTable) -> Sheet:
    columns = [
        Column(heading, *_look([row[number] for row in table.rows if number < len(row)]))
        for number, heading in enumerate(table.headings)
    ]
    rows = [tuple(row)[: len(columns)] for row in table.rows]
    return Sheet(name, columns, rows, title, note)


def _look(values: Sequence[object]) -> tuple[int, str]:
    """Return width and kind of a column by what it holds."""
    found = [value for value in values if value is not None and not isinstance(value, bool)]
    if found and all(isinstance(value, datetime) for value in found):
        return 18, "moment"
    if found and all(isinstance(value, date) for value in found):
        return 12, "date"
    if found and all(isinstance(value, int) for value in found):
        return 12, "whole"
    if found and all(isinstance(value, int | float | Decimal) for value in found):
        return 12, "decimal"
    return 40, "text"


def _annex(name: str, title: str, note: str, rows: Iterable[AnnexRow]) -> Sheet:
    columns = (
        Column(_("Kế hoạch"), 34),
        Column(_("STT"), 8),
        Column(_("Nhiệm vụ"), 60),
        Column(_("Lĩnh vực"), 26),
        Column(_("Đơn vị chủ trì"), 30),
        Column(_("Hạn ban đầu"), 12, "date"),
        Column(_("Hạn hiện tại"), 12, "date"),
        Column(_("Trạng thái"), 18),
        Column(_("Tiến độ (%)"), 10, "whole"),
        Column(_("Ngày hoàn thành"), 12, "date"),
        Column(_("Có minh chứng"), 10),
    )
    words = {status.value: str(label) for status, label in STATUS_WORDS.items()}
    lines = (
        (
            row.plan,
            row.number,
            row.title,
            row.area,
            row.unit,
            row.original_due_on,
            row.due_on,
            words[Status(row.status)],
            row.percent,
            row.done_on,
            row.has_evidence,
        )
        for row in rows
    )
    return Sheet(name, columns, lines, title, note)

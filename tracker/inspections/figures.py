"""Figures of inspections in a window, each with its rule in words and the way to its rows.

Units inspected and visits are counted apart and by kind: a planned visit, a surprise and a unit's
own check differ in what they count, so they are never added together. "100% of the plan" counts
planned visits only (article A4: 12 planned visits are 100%, beside 40 units inspected by surprise
and 70 own checks).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import wraps
from typing import Any, TypeVar

from flask import has_request_context, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import ColumnElement, and_, case, exists, func, select

from tracker.core.context import current
from tracker.core.db import db
from tracker.core.kept import kept
from tracker.core.rights import rights
from tracker.inspections import labels, queries
from tracker.inspections.models import (
    ChecklistItem,
    Finding,
    InspectionPlan,
    InspectionPlanDocument,
    InspectionPlanItem,
    InspectionPlanItemVersion,
    Visit,
    VisitKind,
    VisitState,
)
from tracker.inspections.permissions import VIEW
from tracker.inspections.planning import WITHDRAWN
from tracker.plugins.descriptors import IndicatorValue, PeriodQuery, SectionTable
from tracker.settings.queries import whole
from tracker.units.models import Unit
from tracker.units.tree import units_within

Counted = TypeVar("Counted")
# The parameter of the list of findings for the day by whose end they are judged.
AS_OF = "tai-ngay"


@dataclass(frozen=True)
class KindCount:
    """Finished visits of one kind, and the units they went to."""

    kind: VisitKind
    visits: int
    units: int


@dataclass(frozen=True)
class FindingCounts:
    """What was found in a window, and what became of it."""

    found: int
    closed: int
    closed_on_time: int
    overdue: int
    repeated: int


def _rows(endpoint: str, query: PeriodQuery, **more: object) -> str:
    """Return the address of the list that holds exactly the counted rows; '' outside a request."""
    if not has_request_context():
        return ""
    parameters = {
        "tu": query.start.isoformat(),
        "den": query.end.isoformat(),
        "dv": query.unit_id,
        **more,
    }
    given: dict[str, Any] = {key: value for key, value in parameters.items() if value}
    return url_for(endpoint, **given)


def _kept(count: Callable[[PeriodQuery], Counted]) -> Callable[[PeriodQuery], Counted]:
    """Count once for a person and a day: indicators rest on the same few queries.

    Only numbers, which no language changes.
    """

    @wraps(count)
    def counted(query: PeriodQuery) -> Counted:
        here = current()
        question = (count.__name__, query, here.actor.access, here.clock.today())
        return kept(db.session(), question, lambda: count(query))

    return counted


@_kept
def counts_by_kind(query: PeriodQuery) -> list[KindCount]:
    """Return visits and units by kind: finished visits whose day lies in the window."""
    filters = queries.VisitFilters(
        state=VisitState.FINISHED, unit_id=query.unit_id, start=query.start, end=query.end
    )
    rows = {
        row.kind: row
        for row in db.session.execute(
            select(
                Visit.kind,
                func.count().label("visits"),
                func.count(func.distinct(Visit.unit_id)).label("units"),
            )
            .join(Unit, Unit.id == Visit.unit_id)
            .where(*queries.visit_conditions(filters))
            .group_by(Visit.kind)
        )
    }
    return [
        KindCount(kind, row.visits if row else 0, row.units if row else 0)
        for kind in VisitKind
        for row in (rows.get(kind),)
    ]


def kind_visits(query: PeriodQuery, kind: VisitKind) -> IndicatorValue:
    """Count the finished visits of a kind."""
    found = next(one for one in counts_by_kind(query) if one.kind is kind)
    return IndicatorValue(
        value=found.visits,
        rule=_(
            "Số cuộc “%(kind)s” đã kết thúc, ngày kiểm tra trong kỳ. Đếm cuộc, không đếm đơn vị; "
            "không cộng với loại khác.",
            kind=labels.KINDS[kind],
        ),
        rows_url=_rows("inspections.list_visits", query, loai=kind.value, tt="finished"),
    )


def kind_units(query: PeriodQuery, kind: VisitKind) -> IndicatorValue:
    """Count the units that finished visits of a kind went to, each once."""
    found = next(one for one in counts_by_kind(query) if one.kind is kind)
    return IndicatorValue(
        value=found.units,
        rule=_(
            "Số đơn vị có ít nhất một cuộc “%(kind)s” đã kết thúc trong kỳ. Mỗi đơn vị đếm một "
            "lần; không cộng với loại khác.",
            kind=labels.KINDS[kind],
        ),
        rows_url=_rows("inspections.list_visits", query, loai=kind.value, tt="finished"),
    )


@_kept
def planned_counts(query: PeriodQuery) -> tuple[int, int, str]:
    """Return how many rows of issued plans are due in the window, and carried out by its end.

    Each row counts as the newest document of the window's end has it: later ones change nothing.
    The third value is the key of their plan, '' where they are of several.
    """
    newest = (
        select(
            InspectionPlanItemVersion.item_id,
            func.max(InspectionPlanDocument.ordinal).label("ordinal"),
        )
        .join(
            InspectionPlanDocument,
            InspectionPlanDocument.id == InspectionPlanItemVersion.document_id,
        )
        .where(InspectionPlanDocument.issued_on <= query.end)
        .group_by(InspectionPlanItemVersion.item_id)
        .subquery("newest")
    )
    conditions: list[ColumnElement[bool]] = [
        # The months of a row lie in its plan's year.
        InspectionPlan.year.between(query.start.year, query.end.year),
        InspectionPlanItemVersion.action != WITHDRAWN,
        rights.visible(current().actor.access, VIEW, Unit),
    ]
    if query.unit_id is not None:
        reach = units_within([query.unit_id], reading=True)
        conditions.append(InspectionPlanItem.unit_id.in_(reach))
    done = exists().where(
        Visit.plan_item_id == InspectionPlanItem.id,
        Visit.kind == VisitKind.PLANNED,
        Visit.state == VisitState.FINISHED,
        Visit.visited_on <= query.end,
    )
    rows = db.session.execute(
        select(
            InspectionPlanItemVersion.content,
            case((done, 1), else_=0).label("is_done"),
            InspectionPlan.key,
        )
        .join(newest, newest.c.item_id == InspectionPlanItemVersion.item_id)
        .join(
            InspectionPlanDocument,
            and_(
                InspectionPlanDocument.id == InspectionPlanItemVersion.document_id,
                InspectionPlanDocument.ordinal == newest.c.ordinal,
            ),
        )
        .join(InspectionPlanItem, InspectionPlanItem.id == InspectionPlanItemVersion.item_id)
        .join(InspectionPlan, InspectionPlan.id == InspectionPlanItem.plan_id)
        .join(Unit, Unit.id == InspectionPlanItem.unit_id)
        .where(*conditions)
    )
    due = [row for row in rows if query.start <= date.fromisoformat(row.content["to"]) <= query.end]
    keys = {row.key for row in due}
    return len(due), sum(row.is_done for row in due), keys.pop() if len(keys) == 1 else ""


def planned_share(query: PeriodQuery) -> IndicatorValue:
    """Count the rows of issued plans due in the window, and those carried out by its end."""
    total, done, key = planned_counts(query)
    rows_url = ""
    if has_request_context():
        rows_url = url_for("inspections.list_plans")
        if key:
            rows_url = url_for("inspections.show_plan", key=key)
    return IndicatorValue(
        numerator=done,
        denominator=total,
        rule=_(
            "Mẫu số: các dòng của kế hoạch kiểm tra đã ban hành có hạn trong kỳ. Tử số: những dòng "
            "đã có cuộc kiểm tra theo kế hoạch kết thúc đến hết kỳ. Kiểm tra đột xuất, tái kiểm "
            "tra, tự kiểm tra không tính vào tỷ lệ này."
        ),
        rows_url=rows_url,
    )


@_kept
def notice_counts(query: PeriodQuery) -> tuple[int, int]:
    """Return how many conclusions had to be announced by then, and how many were in time."""
    days = whole("inspections.notice_days")
    filters = queries.VisitFilters(
        state=VisitState.FINISHED, unit_id=query.unit_id, start=query.start, end=query.end
    )
    rows = db.session.execute(
        select(Visit.visited_on, Visit.notice_on, func.count())
        .join(Unit, Unit.id == Visit.unit_id)
        .where(*queries.visit_conditions(filters), Visit.kind != VisitKind.SELF)
        .group_by(Visit.visited_on, Visit.notice_on)
    )
    as_of = min(query.end, current().clock.today())
    in_time = total = 0
    for visited_on, notice_on, count in rows:
        last = visited_on + timedelta(days=days)
        if notice_on is not None and notice_on <= as_of:
            total += count
            in_time += count if notice_on <= last else 0
        elif last < as_of:
            total += count
    return total, in_time


def notices_on_time(query: PeriodQuery) -> IndicatorValue:
    """Of the visits whose conclusion had to be announced by then: those announced in time.

    A unit's own checks end without a notice. What is announced already counts at once.
    """
    total, in_time = notice_counts(query)
    days = whole("inspections.notice_days")
    return IndicatorValue(
        numerator=in_time,
        denominator=total,
        rule=_(
            "Mẫu số: các cuộc kiểm tra đã kết thúc, ngày kiểm tra trong kỳ (trừ tự kiểm tra), đã "
            "thông báo kết luận hoặc đã quá %(days)d ngày mà chưa thông báo. Tử số: những cuộc "
            "thông báo trong %(days)d ngày sau ngày kiểm tra.",
            days=days,
        ),
        rows_url=_rows("inspections.list_visits", query, tt="finished"),
    )


@_kept
def finding_counts(query: PeriodQuery) -> FindingCounts:
    """Return the counts of findings found in the window; late and closed are as of its end."""
    filters = queries.FindingFilters(unit_id=query.unit_id, start=query.start, end=query.end)
    today, past = current().clock.today(), _past_end(query)
    row = db.session.execute(
        select(
            func.count().label("found"),
            func.count().filter(queries.closed_by(past)).label("closed"),
            func.count().filter(queries.closed_on_time(past)).label("on_time"),
            func.count()
            .filter(queries.overdue_on(past) if past else queries.overdue(today))
            .label("overdue"),
            func.count().filter(Finding.repeat_of_id.is_not(None)).label("repeated"),
        )
        .join(Unit, Unit.id == Finding.unit_id)
        .where(*queries.finding_conditions(filters, today))
    ).one()
    return FindingCounts(row.found, row.closed, row.on_time, row.overdue, row.repeated)


def _past_end(query: PeriodQuery) -> date | None:
    """Return the end of a window that lies behind, by which its figures are judged; else None."""
    return query.end if query.end < current().clock.today() else None


def _judged(query: PeriodQuery) -> dict[str, str]:
    """Return the same for the address of the list with the rows."""
    past = _past_end(query)
    return {AS_OF: past.isoformat()} if past else {}


def findings_found(query: PeriodQuery) -> IndicatorValue:
    """Count the findings of the window."""
    return IndicatorValue(
        value=finding_counts(query).found,
        rule=_("Số phát hiện có ngày phát hiện trong kỳ, của mọi loại kiểm tra."),
        rows_url=_rows("inspections.list_findings", query),
    )


def findings_closed_on_time(query: PeriodQuery) -> IndicatorValue:
    """Of the findings of the window that are closed: those remedied by their last day."""
    counts = finding_counts(query)
    return IndicatorValue(
        numerator=counts.closed_on_time,
        denominator=counts.closed,
        rule=_(
            "Mẫu số: phát hiện trong kỳ đã đóng đến hết kỳ. Tử số: những phát hiện được khắc phục "
            "không sau hạn (theo ngày xong của báo cáo được chấp nhận; thời gian chờ xác minh "
            "không tính cho đơn vị)."
        ),
        rows_url=_rows(
            "inspections.list_findings", query, tt="closed", dung_han="1", **_judged(query)
        ),
    )


def findings_overdue(query: PeriodQuery) -> IndicatorValue:
    """Count the findings of the window whose remedy is late."""
    return IndicatorValue(
        value=finding_counts(query).overdue,
        rule=_(
            "Phát hiện trong kỳ mà đến hết kỳ đã quá hạn khắc phục, đơn vị chưa khắc phục. Báo cáo "
            "đang chờ xác minh không tính là quá hạn."
        ),
        rows_url=_rows("inspections.list_findings", query, qua_han="1", **_judged(query)),
    )


def repeat_rate(query: PeriodQuery) -> IndicatorValue:
    """Of the findings of the window: those that repeat an earlier one."""
    counts = finding_counts(query)
    return IndicatorValue(
        numerator=counts.repeated,
        denominator=counts.found,
        rule=_(
            "Mẫu số: phát hiện trong kỳ. Tử số: phát hiện lặp lại cùng nội dung kiểm tra, ở cùng "
            "đơn vị hoặc đơn vị trước khi sáp nhập, trong thời gian nhìn lại của thiết lập."
        ),
        rows_url=_rows("inspections.list_findings", query, lap_lai="1"),
    )


@dataclass(frozen=True)
class RepeatRow:
    """How often a unit's or an item's findings repeat."""

    key: str
    name: str
    found: int
    repeated: int


def repeats_by_unit(query: PeriodQuery, limit: int = 20) -> list[RepeatRow]:
    """Return the units with repeated findings in the window, most repeats first."""
    filters = queries.FindingFilters(unit_id=query.unit_id, start=query.start, end=query.end)
    repeated = func.count().filter(Finding.repeat_of_id.is_not(None))
    rows = db.session.execute(
        select(Unit.id, Unit.name, func.count().label("found"), repeated.label("repeated"))
        .select_from(Finding)
        .join(Unit, Unit.id == Finding.unit_id)
        .where(*queries.finding_conditions(filters, current().clock.today()))
        .group_by(Unit.id, Unit.name, Unit.sort_key)
        .order_by(repeated.desc(), func.count().desc(), Unit.sort_key)
        .limit(limit)
    )
    return [RepeatRow(str(row.id), row.name, row.found, row.repeated) for row in rows]


def repeats_by_item(query: PeriodQuery, limit: int = 20) -> list[RepeatRow]:
    """Return the checklist items that fail in the window, most repeats first."""
    filters = queries.FindingFilters(unit_id=query.unit_id, start=query.start, end=query.end)
    repeated = func.count().filter(Finding.repeat_of_id.is_not(None))
    rows = db.session.execute(
        select(
            Finding.item_code,
            func.max(ChecklistItem.text).label("text"),
            func.count().label("found"),
            repeated.label("repeated"),
        )
        .join(Unit, Unit.id == Finding.unit_id)
        .join(ChecklistItem, ChecklistItem.id == Finding.item_id)
        .where(
            Finding.item_code != "",
            *queries.finding_conditions(filters, current().clock.today()),
        )
        .group_by(Finding.item_code)
        .order_by(repeated.desc(), func.count().desc(), Finding.item_code)
        .limit(limit)
    )
    return [RepeatRow(row.item_code, row.text, row.found, row.repeated) for row in rows]


def section(query: PeriodQuery) -> SectionTable:
    """Return the section of the period summary: each kind in a row of its own, no sum."""
    rows: list[Sequence[object]] = [
        (str(labels.KINDS[one.kind]), one.visits, one.units) for one in counts_by_kind(query)
    ]
    share, counts = planned_share(query), finding_counts(query)
    return SectionTable(
        headings=(_("Loại kiểm tra"), _("Số cuộc"), _("Số đơn vị")),
        rows=rows,
        summary=_(
            "Kế hoạch kiểm tra: %(done)s/%(total)s (chỉ tính cuộc theo kế hoạch). Phát hiện "
            "%(found)s, đã đóng %(closed)s (đúng hạn %(on_time)s), quá hạn %(overdue)s, lặp lại "
            "%(repeated)s. Các loại không cộng với nhau: có loại đếm cuộc, có loại đếm đơn vị.",
            done=share.numerator,
            total=share.denominator,
            found=counts.found,
            closed=counts.closed,
            on_time=counts.closed_on_time,
            overdue=counts.overdue,
            repeated=counts.repeated,
        ),
    )


def repeat_section(query: PeriodQuery) -> SectionTable:
    """Return the items that fail again and again."""
    return SectionTable(
        headings=(_("Nội dung kiểm tra"), ngettext("Phát hiện", "Phát hiện", 2), _("Lặp lại")),
        rows=[(row.name, row.found, row.repeated) for row in repeats_by_item(query)],
        summary=_("Nội dung không đạt nhiều lần, theo mã của bảng kiểm."),
    )

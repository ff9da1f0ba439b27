"""Figures of the period summary: coverage, cost, availability, incidents, what was watched."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from tracker.api.clock import today
from tracker.api.hooks import (
    Indicator,
    IndicatorValue,
    PeriodQuery,
    ReportSection,
    SectionTable,
)
from tracker.api.i18n import gettext as _
from tracker.api.i18n import lazy_gettext as _l
from tracker.api.i18n import locale_code, show_percent
from tracker.api.numbers import format_money, format_number, percent
from tracker.api.queries import unit_names
from tracker.api.web import url_for
from tracker.api.work import may
from tracker_camera_monitoring import health_queries, labels, monitoring, queries, watch_queries
from tracker_camera_monitoring.models import Sight
from tracker_camera_monitoring.permissions import READ_LOG, VIEW
from tracker_camera_monitoring.rollups import DayFigures, total

SECTION = "camera_monitoring.section"


def _last_day(query: PeriodQuery) -> date:
    """Return the day that figures of a state are about: the window's end, or today."""
    return min(query.end, today())


def coverage(query: PeriodQuery) -> IndicatorValue:
    """Units with a camera at a desk, of the units with a desk, at the window's end."""
    found = queries.coverage_on(_last_day(query), today(), query.unit_id)
    return IndicatorValue(
        numerator=found.covered_units,
        denominator=found.units,
        rule=_("Đơn vị có camera tại bàn tiếp dân / đơn vị có bàn tiếp dân, tại ngày cuối kỳ."),
        rows_url=_figures_url(query),
    )


def _figures_url(query: PeriodQuery) -> str:
    return url_for(
        "camera_monitoring.show_figures",
        ngay=f"{_last_day(query):%d/%m/%Y}",
        dv=query.unit_id or None,
    )


def sets(query: PeriodQuery) -> IndicatorValue:
    """Sets of cameras in place at the window's end."""
    found = queries.coverage_on(_last_day(query), today(), query.unit_id)
    return IndicatorValue(
        value=found.sets,
        rule=_("Camera cùng tên bộ ở một bàn đếm là một bộ; camera không ghi bộ đếm riêng."),
        rows_url=_figures_url(query),
    )


def cost(query: PeriodQuery) -> IndicatorValue:
    """What the cameras bought until the window's end cost."""
    found = queries.coverage_on(_last_day(query), today(), query.unit_id)
    return IndicatorValue(
        value=Decimal(found.cost),
        rule=_(
            "Cộng giá các camera đã mua; %(count)d camera chưa ghi giá.", count=found.without_cost
        ),
        rows_url=_figures_url(query),
    )


def _measured(query: PeriodQuery) -> dict[int, DayFigures]:
    end = min(query.end, today() - timedelta(days=1))
    return health_queries.figures_by_unit(query.start, end, query.unit_id)


def availability(query: PeriodQuery) -> IndicatorValue:
    """Hours in which cameras worked, of the hours that were measured."""
    found = total(_measured(query).values())
    return IndicatorValue(
        numerator=found.up_seconds // 3600,
        denominator=found.measured_seconds // 3600,
        rule=_("Số giờ camera hoạt động / số giờ đo được; giờ không đo không tính."),
        rows_url=url_for("camera_monitoring.show_health"),
    )


def incidents(query: PeriodQuery) -> IndicatorValue:
    """Incidents that began in the window."""
    rows = _incidents(query)
    return IndicatorValue(
        value=len(rows),
        rule=_("Mất kết nối lâu hơn số phút đã thiết lập là một sự cố; tính theo lúc bắt đầu."),
        rows_url=url_for("camera_monitoring.list_incidents"),
    )


def _incidents(query: PeriodQuery) -> list[int]:
    """Return the unit of each incident that began in the window."""
    start = monitoring.day_bounds(query.start)[0]
    end = monitoring.day_bounds(query.end)[1]
    return [
        row.unit_id
        for row in health_queries.incidents_between(start, end, query.unit_id)
        if row.began_at >= start
    ]


def watched(query: PeriodQuery) -> IndicatorValue:
    """Entries of the watch log, and how many of them found something."""
    counts = watch_queries.entry_counts_by_unit(query.start, query.end, query.unit_id).values()
    return IndicatorValue(
        numerator=sum(odd for _all, odd in counts),
        denominator=sum(whole for whole, _odd in counts),
        rule=_("Lượt xem có việc cần lưu ý / lượt xem camera đã ghi nhật ký."),
        # The entries themselves are for fewer eyes than their number.
        rows_url=url_for(
            "camera_monitoring.list_entries",
            tu=f"{query.start:%d/%m/%Y}",
            den=f"{query.end:%d/%m/%Y}",
        )
        if may(READ_LOG)
        else "",
    )


INDICATORS = tuple(
    Indicator(
        key=f"camera_monitoring.{key}",
        name=name,
        measure=measure,
        compute=compute,
        section=SECTION,
        permission=VIEW,
        weight=10 * number,
    )
    for number, (key, name, measure, compute) in enumerate(
        (
            ("coverage", _l("Đơn vị có camera tại bộ phận một cửa"), "%", coverage),
            ("sets", _l("Số bộ camera"), _l("bộ"), sets),
            ("cost", _l("Kinh phí mua camera"), _l("đồng"), cost),
            ("availability", _l("Thời gian camera hoạt động"), "%", availability),
            ("incidents", _l("Số sự cố camera"), _l("sự cố"), incidents),
            ("watched", _l("Lượt xem camera có việc cần lưu ý"), "%", watched),
        ),
        1,
    )
)


def section(query: PeriodQuery) -> SectionTable:
    """Return a row for each unit: cameras, availability, incidents, what was seen."""
    day = _last_day(query)
    rows = {row.unit_id: row for row in queries.coverage_by_unit(day, today(), query.unit_id)}
    measured = _measured(query)
    began = _incidents(query)
    watched_units = watch_queries.entry_counts_by_unit(query.start, query.end, query.unit_id)
    ids = [*rows, *sorted(set(measured) | set(watched_units) | set(began) - set(rows))]
    names = unit_names(ids)
    seen = watch_queries.sight_counts(query.start, query.end, query.unit_id)
    table = []
    for unit_id in dict.fromkeys(ids):
        row, figures = rows.get(unit_id), measured.get(unit_id, DayFigures())
        whole, odd = watched_units.get(unit_id, (0, 0))
        if row is None and not (figures.measured_seconds or whole or unit_id in began):
            continue
        table.append(
            (
                names.get(unit_id, ""),
                row.sets if row else 0,
                row.cameras if row else 0,
                show_percent(percent(figures.up_seconds, figures.measured_seconds)),
                labels.duration(figures.longest_outage_seconds)
                if figures.longest_outage_seconds
                else "",
                began.count(unit_id),
                whole,
                odd,
            )
        )
    return SectionTable(
        headings=(
            _("Đơn vị"),
            _("Bộ"),
            _("Camera"),
            _("Tỷ lệ hoạt động"),
            _("Mất kết nối lâu nhất"),
            _("Sự cố"),
            _("Lượt xem"),
            _("Có việc lưu ý"),
        ),
        rows=table,
        summary=_summary(query, seen),
    )


def _summary(query: PeriodQuery, seen: Sequence[tuple[Sight, int]]) -> str:
    found = queries.coverage_on(_last_day(query), today(), query.unit_id)
    parts = [
        _(
            "%(covered)s/%(units)s đơn vị có camera tại bàn tiếp dân, %(sets)s bộ, %(cost)s.",
            covered=found.covered_units,
            units=found.units,
            sets=format_number(found.sets, locale_code()),
            cost=format_money(found.cost, locale_code()),
        )
    ]
    if seen:
        parts.append(
            _(
                "Thấy nhiều nhất qua camera: %(list)s.",
                list="; ".join(
                    f"{labels.sight_name(sight.name, sight.name_en)} ({count})"
                    for sight, count in seen[:3]
                ),
            )
        )
    return " ".join(parts)


SECTIONS = (
    ReportSection(
        key=SECTION,
        title=_l("Giám sát camera tại bộ phận một cửa"),
        table=section,
        permission=VIEW,
        weight=70,
    ),
)

"""The period summary: what stood at the cut-off, and what happened in the window.

Its figures are indicators and its tables are sections, registered through the hooks that plug-ins
use; the core's own are here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from tracker.core.context import current
from tracker.core.db import db
from tracker.core.kept import kept
from tracker.core.numbers import percent
from tracker.core.periods import Window, WindowRule, previous_window, window
from tracker.plans import areas
from tracker.plans.figures import due_soon_days
from tracker.plans.rules import COUNTED, DONE, RULE_WORDS, STATUS_WORDS, CountRule, Status
from tracker.plugins.descriptors import (
    Indicator,
    IndicatorValue,
    Label,
    PeriodQuery,
    ReportSection,
    SectionTable,
)
from tracker.plugins.host import current_registry
from tracker.reports import overview, queries
from tracker.reports.filters import whole_tree
from tracker.reports.permissions import VIEW
from tracker.reports.progress import Groups, Tally, on_days, total
from tracker.reports.queries import Happened
from tracker.units.queries import names
from tracker.web.i18n import locale_code

OLDEST: Final = 20
HAPPENED_WORDS: Final[dict[Happened, Label]] = {
    Happened.DONE: _l("Phần việc hoàn thành trong kỳ"),
    Happened.ASKED: _l("Đề nghị gia hạn"),
    Happened.APPROVED: _l("Gia hạn được đồng ý"),
    Happened.URGED: _l("Đôn đốc trong kỳ"),
    Happened.ENTERED: _l("Lượt cập nhật tiến độ"),
}


@dataclass(frozen=True)
class PeriodFacts:
    """What the core's indicators and sections are made from, read once for a question."""

    groups: Sequence[queries.Group]
    tallies: Groups
    events: queries.Events

    def count(self, *wanted: Status) -> int:
        """Return how many assignments stood in one of these statuses at the cut-off."""
        return sum(group.count for group in self.groups if group.status in wanted)


def scope_of(query: PeriodQuery) -> queries.Scope:
    """Return what a report of this window counts, within the reader's rights.

    Without a plan it is every plan of the year in which the window closes.
    """
    return queries.Scope(
        plan_id=query.plan_id,
        year=None if query.plan_id is not None else query.end.year,
        unit_id=query.unit_id,
        roots=queries.roots_of(current().actor.access),
    )


def facts(query: PeriodQuery) -> PeriodFacts:
    """Return the facts of a window, from the cache where nothing has changed."""
    session, scope = db.session(), scope_of(query)

    def read() -> PeriodFacts:
        history = queries.stretches(session, scope, query.end)
        return PeriodFacts(
            groups=queries.groups_on(session, query.end, scope),
            tallies=on_days(history, [query.end])[query.end],
            events=queries.events_between(session, query.start, query.end, scope),
        )

    return kept(session, ("period", query, scope, due_soon_days()), read)


# -- indicators ---------------------------------------------------------------------------------

AT_END, IN_WINDOW = "cutoff", "window"
SECTIONS: Final[dict[str, Label]] = {
    AT_END: _l("Tính đến ngày chốt số liệu"),
    IN_WINDOW: _l("Phát sinh trong kỳ"),
}


def _explained(query: PeriodQuery, rule: CountRule) -> str:
    """Return the address of the page that shows the rows behind a figure."""
    asked: dict[str, Any] = {**queries.explained_as(scope_of(query))}
    return url_for("plans.explain", rule=rule.value, as_of=query.end.isoformat(), **asked)


def _listed(query: PeriodQuery, **more: Any) -> str:
    """Return the address of the tasks behind a figure, as of the cut-off; '' before it has come.

    The list counts for the reader what the report does.
    """
    if query.end > current().clock.today():
        return ""
    asked: dict[str, Any] = {**queries.explained_as(scope_of(query)), **more}
    asked["tai-ngay"] = query.end.isoformat()
    return url_for("plans.list_tasks", **asked)


def _rate(rule: CountRule, *, claimed: bool = False) -> Callable[[PeriodQuery], IndicatorValue]:
    def compute(query: PeriodQuery) -> IndicatorValue:
        found = facts(query)
        tally = (
            total(found.tallies) if rule is CountRule.PLAN else overview.due_figure(found.groups)
        )
        words = str(RULE_WORDS[rule])
        if claimed:
            words = _("Tính cả phần việc đã báo hoàn thành nhưng chưa được xác nhận.") + " " + words
        return IndicatorValue(
            numerator=tally.claimed if claimed else tally.done,
            denominator=tally.total,
            rule=words,
            rows_url=_explained(query, rule),
        )

    return compute


def _standing(*wanted: Status) -> Callable[[PeriodQuery], IndicatorValue]:
    def compute(query: PeriodQuery) -> IndicatorValue:
        found = facts(query)
        words = ", ".join(str(STATUS_WORDS[status]) for status in wanted)
        return IndicatorValue(
            value=found.count(*wanted),
            rule=_(
                "Số phần việc có trạng thái “%(words)s” vào cuối ngày chốt số liệu.", words=words
            ),
            rows_url=_listed(query, status=[status.value for status in wanted]),
        )

    return compute


def _without_evidence(query: PeriodQuery) -> IndicatorValue:
    lacking, done = overview.lacking_evidence(facts(query).groups)
    return IndicatorValue(
        numerator=lacking,
        denominator=done,
        rule=_(
            "Mẫu số là các phần việc đã hoàn thành vào ngày chốt; tử số là những phần việc trong "
            "đó đến nay chưa có văn bản hoặc tệp minh chứng."
        ),
        rows_url=_listed(query, status=[status.value for status in DONE], evidence="missing"),
    )


def _rows(query: PeriodQuery, what: Happened) -> str:
    """Return the address of the page with the rows behind what happened in the window."""
    asked: dict[str, Any] = {**queries.explained_as(scope_of(query))}
    in_address = {key: asked[key] for key in ("plan", "unit") if key in asked}
    start, end = query.start.isoformat(), query.end.isoformat()
    return url_for("reports.happened", what=what.value, start=start, end=end, **in_address)


def _happened(
    what: Happened, value: Callable[[queries.Events], Decimal | int | None], rule: Label
) -> Callable[[PeriodQuery], IndicatorValue]:
    def compute(query: PeriodQuery) -> IndicatorValue:
        return IndicatorValue(
            value=value(facts(query).events), rule=str(rule), rows_url=_rows(query, what)
        )

    return compute


def _part(
    what: Happened,
    numerator: Callable[[queries.Events], int],
    denominator: Callable[[queries.Events], int],
    rule: Label,
) -> Callable[[PeriodQuery], IndicatorValue]:
    def compute(query: PeriodQuery) -> IndicatorValue:
        events = facts(query).events
        return IndicatorValue(
            numerator=numerator(events),
            denominator=denominator(events),
            rule=str(rule),
            rows_url=_rows(query, what),
        )

    return compute


_TASKS, _SHARES = _l("nhiệm vụ"), _l("phần việc")
_TIMES, _DAYS = _l("lượt"), _l("ngày")

INDICATORS: Final = (
    Indicator(
        key="tasks.done_of_plan",
        name=_l("Nhiệm vụ hoàn thành trên nhiệm vụ của kế hoạch"),
        measure=_TASKS,
        compute=_rate(CountRule.PLAN),
        section=AT_END,
        weight=10,
    ),
    Indicator(
        key="tasks.claimed_of_plan",
        name=_l("Nhiệm vụ đơn vị báo hoàn thành (gồm chờ xác nhận)"),
        measure=_TASKS,
        compute=_rate(CountRule.PLAN, claimed=True),
        section=AT_END,
        weight=11,
    ),
    Indicator(
        key="shares.done_of_due",
        name=_l("Phần việc hoàn thành trên phần việc đã đến hạn"),
        measure=_SHARES,
        compute=_rate(CountRule.DUE),
        section=AT_END,
        weight=12,
    ),
    Indicator(
        key="shares.overdue",
        name=_l("Phần việc quá hạn"),
        measure=_SHARES,
        compute=_standing(Status.OVERDUE),
        section=AT_END,
        weight=20,
    ),
    Indicator(
        key="shares.disputed",
        name=_l("Phần việc đang tra soát"),
        measure=_SHARES,
        compute=_standing(Status.DISPUTED),
        section=AT_END,
        weight=21,
    ),
    Indicator(
        key="shares.undated",
        name=_l("Phần việc cần điền hạn"),
        measure=_SHARES,
        compute=_standing(Status.UNDATED),
        section=AT_END,
        weight=22,
    ),
    Indicator(
        key="shares.regular",
        name=_l("Việc thường xuyên (không tính vào tỷ lệ)"),
        measure=_SHARES,
        compute=_standing(Status.REGULAR),
        section=AT_END,
        weight=23,
    ),
    Indicator(
        key="shares.withdrawn",
        name=_l("Phần việc đã rút (không tính vào tỷ lệ)"),
        measure=_SHARES,
        compute=_standing(Status.WITHDRAWN),
        section=AT_END,
        weight=24,
    ),
    Indicator(
        key="shares.without_evidence",
        name=_l("Phần việc hoàn thành chưa có minh chứng"),
        measure=_SHARES,
        compute=_without_evidence,
        section=AT_END,
        weight=25,
    ),
    Indicator(
        key="window.done",
        name=_l("Phần việc hoàn thành trong kỳ"),
        measure=_SHARES,
        compute=_happened(
            Happened.DONE,
            lambda one: one.done,
            _l("Các phần việc đã hoàn thành có ngày hoàn thành nằm trong kỳ."),
        ),
        section=IN_WINDOW,
        weight=30,
    ),
    Indicator(
        key="window.done_late",
        name=_l("Trong đó hoàn thành muộn"),
        measure=_SHARES,
        compute=_part(
            Happened.DONE,
            lambda one: one.done_late,
            lambda one: one.done,
            _l(
                "Mẫu số là các phần việc hoàn thành trong kỳ; tử số là những phần việc hoàn thành "
                "sau hạn ban đầu, kể cả khi đã được gia hạn."
            ),
        ),
        section=IN_WINDOW,
        weight=31,
    ),
    Indicator(
        key="window.extensions_asked",
        name=_l("Đề nghị gia hạn"),
        measure=_TIMES,
        compute=_happened(
            Happened.ASKED,
            lambda one: one.extensions_asked,
            _l("Số đề nghị gia hạn gửi trong kỳ."),
        ),
        section=IN_WINDOW,
        weight=40,
    ),
    Indicator(
        key="window.extensions_approved",
        name=_l("Gia hạn được đồng ý"),
        measure=_TIMES,
        compute=_happened(
            Happened.APPROVED,
            lambda one: one.extensions_approved,
            _l("Số đề nghị gia hạn được đồng ý trong kỳ."),
        ),
        section=IN_WINDOW,
        weight=41,
    ),
    Indicator(
        key="window.urges_unanswered",
        name=_l("Đôn đốc chưa được trả lời"),
        measure=_TIMES,
        compute=_part(
            Happened.URGED,
            lambda one: one.urges_unanswered,
            lambda one: one.urges_sent,
            _l("Mẫu số là số lượt đôn đốc gửi trong kỳ; tử số là số lượt chưa trả lời đến hết kỳ."),
        ),
        section=IN_WINDOW,
        weight=50,
    ),
    Indicator(
        key="window.entries",
        name=_l("Lượt cập nhật tiến độ"),
        measure=_TIMES,
        compute=_happened(
            Happened.ENTERED,
            lambda one: one.entries,
            _l("Số lần báo cáo tiến độ được ghi nhận trong kỳ."),
        ),
        section=IN_WINDOW,
        weight=60,
    ),
    Indicator(
        key="window.lag",
        name=_l("Độ trễ nhập liệu (trung vị)"),
        measure=_DAYS,
        compute=_happened(
            Happened.ENTERED,
            lambda one: one.lag,
            _l(
                "Số ngày từ khi việc diễn ra đến khi được nhập: một nửa số lần nhập không quá "
                "số này."
            ),
        ),
        section=IN_WINDOW,
        weight=61,
    ),
)


# -- sections -------------------------------------------------------------------------------------


def _shares_by(
    groups: Sequence[queries.Group], key: Callable[[queries.Group], int | None]
) -> dict[int | None, list[queries.Group]]:
    found: dict[int | None, list[queries.Group]] = {}
    for group in groups:
        found.setdefault(key(group), []).append(group)
    return found


def _overdue(groups: Sequence[queries.Group]) -> int:
    return sum(group.count for group in groups if group.status == Status.OVERDUE)


def _by_area(query: PeriodQuery) -> SectionTable:
    found = facts(query)
    tallies: dict[int | None, Tally] = {}
    for (_plan, area), tally in found.tallies.items():
        tallies[area] = tallies.get(area, Tally()) + tally
    shares = _shares_by(found.groups, lambda group: group.area_id)
    listed = areas.list_areas(db.session(), locale_code())
    known = {area.id: area.name for area in listed}
    order = {area.id: place for place, area in enumerate(listed)}
    rows: list[tuple[object, ...]] = []
    for area in sorted(
        tallies.keys() | shares.keys(), key=lambda one: (one is None, order.get(one or 0, 0))
    ):
        tally = tallies.get(area, Tally())
        rows.append(
            (
                known.get(area, "") if area is not None else _("Chưa xếp lĩnh vực"),
                tally.total,
                tally.done,
                percent(tally.done, tally.total),
                _overdue(shares.get(area, ())),
            )
        )
    summed = total(found.tallies)
    rows.append(
        (
            _("Tổng cộng"),
            summed.total,
            summed.done,
            percent(summed.done, summed.total),
            _overdue(found.groups),
        )
    )
    return SectionTable(
        headings=(
            _("Lĩnh vực"),
            ngettext("Nhiệm vụ", "Nhiệm vụ", 2),
            _("Hoàn thành"),
            _("Tỷ lệ (%)"),
            _("Phần việc quá hạn"),
        ),
        rows=rows,
        summary=str(RULE_WORDS[CountRule.PLAN]),
    )


def _by_unit(query: PeriodQuery) -> SectionTable:
    found = facts(query)
    shares = _shares_by(found.groups, lambda group: group.unit_id)
    nodes = whole_tree(db.session())
    order = {node.id: place for place, node in enumerate(nodes)}
    known = {node.id: node.name for node in nodes}
    known |= names(key for key in shares if key is not None and key not in known)
    rows: list[tuple[object, ...]] = []
    for unit in sorted(shares, key=lambda one: (order.get(one or 0, len(order)), one or 0)):
        rows.append((known.get(unit or 0, ""), *_unit_figures(shares[unit])))
    rows.append((_("Tổng cộng"), *_unit_figures(found.groups)))
    return SectionTable(
        headings=(
            _("Đơn vị chủ trì"),
            _("Phần việc"),
            _("Đã đến hạn"),
            _("Hoàn thành"),
            _("Tỷ lệ (%)"),
            _("Quá hạn"),
            _("Thiếu minh chứng"),
        ),
        rows=rows,
        summary=str(RULE_WORDS[CountRule.DUE]),
    )


def _unit_figures(groups: Sequence[queries.Group]) -> tuple[object, ...]:
    due = overview.due_figure(groups)
    return (
        sum(group.count for group in groups if COUNTED[Status(group.status)].in_plan),
        due.total,
        due.done,
        percent(due.done, due.total),
        _overdue(groups),
        overview.lacking_evidence(groups)[0],
    )


def _by_status(query: PeriodQuery) -> SectionTable:
    counts = overview.statuses(facts(query).groups)
    rows = [(str(STATUS_WORDS[Status(status)]), count) for status, count in counts if count]
    return SectionTable(
        headings=(_("Trạng thái"), _("Phần việc")),
        rows=[*rows, (_("Tổng cộng"), sum(count for _status, count in counts))],
    )


def _oldest(query: PeriodQuery) -> SectionTable:
    session, scope = db.session(), scope_of(query)
    rows = kept(
        session,
        ("oldest", query.end, scope, OLDEST),
        lambda: queries.oldest_overdue(session, query.end, scope, OLDEST),
    )
    return SectionTable(
        headings=(
            _("Nhiệm vụ"),
            _("Đơn vị chủ trì"),
            _("Người phụ trách"),
            _("Hạn"),
            _("Số ngày quá hạn"),
        ),
        rows=[(row.title, row.unit, row.person, row.due_on, row.days) for row in rows],
        summary=_("Nhiều nhất %(most)d phần việc quá hạn lâu nhất.", most=OLDEST) if rows else "",
    )


REPORT_SECTIONS: Final = (
    ReportSection(
        key="by_area", title=_l("Kết quả theo lĩnh vực"), table=_by_area, permission=VIEW, weight=10
    ),
    ReportSection(
        key="by_unit", title=_l("Kết quả theo đơn vị"), table=_by_unit, permission=VIEW, weight=20
    ),
    ReportSection(
        key="by_status",
        title=_l("Phần việc theo trạng thái"),
        table=_by_status,
        permission=VIEW,
        weight=30,
    ),
    ReportSection(
        key="oldest_overdue",
        title=_l("Phần việc quá hạn lâu nhất"),
        table=_oldest,
        permission=VIEW,
        weight=40,
    ),
)


# -- what is shown --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """An indicator in the window and in the one before."""

    key: str
    name: Label
    measure: Label
    now: IndicatorValue
    before: IndicatorValue | None

    @property
    def share(self) -> Decimal | None:
        """Return the rate in percent; None for a count and for 0 of 0."""
        return share_of(self.now)

    @property
    def change(self) -> Decimal | int | None:
        """Return the difference: in points for a rate, else in units; None without one."""
        if self.before is None:
            return None
        if self.now.denominator is not None:
            now, before = share_of(self.now), share_of(self.before)
        else:
            now, before = _number(self.now.value), _number(self.before.value)
        return None if now is None or before is None else now - before


def share_of(value: IndicatorValue) -> Decimal | None:
    """Return a rate in percent; None for a count and for 0 of 0."""
    if value.numerator is None or value.denominator is None:
        return None
    return percent(value.numerator, value.denominator)


def _number(value: Decimal | int | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def lines(query: PeriodQuery, before: PeriodQuery | None) -> list[tuple[Label, list[Line]]]:
    """Return all indicators that the reader may see, the core's two groups first."""
    access = current().actor.access
    groups: dict[str, list[Line]] = {key: [] for key in SECTIONS}
    for one in current_registry().indicators:
        if one.permission and not access.holds(one.permission):
            continue
        earlier = one.compute(before) if before is not None else None
        line = Line(one.key, one.name, one.measure, one.compute(query), earlier)
        groups.setdefault(one.section, []).append(line)
    other = _("Chỉ tiêu khác")
    # Figures that belong to a section stand under its title.
    titles = {**{one.key: one.title for one in current_registry().report_sections}, **SECTIONS}
    return [(titles.get(key, other), found) for key, found in groups.items() if found]


def tables(query: PeriodQuery) -> list[tuple[ReportSection, SectionTable]]:
    """Return all sections that the reader may see."""
    access = current().actor.access
    return [
        (one, one.table(query))
        for one in current_registry().report_sections
        if not one.permission or access.holds(one.permission)
    ]


def before_window(
    rules: Sequence[WindowRule], chosen: Window | None, start: date, end: date
) -> tuple[date, date] | None:
    """Return the window to compare with: by the rules the one closed before, else as many days.

    None where it would lie before what the calendar can hold.
    """
    if chosen is not None:
        found = previous_window(rules, chosen.end)
        return (found.start, found.end) if found else None
    length = (end - start).days + 1
    if start.toordinal() - length < 1:
        return None
    return start - timedelta(days=length), start - timedelta(days=1)


def windows_in(rules: Sequence[WindowRule], year: int) -> list[Window]:
    """Return the reporting windows of a year in their order."""
    return [window(rule, year) for rule in rules]

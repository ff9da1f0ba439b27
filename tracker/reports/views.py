"""Pages of leaders: the overview and the period summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from markupsafe import Markup
from werkzeug.wrappers import Response

from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import BadRequest
from tracker.core.numbers import percent
from tracker.core.periods import Window, current_window, previous_window
from tracker.core.text import fold
from tracker.plans.areas import AreaRow
from tracker.plans.figures import due_soon_days
from tracker.plans.rules import DONE, RULE_WORDS, CountRule, Status
from tracker.plugins.descriptors import PeriodQuery
from tracker.plugins.host import current_registry
from tracker.reports import overview as figures
from tracker.reports import period as summary
from tracker.reports import queries
from tracker.reports.filters import FIRST_YEAR, LAST_YEAR, Chosen, chosen, day_of, number_of
from tracker.reports.permissions import VIEW
from tracker.reports.progress import NOTHING, Tally, total
from tracker.reports.workbook import sheets
from tracker.settings import queries as settings
from tracker.settings.levels import due_for_actor
from tracker.settings.models import ReportWindow
from tracker.web.doors import requires
from tracker.web.exports import send_workbook
from tracker.web.i18n import locale_code, show_date, show_number, show_percent
from tracker.web.paging import address_with, page_number, paginate
from tracker.web.xlsx import Sheet

blueprint = Blueprint("reports", __name__)


class WindowNames:
    """What reporting windows are called, in the language of the request."""

    def __init__(self, rows: Sequence[ReportWindow]) -> None:
        self._names = {row.code: (row.name, row.name_en) for row in rows}

    def of(self, window: Window) -> str:
        """Return the name of a window with its year."""
        name, in_english = self._names[window.code]
        shown = in_english if locale_code() == "en" and in_english else name
        return f"{shown} {window.year}" if str(window.year) not in shown else shown


def _area_names(areas: Sequence[AreaRow]) -> dict[int | None, str]:
    found: dict[int | None, str] = {area.id: area.short_name for area in areas}
    found[None] = _("Chưa xếp lĩnh vực")
    return found


def next_report_card(as_of: date) -> str:
    """Return when the report of the running window closes and is due, for the overview."""
    rows = settings.windows()
    window = current_window([settings.rule_of(row) for row in rows], as_of)
    if window is None:
        return ""
    return render_template(
        "reports/_next_report.html",
        window=window,
        due_on=due_for_actor(window.due),
        name=WindowNames(rows).of(window),
        as_of=as_of,
    )


# -- overview -----------------------------------------------------------------------------------


@blueprint.get("/tong-quan")
@requires(VIEW)
def overview() -> str:
    """Show how the plans of a year stand on a day, on one page."""
    session, today = db.session(), current().clock.today()
    as_of = day_of("as_of") or today
    if as_of > today:
        raise BadRequest(_("Chưa có số liệu của ngày này: hãy chọn ngày không sau hôm nay."))
    here = chosen(session, as_of)
    rows = settings.windows()
    rules = [settings.rule_of(row) for row in rows]
    names = WindowNames(rows)
    window, previous = figures.windows_of(rules, as_of)
    common: dict[str, Any] = {
        "here": here,
        "as_of": as_of,
        "day": None if as_of == today else as_of,
        "window": window,
        "names": names,
    }
    if not here.plans:
        return render_template("reports/overview_empty.html", **common)
    soon, locale = due_soon_days(), locale_code()
    found = figures.read_figures(session, as_of, here.scope, window, previous, soon, locale)
    areas = found.areas
    now = total(found.now)
    matrix = figures.read_matrix(
        session, as_of, found, here, soon, locale, show_all=request.args.get("rows") == "all"
    )
    return render_template(
        "reports/overview.html",
        **common,
        found=found,
        now=now,
        share=percent(now.done, now.total),
        claimed=percent(now.claimed, now.total),
        due=found.due,
        due_share=_share(found.due),
        by_plan=_by_plan(found, here, as_of),
        sentences=_sentences(as_of, now, found, previous, names),
        statuses=found.statuses,
        ages=found.ages,
        late=sum(found.ages),
        evidence=found.lacking_evidence,
        matrix=matrix,
        area_names=_area_names(areas),
        trend=figures.build_trend(found, window, previous) if window else None,
        cards=_cards(as_of),
        rules=RULE_WORDS,
        is_today=as_of == today,
        explain_url=_explained(here, as_of, CountRule.PLAN),
        due_url=_explained(here, as_of, CountRule.DUE),
        listed=lambda **more: _listed(here, as_of, today, more),
        done=[status.value for status in DONE],
        late_urls=_late_urls(here, as_of, today),
        show_percent=show_percent,
    )


def _explained(here: Chosen, as_of: date, rule: CountRule) -> str:
    """Return the address of the page that shows the rule and the rows behind a figure."""
    asked: dict[str, Any] = {**queries.explained_as(here.scope)}
    return url_for("plans.explain", rule=rule.value, as_of=as_of.isoformat(), **asked)


def _listed(here: Chosen, as_of: date, today: date, more: Mapping[str, Any]) -> str:
    """Return the address of the tasks behind a figure, as of the figure's day."""
    asked: dict[str, Any] = {**queries.explained_as(here.scope), **more}
    if as_of != today:
        asked["tai-ngay"] = as_of.isoformat()
    return url_for("plans.list_tasks", **asked)


def _late_urls(here: Chosen, as_of: date, today: date) -> list[str]:
    """Return the addresses of the overdue tasks of each age, in the order of the bands."""
    newer, older = (as_of - timedelta(days=days) for days in queries.AGES)
    day = timedelta(days=1)
    spans = ({"from": newer}, {"from": older, "to": newer - day}, {"to": older - day})
    return [
        _listed(
            here,
            as_of,
            today,
            {"status": Status.OVERDUE.value, **{key: one.isoformat() for key, one in span.items()}},
        )
        for span in spans
    ]


def _share(tally: Tally) -> Decimal | None:
    return percent(tally.done, tally.total)


def _by_plan(
    found: figures.Figures, here: Chosen, as_of: date
) -> list[tuple[queries.PlanChoice, Tally, str]]:
    """Return the share of each plan in the figure, and where its rows are explained."""
    tallies: dict[int, Tally] = {}
    for (plan_id, _area), tally in found.now.items():
        tallies[plan_id] = tallies.get(plan_id, NOTHING) + tally
    shares: list[tuple[queries.PlanChoice, Tally, str]] = []
    for plan in here.plans:
        if plan.id in tallies:
            asked: dict[str, Any] = {
                **queries.explained_as(replace(here.scope, plan_id=plan.id, year=None))
            }
            rule, day = CountRule.PLAN.value, as_of.isoformat()
            url = url_for("plans.explain", rule=rule, as_of=day, **asked)
            shares.append((plan, tallies[plan.id], url))
    return shares


def _sentences(
    as_of: date,
    now: Tally,
    found: figures.Figures,
    previous: Window | None,
    names: WindowNames,
) -> list[str]:
    """Return the three sentences that the figures make."""
    share = percent(now.done, now.total)
    said: list[str] = []
    if share is None:
        said.append(_("Đến %(day)s chưa có nhiệm vụ nào được tính.", day=show_date(as_of)))
    else:
        said.append(
            _(
                "Đến %(day)s hoàn thành %(done)s trên %(total)s nhiệm vụ, đạt %(share)s.",
                day=show_date(as_of),
                done=show_number(now.done),
                total=show_number(now.total),
                share=show_percent(share),
            )
        )
    before = percent(found.before.done, found.before.total)
    if previous is None or before is None or share is None:
        said.append(_("Chưa có số liệu của kỳ trước để so sánh."))
    else:
        said.append(_compared(share, before, found.before, previous, names))
    late = [group.count for group in found.groups if group.age is not None]
    if found.oldest:
        oldest = found.oldest[0]
        said.append(
            ngettext(
                "Còn %(late)s phần việc quá hạn; lâu nhất là “%(title)s” của %(unit)s, "
                "quá hạn %(days)s ngày.",
                "Còn %(late)s phần việc quá hạn; lâu nhất là “%(title)s” của %(unit)s, "
                "quá hạn %(days)s ngày.",
                oldest.days,
                late=show_number(sum(late)),
                title=oldest.title,
                unit=oldest.unit,
                days=show_number(oldest.days),
            )
        )
    else:
        said.append(_("Không có phần việc nào quá hạn."))
    return said


def _compared(
    share: Decimal, before: Decimal, tally: Tally, previous: Window, names: WindowNames
) -> str:
    values = {
        "name": names.of(previous),
        "day": show_date(previous.end),
        "done": show_number(tally.done),
        "total": show_number(tally.total),
        "before": show_percent(before),
        "points": show_number(abs(share - before), 2),
    }
    if share > before:
        return str(
            _(
                "Tăng %(points)s điểm phần trăm so với kỳ %(name)s "
                "(chốt %(day)s: %(done)s/%(total)s, %(before)s).",
                **values,
            )
        )
    if share < before:
        return str(
            _(
                "Giảm %(points)s điểm phần trăm so với kỳ %(name)s "
                "(chốt %(day)s: %(done)s/%(total)s, %(before)s).",
                **values,
            )
        )
    return str(
        _(
            "Không đổi so với kỳ %(name)s (chốt %(day)s: %(done)s/%(total)s, %(before)s).",
            **values,
        )
    )


def _cards(as_of: date) -> list[tuple[str, Markup]]:
    """Return the blocks of other features and plug-ins that have something to show."""
    access = current().actor.access
    found: list[tuple[str, Markup]] = []
    for card in current_registry().dashboard_cards:
        if card.permission and not access.holds(card.permission):
            continue
        shown = card.render(as_of)
        if shown:
            # The contract of a card: it returns safe HTML.
            found.append((str(card.title), Markup(shown)))  # noqa: S704
    return found


# -- period summary -----------------------------------------------------------------------------


@blueprint.get("/bao-cao-ky")
@requires(VIEW)
def period() -> str:
    """Show the summary of a window."""
    asked = _asked()
    return render_template("reports/period.html", **asked, **_body(asked))


@blueprint.get("/bao-cao-ky/phat-sinh")
@requires(VIEW)
def happened() -> str:
    """Show the rows behind a count of what happened in a window."""
    asked = _asked()
    query: PeriodQuery = asked["query"]
    try:
        what = queries.Happened(request.args.get("what") or queries.Happened.DONE)
    except ValueError as error:
        raise BadRequest(_("Địa chỉ có phần không đọc được.")) from error
    rows = queries.happened(what, query.start, query.end, summary.scope_of(query))
    return render_template(
        "reports/happened.html",
        **asked,
        what=what,
        words=summary.HAPPENED_WORDS,
        page=paginate(db.session(), rows, page_number()),
        page_url=lambda number: address_with(page=number),
        choices_of_rows=[
            (label, address_with(what=one.value), one is what)
            for one, label in summary.HAPPENED_WORDS.items()
        ],
    )


@blueprint.get("/bao-cao-ky/xuat")
@requires(VIEW)
def export_period() -> Response:
    """Hand out the same summary as a workbook, with the list of tasks."""
    asked = _asked()
    query: PeriodQuery = asked["query"]
    title = f"{asked['heading']} · {asked['about']}"
    note = _(
        "Kỳ báo cáo: từ %(start)s đến %(end)s.",
        start=show_date(query.start),
        end=show_date(query.end),
    )
    rows = queries.annex(db.session(), query.end, summary.scope_of(query))
    name = fold(asked["heading"]).replace(" ", "-")
    name = f"{name}-{query.start:%Y%m%d}-{query.end:%Y%m%d}.xlsx"

    def made() -> list[Sheet]:
        groups = summary.lines(query, asked["before"])
        return sheets(title, note, groups, summary.tables(query), rows)

    return send_workbook(name, len(rows), made)


def _asked() -> dict[str, Any]:
    """Return what the address asks for. Raises BadRequest, NotFound."""
    session, today = db.session(), current().clock.today()
    rows = settings.windows()
    rules = [settings.rule_of(row) for row in rows]
    names = WindowNames(rows)
    start, end = day_of("start"), day_of("end")
    code = request.args.get("window", "")
    year = number_of("year", FIRST_YEAR, LAST_YEAR)
    if code and code not in {rule.code for rule in rules}:
        raise BadRequest(_("Không có kỳ báo cáo này."))
    window: Window | None = None
    if code:
        window = next(
            one for one in summary.windows_in(rules, year or today.year) if one.code == code
        )
    elif start is None and end is None:
        if year is not None and year != today.year:
            window = summary.windows_in(rules, year)[-1] if rules else None
        else:
            window = previous_window(rules, today + timedelta(days=1))
    if window is not None:
        start, end = window.start, window.end
    if start is None or end is None:
        raise BadRequest(_("Hãy chọn cả ngày bắt đầu và ngày kết thúc của kỳ."))
    if end < start:
        raise BadRequest(_("Ngày kết thúc phải sau ngày bắt đầu."))
    here = chosen(session, end)
    query = PeriodQuery(start, end, here.scope.unit_id, here.scope.plan_id)
    before = summary.before_window(rules, window, start, end)
    heading = names.of(window) if window else _("Kỳ tự chọn")
    return {
        "here": here,
        "query": query,
        "before": None if before is None else PeriodQuery(*before, query.unit_id, query.plan_id),
        "window": window,
        "names": names,
        "heading": heading,
        "about": here.plan.title
        if here.plan
        else _("Các kế hoạch năm %(year)s", year=query.end.year),
        "choices": summary.windows_in(rules, window.year if window else end.year),
        "year": window.year if window else end.year,
        "today": today,
        "is_open": end >= today,
        "link": lambda endpoint, **more: url_for(endpoint, **_kept_in_address(here, more)),
        "here_again": _address_of(here, window, start, end),
    }


def _kept_in_address(here: Chosen, more: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    if request.args.get("plan"):
        kept["plan"] = here.scope.plan_id
    if here.scope.unit_id is not None:
        kept["unit"] = here.scope.unit_id
    return {**kept, **more}


def _address_of(here: Chosen, window: Window | None, start: date, end: date) -> dict[str, Any]:
    if window is not None:
        return _kept_in_address(here, {"window": window.code, "year": window.year})
    return _kept_in_address(here, {"start": start.isoformat(), "end": end.isoformat()})


def _body(asked: Mapping[str, Any]) -> dict[str, Any]:
    query: PeriodQuery = asked["query"]
    return {
        "groups": summary.lines(query, asked["before"]),
        "sections": summary.tables(query),
        "versions": queries.plan_versions(db.session(), query.end, summary.scope_of(query)),
        "agency": str(settings.value("agency.name") or ""),
        "agency_parent": str(settings.value("agency.parent_name") or ""),
        "place": str(settings.value("agency.place") or ""),
        "share_of": summary.share_of,
        "is_number": lambda value: isinstance(value, int | float | Decimal),
        "is_day": lambda value: isinstance(value, date),
    }

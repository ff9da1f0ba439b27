"""Where the register meets the rest: the day's work, a unit's page, reports, the reform plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from sqlalchemy import and_, func, select

from tracker.api import clock
from tracker.api.hooks import (
    IndicatorValue,
    MyWorkItem,
    PeriodQuery,
    SearchHit,
    SectionTable,
    SourcedProgress,
    WorkGroup,
)
from tracker.api.i18n import gettext as _
from tracker.api.numbers import format_percent, percent
from tracker.api.queries import assignments, session, units, visible
from tracker.api.web import render_template, url_for
from tracker_position_rotation import labels, queries
from tracker_position_rotation.models import (
    Holding,
    Outcome,
    Person,
    Plan,
    PlanRow,
    PlanState,
    Post,
)
from tracker_position_rotation.permissions import VIEW
from tracker_position_rotation.rules import Standing, due_by
from tracker_position_rotation.standings import held_on, periods_on, standing_on

MOST_ITEMS = 30


def quarter_end(day: date) -> date:
    """Return the last day of the quarter of `day`."""
    month = (day.month - 1) // 3 * 3 + 3
    return date(day.year, month, 31 if month in {3, 12} else 30)


def my_work() -> Sequence[MyWorkItem]:
    """Return whom the head has to see moved by the end of the quarter, whoever is late first."""
    today = clock.today()
    last = quarter_end(today)
    periods = periods_on(session(), last)
    rows = session().execute(
        select(
            Person.public_id,
            Person.name,
            Post.title,
            Post.category_id,
            units.c.name.label("unit"),
            Holding.since_in_category,
        )
        .select_from(Holding)
        .join(Person, Person.id == Holding.person_id)
        .join(Post, Post.id == Holding.post_id)
        .join(units, units.c.id == Post.unit_id)
        .where(
            held_on(today),
            visible(VIEW, Post),
            standing_on(last, periods) == Standing.DUE.value,
        )
        .order_by(Holding.since_in_category, Person.sort_key)
        .limit(MOST_ITEMS)
    )
    items = []
    for row in rows:
        due = due_by(row.since_in_category, periods[row.category_id])
        items.append(
            MyWorkItem(
                group=WorkGroup.OVERDUE if due < today else WorkGroup.DUE_SOON,
                title=_("Chuyển đổi vị trí: %(name)s", name=row.name),
                url=url_for("position_rotation.show_person", person_id=row.public_id),
                context=f"{row.title} – {row.unit}",
                due_on=due,
                key=f"position_rotation.{row.public_id}",
            )
        )
    return items


def unit_panel(unit_id: int) -> str:
    """Return how the people of a unit and below stand; '' when none of them is in the register."""
    counts = queries.counts(session(), clock.today(), unit_id)
    if not sum(counts.values()):
        return ""
    return render_template(
        "position_rotation/_unit_panel.html",
        counts=counts,
        unit_id=unit_id,
        words=labels,
    )


def search(words: str, limit: int) -> Sequence[SearchHit]:
    """Find people of the register by name or staff code."""
    query, _periods = queries.register(
        session(), clock.today(), queries.RegisterFilters(words=words)
    )
    return [
        SearchHit(
            title=row.name,
            url=url_for("position_rotation.show_person", person_id=row.public_id),
            context=f"{row.post} – {row.unit}",
            icon="user",
        )
        for row in session().execute(query.limit(limit))
    ]


def _plans(query: PeriodQuery) -> list[Plan]:
    """Return the approved plans of the window's years that the reader may see."""
    plans = select(Plan).where(
        Plan.year.between(query.start.year, query.end.year),
        Plan.state != PlanState.DRAFT,
        visible(VIEW, Plan),
    )
    if query.unit_id is not None:
        plans = plans.where(Plan.unit_id.in_(queries.below(query.unit_id)))
    return list(session().scalars(plans.order_by(Plan.year, Plan.id)))


def section(query: PeriodQuery) -> SectionTable:
    """Return the result table: listed, exempt, deferred, to move, moved, share."""
    plans = _plans(query)
    counts = queries.plan_counts(session(), [plan.id for plan in plans])
    names = {
        row.id: row.name
        for row in session().execute(
            select(units.c.id, units.c.name).where(units.c.id.in_([one.unit_id for one in plans]))
        )
    }
    rows = []
    for plan in plans:
        one = counts[plan.id]
        share = percent(one.moved, one.to_move)
        rows.append(
            (
                plan.title,
                names.get(plan.unit_id, ""),
                one.listed,
                one.exempt,
                one.deferred,
                one.to_move,
                one.moved,
                format_percent(share, "vi") if share is not None else "–",
            )
        )
    return SectionTable(
        headings=(
            _("Kế hoạch"),
            _("Đơn vị"),
            _("Thuộc diện"),
            _("Không phải chuyển"),
            _("Tạm hoãn"),
            _("Phải chuyển"),
            _("Đã chuyển"),
            _("Tỷ lệ"),
        ),
        rows=rows,
        summary=_(
            "Tỷ lệ = đã chuyển / phải chuyển; phải chuyển = thuộc diện trừ không phải chuyển và "
            "tạm hoãn."
        )
        if rows
        else _("Chưa có kế hoạch chuyển đổi nào được ban hành trong kỳ."),
    )


def share_moved(query: PeriodQuery) -> IndicatorValue:
    """Return moved of those to move, over the approved plans of the window's years."""
    counts = queries.plan_counts(session(), [plan.id for plan in _plans(query)]).values()
    moved, to_move = sum(one.moved for one in counts), sum(one.to_move for one in counts)
    return IndicatorValue(
        numerator=moved,
        denominator=to_move,
        rule=_("Đã chuyển / phải chuyển theo các kế hoạch đã ban hành của năm."),
        rows_url=url_for("position_rotation.list_plans"),
    )


def moved_in_window(query: PeriodQuery) -> IndicatorValue:
    """Return how many people changed position by a decision that took effect in the window.

    Counted from the register, so that moves outside a plan count too, as in article A2 (five
    land-and-construction officials under plan 134/KH-UBND of 28/05/2021, without a planned count).
    """
    many = (
        select(func.count(Holding.id))
        .join(Post, Post.id == Holding.post_id)
        .where(
            Holding.since.between(query.start, query.end),
            Holding.decision_number != "",
            Post.category_id.is_not(None),
            visible(VIEW, Post),
        )
    )
    if query.unit_id is not None:
        many = many.where(Post.unit_id.in_(queries.below(query.unit_id)))
    return IndicatorValue(
        value=Decimal(session().scalar(many) or 0),
        rule=_("Số người có quyết định chuyển vị trí thuộc danh mục, có hiệu lực trong kỳ."),
        rows_url=url_for("position_rotation.register"),
    )


def progress(today: date) -> Iterable[SourcedProgress]:
    """Say how the reform plans' rotation tasks stand, by the plans that are tied to them.

    A unit's share follows the plan of that unit. Done when nobody who has to move is left.
    """
    rows = (
        session()
        .execute(
            select(Plan, assignments.c.public_id)
            .join(
                assignments,
                and_(
                    assignments.c.task_id == Plan.task_id,
                    assignments.c.unit_id == Plan.unit_id,
                    assignments.c.withdrawn_on.is_(None),
                ),
            )
            .where(Plan.state != PlanState.DRAFT)
            .order_by(Plan.id)
        )
        .all()
    )
    counts = queries.plan_counts(session(), [plan.id for plan, _key in rows])
    for plan, assignment in rows:
        one = counts[plan.id]
        is_done = one.moved == one.to_move
        last = session().scalar(
            select(func.max(PlanRow.effective_on)).where(
                PlanRow.plan_id == plan.id, PlanRow.outcome == Outcome.DONE
            )
        )
        yield SourcedProgress(
            assignment=assignment,
            key=f"{plan.public_id}:{one.moved}/{one.to_move}",
            reported="done" if is_done else "in_progress",
            percent=100 if is_done else one.moved * 100 // one.to_move,
            note=_(
                "Kế hoạch %(number)s: đã chuyển %(moved)d/%(to_move)d người.",
                number=plan.number,
                moved=one.moved,
                to_move=one.to_move,
            ),
            done_on=(last or plan.issued_on) if is_done else None,
            evidence_number=plan.number,
            evidence_on=plan.issued_on,
            evidence_title=plan.title,
        )

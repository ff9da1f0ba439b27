"""What the pages read: the register, posts, people, plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, func, or_, select
from sqlalchemy.orm import Session, aliased, defer

from tracker.api import text
from tracker.api.queries import unit_choices, unit_closure, units, visible
from tracker_position_rotation.labels import reason_name
from tracker_position_rotation.models import (
    Category,
    Deferral,
    Holding,
    Outcome,
    Person,
    Plan,
    PlanRow,
    Post,
    Reason,
    reason_of,
)
from tracker_position_rotation.permissions import MANAGE, VIEW
from tracker_position_rotation.rules import Period, Standing, due_by, months_held
from tracker_position_rotation.standings import held_on, periods_on, standing_on


@dataclass(frozen=True)
class RegisterFilters:
    """What the register shows: standings (none = all), a unit with what lies below it, words."""

    standings: frozenset[Standing] = frozenset()
    unit_id: int | None = None
    words: str = ""


@dataclass(frozen=True)
class RegisterRow:
    """One person in the register on a day."""

    public_id: UUID
    name: str
    staff_code: str
    unit: str
    post: str
    category: str
    since: date
    months: int
    months_in_category: int
    due_on: date | None
    standing: Standing


def below(unit_id: int) -> Select[int]:
    """Return the ids of a unit and all below it."""
    return select(unit_closure.c.descendant_id).where(unit_closure.c.ancestor_id == unit_id)


def _held(day: date, filters: RegisterFilters) -> list[ColumnElement[bool]]:
    conditions = [held_on(day), visible(VIEW, Person)]
    if filters.unit_id is not None:
        conditions.append(Post.unit_id.in_(below(filters.unit_id)))
    for word in text.search_terms(filters.words).folded:
        conditions.append(
            or_(
                Person.folded.contains(word, autoescape=True),
                Post.folded.contains(word, autoescape=True),
            )
        )
    return conditions


def register(
    session: Session, day: date, filters: RegisterFilters
) -> tuple[Select[Any], Mapping[int, Period]]:
    """Return the query of the register on `day`, whoever is due longest first, and the periods."""
    periods = periods_on(session, day)
    standing = standing_on(day, periods)
    order = case(
        {
            Standing.DUE.value: 0,
            Standing.SOON.value: 1,
            Standing.DEFERRED.value: 2,
            Standing.EXEMPT.value: 3,
            Standing.NOT_DUE.value: 4,
        },
        value=standing,
        else_=5,
    )
    query = (
        select(
            Person.public_id,
            Person.name,
            Person.staff_code,
            units.c.name.label("unit"),
            Post.title.label("post"),
            Post.category_id,
            Category.title.label("category"),
            Holding.since,
            Holding.since_in_category,
            standing.label("standing"),
        )
        .join(Holding, Holding.person_id == Person.id)
        .join(Post, Post.id == Holding.post_id)
        .join(units, units.c.id == Post.unit_id)
        .outerjoin(Category, Category.id == Post.category_id)
        .where(*_held(day, filters))
        .order_by(order, Holding.since_in_category, Person.sort_key, Person.id)
    )
    if filters.standings:
        query = query.where(standing.in_([one.value for one in filters.standings]))
    return query, periods


def register_row(row: Any, day: date, periods: Mapping[int, Period]) -> RegisterRow:
    """Make a row of the register from a row of its query."""
    period = periods.get(row.category_id)
    return RegisterRow(
        public_id=row.public_id,
        name=row.name,
        staff_code=row.staff_code,
        unit=row.unit,
        post=row.post,
        category=row.category or "",
        since=row.since,
        months=months_held(row.since, day),
        months_in_category=months_held(row.since_in_category, day),
        due_on=due_by(row.since_in_category, period) if period else None,
        standing=Standing(row.standing),
    )


def counts(session: Session, day: date, unit_id: int | None = None) -> dict[Standing, int]:
    """Return how many people stand how on `day`, within the reader's reach."""
    standing = standing_on(day, periods_on(session, day)).label("standing")
    held = (
        select(standing)
        .select_from(Holding)
        .join(Person, Person.id == Holding.person_id)
        .join(Post, Post.id == Holding.post_id)
        .where(*_held(day, RegisterFilters(unit_id=unit_id)))
        .subquery()
    )
    rows = session.execute(
        select(held.c.standing, func.count().label("many")).group_by(held.c.standing)
    )
    found = {Standing(row.standing): int(row.many) for row in rows}
    return {standing: found.get(standing, 0) for standing in Standing}


def find_person(session: Session, public_id: UUID) -> Person | None:
    """Return a person that the reader may see."""
    return session.scalars(
        select(Person).where(Person.public_id == public_id, visible(VIEW, Person))
    ).one_or_none()


@dataclass(frozen=True)
class HeldPost:
    """A post that somebody holds or held."""

    post: str
    unit: str
    category: str
    category_id: int | None
    since: date
    since_in_category: date
    until: date | None
    decision_number: str
    decided_on: date | None


def posts_held(session: Session, person_id: int) -> Sequence[HeldPost]:
    """Return the posts of a person, the newest first."""
    rows = session.execute(
        select(
            Post.title,
            units.c.name,
            func.coalesce(Category.title, ""),
            Post.category_id,
            Holding.since,
            Holding.since_in_category,
            Holding.until,
            Holding.decision_number,
            Holding.decided_on,
        )
        .select_from(Holding)
        .join(Post, Post.id == Holding.post_id)
        .join(units, units.c.id == Post.unit_id)
        .outerjoin(Category, Category.id == Post.category_id)
        .where(Holding.person_id == person_id)
        .order_by(Holding.since.desc(), Holding.id.desc())
    )
    return [HeldPost(*row) for row in rows]


@dataclass(frozen=True)
class DeferralRow:
    """A deferral without what is private about it."""

    id: int
    reason: str
    counts_out: bool
    is_private: bool
    has_note: bool
    start: date
    end: date | None
    evidence_number: str
    evidence_on: date | None


def deferrals_of(session: Session, person_id: int) -> Sequence[DeferralRow]:
    """Return a person's deferrals, the newest first; of a private one only that there is one."""
    rows = session.execute(
        select(Deferral, Reason.name, Reason.name_en)
        .options(defer(Deferral.note), defer(Deferral.private_reason))
        .add_columns(Deferral.note.is_not(None), Deferral.reason_id.is_(None))
        .outerjoin(Reason, Reason.id == Deferral.reason_id)
        .where(Deferral.person_id == person_id)
        .order_by(Deferral.start.desc(), Deferral.id.desc())
    )
    return [
        DeferralRow(
            id=deferral.id,
            reason="" if is_private else reason_name(name, name_en),
            counts_out=deferral.counts_out,
            is_private=bool(is_private),
            has_note=bool(has_note),
            start=deferral.start,
            end=deferral.end,
            evidence_number="" if is_private else deferral.evidence_number or "",
            evidence_on=None if is_private else deferral.evidence_on,
        )
        for deferral, name, name_en, has_note, is_private in rows
    ]


@dataclass(frozen=True)
class OpenedReason:
    """What is private about a deferral, for whoever may read it and has been logged."""

    deferral_id: int
    reason: str
    note: str
    evidence_number: str
    evidence_on: date | None


def opened_reason(session: Session, deferral: Deferral) -> OpenedReason:
    """Return what is private about a deferral; the reading was logged before."""
    reason = session.get_one(Reason, reason_of(deferral))
    return OpenedReason(
        deferral.id,
        reason_name(reason.name, reason.name_en),
        deferral.note or "",
        deferral.evidence_number or "",
        deferral.evidence_on,
    )


@dataclass(frozen=True)
class PostRow:
    """A post with how many hold it."""

    id: int
    public_id: UUID
    title: str
    unit: str
    profession: str
    category: str
    seats: int
    smallest: int
    held: int
    ended_on: date | None


def posts(filters: RegisterFilters, *, permission: str = VIEW) -> Select[Any]:
    """Return the query of posts within the reach of `permission`."""
    held = (
        select(func.count(Holding.id))
        .where(Holding.post_id == Post.id, Holding.until.is_(None))
        .correlate(Post)
        .scalar_subquery()
    )
    query = (
        select(
            Post.id,
            Post.public_id,
            Post.title,
            units.c.name.label("unit"),
            Post.profession,
            func.coalesce(Category.title, "").label("category"),
            Post.seats,
            Post.smallest,
            held.label("held"),
            Post.ended_on,
        )
        .join(units, units.c.id == Post.unit_id)
        .outerjoin(Category, Category.id == Post.category_id)
        .where(visible(permission, Post))
        .order_by(units.c.sort_key, Post.sort_key, Post.id)
    )
    if filters.unit_id is not None:
        query = query.where(Post.unit_id.in_(below(filters.unit_id)))
    for word in text.search_terms(filters.words).folded:
        query = query.where(Post.folded.contains(word, autoescape=True))
    return query


def find_post(session: Session, public_id: UUID) -> Post | None:
    """Return a post that the reader may see."""
    return session.scalars(
        select(Post).where(Post.public_id == public_id, visible(VIEW, Post))
    ).one_or_none()


def post_choices(session: Session, *, but: int | None = None) -> list[tuple[int, str]]:
    """Return (id, 'post – unit') of the posts that the actor manages and that go on."""
    rows = session.execute(posts(RegisterFilters(), permission=MANAGE))
    return [
        (row.id, f"{row.title} – {row.unit}")
        for row in rows
        if row.ended_on is None and row.id != but
    ]


def reach_choices(session: Session, kept: int | None = None) -> list[tuple[int, str]]:
    """Return the units whose superior may move people of the units that the actor manages.

    These units themselves, those above them, and the one that is kept.
    """
    found = unit_choices(MANAGE)
    above = (
        select(units.c.id, units.c.name)
        .where(
            units.c.id.in_(
                select(unit_closure.c.ancestor_id).where(
                    unit_closure.c.descendant_id.in_(
                        select(units.c.id).where(visible(MANAGE, units))
                    )
                )
            )
            | (units.c.id == kept),
            units.c.valid_to.is_(None) | (units.c.id == kept),
        )
        .order_by(units.c.sort_key)
    )
    known = {key for key, _label in found}
    return [(row.id, row.name) for row in session.execute(above) if row.id not in known] + found


def categories(session: Session) -> Sequence[Category]:
    """Return all categories, in order."""
    return session.scalars(
        select(Category).order_by(Category.sort_key, Category.valid_from, Category.id)
    ).all()


def reasons(session: Session, day: date | None = None) -> Sequence[Reason]:
    """Return the reasons in force on `day`, or all."""
    query = select(Reason).order_by(Reason.position, Reason.id)
    if day is not None:
        query = query.where(
            Reason.valid_from <= day, or_(Reason.valid_to.is_(None), Reason.valid_to > day)
        )
    return session.scalars(query).all()


@dataclass(frozen=True)
class PlanCounts:
    """The result table of a plan: listed = exempt + deferred + to move; moved of those to move."""

    listed: int
    exempt: int
    deferred: int
    to_move: int
    moved: int

    @property
    def without_post(self) -> int:
        """Return how many should move and have no post yet: see `outcomes`."""
        return self.listed - self.exempt - self.deferred - self.to_move


def plan_counts(session: Session, plan_ids: Sequence[int]) -> dict[int, PlanCounts]:
    """Return the counts of plans: people who are due; those who free a seat are not listed."""
    rows = session.execute(
        select(PlanRow.plan_id, PlanRow.outcome, func.count())
        .where(PlanRow.plan_id.in_(plan_ids), PlanRow.due_on.is_not(None))
        .group_by(PlanRow.plan_id, PlanRow.outcome)
    )
    found: dict[int, dict[Outcome, int]] = {key: {} for key in plan_ids}
    for plan_id, outcome, many in rows:
        found[plan_id][outcome] = many
    return {
        key: PlanCounts(
            listed=sum(by.values()),
            exempt=by.get(Outcome.EXEMPT, 0),
            deferred=by.get(Outcome.DEFERRED, 0),
            to_move=sum(by.get(one, 0) for one in (Outcome.OPEN, Outcome.PLANNED, Outcome.DONE)),
            moved=by.get(Outcome.DONE, 0),
        )
        for key, by in found.items()
    }


def plans(session: Session) -> Sequence[Any]:
    """Return (plan, unit name) of the plans that the reader may see, the newest year first."""
    return session.execute(
        select(Plan, units.c.name.label("unit"))
        .join(units, units.c.id == Plan.unit_id)
        .where(visible(VIEW, Plan))
        .order_by(Plan.year.desc(), units.c.sort_key, Plan.id)
    ).all()


def find_plan(session: Session, public_id: UUID) -> Plan | None:
    """Return a plan that the reader may see."""
    return session.scalars(
        select(Plan).where(Plan.public_id == public_id, visible(VIEW, Plan))
    ).one_or_none()


@dataclass(frozen=True)
class PlanLine:
    """A row of a plan as it is shown and printed; it holds no private reason."""

    id: int
    version: int
    person_public_id: UUID
    may_open: bool
    name: str
    staff_code: str
    from_unit: str
    from_post: str
    since: date
    months: int
    due_on: date | None
    outcome: Outcome
    to_unit: str
    to_post: str
    month: int | None
    why: str
    reason: str
    reason_is_private: bool
    deferred_until: date | None
    decision_number: str
    decided_on: date | None
    effective_on: date | None
    minutes_number: str
    minutes_on: date | None
    is_by_hand: bool


def plan_rows(
    plan: Plan, outcomes: frozenset[Outcome] = frozenset(), row_id: int | None = None
) -> Select[Any]:
    """Return the query of a plan's rows: by unit, then by who is due first."""
    origin, target = aliased(Post), aliased(Post)
    from_unit, to_unit = units.alias("from_unit"), units.alias("to_unit")
    query = (
        select(
            PlanRow,
            Person.public_id,
            visible(VIEW, Person).label("may_open"),
            Person.name,
            Person.staff_code,
            from_unit.c.name.label("from_unit"),
            origin.title.label("from_post"),
            to_unit.c.name.label("to_unit"),
            target.title.label("to_post"),
            Reason.name.label("reason"),
            Reason.name_en.label("reason_en"),
            PlanRow.private_reason.is_not(None).label("is_private"),
        )
        .options(defer(PlanRow.private_reason))
        .join(Person, Person.id == PlanRow.person_id)
        .join(origin, origin.id == PlanRow.from_post_id)
        .join(from_unit, from_unit.c.id == origin.unit_id)
        .outerjoin(target, target.id == PlanRow.to_post_id)
        .outerjoin(to_unit, to_unit.c.id == target.unit_id)
        .outerjoin(Reason, Reason.id == PlanRow.reason_id)
        .where(PlanRow.plan_id == plan.id)
        .order_by(from_unit.c.sort_key, PlanRow.due_on, Person.sort_key, PlanRow.id)
    )
    if outcomes:
        query = query.where(PlanRow.outcome.in_(outcomes))
    if row_id is not None:
        query = query.where(PlanRow.id == row_id)
    return query


def plan_line(found: Any, year: int) -> PlanLine:
    """Make a line from a row of `plan_rows`; a private reason stays behind."""
    row = found.PlanRow
    is_private = bool(found.is_private)
    return PlanLine(
        id=row.id,
        version=row.version,
        person_public_id=found.public_id,
        may_open=bool(found.may_open),
        name=found.name,
        staff_code=found.staff_code,
        from_unit=found.from_unit,
        from_post=found.from_post,
        since=row.since,
        months=months_held(row.since, date(year, 12, 31)),
        due_on=row.due_on,
        outcome=row.outcome,
        to_unit=found.to_unit or "",
        to_post=found.to_post or "",
        month=row.month,
        why=row.why,
        reason=reason_name(found.reason or "", found.reason_en or ""),
        reason_is_private=is_private,
        deferred_until=row.deferred_until,
        decision_number=row.decision_number,
        decided_on=row.decided_on,
        effective_on=row.effective_on,
        minutes_number=row.minutes_number,
        minutes_on=row.minutes_on,
        is_by_hand=row.is_by_hand,
    )


def plan_lines(session: Session, plan: Plan) -> list[PlanLine]:
    """Return all lines of a plan, for paper and spreadsheets."""
    return [plan_line(row, plan.year) for row in session.execute(plan_rows(plan))]


@dataclass(frozen=True)
class ReasonCount:
    """How many people of a plan wait, or are left out, for one reason; '' of private ones."""

    outcome: Outcome
    reason: str
    many: int


def reason_counts(session: Session, plan_id: int) -> list[ReasonCount]:
    """Return who is exempt or deferred by reason; private reasons are counted together."""
    rows = session.execute(
        select(PlanRow.outcome, Reason.name, Reason.name_en, func.count())
        .outerjoin(Reason, Reason.id == PlanRow.reason_id)
        .where(
            PlanRow.plan_id == plan_id,
            PlanRow.due_on.is_not(None),
            PlanRow.outcome.in_([Outcome.EXEMPT, Outcome.DEFERRED]),
            or_(PlanRow.reason_id.is_not(None), PlanRow.private_reason.is_not(None)),
        )
        .group_by(PlanRow.outcome, Reason.id, Reason.name, Reason.name_en, Reason.position)
        .order_by(Reason.position, Reason.id)
    )
    found: dict[tuple[Outcome, str], int] = {}
    for outcome, name, name_en, many in rows:
        key = outcome, reason_name(name or "", name_en or "")
        found[key] = found.get(key, 0) + int(many)
    return [
        ReasonCount(outcome, reason, many)
        for (outcome, reason), many in sorted(found.items(), key=lambda one: not one[0][1])
    ]


def outcomes(session: Session, plan_id: int) -> dict[Outcome, int]:
    """Return how many rows of a plan have which outcome."""
    rows = session.execute(
        select(PlanRow.outcome, func.count())
        .where(PlanRow.plan_id == plan_id)
        .group_by(PlanRow.outcome)
    )
    found = {outcome: int(many) for outcome, many in rows}
    return {outcome: found.get(outcome, 0) for outcome in Outcome}


def post_titles(session: Session, ids: Sequence[int]) -> dict[int, str]:
    """Return 'post – unit' of posts by id."""
    rows = session.execute(
        select(Post.id, Post.title, units.c.name)
        .join(units, units.c.id == Post.unit_id)
        .where(Post.id.in_(ids))
    )
    return {key: f"{title} – {unit}" for key, title, unit in rows}

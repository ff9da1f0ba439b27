"""From the register to a proposal for a draft: read, solve outside any transaction, write.

What the solver must know: who is due and has no reason to wait, who may move though not due, what
each post holds, and when in the year each may go.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.api.i18n import gettext as _
from tracker.api.queries import unit_closure, units
from tracker_position_rotation import proposal as solver
from tracker_position_rotation.inputs import ApplyProposal, RowProposal
from tracker_position_rotation.models import (
    Deferral,
    Holding,
    Outcome,
    Person,
    Plan,
    PlanRow,
    Post,
)
from tracker_position_rotation.rules import Pause, earliest_move, exempt_from, months_held
from tracker_position_rotation.standings import retirement_months


@dataclass(frozen=True)
class Situation:
    """All that a proposal rests on, as plain values."""

    plan_id: int
    year: int
    posts: Sequence[solver.Post]
    holders: Sequence[solver.Holder]
    # Each unit's parent, and what the people who may move hold: their post, day due, first month.
    parents: Mapping[int, int | None]
    home: Mapping[int, int]
    due_on: Mapping[int, date]
    first_month: Mapping[int, int]
    # Who is due and may still not move this year: too short in the post, or a reason without end.
    held_back: Sequence[int]
    unit_of_post: Mapping[int, int]


def situation(session: Session, plan: Plan, shortest_months: int, today: date) -> Situation:
    """Read what a proposal for `plan` rests on."""
    scope = list(
        session.scalars(
            select(unit_closure.c.descendant_id).where(unit_closure.c.ancestor_id == plan.unit_id)
        )
    )
    inside = set(scope)
    posts = {
        row.id: row
        for row in session.execute(
            select(
                Post.id,
                Post.unit_id,
                Post.reach_unit_id,
                Post.profession_folded,
                Post.seats,
                Post.smallest,
            ).where(Post.ended_on.is_(None))
        )
        if row.unit_id in inside
    }
    held = [
        row
        for row in session.execute(
            select(
                Holding.person_id, Holding.post_id, Holding.since, Holding.since_in_category
            ).where(Holding.until.is_(None))
        )
        if row.post_id in posts
    ]
    rows = {
        row.person_id: row
        for row in session.scalars(select(PlanRow).where(PlanRow.plan_id == plan.id))
    }
    pauses = _pauses(session)
    left = _left(session)
    opening = max(date(plan.year, 1, 1), min(today, date(plan.year, 12, 1)))
    first_month: dict[int, int] = {}
    due_on: dict[int, date] = {}
    holders: list[solver.Holder] = []
    held_back: list[int] = []
    taken: Counter[int] = Counter()
    for one in held:
        row = rows.get(one.person_id)
        if row is not None and (
            row.is_by_hand or row.outcome not in {Outcome.OPEN, Outcome.PLANNED}
        ):
            # Somebody decided: a chosen seat is taken, and the person's own is given up.
            if row.outcome is Outcome.PLANNED and row.to_post_id is not None:
                taken[row.to_post_id] += 1
                continue
            holders.append(solver.Holder(one.person_id, one.post_id))
            continue
        day = earliest_move(one.since_in_category, shortest_months, pauses[one.person_id], opening)
        may = day is not None and day.year <= plan.year
        if may and day is not None:
            first_month[one.person_id] = day.month
        is_due = row is not None and row.due_on is not None
        if is_due and not may:
            held_back.append(one.person_id)
        if row is not None and row.due_on is not None:
            due_on[one.person_id] = row.due_on
        holders.append(
            solver.Holder(
                one.person_id,
                one.post_id,
                must_move=is_due and may,
                may_move=not is_due and may,
                months_over=months_held(due_on[one.person_id], date(plan.year, 12, 31))
                if is_due
                else 0,
                left=frozenset(left.get(one.person_id, ())),
            )
        )
    parents = {
        row.id: row.parent_id for row in session.execute(select(units.c.id, units.c.parent_id))
    }
    return Situation(
        plan_id=plan.id,
        year=plan.year,
        posts=[
            solver.Post(
                row.id,
                row.unit_id,
                row.profession_folded,
                row.reach_unit_id,
                seats=max(row.seats - taken[row.id], 0),
                smallest=max(row.smallest - taken[row.id], 0),
            )
            for row in posts.values()
        ],
        holders=holders,
        parents=parents,
        home={one.person_id: one.post_id for one in held},
        due_on=due_on,
        first_month=first_month,
        held_back=held_back,
        unit_of_post={key: row.unit_id for key, row in posts.items()},
    )


def _pauses(session: Session) -> Mapping[int, Sequence[Pause]]:
    found: dict[int, list[Pause]] = defaultdict(list)
    for row in session.execute(
        select(Deferral.person_id, Deferral.start, Deferral.end, Deferral.counts_out)
    ):
        found[row.person_id].append(Pause(row.start, row.end, row.counts_out))
    months = retirement_months()
    if months:
        people = select(Person.id, Person.retires_on).where(Person.retirement_override == "")
        for person_id, retires_on in session.execute(people):
            if retires_on is not None:
                pause = Pause(exempt_from(retires_on, months), None, counts_out=True)
                found[person_id].append(pause)
    return found


def _left(session: Session) -> Mapping[int, Sequence[int]]:
    """Return by person the post left last: nobody returns to it."""
    found: dict[int, Sequence[int]] = {}
    for row in session.execute(
        select(Holding.person_id, Holding.post_id)
        .where(Holding.until.is_not(None))
        .order_by(Holding.until)
    ):
        found[row.person_id] = (row.post_id,)
    return found


def solve(facts: Situation, seconds: float) -> ApplyProposal:
    """Return the proposal for a situation, ready to be written."""
    found = solver.propose(facts.posts, facts.holders, facts.parents, seconds=seconds)
    windows = {
        one.holder: (
            facts.first_month[one.holder],
            _last_month(facts.due_on.get(one.holder), facts.year),
        )
        for one in found.moves
    }
    months = solver.months_of(found.moves, windows)
    rows = [
        RowProposal(one.holder, one.from_post, one.to_post, months[one.holder], _why(facts, one))
        for one in found.moves
    ]
    rows += [
        RowProposal(
            key,
            facts.home[key],
            None,
            None,
            _("Không còn vị trí trống cùng chuyên môn trong phạm vi điều động."),
        )
        for key in found.stuck
    ]
    rows += [
        RowProposal(
            key, facts.home[key], None, None, _("Chưa đủ thời gian tối thiểu để chuyển trong năm.")
        )
        for key in facts.held_back
    ]
    return ApplyProposal(
        plan_id=facts.plan_id,
        rows=rows,
        summary={
            "moves": len(found.moves),
            "stuck": len(found.stuck) + len(facts.held_back),
            "short": {str(key): lack for key, lack in sorted(found.short.items())},
            "gap": round(found.gap, 6),
            "seconds": round(found.seconds, 2),
            "others": sum(one.holder not in facts.due_on for one in found.moves),
        },
    )


def _last_month(due: date | None, year: int) -> int:
    """Return the month of the year by which somebody should have moved."""
    if due is None or due.year > year:
        return 12
    return 1 if due.year < year else due.month


def _why(facts: Situation, move: solver.Move) -> str:
    origin = facts.unit_of_post[move.from_post]
    target = facts.unit_of_post[move.to_post]
    place = _("cùng đơn vị") if origin == target else _("đơn vị gần nhất còn chỗ")
    if move.holder not in facts.due_on:
        return _("Chưa đến hạn; chuyển để nhường chỗ cho người đến hạn, %(place)s.", place=place)
    return _("Cùng chuyên môn, %(place)s.", place=place)

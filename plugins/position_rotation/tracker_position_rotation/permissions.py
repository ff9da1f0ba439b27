"""Rights over the register, and to which units its records belong.

A post belongs to its unit. A person belongs to the unit of the post held now, or of the last one
(somebody who left can be brought back by who kept them); for reading also to those of before. A
plan belongs to the unit that it was made for; once it is approved, those below it read it too, for
it is public inside the unit (Law 36/2018/QH14, article 24).
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import aliased, object_session

from tracker.api.queries import unit_closure
from tracker.api.rights import RecordScope
from tracker_position_rotation.models import Holding, Person, Plan, PlanState, Post

VIEW = "position_rotation.view"
MANAGE = "position_rotation.manage"
PRIVATE = "position_rotation.private"


def _units_of(person: Person, *, now: bool) -> Iterable[int]:
    session = object_session(person)
    if session is None:
        return ()
    held = (
        select(Post.unit_id)
        .join(Holding)
        .where(Holding.person_id == person.id)
        .order_by(Holding.since.desc())
    )
    return session.scalars(held.limit(1) if now else held).all()


def _holders(reach: Select[int], *, now: bool) -> ColumnElement[bool]:
    held = select(Holding.person_id).join(Post).where(Post.unit_id.in_(reach))
    if now:
        later = aliased(Holding)
        held = held.where(
            ~select(later.id)
            .where(later.person_id == Holding.person_id, later.since > Holding.since)
            .exists()
        )
    return Person.id.in_(held)


def _readers_units(plan: Plan) -> Iterable[int]:
    session = object_session(plan)
    if session is None or plan.state is PlanState.DRAFT:
        return [plan.unit_id]
    below = select(unit_closure.c.descendant_id).where(unit_closure.c.ancestor_id == plan.unit_id)
    return session.scalars(below).all()


def _read_in(reach: Select[int]) -> ColumnElement[bool]:
    above = select(unit_closure.c.ancestor_id).where(unit_closure.c.descendant_id.in_(reach))
    return or_(
        Plan.unit_id.in_(reach), and_(Plan.state != PlanState.DRAFT, Plan.unit_id.in_(above))
    )


SCOPES = (
    RecordScope(
        model=Post,
        units=lambda post: [post.unit_id],
        in_units=Post.unit_id.in_,
    ),
    RecordScope(
        model=Person,
        units=lambda person: _units_of(person, now=True),
        in_units=lambda reach: _holders(reach, now=True),
        reading_units=lambda person: _units_of(person, now=False),
        in_reading_units=lambda reach: _holders(reach, now=False),
    ),
    RecordScope(
        model=Plan,
        units=lambda plan: [plan.unit_id],
        in_units=Plan.unit_id.in_,
        reading_units=_readers_units,
        in_reading_units=_read_in,
    ),
)

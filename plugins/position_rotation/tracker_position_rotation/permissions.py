"""Rights over the register, and to which units its records belong.

A post belongs to its unit; a person to the units of the posts held now (for reading, also of those
held before); a plan to the unit that it was made for, and for reading to what lies below it.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import object_session

from tracker.api.rights import RecordScope
from tracker_position_rotation.models import Holding, Person, Plan, Post

VIEW = "position_rotation.view"
MANAGE = "position_rotation.manage"
PRIVATE = "position_rotation.private"


def _units_of(person: Person, *, now: bool) -> Iterable[int]:
    session = object_session(person)
    if session is None:
        return ()
    held = select(Post.unit_id).join(Holding).where(Holding.person_id == person.id)
    return session.scalars(held.where(Holding.until.is_(None)) if now else held).all()


def _holders(reach: Select[int], *, now: bool) -> ColumnElement[bool]:
    held = select(Holding.person_id).join(Post).where(Post.unit_id.in_(reach))
    return Person.id.in_(held.where(Holding.until.is_(None)) if now else held)


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
    ),
)

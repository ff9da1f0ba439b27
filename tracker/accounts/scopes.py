"""To which units people and their grants belong, for one record and as an SQL filter."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import object_session

from tracker.accounts.models import Deputy, Grant, User
from tracker.core.rights import RecordScope


def units_of_user(user: User) -> Iterable[int]:
    """Return the unit where a person works and those in which they were ever granted a role."""
    session = object_session(user)
    granted = (
        list(session.scalars(select(Grant.unit_id).where(Grant.user_id == user.id)))
        if session is not None
        else []
    )
    return granted if user.unit_id is None else [user.unit_id, *granted]


def users_in_units(reach: Select[int]) -> ColumnElement[bool]:
    """Return the condition of people who belong to units in `reach`."""
    return or_(
        User.unit_id.in_(reach),
        User.id.in_(select(Grant.user_id).where(Grant.unit_id.in_(reach))),
    )


def units_of_deputy(deputy: Deputy) -> Iterable[int]:
    """Return the units of the person who is on leave."""
    session = object_session(deputy)
    user = session.get(User, deputy.user_id) if session is not None else None
    return units_of_user(user) if user is not None else []


def deputies_in_units(reach: Select[int]) -> ColumnElement[bool]:
    """Return the condition of leaves of people who belong to units in `reach`."""
    return Deputy.user_id.in_(select(User.id).where(users_in_units(reach)))


SCOPES = (
    RecordScope(model=User, units=units_of_user, in_units=users_in_units),
    RecordScope(
        model=Grant,
        units=lambda grant: [grant.unit_id],
        in_units=Grant.unit_id.in_,
    ),
    RecordScope(model=Deputy, units=units_of_deputy, in_units=deputies_in_units),
)

"""The standing of `rules.standing` as SQL, for lists and counts over many people.

The twin of the Python rule; a property test holds them together. Categories are few, so their
dates are worked out before and bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import ColumnElement, Date, String, and_, case, exists, false, literal, or_, select
from sqlalchemy.orm import Session

from tracker.api.queries import setting
from tracker_position_rotation.models import Category, Deferral, Holding, Person, Post
from tracker_position_rotation.rules import Period, Standing, add_months, last_start

RETIREMENT_MONTHS = "position_rotation.retirement_months"


def periods_on(session: Session, day: date) -> dict[int, Period]:
    """Return the period in force on `day` of each category, by its id.

    A category whose rule changed is written anew with the same code: posts may name the old row
    or the new one, what counts is the one in force; where two are, the one that began last.
    """
    codes: dict[str, list[int]] = {}
    found: dict[str, Period] = {}
    for row in session.execute(
        select(
            Category.id,
            Category.code,
            Category.months,
            Category.alert_months,
            Category.valid_from,
            Category.valid_to,
        ).order_by(Category.valid_from)
    ):
        codes.setdefault(row.code, []).append(row.id)
        if row.valid_from <= day and (row.valid_to is None or row.valid_to > day):
            found[row.code] = Period(row.months, row.alert_months)
    return {key: period for code, period in found.items() for key in codes[code]}


def held_on(day: date) -> ColumnElement[bool]:
    """Return the filter of the posts held on `day`."""
    return and_(Holding.since <= day, or_(Holding.until.is_(None), Holding.until > day))


def _pauses(day: date, *, counts_out: bool) -> ColumnElement[bool]:
    return exists(
        select(Deferral.id).where(
            Deferral.person_id == Holding.person_id,
            Deferral.start <= day,
            or_(Deferral.end.is_(None), Deferral.end >= day),
            Deferral.counts_out.is_(counts_out),
        )
    )


def retirement_months() -> int:
    """Return how near retirement age a person is not rotated any more; 0 = the rule is off."""
    return int(setting(RETIREMENT_MONTHS))


def _retires_soon(day: date) -> ColumnElement[bool]:
    months = retirement_months()
    return and_(
        Person.retirement_override == "",
        Person.retires_on < add_months(day, months) if months else false(),
    )


def standing_on(day: date, periods: dict[int, Period]) -> ColumnElement[str]:
    """Return the standing of a holding (joined with its post and person) on `day`, as text."""
    if not periods:
        return literal(Standing.OUTSIDE.value, String)
    far = literal(date(1900, 1, 1), Date)

    def cut(months_of: Sequence[tuple[int, int]]) -> ColumnElement[date]:
        whens = {
            # No months at all: everybody who holds the post.
            key: literal(last_start(day, months) if months else day, Date)
            for key, months in months_of
        }
        return case(whens, value=Post.category_id, else_=far)

    alert = cut([(key, one.alert_months) for key, one in periods.items()])
    due = cut([(key, one.months) for key, one in periods.items()])
    since = Holding.since_in_category
    return case(
        (
            or_(Post.category_id.is_(None), Post.category_id.not_in(list(periods))),
            Standing.OUTSIDE.value,
        ),
        (since > alert, Standing.NOT_DUE.value),
        (or_(_retires_soon(day), _pauses(day, counts_out=True)), Standing.EXEMPT.value),
        (_pauses(day, counts_out=False), Standing.DEFERRED.value),
        (since > due, Standing.SOON.value),
        else_=Standing.DUE.value,
    )

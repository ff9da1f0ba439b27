"""Reading things."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from tracker.api.errors import NotFound
from tracker.api.queries import session, visible
from tracker_dummy.models import Thing
from tracker_dummy.services import VIEW


def things(*conditions: object) -> Sequence[Thing]:
    """Return the things that the person may see, sorted."""
    query = select(Thing).where(visible(VIEW, Thing), *conditions)  # type: ignore[arg-type]
    return session().scalars(query.order_by(Thing.sort_key, Thing.id)).all()


def get_thing(thing_id: int) -> Thing:
    """Return a thing that the person may see. Raises NotFound."""
    found = things(Thing.id == thing_id)
    if not found:
        raise NotFound
    return found[0]


def count() -> int:
    """Return how many things there are within reach."""
    return int(session().scalar(select(func.count(Thing.id)).where(visible(VIEW, Thing))) or 0)

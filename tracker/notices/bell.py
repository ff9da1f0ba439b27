"""The bell on every page: how many notices are unread, asked again while the page stands."""

from __future__ import annotations

from typing import Any, Final

from flask import url_for
from sqlalchemy import Label, func, select

from tracker.accounts.models import User
from tracker.accounts.signin import signed_in_person
from tracker.notices.models import Notice
from tracker.settings import queries as settings
from tracker.web.contracts import Bell

POLL: Final = "notices.poll_seconds"
# The bell says '99+' from here on, so nothing beyond needs counting.
MOST: Final = 100


def columns() -> list[Label[Any]]:
    """Return what is read with each session: how many notices are unread, and the newest one."""
    unread = (Notice.user_id == User.id, Notice.read_at.is_(None))
    some = select(Notice.id).where(*unread).limit(MOST).correlate(User).subquery()
    newest = select(Notice.id).where(*unread).order_by(Notice.id.desc()).limit(1).correlate(User)
    return [
        select(func.count()).select_from(some).scalar_subquery().label("notices_unread"),
        newest.scalar_subquery().label("notices_newest"),
    ]


def bell() -> Bell | None:
    """Return the bell of the person of this request, None for nobody."""
    person = signed_in_person()
    if person is None:
        return None
    count, newest = person.more["notices_unread"], person.more["notices_newest"] or 0
    return Bell(
        count=count,
        url=url_for("notices.list_notices"),
        poll_url=url_for("notices.ring", known=f"{count}.{newest}"),
        poll_seconds=settings.whole(POLL),
    )

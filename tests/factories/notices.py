"""Notices for tests: written through the outbox, as features do. All need an app context."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select

from tests.factories.outbox import work_off
from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting
from tracker.core.db import db
from tracker.core.work import Work, run
from tracker.notices.models import Notice
from tracker.outbox.telling import Tell, tell
from tracker.web.contracts import shell_contracts


def tell_people(
    people: Iterable[int],
    kind: str = "plans.assigned",
    key: str = "1",
    page: tuple[str, dict[str, Any]] = ("accounts.profile", {}),
    **params: Any,
) -> None:
    """Have people told of something, and have it done."""
    values = {"task": "Rà soát thủ tục", "plan": "Kế hoạch 2026", "unit": "Sở Nội vụ", **params}

    def service(work: Work, _data: None) -> None:
        tell(work, Tell(kind=kind, key=key, page=page, params=values, people=people))

    with acting(Context(SYSTEM_ACTOR, shell_contracts().clock, Source.COMMAND)):
        run(service, None)
    _done, put_off = work_off()
    assert not put_off


def notices_of(user_id: int) -> list[Notice]:
    """Return a person's notices, oldest first."""
    db.session.rollback()
    return list(
        db.session.scalars(select(Notice).where(Notice.user_id == user_id).order_by(Notice.id))
    )


def kinds_of(user_id: int) -> list[str]:
    """Return the kinds of a person's notices, oldest first."""
    return [one.kind for one in notices_of(user_id)]

"""What happens to people and their roles when units merge, split or end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, or_, select

from tracker.accounts.models import Grant, User
from tracker.accounts.permissions import ROLE_LABELS
from tracker.core.db import db
from tracker.core.errors import FieldError, ValidationFailed
from tracker.core.work import Work
from tracker.plugins.descriptors import Handover, HandoverContributor, HandoverItem

GRANTS = "accounts.grants"
PEOPLE = "accounts.people"


def _heir(handover: Handover, contributor: str, record_id: int, unit_id: int) -> int | None:
    """Return the unit that takes a record: the chosen one, or the only one there is."""
    chosen = handover.choices.get((contributor, record_id))
    heirs = handover.successors[unit_id]
    if chosen is not None:
        return chosen
    return heirs[0] if len(heirs) == 1 else None


def _old_units(handover: Handover) -> list[int]:
    """Return the units that give something away, those that go on being themselves left out."""
    return sorted(old for old, heirs in handover.successors.items() if set(heirs) != {old})


def _open_grants(handover: Handover) -> Select[Grant, str]:
    return (
        select(Grant, User.name)
        .join(User, User.id == Grant.user_id)
        .where(
            Grant.unit_id.in_(_old_units(handover)),
            or_(Grant.valid_to.is_(None), Grant.valid_to >= handover.effective_on),
        )
        .order_by(Grant.unit_id, User.sort_key, Grant.id)
    )


def preview_grants(handover: Handover) -> Sequence[HandoverItem]:
    """Return the roles that pass to successors."""
    return [
        HandoverItem(
            record_id=grant.id,
            title=f"{name} · {ROLE_LABELS[grant.role]}",
            from_unit_id=grant.unit_id,
            to_unit_id=_heir(handover, GRANTS, grant.id, grant.unit_id),
        )
        for grant, name in db.session.execute(_open_grants(handover))
    ]


def apply_grants(work: Work, handover: Handover) -> int:
    """Give each open role at an old unit to its successor from the effective day; the old one ends.

    A person who holds the role at the successor already gets no second one. A unit that ends
    without a successor takes its roles with it. Raises ValidationFailed where a person has to
    choose between successors and did not.
    """
    moved = 0
    for grant, name in work.session.execute(_open_grants(handover).with_for_update(of=Grant)).all():
        heir = _heir(handover, GRANTS, grant.id, grant.unit_id)
        if heir is None and handover.successors[grant.unit_id]:
            raise _undecided(f"{name} · {ROLE_LABELS[grant.role]}")
        if heir == grant.unit_id:
            continue
        if heir is not None and not _holds(work, grant, heir, handover):
            work.session.add(
                Grant(
                    user_id=grant.user_id,
                    role=grant.role,
                    unit_id=heir,
                    valid_from=max(grant.valid_from, handover.effective_on),
                    valid_to=grant.valid_to,
                    granted_by_id=work.actor.user_id,
                    note=handover.decision[:300],
                )
            )
            work.session.flush()
        if grant.valid_from >= handover.effective_on:
            work.session.delete(grant)
        else:
            grant.valid_to = handover.effective_on - timedelta(days=1)
        moved += 1
    return moved


def _holds(work: Work, grant: Grant, unit_id: int, handover: Handover) -> bool:
    held = select(Grant.id).where(
        Grant.user_id == grant.user_id,
        Grant.role == grant.role,
        Grant.unit_id == unit_id,
        Grant.valid_from <= max(grant.valid_from, handover.effective_on),
        or_(Grant.valid_to.is_(None), Grant.valid_to >= (grant.valid_to or handover.effective_on)),
    )
    return work.session.scalar(held.limit(1)) is not None


def _people(handover: Handover) -> Select[User]:
    return (
        select(User)
        .where(User.unit_id.in_(_old_units(handover)))
        .order_by(User.unit_id, User.sort_key, User.id)
    )


def preview_people(handover: Handover) -> Sequence[HandoverItem]:
    """Return the people whose unit of work changes."""
    items = []
    for user in db.session.scalars(_people(handover)):
        assert user.unit_id is not None
        heir = _heir(handover, PEOPLE, user.id, user.unit_id)
        items.append(HandoverItem(user.id, user.name, user.unit_id, heir))
    return items


def apply_people(work: Work, handover: Handover) -> int:
    """Let people work in the successor of their unit; without one they stay where they were.

    Raises ValidationFailed where a person has to choose between successors and did not.
    """
    moved = 0
    for user in work.session.scalars(_people(handover).with_for_update()).all():
        assert user.unit_id is not None
        heir = _heir(handover, PEOPLE, user.id, user.unit_id)
        if heir is None and handover.successors[user.unit_id]:
            raise _undecided(user.name)
        if heir is not None and heir != user.unit_id:
            user.unit_id = heir
            moved += 1
    return moved


def _undecided(what: str) -> ValidationFailed:
    return ValidationFailed(
        [FieldError("record_choices", _("Hãy chọn đơn vị tiếp nhận cho: %(what)s.", what=what))]
    )


CONTRIBUTORS = (
    HandoverContributor(
        key=GRANTS, label=_l("Vai trò của người dùng"), preview=preview_grants, apply=apply_grants
    ),
    HandoverContributor(
        key=PEOPLE, label=_l("Đơn vị công tác"), preview=preview_people, apply=apply_people
    ),
)

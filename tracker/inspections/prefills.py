"""Answers that are proposed for a visit's checklist: by the last visit, and by plug-ins.

A proposal counts once a person of the team takes it; until then the item is unanswered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flask_babel import gettext as _
from sqlalchemy import select

from tracker.core.db import db
from tracker.core.text import normalise
from tracker.core.work import Work
from tracker.inspections import inputs, services
from tracker.inspections.models import (
    Answer,
    ChecklistItem,
    Visit,
    VisitAnswer,
    VisitState,
)
from tracker.inspections.queries import VisitView
from tracker.plugins.descriptors import PrefilledAnswer, PrefillQuery
from tracker.plugins.host import current_registry

LONGEST_NOTE: Final = 4000


@dataclass(frozen=True)
class Proposal:
    """A proposed answer to one item: what, on what ground, and who says so."""

    item_id: int
    text: str
    answer: Answer
    note: str
    source: str


def proposals(view: VisitView) -> list[Proposal]:
    """Return what is proposed for the items of a visit that nobody has answered, in their order.

    The first source by weight that has an answer counts. Nothing for whoever may not write.
    """
    items = [item for section in view.sections for item in section.items if item.answer is None]
    if not items or not view.may_write:
        return []
    visit = view.visit
    query = PrefillQuery(
        visit.public_id, visit.id, visit.unit_id, visit.visited_on, [item.code for item in items]
    )
    found: dict[str, tuple[PrefilledAnswer, str]] = {}
    for source in current_registry().checklist_prefills:
        for one in source.answers(query):
            if one.answer in list(Answer):
                found.setdefault(one.code, (one, str(source.label)))
    return [
        Proposal(
            item_id=item.id,
            text=item.text,
            answer=Answer(found[item.code][0].answer),
            note=normalise(found[item.code][0].note)[:LONGEST_NOTE],
            source=found[item.code][1],
        )
        for item in items
        if item.code in found
    ]


@dataclass(frozen=True)
class TakeProposals:
    """Proposed answers that a person of the team takes for their own."""

    visit_id: int
    proposals: tuple[Proposal, ...]


def take_proposals(work: Work, data: TakeProposals) -> int:
    """Keep proposed answers to items that are still unanswered; return how many.

    Raises what saving an answer raises.
    """
    answered = set(
        work.session.scalars(
            select(VisitAnswer.item_id).where(VisitAnswer.visit_id == data.visit_id)
        )
    )
    taken = [one for one in data.proposals if one.item_id not in answered]
    for one in taken:
        note = f"{one.note} ({one.source})" if one.note else one.source
        services.save_answer(
            work,
            inputs.SaveAnswer(
                visit_id=data.visit_id,
                item_id=one.item_id,
                answer=one.answer,
                note=note[:LONGEST_NOTE],
            ),
        )
    return len(taken)


def last_time(query: PrefillQuery) -> Sequence[PrefilledAnswer]:
    """Propose 'does not apply' for what did not apply at the unit's last finished visit."""
    last = db.session.execute(
        select(Visit.id, Visit.visited_on)
        .where(
            Visit.unit_id == query.unit_id,
            Visit.state == VisitState.FINISHED,
            Visit.visited_on <= query.visited_on,
            Visit.id != query.visit_id,
        )
        .order_by(Visit.visited_on.desc(), Visit.id.desc())
        .limit(1)
    ).first()
    if last is None:
        return ()
    codes = db.session.scalars(
        select(ChecklistItem.code)
        .join(VisitAnswer, VisitAnswer.item_id == ChecklistItem.id)
        .where(
            VisitAnswer.visit_id == last.id,
            VisitAnswer.answer == Answer.NOT_APPLICABLE,
            ChecklistItem.code.in_(query.codes),
        )
    )
    ground = _("Không áp dụng ở lần kiểm tra ngày %(day)s", day=f"{last.visited_on:%d/%m/%Y}")
    return [PrefilledAnswer(code, Answer.NOT_APPLICABLE.value, ground) for code in codes]

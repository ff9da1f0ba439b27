"""Answers that are proposed for a checklist: seen by the team, kept only when it takes them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.factories.accounts import make_user, post, sign_in
from tests.factories.inspections import items_of, make_visit
from tests.factories.units import make_unit, system_context
from tracker.core.context import acting
from tracker.core.db import db
from tracker.core.rights import Role
from tracker.core.work import run
from tracker.inspections import inputs, services
from tracker.inspections.models import Answer, Visit, VisitAnswer, VisitState
from tracker.plugins.descriptors import ChecklistPrefill, PrefilledAnswer, PrefillQuery
from tracker.plugins.host import current_registry

pytestmark = pytest.mark.usefixtures("system")


def answers_of(visit: int) -> dict[int, tuple[Answer, str]]:
    db.session.rollback()
    rows = db.session.scalars(select(VisitAnswer).where(VisitAnswer.visit_id == visit))
    return {one.item_id: (one.answer, one.note) for one in rows}


def offer(answers: dict[str, tuple[str, str]]) -> None:
    def propose(query: PrefillQuery) -> list[PrefilledAnswer]:
        return [PrefilledAnswer(code, *one) for code, one in answers.items()]

    registry = current_registry()
    source = ChecklistPrefill(key="camera.answers", label="Theo camera", answers=propose)
    vars(registry).update(vars(replace(registry, checklist_prefills=(source,))))


def test_team_sees_proposals_and_takes_them(client: FlaskClient):
    unit = make_unit("Xã Đạ Tẻh")
    inspector = make_user(unit, Role.INSPECTOR)
    visit = make_visit(unit, inspector)
    first, second, third = items_of(visit)[:3]
    offer(
        {
            first.code: ("pass", "Đủ người tại quầy lúc 7:30"),
            second.code: ("fail", ""),
            third.code: ("nonsense", ""),
            "no_such_item": ("pass", ""),
        }
    )
    with acting(system_context()):
        answer = inputs.SaveAnswer(visit_id=visit, item_id=second.id, answer=Answer.PASS)
        run(services.save_answer, answer)
    sign_in(client, inspector)
    page = client.get(f"/kiem-tra/{visit}").get_data(as_text=True)
    assert "Đủ người tại quầy lúc 7:30" in page
    assert answers_of(visit).keys() == {second.id}
    assert post(client, f"/kiem-tra/{visit}/dien-san").status_code == 303
    assert answers_of(visit) == {
        first.id: (Answer.PASS, "Đủ người tại quầy lúc 7:30 (Theo camera)"),
        second.id: (Answer.PASS, ""),
    }
    page = client.get(f"/kiem-tra/{visit}").get_data(as_text=True)
    assert "Câu trả lời điền sẵn" not in page


def test_others_see_no_proposals_and_cannot_take_them(client: FlaskClient):
    unit = make_unit()
    visit = make_visit(unit, make_user(unit, Role.INSPECTOR))
    offer({items_of(visit)[0].code: ("pass", "")})
    sign_in(client, make_user(unit, Role.INSPECTOR))
    assert "Câu trả lời điền sẵn" not in client.get(f"/kiem-tra/{visit}").get_data(as_text=True)
    post(client, f"/kiem-tra/{visit}/dien-san")
    assert answers_of(visit) == {}


def test_what_did_not_apply_last_time_is_proposed(client: FlaskClient):
    unit = make_unit()
    inspector = make_user(unit, Role.INSPECTOR)
    before = make_visit(unit, inspector)
    item = items_of(before)[0]
    code, text = item.code, item.text

    def finish(work: object, visit_id: int) -> None:
        db.session.get_one(Visit, visit_id).state = VisitState.FINISHED

    with acting(system_context()):
        answer = inputs.SaveAnswer(visit_id=before, item_id=item.id, answer=Answer.NOT_APPLICABLE)
        run(services.save_answer, answer)
        run(finish, before)
    now = make_visit(unit, inspector)
    sign_in(client, inspector)
    page = client.get(f"/kiem-tra/{now}").get_data(as_text=True)
    assert "Không áp dụng ở lần kiểm tra ngày" in page
    post(client, f"/kiem-tra/{now}/dien-san")
    same = next(one for one in items_of(now) if one.code == code)
    assert same.text == text
    assert answers_of(now)[same.id][0] is Answer.NOT_APPLICABLE

"""A conditional task asks for its trigger at the review date, until it is recorded or put off."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from werkzeug.test import TestResponse

from tests.factories.accounts import post
from tests.factories.plans import assignment_of, make_plan, make_task, report
from tests.integration.plans.conftest import Office
from tracker.core.clock import FixedClock
from tracker.core.db import db
from tracker.core.deadlines import DeadlineKind
from tracker.plans.models import Assignment, Task

# The clock stands at 16/06/2026.
REVIEW = date(2026, 6, 20)
QUESTION = "Điều kiện đã có chưa: có hướng dẫn của Bộ"


@pytest.fixture
def task(office: Office) -> int:
    """A task due ten days after its condition, to be asked about on 20/06/2026."""
    plan = make_plan(office.agency, key="p")
    made: int = make_task(
        plan,
        office.north,
        title="Ban hành quy chế phối hợp",
        due_on=None,
        kind=DeadlineKind.CONDITIONAL,
        trigger_text="có hướng dẫn của Bộ",
        trigger_offset=10,
        review_on=REVIEW,
    )
    return made


def asks(office: Office, who: str = "coordinator") -> bool:
    """Tell whether a person is asked about it today; each day begins with signing in."""
    return QUESTION in office.client(who).get("/").get_data(as_text=True)


def answer(office: Office, task: int, **given: str) -> TestResponse:
    """Give the coordinator's answer."""
    return post(office.client("coordinator"), f"/viec/{task}/dieu-kien", given)


def test_question_comes_at_the_review_date_and_goes_with_the_answer(
    office: Office, clock: FixedClock, task: int
):
    assert not asks(office)
    clock.advance(days=4)
    assert asks(office)
    assert not asks(office, "head")
    form = office.client("coordinator").get(f"/viec/{task}/dieu-kien")
    assert "Chưa có thì hỏi lại ngày" in form.get_data(as_text=True)
    neither = answer(office, task, note="đang chờ")
    assert neither.status_code == 422
    assert "đang chờ" in neither.get_data(as_text=True)
    past = answer(office, task, review_on="20/06/2026")
    assert past.status_code == 422
    assert "phải sau hôm nay" in past.get_data(as_text=True)
    # Not yet: it asks again later.
    assert answer(office, task, review_on="01/07/2026", note="hẹn tháng 7").status_code == 302
    assert not asks(office)
    clock.advance(days=11)
    assert asks(office)
    # It is there: the due day follows, and nothing is asked any more.
    assert answer(office, task, triggered_on="30/06/2026").status_code == 302
    assert not asks(office)
    db.session.rollback()
    assignment = db.session.get_one(Assignment, assignment_of(task))
    assert assignment.due_on == date(2026, 6, 30) + timedelta(days=10)
    assert db.session.get_one(Task, task).triggered_on == date(2026, 6, 30)
    assert answer(office, task, review_on="01/12/2026").status_code == 422


def test_nothing_is_asked_about_finished_work(office: Office, clock: FixedClock, task: int):
    clock.advance(days=4)
    assert asks(office)
    report(task, done_on=date(2026, 6, 18))
    assert not asks(office)

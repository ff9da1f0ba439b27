"""A conditional task asks for its trigger at the review date, until it is recorded or put off."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.factories.accounts import post
from tests.factories.plans import assignment_of, make_plan, make_task, report, withdraw
from tests.integration.plans.conftest import Office
from tracker.core.clock import FixedClock
from tracker.core.db import db
from tracker.core.deadlines import DeadlineKind
from tracker.core.work import run
from tracker.plans import bulk, copying, lifecycle, rows
from tracker.plans.models import Assignment, Plan, PlanState, RowKind, Task

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


# -- waiting for another task of the plan ----------------------------------------------------


@pytest.fixture
def awaited(task: int, office: Office) -> int:
    """Another task of the plan, led by two units, for which `task` waits."""
    plan = db.session.get_one(Task, task).plan_id
    db.session.rollback()
    other: int = make_task(plan, office.north, office.south, title="Trình dự thảo quy chế")
    link(office, task, other)
    return other


def row_form(task: int, **more: str) -> dict[str, str]:
    """Return the row's form as the coordinator finds it, but for what is given."""
    row = db.session.get_one(Task, task)
    values = {
        "version": str(row.version),
        "kind": "task",
        "title": row.title,
        "number": row.number,
        "deadline_kind": "conditional",
        "trigger_text": "có hướng dẫn của Bộ",
        "trigger_offset": "10",
        "review_on": "20/06/2026",
        "recurrence": "",
        "recurrence_weekday": "3",
        "document_kind": "decision",
        "document_id": "",
    }
    db.session.rollback()
    return {**values, **more}


def day_in(form: str, name: str) -> str:
    """Return the day that a form begins with, '' for none."""
    field = re.search(rf'<input[^>]* name="{name}"[^>]*>', form)
    assert field is not None
    value = re.search(r' value="([^"]*)"', field[0])
    return value[1] if value else ""


def link(office: Office, task: int, other: int | str) -> TestResponse:
    """Say on the row's form what the task waits for."""
    form = row_form(task, awaits_id=str(other))
    form["lead_unit_ids"] = str(office.north)
    return post(office.client("coordinator"), f"/ke-hoach/p/dong/{task}", form)


def test_task_is_asked_about_as_soon_as_the_one_it_waits_for_is_done(
    office: Office, clock: FixedClock, task: int, awaited: int
):
    assert db.session.get_one(Task, task).awaits_id == awaited
    db.session.rollback()
    page = office.client("coordinator").get(f"/viec/{task}").get_data(as_text=True)
    assert "Chờ việc:" in page
    assert f'href="/viec/{awaited}"' in page
    report(awaited, unit=office.north, done_on=date(2026, 6, 15))
    assert not asks(office)
    report(awaited, unit=office.south, done_on=date(2026, 6, 16))
    # Four days before the day that was set for asking.
    assert asks(office)
    home = office.client("coordinator").get("/").get_data(as_text=True)
    assert "việc “Trình dự thảo quy chế”" in home
    page = office.client("coordinator").get(f"/viec/{task}").get_data(as_text=True)
    assert "xong ngày 16/06/2026" in page
    form = office.client("coordinator").get(f"/viec/{task}/dieu-kien").get_data(as_text=True)
    assert "Việc “Trình dự thảo quy chế” xong ngày 16/06/2026." in form
    # Not yet all the same, as the form is sent: the day that is set now counts, whatever else is
    # put right on the row, and if the other task is reported as done once more.
    later = {"triggered_on": day_in(form, "triggered_on"), "review_on": "01/07/2026"}
    assert answer(office, task, **later).status_code == 302
    assert not asks(office)
    other = {"review_on": "01/07/2026", "note": "Đã hỏi Bộ", "awaits_id": str(awaited)}
    saved = row_form(task, **other) | {"lead_unit_ids": str(office.north)}
    url = f"/ke-hoach/p/dong/{task}"
    assert post(office.client("coordinator"), url, saved).status_code == 302
    report(awaited, unit=office.south, done_on=date(2026, 6, 16), note="Bổ sung")
    assert not asks(office)
    assert answer(office, task, triggered_on="16/06/2026").status_code == 302
    db.session.rollback()
    assert db.session.get_one(Assignment, assignment_of(task)).due_on == date(2026, 6, 26)


def waiting_for_confirmation(office: Office) -> tuple[int, int, int]:
    """Return a plan, a task of it that was reported as done, and one that waits for that task."""
    plan = make_plan(office.agency, key="p", needs_confirmation=True)
    awaited = make_task(plan, office.north, title="Trình dự thảo")
    waiting = make_task(
        plan,
        office.north,
        due_on=None,
        kind=DeadlineKind.CONDITIONAL,
        trigger_text="có hướng dẫn của Bộ",
        trigger_offset=10,
        review_on=REVIEW,
        awaits_id=awaited,
    )
    with office.acting("head") as head:
        report(awaited, done_on=date(2026, 6, 15), by=head)
    assert not asks(office)
    return plan, awaited, waiting


def test_done_counts_once_it_is_confirmed_where_the_plan_asks_for_that(
    office: Office, clock: FixedClock
):
    _, awaited, waiting = waiting_for_confirmation(office)
    url = f"/viec/giao/{assignment_of(awaited)}/xac-nhan"
    assert post(office.client("coordinator"), url, {"decision": "yes"}).status_code == 302
    assert asks(office)
    db.session.rollback()
    assert db.session.get_one(Task, waiting).review_on == clock.today()


def test_done_counts_when_nobody_has_to_confirm_any_more(office: Office, clock: FixedClock):
    plan, _awaited, waiting = waiting_for_confirmation(office)
    with office.acting("coordinator"):
        run(bulk.set_confirmation, bulk.SetConfirmation((plan,), needs_confirmation=False))
    assert asks(office)
    db.session.rollback()
    assert db.session.get_one(Task, waiting).review_on == clock.today()


def test_task_linked_after_the_other_was_done_is_asked_about_at_once(office: Office, task: int):
    plan = db.session.get_one(Task, task).plan_id
    db.session.rollback()
    other = make_task(plan, office.south, title="Trình dự thảo")
    report(other, done_on=date(2026, 6, 10))
    assert not asks(office)
    assert link(office, task, other).status_code == 302
    assert asks(office)
    # Linked to nothing again, it is as it was typed.
    assert link(office, task, "").status_code == 302
    db.session.rollback()
    assert db.session.get_one(Task, task).awaits_id is None


def test_no_task_waits_for_itself_or_in_a_circle_or_beyond_its_plan(office: Office, task: int):
    plan = db.session.get_one(Task, task).plan_id
    db.session.rollback()
    conditional = {
        "due_on": None,
        "kind": DeadlineKind.CONDITIONAL,
        "trigger_text": "x",
        "trigger_offset": 1,
    }
    second = make_task(plan, office.north, awaits_id=task, **conditional)
    third = make_task(plan, office.north, awaits_id=second, **conditional)
    group = make_task(plan, row=RowKind.GROUP, due_on=None)
    gone = make_task(plan, office.north)
    withdraw(gone, date(2026, 6, 1))
    strange = make_task(make_plan(office.agency, key="khac"), office.north)
    for other, message in (
        (task, "lại chờ chính việc này"),
        (second, "lại chờ chính việc này"),
        (third, "lại chờ chính việc này"),
        (group, "Không có việc này trong kế hoạch"),
        (strange, "Không có việc này trong kế hoạch"),
        (gone, "Không có việc này trong kế hoạch"),
        (2**40, "has-error"),
    ):
        refused = link(office, task, other)
        page = refused.get_data(as_text=True)
        assert refused.status_code == 422, other
        assert message in page, other
        assert "có hướng dẫn của Bộ" in page
    db.session.rollback()
    assert db.session.get_one(Task, task).awaits_id is None


def test_link_goes_with_the_kind(office: Office, task: int, awaited: int):
    form = row_form(task, deadline_kind="ask", awaits_id=str(awaited), document_id="new")
    form |= {
        "lead_unit_ids": str(office.north),
        "document_number": "9/QĐ-UBND",
        "document_issued_on": "16/06/2026",
    }
    saved = post(office.client("coordinator"), f"/ke-hoach/p/dong/{task}", form)
    assert saved.status_code == 302
    db.session.rollback()
    assert db.session.get_one(Task, task).awaits_id is None


def test_task_is_asked_about_when_the_one_it_waits_for_is_withdrawn(
    office: Office, task: int, awaited: int
):
    version = db.session.get_one(Task, awaited).version
    db.session.rollback()
    form = {
        "version": str(version),
        "reason": "Không còn phù hợp",
        "document_id": "new",
        "document_kind": "decision",
        "document_number": "9/QĐ-UBND",
        "document_issued_on": "16/06/2026",
    }
    client = office.client("coordinator")
    assert not asks(office)
    assert post(client, f"/ke-hoach/p/dong/{awaited}/rut", form).status_code == 302
    assert asks(office)
    assert "đã rút ngày 16/06/2026" in client.get(f"/viec/{task}").get_data(as_text=True)
    # It stays chosen on the form, though nothing new can wait for it.
    form = client.get(f"/ke-hoach/p/dong/{task}").get_data(as_text=True)
    assert f'<option selected value="{awaited}"' in form


def test_rows_of_a_draft_are_deleted_though_others_wait_for_them(office: Office):
    def draft() -> tuple[int, int, int]:
        plan = make_plan(office.agency, state=PlanState.DRAFT)
        awaited = make_task(plan, office.north, assigned=False)
        waiting = make_task(
            plan,
            office.north,
            due_on=None,
            kind=DeadlineKind.CONDITIONAL,
            trigger_text="x",
            assigned=False,
            awaits_id=awaited,
        )
        return plan, awaited, waiting

    _, awaited, waiting = draft()
    with office.acting("coordinator"):
        run(rows.delete_row, rows.DeleteRow(awaited))
    assert db.session.get_one(Task, waiting).awaits_id is None
    db.session.rollback()
    plan, _, _ = draft()
    with office.acting("coordinator"):
        version = db.session.get_one(Plan, plan).version
        run(lifecycle.delete_plan, lifecycle.DeletePlan(plan, version))
    assert db.session.get(Plan, plan) is None


def test_task_that_another_waits_for_stays_a_task(office: Office, task: int):
    plan = db.session.get_one(Task, task).plan_id
    db.session.rollback()
    awaited = make_task(plan, office.north, assigned=False)
    assert link(office, task, awaited).status_code == 302
    form = row_form(awaited, kind="group")
    refused = post(office.client("coordinator"), f"/ke-hoach/p/dong/{awaited}", form)
    assert refused.status_code == 422
    assert "Việc “Ban hành quy chế phối hợp” đang chờ việc này." in refused.get_data(as_text=True)


def test_what_one_makes_of_a_deadline_and_its_link_goes_together(
    office: Office, task: int, awaited: int
):
    """One person takes the condition away, the other one changes its words: both are shown."""
    mine = row_form(task, awaits_id=str(awaited), trigger_text="có nghị quyết")
    mine |= {"lead_unit_ids": str(office.north), "document_id": "new"}
    mine |= {"document_number": "9/QĐ-UBND", "document_issued_on": "16/06/2026"}
    theirs = mine | {"deadline_kind": "ask", "document_number": "8/QĐ-UBND"}
    client, url = office.client("coordinator"), f"/ke-hoach/p/dong/{task}"
    assert post(client, url, theirs).status_code == 302
    conflict = post(client, url, mine)
    assert conflict.status_code == 409
    shown = conflict.get_data(as_text=True)
    assert "có nghị quyết" in shown
    assert "Chờ việc: Trình dự thảo quy chế" in shown


def test_copy_of_a_plan_waits_for_the_copy_of_the_task(office: Office, task: int, awaited: int):
    plan = db.session.get_one(Task, task).plan_id
    db.session.rollback()
    head = lifecycle.PlanInput(
        title="Kế hoạch năm sau", issuer_id=office.agency, year_from=2027, year_to=2027
    )
    with office.acting("coordinator"):
        whole = run(copying.copy_plan, copying.CopyPlan(plan, head))
        part = run(copying.copy_plan, copying.CopyPlan(plan, head, frozenset({task})))
    made = {
        (row.plan_id, row.title): row
        for row in db.session.scalars(select(Task).where(Task.plan_id.in_([whole, part])))
    }
    waiting = made[whole, "Ban hành quy chế phối hợp"]
    assert waiting.awaits_id == made[whole, "Trình dự thảo quy chế"].id
    assert made[part, "Ban hành quy chế phối hợp"].awaits_id is None

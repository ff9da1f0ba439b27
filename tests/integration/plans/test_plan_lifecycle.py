"""Plans from draft to closed: what each step allows, keeps and refuses, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.factories.plans import make_plan, make_task
from tests.factories.units import make_unit, make_unit_set, system_context
from tests.integration.plans.conftest import Office
from tests.support.statements import statements_sent
from tracker.core.calendar import WorkingCalendar
from tracker.core.context import acting
from tracker.core.db import db
from tracker.core.deadlines import DeadlineKind, Frequency, RecurrenceRule
from tracker.core.errors import (
    Conflict,
    NotFound,
    PermissionDenied,
    TrackerError,
    ValidationFailed,
)
from tracker.core.work import Work, run
from tracker.plans import assign, copying, documents, figures, history, lifecycle, rows
from tracker.plans.assign import Deadline
from tracker.plans.documents import DocumentChoice, NewDocument
from tracker.plans.models import (
    Assignment,
    AssignmentPeriod,
    DocumentKind,
    Extension,
    Plan,
    PlanState,
    Reported,
    RowKind,
    Task,
    TaskLead,
    TaskVersion,
)
from tracker.plans.rows import RowInput
from tracker.plugins.events import PlanIssued

DUE = date(2026, 6, 30)
ISSUED = date(2026, 1, 15)
AMENDED = date(2026, 5, 4)


def on(day: date) -> Deadline:
    return Deadline(kind=DeadlineKind.DATE, on=day)


def draft(office: Office, title: str = "Kế hoạch CCHC năm 2026", **more: Any) -> int:
    data = lifecycle.PlanInput(title, office.agency, 2026, 2026, **more)
    with office.acting("coordinator"):
        return run(lifecycle.create_plan, lifecycle.CreatePlan(data))


def add(office: Office, plan: int, title: str, *units: int, **more: Any) -> int:
    where = {name: more.pop(name) for name in ("parent_id", "document") if name in more}
    values = {"deadline": on(DUE), "lead_unit_ids": units, **more}
    with office.acting("coordinator"):
        return run(rows.add_row, rows.AddRow(plan, RowInput(title, **values), **where))


def issue(office: Office, plan: int, number: str = "11/KH-UBND", day: date = ISSUED) -> int:
    with office.acting("coordinator"):
        return run(
            lifecycle.issue_plan, lifecycle.IssuePlan(plan, get(Plan, plan).version, number, day)
        )


def amendment(number: str = "45/QĐ-UBND", day: date = AMENDED) -> DocumentChoice:
    return DocumentChoice(new=NewDocument(DocumentKind.DECISION, number, day))


def get(model: type[Any], key: int) -> Any:
    db.session.rollback()
    return db.session.get_one(model, key)


def shares(task: int) -> list[Assignment]:
    db.session.rollback()
    return list(
        db.session.scalars(
            select(Assignment).where(Assignment.task_id == task).order_by(Assignment.id)
        )
    )


def edited(task: int, **changes: Any) -> RowInput:
    row = get(Task, task)
    leads = tuple(db.session.scalars(select(TaskLead.unit_id).where(TaskLead.task_id == task)))
    values: dict[str, Any] = {
        "title": row.title,
        "kind": row.kind,
        "number": row.number,
        "product": row.product,
        "lead_unit_ids": leads,
        "unit_set_id": row.unit_set_id,
        "deadline": Deadline.of(row),
        **changes,
    }
    return RowInput(**values)


def edit(office: Office, task: int, document: DocumentChoice | None = None, **changes: Any) -> None:
    data = rows.EditRow(task, get(Task, task).version, edited(task, **changes), document)
    with office.acting("coordinator"):
        run(rows.edit_row, data)


# -- drafts ----------------------------------------------------------------------------------


def test_draft_gets_a_readable_key_numbered_when_taken(office: Office) -> None:
    first, second = draft(office), draft(office)
    assert get(Plan, first).key == "da-teh-2026"
    assert get(Plan, second).key == "da-teh-2026-2"


@pytest.mark.parametrize("key", ["Vĩnh Châu", "a b", "../x", "moi", "linh-vuc", "-a", "a" * 81])
def test_key_that_is_no_address_is_refused(office: Office, key: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        draft(office, key=key)
    assert [one.field for one in refused.value.errors] == ["key"]


def test_key_of_another_plan_is_refused(office: Office) -> None:
    draft(office, key="cchc-2026")
    with pytest.raises(ValidationFailed):
        draft(office, key="cchc-2026")


def test_draft_with_rows_is_deleted_whole(office: Office) -> None:
    plan = draft(office)
    group = add(office, plan, "Nhóm", kind=RowKind.GROUP)
    task = add(office, plan, "Việc", office.north, parent_id=group)
    add(office, plan, "Bước", kind=RowKind.STEP, parent_id=task)
    with office.acting("coordinator"):
        run(lifecycle.delete_plan, lifecycle.DeletePlan(plan, get(Plan, plan).version))
    assert db.session.scalar(select(func.count()).select_from(Task)) == 0
    assert db.session.get(Plan, plan) is None


def test_issued_plan_is_never_deleted(office: Office) -> None:
    plan = draft(office)
    add(office, plan, "Việc", office.north)
    issue(office, plan)
    with office.acting("coordinator"), pytest.raises(ValidationFailed):
        run(lifecycle.delete_plan, lifecycle.DeletePlan(plan, get(Plan, plan).version))


def test_draft_gives_nobody_work(office: Office) -> None:
    plan = draft(office)
    task = add(office, plan, "Việc", office.north, office.south)
    assert shares(task) == []


# -- issuing ---------------------------------------------------------------------------------


def test_issue_makes_assignments_with_periods_and_keeps_each_row(office: Office) -> None:
    plan = draft(office)
    group = add(office, plan, "Cải cách thể chế", kind=RowKind.GROUP, number="I")
    task = add(office, plan, "Rà soát", office.north, office.south, parent_id=group, number="1")
    assert issue(office, plan) == 2
    assert [(one.unit_id, one.due_on, one.original_due_on) for one in shares(task)] == [
        (office.north, DUE, DUE),
        (office.south, DUE, DUE),
    ]
    assert get(Task, task).valid_from == ISSUED
    periods = db.session.scalars(select(AssignmentPeriod)).all()
    assert {(one.valid_from, one.due_on) for one in periods} == {(ISSUED, DUE)}
    versions = db.session.scalars(select(TaskVersion).order_by(TaskVersion.task_id)).all()
    assert [(one.task_id, one.action) for one in versions] == [(group, "added"), (task, "added")]
    assert versions[1].content["lead"] == "UBND xã Hương Lâm; UBND xã Triệu Hải"
    assert versions[1].content["deadline"] == "30/06/2026"
    figure = figures.figure(db.session(), DUE, wanted=figures.Filter(plan_id=plan))
    assert (figure.numerator, figure.denominator, figure.version) == (0, 1, 0)


def test_issue_gives_the_same_history_as_rebuilding_it(office: Office) -> None:
    plan = draft(office)
    task = add(office, plan, "Việc", office.north)
    issue(office, plan)
    stored = [
        (one.valid_from, one.valid_to, one.due_on, one.unit_id)
        for one in db.session.scalars(select(AssignmentPeriod))
    ]
    with acting(system_context()):
        run(history.rebuild, [one.id for one in shares(task)])
    rebuilt = [
        (one.valid_from, one.valid_to, one.due_on, one.unit_id)
        for one in db.session.scalars(select(AssignmentPeriod))
    ]
    assert stored == rebuilt


def test_histories_are_made_anew_in_as_many_queries_whatever_their_number(office: Office) -> None:
    plan = make_plan(office.agency)
    tasks = [make_task(plan, office.north, office.south) for _ in range(4)]
    ids = [one.id for task in tasks for one in shares(task)]

    def anew(work: Work, keys: list[int]) -> int:
        held = work.session.scalars(select(Assignment)).all()
        # As after a bulk update: what the session holds is to be read again.
        work.session.expire_all()
        with statements_sent() as sent:
            history.rebuild(work, keys)
        assert len(held) == len(ids)
        return len(sent)

    with acting(system_context()):
        assert run(anew, ids[:2]) == run(anew, ids)


def test_issue_tells_listeners(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    from tracker.core import work

    heard: list[object] = []
    monkeypatch.setattr(work.hooks(), "recorders", [lambda one: heard.extend(one.events)])
    plan = draft(office)
    add(office, plan, "Việc", office.north)
    issue(office, plan)
    (event,) = heard
    assert isinstance(event, PlanIssued)
    assert (event.key, event.number) == ("da-teh-2026", "11/KH-UBND")


@pytest.mark.parametrize(
    ("number", "day", "field"),
    [
        ("", ISSUED, "number"),
        ("x" * 81, ISSUED, "number"),
        ("1/KH", None, "issued_on"),
        ("1/KH", date(2026, 6, 17), "issued_on"),
    ],
)
def test_issue_needs_a_number_and_a_day_that_has_come(
    office: Office, number: str, day: date | None, field: str
) -> None:
    plan = draft(office)
    add(office, plan, "Việc", office.north)
    with office.acting("coordinator"), pytest.raises(ValidationFailed) as refused:
        run(lifecycle.issue_plan, lifecycle.IssuePlan(plan, get(Plan, plan).version, number, day))
    assert [one.field for one in refused.value.errors] == [field]
    assert get(Plan, plan).state is PlanState.DRAFT


def test_plan_without_tasks_is_not_issued(office: Office) -> None:
    plan = draft(office)
    add(office, plan, "Nhóm", kind=RowKind.GROUP)
    with pytest.raises(ValidationFailed):
        issue(office, plan)


def test_lead_unit_that_has_ended_stops_the_issue_and_is_named(office: Office) -> None:
    plan = draft(office)
    add(office, plan, "Việc", office.north)

    def end(work: Any, unit: int) -> None:
        from tracker.units.models import Unit

        work.get(Unit, unit).valid_to = date(2025, 7, 1)

    with acting(system_context()):
        run(end, office.north)
    with pytest.raises(ValidationFailed, match="Hương Lâm"):
        issue(office, plan)
    assert shares(1) == []


def test_unit_set_is_resolved_on_the_issue_date_and_newborn_units_are_proposed(
    office: Office,
) -> None:
    communes = make_unit_set("Tất cả các xã", kinds=("commune",), under=office.agency)
    plan = draft(office)
    task = add(office, plan, "Việc chung", unit_set_id=communes)
    issue(office, plan)
    assert [one.unit_id for one in shares(task)] == [office.north, office.south]
    born = make_unit("UBND xã Quốc Oai", parent=office.agency, valid_from=date(2026, 3, 1))
    row = get(Task, task)
    assert assign.proposed_units(db.session(), row, date(2026, 6, 16)) == [born]
    assert len(shares(task)) == 2
    with office.acting("coordinator"):
        run(assign.add_proposed, assign.AddProposed(task, (born,), date(2026, 6, 1)))
    newest = shares(task)[-1]
    assert (newest.unit_id, newest.begins_on) == (born, date(2026, 6, 1))
    # What was true before it was asked stays true.
    before = figures.assignments_on(date(2026, 5, 1), figures.Filter(plan_id=plan))
    assert len(db.session.execute(before).all()) == 2


def test_unit_outside_the_set_cannot_be_added_as_proposed(office: Office) -> None:
    plan = draft(office)
    task = add(office, plan, "Việc", office.north)
    issue(office, plan)
    with office.acting("coordinator"), pytest.raises(ValidationFailed):
        run(assign.add_proposed, assign.AddProposed(task, (office.south,), date(2026, 6, 1)))


def test_recurring_row_gets_a_share_for_each_day_left_in_the_year(office: Office) -> None:
    plan = draft(office)
    rule = RecurrenceRule(Frequency.QUARTERLY, month=3, day=20)
    deadline = Deadline(kind=DeadlineKind.RECURRING, rule=rule, text="ngày 20 tháng cuối quý")
    task = add(office, plan, "Báo cáo", office.north, deadline=deadline)
    issue(office, plan, day=date(2026, 4, 1))
    assert [(one.occurrence, one.due_on) for one in shares(task)] == [
        (1, date(2026, 6, 20)),
        (2, date(2026, 9, 20)),
        (3, date(2026, 12, 20)),
    ]


def test_same_issuer_kind_number_and_date_is_a_conflict(office: Office) -> None:
    for number in (1, 2):
        plan = draft(office, f"Kế hoạch {number}")
        add(office, plan, "Việc", office.north)
        if number == 1:
            issue(office, plan)
    with pytest.raises(Conflict, match="11/KH-UBND"):
        issue(office, plan)
    assert get(Plan, plan).state is PlanState.DRAFT
    assert issue(office, plan, number="12/KH-UBND") == 1


def test_two_people_issue_the_same_document_at_once_and_one_wins(office: Office) -> None:
    plans = [draft(office, f"Kế hoạch {number}") for number in (1, 2)]
    for plan in plans:
        add(office, plan, "Việc", office.north)
    versions = {plan: get(Plan, plan).version for plan in plans}
    context = office.context("coordinator")
    db.session.remove()
    barrier = threading.Barrier(2)
    outcomes: list[str] = []

    def go(plan: int) -> None:
        with office.app.app_context(), acting(context):
            barrier.wait()
            try:
                data = lifecycle.IssuePlan(plan, versions[plan], "7/KH-UBND", ISSUED)
                run(lifecycle.issue_plan, data)
                outcomes.append("issued")
            except Conflict:
                outcomes.append("conflict")
            finally:
                db.session.remove()

    threads = [threading.Thread(target=go, args=(plan,)) for plan in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["conflict", "issued"]
    states = db.session.scalars(select(Plan.state)).all()
    assert sorted(states) == [PlanState.DRAFT, PlanState.ISSUED]


# -- amending --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "Tên khác"},
        {"product": "Báo cáo"},
        {"deadline": on(date(2026, 9, 30))},
        {"lead_text": "Văn phòng"},
        {"number": "9"},
    ],
)
def test_printed_content_changes_only_by_a_document(
    office: Office, changes: dict[str, Any]
) -> None:
    plan = draft(office)
    task = add(office, plan, "Việc", office.north)
    issue(office, plan)
    with pytest.raises(ValidationFailed) as refused:
        edit(office, task, **changes)
    assert [one.field for one in refused.value.errors] == ["document_id"]
    assert get(Task, task).title == "Việc"
    edit(office, task, amendment(), **changes)
    (row,) = documents.list_differences(db.session(), plan)
    assert (row.task_id, row.action) == (task, "changed")


def test_note_and_area_may_be_put_right_without_a_document(office: Office) -> None:
    plan = draft(office)
    task = add(office, plan, "Việc", office.north)
    issue(office, plan)
    edit(office, task, note="đã nhắc", area_id=1)
    assert get(Task, task).note == "đã nhắc"
    assert documents.list_differences(db.session(), plan) == []


def test_later_deadline_by_a_document_keeps_the_original_one(office: Office) -> None:
    plan = draft(office)
    task = add(office, plan, "Việc", office.north)
    issue(office, plan)
    edit(office, task, amendment(), deadline=on(date(2026, 9, 30)))
    (share,) = shares(task)
    assert (share.original_due_on, share.due_on) == (DUE, date(2026, 9, 30))
    (extension,) = db.session.scalars(select(Extension))
    assert (extension.old_due_on, extension.decided_on) == (DUE, AMENDED)
    periods = db.session.scalars(
        select(AssignmentPeriod).order_by(AssignmentPeriod.valid_from)
    ).all()
    assert [(one.valid_from, one.due_on) for one in periods] == [
        (ISSUED, DUE),
        (AMENDED, date(2026, 9, 30)),
    ]


def test_lead_that_changes_hands_keeps_finished_work_and_withdraws_the_rest(
    office: Office,
) -> None:
    west = make_unit("UBND xã Mỹ Đức", parent=office.agency)
    plan = draft(office)
    task = add(office, plan, "Việc", office.north, office.south)
    issue(office, plan)
    finish(office, shares(task)[0].id)
    edit(office, task, amendment(), lead_unit_ids=(west,))
    north, south, new = shares(task)
    assert (north.unit_id, north.withdrawn_on) == (office.north, None)
    assert (south.unit_id, south.withdrawn_on) == (office.south, AMENDED)
    assert (new.unit_id, new.begins_on, new.due_on) == (west, AMENDED, DUE)


def test_recurrence_changed_in_mid_year_keeps_what_was_done_and_what_was_due(
    office: Office,
) -> None:
    plan = draft(office)
    monthly = RecurrenceRule(Frequency.MONTHLY, day=5)
    before = Deadline(kind=DeadlineKind.RECURRING, rule=monthly, text="ngày 05 hằng tháng")
    task = add(office, plan, "Báo cáo", office.north, deadline=before)
    issue(office, plan)
    february, march, *_rest = shares(task)
    finish(office, february.id)
    quarterly = RecurrenceRule(Frequency.QUARTERLY, month=3, day=20)
    after = Deadline(kind=DeadlineKind.RECURRING, rule=quarterly, text="ngày 20 tháng cuối quý")
    edit(office, task, amendment(), deadline=after)
    found = {one.occurrence: one for one in shares(task)}
    assert (found[1].reported, found[1].withdrawn_on) == (Reported.DONE, None)
    # Late under the old rule stays late: March and April were due before the amendment of 4/5.
    assert (march.occurrence, found[2].due_on, found[2].withdrawn_on) == (2, date(2026, 3, 5), None)
    assert found[3].withdrawn_on is None
    assert [found[number].withdrawn_on for number in range(4, 12)] == [AMENDED] * 8
    assert [(number, found[number].due_on) for number in sorted(found) if number > 11] == [
        (12, date(2026, 6, 20)),
        (13, date(2026, 9, 20)),
        (14, date(2026, 12, 20)),
    ]


def finish(office: Office, assignment: int) -> None:
    from tracker.plans.inputs import ReportProgress
    from tracker.plans.progress import report_progress

    with office.acting("coordinator"):
        run(
            report_progress,
            ReportProgress(assignment, Reported.DONE, 100, done_on=date(2026, 4, 1)),
        )


def test_row_added_by_a_document_counts_from_its_day(office: Office) -> None:
    plan = draft(office)
    add(office, plan, "Việc", office.north)
    issue(office, plan)
    with pytest.raises(ValidationFailed):
        add(office, plan, "Thêm", office.south)
    task = add(office, plan, "Thêm", office.south, document=amendment())
    row = get(Task, task)
    assert (row.valid_from, row.added_by_id is not None) == (AMENDED, True)
    wanted = figures.Filter(plan_id=plan)
    before = figures.figure(db.session(), date(2026, 5, 3), wanted=wanted)
    after = figures.figure(db.session(), AMENDED, wanted=wanted)
    assert (before.denominator, before.version) == (1, 0)
    assert (after.denominator, after.version) == (2, 1)


def test_withdrawn_group_takes_its_tasks_out_and_keeps_their_history(office: Office) -> None:
    plan = draft(office)
    group = add(office, plan, "Nhóm", kind=RowKind.GROUP)
    task = add(office, plan, "Việc", office.north, parent_id=group)
    add(office, plan, "Việc khác", office.south)
    issue(office, plan)
    data = rows.WithdrawTask(group, get(Task, group).version, amendment(), "Không còn phù hợp")
    with office.acting("coordinator"):
        run(rows.withdraw_task, data)
    assert get(Task, task).withdrawn_on == AMENDED
    assert shares(task)[0].withdrawn_on == AMENDED
    wanted = figures.Filter(plan_id=plan)
    assert figures.figure(db.session(), date(2026, 5, 3), wanted=wanted).denominator == 2
    assert figures.figure(db.session(), AMENDED, wanted=wanted).denominator == 1
    actions = [one.action for one in documents.list_differences(db.session(), plan)]
    assert actions == ["withdrawn", "withdrawn"]
    with pytest.raises(ValidationFailed):
        edit(office, task, amendment("46/QĐ"), title="Sống lại")


def test_withdrawal_needs_reason_and_document(office: Office) -> None:
    plan = draft(office)
    task = add(office, plan, "Việc", office.north)
    issue(office, plan)
    version = get(Task, task).version
    for choice, reason, field in (
        (amendment(), "  ", "reason"),
        (DocumentChoice(), "Lý do", "document_id"),
    ):
        with office.acting("coordinator"), pytest.raises(ValidationFailed) as refused:
            run(rows.withdraw_task, rows.WithdrawTask(task, version, choice, reason))
        assert [one.field for one in refused.value.errors] == [field]


def test_document_of_another_plan_is_no_ground(office: Office) -> None:
    plans = []
    for number in (1, 2):
        plan = draft(office, f"Kế hoạch {number}")
        task = add(office, plan, "Việc", office.north)
        issue(office, plan, number=f"{number}/KH")
        plans.append((plan, task))
    with office.acting("coordinator"):
        foreign = run(
            lifecycle.amend_plan,
            lifecycle.AmendPlan(plans[0][0], NewDocument(DocumentKind.DECISION, "5/QĐ", AMENDED)),
        )
    with pytest.raises(ValidationFailed):
        edit(office, plans[1][1], DocumentChoice(document_id=foreign), title="Khác")


@pytest.mark.parametrize("day", [date(2026, 1, 14), date(2026, 6, 17)])
def test_amending_document_lies_between_issue_and_today(office: Office, day: date) -> None:
    plan = draft(office)
    add(office, plan, "Việc", office.north)
    issue(office, plan)
    data = lifecycle.AmendPlan(plan, NewDocument(DocumentKind.DECISION, "5/QĐ", day))
    with office.acting("coordinator"), pytest.raises(ValidationFailed):
        run(lifecycle.amend_plan, data)


def test_assigned_task_cannot_become_a_group(office: Office) -> None:
    plan = draft(office)
    task = add(office, plan, "Việc", office.north)
    edit(office, task, kind=RowKind.GROUP)
    edit(office, task, kind=RowKind.TASK, lead_unit_ids=(office.north,), deadline=on(DUE))
    issue(office, plan)
    with pytest.raises(ValidationFailed) as refused:
        edit(office, task, amendment(), kind=RowKind.GROUP)
    assert [one.field for one in refused.value.errors] == ["kind"]


def test_second_save_of_the_same_version_is_a_conflict(office: Office) -> None:
    plan = draft(office)
    task = add(office, plan, "Việc", office.north)
    data = rows.EditRow(task, get(Task, task).version, edited(task, title="Một"))
    with office.acting("coordinator"):
        run(rows.edit_row, data)
        with pytest.raises(Conflict):
            run(rows.edit_row, data)


def test_change_of_units_alone_counts_as_a_change_of_the_row(office: Office) -> None:
    plan = draft(office)
    task = add(office, plan, "Việc", office.north)
    data = rows.EditRow(task, get(Task, task).version, edited(task, lead_unit_ids=(office.south,)))
    with office.acting("coordinator"):
        run(rows.edit_row, data)
        with pytest.raises(Conflict):
            run(rows.edit_row, data)


# -- closing ---------------------------------------------------------------------------------


def test_closed_plan_changes_no_more(office: Office) -> None:
    plan = draft(office)
    task = add(office, plan, "Việc", office.north)
    issue(office, plan)
    with office.acting("coordinator"):
        version = get(Plan, plan).version
        run(lifecycle.close_plan, lifecycle.ClosePlan(plan, version, date(2026, 6, 16)))
    for attempt in (
        lambda: edit(office, task, amendment(), title="Khác"),
        lambda: add(office, plan, "Thêm", office.south, document=amendment()),
    ):
        with pytest.raises(ValidationFailed):
            attempt()
    with office.acting("coordinator"), pytest.raises(ValidationFailed):
        run(
            lifecycle.amend_plan,
            lifecycle.AmendPlan(plan, NewDocument(DocumentKind.DECISION, "5/QĐ", AMENDED)),
        )


# -- rights ----------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["leader", "head", "officer", "stranger"])
def test_only_coordinators_write_plans(office: Office, who: str) -> None:
    plan = draft(office)
    task = add(office, plan, "Việc", office.north)
    version = get(Task, task).version
    tries: list[Callable[[], object]] = [
        lambda: run(
            lifecycle.create_plan,
            lifecycle.CreatePlan(lifecycle.PlanInput("Của tôi", office.north, 2026, 2026)),
        ),
        lambda: run(rows.add_row, rows.AddRow(plan, RowInput("x", deadline=on(DUE)))),
        lambda: run(rows.edit_row, rows.EditRow(task, version, edited(task, title="x"))),
        lambda: run(rows.move_row, rows.MoveRow(task, None)),
        lambda: run(rows.delete_row, rows.DeleteRow(task)),
        lambda: run(lifecycle.issue_plan, lifecycle.IssuePlan(plan, 1, "1/KH", ISSUED)),
        lambda: run(lifecycle.delete_plan, lifecycle.DeletePlan(plan, 1)),
    ]
    for attempt in tries:
        with office.acting(who), pytest.raises(PermissionDenied):
            attempt()


def test_plan_cannot_be_given_to_an_issuer_out_of_reach(office: Office) -> None:
    # Moving a record under one's own or another's node was a hole elsewhere (CVE-2026-35595).
    outside = make_unit("Sở Nội vụ", kind="department")
    plan = draft(office)
    data = lifecycle.EditPlan(
        plan, get(Plan, plan).version, lifecycle.PlanInput("Khác", outside, 2026, 2026)
    )
    with office.acting("coordinator"), pytest.raises(PermissionDenied):
        run(lifecycle.edit_plan, data)
    assert get(Plan, plan).issuer_id == office.agency


def test_row_cannot_move_into_another_plan(office: Office) -> None:
    first, second = draft(office, "Một"), draft(office, "Hai")
    task = add(office, first, "Việc", office.north)
    group = add(office, second, "Nhóm", kind=RowKind.GROUP)
    with office.acting("coordinator"), pytest.raises(TrackerError):
        run(rows.move_row, rows.MoveRow(task, group))
    with office.acting("coordinator"), pytest.raises(NotFound):
        run(rows.move_row, rows.MoveRow(999_999, None))


# -- moving and copying ----------------------------------------------------------------------


def test_moved_group_takes_its_rows_along(office: Office) -> None:
    plan = draft(office)
    one = add(office, plan, "Nhóm 1", kind=RowKind.GROUP)
    inner = add(office, plan, "Việc", office.north, parent_id=one)
    two = add(office, plan, "Nhóm 2", kind=RowKind.GROUP)
    with office.acting("coordinator"):
        run(rows.move_row, rows.MoveRow(one, two))
    assert get(Task, inner).path == "00001.00001.00001"
    assert get(Task, two).path == "00001"
    with office.acting("coordinator"), pytest.raises(ValidationFailed):
        run(rows.move_row, rows.MoveRow(two, one))


def test_copy_moves_dates_links_unfinished_work_and_leaves_the_withdrawn(office: Office) -> None:
    plan = draft(office)
    group = add(office, plan, "Nhóm", kind=RowKind.GROUP, number="I")
    done = add(office, plan, "Xong", office.north, parent_id=group)
    open_one = add(
        office,
        plan,
        "Dở dang",
        office.north,
        parent_id=group,
        deadline=Deadline(kind=DeadlineKind.DATE, on=DUE, text="Quý II/2026"),
    )
    gone = add(office, plan, "Đã rút", office.south)
    issue(office, plan)
    finish(office, shares(done)[0].id)
    with office.acting("coordinator"):
        version = get(Task, gone).version
        run(rows.withdraw_task, rows.WithdrawTask(gone, version, amendment(), "Trùng"))
    preview = copying.preview(db.session(), get(Plan, plan), 2027, WorkingCalendar([]))
    assert [(row.title, row.is_unfinished) for row in preview.rows] == [
        ("Nhóm", False),
        ("Xong", False),
        ("Dở dang", True),
    ]
    assert preview.withdrawn_count == 1
    head = lifecycle.PlanInput("Kế hoạch CCHC năm 2027", office.agency, 2027, 2027)
    with office.acting("coordinator"):
        copy = run(copying.copy_plan, copying.CopyPlan(plan, head))
    assert (get(Plan, copy).state, get(Plan, copy).copied_from_id) == (PlanState.DRAFT, plan)
    made = db.session.scalars(select(Task).where(Task.plan_id == copy).order_by(Task.path)).all()
    assert [(one.title, one.carried_from_id, one.deadline_on) for one in made] == [
        ("Nhóm", None, None),
        ("Xong", None, date(2027, 6, 30)),
        ("Dở dang", open_one, date(2027, 6, 30)),
    ]
    assert made[2].deadline_text == "Quý II/2027"
    assert made[1].parent_id == made[0].id
    assert assign.leads_of(db.session(), [made[1].id]) == {made[1].id: [office.north]}


def test_copy_of_chosen_rows_brings_their_groups(office: Office) -> None:
    plan = draft(office)
    group = add(office, plan, "Nhóm", kind=RowKind.GROUP)
    add(office, plan, "Nhóm rỗng", kind=RowKind.GROUP)
    task = add(office, plan, "Việc", office.north, parent_id=group)
    add(office, plan, "Bước", kind=RowKind.STEP, parent_id=task)
    add(office, plan, "Không chọn", office.north, parent_id=group)
    head = lifecycle.PlanInput("Năm sau", office.agency, 2027, 2027)
    with office.acting("coordinator"):
        copy = run(copying.copy_plan, copying.CopyPlan(plan, head, frozenset({task})))
    titles = db.session.scalars(
        select(Task.title).where(Task.plan_id == copy).order_by(Task.path)
    ).all()
    assert titles == ["Nhóm", "Việc", "Bước"]


def test_plan_out_of_sight_is_not_copied(office: Office) -> None:
    outside = make_unit("Sở Tài chính", kind="department")
    hidden = make_plan(outside)
    make_task(hidden, outside)
    head = lifecycle.PlanInput("Năm sau", office.agency, 2027, 2027)
    with office.acting("coordinator"), pytest.raises(PermissionDenied):
        run(copying.copy_plan, copying.CopyPlan(hidden, head))

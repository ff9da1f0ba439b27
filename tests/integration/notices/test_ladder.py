"""The ladder night by night: who is told when, what makes it rest, and what is shown of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.factories.accounts import make_user, post, sign_in
from tests.factories.notices import notices_of
from tests.factories.plans import assignment_of, make_plan, make_task, report
from tests.factories.units import make_unit
from tracker.accounts import services as accounts
from tracker.core.clock import LOCAL, FixedClock
from tracker.core.db import db
from tracker.core.rights import Role
from tracker.core.work import Work, run
from tracker.notices import ladder
from tracker.notices.escalation_models import EscalationRung, EscalationStep
from tracker.notices.models import Notice
from tracker.plans import extensions
from tracker.plans.inputs import AskExtension, DecideExtension, GrantExtensions
from tracker.plans.models import Assignment, Extension
from tracker.web.i18n import show_moment

pytestmark = pytest.mark.usefixtures("system")

DUE = date(2026, 6, 30)
PAGE = "/thiet-lap/bac-nhac-viec"


class Call:
    """A run of the job outside the job process."""

    run_id: UUID = uuid4()
    due_at = datetime(2026, 6, 1, tzinfo=UTC)
    input: Mapping[str, Any] = {}
    done = 0

    def __init__(self) -> None:
        self.steps: list[int] = []

    def progress(self, done: int, total: int | None = None, message: str = "") -> None: ...

    def say(self, text: str) -> None: ...

    def link(self, url: str) -> None: ...

    def step(self, work: Work, done: int, total: int | None = None, message: str = "") -> None:
        self.steps.append(done)

    def finish_in(self, work: Work, said: str = "") -> None: ...


@pytest.fixture
def office() -> dict[str, int]:
    province = make_unit("Tỉnh Lâm Đồng", "province")
    department = make_unit("Sở Nội vụ", "department", province)
    return {
        "province": province,
        "department": department,
        "officer": make_user(department, Role.OFFICER, name="Trần Thị Hoa"),
        "head": make_user(department, Role.HEAD, name="Lê Minh Đức"),
        "coordinator": make_user(province, Role.COORDINATOR, name="Phạm Văn An"),
        "leader": make_user(province, Role.LEADER, name="Nguyễn Thị Bình"),
    }


@pytest.fixture
def task(office: dict[str, int]) -> int:
    return make_task(
        make_plan(office["province"]), office["department"], title="Rà soát", due_on=DUE
    )


def remind() -> str:
    return ladder.remind(Call())


def nights(clock: FixedClock, start: date, end: date) -> None:
    """Run the job each morning from a day to a day."""
    day = start
    while day <= end:
        clock.move_to(datetime(day.year, day.month, day.day, 5, 30, tzinfo=LOCAL))
        remind()
        day += timedelta(days=1)


def told(office: dict[str, int]) -> list[tuple[str, str]]:
    """Return (day, who) of all steps in order."""
    names = {user: name for name, user in office.items()}
    db.session.rollback()
    rows = db.session.execute(
        select(EscalationStep.taken_on, EscalationStep.user_id).order_by(
            EscalationStep.taken_on, EscalationStep.id
        )
    )
    return [(f"{row.taken_on:%d/%m}", names[row.user_id]) for row in rows]


LADDER = [
    ("23/06", "officer"),
    ("29/06", "officer"),
    ("01/07", "officer"),
    ("01/07", "head"),
    ("03/07", "coordinator"),
    ("14/07", "leader"),
]


def test_ladder_is_climbed_once_by_working_days(
    office: dict[str, int], task: int, clock: FixedClock
) -> None:
    nights(clock, date(2026, 6, 16), date(2026, 8, 10))
    assert told(office) == LADDER
    for person, count in (("officer", 3), ("head", 1), ("coordinator", 1), ("leader", 1)):
        assert len(notices_of(office[person])) == count
    kinds = [one.kind for one in notices_of(office["officer"])]
    assert kinds == ["plans.due_soon", "plans.due_soon", "plans.overdue"]


def test_nights_that_were_missed_are_made_up_for_once(
    office: dict[str, int], task: int, clock: FixedClock
) -> None:
    clock.move_to(datetime(2026, 7, 6, 5, 30, tzinfo=LOCAL))
    remind()
    remind()
    # Reminders before the deadline are over; the two rungs after it are taken.
    assert told(office) == [("06/07", "officer"), ("06/07", "head"), ("06/07", "coordinator")]
    assert len(notices_of(office["head"])) == 1


def test_nothing_is_sent_on_days_off(office: dict[str, int], task: int, clock: FixedClock) -> None:
    clock.move_to(datetime(2026, 6, 27, 5, 30, tzinfo=LOCAL))
    assert "không phải ngày làm việc" in remind()
    assert told(office) == []


def test_finished_withdrawn_and_old_work_is_left_alone(
    office: dict[str, int], clock: FixedClock
) -> None:
    plan = make_plan(office["province"])
    done = make_task(plan, office["department"], due_on=DUE)
    report(done, done_on=date(2026, 6, 10))
    make_task(plan, office["department"], due_on=DUE, withdrawn_on=date(2026, 6, 20))
    make_task(plan, office["department"], due_on=date(2026, 3, 31))
    draft = make_plan(office["province"], issued_on=None)
    make_task(draft, office["department"], due_on=DUE)
    nights(clock, date(2026, 6, 22), date(2026, 7, 20))
    assert told(office) == []


def name_person(task: int, person: int) -> None:
    def name(work: Work, _data: None) -> None:
        work.session.get_one(Assignment, assignment_of(task)).person_id = person

    run(name, None)


def test_named_person_is_told_instead_of_all_officers(
    office: dict[str, int], task: int, clock: FixedClock
) -> None:
    other = make_user(office["department"], Role.OFFICER)
    name_person(task, other)
    clock.move_to(datetime(2026, 6, 23, 5, 30, tzinfo=LOCAL))
    remind()
    assert (len(notices_of(other)), len(notices_of(office["officer"]))) == (1, 0)


def test_named_person_who_has_left_is_no_reason_to_remind_nobody(
    office: dict[str, int], task: int, clock: FixedClock
) -> None:
    left = make_user(office["department"], Role.OFFICER, name="Đã Nghỉ Việc")
    name_person(task, left)
    run(accounts.switch_user, accounts.SwitchUser(left, False))
    nights(clock, date(2026, 6, 23), date(2026, 6, 23))
    assert told(office) == [("23/06", "officer")]


def test_unit_without_officers_has_its_head_reminded(
    office: dict[str, int], clock: FixedClock
) -> None:
    unit = make_unit("Sở Tài chính", "department", office["province"])
    head = make_user(unit, Role.HEAD)
    make_task(make_plan(office["province"]), unit, due_on=DUE)
    clock.move_to(datetime(2026, 6, 23, 5, 30, tzinfo=LOCAL))
    remind()
    assert len(notices_of(head)) == 1


def test_deputy_is_reminded_during_the_leave(
    office: dict[str, int], task: int, clock: FixedClock
) -> None:
    deputy = make_user(office["department"], name="Người thay")
    leave = accounts.NameDeputy(office["officer"], deputy, date(2026, 6, 22), date(2026, 6, 26))
    run(accounts.name_deputy, leave)
    nights(clock, date(2026, 6, 22), date(2026, 6, 30))
    told_deputy = [one for one in notices_of(deputy) if one.kind == "plans.due_soon"]
    assert [one.represents_id for one in told_deputy] == [office["officer"]]


# -- what makes it rest --------------------------------------------------------------------------


def test_request_for_a_later_deadline_rests_it_and_a_new_deadline_begins_it_anew(
    office: dict[str, int], task: int, clock: FixedClock
) -> None:
    clock.move_to(datetime(2026, 6, 22, 9, tzinfo=LOCAL))
    run(extensions.ask_extension, AskExtension(assignment_of(task), date(2026, 7, 31), "Chờ"))
    nights(clock, date(2026, 6, 23), date(2026, 6, 29))
    assert told(office) == []
    request = db.session.scalars(select(Extension.id)).one()
    clock.move_to(datetime(2026, 6, 29, 9, tzinfo=LOCAL))

    def by_somebody(work: Work, _data: None) -> None:
        work.session.get_one(Extension, request).requested_by_id = office["officer"]

    run(by_somebody, None)
    run(extensions.decide_extension, DecideExtension(request, False, "Không đủ lý do"))
    nights(clock, date(2026, 6, 30), date(2026, 7, 1))
    assert told(office) == [
        ("30/06", "officer"),
        ("01/07", "officer"),
        ("01/07", "head"),
    ]
    run(
        extensions.grant_extensions,
        GrantExtensions((assignment_of(task),), date(2026, 7, 31), "Chờ bộ"),
    )
    nights(clock, date(2026, 7, 2), date(2026, 7, 24))
    assert told(office)[3:] == [("24/07", "officer")]


def test_pause_with_a_reason_rests_it(
    client: FlaskClient, office: dict[str, int], task: int, clock: FixedClock
) -> None:
    address = f"/nhac-viec/tam-dung/{assignment_of(task)}"
    sign_in(client, office["coordinator"])
    assert post(client, address, {"until": "10/07/2026", "reason": ""}).status_code == 422
    assert post(client, address, {"until": "01/01/2026", "reason": "x"}).status_code == 422
    answer = post(client, address, {"until": "10/07/2026", "reason": "Chờ nghị định mới"})
    assert answer.status_code == 303
    nights(clock, date(2026, 6, 22), date(2026, 7, 10))
    assert told(office) == []
    nights(clock, date(2026, 7, 11), date(2026, 7, 14))
    assert told(office) == [("14/07", "leader")]
    sign_in(client, office["head"])
    assert client.get(address).status_code == 403
    sign_in(client, make_user(make_unit("Tỉnh khác", "province"), Role.COORDINATOR))
    assert client.get(address).status_code == 404


# -- one notice for many -------------------------------------------------------------------------


def test_many_tasks_make_one_notice_that_names_the_first(
    client: FlaskClient, office: dict[str, int], clock: FixedClock
) -> None:
    plan = make_plan(office["province"])
    for number in range(7):
        make_task(plan, office["department"], title=f"Nhiệm vụ thứ {number}", due_on=DUE)
    clock.move_to(datetime(2026, 7, 1, 5, 30, tzinfo=LOCAL))
    remind()
    (notice,) = notices_of(office["head"])
    assert len(told(office)) == 14
    sign_in(client, office["head"])
    page = client.get("/thong-bao").text
    assert "7 việc quá hạn từ 1 ngày làm việc, ở 1 đơn vị" in page
    assert "Nhiệm vụ thứ 4" in page
    assert "Nhiệm vụ thứ 5" not in page
    assert "… và 2 việc khác" in page
    answer = client.get(f"/thong-bao/{notice.id}")
    assert answer.location == "/viec?status=overdue"
    assert client.get(answer.location).status_code == 200


def test_job_that_dies_between_rows_and_notices_loses_and_doubles_nothing(
    office: dict[str, int], task: int, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(Exception):
        pass

    def dies(_reach: object) -> int:
        raise Killed

    clock.move_to(datetime(2026, 7, 1, 5, 30, tzinfo=LOCAL))
    with monkeypatch.context() as patch:
        patch.setattr(ladder, "tell_all", dies)
        with pytest.raises(Killed):
            remind()
    assert len(told(office)) == 2
    assert notices_of(office["head"]) == []
    clock.advance(minutes=10)
    remind()
    remind()
    assert len(told(office)) == 2
    assert [len(notices_of(office[one])) for one in ("head", "officer")] == [1, 1]


def test_chunks_report_how_far_they_are(
    office: dict[str, int], clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ladder, "CHUNK", 2)
    plan = make_plan(office["province"])
    tasks = [make_task(plan, office["department"], due_on=DUE) for _number in range(5)]
    clock.move_to(datetime(2026, 6, 23, 5, 30, tzinfo=LOCAL))
    call = Call()
    said = ladder.remind(call)
    assert call.steps == [2, 4, 5]
    assert said == "5 lượt nhắc mới. 1 thông báo."
    # What was done about them is noted by chunks as well.
    monkeypatch.setattr(ladder, "ASSIGNMENTS_AT_ONCE", 2)
    clock.advance(hours=3)
    for one in (tasks[0], tasks[2], tasks[4]):
        report(one)
    clock.advance(days=1)
    remind()
    db.session.rollback()
    acted = db.session.scalars(select(EscalationStep.acted_at).order_by(EscalationStep.id)).all()
    assert [one is not None for one in acted] == [True, False, True, False, True]


# -- the pages -----------------------------------------------------------------------------------


def test_leader_sees_who_does_not_answer_and_the_proof(
    app: Flask, client: FlaskClient, office: dict[str, int], task: int, clock: FixedClock
) -> None:
    nights(clock, date(2026, 6, 23), date(2026, 7, 3))
    clock.move_to(datetime(2026, 7, 3, 9, tzinfo=LOCAL))
    sign_in(client, office["head"])
    client.get(f"/thong-bao/{notices_of(office['head'])[0].id}")
    assert client.get("/nhac-viec").status_code == 403
    sign_in(client, office["leader"])
    page = client.get("/nhac-viec").text
    assert "Sở Nội vụ" in page
    proof = client.get(f"/nhac-viec/{office['department']}").text
    assert "quá hạn 1 ngày làm việc" in proof
    assert "Lê Minh Đức" in proof
    assert proof.count("chưa mở") == 4
    assert show_moment(clock.now()) in proof
    assert "việc đã nhắc mà chưa hồi âm" in client.get("/tong-quan").text
    report(task, percent=60)
    db.session.rollback()
    assert "Không có nhắc việc nào chưa hồi âm" in client.get("/nhac-viec").text
    shown = client.get(f"/nhac-viec/{office['department']}?tat_ca=1").text
    assert "Trần Thị Hoa" in shown
    nights(clock, date(2026, 7, 4), date(2026, 7, 6))
    db.session.rollback()
    assert all(db.session.scalars(select(EscalationStep.acted_at)))


def test_nobody_looks_into_another_tree(client: FlaskClient, office: dict[str, int]) -> None:
    stranger = make_user(make_unit("Tỉnh khác", "province"), Role.LEADER)
    sign_in(client, stranger)
    assert client.get(f"/nhac-viec/{office['department']}").status_code == 404
    assert client.get("/nhac-viec/999999").status_code == 404


def test_ladder_is_data(
    client: FlaskClient, office: dict[str, int], task: int, clock: FixedClock
) -> None:
    sign_in(client, office["coordinator"])
    page = client.get(PAGE).text
    assert "trước hạn 5 ngày làm việc" in page
    assert "sau hạn 10 ngày làm việc" in page
    new = {"offset_days": "-3", "audience": "head", "is_active": "y", "version": "0"}
    assert post(client, f"{PAGE}/them", new).status_code == 303
    assert post(client, f"{PAGE}/them", new).status_code == 422
    assert post(client, f"{PAGE}/them", {**new, "offset_days": "-61"}).status_code == 422
    assert post(client, f"{PAGE}/them", {**new, "offset_days": "x"}).status_code == 422
    assert post(client, f"{PAGE}/them", {**new, "audience": "x"}).status_code == 422
    for rung in db.session.scalars(select(EscalationRung)).all():
        if rung.offset_days != -3:
            off = {
                "offset_days": str(rung.offset_days),
                "audience": rung.audience.value,
                "version": str(rung.version),
            }
            assert post(client, f"{PAGE}/{rung.id}", off).status_code == 303
            assert post(client, f"{PAGE}/{rung.id}", off).status_code == 409
    assert client.get(f"{PAGE}/9999").status_code == 404
    nights(clock, date(2026, 6, 22), date(2026, 7, 20))
    assert told(office) == [("25/06", "head")]
    db.session.rollback()
    assert len(db.session.scalars(select(Notice)).all()) == 1
    sign_in(client, office["head"])
    assert client.get(PAGE).status_code == 403

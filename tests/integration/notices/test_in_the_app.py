"""Notices in the app: told once, shown to their reader alone, and leading to the record."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.factories.accounts import make_user, post, sign_in, sign_out
from tests.factories.notices import kinds_of, notices_of, tell_people
from tests.factories.outbox import work_off
from tests.factories.plans import assignment_of, make_plan, make_task, report
from tests.factories.units import make_unit
from tracker.accounts import services as accounts
from tracker.accounts.access import build_access, held_grants
from tracker.accounts.models import LoginSession, User
from tracker.core.clock import FixedClock
from tracker.core.context import Actor, Context, acting
from tracker.core.db import db
from tracker.core.rights import Role
from tracker.core.work import Work, run
from tracker.notices import services, tidy
from tracker.notices.bell import MOST
from tracker.notices.models import Notice
from tracker.outbox.telling import Tell, tell
from tracker.plans import extensions, progress, urges
from tracker.plans.inputs import (
    AnswerUrge,
    AskExtension,
    AssignPerson,
    DecideExtension,
    JudgeReport,
    UrgeUnits,
)
from tracker.plans.models import Extension, Urge
from tracker.plugins.events import JobFailed, PluginPaused
from tracker.settings.services import SaveSettings, save_settings

pytestmark = pytest.mark.usefixtures("system")


@pytest.fixture
def office(clock: FixedClock) -> dict[str, int]:
    """A province with a department: its head and an officer, a coordinator, a leader."""
    province = make_unit("Tỉnh Lâm Đồng", "province")
    department = make_unit("Sở Nội vụ", "department", province)
    return {
        "province": province,
        "department": department,
        "head": make_user(department, Role.HEAD, name="Lê Minh Đức"),
        "officer": make_user(department, Role.OFFICER, name="Trần Thị Hoa"),
        "coordinator": make_user(province, Role.COORDINATOR, name="Phạm Văn An"),
        "leader": make_user(province, Role.LEADER, name="Nguyễn Thị Bình"),
        "administrator": make_user(province, Role.ADMINISTRATOR),
    }


def as_person(app: Flask, user_id: int, clock: FixedClock) -> Context:
    grants = held_grants(db.session(), user_id, clock.today())
    access = build_access(user_id, grants, app.extensions["tracker_permissions_by_role"])
    name = db.session.get_one(User, user_id).name
    db.session.rollback()
    return Context(Actor(name, user_id, access), clock)


# -- who is told ---------------------------------------------------------------------------------


def test_urge_and_answer_are_told_to_those_concerned(
    app: Flask, office: dict[str, int], clock: FixedClock
) -> None:
    plan = make_plan(office["province"], title="Kế hoạch CCHC 2026")
    task = make_task(plan, office["department"], title="Rà soát thủ tục hành chính")
    with acting(as_person(app, office["leader"], clock)):
        run(
            urges.urge_units,
            UrgeUnits((assignment_of(task),), "Cần báo cáo gấp", date(2026, 6, 20)),
        )
    work_off()
    assert kinds_of(office["head"]) == ["plans.urged"]
    assert kinds_of(office["officer"]) == ["plans.urged"]
    assert kinds_of(office["leader"]) == kinds_of(office["coordinator"]) == []
    urge = db.session.scalars(select(Urge.id)).one()
    with acting(as_person(app, office["officer"], clock)):
        run(urges.answer_urge, AnswerUrge(urge, "Sẽ xong ngày 18/6"))
    work_off()
    assert kinds_of(office["leader"]) == ["plans.urge_answered"]
    assert kinds_of(office["head"]) == ["plans.urged"]


def test_requests_and_decisions_find_their_people(
    app: Flask, office: dict[str, int], clock: FixedClock
) -> None:
    plan = make_plan(office["province"], needs_confirmation=True)
    task = make_task(plan, office["department"])
    assignment = assignment_of(task)
    officer = as_person(app, office["officer"], clock)
    coordinator = as_person(app, office["coordinator"], clock)
    with acting(as_person(app, office["head"], clock)):
        run(progress.assign_person, AssignPerson((assignment,), office["officer"]))
    with acting(officer):
        asked = AskExtension(assignment, date(2026, 8, 30), "Chờ văn bản của bộ")
        run(extensions.ask_extension, asked)
    work_off()
    assert kinds_of(office["officer"]) == ["plans.assigned"]
    assert kinds_of(office["coordinator"]) == ["plans.extension_asked"]
    with acting(coordinator):
        extension = db.session.scalars(select(Extension.id)).one()
        run(extensions.decide_extension, DecideExtension(extension, True, ""))
    report(task, done_on=clock.today(), by=officer)
    with acting(coordinator):
        run(progress.send_back, JudgeReport(assignment, note="Thiếu văn bản"))
    work_off()
    assert kinds_of(office["officer"]) == [
        "plans.assigned",
        "plans.extension_decided",
        "plans.confirmation_decided",
    ]
    assert kinds_of(office["coordinator"]) == [
        "plans.extension_asked",
        "plans.confirmation_asked",
    ]
    assert kinds_of(office["head"]) == ["plans.confirmation_decided"]


def test_nearest_people_are_told_and_not_all_above(office: dict[str, int]) -> None:
    other = make_unit("Sở Tài chính", "department", office["province"])
    minister = make_user(office["province"], Role.HEAD)

    def service(work: Work, unit: int) -> None:
        one = Tell(
            kind="plans.assigned",
            key=str(unit),
            page=("web.home", {}),
            params={"task": "x", "plan": "", "unit": ""},
            holders=[("tasks.answer", unit)],
        )
        tell(work, one)

    run(service, office["department"])
    work_off()
    assert kinds_of(minister) == []
    # Where a unit has nobody, the next one above is told.
    run(service, other)
    work_off()
    assert kinds_of(minister) == ["plans.assigned"]
    assert len(kinds_of(office["head"])) == 1


def test_deputy_is_told_during_the_leave_and_knows_for_whom(
    app: Flask, client: FlaskClient, office: dict[str, int], clock: FixedClock
) -> None:
    start, end = clock.today() + timedelta(days=1), clock.today() + timedelta(days=5)
    run(accounts.name_deputy, accounts.NameDeputy(office["head"], office["officer"], start, end))
    work_off()
    assert kinds_of(office["officer"]) == ["accounts.deputy_named"]
    tell_people([office["head"]], key="before")
    assert len(kinds_of(office["officer"])) == 1
    clock.advance(days=2)
    tell_people([office["head"]], key="during")
    tell_people([office["head"], office["officer"]], key="both")
    told = notices_of(office["officer"])
    assert [one.represents_id for one in told] == [None, office["head"], None]
    sign_in(client, office["officer"])
    assert "thay Lê Minh Đức" in client.get("/thong-bao").text
    clock.advance(days=10)
    tell_people([office["head"]], key="after")
    assert len(notices_of(office["officer"])) == 3


def test_same_occasion_is_told_once_however_often_it_is_settled(office: dict[str, int]) -> None:
    tell_people([office["head"]], key="k")
    tell_people([office["head"], office["officer"]], key="k")
    assert len(notices_of(office["head"])) == 1
    # The outbox knows the key: whoever it named first was told, and nobody later.
    assert notices_of(office["officer"]) == []


def test_old_notices_are_tidied_away_and_unread_ones_later(
    office: dict[str, int], clock: FixedClock
) -> None:
    def tidied() -> str:
        return tidy.tidy(SimpleNamespace())  # type: ignore[arg-type]

    officer, head = office["officer"], office["head"]
    tell_people([officer, head])
    run(services.mark_read, services.MarkRead(officer))
    clock.advance(days=179)
    tell_people([officer], key="2")
    run(services.mark_read, services.MarkRead(officer))
    assert tidied() == "Đã dọn 0 thông báo cũ."
    clock.advance(days=2)
    assert tidied() == "Đã dọn 1 thông báo cũ."
    assert [one.key for one in notices_of(officer)] == ["plans.assigned:2"]
    assert len(notices_of(head)) == 1
    # Unread ones are never kept for a shorter time than read ones, whatever the settings say.
    run(save_settings, SaveSettings({tidy.READ_DAYS: 400, tidy.UNREAD_DAYS: 30}))
    clock.advance(days=215)
    assert tidied() == "Đã dọn 0 thông báo cũ."
    clock.advance(days=5)
    assert tidied() == "Đã dọn 1 thông báo cũ."
    assert notices_of(head) == []


def test_administrators_are_told_of_failed_jobs_and_paused_plugins(
    app: Flask, client: FlaskClient, office: dict[str, int], clock: FixedClock
) -> None:
    from uuid import uuid4

    failed = JobFailed(job="files.collect", run=uuid4(), due_at=clock.now(), reason="đĩa đầy")

    def service(work: Work, happened: object) -> None:
        work.emit(happened)

    run(service, failed)
    run(service, failed)
    run(service, PluginPaused(name="camera", reason="chạy quá lâu"))
    work_off()
    assert sorted(kinds_of(office["administrator"])) == ["jobs.failed", "plugins.paused"]
    assert kinds_of(office["leader"]) == []
    sign_in(client, office["administrator"])
    page = client.get("/thong-bao").text
    assert "Dọn tệp không còn dùng" in page
    assert "chạy quá lâu" in page


# -- the pages -----------------------------------------------------------------------------------


def test_bell_counts_and_the_list_leads_to_the_record(
    client: FlaskClient, office: dict[str, int]
) -> None:
    plan = make_plan(office["province"])
    task = make_task(plan, office["department"])
    for number in range(3):
        page = ("plans.show_task", {"task_id": task})
        tell_people([office["head"]], key=str(number), page=page, task=f"Việc {number}")
    sign_in(client, office["head"])
    home = client.get("/viec").text
    assert "3 thông báo chưa đọc" in home
    listed = client.get("/thong-bao").text
    assert listed.index("Việc 2") < listed.index("Việc 0")
    first = notices_of(office["head"])[0]
    answer = client.get(f"/thong-bao/{first.id}")
    assert (answer.status_code, answer.location) == (303, f"/viec/{task}")
    assert "2 thông báo chưa đọc" in client.get(answer.location).text
    assert "Việc 0" not in client.get("/thong-bao?chua_doc=1").text
    picked = notices_of(office["head"])[1]
    post(client, "/thong-bao/da-doc", {"ids": picked.id})
    assert "1 thông báo chưa đọc" in client.get("/viec").text
    post(client, "/thong-bao/da-doc", {"all": "1"})
    assert "thông báo chưa đọc" not in client.get("/viec").text
    assert "Không có thông báo nào khớp" in client.get("/thong-bao?chua_doc=1").text


def test_list_can_be_narrowed_to_a_group(client: FlaskClient, office: dict[str, int]) -> None:
    tell_people([office["head"]], key="a", task="Việc kế hoạch")
    tell_people(
        [office["head"]],
        "accounts.deputy_named",
        key="b",
        name="Ai đó",
        start="2026-06-01",
        end="2026-06-02",
        reason="",
    )
    sign_in(client, office["head"])
    page = client.get("/thong-bao?loai=Tài+khoản").text
    assert "Bạn thay Ai đó" in page
    assert "Việc kế hoạch" not in page
    assert client.get("/thong-bao?loai=khong-co").status_code == 200


def test_nobody_reads_or_marks_anothers_notices(
    client: FlaskClient, office: dict[str, int]
) -> None:
    tell_people([office["head"]], key="a", task="Chỉ của trưởng phòng")
    (notice,) = notices_of(office["head"])
    sign_in(client, office["officer"])
    assert "Chỉ của trưởng phòng" not in client.get("/thong-bao").text
    assert client.get(f"/thong-bao/{notice.id}").status_code == 404
    post(client, "/thong-bao/da-doc", {"ids": notice.id})
    post(client, "/thong-bao/da-doc", {"all": "1"})
    assert notices_of(office["head"])[0].read_at is None


def test_words_follow_the_readers_language_and_are_escaped(
    client: FlaskClient, office: dict[str, int]
) -> None:
    tell_people([office["head"]], key="a", task="<script>alert(1)</script>")
    sign_in(client, office["head"])
    page = client.get("/thong-bao").text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page


def test_notice_of_a_plugin_that_is_off_still_opens(
    client: FlaskClient, office: dict[str, int]
) -> None:
    tell_people([office["head"]], "camera.down", key="a", page=("plugin_camera.show", {"id": 1}))
    sign_in(client, office["head"])
    assert "mô-đun đang tắt" in client.get("/thong-bao").text
    (notice,) = notices_of(office["head"])
    answer = client.get(f"/thong-bao/{notice.id}", follow_redirects=True)
    assert answer.status_code == 200
    assert "thuộc một mô-đun đang tắt" in answer.text


def test_bell_answers_only_when_it_changed_and_never_keeps_a_session_alive(
    app: Flask, client: FlaskClient, office: dict[str, int], clock: FixedClock
) -> None:
    tell_people([office["head"]], key="a")
    sign_in(client, office["head"])
    page = client.get("/thong-bao").text
    address = page.split('hx-get="')[1].split('"')[0].replace("&amp;", "&")
    assert address.startswith("/thong-bao/chuong?known=1.")
    assert client.get(address).status_code == 204
    tell_people([office["head"]], key="b")
    changed = client.get(address)
    assert changed.status_code == 200
    assert "2 thông báo chưa đọc" in changed.text
    # It asks every minute for an hour; the session ends all the same.
    for _minute in range(61):
        clock.advance(minutes=1)
        client.get("/thong-bao/chuong?known=")
    seen = db.session.scalars(select(LoginSession.last_seen_at)).one()
    db.session.rollback()
    assert clock.now() - seen >= timedelta(minutes=60)
    assert client.get("/thong-bao/chuong?known=").status_code == 204
    assert client.get("/thong-bao").status_code == 302
    sign_out(client)
    assert client.get("/thong-bao/chuong").status_code == 204


def test_bell_stops_counting_at_a_hundred(client: FlaskClient, office: dict[str, int]) -> None:
    def service(work: Work, _data: None) -> None:
        work.session.add_all(
            Notice(
                user_id=office["head"],
                key=str(number),
                kind="plans.due_soon",
                params={"page": ["web.home", {}], "task": "x", "due_on": "2026-06-20"},
                created_at=work.now,
            )
            for number in range(MOST + 20)
        )

    run(service, None)
    sign_in(client, office["head"])
    page = client.get("/thong-bao").text
    assert "99+" in page
    assert page.count('class="notice is-unread"') == 50


@pytest.mark.parametrize(
    "address", ["/thong-bao?page=0", "/thong-bao?page=x", "/thong-bao/999999999999"]
)
def test_odd_addresses_are_answered_plainly(
    client: FlaskClient, office: dict[str, int], address: str
) -> None:
    sign_in(client, office["head"])
    assert client.get(address).status_code in {400, 404}
    assert post(client, "/thong-bao/da-doc", {"ids": "không phải số"}).status_code == 303

"""What this plug-in adds to the core's pages, its demo data, its jobs and its tables."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Any

import pytest
from small_office import Office
from sqlalchemy import func, insert, select
from test_health import say
from tracker_camera_monitoring import figures, health_queries, panels, queries
from tracker_camera_monitoring.models import DayRow, Entry, Severity
from tracker_camera_monitoring.probing import Reason

from tracker.api.hooks import PeriodQuery
from tracker.api.queries import session, visits
from tracker.api.work import NewVisit, Work, create_visit, run
from tracker.inspections.checklists import sync_templates
from tracker.inspections.ready_made import ONE_STOP
from tracker.testing.world import World, post

DAY_SECONDS = 86400


@pytest.fixture
def lively(office: Office) -> Office:
    """Two cameras, one of them down for long; a day of figures; two entries."""
    good = office.camera(name="Camera tốt", address="rtsp://10.0.0.1/", cost=4_000_000,
                         retention_days=30)  # fmt: skip
    bad = office.camera(name="Camera hỏng", address="rtsp://10.0.0.2/", retention_days=7)
    for _time in range(6):
        say(office, good, Reason.OK, minutes=2)
        say(office, bad, Reason.TIMEOUT, minutes=3)
    yesterday = office.today - timedelta(days=1)

    def write(work: Work, _data: None) -> None:
        work.session.execute(
            insert(DayRow),
            [
                {
                    "camera_id": camera,
                    "day": yesterday,
                    "up_seconds": up,
                    "fault_seconds": 0,
                    "down_seconds": DAY_SECONDS - up,
                    "unknown_seconds": 0,
                    "outages": int(up < DAY_SECONDS),
                    "longest_outage_seconds": DAY_SECONDS - up,
                }
                for camera, up in ((good, DAY_SECONDS), (bad, DAY_SECONDS // 2))
            ],
        )

    run(write, None)
    watcher = office.world.person("inspector")
    office.entry(watcher, None, "empty_desk", text="Vắng 30 phút", severity=Severity.MAJOR)
    office.entry(watcher, start=time(9, 0), end=time(10, 0))
    return office


def test_unit_page_shows_cameras_outages_and_what_was_watched(lively: Office, sign_in: Any) -> None:
    page = sign_in("coordinator").get(f"/don-vi/{lively.first}").text
    assert "Camera tại bàn tiếp dân" in page
    assert "Camera hỏng" in page
    assert "75,00%" in page
    assert "2 lượt xem trong 30 ngày" in page
    assert "1 camera lưu hình dưới 30 ngày" in page
    # Whoever may not read the log sees counts, and no way into it.
    head = sign_in("head", scope=lively.first).get(f"/don-vi/{lively.first}").text
    assert "2 lượt xem trong 30 ngày" in head
    assert "/camera/nhat-ky" not in head
    assert "Vắng 30 phút" not in page


def test_overview_has_a_card_and_my_work_has_the_incident(lively: Office, sign_in: Any) -> None:
    lively.world.share(lively.first)
    page = sign_in("leader").get("/tong-quan").text
    assert "camera đang hoạt động" in page
    assert "1/2" in page
    assert "Camera hỏng" in sign_in("head", scope=lively.first).get("/").text


def test_search_finds_cameras_within_ones_reach(lively: Office, sign_in: Any) -> None:
    found = sign_in("leader").get("/tim?q=camera hong").text
    assert "Camera hỏng" in found
    other = sign_in("head", scope=lively.second).get("/tim?q=camera hong").text
    assert "Camera hỏng, " not in other


def test_period_summary_has_section_and_indicators(lively: Office, sign_in: Any) -> None:
    page = sign_in("coordinator").get("/bao-cao-ky").text
    assert "Giám sát camera tại bộ phận một cửa" in page
    query = PeriodQuery(date(2025, 12, 15), date(2026, 6, 30))
    with lively.world.app.test_request_context(), lively.world.as_system():
        values = {one.key.split(".")[1]: one.compute(query) for one in figures.INDICATORS}
        table = figures.section(query)
    assert (values["coverage"].numerator, values["coverage"].denominator) == (1, 2)
    assert values["sets"].value == 2
    assert values["cost"].value == 4_000_000
    assert (values["availability"].numerator, values["availability"].denominator) == (36, 48)
    assert values["incidents"].value == 1
    assert (values["watched"].numerator, values["watched"].denominator) == (1, 2)
    assert all(one.rule for one in values.values())
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["UBND xã Hòa Đông"] == (2, 2, "75,00%", "12 giờ", 1, 2, 1)
    assert rows["UBND xã Lạc Hòa"][:2] == (0, 0)
    assert "1/2 đơn vị" in table.summary


def test_doctor_says_whether_cameras_are_asked(lively: Office) -> None:
    lively.world.set("camera_monitoring.networks", "10.0.0.0/8")
    assert [one.health.value for one in panels.diagnose()] == ["ok"]
    lively.world.clock.advance(hours=2)
    assert [one.health.value for one in panels.diagnose()] == ["warning"]
    lively.world.set("camera_monitoring.watch_hours", "sáng")
    assert "warning" in [one.health.value for one in panels.diagnose()]


def test_notice_says_which_camera_and_why(world: World) -> None:
    words = panels.incident_words(
        {
            "camera": "Camera 1",
            "desk": "Một cửa",
            "reason": "wrong_password",
            "began_at": "2026-06-16T02:00:00+00:00",
        }
    )
    assert words.title == "Camera mất kết nối: Camera 1, Một cửa"
    assert "09:00" in words.text
    assert "mật khẩu" in words.text


@pytest.mark.parametrize("locale", ["vi", "en"])
@pytest.mark.parametrize("role", ["coordinator", "inspector", "head", "administrator"])
def test_pages_open_for_each_role_in_both_languages(
    lively: Office, sign_in: Any, role: str, locale: str
) -> None:
    client = sign_in(role, locale=locale)
    entry = session().scalars(select(Entry.id)).first()
    reads = role in {"coordinator", "inspector"}
    manages = role in {"coordinator", "administrator"}
    camera = session().scalars(select(queries.Camera.id)).first()
    for url, may in (
        ("/camera", True),
        ("/camera/su-co", True),
        ("/camera/so", True),
        ("/camera/so/so-lieu", True),
        ("/camera/so/ban", True),
        (f"/camera/so/ban/{lively.first_desk}", True),
        (f"/camera/so/may/{camera}", True),
        ("/camera/so/xuat", True),
        ("/camera/so/may/moi", manages),
        ("/camera/so/noi-dung", True),
        ("/camera/so/noi-dung/moi", manages),
        ("/camera/nhat-ky", reads),
        (f"/camera/nhat-ky/{entry}", reads),
        ("/camera/nhat-ky/in", reads),
        ("/camera/nhat-ky/moi", reads),
        ("/camera/lich", reads),
    ):
        assert client.get(url).status_code == (200 if may else 403), url
    page = client.get("/camera").text
    assert ("cameras working" if locale == "en" else "camera đang hoạt động") in page


def test_pages_take_few_queries_however_many_cameras(office: Office, sign_in: Any) -> None:
    counts = []
    client = sign_in("coordinator")
    for number in range(2):
        for one in range(number * 15):
            office.camera(name=f"Camera {one}", address=f"rtsp://10.0.0.{one + 1}/")
        with _counted() as statements:
            assert client.get("/camera").status_code == 200
            assert client.get("/camera/so").status_code == 200
        counts.append(len(statements))
    assert counts[1] - counts[0] <= 1


def _counted() -> Any:
    from contextlib import contextmanager

    from sqlalchemy import event

    @contextmanager
    def counting() -> Any:
        statements: list[str] = []
        engine = session().get_bind()

        def note(_conn: Any, _cursor: Any, statement: str, *_more: Any) -> None:
            statements.append(statement)

        event.listen(engine, "before_cursor_execute", note)
        try:
            yield statements
        finally:
            event.remove(engine, "before_cursor_execute", note)

    return counting()


def test_demo_data_has_the_golden_case_and_is_loaded_once(world: World) -> None:
    from tracker_camera_monitoring import demo

    codes = [*demo.SETS, *sorted(set(demo.HEIRS.values())), *demo.CENTRES, "CT"]
    for code in codes:
        world.unit(f"Đơn vị {code}", code=code)
    world.person("inspector")
    demo.load(world.clock.today())
    then = queries.coverage_on(date(2021, 12, 15), world.clock.today())
    assert (then.covered_units, then.units, then.sets, then.cost) == (10, 10, 23, 88_490_000)
    assert len(health_queries.days_to_roll_up(world.clock.today(), 30)) == 1
    before = session().scalar(select(func.count()).select_from(DayRow))
    demo.load(world.clock.today())
    assert session().scalar(select(func.count()).select_from(DayRow)) == before


def test_demo_data_stays_away_from_an_instance_without_the_demos_units(office: Office) -> None:
    from tracker_camera_monitoring import demo

    demo.load(office.today)
    assert session().scalar(select(func.count()).select_from(queries.Camera)) == 0


def test_checklist_item_about_cameras_is_proposed_from_what_is_known(
    lively: Office, sign_in: Any
) -> None:
    from uuid import uuid4

    from tracker_camera_monitoring import prefill

    from tracker.api.hooks import PrefillQuery

    def ask(unit: int, *codes: str) -> list[tuple[str, str, str]]:
        query = PrefillQuery(uuid4(), 1, unit, lively.today, codes)
        return [(one.code, one.answer, one.note) for one in prefill.answers(query)]

    ((code, answer, note),) = ask(lively.first, "bien_ten", "camera")
    assert (code, answer) == ("camera", "fail")
    assert "1/2 camera" in note
    assert "Camera hỏng (mất kết nối)" in note
    assert "1 camera lưu hình dưới 30 ngày" in note
    assert "75,00%" in note
    assert ask(lively.first, "bien_ten") == []
    # A desk without a camera fails; a unit of which nobody knows anything gets no answer.
    assert ask(lively.second, "camera")[0][1] == "fail"
    assert ask(lively.world.unit("UBND xã khác"), "camera") == []
    camera = lively.camera(lively.second_desk, retention_days=60, address="rtsp://10.0.0.7/")
    assert ask(lively.second, "camera") == []
    say(lively, camera, Reason.OK)
    assert ask(lively.second, "camera")[0][:2] == ("camera", "pass")
    # And so it stands on the page of a real visit, to be taken over with one click.
    inspector = lively.world.person("inspector")
    run(sync_templates, (ONE_STOP,))
    checklist = session().scalar(select(Entry.metadata.tables["checklists"].c.id))
    with lively.world.as_person(inspector):
        public_id = create_visit(
            NewVisit(unit_id=lively.first, visited_on=lively.today, checklist_id=checklist),
            plugin="camera_monitoring",
            key="1",
        )
        visit = session().scalar(select(visits.c.id).where(visits.c.public_id == public_id))
    client = lively.world.sign_in(lively.world.app.test_client(), inspector)
    assert "Không hoạt động: Camera hỏng (mất kết nối)" in client.get(f"/kiem-tra/{visit}").text
    assert post(client, f"/kiem-tra/{visit}/dien-san").status_code == 303
    taken = client.get(f"/kiem-tra/{visit}").text
    assert "Câu trả lời điền sẵn" not in taken
    assert "Không hoạt động: Camera hỏng (mất kết nối)" in taken
    lively.world.set("camera_monitoring.checklist_codes", "ghi_hinh; camera_2")
    assert ask(lively.second, "camera") == []
    assert ask(lively.second, "camera_2")[0][1] == "pass"

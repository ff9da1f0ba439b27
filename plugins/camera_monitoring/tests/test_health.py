"""From probes to standings, incidents, notices, days and pages."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from small_office import Office
from sqlalchemy import func, select
from tracker_camera_monitoring import (
    health_queries,
    inputs,
    jobs,
    monitoring,
    panels,
    services,
)
from tracker_camera_monitoring.models import (
    Camera,
    CameraState,
    DayRow,
    Incident,
    StandingRow,
    StretchRow,
)
from tracker_camera_monitoring.outages import Stretch
from tracker_camera_monitoring.probing import Health, Outcome, Reason
from tracker_camera_monitoring.rollups import DayFigures

from tracker.api.errors import PermissionDenied, ValidationFailed
from tracker.api.queries import session
from tracker.api.work import run
from tracker.outbox.drain import drain
from tracker.testing.jobs import DirectCall
from tracker.testing.world import World, post


def say(office: Office, camera: int, reason: Reason, minutes: int = 5) -> None:
    """Let a probe of a camera say something, minutes after the last one."""
    office.world.clock.advance(minutes=minutes)
    outcome = Outcome(camera, reason, 12)
    data = inputs.RecordOutcomes([(outcome, office.world.clock.now())], 15)
    run(monitoring.record_outcomes, data)


def incidents() -> list[Incident]:
    session().expire_all()
    return list(session().scalars(select(Incident).order_by(Incident.id)))


def stretches(camera: int) -> list[Stretch]:
    return list(reversed(health_queries.stretches_of(camera, 100)))


# -- rounds ---------------------------------------------------------------------------------


def test_nothing_is_asked_without_networks(office: Office) -> None:
    office.camera(address="rtsp://127.0.0.1:9/live")
    said = jobs.probe(DirectCall(office.world.clock.now()))
    assert "Chưa khai mạng" in said
    assert session().scalar(select(func.count()).select_from(StandingRow)) == 0


def test_networks_that_cannot_be_read_are_told(office: Office) -> None:
    office.world.set("camera_monitoring.networks", "10.0.0.0/8, mạng nhà")
    assert "mạng" in jobs.probe(DirectCall(office.world.clock.now()))
    assert [one.health.value for one in panels.diagnose()] == ["error"]


def test_job_asks_real_cameras_and_keeps_what_they_say(office: Office, rtsp_cameras: Any) -> None:
    world = office.world
    world.set("camera_monitoring.networks", "127.0.0.0/8")
    world.set("camera_monitoring.probe_seconds", 3)
    up = office.camera(name="Mở", address=f"rtsp://127.0.0.1:{rtsp_cameras.open}/live")
    locked = office.camera(
        name="Khóa",
        address=f"rtsp://admin:m%E1%BA%ADt%20kh%E1%BA%A9u%201@127.0.0.1:{rtsp_cameras.digest}/live",
    )
    wrong = office.camera(
        name="Sai", address=f"rtsp://admin:sai@127.0.0.1:{rtsp_cameras.basic}/live"
    )
    outside = office.camera(name="Ngoài", address="rtsp://10.1.2.3/live")
    stored = office.camera(name="Kho", address="rtsp://127.0.0.1:9/", state=CameraState.STORED)
    silent = office.camera(name="Không thăm dò")

    said = jobs.probe(DirectCall(world.clock.now()))

    assert said == "Đã thăm dò 4 camera, 4 đổi trạng thái."
    rows = dict(session().execute(select(StandingRow.camera_id, StandingRow.reason)).all())
    assert rows == {
        up: Reason.OK,
        locked: Reason.OK,
        wrong: Reason.WRONG_PASSWORD,
        outside: Reason.NOT_ALLOWED,
    }
    assert stored not in rows
    assert silent not in rows
    # Those that were asked just now are not due again.
    assert jobs.probe(DirectCall(world.clock.now())).startswith("Đã thăm dò 0 camera")
    world.clock.advance(minutes=5)
    assert jobs.probe(DirectCall(world.clock.now())) == "Đã thăm dò 4 camera, 0 đổi trạng thái."


def test_camera_is_asked_at_once_and_its_page_says_what_it_answered(
    office: Office, sign_in: Any
) -> None:
    world = office.world
    camera = office.camera(address="tcp://127.0.0.1:9")
    url = f"/camera/so/may/{camera}"
    client = sign_in("officer", scope=office.first)
    # Nobody allowed any network: it is said, and nothing is queued.
    assert post(client, f"{url}/kiem-tra").status_code == 409
    world.set("camera_monitoring.networks", "127.0.0.0/8")
    world.set("camera_monitoring.probe_seconds", 1)
    assert post(sign_in("leader"), f"{url}/kiem-tra").status_code == 403
    assert post(sign_in("head", scope=office.second), f"{url}/kiem-tra").status_code == 404
    asked = post(client, f"{url}/kiem-tra")
    assert asked.status_code == 303
    assert "Đang hỏi camera" in client.get(asked.location).text
    assert world.run_job(monitoring.PROBE_ONE, {"camera": camera}) == "Từ chối kết nối."
    assert "Vừa kiểm tra: từ chối kết nối" in client.get(asked.location).text
    later = office.camera(name="Camera 2", address="tcp://127.0.0.1:9")
    address = post(client, f"/camera/so/may/{later}/kiem-tra").location
    world.clock.advance(minutes=3)
    assert "Chưa có trả lời" in client.get(address).text
    for nonsense in ("x", "9" * 30, "0"):
        assert client.get(f"{url}?hoi={nonsense}").status_code == 200
    # Deleted, or no longer asked, while the run waited.
    assert "không còn" in world.run_job(monitoring.PROBE_ONE, {"camera": 4711})


def test_camera_deleted_while_it_is_asked_is_passed_over(office: Office) -> None:
    say(office, 4711, Reason.OK)
    assert session().scalar(select(func.count()).select_from(StandingRow)) == 0


# -- outages --------------------------------------------------------------------------------


def test_outage_opens_one_incident_tells_once_and_closes_itself(office: Office) -> None:
    head = office.world.person("head", unit=office.first, scope=office.first)
    elsewhere = office.world.person("head", unit=office.second, scope=office.second)
    coordinator = office.world.person("coordinator")
    camera = office.camera(address="rtsp://10.0.0.1/")
    say(office, camera, Reason.OK)
    for reason in (Reason.TIMEOUT, Reason.TIMEOUT, Reason.REFUSED, Reason.TIMEOUT, Reason.TIMEOUT):
        say(office, camera, reason)
    (incident,) = incidents()
    assert incident.unit_id == office.first
    assert incident.ended_at is None
    assert incident.opened_at - incident.began_at == timedelta(minutes=15)
    # The message that has the unit and the coordinator told is written with it, once.
    messages = session().execute(
        select(func.count()).select_from(_outbox()).where(_outbox().c.topic == "notice")
    )
    assert messages.scalar_one() == 1
    drain(office.world.app)
    assert bell_of(office, head) == bell_of(office, coordinator) == [monitoring.NOTICE]
    assert bell_of(office, elsewhere) == []
    say(office, camera, Reason.OK)
    (incident,) = incidents()
    assert incident.ended_at == office.world.clock.now()
    say(office, camera, Reason.TIMEOUT)
    assert len(incidents()) == 1
    assert [one.reason for one in stretches(camera)] == [
        Reason.OK,
        Reason.TIMEOUT,
        Reason.REFUSED,
        Reason.TIMEOUT,
        Reason.OK,
        Reason.TIMEOUT,
    ]


def bell_of(office: Office, person: int) -> list[str]:
    """Return what a person's list of notices says of cameras, one line a notice."""
    client = office.world.sign_in(office.world.app.test_client(), person)
    assert ("Camera mất kết nối" in client.get("/thong-bao").text) == bool(told(person))
    return told(person)


def told(person: int) -> list[str]:
    """Return the kinds of a person's notices."""
    notices = Camera.metadata.tables["notices"]
    query = select(notices.c.kind).where(notices.c.user_id == person)
    session().rollback()
    return list(session().scalars(query))


def _outbox() -> Any:
    return Camera.metadata.tables["outbox_messages"]


def test_steady_camera_adds_no_rows(office: Office) -> None:
    camera = office.camera(address="rtsp://10.0.0.1/")
    for _time in range(20):
        say(office, camera, Reason.OK)
    assert session().scalar(select(func.count()).select_from(StretchRow)) == 1
    assert session().scalar(select(func.count()).select_from(StandingRow)) == 1


def test_time_without_probes_is_not_told_as_working(office: Office) -> None:
    camera = office.camera(address="rtsp://10.0.0.1/")
    say(office, camera, Reason.OK)
    say(office, camera, Reason.OK)
    say(office, camera, Reason.OK, minutes=600)
    assert [one.reason for one in stretches(camera)] == [
        Reason.OK,
        Reason.NOT_MEASURED,
        Reason.OK,
    ]


@pytest.mark.parametrize("change", ["moved", "stored", "not probed"])
def test_camera_that_is_asked_elsewhere_begins_anew(office: Office, change: str) -> None:
    camera = office.camera(address="rtsp://10.0.0.1/")
    for reason in (Reason.OK, *[Reason.TIMEOUT] * 4):
        say(office, camera, reason)
    values: dict[str, Any] = {"address": None}
    if change != "not probed":
        values["address"] = "rtsp://10.0.0.2/" if change == "moved" else "rtsp://10.0.0.1/"
    if change == "stored":
        values["state"] = CameraState.STORED
    office.camera(camera_id=camera, **values)
    assert session().get(StandingRow, camera) is None
    (incident,) = incidents()
    assert incident.ended_at is not None
    assert all(one.ended_at is not None for one in stretches(camera))


def test_unit_says_what_caused_an_incident_and_nobody_else_does(
    office: Office, world: World
) -> None:
    camera = office.camera(address="rtsp://10.0.0.1/")
    for reason in (Reason.OK, *[Reason.TIMEOUT] * 4):
        say(office, camera, reason)
    (incident,) = incidents()
    data = inputs.ExplainIncident(incident.id, "Mất điện cả khu")
    stranger = world.person("head", unit=office.second, scope=office.second)
    with world.as_person(stranger), pytest.raises(PermissionDenied):
        run(monitoring.explain_incident, data)
    head = world.person("head", unit=office.first, scope=office.first, name="Lý Thị Sáu")
    with world.app.test_request_context(), world.as_person(head):
        (item,) = panels.my_incidents()
        assert "Camera 1" in item.title
        with pytest.raises(ValidationFailed):
            run(monitoring.explain_incident, inputs.ExplainIncident(incident.id, " "))
        run(monitoring.explain_incident, data)
        assert panels.my_incidents() == []
    assert incidents()[0].explained_by_name == "Lý Thị Sáu"


# -- days -----------------------------------------------------------------------------------


def test_days_are_rolled_up_once_and_again_gives_the_same(office: Office) -> None:
    clock = office.world.clock
    camera = office.camera(address="rtsp://10.0.0.1/")
    say(office, camera, Reason.OK, minutes=0)
    began = clock.now()
    for _time in range(12 * 15):
        say(office, camera, Reason.OK)
    for _time in range(12):
        say(office, camera, Reason.TIMEOUT)
    for _time in range(12 * 20):
        say(office, camera, Reason.OK)
    clock.advance(days=1)
    call = DirectCall(clock.now())
    assert jobs.roll_up(call).startswith("Đã tổng hợp")
    rows = session().execute(select(DayRow.day, DayRow).order_by(DayRow.day)).all()
    total_up = sum(row.up_seconds for _day, row in rows)
    assert rows[0][0] == began.astimezone(monitoring.LOCAL).date()
    assert sum(row.down_seconds for _day, row in rows) == 3600
    assert sum(row.outages for _day, row in rows) == 1
    assert total_up == (15 + 20) * 3600
    jobs.roll_up(call)
    again = session().execute(select(func.sum(DayRow.up_seconds))).scalar_one()
    assert again == total_up
    found = health_queries.figures_of([camera], rows[0][0], rows[-1][0])[camera]
    assert isinstance(found, DayFigures)
    assert found.availability == Decimal(35 * 100) / Decimal(36)


def test_prune_keeps_what_is_not_rolled_up_and_what_is_young(office: Office) -> None:
    clock = office.world.clock
    camera = office.camera(address="rtsp://10.0.0.1/")
    for number in range(6):
        say(office, camera, Reason.OK if number % 2 else Reason.TIMEOUT)
    clock.advance(days=200)
    call = DirectCall(clock.now())
    assert jobs.prune(call) == "Đã xóa 0 dòng diễn biến, 0 dòng ngày."
    say(office, camera, Reason.OK)
    jobs.roll_up(call)
    assert jobs.prune(call).startswith("Đã xóa 5 dòng diễn biến")
    assert [one.reason for one in stretches(camera)][-1] is Reason.OK
    clock.advance(days=366 * 6)
    jobs.prune(call)
    assert session().scalar(select(func.count()).select_from(DayRow)) == 0


# -- pages ----------------------------------------------------------------------------------


def test_page_of_health_names_what_does_not_work_first(office: Office, sign_in: Any) -> None:
    good = office.camera(name="Camera tốt", address="rtsp://10.0.0.1/")
    bad = office.camera(office.second_desk, name="Camera hỏng", address="rtsp://10.0.0.2/")
    for _time in range(5):
        for camera, reason in ((good, Reason.OK), (bad, Reason.NO_STREAM)):
            say(office, camera, reason, minutes=3)
    page = sign_in("leader").get("/camera").text
    assert "1/2" in page
    assert page.index("Camera hỏng") < page.index("Camera tốt")
    assert "không có luồng hình" in page
    narrowed = sign_in("leader").get("/camera?tt=fault").text
    assert "Camera tốt" not in narrowed
    assert sign_in("leader").get("/camera?tt=gone").status_code == 400
    # A head sees the cameras of the own unit alone.
    own = sign_in("head", scope=office.first).get("/camera").text
    assert "Camera hỏng" not in own
    assert "Camera tốt" in own


def test_page_of_a_camera_never_shows_its_password(office: Office, sign_in: Any) -> None:
    camera = office.camera(address="rtsp://quantri:b%C3%AD%20m%E1%BA%ADt@10.0.0.1/live")
    client = sign_in("administrator")
    for url in (f"/camera/so/may/{camera}", f"/camera/so/may/{camera}/sua", "/camera/so"):
        page = client.get(url)
        assert page.status_code == 200
        assert "bí mật" not in page.text
        assert "quantri" not in page.text
    assert "rtsp://10.0.0.1/live" in client.get(f"/camera/so/may/{camera}").text


def test_incident_page_takes_the_cause_from_the_unit(
    office: Office, world: World, sign_in: Any
) -> None:
    camera = office.camera(address="rtsp://10.0.0.1/")
    for reason in (Reason.OK, *[Reason.TIMEOUT] * 4):
        say(office, camera, reason)
    (incident,) = incidents()
    client = sign_in("officer", scope=office.first)
    url = f"/camera/su-co/{incident.id}"
    assert client.get(url).status_code == 200
    assert post(client, url, {"cause": ""}).status_code == 422
    assert post(client, url, {"cause": "Đứt cáp"}).status_code == 303
    assert "Đứt cáp" in client.get("/camera/su-co").text
    assert sign_in("officer", scope=office.second).get(url).status_code == 404
    assert post(sign_in("leader"), url, {"cause": "x"}).status_code == 403
    assert sign_in("leader").get("/camera/su-co/999999").status_code == 404


def test_health_counts_only_cameras_in_place(office: Office) -> None:
    office.camera(name="1", address="rtsp://10.0.0.1/")
    office.camera(name="2", state=CameraState.RETIRED)
    office.camera(name="3", state=CameraState.REPAIR)
    counts = health_queries.count_health()
    assert counts[Health.UNKNOWN] == 2
    assert sum(counts.values()) == 2


def test_cameras_of_a_closed_desk_are_neither_asked_nor_missed(office: Office) -> None:
    camera = office.camera(address="rtsp://10.0.0.1/")
    for reason in (Reason.OK, *[Reason.TIMEOUT] * 4):
        say(office, camera, reason)
    run(
        services.save_desk,
        inputs.SaveDesk(
            desk_id=office.first_desk,
            unit_id=office.first,
            name="Bộ phận Một cửa",
            opened_on=office.today - timedelta(days=400),
            closed_on=office.today,
        ),
    )
    assert incidents()[0].ended_at is not None
    assert health_queries.due_targets(office.world.clock.now() + timedelta(days=1)) == []
    assert sum(health_queries.count_health().values()) == 0

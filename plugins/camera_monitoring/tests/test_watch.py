"""The watch log: entries, rights, the trace of readings, the roster, and what follows."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import date, time, timedelta
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image
from small_office import Office
from sqlalchemy import func, select, text
from tracker_camera_monitoring import inputs, roster_views, watching
from tracker_camera_monitoring.models import Entry, Severity, Shift
from tracker_camera_monitoring.rosters import Away

from tracker.api.errors import Conflict, PermissionDenied, ValidationFailed
from tracker.api.queries import findings, session, visits
from tracker.api.work import run
from tracker.testing.world import World, csrf_token, post


def picture() -> bytes:
    """Return a small real JPEG."""
    target = io.BytesIO()
    Image.new("RGB", (64, 48), "#336699").save(target, "JPEG")
    return target.getvalue()


def entries() -> list[Entry]:
    session().expire_all()
    return list(session().scalars(select(Entry).order_by(Entry.id)))


def filled(office: Office, **more: Any) -> dict[str, Any]:
    """Return the form of an entry as a browser sends it."""
    return {
        "seen": f"d{office.first_desk}",
        "day": f"{office.today:%d/%m/%Y}",
        "starts_at": "7h30",
        "ends_at": "8:30",
        "severity": "",
        "send_key": str(uuid4()),
        **more,
    }


# -- writing --------------------------------------------------------------------------------


def test_form_comes_filled_and_an_entry_needs_only_the_desk(office: Office, sign_in: Any) -> None:
    client = sign_in("inspector")
    page = client.get("/camera/nhat-ky/moi").text
    assert f"{office.today:%d/%m/%Y}" in page
    assert 'value="08:00"' in page  # an hour before nine
    assert 'value="09:00"' in page
    answer = post(client, "/camera/nhat-ky/moi", filled(office))
    assert answer.status_code == 303
    (entry,) = entries()
    assert (entry.starts_at, entry.ends_at) == (time(7, 30), time(8, 30))
    assert (entry.unit_id, entry.severity) == (office.first, Severity.NORMAL)
    assert "Bình thường" in client.get("/camera/nhat-ky").text
    # The next form offers the same desk.
    again = client.get("/camera/nhat-ky/moi").text
    assert re.search(rf'<option selected value="d{office.first_desk}"', again)


def test_severity_follows_what_was_seen_unless_it_is_chosen(office: Office, sign_in: Any) -> None:
    client = sign_in("inspector")
    seen = [office.sight("crowding"), office.sight("empty_desk")]
    post(client, "/camera/nhat-ky/moi", filled(office, sight_ids=seen))
    chosen = filled(office, sight_ids=seen, severity="critical", starts_at="9:00", ends_at="10h")
    post(client, "/camera/nhat-ky/moi", chosen)
    assert [one.severity for one in entries()] == [Severity.MAJOR, Severity.CRITICAL]


def test_second_send_of_a_form_makes_one_entry(office: Office, sign_in: Any) -> None:
    client = sign_in("inspector")
    form = filled(office)
    assert post(client, "/camera/nhat-ky/moi", form).status_code == 303
    assert post(client, "/camera/nhat-ky/moi", form).status_code == 303
    assert len(entries()) == 1
    assert post(sign_in("inspector"), "/camera/nhat-ky/moi", form).status_code == 409


def test_camera_names_its_desk(office: Office, sign_in: Any) -> None:
    camera = office.camera(office.second_desk, "Camera 2")
    client = sign_in("inspector")
    assert f'value="c{camera}"' in client.get(f"/camera/nhat-ky/moi?may={camera}").text
    post(client, "/camera/nhat-ky/moi", filled(office, seen=f"c{camera}"))
    (entry,) = entries()
    assert (entry.desk_id, entry.camera_id) == (office.second_desk, camera)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seen": ""}, "Hãy chọn bàn hoặc camera."),
        ({"seen": "d99999"}, ""),
        ({"day": "17/06/2026"}, "Ngày xem chưa tới."),
        ({"day": "01/01/2026"}, "60 ngày"),
        ({"day": "hôm qua"}, "Ngày chưa đúng"),
        ({"ends_at": "7:00"}, "sau giờ bắt đầu"),
        ({"starts_at": "25:00"}, "Giờ chưa đúng"),
        ({"severity": "major"}, "mô tả đã thấy gì"),
        ({"severity": "worst"}, ""),
        ({"sight_ids": ["999999"]}, ""),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(
    office: Office, sign_in: Any, change: dict[str, Any], message: str
) -> None:
    form = filled(office, **change)
    answer = post(sign_in("inspector"), "/camera/nhat-ky/moi", form)
    assert answer.status_code == 422
    assert message in answer.text
    assert f'value="{form["starts_at"] if "starts_at" in change else "07:30"}"' in answer.text
    assert entries() == []


def test_still_is_attached_and_makes_the_entry_private(
    office: Office, sign_in: Any, world: World
) -> None:
    client = sign_in("inspector")
    data = {
        "csrf_token": csrf_token(client),
        **filled(office, text="Quầy trống"),
        "files": (io.BytesIO(picture()), "man-hinh.jpg"),
    }
    assert client.post("/camera/nhat-ky/moi", data=data).status_code == 303
    (entry,) = entries()
    assert entry.shows_people
    page = client.get(f"/camera/nhat-ky/{entry.id}").text
    address = page.split('class="camera-files"')[1].split('href="')[1].split('"')[0]
    # The page that was opened brings the picture with it: one reading. By itself it is another.
    assert readings() == 1
    with client.get(address) as answer:
        assert answer.data == picture()
    assert readings() == 1
    world.clock.advance(minutes=30)
    other = sign_in("inspector")
    with other.get(address) as answer:
        assert answer.data == picture()
    assert readings() == 2
    for role, scope in (("head", office.first), ("leader", None), ("administrator", None)):
        assert sign_in(role, scope=scope).get(address).status_code in {403, 404}


def test_author_corrects_for_two_days_and_nobody_else(
    office: Office, world: World, sign_in: Any
) -> None:
    author, other = world.person("inspector"), world.person("inspector")
    entry = office.entry(author, None, "crowding", severity=Severity.MINOR)
    data = inputs.SaveEntry(
        entry_id=entry,
        desk_id=office.first_desk,
        day=office.today,
        starts_at=time(8, 0),
        ends_at=time(9, 30),
        text="Thêm 5 người",
    )
    with world.as_person(other), pytest.raises(PermissionDenied):
        run(watching.save_entry, data)
    with world.as_person(author):
        run(watching.save_entry, data)
    client = world.sign_in(world.app.test_client(), author)
    assert client.get(f"/camera/nhat-ky/{entry}/sua").status_code == 200
    world.clock.advance(hours=49)
    with world.as_person(author), pytest.raises(Conflict):
        run(watching.save_entry, data)
    assert entries()[0].ends_at == time(9, 30)


# -- reading --------------------------------------------------------------------------------


def test_log_is_read_by_few_and_only_in_their_reach(
    office: Office, world: World, sign_in: Any
) -> None:
    entry = office.entry(world.person("inspector"), office.second_desk, text="Ghi ở Lạc Hòa")
    for role in ("head", "officer", "leader", "administrator"):
        client = sign_in(role)
        for url in ("/camera/nhat-ky", f"/camera/nhat-ky/{entry}", "/camera/nhat-ky/in",
                    "/camera/lich"):  # fmt: skip
            assert client.get(url).status_code == 403, (role, url)
    elsewhere = sign_in("inspector", scope=office.first)
    assert elsewhere.get(f"/camera/nhat-ky/{entry}").status_code == 404
    assert "Ghi ở Lạc Hòa" not in elsewhere.get("/camera/nhat-ky").text
    assert "Ghi ở Lạc Hòa" not in elsewhere.get("/camera/nhat-ky/in").text
    assert "Ghi ở Lạc Hòa" in sign_in("coordinator").get("/camera/nhat-ky").text


def readings() -> int:
    return (
        session()
        .execute(text("SELECT count(*) FROM changes WHERE fields LIKE '%\"read\"%'"))
        .scalar_one()
    )


def test_reading_an_entry_that_shows_people_leaves_a_trace(
    office: Office, world: World, sign_in: Any
) -> None:
    author = world.person("inspector")
    plain = office.entry(author, text="Khu chờ đông")
    private = office.entry(
        author, None, "attitude", text="Bà Nguyễn Thị B quát dân", shows_people=True,
        start=time(9, 0), end=time(10, 0),
    )  # fmt: skip
    client = sign_in("coordinator")
    stream = client.get("/camera/nhat-ky").text
    assert "Bà Nguyễn Thị B" not in stream
    client.get(f"/camera/nhat-ky/{plain}")
    assert readings() == 0
    assert "Bà Nguyễn Thị B" in client.get(f"/camera/nhat-ky/{private}").text
    assert readings() == 1
    assert "Bà Nguyễn Thị B" in client.get("/camera/nhat-ky/in?ngay=16/06/2026").text
    assert readings() == 2
    office.entry(
        author, None, text="Ông Trần Văn C", shows_people=True, start=time(10), end=time(11)
    )
    before = session().execute(text("SELECT max(id) FROM change_sets")).scalar_one()
    session().rollback()
    client.get("/camera/nhat-ky/in?ngay=16/06/2026")
    # One entry of the log for the sheet, which stands in the history of both.
    assert session().execute(text("SELECT max(id) FROM change_sets")).scalar_one() == before + 1
    assert readings() == 4
    session().rollback()
    client.get("/camera/nhat-ky/in?ngay=15/06/2026")
    assert readings() == 4
    # What was written is not repeated in the change log, which others read.
    logged = session().execute(text("SELECT fields FROM changes")).scalars().all()
    assert not any("Nguyễn Thị B" in row for row in logged)


def test_stream_is_filtered(office: Office, world: World, sign_in: Any) -> None:
    author = world.person("inspector")
    office.entry(author, None, "late_opening", text="Mở lúc 8 giờ", severity=Severity.MINOR)
    office.entry(author, office.second_desk, "empty_desk", text="Vắng", severity=Severity.MAJOR,
                 day=office.today - timedelta(days=3))  # fmt: skip
    client = sign_in("coordinator")
    for query, shown, hidden in (
        (f"dv={office.first}", "Mở lúc 8 giờ", "Vắng"),
        ("muc_do=major", "Vắng", "Mở lúc 8 giờ"),
        (f"nd={office.sight('late_opening')}", "Mở lúc 8 giờ", "Vắng"),
        ("q=mo luc", "Mở lúc 8 giờ", "Vắng"),
        ("q=lac hoa", "Vắng", "Mở lúc 8 giờ"),
        (f"tu={office.today:%d/%m/%Y}", "Mở lúc 8 giờ", "Vắng"),
        (f"den={office.today - timedelta(days=1):%d/%m/%Y}", "Vắng", "Mở lúc 8 giờ"),
    ):
        page = client.get(f"/camera/nhat-ky?{query}").text
        stream = page.split('<div class="list-box">')[1]
        assert shown in stream, query
        assert f": {hidden}" not in stream, query
    assert "Nhật ký còn trống" not in client.get("/camera/nhat-ky?toi=1").text
    for bad in ("muc_do=x", "tu=x", "dv=x", "nd=0"):
        assert client.get(f"/camera/nhat-ky?{bad}").status_code == 400


# -- what follows ---------------------------------------------------------------------------


def test_entry_becomes_a_surprise_visit_with_one_click(
    office: Office, world: World, sign_in: Any
) -> None:
    entry = office.entry(world.person("inspector"), None, "empty_desk", severity=Severity.MAJOR)
    client = sign_in("inspector")
    url = f"/camera/nhat-ky/{entry}/kiem-tra"
    answer = post(client, url)
    assert answer.status_code == 303
    assert "/kiem-tra/" in answer.headers["Location"]
    row = session().execute(select(visits.c.unit_id, visits.c.kind, visits.c.state)).one()
    assert tuple(row) == (office.first, "surprise", "in_progress")
    # Sent twice it is one visit.
    assert post(client, url).headers["Location"] == answer.headers["Location"]
    assert session().scalar(select(func.count()).select_from(visits)) == 1
    assert "Cuộc kiểm tra mở từ dòng này" in client.get(f"/camera/nhat-ky/{entry}").text


def test_entry_becomes_a_finding_with_its_picture_with_one_click(
    office: Office, sign_in: Any
) -> None:
    client = sign_in("inspector")
    data = {
        "csrf_token": csrf_token(client),
        **filled(office, text="Quầy trống 30 phút", sight_ids=[office.sight("empty_desk")]),
        "files": (io.BytesIO(picture()), "man-hinh.jpg"),
    }
    client.post("/camera/nhat-ky/moi", data=data)
    (entry,) = entries()
    url = f"/camera/nhat-ky/{entry.id}/phat-hien"
    answer = post(client, url)
    assert answer.status_code == 303
    (row,) = (
        session().execute(select(findings.c.text, findings.c.severity, findings.c.unit_id)).all()
    )
    assert "Quầy trống 30 phút" in row.text
    assert "07:30" in row.text
    assert (row.severity, row.unit_id) == ("major", office.first)
    assert "man-hinh.jpg" in client.get(answer.headers["Location"]).text
    assert post(client, url).headers["Location"] == answer.headers["Location"]
    assert session().scalar(select(func.count()).select_from(findings)) == 1
    assert "đã thành phát hiện" in client.get("/camera/nhat-ky").text


def test_finding_goes_into_the_visit_that_is_open(
    office: Office, world: World, sign_in: Any
) -> None:
    author = world.person("inspector")
    first = office.entry(author, None, "crowding", severity=Severity.MINOR)
    second = office.entry(
        author, None, "empty_desk", severity=Severity.MAJOR, start=time(9, 0), end=time(10, 0)
    )
    client = world.sign_in(world.app.test_client(), author)
    post(client, f"/camera/nhat-ky/{first}/kiem-tra")
    visit = session().execute(select(visits.c.id)).scalar_one()
    page = client.get(f"/camera/nhat-ky/{second}").text
    assert f'<option value="{visit}"' in page
    answer = post(client, f"/camera/nhat-ky/{second}/phat-hien", {"visit_id": visit})
    assert answer.status_code == 303
    assert session().execute(select(findings.c.visit_id)).scalar_one() == visit
    assert post(client, f"/camera/nhat-ky/{second}/phat-hien", {"visit_id": "x"}).status_code == 303
    assert post(sign_in("leader"), f"/camera/nhat-ky/{first}/kiem-tra").status_code == 403
    assert post(client, "/camera/nhat-ky/999/kiem-tra").status_code == 404


# -- the roster -----------------------------------------------------------------------------


def test_roster_shows_gaps_and_turns_without_entries(
    office: Office, world: World, sign_in: Any
) -> None:
    watcher = world.person("inspector", name="Võ Thành Đạt")
    client = sign_in("coordinator")
    monday = office.today - timedelta(days=office.today.weekday())

    def turn(day: date, start: str, end: str) -> dict[str, Any]:
        return {
            "day": f"{day:%d/%m/%Y}",
            "starts_at": start,
            "ends_at": end,
            "watcher_id": watcher,
            "unit_id": world.province,
        }

    for form in (turn(monday, "7:30", "11:30"), turn(office.today, "7:30", "9:00")):
        assert post(client, "/camera/lich", form).status_code == 303
    overlap = post(client, "/camera/lich", turn(monday, "8:00", "9:00"))
    assert overlap.status_code == 422
    assert "trùng giờ" in overlap.text
    days = roster_views.week_of(monday)
    assert [one.words for one in days[0].gaps] == ["13:30–17:00"]
    assert [one.words for one in days[1].gaps] == ["09:00–11:30", "13:30–17:00"]
    assert days[5].gaps == ()
    assert len(days[0].silent) == 1  # Monday is over and nobody wrote anything
    office.entry(watcher, start=time(8, 0), end=time(9, 0), day=monday)
    assert roster_views.week_of(monday)[0].silent == frozenset()
    page = client.get("/camera/lich").text
    assert "Võ Thành Đạt" in page
    assert "chưa có người xem" in page
    assert (
        post(sign_in("inspector"), "/camera/lich", turn(monday, "14:00", "15:00")).status_code
        == 403
    )


def test_turn_of_somebody_who_is_not_there_leaves_a_gap(
    office: Office, world: World, sign_in: Any
) -> None:
    office.world.set("camera_monitoring.watch_hours", "08:00-09:00")
    monday = office.today - timedelta(days=office.today.weekday())
    today, tomorrow = office.today, office.today + timedelta(days=1)
    thursday = monday + timedelta(days=3)
    names = ("Võ Đi Vắng", "Lê Chuyển Đi", "Trần Khóa Sổ")
    away, moved, closed = (
        world.person("inspector", unit=office.first, name=name) for name in names
    )

    def turn(person: int, day: date, hour: int = 8) -> inputs.AddShift:
        return inputs.AddShift(
            unit_id=world.province,
            watcher_id=person,
            day=day,
            starts_at=time(hour, 0),
            ends_at=time(hour + 1, 0),
        )

    def why(day: date) -> tuple[list[Away], bool]:
        session().rollback()
        shown = roster_views.week_of(monday)[day.weekday()]
        return list(shown.away.values()), bool(shown.gaps)

    for person, day in ((away, today), (away, thursday), (moved, tomorrow), (closed, thursday)):
        run(watching.add_shift, turn(person, day))
    assert [why(day) for day in (today, tomorrow, thursday)] == [([], False)] * 3
    world.leave(away, today, thursday, deputy=world.person("inspector", unit=office.first))
    world.close_account(closed)
    world.move(moved, office.second)
    assert why(today) == ([Away.ON_LEAVE], True)
    assert why(tomorrow) == ([Away.MOVED], True)
    assert sorted(why(thursday)[0]) == [Away.LEFT, Away.ON_LEAVE]
    page = sign_in("coordinator").get("/camera/lich").text
    assert "đang nghỉ" in page
    assert "đã chuyển đơn vị" in page
    # Who wrote of the turn was there all the same; nobody is put on the roster on a leave.
    office.entry(away, start=time(8, 0), end=time(9, 0), day=today)
    assert why(today) == ([], False)
    with pytest.raises(ValidationFailed):
        run(watching.add_shift, turn(away, thursday, 14))
    next_week = inputs.CopyWeek(monday + timedelta(days=7))
    assert run(watching.copy_week, next_week) == 3


def test_week_is_copied_and_turns_are_taken_off(office: Office, world: World, sign_in: Any) -> None:
    watcher = world.person("inspector")
    monday = office.today - timedelta(days=office.today.weekday())
    run(
        watching.add_shift,
        inputs.AddShift(
            unit_id=world.province,
            watcher_id=watcher,
            day=monday,
            starts_at=time(7, 30),
            ends_at=time(11, 30),
        ),
    )
    client = sign_in("coordinator")
    week = f"{monday + timedelta(days=7):%d/%m/%Y}"
    for _time in range(2):
        assert post(client, f"/camera/lich/chep?tuan={week}").status_code == 303
    days = session().scalars(select(Shift.day).order_by(Shift.day)).all()
    assert days == [monday, monday + timedelta(days=7)]
    newest = session().scalars(select(Shift.id).order_by(Shift.id.desc())).first()
    assert post(sign_in("inspector"), f"/camera/lich/{newest}/xoa").status_code == 403
    assert post(client, f"/camera/lich/{newest}/xoa").status_code == 303
    assert len(session().scalars(select(Shift.id)).all()) == 1


def test_setting_of_hours_rules_the_gaps(office: Office) -> None:
    monday = office.today - timedelta(days=office.today.weekday())
    office.world.set("camera_monitoring.watch_hours", "08:00-10:00")
    assert [one.words for one in roster_views.week_of(monday)[0].gaps] == ["08:00–10:00"]
    office.world.set("camera_monitoring.watch_hours", "sáng")
    assert roster_views.week_of(monday)[0].gaps == ()


def test_turn_of_nobody_is_refused(office: Office) -> None:
    data = inputs.AddShift(
        unit_id=office.first,
        watcher_id=99999,
        day=office.today,
        starts_at=time(9, 0),
        ends_at=time(8, 0),
    )
    with pytest.raises(ValidationFailed) as caught:
        run(watching.add_shift, data)
    assert {one.field for one in caught.value.errors} == {"watcher_id", "ends_at"}
    # Nor of somebody who works elsewhere, whatever a form sends.
    stranger = office.world.person("inspector", unit=office.second)
    arranger = office.world.person("coordinator", unit=office.first)
    data = replace(data, watcher_id=stranger, ends_at=time(10, 0))
    with office.world.as_person(arranger), pytest.raises(ValidationFailed) as caught:
        run(watching.add_shift, data)
    assert {one.field for one in caught.value.errors} == {"watcher_id"}


def test_own_turn_waits_in_my_work_until_something_is_written(office: Office, world: World) -> None:
    watcher = world.person("inspector")
    turn = inputs.AddShift(
        unit_id=world.province,
        watcher_id=watcher,
        day=office.today,
        starts_at=time(7, 30),
        ends_at=time(11, 30),
    )
    run(watching.add_shift, turn)
    client = world.sign_in(world.app.test_client(), watcher)
    assert "Xem camera 07:30–11:30" in client.get("/").text
    office.entry(watcher, start=time(8, 0), end=time(9, 0))
    assert "Xem camera 07:30–11:30" not in client.get("/").text

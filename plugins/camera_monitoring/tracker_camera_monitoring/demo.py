"""Demo data: Vĩnh Châu's 23 sets of 2021 as the press told of them, and lively ones of this year.

The article names 10 communes, 23 sets and 88.490.000 đ; which commune got how many is invented, and
so is everything of this year. Addresses lie in a network that is reserved for examples.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import insert, select

from tracker.api.clock import LOCAL
from tracker.api.hooks import DemoData
from tracker.api.queries import people, session, units
from tracker.api.text import fold
from tracker.api.work import Work, run
from tracker_camera_monitoring import inputs, services
from tracker_camera_monitoring.addresses import read_address
from tracker_camera_monitoring.models import (
    Camera,
    CameraState,
    DayRow,
    Desk,
    Entry,
    EntrySight,
    Incident,
    Severity,
    Shift,
    Sight,
    StandingRow,
    StretchRow,
)
from tracker_camera_monitoring.monitoring import day_bounds
from tracker_camera_monitoring.outages import Stretch
from tracker_camera_monitoring.probing import Reason
from tracker_camera_monitoring.rollups import summarise

BOUGHT = date(2021, 5, 20)
TWO_TIERS = date(2025, 7, 1)
COST = 88_490_000
# Sets by commune in 2021; they add up to 23.
SETS = {
    "VC-P1": 3, "VC-P2": 3, "VC-KH": 3, "VC-VP1": 2, "VC-HD": 2,
    "VC-LH": 2, "VC-LAI": 2, "VC-VH": 2, "VC-VHI": 2, "VC-VT": 2,
}  # fmt: skip
HEIRS = {
    "VC-P1": "CT-VC", "VC-P2": "CT-VC", "VC-LH": "CT-VC",
    "VC-KH": "CT-KH", "VC-HD": "CT-KH", "VC-VHI": "CT-KH",
    "VC-VP1": "CT-VPH", "VC-VT": "CT-VPH",
}  # fmt: skip
OLD_NAMES = {
    "VC-P1": "Phường 1", "VC-P2": "Phường 2", "VC-LH": "Lạc Hòa", "VC-KH": "Khánh Hòa",
    "VC-HD": "Hòa Đông", "VC-VHI": "Vĩnh Hiệp", "VC-VP1": "Vĩnh Phước", "VC-VT": "Vĩnh Tân",
}  # fmt: skip
# This year's: cameras at each centre, days that they keep, price of one.
CENTRES = {
    "CT-NK": (4, 30, 6_200_000), "CT-CR": (3, 30, 6_200_000), "CT-BT": (3, 30, 5_900_000),
    "CT-OM": (2, 15, 4_100_000), "CT-TN": (2, 30, 5_900_000), "CT-PD": (2, None, None),
    "CT-TL": (0, None, None), "CT-CD": (0, None, None),
}  # fmt: skip
PLACES = ("Cửa vào", "Quầy tiếp nhận", "Khu chờ", "Quầy trả kết quả")
DAYS = 30
SEEN: tuple[tuple[tuple[str, ...], str], ...] = (
    ((), ""),
    ((), ""),
    (("late_opening",), "7 giờ 50 mới mở cửa, khoảng 6 người dân đứng chờ."),
    (("crowding",), "Khu chờ hết ghế, chỉ 2 quầy mở."),
    ((), ""),
    (("empty_desk",), "Quầy trả kết quả không có người hơn 30 phút."),
    (("good_service",), "Công chức hướng dẫn người cao tuổi viết tờ khai tại chỗ."),
    (("private_work",), "Dùng điện thoại riêng khi có người dân đứng trước quầy."),
    ((), ""),
    (("camera_off",), "Camera khu chờ bị che bởi băng rôn."),
    (("no_badge",), ""),
    (("attitude",), "Trả lời gắt với người dân hỏi về hồ sơ đất đai."),
)


@dataclass(frozen=True)
class _Scene:
    """What a loader knows: units by code, people by user name, the day, a seeded chance."""

    today: date
    units: dict[str, int]
    people: dict[str, tuple[int, str]]
    chance: random.Random = field(default_factory=lambda: random.Random(2026))  # noqa: S311


def load(today: date) -> None:
    """Load all, once, where the demo's units are."""
    rows = session().execute(select(units.c.code, units.c.id).where(units.c.code.is_not(None)))
    by_code = {str(row.code): row.id for row in rows}
    is_loaded = session().scalar(select(Desk.id).limit(1)) is not None
    if is_loaded or not {*SETS, *HEIRS.values(), *CENTRES} <= by_code.keys():
        return
    rows = session().execute(select(people.c.username, people.c.id, people.c.name))
    scene = _Scene(today, by_code, {row.username: (row.id, row.name) for row in rows})
    run(_load_vinh_chau, scene)
    run(_load_centres, scene)
    run(_load_health, scene)
    run(_load_watching, scene)


def _load_vinh_chau(work: Work, scene: _Scene) -> None:
    """The cameras of 2021, and what became of their desks when communes merged."""
    each = COST // 23
    left = 23
    desks: dict[int, int] = {}
    names: dict[int, str] = {}
    for code, count in SETS.items():
        desk_id = services.save_desk(
            work,
            inputs.SaveDesk(
                unit_id=scene.units[code],
                name="Bộ phận Một cửa",
                opened_on=date(2019, 1, 2),
                place="Trụ sở UBND",
            ),
        )
        for number in range(1, count + 1):
            left -= 1
            services.save_camera(
                work,
                inputs.SaveCamera(
                    desk_id=desk_id,
                    name=f"Camera {number}",
                    place=PLACES[number - 1],
                    model="Camera IP 2 MP",
                    bought_on=BOUGHT,
                    cost=each if left else COST - 22 * each,
                    retention_days=30 if number == 1 else 15,
                    state=CameraState.REPAIR
                    if (code, number) == ("VC-HD", 2)
                    else CameraState.IN_USE,
                    address=read_address(f"rtsp://192.0.2.{left + 10}/Streaming/Channels/101"),
                ),
            )
        if scene.today >= TWO_TIERS and code in HEIRS:
            desks[desk_id] = scene.units[HEIRS[code]]
            names[desk_id] = f"Điểm tiếp nhận {OLD_NAMES[code]}"
    services.hand_over(work, inputs.HandOver(TWO_TIERS, desks))
    for desk_id, name in names.items():
        desk = work.get(Desk, desk_id)
        services.save_desk(
            work,
            inputs.SaveDesk(
                desk_id=desk_id,
                unit_id=desk.unit_id,
                name=name,
                opened_on=desk.opened_on,
                place=desk.place,
            ),
        )


def _load_centres(work: Work, scene: _Scene) -> None:
    """The centres of Cần Thơ's wards and communes, two of them without a camera."""
    opened_on = min(TWO_TIERS, scene.today)
    for row, (code, (count, keeps, cost)) in enumerate(CENTRES.items()):
        desk_id = services.save_desk(
            work,
            inputs.SaveDesk(
                unit_id=scene.units[code],
                name="Trung tâm Phục vụ hành chính công",
                opened_on=opened_on,
                place="Tầng 1, trụ sở UBND",
            ),
        )
        for number in range(1, count + 1):
            services.save_camera(
                work,
                inputs.SaveCamera(
                    desk_id=desk_id,
                    name=f"Camera {number}",
                    place=PLACES[number - 1],
                    set_name="Bộ 1" if number <= 2 else "Bộ 2",
                    model="Camera IP 4 MP, đầu ghi 8 kênh",
                    bought_on=min(date(2025, 9, 10), scene.today),
                    cost=cost,
                    retention_days=keeps,
                    address=read_address(f"rtsp://198.51.100.{20 + 8 * row + number}/live/ch1"),
                ),
            )


# ---------------------------------------------------------------------------------------------
# How they stood


def _load_health(work: Work, scene: _Scene) -> None:
    """Thirty days of every camera: most work, some now and then not, two not now."""
    cameras = work.session.scalars(
        select(Camera).where(Camera.state == CameraState.IN_USE).order_by(Camera.id)
    ).all()
    for number, camera in enumerate(cameras):
        stretches = _stretches(work.now, number, scene.chance)
        work.session.execute(
            insert(StretchRow),
            [
                {
                    "camera_id": camera.id,
                    "reason": one.reason,
                    "began_at": one.began_at,
                    "ended_at": one.ended_at,
                }
                for one in stretches
            ],
        )
        work.session.execute(insert(DayRow), _days(camera.id, stretches, scene.today))
        _stand(work, camera, stretches)
        _incidents(work, camera, stretches)


def _stretches(now: datetime, number: int, chance: random.Random) -> list[Stretch]:
    began = now - timedelta(days=DAYS + 1)
    found: list[Stretch] = []
    # Every fifth camera is troublesome.
    most = 6 if number % 5 == 2 else chance.choice((0, 0, 1, 2))
    starts = sorted(
        began + timedelta(minutes=chance.randrange(60, (DAYS - 1) * 1440)) for _ in range(most)
    )
    for start in starts:
        if start <= began:
            continue
        reason = chance.choice((Reason.TIMEOUT, Reason.TIMEOUT, Reason.REFUSED, Reason.NO_STREAM))
        end = start + timedelta(minutes=chance.choice((10, 20, 45, 180, 600, 1700)))
        found.append(Stretch(Reason.OK, began, start))
        found.append(Stretch(reason, start, end))
        began = end
    is_down = {7: Reason.TIMEOUT, 18: Reason.WRONG_PASSWORD, 25: Reason.TIMEOUT}
    if number in is_down:
        start = max(began + timedelta(minutes=5), now - timedelta(minutes=40 + 97 * number))
        found.append(Stretch(Reason.OK, began, start))
        found.append(Stretch(is_down[number], start))
    else:
        found.append(Stretch(Reason.OK, began))
    return found


def _days(camera_id: int, stretches: list[Stretch], today: date) -> list[dict[str, Any]]:
    rows = []
    for number in range(DAYS, 0, -1):
        day = today - timedelta(days=number)
        figures = summarise(stretches, *day_bounds(day))
        rows.append({"camera_id": camera_id, "day": day, **vars(figures)})
    return rows


def _stand(work: Work, camera: Camera, stretches: list[Stretch]) -> None:
    last = stretches[-1]
    is_up = last.reason is Reason.OK
    work.session.add(
        StandingRow(
            camera_id=camera.id,
            reason=last.reason,
            since=last.began_at,
            checked_at=max(last.began_at, work.now - timedelta(minutes=2)),
            failing_since=None if is_up else last.began_at,
            has_incident=not is_up,
            milliseconds=35 + camera.id % 40 if is_up else 6000,
        )
    )


CAUSES = ("Mất điện toàn khu", "Đứt cáp mạng khi sửa đường", "Nguồn camera hỏng, đã thay", "")


def _incidents(work: Work, camera: Camera, stretches: list[Stretch]) -> None:
    unit_id = work.session.scalars(select(Desk.unit_id).where(Desk.id == camera.desk_id)).one()
    for number, one in enumerate(stretches):
        if one.reason is Reason.OK:
            continue
        if one.ended_at is not None and one.ended_at - one.began_at < timedelta(minutes=15):
            continue
        cause = CAUSES[(camera.id + number) % len(CAUSES)] if one.ended_at is not None else ""
        work.session.add(
            Incident(
                camera_id=camera.id,
                unit_id=unit_id,
                reason=one.reason,
                began_at=one.began_at,
                opened_at=one.began_at + timedelta(minutes=15),
                ended_at=one.ended_at,
                cause=cause,
                explained_by_name="Bộ phận Một cửa" if cause else "",
                explained_at=one.ended_at if cause else None,
            )
        )
    work.session.flush()


# ---------------------------------------------------------------------------------------------
# What was watched


def _load_watching(work: Work, scene: _Scene) -> None:
    """Three weeks of the log, and the roster of last week, this one and a part of the next."""
    watchers = [scene.people[name] for name in ("kiemtra", "dieuphoi") if name in scene.people]
    if not watchers:
        return
    sights = {sight.code: sight for sight in work.session.scalars(select(Sight))}
    desks = work.session.scalars(
        select(Desk).where(Desk.closed_on.is_(None)).order_by(Desk.id)
    ).all()
    count = 0
    for back in range(21, -1, -1):
        day = scene.today - timedelta(days=back)
        if day.weekday() >= 5:
            continue
        for hour in (8, 10, 14, 16):
            count += 1
            start = datetime.combine(day, time(hour), LOCAL)
            if scene.chance.random() < 0.15 or start + timedelta(hours=1) > work.now:
                continue
            watcher = watchers[(back + hour) % len(watchers)]
            _write(work, desks[(count * 5) % len(desks)], start, watcher, sights, count)
    root = scene.units["CT"]
    monday = scene.today - timedelta(days=scene.today.weekday())
    for number in range(-7, 9):
        day = monday + timedelta(days=number)
        if day.weekday() >= 5 or day.weekday() == 3:
            continue
        turns = [(time(7, 30), time(11, 30)), (time(13, 30), time(17, 0))]
        if day.weekday() == 1:
            turns.pop()
        for place, (starts_at, ends_at) in enumerate(turns):
            user_id, name = watchers[(number + place) % len(watchers)]
            work.session.add(
                Shift(
                    unit_id=root,
                    watcher_id=user_id,
                    watcher_name=name,
                    day=day,
                    starts_at=starts_at,
                    ends_at=ends_at,
                )
            )
    work.session.flush()


def _write(
    work: Work,
    desk: Desk,
    start: datetime,
    watcher: tuple[int, str],
    sights: dict[str, Sight],
    number: int,
) -> None:
    codes, text = SEEN[number % len(SEEN)]
    seen = [sights[code] for code in codes if code in sights]
    severity = seen[0].severity if seen else Severity.NORMAL
    entry = Entry(
        desk_id=desk.id,
        unit_id=desk.unit_id,
        day=start.date(),
        starts_at=start.time(),
        ends_at=(start + timedelta(hours=1)).time(),
        severity=severity,
        text=text,
        shows_people="attitude" in codes or "private_work" in codes,
        recorded_at=start + timedelta(minutes=62),
        recorded_by_id=watcher[0],
        recorded_by_name=watcher[1],
        folded=fold(" ".join([text, *(one.name for one in seen)])),
    )
    work.session.add(entry)
    work.session.flush()
    work.session.add_all(EntrySight(entry_id=entry.id, sight_id=one.id) for one in seen)


DATA = (DemoData(key="camera_monitoring.demo", load=load, weight=200),)

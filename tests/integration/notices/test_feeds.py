"""Calendar feeds, read by another library than the one that wrote them."""

from __future__ import annotations

import re
import threading
from datetime import date, timedelta
from typing import Any

import pytest
import vobject
from flask import Flask
from flask.testing import FlaskClient

from tests.factories.accounts import make_user, post, sign_in, sign_out
from tests.factories.plans import make_plan, make_task, report
from tests.factories.units import make_unit, system_context
from tracker.accounts.models import Grant
from tracker.accounts.tokens import hash_token
from tracker.core.clock import FixedClock
from tracker.core.context import acting
from tracker.core.db import db
from tracker.core.errors import ValidationFailed
from tracker.core.rights import Role
from tracker.core.work import Work, run
from tracker.inspections.models import Finding, Severity, Visit, VisitKind, VisitState
from tracker.notices import feeds
from tracker.notices.feeds import MOST_FEEDS
from tracker.settings.services import SaveSettings, save_settings

pytestmark = pytest.mark.usefixtures("system")

PAGE = "/thong-bao/lich"
SITE = "https://cchc.tinh.gov.vn"
TITLE = "Rà soát, đơn giản hóa thủ tục hành chính; công khai, minh bạch kết quả giải quyết hồ sơ"


@pytest.fixture
def office() -> dict[str, int]:
    run(save_settings, SaveSettings({"notices.site_address": SITE}))
    province = make_unit("Tỉnh Lâm Đồng", "province")
    department = make_unit("Sở Nội vụ", "department", province)
    return {
        "province": province,
        "department": department,
        "head": make_user(department, Role.HEAD, name="Lê Minh Đức"),
        "plan": make_plan(province, title="Kế hoạch CCHC năm 2026"),
    }


def subscribe(client: FlaskClient, unit: int | str = "") -> str:
    """Make a feed by the page and return its path; the person stays signed in."""
    assert post(client, PAGE, {"unit_id": unit}).status_code == 303
    shown = client.get(PAGE).text
    found = re.search(r"<code>([^<]+)</code>", shown)
    assert found is not None
    assert found[1].startswith(f"{SITE}/lich/")
    # It is shown this once.
    assert found[1] not in client.get(PAGE).text
    return found[1].removeprefix(SITE)


def events(client: FlaskClient, path: str) -> dict[str, Any]:
    """Read a feed as a calendar program does; return its events by UID."""
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.content_type == "text/calendar; charset=utf-8"
    assert all(len(line) <= 75 for line in answer.data.split(b"\r\n"))
    calendar = vobject.readOne(answer.get_data(as_text=True))
    assert calendar.version.value == "2.0"
    found = {one.uid.value: one for one in getattr(calendar, "vevent_list", [])}
    assert len(found) == len(getattr(calendar, "vevent_list", []))
    return found


def test_persons_calendar_has_deadlines_with_alarms_in_vietnamese(
    client: FlaskClient, office: dict[str, int], clock: FixedClock
) -> None:
    task = make_task(
        office["plan"],
        office["department"],
        title=TITLE,
        due_on=date(2026, 6, 30),
        product="Quyết định; danh mục, phụ lục",
    )
    make_task(office["plan"], office["province"], title="Của người khác")
    sign_in(client, office["head"])
    path = subscribe(client)
    sign_out(client)
    (event,) = events(client, path).values()
    assert event.summary.value == f"Hạn: {TITLE}"
    assert event.dtstart.value == date(2026, 6, 30)
    assert event.dtend.value == date(2026, 7, 1)
    assert event.transp.value == "TRANSPARENT"
    assert event.url.value == f"{SITE}/viec/{task}"
    assert event.description.value.split("\n") == [
        "Sở Nội vụ",
        "Kế hoạch CCHC năm 2026",
        "Sản phẩm: Quyết định; danh mục, phụ lục",
    ]
    assert event.valarm.action.value == "DISPLAY"
    assert event.valarm.trigger.value == timedelta(days=-1, hours=8)


def test_matter_keeps_its_identity_and_goes_when_it_is_done(
    client: FlaskClient, office: dict[str, int], clock: FixedClock
) -> None:
    task = make_task(office["plan"], office["department"], due_on=date(2026, 6, 30))
    sign_in(client, office["head"])
    path = subscribe(client)
    first = client.get(path)
    (uid,) = events(client, path)
    assert re.fullmatch(r"assignment-[0-9a-f-]{36}@tracker", uid)
    # Nothing changed: not a byte, and a program that asks so gets none.
    clock.advance(hours=5)
    assert client.get(path).data == first.data
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    report(task, percent=40)
    changed = events(client, path)
    assert list(changed) == [uid]
    assert client.get(path).headers["ETag"] != first.headers["ETag"]
    report(task, done_on=clock.today())
    assert events(client, path) == {}


def test_calendar_shows_what_its_owner_may_see_today(
    client: FlaskClient, office: dict[str, int], clock: FixedClock
) -> None:
    make_task(office["plan"], office["department"], due_on=date(2026, 6, 30))
    sign_in(client, office["head"])
    own, unit = subscribe(client), subscribe(client, office["department"])
    assert len(events(client, own)) == len(events(client, unit)) == 1

    def end(work: Work, _data: None) -> None:
        for grant in work.session.query(Grant).filter(Grant.user_id == office["head"]):
            grant.valid_to = clock.today()

    run(end, None)
    assert len(events(client, own)) == 1
    clock.advance(days=1)
    assert events(client, own) == events(client, unit) == {}


def test_revoked_address_and_wrong_ones_are_not_found(
    client: FlaskClient, office: dict[str, int]
) -> None:
    sign_in(client, office["head"])
    path = subscribe(client)
    other = make_user(office["department"], Role.OFFICER)
    sign_in(client, other)
    assert post(client, f"{PAGE}/1/thu-hoi").status_code == 404
    assert client.get(path).status_code == 200
    sign_in(client, office["head"])
    assert post(client, f"{PAGE}/1/thu-hoi").status_code == 303
    assert client.get(path).status_code == 404
    assert "Chưa có địa chỉ nào" in client.get(PAGE).text
    assert client.get("/lich/khong-co.ics").status_code == 404
    assert client.get(f"/lich/{'x' * 500}.ics").status_code == 404


def test_nobody_subscribes_to_a_unit_out_of_reach(
    client: FlaskClient, office: dict[str, int]
) -> None:
    elsewhere = make_unit("Tỉnh khác", "province")
    sign_in(client, office["head"])
    assert post(client, PAGE, {"unit_id": elsewhere}).status_code == 403
    assert post(client, PAGE, {"unit_id": "999999"}).status_code == 403
    assert post(client, PAGE, {"unit_id": "x"}).status_code == 400
    for _number in range(MOST_FEEDS):
        subscribe(client)
    answer = client.post(
        PAGE,
        data={"csrf_token": _token(client), "unit_id": ""},
        follow_redirects=True,
    )
    assert "nhiều nhất 10 địa chỉ lịch" in answer.text


def test_two_requests_at_once_do_not_pass_the_limit(
    app: Flask, office: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "MOST_FEEDS", 1)
    context = system_context()
    db.session.remove()
    barrier = threading.Barrier(2)
    made: list[bool] = []

    def go(token: str) -> None:
        with app.app_context(), acting(context):
            barrier.wait()
            try:
                run(feeds.make_feed, feeds.MakeFeed(office["head"], hash_token(token)))
                made.append(True)
            except ValidationFailed:
                made.append(False)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=go, args=(token,)) for token in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False, True]


def _token(client: FlaskClient) -> str:
    from tests.factories.accounts import csrf_token

    return csrf_token(client)


def test_units_calendar_has_announced_visits_and_remedies_but_no_surprise(
    client: FlaskClient, office: dict[str, int], clock: FixedClock
) -> None:
    def make(work: Work, _data: None) -> None:
        for day, announced in ((date(2026, 7, 1), True), (date(2026, 7, 2), False)):
            work.session.add(
                Visit(
                    kind=VisitKind.REINSPECTION,
                    state=VisitState.PLANNED,
                    unit_id=office["department"],
                    visited_on=day,
                    is_announced=announced,
                    team_name="Đoàn kiểm tra số 1",
                )
            )
        work.session.flush()
        visit = work.session.query(Visit).first()
        assert visit is not None
        work.session.add(
            Finding(
                visit_id=visit.id,
                unit_id=office["department"],
                severity=Severity.MINOR,
                text="Chưa niêm yết thủ tục",
                found_on=date(2026, 6, 1),
                remedy_due_on=date(2026, 7, 15),
            )
        )

    run(make, None)
    sign_in(client, office["head"])
    shown = events(client, subscribe(client, office["department"]))
    assert sorted(one.summary.value for one in shown.values()) == [
        "Hạn khắc phục: Chưa niêm yết thủ tục",
        "Kiểm tra: Sở Nội vụ",
    ]
    own = events(client, subscribe(client))
    assert [one.dtstart.value for one in own.values()] == [date(2026, 7, 15)]
    db.session.rollback()

"""Settings, days off and reporting windows at their door."""

from __future__ import annotations

import re
from datetime import date

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.factories.accounts import make_user, sign_in
from tests.factories.units import make_unit
from tracker.core import changes
from tracker.core.db import db
from tracker.core.errors import Conflict, ValidationFailed
from tracker.core.rights import Role
from tracker.core.work import run
from tracker.settings import queries, services
from tracker.settings.models import CalendarDay, DayKind, ReportWindow, Setting
from tracker.units.models import UnitKind

pytestmark = pytest.mark.usefixtures("system")


def token(client: FlaskClient, path: str = "/thiet-lap") -> str:
    """Return the token of a form."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(path).data.decode())
    assert found
    return found.group(1)


def hidden(page: bytes, name: str) -> str:
    """Return the value of a hidden field."""
    tag = re.search(rf'<input[^>]*name="{name}"[^>]*>', page.decode())
    assert tag, name
    value = re.search(r'value="([^"]*)"', tag.group(0))
    assert value
    return value.group(1).replace("&#34;", '"').replace("&quot;", '"')


def fields_of(page: bytes) -> dict[str, str]:
    """Return what a browser would send of the settings form when nothing is changed."""
    form = page.decode().split('action="/thiet-lap"', 1)[1].split("</form>", 1)[0]
    found: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name is None or ('type="checkbox"' in tag and "checked" not in tag):
            continue
        typed = value.group(1) if value else ""
        found[name.group(1)] = typed.replace("&#34;", '"').replace("&quot;", '"')
    return found


@pytest.fixture
def admin(client: FlaskClient) -> FlaskClient:
    """An administrator's browser."""
    sign_in(client, make_user(make_unit("Sở Nội vụ"), Role.ADMINISTRATOR))
    return client


PAGES = (
    "/thiet-lap",
    "/thiet-lap/ngay-nghi",
    "/thiet-lap/ngay-nghi/them",
    "/thiet-lap/ngay-nghi/2026-09-02",
    "/thiet-lap/ngay-nghi/de-xuat",
    "/thiet-lap/ky-bao-cao",
    "/thiet-lap/ky-bao-cao/Q1",
)


@pytest.mark.parametrize("path", PAGES)
def test_only_who_manages_settings_sees_them(client: FlaskClient, path: str) -> None:
    """Administrators and coordinators; nobody else."""
    unit = make_unit("Sở Nội vụ")
    for role in Role:
        sign_in(client, make_user(unit, role))
        may = role in (Role.ADMINISTRATOR, Role.COORDINATOR)
        assert client.get(path).status_code == (200 if may else 403), role


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.COORDINATOR])
def test_what_counts_for_all_units_is_no_matter_of_one(client: FlaskClient, role: Role) -> None:
    """Who has the role over a commune alone neither sees nor changes what counts everywhere."""
    province = make_unit("Tỉnh", UnitKind.PROVINCE)
    commune = make_unit("Xã Đạ Tẻh", UnitKind.COMMUNE, province)
    sign_in(client, make_user(commune, role))
    assert client.get("/thiet-lap").status_code == 403
    assert 'href="/thiet-lap"' not in client.get("/").text
    key = token(client, "/tai-khoan")
    assert client.post("/thiet-lap", data={"csrf_token": key}).status_code == 403
    assert client.get("/mo-dun").status_code == 403
    sign_in(client, make_user(commune, role, scope=province))
    assert client.get("/thiet-lap").status_code == 200


def test_services_ask_for_the_right_themselves(client: FlaskClient) -> None:
    """A leader's post is refused whatever the page shows."""
    sign_in(client, make_user(make_unit("Sở Nội vụ"), Role.LEADER))
    key = token(client, "/tai-khoan")
    for path in ("/thiet-lap", "/thiet-lap/ngay-nghi/them", "/thiet-lap/ngay-nghi/2026-09-02/xoa"):
        assert client.post(path, data={"csrf_token": key}).status_code == 403


def test_settings_are_saved_and_shown(admin: FlaskClient) -> None:
    """Only what was changed is written, in one change set."""
    fields = fields_of(admin.get("/thiet-lap").data)
    fields |= {"agency__name": "  UBND  xã Vĩnh Phước ", "plans__due_soon_days": "10"}
    answer = admin.post("/thiet-lap", data=fields, follow_redirects=True)
    assert "Đã lưu thiết lập." in answer.data.decode()
    db.session.rollback()
    rows = {row.key: row.value for row in db.session.scalars(select(Setting))}
    assert rows == {"agency.name": "UBND xã Vĩnh Phước", "plans.due_soon_days": 10}
    assert queries.value("agency.name") == "UBND xã Vĩnh Phước"
    assert "UBND xã Vĩnh Phước" in admin.get("/thiet-lap").data.decode()


def test_a_setting_that_was_not_on_the_page_stays(admin: FlaskClient) -> None:
    """A plug-in may be switched on while somebody has the page open."""
    fields = fields_of(admin.get("/thiet-lap").data)
    admin.post("/thiet-lap", data=fields | {"plans__due_soon_days": "10"})
    db.session.rollback()
    del fields["plans__due_soon_days"]
    fields["base_version"] = fields_of(admin.get("/thiet-lap").data)["base_version"]
    fields["shown"] = fields["shown"].replace("plans.due_soon_days", "")
    answer = admin.post("/thiet-lap", data=fields | {"agency__name": "UBND xã Mới"})
    assert answer.status_code == 302
    db.session.rollback()
    rows = {row.key: row.value for row in db.session.scalars(select(Setting))}
    assert rows == {"agency.name": "UBND xã Mới", "plans.due_soon_days": 10}


@pytest.mark.parametrize("typed", ["bảy", "-1", "91", "7,5", "", "99999999999999", "1e1"])
def test_a_bad_value_stays_in_its_field(admin: FlaskClient, typed: str) -> None:
    """With a message beside it; the other field that was typed stays too."""
    fields = fields_of(admin.get("/thiet-lap").data)
    fields |= {"agency__name": "UBND xã Mới", "plans__due_soon_days": typed}
    answer = admin.post("/thiet-lap", data=fields)
    assert answer.status_code == 422
    page = answer.data.decode()
    assert 'value="UBND xã Mới"' in page
    assert re.search(rf'name="plans__due_soon_days"[^>]*value="{re.escape(typed)}"', page)
    assert "field-error" in page
    db.session.rollback()
    assert db.session.scalars(select(Setting)).all() == []


def test_a_text_that_is_too_long_is_told(admin: FlaskClient) -> None:
    """No column is ever asked to hold it."""
    fields = fields_of(admin.get("/thiet-lap").data) | {"agency__name": "x" * 501}
    assert admin.post("/thiet-lap", data=fields).status_code == 422


def test_unknown_and_hidden_keys_are_refused(admin: FlaskClient) -> None:
    """What the product keeps about itself is not written from outside (CTFd wrote any key)."""
    fields = fields_of(admin.get("/thiet-lap").data)
    fields |= {"demo__loaded_on": "2026-01-01", "anything": "x"}
    assert admin.post("/thiet-lap", data=fields).status_code == 302
    db.session.rollback()
    assert db.session.scalars(select(Setting)).all() == []
    with pytest.raises(ValidationFailed):
        run(services.save_settings, services.SaveSettings({"no.such": 1}))


def test_two_people_change_different_settings(admin: FlaskClient) -> None:
    """The second to save doesn't undo what the first has changed."""
    fields = fields_of(admin.get("/thiet-lap").data)
    run(services.save_settings, services.SaveSettings({"plans.due_soon_days": 20}))
    answer = admin.post("/thiet-lap", data=fields | {"agency__name": "UBND xã Mới"})
    assert answer.status_code == 302
    db.session.rollback()
    rows = {row.key: row.value for row in db.session.scalars(select(Setting))}
    assert rows == {"agency.name": "UBND xã Mới", "plans.due_soon_days": 20}


def test_two_people_change_the_same_setting(admin: FlaskClient) -> None:
    """Both values are shown; the one that is chosen is saved, and what else was typed with it."""
    fields = fields_of(admin.get("/thiet-lap").data)
    run(services.save_settings, services.SaveSettings({"agency.name": "Bản kia"}))
    typed = fields | {"agency__name": "Bản này", "plans__due_soon_days": "9"}
    answer = admin.post("/thiet-lap", data=typed)
    assert answer.status_code == 409
    page = answer.data.decode()
    assert "Bản kia" in page
    assert 'value="Bản này"' in page
    db.session.rollback()
    assert db.session.get_one(Setting, "agency.name").value == "Bản kia"
    again = typed | {name: hidden(answer.data, name) for name in ("base_version", "seen_version")}
    assert admin.post("/thiet-lap", data=again).status_code == 409
    # A third person is faster: what was chosen beside the older value is asked again.
    run(services.save_settings, services.SaveSettings({"agency.name": "Bản thứ ba"}))
    chosen = again | {"pick__agency__name": "mine"}
    newer = admin.post("/thiet-lap", data=chosen)
    assert newer.status_code == 409
    assert "Bản thứ ba" in newer.data.decode()
    chosen["seen_version"] = hidden(newer.data, "seen_version")
    assert admin.post("/thiet-lap", data=chosen).status_code == 302
    db.session.rollback()
    assert db.session.get_one(Setting, "agency.name").value == "Bản này"
    assert db.session.get_one(Setting, "plans.due_soon_days").value == 9


def test_settings_without_a_base_are_not_read(admin: FlaskClient) -> None:
    """A form that does not say what it was made from would undo what others did."""
    fields = fields_of(admin.get("/thiet-lap").data)
    for base in ("", "x", "-1"):
        assert admin.post("/thiet-lap", data=fields | {"base_version": base}).status_code == 400


# -- the year at a glance ----------------------------------------------------------------------


def test_the_year_shows_weekends_days_off_and_swapped_days(admin: FlaskClient) -> None:
    """Each special day is a link with its kind and name in words, whatever its colour."""
    page = admin.get("/thiet-lap/ngay-nghi?year=2026").data.decode()
    assert page.count('class="year-month"') == 12
    swapped = re.search(r'<td class="is-swap_work[^"]*"><a href="([^"]*)"[^>]*>10(.*?)</a>', page)
    assert swapped is not None
    assert swapped[1] == "/thiet-lap/ngay-nghi/2026-01-10"
    assert "Làm bù" in swapped[2]
    assert re.search(r'<td class="is-holiday[^"]*"><a href="/thiet-lap/ngay-nghi/2026-09-02"', page)
    assert re.search(r'<td class="is-weekend[^"]*">19</td>', page)
    empty = admin.get("/thiet-lap/ngay-nghi?year=2031").data.decode()
    assert empty.count('class="year-month"') == 12


# -- days off ---------------------------------------------------------------------------------


def test_a_day_is_added_changed_and_removed(admin: FlaskClient) -> None:
    """The reason of the removal is in the change log."""
    key = token(admin)
    day = {"day": "03/09/2026", "kind": "holiday", "name": "Nghỉ thêm", "csrf_token": key}
    assert admin.post("/thiet-lap/ngay-nghi/them", data=day).status_code == 302
    page = admin.get("/thiet-lap/ngay-nghi/2026-09-03").data
    change = {
        "kind": "swap_off",
        "name": "Nghỉ hoán đổi",
        "decision": "12/TB-BNV",
        "version": hidden(page, "version"),
        "csrf_token": key,
    }
    assert admin.post("/thiet-lap/ngay-nghi/2026-09-03", data=change).status_code == 302
    assert "12/TB-BNV" in admin.get("/thiet-lap/ngay-nghi?year=2026").data.decode()
    gone = {"reason": "Nhập nhầm", "csrf_token": key}
    assert admin.post("/thiet-lap/ngay-nghi/2026-09-03/xoa", data=gone).status_code == 302
    db.session.rollback()
    assert db.session.get(CalendarDay, date(2026, 9, 3)) is None
    newest = db.session.scalars(
        select(changes.ChangeSet).order_by(changes.ChangeSet.id.desc()).limit(1)
    ).one()
    assert newest.reason == "Nhập nhầm"
    assert admin.post("/thiet-lap/ngay-nghi/2026-09-03/xoa", data=gone).status_code == 404


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"day": "31/02/2027"}, 422),
        ({"day": ""}, 422),
        ({"kind": "party"}, 422),
        ({"name": ""}, 422),
        ({"name": "x" * 201}, 422),
        ({"kind": "swap_work"}, 422),
        ({"day": "06/03/2027", "kind": "swap_off"}, 422),
        ({"day": "02/09/2026"}, 409),
    ],
)
def test_a_day_that_cannot_be_is_told(
    admin: FlaskClient, changed: dict[str, str], status: int
) -> None:
    """What was typed stays; the calendar stays as it was."""
    before = len(queries.days_of(2026)) + len(queries.days_of(2027))
    day = {"day": "03/03/2027", "kind": "holiday", "name": "Nghỉ", "decision": "Văn bản số 9"}
    sent = {**day, **changed, "csrf_token": token(admin)}
    answer = admin.post("/thiet-lap/ngay-nghi/them", data=sent)
    assert answer.status_code == status
    assert "Văn bản số 9" in answer.data.decode()
    assert sent["day"] in answer.data.decode()
    db.session.rollback()
    assert len(queries.days_of(2026)) + len(queries.days_of(2027)) == before


def test_a_day_is_not_removed_without_a_reason(admin: FlaskClient) -> None:
    """The calendar is what deadlines rest on."""
    sent = {"reason": " ", "csrf_token": token(admin)}
    assert admin.post("/thiet-lap/ngay-nghi/2026-09-02/xoa", data=sent).status_code == 422
    db.session.rollback()
    assert db.session.get(CalendarDay, date(2026, 9, 2)) is not None


def test_a_change_from_an_old_page_is_a_conflict(admin: FlaskClient) -> None:
    """Both names are shown side by side, and what was typed stays."""
    page = admin.get("/thiet-lap/ngay-nghi/2026-09-02").data
    version = int(hidden(page, "version"))
    run(
        services.edit_day,
        services.EditDay(date(2026, 9, 2), version, DayKind.HOLIDAY, "Tên của người kia"),
    )
    path = "/thiet-lap/ngay-nghi/2026-09-02"
    sent = {"kind": "holiday", "version": str(version), "csrf_token": token(admin)}
    answer = admin.post(path, data={**sent, "name": "Tên của tôi", "decision": "9/TB"})
    assert answer.status_code == 409
    assert "Tên của người kia" in answer.data.decode()
    assert 'value="Tên của tôi"' in answer.data.decode()
    settled = {**sent, "name": "Tên của tôi", "decision": "9/TB", "pick__name": "theirs"}
    settled |= {name: hidden(answer.data, name) for name in ("version", "seen_version")}
    assert admin.post(path, data=settled).status_code == 302
    db.session.rollback()
    row = db.session.get_one(CalendarDay, date(2026, 9, 2))
    assert (row.name, row.decision) == ("Tên của người kia", "9/TB")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/thiet-lap/ngay-nghi?year=abc", 400),
        ("/thiet-lap/ngay-nghi?year=99999", 400),
        ("/thiet-lap/ngay-nghi?year=1999", 400),
        ("/thiet-lap/ngay-nghi/2026-13-01", 404),
        ("/thiet-lap/ngay-nghi/khong-phai-ngay", 404),
        ("/thiet-lap/ngay-nghi/2026-03-03", 404),
        ("/thiet-lap/ky-bao-cao/q9", 404),
    ],
)
def test_bad_addresses_are_told(admin: FlaskClient, path: str, status: int) -> None:
    """Never a failure of the server."""
    assert admin.get(path).status_code == status


def test_a_proposal_is_only_a_proposal(admin: FlaskClient) -> None:
    """Looking saves nothing; what is picked is added, nothing else."""
    page = admin.get("/thiet-lap/ngay-nghi/de-xuat?year=2027").data.decode()
    assert 'value="2027-01-01"' in page
    assert queries.days_of(2027) == []
    url, key = "/thiet-lap/ngay-nghi/de-xuat?year=2027", token(admin)
    nothing = admin.post(url, data={"csrf_token": key})
    assert nothing.status_code == 422
    foreign = admin.post(url, data={"csrf_token": key, "days": ["2027-03-03"]})
    assert foreign.status_code == 422
    sent = {"csrf_token": key, "days": ["2027-01-01", "2027-09-02"], "decision": "99/TB-BNV"}
    assert admin.post(url, data=sent).status_code == 302
    db.session.rollback()
    assert [(one.day, one.decision) for one in queries.days_of(2027)] == [
        (date(2027, 1, 1), "99/TB-BNV"),
        (date(2027, 9, 2), "99/TB-BNV"),
    ]
    assert "đã có trong lịch" in admin.get(url).data.decode()


def test_days_are_added_all_or_none() -> None:
    """One that is there already keeps the others out."""
    new = services.DayInput(date(2027, 3, 3), DayKind.HOLIDAY, "Nghỉ")
    known = services.DayInput(date(2026, 9, 2), DayKind.HOLIDAY, "Nghỉ")
    with pytest.raises(Conflict):
        run(services.add_days, services.AddDays((new, known)))
    with pytest.raises(Conflict):
        run(services.add_days, services.AddDays((new, new)))
    assert queries.days_of(2027) == []


# -- reporting windows ------------------------------------------------------------------------

WINDOW = {
    "name": "Quý I",
    "name_en": "Quarter I",
    "from_day": "15",
    "from_month": "12",
    "from_year_offset": "-1",
    "to_day": "14",
    "to_month": "3",
    "due_day": "20",
    "due_month": "3",
}


def test_a_window_is_data(admin: FlaskClient) -> None:
    """A province with another cut-off changes it, and reports follow."""
    page = admin.get("/thiet-lap/ky-bao-cao/Q1").data
    sent = {**WINDOW, "to_day": "10", "version": hidden(page, "version")}
    answer = admin.post("/thiet-lap/ky-bao-cao/Q1", data={**sent, "csrf_token": token(admin)})
    assert answer.status_code == 302
    assert "10/03/2026" in admin.get("/thiet-lap/ky-bao-cao").data.decode()
    assert "đến 10/03/2026" in admin.get("/bao-cao-ky?window=Q1&year=2026").data.decode()


@pytest.mark.parametrize(
    "changed",
    [
        {"to_day": "31", "to_month": "4"},
        {"to_day": "0"},
        {"to_month": "13"},
        {"from_day": "abc"},
        {"name": ""},
        {"name": "x" * 121},
        {"from_year_offset": "-2"},
        {"from_year_offset": "0"},
        {"due_day": "99999999999"},
    ],
)
def test_a_window_that_cannot_be_is_told(admin: FlaskClient, changed: dict[str, str]) -> None:
    """Days that no year has, and a window that ends before it starts."""
    version = hidden(admin.get("/thiet-lap/ky-bao-cao/Q1").data, "version")
    sent = {**WINDOW, **changed, "version": version, "csrf_token": token(admin)}
    answer = admin.post("/thiet-lap/ky-bao-cao/Q1", data=sent)
    assert answer.status_code == 422
    assert "field-error" in answer.data.decode()
    db.session.rollback()
    row = db.session.get_one(ReportWindow, "Q1")
    assert (row.from_day, row.to_day, row.to_month) == (15, 14, 3)


def test_a_window_form_without_a_version_is_refused(admin: FlaskClient) -> None:
    """Nobody can save over what they have not seen."""
    sent = {**WINDOW, "csrf_token": token(admin)}
    assert admin.post("/thiet-lap/ky-bao-cao/Q1", data=sent).status_code == 400


def test_lower_levels_hand_in_earlier_by_working_days(app: Flask, admin: FlaskClient) -> None:
    """By offsets that are settings; a unit of another level keeps the day."""
    fields = fields_of(admin.get("/thiet-lap").data)
    fields["reports__days_earlier_commune"] = "-1"
    assert admin.post("/thiet-lap", data=fields).status_code == 422
    fields["reports__days_earlier_commune"] = "3"
    assert admin.post("/thiet-lap", data=fields).status_code == 302
    shown = admin.get("/thiet-lap/ky-bao-cao").data.decode()
    # Friday 20/03/2026 becomes Tuesday, Sunday 20/09/2026 becomes Wednesday.
    assert "17/03/2026" in shown
    assert "16/09/2026" in shown
    # The figures of the half year closed on 14/06/2026; due on Saturday 20/06/2026.
    province = make_unit("Tỉnh", UnitKind.PROVINCE)
    commune = make_unit("Xã Đạ Tẻh", UnitKind.COMMUNE, province)
    for unit, day in ((commune, "17/06/2026"), (province, "20/06/2026")):
        person = app.test_client()
        sign_in(person, make_user(unit, Role.HEAD))
        assert f"gửi báo cáo trước {day}" in person.get("/").data.decode()

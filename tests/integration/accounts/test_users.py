"""Managing people: reach, roles, leaves, links, and what must not be possible."""

from __future__ import annotations

import io
from datetime import date, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy import select

from tests.factories.accounts import give_password, grant, make_user, post, sign_in
from tests.integration.accounts.conftest import PASSWORD, World
from tracker.accounts.models import Deputy, Grant, LoginSession, PasswordLink, User
from tracker.core.changes import Change
from tracker.core.clock import FixedClock
from tracker.core.db import db
from tracker.core.rights import Role

NEW_PASSWORD = "một cây cầu bằng gỗ"


@pytest.fixture
def chief(app: Flask, client: FlaskClient, world: World) -> FlaskClient:
    """The browser of the first province's administrator."""
    with app.app_context():
        sign_in(client, world.chief)
    return client


def user(app: Flask, user_id: int) -> User:
    with app.app_context():
        found = db.session.get(User, user_id)
        assert found is not None
        db.session.expunge(found)
    return found


def grants(app: Flask, user_id: int) -> list[tuple[Role, int, date, date | None]]:
    with app.app_context():
        rows = db.session.execute(
            select(Grant.role, Grant.unit_id, Grant.valid_from, Grant.valid_to)
            .where(Grant.user_id == user_id)
            .order_by(Grant.id)
        )
        return [tuple(row) for row in rows]


def link_in(text: str) -> str:
    return "/dat-mat-khau/" + text.split("/dat-mat-khau/")[1].split('"', maxsplit=1)[0]


# -- the list ----------------------------------------------------------------------------------


def test_list_shows_only_people_in_reach(chief: FlaskClient) -> None:
    text = chief.get("/nguoi-dung").text
    assert "Nguyễn Văn An" in text
    assert "Phạm Dung" not in text
    assert "Lê Cường" not in text


def test_list_finds_without_diacritics_filters_and_sorts_by_given_name(
    app: Flask, chief: FlaskClient, world: World
) -> None:
    with app.app_context():
        make_user(world.commune, name="Đặng Thị Ánh", username="anh.dang")
        make_user(world.commune, Role.HEAD, name="Bùi Ân", username="an.bui")
    text = chief.get("/nguoi-dung").text.partition("<tbody>")[2]
    order = [
        text.index(name) for name in ("Nguyễn Văn An", "Đặng Thị Ánh", "Bùi Ân", "Trần Thị Bình")
    ]
    assert order == sorted(order)
    assert "Đặng Thị Ánh" in chief.get("/nguoi-dung?q=dang+anh").text
    assert "Nguyễn Văn An" not in chief.get("/nguoi-dung?q=dang+anh").text
    assert "Đặng Thị Ánh" in chief.get("/nguoi-dung?state=idle").text
    assert "Bùi Ân" not in chief.get("/nguoi-dung?state=idle").text
    assert "Bùi Ân" in chief.get(f"/nguoi-dung?role=head&unit={world.commune}").text


@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page=x",
        "sort=password_hash",
        "role=king",
        "unit=x",
        "unit=99999999999",
        "state=odd",
    ],
)
def test_list_bad_parameters_are_told(chief: FlaskClient, query: str) -> None:
    assert chief.get(f"/nguoi-dung?{query}").status_code == 400


def test_export_holds_what_the_list_shows_and_no_formula(
    app: Flask, chief: FlaskClient, world: World
) -> None:
    with app.app_context():
        make_user(world.commune, Role.HEAD, name='=HYPERLINK("http://evil")', username="cong.thuc")
    response = chief.get("/nguoi-dung.xlsx?role=head")
    sheet = load_workbook(io.BytesIO(response.data)).active
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert rows[0][:3] == ["Tên đăng nhập", "Họ và tên", "Chức vụ"]
    assert [row[0] for row in rows[1:]] == ["cong.thuc"]
    assert sheet.cell(2, 2).data_type == "s"


# -- reach (IDOR) ------------------------------------------------------------------------------

PAGES = ("", "/sua", "/cap-quyen", "/nguoi-thay")
ACTIONS = ("/sua", "/cap-quyen", "/nguoi-thay", "/khoa", "/mo-khoa", "/lien-ket", "/dang-xuat")


def test_another_provinces_people_are_unknown(app: Flask, chief: FlaskClient, world: World) -> None:
    """IDOR by number (CVE-2026-28352, CVE-2026-35596 and their kind)."""
    before = grants(app, world.other_officer)
    for stranger in (world.other_officer, world.other_chief, 999_999, 10**19):
        for page in PAGES:
            assert chief.get(f"/nguoi-dung/{stranger}{page}").status_code == 404, page
        for action in ACTIONS:
            form = {
                "version": "1",
                "name": "Kẻ lạ",
                "role": "administrator",
                "unit_id": str(world.root),
                "valid_from": "16/06/2026",
            }
            response = post(chief, f"/nguoi-dung/{stranger}{action}", form)
            assert response.status_code == 404, action
    assert user(app, world.other_officer).name == "Phạm Dung"
    assert grants(app, world.other_officer) == before


def test_another_provinces_grants_and_leaves_cannot_be_ended(
    app: Flask, chief: FlaskClient, world: World
) -> None:
    """The check is on the record itself, not on the page it hangs under (CVE-2026-35595)."""
    with app.app_context():
        foreign = db.session.scalar(select(Grant.id).where(Grant.user_id == world.other_officer))
        make_user(world.other_commune, name="Đỗ Em", username="em.do")
    other = app.test_client()
    with app.app_context():
        sign_in(other, world.other_officer)
        deputy = db.session.scalar(select(User.id).where(User.username == "em.do"))
    leave = {"deputy_id": deputy, "valid_from": "16/06/2026", "valid_to": "20/06/2026"}
    assert post(other, "/tai-khoan/nguoi-thay", leave).status_code == 303
    with app.app_context():
        entry = db.session.scalar(select(Deputy.id))
    assert post(chief, f"/quyen/{foreign}/ket-thuc").status_code == 403
    assert post(chief, f"/nguoi-thay/{entry}/ket-thuc").status_code == 403
    assert grants(app, world.other_officer)[0][3] is None


def test_grant_cannot_reach_outside_ones_own_reach(
    app: Flask, chief: FlaskClient, world: World
) -> None:
    form = {"role": "officer", "unit_id": str(world.other_commune), "valid_from": "16/06/2026"}
    response = post(chief, f"/nguoi-dung/{world.officer}/cap-quyen", form)
    assert response.status_code == 422
    assert len(grants(app, world.officer)) == 1


def test_person_with_rights_elsewhere_cannot_be_taken_over(
    app: Flask, chief: FlaskClient, world: World
) -> None:
    """A password link opens all that a person may do, so all of it must lie in reach."""
    with app.app_context():
        grant(world.officer, Role.ADMINISTRATOR, world.other_root)
    page = chief.get(f"/nguoi-dung/{world.officer}")
    assert page.status_code == 200
    assert "ngoài phạm vi của bạn" in page.text
    for action in ("/lien-ket", "/khoa", "/nguoi-thay"):
        form = {"deputy_id": str(world.chief), "valid_from": "16/06/2026", "valid_to": "17/06/2026"}
        assert post(chief, f"/nguoi-dung/{world.officer}{action}", form).status_code == 403, action
    # Nor is it told who of the other agency could stand in.
    assert chief.get(f"/nguoi-dung/{world.officer}/nguoi-thay").status_code == 403
    assert user(app, world.officer).is_active


def test_nobody_grants_to_himself(app: Flask, chief: FlaskClient, world: World) -> None:
    form = {"role": "coordinator", "unit_id": str(world.root), "valid_from": "16/06/2026"}
    assert post(chief, f"/nguoi-dung/{world.chief}/cap-quyen", form).status_code == 403
    leave = {"deputy_id": str(world.chief), "valid_from": "16/06/2026", "valid_to": "17/06/2026"}
    response = post(chief, f"/nguoi-dung/{world.officer}/nguoi-thay", leave)
    assert response.status_code == 403
    assert len(grants(app, world.chief)) == 1


def test_officer_opens_no_door_of_administrators(
    app: Flask, client: FlaskClient, world: World
) -> None:
    with app.app_context():
        sign_in(client, world.officer)
    for page in (
        "/nguoi-dung",
        "/nguoi-dung.xlsx",
        "/nguoi-dung/moi",
        f"/nguoi-dung/{world.officer}",
    ):
        assert client.get(page).status_code == 403, page
    assert "/nguoi-dung" not in client.get("/tai-khoan").text


# -- accounts ----------------------------------------------------------------------------------


def test_create_user_with_first_role(app: Flask, chief: FlaskClient, world: World) -> None:
    form = {
        "name": "Đặng  Thị Ánh",
        "username": " Anh.Dang ",
        "unit_id": str(world.commune),
        "role": "officer",
        "email": "anh@vidu.gov.vn",
    }
    response = post(chief, "/nguoi-dung/moi", form)
    assert response.status_code == 303
    with app.app_context():
        made = db.session.execute(
            select(User.id, User.name, User.password_hash).where(User.username == "anh.dang")
        ).one()
        logged = db.session.scalars(
            select(Change.fields).where(
                Change.table_name == "users", Change.record_id == str(made.id)
            )
        ).one()
    assert (made.name, made.password_hash) == ("Đặng Thị Ánh", "")
    assert grants(app, made.id) == [(Role.OFFICER, world.commune, date(2026, 6, 16), None)]
    assert "anh.dang" in logged


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("username", "Nguyễn An", "Tên đăng nhập dài 3 đến 64 ký tự"),
        ("username", "ab", "Tên đăng nhập dài 3 đến 64 ký tự"),
        ("username", "x" * 65, "Dài quá 64 ký tự."),
        ("username", "nguyen.an", "Tên đăng nhập này đã có người dùng."),
        ("name", "", "Hãy điền mục này."),
        ("name", "x" * 201, "Dài quá 200 ký tự."),
        ("email", "không phải thư", "Thư điện tử chưa đúng"),
        ("phone", "gọi tôi nhé", "Số điện thoại chỉ gồm"),
        ("unit_id", "", "Hãy điền mục này."),
        ("unit_id", "không phải số", "Hãy chọn một mục trong danh sách."),
        ("unit_id", "99999999999999999999", "Hãy chọn một mục trong danh sách."),
        ("role", "king", "Hãy chọn một mục trong danh sách."),
    ],
)
def test_create_user_bad_input_is_told_beside_the_field(
    chief: FlaskClient, world: World, field: str, value: str, told: str
) -> None:
    form = {"name": "Đặng Ánh", "username": "anh", "unit_id": str(world.commune), field: value}
    response = post(chief, "/nguoi-dung/moi", form)
    assert response.status_code == 422
    assert told in response.text
    if field != "name":
        assert "Đặng Ánh" in response.text


def test_forms_take_no_more_than_their_fields(app: Flask, chief: FlaskClient, world: World) -> None:
    """Mass assignment (CVE-2026-55067; ASVS 5.0, 15.3.3)."""
    extra = {
        "id": "999",
        "is_active": "0",
        "username": "ke.gian",
        "password_hash": "x",
        "user_id": str(world.officer),
        "role": "administrator",
        "unit_id": str(world.other_root),
        "granted_by_id": "1",
    }
    page = {"version": "1", "name": "Trần Thị Bình Mới", "locale": "vi", "theme": "auto"}
    assert post(chief, "/tai-khoan", {**extra, **page}).status_code == 303
    me = user(app, world.chief)
    assert (me.name, me.username, me.is_active) == ("Trần Thị Bình Mới", "binh", True)
    assert (me.unit_id, me.password_hash) == (world.root, "")
    assert user(app, world.officer).name == "Nguyễn Văn An"
    assert len(grants(app, world.chief)) == 1


def test_edit_user_conflict_shows_both_and_keeps_what_was_typed(
    app: Flask, chief: FlaskClient, world: World
) -> None:
    base = {"unit_id": str(world.commune), "version": "2", "name": "Nguyễn Văn An"}
    assert user(app, world.officer).version == 2
    url = f"/nguoi-dung/{world.officer}/sua"
    assert post(chief, url, {**base, "title": "Chuyên viên"}).status_code == 303
    merged = post(chief, url, {**base, "phone": "0912345678"})
    assert merged.status_code == 303
    assert user(app, world.officer).title == "Chuyên viên"
    clash = post(chief, url, {**base, "title": "Phó phòng", "phone": "0912345678"})
    assert clash.status_code == 409
    assert "Phó phòng" in clash.text
    assert "Chuyên viên" in clash.text
    assert user(app, world.officer).title == "Chuyên viên"


def test_close_and_open_account(app: Flask, chief: FlaskClient, world: World) -> None:
    assert post(chief, f"/nguoi-dung/{world.officer}/khoa").status_code == 303
    assert not user(app, world.officer).is_active
    assert post(chief, f"/nguoi-dung/{world.officer}/lien-ket").status_code == 409
    assert post(chief, f"/nguoi-dung/{world.officer}/mo-khoa").status_code == 303
    assert user(app, world.officer).is_active


def test_last_administrator_stays(app: Flask, chief: FlaskClient, world: World) -> None:
    from tracker.accounts.services import EndGrant, SwitchUser, end_grant, switch_user
    from tracker.core.context import SYSTEM_ACTOR, Context, acting
    from tracker.core.errors import ValidationFailed
    from tracker.core.work import run

    today = date(2026, 6, 16)
    with app.app_context(), acting(Context(SYSTEM_ACTOR, FixedClock(chief_clock()))):
        run(switch_user, SwitchUser(world.other_chief, is_active=False))
        own = db.session.scalar(select(Grant.id).where(Grant.user_id == world.chief))
        assert own
        for service, data in (
            (switch_user, SwitchUser(world.chief, is_active=False)),
            (end_grant, EndGrant(own, today)),
            (end_grant, EndGrant(own, today + timedelta(days=30))),
        ):
            with pytest.raises(ValidationFailed, match="quản trị viên cuối cùng"):
                run(service, data)
        second = make_user(world.root, Role.ADMINISTRATOR)
        run(switch_user, SwitchUser(second, is_active=False))
        with pytest.raises(ValidationFailed):
            run(end_grant, EndGrant(own, today))
        run(switch_user, SwitchUser(second, is_active=True))
        run(end_grant, EndGrant(own, today))
    assert user(app, world.chief).is_active
    assert post(chief, f"/nguoi-dung/{world.chief}/khoa").status_code in {403, 422}


def chief_clock() -> object:
    from tests.support.apps import PRESENT

    return PRESENT


def test_end_grant_keeps_the_days_that_passed(app: Flask, chief: FlaskClient, world: World) -> None:
    with app.app_context():
        lasting = db.session.scalar(select(Grant.id).where(Grant.user_id == world.officer))
        future = grant(world.officer, Role.HEAD, world.commune, date(2026, 7, 1))
    assert post(chief, f"/quyen/{lasting}/ket-thuc", {"last_day": ""}).status_code == 303
    assert post(chief, f"/quyen/{future}/ket-thuc").status_code == 303
    assert grants(app, world.officer) == [
        (Role.OFFICER, world.commune, date(2025, 6, 16), date(2026, 6, 15))
    ]
    assert post(chief, f"/quyen/{lasting}/ket-thuc", {"last_day": "31/02/2026"}).status_code == 400
    assert post(chief, "/quyen/999999/ket-thuc").status_code == 404


def test_add_grant_twice_is_told(app: Flask, chief: FlaskClient, world: World) -> None:
    form = {"role": "head", "unit_id": str(world.commune), "valid_from": "16/06/2026"}
    url = f"/nguoi-dung/{world.officer}/cap-quyen"
    assert post(chief, url, form).status_code == 303
    assert post(chief, url, form).status_code == 409
    backwards = {**form, "role": "leader", "valid_to": "01/01/2026"}
    assert post(chief, url, backwards).status_code == 422
    assert len(grants(app, world.officer)) == 2


# -- one-time links ----------------------------------------------------------------------------


def test_reset_link_works_once_ends_sessions_and_is_kept_as_a_hash(
    app: Flask, chief: FlaskClient, world: World
) -> None:
    """Reset tokens in clear text were CVE-2026-62376."""
    victim, guest = app.test_client(), app.test_client()
    with app.app_context():
        sign_in(victim, world.officer)
    page = post(chief, f"/nguoi-dung/{world.officer}/lien-ket")
    assert page.status_code == 200
    url = link_in(page.text)
    assert url not in chief.get(f"/nguoi-dung/{world.officer}").text
    with app.app_context():
        assert (
            url.rpartition("/")[2] not in db.session.scalars(select(PasswordLink.token_hash)).all()
        )
        assert not any(
            url.rpartition("/")[2] in fields for fields in db.session.scalars(select(Change.fields))
        )
    for _look in range(2):
        shown = guest.get(url)
        assert shown.status_code == 200
        assert shown.headers["Referrer-Policy"] == "no-referrer"
        assert shown.headers["Cache-Control"] == "no-store"
    bad = post(guest, url, {"password": "ngắn", "again": "ngắn"})
    assert bad.status_code == 422
    form = {"password": NEW_PASSWORD, "again": NEW_PASSWORD}
    assert post(guest, url, form).status_code == 303
    assert guest.get("/tai-khoan").status_code == 200
    assert victim.get("/tai-khoan").status_code == 302
    assert post(app.test_client(), url, form).status_code == 404
    fresh = app.test_client()
    assert (
        post(fresh, "/dang-nhap", {"username": "nguyen.an", "password": PASSWORD}).status_code
        == 422
    )
    assert (
        post(fresh, "/dang-nhap", {"username": "nguyen.an", "password": NEW_PASSWORD}).status_code
        == 303
    )


def test_reset_link_dies_after_two_days_and_when_a_newer_one_is_made(
    app: Flask, chief: FlaskClient, world: World, clock: FixedClock
) -> None:
    first = link_in(post(chief, f"/nguoi-dung/{world.officer}/lien-ket").text)
    second = link_in(post(chief, f"/nguoi-dung/{world.officer}/lien-ket").text)
    guest = app.test_client()
    assert guest.get(first).status_code == 404
    assert guest.get(second).status_code == 200
    clock.advance(hours=48)
    assert guest.get(second).status_code == 404


def test_reset_link_guessing_is_throttled(
    app: Flask, client: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tracker.accounts import throttle

    monkeypatch.setattr(throttle, "FREE_BY_ADDRESS", 3)
    answers = [client.get(f"/dat-mat-khau/doan{number}").status_code for number in range(5)]
    assert answers == [404, 404, 404, 429, 429]


def test_set_up_link_makes_the_first_administrator_once(
    app: Flask, client: FlaskClient, clock: FixedClock
) -> None:
    from tracker.accounts.addresses import setup_link
    from tracker.core.context import SYSTEM_ACTOR, Context, acting
    from tracker.core.errors import Conflict

    with app.app_context(), acting(Context(SYSTEM_ACTOR, clock)):
        dead = setup_link("http://127.0.0.1:8000/")
        address = setup_link("http://127.0.0.1:8000")
    url = address.removeprefix("http://127.0.0.1:8000")
    assert client.get(dead.removeprefix("http://127.0.0.1:8000")).status_code == 404
    assert "Quản trị viên đầu tiên" in client.get(url).text
    form = {
        "unit_name": "UBND xã Vĩnh Phước",
        "unit_kind": "commune",
        "name": "Trần Thị Bình",
        "username": "quantri1",
        "password": "quantri1 quantri1",
        "again": "quantri1 quantri1",
    }
    told = post(client, url, form)
    assert told.status_code == 422
    assert "UBND xã Vĩnh Phước" in told.text
    form |= {"password": NEW_PASSWORD, "again": NEW_PASSWORD}
    assert post(client, url, form).status_code == 303
    assert "UBND xã Vĩnh Phước" in client.get("/nguoi-dung").text
    assert app.test_client().get(url).status_code == 404
    with app.app_context(), acting(Context(SYSTEM_ACTOR, clock)), pytest.raises(Conflict):
        setup_link("http://127.0.0.1:8000")


# -- one's own account -------------------------------------------------------------------------


def test_change_password_asks_for_the_current_one_and_ends_other_devices(
    app: Flask, client: FlaskClient, world: World
) -> None:
    phone = app.test_client()
    with app.app_context():
        sign_in(client, world.officer)
        sign_in(phone, world.officer)
    form = {"current": "sai rồi", "password": NEW_PASSWORD, "again": NEW_PASSWORD}
    wrong = post(client, "/tai-khoan/mat-khau", form)
    assert wrong.status_code == 422
    assert "Mật khẩu hiện tại không đúng." in wrong.text
    assert NEW_PASSWORD not in wrong.text
    form["current"] = PASSWORD
    assert post(client, "/tai-khoan/mat-khau", {**form, "again": "khác"}).status_code == 422
    assert post(client, "/tai-khoan/mat-khau", form).status_code == 303
    assert client.get("/tai-khoan").status_code == 200
    assert phone.get("/tai-khoan").status_code == 302


def test_change_password_guessing_the_current_one_is_throttled(
    app: Flask, client: FlaskClient, world: World
) -> None:
    with app.app_context():
        sign_in(client, world.officer)
    form = {"current": "sai", "password": NEW_PASSWORD, "again": NEW_PASSWORD}
    answers = [post(client, "/tai-khoan/mat-khau", form).status_code for _try in range(6)]
    assert answers == [422] * 5 + [429]


def test_preferences_are_kept_with_the_account_or_in_a_cookie(
    app: Flask, client: FlaskClient, world: World
) -> None:
    response = post(client, "/tuy-chon", {"locale": "en", "theme": "dark", "next": "/dang-nhap"})
    assert response.location == "/dang-nhap"
    assert 'lang="en" data-theme="dark"' in client.get("/dang-nhap").text
    with app.app_context():
        sign_in(client, world.officer)
    assert 'lang="vi"' in client.get("/tai-khoan").text
    post(client, "/tuy-chon", {"locale": "en"})
    assert user(app, world.officer).locale == "en"
    assert post(client, "/tuy-chon", {"theme": "neon"}).status_code == 400


def test_dangerous_acts_ask_for_the_password_again_and_lose_nothing(
    app: Flask, chief: FlaskClient, world: World, clock: FixedClock
) -> None:
    with app.app_context():
        give_password(world.chief, PASSWORD)
        sign_in(chief, world.chief)
    clock.advance(minutes=10)
    url = f"/nguoi-dung/{world.officer}/cap-quyen"
    assert chief.get(url).location == f"/xac-nhan?next={url}"
    form = {"role": "head", "unit_id": str(world.commune), "valid_from": "16/06/2026"}
    asked = post(chief, url, form)
    assert asked.status_code == 403
    assert 'name="valid_from" value="16/06/2026"' in asked.text
    wrong = post(chief, url, {**form, "confirm_password": "sai"})
    assert wrong.status_code == 422
    assert len(grants(app, world.officer)) == 1
    assert post(chief, url, {**form, "confirm_password": PASSWORD}).status_code == 303
    assert len(grants(app, world.officer)) == 2
    assert chief.get(url).status_code == 200
    clock.advance(minutes=10)
    assert post(chief, f"/xac-nhan?next={url}", {"confirm_password": PASSWORD}).location == url
    assert chief.get(url).status_code == 200


# -- deputies ----------------------------------------------------------------------------------


def test_deputy_holds_the_others_rights_on_those_days_only(
    app: Flask, client: FlaskClient, world: World, clock: FixedClock
) -> None:
    deputy = app.test_client()
    with app.app_context():
        sign_in(client, world.chief)
    form = {
        "deputy_id": str(world.officer),
        "valid_from": "17/06/2026",
        "valid_to": "18/06/2026",
        "reason": "Đi công tác",
    }
    assert post(client, "/tai-khoan/nguoi-thay", form).status_code == 303
    seen = []
    for _day in range(4):
        with app.app_context():
            sign_in(deputy, world.officer)
        seen.append(deputy.get("/nguoi-dung").status_code)
        clock.advance(days=1)
    assert seen == [403, 200, 200, 403]


def test_deputy_ended_early_is_out_at_once(app: Flask, client: FlaskClient, world: World) -> None:
    deputy = app.test_client()
    with app.app_context():
        sign_in(client, world.chief)
        sign_in(deputy, world.officer)
    form = {"deputy_id": str(world.officer), "valid_from": "16/06/2026", "valid_to": "30/06/2026"}
    post(client, "/tai-khoan/nguoi-thay", form)
    assert deputy.get("/nguoi-dung").status_code == 200
    with app.app_context():
        entry = db.session.scalar(select(Deputy.id))
    assert post(client, f"/nguoi-thay/{entry}/ket-thuc").status_code == 303
    assert deputy.get("/nguoi-dung").status_code == 403


def test_deputies_form_no_chains(app: Flask, client: FlaskClient, world: World) -> None:
    second, third = app.test_client(), app.test_client()
    with app.app_context():
        more = [make_user(world.commune, Role.OFFICER) for _one in range(2)]
        sign_in(client, world.chief)
        sign_in(second, world.officer)
        sign_in(third, more[0])
    days = {"valid_from": "20/06/2026", "valid_to": "25/06/2026"}
    url = "/tai-khoan/nguoi-thay"
    assert post(client, url, {**days, "deputy_id": str(world.officer)}).status_code == 303
    passed_on = post(second, url, {**days, "deputy_id": str(more[0])})
    assert passed_on.status_code == 422
    assert "không thể nhờ tiếp" in passed_on.text
    twice = post(client, url, {**days, "deputy_id": str(more[0])})
    assert "đã có người thay" in twice.text
    later = {"valid_from": "26/06/2026", "valid_to": "27/06/2026"}
    assert post(second, url, {**later, "deputy_id": str(more[0])}).status_code == 303
    absent = post(third, url, {**later, "deputy_id": str(world.officer)})
    assert absent.status_code == 422


@pytest.mark.parametrize(
    "change",
    [
        {"valid_from": "15/06/2026"},
        {"valid_to": "16/06/2026"},
        {"valid_to": "20/06/2028"},
        {"valid_from": "hôm nào đó"},
        {"deputy_id": ""},
        {"deputy_id": "999999"},
    ],
)
def test_deputy_bad_input_is_told(
    app: Flask, client: FlaskClient, world: World, change: dict[str, str]
) -> None:
    with app.app_context():
        sign_in(client, world.chief)
    form = {"deputy_id": str(world.officer), "valid_from": "17/06/2026", "valid_to": "18/06/2026"}
    assert post(client, "/tai-khoan/nguoi-thay", {**form, **change}).status_code == 422


def test_deputy_from_another_agency_is_refused(
    app: Flask, client: FlaskClient, world: World
) -> None:
    with app.app_context():
        sign_in(client, world.chief)
    form = {
        "deputy_id": str(world.other_officer),
        "valid_from": "17/06/2026",
        "valid_to": "18/06/2026",
    }
    assert post(client, "/tai-khoan/nguoi-thay", form).status_code == 422
    with app.app_context():
        assert db.session.scalar(select(Deputy.id)) is None


def test_sessions_of_closed_accounts_are_ended_in_the_table(
    app: Flask, chief: FlaskClient, world: World
) -> None:
    with app.app_context():
        sign_in(app.test_client(), world.officer)
    assert post(chief, f"/nguoi-dung/{world.officer}/dang-xuat").status_code == 303
    with app.app_context():
        ended = db.session.scalars(
            select(LoginSession.ended_at).where(LoginSession.user_id == world.officer)
        ).all()
    assert len(ended) == 1
    assert ended[0] is not None

"""Signing in and out: sessions, time-outs, throttling, redirects."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from tests.factories.accounts import give_password, grant, post, sign_in
from tests.integration.accounts.conftest import PASSWORD, World
from tests.support.statements import statements_sent
from tracker.accounts import authentication, passwords
from tracker.accounts.models import LoginFailure, LoginSession, User
from tracker.accounts.tokens import hash_token
from tracker.core.clock import FixedClock
from tracker.core.db import db
from tracker.core.rights import Role


def log_in(client: FlaskClient, name: str, password: str, query: str = "") -> TestResponse:
    return post(client, f"/dang-nhap{query}", {"username": name, "password": password})


def is_signed_in(client: FlaskClient) -> bool:
    return client.get("/tai-khoan").status_code == 200


def cookie_token(client: FlaskClient) -> str | None:
    with client.session_transaction() as cookie:
        return cookie.get("_user_id")


def test_login_right_password_opens_a_session_kept_as_a_hash(
    app: Flask, client: FlaskClient, world: World
) -> None:
    response = log_in(client, "  NGUYEN.An ", PASSWORD)
    assert (response.status_code, response.location) == (303, "/")
    assert is_signed_in(client)
    token = cookie_token(client)
    assert token
    with app.app_context():
        kept = db.session.scalars(select(LoginSession.token_hash)).all()
    assert kept == [hash_token(token)]
    assert token not in kept


def test_login_cookie_is_out_of_reach_of_scripts_and_other_sites(
    client: FlaskClient, world: World
) -> None:
    cookie = log_in(client, "nguyen.an", PASSWORD).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


@pytest.mark.parametrize("name", ["nguyen.an", "khong.co.ai", "dong.cua", "chua.dat"])
def test_login_failures_cannot_be_told_apart(
    app: Flask, client: FlaskClient, world: World, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown, closed, without password, wrong: one answer, one hash each (CVE-2026-22604)."""
    from tests.factories.accounts import make_user
    from tracker.accounts.services import SwitchUser, switch_user
    from tracker.core.context import SYSTEM_ACTOR, Context, acting
    from tracker.core.work import run

    with app.app_context():
        closed = make_user(world.commune, username="dong.cua")
        give_password(closed, PASSWORD)
        make_user(world.commune, username="chua.dat")
        with acting(Context(SYSTEM_ACTOR)):
            run(switch_user, SwitchUser(closed, is_active=False))
    hashed: list[str] = []
    verify = passwords.verify

    def counting(password_hash: str, password: str) -> bool:
        hashed.append(password)
        return verify(password_hash, password)

    monkeypatch.setattr(authentication.passwords, "verify", counting)
    wrong = "sai mật khẩu rồi" if name == "nguyen.an" else PASSWORD
    response = log_in(client, name, wrong)
    assert response.status_code == 422
    assert "Tên đăng nhập hoặc mật khẩu không đúng." in response.text
    assert hashed == [wrong]
    plain = re.sub(r'value="[^"]*"|"X-CSRFToken": "[^"]*"|request-id[^<]*', "", response.text)
    reference = log_in(client.application.test_client(), "ai.do.khac", "sai mật khẩu rồi").text
    assert plain == re.sub(r'value="[^"]*"|"X-CSRFToken": "[^"]*"|request-id[^<]*', "", reference)
    assert PASSWORD not in response.text


def test_login_token_planted_before_does_not_survive(
    app: Flask, client: FlaskClient, world: World
) -> None:
    """Session fixation (ASVS 5.0, 7.2.4): a new token at each sign-in, the old one is dead."""
    with app.app_context():
        planted = sign_in(client, world.officer)
    thief = app.test_client()
    with thief.session_transaction() as cookie:
        cookie["_user_id"] = planted
    assert is_signed_in(thief)
    log_in(client, "nguyen.an", PASSWORD)
    assert cookie_token(client) != planted
    assert is_signed_in(client)
    assert not is_signed_in(thief)


def test_login_made_up_token_opens_nothing(client: FlaskClient, world: World) -> None:
    for token in ("x", "", "1", hash_token("x"), "\udcff"):
        with client.session_transaction() as cookie:
            cookie["_user_id"] = token.encode("utf-8", "replace").decode()
        assert not is_signed_in(client)


def test_session_ends_after_an_idle_hour(
    app: Flask, client: FlaskClient, world: World, clock: FixedClock
) -> None:
    with app.app_context():
        sign_in(client, world.officer)
    for _step in range(3):
        clock.advance(minutes=59)
        assert is_signed_in(client)
    clock.advance(minutes=60)
    assert not is_signed_in(client)


def test_session_ends_after_twelve_hours_however_busy(
    app: Flask, client: FlaskClient, world: World, clock: FixedClock
) -> None:
    with app.app_context():
        sign_in(client, world.officer)
    for _step in range(23):
        clock.advance(minutes=30)
        assert is_signed_in(client)
    clock.advance(minutes=30)
    assert not is_signed_in(client)


def test_session_is_stamped_at_most_once_a_minute(
    app: Flask, client: FlaskClient, world: World, clock: FixedClock
) -> None:
    def last_seen() -> object:
        with app.app_context():
            return db.session.scalar(select(LoginSession.last_seen_at))

    with app.app_context():
        sign_in(client, world.officer)
    start = last_seen()
    clock.advance(seconds=59)
    client.get("/tai-khoan")
    assert last_seen() == start
    clock.advance(seconds=1)
    client.get("/tai-khoan")
    assert last_seen() == clock.now()


def test_logout_ends_the_session_on_the_server(
    app: Flask, client: FlaskClient, world: World
) -> None:
    with app.app_context():
        token = sign_in(client, world.officer)
    assert client.get("/dang-xuat").status_code == 405
    assert post(client, "/dang-xuat").status_code == 303
    assert not is_signed_in(client)
    with client.session_transaction() as cookie:
        cookie["_user_id"] = token
    assert not is_signed_in(client)


def test_logout_everywhere_ends_every_device_at_once(
    app: Flask, client: FlaskClient, world: World
) -> None:
    phone, stranger = app.test_client(), app.test_client()
    with app.app_context():
        sign_in(client, world.officer)
        sign_in(phone, world.officer)
        sign_in(stranger, world.other_officer)
    assert "127.0.0.1" in client.get("/tai-khoan").text
    assert post(client, "/tai-khoan/phien/ket-thuc").status_code == 303
    assert not is_signed_in(client)
    assert not is_signed_in(phone)
    assert is_signed_in(stranger)


def test_end_session_reaches_only_ones_own(app: Flask, client: FlaskClient, world: World) -> None:
    """IDOR: the number of another's session in the address ends nothing."""
    phone, stranger = app.test_client(), app.test_client()
    with app.app_context():
        sign_in(client, world.officer)
        sign_in(phone, world.officer)
        sign_in(stranger, world.other_officer)
        ids = dict(db.session.execute(select(LoginSession.user_id, LoginSession.id)).all())
    post(client, f"/tai-khoan/phien/{ids[world.other_officer]}/ket-thuc")
    assert is_signed_in(stranger)
    post(client, f"/tai-khoan/phien/{ids[world.officer]}/ket-thuc")
    assert not is_signed_in(phone)
    assert is_signed_in(client)


def test_closed_account_is_out_at_once(app: Flask, client: FlaskClient, world: World) -> None:
    chief = app.test_client()
    with app.app_context():
        sign_in(client, world.officer)
        sign_in(chief, world.chief)
    assert post(chief, f"/nguoi-dung/{world.officer}/khoa").status_code == 303
    assert not is_signed_in(client)
    assert log_in(client, "nguyen.an", PASSWORD).status_code == 422


# -- throttling --------------------------------------------------------------------------------


def test_throttle_sixth_try_waits_and_waiting_grows(
    app: Flask, client: FlaskClient, world: World, clock: FixedClock
) -> None:
    for _try in range(5):
        assert log_in(client, "nguyen.an", "sai").status_code == 422
    refused = log_in(client, "nguyen.an", PASSWORD)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "30")
    assert "Hãy chờ 30 giây rồi thử lại." in refused.text
    assert 'value="nguyen.an"' in refused.text
    clock.advance(seconds=30)
    assert log_in(client, "nguyen.an", "sai").status_code == 422
    assert log_in(client, "nguyen.an", PASSWORD).headers["Retry-After"] == "60"
    clock.advance(seconds=60)
    assert log_in(client, "nguyen.an", PASSWORD).status_code == 303


def test_throttle_success_clears_the_names_failures(
    app: Flask, client: FlaskClient, world: World
) -> None:
    for _try in range(4):
        log_in(client, "nguyen.an", "sai")
    assert log_in(client, "nguyen.an", PASSWORD).status_code == 303
    for _try in range(4):
        assert log_in(app.test_client(), "nguyen.an", "sai").status_code == 422


def test_throttle_lock_survives_the_failed_sign_in(
    app: Flask, client: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock must not be rolled back with the failed login (CVE-2026-35597)."""

    def breaks(password_hash: str, password: str) -> bool:
        db.session.rollback()
        raise RuntimeError("the sign-in breaks in the middle")

    monkeypatch.setattr(authentication.passwords, "verify", breaks)
    for _try in range(5):
        with pytest.raises(RuntimeError, match="in the middle"):
            log_in(client, "nguyen.an", "sai")
    assert log_in(client, "nguyen.an", "sai").status_code == 429
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(LoginFailure)) == 5


def test_throttle_unknown_names_are_counted_alike(client: FlaskClient, world: World) -> None:
    for _try in range(5):
        assert log_in(client, "khong.co.ai", "sai").status_code == 422
    assert log_in(client, "khong.co.ai", "sai").status_code == 429


def test_throttle_address_that_tries_many_names_waits(
    app: Flask, client: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tracker.accounts import throttle

    monkeypatch.setattr(throttle, "FREE_BY_ADDRESS", 6)
    for number in range(6):
        assert log_in(client, f"ten{number}", "sai").status_code == 422
    assert log_in(client, "nguyen.an", PASSWORD).status_code == 429
    elsewhere = client.post(
        "/dang-nhap", data={"username": "nguyen.an"}, environ_base={"REMOTE_ADDR": "10.0.0.9"}
    )
    assert elsewhere.status_code == 400


def test_throttle_forgets_after_a_day(
    app: Flask, client: FlaskClient, world: World, clock: FixedClock
) -> None:
    for _try in range(5):
        log_in(client, "nguyen.an", "sai")
    clock.advance(hours=25)
    assert log_in(client, "nguyen.an", PASSWORD).status_code == 303
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(LoginFailure)) == 0


# -- where to go then --------------------------------------------------------------------------

AWAY = [
    "//evil.example",
    "\\\\evil.example",
    "/\\evil.example",
    "javascript:alert(1)",
    "http://evil.example/",
    "https:evil.example",
    "%0d%0aLocation:%20http://evil.example",
    "/ok%0d%0aX-Evil:%201",
    "/%09/evil.example",
    "evil.example",
]


@pytest.mark.parametrize("target", AWAY)
def test_login_never_leads_away(client: FlaskClient, world: World, target: str) -> None:
    """Open redirects (Redmine 19577, 32850; CVE-2024-45399; ASVS 5.0, 3.7.2)."""
    response = log_in(client, "nguyen.an", PASSWORD, f"?next={target}")
    assert response.location == "/"
    assert "X-Evil" not in response.headers
    again = client.get(f"/dang-nhap?next={target}")
    assert again.location == "/"


def test_login_leads_back_to_the_page_that_was_asked_for(client: FlaskClient, world: World) -> None:
    asked = client.get("/tai-khoan/mat-khau")
    assert asked.location == "/dang-nhap?next=/tai-khoan/mat-khau"
    assert (
        log_in(client, "nguyen.an", PASSWORD, "?next=/tai-khoan/mat-khau").location
        == "/tai-khoan/mat-khau"
    )


@pytest.mark.parametrize("target", AWAY)
def test_preferences_never_lead_away(client: FlaskClient, world: World, target: str) -> None:
    from urllib.parse import unquote

    response = post(client, "/tuy-chon", {"theme": "dark", "next": unquote(target)})
    assert response.location == "/"


# -- the demo's buttons ------------------------------------------------------------------------


@pytest.fixture
def demo(app: Flask, world: World) -> None:
    """Make the instance a demo with its people."""
    from tracker.accounts.demo import load
    from tracker.core.context import SYSTEM_ACTOR, Context, acting
    from tracker.core.work import Work, run
    from tracker.settings.models import Setting

    def mark(work: Work, day: str) -> None:
        work.session.add(Setting(key="demo.loaded_on", value=day))

    from tests.support.apps import PRESENT

    with app.app_context(), acting(Context(SYSTEM_ACTOR)):
        run(mark, "2026-06-16")
        load(PRESENT.date())
        load(PRESENT.date())


def test_demo_buttons_sign_in_from_the_same_machine(client: FlaskClient, demo: None) -> None:
    page = client.get("/dang-nhap")
    assert page.text.count("role-button") == 6
    response = post(client, "/dang-nhap/trinh-dien", {"username": "dieuphoi"})
    assert response.status_code == 303
    assert is_signed_in(client)
    assert '<html lang="vi"' in client.get("/tai-khoan").text
    # Whoever reads the sign-in page in English goes on in English.
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en-GB"
    assert post(client, "/dang-xuat").status_code == 303
    assert post(client, "/dang-nhap/trinh-dien", {"username": "dieuphoi"}).status_code == 303
    assert '<html lang="en"' in client.get("/tai-khoan").text


def test_demo_buttons_open_only_the_demos_people(client: FlaskClient, demo: None) -> None:
    assert post(client, "/dang-nhap/trinh-dien", {"username": "binh"}).status_code == 404
    assert post(client, "/dang-nhap/trinh-dien", {}).status_code == 404


@pytest.mark.parametrize(
    ("headers", "peer"),
    [
        ({"Host": "cchc.example"}, "127.0.0.1"),
        ({"Host": "localhost.evil.example"}, "127.0.0.1"),
        ({}, "192.168.1.20"),
        ({}, ""),
        ({"X-Forwarded-For": "127.0.0.1"}, "127.0.0.1"),
        ({"X-Forwarded-Host": "localhost"}, "127.0.0.1"),
        ({"X-Forwarded-Proto": "http"}, "127.0.0.1"),
        ({"Forwarded": "for=127.0.0.1"}, "127.0.0.1"),
        ({"Via": "1.1 proxy"}, "127.0.0.1"),
        ({"X-Real-IP": "127.0.0.1"}, "127.0.0.1"),
    ],
)
def test_demo_buttons_are_absent_for_requests_from_elsewhere(
    client: FlaskClient, demo: None, headers: dict[str, str], peer: str
) -> None:
    from tests.factories.accounts import csrf_token

    base = {"REMOTE_ADDR": peer}
    assert "role-button" not in client.get("/dang-nhap", headers=headers, environ_base=base).text
    response = client.post(
        "/dang-nhap/trinh-dien",
        data={"username": "quantri", "csrf_token": csrf_token(client)},
        headers=headers,
        environ_base=base,
    )
    # A foreign host has its own cookies, so its form fails already for want of a token.
    assert response.status_code in {400, 404}
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    ("host", "peer"),
    [("localhost:8000", "127.0.0.1"), ("[::1]:8000", "::1"), ("127.0.0.1", "::ffff:127.0.0.1")],
)
def test_demo_buttons_are_there_by_every_name_of_this_machine(
    client: FlaskClient, demo: None, host: str, peer: str
) -> None:
    page = client.get("/dang-nhap", headers={"Host": host}, environ_base={"REMOTE_ADDR": peer})
    assert "role-button" in page.text


def test_demo_buttons_are_absent_on_a_real_instance(client: FlaskClient, world: World) -> None:
    assert "role-button" not in client.get("/dang-nhap").text
    assert post(client, "/dang-nhap/trinh-dien", {"username": "quantri"}).status_code == 404


# -- rights of today ---------------------------------------------------------------------------


def test_grant_counts_from_its_first_to_its_last_day(
    app: Flask, client: FlaskClient, world: World, clock: FixedClock
) -> None:
    from datetime import date

    with app.app_context():
        grant(
            world.officer, Role.ADMINISTRATOR, world.commune, date(2026, 6, 18), date(2026, 6, 19)
        )
    seen = []
    for _day in range(5):
        with app.app_context():
            sign_in(client, world.officer)
        seen.append(client.get("/nguoi-dung").status_code)
        clock.advance(days=1)
    assert seen == [403, 403, 200, 200, 403]


def test_signing_in_costs_two_queries(app: Flask, client: FlaskClient, world: World) -> None:
    with app.app_context():
        sign_in(client, world.officer)
        engine = db.engine
    with statements_sent(engine) as statements:
        assert client.get("/xac-nhan").status_code == 200
    assert sum("login_sessions" in one for one in statements) == 1
    assert sum("grants" in one for one in statements) == 1
    with app.app_context():
        assert db.session.scalar(select(User.id).where(User.username == "nguyen.an"))

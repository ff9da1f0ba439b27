"""Webhooks: other systems are told in signed messages, again until they take them, and safely."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.factories.accounts import make_user, post, sign_in
from tests.factories.notices import kinds_of, tell_people
from tests.factories.outbox import work_off
from tests.factories.units import make_unit
from tests.support.receiver import LOOPBACK, Received, Receiver, receiving
from tests.support.smtp import free_port
from tracker.core import outgoing, secrets
from tracker.core.changes import Change
from tracker.core.clock import FixedClock
from tracker.core.db import db
from tracker.core.rights import Role
from tracker.core.work import run
from tracker.notices.channel_models import WebhookEndpoint
from tracker.outbox.models import MessageState, OutboxMessage
from tracker.settings.services import SaveSettings, save_settings

pytestmark = pytest.mark.usefixtures("system")

PAGE = "/thiet-lap/noi-nhan-tin"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]+=*")
SITE = "https://cchc.tinh.gov.vn"


@pytest.fixture
def partner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Another system on the loopback address, which the settings allow."""
    with receiving(tmp_path, monkeypatch) as found:
        allowed = {"notices.outgoing_networks": LOOPBACK, "notices.site_address": SITE}
        run(save_settings, SaveSettings(allowed))
        yield found


@pytest.fixture
def administrator(client: FlaskClient) -> int:
    user = make_user(make_unit("UBND tỉnh", "province"), Role.ADMINISTRATOR, username="quantri")
    sign_in(client, user)
    return user


def form(url: str, *kinds: str, **more: str) -> dict[str, object]:
    values = {"version": "0", "name": "Trung tâm điều hành", "url": url, "is_active": "y"}
    return {**values, "kinds": list(kinds or ("*",)), **more}


def add(client: FlaskClient, url: str, *kinds: str) -> str:
    """Add a system by the page; return its secret, which is shown once."""
    assert post(client, f"{PAGE}/them", form(url, *kinds)).status_code == 303
    found = SECRET.search(client.get(PAGE).text)
    assert found is not None
    assert SECRET.search(client.get(PAGE).text) is None
    return found[0]


def endpoint_id() -> int:
    db.session.rollback()
    return db.session.scalars(select(WebhookEndpoint.id)).one()


def is_signed(got: Received, secret: str) -> bool:
    """Check a message as a library of Standard Webhooks does."""
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return got.headers["webhook-signature"] == expected


def test_system_is_told_in_a_signed_message(
    client: FlaskClient, partner: Receiver, administrator: int, clock: FixedClock
) -> None:
    secret = add(client, f"{partner.url}/hook?x=1", "plans.assigned")
    stored = db.session.connection().exec_driver_sql("SELECT secret FROM webhook_endpoints")
    assert secret not in str(stored.scalar())
    log = db.session.scalars(select(Change.fields).where(Change.table_name == "webhook_endpoints"))
    assert secret not in str(log.all())
    unit = make_unit("Sở Nội vụ", "department")
    people = [make_user(unit, Role.OFFICER, username=name) for name in ("binh", "an.le")]
    tell_people(people, key="1", page=("accounts.profile", {}), task="Rà soát <thủ tục>")
    (got,) = partner.requests
    assert got.path == "/hook?x=1"
    assert is_signed(got, secret)
    assert got.headers["webhook-timestamp"] == str(int(clock.now().timestamp()))
    assert got.headers["content-type"] == "application/json; charset=utf-8"
    told = json.loads(got.body)
    assert told.pop("id") == got.headers["webhook-id"]
    assert told == {
        "kind": "plans.assigned",
        "at": clock.now().isoformat(),
        "title": "Bạn được giao: Rà soát <thủ tục>",
        "link": f"{SITE}/tai-khoan",
        "recipients": ["an.le", "binh"],
    }
    assert "chưa gửi lần nào" not in client.get(PAGE).text
    # Another kind, and the same once more: nothing.
    params = {"by": "B", "message": "m", "reply_by": "2026-06-20"}
    tell_people(people, "plans.urged", key="2", **params)
    tell_people(people, key="1")
    assert len(partner.requests) == 1


def test_message_is_tried_again_under_the_same_identity(
    client: FlaskClient, partner: Receiver, administrator: int, clock: FixedClock
) -> None:
    secret = add(client, partner.url)
    partner.answers = [500, 302, 400]
    with pytest.raises(AssertionError):
        tell_people([administrator], key="1")
    # What comes while it rests waits with the first, so that it holds up nothing else.
    with pytest.raises(AssertionError):
        tell_people([administrator], key="1b")
    assert len(partner.requests) == 1
    page = client.get(PAGE).text
    assert "Hỏng 1 lần liền" in page
    assert "Nơi nhận trả lời mã 500" in page
    for _again in range(3):
        clock.advance(minutes=10)
        work_off()
    assert len(partner.requests) == 5
    assert {one.path for one in partner.requests} == {"/"}
    *same, other_id = [one.headers["webhook-id"] for one in partner.requests]
    assert len(set(same)) == 1
    assert other_id not in same
    assert len({one.headers["webhook-timestamp"] for one in partner.requests}) == 4
    assert all(is_signed(one, secret) for one in partner.requests)
    assert "lần liền" not in client.get(PAGE).text
    # Another secret signs from then on; the old one proves nothing.
    assert post(client, f"{PAGE}/{endpoint_id()}/khoa").status_code == 303
    other = SECRET.search(client.get(PAGE).text)
    assert other is not None
    tell_people([administrator], key="2")
    assert is_signed(partner.requests[-1], other[0])
    assert not is_signed(partner.requests[-1], secret)
    # Nobody there for days: it is given up, and that is seen.
    partner.answers = [500] * 200
    with pytest.raises(AssertionError):
        tell_people([administrator], key="3")
    clock.advance(days=4)
    work_off()
    db.session.rollback()
    query = select(OutboxMessage.state).where(OutboxMessage.topic == "notice.webhook")
    assert db.session.scalars(query.order_by(OutboxMessage.id.desc())).first() is (
        MessageState.GIVEN_UP
    )


def test_system_that_is_switched_off_or_gone_is_told_nothing(
    client: FlaskClient, partner: Receiver, administrator: int, clock: FixedClock
) -> None:
    add(client, partner.url)
    partner.answers = [500, 500]
    with pytest.raises(AssertionError):
        tell_people([administrator], key="1")
    number = endpoint_id()
    off = form(partner.url, version="1")
    del off["is_active"]
    assert post(client, f"{PAGE}/{number}", off).status_code == 303
    assert post(client, f"{PAGE}/{number}", off).status_code == 409
    tell_people([administrator], key="2")
    # Not even what waited.
    clock.advance(minutes=10)
    assert work_off() == (1, 0)
    assert len(partner.requests) == 1
    # Tried by hand it answers all the same; then it is wanted again.
    assert "HTTP" not in post(client, f"{PAGE}/{number}/thu").location
    assert "Nơi nhận trả lời mã 500" in client.get(PAGE).text
    post(client, f"{PAGE}/{number}/thu")
    assert "Nơi nhận đã nhận tin thử" in client.get(PAGE).text
    told = json.loads(partner.requests[-1].body)
    assert (told["kind"], told["recipients"]) == ("webhook.test", ["quantri"])
    assert post(client, f"{PAGE}/{number}", form(partner.url, version="2")).status_code == 303
    partner.answers = [500]
    with pytest.raises(AssertionError):
        tell_people([administrator], key="3")
    assert post(client, f"{PAGE}/{number}/xoa").status_code == 303
    clock.advance(minutes=10)
    assert work_off() == (1, 0)
    assert len(partner.requests) == 4
    for path in (f"{PAGE}/{number}", f"{PAGE}/{number}/thu"):
        assert post(client, path, form(partner.url)).status_code == 404


def test_system_that_wants_no_more_is_switched_off_and_that_is_told(
    client: FlaskClient, partner: Receiver, administrator: int
) -> None:
    assert client.get(PAGE).text.count(f"{PAGE}/them") == 1
    add(client, partner.url)
    partner.answers = [410]
    tell_people([administrator], key="1")
    page = client.get(PAGE).text
    assert "đang tắt" in page
    assert "không nhận tin nữa (mã 410)" in page
    assert "Tin được thử lại" not in page
    assert kinds_of(administrator)[-1] == "webhooks.gone"
    assert "Nơi nhận “Trung tâm điều hành” đã được tắt" in client.get("/thong-bao").text
    tell_people([administrator], key="2")
    assert len(partner.requests) == 1


def test_what_is_wrong_is_said_beside_its_field(client: FlaskClient, administrator: int) -> None:
    for values, words in (
        ({"url": "ftp://example.org/"}, "phải bắt đầu bằng https://"),
        ({"url": "https://a:b@example.org/"}, "Địa chỉ chưa đúng"),
        ({"url": "https://0177.0.0.1/"}, "Tên máy chưa đúng"),
        ({"url": "https://example.org:25/"}, "Cổng phải là"),
        ({"name": " "}, "Hãy điền mục này"),
        ({"kinds": []}, "Chọn ít nhất một loại"),
        ({"kinds": ["no.such"]}, "Chọn ít nhất một loại"),
    ):
        answer = post(client, f"{PAGE}/them", {**form("https://example.org/"), **values})
        assert answer.status_code == 422
        assert words in answer.text
    # What concerns every tree of units is sent elsewhere by nobody who answers for one of them.
    make_unit("UBND tỉnh khác", "province")
    assert post(client, f"{PAGE}/them", form("https://example.org/")).status_code == 403
    assert db.session.scalars(select(WebhookEndpoint.id)).all() == []


def test_only_allowed_networks_are_reached(
    client: FlaskClient,
    administrator: int,
    tmp_path: Path,
    instance: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def tried() -> str:
        post(client, f"{PAGE}/{endpoint_id()}/thu")
        return client.get(PAGE).text

    def allow(words: str) -> None:
        run(save_settings, SaveSettings({"notices.outgoing_networks": words}))

    with receiving(tmp_path, monkeypatch, tls=False) as inside:
        add(client, inside.url)
        assert "một mạng chưa được phép" in tried()
        allow("0.0.0.0/0")
        assert "một mạng chưa được phép" in tried()
        allow(f"nhà, {LOOPBACK}")
        page = tried()
        assert "Nơi nhận đã nhận tin thử" in page
        assert "có chỗ không phải là mạng: nhà" in page
        assert len(inside.requests) == 1
        # A name that leads outside at first, and inside when it is asked again.
        answers = [["93.184.216.34"], ["127.0.0.1"]]
        with monkeypatch.context() as patch:
            patch.setattr(outgoing, "resolve", lambda _host, _port: answers.pop(0))
            assert "phải bắt đầu bằng https" in tried()
        assert len(inside.requests) == 1
    post(client, f"{PAGE}/{endpoint_id()}", form(f"http://127.0.0.1:{free_port()}/", version="1"))
    assert "Không nối được" in tried()
    secrets.write_keys(instance, Fernet.generate_key().decode())
    assert "Hãy tạo khóa ký mới" in tried()
    post(client, f"{PAGE}/{endpoint_id()}/khoa")
    assert "Không nối được" in tried()

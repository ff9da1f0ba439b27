"""Web Push: a browser is switched on, its push service gets what only it can read, and goes."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.factories.accounts import make_user, post, sign_in
from tests.factories.notices import notices_of, tell_people
from tests.factories.outbox import work_off
from tests.factories.units import make_unit
from tests.support.receiver import LOOPBACK, BrowserKeys, Receiver, claims_of, receiving
from tracker.accounts import services as accounts
from tracker.core import outgoing, secrets
from tracker.core.clock import FixedClock
from tracker.core.db import db
from tracker.core.rights import Role
from tracker.core.work import run
from tracker.notices.channel_models import PushSubscription
from tracker.notices.services import MarkRead, mark_read
from tracker.outbox.models import MessageState, OutboxMessage
from tracker.settings.services import SaveSettings, save_settings

pytestmark = pytest.mark.usefixtures("system")

PAGE = "/thong-bao/tuy-chon"
ADD, KEY = "/thong-bao/trinh-duyet", "/thong-bao/trinh-duyet/khoa"
SITE = "https://cchc.tinh.gov.vn"


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A push service on the loopback address, which the settings allow."""
    with receiving(tmp_path, monkeypatch) as found:
        allowed = {"notices.outgoing_networks": LOOPBACK, "notices.site_address": SITE}
        run(save_settings, SaveSettings(allowed))
        yield found


@pytest.fixture
def head(client: FlaskClient) -> int:
    user = make_user(make_unit("Sở Nội vụ", "department"), Role.HEAD, name="Lê Minh Đức")
    sign_in(client, user)
    return user


@dataclass
class Browser:
    """A browser that a person has switched on."""

    endpoint: str
    keys: BrowserKeys = field(default_factory=BrowserKeys)

    def switch_on(self, client: FlaskClient) -> int:
        """Do what the page's script does; return the status."""
        return post(client, ADD, self.keys.form(self.endpoint)).status_code


def kept() -> list[tuple[int, str]]:
    """Return (person, end of the address) of the browsers that are switched on."""
    db.session.rollback()
    rows = db.session.execute(
        select(PushSubscription.user_id, PushSubscription.endpoint).order_by(PushSubscription.id)
    )
    return [(row.user_id, row.endpoint.rpartition("/")[2]) for row in rows]


def states() -> list[MessageState]:
    """Return how messages to browsers stand, oldest first."""
    db.session.rollback()
    query = select(OutboxMessage.state).where(OutboxMessage.topic == "notice.push")
    return list(db.session.scalars(query.order_by(OutboxMessage.id)))


def urge(person: int, key: str) -> None:
    values = {"by": "Nguyễn Thị Bình", "message": "Mật", "reply_by": "2026-06-20"}
    tell_people([person], "plans.urged", key=key, task="Rà soát thủ tục", **values)


def test_notice_reaches_a_browser_that_alone_can_read_it(
    client: FlaskClient, service: Receiver, head: int, clock: FixedClock
) -> None:
    assert "Bạn chưa bật thông báo trên trình duyệt nào" in client.get(PAGE).text
    public = post(client, KEY).json
    assert public == post(client, KEY).json
    stored = db.session.connection().exec_driver_sql("SELECT private_key FROM push_keys").scalar()
    assert "PRIVATE KEY" not in str(stored)
    db.session.rollback()
    browser = Browser(f"{service.url}/push/1")
    assert browser.switch_on(client) == 200
    assert browser.switch_on(client) == 200
    page = client.get(PAGE).text
    assert 'name="plans.urged@push" value="1" checked' in page
    assert page.count("data-push-endpoint=") == 1

    urge(head, "1")
    (notice,) = notices_of(head)
    (got,) = service.requests
    assert got.path == "/push/1"
    told = json.loads(browser.keys.decrypt(got.body))
    # Nothing beyond the title and where it leads: what is told stays in the app.
    assert told == {
        "title": "Nguyễn Thị Bình đôn đốc: Rà soát thủ tục",
        "link": f"thong-bao/{notice.id}",
        "tag": f"notice-{notice.id}",
        "lang": "vi",
    }
    assert claims_of(got.headers["authorization"], public["key"]) == {
        "aud": service.url,
        "exp": int(clock.now().timestamp()) + 12 * 3600,
        "sub": SITE,
    }
    assert got.headers["content-encoding"] == "aes128gcm"
    assert (got.headers["ttl"], got.headers["urgency"]) == ("86400", "high")
    assert got.headers["topic"] == f"n{notice.id}"
    assert "gửi được lúc" in client.get(PAGE).text
    assert work_off() == (0, 0)
    assert client.get(f"/{told['link']}").status_code == 303
    # What is not urgent comes only to who wants it there.
    tell_people([head], key="2")
    assert len(service.requests) == 1


def test_push_service_that_fails_is_asked_again_and_one_that_is_done_is_not(
    client: FlaskClient, service: Receiver, head: int, clock: FixedClock
) -> None:
    post(client, KEY)
    for name in ("a", "b"):
        Browser(f"{service.url}/{name}").switch_on(client)
    service.answers = [503, 201]
    with pytest.raises(AssertionError):
        urge(head, "1")
    # What one browser took is not sent to it again because another did not.
    for answer in (429, 302):
        service.answers = [answer]
        clock.advance(minutes=10)
        assert work_off() == (0, 1)
    clock.advance(minutes=10)
    assert work_off() == (1, 0)
    paths = [one.path for one in service.requests]
    assert sorted(paths) == [*["/a"] * 4, "/b"] or sorted(paths) == ["/a", *["/b"] * 4]
    assert states() == [MessageState.DONE] * 2

    # Gone for good: that browser is forgotten, the other one stays.
    service.answers = [410, 201]
    urge(head, "2")
    assert len(kept()) == 1
    # Refused for good: nothing is tried again, and the browser is kept.
    service.answers = [403]
    with pytest.raises(AssertionError):
        urge(head, "3")
    assert states()[-1] is MessageState.GIVEN_UP
    assert len(kept()) == 1
    # Read in the app before it got through: no longer told.
    service.answers = [500]
    with pytest.raises(AssertionError):
        urge(head, "4")
    run(mark_read, MarkRead(head))
    count = len(service.requests)
    clock.advance(minutes=10)
    assert work_off() == (1, 0)
    assert len(service.requests) == count


def test_addresses_of_browsers_are_hostile_input(
    client: FlaskClient, head: int, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(client, KEY)
    keys = BrowserKeys().form("https://push.example.org/x")
    for wrong in (
        {"endpoint": "http://push.example.org/x"},
        {"endpoint": "https://user@push.example.org/x"},
        {"endpoint": "https://2130706433/x"},
        {"endpoint": "https://push.example.org:22/x"},
        {"endpoint": ""},
        {"p256dh": "x"},
        {"auth": "AAAA"},
    ):
        assert post(client, ADD, {**keys, **wrong}).status_code == 422
    assert kept() == []
    # Where a name leads is asked when something leaves, and the first answer counts.
    asked: list[str] = []

    def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["93.184.216.34", "127.0.0.1"]

    monkeypatch.setattr(outgoing, "resolve", resolve)
    assert post(client, ADD, keys).status_code == 200
    with pytest.raises(AssertionError):
        urge(head, "1")
    assert asked == ["push.example.org"]
    assert states() == [MessageState.GIVEN_UP]

    # Without a way to it a push service rests, whatever waits for it, and is then asked again.
    def nowhere(host: str, _port: int) -> list[str]:
        asked.append(host)
        raise socket.gaierror("no way out")

    monkeypatch.setattr(outgoing, "resolve", nowhere)
    for key in ("2", "3"):
        with pytest.raises(AssertionError):
            urge(head, key)
    assert len(asked) == 2
    clock.advance(minutes=1)
    assert work_off() == (0, 2)
    assert len(asked) == 3
    clock.advance(days=1)
    work_off()
    work_off()
    assert states() == [MessageState.GIVEN_UP] * 3


def test_browsers_belong_to_their_person(client: FlaskClient, service: Receiver, head: int) -> None:
    post(client, KEY)
    shared = Browser(f"{service.url}/shared")
    for browser in (shared, *(Browser(f"{service.url}/{number}") for number in range(9))):
        assert browser.switch_on(client) == 200
    one_more = post(client, ADD, BrowserKeys().form(f"{service.url}/more"))
    assert one_more.status_code == 422
    assert "nhiều nhất 10" in one_more.json["message"]
    ids = db.session.scalars(select(PushSubscription.id).order_by(PushSubscription.id)).all()

    officer = make_user(make_unit("Sở Tài chính", "department"), Role.OFFICER)
    sign_in(client, officer)
    assert post(client, f"{ADD}/{ids[1]}/bo").status_code == 404
    # The same browser, another person: it tells the first one's notices no more.
    assert shared.switch_on(client) == 200
    assert kept()[0] == (officer, "shared")
    urge(officer, "1")
    assert [one.path for one in service.requests] == ["/shared"]
    assert post(client, f"{ADD}/{ids[0]}/bo").status_code == 303
    assert {person for person, _end in kept()} == {head}

    # A closed account, or leaving everywhere: nothing is told in any browser.
    shared.switch_on(client)
    run(accounts.switch_user, accounts.SwitchUser(officer, is_active=False))
    assert {person for person, _end in kept()} == {head}
    sign_in(client, head)
    assert post(client, "/tai-khoan/phien/ket-thuc").status_code in {302, 303}
    assert kept() == []


def test_instance_without_its_old_key_begins_anew(
    client: FlaskClient, service: Receiver, head: int, instance: Path
) -> None:
    """A backup holds no field key: what it encrypted is lost with it."""
    old = post(client, KEY).json
    browser = Browser(f"{service.url}/1")
    browser.switch_on(client)
    secrets.write_keys(instance, Fernet.generate_key().decode())
    assert client.get(PAGE).status_code == 200
    assert post(client, KEY).json != old
    assert kept() == []
    browser.switch_on(client)
    urge(head, "1")
    assert json.loads(browser.keys.decrypt(service.requests[0].body))["lang"] == "vi"


def test_worker_is_sent_from_the_root_to_anybody(client: FlaskClient) -> None:
    answer = client.get("/thong-bao-day.js")
    assert answer.status_code == 200
    assert answer.content_type == "text/javascript; charset=utf-8"
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "showNotification" in answer.text

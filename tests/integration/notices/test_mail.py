"""E-mail through a real server: what is urgent at once, the rest once a day, none lost."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.factories.accounts import make_user, post, sign_in
from tests.factories.notices import notices_of, tell_people
from tests.factories.outbox import work_off
from tests.factories.units import make_unit
from tests.support.smtp import PASSWORD, USER, Inbox, free_port, smtp_server
from tracker.accounts.models import User
from tracker.core.changes import Change
from tracker.core.clock import LOCAL, FixedClock
from tracker.core.db import db, writing
from tracker.core.rights import Role
from tracker.core.work import Work, run
from tracker.notices import mail, services
from tracker.notices.hours import Hours
from tracker.notices.mail_services import SaveMailServer, save_mail_server
from tracker.notices.models import MailServer, NoticeDelivery
from tracker.notices.services import MarkRead, mark_read
from tracker.outbox.models import MessageState, OutboxMessage
from tracker.plugins.descriptors import Channel, Outgoing
from tracker.plugins.host import host_of
from tracker.settings.services import SaveSettings, save_settings

pytestmark = pytest.mark.usefixtures("system")

ADDRESS = "duc@sonoivu.gov.vn"
SITE = "https://cchc.tinh.gov.vn"


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    with smtp_server(tmp_path) as found:
        trust(found, monkeypatch)
        set_up(found.port)
        yield found


def trust(found: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def context() -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(found.certificate))

    monkeypatch.setattr(mail, "tls_context", context)


def set_up(
    port: int, security: str = "starttls", password: str = PASSWORD, username: str = USER
) -> None:
    row = db.session.get(MailServer, 1)
    version = row.version if row else 0
    run(
        save_mail_server,
        SaveMailServer(
            version=version,
            host="localhost",
            port=port,
            security=security,
            username=username,
            password=password,
            sender=USER,
            sender_name="Sở Nội vụ – CCHC",
            is_active=True,
        ),
    )
    run(save_settings, SaveSettings({"notices.site_address": SITE}))


def give_address(user: int, address: str = ADDRESS, locale: str = "vi") -> None:
    def service(work: Work, _data: None) -> None:
        row = work.session.get_one(User, user)
        row.email, row.locale = address, locale

    run(service, None)


@pytest.fixture
def head() -> int:
    unit = make_unit("Sở Nội vụ", "department")
    user = make_user(unit, Role.HEAD, name="Lê Minh Đức")
    give_address(user)
    return user


def urge(people: list[int], key: str, task: str = "Rà soát thủ tục") -> None:
    tell_people(
        people,
        "plans.urged",
        key=key,
        task=task,
        by="Nguyễn Thị Bình",
        message="Cần báo cáo gấp",
        reply_by="2026-06-20",
    )


def test_urgent_notice_leaves_at_once_in_both_forms(inbox: Inbox, head: int) -> None:
    urge([head], "1", "Rà soát <b>thủ tục</b>")
    (got,) = inbox.messages
    assert got["Subject"] == "Nguyễn Thị Bình đôn đốc: Rà soát <b>thủ tục</b>"
    assert got["From"] == "Sở Nội vụ – CCHC <cchc@tinh.gov.vn>"
    assert got["To"] == f"Lê Minh Đức <{ADDRESS}>"
    assert got["Auto-Submitted"] == "auto-generated"
    plain, page = got.get_body(("plain",)), got.get_body(("html",))
    assert plain is not None
    assert page is not None
    (notice,) = notices_of(head)
    for part in (plain.get_content(), page.get_content()):
        assert f"{SITE}/thong-bao/{notice.id}" in part
        assert "Cần báo cáo gấp" in part
        assert "Trả lời trước 20/06/2026" in part
    assert "Rà soát &lt;b&gt;" in page.get_content()
    assert "Rà soát <b>" in plain.get_content()
    assert work_off() == (0, 0)
    assert len(inbox.messages) == 1


def test_rest_comes_once_a_day_at_the_persons_hour(
    inbox: Inbox, head: int, clock: FixedClock
) -> None:
    for number in range(3):
        tell_people([head], key=str(number), task=f"Việc {number}")
    assert inbox.messages == []
    run(mark_read, MarkRead(head, (notices_of(head)[1].id,)))
    clock.move_to(clock.now().astimezone(LOCAL).replace(hour=6, minute=59) + timedelta(days=1))
    work_off()
    assert inbox.messages == []
    clock.advance(minutes=1)
    work_off()
    (got,) = inbox.messages
    assert got["Subject"] == "2 thông báo ngày 17/06/2026"
    body = got.get_body(("plain",))
    assert body is not None
    assert "Việc 0" in body.get_content()
    # What was read in the app meanwhile is not sent.
    assert "Việc 1" not in body.get_content()
    tell_people([head], key="later", task="Việc sau")
    clock.advance(hours=23)
    work_off()
    assert len(inbox.messages) == 1
    clock.advance(hours=1)
    work_off()
    assert len(inbox.messages) == 2


def test_urgent_notice_waits_for_the_end_of_quiet_time(
    inbox: Inbox, head: int, clock: FixedClock
) -> None:
    clock.move_to(clock.now().astimezone(LOCAL).replace(hour=22))
    urge([head], "1")
    assert inbox.messages == []
    clock.advance(hours=8)
    work_off()
    assert len(inbox.messages) == 1


def test_nothing_is_lost_while_the_mail_server_is_down_for_a_day(
    tmp_path: Path, head: int, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    set_up(port)
    tell_people([head], key="digest")

    def urged(work: Work, _data: None) -> None:
        from tracker.outbox.telling import Tell, tell

        params = {"task": "x", "plan": "", "unit": "", "by": "B", "message": "m"}
        tell(
            work,
            Tell(
                kind="plans.urged",
                key="9",
                page=("web.home", {}),
                params={**params, "reply_by": "2026-06-20"},
                people=[head],
            ),
        )

    run(urged, None)
    for _hour in range(26):
        work_off()
        clock.advance(hours=1)
    assert len(notices_of(head)) == 2
    with smtp_server(tmp_path, port=port) as inbox:
        trust(inbox, monkeypatch)
        clock.advance(hours=1)
        work_off()
        subjects = sorted(str(one["Subject"]) for one in inbox.messages)
        assert subjects == ["1 thông báo ngày 17/06/2026", "B đôn đốc: x"]
        clock.advance(days=1)
        work_off()
        assert len(inbox.messages) == 2


def test_same_message_sent_twice_has_the_same_identity(
    app: Flask, inbox: Inbox, head: int, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies after the server took the message and before that was noted."""
    from tracker.notices import sending

    class Killed(Exception):
        pass

    real = sending.run

    def dies(service: object, data: object) -> object:
        if service is sending.mark_sent:
            raise Killed
        return real(service, data)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(sending, "run", dies)
        with pytest.raises(AssertionError):
            urge([head], "1")
    clock.advance(seconds=31)
    work_off()
    first, second = inbox.messages
    assert first["Message-ID"] == second["Message-ID"]
    assert str(first["Message-ID"]).endswith("@tinh.gov.vn>")
    assert work_off() == (0, 0)


def test_person_without_an_address_is_told_in_the_app_only(inbox: Inbox, head: int) -> None:
    give_address(head, "")
    urge([head], "1")
    assert inbox.messages == []
    assert len(notices_of(head)) == 1
    assert db.session.scalars(select(NoticeDelivery)).all() == []


def test_address_that_the_server_refuses_for_good_is_given_up(
    inbox: Inbox, head: int, clock: FixedClock
) -> None:
    other = make_user(db.session.get_one(User, head).unit_id or 0, Role.OFFICER)
    give_address(other, "hoa@sonoivu.gov.vn")
    inbox.refuse = {ADDRESS: "550 No such user", "hoa@sonoivu.gov.vn": "451 Try again"}
    with pytest.raises(AssertionError):
        urge([head, other], "1")
    db.session.rollback()
    states = set(
        db.session.scalars(select(OutboxMessage.state).where(OutboxMessage.topic == "notice.send"))
    )
    assert states == {MessageState.GIVEN_UP, MessageState.PENDING}
    inbox.refuse = {}
    clock.advance(minutes=1)
    assert work_off() == (1, 0)
    assert ["hoa@" in str(one["To"]) for one in inbox.messages] == [True]


def test_words_and_dates_follow_the_readers_language(inbox: Inbox, head: int) -> None:
    give_address(head, locale="en")
    urge([head], "1")
    page = inbox.messages[0].get_body(("html",))
    assert page is not None
    assert '<html lang="en">' in page.get_content()


def test_tls_from_the_first_byte_works_too(
    tmp_path: Path, head: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with smtp_server(tmp_path, implicit=True) as inbox:
        trust(inbox, monkeypatch)
        set_up(inbox.port, "tls", username="")
        urge([head], "1")
        assert len(inbox.messages) == 1


# -- choices -------------------------------------------------------------------------------------


def test_choices_hold_for_each_kind_and_hour(
    client: FlaskClient, inbox: Inbox, head: int, clock: FixedClock
) -> None:
    sign_in(client, head)
    page = client.get("/thong-bao/tuy-chon").text
    assert 'name="plans.urged@email" value="1" checked' in page
    hours = {"digest_hour": "14", "quiet_from": "0", "quiet_to": "0"}
    wanted = {"*@email": "1", "plans.assigned@email": "1"}
    answer = post(client, "/thong-bao/tuy-chon", {**hours, **wanted})
    assert answer.status_code == 303
    page = client.get("/thong-bao/tuy-chon").text
    assert 'name="plans.urged@email" value="1">' in page
    assert 'name="plans.assigned@email" value="1" checked' in page
    urge([head], "1")
    assert inbox.messages == []
    tell_people([head], key="a", task="Việc được giao")
    clock.move_to(clock.now().astimezone(LOCAL).replace(hour=14, minute=0))
    work_off()
    (got,) = inbox.messages
    assert got["Subject"] == "1 thông báo ngày 16/06/2026"
    # Without '*' nothing leaves by e-mail.
    sign_in(client, head)
    post(client, "/thong-bao/tuy-chon", {**hours, "plans.assigned@email": "1"})
    tell_people([head], key="b")
    clock.advance(days=1)
    work_off()
    assert len(inbox.messages) == 1
    assert len(notices_of(head)) == 3


def test_hours_that_no_day_has_are_refused(client: FlaskClient, head: int) -> None:
    sign_in(client, head)
    answer = post(
        client, "/thong-bao/tuy-chon", {"digest_hour": "24", "quiet_from": "x", "quiet_to": "6"}
    )
    assert answer.status_code == 422


def test_one_click_leaves_the_list_without_signing_in(
    client: FlaskClient, inbox: Inbox, head: int
) -> None:
    urge([head], "1")
    got = inbox.messages[0]
    assert got["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    address = str(got["List-Unsubscribe"]).strip("<>").removeprefix(SITE)
    asked = client.get(address)
    assert "Bị đôn đốc" in asked.text
    urge([head], "2")
    assert len(inbox.messages) == 2
    # As a mail program does: no cookie, no token of a form.
    done = client.post(address, data={"List-Unsubscribe": "One-Click"})
    assert done.status_code == 200
    urge([head], "3")
    assert len(inbox.messages) == 2
    assert len(notices_of(head)) == 3
    assert client.post(address[:-3] + "xyz").status_code == 404
    assert client.get("/thong-bao/thoi-nhan/x.y").status_code == 404


# -- the server's page ---------------------------------------------------------------------------


@pytest.fixture
def administrator(client: FlaskClient) -> int:
    user = make_user(make_unit("UBND tỉnh", "province"), Role.ADMINISTRATOR, name="Võ Quản Trị")
    sign_in(client, user)
    return user


FORM = {
    "version": "0",
    "host": "localhost",
    "port": "587",
    "security": "starttls",
    "username": USER,
    "password": PASSWORD,
    "sender": USER,
    "sender_name": "CCHC",
    "is_active": "y",
}
PAGE = "/thiet-lap/may-chu-thu"


def test_password_is_encrypted_and_never_shown(client: FlaskClient, administrator: int) -> None:
    assert post(client, PAGE, FORM).status_code == 303
    stored = db.session.connection().exec_driver_sql("SELECT password FROM mail_servers").scalar()
    assert stored
    assert PASSWORD not in str(stored)
    page = client.get(PAGE).text
    assert USER in page
    assert PASSWORD not in page
    db.session.rollback()
    assert PASSWORD not in str(
        db.session.scalars(select(Change.fields).where(Change.table_name == "mail_servers")).all()
    )
    # An empty field keeps it, but not for another host: it would be sent there.
    again = {**FORM, "version": "1", "password": "", "sender_name": "Sở Nội vụ"}
    assert post(client, PAGE, again).status_code == 303
    moved = {**FORM, "version": "2", "password": "", "host": "other.example"}
    answer = post(client, PAGE, moved)
    assert answer.status_code == 422
    assert "Hãy nhập mật khẩu" in answer.text
    assert post(client, PAGE, again).status_code == 409


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("host", "http://x"),
        ("host", "a b"),
        ("port", "0"),
        ("port", "x"),
        ("sender", "không phải"),
        ("sender", "a@b\r\nBcc: x@y"),
        ("security", "ssl3"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    client: FlaskClient, administrator: int, field: str, value: str
) -> None:
    answer = post(client, PAGE, {**FORM, field: value})
    assert answer.status_code == 422
    assert db.session.scalars(select(MailServer)).all() == []


def test_test_message_says_what_stands_in_the_way(
    client: FlaskClient, administrator: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tried() -> str:
        return post(client, f"{PAGE}/thu", {}).location and client.get(PAGE).text

    assert "Chưa có máy chủ thư" in tried()
    with smtp_server(tmp_path) as inbox:
        set_up(inbox.port)
        assert "chưa có thư điện tử" in tried()
        give_address(administrator, "quantri@tinh.gov.vn")
        # The machine does not know who signed the server's certificate.
        assert "Không mã hóa được đường truyền" in tried()
        trust(inbox, monkeypatch)
        assert "Đã gửi thư thử tới quantri@tinh.gov.vn" in tried()
        assert [str(one["Subject"]) for one in inbox.messages] == [
            "Thư thử từ hệ thống theo dõi CCHC"
        ]
        set_up(inbox.port, password="sai")
        assert "không nhận tên đăng nhập hoặc mật khẩu" in tried()
    set_up(free_port())
    assert "Không nối được tới máy chủ" in tried()


def test_channel_of_a_plugin_is_asked_outside_of_any_transaction(
    app: Flask, head: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_user(db.session.get_one(User, head).unit_id or 0, Role.OFFICER)
    sent: list[tuple[int, str]] = []

    def reachable(user_ids: Sequence[int]) -> frozenset[int]:
        assert not writing.get()
        return frozenset(user_ids) & {head}

    def send(outgoing: Outgoing) -> None:
        assert not writing.get()
        sent.extend((outgoing.receiver.user_id, one.title) for one in outgoing.notices)

    host = host_of(app)
    channel = Channel(key="sms.text", label="SMS", reachable=reachable, send=send)
    registry = replace(host.registry, channels={channel.key: channel})
    monkeypatch.setattr(host, "registry", registry)
    monkeypatch.setattr(host, "is_foreign", lambda kind, key: key == channel.key)
    chosen = services.SaveChoices(head, {("plans.urged", channel.key): True}, Hours())
    run(services.save_choices, chosen)
    run(services.save_choices, replace(chosen, user_id=other))
    urge([head, other], "1")
    assert sent == [(head, "Nguyễn Thị Bình đôn đốc: Rà soát thủ tục")]

"""The back office's pages about plug-ins, and the switches behind them."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, select, text

from tests.factories.accounts import make_user, post, sign_in
from tests.factories.units import make_unit
from tests.support.wheels import TinyPlugin
from tracker.accounts import passwords
from tracker.accounts.models import User
from tracker.config import Settings
from tracker.core.clock import FixedClock
from tracker.core.db import db
from tracker.core.rights import Role
from tracker.core.work import run
from tracker.jobs.models import JobRun, RunState
from tracker.plugin_admin import contract, exports, operations, queries, services
from tracker.plugins import index, signatures
from tracker.plugins.models import Disposal, PluginInstall
from tracker.plugins.states import PluginState, Reason
from tracker.testing.jobs import DirectCall

pytestmark = pytest.mark.usefixtures("system")

TINY = TinyPlugin()
DECLARED = TINY.but(
    version="2.0",
    declaration=(
        'hosts = []\n[[jobs]]\nkey = "tiny.sweep"\nvi = "Dọn ghi chú cũ"\nen = "Sweep"\n'
        'cron = "10 2 * * *"\n[[personal_data]]\nvi = "Số điện thoại người trực"\nen = "Phones"\n'
    ).replace("hosts = []\n", ""),
)


@pytest.fixture
def key(system: None, instance: Path) -> signatures.PublicKey:
    """A key that the instance trusts."""
    made = signatures.new_key("so-noi-vu", instance / "keys")
    run(services.trust_key, services.TrustKey(made))
    return made


@pytest.fixture
def add(settings: Settings, instance: Path, key: signatures.PublicKey) -> Callable[..., int]:
    """Hand in a plug-in, signed."""

    def hand_in(plugin: TinyPlugin) -> int:
        return operations.add(settings, plugin.wheel(), plugin.filename, sign(instance, plugin))

    return hand_in


def sign(instance: Path, plugin: TinyPlugin) -> signatures.Signature:
    sha256 = hashlib.sha256(plugin.wheel()).hexdigest()
    path = instance / "keys" / "so-noi-vu.key"
    return signatures.sign(path, plugin.name, plugin.version, sha256)


@pytest.fixture
def put_in(settings: Settings, add: Callable[..., int]) -> Callable[..., int]:
    """Hand in a plug-in and install it."""

    def hand_in(plugin: TinyPlugin) -> int:
        release_id = add(plugin)
        operations.install(settings, release_id, skip_rehearsal=True, skip_trial=True)
        return release_id

    return hand_in


@pytest.fixture
def administrator(client: FlaskClient) -> FlaskClient:
    """An administrator who signed in just now."""
    sign_in(client, make_user(make_unit("Xã Một"), Role.ADMINISTRATOR))
    return client


def run_queued(app: Flask) -> str:
    """Run the switch that waits in the ledger, as the job process does."""
    from tracker.plugin_admin import jobs

    db.session.rollback()
    row = db.session.scalars(select(JobRun).where(JobRun.state == RunState.QUEUED)).one()
    call = DirectCall(due_at=row.due_at, input=dict(row.input or {}))
    db.session.rollback()
    said = jobs.switch(call)
    db.session.rollback()
    return said


def state(name: str = "tiny") -> PluginState | None:
    db.session.rollback()
    install = queries.installs().get(name)
    found = install.state if install else None
    db.session.rollback()
    return found


# -- reading --------------------------------------------------------------------------------


def test_empty_list_says_how_to_begin(administrator: FlaskClient):
    page = administrator.get("/mo-dun").text
    assert "Chưa có mô-đun nào" in page
    assert "tracker plugin install" in page


def test_list_shows_state_reason_and_signature(
    administrator: FlaskClient, settings: Settings, put_in, add
):
    put_in(TINY)
    add(DECLARED)
    add(TinyPlugin(name="second", api="1.99"))
    operations.disable(settings, "tiny")
    page = administrator.get("/mo-dun").text
    assert "Sổ ghi tiny" in page
    assert "Đã tắt" in page
    assert "Quản trị viên đã tắt" in page
    assert "Ký: so-noi-vu" in page
    assert "Có bản 2.0" in page
    assert "Không tương thích" in page
    assert "Cần giao diện lập trình 1.99" in page


def test_page_of_a_plugin_shows_contract_releases_and_faults(administrator: FlaskClient, put_in):
    from tracker.plugins.models import IncidentKind, PluginIncident

    put_in(TINY)

    def note(work: Any, _data: None) -> None:
        work.session.add(
            PluginIncident(
                plugin="tiny",
                version="1.0",
                kind=IncidentKind.ERROR,
                place="tiny.index",
                message="<b>ValueError</b>",
                count=3,
                first_at=work.now,
                last_at=work.now,
            )
        )

    run(note, None)
    page = administrator.get("/mo-dun/tiny").text
    for words in ("Lưu dữ liệu gì?", "Xem sổ ghi", "tiny.index", "3 lần", "Bản 1.0", "Tắt"):
        assert words in page
    assert "<b>ValueError" not in page
    answer = administrator.get("/mo-dun/tiny/chan-doan")
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert "incidents.json" in archive.namelist()


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("*/5 * * * *", "Dọn, mỗi 5 phút."),
        ("5 14 * * *", "Dọn, hằng ngày lúc 14:05."),
        ("0 6 * * 1-5", "Dọn (lịch: 0 6 * * 1-5)."),
        ("", "Dọn (chỉ chạy khi có yêu cầu)."),
    ],
)
def test_schedules_are_said_in_words(app: Flask, cron: str, words: str):
    with app.app_context():
        assert contract.job_words("Dọn", cron) == words


def test_upgrade_shows_only_what_is_new_first(administrator: FlaskClient, put_in, add):
    put_in(TINY)
    release_id = add(DECLARED)
    page = administrator.get(f"/mo-dun/tiny/ban/{release_id}").text
    news = page[page.index("Điểm mới so với bản 1.0") : page.index("Mô-đun này cam kết")]
    assert "Dọn ghi chú cũ, hằng ngày lúc 02:10." in news
    assert "Số điện thoại người trực" in news
    assert "Xem sổ ghi" not in news
    assert "Nâng cấp lên 2.0" in page


@pytest.mark.parametrize(
    "address",
    [
        "/mo-dun/nobody",
        "/mo-dun/tiny/ban/999",
        "/mo-dun/nobody/go",
        "/mo-dun/nobody/chan-doan",
        "/mo-dun/quan-ly/du-lieu/9",
        "/mo-dun/quan-ly/them",
        "/mo-dun/%00",
        "/mo-dun/..%2f",
    ],
)
def test_what_is_not_there_is_not_found(administrator: FlaskClient, address: str):
    assert administrator.get(address).status_code == 404


def test_release_of_another_plugin_is_not_found(administrator: FlaskClient, add):
    release_id = add(TINY)
    assert administrator.get(f"/mo-dun/second/ban/{release_id}").status_code == 404
    assert post(administrator, f"/mo-dun/second/ban/{release_id}/cai").status_code == 404


# -- switching ------------------------------------------------------------------------------


def test_install_is_queued_shown_and_done(app: Flask, administrator: FlaskClient, add):
    release_id = add(TINY)
    answer = post(administrator, f"/mo-dun/tiny/ban/{release_id}/cai", {"skip_rehearsal": "y"})
    assert answer.status_code == 303
    assert "/viec-tu-dong/lan-chay/" in answer.location
    again = post(administrator, f"/mo-dun/tiny/ban/{release_id}/cai", {"skip_rehearsal": "y"})
    assert again.location == answer.location
    # Something else is not done instead, and not passed over in silence.
    other = post(administrator, f"/mo-dun/tiny/ban/{release_id}/dien-tap")
    assert other.location.endswith("/mo-dun/tiny")
    assert "việc khác của mô-đun này chưa xong" in administrator.get("/mo-dun/tiny").text
    assert administrator.get(answer.location).status_code == 200
    assert run_queued(app) == "Đã cài tiny 1.0."
    assert state() is PluginState.ENABLED
    assert "Đang hoạt động" in administrator.get("/mo-dun/tiny").text


def test_release_that_could_not_be_loaded_is_installed_once_more(
    administrator: FlaskClient, put_in
):
    release_id = put_in(TINY)
    address = f"/mo-dun/tiny/ban/{release_id}"
    assert "Cài lại bản này" not in administrator.get(address).text

    def fail(work: Any, _data: None) -> None:
        row = work.get(PluginInstall, "tiny")
        row.state, row.reason = PluginState.FAILED, Reason.IMPORT_KILLED

    run(fail, None)
    assert "Cài lại bản này" in administrator.get(address).text


def test_disable_and_enable_from_the_page(administrator: FlaskClient, put_in):
    put_in(TINY)
    assert post(administrator, "/mo-dun/tiny/tat").status_code == 303
    assert state() is PluginState.DISABLED
    assert post(administrator, "/mo-dun/tiny/bat").status_code == 303
    assert state() is PluginState.ENABLED


def test_refused_switch_says_why(administrator: FlaskClient, put_in):
    put_in(TINY)
    put_in(TinyPlugin(name="second", needs=("tiny",)))
    page = post(administrator, "/mo-dun/tiny/tat")
    assert page.status_code == 303
    assert "Hãy tắt trước những mô-đun cần nó: second" in administrator.get("/mo-dun/tiny").text
    assert state() is PluginState.ENABLED


def test_paused_plugin_offers_to_run_again(administrator: FlaskClient, put_in):
    put_in(TINY)

    def pause(work: Any, _data: None) -> None:
        row = work.get(PluginInstall, "tiny")
        row.state, row.reason = PluginState.PAUSED, Reason.TOO_MANY_ERRORS
        row.reason_parameters = {"count": 5, "detail": "tiny.index"}

    run(pause, None)
    page = administrator.get("/mo-dun/tiny").text
    assert "Tạm dừng vì lỗi quá nhiều (5 lần): tiny.index." in page
    assert "Cho chạy lại" in page
    post(administrator, "/mo-dun/tiny/bat")
    assert state() is PluginState.ENABLED


def test_rollback_and_removal_are_queued(
    app: Flask, settings: Settings, administrator: FlaskClient, put_in
):
    put_in(TINY)
    put_in(TINY.but(version="1.1"))
    assert "Quay lại bản 1.0" in administrator.get("/mo-dun/tiny").text
    assert post(administrator, "/mo-dun/tiny/quay-lai").status_code == 303
    assert "1.0" in run_queued(app)
    finish_queued()
    assert "0 dòng" in administrator.get("/mo-dun/tiny/go").text
    missing = post(administrator, "/mo-dun/tiny/go", {"reason": "Hết dùng"})
    assert missing.status_code == 422
    assert "Hết dùng" in missing.text
    assert post(administrator, "/mo-dun/tiny/go", {"disposal": "x"}).status_code == 422
    answer = post(administrator, "/mo-dun/tiny/go", {"disposal": "export", "reason": "Hết dùng"})
    assert answer.status_code == 303
    run_queued(app)
    assert state() is None
    page = administrator.get("/mo-dun/tiny").text
    assert "Gỡ, xuất ra tệp rồi xóa" in page
    (record,) = queries.disposals("tiny")
    address = f"/mo-dun/quan-ly/du-lieu/{record.id}"
    here = exports.exports_folder(settings) / record.export_name
    for _machine in ("the one that wrote it", "another"):
        export = administrator.get(address)
        assert export.status_code == 200
        assert hashlib.sha256(export.data).hexdigest() == record.export_sha256
        here.unlink(missing_ok=True)
    # Dropped, the file is gone and the record is not.
    assert post(administrator, f"{address}/xoa").status_code == 303
    assert administrator.get(address).status_code == 404
    page = administrator.get("/mo-dun/tiny").text
    assert record.export_name in page
    assert address not in page
    assert post(administrator, "/mo-dun/quan-ly/du-lieu/999/xoa").status_code == 404


def finish_queued() -> None:
    """End the waiting run, so that the next switch of the same plug-in is another one."""

    def end(work: Any, _data: None) -> None:
        for row in work.session.scalars(select(JobRun).where(JobRun.state == RunState.QUEUED)):
            work.session.delete(row)

    run(end, None)


def test_changed_export_is_not_handed_out(administrator: FlaskClient, settings: Settings, put_in):
    put_in(TINY)
    done = operations.remove(settings, "tiny", Disposal.EXPORT)
    assert done.export is not None
    done.export.write_bytes(b"PK something else")
    (record,) = queries.disposals("tiny")
    assert administrator.get(f"/mo-dun/quan-ly/du-lieu/{record.id}").status_code == 409
    assert exports.exports_folder(settings).is_dir()


def test_release_out_of_use_is_dropped(settings: Settings, administrator: FlaskClient, put_in, add):
    used, spare = put_in(TINY), add(TINY.but(version="1.1"))
    address = "/mo-dun/tiny/ban"
    assert "Xóa bản này" not in administrator.get(f"{address}/{used}").text
    assert "Xóa bản này" in administrator.get(f"{address}/{spare}").text
    for release, says in ((used, "Bản này đang dùng"), (spare, "Đã xóa bản tiny 1.1")):
        assert post(administrator, f"{address}/{release}/xoa").status_code == 303
        assert says in administrator.get("/mo-dun/tiny").text
    assert administrator.get(f"{address}/{spare}").status_code == 404
    # Without it, a backup could not make the tables of data that was kept.
    operations.remove(settings, "tiny", Disposal.KEEP)
    post(administrator, f"{address}/{used}/xoa")
    assert "cần bản này để khôi phục" in administrator.get("/mo-dun/tiny").text
    assert [one.id for one in queries.releases()] == [used]


# -- handing in -----------------------------------------------------------------------------


@pytest.fixture
def open_door(app: Flask, settings: Settings) -> None:
    """Let plug-ins be handed in from the browser."""
    app.extensions["tracker_settings"] = replace(settings, plugin_upload=True)


def hand_in(client: FlaskClient, content: bytes, name: str, signature: str = "") -> Any:
    data: dict[str, Any] = {"package": (io.BytesIO(content), name)}
    if signature:
        data["signature"] = (io.BytesIO(signature.encode()), f"{name}.sig")
    return post(client, "/mo-dun/quan-ly/them", data)


def test_exported_data_comes_back_by_the_page(
    app: Flask, settings: Settings, administrator: FlaskClient, put_in
):
    release_id = put_in(TINY)
    where = f"/mo-dun/tiny/ban/{release_id}"
    assert "Nạp lại dữ liệu" not in administrator.get(where).text
    engine = create_engine(settings.database_url)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO plugin_tiny__note (text) VALUES ('một')"))
    engine.dispose()
    operations.remove(settings, "tiny", Disposal.EXPORT)
    page = administrator.get(where).text
    assert "Nạp lại dữ liệu" in page
    found = re.search(r'<option[^>]*value="(\d+)"[^>]*>Bản xuất ngày', page)
    assert found is not None
    assert post(administrator, f"{where}/cai", {"data_from": "999999"}).status_code == 422
    sent = {"data_from": found[1], "disabled": "y", "skip_rehearsal": "y"}
    assert post(administrator, f"{where}/cai", sent).status_code == 303
    run_queued(app)
    assert state() is PluginState.DISABLED
    assert operations.row_counts(settings, "tiny") == {"plugin_tiny__note": 1}


@pytest.mark.usefixtures("open_door", "key")
def test_upload_checks_keeps_and_shows_the_contract(administrator: FlaskClient, instance: Path):
    assert "Thêm mô-đun" in administrator.get("/mo-dun").text
    assert administrator.get("/mo-dun/quan-ly/them").status_code == 200
    refused = hand_in(administrator, TINY.wheel(), TINY.filename)
    assert refused.status_code == 422
    assert "chưa được ký" in refused.text
    changed = bytearray(TINY.wheel())
    changed[40] ^= 1
    spoiled = hand_in(administrator, bytes(changed), TINY.filename)
    assert spoiled.status_code == 422
    signature = sign(instance, TINY).to_json()
    answer = hand_in(administrator, TINY.wheel(), TINY.filename, signature)
    assert answer.status_code == 303
    page = administrator.get(answer.location).text
    assert "Mô-đun này cam kết" in page
    assert "Cài mô-đun này" in page
    assert state() is None


@pytest.mark.usefixtures("open_door", "key")
def test_named_plugin_is_fetched_from_the_index_that_is_set(
    app: Flask, settings: Settings, administrator: FlaskClient, instance: Path, tmp_path: Path
):
    assert "Lấy từ kho" not in administrator.get("/mo-dun/quan-ly/them").text
    assert post(administrator, "/mo-dun/quan-ly/lay", {"what": "tiny"}).status_code == 404
    stick = tmp_path / "stick"
    wheel = TINY.write(stick)
    wheel.with_name(f"{wheel.name}.sig").write_text(sign(instance, TINY).to_json())
    index.build_index(stick)
    app.extensions["tracker_settings"] = replace(
        settings, plugin_upload=True, plugin_index=str(stick)
    )
    assert "Lấy từ kho" in administrator.get("/mo-dun/quan-ly/them").text
    wrong = post(administrator, "/mo-dun/quan-ly/lay", {"what": "../tiny"})
    assert wrong.status_code == 422
    assert "../tiny" in wrong.text
    answer = post(administrator, "/mo-dun/quan-ly/lay", {"what": "tiny==1.0"})
    assert answer.status_code == 303
    assert "Đã lấy tiny 1.0 về" in run_queued(app)
    assert state() is None
    assert "Xem cam kết và cài" in administrator.get("/mo-dun/tiny").text


@pytest.mark.usefixtures("open_door")
def test_upload_asks_for_the_password_again(
    app: Flask, client: FlaskClient, clock: FixedClock, put_in
):
    user = make_user(make_unit("Xã Hai"), Role.ADMINISTRATOR)

    def set_password(work: Any, _data: None) -> None:
        work.get(User, user).password_hash = passwords.hash_password("mat-khau-dai-va-kho-doan")

    run(set_password, None)
    put_in(TINY)
    sign_in(client, user)
    clock.move_to(clock.now() + timedelta(minutes=11))
    answer = client.get("/mo-dun/quan-ly/them")
    assert answer.status_code == 302
    assert "xac-nhan" in answer.location
    asked = post(client, "/mo-dun/tiny/tat")
    assert asked.status_code == 403
    assert "Xác nhận mật khẩu" in asked.text
    assert state() is PluginState.ENABLED


def test_upload_is_closed_unless_the_configuration_opens_it(administrator: FlaskClient):
    answer = hand_in(administrator, TINY.wheel(), TINY.filename)
    assert answer.status_code == 404
    assert "Thêm mô-đun" not in administrator.get("/mo-dun").text


# -- keys -----------------------------------------------------------------------------------


def test_keys_are_trusted_and_revoked(administrator: FlaskClient, tmp_path: Path):
    made = signatures.new_key("khoa", tmp_path)
    wrong = post(administrator, "/mo-dun/quan-ly/khoa", {"line": "ssh-ed25519 AAAA", "name": "X"})
    assert wrong.status_code == 422
    assert "ssh-ed25519 AAAA" in wrong.text
    right = post(administrator, "/mo-dun/quan-ly/khoa", {"line": made.line, "name": "Sở Nội vụ"})
    assert right.status_code == 303
    page = administrator.get("/mo-dun/quan-ly/khoa").text
    assert "Sở Nội vụ" in page
    assert made.fingerprint in re.sub(r"\s", "", page)
    url = f"/mo-dun/quan-ly/khoa/{made.fingerprint}/thu-hoi"
    assert post(administrator, url).status_code == 303
    assert queries.trusted_keys() == {}
    again = post(administrator, "/mo-dun/quan-ly/khoa", {"line": made.line, "name": "Sở Nội vụ"})
    assert again.status_code == 422
    assert "thu hồi" in again.text


def test_contract_is_told_in_the_readers_language(app: Flask, client: FlaskClient, add):
    release_id = add(TINY)
    user = make_user(make_unit("Xã Ba"), Role.ADMINISTRATOR)

    def speak_english(work: Any, _data: None) -> None:
        work.get(User, user).locale = "en"

    run(speak_english, None)
    sign_in(client, user)
    page = client.get(f"/mo-dun/tiny/ban/{release_id}").text
    assert "Notes tiny" in page
    assert "See the notes" in page

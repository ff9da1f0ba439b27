"""Large lists as spreadsheets: made by a run for whoever asked, kept a day for nobody else."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

import tracker
from tests.factories.accounts import grant, make_user, sign_in
from tests.factories.plans import make_plan
from tests.factories.units import make_unit
from tracker.accounts.models import Grant, User
from tracker.core.changes import ChangeSet
from tracker.core.clock import FixedClock
from tracker.core.context import Actor, acting, current
from tracker.core.db import db
from tracker.core.rights import Role
from tracker.core.work import Work, run
from tracker.exports import hooks, jobs, services
from tracker.files.models import Attachment
from tracker.jobs import ledger
from tracker.jobs.calls import Call
from tracker.jobs.models import JobRun, RunState
from tracker.jobs.worker import tick
from tracker.outbox.models import OutboxMessage
from tracker.plugins.host import host_of
from tracker.web import exports

UNITS = "/don-vi.xlsx"


@pytest.fixture
def person(app: Flask, system: None, client: FlaskClient) -> int:
    """An administrator and coordinator of a province with two communes is signed in."""
    province = make_unit("Tỉnh Lâm Đồng", "province")
    for name in ("Xã Đạ Tẻh", "Xã Cát Tiên"):
        make_unit(name, parent=province)
    user = make_user(province, Role.ADMINISTRATOR)
    sign_in(client, user)
    return user


@pytest.fixture
def large(
    app: Flask, person: int, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> FlaskClient:
    """The person's browser; two rows are many, and the app offers the job of exports alone."""
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", 1)
    host = host_of(app)
    host.registry = replace(host.registry, jobs={services.WRITE: jobs.CORE})
    return client


def newest_run() -> JobRun:
    db.session.rollback()
    return db.session.scalars(select(JobRun).order_by(JobRun.id.desc()).limit(1)).one()


def files() -> Sequence[Attachment]:
    db.session.rollback()
    return db.session.scalars(select(Attachment)).all()


def cells(content: bytes) -> list[list[object]]:
    book = openpyxl.load_workbook(io.BytesIO(content))
    return [list(row) for sheet in book.worksheets for row in sheet.iter_rows(values_only=True)]


def fetch(browser: FlaskClient, address: str) -> tuple[int, bytes, str]:
    """Fetch a file; return status, content and the name under which it is saved."""
    with browser.get(address) as answer:
        return answer.status_code, answer.data, answer.headers.get("Content-Disposition", "")


def ask(browser: FlaskClient, address: str) -> str:
    """Open the address of a large list; return the page of its run."""
    answer = browser.get(address)
    assert answer.status_code == 303, address
    return answer.headers["Location"]


def test_large_list_is_made_by_a_run_and_fetched_from_its_page(
    app: Flask, large: FlaskClient, person: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = ask(large, UNITS)
    assert "Đang chờ" in large.get(progress).text
    # A second click waits for the same run; another list is another one.
    assert ask(large, UNITS) == progress
    assert files() == []

    assert tick(app) == [services.WRITE]
    done = newest_run()
    assert (done.state, done.progress_done, done.progress_total) == (RunState.DONE, 3, 3)
    page = large.get(progress).text
    assert "Tải tệp" in page
    assert done.result_url in page
    _status, content, name = fetch(large, done.result_url)
    assert "don-vi-20260616.xlsx" in name
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", 1000)
    assert cells(content) == cells(large.get(UNITS).data)
    assert len(cells(content)) == 4

    # Who took it out of the system is in the change log.
    (kept,) = files()
    log = large.get(f"/nhat-ky/attachments/{kept.id}").text
    assert "Tệp xuất" in log
    assert f"{db.session.get_one(User, person).name} yêu cầu xuất danh sách." in log

    (told,) = db.session.scalars(select(OutboxMessage.payload)).all()
    assert (told["kind"], told["people"]) == (services.READY, [person])
    assert told["params"] == {"name": "don-vi-20260616.xlsx"}


def test_nobody_else_fetches_an_export(app: Flask, large: FlaskClient) -> None:
    progress = ask(large, UNITS)
    tick(app)
    address = newest_run().result_url
    other, administrator = app.test_client(), app.test_client()
    sign_in(other, make_user(make_unit("Tỉnh khác", "province"), Role.COORDINATOR))
    sign_in(administrator, make_user(make_unit("Tỉnh nữa", "province"), Role.ADMINISTRATOR))
    assert [other.get(path).status_code for path in (progress, address)] == [404, 404]
    # Who looks after the jobs sees that there was a run, and not what it made.
    assert [administrator.get(path).status_code for path in (progress, address)] == [200, 404]
    assert app.test_client().get(address).status_code == 302


EXPORTS = (
    UNITS,
    "/nguoi-dung.xlsx",
    "/nhat-ky.xlsx",
    "/viec/xuat",
    "/bao-cao-ky/xuat",
    "/kiem-tra/xuat",
    "/kiem-tra/phat-hien/xuat",
    "/ke-hoach/dien-chau-2026/xuat",
    "/quan-tri/don-vi/xuat/?q=xã&sort=-name",
)


def test_every_list_has_its_large_ones_made_by_a_run(
    app: Flask, large: FlaskClient, person: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Even an empty list is a large one.
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", -1)
    user = db.session.get(User, person)
    assert user is not None
    grant(person, Role.COORDINATOR, user.unit_id)
    make_plan(user.unit_id, key="dien-chau-2026")
    for address in EXPORTS:
        ask(large, address)
        assert tick(app) == [services.WRITE]
        done = newest_run()
        assert done.result_url, (address, done.log)
        assert cells(fetch(large, done.result_url)[1]), address


def test_no_page_writes_a_spreadsheet_past_the_ledger() -> None:
    root = Path(tracker.__file__).parent
    writers = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if "write_workbook(" in path.read_text(encoding="utf-8")
    }
    # What leaves with a plug-in is written by a run of its own.
    assert writers == {"web/xlsx.py", "web/exports.py", "plugin_admin/exports.py"}


@pytest.mark.parametrize(
    "query",
    [
        "q=%25_&q=%5C&kind=commune",
        "q=%C4%90%E1%BA%A1+T%E1%BA%BBh%26ngay%3D2020-01-01%23x",
        "q=%00%0D%0A&x%5B%5D=%2F%2Fevil.example%2F",
        "q=" + "a" * 3000,
    ],
)
def test_whatever_is_asked_is_asked_again(
    app: Flask, large: FlaskClient, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", -1)
    ask(large, f"{UNITS}?{query}")
    tick(app)
    made = cells(fetch(large, newest_run().result_url)[1])
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", 1000)
    assert made == cells(large.get(f"{UNITS}?{query}").data)


def test_one_person_waits_for_few_exports(large: FlaskClient) -> None:
    pages = [ask(large, f"{UNITS}?x={number}") for number in range(services.MOST_WAITING)]
    refused = large.get(f"{UNITS}?x=one-more")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "10")
    assert "Hãy đợi xong rồi xuất tiếp" in refused.text
    # What waits already is no further one.
    assert ask(large, f"{UNITS}?x=0") == pages[0]


def test_what_cannot_be_asked_is_refused_on_the_page(large: FlaskClient) -> None:
    assert large.get("/nhat-ky.xlsx?table=khong-co").status_code == 400
    assert large.get("/ke-hoach/khong-co/xuat").status_code == 404
    assert db.session.scalars(select(JobRun.id)).all() == []


def test_export_is_made_in_the_language_of_whoever_asked(
    app: Flask, large: FlaskClient, person: int
) -> None:
    def become_english(work: Work, _data: None) -> None:
        work.get(User, person).locale = "en"

    run(become_english, None)
    ask(large, UNITS)
    tick(app)
    assert "Unit code" in cells(fetch(large, newest_run().result_url)[1])[0]


def test_export_is_made_with_the_rights_of_that_moment(app: Flask, large: FlaskClient) -> None:
    progress = ask(large, UNITS)

    def dismiss(work: Work, _data: None) -> None:
        for held in work.session.scalars(select(Grant)):
            work.session.delete(held)

    run(dismiss, None)
    tick(app)
    # Their own matter, and no failure of which administrators would be told.
    assert (newest_run().state, newest_run().result_url) == (RunState.DONE, "")
    assert files() == []
    assert "Chưa xuất được: Bạn không còn quyền" in large.get(progress).text


def test_export_for_a_closed_account_or_a_page_that_is_no_more_makes_nothing(
    app: Flask, large: FlaskClient, person: int
) -> None:
    with acting(replace(current(), actor=Actor("Ai đó", person))):
        # As before an upgrade took the one away and made the other something else.
        for address in ("/da-bo", "/don-vi"):
            run(services.ask_for_export, services.AskForExport(address, "x.xlsx"))
            tick(app)
            assert "danh sách không còn" in newest_run().log
    ask(large, UNITS)

    def close(work: Work, _data: None) -> None:
        work.get(User, person).is_active = False

    run(close, None)
    tick(app)
    assert "không còn hoạt động" in newest_run().log
    assert set(db.session.scalars(select(JobRun.state))) == {RunState.DONE}
    assert files() == []


def test_export_of_a_process_that_died_is_made_anew_and_once(
    app: Flask, large: FlaskClient
) -> None:
    ask(large, UNITS)
    hung = ledger.try_claim(ledger.Claim("elsewhere:1", 30, [services.WRITE]))
    assert hung is not None
    run(ledger.release_runs, ledger.Release((ledger.Token(hung.id, hung.attempt),), "gone"))
    before = db.session.scalar(select(func.max(ChangeSet.id)))
    with pytest.raises(ledger.RunLost):
        # It comes back before another one took the run: nothing of it is kept.
        jobs.write(Call(hung))
    assert files() == []
    assert tick(app) == [services.WRITE]
    with pytest.raises(ledger.RunLost):
        jobs.write(Call(hung))
    assert len(files()) == 1
    sets = select(func.count()).select_from(ChangeSet).where(ChangeSet.id > (before or 0))
    assert db.session.scalar(sets) == 1


def test_run_that_is_lost_stops_between_rows(
    app: Flask, large: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "TOLD_EVERY", 1)
    ask(large, UNITS)
    claimed = ledger.try_claim(ledger.Claim("here:1", 30, [services.WRITE]))
    assert claimed is not None
    call = Call(claimed, every=0)
    seen: list[tuple[int, int | None]] = []

    def progress(done: int, total: int | None = None, message: str = "") -> None:
        seen.append((done, total))
        if done == 2:
            call.lost.set()
        Call.progress(call, done, total, message)

    monkeypatch.setattr(call, "progress", progress)
    with pytest.raises(ledger.RunLost):
        jobs.write(call)
    # Read first, then row by row.
    assert seen == [(0, None), (1, 3), (2, 3)]
    assert (newest_run().progress_done, newest_run().progress_total) == (1, 3)
    assert files() == []


def test_export_is_kept_for_a_day(
    app: Flask, large: FlaskClient, person: int, clock: FixedClock
) -> None:
    progress = ask(large, UNITS)
    tick(app)
    address = newest_run().result_url
    clock.advance(hours=23)
    sign_in(large, person)
    assert hooks.prune(clock.now()) == "Đã xóa 0 tệp xuất cũ."
    assert fetch(large, address)[0] == 200
    clock.advance(hours=2)
    sign_in(large, person)
    # Also before the cleaning has come.
    assert large.get(address).status_code == 404
    assert hooks.prune(clock.now()) == "Đã xóa 1 tệp xuất cũ."
    assert files() == []
    assert "Tải tệp" not in large.get(progress).text

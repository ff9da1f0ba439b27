"""The ledger's pages and commands: who may see what, 'run now', a run's log and progress."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.factories.accounts import make_user, post, sign_in
from tests.factories.units import make_unit
from tests.integration.jobs.test_ledger import DUE, KEY, Counting, counting, newest, offer
from tracker.core.clock import FixedClock
from tracker.core.context import Actor, Context, Source, acting
from tracker.core.db import db
from tracker.core.rights import Role
from tracker.core.work import run
from tracker.jobs import ledger, worker
from tracker.jobs.calls import Call
from tracker.jobs.cli import jobs
from tracker.jobs.hooks import check_clock
from tracker.jobs.ledger import Claim, Progress, Token
from tracker.jobs.models import JobRun, RunKind, RunState
from tracker.plugins.descriptors import Health, JobSpec

__all__ = ["counting"]

pytestmark = pytest.mark.usefixtures("system")

ADDRESS = "/viec-tu-dong"


@pytest.fixture
def administrator(client: FlaskClient, system: None) -> int:
    """Somebody who may see the ledger and start jobs is signed in."""
    person: int = make_user(make_unit("Tỉnh"), Role.ADMINISTRATOR)
    sign_in(client, person)
    return person


def page(client: FlaskClient, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.get_data(as_text=True)


def queue_one(**data: object) -> UUID:
    return run(lambda work, _data: ledger.queue(work, KEY, data), None)


def claimed_one() -> ledger.Claimed:
    claimed = ledger.try_claim(Claim("may-1:7:ab", 30, [KEY], most_attempts={KEY: 5}))
    assert claimed is not None
    return claimed


@pytest.mark.usefixtures("counting", "administrator")
def test_page_shows_jobs_with_next_due_and_last_result(
    app: Flask, client: FlaskClient, clock: FixedClock
):
    clock.move_to(DUE)
    worker.tick(app)
    text = page(client, ADDRESS)
    assert "Đếm" in text
    assert "Đã chạy" in text
    # Ten past midnight of the next day, local time.
    assert "00:10 17/06/2026" in text
    assert "Chạy ngay" in text


@pytest.mark.usefixtures("counting", "administrator")
def test_runs_are_filtered_by_job_state_and_kind(app: Flask, client: FlaskClient):
    run_id = queue_one()
    worker.tick(app)
    address = f"{ADDRESS}?kind=queued&state=done&job={KEY}"
    assert str(run_id) in page(client, address)
    other = f"{ADDRESS}?kind=scheduled&state=failed"
    assert "Không có lần chạy nào khớp" in page(client, other)
    assert client.get(f"{ADDRESS}?state=khong-co").status_code == 400
    assert client.get(f"{ADDRESS}?kind=khong-co").status_code == 400


@pytest.mark.usefixtures("counting")
def test_job_is_started_by_hand_with_a_reason_and_runs_in_the_job_process(
    app: Flask, client: FlaskClient, administrator: int
):
    address = f"{ADDRESS}/{KEY}/chay"
    assert "Lý do" in page(client, address)
    answer = post(client, address, {"reason": "thử lại sau khi sửa"})
    assert answer.status_code == 303
    queued = newest()
    assert answer.location == f"{ADDRESS}/lan-chay/{queued.public_id}"
    assert (queued.kind, queued.reason, queued.asked_by_id) == (
        RunKind.QUEUED,
        "thử lại sau khi sửa",
        administrator,
    )
    text = page(client, answer.location)
    assert "Đang chờ" in text
    assert "thử lại sau khi sửa" in text
    # Pressed twice, it waits once.
    assert post(client, address, {"reason": ""}).location == answer.location
    worker.tick(app)
    text = page(client, answer.location)
    assert "Đã chạy" in text
    assert "every 1s" not in text


@pytest.mark.usefixtures("counting", "administrator")
def test_reason_that_is_too_long_stays_in_the_form(client: FlaskClient):
    answer = post(client, f"{ADDRESS}/{KEY}/chay", {"reason": "x" * 2001})
    assert answer.status_code == 422
    assert "x" * 2001 in answer.get_data(as_text=True)
    assert client.get(f"{ADDRESS}/khong.co/chay").status_code == 404


@pytest.mark.usefixtures("administrator")
def test_job_that_needs_an_input_is_not_started_by_hand(app: Flask, client: FlaskClient):
    offer(app, JobSpec(key=KEY, label="Nhập", run=Counting(), by_hand=False))
    assert post(client, f"{ADDRESS}/{KEY}/chay", {}).status_code == 404
    assert f"{KEY}/chay" not in page(client, ADDRESS)
    with pytest.raises(ledger.ValidationFailed):
        run(ledger.start_by_hand, ledger.StartByHand(KEY))


@pytest.mark.usefixtures("counting", "administrator")
def test_run_shows_its_progress_while_it_runs_and_its_log_and_result_after(client: FlaskClient):
    run_id = queue_one(file="a.xlsx")
    claimed = claimed_one()
    token = Token(claimed.id, claimed.attempt)
    run(ledger.note_progress, Progress(token, 1200, 4000, "Đang đọc", ("Dòng <1>",)))
    address = f"{ADDRESS}/lan-chay/{run_id}"
    for text in (page(client, address), page(client, f"{address}/tien-do")):
        assert "Đang chạy" in text
        assert "1.200 trong 4.000" in text
        assert "Đang đọc" in text
        assert "Dòng &lt;1&gt;" in text
        assert "a.xlsx" in text
        assert 'hx-trigger="every 1s"' in text
    assert "<html" not in page(client, f"{address}/tien-do")
    call = Call(claimed)
    call.link("/ke-hoach")
    call.end(RunState.DONE, "Đã nhập 4.000 dòng.")
    text = page(client, f"{address}/tien-do")
    assert "Đã nhập 4.000 dòng." in text
    assert 'href="/ke-hoach"' in text
    assert "every 1s" not in text


@pytest.mark.usefixtures("counting")
def test_run_is_shown_to_whoever_asked_for_it_and_to_no_stranger(
    client: FlaskClient, clock: FixedClock
):
    unit = make_unit("Tỉnh")
    officer, stranger = make_user(unit, Role.OFFICER), make_user(unit, Role.OFFICER)
    with acting(Context(Actor("Lan", officer), clock, Source.PAGE)):
        run_id = queue_one(secret="của Lan")
    address = f"{ADDRESS}/lan-chay/{run_id}"
    sign_in(client, officer)
    text = page(client, address)
    assert "Đang chờ" in text
    # What went in is for administrators.
    assert "của Lan" not in text
    assert client.get(ADDRESS).status_code == 403
    assert post(client, f"{ADDRESS}/{KEY}/chay", {}).status_code == 403
    sign_in(client, stranger)
    for one in (address, f"{address}/tien-do", f"{ADDRESS}/lan-chay/{uuid4()}"):
        assert client.get(one).status_code == 404


@pytest.mark.usefixtures("counting", "administrator")
def test_job_that_nobody_offers_any_more_is_shown_asleep(app: Flask, client: FlaskClient):
    queue_one()
    worker.tick(app)
    offer(app)
    text = page(client, ADDRESS)
    assert "Đang nghỉ" in text
    assert KEY in text


@pytest.mark.usefixtures("counting")
def test_commands_list_jobs_and_runs_and_start_them(app: Flask, clock: FixedClock):
    cli = app.test_cli_runner()
    clock.move_to(DUE)
    started = cli.invoke(jobs, ["run", KEY, "--reason", "tay", "--here", "--wait", "--json"])
    assert started.exit_code == 0, started.output
    shown = json.loads(started.output)
    assert (shown["state"], shown["kind"], shown["reason"]) == ("done", "queued", "tay")
    listed = json.loads(cli.invoke(jobs, ["list", "--json"]).output)
    assert [one["key"] for one in listed] == [KEY]
    assert listed[0]["next_due"].startswith("2026-06-16T17:10")
    assert listed[0]["last"]["state"] == "done"
    runs = json.loads(cli.invoke(jobs, ["runs", "--job", KEY, "--state", "done", "--json"]).output)
    assert {one["kind"] for one in runs} == {"queued", "scheduled"}
    assert KEY in cli.invoke(jobs, ["list"]).output
    assert KEY in cli.invoke(jobs, ["runs"]).output


@pytest.mark.usefixtures("counting")
def test_command_tells_a_failed_run_and_waits_no_longer_than_told(app: Flask, counting: Counting):
    cli = app.test_cli_runner()
    missing = cli.invoke(jobs, ["run", "khong.co"])
    assert isinstance(missing.exception, ledger.NotFound)
    late = cli.invoke(jobs, ["run", KEY, "--wait", "--timeout", "1"])
    assert "tracker worker" in str(late.exception)

    def fail(_call: object) -> str:
        raise ValueError("hỏng")

    counting.then = fail
    failed = cli.invoke(jobs, ["run", KEY, "--here", "--wait"])
    assert failed.exit_code == 1
    assert "hỏng" in failed.output
    assert db.session.scalars(select(JobRun.once_key)).all().count(None) >= 1


@pytest.mark.usefixtures("counting")
def test_doctor_tells_when_no_process_runs_the_jobs(app: Flask, clock: FixedClock):
    def health() -> tuple[Health, str]:
        (found,) = check_clock()
        db.session.rollback()
        return found.health, found.message

    clock.move_to(DUE)
    # A new instance owes nothing.
    assert health()[0] is Health.OK
    worker.tick(app)
    clock.advance(days=1, minutes=5)
    assert health()[0] is Health.OK
    clock.advance(minutes=6)
    assert health() == (Health.ERROR, "Việc tự động không chạy đúng giờ: Đếm.")
    worker.tick(app)
    assert health()[0] is Health.OK
    queue_one()
    clock.advance(minutes=11)
    assert "chờ từ" in health()[1]

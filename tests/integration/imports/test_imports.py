"""Imports from upload to change set: dry run, all or nothing, rights, once only, templates."""

from __future__ import annotations

import io
import re
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import openpyxl
import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_babel import force_locale
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from tests.factories.accounts import csrf_token, make_user, post, sign_in
from tests.factories.units import make_unit
from tests.support import contents
from tests.support.imports import KEY, SPEC, offer
from tracker.accounts.models import Grant
from tracker.core.changes import Change, ChangeSet
from tracker.core.clock import FixedClock
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import PermissionDenied, ValidationFailed
from tracker.core.rights import Role
from tracker.core.work import Work, run
from tracker.imports import engine, hooks, jobs, services
from tracker.imports.models import ImportUpload
from tracker.imports.template import write_template
from tracker.imports.workbook import read_workbook
from tracker.jobs import ledger
from tracker.jobs.calls import Call
from tracker.jobs.models import JobRun, RunState
from tracker.jobs.worker import tick
from tracker.plugins.descriptors import ImportRow, ParsedRows, RowError, RowOutcome
from tracker.plugins.host import host_of
from tracker.settings.models import CalendarDay

HEADINGS = ("Ngày", "Tên ngày nghỉ")
DAYS = ((date(2030, 9, 2), "Quốc khánh"), (date(2030, 1, 1), "Tết Dương lịch"))


def sheet(*rows: Sequence[object]) -> bytes:
    return contents.sheet(HEADINGS, *rows)


@pytest.fixture(autouse=True)
def spec_offered(app: Flask) -> None:
    offer(app)


@pytest.fixture
def coordinator(app: Flask, system: None, client: FlaskClient) -> FlaskClient:
    """A browser of a coordinator of the whole tree."""
    sign_in(client, make_user(make_unit("Tỉnh Lâm Đồng", "province"), Role.COORDINATOR))
    return client


@pytest.fixture
def officer(app: Flask, system: None) -> FlaskClient:
    """A browser of somebody without any right to import."""
    browser = app.test_client()
    sign_in(browser, make_user(make_unit("Xã Đạ Tẻh"), Role.OFFICER))
    return browser


def send(
    browser: FlaskClient, content: bytes, name: str = "ngay.xlsx", **options: str
) -> TestResponse:
    data: dict[str, object] = {f"option_{key}": value for key, value in options.items()}
    data["csrf_token"] = csrf_token(browser)
    data["file"] = (io.BytesIO(content), name)
    return browser.post(f"/nhap/{KEY}", data=data, content_type="multipart/form-data")


def known_days() -> dict[date, str]:
    db.session.rollback()
    found = db.session.execute(
        select(CalendarDay.day, CalendarDay.name).where(CalendarDay.day >= date(2030, 1, 1))
    )
    return {row.day: row.name for row in found}


# -- the engine -----------------------------------------------------------------------------


def check(*rows: Sequence[object]) -> engine.DryRun:
    return engine.check(SPEC, sheet(*rows), "ngay.xlsx", {})


def test_check_clean_file_counts_what_it_would_do_and_writes_nothing(system: None) -> None:
    run = check(*DAYS)
    assert run.is_clean
    assert (run.count("new"), run.count("changed"), run.count("same")) == (2, 0, 0)
    assert run.summary == "Tóm tắt."
    assert known_days() == {}


def test_check_tells_every_fault_at_once_by_row_and_column(system: None) -> None:
    run = check(
        ("31/02/2030", "Không có ngày này"),
        (date(2030, 9, 1), "Chủ nhật"),
        (date(2030, 9, 2), None),
        *DAYS[:1],
        *DAYS[:1],
    )
    assert not run.is_clean
    assert [(one.row, one.column, one.message) for one in run.problems] == [
        (2, "Ngày", "“31/02/2030” chưa phải ngày. Hãy gõ như 15/12/2026."),
        (3, "Ngày", "Chủ nhật đã là ngày nghỉ."),
        (4, "Tên ngày nghỉ", "Chưa có giá trị."),
        (6, "", "Ngày này có hai dòng."),
    ]
    assert [line.row for line in run.faulty_lines] == [2, 3, 4, 6]
    assert run.lines[0].cells["day"] == "31/02/2030"
    assert run.lines[0].outcome is None
    assert run.lines[3].outcome is RowOutcome.NEW


def test_apply_writes_one_change_set_with_source_and_file(system: None) -> None:
    before = db.session.scalar(select(func.max(ChangeSet.id))) or 0
    assert engine.apply(SPEC, check(*DAYS), "../ngày.xlsx") == 2
    assert known_days() == dict(DAYS)
    (change_set,) = db.session.scalars(select(ChangeSet).where(ChangeSet.id > before))
    assert (change_set.source, change_set.change_count) == ("import", 2)
    assert change_set.reason == "Nhập từ tệp ngày.xlsx"
    again = check(*DAYS, (date(2030, 4, 30), "Mới"))
    assert (again.count("new"), again.count("same")) == (1, 2)
    changed = check((DAYS[0][0], "Tên khác"))
    assert changed.count("changed") == 1
    assert current().source == "command"


def test_apply_that_fails_in_the_middle_writes_nothing(system: None) -> None:
    run = check(*DAYS, (date(2030, 5, 1), "hỏng"))
    with pytest.raises(RuntimeError, match="middle"):
        engine.apply(SPEC, run, "ngay.xlsx")
    assert known_days() == {}


def test_apply_faulty_or_empty_dry_run_is_refused(system: None) -> None:
    for dry_run in (check((date(2030, 9, 1), "Chủ nhật")), check()):
        with pytest.raises(ValueError, match="clean"):
            engine.apply(SPEC, dry_run, "ngay.xlsx")


def test_check_options_are_held_to_what_the_spec_asks(system: None) -> None:
    for options, field in (
        ({"unknown": "x"}, ""),
        ({"kind": "khac"}, "option_kind"),
        ({"decision": "x" * 501}, "option_decision"),
    ):
        with pytest.raises(ValidationFailed) as caught:
            engine.check(SPEC, sheet(*DAYS), "a.xlsx", options)
        assert [error.field for error in caught.value.errors] == [field]
    assert engine.clean_options(SPEC, {"kind": "le"}) == {"decision": "", "kind": "le"}


@pytest.mark.parametrize(
    ("name", "words"),
    [("a.xlsm", "macro"), ("a.csv", r"\.xlsx"), ("a.xls", r"\.xlsx"), ("a", r"\.xlsx")],
)
def test_check_file_of_another_kind_is_refused(system: None, name: str, words: str) -> None:
    with pytest.raises(ValidationFailed, match=words):
        engine.check(SPEC, sheet(*DAYS), name, {})


def test_spec_with_a_reader_of_its_own_takes_free_form_documents(app: Flask, system: None) -> None:
    def read(content: bytes) -> Sequence[ImportRow]:
        lines = content.decode().splitlines()
        return [
            (number, {"day": date(2030, 5, number), "name": line})
            for number, line in enumerate(lines, 1)
        ]

    spec = replace(SPEC, read=read, suffixes=("txt",))
    run = engine.check(spec, "Một\nHai\n".encode(), "a.txt", {})
    assert [line.cells["name"] for line in run.lines] == ["Một", "Hai"]
    assert engine.apply(spec, run, "a.txt") == 2
    with pytest.raises(ValidationFailed, match="nội dung"):
        engine.check(spec, b"\x00\x01", "a.txt", {})


def test_apply_without_the_right_is_refused_even_past_the_page(system: None) -> None:
    from tracker.core.context import Actor, Context, acting

    run = check(*DAYS)
    with acting(Context(Actor("Ai đó", 1), current().clock)), pytest.raises(PermissionDenied):
        engine.apply(SPEC, run, "ngay.xlsx")
    assert known_days() == {}


# -- the template ---------------------------------------------------------------------------


def test_template_filled_in_is_read_and_its_example_is_not(system: None) -> None:
    content = write_template(SPEC)
    assert read_workbook(content, SPEC.columns).rows == []
    book = openpyxl.load_workbook(io.BytesIO(content))
    page = book.worksheets[0]
    assert [cell.value for cell in page[3]] == ["Ngày *", "Tên ngày nghỉ *", "Ghi chú"]
    assert page["B2"].value == "Quốc khánh"
    (names,) = (rule for rule in page.data_validations.dataValidation if rule.type == "list")
    assert "$B$1:$B$2" in names.formula1
    assert book.sheetnames == ["Dữ liệu", "Hướng dẫn", "Danh mục"]
    page["A4"], page["B4"] = date(2030, 9, 2), "Quốc khánh"
    run = engine.check(SPEC, contents.saved(book), "mau.xlsx", {})
    assert run.is_clean
    assert len(run.lines) == 1


def test_template_speaks_the_persons_language(system: None) -> None:
    with force_locale("en"):
        book = openpyxl.load_workbook(io.BytesIO(write_template(SPEC)))
    assert [cell.value for cell in book.worksheets[0][3]] == ["Day *", "Name *", "Note"]


# -- the pages ------------------------------------------------------------------------------


def test_pages_lead_from_upload_to_confirmation(coordinator: FlaskClient) -> None:
    assert "Ngày nghỉ để thử" in coordinator.get("/nhap").text
    assert "Tên ngày nghỉ" in coordinator.get(f"/nhap/{KEY}").text
    template = coordinator.get(f"/nhap/{KEY}/mau.xlsx")
    assert template.headers["Content-Disposition"].startswith("attachment")
    sent = send(coordinator, sheet(*DAYS), decision="QĐ 1", kind="le")
    assert sent.status_code == 303
    address = sent.headers["Location"]
    page = coordinator.get(address)
    assert "Nhập 2 dòng" in page.text
    assert known_days() == {}
    done = post(coordinator, address)
    assert (done.status_code, done.headers["Location"]) == (303, f"/nhap/{KEY}")
    assert known_days() == dict(DAYS)
    assert "Đã nhập 2 dòng" in coordinator.get(f"/nhap/{KEY}").text
    decision = db.session.scalar(select(CalendarDay.decision).where(CalendarDay.day == DAYS[0][0]))
    assert decision == "QĐ 1"


def test_confirm_twice_imports_once(coordinator: FlaskClient) -> None:
    address = send(coordinator, sheet(*DAYS)).headers["Location"]
    post(coordinator, address)
    db.session.rollback()
    before = db.session.scalar(select(func.count()).select_from(Change))
    again = post(coordinator, address)
    assert again.status_code == 409
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(Change)) == before
    assert "đã được nhập" in coordinator.get(address).text


def test_dry_run_page_shows_faults_and_no_button(coordinator: FlaskClient) -> None:
    sent = send(coordinator, sheet(*DAYS, (date(2030, 9, 1), "<b>Chủ nhật</b>")))
    address = sent.headers["Location"]
    page = coordinator.get(address).text
    assert "Chủ nhật đã là ngày nghỉ." in page
    assert "&lt;b&gt;" in page
    assert "<b>Chủ" not in page
    assert "Nhập 3 dòng" not in page
    assert "Quốc khánh" not in page
    assert "Quốc khánh" in coordinator.get(f"{address}?dong=tat-ca").text
    refused = post(coordinator, address)
    assert refused.status_code == 422
    assert known_days() == {}
    book = openpyxl.load_workbook(io.BytesIO(coordinator.get(f"{address}/loi.xlsx").data))
    rows = [tuple(cell.value for cell in row) for row in book.worksheets[0].iter_rows(min_row=3)]
    assert rows == [(4, "Ngày", "Chủ nhật đã là ngày nghỉ.")]


def test_confirm_checks_again_what_changed_meanwhile(coordinator: FlaskClient, app: Flask) -> None:
    address = send(coordinator, sheet(*DAYS)).headers["Location"]

    def refuse_all(rows: Sequence[ImportRow], options: object) -> ParsedRows:
        return ParsedRows(None, [RowError(rows[0][0], "", "Đã khác.")])

    offer(app, replace(SPEC, parse=refuse_all))
    assert post(coordinator, address).status_code == 422
    assert known_days() == {}


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"", "a.xlsx", "Tệp trống"),
        (b"<html>", "a.xlsx", "không phải tệp Excel"),
        (contents.PDF, "a.pdf", r"Hãy chọn tệp \.xlsx"),
        (contents.sheet(("Tên ngày nghỉ",)), "a.xlsx", "thiếu cột bắt buộc: Ngày"),
    ],
)
def test_upload_that_cannot_be_used_keeps_what_was_typed(
    coordinator: FlaskClient, content: bytes, name: str, words: str
) -> None:
    answer = send(coordinator, content, name, decision="Số 12/QĐ")
    assert answer.status_code == 422
    assert re.search(words, answer.text)
    assert "Số 12/QĐ" in answer.text
    db.session.rollback()
    assert db.session.scalars(select(ImportUpload.id)).all() == []


def test_upload_with_a_wrong_option_tells_beside_it(coordinator: FlaskClient) -> None:
    answer = send(coordinator, sheet(*DAYS), kind="khac")
    assert answer.status_code == 422
    assert "trong danh sách" in answer.text


def test_upload_without_a_file_says_so(coordinator: FlaskClient) -> None:
    answer = post(coordinator, f"/nhap/{KEY}", {"option_decision": "x"})
    assert answer.status_code == 422
    assert "Hãy chọn tệp." in answer.text


def test_dry_run_without_rows_offers_nothing_to_import(coordinator: FlaskClient) -> None:
    address = send(coordinator, sheet()).headers["Location"]
    assert "không có dòng nào" in coordinator.get(address).text
    assert post(coordinator, address).status_code == 422


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 30])
def test_dry_run_with_a_bad_page_number_is_a_bad_request(
    coordinator: FlaskClient, number: str
) -> None:
    address = send(coordinator, sheet(*DAYS)).headers["Location"]
    assert coordinator.get(f"{address}?page={number}").status_code == 400


def test_dry_run_of_many_rows_comes_in_pages(coordinator: FlaskClient) -> None:
    first = date(2030, 1, 1)
    days = [first + timedelta(days=n) for n in range(300)]
    rows = [(day, f"Ngày số {n}") for n, day in enumerate(days) if day.weekday() != 6]
    address = send(coordinator, sheet(*rows)).headers["Location"]
    assert coordinator.get(address).text.count("Ngày số ") == 200  # text and its title
    assert coordinator.get(f"{address}?page=99").status_code == 200


# -- rights ---------------------------------------------------------------------------------


def test_import_without_its_right_is_closed(officer: FlaskClient, coordinator: FlaskClient) -> None:
    address = send(coordinator, sheet(*DAYS)).headers["Location"]
    assert "Ngày nghỉ để thử" not in officer.get("/nhap").text
    for path in (f"/nhap/{KEY}", f"/nhap/{KEY}/mau.xlsx", address, f"{address}/loi.xlsx"):
        assert officer.get(path).status_code == 403
    assert send(officer, sheet(*DAYS)).status_code == 403
    assert post(officer, address).status_code == 403
    assert known_days() == {}


def test_upload_of_another_person_is_not_found(app: Flask, coordinator: FlaskClient) -> None:
    # IDOR: ASVS 8.2.2; the same right, but somebody else's file.
    address = send(coordinator, sheet(*DAYS)).headers["Location"]
    other = app.test_client()
    sign_in(other, make_user(make_unit("Tỉnh khác", "province"), Role.COORDINATOR))
    for path in (address, f"{address}/loi.xlsx"):
        assert other.get(path).status_code == 404
    assert post(other, address).status_code == 404
    assert known_days() == {}


def test_unknown_import_or_upload_is_not_found(coordinator: FlaskClient) -> None:
    for path in (
        "/nhap/khong-co",
        f"/nhap/{KEY}/{uuid.uuid4()}",
        f"/nhap/{KEY}/123",
        "/nhap/../../etc",
    ):
        assert coordinator.get(path).status_code == 404


def test_pages_without_sign_in_lead_to_the_sign_in(client: FlaskClient) -> None:
    for path in ("/nhap", f"/nhap/{KEY}", f"/nhap/{KEY}/mau.xlsx"):
        assert client.get(path).status_code == 302


# -- large files ----------------------------------------------------------------------------


@pytest.fixture
def large(app: Flask, coordinator: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A coordinator for whom two rows are many; the app offers the jobs of imports alone."""
    monkeypatch.setattr(engine, "MOST_ROWS_AT_ONCE", 2)
    host = host_of(app)
    host.registry = replace(host.registry, jobs={spec.key: spec for spec in jobs.JOBS})
    return coordinator


def newest_run() -> JobRun:
    db.session.rollback()
    return db.session.scalars(select(JobRun).order_by(JobRun.id.desc()).limit(1)).one()


def test_large_file_is_read_and_written_by_runs_whose_progress_its_owner_sees(
    app: Flask, large: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = send(large, sheet(*DAYS), decision="QĐ 1", kind="le").headers["Location"]
    waiting = large.get(address)
    progress = waiting.headers["Location"]
    assert (waiting.status_code, newest_run().job) == (303, services.READ)
    assert "Đang chờ" in large.get(progress).text
    assert post(large, address).headers["Location"] == progress
    other = app.test_client()
    sign_in(other, make_user(make_unit("Tỉnh khác", "province"), Role.COORDINATOR))
    assert [other.get(path).status_code for path in (progress, address)] == [404, 404]

    assert tick(app) == [services.READ]
    assert newest_run().state is RunState.DONE
    page = large.get(progress).text
    assert "Đã đọc 2 dòng. Không có lỗi." in page
    assert address in page
    with monkeypatch.context() as patch:
        # What was found is kept: no page reads the file again.
        patch.setattr(engine, "check", None)
        assert "Nhập 2 dòng" in large.get(address).text
        asked = post(large, address)
    assert known_days() == {}
    assert (asked.status_code, newest_run().job) == (303, services.WRITE)
    assert large.get(address).headers["Location"] == asked.headers["Location"]

    before = db.session.scalar(select(func.max(ChangeSet.id))) or 0
    assert tick(app) == [services.WRITE]
    assert known_days() == dict(DAYS)
    (written,) = db.session.scalars(select(ChangeSet).where(ChangeSet.id > before))
    owner = db.session.scalar(select(ImportUpload.uploaded_by_id))
    assert (written.source, written.actor_id) == ("import", owner)
    done = newest_run()
    assert (done.state, done.result_url) == (RunState.DONE, address)
    assert "Đã nhập 2 dòng." in done.log
    assert "đã được nhập" in large.get(address).text
    assert post(large, address).status_code == 409


def test_large_file_with_faults_shows_them_and_offers_no_button(
    app: Flask, large: FlaskClient
) -> None:
    address = send(large, sheet(*DAYS, (date(2030, 9, 1), "<b>Chủ nhật</b>"))).headers["Location"]
    tick(app)
    assert "Dòng cần sửa: 1." in newest_run().log
    page = large.get(address).text
    assert "Chủ nhật đã là ngày nghỉ." in page
    assert "<b>Chủ" not in page
    assert "Nhập 3 dòng" not in page
    assert "Thêm mới: 3" in page
    assert post(large, address).status_code == 422
    book = openpyxl.load_workbook(io.BytesIO(large.get(f"{address}/loi.xlsx").data))
    assert book.worksheets[0]["C3"].value == "Chủ nhật đã là ngày nghỉ."


def test_large_file_that_cannot_be_used_keeps_what_was_typed(
    app: Flask, large: FlaskClient
) -> None:
    # What can be told at once is told at once.
    assert send(large, sheet(*DAYS), kind="khac").status_code == 422
    assert send(large, sheet(*DAYS), "ngay.xlsm").status_code == 422
    content = contents.sheet(("Tên ngày nghỉ",), ("a",), ("b",), ("c",))
    address = send(large, content, decision="Số 12/QĐ").headers["Location"]
    tick(app)
    # A file of the wrong kind is no failure of the system, of which administrators would be told.
    assert newest_run().state is RunState.DONE
    page = large.get(address).text
    assert "thiếu cột bắt buộc: Ngày" in page
    assert "Số 12/QĐ" in page
    assert post(large, address).status_code == 422


def test_large_file_is_checked_again_when_it_is_written(app: Flask, large: FlaskClient) -> None:
    address = send(large, sheet(*DAYS)).headers["Location"]
    tick(app)
    post(large, address)

    def refuse_all(rows: Sequence[ImportRow], options: object) -> ParsedRows:
        return ParsedRows(None, [RowError(rows[0][0], "", "Đã khác.")])

    offer(app, replace(SPEC, parse=refuse_all))
    tick(app)
    assert "Chưa ghi gì: dữ liệu đã khác" in newest_run().log
    assert "Đã khác." in large.get(address).text
    assert known_days() == {}


def test_large_file_is_written_with_the_rights_of_that_moment(
    app: Flask, large: FlaskClient
) -> None:
    address = send(large, sheet(*DAYS)).headers["Location"]
    tick(app)
    post(large, address)

    def dismiss(work: Work, _data: None) -> None:
        for held in work.session.scalars(select(Grant)):
            work.session.delete(held)

    run(dismiss, None)
    tick(app)
    assert "Chưa ghi gì" in newest_run().log
    assert large.get(address).status_code == 403
    assert known_days() == {}


def test_large_file_of_a_process_that_hung_is_written_once(app: Flask, large: FlaskClient) -> None:
    address = send(large, sheet(*DAYS)).headers["Location"]
    tick(app)
    post(large, address)
    hung = ledger.try_claim(ledger.Claim("elsewhere:1", 30, [services.WRITE]))
    assert hung is not None
    run(ledger.release_runs, ledger.Release((ledger.Token(hung.id, hung.attempt),), "gone"))
    before = db.session.scalar(select(func.max(ChangeSet.id)))
    with pytest.raises(ledger.RunLost):
        # It comes back before another one took the run: nothing of it is written.
        jobs.write(Call(hung))
    assert known_days() == {}
    assert tick(app) == [services.WRITE]
    db.session.rollback()
    assert "đã được nhập" in jobs.write(Call(hung))
    assert known_days() == dict(DAYS)
    sets = select(func.count()).select_from(ChangeSet).where(ChangeSet.id > (before or 0))
    assert db.session.scalar(sets) == 1


def test_large_file_whose_day_is_over_is_told_of(
    app: Flask, large: FlaskClient, clock: FixedClock
) -> None:
    send(large, sheet(*DAYS))
    clock.advance(hours=25)
    hooks.prune(clock.now())
    tick(app)
    assert newest_run().state is RunState.DONE
    assert "không còn" in newest_run().log


# -- pruning --------------------------------------------------------------------------------


def test_upload_is_kept_for_a_day_and_then_pruned(
    coordinator: FlaskClient, clock: FixedClock
) -> None:
    address = send(coordinator, sheet(*DAYS)).headers["Location"]
    clock.advance(hours=23)
    assert hooks.prune(clock.now()) == "Đã xóa 0 tệp nhập tạm."
    clock.advance(hours=2)
    assert hooks.prune(clock.now()) == "Đã xóa 1 tệp nhập tạm."
    db.session.rollback()
    assert db.session.scalars(select(ImportUpload.id)).all() == []
    assert coordinator.get(address).status_code in {302, 404}

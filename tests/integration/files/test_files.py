"""Files from upload to download: rights per record, headers, the collector, the doctor."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.factories.accounts import make_user, sign_in
from tests.factories.units import make_unit
from tests.support import contents
from tracker.core.clock import FixedClock
from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting
from tracker.core.db import db
from tracker.core.errors import Conflict, NotFound, TooLarge, ValidationFailed
from tracker.core.work import Work, run
from tracker.files import hooks, owners, queries, services
from tracker.files.models import Attachment, Blob
from tracker.files.services import Collect, FileInput, PreparedFile
from tracker.files.store import current_stores
from tracker.plugins.descriptors import Health

OPEN, SHUT = "test_open", "test_shut"
READABLE = 7


@pytest.fixture(autouse=True)
def record_owners(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two kinds of records: one readable by id, one nobody answers for."""
    monkeypatch.setattr(owners, "_owners", {OPEN: lambda record: record == READABLE})


def attach(
    content: bytes, name: str = "Báo cáo.pdf", owner_kind: str = OPEN, owner_id: int = READABLE
) -> queries.FileLink:
    prepared = services.prepare(FileInput(content, name))

    def service(work: Work, data: PreparedFile) -> int:
        return services.attach(work, data, owner_kind, owner_id).id

    run(service, prepared)
    db.session.rollback()
    return queries.of(owner_kind, [owner_id])[owner_id][-1]


@pytest.fixture
def person(app: Flask, system: None, client: FlaskClient) -> FlaskClient:
    """A browser of somebody who is signed in."""
    sign_in(client, make_user(make_unit("Xã Đạ Tẻh")))
    return client


# -- taking in ------------------------------------------------------------------------------


def test_prepare_keeps_the_content_before_any_row(system: None) -> None:
    prepared = services.prepare(FileInput(contents.PDF, "../Tờ trình.pdf"))
    assert prepared.name == "Tờ trình.pdf"
    assert prepared.media_type == "application/pdf"
    with current_stores().contents.open(prepared.sha256) as stream:
        assert stream.read() == contents.PDF
    assert db.session.scalars(select(Blob.sha256)).all() == []


def test_prepare_too_large_file_is_refused(system: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "largest_bytes", lambda: 1024 * 1024)
    with pytest.raises(TooLarge, match=r"to\.txt.*1 MB"):
        services.prepare(FileInput(b"a" * (1024 * 1024 + 1), "to.txt"))
    assert list(current_stores().contents.iterate()) == []


def test_prepare_empty_file_is_refused_on_its_field(system: None) -> None:
    with pytest.raises(ValidationFailed) as caught:
        services.prepare(FileInput(b"", "a.txt"), "evidence")
    assert [error.field for error in caught.value.errors] == ["evidence"]


def test_prepare_all_names_every_bad_file_at_once(system: None) -> None:
    uploads = [
        FileInput(contents.PDF, "tot.pdf"),
        FileInput(b"<svg/>", "xau.svg"),
        FileInput(b"", ""),
        FileInput(b"x", "xau.jpg"),
    ]
    with pytest.raises(ValidationFailed) as caught:
        services.prepare_all(uploads)
    assert [error.message.split("”")[0] for error in caught.value.errors] == [
        "“xau.svg",
        "“xau.jpg",
    ]


def test_prepare_all_limits_how_many_come_at_once(system: None) -> None:
    with pytest.raises(ValidationFailed, match="tối đa 2"):
        services.prepare_all([FileInput(contents.PDF, f"{n}.pdf") for n in range(3)], most=2)


def test_attach_same_content_twice_keeps_one_blob_and_two_files(system: None) -> None:
    first = attach(contents.PDF, "một.pdf")
    second = attach(contents.PDF, "hai.pdf")
    assert first.public_id != second.public_id
    assert len(db.session.scalars(select(Blob.sha256)).all()) == 1
    assert [one.name for one in queries.of(OPEN, [READABLE, 8])[READABLE]] == [
        "một.pdf",
        "hai.pdf",
    ]


def test_attach_collected_content_asks_to_send_again(system: None) -> None:
    prepared = services.prepare(FileInput(contents.PDF, "a.pdf"))
    current_stores().contents.delete(prepared.sha256)
    with pytest.raises(Conflict, match=r"a\.pdf"):
        run(lambda work, data: services.attach(work, data, OPEN, 1).id, prepared)
    assert db.session.scalars(select(Attachment.id)).all() == []


def test_remove_file_of_another_record_is_not_found(system: None) -> None:
    # Redmine #43634, #43635: a file removed by way of a record that it does not belong to.
    link = attach(contents.PDF)

    def service(work: Work, owner_id: int) -> None:
        services.remove(work, link.public_id, OPEN, owner_id)

    with pytest.raises(NotFound):
        run(service, READABLE + 1)
    run(service, READABLE)
    assert queries.of(OPEN, [READABLE]) == {}


# -- handing out ----------------------------------------------------------------------------


def test_download_sends_the_content_to_be_saved_and_sandboxed(person: FlaskClient) -> None:
    link = attach(contents.PDF, "Báo cáo quý I.pdf")
    answer = person.get(f"/tep/{link.public_id}", buffered=True)
    assert answer.status_code == 200
    assert answer.data == contents.PDF
    headers = answer.headers
    assert headers["Content-Type"] == "application/pdf"
    assert headers["Content-Length"] == str(len(contents.PDF))
    assert headers["Content-Disposition"] == (
        'attachment; filename="bao-cao-quy-i.pdf"; '
        "filename*=UTF-8''B%C3%A1o%20c%C3%A1o%20qu%C3%BD%20I.pdf"
    )
    assert headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("place", ["", "/xem", "/nho"])
def test_file_of_a_record_out_of_reach_is_as_if_absent(person: FlaskClient, place: str) -> None:
    # IDOR: Kanboard CVE-2023-33956 (file by parameter), ASVS 8.2.2.
    picture = contents.picture()
    foreign = attach(picture, "a.jpg", OPEN, READABLE + 1)
    unanswered = attach(picture, "a.jpg", SHUT, READABLE)
    for link in (foreign, unanswered):
        assert person.get(f"/tep/{link.public_id}{place}", buffered=True).status_code == 404


@pytest.mark.parametrize(
    "address",
    [
        "/tep/1",
        "/tep/../../etc/passwd",
        "/tep/00000000-0000-0000-0000-000000000000",
        "/tep/00000000-0000-0000-0000-000000000000/nho",
        "/tep/%2e%2e%2fsecret.key",
    ],
)
def test_address_without_file_is_not_found(person: FlaskClient, address: str) -> None:
    assert person.get(address).status_code == 404


def test_download_without_sign_in_leads_to_the_sign_in(system: None, client: FlaskClient) -> None:
    link = attach(contents.PDF)
    answer = client.get(f"/tep/{link.public_id}")
    assert answer.status_code == 302
    assert "/dang-nhap" in answer.headers["Location"]


@pytest.mark.parametrize(
    "name", ['a";x="b.pdf', "a\r\nSet-Cookie: x=1.pdf", "a;b,c'%00.pdf", "ă" * 300 + ".pdf"]
)
def test_download_name_cannot_break_the_header(person: FlaskClient, name: str) -> None:
    link = attach(contents.PDF, name)
    answer = person.get(f"/tep/{link.public_id}", buffered=True)
    header = answer.headers["Content-Disposition"]
    assert header.isascii()
    assert header.count('"') == 2
    assert "Set-Cookie" not in answer.headers or "x=1" not in answer.headers["Set-Cookie"]


def test_show_displays_pictures_only(person: FlaskClient) -> None:
    picture = attach(contents.picture(), "ảnh.jpg")
    answer = person.get(f"/tep/{picture.public_id}/xem", buffered=True)
    assert answer.headers["Content-Disposition"].startswith("inline;")
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox;")
    for content, name in ((contents.PDF, "a.pdf"), (b"<b>chu</b>", "a.txt")):
        link = attach(content, name)
        assert person.get(f"/tep/{link.public_id}/xem", buffered=True).status_code == 404
        assert person.get(f"/tep/{link.public_id}/nho", buffered=True).status_code == 404


def test_polyglot_picture_is_sent_as_a_picture_and_nothing_else(person: FlaskClient) -> None:
    # OpenProject CVE-2026-23625: an attachment that is a script as well.
    link = attach(contents.picture() + b"<script>alert(1)</script>", "a.jpg")
    for place in ("", "/xem"):
        answer = person.get(f"/tep/{link.public_id}{place}", buffered=True)
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "script-src" not in answer.headers["Content-Security-Policy"]


def test_thumbnail_is_small_kept_and_made_again(person: FlaskClient) -> None:
    link = attach(contents.picture(size=(2000, 1000)), "ảnh.jpg")
    answer = person.get(f"/tep/{link.public_id}/nho", buffered=True)
    assert answer.status_code == 200
    assert len(answer.data) < 20_000
    tag = answer.headers["ETag"]
    again = person.get(f"/tep/{link.public_id}/nho", headers={"If-None-Match": tag}, buffered=True)
    assert (again.status_code, again.data) == (304, b"")
    stores = current_stores()
    (sha256,) = (one.sha256 for one in stores.contents.iterate())
    stores.thumbnails.delete(sha256)
    assert person.get(f"/tep/{link.public_id}/nho", buffered=True).data == answer.data
    assert stores.thumbnails.exists(sha256)


def test_download_of_lost_content_is_told_and_no_fault(person: FlaskClient) -> None:
    link = attach(contents.PDF)
    (sha256,) = (one.sha256 for one in current_stores().contents.iterate())
    current_stores().contents.delete(sha256)
    answer = person.get(f"/tep/{link.public_id}", buffered=True)
    assert answer.status_code == 404
    assert "kho tệp" in answer.text


# -- collecting -----------------------------------------------------------------------------


def age_all(instance: Path, clock: FixedClock) -> None:
    """Let all files look as if they had been written at the clock's time."""
    seconds = clock.now().timestamp()
    for path in (instance / "files").rglob("*"):
        if path.is_file():
            os.utime(path, (seconds, seconds))


def collect_at(clock: FixedClock) -> int:
    with acting(Context(SYSTEM_ACTOR, clock, Source.JOB)):
        return services.collect_unused()


def test_collect_takes_only_unused_contents_older_than_a_day(
    system: None, instance: Path, clock: FixedClock
) -> None:
    kept = attach(contents.PDF)
    unused = services.prepare(FileInput(b"bo di", "a.txt"))
    age_all(instance, clock)
    clock.advance(hours=23)
    assert collect_at(clock) == 0
    clock.advance(hours=2)
    assert collect_at(clock) == 1
    stores = current_stores()
    assert not stores.contents.exists(unused.sha256)
    assert queries.find(kept.public_id) is not None
    assert collect_at(clock) == 0


def test_collect_takes_contents_whose_last_file_was_removed(
    system: None, instance: Path, clock: FixedClock
) -> None:
    link = attach(contents.picture(), "a.jpg")
    run(lambda work, _data: services.remove(work, link.public_id, OPEN, READABLE), None)
    age_all(instance, clock)
    clock.advance(days=2)
    assert collect_at(clock) == 1
    assert list(current_stores().contents.iterate()) == []
    assert list(current_stores().thumbnails.iterate()) == []
    db.session.rollback()
    assert db.session.scalars(select(Blob.sha256)).all() == []


def test_collect_looks_again_under_lock(system: None, instance: Path, clock: FixedClock) -> None:
    link = attach(contents.PDF)
    sha256 = db.session.scalars(select(Blob.sha256)).one()
    age_all(instance, clock)
    clock.advance(days=2)
    with acting(Context(SYSTEM_ACTOR, clock, Source.JOB)):
        # It looked unused, and was attached before the collector got its lock.
        assert run(services.collect_contents, Collect((sha256,))) == 0
    assert current_stores().contents.exists(sha256)
    assert queries.find(link.public_id) is not None


def test_collect_spares_content_sent_again_meanwhile(
    system: None, instance: Path, clock: FixedClock
) -> None:
    prepared = services.prepare(FileInput(contents.PDF, "a.pdf"))
    age_all(instance, clock)
    clock.advance(days=2)
    services.prepare(FileInput(contents.PDF, "a.pdf"))
    with acting(Context(SYSTEM_ACTOR, clock, Source.JOB)):
        assert run(services.collect_contents, Collect((prepared.sha256,))) == 0
    assert current_stores().contents.exists(prepared.sha256)


def test_collect_job_says_what_it_did(system: None, instance: Path, clock: FixedClock) -> None:
    services.prepare(FileInput(contents.PDF, "a.pdf"))
    age_all(instance, clock)
    clock.advance(days=2)
    with acting(Context(SYSTEM_ACTOR, clock, Source.JOB)):
        assert hooks.collect(clock.now()) == "Đã dọn 1 tệp không còn dùng."


# -- the doctor -----------------------------------------------------------------------------


def findings() -> list[tuple[Health, bool]]:
    return [(one.health, bool(one.advice)) for one in hooks.check_store()]


def test_check_store_tells_lost_and_stray_contents(system: None) -> None:
    assert findings() == [(Health.OK, False)]
    attach(contents.PDF)
    assert findings() == [(Health.OK, False)]
    stray = services.prepare(FileInput(b"lac", "a.txt"))
    assert findings() == [(Health.WARNING, True)]
    stores = current_stores()
    (kept,) = (one.sha256 for one in stores.contents.iterate() if one.sha256 != stray.sha256)
    stores.contents.delete(kept)
    assert findings() == [(Health.ERROR, True), (Health.WARNING, True)]


def test_register_owner_twice_is_refused() -> None:
    owners.register("test_new", _nobody)
    owners.register("test_new", _nobody)
    with pytest.raises(ValueError, match="test_new"):
        owners.register("test_new", lambda _record: True)


def _nobody(_record: int) -> bool:
    return False


def test_upload_of_a_form_fits_prepare(app: Flask, system: None) -> None:
    from werkzeug.datastructures import FileStorage

    given: Any = FileStorage(io.BytesIO(contents.PDF), "Tờ trình.pdf")
    assert services.prepare(given).size == len(contents.PDF)
    assert services.prepare_all([FileStorage(io.BytesIO(b""), "")]) == []

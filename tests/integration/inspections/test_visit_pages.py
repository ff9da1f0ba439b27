"""Visits at the HTTP door: the whole life of a surprise visit, and who may not touch it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from tests.factories.inspections import (
    checklist_id,
    finish,
    items_of,
    make_finding,
    make_inspection_plan,
    make_visit,
    photo,
    plan_items,
)
from tests.factories.notices import kinds_of
from tests.factories.outbox import work_off
from tests.factories.plans import make_plan, make_task
from tests.integration.inspections.conftest import World
from tests.support.statements import statements_sent
from tracker.core.changes import ChangeSet
from tracker.core.db import db
from tracker.inspections.models import (
    Answer,
    Finding,
    FindingState,
    Visit,
    VisitAnswer,
    VisitKind,
    VisitState,
)

Browse = Callable[[int], FlaskClient]
JSON = {"Accept": "application/json"}


def fresh(model: type, key: int) -> object:
    """Return a record as it is in the database now."""
    db.session.rollback()
    return db.session.get_one(model, key)


def csrf_of(client: FlaskClient, path: str = "/kiem-tra") -> str:
    """Return the token of a page's forms."""
    html = client.get(path).get_data(as_text=True)
    return html.partition('name="csrf_token" value="')[2].partition('"')[0]


def post(client: FlaskClient, path: str, data: dict[str, object], **more: object) -> object:
    """Send a form with its token."""
    return client.post(path, data={"csrf_token": csrf_of(client), **data}, **more)


def new_visit(client: FlaskClient, unit: int, **more: object) -> int:
    """Make a surprise visit through its form; return its id."""
    answer = post(
        client,
        "/kiem-tra/moi",
        {
            "kind": "surprise",
            "unit_id": unit,
            "visited_on": "16/06/2026",
            "checklist_id": checklist_id("gio_giac"),
            **more,
        },
    )
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return int(answer.headers["Location"].rpartition("/")[2])


def test_surprise_visit_lives_from_the_gate_to_its_notice(world: World, browse: Browse) -> None:
    client = browse(world.inspector)
    visit_id = new_visit(client, world.commune)
    page = f"/kiem-tra/{visit_id}"

    answer = post(
        client,
        f"{page}/quan-so",
        {
            "present": "40",
            "absent_with_reason": "25",
            "absent_without_reason": "1",
            "counted_at": "7h15",
            "note": "25 người đi họp",
        },
    )
    assert answer.status_code == 303
    items = items_of(visit_id)
    for index, item in enumerate(items):
        words = "fail" if index == 0 else "pass"
        sent = post(client, f"{page}/tra-loi/{item.id}", {"answer": words, "note": ""})
        assert sent.status_code == 303

    for number in (1, 2):
        answer = post(
            client,
            f"{page}/phat-hien/moi",
            {
                "item_id": items[0].id if number == 1 else "",
                "text": f"Đến muộn, lần {number}",
                "severity": "major",
                "remedy_due_on": "01/07/2026",
                "photos": [(io.BytesIO(photo(60 + number)), f"anh-{number}.jpg")],
            },
            content_type="multipart/form-data",
        )
        assert answer.status_code == 303, answer.get_data(as_text=True)

    review = client.get(f"{page}/ket-thuc").get_data(as_text=True)
    assert "Đã ghi đủ các mục bắt buộc" in review
    assert post(client, f"{page}/ket-thuc", {"conclusion": "Chấn chỉnh"}).status_code == 303

    visit = fresh(Visit, visit_id)
    assert visit.state is VisitState.FINISHED
    assert (visit.present, visit.absent_with_reason, visit.absent_without_reason) == (40, 25, 1)
    shown = client.get(page).get_data(as_text=True)
    assert "25 người đi họp" in shown
    assert "Đến muộn, lần 2" in shown

    late = post(client, f"{page}/tra-loi/{items[0].id}", {"answer": "pass"})
    assert late.status_code == 409
    told = post(
        client,
        f"{page}/thong-bao",
        {"conclusion": "Chấn chỉnh", "notice_number": "15/TB-SNV", "notice_on": "16/06/2026"},
    )
    assert told.status_code == 303
    assert fresh(Visit, visit_id).notice_number == "15/TB-SNV"
    minutes = client.get(f"{page}/bien-ban").get_data(as_text=True)
    assert "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM" in minutes
    assert "40" in minutes
    for path in ("/kiem-tra", "/kiem-tra/phat-hien", "/kiem-tra/ke-hoach", "/kiem-tra/bang-kiem"):
        assert client.get(path).status_code == 200


def test_finishing_names_everything_that_is_missing(world: World, browse: Browse) -> None:
    client = browse(world.inspector)
    visit_id = make_visit(world.commune, world.inspector)
    answer = post(client, f"/kiem-tra/{visit_id}/ket-thuc", {"conclusion": "Xong"})
    html = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "Chưa ghi đủ quân số" in html
    assert all(item.text in html for item in items_of(visit_id))
    assert fresh(Visit, visit_id).state is VisitState.IN_PROGRESS


def test_answer_from_script_returns_what_changed(world: World, browse: Browse) -> None:
    client = browse(world.inspector)
    visit_id = make_visit(world.commune, world.inspector)
    item = items_of(visit_id)[0]
    answer = post(
        client, f"/kiem-tra/{visit_id}/tra-loi/{item.id}", {"answer": "fail"}, headers=JSON
    )
    assert answer.status_code == 200
    parts = answer.get_json()["replace"]
    assert "Đã lưu" in parts[f"after-{item.id}"]
    assert "Ghi phát hiện" in parts[f"after-{item.id}"]
    assert "1/3" in parts["count-1"]


def test_same_answer_twice_is_written_once(world: World, browse: Browse) -> None:
    client = browse(world.inspector)
    visit_id = make_visit(world.commune, world.inspector)
    item = items_of(visit_id)[0]
    path = f"/kiem-tra/{visit_id}/tra-loi/{item.id}"
    post(client, path, {"answer": "pass", "note": "tốt"}, headers=JSON)
    db.session.rollback()
    sets = db.session.scalar(select(func.count()).select_from(ChangeSet))
    again = post(client, path, {"answer": "pass", "note": "tốt"}, headers=JSON)
    assert again.status_code == 200
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(ChangeSet)) == sets
    assert db.session.scalar(select(func.count()).select_from(VisitAnswer)) == 1


def test_same_form_twice_makes_one_visit_and_one_finding(world: World, browse: Browse) -> None:
    client = browse(world.inspector)
    key = "0b7c2f0e-5f3e-4f4e-9f43-000000000001"
    first = new_visit(client, world.commune, send_key=key)
    assert new_visit(client, world.commune, send_key=key) == first
    data = {"text": "Thiếu biển tên", "severity": "minor", "send_key": key}
    for _again in range(2):
        answer = post(client, f"/kiem-tra/{first}/phat-hien/moi", dict(data))
        assert answer.status_code == 303
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(Visit)) == 1
    assert db.session.scalar(select(func.count()).select_from(Finding)) == 1


def test_key_of_another_persons_visit_is_refused(world: World, browse: Browse) -> None:
    key = "0b7c2f0e-5f3e-4f4e-9f43-000000000002"
    new_visit(browse(world.inspector), world.commune, send_key=key)
    answer = post(
        browse(world.colleague),
        "/kiem-tra/moi",
        {"kind": "surprise", "unit_id": world.other, "visited_on": "16/06/2026", "send_key": key},
    )
    assert answer.status_code == 409


def test_other_teams_visit_is_read_only_in_scope_and_unknown_outside(
    world: World, browse: Browse
) -> None:
    """CVE-2023-33956, CVE-2026-35598: a record reached by its number (ASVS 8.2.2)."""
    visit_id = make_visit(world.commune, world.inspector)
    item = items_of(visit_id)[0]
    writes = {
        f"/kiem-tra/{visit_id}/tra-loi/{item.id}": {"answer": "pass"},
        f"/kiem-tra/{visit_id}/quan-so": {"present": "1"},
        f"/kiem-tra/{visit_id}/ket-thuc": {"conclusion": ""},
        f"/kiem-tra/{visit_id}/huy": {"reason": "không"},
        f"/kiem-tra/{visit_id}/phat-hien/moi": {"text": "x", "severity": "minor"},
    }
    colleague, stranger, head = (
        browse(world.colleague),
        browse(world.stranger),
        browse(world.head),
    )
    assert colleague.get(f"/kiem-tra/{visit_id}").status_code == 200
    assert head.get(f"/kiem-tra/{visit_id}").status_code == 200
    assert stranger.get(f"/kiem-tra/{visit_id}").status_code == 404
    assert stranger.get(f"/kiem-tra/{visit_id}/bien-ban").status_code == 404
    for path, data in writes.items():
        assert post(colleague, path, data).status_code == 403, path
        assert post(head, path, data).status_code == 403, path
        assert post(stranger, path, data).status_code == 404, path
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(VisitAnswer)) == 0
    assert fresh(Visit, visit_id).state is VisitState.IN_PROGRESS


def test_answer_to_item_of_another_checklist_is_not_found(world: World, browse: Browse) -> None:
    visit_id = make_visit(world.commune, world.inspector, checklist="gio_giac")
    foreign = items_of(make_visit(world.other, world.inspector, checklist="mot_cua"))[0]
    client = browse(world.inspector)
    answer = post(client, f"/kiem-tra/{visit_id}/tra-loi/{foreign.id}", {"answer": "pass"})
    assert answer.status_code == 404
    finding = post(
        client,
        f"/kiem-tra/{visit_id}/phat-hien/moi",
        {"item_id": foreign.id, "text": "x", "severity": "minor"},
    )
    assert finding.status_code == 422


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/kiem-tra?page=x", 400),
        ("/kiem-tra?page=0", 400),
        ("/kiem-tra?sort=drop", 400),
        ("/kiem-tra?loai=none", 400),
        ("/kiem-tra?dv=1'--", 400),
        ("/kiem-tra?dv=99999999999999", 400),
        ("/kiem-tra?tu=31/02/2026", 400),
        ("/kiem-tra?thang=2026-13", 400),
        ("/kiem-tra?thang=abc", 400),
        ("/kiem-tra/phat-hien?tt=x", 400),
        ("/kiem-tra/phat-hien?muc_do=x", 400),
        ("/kiem-tra/99999999999999", 404),
        ("/kiem-tra/phat-hien/99999999999999", 404),
        ("/kiem-tra/ke-hoach/khong-co", 404),
        ("/kiem-tra/bang-kiem/khong-co", 404),
        ("/kiem-tra/bang-kiem/mot_cua?ban=99", 404),
        ("/kiem-tra?q=%00%F0%9F%98%80%27%25_&page=7", 200),
        ("/kiem-tra/phat-hien?q=%25_%27&lap_lai=1&qua_han=1", 200),
    ],
)
def test_malformed_address_gets_a_clear_status(
    world: World, browse: Browse, path: str, status: int
) -> None:
    assert browse(world.inspector).get(path).status_code == status


@pytest.mark.parametrize(
    "data",
    [
        {"present": "-1"},
        {"present": "nhiều"},
        {"present": "99999"},
        {"present": "1", "counted_at": "25:00"},
        {"present": "９"},
    ],
)
def test_malformed_headcount_keeps_what_was_typed(
    world: World, browse: Browse, data: dict[str, str]
) -> None:
    visit_id = make_visit(world.commune, world.inspector)
    client = browse(world.inspector)
    answer = post(client, f"/kiem-tra/{visit_id}/quan-so", {**data, "note": "đang gõ"})
    assert answer.status_code == 422
    assert "đang gõ" in answer.get_data(as_text=True)
    assert fresh(Visit, visit_id).present is None
    asked = post(client, f"/kiem-tra/{visit_id}/quan-so", data, headers=JSON)
    assert asked.status_code == 422
    assert asked.get_json()["message"]


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"kind": "surprise"},
        {"kind": "x", "unit_id": "1", "visited_on": "16/06/2026"},
        {"kind": "surprise", "unit_id": "abc", "visited_on": "16/06/2026"},
        {"kind": "surprise", "unit_id": "999999", "visited_on": "16/06/2026"},
        {"kind": "surprise", "unit_id": "{commune}", "visited_on": "2026"},
        {"kind": "surprise", "unit_id": "{commune}", "visited_on": "17/06/2026"},
        {"kind": "surprise", "unit_id": "{commune}", "visited_on": "16/06/1901"},
        {"kind": "planned", "unit_id": "{commune}", "visited_on": "16/06/2026"},
        {"kind": "reinspection", "unit_id": "{commune}", "visited_on": "16/06/2026"},
        {"kind": "surprise", "unit_id": "{commune}", "visited_on": "16/06/2026",
         "checklist_id": "9999"},
    ],
)  # fmt: skip
def test_malformed_visit_is_refused_with_its_form(
    world: World, browse: Browse, data: dict[str, str]
) -> None:
    filled = {name: words.format(commune=world.commune) for name, words in data.items()}
    answer = post(browse(world.inspector), "/kiem-tra/moi", {**filled, "team_name": "Tổ số 9"})
    assert answer.status_code == 422
    assert "Tổ số 9" in answer.get_data(as_text=True)
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(Visit)) == 0


def test_unknown_answer_is_a_bad_request(world: World, browse: Browse) -> None:
    visit_id = make_visit(world.commune, world.inspector)
    path = f"/kiem-tra/{visit_id}/tra-loi/{items_of(visit_id)[0].id}"
    client = browse(world.inspector)
    assert post(client, path, {"answer": "có lẽ"}).status_code == 400
    assert post(client, path, {}, headers=JSON).status_code == 422
    assert client.post(path, data={"answer": "pass"}).status_code == 400  # no token


def test_file_that_is_no_photo_is_refused_and_words_stay(world: World, browse: Browse) -> None:
    visit_id = make_visit(world.commune, world.inspector)
    answer = post(
        browse(world.inspector),
        f"/kiem-tra/{visit_id}/phat-hien/moi",
        {
            "text": "Giữ nguyên câu này",
            "severity": "minor",
            "photos": [(io.BytesIO(b"<svg onload=alert(1)>"), "anh.jpg")],
        },
        content_type="multipart/form-data",
    )
    assert answer.status_code == 422
    assert "Giữ nguyên câu này" in answer.get_data(as_text=True)
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(Finding)) == 0


def test_planned_visit_rests_on_its_plan_row(world: World, browse: Browse) -> None:
    key = make_inspection_plan(world.office, [world.commune, world.other])
    row = plan_items(key)[world.commune]
    client = browse(world.inspector)
    data = {
        "kind": "planned",
        "unit_id": world.commune,
        "visited_on": "16/06/2026",
        "plan_item_id": row,
        "checklist_id": checklist_id("gio_giac"),
    }
    answer = post(client, "/kiem-tra/moi", data)
    visit_id = int(answer.headers["Location"].rpartition("/")[2])
    assert fresh(Visit, visit_id).state is VisitState.PLANNED
    assert post(client, "/kiem-tra/moi", data).status_code == 422  # the row is taken
    page = f"/kiem-tra/{visit_id}"
    begin = re.compile('btn-primary" type="submit" form="start-visit"')
    assert begin.search(client.get(page).get_data(as_text=True))
    assert post(client, f"{page}/bat-dau", {}).status_code == 303
    begun = client.get(page).get_data(as_text=True)
    assert not begin.search(begun)
    assert f'btn-primary" href="{page}/ket-thuc"' in begun
    finish(visit_id)
    make_visit(world.other, world.inspector)
    html = client.get(f"/kiem-tra/ke-hoach/{key}").get_data(as_text=True)
    assert "1/2" in html
    assert "50,00%" in html


def test_a_visit_to_come_is_told_to_its_team_and_once_announced_to_the_unit(
    world: World, browse: Browse
) -> None:
    row = plan_items(make_inspection_plan(world.office, [world.commune]))[world.commune]
    visit_id = make_visit(
        world.commune, world.inspector, kind=VisitKind.PLANNED, plan_item=row, checklist=None
    )
    work_off()
    told = "inspections.visit_planned"
    assert [kinds_of(one) for one in (world.inspector, world.head)] == [[told], []]
    client, path = browse(world.inspector), f"/kiem-tra/{visit_id}"
    facts = {"version": "1", "visited_on": "16/06/2026", "team_name": "Tổ kiểm tra công vụ"}
    assert post(client, f"{path}/sua", {**facts, "is_announced": "y"}).status_code == 303
    along = {"user_id": world.colleague, "role": "member"}
    assert post(client, f"{path}/doan", along).status_code == 303
    work_off()
    assert [kinds_of(one) for one in (world.inspector, world.head, world.colleague)] == [[told]] * 3


def test_reinspection_verifies_or_reopens_findings(world: World, browse: Browse) -> None:
    first = make_visit(world.commune, world.inspector)
    kept, gone = make_finding(first, "Chưa sửa"), make_finding(first, "Đã sửa")
    finish(first)
    client = browse(world.inspector)
    answer = post(
        client,
        "/kiem-tra/moi",
        {
            "kind": "reinspection",
            "unit_id": world.commune,
            "visited_on": "16/06/2026",
            "finding_ids": [kept, gone],
        },
    )
    visit_id = int(answer.headers["Location"].rpartition("/")[2])
    page = f"/kiem-tra/{visit_id}"
    post(client, f"{page}/quan-so", {"present": "9", "absent_with_reason": "0",
                                     "absent_without_reason": "0"})  # fmt: skip
    assert post(client, f"{page}/ket-thuc", {}).status_code == 422
    post(client, f"{page}/kiem-lai/{kept}", {"remedied": "no", "note": "vẫn thế"})
    post(client, f"{page}/kiem-lai/{gone}", {"remedied": "yes"})
    assert fresh(Finding, gone).state is FindingState.OPEN  # takes effect at the end
    assert post(client, f"{page}/ket-thuc", {}).status_code == 303
    assert fresh(Finding, gone).state is FindingState.VERIFIED
    assert fresh(Finding, kept).state is FindingState.OPEN
    assert "Tái kiểm tra: chưa khắc phục" in client.get(f"/kiem-tra/phat-hien/{kept}").get_data(
        as_text=True
    )


def test_only_the_leader_writes_the_notice(world: World, browse: Browse) -> None:
    visit_id = make_visit(world.commune, world.inspector, world.colleague)
    finish(visit_id)
    data = {"conclusion": "x", "notice_number": "1/TB", "notice_on": "16/06/2026"}
    path = f"/kiem-tra/{visit_id}/thong-bao"
    assert post(browse(world.colleague), path, data).status_code == 403
    leader = browse(world.inspector)
    assert post(leader, path, {**data, "notice_on": ""}).status_code == 422
    assert post(leader, path, data).status_code == 303


def test_cancelled_visit_keeps_its_reason(world: World, browse: Browse) -> None:
    visit_id = make_visit(world.commune, world.inspector)
    client = browse(world.inspector)
    assert post(client, f"/kiem-tra/{visit_id}/huy", {"reason": " "}).status_code == 422
    assert post(client, f"/kiem-tra/{visit_id}/huy", {"reason": "Bão"}).status_code == 303
    assert "Bão" in client.get(f"/kiem-tra/{visit_id}").get_data(as_text=True)


def test_team_gains_guests_and_never_loses_its_last_account(world: World, browse: Browse) -> None:
    visit_id = make_visit(world.commune, world.inspector)
    client = browse(world.inspector)
    path = f"/kiem-tra/{visit_id}/doan"
    assert post(client, path, {"role": "member"}).status_code == 422
    added = post(client, path, {"name": "Ông Khách", "agency": "Báo tỉnh", "role": "member"})
    assert added.status_code == 303
    assert post(client, path, {"user_id": world.inspector, "role": "member"}).status_code == 422
    html = client.get(path).get_data(as_text=True)
    assert "Ông Khách" in html
    member = html.partition(f"/kiem-tra/{visit_id}/doan/")[2].partition("/")[0]
    post(client, f"{path}/{member}/bo", {})
    assert "Trần Thị An" in client.get(path).get_data(as_text=True)


def test_the_team_is_found_by_name_among_everybody(world: World, browse: Browse) -> None:
    client = browse(world.inspector)
    html = client.get("/kiem-tra/moi").get_data(as_text=True)
    chosen = re.search(r'<select[^>]*name="member_ids"[^>]*>', html)
    assert chosen is not None
    # Without a script it is a list of several, with one a search box.
    assert "multiple" in chosen[0]
    assert "data-combobox" in chosen[0]
    members = [world.colleague, world.coordinator]
    visit_id = new_visit(client, world.commune, member_ids=members)
    team = client.get(f"/kiem-tra/{visit_id}/doan").get_data(as_text=True)
    assert all(name in team for name in ("Trần Thị An", "Lê Văn Bình", "Võ Thị Cúc"))


def test_what_is_overdue_stands_in_order_whatever_it_is(world: World, browse: Browse) -> None:
    """Tasks and findings come from two features; the page puts the longest overdue first."""
    plan = make_plan(world.province)
    today = date(2026, 6, 16)
    visit = make_visit(world.commune, world.inspector, on=today - timedelta(days=40))
    for days in (3, 30):
        make_task(plan, world.commune, title=f"Trễ {days}", due_on=today - timedelta(days=days))
        make_finding(visit, f"Trễ {days + 1}", due=today - timedelta(days=days + 1))
    finish(visit)
    html = browse(world.head).get("/").get_data(as_text=True)
    assert re.findall(r'title="(?:Khắc phục: )?Trễ (\d+)"', html) == ["31", "30", "4", "3"]


def test_list_counts_no_more_queries_with_more_rows(
    app: Flask, world: World, browse: Browse
) -> None:
    client = browse(world.leader)
    with app.app_context():
        engine = db.engine
    for number in range(3):
        visit_id = make_visit(world.commune, world.inspector, on=date(2026, 6, 1 + number))
        make_finding(visit_id)
    counts: dict[str, list[int]] = {}
    paths = ("/kiem-tra", "/kiem-tra/phat-hien", f"/kiem-tra/{visit_id}")
    for round_number in range(2):
        for path in paths:
            with statements_sent(engine) as sent:
                assert client.get(path).status_code == 200
            counts.setdefault(path, []).append(len(sent))
        if round_number == 0:
            for number in range(12):
                more = make_visit(
                    world.other, world.inspector, on=date(2026, 5, 1) + timedelta(days=number)
                )
                make_finding(more)
                make_finding(visit_id)
    for path, (few, many) in counts.items():
        assert few == many, path
        assert many <= 12, (path, many)


def test_export_is_a_workbook(world: World, browse: Browse) -> None:
    make_finding(make_visit(world.commune, world.inspector), "=HYPERLINK(1)")
    client = browse(world.leader)
    for path in ("/kiem-tra/xuat", "/kiem-tra/phat-hien/xuat"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.data[:2] == b"PK"


def test_kinds_are_never_added_together(world: World, browse: Browse) -> None:
    for kind in (VisitKind.SURPRISE, VisitKind.SELF):
        finish(make_visit(world.commune, world.inspector, kind=kind), answers=Answer.PASS)
    html = browse(world.leader).get("/kiem-tra?loai=self&tt=finished").get_data(as_text=True)
    assert html.count('class="title"') == 1

"""Two people at one visit, finding or row of an inspection plan: merged, or shown side by side."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import func, select

from tests.factories.inspections import (
    checklist_id,
    items_of,
    make_finding,
    make_inspection_plan,
    make_visit,
    photo,
    plan_items,
)
from tests.integration.inspections.conftest import World
from tests.integration.inspections.test_visit_pages import fresh, post
from tests.integration.plans.test_conflicts import hidden, text_of
from tracker.core.db import db
from tracker.files.models import Attachment
from tracker.inspections.models import (
    Answer,
    Finding,
    InspectionPlanItem,
    Severity,
    Visit,
    VisitAnswer,
)

Browse = Callable[[int], FlaskClient]


def settled(shown: Any, typed: dict[str, Any], *mine: str) -> dict[str, Any]:
    """Return the answer to a conflict page that keeps one's own version of some fields."""
    versions = {name: hidden(shown, name) for name in ("version", "seen_version")}
    return typed | versions | {f"pick__{name}": "mine" for name in mine}


def test_facts_of_a_visit_are_merged_also_with_its_headcount(world: World, browse: Browse) -> None:
    visit = make_visit(world.commune, world.inspector, world.colleague)
    url = f"/kiem-tra/{visit}/sua"
    first, second = browse(world.inspector), browse(world.colleague)
    opened = {
        "version": hidden(first.get(url), "version"),
        "visited_on": "16/06/2026",
        "checklist_id": str(checklist_id("gio_giac")),
        "team_name": "Tổ kiểm tra công vụ",
        "decision_number": "",
    }
    counts = {"present": "20", "absent_with_reason": "1", "absent_without_reason": "0"}
    assert post(second, f"/kiem-tra/{visit}/quan-so", counts).status_code == 303
    assert post(second, url, opened | {"team_name": "Tổ hai"}).status_code == 303
    # The first touched neither the headcount nor the name.
    changed = opened | {"decision_number": "5/QĐ", "checklist_id": str(checklist_id("mot_cua"))}
    assert post(first, url, changed).status_code == 303
    kept = fresh(Visit, visit)
    assert (kept.team_name, kept.decision_number, kept.present) == ("Tổ hai", "5/QĐ", 20)

    mine = opened | {"team_name": "Tổ ba", "checklist_id": ""}
    shown = post(first, url, mine)
    assert shown.status_code == 409
    said = text_of(shown)
    for words in ("Lúc bạn mở Tổ kiểm tra công vụ", "Tổ hai", "Bản của Lê Văn Bình"):
        assert words in said
    assert 'value="Tổ ba"' in shown.get_data(as_text=True)
    answer = settled(shown, mine, "team_name") | {"pick__checklist_id": "theirs"}
    assert post(first, url, answer).status_code == 303
    kept = fresh(Visit, visit)
    assert kept.team_name == "Tổ ba"
    assert kept.checklist_version_id is not None
    without = {name: value for name, value in mine.items() if name != "version"}
    assert post(first, url, without).status_code == 400


def test_two_phones_of_a_team_undo_nothing_of_each_other(world: World, browse: Browse) -> None:
    """Each phone sends what its page showed along; what its person left alone stays as it is."""
    visit = make_visit(world.commune, world.inspector)
    item = items_of(visit)[0].id
    client, path = browse(world.inspector), f"/kiem-tra/{visit}"
    blank = {"present": "", "absent_with_reason": "", "absent_without_reason": "", "note": ""}
    was = {f"was_{name}": value for name, value in (blank | {"counted_at": ""}).items()}
    page = client.get(path).get_data(as_text=True)
    assert all(f'name="{name}" value=""' in page for name in (*was, "was_answer"))
    counts = blank | {"present": "20", "counted_at": "7:15"}
    assert post(client, f"{path}/quan-so", counts | was).status_code == 303
    # The other phone's page is older: it shows no figures yet.
    assert post(client, f"{path}/quan-so", blank | was | {"note": "Họp"}).status_code == 303
    found = fresh(Visit, visit)
    assert (found.present, found.absence_note) == (20, "Họp")
    assert found.counted_at is not None
    # What is refused comes back as typed, and beside it what is stored.
    wrong = post(client, f"{path}/quan-so", counts | was | {"present": "x", "note": "Ốm"})
    assert wrong.status_code == 422
    page = wrong.get_data(as_text=True)
    assert 'value="x"' in page
    assert 'name="was_present" value="20"' in page
    assert 'name="was_note" value="Họp"' in page

    answer = f"{path}/tra-loi/{item}"
    shown = {"was_answer": "", "was_note": ""}
    assert post(client, answer, {"answer": "fail", "note": "", **shown}).status_code == 303
    shown = {"was_answer": "fail", "was_note": ""}
    assert post(client, answer, {"answer": "fail", "note": "Mờ", **shown}).status_code == 303
    assert post(client, answer, {"answer": "pass", "note": "", **shown}).status_code == 303
    db.session.rollback()
    kept = db.session.scalars(select(VisitAnswer).where(VisitAnswer.visit_id == visit)).one()
    assert (kept.answer, kept.note) == (Answer.PASS, "Mờ")


def test_findings_are_merged_and_a_photo_is_kept_whatever_is_chosen(
    world: World, browse: Browse
) -> None:
    visit = make_visit(world.commune, world.inspector, world.colleague)
    finding = make_finding(visit, "Không có biển tên", due=date(2026, 7, 1))
    url = f"/kiem-tra/phat-hien/{finding}/sua"
    first, second = browse(world.inspector), browse(world.colleague)
    opened = {
        "version": hidden(first.get(url), "version"),
        "text": "Không có biển tên",
        "severity": "minor",
        "remedy_due_on": "01/07/2026",
    }
    assert post(second, url, opened | {"severity": "major"}).status_code == 303
    assert post(first, url, opened | {"remedy_due_on": "15/07/2026"}).status_code == 303
    merged = fresh(Finding, finding)
    assert (merged.severity, merged.remedy_due_on) == (Severity.MAJOR, date(2026, 7, 15))

    mine = opened | {"severity": "critical", "text": "Không có biển tên ở hai bàn"}
    with_photo = mine | {"photos": [(io.BytesIO(photo()), "ban.jpg")]}
    shown = post(first, url, with_photo, content_type="multipart/form-data")
    assert shown.status_code == 409
    assert "Không có biển tên ở hai bàn" in text_of(shown)
    assert post(first, url, settled(shown, mine, "severity")).status_code == 303
    merged = fresh(Finding, finding)
    assert (merged.severity, merged.text) == (Severity.CRITICAL, "Không có biển tên ở hai bàn")
    photos = select(func.count()).where(
        Attachment.owner_kind == "finding", Attachment.owner_id == finding
    )
    assert db.session.scalar(photos) == 1


def test_rows_of_an_inspection_plan_are_merged(world: World, browse: Browse) -> None:
    key = make_inspection_plan(world.office, [world.commune], months=(2, 3), issued=False)
    row = plan_items(key)[world.commune]
    url = f"/kiem-tra/ke-hoach/{key}/don-vi/{row}"
    client = browse(world.inspector)
    opened = {
        "version": hidden(client.get(url), "version"),
        "month_from": "2",
        "month_to": "3",
        "scope": "",
    }
    later = opened | {"month_from": "7", "month_to": "8"}
    assert post(browse(world.colleague), url, later).status_code == 303
    assert post(client, url, opened | {"scope": "Thủ tục"}).status_code == 303
    item = fresh(InspectionPlanItem, row)
    assert (item.planned_from, item.planned_to) == (date(2026, 7, 1), date(2026, 8, 31))
    assert item.scope == "Thủ tục"
    mine = opened | {"month_to": "9"}
    shown = post(client, url, mine)
    assert shown.status_code == 409
    assert "Lúc bạn mở 3" in text_of(shown)
    assert post(client, url, settled(shown, mine, "month_to")).status_code == 303
    assert fresh(InspectionPlanItem, row).planned_to == date(2026, 9, 30)

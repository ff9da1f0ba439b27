"""Checklists in versions and inspection plans, at the HTTP door and through their services."""

from __future__ import annotations

import dataclasses
import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.factories.inspections import (
    checklist_id,
    items_of,
    make_inspection_plan,
    make_visit,
    plan_items,
    version_ids,
)
from tests.factories.units import make_unit_set, system_context
from tests.integration.inspections.conftest import World
from tests.integration.inspections.test_visit_pages import Browse, csrf_of, post
from tracker.core.context import acting
from tracker.core.db import db
from tracker.core.work import run
from tracker.inspections.checklists import sync_templates
from tracker.inspections.models import ChecklistItem
from tracker.inspections.ready_made import ONE_STOP, TEMPLATES


def synced(*templates: object) -> int:
    with acting(system_context()):
        return run(sync_templates, templates)


def test_sync_publishes_only_what_changed(world: World) -> None:
    assert synced(*TEMPLATES) == 0
    changed = dataclasses.replace(ONE_STOP, items=ONE_STOP.items[1:])
    visit_id = make_visit(world.commune, world.inspector, checklist="mot_cua")
    assert synced(changed) == 1
    db.session.rollback()
    assert len(version_ids("mot_cua")) == 2
    assert len(items_of(visit_id)) == len(ONE_STOP.items)  # the visit keeps its own
    later = make_visit(world.commune, world.inspector, checklist="mot_cua")
    assert len(items_of(later)) == len(ONE_STOP.items) - 1


def test_ready_made_codes_are_unique_and_many() -> None:
    codes = [item.code for item in ONE_STOP.items]
    assert len(set(codes)) == len(codes) == 22


def base_of(client: FlaskClient, key: str) -> str:
    """Return what the draft is known by on the page that opens now; '' without a draft."""
    page = client.get(f"/kiem-tra/bang-kiem/{key}/ban-nhap").get_data(as_text=True)
    found = re.search(r'name="base" value="([0-9a-f]+)"', page)
    return found[1] if found else ""


def draft(
    client: FlaskClient, key: str, rows: list[tuple[str, str]], **more: object
) -> TestResponse:
    data = {
        "csrf_token": csrf_of(client),
        "base": base_of(client, key),
        "position": [str(number * 10) for number in range(len(rows))],
        "section": [section for section, _text in rows],
        "text": [words for _section, words in rows],
        "code": ["" for _row in rows],
        "severity": ["minor" for _row in rows],
        "required": ["0"],
        **more,
    }
    return client.post(f"/kiem-tra/bang-kiem/{key}/ban-nhap", data=data)


def test_checklist_is_drafted_published_and_then_fixed(world: World, browse: Browse) -> None:
    client = browse(world.coordinator)
    made = post(client, "/kiem-tra/bang-kiem/moi", {"title": "Văn thư, lưu trữ"})
    assert made.status_code == 303
    key = "van_thu_luu_tru"
    assert draft(client, key, [("Sổ sách", ""), ("", "Thiếu phần")]).status_code == 422
    rows = [("Sổ sách", "Có sổ văn bản đến"), ("Sổ sách", "Có sổ văn bản đi"), ("", "")]
    assert draft(client, key, rows).status_code == 303
    assert draft(client, key, rows, then="publish").status_code == 303
    html = client.get(f"/kiem-tra/bang-kiem/{key}").get_data(as_text=True)
    assert "Có sổ văn bản đi" in html
    codes = db.session.scalars(select(ChecklistItem.code)).all()
    assert {"co_so_van_ban_den", "co_so_van_ban_di"} <= set(codes)
    # Nothing to edit until a new version is begun.
    assert draft(client, key, rows).status_code == 303
    assert post(client, f"/kiem-tra/bang-kiem/{key}/ban-moi", {}).status_code == 303
    assert draft(client, key, rows, then="publish").status_code == 422  # nothing changed
    assert post(client, f"/kiem-tra/bang-kiem/{key}/bo-nhap", {}).status_code == 303
    assert post(client, f"/kiem-tra/bang-kiem/{key}/dung", {}).status_code == 303
    assert "Ngừng dùng" in client.get("/kiem-tra/bang-kiem").get_data(as_text=True)
    for path in (f"{key}", f"{key}?ban=1", "mot_cua", "moi"):
        assert client.get(f"/kiem-tra/bang-kiem/{path}").status_code == 200


def test_a_draft_that_somebody_else_saved_is_shown_beside_what_was_typed(
    world: World, browse: Browse
) -> None:
    """Two people compose one draft: the second sees what the first wrote before it is replaced."""
    first, second = browse(world.coordinator), browse(world.coordinator)
    post(first, "/kiem-tra/bang-kiem/moi", {"title": "Văn thư"})
    opened = base_of(second, "van_thu")
    assert draft(first, "van_thu", [("Sổ", "Có sổ đến"), ("Sổ", "Có sổ đi")]).status_code == 303
    mine = [("Sổ", "Có sổ đến"), ("Sổ", "Gõ dở dang")]
    for then in ("", "publish"):
        stale = draft(second, "van_thu", mine, base=opened, then=then)
        assert stale.status_code == 409
        page = stale.get_data(as_text=True)
        assert "Người khác đã lưu bản nháp này" in page
        assert "Có sổ đi" in page
        assert "Gõ dở dang" in page
    db.session.rollback()
    assert "Có sổ đi" in db.session.scalars(select(ChecklistItem.text)).all()
    newest = re.search(r'name="base" value="([0-9a-f]+)"', page)
    assert newest is not None
    assert draft(second, "van_thu", mine, base=newest[1]).status_code == 303
    db.session.rollback()
    assert "Gõ dở dang" in db.session.scalars(select(ChecklistItem.text)).all()


@pytest.mark.parametrize(
    "more", [{"severity": ["x", "x"]}, {"text": ["one"]}, {"position": ["a", "b"]}]
)
def test_malformed_draft_gets_a_clear_status(
    world: World, browse: Browse, more: dict[str, object]
) -> None:
    client = browse(world.coordinator)
    post(client, "/kiem-tra/bang-kiem/mot_cua/ban-moi", {})
    rows = [("A", "Một"), ("A", "Hai")]
    assert draft(client, "mot_cua", rows, **more).status_code in {303, 400}


def test_inspector_may_not_change_checklists(world: World, browse: Browse) -> None:
    client = browse(world.inspector)
    assert client.get("/kiem-tra/bang-kiem").status_code == 200
    assert client.get("/kiem-tra/bang-kiem/moi").status_code == 403
    assert post(client, "/kiem-tra/bang-kiem/mot_cua/ban-moi", {}).status_code == 403


def test_plan_is_made_filled_by_set_and_issued(world: World, browse: Browse) -> None:
    client = browse(world.inspector)
    made = post(
        client,
        "/kiem-tra/ke-hoach/moi",
        {"title": "Kế hoạch kiểm tra CCHC", "year": "2026", "issuer_id": world.office},
    )
    assert made.status_code == 303
    page = made.headers["Location"]
    assert page.endswith("/ke-hoach-kiem-tra-cchc-2026")
    everyone = make_unit_set("Tất cả các xã", ("commune",), world.province)
    months = {"month_from": "3", "month_to": "4"}
    assert post(client, f"{page}/don-vi", months).status_code == 422
    backwards = {"month_from": "4", "month_to": "3", "unit_set_id": everyone}
    assert post(client, f"{page}/don-vi", backwards).status_code == 422
    added = post(client, f"{page}/don-vi", {**months, "unit_set_id": everyone})
    assert added.status_code == 303
    html = client.get(page).get_data(as_text=True)
    assert "Xã Tân Phước" in html
    assert "Xã Chợ Gạo" in html
    assert "Tháng 03–04/2026" in html
    assert post(client, f"{page}/ban-hanh", {}).status_code == 422  # no number yet
    edit = client.get(f"{page}/sua").get_data(as_text=True)
    version = edit.partition('name="version"')[2].partition('value="')[2].partition('"')[0]
    data = {
        "title": "Kế hoạch kiểm tra CCHC",
        "year": "2026",
        "issuer_id": world.office,
        "number": "12/KH-SNV",
        "issued_on": "05/01/2026",
        "version": version,
    }
    assert post(client, f"{page}/sua", data).status_code == 303
    # Somebody was faster: their number stays unless one chooses the own.
    clash = post(client, f"{page}/sua", {**data, "number": "13/KH-SNV"})
    assert clash.status_code == 409
    assert "12/KH-SNV" in clash.get_data(as_text=True)
    assert 'value="13/KH-SNV"' in clash.get_data(as_text=True)
    assert post(client, f"{page}/ban-hanh", {}).status_code == 303
    assert post(client, f"{page}/xoa", {}).status_code == 409


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"title": "x", "year": "năm nay", "issuer_id": "1"},
        {"title": "x", "year": "1", "issuer_id": "{office}"},
        {"title": "x", "year": "2026", "issuer_id": "999"},
        {"title": "x", "year": "2026", "issuer_id": "{office}", "issued_on": "31/12/2027"},
    ],
)
def test_malformed_plan_is_refused(world: World, browse: Browse, data: dict[str, str]) -> None:
    filled = {name: words.format(office=world.office) for name, words in data.items()}
    answer = post(browse(world.inspector), "/kiem-tra/ke-hoach/moi", filled)
    assert answer.status_code == 422


def test_plan_of_another_reach_is_unknown(world: World, browse: Browse) -> None:
    key = make_inspection_plan(world.office, [world.commune])
    row = plan_items(key)[world.commune]
    assert browse(world.head).get(f"/kiem-tra/ke-hoach/{key}").status_code == 200
    stranger = browse(world.stranger)
    assert stranger.get(f"/kiem-tra/ke-hoach/{key}").status_code == 404
    assert post(stranger, f"/kiem-tra/ke-hoach/{key}/don-vi/{row}/bo", {}).status_code == 404
    assert post(browse(world.head), f"/kiem-tra/ke-hoach/{key}/ban-hanh", {}).status_code == 403


def test_row_with_a_visit_stays_in_its_plan(world: World, browse: Browse) -> None:
    from tracker.inspections.models import VisitKind

    key = make_inspection_plan(world.office, [world.commune])
    row = plan_items(key)[world.commune]
    make_visit(world.commune, world.inspector, kind=VisitKind.PLANNED, plan_item=row)
    path = f"/kiem-tra/ke-hoach/{key}/don-vi/{row}/bo"
    assert post(browse(world.inspector), path, {}).status_code == 409
    assert checklist_id("mot_cua") != checklist_id("gio_giac")

"""Inspection plans change by documents, checklists never: the database itself refuses."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from tests.factories.accounts import post
from tests.factories.inspections import make_inspection_plan, make_visit, plan_items
from tests.factories.units import system_context
from tests.integration.inspections.conftest import World
from tracker.core.context import acting
from tracker.core.db import db
from tracker.core.errors import Conflict
from tracker.core.work import Work, run
from tracker.inspections import figures
from tracker.inspections.models import (
    ChecklistItem,
    ChecklistVersion,
    InspectionPlanDocument,
    InspectionPlanItem,
    InspectionPlanItemVersion,
    Visit,
    VisitKind,
    VisitMember,
)
from tracker.plugins.descriptors import PeriodQuery

Browse = Callable[[int], FlaskClient]
DOCUMENT = {"number": "30/QĐ-SNV", "issued_on": "01/05/2026", "summary": "Đổi tháng kiểm tra"}


@pytest.fixture
def path(world: World) -> str:
    return f"/kiem-tra/ke-hoach/{make_inspection_plan(world.office, [world.commune])}"


def amended(client: FlaskClient, path: str) -> str:
    """Register the document and return its key."""
    assert post(client, f"{path}/dieu-chinh", DOCUMENT).status_code == 303
    db.session.rollback()
    newest = select(InspectionPlanDocument.id).order_by(InspectionPlanDocument.id.desc())
    return str(db.session.scalars(newest).first())


def version_of(client: FlaskClient, address: str) -> str:
    page = client.get(address).get_data(as_text=True)
    found = re.search(r'name="version"[^>]*value="(\d+)"', page)
    assert found is not None
    return found[1]


def test_an_issued_plan_changes_by_a_document_only(world: World, browse: Browse, path: str) -> None:
    client = browse(world.inspector)
    row = plan_items(path.rsplit("/", 1)[1])[world.commune]
    more = {"month_from": "7", "month_to": "8", "unit_ids": [str(world.other)]}
    assert post(client, f"{path}/don-vi", more).status_code == 422
    assert post(client, f"{path}/don-vi/{row}/bo", {}).status_code == 422
    item = f"{path}/don-vi/{row}"
    change = {"month_from": "5", "month_to": "6", "scope": "Thủ tục hành chính"}
    change["version"] = version_of(client, item)
    assert post(client, item, change).status_code == 422

    document = {"document_id": amended(client, path)}
    assert post(client, f"{path}/don-vi", more | document).status_code == 303
    assert post(client, item, change | document).status_code == 303
    page = client.get(path).get_data(as_text=True)
    words = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "Ban hành : số 12/KH-SNV ngày 10/01/2026" in words
    assert "Điều chỉnh lần 1 : số 30/QĐ-SNV ngày 01/05/2026. Đổi tháng kiểm tra" in words
    assert "Thêm Xã Chợ Gạo : tháng 07–08/2026" in words
    assert "Sửa Xã Tân Phước : tháng 01–12/2026 → tháng 05–06/2026, Thủ tục hành chính" in words
    # Somebody else was faster.
    late = post(client, item, {**change, **document, "scope": "Của tôi"})
    assert late.status_code == 409
    assert 'value="Của tôi"' in late.get_data(as_text=True)


def test_a_withdrawn_row_leaves_the_figure_from_its_document_on(
    world: World, browse: Browse
) -> None:
    key = make_inspection_plan(world.office, [world.commune, world.other], months=(2, 3))
    path = f"/kiem-tra/ke-hoach/{key}"
    client, row = browse(world.inspector), plan_items(key)[world.other]
    document = amended(client, path)
    assert post(client, f"{path}/don-vi/{row}/bo", {"document_id": document}).status_code == 303
    assert "Đã rút: Xã Chợ Gạo." in client.get(path).get_data(as_text=True)
    db.session.rollback()
    assert db.session.get_one(InspectionPlanItem, row).withdrawn_on == date(2026, 5, 1)
    with acting(system_context()):
        before = figures.planned_share(PeriodQuery(date(2026, 1, 1), date(2026, 4, 30)))
        after = figures.planned_share(PeriodQuery(date(2026, 1, 1), date(2026, 5, 31)))
    assert (before.denominator, after.denominator) == (2, 1)
    # Months that the document moves count where they stood until then.
    item = f"{path}/don-vi/{plan_items(key)[world.commune]}"
    moved = {"month_from": "7", "month_to": "8", "document_id": document}
    moved["version"] = version_of(client, item)
    assert post(client, item, moved).status_code == 303
    db.session.rollback()
    with acting(system_context()):
        early = figures.planned_share(PeriodQuery(date(2026, 1, 1), date(2026, 4, 30)))
        spring = figures.planned_share(PeriodQuery(date(2026, 1, 1), date(2026, 5, 31)))
        year = figures.planned_share(PeriodQuery(date(2026, 1, 1), date(2026, 12, 31)))
    assert [one.denominator for one in (early, spring, year)] == [2, 0, 1]
    # Nothing rests on a row that is gone, and a document brings the same row back.
    assert client.get(f"{path}/don-vi/{row}").status_code == 404
    again = {"month_from": "2", "month_to": "3", "unit_ids": [str(world.other)]}
    answer = post(client, f"{path}/don-vi", again | {"document_id": document})
    assert answer.status_code == 303
    db.session.rollback()
    assert db.session.get_one(InspectionPlanItem, row).withdrawn_on is None
    actions = select(InspectionPlanItemVersion.action).where(
        InspectionPlanItemVersion.item_id == row
    )
    assert db.session.scalars(actions.order_by(InspectionPlanItemVersion.id)).all() == [
        "added",
        "added",
    ]


def test_a_row_is_withdrawn_once_its_visit_was_given_up(
    world: World, browse: Browse, path: str
) -> None:
    client, row = browse(world.inspector), plan_items(path.rsplit("/", 1)[1])[world.commune]
    visit = make_visit(
        world.commune, world.inspector, kind=VisitKind.PLANNED, plan_item=row, checklist=None
    )
    document = {"document_id": amended(client, path)}
    assert post(client, f"{path}/don-vi/{row}/bo", document).status_code == 409
    assert post(client, f"/kiem-tra/{visit}/huy", {"reason": "Bão"}).status_code == 303
    assert post(client, f"{path}/don-vi/{row}/bo", document).status_code == 303


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"number": ""}, 422),
        ({"issued_on": "09/01/2026"}, 422),
        ({"issued_on": "31/12/2026"}, 422),
        ({"issued_on": "31/02/2026"}, 422),
        ({"number": "x" * 81}, 422),
    ],
)
def test_an_impossible_document_is_told(
    world: World, browse: Browse, path: str, change: dict[str, str], status: int
) -> None:
    client = browse(world.inspector)
    answer = post(client, f"{path}/dieu-chinh", DOCUMENT | change)
    assert answer.status_code == status
    assert "Đổi tháng kiểm tra" in answer.get_data(as_text=True)


def test_a_document_is_registered_once_by_whoever_plans(
    world: World, browse: Browse, path: str
) -> None:
    client = browse(world.inspector)
    amended(client, path)
    assert post(client, f"{path}/dieu-chinh", DOCUMENT).status_code == 409
    assert post(browse(world.head), f"{path}/dieu-chinh", DOCUMENT).status_code == 403
    assert browse(world.stranger).get(f"{path}/dieu-chinh").status_code == 404
    draft = f"/kiem-tra/ke-hoach/{make_inspection_plan(world.office, [world.other], issued=False)}"
    assert post(client, f"{draft}/dieu-chinh", DOCUMENT).status_code == 422


# -- checklists ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE checklist_items SET text = 'khác' WHERE version_id = :version",
        "DELETE FROM checklist_items WHERE version_id = :version",
        "UPDATE checklist_versions SET note = 'khác' WHERE id = :version",
        "DELETE FROM checklist_versions WHERE id = :version",
        (
            "INSERT INTO checklist_items (version_id, position, section, code, text, severity, "
            "is_required) VALUES (:version, 999, 'x', 'x', 'x', 'minor', :yes)"
        ),
    ],
)
def test_the_database_keeps_what_was_published(world: World, statement: str) -> None:
    visit = make_visit(world.commune, world.inspector, checklist="mot_cua")
    version = db.session.get_one(Visit, visit).checklist_version_id
    assert version is not None
    items = select(ChecklistItem.text).where(ChecklistItem.version_id == version)
    before = db.session.scalars(items.order_by(ChecklistItem.id)).all()

    def change(work: Work, number: int) -> None:
        values = {"version": number} | ({"yes": True} if ":yes" in statement else {})
        work.session.connection().execute(text(statement), values)

    with acting(system_context()), pytest.raises((DBAPIError, Conflict)):
        run(change, version)
    assert db.session.scalars(items.order_by(ChecklistItem.id)).all() == before
    assert db.session.get_one(ChecklistVersion, version).note == ""


# -- a unit looks at itself -----------------------------------------------------------------------


def own_check(unit: int) -> dict[str, str]:
    return {"kind": "self", "unit_id": str(unit), "visited_on": "16/06/2026", "checklist_id": ""}


def test_a_head_logs_a_check_of_his_own_unit_and_of_no_other(world: World, browse: Browse) -> None:
    head = browse(world.head)
    assert "Tự kiểm tra" in head.get("/kiem-tra").get_data(as_text=True)
    page = head.get("/kiem-tra/moi").get_data(as_text=True)
    assert "Xã Tân Phước" in page
    assert "Xã Chợ Gạo" not in page
    assert 'value="surprise"' not in page
    made = post(head, "/kiem-tra/moi", own_check(world.commune))
    assert made.status_code == 303
    visit = made.headers["Location"]
    counts = {"present": "20", "absent_with_reason": "1", "absent_without_reason": "0"}
    assert post(head, f"{visit}/quan-so", counts).status_code == 303
    finding = {"text": "Thiếu biển tên bàn", "severity": "minor"}
    assert post(head, f"{visit}/phat-hien/moi", finding).status_code == 303
    assert post(head, f"{visit}/ket-thuc", {"conclusion": "Đã nhắc"}).status_code == 303

    assert post(head, "/kiem-tra/moi", own_check(world.other)).status_code == 422
    surprise = own_check(world.commune) | {"kind": "surprise"}
    assert post(head, "/kiem-tra/moi", surprise).status_code == 422
    assert browse(world.officer).get("/kiem-tra/moi").status_code == 403
    assert browse(world.leader).get("/kiem-tra/moi").status_code == 403


def test_a_head_writes_in_no_record_of_a_team(world: World, browse: Browse) -> None:
    visit = make_visit(world.commune, world.inspector)
    head = browse(world.head)
    assert head.get(f"/kiem-tra/{visit}").status_code == 200
    counts = {"present": "20", "absent_with_reason": "1", "absent_without_reason": "0"}
    assert post(head, f"/kiem-tra/{visit}/quan-so", counts).status_code == 403
    assert post(head, f"/kiem-tra/{visit}/ket-thuc", {}).status_code == 403
    foreign = make_visit(world.other, world.inspector, kind=VisitKind.SELF)
    assert post(head, f"/kiem-tra/{foreign}/quan-so", counts).status_code == 404


def test_a_head_who_was_asked_along_sends_nobody_home(world: World, browse: Browse) -> None:
    visit = make_visit(world.other, world.inspector, world.head)
    head, team = browse(world.head), f"/kiem-tra/{visit}/doan"
    guest = {"name": "Ông Khách", "role": "member"}
    assert post(head, team, guest).status_code == 403
    inspector = db.session.scalar(
        select(VisitMember.id).where(
            VisitMember.visit_id == visit, VisitMember.user_id == world.inspector
        )
    )
    assert post(head, f"{team}/{inspector}/bo", {}).status_code == 403
    # A planner need not be of the team.
    assert post(browse(world.coordinator), team, guest).status_code == 303


def test_notices_are_counted_within_the_days_of_the_setting(world: World, browse: Browse) -> None:
    """Two visits announced, one of them late; one waits past its days; an own check needs none."""
    client = browse(world.inspector)
    counts = {"present": "20", "absent_with_reason": "1", "absent_without_reason": "0"}
    for on, notice in (
        ("01/05/2026", "08/05/2026"),
        ("02/05/2026", "30/05/2026"),
        ("03/05/2026", ""),
    ):
        made = post(client, "/kiem-tra/moi", own_check(world.commune) | {
            "kind": "surprise", "visited_on": on})  # fmt: skip
        visit = made.headers["Location"]
        assert post(client, f"{visit}/quan-so", counts).status_code == 303
        assert post(client, f"{visit}/ket-thuc", {"conclusion": "x"}).status_code == 303
        if notice:
            data = {"conclusion": "x", "notice_number": "1/TB", "notice_on": notice}
            assert post(client, f"{visit}/thong-bao", data).status_code == 303
    db.session.rollback()
    with acting(system_context()):
        found = figures.notices_on_time(PeriodQuery(date(2026, 5, 1), date(2026, 5, 31)))
        early = figures.notices_on_time(PeriodQuery(date(2026, 5, 1), date(2026, 5, 9)))
    assert (found.numerator, found.denominator) == (1, 3)
    assert (early.numerator, early.denominator) == (1, 1)

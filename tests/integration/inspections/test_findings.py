"""Findings at the HTTP door: remedy, the second person, repeats across a merger, figures."""

from __future__ import annotations

import io
from datetime import date

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from tests.factories.accounts import grant, make_user
from tests.factories.inspections import (
    finish,
    items_of,
    make_finding,
    make_inspection_plan,
    make_visit,
    photo,
    plan_items,
)
from tests.factories.units import system_context
from tests.integration.inspections.conftest import World
from tests.integration.inspections.test_visit_pages import Browse, fresh, post
from tracker.core.clock import FixedClock
from tracker.core.context import acting
from tracker.core.db import db, writing
from tracker.core.rights import Role
from tracker.core.work import Work, run
from tracker.files.models import Attachment
from tracker.inspections import figures, inputs, panels, services
from tracker.inspections.models import Finding, FindingState, Remedy, Severity, VisitKind
from tracker.plugins.descriptors import Handover, PeriodQuery
from tracker.units.models import UnitEvent, UnitEventKind, UnitSuccessor

YEAR = PeriodQuery(date(2025, 12, 15), date(2026, 12, 14))


def finding_to_remedy(world: World) -> int:
    visit_id = make_visit(world.commune, world.inspector)
    finding_id = make_finding(visit_id, "Không có biển tên bàn", due=date(2026, 7, 1))
    finish(visit_id)
    return finding_id


REMEDY = {"text": "Đã lắp biển tên", "done_on": "16/06/2026", "evidence_number": "5/BC-UBND"}


def test_finding_goes_from_remedy_to_closure(world: World, browse: Browse) -> None:
    finding_id = finding_to_remedy(world)
    path = f"/kiem-tra/phat-hien/{finding_id}"
    head, inspector = browse(world.head), browse(world.inspector)
    assert "Báo cáo khắc phục" in head.get(path).get_data(as_text=True)
    sent = post(
        head,
        f"{path}/khac-phuc",
        {**REMEDY, "files": [(io.BytesIO(photo()), "bien-ten.jpg")]},
        content_type="multipart/form-data",
    )
    assert sent.status_code == 303
    assert post(head, f"{path}/khac-phuc", REMEDY).status_code == 303  # sent twice, kept once
    db.session.rollback()
    assert len(db.session.scalars(select(Remedy)).all()) == 1
    assert post(inspector, f"{path}/xac-minh", {"verdict": "no"}).status_code == 422
    back = post(inspector, f"{path}/xac-minh", {"verdict": "no", "note": "Thiếu hai bàn"})
    assert back.status_code == 303
    assert fresh(Finding, finding_id).state is FindingState.OPEN
    assert "Thiếu hai bàn" in head.get(path).get_data(as_text=True)
    assert post(head, f"{path}/khac-phuc", {**REMEDY, "text": "Đã đủ"}).status_code == 303
    assert post(inspector, f"{path}/dong", {}).status_code == 409
    assert post(inspector, f"{path}/xac-minh", {"verdict": "yes"}).status_code == 303
    assert post(inspector, f"{path}/dong", {}).status_code == 303
    assert fresh(Finding, finding_id).closed_on == date(2026, 6, 16)
    with acting(system_context()):
        closed = figures.findings_closed_on_time(YEAR)
    assert (closed.numerator, closed.denominator) == (1, 1)


def test_several_findings_get_their_day_with_a_reason(world: World, browse: Browse) -> None:
    """The conclusion's deadline comes after the visit: asked for, set at once, kept in history."""
    visit = make_visit(world.commune, world.inspector)
    ids = [str(make_finding(visit, f"Lỗi {number}")) for number in range(2)]
    finish(visit)
    client, path = browse(world.inspector), "/kiem-tra/phat-hien/hang-loat"
    assert 'name="ids"' in client.get("/kiem-tra/phat-hien").get_data(as_text=True)
    asked = post(client, path, {"ids": ids})
    assert asked.status_code == 200
    assert "Lỗi 1" in asked.get_data(as_text=True)
    given = {"ids": ids, "confirm": "1", "due_on": "30/06/2026", "reason": "Theo thông báo số 5"}
    for wrong in ({"reason": ""}, {"due_on": "15/06/2026"}, {"due_on": "31/06/2026"}):
        refused = post(client, path, given | wrong)
        assert refused.status_code == 422, wrong
        assert fresh(Finding, int(ids[0])).remedy_due_on is None
    assert post(client, path, given).status_code == 303
    assert fresh(Finding, int(ids[1])).remedy_due_on == date(2026, 6, 30)
    page = browse(world.head).get(f"/kiem-tra/phat-hien/{ids[0]}").get_data(as_text=True)
    assert "Theo thông báo số 5" in page
    assert "hang-loat" not in page
    # Neither the unit itself, nor for what it has remedied, nor by picking what is not there.
    assert post(browse(world.head), path, given).status_code == 403
    post(browse(world.head), f"/kiem-tra/phat-hien/{ids[0]}/khac-phuc", REMEDY)
    assert post(client, path, given | {"due_on": "01/07/2026"}).status_code == 422
    assert fresh(Finding, int(ids[1])).remedy_due_on == date(2026, 6, 30)
    for odd, status in (("x", 400), ("999999", 404)):
        assert post(client, path, given | {"ids": [odd]}).status_code == status


def test_unit_does_not_verify_itself(world: World, browse: Browse) -> None:
    finding_id = finding_to_remedy(world)
    path = f"/kiem-tra/phat-hien/{finding_id}"
    post(browse(world.head), f"{path}/khac-phuc", REMEDY)
    both = make_user(world.commune, Role.INSPECTOR, scope=world.province)
    assert post(browse(both), f"{path}/xac-minh", {"verdict": "yes"}).status_code == 403
    # By home elsewhere, but answering for the unit.
    heading = make_user(world.office, Role.INSPECTOR, scope=world.province)
    grant(heading, Role.HEAD, world.commune)
    assert post(browse(heading), f"{path}/xac-minh", {"verdict": "yes"}).status_code == 403
    assert post(browse(world.head), f"{path}/xac-minh", {"verdict": "yes"}).status_code == 403
    assert post(browse(world.stranger), f"{path}/xac-minh", {"verdict": "yes"}).status_code == 404
    assert fresh(Finding, finding_id).state is FindingState.REMEDIED


def test_reporter_as_verifier_is_refused_by_the_database(world: World, browse: Browse) -> None:
    finding_id = finding_to_remedy(world)
    post(browse(world.head), f"/kiem-tra/phat-hien/{finding_id}/khac-phuc", REMEDY)
    db.session.rollback()
    token = writing.set(True)
    try:
        with pytest.raises(IntegrityError):
            db.session.connection().execute(
                update(Remedy.__table__).values(verified_by_id=world.head)
            )
    finally:
        db.session.rollback()
        writing.reset(token)


def test_remedy_of_another_unit_is_refused(world: World, browse: Browse) -> None:
    finding_id = finding_to_remedy(world)
    path = f"/kiem-tra/phat-hien/{finding_id}"
    neighbour = make_user(world.other, Role.HEAD)
    assert browse(neighbour).get(path).status_code == 404
    assert post(browse(neighbour), f"{path}/khac-phuc", REMEDY).status_code == 404
    assert post(browse(world.inspector), f"{path}/khac-phuc", REMEDY).status_code == 403


def test_photo_of_invisible_finding_is_not_found(world: World, browse: Browse) -> None:
    """Redmine #43634: an attachment of a record that one may not see."""
    visit_id = make_visit(world.commune, world.inspector)
    inspector = browse(world.inspector)
    data = {"text": "Có ảnh", "severity": "minor", "photos": [(io.BytesIO(photo()), "a.jpg")]}
    path = f"/kiem-tra/{visit_id}/phat-hien/moi"
    assert post(inspector, path, data, content_type="multipart/form-data").status_code == 303
    db.session.rollback()
    public_id = db.session.scalar(select(Attachment.public_id))
    with inspector.get(f"/tep/{public_id}") as answer:
        assert answer.status_code == 200
    assert browse(world.stranger).get(f"/tep/{public_id}").status_code == 404


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"text": "x"},
        {"text": "x", "done_on": "17/06/2026"},
        {"text": "x", "done_on": "01/01/2020"},
        {"text": "x", "done_on": "31/02/2026"},
        {"text": "x", "done_on": "16/06/2026", "evidence_on": "17/06/2026"},
        {"text": "x" * 4001, "done_on": "16/06/2026"},
    ],
)
def test_malformed_remedy_is_refused(world: World, browse: Browse, data: dict[str, str]) -> None:
    finding_id = finding_to_remedy(world)
    head = browse(world.head)
    answer = post(head, f"/kiem-tra/phat-hien/{finding_id}/khac-phuc", data)
    assert answer.status_code == 422
    assert fresh(Finding, finding_id).state is FindingState.OPEN


def merge(old: int, new: int) -> None:
    """Say that `new` took over from `old`."""

    def take_over(work: Work, _data: None) -> None:
        event = UnitEvent(kind=UnitEventKind.MERGE, effective_on=work.today)
        work.session.add(event)
        work.session.flush()
        work.session.add(UnitSuccessor(event_id=event.id, old_unit_id=old, new_unit_id=new))

    with acting(system_context()):
        run(take_over, None)


def test_repeat_is_seen_across_a_merger(world: World, browse: Browse) -> None:
    before = make_visit(world.commune, world.inspector, on=date(2025, 3, 3))
    code_item = items_of(before)[3]
    first = make_finding(before, "Không có biển tên", item=code_item.id)
    make_finding(before, "Ngoài bảng kiểm")
    merge(world.commune, world.other)
    after = make_visit(world.other, world.inspector, checklist="mot_cua")
    same = next(item for item in items_of(after) if item.code == code_item.code)
    different = next(item for item in items_of(after) if item.code == "camera")
    repeated = make_finding(after, "Vẫn không có biển tên", item=same.id)
    new = make_finding(after, "Camera hỏng", item=different.id)
    assert fresh(Finding, repeated).repeat_of_id == first
    assert fresh(Finding, new).repeat_of_id is None
    client = browse(world.leader)
    assert "Lặp lại" in client.get(f"/kiem-tra/{after}").get_data(as_text=True)
    html = client.get("/kiem-tra/phat-hien?lap_lai=1").get_data(as_text=True)
    assert "Vẫn không có biển tên" in html
    assert "Camera hỏng" not in html
    chain = client.get(f"/kiem-tra/phat-hien/{repeated}").get_data(as_text=True)
    assert "Không có biển tên" in chain
    with acting(system_context()):
        rate = figures.repeat_rate(PeriodQuery(date(2026, 1, 1), date(2026, 12, 31)))
        assert (rate.numerator, rate.denominator) == (1, 2)
        assert figures.repeats_by_item(YEAR)[0].key == code_item.code


def test_fault_older_than_the_look_back_is_no_repeat(world: World) -> None:
    old = make_visit(world.commune, world.inspector, on=date(2024, 6, 15))
    item = items_of(old)[0]
    make_finding(old, item=item.id)
    new = make_visit(world.commune, world.inspector)
    finding_id = make_finding(new, item=items_of(new)[0].id)
    assert fresh(Finding, finding_id).repeat_of_id is None


def test_handover_moves_open_findings_and_leaves_closed_ones(world: World) -> None:
    finding_id = finding_to_remedy(world)
    data = Handover("merge", date(2026, 7, 1), "1/QĐ", {world.commune: (world.other,)})
    with acting(system_context()):
        preview = panels.preview_handover(data)
        assert [(one.record_id, one.to_unit_id) for one in preview] == [(finding_id, world.other)]
        assert run(panels.apply_handover, data) == 1
    finding = fresh(Finding, finding_id)
    assert finding.unit_id == world.other
    assert finding.visit.unit_id == world.commune


def test_hundred_percent_counts_planned_visits_only(world: World) -> None:
    """Article A4: 12 planned visits are 100% of the plan, whatever else was inspected."""
    key = make_inspection_plan(world.office, [world.commune, world.other], months=(1, 6))
    for unit, row in plan_items(key).items():
        finish(make_visit(unit, world.inspector, kind=VisitKind.PLANNED, plan_item=row))
    for _number in range(3):
        finish(make_visit(world.commune, world.inspector))
    for _number in range(2):
        finish(make_visit(world.other, world.inspector, kind=VisitKind.SELF))
    with acting(system_context()):
        share = figures.planned_share(YEAR)
        assert (share.numerator, share.denominator) == (2, 2)
        assert share.rule
        counts = {one.kind: (one.visits, one.units) for one in figures.counts_by_kind(YEAR)}
        assert counts == {
            VisitKind.PLANNED: (2, 2),
            VisitKind.SURPRISE: (3, 1),
            VisitKind.SELF: (2, 1),
            VisitKind.REINSPECTION: (0, 0),
        }
        assert figures.kind_units(YEAR, VisitKind.SURPRISE).value == 1
        assert len(figures.section(YEAR).rows) == 4


def test_overdue_follows_the_unit_not_the_verifier(
    world: World, browse: Browse, clock: FixedClock
) -> None:
    finding_id = finding_to_remedy(world)
    clock.advance(days=20)
    client = browse(world.leader)
    late = "/kiem-tra/phat-hien?qua_han=1"
    assert "Không có biển tên bàn" in client.get(late).get_data(as_text=True)
    post(
        browse(world.head),
        f"/kiem-tra/phat-hien/{finding_id}/khac-phuc",
        {"text": "Đã lắp", "done_on": "16/06/2026"},
    )
    assert "Không có biển tên bàn" not in client.get(late).get_data(as_text=True)


def test_late_and_closed_are_judged_at_the_end_of_the_window(
    world: World, browse: Browse, clock: FixedClock
) -> None:
    """What became of a finding later changes no report of an earlier window, nor its rows."""
    finding_id = finding_to_remedy(world)
    clock.advance(days=30)
    path = f"/kiem-tra/phat-hien/{finding_id}"
    post(browse(world.head), f"{path}/khac-phuc", {"text": "Đã lắp", "done_on": "10/07/2026"})
    post(browse(world.inspector), f"{path}/xac-minh", {"verdict": "yes"})

    def counts(until: date) -> tuple[int, int]:
        with acting(system_context()):
            found = figures.finding_counts(PeriodQuery(date(2026, 6, 1), until))
        return found.overdue, found.closed

    def listed(asked: str) -> bool:
        answer = browse(world.leader).get(f"/kiem-tra/phat-hien?{asked}")
        page = answer.get_data(as_text=True)
        assert answer.status_code == 200
        return "Không có biển tên bàn" in page

    days = (date(2026, 7, 1), date(2026, 7, 2), date(2026, 7, 9), date(2026, 7, 10))
    assert [counts(day)[0] for day in days] == [0, 1, 1, 0]
    assert [listed(f"qua_han=1&tai-ngay={day}") for day in days] == [False, True, True, False]
    assert not listed("qua_han=1")
    # A re-inspection that sees the fault again makes the unit late again, from its day on.
    again = make_visit(
        world.commune, world.inspector, kind=VisitKind.REINSPECTION, findings=[finding_id]
    )
    with acting(system_context()):
        run(
            services.check_finding,
            inputs.CheckFinding(visit_id=again, finding_id=finding_id, is_remedied=False),
        )
    finish(again)
    assert listed("qua_han=1")
    assert [counts(day)[0] for day in days] == [0, 1, 1, 0]
    clock.advance(days=4)
    assert [counts(date(2026, 7, day))[0] for day in (15, 16)] == [0, 1]
    post(browse(world.head), f"{path}/khac-phuc", {"text": "Đã lắp", "done_on": "18/07/2026"})
    post(browse(world.inspector), f"{path}/xac-minh", {"verdict": "yes"})
    post(browse(world.inspector), f"{path}/dong", {})
    assert [counts(date(2026, 7, day)) for day in (17, 18, 19, 20)] == [
        (1, 0),
        (0, 0),
        (0, 0),
        (0, 1),
    ]
    assert [listed(f"tt=closed&tai-ngay=2026-07-{day}") for day in (19, 20)] == [False, True]
    to_come = browse(world.leader).get("/kiem-tra/phat-hien?tai-ngay=2026-07-21")
    assert to_come.status_code == 400


def test_work_waits_for_those_who_do_it(world: World, browse: Browse) -> None:
    finding_id = finding_to_remedy(world)
    make_visit(world.other, world.inspector)
    assert "Kiểm tra Xã Chợ Gạo" in browse(world.inspector).get("/").get_data(as_text=True)
    assert "Khắc phục: Không có biển tên bàn" in browse(world.head).get("/").get_data(as_text=True)
    post(browse(world.head), f"/kiem-tra/phat-hien/{finding_id}/khac-phuc", REMEDY)
    home = browse(world.inspector).get("/").get_data(as_text=True)
    assert "Xác minh khắc phục: Không có biển tên bàn" in home


def test_search_finds_findings_and_visits_without_marks(world: World, browse: Browse) -> None:
    finding_to_remedy(world)
    html = browse(world.leader).get("/tim?q=bien+ten").get_data(as_text=True)
    assert "Không có biển tên bàn" in html
    html = browse(world.leader).get("/tim?q=tan+phuoc").get_data(as_text=True)
    assert "Kiểm tra Xã Tân Phước" in html
    assert "biển tên" not in browse(world.stranger).get("/tim?q=bien+ten").get_data(as_text=True)


def test_severity_has_a_word_for_each_value(world: World, browse: Browse) -> None:
    visit_id = make_visit(world.commune, world.inspector)
    for severity in Severity:
        make_finding(visit_id, f"Mức {severity}", severity=severity, due=date(2026, 6, 20))
    html = browse(world.leader).get("/kiem-tra/phat-hien").get_data(as_text=True)
    assert "Nghiêm trọng" in html
    assert "20/06/2026" in html

"""The yearly plan from draft to done, through its pages; what it tells the rest of the product."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date

import pytest
from flask.testing import FlaskClient
from openpyxl import load_workbook
from small_register import Register
from sqlalchemy import select
from tracker_position_rotation import inputs, joined, plans, services
from tracker_position_rotation.models import (
    Outcome,
    Plan,
    PlanRow,
    PlanState,
    Reason,
    reason_of,
)
from tracker_position_rotation.plan_views import KEPT_REASON

from tracker.api.errors import ValidationFailed
from tracker.api.queries import session
from tracker.api.work import run
from tracker.testing.world import World, post

SignIn = Callable[..., FlaskClient]
# Land-and-construction officials of article A2, by invented names.
OFFICIALS = ("Nguyễn Một", "Trần Hai", "Lê Ba", "Phạm Tư", "Huỳnh Năm")


def address(plan_id: int) -> str:
    session().rollback()
    key = session().scalars(select(Plan.public_id).where(Plan.id == plan_id)).one()
    return f"/chuyen-doi/ke-hoach/{key}"


def rows_of(plan_id: int) -> list[PlanRow]:
    session().rollback()
    return list(
        session().scalars(select(PlanRow).where(PlanRow.plan_id == plan_id).order_by(PlanRow.id))
    )


def draft(register: Register, year: int = 2026) -> int:
    return run(plans.draft_plan, inputs.DraftPlan(unit_id=register.town, year=year))


def two_due(register: Register) -> int:
    """Return a draft with two people who are due and can change places."""
    register.person("Lê Đến Hạn", register.post(register.first), date(2021, 3, 1))
    register.person("Võ Đến Hạn", register.post(register.second), date(2021, 9, 1))
    return draft(register)


def test_draft_lists_who_falls_due_by_the_end_of_the_year_and_why_not(
    sign_in: SignIn, register: Register
):
    register.person("Lê Đến Hạn", register.post(register.first, "Một"), date(2021, 12, 31))
    register.person("Trần Năm Sau", register.post(register.first, "Hai"), date(2022, 1, 1))
    for name, post_title, retires_on in (
        ("Huỳnh Sắp Hưu", "Bốn", date(2027, 5, 1)),
        ("Phạm Còn Lâu", "Năm", date(2028, 7, 1)),
    ):
        spot = register.post(register.first, post_title)
        register.person(name, spot, date(2021, 12, 31), retires_on=retires_on)
    deferred = register.person("Võ Đi Học", register.post(register.first, "Ba"), date(2020, 1, 1))
    reason = session().scalars(select(Reason.id).where(Reason.code == "study")).one()
    run(
        services.add_deferral,
        inputs.AddDeferral(
            person_id=deferred, reason_id=reason, start=date(2026, 1, 1), end=date(2027, 6, 30)
        ),
    )
    client = sign_in("coordinator")
    data = {"unit_id": register.town, "year": 2026}
    answer = post(client, "/chuyen-doi/ke-hoach/moi", data)
    assert answer.status_code == 303
    page = client.get(answer.location).get_data(as_text=True)
    assert "Lê Đến Hạn" in page
    assert "Trần Năm Sau" not in page
    assert "Đi học tập trung" in page
    # Falls due with more than eighteen months left, and with fewer.
    assert "Phạm Còn Lâu" in page
    assert page.count("Do máy tính ra: đến tuổi nghỉ hưu ngày 01/05/2027") == 1
    assert page.count("Còn dưới 18 tháng đến tuổi nghỉ hưu") == 2
    assert post(client, "/chuyen-doi/ke-hoach/moi", data).status_code == 422
    assert client.get("/chuyen-doi/ke-hoach").status_code == 200


def test_proposal_is_queued_made_by_the_job_and_kept_where_a_person_chose(
    sign_in: SignIn, register: Register, world: World
):
    plan_id = two_due(register)
    client = sign_in("coordinator")
    assert post(client, f"{address(plan_id)}/de-xuat").status_code == 303
    assert "Đang tìm phương án" in client.get(address(plan_id)).get_data(as_text=True)
    said = world.run_job(plans.PROPOSE, {"plan": plan_id})
    assert said == "2 người có vị trí mới, 0 người chưa có."
    first, second = rows_of(plan_id)
    assert (first.outcome, first.to_post_id) == (Outcome.PLANNED, second.from_post_id)
    # Whoever swaps does it in one month: that of the one who is due first.
    assert first.month == second.month
    page = client.get(address(plan_id)).get_data(as_text=True)
    assert "Phương án tốt nhất" in page
    spare = register.post(register.first, "Vị trí trống")
    data = {"outcome": "planned", "to_post_id": spare, "month": 9, "version": first.version}
    row = f"{address(plan_id)}/dong/{first.id}"
    assert client.get(row).status_code == 200
    assert post(client, row, data).status_code == 303
    assert post(client, row, data).status_code == 409
    world.run_job(plans.PROPOSE, {"plan": plan_id})
    assert rows_of(plan_id)[0].to_post_id == spare


def test_row_outside_the_profession_or_back_to_the_last_post_is_refused(
    sign_in: SignIn, register: Register
):
    home = register.post(register.first)
    person = register.person("Lê Đến Hạn", home, date(2021, 3, 1))
    other = register.post(register.second)
    run(
        services.move_person,
        inputs.MovePerson(
            person_id=person, effective_on=date(2021, 4, 1), post_id=other, keeps_clock=True
        ),
    )
    plan_id = draft(register)
    row = rows_of(plan_id)[0]
    client = sign_in("coordinator")
    url = f"{address(plan_id)}/dong/{row.id}"
    back = post(client, url, {"outcome": "planned", "to_post_id": home, "month": 9})
    assert back.status_code == 422
    assert "vừa rời vị trí đó" in back.get_data(as_text=True)
    foreign = register.post(register.second, "Kế toán", profession="Tài chính")
    refused = post(client, url, {"outcome": "planned", "to_post_id": foreign, "month": 9})
    assert "cùng chuyên môn" in refused.get_data(as_text=True)
    no_month = post(client, url, {"outcome": "planned", "to_post_id": foreign})
    assert no_month.status_code == 422


def test_plan_is_approved_published_carried_out_and_closed(
    sign_in: SignIn, register: Register, world: World
):
    plan_id = two_due(register)
    client = sign_in("coordinator")
    url = address(plan_id)
    paper = {"number": "134/KH-UBND", "issued_on": "28/5/2026"}
    undecided = post(client, f"{url}/ban-hanh", paper)
    assert undecided.status_code == 422
    assert "chưa có phương án" in undecided.get_data(as_text=True)
    world.run_job(plans.PROPOSE, {"plan": plan_id})
    assert post(client, f"{url}/ban-hanh", {**paper, "issued_on": "1/1/2027"}).status_code == 422
    assert post(client, f"{url}/ban-hanh", paper).status_code == 303
    assert post(client, f"{url}/xoa").status_code == 409
    where = {"published_on": "1/6/2026", "published_where": "Bảng tin trụ sở"}
    assert (
        post(client, f"{url}/cong-khai", {**where, "published_on": "1/5/2026"}).status_code == 422
    )
    assert post(client, f"{url}/cong-khai", where).status_code == 303
    first, second = rows_of(plan_id)
    decision = {"decision_number": "9/QĐ", "decided_on": "1/6/2026", "effective_on": "10/6/2026"}
    for row in (first, second):
        done = f"{url}/dong/{row.id}/xong"
        assert client.get(done).status_code == 200
        assert post(client, done, {**decision, "effective_on": "1/1/2027"}).status_code == 422
        assert post(client, done, decision).status_code == 303
        assert post(client, done, decision).status_code == 409
    assert register.post_of(first.person_id).id == second.from_post_id
    assert register.post_of(second.person_id).id == first.from_post_id
    page = client.get(url).get_data(as_text=True)
    assert "2/2" in page.replace(" ", "").replace("\n", "")
    assert post(client, f"{url}/ket-thuc").status_code == 303
    session().rollback()
    assert session().scalars(select(Plan.state)).one() is PlanState.CLOSED


def test_change_after_approval_needs_a_reason(sign_in: SignIn, register: Register, world: World):
    plan_id = two_due(register)
    world.run_job(plans.PROPOSE, {"plan": plan_id})
    run(
        plans.approve_plan,
        inputs.ApprovePlan(plan_id=plan_id, number="1/KH", issued_on=date(2026, 6, 1)),
    )
    row = rows_of(plan_id)[0]
    url = f"{address(plan_id)}/dong/{row.id}"
    data = {"outcome": "planned", "to_post_id": row.to_post_id, "month": 11}
    client = sign_in("coordinator")
    assert post(client, url, data).status_code == 422
    assert post(client, url, {**data, "reason": "Theo đề nghị của phường"}).status_code == 303


def test_posting_and_spreadsheet_hold_no_private_reason(sign_in: SignIn, register: Register):
    sick = register.person("Đặng Thị Tư", register.post(register.first), date(2020, 1, 1))
    reason = session().scalars(select(Reason.id).where(Reason.code == "illness")).one()
    run(
        services.add_deferral,
        inputs.AddDeferral(person_id=sick, reason_id=reason, start=date(2026, 1, 1), note="x"),
    )
    plan_id = draft(register)
    url = address(plan_id)
    keeper, row = sign_in("coordinator"), rows_of(plan_id)[0]
    kept = {"outcome": "deferred", "reason_id": KEPT_REASON, "deferred_until": "31/12/2026"}
    form = keeper.get(f"{url}/dong/{row.id}").get_data(as_text=True)
    assert f'<option selected value="{KEPT_REASON}">' in form
    assert post(keeper, f"{url}/dong/{row.id}", kept).status_code == 303
    row = rows_of(plan_id)[0]
    assert (row.reason_id, reason_of(row)) == (None, reason)
    client = sign_in("leader")
    for page in (client.get(url), client.get(f"{url}/niem-yet")):
        words = page.get_data(as_text=True)
        assert "Đặng Thị Tư" in words
        assert "bệnh hiểm nghèo" not in words
    book = load_workbook(io.BytesIO(client.get(f"{url}/bang.xlsx").data))
    cells = [str(cell.value) for sheet in book for line in sheet.rows for cell in line]
    assert "Đặng Thị Tư" in cells
    assert not any("bệnh hiểm nghèo" in cell for cell in cells)


def test_plan_of_another_province_is_not_found(sign_in: SignIn, register: Register, world: World):
    url = address(two_due(register))
    elsewhere = world.unit("Tỉnh khác", kind="province", parent=None)
    client = sign_in("coordinator", scope=elsewhere)
    assert client.get(url).status_code == 404
    assert post(client, f"{url}/de-xuat").status_code == 404


def test_plan_is_read_below_once_it_is_approved_and_links_only_to_own_people(
    sign_in: SignIn, register: Register, world: World
):
    plan_id = two_due(register)
    head = sign_in("head", scope=register.first)
    url = address(plan_id)
    assert head.get(url).status_code == 404
    world.run_job(plans.PROPOSE, {"plan": plan_id})
    run(
        plans.approve_plan,
        inputs.ApprovePlan(plan_id=plan_id, number="1/KH", issued_on=date(2026, 6, 1)),
    )
    page = head.get(url).get_data(as_text=True)
    own, other = (register.address(row.person_id) for row in rows_of(plan_id))
    assert own in page
    assert "Võ Đến Hạn" in page
    assert other not in page
    assert "/dong/" not in page
    assert head.get(f"{url}/niem-yet").status_code == 200
    row = rows_of(plan_id)[0]
    assert post(head, f"{url}/dong/{row.id}", {"outcome": "open"}).status_code == 403


def test_plan_that_puts_too_many_into_a_post_is_not_approved(
    sign_in: SignIn, register: Register, world: World
):
    plan_id = two_due(register)
    spare = register.post(register.first, "Trống")
    for row in rows_of(plan_id):
        run(
            plans.save_row,
            inputs.SaveRow(row_id=row.id, outcome=Outcome.PLANNED, to_post_id=spare, month=9),
        )
    paper = {"number": "1/KH", "issued_on": "1/6/2026"}
    refused = post(sign_in("coordinator"), f"{address(plan_id)}/ban-hanh", paper)
    assert refused.status_code == 422
    assert "Quá số biên chế: Trống" in refused.get_data(as_text=True)
    # Whoever left the planned post meanwhile is not moved out of another one.
    rows = rows_of(plan_id)
    run(plans.save_row, inputs.SaveRow(row_id=rows[1].id, outcome=Outcome.PLANNED, month=9,
                                       to_post_id=rows[0].from_post_id))  # fmt: skip
    run(
        plans.approve_plan,
        inputs.ApprovePlan(plan_id=plan_id, number="1/KH", issued_on=date(2026, 6, 1)),
    )
    elsewhere = register.post(register.second, "Khác")
    run(
        services.move_person,
        inputs.MovePerson(
            person_id=rows[0].person_id, effective_on=date(2026, 6, 2), post_id=elsewhere
        ),
    )
    decision = {"decision_number": "9/QĐ", "decided_on": "3/6/2026", "effective_on": "10/6/2026"}
    late = post(sign_in("coordinator"), f"{address(plan_id)}/dong/{rows[0].id}/xong", decision)
    assert late.status_code == 409
    # A proposal that comes when the plan is no draft any more is left aside, and says so.
    assert "không còn là bản nháp" in world.run_job(plans.PROPOSE, {"plan": plan_id})


def test_proposal_that_never_comes_can_be_asked_for_again(
    sign_in: SignIn, register: Register, world: World
):
    plan_id = two_due(register)
    post(sign_in("coordinator"), f"{address(plan_id)}/de-xuat")
    world.clock.advance(minutes=20)
    page = sign_in("coordinator").get(address(plan_id)).get_data(as_text=True)
    assert "không xong" in page
    assert f"{address(plan_id)}/de-xuat" in page


def test_plan_is_tied_to_a_task_later_and_only_to_one_in_reach(
    sign_in: SignIn, register: Register, world: World
):
    plan_id = two_due(register)
    share = world.share(register.town, title="Thực hiện chuyển đổi vị trí công tác")
    client = sign_in("coordinator")
    url = f"{address(plan_id)}/sua"
    assert "Thực hiện chuyển đổi vị trí công tác" in client.get(url).get_data(as_text=True)
    assert post(client, url, {"title": "Kế hoạch", "task_id": share.task_id}).status_code == 303
    assert "Thực hiện chuyển đổi vị trí" in client.get(address(plan_id)).get_data(as_text=True)
    with pytest.raises(ValidationFailed):
        run(plans.save_plan, inputs.SavePlan(plan_id=plan_id, title="x", task_id=10**6))
    assert client.get(f"{url}/bang.xlsx").status_code == 404


def test_five_officials_of_2021_are_counted_without_a_planned_number(
    sign_in: SignIn, register: Register, world: World
):
    """Golden case A2: plan 134/KH-UBND of 28/05/2021, five officials changed position."""
    posts = [register.post(world.unit(f"Xã {name}", parent=register.town)) for name in OFFICIALS]
    for name, spot in zip(OFFICIALS, posts, strict=True):
        register.person(name, spot, date(2016, 3, 1))
    plan_id = draft(register, 2021)
    for number, row in enumerate(rows_of(plan_id)):
        run(
            plans.save_row,
            inputs.SaveRow(
                row_id=row.id,
                outcome=Outcome.PLANNED,
                to_post_id=posts[(number + 1) % 5],
                month=7,
            ),
        )
    run(
        plans.approve_plan,
        inputs.ApprovePlan(plan_id=plan_id, number="134/KH-UBND", issued_on=date(2021, 5, 28)),
    )
    for row in rows_of(plan_id):
        run(
            plans.finish_row,
            inputs.FinishRow(
                row_id=row.id,
                decision_number=f"{row.id}/QĐ",
                decided_on=date(2021, 6, 25),
                effective_on=date(2021, 7, 1),
            ),
        )
    page = sign_in("leader").get("/bao-cao-ky?ky=Y&nam=2021").get_data(as_text=True)
    assert "Chuyển đổi vị trí công tác" in page
    from tracker.api.hooks import PeriodQuery

    with world.app.test_request_context(), world.as_system():
        window = PeriodQuery(date(2021, 1, 1), date(2021, 12, 31))
        assert joined.moved_in_window(window).value == 5
        share = joined.share_moved(window)
        assert (share.numerator, share.denominator) == (5, 5)


def test_head_finds_the_quarters_moves_on_the_own_day(sign_in: SignIn, register: Register):
    register.person("Lê Quá Hạn", register.post(register.first), date(2021, 3, 1))
    register.person("Võ Quý Này", register.post(register.first, "Hai"), date(2021, 6, 25))
    register.person("Trần Quý Sau", register.post(register.first, "Ba"), date(2021, 7, 2))
    page = sign_in("head", scope=register.first).get("/").get_data(as_text=True)
    assert "Chuyển đổi vị trí: Lê Quá Hạn" in page
    assert "Chuyển đổi vị trí: Võ Quý Này" in page
    assert "Trần Quý Sau" not in page


def test_units_page_and_search_know_the_register(sign_in: SignIn, register: Register):
    register.person("Thạch Thị Sóc", register.post(register.first), date(2021, 3, 1))
    client = sign_in("coordinator")
    assert "Đến hạn chuyển" in client.get(f"/don-vi/{register.first}").get_data(as_text=True)
    assert "Thạch Thị Sóc" in client.get("/tim?q=thach thi soc").get_data(as_text=True)


def test_reform_task_takes_progress_and_evidence_from_the_plan(register: Register, world: World):
    share = world.share(register.town, title="Thực hiện chuyển đổi vị trí công tác")
    register.person("Lê Đến Hạn", register.post(register.first), date(2021, 3, 1))
    register.post(register.second)
    plan_id = run(
        plans.draft_plan,
        inputs.DraftPlan(unit_id=register.town, year=2026, task_id=share.task_id),
    )
    world.run_job(plans.PROPOSE, {"plan": plan_id})
    assert list(joined.progress(world.clock.today())) == []
    run(
        plans.approve_plan,
        inputs.ApprovePlan(plan_id=plan_id, number="7/KH-UBND", issued_on=date(2026, 6, 1)),
    )
    told = list(joined.progress(world.clock.today()))
    assert [(one.reported, one.percent) for one in told] == [("in_progress", 0)]
    run(
        plans.finish_row,
        inputs.FinishRow(
            row_id=rows_of(plan_id)[0].id,
            decision_number="9/QĐ",
            decided_on=date(2026, 6, 5),
            effective_on=date(2026, 6, 10),
        ),
    )
    session().rollback()
    (done,) = joined.progress(world.clock.today())
    assert (done.reported, done.percent, done.done_on) == ("done", 100, date(2026, 6, 10))
    assert (done.assignment, done.evidence_number) == (share.public_id, "7/KH-UBND")

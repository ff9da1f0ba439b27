"""The register through its pages: who sees whom, moves, deferrals, private reasons, the import."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date, timedelta
from itertools import count
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from small_register import Register
from sqlalchemy import select, text
from tracker_position_rotation import importing, inputs, models, plans, queries, services
from tracker_position_rotation.models import (
    Category,
    Deferral,
    Holding,
    Person,
    PlanRow,
    Reason,
    reason_of,
)
from tracker_position_rotation.rules import Pause, Period, Standing, exempt_from, standing
from tracker_position_rotation.standings import periods_on, standing_on

from tracker.api.errors import ValidationFailed
from tracker.api.queries import session
from tracker.api.work import run
from tracker.core.migrate import Owner, downgrade, upgrade
from tracker.exports.jobs import write
from tracker.exports.services import WRITE_FOREIGN
from tracker.jobs import ledger
from tracker.jobs.calls import Call
from tracker.jobs.models import JobRun
from tracker.testing.world import ROLES, World, csrf_token, post
from tracker.web import exports

SignIn = Callable[..., FlaskClient]
READERS = {"coordinator", "head", "leader"}
TODAY = date(2026, 6, 16)
NUMBERS = count(1)
DEFERRALS = "plugin_position_rotation__deferrals"


def reason_id(code: str) -> int:
    return session().scalars(select(Reason.id).where(Reason.code == code)).one()


@pytest.mark.parametrize("role", ROLES)
def test_roles_that_read_and_the_one_that_keeps_the_register(sign_in: SignIn, role: str):
    client = sign_in(role)
    for page in ("/chuyen-doi/", "/chuyen-doi/ke-hoach", "/chuyen-doi/vi-tri"):
        assert client.get(page).status_code == (200 if role in READERS else 403)
    for page in ("/chuyen-doi/nguoi/moi", "/chuyen-doi/vi-tri/moi", "/chuyen-doi/danh-muc/moi"):
        assert client.get(page).status_code == (200 if role == "coordinator" else 403)


def test_register_shows_who_is_due_first_and_counts_months(sign_in: SignIn, register: Register):
    register.person("Trần Chưa Hạn", register.post(register.first), date(2024, 1, 10))
    register.person("Lê Đến Hạn", register.post(register.second), date(2021, 5, 28))
    page = sign_in("coordinator").get("/chuyen-doi/").get_data(as_text=True)
    assert page.index("Lê Đến Hạn") < page.index("Trần Chưa Hạn")
    assert "28/05/2026" in page
    later = sign_in("coordinator").get("/chuyen-doi/?ngay=01/02/2026").get_data(as_text=True)
    assert "Sắp đến hạn" in later
    due = sign_in("coordinator").get("/chuyen-doi/?tt=due").get_data(as_text=True)
    assert "Lê Đến Hạn" in due
    assert "Trần Chưa Hạn" not in due
    found = sign_in("coordinator").get("/chuyen-doi/?q=den han").get_data(as_text=True)
    assert "Lê Đến Hạn" in found


@pytest.mark.parametrize("query", ["tt=x", "ngay=x", "dv=x", "dv=99999999999999999999", "page=x"])
def test_address_that_asks_for_nonsense_is_told(sign_in: SignIn, register: Register, query: str):
    assert sign_in("coordinator").get(f"/chuyen-doi/?{query}").status_code == 400


def test_head_sees_the_people_of_the_own_unit_only(sign_in: SignIn, register: Register):
    here = register.person("Người Ở Đây", register.post(register.first), date(2021, 1, 1))
    there = register.person("Người Nơi Khác", register.post(register.second), date(2021, 1, 1))
    client = sign_in("head", scope=register.first)
    page = client.get("/chuyen-doi/").get_data(as_text=True)
    assert "Người Ở Đây" in page
    assert "Người Nơi Khác" not in page
    assert client.get(register.address(here)).status_code == 200
    assert client.get(register.address(there)).status_code == 404


def test_person_is_added_by_form_and_bad_input_stays(sign_in: SignIn, register: Register):
    spot = register.post(register.first)
    client = sign_in("coordinator")
    data = {"staff_code": "CC-7", "name": "Thạch Thị Bé", "post_id": spot, "since": "31/12/2026"}
    refused = post(client, "/chuyen-doi/nguoi/moi", data)
    assert refused.status_code == 422
    assert 'value="Thạch Thị Bé"' in refused.get_data(as_text=True)
    assert post(client, "/chuyen-doi/nguoi/moi", {**data, "since": "28/5/2021"}).status_code == 303
    taken = post(client, "/chuyen-doi/nguoi/moi", {**data, "since": "28/5/2021"})
    assert taken.status_code == 422
    assert "đã có trong sổ" in taken.get_data(as_text=True)


def test_post_that_is_full_takes_nobody_more(register: Register):
    spot = register.post(register.first)
    register.person("Người Một", spot, date(2021, 1, 1))
    with pytest.raises(ValidationFailed):
        register.person("Người Hai", spot, date(2021, 1, 1))


def test_move_ends_one_post_begins_the_next_and_restarts_the_clock(
    sign_in: SignIn, register: Register
):
    person = register.person("Lâm Thị Hoa", register.post(register.first), date(2021, 1, 1))
    target = register.post(register.second)
    address = register.address(person)
    client = sign_in("coordinator")
    nowhere = post(client, f"{address}/chuyen", {"effective_on": "1/6/2026"})
    assert nowhere.status_code == 422
    data = {"post_id": target, "effective_on": "1/6/2026", "decision_number": "12/QĐ"}
    assert post(client, f"{address}/chuyen", data).status_code == 303
    assert register.post_of(person).unit_id == register.second
    now = session().scalars(select(Holding).where(Holding.until.is_(None))).one()
    assert now.since_in_category == date(2026, 6, 1)
    page = client.get(address).get_data(as_text=True)
    assert "12/QĐ" in page
    assert "01/06/2026" in page


def test_post_made_anew_with_its_unit_keeps_the_clock(register: Register):
    person = register.person("Sơn Văn Đạt", register.post(register.first), date(2021, 1, 1))
    run(
        services.move_person,
        inputs.MovePerson(
            person_id=person,
            effective_on=date(2025, 7, 1),
            post_id=register.post(register.second),
            keeps_clock=True,
        ),
    )
    now = session().scalars(select(Holding).where(Holding.until.is_(None))).one()
    assert (now.since, now.since_in_category) == (date(2025, 7, 1), date(2021, 1, 1))


def test_old_form_does_not_overwrite_what_somebody_else_saved(sign_in: SignIn, register: Register):
    person = register.person("Võ Thị Lan", register.post(register.first), date(2021, 1, 1))
    address = f"{register.address(person)}/sua"
    client = sign_in("coordinator")
    data = {"staff_code": "CC-1", "name": "Võ Thị Lan Anh", "version": 1}
    assert post(client, address, data).status_code == 303
    assert post(client, address, {**data, "name": "Võ Khác"}).status_code == 409
    assert session().scalars(select(Person.name)).one() == "Võ Thị Lan Anh"


def test_deferred_person_comes_back_by_itself(sign_in: SignIn, register: Register, world: World):
    person = register.person("Huỳnh Minh", register.post(register.first), date(2021, 1, 1))
    client = sign_in("coordinator")
    data = {"reason_id": reason_id("study"), "start": "1/1/2026"}
    assert post(client, f"{register.address(person)}/hoan", data).status_code == 422
    assert (
        post(client, f"{register.address(person)}/hoan", {**data, "end": "30/6/2026"}).status_code
        == 303
    )
    assert "Tạm hoãn" in client.get("/chuyen-doi/?tt=deferred").get_data(as_text=True)
    back = client.get("/chuyen-doi/?tt=due&ngay=01/07/2026").get_data(as_text=True)
    assert "Huỳnh Minh" in back


def test_private_note_is_encrypted_hidden_and_its_reading_logged(
    sign_in: SignIn, register: Register
):
    person = register.person("Đặng Thị Tư", register.post(register.first), date(2021, 1, 1))
    private = "ung thư, bệnh viện K"
    deferral = run(
        services.add_deferral,
        inputs.AddDeferral(
            person_id=person,
            reason_id=reason_id("illness"),
            start=date(2026, 1, 1),
            note=private,
            evidence_number="12/GCN",
        ),
    )
    raw = (
        session()
        .execute(text("SELECT note, evidence_number, private_reason, reason_id FROM " + DEFERRALS))
        .one()
    )
    assert private not in str(raw)
    assert "12/GCN" not in str(raw)
    assert raw.reason_id is None
    assert raw.private_reason != str(reason_id("illness"))
    address = register.address(person)
    client = sign_in("coordinator")
    closed = client.get(address).get_data(as_text=True)
    assert private not in closed
    # The kind of reason tells as much as the note: it too is shown only when that is logged.
    assert "bệnh hiểm nghèo" not in closed
    assert "12/GCN" not in closed
    head = sign_in("head", scope=register.first)
    page = head.get(address).get_data(as_text=True)
    assert "Lý do riêng" in page
    assert "bệnh hiểm nghèo" not in page
    assert post(head, f"{address}/ly-do/{deferral}/xem").status_code == 403
    opened = post(client, f"{address}/ly-do/{deferral}/xem")
    assert private in opened.get_data(as_text=True)
    assert "bệnh hiểm nghèo" in opened.get_data(as_text=True)
    log = session().execute(text("SELECT changes.fields FROM changes")).scalars().all()
    assert any("Ghi chú riêng" in str(one) for one in log)
    assert not any(private in str(one) or "12/GCN" in str(one) for one in log)
    assert not any("'reason_id': [None, " in str(one) for one in log)


def defer(person: int, code: str, **more: object) -> int:
    return run(
        services.add_deferral,
        inputs.AddDeferral(
            person_id=person,
            reason_id=reason_id(code),
            start=date(2026, 1, 1),
            **more,  # type: ignore[arg-type]
        ),
    )


def test_kinds_and_evidence_of_before_are_carried_over_and_back(
    register: Register, database_url: str
):
    first = register.person("Người Một", register.post(register.first), date(2021, 1, 1))
    second = register.person("Người Hai", register.post(register.second), date(2021, 1, 1))
    defer(first, "illness", evidence_number="12/GCN")
    defer(second, "study", end=date(2026, 12, 31))
    plan = run(plans.draft_plan, inputs.DraftPlan(unit_id=register.town, year=2026))
    illness, study = reason_id("illness"), reason_id("study")
    owner = Owner("position_rotation", Path(models.__file__).parent / "migrations")

    def told() -> tuple[set[object], set[object]]:
        session().rollback()
        of_people = {
            (one.person_id, reason_of(one), one.evidence_number, one.counts_out)
            for one in session().scalars(select(Deferral))
        }
        rows = session().scalars(select(PlanRow).where(PlanRow.plan_id == plan))
        return of_people, {(one.person_id, reason_of(one)) for one in rows}

    before = told()
    assert before == (
        {(first, illness, "12/GCN", False), (second, study, None, False)},
        {(first, illness), (second, study)},
    )
    session().rollback()
    downgrade(database_url, "0001", owner)
    rows = session().execute(text(f"SELECT person_id, reason_id, evidence_number FROM {DEFERRALS}"))
    assert {tuple(row) for row in rows} == {(first, illness, "12/GCN"), (second, study, "")}
    session().rollback()
    upgrade(database_url, "head", owner)
    assert told() == before
    raw = session().execute(text(f"SELECT reason_id FROM {DEFERRALS}")).scalars()
    assert set(raw) == {None, study}
    session().rollback()


def test_reason_that_becomes_private_is_encrypted_where_it_was_given(
    sign_in: SignIn, register: Register
):
    person = register.person("Đặng Thị Tư", register.post(register.first), date(2021, 1, 1))
    defer(person, "study", end=date(2026, 12, 31))
    run(plans.draft_plan, inputs.DraftPlan(unit_id=register.town, year=2026))
    reason = session().scalars(select(Reason).where(Reason.code == "study")).one()
    data = {
        "code": "study",
        "name": reason.name,
        "is_private": "y",
        "counts_out": "y",
        "valid_from": "1/7/2019",
    }
    client = sign_in("coordinator")
    address = f"/chuyen-doi/ly-do/{reason.id}"
    assert post(client, address, data).status_code == 303
    session().rollback()
    deferral = session().scalars(select(Deferral)).one()
    row = session().scalars(select(PlanRow)).one()
    assert (deferral.reason_id, row.reason_id) == (None, None)
    assert reason_of(deferral) == reason_of(row) == reason.id
    assert "Không phải chuyển" in client.get(register.address(person)).get_data(as_text=True)
    assert post(client, address, {**data, "is_private": ""}).status_code == 303
    session().rollback()
    assert session().scalars(select(Deferral.reason_id)).one() == reason.id


def test_who_is_near_retirement_is_exempt_by_the_machine_until_a_person_decides(
    sign_in: SignIn, register: Register
):
    spot = register.post(register.first)
    person = register.person("Lâm Sắp Hưu", spot, date(2021, 1, 1), retires_on=date(2027, 12, 15))
    client = sign_in("coordinator")
    address = register.address(person)
    page = client.get(address).get_data(as_text=True)
    assert "do máy tính ra" in page
    assert "15/12/2027" in page
    assert "Lâm Sắp Hưu" in client.get("/chuyen-doi/?tt=exempt").get_data(as_text=True)
    # On the day before, eighteen full months are left.
    earlier = client.get("/chuyen-doi/?tt=due&ngay=15/06/2026").get_data(as_text=True)
    assert "Lâm Sắp Hưu" in earlier
    data = {
        "staff_code": "CC-1",
        "name": "Lâm Sắp Hưu",
        "retires_on": "15/12/2027",
        "retirement_override": "Được kéo dài thời gian công tác",
    }
    assert post(client, f"{address}/sua", data).status_code == 303
    page = client.get(address).get_data(as_text=True)
    assert "Được kéo dài thời gian công tác" in page
    assert "Lâm Sắp Hưu" in client.get("/chuyen-doi/?tt=due").get_data(as_text=True)


def test_lists_of_the_whole_instance_are_changed_by_who_answers_for_all_of_it(
    sign_in: SignIn, register: Register
):
    of_a_town = sign_in("coordinator", scope=register.town)
    page = of_a_town.get("/chuyen-doi/danh-muc")
    assert page.status_code == 200
    assert "/chuyen-doi/danh-muc/moi" not in page.get_data(as_text=True)
    for address in (
        "danh-muc/moi",
        f"danh-muc/{register.category}",
        "ly-do/moi",
        f"ly-do/{reason_id('study')}",
    ):
        assert of_a_town.get(f"/chuyen-doi/{address}").status_code == 403
        assert post(of_a_town, f"/chuyen-doi/{address}", {"code": "x"}).status_code == 403
    assert "/chuyen-doi/danh-muc/moi" in sign_in("coordinator").get(
        "/chuyen-doi/danh-muc"
    ).get_data(as_text=True)


def test_note_of_another_person_cannot_be_read_under_this_address(
    sign_in: SignIn, register: Register
):
    one = register.person("Người Một", register.post(register.first), date(2021, 1, 1))
    other = register.person("Người Hai", register.post(register.second), date(2021, 1, 1))
    deferral = run(
        services.add_deferral,
        inputs.AddDeferral(
            person_id=other, reason_id=reason_id("illness"), start=date(2026, 1, 1), note="x"
        ),
    )
    client = sign_in("coordinator")
    assert post(client, f"{register.address(one)}/ly-do/{deferral}/xem").status_code == 404


def test_posts_categories_and_reasons_are_kept_by_form(sign_in: SignIn, register: Register):
    client = sign_in("coordinator")
    data = {
        "unit_id": register.first,
        "reach_unit_id": register.town,
        "title": "Kế toán",
        "profession": "Tài chính",
        "seats": 2,
        "smallest": 3,
    }
    assert post(client, "/chuyen-doi/vi-tri/moi", data).status_code == 422
    assert post(client, "/chuyen-doi/vi-tri/moi", {**data, "smallest": 1}).status_code == 303
    assert "Kế toán" in client.get("/chuyen-doi/vi-tri").get_data(as_text=True)
    category = {
        "code": "TC",
        "title": "Tài chính",
        "months": 61,
        "alert_months": 30,
        "valid_from": "1/7/2019",
    }
    assert post(client, "/chuyen-doi/danh-muc/moi", category).status_code == 422
    assert post(client, "/chuyen-doi/danh-muc/moi", {**category, "months": 36}).status_code == 303
    reason = {"code": "khac", "name": "Lý do khác", "valid_from": "1/7/2019"}
    assert post(client, "/chuyen-doi/ly-do/moi", reason).status_code == 303
    page = client.get("/chuyen-doi/danh-muc").get_data(as_text=True)
    assert "Lý do khác" in page
    assert client.get(f"/chuyen-doi/danh-muc/{register.category}").status_code == 200
    assert client.get("/chuyen-doi/danh-muc/999999").status_code == 404


def test_export_holds_the_shown_rows_as_numbers_and_days(sign_in: SignIn, register: Register):
    register.person("=Công Thức", register.post(register.first), date(2021, 5, 28))
    answer = sign_in("coordinator").get("/chuyen-doi/so.xlsx")
    check_export(answer.data)


def check_export(content: bytes) -> None:
    sheet = load_workbook(io.BytesIO(content)).active
    assert sheet is not None
    row = [cell.value for cell in list(sheet.rows)[-1]]
    assert row[0] == "=Công Thức"
    assert list(sheet.rows)[-1][0].data_type == "s"
    assert row[6] == 60


def test_large_register_is_exported_by_a_run(
    sign_in: SignIn, register: Register, world: World, monkeypatch: pytest.MonkeyPatch
):
    register.person("=Công Thức", register.post(register.first), date(2021, 5, 28))
    monkeypatch.setattr(exports, "ROWS_AT_ONCE", 0)
    client = sign_in("coordinator")
    assert client.get("/chuyen-doi/so.xlsx").status_code == 303
    with world.as_system():
        claimed = ledger.try_claim(ledger.Claim("here:1", 30, [WRITE_FOREIGN]))
        assert claimed is not None
        write(Call(claimed))
    session().rollback()
    with client.get(session().scalars(select(JobRun.result_url)).one()) as answer:
        check_export(answer.data)


def workbook(rows: list[list[object]]) -> io.BytesIO:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append([column.heading_vi for column in importing.COLUMNS])
    for row in rows:
        sheet.append(row)
    found = io.BytesIO()
    book.save(found)
    found.seek(0)
    return found


def test_register_is_read_from_a_spreadsheet_all_or_nothing(sign_in: SignIn, register: Register):
    client = sign_in("coordinator")
    good = ["CC-1", "Nguyễn Một", "UBND phường 1", "Địa chính", "Địa chính", "DC-XD",
            date(2021, 5, 28), None, "UBND thị xã Vĩnh Châu", None]  # fmt: skip
    bad = ["CC-1", "Nguyễn Hai", "Đơn vị lạ", "Địa chính", "Địa chính", "XX",
           date(2027, 1, 1), None, None, None]  # fmt: skip

    def upload(rows: list[list[object]]):
        return client.post(
            "/nhap/position_rotation.register",
            data={"file": (workbook(rows), "so.xlsx"), "csrf_token": csrf_token(client)},
            content_type="multipart/form-data",
            follow_redirects=True,
        )

    told = upload([good, bad]).get_data(as_text=True)
    for words in (
        "Trùng với dòng",
        "Không rõ là đơn vị nào",
        "Không có danh mục",
        "không sau hôm nay",
    ):
        assert words in told
    session().rollback()
    assert session().scalars(select(Person.id)).all() == []
    second = ["CC-2", "Trần Hai", *good[2:]]
    page = upload([good, second])
    assert page.status_code == 200
    with register.world.as_system():
        lines = importing.parse(
            [
                (2, dict(zip([one.key for one in importing.COLUMNS], good, strict=True))),
                (3, dict(zip([one.key for one in importing.COLUMNS], second, strict=True))),
            ],
            {},
        )
        assert run(importing.apply, lines.data) == 2
        assert run(importing.apply, lines.data) == 2
    rows = session().execute(queries.posts(queries.RegisterFilters())).all()
    assert [(row.title, row.seats, row.held) for row in rows] == [("Địa chính", 2, 2)]


DAYS = st.dates(date(2018, 1, 1), date(2027, 12, 31))


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    people=st.lists(
        st.tuples(
            DAYS,
            st.booleans(),
            st.none() | DAYS,
            st.lists(st.tuples(DAYS, st.none() | st.integers(0, 900), st.booleans()), max_size=2),
        ),
        min_size=1,
        max_size=4,
    ),
    day=DAYS,
    months=st.integers(24, 60),
    alert=st.integers(0, 24),
)
def test_standing_in_sql_is_the_rule_in_python(register: Register, people, day, months, alert):
    """Both say the same of random people on a random day."""
    with register.world.as_system():
        category = session().get(Category, register.category)
        assert category is not None
        version = category.version
        run(
            services.save_category,
            inputs.SaveCategory(
                code="DC-XD",
                title="Địa chính",
                sector="",
                months=months,
                alert_months=alert,
                legal_basis="",
                valid_from=date(2010, 1, 1),
                category_id=register.category,
                version=version,
            ),
        )
        wanted = {}
        for day_begun, is_inside, retires_on, pauses in people:
            title = f"Vị trí {next(NUMBERS)}"
            spot = register.post(
                register.first, title, category_id=register.category if is_inside else None
            )
            since = min(day_begun, TODAY)
            key = register.person(f"Người {title}", spot, since, retires_on=retires_on)
            told = []
            for start, length, counts_out in pauses:
                end = None if length is None else start + timedelta(days=length)
                told.append(Pause(start, end, counts_out))
                run(
                    services.add_deferral,
                    inputs.AddDeferral(
                        person_id=key,
                        reason_id=reason_id("retirement" if counts_out else "illness"),
                        start=max(start, date(2019, 7, 1)),
                        end=None if end is None else max(end, date(2019, 7, 1)),
                    ),
                )
            told = [
                Pause(
                    max(one.start, date(2019, 7, 1)),
                    one.end and max(one.end, date(2019, 7, 1)),
                    one.counts_out,
                )
                for one in told
            ]
            if retires_on is not None:
                told.append(Pause(exempt_from(retires_on, 18), None, counts_out=True))
            period = Period(months, alert) if is_inside else None
            wanted[key] = standing(since, period, told, day)[0]
        session().rollback()
        rows = session().execute(
            select(Holding.person_id, standing_on(day, periods_on(session(), day)))
            .join(queries.Post)
            .join(Person, Person.id == Holding.person_id)
            .where(Holding.person_id.in_(list(wanted)))
        )
        assert {key: Standing(found) for key, found in rows} == wanted


def test_somebody_who_left_comes_back_by_who_kept_them(sign_in: SignIn, register: Register):
    desk = register.post(register.first)
    person = register.person("Lý Trở Về", desk, date(2021, 1, 1))
    address = register.address(person)
    client = sign_in("coordinator", scope=register.first)
    left = {"effective_on": "1/3/2026", "leaves": "y"}
    assert post(client, f"{address}/chuyen", left).status_code == 303
    assert "Đưa trở lại sổ" in client.get(address).get_data(as_text=True)
    early = post(client, f"{address}/chuyen", {"effective_on": "1/2/2026", "post_id": desk})
    assert early.status_code == 422
    back = post(client, f"{address}/chuyen", {"effective_on": "1/5/2026", "post_id": desk})
    assert back.status_code == 303
    assert register.post_of(person).id == desk


def test_rule_that_changes_counts_for_posts_of_the_old_one(sign_in: SignIn, register: Register):
    register.person("Lê Luật Mới", register.post(register.first), date(2023, 1, 1))
    client = sign_in("coordinator")
    assert "Lê Luật Mới" not in client.get("/chuyen-doi/?tt=due").get_data(as_text=True)
    rule = {"code": "DC-XD", "title": "Địa chính", "months": 36, "alert_months": 30}
    new = post(client, "/chuyen-doi/danh-muc/moi", {**rule, "valid_from": "1/1/2026"})
    assert new.status_code == 303
    assert "Lê Luật Mới" in client.get("/chuyen-doi/?tt=due").get_data(as_text=True)
    before = client.get("/chuyen-doi/?tt=due&ngay=31/12/2025").get_data(as_text=True)
    assert "Lê Luật Mới" not in before
    again = post(client, "/chuyen-doi/danh-muc/moi", {**rule, "valid_from": "1/1/2026"})
    assert again.status_code == 422


def test_post_is_moved_within_by_its_own_superiors_only(sign_in: SignIn, register: Register):
    register.post(register.first, "Một")
    client = sign_in("coordinator", scope=register.first)
    data = {"unit_id": register.first, "profession": "Địa chính", "seats": 1, "smallest": 0}
    foreign = post(
        client, "/chuyen-doi/vi-tri/moi", {**data, "title": "Hai", "reach_unit_id": register.second}
    )
    assert foreign.status_code == 422
    same = post(
        client, "/chuyen-doi/vi-tri/moi", {**data, "title": "Một", "reach_unit_id": register.town}
    )
    assert same.status_code == 422
    assert "đã có vị trí mang tên này" in same.get_data(as_text=True)
    with pytest.raises(ValidationFailed):
        register.post(register.first, "Hai", reach_unit_id=register.second)

"""Writes: through services with a token, versions checked, conflicts merged or shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from tests.factories.accounts import give_password, grant, make_user, sign_in
from tests.factories.plans import make_plan, make_task
from tests.factories.units import make_unit, make_unit_set
from tests.integration.admin.conftest import Desk, Place, field_value, plain_text
from tracker.accounts.models import User
from tracker.admin.views import URL
from tracker.core.changes import ChangeSet
from tracker.core.clock import FixedClock
from tracker.core.db import db
from tracker.core.rights import Role
from tracker.plans.models import Plan, PlanState, ReformArea
from tracker.settings.models import CalendarDay, ReportWindow
from tracker.units.models import Unit, UnitSet

UNIT = {"short_name": "", "code": "", "head_title": ""}


def unit(key: int) -> Unit:
    db.session.rollback()
    return db.session.get_one(Unit, key)


def change_sets() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(ChangeSet)) or 0


# -- tokens -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "don-vi/sua/?id={near}",
        "nhom-don-vi/them/",
        "nhom-don-vi/xoa/",
        "linh-vuc/them/",
        "linh-vuc/sua/?id=1",
        "ngay-nghi/xoa/",
        "ngay-nghi/hang-loat/",
        "ke-hoach/hang-loat/",
        "nhiem-vu/hang-loat/",
    ],
)
def test_nothing_is_changed_without_a_token(path: str, client: FlaskClient, place: Place) -> None:
    """Flask-Admin 763 (delete), 1416 (actions), 1788 (files): changes without a token."""
    sign_in(client, place.coordinator)
    before = change_sets()
    response = client.post(f"{URL}/{path.format(near=place.near)}", data={"name": "x", "id": "1"})
    assert response.status_code == 400
    assert "hết hạn" in plain_text(response)
    assert change_sets() == before


@pytest.mark.parametrize("path", ["xoa", "hang-loat"])
def test_dangerous_addresses_take_no_plain_link(path: str, coordinator: Desk) -> None:
    assert coordinator.get(f"{URL}/ke-hoach/{path}/?id=1").status_code == 405


# -- making and changing ----------------------------------------------------------------------


def test_an_edit_goes_through_the_service_and_into_the_log(
    administrator: Desk, place: Place
) -> None:
    page = administrator.get(f"{URL}/don-vi/sua/?id={place.near}")
    data = {**UNIT, "short_name": "Đạ Tẻh", "code": "DT", "head_title": "Chủ tịch UBND xã"}
    data["base_version"] = field_value(page, "base_version")
    response = administrator.post(f"{URL}/don-vi/sua/?id={place.near}", data)
    assert response.status_code == 303
    changed = unit(place.near)
    assert (changed.short_name, changed.code) == ("Đạ Tẻh", "DT")
    newest = db.session.scalars(select(ChangeSet).order_by(ChangeSet.id.desc())).first()
    assert newest is not None
    assert newest.actor_name == "Trần Thị An"
    assert newest.service.endswith("edit_unit")


def test_what_a_service_refuses_stands_beside_its_field(administrator: Desk, place: Place) -> None:
    data = {**UNIT, "code": "CG01", "short_name": "còn đây", "base_version": "1"}
    response = administrator.post(f"{URL}/don-vi/sua/?id={place.near}", data)
    assert response.status_code == 422
    assert "Mã này đã có đơn vị khác dùng." in plain_text(response)
    assert field_value(response, "short_name") == "còn đây"
    assert field_value(response, "code") == "CG01"
    assert unit(place.near).code == "TP01"


def test_a_form_without_its_version_is_not_read(administrator: Desk, place: Place) -> None:
    for version in ("", "x", "-1", "9" * 30):
        data = {**UNIT, "base_version": version}
        response = administrator.post(f"{URL}/don-vi/sua/?id={place.near}", data)
        assert response.status_code == 400


def test_a_field_that_the_form_does_not_offer_is_not_written(
    administrator: Desk, place: Place
) -> None:
    """Fields named by the sender (ASVS 15.3.3, mass assignment)."""
    data = {**UNIT, "code": "TP01", "name": "Tên khác", "parent_id": "", "base_version": "1"}
    administrator.post(f"{URL}/don-vi/sua/?id={place.near}", data)
    assert unit(place.near).name == "Xã Đạ Tẻh"


def test_what_has_no_service_cannot_be_made_or_taken_away(
    administrator: Desk, place: Place
) -> None:
    assert administrator.get(f"{URL}/don-vi/them/").status_code == 403
    assert administrator.post(f"{URL}/don-vi/them/", {"name": "x"}).status_code == 403
    assert administrator.post(f"{URL}/don-vi/xoa/", {"id": place.near}).status_code == 403
    assert administrator.get(f"{URL}/nguoi-dung/sua/?id={place.head}").status_code == 403
    assert administrator.post(f"{URL}/quyen/xoa/", {"id": 1, "reason": "x"}).status_code == 403
    assert administrator.post(f"{URL}/nhat-ky/xoa/", {"id": 1, "reason": "x"}).status_code == 403


def test_an_area_is_added_and_put_right(coordinator: Desk) -> None:
    data = {"code": "CDS2", "name": "Chuyển đổi số", "valid_from": "01/01/2026", "position": "9"}
    assert coordinator.post(f"{URL}/linh-vuc/them/", data).status_code == 303
    db.session.rollback()
    area = db.session.scalars(select(ReformArea).where(ReformArea.code == "CDS2")).one()
    assert area.valid_from == date(2026, 1, 1)
    page = coordinator.get(f"{URL}/linh-vuc/sua/?id={area.id}")
    assert field_value(page, "valid_from") == "01/01/2026"
    data |= {"valid_to": "31/12/2026", "base_version": field_value(page, "base_version")}
    assert coordinator.post(f"{URL}/linh-vuc/sua/?id={area.id}", data).status_code == 303
    db.session.rollback()
    assert db.session.get_one(ReformArea, area.id).valid_to == date(2026, 12, 31)


def test_what_was_typed_stays_when_a_new_area_is_refused(coordinator: Desk) -> None:
    data = {"code": "", "name": "Chuyển đổi số", "valid_from": "32/13/2026"}
    response = coordinator.post(f"{URL}/linh-vuc/them/", data)
    assert response.status_code == 422
    assert field_value(response, "name") == "Chuyển đổi số"
    assert field_value(response, "valid_from") == "32/13/2026"


def test_a_day_is_added_and_taken_out_with_a_reason(administrator: Desk) -> None:
    data = {"day": "04/05/2026", "kind": "holiday", "name": "Nghỉ bù", "decision": ""}
    assert administrator.post(f"{URL}/ngay-nghi/them/", data).status_code == 303
    again = administrator.post(f"{URL}/ngay-nghi/them/", data)
    assert again.status_code == 409
    assert field_value(again, "name") == "Nghỉ bù"
    silent = administrator.post(f"{URL}/ngay-nghi/xoa/", {"id": "2026-05-04"})
    assert silent.status_code == 422
    response = administrator.post(
        f"{URL}/ngay-nghi/xoa/", {"id": "2026-05-04", "reason": "Không còn nghỉ"}
    )
    assert response.status_code == 303
    db.session.rollback()
    assert db.session.get(CalendarDay, date(2026, 5, 4)) is None
    newest = db.session.scalars(select(ChangeSet).order_by(ChangeSet.id.desc())).first()
    assert newest is not None
    assert newest.reason == "Không còn nghỉ"


def test_a_reporting_window_is_changed(administrator: Desk) -> None:
    key = db.session.scalars(select(ReportWindow.code)).first()
    page = administrator.get(f"{URL}/ky-bao-cao/sua/?id={key}")
    names = [
        "name", "name_en", "from_day", "from_month", "to_day", "to_month", "due_day", "due_month"
    ]  # fmt: skip
    data = {name: field_value(page, name) for name in [*names, "base_version"]}
    row = db.session.get_one(ReportWindow, key)
    data |= {"from_year_offset": str(row.from_year_offset), "due_day": "20"}
    assert administrator.post(f"{URL}/ky-bao-cao/sua/?id={key}", data).status_code == 303
    db.session.rollback()
    assert db.session.get_one(ReportWindow, key).due_day == 20


def test_a_unit_set_is_made_changed_and_taken_away(administrator: Desk, place: Place) -> None:
    data = {"name": "Mọi xã", "kinds": ["commune"], "under_unit_id": place.province}
    assert administrator.post(f"{URL}/nhom-don-vi/them/", data).status_code == 303
    db.session.rollback()
    made = db.session.scalars(select(UnitSet)).one()
    assert (made.kinds, made.under_unit_id) == ("commune", place.province)
    data |= {"kinds": ["commune", "ward"], "base_version": str(made.version)}
    assert administrator.post(f"{URL}/nhom-don-vi/sua/?id={made.id}", data).status_code == 303
    db.session.rollback()
    assert db.session.scalars(select(UnitSet.kinds)).one() == "commune,ward"
    gone = administrator.post(f"{URL}/nhom-don-vi/xoa/", {"id": made.id, "reason": "Thừa"})
    assert gone.status_code == 303
    assert db.session.scalars(select(UnitSet)).all() == []


def test_a_set_in_use_is_kept_and_the_page_says_so(administrator: Desk, place: Place) -> None:
    unit_set = make_unit_set("Mọi xã", under=place.province)
    plan = make_plan(place.province)
    make_task(plan, place.near, unit_set_id=unit_set)
    response = administrator.post(f"{URL}/nhom-don-vi/xoa/", {"id": unit_set, "reason": "Thừa"})
    assert response.status_code == 409
    assert "đang được dùng ở nơi khác" in plain_text(response)
    assert field_value(response, "id") == str(unit_set)


def test_a_local_coordinator_does_not_touch_sets_of_others(local: Desk, place: Place) -> None:
    far = make_unit_set("Nhóm của xã khác", under=place.far)
    whole = make_unit_set("Nhóm toàn tỉnh")
    assert local.get(f"{URL}/nhom-don-vi/sua/?id={far}").status_code == 404
    data = {"name": "Đã đổi", "kinds": [], "under_unit_id": "", "base_version": "1"}
    assert local.post(f"{URL}/nhom-don-vi/sua/?id={far}", data).status_code == 404
    assert local.post(f"{URL}/nhom-don-vi/sua/?id={whole}", data).status_code == 403
    db.session.rollback()
    assert "Đã đổi" not in db.session.scalars(select(UnitSet.name)).all()


# -- two people, one record -------------------------------------------------------------------


@pytest.fixture
def opened(administrator: Desk, coordinator: Desk, place: Place) -> str:
    """The version both opened; the coordinator then saved another short name and head."""
    version = field_value(administrator.get(f"{URL}/don-vi/sua/?id={place.near}"), "base_version")
    data = {**UNIT, "code": "TP01", "short_name": "Của Cúc", "base_version": version}
    assert coordinator.post(f"{URL}/don-vi/sua/?id={place.near}", data).status_code == 303
    return version


def test_changes_of_different_fields_are_merged(
    opened: str, administrator: Desk, place: Place
) -> None:
    data = {**UNIT, "code": "MOI", "base_version": opened}
    assert administrator.post(f"{URL}/don-vi/sua/?id={place.near}", data).status_code == 303
    merged = unit(place.near)
    assert (merged.code, merged.short_name) == ("MOI", "Của Cúc")


def test_changes_of_one_field_are_shown_side_by_side_and_nothing_typed_is_lost(
    opened: str, administrator: Desk, place: Place
) -> None:
    path = f"{URL}/don-vi/sua/?id={place.near}"
    data = {"short_name": "Của An", "code": "MOI", "head_title": "Bí thư", "base_version": opened}
    shown = administrator.post(path, data)
    assert shown.status_code == 409
    said = plain_text(shown)
    for words in ("(để trống)", "Của Cúc", "Bản của Võ Thị Cúc", "Bản của bạn", "Tên ngắn"):
        assert words in said
    assert field_value(shown, "short_name") == "Của An"
    assert field_value(shown, "code") == "MOI"
    assert field_value(shown, "head_title") == "Bí thư"
    assert unit(place.near).short_name == "Của Cúc"

    hidden = {name: field_value(shown, name) for name in ("base_version", "seen_version")}
    # Without a choice the question is asked again.
    assert administrator.post(path, {**data, **hidden}).status_code == 409
    saved = administrator.post(path, {**data, **hidden, "pick__short_name": "mine"})
    assert saved.status_code == 303
    merged = unit(place.near)
    assert (merged.short_name, merged.code, merged.head_title) == ("Của An", "MOI", "Bí thư")


def test_their_side_may_be_kept(opened: str, administrator: Desk, place: Place) -> None:
    path = f"{URL}/don-vi/sua/?id={place.near}"
    data = {"short_name": "Của An", "code": "MOI", "head_title": "", "base_version": opened}
    shown = administrator.post(path, data)
    data["seen_version"] = field_value(shown, "seen_version")
    assert administrator.post(path, {**data, "pick__short_name": "theirs"}).status_code == 303
    merged = unit(place.near)
    assert (merged.short_name, merged.code) == ("Của Cúc", "MOI")


def test_a_choice_made_on_an_older_page_is_asked_again(
    opened: str, administrator: Desk, coordinator: Desk, place: Place
) -> None:
    path = f"{URL}/don-vi/sua/?id={place.near}"
    data = {**UNIT, "short_name": "Của An", "code": "TP01", "base_version": opened}
    shown = administrator.post(path, data)
    seen = field_value(shown, "seen_version")
    third = {**UNIT, "short_name": "Của Cúc lần hai", "code": "TP01", "base_version": seen}
    assert coordinator.post(path, third).status_code == 303
    data |= {"seen_version": seen, "pick__short_name": "mine"}
    again = administrator.post(path, data)
    assert again.status_code == 409
    assert "Của Cúc lần hai" in plain_text(again)
    assert unit(place.near).short_name == "Của Cúc lần hai"


def test_a_record_that_is_gone_is_not_found(administrator: Desk, place: Place) -> None:
    unit_set = make_unit_set("Tạm", under=place.province)
    page = administrator.get(f"{URL}/nhom-don-vi/sua/?id={unit_set}")
    version = field_value(page, "base_version")
    administrator.post(f"{URL}/nhom-don-vi/xoa/", {"id": unit_set, "reason": ""})
    data = {"name": "Còn", "kinds": [], "under_unit_id": "", "base_version": version}
    response = administrator.post(f"{URL}/nhom-don-vi/sua/?id={unit_set}", data)
    assert response.status_code == 404


# -- several records --------------------------------------------------------------------------


def test_plans_are_closed_together_with_a_reason(coordinator: Desk, place: Place) -> None:
    plans = [make_plan(place.province, title=f"Kế hoạch {n}") for n in range(3)]
    data = {"action": "close", "rowid": plans}
    asked = coordinator.post(f"{URL}/ke-hoach/hang-loat/", data)
    assert asked.status_code == 200
    assert "Khép những kế hoạch này?" in plain_text(asked)
    assert "Kế hoạch 2" in plain_text(asked)
    data |= {"confirmed": "1", "closed_on": "10/06/2026"}
    silent = coordinator.post(f"{URL}/ke-hoach/hang-loat/", data)
    assert silent.status_code == 422
    assert field_value(silent, "closed_on") == "10/06/2026"
    before = change_sets()
    data["reason"] = "Hết năm kế hoạch"
    assert coordinator.post(f"{URL}/ke-hoach/hang-loat/", data).status_code == 303
    assert change_sets() == before + 1
    states = db.session.scalars(select(Plan.state).where(Plan.id.in_(plans))).all()
    assert set(states) == {PlanState.CLOSED}
    newest = db.session.scalars(select(ChangeSet).order_by(ChangeSet.id.desc())).first()
    assert newest is not None
    assert newest.reason == "Hết năm kế hoạch"


def test_one_refusal_keeps_all_of_a_bulk_as_it_was(coordinator: Desk, place: Place) -> None:
    issued, draft = make_plan(place.province), make_plan(place.province, issued_on=None)
    data = {"action": "close", "rowid": [issued, draft], "confirmed": "1"}
    data |= {"closed_on": "10/06/2026", "reason": "Hết năm"}
    response = coordinator.post(f"{URL}/ke-hoach/hang-loat/", data)
    assert response.status_code == 422
    assert "Chỉ khép được kế hoạch đang thực hiện." in plain_text(response)
    db.session.rollback()
    assert db.session.get_one(Plan, issued).state is PlanState.ISSUED


def test_drafts_are_deleted_in_bulk_on_both_databases(coordinator: Desk, place: Place) -> None:
    """Keys come as text; PostgreSQL compares none with integers (Flask-Admin 2592, 2951)."""
    drafts = [make_plan(place.province, issued_on=None) for _ in range(2)]
    data = {"action": "delete", "rowid": drafts, "confirmed": "1", "reason": "Không dùng"}
    assert coordinator.post(f"{URL}/ke-hoach/hang-loat/", data).status_code == 303
    db.session.rollback()
    assert db.session.scalars(select(Plan).where(Plan.id.in_(drafts))).all() == []


def test_rows_get_their_area_in_bulk(coordinator: Desk, place: Place) -> None:
    plan = make_plan(place.province)
    tasks = [make_task(plan, place.near), make_task(plan, place.far)]
    area = db.session.scalars(select(ReformArea.id).order_by(ReformArea.position.desc())).first()
    data = {"action": "area", "rowid": tasks}
    assert coordinator.post(f"{URL}/nhiem-vu/hang-loat/", data).status_code == 200
    data |= {"confirmed": "1", "area_id": str(area), "reason": "Xếp lại"}
    assert coordinator.post(f"{URL}/nhiem-vu/hang-loat/", data).status_code == 303
    listed = coordinator.get(f"{URL}/nhiem-vu/?area={area}").text
    assert listed.partition("<tbody>")[2].count("<tr>") == 2
    wrong = coordinator.post(f"{URL}/nhiem-vu/hang-loat/", {**data, "area_id": "999"})
    assert wrong.status_code == 422


def test_shares_get_their_person_in_bulk(coordinator: Desk, place: Place) -> None:
    from tracker.plans.models import Assignment

    plan = make_plan(place.province)
    make_task(plan, place.near)
    make_task(plan, place.near)
    shares = list(db.session.scalars(select(Assignment.id)))
    data = {"action": "person", "rowid": shares, "confirmed": "1", "reason": "Giao việc"}
    data["person_id"] = str(place.officer)
    assert coordinator.post(f"{URL}/phan-cong/hang-loat/", data).status_code == 303
    db.session.rollback()
    assert set(db.session.scalars(select(Assignment.person_id))) == {place.officer}
    stranger = coordinator.post(
        f"{URL}/phan-cong/hang-loat/", {**data, "person_id": str(place.leader)}
    )
    assert stranger.status_code == 422


def test_accounts_are_closed_and_opened_together(
    administrator: Desk, local: Desk, place: Place, clock: FixedClock
) -> None:
    people = [place.head, place.officer, place.local]
    before = change_sets()
    data = {"action": "close", "rowid": people}
    asked = administrator.post(f"{URL}/nguoi-dung/hang-loat/", data)
    assert "Khóa những tài khoản này?" in plain_text(asked)
    assert "Hồ Thị Em" in plain_text(asked)
    assert local.get("/").status_code == 200
    data |= {"confirmed": "1", "reason": "Sáp nhập xã"}
    assert administrator.post(f"{URL}/nguoi-dung/hang-loat/", data).status_code == 303
    assert change_sets() == before + 1
    assert local.get("/").status_code == 302
    asking = select(User.id).where(User.is_active.is_(False)).order_by(User.id)
    assert db.session.scalars(asking).all() == sorted(people)
    data |= {"action": "open", "rowid": people[:2]}
    assert administrator.post(f"{URL}/nguoi-dung/hang-loat/", data).status_code == 303
    db.session.rollback()
    assert db.session.scalars(asking).all() == people[2:]


def test_no_account_is_closed_with_ones_own_among_them(administrator: Desk, place: Place) -> None:
    data = {"action": "close", "rowid": [place.head, place.administrator]}
    data |= {"confirmed": "1", "reason": "Nhầm"}
    refused = administrator.post(f"{URL}/nguoi-dung/hang-loat/", data)
    assert refused.status_code == 422
    assert "Trần Thị An: Không thể tự khóa tài khoản của mình." in plain_text(refused)
    assert "Nhầm" in refused.text
    db.session.rollback()
    assert all(db.session.scalars(select(User.is_active)))


def test_who_holds_more_elsewhere_is_named_and_nobody_is_closed(
    desk_of: Callable[[int], Desk], place: Place
) -> None:
    chief = make_user(place.near, Role.ADMINISTRATOR)
    grant(place.officer, Role.INSPECTOR, place.far)
    data = {"action": "close", "rowid": [place.head, place.officer]}
    data |= {"confirmed": "1", "reason": "Sáp nhập xã"}
    refused = desk_of(chief).post(f"{URL}/nguoi-dung/hang-loat/", data)
    assert refused.status_code == 422
    assert "Hồ Thị Em còn giữ vai trò ngoài phạm vi của bạn." in plain_text(refused)
    assert "Sáp nhập xã" in refused.text
    db.session.rollback()
    assert all(db.session.scalars(select(User.is_active)))


def test_accounts_are_closed_by_who_gave_the_password_lately(
    administrator: Desk, place: Place, clock: FixedClock
) -> None:
    give_password(place.administrator, "con trâu xanh bay")
    sign_in(administrator.client, place.administrator)
    clock.advance(minutes=11)
    data = {"action": "close", "rowid": [place.head], "confirmed": "1", "reason": "Nghỉ việc"}
    asked = administrator.post(f"{URL}/nguoi-dung/hang-loat/", data)
    assert field_value(asked, "reason") == "Nghỉ việc"
    assert db.session.get_one(User, place.head).is_active
    db.session.rollback()
    data["confirm_password"] = "con trâu xanh bay"
    assert administrator.post(f"{URL}/nguoi-dung/hang-loat/", data).status_code == 303
    db.session.rollback()
    assert not db.session.get_one(User, place.head).is_active


def test_who_manages_no_accounts_closes_none(coordinator: Desk, place: Place) -> None:
    data = {"action": "close", "rowid": [place.head], "confirmed": "1", "reason": "x"}
    assert coordinator.post(f"{URL}/nguoi-dung/hang-loat/", data).status_code == 403


@pytest.mark.parametrize("ids", [["x"], ["1 or 1"], ["-1"], ["9" * 30], ["999999"]])
def test_picked_rows_that_are_none_are_not_found(ids: list[str], coordinator: Desk) -> None:
    data = {"action": "delete", "rowid": ids, "confirmed": "1", "reason": "x"}
    assert coordinator.post(f"{URL}/ke-hoach/hang-loat/", data).status_code == 404


def test_a_bulk_action_that_is_none_is_refused(coordinator: Desk, place: Place) -> None:
    plan = make_plan(place.province)
    for name in ("", "close_all", "__class__"):
        data = {"action": name, "rowid": [plan]}
        assert coordinator.post(f"{URL}/ke-hoach/hang-loat/", data).status_code == 400
    # What one section offers, another does not.
    data = {"action": "close", "rowid": [place.near]}
    assert coordinator.post(f"{URL}/don-vi/hang-loat/", data).status_code == 400


def test_nothing_picked_is_said_in_words(coordinator: Desk) -> None:
    response = coordinator.post(f"{URL}/ke-hoach/hang-loat/", {"action": "close"})
    assert response.status_code == 303
    assert "Hãy chọn ít nhất một dòng." in plain_text(coordinator.get(f"{URL}/ke-hoach/"))


def test_too_many_rows_at_once_are_refused(coordinator: Desk) -> None:
    data = {"action": "delete", "rowid": [str(n) for n in range(1, 502)]}
    assert coordinator.post(f"{URL}/ke-hoach/hang-loat/", data).status_code == 400


def test_the_quick_form_beside_the_list_is_a_fragment(administrator: Desk, place: Place) -> None:
    make_unit("Xã khác", parent=place.province)
    fragment = administrator.get(
        f"{URL}/don-vi/sua/?id={place.near}", headers={"HX-Request": "true"}
    )
    assert fragment.status_code == 200
    assert "<html" not in fragment.text
    assert field_value(fragment, "base_version") == "1"

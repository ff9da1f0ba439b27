"""Desks, cameras, coverage and cost, import and export, secrets, hand-over."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient
from openpyxl import Workbook, load_workbook
from small_office import Office
from sqlalchemy import select, text
from tracker_camera_monitoring import handover, importing, inputs, queries, services
from tracker_camera_monitoring.addresses import read_address
from tracker_camera_monitoring.models import Camera, CameraState, Desk

from tracker.api.errors import Conflict, PermissionDenied, ValidationFailed
from tracker.api.hooks import Handover
from tracker.api.queries import session
from tracker.api.work import run
from tracker.exports.jobs import write
from tracker.exports.services import WRITE_FOREIGN
from tracker.jobs import ledger
from tracker.jobs.calls import Call
from tracker.jobs.models import JobRun
from tracker.testing.world import World, csrf_token, post
from tracker.web import exports

BOUGHT = date(2021, 5, 20)


# -- the golden case --------------------------------------------------------------------------


def test_vinh_chau_2021_counts_23_sets_at_10_of_10_communes_also_after_the_merger(
    world: World, sign_in: Any
) -> None:
    """A0: 23 bộ camera tại 10/10 xã, 88.490.000 đ, as of 15/12/2021."""
    communes = [world.unit(f"UBND xã {number}") for number in range(10)]
    heir = world.unit("UBND phường mới", kind="ward")
    left, each = 88_490_000, 88_490_000 // 23
    for number, unit in enumerate(communes):
        desk = run(
            services.save_desk,
            inputs.SaveDesk(unit_id=unit, name="Một cửa", opened_on=date(2021, 1, 4)),
        )
        for camera in range(3 if number < 3 else 2):
            cost = each if (number, camera) != (9, 1) else left
            left -= cost
            run(
                services.save_camera,
                inputs.SaveCamera(
                    desk_id=desk, name=f"Camera {camera + 1}", bought_on=BOUGHT, cost=cost
                ),
            )
    assert left == 0
    merger = Handover(
        kind="merge",
        effective_on=date(2025, 7, 1),
        decision="",
        successors=dict.fromkeys(communes, (heir,)),
    )
    assert len(handover.preview(merger)) == 10
    assert run(handover.apply, merger) == 10
    assert run(handover.apply, merger) == 0  # told twice, done once

    then = queries.coverage_on(date(2021, 12, 15), world.clock.today())
    assert (then.covered_units, then.units, then.sets, then.cost) == (10, 10, 23, 88_490_000)
    assert str(then.sets_per_unit) == "2.3"
    assert then.cost_per_set == 3_847_391
    today = queries.coverage_on(world.clock.today(), world.clock.today())
    assert (today.covered_units, today.units, today.desks, today.sets) == (1, 1, 10, 23)
    before = queries.coverage_on(date(2020, 12, 31), world.clock.today())
    assert before.desks == 0

    page = sign_in("leader").get("/camera/so/so-lieu?ngay=15/12/2021").text
    for figure in ("10/10", "100,00%", "88.490.000", "2,3 bộ", "3.847.391"):
        assert figure in page


# -- desks ----------------------------------------------------------------------------------


def test_desk_is_made_and_changed_by_form(office: Office, sign_in: Any) -> None:
    client = sign_in("coordinator")
    form = {"unit_id": office.first, "name": "Quầy liên thông", "opened_on": "01/03/2024"}
    answer = post(client, "/camera/so/ban/moi", form)
    assert answer.status_code == 303
    desk = session().scalars(select(Desk).where(Desk.name == "Quầy liên thông")).one()
    assert desk.opened_on == date(2024, 3, 1)
    assert post(client, "/camera/so/ban/moi", form).status_code == 422
    late = {**form, "opened_on": "01/03/2034"}
    page = post(client, f"/camera/so/ban/{desk.id}/sua", late)
    assert page.status_code == 422
    assert "01/03/2034" in page.text
    assert sign_in("head", scope=office.first).get("/camera/so/ban/moi").status_code == 403


def test_desk_out_of_reach_is_not_found(office: Office, sign_in: Any) -> None:
    client = sign_in("head", scope=office.first)
    assert client.get(f"/camera/so/ban/{office.first_desk}").status_code == 200
    assert client.get(f"/camera/so/ban/{office.second_desk}").status_code == 404
    assert client.get("/camera/so/ban/99999999999").status_code == 404


def test_desk_that_moves_keeps_its_past_and_gets_a_free_name(office: Office) -> None:
    handed = Handover("merge", date(2025, 7, 1), "", {office.first: (office.second,)})
    run(handover.apply, handed)
    desk = session().get_one(Desk, office.first_desk)
    assert (desk.unit_id, desk.name) == (office.second, "Bộ phận Một cửa (2)")
    assert queries.desk_units_on(date(2025, 6, 30))[desk.id] == office.first
    assert queries.desk_units_on(date(2025, 7, 1))[desk.id] == office.second


def test_divided_unit_asks_which_successor_takes_a_desk(office: Office) -> None:
    third = office.world.unit("UBND xã thứ ba")
    open_choice = Handover("split", office.today, "", {office.first: (office.second, third)})
    assert [one.to_unit_id for one in handover.preview(open_choice)] == [None]
    chosen = Handover(
        "split",
        office.today,
        "",
        {office.first: (office.second, third)},
        {(handover.KEY, office.first_desk): third},
    )
    run(handover.apply, chosen)
    assert session().get_one(Desk, office.first_desk).unit_id == third


# -- cameras and their secrets --------------------------------------------------------------


def test_password_is_encrypted_kept_and_dropped_when_the_host_changes(office: Office) -> None:
    camera = office.camera(address="rtsp://quantri:b%C3%AD%20m%E1%BA%ADt@10.0.0.1/live")
    table = Camera.__tablename__
    stored = session().execute(text(f"SELECT username, secret FROM {table}")).one()
    assert "quantri" not in str(stored.username)
    assert "bí mật" not in str(stored.secret)
    office.camera(camera_id=camera, address="rtsp://10.0.0.1/other")
    session().expire_all()
    kept = session().get_one(Camera, camera)
    assert (kept.username, kept.secret, kept.path) == ("quantri", "bí mật", "/other")
    # A new host must not be sent a password that was given for another.
    office.camera(camera_id=camera, address="rtsp://10.0.0.9/other")
    session().expire_all()
    assert session().get_one(Camera, camera).secret is None


def test_password_is_not_in_the_change_log(office: Office, sign_in: Any) -> None:
    office.camera(address="rtsp://quantri:b%C3%AD%20m%E1%BA%ADt@10.0.0.1/live")
    rows = session().execute(text("SELECT fields FROM changes")).scalars().all()
    assert not any("quantri" in row or "bí mật" in row for row in rows)
    assert any('"secret":["•","•"]' in row for row in rows)


def test_camera_is_made_and_changed_by_form(office: Office, sign_in: Any) -> None:
    client = sign_in("coordinator")
    form = {
        "desk_id": office.first_desk,
        "name": "Camera 1",
        "state": "in_use",
        "bought_on": "20/05/2021",
        "cost": "3.847.391",
        "retention_days": "15",
        "address": "rtsp://10.20.1.5:554/live",
        "username": "admin",
        "secret": "bí mật 9",
        "probe_minutes": "5",
    }
    assert post(client, "/camera/so/may/moi", form).status_code == 303
    camera = session().scalars(select(Camera)).one()
    assert (camera.cost, camera.retention_days, camera.secret) == (3_847_391, 15, "bí mật 9")
    url = f"/camera/so/may/{camera.id}/sua"
    page = client.get(url).text
    assert "bí mật 9" not in page
    assert 'value="bí mật 9"' not in page
    again = {**form, "username": "", "secret": "", "version": camera.version, "place": "Cửa"}
    assert post(client, url, again).status_code == 303
    session().expire_all()
    assert session().get_one(Camera, camera.id).secret == "bí mật 9"
    stale = post(client, url, {**again, "place": "Khác"})
    assert stale.status_code == 409
    for field, value, message in (
        ("address", "ftp://10.1.1.1/", "rtsp://"),
        ("address", "rtsp://10.1/", "IP"),
        ("cost", "ba triệu", "số nguyên"),
        ("probe_minutes", "1", "từ 5"),
        ("bought_on", "31/02/2021", "Ngày chưa đúng"),
        ("name", "", "Hãy điền"),
    ):
        bad = post(client, "/camera/so/may/moi", {**form, "name": "Khác", field: value})
        assert bad.status_code == 422, field
        assert message in bad.text, field
    assert post(client, "/camera/so/may/moi", {}).status_code == 422


def test_camera_out_of_reach_is_refused(office: Office, world: World) -> None:
    person = world.person("coordinator", unit=office.first, scope=office.first)
    with world.as_person(person):
        data = inputs.SaveCamera(desk_id=office.second_desk, name="X")
        with pytest.raises(PermissionDenied):
            run(services.save_camera, data)
    head = world.person("head", unit=office.first, scope=office.first)
    with world.as_person(head), pytest.raises(PermissionDenied):
        run(services.save_camera, inputs.SaveCamera(desk_id=office.first_desk, name="X"))


def test_cameras_that_keep_too_little_are_named(office: Office, sign_in: Any) -> None:
    office.camera(name="Đủ", retention_days=30)
    office.camera(name="Thiếu", retention_days=7)
    office.camera(name="Không biết")
    assert queries.count_short_retention(30) == (2, 3)
    page = sign_in("leader").get("/camera/so?luu_it=1").text
    assert "Thiếu" in page
    assert "Không biết" in page
    assert ">Đủ<" not in page


# -- import and export ----------------------------------------------------------------------


def rows_of(*cells: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """Return rows as the engine gives them: numbers from 2, every column there."""
    keys = [column.key for column in importing.COLUMNS]
    return [(number, {key: one.get(key) for key in keys}) for number, one in enumerate(cells, 2)]


def test_import_makes_desks_and_cameras_and_again_changes_nothing(office: Office) -> None:
    rows = rows_of(
        {"unit": "UBND xã Hòa Đông", "name": "Camera 1", "cost": 3_847_391, "bought_on": BOUGHT},
        {"unit": "xa lac hoa", "desk": "Quầy mới", "name": "Camera 1", "retention_days": 30},
        {"unit": "UBND xã Lạc Hòa", "desk": "Quầy mới", "name": "Camera 2",
         "address": "rtsp://10.1.1.1/live", "state": "Đang sửa"},
    )  # fmt: skip
    parsed = importing.parse(rows, {})
    assert parsed.errors == ()
    assert [one.value for one in parsed.outcomes.values()] == ["new", "new", "new"]
    assert parsed.summary == "Thêm 1 bàn tiếp dân."
    assert run(services.import_cameras, parsed.data) == 3
    assert session().scalars(select(Desk.name).order_by(Desk.name)).all() == [
        "Bộ phận Một cửa",
        "Bộ phận Một cửa",
        "Quầy mới",
    ]
    again = importing.parse(rows, {})
    assert {one.value for one in again.outcomes.values()} == {"same"}
    run(services.import_cameras, again.data)
    assert len(session().scalars(select(Camera.id)).all()) == 3


def test_import_changes_only_what_the_file_has_a_column_for(office: Office) -> None:
    camera = office.camera(
        cost=4_000_000, address="rtsp://admin:pw@10.0.0.1/live", state=CameraState.REPAIR
    )
    retired = office.camera(name="Camera 2", state=CameraState.RETIRED, retired_on=BOUGHT)
    rows = [
        (2, {"unit": "UBND xã Hòa Đông", "name": "Camera 1", "retention_days": 60}),
        (3, {"unit": "UBND xã Hòa Đông", "name": "Camera 2", "state": "Thôi dùng"}),
    ]
    run(services.import_cameras, importing.parse(rows, {}).data)
    session().rollback()
    kept = session().get_one(Camera, camera)
    assert (kept.retention_days, kept.cost, kept.state) == (60, 4_000_000, CameraState.REPAIR)
    assert (kept.host, kept.secret) == ("10.0.0.1", "pw")
    # Read in again, it does not become retired today.
    assert session().get_one(Camera, retired).retired_on == BOUGHT


def test_cameras_change_their_state_together_in_the_back_office(
    office: Office, sign_in: Any
) -> None:
    office.camera(address="rtsp://admin:b%C3%AD@10.0.0.1/live")
    other = office.camera(office.second_desk, name="Camera xã bên")
    client = sign_in("coordinator")
    listed = client.get("/quan-tri/camera/").text
    assert "Camera xã bên" in listed
    own = sign_in("coordinator", scope=office.first).get("/quan-tri/camera/").text
    assert "Camera 1" in own
    assert "Camera xã bên" not in own
    assert sign_in("head", scope=office.first).get("/quan-tri/camera/").status_code == 403
    data = {"action": "state", "rowid": other, "confirmed": "1", "state": "stored", "reason": "Sửa"}
    assert post(client, "/quan-tri/camera/hang-loat/", data).status_code == 303
    session().rollback()
    assert session().get_one(Camera, other).state is CameraState.STORED


def test_import_names_every_fault_by_row_and_column(office: Office) -> None:
    parsed = importing.parse(
        rows_of(
            {"unit": "UBND xã Không Có", "name": "Camera 1"},
            {"unit": "UBND xã Hòa Đông", "name": "Camera 1", "state": "hỏng hẳn"},
            {"unit": "UBND xã Hòa Đông", "name": "C2", "address": "rtsp://u:p@10.1.1.1/"},
            {"unit": "UBND xã Hòa Đông", "name": "C3", "cost": -1, "retention_days": 99999},
            {"unit": "UBND xã Hòa Đông", "name": "C4", "bought_on": date(2050, 1, 1)},
            {"unit": "UBND xã Lạc Hòa", "name": "Camera 9"},
            {"unit": "UBND xã Lạc Hòa", "name": "Camera 9"},
        ),
        {},
    )
    assert parsed.data is None
    assert {(one.row, one.column) for one in parsed.errors} == {
        (2, "unit"),
        (3, "state"),
        (4, "address"),
        (5, "cost"),
        (5, "retention_days"),
        (6, "bought_on"),
        (8, "name"),
    }


def test_import_reaches_only_units_within_ones_rights(office: Office, world: World) -> None:
    person = world.person("coordinator", unit=office.first, scope=office.first)
    with world.as_person(person):
        parsed = importing.parse(rows_of({"unit": "UBND xã Lạc Hòa", "name": "Camera 1"}), {})
    assert [(one.row, one.column) for one in parsed.errors] == [(2, "unit")]


def large_export(world: World, client: FlaskClient, address: str) -> bytes:
    """Export a list that is too large for its page, as the job process does."""
    assert client.get(address).status_code == 303
    with world.as_system():
        claimed = ledger.try_claim(ledger.Claim("here:1", 30, [WRITE_FOREIGN]))
        assert claimed is not None
        write(Call(claimed))
    session().rollback()
    with client.get(session().scalars(select(JobRun.result_url)).one()) as answer:
        return answer.data


@pytest.mark.parametrize("is_large", [False, True])
def test_export_is_read_back_by_the_import(
    office: Office, sign_in: Any, is_large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.camera(
        name="Camera 1",
        cost=3_847_391,
        bought_on=BOUGHT,
        retention_days=15,
        address="rtsp://admin:pw@10.20.1.5/live",
    )
    client = sign_in("coordinator")
    if is_large:
        monkeypatch.setattr(exports, "ROWS_AT_ONCE", 0)
        content = large_export(office.world, client, "/camera/so/xuat?sort=-unit")
    else:
        content = client.get("/camera/so/xuat?sort=-unit").data
    sheet = load_workbook(io.BytesIO(content)).active
    assert sheet is not None
    table = [list(row) for row in sheet.iter_rows(values_only=True)]
    start = next(number for number, row in enumerate(table) if "Tên camera" in row)
    headings = {column.heading_vi for column in importing.COLUMNS}
    assert set(filter(None, table[start])) <= headings
    row = dict(zip(table[start], table[start + 1], strict=True))
    assert row["Giá (đồng)"] == 3_847_391
    assert row["Địa chỉ thăm dò"] == "rtsp://10.20.1.5/live"
    assert not any("pw" in str(cell) for line in table for cell in line)


# -- the list of what may be seen -----------------------------------------------------------


def test_list_of_sights_is_the_instances_own(office: Office, world: World, sign_in: Any) -> None:
    client = sign_in("coordinator")
    form = {"name": "Hút thuốc tại quầy", "severity": "minor", "position": "15", "is_active": "y"}
    assert post(client, "/camera/so/noi-dung/moi", form).status_code == 303
    assert "Hút thuốc tại quầy" in client.get("/camera/nhat-ky/moi").text
    watcher = world.person("inspector")
    used = office.sight("crowding")
    office.entry(watcher, None, "crowding")
    with pytest.raises(Conflict):
        run(services.remove_sight, used)
    off = {"name": "Người dân chờ đông", "severity": "minor", "position": "70"}
    assert post(client, f"/camera/so/noi-dung/{used}", off).status_code == 303
    assert "Người dân chờ đông" not in client.get("/camera/nhat-ky/moi").text
    unused = office.sight("private_work")
    assert post(client, f"/camera/so/noi-dung/{unused}/xoa").status_code == 303
    # Others see it; changing it is for who answers for all units.
    for reader in (sign_in("inspector"), sign_in("coordinator", scope=office.first)):
        page = reader.get("/camera/so/noi-dung").text
        assert "Hút thuốc tại quầy" in page
        assert "/camera/so/noi-dung/" not in page
        for address in ("moi", str(used), f"{used}/xoa"):
            assert post(reader, f"/camera/so/noi-dung/{address}", form).status_code == 403
    with pytest.raises(ValidationFailed):
        run(services.save_sight, inputs.SaveSight(name="  "))


def test_addresses_given_by_program_are_kept_apart(office: Office) -> None:
    camera = office.camera(address="http://cam-1.xa.local/snap.jpg")
    address = session().get_one(Camera, camera).address
    assert address == read_address("http://cam-1.xa.local/snap.jpg")


@pytest.mark.parametrize("is_large", [False, True])
def test_spreadsheet_is_imported_through_the_pages(
    office: Office, sign_in: Any, monkeypatch: pytest.MonkeyPatch, is_large: bool
) -> None:
    client = sign_in("coordinator")
    start = "/nhap/camera_monitoring.cameras"
    assert client.get(start).status_code == 200
    assert client.get(f"{start}/mau.xlsx").status_code == 200
    if is_large:
        # The page leaves the file to the ledger, and the rows are written in several parts.
        monkeypatch.setattr("tracker.imports.engine.MOST_ROWS_AT_ONCE", 1)
        monkeypatch.setattr(services.batched, "__defaults__", (1,))
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Đơn vị", "Tên camera", "Giá (đồng)", "Ngày mua", "Trạng thái"])
    sheet.append(["UBND xã Hòa Đông", "Camera 1", 3_847_391, "20/05/2021", "Đang dùng"])
    sheet.append(["UBND xã Lạc Hòa", "Camera 1", None, None, None])
    target = io.BytesIO()
    book.save(target)
    data = {"csrf_token": csrf_token(client), "file": (io.BytesIO(target.getvalue()), "so.xlsx")}
    dry_run = client.post(start, data=data)
    assert dry_run.status_code == 303
    address = dry_run.headers["Location"]
    given = {"spec": "camera_monitoring.cameras", "upload": address.rpartition("/")[2]}
    if is_large:
        said = office.world.run_job("imports.read", given)
        assert said == "Đã đọc 2 dòng. Không có lỗi. Hãy xem kết quả rồi bấm Nhập."
    assert session().scalars(select(Camera.id)).all() == []
    done = post(client, address)
    assert done.status_code == 303
    if is_large:
        session().rollback()
        assert office.world.run_job("imports.write", given) == "Đã nhập 2 dòng."
    session().expire_all()
    costs = session().scalars(select(Camera.cost).order_by(Camera.id)).all()
    assert costs == [3_847_391, None]
    assert sign_in("inspector").get(start).status_code in {403, 404}

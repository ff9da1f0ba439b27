"""The change log at its door: who reads what, filters, exports, verification, anchors."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import openpyxl
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import inspect

from tests.factories.accounts import make_user, sign_in
from tests.factories.plans import assignment_of, make_plan, make_task, report
from tests.factories.units import make_unit
from tracker.audit.anchors import AnchorsUnreadable, anchors_file, read_anchors, write_anchor
from tracker.audit.labels import FIELDS, TABLES
from tracker.core import changes
from tracker.core.context import current
from tracker.core.db import Base, db
from tracker.core.rights import Role
from tracker.core.work import Work, run
from tracker.plans.models import Task
from tracker.settings.models import Setting
from tracker.units.models import UnitKind

pytestmark = pytest.mark.usefixtures("system")


@dataclass(frozen=True)
class Put:
    value: str


def put(work: Work, data: Put) -> None:
    row = work.session.get(Setting, "agency.parent_name")
    if row is None:
        work.session.add(Setting(key="agency.parent_name", value=data.value))
    else:
        row.value = data.value


@pytest.fixture
def province() -> int:
    return make_unit("Tỉnh Lâm Đồng", kind=UnitKind.PROVINCE)


def test_every_audited_table_and_field_has_a_name_for_people():
    from tracker.features import load_models

    load_models()
    audited = [
        mapper
        for mapper in Base.registry.mappers
        if not getattr(mapper.class_, "__technical__", "")
    ]
    tables = {mapper.local_table.name for mapper in audited}
    fields = {
        column.name
        for mapper in audited
        for column in inspect(mapper.class_).columns
        if not column.info.get("derived")
    }
    assert tables - set(TABLES) == set()
    assert fields - set(FIELDS) == set()


def test_log_shows_who_what_and_why(client: FlaskClient, province: int):
    sign_in(client, make_user(province, Role.ADMINISTRATOR, name="Trần Thị Bình"))
    run(put, Put("UBND xã Đạ Tẻh"), reason="đổi tên theo nghị quyết")
    page = client.get("/nhat-ky").get_data(as_text=True)
    assert "đổi tên theo nghị quyết" in page
    number = db.session.scalar(db.select(changes.ChangeHead.last_id))
    detail = client.get(f"/nhat-ky/{number}").get_data(as_text=True)
    assert "UBND xã Đạ Tẻh" in detail
    history = client.get("/nhat-ky/settings/agency.parent_name").get_data(as_text=True)
    assert "UBND xã Đạ Tẻh" in history


def test_reader_of_one_commune_sees_only_what_its_people_did(client: FlaskClient, province: int):
    commune = make_unit("Xã Đạ Tẻh", kind=UnitKind.COMMUNE, parent=province)
    run(put, Put("chỉ tỉnh biết"), reason="việc của tỉnh")
    number = db.session.scalar(db.select(changes.ChangeHead.last_id))
    sign_in(client, make_user(commune, Role.COORDINATOR))
    assert "việc của tỉnh" not in client.get("/nhat-ky").get_data(as_text=True)
    assert client.get(f"/nhat-ky/{number}").status_code == 404
    assert "chỉ tỉnh biết" not in client.get("/nhat-ky/settings/agency.parent_name").get_data(
        as_text=True
    )


@pytest.mark.parametrize("role", [Role.HEAD, Role.OFFICER, Role.INSPECTOR, Role.LEADER])
def test_other_roles_are_refused(client: FlaskClient, province: int, role: Role):
    sign_in(client, make_user(province, role))
    for address in ("/nhat-ky", "/nhat-ky/1", "/nhat-ky.xlsx", "/nhat-ky/settings/x"):
        assert client.get(address).status_code == 403


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/nhat-ky?page=0", 400),
        ("/nhat-ky?page=x", 400),
        ("/nhat-ky?table=users;--", 400),
        ("/nhat-ky?start=31/02/2026", 400),
        ("/nhat-ky?source=nowhere", 400),
        ("/nhat-ky/99999999", 404),
        ("/nhat-ky/no_table/1", 400),
        ("/nhat-ky?page=100000", 200),
    ],
)
def test_nonsense_in_the_address_is_told(
    client: FlaskClient, province: int, address: str, status: int
):
    sign_in(client, make_user(province, Role.ADMINISTRATOR))
    assert client.get(address).status_code == status


def test_filters_narrow_and_export_follows_them(client: FlaskClient, province: int):
    sign_in(client, make_user(province, Role.ADMINISTRATOR))
    run(put, Put("=HYPERLINK(1)"), reason="công thức")
    shown = client.get("/nhat-ky?table=units&source=command&start=01/01/2026&q=lam dong")
    assert shown.status_code == 200
    assert "công thức" not in shown.get_data(as_text=True)
    book = openpyxl.load_workbook(io.BytesIO(client.get("/nhat-ky.xlsx?table=settings").get_data()))
    cells = [cell for row in book.active.iter_rows(min_row=3) for cell in row]
    assert any(cell.value == "=HYPERLINK(1)" and cell.data_type == "s" for cell in cells)


def test_anchor_is_written_once_and_finds_a_rewritten_log(instance: Path, province: int):
    now = current().clock.now()
    line = write_anchor(db.session(), instance, now)
    assert line
    assert write_anchor(db.session(), instance, now) == ""
    anchors = read_anchors(anchors_file(instance))
    assert changes.verify(db.session(), anchors) is None
    forged = dict.fromkeys(anchors, "0" * 64)
    broken = changes.verify(db.session(), forged)
    assert broken is not None
    assert broken.reason == "anchor"


def test_file_that_is_no_anchor_is_named_with_its_line(tmp_path: Path):
    path = tmp_path / "anchors.log"
    path.write_text("1 " + "a" * 64 + " 2026-01-01T00:00:00+00:00\nnonsense\n", encoding="utf-8")
    with pytest.raises(AnchorsUnreadable, match="line 2"):
        read_anchors(path)


def test_command_verifies_and_names_the_break(app: Flask, province: int):
    runner = app.test_cli_runner()
    from tracker.audit.cli import audit

    whole = runner.invoke(audit, ["verify"])
    assert (whole.exit_code, "nguyên vẹn" in whole.output) == (0, True)
    path = Path(app.extensions["tracker_settings"].instance) / "anchors.log"
    path.write_text(f"1 {'0' * 64} 2026-01-01T00:00:00+00:00\n", encoding="ascii")
    cut = runner.invoke(audit, ["verify"])
    assert cut.exit_code == 1
    assert "Lần ghi số 1 bị hỏng" in cut.output


def test_values_are_shown_as_people_call_them(
    client: FlaskClient, province: int, monkeypatch: pytest.MonkeyPatch
):
    """Choices by their words, other records by their names, never a bare key."""
    unit = make_unit("Xã Tân Phước", parent=province)
    plan = make_plan(unit, title="Kế hoạch năm 2026")
    task = make_task(plan, unit, title="Rà soát thủ tục")
    report(task)
    assignment = assignment_of(task)
    sign_in(client, make_user(province, Role.ADMINISTRATOR))
    page = client.get(f"/nhat-ky/assignments/{assignment}").text
    assert "Đang thực hiện" in page
    assert "in_progress" not in page
    assert "Xã Tân Phước" in page
    assert "Rà soát thủ tục" in page
    page = client.get(f"/nhat-ky/tasks/{task}").text
    assert "Kế hoạch năm 2026" in page
    assert "Nhiệm vụ" in page
    assert "Một ngày" in page
    # A name that the log keeps to itself is no name to show.
    monkeypatch.setitem(Task.__table__.c.title.info, "private", True)
    assert "Rà soát thủ tục" not in client.get(f"/nhat-ky/assignments/{assignment}").text

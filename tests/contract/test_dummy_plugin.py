"""A plug-in that answers every hook, in the real app: each answer is heard where it belongs."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import select, text

from tests.factories.outbox import work_off
from tests.integration.settings.test_pages import fields_of
from tracker.api import files, queries
from tracker.api.work import (
    NewFinding,
    NewVisit,
    Progress,
    create_finding,
    create_visit,
    record_progress,
    run,
)
from tracker.core.changes import Change
from tracker.core.clock import FixedClock
from tracker.core.db import db
from tracker.core.errors import PluginError, ValidationFailed
from tracker.core.migrate import Owner, upgrade
from tracker.inspections.models import Finding, Visit
from tracker.plans.models import ProgressEntry
from tracker.plugins import hookspecs
from tracker.plugins.events import (
    JobFailed,
    PlanIssued,
    PluginPaused,
    UnitsReorganised,
    VisitFinished,
)
from tracker.plugins.host import host_of
from tracker.testing.apps import faults_of, loaded, running_plugins
from tracker.testing.world import World, post

if TYPE_CHECKING:
    from tracker.config import Settings

FOLDER = Path(__file__).resolve().parents[1] / "dummy_plugin"
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "plugins.md"
HOOKS = sorted(name for name in dir(hookspecs) if name.startswith("tracker_"))


@pytest.fixture(scope="module")
def dummy() -> Any:
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    return import_module("tracker_dummy.hooks")


@pytest.fixture
def app(settings: Settings, clock: FixedClock, dummy: Any) -> Iterator[Flask]:
    owner = Owner("dummy", Path(dummy.__file__).parent / "migrations")
    upgrade(settings.database_url, owner=owner)
    with running_plugins(settings, clock, {"dummy": loaded(dummy)}) as made:
        yield made
        assert faults_of(made) == []


@pytest.fixture
def world(app: Flask, clock: FixedClock) -> Iterator[World]:
    with app.app_context():
        made = World(app, clock)
        with made.as_system():
            yield made


@pytest.fixture
def commune(world: World) -> int:
    return world.unit("Xã Đạ Tẻh")


@pytest.fixture
def enter(world: World, app: Flask) -> Callable[..., FlaskClient]:
    def sign_in(role: str, **more: Any) -> FlaskClient:
        return world.sign_in(app.test_client(), world.person(role, **more))

    return sign_in


def add(dummy: Any, unit: int, title: str = "Hạt giống", **more: Any) -> int:
    services = dummy.services
    return run(services.add_thing, services.AddThing(unit, title, **more))


def text_of(client: FlaskClient, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.get_data(as_text=True)


def surprise(world: World, unit: int) -> Visit:
    public_id = create_visit(
        NewVisit(unit_id=unit, visited_on=world.clock.today()), plugin="dummy", key=f"visit-{unit}"
    )
    return db.session.scalars(select(Visit).where(Visit.public_id == public_id)).one()


# -- every hook is answered, and every hook is explained -------------------------------------


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_answered_by_the_plugin(dummy: Any, hook: str):
    assert hasattr(dummy, hook)


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_explained_to_authors(hook: str):
    assert f"`{hook}`" in DOCUMENT.read_text(encoding="utf-8")


# -- pages -------------------------------------------------------------------------------------


def test_pages_menu_and_static_files(world: World, dummy: Any, commune: int, enter: Any):
    thing = add(dummy, commune)
    client = enter("coordinator")
    page = text_of(client, "/mau-thu/")
    assert "Hạt giống" in page
    assert 'href="/mau-thu/"' in text_of(client, "/")
    assert "Hạt giống" in text_of(client, f"/mau-thu/{thing}")
    assert client.get("/mau-thu/static/dummy.css").status_code == 200
    assert client.get(f"/mau-thu/{thing}/bi-mat").status_code == 200
    assert enter("officer").get(f"/mau-thu/{thing}/bi-mat").status_code == 403
    assert "Samples" in text_of(enter("leader", locale="en"), "/mau-thu/")


def test_records_are_seen_within_the_reach_of_the_right(
    world: World, dummy: Any, commune: int, enter: Any
):
    here, there = add(dummy, commune, "Ở đây"), add(dummy, world.unit("Xã Kia"), "Ở kia")
    head = enter("head", unit=commune)
    assert head.get(f"/mau-thu/{here}").status_code == 200
    assert head.get(f"/mau-thu/{there}").status_code == 404
    person = world.person("coordinator", unit=commune)
    with world.as_person(person):
        assert [one.title for one in dummy.queries.things()] == ["Ở đây"]
        with pytest.raises(ValidationFailed):
            add(dummy, world.province)
        assert queries.reaches("dummy.manage", queries.units, commune)
        assert not queries.reaches("dummy.manage", queries.units, world.province)


def test_back_office_shows_sorts_and_filters(world: World, dummy: Any, commune: int, enter: Any):
    add(dummy, commune)
    add(dummy, commune, "Lá xanh", colour=dummy.models.Colour.GREEN)
    client = enter("administrator")
    assert "Hạt giống" in text_of(client, "/quan-tri/mau-thu/")
    page = text_of(client, "/quan-tri/mau-thu/?colour=green&sort=-title")
    assert "Lá xanh" in page
    assert "Hạt giống" not in page
    assert enter("officer").get("/quan-tri/mau-thu/").status_code == 403


def test_panels_timelines_card_work_and_search(world: World, dummy: Any, commune: int, enter: Any):
    share = world.share(commune)
    add(dummy, commune, assignment_id=share.id)
    visit = surprise(world, commune).id
    client = enter("coordinator")
    for address in (f"/don-vi/{commune}", f"/viec/{share.task_id}"):
        page = text_of(client, address)
        assert "Hạt giống" in page, address
        assert "Mẫu thử được hỏi tới" in page, address
    page = text_of(client, f"/kiem-tra/{visit}")
    assert "Số mẫu: 0" in page
    assert "Mẫu thử được hỏi tới" in page
    assert "Thẻ mẫu thử" in text_of(enter("leader"), "/tong-quan")
    assert "Xem mẫu: Hạt giống" in text_of(client, "/")
    assert "Hạt giống" in text_of(client, "/tim?q=hat giong")


def test_period_summary_has_its_figure_and_section(
    world: World, dummy: Any, commune: int, enter: Any
):
    add(dummy, commune)
    page = text_of(enter("coordinator"), "/bao-cao-ky")
    assert "Số mẫu thử" in page
    assert "Danh sách mẫu thử" in page
    assert "Hạt giống" in page


def test_settings_have_their_heading_choices_and_secret(world: World, enter: Any, dummy: Any):
    client = enter("coordinator")
    page = text_of(client, "/thiet-lap")
    assert "Số mẫu tối đa" in page
    assert "Nhanh" in page
    form = {"dummy__limit": "7", "dummy__mode": "slow", "dummy__token": "kín đáo"}
    sent = {**fields_of(page.encode()), **form}
    assert post(client, "/thiet-lap", sent).status_code == 302
    db.session.rollback()
    assert dummy.OWN.setting("dummy.limit") == 7
    assert dummy.OWN.setting("dummy.mode") == "slow"
    assert dummy.OWN.setting("dummy.token") == "kín đáo"
    assert "kín đáo" not in text_of(client, "/thiet-lap")
    kept = "".join(db.session.scalars(select(Change.fields)))
    assert "kín đáo" not in kept
    bad = post(client, "/thiet-lap", {**sent, "dummy__limit": "99", "dummy__mode": "other"})
    assert bad.status_code == 422
    # Left empty, the secret stays; it goes when somebody says so.
    assert "dummy__token__clear" not in page
    page = text_of(client, "/thiet-lap")
    assert "dummy__token__clear" in page
    sent = fields_of(page.encode())
    assert post(client, "/thiet-lap", {**sent, "dummy__limit": "8"}).status_code == 302
    db.session.rollback()
    assert dummy.OWN.setting("dummy.token") == "kín đáo"
    sent = fields_of(text_of(client, "/thiet-lap").encode())
    cleared = post(client, "/thiet-lap", {**sent, "dummy__token__clear": "y"})
    assert cleared.status_code == 302
    db.session.rollback()
    assert dummy.OWN.setting("dummy.token") == ""
    assert "dummy__token__clear" not in text_of(client, "/thiet-lap")
    assert dummy.OWN.setting("dummy.limit") == 8


# -- the change log, secrets, files ------------------------------------------------------------


def test_changes_are_logged_under_the_words_of_the_model(
    world: World, dummy: Any, commune: int, enter: Any
):
    services = dummy.services
    thing = add(dummy, commune, secret="tuyệt mật")
    run(services.rename_thing, services.RenameThing(thing, "Hạt khác"), reason="gõ nhầm")
    run(services.add_things, services.AddThings((services.AddThing(commune, "Hàng loạt"),)))
    page = text_of(enter("administrator"), f"/nhat-ky/plugin_dummy__things/{thing}")
    assert "Tên mẫu" in page
    assert "Hạt khác" in page
    assert "gõ nhầm" in page
    kept = "".join(db.session.scalars(select(Change.fields)))
    assert "Hàng loạt" in kept
    assert "tuyệt mật" not in kept
    raw = db.session.execute(text("SELECT secret FROM plugin_dummy__things")).scalars()
    assert "tuyệt mật" not in "".join(one or "" for one in raw)


def test_reading_a_secret_leaves_a_trace(world: World, dummy: Any, commune: int, enter: Any):
    thing = add(dummy, commune, secret="tuyệt mật")
    client = enter("coordinator", name="Trần Thị Bình")
    assert "tuyệt mật" in text_of(client, f"/mau-thu/{thing}/bi-mat")
    page = text_of(enter("administrator"), f"/nhat-ky/plugin_dummy__things/{thing}")
    assert "Trần Thị Bình" in page
    assert "Đã xem" in page


def test_files_follow_the_rights_of_their_record(
    world: World, dummy: Any, commune: int, enter: Any
):
    picture = io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, "PNG")
    prepared = files.prepare(files.FileInput(picture.getvalue(), "anh.png"))
    thing = add(dummy, commune, files=(prepared,))
    found = files.links_of("dummy.thing", [thing])[thing][0]
    with world.app.test_request_context():
        address = found.url
    with enter("coordinator").get(address) as answer:
        assert answer.status_code == 200
    assert enter("head", unit=world.unit("Xã Kia")).get(address).status_code in {403, 404}
    with pytest.raises(PluginError):
        files.links_of("users", [1])


# -- services of the core ----------------------------------------------------------------------


def test_core_services_keep_what_a_plugin_sends_once(world: World, commune: int):
    share = world.share(commune)
    progress = Progress(assignment=share.public_id, reported="in_progress", percent=30)
    first = record_progress(progress, plugin="dummy", key="a")
    assert record_progress(progress, plugin="dummy", key="a") == first
    assert record_progress(progress, plugin="dummy", key="b") != first
    entries = db.session.scalars(select(ProgressEntry)).all()
    assert [one.source for one in entries] == ["dummy", "dummy"]
    visit = surprise(world, commune)
    finding = NewFinding(visit=visit.public_id, text="Thiếu biển tên", severity="major")
    told = create_finding(finding, plugin="dummy", key="f")
    assert create_finding(finding, plugin="dummy", key="f") == told
    assert db.session.scalars(select(Finding.public_id)).all() == [told]
    with pytest.raises(ValidationFailed):
        record_progress(replace(progress, reported="perhaps"), plugin="dummy", key="c")


def test_core_services_refuse_to_be_nested(world: World, commune: int):
    share = world.share(commune)

    def service(work: object, data: object) -> object:
        progress = Progress(assignment=share.public_id, reported="in_progress", percent=30)
        return record_progress(progress, plugin="dummy", key="a")

    with pytest.raises(PluginError, match="unit of work"):
        run(service, None)


def test_validate_hooks_veto_with_field_errors(world: World, commune: int):
    share = world.share(commune)
    with pytest.raises(ValidationFailed) as refused:
        record_progress(
            Progress(assignment=share.public_id, reported="in_progress", percent=1, note="cấm"),
            plugin="dummy",
            key="x",
        )
    assert [one.field for one in refused.value.errors] == ["note"]
    with pytest.raises(ValidationFailed, match="báo trước"):
        create_visit(
            NewVisit(unit_id=commune, visited_on=world.clock.today(), is_announced=True),
            plugin="dummy",
            key="v",
        )
    visit = surprise(world, commune)
    with pytest.raises(ValidationFailed, match="Hạn đã qua"):
        create_finding(
            NewFinding(
                visit=visit.public_id,
                text="x",
                remedy_due_on=world.clock.today() - timedelta(days=1),
            ),
            plugin="dummy",
            key="y",
        )


# -- events, jobs, notices ---------------------------------------------------------------------


def heard(dummy: Any) -> set[str]:
    db.session.rollback()
    return set(db.session.scalars(select(dummy.models.Heard.event)))


def test_events_are_told_after_commit_and_once(world: World, dummy: Any, commune: int):
    share = world.share(commune)
    progress = Progress(assignment=share.public_id, reported="in_progress", percent=30)
    record_progress(progress, plugin="dummy", key="a")
    visit = surprise(world, commune)
    create_finding(NewFinding(visit=visit.public_id, text="x"), plugin="dummy", key="f")

    def happen(work: Any, _data: None) -> None:
        work.emit(PlanIssued(share.public_id, "k", "1/KH", date(2026, 1, 5)))
        work.emit(UnitsReorganised("merge", date(2026, 7, 1), ((commune, ()),)))
        work.emit(VisitFinished(share.public_id, commune, "surprise", date(2026, 6, 1), 0))
        work.emit(JobFailed("jobs.tidy", share.public_id, work.now, "x"))
        work.emit(PluginPaused("other", "x"))

    run(happen, None)
    assert heard(dummy) == set()
    work_off()
    assert heard(dummy) == {name.removeprefix("tracker_on_") for name in HOOKS if "_on_" in name}
    work_off()
    assert len(db.session.scalars(select(dummy.models.Heard)).all()) == 7


def test_jobs_and_progress_source_run(world: World, dummy: Any, commune: int):
    share = world.share(commune)
    add(dummy, commune, assignment_id=share.id)
    assert world.run_job("dummy.count") == "1 mẫu"
    with pytest.raises(RuntimeError, match="so"):
        world.run_job("dummy.fail", {"why": "so"})
    assert world.run_job("plans.sources") == "1 báo cáo mới, 0 bị từ chối"
    assert world.run_job("plans.sources") == "0 báo cáo mới, 0 bị từ chối"
    entry = db.session.scalars(select(ProgressEntry)).one()
    assert (entry.source, entry.percent) == ("dummy.tasks", 50)


def test_notice_reaches_people_in_the_app_and_by_the_channel(
    world: World, dummy: Any, commune: int, enter: Any, app: Flask
):
    dummy.offers.SENT.clear()
    person = world.person("head", unit=commune)
    add(dummy, commune)
    work_off()
    work_off()
    client = world.sign_in(app.test_client(), person)
    assert "Mẫu mới: Hạt giống" in text_of(client, "/thong-bao")
    assert [one.notices[0].title for one in dummy.offers.SENT] == ["Mẫu mới: Hạt giống"]


# -- the rest ----------------------------------------------------------------------------------


def test_checklist_and_answers_filled_in_advance(world: World, commune: int, app: Flask):
    from tracker.inspections.checklists import sync_templates
    from tracker.inspections.models import Checklist

    run(sync_templates, host_of(app).registry.checklist_templates)
    checklist = db.session.scalars(
        select(Checklist.id).where(Checklist.title == "Bảng kiểm mẫu thử")
    ).one()
    inspector = world.person("inspector")
    with world.as_person(inspector):
        create_visit(
            NewVisit(unit_id=commune, visited_on=world.clock.today(), checklist_id=checklist),
            plugin="dummy",
            key="with-list",
        )
    visit = db.session.scalars(select(Visit.id)).one()
    client = world.sign_in(app.test_client(), inspector)
    assert "Mẫu thử thấy đạt" in text_of(client, f"/kiem-tra/{visit}")
    assert post(client, f"/kiem-tra/{visit}/dien-san").status_code == 303
    assert "Mẫu thử thấy đạt (Theo mẫu thử)" in text_of(client, f"/kiem-tra/{visit}")


def test_import_reads_things(world: World, dummy: Any, commune: int, enter: Any):
    client = enter("coordinator")
    page = text_of(client, "/nhap/dummy.things")
    assert "Mẫu thử" in page
    parsed = dummy.offers.parse(
        [(2, {"unit": "xa da teh", "title": "A"}), (3, {"unit": "Xã Không", "title": "B"})], {}
    )
    assert [one.title for one in parsed.data.things] == ["A"]
    assert [(one.row, one.column) for one in parsed.errors] == [(3, "unit")]


def test_handover_previews_and_moves_things(world: World, dummy: Any, commune: int, app: Flask):
    from tracker.plugins.descriptors import Handover

    heir = world.unit("Xã Mới")
    thing = add(dummy, commune)
    handover = Handover("merge", date(2026, 7, 1), "1/NQ", {commune: (heir,)})
    one = next(
        one for one in host_of(app).registry.handover_contributors if one.key == "dummy.things"
    )
    assert [(item.record_id, item.to_unit_id) for item in one.preview(handover)] == [(thing, heir)]
    run(dummy.offers.apply_handover, handover)
    assert [one.unit_id for one in dummy.queries.things()] == [heir]


def test_calendar_doctor_command_and_demo(world: World, dummy: Any, commune: int, app: Flask):
    registry = host_of(app).registry
    demo = next(one for one in registry.demo_data if one.key == "dummy.demo")
    demo.load(world.clock.today())
    demo.load(world.clock.today())
    assert [one.title for one in dummy.queries.things()] == ["Mẫu trình diễn"]
    from tracker.plugins.descriptors import CalendarQuery

    days = next(one for one in registry.calendar_entries if one.key == "dummy.days")
    query = CalendarQuery(None, date(2026, 6, 1), date(2026, 6, 30))
    assert [one.title for one in days.entries(query)] == ["Mẫu trình diễn"]
    check = next(one for one in registry.doctor_checks if one.key == "dummy.health")
    assert [one.message for one in check.check()] == ["Mẫu thử khỏe."]
    command = next(one for one in registry.commands if one.name == "dummy")
    from click.testing import CliRunner

    assert CliRunner().invoke(command, []).output == "1\n"


def test_disabled_plugin_is_silent_and_its_data_stays(
    world: World, dummy: Any, commune: int, enter: Any, app: Flask
):
    from tracker.plugins.states import PluginState

    add(dummy, commune)
    client = enter("coordinator")
    host_of(app).set_states({"dummy": PluginState.DISABLED})
    assert client.get("/mau-thu/").status_code == 404
    page = text_of(client, f"/don-vi/{commune}")
    assert "Hạt giống" not in page
    assert 'href="/mau-thu/"' not in page
    host_of(app).set_states({"dummy": PluginState.ENABLED})
    assert "Hạt giống" in text_of(client, "/mau-thu/")

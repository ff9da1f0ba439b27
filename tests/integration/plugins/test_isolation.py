"""Plug-ins that go wrong while pages are made: the page stands, the fault is counted, it ends."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select, text
from werkzeug.exceptions import HTTPException

from tests import evil_plugins as evil
from tests.factories.accounts import post, sign_in
from tests.factories.outbox import work_off
from tests.factories.units import make_unit
from tests.integration.plugins.conftest import Open
from tracker.core.changes import ChangeSet
from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting
from tracker.core.db import db, writing
from tracker.core.errors import FieldError, ValidationFailed
from tracker.core.rights import rights
from tracker.core.work import Work, run
from tracker.plugins import breaker, calls, gate, services
from tracker.plugins import descriptors as d
from tracker.plugins.events import PlanIssued, VisitFinished
from tracker.plugins.models import IncidentKind, PluginInstall
from tracker.plugins.redaction import without_secrets
from tracker.plugins.states import PluginState, Reason
from tracker.settings.models import Setting
from tracker.units import operations
from tracker.units.inputs import Operation
from tracker.units.models import UnitEventKind


def item(title: str) -> d.MyWorkItem:
    return d.MyWorkItem(group=d.WorkGroup.TO_DECIDE, title=title, url="/viec")


def raising() -> Any:
    raise LookupError("mat_khau=abc123 của ông 'Trần Văn B', b@example.vn")


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[evil.Hanging]:
    """A function that does not come back while the test runs; calls are given up quickly."""
    function = evil.Hanging()
    monkeypatch.setitem(calls.BUDGET_SECONDS, "my_work", 0.3)
    monkeypatch.setitem(calls.BUDGET_SECONDS, "listener", 0.3)
    yield function
    function.let_go.set()


WRONG = {
    "raises": raising,
    "leaves": lambda: exit(3),
    "nothing": lambda: None,
    "text": lambda: "text",
    "others": lambda: [1, 2],
    "half": lambda: [d.MyWorkItem(group="later", title="x", url="/")],  # type: ignore[arg-type]
    "naive": lambda: [d.MyWorkItem(group=d.WorkGroup.SENT, title=5, url="/")],  # type: ignore[arg-type]
    "large": lambda: [item("x" * 10_000_000)],
    "endless": lambda: (item("x") for _ in iter(int, 1)),
}


def test_a_page_stands_whatever_a_plug_in_returns(open_site: Open) -> None:
    plugins = {name: evil.with_work(name, function) for name, function in WRONG.items()}
    plugins["good"] = evil.with_work("good", lambda: [item("Việc tốt")])
    site = open_site(plugins)
    page = site.get("/")
    assert "Việc tốt" in page
    assert "xxxx" not in page
    incidents = site.incidents()
    assert {one.plugin for one in incidents} == set(WRONG)
    assert {one.kind for one in incidents} == {IncidentKind.ERROR}
    assert {one.place for one in incidents} == {f"my_work:{name}.work" for name in WRONG}


def test_faults_are_told_without_values(open_site: Open) -> None:
    site = open_site({"raises": evil.with_work("raises", raising)})
    site.get("/")
    (incident,) = site.incidents()
    assert incident.message.startswith("LookupError: mat_khau=…")
    assert "test_isolation.py" in incident.message
    for secret in ("abc123", "Trần", "example.vn"):
        assert secret not in incident.message


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer bimat",
        "authorization=Basic bimat",
        "DB_PASSWORD=bimat",
        'client_secret: "bimat"',
        "access_token: bimat",
        "X-Api-Key=bimat",
        "mật khẩu: bimat",
        "the password is bimat",
        "postgresql://app:bimat@db/tracker",
        "bimat@example.vn",
    ],
)
def test_no_secret_passes_in_a_message(text: str) -> None:
    told = without_secrets(f"Lỗi: {text} không dùng được")
    assert "bimat" not in told
    assert "không dùng được" in told


def test_faults_before_a_plug_in_was_let_in_again_do_not_count(open_site: Open) -> None:
    site = open_site({"raises": evil.with_work("raises", raising)})
    for _ in range(breaker.ERROR_BUDGET - 1):
        site.get("/")
    assert len(site.incidents()) == 1
    site.clock.advance(minutes=1)
    site.stand("raises", PluginState.ENABLED)
    site.get("/")
    assert site.state("raises") is PluginState.ENABLED
    assert sorted(one.count for one in site.incidents()) == [1, breaker.ERROR_BUDGET - 1]


def test_a_call_that_does_not_come_back_is_left_and_its_plug_in_paused(
    open_site: Open, hanging: evil.Hanging
) -> None:
    site = open_site(
        {
            "hangs": evil.with_work("hangs", hanging),
            "good": evil.with_work("good", lambda: [item("Việc tốt")]),
        }
    )
    assert "Việc tốt" in site.get("/")
    assert site.state("hangs") is PluginState.PAUSED
    assert site.retired == [True]
    (incident,) = site.incidents()
    assert incident.kind is IncidentKind.TIMEOUT
    # It is not called again.
    assert not site.host.is_open("hangs")
    assert "Việc tốt" in site.get("/")
    assert [one.count for one in site.incidents()] == [1]


def test_too_many_faults_pause_a_plug_in_everywhere(open_site: Open) -> None:
    site = open_site({"raises": evil.with_work("raises", raising)})
    for _ in range(breaker.ERROR_BUDGET - 1):
        site.get("/")
    assert site.state("raises") is PluginState.ENABLED
    site.get("/")
    assert site.state("raises") is PluginState.PAUSED
    install = db.session.get(PluginInstall, "raises")
    assert install is not None
    assert install.reason is Reason.TOO_MANY_ERRORS or install.reason == Reason.TOO_MANY_ERRORS
    assert install.reason_parameters == {"count": 5, "detail": "my_work:raises.work"}
    newest = db.session.query(ChangeSet).order_by(ChangeSet.id.desc()).first()
    assert newest is not None
    assert (newest.source, newest.actor_name) == (Source.PLUGIN, SYSTEM_ACTOR.name)
    for _ in range(3):
        site.get("/")
    assert sum(one.count for one in site.incidents()) == breaker.ERROR_BUDGET
    # The event was written with the pause, and whoever looks after the system is told of it once.
    work_off()
    work_off()
    told = site.get("/thong-bao")
    assert "Mô-đun raises đã tạm dừng" in told
    assert "gặp lỗi quá nhiều lần" in told


def test_the_bundle_for_the_author_holds_no_secret(open_site: Open) -> None:
    site = open_site({"raises": evil.with_work("raises", raising)})
    site.get("/")
    assert site.incidents()
    content = breaker.diagnostics(db.session(), "raises", {"database": "sqlite"})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    assert sorted(files) == ["about.json", "declaration.json", "incidents.json"]
    assert json.loads(files["about.json"])["state"] == "enabled"
    assert json.loads(files["incidents.json"])[0]["count"] == 1
    assert "abc123" not in "".join(files.values())


def writes_behind_the_back() -> list[d.MyWorkItem]:
    db.session.execute(text("UPDATE users SET name = 'someone else'"))
    db.session.commit()
    return []


def runs_a_service() -> list[d.MyWorkItem]:
    run(services.end_safe_mode, None)
    return []


def test_what_a_page_calls_cannot_write(open_site: Open) -> None:
    site = open_site(
        {
            "sql": evil.with_work("sql", writes_behind_the_back),
            "service": evil.with_work("service", runs_a_service),
        }
    )
    site.get("/")
    assert {one.plugin for one in site.incidents()} == {"sql", "service"}
    db.session.rollback()
    assert "someone else" not in db.session.execute(text("SELECT name FROM users")).scalars()
    # The connection writes again for whoever has it next.
    with acting(Context(SYSTEM_ACTOR, site.clock)):
        run(services.end_safe_mode, None)


def test_a_page_of_a_plug_in_that_fails_names_it(open_site: Open) -> None:
    views = {"fails": raising, "works": lambda: "Trang tốt"}
    site = open_site(
        {"evil": evil.offering(register_blueprints=evil.returning((evil.pages("evil", views),)))}
    )
    page = site.get("/evil/fails", 500)
    assert "“evil”" in page
    assert "Trần" not in page
    assert site.get("/evil/works") == "Trang tốt"
    assert [one.place for one in site.incidents()] == ["evil.fails"]


def test_a_page_that_never_ends_pauses_its_plug_in(
    open_site: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "PAGE_SECONDS", 0.2)
    monkeypatch.setattr(gate, "_WATCH_SECONDS", 0.05)
    told = evil.Hanging()
    site = open_site(
        {
            "slow": evil.offering(
                register_blueprints=evil.returning((evil.pages("slow", {"page": told}),))
            )
        }
    )
    site.breaker.retire = told.let_go.set
    assert site.get("/slow/page") == ""
    assert site.state("slow") is PluginState.PAUSED
    site.get("/slow/page", 404)


def test_labels_that_cannot_be_made_leave_the_page_standing(open_site: Open) -> None:
    class Broken:
        def __str__(self) -> str:
            raise KeyError("locale")

    entry = d.MenuItem(
        key="evil.menu", label=Broken(), endpoint="evil.page", icon="task", group="day"
    )
    site = open_site(
        {
            "evil": evil.offering(
                register_menu_items=evil.returning((entry,)),
                register_blueprints=evil.returning((evil.pages("evil", {"page": lambda: ""}),)),
            )
        }
    )
    assert 'href="/evil/page"' in site.get("/")
    assert [one.place for one in site.incidents()] == ["label"]


def reaching(name: str, reach: Callable[[Any], object]) -> Any:
    """Return a plug-in whose blueprint does something to the whole app."""

    def blueprints() -> tuple[Any, ...]:
        blueprint = evil.pages(name, {"page": lambda: "Trang"})
        reach(blueprint)
        return (blueprint,)

    return evil.offering(register_blueprints=blueprints)


NOSY: dict[str, Callable[[Any], object]] = {
    "nosy": lambda one: one.before_app_request(raising),
    "filters": lambda one: one.add_app_template_filter(lambda *_: "hỏng", "number"),
    "globals": lambda one: one.add_app_template_global(lambda *_, **__: "hỏng", "url_for"),
    "errors": lambda one: one.app_errorhandler(404)(lambda _error: ("hỏng", 200)),
    "handlers": lambda one: one.app_errorhandler(HTTPException)(lambda _error: ("hỏng", 200)),
    "views": lambda one: one.record(
        lambda state: state.app.view_functions.update({"web.home": lambda: "hỏng"})
    ),
    "pages": lambda one: one.record(
        lambda state: state.app.add_url_rule("/hong", "hong", lambda: "hỏng")
    ),
}
BAD_START = {
    **{name: reaching(name, reach) for name, reach in NOSY.items()},
    "taken": evil.offering(register_blueprints=evil.returning((evil.pages("viec", {}),))),
    "lost": evil.offering(
        register_menu_items=evil.returning(
            (d.MenuItem(key="lost.menu", label="x", endpoint="no.page", icon="task", group="day"),)
        )
    ),
    "foreign": evil.with_work("plans", list),
    "kinds": evil.offering(register_panels=evil.returning((evil.work_source("kinds", list),))),
    "weight": evil.offering(
        register_my_work=evil.returning(
            (d.MyWorkSource(key="weight.work", items=list, weight="first"),)  # type: ignore[arg-type]
        )
    ),
    "breaks": evil.offering(register_panels=raising),
    "ends": evil.offering(register_panels=lambda: exit(1)),
}


def test_what_breaks_the_contract_at_start_is_left_out(open_site: Open) -> None:
    site = open_site({**BAD_START, "good": evil.with_work("good", lambda: [item("Việc tốt")])})
    assert set(site.host.failures) == set(BAD_START)
    assert list(site.host.plugins) == ["good"]
    page = site.get("/")
    assert "Việc tốt" in page
    assert "hỏng" not in page
    assert "hỏng" not in site.get("/viec")
    for address in (*(f"/{name}/page" for name in NOSY), "/no-such-page"):
        assert "hỏng" not in site.get(address, 404)
    # An address that it took stays taken: a page that says nothing about who may come in is closed.
    assert "hỏng" not in site.get("/hong", 403)


def test_validators_and_listeners_that_fail_have_no_say(
    open_site: Open, hanging: evil.Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(calls.BUDGET_SECONDS, "validator", 0.3)
    told: list[str] = []
    site = open_site(
        {
            "raises": evil.offering(validate_progress=lambda progress: raising()),
            "hangs": evil.offering(validate_progress=lambda progress: hanging()),
            "wrong": evil.offering(validate_progress=lambda progress: ["no"]),
            "vetoes": evil.offering(validate_progress=lambda progress: [FieldError("note", "x")]),
            "deaf": evil.offering(on_plan_issued=lambda happened: raising()),
            "hears": evil.offering(on_plan_issued=lambda happened: told.append(happened.key)),
        }
    )
    assert site.host.validate("progress", object()) == [FieldError("note", "x")]
    happened = PlanIssued(plan=None, key="k", number="1", issued_on=site.clock.today())  # type: ignore[arg-type]
    assert sorted(site.host.listeners(happened)) == ["deaf", "hears"]
    assert site.host.tell("hears", happened)
    with pytest.raises(calls.PluginError):
        site.host.tell("deaf", happened)
    assert told == ["k"]
    assert {one.plugin for one in site.incidents()} == {"raises", "hangs", "wrong", "deaf"}
    assert site.host.listeners(VisitFinished(None, 1, "x", site.clock.today(), 0)) == []  # type: ignore[arg-type]


def test_what_changes_hands_waits_in_the_outbox_until_its_plug_in_has_done_it(
    open_site: Open,
) -> None:
    moved: list[tuple[d.Handover, str]] = []
    faults: list[BaseException] = []

    def apply(work: Work, handover: d.Handover) -> int:
        if faults:
            raise faults.pop()
        work.session.add(Setting(key=f"moves.{len(moved)}", value=handover.decision))
        moved.append((handover, work.actor.name))
        return 1

    def preview(_handover: d.Handover) -> list[d.HandoverItem]:
        assert not writing.get(), "no plug-in's code runs inside the operation"
        return []

    contributor = d.HandoverContributor(
        key="moves.desks", label="Bàn", preview=preview, apply=apply
    )
    offer = evil.returning((contributor,))
    site = open_site({"moves": evil.offering(register_handover_contributors=offer)})
    first, second, third = (make_unit(parent=site.unit) for _ in range(3))

    def merge(old: int, new: int, number: str, **more: Any) -> None:
        end = Operation(
            kind=UnitEventKind.END,
            effective_on=site.clock.today(),
            units=(old,),
            decision_number=number,
            successors=(new,),
            **more,
        )
        with acting(Context(SYSTEM_ACTOR, site.clock)):
            run(operations.apply, end)

    site.stand("moves", PluginState.DISABLED)
    site.get("/")
    merge(first, second, "1/NQ", record_choices={("moves.desks", 7): second, ("x", 7): second})
    assert moved == []
    assert "chưa chuyển xong" in site.get(f"/don-vi/{second}")
    assert "chưa chuyển xong" not in site.get(f"/don-vi/{third}")
    # Switched off it waits, and so does what comes after it, whoever else is asked.
    assert work_off() == (0, 1)
    site.stand("moves", PluginState.ENABLED)
    site.get("/")
    merge(second, third, "2/NQ")
    assert work_off() == (0, 1)
    site.clock.advance(minutes=15)
    faults.append(LookupError("not now"))
    assert work_off() == (0, 2)
    assert moved == []
    assert "tự làm lại" in site.get(f"/don-vi/{second}")
    # The first one fails once; the second one never overtakes it.
    site.clock.advance(minutes=1)
    assert work_off() == (2, 0)
    assert [(one.decision, one.successors, one.choices, who) for one, who in moved] == [
        ("1/NQ", {first: (second,)}, {("moves.desks", 7): second}, SYSTEM_ACTOR.name),
        ("2/NQ", {second: (third,)}, {}, SYSTEM_ACTOR.name),
    ]
    assert [one.place for one in site.incidents()] == ["handover_contributors:moves.desks"]
    assert "chưa chuyển xong" not in site.get(f"/don-vi/{second}")
    # What is undone takes nothing along.
    with pytest.raises(ValidationFailed):
        merge(third, third, "3/NQ")
    site.clock.advance(hours=1)
    assert work_off() == (0, 0)
    assert (
        len(db.session.scalars(select(Setting).where(Setting.key.startswith("moves."))).all()) == 2
    )


def test_states_count_from_the_next_request_on(open_site: Open) -> None:
    entry = d.MenuItem(
        key="one.menu", label="Mục một", endpoint="one.page", icon="task", group="day"
    )
    site = open_site(
        {
            "one": evil.offering(
                register_my_work=evil.returning(
                    (evil.work_source("one", lambda: [item("Việc của một")]),)
                ),
                register_menu_items=evil.returning((entry,)),
                register_blueprints=evil.returning((evil.pages("one", {"page": lambda: "Trang"}),)),
            )
        }
    )
    stranger = site.app.test_client()
    assert "Việc của một" in site.get("/")

    for state in (PluginState.DISABLED, PluginState.PAUSED, PluginState.FAILED):
        site.stand("one", state)
        assert stranger.get("/one/page").status_code == 404
        page = site.get("/")
        assert "Việc của một" not in page
        assert "Mục một" not in page
        site.get("/one/page", 404)
        site.stand("one", PluginState.ENABLED)
        assert stranger.get("/one/page").status_code == 200
        assert "Việc của một" in site.get("/")


def test_a_plug_in_that_is_switched_asks_to_come_again(
    open_site: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "WAIT_SECONDS", 0.3)
    monkeypatch.setattr(gate, "LOOK_SECONDS", 0.05)
    site = open_site(
        {
            "one": evil.offering(
                register_blueprints=evil.returning((evil.pages("one", {"page": lambda: "Trang"}),))
            )
        }
    )
    assert site.get("/one/page") == "Trang"
    # Another version is wanted by now, while this process has the one before.
    site.stand("one", PluginState.ENABLED, "2.0")
    answer = site.client.get("/one/page")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert "“one”" in answer.text
    site.get("/")


def test_safe_mode_by_its_link_closes_all_for_a_while(open_site: Open) -> None:
    site = open_site({"one": evil.with_work("one", lambda: [item("Việc của một")])})
    token = services.new_safe_token(site.clock.now())
    with acting(Context(SYSTEM_ACTOR, site.clock)):
        run(services.make_safe_link, services.MakeSafeLink(token))
    stranger = site.app.test_client()
    address = f"/che-do-an-toan/{token}"
    assert stranger.get(address).status_code == 200
    assert "Việc của một" in site.get("/")
    assert post(stranger, address).status_code == 200
    page = site.get("/")
    assert "Việc của một" not in page
    assert "Chế độ an toàn" in page
    assert post(stranger, address).status_code == 404
    site.clock.advance(hours=2, minutes=1)
    sign_in(site.client, site.user)
    assert "Việc của một" in site.get("/")


@pytest.mark.parametrize("token", ["x", "x.1", f"x.{10**11}", "x.99999999999999999999"])
def test_other_links_do_nothing(open_site: Open, token: str) -> None:
    site = open_site({})
    assert post(site.client, f"/che-do-an-toan/{token}").status_code == 404


def test_apps_of_one_process_keep_their_rights_apart(open_site: Open) -> None:
    permission = d.Permission(key="one.view", label="x", reads=True)
    first = open_site({"one": evil.offering(register_permissions=evil.returning((permission,)))})
    second = open_site({})
    with second.app.app_context():
        assert "one.view" not in rights.reading
    with first.app.app_context():
        assert rights.reading["one.view"] is True


def test_timeline_entries_need_moments_with_a_zone() -> None:
    entry = d.TimelineEntry(
        at=datetime(2026, 1, 1), known_at=datetime(2026, 1, 1), who="x", label="x"
    )
    with pytest.raises(calls.WrongResult, match="at cannot be"):
        calls.many(d.TimelineEntry)([entry])

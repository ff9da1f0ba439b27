"""Every page of the app on the demo's data, as whoever uses it: sound, accessible, fitting, light.

The list of pages is the app's own table of addresses, so a new page is looked at by itself, or
the test asks for an example of what its address needs.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, current_app, url_for
from flask.testing import FlaskClient
from playwright.sync_api import Browser, BrowserContext, Page
from sqlalchemy import ColumnElement, Select, select
from werkzeug.routing import Rule

from tests.factories.accounts import csrf_token, post, sign_in
from tests.support.apps import make_settings, running_app
from tests.support.browser import (
    Complaints,
    LiveServer,
    Viewport,
    actions_out_of_sight,
    axe,
    cookies_of,
    open_context,
    serving,
    sideways_overflow,
    widest,
)
from tests.support.wheels import TinyPlugin
from tracker.accounts import links
from tracker.accounts.models import User
from tracker.accounts.tokens import hash_token, new_token
from tracker.config import Settings
from tracker.core.clock import FixedClock, SystemClock
from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting
from tracker.core.db import db
from tracker.core.work import Work, run
from tracker.inspections import checklists
from tracker.inspections.inputs import ChecklistRef
from tracker.inspections.models import (
    Finding,
    FindingState,
    InspectionPlan,
    InspectionPlanItem,
    Visit,
    VisitState,
)
from tracker.jobs import ledger
from tracker.notices import mail, webhook_services
from tracker.notices.services import Unsubscribe
from tracker.ops.cli import MarkDemo, mark_demo
from tracker.ops.instance import fill
from tracker.plans import copying, lifecycle
from tracker.plans.models import (
    Assignment,
    Decision,
    Extension,
    Plan,
    PlanState,
    Reported,
    RowKind,
    Task,
    Urge,
)
from tracker.plugin_admin import operations, queries, services
from tracker.plugins.host import host_of
from tracker.plugins.models import Disposal, IncidentKind, PluginIncident
from tracker.plugins.services import new_safe_token
from tracker.plugins.signatures import PublicKey
from tracker.settings.models import CalendarDay
from tracker.testing.databases import Databases

pytestmark = pytest.mark.browser

# Who is tried in turn, the one with the narrowest use first; whoever may open a page uses it.
PEOPLE = ("truongphong", "lanhdao", "kiemtra", "dieuphoi", "quantri")
NOBODY = ""
A_FILE = "a file"
# Lê Minh Đức, head of Sở Tư pháp.
PERSON, OWN_UNIT = 3, 2
HEAVIEST = 300_000

# Addresses that are no pages: they answer machines or hand out files.
NO_PAGES = {
    "assets.favicon",
    "assets.static_file",
    "files.download",
    "files.show",
    "files.thumbnail",
    "health.healthz",
    "health.readyz",
    # A part of the page of a run.
    "jobs.run_progress",
    # For calendar programs, and a part of every page.
    "notices.calendar",
    "notices.push_worker",
    "notices.ring",
    # Leads on to what the notice is about.
    "notices.open_notice",
    # Leads on to the page of settings.
    "admin_thiet_lap.index",
}
# Asks for the password again; nobody of the demo has one.
NO_EXAMPLE = {"accounts.confirm"}


@dataclass(frozen=True)
class Visited:
    """A page to look at: its endpoint, its address, who opens it."""

    endpoint: str
    path: str
    who: str


@dataclass
class Site:
    """The demo, served; its pages; and people's browsers, opened once for each look."""

    server: LiveServer
    chromium: Browser
    pages: list[Visited]
    missing: list[str]
    clients: dict[str, FlaskClient]
    cookies: dict[str, list[Any]]
    opened: dict[tuple[Any, ...], tuple[BrowserContext, Page, Complaints]] = field(
        default_factory=dict
    )

    def browse(self, who: str, viewport: Viewport, locale: str, dark: bool) -> tuple[Page, Any]:
        """Return a page of this person's browser and what it complains of."""
        key = (who, viewport, locale, dark)
        if key not in self.opened:
            context = open_context(
                self.chromium, self.server.url, viewport, locale=locale, dark=dark
            )
            if who:
                context.add_cookies(self.cookies[who])
            if locale.startswith("en"):
                context.add_cookies([{"name": "locale", "value": "en", "url": self.server.url}])
            complaints = Complaints()
            page = context.new_page()
            complaints.watch(page)
            self.opened[key] = (context, page, complaints)
        _context, page, complaints = self.opened[key]
        return page, complaints

    def speak(self, locale: str) -> None:
        """Have everybody read this language from now on."""
        for client in self.clients.values():
            assert post(client, "/tuy-chon", {"locale": locale}).status_code == 303

    def close(self) -> None:
        """Close the browsers of the last look."""
        for context, _page, _complaints in self.opened.values():
            context.close()
        self.opened.clear()


# -- the demo -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(
    databases: Databases, chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """The core's demo around today, loaded once."""
    folder = tmp_path_factory.mktemp("demo")
    clock = FixedClock(SystemClock().now())
    with (
        databases.fresh("sqlite", folder, migrated=True) as url,
        running_app(_open_settings(url, folder), clock) as app,
    ):
        fill(app)
        system = Context(SYSTEM_ACTOR, clock, Source.COMMAND)
        with app.app_context(), acting(system):
            run(mark_demo, MarkDemo(clock.today()))
            for source in host_of(app).registry.demo_data:
                source.load(clock.today())
        clients = {who: signed_in(app, who) for who in PEOPLE}
        with app.app_context(), acting(system):
            given = {**examples(), **prepare(clients["quantri"])}
        with serving(app) as server:
            pages, missing = find_pages(app, {**clients, NOBODY: app.test_client()}, given)
            cookies = {who: cookies_of(client, server) for who, client in clients.items()}
            found = Site(server, chromium, pages, missing, clients, cookies)
            yield found
            found.close()


def _open_settings(url: str, folder: Path) -> Settings:
    """Return settings under which no page is closed."""
    return replace(make_settings(url, folder), plugin_upload=True, plugin_unsigned=True)


def signed_in(app: Flask, who: str) -> FlaskClient:
    """Return a client on which a person of the demo is signed in."""
    client = app.test_client()
    with app.app_context():
        user = db.session.scalars(select(User.id).where(User.username == who)).one()
        sign_in(client, user)
    return client


# -- the pages ------------------------------------------------------------------------------


def one(query: Select[Any]) -> Any:
    """Return the first value of a query on the demo."""
    found = db.session.execute(query.limit(1)).scalar_one_or_none()
    assert found is not None, f"the demo has nothing for {query}"
    return found


def in_force(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the shares of this year's plan that meet the conditions."""
    return (
        select(Assignment.id)
        .join(Task, Task.id == Assignment.task_id)
        .join(Plan, Plan.id == Task.plan_id)
        .where(Plan.state == PlanState.ISSUED, *conditions)
        .order_by(Assignment.id)
    )


def prepare(client: FlaskClient) -> dict[str, dict[str, Any]]:
    """Write what the demo leaves out: drafts of a plan and a checklist, a link, an upload, a run.

    Returns the examples that stand on them.
    """
    source = one(select(Plan.id).where(Plan.state == PlanState.ISSUED))
    issuer = one(select(Plan.issuer_id).where(Plan.id == source))
    year = one(select(Plan.year_from).where(Plan.id == source)) + 1
    head = lifecycle.PlanInput("Kế hoạch năm sau", issuer, year, year, key="nam-sau")
    run(copying.copy_plan, copying.CopyPlan(source, head))
    run(checklists.draft_version, ChecklistRef("mot_cua"))
    token = new_token()
    run(links.make_link, links.MakeLink(hash_token(token), PERSON))
    template = client.get("/nhap/units/mau.xlsx").data
    form = {"csrf_token": csrf_token(client), "file": (io.BytesIO(template), "don-vi.xlsx")}
    answer = client.post("/nhap/units", data=form)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    upload = {"key": "units", "public_id": answer.location.rpartition("/")[2]}
    draft_row = one(
        select(Task.id)
        .join(Plan, Plan.id == Task.plan_id)
        .where(Plan.key == "nam-sau", Task.kind == RowKind.TASK)
    )
    job_run = run(ledger.start_by_hand, ledger.StartByHand("audit.anchor", "Trước khi sao lưu"))
    claimed = run(ledger.claim_run, ledger.Claim("may-1:12", 30, ["audit.anchor"]))
    assert claimed is not None
    lines = ("Đọc nhật ký.", "Neo số 12.", "0123456789abcdef" * 4)
    token_of_run = ledger.Token(claimed.id, claimed.attempt)
    run(ledger.note_progress, ledger.Progress(token_of_run, 1200, 4000, "Đang đọc", lines))
    return {
        **plugins(),
        "jobs.show_run": {"run_id": job_run},
        "accounts.use_link": {"token": token},
        "safe_mode.ask": {"token": new_safe_token(SystemClock().now())},
        "imports.problems": upload,
        "notices.edit_endpoint": {"endpoint_id": endpoint()},
        "imports.show": upload,
        "inspections.edit_draft": {"key": "mot_cua"},
        "plans.issue_plan": {"key": "nam-sau"},
        "plans.move_row": {"key": "nam-sau", "task_id": draft_row},
    }


def endpoint() -> int:
    """Add a system that is told of notices, with a long address and a fault; return its id."""
    made = run(
        webhook_services.save_endpoint,
        webhook_services.SaveEndpoint(
            name="Trung tâm giám sát, điều hành thông minh của tỉnh",
            url="https://dieuhanh.tinh.gov.vn/" + "0123456789abcdef" * 8,
            kinds=("plans.overdue", "plans.urged"),
            is_active=True,
            secret=webhook_services.new_secret(),
        ),
    )
    run(webhook_services.note_try, webhook_services.Tried(made, "status:503"))
    return made


def plugins() -> dict[str, dict[str, Any]]:
    """Install a plug-in with a newer release and a fault, and remove another; for their pages."""
    settings = current_app.extensions["tracker_settings"]
    tiny = TinyPlugin()
    added = [
        operations.add(settings, one.wheel(), one.filename, None)
        for one in (tiny, tiny.but(version="2.0"), TinyPlugin(name="gone"))
    ]
    operations.install(settings, added[0], skip_rehearsal=True, skip_trial=True)
    operations.install(settings, added[2], skip_rehearsal=True, skip_trial=True)
    operations.remove(settings, "gone", Disposal.EXPORT)
    report = {
        "steps": [{"name": "up", "done": True, "seconds": 0.2}],
        "pages": [],
        "slow": ["/tiny/ (officer): 2.4 s"],
        "errors": ["pages: /tiny/ (officer): HTTP 500"],
        "seconds": 3.4,
        "database_bytes": 4096,
    }
    run(services.save_rehearsal, services.SaveRehearsal(added[1], False, report))
    key = PublicKey("Sở Nội vụ", b"0123456789abcdef" * 2)
    run(services.trust_key, services.TrustKey(key))
    run(note_fault, None)
    named = {"name": "tiny"}
    (record,) = queries.disposals("gone")
    return {
        "plugin_admin.fetch_diagnostics": named,
        "plugin_admin.fetch_export": {"disposal_id": record.id},
        "plugin_admin.remove_plugin": named,
        "plugin_admin.show_plugin": named,
        "plugin_admin.show_release": {**named, "release_id": added[1]},
    }


def note_fault(work: Work, _data: None) -> None:
    """Write down a fault of a plug-in."""
    work.session.add(
        PluginIncident(
            plugin="tiny",
            version="1.0",
            kind=IncidentKind.ERROR,
            place="tiny.index",
            message="ValueError: " + "0123456789abcdef" * 8,
            count=3,
            first_at=work.now,
            last_at=work.now,
        )
    )


def examples() -> dict[str, dict[str, Any]]:
    """Return what the addresses of pages need, from the demo's records."""
    plan = {"key": one(select(Plan.key).where(Plan.state == PlanState.ISSUED))}
    share = one(
        in_force(Assignment.reported == Reported.IN_PROGRESS, Assignment.unit_id == OWN_UNIT)
    )
    one_share = {"assignment_id": share}
    task = {"task_id": one(select(Assignment.task_id).where(Assignment.id == share))}
    late = one(
        in_force(
            Assignment.due_on < SystemClock().today(),
            Assignment.reported == Reported.IN_PROGRESS,
            Assignment.disputed_until.is_(None),
        )
    )
    claimed = one(
        in_force(
            Assignment.reported == Reported.DONE,
            Assignment.confirmed_on.is_(None),
            Plan.needs_confirmation.is_(True),
        )
    )
    condition = one(
        select(Task.id)
        .join(Plan, Plan.id == Task.plan_id)
        .where(
            Task.trigger_text != "",
            Task.triggered_on.is_(None),
            Plan.state == PlanState.ISSUED,
        )
    )
    finished = one(select(Visit.id).where(Visit.state == VisitState.FINISHED).order_by(Visit.id))
    coming = {"visit_id": one(select(Visit.id).where(Visit.state == VisitState.PLANNED))}
    finding = {"finding_id": one(select(Finding.id).where(Finding.state == FindingState.OPEN))}
    inspection_plan = {"key": one(select(InspectionPlan.key))}
    inspected = one(
        select(InspectionPlanItem.id)
        .join(InspectionPlan, InspectionPlan.id == InspectionPlanItem.plan_id)
        .where(InspectionPlan.key == inspection_plan["key"])
    )
    person = {"user_id": PERSON}
    unit = {"unit_id": OWN_UNIT}
    return {
        "accounts.add_grant": person,
        "accounts.edit_user": person,
        "accounts.name_user_deputy": person,
        "accounts.show_user": person,
        # All of the log is so long that a run writes it.
        "audit.export_changes": {"table": "inspection_plans"},
        "audit.show_change_set": {"number": 200},
        "audit.show_history": {"table": "assignments", "record_id": share},
        "imports.start": {"key": "plan"},
        "jobs.start": {"key": "audit.anchor"},
        "imports.template": {"key": "plan"},
        "inspections.amend_plan": inspection_plan,
        "inspections.edit_finding": finding,
        "inspections.edit_plan": inspection_plan,
        "inspections.edit_plan_item": {**inspection_plan, "item_id": inspected},
        "inspections.edit_team": coming,
        "inspections.edit_visit": coming,
        "inspections.finish_visit": coming,
        "inspections.minutes": {"visit_id": finished},
        "inspections.new_finding": coming,
        "inspections.show_checklist": {"key": "mot_cua"},
        "inspections.show_finding": finding,
        "inspections.show_plan": inspection_plan,
        "inspections.show_visit": coming,
        "notices.edit_rung": {"rung_id": 1},
        "notices.leave": {"token": mail.sign(Unsubscribe(PERSON, "plans.urged", mail.CHANNEL))},
        "notices.list_steps": unit,
        "notices.pause_reminders": one_share,
        "plans.add_row": plan,
        "plans.amend_plan": plan,
        "plans.answer_urge": {"urge_id": one(select(Urge.id).where(Urge.answered_at.is_(None)))},
        "plans.ask_extension": one_share,
        "plans.close_plan": plan,
        "plans.copy_plan": plan,
        "plans.edit_area": {"area_id": 1},
        "plans.edit_plan": plan,
        "plans.edit_progress": one_share,
        "plans.edit_row": {**plan, **task},
        "plans.judge_dispute": {
            "assignment_id": one(in_force(Assignment.disputed_until.is_not(None)))
        },
        "plans.judge_extension": {
            "extension_id": one(select(Extension.id).where(Extension.state == Decision.PENDING))
        },
        "plans.judge_report": {"assignment_id": claimed},
        "plans.export_plan": plan,
        "plans.list_documents": plan,
        "plans.open_dispute": {"assignment_id": late},
        "plans.show_plan": plan,
        "plans.show_task": task,
        "plans.trigger_task": {"task_id": condition},
        "plans.urge_unit": one_share,
        "plans.withdraw_row": {**plan, **task},
        "settings.edit_day": {"day": one(select(CalendarDay.day)).isoformat()},
        "settings.edit_window": {"code": "Q1"},
        "units.edit_set": {"unit_set_id": 1},
        "units.edit_unit": unit,
        "units.operate": {"slug": "sap-nhap"},
        "units.show_unit": unit,
        "web.search": {"q": "so hoa"},
    }


def find_pages(
    app: Flask, clients: dict[str, FlaskClient], given: dict[str, dict[str, Any]]
) -> tuple[list[Visited], list[str]]:
    """Return all pages with whoever opens them, and the endpoints that nobody could open."""
    pages: list[Visited] = []
    missing: list[str] = []
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        name = rule.endpoint
        if "GET" not in (rule.methods or ()) or name in NO_PAGES | NO_EXAMPLE:
            continue
        if name.startswith("admin_") and not name.endswith((".index", ".add_record")):
            # One record of the back office, as its list leads to it.
            path = _from_list(rule, clients)
            if path is None:
                continue
        elif rule.arguments - set(given.get(name, ())):
            missing.append(name)
            continue
        else:
            with app.test_request_context():
                path = url_for(name, **given.get(name, {}))
        who = _opens(path, clients)
        if who is None:
            if not name.endswith(".add_record"):
                missing.append(name)
        elif who != A_FILE:
            pages.append(Visited(name, path, who))
    return pages, missing


def _from_list(rule: Rule, clients: dict[str, FlaskClient]) -> str | None:
    """Return an address under a list of the back office that one of its rows has; None if none."""
    folder, _slash, action = rule.rule.rstrip("/").rpartition("/")
    for who in ("quantri", "dieuphoi"):
        answer = clients[who].get(f"{folder}/")
        found = re.search(rf'"({folder}/{action}/\?id=[^"&]+)', answer.get_data(as_text=True))
        if found:
            return found[1]
    return None


def _opens(path: str, clients: dict[str, FlaskClient]) -> str | None:
    """Return who opens a page, A_FILE when it hands out a file, None when nobody can."""
    people = list(clients.items())
    # The back office belongs to the last of them.
    for who, client in reversed(people) if path.startswith("/quan-tri/") else people:
        answer = client.get(path)
        if answer.status_code == 200:
            return who if answer.mimetype == "text/html" else A_FILE
    return None


# -- looking --------------------------------------------------------------------------------


def look(site: Site, seen: Visited, viewport: Viewport, locale: str, *, dark: bool) -> list[str]:
    """Return what is wrong with a page: one line for each fault, with its address."""
    page, complaints = site.browse(seen.who, viewport, locale, dark)
    complaints.said.clear()
    answer = page.goto(seen.path)
    faults = [f"status {answer and answer.status}"] if not answer or answer.status != 200 else []
    head = page.evaluate(
        """() => ({title: document.title, lang: document.documentElement.lang,
                   heads: document.querySelectorAll('h1').length})"""
    )
    if head["lang"] != locale[:2]:
        faults.append(f"speaks {head['lang']}")
    if head["heads"] != 1:
        faults.append(f"{head['heads']} h1")
    if not head["title"].partition(" · ")[0].strip():
        faults.append("no title")
    wider = sideways_overflow(page)
    if wider:
        faults.append(f"{wider} px wider than its window: {widest(page)}")
    faults += [f"{words!r} stands beside the window" for words in actions_out_of_sight(page)]
    faults += axe(page)
    faults += complaints.said
    return [f"{seen.endpoint} {seen.path} ({seen.who}): {fault}" for fault in faults]


def test_every_page_has_somebody_who_opens_it(site: Site) -> None:
    """A new page that needs values in its address: add an example above."""
    assert site.missing == [], ", ".join(site.missing)
    assert len(site.pages) > 100


@pytest.mark.parametrize("viewport", ["desktop", "phone"])
def test_pages_are_sound(site: Site, viewport: Viewport) -> None:
    faults = [
        fault for seen in site.pages for fault in look(site, seen, viewport, "vi-VN", dark=False)
    ]
    site.close()
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(("viewport", "start"), [("desktop", 0), ("phone", 1)])
def test_pages_are_sound_in_english_and_dark(site: Site, viewport: Viewport, start: int) -> None:
    site.speak("en")
    faults = [
        fault
        for seen in site.pages[start::3]
        for fault in look(site, seen, viewport, "en-GB", dark=True)
    ]
    site.close()
    site.speak("vi")
    assert not faults, "\n".join(faults)


HEAVY = (
    ("truongphong", "/"),
    ("lanhdao", "/tong-quan"),
    ("lanhdao", "/viec"),
    ("dieuphoi", "plans.show_plan"),
    ("dieuphoi", "inspections.list_visits"),
    ("kiemtra", "inspections.show_visit"),
    ("quantri", "/quan-tri/don-vi/"),
    ("quantri", "admin_don_vi.edit_record"),
    (NOBODY, "/dang-nhap"),
)


@pytest.mark.parametrize(("who", "place"), HEAVY)
def test_first_visit_is_light(site: Site, who: str, place: str) -> None:
    """All that comes over the wire with a cold cache, headers included."""
    path = next((one.path for one in site.pages if one.endpoint == place), place)
    page, complaints = site.browse(who, "phone", "vi-VN", False)
    total = 0

    def add(event: dict[str, Any]) -> None:
        nonlocal total
        total += int(event["encodedDataLength"])

    wire = page.context.new_cdp_session(page)
    wire.on("Network.loadingFinished", add)
    wire.send("Network.enable")
    page.goto(path, wait_until="networkidle")
    site.close()
    assert complaints.left() == []
    assert 20_000 < total < HEAVIEST


def test_row_that_an_address_names_stands_below_the_heads(site: Site) -> None:
    """The demo's line, the bar and the columns' heads stay on top; none of them covers it."""
    plan = next(one for one in site.pages if one.endpoint == "plans.show_plan")
    page, _complaints = site.browse("dieuphoi", "desktop", "vi-VN", False)
    page.emulate_media(reduced_motion="reduce")
    page.goto(plan.path)
    name = page.locator(".grid tbody tr[id^=dong-]").nth(12).get_attribute("id")
    page.goto(f"{plan.path}#{name}")
    heads, top, bottom, window, scrolled = page.evaluate(
        """name => {
            const row = document.getElementById(name).getBoundingClientRect();
            const head = document.querySelector('.grid thead th').getBoundingClientRect();
            return [head.bottom, row.top, row.bottom, innerHeight, scrollY];
        }""",
        name,
    )
    site.close()
    assert scrolled > 0
    assert heads <= top < bottom <= window

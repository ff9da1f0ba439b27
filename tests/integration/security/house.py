"""One record of everything, and in every field that people type a text meant to do harm."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from openpyxl import Workbook
from sqlalchemy import func, select

from tests.factories.accounts import give_password, grant, make_user, sign_in
from tests.factories.inspections import items_of, photo
from tests.factories.units import make_unit_set, system_context
from tests.integration.security.walk import Walked, start_pages, walk
from tests.support import contents
from tests.support.apps import PRESENT, make_settings, running_app
from tests.support.receiver import BrowserKeys
from tracker.accounts import links
from tracker.accounts import services as accounts
from tracker.accounts.tokens import hash_token
from tracker.core.changes import ChangeSet
from tracker.core.clock import FixedClock, to_local
from tracker.core.context import Actor, Context, acting
from tracker.core.db import db
from tracker.core.deadlines import DeadlineKind, Frequency, RecurrenceRule
from tracker.core.rights import SYSTEM, Role
from tracker.core.work import run
from tracker.files import services as files
from tracker.imports import services as imports
from tracker.inspections import checklists, inputs, planning, services
from tracker.inspections.models import Answer, MemberRole, Severity, VisitKind
from tracker.jobs import ledger
from tracker.jobs.models import RunState
from tracker.notices import push_services, webhook_services
from tracker.plans import areas, assign, documents, extensions, lifecycle, progress, rows, urges
from tracker.plans.inputs import (
    AskExtension,
    DecideExtension,
    EvidenceInput,
    JudgeReport,
    OpenDispute,
    ReportProgress,
    UrgeUnits,
)
from tracker.plans.models import (
    Assignment,
    DocumentKind,
    Extension,
    Plan,
    Reported,
    RowKind,
    Task,
    Urge,
)
from tracker.settings import services as calendar
from tracker.settings.models import DayKind
from tracker.testing.databases import Filling
from tracker.units import operations
from tracker.units import services as units
from tracker.units.inputs import CreateUnit, Operation
from tracker.units.models import UnitEventKind, UnitKind

TODAY = to_local(PRESENT).date()
PASSWORD = "con trâu xanh bay qua sông"
# It would begin a formula, close an attribute, open an element, add a listener, fill a template.
# (Not '<img src=x>', which HTML may keep harmlessly inside quotes: the element is named below.)
ELEMENT = "xss-x"
LISTENER = "onxss"


def harm(label: str) -> str:
    """Return a harmful text that tells where it was typed."""
    return f"=1+1|{label}\"><{ELEMENT} {LISTENER}=1>' {LISTENER}='1 {{{{7*7}}}}"


def short_harm(label: str) -> str:
    """Return a harmful text for fields that take 40 characters."""
    return f'=1|{label}"><{ELEMENT} {LISTENER}=1>'[:40]


@dataclass(frozen=True)
class Furnished:
    """What is kept of a house with its database: who lives in it, what is where, all its pages."""

    people: Mapping[str, int]
    ids: Mapping[str, Any]
    walked: Walked


@dataclass(frozen=True)
class House:
    """The app, its people, numbers of records by what they are, and what its pages were at first.

    The pages are all that somebody with all rights comes to by links, before anything was sent.
    """

    app: Flask
    clock: FixedClock
    people: Mapping[str, int]
    ids: Mapping[str, Any]
    walked: Walked

    def client(self, who: str) -> FlaskClient:
        """Return a browser in which a person is signed in."""
        client = self.app.test_client()
        with self.app.app_context():
            sign_in(client, self.people[who])
        return client

    def change_head(self) -> int:
        """Return how many change sets there are."""
        with self.app.app_context():
            return db.session.scalar(select(func.count()).select_from(ChangeSet)) or 0


def _furnish(url: str, instance: Path) -> bytes:
    clock = FixedClock(PRESENT)
    with running_app(make_settings(url, instance), clock) as app:
        app.config["PROPAGATE_EXCEPTIONS"] = False
        with app.app_context():
            maker = _Maker(clock)
            maker.make()
            client = app.test_client()
            sign_in(client, maker.people["both"])
        walked = walk(app, client, [*start_pages(app), *_unlinked(maker.ids)])
        return pickle.dumps(Furnished(maker.people, maker.ids, walked))


# Walking through it takes half a minute: once a run is enough.
FURNISHED = Filling("furnished house", _furnish)


def _unlinked(ids: Mapping[str, Any]) -> list[str]:
    """Return addresses of records that no list links to in the state they are in."""
    return [
        "/don-vi/sap-xep/sap-nhap",
        f"/viec/{ids['task-done']}",
        f"/viec/{ids['task-leaving']}",
        f"/viec/{ids['task-extended']}",
        f"/viec/{ids['task-late']}",
        f"/viec/{ids['task-waiting']}/dieu-kien",
        f"/viec/giao/{ids['share-disputed']}/ket-luan",
        f"/viec/don-doc/{ids['urge']}/tra-loi",
        f"/viec/gia-han/{ids['extension']}",
        f"/ke-hoach/du-thao/dong/{ids['task-draft']}",
        f"/ke-hoach/du-thao/dong/{ids['task-draft']}/chuyen",
        f"/ke-hoach/ban-hanh/dong/{ids['task-soon']}/rut",
        f"/kiem-tra/{ids['visit-done']}",
        f"/kiem-tra/{ids['visit-off']}",
        f"/kiem-tra/ke-hoach/{ids['inspection_plan']}",
        f"/kiem-tra/phat-hien/{ids['finding-done']}",
        f"/kiem-tra/{ids['visit-open']}/ket-thuc",
        f"/kiem-tra/{ids['visit-open']}/phat-hien/moi",
        f"/kiem-tra/phat-hien/{ids['finding-open']}/sua",
        f"/nhap/units/{ids['upload']}",
        f"/nhap/units/{ids['upload']}/loi.xlsx",
        f"/dat-mat-khau/{'t' * 43}",
    ]


def workbook(rows_: list[list[object]]) -> bytes:
    """Return a spreadsheet of plain rows."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows_:
        sheet.append(row)
    for cells in sheet.iter_rows():
        for cell in cells:
            # Also what begins with '=', which would be written as a formula.
            cell.data_type = "s"
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


class _Maker:
    def __init__(self, clock: FixedClock) -> None:
        self.clock = clock
        self.people: dict[str, int] = {}
        self.ids: dict[str, Any] = {}

    def system(self) -> AbstractContextManager[Context]:
        return acting(system_context(self.clock))

    def being(self, who: str) -> AbstractContextManager[Context]:
        """Act as a person whom nothing stops: rights have tests of their own."""
        return acting(Context(Actor(harm(who), self.people[who], SYSTEM), self.clock))

    def make(self) -> None:
        """Make all of it, each part on what came before."""
        self.make_units()
        self.make_people()
        self.make_plan()
        self.make_lives_of_tasks()
        self.make_inspections()
        self.make_rest()

    # -- units and people ----------------------------------------------------------------------

    def unit(self, key: str, kind: UnitKind, parent: int | None) -> int:
        data = CreateUnit(
            name=harm(f"unit-{key}"),
            kind=kind,
            parent_id=parent,
            valid_from=date(2021, 1, 1),
            code=short_harm(f"c-{key}"),
            short_name=harm(f"unit-short-{key}"),
            head_title=harm(f"unit-head-{key}"),
            aliases=(harm(f"alias-{key}"),),
            decision_number=short_harm(f"d-{key}"),
        )
        with self.system():
            self.ids[f"unit-{key}"] = made = run(units.create_unit, data)
        return made

    def make_units(self) -> None:
        self.root = self.unit("root", UnitKind.PROVINCE, None)
        self.north = self.unit("north", UnitKind.COMMUNE, self.root)
        self.south = self.unit("south", UnitKind.COMMUNE, self.root)
        west = self.unit("west", UnitKind.COMMUNE, self.root)
        self.elsewhere = self.unit("elsewhere", UnitKind.PROVINCE, None)
        with self.system():
            run(
                operations.apply,
                Operation(
                    kind=UnitEventKind.MERGE,
                    effective_on=date(2025, 7, 1),
                    units=(west,),
                    successors=(self.north,),
                    decision_number=short_harm("merge"),
                    note=harm("operation-note"),
                ),
            )
        self.ids["unit_set"] = make_unit_set(harm("unit-set"))

    def make_people(self) -> None:
        for key, unit, role in (
            ("both", self.root, Role.ADMINISTRATOR),
            ("coordinator", self.root, Role.COORDINATOR),
            ("leader", self.root, Role.LEADER),
            ("inspector", self.root, Role.INSPECTOR),
            ("head", self.north, Role.HEAD),
            ("officer", self.north, Role.OFFICER),
            ("stranger", self.elsewhere, Role.COORDINATOR),
            ("foreign_chief", self.elsewhere, Role.ADMINISTRATOR),
        ):
            self.people[key] = make_user(unit, role, name=harm(f"person-{key}"), username=key)
        for role in (Role.COORDINATOR, Role.INSPECTOR, Role.HEAD):
            grant(self.people["both"], role, self.root)
        # What counts everywhere is held over all trees only.
        grant(self.people["both"], Role.ADMINISTRATOR, self.elsewhere)
        give_password(self.people["officer"], PASSWORD)
        with self.being("head"):
            self.ids["deputy"] = run(
                accounts.name_deputy,
                accounts.NameDeputy(
                    self.people["head"],
                    self.people["officer"],
                    TODAY,
                    TODAY + timedelta(days=3),
                    harm("deputy-reason"),
                ),
            )
        with self.system():
            run(links.make_link, links.MakeLink(hash_token("t" * 43), self.people["leader"]))

    # -- plans ---------------------------------------------------------------------------------

    def row(self, plan: int, key: str, deadline: assign.Deadline, **more: Any) -> int:
        row = rows.RowInput(
            title=harm(f"task-{key}"),
            number=short_harm(key),
            product=harm(f"product-{key}"),
            lead_text=harm(f"lead-{key}"),
            coordinator_text=harm(f"coordinator-{key}"),
            budget_text=harm(f"budget-{key}"),
            note=harm(f"note-{key}"),
            deadline=deadline,
            lead_unit_ids=(self.north,),
            coordinator_ids=(self.south,),
            area_id=self.ids["area"],
        )
        parent = more.pop("parent_id", None)
        made = run(rows.add_row, rows.AddRow(plan, replace(row, **more), parent))
        self.ids[f"task-{key}"] = made
        return made

    def make_plan(self) -> None:
        with self.being("coordinator"):
            self.ids["area"] = run(
                areas.add_area,
                areas.AreaInput(
                    code=short_harm("a")[:20],
                    name=harm("area"),
                    valid_from=date(2021, 1, 1),
                    name_en=harm("area-en"),
                    short_name=harm("area-short")[:120],
                    short_name_en=harm("area-short-en")[:120],
                ),
            )
            self.plan, self.draft = (
                run(
                    lifecycle.create_plan,
                    lifecycle.CreatePlan(
                        lifecycle.PlanInput(
                            title=harm(f"plan-{key}"),
                            issuer_id=self.root,
                            year_from=2026,
                            year_to=2026,
                            key=key,
                            number=short_harm(f"p-{key}"),
                            needs_confirmation=True,
                            source_note=harm(f"source-{key}"),
                        )
                    ),
                )
                for key in ("ban-hanh", "du-thao")
            )
            self.ids["plan"], self.ids["draft"] = self.plan, self.draft
            late = assign.Deadline(kind=DeadlineKind.DATE, on=date(2026, 6, 1), text=harm("due"))
            soon = assign.Deadline(kind=DeadlineKind.DATE, on=date(2026, 6, 20))
            group = self.row(
                self.plan, "group", assign.Deadline(), kind=RowKind.GROUP, lead_unit_ids=()
            )
            for key in ("late", "disputed", "done"):
                self.row(self.plan, key, late, parent_id=group)
            for key in ("soon", "awaiting", "extended", "leaving"):
                self.row(self.plan, key, soon)
            monthly = RecurrenceRule(Frequency.MONTHLY, day="last")
            self.row(self.plan, "monthly", assign.Deadline(DeadlineKind.RECURRING, rule=monthly))
            waiting = assign.Deadline(DeadlineKind.CONDITIONAL, trigger=harm("trigger"), offset=9)
            self.row(self.plan, "waiting", waiting)
            self.row(self.plan, "undated", assign.Deadline(text=harm("due-undated")))
            self.row(self.draft, "draft", soon)
            self.row(self.draft, "draft-two", soon)
            run(
                lifecycle.issue_plan,
                lifecycle.IssuePlan(
                    self.plan, self.version(Plan, self.plan), "1/KH", date(2026, 1, 15), harm("sum")
                ),
            )
            amendment = run(
                lifecycle.amend_plan,
                lifecycle.AmendPlan(
                    self.plan,
                    documents.NewDocument(
                        DocumentKind.PLAN,
                        short_harm("amend"),
                        TODAY,
                        harm("signer"),
                        harm("amendment"),
                    ),
                ),
            )
            leaving = self.ids["task-leaving"]
            run(
                rows.withdraw_task,
                rows.WithdrawTask(
                    leaving,
                    self.version(Task, leaving),
                    documents.DocumentChoice(document_id=amendment),
                    harm("withdrawal"),
                ),
            )

    def version(self, model: Any, key: int) -> int:
        found: int = db.session.scalars(select(model.version).where(model.id == key)).one()
        return found

    def share(self, key: str) -> int:
        query = select(Assignment.id).where(Assignment.task_id == self.ids[f"task-{key}"])
        found = db.session.scalars(query.order_by(Assignment.id)).first()
        assert found is not None, key
        self.ids[f"share-{key}"] = found
        return found

    def make_lives_of_tasks(self) -> None:
        for key in ("late", "disputed", "done", "soon", "awaiting", "extended", "waiting"):
            self.share(key)
        file = files.prepare(files.FileInput(contents.PDF, f"{short_harm('file')}.pdf"))
        picture = files.prepare(files.FileInput(photo(), f"{short_harm('photo')}.jpg"))
        evidence = EvidenceInput(
            number=short_harm("evidence"),
            issued_on=TODAY,
            issuer=harm("evidence-issuer"),
            title=harm("evidence-title"),
            files=(file, picture),
        )
        with self.being("officer"):
            for key in ("done", "awaiting"):
                run(
                    progress.report_progress,
                    ReportProgress(
                        self.ids[f"share-{key}"],
                        Reported.DONE,
                        100,
                        note=harm(f"report-{key}"),
                        done_on=TODAY,
                        evidence=evidence,
                    ),
                )
            run(
                progress.report_progress,
                ReportProgress(
                    self.ids["share-late"], Reported.CANNOT, 10, note=harm("report-cannot")
                ),
            )
            run(
                progress.open_dispute,
                OpenDispute(self.ids["share-disputed"], harm("dispute")),
            )
            for key in ("soon", "extended"):
                run(
                    extensions.ask_extension,
                    AskExtension(
                        self.ids[f"share-{key}"], TODAY + timedelta(days=40), harm(f"extend-{key}")
                    ),
                )
        asked = {
            row.assignment_id: row.id
            for row in db.session.execute(select(Extension.assignment_id, Extension.id))
        }
        self.ids["extension"] = asked[self.ids["share-soon"]]
        with self.being("coordinator"):
            run(
                extensions.decide_extension,
                DecideExtension(
                    asked[self.ids["share-extended"]], approved=True, note=harm("decision")
                ),
            )
            run(progress.confirm, JudgeReport(self.ids["share-done"], harm("confirmed")))
            run(
                urges.urge_units,
                UrgeUnits((self.ids["share-late"],), harm("urge"), TODAY + timedelta(days=1)),
            )
        self.ids["urge"] = db.session.scalars(select(Urge.id)).one()

    # -- inspections ---------------------------------------------------------------------------

    def make_inspections(self) -> None:
        with self.being("coordinator"):
            self.ids["checklist"] = checklist = run(
                checklists.create_checklist, inputs.CreateChecklist(title=harm("checklist"))
            )
            item = inputs.ChecklistItemInput(
                code=short_harm("item"),
                section=harm("section"),
                text=harm("item"),
                severity=Severity.MAJOR,
            )
            run(checklists.draft_version, inputs.ChecklistRef(checklist))
            run(
                checklists.save_draft,
                inputs.SaveDraft(
                    key=checklist,
                    items=[item],
                    base=checklists.fingerprint([]),
                    note=harm("draft"),
                ),
            )
            run(checklists.publish_draft, inputs.ChecklistRef(checklist))
            run(checklists.draft_version, inputs.ChecklistRef(checklist))
            plans = [
                run(
                    planning.save_plan,
                    inputs.SavePlan(
                        title=harm(f"inspection-plan-{number}"),
                        year=2026,
                        issuer_id=self.root,
                        number=short_harm("ip"),
                        issued_on=date(2026, 1, 10),
                    ),
                )
                for number in (1, 2)
            ]
            self.ids["inspection_plan"], self.ids["inspection_draft"] = plans
            for plan in plans:
                run(
                    planning.add_plan_items,
                    inputs.AddPlanItems(
                        key=plan,
                        unit_ids=[self.north, self.south],
                        month_from=1,
                        month_to=12,
                        scope=harm("scope"),
                    ),
                )
            run(planning.issue_plan, inputs.PlanRef(plans[0]))
        with self.being("inspector"):
            open_, done, off = (self.visit(key) for key in ("open", "done", "off"))
            run(services.cancel_visit, inputs.CancelVisit(visit_id=off, reason=harm("cancel")))
            finding = self.carry_out(done)
            self.carry_out(open_, finish=False)
        with self.being("officer"):
            file = files.prepare(files.FileInput(contents.PDF, f"{short_harm('remedy')}.pdf"))
            run(
                services.report_remedy,
                inputs.ReportRemedy(
                    finding_id=finding,
                    text=harm("remedy"),
                    done_on=TODAY,
                    evidence_number=short_harm("remedy"),
                    evidence_on=TODAY,
                    evidence_issuer=harm("remedy-issuer"),
                    files=[file],
                ),
            )

    def visit(self, key: str) -> int:
        from tracker.inspections.models import Checklist

        checklist = db.session.scalars(select(Checklist.id)).one()
        members = [
            inputs.Member(user_id=self.people["inspector"], role=MemberRole.LEADER),
            inputs.Member(user_id=self.people["both"]),
            inputs.Member(name=harm("guest"), agency=harm("guest-agency")),
        ]
        made = run(
            services.create_visit,
            inputs.CreateVisit(
                kind=VisitKind.SURPRISE,
                unit_id=self.north,
                visited_on=TODAY,
                checklist_id=checklist,
                decision_number=short_harm("visit"),
                team_name=harm(f"team-{key}"),
                members=members,
            ),
        )
        self.ids[f"visit-{key}"] = made
        return made

    def carry_out(self, visit: int, *, finish: bool = True) -> int:
        item = items_of(visit)[0].id
        self.ids["item"] = item
        heads = inputs.CountHeads(
            visit_id=visit,
            present=20,
            absent_with_reason=2,
            absent_without_reason=1,
            counted_at=time(7, 15),
            note=harm("absence"),
        )
        run(services.count_heads, heads)
        answer = inputs.SaveAnswer(
            visit_id=visit, item_id=item, answer=Answer.FAIL, note=harm("answer")
        )
        run(services.save_answer, answer)
        picture = files.prepare(files.FileInput(photo(80), f"{short_harm('finding')}.jpg"))
        finding = run(
            services.record_finding,
            inputs.RecordFinding(
                visit_id=visit,
                text=harm("finding"),
                severity=Severity.MINOR,
                item_id=item,
                remedy_due_on=TODAY + timedelta(days=5),
                photos=[picture],
            ),
        )
        self.ids["finding-done" if finish else "finding-open"] = finding
        if finish:
            run(
                services.finish_visit,
                inputs.FinishVisit(visit_id=visit, conclusion=harm("conclusion")),
            )
            notice = inputs.RecordNotice(
                visit_id=visit,
                conclusion=harm("conclusion-two"),
                notice_number=short_harm("notice"),
                notice_on=TODAY,
            )
            run(services.record_notice, notice)
        return finding

    # -- the rest ------------------------------------------------------------------------------

    def make_rest(self) -> None:
        with self.being("coordinator"):
            run(
                calendar.add_days,
                calendar.AddDays(
                    (
                        calendar.DayInput(
                            date(2026, 9, 3), DayKind.HOLIDAY, harm("day"), harm("day-decision")
                        ),
                    )
                ),
            )
        with self.being("both"):
            content = workbook(
                [
                    ["Tên đơn vị", "Loại đơn vị", "Đơn vị cấp trên", harm("heading")],
                    [harm("import-name"), harm("import-kind"), harm("import-parent"), "x"],
                ]
            )
            self.ids["upload"] = run(
                imports.keep_upload,
                imports.KeepUpload("units", f"{short_harm('upload')}.xlsx", content),
            )
        with self.system():
            wish = ledger.StartByHand("audit.anchor", harm("job-reason"))
            self.ids["run"] = run(ledger.start_by_hand, wish)
            job = run(ledger.claim_run, ledger.Claim(harm("process"), 30, ["audit.anchor"]))
            assert job is not None
            token = ledger.Token(job.id, job.attempt)
            run(ledger.end_run, ledger.Ending(token, RunState.FAILED, harm("job-log")))
            # One that waits shows how far it is, again and again.
            run(ledger.start_by_hand, ledger.StartByHand("files.collect", harm("job-waits")))
            endpoint = webhook_services.SaveEndpoint(
                name=harm("webhook"),
                # Its network is not allowed, so whatever is tried with it asks nothing of anybody.
                url="https://127.0.0.1:1029/hook",
                kinds=("*",),
                is_active=False,
                secret=webhook_services.new_secret(),
            )
            self.ids["webhook"] = run(webhook_services.save_endpoint, endpoint)
            keys = BrowserKeys().form("https://push.example.org/1")
            browser = push_services.AddBrowser(self.people["both"], **keys, device=harm("browser"))
            self.ids["browser"] = run(push_services.add_browser, browser)
        db.session.rollback()

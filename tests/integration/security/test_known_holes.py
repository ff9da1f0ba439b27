"""Holes that other products had, tried here on a furnished app; each test cites where it occurred.

Covered beside the feature, and not repeated here:

- sign-in: enumeration (OpenProject CVE-2026-22604), fixation (ASVS 7.2.4), guesses counted though
  the attempt is rolled back (Vikunja CVE-2026-35597): accounts/test_signin.py; reset tokens kept as
  hashes (CVE-2026-62376), guessed links: accounts/test_users.py;
- files: by parameter (Kanboard CVE-2023-33956), through a record of another kind (Redmine #43634,
  #43635), scripts as attachments (OpenProject CVE-2026-23625, Redmine #24199, #38417):
  files/test_files.py, unit/files; names and paths (Redmine #43690): unit/files/test_names.py;
- spreadsheets that come in: entities, bombs, macros (ASVS 1.5.1, 5.2.3): unit/imports;
- a task repeating since 1900 (Vikunja CVE-2026-35599): unit/core/test_deadlines.py;
- the back office: tokens of delete and actions (Flask-Admin 763, 1416, 1788), versions, mass
  assignment: admin/test_writes.py;
- forms without a token, everywhere: test_hostile_requests.py.
"""

from __future__ import annotations

import ast
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import openpyxl
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

import tracker
from tests.factories.accounts import csrf_token, give_password, make_user, post, sign_in
from tests.integration.security.house import ELEMENT, LISTENER, PASSWORD, House, harm, workbook
from tests.integration.security.walk import Page, Walked, endpoint_of, show
from tests.support.apps import PRESENT, running_app
from tracker.accounts import services as accounts
from tracker.accounts.models import Grant, User
from tracker.core.clock import FixedClock
from tracker.core.context import SYSTEM_ACTOR, Context, acting
from tracker.core.db import db
from tracker.core.rights import Role
from tracker.core.work import run
from tracker.files.models import Attachment
from tracker.inspections.models import Finding, Visit
from tracker.plans.models import Plan
from tracker.units.models import Unit
from tracker.web.doors import door_of
from tracker.web.security import CSP

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# Labels of what belongs to the furnished province and to nobody else's business.
# Who is called 'both' holds a role in the other province too, and is known there.
PRIVATE = re.compile(
    r"\|(task|product|note|report|extend|evidence|urge|dispute|confirmed|decision|plan|source|team|"
    r"finding|remedy|answer|absence|conclusion|guest|cancel|inspection-plan|scope|withdrawal|"
    r"amendment|person-(officer|head|leader|inspector|coordinator)|deputy)[^a-z]"
)


@pytest.fixture(params=["stranger", "foreign_chief"])
def stranger(request: pytest.FixtureRequest, house: House) -> FlaskClient:
    """Coordinator, or administrator, of another province."""
    return house.client(request.param)


def words_of(book: bytes) -> str:
    """Return all that a spreadsheet says."""
    loaded = openpyxl.load_workbook(io.BytesIO(book), read_only=True)
    return "\n".join(
        str(value)
        for sheet in loaded.worksheets
        for row in sheet.iter_rows(values_only=True)
        for value in row
        if value is not None
    )


def said(answer: Any) -> str:
    return words_of(answer.data) if answer.mimetype == XLSX else str(answer.get_data(as_text=True))


# -- records reached by number ----------------------------------------------------------------


def test_no_page_tells_a_stranger_of_anothers_records(
    house: House, walked: Walked, stranger: FlaskClient
) -> None:
    """Indico CVE-2026-28352, OpenProject CVE-2026-22605, Vikunja CVE-2026-35598, ASVS 8.2.2, 8.4.1.

    Every address that the owner came to, spreadsheets, print pages and filters included.
    """
    told = []
    for url in walked.answers:
        if url.startswith("/dat-mat-khau/"):
            # Whoever has this address has been given it.
            continue
        answer = stranger.get(url, buffered=True)
        if answer.mimetype in {"text/html", XLSX, "application/json"}:
            found = PRIVATE.search(said(answer))
            if found:
                told.append((url, found.group(0)))
    assert not told, show(told)


@pytest.mark.parametrize("word", ["task", "plan", "finding", "team", "person", "late", "=1+1"])
def test_search_finds_only_what_one_may_see(house: House, stranger: FlaskClient, word: str) -> None:
    """NetBox's global search showed everything to anyone (GHSA-32w2-6gm2-7766)."""
    assert not PRIVATE.search(stranger.get(f"/tim?q={word}").text.replace(f"q={word}", ""))
    if word in {"task", "plan", "finding"}:
        assert PRIVATE.search(house.client("both").get(f"/tim?q={word}").text)


def test_files_follow_the_rights_of_their_record(house: House, stranger: FlaskClient) -> None:
    """Kanboard CVE-2023-33956, Redmine #43634, bulk download past the right (Redmine #43951)."""
    with house.app.app_context():
        ids = db.session.scalars(select(Attachment.public_id)).all()
    owner = house.client("both")
    assert len(ids) >= 5
    for public_id in ids:
        assert owner.get(f"/tep/{public_id}", buffered=True).status_code == 200
        for part in ("", "/xem", "/nho"):
            answer = stranger.get(f"/tep/{public_id}{part}", buffered=True)
            assert (answer.status_code, b"%PDF" in answer.data) == (404, False)


# Kept for the whole instance by whoever has the right anywhere, not for one province.
SHARED = {
    "inspections.new_checklist",
    "inspections.draft_version",
    "inspections.edit_draft",
    "inspections.discard_draft",
    "inspections.switch_checklist",
    "plans.add_area",
    "plans.edit_area",
    "settings.add_day",
    "settings.edit_day",
    "settings.remove_day",
    "settings.edit_window",
    "settings.propose_days",
    "settings.edit",
    "units.create_set",
    # One's own.
    "accounts.logout",
    "accounts.save_preferences",
    "accounts.profile",
    "accounts.end_sessions",
    "accounts.check_login",
    "accounts.confirm",
    "accounts.change_password",
    "accounts.name_deputy",
    "accounts.use_link",
    "notices.edit_choices",
    "notices.make_feed",
    "notices.add_browser",
}


def test_no_form_lets_a_stranger_change_anothers_records(
    house: House, walked: Walked, stranger: FlaskClient
) -> None:
    """Kanboard CVE-2023-33968, Vikunja CVE-2026-55066, CVE-2026-35595, CVE-2026-55064.

    Every form that the owner was shown, sent as it was shown.
    """
    token, before, done = csrf_token(stranger), house.change_head(), []
    own = house.ids["unit-elsewhere"]
    with house.app.app_context():
        held = db.session.scalars(select(Grant.id).where(Grant.unit_id == own)).all()
    # The strangers' own unit, and the roles that people hold in it, are theirs to change.
    theirs = (f"/don-vi/{own}/", *(f"/quyen/{key}/" for key in held))
    for endpoint, forms in walked.forms.items():
        if endpoint in SHARED or endpoint.split(".")[0] in {
            "admin_linh_vuc", "admin_bang_kiem", "admin_ngay_nghi", "admin_ky_bao_cao",
        }:  # fmt: skip
            continue
        for form in forms[:6]:
            fields = {name: value for name, value in form.fields.items() if name != "csrf_token"}
            url = form.action.removeprefix("http://localhost")
            if url.startswith(theirs):
                continue
            for more in ({}, {"confirm": "1", "step": "apply"}):
                answer = stranger.post(url, data={**fields, **more}, headers={"X-CSRFToken": token})
                head = house.change_head()
                if head != before:
                    done.append((endpoint, url, answer.status_code))
                    before = head
    assert not done, show(done)


@pytest.mark.parametrize("kind", ["sap-nhap", "chia-tach", "chuyen", "ket-thuc", "doi-ten"])
def test_units_out_of_reach_are_not_reorganised(
    house: House, stranger: FlaskClient, kind: str
) -> None:
    """The check is on each unit that an operation touches, not on the page (CVE-2026-35595)."""
    before, own = house.change_head(), house.ids["unit-elsewhere"]
    for units in ([house.ids["unit-north"]], [own, house.ids["unit-north"]]):
        for step in ("", "preview", "apply"):
            form = {
                "units": units,
                "parent_id": own,
                "successors": own,
                "new_name": "Của tôi",
                "effective_on": "01/07/2026",
                "decision_number": "1/NQ",
                "decision_date": "01/06/2026",
                "step": step,
                "confirm": "1",
            }
            post(stranger, f"/don-vi/sap-xep/{kind}", form)
    assert house.change_head() == before


def test_row_does_not_move_under_a_row_of_another_plan(house: House) -> None:
    """Kanboard CVE-2023-33968: a task moved to any project."""
    client, before = house.client("both"), house.change_head()
    row = house.ids["task-draft"]
    for parent in (house.ids["task-group"], house.ids["task-late"], row):
        answer = post(
            client,
            f"/ke-hoach/du-thao/dong/{row}/chuyen",
            {"parent_id": parent, "before_id": house.ids["task-soon"], "version": "1"},
        )
        assert answer.status_code in {400, 404, 422}
    assert house.change_head() == before


def test_team_takes_nobody_of_another_province(house: House, stranger: FlaskClient) -> None:
    """A number in a form must not tell the name behind it (Vikunja CVE-2026-35596; ASVS 8.4.1)."""
    before = house.change_head()
    form = {
        "kind": "surprise",
        "unit_id": house.ids["unit-elsewhere"],
        "visited_on": "16/06/2026",
        "team_name": "Tổ kiểm tra",
        "member_ids": house.people["officer"],
    }
    answer = post(stranger, "/kiem-tra/moi", form)
    assert answer.status_code in {403, 422}
    assert "person-officer" not in answer.text
    assert house.change_head() == before


def test_several_rows_are_checked_one_by_one(house: House, stranger: FlaskClient) -> None:
    """A bulk form passed the right of single records (Redmine #43951)."""
    before = house.change_head()
    for action, more in (
        ("person", {"person_id": ""}),
        ("extend", {"new_due_on": "01/12/2026"}),
        ("urge", {"message": "x", "reply_by": "01/12/2026"}),
    ):
        form: dict[str, Any] = {"action": action, "confirm": "1", "reason": "x", **more}
        form["ids"] = [house.ids["share-late"], house.ids["share-soon"]]
        assert post(stranger, "/viec/hang-loat", form).status_code in {403, 404, 422}
    for slug in ("don-vi", "ke-hoach", "nhiem-vu", "phan-cong", "nguoi-dung", "quyen"):
        for action in ("delete", "close", "open", "assign", "extend", "end"):
            form = {"action": action, "rowid": ["1", "2"], "ids": ["1", "2"], "reason": "x"}
            assert post(stranger, f"/quan-tri/{slug}/hang-loat/", form).status_code < 500
    assert house.change_head() == before


# -- what people typed, on pages --------------------------------------------------------------


def injected(page: Page) -> list[str]:
    """Return what a page holds that nobody of ours wrote."""
    found = []
    for tag, values in page.elements:
        if tag == ELEMENT or LISTENER in values or any(name.startswith("on") for name in values):
            found.append(f"<{tag} {values}>")
        if tag == "script" and not values.get("src", "").startswith("/static/"):
            found.append(f"<script {values}>")
        if "style" in values:
            found.append(f"<{tag} style>")
        for name in ("href", "src", "action", "formaction", "hx-get", "hx-post"):
            link, is_picture = values.get(name, ""), name == "src"
            parts = urlsplit(link.replace("\\", "/"))
            is_ours = parts.scheme == "" or (is_picture and parts.scheme == "data")
            if not is_ours or parts.netloc:
                found.append(f"<{tag} {name}={link}>")
    return found


def test_what_people_typed_is_text_on_every_page(walked: Walked) -> None:
    """Stored XSS: Flask-Admin 690, 1002, 1506, Indico CVE-2023-37901, CVE-2026-25739, NetBox
    CVE-2025-69848, Redmine #44138, #43691, #43694; templates as data (ASVS 1.2.1, 1.3.7).
    """
    faults, shown = [], set()
    for url, answer in walked.answers.items():
        if answer.mimetype != "text/html" or answer.location:
            continue
        faults += [(url, one) for one in injected(Page(url, answer.text))]
        if re.search(r"'1 49|'1 {49}", answer.text):
            faults.append((url, "a template was filled"))
        shown |= set(re.findall(r"=1(?:\+1)?\|([a-z-]*[a-z])", answer.text))
    assert not faults, show(faults)
    # Each of these was on some page, so the test has seen it escaped.
    assert sorted(MUST_BE_SHOWN - shown) == []


MUST_BE_SHOWN = {
    "unit-north", "unit-short-north", "unit-head-north", "alias-north", "operation-note",
    "unit-set", "person-officer", "deputy-reason", "area", "area-short", "plan-ban-hanh",
    "source-ban-hanh", "task-late", "product-late", "note-late", "due", "trigger", "budget-late",
    "amendment", "withdrawal", "report-done", "report-cannot", "evidence", "evidence-issuer",
    "evidence-title", "dispute", "extend-soon", "decision", "confirmed", "urge",
    "checklist", "section", "item", "inspection-plan", "scope", "team-open", "guest",
    "guest-agency", "absence", "answer", "finding", "conclusion-two", "cancel", "remedy",
    "remedy-issuer", "day", "day-decision", "import-name", "heading", "job-log",
}  # fmt: skip


# -- spreadsheets -----------------------------------------------------------------------------


def test_no_export_holds_a_formula(walked: Walked) -> None:
    """Taiga CVE-2024-53555, Indico 2.2.3 (ASVS 1.2.10)."""
    books = {url: one for url, one in walked.answers.items() if one.mimetype == XLSX}
    endings = {urlsplit(url).path for url in books}
    assert endings >= {
        "/don-vi.xlsx", "/nguoi-dung.xlsx", "/nhat-ky.xlsx", "/viec/xuat", "/bao-cao-ky/xuat",
        "/kiem-tra/xuat", "/kiem-tra/phat-hien/xuat", "/ke-hoach/ban-hanh/xuat",
    }  # fmt: skip
    dangerous = 0
    for url, answer in books.items():
        for sheet in openpyxl.load_workbook(io.BytesIO(answer.data)).worksheets:
            for row in sheet.iter_rows():
                for cell in row:
                    assert cell.data_type != "f", (url, cell.coordinate, cell.value)
                    assert cell.hyperlink is None, (url, cell.coordinate)
                    dangerous += str(cell.value).startswith("=1")
        with zipfile.ZipFile(io.BytesIO(answer.data)) as parts:
            assert not [name for name in parts.namelist() if "external" in name.lower()]
    assert dangerous > 50


def test_archive_that_names_a_path_outside_writes_nothing(house: House, tmp_path: Path) -> None:
    """Zip slip, which peers' unpackers had (ASVS 5.3.3): members are read, never unpacked."""
    target = io.BytesIO(workbook([["Tên đơn vị"], ["Xã Mới"]]))
    with zipfile.ZipFile(target, "a") as parts:
        parts.writestr(f"../../../../../../{tmp_path}/evil.txt", "x")
    client = house.client("both")
    answer = client.post(
        "/nhap/units",
        data={"csrf_token": csrf_token(client), "file": (io.BytesIO(target.getvalue()), "a.xlsx")},
    )
    assert answer.status_code in {303, 422}
    assert list(tmp_path.iterdir()) == []


# -- where to go then -------------------------------------------------------------------------

AWAY = (
    "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
    "https://evil.example/", "/\tevil.example", "/\t/evil.example", "data:text/html,x",
    " //evil.example", "http:evil.example", "/ok\r\nX-Evil: 1",
)  # fmt: skip


def stays(app: Flask, location: str | None) -> bool:
    if location is None:
        return True
    parts = urlsplit(location)
    return (
        parts.scheme in ("", "http")
        and parts.netloc in ("", "localhost")
        and location.startswith(("/", "http://localhost/"))
        and not location.startswith(("//", "/\\"))
    )


@pytest.mark.parametrize("target", AWAY)
def test_report_goes_back_only_within_the_site(house: House, target: str) -> None:
    client = house.client("officer")
    url = f"/viec/giao/{house.ids['share-late']}/cap-nhat"
    answer = post(client, url, {"reported": "in_progress", "percent": "20", "next": target})
    assert answer.status_code == 302
    assert answer.location == f"/viec/{house.ids['task-late']}"
    assert "X-Evil" not in answer.headers
    page = Page(url, client.get(f"{url}?next={quote(target)}").text)
    assert injected(page) == []


# -- fields and methods that the sender names -------------------------------------------------

MORE = {
    "id": "1", "public_id": "00000000-0000-4000-8000-000000000000", "is_active": "0",
    "is_admin": "1", "role": "administrator", "state": "closed", "key": "cua-toi",
    "username": "root", "password_hash": "x", "unit_id": "", "valid_to": "2020-01-01",
    "parent_id": "", "folded": "x", "sort_key": "x", "issued_on": "01/01/2020",
    "finished_at": "2020-01-01", "repeat_of_id": "1", "reported_by_id": "1",
}  # fmt: skip


@pytest.mark.parametrize(
    ("model", "number", "address", "who", "changed", "protected"),
    [
        (User, "officer", "/tai-khoan", "officer", "title", "is_active unit_id username password"),
        (Unit, "unit-south", "/don-vi/{}/sua", "both", "short_name", "name kind valid_to parent"),
        (Plan, "plan", "/ke-hoach/ban-hanh/sua", "both", "source_note", "state key issuer number"),
        (Visit, "visit-open", "/kiem-tra/{}/sua", "both", "team_name", "state unit_id kind public"),
        (Finding, "finding-open", "/kiem-tra/phat-hien/{}/sua", "both", "text", "state unit visit"),
    ],
)
def test_fields_that_a_form_does_not_show_stay(
    house: House, model: Any, number: str, address: str, who: str, changed: str, protected: str
) -> None:
    """Mass assignment: Vikunja CVE-2026-55067, OpenProject CVE-2026-52782 (ASVS 8.2.3, 15.3.3)."""
    key = house.people[number] if model is User else house.ids[number]
    url, client = address.format(key), house.client(who)
    form = next(
        one for one in Page(url, client.get(url).text).forms if urlsplit(one.action).path == url
    )
    kept = protected.split()

    def values() -> tuple[dict[str, Any], Any]:
        with house.app.app_context():
            record = db.session.get_one(model, key)
            columns = record.__table__.columns.keys()
            names = [one for one in columns if one.startswith(tuple(kept)) and one != changed]
            return {name: getattr(record, name) for name in names}, getattr(record, changed)

    before, _old = values()
    shown = {name for name in form.fields if name in MORE}
    more = {name: value for name, value in MORE.items() if name not in shown}
    answer = post(client, url, {**form.fields, changed: "Chữ mới", **more})
    assert answer.status_code in {302, 303}, answer.text
    assert values() == (before, "Chữ mới")
    assert len(before) >= 3


def test_nobody_gives_himself_a_role(house: House) -> None:
    """OpenProject CVE-2026-52782, Vikunja CVE-2026-57458: rights that upgrade themselves."""
    before = house.change_head()
    for who in ("officer", "head", "leader", "inspector", "coordinator"):
        client = house.client(who)
        form = {
            "role": "administrator",
            "unit_id": house.ids["unit-root"],
            "valid_from": "1/1/2026",
        }
        url = f"/nguoi-dung/{house.people[who]}/cap-quyen"
        assert post(client, url, form).status_code == 403
    both = house.client("foreign_chief")
    own = f"/nguoi-dung/{house.people['foreign_chief']}/cap-quyen"
    form = {"role": "coordinator", "unit_id": house.ids["unit-root"], "valid_from": "01/01/2026"}
    assert post(both, own, form).status_code in {403, 404, 422}
    assert house.change_head() == before


@pytest.mark.parametrize(
    "name", ["delete", "__class__", "password_hash", "id;--", "-", "--due", "due desc", "0", "*"]
)
def test_sort_keys_come_from_a_list(house: House, walked: Walked, name: str) -> None:
    """OpenProject GHSA-9c69-v342-vqr7 (any method by name), Kanboard CVE-2023-36813 (SQL)."""
    client, tried, taken = house.client("both"), 0, []
    for endpoint in walked.parameters:
        if "sort" not in walked.parameters[endpoint]:
            continue
        tried += 1
        url = f"{urlsplit(walked.pages[endpoint][0]).path}?sort={quote(name)}"
        status = client.get(url).status_code
        # The back office counts its columns; a number that it has not means its usual order.
        if status not in ({200, 400} if endpoint.startswith("admin_") else {400}):
            taken.append((url, status))
    assert tried > 8
    assert not taken, show(taken)


@pytest.mark.parametrize("name", ["__init__", "delete_record", "is_accessible", "render", ""])
def test_actions_come_from_a_list(house: House, name: str) -> None:
    client, before = house.client("both"), house.change_head()
    for rule in house.app.url_map.iter_rules():
        if rule.endpoint.endswith(".act_on_several"):
            form = {"action": name, "rowid": "1", "ids": "1"}
            assert post(client, rule.rule, form).status_code in {302, 400, 403, 404, 422}
    assert post(client, "/viec/hang-loat", {"action": name, "ids": "1"}).status_code == 400
    assert house.change_head() == before


# -- what the code does not even have ---------------------------------------------------------

FORBIDDEN = {
    # Unsafe deserialisation (Kanboard CWE-502; ASVS 1.5.2).
    "pickle", "marshal", "shelve", "dill",
    # Requests to addresses that somebody typed (Indico CVE-2026-107394, Kanboard; ASVS 1.3.6).
    "requests", "httpx", "aiohttp", "urllib3", "urllib.request", "http.client", "ftplib",
    # XML with entities (ASVS 1.5.1), mail without a library.
    "xml.sax", "xml.dom", "xml.etree", "xml.etree.ElementTree", "lxml",
}  # fmt: skip
CALLS = {"eval", "exec", "compile", "__import__"}
# The server asks itself whether it is up, at the address of its own settings.
# Web Push and webhooks leave by one door, which checks where to (tests/unit/core/test_outgoing.py).
ALLOWED = {("ops/supervisor.py", "urllib.request"), ("core/outgoing.py", "http.client")}


def sources() -> Iterator[tuple[Path, ast.Module]]:
    root = Path(tracker.__file__).parent
    for path in sorted(root.rglob("*.py")):
        yield path.relative_to(root), ast.parse(path.read_text("utf-8"))


def test_the_app_unpickles_evaluates_and_fetches_nothing() -> None:
    found = []
    for path, tree in sources():
        for node in ast.walk(tree):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [one.name for one in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{one.name}" for one in node.names)]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                names = [f"{node.func.id}()"] if node.func.id in CALLS else []
            elif isinstance(node, ast.keyword) and node.arg == "shell":
                names = ["shell="] if isinstance(node.value, ast.Constant) else []
            found += [
                (str(path), name)
                for name in names
                if name in FORBIDDEN or name.endswith("()") or name == "shell="
            ]
    assert [one for one in found if one not in ALLOWED] == []


# -- sessions ---------------------------------------------------------------------------------


@pytest.fixture
def guest(house: House) -> int:
    """A person of their own, to be closed."""
    with house.app.app_context():
        made = make_user(house.ids["unit-south"], Role.OFFICER, name="Người tạm")
        give_password(made, PASSWORD)
    return made


def signed_in(house: House, user: int) -> FlaskClient:
    client = house.app.test_client()
    with house.app.app_context():
        sign_in(client, user)
    return client


def test_closed_account_is_out_at_once(house: House, guest: int) -> None:
    """Old rights kept working for 72 hours elsewhere (Vikunja CVE-2026-35594; ASVS 7.4.2)."""
    client = signed_in(house, guest)
    assert client.get("/viec").status_code == 200
    with (
        house.app.app_context(),
        acting(Context(SYSTEM_ACTOR, house.clock)),
    ):
        run(accounts.switch_user, accounts.SwitchUser(guest, is_active=False))
    assert client.get("/viec").status_code == 302
    before = house.change_head()
    assert post(client, "/tai-khoan", {"name": "Tôi", "version": "1"}).status_code in {302, 401}
    assert house.change_head() == before


def test_leaving_everywhere_leaves_everywhere(house: House, guest: int) -> None:
    """ASVS 7.4.1, 7.4.3, 7.5.2."""
    phone, desk = signed_in(house, guest), signed_in(house, guest)
    assert post(desk, "/tai-khoan/phien/ket-thuc").status_code == 303
    assert [one.get("/viec").status_code for one in (phone, desk)] == [302, 302]


def test_dead_links_look_alike(house: House) -> None:
    """User enumeration by reset links (OpenProject CVE-2026-22602, Kanboard; ASVS 6.3.8)."""
    client = house.app.test_client()
    answers = [client.get(f"/dat-mat-khau/{token}") for token in ("x" * 43, "y", "z" * 500)]
    pages = {re.sub(r"[0-9a-f]{16}|ImY.*?\"", "", answer.text) for answer in answers}
    plain = {
        re.sub(r'(content|value)="[^"]*"|X-CSRFToken[^}]*|next=[^"]*|dat-mat-khau/\w+', "", page)
        for page in pages
    }
    assert {answer.status_code for answer in answers} == {404}
    assert len(plain) == 1


# -- headers ----------------------------------------------------------------------------------


def kinds_of_answers(house: House) -> dict[str, Callable[[], Any]]:
    client, visitor = house.client("both"), house.app.test_client()
    with house.app.app_context():
        file = db.session.scalars(
            select(Attachment.public_id).where(Attachment.name.like("%.pdf"))
        ).first()
    asset = re.search(r'href="(/static/[^"]+\.css)"', visitor.get("/dang-nhap").text)
    assert asset
    panel = {"HX-Request": "true"}
    share = house.ids["share-soon"]
    return {
        "page": lambda: client.get("/viec"),
        "back office": lambda: client.get("/quan-tri/don-vi/"),
        "sign-in": lambda: visitor.get("/dang-nhap"),
        "fragment": lambda: client.get(f"/viec/giao/{share}/cap-nhat", headers=panel),
        "redirect": lambda: visitor.get("/viec"),
        "redirect after a form": lambda: post(client, "/tuy-chon", {"theme": "dark"}),
        "not found": lambda: client.get("/khong-co"),
        "bad request": lambda: client.get("/viec?page=x"),
        "forbidden": lambda: house.client("officer").get("/nhat-ky"),
        "no token": lambda: client.post("/tuy-chon"),
        "method": lambda: client.delete("/viec"),
        "too large": lambda: client.post("/tai-khoan", data={"name": "a" * 3_000_000}),
        "unprocessable": lambda: post(client, "/don-vi/nhom/moi"),
        "json error": lambda: client.get("/khong", headers={"Accept": "application/json"}),
        "spreadsheet": lambda: client.get("/don-vi.xlsx"),
        "file": lambda: client.get(f"/tep/{file}", buffered=True),
        "part of a file": lambda: client.get(
            f"/tep/{file}", headers={"Range": "bytes=0-3"}, buffered=True
        ),
        "print page": lambda: client.get(f"/kiem-tra/{house.ids['visit-done']}/bien-ban"),
        "static": lambda: visitor.get(asset.group(1)),
        "no static": lambda: visitor.get("/static/x/khong.css"),
        "health": lambda: visitor.get("/healthz"),
    }


def test_every_kind_of_answer_carries_the_headers(house: House) -> None:
    """ASVS 3.4.3 to 3.4.6, 14.3.2; clickjacking; pages of persons stay in no cache."""
    for kind, ask in kinds_of_answers(house).items():
        answer = ask()
        headers = answer.headers
        policy = headers.get("Content-Security-Policy", "")
        if kind in {"file", "part of a file", "spreadsheet"}:
            assert policy.startswith("sandbox; default-src 'none'"), kind
            assert headers["Content-Disposition"].startswith("attachment"), kind
        else:
            assert policy == CSP, kind
        assert headers["X-Content-Type-Options"] == "nosniff", kind
        assert headers["X-Frame-Options"] == "DENY", kind
        assert headers["Referrer-Policy"] in {"same-origin", "no-referrer"}, kind
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin", kind
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin", kind
        assert "Server" not in headers or "Werkzeug" not in headers["Server"], kind
        if kind == "static":
            assert "immutable" in headers["Cache-Control"]
        else:
            assert "no-store" in headers["Cache-Control"], kind
    assert "unsafe" not in CSP
    assert "frame-ancestors 'none'" in CSP


def test_no_page_is_kept_by_a_cache(walked: Walked) -> None:
    """ASVS 14.3.2."""
    kept = [
        url
        for url, one in walked.answers.items()
        if "no-store" not in one.headers["Cache-Control"] and not url.endswith("/nho")
    ]
    assert kept == []


def test_only_safe_addresses_are_read_without_a_door(app: Flask) -> None:
    """ASVS 8.2.1: what has no door is shut."""
    assert [name for name, view in app.view_functions.items() if door_of(view) is None] == []
    assert endpoint_of(app, "/robots.txt") == ""


def test_cookies_behind_tls_are_bound_to_this_host(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ASVS 3.3.1 to 3.3.4, 3.4.1."""
    settings = replace(house.app.extensions["tracker_settings"], secure_cookies=True)
    with running_app(settings, FixedClock(PRESENT), own=True) as secure:
        client = secure.test_client()
        answer = client.get("/dang-nhap", base_url="https://localhost")
        assert "max-age=" in answer.headers["Strict-Transport-Security"]
        (cookie,) = answer.headers.getlist("Set-Cookie")
        assert cookie.startswith("__Host-tracker=")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', answer.text)
        assert token
        chosen = client.post(
            "/tuy-chon",
            data={"locale": "en", "csrf_token": token.group(1)},
            base_url="https://localhost",
        )
        locale = next(one for one in chosen.headers.getlist("Set-Cookie") if "locale=en" in one)
        assert {"Secure", "HttpOnly", "SameSite=Lax"} <= set(locale.split("; "))


def test_a_failure_tells_nothing_of_the_inside(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """ASVS 16.5.1, 13.4.2: one sentence and a number to look for; the rest is in the log."""
    settings = replace(house.app.extensions["tracker_settings"], testing=False)
    with running_app(settings, FixedClock(PRESENT), own=True) as app:
        real = app.view_functions["accounts.login"]

        def broken() -> str:
            raise RuntimeError("SELECT password_hash FROM users")

        for name in vars(real):
            setattr(broken, name, getattr(real, name))
        app.view_functions["accounts.login"] = broken
        for accept in ("text/html", "application/json"):
            answer = app.test_client().get("/dang-nhap", headers={"Accept": accept})
            assert answer.status_code == 500
            assert answer.headers["Content-Security-Policy"] == CSP
            for word in ("SELECT", "Traceback", "RuntimeError", "tracker/", "werkzeug", "python"):
                assert word.lower() not in answer.text.replace("__Host-tracker", "").lower()
            assert answer.headers["X-Request-Id"] in answer.text
            assert answer.headers["X-Request-Id"] in caplog.text
    assert "SELECT password_hash" in caplog.text


def test_log_lines_cannot_be_forged(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """ASVS 16.4.1."""
    client = house.app.test_client()
    caplog.set_level("INFO")
    client.get("/khong%0AERROR forged", headers={"X-Request-Id": "forged"})
    post(client, "/dang-nhap", {"username": "a\nERROR forged", "password": "x"})
    assert not [one for one in caplog.records if "\n" in one.getMessage()]


# -- last, as these send every form as if it were meant --------------------------------------


def test_no_form_leads_away(house: House, walked: Walked) -> None:
    """Redmine #19577, #32850, #37880, Indico CVE-2024-45399, Kanboard '//host' (ASVS 3.7.2)."""
    client = house.client("both")
    token = csrf_token(client)
    led = []
    for endpoint, forms in walked.forms.items():
        for target in AWAY[:4]:
            fields = {**forms[0].fields, "next": target}
            url = urlsplit(forms[0].action).path
            for data in (fields, {"next": target}):
                if endpoint in {"accounts.logout", "accounts.end_sessions"}:
                    continue
                answer = client.post(
                    f"{url}?next={quote(target)}", data=data, headers={"X-CSRFToken": token}
                )
                if not stays(house.app, answer.location):
                    led.append((url, target, answer.location))
    assert not led, show(led)


def test_what_is_typed_comes_back_as_text(house: House, walked: Walked) -> None:
    """Reflected XSS (Flask-Admin CVE-2018-16516): addresses, and forms shown again."""
    client, faults = house.client("both"), []
    typed = quote(harm("typed"))
    for endpoint, pages in walked.pages.items():
        base = urlsplit(pages[0]).path
        names = sorted(map(quote, walked.parameters[endpoint])) or ["q"]
        singly = [f"{name}={typed}" for name in names]
        together = "&".join(singly)
        queries = [f"{typed}={typed}", together]
        if client.get(f"{base}?{together}", buffered=True).status_code != 200:
            # The first that it refused keeps the others from being shown.
            queries += singly
        for query in queries:
            url = f"{base}?{query}"
            answer = client.get(url, buffered=True)
            if answer.mimetype == "text/html":
                faults += [(url, one) for one in injected(Page(url, answer.text))]
    token = csrf_token(client)
    for forms in walked.forms.values():
        for form in forms[:2]:
            fields = dict.fromkeys(form.fields, harm("typed"))
            # Kept, so that the form is not refused as a whole.
            fields |= {key: form.fields[key] for key in ("version", "base_version") & fields.keys()}
            url = form.action.removeprefix("http://localhost")
            answer = client.post(url, data=fields, headers={"X-CSRFToken": token})
            if answer.mimetype == "text/html":
                faults += [(url, one) for one in injected(Page(url, answer.text))]
            if "HX-Trigger" in answer.headers:
                json.loads(answer.headers["HX-Trigger"])
    for path in ("/khong-co/<b>", f"/{typed}", f"/ke-hoach/{typed}", f"/nhap/{typed}"):
        answer = client.get(path)
        assert answer.status_code == 404
        faults += [(path, one) for one in injected(Page(path, answer.text))]
    assert not faults, show(faults)

"""Two people, one plan or row: merged where it can be, shown side by side where it can't."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.factories.accounts import post
from tests.factories.plans import make_plan, make_task
from tests.integration.plans.conftest import Office
from tracker.core.db import db
from tracker.core.deadlines import DeadlineKind
from tracker.plans.models import Plan, Task, TaskLead

ROW = {
    "kind": "task",
    "title": "Rà soát thủ tục",
    "number": "1",
    "deadline_kind": "date",
    "deadline_on": "30/06/2026",
    "recurrence": "",
    "recurrence_weekday": "3",
    "document_kind": "decision",
    "document_id": "",
}


def hidden(page: TestResponse, name: str) -> str:
    found = re.search(rf'name="{name}"[^>]*value="([^"]*)"', page.get_data(as_text=True))
    assert found is not None, name
    return found[1]


def text_of(page: TestResponse) -> str:
    bare = html.unescape(re.sub(r"<[^>]+>", " ", page.get_data(as_text=True)))
    return " ".join(bare.split())


@pytest.fixture
def client(office: Office) -> FlaskClient:
    return office.client("coordinator")


@pytest.fixture
def row(office: Office) -> tuple[str, int]:
    """A row of a draft, and its address."""
    plan = make_plan(office.agency, key="p", issued_on=None)
    task = make_task(
        plan,
        office.north,
        title="Rà soát thủ tục",
        number="1",
        assigned=False,
        valid_from=None,
        is_invented=True,
    )
    return f"/ke-hoach/p/dong/{task}", task


def typed(office: Office, **changed: Any) -> dict[str, Any]:
    return {**ROW, "lead_unit_ids": [str(office.north)], **changed}


def stored(task: int) -> Task:
    db.session.rollback()
    return db.session.get_one(Task, task)


def leads(task: int) -> set[int]:
    db.session.rollback()
    return set(db.session.scalars(select(TaskLead.unit_id).where(TaskLead.task_id == task)))


def test_different_fields_of_a_row_are_merged(
    office: Office, client: FlaskClient, row: tuple[str, int]
) -> None:
    url, task = row
    version = hidden(client.get(url), "version")
    theirs = typed(office, version=version, title="Tên của người kia", product="Báo cáo")
    assert post(client, url, theirs).status_code == 302
    mine = typed(office, version=version, note="Của tôi", deadline_on="30/09/2026")
    assert post(client, url, mine).status_code == 302
    merged = stored(task)
    assert (merged.title, merged.product, merged.note) == (
        "Tên của người kia",
        "Báo cáo",
        "Của tôi",
    )
    assert f"{merged.deadline_on:%d/%m/%Y}" == "30/09/2026"
    # No form asks whether a row was made up, so none takes the mark away.
    newest = typed(office, version=hidden(client.get(url), "version"), note="Lần nữa")
    assert post(client, url, newest).status_code == 302
    assert stored(task).is_invented


def test_the_same_field_is_shown_side_by_side_and_a_choice_settles_it(
    office: Office, client: FlaskClient, row: tuple[str, int]
) -> None:
    url, task = row
    version = hidden(client.get(url), "version")
    post(client, url, typed(office, version=version, title="Tên của người kia"))
    mine = typed(office, version=version, title="Tên của tôi", note="Ghi chú của tôi")
    shown = post(client, url, mine)
    assert shown.status_code == 409
    said = text_of(shown)
    for words in ("Rà soát thủ tục", "Tên của người kia", "Bản của Trần Thị Thường"):
        assert words in said
    page = shown.get_data(as_text=True)
    assert "Tên của tôi</textarea>" in page
    assert "Ghi chú của tôi</textarea>" in page
    assert stored(task).title == "Tên của người kia"
    answer = mine | {name: hidden(shown, name) for name in ("version", "seen_version")}
    assert post(client, url, answer).status_code == 409
    assert post(client, url, answer | {"pick__title": "mine"}).status_code == 302
    assert (stored(task).title, stored(task).note) == ("Tên của tôi", "Ghi chú của tôi")


def test_a_deadline_is_one_thing(office: Office, client: FlaskClient, row: tuple[str, int]) -> None:
    """A kind of one person with the day of another would be nobody's deadline."""
    url, task = row
    version = hidden(client.get(url), "version")
    quarterly = {"deadline_kind": "recurring", "recurrence": "quarterly", "deadline_on": ""}
    assert post(client, url, typed(office, version=version, **quarterly)).status_code == 302
    mine = typed(office, version=version, deadline_on="31/08/2026", number="2")
    shown = post(client, url, mine)
    assert shown.status_code == 409
    said = text_of(shown)
    assert "Lúc bạn mở 30/06/2026" in said
    assert "31/08/2026" in shown.get_data(as_text=True)
    kept = mine | {name: hidden(shown, name) for name in ("version", "seen_version")}
    assert post(client, url, kept | {"pick__deadline": "theirs"}).status_code == 302
    merged = stored(task)
    assert (merged.deadline_kind, merged.number) == (DeadlineKind.RECURRING, "2")
    assert merged.deadline_on is None


def test_units_of_a_row_are_merged_like_its_words(
    office: Office, client: FlaskClient, row: tuple[str, int]
) -> None:
    url, task = row
    version = hidden(client.get(url), "version")
    both = [str(office.north), str(office.south)]
    theirs = typed(office, version=version, lead_unit_ids=both)
    assert post(client, url, theirs).status_code == 302
    # The page of the second still shows the one unit: it did not touch the units.
    mine = typed(office, version=version, lead_text="Hai xã")
    assert post(client, url, mine).status_code == 302
    assert leads(task) == {office.north, office.south}
    assert stored(task).lead_text == "Hai xã"
    clash = typed(office, version=version, lead_text="Hai xã", lead_unit_ids=[str(office.agency)])
    shown = post(client, url, clash)
    assert shown.status_code == 409
    said = text_of(shown)
    assert "Lúc bạn mở UBND xã Hương Lâm" in said
    assert "UBND xã Hương Lâm, UBND xã Triệu Hải" in said
    settled = clash | {name: hidden(shown, name) for name in ("version", "seen_version")}
    assert post(client, url, settled | {"pick__lead_unit_ids": "mine"}).status_code == 302
    assert leads(task) == {office.agency}


def test_a_row_of_an_issued_plan_keeps_the_document_that_was_typed(
    office: Office, client: FlaskClient
) -> None:
    plan = make_plan(office.agency, key="p")
    task = make_task(plan, office.north, title="Rà soát thủ tục", number="1")
    url = f"/ke-hoach/p/dong/{task}"
    version = hidden(client.get(url), "version")
    document = {
        "document_id": "new",
        "document_number": "9/QĐ-UBND",
        "document_issued_on": "01/02/2026",
    }
    theirs = typed(office, version=version, note="của người kia")
    assert post(client, url, theirs).status_code == 302
    newest = typed(office, version=version, note="của tôi", title="Rà soát lại", **document)
    shown = post(client, url, newest)
    assert shown.status_code == 409
    assert 'value="9/QĐ-UBND"' in shown.get_data(as_text=True)


def test_a_conditional_row_of_an_issued_plan_leads_to_its_condition(
    office: Office, client: FlaskClient
) -> None:
    plan = make_plan(office.agency, key="p")
    task = make_task(
        plan,
        office.north,
        due_on=None,
        kind=DeadlineKind.CONDITIONAL,
        trigger_text="có hướng dẫn",
    )
    page = client.get(f"/ke-hoach/p/dong/{task}")
    assert page.status_code == 200
    assert f"/viec/{task}/dieu-kien" in page.get_data(as_text=True)


HEAD = {
    "title": "Kế hoạch",
    "kind": "plan",
    "year_from": "2026",
    "year_to": "",
    "key": "p",
    "number": "",
    "issued_on": "",
    "source_note": "",
}


def test_heads_of_plans_are_merged_or_shown(office: Office, client: FlaskClient) -> None:
    plan = make_plan(office.agency, key="p", title="Kế hoạch", issued_on=None)
    url = "/ke-hoach/p/sua"
    head = HEAD | {"issuer_id": str(office.agency), "version": hidden(client.get(url), "version")}
    assert post(client, url, head | {"title": "Kế hoạch của người kia"}).status_code == 302
    assert post(client, url, head | {"source_note": "của tôi"}).status_code == 302
    shown = post(client, url, head | {"title": "Kế hoạch của tôi"})
    assert shown.status_code == 409
    said = text_of(shown)
    assert "Kế hoạch của người kia" in said
    assert "Bản của bạn" in said
    settled = head | {"title": "Kế hoạch của tôi", "pick__title": "mine"}
    settled |= {name: hidden(shown, name) for name in ("version", "seen_version")}
    assert post(client, url, settled).status_code == 302
    db.session.rollback()
    saved = db.session.get_one(Plan, plan)
    assert (saved.title, saved.source_note) == ("Kế hoạch của tôi", "của tôi")


def test_the_head_of_an_issued_plan_is_merged_without_what_is_printed(
    office: Office, client: FlaskClient
) -> None:
    plan = make_plan(office.agency, key="p", title="Kế hoạch")
    url = "/ke-hoach/p/sua"
    version = hidden(client.get(url), "version")
    assert post(client, url, {"title": "Tên mới", "version": version}).status_code == 302
    mine = {"title": "Kế hoạch", "source_note": "nguồn", "version": version, "number": "giả"}
    assert post(client, url, mine).status_code == 302
    db.session.rollback()
    saved = db.session.get_one(Plan, plan)
    assert (saved.title, saved.source_note) == ("Tên mới", "nguồn")
    assert saved.number != "giả"

"""Random text in the forms of every day: told or taken, and what was typed is on the page again."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.factories.accounts import csrf_token
from tests.integration.security.house import House
from tests.integration.security.test_known_holes import injected
from tests.integration.security.walk import Page
from tracker.core.text import normalise

# All that a browser can send, control characters and unassigned ones with it; no lone surrogates,
# which have no UTF-8, but their replacement.
TYPED = st.one_of(
    st.text(max_size=60),
    st.text(st.characters(codec="utf-8"), max_size=300),
    st.text("0123456789/.-% ,", max_size=12),
    st.sampled_from(
        ["", " ", "\0", "\ufffd", "31/02/2026", "9" * 400, "=1+1", "<b>\"'&", "٣", "-0"]
    ),
)
REASONABLE = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def form_at(client: FlaskClient, url: str, path: str = "") -> dict[str, str]:
    """Return the fields of the form on a page that is sent to `path` (the page itself)."""
    page = Page(url, client.get(url).text)
    return next(
        dict(form.fields)
        for form in page.forms
        if form.method == "post" and urlsplit(form.action).path == (path or url)
    )


def send(
    house: House, client: FlaskClient, url: str, fields: dict[str, str], typed: dict[str, str]
) -> None:
    """Send a form and judge the answer: no failure, and on refusal everything typed is there."""
    before = house.change_head()
    data = {**fields, **typed, "csrf_token": csrf_token(client)}
    answer = client.post(url, data=data)
    assert answer.status_code in {200, 302, 303, 400, 404, 409, 413, 422}
    if answer.status_code >= 400:
        assert house.change_head() == before
    if answer.status_code != 422:
        return
    assert injected(Page(url, answer.text)) == []
    shown = squeeze(unescape(answer.text))
    for name, value in typed.items():
        assert squeeze(value) in shown, name


def squeeze(text: str) -> str:
    """Return text as it survives cleaning: what is invisible, and breaks of lines, set aside."""
    return re.sub(r"\s+", "", normalise(text))


@pytest.fixture(scope="module")
def client(house: House) -> FlaskClient:
    """A person with all rights."""
    return house.client("both")


@REASONABLE
@example(percent="101", note="<b>\0", number="=1", day="31/02/2026")
@given(percent=TYPED, note=TYPED, number=TYPED, day=TYPED)
def test_progress(
    house: House, client: FlaskClient, percent: str, note: str, number: str, day: str
) -> None:
    url = f"/viec/giao/{house.ids['share-late']}/cap-nhat"
    fields = form_at(client, url) | {"reported": "in_progress", "version": "", "key": ""}
    typed = {"percent": percent, "note": note, "evidence_number": number, "done_on": day}
    send(house, client, url, fields, typed)


@REASONABLE
@example(title="", number="9" * 50, deadline="\x0b", day="32/1/2026", offset="-1")
@given(title=TYPED, number=TYPED, deadline=TYPED, day=TYPED, offset=TYPED)
def test_plan_row(
    house: House,
    client: FlaskClient,
    title: str,
    number: str,
    deadline: str,
    day: str,
    offset: str,
) -> None:
    url = f"/ke-hoach/du-thao/dong/{house.ids['task-draft-two']}"
    fields = form_at(client, url)
    typed = {
        "title": title,
        "number": number,
        "deadline_text": deadline,
        "deadline_on": day,
        "trigger_offset": offset,
    }
    send(house, client, url, fields, typed)


@REASONABLE
@example(present="-1", note="\u2028")
@given(present=TYPED, note=TYPED)
def test_headcount_and_answer_of_a_visit(
    house: House, client: FlaskClient, present: str, note: str
) -> None:
    visit = f"/kiem-tra/{house.ids['visit-open']}"
    url = f"{visit}/quan-so"
    fields = form_at(client, visit, url)
    send(house, client, url, fields, {"present": present, "note": note})
    url = f"{visit}/tra-loi/{house.ids['item']}"
    fields = form_at(client, visit, url)
    send(house, client, url, fields, {"answer": "fail", "note": note})
    send(house, client, url, fields, {"answer": present})


@REASONABLE
@example(name="", day="1/1/0001", number="x" * 90)
@given(name=TYPED, day=TYPED, number=TYPED)
def test_unit_operation(
    house: House, client: FlaskClient, name: str, day: str, number: str
) -> None:
    url = "/don-vi/sap-xep/doi-ten"
    fields = form_at(client, url) | {"units": str(house.ids["unit-south"]), "step": "preview"}
    typed = {"new_name": name, "effective_on": day, "decision_number": number}
    send(house, client, url, fields, typed)

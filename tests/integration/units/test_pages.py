"""The pages of units at the door: who sees what, what is refused how, and nothing is lost."""

from __future__ import annotations

import contextvars
import io
import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from html import unescape

import openpyxl
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.factories.accounts import make_user, sign_in
from tests.factories.units import make_unit, make_unit_set, system_context
from tracker.core.context import Actor, Context, acting
from tracker.core.db import db
from tracker.core.rights import Access, Role
from tracker.core.work import run
from tracker.units.hooks import search
from tracker.units.inputs import AddAlias, Operation
from tracker.units.models import Unit, UnitAlias, UnitEvent, UnitEventKind, UnitKind, UnitSet
from tracker.units.operations import apply
from tracker.units.services import add_alias


class Browser:
    """A signed-in person's browser; each request has a context of its own, as on a server."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, *arguments: object, **options: object) -> object:
        return self._open(self.client.get, *arguments, **options)

    def post(self, *arguments: object, **options: object) -> object:
        return self._open(self.client.post, *arguments, **options)

    def _open(self, method: object, *arguments: object, **options: object) -> object:
        response = contextvars.Context().run(method, *arguments, **options)
        # What the request wrote is not in what the test has read before.
        db.session.rollback()
        return response


class Place:
    """A province with two communes, an administrator of all and an officer of the first."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.root = make_unit("Tỉnh Cà Mau", UnitKind.PROVINCE)
        self.first = make_unit("Xã Đất Mũi", parent=self.root, code="32248")
        self.second = make_unit("Xã Viên An", parent=self.root)
        self.office = make_unit("Văn phòng", UnitKind.DIVISION, self.first)
        self.admin = make_user(self.root, Role.ADMINISTRATOR)
        self.local = make_user(self.first, Role.COORDINATOR)
        self.officer = make_user(self.first, Role.OFFICER)
        self.browsers: dict[int, Browser] = {}

    def as_(self, user: int) -> Browser:
        if user not in self.browsers:
            client = self.app.test_client()
            sign_in(client, user)
            self.browsers[user] = Browser(client)
        return self.browsers[user]

    def stranger(self) -> Browser:
        return Browser(self.app.test_client())


@pytest.fixture
def place(app: Flask) -> Iterator[Place]:
    app.config["WTF_CSRF_ENABLED"] = False
    with app.app_context():
        yield Place(app)


def text_of(response: object) -> str:
    return unescape(response.get_data(as_text=True))


def main_of(response: object) -> str:
    """Return the page's own part, without menu and search box."""
    return text_of(response).split("<main", 1)[1]


def reread(model: type, key: int) -> object:
    return db.session.get(model, key, populate_existing=True)


def test_list_is_a_tree_of_what_one_may_see(place: Place) -> None:
    everything = main_of(place.as_(place.admin).get("/don-vi"))
    assert everything.index("Tỉnh Cà Mau") < everything.index("Xã Đất Mũi")
    assert "Xã Viên An" in everything
    local = main_of(place.as_(place.officer).get("/don-vi"))
    assert "Văn phòng" in local
    assert "Xã Viên An" not in local
    assert "Thêm đơn vị" not in local


@pytest.mark.parametrize(
    "query",
    ["dat mui", "ĐẤT MŨI", "Ðất Mũi", unicodedata.normalize("NFD", "đất mũi"), "32248"],
)
def test_list_finds_however_it_is_typed(place: Place, query: str) -> None:
    page = main_of(place.as_(place.admin).get("/don-vi", query_string={"q": query}))
    table = page.split("<table", 1)[1]
    assert "Xã Đất Mũi" in table
    assert "Xã Viên An" not in table


def test_list_shows_the_past_and_the_ended(place: Place) -> None:
    end(place, place.second, place.first)
    client = place.as_(place.admin)
    assert "Xã Viên An" not in table_of(client.get("/don-vi"))
    assert "Xã Viên An" in table_of(client.get("/don-vi?as_of=31/12/2025"))
    assert "Xã Viên An" in table_of(client.get("/don-vi?state=ended"))
    assert "đã kết thúc" in table_of(client.get("/don-vi?q=vien+an"))
    assert "Xã Viên An" not in table_of(client.get("/don-vi?kind=commune"))
    assert "Văn phòng" in table_of(client.get(f"/don-vi?under={place.first}"))


def table_of(response: object) -> str:
    return main_of(response).split("<tbody", 1)[1]


def end(place: Place, old: int, heir: int) -> None:
    with acting(system_context()):
        run(
            apply,
            Operation(
                kind=UnitEventKind.MERGE,
                units=(old,),
                successors=(heir,),
                effective_on=date(2026, 1, 1),
                decision_number="01/NQ-HĐND",
                decision_date=date(2025, 12, 20),
            ),
        )


def test_search_finds_old_names_and_marks_the_ended(place: Place) -> None:
    end(place, place.second, place.first)

    def found(root: int, query: str) -> list[tuple[str, str]]:
        access = Access(user_id=7, roots={"units.view": frozenset([root])})
        person = Context(Actor("Người thử", 7, access), system_context().clock)
        with place.app.test_request_context(), acting(person):
            return [(hit.title, hit.context) for hit in search(query, 20)]

    assert found(place.root, "vien an") == [("Xã Viên An", "đã kết thúc")]
    assert found(place.first, "vien an") == [("Xã Viên An", "đã kết thúc")]
    assert found(place.first, "ca mau") == []


def test_export_has_the_filtered_rows_and_no_formula(place: Place) -> None:
    with acting(system_context()):
        run(add_alias, AddAlias(place.first, '=HYPERLINK("x")'))
    response = place.as_(place.admin).get("/don-vi.xlsx?kind=commune")
    assert response.status_code == 200
    book = openpyxl.load_workbook(io.BytesIO(response.data))
    rows = list(book.active.iter_rows(values_only=True))
    assert [row[1] for row in rows[1:]] == ["Xã Đất Mũi", "Xã Viên An"]
    cell = book.active.cell(2, 6)
    assert (cell.value, cell.data_type) == ('=HYPERLINK("x")', "s")


def test_unit_page_tells_history_and_successors(place: Place) -> None:
    end(place, place.second, place.first)
    client = place.as_(place.admin)
    ended = main_of(client.get(f"/don-vi/{place.second}"))
    assert "Đã kết thúc hoạt động từ ngày 01/01/2026" in ended
    assert "01/NQ-HĐND ngày 20/12/2025" in ended
    assert "Sửa" in ended
    living = main_of(client.get(f"/don-vi/{place.first}"))
    assert "Xã Viên An" in living
    assert "Sáp nhập" in living
    # The officer of the heir reads what it succeeded, and changes neither.
    local = place.as_(place.officer).get(f"/don-vi/{place.second}")
    assert local.status_code == 200
    assert "/sua" not in main_of(local)


def test_what_lies_outside_ones_reach_is_not_there(place: Place) -> None:
    """Objects reached by number (IDOR): CVE-2026-28352, CVE-2026-55066 in other products."""
    alias = add_alias_to(place.second, "Viên An Đông")
    group = make_unit_set("Các xã", (UnitKind.COMMUNE,))
    local = place.as_(place.local)
    outside = place.second
    assert local.get(f"/don-vi/{outside}").status_code == 404
    assert local.get(f"/don-vi/{outside}/sua").status_code == 404
    assert local.post(f"/don-vi/{outside}/sua", data={"short_name": "X"}).status_code == 404
    assert local.post(f"/don-vi/{outside}/ten-khac", data={"alias": "X"}).status_code == 404
    # An alias of another unit, by way of one's own: the check must be on the alias itself.
    for unit in (outside, place.first):
        removal = local.post(f"/don-vi/{unit}/ten-khac/{alias}/xoa")
        assert removal.status_code == 404
    assert reread(UnitAlias, alias) is not None
    new = {"name": "Ấp", "kind": "other", "parent_id": str(outside), "valid_from": "1/1/2026"}
    assert local.post("/don-vi/moi", data=new).status_code == 422
    assert local.post("/don-vi/moi", data={**new, "parent_id": ""}).status_code == 403
    assert local.post(f"/don-vi/nhom/{group}/xoa").status_code == 403
    assert (
        local.post(f"/don-vi/nhom/{group}", data={"name": "Của tôi", "version": "1"}).status_code
        == 403
    )
    assert reread(UnitSet, group).name == "Các xã"


def add_alias_to(unit: int, name: str) -> int:
    with acting(system_context()):
        return run(add_alias, AddAlias(unit, name))


@pytest.mark.parametrize(
    "path", ["/don-vi/moi", "/don-vi/sap-xep", "/don-vi/sap-xep/ket-thuc", "/don-vi/nhom"]
)
def test_managing_is_closed_to_officers_and_strangers(place: Place, path: str) -> None:
    assert place.as_(place.officer).get(path).status_code == 403
    assert place.stranger().get(path).status_code == 302
    assert place.as_(place.admin).get(path).status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/don-vi/0", 404),
        ("/don-vi/99999", 404),
        ("/don-vi/99999999999999999999", 404),
        ("/don-vi/abc", 404),
        ("/don-vi/-1", 404),
        ("/don-vi?page=x", 400),
        ("/don-vi?page=0", 400),
        ("/don-vi?page=99999", 200),
        ("/don-vi?as_of=31/02/2026", 400),
        ("/don-vi?as_of=9999-99-99", 400),
        ("/don-vi?as_of=1900-01-01", 200),
        ("/don-vi?kind=castle", 400),
        ("/don-vi?under=1%20OR%201", 400),
        ("/don-vi?under=99999999999", 400),
        ("/don-vi?state=x", 400),
        ("/don-vi?q=%00%ff%25_'\"", 200),
        ("/don-vi.xlsx?as_of=x", 400),
        ("/don-vi/moi?cha=x", 400),
        ("/don-vi/nhom/99999", 404),
        ("/don-vi/sap-xep/xoa-so", 404),
        ("/don-vi/sap-xep/doi-ten?don-vi=x", 400),
        ("/don-vi/sap-xep/doi-ten?don-vi=99999", 200),
    ],
)
def test_malformed_addresses_get_a_plain_answer(place: Place, path: str, status: int) -> None:
    assert place.as_(place.admin).get(path).status_code == status


def test_create_keeps_what_was_typed_and_then_makes_the_unit(place: Place) -> None:
    client = place.as_(place.admin)
    form = {
        "name": unicodedata.normalize("NFD", "Xã Ðồng Nai <b>"),
        "kind": "commune",
        "parent_id": str(place.root),
        "valid_from": "31/02/2026",
        "code": "32248",
        "short_name": "x" * 121,
    }
    refused = client.post("/don-vi/moi", data=form)
    assert refused.status_code == 422
    page = refused.get_data(as_text=True)
    assert "Xã Đồng Nai &lt;b&gt;" in page
    assert "31/02/2026" in page
    assert client.post("/don-vi/moi", data={**form, "kind": "castle"}).status_code == 422
    assert client.post("/don-vi/moi", data={}).status_code == 422

    form |= {"valid_from": "1/7/2025", "code": "1-2", "short_name": ""}
    made = client.post("/don-vi/moi", data=form)
    assert made.status_code == 303
    unit = db.session.scalar(select(Unit).where(Unit.code == "1-2"))
    assert unit.name == "Xã Đồng Nai <b>"
    assert made.location.endswith(f"/don-vi/{unit.id}")
    assert "<b>" not in client.get(made.location).get_data(as_text=True).split("<main")[1]


def test_edit_saves_and_sees_a_stale_version(place: Place) -> None:
    client = place.as_(place.local)
    url = f"/don-vi/{place.first}/sua"
    version = re.search(r'name="version"[^>]*value="(\d+)"', text_of(client.get(url)))[1]
    form = {"short_name": "Đất Mũi", "code": "32248", "head_title": "Chủ tịch", "version": version}
    assert client.post(url, data=form).status_code == 303
    again = client.post(url, data={**form, "short_name": "Gõ dở"})
    assert again.status_code == 409
    assert "Gõ dở" in text_of(again)
    assert "Đất Mũi" in text_of(again)
    assert client.post(url, data={**form, "version": "x"}).status_code == 400
    assert reread(Unit, place.first).short_name == "Đất Mũi"
    # A field that nobody else touched is merged, and a choice settles the one that both did.
    seen = str(reread(Unit, place.first).version)
    chosen = {"short_name": "Gõ dở", "pick__short_name": "mine", "seen_version": seen}
    assert client.post(url, data={**form, **chosen}).status_code == 303
    merged = client.post(url, data={**form, "version": seen, "head_title": "Bí thư"})
    assert merged.status_code == 303
    kept = reread(Unit, place.first)
    assert (kept.short_name, kept.head_title) == ("Gõ dở", "Bí thư")


def test_alias_is_added_and_taken_away(place: Place) -> None:
    client = place.as_(place.local)
    url = f"/don-vi/{place.first}/ten-khac"
    assert client.post(url, data={"alias": "Mũi Cà Mau"}).status_code == 303
    double = client.post(url, data={"alias": "mũi cà mau"})
    assert double.status_code == 422
    assert "Đơn vị đã có tên gọi này." in text_of(double)
    alias = db.session.scalar(select(UnitAlias.id))
    assert client.post(f"{url}/{alias}/xoa").status_code == 303
    assert reread(UnitAlias, alias) is None


def test_unit_set_is_made_looked_at_changed_and_deleted(place: Place) -> None:
    client = place.as_(place.admin)
    form = {"name": "Các xã", "kinds": ["commune"], "under_unit_id": str(place.root)}
    looked = client.post("/don-vi/nhom/moi", data={**form, "step": "preview"})
    assert looked.status_code == 200
    assert "Xã Viên An" in main_of(looked).split("Hôm nay nhóm này gồm")[1]
    assert client.post("/don-vi/nhom/moi", data=form).status_code == 303
    assert client.post("/don-vi/nhom/moi", data=form).status_code == 422
    assert client.post("/don-vi/nhom/moi", data={**form, "kinds": ["x"]}).status_code == 422
    group = db.session.scalar(select(UnitSet.id))
    assert "Các xã" in main_of(client.get("/don-vi/nhom"))
    page = client.get(f"/don-vi/nhom/{group}")
    assert "Xã Viên An" in main_of(page)
    changed = form | {"kinds": [], "version": "1"}
    assert client.post(f"/don-vi/nhom/{group}", data=changed).status_code == 303
    # From the same page somebody else renames it: both stay. The same field is shown twice.
    renamed = form | {"name": "Mọi đơn vị", "version": "1"}
    assert client.post(f"/don-vi/nhom/{group}", data=renamed).status_code == 303
    stored = reread(UnitSet, group)
    assert (stored.name, stored.kinds) == ("Mọi đơn vị", "")
    other = client.post(f"/don-vi/nhom/{group}", data=form | {"name": "Khác", "version": "1"})
    assert other.status_code == 409
    assert "Mọi đơn vị" in text_of(other)
    assert 'value="Khác"' in text_of(other)
    assert client.post(f"/don-vi/nhom/{group}/xoa").status_code == 303
    assert client.get(f"/don-vi/nhom/{group}").status_code == 404


def wizard(place: Place) -> dict[str, str]:
    return {
        "units-0": str(place.first),
        "units-1": str(place.second),
        "new_units-0-name": unicodedata.normalize("NFD", "Xã Mũi Ðất"),
        "new_units-0-kind": "commune",
        "new_units-0-parent_id": "",
        "effective_on": "01/07/2025",
    }


def hidden_of(response: object) -> dict[str, str]:
    """Return what the page would send again: its hidden and filled fields."""
    page = main_of(response)
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)
    return {name: value for name, value in found if name != "csrf_token"}


def test_wizard_previews_then_carries_out(place: Place) -> None:
    client = place.as_(place.admin)
    assert client.get(f"/don-vi/sap-xep/sap-nhap?don-vi={place.first}").status_code == 200
    shown = client.post("/don-vi/sap-xep/sap-nhap", data={**wizard(place), "step": "preview"})
    assert shown.status_code == 200
    assert "Xã Mũi Đất" in main_of(shown)
    assert reread(Unit, place.first).valid_to is None
    carried = hidden_of(shown)
    assert carried["units-1"] == str(place.second)

    undecided = client.post("/don-vi/sap-xep/sap-nhap", data={**carried, "step": "apply"})
    assert undecided.status_code == 422
    assert "Hãy ghi số quyết định." in text_of(undecided)
    back = client.post(
        "/don-vi/sap-xep/sap-nhap",
        data={**carried, "step": "edit", "decision_number": "1655/NQ", "note": "Gõ dở"},
    )
    assert back.status_code == 200
    assert {"decision_number": "1655/NQ", "note": "Gõ dở"}.items() <= hidden_of(back).items()
    assert "Xã Mũi Đất" in unicodedata.normalize("NFC", main_of(back))

    done = client.post(
        "/don-vi/sap-xep/sap-nhap",
        data={
            **carried,
            "step": "apply",
            "decision_number": "1655/NQ-UBTVQH15",
            "decision_date": "16/06/2025",
        },
    )
    assert done.status_code == 303
    assert reread(Unit, place.first).valid_to == date(2025, 7, 1)
    event = db.session.scalar(select(UnitEvent))
    assert event.decision_number == "1655/NQ-UBTVQH15"
    assert client.get(done.location).status_code == 200


def test_wizard_asks_who_takes_what_when_a_unit_is_split(place: Place) -> None:
    client = place.as_(place.admin)
    group = make_unit_set("Phòng của xã", (UnitKind.DIVISION,), under=place.first)
    form = {
        "units-0": str(place.first),
        "new_units-0-name": "Xã Bắc",
        "new_units-0-kind": "commune",
        "new_units-1-name": "Xã Nam",
        "new_units-1-kind": "commune",
        "effective_on": "1/7/2025",
        "decision_number": "9/NQ",
        "step": "apply",
    }
    url = "/don-vi/sap-xep/chia-tach"
    asked = client.post(url, data=form)
    assert asked.status_code == 422
    assert f'name="child-{place.office}"' in text_of(asked)
    assert f'name="record-unit_sets-{group}"' in text_of(asked)
    for wrong in ("999", "x", "-3", "9" * 5000):
        again = client.post(
            url,
            data={**form, f"child-{place.office}": wrong, f"record-unit_sets-{group}": wrong},
        )
        assert again.status_code == 422
    # One choice fills what is left open, group by group.
    groups = set(re.findall(r'name="record-([^"]+)-\d+"', text_of(asked)))
    chosen = {f"rest-{key}": "-1" for key in groups} | {f"child-{place.office}": "-2"}
    done = client.post(url, data={**form, **chosen})
    assert done.status_code == 303
    south = db.session.scalar(select(Unit.id).where(Unit.name == "Xã Nam"))
    assert reread(Unit, place.office).parent_id == south


def test_wizard_adds_fields_without_a_script(place: Place) -> None:
    client = place.as_(place.admin)
    for step, name in (("unit", "units-2"), ("new", "new_units-1-name"), ("successor", "succ")):
        page = client.post("/don-vi/sap-xep/sap-nhap", data={**wizard(place), "step": step})
        assert page.status_code == 200
        assert f'name="{name}' in text_of(page)


@pytest.mark.parametrize("slug", ["doi-ten", "chuyen", "sap-nhap", "chia-tach", "ket-thuc"])
def test_wizard_refuses_nonsense_with_the_form(place: Place, slug: str) -> None:
    client = place.as_(place.admin)
    url = f"/don-vi/sap-xep/{slug}"
    for data in (
        {},
        {"units-0": "x", "effective_on": "32/13/2025"},
        {"units-0": "99999", "effective_on": "1/7/2025"},
        {"units-0": str(place.root), "effective_on": "1/7/2099"},
        {"units-0": str(place.root), "parent_id": str(place.office), "effective_on": "1/7/2025"},
        {"units-99999999": "1", "new_units-x-name": "y", "effective_on": "1/7/2025"},
        {"step": "castle", "effective_on": "1/7/2025"},
    ):
        assert client.post(url, data=data).status_code == 422, data
    assert db.session.scalars(select(UnitEvent)).all() == []


def test_wizard_reaches_only_what_one_manages(place: Place) -> None:
    local = place.as_(place.local)
    form = {**wizard(place), "decision_number": "1/NQ", "step": "apply"}
    assert local.post("/don-vi/sap-xep/sap-nhap", data=form).status_code == 422
    mine = {
        "units-0": str(place.office),
        "successors-0": str(place.second),
        "effective_on": "1/7/2025",
        "decision_number": "1/NQ",
        "step": "apply",
    }
    assert local.post("/don-vi/sap-xep/ket-thuc", data=mine).status_code == 422
    assert reread(Unit, place.office).valid_to is None

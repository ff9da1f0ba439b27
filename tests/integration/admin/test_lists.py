"""Lists: rows within reach, Vietnamese order, folded search, parameters, spreadsheets, markup."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import pytest
from flask import Flask
from openpyxl import load_workbook

from tests.factories.accounts import make_user
from tests.factories.plans import make_plan, make_task
from tests.factories.units import make_unit
from tests.integration.admin.conftest import Desk, Place, plain_text
from tests.support.statements import statements_sent
from tracker.admin.views import URL
from tracker.core.rights import Role

# The sections that show rows in this place.
READ = {
    "don-vi",
    "nguoi-dung",
    "quyen",
    "linh-vuc",
    "ngay-nghi",
    "ky-bao-cao",
    "ke-hoach",
    "nhiem-vu",
    "phan-cong",
    "nhat-ky",
}
EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'


def test_rows_beyond_the_reach_are_not_listed(local: Desk, place: Place) -> None:
    page = plain_text(local.get(f"{URL}/don-vi/"))
    assert "Đạ Tẻh" in page
    assert "Chợ Gạo" not in page


@pytest.mark.parametrize("action", ["xem", "sua"])
def test_a_row_beyond_the_reach_is_not_found(action: str, local: Desk, place: Place) -> None:
    """Object reached by number (OpenProject CVE-2026-22605, Vikunja CVE-2026-55066)."""
    assert local.get(f"{URL}/don-vi/{action}/?id={place.near}").status_code == 200
    assert local.get(f"{URL}/don-vi/{action}/?id={place.far}").status_code == 404


def test_a_plan_of_another_unit_is_neither_seen_nor_touched(local: Desk, place: Place) -> None:
    plan = make_plan(place.far, title="Kế hoạch của xã khác")
    assert "xã khác" not in plain_text(local.get(f"{URL}/ke-hoach/"))
    assert local.get(f"{URL}/ke-hoach/xem/?id={plan}").status_code == 404
    assert local.post(f"{URL}/ke-hoach/xoa/", {"id": plan, "reason": "x"}).status_code == 404
    picked = {"action": "close", "rowid": [plan]}
    assert local.post(f"{URL}/ke-hoach/hang-loat/", picked).status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "page=-1",
        "page=0",
        "page=x",
        "page=99999999999999999999",
        "sort=999",
        "sort=password_hash",
        "sort=-",
        "kind=spaceship",
        "page=%00",
        "state=%F0%9F%98%80",
    ],
)
def test_parameters_that_mean_nothing_are_told_so(query: str, administrator: Desk) -> None:
    assert administrator.get(f"{URL}/don-vi/?{query}").status_code == 400
    assert administrator.get(f"{URL}/don-vi/xuat/?{query}").status_code in (200, 400)


@pytest.mark.parametrize(
    "query",
    [
        "page=500",
        "page_size=1000000",
        "page_size=-5",
        "page_size=x",
        "flt0=1",
        "flt0_0=x",
        "flt2_9999=%27",
        "desc=1&q=%00%27%22",
        "q=" + "x" * 5000,
        "q=%25%5F%5C",
        "url=//evil.example",
    ],
)
def test_parameters_that_are_odd_are_survived(query: str, administrator: Desk) -> None:
    assert administrator.get(f"{URL}/don-vi/?{query}").status_code == 200


@pytest.mark.parametrize(
    "key", ["", "x", "-1", "0", "1e3", "9" * 19, "9" * 40, "%00", "1%20or%201"]
)
def test_a_key_that_is_none_is_not_found(key: str, administrator: Desk) -> None:
    for slug in ("don-vi", "linh-vuc", "ngay-nghi", "ky-bao-cao", "nhat-ky", "viec-tu-dong"):
        assert administrator.get(f"{URL}/{slug}/xem/?id={key}").status_code == 404, slug


def test_names_are_sorted_as_vietnamese_readers_expect(administrator: Desk, place: Place) -> None:
    for name in ("Xã Ea Kar", "Xã Êa Nuôl", "Xã Dầu Tiếng", "Xã Ân Thi", "Xã An Biên"):
        make_unit(name, parent=place.province)
    page = administrator.get(f"{URL}/don-vi/?kind=commune").text
    order = ["An Biên", "Ân Thi", "Chợ Gạo", "Dầu Tiếng", "Đạ Tẻh", "Ea Kar", "Êa Nuôl"]
    table = page.partition("<tbody>")[2]
    places = [table.index(name) for name in order]
    assert places == sorted(places)
    table = administrator.get(f"{URL}/don-vi/?kind=commune&sort=-name").text.partition("<tbody>")[2]
    places = [table.index(name) for name in order]
    assert places == sorted(places, reverse=True)


@pytest.mark.parametrize("typed", ["da teh", "Đạ Tẻh", "ĐẠ TẺH", "tp01"])
def test_search_finds_without_marks(typed: str, administrator: Desk) -> None:
    page = plain_text(administrator.get(f"{URL}/don-vi/", query_string={"q": typed}))
    assert "Xã Đạ Tẻh" in page
    assert "Xã Chợ Gạo" not in page


def test_a_search_without_a_hit_offers_the_way_back(administrator: Desk) -> None:
    page = plain_text(administrator.get(f"{URL}/don-vi/?q=khongcogi"))
    assert "Không có dòng nào khớp" in page
    assert "Bỏ lọc" in page


def test_filters_stand_as_chips_that_take_themselves_out(administrator: Desk) -> None:
    page = administrator.get(f"{URL}/don-vi/?kind=commune&state=living&sort=-name").text
    assert "Loại: Xã" in page
    assert "Hoạt động: Đang hoạt động" in page
    assert f'href="{URL}/don-vi/?state=living&amp;sort=-name"' in page


def test_pages_keep_to_the_size_asked_for(administrator: Desk, place: Place) -> None:
    for number in range(25):
        make_unit(f"Xã số {number:02}", parent=place.province)
    page = administrator.get(f"{URL}/don-vi/?page_size=20").text
    assert page.partition("<tbody>")[2].count("<tr>") == 20
    assert "1–20 trong 28" in plain_text(administrator.get(f"{URL}/don-vi/?page_size=20"))
    assert "21–28 trong 28" in plain_text(administrator.get(f"{URL}/don-vi/?page_size=20&page=9"))


def test_the_number_of_queries_does_not_grow_with_rows(
    app: Flask, coordinator: Desk, place: Place
) -> None:
    plan = make_plan(place.province)

    def asked(path: str) -> int:
        with statements_sent() as sent:
            assert coordinator.get(path).status_code == 200
        return len(sent)

    make_task(plan, place.near)
    paths = [f"{URL}/nhiem-vu/", f"{URL}/phan-cong/", f"{URL}/ke-hoach/", f"{URL}/don-vi/"]
    few = [asked(path) for path in [*paths, f"{URL}/"]]
    for _ in range(15):
        make_task(plan, place.far)
    many = [asked(path) for path in [*paths, f"{URL}/"]]
    assert many == few
    assert max(many) <= 12


def test_markup_in_a_name_is_text_everywhere(
    administrator: Desk, coordinator: Desk, place: Place
) -> None:
    """Stored XSS in lists, details, headings and questions (Flask-Admin 690, 1002, 1506)."""
    unit = make_unit(EVIL, parent=place.province)
    plan = make_plan(unit, title=EVIL, issued_on=None)
    person = make_user(unit, Role.OFFICER, name=EVIL)
    answers = [
        administrator.get(f"{URL}/don-vi/"),
        administrator.get(f"{URL}/don-vi/xem/?id={unit}"),
        administrator.get(f"{URL}/don-vi/sua/?id={unit}"),
        administrator.get(f"{URL}/nguoi-dung/xem/?id={person}"),
        administrator.get(f"{URL}/quyen/"),
        coordinator.get(f"{URL}/ke-hoach/xem/?id={plan}"),
        coordinator.get(f"{URL}/nhiem-vu/"),
        coordinator.post(f"{URL}/ke-hoach/hang-loat/", {"action": "delete", "rowid": [plan]}),
    ]
    for answer in answers:
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text


def test_markup_in_an_address_is_text(administrator: Desk) -> None:
    """Reflected XSS by a crafted address (CVE-2018-16516)."""
    for name in ("q", "sort", "kind", "page", "url", "page_size", EVIL):
        response = administrator.get(f"{URL}/don-vi/", query_string={name: EVIL})
        assert "<script>alert" not in response.text
        assert "<img src=x" not in response.text


def test_pages_hold_no_script_of_their_own(administrator: Desk, place: Place) -> None:
    for path in ("/", "/don-vi/", f"/don-vi/sua/?id={place.near}", f"/don-vi/xem/?id={place.near}"):
        page = administrator.get(URL + path).text
        assert " onclick=" not in page
        assert " style=" not in page
        assert "jquery" not in page.lower()
        assert "select2" not in page.lower()


def test_the_spreadsheet_holds_the_filtered_rows_and_no_formula(
    administrator: Desk, place: Place
) -> None:
    """Formula injection in exports (Taiga CVE-2024-53555)."""
    evil = make_unit('=HYPERLINK("http://evil.example","x")', parent=place.province)
    assert evil
    response = administrator.get(f"{URL}/don-vi/xuat/?kind=commune&sort=-name")
    assert response.status_code == 200
    assert response.mimetype.endswith("spreadsheetml.sheet")
    sheet = load_workbook(io.BytesIO(response.data)).active
    assert sheet is not None
    rows = list(sheet.iter_rows(values_only=True))
    assert [row[0] for row in rows[2:]] == [
        "Xã Đạ Tẻh",
        "Xã Chợ Gạo",
        '=HYPERLINK("http://evil.example","x")',
    ]
    with zipfile.ZipFile(io.BytesIO(response.data)) as book:
        assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")


def test_the_spreadsheet_holds_no_row_beyond_the_reach(local: Desk) -> None:
    response = local.get(f"{URL}/don-vi/xuat/")
    sheet = load_workbook(io.BytesIO(response.data)).active
    assert sheet is not None
    assert [row[0] for row in sheet.iter_rows(min_row=3, values_only=True)] == ["Xã Đạ Tẻh"]


@pytest.mark.parametrize("role", ["administrator", "coordinator"])
def test_every_section_answers_with_rows_and_their_details(
    role: str, place: Place, desk_of: Callable[[int], Desk]
) -> None:
    plan = make_plan(place.province)
    make_task(plan, place.near)
    desk = desk_of(getattr(place, role))
    landing = desk.get(f"{URL}/").text
    for slug in sorted(READ):
        if f'href="{URL}/{slug}/"' not in landing:
            continue
        page = desk.get(f"{URL}/{slug}/").text
        link = page.partition(f'href="{URL}/{slug}/xem/?id=')[2].partition('"')[0]
        assert link, slug
        assert desk.get(f"{URL}/{slug}/xem/?id={link}").status_code == 200
        assert desk.get(f"{URL}/{slug}/xuat/").status_code == 200

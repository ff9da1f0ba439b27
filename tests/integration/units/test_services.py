"""Making units, putting details right, aliases, sets, and finding them again."""

from __future__ import annotations

import unicodedata
from datetime import date

import pytest
from flask import Flask
from sqlalchemy import select

from tests.factories.units import make_unit, make_unit_set, system_context
from tracker.core.context import Actor, Context, acting
from tracker.core.db import db
from tracker.core.errors import Conflict, NotFound, PermissionDenied, ValidationFailed
from tracker.core.rights import Access
from tracker.core.work import run
from tracker.units import queries, sets
from tracker.units.inputs import (
    AddAlias,
    CreateUnit,
    DeleteUnitSet,
    EditUnit,
    RemoveAlias,
    SaveUnitSet,
)
from tracker.units.models import Unit, UnitAlias, UnitKind, UnitSet
from tracker.units.services import (
    add_alias,
    create_unit,
    delete_unit_set,
    edit_unit,
    remove_alias,
    save_unit_set,
)

DAY = date(2026, 6, 16)


@pytest.fixture
def context(app: Flask):
    with app.app_context():
        yield


def manager(*roots: int) -> Context:
    access = Access(
        user_id=7,
        roots={"units.manage": frozenset(roots), "units.view": frozenset(roots)},
    )
    return Context(Actor("Người thử", 7, access), system_context().clock)


def fields(error: pytest.ExceptionInfo[ValidationFailed]) -> set[str]:
    return {problem.field for problem in error.value.errors}


def test_create_unit_makes_first_version_and_closure(context: None) -> None:
    root = make_unit("Tỉnh Cà Mau", UnitKind.PROVINCE)
    commune = make_unit("Xã Đất Mũi", parent=root, code="32248")

    assert queries.name_as_of(db.session(), commune, DAY) == "Xã Đất Mũi"
    assert queries.subtree_ids(root) == [root, commune]
    nodes = queries.tree_as_of(db.session(), date(2020, 12, 31))
    assert nodes == []
    assert [(n.id, n.level) for n in queries.tree_as_of(db.session(), date(2021, 1, 1))] == [
        (root, 0),
        (commune, 1),
    ]


def test_create_unit_refuses_what_does_not_fit(context: None) -> None:
    root = make_unit("Tỉnh Cà Mau", UnitKind.PROVINCE, code="96")
    with acting(system_context()), pytest.raises(ValidationFailed) as error:
        run(
            create_unit,
            CreateUnit(
                name="x" * 501,
                kind=UnitKind.COMMUNE,
                parent_id=root,
                valid_from=date(2026, 6, 17),
                code="96",
                short_name="x" * 121,
            ),
        )
    assert fields(error) == {"name", "valid_from", "code", "short_name"}

    with acting(system_context()), pytest.raises(ValidationFailed) as error:
        run(
            create_unit,
            CreateUnit(
                name=" .. ", kind=UnitKind.COMMUNE, parent_id=root, valid_from=date(2020, 1, 1)
            ),
        )
    assert fields(error) == {"name", "valid_from"}  # the parent is younger


def test_create_unit_refuses_second_sibling_of_one_name(context: None) -> None:
    root = make_unit("Tỉnh Cà Mau", UnitKind.PROVINCE)
    make_unit("Xã Đất Mũi", parent=root)
    with pytest.raises(ValidationFailed) as error:
        make_unit(unicodedata.normalize("NFD", "XÃ Đất Mũi"), parent=root)
    assert fields(error) == {"name"}


def test_create_unit_asks_for_the_right_over_the_parent(context: None) -> None:
    root = make_unit("Tỉnh Cà Mau", UnitKind.PROVINCE)
    mine = make_unit("Xã A", parent=root)
    theirs = make_unit("Xã B", parent=root)

    def data(parent: int | None) -> CreateUnit:
        return CreateUnit(
            name="Phòng Kinh tế", kind=UnitKind.DIVISION, parent_id=parent, valid_from=DAY
        )

    with acting(manager(mine)):
        assert run(create_unit, data(mine))
        with pytest.raises(PermissionDenied):
            run(create_unit, data(theirs))
        with pytest.raises(PermissionDenied):
            run(create_unit, data(None))
    with acting(manager(root)):
        assert run(create_unit, data(None))


def test_first_root_is_made_by_the_system_only(context: None) -> None:
    with acting(manager()), pytest.raises(PermissionDenied):
        run(
            create_unit,
            CreateUnit(name="Tỉnh", kind=UnitKind.PROVINCE, parent_id=None, valid_from=DAY),
        )


def test_edit_unit_changes_details_and_sees_who_was_faster(context: None) -> None:
    root = make_unit("Tỉnh Cà Mau", UnitKind.PROVINCE)
    other = make_unit("Xã Khác", parent=root, code="A-1")
    unit = make_unit("Xã Đất Mũi", parent=root)
    with acting(manager(root)):
        run(
            edit_unit,
            EditUnit(unit_id=unit, short_name="Đất Mũi", code="a-2", head_title="Chủ tịch UBND xã"),
        )
        saved = db.session.get(Unit, unit)
        assert (saved.short_name, saved.code) == ("Đất Mũi", "a-2")
        stale = EditUnit(unit_id=unit, short_name="", code="", head_title="", version=1)
        with pytest.raises(Conflict):
            run(edit_unit, stale)
        with pytest.raises(ValidationFailed) as error:
            run(edit_unit, EditUnit(unit_id=unit, short_name="", code="a-1", head_title=""))
        assert fields(error) == {"code"}
    with acting(manager(other)), pytest.raises(PermissionDenied):
        run(edit_unit, EditUnit(unit_id=unit, short_name="", code="", head_title=""))
    with acting(manager(root)), pytest.raises(NotFound):
        run(edit_unit, EditUnit(unit_id=99999, short_name="", code="", head_title=""))


def test_alias_is_found_until_removed(context: None) -> None:
    root = make_unit("Tỉnh Lâm Đồng", UnitKind.PROVINCE)
    unit = make_unit("Xã Đạ Tẻh", parent=root)
    with acting(manager(root)):
        alias = run(add_alias, AddAlias(unit, "Thị trấn Ðạ Tẻh"))  # with Eth
        assert db.session.get(UnitAlias, alias).name == "Thị trấn Đạ Tẻh"
        assert [m.id for m in queries.match(db.session(), "thi tran da teh", DAY)] == [unit]
        with pytest.raises(ValidationFailed):
            run(add_alias, AddAlias(unit, "thị trấn đạ tẻh"))
        with pytest.raises(ValidationFailed):
            run(add_alias, AddAlias(unit, " — "))
        with pytest.raises(NotFound):
            run(remove_alias, RemoveAlias(root, alias))
        run(remove_alias, RemoveAlias(unit, alias))
    assert queries.match(db.session(), "thi tran da teh", DAY) == []


def test_match_puts_exact_marks_first_and_knows_codes(context: None) -> None:
    root = make_unit("Tỉnh Cà Mau", UnitKind.PROVINCE)
    sun = make_unit("Xã Dương Hòa", parent=root)
    road = make_unit("Xã Đường Hoà", parent=root, code="GSO-77")

    found = queries.match(db.session(), "đường hòa", DAY)
    assert [m.id for m in found] == [road, sun]
    both = queries.match(db.session(), "duong hoa", DAY)
    assert len(both) == 2
    marked = queries.match(db.session(), unicodedata.normalize("NFD", "xã Dương hoà"), DAY)
    assert marked[0].name == "Xã Dương Hòa"
    assert marked[0].is_whole
    assert marked[0].exactness == 100
    assert queries.match(db.session(), "gso-77", DAY)[0].id == road
    assert queries.match(db.session(), "%_", DAY) == []


def test_choices_are_the_living_units_in_reach_in_order(context: None) -> None:
    root = make_unit("Tỉnh Cà Mau", UnitKind.PROVINCE)
    second = make_unit("Xã Đất Mũi", parent=root)
    first = make_unit("Xã An Xuyên", parent=root)
    below = make_unit("Phòng Kinh tế", UnitKind.DIVISION, parent=second)
    with acting(manager(root)):
        assert [key for key, _label in queries.choices("units.manage")] == [
            root,
            first,
            second,
            below,
        ]
    with acting(manager(second)):
        assert queries.choices() == [
            (second, "Xã Đất Mũi"),
            (below, f"{queries.INDENT}Phòng Kinh tế"),
        ]
    with acting(manager()):
        assert queries.choices() == []
    assert queries.names([first, below, 99999]) == {first: "Xã An Xuyên", below: "Phòng Kinh tế"}


def test_unit_set_resolves_by_kind_and_place(context: None) -> None:
    root = make_unit("Tỉnh Cà Mau", UnitKind.PROVINCE)
    district = make_unit("Huyện Ngọc Hiển", UnitKind.DISTRICT, parent=root)
    inside = make_unit("Xã Đất Mũi", parent=district)
    outside = make_unit("Phường Tân Thành", UnitKind.WARD, parent=root)
    make_unit("Phòng Nội vụ", UnitKind.DIVISION, parent=district)
    everything = make_unit_set("Các xã, phường", (UnitKind.COMMUNE, UnitKind.WARD))
    narrow = make_unit_set("Các xã của huyện", (UnitKind.COMMUNE,), under=district)

    assert set(sets.resolve(db.session(), everything, DAY)) == {inside, outside}
    assert sets.resolve(db.session(), narrow, DAY) == [inside]
    assert sets.resolve(db.session(), narrow, date(2020, 1, 1)) == []
    with pytest.raises(NotFound):
        sets.resolve(db.session(), 99999, DAY)


def test_unit_set_is_saved_by_who_manages_where_it_lies(context: None) -> None:
    root = make_unit("Tỉnh Cà Mau", UnitKind.PROVINCE)
    mine = make_unit("Huyện A", UnitKind.DISTRICT, parent=root)

    def data(under: int | None, **more: object) -> SaveUnitSet:
        return SaveUnitSet(
            name="Các phòng", kinds=(UnitKind.DIVISION,), under_unit_id=under, **more
        )

    with acting(manager(mine)):
        own = run(save_unit_set, data(mine))
        with pytest.raises(PermissionDenied):
            run(save_unit_set, data(None))
        with pytest.raises(PermissionDenied):
            run(save_unit_set, data(root, unit_set_id=own))
        with pytest.raises(Conflict):
            run(save_unit_set, data(mine, unit_set_id=own, version=99))
        with pytest.raises(ValidationFailed) as error:
            run(save_unit_set, data(mine))
        assert fields(error) == {"name"}
    others = make_unit_set("Mọi đơn vị", ())
    with acting(manager(mine)), pytest.raises(PermissionDenied):
        run(delete_unit_set, DeleteUnitSet(others))
    with acting(manager(mine)):
        run(delete_unit_set, DeleteUnitSet(own))
    assert db.session.scalars(select(UnitSet.id)).all() == [others]

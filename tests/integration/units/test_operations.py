"""Rename, move, merge, split and end: what they do, what they refuse, what they hand over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from flask import Flask
from sqlalchemy import select

from tests.factories.units import make_unit, make_unit_set, system_context
from tracker.core import work
from tracker.core.context import Actor, Context, acting
from tracker.core.db import db
from tracker.core.errors import NotFound, PermissionDenied, ValidationFailed
from tracker.core.rights import Access
from tracker.core.work import run
from tracker.plugins.events import UnitsReorganised
from tracker.units import queries
from tracker.units.inputs import NewUnit, Operation
from tracker.units.models import (
    Unit,
    UnitEvent,
    UnitEventKind,
    UnitEventUnit,
    UnitKind,
    UnitSet,
    UnitSuccessor,
    UnitVersion,
)
from tracker.units.operations import Preview, Role, apply, preview

REFORM = date(2025, 7, 1)
BEFORE = date(2025, 6, 30)
TODAY = date(2026, 6, 16)


@pytest.fixture
def session(app: Flask) -> Iterator[object]:
    with app.app_context():
        yield db.session


class Province:
    """Cà Mau with one district of two communes, one of them with an office, and a ward."""

    def __init__(self) -> None:
        self.root = make_unit("Tỉnh Cà Mau", UnitKind.PROVINCE)
        self.district = make_unit("Huyện Ngọc Hiển", UnitKind.DISTRICT, self.root)
        self.first = make_unit("Xã Đất Mũi", parent=self.district)
        self.second = make_unit("Xã Viên An", parent=self.district)
        self.office = make_unit("Văn phòng", UnitKind.DIVISION, self.first)
        self.ward = make_unit("Phường Tân Thành", UnitKind.WARD, self.root)


@pytest.fixture
def province(session: object) -> Province:
    return Province()


def operation(kind: UnitEventKind, *units: int, **more: object) -> Operation:
    values = {"effective_on": REFORM, "decision_number": "1655/NQ-UBTVQH15", **more}
    return Operation(kind=kind, units=units, **values)


def carry_out(what: Operation, context: Context | None = None) -> int:
    with acting(context or system_context()):
        return run(apply, what)


def look_at(what: Operation, context: Context | None = None) -> Preview:
    with acting(context or system_context()):
        return preview(what)


def refused(what: Operation) -> set[str]:
    """Return the fields that preview and apply both complain about."""
    with pytest.raises(ValidationFailed) as shown:
        look_at(what)
    with pytest.raises(ValidationFailed) as applied:
        carry_out(what)
    fields = {error.field for error in shown.value.errors}
    assert fields == {error.field for error in applied.value.errors}
    return fields


def snapshot(day: date) -> list[tuple[int, str, int | None, str]]:
    return [
        (node.id, node.name, node.parent_id, node.kind.value)
        for node in queries.tree_as_of(db.session(), day)
    ]


def test_rename_keeps_the_old_name_for_before_and_for_search(province: Province) -> None:
    before = snapshot(BEFORE)
    carry_out(
        operation(
            UnitEventKind.RENAME,
            province.first,
            new_name="Phường  Đất Mũi ",
            new_kind=UnitKind.WARD,
            new_short_name="Đất Mũi",
        )
    )
    assert snapshot(BEFORE) == before
    assert queries.name_as_of(db.session(), province.first, BEFORE) == "Xã Đất Mũi"
    assert queries.name_as_of(db.session(), province.first, REFORM) == "Phường Đất Mũi"
    unit = db.session.get(Unit, province.first)
    assert (unit.name, unit.kind, unit.short_name) == ("Phường Đất Mũi", UnitKind.WARD, "Đất Mũi")
    found = queries.match(db.session(), "xa dat mui", TODAY)
    assert [(one.id, one.matched) for one in found] == [(province.first, "Xã Đất Mũi")]


def test_two_changes_of_one_day_make_one_version_and_two_entries(province: Province) -> None:
    carry_out(operation(UnitEventKind.RENAME, province.first, new_name="Xã Mũi Cà Mau"))
    carry_out(operation(UnitEventKind.MOVE, province.first, parent_id=province.root))
    versions = db.session.scalars(
        select(UnitVersion)
        .where(UnitVersion.unit_id == province.first)
        .order_by(UnitVersion.valid_from)
    ).all()
    assert [(v.name, v.parent_id) for v in versions] == [
        ("Xã Đất Mũi", province.district),
        ("Xã Mũi Cà Mau", province.root),
    ]
    entries = db.session.execute(
        select(UnitEvent.kind, UnitEventUnit.before, UnitEventUnit.after)
        .join(UnitEvent)
        .where(UnitEventUnit.unit_id == province.first)
        .order_by(UnitEvent.id)
    ).all()
    assert [tuple(one) for one in entries] == [
        (UnitEventKind.RENAME, "Xã Đất Mũi", "Xã Mũi Cà Mau"),
        (UnitEventKind.MOVE, "Huyện Ngọc Hiển", "Tỉnh Cà Mau"),
    ]


def test_move_refuses_circles_and_moves_to_nowhere(province: Province) -> None:
    district, office = province.district, province.office
    assert refused(operation(UnitEventKind.MOVE, district, parent_id=office)) == {"parent_id"}
    assert refused(operation(UnitEventKind.MOVE, district, parent_id=district)) == {"parent_id"}
    assert refused(operation(UnitEventKind.MOVE, district)) == {"parent_id"}
    assert refused(operation(UnitEventKind.MOVE, district, parent_id=province.root)) == {"units"}


def test_move_refuses_a_circle_in_the_days_between(province: Province) -> None:
    # Since 2026 the office hangs elsewhere, so today nothing would be wrong.
    carry_out(
        operation(
            UnitEventKind.MOVE,
            province.office,
            parent_id=province.root,
            effective_on=date(2026, 1, 1),
        )
    )
    back_dated = operation(UnitEventKind.MOVE, province.first, parent_id=province.office)
    assert refused(back_dated) == {"parent_id"}
    carry_out(
        operation(
            UnitEventKind.MOVE,
            province.first,
            parent_id=province.office,
            effective_on=date(2026, 1, 1),
        )
    )


def test_merge_ends_the_old_and_moves_their_children(
    province: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = snapshot(BEFORE)
    told: list[object] = []
    monkeypatch.setattr(work.hooks(), "recorders", [lambda one: told.extend(one.events)])
    what = operation(
        UnitEventKind.MERGE,
        province.first,
        province.second,
        new_units=(NewUnit(name="Xã Đất Mũi", kind=UnitKind.COMMUNE, code="32248"),),
    )
    shown = look_at(what)
    assert {(c.name, c.role) for c in shown.changes} == {
        ("Xã Đất Mũi", Role.ENDS),
        ("Xã Viên An", Role.ENDS),
        ("Xã Đất Mũi", Role.STARTS),
        ("Văn phòng", Role.MOVED),
    }
    assert shown.open_choices == 0
    carry_out(what)

    assert snapshot(BEFORE) == before
    made = db.session.scalar(select(Unit.id).where(Unit.code == "32248"))
    assert (made, "Xã Đất Mũi", province.district, "commune") in snapshot(REFORM)
    assert db.session.get(Unit, province.first).valid_to == REFORM
    assert db.session.get(Unit, province.office).parent_id == made
    pairs = db.session.execute(select(UnitSuccessor.old_unit_id, UnitSuccessor.new_unit_id))
    assert {tuple(pair) for pair in pairs} == {(province.first, made), (province.second, made)}
    assert told == [
        UnitsReorganised("merge", REFORM, ((province.first, (made,)), (province.second, (made,))))
    ]
    # Who reads the new unit reads what it succeeded, but changes only the living.
    reader = reach_of(made, "units.view")
    assert {province.first, province.second, made, province.office} == reader
    assert reach_of(made, "units.manage") == {made, province.office}
    ended = queries.match(db.session(), "xã viên an", TODAY)
    assert [(one.id, one.is_alive) for one in ended] == [(province.second, False)]


def reach_of(root: int, permission: str) -> set[int]:
    access = Access(user_id=7, roots={permission: frozenset([root])})
    with acting(Context(Actor("Người thử", 7, access), system_context().clock)):
        return set(db.session.scalars(select(Unit.id).where(queries.visible(permission))))


def test_split_asks_who_takes_each_child(province: Province) -> None:
    new = (
        NewUnit(name="Xã Đất Mũi Bắc", kind=UnitKind.COMMUNE),
        NewUnit(name="Xã Đất Mũi Nam", kind=UnitKind.COMMUNE, parent_id=province.root),
    )
    group = make_unit_set("Phòng của xã", (UnitKind.DIVISION,), under=province.first)
    what = operation(UnitEventKind.SPLIT, province.first, new_units=new)
    shown = look_at(what)
    assert shown.open_choices == 2
    assert [name for _id, name in shown.children[0].candidates] == [one.name for one in new]
    with pytest.raises(ValidationFailed) as error:
        carry_out(what)
    assert {problem.field for problem in error.value.errors} == {
        f"child-{province.office}",
        f"record-unit_sets-{group}",
    }
    stranger = operation(
        UnitEventKind.SPLIT,
        province.first,
        new_units=new,
        child_choices={province.office: province.ward},
        record_choices={("unit_sets", group): province.ward},
    )
    with pytest.raises(ValidationFailed):
        carry_out(stranger)

    carry_out(
        operation(
            UnitEventKind.SPLIT,
            province.first,
            new_units=new,
            child_choices={province.office: -2},
            record_choices={("unit_sets", group): -1},
        )
    )
    south = db.session.scalar(select(Unit.id).where(Unit.name == "Xã Đất Mũi Nam"))
    north = db.session.scalar(select(Unit.id).where(Unit.name == "Xã Đất Mũi Bắc"))
    assert db.session.get(Unit, province.office).parent_id == south
    assert db.session.get(UnitSet, group).under_unit_id == north
    assert db.session.get(Unit, south).parent_id == province.root
    assert db.session.get(Unit, north).parent_id == province.district


def test_end_moves_children_up_and_open_records_need_an_heir(province: Province) -> None:
    what = operation(UnitEventKind.END, province.district)
    assert {c.name for c in look_at(what).changes if c.role is Role.MOVED} == {
        "Xã Đất Mũi",
        "Xã Viên An",
    }
    make_unit_set("Các xã của huyện", under=province.district)
    with pytest.raises(ValidationFailed) as error:
        carry_out(what)
    assert {problem.field for problem in error.value.errors} == {"successors"}
    carry_out(operation(UnitEventKind.END, province.district, successors=(province.ward,)))
    assert db.session.get(Unit, province.first).parent_id == province.ward


def test_commune_moved_and_merged_on_one_day(province: Province) -> None:
    """On 1/7/2025 the district ended and its communes were merged, on the same day."""
    before = snapshot(BEFORE)
    carry_out(operation(UnitEventKind.END, province.district))
    carry_out(
        operation(
            UnitEventKind.MERGE,
            province.first,
            province.second,
            new_units=(NewUnit(name="Xã Mới", kind=UnitKind.COMMUNE),),
        )
    )
    assert snapshot(BEFORE) == before
    assert [name for _id, name, _parent, _kind in snapshot(REFORM)] == [
        "Tỉnh Cà Mau",
        "Phường Tân Thành",
        "Xã Mới",
        "Văn phòng",
    ]


def test_heir_below_the_ended_unit_comes_up(province: Province) -> None:
    carry_out(operation(UnitEventKind.MERGE, province.district, successors=(province.first,)))
    assert db.session.get(Unit, province.first).parent_id == province.root
    assert db.session.get(Unit, province.second).parent_id == province.first


def test_grandchild_as_heir_would_close_a_circle(province: Province) -> None:
    what = operation(UnitEventKind.MERGE, province.district, successors=(province.office,))
    assert refused(what) == {"successors"}


def test_operations_refuse_what_breaks_time_or_tree(province: Province) -> None:
    merge, split, end = UnitEventKind.MERGE, UnitEventKind.SPLIT, UnitEventKind.END
    first, second = province.first, province.second
    new = (NewUnit(name="Xã Mới", kind=UnitKind.COMMUNE),)
    assert refused(operation(merge, first, second)) == {"successors"}
    assert refused(operation(merge, first, new_units=new)) == {"units"}
    assert refused(operation(merge, first, successors=(first,))) == {"successors"}
    assert refused(operation(split, first, new_units=new)) == {"successors"}
    assert refused(operation(end, province.root)) == {"units"}
    assert refused(operation(end, province.root, successors=(first,))) == {"units"}
    assert refused(operation(end)) == {"units"}
    assert refused(operation(UnitEventKind.CREATE, first)) == {"kind"}
    rename = UnitEventKind.RENAME
    assert refused(operation(rename, first, new_name="Xã Đất Mũi")) == {"new_name"}
    assert refused(operation(rename, first, new_name="Xã Viên An")) == {"new_name"}
    assert refused(operation(rename, first, new_name=" ")) == {"new_name"}
    assert refused(operation(rename, first, second, new_name="Xã Mới")) == {"units"}
    for day in (date(2026, 6, 17), date(2021, 1, 1), date(1900, 1, 1)):
        what = operation(merge, first, second, new_units=new, effective_on=day)
        assert "effective_on" in refused(what)
    bad_new = (NewUnit(name="", kind=UnitKind.COMMUNE, code="x" * 41),)
    assert refused(operation(merge, first, second, new_units=bad_new)) == {
        "new_units-0-name",
        "new_units-0-code",
    }


def test_operations_refuse_the_past_of_what_changed_since(province: Province) -> None:
    carry_out(operation(UnitEventKind.RENAME, province.first, new_name="Xã Mũi"))
    earlier = date(2024, 1, 1)
    assert refused(
        operation(UnitEventKind.RENAME, province.first, new_name="Xã X", effective_on=earlier)
    ) == {"effective_on"}
    # The district still had this child under it on that day, as another version.
    carry_out(operation(UnitEventKind.MOVE, province.second, parent_id=province.root))
    assert refused(operation(UnitEventKind.END, province.district, effective_on=earlier)) == {
        "effective_on"
    }


def test_ended_unit_takes_part_in_nothing(province: Province) -> None:
    carry_out(operation(UnitEventKind.MERGE, province.first, successors=(province.second,)))
    rename = operation(UnitEventKind.RENAME, province.first, new_name="Xã X")
    assert refused(rename) == {"units"}
    again = operation(UnitEventKind.MERGE, province.second, successors=(province.first,))
    assert refused(again) == {"successors"}
    move = operation(UnitEventKind.MOVE, province.ward, parent_id=province.first)
    assert refused(move) == {"parent_id"}


def test_apply_wants_the_decision_preview_does_not(province: Province) -> None:
    what = operation(UnitEventKind.END, province.ward, decision_number=" ")
    assert look_at(what).changes
    with pytest.raises(ValidationFailed) as error:
        carry_out(what)
    assert {problem.field for problem in error.value.errors} == {"decision_number"}
    assert db.session.get(Unit, province.ward).valid_to is None


def test_warnings_say_what_to_look_at_again(province: Province) -> None:
    what = operation(UnitEventKind.END, province.district, decision_date=date(2025, 12, 1))
    assert len(look_at(what).warnings) == 4


def test_roots_may_merge_into_a_new_root(session: object) -> None:
    first = make_unit("Tỉnh Lâm Đồng", UnitKind.PROVINCE)
    second = make_unit("Tỉnh Đắk Nông", UnitKind.PROVINCE)
    child = make_unit("Xã Đạ Tẻh", parent=first)
    carry_out(
        operation(
            UnitEventKind.MERGE,
            first,
            second,
            new_units=(NewUnit(name="Tỉnh Lâm Đồng", kind=UnitKind.PROVINCE),),
        )
    )
    made = db.session.scalar(
        select(Unit.id).where(Unit.valid_to.is_(None), Unit.parent_id.is_(None))
    )
    assert db.session.get(Unit, child).parent_id == made


def test_operation_needs_the_right_over_every_unit_it_touches(province: Province) -> None:
    def as_manager(manages: int, sees: int) -> Context:
        access = Access(
            user_id=7,
            roots={"units.manage": frozenset([manages]), "units.view": frozenset([sees])},
        )
        return Context(Actor("Người thử", 7, access), system_context().clock)

    inside = as_manager(province.district, province.root)
    merge = UnitEventKind.MERGE
    move = UnitEventKind.MOVE
    with pytest.raises(PermissionDenied):
        carry_out(operation(merge, province.first, successors=(province.ward,)), inside)
    with pytest.raises(PermissionDenied):
        carry_out(operation(merge, province.ward, successors=(province.first,)), inside)
    with pytest.raises(PermissionDenied):
        carry_out(operation(move, province.first, parent_id=province.root), inside)
    new = (NewUnit(name="Xã Mới", kind=UnitKind.COMMUNE, parent_id=province.root),)
    with pytest.raises(PermissionDenied):
        carry_out(operation(merge, province.first, province.second, new_units=new), inside)
    blind = as_manager(province.district, province.district)
    with pytest.raises(NotFound):
        look_at(operation(merge, province.first, successors=(province.ward,)), blind)
    with pytest.raises(NotFound):
        look_at(operation(merge, province.first, successors=(99999,)), blind)
    carry_out(operation(merge, province.first, successors=(province.second,)), inside)

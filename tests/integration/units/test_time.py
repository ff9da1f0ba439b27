"""Properties of units in time, under random sequences of operations."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests.factories.units import make_unit, system_context
from tracker.core.context import acting
from tracker.core.db import db
from tracker.core.errors import ValidationFailed
from tracker.core.work import run
from tracker.units import queries
from tracker.units.inputs import NewUnit, Operation
from tracker.units.models import (
    Unit,
    UnitClosure,
    UnitEventKind,
    UnitKind,
    UnitSuccessor,
    UnitVersion,
)
from tracker.units.operations import OPERATIONS, apply, preview

START = date(2021, 1, 1)
DAYS = [START + timedelta(days=days) for days in (0, 1, 100, 101, 200, 300, 301, 400)]
LOOKS = sorted({day + timedelta(days=shift) for day in DAYS for shift in (-1, 0, 1)})


@pytest.fixture
def inside(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


Draw = tuple[UnitEventKind, int, list[int], list[int], int, int]
DRAWS = st.lists(
    st.tuples(
        st.sampled_from(OPERATIONS),
        st.integers(0, len(DAYS) - 1),
        st.lists(st.integers(0, 11), min_size=1, max_size=2),
        st.lists(st.integers(0, 11), max_size=2),
        st.integers(0, 2),
        st.integers(0, 11),
    ),
    min_size=4,
    max_size=10,
)


def build(root: int, draw: Draw, number: int) -> Operation:
    kind, day, picks, heirs, new_count, parent = draw
    # Units of earlier examples stay in the database; this one's came after its root.
    every = db.session.scalars(select(Unit.id).where(Unit.id > root).order_by(Unit.id)).all()

    def at(index: int) -> int:
        return every[index % len(every)]

    one_only = kind in (UnitEventKind.RENAME, UnitEventKind.SPLIT)
    units = tuple(dict.fromkeys(map(at, picks[:1] if one_only else picks)))
    successors = tuple(dict.fromkeys(map(at, heirs)))
    new = tuple(
        NewUnit(name=f"Đơn vị mới {number}.{one}", kind=UnitKind.COMMUNE)
        for one in range(2 if kind is UnitEventKind.SPLIT else new_count)
    )
    if kind in (UnitEventKind.RENAME, UnitEventKind.MOVE, UnitEventKind.END):
        new = ()
    what = Operation(
        kind=kind,
        units=units,
        effective_on=DAYS[day],
        decision_number=f"{number}/NQ",
        new_name=f"Tên thứ {number}" if kind is UnitEventKind.RENAME else "",
        parent_id=(at(parent) if parent else root) if kind is UnitEventKind.MOVE else None,
        successors=successors if kind in (UnitEventKind.MERGE, UnitEventKind.SPLIT) else (),
        new_units=new,
    )
    with acting(system_context()):
        waiting = preview(what).children
    first = {one.record_id: one.candidates[0][0] for one in waiting}
    return Operation(**{**what.__dict__, "child_choices": first})


def seen_on(day: date) -> list[queries.UnitNode]:
    # `ended_on` is of today by design: what a page of the past marks as ended since.
    return [
        queries.UnitNode(**{**node.__dict__, "ended_on": None})
        for node in queries.tree_as_of(db.session(), day)
    ]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draws=DRAWS)
def test_time_and_tree_hold_after_any_operations(inside: None, draws: list[Draw]) -> None:
    root = make_unit("", UnitKind.PROVINCE, valid_from=START)
    middle = make_unit("", UnitKind.DISTRICT, root, valid_from=START)
    for _number in range(3):
        make_unit("", UnitKind.COMMUNE, middle, valid_from=START)
    # Mostly in order of time, as decisions come; the last two try their luck with the past.
    ordered = [*sorted(draws[:-2], key=lambda draw: draw[1]), *draws[-2:]]
    for number, draw in enumerate(ordered):
        try:
            what = build(root, draw, number)
        except ValidationFailed:
            continue
        before = {day: seen_on(day) for day in LOOKS if day < what.effective_on}
        with acting(system_context()):
            run(apply, what)
        assert {day: seen_on(day) for day in before} == before
    check_versions()
    check_closure()


def check_versions() -> None:
    """On any day each living unit has one version and its parent lives; others have none."""
    units = db.session.execute(select(Unit.id, Unit.valid_from, Unit.valid_to)).all()
    versions = db.session.execute(
        select(
            UnitVersion.unit_id, UnitVersion.valid_from, UnitVersion.valid_to, UnitVersion.parent_id
        )
    ).all()
    for day in LOOKS:
        living = {
            unit.id for unit in units if unit.valid_from <= day and not (unit.valid_to or day) < day
        } - {unit.id for unit in units if unit.valid_to == day}
        covering = [one for one in versions if one.valid_from <= day < one.valid_to]
        assert sorted(one.unit_id for one in covering) == sorted(living)
        assert {one.parent_id for one in covering} <= living | {None}


def check_closure() -> None:
    """The closure is what a naive walk over parents gives; succession only adds."""
    parents = {row.id: row.parent_id for row in db.session.execute(select(Unit.id, Unit.parent_id))}
    naive = set()
    for unit in parents:
        above: int | None = unit
        while above is not None:
            naive.add((above, unit))
            above = parents[above]
    stored = db.session.execute(
        select(UnitClosure.ancestor_id, UnitClosure.descendant_id, UnitClosure.by_succession)
    ).all()
    assert {(a, d) for a, d, by_succession in stored if not by_succession} == naive
    succeeded = {(a, d) for a, d, by_succession in stored if by_succession}
    for old, new in db.session.execute(
        select(UnitSuccessor.old_unit_id, UnitSuccessor.new_unit_id)
    ):
        for ancestor, descendant in naive:
            if descendant == new:
                assert (ancestor, old) in naive | succeeded

"""`rights.may` and `rights.visible` give the same answer for random trees, grants and leaves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests.support.apps import PRESENT, make_settings, running_app
from tracker.accounts.access import build_access, held_grants, permissions_by_role
from tracker.accounts.models import Deputy, Grant, User
from tracker.core.clock import FixedClock
from tracker.core.context import SYSTEM_ACTOR, Context, acting
from tracker.core.db import db
from tracker.core.rights import Role, rights
from tracker.core.work import Work, run
from tracker.plugins.host import current_registry
from tracker.testing.databases import Databases
from tracker.units.models import Unit, UnitKind, UnitSuccessor
from tracker.units.tree import rebuild_closure

TODAY = PRESENT.date()
UNITS = 7
PEOPLE = 4
DAYS = (date(2026, 1, 1), date(2026, 6, 15), date(2026, 6, 16), date(2026, 6, 17), None)

spans = st.tuples(st.sampled_from(DAYS[:-1]), st.sampled_from(DAYS)).filter(
    lambda span: span[1] is None or span[1] >= span[0]
)


def identity(wanted: tuple[int, Role, int, tuple[date, date | None]]) -> tuple[object, ...]:
    """Return what the database keeps unique of a grant."""
    person, role, unit, (start, _end) = wanted
    return person, role, unit, start


worlds = st.fixed_dictionaries(
    {
        # The parent of each unit is one before it, or none.
        "parents": st.tuples(*(st.integers(-1, number - 1) for number in range(UNITS))),
        "homes": st.lists(st.integers(0, UNITS - 1), min_size=PEOPLE, max_size=PEOPLE),
        "grants": st.lists(
            st.tuples(
                st.integers(0, PEOPLE - 1),
                st.sampled_from(list(Role)),
                st.integers(0, UNITS - 1),
                spans,
            ),
            max_size=8,
            unique_by=identity,
        ),
        "leaves": st.lists(
            st.tuples(st.integers(0, PEOPLE - 1), st.integers(0, PEOPLE - 1), spans).filter(
                lambda leave: leave[0] != leave[1] and leave[2][1] is not None
            ),
            max_size=3,
        ),
    }
)


@pytest.fixture
def app_on_sqlite(databases: Databases, tmp_path: Path) -> Iterator[Flask]:
    """One app for all examples; the twins are the same SQL on both databases."""
    with databases.fresh("sqlite", tmp_path) as url:
        (tmp_path / "instance").mkdir()
        with running_app(make_settings(url, tmp_path / "instance"), FixedClock(PRESENT)) as app:
            yield app


def build(work: Work, world: dict) -> None:
    session = work.session
    for model in (Deputy, Grant, User, UnitSuccessor, Unit):
        for record in session.scalars(select(model).order_by(model.id.desc())):
            session.delete(record)
            session.flush()
    for number, parent in enumerate(world["parents"], start=1):
        session.add(
            Unit(
                id=number,
                kind=UnitKind.OTHER,
                name=f"Đơn vị {number}",
                parent_id=parent + 1 if parent >= 0 else None,
                valid_from=DAYS[0],
            )
        )
        session.flush()
    for number, home in enumerate(world["homes"], start=1):
        session.add(User(id=number, username=f"n{number}", name=f"N {number}", unit_id=home + 1))
    session.flush()
    for person, role, unit, (start, end) in world["grants"]:
        session.add(
            Grant(user_id=person + 1, role=role, unit_id=unit + 1, valid_from=start, valid_to=end)
        )
    for person, deputy, (start, end) in world["leaves"]:
        session.add(
            Deputy(user_id=person + 1, deputy_id=deputy + 1, valid_from=start, valid_to=end)
        )
    rebuild_closure(session)


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(world=worlds)
def test_may_and_visible_agree(app_on_sqlite: Flask, world: dict) -> None:
    with app_on_sqlite.app_context():
        with acting(Context(SYSTEM_ACTOR, FixedClock(PRESENT))):
            run(build, world)
        session = db.session()
        by_role = permissions_by_role(current_registry().permissions.values())
        for person in range(1, PEOPLE + 1):
            held = held_grants(session, person, TODAY)
            expected = expected_grants(world, person - 1)
            assert {(one.role, one.unit_id) for one in held} == expected
            access = build_access(person, held, by_role)
            for permission in ("users.manage", "units.view", "units.manage"):
                for model in (User, Grant, Deputy, Unit):
                    visible = set(
                        session.scalars(
                            select(model.id).where(rights.visible(access, permission, model))
                        )
                    )
                    records = session.scalars(select(model)).all()
                    allowed = {
                        record.id
                        for record in records
                        if rights.may(session, access, permission, record)
                    }
                    assert visible == allowed, (person, permission, model.__name__)
        session.rollback()


def expected_grants(world: dict, person: int) -> set[tuple[Role, int]]:
    """Say plainly what a person holds today: own grants and those of whom one deputises for."""

    def today(span: tuple[date, date | None]) -> bool:
        return span[0] <= TODAY and (span[1] is None or span[1] >= TODAY)

    owners = {person} | {
        owner for owner, deputy, span in world["leaves"] if deputy == person and today(span)
    }
    return {
        (role, unit + 1)
        for owner, role, unit, span in world["grants"]
        if owner in owners and today(span)
    }


def test_people_outside_every_unit_are_reached_by_nobody(app_on_sqlite: Flask) -> None:
    def lonely(work: Work, _data: None) -> None:
        work.session.add(User(username="mot.minh", name="Một Mình"))

    with app_on_sqlite.app_context():
        with acting(Context(SYSTEM_ACTOR, FixedClock(PRESENT))):
            run(lonely, None)
        from tracker.core.rights import Access

        access = Access(1, {"users.manage": frozenset({1, 2, 3})})
        session = db.session()
        assert (
            session.scalars(
                select(User.id).where(rights.visible(access, "users.manage", User))
            ).all()
            == []
        )
        found = session.scalars(select(User)).one()
        assert not rights.may(session, access, "users.manage", found)

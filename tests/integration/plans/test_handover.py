"""Open assignments change hands with their units; closed ones stay, and history tells of it."""

from __future__ import annotations

from datetime import date

import pytest

from tests.factories.plans import assignment_of, make_plan, make_task, report
from tests.integration.plans.conftest import Office
from tracker.core.context import SYSTEM_ACTOR, Context, acting
from tracker.core.db import db
from tracker.core.errors import ValidationFailed
from tracker.core.work import run
from tracker.plans import figures, handover
from tracker.plans.models import Assignment
from tracker.plugins.descriptors import Handover
from tracker.web.contracts import contracts_of

DAY = date(2026, 6, 1)


def hand_over(office: Office, successors: dict[int, list[int]], **more: object) -> int:
    given = Handover("merge", DAY, "12/NQ-HĐND", successors, **more)  # type: ignore[arg-type]
    with acting(Context(SYSTEM_ACTOR, contracts_of(office.app).clock)):
        return run(handover.apply, given)


def test_open_work_moves_and_done_work_stays(office: Office) -> None:
    plan = make_plan(office.agency)
    still_open, done = make_task(plan, office.north), make_task(plan, office.north)
    report(done, done_on=date(2026, 3, 1))
    assert hand_over(office, {office.north: [office.south]}) == 1
    moved = db.session.get_one(Assignment, assignment_of(still_open))
    assert (moved.unit_id, moved.handed_over_from_id) == (office.south, office.north)
    assert db.session.get_one(Assignment, assignment_of(done)).unit_id == office.north
    before = figures.matrix(db.session, date(2026, 5, 31))
    after = figures.matrix(db.session, DAY)
    assert before[office.north, None].total == 2
    assert after[office.south, None].total == 1


def test_handed_on_twice_keeps_who_led_when(office: Office) -> None:
    plan = make_plan(office.agency)
    task = make_task(plan, office.north)
    hand_over(office, {office.north: [office.south]})
    hand_over(office, {office.south: [office.agency]})
    assert list(figures.matrix(db.session, date(2026, 5, 31))) == [(office.north, None)]
    assert list(figures.matrix(db.session, DAY)) == [(office.agency, None)]
    assert db.session.get_one(Assignment, assignment_of(task)).unit_id == office.agency


def test_same_open_share_becomes_one(office: Office) -> None:
    plan = make_plan(office.agency)
    task = make_task(plan, office.north, office.south)
    hand_over(office, {office.north: [office.south]})
    gone = db.session.get_one(Assignment, assignment_of(task, office.north))
    assert gone.withdrawn_on == DAY
    assert figures.matrix(db.session, DAY)[office.south, None].total == 1


def test_open_share_beside_a_done_one_stays_open(office: Office) -> None:
    plan = make_plan(office.agency)
    task = make_task(plan, office.north, office.south)
    report(task, unit=office.south, done_on=date(2026, 3, 1))
    key = assignment_of(task, office.north)
    hand_over(office, {office.north: [office.south]})
    moved = db.session.get_one(Assignment, key)
    assert (moved.unit_id, moved.occurrence) == (office.south, 1)


def test_several_successors_need_a_choice(office: Office) -> None:
    plan = make_plan(office.agency)
    key = assignment_of(make_task(plan, office.agency))
    successors = {office.agency: [office.north, office.south]}
    with pytest.raises(ValidationFailed):
        hand_over(office, successors)
    preview = handover.preview(Handover("split", DAY, "", successors))
    assert [(item.record_id, item.to_unit_id) for item in preview] == [(key, None)]
    assert hand_over(office, successors, choices={(handover.KEY, key): office.north}) == 1
    assert db.session.get_one(Assignment, key).unit_id == office.north

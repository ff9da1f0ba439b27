"""Registers that know how tasks stand: asked by a job, each fact kept once, with its source."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from uuid import uuid4

import pytest
from sqlalchemy import select

from tests.factories.plans import assignment_of, make_plan, make_task, withdraw
from tests.factories.units import make_unit
from tracker.core.db import db
from tracker.plans.models import Assignment, Evidence, ProgressEntry
from tracker.plugins.descriptors import ProgressSource, SourcedProgress
from tracker.plugins.host import current_registry
from tracker.testing.world import World

pytestmark = pytest.mark.usefixtures("system")


@pytest.fixture
def world(app, clock) -> World:
    return World(app, clock)


def ask(world: World, *facts: SourcedProgress) -> str:
    registry = current_registry()
    source = ProgressSource(key="camera.tasks", label="Sổ camera", read=lambda today: facts)
    vars(registry).update(vars(replace(registry, progress_sources=(source,))))
    return world.run_job("plans.sources")


def share() -> tuple[int, Assignment]:
    unit = make_unit()
    task = make_task(make_plan(unit), unit)
    return task, db.session.get_one(Assignment, assignment_of(task))


def test_fact_is_kept_once_with_source_and_evidence(world: World):
    _task, assignment = share()
    fact = SourcedProgress(
        assignment=assignment.public_id,
        key="2026-06",
        reported="done",
        percent=100,
        done_on=date(2026, 6, 10),
        evidence_number="12/BC-UBND",
        evidence_on=date(2026, 6, 10),
    )
    assert ask(world, fact) == "1 báo cáo mới, 0 bị từ chối"
    assert ask(world, fact) == "0 báo cáo mới, 0 bị từ chối"
    entry = db.session.scalars(select(ProgressEntry)).one()
    assert (entry.source, entry.done_on) == ("camera.tasks", date(2026, 6, 10))
    assert db.session.scalars(select(Evidence.number)).one() == "12/BC-UBND"


def test_refused_fact_does_not_stop_the_others(world: World):
    gone, withdrawn = share()
    withdraw(gone, date(2026, 6, 1))
    _task, good = share()
    facts = [
        SourcedProgress(assignment=uuid4(), key="a", reported="done", percent=100),
        SourcedProgress(assignment=withdrawn.public_id, key="b", reported="done", percent=100),
        SourcedProgress(assignment=good.public_id, key="c", reported="finished", percent=100),
        SourcedProgress(assignment=good.public_id, key="d", reported="in_progress", percent=40),
    ]
    assert ask(world, *facts) == "1 báo cáo mới, 3 bị từ chối"
    db.session.rollback()
    assert db.session.scalars(select(ProgressEntry.percent)).all() == [40]

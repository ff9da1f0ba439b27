"""The demo's notices: loading them again writes nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tests.factories.accounts import make_user
from tests.factories.plans import make_plan, make_task
from tests.factories.units import make_unit
from tracker.core.changes import ChangeSet
from tracker.core.clock import SystemClock
from tracker.core.db import db
from tracker.core.rights import Role
from tracker.notices.escalation_models import EscalationStep
from tracker.notices.models import Notice
from tracker.ops.demo import told

pytestmark = pytest.mark.usefixtures("system")


def counts() -> list[int]:
    db.session.rollback()
    return [
        db.session.scalar(select(func.count()).select_from(model)) or 0
        for model in (ChangeSet, Notice, EscalationStep)
    ]


def test_demo_tells_its_people_once() -> None:
    unit = make_unit("Sở Nội vụ", "department")
    make_user(unit, Role.HEAD)
    plan = make_plan(unit)
    today = SystemClock().today()
    for days in range(-6, 8):
        make_task(plan, unit, due_on=today + timedelta(days=days))
    told.load(today)
    first = counts()
    assert first[1] > 0
    told.load(today)
    assert counts() == first

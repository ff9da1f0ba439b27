"""Visits and days of remedy for calendars outside the app."""

from __future__ import annotations

from collections.abc import Iterator

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, select

from tracker.core.context import current
from tracker.core.db import db
from tracker.core.rights import rights
from tracker.inspections.models import (
    Finding,
    FindingState,
    Visit,
    VisitMember,
    VisitState,
)
from tracker.inspections.permissions import REMEDY, VIEW
from tracker.plugins.descriptors import CalendarEntry, CalendarQuery
from tracker.units import tree
from tracker.units.models import Unit

MOST = 1000


def visits(query: CalendarQuery) -> Iterator[CalendarEntry]:
    """Yield the visits to come: those of one's team, or announced ones of a unit."""
    reach: ColumnElement[bool]
    if query.unit_id is None:
        mine = select(VisitMember.visit_id).where(VisitMember.user_id == current().actor.user_id)
        reach = Visit.id.in_(mine)
    else:
        # A calendar is read by many in a unit: a visit that is not announced stays out of it.
        reach = Visit.unit_id.in_(tree.units_within([query.unit_id], reading=True))
        reach &= Visit.is_announced.is_(True)
    rows = db.session.execute(
        select(Visit.id, Visit.public_id, Visit.visited_on, Visit.team_name, Unit.name)
        .join(Unit, Unit.id == Visit.unit_id)
        .where(
            reach,
            rights.visible(current().actor.access, VIEW, Visit),
            Visit.state.in_([VisitState.PLANNED, VisitState.IN_PROGRESS]),
            Visit.visited_on.between(query.start, query.end),
        )
        .order_by(Visit.visited_on, Visit.id)
        .limit(MOST)
    )
    for row in rows:
        yield CalendarEntry(
            uid=f"visit-{row.public_id}",
            title=_("Kiểm tra: %(unit)s", unit=row.name),
            day=row.visited_on,
            text=row.team_name,
            page=("inspections.show_visit", {"visit_id": row.id}),
            alarm_days=1,
            category=_("Kiểm tra"),
        )


def remedies(query: CalendarQuery) -> Iterator[CalendarEntry]:
    """Yield the days by which findings have to be put right."""
    access = current().actor.access
    reach: ColumnElement[bool]
    if query.unit_id is None:
        roots = access.scope(REMEDY)
        if not roots:
            return
        reach = Finding.unit_id.in_(tree.units_within(sorted(roots), reading=False))
    else:
        reach = Finding.unit_id.in_(tree.units_within([query.unit_id], reading=True))
    rows = db.session.execute(
        select(Finding.id, Finding.public_id, Finding.remedy_due_on, Finding.text, Unit.name)
        .join(Unit, Unit.id == Finding.unit_id)
        .where(
            reach,
            rights.visible(access, VIEW, Finding),
            Finding.state == FindingState.OPEN,
            Finding.remedy_due_on.between(query.start, query.end),
        )
        .order_by(Finding.remedy_due_on, Finding.id)
        .limit(MOST)
    )
    for row in rows:
        yield CalendarEntry(
            uid=f"finding-{row.public_id}",
            title=_("Hạn khắc phục: %(text)s", text=row.text),
            day=row.remedy_due_on,
            text=row.name,
            page=("inspections.show_finding", {"finding_id": row.id}),
            alarm_days=1,
            category=_("Kiểm tra"),
        )

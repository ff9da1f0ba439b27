"""Reading how cameras stand and stood, within one's rights."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from tracker.api.clock import LOCAL, today
from tracker.api.queries import session, unit_closure, units, visible
from tracker.api.text import fold
from tracker_camera_monitoring.models import (
    PLACED,
    Camera,
    CameraState,
    DayRow,
    Desk,
    Incident,
    StandingRow,
    StretchRow,
)
from tracker_camera_monitoring.outages import Stretch
from tracker_camera_monitoring.permissions import VIEW
from tracker_camera_monitoring.probing import Health, Reason, Target, health_of
from tracker_camera_monitoring.rollups import DayFigures

BATCH = 500
# A camera that was asked a moment before its time is not asked a whole round later.
EARLY = timedelta(seconds=60)


def receives_people(day: date) -> ColumnElement[bool]:
    """Return the condition of desks that are not closed on a day."""
    return Desk.closed_on.is_(None) | (Desk.closed_on > day)


def reasons_of(health: Health) -> list[Reason]:
    """Return the reasons that mean one health."""
    return [one for one in Reason if health_of(one) is health]


# ---------------------------------------------------------------------------------------------
# For the jobs


def due_targets(now: datetime) -> list[Target]:
    """Return the cameras that are to be asked now, wherever they are."""
    rows = session().execute(
        select(Camera, StandingRow.checked_at)
        .join(Desk, Desk.id == Camera.desk_id)
        .outerjoin(StandingRow, StandingRow.camera_id == Camera.id)
        .where(
            Camera.probe_kind.is_not(None),
            Camera.state == CameraState.IN_USE,
            receives_people(now.astimezone(LOCAL).date()),
        )
        .order_by(Camera.id)
    )
    found = []
    for camera, checked_at in rows:
        minutes = timedelta(minutes=camera.probe_minutes)
        if checked_at is None or checked_at + minutes - EARLY <= now:
            address = camera.address
            if address is not None:
                found.append(Target(camera.id, address))
    return found


def target_of(camera_id: int) -> Target | None:
    """Return a camera as it is asked; None for one that is not asked."""
    camera = session().scalar(
        select(Camera).where(Camera.id == camera_id, Camera.state == CameraState.IN_USE)
    )
    address = camera.address if camera is not None else None
    return None if address is None else Target(camera_id, address)


def days_to_roll_up(today: date, most: int) -> list[date]:
    """Return the days before `today` that are not rolled up yet, oldest first, and yesterday."""
    newest = session().scalar(select(func.max(DayRow.day)))
    first = session().scalar(select(func.min(StretchRow.began_at)))
    if first is None:
        return []
    yesterday = today - timedelta(days=1)
    start = max(
        newest + timedelta(days=1) if newest is not None else first.date(),
        today - timedelta(days=most),
    )
    start = min(start, yesterday)
    return [start + timedelta(days=number) for number in range((yesterday - start).days + 1)]


def cameras_with_stretches(start: datetime, end: datetime) -> list[int]:
    """Return the cameras of which something is known in a time."""
    return list(
        session().scalars(
            select(StretchRow.camera_id)
            .where(
                StretchRow.began_at < end,
                StretchRow.ended_at.is_(None) | (StretchRow.ended_at > start),
            )
            .distinct()
            .order_by(StretchRow.camera_id)
        )
    )


def newest_day() -> date | None:
    """Return the newest day that is rolled up."""
    return session().scalar(select(func.max(DayRow.day)))


def old_stretches(before: datetime, most: int) -> list[int]:
    """Return stretches that ended before a moment, at most so many."""
    return list(
        session().scalars(
            select(StretchRow.id)
            .where(StretchRow.ended_at < before)
            .order_by(StretchRow.id)
            .limit(most)
        )
    )


# ---------------------------------------------------------------------------------------------
# For pages


@dataclass(frozen=True)
class HealthFilters:
    """What a list of cameras is narrowed to."""

    health: Health | None = None
    unit_id: int | None = None
    text: str = ""


def under(unit_id: int) -> Select[tuple[int]]:
    """Return the ids of a unit and of those under it in today's tree."""
    return select(unit_closure.c.descendant_id).where(unit_closure.c.ancestor_id == unit_id)


def health_query(filters: HealthFilters) -> Select[Any]:
    """Return the cameras in place that one may see, with how they stand."""
    query = (
        select(
            Camera.id,
            Camera.name,
            Camera.place,
            Camera.state,
            Camera.probe_kind,
            Desk.id.label("desk_id"),
            Desk.name.label("desk_name"),
            Desk.unit_id,
            units.c.name.label("unit_name"),
            StandingRow.reason,
            StandingRow.since,
            StandingRow.checked_at,
            StandingRow.failing_since,
            StandingRow.milliseconds,
        )
        .join(Desk, Desk.id == Camera.desk_id)
        .join(units, units.c.id == Desk.unit_id)
        .outerjoin(StandingRow, StandingRow.camera_id == Camera.id)
        .where(Camera.state.in_(PLACED), receives_people(today()), visible(VIEW, Camera))
    )
    if filters.health is Health.UNKNOWN:
        query = query.where(
            StandingRow.reason.is_(None) | StandingRow.reason.in_(reasons_of(Health.UNKNOWN))
        )
    elif filters.health is not None:
        query = query.where(StandingRow.reason.in_(reasons_of(filters.health)))
    if filters.unit_id is not None:
        query = query.where(Desk.unit_id.in_(under(filters.unit_id)))
    for word in fold(filters.text).split():
        query = query.where(
            Camera.folded.contains(word, autoescape=True)
            | Desk.folded.contains(word, autoescape=True)
            | units.c.folded.contains(word, autoescape=True)
        )
    return query


# Cameras that do not work come first, those that have not for longest before others.
HEALTH_ORDER: Mapping[str, Sequence[Any]] = {
    "state": (
        StandingRow.failing_since.is_(None),
        StandingRow.failing_since,
        units.c.sort_key,
        Desk.sort_key,
        Camera.sort_key,
        Camera.id,
    ),
    "unit": (units.c.sort_key, Desk.sort_key, Camera.sort_key, Camera.id),
}


def count_health(unit_id: int | None = None) -> dict[Health, int]:
    """Return how many cameras in place stand in each way, within one's rights."""
    query = health_query(HealthFilters(unit_id=unit_id)).with_only_columns(
        StandingRow.reason, func.count()
    )
    counts = dict.fromkeys(Health, 0)
    for reason, number in session().execute(query.group_by(StandingRow.reason)):
        counts[Health.UNKNOWN if reason is None else health_of(reason)] += number
    return counts


def figures_of(camera_ids: Collection[int], start: date, end: date) -> dict[int, DayFigures]:
    """Return the figures of cameras over days (both included); the longest outage is a day's."""
    found: dict[int, DayFigures] = {}
    ids = sorted(set(camera_ids))
    for first in range(0, len(ids), BATCH):
        rows = session().execute(
            select(DayRow.camera_id, *_sums())
            .where(DayRow.camera_id.in_(ids[first : first + BATCH]), DayRow.day.between(start, end))
            .group_by(DayRow.camera_id)
        )
        found.update({row[0]: DayFigures(*map(int, row[1:])) for row in rows})
    return found


def _sums() -> tuple[ColumnElement[Any], ...]:
    return (
        func.coalesce(func.sum(DayRow.up_seconds), 0),
        func.coalesce(func.sum(DayRow.fault_seconds), 0),
        func.coalesce(func.sum(DayRow.down_seconds), 0),
        func.coalesce(func.sum(DayRow.unknown_seconds), 0),
        func.coalesce(func.sum(DayRow.outages), 0),
        func.coalesce(func.max(DayRow.longest_outage_seconds), 0),
    )


def figures_by_unit(start: date, end: date, unit_id: int | None = None) -> dict[int, DayFigures]:
    """Return the figures of all cameras one may see, by the unit of their desk today."""
    query = (
        select(Desk.unit_id, *_sums())
        .select_from(DayRow)
        .join(Camera, Camera.id == DayRow.camera_id)
        .join(Desk, Desk.id == Camera.desk_id)
        .where(DayRow.day.between(start, end), visible(VIEW, Desk))
        .group_by(Desk.unit_id)
    )
    if unit_id is not None:
        query = query.where(Desk.unit_id.in_(under(unit_id)))
    return {row[0]: DayFigures(*map(int, row[1:])) for row in session().execute(query)}


def days_of(camera_id: int, start: date, end: date) -> dict[date, DayFigures]:
    """Return a camera's figures day by day."""
    rows = session().execute(
        select(
            DayRow.day,
            DayRow.up_seconds,
            DayRow.fault_seconds,
            DayRow.down_seconds,
            DayRow.unknown_seconds,
            DayRow.outages,
            DayRow.longest_outage_seconds,
        ).where(DayRow.camera_id == camera_id, DayRow.day.between(start, end))
    )
    return {row[0]: DayFigures(*row[1:]) for row in rows}


def stretches_of(camera_id: int, most: int) -> list[Stretch]:
    """Return a camera's newest stretches, newest first."""
    rows = session().execute(
        select(StretchRow.reason, StretchRow.began_at, StretchRow.ended_at)
        .where(StretchRow.camera_id == camera_id)
        .order_by(StretchRow.began_at.desc(), StretchRow.id.desc())
        .limit(most)
    )
    return [Stretch(*row) for row in rows]


@dataclass(frozen=True)
class IncidentFilters:
    """What a list of incidents is narrowed to."""

    is_open: bool | None = None
    unit_id: int | None = None
    camera_id: int | None = None
    began_after: datetime | None = None
    is_unexplained: bool = False


def incidents_query(filters: IncidentFilters, permission: str = VIEW) -> Any:
    """Return the incidents that a right of one's reaches, open ones first, then newest first."""
    query: Any = (
        select(
            Incident.id,
            Incident.camera_id,
            Incident.reason,
            Incident.began_at,
            Incident.opened_at,
            Incident.ended_at,
            Incident.cause,
            Incident.explained_by_name,
            Incident.explained_at,
            Incident.unit_id,
            Incident.version,
            Camera.name.label("camera_name"),
            Desk.name.label("desk_name"),
            units.c.name.label("unit_name"),
        )
        .join(Camera, Camera.id == Incident.camera_id)
        .join(Desk, Desk.id == Camera.desk_id)
        .join(units, units.c.id == Incident.unit_id)
        .where(visible(permission, Incident))
        .order_by(Incident.ended_at.is_not(None), Incident.began_at.desc(), Incident.id.desc())
    )
    if filters.is_open is not None:
        query = query.where(
            Incident.ended_at.is_(None) if filters.is_open else Incident.ended_at.is_not(None)
        )
    if filters.unit_id is not None:
        query = query.where(Incident.unit_id.in_(under(filters.unit_id)))
    if filters.camera_id is not None:
        query = query.where(Incident.camera_id == filters.camera_id)
    if filters.began_after is not None:
        query = query.where(Incident.began_at > filters.began_after)
    if filters.is_unexplained:
        query = query.where(Incident.cause == "")
    return query


def incidents_between(start: datetime, end: datetime, unit_id: int | None = None) -> Sequence[Any]:
    """Return (unit, began, ended, opened) of incidents that lasted in a time."""
    query = select(Incident.unit_id, Incident.began_at, Incident.ended_at, Incident.cause).where(
        visible(VIEW, Incident),
        Incident.began_at < end,
        Incident.ended_at.is_(None) | (Incident.ended_at > start),
    )
    if unit_id is not None:
        query = query.where(Incident.unit_id.in_(under(unit_id)))
    return session().execute(query).all()


def last_checked(database: Session) -> datetime | None:
    """Return when a camera was last asked."""
    return database.scalar(select(func.max(StandingRow.checked_at)))

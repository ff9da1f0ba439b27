"""Reading desks and cameras, and their coverage and cost on any day, within one's rights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Select, and_, func, or_, select

from tracker.api.queries import session, units, visible
from tracker.api.text import fold
from tracker_camera_monitoring.coverage import CameraFact, Coverage, cover
from tracker_camera_monitoring.health_queries import under
from tracker_camera_monitoring.models import (
    PLACED,
    Camera,
    CameraState,
    Desk,
    DeskUnit,
    Sight,
    StandingRow,
)
from tracker_camera_monitoring.permissions import VIEW, WATCH


def find_desk(desk_id: int, permission: str = VIEW) -> Desk | None:
    """Return a desk that a right of one's reaches."""
    return session().scalar(select(Desk).where(Desk.id == desk_id, visible(permission, Desk)))


def find_camera(camera_id: int, permission: str = VIEW) -> Camera | None:
    """Return a camera that a right of one's reaches."""
    return session().scalar(
        select(Camera).where(Camera.id == camera_id, visible(permission, Camera))
    )


# ---------------------------------------------------------------------------------------------
# The register


@dataclass(frozen=True)
class CameraFilters:
    """What the register is narrowed to."""

    unit_id: int | None = None
    state: CameraState | None = None
    text: str = ""
    # Only those that keep recordings for fewer days than they have to.
    keeps_too_little: int | None = None
    desk_id: int | None = None


def cameras_query(filters: CameraFilters) -> Any:
    """Return the cameras of the register that one may see, with their desk and unit."""
    query: Any = (
        select(
            Camera.id,
            Camera.name,
            Camera.set_name,
            Camera.model,
            Camera.place,
            Camera.state,
            Camera.bought_on,
            Camera.retired_on,
            Camera.cost,
            Camera.retention_days,
            Camera.probe_kind,
            Camera.host,
            Camera.port,
            Camera.path,
            Camera.probe_minutes,
            Camera.note,
            Desk.id.label("desk_id"),
            Desk.name.label("desk_name"),
            Desk.place.label("desk_place"),
            Desk.unit_id,
            units.c.name.label("unit_name"),
            units.c.code.label("unit_code"),
            StandingRow.reason,
            StandingRow.since,
        )
        .join(Desk, Desk.id == Camera.desk_id)
        .join(units, units.c.id == Desk.unit_id)
        .outerjoin(StandingRow, StandingRow.camera_id == Camera.id)
        .where(visible(VIEW, Camera))
    )
    if filters.unit_id is not None:
        query = query.where(Desk.unit_id.in_(under(filters.unit_id)))
    if filters.desk_id is not None:
        query = query.where(Desk.id == filters.desk_id)
    if filters.state is not None:
        query = query.where(Camera.state == filters.state)
    if filters.keeps_too_little is not None:
        query = query.where(
            Camera.state.in_(PLACED),
            or_(Camera.retention_days.is_(None), Camera.retention_days < filters.keeps_too_little),
        )
    for word in fold(filters.text).split():
        query = query.where(
            Camera.folded.contains(word, autoescape=True)
            | Desk.folded.contains(word, autoescape=True)
            | units.c.folded.contains(word, autoescape=True)
        )
    return query


CAMERA_ORDER: Mapping[str, Sequence[Any]] = {
    "unit": (units.c.sort_key, Desk.sort_key, Desk.id, Camera.sort_key, Camera.id),
    "bought": (Camera.bought_on, Camera.id),
    "cost": (Camera.cost, Camera.id),
    "retention": (Camera.retention_days, Camera.id),
}


def desks_query(unit_id: int | None = None, text: str = "") -> Select[Any]:
    """Return the desks that one may see, with how many cameras are in place."""
    placed = (
        select(func.count(Camera.id))
        .where(Camera.desk_id == Desk.id, Camera.state.in_(PLACED))
        .correlate(Desk)
        .scalar_subquery()
    )
    query = (
        select(
            Desk.id,
            Desk.name,
            Desk.place,
            Desk.opened_on,
            Desk.closed_on,
            Desk.unit_id,
            units.c.name.label("unit_name"),
            placed.label("camera_count"),
        )
        .join(units, units.c.id == Desk.unit_id)
        .where(visible(VIEW, Desk))
        .order_by(Desk.closed_on.is_not(None), units.c.sort_key, Desk.sort_key, Desk.id)
    )
    if unit_id is not None:
        query = query.where(Desk.unit_id.in_(under(unit_id)))
    for word in fold(text).split():
        query = query.where(
            Desk.folded.contains(word, autoescape=True)
            | units.c.folded.contains(word, autoescape=True)
        )
    return query


def units_with_desks() -> list[tuple[int, str]]:
    """Return (id, name) of the units whose desks one may see."""
    rows = session().execute(
        select(units.c.id, units.c.name)
        .where(units.c.id.in_(select(Desk.unit_id).where(visible(VIEW, Desk))))
        .order_by(units.c.sort_key, units.c.id)
    )
    return [(row.id, row.name) for row in rows]


def desk_choices(permission: str, today: date, keep: int | None = None) -> list[tuple[int, str]]:
    """Return (id, 'unit: desk') of the desks in reach that receive people today."""
    rows = session().execute(
        select(Desk.id, Desk.name, units.c.name.label("unit_name"), units.c.short_name)
        .join(units, units.c.id == Desk.unit_id)
        .where(
            visible(permission, Desk),
            or_(Desk.closed_on.is_(None), Desk.closed_on > today, Desk.id == keep),
        )
        .order_by(units.c.sort_key, Desk.sort_key, Desk.id)
    )
    return [(row.id, f"{row.unit_name}: {row.name}") for row in rows]


def watchable_cameras(today: date) -> list[tuple[int, str, int]]:
    """Return (camera, name, desk) of all cameras in place that one may watch."""
    rows = session().execute(
        select(Camera.id, Camera.name, Camera.desk_id)
        .join(Desk, Desk.id == Camera.desk_id)
        .where(
            visible(WATCH, Desk),
            Camera.state.in_(PLACED),
            or_(Desk.closed_on.is_(None), Desk.closed_on > today),
        )
        .order_by(Camera.desk_id, Camera.sort_key, Camera.id)
    )
    return [(row.id, row.name, row.desk_id) for row in rows]


def sights(*, only_active: bool = True) -> list[Sight]:
    """Return the list of what may be seen, in its order."""
    query = select(Sight).order_by(Sight.position, Sight.id)
    if only_active:
        query = query.where(Sight.is_active.is_(True))
    return list(session().scalars(query))


# ---------------------------------------------------------------------------------------------
# Coverage and cost


def desk_units_on(day: date, unit_id: int | None = None) -> dict[int, int]:
    """Return whose each desk was that received people on a day, as far as one may see."""
    query = (
        select(Desk.id, DeskUnit.unit_id)
        .join(DeskUnit, DeskUnit.desk_id == Desk.id)
        .where(
            visible(VIEW, Desk),
            Desk.opened_on <= day,
            or_(Desk.closed_on.is_(None), Desk.closed_on > day),
            DeskUnit.valid_from <= day,
            or_(DeskUnit.valid_to.is_(None), DeskUnit.valid_to > day),
        )
    )
    if unit_id is not None:
        query = query.where(or_(Desk.unit_id.in_(under(unit_id)), DeskUnit.unit_id == unit_id,
                                DeskUnit.unit_id.in_(under(unit_id))))  # fmt: skip
    return {row[0]: row[1] for row in session().execute(query)}


def camera_facts(day: date, today: date, desks: Mapping[int, int]) -> list[CameraFact]:
    """Return what the cameras of desks add to the figures of a day.

    What is stored away today counts as stored away since ever: nobody wrote down since when.
    """
    was_there = and_(
        or_(Camera.bought_on.is_(None), Camera.bought_on <= day),
        or_(Camera.retired_on.is_(None), Camera.retired_on > day),
    )
    rows = session().execute(
        select(
            Camera.id,
            Camera.desk_id,
            Camera.set_name,
            Camera.cost,
            Camera.state,
            was_there.label("was_there"),
        ).where(visible(VIEW, Camera), or_(Camera.bought_on.is_(None), Camera.bought_on <= day))
    )
    gone = {CameraState.STORED} if day < today else {CameraState.STORED, CameraState.RETIRED}
    return [
        CameraFact(
            camera_id=row.id,
            desk_id=row.desk_id,
            unit_id=desks[row.desk_id],
            set_name=row.set_name,
            cost=row.cost,
            is_placed=bool(row.was_there) and row.state not in gone,
        )
        for row in rows
        if row.desk_id in desks
    ]


def coverage_on(day: date, today: date, unit_id: int | None = None) -> Coverage:
    """Return coverage and cost on a day, within one's rights (and under a unit)."""
    desks = desk_units_on(day, unit_id)
    return cover(desks, camera_facts(day, today, desks))


@dataclass(frozen=True)
class UnitCoverage:
    """One unit's share of the figures."""

    unit_id: int
    name: str
    desks: int
    cameras: int
    sets: int
    cost: int
    without_cost: int


def coverage_by_unit(day: date, today: date, unit_id: int | None = None) -> list[UnitCoverage]:
    """Return the rows that the figures are made of, one a unit, in the order of names."""
    desks = desk_units_on(day, unit_id)
    facts = camera_facts(day, today, desks)
    by_unit: dict[int, dict[int, int]] = {}
    for desk, owner in desks.items():
        by_unit.setdefault(owner, {})[desk] = owner
    names = session().execute(
        select(units.c.id, units.c.name)
        .where(units.c.id.in_(sorted(by_unit)))
        .order_by(units.c.sort_key, units.c.id)
    )
    rows = []
    for row in names:
        own = cover(by_unit[row.id], [one for one in facts if one.unit_id == row.id])
        rows.append(
            UnitCoverage(
                unit_id=row.id,
                name=row.name,
                desks=own.desks,
                cameras=own.cameras,
                sets=own.sets,
                cost=own.cost,
                without_cost=own.without_cost,
            )
        )
    return rows


def count_short_retention(days: int, unit_id: int | None = None) -> tuple[int, int]:
    """Return (cameras in place that keep fewer days, or of which nobody knows; all in place)."""
    query = (
        select(
            func.count().filter(or_(Camera.retention_days.is_(None), Camera.retention_days < days)),
            func.count(),
        )
        .select_from(Camera)
        .join(Desk, Desk.id == Camera.desk_id)
        .where(visible(VIEW, Desk), Camera.state.in_(PLACED))
    )
    if unit_id is not None:
        query = query.where(Desk.unit_id.in_(under(unit_id)))
    short, whole = session().execute(query).one()
    return int(short), int(whole)


def count_retention(days: int, unit_id: int) -> tuple[int, int]:
    """Return (cameras in place whose retention is known; those that keep fewer days) of a unit."""
    known, short = (
        session()
        .execute(
            select(
                func.count(Camera.retention_days),
                func.count().filter(Camera.retention_days < days),
            )
            .select_from(Camera)
            .join(Desk, Desk.id == Camera.desk_id)
            .where(visible(VIEW, Desk), Camera.state.in_(PLACED), Desk.unit_id.in_(under(unit_id)))
        )
        .one()
    )
    return int(known), int(short)

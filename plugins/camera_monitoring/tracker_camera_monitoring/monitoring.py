"""What probes leave in the database: standings, stretches, incidents, days. Services only.

A round of probes writes over one row for each camera, and adds a row only where something changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update

from tracker.api.clock import LOCAL
from tracker.api.errors import Conflict, ValidationFailed
from tracker.api.i18n import gettext as _
from tracker.api.jobs import queue
from tracker.api.notices import Tell, tell
from tracker.api.text import normalise
from tracker.api.work import Work
from tracker_camera_monitoring import inputs
from tracker_camera_monitoring.models import (
    Camera,
    CameraState,
    DayRow,
    Desk,
    Incident,
    StandingRow,
    StretchRow,
)
from tracker_camera_monitoring.outages import Standing, Stretch, observe
from tracker_camera_monitoring.permissions import EXPLAIN, ROSTER
from tracker_camera_monitoring.rollups import DayFigures, summarise

NOTICE = "camera_monitoring.incident"
PROBE_ONE = "camera_monitoring.probe_one"
BATCH = 500
LONGEST_CAUSE = 2000


def silence_of(probe_minutes: int) -> timedelta:
    """Return after which time without a probe nobody can say how a camera stood.

    One round may be left out, and a round takes a while.
    """
    return timedelta(minutes=2 * probe_minutes + 4)


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """Return the moments at which a local day begins and at which the next one does."""
    start = datetime.combine(day, time.min, tzinfo=LOCAL)
    return start, datetime.combine(day + timedelta(days=1), time.min, tzinfo=LOCAL)


# ---------------------------------------------------------------------------------------------
# Rounds


def ask_probe(work: Work, data: inputs.AskProbe) -> UUID:
    """Have a camera asked at once by a job; return the run's identity, the same while one waits.

    Raises PermissionDenied, and Conflict for a camera that is not asked at all.
    """
    camera = work.get(Camera, data.camera_id, lock=False)
    work.require(EXPLAIN, camera)
    if camera.probe_kind is None:
        raise Conflict(_("Camera này chưa có địa chỉ để thăm dò."))
    if camera.state is not CameraState.IN_USE:
        raise Conflict(_("Chỉ kiểm tra được camera đang dùng."))
    return queue(work, PROBE_ONE, {"camera": camera.id}, once=str(camera.id))


def record_outcomes(work: Work, data: inputs.RecordOutcomes) -> int:
    """Keep what a batch of probes said; return how many cameras changed their state.

    A camera that was taken out of use, or deleted, while it was asked is passed over.
    """
    ids = [outcome.key for outcome, _at in data.outcomes]
    minutes = {
        row.id: row.probe_minutes
        for row in work.session.execute(
            select(Camera.id, Camera.probe_minutes)
            .where(
                Camera.id.in_(ids),
                Camera.probe_kind.is_not(None),
                Camera.state == CameraState.IN_USE,
            )
            .order_by(Camera.id)
            # A round and somebody who wants to know at once may ask the same camera together.
            .with_for_update()
        )
    }
    known = _standings(work, ids)
    patience = timedelta(minutes=data.patience_minutes)
    fresh: list[dict[str, Any]] = []
    again: list[dict[str, Any]] = []
    moved: list[tuple[int, Sequence[Stretch], Standing]] = []
    changed = 0
    for outcome, at in data.outcomes:
        camera_id = outcome.key
        if camera_id not in minutes:
            continue
        before = known.get(camera_id)
        step = observe(
            before, outcome.reason, at, silence=silence_of(minutes[camera_id]), patience=patience
        )
        row = {
            "camera_id": camera_id,
            "reason": step.standing.reason,
            "since": step.standing.since,
            "checked_at": step.standing.checked_at,
            "failing_since": step.standing.failing_since,
            "has_incident": step.standing.has_incident,
            "milliseconds": outcome.milliseconds,
        }
        (fresh if before is None else again).append(row)
        if step.began:
            moved.append((camera_id, step.over, step.standing))
            changed += 1
        if step.opens:
            _open_incident(work, camera_id, step.standing)
        if step.closes:
            close_incident(work, camera_id, at)
    if fresh:
        work.session.execute(insert(StandingRow), fresh)
    if again:
        work.session.execute(update(StandingRow), again)
    _write_stretches(work, moved)
    return changed


def _standings(work: Work, ids: Sequence[int]) -> dict[int, Standing]:
    rows = work.session.execute(
        select(
            StandingRow.camera_id,
            StandingRow.reason,
            StandingRow.since,
            StandingRow.checked_at,
            StandingRow.failing_since,
            StandingRow.has_incident,
        ).where(StandingRow.camera_id.in_(ids))
    )
    return {row[0]: Standing(*row[1:]) for row in rows}


def _write_stretches(work: Work, moved: Sequence[tuple[int, Sequence[Stretch], Standing]]) -> None:
    """Replace the open stretch of each camera by those that are over and the one that began."""
    if not moved:
        return
    ids = [camera_id for camera_id, _over, _standing in moved]
    work.session.execute(
        delete(StretchRow).where(StretchRow.camera_id.in_(ids), StretchRow.ended_at.is_(None))
    )
    rows = [
        {
            "camera_id": camera_id,
            "reason": one.reason,
            "began_at": one.began_at,
            "ended_at": one.ended_at,
        }
        for camera_id, over, standing in moved
        for one in (*over, Stretch(standing.reason, standing.since))
    ]
    work.session.execute(insert(StretchRow), rows)


def _open_incident(work: Work, camera_id: int, standing: Standing) -> None:
    """Open an incident and have the unit and the coordinator told, once."""
    row = work.session.execute(
        select(Camera.name, Desk.name.label("desk"), Desk.unit_id)
        .join(Desk, Desk.id == Camera.desk_id)
        .where(Camera.id == camera_id)
    ).one()
    incident = Incident(
        camera_id=camera_id,
        unit_id=row.unit_id,
        reason=standing.reason,
        began_at=standing.failing_since or work.now,
        opened_at=work.now,
    )
    work.session.add(incident)
    work.session.flush()
    tell(
        work,
        Tell(
            kind=NOTICE,
            key=str(incident.public_id),
            page=("camera_monitoring.show_incident", {"incident_id": incident.id}),
            params={
                "camera": row.name,
                "desk": row.desk,
                "reason": standing.reason.value,
                "began_at": incident.began_at.isoformat(),
            },
            holders=[(EXPLAIN, row.unit_id), (ROSTER, row.unit_id)],
        ),
        plugin="camera_monitoring",
    )


def close_incident(work: Work, camera_id: int, at: datetime) -> None:
    """End the open incident of a camera, if it has one."""
    for incident in work.session.scalars(
        select(Incident).where(Incident.camera_id == camera_id, Incident.ended_at.is_(None))
    ):
        incident.ended_at = at
    work.session.flush()


def forget(work: Work, camera_id: int) -> None:
    """Stop knowing how a camera stands: it is asked elsewhere from now on, or not at all."""
    standing = work.session.get(StandingRow, camera_id)
    if standing is None:
        return
    checked_at = standing.checked_at
    work.session.execute(
        update(StretchRow)
        .where(StretchRow.camera_id == camera_id, StretchRow.ended_at.is_(None))
        .values(ended_at=checked_at)
    )
    work.session.delete(standing)
    close_incident(work, camera_id, work.now)


def explain_incident(work: Work, data: inputs.ExplainIncident) -> None:
    """Keep what the unit says caused an incident. Raises ValidationFailed, PermissionDenied."""
    incident = work.get(Incident, data.incident_id)
    work.require(EXPLAIN, incident)
    if data.version is not None and incident.version != data.version:
        raise Conflict(_("Người khác vừa sửa mục này. Hãy tải lại rồi sửa tiếp."))
    cause = normalise(data.cause)
    if not cause:
        raise ValidationFailed({"cause": _("Hãy ghi nguyên nhân, ví dụ: mất điện cả khu.")})
    if len(cause) > LONGEST_CAUSE:
        raise ValidationFailed({"cause": _("Dài quá %(most)d ký tự.", most=LONGEST_CAUSE)})
    incident.cause = cause
    incident.explained_by_name = work.actor.name
    incident.explained_at = work.now


# ---------------------------------------------------------------------------------------------
# Days


def roll_up(work: Work, data: inputs.RollUp) -> int:
    """Put a day of some cameras into figures; again gives the same. Return how many there are."""
    start, end = day_bounds(data.day)
    stretches: dict[int, list[Stretch]] = {}
    for row in work.session.execute(
        select(
            StretchRow.camera_id, StretchRow.reason, StretchRow.began_at, StretchRow.ended_at
        ).where(
            StretchRow.camera_id.in_(data.camera_ids),
            StretchRow.began_at < end,
            StretchRow.ended_at.is_(None) | (StretchRow.ended_at > start),
        )
    ):
        one = Stretch(row.reason, row.began_at, row.ended_at)
        stretches.setdefault(row.camera_id, []).append(one)
    checked = {
        row.camera_id: row.checked_at
        for row in work.session.execute(
            select(StandingRow.camera_id, StandingRow.checked_at).where(
                StandingRow.camera_id.in_(sorted(stretches))
            )
        )
    }
    work.session.execute(
        delete(DayRow).where(DayRow.day == data.day, DayRow.camera_id.in_(data.camera_ids))
    )
    rows = []
    for camera_id, found in stretches.items():
        known_until = checked.get(camera_id)
        figures = summarise([_until(one, known_until) for one in found], start, end)
        if figures.measured_seconds or figures.unknown_seconds:
            rows.append({"camera_id": camera_id, "day": data.day, **_columns(figures)})
    if rows:
        work.session.execute(insert(DayRow), rows)
    return len(rows)


def _until(one: Stretch, known_until: datetime | None) -> Stretch:
    """Return a stretch that lasts no longer than anybody knows."""
    if one.ended_at is not None or known_until is None:
        return one
    return Stretch(one.reason, one.began_at, max(known_until, one.began_at))


def _columns(figures: DayFigures) -> dict[str, int]:
    return {
        "up_seconds": figures.up_seconds,
        "fault_seconds": figures.fault_seconds,
        "down_seconds": figures.down_seconds,
        "unknown_seconds": figures.unknown_seconds,
        "outages": figures.outages,
        "longest_outage_seconds": figures.longest_outage_seconds,
    }


def delete_stretches(work: Work, ids: Sequence[int]) -> int:
    """Delete stretches that are over and rolled up; return how many."""
    work.session.execute(delete(StretchRow).where(StretchRow.id.in_(ids)))
    return len(ids)


def delete_days(work: Work, before: date) -> int:
    """Delete the figures of days before one; return how many rows went."""
    old = DayRow.day < before
    count = work.session.scalar(select(func.count()).select_from(DayRow).where(old)) or 0
    work.session.execute(delete(DayRow).where(old))
    return count

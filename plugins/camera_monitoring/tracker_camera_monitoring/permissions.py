"""Rights over desks, cameras, the watch log and its roster: their names, and whose a record is.

Everything belongs to the unit of its desk. The watch log shows people, so few read it; the unit's
head sees that there is an incident, not what somebody was seen doing.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import object_session

from tracker.api.rights import RecordScope
from tracker_camera_monitoring.models import Camera, Desk, Entry, Incident, Shift

VIEW = "camera_monitoring.view"
MANAGE = "camera_monitoring.manage"
EXPLAIN = "camera_monitoring.explain"
READ_LOG = "camera_monitoring.read_log"
WATCH = "camera_monitoring.watch"
ROSTER = "camera_monitoring.roster"


def _unit_of_camera(camera: Camera) -> list[int]:
    session = object_session(camera)
    if session is None:
        return []
    return list(session.scalars(select(Desk.unit_id).where(Desk.id == camera.desk_id)))


SCOPES = (
    RecordScope(
        model=Desk,
        units=lambda desk: [desk.unit_id],
        in_units=Desk.unit_id.in_,
    ),
    RecordScope(
        model=Camera,
        units=_unit_of_camera,
        in_units=lambda reach: Camera.desk_id.in_(
            select(Desk.id).where(Desk.unit_id.in_(reach)).correlate(None)
        ),
    ),
    RecordScope(
        model=Incident,
        units=lambda incident: [incident.unit_id],
        in_units=Incident.unit_id.in_,
    ),
    RecordScope(
        model=Entry,
        units=lambda entry: [entry.unit_id],
        in_units=Entry.unit_id.in_,
        # Who wrote an entry goes on reading it when the unit has left their reach.
        people=lambda entry: [] if entry.recorded_by_id is None else [entry.recorded_by_id],
        for_person=lambda user_id: Entry.recorded_by_id == user_id,
    ),
    RecordScope(
        model=Shift,
        units=lambda shift: [shift.unit_id],
        in_units=Shift.unit_id.in_,
        people=lambda shift: [shift.watcher_id],
        for_person=lambda user_id: Shift.watcher_id == user_id,
    ),
)

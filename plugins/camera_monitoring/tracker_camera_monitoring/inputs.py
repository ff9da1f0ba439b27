"""What services of this plug-in take: frozen, plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from uuid import UUID

from tracker.api.files import PreparedFile
from tracker_camera_monitoring.addresses import CameraAddress
from tracker_camera_monitoring.models import CameraState, Severity
from tracker_camera_monitoring.probing import Outcome


@dataclass(frozen=True, kw_only=True)
class SaveDesk:
    """A desk; without an id a new one."""

    unit_id: int
    name: str
    opened_on: date
    place: str = ""
    closed_on: date | None = None
    note: str = ""
    desk_id: int | None = None
    version: int | None = None


@dataclass(frozen=True, kw_only=True)
class SaveCamera:
    """A camera; without an id a new one. `address` None means that it is not probed.

    A name and password in `address` replace what is kept; without them what is kept stays, unless
    `forget_secret`.
    """

    desk_id: int
    name: str
    set_name: str = ""
    model: str = ""
    place: str = ""
    state: CameraState = CameraState.IN_USE
    bought_on: date | None = None
    retired_on: date | None = None
    cost: int | None = None
    retention_days: int | None = None
    address: CameraAddress | None = None
    probe_minutes: int = 5
    note: str = ""
    forget_secret: bool = False
    camera_id: int | None = None
    version: int | None = None


@dataclass(frozen=True, kw_only=True)
class CameraRow:
    """One row of a spreadsheet of cameras; ids say which desk and camera there already are."""

    unit_id: int
    desk_name: str
    camera: SaveCamera
    desk_place: str = ""
    opened_on: date | None = None


@dataclass(frozen=True)
class ImportCameras:
    """All rows of a spreadsheet, checked."""

    rows: Sequence[CameraRow]


@dataclass(frozen=True)
class SetStates:
    """Another state for several cameras."""

    camera_ids: Sequence[int]
    state: CameraState


@dataclass(frozen=True)
class AskProbe:
    """A camera that is to be asked at once."""

    camera_id: int


@dataclass(frozen=True)
class RecordOutcomes:
    """What came of a batch of probes, each with the moment of its answer."""

    outcomes: Sequence[tuple[Outcome, datetime]]
    patience_minutes: int


@dataclass(frozen=True)
class RollUp:
    """A day to put into figures, for some cameras."""

    day: date
    camera_ids: Sequence[int]


@dataclass(frozen=True)
class ExplainIncident:
    """What the unit says caused an incident."""

    incident_id: int
    cause: str
    version: int | None = None


@dataclass(frozen=True, kw_only=True)
class SaveEntry:
    """What was seen while somebody watched; without an id a new entry."""

    desk_id: int
    day: date
    starts_at: time
    ends_at: time
    camera_id: int | None = None
    sight_ids: Sequence[int] = ()
    severity: Severity = Severity.NORMAL
    text: str = ""
    shows_people: bool = False
    files: Sequence[PreparedFile] = ()
    send_key: str | None = None
    entry_id: int | None = None
    version: int | None = None


@dataclass(frozen=True, kw_only=True)
class LinkEntry:
    """What became of an entry: a visit, and perhaps a finding in it."""

    entry_id: int
    visit: UUID
    finding: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class AddShift:
    """Somebody's turn to watch."""

    unit_id: int
    watcher_id: int
    day: date
    starts_at: time
    ends_at: time
    note: str = ""


@dataclass(frozen=True)
class RemoveShift:
    """A turn that will not be."""

    shift_id: int


@dataclass(frozen=True)
class CopyWeek:
    """The turns of the week before `monday`, once more in the week that begins with it."""

    monday: date


@dataclass(frozen=True, kw_only=True)
class SaveSight:
    """A line of the list of what may be seen; without an id a new one."""

    name: str
    name_en: str = ""
    severity: Severity = Severity.MINOR
    position: int = 100
    is_active: bool = True
    sight_id: int | None = None
    version: int | None = None


@dataclass(frozen=True)
class HandOver:
    """Desks that change hands: desk -> new unit, from a day on."""

    effective_on: date
    desks: Mapping[int, int] = field(default_factory=dict)

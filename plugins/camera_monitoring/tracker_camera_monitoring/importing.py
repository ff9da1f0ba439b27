"""Cameras from a spreadsheet: a row a camera; desks that there are not yet are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Row, select

from tracker.api.clock import today
from tracker.api.i18n import gettext as _
from tracker.api.i18n import lazy_gettext as _l
from tracker.api.i18n import ngettext
from tracker.api.imports import (
    CellKind,
    ImportColumn,
    ImportRow,
    ImportSpec,
    ParsedRows,
    RowError,
    RowOutcome,
)
from tracker.api.queries import match_units, session, units, visible
from tracker.api.text import fold
from tracker.api.web import url_for
from tracker_camera_monitoring import inputs, labels, services
from tracker_camera_monitoring.addresses import AddressUnreadable, CameraAddress, read_address
from tracker_camera_monitoring.models import Camera, CameraState, Desk
from tracker_camera_monitoring.permissions import MANAGE


def _states() -> list[str]:
    return [str(label) for label in labels.STATES.values()]


COLUMNS = (
    ImportColumn(
        key="unit",
        heading_vi="Đơn vị",
        heading_en="Unit",
        hint=_l("Tên, tên gọi khác hoặc mã của đơn vị."),
        required=True,
        example="UBND xã Lạc Hòa",
        aliases=("Tên đơn vị", "Xã, phường"),
        longest=500,
        width=36,
    ),
    ImportColumn(
        key="desk",
        heading_vi="Bàn tiếp dân",
        heading_en="Desk",
        hint=_l("Bàn chưa có sẽ được tạo. Để trống: Bộ phận Một cửa."),
        example="Bộ phận Một cửa",
        aliases=("Bộ phận", "Quầy"),
        longest=200,
        width=28,
    ),
    ImportColumn(
        key="desk_place",
        heading_vi="Nơi đặt bàn",
        heading_en="Place of the desk",
        longest=500,
        width=24,
    ),
    ImportColumn(
        key="name",
        heading_vi="Tên camera",
        heading_en="Camera",
        hint=_l("Tên đã có ở bàn ấy thì cập nhật camera."),
        required=True,
        example="Camera 1",
        aliases=("Camera",),
        longest=120,
        width=20,
    ),
    ImportColumn(
        key="set_name",
        heading_vi="Bộ",
        heading_en="Set",
        hint=_l(
            "Các camera cùng tên bộ ở một bàn được đếm là một bộ. Để trống: mỗi camera một bộ."
        ),
        example="Bộ 1",
        longest=80,
        width=12,
    ),
    ImportColumn(key="model", heading_vi="Loại máy", heading_en="Model", longest=200, width=22),
    ImportColumn(key="place", heading_vi="Vị trí", heading_en="Position", longest=200, width=22),
    ImportColumn(
        key="bought_on",
        heading_vi="Ngày mua",
        heading_en="Bought on",
        example="15/03/2021",
        kind=CellKind.DATE,
        width=12,
    ),
    ImportColumn(
        key="cost",
        heading_vi="Giá (đồng)",
        heading_en="Cost (đồng)",
        example="3847391",
        kind=CellKind.WHOLE,
        aliases=("Giá", "Kinh phí", "Kinh phí (đồng)"),
        width=14,
    ),
    ImportColumn(
        key="retention_days",
        heading_vi="Lưu hình (ngày)",
        heading_en="Retention (days)",
        example="30",
        kind=CellKind.WHOLE,
        aliases=("Số ngày lưu hình",),
        width=12,
    ),
    ImportColumn(
        key="state",
        heading_vi="Trạng thái",
        heading_en="State",
        hint=_l("Để trống: Đang dùng."),
        choices=_states,
        longest=60,
        width=14,
    ),
    ImportColumn(
        key="address",
        heading_vi="Địa chỉ thăm dò",
        heading_en="Address",
        hint=_l("Không ghi mật khẩu vào tệp; nhập mật khẩu ở trang của camera."),
        example="rtsp://10.20.1.5:554/live",
        aliases=("Địa chỉ", "URL"),
        longest=700,
        width=36,
    ),
    ImportColumn(
        key="probe_minutes",
        heading_vi="Thăm dò mỗi (phút)",
        heading_en="Probe every (minutes)",
        kind=CellKind.WHOLE,
        width=12,
    ),
    ImportColumn(key="note", heading_vi="Ghi chú", heading_en="Note", width=30),
)


# What a row says of a camera beside its name, and where it is asked.
KEPT = (
    "set_name",
    "model",
    "place",
    "bought_on",
    "cost",
    "retention_days",
    "state",
    "probe_minutes",
    "note",
)
ADDRESS = ("probe_kind", "host", "port", "path")


@dataclass(frozen=True)
class _Known:
    """What there is at a unit: desks by name, cameras by desk and name."""

    desks: Mapping[tuple[int, str], int]
    cameras: Mapping[tuple[int, str], Row[Any]]


def parse(rows: Sequence[ImportRow], _options: Mapping[str, str]) -> ParsedRows:
    """Return the input of `services.import_cameras`, and what is wrong by row and column."""
    errors: list[RowError] = []
    outcomes: dict[int, RowOutcome] = {}
    found: list[inputs.CameraRow] = []
    reach = set(session().scalars(select(units.c.id).where(visible(MANAGE, units))))
    units_by_text: dict[str, int | str] = {}
    faults_of: dict[int, list[RowError]] = {number: [] for number, _cells in rows}
    unit_of = {
        number: _unit(number, str(cells.get("unit") or ""), reach, units_by_text, faults_of[number])
        for number, cells in rows
    }
    known = _known({one for one in unit_of.values() if one is not None})
    first: dict[tuple[int, str, str], int] = {}
    for number, cells in rows:
        faults, unit_id = faults_of[number], unit_of[number]
        desk = services.one_line(str(cells.get("desk") or "")) or "Bộ phận Một cửa"
        camera = _camera(number, cells, faults)
        if unit_id is not None and camera is not None:
            there = known.cameras.get((known.desks.get((unit_id, desk), 0), camera.name))
            camera = _keep(there, camera, cells)
        errors.extend(faults)
        if unit_id is None or camera is None:
            continue
        place = (unit_id, desk.casefold(), camera.name.casefold())
        if place in first:
            message = _("Camera này đã có ở dòng %(row)d.", row=first[place])
            errors.append(RowError(number, "name", message))
            continue
        first[place] = number
        desk_id = known.desks.get((unit_id, desk))
        outcomes[number] = _outcome(known.cameras.get((desk_id or 0, camera.name)), camera)
        found.append(
            inputs.CameraRow(
                unit_id=unit_id,
                desk_name=desk,
                camera=camera,
                desk_place=services.one_line(str(cells.get("desk_place") or "")),
                opened_on=camera.bought_on,
            )
        )
    if errors:
        return ParsedRows(None, errors, outcomes)
    new_desks = {
        (row.unit_id, row.desk_name)
        for row in found
        if (row.unit_id, row.desk_name) not in known.desks
    }
    summary = ""
    if new_desks:
        summary = ngettext(
            "Thêm %(num)d bàn tiếp dân.", "Thêm %(num)d bàn tiếp dân.", len(new_desks)
        )
    return ParsedRows(inputs.ImportCameras(_with_openings(found)), (), outcomes, summary)


def _with_openings(rows: Sequence[inputs.CameraRow]) -> tuple[inputs.CameraRow, ...]:
    """Let a new desk be as old as the oldest of its cameras in the file."""
    oldest: dict[tuple[int, str], date] = {}
    for row in rows:
        if row.opened_on is not None:
            place = (row.unit_id, row.desk_name)
            oldest[place] = min(oldest.get(place, row.opened_on), row.opened_on)
    return tuple(replace(row, opened_on=oldest.get((row.unit_id, row.desk_name))) for row in rows)


def _known(unit_ids: set[int]) -> _Known:
    """Return what there is at the units that a file names: plain rows, and nobody's password."""
    desks: dict[tuple[int, str], int] = {}
    cameras: dict[tuple[int, str], Row[Any]] = {}
    columns = [getattr(Camera, name) for name in ("desk_id", "name", *KEPT, *ADDRESS)]
    for part in services.batched(sorted(unit_ids)):
        of_units = Desk.unit_id.in_(part)
        for row in session().execute(select(Desk.id, Desk.unit_id, Desk.name).where(of_units)):
            desks[row.unit_id, row.name] = row.id
        for one in session().execute(select(*columns).join(Camera.desk).where(of_units)):
            cameras[one.desk_id, one.name] = one
    return _Known(desks, cameras)


def _unit(
    number: int,
    text: str,
    reach: set[int],
    known: dict[str, int | str],
    faults: list[RowError],
) -> int | None:
    """Return the unit that a cell names; a fault when there is none, or several."""
    if not text.strip():
        return None  # the engine says so
    key = fold(text)
    if key not in known:
        matches = [one for one in match_units(text) if one.id in reach]
        best = [one for one in matches if one.exactness == matches[0].exactness]
        if not best:
            known[key] = _("Không tìm thấy đơn vị này trong phạm vi của bạn.")
        elif len(best) > 1:
            known[key] = _("Có nhiều đơn vị tên này. Hãy ghi mã đơn vị.")
        else:
            known[key] = best[0].id
    value = known[key]
    if isinstance(value, int):
        return value
    faults.append(RowError(number, "unit", value))
    return None


def _camera(
    number: int, cells: Mapping[str, object], faults: list[RowError]
) -> inputs.SaveCamera | None:
    name = services.one_line(str(cells.get("name") or ""))
    state = CameraState.IN_USE
    words = str(cells.get("state") or "")
    if words.strip():
        read = labels.state_of(words)
        if read is None:
            faults.append(
                RowError(number, "state", _("Không có trạng thái “%(state)s”.", state=words[:60]))
            )
        else:
            state = read
    address = _address(number, str(cells.get("address") or ""), faults)
    bought_on, now = cells.get("bought_on"), today()
    if isinstance(bought_on, date) and not services.EARLIEST <= bought_on <= now:
        faults.append(RowError(number, "bought_on", _("Ngày này ở tương lai hoặc quá xa.")))
    limits = (
        ("cost", 0, services.MOST_COST, _("Giá phải là số đồng, từ 0 đến 1.000 tỷ.")),
        ("retention_days", 0, 36500, _("Hãy nhập số ngày từ 0 đến 36.500.")),
        ("probe_minutes", 5, 1440, _("Hãy nhập số phút từ 5 đến 1.440.")),
    )
    numbers: dict[str, int | None] = {}
    for key, least, most, message in limits:
        value = cells.get(key)
        numbers[key] = value if isinstance(value, int) else None
        if isinstance(value, int) and not least <= value <= most:
            faults.append(RowError(number, key, message))
    if not name or faults:
        return None
    return inputs.SaveCamera(
        desk_id=0,
        name=name,
        set_name=str(cells.get("set_name") or ""),
        model=str(cells.get("model") or ""),
        place=str(cells.get("place") or ""),
        state=state,
        bought_on=bought_on if isinstance(bought_on, date) else None,
        cost=numbers["cost"],
        retention_days=numbers["retention_days"],
        address=address,
        probe_minutes=numbers["probe_minutes"] or 5,
        note=str(cells.get("note") or ""),
    )


def _keep(
    there: Row[Any] | None, row: inputs.SaveCamera, cells: Mapping[str, object]
) -> inputs.SaveCamera:
    """Let a camera that is there keep what the file has no column for: only cells say anything."""
    if there is None:
        return row
    kept = {name: getattr(there, name) for name in KEPT if name not in cells}
    if "address" not in cells and there.probe_kind is not None:
        kept["address"] = CameraAddress(there.probe_kind, there.host, there.port, there.path)
    return replace(row, **kept)


def _address(number: int, words: str, faults: list[RowError]) -> CameraAddress | None:
    if not words.strip():
        return None
    try:
        address = read_address(words)
    except AddressUnreadable as error:
        faults.append(RowError(number, "address", str(labels.ADDRESS_FAULTS[error.reason])))
        return None
    if address.username or address.password:
        message = _("Không ghi mật khẩu vào tệp; hãy nhập ở trang của camera.")
        faults.append(RowError(number, "address", message))
        return None
    return address


def _outcome(camera: Row[Any] | None, row: inputs.SaveCamera) -> RowOutcome:
    if camera is None:
        return RowOutcome.NEW
    address = row.address
    asked = (
        (address.kind, address.host, address.port, address.path)
        if address is not None
        else (None, "", 0, "")
    )
    same = all(getattr(camera, name) == getattr(row, name) for name in KEPT) and asked == tuple(
        getattr(camera, name) for name in ADDRESS
    )
    return RowOutcome.SAME if same else RowOutcome.CHANGED


SPEC = ImportSpec(
    key="camera_monitoring.cameras",
    label=_l("Sổ camera từ Excel"),
    columns=COLUMNS,
    permission=MANAGE,
    parse=parse,
    apply=services.import_cameras,
    done_url=lambda _count: url_for("camera_monitoring.list_cameras"),
    hint=_l("Mỗi dòng một camera; bàn tiếp dân chưa có sẽ được tạo."),
    icon="camera",
)

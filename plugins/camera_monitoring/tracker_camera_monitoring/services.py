"""Services of the register: desks, cameras, the list of sights. Every rule of writing them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TypeVar

from sqlalchemy import func, select

from tracker.api.errors import Conflict, FieldError, NotFound, ValidationFailed
from tracker.api.i18n import gettext as _
from tracker.api.queries import reaches, units, visible
from tracker.api.text import fold, normalise, sort_key
from tracker.api.work import Work, require_everywhere
from tracker_camera_monitoring import inputs, monitoring
from tracker_camera_monitoring.addresses import CameraAddress
from tracker_camera_monitoring.models import (
    Camera,
    CameraState,
    Desk,
    DeskUnit,
    EntrySight,
    Sight,
)
from tracker_camera_monitoring.permissions import MANAGE

Item = TypeVar("Item")

EARLIEST = date(1990, 1, 1)
MOST_COST = 10**12
MOST_CAMERAS_A_DESK = 200


def one_line(text: str) -> str:
    """Return text normalised, on one line."""
    return " ".join(normalise(text).split())


def check_version(record: object, version: int | None) -> None:
    """Raise Conflict when the form was filled from an older version of the record."""
    if version is not None and getattr(record, "version", version) != version:
        raise Conflict(_("Người khác vừa sửa mục này. Hãy tải lại rồi sửa tiếp."))


# ---------------------------------------------------------------------------------------------
# Desks


def save_desk(work: Work, data: inputs.SaveDesk) -> int:
    """Make or change a desk; return its id. Raises ValidationFailed, PermissionDenied, Conflict."""
    work.require_held(MANAGE)
    name = one_line(data.name)
    errors = []
    if not name:
        errors.append(FieldError("name", _("Hãy điền tên bàn tiếp dân.")))
    if not EARLIEST <= data.opened_on <= work.today:
        errors.append(FieldError("opened_on", _("Ngày này ở tương lai hoặc quá xa.")))
    if data.closed_on is not None and data.closed_on < data.opened_on:
        errors.append(FieldError("closed_on", _("Ngày ngừng phải sau ngày bắt đầu.")))
    desk = work.get(Desk, data.desk_id) if data.desk_id is not None else None
    if desk is not None:
        work.require(MANAGE, desk)
        check_version(desk, data.version)
    if (desk is None or desk.unit_id != data.unit_id) and not reaches(MANAGE, units, data.unit_id):
        errors.append(FieldError("unit_id", _("Hãy chọn đơn vị trong phạm vi của bạn.")))
    same = select(Desk.id).where(Desk.unit_id == data.unit_id, Desk.name == name)
    if desk is not None:
        same = same.where(Desk.id != desk.id)
    if work.session.scalar(same) is not None:
        errors.append(FieldError("name", _("Đơn vị đã có bàn tiếp dân mang tên này.")))
    if errors:
        raise ValidationFailed(errors)
    if desk is None:
        desk = Desk(unit_id=data.unit_id, name=name, opened_on=data.opened_on)
        work.session.add(desk)
        work.session.flush()
        _begin_unit(work, desk, data.unit_id, data.opened_on)
    elif desk.unit_id != data.unit_id:
        move_desk(work, desk, data.unit_id, work.today)
    elif desk.opened_on != data.opened_on:
        _move_beginning(work, desk, data.opened_on)
    desk.name = name
    desk.place = one_line(data.place)
    desk.opened_on = data.opened_on
    desk.closed_on = data.closed_on
    desk.note = normalise(data.note)
    _fold_desk(desk)
    work.session.flush()
    if desk.closed_on is not None and desk.closed_on <= work.today:
        for camera_id in work.session.scalars(select(Camera.id).where(Camera.desk_id == desk.id)):
            monitoring.forget(work, camera_id)
    return desk.id


def _fold_desk(desk: Desk) -> None:
    desk.sort_key = sort_key(desk.name)
    desk.folded = fold(f"{desk.name} {desk.place}")


def _begin_unit(work: Work, desk: Desk, unit_id: int, since: date) -> None:
    work.session.add(DeskUnit(desk_id=desk.id, unit_id=unit_id, valid_from=since))
    work.session.flush()


def _move_beginning(work: Work, desk: Desk, opened_on: date) -> None:
    """Let the first unit of a desk begin with the desk, as far as its end allows."""
    first = work.session.scalars(
        select(DeskUnit).where(DeskUnit.desk_id == desk.id).order_by(DeskUnit.valid_from).limit(1)
    ).one()
    if first.valid_to is not None and opened_on >= first.valid_to:
        raise ValidationFailed({"opened_on": _("Bàn đã chuyển sang đơn vị khác trước ngày này.")})
    unit_id, valid_to = first.unit_id, first.valid_to
    work.session.delete(first)
    work.session.flush()
    work.session.add(
        DeskUnit(desk_id=desk.id, unit_id=unit_id, valid_from=opened_on, valid_to=valid_to)
    )


def move_desk(work: Work, desk: Desk, unit_id: int, since: date) -> None:
    """Give a desk to another unit from a day on; a name that is taken there gets a number."""
    current = work.session.scalars(
        select(DeskUnit).where(DeskUnit.desk_id == desk.id, DeskUnit.valid_to.is_(None))
    ).one()
    if current.valid_from >= since:
        current.unit_id = unit_id
    else:
        current.valid_to = since
        work.session.flush()
        _begin_unit(work, desk, unit_id, since)
    taken = set(work.session.scalars(select(Desk.name).where(Desk.unit_id == unit_id)))
    name, number = desk.name, 2
    while name in taken:
        name, number = f"{desk.name} ({number})", number + 1
    desk.unit_id, desk.name = unit_id, name
    _fold_desk(desk)
    work.session.flush()


# ---------------------------------------------------------------------------------------------
# Cameras


def save_camera(work: Work, data: inputs.SaveCamera) -> int:
    """Make or change a camera; return its id. Raises ValidationFailed, PermissionDenied."""
    desk = work.get(Desk, data.desk_id, lock=False)
    work.require(MANAGE, desk)
    camera = work.get(Camera, data.camera_id) if data.camera_id is not None else None
    if camera is not None:
        work.require(MANAGE, camera)
        check_version(camera, data.version)
    errors = _place_faults(work, data) + _camera_faults(work, data)
    if errors:
        raise ValidationFailed(errors)
    if camera is None:
        camera = Camera(name="")
        work.session.add(camera)
    asked_before = _asked_at(camera)
    _fill_camera(work, camera, desk.id, data)
    work.session.flush()
    _forget_if_moved(work, camera, asked_before)
    return camera.id


def _asked_at(camera: Camera) -> CameraAddress | None:
    """Return where a camera that is kept is asked; None when it is not, or is new."""
    return camera.address if camera.id is not None and _is_probed(camera) else None


def _forget_if_moved(work: Work, camera: Camera, before: CameraAddress | None) -> None:
    """Forget how a camera stands when that was said of another address, or nobody asks any more."""
    if before is not None and before != _asked_at(camera):
        monitoring.forget(work, camera.id)


def _fill_camera(work: Work, camera: Camera, desk_id: int, data: inputs.SaveCamera) -> None:
    camera.desk_id = desk_id
    camera.name = one_line(data.name)
    camera.set_name = one_line(data.set_name)
    camera.model = one_line(data.model)
    camera.place = one_line(data.place)
    camera.state = data.state
    camera.bought_on = data.bought_on
    camera.retired_on = _retired_on(work, data, camera.retired_on)
    camera.cost = data.cost
    camera.retention_days = data.retention_days
    camera.probe_minutes = data.probe_minutes
    camera.note = normalise(data.note)
    _take_address(camera, data)
    camera.sort_key = sort_key(camera.name)
    camera.folded = fold(f"{camera.name} {camera.place} {camera.model} {camera.set_name}")


def _is_probed(camera: Camera) -> bool:
    return camera.probe_kind is not None and camera.state is CameraState.IN_USE


def _retired_on(work: Work, data: inputs.SaveCamera, known: date | None) -> date | None:
    """Return since when it is no longer used: what was written before stays where nothing new is.

    A spreadsheet that is read in again says only that a camera is retired, not since when.
    """
    if data.state is not CameraState.RETIRED:
        return None
    return data.retired_on or known or work.today


def _take_address(camera: Camera, data: inputs.SaveCamera) -> None:
    address = data.address
    if address is None:
        camera.probe_kind, camera.host, camera.port, camera.path = None, "", 0, ""
        camera.username = camera.secret = None
        return
    moved = (camera.host, camera.port) != (address.host, address.port)
    camera.probe_kind, camera.host = address.kind, address.host
    camera.port, camera.path = address.port, address.path
    if address.username:
        camera.username, camera.secret = address.username, address.password
    elif data.forget_secret or moved:
        # A password is never sent to a host that it was not given for.
        camera.username = camera.secret = None


def _place_faults(work: Work, data: inputs.SaveCamera) -> list[FieldError]:
    """Return why a camera does not fit beside the others of its desk."""
    errors = []
    same = select(Camera.id).where(
        Camera.desk_id == data.desk_id, Camera.name == one_line(data.name)
    )
    if data.camera_id is not None:
        same = same.where(Camera.id != data.camera_id)
    if work.session.scalar(same) is not None:
        errors.append(FieldError("name", _("Bàn này đã có camera mang tên này.")))
    if data.camera_id is None:
        count = work.session.scalar(
            select(func.count()).select_from(Camera).where(Camera.desk_id == data.desk_id)
        )
        if count is not None and count >= MOST_CAMERAS_A_DESK:
            errors.append(FieldError("", _("Bàn này đã có quá nhiều camera.")))
    return errors


def _camera_faults(work: Work, data: inputs.SaveCamera) -> list[FieldError]:
    errors = []
    if not one_line(data.name):
        errors.append(FieldError("name", _("Hãy điền tên camera.")))
    for field in ("bought_on", "retired_on"):
        day = getattr(data, field)
        if day is not None and not EARLIEST <= day <= work.today:
            errors.append(FieldError(field, _("Ngày này ở tương lai hoặc quá xa.")))
    if data.retired_on and data.bought_on and data.retired_on < data.bought_on:
        errors.append(FieldError("retired_on", _("Ngày thôi dùng phải sau ngày mua.")))
    if data.cost is not None and not 0 <= data.cost <= MOST_COST:
        errors.append(FieldError("cost", _("Giá phải là số đồng, từ 0 đến 1.000 tỷ.")))
    if data.retention_days is not None and not 0 <= data.retention_days <= 36500:
        errors.append(FieldError("retention_days", _("Hãy nhập số ngày từ 0 đến 36.500.")))
    if not 5 <= data.probe_minutes <= 1440:
        errors.append(FieldError("probe_minutes", _("Hãy nhập số phút từ 5 đến 1.440.")))
    return errors


def set_states(work: Work, data: inputs.SetStates) -> int:
    """Give several cameras another state, all or none; return how many. PermissionDenied."""
    for camera_id in sorted(data.camera_ids):
        camera = work.get(Camera, camera_id)
        work.require(MANAGE, camera)
        was_probed = _is_probed(camera)
        camera.state = data.state
        camera.retired_on = (
            (camera.retired_on or work.today) if data.state is CameraState.RETIRED else None
        )
        work.session.flush()
        if was_probed and not _is_probed(camera):
            monitoring.forget(work, camera.id)
    return len(data.camera_ids)


def import_cameras(work: Work, data: inputs.ImportCameras) -> int:
    """Write all rows of a spreadsheet; return how many. Raises what saving one by hand raises.

    In parts: a statement is sent for many rows, and what is written is let go of.
    """
    work.require_held(MANAGE)
    desks = _desks_of(work, data.rows)
    for part in batched(data.rows):
        _import_part(work, [(desks[row.unit_id, row.desk_name], row.camera) for row in part])
    crowded = (
        select(Camera.desk_id).group_by(Camera.desk_id).having(func.count() > MOST_CAMERAS_A_DESK)
    )
    if set(work.session.scalars(crowded)) & set(desks.values()):
        raise ValidationFailed({"": _("Bàn này đã có quá nhiều camera.")})
    return len(data.rows)


def batched(items: Sequence[Item], size: int = 500) -> Iterator[Sequence[Item]]:
    """Yield a sequence in parts."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _desks_of(work: Work, rows: Sequence[inputs.CameraRow]) -> dict[tuple[int, str], int]:
    """Return the desks of rows by (unit, name), making those that are not there."""
    unit_ids = sorted({row.unit_id for row in rows})
    in_reach: set[int] = set()
    desks: dict[tuple[int, str], int] = {}
    for part in batched(unit_ids):
        reach = select(units.c.id).where(units.c.id.in_(part), visible(MANAGE, units))
        in_reach.update(work.session.scalars(reach))
        known = select(Desk.unit_id, Desk.name, Desk.id).where(Desk.unit_id.in_(part))
        desks.update({(one.unit_id, one.name): one.id for one in work.session.execute(known)})
    if in_reach != set(unit_ids):
        raise ValidationFailed({"unit_id": _("Hãy chọn đơn vị trong phạm vi của bạn.")})
    fresh = {
        (row.unit_id, row.desk_name): row
        for row in reversed(rows)
        if (row.unit_id, row.desk_name) not in desks
    }
    made = [
        {
            "unit_id": unit_id,
            "name": name,
            "place": one_line(row.desk_place),
            "opened_on": row.opened_on or work.today,
            "sort_key": sort_key(name),
            "folded": fold(f"{name} {one_line(row.desk_place)}"),
        }
        for (unit_id, name), row in fresh.items()
    ]
    keys = work.bulk_insert(Desk, made)
    work.session.add_all(
        DeskUnit(desk_id=key, unit_id=one["unit_id"], valid_from=one["opened_on"])
        for key, one in zip(keys, made, strict=True)
    )
    work.session.flush()
    return desks | dict(zip(fresh, keys, strict=True))


def _import_part(work: Work, rows: Sequence[tuple[int, inputs.SaveCamera]]) -> None:
    desk_ids = sorted({desk_id for desk_id, _camera in rows})
    known = {
        (one.desk_id, one.name): one
        for one in work.session.scalars(
            select(Camera).where(Camera.desk_id.in_(desk_ids)).with_for_update()
        )
    }
    written: list[tuple[Camera, CameraAddress | None]] = []
    for desk_id, data in rows:
        errors = _camera_faults(work, data)
        if errors:
            raise ValidationFailed(errors)
        camera = known.get((desk_id, one_line(data.name)))
        if camera is None:
            camera = Camera(name="")
            work.session.add(camera)
        written.append((camera, _asked_at(camera)))
        _fill_camera(work, camera, desk_id, data)
    work.session.flush()
    for camera, asked_before in written:
        _forget_if_moved(work, camera, asked_before)
    work.session.flush()
    for camera in {*known.values(), *(camera for camera, _before in written)}:
        work.session.expunge(camera)


def hand_over(work: Work, data: inputs.HandOver) -> int:
    """Give desks to the units that took over; return how many moved. Again changes nothing."""
    moved = 0
    for desk_id, unit_id in sorted(data.desks.items()):
        desk = work.session.get(Desk, desk_id, with_for_update=True, populate_existing=True)
        if desk is None or desk.unit_id == unit_id:
            continue
        move_desk(work, desk, unit_id, data.effective_on)
        moved += 1
    return moved


# ---------------------------------------------------------------------------------------------
# The list of what may be seen


def save_sight(work: Work, data: inputs.SaveSight) -> int:
    """Make or change a line of the list; return its id. Raises ValidationFailed.

    It counts for the whole instance: PermissionDenied unless the right covers all of it.
    """
    require_everywhere(MANAGE)
    name = one_line(data.name)
    if not name:
        raise ValidationFailed({"name": _("Hãy điền nội dung.")})
    sight = work.get(Sight, data.sight_id) if data.sight_id is not None else None
    if sight is None:
        number = (work.session.scalar(select(func.max(Sight.id))) or 0) + 1
        sight = Sight(code=f"own_{number}", name=name)
        work.session.add(sight)
    else:
        check_version(sight, data.version)
    sight.name = name
    sight.name_en = one_line(data.name_en)
    sight.severity = data.severity
    sight.position = data.position
    sight.is_active = data.is_active
    work.session.flush()
    return sight.id


def remove_sight(work: Work, sight_id: int) -> None:
    """Delete a line that no entry uses; Conflict for one that is used: it is switched off.

    It counts for the whole instance: PermissionDenied unless the right covers all of it.
    """
    require_everywhere(MANAGE)
    sight = work.session.get(Sight, sight_id)
    if sight is None:
        raise NotFound
    if work.session.scalar(select(EntrySight.entry_id).where(EntrySight.sight_id == sight_id)):
        raise Conflict(_("Nội dung này đã có trong nhật ký nên không xóa được; hãy thôi dùng nó."))
    work.session.delete(sight)

"""Services of the watch log and its roster."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, time, timedelta

from sqlalchemy import func, select

from tracker.api.errors import Conflict, FieldError, PermissionDenied, ValidationFailed
from tracker.api.files import attach
from tracker.api.i18n import gettext as _
from tracker.api.queries import leaves, people, reaches, units, visible
from tracker.api.text import fold, normalise
from tracker.api.work import Work
from tracker_camera_monitoring import inputs
from tracker_camera_monitoring.models import (
    Camera,
    Desk,
    DeskUnit,
    Entry,
    EntrySight,
    Severity,
    Shift,
    Sight,
)
from tracker_camera_monitoring.permissions import ROSTER, WATCH
from tracker_camera_monitoring.rosters import Span, minutes_of
from tracker_camera_monitoring.services import check_version, one_line

FILES = "camera_monitoring.entry"
MOST_FILES = 10
MOST_SIGHTS = 30
LONGEST_TEXT = 4000
DAYS_BACK = 60
DAYS_AHEAD = 370
# Whoever wrote an entry may put it right this long; others correct by a new one.
HOURS_TO_CORRECT = 48
GRAVITY = tuple(Severity)


def gravest(severities: Sequence[Severity]) -> Severity:
    """Return the gravest; nothing seen is normal."""
    return max(severities, key=GRAVITY.index, default=Severity.NORMAL)


# ---------------------------------------------------------------------------------------------
# Entries


def save_entry(work: Work, data: inputs.SaveEntry) -> int:
    """Write or correct an entry; return its id. A second send returns the first one's.

    Raises ValidationFailed, PermissionDenied, Conflict.
    """
    work.require_held(WATCH)
    if data.entry_id is None and data.send_key:
        known = work.session.scalar(select(Entry).where(Entry.send_key == data.send_key))
        if known is not None:
            if known.recorded_by_id != work.actor.user_id:
                raise Conflict
            return known.id
    desk = work.session.get(Desk, data.desk_id)
    entry = work.get(Entry, data.entry_id) if data.entry_id is not None else None
    if entry is not None:
        require_correctable(work, entry)
        check_version(entry, data.version)
    if desk is None or not work.may(WATCH, desk):
        raise ValidationFailed({"desk_id": _("Hãy chọn bàn tiếp dân trong phạm vi của bạn.")})
    sights = _sights(work, data.sight_ids)
    errors = _faults(work, data, desk)
    if errors:
        raise ValidationFailed(errors)
    if entry is None:
        entry = Entry(
            desk_id=desk.id,
            unit_id=_unit_on(work, desk, data.day),
            recorded_at=work.now,
            recorded_by_id=work.actor.user_id,
            recorded_by_name=work.actor.name,
            send_key=data.send_key,
        )
        work.session.add(entry)
    elif entry.desk_id != desk.id or entry.day != data.day:
        entry.desk_id, entry.unit_id = desk.id, _unit_on(work, desk, data.day)
    entry.camera_id = data.camera_id
    entry.day, entry.starts_at, entry.ends_at = data.day, data.starts_at, data.ends_at
    entry.severity = data.severity
    entry.text = normalise(data.text)
    entry.shows_people = data.shows_people or bool(data.files) or entry.shows_people is True
    entry.folded = fold(" ".join([entry.text, *(sight.name for sight in sights)]))[:4000]
    work.session.flush()
    _write_sights(work, entry, sights)
    for one in data.files:
        attach(work, one, FILES, entry.id)
    return entry.id


def require_correctable(work: Work, entry: Entry) -> None:
    """Raise unless whoever acts may still correct an entry: its author, for two days."""
    if work.actor.user_id is not None and entry.recorded_by_id != work.actor.user_id:
        raise PermissionDenied(_("Chỉ người ghi mới sửa được dòng nhật ký này."))
    if work.now - entry.recorded_at > timedelta(hours=HOURS_TO_CORRECT):
        raise Conflict(_("Đã quá 48 giờ nên không sửa được nữa; hãy ghi một dòng mới."))


def _sights(work: Work, ids: Sequence[int]) -> list[Sight]:
    wanted = sorted(set(ids))
    if len(wanted) > MOST_SIGHTS:
        raise ValidationFailed({"sight_ids": _("Chọn quá nhiều nội dung.")})
    found = list(
        work.session.scalars(select(Sight).where(Sight.id.in_(wanted)).order_by(Sight.position))
    )
    if len(found) != len(wanted):
        raise ValidationFailed({"sight_ids": _("Có nội dung không còn trong danh mục.")})
    return found


def _faults(work: Work, data: inputs.SaveEntry, desk: Desk) -> list[FieldError]:
    errors = []
    if data.day > work.today:
        errors.append(FieldError("day", _("Ngày xem chưa tới.")))
    elif (work.today - data.day).days > DAYS_BACK:
        errors.append(FieldError("day", _("Chỉ ghi được cho 60 ngày gần đây.")))
    if data.ends_at <= data.starts_at:
        errors.append(FieldError("ends_at", _("Giờ kết thúc phải sau giờ bắt đầu.")))
    if len(data.text) > LONGEST_TEXT:
        errors.append(FieldError("text", _("Dài quá %(most)d ký tự.", most=LONGEST_TEXT)))
    if data.severity is not Severity.NORMAL and not (data.sight_ids or data.text.strip()):
        errors.append(FieldError("text", _("Hãy chọn nội dung hoặc mô tả đã thấy gì.")))
    if data.camera_id is not None:
        camera = work.session.get(Camera, data.camera_id)
        if camera is None or camera.desk_id != desk.id:
            errors.append(FieldError("camera_id", _("Camera này không thuộc bàn đã chọn.")))
    return errors


def _unit_on(work: Work, desk: Desk, day: date) -> int:
    """Return whose the desk was on a day."""
    found = work.session.scalar(
        select(DeskUnit.unit_id).where(
            DeskUnit.desk_id == desk.id,
            DeskUnit.valid_from <= day,
            DeskUnit.valid_to.is_(None) | (DeskUnit.valid_to > day),
        )
    )
    return found if found is not None else desk.unit_id


def _write_sights(work: Work, entry: Entry, sights: Sequence[Sight]) -> None:
    wanted = {sight.id for sight in sights}
    for link in work.session.scalars(select(EntrySight).where(EntrySight.entry_id == entry.id)):
        if link.sight_id in wanted:
            wanted.discard(link.sight_id)
        else:
            work.session.delete(link)
    work.session.add_all(EntrySight(entry_id=entry.id, sight_id=one) for one in sorted(wanted))
    work.session.flush()


def link_entry(work: Work, data: inputs.LinkEntry) -> None:
    """Keep what became of an entry. The first visit and the first finding stay."""
    entry = work.get(Entry, data.entry_id)
    work.require(WATCH, entry)
    entry.visit_public_id = entry.visit_public_id or data.visit
    entry.finding_public_id = entry.finding_public_id or data.finding


# ---------------------------------------------------------------------------------------------
# Roster


def add_shift(work: Work, data: inputs.AddShift) -> int:
    """Put somebody on the roster; return the shift's id. Raises ValidationFailed."""
    work.require_held(ROSTER)
    errors = []
    if not reaches(ROSTER, units, data.unit_id):
        errors.append(FieldError("unit_id", _("Hãy chọn đơn vị trong phạm vi của bạn.")))
    found = _watcher(work, data.watcher_id)
    if found is None:
        errors.append(FieldError("watcher_id", _("Hãy chọn người xem.")))
    if data.ends_at <= data.starts_at:
        errors.append(FieldError("ends_at", _("Giờ kết thúc phải sau giờ bắt đầu.")))
    if not -DAYS_BACK <= (data.day - work.today).days <= DAYS_AHEAD:
        errors.append(FieldError("day", _("Ngày này quá xa.")))
    elif found is not None and _is_on_leave(work, data.watcher_id, data.day):
        errors.append(FieldError("watcher_id", _("Người này nghỉ vào ngày đó.")))
    if not errors and _overlaps(work, data):
        errors.append(FieldError("starts_at", _("Người này đã có ca trùng giờ trong ngày.")))
    if errors or found is None:
        raise ValidationFailed(errors)
    name, watcher_unit_id = found
    shift = Shift(
        unit_id=data.unit_id,
        watcher_id=data.watcher_id,
        watcher_name=name,
        watcher_unit_id=watcher_unit_id,
        day=data.day,
        starts_at=data.starts_at,
        ends_at=data.ends_at,
        note=one_line(data.note),
    )
    work.session.add(shift)
    work.session.flush()
    return shift.id


def _watcher(work: Work, person_id: int) -> tuple[str, int] | None:
    """Return name and unit of who may be put on the roster: active, of a unit in reach."""
    row = work.session.execute(
        select(people.c.name, people.c.unit_id).where(
            people.c.id == person_id,
            people.c.is_active,
            people.c.unit_id.in_(select(units.c.id).where(visible(ROSTER, units))),
        )
    ).one_or_none()
    return None if row is None else (row.name, row.unit_id)


def _is_on_leave(work: Work, person_id: int, day: date) -> bool:
    found = select(leaves.c.id).where(
        leaves.c.user_id == person_id, leaves.c.valid_from <= day, leaves.c.valid_to >= day
    )
    return work.session.scalar(found.limit(1)) is not None


def _overlaps(work: Work, data: inputs.AddShift) -> bool:
    return (
        work.session.scalar(
            select(func.count())
            .select_from(Shift)
            .where(
                Shift.watcher_id == data.watcher_id,
                Shift.day == data.day,
                Shift.starts_at < data.ends_at,
                Shift.ends_at > data.starts_at,
            )
        )
        or 0
    ) > 0


def remove_shift(work: Work, data: inputs.RemoveShift) -> None:
    """Take a turn off the roster."""
    shift = work.get(Shift, data.shift_id)
    work.require(ROSTER, shift)
    work.session.delete(shift)


def copy_week(work: Work, data: inputs.CopyWeek) -> int:
    """Repeat the turns of the week before, without those that overlap or fall into a leave.

    Return how many.
    """
    work.require_held(ROSTER)
    before = data.monday - timedelta(days=7)
    copied = 0
    for shift in list(
        work.session.scalars(
            select(Shift)
            .where(Shift.day >= before, Shift.day < data.monday)
            .order_by(Shift.day, Shift.starts_at, Shift.id)
        )
    ):
        if not work.may(ROSTER, shift):
            continue
        turn = inputs.AddShift(
            unit_id=shift.unit_id,
            watcher_id=shift.watcher_id,
            day=shift.day + timedelta(days=7),
            starts_at=shift.starts_at,
            ends_at=shift.ends_at,
            note=shift.note,
        )
        if _watcher(work, shift.watcher_id) is None or _overlaps(work, turn):
            continue
        if not _is_on_leave(work, turn.watcher_id, turn.day):
            add_shift(work, turn)
            copied += 1
    return copied


def span_of(starts_at: time, ends_at: time) -> Span:
    """Return a time of a day as a span."""
    return Span(minutes_of(starts_at), minutes_of(ends_at))

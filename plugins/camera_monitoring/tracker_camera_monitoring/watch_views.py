"""Pages of the watch log: the stream, an entry, the form, the day's sheet."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import select
from werkzeug.wrappers import Response

from tracker.api.clock import LOCAL, now, today
from tracker.api.errors import Conflict, NotFound, PermissionDenied, ValidationFailed
from tracker.api.files import links_of, prepare_all
from tracker.api.i18n import gettext as _
from tracker.api.queries import paginate, session, setting, unit_names
from tracker.api.web import (
    flash,
    optional_int,
    page_number,
    redirect,
    render_template,
    request,
    requires,
    url_for,
)
from tracker.api.work import actor_id, log_reads, may, run
from tracker_camera_monitoring import (
    follow_up,
    forms,
    inputs,
    labels,
    queries,
    reading,
    watch_queries,
    watching,
)
from tracker_camera_monitoring.blueprint import (
    blueprint,
    choice_in,
    day_in,
    existing,
    key_in,
    text_in,
)
from tracker_camera_monitoring.models import Camera, Desk, Entry, Severity
from tracker_camera_monitoring.permissions import READ_LOG, WATCH

MOST_ON_SHEET = 500
# Beyond so many cameras a list of them is no help, and a page too heavy for a phone.
MOST_CHOICES = 1000
Page = str | tuple[str, int] | Response


def _filters() -> watch_queries.EntryFilters:
    return watch_queries.EntryFilters(
        unit_id=key_in("dv"),
        desk_id=key_in("ban"),
        severity=choice_in(Severity, "muc_do"),
        sight_id=key_in("nd"),
        start=day_in("tu"),
        end=day_in("den"),
        text=text_in("q"),
        only_mine=actor_id() if request.args.get("toi") == "1" else None,
    )


@dataclass(frozen=True)
class DayOfEntries:
    """Entries of one day, as the stream groups them."""

    day: date
    rows: list[Any]


@blueprint.get("/nhat-ky")
@requires(READ_LOG)
def list_entries() -> str:
    """Show the stream, newest first, day by day."""
    filters = _filters()
    page = paginate(watch_queries.entries_query(filters), page_number(), 40)
    days: list[DayOfEntries] = []
    for row in page.rows:
        if not days or days[-1].day != row.day:
            days.append(DayOfEntries(row.day, []))
        days[-1].rows.append(row)
    return render_template(
        "camera_monitoring/entries.html",
        filters=filters,
        page=page,
        days=days,
        sights=watch_queries.sights_of([row.id for row in page.rows]),
        all_sights=queries.sights(only_active=False),
        units=queries.units_with_desks(),
        desk_name=_desk_name(filters.desk_id),
        is_filtered=filters != watch_queries.EntryFilters(),
    )


def _desk_name(desk_id: int | None) -> str:
    desk = queries.find_desk(desk_id) if desk_id is not None else None
    return desk.name if desk is not None else ""


@blueprint.get("/nhat-ky/in")
@requires(READ_LOG)
def print_day() -> str:
    """Show a day's entries as a sheet of paper; reading those that show people is logged."""
    day = day_in("ngay") or today()
    filters = watch_queries.EntryFilters(start=day, end=day, unit_id=key_in("dv"))
    rows = list(
        reversed(session().execute(watch_queries.entries_query(filters).limit(MOST_ON_SHEET)).all())
    )
    ids = [row.id for row in rows]
    unit_name = unit_names([filters.unit_id]).get(filters.unit_id, "") if filters.unit_id else ""
    shown = [row.id for row in rows if row.shows_people]
    log_reads(
        session().scalars(select(Entry).where(Entry.id.in_(shown)).order_by(Entry.id)).all(),
        _(
            "Tờ nhật ký ngày %(day)s%(unit)s: %(shown)d dòng có hình người trong %(all)d dòng",
            day=f"{day:%d/%m/%Y}",
            unit=f", {unit_name}" if unit_name else "",
            shown=len(shown),
            all=len(rows),
        ),
    )
    return render_template(
        "camera_monitoring/day_sheet.html",
        day=day,
        rows=rows,
        sights=watch_queries.sights_of(ids),
        shifts=watch_queries.shifts_between(day, day),
        unit_id=filters.unit_id,
        unit_name=unit_name,
        agency=str(setting("agency.name") or ""),
    )


# ---------------------------------------------------------------------------------------------
# The form


def _seen_choices(keep: Entry | None) -> list[tuple[str, str]]:
    desks = queries.desk_choices(WATCH, today(), keep=keep.desk_id if keep else None)
    cameras: dict[int, list[tuple[int, str]]] = {}
    found_cameras = queries.watchable_cameras(today())
    if len(found_cameras) > MOST_CHOICES:
        # A whole province: desks to choose from, and the cameras only where one was asked for.
        asked = {key_in("may"), optional_int(str(request.form.get("seen", ""))[1:]) if _is_camera()
                 else None}  # fmt: skip
        found_cameras = [one for one in found_cameras if one[0] in asked]
    for camera_id, name, desk_id in found_cameras:
        cameras.setdefault(desk_id, []).append((camera_id, name))
    found: list[tuple[str, str]] = []
    for desk_id, label in desks:
        found.append((f"d{desk_id}", label))
        found.extend((f"c{one}", f"{label}, {name}") for one, name in cameras.get(desk_id, ()))
    if keep is not None and keep.camera_id is not None:
        value = f"c{keep.camera_id}"
        camera = session().get(Camera, keep.camera_id)
        if camera is not None and value not in dict(found):
            found.append((value, camera.name))
    return found


def _is_camera() -> bool:
    """Tell whether a sent form names a camera."""
    words = request.form.get("seen", "")
    return bool(forms.SEEN.match(words)) and words[0] == "c"


def _prepare(form: forms.EntryForm, entry: Entry | None) -> None:
    form.seen.choices = forms.options(_seen_choices(entry), "")
    active = queries.sights(only_active=True)
    if entry is not None:
        known = {sight.id for sight in active}
        kept = watch_queries.sights_of([entry.id]).get(entry.id, [])
        active += [sight for sight in kept if sight.id not in known]
    form.sight_ids.choices = forms.options(
        (sight.id, labels.sight_name(sight.name, sight.name_en)) for sight in active
    )
    form.severity.choices = forms.options(
        [("", _("Theo nội dung")), *labels.choices_of(labels.SEVERITIES)]
    )


def _suggest(form: forms.EntryForm) -> None:
    """Fill a new form with what is likely: this turn or the last hour, one's last desk."""
    moment = now().astimezone(LOCAL)
    day, at = moment.date(), moment.time().replace(second=0, microsecond=0)
    form.day.data = day
    form.ends_at.data = at
    form.starts_at.data = _an_hour_before(at)
    form.send_key.data = str(uuid.uuid4())
    form.severity.data = ""
    user_id = actor_id()
    if user_id is not None:
        for shift in watch_queries.my_shifts(user_id, day, day):
            if shift.starts_at <= at <= shift.ends_at and shift.starts_at < at:
                form.starts_at.data = shift.starts_at
        newest = watch_queries.newest_own(user_id)
        if newest is not None:
            camera = newest.camera_id
            form.seen.data = f"c{camera}" if camera is not None else f"d{newest.desk_id}"
    for name, prefix in (("may", "c"), ("ban", "d")):
        key = key_in(name)
        if key is not None:
            form.seen.data = f"{prefix}{key}"


def _an_hour_before(at: time) -> time:
    moment = datetime.combine(date(2000, 1, 2), at) - timedelta(hours=1)
    return moment.time() if moment.day == 2 else time(0, 0)


@blueprint.route("/nhat-ky/moi", methods=["GET", "POST"])
@requires(WATCH)
def new_entry() -> Page:
    """Write what was seen."""
    form = forms.EntryForm()
    _prepare(form, None)
    if not form.is_submitted():
        _suggest(form)
    return _entry_page(form, None)


@blueprint.route("/nhat-ky/<int:entry_id>/sua", methods=["GET", "POST"])
@requires(WATCH)
def edit_entry(entry_id: int) -> Page:
    """Correct one's own entry."""
    entry = watch_queries.find_entry(existing(entry_id))
    if entry is None:
        raise NotFound
    if entry.recorded_by_id != actor_id():
        raise PermissionDenied(_("Chỉ người ghi mới sửa được dòng nhật ký này."))
    form = forms.EntryForm(obj=entry)
    _prepare(form, entry)
    if not form.is_submitted():
        form.seen.data = f"c{entry.camera_id}" if entry.camera_id else f"d{entry.desk_id}"
        form.severity.data = entry.severity.value
        form.sight_ids.data = [
            sight.id for sight in watch_queries.sights_of([entry.id]).get(entry.id, [])
        ]
    return _entry_page(form, entry)


def _entry_page(form: forms.EntryForm, entry: Entry | None) -> Page:
    status = 200
    if form.is_submitted():
        if form.validate():
            try:
                entry_id = run(watching.save_entry, _entry_input(form, entry))
            except ValidationFailed as error:
                form.take_errors(error)
            else:
                flash(_("Đã ghi nhật ký."), "success")
                return redirect(
                    url_for("camera_monitoring.list_entries", _anchor=f"nk-{entry_id}"), 303
                )
        status = 422
    page = render_template("camera_monitoring/entry_form.html", form=form, entry=entry)
    return page, status


def _entry_input(form: forms.EntryForm, entry: Entry | None) -> inputs.SaveEntry:
    desk_id, camera_id = _seen(str(form.seen.data))
    sight_ids = tuple(one for one in form.sight_ids.data or () if one is not None)
    return inputs.SaveEntry(
        desk_id=desk_id,
        camera_id=camera_id,
        day=form.day.data,
        starts_at=form.starts_at.data,
        ends_at=form.ends_at.data,
        sight_ids=sight_ids,
        severity=_severity(form, sight_ids),
        text=form.text.data or "",
        shows_people=bool(form.shows_people.data),
        files=tuple(prepare_all(request.files.getlist("files"), "files", watching.MOST_FILES)),
        send_key=form.send_key.data,
        entry_id=entry.id if entry else None,
        version=form.version.data if entry else None,
    )


def _severity(form: forms.EntryForm, sight_ids: tuple[int, ...]) -> Severity:
    """Return the chosen severity, or the gravest of what was seen."""
    if form.severity.data:
        return Severity(form.severity.data)
    chosen = [one.severity for one in queries.sights(only_active=False) if one.id in sight_ids]
    if not chosen and (form.text.data or "").strip():
        return Severity.NORMAL
    return watching.gravest(chosen)


def _seen(value: str) -> tuple[int, int | None]:
    """Return (desk, camera) of a choice. Raises ValidationFailed."""
    if not forms.SEEN.match(value):
        raise ValidationFailed({"seen": _("Hãy chọn bàn hoặc camera.")})
    key = int(value[1:])
    if value[0] == "d":
        return key, None
    camera = queries.find_camera(key)
    if camera is None:
        raise ValidationFailed({"seen": _("Hãy chọn bàn hoặc camera.")})
    return camera.desk_id, camera.id


# ---------------------------------------------------------------------------------------------
# One entry


@blueprint.get("/nhat-ky/<int:entry_id>")
@requires(READ_LOG)
def show_entry(entry_id: int) -> str:
    """Show an entry; one that shows people leaves a trace of who read it."""
    entry = watch_queries.find_entry(existing(entry_id))
    if entry is None:
        raise NotFound
    if entry.shows_people:
        reading.log_opening(entry, _("Mở nhật ký có hình người"))
        entry = watch_queries.find_entry(entry_id)
        if entry is None:
            raise NotFound
    desk = session().get_one(Desk, entry.desk_id)
    names = unit_names([entry.unit_id, desk.unit_id])
    camera = session().get(Camera, entry.camera_id) if entry.camera_id else None
    is_own = entry.recorded_by_id is not None and entry.recorded_by_id == actor_id()
    is_fresh = now() - entry.recorded_at <= timedelta(hours=watching.HOURS_TO_CORRECT)
    may_inspect = may(WATCH, entry) and may("inspections.log")
    return render_template(
        "camera_monitoring/entry.html",
        entry=entry,
        desk=desk,
        camera=camera,
        unit_name=names.get(entry.unit_id, ""),
        unit_now=names.get(desk.unit_id, ""),
        sights=watch_queries.sights_of([entry.id]).get(entry.id, []),
        files=links_of(watching.FILES, [entry.id]).get(entry.id, []),
        may_edit=is_own and is_fresh and may(WATCH, entry),
        may_inspect=may_inspect,
        visit_id=follow_up.visit_id_of(entry.visit_public_id),
        finding_id=follow_up.finding_id_of(entry.finding_public_id),
        open_visits=follow_up.open_visits(desk.unit_id) if may_inspect else (),
    )


def _entry_to_follow(entry_id: int) -> Entry:
    entry = watch_queries.find_entry(existing(entry_id))
    if entry is None:
        raise NotFound
    if not may(WATCH, entry):
        raise PermissionDenied
    return entry


@blueprint.post("/nhat-ky/<int:entry_id>/kiem-tra")
@requires(WATCH)
def begin_visit(entry_id: int) -> Response:
    """Begin a surprise visit because of an entry."""
    try:
        visit_id = follow_up.start_visit(_entry_to_follow(entry_id))
    except ValidationFailed as error:
        raise Conflict(error.message) from error
    flash(_("Đã mở cuộc kiểm tra đột xuất từ nhật ký camera."), "success")
    return redirect(url_for("inspections.show_visit", visit_id=visit_id), 303)


@blueprint.post("/nhat-ky/<int:entry_id>/phat-hien")
@requires(WATCH)
def record_finding(entry_id: int) -> Response:
    """Make an entry a finding: in the visit that was chosen, else in a new surprise visit."""
    entry = _entry_to_follow(entry_id)
    chosen = optional_int(request.form.get("visit_id", "")) if _is_key() else None
    try:
        finding_id = follow_up.record_finding(entry, chosen)
    except ValidationFailed as error:
        raise Conflict(error.message) from error
    flash(_("Đã ghi phát hiện từ nhật ký camera."), "success")
    return redirect(url_for("inspections.show_finding", finding_id=finding_id), 303)


def _is_key() -> bool:
    words = request.form.get("visit_id", "")
    return words.isascii() and words.isdigit() and len(words) < 10

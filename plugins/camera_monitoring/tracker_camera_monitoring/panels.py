"""What this plug-in adds to the core's pages: unit page, overview, my work, search, doctor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from tracker.api.clock import LOCAL, now, today
from tracker.api.hooks import (
    DashboardCard,
    Diagnosis,
    DoctorCheck,
    Health,
    MyWorkItem,
    MyWorkSource,
    Panel,
    Place,
    SearchHit,
    SearchProvider,
    TimelineEntry,
    TimelineSource,
    WorkGroup,
)
from tracker.api.i18n import gettext as _
from tracker.api.i18n import lazy_gettext as _l
from tracker.api.i18n import show_moment
from tracker.api.notices import NoticeKind, NoticeWords
from tracker.api.queries import session
from tracker.api.text import fold
from tracker.api.web import render_template, url_for
from tracker.api.work import actor_id
from tracker_camera_monitoring import (
    health_queries,
    labels,
    monitoring,
    queries,
    values,
    watch_queries,
)
from tracker_camera_monitoring.blueprint import css_address
from tracker_camera_monitoring.health_views import last_days
from tracker_camera_monitoring.models import StandingRow
from tracker_camera_monitoring.networks import NetworkUnreadable
from tracker_camera_monitoring.permissions import EXPLAIN, VIEW, WATCH
from tracker_camera_monitoring.probing import Health as CameraHealth
from tracker_camera_monitoring.probing import Reason
from tracker_camera_monitoring.rollups import total
from tracker_camera_monitoring.rosters import HoursUnreadable, read_hours
from tracker_camera_monitoring.watching import span_of

MOST_INCIDENTS = 5
MOST_ENTRIES = 200
TIMELINE_BACK = timedelta(days=365)
LONG_SECONDS = 24 * 3600
SHIFTS_AHEAD = 2
# Whoever saw nothing for so long should ask the job process.
STALE = timedelta(minutes=30)


def _context() -> dict[str, Any]:
    return {"camera_words": labels, "CameraHealth": CameraHealth, "camera_css": css_address}


def unit_panel(unit_id: int) -> str:
    """Return the cameras of a unit and those under it: how they stand, and open incidents."""
    start, end = last_days()
    counts = health_queries.count_health(unit_id)
    incidents = health_queries.incidents_query(
        health_queries.IncidentFilters(is_open=True, unit_id=unit_id)
    )
    day = today()
    watched, odd = _sums(watch_queries.entry_counts_by_unit(start, day, unit_id))
    return render_template(
        "camera_monitoring/_unit_panel.html",
        unit_id=unit_id,
        counts=counts,
        coverage=queries.coverage_on(day, day, unit_id),
        figures=total(health_queries.figures_by_unit(start, end, unit_id).values()),
        incidents=session().execute(incidents.limit(MOST_INCIDENTS)).all(),
        short_retention=queries.count_short_retention(values.whole("retention_days"), unit_id),
        wanted_days=values.whole("retention_days"),
        watched=watched,
        odd=odd,
        now=now(),
        **_context(),
    )


def _sums(counts: Mapping[int, tuple[int, int]]) -> tuple[int, int]:
    return sum(one[0] for one in counts.values()), sum(one[1] for one in counts.values())


def dashboard_card(as_of: date) -> str:
    """Return how all cameras stand now, for the overview of today; '' for a day gone by."""
    if as_of != today():
        return ""
    counts = health_queries.count_health()
    if not sum(counts.values()):
        return ""
    start, end = last_days()
    incidents = health_queries.incidents_query(health_queries.IncidentFilters(is_open=True))
    watched, odd = _sums(watch_queries.entry_counts_by_unit(start, as_of))
    return render_template(
        "camera_monitoring/_card.html",
        counts=counts,
        figures=total(health_queries.figures_by_unit(start, end).values()),
        incidents=session().execute(incidents.limit(MOST_INCIDENTS)).all(),
        watched=watched,
        odd=odd,
        now=now(),
        **_context(),
    )


def my_incidents() -> list[MyWorkItem]:
    """Return the incidents of one's units that nobody has explained yet."""
    query = health_queries.incidents_query(
        health_queries.IncidentFilters(is_open=True, is_unexplained=True), permission=EXPLAIN
    )
    return [
        MyWorkItem(
            group=WorkGroup.TO_DECIDE,
            title=_("Camera mất kết nối: %(camera)s", camera=row.camera_name),
            url=url_for("camera_monitoring.show_incident", incident_id=row.id),
            context=f"{row.unit_name} · {row.desk_name}",
            status="waiting",
            note=_("từ %(moment)s", moment=show_moment(row.began_at)),
            key=f"camera-incident-{row.id}",
        )
        for row in session().execute(query.limit(20))
    ]


def my_shifts() -> list[MyWorkItem]:
    """Return one's own turns to watch, of today and the next days, that nothing is written of."""
    user_id, day = actor_id(), today()
    if user_id is None:
        return []
    until = day + timedelta(days=SHIFTS_AHEAD)
    written = watch_queries.written_in(day, until)
    return [
        MyWorkItem(
            group=WorkGroup.DUE_SOON,
            title=_(
                "Xem camera %(start)s–%(end)s",
                start=f"{row.starts_at:%H:%M}",
                end=f"{row.ends_at:%H:%M}",
            ),
            url=url_for("camera_monitoring.new_entry"),
            context=row.name,
            due_on=row.day,
            status="not_started",
            key=f"camera-shift-{row.id}",
        )
        for row in watch_queries.my_shifts(user_id, day, until)
        if not watch_queries.is_written_of(
            span_of(row.starts_at, row.ends_at), written.get((row.day, user_id), ())
        )
    ]


def unit_entries(unit_id: int) -> list[TimelineEntry]:
    """Return the incidents of a unit's cameras that lasted a day or last on, for its timeline."""
    query = health_queries.incidents_query(
        health_queries.IncidentFilters(unit_id=unit_id, began_after=now() - TIMELINE_BACK)
    )
    return [
        TimelineEntry(
            at=row.began_at,
            known_at=row.opened_at,
            who=_("Thăm dò camera"),
            label=_("Camera mất kết nối: %(camera)s", camera=row.camera_name),
            detail=(
                _("Hết sau %(time)s.", time=labels.duration(_seconds(row)))
                if row.ended_at
                else labels.reason_sentence(row.reason) + "."
            ),
            icon="camera",
            tone="calm" if row.ended_at else "wait",
            url=url_for("camera_monitoring.show_incident", incident_id=row.id),
        )
        for row in session().execute(query.limit(MOST_ENTRIES))
        if row.ended_at is None or _seconds(row) >= LONG_SECONDS
    ]


def _seconds(row: Any) -> int:
    return int(((row.ended_at or now()) - row.began_at).total_seconds())


def search(query: str, limit: int) -> list[SearchHit]:
    """Find cameras and desks by their words."""
    order = health_queries.HEALTH_ORDER["unit"]
    found = health_queries.health_query(health_queries.HealthFilters(text=query)).order_by(*order)
    wanted = fold(query)
    return [
        SearchHit(
            title=f"{row.name}, {row.desk_name}",
            url=url_for("camera_monitoring.show_camera", camera_id=row.id),
            context=row.unit_name,
            icon="camera",
            exactness=90 if fold(row.name) == wanted else 50,
        )
        for row in session().execute(found.limit(limit))
    ]


def diagnose() -> Iterator[Diagnosis]:
    """Say whether settings can be read and whether cameras are asked at all."""
    text = str(values.OWN.setting("camera_monitoring.networks"))
    try:
        named = values.networks()
    except NetworkUnreadable as error:
        yield Diagnosis(
            Health.ERROR,
            _("Không đọc được mạng “%(word)s” trong thiết lập.", word=error.word),
            _("Sửa mục “Mạng được phép thăm dò camera” trong Thiết lập."),
        )
        return
    try:
        read_hours(str(values.OWN.setting("camera_monitoring.watch_hours")))
    except HoursUnreadable as error:
        yield Diagnosis(
            Health.WARNING,
            _("Không đọc được giờ xem camera “%(part)s”.", part=error.part),
            _("Ghi như 07:30-11:30, 13:30-17:00."),
        )
    if not text.strip() or not named:
        yield Diagnosis(Health.OK, _("Chưa khai mạng nào: camera không được thăm dò."))
        return
    checked_at = session().scalar(
        select(StandingRow.checked_at).order_by(StandingRow.checked_at.desc()).limit(1)
    )
    if checked_at is None:
        yield Diagnosis(Health.OK, _("Chưa có camera nào được thăm dò."))
    elif now() - checked_at > STALE:
        yield Diagnosis(
            Health.WARNING,
            _("Lần thăm dò camera mới nhất: %(moment)s.", moment=show_moment(checked_at)),
            _("Xem tiến trình việc tự động có chạy không."),
        )
    else:
        yield Diagnosis(Health.OK, _("Camera được thăm dò đều."))


def incident_words(params: Mapping[str, Any]) -> NoticeWords:
    """Return what the notice of an incident says."""
    began_at = datetime.fromisoformat(str(params["began_at"])).astimezone(LOCAL)
    return NoticeWords(
        _("Camera mất kết nối: %(camera)s, %(desk)s", camera=params["camera"], desk=params["desk"]),
        _(
            "Từ %(moment)s: %(reason)s.",
            moment=show_moment(began_at),
            reason=labels.REASONS[Reason(params["reason"])],
        ),
    )


PANELS = (
    Panel(
        key="camera_monitoring.unit",
        title=_l("Camera tại bàn tiếp dân"),
        place=Place.UNIT,
        render=unit_panel,
        permission=VIEW,
        weight=60,
    ),
)
CARDS = (
    DashboardCard(
        key="camera_monitoring.health",
        title=_l("Camera một cửa"),
        render=dashboard_card,
        permission=VIEW,
        weight=60,
    ),
)
MY_WORK = (
    MyWorkSource(
        key="camera_monitoring.incidents", items=my_incidents, permission=EXPLAIN, weight=70
    ),
    MyWorkSource(key="camera_monitoring.shifts", items=my_shifts, permission=WATCH, weight=71),
)
TIMELINES = (TimelineSource(key="camera_monitoring.unit", place=Place.UNIT, entries=unit_entries),)
SEARCH = (
    SearchProvider(
        key="camera_monitoring.cameras",
        label=_l("Camera"),
        search=search,
        permission=VIEW,
        weight=70,
    ),
)
CHECKS = (DoctorCheck(key="camera_monitoring.probes", label=_l("Thăm dò camera"), check=diagnose),)
NOTICES = (
    NoticeKind(
        key=monitoring.NOTICE,
        label=_l("Camera mất kết nối"),
        words=incident_words,
        icon="camera",
        group=_l("Camera một cửa"),
        urgent=True,
    ),
)

"""Pages that say how cameras stand: all of them, one of them, and incidents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from werkzeug.wrappers import Response

from tracker.api.clock import now, today
from tracker.api.errors import Conflict, NotFound, ValidationFailed
from tracker.api.i18n import gettext as _
from tracker.api.numbers import read_whole
from tracker.api.queries import paginate, session, unit_names
from tracker.api.web import (
    flash,
    page_number,
    redirect,
    render_template,
    request,
    requires,
    sorting,
    url_for,
)
from tracker.api.work import may, run
from tracker_camera_monitoring import (
    forms,
    health_queries,
    inputs,
    labels,
    monitoring,
    queries,
    values,
)
from tracker_camera_monitoring.blueprint import blueprint, choice_in, existing, key_in, text_in
from tracker_camera_monitoring.models import CameraState, Desk, Incident, StandingRow
from tracker_camera_monitoring.permissions import EXPLAIN, VIEW
from tracker_camera_monitoring.probing import Health
from tracker_camera_monitoring.register_views import address_text
from tracker_camera_monitoring.rollups import DayFigures, days_between

DAYS = 30
MOST_STRETCHES = 30
MOST_INCIDENTS = 20
# After so long a page stops waiting for an answer: the job process is busy, or not there.
PATIENCE = timedelta(seconds=90)
# What an address may name as a moment: seconds since 1970, of ten digits.
LATEST_SECONDS = 9_999_999_999
Page = str | tuple[str, int] | Response


@blueprint.get("")
@requires(VIEW)
def show_health() -> str:
    """Show how all cameras stand, those that do not work first, and the open incidents."""
    filters = health_queries.HealthFilters(
        health=choice_in(Health, "tt"), unit_id=key_in("dv"), text=text_in("q")
    )
    order = sorting(health_queries.HEALTH_ORDER, "state")
    query = order.apply(health_queries.health_query(filters), health_queries.HEALTH_ORDER)
    page = paginate(query, page_number())
    start, end = last_days()
    open_incidents = health_queries.incidents_query(
        health_queries.IncidentFilters(is_open=True, unit_id=filters.unit_id)
    )
    return render_template(
        "camera_monitoring/health.html",
        filters=filters,
        order=order,
        page=page,
        counts=health_queries.count_health(filters.unit_id),
        figures=health_queries.figures_of([row.id for row in page.rows], start, end),
        incidents=session().execute(open_incidents.limit(MOST_INCIDENTS)).all(),
        units=queries.units_with_desks(),
        checked_at=health_queries.last_checked(session()),
        is_probing=bool(str(values.OWN.setting("camera_monitoring.networks")).strip()),
        now=now(),
        days=DAYS,
    )


def last_days() -> tuple[date, date]:
    """Return the days that figures of a page are about: the newest whole ones."""
    yesterday = today() - timedelta(days=1)
    return yesterday - timedelta(days=DAYS - 1), yesterday


@dataclass(frozen=True)
class DayBar:
    """A day as the chart shows it: its height in percent, and the figures."""

    day: date
    figures: DayFigures | None
    x: int

    @property
    def up(self) -> float:
        """Return the height of what worked, of 100."""
        share = self.figures.availability if self.figures else None
        return float(share) if share is not None else 0.0

    @property
    def is_known(self) -> bool:
        """Tell whether anybody measured."""
        return self.figures is not None and self.figures.measured_seconds > 0


@blueprint.get("/so/may/<int:camera_id>")
@requires(VIEW)
def show_camera(camera_id: int) -> str:
    """Show a camera: its facts, how it stands, its last days, stretches and incidents."""
    camera = queries.find_camera(existing(camera_id))
    if camera is None:
        raise NotFound
    desk = session().get_one(Desk, camera.desk_id)
    start, end = last_days()
    by_day = health_queries.days_of(camera.id, start, end)
    bars = [
        DayBar(day, by_day.get(day), number) for number, day in enumerate(days_between(start, end))
    ]
    standing = session().get(StandingRow, camera.id)
    incidents = health_queries.incidents_query(
        health_queries.IncidentFilters(camera_id=camera.id)
    ).limit(MOST_INCIDENTS)
    asked_at = _asked_at()
    return render_template(
        "camera_monitoring/camera.html",
        camera=camera,
        answer=_answer_to(asked_at, standing) if asked_at else None,
        may_probe=bool(camera.probe_kind)
        and camera.state is CameraState.IN_USE
        and may(EXPLAIN, camera),
        desk=desk,
        unit_name=unit_names([desk.unit_id]).get(desk.unit_id, ""),
        address=address_text(camera),
        has_secret=bool(camera.username),
        standing=standing,
        standing_health=labels.health_of_row(standing.reason if standing else None),
        bars=bars,
        total=health_queries.figures_of([camera.id], start, end).get(camera.id),
        stretches=health_queries.stretches_of(camera.id, MOST_STRETCHES),
        incidents=session().execute(incidents).all(),
        wanted_days=values.whole("retention_days"),
        now=now(),
        days=DAYS,
    )


class Answer(StrEnum):
    """What became of the wish to know at once how a camera stands."""

    WAITING = "waiting"
    THERE = "there"
    LATE = "late"


def _asked_at() -> datetime | None:
    """Return when whoever looks asked for a probe, as the address says."""
    seconds = read_whole(request.args.get("hoi", ""), LATEST_SECONDS)
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _answer_to(asked_at: datetime, standing: StandingRow | None) -> Answer:
    if standing is not None and standing.checked_at >= asked_at:
        return Answer.THERE
    return Answer.WAITING if now() - asked_at < PATIENCE else Answer.LATE


@blueprint.post("/so/may/<int:camera_id>/kiem-tra")
@requires(EXPLAIN)
def probe_now(camera_id: int) -> Response:
    """Have a camera asked at once; its page shows what it said."""
    if queries.find_camera(existing(camera_id)) is None:
        raise NotFound
    if not str(values.OWN.setting("camera_monitoring.networks")).strip():
        raise Conflict(_("Chưa khai mạng nào được phép thăm dò."))
    run(monitoring.ask_probe, inputs.AskProbe(camera_id))
    return redirect(
        url_for("camera_monitoring.show_camera", camera_id=camera_id, hoi=int(now().timestamp())),
        303,
    )


@blueprint.get("/su-co")
@requires(VIEW)
def list_incidents() -> str:
    """Show incidents, open ones first."""
    shown = request.args.get("tt", "")
    filters = health_queries.IncidentFilters(
        is_open={"mo": True, "xong": False}.get(shown), unit_id=key_in("dv")
    )
    return render_template(
        "camera_monitoring/incidents.html",
        filters=filters,
        shown=shown,
        page=paginate(health_queries.incidents_query(filters), page_number()),
        units=queries.units_with_desks(),
        now=now(),
    )


@blueprint.route("/su-co/<int:incident_id>", methods=["GET", "POST"])
@requires(VIEW)
def show_incident(incident_id: int) -> Page:
    """Show an incident; whoever answers for the unit says what caused it."""
    query = health_queries.incidents_query(health_queries.IncidentFilters())
    row = session().execute(query.where(Incident.id == existing(incident_id))).one_or_none()
    if row is None:
        raise NotFound
    incident = session().get_one(Incident, row.id)
    form = forms.CauseForm(obj=row)
    may_explain = may(EXPLAIN, incident)
    status = 200
    if form.is_submitted():
        if form.validate():
            try:
                run(
                    monitoring.explain_incident,
                    inputs.ExplainIncident(incident_id, form.cause.data or "", form.version.data),
                )
            except ValidationFailed as error:
                form.take_errors(error)
            else:
                flash(_("Đã ghi nguyên nhân."), "success")
                return redirect(url_for("camera_monitoring.show_incident", incident_id=row.id), 303)
        status = 422
    page = render_template(
        "camera_monitoring/incident.html",
        incident=row,
        form=form,
        may_explain=may_explain,
        now=now(),
    )
    return page, status

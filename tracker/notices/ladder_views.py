"""Pages of the ladder: its rungs, what nobody answered, and pauses."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup

from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import BadRequest, Conflict, NotFound, ValidationFailed
from tracker.core.numbers import read_whole
from tracker.core.rights import rights
from tracker.core.work import run
from tracker.notices import forms, ladder_services, step_queries
from tracker.notices.escalation_models import Audience, EscalationRung
from tracker.notices.permissions import LADDER, UNANSWERED
from tracker.notices.views import Answer, blueprint
from tracker.plans.models import Assignment, Task
from tracker.units.models import Unit
from tracker.web.doors import requires
from tracker.web.paging import page_number, paginate


@blueprint.get("/thiet-lap/bac-nhac-viec")
@requires(LADDER)
def list_rungs() -> str:
    """Show the ladder."""
    return render_template(
        "notices/rungs.html", rungs=step_queries.rungs(), audiences=forms.AUDIENCES
    )


@blueprint.route("/thiet-lap/bac-nhac-viec/them", methods=["GET", "POST"])
@requires(LADDER)
def add_rung() -> Answer:
    """Add a rung to the ladder."""
    return _rung_page(None)


@blueprint.route("/thiet-lap/bac-nhac-viec/<int:rung_id>", methods=["GET", "POST"])
@requires(LADDER)
def edit_rung(rung_id: int) -> Answer:
    """Change a rung, or switch it off."""
    row = db.session.get(EscalationRung, rung_id)
    if row is None:
        raise NotFound
    return _rung_page(row)


def _rung_page(row: EscalationRung | None) -> Answer:
    form: Any = forms.RungForm(
        data={
            "offset_days": row.offset_days if row else None,
            "audience": row.audience.value if row else Audience.OFFICER.value,
            "is_active": row.is_active if row else True,
            "version": str(row.version) if row else "0",
        }
    )
    row_id = row.id if row else None
    status, message = 200, ""
    if request.method == "POST":
        status = 422
        if form.validate():
            version = read_whole(request.form.get("version", ""), 2**31 - 1)
            if version is None:
                raise BadRequest(_("Biểu mẫu thiếu phiên bản. Hãy tải lại trang."))
            data = ladder_services.SaveRung(
                offset_days=form.offset_days.data,
                audience=Audience(form.audience.data),
                is_active=form.is_active.data,
                rung_id=row_id,
                version=version,
            )
            try:
                run(ladder_services.save_rung, data)
            except ValidationFailed as error:
                form.take_errors(error)
            except Conflict as error:
                status, message = 409, error.message
            else:
                flash(_("Đã lưu bậc nhắc việc."), "success")
                return redirect(url_for("notices.list_rungs"), 303)
    return (
        render_template("notices/rung.html", form=form, message=message, rung_id=row_id),
        status,
    )


@blueprint.get("/nhac-viec")
@requires(UNANSWERED)
def list_units() -> str:
    """Show by unit what reminders and urges nothing came of."""
    return render_template("notices/units.html", units=step_queries.unit_counts())


@blueprint.get("/nhac-viec/<int:unit_id>")
@requires(UNANSWERED)
def list_steps(unit_id: int) -> str:
    """Show each step about a unit's work: why, when, to whom, opened, acted on."""
    unit = db.session.get(Unit, unit_id)
    if unit is None or not rights.may(db.session(), current().actor.access, UNANSWERED, unit):
        raise NotFound
    only_open = request.args.get("tat_ca") != "1"
    page = paginate(
        db.session(), step_queries.steps_query(unit_id, only_open=only_open), page_number()
    )
    return render_template(
        "notices/steps.html",
        unit=unit,
        page=page,
        rows=step_queries.step_rows(page.rows),
        only_open=only_open,
        audiences=forms.AUDIENCES,
    )


@blueprint.route("/nhac-viec/tam-dung/<int:assignment_id>", methods=["GET", "POST"])
@requires("tasks.decide")
def pause_reminders(assignment_id: int) -> Answer:
    """Let the ladder rest for an assignment, with the reason."""
    assignment = db.session.get(Assignment, assignment_id)
    access = current().actor.access
    if assignment is None or not rights.may(db.session(), access, "tasks.decide", assignment):
        raise NotFound
    task, unit = db.session.get_one(Task, assignment.task_id), assignment.unit_id
    title = task.title
    form: Any = forms.PauseForm()
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate():
            data = ladder_services.PauseReminders(assignment_id, form.until.data, form.reason.data)
            try:
                run(ladder_services.pause_reminders, data)
            except ValidationFailed as error:
                form.take_errors(error)
            else:
                flash(_("Đã tạm dừng nhắc việc này."), "success")
                return redirect(url_for("notices.list_steps", unit_id=unit), 303)
    page = render_template("notices/pause.html", form=form, title=title, unit_id=unit,
                           assignment_id=assignment_id)  # fmt: skip
    return page, status


def unanswered_card(_as_of: object) -> str:
    """Return the overview's block of what nobody answered, '' when there is nothing."""
    tasks, units = step_queries.unanswered()
    if not tasks:
        return ""
    return Markup(render_template("notices/_card.html", tasks=tasks, units=units))  # noqa: S704

"""The ledger as pages: the jobs, their runs, one run with its log and progress, and 'run now'."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from tracker.core.db import db
from tracker.core.errors import BadRequest, NotFound, ValidationFailed
from tracker.core.text import normalise
from tracker.core.work import run
from tracker.jobs import queries
from tracker.jobs.labels import KIND_LABELS, STATE_ICONS, STATE_LABELS, STATE_TONES
from tracker.jobs.ledger import LONGEST_REASON, StartByHand, start_by_hand
from tracker.jobs.models import JobRun, RunKind, RunState
from tracker.plugins.descriptors import JobSpec
from tracker.plugins.host import current_registry
from tracker.web.contracts import shell_contracts
from tracker.web.doors import requires, signed_in
from tracker.web.forms import Form, Longest, Note
from tracker.web.paging import address_with, page_number, paginate

blueprint = Blueprint("jobs", __name__)


class StartForm(Form):
    """Why a job is started by hand."""

    reason = Note(_l("Lý do"), [Longest(LONGEST_REASON)])


def _wanted() -> queries.RunFilter:
    args = request.args
    state, kind = args.get("state", ""), args.get("kind", "")
    try:
        return queries.RunFilter(
            normalise(args.get("job", ""))[:80],
            RunState(state) if state else None,
            RunKind(kind) if kind else None,
        )
    except ValueError as error:
        raise BadRequest(_("Bộ lọc không hợp lệ.")) from error


def _words() -> dict[str, Any]:
    return {
        "state_labels": STATE_LABELS,
        "state_tones": STATE_TONES,
        "state_icons": STATE_ICONS,
        "kind_labels": KIND_LABELS,
        "label_of": queries.label_of,
        "last_line": queries.last_line,
    }


@blueprint.get("/viec-tu-dong")
@requires(queries.VIEW)
def list_runs() -> str:
    """Show each job with its next due moment and last result, and the newest runs."""
    wanted = _wanted()
    page = paginate(db.session(), queries.runs_query(wanted), page_number())
    known = [(key, queries.label_of(key)) for key in queries.known_jobs()]
    return render_template(
        "jobs/list.html",
        jobs=queries.job_lines(shell_contracts().clock.now()),
        runs=[row.JobRun for row in page.rows],
        page=page,
        page_url=lambda number: address_with(page=number),
        wanted=wanted,
        is_filtered=wanted != queries.RunFilter(),
        job_choices=known,
        state_choices=[(one.value, str(label)) for one, label in STATE_LABELS.items()],
        kind_choices=[(one.value, str(label)) for one, label in KIND_LABELS.items()],
        **_words(),
    )


@blueprint.get("/viec-tu-dong/lan-chay/<uuid:run_id>")
@signed_in
def show_run(run_id: UUID) -> str:
    """Show a run with its log and how far it is, to whoever asked for it or may see the ledger."""
    return render_template("jobs/run.html", **_run_parts(queries.get_run(run_id)))


@blueprint.get("/viec-tu-dong/lan-chay/<uuid:run_id>/tien-do")
@signed_in
def run_progress(run_id: UUID) -> str:
    """Show the part of a run's page that changes while it runs."""
    return render_template("jobs/_progress.html", **_run_parts(queries.get_run(run_id)))


def _run_parts(one: JobRun) -> dict[str, Any]:
    return {
        "one": one,
        "is_open": one.state in (RunState.QUEUED, RunState.RUNNING),
        "result_label": queries.result_label_of(one.job),
        "seconds": queries.seconds_of(one),
        "input_rows": sorted((str(key), value) for key, value in dict(one.input or {}).items()),
        **_words(),
    }


def _job(key: str) -> JobSpec:
    spec = current_registry().jobs.get(key)
    if spec is None or not spec.by_hand:
        raise NotFound
    return spec


@blueprint.route("/viec-tu-dong/<key>/chay", methods=["GET", "POST"])
@requires(queries.RUN)
def start(key: str) -> Response | tuple[str, int]:
    """Ask why, and queue a run of a job now."""
    spec = _job(key)
    form = StartForm()
    status = 200
    if request.method == "POST":
        if form.validate():
            try:
                run_id = run(start_by_hand, StartByHand(key, form.reason.data or ""))
            except ValidationFailed as error:
                form.take_errors(error)
                status = 422
            else:
                flash(_("Đã đưa vào hàng chờ; việc chạy trong giây lát."), "success")
                return redirect(url_for("jobs.show_run", run_id=run_id), 303)
        else:
            status = 422
    return render_template("jobs/start.html", spec=spec, form=form), status

"""Pages of findings: the list, one finding with its timeline, remedy and verification."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import Select
from werkzeug.wrappers import Response
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined] # newer than its types

from tracker.accounts.forms import options
from tracker.core import numbers
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import BadRequest, Conflict, NotFound, ValidationFailed
from tracker.core.work import run
from tracker.files import queries as file_queries
from tracker.files.services import PreparedFile, prepare_all
from tracker.inspections import forms, inputs, labels, panels, queries, services
from tracker.inspections.blueprint import (
    blueprint,
    choice_in,
    day_in,
    existing,
    key_in,
    prepare_photos,
    text_in,
)
from tracker.inspections.figures import AS_OF
from tracker.inspections.models import (
    ChecklistItem,
    Finding,
    FindingState,
    Remedy,
    Severity,
    Visit,
    VisitState,
)
from tracker.inspections.permissions import LOG, REMEDY, SELF, VERIFY, VIEW
from tracker.settings.queries import whole
from tracker.units.models import Unit
from tracker.units.queries import name_as_of
from tracker.web import conflict
from tracker.web.doors import hide_unless, requires, safe_next
from tracker.web.exports import count_rows, send_workbook
from tracker.web.paging import page_number, paginate, sorting
from tracker.web.xlsx import Column, Sheet

MOST_EXPORTED = 20_000


def _filters() -> queries.FindingFilters:
    return queries.FindingFilters(
        state=choice_in(FindingState, "tt"),
        severity=choice_in(Severity, "muc_do"),
        unit_id=key_in("dv"),
        start=day_in("tu"),
        end=day_in("den"),
        is_overdue=request.args.get("qua_han") == "1",
        is_repeated=request.args.get("lap_lai") == "1",
        is_closed_on_time=request.args.get("dung_han") == "1",
        code=text_in("ma"),
        text=text_in("q"),
        as_of=_past_day(),
    )


def _past_day() -> date | None:
    """Return the earlier day by whose end findings are judged, None for now. Raises BadRequest."""
    day, today = day_in(AS_OF), current().clock.today()
    if day is not None and day > today:
        raise BadRequest(_("Chưa có số liệu của ngày này: hãy chọn ngày không sau hôm nay."))
    return None if day == today else day


@blueprint.get("/phat-hien")
@requires(VIEW)
def list_findings() -> str:
    """Show findings, the most pressing first."""
    filters, today = _filters(), current().clock.today()
    order = sorting(queries.FINDING_ORDER, "due")
    query = order.apply(queries.findings_query(filters, today), queries.FINDING_ORDER)
    return render_template(
        "inspections/findings.html",
        filters=filters,
        order=order,
        page=paginate(db.session(), query, page_number()),
        units=queries.inspected_units(),
    )


@blueprint.get("/phat-hien/xuat")
@requires(VIEW)
def export_findings() -> Response:
    """Send the filtered list as a spreadsheet, in the order that the page has."""
    today = current().clock.today()
    order = sorting(queries.FINDING_ORDER, "due")
    query = queries.findings_query(_filters(), today)
    rows = count_rows(query)
    query = order.apply(query, queries.FINDING_ORDER).limit(MOST_EXPORTED)
    return send_workbook("phat-hien.xlsx", rows, lambda: [_sheet(query, today)])


def _sheet(query: Select[Any], today: date) -> Sheet:
    return Sheet(
        ngettext("Phát hiện", "Phát hiện", 2),
        (
            Column(_("Nội dung"), 60),
            Column(_("Đơn vị"), 36),
            Column(_("Mức độ"), 14),
            Column(_("Trạng thái"), 16),
            Column(_("Ngày phát hiện"), 14, "date"),
            Column(_("Hạn khắc phục"), 14, "date"),
            Column(_("Ngày đóng"), 14, "date"),
            Column(_("Lặp lại"), 10),
            Column(_("Mã nội dung"), 20),
        ),
        [
            (
                row.text,
                row.unit_name,
                str(labels.SEVERITIES[row.severity]),
                str(labels.FINDING_STATES[row.state]),
                row.found_on,
                row.remedy_due_on,
                row.closed_on,
                row.repeat_of_id is not None,
                row.item_code,
            )
            for row in db.session.execute(query)
        ],
        title=_("Danh sách phát hiện qua kiểm tra"),
        note=_("Lập ngày %(day)s", day=numbers.format_date(today)),
    )


# ---------------------------------------------------------------------------------------------
# Several at once


def _picked() -> tuple[int, ...]:
    keys = [numbers.read_whole(typed) for typed in request.form.getlist("ids")]
    if not all(keys):
        raise BadRequest(_("Có dòng được chọn không đọc được."))
    return tuple(dict.fromkeys(key for key in keys if key))


@blueprint.post("/phat-hien/hang-loat")
@requires(VERIFY)
def change_findings() -> tuple[str, int] | Response:
    """Ask for the day by which the picked findings are to be remedied, and set it once given."""
    back = safe_next(request.form.get("next"), url_for("inspections.list_findings"))
    ids, status = _picked(), 200
    if not ids:
        flash(_("Hãy chọn ít nhất một phát hiện."), "warning")
        return redirect(back, 303)
    is_first = "confirm" not in request.form
    form = forms.RemedyDueForm(formdata=None) if is_first else forms.RemedyDueForm()
    if not is_first:
        status = 422
        if form.validate():
            data = inputs.SetRemedyDue(finding_ids=ids, due_on=form.due_on.data)
            try:
                count = run(services.set_remedy_due, data, reason=form.reason.data or "")
            except ValidationFailed as error:
                form.take_errors(error)
            else:
                text = ngettext(
                    "Đã đặt hạn khắc phục cho %(num)d phát hiện.",
                    "Đã đặt hạn khắc phục cho %(num)d phát hiện.",
                    count,
                )
                flash(text, "success")
                return redirect(back, 303)
    today = current().clock.today()
    query = queries.findings_query(queries.FindingFilters(), today).where(
        Finding.id.in_(ids[: services.MOST_AT_ONCE])
    )
    rows = db.session.execute(query.order_by(Finding.found_on, Finding.id)).all()
    hide_unless(len(rows) == len(ids[: services.MOST_AT_ONCE]))
    page = render_template(
        "inspections/findings_due.html", form=form, rows=rows, ids=ids, back=back
    )
    return page, status


# ---------------------------------------------------------------------------------------------
# Recording


def _item_choices(visit: Visit) -> list[SelectChoice]:
    return options(
        (
            (item.id, item.text)
            for section in queries.sections_of(db.session(), visit)
            for item in section.items
        ),
        _("Ngoài bảng kiểm"),
    )


def _open_visit(visit_id: int) -> Visit:
    visit = queries.find_visit(db.session(), existing(visit_id))
    if visit is None:
        raise NotFound
    return visit


@blueprint.route("/<int:visit_id>/phat-hien/moi", methods=["GET", "POST"])
@requires(LOG, SELF)
def new_finding(visit_id: int) -> str | tuple[str, int] | Response:
    """Record a finding, prefilled from the item that failed, with photos."""
    visit = _open_visit(visit_id)
    form = forms.FindingForm()
    form.item_id.choices = _item_choices(visit)
    if form.is_submitted():
        if form.validate():
            try:
                photos = prepare_photos("photos", services.MOST_PHOTOS)
                run(
                    services.record_finding,
                    inputs.RecordFinding(
                        visit_id=visit_id,
                        text=form.text.data or "",
                        severity=Severity(form.severity.data),
                        item_id=form.item_id.data,
                        remedy_due_on=form.remedy_due_on.data,
                        photos=photos,
                        idempotency_key=form.send_key.data,
                    ),
                )
            except ValidationFailed as error:
                form.take_errors(error)
            else:
                flash(_("Đã lưu phát hiện."), "success")
                anchor = f"muc-{form.item_id.data}" if form.item_id.data else "phat-hien"
                return redirect(
                    url_for("inspections.show_visit", visit_id=visit_id, _anchor=anchor), 303
                )
        return _finding_form(form, visit_id, 422)
    form.send_key.data = str(uuid.uuid4())
    form.remedy_due_on.data = visit.visited_on + timedelta(days=whole("inspections.remedy_days"))
    item_id = key_in("muc")
    if item_id is not None:
        item = db.session.get(ChecklistItem, item_id)
        if item is None or item.version_id != visit.checklist_version_id:
            raise NotFound
        form.item_id.data = item.id
        form.severity.data = item.severity.value
        note = next(
            (
                one.note
                for section in queries.sections_of(db.session(), visit)
                for one in section.items
                if one.id == item.id
            ),
            "",
        )
        form.text.data = note or _("Không đạt: %(item)s", item=item.text)
    return _finding_form(form, visit_id, 200)


def _finding_form(
    form: forms.FindingForm, visit_id: int, status: int, finding: Finding | None = None
) -> tuple[str, int]:
    visit = _open_visit(visit_id)
    photos = file_queries.of("finding", [finding.id]).get(finding.id, []) if finding else []
    page = render_template(
        "inspections/finding_form.html",
        form=form,
        visit=visit,
        unit_name=name_as_of(db.session(), visit.unit_id, visit.visited_on),
        finding=finding,
        photos=photos,
    )
    return page, status


@blueprint.route("/phat-hien/<int:finding_id>/sua", methods=["GET", "POST"])
@requires(LOG, SELF)
def edit_finding(finding_id: int) -> str | tuple[str, int] | Response:
    """Change a finding while its visit is open; others' changes are merged, or shown."""
    finding = _finding(finding_id)
    visit_id = finding.visit_id
    form = forms.FindingForm()
    form.item_id.choices = _item_choices(_open_visit(visit_id))
    if form.is_submitted():
        version = conflict.posted_version("version")
        if form.validate():
            try:
                photos = prepare_photos("photos", services.MOST_PHOTOS)
                conflict.persist(lambda: _save_finding(form, finding_id, version, photos))
            except ValidationFailed as error:
                form.take_errors(error)
            except Conflict as error:
                if not error.fields:
                    raise
                return _finding_conflict(form, finding_id, version, error), 409
            else:
                flash(_("Đã lưu phát hiện."), "success")
                return redirect(
                    url_for("inspections.show_visit", visit_id=visit_id, _anchor="phat-hien"), 303
                )
        return _finding_form(form, visit_id, 422, _finding(finding_id))
    form.item_id.data = finding.item_id
    form.text.data = finding.text
    form.severity.data = finding.severity.value
    form.remedy_due_on.data = finding.remedy_due_on
    form.version.data = str(finding.version)
    return _finding_form(form, visit_id, 200, finding)


def _save_finding(
    form: forms.FindingForm, finding_id: int, version: int, photos: Sequence[PreparedFile]
) -> None:
    """Write what the person changed since `version` over the finding as it is now.

    Photos are only added, which no change of another person stands against: they are kept also
    when a conflict has to be settled first, as no page can hold a file that was chosen.
    """
    session = db.session()
    session.expire_all()
    finding = _finding(finding_id)
    typed = {
        "text": form.text.data or "",
        "severity": Severity(form.severity.data),
        "remedy_due_on": form.remedy_due_on.data,
    }
    now, clash = {name: getattr(finding, name) for name in typed}, None
    try:
        now = conflict.whole(session, finding, version, typed)
    except Conflict as error:
        clash = error
    if clash is None or photos:
        data = inputs.EditFinding(
            finding_id=finding_id, photos=photos, version=finding.version, **now
        )
        run(services.edit_finding, data)
    if clash is not None:
        raise clash


def _finding_conflict(
    form: forms.FindingForm, finding_id: int, version: int, error: Conflict
) -> str:
    finding = _finding(finding_id)
    back = url_for("inspections.show_visit", visit_id=finding.visit_id, _anchor="phat-hien")
    return conflict.page(
        form,
        error,
        title=_("Hai người cùng sửa phát hiện"),
        unused=("item_id", "photos"),
        version_name="version",
        base_version=version,
        seen_version=finding.version,
        action=url_for("inspections.edit_finding", finding_id=finding_id),
        cancel_url=back,
        crumbs=[
            (_("Kiểm tra"), url_for("inspections.list_visits")),
            (ngettext("Phát hiện", "Phát hiện", 2), back),
        ],
    )


# ---------------------------------------------------------------------------------------------
# One finding


def _finding(finding_id: int) -> Finding:
    finding = queries.find_finding(db.session(), existing(finding_id))
    if finding is None:
        raise NotFound
    return finding


def _page(
    finding_id: int,
    *,
    remedy_form: forms.RemedyForm | None = None,
    verify_form: forms.VerifyForm | None = None,
) -> str:
    session = db.session()
    finding = _finding(finding_id)
    visit = session.get_one(Visit, finding.visit_id)
    unit = session.get_one(Unit, finding.unit_id)
    remedies = queries.remedies_of(session, finding.id)
    waiting: Remedy | None = next((one for one in remedies if one.is_accepted is None), None)
    if remedy_form is None:
        remedy_form = forms.RemedyForm(formdata=None)
        remedy_form.done_on.data = current().clock.today()
    photos = file_queries.of("finding", [finding.id]).get(finding.id, [])
    evidence = file_queries.of("remedy", [one.id for one in remedies])
    chain = queries.chain_of(session, finding) if finding.repeat_of_id else []
    may_verify = queries.may_verify(session, finding)
    return render_template(
        "inspections/finding.html",
        finding=finding,
        visit=visit,
        unit=unit,
        photos=photos,
        remedies=remedies,
        evidence=evidence,
        waiting=waiting,
        chain=chain,
        timeline=panels.finding_timeline(session, finding, visit, remedies, evidence),
        remedy_form=remedy_form,
        verify_form=verify_form or forms.VerifyForm(formdata=None),
        may_remedy=finding.state is FindingState.OPEN and queries.may_remedy(session, unit),
        may_verify=may_verify
        and waiting is not None
        and waiting.reported_by_id != current().actor.user_id,
        may_close=may_verify and finding.state is FindingState.VERIFIED,
        may_set_due=may_verify and finding.state is FindingState.OPEN,
        may_reinspect=current().actor.access.holds(LOG)
        and finding.state is not FindingState.CLOSED
        and visit.state is VisitState.FINISHED,
    )


@blueprint.get("/phat-hien/<int:finding_id>")
@requires(VIEW)
def show_finding(finding_id: int) -> str:
    """Show a finding and what became of it."""
    return _page(finding_id)


@blueprint.post("/phat-hien/<int:finding_id>/khac-phuc")
@requires(REMEDY)
def report_remedy(finding_id: int) -> tuple[str, int] | Response:
    """Take what the unit did, with evidence."""
    _finding(finding_id)
    form = forms.RemedyForm()
    if form.validate():
        try:
            run(
                services.report_remedy,
                inputs.ReportRemedy(
                    finding_id=finding_id,
                    text=form.text.data or "",
                    done_on=form.done_on.data,
                    evidence_number=form.evidence_number.data or "",
                    evidence_on=form.evidence_on.data,
                    evidence_issuer=form.evidence_issuer.data or "",
                    files=prepare_all(
                        request.files.getlist("files"), "files", services.MOST_PHOTOS
                    ),
                ),
            )
        except ValidationFailed as error:
            form.take_errors(error)
        else:
            flash(_("Đã gửi báo cáo khắc phục. Người thứ hai sẽ xác minh."), "success")
            return redirect(url_for("inspections.show_finding", finding_id=finding_id), 303)
    return _page(finding_id, remedy_form=form), 422


@blueprint.post("/phat-hien/<int:finding_id>/xac-minh")
@requires(VERIFY)
def verify_remedy(finding_id: int) -> tuple[str, int] | Response:
    """Take the word of the second person."""
    _finding(finding_id)
    form = forms.VerifyForm()
    if form.validate():
        is_accepted = form.verdict.data == "yes"
        try:
            run(
                services.verify_remedy,
                inputs.VerifyRemedy(
                    finding_id=finding_id, is_accepted=is_accepted, note=form.note.data or ""
                ),
            )
        except ValidationFailed as error:
            form.take_errors(error)
        else:
            flash(
                _("Đã xác minh khắc phục.") if is_accepted else _("Đã trả lại để khắc phục tiếp."),
                "success",
            )
            return redirect(url_for("inspections.show_finding", finding_id=finding_id), 303)
    return _page(finding_id, verify_form=form), 422


@blueprint.post("/phat-hien/<int:finding_id>/dong")
@requires(VERIFY)
def close_finding(finding_id: int) -> Response:
    """Close a verified finding."""
    run(services.close_finding, inputs.FindingRef(existing(finding_id)))
    flash(_("Đã đóng phát hiện."), "success")
    return redirect(url_for("inspections.show_finding", finding_id=finding_id), 303)

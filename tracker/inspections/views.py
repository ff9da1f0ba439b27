"""Pages of visits: list and month, one visit, its record on a phone, its minutes on paper."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from typing import Any

from flask import flash, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import Select
from werkzeug.wrappers import Response

from tracker.accounts.forms import options
from tracker.core import numbers
from tracker.core.conflicts import Way
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import BadRequest, Conflict, NotFound, ValidationFailed
from tracker.core.text import N_
from tracker.core.work import run
from tracker.files import queries as file_queries
from tracker.inspections import forms, inputs, labels, panels, prefills, queries, services
from tracker.inspections.blueprint import (
    blueprint,
    choice_in,
    day_in,
    existing,
    is_script,
    key_in,
    text_in,
)
from tracker.inspections.models import (
    Answer,
    MemberRole,
    Visit,
    VisitKind,
    VisitState,
)
from tracker.inspections.permissions import LOG, SELF, VIEW
from tracker.plugins.descriptors import Place
from tracker.settings.queries import value as setting
from tracker.web import conflict
from tracker.web.doors import requires
from tracker.web.exports import count_rows, send_workbook
from tracker.web.paging import page_number, paginate, sorting
from tracker.web.xlsx import Column, Sheet

MOST_EXPORTED = 20_000
MOST_GUESTS = 20
Answered = Response | tuple[Response, int] | tuple[str, int]


def _filters() -> queries.VisitFilters:
    return queries.VisitFilters(
        kind=choice_in(VisitKind, "loai"),
        state=choice_in(VisitState, "tt"),
        unit_id=key_in("dv"),
        start=day_in("tu"),
        end=day_in("den"),
        text=text_in("q"),
    )


def _month() -> date:
    words = request.args.get("thang", "")
    if not words:
        return current().clock.today().replace(day=1)
    try:
        year, month = words.split("-")
        found = date(int(year), int(month), 1)
    except ValueError as error:
        raise BadRequest(_("Tháng không hợp lệ.")) from error
    if not 1990 <= found.year <= 2200:
        raise BadRequest(_("Tháng không hợp lệ."))
    return found


@blueprint.get("")
@requires(VIEW)
def list_visits() -> str:
    """Show the month and the list of visits."""
    filters, month, today = _filters(), _month(), current().clock.today()
    order = sorting(queries.VISIT_ORDER, "-day")
    page = paginate(
        db.session(), order.apply(queries.visits_query(filters), queries.VISIT_ORDER), page_number()
    )
    return render_template(
        "inspections/visits.html",
        filters=filters,
        page=page,
        order=order,
        month=month,
        previous_month=(month - timedelta(days=1)).strftime("%Y-%m"),
        next_month=(month + timedelta(days=32)).strftime("%Y-%m"),
        weeks=queries.month_grid(filters, month, today),
        units=queries.inspected_units(),
    )


@blueprint.get("/xuat")
@requires(VIEW)
def export_visits() -> Response:
    """Send the filtered list as a spreadsheet, in the order that the page has."""
    order = sorting(queries.VISIT_ORDER, "day")
    query = queries.visits_query(_filters())
    rows = count_rows(query)
    query = order.apply(query, queries.VISIT_ORDER).limit(MOST_EXPORTED)
    return send_workbook("kiem-tra.xlsx", rows, lambda: [_sheet(query)])


def _sheet(query: Select[Any]) -> Sheet:
    return Sheet(
        _("Kiểm tra"),
        (
            Column(_("Ngày kiểm tra"), 14, "date"),
            Column(_("Đơn vị"), 36),
            Column(_("Loại"), 16),
            Column(_("Trạng thái"), 16),
            Column(_("Đoàn, tổ kiểm tra"), 30),
            Column(_("Có mặt"), 10, "whole"),
            Column(_("Vắng có lý do"), 12, "whole"),
            Column(_("Vắng không lý do"), 12, "whole"),
            Column(ngettext("Phát hiện", "Phát hiện", 2), 10, "whole"),
            Column(_("Lặp lại"), 10, "whole"),
            Column(_("Số thông báo"), 18),
            Column(_("Ngày thông báo"), 14, "date"),
        ),
        [
            (
                row.visited_on,
                row.unit_name,
                str(labels.KINDS[row.kind]),
                str(labels.STATES[row.state]),
                row.team_name,
                row.present,
                row.absent_with_reason,
                row.absent_without_reason,
                row.finding_count,
                row.repeat_count,
                row.notice_number,
                row.notice_on,
            )
            for row in db.session.execute(query)
        ],
        title=_("Danh sách cuộc kiểm tra"),
        note=_("Lập ngày %(day)s", day=numbers.format_date(current().clock.today())),
    )


# ---------------------------------------------------------------------------------------------
# A new visit


def _visit_form() -> forms.VisitForm:
    form = forms.VisitForm()
    is_inspector = current().actor.access.holds(LOG)
    reach = queries.unit_choices(LOG if is_inspector else SELF)
    form.unit_id.choices = options(reach, _("Chọn đơn vị"))
    if not is_inspector:
        # Who answers for a unit looks at that unit only, and by no other name.
        own = VisitKind.SELF
        form.kind.choices = options([(own.value, labels.KINDS[own])])
    checklists = queries.checklist_choices()
    form.checklist_id.choices = options(checklists, _("Không dùng bảng kiểm"))
    items = queries.open_plan_items()
    form.plan_item_id.choices = options(
        (
            (
                item.id,
                " · ".join(
                    (
                        item.unit_name,
                        f"{item.planned_from:%m}–{item.planned_to:%m/%Y}",
                        item.plan_title,
                    )
                ),
            )
            for item in items
        ),
        _("Chọn dòng kế hoạch"),
    )
    form.finding_ids.choices = options(
        (row.id, f"{row.unit_name} · {row.text[:120]}") for row in queries.open_findings_of_units()
    )
    me = current().actor.user_id
    form.member_ids.choices = options(one for one in queries.member_choices() if one[0] != me)
    if request.method != "POST":
        form.visited_on.data = current().clock.today()
        form.send_key.data = str(uuid.uuid4())
        form.checklist_id.data = checklists[0][0] if checklists else None
        _prefill(form, items)
        if not is_inspector:
            form.kind.data = VisitKind.SELF.value
            form.unit_id.data = form.unit_id.data or (reach[0][0] if len(reach) == 1 else None)
    return form


def _prefill(form: forms.VisitForm, items: list[Any]) -> None:
    """Take what the address says: kind, unit, plan row, findings to look at again."""
    kind = choice_in(VisitKind, "loai")
    if kind is not None:
        form.kind.data = kind.value
    form.unit_id.data = key_in("dv")
    plan_item = key_in("dong")
    chosen = next((item for item in items if item.id == plan_item), None)
    if chosen is not None:
        form.kind.data = VisitKind.PLANNED.value
        form.plan_item_id.data, form.unit_id.data = chosen.id, chosen.unit_id
    found = request.args.getlist("phat-hien")
    if found:
        form.kind.data = VisitKind.REINSPECTION.value
        form.finding_ids.data = [key for one in found if (key := numbers.read_whole(one))]


def _guests(words: str) -> list[inputs.Member]:
    """Read guests, one a line: name, then the agency after a comma or a dash."""
    members = []
    for line in words.splitlines()[:MOST_GUESTS]:
        name, _comma, agency = line.replace(" – ", ",").replace(" - ", ",").partition(",")
        if name.strip():
            members.append(inputs.Member(name=name.strip(), agency=agency.strip()))
    return members


@blueprint.route("/moi", methods=["GET", "POST"])
@requires(LOG, SELF)
def new_visit() -> str | tuple[str, int] | Response:
    """Make a visit: on a phone a surprise visit takes this one screen."""
    form = _visit_form()
    if form.is_submitted():
        if form.validate():
            try:
                visit_id = run(
                    services.create_visit,
                    inputs.CreateVisit(
                        kind=VisitKind(form.kind.data),
                        unit_id=form.unit_id.data,
                        visited_on=form.visited_on.data,
                        plan_item_id=form.plan_item_id.data,
                        checklist_id=form.checklist_id.data,
                        decision_number=form.decision_number.data or "",
                        team_name=form.team_name.data or "",
                        is_announced=bool(form.is_announced.data),
                        members=[
                            *(inputs.Member(user_id=one) for one in form.member_ids.data or ()),
                            *_guests(form.guests.data or ""),
                        ],
                        finding_ids=tuple(form.finding_ids.data or ()),
                        idempotency_key=form.send_key.data,
                    ),
                )
            except ValidationFailed as error:
                form.take_errors(error)
            else:
                return redirect(url_for("inspections.show_visit", visit_id=visit_id), 303)
        return render_template("inspections/visit_new.html", form=form), 422
    return render_template("inspections/visit_new.html", form=form)


# ---------------------------------------------------------------------------------------------
# One visit


def _visit(visit_id: int) -> Visit:
    visit = queries.find_visit(db.session(), existing(visit_id))
    if visit is None:
        raise NotFound
    return visit


def _view(visit: Visit) -> queries.VisitView:
    return queries.view_visit(db.session(), visit)


def _headcount_form(visit: Visit) -> forms.HeadcountForm:
    form = forms.HeadcountForm(formdata=None)
    form.present.data = visit.present
    form.absent_with_reason.data = visit.absent_with_reason
    form.absent_without_reason.data = visit.absent_without_reason
    form.note.data = visit.absence_note
    form.counted_at.data = panels.local_time(visit.counted_at)
    return form


def _page(
    visit: Visit,
    *,
    headcount: forms.HeadcountForm | None = None,
    notice: forms.NoticeForm | None = None,
    problem: str = "",
) -> str:
    view = _view(visit)
    if notice is None:
        notice = forms.NoticeForm(formdata=None)
        notice.conclusion.data = visit.conclusion
        notice.notice_number.data = visit.notice_number
        notice.notice_on.data = visit.notice_on
    photos = file_queries.of("finding", [finding.id for finding in view.findings])
    stored = _headcount_form(visit)
    return render_template(
        "inspections/visit.html",
        v=view,
        photos=photos,
        headcount=headcount or stored,
        stored=stored,
        notice=notice,
        problem=problem,
        proposals=prefills.proposals(view),
        panels=panels.rendered(Place.VISIT, visit.id),
        timeline=panels.timeline(Place.VISIT, visit.id),
    )


@blueprint.get("/<int:visit_id>")
@requires(VIEW)
def show_visit(visit_id: int) -> str:
    """Show a visit; its team sees the record to fill in."""
    return _page(_visit(visit_id))


@blueprint.route("/<int:visit_id>/sua", methods=["GET", "POST"])
@requires(LOG, SELF)
def edit_visit(visit_id: int) -> str | tuple[str, int] | Response:
    """Change the facts of an open visit; what others changed meanwhile is merged, or shown."""
    visit = _visit(visit_id)
    view = _view(visit)
    form = forms.EditVisitForm()
    checklists = queries.checklist_choices()
    if view.checklist is not None and view.checklist.id not in dict(checklists):
        checklists.append((view.checklist.id, view.checklist.title))
    form.checklist_id.choices = options(checklists, _("Không dùng bảng kiểm"))
    if form.is_submitted():
        version = conflict.posted_version("version")
        if form.validate():
            try:
                conflict.persist(lambda: _save_facts(form, visit_id, version))
            except ValidationFailed as error:
                form.take_errors(error)
                view = _view(_visit(visit_id))
            except Conflict as error:
                if not error.fields:
                    raise
                return _facts_conflict(form, visit_id, version, error), 409
            else:
                flash(_("Đã lưu thông tin cuộc kiểm tra."), "success")
                return redirect(url_for("inspections.show_visit", visit_id=visit_id), 303)
        return render_template("inspections/visit_edit.html", form=form, v=view), 422
    form.visited_on.data = visit.visited_on
    form.checklist_id.data = view.checklist.id if view.checklist is not None else None
    form.team_name.data = visit.team_name
    form.decision_number.data = visit.decision_number
    form.is_announced.data = visit.is_announced
    form.version.data = str(visit.version)
    return render_template("inspections/visit_edit.html", form=form, v=view)


FACTS = ("visited_on", "checklist_id", "decision_number", "team_name", "is_announced")


def _save_facts(form: forms.EditVisitForm, visit_id: int, version: int) -> None:
    """Write what the person changed since `version` over the visit as it is now."""
    session = db.session()
    session.expire_all()
    visit = _visit(visit_id)
    typed = {name: form[name].data for name in FACTS}
    ways = {"checklist_id": Way("checklist_version_id", queries.checklist_of)}
    values = conflict.whole(session, visit, version, typed, ways)
    run(
        services.edit_visit,
        inputs.EditVisit(visit_id=visit_id, version=visit.version, **values),
    )


def _facts_conflict(form: forms.EditVisitForm, visit_id: int, version: int, error: Conflict) -> str:
    visit = _visit(visit_id)
    name = _view(visit).unit_name
    back = url_for("inspections.show_visit", visit_id=visit_id)
    return conflict.page(
        form,
        error,
        title=_("Hai người cùng sửa cuộc kiểm tra"),
        version_name="version",
        base_version=version,
        seen_version=visit.version,
        action=url_for("inspections.edit_visit", visit_id=visit_id),
        cancel_url=back,
        crumbs=[(_("Kiểm tra"), url_for("inspections.list_visits")), (name, back)],
    )


@blueprint.post("/<int:visit_id>/bat-dau")
@requires(LOG, SELF)
def start_visit(visit_id: int) -> Response:
    """Begin a planned visit."""
    run(services.start_visit, inputs.VisitRef(existing(visit_id)))
    return redirect(url_for("inspections.show_visit", visit_id=visit_id), 303)


def _saved(visit_id: int, anchor: str, item_id: int | None = None) -> Response:
    """Answer a save: the script gets what changed on the page, a form its page again."""
    if not is_script():
        return redirect(url_for("inspections.show_visit", visit_id=visit_id, _anchor=anchor), 303)
    view = _view(_visit(visit_id))
    return jsonify(replace=_fragments(view, item_id))


def _fragments(view: queries.VisitView, item_id: int | None) -> dict[str, str]:
    """Return the parts of the page that a save changes, by their ids."""
    parts = {
        "visit-progress": render_template("inspections/_progress.html", v=view),
        "count-quan-so": render_template("inspections/_headcount_mark.html", v=view),
    }
    for number, section in enumerate(view.sections, 1):
        parts[f"count-{number}"] = render_template(
            "inspections/_count.html", section=section, number=number
        )
        for item in section.items:
            if item.id == item_id:
                parts[f"after-{item.id}"] = render_template(
                    "inspections/_after.html", item=item, v=view, is_saved=True
                )
    return parts


def _is_untouched(name: str) -> bool:
    """Tell whether a field is as the page showed it: what others of the team wrote then stays."""
    return request.form.get(f"was_{name}") == request.form.get(name, "")


def _refused(error: ValidationFailed) -> tuple[Response, int]:
    return jsonify(message=" ".join(str(one.message) for one in error.errors)), 422


@blueprint.post("/<int:visit_id>/quan-so")
@requires(LOG, SELF)
def save_headcount(visit_id: int) -> Answered:
    """Keep the headcount."""
    visit = _visit(visit_id)
    form = forms.HeadcountForm()
    if form.validate():
        try:
            run(
                services.count_heads,
                inputs.CountHeads(
                    visit_id=visit.id,
                    present=form.present.data,
                    absent_with_reason=form.absent_with_reason.data,
                    absent_without_reason=form.absent_without_reason.data,
                    counted_at=form.counted_at.data,
                    note=form.note.data or "",
                    untouched=frozenset(name for name in form._fields if _is_untouched(name)),
                ),
            )
            return _saved(visit_id, "quan-so")
        except ValidationFailed as error:
            form.take_errors(error)
    if is_script():
        words = [str(words) for field in form for words in field.errors] + form.form_errors
        return jsonify(message=" ".join(words)), 422
    return _page(_visit(visit_id), headcount=form), 422


@blueprint.post("/<int:visit_id>/dien-san")
@requires(LOG, SELF)
def take_proposals(visit_id: int) -> Response:
    """Keep the answers that are proposed for items which nobody has answered."""
    visit = _visit(visit_id)
    proposed = prefills.proposals(_view(visit))
    taken = run(
        prefills.take_proposals, prefills.TakeProposals(existing(visit_id), tuple(proposed))
    )
    words = _("Đã điền %(count)d câu trả lời.", count=taken)
    flash(words if taken else _("Không có gì để điền."), "success" if taken else "info")
    return redirect(url_for("inspections.show_visit", visit_id=visit_id), 303)


@blueprint.post("/<int:visit_id>/tra-loi/<int:item_id>")
@requires(LOG, SELF)
def save_answer(
    visit_id: int, item_id: int
) -> str | tuple[str, int] | Response | tuple[Response, int]:
    """Keep the answer to one item, as soon as it is given."""
    words = request.form.get("answer", "")
    try:
        answer = Answer(words) if words else None
    except ValueError as error:
        raise BadRequest(_("Câu trả lời không hợp lệ.")) from error
    try:
        run(
            services.save_answer,
            inputs.SaveAnswer(
                visit_id=existing(visit_id),
                item_id=existing(item_id),
                answer=None if _is_untouched("answer") else answer,
                note=None if _is_untouched("note") else request.form.get("note", ""),
            ),
        )
    except ValidationFailed as error:
        if is_script():
            return _refused(error)
        return _page(_visit(visit_id), problem=error.message), 422
    return _saved(visit_id, f"muc-{item_id}", item_id)


@blueprint.post("/<int:visit_id>/kiem-lai/<int:finding_id>")
@requires(LOG, SELF)
def check_finding(visit_id: int, finding_id: int) -> Response:
    """Keep what a re-inspection says of an earlier finding."""
    words = request.form.get("remedied", "")
    if words not in {"yes", "no"}:
        raise BadRequest(_("Câu trả lời không hợp lệ."))
    run(
        services.check_finding,
        inputs.CheckFinding(
            visit_id=existing(visit_id),
            finding_id=existing(finding_id),
            is_remedied=None if _is_untouched("remedied") else words == "yes",
            note=None if _is_untouched("note") else request.form.get("note", "")[:4000],
        ),
    )
    return _saved(visit_id, f"kiem-lai-{finding_id}")


@blueprint.route("/<int:visit_id>/doan", methods=["GET", "POST"])
@requires(LOG, SELF)
def edit_team(visit_id: int) -> str | tuple[str, int] | Response:
    """Add to the team."""
    visit = _visit(visit_id)
    form = forms.MemberForm()
    form.user_id.choices = options(queries.member_choices(), _("Chọn người"))
    status = 200
    if form.is_submitted():
        status = 422
        if form.validate():
            try:
                run(
                    services.add_member,
                    inputs.AddMember(
                        visit_id=visit.id,
                        member=inputs.Member(
                            user_id=form.user_id.data,
                            name=form.name.data or "",
                            agency=form.agency.data or "",
                            role=MemberRole(form.role.data),
                        ),
                    ),
                )
            except ValidationFailed as error:
                form.take_errors(error)
            else:
                flash(_("Đã thêm vào đoàn."), "success")
                return redirect(url_for("inspections.edit_team", visit_id=visit_id), 303)
    view = _view(_visit(visit_id))
    return render_template("inspections/team.html", form=form, v=view), status


@blueprint.post("/<int:visit_id>/doan/<int:member_id>/bo")
@requires(LOG, SELF)
def remove_member(visit_id: int, member_id: int) -> Response:
    """Take a person out of the team."""
    try:
        run(
            services.remove_member,
            inputs.RemoveMember(existing(visit_id), existing(member_id)),
        )
        flash(_("Đã bỏ khỏi đoàn."), "success")
    except ValidationFailed as error:
        flash(error.message, "warning")
    return redirect(url_for("inspections.edit_team", visit_id=visit_id), 303)


@blueprint.route("/<int:visit_id>/ket-thuc", methods=["GET", "POST"])
@requires(LOG, SELF)
def finish_visit(visit_id: int) -> str | tuple[str, int] | Response:
    """Review what was recorded, then close the record."""
    visit = _visit(visit_id)
    form = forms.FinishForm()
    missing: list[str] = []
    if form.is_submitted() and form.validate():
        try:
            run(
                services.finish_visit,
                inputs.FinishVisit(visit_id=visit.id, conclusion=form.conclusion.data or ""),
            )
        except ValidationFailed as error:
            missing = [str(one.message) for one in error.errors]
        else:
            flash(_("Đã kết thúc cuộc kiểm tra."), "success")
            return redirect(url_for("inspections.show_visit", visit_id=visit_id), 303)
    view = _view(_visit(visit_id))
    page = render_template("inspections/finish.html", v=view, form=form, missing=missing)
    return (page, 422) if form.is_submitted() else page


@blueprint.post("/<int:visit_id>/huy")
@requires(LOG, SELF)
def cancel_visit(visit_id: int) -> Response | tuple[str, int]:
    """Give up a visit, with the reason."""
    reason = request.form.get("reason", "")[:4000]
    try:
        run(services.cancel_visit, inputs.CancelVisit(visit_id=existing(visit_id), reason=reason))
    except ValidationFailed as error:
        return _page(_visit(visit_id), problem=error.message), 422
    flash(_("Đã hủy cuộc kiểm tra."), "success")
    return redirect(url_for("inspections.show_visit", visit_id=visit_id), 303)


@blueprint.post("/<int:visit_id>/thong-bao")
@requires(LOG, SELF)
def record_notice(visit_id: int) -> str | tuple[str, int] | Response:
    """Add conclusion and notice to a finished visit."""
    form = forms.NoticeForm()
    if form.validate():
        try:
            run(
                services.record_notice,
                inputs.RecordNotice(
                    visit_id=existing(visit_id),
                    conclusion=form.conclusion.data or "",
                    notice_number=form.notice_number.data or "",
                    notice_on=form.notice_on.data,
                ),
            )
        except ValidationFailed as error:
            form.take_errors(error)
        else:
            flash(_("Đã lưu kết luận và thông báo."), "success")
            return redirect(url_for("inspections.show_visit", visit_id=visit_id), 303)
    return _page(_visit(visit_id), notice=form), 422


# Where the minutes' heading stands: the motto is fixed by Decree 30/2020/NĐ-CP, Appendix I.
MOTTO = (N_("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"), N_("Độc lập - Tự do - Hạnh phúc"))


@blueprint.get("/<int:visit_id>/bien-ban")
@requires(VIEW)
def minutes(visit_id: int) -> str:
    """Show the minutes of a visit as they are printed and signed on the same day."""
    visit = _visit(visit_id)
    view = _view(visit)
    return render_template(
        "inspections/minutes.html",
        v=view,
        photos=file_queries.of("finding", [finding.id for finding in view.findings]),
        motto=MOTTO,
        agency=setting("agency.name"),
        parent_agency=setting("agency.parent_name"),
        started=panels.local_time(visit.started_at),
        finished=panels.local_time(visit.finished_at),
        counted=panels.local_time(visit.counted_at),
    )

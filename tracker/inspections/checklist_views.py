"""Pages of checklists and their versions."""

from __future__ import annotations

from dataclasses import replace

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import BadRequest, Conflict, NotFound, ValidationFailed
from tracker.core.numbers import LARGEST_KEY, read_whole
from tracker.core.text import normalise
from tracker.core.work import run
from tracker.inspections import checklists, forms, inputs, queries
from tracker.inspections.blueprint import blueprint, key_in
from tracker.inspections.models import Checklist, ChecklistVersion, Severity
from tracker.inspections.permissions import CHECKLISTS, VIEW
from tracker.web.doors import requires

SPARE_ROWS = 3


@blueprint.get("/bang-kiem")
@requires(VIEW)
def list_checklists() -> str:
    """Show the checklists."""
    return render_template(
        "inspections/checklists.html",
        rows=queries.checklists_list(),
        may_manage=current().actor.access.holds(CHECKLISTS),
    )


def _checklist(key: str) -> Checklist:
    checklist = queries.find_checklist(db.session(), key)
    if checklist is None:
        raise NotFound
    return checklist


def _draft(checklist: Checklist) -> ChecklistVersion | None:
    versions = queries.versions_of(db.session(), checklist.id)
    return next((one for one in versions if one.published_at is None), None)


@blueprint.route("/bang-kiem/moi", methods=["GET", "POST"])
@requires(CHECKLISTS)
def new_checklist() -> str | tuple[str, int] | Response:
    """Make a checklist."""
    form = forms.ChecklistForm()
    if form.is_submitted():
        if form.validate():
            try:
                key = run(
                    checklists.create_checklist,
                    inputs.CreateChecklist(title=form.title.data or ""),
                )
            except ValidationFailed as error:
                form.take_errors(error)
            else:
                return redirect(url_for("inspections.edit_draft", key=key), 303)
        return render_template("inspections/checklist_new.html", form=form), 422
    return render_template("inspections/checklist_new.html", form=form)


@blueprint.get("/bang-kiem/<key>")
@requires(VIEW)
def show_checklist(key: str) -> str:
    """Show a version of a checklist: the newest published one unless another is asked for."""
    checklist = _checklist(key)
    versions = queries.versions_of(db.session(), checklist.id)
    number = key_in("ban")
    chosen = next(
        (
            one
            for one in versions
            if (one.number == number if number else one.published_at is not None)
        ),
        None,
    )
    if number and chosen is None:
        raise NotFound
    sections: dict[str, list[object]] = {}
    if chosen is not None:
        for item in queries.items_of(db.session(), chosen.id):
            sections.setdefault(item.section, []).append(item)
    return render_template(
        "inspections/checklist.html",
        checklist=checklist,
        versions=versions,
        chosen=chosen,
        draft=next((one for one in versions if one.published_at is None), None),
        sections=sections,
        may_manage=current().actor.access.holds(CHECKLISTS),
    )


@blueprint.post("/bang-kiem/<key>/ban-moi")
@requires(CHECKLISTS)
def draft_version(key: str) -> Response:
    """Begin the next version."""
    run(checklists.draft_version, inputs.ChecklistRef(key))
    return redirect(url_for("inspections.edit_draft", key=key), 303)


def _typed_items() -> list[inputs.ChecklistItemInput]:
    """Return the rows of the form in the order that their numbers say; empty rows are dropped."""
    form = request.form
    columns = [form.getlist(name) for name in ("position", "section", "text", "code", "severity")]
    if len({len(column) for column in columns}) > 1 or len(columns[0]) > 500:
        raise BadRequest
    required = set(form.getlist("required"))
    rows: list[tuple[int, int, inputs.ChecklistItemInput]] = []
    for index, (position, section, words, code, severity) in enumerate(zip(*columns, strict=True)):
        if not normalise(words) and not normalise(section):
            continue
        if severity not in set(Severity):
            raise BadRequest
        number = read_whole(position)
        item = inputs.ChecklistItemInput(
            code=code[:60],
            section=normalise(section),
            text=normalise(words),
            severity=Severity(severity),
            is_required=str(index) in required,
        )
        rows.append((LARGEST_KEY if number is None else number, index, item))
    return [item for _number, _index, item in sorted(rows, key=lambda row: row[:2])]


@blueprint.route("/bang-kiem/<key>/ban-nhap", methods=["GET", "POST"])
@requires(CHECKLISTS)
def edit_draft(key: str) -> str | tuple[str, int] | Response:
    """Edit the items of the draft; an empty text takes a row out."""
    checklist = _checklist(key)
    draft = _draft(checklist)
    if draft is None:
        return redirect(url_for("inspections.show_checklist", key=key), 303)
    form = forms.DraftForm()
    problems: list[str] = []
    kept = _kept_items(draft)
    base, theirs, status = checklists.fingerprint(kept), list[inputs.ChecklistItemInput](), 200
    if form.is_submitted():
        items, base, status = _typed_items(), request.form.get("base", ""), 422
        try:
            run(
                checklists.save_draft,
                inputs.SaveDraft(key=key, items=items, base=base, note=form.note.data or ""),
            )
            base = checklists.fingerprint(_kept_items(draft))
            if request.form.get("then") == "publish":
                run(checklists.publish_draft, inputs.ChecklistRef(key))
                flash(_("Đã ban hành bản mới. Các cuộc kiểm tra sau sẽ dùng bản này."), "success")
                return redirect(url_for("inspections.show_checklist", key=key), 303)
        except ValidationFailed as error:
            problems = [str(one.message) for one in error.errors]
        except Conflict:
            draft = _draft(checklist)
            if draft is None:
                raise
            # What was typed stays; saved again after a look at theirs, it is meant.
            kept, status = _kept_items(draft), 409
            base, mine = checklists.fingerprint(kept), [replace(item, code="") for item in items]
            theirs = [item for item in kept if replace(item, code="") not in mine]
        else:
            flash(_("Đã lưu bản nháp."), "success")
            return redirect(url_for("inspections.edit_draft", key=key), 303)
    else:
        items = kept
        form.note.data = draft.note
    page = render_template(
        "inspections/checklist_draft.html",
        checklist=_checklist(key),
        number=_number(key),
        items=items,
        spare=SPARE_ROWS if items else 8,
        form=form,
        problems=problems,
        severities=list(Severity),
        base=base,
        is_stale=status == 409,
        theirs=theirs,
    )
    return page if status == 200 else (page, status)


def _kept_items(draft: ChecklistVersion) -> list[inputs.ChecklistItemInput]:
    return [
        inputs.ChecklistItemInput(
            code=item.code,
            section=item.section,
            text=item.text,
            severity=item.severity,
            is_required=item.is_required,
        )
        for item in queries.items_of(db.session(), draft.id)
    ]


def _number(key: str) -> int:
    draft = _draft(_checklist(key))
    if draft is None:
        raise NotFound
    return draft.number


@blueprint.post("/bang-kiem/<key>/bo-nhap")
@requires(CHECKLISTS)
def discard_draft(key: str) -> Response:
    """Drop the draft."""
    run(checklists.discard_draft, inputs.ChecklistRef(key))
    flash(_("Đã bỏ bản nháp."), "success")
    return redirect(url_for("inspections.show_checklist", key=key), 303)


@blueprint.post("/bang-kiem/<key>/dung")
@requires(CHECKLISTS)
def switch_checklist(key: str) -> Response:
    """Offer a checklist for new visits, or no longer."""
    is_active = run(checklists.switch_checklist, inputs.ChecklistRef(key))
    flash(
        _("Bảng kiểm dùng được cho cuộc kiểm tra mới.")
        if is_active
        else _("Bảng kiểm không còn dùng cho cuộc kiểm tra mới."),
        "success",
    )
    return redirect(url_for("inspections.show_checklist", key=key), 303)

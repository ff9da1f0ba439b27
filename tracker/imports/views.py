"""Pages of the imports: what can be read in, the upload, the dry run and its confirmation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_wtf.file import FileField
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined] # newer than its types

from tracker.core.errors import FieldError, ValidationFailed
from tracker.core.work import run
from tracker.files.names import clean_name
from tracker.imports import engine, queries, services
from tracker.imports.template import write_template
from tracker.imports.workbook import LARGEST_FILE, heading_of, refuse
from tracker.plugins.descriptors import ImportOption, ImportSpec
from tracker.web import xlsx
from tracker.web.doors import safe_next, signed_in
from tracker.web.exports import send_workbook
from tracker.web.forms import Form, Longest, Required, Text
from tracker.web.i18n import show_number
from tracker.web.paging import Page, address_with, page_number

blueprint = Blueprint("imports", __name__)

PER_PAGE = 100


def _option_field(option: ImportOption) -> Any:
    validators: list[Any] = [Required()] if option.required else []
    hint = str(option.hint)
    if option.choices is None:
        validators.append(Longest(engine.LONGEST_OPTION))
        return Text(str(option.label), validators, description=hint)
    first = ("", _("— Chọn —") if option.required else _("— Không chọn —"))
    # Whether the value is among the choices is checked once, with the command line, in the engine.
    return SelectField(
        str(option.label),
        validators,
        choices=[SelectChoice(value, label) for value, label in (first, *option.choices())],
        description=hint,
        validate_choice=False,
    )


def _make_form(spec: ImportSpec, options: Mapping[str, str] | None = None) -> Form:
    """Return the upload form of a spec: the file, and what is asked beside it, filled in."""
    accept = ",".join(f".{suffix}" for suffix in spec.suffixes)
    fields: dict[str, Any] = {
        "file": FileField(
            _("Tệp cần nhập"),
            [Required(_("Hãy chọn tệp."))],
            render_kw={"accept": accept},
        )
    }
    for option in spec.options:
        fields[engine.OPTION_PREFIX + option.name] = _option_field(option)
    filled = {engine.OPTION_PREFIX + name: value for name, value in (options or {}).items()}
    made: Form = type("UploadForm", (Form,), fields)(data=filled)
    return made


def _options(spec: ImportSpec, form: Form) -> dict[str, str]:
    return {
        option.name: str(form[engine.OPTION_PREFIX + option.name].data or "")
        for option in spec.options
    }


def _on_the_form(spec: ImportSpec, error: ValidationFailed) -> ValidationFailed:
    """Return the errors with a spec's option names turned into names of form fields."""
    names = {option.name for option in spec.options}
    return ValidationFailed(
        [
            FieldError(
                engine.OPTION_PREFIX + one.field if one.field in names else one.field, one.message
            )
            for one in error.errors
        ]
    )


@blueprint.get("/nhap")
@signed_in
def index() -> str:
    """Show what the person may import."""
    return render_template("imports/index.html", specs=engine.allowed_specs())


@blueprint.get("/nhap/<key>")
@signed_in
def start(key: str) -> str:
    """Show the template and the upload form of one import."""
    spec = engine.get_spec(key)
    return _start_page(spec, _make_form(spec))


def _start_page(spec: ImportSpec, form: Form) -> str:
    fields = [form[engine.OPTION_PREFIX + option.name] for option in spec.options]
    return render_template(
        "imports/start.html",
        spec=spec,
        form=form,
        option_fields=fields,
        largest=LARGEST_FILE,
        heading_of=heading_of,
    )


@blueprint.get("/nhap/<key>/mau.xlsx")
@signed_in
def template(key: str) -> Response:
    """Hand out the template."""
    spec = engine.get_spec(key)
    name = _("Mẫu nhập %(what)s", what=spec.label)
    return xlsx.download(write_template(spec), f"{name}.xlsx")


@blueprint.post("/nhap/<key>")
@signed_in
def upload(key: str) -> Response | tuple[str, int]:
    """Keep the file and show its dry run; a file that cannot be used at all is refused here."""
    spec = engine.get_spec(key)
    form = _make_form(spec)
    if not form.validate_on_submit():
        return _start_page(spec, form), 422
    given: FileStorage = form["file"].data
    content = given.stream.read(LARGEST_FILE + 1)
    options = _options(spec, form)
    name = clean_name(given.filename)
    try:
        is_large = engine.is_large(spec, content, name)
        if is_large:
            options = engine.clean_options(spec, options)
        else:
            engine.check(spec, content, name, options)
    except ValidationFailed as error:
        form.take_errors(_on_the_form(spec, error))
        return _start_page(spec, form), 422
    kept = services.KeepUpload(spec.key, name, content, options, is_large)
    public_id = run(services.keep_upload, kept)
    return redirect(url_for("imports.show", key=key, public_id=public_id), 303)


@blueprint.get("/nhap/<key>/<uuid:public_id>")
@signed_in
def show(key: str, public_id: UUID) -> str | Response:
    """Show the dry run of a kept file."""
    spec = engine.get_spec(key)
    kept = queries.get_upload(spec.key, public_id)
    if kept.applied_at is not None:
        return render_template("imports/applied.html", spec=spec, upload=kept)
    if kept.run_id is not None and queries.is_under_way(kept):
        return redirect(url_for("jobs.show_run", run_id=kept.run_id), 303)
    try:
        dry_run = _dry_run(spec, kept)
    except ValidationFailed as error:
        form = _make_form(spec, kept.options)
        form.take_errors(_on_the_form(spec, error))
        return _start_page(spec, form)
    return _dry_run_page(spec, kept, dry_run)


def _dry_run(spec: ImportSpec, kept: queries.Upload) -> engine.DryRun:
    """Return what importing a kept file would do; what a run found in a large one is not sought
    again. Raises ValidationFailed for a file that cannot be used (any more).
    """
    if kept.run_id is None:
        return engine.check(spec, kept.content, kept.name, kept.options)
    finding = queries.finding_of(kept)
    if finding is None:
        message = _("Việc đọc tệp đã dừng giữa chừng. Hãy gửi lại; nếu vẫn vậy, báo quản trị viên.")
        raise refuse(message)
    if finding.dry_run is None:
        raise refuse(finding.refusal)
    return finding.dry_run


def _dry_run_page(spec: ImportSpec, kept: queries.Upload, dry_run: engine.DryRun) -> str:
    only_faulty = request.args.get("dong", "loi" if dry_run.problems else "tat-ca") == "loi"
    lines = dry_run.faulty_lines if only_faulty else list(dry_run.lines)
    number = min(page_number(), max(1, -(-len(lines) // PER_PAGE)))
    rows = lines[(number - 1) * PER_PAGE : number * PER_PAGE]
    return render_template(
        "imports/dry_run.html",
        spec=spec,
        upload=kept,
        run=dry_run,
        only_faulty=only_faulty,
        headings={column.key: heading_of(column) for column in spec.columns},
        page=Page(rows, number, PER_PAGE, len(lines)),
        url_for_page=lambda wanted: address_with(page=wanted),
    )


@blueprint.get("/nhap/<key>/<uuid:public_id>/loi.xlsx")
@signed_in
def problems(key: str, public_id: UUID) -> Response:
    """Hand out the faults as a spreadsheet."""
    spec = engine.get_spec(key)
    kept = queries.get_upload(spec.key, public_id)
    dry_run = _dry_run(spec, kept)
    columns = (
        xlsx.Column(_("Dòng"), 10, "whole"),
        xlsx.Column(_("Cột"), 28),
        xlsx.Column(_("Lỗi"), 80),
    )
    rows = ((one.row or None, one.column, one.message) for one in dry_run.problems)
    title = _("Lỗi trong tệp %(name)s", name=kept.name)
    sheet = xlsx.Sheet(_("Lỗi"), columns, rows, title=title)
    stem = kept.name.rpartition(".")[0] or kept.name
    name = _("Lỗi %(name)s", name=stem) + ".xlsx"
    return send_workbook(name, len(dry_run.problems), lambda: [sheet])


@blueprint.post("/nhap/<key>/<uuid:public_id>")
@signed_in
def confirm(key: str, public_id: UUID) -> Response | tuple[str, int]:
    """Import a kept file, wholly or not at all. It is checked again: time has passed.

    A large one is written by a run of the ledger, which checks it again as well.
    """
    spec = engine.get_spec(key)
    kept = queries.get_upload(spec.key, public_id)
    if kept.applied_at is not None:
        return render_template("imports/applied.html", spec=spec, upload=kept), 409
    if kept.run_id is not None and queries.is_under_way(kept):
        return redirect(url_for("jobs.show_run", run_id=kept.run_id), 303)
    dry_run = _dry_run(spec, kept)
    if not dry_run.is_clean:
        return _dry_run_page(spec, kept, dry_run), 422
    if kept.run_id is not None:
        run_id = run(services.ask_to_write, services.AskToWrite(kept.id))
        return redirect(url_for("jobs.show_run", run_id=run_id), 303)
    result = engine.apply(spec, dry_run, kept.name, kept.id)
    count = len(dry_run.lines)
    flash(
        ngettext(
            "Đã nhập %(rows)s dòng.", "Đã nhập %(rows)s dòng.", count, rows=show_number(count)
        ),
        "success",
    )
    return redirect(safe_next(spec.done_url(result), url_for("imports.start", key=key)), 303)

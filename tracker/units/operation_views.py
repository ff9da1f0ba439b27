"""The operation wizard: choose what to do, to which units, look at it, confirm by a decision.

Each step is a plain form, so it works without a script; what was typed travels in hidden fields.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from flask import flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response
from wtforms import FieldList

from tracker.core.errors import BadRequest, Conflict, NotFound, ValidationFailed
from tracker.core.work import run
from tracker.units import operations, queries
from tracker.units.forms import MOST_FIELDS, OperationForm
from tracker.units.inputs import NewUnit, Operation
from tracker.units.labels import EVENTS, KINDS
from tracker.units.models import UnitEventKind, UnitKind
from tracker.units.operations import Preview
from tracker.units.views import MANAGE, blueprint
from tracker.web.doors import requires
from tracker.web.forms import optional_int

SLUGS = {
    "doi-ten": UnitEventKind.RENAME,
    "chuyen": UnitEventKind.MOVE,
    "sap-nhap": UnitEventKind.MERGE,
    "chia-tach": UnitEventKind.SPLIT,
    "ket-thuc": UnitEventKind.END,
}
HINTS = {
    UnitEventKind.RENAME: _l(
        "Tên mới, có thể kèm loại mới (xã thành phường). Tên cũ vẫn tìm được."
    ),
    UnitEventKind.MOVE: _l("Một hay nhiều đơn vị chuyển sang đơn vị cấp trên khác."),
    UnitEventKind.MERGE: _l("Nhiều đơn vị nhập vào một đơn vị mới hoặc một đơn vị đang có."),
    UnitEventKind.SPLIT: _l("Một đơn vị kết thúc, việc chia cho nhiều đơn vị."),
    UnitEventKind.END: _l("Đơn vị thôi hoạt động; việc đang mở giao cho đơn vị khác."),
}
ICONS = {
    UnitEventKind.RENAME: "edit",
    UnitEventKind.MOVE: "branch",
    UnitEventKind.MERGE: "handover",
    UnitEventKind.SPLIT: "copy",
    UnitEventKind.END: "withdrawn",
}
# What the preview page asks itself; all else it carries along hidden.
ASKED_AT_THE_END = ("decision_number", "decision_date", "note")


@blueprint.get("/don-vi/sap-xep")
@requires(MANAGE)
def start_operation() -> str:
    """Ask what is to be done."""
    kinds = [(slug, EVENTS[kind], HINTS[kind], ICONS[kind]) for slug, kind in SLUGS.items()]
    return render_template("units/operation_start.html", kinds=kinds, unit_id=_unit_argument())


def _unit_argument() -> int | None:
    try:
        return optional_int(request.args.get("don-vi"))
    except ValueError as error:
        raise BadRequest from error


@blueprint.route("/don-vi/sap-xep/<slug>", methods=["GET", "POST"])
@requires(MANAGE)
def operate(slug: str) -> Response:
    """Fill in an operation, look at what it would do, confirm it."""
    kind = SLUGS.get(slug)
    if kind is None:
        raise NotFound
    units = queries.choices(MANAGE)
    form = OperationForm()
    form.offer(kind, units)
    step = request.form.get("step", "preview")
    if request.method != "POST":
        if (unit_id := _unit_argument()) is not None:
            form.units[0].data = unit_id
        return _form_page(slug, kind, form, 200)
    more: dict[str, FieldList[Any]] = {
        "unit": form.units,
        "successor": form.successors,
        "new": form.new_units,
    }
    if step in more:
        field = more[step]
        if len(field) < (field.max_entries or MOST_FIELDS):
            field.append_entry()
            form.offer(kind, units)
        return _form_page(slug, kind, form, 200)
    if step == "edit":
        return _form_page(slug, kind, form, 200)
    if not form.validate():
        return _form_page(slug, kind, form, 422)
    operation = _operation(kind, form)
    if form.form_errors or any(field.errors for field in form):
        return _form_page(slug, kind, form, 422)
    try:
        shown = operations.preview(operation)
        filled = _fill(operation, shown)
        if filled != operation:
            operation, shown = filled, operations.preview(filled)
    except ValidationFailed as error:
        form.take_errors(error)
        return _form_page(slug, kind, form, 422)
    except NotFound:
        form.form_errors.append(_("Hãy chọn đơn vị trong danh sách."))
        return _form_page(slug, kind, form, 422)
    if step != "apply":
        return _preview_page(slug, kind, form, operation, shown, {}, 200)
    return _apply(slug, kind, form, operation, shown)


def _apply(
    slug: str, kind: UnitEventKind, form: OperationForm, operation: Operation, shown: Preview
) -> Response:
    try:
        operations.require_choices(operation, shown)
        run(operations.apply, operation, reason=operation.decision_number)
    except ValidationFailed as error:
        form.take_errors(error)
        problems = {problem.field: str(problem.message) for problem in error.errors}
        return _preview_page(slug, kind, form, operation, shown, problems, 422)
    except Conflict as error:
        form.form_errors.append(error.message)
        return _preview_page(slug, kind, form, operation, shown, {}, 409)
    flash(_("Đã thực hiện: %(what)s.", what=str(EVENTS[kind]).lower()), "success")
    target = (operation.successors or operation.units)[0]
    return redirect(url_for("units.show_unit", unit_id=target), 303)


def _operation(kind: UnitEventKind, form: OperationForm) -> Operation:
    """Return what the form says, reading only the fields that this kind draws."""
    ending = kind in operations.ENDING
    new_units: list[NewUnit] = []
    for entry in form.new_units if kind in (UnitEventKind.MERGE, UnitEventKind.SPLIT) else ():
        new = entry.form
        if not any((new.name.data, new.code.data, new.short_name.data, new.kind.data)):
            continue
        if not new.kind.data:
            new.kind.errors = [_("Hãy chọn loại đơn vị.")]
            continue
        new_units.append(
            NewUnit(
                name=new.name.data or "",
                kind=UnitKind(new.kind.data),
                parent_id=new.parent_id.data,
                code=new.code.data or "",
                short_name=new.short_name.data or "",
            )
        )
    renames = kind is UnitEventKind.RENAME
    children, records = _choices()
    return Operation(
        kind=kind,
        effective_on=form.effective_on.data,
        units=tuple(field.data for field in form.units if field.data),
        decision_number=form.decision_number.data or "",
        decision_date=form.decision_date.data,
        note=form.note.data or "",
        new_name=form.new_name.data or "" if renames else "",
        new_kind=UnitKind(form.new_kind.data) if renames and form.new_kind.data else None,
        new_short_name=form.new_short_name.data or None if renames else None,
        parent_id=form.parent_id.data if kind is UnitEventKind.MOVE else None,
        successors=tuple(f.data for f in form.successors if f.data) if ending else (),
        new_units=tuple(new_units),
        child_choices=children,
        record_choices=records,
    )


def _choices() -> tuple[dict[int, int], dict[tuple[str, int], int]]:
    """Return what was chosen on the preview page; what cannot be read is no choice."""
    children: dict[int, int] = {}
    records: dict[tuple[str, int], int] = {}
    for name, value in request.form.items():
        prefix, _dash, record = name.rpartition("-")
        kind, _dash, key = prefix.partition("-")
        try:
            record_id, unit_id = int(record), int(value)
        except ValueError:
            continue
        if kind == "child" and not key:
            children[record_id] = unit_id
        elif kind == "record" and key:
            records[key, record_id] = unit_id
    return children, records


def _fill(operation: Operation, shown: Preview) -> Operation:
    """Return the operation with one unit for all that nobody chose for, where a person said so."""
    children, records = dict(operation.child_choices), dict(operation.record_choices)
    for item in shown.children:
        if item.chosen is None and (rest := _rest("child")) is not None:
            children[item.record_id] = rest
    for group in shown.groups:
        for item in group.items:
            if item.chosen is None and (rest := _rest(group.key)) is not None:
                records[group.key, item.record_id] = rest
    return replace(operation, child_choices=children, record_choices=records)


def _rest(key: str) -> int | None:
    try:
        return int(request.form.get(f"rest-{key}", ""))
    except ValueError:
        return None


@dataclass(frozen=True)
class Step:
    """What each page of the wizard needs to draw itself."""

    slug: str
    kind: UnitEventKind
    title: str
    hint: str


def _common(slug: str, kind: UnitEventKind, form: OperationForm) -> dict[str, Any]:
    return {
        "step": Step(slug, kind, str(EVENTS[kind]), str(HINTS[kind])),
        "form": form,
        "Kind": UnitEventKind,
        "kinds": KINDS,
    }


def _is_choice(name: str) -> bool:
    return name.startswith(("child-", "record-", "rest-"))


def _form_page(slug: str, kind: UnitEventKind, form: OperationForm, status: int) -> Response:
    carried = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name in ASKED_AT_THE_END or _is_choice(name)
    ]
    page = render_template(
        "units/operation.html",
        carried=carried,
        can_add_unit=kind in (UnitEventKind.MOVE, UnitEventKind.MERGE, UnitEventKind.END),
        asks_successors=kind in operations.ENDING,
        asks_new=kind in (UnitEventKind.MERGE, UnitEventKind.SPLIT),
        **_common(slug, kind, form),
    )
    return make_response(page, status)


def _preview_page(
    slug: str,
    kind: UnitEventKind,
    form: OperationForm,
    operation: Operation,
    shown: Preview,
    problems: dict[str, str],
    status: int,
) -> Response:
    carried = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name not in ("csrf_token", "step", *ASKED_AT_THE_END) and not _is_choice(name)
    ]
    # Only here: the preview itself needs no decision yet.
    form.decision_number.flags.required = True
    page = render_template(
        "units/operation_preview.html",
        operation=operation,
        shown=shown,
        carried=carried,
        problems=problems,
        Role=operations.Role,
        **_common(slug, kind, form),
    )
    return make_response(page, status)

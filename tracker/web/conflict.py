"""Two people, one form: merge what can be merged, show the rest side by side, lose nothing.

The form carries the version it was made from (`base_version`). Where both changed the same field,
the page errors/conflict.html shows what it was, theirs and mine, with a choice for each field; the
answer comes back with `seen_version`, the newest version that was on that page. No script needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any

from flask import request
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from wtforms import Field, SelectFieldBase, SelectMultipleField

from tracker.core.conflicts import merge
from tracker.core.errors import BadRequest, Conflict, FieldConflict
from tracker.web.forms import Form
from tracker.web.i18n import show_date

PICK = "pick__"
MINE, THEIRS = "mine", "theirs"


@dataclass(frozen=True)
class Side:
    """One field that two people changed: its label and the three values as people read them."""

    name: str
    label: str
    base: str
    theirs: str
    mine: str
    by: str
    field: Field
    picked: str


def posted_version(name: str = "base_version") -> int:
    """Return a version that the form carries. Raises BadRequest when it is missing or no number."""
    text = request.form.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadRequest(_("Biểu mẫu thiếu phiên bản. Hãy tải lại trang."))
    return int(text)


def posted_picks() -> dict[str, str]:
    """Return which side the person chose for each field shown; other values count as no choice."""
    return {
        key.removeprefix(PICK): value
        for key, value in request.form.items()
        if key.startswith(PICK) and value in (MINE, THEIRS)
    }


def resolve(
    session: Session, record: Any, base_version: int, submitted: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what to write: like `merge`, but choices made on the conflict page settle conflicts.

    A choice counts only if the record is still as it was shown with it. Raises Conflict with the
    fields that are not settled.
    """
    try:
        return merge(session, record, base_version, submitted)
    except Conflict as conflict:
        picks = posted_picks()
        settled = {one.field for one in conflict.fields} <= picks.keys()
        if not settled or posted_version("seen_version") != record.version:
            raise
        disputed = {one.field: one.mine for one in conflict.fields}
        rest = {name: value for name, value in submitted.items() if name not in disputed}
        mine = {name: value for name, value in disputed.items() if picks[name] == MINE}
        return {**merge(session, record, base_version, rest), **mine}


def sides(form: Form, fields: Sequence[FieldConflict]) -> list[Side]:
    """Return what the conflict page shows for each field."""
    picks = posted_picks()
    return [
        Side(
            name=one.field,
            label=str(form[one.field].label.text),
            base=show(form[one.field], one.base),
            theirs=show(form[one.field], one.theirs),
            mine=show(form[one.field], one.mine),
            by=one.by,
            field=form[one.field],
            picked=picks.get(one.field, ""),
        )
        for one in fields
        if one.field in form
    ]


def show(field: Field, value: object) -> str:
    """Return a value of a field in words: the label of a choice, a date, yes or no."""
    if isinstance(value, Enum):
        value = value.value
    if value is None or value == "" or value == []:
        return str(_("(để trống)"))
    if isinstance(value, bool):
        return str(_("Có") if value else _("Không"))
    if isinstance(field, SelectFieldBase):
        if isinstance(field, SelectMultipleField) and isinstance(value, str):
            value = value.split(",")
        wanted = {str(one) for one in value} if isinstance(value, list | tuple) else {str(value)}
        labels = [str(label) for key, label, *_rest in field.iter_choices() if str(key) in wanted]
        if labels:
            return ", ".join(labels)
    if isinstance(value, date):
        return show_date(value)
    if (field.render_kw or {}).get("data-kind") == "date" or field.type == "Day":
        try:
            return show_date(date.fromisoformat(str(value)))
        except ValueError:
            return str(value)
    return str(value)

"""Two people, one form: merge what can be merged, show the rest side by side, lose nothing.

The form carries the version it was made from (`base_version`). Where both changed the same field,
the page errors/conflict.html shows what it was, theirs and mine, with a choice for each field; the
answer comes back with `seen_version`, the newest version that was on that page. No script needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any, Final, TypeVar

from flask import render_template, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from wtforms import Field, SelectFieldBase, SelectMultipleField

from tracker.core.conflicts import NO_WAYS, Way, merge, stored
from tracker.core.errors import BadRequest, Conflict, FieldConflict
from tracker.web.forms import Form
from tracker.web.i18n import show_date

PICK = "pick__"
MINE, THEIRS = "mine", "theirs"
# How often a save merges anew when somebody is faster between the merge and the write.
TRIES: Final = 3

Result = TypeVar("Result")
Merge = Callable[[Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Composite:
    """Several fields of a form that are one thing to people, such as a deadline.

    `template` draws them, `show` says a value in words, `covers` names the form's fields.
    """

    label: str
    template: str
    show: Callable[[Any], str]
    covers: tuple[str, ...]


@dataclass(frozen=True)
class Side:
    """One field that two people changed: its label and the three values as people read them.

    `field` is drawn by itself, `template` draws what consists of several fields (`covers`).
    """

    name: str
    label: str
    base: str
    theirs: str
    mine: str
    by: str
    field: Field | None
    picked: str
    template: str = ""
    covers: tuple[str, ...] = ()


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
    session: Session,
    record: Any,
    base_version: int,
    submitted: Mapping[str, Any],
    ways: Mapping[str, Way] = NO_WAYS,
) -> dict[str, Any]:
    """Return what to write: like `merge`, but choices made on the conflict page settle conflicts.

    A choice counts only if the record is still as it was shown with it. Raises Conflict with the
    fields that are not settled.
    """
    return choose(
        lambda values: merge(session, record, base_version, values, ways),
        record.version,
        submitted,
    )


def choose(merged: Merge, version: int, submitted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `merged` makes of `submitted`, its conflicts settled by the person's choices.

    `version` is what is stored now: choices made beside an older one are asked again. Raises
    Conflict with the fields that are not settled.
    """
    try:
        return merged(submitted)
    except Conflict as conflict:
        picks = posted_picks()
        settled = {one.field for one in conflict.fields} <= picks.keys()
        if not settled or posted_version("seen_version") != version:
            raise
        disputed = {one.field: one.mine for one in conflict.fields}
        rest = {name: value for name, value in submitted.items() if name not in disputed}
        mine = {name: value for name, value in disputed.items() if picks[name] == MINE}
        return {**merged(rest), **mine}


def persist(attempt: Callable[[], Result]) -> Result:
    """Carry out a merge with its write, and again when somebody was faster between the two.

    Raises Conflict, with fields when a person has to choose.
    """
    for number in range(1, TRIES + 1):
        try:
            return attempt()
        except Conflict as error:
            if error.fields or number == TRIES:
                raise
    raise AssertionError("unreachable")


def whole(
    session: Session,
    record: Any,
    base_version: int,
    submitted: Mapping[str, Any],
    ways: Mapping[str, Way] = NO_WAYS,
) -> dict[str, Any]:
    """Return all fields of `submitted` as they are to be written: like `resolve`, and what the
    person did not change as it is stored now. Raises Conflict like `resolve`.
    """
    wanted = resolve(session, record, base_version, submitted, ways)
    return {name: stored(record, name, ways) for name in submitted} | wanted


def page(
    form: Form,
    error: Conflict,
    *,
    base_version: int,
    seen_version: int,
    composites: Mapping[str, Composite] | None = None,
    **more: Any,
) -> str:
    """Return the page on which a person settles a conflict.

    `more` is what errors/conflict.html asks for besides: title, action, cancel_url, crumbs.
    """
    return render_template(
        "errors/conflict.html",
        form=form,
        sides=sides(form, error.fields, composites),
        composites=composites or {},
        base_version=base_version,
        seen_version=seen_version,
        **more,
    )


def sides(
    form: Form,
    fields: Sequence[FieldConflict],
    composites: Mapping[str, Composite] | None = None,
) -> list[Side]:
    """Return what the conflict page shows for each field, and for what several fields make up."""
    picks = posted_picks()
    found: list[Side] = []
    for one in fields:
        whole = (composites or {}).get(one.field)
        if whole is None and one.field not in form:
            continue
        field = None if whole else form[one.field]
        base, theirs, mine = (
            whole.show(value) if whole else show(form[one.field], value)
            for value in (one.base, one.theirs, one.mine)
        )
        found.append(
            Side(
                name=one.field,
                label=whole.label if whole else str(form[one.field].label.text),
                base=base,
                theirs=theirs,
                mine=mine,
                by=one.by,
                field=field,
                picked=picks.get(one.field, ""),
                template=whole.template if whole else "",
                covers=whole.covers if whole else (one.field,),
            )
        )
    return found


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

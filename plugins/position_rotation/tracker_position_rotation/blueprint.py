"""The blueprint of this plug-in, and how its pages read addresses and forms."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

from tracker.api import clock, numbers, text
from tracker.api.declaration import declaration
from tracker.api.errors import BadRequest, ValidationFailed
from tracker.api.i18n import gettext as _
from tracker.api.web import Form, render_template, request, url_for
from tracker.api.work import Work, run
from tracker_position_rotation import labels

OWN = declaration("tracker_position_rotation")
blueprint = OWN.blueprint()

Choice = TypeVar("Choice", bound=StrEnum)


@blueprint.context_processor
def words() -> dict[str, object]:
    """Give this plug-in's templates the words of standings, outcomes and states, and its style."""
    return {"rotation_words": labels, "rotation_css": css_address}


def css_address() -> str:
    """Return where this plug-in's style sheet is."""
    return url_for("position_rotation.static", filename="rotation.css", v=OWN.manifest.version)


def choice_in(kind: type[Choice], name: str) -> Choice | None:
    """Return the choice that the address asks for. Raises BadRequest for an unknown one."""
    value = request.args.get(name, "")
    if not value:
        return None
    try:
        return kind(value)
    except ValueError as error:
        raise BadRequest(_("Điều kiện lọc không hợp lệ.")) from error


def day_in(name: str) -> date:
    """Return the day that the address asks for, today when none. Raises BadRequest."""
    value = text.normalise(request.args.get(name, ""))
    if not value:
        return clock.today()
    try:
        return numbers.parse_date(value)
    except ValueError as error:
        raise BadRequest(_("Ngày chưa đúng. Hãy gõ như 15/12/2026.")) from error


def key_in(name: str) -> int | None:
    """Return the record's number that the address asks for. Raises BadRequest."""
    value = request.args.get(name, "")
    if not value:
        return None
    key = numbers.read_whole(value)
    if not key:
        raise BadRequest(_("Điều kiện lọc không hợp lệ."))
    return key


def version_of(value: object) -> int | None:
    """Return the version that a form was filled from. Raises BadRequest."""
    words = str(value or "")
    if not words:
        return None
    if not (words.isascii() and words.isdigit() and len(words) <= 9):
        raise BadRequest
    return int(words)


def fill(form: Form, record: object, *names: str) -> None:
    """Show in a form what a record holds."""
    for name in names:
        form[name].data = getattr(record, name)


def written(
    form: Form, service: Callable[[Work, Any], object], data: Callable[[], Any], reason: str = ""
) -> object:
    """Run a service with what a sent form holds; return what it returned, or True.

    None when it is refused: the reasons stand in the form.
    """
    if not form.validate():
        return None
    try:
        result = run(service, data(), reason=reason)
    except ValidationFailed as error:
        form.take_errors(error)
        return None
    return True if result is None else result


def page(template: str, form: Form, **more: object) -> tuple[str, int]:
    """Return a form's page: 422 when it was sent and refused, so that nothing typed is lost."""
    return render_template(f"position_rotation/{template}.html", form=form, **more), (
        422 if form.is_submitted() else 200
    )

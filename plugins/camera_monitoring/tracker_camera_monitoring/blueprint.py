"""The blueprint of all pages, and what their views share."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

from tracker.api.errors import BadRequest, NotFound
from tracker.api.i18n import gettext as _
from tracker.api.numbers import UnreadableDate, parse_date, read_whole
from tracker.api.text import normalise
from tracker.api.web import request, url_for
from tracker_camera_monitoring import labels
from tracker_camera_monitoring.probing import Health
from tracker_camera_monitoring.values import OWN

blueprint = OWN.blueprint()

Choice = TypeVar("Choice", bound=StrEnum)
LARGEST_ID = 2**31 - 1


@blueprint.context_processor
def words() -> dict[str, Any]:
    """Give this plug-in's templates the words of kinds, states and reasons."""
    return {"camera_words": labels, "Health": Health, "camera_css": css_address}


def css_address() -> str:
    """Return where this plug-in's style sheet is."""
    return url_for("camera_monitoring.static", filename="camera.css", v=OWN.manifest.version)


def choice_in(kind: type[Choice], name: str) -> Choice | None:
    """Return the choice that the address asks for. Raises BadRequest for an unknown one."""
    value = request.args.get(name, "")
    if not value:
        return None
    try:
        return kind(value)
    except ValueError as error:
        raise BadRequest(_("Điều kiện lọc không hợp lệ.")) from error


def day_in(name: str) -> date | None:
    """Return the day that the address asks for. Raises BadRequest for what is no day."""
    value = normalise(request.args.get(name, ""))
    if not value:
        return None
    try:
        return parse_date(value)
    except UnreadableDate as error:
        raise BadRequest(_("Ngày chưa đúng. Hãy gõ như 15/12/2026.")) from error


def key_in(name: str) -> int | None:
    """Return the record's number that the address asks for. Raises BadRequest."""
    value = request.args.get(name, "")
    if not value:
        return None
    key = read_whole(value)
    if not key:
        raise BadRequest(_("Điều kiện lọc không hợp lệ."))
    return key


def text_in(name: str) -> str:
    """Return a text of the address, normalised and cut."""
    return normalise(request.args.get(name, ""))[:200]


def existing(number: int) -> int:
    """Return the number of a record; one that no database can hold is NotFound."""
    if not 0 < number <= LARGEST_ID:
        raise NotFound
    return number

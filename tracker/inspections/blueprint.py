"""The blueprint of all inspection pages, and what their views share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import TypeVar

from flask import Blueprint, request
from flask_babel import gettext as _

from tracker.core import numbers
from tracker.core.errors import BadRequest, NotFound, ValidationFailed
from tracker.core.text import normalise
from tracker.files.inspect_content import PICTURE_TYPES
from tracker.files.services import PreparedFile, prepare_all
from tracker.inspections import labels
from tracker.inspections.models import Answer, FindingState, VisitState

blueprint = Blueprint("inspections", __name__, url_prefix="/kiem-tra")

Choice = TypeVar("Choice", bound=StrEnum)
LARGEST_ID = 2**31 - 1


@blueprint.app_context_processor
def words() -> dict[str, object]:
    """Give templates the words of kinds, states and answers."""
    return {"inspection_words": labels, "Answer": Answer, "FindingState": FindingState,
            "VisitState": VisitState}  # fmt: skip


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


def existing(number: int) -> int:
    """Return the number of a record; one that no database can hold is NotFound."""
    if not 0 < number <= LARGEST_ID:
        raise NotFound
    return number


def text_in(name: str) -> str:
    """Return a text of the address, normalised and cut."""
    return normalise(request.args.get(name, ""))[:200]


def prepare_photos(name: str, most: int) -> Sequence[PreparedFile]:
    """Prepare the photos of a form; anything that is no picture is refused."""
    prepared = prepare_all(request.files.getlist(name), name, most)
    if any(one.media_type not in PICTURE_TYPES for one in prepared):
        raise ValidationFailed({name: _("Chỉ gửi ảnh JPEG, PNG hoặc WebP.")})
    return prepared


def is_script() -> bool:
    """Tell whether a page's script asks (and wants JSON), not a form."""
    return request.accept_mimetypes.best == "application/json"

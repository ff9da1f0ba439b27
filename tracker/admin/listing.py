"""What a section of the back office declares besides columns: filters, bulk actions, writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from sqlalchemy import ColumnElement

from tracker.core.work import Work
from tracker.plugins.descriptors import Label
from tracker.web.forms import Form, Longest, Note, Required
from tracker.web.i18n import show_date, show_moment

if TYPE_CHECKING:
    from tracker.admin.views import SecureModelView

LONGEST_REASON = 500


@dataclass(frozen=True)
class Write:
    """A write that a view asks for: a service, its input, and the reason for the change log."""

    service: Callable[[Work, Any], Any]
    data: Any
    reason: str = ""


@dataclass(frozen=True)
class Several:
    """Writes that happen together or not at all."""

    writes: tuple[Write, ...]


def carry_out_several(work: Work, data: Several) -> int:
    """Carry out writes in one unit of work; return how many. Raises what their services raise."""
    for one in data.writes:
        one.service(work, one.data)
    return len(data.writes)


@dataclass(frozen=True)
class Filter:
    """A choice above the list, kept in the address under its name; values come from a list."""

    name: str
    label: Label
    choices: Callable[[], Sequence[tuple[str, str]]]
    condition: Callable[[str], ColumnElement[bool]]
    combobox: bool = False


class ReasonForm(Form):
    """Why several records are changed at once."""

    reason = Note(_l("Lý do"), [Required(), Longest(LONGEST_REASON)])


class OptionalReasonForm(Form):
    """A reason where the record itself does not ask for one."""

    reason = Note(_l("Lý do"), [Longest(LONGEST_REASON)])


@dataclass(frozen=True)
class Bulk:
    """Something to do with the picked rows: asked in words first, with a reason.

    `write(view, records, form)` returns what is to be written, all of it or nothing; `prepare`
    fills choices of the form. The right is asked again, record by record, by the service.
    """

    name: str
    label: Label
    # Said above the list of the picked records.
    question: Label
    write: Callable[[SecureModelView, Sequence[Any], Any], Write]
    icon: str = "edit"
    permission: str = ""
    form: type[Form] = ReasonForm
    prepare: Callable[[SecureModelView, Any], None] | None = None
    done: Label = field(default_factory=lambda: _l("Đã làm xong với các dòng đã chọn."))
    is_dangerous: bool = False


def yes_or_dash(value: bool) -> str:
    """Say a yes as a word; a no is a dash, so that the eye finds the yes."""
    return str(_("Có")) if value else "–"


def show_plain(value: object) -> str | Markup:
    """Return a value as lists and details show it; markup is passed through, all else is text."""
    if isinstance(value, Markup):
        return value
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return yes_or_dash(value)
    if isinstance(value, datetime):
        return show_moment(value)
    if isinstance(value, date):
        return show_date(value)
    if isinstance(value, StrEnum):
        return value.value
    return str(value)


def choices_of(labels: Mapping[Any, Label]) -> list[tuple[str, str]]:
    """Return labels by enum member as choices of a filter or a form."""
    return [(key.value, str(label)) for key, label in labels.items()]

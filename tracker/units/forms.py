"""Forms of units, unit sets and operations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import Field, FieldList, FormField, HiddenField, SelectField, SelectMultipleField
from wtforms import Form as PlainForm
from wtforms.validators import Optional, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from tracker.core.db import NAME_LENGTH
from tracker.core.errors import ValidationFailed
from tracker.units.labels import kind_choices
from tracker.units.models import UnitEventKind
from tracker.web.forms import Day, Form, Longest, Note, Required, Text, optional_int

MOST_FIELDS = 60
Choices = Sequence[tuple[int, str]]


class KnownChoice(SelectField):
    """A select whose refusal is one plain sentence."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # Templates draw a field by its type, and this one looks like any select.
        self.type = "SelectField"

    def pre_validate(self, form: Any) -> None:
        """Raise ValidationError for a value that is not among the choices."""
        if self.process_errors or self.data in (None, ""):
            # Already told, or for `Required` to tell.
            return
        if not any(match for _value, _label, match, *_rest in self.iter_choices()):
            raise ValidationError(_("Hãy chọn một mục trong danh sách."))

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Take what was chosen; what is no key at all is no choice."""
        try:
            super().process_formdata(valuelist)
        except ValueError as error:
            raise ValueError(_("Hãy chọn một mục trong danh sách.")) from error


def unit_field(label: Any, *, required: bool = True) -> KnownChoice:
    """Return a field that chooses a unit; its choices are set for each request."""
    return KnownChoice(
        label,
        [Required()] if required else [],
        coerce=optional_int,
        render_kw={"data-kind": "combobox", "data-recent": "unit"},
    )


def kind_field(label: Any) -> KnownChoice:
    """Return a field that chooses a kind of unit."""
    return KnownChoice(label, [Required()], coerce=str)


def offer_units(field: KnownChoice, units: Choices, blank: str = "") -> None:
    """Set the choices of a unit field."""
    field.choices = [("", blank), *units]


def offer_kinds(field: KnownChoice, blank: str | None = "") -> None:
    """Set the choices of a kind field."""
    field.choices = [*([] if blank is None else [("", blank)]), *kind_choices()]


class UnitForm(Form):
    """A new unit."""

    name = Text(_l("Tên đơn vị"), [Required(), Longest(NAME_LENGTH)])
    kind = kind_field(_l("Loại đơn vị"))
    parent_id = unit_field(_l("Đơn vị cấp trên"), required=False)
    valid_from = Day(
        _l("Ngày thành lập"),
        [Required()],
        description=_l("Ngày bắt đầu hoạt động; danh sách xem theo thời điểm dựa vào ngày này."),
        render_kw={"data-kind": "date"},
    )
    short_name = Text(_l("Tên ngắn"), [Longest(120)])
    code = Text(_l("Mã đơn vị"), [Longest(40)])
    head_title = Text(
        _l("Chức danh người đứng đầu"),
        [Longest(200)],
        description=_l("Ví dụ: Chủ tịch UBND xã. Dùng khi việc cần người chịu trách nhiệm."),
    )
    decision_number = Text(_l("Số quyết định"), [Longest(80)])
    decision_date = Day(_l("Ngày ký"), [], render_kw={"data-kind": "date"})


class EditUnitForm(Form):
    """What may be put right without a decision."""

    short_name = Text(_l("Tên ngắn"), [Longest(120)])
    code = Text(_l("Mã đơn vị"), [Longest(40)])
    head_title = Text(_l("Chức danh người đứng đầu"), [Longest(200)])
    version = HiddenField()


class AliasForm(Form):
    """Another name of a unit."""

    alias = Text(_l("Tên gọi khác"), [Required(), Longest(NAME_LENGTH)])


class KindBoxes(SelectMultipleField):
    """Kinds of units as boxes to tick."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class UnitSetForm(Form):
    """A rule for several units."""

    name = Text(_l("Tên nhóm"), [Required(), Longest(200)])
    kinds = KindBoxes(_l("Gồm các loại đơn vị"), validators=[Optional()])
    under_unit_id = unit_field(_l("Trực thuộc"), required=False)
    version = HiddenField()


class NewUnitForm(PlainForm):
    """A unit that an operation makes; a form without a name is not meant."""

    name = Text(_l("Tên đơn vị mới"), [Longest(NAME_LENGTH)])
    kind = KnownChoice(_l("Loại đơn vị"), coerce=str)
    parent_id = unit_field(_l("Đơn vị cấp trên"), required=False)
    short_name = Text(_l("Tên ngắn"), [Longest(120)])
    code = Text(_l("Mã đơn vị"), [Longest(40)])


class OperationForm(Form):
    """One operation on units; which fields are drawn and read depends on its kind."""

    units = FieldList(unit_field(_l("Đơn vị"), required=False), max_entries=MOST_FIELDS)
    effective_on = Day(
        _l("Ngày hiệu lực"),
        [Required()],
        description=_l("Từ ngày này đơn vị mang tên mới, vị trí mới hoặc kết thúc."),
        render_kw={"data-kind": "date"},
    )
    new_name = Text(_l("Tên mới"), [Longest(NAME_LENGTH)])
    new_kind = KnownChoice(_l("Loại đơn vị"), coerce=str)
    new_short_name = Text(_l("Tên ngắn"), [Longest(120)])
    parent_id = unit_field(_l("Đơn vị cấp trên mới"), required=False)
    successors = FieldList(
        unit_field(_l("Đơn vị tiếp nhận"), required=False), max_entries=MOST_FIELDS
    )
    new_units = FieldList(FormField(NewUnitForm), max_entries=20)
    decision_number = Text(_l("Số quyết định"), [Longest(80)])
    decision_date = Day(_l("Ngày ký"), [], render_kw={"data-kind": "date"})
    note = Note(_l("Ghi chú"), [Longest(2000)])

    def __iter__(self) -> Iterator[Field]:
        """Yield the single fields, those of lists too, so that each error finds its field."""
        for field in super().__iter__():
            yield from _single(field)

    def take_errors(self, error: ValidationFailed) -> None:
        """Show a service's field errors beside the fields, the first of a list for the list."""
        fields = {field.name: field for field in self}
        for problem in error.errors:
            field = fields.get(problem.field) or fields.get(f"{problem.field}-0")
            if field is None:
                self.form_errors.append(str(problem.message))
            else:
                field.errors = [*field.errors, str(problem.message)]

    def offer(self, kind: UnitEventKind, units: Choices) -> None:
        """Set all choices, and how many fields of each list the kind begins with."""
        wanted = {
            UnitEventKind.RENAME: (1, 0, 0),
            UnitEventKind.MOVE: (1, 0, 0),
            UnitEventKind.MERGE: (2, 1, 1),
            UnitEventKind.SPLIT: (1, 1, 2),
            UnitEventKind.END: (1, 1, 0),
        }[kind]
        lists: tuple[FieldList[Any], ...] = (self.units, self.successors, self.new_units)
        for fields, count in zip(lists, wanted, strict=True):
            while len(fields) < count:
                fields.append_entry()
        for field in (*self.units, *self.successors, self.parent_id):
            offer_units(field, units)
        for needed in (self.units[0], self.parent_id, self.new_name):
            # Read by the page only; which of them count depends on the kind.
            needed.flags.required = True
        offer_kinds(self.new_kind, _("Giữ như hiện nay"))
        for new in self.new_units:
            offer_kinds(new.form.kind)
            offer_units(new.form.parent_id, units, _("Như đơn vị cũ"))


def _single(field: Field) -> Iterator[Field]:
    if isinstance(field, FieldList):
        for entry in field:
            yield from _single(entry)
    elif isinstance(field, FormField):
        yield from field.form
    else:
        yield field

"""Forms: the base of all of them, fields for Vietnamese input, and the way to a service's input."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Final

from flask import request
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import Field, FileField, StringField, TextAreaField
from wtforms.validators import StopValidation

from tracker.core import numbers, text
from tracker.core.errors import ValidationFailed

LONGEST_NOTE = 5000
_PICK = _l("Hãy chọn một mục trong danh sách.")
# What WTForms' own fields say of values that they cannot read; it knows no Vietnamese.
SAID: Final[dict[str, LazyString]] = {
    "Invalid Choice: could not coerce.": _PICK,
    "Not a valid choice.": _PICK,
    "Invalid choice(s): one or more data inputs could not be coerced.": _PICK,
    "'%(value)s' is not a valid choice for this field.": _PICK,
    "Not a valid integer value.": _l("Hãy nhập một số nguyên."),
    "Number must be at least %(min)s.": _l("Số phải từ %(min)s trở lên."),
    "Number must be at most %(max)s.": _l("Số không được quá %(max)s."),
    "Number must be between %(min)s and %(max)s.": _l("Số phải từ %(min)s đến %(max)s."),
}


class Said:
    """The words of WTForms in the language of the request."""

    def gettext(self, text: str) -> str:
        """Return what a field says, in our words."""
        return str(SAID.get(text, text))

    def ngettext(self, one: str, many: str, count: int) -> str:
        """Return the same for what has a plural: ours speak of one choice at a time."""
        return self.gettext(one)


class Form(FlaskForm):  # type: ignore[misc]
    """Base of all forms; CSRF is checked for the whole app, so it is not repeated here."""

    class Meta:
        """How all forms are made."""

        csrf = False

        def get_translations(self, form: Any) -> Said:
            """Return the words of WTForms' own fields."""
            return Said()

        def wrap_formdata(self, form: Any, formdata: Any) -> Any:
            """Return what was sent for the fields of `form`; None when nothing was.

            Only a sent form counts, never JSON, which Flask-WTF would take as well; and a file
            only where a file is asked for, so that a field of text is text. What comes without a
            single field is an empty form, not the record as it was.
            """
            if formdata is None or hasattr(formdata, "getlist"):
                return formdata
            if request.method != "POST":
                return None
            takes_files = {one.name for one in form._fields.values() if isinstance(one, FileField)}
            given: MultiDict[str, Any] = MultiDict()
            for sent, is_file in ((request.form, False), (request.files, True)):
                for name, values in sent.lists():
                    if (name in takes_files) is is_file:
                        given.setlist(name, values)
            return given

    def take_errors(self, error: ValidationFailed) -> None:
        """Show a service's field errors beside the fields they speak of."""
        for problem in error.errors:
            field = self._fields.get(problem.field)
            message = str(problem.message)
            if field is None:
                self.form_errors.append(message)
            else:
                field.errors = [*field.errors, message]


def clean(value: str | None) -> str:
    """Normalise typed text (NFC, no stray characters)."""
    return text.normalise(value) if value else ""


class Text(StringField):
    """One line of text, normalised."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Take what was typed."""
        self.data = clean(str(valuelist[0])).replace("\n", " ") if valuelist else ""


class Note(TextAreaField):
    """Several lines of text, normalised."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Take what was typed."""
        self.data = clean(str(valuelist[0]).replace("\r\n", "\n")) if valuelist else ""


class Day(StringField):
    """A date typed as dd/mm/yyyy (and the other ways people write one); `data` is a date."""

    data: Any

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read what was typed; what cannot be read stays in the field with a message."""
        self.raw_text = str(valuelist[0]).strip() if valuelist else ""
        self.data = None
        if not self.raw_text:
            return
        try:
            self.data = numbers.parse_date(self.raw_text)
        except ValueError as error:
            raise ValueError(_("Ngày chưa đúng. Hãy gõ như 15/12/2026.")) from error

    def _value(self) -> str:
        if self.raw_data and self.data is None:
            return str(self.raw_data[0])
        return numbers.format_date(self.data, "vi") if isinstance(self.data, date) else ""


class Required:
    """The field must be filled; unlike WTForms' own, it says so in one plain sentence."""

    field_flags = {"required": True}  # noqa: RUF012 - WTForms reads it from the class

    def __init__(self, message: str | None = None) -> None:
        self.message = message

    def __call__(self, form: Any, field: Field) -> None:
        """Raise StopValidation when nothing was given."""
        if field.data is None or field.data == "" or field.data == []:
            if field.errors:
                raise StopValidation
            raise StopValidation(self.message or _("Hãy điền mục này."))


class Longest:
    """The text may have at most so many characters."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.field_flags = {"maxlength": most}

    def __call__(self, form: Any, field: Field) -> None:
        """Raise StopValidation when the text is longer."""
        if field.data and len(str(field.data)) > self.most:
            raise StopValidation(_("Dài quá %(most)d ký tự.", most=self.most))


Coerce = Callable[[Any], Any]


def optional_int(value: Any) -> int | None:
    """Coerce a select's value to a key; '' is none. Raises ValueError for anything else."""
    if value in (None, "", "None"):
        return None
    number = int(value)
    if not 0 < number < 2**31:
        raise ValueError("key out of range")
    return number

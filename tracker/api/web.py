"""Pages: doors, forms, lists, downloads. Views of a plug-in are plain Flask views.

Templates extend `base.html` and use the macros of `macros/*.html`; those of a plug-in lie under
`templates/<name>/` of its package.
"""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from wtforms import (
    BooleanField,
    EmailField,
    FieldList,
    FileField,
    FormField,
    HiddenField,
    IntegerField,
    MultipleFileField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
)
from wtforms.validators import NumberRange, Optional

from tracker.web.assets import asset, icon
from tracker.web.doors import hide_unless, open_to_all, requires, safe_next, signed_in
from tracker.web.exports import count_rows, send_workbook
from tracker.web.forms import Day, Form, Longest, Note, Required, Text, optional_int
from tracker.web.paging import Page, Sorting, address_with, page_number, sorting
from tracker.web.xlsx import Column, Sheet, download, write_workbook

__all__ = [
    "BooleanField",
    "Column",
    "Day",
    "EmailField",
    "FieldList",
    "FileField",
    "Form",
    "FormField",
    "HiddenField",
    "IntegerField",
    "Longest",
    "MultipleFileField",
    "Note",
    "NumberRange",
    "Optional",
    "Page",
    "PasswordField",
    "RadioField",
    "Required",
    "SelectField",
    "SelectMultipleField",
    "Sheet",
    "Sorting",
    "Text",
    "address_with",
    "asset",
    "count_rows",
    "download",
    "flash",
    "hide_unless",
    "icon",
    "open_to_all",
    "optional_int",
    "page_number",
    "redirect",
    "render_template",
    "request",
    "requires",
    "safe_next",
    "send_workbook",
    "signed_in",
    "sorting",
    "url_for",
    "write_workbook",
]

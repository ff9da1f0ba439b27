"""How values of the back office are said: plain text, dates, yes, and both sides of a conflict."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from enum import StrEnum

import pytest
from flask import Flask
from flask_babel import Babel
from markupsafe import Markup
from wtforms import SelectField, SelectMultipleField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined] # newer than its types

from tracker.admin.listing import show_plain
from tracker.core.errors import BadRequest
from tracker.web import conflict
from tracker.web.forms import Day, Form, Text


class Colour(StrEnum):
    RED = "red"


class Sample(Form):
    name = Text("Tên")
    day = Day("Ngày")
    colour = SelectField("Màu", choices=[SelectChoice("red", "Đỏ"), SelectChoice("", "Không")])
    many = SelectMultipleField(
        "Nhiều", choices=[SelectChoice("a", "Một"), SelectChoice("b", "Hai")]
    )


@pytest.fixture
def small() -> Iterator[Flask]:
    """An app that only knows languages."""
    app = Flask("small")
    app.secret_key = "x"
    Babel(app, locale_selector=lambda: "vi")
    with app.test_request_context(method="POST", data={"base_version": "7", "pick__name": "mine"}):
        yield app


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        ("", ""),
        (True, "Có"),
        (False, "–"),
        (0, "0"),
        (2026, "2026"),
        (date(2026, 5, 4), "04/05/2026"),
        (datetime(2026, 5, 4, 3, 30, tzinfo=UTC), "10:30 04/05/2026"),
        (Colour.RED, "red"),
        ("<b>", "<b>"),
    ],
)
def test_a_cell_says_its_value_in_words(value: object, shown: str) -> None:
    assert show_plain(value) == shown


def test_only_markup_made_by_a_view_stays_markup() -> None:
    assert isinstance(show_plain(Markup("<b>x</b>")), Markup)
    assert not isinstance(show_plain("<b>x</b>"), Markup)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("name", "", "(để trống)"),
        ("name", None, "(để trống)"),
        ("name", "Đạ Tẻh", "Đạ Tẻh"),
        ("day", "2026-05-04", "04/05/2026"),
        ("day", date(2026, 5, 4), "04/05/2026"),
        ("day", "không phải ngày", "không phải ngày"),
        ("colour", "red", "Đỏ"),
        ("colour", Colour.RED, "Đỏ"),
        ("colour", "mauve", "mauve"),
        ("many", "a,b", "Một, Hai"),
        ("many", ["b"], "Hai"),
    ],
)
def test_a_side_says_its_value_in_words(field: str, value: object, shown: str) -> None:
    form = Sample(formdata=None)
    assert conflict.show(form[field], value) == shown


@pytest.mark.usefixtures("small")
def test_versions_and_choices_are_read_from_the_form() -> None:
    assert conflict.posted_version() == 7
    assert conflict.posted_picks() == {"name": "mine"}
    with pytest.raises(BadRequest):
        conflict.posted_version("seen_version")


def test_a_choice_that_is_neither_side_counts_as_none(small: Flask) -> None:
    data = {"pick__name": "everything", "pick__day": "theirs"}
    with small.test_request_context(method="POST", data=data):
        assert conflict.posted_picks() == {"day": "theirs"}

"""What a declared setting accepts."""

from __future__ import annotations

import pytest
from flask import Flask

from tracker.plugins.descriptors import SettingSpec
from tracker.settings.forms import field_name
from tracker.settings.services import checked

DAYS = SettingSpec(key="a.days", label="Ngày", kind=int, default=7, minimum=0, maximum=90)
NAME = SettingSpec(key="a.name", label="Tên", kind=str, default="")
FLAG = SettingSpec(key="a.flag", label="Có", kind=bool, default=False)


@pytest.fixture(autouse=True)
def messages() -> object:
    """Messages are told in Vietnamese outside requests; they need an app all the same."""
    from flask_babel import Babel

    app = Flask(__name__)
    Babel(app, default_locale="vi")
    with app.app_context():
        yield


@pytest.mark.parametrize(
    ("spec", "typed", "value"),
    [
        (DAYS, 0, 0),
        (DAYS, 90, 90),
        (NAME, "  UBND  xã ", "UBND xã"),
        (NAME, "Hoa\u0300a", "Hoàa"),
        (FLAG, True, True),
    ],
)
def test_a_fitting_value_is_taken(spec: SettingSpec, typed: object, value: object) -> None:
    """Texts are normalised, the rest stays."""
    assert checked(spec, typed) == (value, "")


@pytest.mark.parametrize(
    ("spec", "typed"),
    [
        (DAYS, -1),
        (DAYS, 91),
        (DAYS, True),
        (DAYS, "7"),
        (DAYS, None),
        (NAME, 5),
        (NAME, "x" * 501),
        (FLAG, "on"),
        (FLAG, 1),
        (SettingSpec(key="a.b", label="", kind=int, default=0), 2**40),
        (SettingSpec(key="a.b", label="", kind=int, default=0, minimum=3), 2),
        (SettingSpec(key="a.b", label="", kind=int, default=0, maximum=3), 4),
    ],
)
def test_what_does_not_fit_is_refused(spec: SettingSpec, typed: object) -> None:
    """Wrong kinds, values out of range and texts too long each have a reason."""
    assert checked(spec, typed)[1]


def test_fields_have_no_dots_in_their_names() -> None:
    """Names of form fields are attributes too."""
    assert field_name("agency.name") == "agency__name"

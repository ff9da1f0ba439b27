"""Words in the reader's language. What stands in the code is Vietnamese; the English is beside it.

The catalogue is the package's `locale/en/LC_MESSAGES/messages.po` (and the `.mo` made of it); the
host joins the catalogues of all plug-ins to its own, and its own words win.
"""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _gettext
from flask_babel import lazy_gettext as _lazy_gettext
from flask_babel import ngettext as _ngettext

from tracker.plugins.descriptors import Label
from tracker.plugins.manifest import Words
from tracker.web.i18n import (
    locale_code,
    show_date,
    show_due,
    show_moment,
    show_number,
    show_percent,
    show_size,
)

__all__ = [
    "Label",
    "Words",
    "gettext",
    "lazy_gettext",
    "locale_code",
    "ngettext",
    "show_date",
    "show_due",
    "show_moment",
    "show_number",
    "show_percent",
    "show_size",
]


def gettext(message: str, **variables: object) -> str:
    """Return a message in the reader's language, with its variables filled in by name."""
    return str(_gettext(message, **variables))


def ngettext(singular: str, plural: str, num: int, **variables: object) -> str:
    """Return the singular or the plural for a number; Vietnamese has one form for both."""
    return str(_ngettext(singular, plural, num, **variables))


def lazy_gettext(message: str, **variables: object) -> Any:
    """Return a label that chooses its language when it is shown."""
    return _lazy_gettext(message, **variables)

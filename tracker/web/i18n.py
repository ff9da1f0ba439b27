"""Languages and Vietnamese formats in templates: Vietnamese is the language of the source."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property, lru_cache
from pathlib import Path

from babel import Locale
from babel.support import NullTranslations, Translations
from flask import Flask, g, has_request_context, request
from flask_babel import Babel, Domain, get_locale, get_translations, ngettext
from flask_babel import gettext as _
from markupsafe import Markup

from tracker.core import numbers
from tracker.web.contracts import shell_contracts

LOCALES = ("vi", "en")
CATALOGUE = Path(__file__).resolve().parents[1] / "locale"


def choose_locale() -> str:
    """Return the language: the person's, else the cookie's, else the browser's, else Vietnamese."""
    if not has_request_context():
        return "vi"
    if "locale" in g:
        return str(g.locale)
    card = shell_contracts().user_card()
    chosen = card.locale if card else request.cookies.get("locale", "")
    if chosen not in LOCALES:
        chosen = request.accept_languages.best_match(LOCALES) or "vi"
    g.locale = chosen
    return str(chosen)


def locale_code() -> str:
    """Return 'vi' or 'en' for the current request, 'vi' outside one."""
    locale = get_locale()
    return str(locale.language) if locale else "vi"


@lru_cache(maxsize=8192)
def _translated(locale: str, message: str) -> Markup:
    # The language is the current one; it is named because the answer is kept.
    return Markup(get_translations().ugettext(message))  # noqa: S704 - our own words


def translate(message: str, **variables: object) -> Markup:
    """Return a message for HTML in the current language: what templates call `_`.

    The same as Jinja's own, but a page has hundreds of words: each is looked up once a process
    (docs/decisions/speed.md).
    """
    text = _translated(locale_code(), message)
    return text % variables if "%" in text else text


def show_number(value: Decimal | float | int | None, places: int | None = None) -> str:
    """Format a number; an absent one is a dash."""
    if value is None:
        return "—"
    return numbers.format_number(
        Decimal(str(value)) if isinstance(value, float) else value, locale_code(), places
    )


def show_percent(value: Decimal | None) -> str:
    """Format a percentage with two decimals; an absent one is a dash."""
    return numbers.format_percent(value, locale_code())


def show_money(amount: int) -> str:
    """Format an amount in đồng."""
    return numbers.format_money(amount, locale_code())


def show_date(value: date | datetime | None) -> str:
    """Format a day as dd/mm/yyyy; an absent one is empty."""
    return numbers.format_date(value, locale_code()) if value else ""


def show_moment(value: datetime | None) -> str:
    """Format a moment in local time; an absent one is empty."""
    return numbers.format_moment(value) if value else ""


def show_size(size: int) -> str:
    """Format a file's size."""
    if size < 1024:
        return f"{size} B"
    kilobytes = Decimal(size) / 1024
    if kilobytes < 1024:
        return f"{show_number(kilobytes.quantize(Decimal(1)))} kB"
    return f"{show_number((kilobytes / 1024).quantize(Decimal('0.1')), 1)} MB"


def show_due(due_on: date | None, today: date) -> str:
    """Say a deadline as people do and exactly: 'còn 3 ngày · 15/12/2026'."""
    if due_on is None:
        return str(_("chưa có hạn"))
    days = (due_on - today).days
    if days < 0:
        words: str = ngettext(
            "quá hạn %(days)s ngày", "quá hạn %(days)s ngày", -days, days=show_number(-days)
        )
    elif days == 0:
        words = _("hạn hôm nay")
    else:
        words = ngettext("còn %(days)s ngày", "còn %(days)s ngày", days, days=show_number(days))
    return f"{words} · {show_date(due_on)}"


class _Words(Domain):  # type: ignore[misc]
    """The words of the app: found by language, where the library asks three times which it is.

    Each catalogue is asked only for what the ones before it lack. The library lays them over each
    other, and then one word of a plug-in hides the core's singular and plural of it.
    """

    def __init__(self, domain: str) -> None:
        super().__init__(domain=domain)
        self._by_locale: dict[Locale | None, NullTranslations] = {}

    def get_translations(self) -> NullTranslations:
        locale = get_locale()
        found = self._by_locale.get(locale)
        if found is None:
            found = self._read(locale)
            if locale is not None:
                self._by_locale[locale] = found
        return found

    def _read(self, locale: Locale | None) -> NullTranslations:
        found = NullTranslations()
        for folder in self.translation_directories if locale is not None else ():
            words = Translations.load(folder, [str(locale)], self.domain[0])
            if isinstance(words, Translations):
                words.add_fallback(found)
                found = words
        return found


class _Babel(Babel):  # type: ignore[misc]
    @cached_property
    def domain_instance(self) -> _Words:
        return _Words(self.domain)


def init_i18n(app: Flask, catalogues: Sequence[Path] = ()) -> None:
    """Set up languages and the formats that templates use.

    `catalogues` are those of plug-ins; where two have words for a text, the core's own count.
    """
    app.config.setdefault("BABEL_DEFAULT_LOCALE", "vi")
    app.config.setdefault("BABEL_DEFAULT_TIMEZONE", "Asia/Ho_Chi_Minh")
    folders = ";".join(map(str, (*catalogues, CATALOGUE)))
    app.config.setdefault("BABEL_TRANSLATION_DIRECTORIES", folders)
    _Babel(app, locale_selector=choose_locale)
    app.jinja_env.globals["_"] = translate
    app.jinja_env.filters.update(
        number=show_number,
        percent=show_percent,
        date=show_date,
        moment=show_moment,
        filesize=show_size,
        money=show_money,
        due=show_due,
    )

"""Print and read numbers, money, percentages and dates as Vietnamese offices write them.

A ``locale`` is a language code, ``vi`` or ``en``, with or without a territory (``vi_VN``). Every
function raises ``ValueError`` for another one. Rounding is half up, as in printed reports.
"""

import re
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import StrEnum
from typing import Final

from tracker.core.clock import to_local
from tracker.core.text import fold, normalise

NO_VALUE: Final = "—"
"""What stands for a figure that doesn't exist, such as 0 out of 0: neither 0 nor 100 %."""

FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2200
"""Dates outside these years are typing errors."""

LARGEST_KEY: Final = 2**31 - 1
"""The largest key of a table; a larger number would be an error of the database."""

_LONGEST_INPUT: Final = 40
_SEPARATORS: Final = {"vi": (".", ","), "en": (",", ".")}  # of thousands, of decimals


class NumberFault(StrEnum):
    """Why a text is not a number; stable codes, to be translated by whoever shows them."""

    EMPTY = "number_empty"
    TOO_LONG = "number_too_long"
    NOT_A_NUMBER = "number_unreadable"
    MISGROUPED = "number_misgrouped"
    """Separators as the other language uses them, or thousands not in threes."""


class UnreadableNumber(ValueError):
    """A text is not a number in the expected notation; ``code`` says why."""

    def __init__(self, code: NumberFault, text: str) -> None:
        """Keep the reason and the text as typed (shortened)."""
        super().__init__(f"{code}: {text[:_LONGEST_INPUT]!r}")
        self.code = code
        self.text = text


class DateFault(StrEnum):
    """Why a text is not a date; stable codes, to be translated by whoever shows them."""

    EMPTY = "date_empty"
    TOO_LONG = "date_too_long"
    NOT_A_DATE = "date_unreadable"
    NO_SUCH_DAY = "date_no_such_day"
    """31/9, 30/2, or a month above 12 (a date written month first)."""
    YEAR_OUT_OF_RANGE = "date_year_out_of_range"


class UnreadableDate(ValueError):
    """A text is not a date; ``code`` says why."""

    def __init__(self, code: DateFault, text: str) -> None:
        """Keep the reason and the text as typed (shortened)."""
        super().__init__(f"{code}: {text[:_LONGEST_INPUT]!r}")
        self.code = code
        self.text = text


# ---------------------------------------------------------------------------------------------
# Printing


def read_whole(text: str, most: int = LARGEST_KEY) -> int | None:
    """Return the whole number that plain digits write, None for anything else.

    For addresses and hidden fields, which anybody may rewrite: nothing above ``most`` (without
    it: what no table has as a key) comes back, and endless digits are not even read.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most))):
        return None
    number = int(text)
    return number if number <= most else None


def percent(numerator: int, denominator: int) -> Decimal | None:
    """Return ``numerator`` in percent of ``denominator``, two decimals, half up.

    None if ``denominator`` is 0: there is no such figure. May exceed 100. Raises ``ValueError``
    if either is negative.
    """
    if numerator < 0 or denominator < 0:
        raise ValueError(f"counts are not negative: {numerator}/{denominator}")
    if denominator == 0:
        return None
    hundredths = (20_000 * numerator + denominator) // (2 * denominator)
    return Decimal(hundredths).scaleb(-2)


def format_percent(value: Decimal | None, locale: str = "vi") -> str:
    """Return ``91,30%`` (``91.30%`` in English), or a dash for None."""
    return NO_VALUE if value is None else format_number(value, locale, 2) + "%"


def format_number(
    value: int | float | Decimal, locale: str = "vi", places: int | None = None
) -> str:
    """Return ``1.234,5`` (``1,234.5`` in English).

    ``places`` fixes the decimals, rounding half up; without it all that ``value`` has are
    printed (of a float, those that Python prints). Raises ``ValueError`` for infinity and NaN.
    """
    thousands, decimals = _separators(locale)
    number = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite():
        raise ValueError(f"not a finite number: {value}")
    if places is not None:
        number = _round(number, places)
    whole, _, fraction = f"{number.copy_abs():,f}".partition(".")
    sign = "-" if number < 0 else ""  # none for -0
    text = sign + whole.replace(",", thousands)
    return f"{text}{decimals}{fraction}" if fraction else text


def _round(number: Decimal, places: int) -> Decimal:
    # A context of its own: with the usual one, long numbers can't be rounded at all.
    context = Context(prec=max(number.adjusted(), 0) + places + 3)
    return number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, context)


def format_money(amount: int, locale: str = "vi") -> str:
    """Return ``88.490.000 đồng`` (``88,490,000 VND`` in English); ``amount`` is in đồng."""
    return f"{format_number(amount, locale)} {'VND' if _language(locale) == 'en' else 'đồng'}"


def format_date(day: date, locale: str = "vi") -> str:
    """Return ``05/09/2026``: the official form, day first, in both languages."""
    _language(locale)
    return f"{day.day:02}/{day.month:02}/{day.year:04}"


def format_moment(moment: datetime, locale: str = "vi") -> str:
    """Return ``14:05 05/09/2026``, in the local time of Vietnam.

    ``moment`` is aware, in any zone; raises ``ValueError`` if it is naive.
    """
    local = to_local(moment)
    return f"{local.hour:02}:{local.minute:02} {format_date(local.date(), locale)}"


def _language(locale: str) -> str:
    language = re.split("[-_]", locale, maxsplit=1)[0].lower()
    if language not in _SEPARATORS:
        raise ValueError(f"no number format for locale {locale!r}")
    return language


def _separators(locale: str) -> tuple[str, str]:
    return _SEPARATORS[_language(locale)]


# ---------------------------------------------------------------------------------------------
# Reading


def parse_number(text: str, locale: str = "vi") -> Decimal:
    """Read a number in the notation of ``locale`` and of no other.

    In Vietnamese ``1.234`` is 1234 and ``1.234,5`` is 1234.5; thousands may be parted by points
    or spaces, in threes, or not at all; leading zeros and one sign are accepted. ``10.3`` is
    refused, not guessed. Raises ``UnreadableNumber``.
    """
    thousands, decimals = _separators(locale)
    if len(text) > _LONGEST_INPUT:
        raise UnreadableNumber(NumberFault.TOO_LONG, text)
    clean = normalise(text).replace("−", "-")
    if not clean:
        raise UnreadableNumber(NumberFault.EMPTY, text)
    if not re.fullmatch(r"[+-]? ?[0-9][0-9., ]*", clean):
        raise UnreadableNumber(NumberFault.NOT_A_NUMBER, text)
    group = re.escape(thousands)
    shape = rf"([+-]?) ?([0-9]+|[0-9]{{1,3}}(?:{group}[0-9]{{3}})+|[0-9]{{1,3}}(?: [0-9]{{3}})+)"
    match = re.fullmatch(rf"{shape}(?:{re.escape(decimals)}([0-9]+))?", clean)
    if match is None:
        raise UnreadableNumber(NumberFault.MISGROUPED, text)
    sign, whole, fraction = match.groups()
    plain = sign + whole.replace(thousands, "").replace(" ", "")
    return Decimal(f"{plain}.{fraction}" if fraction else plain)


_DAY_FIRST = re.compile(r"([0-9]{1,2}) ?([-/.]) ?([0-9]{1,2}) ?\2 ?([0-9]{4}|[0-9]{2})")
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_IN_WORDS = re.compile(r"(?:ngay )?([0-9]{1,2}) thang ([0-9]{1,2}) nam ([0-9]{4})")
_FIRST_YEAR_OF_LAST_CENTURY: Final = 70  # as POSIX reads two digits


def parse_date(text: str) -> date:
    """Read a date written day first, in words, or in ISO form.

    Accepts ``05/09/2026``, ``5-9-2026``, ``5.9.26`` (70 to 99 are 1970 to 1999),
    ``ngày 05 tháng 9 năm 2026`` with or without marks, and ``2026-09-05``. Never reads the
    month first: ``12/31/2026`` is refused. Raises ``UnreadableDate``.
    """
    if len(text) > _LONGEST_INPUT:
        raise UnreadableDate(DateFault.TOO_LONG, text)
    clean = normalise(text)
    if not clean:
        raise UnreadableDate(DateFault.EMPTY, text)
    if match := _ISO.fullmatch(clean):
        year, month, day = match.groups()
    elif match := _DAY_FIRST.fullmatch(clean):
        day, _, month, year = match.groups()
        if len(year) == 2:
            year = ("19" if int(year) >= _FIRST_YEAR_OF_LAST_CENTURY else "20") + year
    elif match := _IN_WORDS.fullmatch(fold(clean)):
        day, month, year = match.groups()
    else:
        raise UnreadableDate(DateFault.NOT_A_DATE, text)
    if not FIRST_YEAR <= int(year) <= LAST_YEAR:
        raise UnreadableDate(DateFault.YEAR_OUT_OF_RANGE, text)
    try:
        return date(int(year), int(month), int(day))
    except ValueError as error:
        raise UnreadableDate(DateFault.NO_SUCH_DAY, text) from error

"""Numbers and dates, printed and read as Vietnamese offices write them."""

from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.core.numbers import (
    DateFault,
    NumberFault,
    UnreadableDate,
    UnreadableNumber,
    format_date,
    format_moment,
    format_money,
    format_number,
    format_percent,
    parse_date,
    parse_number,
    percent,
    read_whole,
)

LOCALES = st.sampled_from(["vi", "en", "vi_VN", "en-US"])


@pytest.mark.parametrize(
    ("numerator", "denominator", "printed"),
    [
        (21, 23, "91,30%"),  # Vĩnh Châu 2021
        (61, 68, "89,71%"),  # Cần Thơ 2023
        (19, 23, "82,61%"),  # Tiền Giang 2017
        (3, 21, "14,29%"),
        (0, 5, "0,00%"),
        (5, 5, "100,00%"),
        (0, 0, "—"),
        (7, 0, "—"),
        (1, 800, "0,13%"),  # 0,125 goes up
        (19, 1, "1.900,00%"),
    ],
)
def test_percent_golden_cases(numerator: int, denominator: int, printed: str) -> None:
    assert format_percent(percent(numerator, denominator)) == printed


def test_percent_in_english_and_of_negative_counts() -> None:
    assert format_percent(percent(21, 23), "en") == "91.30%"
    assert str(percent(21, 23)) == "91.30"
    with pytest.raises(ValueError, match="negative"):
        percent(-1, 2)


@given(st.integers(0, 10**12), st.integers(1, 10**12))
def test_percent_is_within_half_a_unit(numerator: int, denominator: int) -> None:
    value = percent(numerator, denominator)
    assert value is not None
    assert value.as_tuple().exponent == -2
    error = Fraction(value) - Fraction(100 * numerator, denominator)
    assert Fraction(-1, 200) < error <= Fraction(1, 200)


@pytest.mark.parametrize(
    ("value", "locale", "places", "printed"),
    [
        (Decimal("1234.5"), "vi", None, "1.234,5"),
        (Decimal("1234.5"), "en", None, "1,234.5"),
        (1234567, "vi", None, "1.234.567"),
        (0.1, "vi", None, "0,1"),
        (Decimal("2.345"), "vi", 2, "2,35"),
        (Decimal("-2.345"), "vi", 2, "-2,35"),
        (Decimal("-0.001"), "vi", 2, "0,00"),
        (Decimal("1E+3"), "vi", None, "1.000"),
        (12, "vi_VN", 1, "12,0"),
        (Decimal(10) ** 40, "vi", 2, "10" + ".000" * 13 + ",00"),
    ],
)
def test_format_number(
    value: int | float | Decimal, locale: str, places: int | None, printed: str
) -> None:
    assert format_number(value, locale, places) == printed


def test_format_number_refuses_what_it_cannot_print() -> None:
    for value in (float("nan"), Decimal("Infinity")):
        with pytest.raises(ValueError, match="finite"):
            format_number(value)
    with pytest.raises(ValueError, match="locale"):
        format_number(1, "fr")


def test_format_money() -> None:
    assert format_money(88_490_000) == "88.490.000 đồng"
    assert format_money(88_490_000, "en") == "88,490,000 VND"


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9
    ),
    LOCALES,
)
def test_parse_number_reads_what_format_number_prints(value: Decimal, locale: str) -> None:
    assert parse_number(format_number(value, locale), locale) == value
    rounded = value.quantize(Decimal("0.1"), ROUND_HALF_UP)
    assert parse_number(format_number(value, locale, 1), locale) == rounded


@pytest.mark.parametrize(
    ("text", "locale", "value"),
    [
        ("1.234", "vi", "1234"),
        ("1.234", "en", "1.234"),
        ("1,234", "en", "1234"),
        ("1,234", "vi", "1.234"),
        ("07", "vi", "7"),
        (" 88\u00a0490 000 ", "vi", "88490000"),
        ("−3,5", "vi", "-3.5"),
        ("1234,50", "vi", "1234.50"),
    ],
)
def test_parse_number_by_locale(text: str, locale: str, value: str) -> None:
    assert parse_number(text, locale) == Decimal(value)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", NumberFault.EMPTY),
        (" \u200b", NumberFault.EMPTY),
        ("10.3", NumberFault.MISGROUPED),
        ("1,234.5", NumberFault.MISGROUPED),
        ("1.23.456", NumberFault.MISGROUPED),
        ("1.234 567", NumberFault.MISGROUPED),
        ("5,", NumberFault.MISGROUPED),
        ("trên 130", NumberFault.NOT_A_NUMBER),
        ("NaN", NumberFault.NOT_A_NUMBER),
        ("1e5", NumberFault.NOT_A_NUMBER),
        ("١٢", NumberFault.NOT_A_NUMBER),
        ("9" * 41, NumberFault.TOO_LONG),
    ],
)
def test_parse_number_never_guesses(text: str, code: NumberFault) -> None:
    with pytest.raises(UnreadableNumber) as caught:
        parse_number(text)
    assert caught.value.code is code
    assert caught.value.text == text


def test_dates_print_day_first_in_both_languages() -> None:
    assert format_date(date(2026, 9, 5)) == format_date(date(2026, 9, 5), "en") == "05/09/2026"
    assert format_moment(datetime(2026, 9, 4, 17, 5, tzinfo=UTC)) == "00:05 05/09/2026"


@pytest.mark.parametrize(
    "text",
    [
        "05/09/2026",
        "5/9/26",
        "05-09-2026",
        "05.09.2026",
        "5 / 9 / 2026",
        "ngày 05 tháng 9 năm 2026",
        "Ngày 5 tháng 09 năm 2026",
        "5 thang 9 nam 2026",
        "nga\u0300y 05 tha\u0301ng 9 na\u0306m 2026",
        "2026-09-05",
        "\u00a005/09/2026\u200b",
    ],
)
def test_parse_date_accepts(text: str) -> None:
    assert parse_date(text) == date(2026, 9, 5)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", DateFault.EMPTY),
        ("31/9/2024", DateFault.NO_SUCH_DAY),
        ("30/02/2024", DateFault.NO_SUCH_DAY),
        ("29/02/2026", DateFault.NO_SUCH_DAY),
        ("12/31/2026", DateFault.NO_SUCH_DAY),
        ("0/1/2026", DateFault.NO_SUCH_DAY),
        ("01/01/1899", DateFault.YEAR_OUT_OF_RANGE),
        ("01/01/2201", DateFault.YEAR_OUT_OF_RANGE),
        ("0000-01-01", DateFault.YEAR_OUT_OF_RANGE),
        ("01/01/202", DateFault.NOT_A_DATE),
        ("01/01-2026", DateFault.NOT_A_DATE),
        ("2026/01/01", DateFault.NOT_A_DATE),
        ("Quý I/2024", DateFault.NOT_A_DATE),
        ("20260905", DateFault.NOT_A_DATE),
        ("٠٥/٠٩/٢٠٢٦", DateFault.NOT_A_DATE),
        ("05/09/2026" + " " * 40, DateFault.TOO_LONG),
    ],
)
def test_parse_date_refuses(text: str, code: DateFault) -> None:
    with pytest.raises(UnreadableDate) as caught:
        parse_date(text)
    assert caught.value.code is code


@given(st.dates(date(1900, 1, 1), date(2200, 12, 31)))
def test_parse_date_reads_what_format_date_prints(day: date) -> None:
    assert parse_date(format_date(day)) == day
    assert parse_date(day.isoformat()) == day


@given(st.text(max_size=60))
def test_parsers_raise_nothing_but_their_own_errors(text: str) -> None:
    with suppress(UnreadableDate):
        assert parse_date(text).year in range(1900, 2201)
    with suppress(UnreadableNumber):
        assert parse_number(text).is_finite()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("2147483647", 2**31 - 1),
        ("2147483648", None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("²", None),
        # More digits than Python converts at all.
        ("0000000001" + "9" * 5000, None),
    ],
)
def test_read_whole_takes_only_what_a_table_can_hold(text: str, number: int | None) -> None:
    assert read_whole(text) == number


def test_read_whole_stops_at_its_limit() -> None:
    assert read_whole("31", 31) == 31
    assert read_whole("32", 31) is None
    assert read_whole("031", 31) is None

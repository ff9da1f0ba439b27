"""Text: what looks the same is stored the same, found without marks and sorted as Vietnamese."""

import random
import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.core.text import (
    MAX_SEARCH_WORDS,
    SLUG_LENGTH,
    SORT_KEY_LENGTH,
    fold,
    normalise,
    number_sort_key,
    person_sort_key,
    rank,
    search_terms,
    slug,
    sort_key,
)

# Any text, lone surrogates too, and text dense with what Vietnamese is made of.
ANY_TEXT = st.text() | st.text(
    alphabet="aăâbcdđeêghiklmnoôơpqrstuưvxyAĂÂĐÊÔƠƯÐðqQ 01.,-/\u0300\u0309\u0303\u0301\u0323"
    "\u0302\u0306\u031b\u00a0\u200b\ufeff\uf06d\ud800\n\t\rİßŉ"
)

# In order by ICU 72, locale vi, numeric collation on; blanks and punctuation count.
IN_ORDER = (
    (Path(__file__).with_name("vietnamese_order.txt")).read_text(encoding="utf-8").splitlines()
)

ANNEX = [
    *("A", "B", "I", "I.1", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XIX"),
    *("XX", "XL", "1", "1.1", "1.2", "1.2.1", "1.10", "2", "10"),
    *("a)", "b)", "c)", "d)", "đ)", "e)", "g)", "h)", "i)", "k)", "-", "+", ""),
]


def shuffled(items: list[str]) -> list[str]:
    return random.Random(2021).sample(items, len(items))


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("  Kế\u00a0hoạch   CCHC  ", "Kế hoạch CCHC"),
        (unicodedata.normalize("NFD", "Đạ Tẻh"), "Đạ Tẻh"),
        ("Ðạ Tẻh, ðất", "Đạ Tẻh, đất"),
        ("\ufeff\uf06d Rà soát\u200b TTHC\u00ad", "Rà soát TTHC"),
        ("một \r\nhai\rba\u2028bốn\vnăm", "một\nhai\nba\nbốn\nnăm"),
        ("a\tb\n\n c \x00\x1b", "a\tb\n\n c".replace(" ", "")),
        ("x\ud800y\uffff", "xy"),
        ("", ""),
    ],
)
def test_normalise_cleans_what_office_files_bring(raw: str, clean: str) -> None:
    assert normalise(raw) == clean


@given(ANY_TEXT)
def test_normalise_is_idempotent_and_can_be_stored(text: str) -> None:
    clean = normalise(text)
    assert normalise(clean) == clean
    assert unicodedata.is_normalized("NFC", clean)
    assert "\x00" not in clean
    assert clean.encode("utf-8").decode("utf-8") == clean


@given(ANY_TEXT)
def test_composed_and_decomposed_text_are_one(text: str) -> None:
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    for function in (normalise, fold, sort_key, person_sort_key, number_sort_key, slug):
        assert function(composed) == function(decomposed)


@given(ANY_TEXT)
def test_fold_is_idempotent_and_safe_in_like(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    assert not set(folded) & set("%_\\'\"\n\t")
    assert folded == " ".join(folded.split())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Khánh Hoà", "Khánh Hòa"),
        ("Thuỷ", "thủy"),
        ("quý", "quí"),
        ("Đạ Tẻh", "da teh"),
        ("Ðẩy mạnh", "đẩy mạnh"),
        ("119/QĐ-UBND", "119 / qd - ubnd"),
        ("“Một cửa”", "mot cua"),
        ("ĐỘT XUẤT", "đột xuất"),
    ],
)
def test_fold_makes_equal(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_fold_keeps_words_apart() -> None:
    assert fold("Cải cách—hành chính, 91,30%") == "cai cach hanh chinh 91 30"
    assert fold("Sở Nội vụ\nSở Tư pháp") == "so noi vu so tu phap"


def test_sort_key_orders_the_list_as_icu_does() -> None:
    assert len(IN_ORDER) >= 200
    assert sorted(shuffled(IN_ORDER), key=sort_key) == IN_ORDER
    assert len({sort_key(name) for name in IN_ORDER}) == len(IN_ORDER)
    encoded = [sort_key(name).encode("ascii") for name in IN_ORDER]
    assert encoded == sorted(encoded)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("ma", "Mai"),  # the separator sorts below every letter
        ("An", "Ân"),
        ("Dương", "Đường"),
        ("má", "mạ"),
        ("1.2", "1.10"),
        ("Phường 9", "Phường 10"),
        ("Z", "漢"),
        ("Long", "Long An"),
        ("hoa", "hoà"),
    ],
)
def test_sort_key_before(before: str, after: str) -> None:
    assert sort_key(before) < sort_key(after)


@given(ANY_TEXT)
def test_keys_are_short_printable_ascii(text: str) -> None:
    for key in (sort_key(text), person_sort_key(text), number_sort_key(text)):
        assert len(key) <= SORT_KEY_LENGTH
        assert key.isascii()
        assert key.isprintable()
        assert " " not in key


@given(st.lists(st.sampled_from(IN_ORDER), min_size=1, max_size=4), st.data())
def test_tone_placement_does_not_matter(words: list[str], data: st.DataObject) -> None:
    pairs = [("hoà", "hòa"), ("Hoá", "Hóa"), ("khoẻ", "khỏe"), ("Thuỷ", "Thủy"), ("uỷ", "ủy")]
    new, old = data.draw(st.sampled_from(pairs))
    text_new, text_old = " ".join([*words, new]), " ".join([*words, old])
    assert fold(text_new) == fold(text_old)
    assert sort_key(text_new) == sort_key(text_old)
    assert person_sort_key(text_new) == person_sort_key(text_old)
    if len(search_terms(text_new).folded) < MAX_SEARCH_WORDS:
        assert rank(text_new, text_old) == rank(text_old, text_new)
        assert search_terms(text_new) == search_terms(text_old)
    assert rank(new, text_old) == rank(old, text_old)


def test_tone_stays_where_only_one_place_is_right() -> None:
    assert sort_key("hoàn") != sort_key("hòan")
    assert sort_key("quý") != sort_key("qúy")


def test_person_sort_key_takes_given_name_first() -> None:
    people = [
        "Trần Văn An",
        "Lê Thị Ánh",
        "Nguyễn Văn Ánh",
        "NGUYỄN VĂN BÌNH",
        "Phạm Hòa Bình",
        "Đỗ Cường",
        "Lê Đạt",
        "Vũ Đạt",
        "Út",
        "Lý Uyên",
    ]
    assert sorted(shuffled(people), key=person_sort_key) == people
    assert person_sort_key("  Trần  Văn\u00a0An ") == person_sort_key("Trần Văn An")
    # The tone of the given name decides before any family name.
    assert person_sort_key("Vũ An") < person_sort_key("Bùi Án")
    assert person_sort_key("") < person_sort_key("A")


def test_number_sort_key_orders_an_annex() -> None:
    assert sorted(shuffled(ANNEX), key=number_sort_key) == ANNEX


@pytest.mark.parametrize(
    ("one", "other"), [("1.2.", "1.2"), ("(3)", "3"), ("03", "3"), ("iv", "IV"), ("–", "-")]
)
def test_number_sort_key_ignores_style(one: str, other: str) -> None:
    assert number_sort_key(one) == number_sort_key(other)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=5), st.data())
def test_number_sort_key_orders_as_tuples_do(first: list[int], data: st.DataObject) -> None:
    second = data.draw(st.lists(st.integers(0, 10**6), min_size=1, max_size=5))
    keys = [number_sort_key(".".join(map(str, parts))) for parts in (first, second)]
    assert (keys[0] < keys[1]) == (first < second)
    assert (keys[0] == keys[1]) == (first == second)


@given(st.integers(1, 3998))
def test_roman_numbers_sort_by_value(value: int) -> None:
    one, next_one = _roman(value), _roman(value + 1)
    if {one, next_one} & set("CDLM"):
        return  # single letters by rule
    assert number_sort_key(one) < number_sort_key(next_one)


def _roman(value: int) -> str:
    signs = (
        *((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L")),
        *((40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")),
    )
    text = ""
    for worth, sign in signs:
        text += sign * (value // worth)
        value %= worth
    return text


def test_search_terms_keep_marked_words_apart() -> None:
    terms = search_terms("  Ðường da teh, đường QUÍ 3 ")
    assert terms.folded == ("duong", "da", "teh", "quy", "3")
    assert terms.exact == ("đường", "quý")


def test_search_terms_of_noise_are_empty_and_of_floods_are_few() -> None:
    assert search_terms(" %_*'\" -- ") == ((), ())
    flood = search_terms(" ".join(f"w{i}" for i in range(10_000)) + "x" * 10_000)
    assert len(flood.folded) == MAX_SEARCH_WORDS


def test_search_finds_the_pair_of_the_demo() -> None:
    assert all(word in fold("UBND huyện Đạ Tẻh") for word in search_terms("da teh").folded)


def test_rank_puts_exact_marks_first() -> None:
    texts = ["Dương Minh Châu", "con đường", "Đường", "Đường Lâm", "Khác", "duong"]
    hits = [(rank("đường", text), text) for text in texts]
    ordered = sorted((r, text) for r, text in hits if r is not None)
    assert [text for _, text in ordered] == [
        "Đường",
        "con đường",
        "Đường Lâm",
        "duong",
        "Dương Minh Châu",
    ]
    assert rank("đường", "Khác") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Cải cách", 0),
        ("Kế hoạch cải cách", 1),
        ("Cách làm để cải tiến", 2),
        ("cảing cáchs", 3),
        ("xcải xcách", 4),
        ("cái cạch", 10),
        ("cai cach hanh chinh", 11),
        ("cạch cái", 12),
        ("cait cachx", 13),
        ("scai scach", 14),
        ("cải tiến", None),
        ("", None),
    ],
)
def test_rank_grades(text: str, expected: int | None) -> None:
    assert rank("cải cách", text) == expected


def test_rank_of_unmarked_words_ignores_marks() -> None:
    assert rank("da teh", "Đạ Tẻh") == 0
    assert rank("cải cach", "Cải cách") == 0
    assert rank("?", "Cải cách") is None


@given(ANY_TEXT, ANY_TEXT)
def test_rank_hits_what_holds_every_folded_word(query: str, text: str) -> None:
    hit = rank(query, text) is not None
    folded = search_terms(query).folded
    if hit:
        assert all(part in fold(text) for part in folded)
    if folded and rank(query, query) is not None:
        assert rank(query, f"{query} {text}") is not None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Vĩnh Châu 2021", "vinh-chau-2021"),
        ("Kế hoạch số 63/KH-UBND", "ke-hoach-so-63-kh-ubnd"),
        ("Quỹ  — QUÍ 1", "quy-qui-1"),
        ("../../etc/passwd", "etc-passwd"),
        ("漢字", ""),
    ],
)
def test_slug_names(text: str, name: str) -> None:
    assert slug(text) == name


@given(ANY_TEXT)
def test_slug_is_stable_and_plain(text: str) -> None:
    name = slug(text)
    assert slug(name) == name
    assert len(name) <= SLUG_LENGTH
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert not name.startswith("-")
    assert not name.endswith("-")


def test_slug_is_cut_between_words() -> None:
    assert slug("một hai " * 20) == "-".join(["mot", "hai"] * 7 + ["mot"])[:SLUG_LENGTH]
    assert slug("a" * 100) == "a" * SLUG_LENGTH


def test_order_list_has_no_two_alike() -> None:
    assert all(sort_key(one) < sort_key(other) for one, other in pairwise(IN_ORDER))

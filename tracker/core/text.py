"""Clean, fold, sort, search and name Vietnamese text.

All of it is done in Python and stored in columns, so that SQLite and PostgreSQL find and sort
alike without extensions: SQLite knows neither ``lower('Đ')`` nor Vietnamese order, and no
database folds ``đ`` by its built-in means.

Terms: *marks* are the diacritics, of two families: those that make another letter (ă â đ ê ô ơ
ư) and the five *tones* (huyền, hỏi, ngã, sắc, nặng; ngang has none).
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final, NamedTuple

SORT_KEY_LENGTH: Final = 400
"""No key made here is longer: the width for columns that hold one."""

SLUG_LENGTH: Final = 60
"""No slug is longer, so that it stays readable in an address."""

MAX_SEARCH_WORDS: Final = 12
MAX_SEARCH_WORD_LENGTH: Final = 60
"""A longer query is cut: each word becomes a condition in SQL."""


def N_(message: str) -> str:
    """Mark ``message`` for translation where it is shown later, and return it unchanged.

    For texts held as data in modules that may not import Flask; the caller passes the value
    through gettext when it prints it. The name is the one that message extraction looks for.
    """
    return message


# ---------------------------------------------------------------------------------------------
# Cleaning

# Word's manual break, form feed, next line, line and paragraph separator.
_LINE_BREAK = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
_SPACES = re.compile(" {2,}")
_SPACES_AT_LINE_END = re.compile(" *\n *")
# Eth and African D look like Đ and come from fonts, PDF files and Icelandic keyboards.
_HOMOGLYPHS: Final = {"Ð": "Đ", "ð": "đ", "Ɖ": "Đ", "ɖ": "đ"}
# Control, format (zero-width, BOM, soft hyphen, direction), lone surrogate, private use.
_DROPPED_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co"})


def normalise(text: str) -> str:
    """Return ``text`` as it should be stored: one spelling for what looks the same.

    Composed form (NFC); every kind of space becomes a plain one and runs of them collapse;
    zero-width, control and private-use characters (bullets of symbol fonts), BOM and lone
    surrogates go; Eth becomes Đ; line breaks of all kinds become ``\\n`` and stay, tabs stay;
    both ends are trimmed, of each line (spaces) and of the whole (tabs and breaks too).
    Idempotent.
    """
    if text.isascii() and text.isprintable():  # the common case, and already composed
        return _SPACES.sub(" ", text).strip(" ")
    text = _LINE_BREAK.sub("\n", text)
    text = unicodedata.normalize("NFC", "".join(map(_clean_character, text)))
    text = _SPACES_AT_LINE_END.sub("\n", _SPACES.sub(" ", text))
    return text.strip(" \t\n")


@lru_cache(maxsize=4096)
def _clean_character(character: str) -> str:
    if character in "\n\t" or " " <= character <= "~":
        return character
    if character in _HOMOGLYPHS:
        return _HOMOGLYPHS[character]
    category = unicodedata.category(character)
    if category == "Zs":
        return " "
    if category in _DROPPED_CATEGORIES or ord(character) & 0xFFFE == 0xFFFE:
        return ""
    if 0xFDD0 <= ord(character) <= 0xFDEF:  # not characters by definition
        return ""
    return character


# ---------------------------------------------------------------------------------------------
# Folding

_NOT_WORD = re.compile(r"[\W_]+")


def fold(text: str) -> str:
    """Return ``text`` reduced to what a hurried typist writes: lower case, no marks.

    Words are runs of letters and digits, joined by single spaces; all punctuation counts as a
    space, so ``119/QĐ-UBND`` becomes ``119 qd ubnd``. NFC and NFD, Đ and Ð, ``hòa`` and ``hoà``,
    ``quý`` and ``quí`` give the same result. Holds none of the LIKE wildcards. Idempotent.
    """
    return _plain(text).replace("qui", "quy")


def _plain(text: str) -> str:
    """``fold`` without the equation of qui and quy."""
    text = _without_marks(normalise(text))
    # Folding case can bring out new marks (İ), and dropping marks new capitals.
    text = _without_marks(text.casefold()).casefold().replace("đ", "d")
    return _NOT_WORD.sub(" ", text).strip(" ")


def _without_marks(text: str) -> str:
    if text.isascii():
        return text
    kept = (c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    return unicodedata.normalize("NFC", "".join(kept))


# ---------------------------------------------------------------------------------------------
# Tone placement

_TONE_MARKS: Final = {"\u0300": 1, "\u0309": 2, "\u0303": 3, "\u0301": 4, "\u0323": 5}
_NEW_STYLE_TONE = re.compile(
    r"([oO])([àảãáạèẻẽéẹÀẢÃÁẠÈẺẼÉẸ])(?![^\W\d_])"
    r"|(?<![qQ])([uU])([ỳỷỹýỵỲỶỸÝỴ])(?![^\W\d_])"
)


def _old_style_tones(text: str) -> str:
    """Write hoà, khoẻ, thuỷ as hòa, khỏe, thủy; ``text`` is in NFC.

    Both are right and both occur in one register (Khánh Hoà, Khánh Hòa).
    """

    def move_back(match: re.Match[str]) -> str:
        first, second = match.group(1) or match.group(3), match.group(2) or match.group(4)
        decomposed = unicodedata.normalize("NFD", second)
        return unicodedata.normalize("NFC", first + decomposed[1]) + decomposed[0]

    return text if text.isascii() else _NEW_STYLE_TONE.sub(move_back, text)


# ---------------------------------------------------------------------------------------------
# Sorting
#
# A key is ASCII and is compared byte by byte (SQLite BINARY, PostgreSQL "C"). It holds levels,
# each deciding only where those before are equal, joined by a byte below all others:
#     letters and numbers ! tones ! capitals
# Within the first level:
#     "  space        #x  punctuation        $Ldigits  number, L its length
#     A to a  the 33 letters        ~XXXXXX  any other character, by code point

_LEVEL: Final = "!"
_SPACE: Final = '"'
_PUNCTUATION: Final = "#"
_NUMBER: Final = "$"
_OTHER: Final = "~"
# The 29 letters of Vietnamese, with f j w z at their places in foreign names.
_ALPHABET: Final = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"
_LETTER_WEIGHT: Final = {letter: chr(ord("A") + i) for i, letter in enumerate(_ALPHABET)}
# The order of CLDR's root table.
_PUNCTUATION_ORDER: Final = "_-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$"
_PUNCTUATION_WEIGHT: Final = {
    mark: _PUNCTUATION + chr(ord("0") + i) for i, mark in enumerate(_PUNCTUATION_ORDER)
} | {
    typographic: _PUNCTUATION + chr(ord("0") + _PUNCTUATION_ORDER.index(plain))
    for typographic, plain in zip("–—−‘’“”", "---''\"\"", strict=True)
}
_DIGITS_OR_CHARACTER = re.compile(r"[0-9]+|.", re.DOTALL)
_LONGEST_NUMBER: Final = 70


class _Levels(NamedTuple):
    letters: str
    tones: str
    capitals: str


def sort_key(text: str) -> str:
    """Return a key by which ``text`` sorts as a Vietnamese reader expects.

    Letters a ă â b c d đ e ê … o ô ơ … u ư … (CLDR ``vi``); where those are equal, tones ngang,
    huyền, hỏi, ngã, sắc, nặng; where those are too, small before capital. A space sorts before
    punctuation, that before numbers, those before letters; numbers sort by value, so that
    1.2 comes before 1.10. Old and new tone placement (hòa, hoà) give one key.

    The key is ASCII of at most ``SORT_KEY_LENGTH`` characters, to be compared bytewise.
    """
    return _LEVEL.join(_levels(text))[:SORT_KEY_LENGTH]


def person_sort_key(name: str) -> str:
    """Return a key that sorts people by given name (the last word), then by the rest.

    ``Trần Thị Án`` comes after every ``… An`` whatever the family names. Same kind of key as
    ``sort_key``.
    """
    rest, _, given = " ".join(normalise(name).split()).rpartition(" ")
    first, then = _levels(given), _levels(rest)
    parts = (first.letters, first.tones, then.letters, then.tones, first.capitals, then.capitals)
    return _LEVEL.join(parts)[:SORT_KEY_LENGTH]


def _levels(text: str) -> _Levels:
    letters, tones, capitals = [], [], []
    text = " ".join(_old_style_tones(normalise(text)).split())
    for piece in _DIGITS_OR_CHARACTER.findall(text):
        if piece[0] in "0123456789":
            weights = _Levels(_number_weight(piece), "0", "0")
        else:
            weights = _character_levels(piece)
        letters.append(weights.letters)
        tones.append(weights.tones)
        capitals.append(weights.capitals)
    return _Levels("".join(letters), "".join(tones).rstrip("0"), "".join(capitals).rstrip("0"))


def _number_weight(digits: str) -> str:
    digits = digits.lstrip("0")[:_LONGEST_NUMBER] or "0"
    return _NUMBER + chr(ord("0") + len(digits)) + digits


@lru_cache(maxsize=4096)
def _character_levels(character: str) -> _Levels:
    if character == " ":
        return _Levels(_SPACE, "0", "0")
    if character in _PUNCTUATION_WEIGHT:
        return _Levels(_PUNCTUATION_WEIGHT[character], "0", "0")
    letters, tones = "", ""
    for small in character.casefold():  # some stand for several letters, as ß does
        base, tone = _without_tone(small)
        if base:
            letters += _LETTER_WEIGHT.get(base, f"{_OTHER}{ord(base):06X}")
            tones += tone
    return _Levels(letters, tones, ("0" if character == character.lower() else "1") * len(tones))


def _without_tone(small: str) -> tuple[str, str]:
    """Split a small letter into its letter of the alphabet and the digit of its tone."""
    tone, base = "0", ""
    for part in unicodedata.normalize("NFD", small):
        if part in _TONE_MARKS:
            tone = str(_TONE_MARKS[part])
            continue
        composed = unicodedata.normalize("NFC", base + part)
        if not base or composed in _LETTER_WEIGHT:
            base = composed
        elif tone == "0":
            tone = "6"  # a foreign mark: after all tones
    if unicodedata.category(base[:1] or "a") == "Mn":
        return "", tone
    return base[:1], tone


# ---------------------------------------------------------------------------------------------
# Row numbers of plans

_ROMAN = re.compile(r"(?=.)M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_ROMAN_VALUE: Final = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_NUMBER_PART = re.compile(r"[0-9]+|[^\W\d_]+")
_PART, _ROMAN_PART, _ARABIC_PART, _ITEM_PART, _DASH, _PLUS, _SYMBOL, _BLANK = "01234567"


def number_sort_key(number: str) -> str:
    """Return a key that sorts row numbers ("STT") in the order of a plan's annex.

    Parts A, B; Roman I, II … IX, X; then 1, 1.2, 1.10; then a), b), c), d), đ), e); then the
    bullets ``-`` and ``+``; rows without a number last. Brackets, points and spaces only part
    the pieces, so ``1.2.`` and ``1.2`` are equal. A single capital C, D, L or M is a letter (a
    plan has no hundredth part), and so is a single small i, v or x. Same kind of key as
    ``sort_key``.
    """
    number = normalise(number)
    parts = _NUMBER_PART.findall(number)
    if parts:
        return _LEVEL.join(map(_part_key, parts))[:SORT_KEY_LENGTH]
    if not number:
        return _BLANK
    if number[0] in "-–—−":
        return _DASH
    return _PLUS if number[0] == "+" else _SYMBOL


def _part_key(part: str) -> str:
    if part[0] in "0123456789":
        return _ARABIC_PART + _number_weight(part)
    one_case = part.isupper() or part.islower()
    if one_case and (part in "IVX" or len(part) > 1) and _ROMAN.fullmatch(part.upper()):
        return _ROMAN_PART + _number_weight(str(_roman_value(part.upper())))
    kind = _PART if len(part) == 1 and part.isupper() else _ITEM_PART
    levels = _levels(part)
    return kind + levels.letters + levels.tones


def _roman_value(numeral: str) -> int:
    values = [_ROMAN_VALUE[letter] for letter in numeral]
    following = [*values[1:], 0]
    return sum(-v if v < after else v for v, after in zip(values, following, strict=True))


# ---------------------------------------------------------------------------------------------
# Searching


class SearchTerms(NamedTuple):
    """What a query asks for.

    ``folded``: each word as ``fold`` gives it; a hit holds all of them. ``exact``: those words
    that were typed with marks, in small letters and in one spelling; hits that hold these come
    first. Without marks ``exact`` is empty.
    """

    folded: tuple[str, ...]
    exact: tuple[str, ...]


def search_terms(query: str) -> SearchTerms:
    """Return the words of ``query``, each once, in the order typed.

    At most ``MAX_SEARCH_WORDS`` words of ``MAX_SEARCH_WORD_LENGTH`` characters count. A query
    of nothing but punctuation gives no words.
    """
    words = _query_words(query)
    exact = [word for word in words if _has_marks(word)]
    folded = [part for word in words for part in fold(word).split()]
    return SearchTerms(tuple(dict.fromkeys(folded)), tuple(dict.fromkeys(exact)))


def rank(query: str, text: str) -> int | None:
    """Return how well ``text`` answers ``query``: 0 is best, None is no hit.

    Hits that keep the marks of the query (0 to 4) come before those that agree only without
    (10 to 14); a word typed without marks agrees with any. Within each: the whole text, the
    words as a phrase, all as words, all as beginnings of words, all inside words.
    """
    wanted = [_Word(word, fold(word)) for word in _query_words(query)]
    if not wanted:
        return None
    words = [_Word(word, fold(word)) for word in _exact_words(text)]
    loose = _closeness(wanted, words, [False] * len(wanted))
    if loose is None:
        return None
    strict = _closeness(wanted, words, [_has_marks(word.exact) for word in wanted])
    return 10 + loose if strict is None else strict


class _Word(NamedTuple):
    exact: str
    folded: str


def _closeness(wanted: list[_Word], words: list[_Word], marked: list[bool]) -> int | None:
    """Grade ``words`` from 0 to 4; ``marked`` says of which wanted words the marks count."""
    targets = [word.exact if m else word.folded for word, m in zip(wanted, marked, strict=True)]
    # A column per target: each word of the text in the form to compare with that target.
    columns = [[word.exact if m else word.folded for word in words] for m in marked]
    pairs = list(zip(targets, columns, strict=True))
    for start in range(len(words) - len(targets) + 1):
        if all(column[start + i] == target for i, (target, column) in enumerate(pairs)):
            return 0 if len(targets) == len(words) else 1
    if all(target in column for target, column in pairs):
        return 2
    if all(any(word.startswith(target) for word in column) for target, column in pairs):
        return 3
    if all(any(target in word for word in column) for target, column in pairs):
        return 4
    return None


_WORD = re.compile("(?:[^\\W_]|[\u0300-\u036f])+")
_QU_WITH_I = re.compile("qu([iìỉĩíị])")
_I_TO_Y: Final = dict(zip("iìỉĩíị", "yỳỷỹýỵ", strict=True))


def _exact_words(text: str) -> list[str]:
    """Return the words of ``text`` in small letters with their marks, in one spelling."""
    text = unicodedata.normalize("NFC", normalise(text).lower())
    text = _QU_WITH_I.sub(lambda match: "qu" + _I_TO_Y[match.group(1)], _old_style_tones(text))
    return [word for word in _WORD.findall(text) if fold(word)]


def _query_words(query: str) -> list[str]:
    words = dict.fromkeys(word[:MAX_SEARCH_WORD_LENGTH] for word in _exact_words(query))
    return list(words)[:MAX_SEARCH_WORDS]


def _has_marks(word: str) -> bool:
    return word != fold(word)


# ---------------------------------------------------------------------------------------------
# Names in addresses

_NOT_SLUG = re.compile(r"[^a-z0-9]+")


def slug(text: str) -> str:
    """Return ``text`` as a short name for addresses and keys: ``vinh-chau-2021``.

    Small letters a to z, digits and single hyphens, at most ``SLUG_LENGTH`` characters, cut
    between words where there is more than one. Empty if nothing of ``text`` can be so written.
    """
    name = _NOT_SLUG.sub("-", _plain(text)).strip("-")
    if len(name) <= SLUG_LENGTH:
        return name
    cut = name[: SLUG_LENGTH + 1].rpartition("-")[0]
    return cut or name[:SLUG_LENGTH]

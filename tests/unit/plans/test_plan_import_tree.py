"""The tree that printed numbers mean."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask_babel import Babel
from hypothesis import given
from hypothesis import strategies as st

from tracker.plans.models import RowKind
from tracker.plans.plan_import import place_rows

G, T, S = RowKind.GROUP, RowKind.TASK, RowKind.STEP


@pytest.fixture(autouse=True)
def language() -> Iterator[None]:
    """Sentences for people need a language; the app itself is not needed here."""
    app = Flask(__name__)
    Babel(app)
    with app.app_context():
        yield


def tree(*numbers: str) -> list[tuple[int | None, RowKind]]:
    places, errors = place_rows([(row, number, None) for row, number in enumerate(numbers, 2)])
    assert not errors
    return places


def test_roman_rows_are_groups_and_only_leaves_are_tasks() -> None:
    assert tree("I", "1", "1.1", "1.2", "2", "II", "3") == [
        (None, G),
        (0, G),
        (1, T),
        (1, T),
        (0, T),
        (None, G),
        (5, T),
    ]


def test_parts_hold_roman_rows_and_letters_stand_under_numbers() -> None:
    assert tree("A", "I", "1", "a)", "b)", "B", "I") == [
        (None, G),
        (0, G),
        (1, G),
        (2, T),
        (2, T),
        (None, G),
        (5, G),
    ]


def test_dashes_are_steps_of_the_task_above() -> None:
    assert tree("1", "-", "-", "2") == [(None, T), (0, S), (0, S), (None, T)]


def test_rows_without_numbers_go_under_the_group_that_was_said() -> None:
    places, errors = place_rows([(2, "", G), (3, "", T), (4, "", T), (5, "", G), (6, "", T)])
    assert not errors
    assert places == [(None, G), (0, T), (0, T), (None, G), (3, T)]


@pytest.mark.parametrize(
    ("rows", "row", "column"),
    [
        ([(2, "1", None), (3, "2.1", None)], 3, "number"),
        ([(2, "-", None)], 2, "row_kind"),
        ([(2, "I", None), (3, "-", None)], 3, "row_kind"),
        ([(2, "1", T), (3, "1.1", None)], 2, "row_kind"),
    ],
)
def test_rows_that_cannot_stand_there_are_named(
    rows: list[tuple[int, str, RowKind | None]], row: int, column: str
) -> None:
    _places, errors = place_rows(rows)
    assert [(one.row, one.column) for one in errors] == [(row, column)]


@given(
    st.lists(
        st.tuples(st.text(max_size=6), st.sampled_from([None, *RowKind])), min_size=1, max_size=12
    )
)
def test_any_numbers_give_a_tree_with_parents_before_children(
    given_rows: list[tuple[str, RowKind | None]],
) -> None:
    rows = [(row, number, said) for row, (number, said) in enumerate(given_rows, 2)]
    places, _errors = place_rows(rows)
    assert len(places) == len(rows)
    assert all(parent is None or parent < index for index, (parent, _kind) in enumerate(places))

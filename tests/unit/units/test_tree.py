"""The closure as a pure rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.units.tree import closure_rows, line_of


@given(st.lists(st.integers(0, 30), max_size=30))
def test_closure_equals_naive_ancestors(picks: list[int]) -> None:
    # Each unit hangs under an earlier one or at the top, so there is no circle.
    parents = {
        unit: (pick % unit or None) if unit > 1 else None for unit, pick in enumerate(picks, 1)
    }
    rows = {
        (row["ancestor_id"], row["descendant_id"]): (row["depth"], row["by_succession"])
        for row in closure_rows(parents, {})
    }
    naive = {
        (ancestor, unit): (depth, False)
        for unit in parents
        for ancestor, depth in line_of(unit, parents).items()
    }
    assert rows == naive


def test_readers_of_a_successor_read_what_it_succeeded_and_what_lay_below() -> None:
    # 1 > 2 > 3, 2 ended into 4 which ended into 5; 6 reads 5.
    parents = {1: None, 2: 1, 3: 2, 4: 1, 5: 6, 6: None}
    rows = closure_rows(parents, {2: [4], 4: [5]})
    succession = {
        (row["ancestor_id"], row["descendant_id"]) for row in rows if row["by_succession"]
    }
    assert succession == {(4, 2), (5, 2), (6, 2), (4, 3), (5, 3), (6, 3), (5, 4), (6, 4)}


def test_circle_is_refused() -> None:
    with pytest.raises(ValueError, match="under itself"):
        closure_rows({1: 2, 2: 1}, {})

"""The tree of rows without a database: places stay consistent whatever moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.plans.models import RowKind
from tracker.plans.rows import (
    ImpossiblePlace,
    Node,
    check_parent,
    children_of,
    lay_out,
    place,
    step_of,
    subtree,
)


def grow(shape: list[tuple[int, RowKind]]) -> list[Node]:
    """Make a valid tree: each entry picks, among the rows that may hold it, its parent."""
    nodes: list[Node] = []
    for pick, kind in shape:
        holders: list[Node | None] = [
            node for node in nodes if _may_hold(node, kind) and node.path.count(".") < 6
        ]
        if kind is not RowKind.STEP:
            holders.append(None)
        if not holders:
            continue
        parent = holders[pick % len(holders)]
        siblings = [one for one in nodes if one.parent_id == (parent.id if parent else None)]
        position = len(siblings) + 1
        above = f"{parent.path}." if parent else ""
        nodes.append(
            Node(
                len(nodes) + 1,
                parent.id if parent else None,
                kind,
                position,
                above + step_of(position),
            )
        )
    return nodes


def _may_hold(node: Node, kind: RowKind) -> bool:
    try:
        check_parent(kind, node.kind)
    except ImpossiblePlace:
        return False
    return True


def apply(nodes: list[Node], changed: dict[int, tuple[int, str, int | None]]) -> list[Node]:
    return [
        Node(node.id, changed[node.id][2], node.kind, *changed[node.id][:2])
        if node.id in changed
        else node
        for node in nodes
    ]


def assert_consistent(nodes: list[Node]) -> None:
    by_id = {node.id: node for node in nodes}
    assert len({node.path for node in nodes}) == len(nodes)
    for siblings in children_of(nodes).values():
        assert [node.position for node in siblings] == list(range(1, len(siblings) + 1))
    for node in nodes:
        above = f"{by_id[node.parent_id].path}." if node.parent_id else ""
        assert node.path == above + step_of(node.position)


shapes = st.lists(
    st.tuples(st.integers(0, 50), st.sampled_from(list(RowKind))), min_size=1, max_size=25
)
moves = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)), max_size=12)


@given(shapes, moves)
def test_random_moves_keep_paths_positions_and_kinds_consistent(
    shape: list[tuple[int, RowKind]], wanted: list[tuple[int, int, int]]
) -> None:
    nodes = grow(shape)
    for who, where, before in wanted:
        if not nodes:
            return
        moved = nodes[who % len(nodes)]
        targets: list[int | None] = [None, *(node.id for node in nodes)]
        parent_id = targets[where % len(targets)]
        siblings = [one.id for one in nodes if one.parent_id == parent_id and one.id != moved.id]
        choices: list[int | None] = [None, *siblings]
        before_id = choices[before % len(choices)]
        inside = {node.id for node in subtree(nodes, moved.id)}
        under = next((node for node in nodes if node.id == parent_id), None)
        try:
            changed = place(nodes, moved.id, parent_id, before_id)
        except ImpossiblePlace:
            fits = under is None and moved.kind is not RowKind.STEP
            fits = fits or (under is not None and _may_hold(under, moved.kind))
            assert not fits or parent_id in inside
            continue
        assert parent_id not in inside
        after = apply(nodes, changed)
        assert_consistent(after)
        assert {node.id for node in subtree(after, moved.id)} == inside
        order = [node.id for node in sorted(after, key=lambda node: node.path)]
        if before_id is not None:
            assert order.index(moved.id) < order.index(before_id)
        nodes = after


def test_place_before_a_row_that_is_no_sibling_is_refused() -> None:
    nodes = grow([(0, RowKind.GROUP), (0, RowKind.TASK), (1, RowKind.TASK)])
    group, inner, outer = nodes
    assert inner.parent_id == group.id
    assert outer.parent_id is None
    with pytest.raises(ImpossiblePlace):
        place(nodes, outer.id, None, inner.id)


def test_more_levels_than_a_plan_may_have_are_refused() -> None:
    nodes = [Node(1, None, RowKind.GROUP, 1, "00001")]
    for number in range(2, 12):
        last = nodes[-1]
        nodes.append(Node(number, last.id, RowKind.GROUP, 1, f"{last.path}.00001"))
    with pytest.raises(ImpossiblePlace):
        lay_out(children_of(nodes))

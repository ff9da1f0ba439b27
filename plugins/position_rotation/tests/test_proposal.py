"""The proposal is feasible, optimal, and says what it could not do."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tracker_position_rotation.proposal import (
    Holder,
    Move,
    Post,
    Proposal,
    Weights,
    months_of,
    propose,
)

PARENTS = {1: None, 2: 1, 3: 1, 4: 2}


def post(key: int, unit: int = 1, seats: int = 1, smallest: int = 0, **more: object) -> Post:
    return Post(
        key,
        unit,
        str(more.get("profession", "land")),
        int(str(more.get("reach", 1))),
        seats=seats,
        smallest=smallest,
    )


def due(key: int, at: int, *left: int, over: int = 0) -> Holder:
    return Holder(key, at, must_move=True, months_over=over, left=frozenset(left))


def free(key: int, at: int) -> Holder:
    return Holder(key, at, may_move=True)


def test_two_who_are_due_change_places():
    found = propose([post(1, 2), post(2, 3)], [due(10, 1), due(11, 2)], PARENTS)
    assert set(found.moves) == {Move(10, 1, 2), Move(11, 2, 1)}
    assert found.stuck == ()
    assert found.gap == 0


def test_nobody_crosses_professions_or_a_managers_reach():
    posts = [post(1), post(2, profession="finance"), post(3, reach=2)]
    found = propose(posts, [due(10, 1)], PARENTS)
    assert found.moves == ()
    assert found.stuck == (10,)


def test_nobody_returns_to_the_post_just_left():
    posts = [post(1, 2), post(2, 2), post(3, 3)]
    found = propose(posts, [due(10, 1, 2)], PARENTS)
    assert found.moves == (Move(10, 1, 3),)


def test_near_post_is_chosen_before_a_far_one():
    posts = [post(1, 4), post(2, 3), post(3, 2)]
    assert propose(posts, [due(10, 1)], PARENTS).moves == (Move(10, 1, 3),)


def test_somebody_who_is_not_due_moves_only_when_it_frees_a_seat():
    found = propose([post(1, 2), post(2, 3)], [due(10, 1), free(11, 2)], PARENTS)
    assert len(found.moves) == 2
    with_seat = propose([post(1, 2), post(2, 3), post(3, 3)], [due(10, 1), free(11, 2)], PARENTS)
    assert with_seat.moves == (Move(10, 1, 3),)


def test_somebody_who_may_not_move_stays_and_keeps_the_seat():
    found = propose([post(1), post(2)], [due(10, 1), Holder(11, 2)], PARENTS)
    assert found.moves == ()
    assert found.stuck == (10,)


def test_desk_that_would_stand_empty_is_named():
    posts = [post(1, 2, smallest=1), post(2, 3)]
    found = propose(posts, [due(10, 1)], PARENTS)
    assert found.moves == (Move(10, 1, 2),)
    assert found.short == {1: 1}


def test_staff_that_is_short_already_is_not_the_plans_fault():
    found = propose([post(1, 2, seats=3, smallest=3), post(2, 3)], [free(10, 1)], PARENTS)
    assert found.short == {}


def test_whoever_is_longest_over_goes_first_when_there_is_one_seat():
    posts = [post(1), post(2), post(3)]
    people = [due(10, 1, 2, over=1), due(11, 2, 1, over=9)]
    found = propose(posts, people, PARENTS)
    assert Move(11, 2, 3) in found.moves
    assert found.stuck == (10,)


def test_holder_of_an_unknown_post_is_refused():
    with pytest.raises(ValueError, match="not given"):
        propose([post(1)], [due(10, 9)], PARENTS)


WORLDS = st.integers(1, 4).flatmap(
    lambda many: st.tuples(
        st.lists(
            st.tuples(st.integers(1, 4), st.integers(1, 2), st.integers(0, 2)),
            min_size=many,
            max_size=many,
        ),
        st.lists(
            st.tuples(
                st.integers(1, many),
                st.sampled_from(["due", "free", "stays"]),
                st.integers(0, 5),
                st.integers(1, many),
            ),
            max_size=5,
        ),
    )
)


def world(described: tuple[list[tuple[int, int, int]], list[tuple[int, str, int, int]]]):
    shapes, people = described
    posts = [
        post(number, unit, seats=seats, smallest=smallest)
        for number, (unit, seats, smallest) in enumerate(shapes, 1)
    ]
    holders = [
        Holder(
            100 + number,
            at,
            must_move=kind == "due",
            may_move=kind == "free",
            months_over=over,
            left=frozenset({left}),
        )
        for number, (at, kind, over, left) in enumerate(people)
    ]
    return posts, holders


def steps(one: int, other: int) -> int:
    def line(unit: int | None) -> list[int]:
        return [] if unit is None else [unit, *line(PARENTS[unit])]

    first, second = line(one), line(other)
    return min(first.index(at) + second.index(at) for at in first if at in second)


def cost_of(posts: list[Post], holders: list[Holder], places: tuple[int, ...]) -> float | None:
    """Return what a whole plan costs by the stated objective; None where it is not allowed."""
    weights, by_key = Weights(), {one.key: one for one in posts}
    before, after = Counter(one.post for one in holders), Counter(places)
    cost = 0.0
    for holder, place in zip(holders, places, strict=True):
        if place == holder.post:
            if holder.must_move:
                cost += weights.due_stays + weights.month_over * holder.months_over
            continue
        if not (holder.must_move or holder.may_move) or place in holder.left:
            return None
        apart = steps(by_key[holder.post].unit, by_key[place].unit)
        cost += 1 + (weights.other_unit if apart else 0) + weights.step * apart
        cost += 0 if holder.must_move else weights.other_moves
    for one in posts:
        if after[one.key] > max(one.seats, before[one.key]):
            return None
        lacking = min(one.smallest, before[one.key]) - after[one.key]
        cost += weights.below_smallest * max(lacking, 0)
    return cost


@settings(max_examples=150, deadline=None)
@given(WORLDS)
def test_proposal_is_the_best_of_all_plans(described):
    posts, holders = world(described)
    found = propose(posts, holders, PARENTS)
    if not any(one.must_move for one in holders):
        assert found == Proposal((), (), {}, 0, 0, found.seconds)
        return
    to = {move.holder: move.to_post for move in found.moves}
    places = tuple(to.get(one.key, one.post) for one in holders)
    best = min(
        cost
        for plan in product([one.key for one in posts], repeat=len(holders))
        if (cost := cost_of(posts, holders, plan)) is not None
    )
    assert cost_of(posts, holders, places) == pytest.approx(best)
    assert found.cost == pytest.approx(best)
    assert found.gap == pytest.approx(0, abs=1e-9)


def test_moves_that_hang_together_share_a_month():
    moves = [Move(1, 10, 11), Move(2, 11, 10), Move(3, 20, 21)]
    assert months_of(moves, {1: (1, 8), 2: (3, 5), 3: (1, 12)}) == {1: 5, 2: 5, 3: 12}
    assert months_of(moves, {1: (6, 8), 2: (3, 5), 3: (2, 2)}) == {1: 6, 2: 6, 3: 2}

"""A proposal for the year's moves: who goes where, so that everybody who is due moves.

People and seats form a transport problem: each person stays or goes to one other post of the same
profession within the same manager's reach, no post holds more than its seats, and a post should
keep its smallest staff. Such a problem has whole-number corners, so a linear solver (HiGHS) gives
whole moves. Arcs are many (people times posts), so they are priced in as they pay: the result is
the optimum over all arcs, not only over those that were written down, and where time runs out the
distance to the optimum is told.

The objective, in this order of weight: nobody who is due stays (the more months over, the worse),
no post falls below its smallest staff, as few people as possible move who are not due, and moves
are short. `Weights` holds the figures.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import highspy
import numpy as np

ARCS_AT_FIRST_DUE = 40
ARCS_AT_FIRST_OTHER = 6
ARCS_A_ROUND = 20_000
EPSILON = 1e-6


@dataclass(frozen=True)
class Post:
    """A post: its unit, profession, within whose reach it lies, its seats and smallest staff."""

    key: int
    unit: int
    profession: str
    reach: int
    seats: int = 1
    smallest: int = 1


@dataclass(frozen=True)
class Holder:
    """A person in a post.

    `must_move`: due and not deferred. `may_move`: the shortest time is full and nothing holds the
    person back. `months_over`: full months past the period. `left`: posts that the person came
    from and must not go back to.
    """

    key: int
    post: int
    must_move: bool = False
    may_move: bool = False
    months_over: int = 0
    left: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Weights:
    """What counts how much; the larger, the more the proposal avoids it."""

    due_stays: int = 10_000
    month_over: int = 100
    below_smallest: int = 3_000
    other_moves: int = 300
    other_unit: int = 10
    step: int = 5


@dataclass(frozen=True)
class Move:
    """One person's move."""

    holder: int
    from_post: int
    to_post: int


@dataclass(frozen=True)
class Proposal:
    """What the solver found.

    `stuck` are people who are due and for whom there is no seat; `short` are posts and by how many
    they fall below their smallest staff. `cost` is the objective, `bound` what no plan can beat;
    `gap` is their distance as a share of the cost, 0 when the proposal is optimal.
    """

    moves: tuple[Move, ...]
    stuck: tuple[int, ...]
    short: Mapping[int, int]
    cost: float
    bound: float
    seconds: float
    arcs: int = 0
    components: int = 0

    @property
    def gap(self) -> float:
        """Return how far from the optimum the proposal may be, as a share of its cost."""
        return 0.0 if self.cost <= self.bound + EPSILON else (self.cost - self.bound) / self.cost


@dataclass
class _Group:
    """The posts and people of one profession within one manager's reach."""

    posts: list[Post] = field(default_factory=list)
    people: list[Holder] = field(default_factory=list)


def propose(
    posts: Iterable[Post],
    holders: Iterable[Holder],
    parents: Mapping[int, int | None],
    *,
    weights: Weights | None = None,
    seconds: float = 25.0,
) -> Proposal:
    """Return a proposal for all groups together.

    `parents` gives each unit's parent (None for a root): moves between near units are shorter.
    Raises ValueError for a holder whose post is unknown, or more holders than seats in a post.
    """
    began = time.monotonic()
    weights = weights or Weights()
    by_key = {post.key: post for post in posts}
    groups: dict[tuple[str, int], _Group] = defaultdict(_Group)
    for post in by_key.values():
        groups[post.profession, post.reach].posts.append(post)
    for holder in holders:
        home = by_key.get(holder.post)
        if home is None:
            raise ValueError(f"holder {holder.key} has a post that is not given")
        groups[home.profession, home.reach].people.append(holder)
    work = [one for one in groups.values() if any(holder.must_move for holder in one.people)]
    # A group with no way out gets no more than its share; what one leaves over, the next may use.
    results: list[Proposal] = []
    for number, group in enumerate(sorted(work, key=lambda one: len(one.people))):
        left = seconds - (time.monotonic() - began)
        results.append(_solve(group, parents, weights, max(left / (len(work) - number), 0.05)))
    return Proposal(
        moves=tuple(move for one in results for move in one.moves),
        stuck=tuple(key for one in results for key in one.stuck),
        short={key: lack for one in results for key, lack in one.short.items()},
        cost=sum(one.cost for one in results),
        bound=sum(one.bound for one in results),
        seconds=time.monotonic() - began,
        arcs=sum(one.arcs for one in results),
        components=len(results),
    )


def _solve(
    group: _Group, parents: Mapping[int, int | None], weights: Weights, seconds: float
) -> Proposal:
    began = time.monotonic()
    posts, index = group.posts, {post.key: number for number, post in enumerate(group.posts)}
    people = [one for one in group.people if one.must_move or one.may_move]
    fixed = np.zeros(len(posts), dtype=int)
    held = np.zeros(len(posts), dtype=int)
    for one in group.people:
        held[index[one.post]] += 1
        if not (one.must_move or one.may_move):
            fixed[index[one.post]] += 1
    # More people than seats is how things may stand; nobody is added to such a post.
    seats = np.maximum(np.array([post.seats for post in posts]), held) - fixed
    # A staff that is short today is not the plan's fault: it must only not become shorter.
    smallest = np.minimum(np.array([post.smallest for post in posts]), held)
    floor = np.maximum(smallest - fixed, 0)
    costs = _costs(people, posts, index, parents, weights)
    stay = np.array(
        [
            weights.due_stays + weights.month_over * min(one.months_over, 1200)
            if one.must_move
            else 0
            for one in people
        ],
        dtype=float,
    )
    home = np.array([index[one.post] for one in people])
    program = _Program(stay, home, seats, floor, weights.below_smallest)
    program.add(*_first_arcs(costs, people))
    while True:
        prices_of_people, prices_of_posts = program.solve()
        reduced = costs - prices_of_people[:, None] - prices_of_posts[None, :]
        # What no plan can beat: every person at the best price there is for anything.
        best = np.minimum(reduced.min(axis=1, initial=0.0), 0.0)
        bound = max(program.cost + float(best.sum()), 0.0)
        tempting = np.argwhere(reduced < -EPSILON)
        if not len(tempting) or time.monotonic() - began > seconds:
            break
        worth = reduced[tempting[:, 0], tempting[:, 1]]
        chosen = tempting[np.argsort(worth)[:ARCS_A_ROUND]]
        program.add(chosen[:, 0], chosen[:, 1], costs[chosen[:, 0], chosen[:, 1]])
    taken = program.taken()
    moves = tuple(
        Move(people[person].key, people[person].post, posts[post].key) for person, post in taken
    )
    moved = {move.holder for move in moves}
    return Proposal(
        moves=moves,
        stuck=tuple(one.key for one in people if one.must_move and one.key not in moved),
        short=program.short(posts),
        cost=program.cost,
        bound=min(bound, program.cost),
        seconds=time.monotonic() - began,
        arcs=program.arcs,
        components=1,
    )


def _costs(
    people: Sequence[Holder],
    posts: Sequence[Post],
    index: Mapping[int, int],
    parents: Mapping[int, int | None],
    weights: Weights,
) -> np.ndarray[Any, Any]:
    """Return what each person's move to each post costs; infinite where it is not allowed."""
    units = sorted({post.unit for post in posts})
    number = {unit: at for at, unit in enumerate(units)}
    steps = _steps(units, parents)
    unit_of_post = np.array([number[post.unit] for post in posts])
    homes = np.array([index[one.post] for one in people])
    apart = steps[unit_of_post[homes]][:, unit_of_post].astype(float)
    costs: np.ndarray[Any, Any] = (
        1.0 + np.where(apart > 0, weights.other_unit, 0) + weights.step * apart
    )
    costs += np.array([0 if one.must_move else weights.other_moves for one in people])[:, None]
    costs[np.arange(len(people)), homes] = np.inf
    for row, one in enumerate(people):
        for post in one.left:
            if post in index:
                costs[row, index[post]] = np.inf
    return costs


def _steps(units: Sequence[int], parents: Mapping[int, int | None]) -> np.ndarray[Any, Any]:
    """Return how many steps up and down the tree lie between each two units."""
    lines: list[dict[int, int]] = []
    for unit in units:
        line: dict[int, int] = {}
        at: int | None = unit
        while at is not None and at not in line:
            line[at] = len(line)
            at = parents.get(at)
        lines.append(line)
    steps = np.zeros((len(units), len(units)), dtype=int)
    for row, first in enumerate(lines):
        for column, second in enumerate(lines[:row]):
            common = [first[unit] + second[unit] for unit in first.keys() & second.keys()]
            apart = min(common) if common else len(first) + len(second)
            steps[row, column] = steps[column, row] = apart
    return steps


def _first_arcs(
    costs: np.ndarray[Any, Any], people: Sequence[Holder]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the cheapest arcs of each person, to begin with."""
    rows: list[int] = []
    columns: list[int] = []
    for row, one in enumerate(people):
        many = min(ARCS_AT_FIRST_DUE if one.must_move else ARCS_AT_FIRST_OTHER, costs.shape[1])
        near = np.argpartition(costs[row], many - 1)[:many]
        for column in near:
            if np.isfinite(costs[row, column]):
                rows.append(row)
                columns.append(int(column))
    at = np.array(rows, dtype=int), np.array(columns, dtype=int)
    return at[0], at[1], costs[at]


class _Program:
    """The linear program, grown by columns. Rows: one a person (= 1), one a post (floor..seats)."""

    def __init__(
        self,
        stay: np.ndarray[Any, Any],
        home: np.ndarray[Any, Any],
        seats: np.ndarray[Any, Any],
        floor: np.ndarray[Any, Any],
        below: int,
    ) -> None:
        self.people, self.posts = len(stay), len(seats)
        self.home = home
        self.highs = highspy.Highs()  # type: ignore[no-untyped-call]
        self.highs.setOptionValue("output_flag", False)
        self.highs.setOptionValue("threads", 1)
        low = np.concatenate([np.ones(self.people), floor.astype(float)])
        high = np.concatenate([np.ones(self.people), seats.astype(float)])
        for lower, upper in zip(low, high, strict=True):
            self.highs.addRow(float(lower), float(upper), 0, np.array([], int), np.array([]))
        self.at: list[tuple[int, int]] = []
        self._columns(stay, np.arange(self.people), home)
        # Falling below the smallest staff is possible, at a price, one seat at a time.
        lacking = np.flatnonzero(floor > 0)
        self.lacking = lacking
        self.highs.addCols(
            len(lacking),
            np.full(len(lacking), float(below)),
            np.zeros(len(lacking)),
            floor[lacking].astype(float),
            len(lacking),
            np.arange(len(lacking), dtype=np.int32),
            (self.people + lacking).astype(np.int32),
            np.ones(len(lacking)),
        )
        self.first_arc = self.people + len(lacking)
        self.cost = 0.0

    @property
    def arcs(self) -> int:
        """Return how many arcs were written down."""
        return len(self.at)

    def add(
        self, rows: np.ndarray[Any, Any], columns: np.ndarray[Any, Any], costs: np.ndarray[Any, Any]
    ) -> None:
        """Let people `rows` go to posts `columns` at `costs`."""
        self.at.extend(zip(rows.tolist(), columns.tolist(), strict=True))
        self._columns(costs, rows, columns)

    def _columns(
        self, costs: np.ndarray[Any, Any], rows: np.ndarray[Any, Any], posts: np.ndarray[Any, Any]
    ) -> None:
        many = len(costs)
        ends = np.empty(2 * many, dtype=np.int32)
        ends[0::2], ends[1::2] = rows, self.people + posts
        self.highs.addCols(
            many,
            np.asarray(costs, dtype=float),
            np.zeros(many),
            np.full(many, highspy.kHighsInf),
            2 * many,
            np.arange(0, 2 * many, 2, dtype=np.int32),
            ends,
            np.ones(2 * many),
        )

    def solve(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Solve; return the prices of people and of posts. Staying is always possible."""
        self.highs.run()
        if self.highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise RuntimeError(f"the solver stopped: {self.highs.getModelStatus()}")
        self.cost = self.highs.getInfo().objective_function_value
        duals = np.asarray(self.highs.getSolution().row_dual)
        return duals[: self.people], duals[self.people :]

    def taken(self) -> list[tuple[int, int]]:
        """Return (person, post) of the moves of the last solution."""
        values = np.asarray(self.highs.getSolution().col_value)[self.first_arc :]
        return [self.at[number] for number in np.flatnonzero(values > 0.5)]

    def short(self, posts: Sequence[Post]) -> dict[int, int]:
        """Return by post how many seats of its smallest staff would stand empty."""
        values = np.asarray(self.highs.getSolution().col_value)[self.people : self.first_arc]
        return {
            posts[int(post)].key: round(float(value))
            for post, value in zip(self.lacking, values, strict=True)
            if value > 0.5
        }


def months_of(moves: Sequence[Move], windows: Mapping[int, tuple[int, int]]) -> dict[int, int]:
    """Return the month of each holder's move, alike for all moves that hang together.

    Whoever takes a seat needs it to be free: moves that form a chain or a ring happen in one
    month. `windows` gives each holder (first, last) month of the plan's year in which the move
    should happen; a chain takes the earliest last month, but none before everybody may move.
    """
    root: dict[int, int] = {}

    def find(post: int) -> int:
        root.setdefault(post, post)
        while root[post] != post:
            root[post] = root[root[post]]
            post = root[post]
        return post

    for move in moves:
        root[find(move.from_post)] = find(move.to_post)
    chains: dict[int, list[int]] = defaultdict(list)
    for move in moves:
        chains[find(move.from_post)].append(move.holder)
    months: dict[int, int] = {}
    for chain in chains.values():
        first = max(windows[holder][0] for holder in chain)
        last = min(windows[holder][1] for holder in chain)
        for holder in chain:
            months[holder] = max(first, last)
    return months

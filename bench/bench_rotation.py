"""The rotation plug-in's proposal for a province: 450 units, 13,000 people, 2,000 who are due.

The fewer professions and managers, the larger each problem; the last row is one problem of all.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

from table import show

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "plugins" / "position_rotation"))

from tracker_position_rotation.proposal import Holder, Post, propose

UNITS, PEOPLE, DUE, GOAL = 450, 13_000, 2_000, 30.0
SEED = 134


def province(
    professions: int, managers: int, people: int, due: int
) -> tuple[list[Post], list[Holder], dict[int, int | None]]:
    """Return posts, who holds them, and each unit's parent."""
    chance = random.Random(SEED)
    parents: dict[int, int | None] = {0: None}
    for unit in range(1, UNITS):
        parents[unit] = 0 if unit <= 20 else chance.randint(1, 20)
    staff: dict[tuple[int, str], int] = {}
    for _number in range(people):
        place = chance.randrange(UNITS), f"nghề {chance.randrange(professions)}"
        staff[place] = staff.get(place, 0) + 1
    is_due = [True] * due + [False] * (people - due)
    chance.shuffle(is_due)
    posts: list[Post] = []
    holders: list[Holder] = []
    for (unit, profession), many in staff.items():
        spare = chance.random() < 0.1
        key = len(posts)
        posts.append(Post(key, unit, profession, unit % managers, many + spare, max(1, many - 1)))
        for _number in range(many):
            due_now = is_due[len(holders)]
            holders.append(
                Holder(
                    len(holders),
                    key,
                    must_move=due_now,
                    may_move=not due_now and chance.random() < 0.6,
                    months_over=chance.randrange(24) if due_now else 0,
                    left=frozenset({chance.randrange(len(staff))}),
                )
            )
    return posts, holders, parents


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the people")
    share = 10 if parser.parse_args().quick else 1
    rows = []
    for professions, managers in ((12, 10), (12, 1), (3, 1), (1, 1)):
        posts, holders, parents = province(professions, managers, PEOPLE // share, DUE // share)
        started = time.process_time()
        found = propose(posts, holders, parents)
        rows.append(
            (
                f"{professions} professions, {managers} managers",
                str(len(posts)),
                str(len(found.moves)),
                str(len(found.stuck)),
                f"{found.gap:.4%}",
                f"{found.seconds:.1f}",
                f"{time.process_time() - started:.1f}",
                f"{GOAL:.0f}",
            )
        )
    headings = ("problem", "posts", "moves", "stuck", "gap", "seconds", "CPU s", "goal s")
    show(headings, rows)


if __name__ == "__main__":
    main()

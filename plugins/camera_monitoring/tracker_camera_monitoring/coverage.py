"""How far cameras reach and what they cost, with every figure's parts beside it.

Cameras that were bought together and share one recorder are one *set* (bộ); a camera without the
name of a set is a set of its own. Golden case: 23 sets at 10 of 10 communes, 88.490.000 đ
(2,3 sets a commune; 3.847.391 đ a set).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal


@dataclass(frozen=True)
class CameraFact:
    """What a camera adds to the figures."""

    camera_id: int
    desk_id: int
    unit_id: int
    set_name: str = ""
    cost: int | None = None
    # In use or under repair; not stored away, not written off.
    is_placed: bool = True


@dataclass(frozen=True)
class Coverage:
    """Units with a desk, those of them with a camera, sets, and money."""

    units: int
    covered_units: int
    desks: int
    covered_desks: int
    cameras: int
    sets: int
    cost: int
    # Cameras whose price nobody has entered: the sum is then a lower bound.
    without_cost: int
    uncovered_unit_ids: tuple[int, ...] = ()

    @property
    def percent(self) -> Decimal | None:
        """Return covered units of all with a desk, in percent to two places."""
        return _divided(100 * self.covered_units, self.units, "0.01")

    @property
    def sets_per_unit(self) -> Decimal | None:
        """Return sets for each covered unit, to one place."""
        return _divided(self.sets, self.covered_units, "0.1")

    @property
    def cost_per_set(self) -> int | None:
        """Return what a set cost on average, in whole đồng; None unless all prices are known."""
        if self.without_cost:
            return None
        found = _divided(self.cost, self.sets, "1")
        return None if found is None else int(found)


def _divided(part: int, whole: int, places: str) -> Decimal | None:
    if not whole:
        return None
    return (Decimal(part) / Decimal(whole)).quantize(Decimal(places), ROUND_HALF_UP)


def cover(desk_units: dict[int, int], cameras: Sequence[CameraFact]) -> Coverage:
    """Return the coverage of desks (desk -> unit) by cameras.

    A unit is covered when one of its desks has a camera in place. Cost counts every camera, also
    those put away since: the money was spent.
    """
    placed = [one for one in cameras if one.is_placed and one.desk_id in desk_units]
    covered_desks = {one.desk_id for one in placed}
    covered = {desk_units[desk] for desk in covered_desks}
    units = set(desk_units.values())
    return Coverage(
        units=len(units),
        covered_units=len(covered),
        desks=len(desk_units),
        covered_desks=len(covered_desks),
        cameras=len(placed),
        sets=count_sets(placed),
        cost=sum(one.cost or 0 for one in cameras),
        without_cost=sum(one.cost is None for one in cameras),
        uncovered_unit_ids=tuple(sorted(units - covered)),
    )


def count_sets(cameras: Collection[CameraFact]) -> int:
    """Return how many sets cameras make."""
    named = {(one.desk_id, one.set_name.casefold()) for one in cameras if one.set_name}
    return len(named) + sum(not one.set_name for one in cameras)

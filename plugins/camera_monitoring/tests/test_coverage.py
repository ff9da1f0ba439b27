"""Coverage and cost: the golden case of Vĩnh Châu 2021, and the edges of the rules."""

from __future__ import annotations

from decimal import Decimal

from tracker_camera_monitoring.coverage import CameraFact, count_sets, cover


def test_vinh_chau_2021_has_23_sets_at_10_of_10_communes() -> None:
    """23 bộ camera at 10/10 communes for 88.490.000 đ (the article's own figures)."""
    desks = {desk: 100 + desk for desk in range(1, 11)}
    cameras = [
        CameraFact(number, 1 + number % 10, 101 + number % 10, cost=3_847_391)
        for number in range(23)
    ]
    cameras[0] = CameraFact(0, 1, 101, cost=88_490_000 - 22 * 3_847_391)
    found = cover(desks, cameras)
    assert (found.covered_units, found.units) == (10, 10)
    assert found.sets == 23
    assert found.cost == 88_490_000
    assert found.sets_per_unit == Decimal("2.3")
    assert found.cost_per_set == 3_847_391
    assert found.uncovered_unit_ids == ()


def test_cameras_of_one_set_count_once_at_each_desk() -> None:
    cameras = [
        CameraFact(1, 1, 11, set_name="Bộ 1"),
        CameraFact(2, 1, 11, set_name="bộ 1"),
        CameraFact(3, 2, 11, set_name="Bộ 1"),
        CameraFact(4, 2, 11),
        CameraFact(5, 2, 11),
    ]
    assert count_sets(cameras) == 4


def test_unit_without_camera_in_place_is_named() -> None:
    desks = {1: 11, 2: 12, 3: 12}
    cameras = [
        CameraFact(1, 1, 11, cost=None),
        CameraFact(2, 2, 12, cost=5_000_000, is_placed=False),
    ]
    found = cover(desks, cameras)
    assert (found.covered_units, found.units, found.covered_desks) == (1, 2, 1)
    assert found.uncovered_unit_ids == (12,)
    # What was put away was paid for all the same; what has no price makes the sum a lower bound.
    assert found.cost == 5_000_000
    assert found.without_cost == 1
    assert found.cost_per_set is None


def test_no_desks_have_no_rates() -> None:
    found = cover({}, [])
    assert (found.units, found.sets, found.cost) == (0, 0, 0)
    assert found.sets_per_unit is None
    assert found.cost_per_set is None

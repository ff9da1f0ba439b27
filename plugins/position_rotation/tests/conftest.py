"""Fixtures of this plug-in's tests."""

from __future__ import annotations

import hypothesis
import pytest
from small_register import BASE, Register
from tracker_position_rotation import inputs, services

from tracker.api.work import run
from tracker.testing.world import World

hypothesis.settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture
def register(world: World) -> Register:
    town = world.unit("UBND thị xã Vĩnh Châu")
    first = world.unit("UBND phường 1", parent=town)
    second = world.unit("UBND xã Hòa Đông", parent=town)
    category = run(
        services.save_category,
        inputs.SaveCategory(
            code="DC-XD", title="Địa chính, xây dựng", months=60, alert_months=54, **BASE
        ),  # type: ignore[arg-type]
    )
    return Register(world, town, first, second, category)

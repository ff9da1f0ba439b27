"""A unit's page tells how its tasks stand."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from tests.factories.accounts import make_user, sign_in
from tests.factories.plans import make_plan, make_task, report
from tests.factories.units import make_unit
from tracker.core.clock import FixedClock
from tracker.core.rights import Role

pytestmark = pytest.mark.usefixtures("system")


def test_open_work_of_a_unit_stands_on_its_page(client: FlaskClient, clock: FixedClock) -> None:
    """The late one first, the finished only in the count; another unit's work not at all."""
    province = make_unit("Tỉnh Lâm Đồng", "province")
    unit, other = make_unit("Xã Đạ Tẻh", parent=province), make_unit("Xã Cát Tiên", parent=province)
    plan, today = make_plan(province), clock.today()
    make_task(plan, unit, title="Việc sắp tới", due_on=today + timedelta(days=40))
    make_task(plan, unit, title="Việc đã trễ", due_on=today - timedelta(days=4))
    done = make_task(plan, unit, title="Việc đã xong", due_on=today)
    report(done, done_on=today)
    make_task(plan, other, title="Việc của xã khác", due_on=today)
    sign_in(client, make_user(province, Role.LEADER))
    page = client.get(f"/don-vi/{unit}").get_data(as_text=True)
    assert page.index("Việc đã trễ") < page.index("Việc sắp tới")
    assert "Việc đã xong" not in page
    assert "Việc của xã khác" not in page
    assert f"/viec?unit={unit}&amp;status=done" in page
    assert "Việc của xã khác" in client.get(f"/don-vi/{province}").get_data(as_text=True)


def test_unit_without_work_says_so(client: FlaskClient) -> None:
    unit = make_unit("Xã Đạ Tẻh")
    sign_in(client, make_user(unit, Role.HEAD))
    assert "Chưa có nhiệm vụ nào." in client.get(f"/don-vi/{unit}").get_data(as_text=True)

"""The number of queries of a page does not grow with the rows: counted at 100 and at 10,000.

Figures are kept until something changes, so pages of figures are counted as most people find them.

The data of the benchmarks is used, so that what is counted here is what is measured there.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from bench.data import fill
from tests.factories.accounts import grant, sign_in
from tests.support.statements import statements_sent
from tracker.core import migrate
from tracker.core.clock import FixedClock
from tracker.core.db import db
from tracker.core.rights import Role
from tracker.units.models import Unit

MOST = 12
COORDINATOR = 3
# Rows of the database, and visits with them.
SIZES = ((100, 100), (10_000, 1_000))
# When the data's own 'today' is.
NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
PAGES = (
    "/",
    "/viec",
    "/viec?unit=5&status=overdue&sort=unit",
    "/viec?q=thu+tuc",
    "/viec/99",
    "/so-lieu?plan=1",
    "/tong-quan",
    "/ke-hoach",
    "/ke-hoach/lam-dong-2026",
    "/kiem-tra",
    "/kiem-tra/phat-hien",
    "/kiem-tra/ke-hoach",
    "/kiem-tra/bang-kiem",
    "/don-vi",
    "/don-vi/nhom",
    "/nguoi-dung",
    "/nhat-ky",
    "/bao-cao-ky",
    "/bao-cao-ky/phat-sinh?what=entered",
    "/viec-tu-dong",
    "/mo-dun",
    "/nhap",
    "/tim?q=thu+tuc",
    "/thiet-lap/ngay-nghi",
    "/thiet-lap/ky-bao-cao",
    "/thiet-lap/bac-nhac-viec",
    "/thiet-lap/may-chu-thu",
    "/thiet-lap/noi-nhan-tin",
    "/thong-bao",
    "/thong-bao/tuy-chon",
    "/thong-bao/lich",
    "/nhac-viec",
    "/nhac-viec/5",
    "/quan-tri/don-vi/",
    "/quan-tri/ke-hoach/",
    "/quan-tri/nhiem-vu/",
    "/quan-tri/phan-cong/",
    "/quan-tri/nhat-ky/",
)


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]} tasks")
def reader(
    request: pytest.FixtureRequest, app: Flask, clock: FixedClock, client: FlaskClient
) -> FlaskClient:
    """The coordinator's browser on a database of one size."""
    tasks, visits = request.param
    clock.move_to(NOW)
    with migrate.migrating(app.config["SQLALCHEMY_DATABASE_URI"]) as connection:
        fill(connection, tasks, visits)
        # What a running database does by itself, and its planner needs.
        connection.exec_driver_sql("ANALYZE")
    with app.app_context():
        # With both roles no page is closed.
        grant(COORDINATOR, Role.ADMINISTRATOR, 1)
        sign_in(client, COORDINATOR)
    return client


def count_queries(app: Flask, client: FlaskClient, address: str) -> int:
    """Return how many queries a page makes; a second look, so that nothing is read at first use."""
    assert client.get(address).status_code == 200, address
    with app.app_context():
        engine = db.engine
    with statements_sent(engine) as sent:
        assert client.get(address).status_code == 200, address
    return len(sent)


def test_the_counter_counts(app: Flask, reader: FlaskClient) -> None:
    """A query more is a query more: the figure below rests on it."""
    app.before_request_funcs.setdefault(None, []).append(
        lambda: db.session.execute(select(Unit.id)) and None
    )
    once = count_queries(app, reader, "/don-vi")
    app.before_request_funcs[None].pop()
    assert once == count_queries(app, reader, "/don-vi") + 1


def test_pages_ask_few_queries(app: Flask, reader: FlaskClient) -> None:
    counts = {address: count_queries(app, reader, address) for address in PAGES}
    assert not {address: count for address, count in counts.items() if count > MOST}

"""Every test gets a migrated database of its own, on each backend."""

from pathlib import Path

import pytest
from flask import Flask, render_template_string
from jinja2 import UndefinedError
from sqlalchemy import create_engine, inspect, text

from tracker.core import context
from tracker.core.clock import FixedClock
from tracker.core.db import db
from tracker.core.migrate import is_current
from tracker.testing.databases import Databases

MARK = "CREATE TABLE left_by_a_test (id integer)"


def tables(url: str) -> set[str]:
    engine = create_engine(url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def execute(url: str, statement: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_database_url_is_migrated(database_url: str, database_backend: str) -> None:
    assert database_url.startswith(database_backend)
    assert is_current(database_url)


def test_fresh_database_does_not_see_what_the_last_one_got(
    databases: Databases, database_backend: str, tmp_path: Path
) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    first.mkdir()
    second.mkdir()

    with databases.fresh(database_backend, first) as url:
        execute(url, MARK)
        assert "left_by_a_test" in tables(url)
    with databases.fresh(database_backend, second) as url:
        assert "left_by_a_test" not in tables(url)
        assert "change_sets" in tables(url)


def test_two_databases_of_one_test_are_apart(database_url: str, another_database_url: str) -> None:
    execute(another_database_url, MARK)

    assert "left_by_a_test" not in tables(database_url)


def test_empty_database_has_no_table(empty_database_url: str) -> None:
    assert tables(empty_database_url) == set()


def test_app_uses_the_database_and_the_clock_of_its_test(
    app: Flask, system: None, database_url: str, clock: FixedClock
) -> None:
    engine = create_engine(database_url)
    try:
        assert db.engine.url == engine.url
    finally:
        engine.dispose()
    clock.advance(days=1)
    assert context.current().clock.today() == clock.today()


@pytest.mark.usefixtures("system")
def test_template_name_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="forgotten"):
        render_template_string("{{ forgotten }}")

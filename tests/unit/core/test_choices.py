"""Choices are written into statements, so that a partial index is seen and no plan made anew."""

from __future__ import annotations

from enum import StrEnum

import pytest
from sqlalchemy import MetaData, Table, column, create_engine, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import Column

from tracker.core.db import choice


class Colour(StrEnum):
    """Some colours."""

    RED = "red"
    GREEN = "dark_green"


@pytest.fixture
def things() -> Table:
    return Table("things", MetaData(), Column("colour", choice(Colour)))


@pytest.mark.parametrize("dialect", [sqlite.dialect(), postgresql.dialect()])
def test_comparison_with_a_choice_has_no_parameter(things: Table, dialect: object):
    colour = things.c.colour
    compiled = select(colour == Colour.RED, colour != Colour.GREEN).compile(dialect=dialect)
    assert not compiled.params
    assert "things.colour = 'red'" in str(compiled)
    assert "things.colour != 'dark_green'" in str(compiled)


def test_statements_of_two_choices_are_kept_apart(things: Table):
    red, green = (select(things).where(things.c.colour == one) for one in Colour)
    assert red._generate_cache_key() != green._generate_cache_key()


def test_what_is_no_member_is_sent_beside_the_statement(things: Table):
    for other in ("red' OR '1'='1", "red"):
        compiled = select(things.c.colour == other).compile(dialect=sqlite.dialect())
        assert "?" in str(compiled)
        assert other not in str(compiled)


def test_choices_come_back_as_they_were_written(things: Table):
    engine = create_engine("sqlite://")
    things.metadata.create_all(engine)
    colour = things.c.colour
    with engine.begin() as connection:
        connection.execute(insert(things), [{"colour": Colour.RED}, {"colour": None}])
        connection.execute(update(things).where(colour == Colour.RED).values(colour=Colour.GREEN))
        assert connection.scalars(select(colour).where(colour != Colour.RED)).all() == [
            Colour.GREEN
        ]
        assert connection.scalar(select(colour).where(colour == None)) is None  # noqa: E711
        found = select(column("colour")).select_from(things).where(colour.in_([Colour.GREEN]))
        assert connection.scalars(found).all() == ["dark_green"]
        with pytest.raises(IntegrityError):
            connection.exec_driver_sql("INSERT INTO things VALUES ('blue')")
    engine.dispose()


def test_choice_that_is_no_plain_word_is_refused():
    class Odd(StrEnum):
        QUOTED = "it's"

    with pytest.raises(ValueError, match="plain words"):
        choice(Odd)

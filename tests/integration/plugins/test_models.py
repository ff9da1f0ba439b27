"""The base of plug-ins' models: fenced names, a registry of its own, and words for the log."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import String, insert, select, text
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Mapped, configure_mappers, mapped_column, relationship

from tracker.api import models as api
from tracker.audit.labels import field_label, table_label
from tracker.core.changes import is_audited
from tracker.core.db import Base, db
from tracker.core.errors import PluginError
from tracker.core.work import Work, run
from tracker.units.models import Unit


@pytest.fixture
def base() -> Iterator[type[api.PluginModel]]:
    before = set(Base.metadata.tables)

    class Model(api.PluginModel, plugin="models_test"):
        pass

    yield Model
    Model.registry.dispose()
    for name in set(Base.metadata.tables) - before:
        Base.metadata.remove(Base.metadata.tables[name])


@pytest.mark.parametrize("name", ["plans", "Bad", "a__b", "x" * 40])
def test_base_wants_a_name_that_a_plugin_can_have(name: str):
    with pytest.raises(PluginError):
        type("Model", (api.PluginModel,), {}, plugin=name)


@pytest.mark.parametrize(
    "table", ["users", "plugin_other__things", "plugin_models_test__" + "a" * 60]
)
def test_tables_outside_the_name_are_refused(base: type, table: str):
    with pytest.raises(PluginError):
        type("Bad", (base,), {"__tablename__": table, "id": mapped_column(primary_key=True)})
    assert table == "users" or table not in Base.metadata.tables


def test_model_without_a_base_of_its_plugin_is_refused():
    with pytest.raises(PluginError, match="plugin="):
        type("Loose", (api.PluginModel,), {"__tablename__": "plugin_loose__things"})


@pytest.mark.usefixtures("system")
def test_relationship_that_leads_nowhere_breaks_no_query_of_the_core(base: type):
    class Lost(base):  # type: ignore[misc]
        __tablename__ = "plugin_models_test__lost"
        id: Mapped[int] = mapped_column(primary_key=True)
        other: Mapped[object] = relationship("NoSuchThing")

    with pytest.raises(InvalidRequestError):
        Lost()
    db.session.execute(select(Unit)).all()
    Base.registry.configure()
    with pytest.raises(InvalidRequestError):
        configure_mappers()
    db.session.execute(select(Unit)).all()


def test_words_and_secrets_are_known_to_the_change_log(base: type):
    class Thing(base):  # type: ignore[misc]
        __tablename__ = "plugin_models_test__things"
        __label__ = "Vật"
        __field_labels__ = {"name": "Tên gọi"}  # noqa: RUF012
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(String(10))
        secret: Mapped[str | None] = mapped_column(api.EncryptedText)

    assert table_label("plugin_models_test__things") == "Vật"
    assert field_label("plugin_models_test__things", "name") == "Tên gọi"
    assert field_label("plugin_models_test__things", "unheard_of") == "unheard_of"
    assert Thing.__table__.c.secret.info["private"]
    assert is_audited(Thing.__table__)


@pytest.mark.usefixtures("system")
def test_bulk_statements_are_refused_on_audited_tables_alone(base: type):
    class Kept(base):  # type: ignore[misc]
        __tablename__ = "plugin_models_test__kept"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Passing(base):  # type: ignore[misc]
        __tablename__ = "plugin_models_test__passing"
        __technical__ = "it passes"
        id: Mapped[int] = mapped_column(primary_key=True)

    def write(work: Work, model: type) -> None:
        work.session.connection().execute(
            text(f"CREATE TABLE IF NOT EXISTS {model.__tablename__} (id INTEGER PRIMARY KEY)")
        )
        work.session.execute(insert(model).values(id=1))

    with pytest.raises(RuntimeError, match="bulk"):
        run(write, Kept)
    run(write, Passing)
    assert not is_audited(Passing.__table__)

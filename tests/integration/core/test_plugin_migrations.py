"""Migrations of plug-ins: apart from the core's and from each other's, all or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect
from sqlalchemy.pool import NullPool

from tracker.core import migrate
from tracker.core.migrate import Owner, SchemaError

HEAD = '''"""{message}"""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {down}
branch_labels = None
depends_on = None


def upgrade() -> None:
{upgrade}


def downgrade() -> None:
{downgrade}
'''
CREATE = """    op.create_table(
        "plugin_{name}__things",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name="fk_plugin_{name}__things_unit_id"),
        sa.PrimaryKeyConstraint("id", name="pk_plugin_{name}__things"),
    )"""
DROP = '    op.drop_table("plugin_{name}__things")'
HALF = """    op.add_column("plugin_{name}__things", sa.Column("colour", sa.String(9)))
    op.create_table("plugin_{name}__more", sa.Column("id", sa.Integer(), nullable=False))
    op.execute("INSERT INTO plugin_{name}__more (id) VALUES (1)")
    raise RuntimeError("half-way")"""


def owner(folder: Path, name: str, *, half: bool = False) -> Owner:
    versions = folder / name / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    steps = [("0001", "None", CREATE, DROP)]
    if half:
        steps.append(("0002", '"0001"', HALF, "    pass"))
    for revision, down, up, back in steps:
        (versions / f"{revision}_step.py").write_text(
            HEAD.format(
                message="Step",
                revision=revision,
                down=down,
                upgrade=up.format(name=name),
                downgrade=back.format(name=name),
            )
        )
    return Owner(name, folder / name)


def tables(url: str) -> set[str]:
    engine = create_engine(url, poolclass=NullPool)
    try:
        return {one for one in inspect(engine).get_table_names() if migrate.is_plugin_table(one)}
    finally:
        engine.dispose()


def columns(url: str, table: str) -> set[str]:
    engine = create_engine(url, poolclass=NullPool)
    try:
        return {one["name"] for one in inspect(engine).get_columns(table)}
    finally:
        engine.dispose()


def test_two_plugins_and_the_core_go_their_own_ways(database_url: str, tmp_path: Path):
    first, second = owner(tmp_path, "first"), owner(tmp_path, "second")
    migrate.upgrade(database_url, owner=first)
    migrate.upgrade(database_url, owner=second)
    assert tables(database_url) == {
        "plugin_first__things",
        "plugin_second__things",
        "alembic_version_plugin_first",
        "alembic_version_plugin_second",
    }
    assert migrate.current_revision(database_url, first) == "0001"
    assert migrate.is_current(database_url, second)
    assert migrate.is_current(database_url)
    # Neither sees the other's tables, nor does the core.
    migrate.check(database_url)
    migrate.downgrade(database_url, "base", owner=first)
    assert "plugin_second__things" in tables(database_url)
    assert migrate.current_revision(database_url, first) is None


def test_core_goes_on_when_the_code_of_a_plugin_is_gone(database_url: str, tmp_path: Path):
    gone = owner(tmp_path, "gone")
    migrate.upgrade(database_url, owner=gone)
    (gone.folder / "versions" / "0001_step.py").unlink()
    migrate.upgrade(database_url)
    migrate.check(database_url)
    assert migrate.is_current(database_url)
    migrate.upgrade(database_url, owner=owner(tmp_path, "other"))
    assert "plugin_gone__things" in tables(database_url)


def test_migration_that_fails_half_way_leaves_the_database_as_it_was(
    database_url: str, tmp_path: Path
):
    migrate.upgrade(database_url, owner=owner(tmp_path, "half"))
    before = columns(database_url, "plugin_half__things")
    broken = owner(tmp_path, "half", half=True)
    with pytest.raises(RuntimeError, match="half-way"):
        migrate.upgrade(database_url, owner=broken)
    assert migrate.current_revision(database_url, broken) == "0001"
    assert columns(database_url, "plugin_half__things") == before
    assert "plugin_half__more" not in tables(database_url)


def test_plugin_waits_for_the_core(empty_database_url: str, tmp_path: Path):
    with pytest.raises(SchemaError, match="core"):
        migrate.upgrade(empty_database_url, owner=owner(tmp_path, "early"))
    assert tables(empty_database_url) == set()


def test_core_is_not_taken_from_under_a_plugin(database_url: str, tmp_path: Path):
    rests = owner(tmp_path, "rests")
    migrate.upgrade(database_url, owner=rests)
    with pytest.raises(SchemaError, match="plugin_rests__things"):
        migrate.downgrade(database_url, "base")
    migrate.downgrade(database_url, "base", owner=rests)
    migrate.downgrade(database_url, "base")


def test_core_tables_about_plugins_are_the_cores_own():
    assert not migrate.is_plugin_table("plugin_installs")
    assert migrate.is_plugin_table("plugin_so_tay__notes")
    assert migrate.is_plugin_table("alembic_version_plugin_so_tay")
    assert not migrate.is_plugin_table("units")


def test_plugin_without_migrations_has_no_head(tmp_path: Path):
    assert migrate.head_revision(Owner("bare", tmp_path)) is None

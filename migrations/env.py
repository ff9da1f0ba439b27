"""Alembic's environment, for the core and, by `config.attributes`, for each plug-in."""

from alembic import context
from sqlalchemy import TypeDecorator

from tracker.core.db import Base, Choice
from tracker.core.migrate import VERSION_TABLE, is_plugin_table
from tracker.core.secrets import seal, unseal
from tracker.features import load_models

load_models()
attributes = context.config.attributes
owns = attributes.get("owns", lambda table: not is_plugin_table(table))


def include_name(name, kind, parents):
    """Leave tables of other owners alone when the database is read."""
    return kind != "table" or owns(name)


def include_object(item, name, kind, reflected, compare_to):
    """Leave tables of other owners alone when the models are read."""
    return kind != "table" or owns(name)


def render_item(kind, item, autogen):
    """Write own types as what the database sees: a migration imports nothing of the product."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl!r}"
    if kind == "type" and isinstance(item, Choice):
        return "sa.Enum" + repr(item).removeprefix("Choice")
    return False


def without_words(context, revision, directives):
    """Leave out of a migration what tables tell the product of themselves; an empty one is none."""
    if directives and directives[0].upgrade_ops.is_empty() and attributes.get("skips_empty"):
        directives.clear()
    for script in directives:
        for operation in script.upgrade_ops.ops + script.downgrade_ops.ops:
            if hasattr(operation, "info"):
                operation.info = {}


connection = attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=attributes.get("metadata", Base.metadata),
    version_table=attributes.get("version_table", VERSION_TABLE),
    include_name=include_name,
    include_object=include_object,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    render_item=render_item,
    process_revision_directives=without_words,
    transactional_ddl=False,
    # For a migration that encrypts what was plain: it imports nothing of the product.
    seal=seal,
    unseal=unseal,
)
context.run_migrations()

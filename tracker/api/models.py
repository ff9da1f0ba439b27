"""The base of a plug-in's models, the types of their columns, and what they may point at.

    class Model(PluginModel, plugin="camera"):
        \"\"\"Base of this plug-in's models.\"\"\"

    class Camera(HasPublicId, Versioned, Model):
        __tablename__ = "plugin_camera__cameras"
        __label__ = _l("Camera")
        __field_labels__ = {"name": _l("Tên")}

Each plug-in has a registry of its own, so that a relationship that cannot be resolved is its own
trouble and no other's. Tables are read and changed in units of work as the core's are, with the
same change log. No mapped class of the core is to be had: columns point at its tables by
`unit_key()` and its like, and reading goes through `tracker.api.queries`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sqlalchemy import ForeignKey, Table
from sqlalchemy.orm import DeclarativeBase, registry

from tracker.core.db import (
    NAME_LENGTH,
    Base,
    BigKey,
    HasPublicId,
    JsonText,
    Moment,
    Versioned,
    choice,
    folded_column,
    new_public_id,
    sort_key_column,
)
from tracker.core.errors import PluginError
from tracker.core.secrets import EncryptedText
from tracker.plugins.descriptors import Label
from tracker.plugins.manifest import LONGEST_TABLE, is_name, table_prefix

__all__ = [
    "NAME_LENGTH",
    "BigKey",
    "EncryptedText",
    "HasPublicId",
    "JsonText",
    "Moment",
    "PluginModel",
    "Versioned",
    "assignment_key",
    "choice",
    "finding_key",
    "folded_column",
    "new_public_id",
    "plan_key",
    "sort_key_column",
    "task_key",
    "unit_key",
    "user_key",
    "visit_key",
]


class PluginModel(DeclarativeBase):
    """Base of the bases of plug-ins' models: `class Model(PluginModel, plugin="<name>")`.

    Raises PluginError for a name that no plug-in can have, and for a table outside
    `plugin_<name>__`. Encrypted columns are kept out of the change log by themselves.
    """

    metadata = Base.metadata
    # A reason, in words, why changes of this table stay out of the change log ('' means audited).
    __technical__: str = ""
    # What the change log calls the table, and its fields by column name.
    __label__: ClassVar[Label] = ""
    __field_labels__: ClassVar[Mapping[str, Label]] = {}
    __plugin__: ClassVar[str] = ""

    def __init_subclass__(cls, plugin: str = "", **keywords: Any) -> None:
        if plugin:
            if not is_name(plugin):
                raise PluginError(f"no plug-in can be called {plugin!r}")
            own = registry(metadata=Base.metadata)
            for name, value in (
                ("__abstract__", True),
                ("__plugin__", plugin),
                ("registry", own),
                ("_sa_registry", own),
            ):
                setattr(cls, name, value)
        else:
            _check_table(cls)
        super().__init_subclass__(**keywords)
        table = cls.__dict__.get("__table__")
        if isinstance(table, Table):
            _describe(cls, table)


def _check_table(cls: type[PluginModel]) -> None:
    if not cls.__plugin__:
        raise PluginError(f"{cls.__name__}: make a base with plugin='<name>' first")
    name = cls.__dict__.get("__tablename__")
    if not isinstance(name, str):
        return
    if not name.startswith(table_prefix(cls.__plugin__)) or len(name) > LONGEST_TABLE:
        raise PluginError(
            f"{cls.__name__}: the table must be called {table_prefix(cls.__plugin__)}<noun>, "
            f"in at most {LONGEST_TABLE} characters, not {name!r}"
        )


def _describe(cls: type[PluginModel], table: Table) -> None:
    """Tell the core, which knows the table but not the class, what it has to know of it."""
    table.info.update(
        plugin=cls.__plugin__,
        label=cls.__label__,
        field_labels=dict(cls.__field_labels__),
        technical=cls.__technical__,
    )
    for column in table.columns:
        if isinstance(column.type, EncryptedText):
            column.info["private"] = True


def unit_key(ondelete: str = "RESTRICT") -> ForeignKey:
    """Return a foreign key to a unit."""
    return ForeignKey("units.id", ondelete=ondelete)


def user_key(ondelete: str = "RESTRICT") -> ForeignKey:
    """Return a foreign key to a person's account."""
    return ForeignKey("users.id", ondelete=ondelete)


def plan_key(ondelete: str = "CASCADE") -> ForeignKey:
    """Return a foreign key to a plan."""
    return ForeignKey("plans.id", ondelete=ondelete)


def task_key(ondelete: str = "CASCADE") -> ForeignKey:
    """Return a foreign key to a row of a plan."""
    return ForeignKey("tasks.id", ondelete=ondelete)


def assignment_key(ondelete: str = "CASCADE") -> ForeignKey:
    """Return a foreign key to a unit's share of a task."""
    return ForeignKey("assignments.id", ondelete=ondelete)


def visit_key(ondelete: str = "CASCADE") -> ForeignKey:
    """Return a foreign key to an inspection's visit."""
    return ForeignKey("visits.id", ondelete=ondelete)


def finding_key(ondelete: str = "CASCADE") -> ForeignKey:
    """Return a foreign key to a finding."""
    return ForeignKey("findings.id", ondelete=ondelete)

"""An instance from nothing: folder, keys, schema, what the product ships with."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import click
from flask import Flask
from flask_babel import gettext as _

from tracker.app import create_app
from tracker.config import Settings
from tracker.core import migrate, secrets
from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting
from tracker.core.work import run
from tracker.features import load_models
from tracker.inspections.checklists import sync_templates
from tracker.plugins.host import host_of
from tracker.plugins.loader import load_plugins
from tracker.web.contracts import contracts_of


class MigrationsPending(click.ClickException):
    """The database has another schema than this version needs."""


def prepare(settings: Settings) -> None:
    """Make the instance folder and keys; bring the schema of the database up to date.

    An empty database is made; the embedded one is upgraded after a copy of it was laid beside it.
    A PostgreSQL database that is in use is upgraded only on purpose (`tracker db upgrade`), since
    other machines may still run the version before.
    """
    settings.instance.mkdir(mode=0o700, parents=True, exist_ok=True)
    secrets.load_keys(settings.instance)
    revision = None if _is_missing(settings) else migrate.current_revision(settings.database_url)
    head = migrate.head_revision()
    if revision == head:
        return
    if revision is not None and not settings.is_sqlite:
        raise MigrationsPending(
            _(
                "Cơ sở dữ liệu đang ở %(now)s, phiên bản này cần %(head)s. "
                "Hãy sao lưu rồi chạy: tracker db upgrade",
                now=revision,
                head=head,
            )
        )
    if revision is not None:
        copy_beside(settings, f"before-{head}")
    migrate.upgrade(settings.database_url)


def _is_missing(settings: Settings) -> bool:
    return settings.is_sqlite and not sqlite_file(settings).exists()


def sqlite_file(settings: Settings) -> Path:
    """Return the file of the embedded database."""
    return Path(settings.database_url.removeprefix("sqlite:///"))


def copy_beside(settings: Settings, label: str) -> Path:
    """Copy the embedded database, consistently while it is in use, to `<name>.<label>`."""
    source_path = sqlite_file(settings)
    target_path = source_path.with_name(f"{source_path.name}.{label}")
    draft = target_path.with_name(target_path.name + ".new")
    source, target = sqlite3.connect(source_path), sqlite3.connect(draft)
    try:
        source.backup(target)
    finally:
        source.close()
        target.close()
    shutil.move(draft, target_path)
    return target_path


def fill(app: Flask) -> None:
    """Bring in what features and plug-ins ship ready-made (checklists); again changes nothing."""
    with (
        app.app_context(),
        acting(Context(SYSTEM_ACTOR, contracts_of(app).clock, Source.COMMAND)),
    ):
        run(sync_templates, host_of(app).registry.checklist_templates)


def ready_app(settings: Settings, *, with_plugins: bool = True) -> Flask:
    """Return the app on an instance that is there and current, made and filled where it was not.

    Without plug-ins for whoever is about to exchange them: a process imports each only once.
    """
    prepare(settings)
    load_models()
    app = create_app(settings, load_plugins(settings) if with_plugins else None)
    fill(app)
    return app

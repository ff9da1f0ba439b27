"""Commands that make, run, save and examine an instance.

All but `doctor` work without a database that is ready, so they take the settings themselves.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO

import click
from flask import Flask, url_for
from sqlalchemy import select

from tracker.accounts import demo as demo_people
from tracker.accounts import links
from tracker.accounts.tokens import hash_token, new_token
from tracker.app import create_app
from tracker.config import Settings, settings_from_environment
from tracker.core.changes import ChangeHead
from tracker.core.clock import SystemClock
from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting
from tracker.core.db import db
from tracker.core.work import Work, run
from tracker.ops import backup as backups
from tracker.ops.instance import fill, prepare
from tracker.ops.supervisor import Supervisor
from tracker.plugins.descriptors import DemoData, Health
from tracker.plugins.host import current_registry
from tracker.settings.models import Setting
from tracker.web.contracts import contracts_of

DEMO_KEY = "demo.loaded_on"


@contextmanager
def _as_system(app: Flask) -> Iterator[None]:
    context = Context(SYSTEM_ACTOR, contracts_of(app).clock, Source.COMMAND)
    with app.app_context(), acting(context):
        yield


def _ready_app(settings: Settings) -> Flask:
    prepare(settings)
    app = create_app(settings)
    fill(app)
    return app


@click.command("run", epilog="Example: TRACKER_BIND=0.0.0.0:8000 tracker run")
def run_command() -> None:
    """Start the server and the job process; make and migrate an empty instance first."""
    settings = settings_from_environment()
    app = _ready_app(settings)
    with _as_system(app):
        is_demo = _demo_day() is not None
        has_users = links.has_users(db.session())

    def say(address: str) -> None:
        click.echo(f"\n  {address}\n")
        if is_demo:
            click.echo("  This is a demo: the sign-in page has a button for each role.")
        elif not has_users:
            click.echo("  Nobody has an account yet. Get a set-up link with: tracker init")
        click.echo("  Stop with Ctrl+C.\n")

    code = Supervisor(settings, os.environ, say).serve()
    if code:
        raise SystemExit(code)


@click.command(epilog="Example: TRACKER_INSTANCE=/srv/tracker tracker init")
def init() -> None:
    """Make an empty real instance and print its one-time set-up link (valid for 48 hours)."""
    settings = settings_from_environment()
    app = _ready_app(settings)
    token = new_token()
    with _as_system(app):
        run(links.make_link, links.MakeLink(hash_token(token), None))
        with app.test_request_context(base_url=f"http://{settings.bind}"):
            address = url_for("accounts.use_link", token=token, _external=True)
    click.echo(f"The instance is ready in {settings.instance}")
    click.echo("Start it with: tracker run")
    click.echo("Then open this address once to make the first administrator:")
    click.echo(f"\n  {address}\n")


@dataclass(frozen=True)
class MarkDemo:
    """The day around which the demo's lively data is laid."""

    day: date


def mark_demo(work: Work, data: MarkDemo) -> None:
    """Say on every page that this is a demo."""
    work.session.add(Setting(key=DEMO_KEY, value=data.day.isoformat()))


def _demo_day() -> date | None:
    stored = db.session.scalar(select(Setting.value).where(Setting.key == DEMO_KEY))
    return date.fromisoformat(stored) if stored else None


@click.command(epilog="Example: TRACKER_INSTANCE=demo tracker demo")
@click.option("--passwords", is_flag=True, help="Give the demo's people random passwords.")
@click.option(
    "--plugins",
    "plugins_folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of bundled plug-ins (default: the checkout's plugins/).",
)
def demo(passwords: bool, plugins_folder: Path | None) -> None:
    """Load demo data into an instance of its own; again changes nothing.

    Refuses an instance that holds real data (exit code 1).
    """
    settings = settings_from_environment()
    app = _ready_app(settings)
    with _as_system(app):
        day = _demo_day()
        if day is None:
            if links.has_users(db.session()):
                raise click.ClickException(
                    "This instance holds real data; the demo lives in an instance of its own. "
                    "Name another folder: TRACKER_INSTANCE=demo tracker demo"
                )
            day = SystemClock().today()
            run(mark_demo, MarkDemo(day))
        before = _newest_change()
        with click.progressbar(
            current_registry().demo_data, label="Demo", item_show_func=_key
        ) as sources:
            for source in sources:
                source.load(day)
        changed = _newest_change() - before
        click.echo(f"Demo data around {day:%d/%m/%Y}: {changed} changes written.")
        folder = plugins_folder or Path(__file__).resolve().parents[2] / "plugins"
        if not any(folder.glob("*/pyproject.toml")):
            click.echo("No bundled plug-ins found: this is the core's demo.")
        if passwords:
            for name, password in demo_people.set_random_passwords().items():
                click.echo(f"  {name:<14} {password}")


def _key(source: DemoData | None) -> str:
    return source.key if source else ""


def _newest_change() -> int:
    newest: int = db.session.execute(select(ChangeHead.last_id)).scalar_one()
    db.session.rollback()
    return newest


class _Bar:
    """A progress bar that follows several steps of one piece of work."""

    def __init__(self) -> None:
        self.what = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        if click.get_text_stream("stderr").isatty() and what != self.what:
            self.what = what
            click.echo(f"\r\033[K{what} {done + 1}/{total}", nl=False, err=True)

    def end(self) -> None:
        if self.what:
            click.echo("\r\033[K", nl=False, err=True)


@click.command(epilog="Example: tracker backup /media/usb/tracker-2026-11-21.zip")
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--with-key", is_flag=True, help="Add the field key, wrapped by a passphrase.")
@click.option("--passphrase-file", type=click.File("r"), help="Read the passphrase from a file.")
def backup(target: Path, with_key: bool, passphrase_file: IO[str] | None) -> None:
    """Write database and files into one file, while people work."""
    passphrase = _passphrase(passphrase_file, confirm=True) if with_key else None
    bar = _Bar()
    manifest = backups.back_up(
        settings_from_environment(), target, SystemClock().now(), passphrase, bar
    )
    bar.end()
    rows = sum(manifest.tables.values())
    size = target.stat().st_size / 1024 / 1024
    click.echo(f"{target}: {rows} rows, {manifest.files} files, {size:.1f} MB")


@click.command(epilog="Example: TRACKER_INSTANCE=/srv/new tracker restore tracker-2026-11-21.zip")
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--with-key", is_flag=True, help="Take the field key too; asks for its passphrase.")
@click.option("--passphrase-file", type=click.File("r"), help="Read the passphrase from a file.")
def restore(source: Path, with_key: bool, passphrase_file: IO[str] | None) -> None:
    """Fill an empty instance from a backup (SQLite and PostgreSQL read each other's)."""
    passphrase = _passphrase(passphrase_file, confirm=False) if with_key else None
    bar = _Bar()
    manifest = backups.restore(settings_from_environment(), source, passphrase, bar)
    bar.end()
    click.echo(f"Restored {sum(manifest.tables.values())} rows and {manifest.files} files.")
    click.echo(f"The backup was made at {manifest.made_at} by version {manifest.version}.")
    if passphrase is None:
        click.echo("The field key was not restored: encrypted fields stay unreadable.")


def _passphrase(file: IO[str] | None, *, confirm: bool) -> str:
    if file is not None:
        return str(file.read()).strip()
    return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm))


@click.command(epilog="Example: tracker doctor --json")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Examine the instance and say about each trouble what to do. Exit code 1 on an error."""
    rows = [
        {
            "check": check.key,
            "label": str(check.label),
            "health": diagnosis.health.value,
            "message": diagnosis.message,
            "advice": diagnosis.advice,
        }
        for check in current_registry().doctor_checks
        for diagnosis in check.check()
    ]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    else:
        marks = {"ok": "✓", "warning": "!", "error": "✗"}
        for row in rows:
            click.echo(f"{marks[row['health']]} {row['label']}: {row['message']}")
            if row["advice"]:
                click.echo(f"    → {row['advice']}")
    if any(row["health"] == Health.ERROR for row in rows):
        raise SystemExit(1)


# Commands that need no database to be ready; the rest register through the hook.
SETUP_COMMANDS: tuple[click.Command, ...] = (run_command, init, demo, backup, restore)

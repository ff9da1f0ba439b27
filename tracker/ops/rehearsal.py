"""The rehearsal itself, in a process of its own on a copy of the database.

`python -m tracker.ops.rehearsal TASK ANSWER` reads a task (JSON), tries a plug-in out and writes
what it found. Nothing here touches the instance that is in use: database, set file and keys are
copies in a folder that its parent throws away. A plug-in that ends or freezes this process costs
only this process; the parent tells of it.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import func, inspect, select, text
from werkzeug.routing import Rule

from tracker.accounts.models import Grant, LoginSession, User
from tracker.accounts.tokens import hash_token, new_token
from tracker.app import create_app
from tracker.config import Settings
from tracker.core import migrate, secrets
from tracker.core.clock import SystemClock
from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting
from tracker.core.db import db
from tracker.core.migrate import Owner
from tracker.core.rights import Role
from tracker.core.work import Work, run
from tracker.inspections.models import Visit
from tracker.ops import bounds
from tracker.plans.models import Task
from tracker.plugin_admin import services
from tracker.plugins import snapshots
from tracker.plugins.host import host_of
from tracker.plugins.loader import describe, load_plugins
from tracker.plugins.models import PluginIncident
from tracker.plugins.states import Wanted
from tracker.units.inputs import CreateUnit
from tracker.units.models import Unit, UnitKind
from tracker.units.services import create_unit

MOST_ERRORS = 50
# Told in the report; what takes longer than the second one fails. Machines differ, and a rehearsal
# runs beside people's work, so the clock decides only where something is far out of bounds.
SLOW_SECONDS = 2.0
LONGEST_SECONDS = 15.0
# Pages of the core on which plug-ins show something of theirs.
CORE_PAGES = ("/", "/tong-quan", "/bao-cao-ky", "/tim?q=a")


@dataclass(frozen=True)
class Release:
    """A release that is to be tried out."""

    id: int
    name: str
    # Where it is unpacked; its package lies in it.
    folder: str
    # The revision that the plug-in's tables are at before; '' when there are none.
    revision: str


@dataclass(frozen=True)
class Rehearsal:
    """What is to be rehearsed: releases that will run beside each other."""

    releases: Sequence[Release]
    instance: str
    database_url: str
    # No database: the plug-ins are loaded and that is all.
    only_load: bool = False

    @classmethod
    def read(cls, text: str) -> Rehearsal:
        """Return what the parent wrote down."""
        values = json.loads(text)
        return cls(releases=[Release(**one) for one in values.pop("releases")], **values)

    @property
    def names(self) -> list[str]:
        """The plug-ins."""
        return [one.name for one in self.releases]


@dataclass
class Findings:
    """What was found; the parent adds sizes and decides."""

    steps: list[dict[str, Any]] = field(default_factory=list)
    pages: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)

    def fail(self, message: str) -> None:
        """Note an error."""
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(message[:500])


class Failed(Exception):
    """A step failed, so that the next ones make no sense."""


def rehearse(task: Rehearsal) -> Findings:
    """Migrate up, down and up, load, and open every page as each role."""
    found = Findings()
    try:
        if task.only_load:
            _step(found, "load", lambda: _load(task))
            return found
        for release in task.releases:
            _try_migrations(found, task.database_url, release)
        app = _step(found, "load", lambda: _load(task))
        _step(found, "pages", lambda: _open_pages(app, task, found))
    except Failed:
        pass
    return found


def _try_migrations(found: Findings, url: str, release: Release) -> None:
    owner = Owner(release.name, Path(release.folder) / f"tracker_{release.name}" / "migrations")
    if not (owner.folder / "versions").is_dir():
        return
    back = release.revision or "base"
    bounds.guard(url, owner)
    before = bounds.shape_of_others(url, owner)
    _step(found, "up", lambda: migrate.upgrade(url, owner=owner))
    _step(found, "bounds", lambda: _check_bounds(url, owner, before))
    _step(found, "down", lambda: migrate.downgrade(url, back, owner=owner))
    _step(found, "again", lambda: migrate.upgrade(url, owner=owner))
    bounds.unguard(url)


def _check_bounds(url: str, owner: Owner, before: bounds.Shape) -> None:
    bounds.compare(before, bounds.shape_of_others(url, owner))
    with bounds.connected(url) as connection:
        unknown = snapshots.unknown_columns(connection, owner)
    if unknown:
        raise RuntimeError(f"values cannot be backed up: {', '.join(unknown)}")


def _step(found: Findings, name: str, do: Callable[[], Any]) -> Any:
    started = time.monotonic()
    try:
        result = do()
    except Exception as error:
        _note(found, name, started, is_done=False)
        found.fail(f"{name}: {describe(error)}")
        raise Failed from error
    _note(found, name, started, is_done=True)
    return result


def _note(found: Findings, name: str, started: float, *, is_done: bool) -> None:
    seconds = round(time.monotonic() - started, 3)
    found.steps.append({"name": name, "done": is_done, "seconds": seconds})


def _load(task: Rehearsal) -> Flask:
    settings = Settings(
        instance=Path(task.instance), database_url=task.database_url, secret_key=new_token()
    )
    plugins = load_plugins(settings)
    for name in task.names:
        if name not in plugins:
            raise RuntimeError(plugins.failures.get(name, "it is not in the set"))
    app = create_app(settings, plugins)
    for name in task.names:
        fault = host_of(app).failures.get(name)
        if fault:
            raise RuntimeError(fault)
    return app


# -- pages ----------------------------------------------------------------------------------


def _open_pages(app: Flask, task: Rehearsal, found: Findings) -> None:
    context = Context(SYSTEM_ACTOR, SystemClock(), Source.COMMAND)
    with app.app_context(), acting(context):
        # In the copy they are installed, or their gates would stay closed.
        for one in task.releases:
            run(
                services.set_installed,
                services.SetInstalled(one.name, one.id, None, Wanted.ENABLED),
            )
        tokens = run(_add_people, None)
        own = [address for name in task.names for address in _own_addresses(app, name)]
        # Different keys make the same address where it names something else than a number.
        addresses = list(dict.fromkeys([*own, *_core_addresses()]))
        db.session.remove()
    for role, token in tokens.items():
        client = app.test_client()
        with client.session_transaction() as cookie:
            cookie["_user_id"] = token
        for address in addresses:
            _open(client, address, role, found)
    with app.app_context():
        for incident in db.session.scalars(
            select(PluginIncident).where(PluginIncident.plugin.in_(task.names))
        ):
            found.fail(f"{incident.place}: {incident.kind} {incident.message}")
        db.session.remove()


def _open(client: Any, address: str, role: Role, found: Findings) -> None:
    status, seconds = _get(client, address)
    if status < 500 and seconds > SLOW_SECONDS:
        # The first look at a page compiles its templates; the second one counts.
        status, seconds = _get(client, address)
    found.pages.append(
        {"address": address, "role": role.value, "status": status, "seconds": seconds}
    )
    if status >= 500:
        found.fail(f"{address} ({role}): HTTP {status}")
    elif seconds > LONGEST_SECONDS:
        found.fail(f"{address} ({role}): {seconds} s")
    elif seconds > SLOW_SECONDS:
        found.slow.append(f"{address} ({role}): {seconds} s")


def _get(client: Any, address: str) -> tuple[int, float]:
    started = time.monotonic()
    status = client.get(address).status_code
    return status, round(time.monotonic() - started, 3)


def _add_people(work: Work, _data: None) -> dict[Role, str]:
    """Add one signed-in person for each role, over the first of the highest units.

    An instance without units gets one. Returns the tokens of the sign-ins by role.
    """
    unit = work.session.scalar(
        select(func.min(Unit.id)).where(Unit.parent_id.is_(None), Unit.valid_to.is_(None))
    )
    if unit is None:
        born = work.today - timedelta(days=365)
        unit = create_unit(
            work,
            CreateUnit(name="Rehearsal", kind=UnitKind.COMMUNE, parent_id=None, valid_from=born),
        )
    tokens: dict[Role, str] = {}
    for role in Role:
        token = new_token()
        person = User(username=f"rehearsal-{role.value}-{token[:8]}", name=role.value, unit_id=unit)
        work.session.add(person)
        work.session.flush()
        work.session.add(
            Grant(
                user_id=person.id,
                role=role,
                unit_id=unit,
                valid_from=work.today - timedelta(days=1),
            )
        )
        work.session.add(
            LoginSession(
                token_hash=hash_token(token),
                user_id=person.id,
                created_at=work.now,
                last_seen_at=work.now,
                confirmed_at=work.now,
            )
        )
        tokens[role] = token
    return tokens


def _own_addresses(app: Flask, name: str) -> Iterator[str]:
    """Yield an address for each page of the plug-in that is fetched by GET.

    Numbers in addresses are keys of the plug-in's own newest rows, where it has any.
    """
    keys = _keys(name)
    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            if rule.endpoint.split(".")[0] != name or "GET" not in (rule.methods or ()):
                continue
            if rule.endpoint.endswith(".static"):
                continue
            for key in keys if rule.arguments else [0]:
                address = _filled(app, rule, key)
                if address:
                    yield address


def _filled(app: Flask, rule: Rule, key: int) -> str:
    values: dict[str, Any] = {}
    for argument in rule.arguments:
        converter = type(rule._converters[argument]).__name__
        if "UUID" in converter:
            values[argument] = "00000000-0000-4000-8000-000000000000"
        elif "Integer" in converter or "Id" in converter:
            values[argument] = key
        else:
            values[argument] = str(key)
    built = app.url_map.bind("localhost").build(rule.endpoint, values)
    return str(built)


def _keys(name: str) -> list[int]:
    prefix = Owner(name, Path()).prefix
    found = {1}
    for table in inspect(db.engine).get_table_names():
        if table.startswith(prefix):
            newest = (
                db.session.execute(
                    text(f"SELECT max(id) FROM {table}")  # noqa: S608 - a name from the database
                ).scalar()
                if _has_id(table)
                else None
            )
            if isinstance(newest, int):
                found.add(newest)
    return sorted(found)


def _has_id(table: str) -> bool:
    return any(column["name"] == "id" for column in inspect(db.engine).get_columns(table))


def _core_addresses() -> list[str]:
    addresses = list(CORE_PAGES)
    for model, pattern in ((Task, "/viec/{}"), (Unit, "/don-vi/{}"), (Visit, "/kiem-tra/{}")):
        newest = db.session.scalar(select(func.max(model.id)))
        if newest is not None:
            addresses.append(pattern.format(newest))
    return addresses


def main(task_path: str, answer_path: str) -> None:
    """Read the task, rehearse it, write the answer."""
    logging.basicConfig(level=logging.ERROR)
    task = Rehearsal.read(Path(task_path).read_text(encoding="utf-8"))
    # Before there is an app: a migration may encrypt what was plain.
    secrets.keys[:] = [partial(secrets.load_keys, Path(task.instance))]
    answer = json.dumps(asdict(rehearse(task)), ensure_ascii=False)
    Path(answer_path).write_text(answer, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:3])

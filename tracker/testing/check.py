"""`tracker plugin check`: does a plug-in keep its contract? Rule by rule, with a tier of quality.

Runs in a process of its own (`python -m tracker.testing.check FOLDER`), as it imports the plug-in,
watches its connections and opens its pages on databases that it throws away. What is found is
printed as JSON; the command line shows it.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import fnmatch
import io
import ipaddress
import json
import logging
import os
import socket
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, inspect, select
from sqlalchemy.pool import NullPool

from tracker.core.db import Base, db
from tracker.core.errors import PluginError, TrackerError
from tracker.core.migrate import Owner, is_current
from tracker.core.migrate import check as check_schema
from tracker.core.migrate import downgrade as take_down
from tracker.core.migrate import upgrade as bring_up
from tracker.plugins.folders import find_package
from tracker.plugins.manifest import ENTRY_POINT_GROUP, FILE_NAME, Manifest, read_manifest
from tracker.plugins.snapshots import unknown_columns

MOST_QUERIES = 12
MOST_PROBLEMS = 20
# Of the product a plug-in imports this alone; its tests may use the other too.
ALLOWED = "tracker.api"
FOR_TESTS = "tracker.testing"


class Tier(StrEnum):
    """How good a plug-in is; each tier holds the rules of those before it."""

    NONE = "none"
    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"


@dataclass(frozen=True)
class Rule:
    """One thing that is looked at."""

    key: str
    tier: Tier


RULES = (
    Rule("declaration", Tier.BRONZE),
    Rule("imports", Tier.BRONZE),
    Rule("migrations", Tier.BRONZE),
    Rule("tables", Tier.BRONZE),
    Rule("offers", Tier.BRONZE),
    Rule("pages", Tier.BRONZE),
    Rule("jobs", Tier.BRONZE),
    Rule("hosts", Tier.BRONZE),
    Rule("translations", Tier.SILVER),
    Rule("labels", Tier.SILVER),
    Rule("documents", Tier.SILVER),
    Rule("tests", Tier.SILVER),
    Rule("postgresql", Tier.GOLD),
    Rule("queries", Tier.GOLD),
    Rule("typed", Tier.GOLD),
)


@dataclass
class Report:
    """What was found: by rule its problems; a rule that was not looked at has None."""

    name: str = ""
    version: str = ""
    opened: int = 0
    found: dict[str, list[str] | None] = field(
        default_factory=lambda: {rule.key: None for rule in RULES}
    )

    def look(self, key: str) -> list[str]:
        """Begin a rule: return the list that its problems go into."""
        problems = self.found[key]
        if problems is None:
            problems = self.found[key] = []
        return problems

    def blame(self, key: str, problem: str) -> None:
        """Note a problem, once."""
        problems = self.look(key)
        if problem not in problems and len(problems) < MOST_PROBLEMS:
            problems.append(problem[:500])

    @property
    def tier(self) -> Tier:
        """The highest tier all of whose rules, and those before it, hold."""
        reached = Tier.NONE
        for tier in (Tier.BRONZE, Tier.SILVER, Tier.GOLD):
            if any(self.found[rule.key] != [] for rule in RULES if rule.tier is tier):
                break
            reached = tier
        return reached

    def as_data(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it."""
        return {
            "name": self.name,
            "version": self.version,
            "tier": self.tier.value,
            "pages_opened": self.opened,
            "rules": [
                {
                    "key": rule.key,
                    "tier": rule.tier.value,
                    "looked_at": self.found[rule.key] is not None,
                    "passed": self.found[rule.key] == [],
                    "problems": self.found[rule.key] or [],
                }
                for rule in RULES
            ],
        }


# -- what can be seen without importing ----------------------------------------------------------


def check_declaration(package: Path, manifest: Manifest, report: Report) -> None:
    """Compare the declaration with the package and its distribution."""
    problems = report.look("declaration")
    if package.name != manifest.package:
        problems.append(f"the package is {package.name}, not {manifest.package}")
    if not manifest.fits():
        problems.append(f"api {manifest.api[0]}.{manifest.api[1]} is not to be had here")
    if not (package / "hooks.py").is_file():
        problems.append(f"{package.name}/hooks.py is missing")
    project = package.parent / "pyproject.toml"
    if not project.is_file():
        problems.append("pyproject.toml is missing")
        return
    data = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {})
    wanted = {
        "name": manifest.distribution,
        "version": manifest.version,
        f"entry-points.{ENTRY_POINT_GROUP}": {manifest.name: f"{manifest.package}.hooks"},
    }
    stated = {
        "name": data.get("name"),
        "version": data.get("version", manifest.version),
        f"entry-points.{ENTRY_POINT_GROUP}": data.get("entry-points", {}).get(ENTRY_POINT_GROUP),
    }
    problems += [
        f"pyproject.toml: {key} is {stated[key]!r}, not {value!r}"
        for key, value in wanted.items()
        if stated[key] != value
    ]


def check_imports(package: Path, report: Report) -> None:
    """Read the code for imports of the product's inside, and of other plug-ins."""
    problems = report.look("imports")
    for path in sorted(package.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        for line, name in imported(tree):
            top = name.split(".")[0]
            is_core = top == "tracker" and not _is_within(name, ALLOWED)
            is_other = top.startswith("tracker_") and top != package.name
            if is_core or is_other:
                problems.append(f"{path.relative_to(package.parent)}:{line}: {name}")


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of what a module imports, `from a import b` as 'a.b'."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, one.name) for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            if node.module == "tracker":
                yield from ((node.lineno, f"tracker.{one.name}") for one in node.names)
            else:
                yield node.lineno, node.module
        elif (
            isinstance(node, ast.Call)
            and _called(node) in {"import_module", "__import__"}
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            yield node.lineno, str(node.args[0].value)


def _called(node: ast.Call) -> str:
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def check_typed(package: Path, report: Report) -> None:
    """Find functions that do not say what they take and give."""
    problems = report.look("typed")
    for path in sorted(package.rglob("*.py")):
        if "migrations" in path.relative_to(package).parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            bare = [
                one.arg
                for one in arguments
                if one.annotation is None and one.arg not in {"self", "cls"}
            ]
            if (bare or node.returns is None) and len(problems) < MOST_PROBLEMS:
                problems.append(f"{path.relative_to(package.parent)}:{node.lineno}: {node.name}")


def check_documents(package: Path, manifest: Manifest, report: Report) -> None:
    """Look for what tells people of the plug-in, and for its tests."""
    project = package.parent
    problems = report.look("documents")
    for name in ("README.md", "CHANGELOG.md"):
        if not (project / name).is_file():
            problems.append(f"{name} is missing")
    changes = project / "CHANGELOG.md"
    if changes.is_file() and manifest.version not in changes.read_text(encoding="utf-8"):
        problems.append(f"CHANGELOG.md does not tell of {manifest.version}")
    tests = report.look("tests")
    if not any(project.glob("tests/**/test_*.py")):
        tests.append("tests/test_*.py is missing")


def check_words(package: Path, report: Report) -> None:
    """Look for texts without an English translation."""
    from tracker.plugins.words import is_compiled, untranslated

    problems = report.look("translations")
    problems += [f"{one.place}: {one.text}" for one in untranslated(package)][:MOST_PROBLEMS]
    if not is_compiled(package):
        problems.append("messages.mo is older than messages.po: run tracker plugin messages")


# -- connections ---------------------------------------------------------------------------------


class Connections:
    """Watches where this process connects to, and stops what was not declared.

    An address counts as declared when a declared name stands for it: names are asked here too, as
    an audit hook hears questions but no answers.
    """

    def __init__(self, manifest: Manifest, report: Report) -> None:
        self.patterns = [one for one in manifest.hosts if not one.startswith("setting:")]
        self.is_by_setting = len(self.patterns) < len(manifest.hosts)
        self.report = report
        # The addresses of declared names that somebody asked for.
        self.names: dict[str, frozenset[str]] = {}

    def __call__(self, name: str, args: tuple[Any, ...]) -> None:
        """Judge an audit event. Raises ConnectionRefusedError for an undeclared host."""
        if name in {"socket.getaddrinfo", "socket.gethostbyname"}:
            host = args[0] or ""
            self._judge(host.decode("ascii", "replace") if isinstance(host, bytes) else str(host))
        elif name in {"socket.connect", "socket.sendto", "socket.sendmsg"} and isinstance(
            args[1], tuple
        ):
            self._judge(str(args[1][0]))

    def _judge(self, host: str) -> None:
        if _is_local(host):
            return
        if not (self._is_declared_address(host) if _is_address(host) else self._is_known(host)):
            self.report.blame("hosts", host)
            raise ConnectionRefusedError(f"{host} is not among the declared hosts")

    def _is_declared_address(self, host: str) -> bool:
        address = str(ipaddress.ip_address(host))
        return (
            self.is_by_setting
            or host in self.patterns
            or any(address in found for found in self.names.values())
        )

    def _is_known(self, host: str) -> bool:
        name = host.lower()
        if not any(fnmatch.fnmatch(name, one) for one in self.patterns):
            return False
        if name not in self.names:
            # First: the question below is heard here as well.
            self.names[name] = frozenset()
            self.names[name] = _addresses_of(name)
        return True


def _addresses_of(name: str) -> frozenset[str]:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return frozenset()
    return frozenset(str(ipaddress.ip_address(str(one[4][0]))) for one in found)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_local(host: str) -> bool:
    if host in {"", "localhost"}:
        return True
    return _is_address(host) and ipaddress.ip_address(host).is_loopback


# -- databases -----------------------------------------------------------------------------------


def check_migrations(url: str, owner: Owner, manifest: Manifest, report: Report, rule: str) -> bool:
    """Go up, down and up on a database; tell whether the plug-in's tables are there now."""
    report.look(rule)
    tables = report.look("tables")
    try:
        bring_up(url)
        if (owner.folder / "versions").is_dir():
            bring_up(url, owner=owner)
            take_down(url, "base", owner=owner)
            left = _tables(url, owner)
            if left:
                report.blame(rule, f"downgrade to base leaves {', '.join(sorted(left))}")
            bring_up(url, owner=owner)
            if not is_current(url, owner):
                report.blame(rule, "the newest revision is not reached")
            check_schema(url, owner)
    except Exception as error:  # noqa: BLE001 - a migration may raise anything
        report.blame(rule, _line(error))
        return False
    tables += [f"{one}: its values cannot be backed up" for one in _unknown_columns(url, owner)][
        :MOST_PROBLEMS
    ]
    real, mapped = _tables(url, owner), {one for one in Base.metadata.tables if owner.owns(one)}
    declared = set(manifest.tables)
    for words, names in (
        ("declared, but not in the database", declared - real),
        ("in the database, but not declared", real - declared),
        ("has a model, but is not in the database", mapped - real),
    ):
        tables += [f"{name}: {words}" for name in sorted(names) if len(tables) < MOST_PROBLEMS]
    return True


def _unknown_columns(url: str, owner: Owner) -> list[str]:
    engine = create_engine(url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            return unknown_columns(connection, owner)
    finally:
        engine.dispose()


def _tables(url: str, owner: Owner) -> set[str]:
    engine = create_engine(url, poolclass=NullPool)
    try:
        return {one for one in inspect(engine).get_table_names() if owner.owns(one)}
    finally:
        engine.dispose()


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"


# -- the app -------------------------------------------------------------------------------------


def check_offers(app: Any, manifest: Manifest, report: Report) -> None:
    """Compare what is offered with what is declared."""
    from tracker.plugins.host import host_of
    from tracker.web.doors import door_of

    problems = report.look("offers")
    registry = host_of(app).registry
    own = manifest.owns_key
    offered = {
        "rights": {key for key in registry.permissions if own(key)},
        "jobs": {key for key in registry.jobs if own(key)},
        "settings": {key for key in registry.settings if own(key)},
    }
    declared = {
        "rights": {one.key for one in manifest.rights},
        "jobs": {one.key for one in manifest.jobs},
        "settings": {one.key for one in manifest.settings},
    }
    for kind, keys in declared.items():
        problems += [f"{kind}: {key} is declared, but not offered" for key in keys - offered[kind]]
        problems += [f"{kind}: {key} is offered, but not declared" for key in offered[kind] - keys]
    for right in manifest.rights:
        real = registry.permissions.get(right.key)
        if real is not None and (real.roles, real.reads) != (right.roles, right.reads):
            problems.append(f"rights: {right.key} is held by others than declared")
    for rule in app.url_map.iter_rules():
        if rule.endpoint.split(".")[0] != manifest.blueprint:
            continue
        if not rule.rule.startswith(f"/{manifest.address}"):
            problems.append(f"pages: {rule.rule} is outside /{manifest.address}")
        if door_of(app.view_functions[rule.endpoint]) is None:
            problems.append(f"pages: {rule.endpoint} says nothing about who may come in")


def check_labels(owner: Owner, report: Report) -> None:
    """Look for audited tables and fields that the change log cannot name."""
    from tracker.audit.labels import FIELDS

    problems = report.look("labels")
    for name, table in sorted(Base.metadata.tables.items()):
        if not owner.owns(name) or table.info.get("technical"):
            continue
        if not str(table.info.get("label", "")):
            problems.append(f"{name}: __label__")
        known = {*table.info.get("field_labels", {}), *FIELDS, "id", "public_id", "version"}
        problems += [
            f"{name}.{column.name}"
            for column in table.columns
            if column.name not in known and not column.info.get("derived")
        ][: MOST_PROBLEMS - len(problems)]


@dataclass
class Opened:
    """One page as one role saw it."""

    address: str
    role: str
    status: int
    queries: int


def open_pages(app: Any, manifest: Manifest, world: Any, report: Report) -> list[Opened]:
    """Open every page of the plug-in, and those of the core that show something of it."""
    from tracker.testing.world import ROLES

    problems, slow = report.look("pages"), report.look("queries")
    addresses = [*_own_pages(app, manifest), *_core_pages(world)]
    opened: list[Opened] = []
    stranger = app.test_client()
    for address in (one for one in addresses if one.startswith(f"/{manifest.address}")):
        if stranger.get(address).status_code >= 500:
            problems.append(f"{address} (stranger)")
    counted = Queries(db.engine)
    for role in ROLES:
        client = world.sign_in(app.test_client(), world.person(role))
        for address in addresses:
            with counted:
                status = client.get(address).status_code
            opened.append(Opened(address, role, status, counted.number))
            if status >= 500:
                report.blame("pages", f"{address} ({role}): {status}")
            if counted.number > MOST_QUERIES and address.startswith(f"/{manifest.address}"):
                report.blame("queries", f"{address} ({role}): {counted.number}")
    for address in {one.address for one in opened}:
        seen = [one.status for one in opened if one.address == address]
        if "<" not in address and all(status in {403} for status in seen):
            problems.append(f"{address}: no role may open it")
    del slow[MOST_PROBLEMS:]
    return opened


class Queries:
    """Counts the statements that are sent within a `with` block."""

    def __init__(self, engine: Engine) -> None:
        self.number = 0
        self.is_counting = False
        event.listen(engine, "before_cursor_execute", self._count)

    def _count(self, *_args: Any) -> None:
        self.number += self.is_counting

    def __enter__(self) -> None:
        self.number, self.is_counting = 0, True

    def __exit__(self, *_args: object) -> None:
        self.is_counting = False


def _own_pages(app: Any, manifest: Manifest) -> Iterator[str]:
    from tracker.admin.views import URL
    from tracker.plugins.host import host_of

    keys = _newest_keys(manifest)
    for rule in app.url_map.iter_rules():
        if rule.endpoint.split(".")[0] != manifest.blueprint or "GET" not in rule.methods:
            continue
        if rule.endpoint.endswith(".static"):
            continue
        for key in keys if rule.arguments else (1,):
            values = {name: _value(rule._converters[name], key) for name in rule.arguments}
            yield str(app.url_map.bind("localhost").build(rule.endpoint, values))
    for spec in host_of(app).registry.admin_views:
        if manifest.owns_key(spec.key):
            yield f"{URL}/{spec.view().slug}/"


def _value(converter: Any, key: int) -> Any:
    name = type(converter).__name__
    if "UUID" in name:
        return "00000000-0000-4000-8000-000000000000"
    return key if "Integer" in name or "Id" in name else str(key)


def _newest_keys(manifest: Manifest) -> Sequence[int]:
    found = {1}
    for name in manifest.tables:
        table = Base.metadata.tables.get(name)
        if table is not None and "id" in table.c:
            newest = db.session.scalar(select(table.c.id).order_by(table.c.id.desc()).limit(1))
            if isinstance(newest, int):
                found.add(newest)
    return sorted(found)


def _core_pages(world: Any) -> list[str]:
    from tracker.core.work import run
    from tracker.inspections.inputs import CreateVisit
    from tracker.inspections.models import VisitKind
    from tracker.inspections.services import create_visit

    commune = world.unit()
    share = world.share(commune)
    visit = run(
        create_visit,
        CreateVisit(kind=VisitKind.SURPRISE, unit_id=commune, visited_on=world.clock.today()),
    )
    return [
        "/",
        "/tong-quan",
        "/bao-cao-ky",
        "/tim?q=a",
        "/thiet-lap",
        "/quan-tri/",
        f"/don-vi/{commune}",
        f"/viec/{share.task_id}",
        f"/kiem-tra/{visit}",
    ]


def run_jobs(app: Any, manifest: Manifest, world: Any, report: Report) -> None:
    """Run each job once, as the job process would."""
    from tracker.plugins.host import host_of

    report.look("jobs")
    for declared in manifest.jobs:
        if not declared.cron or declared.key not in host_of(app).registry.jobs:
            continue
        try:
            world.run_job(declared.key)
        except TrackerError as error:
            report.blame("jobs", f"{declared.key}: {error}")
        except Exception as error:  # noqa: BLE001 - a job may raise anything
            report.blame("jobs", f"{declared.key}: {_line(error)}")


def tell_faults(app: Any, report: Report) -> None:
    """Blame what the product caught while it showed the plug-in's parts on its own pages."""
    from tracker.testing.apps import faults_of

    for one in faults_of(app):
        report.blame("pages", one)


# -- all of it -----------------------------------------------------------------------------------


def check_plugin(folder: Path, server_url: str = "", *, quick: bool = False) -> Report:
    """Return what is found about the plug-in in `folder`.

    `server_url` names a PostgreSQL server on which databases may be made; without it the
    programs of one are started where they are installed. A quick look leaves PostgreSQL out.
    """
    report = Report()
    package = find_package(folder.resolve())
    try:
        manifest = read_manifest((package / FILE_NAME).read_bytes())
    except PluginError as error:
        report.blame("declaration", str(error))
        return report
    report.name, report.version = manifest.name, manifest.version
    check_declaration(package, manifest, report)
    check_imports(package, report)
    check_typed(package, report)
    check_documents(package, manifest, report)
    check_words(package, report)
    if report.found["declaration"] or report.found["imports"]:
        return report
    report.look("hosts")
    sys.addaudithook(Connections(manifest, report))
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tracker-check-")))
        module = _import(manifest, package, report)
        if module is None:
            return report
        _try_out(f"sqlite:///{scratch / 'check.sqlite3'}", scratch, manifest, module, report)
        url = "" if quick else _postgresql(stack, server_url)
        if url:
            _try_out(url, scratch, manifest, module, report, rule="postgresql")
    return report


def _import(manifest: Manifest, package: Path, report: Report) -> Any:
    from tracker.features import load_models
    from tracker.plugins.loader import import_hooks

    load_models()
    try:
        return import_hooks(manifest, package.parent)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - an import may raise anything
        report.blame("offers", _line(error))
        return None


def _try_out(
    url: str,
    scratch: Path,
    manifest: Manifest,
    module: Any,
    report: Report,
    rule: str = "migrations",
) -> None:
    """Try the plug-in on one database; problems on a second one count for its own rule."""
    from tracker.core.clock import SystemClock
    from tracker.testing.apps import loaded, make_settings, running_plugins
    from tracker.testing.world import World

    owner = Owner(manifest.name, Path(module.__file__).parent / "migrations")
    here = report if rule == "migrations" else Report()
    if check_migrations(url, owner, manifest, here, rule):
        instance = scratch / f"instance-{rule}"
        instance.mkdir()
        settings = replace(make_settings(url, instance), testing=False)
        try:
            with running_plugins(settings, SystemClock(), {manifest.name: loaded(module)}) as app:
                check_offers(app, manifest, here)
                check_labels(owner, here)
                with app.app_context():
                    world = World(app, SystemClock())
                    with world.as_system():
                        _fill(app, manifest, world, here)
                        run_jobs(app, manifest, world, here)
                        report.opened += len(open_pages(app, manifest, world, here))
                        tell_faults(app, here)
        except PluginError as error:
            here.blame("offers", str(error))
    if here is not report:
        for problems in here.found.values():
            for one in problems or ():
                report.blame(rule, one)
        report.look(rule)


def _fill(app: Any, manifest: Manifest, world: Any, report: Report) -> None:
    """Load the plug-in's demo data, so that its pages have something to show."""
    from tracker.plugins.host import host_of

    world.unit()
    for one in host_of(app).registry.demo_data:
        if manifest.owns_key(one.key):
            try:
                one.load(world.clock.today())
            except Exception as error:  # noqa: BLE001 - demo data may raise anything
                report.blame("offers", f"{one.key}: {_line(error)}")


def _postgresql(stack: ExitStack, server_url: str) -> str:
    from tracker.testing import postgres

    if not server_url and postgres.find_programs() is None:
        return ""
    shared = postgres.open_run(os.getpid())
    stack.callback(postgres.end_run, os.getpid(), None)
    server = postgres.Server(server_url or postgres.start(shared), f"tracker_check_{os.getpid()}")
    stack.callback(server.close)
    name = server.create()
    stack.callback(server.discard, name)
    return server.url_of(name)


def main(arguments: Sequence[str]) -> int:
    """Check the plug-in in a folder and print what was found as JSON."""
    parser = argparse.ArgumentParser(prog="tracker.testing.check")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--database", default=os.environ.get("TEST_DATABASE_URL", ""))
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.CRITICAL)
    said = io.StringIO()
    try:
        # What the plug-in prints is not part of the answer.
        with contextlib.redirect_stdout(said):
            report = check_plugin(given.folder, given.database, quick=given.quick)
    except PluginError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(json.dumps(report.as_data(), ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

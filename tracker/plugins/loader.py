"""Loading plug-ins into a process: from the instance's folder, without asking the database.

`<instance>/plugins/set.json` says which plug-ins there are, in which version and folder. It is
written after each change of the wanted set, and read by every process at its start. What breaks an
import is left out, with its reason; an import that ends or freezes the process leaves a mark behind
by which the next start leaves that plug-in out.
"""

from __future__ import annotations

import contextlib
import faulthandler
import fcntl
import importlib
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy.orm import registry as Mappings

from tracker.config import Settings
from tracker.core.db import Base
from tracker.core.errors import PluginError
from tracker.plugins.manifest import FILE_NAME, Manifest, read_manifest, table_prefix
from tracker.plugins.setfile import SET_FILE, code_of, plugins_folder, read_plain, write_plain
from tracker.plugins.states import LOADED_STATES, PluginState, Wanted

log = logging.getLogger(__name__)

QUARANTINE = "quarantine"
# A step of a start that takes longer than this is taken for one that never ends.
IMPORT_SECONDS = 15.0
_IN_PROGRESS = ".importing"
REFUSAL = ".refused"


@dataclass(frozen=True)
class LoadedPlugin:
    """A plug-in whose code is in this process."""

    name: str
    version: str
    manifest: Manifest | None
    implementation: object
    state: PluginState = PluginState.ENABLED


Watch = Callable[[str], AbstractContextManager[None]]


class LoadedSet(dict[str, LoadedPlugin]):
    """The plug-ins of a process by name, and what a start has to know of the set they are from."""

    def __init__(
        self,
        plugins: Mapping[str, LoadedPlugin],
        *,
        generation: int | None = None,
        failures: Mapping[str, str] | None = None,
        is_safe: bool = False,
        watch: Watch | None = None,
        code: str = "",
    ) -> None:
        """Hold `plugins`; `code` names the versions that were wanted, loaded or not."""
        super().__init__(plugins)
        self.generation = generation
        self.failures = dict(failures or {})
        self.is_safe = is_safe
        self.watch = watch
        self.code = code

    @classmethod
    def of(cls, plugins: Mapping[str, object]) -> LoadedSet:
        """Return a set of plug-ins that a test gives, also as bare modules."""
        return cls(
            {
                name: one if isinstance(one, LoadedPlugin) else LoadedPlugin(name, "0", None, one)
                for name, one in plugins.items()
            }
        )


@dataclass(frozen=True)
class SetEntry:
    """A plug-in in the set's file: its version, its folder, and whether it is to be imported."""

    name: str
    version: str
    path: str
    sha256: str
    wanted: Wanted = Wanted.ENABLED
    state: PluginState = PluginState.ENABLED

    def folder(self, plugins: Path) -> Path:
        """Return the folder that holds its package, given the instance's folder of plug-ins."""
        return plugins / self.path


@dataclass(frozen=True)
class SetFile:
    """What `set.json` says."""

    generation: int
    entries: tuple[SetEntry, ...]
    is_safe: bool = False

    @property
    def code(self) -> str:
        """Return a name of the versions to be imported: where it changes, a reload is needed."""
        return code_of(self.plain())

    def plain(self) -> dict[str, Any]:
        """Return what the file holds."""
        return {
            "generation": self.generation,
            "safe_mode": self.is_safe,
            "plugins": [
                {
                    "name": one.name,
                    "version": one.version,
                    "path": one.path,
                    "sha256": one.sha256,
                    "wanted": one.wanted.value,
                    "state": one.state.value,
                }
                for one in sorted(self.entries, key=lambda one: one.name)
            ],
        }


def read_set(instance: Path) -> SetFile:
    """Return what an instance's set file says; an empty set where there is none.

    Raises PluginError when the file cannot be understood.
    """
    path = plugins_folder(instance) / SET_FILE
    try:
        data = read_plain(instance)
    except ValueError as error:
        raise PluginError(f"{path} is not JSON: {error}") from error
    try:
        entries = tuple(
            SetEntry(
                name=str(one["name"]),
                version=str(one["version"]),
                path=str(one["path"]),
                sha256=str(one["sha256"]),
                wanted=Wanted(one["wanted"]),
                state=PluginState(one["state"]),
            )
            for one in data["plugins"]
        )
        return SetFile(int(data["generation"]), entries, bool(data["safe_mode"]))
    except (KeyError, TypeError, ValueError) as error:
        raise PluginError(f"{path} has another form than expected: {error!r}") from error


def write_set(instance: Path, wanted: SetFile) -> None:
    """Write an instance's set file, at once or not at all."""
    write_plain(instance, wanted.plain())


# -- quarantine ------------------------------------------------------------------------------


class Quarantine:
    """Marks of imports under way, and of plug-ins whose import ended a process.

    A mark is a file that the importing process keeps locked; one that nobody locks any more was
    left behind by a process that did not survive the import.
    """

    def __init__(self, instance: Path) -> None:
        self.folder = plugins_folder(instance) / QUARANTINE

    @contextlib.contextmanager
    def watch(self, name: str) -> Iterator[None]:
        """Mark a step in which a plug-in's code runs; end the process if it never comes back."""
        self.folder.mkdir(parents=True, exist_ok=True)
        mark = self.folder / f"{name}.{os.getpid()}{_IN_PROGRESS}"
        with mark.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # Counted in a thread of C code, which also ends what holds on to the interpreter.
            faulthandler.dump_traceback_later(
                IMPORT_SECONDS, exit=True, file=sys.__stderr__ or file
            )
            try:
                yield
            finally:
                faulthandler.cancel_dump_traceback_later()
                mark.unlink(missing_ok=True)

    def killers(self) -> set[str]:
        """Return the plug-ins whose marks were left behind, and keep them out from now on."""
        found: set[str] = set()
        for mark in self.folder.glob(f"*{_IN_PROGRESS}"):
            try:
                with mark.open("r+") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    name = mark.name.removesuffix(_IN_PROGRESS).rpartition(".")[0]
                    # While it was opened its process may have come to an end in good order.
                    if mark.exists():
                        self.put(name)
                        mark.unlink(missing_ok=True)
                        found.add(name)
            except (BlockingIOError, FileNotFoundError):
                continue
        return found

    def put(self, name: str, version: str = "") -> None:
        """Keep a plug-in from being imported; with a version, only that one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(version, encoding="utf-8")

    def holds(self, name: str, version: str) -> bool:
        """Tell whether this version is not to be imported."""
        try:
            kept = (self.folder / name).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return False
        return kept in {"", version}

    def release_older(self, name: str, switched_at: datetime) -> None:
        """Let a plug-in be imported again that somebody has switched on since it was kept out."""
        try:
            kept_at = (self.folder / name).stat().st_mtime
        except FileNotFoundError:
            return
        if kept_at < switched_at.timestamp():
            self.release(name)

    def release(self, name: str) -> None:
        """Let a plug-in be imported again."""
        (self.folder / name).unlink(missing_ok=True)

    def settle(self, entries: Sequence[SetEntry]) -> None:
        """Give marks that say no version the one that is in the set now."""
        for name in self.killers():
            version = next((one.version for one in entries if one.name == name), "")
            self.put(name, version)


KILLED = "its last import ended or froze the process, so it is not imported again"


# -- loading ---------------------------------------------------------------------------------


def load_plugins(settings: Settings) -> LoadedSet:
    """Import the plug-ins of an instance and return them, in the order of what they need.

    Those that cannot be imported are named in `failures`. In safe mode none is imported. Asks no
    database, and raises nothing that a plug-in did wrong.
    """
    try:
        wanted = read_set(settings.instance)
    except PluginError as error:
        log.error("no plug-in is loaded: %s", error)
        return LoadedSet({}, generation=0, failures={SET_FILE: str(error)})
    if settings.safe_mode or wanted.is_safe:
        return LoadedSet({}, generation=wanted.generation, is_safe=True, code=wanted.code)
    return load_set(settings.instance, wanted)


def load_set(instance: Path, wanted: SetFile) -> LoadedSet:
    """Import the plug-ins of a set (see load_plugins)."""
    quarantine = Quarantine(instance)
    folder = plugins_folder(instance)
    failures: dict[str, str] = {}
    declared: dict[str, tuple[SetEntry, Manifest]] = {}
    entries = [one for one in wanted.entries if one.state in LOADED_STATES]
    if entries:
        quarantine.settle(entries)
    for entry in entries:
        try:
            if quarantine.holds(entry.name, entry.version):
                raise PluginError(KILLED)
            declared[entry.name] = (entry, manifest_in(entry.folder(folder), entry.name))
        except (PluginError, OSError) as error:
            failures[entry.name] = str(error)
    loaded: dict[str, LoadedPlugin] = {}
    for name in in_order({name: one for name, (_entry, one) in declared.items()}, failures):
        entry, manifest = declared[name]
        missing = [need.name for need in manifest.needs if need.name not in loaded]
        try:
            if missing:
                raise PluginError(f"it needs {', '.join(missing)}")
            with quarantine.watch(name):
                module = import_hooks(manifest, entry.folder(folder))
            loaded[name] = LoadedPlugin(name, manifest.version, manifest, module, entry.state)
        except (Exception, SystemExit) as error:
            log.exception("plug-in %s could not be imported", name)
            forget(name)
            failures[name] = describe(error)
    return LoadedSet(
        loaded,
        generation=wanted.generation,
        failures=failures,
        watch=quarantine.watch,
        code=wanted.code,
    )


def describe(error: BaseException) -> str:
    """Return an error in one short line."""
    if isinstance(error, PluginError):
        return str(error)
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:300] if text else type(error).__name__


def refuse(folder: Path, why: str) -> None:
    """Leave a note where a release cannot be unpacked, for whoever would load it (see refusal)."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / REFUSAL).write_text(why, encoding="utf-8")


def refusal(folder: Path) -> str:
    """Return why a release was not unpacked, '' where it was."""
    try:
        return (folder / REFUSAL).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def manifest_in(folder: Path, name: str) -> Manifest:
    """Return the declaration of the plug-in in `folder`. Raises PluginError."""
    why_not = refusal(folder)
    if why_not:
        raise PluginError(why_not)
    path = folder / f"tracker_{name}" / FILE_NAME
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PluginError(f"{path} cannot be read: {error.strerror}") from error
    manifest = read_manifest(content)
    if manifest.name != name:
        raise PluginError(f"it calls itself {manifest.name!r}")
    if not manifest.fits():
        needed = ".".join(map(str, manifest.api))
        raise PluginError(f"it is written for tracker.api {needed}")
    return manifest


def in_order(manifests: Mapping[str, Manifest], failures: dict[str, str]) -> list[str]:
    """Return names so that each comes after what it needs; circles are put into `failures`."""
    ordered: list[str] = []
    left = dict(sorted(manifests.items()))
    while left:
        ready = [
            name
            for name, manifest in left.items()
            if not any(need.name in left for need in manifest.needs)
        ]
        if not ready:
            for name in left:
                failures[name] = f"plug-ins need each other in a circle: {', '.join(sorted(left))}"
            break
        for name in ready:
            ordered.append(name)
            del left[name]
    return ordered


def import_hooks(manifest: Manifest, folder: Path) -> ModuleType:
    """Import a plug-in's hooks from its folder and return the module.

    Raises PluginError where its tables or its module are not its own, and whatever the import
    raises, SystemExit included.
    """
    path = str(folder)
    if path not in sys.path:
        # At the end: a plug-in cannot take the place of the core's or another one's modules.
        sys.path.append(path)
    importlib.invalidate_caches()
    before = set(Base.metadata.tables)
    module = importlib.import_module(f"{manifest.package}.hooks")
    origin = Path(str(module.__file__)).resolve()
    if not origin.is_relative_to(folder.resolve()):
        raise PluginError(f"{manifest.package} was found in {origin.parent}, not in its own folder")
    prefix = table_prefix(manifest.name)
    foreign = {
        table
        for table in set(Base.metadata.tables) - before
        if table.startswith("plugin_") and "__" in table and not table.startswith(prefix)
    }
    foreign |= {
        str(table)
        for one in mapped_classes(manifest.package)
        if not (table := getattr(one, "__tablename__", prefix)).startswith(prefix)
    }
    if foreign:
        raise PluginError(f"its tables must begin with {prefix}: {', '.join(sorted(foreign))}")
    for mappings in registries(manifest.package):
        mappings.configure()
    return module


def mapped_classes(package: str) -> list[type[Any]]:
    """Return the classes that a package has mapped to tables, as far as it is imported."""
    modules = [
        module
        for name, module in list(sys.modules.items())
        if name == package or name.startswith(f"{package}.")
    ]
    found = {
        id(one): one
        for module in modules
        for one in vars(module).values()
        if isinstance(one, type) and "__mapper__" in vars(one) and _is_of(one, package)
    }
    return list(found.values())


def _is_of(one: type[Any], package: str) -> bool:
    return one.__module__ == package or one.__module__.startswith(f"{package}.")


def registries(package: str) -> list[Mappings]:
    """Return the registries of mappings that a package made: never the core's."""
    found = {id(one.registry): one.registry for one in mapped_classes(package)}
    found.pop(id(Base.registry), None)
    return list(found.values())


def forget(name: str) -> None:
    """Take what a failed import left behind out of the process, as far as that is possible."""
    package = f"tracker_{name}"
    for mappings in registries(package):
        mappings.dispose()
    for table in list(Base.metadata.tables.values()):
        if table.name.startswith(table_prefix(name)):
            Base.metadata.remove(table)
    for module in list(sys.modules):
        if module == package or module.startswith(f"{package}."):
            del sys.modules[module]

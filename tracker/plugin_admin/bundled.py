"""Plug-ins that lie as sources beside a checkout: built, signed by the instance, installed.

They take the same way as any other: a package that is checked, a signature by a trusted key (the
instance's own, made at first start), a rehearsal, the switch. Doing it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flask_babel import gettext as _

from tracker.config import Settings
from tracker.core.db import db
from tracker.core.errors import PluginError, TrackerError
from tracker.core.work import run
from tracker.plugin_admin import operations, queries, services, sources
from tracker.plugins import packages, signatures
from tracker.plugins.loader import read_set
from tracker.plugins.packages import Package
from tracker.plugins.setfile import plugins_folder


@dataclass(frozen=True)
class Outcome:
    """What became of one bundled plug-in; `problem` is '' when it runs."""

    name: str
    version: str
    problem: str = ""
    is_new: bool = False


def own_key(settings: Settings) -> Path:
    """Return the instance's own signing key, made at first use and trusted from then on."""
    folder = plugins_folder(settings.instance) / "keys"
    path = signatures.own_key(folder)
    public = signatures.public_key_of(path, services.OWN_KEY)
    run(services.trust_key, services.TrustKey(public))
    return path


def install_bundled(
    settings: Settings, folder: Path, say: operations.Say = lambda _text: None
) -> list[Outcome]:
    """Build and install the plug-ins whose sources lie in folders of `folder`.

    One that cannot be built or does not pass its rehearsal is told of and left out.
    """
    outcomes: list[Outcome] = []
    found: list[Package] = []
    for source in sorted(folder.glob("*/pyproject.toml")):
        try:
            found.append(_built(settings, source.parent))
        except PluginError as error:
            outcomes.append(Outcome(source.parent.name, "", error.message))
    if not found:
        return outcomes
    key = own_key(settings)
    added: dict[int, Package] = {}
    for package in _in_order(found):
        if _is_here(settings, package):
            outcomes.append(Outcome(package.name, package.version))
            continue
        try:
            added[_add(settings, package, key)] = package
        except TrackerError as error:
            outcomes.append(Outcome(package.name, package.version, error.message))
    is_rehearsed = len(added) > 1 and _passes_together(settings, list(added), say)
    for release_id, package in added.items():
        say(f"{package.name} {package.version}")
        try:
            done = operations.install(
                settings, release_id, skip_rehearsal=is_rehearsed, skip_trial=is_rehearsed, say=say
            )
            outcomes.append(Outcome(done.name, done.version, is_new=True))
        except TrackerError as error:
            outcomes.append(Outcome(package.name, package.version, error.message))
        finally:
            db.session.rollback()
    return outcomes


def _built(settings: Settings, folder: Path) -> Package:
    source = sources.from_folder(settings, folder)
    return packages.open_package(source.content, source.filename)


def _in_order(found: Sequence[Package]) -> list[Package]:
    """Return the packages so that each comes after what it needs, as far as that can be."""
    ordered: list[Package] = []
    left = list(found)
    while left:
        names = {one.name for one in left}
        ready = [one for one in left if not any(need.name in names for need in one.manifest.needs)]
        for one in ready or left:
            ordered.append(one)
        left = [one for one in left if ready and one not in ready]
    return ordered


def _is_here(settings: Settings, package: Package) -> bool:
    here = {one.name: one for one in read_set(settings.instance).entries}
    installed = queries.installs().get(package.name)
    in_use = installed.release.sha256 if installed else None
    db.session.rollback()
    if in_use is None or package.name not in here:
        return False
    is_same = in_use == package.sha256 == here[package.name].sha256
    folder = here[package.name].folder(plugins_folder(settings.instance))
    return is_same and folder.is_dir()


def _add(settings: Settings, package: Package, key: Path) -> int:
    signature = signatures.sign(key, package.name, package.version, package.sha256)
    return operations.add(settings, package.content, package.filename, signature, replaces_own=True)


def _passes_together(settings: Settings, release_ids: list[int], say: operations.Say) -> bool:
    """Rehearse all at once; where that fails each goes alone, which tells whose fault it is.

    Most of a rehearsal is loading the app and opening the core's pages.
    """
    say(_("Diễn tập trên bản sao cơ sở dữ liệu"))
    try:
        return bool(operations.rehearse(settings, *release_ids)["passed"])
    except TrackerError:
        return False
    finally:
        db.session.rollback()

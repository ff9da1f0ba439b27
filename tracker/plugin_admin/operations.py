"""Adding, installing, upgrading, rolling back and removing: the steps in their order.

Each step leaves a state from which the next attempt can go on: files are put in place whole, a
migration is one transaction, and rows that say what is wanted come last. Pages, commands and jobs
call the same functions, inside an app context and as whoever acts. The app need not have any
plug-in loaded, so that all of this works also when one of them keeps the server from starting.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from tracker.config import Settings
from tracker.core import migrate
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import NotFound, PluginError, TrackerError
from tracker.core.migrate import Owner
from tracker.core.work import run
from tracker.files.services import FileInput, prepare
from tracker.plugin_admin import exports, queries, rehearsal, services
from tracker.plugins import packages, signatures, snapshots
from tracker.plugins.loader import (
    Quarantine,
    SetEntry,
    SetFile,
    describe,
    write_set,
)
from tracker.plugins.manifest import Manifest, version_key
from tracker.plugins.models import Disposal, PluginInstall, PluginRelease
from tracker.plugins.packages import Package
from tracker.plugins.setfile import plugins_folder
from tracker.plugins.signatures import Signature
from tracker.plugins.states import LOADED_STATES, PluginState, Reason, Wanted, explain

log = logging.getLogger(__name__)

LOCK_FILE = ".switch.lock"

Say = Callable[[str], None]


def _quiet(_text: str) -> None:
    """Say nothing."""


class RehearsalFailed(PluginError):
    """The rehearsal found errors, so nothing was changed; carries its report."""

    def __init__(self, name: str, report: Mapping[str, Any]) -> None:
        first = str(report["errors"][0]) if report["errors"] else ""
        super().__init__(
            _(
                "Diễn tập %(name)s không đạt nên không có gì thay đổi: %(error)s",
                name=name,
                error=first,
            )
        )
        self.report = dict(report)


@dataclass(frozen=True)
class Outcome:
    """What an operation did: the release that runs now, the set's number, what was set aside."""

    name: str
    version: str
    generation: int
    report: Mapping[str, Any] | None = None
    rows: Mapping[str, int] | None = None
    export: Path | None = None


@contextmanager
def _one_at_a_time(settings: Settings) -> Iterator[None]:
    """Hold the instance's lock on switches; another one under way is waited for."""
    folder = plugins_folder(settings.instance)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK_FILE).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def owner_of(folder: Path, name: str) -> Owner:
    """Return whose migrations lie in an unpacked release."""
    return Owner(name, folder / f"tracker_{name}" / "migrations")


# -- adding ---------------------------------------------------------------------------------


def add(
    settings: Settings,
    content: bytes,
    filename: str,
    signature: Signature | None,
    *,
    replaces_own: bool = False,
) -> int:
    """Check a wheel or a bundle and keep it as a release; return its number. Nothing of it runs.

    `replaces_own` lets a build of the same version take the place of another one that the same key
    signed: whoever develops a plug-in beside the checkout builds it again and again.
    Raises PluginError when the file, its signature or the policy on unsigned ones stands against.
    """
    package = packages.open_package(content, filename)
    signed_by = None
    if signature is not None:
        signed_by = signatures.check(
            signature, package.name, package.version, package.sha256, queries.trusted_keys()
        )
    elif not settings.plugin_unsigned:
        raise _unsigned(package.name, package.version)
    return run(
        services.add_release,
        services.AddRelease(
            manifest=package.manifest,
            filename=package.filename,
            sha256=package.sha256,
            size=package.size,
            content=content,
            libraries=package.library_versions,
            signature=signature.signature if signature else None,
            signed_by=signed_by,
            replaces_own=replaces_own,
        ),
    )


def _unsigned(name: str, version: str) -> PluginError:
    return PluginError(
        _(
            "%(name)s chưa được ký bằng khóa mà cơ quan tin cậy, nên không nhận. Hãy xin bản đã "
            "ký, hoặc ký bằng: tracker plugin sign.",
            name=f"{name} {version}",
        )
    )


def _check_trust(settings: Settings, release: PluginRelease) -> None:
    """Hold a release against the policy and the keys of today, not of the day it came."""
    if release.signed_by is None:
        if not settings.plugin_unsigned:
            raise _unsigned(release.name, release.version)
        return
    told = Signature(
        release.name, release.version, release.sha256, release.signed_by, release.signature or ""
    )
    signatures.check(told, release.name, release.version, release.sha256, queries.trusted_keys())


def _check_fit(package: Package, installed: Mapping[str, tuple[PluginInstall, Manifest]]) -> None:
    """Raise PluginError unless the API, other plug-ins and libraries are what a package needs."""
    manifest = package.manifest
    if not manifest.fits():
        raise PluginError(queries.api_reason(manifest))
    circle = _circle(manifest, {name: one for name, (_row, one) in installed.items()})
    if circle:
        raise PluginError(explain(Reason.NEEDS_CYCLE, {"names": " → ".join(circle)}))
    problem = services.missing_need(manifest, installed)
    if problem is not None:
        raise PluginError(explain(*problem))
    for other, (_row, theirs) in installed.items():
        for need in theirs.needs:
            if need.name == manifest.name and not need.met_by(manifest.version):
                raise PluginError(
                    _(
                        "Mô-đun %(other)s cần %(need)s, bản này không đáp ứng.",
                        other=other,
                        need=f"{need.name} {need.minimum}",
                    )
                )
    libraries = {
        row.release.name: row.release.libraries
        for name, (row, _theirs) in installed.items()
        if name != manifest.name
    }
    for clash in packages.clashes(package, libraries):
        if not clash.ours:
            raise PluginError(
                _(
                    "Cần thư viện %(library)s %(needed)s mà máy này không có; hãy dùng gói .bundle "
                    "có kèm thư viện.",
                    library=clash.library,
                    needed=clash.needed,
                )
            )
        raise PluginError(
            explain(
                Reason.LIBRARY_CLASH,
                {"library": clash.library, "needed": clash.needed, "ours": clash.ours},
            )
        )


def _circle(manifest: Manifest, others: Mapping[str, Manifest]) -> list[str]:
    """Return the names of a circle of needs that `manifest` would close, [] when there is none."""

    def follow(name: str, way: tuple[str, ...]) -> list[str]:
        one = manifest if name == manifest.name else others.get(name)
        for need in one.needs if one else ():
            if need.name == manifest.name:
                return [*way, need.name]
            if need.name not in way:
                found = follow(need.name, (*way, need.name))
                if found:
                    return found
        return []

    return follow(manifest.name, (manifest.name,))


# -- installing and upgrading ---------------------------------------------------------------


def _installed() -> dict[str, tuple[PluginInstall, Manifest]]:
    return {
        name: (install, queries.manifest_of(install.release))
        for name, install in queries.installs().items()
    }


def _package_of(release: PluginRelease) -> Package:
    """Open a release again: what the database gives back is held against its hash, too."""
    if hashlib.sha256(release.content).hexdigest() != release.sha256:
        raise PluginError(
            _("Gói %(name)s trong cơ sở dữ liệu bị hỏng.", name=f"{release.name} {release.version}")
        )
    return packages.open_package(release.content, release.filename)


def install(
    settings: Settings,
    release_id: int,
    *,
    skip_rehearsal: bool = False,
    skip_trial: bool = False,
    data: bytes = b"",
    wanted: Wanted | None = None,
    say: Say = _quiet,
) -> Outcome:
    """Install a release, or upgrade to it: check, unpack, rehearse, snapshot, migrate, switch.

    Without the rehearsal it is still loaded once in a process of its own (`skip_trial` leaves that
    out, too). `data` is an export of this plug-in that a first install takes back. Raises
    PluginError (with the report where it is the rehearsal's); then code, tables and rows are as
    before.
    """
    with _one_at_a_time(settings):
        release = queries.release(release_id)
        _check_trust(settings, release)
        package = _package_of(release)
        installed = _installed()
        before = installed.get(package.name)
        _check_order(package, before)
        _check_fit(package, installed)
        say(_("Giải nén và kiểm tra"))
        folder = packages.unpack(package, plugins_folder(settings.instance))
        owner = owner_of(folder, package.name)
        revision, rows = _tables_now(settings, owner)
        returning = exports.files_of(data, owner) if data else []
        if data:
            _check_data(owner, data, rows)
        # What rests on the session would block the copy and the migration.
        names = _Names(package, release_id, before[0] if before else None)
        db.session.rollback()
        report = None
        if not skip_rehearsal:
            say(_("Diễn tập trên bản sao cơ sở dữ liệu"))
            report = _rehearse(settings, names, revision)
        elif not skip_trial:
            say(_("Nạp thử"))
            _try_loading(settings, names)
        say(_("Chuyển đổi dữ liệu"))
        _change_tables(settings, owner, names, data)
        say(_("Đưa vào hoạt động"))
        generation = run(
            services.set_installed,
            services.SetInstalled(
                names.name, release_id, names.previous_id, wanted or names.wanted_before
            ),
        )
        if returning:
            say(_("Đưa các tệp trở lại"))
            _take_files_back(returning)
        Quarantine(settings.instance).release(names.name)
        bring_here(settings)
        return Outcome(names.name, names.version, generation, report)


def _take_files_back(returning: Sequence[exports.ExportedFile]) -> None:
    """Put the contents into the store, then attach them; content first, as with any upload."""
    db.session.rollback()
    found = [
        services.ReturningFile(
            prepare(FileInput(one.content, one.name)),
            one.public_id,
            one.owner_kind,
            one.owner_id,
        )
        for one in returning
    ]
    run(services.take_files_back, services.TakeFilesBack(tuple(found)))


class _Names:
    """What of rows is still needed after the session let go of them."""

    def __init__(self, package: Package, release_id: int, before: PluginInstall | None) -> None:
        self.name = package.name
        self.version = package.version
        self.sha256 = package.sha256
        self.release_id = release_id
        self.is_installed = before is not None
        self.wanted_before = before.wanted if before else Wanted.ENABLED
        self.release_before = before.release_id if before else None
        self.version_before = before.release.version if before else ""
        # The same release again leaves the way back as it was.
        same = before is not None and before.release_id == release_id
        self.previous_id = (
            (before.previous_release_id if same else before.release_id) if before else None
        )
        self.way_back = before.previous_release_id if before else None


def _check_order(package: Package, before: tuple[PluginInstall, Manifest] | None) -> None:
    if before is not None and version_key(package.version) < version_key(before[1].version):
        raise PluginError(
            _(
                "Đang chạy bản %(ours)s, mới hơn %(theirs)s. Để về bản trước, hãy dùng “Quay lại”.",
                ours=before[1].version,
                theirs=package.version,
            )
        )


@contextmanager
def _reading(settings: Settings) -> Iterator[Any]:
    engine = create_engine(settings.database_url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _tables_now(settings: Settings, owner: Owner) -> tuple[str, dict[str, int]]:
    with _reading(settings) as connection:
        return snapshots.revision_of(connection, owner), snapshots.counts_of(connection, owner)


def row_counts(settings: Settings, name: str) -> dict[str, int]:
    """Return how many rows each of a plug-in's tables has now."""
    return _tables_now(settings, Owner(name, Path()))[1]


def _check_data(owner: Owner, data: bytes, rows: Mapping[str, int]) -> None:
    snapshots.read_contents(data, owner)
    if any(rows.values()):
        raise PluginError(
            _(
                "Mô-đun %(name)s đang có dữ liệu; chỉ nạp lại được vào chỗ trống.",
                name=owner.name,
            )
        )


def rehearse(settings: Settings, release_id: int) -> dict[str, Any]:
    """Rehearse a release without switching; return and keep the report. Raises PluginError."""
    with _one_at_a_time(settings):
        release = queries.release(release_id)
        _check_trust(settings, release)
        package = _package_of(release)
        installed = _installed()
        before = installed.get(package.name)
        _check_fit(package, installed)
        folder = packages.unpack(package, plugins_folder(settings.instance))
        revision, _rows = _tables_now(settings, owner_of(folder, package.name))
        names = _Names(package, release_id, before[0] if before else None)
        db.session.rollback()
        try:
            return dict(_rehearse(settings, names, revision))
        except RehearsalFailed as error:
            return error.report


def _candidate(names: _Names, revision: str) -> rehearsal.Candidate:
    beside = [one for one in _entries() if one.name != names.name and one.state in LOADED_STATES]
    db.session.rollback()
    entry = SetEntry(names.name, names.version, f"{names.name}-{names.version}", names.sha256)
    return rehearsal.Candidate(entry, names.release_id, revision, beside)


def _try_loading(settings: Settings, names: _Names) -> None:
    report = rehearsal.try_loading(settings, _candidate(names, ""))
    if not report["passed"]:
        raise RehearsalFailed(f"{names.name} {names.version}", report)


def _rehearse(settings: Settings, names: _Names, revision: str) -> Mapping[str, Any]:
    report = rehearsal.rehearse(settings, _candidate(names, revision))
    passed = bool(report["passed"])
    run(services.save_rehearsal, services.SaveRehearsal(names.release_id, passed, report))
    if not passed:
        raise RehearsalFailed(f"{names.name} {names.version}", report)
    return report


def _take_snapshot(settings: Settings, owner: Owner, names: _Names) -> None:
    """Copy the plug-in's tables as they are under the release that runs now."""
    if names.release_before is None or names.release_before == names.release_id:
        return
    with _reading(settings) as connection:
        archive, contents = snapshots.take(connection, owner, names.version_before)
    run(
        services.save_snapshot,
        services.SaveSnapshot(
            plugin=names.name,
            release_id=names.release_before,
            revision=contents.revision,
            sha256=hashlib.sha256(archive).hexdigest(),
            rows=contents.tables,
            parts=snapshots.parts(archive),
        ),
    )


def _change_tables(settings: Settings, owner: Owner, names: _Names, data: bytes) -> None:
    """Close the plug-in's gate, copy its tables, change them in one transaction.

    If that fails the gate opens again on the release that ran before.
    """
    if names.is_installed:
        run(services.close_gate, services.CloseGate(names.name, names.version))
    try:
        _take_snapshot(settings, owner, names)
        with migrate.migrating(settings.database_url) as connection:
            if data:
                snapshots.put_back(connection, owner, data)
            if (owner.folder / "versions").is_dir():
                migrate.upgrade_within(connection, "head", owner)
    except (Exception, SystemExit) as error:
        log.exception("migrating %s failed", names.name)
        _open_again(names)
        if isinstance(error, PluginError):
            raise
        raise PluginError(
            _(
                "Chuyển đổi dữ liệu của %(name)s không xong; dữ liệu và bản đang chạy vẫn như "
                "trước. (%(error)s)",
                name=f"{names.name} {names.version}",
                error=describe(error),
            )
        ) from error


def _open_again(names: _Names) -> None:
    if names.release_before is None:
        return
    run(
        services.set_installed,
        services.SetInstalled(
            names.name, names.release_before, names.way_back, names.wanted_before
        ),
    )


# -- on this machine ------------------------------------------------------------------------


def _entries() -> list[SetEntry]:
    return [
        SetEntry(
            name=install.name,
            version=install.release.version,
            path=f"{install.name}-{install.release.version}",
            sha256=install.release.sha256,
            wanted=install.wanted,
            state=install.state,
        )
        for install in queries.installs().values()
    ]


def bring_here(settings: Settings) -> SetFile:
    """Unpack what this machine lacks of the wanted set, write the set file, drop what is left over.

    Every machine of an instance does this by itself; doing it again changes nothing.
    """
    folder = plugins_folder(settings.instance)
    entries = _entries()
    for install in queries.installs().values():
        if not packages.release_folder(folder, install.name, install.release.version).is_dir():
            packages.unpack(_package_of(install.release), folder)
    wanted = SetFile(queries.generation(), tuple(entries))
    db.session.rollback()
    write_set(settings.instance, wanted)
    return wanted


def tidy(settings: Settings) -> list[str]:
    """Delete unpacked releases that are neither wanted nor one step back; return their folders.

    Not right after a switch: workers that are being replaced still read from them.
    """
    folder = plugins_folder(settings.instance)
    kept = set()
    for install in queries.installs().values():
        kept.add(f"{install.name}-{install.release.version}")
        if install.previous_release is not None:
            kept.add(f"{install.name}-{install.previous_release.version}")
    known = {f"{one.name}-{one.version}" for one in queries.releases()}
    db.session.rollback()
    gone = sorted(known - kept)
    for name in gone:
        shutil.rmtree(folder / name, ignore_errors=True)
    return gone


# -- switching ------------------------------------------------------------------------------


def enable(settings: Settings, name: str) -> Outcome:
    """Let a plug-in be heard again, in all processes from their next request on."""
    generation = run(services.enable, services.Switch(name))
    Quarantine(settings.instance).release(name)
    bring_here(settings)
    return _switched(name, generation)


def disable(settings: Settings, name: str) -> Outcome:
    """Silence a plug-in, in all processes from their next request on; its data stays."""
    generation = run(services.disable, services.Switch(name))
    bring_here(settings)
    return _switched(name, generation)


def _switched(name: str, generation: int) -> Outcome:
    line = queries.line(name)
    db.session.rollback()
    return Outcome(name, line.version, generation)


# -- rolling back ---------------------------------------------------------------------------


def rollback(settings: Settings, name: str, *, say: Say = _quiet) -> Outcome:
    """Go back to the release before, and to its tables where the upgrade changed them.

    Rows that were written since are put into a ZIP and counted; the core's tables stay as they
    are. Raises PluginError when there is nothing to go back to.
    """
    with _one_at_a_time(settings):
        install = queries.installs().get(name)
        if install is None:
            raise NotFound(_("Mô-đun %(name)s chưa được cài.", name=name))
        if install.previous_release is None:
            raise PluginError(_("Mô-đun %(name)s không có bản trước để quay lại.", name=name))
        package = _package_of(install.previous_release)
        others = {key: one for key, one in _installed().items() if key != name}
        _check_fit(package, others)
        names = _Names(package, install.previous_release.id, install)
        found = queries.snapshot_of(name, names.release_id)
        archive = found[1] if found else b""
        if found and hashlib.sha256(archive).hexdigest() != found[0].sha256:
            raise PluginError(_("Bản chụp dữ liệu của %(name)s bị hỏng.", name=name))
        db.session.rollback()
        say(_("Giải nén bản trước"))
        folder = packages.unpack(package, plugins_folder(settings.instance))
        owner = owner_of(folder, name)
        run(services.close_gate, services.CloseGate(name, names.version))
        say(_("Khôi phục bảng dữ liệu của mô-đun"))
        rows, path, sha256 = _tables_back(settings, owner, names, archive)
        if path is not None:
            run(
                services.record_disposal,
                services.RecordDisposal(
                    name, names.version_before, Disposal.ROLLBACK, rows, path.name, sha256
                ),
            )
        generation = run(
            services.set_installed,
            services.SetInstalled(name, names.release_id, None, names.wanted_before),
        )
        Quarantine(settings.instance).release(name)
        bring_here(settings)
        return Outcome(name, names.version, generation, rows=rows, export=path)


def _tables_back(
    settings: Settings, owner: Owner, names: _Names, archive: bytes
) -> tuple[dict[str, int], Path | None, str]:
    """Put the tables back; return the rows set aside by table, and the file they are in."""
    rows: dict[str, int] = {}
    path, sha256 = None, ""
    try:
        with migrate.migrating(settings.database_url) as connection:
            target = snapshots.read_contents(archive, owner).revision if archive else ""
            if snapshots.revision_of(connection, owner) == target:
                # The upgrade changed no table, so what was written since fits the old code too.
                return rows, None, ""
            newer = (
                snapshots.newer_rows(connection, owner, archive)
                if archive
                else snapshots.all_rows(connection, owner)
            )
            rows = {table: len(lines) for table, lines in newer.items()}
            if any(rows.values()):
                path = exports.exports_folder(settings) / exports.export_name(
                    owner.name, names.version_before, "newer", current().clock.now()
                )
                sha256 = exports.export_rows(connection, owner, newer, path)
            if archive:
                snapshots.put_back(connection, owner, archive)
            else:
                snapshots.drop(connection, owner)
    except (Exception, SystemExit) as error:
        log.exception("rolling back %s failed", owner.name)
        if path is not None:
            path.unlink(missing_ok=True)
        _open_again(names)
        if isinstance(error, TrackerError):
            raise
        raise PluginError(
            _(
                "Không quay lại được bản trước của %(name)s; dữ liệu vẫn như cũ. (%(error)s)",
                name=owner.name,
                error=describe(error),
            )
        ) from error
    return rows, path, sha256


# -- removing -------------------------------------------------------------------------------


def remove(
    settings: Settings, name: str, disposal: Disposal, *, reason: str = "", say: Say = _quiet
) -> Outcome:
    """Take a plug-in out; keep its data, export and erase it, or erase it.

    Core rows that it made through the core's services stay: they are the core's. Raises
    PluginError while another plug-in needs it, or others' tables rest on its own.
    """
    if disposal is Disposal.ROLLBACK:
        raise ValueError("a rollback is no way to remove")
    with _one_at_a_time(settings):
        install = queries.installs().get(name)
        if install is None:
            raise NotFound(_("Mô-đun %(name)s chưa được cài.", name=name))
        needing = services.dependants(name, _installed(), wanted_only=False)
        if needing:
            raise PluginError(
                _("Hãy gỡ trước những mô-đun cần nó: %(names)s.", names=", ".join(needing))
            )
        manifest = queries.manifest_of(install.release)
        names = (install.release_id, install.previous_release_id, install.wanted)
        is_closed = install.state is PluginState.NEEDS_MIGRATION
        db.session.rollback()
        folder = packages.release_folder(plugins_folder(settings.instance), name, manifest.version)
        owner = owner_of(folder, name)
        if not is_closed:
            run(services.close_gate, services.CloseGate(name, manifest.version))
        path, sha256 = None, ""
        rows: dict[str, int] = {}
        try:
            with migrate.migrating(settings.database_url) as connection:
                rows = snapshots.counts_of(connection, owner)
                if disposal is Disposal.EXPORT:
                    say(_("Xuất dữ liệu"))
                    path = exports.exports_folder(settings) / exports.export_name(
                        name, manifest.version, "data", current().clock.now()
                    )
                    rows, sha256 = exports.export_data(connection, settings, owner, manifest, path)
                if disposal is not Disposal.KEEP:
                    say(_("Xóa bảng dữ liệu của mô-đun"))
                    snapshots.drop(connection, owner)
        except Exception:
            run(services.set_installed, services.SetInstalled(name, *names))
            raise
        record = services.RecordDisposal(
            name, manifest.version, disposal, rows, path.name if path else "", sha256
        )
        generation = run(services.forget, record, reason=reason)
        bring_here(settings)
        return Outcome(name, manifest.version, generation, rows=rows, export=path)

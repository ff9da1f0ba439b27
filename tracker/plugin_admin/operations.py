"""Adding, installing, upgrading, rolling back and removing: the steps in their order.

Each step leaves a state from which the next attempt can go on: files are put in place whole, a
migration is one transaction, and rows that say what is wanted come last. Pages, commands and jobs
call the same functions, inside an app context and as whoever acts. The app need not have any
plug-in loaded, so that all of this works also when one of them keeps the server from starting.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Connection, create_engine, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from tracker.config import Settings
from tracker.core import migrate
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import NotFound, PluginError, TrackerError
from tracker.core.migrate import Owner
from tracker.core.work import run
from tracker.files.services import FileInput, PreparedFile, prepare
from tracker.plugin_admin import copies, exports, queries, rehearsal, services
from tracker.plugins import packages, signatures, snapshots
from tracker.plugins.loader import (
    Quarantine,
    SetEntry,
    SetFile,
    describe,
    read_set,
    refuse,
    write_set,
)
from tracker.plugins.manifest import Manifest, version_key
from tracker.plugins.models import Disposal, PluginInstall, PluginRelease
from tracker.plugins.packages import Package
from tracker.plugins.setfile import SET_FILE, SWITCH_LOCK, plugins_folder
from tracker.plugins.signatures import Signature
from tracker.plugins.states import LOADED_STATES, PluginState, Reason, Wanted, explain

log = logging.getLogger(__name__)

SET_LOCK_FILE = ".set.lock"
# Of PostgreSQL: machines of one instance switch one after the other, too.
LOCK = migrate.LOCK + 1
# What a process that was killed in the middle of a switch leaves in the folder of plug-ins: copies
# of the database, of keys and of code, and releases that were being put in place.
COPIES = (".rehearsal-*", ".trial-*")
UNPACKED = (".unpacking-*", ".replaced-*")
# A release that was in use this long ago is in use no more.
SETTLED_SECONDS = 3600
REMOVAL_TRIES = 3
# How often PostgreSQL looks whether whoever asked it to migrate is still there.
LOOK_SECONDS = 5

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
def _one_at_a_time(settings: Settings, *, waits: bool = True) -> Iterator[None]:
    """Hold the instance's lock on switches; another one under way is waited for.

    A file's on this machine, and on PostgreSQL one for all machines. What an earlier switch left
    behind when it was killed is cleared away. Raises BlockingIOError where nobody waits.
    """
    folder = plugins_folder(settings.instance)
    with _locked(folder / SWITCH_LOCK, waits=waits), _locked_everywhere(settings, waits=waits):
        _clear(folder, COPIES)
        with _locked(folder / SET_LOCK_FILE):
            _clear(folder, UNPACKED)
        copies.clear_left_behind(settings)
        yield


def _clear(folder: Path, patterns: Sequence[str]) -> None:
    for path in [one for pattern in patterns for one in folder.glob(pattern)]:
        shutil.rmtree(path, ignore_errors=True)


def clear_left_behind(settings: Settings) -> None:
    """Clear away what switches left behind that were killed, unless one is under way."""
    try:
        with _one_at_a_time(settings, waits=False):
            pass
    except BlockingIOError:
        log.info("a switch is under way, which has cleared what was left behind")


@contextmanager
def _locked(path: Path, *, waits: bool = True) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


@contextmanager
def _locked_everywhere(settings: Settings, *, waits: bool) -> Iterator[None]:
    if settings.is_sqlite:
        yield
        return
    engine = create_engine(settings.database_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            # Given back with the connection, also where this process is killed.
            if waits:
                connection.execute(select(func.pg_advisory_lock(LOCK)))
            elif not connection.scalar(select(func.pg_try_advisory_lock(LOCK))):
                raise BlockingIOError
            yield
    finally:
        engine.dispose()


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


def _check_trust(
    settings: Settings, release: PluginRelease, keys: Mapping[str, str] | None = None
) -> None:
    """Hold a release against the policy and the keys of today, not of the day it came.

    With other `keys`, against those: what is in use stays, also where its key was revoked since.
    """
    if release.signed_by is None:
        if not settings.plugin_unsigned:
            raise _unsigned(release.name, release.version)
        return
    told = Signature(
        release.name, release.version, release.sha256, release.signed_by, release.signature or ""
    )
    known = queries.trusted_keys() if keys is None else keys
    signatures.check(told, release.name, release.version, release.sha256, known)


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


def discard(settings: Settings, release_id: int) -> str:
    """Drop a release that is not in use; return its name and version.

    Raises PluginError while a switch is under way, or where data that was kept needs it to be
    restored from a backup; Conflict, NotFound.
    """
    release = queries.release(release_id)
    name, is_last = release.name, len(queries.releases(release.name)) == 1
    db.session.rollback()
    try:
        with _one_at_a_time(settings, waits=False):
            if is_last and any(_tables_now(settings, Owner(name, Path()))):
                raise PluginError(
                    _("Dữ liệu của %(name)s được giữ lại cần bản này để khôi phục.", name=name)
                )
            return run(services.forget_release, release_id)
    except BlockingIOError:
        raise PluginError(
            _("Đang có việc khác của mô-đun này chưa xong. Hãy chờ việc đó xong rồi làm lại.")
        ) from None


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
    before, and so is the plug-in's state. Killed in the middle it leaves a state that says which
    release to install again.
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
        told = exports.settings_of(data) if data else {}
        if data:
            _check_data(owner, data, rows)
        # What rests on the session would block the copy and the migration.
        names = _Names(package, release_id, before[0] if before else None)
        db.session.rollback()
        # Contents go first, as with any upload: what the store refuses stops all the rest.
        returning = _put_into_store(exports.files_of(data, owner)) if data else ()
        report = None
        if not skip_rehearsal:
            say(_("Diễn tập trên bản sao cơ sở dữ liệu"))
            report = _rehearse(settings, (names, revision))
        elif not skip_trial:
            say(_("Nạp thử"))
            _try_loading(settings, names)
        say(_("Chuyển đổi dữ liệu"))
        _change_tables(settings, package, owner, names, data)
        say(_("Đưa vào hoạt động"))
        generation = run(
            services.set_installed,
            services.SetInstalled(
                names.name, release_id, names.previous_id, wanted or names.wanted_before
            ),
        )
        if told:
            run(services.take_settings_back, services.TakeSettingsBack(package.manifest, told))
        if returning:
            say(_("Đưa các tệp trở lại"))
            run(services.take_files_back, services.TakeFilesBack(returning))
        Quarantine(settings.instance).release(names.name)
        bring_here(settings)
        return Outcome(names.name, names.version, generation, report)


def _put_into_store(
    returning: Sequence[exports.ExportedFile],
) -> tuple[services.ReturningFile, ...]:
    """Put the contents of an export's files into the store; return what attaches them."""
    found = tuple(
        services.ReturningFile(
            prepare(FileInput(one.content, one.name)),
            one.public_id,
            one.owner_kind,
            one.owner_id,
            one.uploaded_at,
        )
        for one in returning
    )
    db.session.rollback()
    return found


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
def _reading(settings: Settings) -> Iterator[Connection]:
    """Give a connection that sees the database as it was at one moment."""
    engine = create_engine(settings.database_url, poolclass=NullPool)
    if not settings.is_sqlite:
        engine = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
    try:
        with engine.connect() as connection:
            if settings.is_sqlite:
                # Its driver would read each table in a transaction of its own.
                connection.exec_driver_sql("BEGIN")
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


def rehearse(settings: Settings, *release_ids: int) -> dict[str, Any]:
    """Rehearse releases without switching; return and keep the report. Raises PluginError.

    Several are tried out beside each other, as they will run. None may need another of them.
    """
    with _one_at_a_time(settings):
        installed = _installed()
        tried: list[tuple[_Names, str]] = []
        for release_id in release_ids:
            release = queries.release(release_id)
            _check_trust(settings, release)
            package = _package_of(release)
            before = installed.get(package.name)
            _check_fit(package, installed)
            folder = packages.unpack(package, plugins_folder(settings.instance))
            revision, _rows = _tables_now(settings, owner_of(folder, package.name))
            tried.append((_Names(package, release_id, before[0] if before else None), revision))
        db.session.rollback()
        try:
            return dict(_rehearse(settings, *tried))
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


def _rehearse(settings: Settings, *tried: tuple[_Names, str]) -> Mapping[str, Any]:
    report = rehearsal.rehearse(settings, [_candidate(*one) for one in tried])
    passed = bool(report["passed"])
    for names, _revision in tried:
        run(services.save_rehearsal, services.SaveRehearsal(names.release_id, passed, report))
    if not passed:
        raise RehearsalFailed(", ".join(f"{one.name} {one.version}" for one, _ in tried), report)
    return report


def _take_snapshot(settings: Settings, owner: Owner, names: _Names) -> int | None:
    """Copy the plug-in's tables as the release that runs now has them; return the copy's number.

    Tables that are another release's, because a switch to it was cut off after its migration, are
    not copied: the copy from before that switch is the one to go back to.
    """
    if names.release_before is None or names.release_before == names.release_id:
        return None
    head = _head_of(settings, names.release_before)
    with _reading(settings) as connection:
        if snapshots.revision_of(connection, owner) != head:
            return None
        archive, contents = snapshots.take(connection, owner, names.version_before)
    return run(
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


def _head_of(settings: Settings, release_id: int) -> str:
    """Return the revision at which a release wants its tables, '' when it has none."""
    release = queries.release(release_id)
    base = plugins_folder(settings.instance)
    folder = packages.release_folder(base, release.name, release.version)
    if not folder.is_dir():
        packages.unpack(_package_of(release), base)
    owner = owner_of(folder, release.name)
    db.session.rollback()
    return migrate.head_revision(owner) or ""


def _change_tables(
    settings: Settings, package: Package, owner: Owner, names: _Names, data: bytes
) -> None:
    """Close the plug-in's gate, copy its tables, change them in one transaction.

    If that fails the plug-in stands again as it did before.
    """
    has_migrations = (owner.folder / "versions").is_dir()
    if not has_migrations and package.has_migrations:
        raise PluginError(_("Tệp giải nén của %(name)s đã mất; hãy thử lại.", name=names.name))
    before = None
    if names.is_installed:
        before = run(services.close_gate, services.CloseGate(names.name, names.version))
    snapshot_id = None
    try:
        snapshot_id = _take_snapshot(settings, owner, names)
        with migrate.migrating(settings.database_url) as connection:
            _end_with_this_process(connection)
            if data:
                snapshots.put_back(connection, owner, data)
            if has_migrations:
                migrate.upgrade_within(connection, "head", owner)
            unknown = snapshots.unknown_columns(connection, owner)
            if unknown:
                raise PluginError(
                    _(
                        "Bản này có cột mà hệ thống không sao lưu được: %(names)s.",
                        names=", ".join(unknown),
                    )
                )
    except (Exception, SystemExit) as error:
        log.exception("migrating %s failed", names.name)
        if snapshot_id is not None:
            run(services.drop_snapshot, snapshot_id)
        _open_again(before)
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


def _end_with_this_process(connection: Connection) -> None:
    """Have PostgreSQL end a migration that never ends, once this process was killed over it.

    By itself it notices that nobody is there any more when it has something to answer, and keeps
    all locks until then. Versions and systems that cannot look are left as they are.
    """
    if connection.dialect.name != "postgresql":
        return
    with contextlib.suppress(DBAPIError), connection.begin_nested():
        connection.execute(text(f"SET LOCAL client_connection_check_interval = '{LOOK_SECONDS}s'"))


def _open_again(before: services.Standing | None) -> None:
    if before is not None:
        run(services.open_gate, before)


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


def bring_here(settings: Settings, *, leaves_safe_mode: bool = False) -> SetFile:
    """Unpack what this machine lacks of the wanted set, write the set file, drop what is left over.

    Every machine of an instance does this by itself; doing it again changes nothing. A release that
    is not what was let in is not unpacked: it fails to load, with the reason, and the others are
    brought all the same. Safe mode that the supervisor began lasts until other code is wanted, or
    somebody ends it.
    """
    folder = plugins_folder(settings.instance)
    with _locked(folder / SET_LOCK_FILE):
        # Read first: a number that is too low only makes this machine look again.
        generation = queries.generation()
        entries = _entries()
        quarantine = Quarantine(settings.instance)
        for install in queries.installs().values():
            release = install.release
            here = packages.release_folder(folder, install.name, release.version)
            if packages.unpacked_as(here) != release.sha256:
                _unpack_or_refuse(settings, release, here)
            if install.state is PluginState.ENABLED:
                quarantine.release_older(install.name, install.changed_at)
        db.session.rollback()
        wanted = SetFile(generation, tuple(entries))
        if _is_safe_here(settings, wanted) and not leaves_safe_mode:
            wanted = replace(wanted, is_safe=True)
        write_set(settings.instance, wanted)
        return wanted


def _unpack_or_refuse(settings: Settings, release: PluginRelease, here: Path) -> None:
    try:
        _check_trust(settings, release, queries.known_keys())
        packages.unpack(_package_of(release), plugins_folder(settings.instance))
    except PluginError as error:
        log.error("%s is not unpacked: %s", here.name, error)
        refuse(here, str(error))


def _is_safe_here(settings: Settings, wanted: SetFile) -> bool:
    """Tell whether the supervisor keeps plug-ins out, and the same code is wanted still."""
    try:
        before = read_set(settings.instance)
    except PluginError:
        return False
    return before.is_safe and wanted.code == replace(before, is_safe=False).code


def leave_safe_mode(settings: Settings) -> None:
    """Open the plug-ins again: on all machines, and where the supervisor closed them, here."""
    run(services.leave_safe_mode, None)
    bring_here(settings, leaves_safe_mode=True)


def tidy(settings: Settings) -> list[str]:
    """Delete unpacked releases that are neither wanted nor one step back; return their folders.

    Also those of releases that were dropped, on whichever machine.

    Not right after a switch: workers that are being replaced still read from them.
    """
    folder = plugins_folder(settings.instance)
    with _one_at_a_time(settings):
        try:
            switched_at = (folder / SET_FILE).stat().st_mtime
        except FileNotFoundError:
            return []
        if time.time() - switched_at < SETTLED_SECONDS:
            return []
        kept = set()
        for install in queries.installs().values():
            kept.add(f"{install.name}-{install.release.version}")
            if install.previous_release is not None:
                kept.add(f"{install.name}-{install.previous_release.version}")
        db.session.rollback()
        here = {one.name for one in folder.iterdir() if one.is_dir() and packages.unpacked_as(one)}
        gone = sorted(here - kept)
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
        _check_trust(settings, install.previous_release, queries.known_keys())
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
        before = run(services.close_gate, services.CloseGate(name, names.version))
        say(_("Khôi phục bảng dữ liệu của mô-đun"))
        rows, path, kept = _tables_back(settings, owner, names, archive, before)
        if kept is not None:
            run(
                services.record_disposal,
                services.RecordDisposal(name, names.version_before, Disposal.ROLLBACK, rows, kept),
            )
        generation = run(
            services.set_installed,
            services.SetInstalled(name, names.release_id, None, names.wanted_before),
        )
        Quarantine(settings.instance).release(name)
        bring_here(settings)
        return Outcome(name, names.version, generation, rows=rows, export=path)


def _tables_back(
    settings: Settings,
    owner: Owner,
    names: _Names,
    archive: bytes,
    before: services.Standing,
) -> tuple[dict[str, int], Path | None, PreparedFile | None]:
    """Put the tables back; return the rows set aside by table, and the file they are in, here and
    in the store.
    """
    rows: dict[str, int] = {}
    path, kept = None, None
    head = migrate.head_revision(owner) or ""
    try:
        with migrate.migrating(settings.database_url) as connection:
            snapshots.lock(connection, owner)
            if snapshots.revision_of(connection, owner) == head:
                # The upgrade changed no table, so what was written since fits the old code too.
                return rows, None, None
            if not archive or snapshots.read_contents(archive, owner).revision != head:
                raise PluginError(
                    _(
                        "Không có bản chụp dữ liệu nào hợp với bản %(version)s của %(name)s, nên "
                        "không quay lại được.",
                        name=owner.name,
                        version=names.version,
                    )
                )
            newer = snapshots.newer_rows(connection, owner, archive)
            rows = {table: len(lines) for table, lines in newer.items()}
            if any(rows.values()):
                path = exports.exports_folder(settings) / exports.export_name(
                    owner.name, names.version_before, "newer", current().clock.now()
                )
                kept = exports.keep(path, exports.export_rows(connection, owner, newer, path))
            snapshots.put_back(connection, owner, archive)
    except (Exception, SystemExit) as error:
        log.exception("rolling back %s failed", owner.name)
        if path is not None:
            path.unlink(missing_ok=True)
        _open_again(before)
        if isinstance(error, TrackerError):
            raise
        raise PluginError(
            _(
                "Không quay lại được bản trước của %(name)s; dữ liệu vẫn như cũ. (%(error)s)",
                name=owner.name,
                error=describe(error),
            )
        ) from error
    return rows, path, kept


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
        closed_at = install.changed_at if install.reason == Reason.LEAVING else None
        db.session.rollback()
        folder = packages.release_folder(plugins_folder(settings.instance), name, manifest.version)
        owner = owner_of(folder, name)
        leaving = services.CloseGate(name, manifest.version, Reason.LEAVING)
        before = run(services.close_gate, leaving)
        try:
            gone = _gone_before(settings, owner, closed_at)
            if gone is None:
                gone = _let_data_go(settings, owner, manifest, disposal, reason, say)
        except Exception:
            run(services.open_gate, before)
            raise
        generation = run(services.forget, services.ForgetPlugin(name, disposal), reason=reason)
        bring_here(settings)
        return Outcome(name, manifest.version, generation, rows=gone.rows, export=gone.export)


@dataclass(frozen=True)
class _Gone:
    """What became of a plug-in's rows: how many by table, and the file they are in."""

    rows: Mapping[str, int]
    export: Path | None


def _gone_before(settings: Settings, owner: Owner, closed_at: datetime | None) -> _Gone | None:
    """Return what an earlier removal did that was cut off once the tables were gone."""
    if closed_at is None or any(_tables_now(settings, owner)):
        return None
    for one in queries.disposals(owner.name)[:1]:
        if one.removed_at >= closed_at:
            path = exports.exports_folder(settings) / one.export_name if one.export_name else None
            return _Gone(dict(one.rows), path)
    return None


def _let_data_go(
    settings: Settings,
    owner: Owner,
    manifest: Manifest,
    disposal: Disposal,
    reason: str,
    say: Say,
) -> _Gone:
    """Export a plug-in's data where that is wished, write the record, and drop its tables.

    The record stands before anything goes, and is taken back where it then stays. Files and sheets
    are written without holding the database; what was written meanwhile makes it begin again.
    """
    for _attempt in range(REMOVAL_TRIES):
        path, sha256 = None, ""
        if disposal is Disposal.EXPORT:
            say(_("Xuất dữ liệu"))
            path = exports.exports_folder(settings) / exports.export_name(
                owner.name, manifest.version, "data", current().clock.now()
            )
        with _reading(settings) as connection:
            contents = snapshots.look(connection, owner, manifest.version)
            if path is not None:
                contents, sha256 = exports.export_data(connection, settings, owner, manifest, path)
        kept = exports.keep(path, sha256) if path else None
        record = services.RecordDisposal(
            owner.name, manifest.version, disposal, contents.tables, kept
        )
        gone = _Gone(dict(contents.tables), path)
        record_id = run(services.record_disposal, record, reason=reason)
        if disposal is Disposal.KEEP:
            return gone
        say(_("Xóa bảng dữ liệu của mô-đun"))
        try:
            if _drop_unchanged(settings, owner, contents):
                return gone
        except Exception:
            _take_back_record(record_id, path)
            raise
        _take_back_record(record_id, path)
    raise PluginError(
        _("Dữ liệu của %(name)s đang được ghi; hãy thử lại sau ít phút.", name=owner.name)
    )


def _drop_unchanged(settings: Settings, owner: Owner, contents: snapshots.Contents) -> bool:
    """Drop the tables if they hold what `contents` says; False, and nothing done, otherwise."""
    with migrate.migrating(settings.database_url) as connection:
        snapshots.lock(connection, owner)
        if snapshots.look(connection, owner, contents.version) != contents:
            return False
        snapshots.drop(connection, owner)
        return True


def _take_back_record(record_id: int, path: Path | None) -> None:
    run(services.withdraw_disposal, record_id)
    if path is not None:
        path.unlink(missing_ok=True)

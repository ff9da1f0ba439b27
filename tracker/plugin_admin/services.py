"""Writes about plug-ins: releases, keys, the wanted set, snapshots, disposals.

These change rows only. Unpacking, rehearsing, migrating and telling the servers are steps of
`operations`, which calls these at the right moments. Every change of what is wanted or how a
plug-in stands raises the generation, by which all machines notice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import delete, select

from tracker.core.errors import Conflict, NotFound, PluginError, ValidationFailed
from tracker.core.text import N_
from tracker.core.work import Work
from tracker.files.models import Attachment
from tracker.files.services import PreparedFile, attach
from tracker.outbox import handovers
from tracker.outbox.services import Forget, forget_listener
from tracker.plugin_admin.permissions import MANAGE
from tracker.plugins.manifest import Manifest, manifest_from
from tracker.plugins.models import (
    Disposal,
    PluginDisposal,
    PluginIncident,
    PluginInstall,
    PluginKey,
    PluginRehearsal,
    PluginRelease,
    PluginSet,
    PluginSnapshot,
    PluginSnapshotPart,
)
from tracker.plugins.services import end_safe_mode
from tracker.plugins.signatures import PublicKey
from tracker.plugins.states import LOADED_STATES, PluginState, Reason, Wanted, explain
from tracker.settings.models import Setting

# Of one plug-in; a rollback needs the newest, the one before is for people.
SNAPSHOTS_KEPT = 2
REHEARSALS_KEPT = 10
# The name of the instance's own key, as it is stored; who reads it reads it in their language.
OWN_KEY = N_("Khóa của hệ thống này")


def raise_generation(work: Work) -> int:
    """Let every machine notice that the wanted set or a state changed; return the new number."""
    row = work.get(PluginSet, 1)
    row.generation += 1
    work.session.flush()
    return row.generation


# -- keys -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class TrustKey:
    """A public key whose signatures count from now on."""

    key: PublicKey


def trust_key(work: Work, data: TrustKey) -> str:
    """Trust a key and return its fingerprint. Raises Conflict when it was revoked once."""
    work.require_held(MANAGE)
    name = data.key.name.strip()
    if not name:
        raise ValidationFailed({"name": _("Hãy đặt tên cho khóa để nhận ra chủ của nó.")})
    found = work.session.get(PluginKey, data.key.fingerprint)
    if found is not None:
        if found.revoked_at is not None:
            raise Conflict(_("Khóa này đã bị thu hồi; hãy dùng khóa mới."))
        return found.fingerprint
    work.session.add(
        PluginKey(
            fingerprint=data.key.fingerprint,
            name=name,
            public_key=data.key.text,
            trusted_at=work.now,
            trusted_by_id=work.actor.user_id,
            trusted_by_name=work.actor.name,
        )
    )
    return data.key.fingerprint


@dataclass(frozen=True)
class RevokeKey:
    """A key whose signatures no longer count; a part of the fingerprint will do."""

    fingerprint: str


def revoke_key(work: Work, data: RevokeKey) -> str:
    """Revoke a key for ever and return its name. What it signed before stays installed."""
    work.require_held(MANAGE)
    wanted = data.fingerprint.strip().lower()
    found = [
        one
        for one in work.session.scalars(select(PluginKey).with_for_update())
        if len(wanted) >= 8 and one.fingerprint.startswith(wanted)
    ]
    if len(found) != 1:
        raise NotFound(_("Không có khóa nào có dấu vân tay “%(text)s”.", text=data.fingerprint))
    if found[0].revoked_at is None:
        found[0].revoked_at = work.now
    return found[0].name


# -- releases -------------------------------------------------------------------------------


@dataclass(frozen=True)
class AddRelease:
    """A package that was checked, with the fingerprint of the trusted key that signed it."""

    manifest: Manifest
    filename: str
    sha256: str
    size: int
    content: bytes = field(repr=False)
    libraries: Mapping[str, str] = field(default_factory=dict)
    signature: str | None = None
    signed_by: str | None = None
    # Another content of the same version may take its place where the same key signed both.
    replaces_own: bool = False


def add_release(work: Work, data: AddRelease) -> int:
    """Keep a release and return its number; the same content again is the same release.

    One that was installed unsigned stays unsigned for ever, also when a signature comes later.
    Raises Conflict when this version is known with another content.
    """
    work.require_held(MANAGE)
    manifest = data.manifest
    found = work.session.scalar(
        select(PluginRelease).where(
            PluginRelease.name == manifest.name, PluginRelease.version == manifest.version
        )
    )
    if found is not None:
        if found.sha256 == data.sha256:
            if found.signed_by is None and data.signed_by and not _is_used(work, found.id):
                found.signature, found.signed_by = data.signature, data.signed_by
            return found.id
        if data.replaces_own and data.signed_by and found.signed_by == data.signed_by:
            found.filename, found.sha256, found.size = data.filename, data.sha256, data.size
            found.content, found.signature = data.content, data.signature
            found.manifest, found.libraries = dict(manifest.data), dict(data.libraries)
            found.uploaded_at = work.now
            return found.id
        raise Conflict(
            _(
                "Đã có %(name)s %(version)s với nội dung khác. Mỗi bản phải có số phiên bản riêng.",
                name=manifest.name,
                version=manifest.version,
            )
        )
    release = PluginRelease(
        name=manifest.name,
        version=manifest.version,
        filename=data.filename,
        sha256=data.sha256,
        size=data.size,
        content=data.content,
        manifest=dict(manifest.data),
        libraries=dict(data.libraries),
        signature=data.signature,
        signed_by=data.signed_by,
        uploaded_at=work.now,
        uploaded_by_id=work.actor.user_id,
        uploaded_by_name=work.actor.name,
    )
    work.session.add(release)
    work.session.flush()
    return release.id


def _is_used(work: Work, release_id: int) -> bool:
    used = select(PluginInstall.name).where(
        (PluginInstall.release_id == release_id) | (PluginInstall.previous_release_id == release_id)
    )
    return work.session.scalar(used) is not None


def forget_release(work: Work, release_id: int) -> str:
    """Drop a release that is not in use, and return its name and version.

    Raises NotFound, and Conflict for one that runs or that a rollback would go back to.
    """
    work.require_held(MANAGE)
    release = work.get(PluginRelease, release_id)
    if _is_used(work, release.id):
        raise Conflict(_("Bản này đang dùng hoặc để quay lại, nên không xóa được."))
    work.session.delete(release)
    return release.change_label


@dataclass(frozen=True)
class SaveRehearsal:
    """What a rehearsal of a release found."""

    release_id: int
    passed: bool
    report: Mapping[str, Any]


def save_rehearsal(work: Work, data: SaveRehearsal) -> int:
    """Keep a report and return its number; old ones of the same release go."""
    work.require_held(MANAGE)
    row = PluginRehearsal(
        release_id=data.release_id, at=work.now, passed=data.passed, report=dict(data.report)
    )
    work.session.add(row)
    work.session.flush()
    kept = (
        select(PluginRehearsal.id)
        .where(PluginRehearsal.release_id == data.release_id)
        .order_by(PluginRehearsal.id.desc())
        .limit(REHEARSALS_KEPT)
    )
    ids = list(work.session.scalars(kept))
    work.session.execute(
        delete(PluginRehearsal).where(
            PluginRehearsal.release_id == data.release_id, PluginRehearsal.id.not_in(ids)
        )
    )
    return row.id


@dataclass(frozen=True)
class SaveSnapshot:
    """A copy of a plug-in's tables, in pieces."""

    plugin: str
    release_id: int
    revision: str
    sha256: str
    rows: Mapping[str, int]
    parts: Sequence[bytes] = field(repr=False)


def save_snapshot(work: Work, data: SaveSnapshot) -> int:
    """Keep a snapshot and return its number; those before the last two of the plug-in go."""
    work.require_held(MANAGE)
    snapshot = PluginSnapshot(
        plugin=data.plugin,
        release_id=data.release_id,
        revision=data.revision,
        taken_at=work.now,
        sha256=data.sha256,
        rows=dict(data.rows),
    )
    work.session.add(snapshot)
    work.session.flush()
    for position, content in enumerate(data.parts):
        work.session.add(
            PluginSnapshotPart(snapshot_id=snapshot.id, position=position, content=content)
        )
    work.session.flush()
    _prune_snapshots(work, data.plugin, SNAPSHOTS_KEPT)
    return snapshot.id


def _prune_snapshots(work: Work, plugin: str, kept: int) -> None:
    """Drop all but the newest snapshots, never the one that the way back rests on."""
    newest = work.session.execute(
        select(PluginSnapshot.id, PluginSnapshot.release_id)
        .where(PluginSnapshot.plugin == plugin)
        .order_by(PluginSnapshot.id.desc())
    ).all()
    way_back = work.session.scalar(
        select(PluginInstall.previous_release_id).where(PluginInstall.name == plugin)
    )
    needed = {one.id for one in [one for one in newest if one.release_id == way_back][:1]}
    _drop_snapshots(work, [one.id for one in newest[kept:] if one.id not in needed])


def _drop_snapshots(work: Work, ids: Sequence[int]) -> None:
    if ids:
        work.session.execute(
            delete(PluginSnapshotPart).where(PluginSnapshotPart.snapshot_id.in_(ids))
        )
        work.session.execute(delete(PluginSnapshot).where(PluginSnapshot.id.in_(ids)))


def drop_snapshot(work: Work, snapshot_id: int) -> None:
    """Drop a snapshot of a switch that did not come about."""
    work.require_held(MANAGE)
    _drop_snapshots(work, [snapshot_id])


# -- the wanted set -------------------------------------------------------------------------


def manifest_of(release: PluginRelease) -> Manifest:
    """Return the declaration of a release. Raises PluginError for one of another time."""
    return manifest_from(release.manifest, is_stored=True)


def _install(work: Work, name: str) -> PluginInstall:
    found = work.session.get(PluginInstall, name, with_for_update=True, populate_existing=True)
    if found is None:
        raise NotFound(_("Mô-đun %(name)s chưa được cài.", name=name))
    return found


def installed_manifests(work: Work) -> dict[str, tuple[PluginInstall, Manifest]]:
    """Return the declarations of all installed plug-ins, each with how it stands."""
    rows = work.session.execute(
        select(PluginInstall, PluginRelease).join(
            PluginRelease, PluginRelease.id == PluginInstall.release_id
        )
    ).all()
    return {install.name: (install, manifest_of(release)) for install, release in rows}


def missing_need(
    manifest: Manifest, installed: Mapping[str, tuple[PluginInstall, Manifest]]
) -> tuple[Reason, dict[str, Any]] | None:
    """Return why another plug-in that this one needs will not do, None when all are there."""
    for need in manifest.needs:
        wanted = f"{need.name} {need.minimum}".strip()
        other = installed.get(need.name)
        if other is None or not need.met_by(other[1].version):
            return Reason.NEED_MISSING, {"need": wanted}
        if other[0].state is not PluginState.ENABLED:
            return Reason.NEED_OFF, {"need": wanted}
    return None


def dependants(
    name: str, installed: Mapping[str, tuple[PluginInstall, Manifest]], *, wanted_only: bool
) -> list[str]:
    """Return the names of the plug-ins that need this one."""
    return sorted(
        other
        for other, (install, manifest) in installed.items()
        if any(need.name == name for need in manifest.needs)
        and (not wanted_only or install.wanted is Wanted.ENABLED)
    )


@dataclass(frozen=True)
class CloseGate:
    """A plug-in whose pages and hooks fall silent while its tables are changed, and why."""

    name: str
    detail: str
    reason: Reason = Reason.SWITCHING


@dataclass(frozen=True)
class Standing:
    """How a plug-in stood before its gate was closed."""

    name: str
    state: PluginState
    reason: str
    reason_parameters: Mapping[str, Any]
    paused_at: datetime | None


def close_gate(work: Work, data: CloseGate) -> Standing:
    """Mark a plug-in as waiting for its tables; return how it stood."""
    work.require_held(MANAGE)
    install = _install(work, data.name)
    before = Standing(
        install.name,
        install.state,
        install.reason,
        dict(install.reason_parameters),
        install.paused_at,
    )
    install.state = PluginState.NEEDS_MIGRATION
    install.reason, install.reason_parameters = data.reason, {"detail": data.detail}
    install.changed_at = work.now
    raise_generation(work)
    return before


def open_gate(work: Work, before: Standing) -> int:
    """Let a plug-in stand as it did before its gate was closed; return the generation.

    What was paused, failed or waiting for its tables is so again, whatever is wanted.
    """
    work.require_held(MANAGE)
    install = _install(work, before.name)
    install.state, install.reason = before.state, before.reason
    install.reason_parameters = dict(before.reason_parameters)
    install.paused_at = before.paused_at
    install.changed_at = work.now
    return raise_generation(work)


@dataclass(frozen=True)
class SetInstalled:
    """The release that runs from now on, and the one that a rollback would go back to."""

    name: str
    release_id: int
    previous_release_id: int | None
    wanted: Wanted


def set_installed(work: Work, data: SetInstalled) -> int:
    """Put a release into the wanted set; return the generation."""
    work.require_held(MANAGE)
    install = work.session.get(PluginInstall, data.name, with_for_update=True)
    if install is None:
        install = PluginInstall(name=data.name, installed_at=work.now)
        work.session.add(install)
    install.release_id = data.release_id
    install.previous_release_id = data.previous_release_id
    install.wanted = data.wanted
    _stand_by_wish(install, work)
    return raise_generation(work)


def _stand_by_wish(install: PluginInstall, work: Work) -> None:
    is_on = install.wanted is Wanted.ENABLED
    install.state = PluginState.ENABLED if is_on else PluginState.DISABLED
    install.reason = Reason.NONE if is_on else Reason.SWITCHED_OFF
    install.reason_parameters = {}
    install.paused_at = None
    install.changed_at = work.now


@dataclass(frozen=True)
class Switch:
    """The plug-in to be enabled or disabled."""

    name: str


def enable(work: Work, data: Switch) -> int:
    """Let a plug-in be heard and shown again; return the generation.

    Also resumes one that was paused. Raises PluginError while another that it needs is off, or its
    tables wait for a migration.
    """
    work.require_held(MANAGE)
    installed = installed_manifests(work)
    install = _install(work, data.name)
    if install.state is PluginState.NEEDS_MIGRATION:
        raise PluginError(
            _(
                "Mô-đun %(name)s chờ chuyển đổi dữ liệu: hãy cài lại bản đang chuyển dở.",
                name=data.name,
            )
        )
    problem = missing_need(installed[data.name][1], installed)
    if problem is not None:
        raise PluginError(explain(*problem))
    install.wanted = Wanted.ENABLED
    _stand_by_wish(install, work)
    return raise_generation(work)


def disable(work: Work, data: Switch) -> int:
    """Silence a plug-in; its data stays. Returns the generation.

    Raises PluginError while another that is wanted needs it.
    """
    work.require_held(MANAGE)
    others = dependants(data.name, installed_manifests(work), wanted_only=True)
    if others:
        raise PluginError(
            _("Hãy tắt trước những mô-đun cần nó: %(names)s.", names=", ".join(others))
        )
    install = _install(work, data.name)
    install.wanted = Wanted.DISABLED
    # Code that does not fit its tables, or that cannot be loaded, is not loaded for being off.
    if install.state in LOADED_STATES:
        _stand_by_wish(install, work)
    return raise_generation(work)


# -- removal --------------------------------------------------------------------------------


# Of the attachments that hold exports. Nobody answers for this kind among files: what left a
# plug-in is handed out by its record's own page, which asks for the password again.
EXPORTS = "plugin_disposals"


@dataclass(frozen=True)
class RecordDisposal:
    """What became of rows of a plug-in: table by table how many, and the file they went to.

    Its content is in the store by then.
    """

    plugin: str
    version: str
    disposal: Disposal
    rows: Mapping[str, int]
    export: PreparedFile | None = None


def record_disposal(work: Work, data: RecordDisposal) -> int:
    """Write down what became of rows, with their file attached; return the record's number."""
    work.require_held(MANAGE)
    row = PluginDisposal(
        plugin=data.plugin,
        version=data.version,
        disposal=data.disposal,
        rows=dict(data.rows),
        export_name=data.export.name if data.export else "",
        export_sha256=data.export.sha256 if data.export else "",
        removed_at=work.now,
        removed_by_id=work.actor.user_id,
        removed_by_name=work.actor.name,
    )
    work.session.add(row)
    work.session.flush()
    if data.export is not None:
        attach(work, data.export, EXPORTS, row.id)
    return row.id


def withdraw_disposal(work: Work, disposal_id: int) -> None:
    """Take back the record of rows that are still there after all, and their file."""
    drop_export(work, disposal_id)
    work.session.delete(work.get(PluginDisposal, disposal_id))


def drop_export(work: Work, disposal_id: int) -> None:
    """Let go of the file of an export; the record of what it held stays. Raises NotFound."""
    work.require_held(MANAGE)
    row = work.get(PluginDisposal, disposal_id)
    for attachment in work.session.scalars(
        select(Attachment).where(Attachment.owner_kind == EXPORTS, Attachment.owner_id == row.id)
    ):
        work.session.delete(attachment)


@dataclass(frozen=True)
class ForgetPlugin:
    """A plug-in that goes, and what became of its data."""

    name: str
    disposal: Disposal


def forget(work: Work, data: ForgetPlugin) -> int:
    """Take a plug-in out of the wanted set; return the generation.

    What it was to be told of is dropped. Unless its data is kept, its settings, files, incidents,
    snapshots and pending hand-overs go too.
    """
    work.require_held(MANAGE)
    work.session.delete(_install(work, data.name))
    keeps_data = data.disposal is Disposal.KEEP
    forget_listener(work, Forget(data.name))
    if not keeps_data:
        # Data that is kept may come back, and then still has to change hands.
        handovers.forget(work, data.name)
        own = f"{data.name}."
        for setting in work.session.scalars(
            select(Setting).where(Setting.key.startswith(own, autoescape=True))
        ):
            work.session.delete(setting)
        for attachment in work.session.scalars(
            select(Attachment).where(Attachment.owner_kind.startswith(own, autoescape=True))
        ):
            work.session.delete(attachment)
        work.session.execute(delete(PluginIncident).where(PluginIncident.plugin == data.name))
        _prune_snapshots(work, data.name, 0)
    return raise_generation(work)


def leave_safe_mode(work: Work, _nothing: None) -> None:
    """Open the plug-ins again on all machines."""
    work.require_held(MANAGE)
    end_safe_mode(work, None)


# -- files that come back -------------------------------------------------------------------


@dataclass(frozen=True)
class ReturningFile:
    """A file of an export: its content is in the store again, its identity is the old one."""

    prepared: PreparedFile
    public_id: UUID
    owner_kind: str
    owner_id: int
    uploaded_at: datetime


@dataclass(frozen=True)
class TakeFilesBack:
    """The files of a plug-in's export."""

    files: Sequence[ReturningFile]


def take_files_back(work: Work, data: TakeFilesBack) -> int:
    """Attach the files of an export to their records again; return how many were not there."""
    work.require_held(MANAGE)
    known = set(
        work.session.scalars(
            select(Attachment.public_id).where(
                Attachment.public_id.in_([one.public_id for one in data.files])
            )
        )
    )
    missing = [one for one in data.files if one.public_id not in known]
    for one in missing:
        attachment = attach(work, one.prepared, one.owner_kind, one.owner_id)
        attachment.public_id = one.public_id
        attachment.uploaded_at = one.uploaded_at
    return len(missing)


# -- settings that come back ----------------------------------------------------------------


@dataclass(frozen=True)
class TakeSettingsBack:
    """The settings of an export, as they were stored, and the declaration that they must fit."""

    manifest: Manifest
    values: Mapping[str, Any]


def take_settings_back(work: Work, data: TakeSettingsBack) -> int:
    """Store the settings of an export again where they are declared and not set yet; say how many.

    What this release does not declare, or not so, is passed over.
    """
    work.require_held(MANAGE)
    count = 0
    for one in data.manifest.settings:
        if one.key not in data.values or work.session.get(Setting, one.key) is not None:
            continue
        if one.accepts(data.values[one.key]):
            work.session.add(Setting(key=one.key, value=data.values[one.key]))
            count += 1
    return count

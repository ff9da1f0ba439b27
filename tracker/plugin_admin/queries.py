"""What there is to know about plug-ins, for pages and commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, inspect, select

from tracker.config import Settings
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import NotFound, PluginError
from tracker.core.migrate import is_plugin_table
from tracker.files.models import Attachment
from tracker.plugin_admin.services import EXPORTS, OWN_KEY
from tracker.plugins.breaker import diagnostics
from tracker.plugins.manifest import Manifest, manifest_from, version_key
from tracker.plugins.models import (
    PluginDisposal,
    PluginIncident,
    PluginInstall,
    PluginKey,
    PluginRehearsal,
    PluginRelease,
    PluginServer,
    PluginSet,
    PluginSnapshot,
    PluginSnapshotPart,
)
from tracker.plugins.states import PluginState, Reason, Wanted, explain


@dataclass(frozen=True)
class Line:
    """A plug-in in the list: one that is installed, or a release that could be."""

    name: str
    version: str
    manifest: Manifest
    release_id: int
    signed_by: str
    state: PluginState
    reason: str
    wanted: Wanted | None = None
    # A newer release that was handed in and is not installed.
    newer_version: str = ""
    incidents: int = 0

    @property
    def is_installed(self) -> bool:
        """Tell whether it is more than a release in store."""
        return self.wanted is not None


def trusted_keys() -> dict[str, str]:
    """Return the public keys that count, by fingerprint."""
    rows = db.session.execute(
        select(PluginKey.fingerprint, PluginKey.public_key).where(PluginKey.revoked_at.is_(None))
    )
    return {row.fingerprint: row.public_key for row in rows}


def known_keys() -> dict[str, str]:
    """Return the public keys that count or counted once, by fingerprint."""
    return {one.fingerprint: one.public_key for one in keys()}


def keys() -> Sequence[PluginKey]:
    """Return all keys that were ever trusted, the newest first."""
    return db.session.scalars(
        select(PluginKey).order_by(PluginKey.trusted_at.desc(), PluginKey.fingerprint)
    ).all()


def key_names() -> dict[str, str]:
    """Return the names of all keys by fingerprint; revoked ones say so."""
    return {
        one.fingerprint: _("%(name)s (đã thu hồi)", name=key_name(one))
        if one.revoked_at
        else key_name(one)
        for one in keys()
    }


def key_name(one: PluginKey) -> str:
    """Return the name of a key, the instance's own one in the reader's language."""
    return str(_(OWN_KEY)) if one.name == OWN_KEY else one.name


def installs() -> dict[str, PluginInstall]:
    """Return the installed plug-ins by name."""
    return {one.name: one for one in db.session.scalars(select(PluginInstall))}


def release(release_id: int) -> PluginRelease:
    """Return a release. Raises NotFound."""
    found = db.session.get(PluginRelease, release_id)
    if found is None:
        raise NotFound(_("Không có bản phát hành này."))
    return found


def releases(name: str = "") -> list[PluginRelease]:
    """Return the releases of a plug-in, or all, the newest version of each first."""
    query = select(PluginRelease)
    if name:
        query = query.where(PluginRelease.name == name)
    found = list(db.session.scalars(query))
    found.sort(key=lambda one: version_key(one.version), reverse=True)
    return sorted(found, key=lambda one: one.name)


def manifest_of(one: PluginRelease) -> Manifest:
    """Return the declaration of a release. Raises PluginError for one of another time."""
    return manifest_from(one.manifest, is_stored=True)


def lines() -> list[Line]:
    """Return every plug-in of this instance, installed ones first, by name."""
    by_id = {one.id: one for one in releases()}
    newest: dict[str, PluginRelease] = {}
    for one in by_id.values():
        newest.setdefault(one.name, one)
    counts = {
        row.plugin: int(row.total)
        for row in db.session.execute(
            select(PluginIncident.plugin, func.sum(PluginIncident.count).label("total")).group_by(
                PluginIncident.plugin
            )
        )
    }
    found = []
    for name, install in installs().items():
        current = by_id[install.release_id]
        latest = newest[name]
        is_newer = version_key(latest.version) > version_key(current.version)
        found.append(
            Line(
                name=name,
                version=current.version,
                manifest=manifest_of(current),
                release_id=current.id,
                signed_by=current.signed_by or "",
                state=install.state,
                reason=explain(install.reason, install.reason_parameters),
                wanted=install.wanted,
                newer_version=latest.version if is_newer else "",
                incidents=counts.get(name, 0),
            )
        )
    known = {one.name for one in found}
    for name, one in newest.items():
        if name not in known:
            found.append(_available(one))
    return sorted(found, key=lambda one: (not one.is_installed, one.name))


def _available(one: PluginRelease) -> Line:
    manifest = manifest_of(one)
    state, reason = PluginState.AVAILABLE, explain(Reason.NOT_INSTALLED)
    if not manifest.fits():
        state, reason = PluginState.INCOMPATIBLE, api_reason(manifest)
    return Line(one.name, one.version, manifest, one.id, one.signed_by or "", state, reason)


def api_reason(manifest: Manifest) -> str:
    """Return why the API that a plug-in asks for is not the one here."""
    from tracker.plugins.manifest import API_VERSION

    needed, ours = (".".join(map(str, one)) for one in (manifest.api, API_VERSION))
    same = manifest.api[0] == API_VERSION[0]
    return explain(
        Reason.API_TOO_NEW if same else Reason.API_OTHER, {"needed": needed, "ours": ours}
    )


def line(name: str) -> Line:
    """Return one plug-in. Raises NotFound."""
    found = next((one for one in lines() if one.name == name), None)
    if found is None:
        raise NotFound(_("Không có mô-đun “%(name)s”.", name=name[:60]))
    return found


def incidents(name: str, limit: int = 50) -> Sequence[PluginIncident]:
    """Return the newest faults of a plug-in."""
    return db.session.scalars(
        select(PluginIncident)
        .where(PluginIncident.plugin == name)
        .order_by(PluginIncident.last_at.desc(), PluginIncident.id.desc())
        .limit(limit)
    ).all()


def diagnosis(settings: Settings, name: str) -> bytes:
    """Return the ZIP for a plug-in's author, without people or secrets. Raises NotFound."""
    database = "SQLite" if settings.is_sqlite else "PostgreSQL"
    return diagnostics(db.session(), name, {"database": database})


def rehearsal(release_id: int) -> PluginRehearsal | None:
    """Return the newest rehearsal of a release."""
    return db.session.scalar(
        select(PluginRehearsal)
        .where(PluginRehearsal.release_id == release_id)
        .order_by(PluginRehearsal.id.desc())
        .limit(1)
    )


def disposals(name: str) -> Sequence[PluginDisposal]:
    """Return what became of a plug-in's rows over time, the newest first."""
    return db.session.scalars(
        select(PluginDisposal)
        .where(PluginDisposal.plugin == name)
        .order_by(PluginDisposal.id.desc())
    ).all()


def kept_exports(disposals: Sequence[PluginDisposal]) -> set[int]:
    """Return the records, of these, whose file is in the store."""
    ids = [one.id for one in disposals]
    return set(
        db.session.scalars(
            select(Attachment.owner_id).where(
                Attachment.owner_kind == EXPORTS, Attachment.owner_id.in_(ids)
            )
        )
    )


def disposal(disposal_id: int) -> PluginDisposal:
    """Return one record of what became of rows. Raises NotFound."""
    found = db.session.get(PluginDisposal, disposal_id)
    if found is None:
        raise NotFound
    return found


def snapshot_of(name: str, release_id: int) -> tuple[PluginSnapshot, bytes] | None:
    """Return the newest snapshot that was taken under a release, with its archive."""
    found = db.session.scalar(
        select(PluginSnapshot)
        .where(PluginSnapshot.plugin == name, PluginSnapshot.release_id == release_id)
        .order_by(PluginSnapshot.id.desc())
        .limit(1)
    )
    if found is None:
        return None
    parts = db.session.scalars(
        select(PluginSnapshotPart.content)
        .where(PluginSnapshotPart.snapshot_id == found.id)
        .order_by(PluginSnapshotPart.position)
    )
    return found, b"".join(parts)


def servers() -> Sequence[PluginServer]:
    """Return the machines of this instance, by name."""
    return db.session.scalars(select(PluginServer).order_by(PluginServer.machine)).all()


def generation() -> int:
    """Return the number of the wanted set."""
    return db.session.scalar(select(PluginSet.generation).where(PluginSet.id == 1)) or 0


def the_set() -> tuple[int, datetime | None]:
    """Return the number of the wanted set, and until when all plug-ins are closed, if they are."""
    row = db.session.execute(
        select(PluginSet.generation, PluginSet.safe_mode_until).where(PluginSet.id == 1)
    ).first()
    if row is None:
        return 0, None
    until = row.safe_mode_until
    is_closed = until is not None and until > current().clock.now()
    return row.generation, until if is_closed else None


@dataclass(frozen=True)
class Orphans:
    """Tables of a plug-in that is not installed, and whether they were kept on purpose."""

    name: str
    tables: Sequence[str]
    kept_at: datetime | None


def orphans() -> list[Orphans]:
    """Return the tables that no installed plug-in owns, by the plug-in that their names tell."""
    owners = set(installs())
    found: dict[str, list[str]] = {}
    for table in inspect(db.engine).get_table_names():
        if not is_plugin_table(table):
            continue
        name = owner_name(table)
        if name not in owners:
            found.setdefault(name, []).append(table)
    kept: Mapping[str, Any] = {
        row.plugin: row.removed_at
        for row in db.session.scalars(
            select(PluginDisposal)
            .where(PluginDisposal.plugin.in_(found))
            .order_by(PluginDisposal.id)
        )
        if row.disposal == "keep"
    }
    return [Orphans(name, sorted(tables), kept.get(name)) for name, tables in sorted(found.items())]


def owner_name(table: str) -> str:
    """Return the name of the plug-in that a table's name tells."""
    for prefix in ("alembic_version_plugin_", "plugin_"):
        if table.startswith(prefix):
            return table.removeprefix(prefix).partition("__")[0]
    raise PluginError(f"{table} is no table of a plug-in")

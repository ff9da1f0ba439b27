"""What an instance keeps of plug-ins: releases, the wanted set, keys, machines, incidents.

The wheel itself lies in the database, so that every machine of an instance can fetch it and a
backup is enough to bring everything back.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, deferred, mapped_column, relationship

from tracker.core.db import Base, JsonText, Moment, Versioned, choice
from tracker.plugins.states import PluginState, Wanted

NAME_LENGTH = 40
VERSION_LENGTH = 40
FINGERPRINT_LENGTH = 64


class PluginRelease(Base):
    """One version of a plug-in as it was handed in: a wheel, or a bundle of wheels."""

    __tablename__ = "plugin_releases"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    version: Mapped[str] = mapped_column(String(VERSION_LENGTH))
    filename: Mapped[str] = mapped_column(String(200))
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int]
    # Told by sha256 and size; far too long for the log, as is the declaration inside it.
    content: Mapped[bytes] = deferred(mapped_column(LargeBinary, info={"derived": True}))
    manifest: Mapped[dict[str, Any]] = mapped_column(JsonText, info={"derived": True})
    # Libraries that travel in a bundle: {distribution: version}.
    libraries: Mapped[dict[str, str]] = mapped_column(JsonText, default=dict)
    signature: Mapped[str | None] = mapped_column(String(128), info={"derived": True})
    # Fingerprint of the key, as it was when the release came in; null means unsigned for ever.
    signed_by: Mapped[str | None] = mapped_column(String(FINGERPRINT_LENGTH))
    uploaded_at: Mapped[datetime] = mapped_column(Moment)
    uploaded_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    uploaded_by_name: Mapped[str] = mapped_column(String(200), default="")

    __table_args__ = (
        UniqueConstraint("name", "version"),
        Index("ix_plugin_releases_uploaded_by_id", "uploaded_by_id"),
    )

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return f"{self.name} {self.version}"


class PluginInstall(Versioned, Base):
    """A plug-in of this instance: which release, what is wanted of it, and how it stands."""

    __tablename__ = "plugin_installs"

    name: Mapped[str] = mapped_column(String(NAME_LENGTH), primary_key=True)
    release_id: Mapped[int] = mapped_column(ForeignKey("plugin_releases.id", ondelete="RESTRICT"))
    previous_release_id: Mapped[int | None] = mapped_column(
        ForeignKey("plugin_releases.id", ondelete="RESTRICT")
    )
    wanted: Mapped[Wanted] = mapped_column(choice(Wanted))
    state: Mapped[PluginState] = mapped_column(choice(PluginState))
    # A member of states.Reason and what varies in its sentence.
    reason: Mapped[str] = mapped_column(String(40), default="")
    reason_parameters: Mapped[dict[str, Any]] = mapped_column(JsonText, default=dict)
    paused_at: Mapped[datetime | None] = mapped_column(Moment)
    installed_at: Mapped[datetime] = mapped_column(Moment)
    changed_at: Mapped[datetime] = mapped_column(Moment)

    release: Mapped[PluginRelease] = relationship(foreign_keys=[release_id], viewonly=True)
    previous_release: Mapped[PluginRelease | None] = relationship(
        foreign_keys=[previous_release_id], viewonly=True
    )

    __table_args__ = (
        Index("ix_plugin_installs_release_id", "release_id"),
        Index("ix_plugin_installs_previous_release_id", "previous_release_id"),
    )

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return self.name


class PluginSet(Base):
    """One row: the number that every change of the wanted set or of a state raises."""

    __tablename__ = "plugin_set"
    __technical__ = "a counter that machines watch; what it counts is in plugin_installs"

    id: Mapped[int] = mapped_column(primary_key=True)
    generation: Mapped[int] = mapped_column(default=0)
    safe_mode_until: Mapped[datetime | None] = mapped_column(Moment)
    # Of the one-time link that starts safe mode; null when none is open.
    safe_mode_token_hash: Mapped[str | None] = mapped_column(String(64))


class PluginKey(Base):
    """A public key whose signatures the agency trusts."""

    __tablename__ = "plugin_keys"

    fingerprint: Mapped[str] = mapped_column(String(FINGERPRINT_LENGTH), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    # Raw Ed25519, base64.
    public_key: Mapped[str] = mapped_column(String(64))
    trusted_at: Mapped[datetime] = mapped_column(Moment)
    trusted_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    trusted_by_name: Mapped[str] = mapped_column(String(200), default="")
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (Index("ix_plugin_keys_trusted_by_id", "trusted_by_id"),)

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return f"{self.name} ({self.fingerprint[:16]})"


class PluginServer(Base):
    """A machine that serves this instance, and how far it has brought itself."""

    __tablename__ = "plugin_servers"
    __technical__ = "heartbeats of machines"

    machine: Mapped[str] = mapped_column(String(120), primary_key=True)
    generation: Mapped[int] = mapped_column(default=0)
    seen_at: Mapped[datetime] = mapped_column(Moment)
    detail: Mapped[dict[str, Any]] = mapped_column(JsonText, default=dict)


class IncidentKind(StrEnum):
    """What a plug-in did wrong."""

    ERROR = "error"
    TIMEOUT = "timeout"
    CRASH = "crash"
    IMPORT = "import"


class PluginIncident(Base):
    """Faults of one kind at one place of a plug-in, counted; the message is redacted."""

    __tablename__ = "plugin_incidents"
    __technical__ = "counters of faults; a pause that follows is in plugin_installs"

    id: Mapped[int] = mapped_column(primary_key=True)
    plugin: Mapped[str] = mapped_column(String(NAME_LENGTH))
    version: Mapped[str] = mapped_column(String(VERSION_LENGTH), default="")
    kind: Mapped[IncidentKind] = mapped_column(choice(IncidentKind))
    # The hook, the endpoint or the job.
    place: Mapped[str] = mapped_column(String(120))
    message: Mapped[str] = mapped_column(Text, default="")
    count: Mapped[int] = mapped_column(default=1)
    first_at: Mapped[datetime] = mapped_column(Moment)
    last_at: Mapped[datetime] = mapped_column(Moment)

    __table_args__ = (Index("ix_plugin_incidents_plugin_last_at", "plugin", "last_at"),)


class PluginRehearsal(Base):
    """What a rehearsal on a copy of the database found: the report decides over the switch."""

    __tablename__ = "plugin_rehearsals"
    __technical__ = "reports on copies; the switch that follows is in plugin_installs"

    id: Mapped[int] = mapped_column(primary_key=True)
    release_id: Mapped[int] = mapped_column(ForeignKey("plugin_releases.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(Moment)
    passed: Mapped[bool]
    report: Mapped[dict[str, Any]] = mapped_column(JsonText)

    __table_args__ = (Index("ix_plugin_rehearsals_release_id", "release_id"),)


class PluginSnapshot(Base):
    """The plug-in's own tables as they were before a switch."""

    __tablename__ = "plugin_snapshots"
    __technical__ = "copies of tables that have their own history"

    id: Mapped[int] = mapped_column(primary_key=True)
    plugin: Mapped[str] = mapped_column(String(NAME_LENGTH))
    release_id: Mapped[int] = mapped_column(ForeignKey("plugin_releases.id", ondelete="CASCADE"))
    # Of the plug-in's own version table; '' when it had no tables yet.
    revision: Mapped[str] = mapped_column(String(80), default="")
    taken_at: Mapped[datetime] = mapped_column(Moment)
    sha256: Mapped[str] = mapped_column(String(64))
    # {table: number of rows}
    rows: Mapped[dict[str, int]] = mapped_column(JsonText)

    __table_args__ = (
        Index("ix_plugin_snapshots_plugin_taken_at", "plugin", "taken_at"),
        Index("ix_plugin_snapshots_release_id", "release_id"),
    )


class PluginSnapshotPart(Base):
    """A piece of a snapshot's archive, small enough for one row of a backup."""

    __tablename__ = "plugin_snapshot_parts"
    __technical__ = "copies of tables that have their own history"

    snapshot_id: Mapped[int] = mapped_column(
        ForeignKey("plugin_snapshots.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class Disposal(StrEnum):
    """What became of rows that left a plug-in's tables, or stayed behind it."""

    KEEP = "keep"
    EXPORT = "export"
    ERASE = "erase"
    # Written after the snapshot that a rollback went back to: set aside in a file.
    ROLLBACK = "rollback"


class PluginDisposal(Base):
    """The record of a removal or a rollback: which tables, how many rows, what became of them."""

    __tablename__ = "plugin_disposals"

    id: Mapped[int] = mapped_column(primary_key=True)
    plugin: Mapped[str] = mapped_column(String(NAME_LENGTH))
    version: Mapped[str] = mapped_column(String(VERSION_LENGTH))
    disposal: Mapped[Disposal] = mapped_column(choice(Disposal))
    # {table: number of rows}
    rows: Mapped[dict[str, int]] = mapped_column(JsonText)
    # The file's name and hash; '' when there was none.
    export_name: Mapped[str] = mapped_column(String(200), default="")
    export_sha256: Mapped[str] = mapped_column(String(64), default="")
    removed_at: Mapped[datetime] = mapped_column(Moment)
    removed_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    removed_by_name: Mapped[str] = mapped_column(String(200), default="")

    __table_args__ = (
        Index("ix_plugin_disposals_plugin", "plugin"),
        Index("ix_plugin_disposals_removed_by_id", "removed_by_id"),
    )

    @property
    def change_label(self) -> str:
        """Name in the change log."""
        return f"{self.plugin} {self.version}"

"""Settings of an installation, from TRACKER_* in the environment, checked at start."""

from __future__ import annotations

import math
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SECRET_MINIMUM = 32


class SettingsError(ValueError):
    """A setting is missing or cannot be used; the message says which and what would do."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an installation is told from outside; everything else is data in the database.

    instance          folder of the embedded database, files, keys and anchors
    database_url      SQLAlchemy URL; SQLite in the instance folder unless said otherwise
    bind              host:port that the server listens on
    secret_key        signs cookies and tokens; at least 32 characters
    file_store        'folder' (in the instance) or 's3://bucket/prefix'
    s3_endpoint       address of an S3-compatible server, '' for the provider's own
    trusted_proxies   how many proxies in front may set X-Forwarded-* (0 = none is believed)
    secure_cookies    cookies only over HTTPS ('__Host-' names)
    idle_minutes      a session ends after this long without a request
    absolute_hours    a session ends this long after sign-in, whatever happens
    max_upload_bytes  largest request body
    job_threads       runs of jobs at a time in one job process
    job_lease_seconds a run without a sign of life for this long is given to another process
    job_poll_seconds  how often a job process looks for queued runs
    job_tick_seconds  how often it looks which jobs have fallen due
    job_grace_seconds how long it lets runs end when it is told to stop
    outbox_lease_seconds  a message that takes longer may be done by another process as well
    safe_mode         start without any plug-in
    plugin_upload     plug-ins may be handed in on the page, not by commands only
    plugin_unsigned   plug-ins that nobody trusted signed may be installed
    plugin_index      package index for plug-ins: its address, or a folder of releases with its
                      index.json; '' for the one that pip is set to
    rehearsal_database_url  an empty PostgreSQL database, on which upgrades are tried out
    """

    instance: Path
    database_url: str
    bind: str = "127.0.0.1:8000"
    secret_key: str
    file_store: str = "folder"
    s3_endpoint: str = ""
    trusted_proxies: int = 0
    secure_cookies: bool = False
    idle_minutes: int = 60
    absolute_hours: int = 12
    max_upload_bytes: int = 25 * 1024 * 1024
    web_workers: int = 2
    web_threads: int = 4
    job_threads: int = 4
    job_lease_seconds: float = 30.0
    job_poll_seconds: float = 0.5
    job_tick_seconds: float = 5.0
    job_grace_seconds: float = 25.0
    outbox_lease_seconds: float = 120.0
    safe_mode: bool = False
    plugin_upload: bool = False
    plugin_unsigned: bool = False
    plugin_index: str = ""
    rehearsal_database_url: str = ""
    testing: bool = False

    def __post_init__(self) -> None:
        if len(self.secret_key) < SECRET_MINIMUM or len(set(self.secret_key)) < 8:
            raise SettingsError(
                "TRACKER_SECRET_KEY is too weak: use at least 32 random characters, "
                "or leave it out and let the instance make its own."
            )
        host, colon, port = self.bind.rpartition(":")
        if not colon or not host or not port.isdigit() or int(port) > 65535:
            raise SettingsError(f"TRACKER_BIND must be host:port, not {self.bind!r}")
        if not self.database_url.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise SettingsError(
                "TRACKER_DATABASE_URL must begin with sqlite:/// or postgresql+psycopg://"
            )
        if self.rehearsal_database_url and not (
            self.rehearsal_database_url.startswith("postgresql+psycopg://")
            and self.rehearsal_database_url != self.database_url
        ):
            raise SettingsError(
                "TRACKER_REHEARSAL_DATABASE_URL must name another PostgreSQL database, "
                "of its own and empty"
            )
        if self.file_store != "folder" and not self.file_store.startswith("s3://"):
            raise SettingsError("TRACKER_FILE_STORE must be 'folder' or s3://bucket/prefix")

    @property
    def is_sqlite(self) -> bool:
        """Tell whether the embedded database is used."""
        return self.database_url.startswith("sqlite")


def _whole(env: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = env.get(name, "").strip()
    if not text:
        return default
    if not text.isdigit() or not least <= int(text) <= most:
        raise SettingsError(f"{name} must be a whole number from {least} to {most}, not {text!r}")
    return int(text)


def _seconds(env: Mapping[str, str], name: str, default: float, least: float, most: float) -> float:
    text = env.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise SettingsError(f"{name} must be seconds from {least} to {most}, not {text!r}")
    return value


def _flag(env: Mapping[str, str], name: str) -> bool:
    text = env.get(name, "").strip().lower()
    if text in {"", "0", "no", "false", "off"}:
        return False
    if text in {"1", "yes", "true", "on"}:
        return True
    raise SettingsError(f"{name} must be 1 or 0, not {text!r}")


def secret_of(instance: Path) -> str:
    """Return the instance's own secret, made at first use and readable by its owner only."""
    path = instance / "secret.key"
    if not path.exists():
        instance.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return secret_of(instance)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48))
    secret = path.read_text(encoding="ascii").strip()
    if not secret:
        raise SettingsError(
            f"{path} is empty: delete it, and a new one is made (all sign in again)"
        )
    return secret


def _driver(url: str) -> str:
    """Take both spellings that PostgreSQL's own tools print as the driver that is shipped."""
    for short in ("postgresql://", "postgres://"):
        if url.startswith(short):
            return "postgresql+psycopg://" + url.removeprefix(short)
    return url


def settings_from_environment(env: Mapping[str, str] | None = None) -> Settings:
    """Return the settings that the environment gives. Raises SettingsError."""
    env = os.environ if env is None else env
    instance = Path(env.get("TRACKER_INSTANCE") or "instance").expanduser().resolve()
    database_url = env.get("TRACKER_DATABASE_URL") or f"sqlite:///{instance / 'tracker.db'}"
    database_url = _driver(database_url)
    return Settings(
        instance=instance,
        database_url=database_url,
        bind=env.get("TRACKER_BIND") or "127.0.0.1:8000",
        secret_key=env.get("TRACKER_SECRET_KEY") or secret_of(instance),
        file_store=env.get("TRACKER_FILE_STORE") or "folder",
        s3_endpoint=env.get("TRACKER_S3_ENDPOINT", ""),
        trusted_proxies=_whole(env, "TRACKER_TRUSTED_PROXIES", 0, 0, 5),
        secure_cookies=_flag(env, "TRACKER_SECURE_COOKIES"),
        idle_minutes=_whole(env, "TRACKER_IDLE_MINUTES", 60, 1, 1440),
        absolute_hours=_whole(env, "TRACKER_ABSOLUTE_HOURS", 12, 1, 168),
        max_upload_bytes=_whole(env, "TRACKER_MAX_UPLOAD_MB", 25, 1, 1024) * 1024 * 1024,
        safe_mode=_flag(env, "TRACKER_SAFE_MODE"),
        plugin_upload=_flag(env, "TRACKER_PLUGIN_UPLOAD"),
        plugin_unsigned=_flag(env, "TRACKER_PLUGIN_UNSIGNED"),
        plugin_index=env.get("TRACKER_PLUGIN_INDEX", ""),
        rehearsal_database_url=_driver(env.get("TRACKER_REHEARSAL_DATABASE_URL", "")),
        web_workers=_whole(env, "TRACKER_WEB_WORKERS", 2, 1, 64),
        web_threads=_whole(env, "TRACKER_WEB_THREADS", 4, 1, 64),
        job_threads=_whole(env, "TRACKER_JOB_THREADS", 4, 2, 32),
        job_lease_seconds=_seconds(env, "TRACKER_JOB_LEASE_SECONDS", 30, 0.5, 3600),
        job_poll_seconds=_seconds(env, "TRACKER_JOB_POLL_SECONDS", 0.5, 0.05, 60),
        job_tick_seconds=_seconds(env, "TRACKER_JOB_TICK_SECONDS", 5, 0.1, 60),
        job_grace_seconds=_seconds(env, "TRACKER_JOB_GRACE_SECONDS", 25, 0, 600),
        outbox_lease_seconds=_seconds(env, "TRACKER_OUTBOX_LEASE_SECONDS", 120, 1, 3600),
    )

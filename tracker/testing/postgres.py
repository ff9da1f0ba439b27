"""A PostgreSQL server for the tests, and databases on it.

The programs come from the system's packages. The server listens on a Unix socket in a folder of
its own, so it meets no other server, and gives up durability for speed. TEST_DATABASE_URL names
another server instead; its user must be allowed to create databases.
"""

import contextlib
import fcntl
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

APT_LINE = "apt-get install --no-install-recommends postgresql"
MISSING = (
    "Tests on PostgreSQL need its server programs or a server: install them "
    f"({APT_LINE}) or set TEST_DATABASE_URL=postgresql+psycopg://USER@HOST/DATABASE."
)
DEBIAN_FOLDER = Path("/usr/lib/postgresql")
# Nothing here outlives the run, so nothing is worth waiting for a disk.
SERVER_OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "jit": "off",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "timezone": "UTC",
}
START_SECONDS = 30
MEMORY_BYTES = 2 * 1024**3


class PostgresMissing(Exception):
    """There is no server to test on; the message says what to do."""


def find_programs() -> Path | None:
    """Return the folder with `initdb` and `postgres` of the newest version installed, if any."""
    debian = sorted(DEBIAN_FOLDER.glob("*/bin"), key=lambda path: int(path.parent.name))
    on_path = shutil.which("initdb")
    folders = [*reversed(debian), *([Path(on_path).resolve().parent] if on_path else [])]
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


def start(folder: Path) -> str:
    """Return the URL of the server in `folder`, starting it unless it runs.

    Several processes may call this at once: one starts the server, the others wait for it.
    Raises PostgresMissing.
    """
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sockets = folder / "postgres"
        if not (folder / "postgres.ready").exists():
            programs = find_programs()
            if programs is None:
                raise PostgresMissing(MISSING)
            _make_and_start(programs, sockets)
            (folder / "postgres.ready").touch()
    return f"postgresql+psycopg://postgres@/postgres?{urlencode({'host': str(sockets)})}"


def _make_and_start(programs: Path, folder: Path) -> None:
    folder.mkdir()
    account: dict[str, Any] = {}
    if os.geteuid() == 0:
        # The server refuses to run as root; the packages bring this account.
        account = {"user": "postgres", "group": "postgres", "extra_groups": []}
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"
    quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "cwd": folder, **account}
    flags = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
    made = subprocess.run(
        [programs / "initdb", "-D", data, *flags, "--no-sync", "--no-instructions"],
        capture_output=True,
        text=True,
        check=False,
        **quiet,
    )
    if made.returncode != 0:
        raise PostgresMissing(f"initdb failed: {made.stderr}")
    options = itertools.chain.from_iterable(("-c", f"{k}={v}") for k, v in SERVER_OPTIONS.items())
    with (folder.parent / "postgres.log").open("w") as log:
        # A session of its own: an interrupt from the keyboard must not reach it before the tests.
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, "-k", folder, *options],
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **quiet,
        )
    deadline = time.monotonic() + START_SECONDS
    while not _is_ready(data):
        if process.poll() is not None or time.monotonic() > deadline:
            raise PostgresMissing(
                f"PostgreSQL did not start: {(folder.parent / 'postgres.log').read_text()}"
            )
        time.sleep(0.02)
    # The server outlives the process that started it; `stop` ends it.
    process.returncode = 0


def _is_ready(data: Path) -> bool:
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > 7 and lines[7].strip() == "ready"


def stop(folder: Path) -> None:
    """Stop the server in `folder`, if there is one, and wait until it is gone."""
    pid_file = folder / "postgres" / "data" / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().splitlines()[0])
        os.kill(pid, signal.SIGQUIT)
    except (FileNotFoundError, ProcessLookupError):
        return
    deadline = time.monotonic() + START_SECONDS
    while pid_file.exists() and time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        time.sleep(0.01)


class Server:
    """A place to make databases in: the tests' own server, or the one TEST_DATABASE_URL names."""

    def __init__(self, url: str, prefix: str) -> None:
        """Connect to `url`; names of databases begin with `prefix`."""
        import psycopg

        self._url = urlsplit(url)
        self._prefix = prefix
        self._numbers = itertools.count(1)
        plain = self._url._replace(scheme="postgresql")
        self._connection = psycopg.connect(urlunsplit(plain), autocommit=True)
        # Copying files is three times faster than copying pages; PostgreSQL 15 has the choice.
        has_choice = self._connection.info.server_version >= 150000
        self._strategy = "STRATEGY FILE_COPY" if has_choice else ""
        self._discarded: list[str] = []

    def create(self, template: str = "template0") -> str:
        """Make a database as a copy of `template` and return its name."""
        self._drop_discarded(keep=1)
        return self._copy(template, f"{self._prefix}-{next(self._numbers)}")

    def replace(self, name: str, template: str) -> str:
        """Make the database `name` as a copy of `template`, whatever was there, and return it."""
        self._drop(name)
        return self._copy(template, name)

    def _copy(self, template: str, name: str) -> str:
        self._connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" {self._strategy}')
        return name

    def _drop(self, name: str) -> None:
        self._connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def discard(self, name: str) -> None:
        """Have a database dropped when one more is discarded, or at `close`.

        At once it would cost 0.1 s: the server waits when a connection has only just ended.
        """
        self._discarded.append(name)

    def _drop_discarded(self, *, keep: int) -> None:
        while len(self._discarded) > keep:
            self._drop(self._discarded.pop(0))

    def drop_all(self) -> None:
        """Drop every database whose name begins with the prefix."""
        mine = self._connection.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [self._prefix]
        )
        for (name,) in mine.fetchall():
            self._drop(name)

    def url_of(self, name: str) -> str:
        """Return the address of the database `name`, as SQLAlchemy takes it."""
        return urlunsplit(self._url._replace(path=f"/{name}"))

    def close(self) -> None:
        """Drop what was discarded and end the connection."""
        self._drop_discarded(keep=0)
        self._connection.close()


def open_run(controller: int) -> Path:
    """Return the folder that the processes of one run of pytest share; `controller` began it.

    Folders of runs that were killed are cleared first, with their servers.
    """
    for base in _bases():
        for old in base.glob("tracker-tests-*"):
            pid = int(old.name.rsplit("-", 1)[1])
            if old.stat().st_uid == os.geteuid() and not _is_alive(pid):
                _clear(old)
    found = _opened(controller)
    if found is not None:
        return found
    folder = _bases()[0] / f"tracker-tests-{controller}"
    folder.mkdir(mode=0o755, exist_ok=True)
    return folder


def end_run(controller: int, server_url: str | None) -> None:
    """Remove what a run shared, its own server with it, and its databases at `server_url`."""
    folder = _opened(controller)
    if folder is None:
        return
    if server_url is not None:
        with contextlib.closing(Server(server_url, folder.name)) as server:
            server.drop_all()
    _clear(folder)


def _opened(controller: int) -> Path | None:
    folders = (base / f"tracker-tests-{controller}" for base in _bases())
    return next((folder for folder in folders if folder.exists()), None)


def _clear(folder: Path) -> None:
    stop(folder)
    # Two processes of a run that begins may find the same remains.
    shutil.rmtree(folder, ignore_errors=True)


def _bases() -> list[Path]:
    # In memory a database is copied in a tenth of the time that a busy disk takes.
    memory, disk = Path("/dev/shm"), Path(tempfile.gettempdir())  # noqa: S108 - a folder of its own
    if not (memory.is_dir() and os.access(memory, os.W_OK)):
        return [disk]
    has_room = shutil.disk_usage(memory).free >= MEMORY_BYTES
    return [memory, disk] if has_room else [disk, memory]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

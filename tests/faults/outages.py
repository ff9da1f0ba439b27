"""Databases that go away and come back: a PostgreSQL server stopped, a SQLite file locked."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import make_url

from tracker.testing import postgres

START_SECONDS = 30

Outage = Callable[[], contextlib.AbstractContextManager[None]]


class OwnServer:
    """A PostgreSQL server that no other test uses. Commits are durable as far as a crash goes."""

    def __init__(self, folder: Path) -> None:
        programs = postgres.find_programs()
        if programs is None:
            pytest.fail(postgres.MISSING, pytrace=False)
        self._programs = programs
        self._folder = folder
        self._data = folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._account: dict[str, Any] = {}
        folder.mkdir()
        if os.geteuid() == 0:
            # The server refuses to run as root; the packages bring this account.
            self._account = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(folder, "postgres", "postgres")
        subprocess.run(
            [
                *(programs / "initdb", "-D", self._data, "-U", "postgres", "-A", "trust"),
                *("-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            **self._account,
        )

    @property
    def url(self) -> str:
        """The address of its one database."""
        return f"postgresql+psycopg://postgres@/postgres?{urlencode({'host': str(self._folder)})}"

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        options = {**postgres.SERVER_OPTIONS, "synchronous_commit": "on"}
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(self._programs / "postgres", "-D", self._data, "-k", self._folder),
                    *(part for k, v in options.items() for part in ("-c", f"{k}={v}")),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=self._folder,
                **self._account,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            assert self._process.poll() is None, (self._folder / "server.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def _is_ready(self) -> bool:
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"

    def stop(self) -> None:
        """Stop it at once, as a crash would: connections break, nothing is finished."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(START_SECONDS)
            self._process = None

    @contextlib.contextmanager
    def outage(self) -> Iterator[None]:
        """Be away within the block."""
        self.stop()
        yield
        self.start()


@contextlib.contextmanager
def locked(url: str) -> Iterator[None]:
    """Hold the one write lock of a SQLite database within the block."""
    with contextlib.closing(
        sqlite3.connect(str(make_url(url).database), timeout=30, isolation_level=None)
    ) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")

"""The real server under load while plug-ins come, change and go: no request to a core page is lost.

Eight clients keep asking for core pages on connections that stay open; meanwhile the wanted set is
changed as an installation does it, and the server exchanges its workers.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from tests import evil_plugins as evil
from tracker.plugins.loader import Quarantine, SetEntry, SetFile, write_set
from tracker.plugins.setfile import plugins_folder, read_plain
from tracker.testing.databases import Databases

CLIENTS = 8
CORE_PAGE = "/dang-nhap"
PAGE = """\
from flask import Blueprint
from tracker.plugins.hookspecs import hookimpl
from tracker.web.doors import open_to_all

blueprint = Blueprint("shown", __name__, url_prefix="/shown")


@blueprint.get("/page")
@open_to_all
def page():
    return "version {version}"


@hookimpl
def tracker_register_blueprints():
    return (blueprint,)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """`tracker run` on an instance, and what the clients met."""

    instance: Path
    database_url: str
    port: int
    process: subprocess.Popen[str]
    generation: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)

    def ask(self, path: str) -> tuple[int, str]:
        """Ask once, on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def until(self, path: str, wanted: Callable[[int, str], bool]) -> None:
        """Ask until the answer is as wanted, on several connections in a row."""
        deadline = time.monotonic() + 240
        in_a_row = 0
        while time.monotonic() < deadline:
            in_a_row = in_a_row + 1 if wanted(*self.ask(path)) else 0
            if in_a_row == 6:
                return
            # A real server: only asking tells whether its workers were exchanged.
            time.sleep(0.1)
        raise AssertionError(f"{path} did not become as wanted: {self.ask(path)}")

    def want(self, *entries: SetEntry, states: dict[str, str] | None = None) -> None:
        """Change the wanted set as an installation does: the database, then the file."""
        self.generation += 1
        with create_engine(self.database_url, poolclass=NullPool).begin() as connection:
            connection.execute(text("DELETE FROM plugin_installs"))
            for number, entry in enumerate(entries, 1):
                values = {
                    "id": self.generation * 100 + number,
                    "name": entry.name,
                    "version": entry.version,
                    "generation": self.generation,
                    "state": (states or {}).get(entry.name, "enabled"),
                }
                release = (
                    "FROM plugin_releases WHERE name = CAST(:name AS VARCHAR)"
                    " AND version = CAST(:version AS VARCHAR)"
                )
                connection.execute(
                    text(
                        "INSERT INTO plugin_releases (id, name, version, filename, sha256, size,"
                        " content, manifest, libraries, uploaded_at, uploaded_by_name)"
                        " SELECT :id, CAST(:name AS VARCHAR), CAST(:version AS VARCHAR), 'x.whl',"
                        " '0', 1, '', '{}', '{}', '2026-01-01', ''"
                        f" WHERE NOT EXISTS (SELECT 1 {release})"
                    ),
                    values,
                )
                connection.execute(
                    text(
                        "INSERT INTO plugin_installs (name, release_id, wanted, state, reason,"
                        " reason_parameters, installed_at, changed_at, version)"
                        " SELECT name, id, 'enabled', :state, '', '{}', '2026-01-01',"
                        f" '2026-01-01', 1 {release}"
                    ),
                    values,
                )
            connection.execute(
                text("UPDATE plugin_set SET generation = :generation"),
                {"generation": self.generation},
            )
        write_set(self.instance, SetFile(self.generation, entries))

    @contextmanager
    def under_load(self) -> Iterator[None]:
        """Let the clients ask for core pages the whole time."""
        over = threading.Event()
        clients = [threading.Thread(target=self._client, args=(over,)) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            yield
        finally:
            over.set()
            for client in clients:
                client.join()

    def _client(self, over: threading.Event) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        while not over.is_set():
            try:
                connection.request("GET", CORE_PAGE)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(repr(error))
                connection.close()
            else:
                self.answers[answer.status] += 1
            # People think between two pages.
            over.wait(0.5)
        connection.close()


@contextmanager
def running(instance: Path, database_url: str, **environment: str) -> Iterator[Server]:
    """Run the server until the block ends."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tracker", "run"],
        env={
            **os.environ,
            "TRACKER_INSTANCE": str(instance),
            "TRACKER_DATABASE_URL": database_url,
            "TRACKER_BIND": f"127.0.0.1:{port}",
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    server = Server(instance, database_url, port, process)
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            assert process.poll() is None, process.communicate()[0]
            try:
                if server.ask("/healthz")[0] == 200:
                    break
            except OSError:
                time.sleep(0.1)
        yield server
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=90)


def shown(instance: Path, version: str) -> SetEntry:
    """Write a version of a plug-in with one page."""
    hooks = PAGE.format(version=version)
    return evil.write(plugins_folder(instance), "shown", hooks, version)


def test_no_request_is_lost_while_plug_ins_come_change_and_go(
    database_url: str, instance: Path
) -> None:
    one, two = shown(instance, "1.0"), shown(instance, "2.0")
    with running(instance, database_url) as server:
        assert server.ask("/shown/page")[0] == 404
        with server.under_load():
            server.want(one)
            server.until("/shown/page", lambda status, page: page == "version 1.0")
            server.want(one, states={"shown": "disabled"})
            server.until("/shown/page", lambda status, page: status == 404)
            server.want(one)
            server.until("/shown/page", lambda status, page: page == "version 1.0")
            server.want(two)
            server.until("/shown/page", lambda status, page: page == "version 2.0")
            server.want(one)
            server.until("/shown/page", lambda status, page: page == "version 1.0")
            server.want()
            server.until("/shown/page", lambda status, page: status == 404)
        assert server.lost == []
        assert set(server.answers) == {200}
        assert server.answers[200] > 50


@pytest.fixture
def sqlite_url(databases: Databases, tmp_path: Path) -> Iterator[str]:
    """A migrated database; what is tried with it does not depend on its kind."""
    with databases.fresh("sqlite", tmp_path) as url:
        yield url


def test_a_plug_in_that_ends_every_process_leaves_the_site_up(
    sqlite_url: str, instance: Path
) -> None:
    good = shown(instance, "1.0")
    bad = evil.write(plugins_folder(instance), "exits", evil.ENDS_THE_PROCESS["exits"])
    with running(instance, sqlite_url, TRACKER_WEB_WORKERS="1") as server, server.under_load():
        server.want(good, bad)
        server.until("/shown/page", lambda status, page: page == "version 1.0")
        assert server.lost == []
        assert set(server.answers) == {200}
    assert Quarantine(instance).holds("exits", "1.0")


def test_a_server_that_cannot_start_with_plug_ins_starts_without(
    sqlite_url: str, instance: Path
) -> None:
    # It passes its import, and takes the worker along when the app is made.
    hooks = PAGE.format(version="1.0") + (
        "\nimport sys\n"
        "if 'gunicorn' in sys.modules:\n"
        "    import flask\n"
        "    def broken(*_):\n"
        "        raise RuntimeError('the whole app is broken')\n"
        "    flask.Flask.register_blueprint = broken\n"
    )
    entry = evil.write(plugins_folder(instance), "shown", hooks)
    write_set(instance, SetFile(1, (entry,)))
    with running(instance, sqlite_url, TRACKER_WEB_WORKERS="1") as server:
        assert server.ask(CORE_PAGE)[0] == 200
        assert "Chế độ an toàn" in server.ask(CORE_PAGE)[1]
    assert read_plain(instance)["safe_mode"] is True

"""The real server under load while plug-ins come, change and go: no request to a core page is lost.

Eight clients keep asking for core pages on connections that stay open; meanwhile plug-ins are
installed, switched off and on, upgraded and rolled back as commands and pages do it, and the server
exchanges its workers.
"""

from __future__ import annotations

import hashlib
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
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests import evil_plugins as evil
from tests.factories.accounts import make_user, sign_in
from tests.factories.units import make_unit
from tests.support.apps import make_settings, running_app
from tests.support.wheels import TinyPlugin, second_migration
from tracker.config import Settings
from tracker.core.clock import FixedClock, SystemClock
from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting
from tracker.core.db import db
from tracker.core.rights import Role
from tracker.plugin_admin import operations, queries
from tracker.plugin_admin.bundled import own_key
from tracker.plugins import signatures
from tracker.plugins.loader import Quarantine, SetFile, read_set, write_set
from tracker.plugins.setfile import plugins_folder, read_plain
from tracker.testing.databases import Databases

CLIENTS = 8
# One that anybody opens, and one that reads along with the sign-in how the plug-ins stand.
OPEN_PAGE, OWN_PAGE = "/dang-nhap", "/"
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
NOTES = "plugin_shown__note"
ONE = TinyPlugin(name="shown", files={"hooks.py": PAGE.format(version="1.0")})
TWO = ONE.but(
    version="2.0",
    files={
        "hooks.py": PAGE.format(version="2.0"),
        **second_migration(
            f'op.add_column("{NOTES}", sa.Column("seen", sa.Integer, nullable=True))',
            f'op.drop_column("{NOTES}", "seen")',
        ),
    },
)


@dataclass
class Instance:
    """An instance whose plug-ins are changed, from a process that is not the server's."""

    settings: Settings
    cookie: str

    def install(self, plugin: TinyPlugin) -> None:
        """Hand a plug-in in, signed, and install it or upgrade to it.

        It is tried by the server itself before it takes it over.
        """
        content = plugin.wheel()
        sha256 = hashlib.sha256(content).hexdigest()
        signed = signatures.sign(own_key(self.settings), plugin.name, plugin.version, sha256)
        release_id = operations.add(self.settings, content, plugin.filename, signed)
        operations.install(self.settings, release_id, skip_rehearsal=True, skip_trial=True)
        db.session.rollback()

    def wait_for(self, machine: str = "") -> None:
        """Wait until a server has brought itself to the wanted set, and says so."""
        wanted = queries.generation()
        deadline = time.monotonic() + 240
        while self.there().get(machine or self.settings.instance.name, -1) < wanted:
            assert time.monotonic() < deadline, (wanted, self.there())
            # Another process, on a machine of its own: nobody tells when it is done.
            time.sleep(0.1)

    def there(self) -> dict[str, int]:
        """Return how far each machine says that it is."""
        db.session.rollback()
        found = {one.machine: one.generation for one in queries.servers()}
        db.session.rollback()
        return found


@contextmanager
def administered(database_url: str, folder: Path, **more: Any) -> Iterator[Instance]:
    """Act as the system on an instance; its administrator is signed in by the cookie."""
    settings = replace(make_settings(database_url, folder), **more)
    clock = FixedClock(SystemClock().now())
    with (
        running_app(settings, clock) as app,
        app.app_context(),
        acting(Context(SYSTEM_ACTOR, clock, Source.COMMAND)),
    ):
        client = app.test_client()
        sign_in(client, make_user(make_unit("Tỉnh Một", kind="province"), Role.ADMINISTRATOR))
        cookie = client.get_cookie(app.config["SESSION_COOKIE_NAME"])
        assert cookie is not None
        db.session.rollback()
        yield Instance(settings, f"{cookie.key}={cookie.value}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """`tracker run` on an instance, and what the clients met."""

    port: int
    process: subprocess.Popen[str]
    cookie: str = ""
    answers: Counter[int] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)

    def ask(self, path: str) -> tuple[int, str]:
        """Ask once, on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path, headers={"Cookie": self.cookie})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def all_say(self, path: str, wanted: Callable[[int, str], bool]) -> bool:
        """Tell whether an answer is as wanted, on several connections in a row."""
        return all(wanted(*self.ask(path)) for _ in range(6))

    @contextmanager
    def under_load(self) -> Iterator[None]:
        """Let the clients ask for core pages the whole time."""
        over = threading.Event()
        pages = (OPEN_PAGE, OWN_PAGE) if self.cookie else (OPEN_PAGE,)
        clients = [
            threading.Thread(target=self._client, args=(over, pages[number % len(pages)]))
            for number in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        try:
            yield
        finally:
            over.set()
            for client in clients:
                client.join()

    def _client(self, over: threading.Event, page: str) -> None:
        # Who is signed in needs no page to sign in.
        headers = {"Cookie": self.cookie} if page == OWN_PAGE else {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        while not over.is_set():
            try:
                connection.request("GET", page, headers=headers)
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
def running(settings: Settings, cookie: str = "") -> Iterator[Server]:
    """Run the server until the block ends."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tracker", "run"],
        env=environment(settings, port),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    server = Server(port, process, cookie)
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


def environment(settings: Settings, port: int) -> dict[str, str]:
    return {
        **os.environ,
        "TRACKER_INSTANCE": str(settings.instance),
        "TRACKER_DATABASE_URL": settings.database_url,
        "TRACKER_SECRET_KEY": str(settings.secret_key),
        "TRACKER_BIND": f"127.0.0.1:{port}",
        # With one, two of them serve while they are exchanged.
        "TRACKER_WEB_WORKERS": "1",
        "TRACKER_MACHINE": settings.instance.name,
    }


def says(version: str) -> Callable[[int, str], bool]:
    return lambda status, page: page == f"version {version}"


def is_gone(status: int, page: str) -> bool:
    return status == 404


@contextmanager
def held(server: Server) -> Iterator[None]:
    """Let a machine's supervisor stand still, as one whose network is gone; its servers go on."""
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


def test_no_request_is_lost_while_plug_ins_come_change_and_go(
    database_url: str, database_backend: str, instance: Path, tmp_path: Path
) -> None:
    # Several machines need a database that they can share.
    has_two = database_backend == "postgresql"
    with administered(database_url, instance) as here, ExitStack() as stack:
        server = stack.enter_context(running(here.settings, here.cookie))
        others = stack.enter_context(ExitStack())
        machines = {instance.name: server}

        def wait_for_all() -> None:
            for machine in machines:
                here.wait_for(machine)

        def all_say(wanted: Callable[[int, str], bool]) -> bool:
            return all(one.all_say("/shown/page", wanted) for one in machines.values())

        assert server.ask("/shown/page")[0] == 404
        with server.under_load():
            here.install(ONE)
            if has_two:
                there = replace(here.settings, instance=tmp_path / "second")
                there.instance.mkdir()
                machines["second"] = others.enter_context(running(there, here.cookie))
            wait_for_all()
            assert all_say(says("1.0"))
            # From the next request on.
            operations.disable(here.settings, "shown")
            assert all_say(is_gone)
            operations.enable(here.settings, "shown")
            assert all_say(says("1.0"))
            with held(machines["second"]) if has_two else nullcontext():
                here.install(TWO)
                here.wait_for()
                assert server.all_say("/shown/page", says("2.0"))
                page = server.ask("/mo-dun")[1]
                assert page.count("Đang theo kịp") == len(machines) - 1
            wait_for_all()
            assert all_say(says("2.0"))
            if has_two:
                assert read_set(there.instance) == read_set(instance)
                assert server.ask("/mo-dun")[1].count("Đã theo kịp") == 2
            # The other machine has shown what it had to; its way back is this one.
            others.close()
            assert operations.rollback(here.settings, "shown").version == "1.0"
            here.wait_for()
            assert server.all_say("/shown/page", says("1.0"))
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
    bad = TinyPlugin(name="exits", files={"hooks.py": evil.ENDS_THE_PROCESS["exits"]})
    with (
        administered(sqlite_url, instance) as here,
        running(here.settings) as server,
        server.under_load(),
    ):
        here.install(ONE)
        here.install(bad)
        here.wait_for()
        assert server.all_say("/shown/page", says("1.0"))
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
    # What a rehearsal left behind that was killed with the server: a copy of database and keys.
    left = plugins_folder(instance) / ".rehearsal-killed"
    left.mkdir()
    with running(make_settings(sqlite_url, instance)) as server:
        status, page = server.ask(OPEN_PAGE)
        assert status == 200
        assert "Chế độ an toàn" in page
        deadline = time.monotonic() + 240
        while left.exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert read_plain(instance)["safe_mode"] is True

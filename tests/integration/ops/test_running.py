"""The real thing as processes: `tracker init`, `demo`, `run`, `doctor`, until they are stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "TRACKER_INSTANCE": str(tmp_path / "instance"),
        "TRACKER_BIND": f"127.0.0.1:{free_port()}",
        "TRACKER_WEB_WORKERS": "1",
    }


def tracker(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tracker", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@contextmanager
def running(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tracker", "run"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until_ready(environment, process)
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def wait_until_ready(environment: dict[str, str], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0]
        try:
            if fetch(environment, "/readyz")[0] == 200:
                return
        except OSError:
            pass
        # Polling a real process: nothing else tells that it listens.
        time.sleep(0.1)
    raise AssertionError("the server did not become ready")


def wait_until_serving(environment: dict[str, str], count: int) -> None:
    """Wait for web workers: all but the first come after the server has become ready."""
    deadline = time.monotonic() + 60
    while len(list((Path(environment["TRACKER_INSTANCE"]) / "serving").glob("[0-9]*"))) < count:
        assert time.monotonic() < deadline, "a web worker is missing"
        time.sleep(0.1)


def fetch(environment: dict[str, str], path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(
            f"http://{environment['TRACKER_BIND']}{path}", timeout=10
        ) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_empty_instance_is_made_served_and_stopped_in_order(environment: dict[str, str]):
    environment["TRACKER_WEB_WORKERS"] = "2"
    with running(environment) as process:
        assert fetch(environment, "/healthz") == (200, '{"status":"ok"}\n')
        status, page = fetch(environment, "/dang-nhap")
        assert status == 200
        assert "<html" in page
        wait_until_serving(environment, 2)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert environment["TRACKER_BIND"] in said
    assert "tracker init" in said


def test_reload_serves_on_and_a_killed_worker_comes_back(environment: dict[str, str]):
    with running(environment) as process:
        children = _children(process.pid)
        worker = next(pid for pid, words in children.items() if "worker" in words.split())
        os.kill(worker, signal.SIGKILL)
        process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert fetch(environment, "/healthz")[0] == 200
            now = _children(process.pid)
            if any("worker" in words.split() and pid != worker for pid, words in now.items()):
                break
            time.sleep(0.2)
        else:
            raise AssertionError("no job process came back")


def _children(parent: int) -> dict[int, str]:
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(parent)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = (line.split(maxsplit=1) for line in listed.stdout.splitlines())
    return {int(pid): words for pid, words in found}


def test_init_prints_a_link_that_makes_the_first_administrator(environment: dict[str, str]):
    made = tracker(environment, "init")
    assert made.returncode == 0, made.stderr
    link = re.search(r"http://\S+", made.stdout)
    assert link is not None
    # It holds the people's names and numbers: nobody else on the machine may look in.
    assert Path(environment["TRACKER_INSTANCE"]).stat().st_mode & 0o077 == 0
    with running(environment), urllib.request.urlopen(link[0], timeout=10) as answer:
        assert answer.status == 200


def test_demo_loads_once_and_again_changes_nothing(environment: dict[str, str]):
    first = tracker(environment, "demo")
    assert first.returncode == 0, first.stderr
    again = tracker(environment, "demo")
    assert again.returncode == 0, again.stderr
    assert "đã ghi 0 lần" in again.stdout
    # What the articles print, by the rule that every page uses.
    for key, day, share in (
        ("vinh-chau-2021", "2021-12-15", (21, 23, "91.30")),
        ("can-tho-2023", "2023-11-15", (61, 68, "89.71")),
    ):
        shown = json.loads(
            tracker(environment, "plan", "show", key, "--as-of", day, "--json").stdout
        )
        assert (shown["numerator"], shown["denominator"], shown["percent"]) == share
    with closing(sqlite3.connect(Path(environment["TRACKER_INSTANCE"]) / "tracker.db")) as database:
        (surprised,) = database.execute(
            "SELECT count(*) FROM visits JOIN units ON units.id = visits.unit_id "
            "WHERE units.code LIKE 'CM-%' AND visits.kind = 'surprise' "
            "AND visited_on BETWEEN '2024-01-01' AND '2024-03-31'"
        ).fetchone()
        (passed_off_as_real,) = database.execute(
            "SELECT count(*) FROM tasks WHERE kind = 'task' AND NOT is_invented"
        ).fetchone()
    assert (surprised, passed_off_as_real) == (19, 0)
    with running(environment):
        status, page = fetch(environment, "/dang-nhap")
        assert status == 200
        assert "Bản trình diễn" in page or "trình diễn" in page
    examined = tracker(environment, "doctor", "--json")
    rows = json.loads(examined.stdout)
    assert [row for row in rows if row["health"] == "error"] == []
    assert examined.returncode == 0


def test_demo_refuses_an_instance_with_real_data(environment: dict[str, str]):
    assert tracker(environment, "init").returncode == 0
    added = subprocess.run(
        [sys.executable, "-c", MAKE_SOMEBODY],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert added.returncode == 0, added.stderr
    refused = tracker(environment, "demo")
    assert refused.returncode == 1
    assert "dữ liệu thật" in refused.stderr


MAKE_SOMEBODY = """
from tests.factories.units import make_unit
from tests.factories.accounts import make_user
from tracker.ops.serving import make_app
with make_app().app_context():
    make_user(make_unit("Tỉnh", kind="province"))
"""


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TRACKER_SECRET_KEY", "short", "TRACKER_SECRET_KEY"),
        ("TRACKER_BIND", "nowhere", "TRACKER_BIND"),
        ("TRACKER_DATABASE_URL", "mysql://x/y", "TRACKER_DATABASE_URL"),
        ("TRACKER_WEB_WORKERS", "many", "TRACKER_WEB_WORKERS"),
    ],
)
def test_wrong_setting_is_named_before_anything_starts(
    environment: dict[str, str], name: str, value: str, said: str
):
    refused = tracker({**environment, name: value}, "run")
    assert refused.returncode != 0
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr

"""Pages of this app beside a bare Flask view: same data, same run, rounds in turn.

Two servers (gunicorn, threads, 2 worker processes), one client process with 8 keep-alive
connections. In every round each page is asked for by both servers, one right after the other, so
that noise of the machine meets both; medians of the rounds are shown. Server CPU time a request is
the steadier figure.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from data import TASKS, build
from pages import PAGES, POSTED
from serving import make_measured, sign_in
from sqlalchemy import event, text
from table import show

from tracker.core.db import db
from tracker.ops.supervisor import HOOKS

HERE = Path(__file__).resolve().parent
CONNECTIONS = 8
WORKERS = 2
THREADS = 4
TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# The bare view's worst requests beside its usual ones, and how much worse this app's may be.
SPREAD_GOAL = 1.5
QUERY_GOAL = 12
POST_ONLY = "post a status, answer only"
POST_AND_PAGE = "post a status, page after it"
# Each change makes the figures of the overview anew: its dearest case.
POST_AND_OVERVIEW = "post a status, overview after it"
POSTS = {POST_ONLY: None, POST_AND_PAGE: "/viec/{key}", POST_AND_OVERVIEW: "/tong-quan"}


@dataclass
class Server:
    """A running server and where it listens."""

    name: str
    port: int
    process: subprocess.Popen[bytes]

    def _processes(self) -> list[int]:
        master = self.process.pid
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        return [master, *map(int, children)]

    def cpu_seconds(self) -> float:
        """Return the processor time that the server and its workers have used."""
        total = 0
        for pid in self._processes():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def resident_megabytes(self) -> list[float]:
        """Return the resident memory of each worker."""
        return [
            int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES / 1e6
            for pid in self._processes()[1:]
        ]


@contextmanager
def serving(name: str, port: int, instance: Path) -> Iterator[Server]:
    """Run one of the two servers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", f"serving:make_{name}()", "--chdir", str(HERE),
         "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread", "--workers", str(WORKERS),
         "--threads", str(THREADS), "--keep-alive", "30", "--no-control-socket",
         "--config", HOOKS,
         "--log-level", "error"],
        env={**os.environ, "TRACKER_INSTANCE": str(instance)},
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/nobody", timeout=5)
            except urllib.error.HTTPError:
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        yield Server(name, port, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


@dataclass
class Slice:
    """What one server did for one page in one round."""

    rate: float
    cpu: float
    p50: float
    p99: float
    bytes: int


@dataclass
class Driver:
    """Sends load to a server; hands out assignments so that no status is posted twice."""

    cookie: str
    csrf: str
    open_assignments: list[int]
    slices: dict[tuple[str, str], list[Slice]] = field(default_factory=lambda: defaultdict(list))

    def _post_steps(self, server: Server, count: int, page: str | None) -> list[list[list[Any]]]:
        picked = [self.open_assignments.pop() for _ in range(count)]
        steps: list[list[list[Any]]] = []
        for key in picked:
            body = urlencode(
                {
                    "csrf_token": self.csrf,
                    "reported": "in_progress",
                    "percent": 70,
                    "note": "Đã lấy ý kiến các đơn vị liên quan",
                    "version": 1,
                    "key": f"{key:032x}",
                }
            )
            step: list[list[Any]] = [["POST", f"/viec/giao/{key}/cap-nhat", body, 302]]
            if page is not None:
                # The bare view has one task's page only.
                shown = page.format(key=99 if server.name == "bare" else key)
                step.append(["GET", shown, "", 200])
            steps.append(step)
        return steps

    def run(self, server: Server, name: str, seconds: float, per_connection: int) -> None:
        """Send one slice of load and keep what came of it."""
        page = next((one for one in PAGES if one.name == name), None)
        if page is None:
            connections = [
                self._post_steps(server, per_connection, POSTS[name]) for _ in range(CONNECTIONS)
            ]
        else:
            connections = [[[["GET", page.address, "", 200]]] for _ in range(CONNECTIONS)]
        order = {
            "port": server.port,
            "cookie": self.cookie,
            "seconds": seconds,
            "repeat": page is not None,
            "connections": connections,
        }
        if page is not None:
            # What an earlier change has made stale is counted by POST_AND_OVERVIEW, not here.
            self._send({**order, "seconds": 0.05})
        before = server.cpu_seconds()
        answer = self._send(order)
        used = server.cpu_seconds() - before
        if answer["bad"]:
            raise SystemExit(f"{server.name}: {name} answered {answer['bad']}")
        took = sorted(answer["took"])
        self.slices[server.name, name].append(
            Slice(
                rate=len(took) / answer["elapsed"],
                cpu=used * 1000 / len(took),
                p50=statistics.median(took) * 1000,
                p99=took[min(len(took) - 1, int(len(took) * 0.99))] * 1000,
                bytes=answer["bytes"],
            )
        )

    def _send(self, order: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(
            subprocess.run(
                [sys.executable, str(HERE / "client.py")],
                input=json.dumps(order).encode(),
                stdout=subprocess.PIPE,
                check=True,
            ).stdout
        )
        return answer

    def median(self, server: str, name: str, of: str) -> float:
        """Return the median over the rounds."""
        return statistics.median(getattr(one, of) for one in self.slices[server, name])


def count_queries(app: Any, cookie: str, address: str) -> int:
    """Return how many queries a page makes once it has been shown before."""
    sent: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement != "BEGIN":
            sent.append(statement)

    client = app.test_client(use_cookies=False)
    client.get(address, headers={"Cookie": cookie})
    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    answer = client.get(address, headers={"Cookie": cookie})
    event.remove(engine, "before_cursor_execute", note)
    assert answer.status_code == 200, (address, answer.status)
    return len(sent)


def prepare(app: Any) -> Driver:
    """Sign in and find what the load needs: the form's token, and assignments not yet done."""
    cookie = sign_in(app)
    answer = app.test_client(use_cookies=False).get("/viec/99", headers={"Cookie": cookie})
    page = answer.get_data(as_text=True)
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    with app.app_context():
        rows = db.session.execute(
            text("SELECT id FROM assignments WHERE reported = 'in_progress' ORDER BY id DESC")
        )
        return Driver(cookie, found[1], [row.id for row in rows])


def report(driver: Driver, names: list[str], queries: dict[str, int]) -> list[list[str]]:
    """Return the lines of the table, one a page."""
    goals = {page.name: page.goal for page in PAGES} | {POST_AND_PAGE: POSTED.goal}
    lines = []
    for name in names:
        measured = {of: driver.median("measured", name, of) for of in Slice.__annotations__}
        bare = {of: driver.median("bare", name, of) for of in Slice.__annotations__}
        spread = (measured["p99"] / measured["p50"]) / (bare["p99"] / bare["p50"])
        goal = goals.get(name)
        lines.append(
            [
                name,
                f"{measured['rate']:.0f}",
                f"{bare['rate']:.0f}",
                f"{measured['rate'] / bare['rate']:.2f}",
                f"{measured['cpu']:.1f}",
                f"{bare['cpu']:.1f}",
                f"{bare['cpu'] / measured['cpu']:.2f}",
                f"{goal:.1f}" if goal else "",
                f"{measured['p50']:.0f}",
                f"{measured['p99']:.0f}",
                f"{bare['p50']:.0f}",
                f"{bare['p99']:.0f}",
                f"{spread:.2f}",
                f"{queries[name]}" if name in queries else "",
                f"{measured['bytes'] / 1000:.1f}",
            ]
        )
    return lines


HEADINGS = (
    "page", "req/s", "bare", "ratio", "CPU ms", "bare", "ratio", "goal", "p50 ms", "p99",
    "bare p50", "p99", "spread", "queries", "kB",
)  # fmt: skip


def main() -> None:
    """Build the data, run the rounds, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short rounds; under 3 minutes in all")
    parser.add_argument("--tasks", type=int, default=TASKS)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="length of one slice")
    parser.add_argument("--only", action="append", help="a page's name; may be given again")
    parser.add_argument("--port", type=int, default=8460, help="the first of two ports")
    given = parser.parse_args()
    rounds = given.rounds or (3 if given.quick else 7)
    seconds = given.seconds or (0.8 if given.quick else 2.0)
    names = [*(page.name for page in PAGES), *POSTS]
    if given.only:
        names = [name for name in names if name in given.only]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        instance = Path(folder)
        build(instance / "tracker.db", given.tasks)
        os.environ["TRACKER_INSTANCE"] = folder
        app = make_measured()
        driver = prepare(app)
        queries = {
            page.name: count_queries(app, driver.cookie, page.address)
            for page in PAGES
            if page.name in names
        }
        servers = [
            stack.enter_context(serving(name, given.port + number, instance))
            for number, name in enumerate(("measured", "bare"))
        ]
        # What is left of the assignments is shared out among all slices of posting.
        slices = (rounds + 1) * len(servers) * sum(name in POSTS for name in names)
        share = len(driver.open_assignments) // (slices * CONNECTIONS) if slices else 0
        # Once unmeasured: what is compiled or read at first use is not a page's cost.
        for name in names:
            for server in servers:
                driver.run(server, name, min(seconds, 1.0), share)
        driver.slices.clear()
        for number in range(rounds):
            for name in names:
                for server in servers if number % 2 == 0 else servers[::-1]:
                    driver.run(server, name, seconds, share)
        print(f"{given.tasks} tasks, {rounds} rounds of {seconds} s; medians")
        show(HEADINGS, report(driver, names, queries))
        print(
            f"spread: p99/p50 beside the bare view's own, goal at most {SPREAD_GOAL};"
            f" queries: goal at most {QUERY_GOAL}"
        )
        for server in servers:
            sizes = " and ".join(f"{size:.0f}" for size in server.resident_megabytes())
            print(f"memory of the workers, {server.name}: {sizes} MB")
        load = os.getloadavg()[0]
        print(f"load of the machine at the end: {load:.1f} on {os.cpu_count()} processors")


if __name__ == "__main__":
    main()

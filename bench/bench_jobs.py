"""The nightly reminder with 100,000 assignments due: how long it takes, and how much memory.

A job process of its own takes the run from the ledger, as `tracker worker` would; the figures that
the ledger shows meanwhile are looked at from outside. Goals: under 60 s, under 300 MB.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from data import BORN, TODAY, build
from sqlalchemy import Connection, create_engine, insert, select, text
from sqlalchemy.pool import NullPool
from table import show

from tracker.accounts.models import Grant, User
from tracker.app import create_app
from tracker.config import Settings
from tracker.core.clock import FixedClock
from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting
from tracker.core.db import new_public_id
from tracker.core.rights import Role
from tracker.core.work import run
from tracker.jobs import ledger
from tracker.jobs.worker import JobProcess
from tracker.plugins.host import host_of
from tracker.units.models import Unit

ASSIGNMENTS = 100_000
GOAL_SECONDS = 60.0
GOAL_MEGABYTES = 300.0
JOB = "notices.remind"
# The morning of the benchmarks' day, in Vietnam.
NOW = datetime(TODAY.year, TODAY.month, TODAY.day, 0, 0, tzinfo=UTC)
HERE = Path(__file__).resolve().parent


def app_on(url: str, folder: Path):
    """Return the app on the filled database, on the benchmarks' day."""
    settings = Settings(instance=folder, database_url=url, secret_key="bench-" + "0123456789" * 4)
    return create_app(settings, clock=FixedClock(NOW)), settings


def work(url: str, folder: Path) -> None:
    """Be the job process: claim the run, run it, and tell the most memory it took."""
    app, settings = app_on(url, folder)
    jobs = {JOB: host_of(app).registry.jobs[JOB]}
    object.__setattr__(host_of(app).registry, "jobs", jobs)
    process = JobProcess(app, settings)
    process.claim()
    while process.active:
        process.beat()
        time.sleep(0.2)
    used = resource.getrusage(resource.RUSAGE_SELF)
    sys.stdout.write(f"{most_megabytes()} {used.ru_utime + used.ru_stime}")


def most_megabytes() -> float:
    """Return the most resident memory that this program took, mapped files included.

    Not getrusage: its maximum counts what the parent held before this program began.
    """
    status = Path("/proc/self/status").read_text()
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found.group(1)) / 1024 if found else 0.0


def add_people(connection: Connection) -> None:
    """Give every unit a head and an officer, who are told of its work."""
    units = connection.execute(select(Unit.id).order_by(Unit.id)).scalars().all()
    people = [
        (100 + 2 * unit + number, unit, role)
        for unit in units
        for number, role in enumerate((Role.HEAD, Role.OFFICER))
    ]
    connection.execute(
        insert(User),
        [
            {"id": key, "public_id": new_public_id(), "version": 1, "username": f"p{key}",
             "name": f"Người {key}", "title": "", "email": "", "phone": "", "unit_id": unit,
             "password_hash": "", "is_active": True, "locale": "vi", "theme": "auto",
             "folded": f"nguoi {key}", "sort_key": f"{key}"}
            for key, unit, _role in people
        ],
    )  # fmt: skip
    connection.execute(
        insert(Grant),
        [
            {"version": 1, "user_id": key, "role": role, "unit_id": unit, "valid_from": BORN,
             "note": ""}
            for key, unit, role in people
        ],
    )  # fmt: skip


def measure(url: str, folder: Path) -> bool:
    """Queue the reminder, watch it from outside, print figures; tell whether goals are met."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        # Every task is open and due on the next working day.
        due = (TODAY + timedelta(days=3)).isoformat()
        for table in ("assignments", "assignment_periods"):
            connection.execute(
                text(f"UPDATE {table} SET due_on = :due, reported = 'not_started'"), {"due": due}
            )
        connection.execute(text("UPDATE assignments SET done_on = NULL, withdrawn_on = NULL"))
        add_people(connection)
    app, _settings = app_on(url, folder)
    with app.app_context(), acting(Context(SYSTEM_ACTOR, FixedClock(NOW), Source.JOB)):
        run(lambda unit, _data: ledger.queue(unit, JOB), None)
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, str(HERE / "bench_jobs.py"), "--work", url, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )
    seen: set[int] = set()
    while process.poll() is None:
        time.sleep(0.2)
        with engine.connect() as connection:
            seen.add(connection.execute(text("SELECT progress_done FROM job_runs")).scalar_one())
    seconds = time.monotonic() - began
    megabytes, busy = map(float, process.communicate()[0].split())
    with engine.connect() as connection:
        one = connection.execute(
            text("SELECT state, progress_done, progress_total, log FROM job_runs")
        ).one()
        notices = connection.execute(text("SELECT count(*) FROM notices")).scalar_one()
    show(
        ("the nightly reminder", "measured", "goal"),
        [
            ("state in the ledger", one.state, "done"),
            ("said", one.log.splitlines()[-1], ""),
            ("assignments done of", f"{one.progress_done} / {one.progress_total}", ""),
            ("different figures of progress seen", str(len(seen)), "> 2"),
            ("notices written", str(notices), ""),
            ("seconds", f"{seconds:.1f}", f"< {GOAL_SECONDS:.0f}"),
            ("of these, seconds of processor", f"{busy:.1f}", ""),
            ("resident megabytes at most", f"{megabytes:.0f}", f"< {GOAL_MEGABYTES:.0f}"),
        ],
    )
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    is_met = seconds < GOAL_SECONDS and megabytes < GOAL_MEGABYTES
    return is_met and one.state == "done" and len(seen) > 2


def main() -> int:
    """Build the database and measure; be the job process when told so."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assignments", type=int, default=ASSIGNMENTS)
    parser.add_argument("--work", nargs=2, metavar=("URL", "FOLDER"))
    given = parser.parse_args()
    if given.work:
        work(given.work[0], Path(given.work[1]))
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = build(folder / "bench.db", given.assignments)
        return 0 if measure(url, folder) else 1


if __name__ == "__main__":
    sys.exit(main())

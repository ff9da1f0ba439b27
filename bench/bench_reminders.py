"""The nightly reminders over 100,000 assignments that fell due together: time, memory, notices.

Each of 99 units has a head and an officer, and both are told on the first working day after the
deadline: 200,000 steps. The goals are 60 s and 300 MB.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from data import TASKS, UNITS, build
from sqlalchemy import create_engine, func, insert, select, update
from sqlalchemy.pool import NullPool
from table import show

from tracker.accounts.models import Grant, User
from tracker.app import create_app
from tracker.config import Settings
from tracker.core.clock import FixedClock
from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting
from tracker.core.db import db, new_public_id
from tracker.core.rights import Role
from tracker.notices import ladder
from tracker.notices.escalation_models import EscalationStep
from tracker.notices.models import Notice
from tracker.plans.models import Assignment, Reported, Task

ASSIGNMENTS = 100_000
SECONDS, MEGABYTES = 60.0, 300.0
DUE = date(2026, 11, 20)
# The morning of the Monday after.
NOW = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)


def fill(url: str, count: int) -> None:
    """Give every unit its people, and the units `count` open assignments due on one day."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(update(Assignment.__table__).values(reported=Reported.DONE))
        people: list[dict[str, Any]] = []
        grants: list[dict[str, Any]] = []
        for unit in range(2, UNITS + 1):
            for place, role in enumerate((Role.HEAD, Role.OFFICER)):
                number = 1000 + 2 * unit + place
                people.append(
                    {"id": number, "public_id": new_public_id(), "version": 1,
                     "username": f"nguoi-{number}", "name": f"Người {number}", "title": "",
                     "email": "", "phone": "", "unit_id": unit, "password_hash": "",
                     "is_active": True, "locale": "vi", "theme": "auto", "folded": "",
                     "sort_key": ""}
                )  # fmt: skip
                grants.append(
                    {"user_id": number, "role": role, "unit_id": unit, "note": "",
                     "valid_from": date(2026, 1, 1), "version": 1}
                )  # fmt: skip
        connection.execute(insert(User.__table__), people)
        connection.execute(insert(Grant.__table__), grants)
        tasks = list(
            connection.scalars(select(Task.id).where(Task.kind == "task").order_by(Task.id))
        )
        rows = [
            {"public_id": new_public_id(), "version": 1, "task_id": tasks[number % len(tasks)],
             "unit_id": 2 + number % (UNITS - 1), "occurrence": 1000 + number,
             "original_due_on": DUE, "due_on": DUE, "reported": Reported.NOT_STARTED,
             "percent": 0, "extension_count": 0, "has_evidence": False}
            for number in range(count)
        ]  # fmt: skip
        for start in range(0, count, 10_000):
            connection.execute(insert(Assignment.__table__), rows[start : start + 10_000])
        connection.exec_driver_sql("ANALYZE")
    engine.dispose()


def main() -> None:
    """Fill, remind, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assignments", type=int, default=ASSIGNMENTS)
    count: int = parser.parse_args().assignments
    with tempfile.TemporaryDirectory() as folder:
        url = build(Path(folder) / "tracker.db", TASKS // 10)
        fill(url, count)
        settings = Settings(
            instance=Path(folder), database_url=url, secret_key=token_urlsafe(48), testing=True
        )
        clock = FixedClock(NOW)
        app = create_app(settings, clock=clock)
        with app.app_context(), acting(Context(SYSTEM_ACTOR, clock, Source.JOB)):
            started, busy = time.perf_counter(), time.process_time()
            said = ladder.remind(None)
            seconds, busy = time.perf_counter() - started, time.process_time() - busy
            steps = db.session.scalar(select(func.count()).select_from(EscalationStep))
            notices = db.session.scalar(select(func.count()).select_from(Notice))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    show(
        ("reminders", "figure", "goal"),
        [
            ("assignments", f"{count:,}", ""),
            ("steps", f"{steps or 0:,}", ""),
            ("notices", f"{notices or 0:,}", ""),
            ("seconds", f"{seconds:.1f}", f"< {SECONDS:.0f}"),
            ("of it processor", f"{busy:.1f}", ""),
            ("MB at most", f"{memory:.0f}", f"< {MEGABYTES:.0f}"),
        ],
    )
    print(said)


if __name__ == "__main__":
    main()

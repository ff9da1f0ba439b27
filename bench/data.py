"""A database of the size that the benchmarks speak of, made from a fixed seed.

100 units, 10,000 tasks with one assignment each, 30,000 progress entries, 1,000 visits. Rows go in
by plain inserts: what is measured is reading and writing afterwards, not this.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, insert, select
from sqlalchemy.pool import NullPool

from tracker.accounts.models import Grant, User
from tracker.core import migrate
from tracker.core.db import Base, new_public_id
from tracker.core.deadlines import DeadlineKind
from tracker.core.rights import Role
from tracker.core.text import fold, sort_key
from tracker.inspections.models import Visit, VisitKind, VisitState
from tracker.plans.models import (
    FOREVER,
    Assignment,
    AssignmentPeriod,
    DocumentKind,
    Plan,
    PlanDocument,
    PlanState,
    ProgressEntry,
    ReformArea,
    Reported,
    RowKind,
    Task,
    TaskLead,
)
from tracker.units.models import Unit, UnitKind, UnitVersion
from tracker.units.tree import closure_rows

UNITS = 100
TASKS = 10_000
ENTRIES = 30_000
VISITS = 1_000
BORN = date(2021, 1, 1)
TODAY = date(2026, 11, 20)
VERBS = ("Rà soát", "Ban hành", "Tổ chức", "Hoàn thiện", "Công khai", "Kiểm tra", "Đẩy mạnh")
THINGS = (
    "thủ tục hành chính tại bộ phận một cửa",
    "văn bản quy phạm pháp luật của địa phương",
    "danh mục dịch vụ công trực tuyến toàn trình",
    "đề án vị trí việc làm của cơ quan",
    "quy trình nội bộ giải quyết hồ sơ đất đai",
    "kế hoạch chuyển đổi số năm 2026",
)


def build(path: Path, tasks: int = TASKS) -> str:
    """Make the database at `path` and return its URL."""
    for old in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        old.unlink(missing_ok=True)
    url = f"sqlite:///{path}"
    migrate.upgrade(url)
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        fill(connection, tasks)
        connection.exec_driver_sql("ANALYZE")
    engine.dispose()
    return url


def _add(connection: Connection, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    connection.execute(insert(model.__table__), [dict(row) for row in rows])  # type: ignore[arg-type]


def fill(connection: Connection, tasks: int = TASKS, visits: int = VISITS) -> None:
    """Fill a migrated database that holds nothing but the reference data."""
    chance = random.Random(20_261_120)
    _units(connection)
    _people(connection)
    areas = list(connection.scalars(select(ReformArea.id).order_by(ReformArea.position)))
    _plan(connection)
    _tasks(connection, chance, areas, tasks)
    _visits(connection, chance, visits)


def _units(connection: Connection) -> None:
    names = ["UBND tỉnh Lâm Đồng"] + [f"UBND xã số {number:03}" for number in range(2, UNITS + 1)]
    units = [
        {
            "id": number,
            "public_id": new_public_id(),
            "version": 1,
            "kind": UnitKind.PROVINCE if number == 1 else UnitKind.COMMUNE,
            "name": name,
            "short_name": "",
            "parent_id": None if number == 1 else 1,
            "valid_from": BORN,
            "folded": fold(name),
            "sort_key": sort_key(name),
            "head_title": "",
        }
        for number, name in enumerate(names, 1)
    ]
    _add(connection, Unit, units)
    shared = ("kind", "name", "short_name", "parent_id", "valid_from")
    _add(
        connection,
        UnitVersion,
        [
            {"unit_id": unit["id"], "valid_to": FOREVER, **{name: unit[name] for name in shared}}
            for unit in units
        ],
    )
    closure = Base.metadata.tables["unit_closure"]
    connection.execute(
        insert(closure), closure_rows({unit["id"]: unit["parent_id"] for unit in units}, {})
    )


def _people(connection: Connection) -> None:
    people = ((1, "lanhdao", "Trần Văn Bình", Role.LEADER, 1),
              (2, "truongphong", "Nguyễn Thị Hoa", Role.HEAD, 2),
              (3, "dieuphoi", "Lê Minh Đức", Role.COORDINATOR, 1))  # fmt: skip
    _add(
        connection,
        User,
        [
            {"id": number, "public_id": new_public_id(), "version": 1, "username": username,
             "name": name, "title": "", "email": "", "phone": "", "unit_id": unit,
             "password_hash": "", "is_active": True, "locale": "vi", "theme": "auto",
             "folded": fold(name), "sort_key": sort_key(name)}
            for number, username, name, _role, unit in people
        ],
    )  # fmt: skip
    _add(
        connection,
        Grant,
        [
            {"version": 1, "user_id": number, "role": role, "unit_id": unit,
             "valid_from": BORN, "note": ""}
            for number, _username, _name, role, unit in people
        ],
    )  # fmt: skip


def _plan(connection: Connection) -> None:
    title = "Kế hoạch cải cách hành chính năm 2026"
    _add(
        connection,
        Plan,
        [{"id": 1, "public_id": new_public_id(), "version": 1, "key": "lam-dong-2026",
          "title": title, "kind": DocumentKind.PLAN, "number": "15/KH-UBND",
          "issued_on": date(2026, 1, 15), "issuer_id": 1, "year_from": 2026, "year_to": 2026,
          "state": PlanState.ISSUED, "needs_confirmation": False, "source_note": "",
          "folded": fold(title), "sort_key": sort_key(title)}],
    )  # fmt: skip
    _add(
        connection,
        PlanDocument,
        [{"id": 1, "public_id": new_public_id(), "plan_id": 1, "ordinal": 0,
          "kind": DocumentKind.PLAN, "number": "15/KH-UBND", "issued_on": date(2026, 1, 15),
          "issuer": "UBND tỉnh Lâm Đồng", "summary": title}],
    )  # fmt: skip


def _tasks(connection: Connection, chance: random.Random, areas: list[int], count: int) -> None:
    tasks, leads, assignments, periods, entries = [], [], [], [], []
    per_task = max(1, ENTRIES // TASKS)
    for number in range(1, count + 1):
        title = f"{chance.choice(VERBS)} {chance.choice(THINGS)} đợt {number}"
        due = date(2026, 1, 31) + timedelta(days=chance.randrange(330))
        unit = 2 + number % (UNITS - 1)
        started = date(2026, 1, 15)
        done = chance.random() < 0.6
        done_on = min(due + timedelta(days=chance.randrange(-20, 15)), TODAY) if done else None
        done_on = max(done_on, started + timedelta(days=5)) if done_on else None
        tasks.append(
            {"id": number, "public_id": new_public_id(), "version": 1, "plan_id": 1,
             "kind": RowKind.TASK, "position": number, "path": f"{number:06}",
             "number": str(number), "area_id": areas[number % len(areas)], "title": title,
             "product": "Báo cáo", "lead_text": f"UBND xã số {unit:03}", "coordinator_text": "",
             "budget_text": "", "note": "", "is_invented": True,
             "deadline_kind": DeadlineKind.DATE, "deadline_text": f"{due:%d/%m/%Y}",
             "deadline_on": due, "trigger_text": "", "trigger_in_working_days": False,
             "deadline_read_by": "person", "deadline_confidence": 100, "valid_from": started,
             "added_by_id": 1, "folded": fold(title), "sort_key": sort_key(title)}
        )  # fmt: skip
        leads.append({"task_id": number, "unit_id": unit})
        last = Reported.DONE if done else Reported.IN_PROGRESS
        assignments.append(
            {"id": number, "public_id": new_public_id(), "version": 1, "task_id": number,
             "unit_id": unit, "occurrence": 0, "original_due_on": due, "due_on": due,
             "reported": last, "percent": 100 if done else 60, "done_on": done_on,
             "extension_count": 0, "has_evidence": done and number % 3 > 0}
        )  # fmt: skip
        days = [started + timedelta(days=step) for step in range(1, per_task + 1)]
        days[-1] = done_on or days[-1]
        known = (Reported.NOT_STARTED, 0)
        begin = started
        for step, day in enumerate(days):
            is_last = step == per_task - 1
            reported = last if is_last else Reported.IN_PROGRESS
            share = (100 if done else 60) if is_last else 20 * (step + 1)
            if day > begin:
                periods.append(_period(number, unit, due, begin, day, *known, None))
                begin = day
            known = (reported, share)
            entries.append(
                {"public_id": new_public_id(), "assignment_id": number, "kind": "progress",
                 "effective_on": day, "reported": reported, "percent": share,
                 "done_on": done_on if is_last else None, "note": "Đang thực hiện theo kế hoạch",
                 "recorded_at": datetime(day.year, day.month, day.day, 3, tzinfo=UTC),
                 "recorded_by_id": 2, "recorded_by_name": "Nguyễn Thị Hoa", "source": "person"}
            )  # fmt: skip
        periods.append(_period(number, unit, due, begin, FOREVER, *known, done_on))
    for model, rows in ((Task, tasks), (TaskLead, leads), (Assignment, assignments),
                        (AssignmentPeriod, periods)):  # fmt: skip
        _add(connection, model, rows)
    _add(connection, ProgressEntry, entries)


def _period(
    assignment: int,
    unit: int,
    due: date,
    start: date,
    end: date,
    reported: Reported,
    share: int,
    done_on: date | None,
) -> dict[str, Any]:
    return {
        "assignment_id": assignment,
        "unit_id": unit,
        "due_on": due,
        "valid_from": start,
        "valid_to": end,
        "reported": reported,
        "percent": share,
        "done_on": done_on,
        "is_confirmed": False,
        "is_withdrawn": False,
    }


def _visits(connection: Connection, chance: random.Random, count: int) -> None:
    _add(
        connection,
        Visit,
        [
            {"public_id": new_public_id(), "version": 1,
             "kind": VisitKind.SURPRISE if number % 4 else VisitKind.SELF,
             "state": VisitState.FINISHED, "unit_id": 2 + number % (UNITS - 1),
             "visited_on": date(2026, 1, 5) + timedelta(days=chance.randrange(310)),
             "decision_number": "", "team_name": "Tổ kiểm tra công vụ", "is_announced": False,
             "present": chance.randrange(8, 30), "absent_with_reason": chance.randrange(4),
             "absent_without_reason": chance.randrange(3), "absence_note": "", "conclusion": "",
             "notice_number": "", "cancel_reason": ""}
            for number in range(count)
        ],
    )  # fmt: skip

"""Spreadsheets: the export of 10,000 tasks, and the import of as many through the real spec."""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from data import TASKS, UNITS, build
from serving import make_measured, sign_in
from table import show

from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting
from tracker.imports import engine
from tracker.ops import gunicorn_hooks
from tracker.plans.plan_import import SPEC
from tracker.web.contracts import contracts_of
from tracker.web.exports import making
from tracker.web.xlsx import Column, Sheet, write_workbook

EXPORT_GOAL = 1.0
IMPORT_GOAL = 10.0
HEADINGS = {
    "STT": str,
    "Nội dung nhiệm vụ": lambda number: f"Rà soát thủ tục hành chính tại bộ phận một cửa {number}",
    "Sản phẩm": lambda number: "Báo cáo",
    "Cơ quan chủ trì": lambda number: f"UBND xã số {2 + number % (UNITS - 1):03}",
    "Ngày đến hạn": lambda number: date(2026, 1, 31) + timedelta(days=number % 330),
}


def annex(tasks: int) -> bytes:
    """Return a spreadsheet as a plan's annex has it."""
    columns = [
        Column(heading, 20, "date" if heading == "Ngày đến hạn" else "text") for heading in HEADINGS
    ]
    rows = [tuple(make(number) for make in HEADINGS.values()) for number in range(1, tasks + 1)]
    return write_workbook([Sheet("Phụ lục", columns, rows)])


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one import, three exports")
    parser.add_argument("--tasks", type=int, default=TASKS)
    given = parser.parse_args()
    times: dict[str, list[float]] = {}

    def measure(name: str, started: tuple[float, float]) -> None:
        times.setdefault(name, []).append(time.perf_counter() - started[0])
        times.setdefault(f"{name} CPU", []).append(time.process_time() - started[1])

    def now() -> tuple[float, float]:
        return time.perf_counter(), time.process_time()

    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder) / "tracker.db", given.tasks)
        os.environ["TRACKER_INSTANCE"] = folder
        app = make_measured()
        gunicorn_hooks.post_worker_init(None)
        headers = {"Cookie": sign_in(app)}
        client = app.test_client(use_cookies=False)
        size = 0
        for number in range(4 if given.quick else 8):
            started = now()
            # As the run of the ledger opens the page; a browser is led to that run.
            with making(lambda done, total: None) as made:
                answer = client.get("/viec/xuat", headers=headers)
            if number:
                measure("export", started)
            assert made.content is not None, answer.status
            size = len(made.content)
        content = annex(given.tasks)
        with (
            app.test_request_context(),
            acting(Context(SYSTEM_ACTOR, contracts_of(app).clock, Source.COMMAND)),
        ):
            for number in range(1 if given.quick else 3):
                options = {"title": f"Kế hoạch nhập {number}", "year": "2026", "issuer": "1"}
                whole = started = now()
                found = engine.check(SPEC, content, "phu-luc.xlsx", options)
                measure("import: read and check", started)
                assert found.is_clean, found.problems[:3]
                assert len(found.lines) == given.tasks
                started = now()
                engine.apply(SPEC, found, "phu-luc.xlsx")
                measure("import: write", started)
                measure("import", whole)
    goals = {"export": EXPORT_GOAL, "import": IMPORT_GOAL}
    print(f"{given.tasks} tasks; export {size / 1e6:.1f} MB, import {len(content) / 1e6:.1f} MB")
    show(
        ("what", "seconds", "worst", "CPU s", "rounds", "goal"),
        [
            (
                name,
                f"{statistics.median(taken):.2f}",
                f"{max(taken):.2f}",
                f"{statistics.median(times[f'{name} CPU']):.2f}",
                str(len(taken)),
                f"{goals[name]:.0f}" if name in goals else "",
            )
            for name, taken in times.items()
            if not name.endswith(" CPU")
        ],
    )
    print(
        f"load of the machine at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    )


if __name__ == "__main__":
    main()

"""`tracker worker` and `tracker jobs`."""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import UUID

import click
from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import select

from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import NotFound, TrackerError
from tracker.core.numbers import format_moment
from tracker.core.text import N_
from tracker.core.work import run
from tracker.jobs import queries
from tracker.jobs.calls import Call
from tracker.jobs.child import die_with_parent
from tracker.jobs.ledger import Claimed, StartByHand, start_by_hand
from tracker.jobs.models import ENDED, JobRun, RunState
from tracker.plugins.breaker import breaker_of, end_in_order
from tracker.plugins.host import current_registry

LOOK_SECONDS = 0.2


@click.command(
    help=N_("Chạy việc tự động theo giờ thành một tiến trình riêng (tracker run tự khởi động nó)."),
    epilog=N_("Ví dụ: tracker worker"),
)
def worker() -> None:
    """Tick until told to stop."""
    # Here and below: the web server has the command, not what it runs.
    from tracker.jobs.worker import serve

    app = current_app._get_current_object()  # type: ignore[attr-defined]
    db.session.rollback()
    breaker_of(app).retire = end_in_order
    serve(app)


@click.group(help=N_("Việc tự động: danh sách, các lần chạy, và chạy ngay."))
def jobs() -> None:
    """Hold the commands on jobs."""


@jobs.command(
    "list",
    help=N_("Liệt kê việc tự động, lịch chạy và kết quả gần nhất."),
    epilog=N_("Ví dụ: tracker jobs list --json"),
)
@click.option("--json", "as_json", is_flag=True, help=N_("In kết quả dạng JSON."))
def list_jobs(as_json: bool) -> None:
    """List the jobs with their cron lines, next due moments and last results."""
    rows = [
        {
            "key": one.key,
            "label": one.label,
            "cron": one.cron,
            "next_due": one.next_due.isoformat() if one.next_due else None,
            "is_asleep": one.is_asleep,
            "last": _row(one.last) if one.last else None,
            "under_way": _row(one.under_way) if one.under_way else None,
        }
        for one in queries.job_lines(current().clock.now())
    ]
    if as_json:
        _print_json(rows)
        return
    for row in rows:
        last: Any = row["last"]
        state = last["state"] if last else "-"
        click.echo(f"{row['key']:<24} {row['cron']:<16} {state:<10} {row['label']}")


@jobs.command(
    "runs",
    help=N_("Liệt kê các lần chạy mới nhất: đến hạn lúc nào, kết quả, ghi chú."),
    epilog=N_("Ví dụ: tracker jobs runs --job audit.anchor --json"),
)
@click.option("--job", default="", help=N_("Chỉ các lần chạy của việc này."))
@click.option(
    "--state",
    type=click.Choice([one.value for one in RunState]),
    help=N_("Chỉ các lần chạy có kết quả này."),
)
@click.option("--json", "as_json", is_flag=True, help=N_("In kết quả dạng JSON."))
@click.option("--limit", default=50, type=click.IntRange(1, 1000), show_default=True)
def list_runs(job: str, state: str | None, as_json: bool, limit: int) -> None:
    """List the newest runs: due, state, log."""
    wanted = queries.RunFilter(job, RunState(state) if state else None)
    runs = db.session.scalars(queries.runs_query(wanted).limit(limit)).all()
    if as_json:
        _print_json([_row(one) for one in runs])
        return
    for one in runs:
        note = queries.last_line(one.log)
        click.echo(f"{format_moment(one.due_at)}  {one.state.value:<9} {one.job:<24} {note}")


@jobs.command(
    "run",
    help=N_("Chạy một việc ngay: đưa vào hàng chờ cho tiến trình việc tự động."),
    epilog=N_("Ví dụ: tracker jobs run audit.anchor --wait --json"),
)
@click.argument("key")
@click.option("--reason", default="", help=N_("Lý do, ghi vào sổ."))
@click.option("--wait", "wait", is_flag=True, help=N_("Đợi chạy xong; hỏng thì mã thoát là 1."))
@click.option(
    "--timeout",
    default=600,
    type=click.IntRange(1, 86400),
    show_default=True,
    help=N_("Đợi nhiều nhất bao nhiêu giây."),
)
@click.option(
    "--here", "here", is_flag=True, help=N_("Chạy mọi việc đang chờ ngay trong lệnh này.")
)
@click.option("--json", "as_json", is_flag=True, help=N_("In kết quả dạng JSON."))
def run_job(key: str, reason: str, wait: bool, timeout: int, here: bool, as_json: bool) -> None:
    """Queue a run; with --wait, report how it ended."""
    if key not in current_registry().jobs:
        raise NotFound(_("Không có việc tự động nào tên %(key)s.", key=key))
    run_id = run(start_by_hand, StartByHand(key, reason))
    if here:
        from tracker.jobs.worker import tick

        app = current_app._get_current_object()  # type: ignore[attr-defined]
        tick(app)
    found = _await(run_id, timeout) if wait else _read(run_id)
    if as_json:
        _print_json(_row(found))
    else:
        click.echo(f"{found.public_id}  {found.state.value}  {queries.last_line(found.log)}")
    if found.state is RunState.FAILED:
        raise SystemExit(1)


def _read(run_id: UUID) -> JobRun:
    db.session.rollback()
    return db.session.scalars(select(JobRun).where(JobRun.public_id == run_id)).one()


def _await(run_id: UUID, timeout: int) -> JobRun:
    deadline = time.monotonic() + timeout
    while (found := _read(run_id)).state not in ENDED:
        if time.monotonic() > deadline:
            raise TrackerError(
                _(
                    "Sau %(num)d giây việc vẫn chưa xong. Hãy kiểm tra rằng tracker run hoặc "
                    "tracker worker đang chạy.",
                    num=timeout,
                )
            )
        time.sleep(LOOK_SECONDS)
    return found


@jobs.command(
    "exec",
    hidden=True,
    help=N_("Chạy một lần của việc trong tiến trình riêng."),
    epilog=N_("Ví dụ: tracker jobs exec 6f9619ff-8b86-4d01-b42d-00cf4fc964ff --attempt 1"),
)
@click.argument("run_id", type=click.UUID)
@click.option("--attempt", required=True, type=click.IntRange(1))
def exec_run(run_id: UUID, attempt: int) -> None:
    """Be the child process of a run that a job process has claimed."""
    die_with_parent()
    run_claimed(run_id, attempt)


def run_claimed(run_id: UUID, attempt: int) -> None:
    """Run a run whose token is `attempt`; one that was lost meanwhile writes nothing."""
    found = _read(run_id)
    claimed = Claimed(
        found.id,
        found.public_id,
        found.job,
        found.due_at,
        attempt,
        found.input,
        found.progress_done,
    )
    db.session.rollback()
    spec = current_registry().jobs.get(claimed.job)
    if spec is None:
        raise NotFound(_("Không có việc tự động nào tên %(key)s.", key=claimed.job))
    from tracker.jobs.worker import execute

    execute(Call(claimed), spec)


def _row(one: JobRun) -> dict[str, Any]:
    return {
        "id": str(one.public_id),
        "job": one.job,
        "kind": one.kind.value,
        "due_at": one.due_at.isoformat(),
        "state": one.state.value,
        "started_at": one.started_at.isoformat() if one.started_at else None,
        "ended_at": one.ended_at.isoformat() if one.ended_at else None,
        "attempts": one.attempts,
        "done": one.progress_done,
        "total": one.progress_total,
        "message": one.progress_text,
        "asked_by": one.asked_by_name,
        "reason": one.reason,
        "process": one.process,
        "result_url": one.result_url,
        "log": one.log,
    }


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))

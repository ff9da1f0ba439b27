"""`tracker worker` and `tracker jobs`."""

from __future__ import annotations

import json

import click
from flask import current_app
from sqlalchemy import select

from tracker.core.db import db
from tracker.core.numbers import format_moment
from tracker.core.text import N_
from tracker.jobs.models import JobRun
from tracker.jobs.worker import serve
from tracker.plugins.host import current_registry


@click.command(
    help=N_("Chạy việc tự động theo giờ thành một tiến trình riêng (tracker run tự khởi động nó)."),
    epilog=N_("Ví dụ: tracker worker"),
)
def worker() -> None:
    """Tick until told to stop."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    db.session.rollback()
    serve(app)


@click.group(help=N_("Việc tự động: danh sách và các lần chạy."))
def jobs() -> None:
    """Hold the commands on jobs."""


@jobs.command(
    "list",
    help=N_("Liệt kê việc tự động và lịch chạy."),
    epilog=N_("Ví dụ: tracker jobs list --json"),
)
@click.option("--json", "as_json", is_flag=True, help=N_("In kết quả dạng JSON."))
def list_jobs(as_json: bool) -> None:
    """List the jobs with their cron lines."""
    rows = [
        {"key": spec.key, "label": str(spec.label), "cron": spec.cron}
        for spec in current_registry().jobs.values()
    ]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for row in rows:
        click.echo(f"{row['key']:<24} {row['cron']:<16} {row['label']}")


@jobs.command(
    "runs",
    help=N_("Liệt kê các lần chạy mới nhất: đến hạn lúc nào, kết quả, ghi chú."),
    epilog=N_("Ví dụ: tracker jobs runs --json"),
)
@click.option("--json", "as_json", is_flag=True, help=N_("In kết quả dạng JSON."))
@click.option("--limit", default=50, type=click.IntRange(1, 1000), show_default=True)
def list_runs(as_json: bool, limit: int) -> None:
    """List the newest runs: due, state, log."""
    runs = db.session.scalars(
        select(JobRun).order_by(JobRun.due_at.desc(), JobRun.id.desc()).limit(limit)
    ).all()
    if as_json:
        rows = [
            {
                "job": one.job,
                "due_at": one.due_at.isoformat(),
                "state": one.state.value,
                "process": one.process,
                "log": one.log,
            }
            for one in runs
        ]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for one in runs:
        click.echo(f"{format_moment(one.due_at)}  {one.state.value:<8} {one.job:<24} {one.log}")

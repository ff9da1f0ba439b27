"""`tracker outbox`: what waits, and trying again what was given up."""

from __future__ import annotations

import json

import click
from flask_babel import gettext as _
from sqlalchemy import func, select

from tracker.core.db import db
from tracker.core.errors import NotFound
from tracker.core.numbers import format_moment
from tracker.core.text import N_
from tracker.core.work import run
from tracker.outbox.models import MessageState, OutboxMessage
from tracker.outbox.services import TryAgain, try_again
from tracker.outbox.topics import topics


@click.group(help=N_("Hộp gửi đi: thông báo và tin đang chờ."))
def outbox() -> None:
    """Hold the commands on the outbox."""


@outbox.command(
    "list",
    help=N_("Đếm các mục theo loại và trạng thái, kèm lần thử tới."),
    epilog=N_("Ví dụ: tracker outbox list --json"),
)
@click.option("--json", "as_json", is_flag=True, help=N_("In kết quả dạng JSON."))
def list_messages(as_json: bool) -> None:
    """Count what is not done, by topic and state."""
    found = db.session.execute(
        select(
            OutboxMessage.topic,
            OutboxMessage.state,
            func.count().label("count"),
            func.min(OutboxMessage.next_try_at).label("next_try_at"),
            func.max(OutboxMessage.error).label("error"),
        )
        .where(OutboxMessage.state != MessageState.DONE)
        .group_by(OutboxMessage.topic, OutboxMessage.state)
        .order_by(OutboxMessage.topic, OutboxMessage.state)
    ).all()
    if as_json:
        rows = [
            {
                "topic": one.topic,
                "state": one.state.value,
                "count": one.count,
                "next_try_at": one.next_try_at.isoformat(),
                "error": one.error,
            }
            for one in found
        ]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    if not found:
        click.echo(_("Không có mục nào đang chờ."))
    for one in found:
        click.echo(
            f"{one.topic:<24} {one.state.value:<10} {one.count:>8} "
            f"{format_moment(one.next_try_at)}  {one.error[:60]}"
        )


@outbox.command(
    "retry",
    help=N_("Thử lại ngay các mục của một loại đã thôi thử hoặc đang chờ thử lại."),
    epilog=N_("Ví dụ: tracker outbox retry notice.send"),
)
@click.argument("topic")
def retry(topic: str) -> None:
    """Let messages of a topic be tried at once."""
    if topic not in topics():
        raise NotFound(_("Hộp gửi đi không có loại tin nào tên %(topic)s.", topic=topic))
    count = run(try_again, TryAgain(topic))
    click.echo(_("%(count)d mục sẽ được thử lại.", count=count))

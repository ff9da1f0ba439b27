"""`tracker run`: starts the server at once; the app itself is loaded only to make an instance."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

import click

from tracker.config import settings_from_environment
from tracker.core.text import N_
from tracker.ops.supervisor import Supervisor
from tracker.ops.watching import Reader, Unreachable, has_current_schema
from tracker.plugins.commands import at_once

Surroundings = Callable[[], contextlib.AbstractContextManager[object]]


@at_once
@click.command(
    "run",
    help=N_("Chạy máy chủ và tiến trình việc tự động; tạo hệ thống trống trước nếu chưa có."),
    epilog=N_("Ví dụ: TRACKER_BIND=0.0.0.0:8000 tracker run"),
)
@click.pass_obj
def run_command(in_language: Surroundings) -> None:
    """Start the server and the job process."""
    settings = settings_from_environment()
    reader = Reader(settings)
    if not has_current_schema(settings, reader):
        from tracker.ops.instance import ready_app

        with in_language():
            ready_app(settings)
    supervisor = Supervisor(
        settings,
        os.environ,
        lambda address: _say_address(address, reader, in_language),
        lambda: _warn_of_safe_mode(in_language),
    )
    code = supervisor.serve()
    if code:
        raise SystemExit(code)


def _say_address(address: str, reader: Reader, in_language: Surroundings) -> None:
    """Tell where the server is, and what a newcomer has to know."""
    click.echo(f"\n  {address}\n")
    with in_language():
        from flask_babel import gettext as _

        if _holds(reader, "SELECT 1 FROM settings WHERE key = 'demo.loaded_on'"):
            click.echo("  " + _("Đây là bản trình diễn: trang đăng nhập có nút cho từng vai trò."))
        elif not _holds(reader, "SELECT 1 FROM users LIMIT 1"):
            click.echo("  " + _("Chưa ai có tài khoản. Lấy liên kết thiết lập bằng: tracker init"))
        click.echo("  " + _("Dừng bằng Ctrl+C.") + "\n")
    reader.close()


def _holds(reader: Reader, question: str) -> bool:
    try:
        return reader.one(question) is not None
    except Unreachable:
        return False


def _warn_of_safe_mode(in_language: Surroundings) -> None:
    with in_language():
        from flask_babel import gettext as _

        click.echo(
            _(
                "Máy chủ không khởi động được với các mô-đun, nên chạy ở chế độ an toàn, không "
                "mô-đun nào được nạp. Xem lý do bằng: tracker plugin list"
            ),
            err=True,
        )

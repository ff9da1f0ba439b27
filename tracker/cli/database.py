"""`tracker db`: bring the schema up to date, and say where it stands."""

from __future__ import annotations

import json
from pathlib import Path

import click
from flask_babel import gettext as _

from tracker.config import settings_from_environment
from tracker.core.text import N_
from tracker.plugins.commands import without_app

SQLITE = "sqlite:///"


def is_missing(database_url: str) -> bool:
    """Tell whether the embedded database's file is not there (asking SQLite would make it)."""
    return database_url.startswith(SQLITE) and not Path(database_url.removeprefix(SQLITE)).exists()


@without_app
@click.group("db", help=N_("Cơ sở dữ liệu: nâng cấp, xem trạng thái."))
def database() -> None:
    """Hold the commands on the schema."""


@database.command(
    help=N_(
        "Nâng cơ sở dữ liệu lên phiên bản mới nhất; tạo mới nếu chưa có. "
        "Chạy lại không thay đổi gì."
    ),
    epilog=N_("Ví dụ: tracker db upgrade"),
)
def upgrade() -> None:
    """Migrate to the newest revision."""
    from tracker.core import migrate

    url = settings_from_environment().database_url
    before = None if is_missing(url) else migrate.current_revision(url)
    migrate.upgrade(url)
    after = migrate.current_revision(url)
    if before == after:
        click.echo(_("Cơ sở dữ liệu đã ở phiên bản mới nhất (%(revision)s).", revision=after))
    else:
        click.echo(
            _(
                "Đã nâng cơ sở dữ liệu từ %(before)s lên %(after)s.",
                before=before or _("trống"),
                after=after,
            )
        )


@database.command(
    help=N_("Cho biết cơ sở dữ liệu ở phiên bản nào. Mã thoát 1 khi cần nâng cấp."),
    epilog=N_("Ví dụ: tracker db status --json"),
)
@click.option("--json", "as_json", is_flag=True, help=N_("In kết quả dạng JSON."))
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Compare the database's revision with the newest one."""
    from tracker.core import migrate

    url = settings_from_environment().database_url
    found = None if is_missing(url) else migrate.current_revision(url)
    newest = migrate.head_revision()
    if as_json:
        click.echo(json.dumps({"revision": found, "newest": newest, "is_current": found == newest}))
    elif found == newest:
        click.echo(_("Cơ sở dữ liệu ở phiên bản mới nhất (%(revision)s).", revision=found))
    elif found is None:
        click.echo(_("Chưa có cơ sở dữ liệu. Chạy: tracker db upgrade"))
    else:
        click.echo(
            _(
                "Cơ sở dữ liệu ở %(found)s, mới nhất là %(newest)s. Chạy: tracker db upgrade",
                found=found,
                newest=newest,
            )
        )
    if found != newest:
        ctx.exit(1)

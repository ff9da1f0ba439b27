"""Commands that make, run, save and examine an instance.

All but `doctor` work without a database that is ready, so they take the settings themselves.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import IO

import click
from flask import Flask, url_for
from flask_babel import gettext as _
from sqlalchemy import select

from tracker.accounts import demo as demo_people
from tracker.accounts import links
from tracker.accounts.tokens import hash_token, new_token
from tracker.app import create_app
from tracker.config import Settings, settings_from_environment
from tracker.core.changes import ChangeHead
from tracker.core.clock import SystemClock
from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting
from tracker.core.db import db
from tracker.core.numbers import format_date, format_moment
from tracker.core.text import N_
from tracker.core.work import Work, run
from tracker.ops import backup as backups
from tracker.ops.instance import ready_app
from tracker.plugin_admin.bundled import install_bundled
from tracker.plugins.commands import without_app
from tracker.plugins.descriptors import DemoData, Health
from tracker.plugins.host import current_registry
from tracker.plugins.loader import load_plugins
from tracker.settings.models import Setting
from tracker.web.contracts import contracts_of

DEMO_KEY = "demo.loaded_on"


@contextmanager
def _as_system(app: Flask) -> Iterator[None]:
    context = Context(SYSTEM_ACTOR, contracts_of(app).clock, Source.COMMAND)
    with app.app_context(), acting(context):
        yield


@without_app
@click.command(
    help=N_("Tạo hệ thống thật còn trống và in liên kết thiết lập dùng một lần (hiệu lực 48 giờ)."),
    epilog=N_("Ví dụ: TRACKER_INSTANCE=/srv/tracker tracker init"),
)
def init() -> None:
    """Make an instance and its set-up link."""
    settings = settings_from_environment()
    app = ready_app(settings)
    token = new_token()
    with _as_system(app):
        run(links.make_link, links.MakeLink(hash_token(token), None))
        with app.test_request_context(base_url=f"http://{settings.bind}"):
            address = url_for("accounts.use_link", token=token, _external=True)
    click.echo(_("Hệ thống đã sẵn sàng trong %(folder)s", folder=settings.instance))
    click.echo(_("Khởi động bằng: tracker run"))
    click.echo(_("Rồi mở địa chỉ này một lần để tạo quản trị viên đầu tiên:"))
    click.echo(f"\n  {address}\n")


@dataclass(frozen=True)
class MarkDemo:
    """The day around which the demo's lively data is laid."""

    day: date


def mark_demo(work: Work, data: MarkDemo) -> None:
    """Say on every page that this is a demo."""
    work.session.add(Setting(key=DEMO_KEY, value=data.day.isoformat()))


def _demo_day() -> date | None:
    stored = db.session.scalar(select(Setting.value).where(Setting.key == DEMO_KEY))
    return date.fromisoformat(stored) if stored else None


@without_app
@click.command(
    help=N_(
        "Nạp dữ liệu trình diễn vào một hệ thống riêng; nạp lại không đổi gì. "
        "Từ chối hệ thống có dữ liệu thật (mã thoát 1)."
    ),
    epilog=N_("Ví dụ: TRACKER_INSTANCE=demo tracker demo"),
)
@click.option(
    "--passwords", is_flag=True, help=N_("Đặt mật khẩu ngẫu nhiên cho người dùng trình diễn.")
)
@click.option(
    "--plugins",
    "plugins_folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help=N_("Thư mục mô-đun kèm theo (mặc định: plugins/ của bản mã nguồn)."),
)
def demo(passwords: bool, plugins_folder: Path | None) -> None:
    """Load the demo."""
    settings = settings_from_environment()
    # The bundled plug-ins may be newer than those that are installed.
    app = ready_app(settings, with_plugins=False)
    with _as_system(app):
        day = _demo_day()
        if day is None:
            if links.has_users(db.session()):
                raise click.ClickException(
                    _(
                        "Hệ thống này có dữ liệu thật; bản trình diễn nằm ở hệ thống riêng. "
                        "Hãy đặt thư mục khác: TRACKER_INSTANCE=demo tracker demo"
                    )
                )
            day = SystemClock().today()
            run(mark_demo, MarkDemo(day))
        before = _newest_change()
        demo_data: Sequence[DemoData] = current_registry().demo_data
        with click.progressbar(
            demo_data, label=_("Bản trình diễn"), item_show_func=_key
        ) as sources:
            for source in sources:
                source.load(day)
        changed = _newest_change() - before
        click.echo(
            _(
                "Dữ liệu trình diễn quanh ngày %(day)s: đã ghi %(count)d lần.",
                day=format_date(day),
                count=changed,
            )
        )
        _install_bundled(settings, plugins_folder)
        db.session.rollback()
        _load_plugin_demo(settings, day)
        if passwords:
            for name, password in demo_people.set_random_passwords().items():
                click.echo(f"  {name:<14} {password}")


def _install_bundled(settings: Settings, folder: Path | None) -> None:
    """Install the plug-ins that lie beside the checkout, and say what became of each."""
    found = folder or Path(__file__).resolve().parents[2] / "plugins"
    if not any(found.glob("*/pyproject.toml")):
        click.echo(_("Không có mô-đun kèm theo: đây là bản trình diễn của phần lõi."))
        return
    for one in install_bundled(settings, found, lambda text: click.echo(f"  · {text}", err=True)):
        if one.problem:
            click.echo(_("Không cài được %(name)s: %(reason)s", name=one.name, reason=one.problem))
        else:
            click.echo(_("Mô-đun %(name)s %(version)s.", name=one.name, version=one.version))


def _load_plugin_demo(settings: Settings, day: date) -> None:
    """Load the demo data of the installed plug-ins, in an app that has them."""
    plugins = load_plugins(settings)
    if not plugins:
        return
    known = {one.key for one in current_registry().demo_data}
    app = create_app(settings, plugins)
    with _as_system(app):
        for source in current_registry().demo_data:
            if source.key not in known:
                source.load(day)
        db.session.remove()


def _key(source: DemoData | None) -> str:
    return source.key if source else ""


def _newest_change() -> int:
    newest: int = db.session.execute(select(ChangeHead.last_id)).scalar_one()
    db.session.rollback()
    return newest


class _Bar:
    """A progress bar that follows several steps of one piece of work."""

    def __init__(self) -> None:
        self.what = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        if sys.stderr.isatty() and what != self.what:
            self.what = what
            click.echo(f"\r\033[K{what} {done + 1}/{total}", nl=False, err=True)

    def end(self) -> None:
        if self.what:
            click.echo("\r\033[K", nl=False, err=True)


@without_app
@click.command(
    help=N_("Ghi cơ sở dữ liệu và tệp vào một tệp duy nhất, trong khi mọi người vẫn làm việc."),
    epilog=N_("Ví dụ: tracker backup /media/usb/tracker-2026-11-21.zip"),
)
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--with-key", is_flag=True, help=N_("Kèm khóa mã hóa, bọc bằng cụm mật khẩu."))
@click.option("--passphrase-file", type=click.File("r"), help=N_("Đọc cụm mật khẩu từ tệp."))
def backup(target: Path, with_key: bool, passphrase_file: IO[str] | None) -> None:
    """Write a backup."""
    passphrase = _passphrase(passphrase_file, confirm=True) if with_key else None
    bar = _Bar()
    manifest = backups.back_up(
        settings_from_environment(), target, SystemClock().now(), passphrase, bar
    )
    bar.end()
    rows = sum(manifest.tables.values())
    size = target.stat().st_size / 1024 / 1024
    click.echo(
        _(
            "%(target)s: %(rows)d dòng, %(files)d tệp, %(size)s MB",
            target=target,
            rows=rows,
            files=manifest.files,
            size=f"{size:.1f}",
        )
    )


@without_app
@click.command(
    help=N_(
        "Nạp bản sao lưu vào hệ thống trống (SQLite và PostgreSQL đọc được bản sao lưu của nhau)."
    ),
    epilog=N_("Ví dụ: TRACKER_INSTANCE=/srv/new tracker restore tracker-2026-11-21.zip"),
)
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--with-key", is_flag=True, help=N_("Lấy cả khóa mã hóa; hỏi cụm mật khẩu."))
@click.option("--passphrase-file", type=click.File("r"), help=N_("Đọc cụm mật khẩu từ tệp."))
def restore(source: Path, with_key: bool, passphrase_file: IO[str] | None) -> None:
    """Restore a backup."""
    passphrase = _passphrase(passphrase_file, confirm=False) if with_key else None
    bar = _Bar()
    left: list[str] = []

    def aside(name: str, path: Path, why: str) -> None:
        left.append(
            _(
                "Dữ liệu của mô-đun %(name)s chưa nạp được (%(why)s), cất tại %(path)s.",
                name=name,
                why=why or _("không có bản cài trong bản sao lưu"),
                path=path,
            )
        )

    manifest = backups.restore(settings_from_environment(), source, passphrase, bar, aside)
    bar.end()
    for line in left:
        click.echo(line, err=True)
    click.echo(
        _(
            "Đã nạp %(rows)d dòng và %(files)d tệp.",
            rows=sum(manifest.tables.values()),
            files=manifest.files,
        )
    )
    click.echo(
        _(
            "Bản sao lưu tạo lúc %(moment)s bởi phiên bản %(version)s.",
            moment=format_moment(datetime.fromisoformat(manifest.made_at)),
            version=manifest.version,
        )
    )
    if passphrase is None:
        click.echo(_("Khóa mã hóa không được nạp: các trường mã hóa sẽ không đọc được."))


def _passphrase(file: IO[str] | None, *, confirm: bool) -> str:
    if file is not None:
        return str(file.read()).strip()
    return str(click.prompt(_("Cụm mật khẩu"), hide_input=True, confirmation_prompt=confirm))


@click.command(
    help=N_("Khám hệ thống và nói phải làm gì với từng chỗ hỏng. Mã thoát 1 khi có lỗi."),
    epilog=N_("Ví dụ: tracker doctor --json"),
)
@click.option("--json", "as_json", is_flag=True, help=N_("In kết quả dạng JSON."))
def doctor(as_json: bool) -> None:
    """Examine the instance."""
    rows = [
        {
            "check": check.key,
            "label": str(check.label),
            "health": diagnosis.health.value,
            "message": diagnosis.message,
            "advice": diagnosis.advice,
        }
        for check in current_registry().doctor_checks
        for diagnosis in check.check()
    ]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    else:
        marks = {"ok": "✓", "warning": "!", "error": "✗"}
        for row in rows:
            click.echo(f"{marks[row['health']]} {row['label']}: {row['message']}")
            if row["advice"]:
                click.echo(f"    → {row['advice']}")
    if any(row["health"] == Health.ERROR for row in rows):
        raise SystemExit(1)

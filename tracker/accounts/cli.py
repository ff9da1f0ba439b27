"""`tracker user`: accounts from the command line.

The commands run inside an app context as the system. What goes wrong ends with code 2 and one
sentence that says what to do.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn, TypeVar, cast

import click
from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import select

from tracker.accounts import addresses, passwords, queries, services
from tracker.accounts.models import User
from tracker.config import Settings
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import TrackerError
from tracker.core.rights import Role
from tracker.core.text import N_
from tracker.core.work import run
from tracker.units import queries as units
from tracker.units.models import Unit

Command = TypeVar("Command", bound=Callable[..., Any])


class Refused(click.ClickException):
    """What was asked for cannot be done; the message says why and what would do."""

    exit_code = 2


def _fail(message: str) -> NoReturn:
    raise Refused(message)


def _tell_errors(command: Command) -> Command:
    """Say a product's error in one sentence instead of a traceback."""

    @wraps(command)
    def told(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except TrackerError as error:
            _fail(error.message or _("Không có tài khoản này hoặc không được phép sửa."))

    return cast(Command, told)


@click.group("user", help=N_("Tài khoản: tạo, cấp liên kết đặt mật khẩu, liệt kê."))
def user_group() -> None:
    """Hold the commands on accounts."""


@user_group.command(
    "create",
    help=N_("Tạo tài khoản NAME với một vai trò ở một đơn vị."),
    epilog=N_(
        'Ví dụ: tracker user create an.nguyen --role officer --unit "Phòng Nội vụ" --password-stdin'
    ),
)
@click.argument("username", metavar="NAME")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option("--unit", "unit_text", metavar="UNIT", required=True, help=N_("Mã hoặc tên đơn vị."))
@click.option(
    "--name", "full_name", default="", help=N_("Họ và tên; không có thì dùng tên đăng nhập.")
)
@click.option("--password-stdin", is_flag=True, help=N_("Đọc mật khẩu từ đầu vào chuẩn."))
@_tell_errors
def create(username: str, role: str, unit_text: str, full_name: str, password_stdin: bool) -> None:
    """Make an account."""
    unit_id = _find_unit(unit_text)
    password_hash = ""
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
        problem = passwords.fault(password, services.clean_username(username))
        if problem:
            _fail(problem)
        password_hash = passwords.hash_password(password)
    account = services.CreateUser(
        username, services.Contact(full_name or services.clean_username(username)), unit_id
    )
    run(
        services.save_account,
        services.AccountRow(account, Role(role), unit_id, password_hash=password_hash),
    )
    click.echo(_("Đã tạo %(name)s.", name=services.clean_username(username)))
    if not password_hash:
        click.echo(_("Chưa có mật khẩu: chạy “tracker user link” để lấy liên kết."), err=True)


def _find_unit(typed: str) -> int:
    """Return the living unit with this code or name; end with code 2 unless it is exactly one."""
    by_code = db.session.scalar(
        select(Unit.id).where(Unit.code == typed.strip(), Unit.valid_to.is_(None))
    )
    if by_code is not None:
        return by_code
    matches = [
        one
        for one in units.match(db.session(), typed, current().clock.today())
        if one.is_whole and one.is_alive
    ]
    exact = [one for one in matches if one.name == typed] or matches
    if not exact:
        _fail(_("Không có đơn vị nào có mã hoặc tên “%(text)s”.", text=typed))
    if len(exact) > 1:
        names = "; ".join(f"{one.name} (#{one.id})" for one in exact[:5])
        _fail(
            _(
                "Nhiều đơn vị cùng tên “%(text)s”: %(names)s. Hãy ghi mã đơn vị.",
                text=typed,
                names=names,
            )
        )
    return exact[0].id


@user_group.command(
    "link",
    help=N_("In liên kết dùng một lần để NAME đặt mật khẩu (48 giờ)."),
    epilog=N_("Ví dụ: tracker user link an.nguyen --base-url https://cchc.vidu.gov.vn"),
)
@click.argument("username", metavar="NAME")
@click.option(
    "--base-url", default="", help=N_("Địa chỉ máy chủ; không có thì dùng địa chỉ đang lắng nghe.")
)
@_tell_errors
def link(username: str, base_url: str) -> None:
    """Print a one-time link."""
    user_id = queries.user_by_name(username)
    if user_id is None:
        _fail(_("Không có tài khoản “%(name)s”.", name=username))
    click.echo(addresses.password_link(base_url or own_address(), user_id))


def own_address() -> str:
    """Return the address at which this machine reaches its own server."""
    settings = cast(Settings, current_app.extensions["tracker_settings"])
    host, _colon, port = settings.bind.rpartition(":")
    return f"http://{'127.0.0.1' if host in {'0.0.0.0', '[::]', '::'} else host}:{port}"  # noqa: S104


@user_group.command(
    "list",
    help=N_("Liệt kê tài khoản và vai trò hôm nay."),
    epilog=N_("Ví dụ: tracker user list --json"),
)
@click.option("--json", "as_json", is_flag=True, help=N_("In kết quả dạng JSON."))
@_tell_errors
def list_users(as_json: bool) -> None:
    """List accounts."""
    today = current().clock.today()
    rows = db.session.execute(
        queries.list_users(queries.UserFilter()).order_by(User.sort_key, User.id)
    ).all()
    grants = queries.grants_of([row.id for row in rows])
    held = {row.id: [one for one in grants.get(row.id, []) if one.counts_on(today)] for row in rows}
    if as_json:
        found = [
            {
                "username": row.username,
                "name": row.name,
                "unit": row.unit_name or "",
                "active": row.is_active,
                "password": bool(row.has_password),
                "grants": [{"role": one.role.value, "unit": one.unit_name} for one in held[row.id]],
            }
            for row in rows
        ]
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for row in rows:
        roles = ", ".join(f"{one.role.value} @ {one.unit_name}" for one in held[row.id])
        closed = "" if row.is_active else f"  ({_('đã khóa')})"
        click.echo(f"{row.username:<24} {row.name:<32} {roles}{closed}")


COMMANDS = (user_group,)

"""`tracker plugin new|check|messages|revision`, for authors of plug-ins; no instance is used."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
from flask_babel import gettext as _

from tracker.core.errors import PluginError
from tracker.core.text import N_
from tracker.plugins.commands import without_app

JSON_HELP = N_("In kết quả dạng JSON.")
CHECKER = "tracker.testing.check"
WRITER = "tracker.testing.revision"
# What each rule of the check says; its keys are those of the checker's report.
RULES = {
    "declaration": N_("Bản khai đọc được và khớp với gói"),
    "imports": N_("Chỉ dùng tracker.api của phần lõi"),
    "migrations": N_("Chuyển đổi dữ liệu lên, xuống rồi lên lại"),
    "tables": N_("Bảng thật đúng như bản khai"),
    "offers": N_("Chỉ đưa ra những gì đã khai, dưới tên của mình"),
    "pages": N_("Mở mọi trang bằng mọi vai trò, không trang nào hỏng"),
    "jobs": N_("Việc tự động chạy được"),
    "hosts": N_("Chỉ kết nối tới máy chủ đã khai"),
    "translations": N_("Bản dịch tiếng Anh đầy đủ"),
    "labels": N_("Nhật ký gọi tên được mọi bảng và trường"),
    "documents": N_("Có README và ghi thay đổi của phiên bản này"),
    "tests": N_("Có kiểm thử"),
    "postgresql": N_("Chạy được trên cả PostgreSQL"),
    "queries": N_("Mỗi trang hỏi cơ sở dữ liệu không quá 12 lần"),
    "typed": N_("Mọi hàm đều khai kiểu"),
}
# With a capital: in pages the small word is the currency.
TIERS = {
    "none": N_("chưa đạt"),
    "bronze": N_("Đồng"),
    "silver": N_("Bạc"),
    "gold": N_("Vàng"),
}

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@without_app
@click.command(
    "new",
    help=N_("Viết một mô-đun mới chạy được ngay, để bắt đầu từ đó."),
    epilog=N_("Ví dụ: tracker plugin new so_tay --title 'Sổ tay' --title-en 'Notebook'"),
)
@click.argument("name")
@click.option("--title", default="", help=N_("Tên gọi tiếng Việt."))
@click.option("--title-en", default="", help=N_("Tên gọi tiếng Anh."))
@click.option("--author", default="", help=N_("Người hoặc cơ quan viết."))
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help=N_("Thư mục chứa mô-đun mới (mặc định: thư mục hiện tại)."),
)
def new(name: str, title: str, title_en: str, author: str, folder: Path) -> None:
    """Write a working plug-in to start from."""
    from tracker.plugins.scaffold import NewPlugin, write_plugin

    plain = name.replace("_", " ").capitalize()
    wanted = NewPlugin(name, title or plain, title_en or title or plain, author or name)
    try:
        made = write_plugin(wanted, folder)
    except (PluginError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(_("Đã viết mô-đun vào %(folder)s.", folder=made))
    click.echo(_("Tiếp theo: cd %(folder)s, rồi chạy pytest", folder=made))


@without_app
@click.command(
    "check",
    help=N_("Thử một mô-đun theo từng quy tắc và xếp hạng: đồng, bạc, vàng."),
    epilog=N_("Ví dụ: tracker plugin check plugins/so_tay --json"),
)
@click.argument("folder", type=FOLDER)
@click.option("--database", default="", help=N_("Máy chủ PostgreSQL để thử (không dùng dữ liệu)."))
@click.option("--quick", is_flag=True, help=N_("Chỉ thử trên SQLite."))
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
def check(folder: Path, database: str, quick: bool, as_json: bool) -> None:
    """Check a plug-in in a process of its own; exit code 1 when it breaks its contract."""
    options = ["--database", database] if database else []
    found = _in_child(CHECKER, str(folder), *options, *(["--quick"] if quick else []))
    report: dict[str, Any] = json.loads(found)
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        _show(report)
    if report["tier"] == "none":
        raise SystemExit(1)


def _show(report: dict[str, Any]) -> None:
    click.echo(f"{report['name']} {report['version']}")
    for rule in report["rules"]:
        mark = "✓" if rule["passed"] else "✗" if rule["looked_at"] else "–"
        tier, title = TIERS[rule["tier"]], RULES[rule["key"]]
        click.echo(f"  {mark} {_(tier):<6} {_(title)}")
        for problem in rule["problems"]:
            click.echo(f"      {problem}")
    reached = TIERS[report["tier"]]
    words = _(
        "Hạng: %(reached)s (%(pages)d lượt mở trang).",
        reached=_(reached),
        pages=report["pages_opened"],
    )
    click.echo(words)


@without_app
@click.command(
    "messages",
    help=N_("Gom chữ trong mã và trang vào locale/en, rồi dịch sang dạng máy đọc."),
    epilog=N_("Ví dụ: tracker plugin messages plugins/so_tay"),
)
@click.argument("folder", type=FOLDER)
def messages(folder: Path) -> None:
    """Bring a plug-in's catalogue up to what its code and pages say, and compile it."""
    from tracker.plugins.folders import find_package
    from tracker.plugins.words import catalogue_path, write_catalogue

    try:
        package = find_package(folder)
        missing = write_catalogue(package, {}, package.name.removeprefix("tracker_"))
    except PluginError as error:
        raise click.ClickException(str(error)) from error
    click.echo(str(catalogue_path(package)))
    click.echo(_("%(missing)d câu chưa dịch.", missing=missing))


@without_app
@click.command(
    "revision",
    help=N_("Viết bước chuyển đổi dữ liệu từ chỗ mô hình khác cơ sở dữ liệu."),
    epilog=N_("Ví dụ: tracker plugin revision plugins/so_tay 'Add a colour'"),
)
@click.argument("folder", type=FOLDER)
@click.argument("message")
def revision(folder: Path, message: str) -> None:
    """Write a plug-in's next migration; read it before it is kept."""
    click.echo(_in_child(WRITER, str(folder), message).strip())


def _in_child(module: str, *arguments: str) -> str:
    """Return what a module of the product prints, run in a process of its own.

    It imports the plug-in, whose code may do anything to its process. Raises ClickException.
    """
    ended = subprocess.run(
        [sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False
    )
    if ended.returncode != 0:
        lines = ended.stderr.strip().splitlines() or [f"{module}: {ended.returncode}"]
        raise click.ClickException(lines[-1])
    return ended.stdout


COMMANDS = (new, check, messages, revision)

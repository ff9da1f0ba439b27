"""`tracker import`: the same checks and the same writing as the import pages."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from flask_babel import gettext as _

from tracker.core.text import N_

MOST_PRINTED = 50
# Shares of the bar: most of the time goes into reading, then writing.
READ, CHECKED, WRITTEN = 50, 70, 100


def _parse_options(texts: Sequence[str]) -> dict[str, str]:
    options: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise click.UsageError(_("“%(text)s” chưa đúng: hãy viết tên=giá trị.", text=text))
        options[name.strip()] = value
    return options


@contextlib.contextmanager
def _bar() -> Iterator[Callable[[int, str], None]]:
    """Give a function (percent, what is being done) that draws a bar, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda _percent, _words: None
        return
    with click.progressbar(length=WRITTEN, file=sys.stderr, show_eta=False) as bar:

        def step(percent: int, words: str) -> None:
            bar.label = words
            bar.update(max(0, percent - bar.pos))

        yield step


@click.command(
    "import",
    help=N_(
        "Nhập dữ liệu từ tệp .xlsx: WHAT là plan, units, users hoặc loại mà mô-đun thêm vào. "
        "Mọi dòng được kiểm tra trước; có một dòng sai thì không ghi gì. "
        "Mã thoát: 0 xong, 1 có dòng sai, 2 gõ sai lệnh."
    ),
    epilog=N_("Ví dụ: tracker import units don-vi.xlsx --dry-run"),
)
@click.argument("what")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help=N_("Chỉ kiểm tra, không ghi."))
@click.option("--json", "as_json", is_flag=True, help=N_("In kết quả dạng JSON."))
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help=N_("Lựa chọn kèm theo tệp; có thể ghi nhiều lần."),
)
@click.pass_context
def import_file(
    ctx: click.Context,
    what: str,
    file: Path,
    dry_run: bool,
    as_json: bool,
    options: tuple[str, ...],
) -> None:
    """Check a file and, unless told otherwise, import it as one change set."""
    from tracker.core.errors import ValidationFailed
    from tracker.imports import engine
    from tracker.plugins.host import current_registry

    spec = current_registry().import_specs.get(what)
    if spec is None:
        known = ", ".join(sorted(current_registry().import_specs)) or "—"
        raise click.UsageError(
            _("Không có loại dữ liệu “%(what)s”. Có: %(known)s.", what=what, known=known)
        )
    chosen = _parse_options(options)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise click.UsageError(
            _("Không mở được tệp: %(reason)s.", reason=error.strerror)
        ) from error
    applied = False
    with _bar() as step:

        def reading(done: int, expected: int) -> None:
            step(min(READ, done * READ // max(done, expected)), _("Đọc"))

        try:
            checked = engine.check(spec, content, file.name, chosen, reading)
        except ValidationFailed as error:
            if not as_json:
                raise
            click.echo(_as_json(what, file, None, [error.message], applied=False))
            ctx.exit(1)
        step(CHECKED, _("Kiểm tra"))
        if checked.is_clean and not dry_run:
            engine.apply(spec, checked, file.name)
            applied = True
        step(WRITTEN, _("Xong"))
    if as_json:
        click.echo(_as_json(what, file, checked, [], applied=applied))
    else:
        _print(checked, applied=applied)
    if not checked.is_clean:
        ctx.exit(1)


def _as_json(what: str, file: Path, checked: Any, messages: Sequence[str], *, applied: bool) -> str:
    problems = checked.problems if checked else ()
    report = {
        "import": what,
        "file": file.name,
        "applied": applied,
        "rows": len(checked.lines) if checked else 0,
        "new": checked.count("new") if checked else 0,
        "changed": checked.count("changed") if checked else 0,
        "same": checked.count("same") if checked else 0,
        "unknown_headings": list(checked.unknown_headings) if checked else [],
        "errors": [
            *({"row": None, "column": "", "message": message} for message in messages),
            *(
                {"row": one.row or None, "column": one.column, "message": one.message}
                for one in problems
            ),
        ],
    }
    return json.dumps(report, ensure_ascii=False)


def _print(checked: Any, *, applied: bool) -> None:
    for problem in checked.problems[:MOST_PRINTED]:
        place = _("Dòng %(row)d", row=problem.row) if problem.row else _("Cả tệp")
        column = f", {problem.column}" if problem.column else ""
        click.echo(f"{place}{column}: {problem.message}")
    more = len(checked.problems) - MOST_PRINTED
    if more > 0:
        click.echo(_("… và %(more)d lỗi nữa (xem đủ bằng --json).", more=more))
    if checked.unknown_headings:
        names = ", ".join(checked.unknown_headings)
        click.echo(_("Bỏ qua các cột không dùng đến: %(names)s.", names=names))
    click.echo(
        _(
            "%(rows)d dòng: thêm mới %(new)d, thay đổi %(changed)d, giữ nguyên %(same)d.",
            rows=len(checked.lines),
            new=checked.count("new"),
            changed=checked.count("changed"),
            same=checked.count("same"),
        )
    )
    if checked.summary:
        click.echo(checked.summary)
    if applied:
        click.echo(_("Đã ghi."))
    elif checked.problems:
        click.echo(_("Chưa ghi gì: có %(count)d lỗi.", count=len(checked.problems)), err=True)
    elif not checked.lines:
        click.echo(_("Chưa ghi gì: tệp không có dòng nào."), err=True)
    else:
        click.echo(_("Chưa ghi gì: mới xem thử."))

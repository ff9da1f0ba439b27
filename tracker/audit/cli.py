"""`tracker audit`: verify the chain, write an anchor."""

from __future__ import annotations

from pathlib import Path

import click
from flask import current_app
from flask_babel import gettext as _

from tracker.audit.anchors import AnchorsUnreadable, anchors_file, read_anchors, write_anchor
from tracker.config import Settings
from tracker.core import changes
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.text import N_

REASONS = {
    "number": N_("thiếu hoặc thừa một lần ghi"),
    "link": N_("không nối tiếp lần ghi trước"),
    "header": N_("ai, lúc nào hoặc lý do đã bị sửa về sau"),
    "body": N_("mục đã ghi bị sửa, thêm hoặc xóa về sau"),
    "anchor": N_("không khớp mốc neo: nhật ký đã bị cắt hoặc viết lại"),
    "head": N_("nhật ký không kết thúc ở chỗ đã ghi: phần cuối bị cắt"),
}


def _instance() -> Path:
    settings: Settings = current_app.extensions["tracker_settings"]
    return settings.instance


@click.group(help=N_("Nhật ký thay đổi: kiểm tra, neo."))
def audit() -> None:
    """Hold the commands on the change log."""


@audit.command(
    help=N_("Kiểm tra toàn bộ nhật ký; nêu lần ghi hỏng đầu tiên. Mã thoát 1 nếu có."),
    epilog=N_("Ví dụ: tracker audit verify --anchor /media/usb/anchors.log"),
)
@click.option(
    "--anchor",
    "anchor_files",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help=N_("Tệp mốc neo cất ở nơi khác; tệp của chính hệ thống luôn được đọc."),
)
def verify(anchor_files: tuple[Path, ...]) -> None:
    """Walk the whole chain; name the first break."""
    own = anchors_file(_instance())
    anchors: dict[int, str] = {}
    try:
        for path in (*([own] if own.exists() else []), *anchor_files):
            anchors |= read_anchors(path)
    except AnchorsUnreadable as error:
        raise click.ClickException(str(error)) from error
    broken = changes.verify(db.session(), anchors)
    if broken is not None:
        raise click.ClickException(
            _(
                "Lần ghi số %(number)d bị hỏng: %(reason)s",
                number=broken.change_set_id,
                reason=_(REASONS[broken.reason]),
            )
        )
    click.echo(_("Nhật ký nguyên vẹn (đã so %(count)d mốc neo).", count=len(anchors)))


@audit.command(
    help=N_("Ghi mã băm mới nhất của nhật ký vào tệp mốc neo, và in ra."),
    epilog=N_("Ví dụ: tracker audit anchor"),
)
def anchor() -> None:
    """Write and print an anchor."""
    line = write_anchor(db.session(), _instance(), current().clock.now())
    click.echo(line or _("Không có gì mới để neo."))

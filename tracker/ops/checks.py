"""Checks of `tracker doctor` that belong to no feature: schema, disk, clock, settings, orphans."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import inspect, text

from tracker import __version__
from tracker.config import Settings
from tracker.core import migrate, secrets
from tracker.core.context import current
from tracker.core.db import Base, db
from tracker.plugins.descriptors import Diagnosis, Health

LITTLE_DISK = 1024**3
LARGEST_DRIFT = timedelta(minutes=2)


def _settings() -> Settings:
    settings: Settings = current_app.extensions["tracker_settings"]
    return settings


def check_versions() -> Iterable[Diagnosis]:
    """Compare the schema with what this version needs."""
    revision = migrate.current_revision(_settings().database_url)
    head = migrate.head_revision()
    if revision == head:
        yield Diagnosis(
            Health.OK,
            _("Phiên bản %(version)s, lược đồ %(revision)s.", version=__version__, revision=head),
        )
    else:
        yield Diagnosis(
            Health.ERROR,
            _("Lược đồ đang ở %(now)s, cần %(head)s.", now=revision, head=head),
            _("Sao lưu rồi chạy: tracker db upgrade"),
        )


def check_disk() -> Iterable[Diagnosis]:
    """See how much room there is for database and files."""
    usage = shutil.disk_usage(_settings().instance)
    free = f"{usage.free / 1024**3:.1f} GB"
    if usage.free < LITTLE_DISK:
        yield Diagnosis(
            Health.ERROR,
            _("Ổ đĩa chỉ còn trống %(free)s.", free=free),
            _("Dọn bớt tệp không cần, hoặc chuyển thư mục dữ liệu sang ổ đĩa lớn hơn."),
        )
    else:
        yield Diagnosis(Health.OK, _("Ổ đĩa còn trống %(free)s.", free=free))


def check_clock() -> Iterable[Diagnosis]:
    """Compare this machine's clock with the database's and with the newest change."""
    now = current().clock.now()
    shown = db.session.execute(text("SELECT CURRENT_TIMESTAMP")).scalar_one()
    if isinstance(shown, str):
        shown = datetime.fromisoformat(shown)
    theirs = shown.replace(tzinfo=UTC) if shown.tzinfo is None else shown.astimezone(UTC)
    if abs(theirs - now) > LARGEST_DRIFT:
        yield Diagnosis(
            Health.ERROR,
            _("Đồng hồ máy này lệch đồng hồ cơ sở dữ liệu."),
            _("Bật đồng bộ giờ (NTP) trên cả hai máy."),
        )
        return
    newest = db.session.execute(text("SELECT max(at) FROM change_sets")).scalar()
    if isinstance(newest, str):
        newest = datetime.fromisoformat(newest)
    if newest is not None:
        newest = newest.replace(tzinfo=UTC) if newest.tzinfo is None else newest
        if newest - now > LARGEST_DRIFT:
            yield Diagnosis(
                Health.ERROR,
                _("Lần ghi mới nhất ở tương lai: đồng hồ đã bị vặn lùi."),
                _("Chỉnh lại giờ của máy rồi kiểm tra nhật ký."),
            )
            return
    yield Diagnosis(Health.OK, _("Đồng hồ khớp."))


def check_settings() -> Iterable[Diagnosis]:
    """Look for settings that are unsafe or surprising together."""
    settings = _settings()
    host = settings.bind.rpartition(":")[0]
    is_open = host not in {"127.0.0.1", "localhost", "[::1]"}
    if is_open and not settings.secure_cookies:
        yield Diagnosis(
            Health.WARNING,
            _("Máy chủ mở ra mạng mà cookie chưa bắt buộc HTTPS."),
            _("Đặt máy chủ sau proxy TLS và đặt TRACKER_SECURE_COOKIES=1."),
        )
    if settings.secure_cookies and not settings.trusted_proxies:
        yield Diagnosis(
            Health.WARNING,
            _("Cookie bắt buộc HTTPS nhưng không proxy nào được tin."),
            _("Đặt TRACKER_TRUSTED_PROXIES=1 nếu có một proxy TLS ở trước."),
        )
    for path in (settings.instance / "secret.key", secrets.key_file(settings.instance)):
        if path.exists() and path.stat().st_mode & 0o077:
            yield Diagnosis(
                Health.ERROR,
                _("Tệp khóa %(name)s ai cũng đọc được.", name=path.name),
                _("Chạy: chmod 600 %(path)s", path=path),
            )
    yield Diagnosis(Health.OK, _("Thiết lập đọc được."))


def check_orphans() -> Iterable[Diagnosis]:
    """Name the tables that nothing of this version owns."""
    present = set(inspect(db.engine).get_table_names())
    known = {*Base.metadata.tables, migrate.VERSION_TABLE}
    # Those of plug-ins are told apart by who owned them (tracker.plugin_admin.checks).
    orphans = sorted(one for one in present - known if not migrate.is_plugin_table(one))
    if orphans:
        yield Diagnosis(
            Health.WARNING,
            _("Bảng không thuộc hệ thống này: %(names)s", names=", ".join(orphans)),
            _("Dữ liệu vẫn nguyên. Hỏi người đã tạo bảng trước khi xóa."),
        )
    else:
        yield Diagnosis(Health.OK, _("Không có bảng mồ côi."))

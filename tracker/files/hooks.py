"""What this feature registers with the host."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flask import Blueprint
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy import select

from tracker.core.db import db
from tracker.files import queries, services, views
from tracker.files.models import Blob
from tracker.files.store import current_stores
from tracker.plugins.descriptors import (
    Diagnosis,
    DoctorCheck,
    Health,
    JobCall,
    JobSpec,
    SettingSpec,
)
from tracker.plugins.hookspecs import hookimpl


@hookimpl
def tracker_register_blueprints() -> Sequence[Blueprint]:
    """Offer the downloads."""
    return (views.blueprint,)


@hookimpl
def tracker_register_settings() -> Sequence[SettingSpec]:
    """Declare how large a file may be."""
    return (
        SettingSpec(
            key=services.LARGEST_SETTING,
            label=_l("Dung lượng tối đa của một tệp (MB)"),
            kind=int,
            default=services.LARGEST_MB,
            hint=_l("Không vượt quá giới hạn của máy chủ (TRACKER_MAX_UPLOAD_MB)."),
            group="files",
            minimum=1,
            maximum=1024,
        ),
    )


def collect(_call: JobCall) -> str:
    """Run the collector; return what it did, for the ledger of jobs."""
    count = services.collect_unused()
    return str(
        ngettext("Đã dọn %(num)d tệp không còn dùng.", "Đã dọn %(num)d tệp không còn dùng.", count)
    )


@hookimpl
def tracker_register_jobs() -> Sequence[JobSpec]:
    """Collect unused contents every night."""
    return (
        JobSpec(
            key="files.collect",
            label=_l("Dọn tệp không còn dùng"),
            cron="17 2 * * *",
            run=collect,
        ),
    )


def check_store() -> Iterable[Diagnosis]:
    """Compare the rows with the store."""
    used = queries.attached_hashes()
    stored = {one.sha256 for one in current_stores().contents.iterate()}
    known = set(db.session.scalars(select(Blob.sha256)))
    lost = used - stored
    if lost:
        yield Diagnosis(
            Health.ERROR,
            ngettext(
                "%(num)d tệp đính kèm không còn nội dung trong kho.",
                "%(num)d tệp đính kèm không còn nội dung trong kho.",
                len(lost),
            ),
            _(
                "Khôi phục kho tệp từ bản sao lưu gần nhất. Mã của tệp đầu tiên: %(sha)s.",
                sha=min(lost),
            ),
        )
    strays = stored - known
    if strays:
        yield Diagnosis(
            Health.WARNING,
            ngettext(
                "%(num)d tệp trong kho không thuộc mục nào.",
                "%(num)d tệp trong kho không thuộc mục nào.",
                len(strays),
            ),
            _("Không cần làm gì: việc dọn hằng đêm xóa chúng sau 24 giờ."),
        )
    if not lost and not strays:
        yield Diagnosis(
            Health.OK,
            ngettext("%(num)d tệp, đủ nội dung.", "%(num)d tệp, đủ nội dung.", len(used)),
        )


@hookimpl
def tracker_register_doctor_checks() -> Sequence[DoctorCheck]:
    """Check that rows and store agree."""
    return (DoctorCheck(key="files.store", label=_l("Kho tệp"), check=check_store),)

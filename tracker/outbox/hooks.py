"""What this engine registers with the host."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

import click
from flask import current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy import func, select

from tracker.core.context import current
from tracker.core.db import db
from tracker.core.work import run
from tracker.outbox import events, handovers
from tracker.outbox.drain import drain
from tracker.outbox.models import MessageState, OutboxMessage
from tracker.outbox.services import DELETED_AT_ONCE, drop_settled
from tracker.plugins.descriptors import (
    Diagnosis,
    DoctorCheck,
    Health,
    JobCall,
    JobSpec,
    Panel,
    Place,
    SettingSpec,
)
from tracker.plugins.hookspecs import hookimpl
from tracker.web.contracts import shell_contracts

# Importing them declares their topics.
TOPICS = (events, handovers)

KEPT_DAYS = "outbox.kept_days"
# A message that waits longer than this has been tried many times.
LATE = timedelta(hours=6)


def work_off(_call: JobCall) -> str:
    """Repeat what was posted until it is done; return what was done, for the ledger."""
    done, put_off = drain(current_app._get_current_object())  # type: ignore[attr-defined]
    return str(
        _("Đã xong %(done)d mục, %(later)d mục sẽ thử lại.", done=done, later=put_off)
        if done or put_off
        else _("Không có mục nào đến lượt.")
    )


def tidy(_call: JobCall) -> str:
    """Drop what was settled long ago; return how much, for the ledger."""
    kept = timedelta(days=int(str(shell_contracts().setting(KEPT_DAYS))))
    before = current().clock.now() - kept
    dropped = 0
    while True:
        count = run(drop_settled, before)
        dropped += count
        if count < DELETED_AT_ONCE:
            return str(ngettext("Đã dọn %(num)d mục.", "Đã dọn %(num)d mục.", dropped))


@hookimpl
def tracker_register_jobs() -> Sequence[JobSpec]:
    """Repeat each minute what is not done yet; tidy each night."""
    return (
        JobSpec(
            key="outbox.drain",
            label=_l("Gửi thông báo và tin đang chờ"),
            cron="* * * * *",
            run=work_off,
            catch_up_seconds=60,
            keep_days=2,
        ),
        JobSpec(
            key="outbox.tidy",
            label=_l("Dọn hộp gửi đi"),
            cron="40 2 * * *",
            run=tidy,
        ),
    )


@hookimpl
def tracker_register_settings() -> Sequence[SettingSpec]:
    """Declare how long what was sent is remembered."""
    return (
        SettingSpec(
            key=KEPT_DAYS,
            label=_l("Giữ dấu vết tin đã gửi bao nhiêu ngày"),
            kind=int,
            default=30,
            hint=_l("Trong thời gian này, cùng một việc không bị gửi lần thứ hai."),
            group="notices",
            minimum=7,
            maximum=365,
            weight=50,
        ),
    )


@hookimpl
def tracker_register_panels() -> Sequence[Panel]:
    """Say on a unit's page which plug-ins have not handed its records over yet."""
    return (
        Panel(
            key="outbox.handovers",
            title=_l("Đang bàn giao"),
            place=Place.UNIT,
            render=handovers.unit_panel,
            weight=1,
        ),
    )


@hookimpl
def tracker_register_commands() -> Sequence[click.Command]:
    """Offer `tracker outbox`."""
    from tracker.outbox.cli import outbox

    return (outbox,)


def check_outbox() -> Iterable[Diagnosis]:
    """Say whether anything waits too long, or was given up."""
    now = current().clock.now()
    late = db.session.execute(
        select(func.count())
        .select_from(OutboxMessage)
        .where(
            OutboxMessage.state == MessageState.PENDING,
            OutboxMessage.attempts > 0,
            OutboxMessage.next_try_at > OutboxMessage.posted_at,
            OutboxMessage.posted_at < now - LATE,
        )
    ).scalar_one()
    given_up = db.session.execute(
        select(func.count())
        .select_from(OutboxMessage)
        .where(OutboxMessage.state == MessageState.GIVEN_UP)
    ).scalar_one()
    if late:
        yield Diagnosis(
            Health.WARNING,
            ngettext(
                "%(num)d mục trong hộp gửi đi thử nhiều lần chưa được.",
                "%(num)d mục trong hộp gửi đi thử nhiều lần chưa được.",
                late,
            ),
            _("Kiểm tra máy chủ thư; hệ thống vẫn tiếp tục thử lại."),
        )
    if given_up:
        yield Diagnosis(
            Health.WARNING,
            ngettext(
                "%(num)d mục trong hộp gửi đi đã thôi thử.",
                "%(num)d mục trong hộp gửi đi đã thôi thử.",
                given_up,
            ),
            _("Sửa nguyên nhân rồi chạy: tracker outbox list, tracker outbox retry."),
        )
    if not late and not given_up:
        yield Diagnosis(Health.OK, _("Hộp gửi đi không có mục nào bị kẹt."))


@hookimpl
def tracker_register_doctor_checks() -> Sequence[DoctorCheck]:
    """Check that nothing is stuck."""
    return (DoctorCheck(key="outbox.stuck", label=_l("Hộp gửi đi"), check=check_outbox),)

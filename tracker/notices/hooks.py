"""What this feature registers with the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from flask import Blueprint
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_ngettext as ngettext

from tracker.accounts import sessions
from tracker.core.work import Work, run
from tracker.notices import (
    bell,
    feed_views,
    ladder,
    ladder_views,
    mail,
    outside,
    permissions,
    push,
    push_services,
    push_views,
    queries,
    reach,
    sending,
    tidy,
    views,
    webhook,
    webhook_services,
    webhook_views,
)
from tracker.outbox.telling import Tell, tell
from tracker.plugins.descriptors import (
    Channel,
    DashboardCard,
    JobSpec,
    MenuItem,
    NoticeKind,
    NoticeWords,
    Permission,
    SettingSpec,
)
from tracker.plugins.events import JobFailed, PluginPaused
from tracker.plugins.hookspecs import hookimpl
from tracker.plugins.host import current_registry
from tracker.plugins.states import why_paused

# Importing it declares the topics of notices and of their ways out.
TOPICS = (sending, push, webhook)
# Importing it adds pages to the blueprint.
VIEWS = (feed_views, ladder_views, push_views, webhook_views)
# Whoever leaves everywhere, or is let in no more, is told in no browser either.
sessions.on_all_ended.append(push_services.forget_person)
SYSTEM = _l("Hệ thống")


@hookimpl
def tracker_register_permissions() -> Sequence[Permission]:
    """Declare who sets up the ways out, and who changes the ladder."""
    return permissions.PERMISSIONS


@hookimpl
def tracker_register_blueprints() -> Sequence[Blueprint]:
    """Offer the pages of notices."""
    return (views.blueprint,)


@hookimpl
def tracker_register_menu_items() -> Sequence[MenuItem]:
    """Lead to the notices, and administrators to the mail server."""
    return (
        MenuItem(
            key="notices",
            label=ngettext("Thông báo", "Thông báo", 2),
            endpoint="notices.list_notices",
            icon="bell",
            group="day",
            weight=30,
        ),
        MenuItem(
            key="unanswered",
            label=_l("Chưa hồi âm"),
            endpoint="notices.list_units",
            icon="megaphone",
            group="report",
            permission=permissions.UNANSWERED,
            weight=40,
        ),
        MenuItem(
            key="ladder",
            label=_l("Bậc nhắc việc"),
            endpoint="notices.list_rungs",
            icon="bell",
            group="admin",
            permission=permissions.LADDER,
            weight=31,
        ),
        MenuItem(
            key="mail_server",
            label=_l("Máy chủ thư"),
            endpoint="notices.edit_mail_server",
            icon="mail",
            group="admin",
            permission=permissions.MANAGE,
            weight=32,
        ),
        MenuItem(
            key="webhooks",
            label=_l("Nơi nhận tin"),
            endpoint="notices.list_endpoints",
            icon="external",
            group="admin",
            permission=permissions.WEBHOOKS,
            weight=33,
        ),
    )


@hookimpl
def tracker_register_settings() -> Sequence[SettingSpec]:
    """Declare the site's own address, and how often pages ask for news."""
    return (
        SettingSpec(
            key=queries.SITE,
            label=_l("Địa chỉ của hệ thống"),
            kind=str,
            default="",
            hint=_l("Ví dụ: https://cchc.tinh.gov.vn. Thư và lịch dẫn về địa chỉ này."),
            group="notices",
            weight=10,
        ),
        SettingSpec(
            key=bell.POLL,
            label=_l("Số giây giữa hai lần xem có thông báo mới"),
            kind=int,
            default=60,
            hint=_l("Số nhỏ thì báo nhanh hơn, máy chủ bận hơn."),
            group="notices",
            minimum=5,
            maximum=3600,
            weight=20,
        ),
        SettingSpec(
            key=outside.NETWORKS,
            label=_l("Mạng nội bộ được gửi tin tới"),
            kind=str,
            default="",
            hint=_l("Ví dụ: 10.20.0.0/16. Để trống: chỉ gửi tới địa chỉ công khai trên Internet."),
            group="notices",
            weight=30,
        ),
        *tidy.SETTINGS,
    )


@hookimpl
def tracker_register_jobs() -> Sequence[JobSpec]:
    """Remind people of deadlines on the morning of each working day; tidy at night."""
    return (
        JobSpec(
            key="notices.remind",
            label=_l("Nhắc hạn và báo việc quá hạn"),
            cron="30 5 * * *",
            run=ladder.remind,
        ),
        tidy.JOB,
    )


@hookimpl
def tracker_register_dashboard_cards() -> Sequence[DashboardCard]:
    """Show leaders what nobody answered."""
    return (
        DashboardCard(
            key="notices.unanswered",
            title=_l("Nhắc việc chưa hồi âm"),
            render=ladder_views.unanswered_card,
            permission=permissions.UNANSWERED,
            weight=60,
        ),
    )


@hookimpl
def tracker_register_channels() -> Sequence[Channel]:
    """Offer e-mail and the screens of browsers."""
    return (
        Channel(
            key=mail.CHANNEL,
            label=_l("Thư điện tử"),
            reachable=mail.reachable,
            send=mail.send,
            digests=True,
            hint=_l(
                "Chưa gửi thư cho bạn được: tài khoản chưa có thư điện tử, hoặc quản trị viên "
                "chưa thiết lập máy chủ thư."
            ),
            weight=10,
        ),
        Channel(
            key=reach.PUSH,
            label=_l("Trình duyệt"),
            reachable=push.reachable,
            send=push.send,
            hint=_l("Bạn chưa bật thông báo trên trình duyệt nào."),
            weight=20,
        ),
    )


# -- what the system itself tells ----------------------------------------------------------------


def _job_failed(params: Mapping[str, Any]) -> NoticeWords:
    spec = current_registry().jobs.get(params["job"])
    return NoticeWords(
        _("Việc tự động bị lỗi: %(job)s", job=str(spec.label) if spec else params["job"]),
        params["reason"],
    )


def _plugin_paused(params: Mapping[str, Any]) -> NoticeWords:
    title = _("Mô-đun %(name)s đã tạm dừng", name=params["name"])
    return NoticeWords(title, why_paused(params["reason"]))


def _endpoint_gone(params: Mapping[str, Any]) -> NoticeWords:
    return NoticeWords(
        _("Nơi nhận “%(name)s” đã được tắt", name=params["name"]),
        _("Nơi này báo không nhận tin nữa (mã 410)."),
    )


@hookimpl
def tracker_register_notice_kinds() -> Sequence[NoticeKind]:
    """Say what administrators are told about the system itself."""
    return (
        NoticeKind(
            key="jobs.failed",
            label=_l("Việc tự động bị lỗi"),
            words=_job_failed,
            icon="job",
            group=SYSTEM,
            urgent=True,
            weight=60,
        ),
        NoticeKind(
            key="plugins.paused",
            label=_l("Mô-đun tạm dừng"),
            words=_plugin_paused,
            icon="plugin",
            group=SYSTEM,
            urgent=True,
            weight=61,
        ),
        NoticeKind(
            key=webhook_services.GONE_KIND,
            label=_l("Nơi nhận tin bị tắt"),
            words=_endpoint_gone,
            icon="external",
            group=SYSTEM,
            weight=62,
        ),
    )


@dataclass(frozen=True)
class TellAdministrators:
    """Something that those who keep the system running should know."""

    told: Tell


def tell_administrators(work: Work, data: TellAdministrators) -> None:
    """Write down what administrators are told."""
    tell(work, data.told)


@hookimpl
def tracker_on_job_failed(happened: JobFailed) -> None:
    """Tell administrators that a job ended with an error."""
    told = Tell(
        kind="jobs.failed",
        key=str(happened.run),
        page=("jobs.list_runs", {}),
        params={"job": happened.job, "reason": happened.reason[:1000]},
        anyone=["jobs.view"],
    )
    run(tell_administrators, TellAdministrators(told))


@hookimpl
def tracker_on_plugin_paused(happened: PluginPaused) -> None:
    """Tell administrators that a plug-in was paused."""
    # Told again by the outbox it is the same pause; paused again another day it is another.
    run(tell_paused, happened)


def tell_paused(work: Work, happened: PluginPaused) -> None:
    """Write down that a plug-in was paused, once a day for the same reason."""
    told = Tell(
        kind="plugins.paused",
        key=f"{happened.name}:{work.today.isoformat()}:{sha256(happened.reason.encode()).hexdigest()[:16]}",
        page=("plugin_admin.show_plugin", {"name": happened.name}),
        params={"name": happened.name, "reason": happened.reason[:1000]},
        anyone=["jobs.view"],
    )
    tell(work, told)

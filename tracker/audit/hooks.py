"""What this feature registers with the host."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click
from flask import Blueprint, current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.audit.anchors import anchors_file, read_anchors, write_anchor
from tracker.audit.cli import audit
from tracker.audit.views import blueprint
from tracker.core import changes
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.rights import Role
from tracker.plugins.descriptors import (
    AdminViewSpec,
    Diagnosis,
    DoctorCheck,
    Health,
    JobCall,
    JobSpec,
    MenuItem,
    Permission,
)
from tracker.plugins.hookspecs import hookimpl


@hookimpl
def tracker_register_permissions() -> Sequence[Permission]:
    """Reading the log is a right of its own."""
    return (
        Permission(
            key="audit.view",
            label=_l("Xem nhật ký thay đổi"),
            reads=True,
            roles=frozenset({Role.ADMINISTRATOR, Role.COORDINATOR}),
        ),
    )


@hookimpl
def tracker_register_blueprints() -> Sequence[Blueprint]:
    """Serve the pages of the change log."""
    return (blueprint,)


@hookimpl
def tracker_register_menu_items() -> Sequence[MenuItem]:
    """Lead to the change log."""
    return (
        MenuItem(
            key="audit",
            label=_l("Nhật ký thay đổi"),
            endpoint="audit.list_changes",
            icon="log",
            group="admin",
            permission="audit.view",
            weight=80,
        ),
    )


@hookimpl
def tracker_register_commands() -> Sequence[click.Command]:
    """Offer `tracker audit`."""
    return (audit,)


@hookimpl
def tracker_register_jobs() -> Sequence[JobSpec]:
    """Anchor the chain every day."""
    return (JobSpec(key="audit.anchor", label=_l("Neo nhật ký"), cron="10 0 * * *", run=_anchor),)


def _anchor(_call: JobCall) -> str:
    settings = current_app.extensions["tracker_settings"]
    return write_anchor(db.session(), settings.instance, current().clock.now())


@hookimpl
def tracker_register_doctor_checks() -> Sequence[DoctorCheck]:
    """Verify the chain when the instance is examined."""
    return (DoctorCheck(key="audit.chain", label=_l("Nhật ký thay đổi"), check=_check_chain),)


def _check_chain() -> Iterable[Diagnosis]:
    path = anchors_file(current_app.extensions["tracker_settings"].instance)
    anchors = read_anchors(path) if path.exists() else {}
    broken = changes.verify(db.session(), anchors)
    if broken is None:
        yield Diagnosis(Health.OK, _("Chuỗi nhật ký nguyên vẹn."))
    else:
        yield Diagnosis(
            Health.ERROR,
            _("Nhật ký bị sửa từ lần ghi số %(number)d.", number=broken.change_set_id),
            _("Giữ nguyên máy, sao lưu cơ sở dữ liệu và báo người phụ trách an toàn thông tin."),
        )


@hookimpl
def tracker_register_admin_views() -> Sequence[AdminViewSpec]:
    """Offer this feature's tables to the back office."""
    from tracker.audit.admin import SPECS

    return SPECS

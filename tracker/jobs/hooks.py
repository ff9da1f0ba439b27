"""What this feature registers with the host."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

import click
from flask import Blueprint
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from tracker.core.context import current
from tracker.core.numbers import format_moment
from tracker.core.rights import Role
from tracker.jobs import queries
from tracker.jobs.cli import jobs, worker
from tracker.jobs.ledger import prune_runs
from tracker.jobs.views import blueprint
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

# A job that is later than this has no process to run it.
LATE = timedelta(minutes=10)


@hookimpl
def tracker_register_permissions() -> Sequence[Permission]:
    """Seeing the ledger and starting jobs are rights of their own."""
    return (
        Permission(
            key="jobs.view",
            label=_l("Xem việc tự động"),
            reads=True,
            roles=frozenset({Role.ADMINISTRATOR}),
        ),
        Permission(
            key="jobs.run",
            label=_l("Chạy việc tự động ngay"),
            roles=frozenset({Role.ADMINISTRATOR}),
            everywhere=True,
        ),
    )


@hookimpl
def tracker_register_blueprints() -> Sequence[Blueprint]:
    """Serve the ledger's page."""
    return (blueprint,)


@hookimpl
def tracker_register_menu_items() -> Sequence[MenuItem]:
    """Lead to the ledger."""
    return (
        MenuItem(
            key="jobs",
            label=_l("Việc tự động"),
            endpoint="jobs.list_runs",
            icon="job",
            group="admin",
            permission="jobs.view",
            weight=90,
        ),
    )


def tidy(_call: JobCall) -> str:
    """Take old runs out of the ledger; return what was done."""
    count = prune_runs(current().clock.now())
    return str(ngettext("Đã dọn %(num)d lần chạy cũ.", "Đã dọn %(num)d lần chạy cũ.", count))


@hookimpl
def tracker_register_jobs() -> Sequence[JobSpec]:
    """Keep the ledger short."""
    return (
        JobSpec(
            key="jobs.tidy",
            label=_l("Dọn sổ việc tự động"),
            hint=_l("Bỏ các lần chạy đã quá thời hạn lưu của từng việc."),
            cron="37 3 * * *",
            run=tidy,
            jitter_seconds=600,
        ),
    )


def check_clock() -> Iterable[Diagnosis]:
    """Find out from the ledger whether a job process is at work."""
    now = current().clock.now()
    waiting = queries.waiting_since()
    late = queries.late_jobs(now, LATE)
    problem = ""
    if late:
        names = ", ".join(queries.label_of(key) for key in late[:5])
        problem = _("Việc tự động không chạy đúng giờ: %(names)s.", names=names)
    elif waiting is not None and now - waiting > LATE:
        problem = _("Có việc chờ từ %(moment)s mà chưa chạy.", moment=format_moment(waiting))
    if problem:
        advice = _("Hãy chạy hệ thống bằng tracker run, hoặc chạy thêm tracker worker.")
        yield Diagnosis(Health.ERROR, problem, advice)
        return
    yield Diagnosis(Health.OK, _("Việc tự động chạy đúng giờ."))


@hookimpl
def tracker_register_doctor_checks() -> Sequence[DoctorCheck]:
    """Look whether the clock's work is done when the instance is examined."""
    return (DoctorCheck(key="jobs.clock", label=_l("Việc tự động"), check=check_clock),)


@hookimpl
def tracker_register_commands() -> Sequence[click.Command]:
    """Offer `tracker worker` and `tracker jobs`."""
    return (worker, jobs)


@hookimpl
def tracker_register_admin_views() -> Sequence[AdminViewSpec]:
    """Offer this feature's tables to the back office."""
    from tracker.jobs.admin import SPECS

    return SPECS

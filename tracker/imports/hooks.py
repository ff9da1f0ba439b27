"""What this feature registers with the host."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from tracker.core.rights import Role
from tracker.core.work import run
from tracker.imports import jobs, services, views
from tracker.plugins.descriptors import JobCall, JobSpec, MenuItem, Permission
from tracker.plugins.hookspecs import hookimpl

USE = "imports.use"


@hookimpl
def tracker_register_permissions() -> Sequence[Permission]:
    """Declare who finds the imports in the menu; each import asks for the right of its records."""
    return (
        Permission(
            key=USE,
            label=_l("Nhập dữ liệu từ tệp"),
            roles=frozenset({Role.ADMINISTRATOR, Role.COORDINATOR}),
        ),
    )


@hookimpl
def tracker_register_blueprints() -> Sequence[Blueprint]:
    """Offer the pages."""
    return (views.blueprint,)


@hookimpl
def tracker_register_menu_items() -> Sequence[MenuItem]:
    """Lead to the pages from the menu."""
    return (
        MenuItem(
            key="imports",
            label=_l("Nhập dữ liệu"),
            endpoint="imports.index",
            icon="upload",
            group="admin",
            permission=USE,
            weight=60,
        ),
    )


def prune(_call: JobCall) -> str:
    """Remove uploads whose day is over; return what was done, for the ledger of jobs."""
    count = run(services.prune_uploads, services.PruneUploads())
    return str(ngettext("Đã xóa %(num)d tệp nhập tạm.", "Đã xóa %(num)d tệp nhập tạm.", count))


@hookimpl
def tracker_register_jobs() -> Sequence[JobSpec]:
    """Read and write large files; remove old uploads every hour."""
    return (
        *jobs.JOBS,
        JobSpec(
            key="imports.prune",
            label=_l("Dọn tệp nhập tạm"),
            cron="43 * * * *",
            run=prune,
            catch_up_seconds=3600,
        ),
    )

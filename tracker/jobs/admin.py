"""Runs of jobs in the back office, for reading only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import url_for
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, true

from tracker.admin.listing import Filter, choices_of
from tracker.admin.views import SecureModelView
from tracker.core.clock import to_local
from tracker.jobs.labels import KIND_LABELS, STATE_LABELS
from tracker.jobs.models import JobRun, RunKind, RunState
from tracker.plugins.descriptors import AdminViewSpec
from tracker.plugins.host import current_registry

VIEW = "jobs.view"


def _job_name(run: JobRun) -> str:
    spec = current_registry().jobs.get(run.job)
    return str(spec.label) if spec else run.job


def _jobs() -> list[tuple[str, str]]:
    return [(key, str(spec.label)) for key, spec in current_registry().jobs.items()]


class JobRunView(SecureModelView):
    """The ledger of jobs."""

    record = JobRun
    permission = VIEW
    label = _l("Việc tự động")
    hint = _l("Các lần chạy: đến giờ nào, xong hay hỏng, mất bao lâu.")
    slug = "viec-tu-dong"
    icon = "job"
    empty_text = _l("Chưa có lần chạy nào.")
    column_list = ("job", "state", "due_at", "started_at", "ended_at")
    column_details_list = (
        "job",
        "kind",
        "state",
        "due_at",
        "started_at",
        "ended_at",
        "asked_by_name",
        "reason",
        "attempts",
        "process",
        "log",
    )
    column_labels = {  # noqa: RUF012 - Flask-Admin reads it from the class
        "job": _l("Việc"),
        "kind": _l("Nguồn"),
        "state": _l("Kết quả"),
        "asked_by_name": _l("Ai yêu cầu"),
        "reason": _l("Lý do"),
        "attempts": _l("Số lần thử"),
        "due_at": _l("Đến giờ"),
        "started_at": _l("Bắt đầu"),
        "ended_at": _l("Kết thúc"),
        "process": _l("Tiến trình"),
        "log": _l("Ghi chép"),
    }
    column_kinds = {"due_at": "m", "started_at": "m", "ended_at": "m"}  # noqa: RUF012
    column_values = {  # noqa: RUF012
        "job": _job_name,
        "state": lambda run: str(STATE_LABELS[run.state]),
        "kind": lambda run: str(KIND_LABELS[run.kind]),
    }
    column_sortable_list = {  # noqa: RUF012
        "job": (JobRun.job, JobRun.due_at),
        "due_at": JobRun.due_at,
        "started_at": JobRun.started_at,
    }
    column_default_sort = "-due_at"
    filters = (
        Filter("job", _l("Việc"), _jobs, lambda value: JobRun.job == value),
        Filter(
            "state",
            _l("Kết quả"),
            lambda: choices_of(STATE_LABELS),
            lambda value: JobRun.state == RunState(value),
        ),
        Filter(
            "kind",
            _l("Nguồn"),
            lambda: choices_of(KIND_LABELS),
            lambda value: JobRun.kind == RunKind(value),
        ),
    )

    def visible_rows(self) -> ColumnElement[bool]:
        """Show all: jobs belong to the whole instance."""
        return true()

    def name_of(self, record: Any) -> str:
        """Name a run by its job and due moment."""
        return f"{_job_name(record)} · {to_local(record.due_at):%H:%M %d/%m/%Y}"

    def page_url(self, record: Any) -> str:
        """Lead to the run's page."""
        return url_for("jobs.show_run", run_id=record.public_id)


SPECS: Sequence[AdminViewSpec] = (
    AdminViewSpec(
        key="job_runs",
        label=JobRunView.label,
        group="system",
        permission=VIEW,
        view=JobRunView,
        weight=91,
    ),
)

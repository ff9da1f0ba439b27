"""Writing: the unit of work for a plug-in's own records, and the core's services.

`run(service, data)` is the one door for a plug-in's own writes, as it is for the core's.

The core's own services (`record_progress` ...) open a unit of work of their own and refuse to be
called within another: first they, then the plug-in's own `run`, which keeps the UUID that they
returned. Each takes the plug-in's name and an idempotency key: sent again with the same key, they
change nothing and return the same UUID, so a job that was cut off is simply run again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Table, func, inspect, select
from sqlalchemy.orm import Mapper

from tracker.core.changes import ChangeAction, plain
from tracker.core.context import current
from tracker.core.errors import (
    FieldError,
    NotFound,
    PermissionDenied,
    PluginError,
    ValidationFailed,
)
from tracker.core.rights import rights
from tracker.core.work import Work, run
from tracker.files.services import PreparedFile
from tracker.inspections import inputs as inspection_inputs
from tracker.inspections import services as inspection_services
from tracker.inspections.models import Finding, Severity, Visit, VisitKind
from tracker.plans.inputs import EvidenceInput, ReportProgress
from tracker.plans.models import Assignment, Reported
from tracker.plans.progress import report_progress
from tracker.plugins.manifest import is_name

Service = TypeVar("Service", bound=Callable[..., Any])

__all__ = [
    "EvidenceInput",
    "NewFinding",
    "NewVisit",
    "Progress",
    "Work",
    "actor_id",
    "actor_name",
    "create_finding",
    "create_visit",
    "log_read",
    "log_reads",
    "may",
    "may_everywhere",
    "record_progress",
    "require_everywhere",
    "run",
]


def actor_id() -> int | None:
    """Return the account of whoever acts; None for the system itself (jobs, commands)."""
    return current().actor.user_id


def actor_name() -> str:
    """Return the name of whoever acts, as the change log keeps it."""
    return current().actor.name


def may(permission: str, record: Any = None) -> bool:
    """Tell whether whoever acts holds a right: anywhere, or over one of the plug-in's records."""
    from tracker.api.queries import session

    access = current().actor.access
    if record is None:
        return access.holds(permission)
    return rights.may(session(), access, permission, record)


def may_everywhere(permission: str) -> bool:
    """Tell whether whoever acts holds a right over the whole instance: every living root unit.

    What counts for all units (lists to choose from, rules) is changed by them only.
    """
    from tracker.api.queries import session, units, visible

    if current().actor.access.everything:
        return True
    roots = units.c.parent_id.is_(None) & units.c.valid_to.is_(None)
    row = session().execute(
        select(func.count(), func.count().filter(visible(permission, units)))
        .select_from(units)
        .where(roots)
    )
    of_all, in_reach = row.one()
    return bool(of_all) and of_all == in_reach


def require_everywhere(permission: str) -> None:
    """Raise PermissionDenied unless `may_everywhere`."""
    if not may_everywhere(permission):
        raise PermissionDenied


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What a register says of a unit's share of a task.

    `reported` is 'not_started', 'in_progress', 'done' or 'cannot'.
    """

    assignment: UUID
    reported: str
    percent: int
    note: str = ""
    done_on: date | None = None
    effective_on: date | None = None
    evidence: EvidenceInput | None = None


def record_progress(progress: Progress, *, plugin: str, key: str) -> UUID:
    """Record a progress report in the name of a plug-in; return the report's UUID.

    Raises ValidationFailed by field (also by a validate hook), NotFound, PermissionDenied,
    Conflict, and PluginError within a unit of work.
    """
    _refuse_nesting()
    reported = _one_of(Reported, progress.reported, "reported")

    def service(work: Work, data: ReportProgress) -> UUID:
        return report_progress(work, data).public_id

    return run(
        _named(service, "record_progress"),
        ReportProgress(
            assignment_id=_id_of(Assignment, progress.assignment),
            reported=reported,
            percent=progress.percent,
            note=progress.note,
            done_on=progress.done_on,
            effective_on=progress.effective_on,
            evidence=progress.evidence,
            idempotency_key=_key(plugin, key),
            source=plugin,
        ),
    )


@dataclass(frozen=True, kw_only=True)
class NewVisit:
    """An inspection of a unit: 'surprise' and 'self' begin at once, 'planned' has its plan's row.

    `people` are accounts of the team; whoever acts is of it, and leads it, by themselves.
    """

    unit_id: int
    visited_on: date
    kind: str = "surprise"
    checklist_id: int | None = None
    plan_item_id: int | None = None
    decision_number: str = ""
    team_name: str = ""
    is_announced: bool = False
    people: tuple[int, ...] = ()


def create_visit(visit: NewVisit, *, plugin: str, key: str) -> UUID:
    """Create a visit; return its UUID. Raises what `record_progress` raises."""
    _refuse_nesting()
    kind = _one_of(VisitKind, visit.kind, "kind")

    def service(work: Work, data: inspection_inputs.CreateVisit) -> UUID:
        visit_id = inspection_services.create_visit(work, data)
        return work.session.scalars(select(Visit.public_id).where(Visit.id == visit_id)).one()

    return run(
        _named(service, "create_visit"),
        inspection_inputs.CreateVisit(
            unit_id=visit.unit_id,
            kind=kind,
            visited_on=visit.visited_on,
            plan_item_id=visit.plan_item_id,
            checklist_id=visit.checklist_id,
            decision_number=visit.decision_number,
            team_name=visit.team_name,
            is_announced=visit.is_announced,
            members=[inspection_inputs.Member(user_id=one) for one in visit.people],
            idempotency_key=_key(plugin, key),
        ),
    )


@dataclass(frozen=True, kw_only=True)
class NewFinding:
    """Something to put right, found in a visit that is still open.

    `severity` is 'minor', 'major' or 'critical'; photos are files that were prepared before.
    """

    visit: UUID
    text: str
    severity: str = "minor"
    item_id: int | None = None
    remedy_due_on: date | None = None
    photos: tuple[PreparedFile, ...] = ()


def create_finding(finding: NewFinding, *, plugin: str, key: str) -> UUID:
    """Create a finding; return its UUID. Raises what `record_progress` raises."""
    _refuse_nesting()
    severity = _one_of(Severity, finding.severity, "severity")

    def service(work: Work, data: inspection_inputs.RecordFinding) -> UUID:
        finding_id = inspection_services.record_finding(work, data)
        return work.session.scalars(select(Finding.public_id).where(Finding.id == finding_id)).one()

    return run(
        _named(service, "create_finding"),
        inspection_inputs.RecordFinding(
            visit_id=_id_of(Visit, finding.visit),
            text=finding.text,
            severity=severity,
            item_id=finding.item_id,
            remedy_due_on=finding.remedy_due_on,
            photos=finding.photos,
            idempotency_key=_key(plugin, key),
        ),
    )


def log_read(record: Any, what: str, reason: str = "") -> None:
    """Write into the change log that whoever acts read something of a plug-in's record.

    For what may be seen only when it leaves a trace (pictures of people, reasons of health): call
    it before showing. `what` says in words what was read. Raises PluginError within a unit of work
    and for a record of no plug-in.
    """
    log_reads([record], what, reason)


def log_reads(records: Sequence[Any], what: str, reason: str = "") -> None:
    """Write as one entry of the change log that several records were read at once, as on a sheet.

    The entry names each of them, so that the history of each tells of it. See `log_read`.
    """
    _refuse_nesting()
    lines = [_line_of(record) for record in records]

    def service(work: Work, words: str) -> None:
        for table, identity, label in lines:
            work.session.info["capture"].add(
                table, identity, label, ChangeAction.UPDATED, {"read": [None, words]}
            )

    if lines:
        run(_named(service, "log_read"), what, reason=reason)


def _line_of(record: Any) -> tuple[str, str, str]:
    """Return (table, identity, label) as the change log keeps a plug-in's record. PluginError."""
    mapper: Mapper[Any] = inspect(type(record))
    table = mapper.local_table
    if not isinstance(table, Table) or "plugin" not in table.info:
        raise PluginError("reads are logged of a plug-in's own records")
    identity = ",".join(str(plain(one)) for one in mapper.primary_key_from_instance(record))
    return table.name, identity, str(getattr(record, "change_label", ""))


# -- inside ------------------------------------------------------------------------------------


def _refuse_nesting() -> None:
    from tracker.core.db import writing

    if writing.get():
        raise PluginError("a service of the core is called before or after a unit of work")


def _key(plugin: str, key: str) -> str:
    """Return a key that no other plug-in, and no form, can send."""
    if not is_name(plugin) or not key:
        raise PluginError("name the plug-in, and give a key that is the same for the same matter")
    return hashlib.sha256(f"{plugin}:{key}".encode()).hexdigest()


def _id_of(model: type[Any], public_id: UUID) -> int:
    from tracker.api.queries import session

    found: int | None = session().scalar(select(model.id).where(model.public_id == public_id))
    if found is None:
        raise NotFound
    return found


def _one_of(kind: type[Any], value: str, field: str) -> Any:
    try:
        return kind(value)
    except ValueError as error:
        words = ", ".join(one.value for one in kind)
        raise ValidationFailed([FieldError(field, f"{value!r}: {words}")]) from error


def _named(service: Service, name: str) -> Service:
    """Give a service the name under which the change log keeps it."""
    service.__qualname__ = name
    return service

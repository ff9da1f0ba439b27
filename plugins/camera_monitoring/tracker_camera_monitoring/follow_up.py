"""From a watch entry to an inspection: a surprise visit, or a finding in a visit.

The core's services open units of work of their own, so these functions are called by views, not
within `run`. They are safe to be sent twice: the entry's own id is the idempotency key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from tracker.api.clock import today
from tracker.api.errors import NotFound, ValidationFailed
from tracker.api.files import prepared_of
from tracker.api.i18n import gettext as _
from tracker.api.numbers import format_date
from tracker.api.queries import findings, session, visible, visits
from tracker.api.work import NewFinding, NewVisit, create_finding, create_visit, run
from tracker_camera_monitoring import inputs, watch_queries, watching
from tracker_camera_monitoring.models import Desk, Entry, Severity

PLUGIN = "camera_monitoring"
MOST_VISITS = 20
PICTURES = ("image/jpeg", "image/png", "image/webp")


def open_visits(unit_id: int) -> Sequence[Any]:
    """Return (id, public id, day, kind) of the visits at a unit into which one may still write."""
    return (
        session()
        .execute(
            select(visits.c.id, visits.c.public_id, visits.c.visited_on, visits.c.kind)
            .where(
                visits.c.unit_id == unit_id,
                visits.c.state == "in_progress",
                visible("inspections.log", visits),
            )
            .order_by(visits.c.visited_on.desc(), visits.c.id.desc())
            .limit(MOST_VISITS)
        )
        .all()
    )


def visit_id_of(public_id: UUID | None) -> int | None:
    """Return the key under which a visit is shown, if there is one that one may see."""
    if public_id is None:
        return None
    return session().scalar(
        select(visits.c.id).where(
            visits.c.public_id == public_id, visible("inspections.view", visits)
        )
    )


def finding_id_of(public_id: UUID | None) -> int | None:
    """Return the key under which a finding is shown, if there is one that one may see."""
    if public_id is None:
        return None
    return session().scalar(
        select(findings.c.id).where(
            findings.c.public_id == public_id, visible("inspections.view", findings)
        )
    )


def sentence_of(entry: Entry) -> str:
    """Return what was seen, where and when, as a finding says it."""
    sights = watch_queries.sights_of([entry.id]).get(entry.id, [])
    seen = "; ".join(sight.name for sight in sights)
    words = ". ".join(part for part in (seen, entry.text) if part)
    return _(
        "Qua camera tại %(desk)s, ngày %(day)s từ %(start)s đến %(end)s: %(seen)s",
        desk=entry.desk.name,
        day=format_date(entry.day),
        start=f"{entry.starts_at:%H:%M}",
        end=f"{entry.ends_at:%H:%M}",
        seen=words or _("có việc cần kiểm tra"),
    )


def start_visit(entry: Entry) -> int:
    """Begin a surprise visit because of an entry; return its key. Raises what the core raises."""
    desk = session().get_one(Desk, entry.desk_id)
    entry_id, unit_id, key = entry.id, desk.unit_id, str(entry.public_id)
    known = visit_id_of(entry.visit_public_id)
    if known is not None:
        return known
    public_id = create_visit(
        NewVisit(unit_id=unit_id, visited_on=today(), kind="surprise"),
        plugin=PLUGIN,
        key=f"visit:{key}",
    )
    run(watching.link_entry, inputs.LinkEntry(entry_id=entry_id, visit=public_id))
    found = visit_id_of(public_id)
    if found is None:
        raise NotFound
    return found


def record_finding(entry: Entry, visit_id: int | None) -> int:
    """Record what an entry says as a finding, with its pictures; return the finding's key.

    Without a visit a surprise visit is begun for it. Raises what the core raises.
    """
    known = finding_id_of(entry.finding_public_id)
    if known is not None:
        return known
    text, key, entry_id = sentence_of(entry), str(entry.public_id), entry.id
    severity = Severity.MINOR if entry.severity is Severity.NORMAL else entry.severity
    photos = tuple(
        one for one in prepared_of(watching.FILES, entry_id) if one.media_type in PICTURES
    )
    visit_id = visit_id or start_visit(entry)
    visit = session().scalar(select(visits.c.public_id).where(visits.c.id == visit_id))
    if visit is None:
        raise ValidationFailed({"visit_id": _("Không còn cuộc kiểm tra này.")})
    finding = create_finding(
        NewFinding(visit=visit, text=text, severity=severity.value, photos=photos),
        plugin=PLUGIN,
        key=f"finding:{key}",
    )
    run(watching.link_entry, inputs.LinkEntry(entry_id=entry_id, visit=visit, finding=finding))
    found = finding_id_of(finding)
    if found is None:
        raise NotFound
    return found

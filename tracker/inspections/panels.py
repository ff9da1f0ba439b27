"""What inspections show on other pages and take from others: panels, timelines, work, search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time

from flask import render_template, url_for
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.core import text as texts
from tracker.core.clock import LOCAL, to_local
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.work import Work
from tracker.files.queries import FileLink
from tracker.inspections import labels, queries, rules
from tracker.inspections.lineage import predecessor_ids
from tracker.inspections.models import (
    Finding,
    FindingState,
    Remedy,
    Visit,
    VisitState,
)
from tracker.inspections.permissions import LOG
from tracker.plugins.descriptors import (
    Handover,
    HandoverItem,
    MyWorkItem,
    Place,
    SearchHit,
    TimelineEntry,
    WorkGroup,
)
from tracker.plugins.host import current_registry

HISTORY = 8
DAYS_AHEAD = 7
HANDOVER_KEY = "inspections.findings"


def local_time(moment: datetime | None) -> time | None:
    """Return the local time of day of a moment."""
    return None if moment is None else to_local(moment).time()


def rendered(place: Place, record_id: int) -> list[tuple[str, Markup]]:
    """Return the panels of a page: (title, safe HTML), those that have something to show."""
    access = current().actor.access
    found = []
    for panel in current_registry().panels:
        if panel.place is place and (not panel.permission or access.holds(panel.permission)):
            html = panel.render(record_id)
            if html:
                # A panel's contract is to return safe HTML.
                found.append((str(panel.title), Markup(html)))  # noqa: S704
    return found


def in_order(entries: Sequence[TimelineEntry]) -> list[TimelineEntry]:
    """Return entries newest first: by the day they took effect, then by when they were known."""
    return sorted(entries, key=lambda one: (_moment(one.at), one.known_at), reverse=True)


def _moment(at: datetime | date) -> datetime:
    return at if isinstance(at, datetime) else datetime.combine(at, time.min, tzinfo=LOCAL)


def timeline(place: Place, record_id: int) -> list[TimelineEntry]:
    """Return what happened to a record, from every source."""
    return in_order(
        [
            entry
            for source in current_registry().timeline_sources
            if source.place is place
            for entry in source.entries(record_id)
        ]
    )


# ---------------------------------------------------------------------------------------------
# Timelines


def visit_entries(visit_id: int) -> list[TimelineEntry]:
    """Return what happened in a visit."""
    session = db.session()
    visit = queries.find_visit(session, visit_id)
    if visit is None:
        return []
    who = visit.team_name or _("Đoàn kiểm tra")
    entries = []
    if visit.started_at is not None:
        entries.append(
            TimelineEntry(
                at=visit.started_at,
                known_at=visit.started_at,
                who=who,
                label=_("Bắt đầu kiểm tra"),
                icon="play",
                tone="move",
            )
        )
    if visit.finished_at is not None:
        entries.append(
            TimelineEntry(
                at=visit.finished_at,
                known_at=visit.finished_at,
                who=who,
                label=_("Kết thúc kiểm tra"),
                icon="check",
                tone="done",
            )
        )
    if visit.notice_on is not None and visit.finished_at is not None:
        entries.append(
            TimelineEntry(
                at=visit.notice_on,
                known_at=visit.finished_at,
                who=who,
                label=_("Thông báo kết luận %(number)s", number=visit.notice_number),
                icon="megaphone",
                tone="brand",
            )
        )
    return entries


def unit_entries(unit_id: int) -> list[TimelineEntry]:
    """Return the finished visits of a unit and of those it took over from."""
    units = predecessor_ids(db.session(), unit_id)
    return [
        TimelineEntry(
            at=row.visited_on,
            known_at=datetime.combine(row.visited_on, time.min, tzinfo=LOCAL),
            who=row.team_name or _("Đoàn kiểm tra"),
            label=_("Kiểm tra: %(kind)s", kind=labels.KINDS[row.kind]),
            detail=_(
                "%(found)d phát hiện, %(repeated)d lặp lại",
                found=row.finding_count,
                repeated=row.repeat_count,
            ),
            icon="inspect",
            tone="move",
            url=url_for("inspections.show_visit", visit_id=row.id),
        )
        for row in queries.unit_history(units)
        if row.state is VisitState.FINISHED
    ]


def finding_timeline(
    session: Session,
    finding: Finding,
    visit: Visit,
    remedies: Sequence[Remedy],
    evidence: Mapping[int, Sequence[FileLink]],
) -> list[TimelineEntry]:
    """Return what became of a finding: found, remedied, judged, looked at again, closed."""
    started = visit.started_at or visit.finished_at or current().clock.now()
    visit_url = url_for("inspections.show_visit", visit_id=visit.id)
    entries = [
        TimelineEntry(
            at=finding.found_on,
            known_at=started,
            who=visit.team_name or _("Đoàn kiểm tra"),
            label=_("Phát hiện khi kiểm tra: %(kind)s", kind=labels.KINDS[visit.kind]),
            icon="flag",
            tone="wait",
            url=visit_url,
        )
    ]
    entries += [
        TimelineEntry(
            at=one.at,
            known_at=one.at,
            who=one.who,
            label=(
                _("Hạn khắc phục: %(day)s", day=one.due_on.strftime("%d/%m/%Y"))
                if one.due_on
                else _("Bỏ hạn khắc phục")
            ),
            detail=one.reason,
            icon="calendar",
        )
        for one in queries.due_changes(session, finding.id)
    ]
    for remedy in remedies:
        papers = ", ".join(
            part
            for part in (
                remedy.evidence_number,
                remedy.evidence_on.strftime("%d/%m/%Y") if remedy.evidence_on else "",
                remedy.evidence_issuer,
            )
            if part
        )
        entries.append(
            TimelineEntry(
                at=remedy.done_on,
                known_at=remedy.reported_at,
                who=remedy.reported_by_name or _("Đơn vị"),
                label=_("Đơn vị báo đã khắc phục"),
                detail="\n".join(part for part in (remedy.text, papers) if part),
                icon="edit",
                tone="move",
                links=[(one.name, one.url) for one in evidence.get(remedy.id, ())],
            )
        )
        if remedy.verified_at is not None:
            entries.append(
                TimelineEntry(
                    at=remedy.verified_at,
                    known_at=remedy.verified_at,
                    who=remedy.verified_by_name,
                    label=(
                        _("Xác minh: đã khắc phục")
                        if remedy.is_accepted
                        else _("Trả lại để khắc phục tiếp")
                    ),
                    detail=remedy.verification_note,
                    icon="check" if remedy.is_accepted else "undo",
                    tone="done" if remedy.is_accepted else "wait",
                )
            )
    for row in queries.checks_on(session, finding.id):
        if row.finished_at is not None:
            entries.append(
                TimelineEntry(
                    at=row.finished_at,
                    known_at=row.finished_at,
                    who=row.team_name or row.by or _("Đoàn kiểm tra"),
                    label=(
                        _("Tái kiểm tra: đã khắc phục")
                        if row.is_remedied
                        else _("Tái kiểm tra: chưa khắc phục")
                    ),
                    detail=row.note,
                    icon="repeat",
                    tone="done" if row.is_remedied else "wait",
                    url=url_for("inspections.show_visit", visit_id=row.id),
                )
            )
    if finding.closed_on is not None:
        entries.append(
            TimelineEntry(
                at=finding.closed_on,
                known_at=datetime.combine(finding.closed_on, time.max, tzinfo=LOCAL),
                who="",
                label=_("Đã đóng phát hiện"),
                icon="lock",
                tone="done",
            )
        )
    return in_order(entries)


# ---------------------------------------------------------------------------------------------
# Panels, work, search


def unit_panel(unit_id: int) -> str:
    """Return the inspection history of a unit, its predecessors' included."""
    units = predecessor_ids(db.session(), unit_id)
    return render_template(
        "inspections/_unit_panel.html",
        unit_id=unit_id,
        rows=queries.unit_history(units, HISTORY),
        counts=queries.unit_counts(units, current().clock.today()),
    )


def my_visits() -> list[MyWorkItem]:
    """Return the visits of one's teams for today and the days ahead, and those left open."""
    user_id, today = current().actor.user_id, current().clock.today()
    if user_id is None:
        return []
    until = date.fromordinal(today.toordinal() + DAYS_AHEAD)
    return [
        MyWorkItem(
            group=WorkGroup.OVERDUE if row.visited_on < today else WorkGroup.DUE_SOON,
            title=_("Kiểm tra %(unit)s", unit=row.unit_name),
            url=url_for("inspections.show_visit", visit_id=row.id),
            context=str(labels.KINDS[row.kind]),
            due_on=row.visited_on,
            status="in_progress" if row.state is VisitState.IN_PROGRESS else "not_started",
            key=f"visit-{row.id}",
        )
        for row in queries.my_visits(user_id, until)
    ]


def my_own_checks() -> list[MyWorkItem]:
    """Return the own checks that were left open, for those who inspect nobody else."""
    return [] if current().actor.access.holds(LOG) else my_visits()


def my_verifications() -> list[MyWorkItem]:
    """Return the remedies that wait for one's verification."""
    return [
        MyWorkItem(
            group=WorkGroup.TO_DECIDE,
            title=_("Xác minh khắc phục: %(text)s", text=row.text),
            url=url_for("inspections.show_finding", finding_id=row.id),
            context=row.unit_name,
            due_on=row.remedy_due_on,
            status="awaiting",
            key=f"verify-{row.id}",
        )
        for row in queries.to_verify()
    ]


def my_remedies() -> list[MyWorkItem]:
    """Return the findings that one's units have to remedy."""
    today = current().clock.today()
    return [
        MyWorkItem(
            group=_group(row.remedy_due_on, today),
            title=_("Khắc phục: %(text)s", text=row.text),
            url=url_for("inspections.show_finding", finding_id=row.id),
            context=row.unit_name,
            due_on=row.remedy_due_on,
            status=_status(row.remedy_due_on, today),
            note=_("lặp lại") if row.repeat_of_id is not None else "",
            key=f"remedy-{row.id}",
        )
        for row in queries.to_remedy(today, rules.SOON_DAYS)
    ]


def _group(due_on: date | None, today: date) -> WorkGroup:
    if due_on is None:
        return WorkGroup.UNDATED
    return WorkGroup.OVERDUE if due_on < today else WorkGroup.DUE_SOON


def _status(due_on: date | None, today: date) -> str:
    if due_on is None:
        return "undated"
    return "overdue" if due_on < today else "due_soon"


def search_findings(query: str, limit: int) -> list[SearchHit]:
    """Find findings by their words."""
    today = current().clock.today()
    rows = db.session.execute(
        queries.findings_query(queries.FindingFilters(text=query), today)
        .order_by(Finding.found_on.desc(), Finding.id.desc())
        .limit(limit * 5)
    )
    hits = []
    for row in rows:
        rank = texts.rank(query, f"{row.text} {row.unit_name}")
        if rank is not None:
            hits.append(
                SearchHit(
                    title=row.text,
                    url=url_for("inspections.show_finding", finding_id=row.id),
                    context=f"{row.unit_name} · {labels.FINDING_STATES[row.state]}",
                    icon="flag",
                    exactness=100 - rank,
                )
            )
    return sorted(hits, key=lambda hit: -hit.exactness)[:limit]


def search_visits(query: str, limit: int) -> list[SearchHit]:
    """Find visits by the unit's name."""
    rows = db.session.execute(
        queries.visits_query(queries.VisitFilters(text=query))
        .order_by(Visit.visited_on.desc(), Visit.id.desc())
        .limit(limit)
    )
    return [
        SearchHit(
            title=_("Kiểm tra %(unit)s", unit=row.unit_name),
            url=url_for("inspections.show_visit", visit_id=row.id),
            context=f"{row.visited_on:%d/%m/%Y} · {labels.KINDS[row.kind]}",
            icon="inspect",
            # Names that answer by an old name or alias have no rank of their own.
            exactness=100 - rank if (rank := texts.rank(query, row.unit_name)) is not None else 60,
        )
        for row in rows
    ]


# ---------------------------------------------------------------------------------------------
# Hand-over


def _heir(data: Handover, finding_id: int, unit_id: int) -> int | None:
    """Return who takes over a finding: the only successor, or the one that a person chose."""
    heirs = data.successors.get(unit_id, ())
    if len(heirs) == 1:
        return heirs[0]
    chosen = data.choices.get((HANDOVER_KEY, finding_id))
    return chosen if chosen in heirs else None


def preview_handover(data: Handover) -> list[HandoverItem]:
    """Return the findings that are not closed of the units that end."""
    rows = db.session.execute(
        select(Finding.id, Finding.text, Finding.unit_id)
        .where(Finding.unit_id.in_(sorted(data.successors)), Finding.state != FindingState.CLOSED)
        .order_by(Finding.unit_id, Finding.id)
    )
    return [
        HandoverItem(row.id, row.text, row.unit_id, _heir(data, row.id, row.unit_id))
        for row in rows
    ]


def apply_handover(work: Work, data: Handover) -> int:
    """Hand findings that are not closed to the successor; closed ones stay where they were.

    A finding whose unit is divided and for which nobody chose goes to the first successor, so
    that none is left with a unit that has ended.
    """
    findings = work.session.scalars(
        select(Finding)
        .where(Finding.unit_id.in_(sorted(data.successors)), Finding.state != FindingState.CLOSED)
        .order_by(Finding.id)
        .with_for_update()
    ).all()
    moved = 0
    for finding in findings:
        heirs = data.successors[finding.unit_id]
        heir = _heir(data, finding.id, finding.unit_id) or (heirs[0] if heirs else None)
        if heir is not None and heir != finding.unit_id:
            finding.unit_id = heir
            moved += 1
    return moved

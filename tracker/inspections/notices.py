"""What people are told about visits, findings and remedies."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from tracker.core.work import Work
from tracker.inspections.models import (
    Finding,
    MemberRole,
    Remedy,
    Visit,
    VisitMember,
    VisitState,
)
from tracker.inspections.permissions import REMEDY, VERIFY
from tracker.outbox.telling import Tell, tell
from tracker.plugins.descriptors import NoticeKind, NoticeWords
from tracker.units.models import Unit
from tracker.web.i18n import show_date

GROUP = _l("Kiểm tra")
LONGEST_TEXT = 200


def _day(text: str | None) -> str:
    return show_date(date.fromisoformat(text)) if text else ""


def _visit_planned(params: Mapping[str, Any]) -> NoticeWords:
    return NoticeWords(
        _("Kiểm tra %(unit)s ngày %(day)s", unit=params["unit"], day=_day(params["on"])),
        params["team"],
    )


def _finding_recorded(params: Mapping[str, Any]) -> NoticeWords:
    due = params["due_on"]
    return NoticeWords(
        _("%(unit)s cần khắc phục: %(text)s", unit=params["unit"], text=params["text"]),
        _("Hạn khắc phục %(day)s", day=_day(due)) if due else "",
    )


def _remedy_reported(params: Mapping[str, Any]) -> NoticeWords:
    return NoticeWords(
        _("%(unit)s báo đã khắc phục: %(text)s", unit=params["unit"], text=params["text"]),
        _("Chờ xác minh."),
    )


def _remedy_judged(params: Mapping[str, Any]) -> NoticeWords:
    title = (
        _("Đã xác minh khắc phục: %(text)s", text=params["text"])
        if params["approved"]
        else _("Khắc phục chưa đạt, cần làm tiếp: %(text)s", text=params["text"])
    )
    return NoticeWords(title, params["note"])


def _kind(key: str, label: Any, words: Any, icon: str) -> NoticeKind:
    return NoticeKind(key=key, label=label, words=words, icon=icon, group=GROUP, weight=30)


KINDS = (
    _kind("inspections.visit_planned", _l("Lịch kiểm tra"), _visit_planned, "inspect"),
    _kind("inspections.finding_recorded", _l("Nội dung cần khắc phục"), _finding_recorded, "flag"),
    _kind("inspections.remedy_reported", _l("Báo cáo khắc phục"), _remedy_reported, "hourglass"),
    _kind("inspections.remedy_judged", _l("Kết quả xác minh"), _remedy_judged, "check-circle"),
)


def _unit_name(work: Work, unit_id: int) -> str:
    unit = work.session.get_one(Unit, unit_id)
    return unit.short_name or unit.name


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def _team(work: Work, visit_id: int, *roles: MemberRole) -> list[int | None]:
    query = select(VisitMember.user_id).where(VisitMember.visit_id == visit_id)
    if roles:
        query = query.where(VisitMember.role.in_(roles))
    return list(work.session.scalars(query))


def tell_planned(work: Work, visit: Visit) -> None:
    """Tell the team of a visit to come, and the unit when it is announced; never of a surprise."""
    if visit.visited_on < work.today:
        return
    told = [_planned(work, visit, "", people=_team(work, visit.id))]
    if visit.is_announced:
        # An occasion of its own: a visit may be announced after its team was told.
        told.append(_planned(work, visit, ":unit", holders=[(REMEDY, visit.unit_id)]))
    tell(work, *told)


def tell_asked_along(work: Work, visit: Visit, user_id: int | None) -> None:
    """Tell a person with an account who joins the team of a visit to come."""
    is_to_come = visit.state is VisitState.PLANNED and visit.visited_on >= work.today
    if is_to_come and user_id is not None:
        tell(work, _planned(work, visit, f":{user_id}", people=[user_id]))


def _planned(work: Work, visit: Visit, occasion: str, **who: Any) -> Tell:
    return Tell(
        kind="inspections.visit_planned",
        key=f"{visit.id}:{visit.visited_on.isoformat()}{occasion}",
        page=("inspections.show_visit", {"visit_id": visit.id}),
        params={
            "unit": _unit_name(work, visit.unit_id),
            "on": visit.visited_on.isoformat(),
            "team": visit.team_name,
        },
        **who,
    )


def tell_findings(work: Work, visit: Visit) -> None:
    """Tell the unit what a finished visit wants put right."""
    findings = work.session.scalars(
        select(Finding).where(Finding.visit_id == visit.id).order_by(Finding.id)
    )
    tell(
        work,
        *(
            Tell(
                kind="inspections.finding_recorded",
                key=str(one.id),
                page=("inspections.show_finding", {"finding_id": one.id}),
                params={
                    "unit": _unit_name(work, one.unit_id),
                    "text": _short(one.text),
                    "due_on": one.remedy_due_on.isoformat() if one.remedy_due_on else None,
                },
                holders=[(REMEDY, one.unit_id)],
            )
            for one in findings
        ),
    )


def tell_remedied(work: Work, finding: Finding, remedy: Remedy) -> None:
    """Tell who verifies, and who led the visit, that a unit says it has put something right."""
    tell(
        work,
        Tell(
            kind="inspections.remedy_reported",
            key=str(remedy.id),
            page=("inspections.show_finding", {"finding_id": finding.id}),
            params={"unit": _unit_name(work, finding.unit_id), "text": _short(finding.text)},
            people=_team(work, finding.visit_id, MemberRole.LEADER),
            holders=[(VERIFY, finding.unit_id)],
        ),
    )


def tell_judged(work: Work, finding: Finding, remedy: Remedy) -> None:
    """Tell the unit what the second person said of its remedy."""
    tell(
        work,
        Tell(
            kind="inspections.remedy_judged",
            key=f"{remedy.id}",
            page=("inspections.show_finding", {"finding_id": finding.id}),
            params={
                "approved": bool(remedy.is_accepted),
                "text": _short(finding.text),
                "note": remedy.verification_note,
            },
            people=[remedy.reported_by_id],
            holders=[(REMEDY, finding.unit_id)],
        ),
    )

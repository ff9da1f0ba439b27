"""Make checklists, plans, visits and findings for tests, through the services."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date, time

from PIL import Image
from sqlalchemy import select

from tests.factories.units import system_context
from tracker.core.context import acting
from tracker.core.db import db
from tracker.core.work import run
from tracker.inspections import checklists, inputs, planning, services
from tracker.inspections.models import (
    Answer,
    Checklist,
    ChecklistItem,
    ChecklistVersion,
    MemberRole,
    Severity,
    Visit,
    VisitKind,
)
from tracker.inspections.ready_made import TEMPLATES
from tracker.plugins.descriptors import ChecklistTemplate


def sync_checklists(templates: Sequence[ChecklistTemplate] = TEMPLATES) -> None:
    """Publish the ready-made checklists."""
    with acting(system_context()):
        run(checklists.sync_templates, templates)


def checklist_id(key: str = "mot_cua") -> int:
    """Return the key of a checklist, publishing the ready-made ones first if need be."""
    found = db.session.scalar(select(Checklist.id).where(Checklist.key == key))
    if found is None:
        sync_checklists()
        found = db.session.scalar(select(Checklist.id).where(Checklist.key == key))
    assert found is not None
    return found


def items_of(visit_id: int) -> list[ChecklistItem]:
    """Return the items of a visit's checklist in their order, as the database has them now."""
    db.session.rollback()
    visit = db.session.get_one(Visit, visit_id)
    return list(
        db.session.scalars(
            select(ChecklistItem)
            .where(ChecklistItem.version_id == visit.checklist_version_id)
            .order_by(ChecklistItem.position)
        )
    )


def version_ids(key: str = "mot_cua") -> list[int]:
    """Return the versions of a checklist, oldest first."""
    return list(
        db.session.scalars(
            select(ChecklistVersion.id)
            .join(Checklist, Checklist.id == ChecklistVersion.checklist_id)
            .where(Checklist.key == key)
            .order_by(ChecklistVersion.number)
        )
    )


def make_visit(
    unit: int,
    *team: int,
    kind: VisitKind = VisitKind.SURPRISE,
    on: date | None = None,
    checklist: str | None = "gio_giac",
    plan_item: int | None = None,
    findings: Sequence[int] = (),
    team_name: str = "Tổ kiểm tra công vụ",
) -> int:
    """Make a visit whose team is `team`, the first its leader; return its id."""
    context = system_context()
    with acting(context):
        return run(
            services.create_visit,
            inputs.CreateVisit(
                kind=kind,
                unit_id=unit,
                visited_on=on or context.clock.today(),
                plan_item_id=plan_item,
                checklist_id=checklist_id(checklist) if checklist else None,
                team_name=team_name,
                members=[
                    inputs.Member(
                        user_id=user, role=MemberRole.MEMBER if index else MemberRole.LEADER
                    )
                    for index, user in enumerate(team)
                ],
                finding_ids=findings,
            ),
        )


def make_finding(
    visit: int,
    text: str = "Không có biển tên bàn",
    *,
    item: int | None = None,
    due: date | None = None,
    severity: Severity = Severity.MINOR,
) -> int:
    """Record a finding in an open visit; return its id."""
    with acting(system_context()):
        return run(
            services.record_finding,
            inputs.RecordFinding(
                visit_id=visit, text=text, severity=severity, item_id=item, remedy_due_on=due
            ),
        )


def finish(visit: int, *, answers: Answer = Answer.PASS, conclusion: str = "") -> None:
    """Fill in what a visit needs and close it."""
    items = [item.id for item in items_of(visit)]
    with acting(system_context()):
        run(
            services.count_heads,
            inputs.CountHeads(
                visit_id=visit,
                present=20,
                absent_with_reason=2,
                absent_without_reason=1,
                counted_at=time(7, 15),
            ),
        )
        for item in items:
            run(
                services.save_answer,
                inputs.SaveAnswer(visit_id=visit, item_id=item, answer=answers),
            )
        run(services.finish_visit, inputs.FinishVisit(visit_id=visit, conclusion=conclusion))


def make_inspection_plan(
    issuer: int,
    units: Sequence[int],
    *,
    year: int = 2026,
    months: tuple[int, int] = (1, 12),
    issued: bool = True,
    title: str = "Kế hoạch kiểm tra CCHC",
) -> str:
    """Make a plan over units and issue it; return its key."""
    with acting(system_context()):
        key = run(
            planning.save_plan,
            inputs.SavePlan(
                title=title,
                year=year,
                issuer_id=issuer,
                number="12/KH-SNV",
                issued_on=date(year, 1, 10),
            ),
        )
        run(
            planning.add_plan_items,
            inputs.AddPlanItems(key=key, unit_ids=units, month_from=months[0], month_to=months[1]),
        )
        if issued:
            run(planning.issue_plan, inputs.PlanRef(key))
    return key


def plan_items(key: str) -> dict[int, int]:
    """Return {unit: plan item} of a plan."""
    from tracker.inspections.models import InspectionPlan, InspectionPlanItem

    rows = db.session.execute(
        select(InspectionPlanItem.unit_id, InspectionPlanItem.id)
        .join(InspectionPlan, InspectionPlan.id == InspectionPlanItem.plan_id)
        .where(InspectionPlan.key == key)
    )
    return {row.unit_id: row.id for row in rows}


def photo(width: int = 64, colour: str = "#336699") -> bytes:
    """Return a small real JPEG."""
    target = io.BytesIO()
    Image.new("RGB", (width, width), colour).save(target, "JPEG")
    return target.getvalue()

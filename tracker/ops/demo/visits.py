"""Inspections of the demo: Chương Mỹ in 2024 as the press tells it, and this year's in Cần Thơ."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta

from sqlalchemy import select

from tracker.accounts.models import User
from tracker.core.db import db
from tracker.core.work import Work, run
from tracker.inspections import inputs, planning, services
from tracker.inspections.models import (
    Answer,
    Checklist,
    ChecklistItem,
    Finding,
    InspectionPlan,
    InspectionPlanItem,
    MemberRole,
    Severity,
    Visit,
    VisitKind,
)
from tracker.ops.demo import scene
from tracker.plugins.descriptors import DemoData

TEAM = "Tổ kiểm tra công vụ"
# The articles count visits; what each of them found is not theirs.
INVENTED = "Ngày kiểm tra, quân số, câu trả lời và phát hiện là dữ liệu minh họa."
REMARKS = (
    "Không có biển tên công chức tại bàn tiếp nhận",
    "Niêm yết thủ tục hành chính đã hết hiệu lực",
    "Hồ sơ trễ hạn chưa có thư xin lỗi và hẹn lại",
    "Công chức vắng không rõ lý do tại thời điểm kiểm tra",
    "Số điện thoại phản ánh, kiến nghị đã cũ",
    "Camera tại bộ phận một cửa không hoạt động",
)


def load_chuong_my(today: date) -> None:
    """Load the 19 surprise visits of the first quarter of 2024, self-checks and a re-inspection."""
    units = scene.unit_ids()
    communes = [units[f"CM-{number:02}"] for number in range(1, 26)]
    if _has_visits(communes):
        return
    chance = random.Random(2024)
    for number, unit in enumerate(communes[:19]):
        # After Tết, which was on 10 February in 2024.
        day = date(2024, 2, 19) + timedelta(days=number * 2)
        found = REMARKS[number % len(REMARKS)] if number % 3 == 0 else ""
        _visit(unit, VisitKind.SURPRISE, day, chance, found)
    for number, unit in enumerate(communes[:8]):
        _visit(unit, VisitKind.SELF, date(2024, 5, 6) + timedelta(days=number * 3), chance, "")
    _reinspect(communes[:19], date(2024, 6, 18))


def load_this_year(today: date) -> None:
    """Load this year's inspection plan with its visits, and findings in every state."""
    units = scene.unit_ids()
    codes = [code for code in units if code.startswith("CT-")]
    wards = [units[code] for code in codes if code in WARDS]
    if db.session.scalar(select(InspectionPlan.id).limit(1)) is not None:
        return
    chance = random.Random(today.year)
    issued_on = min(date(today.year, 1, 20), today - timedelta(days=14))
    with scene.on(issued_on, "dieuphoi"):
        key = run(
            planning.save_plan,
            inputs.SavePlan(
                title=f"Kế hoạch kiểm tra cải cách hành chính năm {today.year}",
                year=today.year,
                issuer_id=units["CT"],
                number="12/KH-SNV (số minh họa)",
                issued_on=issued_on,
            ),
        )
        run(
            planning.add_plan_items,
            inputs.AddPlanItems(
                key=key, unit_ids=wards, month_from=1, month_to=12,
                scope="Cải cách hành chính, hoạt động bộ phận một cửa",
            ),
        )  # fmt: skip
        run(planning.issue_plan, inputs.PlanRef(key))
    items = {
        row.unit_id: row.id
        for row in db.session.execute(
            select(InspectionPlanItem.unit_id, InspectionPlanItem.id).order_by(
                InspectionPlanItem.id
            )
        )
    }
    span = max((today - issued_on).days - 5, 1)
    done = wards[: len(wards) * 3 // 4]
    for number, unit in enumerate(done):
        day = issued_on + timedelta(days=3 + number * span // len(done))
        found = REMARKS[number % len(REMARKS)] if number % 2 == 0 else ""
        _visit(unit, VisitKind.PLANNED, min(day, today), chance, found, items[unit])
    surprised = [*wards[:4], units["CT-STP"], units["CT-SXD"]]
    for number, unit in enumerate(surprised):
        day = max(issued_on, today - timedelta(days=6 + number * 9))
        _visit(unit, VisitKind.SURPRISE, day, chance, REMARKS[(number + 3) % len(REMARKS)])
    _follow_up(today)
    for number, unit in enumerate(wards[len(done) : len(done) + 2]):
        with scene.on(today, "kiemtra"):
            day = today + timedelta(days=number * 4)
            run(services.create_visit, _team_visit(unit, VisitKind.PLANNED, day, items[unit]))


WARDS = frozenset({
    "CT-NK", "CT-CR", "CT-BT", "CT-OM", "CT-TN", "CT-PD", "CT-TL", "CT-CD", "CT-VC", "CT-KH",
    "CT-VPH",
})  # fmt: skip


def _has_visits(units: Sequence[int]) -> bool:
    found = db.session.scalar(select(Visit.id).where(Visit.unit_id.in_(units)).limit(1))
    return found is not None


def _team_visit(
    unit: int, kind: VisitKind, day: date, plan_item: int | None = None
) -> inputs.CreateVisit:
    checklist = db.session.scalar(select(Checklist.id).where(Checklist.key == "mot_cua"))
    leader = db.session.scalar(select(User.id).where(User.username == "kiemtra"))
    return inputs.CreateVisit(
        kind=kind,
        unit_id=unit,
        visited_on=day,
        plan_item_id=plan_item,
        checklist_id=checklist,
        team_name=TEAM,
        members=[
            inputs.Member(user_id=leader, role=MemberRole.LEADER),
            inputs.Member(name="Đặng Thị Mỹ Linh", agency="Văn phòng", role=MemberRole.SECRETARY),
        ],
    )


@dataclass(frozen=True)
class _Visited:
    """A visit as it went: one finding or none."""

    visit: inputs.CreateVisit
    present: int
    absent: int
    missing: int
    remark: str
    failed: int
    severity: Severity


def _visit(
    unit: int,
    kind: VisitKind,
    day: date,
    chance: random.Random,
    remark: str,
    plan_item: int | None = None,
) -> None:
    """Carry out a visit: headcount, every item answered, perhaps a finding, finished."""
    went = _Visited(
        visit=_team_visit(unit, kind, day, plan_item),
        present=chance.randrange(14, 40),
        absent=chance.randrange(0, 4),
        missing=1 if remark and chance.random() < 0.4 else 0,
        remark=remark,
        failed=chance.randrange(20),
        severity=chance.choice((Severity.MINOR, Severity.MINOR, Severity.MAJOR)),
    )
    with scene.on(day, "kiemtra"):
        run(_carry_out, went)


def _carry_out(work: Work, went: _Visited) -> None:
    visit = services.create_visit(work, went.visit)
    if went.visit.kind is VisitKind.PLANNED:
        services.start_visit(work, inputs.VisitRef(visit))
    heads = inputs.CountHeads(
        visit_id=visit,
        present=went.present,
        absent_with_reason=went.absent,
        absent_without_reason=went.missing,
        counted_at=time(7, 15),
        note="Đi họp, đi cơ sở" if went.absent else "",
    )
    services.count_heads(work, heads)
    version = work.get(Visit, visit).checklist_version_id
    items = work.session.scalars(
        select(ChecklistItem.id)
        .where(ChecklistItem.version_id == version)
        .order_by(ChecklistItem.position)
    ).all()
    failed = items[went.failed % len(items)] if went.remark else None
    for item in items:
        answer = Answer.FAIL if item == failed else Answer.PASS
        services.save_answer(work, inputs.SaveAnswer(visit_id=visit, item_id=item, answer=answer))
    if went.remark:
        services.record_finding(
            work,
            inputs.RecordFinding(
                visit_id=visit,
                text=went.remark,
                severity=went.severity,
                item_id=failed,
                remedy_due_on=went.visit.visited_on + timedelta(days=15),
            ),
        )
    conclusion = "Đề nghị khắc phục đúng hạn." if went.remark else "Đơn vị chấp hành tốt."
    services.finish_visit(
        work, inputs.FinishVisit(visit_id=visit, conclusion=f"{conclusion} {INVENTED}")
    )


def _remedy(finding: Finding, day: date, number: str) -> None:
    with scene.on(day, "truongphong"):
        run(
            services.report_remedy,
            inputs.ReportRemedy(
                finding_id=finding.id,
                text="Đã khắc phục, có ảnh và văn bản kèm theo.",
                done_on=day,
                evidence_number=number,
                evidence_on=day,
                evidence_issuer="UBND cấp xã",
            ),
        )


def _findings(units: Sequence[int] | None = None) -> list[Finding]:
    query = select(Finding).order_by(Finding.id)
    if units is not None:
        query = query.where(Finding.unit_id.in_(units))
    return list(db.session.scalars(query))


def _reinspect(units: Sequence[int], day: date) -> None:
    """Look again at what was found, as the article says: remedied, but for one."""
    found = _findings(units)
    for number, finding in enumerate(found):
        _remedy(finding, finding.found_on + timedelta(days=10), f"{number + 11}/BC-UBND")
    by_unit: dict[int, list[int]] = {}
    for finding in _findings(units):
        by_unit.setdefault(finding.unit_id, []).append(finding.id)
    for number, (unit, ids) in enumerate(list(by_unit.items())[:4]):
        with scene.on(day + timedelta(days=number), "kiemtra"):
            visit = run(
                services.create_visit,
                inputs.CreateVisit(
                    kind=VisitKind.REINSPECTION,
                    unit_id=unit,
                    visited_on=day + timedelta(days=number),
                    team_name=TEAM,
                    finding_ids=ids,
                ),
            )
            run(services.start_visit, inputs.VisitRef(visit))
            for finding_id in ids:
                run(
                    services.check_finding,
                    inputs.CheckFinding(
                        visit_id=visit, finding_id=finding_id, is_remedied=number != 3
                    ),
                )
            run(
                services.count_heads,
                inputs.CountHeads(
                    visit_id=visit, present=20, absent_with_reason=1, absent_without_reason=0,
                    counted_at=time(14, 0),
                ),
            )  # fmt: skip
            run(services.finish_visit, inputs.FinishVisit(visit_id=visit, conclusion=INVENTED))


def _follow_up(today: date) -> None:
    """Leave this year's findings in every state."""
    recent = [one for one in _findings() if one.found_on.year == today.year]
    for number, finding in enumerate(recent):
        day = min(finding.found_on + timedelta(days=8), today)
        if number % 4 == 3:
            continue
        _remedy(finding, day, f"{number + 30}/BC-UBND")
        if number % 4 == 2:
            continue
        with scene.on(min(day + timedelta(days=3), today), "dieuphoi"):
            run(
                services.verify_remedy,
                inputs.VerifyRemedy(
                    finding_id=finding.id, is_accepted=True, note="Đã xem hồ sơ và ảnh."
                ),
            )
            if number % 4 == 0:
                run(services.close_finding, inputs.FindingRef(finding.id))


DEMO = (
    DemoData(key="visits.chuong_my", load=load_chuong_my, weight=50),
    DemoData(key="visits.this_year", load=load_this_year, weight=51),
)

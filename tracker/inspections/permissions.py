"""Rights over inspections: what each role may do, and to whom a visit, finding or plan belongs.

A visit belongs to the unit it inspects and to the people of its team; a finding to the unit that
answers for it, and for reading also to the unit that was visited and to the team.
"""

from __future__ import annotations

from collections.abc import Iterable

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import object_session

from tracker.core.rights import EVERYONE, RecordScope, Role
from tracker.inspections.models import (
    Finding,
    InspectionPlan,
    InspectionPlanItem,
    Visit,
    VisitMember,
)
from tracker.plugins.descriptors import Permission

VIEW = "inspections.view"
PLAN = "inspections.plan"
LOG = "inspections.log"
SELF = "inspections.self"
REMEDY = "findings.remedy"
VERIFY = "findings.verify"
CHECKLISTS = "checklists.manage"

PERMISSIONS = (
    Permission(key=VIEW, label=_l("Xem kiểm tra, phát hiện"), reads=True, roles=EVERYONE),
    Permission(
        key=PLAN,
        label=_l("Lập kế hoạch kiểm tra"),
        roles=frozenset({Role.COORDINATOR, Role.INSPECTOR}),
    ),
    Permission(
        key=LOG,
        label=_l("Ghi biên bản kiểm tra"),
        roles=frozenset({Role.COORDINATOR, Role.INSPECTOR}),
    ),
    Permission(
        key=SELF,
        label=_l("Tự kiểm tra đơn vị mình"),
        roles=frozenset({Role.HEAD}),
    ),
    Permission(
        key=REMEDY,
        label=_l("Báo cáo khắc phục"),
        roles=frozenset({Role.HEAD, Role.OFFICER}),
    ),
    Permission(
        key=VERIFY,
        label=_l("Xác minh khắc phục"),
        roles=frozenset({Role.COORDINATOR, Role.INSPECTOR}),
    ),
    Permission(
        key=CHECKLISTS,
        label=_l("Quản lý bảng kiểm"),
        roles=frozenset({Role.COORDINATOR, Role.ADMINISTRATOR}),
        everywhere=True,
    ),
)


def _team_of(visit_id: int, record: object) -> Iterable[int]:
    session = object_session(record)
    if session is None:
        return ()
    return [
        user_id
        for user_id in session.scalars(
            select(VisitMember.user_id).where(VisitMember.visit_id == visit_id)
        )
        if user_id is not None
    ]


def _visits_of_team(user_id: int) -> Select[int]:
    return select(VisitMember.visit_id).where(VisitMember.user_id == user_id)


def _visited_unit(finding: Finding) -> int:
    return finding.visit.unit_id


def _units_of_plan(plan: InspectionPlan) -> Iterable[int]:
    session = object_session(plan)
    items: Iterable[int] = (
        session.scalars(
            select(InspectionPlanItem.unit_id).where(InspectionPlanItem.plan_id == plan.id)
        )
        if session is not None
        else ()
    )
    return [plan.issuer_id, *items]


def _plan_reads(reach: Select[int]) -> ColumnElement[bool]:
    return or_(
        InspectionPlan.issuer_id.in_(reach),
        InspectionPlan.id.in_(
            select(InspectionPlanItem.plan_id).where(InspectionPlanItem.unit_id.in_(reach))
        ),
    )


SCOPES = (
    RecordScope(
        model=Visit,
        units=lambda visit: [visit.unit_id],
        in_units=Visit.unit_id.in_,
        people=lambda visit: _team_of(visit.id, visit),
        for_person=lambda user_id: Visit.id.in_(_visits_of_team(user_id)),
    ),
    RecordScope(
        model=Finding,
        units=lambda finding: [finding.unit_id],
        in_units=Finding.unit_id.in_,
        reading_units=lambda finding: [finding.unit_id, _visited_unit(finding)],
        in_reading_units=lambda reach: or_(
            Finding.unit_id.in_(reach),
            Finding.visit_id.in_(select(Visit.id).where(Visit.unit_id.in_(reach))),
        ),
        people=lambda finding: _team_of(finding.visit_id, finding),
        for_person=lambda user_id: Finding.visit_id.in_(_visits_of_team(user_id)),
    ),
    RecordScope(
        model=InspectionPlan,
        units=lambda plan: [plan.issuer_id],
        in_units=InspectionPlan.issuer_id.in_,
        reading_units=_units_of_plan,
        in_reading_units=_plan_reads,
    ),
)

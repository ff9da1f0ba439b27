"""Many rows at once, for tests that count queries or measure."""

from __future__ import annotations

from datetime import date

from tests.factories.units import system_context
from tracker.core.context import acting
from tracker.core.db import db
from tracker.core.deadlines import DeadlineKind
from tracker.core.work import Work, run
from tracker.plans import assign, rows
from tracker.plans.assign import Deadline
from tracker.plans.models import Plan, RowKind, Task


def many_tasks(plan: int, unit: int, number: int) -> None:
    """Give an issued plan a group for each ten tasks, all led by one unit."""

    def fill(work: Work, plan_id: int) -> None:
        target = work.get(Plan, plan_id)
        deadline = Deadline(kind=DeadlineKind.DATE, on=date(2026, 6, 30))
        drafts: list[rows.RowDraft] = []
        for index in range(number):
            if index % 10 == 0:
                drafts.append(
                    rows.RowDraft(rows.RowInput(f"Nhóm {index // 10}", kind=RowKind.GROUP))
                )
                group = len(drafts) - 1
            row = rows.RowInput(f"Việc {index}", lead_unit_ids=(unit,), deadline=deadline)
            drafts.append(rows.RowDraft(row, group))
        keys = rows.insert_rows(work, target, drafts)
        versions = [{"id": key, "version": 1, "valid_from": target.issued_on} for key in keys]
        work.bulk_update(Task, versions)
        tasks = [work.session.get_one(Task, key) for key in keys]
        assign.assign_tasks(work, target, tasks)

    with acting(system_context()):
        run(fill, plan)
    db.session.rollback()

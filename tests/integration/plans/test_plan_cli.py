"""`tracker plan` for scripts and people."""

from __future__ import annotations

import json
from datetime import date

import pytest
from click.testing import CliRunner, Result

from tests.factories.plans import make_assignment, make_plan, make_task
from tests.factories.units import system_context
from tests.integration.plans.conftest import Office
from tracker.core.context import acting
from tracker.core.work import run
from tracker.plans.cli import plan
from tracker.plans.inputs import ReportProgress
from tracker.plans.models import Reported
from tracker.plans.progress import report_progress


def call(*arguments: str) -> Result:
    with acting(system_context()):
        return CliRunner().invoke(plan, arguments, catch_exceptions=False)


@pytest.fixture
def some_plan(office: Office) -> str:
    """23 tasks, 21 done by 15 June: the figure of the plan that this product began with."""
    made = make_plan(office.agency, key="vinh-chau-2026", title="Kế hoạch năm 2026")
    for number in range(23):
        task = make_task(made, title=f"Việc {number}")
        share = make_assignment(task, office.north)
        if number < 21:
            with acting(system_context()):
                data = ReportProgress(
                    share,
                    Reported.DONE,
                    100,
                    done_on=date(2026, 6, 15),
                    effective_on=date(2026, 6, 15),
                )
                run(report_progress, data)
    return "vinh-chau-2026"


def test_list_as_json_has_what_scripts_read(office: Office, some_plan: str) -> None:
    (one,) = json.loads(call("list", "--json").stdout)
    assert one["key"] == some_plan
    assert one["title"] == "Kế hoạch năm 2026"
    assert (one["issuer"], one["year"], one["state"]) == ("UBND huyện Đạ Tẻh", 2026, "issued")
    assert some_plan in call("list").stdout


def test_show_as_json_has_figure_rule_version_and_rows(office: Office, some_plan: str) -> None:
    shown = json.loads(call("show", some_plan, "--as-of", "2026-06-15", "--json").stdout)
    assert (shown["numerator"], shown["denominator"], shown["percent"]) == (21, 23, "91.30")
    assert (shown["rule"], shown["as_of"], shown["key"]) == ("plan", "2026-06-15", some_plan)
    assert "version" in shown
    assert len(shown["rows"]) == 23
    assert sum(row["status"] == "done" for row in shown["rows"]) == 21
    before = json.loads(call("show", some_plan, "--as-of", "2026-06-14", "--json").stdout)
    assert before["numerator"] == 0
    table = call("show", some_plan, "--as-of", "15/06/2026").stdout
    assert "21/23 nhiệm vụ · 91,30%" in table


def test_unknown_key_and_unreadable_day_end_with_code_2(office: Office, some_plan: str) -> None:
    unknown = call("show", "khong-co")
    assert unknown.exit_code == 2
    assert "khong-co" in unknown.stderr
    assert some_plan in unknown.stderr
    unread = call("show", some_plan, "--as-of", "2026-02-30")
    assert unread.exit_code == 2
    assert "2026-02-30" in unread.stderr

"""`tracker plan`: list plans, and show one with its figure as of a day."""

from __future__ import annotations

import json
from datetime import date

import click
from flask_babel import gettext as _
from sqlalchemy import select

from tracker.core import numbers
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.text import N_
from tracker.plans import documents, figures, plan_queries
from tracker.plans.models import Plan, PlanState
from tracker.plans.plan_queries import PlanFilter, PlanRow, TreeFilter, TreeRow
from tracker.plans.rules import RULE_WORDS, STATUS_WORDS, CountRule

LONGEST_CELL = 70
STATES = {
    PlanState.DRAFT: N_("dự thảo"),
    PlanState.ISSUED: N_("đang thực hiện"),
    PlanState.CLOSED: N_("đã khép"),
}


@click.group(help=N_("Kế hoạch: danh sách, nội dung và số liệu."))
def plan() -> None:
    """Hold the commands on plans."""


def _plans() -> list[PlanRow]:
    query = plan_queries.plans_query(PlanFilter()).order_by(Plan.year_from.desc(), Plan.key)
    rows = db.session.execute(query).all()
    return plan_queries.plan_rows(db.session(), rows, current().clock.today())


@plan.command(
    "list",
    help=N_("Liệt kê các kế hoạch."),
    epilog=N_("Ví dụ: tracker plan list --json"),
)
@click.option("--json", "as_json", is_flag=True, help=N_("In kết quả dạng JSON."))
def list_plans(as_json: bool) -> None:
    """Print all plans, newest year first."""
    found = _plans()
    if as_json:
        plain = [
            {
                "key": one.key,
                "title": one.title,
                "issuer": one.issuer,
                "year": one.year_from,
                "year_to": one.year_to,
                "state": one.state.value,
                "number": one.number,
                "issued_on": one.issued_on.isoformat() if one.issued_on else None,
            }
            for one in found
        ]
        click.echo(json.dumps(plain, ensure_ascii=False, indent=2))
        return
    if not found:
        click.echo(_("Chưa có kế hoạch nào."))
    width = max((len(one.key) for one in found), default=0)
    for one in found:
        state = _(STATES[one.state])
        click.echo(f"{one.key:<{width}}  {one.years}  {state}  {one.title} ({one.issuer})")


def _day(text: str | None) -> date:
    if text is None:
        return current().clock.today()
    try:
        return numbers.parse_date(text)
    except ValueError as error:
        raise click.UsageError(
            _("“%(text)s” không phải ngày. Hãy ghi như 2026-12-15.", text=text)
        ) from error


@plan.command(
    "show",
    help=N_(
        "In một kế hoạch: tỷ lệ hoàn thành tính đến một ngày, quy tắc đếm và từng dòng. "
        "Mã thoát 2 khi không có kế hoạch mang mã KEY."
    ),
    epilog=N_("Ví dụ: tracker plan show vinh-chau-2021 --as-of 2021-12-15 --json"),
)
@click.argument("key")
@click.option(
    "--as-of", "as_of", metavar="YYYY-MM-DD", help=N_("Tính đến ngày này; mặc định là hôm nay.")
)
@click.option("--json", "as_json", is_flag=True, help=N_("In kết quả dạng JSON."))
def show_plan(key: str, as_of: str | None, as_json: bool) -> None:
    """Print one plan as of a day."""
    session = db.session()
    day = _day(as_of)
    found = session.scalars(select(Plan).where(Plan.key == key)).first()
    if found is None:
        known = ", ".join(session.scalars(select(Plan.key).order_by(Plan.key).limit(20))) or "—"
        raise click.UsageError(
            _("Không có kế hoạch mang mã “%(key)s”. Có: %(known)s.", key=key, known=known)
        )
    figure = figures.figure(session, day, CountRule.PLAN, figures.Filter(plan_id=found.id))
    tree = plan_queries.plan_tree(session, found, day, TreeFilter(), per_page=None)
    version = documents.version_in_force(session, found.id, day)
    if as_json:
        plain = {
            "key": found.key,
            "title": found.title,
            "state": found.state.value,
            "as_of": day.isoformat(),
            "numerator": figure.numerator,
            "denominator": figure.denominator,
            "percent": None if figure.percent is None else f"{figure.percent:.2f}",
            "rule": figure.rule.value,
            "version": figure.version,
            "document": version.number if version else None,
            "rows": [_plain_row(row) for row in tree.rows],
        }
        click.echo(json.dumps(plain, ensure_ascii=False, indent=2))
        return
    click.echo(found.title)
    percent = numbers.format_percent(figure.percent)
    click.echo(
        _(
            "Tính đến %(day)s: %(done)d/%(total)d nhiệm vụ · %(percent)s",
            day=f"{day:%d/%m/%Y}",
            done=figure.numerator,
            total=figure.denominator,
            percent=percent,
        )
    )
    click.echo(str(RULE_WORDS[figure.rule]))
    if version is not None:
        click.echo(
            _(
                "Theo văn bản số %(number)s ngày %(day)s.",
                number=version.number,
                day=f"{version.issued_on:%d/%m/%Y}",
            )
        )
    click.echo()
    for row in tree.rows:
        click.echo(_line(row))


def _plain_row(row: TreeRow) -> dict[str, object]:
    standing = row.standing
    return {
        "id": row.id,
        "kind": row.kind.value,
        "number": row.number,
        "title": row.title,
        "lead": row.lead,
        "deadline": row.deadline,
        "due_on": standing.due_on.isoformat() if standing and standing.due_on else None,
        "done_on": standing.done_on.isoformat() if standing and standing.done_on else None,
        "status": standing.status.value if standing else None,
    }


def _line(row: TreeRow) -> str:
    title = row.title if len(row.title) <= LONGEST_CELL else f"{row.title[: LONGEST_CELL - 1]}…"
    text = "  " * row.level + f"{row.number} {title}".strip()
    if row.standing is None:
        return text
    return f"{text}  [{STATUS_WORDS[row.standing.status]}]"


COMMANDS = (plan,)

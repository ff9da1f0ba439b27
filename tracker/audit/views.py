"""Pages of the change log."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker.audit import queries
from tracker.audit.labels import SOURCES, is_known, table_choices, table_label
from tracker.core.clock import to_local
from tracker.core.db import db
from tracker.core.errors import BadRequest
from tracker.core.numbers import format_date, parse_date
from tracker.core.text import normalise, sort_key
from tracker.web.doors import requires
from tracker.web.exports import count_rows, send_workbook
from tracker.web.paging import address_with, page_number, paginate
from tracker.web.xlsx import Column, Sheet

blueprint = Blueprint("audit", __name__)
MOST_EXPORTED = 10_000


def _wanted() -> queries.LogFilter:
    args = request.args
    table, source = args.get("table", ""), args.get("source", "")
    if (table and not is_known(table)) or (source and source not in SOURCES):
        raise BadRequest(_("Bộ lọc không hợp lệ."))
    days = []
    for name in ("start", "end"):
        text = args.get(name, "").strip()
        try:
            days.append(parse_date(text) if text else None)
        except ValueError as error:
            raise BadRequest(_("Ngày chưa đúng. Hãy gõ như 15/12/2026.")) from error
    return queries.LogFilter(normalise(args.get("q", ""))[:200], table, source, days[0], days[1])


@blueprint.get("/nhat-ky")
@requires("audit.view")
def list_changes() -> str:
    """Show change sets, newest first."""
    wanted = _wanted()
    page = paginate(db.session(), queries.list_query(db.session(), wanted), page_number())
    sets = [row.ChangeSet for row in page.rows]
    return render_template(
        "audit/list.html",
        page=page,
        sets=sets,
        records=queries.records_of(db.session(), [one.id for one in sets]),
        wanted=wanted,
        table_choices=_choices(table_choices()),
        source_choices=_choices(SOURCES),
        sources=SOURCES,
        page_url=lambda number: address_with(page=number),
    )


def _choices(labels: Mapping[str, object]) -> list[tuple[str, str]]:
    named = [(key, str(label)) for key, label in labels.items()]
    return sorted(named, key=lambda choice: sort_key(choice[1]))


@blueprint.get("/nhat-ky/<int:number>")
@requires("audit.view")
def show_change_set(number: int) -> str:
    """Show one change set with every field."""
    found = queries.get_change_set(db.session(), number)
    return render_template(
        "audit/change_set.html",
        one=found,
        records=queries.records_of(db.session(), [number])[number],
        sources=SOURCES,
    )


@blueprint.get("/nhat-ky/<table>/<record_id>")
@requires("audit.view")
def show_history(table: str, record_id: str) -> str:
    """Show the history of one record."""
    if not is_known(table):
        raise BadRequest(_("Bộ lọc không hợp lệ."))
    history = queries.history_of(db.session(), table, record_id[:64])
    return render_template(
        "audit/history.html",
        history=history,
        table_label=table_label(table),
        label=next((change.label for _set, change in history if change.label), ""),
    )


@blueprint.get("/nhat-ky.xlsx")
@requires("audit.view")
def export_changes() -> Response:
    """Send the filtered log as a spreadsheet, one row a field."""
    wanted = _wanted()
    rows = count_rows(queries.changes_query(db.session(), wanted))
    return send_workbook(_("Nhật ký thay đổi") + ".xlsx", rows, lambda: [_sheet(wanted)])


def _sheet(wanted: queries.LogFilter) -> Sheet:
    session = db.session()
    sets = session.scalars(queries.list_query(session, wanted).limit(MOST_EXPORTED)).all()
    records = queries.records_of(session, [one.id for one in sets])
    rows = [
        (
            one.id,
            one.at,
            one.actor_name,
            str(SOURCES.get(one.source, one.source)),
            record.table_label,
            record.label or record.record_id,
            record.action_label,
            field.label,
            field.old,
            field.new,
            one.reason,
        )
        for one in sets
        for record in records[one.id]
        for field in record.fields
    ]
    columns = (
        Column(_("Số"), 8, "whole"),
        Column(_("Lúc"), 18, "moment"),
        Column(_("Ai"), 24),
        Column(_("Từ đâu"), 14),
        Column(_("Loại mục"), 20),
        Column(_("Mục"), 40),
        Column(_("Việc"), 10),
        Column(_("Thông tin"), 24),
        Column(_("Trước"), 30),
        Column(_("Sau"), 30),
        Column(_("Lý do"), 30),
    )
    today = format_date(to_local(sets[0].at).date()) if sets else ""
    return Sheet(_("Nhật ký"), columns, rows, title=_("Nhật ký thay đổi"), note=today)

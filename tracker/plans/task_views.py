"""Pages of tasks: the list, one task, its update, and what is asked and decided about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from operator import attrgetter
from typing import Any, TypeVar

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy import Select, select
from werkzeug.wrappers import Response as BaseResponse

from tracker.core.context import current
from tracker.core.db import db, read_rows
from tracker.core.errors import BadRequest, Conflict, NotFound, PermissionDenied, ValidationFailed
from tracker.core.numbers import UnreadableDate, parse_date, read_whole
from tracker.core.text import normalise
from tracker.core.work import run
from tracker.files.services import prepare_all
from tracker.plans import (
    extensions,
    figures,
    labels,
    progress,
    task_queries,
    timeline,
    urges,
    waiting,
)
from tracker.plans.blueprint import blueprint
from tracker.plans.inputs import PostponeReview
from tracker.plans.models import Assignment, Extension, Reported, Urge
from tracker.plans.rules import RULE_WORDS, STATUS_WORDS, CountRule, Status
from tracker.plans.task_forms import (
    AnswerForm,
    ConfirmForm,
    DisputeDecisionForm,
    DisputeForm,
    ExtensionDecisionForm,
    ExtensionForm,
    JudgeForm,
    PersonForm,
    ProgressForm,
    TriggerForm,
    UrgeForm,
    options,
)
from tracker.plans.task_queries import DueWindow, EvidenceFilter, Share, TaskFilter, TaskHead
from tracker.plugins.descriptors import Place
from tracker.plugins.host import current_registry
from tracker.settings import queries as settings
from tracker.units import queries as units
from tracker.web.doors import hide_unless, requires, safe_next
from tracker.web.exports import count_rows, send_workbook
from tracker.web.forms import Form
from tracker.web.i18n import locale_code, show_date
from tracker.web.paging import address_with, page_number, paginate, sorting
from tracker.web.xlsx import Column, Sheet

DUE_WORDS = {
    DueWindow.PAST: _l("Đã qua hạn"),
    DueWindow.TODAY: _l("Hạn hôm nay"),
    DueWindow.WEEK: _l("Hạn trong tuần này"),
    DueWindow.MONTH: _l("Hạn trong tháng này"),
    DueWindow.NONE: _l("Không có hạn"),
}
EVIDENCE_WORDS = {
    EvidenceFilter.MISSING: _l("Hoàn thành, thiếu minh chứng"),
    EvidenceFilter.PRESENT: _l("Có minh chứng"),
}
SORTS = ("open", "due", "title", "unit", "age", "plan")
MOST_LISTED = 200
# Known of an assignment as it is now only: no list of an earlier day says it.
KEPT_FOR_TODAY = ("person_name", "extension_count", "has_evidence", "last_reported_at")
LONGEST_TEXT = 200
# The parameter of an address for the day that a list is about, as of its end.
AS_OF = "tai-ngay"
# The value of 'area' for work that belongs to none.
NO_AREA = "none"
# The value of 'scope' by which figures of reports lead to exactly the rows that they count.
REPORTS, READ_REPORTS = "reports", "reports.view"
FIRST_YEAR, LAST_YEAR = 2000, 2100
FormKind = TypeVar("FormKind", bound=Form)


def _today() -> date:
    return current().clock.today()


# -- the list --------------------------------------------------------------------------------


def _key(name: str) -> int | None:
    """Return a key from the address. Raises BadRequest when it is none."""
    typed = request.args.get(name, "")
    if not typed:
        return None
    key = read_whole(typed)
    if not key:
        raise BadRequest(_("Địa chỉ có phần không đọc được: %(name)s.", name=name))
    return key


def _day(name: str) -> date | None:
    typed = request.args.get(name, "")
    if not typed:
        return None
    try:
        return parse_date(typed)
    except UnreadableDate as error:
        raise BadRequest(_("Ngày chưa đúng. Hãy gõ như 15/12/2026.")) from error


Choice = TypeVar("Choice", Status, DueWindow, EvidenceFilter, CountRule)


def _choice(kind: type[Choice], typed: str) -> Choice:
    try:
        return kind(typed)
    except ValueError as error:
        raise BadRequest(_("Địa chỉ có phần không đọc được.")) from error


def filter_from_address() -> TaskFilter:
    """Return the filter that the address asks for. Raises BadRequest for what cannot be read."""
    due, evidence = request.args.get("due", ""), request.args.get("evidence", "")
    due_from, due_to = _day("from"), _day("to")
    has_no_area = request.args.get("area") == NO_AREA
    if due_from is not None and due_to is not None and due_to < due_from:
        raise BadRequest(_("Ngày cuối phải từ ngày đầu trở đi."))
    return TaskFilter(
        statuses=tuple(_choice(Status, one) for one in request.args.getlist("status") if one),
        unit_id=_key("unit"),
        is_alone=request.args.get("alone") == "1",
        area_id=None if has_no_area else _key("area"),
        has_no_area=has_no_area,
        plan_id=_key("plan"),
        person_id=_key("person"),
        due=_choice(DueWindow, due) if due else None,
        due_from=due_from,
        due_to=due_to,
        evidence=_choice(EvidenceFilter, evidence) if evidence else None,
        is_urged=request.args.get("urged") == "1",
        text=normalise(request.args.get("q", ""))[:LONGEST_TEXT],
        year=_year(),
        as_of=_past_day(),
        reach=_reach(),
    )


def _year() -> int | None:
    typed = request.args.get("year", "")
    if not typed:
        return None
    year = read_whole(typed, LAST_YEAR)
    if year is None or year < FIRST_YEAR:
        raise BadRequest(_("Năm không hợp lệ."))
    return year


def _past_day() -> date | None:
    """Return the earlier day that a list is about, None for now. Raises BadRequest."""
    day, today = _day(AS_OF), _today()
    if day is not None and not FIRST_YEAR <= day.year <= today.year:
        raise BadRequest(_("Ngày nằm ngoài các năm có số liệu."))
    if day is not None and day > today:
        raise BadRequest(_("Chưa có số liệu của ngày này: hãy chọn ngày không sau hôm nay."))
    return None if day == today else day


def _reach() -> frozenset[int] | None:
    """Return what reports count for the person, where the address asks for just that."""
    scope = request.args.get("scope", "")
    if scope not in ("", REPORTS):
        raise BadRequest(_("Địa chỉ có phần không đọc được."))
    access = current().actor.access
    if not scope or access.everything or not access.holds(READ_REPORTS):
        return None
    return access.scope(READ_REPORTS)


@dataclass
class _Names:
    """What the ids of a filter are called, from the lists that are offered anyway."""

    units: list[tuple[int, str]]
    areas: list[tuple[int, str]]
    plans: list[tuple[int, str]]
    people: list[tuple[int, str]] = field(default_factory=list)


def _chips(wanted: TaskFilter, names: _Names) -> list[tuple[str, str]]:
    chips: list[tuple[str, str]] = []
    for kept in wanted.statuses:
        others = [one.value for one in wanted.statuses if one is not kept]
        chips.append((str(STATUS_WORDS[kept]), address_with(status=others or None)))
    for parameter, value, choices in (
        ("unit", wanted.unit_id, names.units),
        ("area", wanted.area_id, names.areas),
        ("plan", wanted.plan_id, names.plans),
        ("person", wanted.person_id, names.people),
    ):
        if value is not None:
            label = dict(choices).get(value, _("Mục số %(id)s", id=value))
            chips.append((label.strip(), address_with(**{parameter: None})))
    if wanted.unit_id is not None and wanted.is_alone:
        chips.append((_("Không gồm đơn vị trực thuộc"), address_with(alone=None)))
    if wanted.has_no_area:
        chips.append((_("Chưa xếp lĩnh vực"), address_with(area=None)))
    if wanted.due is not None:
        chips.append((str(DUE_WORDS[wanted.due]), address_with(due=None)))
    if wanted.due_from is not None:
        day = show_date(wanted.due_from)
        chips.append((_("Hạn từ %(day)s", day=day), address_with(**{"from": None})))
    if wanted.due_to is not None:
        chips.append((_("Hạn đến %(day)s", day=show_date(wanted.due_to)), address_with(to=None)))
    if wanted.evidence is not None:
        chips.append((str(EVIDENCE_WORDS[wanted.evidence]), address_with(evidence=None)))
    if wanted.is_urged:
        chips.append((_("Đang được đôn đốc"), address_with(urged=None)))
    if wanted.year is not None:
        chips.append((_("Kế hoạch năm %(year)s", year=wanted.year), address_with(year=None)))
    if wanted.reach is not None:
        chips.append((_("Phạm vi tính báo cáo"), address_with(scope=None)))
    if wanted.text:
        chips.append((f"“{wanted.text}”", address_with(q=None)))
    return chips


@blueprint.get("/viec")
@requires("plans.view")
def list_tasks() -> str:
    """Show the assignments one may see, filtered, sorted and paged by the address."""
    today, wanted = _today(), filter_from_address()
    order = sorting(dict.fromkeys(SORTS), "open")
    columns = task_queries.order_columns(today, wanted.as_of)
    query = order.apply(task_queries.list_query(wanted, today), columns)
    page = paginate(
        db.session(), query, page_number(), count=task_queries.count_query(wanted, today)
    )
    names = _Names(
        units=units.choices(),
        areas=task_queries.area_choices(locale_code()),
        plans=task_queries.plan_choices(wanted.as_of),
    )
    names.people = task_queries.assigned_people()
    return render_template(
        "tasks/list.html",
        page=page,
        rows=[task_queries.task_row(row) for row in page.rows],
        wanted=wanted,
        order=order,
        names=names,
        chips=_chips(wanted, names),
        statuses=_status_choices(wanted, today),
        due_choices=[(one.value, words) for one, words in DUE_WORDS.items()],
        evidence_choices=[(one.value, words) for one, words in EVIDENCE_WORDS.items()],
        labels=labels,
        today=today,
        day=wanted.as_of or today,
        now_url=address_with(**{AS_OF: None}),
        # The day is not a filter: what it is about stays when filters go.
        clear_url=url_for("plans.list_tasks", **_kept_day(wanted)),
        export_url=_export_url(),
        page_url=lambda number: address_with(page=number),
    )


def _status_choices(wanted: TaskFilter, today: date) -> list[tuple[str, str, bool, int, str]]:
    """Return the quick choices above the list: word, address, whether on, count, status."""
    counts = task_queries.status_counts(wanted, today)
    total = sum(counts.values())
    chosen = {one.value for one in wanted.statuses}
    first = (_("Tất cả"), address_with(status=None), not chosen, total, "")
    others = [
        (
            str(STATUS_WORDS[one]),
            address_with(status=None if one.value in chosen else one.value),
            one.value in chosen,
            counts.get(one, 0),
            one.value,
        )
        for one in Status
        if counts.get(one, 0) or one.value in chosen
    ]
    return [first, *others]


def _kept_day(wanted: TaskFilter) -> dict[str, Any]:
    return {AS_OF: wanted.as_of.isoformat()} if wanted.as_of is not None else {}


def _export_url() -> str:
    parameters: dict[str, Any] = request.args.to_dict(flat=False)
    parameters.pop("page", None)
    return url_for("plans.export_tasks", **parameters)


@blueprint.get("/viec/xuat")
@requires("plans.view")
def export_tasks() -> BaseResponse:
    """Hand out exactly what the list's filters show, in its order, as a spreadsheet."""
    today, wanted = _today(), filter_from_address()
    order = sorting(dict.fromkeys(SORTS), "open")
    query = task_queries.list_query(wanted, today)
    rows = count_rows(query)
    query = order.apply(query, task_queries.order_columns(today, wanted.as_of))
    day = wanted.as_of or today
    return send_workbook(
        f"viec-{day:%Y%m%d}.xlsx",
        rows,
        lambda: [_sheet(wanted, day, query.limit(task_queries.MOST_EXPORTED))],
    )


def _sheet(wanted: TaskFilter, day: date, query: Select[Any]) -> Sheet:
    words = {status.value: str(word) for status, word in STATUS_WORDS.items()}
    columns = {
        "number": Column(_("STT"), 8),
        "title": Column(_("Nội dung nhiệm vụ"), 60),
        "product": Column(_("Sản phẩm"), 30),
        "area_name": Column(_("Lĩnh vực"), 28),
        "unit_name": Column(_("Đơn vị chủ trì"), 32),
        "person_name": Column(_("Người thực hiện"), 22),
        "original_due_on": Column(_("Hạn ban đầu"), 13, "date"),
        "due_on": Column(_("Hạn hiện tại"), 13, "date"),
        "extension_count": Column(_("Số lần gia hạn"), 10, "whole"),
        "percent": Column(_("Tỷ lệ (%)"), 10, "whole"),
        "done_on": Column(_("Ngày hoàn thành"), 13, "date"),
        "status": Column(_("Trạng thái"), 18),
        "has_evidence": Column(_("Có minh chứng"), 11),
        "last_reported_at": Column(_("Cập nhật lần cuối"), 18, "moment"),
        "plan_title": Column(_("Kế hoạch"), 40),
    }
    if wanted.as_of is not None:
        for name in KEPT_FOR_TODAY:
            del columns[name]
    status_at = list(columns).index("status")
    rows = (
        (*values[:status_at], words[values[status_at]], *values[status_at + 1 :])
        for values in map(attrgetter(*columns), read_rows(db.session, query))
    )
    chips = [label for label, _url in _chips(wanted, _names_for(wanted))]
    note = _("Tính đến ngày %(day)s.", day=show_date(day))
    if chips:
        note = _("%(note)s Lọc: %(filters)s.", note=note, filters="; ".join(chips))
    title = _("Danh sách việc")
    return Sheet(title, tuple(columns.values()), rows, title=title, note=note)


def _names_for(wanted: TaskFilter) -> _Names:
    return _Names(
        units=units.choices() if wanted.unit_id is not None else [],
        areas=task_queries.area_choices(locale_code()) if wanted.area_id is not None else [],
        plans=task_queries.plan_choices(wanted.as_of) if wanted.plan_id is not None else [],
        people=task_queries.assigned_people() if wanted.person_id is not None else [],
    )


# -- several at once -------------------------------------------------------------------------

BULK_ACTIONS = {
    "person": ("tasks.report", _l("Giao người thực hiện")),
    "extend": ("tasks.decide", _l("Gia hạn")),
    "confirm": ("tasks.decide", _l("Xác nhận hoàn thành")),
    "urge": ("tasks.urge", _l("Đôn đốc")),
}


def _picked() -> list[int]:
    ids: list[int] = []
    for typed in request.form.getlist("ids"):
        key = read_whole(typed)
        if not key:
            raise BadRequest(_("Có dòng được chọn không đọc được."))
        ids.append(key)
    return list(dict.fromkeys(ids))


@blueprint.post("/viec/hang-loat")
@requires("tasks.report", "tasks.decide", "tasks.urge")
def change_tasks() -> str | tuple[str, int] | BaseResponse:
    """Ask for what is to be done with the picked rows, and do it once it is filled in."""
    action = request.form.get("action", "")
    if action not in BULK_ACTIONS:
        raise BadRequest(_("Chưa chọn việc cần làm."))
    permission, words = BULK_ACTIONS[action]
    if not current().actor.access.holds(permission):
        raise PermissionDenied
    back = safe_next(request.form.get("next"), url_for("plans.list_tasks"))
    ids = _picked()
    if not ids:
        flash(_("Hãy chọn ít nhất một việc."), "warning")
        return redirect(back)
    progress.require_few(tuple(ids))
    form = _bulk_form(action)
    status = 200
    if "confirm" in request.form:
        if form.validate():
            try:
                count = _change(action, form, ids)
            except ValidationFailed as error:
                form.take_errors(error)
            else:
                text = ngettext(
                    "%(what)s: %(num)d việc.", "%(what)s: %(num)d việc.", count, what=words
                )
                flash(text, "success")
                return redirect(back)
        status = 422
    today = _today()
    rows = [
        task_queries.task_row(row)
        for row in db.session.execute(
            task_queries.list_query(TaskFilter(), today).where(Assignment.id.in_(ids))
        )
    ]
    hide_unless(len(rows) == len(ids))
    page = render_template(
        "tasks/bulk.html",
        form=form,
        rows=rows,
        action=action,
        heading=words,
        back=back,
        labels=labels,
        today=today,
    )
    return (page, status) if status != 200 else page


def _bulk_form(action: str) -> PersonForm | ExtensionForm | ConfirmForm | UrgeForm:
    is_first = "confirm" not in request.form
    if action == "person":
        form = PersonForm(None) if is_first else PersonForm()
        people = [(str(key), name) for key, name in task_queries.person_choices()]
        form.person_id.choices = options([("", _("Không chỉ định")), *people])
        return form
    if action == "extend":
        return ExtensionForm(None) if is_first else ExtensionForm()
    if action == "confirm":
        return ConfirmForm(None) if is_first else ConfirmForm()
    if is_first:
        return UrgeForm(None, reply_by=_reply_by())
    return UrgeForm()


def _change(action: str, form: Form, ids: Sequence[int]) -> int:
    if isinstance(form, PersonForm):
        return run(progress.assign_person, form.to_input(ids), reason=form.reason.data or "")
    if isinstance(form, ExtensionForm):
        return run(extensions.grant_extensions, form.to_grant(ids), reason=form.reason.data or "")
    if isinstance(form, ConfirmForm):
        return run(progress.confirm_several, form.to_input(ids), reason=form.note.data or "")
    if isinstance(form, UrgeForm):
        return run(urges.urge_units, form.to_input(ids), reason=form.message.data or "")
    raise BadRequest


def _reply_by() -> date:
    return _today() + timedelta(days=settings.whole("urges.reply_days"))


# -- one task --------------------------------------------------------------------------------


@blueprint.get("/viec/<int:task_id>")
@requires("plans.view")
def show_task(task_id: int) -> str:
    """Show a task: facts and shares on the left, its history on the right."""
    head = task_queries.find_task(task_id)
    if head is None:
        raise NotFound
    today = _today()
    access = current().actor.access
    history = [
        entry
        for source in current_registry().timeline_sources
        if source.place is Place.TASK
        for entry in source.entries(task_id)
    ]
    panels = [
        (str(panel.title), body)
        for panel in current_registry().panels
        if panel.place is Place.TASK and (not panel.permission or access.holds(panel.permission))
        if (body := panel.render(task_id))
    ]
    awaited, awaited_done_on = _awaited(head)
    return render_template(
        "tasks/show.html",
        task=head,
        awaited=awaited,
        awaited_done_on=awaited_done_on,
        shares=task_queries.shares_of(task_id, today),
        history=sorted(history, key=timeline.order, reverse=True),
        panels=panels,
        labels=labels,
        today=today,
        reported_words=labels.REPORTED_WORDS,
    )


def _share(assignment_id: int, permission: str) -> tuple[TaskHead, Share]:
    """Return an assignment one may act on. Raises NotFound, or PermissionDenied to its readers."""
    found = task_queries.find_share(assignment_id, _today())
    if found is None:
        raise NotFound
    if permission not in found[1].allowed:
        raise PermissionDenied
    return found


def _is_panel() -> bool:
    """Tell whether the answer goes into the panel of the page that is open."""
    return request.headers.get("HX-Request") == "true"


def _done(text: str, back: str) -> BaseResponse:
    """Say that it is done: over the page that is open, which shows it anew, or on the way back."""
    flash(text, "success")
    if _is_panel():
        response = make_response("", 200)
        response.headers["HX-Trigger"] = json.dumps({"panel-close": True})
        response.headers["HX-Refresh"] = "true"
        return response
    return redirect(back)


def _back(task_id: int) -> str:
    given = request.form.get("next") or request.args.get("next")
    return safe_next(given, url_for("plans.show_task", task_id=task_id))


@dataclass(frozen=True)
class _Act:
    """A small form about one assignment or task: what it is called and how its button reads."""

    heading: str
    button: str
    template: str = "tasks/act.html"
    intro: str = ""
    second: tuple[str, str] | None = None


def _answer(
    act: _Act, form: Form, head: TaskHead, share: Share | None, status: int, **more: Any
) -> Response:
    response = make_response(
        render_template(
            act.template,
            act=act,
            form=form,
            task=head,
            share=share,
            back=_back(head.id),
            in_panel=_is_panel(),
            labels=labels,
            today=_today(),
            action=request.full_path.rstrip("?"),
            **more,
        ),
        status,
    )
    response.vary.add("HX-Request")
    return response


def _handle(
    act: _Act,
    form: Form,
    head: TaskHead,
    share: Share | None,
    do: Callable[[], object],
    **more: Any,
) -> BaseResponse:
    """Show the form, or do what was sent; what is wrong stands beside its field."""
    if request.method != "POST":
        return _answer(act, form, head, share, 200, **more)

    def about() -> tuple[TaskHead, Share | None]:
        found = task_queries.find_share(share.row.assignment_id, _today()) if share else None
        return found or (head, share)

    return _take(act, form, about, lambda: (str(do()), head.id), **more)


def _take(
    act: _Act,
    form: Form,
    about: Callable[[], tuple[TaskHead, Share | None]],
    do: Callable[[], tuple[str, int]],
    **more: Any,
) -> BaseResponse:
    """Do what was sent and say so, on the page of its task.

    Only what went wrong is shown again, and asks what the form is `about`.
    """
    conflict = None
    if form.validate():
        try:
            said, task_id = do()
            return _done(said, _back(task_id))
        except ValidationFailed as error:
            form.take_errors(error)
        except Conflict as error:
            conflict = error
            form.form_errors.append(error.message)
    head, share = about()
    if conflict is None:
        return _answer(act, form, head, share, 422, **more)
    version = getattr(form, "version", None)
    if share is not None and version is not None:
        # Sent again after a look at the newer state, it is meant.
        version.data = str(share.version)
        version.raw_data = None
    return _answer(act, form, head, share, 409, **{**more, "conflict": conflict})


@blueprint.route("/viec/giao/<int:assignment_id>/cap-nhat", methods=["GET", "POST"])
@requires("tasks.report")
def edit_progress(assignment_id: int) -> BaseResponse:
    """Report progress: a page of its own, or in place where the page has a panel."""
    act = _Act(_("Cập nhật tiến độ"), _("Lưu cập nhật"), "tasks/update.html")
    if request.method != "POST":
        head, share = _share(assignment_id, "tasks.report")
        issuer = task_queries.last_evidence_issuer(share.row.unit_id)
        opened = ProgressForm.of(share, _today(), issuer)
        return _answer(act, opened, head, share, 200, conflict=None)
    form = ProgressForm()

    def about() -> tuple[TaskHead, Share]:
        return _share(assignment_id, "tasks.report")

    def do() -> tuple[str, int]:
        uploads = [one for one in request.files.getlist("evidence_files") if one.filename]
        if uploads:
            # The service asks for the right as well, but files are stored before it runs.
            about()
        data = form.to_input(assignment_id, prepare_all(uploads, "evidence_files"))
        recorded = run(progress.report_progress, data)
        if data.reported is Reported.DONE:
            said = _("Đã ghi: hoàn thành ngày %(day)s.", day=show_date(data.done_on))
        else:
            said = _("Đã ghi tiến độ %(percent)s%%.", percent=data.percent)
        return said, recorded.task_id

    return _take(act, form, about, do, conflict=None)


@blueprint.route("/viec/giao/<int:assignment_id>/xac-nhan", methods=["GET", "POST"])
@requires("tasks.decide")
def judge_report(assignment_id: int) -> BaseResponse:
    """Confirm a report of 'done', or send it back with the reason."""
    head, share = _share(assignment_id, "tasks.decide")
    form = JudgeForm() if request.method == "POST" else JudgeForm(None, version=share.version)

    def do() -> object:
        is_confirmed = request.form.get("decision") == "yes"
        run(progress.confirm if is_confirmed else progress.send_back, form.to_input(assignment_id))
        return _("Đã xác nhận hoàn thành.") if is_confirmed else _("Đã trả lại để làm tiếp.")

    act = _Act(
        _("Xác nhận hoàn thành"),
        _("Xác nhận"),
        intro=_("Báo hoàn thành ngày %(day)s.", day=show_date(share.row.done_on)),
        second=("no", _("Trả lại")),
    )
    return _handle(act, form, head, share, do)


@blueprint.route("/viec/giao/<int:assignment_id>/tra-soat", methods=["GET", "POST"])
@requires("tasks.report")
def open_dispute(assignment_id: int) -> BaseResponse:
    """Say why a row that shows as overdue is not."""
    head, share = _share(assignment_id, "tasks.report")
    form = DisputeForm() if request.method == "POST" else DisputeForm(None)

    def do() -> object:
        run(progress.open_dispute, form.to_input(assignment_id))
        return _("Đã gửi đề nghị tra soát.")

    days = settings.whole("plans.dispute_days")
    act = _Act(
        _("Đề nghị tra soát"),
        _("Gửi đề nghị"),
        intro=_(
            "Dùng khi việc đã xong nhưng chưa kịp ghi, hoặc hạn ghi chưa đúng. Trong %(days)s ngày "
            "chờ kết luận, việc hiện là “đang tra soát” thay cho “quá hạn”.",
            days=days,
        ),
    )
    return _handle(act, form, head, share, do)


@blueprint.route("/viec/giao/<int:assignment_id>/ket-luan", methods=["GET", "POST"])
@requires("tasks.decide")
def judge_dispute(assignment_id: int) -> BaseResponse:
    """End a dispute."""
    head, share = _share(assignment_id, "tasks.decide")
    is_post = request.method == "POST"
    form = DisputeDecisionForm() if is_post else DisputeDecisionForm(None)

    def do() -> object:
        run(progress.decide_dispute, form.to_input(assignment_id))
        return _("Đã ghi kết luận tra soát.")

    act = _Act(_("Kết luận tra soát"), _("Lưu kết luận"), "tasks/dispute.html")
    reason = task_queries.dispute_reason(assignment_id)
    return _handle(act, form, head, share, do, reason=reason)


@blueprint.route("/viec/giao/<int:assignment_id>/gia-han", methods=["GET", "POST"])
@requires("tasks.extend", "tasks.decide")
def ask_extension(assignment_id: int) -> BaseResponse:
    """Ask for a later deadline."""
    head, share = _share(assignment_id, "tasks.extend")
    form = ExtensionForm() if request.method == "POST" else ExtensionForm(None)

    def do() -> object:
        run(extensions.ask_extension, form.to_input(assignment_id))
        return _("Đã gửi đề nghị gia hạn.")

    intro = _("Hạn hiện tại: %(day)s. Hạn ban đầu vẫn được giữ.", day=show_date(share.row.due_on))
    act = _Act(
        _("Đề nghị gia hạn"),
        _("Gửi đề nghị"),
        intro=intro if share.row.due_on else _("Việc này chưa có hạn; hãy đề nghị một hạn."),
    )
    return _handle(act, form, head, share, do)


@blueprint.route("/viec/gia-han/<int:extension_id>", methods=["GET", "POST"])
@requires("tasks.decide")
def judge_extension(extension_id: int) -> BaseResponse:
    """Approve or refuse a request for a later deadline."""
    asked = db.session.execute(
        select(
            Extension.assignment_id,
            Extension.new_due_on,
            Extension.old_due_on,
            Extension.reason,
            Extension.requested_by_name,
        ).where(Extension.id == extension_id)
    ).first()
    if asked is None:
        raise NotFound
    head, share = _share(asked.assignment_id, "tasks.decide")
    is_post = request.method == "POST"
    form = (
        ExtensionDecisionForm() if is_post else ExtensionDecisionForm(None, version=share.version)
    )

    def do() -> object:
        is_approved = request.form.get("decision") == "yes"
        run(extensions.decide_extension, form.to_input(extension_id, is_approved))
        return _("Đã đồng ý gia hạn.") if is_approved else _("Đã từ chối gia hạn.")

    act = _Act(
        _("Quyết định gia hạn"),
        _("Đồng ý gia hạn"),
        intro=_(
            "%(who)s đề nghị lùi hạn từ %(old)s đến %(new)s: %(reason)s",
            who=asked.requested_by_name,
            old=show_date(asked.old_due_on) or "–",
            new=show_date(asked.new_due_on),
            reason=asked.reason,
        ),
        second=("no", _("Không đồng ý")),
    )
    return _handle(act, form, head, share, do)


@blueprint.route("/viec/giao/<int:assignment_id>/don-doc", methods=["GET", "POST"])
@requires("tasks.urge")
def urge_unit(assignment_id: int) -> BaseResponse:
    """Push a unit, with a day to answer by."""
    head, share = _share(assignment_id, "tasks.urge")
    is_post = request.method == "POST"
    form = UrgeForm() if is_post else UrgeForm(None, reply_by=_reply_by())

    def do() -> object:
        run(urges.urge_units, form.to_input([assignment_id]))
        return _("Đã gửi đôn đốc đến %(unit)s.", unit=share.row.unit_name)

    act = _Act(_("Đôn đốc"), _("Gửi đôn đốc"))
    return _handle(act, form, head, share, do)


@blueprint.route("/viec/don-doc/<int:urge_id>/tra-loi", methods=["GET", "POST"])
@requires("tasks.answer")
def answer_urge(urge_id: int) -> BaseResponse:
    """Answer a push."""
    sent = db.session.execute(
        select(Urge.assignment_id, Urge.message, Urge.urged_by_name).where(Urge.id == urge_id)
    ).first()
    if sent is None:
        raise NotFound
    head, share = _share(sent.assignment_id, "tasks.answer")
    form = AnswerForm() if request.method == "POST" else AnswerForm(None)

    def do() -> object:
        run(urges.answer_urge, form.to_input(urge_id))
        return _("Đã trả lời đôn đốc.")

    act = _Act(
        _("Trả lời đôn đốc"),
        _("Gửi trả lời"),
        intro=f"{sent.urged_by_name}: {sent.message}",
    )
    return _handle(act, form, head, share, do)


def _awaited(head: TaskHead) -> tuple[TaskHead | None, date | None]:
    """Return the task that one waits for, as far as the actor may read it, and when it was done."""
    awaited = task_queries.find_task(head.awaits_id) if head.awaits_id is not None else None
    return awaited, waiting.done_on(db.session(), awaited.id) if awaited is not None else None


def _condition_words(head: TaskHead) -> str:
    """Say what a task waits for, and when the task that it waits for was done."""
    awaited, done_on = _awaited(head)
    if awaited is None or done_on is None:
        return head.trigger_text
    done = _("Việc “%(title)s” xong ngày %(day)s.", title=awaited.title, day=show_date(done_on))
    return f"{head.trigger_text} · {done}"


@blueprint.route("/viec/<int:task_id>/dieu-kien", methods=["GET", "POST"])
@requires("plans.manage")
def trigger_task(task_id: int) -> BaseResponse:
    """Record the day that a conditional task was waiting for."""
    head = task_queries.find_task(task_id)
    if head is None:
        raise NotFound
    is_post = request.method == "POST"
    form = TriggerForm() if is_post else TriggerForm(None, triggered_on=head.triggered_on)

    def do() -> object:
        wanted = form.to_input(task_id)
        if isinstance(wanted, PostponeReview):
            run(progress.postpone_review, wanted, reason=form.note.data or "")
            return _("Sẽ hỏi lại ngày %(day)s.", day=show_date(wanted.review_on))
        due_on = run(progress.record_trigger, wanted)
        return _("Đã ghi ngày có điều kiện; hạn là %(day)s.", day=show_date(due_on))

    act = _Act(_("Ghi ngày có điều kiện"), _("Lưu"), intro=_condition_words(head))
    return _handle(act, form, head, None, do)


# -- why a figure is what it is --------------------------------------------------------------


@blueprint.get("/so-lieu")
@requires("plans.view")
def explain() -> str:
    """Explain a figure by its parameters: the rule in words, both parts, and the rows in each."""
    today = _today()
    rule = _choice(CountRule, request.args.get("rule") or CountRule.PLAN.value)
    as_of = _day("as_of") or today
    past = as_of if as_of < today else None
    plan_id, unit_id, area_id = _key("plan"), _key("unit"), _key("area")
    year, reach = _year(), _reach()
    # A plan's figures are the same for all its readers, a report's count what it counts for the
    # reader; without either they are about what one may read. Rows are listed to those who may
    # read them.
    is_report = request.args.get("scope") == REPORTS and current().actor.access.holds(READ_REPORTS)
    wanted = figures.Filter(
        plan_id=plan_id,
        unit_id=unit_id,
        area_id=area_id,
        condition=None if plan_id is not None or is_report else task_queries.visible_on(past),
        year=year,
        reach=reach,
    )
    scope = task_queries.names_of(plan_id, unit_id, area_id, locale_code(), past)
    hide_unless(scope is not None)
    reader = task_queries.reader_on(past)
    asked = {"plan": plan_id, "unit": unit_id, "area": area_id, "year": year}
    in_list: dict[str, Any] = {key: value for key, value in asked.items() if value is not None}
    if is_report:
        in_list["scope"] = REPORTS
    in_list |= {} if as_of == today else {AS_OF: as_of.isoformat()}
    return render_template(
        "tasks/explain.html",
        figure=figures.figure(db.session(), as_of, rule, wanted),
        rule_words=RULE_WORDS[rule],
        rule=rule,
        parts=figures.rows_of(db.session(), as_of, rule, wanted, reader, MOST_LISTED),
        scope=scope,
        year=year,
        plan_id=plan_id,
        unit_id=unit_id,
        area_id=area_id,
        as_of=as_of,
        today=today,
        labels=labels,
        list_url=url_for("plans.list_tasks", **in_list) if as_of <= today else "",
        count_parts=[
            (
                status.value,
                count,
                url_for("plans.list_tasks", status=status.value, **in_list)
                if as_of <= today
                else None,
            )
            for status, count in figures.by_status(db.session(), as_of, wanted)
        ],
        rules=[
            (CountRule.PLAN, _("Theo kế hoạch"), address_with(rule=CountRule.PLAN.value)),
            (CountRule.DUE, _("Theo việc đến hạn"), address_with(rule=CountRule.DUE.value)),
        ],
    )

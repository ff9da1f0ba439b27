"""Pages of settings, days off and reporting windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from tracker.core.context import current
from tracker.core.db import canonical_json, db
from tracker.core.errors import BadRequest, Conflict, FieldConflict, NotFound, ValidationFailed
from tracker.core.numbers import read_whole
from tracker.core.periods import window
from tracker.core.work import run
from tracker.plugins.descriptors import Label, SettingSpec
from tracker.plugins.host import current_registry
from tracker.settings import forms, queries, services
from tracker.settings.models import CalendarDay, DayKind
from tracker.settings.permissions import MANAGE
from tracker.web.doors import requires
from tracker.web.forms import Form
from tracker.web.i18n import locale_code

blueprint = Blueprint("settings", __name__)

Answer = str | tuple[str, int] | Response

# The groups that the core's own settings use, in the order of the page; others follow as 'other'.
GROUPS: Mapping[str, Label] = {
    "agency": _l("Cơ quan"),
    "plans": _l("Kế hoạch và nhiệm vụ"),
    "progress": _l("Tiến độ và thời hạn"),
    "inspections": _l("Kiểm tra"),
    "reports": _l("Báo cáo"),
    "notices": _l("Thông báo"),
    "accounts": _l("Tài khoản và đăng nhập"),
    "files": _l("Tệp"),
    "other": _l("Khác"),
}
FIRST_YEAR, LAST_YEAR = 2000, 2100


def _groups(specs: Sequence[SettingSpec]) -> list[tuple[Label, list[SettingSpec]]]:
    found: dict[str, list[SettingSpec]] = {key: [] for key in GROUPS}
    for spec in specs:
        found[spec.group if spec.group in GROUPS else "other"].append(spec)
    return [(GROUPS[key], members) for key, members in found.items() if members]


@blueprint.route("/thiet-lap", methods=["GET", "POST"])
@requires(MANAGE)
def edit() -> Answer:
    """Show all declared settings, and save what was changed."""
    specs = [one for one in current_registry().settings.values() if one.group != services.HIDDEN]
    now = {one.key: queries.value(one.key) for one in specs}
    form: Any = forms.settings_form(specs)(
        data={forms.field_name(key): value for key, value in now.items()}
    )
    conflicts: Sequence[FieldConflict] = ()
    status = 200
    if request.method == "POST":
        if not form.validate():
            status = 422
        else:
            try:
                changed = run(services.save_settings, _typed_settings(form, specs))
            except ValidationFailed as error:
                form.take_errors(_with_field_names(error))
                status = 422
            except Conflict as error:
                conflicts, status = error.fields, 409
            else:
                flash(_("Đã lưu thiết lập.") if changed else _("Không có gì thay đổi."), "success")
                return redirect(url_for("settings.edit"))
    if status != 422:
        # What the person saw is what is stored now, also after a conflict was shown.
        for spec in specs:
            base = form[f"base__{forms.field_name(spec.key)}"]
            base.raw_data, base.data = None, canonical_json(now[spec.key])
    labels = {spec.key: str(spec.label) for spec in specs}
    page = render_template(
        "settings/edit.html",
        form=form,
        groups=[
            (label, [form[forms.field_name(spec.key)] for spec in members])
            for label, members in _groups(specs)
        ],
        bases=[form[f"base__{forms.field_name(spec.key)}"] for spec in specs],
        conflicts=[(labels[one.field], one) for one in conflicts],
        tabs=_tabs("edit"),
    )
    return page, status


def _typed_settings(form: Any, specs: Sequence[SettingSpec]) -> services.SaveSettings:
    values = {spec.key: form[forms.field_name(spec.key)].data for spec in specs}
    base = {
        spec.key: seen
        for spec in specs
        if (seen := request.form.get(f"base__{forms.field_name(spec.key)}"))
    }
    return services.SaveSettings(values, base)


def _with_field_names(error: ValidationFailed) -> ValidationFailed:
    return ValidationFailed(
        [type(one)(forms.field_name(one.field), one.message) for one in error.errors]
    )


def _tabs(here: str) -> list[tuple[str, str, bool]]:
    return [
        (_("Thiết lập chung"), url_for("settings.edit"), here == "edit"),
        (_("Ngày nghỉ, ngày làm bù"), url_for("settings.list_days"), here == "days"),
        (_("Kỳ báo cáo"), url_for("settings.list_windows"), here == "windows"),
    ]


# -- days off ---------------------------------------------------------------------------------


def _year() -> int:
    text = request.args.get("year", "")
    if not text:
        return current().clock.today().year
    year = read_whole(text, LAST_YEAR)
    if year is None or year < FIRST_YEAR:
        raise BadRequest(_("Năm không hợp lệ."))
    return year


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise NotFound from error


@blueprint.get("/thiet-lap/ngay-nghi")
@requires(MANAGE)
def list_days() -> str:
    """Show the days off and the swapped days of a year."""
    year = _year()
    days = queries.days_of(year)
    calendar = queries.working_calendar()
    return render_template(
        "settings/days.html",
        year=year,
        days=days,
        kinds=forms.DAY_KINDS,
        working_days=calendar.working_days_between(date(year, 1, 1), date(year + 1, 1, 1)),
        off_days=sum(one.kind is not DayKind.SWAP_WORK for one in days),
        swap_days=sum(one.kind is DayKind.SWAP_WORK for one in days),
        tabs=_tabs("days"),
    )


@blueprint.route("/thiet-lap/ngay-nghi/them", methods=["GET", "POST"])
@requires(MANAGE)
def add_day() -> Answer:
    """Add one day to the calendar."""
    form: Any = forms.DayForm()
    status, message = 200, ""
    if request.method == "POST":
        if form.validate():
            day = services.DayInput(
                form.day.data, DayKind(form.kind.data), form.name.data, form.decision.data
            )
            try:
                run(services.add_days, services.AddDays((day,)))
            except ValidationFailed as error:
                form.take_errors(error)
                status = 422
            except Conflict as error:
                status, message = 409, error.message
            else:
                flash(_("Đã thêm ngày vào lịch."), "success")
                return redirect(url_for("settings.list_days", year=form.day.data.year))
        else:
            status = 422
    return _day_page(form, None, message=message), status


@blueprint.route("/thiet-lap/ngay-nghi/<day>", methods=["GET", "POST"])
@requires(MANAGE)
def edit_day(day: str) -> Answer:
    """Change a day of the calendar."""
    row = db.session.get(CalendarDay, _day(day))
    if row is None:
        raise NotFound
    form: Any = forms.DayForm(
        data={
            "day": row.day,
            "kind": row.kind.value,
            "name": row.name,
            "decision": row.decision,
            "version": str(row.version),
        }
    )
    # The date is the day's identity: another date is another day.
    form.day.raw_data, form.day.data, form.day.errors = None, row.day, []
    status, conflict = 200, None
    if request.method == "POST":
        del form.day
        if form.validate():
            try:
                run(
                    services.edit_day,
                    services.EditDay(
                        row.day,
                        _version(),
                        DayKind(form.kind.data),
                        form.name.data,
                        form.decision.data,
                    ),
                )
            except ValidationFailed as error:
                form.take_errors(error)
                status = 422
            except Conflict as error:
                status, conflict = 409, error
            else:
                flash(_("Đã lưu."), "success")
                return redirect(url_for("settings.list_days", year=_day(day).year))
        else:
            status = 422
    shown = db.session.get(CalendarDay, _day(day))
    if conflict is not None and shown is not None:
        form.version.raw_data, form.version.data = None, str(shown.version)
    return _day_page(form, shown, conflict), status


def _version() -> int:
    # Read from what was sent: a form fills a field that is missing there with what is stored now.
    text = request.form.get("version", "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadRequest(_("Biểu mẫu thiếu phiên bản. Hãy tải lại trang."))
    return int(text)


def _day_page(
    form: Form, row: CalendarDay | None, conflict: Conflict | None = None, message: str = ""
) -> str:
    labels = {name: str(field.label.text) for name, field in form._fields.items()}
    return render_template(
        "settings/day.html",
        form=form,
        row=row,
        remove=forms.RemoveForm(formdata=None),
        message=conflict.message if conflict else message,
        conflicts=[(labels.get(one.field, ""), one) for one in conflict.fields] if conflict else (),
    )


@blueprint.post("/thiet-lap/ngay-nghi/<day>/xoa")
@requires(MANAGE)
def remove_day(day: str) -> Answer:
    """Take a day out of the calendar."""
    wanted = _day(day)
    form = forms.RemoveForm()
    run(services.remove_day, services.RemoveDay(wanted, form.reason.data or ""))
    flash(_("Đã bỏ ngày khỏi lịch."), "success")
    return redirect(url_for("settings.list_days", year=wanted.year))


@blueprint.route("/thiet-lap/ngay-nghi/de-xuat", methods=["GET", "POST"])
@requires(MANAGE)
def propose_days() -> Answer:
    """Show the holidays foreseeable for a year, to pick from; nothing is saved by itself."""
    year = _year()
    proposed = queries.proposed_days(year)
    form = forms.ProposalForm()
    picked = set(request.form.getlist("days"))
    status, message = 200, ""
    if request.method == "POST":
        chosen = [one for one in proposed if one.day.isoformat() in picked and not one.is_known]
        if len(chosen) != len(picked):
            status, message = 422, _("Có ngày không nằm trong danh sách. Hãy tải lại rồi chọn.")
        elif not chosen:
            status, message = 422, _("Hãy chọn ít nhất một ngày.")
        elif not form.validate():
            status = 422
        else:
            days = tuple(
                services.DayInput(one.day, DayKind.HOLIDAY, one.name, form.decision.data or "")
                for one in chosen
            )
            run(services.add_days, services.AddDays(days))
            flash(_("Đã thêm %(count)d ngày vào lịch.", count=len(days)), "success")
            return redirect(url_for("settings.list_days", year=year))
    page = render_template(
        "settings/proposal.html",
        year=year,
        proposed=proposed,
        picked=picked,
        form=form,
        message=message,
    )
    return page, status


# -- reporting windows ------------------------------------------------------------------------


@blueprint.get("/thiet-lap/ky-bao-cao")
@requires(MANAGE)
def list_windows() -> str:
    """Show the reporting windows, as rules and as dates of this year."""
    year = current().clock.today().year
    rows = [(row, window(queries.rule_of(row), year)) for row in queries.windows()]
    return render_template(
        "settings/windows.html",
        rows=rows,
        year=year,
        in_english=locale_code() == "en",
        tabs=_tabs("windows"),
    )


@blueprint.route("/thiet-lap/ky-bao-cao/<code>", methods=["GET", "POST"])
@requires(MANAGE)
def edit_window(code: str) -> Answer:
    """Change a reporting window."""
    row = next((one for one in queries.windows() if one.code == code), None)
    if row is None:
        raise NotFound
    names = [name for name in forms.WindowForm()._fields if name != "version"]
    form: Any = forms.WindowForm(
        data={
            **{name: getattr(row, name) for name in names},
            "from_year_offset": str(row.from_year_offset),
            "version": str(row.version),
        }
    )
    status, conflict = 200, None
    if request.method == "POST":
        if form.validate():
            values = {name: form[name].data for name in names}
            values["from_year_offset"] = int(values["from_year_offset"])
            try:
                run(
                    services.edit_window,
                    services.EditWindow(code=code, version=_version(), **values),
                )
            except ValidationFailed as error:
                form.take_errors(error)
                status = 422
            except Conflict as error:
                status, conflict = 409, error
            else:
                flash(_("Đã lưu kỳ báo cáo."), "success")
                return redirect(url_for("settings.list_windows"))
        else:
            status = 422
    if conflict is not None:
        newest = next(one for one in queries.windows() if one.code == code)
        form.version.raw_data, form.version.data = None, str(newest.version)
    labels = {name: str(form[name].label.text) for name in names}
    page = render_template(
        "settings/window.html",
        form=form,
        message=conflict.message if conflict else "",
        conflicts=[(labels.get(one.field, ""), one) for one in conflict.fields] if conflict else (),
    )
    return page, status

"""Pages of settings, days off and reporting windows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import BadRequest, Conflict, NotFound, ValidationFailed
from tracker.core.numbers import read_whole
from tracker.core.periods import window
from tracker.core.work import run
from tracker.plugins.descriptors import Label, SettingSpec
from tracker.plugins.host import current_registry
from tracker.settings import forms, levels, queries, services
from tracker.settings.models import CalendarDay, DayKind, ReportWindow
from tracker.settings.permissions import MANAGE
from tracker.web import conflict
from tracker.web.doors import requires
from tracker.web.forms import Form
from tracker.web.i18n import locale_code

blueprint = Blueprint("settings", __name__)

Answer = str | tuple[str, int] | Response

# The heading of settings whose own one nobody offers.
OTHER = "other"
FIRST_YEAR, LAST_YEAR = 2000, 2100


def _groups(specs: Sequence[SettingSpec]) -> list[tuple[Label, list[SettingSpec]]]:
    headings = {one.key: one.label for one in current_registry().setting_groups}
    found: dict[str, list[SettingSpec]] = {key: [] for key in headings}
    for spec in specs:
        found[spec.group if spec.group in headings else OTHER].append(spec)
    return [(headings[key], members) for key, members in found.items() if members]


@blueprint.route("/thiet-lap", methods=["GET", "POST"])
@requires(MANAGE)
def edit() -> Answer:
    """Show all declared settings, and save what was changed; others' changes are merged in."""
    # What a plug-in brought since the page was opened is not on it, and stays as it is.
    asked = request.form.get("shown", "").split()
    specs = [
        one
        for one in current_registry().settings.values()
        if one.group != services.HIDDEN and (not asked or one.key in asked)
    ]
    kept = queries.kept_secrets(specs)
    form: Any = forms.settings_form(specs, kept)(
        data={forms.field_name(one.key): queries.shown(one) for one in specs}
    )
    newest = queries.newest_change_set(db.session())
    status = 200
    if request.method == "POST":
        status, newest = 422, conflict.posted_version()
        if form.validate():
            try:
                changed = conflict.persist(lambda: _save_settings(form, specs))
            except ValidationFailed as error:
                form.take_errors(_with_field_names(error))
            except Conflict as error:
                return _settings_conflict(form, error), 409
            else:
                flash(_("Đã lưu thiết lập.") if changed else _("Không có gì thay đổi."), "success")
                return redirect(url_for("settings.edit"))
    page = render_template(
        "settings/edit.html",
        form=form,
        base_version=newest,
        shown=" ".join(one.key for one in specs),
        groups=[
            (label, [form[name] for spec in members for name in _fields_of(spec, kept)])
            for label, members in _groups(specs)
        ],
        tabs=_tabs("edit"),
    )
    return page, status


def _fields_of(spec: SettingSpec, kept: Collection[str]) -> list[str]:
    name = forms.field_name(spec.key)
    return [name, forms.clear_name(spec.key)] if spec.key in kept else [name]


def _clears(form: Any, spec: SettingSpec) -> bool:
    """Tell whether a secret setting is to be emptied; it is so already where nothing was kept."""
    name = forms.clear_name(spec.key)
    return name in form and bool(form[name].data)


def _save_settings(form: Any, specs: Sequence[SettingSpec]) -> list[str]:
    """Write what the person changed over the settings as they are now."""
    session = db.session()
    session.rollback()
    typed, problems = services.typed_values(
        {
            spec.key: data
            for spec in specs
            # A secret that nobody typed stays as it is, unless it is to be emptied.
            if (data := form[forms.field_name(spec.key)].data)
            or not spec.secret
            or _clears(form, spec)
        }
    )
    if problems:
        raise ValidationFailed(problems)
    keys = {forms.field_name(key): key for key in typed}
    base_version, newest = conflict.posted_version(), queries.newest_change_set(session)

    def merged(values: Mapping[str, Any]) -> dict[str, Any]:
        by_key = {keys[name]: value for name, value in values.items()}
        try:
            wanted = services.merge_settings(session, by_key, base_version)
        except Conflict as error:
            fields = [replace(one, field=forms.field_name(one.field)) for one in error.fields]
            raise Conflict(error.message, fields) from error
        return {forms.field_name(key): value for key, value in wanted.items()}

    wanted = conflict.choose(merged, newest, {name: typed[key] for name, key in keys.items()})
    values = {keys[name]: value for name, value in wanted.items()}
    return run(services.save_settings, services.SaveSettings(values, newest))


def _settings_conflict(form: Any, error: Conflict) -> str:
    return conflict.page(
        form,
        error,
        title=_("Hai người cùng sửa thiết lập"),
        base_version=conflict.posted_version(),
        seen_version=queries.newest_change_set(db.session()),
        action=url_for("settings.edit"),
        cancel_url=url_for("settings.edit"),
        crumbs=[(_("Thiết lập"), url_for("settings.edit"))],
    )


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
        months=queries.year_grid(year, days),
        today=current().clock.today(),
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
    return _day_page(form, None, message), status


@blueprint.route("/thiet-lap/ngay-nghi/<day>", methods=["GET", "POST"])
@requires(MANAGE)
def edit_day(day: str) -> Answer:
    """Change a day of the calendar."""
    wanted = _day(day)
    row = db.session.get(CalendarDay, wanted)
    if row is None:
        raise NotFound
    form: Any = forms.DayForm(
        data={
            "kind": row.kind.value,
            "name": row.name,
            "decision": row.decision,
            "version": str(row.version),
        }
    )
    # The date is the day's identity: another date is another day.
    del form.day
    status = 200
    if request.method == "POST":
        status, version = 422, conflict.posted_version("version")
        if form.validate():
            try:
                conflict.persist(lambda: _save_day(form, wanted, version))
            except ValidationFailed as error:
                form.take_errors(error)
            except Conflict as error:
                return _day_conflict(form, wanted, version, error), 409
            else:
                flash(_("Đã lưu."), "success")
                return redirect(url_for("settings.list_days", year=wanted.year))
    return _day_page(form, db.session.get(CalendarDay, wanted)), status


def _save_day(form: Any, day: date, version: int) -> date:
    """Write what the person changed since `version` over the day as it is now."""
    session = db.session()
    session.expire_all()
    row = session.get(CalendarDay, day)
    if row is None:
        raise NotFound
    typed = {
        "kind": DayKind(form.kind.data),
        "name": form.name.data,
        "decision": form.decision.data,
    }
    values = conflict.whole(session, row, version, typed)
    return run(services.edit_day, services.EditDay(day, row.version, **values))


def _day_conflict(form: Any, day: date, version: int, error: Conflict) -> str:
    row = db.session.get_one(CalendarDay, day)
    back = url_for("settings.list_days", year=day.year)
    return conflict.page(
        form,
        error,
        title=_("Hai người cùng sửa ngày %(day)s", day=f"{day:%d/%m/%Y}"),
        version_name="version",
        base_version=version,
        seen_version=row.version,
        action=url_for("settings.edit_day", day=day.isoformat()),
        cancel_url=back,
        crumbs=[(_("Ngày nghỉ, ngày làm bù"), back)],
    )


def _day_page(form: Form, row: CalendarDay | None, message: str = "") -> str:
    return render_template(
        "settings/day.html",
        form=form,
        row=row,
        remove=forms.RemoveForm(formdata=None),
        message=message,
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
        levels=levels.LEVELS,
        due_by_level=levels.due_by_level([dates.due for _row, dates in rows]),
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
    status = 200
    if request.method == "POST":
        status, version = 422, conflict.posted_version("version")
        if form.validate():
            try:
                conflict.persist(lambda: _save_window(form, code, names, version))
            except ValidationFailed as error:
                form.take_errors(error)
            except Conflict as error:
                return _window_conflict(form, code, version, error), 409
            else:
                flash(_("Đã lưu kỳ báo cáo."), "success")
                return redirect(url_for("settings.list_windows"))
    return render_template("settings/window.html", form=form), status


def _save_window(form: Any, code: str, names: Sequence[str], version: int) -> str:
    """Write what the person changed since `version` over the window as it is now."""
    session = db.session()
    session.expire_all()
    row = session.get_one(ReportWindow, code)
    typed = {name: form[name].data for name in names}
    typed["from_year_offset"] = int(typed["from_year_offset"])
    values = conflict.whole(session, row, version, typed)
    return run(services.edit_window, services.EditWindow(code=code, version=row.version, **values))


def _window_conflict(form: Any, code: str, version: int, error: Conflict) -> str:
    row = db.session.get_one(ReportWindow, code)
    back = url_for("settings.list_windows")
    return conflict.page(
        form,
        error,
        title=_("Hai người cùng sửa: %(name)s", name=row.name),
        version_name="version",
        base_version=version,
        seen_version=row.version,
        action=url_for("settings.edit_window", code=code),
        cancel_url=back,
        crumbs=[(_("Kỳ báo cáo"), back)],
    )

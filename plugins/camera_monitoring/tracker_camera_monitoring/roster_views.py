"""The roster: who watches when, a week at a time, and where nobody does."""

from __future__ import annotations

from datetime import date, timedelta

from werkzeug.wrappers import Response

from tracker.api.calendar import working_calendar
from tracker.api.clock import today
from tracker.api.errors import PermissionDenied, ValidationFailed
from tracker.api.i18n import gettext as _
from tracker.api.i18n import ngettext
from tracker.api.queries import unit_choices
from tracker.api.web import flash, redirect, render_template, requires, url_for
from tracker.api.work import may, run
from tracker_camera_monitoring import forms, inputs, values, watch_queries, watching
from tracker_camera_monitoring.blueprint import blueprint, day_in, existing
from tracker_camera_monitoring.permissions import READ_LOG, ROSTER

WEEK = 7
Page = str | tuple[str, int] | Response


def monday_of(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def week_of(monday: date) -> list[watch_queries.RosterDay]:
    """Return a week of the roster with its gaps, by the instance's calendar and hours."""
    calendar = working_calendar()
    off = {
        day: not calendar.is_working(day)
        for day in (monday + timedelta(days=number) for number in range(WEEK))
    }
    return watch_queries.roster(monday, WEEK, values.watch_hours(), off, today())


@blueprint.route("/lich", methods=["GET", "POST"])
@requires(READ_LOG)
def show_roster() -> Page:
    """Show a week; whoever arranges the roster adds turns on the same page."""
    monday = monday_of(day_in("tuan") or today())
    may_arrange = may(ROSTER)
    form = forms.ShiftForm()
    status = 200
    units: list[tuple[int, str]] = []
    if form.is_submitted() and not may_arrange:
        raise PermissionDenied
    if may_arrange:
        units = unit_choices(ROSTER)
        form.unit_id.choices = forms.options(units, "")
        form.watcher_id.choices = forms.options(watch_queries.watchers(), "")
        if form.is_submitted():
            if form.validate():
                try:
                    run(watching.add_shift, _shift_input(form))
                except ValidationFailed as error:
                    form.take_errors(error)
                else:
                    flash(_("Đã thêm ca xem."), "success")
                    return redirect(_address(monday_of(form.day.data)), 303)
            status = 422
    days = week_of(monday)
    if may_arrange and not form.is_submitted():
        _suggest(form, monday, days, units)
    page = render_template(
        "camera_monitoring/roster.html",
        monday=monday,
        sunday=monday + timedelta(days=WEEK - 1),
        previous_week=monday - timedelta(days=WEEK),
        next_week=monday + timedelta(days=WEEK),
        this_week=monday_of(today()),
        days=days,
        gap_count=sum(len(one.gaps) for one in days),
        silent_count=sum(len(one.silent) for one in days),
        hours=values.watch_hours(),
        form=form,
        may_arrange=may_arrange,
    )
    return page, status


def _suggest(
    form: forms.ShiftForm,
    monday: date,
    days: list[watch_queries.RosterDay],
    units: list[tuple[int, str]],
) -> None:
    """Fill the form with the first gap of the week, from today on."""
    for one in days:
        if one.gaps and one.day >= today():
            form.day.data = one.day
            form.starts_at.data = one.gaps[0].starts_at
            form.ends_at.data = one.gaps[0].ends_at
            break
    else:
        form.day.data = max(monday, today())
    if units:
        form.unit_id.data = units[0][0]


def _shift_input(form: forms.ShiftForm) -> inputs.AddShift:
    return inputs.AddShift(
        unit_id=form.unit_id.data,
        watcher_id=form.watcher_id.data,
        day=form.day.data,
        starts_at=form.starts_at.data,
        ends_at=form.ends_at.data,
        note=form.note.data or "",
    )


def _address(monday: date) -> str:
    return url_for("camera_monitoring.show_roster", tuan=f"{monday:%d/%m/%Y}")


@blueprint.post("/lich/chep")
@requires(ROSTER)
def copy_week() -> Response:
    """Repeat the turns of the week before."""
    monday = monday_of(day_in("tuan") or today())
    copied = run(watching.copy_week, inputs.CopyWeek(monday))
    if copied:
        flash(ngettext("Đã chép %(num)d ca.", "Đã chép %(num)d ca.", copied), "success")
    else:
        flash(_("Tuần trước không có ca nào để chép."), "info")
    return redirect(_address(monday), 303)


@blueprint.post("/lich/<int:shift_id>/xoa")
@requires(ROSTER)
def remove_shift(shift_id: int) -> Response:
    """Take a turn off the roster."""
    monday = monday_of(day_in("tuan") or today())
    run(watching.remove_shift, inputs.RemoveShift(existing(shift_id)))
    flash(_("Đã bỏ ca xem."), "success")
    return redirect(_address(monday), 303)

"""Pages of the register: who is due, one person, posts, categories and reasons."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select
from werkzeug.wrappers import Response

from tracker.api import clock
from tracker.api.errors import NotFound
from tracker.api.i18n import gettext as _
from tracker.api.queries import paginate, session, unit_choices, unit_names
from tracker.api.web import (
    Column,
    Sheet,
    count_rows,
    flash,
    page_number,
    redirect,
    render_template,
    request,
    requires,
    send_workbook,
    url_for,
)
from tracker.api.work import log_read, may, may_everywhere, require_everywhere
from tracker_position_rotation import forms, inputs, labels, queries, services
from tracker_position_rotation.blueprint import (
    blueprint,
    choice_in,
    day_in,
    fill,
    key_in,
    page,
    version_of,
    written,
)
from tracker_position_rotation.models import Category, Deferral, Person, Post, Reason
from tracker_position_rotation.permissions import MANAGE, PRIVATE, VIEW
from tracker_position_rotation.rules import Period, Standing, due_by, months_held, retires_soon
from tracker_position_rotation.standings import periods_on, retirement_months

MOST_EXPORTED = 20_000
Page = str | tuple[str, int] | Response


def _filters() -> queries.RegisterFilters:
    standing = choice_in(Standing, "tt")
    return queries.RegisterFilters(
        standings=frozenset({standing}) if standing else frozenset(),
        unit_id=key_in("dv"),
        words=request.args.get("q", "")[:200],
    )


@blueprint.get("/")
@requires(VIEW)
def register() -> str:
    """Show who holds which post for how long, whoever is due first."""
    day, filters = day_in("ngay"), _filters()
    query, periods = queries.register(session(), day, filters)
    shown = paginate(query, page_number())
    return render_template(
        "position_rotation/register.html",
        page=shown,
        rows=[queries.register_row(row, day, periods) for row in shown.rows],
        counts=queries.counts(session(), day, filters.unit_id),
        filters=filters,
        day=day,
        is_today=day == clock.today(),
        units=unit_choices(VIEW),
        may_manage=may(MANAGE),
    )


@blueprint.get("/so.xlsx")
@requires(VIEW)
def export_register() -> Response:
    """Download what the register shows."""
    day = day_in("ngay")
    query, periods = queries.register(session(), day, _filters())
    return send_workbook(
        f"chuyen-doi-vi-tri-{day:%Y%m%d}.xlsx",
        count_rows(query),
        lambda: [_sheet(query.limit(MOST_EXPORTED), day, periods)],
    )


def _sheet(query: Select[Any], day: date, periods: Mapping[int, Period]) -> Sheet:
    rows = (queries.register_row(row, day, periods) for row in session().execute(query))
    return Sheet(
        _("Chuyển đổi vị trí"),
        [
            Column(_("Họ tên"), 28),
            Column(_("Mã số"), 14),
            Column(_("Đơn vị"), 32),
            Column(_("Giữ vị trí"), 32),
            Column(_("Danh mục"), 32),
            Column(_("Giữ từ ngày"), 13, "date"),
            Column(_("Số tháng giữ vị trí"), 12, "whole"),
            Column(_("Số tháng giữ loại vị trí"), 12, "whole"),
            Column(_("Đến hạn"), 13, "date"),
            Column(_("Tình trạng"), 18),
        ],
        [
            (
                row.name,
                row.staff_code,
                row.unit,
                row.post,
                row.category,
                row.since,
                row.months,
                row.months_in_category,
                row.due_on,
                str(labels.STANDINGS[row.standing]),
            )
            for row in rows
        ],
        title=_("Sổ theo dõi chuyển đổi vị trí công tác, tại ngày %(day)s", day=f"{day:%d/%m/%Y}"),
    )


def _person(person_id: UUID) -> Person:
    person = queries.find_person(session(), person_id)
    if person is None:
        raise NotFound
    return person


@blueprint.get("/nguoi/<uuid:person_id>")
@requires(VIEW)
def show_person(person_id: UUID) -> str:
    """Show a person: posts held, the clock, deferrals."""
    return _person_page(_person(person_id))


def _person_page(person: Person, opened: queries.OpenedReason | None = None) -> str:
    today = clock.today()
    held = queries.posts_held(session(), person.id)
    now = held[0] if held and held[0].until is None else None
    period = periods_on(session(), today).get(now.category_id or 0) if now else None
    counted, _periods = queries.register(session(), today, queries.RegisterFilters())
    row = session().execute(counted.where(Person.id == person.id)).first()
    return render_template(
        "position_rotation/person.html",
        person=person,
        now=now,
        held=held,
        months=months_held(now.since, today) if now else None,
        months_in_category=months_held(now.since_in_category, today) if now else None,
        period=period,
        due_on=due_by(now.since_in_category, period) if now and period else None,
        standing=Standing(row.standing) if row else None,
        deferrals=queries.deferrals_of(session(), person.id),
        may_manage=may(MANAGE, person),
        may_read_private=may(PRIVATE, person),
        today=today,
        opened=opened,
        retirement_months=retirement_months(),
        retires_soon=period is not None
        and retires_soon(person.retires_on, today, retirement_months()),
    )


@blueprint.post("/nguoi/<uuid:person_id>/ly-do/<int:deferral_id>/xem")
@requires(PRIVATE)
def read_reason(person_id: UUID, deferral_id: int) -> str:
    """Show the private note of a deferral; the reading goes into the change log first."""
    person = _person(person_id)
    if not may(PRIVATE, person):
        raise NotFound
    deferral = session().get(Deferral, deferral_id)
    if deferral is None or deferral.person_id != person.id:
        raise NotFound
    log_read(deferral, _("Ghi chú riêng về lý do hoãn của %(name)s", name=person.name))
    deferral = session().get_one(Deferral, deferral_id)
    return _person_page(_person(person_id), opened=queries.opened_reason(session(), deferral))


@blueprint.route("/nguoi/moi", methods=["GET", "POST"])
@requires(MANAGE)
def new_person() -> Page:
    """Put somebody into the register."""
    return _edit_person(None)


@blueprint.route("/nguoi/<uuid:person_id>/sua", methods=["GET", "POST"])
@requires(MANAGE)
def edit_person(person_id: UUID) -> Page:
    """Change what the register says of somebody."""
    return _edit_person(_person(person_id))


def _edit_person(person: Person | None) -> Page:
    form = forms.PersonForm()
    form.post_id.choices = forms.options(queries.post_choices(session()), _("Chọn vị trí"))
    if not form.is_submitted():
        if person is not None:
            fill(form, person, "staff_code", "name", "retires_on", "retirement_override", "version")
    elif key := written(
        form,
        services.save_person,
        lambda: inputs.SavePerson(
            staff_code=form.staff_code.data or "",
            name=form.name.data or "",
            retires_on=form.retires_on.data,
            retirement_override=form.retirement_override.data or "",
            person_id=person.id if person else None,
            version=version_of(form.version.data),
            post_id=form.post_id.data,
            since=form.since.data,
            since_in_category=form.since_in_category.data,
        ),
    ):
        flash(_("Đã lưu."), "success")
        saved = session().get(Person, key)
        target = saved.public_id if saved else ""
        return redirect(url_for("position_rotation.show_person", person_id=target), code=303)
    return page("person_form", form, person=person, retirement_months=retirement_months())


@blueprint.route("/nguoi/<uuid:person_id>/chuyen", methods=["GET", "POST"])
@requires(MANAGE)
def move_person(person_id: UUID) -> Page:
    """Write a decision that moves somebody."""
    person = _person(person_id)
    form = forms.MoveForm()
    form.post_id.choices = forms.options(queries.post_choices(session()), _("Chọn vị trí"))
    if not form.is_submitted():
        fill(form, person, "version")
    elif form.post_id.data is None and not form.leaves.data:
        form.validate()
        form.post_id.errors = [_("Hãy chọn vị trí mới, hoặc đánh dấu là rời khỏi sổ.")]
    elif written(
        form,
        services.move_person,
        lambda: inputs.MovePerson(
            person_id=person.id,
            effective_on=form.effective_on.data,
            post_id=None if form.leaves.data else form.post_id.data,
            decision_number=form.decision_number.data or "",
            decided_on=form.decided_on.data,
            keeps_clock=bool(form.keeps_clock.data),
            version=version_of(form.version.data),
        ),
    ):
        flash(_("Đã ghi quyết định."), "success")
        return redirect(url_for("position_rotation.show_person", person_id=person_id), code=303)
    held = queries.posts_held(session(), person.id)
    return page("move", form, person=person, holds_post=bool(held and held[0].until is None))


@blueprint.route("/nguoi/<uuid:person_id>/hoan", methods=["GET", "POST"])
@requires(MANAGE)
def defer_person(person_id: UUID) -> Page:
    """Write why somebody is not moved."""
    person = _person(person_id)
    form = forms.DeferralForm()
    form.reason_id.choices = forms.options(
        [
            (one.id, labels.reason_name(one.name, one.name_en))
            for one in queries.reasons(session(), clock.today())
        ],
        _("Chọn lý do"),
    )
    if not form.is_submitted():
        form.start.data = clock.today()
    elif written(
        form,
        services.add_deferral,
        lambda: inputs.AddDeferral(
            person_id=person.id,
            reason_id=form.reason_id.data,
            start=form.start.data,
            end=form.end.data,
            note=form.note.data or "",
            evidence_number=form.evidence_number.data or "",
            evidence_on=form.evidence_on.data,
        ),
    ):
        flash(_("Đã ghi lý do. Người này tự trở lại danh sách khi hết thời hạn."), "success")
        return redirect(url_for("position_rotation.show_person", person_id=person_id), code=303)
    return page("deferral", form, person=person)


@blueprint.route("/nguoi/<uuid:person_id>/hoan/<int:deferral_id>", methods=["GET", "POST"])
@requires(MANAGE)
def end_deferral(person_id: UUID, deferral_id: int) -> Page:
    """Set the last day of a deferral."""
    person = _person(person_id)
    form = forms.EndForm()
    row = next(
        (one for one in queries.deferrals_of(session(), person.id) if one.id == deferral_id), None
    )
    if row is None:
        raise NotFound
    if not form.is_submitted():
        form.end.data = row.end or clock.today()
    elif written(
        form,
        services.end_deferral,
        lambda: inputs.EndDeferral(deferral_id=deferral_id, end=form.end.data),
    ):
        flash(_("Đã lưu."), "success")
        return redirect(url_for("position_rotation.show_person", person_id=person_id), code=303)
    return page("end", form, person=person, row=row)


@blueprint.get("/vi-tri")
@requires(VIEW)
def list_posts() -> str:
    """Show the posts, their seats and who is missing."""
    filters = queries.RegisterFilters(unit_id=key_in("dv"), words=request.args.get("q", "")[:200])
    return render_template(
        "position_rotation/posts.html",
        page=paginate(queries.posts(filters), page_number()),
        filters=filters,
        units=unit_choices(VIEW),
        may_manage=may(MANAGE),
    )


@blueprint.route("/vi-tri/moi", methods=["GET", "POST"])
@requires(MANAGE)
def new_post() -> Page:
    """Make a post."""
    return _edit_post(None)


@blueprint.route("/vi-tri/<uuid:post_id>", methods=["GET", "POST"])
@requires(MANAGE)
def edit_post(post_id: UUID) -> Page:
    """Change a post."""
    post = queries.find_post(session(), post_id)
    if post is None:
        raise NotFound
    return _edit_post(post)


def _edit_post(post: Post | None) -> Page:
    form = forms.PostForm()
    own = unit_choices(MANAGE)
    if post is not None:
        own = list(unit_names([post.unit_id]).items())
    form.unit_id.choices = forms.options(own, _("Chọn đơn vị"))
    form.reach_unit_id.choices = forms.options(
        queries.reach_choices(session(), post.reach_unit_id if post else None), _("Chọn đơn vị")
    )
    today = clock.today()
    form.category_id.choices = forms.options(
        [
            (one.id, f"{one.code} – {one.title}")
            for one in queries.categories(session())
            if one.valid_to is None
            or one.valid_to > today
            or (post is not None and one.id == post.category_id)
        ],
        _("Không phải chuyển đổi"),
    )
    if not form.is_submitted():
        if post is not None:
            fill(
                form,
                post,
                "unit_id",
                "title",
                "profession",
                "category_id",
                "reach_unit_id",
                "seats",
                "smallest",
                "ended_on",
                "version",
            )
        else:
            form.seats.data = form.smallest.data = 1
    elif written(
        form,
        services.save_post,
        lambda: inputs.SavePost(
            unit_id=form.unit_id.data,
            reach_unit_id=form.reach_unit_id.data,
            title=form.title.data or "",
            profession=form.profession.data or "",
            category_id=form.category_id.data,
            seats=form.seats.data or 0,
            smallest=form.smallest.data or 0,
            ended_on=form.ended_on.data,
            post_id=post.id if post else None,
            version=version_of(form.version.data),
        ),
    ):
        flash(_("Đã lưu vị trí."), "success")
        return redirect(url_for("position_rotation.list_posts"), code=303)
    return page("post_form", form, post=post)


@blueprint.get("/danh-muc")
@requires(VIEW)
def catalogue() -> str:
    """Show the categories and the reasons."""
    return render_template(
        "position_rotation/catalogue.html",
        categories=queries.categories(session()),
        reasons=queries.reasons(session()),
        may_manage=may_everywhere(MANAGE),
        today=clock.today(),
    )


@blueprint.route("/danh-muc/moi", methods=["GET", "POST"])
@blueprint.route("/danh-muc/<int:category_id>", methods=["GET", "POST"])
@requires(MANAGE)
def edit_category(category_id: int | None = None) -> Page:
    """Make or change a category."""
    require_everywhere(MANAGE)
    category = session().get(Category, category_id) if category_id else None
    if category_id is not None and category is None:
        raise NotFound
    form = forms.CategoryForm()
    if not form.is_submitted():
        if category is not None:
            fill(
                form,
                category,
                "code",
                "title",
                "sector",
                "months",
                "alert_months",
                "legal_basis",
                "valid_from",
                "valid_to",
                "version",
            )
    elif written(
        form,
        services.save_category,
        lambda: inputs.SaveCategory(
            code=form.code.data or "",
            title=form.title.data or "",
            sector=form.sector.data or "",
            months=form.months.data or 0,
            alert_months=form.alert_months.data or 0,
            legal_basis=form.legal_basis.data or "",
            valid_from=form.valid_from.data,
            valid_to=form.valid_to.data,
            category_id=category_id,
            version=version_of(form.version.data),
        ),
    ):
        flash(_("Đã lưu danh mục."), "success")
        return redirect(url_for("position_rotation.catalogue"), code=303)
    return page("category_form", form, category=category)


@blueprint.route("/ly-do/moi", methods=["GET", "POST"])
@blueprint.route("/ly-do/<int:reason_id>", methods=["GET", "POST"])
@requires(MANAGE)
def edit_reason(reason_id: int | None = None) -> Page:
    """Make or change a reason."""
    require_everywhere(MANAGE)
    reason = session().get(Reason, reason_id) if reason_id else None
    if reason_id is not None and reason is None:
        raise NotFound
    form = forms.ReasonForm()
    if not form.is_submitted():
        if reason is not None:
            fill(
                form,
                reason,
                "code",
                "name",
                "name_en",
                "counts_out",
                "is_private",
                "needs_end",
                "legal_basis",
                "valid_from",
                "valid_to",
                "version",
            )
    elif written(
        form,
        services.save_reason,
        lambda: inputs.SaveReason(
            code=form.code.data or "",
            name=form.name.data or "",
            name_en=form.name_en.data or "",
            counts_out=bool(form.counts_out.data),
            is_private=bool(form.is_private.data),
            needs_end=bool(form.needs_end.data),
            legal_basis=form.legal_basis.data or "",
            valid_from=form.valid_from.data,
            valid_to=form.valid_to.data,
            reason_id=reason_id,
            version=version_of(form.version.data),
        ),
    ):
        flash(_("Đã lưu lý do."), "success")
        return redirect(url_for("position_rotation.catalogue"), code=303)
    return page("reason_form", form, reason=reason)

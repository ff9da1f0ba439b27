"""Pages of the reform areas: a dated list that administrators and coordinators keep."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import Conflict, NotFound, ValidationFailed
from tracker.core.work import run
from tracker.plans import areas
from tracker.plans.areas import AreaInput
from tracker.plans.blueprint import blueprint
from tracker.plans.models import ReformArea
from tracker.plans.plan_forms import AreaForm, area_values
from tracker.settings.permissions import MANAGE
from tracker.web import conflict
from tracker.web.doors import requires
from tracker.web.i18n import locale_code

Answer = str | tuple[str, int] | Response


@blueprint.get("/ke-hoach/linh-vuc")
@requires(MANAGE)
def list_areas() -> Answer:
    """Show all areas, those that have ended too."""
    found = areas.list_areas_with_use(db.session(), locale_code())
    today = current().clock.today()
    return render_template(
        "plans/areas.html",
        areas=[(one, one.valid_to is not None and one.valid_to < today) for one in found],
    )


@blueprint.route("/ke-hoach/linh-vuc/moi", methods=["GET", "POST"])
@requires(MANAGE)
def add_area() -> Answer:
    """Add an area."""
    form: Any = AreaForm()
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate():
            try:
                run(areas.add_area, form.to_input())
            except ValidationFailed as error:
                form.take_errors(error)
            except Conflict as error:
                form.form_errors.append(error.message)
                status = 409
            else:
                flash(_("Đã thêm lĩnh vực."), "success")
                return redirect(url_for("plans.list_areas"))
    return render_template("plans/area.html", form=form, area=None), status


@blueprint.route("/ke-hoach/linh-vuc/<int:area_id>", methods=["GET", "POST"])
@requires(MANAGE)
def edit_area(area_id: int) -> Answer:
    """Change an area: its names, order and dates; others' changes are merged, or shown beside."""
    area = areas.find_area(db.session(), area_id)
    if area is None:
        raise NotFound
    form: Any = AreaForm(data=area_values(area))
    status = 200
    if request.method == "POST":
        status, version = 422, conflict.posted_version("version")
        if form.validate():
            try:
                conflict.persist(lambda: _save_area(form, area_id, version))
            except ValidationFailed as error:
                form.take_errors(error)
            except Conflict as error:
                if error.fields:
                    return _area_conflict(form, area_id, version, error), 409
                form.form_errors.append(error.message)
                status = 409
            else:
                flash(_("Đã lưu lĩnh vực."), "success")
                return redirect(url_for("plans.list_areas"))
        area = areas.find_area(db.session(), area_id)
    return render_template("plans/area.html", form=form, area=area), status


def _save_area(form: Any, area_id: int, version: int) -> int:
    """Write what the person changed since `version` over the area as it is now."""
    session = db.session()
    session.expire_all()
    area = session.get_one(ReformArea, area_id)
    typed = {
        name: value
        for name, value in vars(form.to_input()).items()
        if name != "position" or value is not None
    }
    values = conflict.whole(session, area, version, typed)
    data = AreaInput(**({"position": area.position} | values))
    return run(areas.edit_area, areas.EditArea(area_id, area.version, data))


def _area_conflict(form: Any, area_id: int, version: int, error: Conflict) -> str:
    area = db.session().get_one(ReformArea, area_id)
    back = url_for("plans.list_areas")
    return conflict.page(
        form,
        error,
        title=_("Hai người cùng sửa: %(name)s", name=area.name),
        version_name="version",
        base_version=version,
        seen_version=area.version,
        action=url_for("plans.edit_area", area_id=area_id),
        cancel_url=back,
        crumbs=[(_("Lĩnh vực cải cách"), back)],
    )

"""Cameras in bulk, in the back office: looked up, exported, given another state together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import g
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from tracker.api.admin import AdminViewSpec, Bulk, Filter, ReasonForm, SecureModelView, Write
from tracker.api.i18n import gettext as _
from tracker.api.i18n import lazy_gettext as _l
from tracker.api.i18n import locale_code
from tracker.api.numbers import format_number
from tracker.api.queries import session
from tracker.api.web import RadioField, Required, url_for
from tracker_camera_monitoring import forms, inputs, labels, queries, services
from tracker_camera_monitoring.health_queries import under
from tracker_camera_monitoring.models import Camera, CameraState, Desk
from tracker_camera_monitoring.permissions import MANAGE


class StateForm(ReasonForm):
    """The state that cameras get, and why."""

    state = RadioField(_l("Trạng thái"), validators=[Required()])


def _offer_states(_view: SecureModelView, form: Any) -> None:
    form.state.choices = forms.options(labels.choices_of(labels.STATES))


def _set_states(_view: SecureModelView, records: Sequence[Camera], form: Any) -> Write:
    ids = tuple(camera.id for camera in records)
    data = inputs.SetStates(ids, CameraState(form.state.data))
    return Write(services.set_states, data, form.reason.data)


def _units() -> list[tuple[str, str]]:
    return [(str(key), name) for key, name in queries.units_with_desks()]


def _unit_name(camera: Camera) -> str:
    """Return the unit of a camera's desk; all names are read once for a page."""
    if "camera_units" not in g:
        g.camera_units = dict(queries.units_with_desks())
    return str(g.camera_units.get(camera.desk.unit_id, ""))


def _cost(camera: Camera) -> str:
    return "" if camera.cost is None else format_number(camera.cost, locale_code())


class CameraView(SecureModelView):
    """Cameras in bulk. What opens a camera is no column here."""

    record = Camera
    permission = MANAGE
    label = _l("Camera một cửa")
    hint = _l("Tra cứu, xuất Excel; đổi trạng thái nhiều camera một lần.")
    slug = "camera"
    endpoint_name = "admin_camera_monitoring"
    icon = "camera"
    search_column = "folded"
    search_hint = _l("Tìm theo tên, vị trí, loại máy")
    empty_text = _l("Camera được thêm ở Sổ camera hoặc nhập từ tệp Excel.")
    column_list = ("name", "desk", "unit", "bought_on", "cost", "state")
    column_details_list = (
        "name",
        "desk",
        "unit",
        "place",
        "set_name",
        "model",
        "state",
        "bought_on",
        "retired_on",
        "cost",
        "retention_days",
        "probe_kind",
        "probe_minutes",
        "note",
    )
    column_labels = {  # noqa: RUF012 - Flask-Admin reads it from the class
        **Camera.__field_labels__,
        "desk": _l("Bàn tiếp dân"),
        "unit": _l("Đơn vị"),
    }
    column_kinds = {  # noqa: RUF012
        "bought_on": "d",
        "retired_on": "d",
        "cost": "n",
        "retention_days": "n",
        "probe_minutes": "n",
    }
    column_values = {  # noqa: RUF012
        "desk": lambda camera: camera.desk.name,
        "unit": _unit_name,
        "cost": _cost,
        "state": lambda camera: str(labels.STATES[camera.state]),
        "probe_kind": lambda camera: (
            labels.PROBES[camera.probe_kind] if camera.probe_kind else _("không thăm dò")
        ),
    }
    column_sortable_list = {  # noqa: RUF012
        "name": (Camera.sort_key, Camera.id),
        "bought_on": (Camera.bought_on, Camera.id),
        "cost": (Camera.cost, Camera.id),
        "state": (Camera.state, Camera.sort_key),
    }
    column_default_sort = "name"
    column_select_related_list = (joinedload(Camera.desk),)
    filters = (
        Filter(
            "state",
            _l("Trạng thái"),
            lambda: labels.choices_of(labels.STATES),
            lambda value: Camera.state == CameraState(value),
        ),
        Filter(
            "unit",
            _l("Đơn vị"),
            _units,
            lambda value: Camera.desk_id.in_(
                select(Desk.id).where(Desk.unit_id.in_(under(int(value))))
            ),
            combobox=True,
        ),
    )
    bulk = (
        Bulk(
            name="state",
            label=_l("Đổi trạng thái"),
            question=_l("Đổi trạng thái những camera này?"),
            write=_set_states,
            icon="camera",
            form=StateForm,
            prepare=_offer_states,
            done=_l("Đã đổi trạng thái."),
        ),
    )

    def name_of(self, record: Any) -> str:
        """Name a camera with its desk: many desks have a 'Camera 1'."""
        desk = session().get(Desk, record.desk_id)
        return f"{record.name}, {desk.name}" if desk is not None else str(record.name)

    def page_url(self, record: Any) -> str:
        """Lead to the camera."""
        return url_for("camera_monitoring.show_camera", camera_id=record.id)


SPECS: Sequence[AdminViewSpec] = (
    AdminViewSpec(
        key="camera_monitoring.cameras",
        label=CameraView.label,
        group="inspections",
        permission=MANAGE,
        view=CameraView,
        weight=80,
    ),
)

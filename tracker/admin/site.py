"""The back office of one app: Flask-Admin with the views that features registered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final

from flask import Flask
from flask_admin import Admin
from flask_admin.theme import Bootstrap4Theme
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from tracker.admin.views import OPEN, URL, SecureModelView, SecureView, at
from tracker.core.db import db
from tracker.core.errors import PluginError
from tracker.plugins.descriptors import AdminViewSpec, Label
from tracker.plugins.host import current_host, current_registry, host_of
from tracker.web.doors import requires

# In the order of the landing page; views of other groups follow under the last one.
GROUPS: Mapping[str, Label] = {
    "organisation": _l("Đơn vị và con người"),
    "plans": _l("Kế hoạch và nhiệm vụ"),
    "inspections": _l("Kiểm tra"),
    "calendar": _l("Lịch và kỳ báo cáo"),
    "system": _l("Hệ thống"),
    "other": _l("Khác"),
}


@dataclass(frozen=True)
class Section:
    """A view on the landing page: what it is called, what it is for, how many rows it shows."""

    label: str
    hint: str
    icon: str
    url: str
    count: int | None


# The pages of a section that change something.
WRITES: Final = frozenset({"add_record", "edit_record", "delete_record", "act_on_several"})


class Landing(SecureView):
    """The first page: all sections that the person may enter, each with its number of rows."""

    label = _l("Quản trị dữ liệu")
    permission = OPEN
    endpoint_name = "admin"

    @at("/")
    def index(self) -> str:
        """Show the sections by group."""
        open_views = [
            (spec, view)
            for spec, view in self.admin.tracker_views
            if _is_open(spec) and view.is_accessible() and view.is_visible()
        ]
        counts = _counts([view for _spec, view in open_views])
        grouped: dict[str, list[Section]] = {key: [] for key in GROUPS}
        for spec, view in open_views:
            grouped[spec.group if spec.group in GROUPS else "other"].append(
                Section(
                    label=str(spec.label),
                    hint=str(view.hint),
                    icon=view.icon,
                    url=view.get_url(".index"),
                    count=counts.get(view.endpoint),
                )
            )
        groups = [(GROUPS[key], found) for key, found in grouped.items() if found]
        page: str = self.render("admin/index.html", groups=groups)
        return page


def _is_open(spec: AdminViewSpec) -> bool:
    """Tell whether a section is offered now: those of a plug-in that is switched off are not."""
    return any(spec is one for one in current_registry().admin_views)


def _counts(views: list[SecureView]) -> dict[str, int]:
    """Return how many rows each view shows, asked in one query; of plug-ins' nothing is asked.

    A plug-in's table that is not as its code has it would break the page of all.
    """
    host = current_host()
    listed = [
        view
        for view in views
        if isinstance(view, SecureModelView) and host.owner_of_endpoint(view.endpoint) is None
    ]
    if not listed:
        return {}
    row = db.session.execute(
        select(*(view.get_count_query().scalar_subquery() for view in listed))
    ).one()
    return {view.endpoint: count for view, count in zip(listed, row, strict=True)}


def init_admin(app: Flask) -> None:
    """Mount the back office with the views that features registered.

    Flask-Admin lets everybody in unless a view says otherwise, so only views of this package are
    taken: they ask for a right and write through services. Raises PluginError for any other.
    """
    landing = Landing()
    admin = Admin(
        app,
        name="admin",
        url=URL,
        index_view=landing,
        theme=Bootstrap4Theme(base_template="admin/base.html"),
    )
    admin.tracker_views = []
    _put_behind_doors(app, landing, OPEN)
    host = host_of(app)
    for offer in list(host.offers("admin_views")):
        if offer.owner in host.features:
            _mount(app, admin, offer.item)
        else:
            with host.taking_in(offer.owner):
                host.own_endpoints(offer.owner, _mount(app, admin, offer.item))


def _mount(app: Flask, admin: Admin, spec: AdminViewSpec) -> str:
    """Make a section's view and put it behind its door; return its endpoint."""
    view = spec.view()
    if not isinstance(view, SecureView):
        raise PluginError(
            f"admin view {spec.key!r} must be a SecureView: Flask-Admin's own are open to all"
        )
    if view.permission != spec.permission:
        raise PluginError(f"admin view {spec.key!r} asks for another right than it registers")
    if view.endpoint in app.blueprints:
        raise PluginError(f"admin view {spec.key!r} takes the name of another page")
    admin.add_view(view)
    admin.tracker_views.append((spec, view))
    writing = view.writing if isinstance(view, SecureModelView) else ""
    _put_behind_doors(app, view, spec.permission, writing)
    return str(view.endpoint)


def _put_behind_doors(app: Flask, view: SecureView, permission: str, writing: str = "") -> None:
    """Make each endpoint of a view say which right it asks for, like any other page."""
    prefix = f"{view.endpoint}."
    for endpoint, function in list(app.view_functions.items()):
        if endpoint.startswith(prefix):
            is_writing = endpoint.removeprefix(prefix) in WRITES
            right = writing if writing and is_writing else permission
            app.view_functions[endpoint] = requires(right)(_plain_function(function))


def _plain_function(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that a door can be marked on: bound methods take no attributes."""

    @wraps(method)
    def view(*args: Any, **kwargs: Any) -> Any:
        return method(*args, **kwargs)

    return view


def sections_of(view: SecureView) -> list[tuple[AdminViewSpec, SecureView]]:
    """Return the sections of the same group that the person may enter, for the tabs of a page."""
    specs: list[tuple[AdminViewSpec, SecureView]] = view.admin.tracker_views
    own = next((spec.group for spec, one in specs if one is view), "")
    return [
        (spec, one)
        for spec, one in specs
        if spec.group == own and _is_open(spec) and one.is_accessible() and one.is_visible()
    ]

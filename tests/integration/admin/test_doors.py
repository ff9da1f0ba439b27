"""Who may enter which section: each view as each role, and nobody without a right."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient
from flask_admin import BaseView, expose

from tests.factories.plans import assignment_of, make_plan, make_task
from tests.integration.admin.conftest import Desk, Place
from tracker.admin.site import init_admin
from tracker.admin.views import URL, SecureModelView
from tracker.core.errors import PluginError
from tracker.plugins.descriptors import AdminViewSpec
from tracker.plugins.hookspecs import hookimpl
from tracker.plugins.host import Host, host_of
from tracker.web.doors import door_of, undeclared_endpoints

# Section -> who enters; everybody else is refused.
BOTH = {"administrator", "coordinator", "local"}
# What counts for all units is no matter of who coordinates one.
WHOLE = {"administrator", "coordinator"}
SECTIONS = {
    "": BOTH,
    "don-vi": BOTH,
    "nhom-don-vi": BOTH,
    "nguoi-dung": {"administrator"},
    "quyen": {"administrator"},
    "linh-vuc": WHOLE,
    "ngay-nghi": WHOLE,
    "ky-bao-cao": WHOLE,
    "thiet-lap": WHOLE,
    "ke-hoach": BOTH,
    "nhiem-vu": BOTH,
    "phan-cong": BOTH,
    "bang-kiem": WHOLE,
    "nhat-ky": BOTH,
    "viec-tu-dong": {"administrator"},
}
ROLES = ("administrator", "coordinator", "local", "head", "officer", "inspector", "leader")


def address(slug: str) -> str:
    return f"{URL}/{slug}/" if slug else f"{URL}/"


@pytest.mark.parametrize("role", ROLES)
def test_each_section_opens_to_its_roles_only(
    role: str, place: Place, desk_of: Callable[[int], Desk]
) -> None:
    desk = desk_of(getattr(place, role))
    for slug, allowed in SECTIONS.items():
        status = desk.get(address(slug)).status_code
        wanted = 403 if role not in allowed else 302 if slug == "thiet-lap" else 200
        assert status == wanted, (role, slug, status)


def test_the_table_of_sections_is_whole(app: Flask) -> None:
    views = [spec.view() for spec in host_of(app).registry.admin_views]
    assert {view.slug for view in views} == set(SECTIONS) - {""}


def test_somebody_unknown_is_sent_to_the_sign_in_page(client: FlaskClient, place: Place) -> None:
    for slug in SECTIONS:
        response = client.get(address(slug))
        assert response.status_code == 302, slug
        assert response.headers["Location"].startswith("/dang-nhap?next="), slug


@pytest.mark.parametrize("action", ["them", "sua", "xem", "xuat"])
def test_an_officer_reaches_no_page_of_a_section(
    action: str, place: Place, desk_of: Callable[[int], Desk]
) -> None:
    desk = desk_of(place.officer)
    for slug in set(SECTIONS) - {"", "thiet-lap"}:
        assert desk.get(f"{URL}/{slug}/{action}/?id=1").status_code == 403
        assert desk.post(f"{URL}/{slug}/hang-loat/", {"action": "delete"}).status_code == 403
        assert desk.post(f"{URL}/{slug}/xoa/", {"id": "1"}).status_code == 403


def test_every_endpoint_says_which_right_it_asks_for(app: Flask) -> None:
    assert undeclared_endpoints(app) == []
    for spec in host_of(app).registry.admin_views:
        view = spec.view()
        assert door_of(app.view_functions[f"{view.endpoint}.index"]) == (spec.permission,)


def test_scripted_doors_of_flask_admin_are_gone(app: Flask) -> None:
    """Single cells by script, lookups, CSV, and the package's own files: none is served."""
    names = {rule.endpoint for rule in app.url_map.iter_rules() if rule.rule.startswith(URL)}
    for gone in ("ajax_update", "ajax_lookup", "export", "action_view", "static", "create_view"):
        assert not [name for name in names if name.endswith(f".{gone}")]


def test_the_menu_leads_there_for_those_who_may(
    place: Place, desk_of: Callable[[int], Desk]
) -> None:
    assert f'href="{URL}/"' in desk_of(place.administrator).get("/").text
    assert f'href="{URL}/"' not in desk_of(place.head).get("/tai-khoan").text


def test_the_landing_page_lists_only_what_one_may_enter(
    administrator: Desk, coordinator: Desk
) -> None:
    page = administrator.get(f"{URL}/").text
    assert f'href="{URL}/nguoi-dung/"' in page
    assert f'href="{URL}/ke-hoach/"' in page
    page = coordinator.get(f"{URL}/").text
    assert f'href="{URL}/nguoi-dung/"' not in page
    assert f'href="{URL}/ke-hoach/"' in page


def offering(spec: AdminViewSpec) -> Host:
    """A host of one feature that offers this view to the back office."""

    @hookimpl
    def register() -> tuple[AdminViewSpec]:
        return (spec,)

    return Host({"one": SimpleNamespace(tracker_register_admin_views=register)})


def test_a_view_of_flask_admin_itself_is_refused(app: Flask) -> None:
    class Open(BaseView):  # type: ignore[misc]
        @expose("/")  # type: ignore[untyped-decorator]
        def index(self) -> str:
            return ""

    spec = AdminViewSpec(
        key="open", label="Open", group="other", permission="admin.open", view=Open
    )
    bare = Flask("bare")
    bare.extensions["tracker_host"] = offering(spec)
    with pytest.raises(PluginError, match="must be a SecureView"):
        init_admin(bare)


def test_a_view_that_asks_for_another_right_than_it_registers_is_refused(app: Flask) -> None:
    registered = host_of(app).registry.admin_views[0]
    spec = AdminViewSpec(
        key="other",
        label="Other",
        group="other",
        permission="admin.open",
        view=registered.view,
    )
    bare = Flask("bare")
    bare.extensions["tracker_host"] = offering(spec)
    with pytest.raises(PluginError, match="another right"):
        init_admin(bare)


def test_a_model_without_record_scope_is_shown_by_nobody_by_default(
    app: Flask, system: None
) -> None:
    for spec in host_of(app).registry.admin_views:
        view = spec.view()
        if not isinstance(view, SecureModelView):
            continue
        # Either the model has a scope, or the view says itself who sees which rows.
        view.visible_rows()


def test_two_apps_of_one_process_have_views_of_their_own(app: Flask) -> None:
    specs = host_of(app).registry.admin_views
    assert all(spec.view() is not spec.view() for spec in specs)
    with app.test_request_context():
        assert url_for("admin.index") == f"{URL}/"


def test_administrators_read_plans_in_bulk_and_change_none(
    administrator: Desk, coordinator: Desk, place: Place
) -> None:
    """Reading and exports are the administrator's too, managing is the coordinator's."""
    plan = make_plan(place.province, title="Kế hoạch của tỉnh")
    task = make_task(plan, place.near, title="Rà soát thủ tục")
    for slug, key, words in (
        ("ke-hoach", plan, "Kế hoạch của tỉnh"),
        ("nhiem-vu", task, "Rà soát thủ tục"),
        ("phan-cong", assignment_of(task), "Rà soát thủ tục"),
    ):
        page = administrator.get(f"{URL}/{slug}/").text
        assert words in page
        assert 'name="rowid"' not in page
        assert 'name="rowid"' in coordinator.get(f"{URL}/{slug}/").text
        shown = administrator.get(f"{URL}/{slug}/xem/?id={key}")
        assert shown.status_code == 200
        assert f"{URL}/{slug}/xoa/" not in shown.text
        assert administrator.get(f"{URL}/{slug}/xuat/").status_code == 200
        assert administrator.post(f"{URL}/{slug}/xoa/", {"id": key}).status_code == 403
    for slug, action in (("ke-hoach", "close"), ("nhiem-vu", "area"), ("phan-cong", "person")):
        picked = {"action": action, "rowid": [plan], "confirmed": "1", "reason": "x"}
        assert administrator.post(f"{URL}/{slug}/hang-loat/", picked).status_code == 403

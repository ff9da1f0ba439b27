"""What this feature registers with the host."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_ngettext as ngettext

from tracker.core.context import current
from tracker.core.db import db
from tracker.core.rights import EVERYONE, RecordScope, Role
from tracker.plugins.descriptors import (
    AdminViewSpec,
    HandoverContributor,
    ImportSpec,
    MenuItem,
    Permission,
    Place,
    SearchHit,
    SearchProvider,
    TimelineSource,
)
from tracker.plugins.hookspecs import hookimpl
from tracker.units import facts, handover, importing, operation_views, queries, services, views
from tracker.units.models import Unit

# Both modules put their pages on one blueprint, so both have to be imported.
PAGES = (views, operation_views)


@hookimpl
def tracker_register_permissions() -> Sequence[Permission]:
    """Declare who reads and who manages units."""
    return (
        Permission(key="units.view", label=_l("Xem đơn vị"), reads=True, roles=EVERYONE),
        Permission(
            key="units.manage",
            label=_l("Quản lý đơn vị: lập, sửa, sáp nhập, chia tách"),
            roles=frozenset({Role.ADMINISTRATOR, Role.COORDINATOR}),
        ),
    )


@hookimpl
def tracker_register_record_scopes() -> Sequence[RecordScope]:
    """Say that a unit belongs to itself."""
    return (
        RecordScope(
            model=Unit,
            units=lambda unit: (unit.id,),
            in_units=Unit.id.in_,
        ),
    )


@hookimpl
def tracker_register_blueprints() -> Sequence[Blueprint]:
    """Offer the pages."""
    return (views.blueprint,)


@hookimpl
def tracker_register_menu_items() -> Sequence[MenuItem]:
    """Lead to the list of units."""
    return (
        MenuItem(
            key="units",
            label=ngettext("Đơn vị", "Đơn vị", 2),
            endpoint="units.list_units",
            icon="unit",
            group="plan",
            permission="units.view",
            weight=60,
        ),
    )


@hookimpl
def tracker_register_timeline_sources() -> Sequence[TimelineSource]:
    """Tell the events of a unit's life on its page."""
    return (TimelineSource(key="units.history", place=Place.UNIT, entries=facts.history),)


@hookimpl
def tracker_register_handover_contributors() -> Sequence[HandoverContributor]:
    """Hand over the unit sets that lie under a unit which ends."""
    return (
        HandoverContributor(
            key=handover.KEY,
            label=_l("Nhóm đơn vị"),
            preview=handover.preview_sets,
            apply=handover.apply_sets,
        ),
    )


@hookimpl
def tracker_register_search_providers() -> Sequence[SearchProvider]:
    """Find units by any of their names."""
    return (
        SearchProvider(
            key="units",
            label=ngettext("Đơn vị", "Đơn vị", 2),
            search=search,
            permission="units.view",
            weight=40,
        ),
    )


def search(query: str, limit: int) -> list[SearchHit]:
    """Return the units that answer to a text, within the rights of the current person."""
    found = queries.find(db.session(), query, current().clock.today(), limit)
    hits: list[SearchHit] = []
    for one in found:
        notes = [] if one.is_alive else [_("đã kết thúc")]
        if one.matched != one.name:
            notes.append(_("khớp: %(name)s", name=one.matched))
        hits.append(
            SearchHit(
                title=one.name,
                url=url_for("units.show_unit", unit_id=one.id),
                context=" · ".join(notes),
                icon="unit",
                exactness=one.exactness,
            )
        )
    return hits


@hookimpl
def tracker_register_import_specs() -> Sequence[ImportSpec]:
    """Read units from a spreadsheet."""
    return (
        ImportSpec(
            key="units",
            label=ngettext("Đơn vị", "Đơn vị", 2),
            columns=importing.COLUMNS,
            permission="units.manage",
            parse=importing.parse,
            apply=services.import_units,
            done_url=lambda _result: url_for("units.list_units"),
            hint=_l("Mỗi dòng một đơn vị; đơn vị cấp trên có thể nằm ở dòng dưới."),
            icon="unit",
            weight=10,
        ),
    )


@hookimpl
def tracker_register_admin_views() -> Sequence[AdminViewSpec]:
    """Offer this feature's tables to the back office."""
    from tracker.units.admin import SPECS

    return SPECS

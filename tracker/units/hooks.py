"""What this feature registers with the host."""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import lazy_gettext as _l

from tracker.core.rights import EVERYONE, RecordScope, Role
from tracker.plugins.descriptors import HandoverContributor, Permission
from tracker.plugins.hookspecs import hookimpl
from tracker.units import handover
from tracker.units.models import Unit


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

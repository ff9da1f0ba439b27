"""Checks of `tracker doctor` about plug-ins: how they stand, and tables that nobody owns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.plugin_admin import queries
from tracker.plugins.descriptors import Diagnosis, DoctorCheck, Health
from tracker.plugins.states import STATES, PluginState

WELL = frozenset({PluginState.ENABLED, PluginState.DISABLED})


def check_states() -> Iterable[Diagnosis]:
    """Name the installed plug-ins that neither run nor were switched off."""
    lines = [one for one in queries.lines() if one.is_installed]
    for one in lines:
        if one.state not in WELL:
            yield Diagnosis(
                Health.WARNING,
                _("%(name)s %(version)s: %(state)s. %(reason)s", name=one.name,
                  version=one.version, state=STATES[one.state], reason=one.reason),
                _("Xem trang Mô-đun mở rộng, hoặc chạy: tracker plugin rollback %(name)s",
                  name=one.name),
            )  # fmt: skip
        elif not one.signed_by:
            yield Diagnosis(
                Health.WARNING,
                _("%(name)s %(version)s chưa được ký.", name=one.name, version=one.version),
                _("Xin bản có chữ ký rồi nâng cấp."),
            )
    if all(one.state in WELL and one.signed_by for one in lines):
        yield Diagnosis(Health.OK, _("%(count)d mô-đun, đều bình thường.", count=len(lines)))


def check_orphans() -> Iterable[Diagnosis]:
    """Name the tables of plug-ins that are gone."""
    found = queries.orphans()
    for one in found:
        names = ", ".join(one.tables)
        if one.kept_at is not None:
            yield Diagnosis(
                Health.OK,
                _("Dữ liệu của %(name)s được giữ lại khi gỡ: %(tables)s", name=one.name,
                  tables=names),
            )  # fmt: skip
        else:
            yield Diagnosis(
                Health.WARNING,
                _("Bảng của mô-đun %(name)s không còn: %(tables)s", name=one.name, tables=names),
                _("Dữ liệu vẫn nguyên. Cài lại mô-đun, rồi gỡ và chọn xuất hoặc xóa dữ liệu."),
            )
    if not found:
        yield Diagnosis(Health.OK, _("Không có bảng nào của mô-đun đã mất."))


CHECKS: Sequence[DoctorCheck] = (
    DoctorCheck(key="plugin_admin.states", label=_l("Mô-đun"), check=check_states, weight=45),
    DoctorCheck(
        key="plugin_admin.orphans",
        label=_l("Bảng của mô-đun đã gỡ"),
        check=check_orphans,
        weight=46,
    ),
)

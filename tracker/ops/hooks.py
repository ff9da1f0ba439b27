"""What this feature registers with the host."""

from __future__ import annotations

from collections.abc import Sequence

import click
from flask_babel import lazy_gettext as _l

from tracker.ops import checks
from tracker.ops.cli import backup, demo, doctor, init, restore
from tracker.ops.demo import places, press, this_year, told, visits
from tracker.ops.running import run_command
from tracker.plugins.descriptors import DemoData, DoctorCheck, MenuItem
from tracker.plugins.hookspecs import hookimpl


@hookimpl
def tracker_register_menu_items() -> Sequence[MenuItem]:
    """Lead to the shell's own pages."""
    return (
        MenuItem(
            key="home",
            label=_l("Hôm nay"),
            endpoint="web.home",
            icon="today",
            group="day",
            weight=1,
            place=1,
        ),
        MenuItem(
            key="search",
            label=_l("Tìm"),
            endpoint="web.search",
            icon="search",
            group="day",
            weight=90,
            place=4,
        ),
    )


@hookimpl
def tracker_register_commands() -> Sequence[click.Command]:
    """Offer the commands that make, run, save and examine an instance."""
    return (run_command, init, demo, backup, restore, doctor)


@hookimpl
def tracker_register_doctor_checks() -> Sequence[DoctorCheck]:
    """Examine what belongs to no other feature."""
    return (
        DoctorCheck(
            key="ops.versions", label=_l("Phiên bản"), check=checks.check_versions, weight=10
        ),
        DoctorCheck(key="ops.disk", label=_l("Ổ đĩa"), check=checks.check_disk, weight=20),
        DoctorCheck(key="ops.clock", label=_l("Đồng hồ"), check=checks.check_clock, weight=30),
        DoctorCheck(
            key="ops.settings", label=_l("Thiết lập"), check=checks.check_settings, weight=40
        ),
        DoctorCheck(
            key="ops.orphans", label=_l("Bảng mồ côi"), check=checks.check_orphans, weight=50
        ),
    )


@hookimpl
def tracker_register_demo_data() -> Sequence[DemoData]:
    """Load the places, the plans of the press and a lively one of this year."""
    return (
        DemoData(key="places.units", load=places.load, weight=10),
        *press.DEMO,
        *this_year.DEMO,
        *visits.DEMO,
        *told.DEMO,
    )

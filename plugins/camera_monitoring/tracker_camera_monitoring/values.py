"""The plug-in's settings, read and understood."""

from __future__ import annotations

from tracker.api.declaration import declaration
from tracker_camera_monitoring.networks import Networks, read_networks
from tracker_camera_monitoring.rosters import HoursUnreadable, Span, read_hours

OWN = declaration("tracker_camera_monitoring")


def whole(name: str) -> int:
    """Return a setting that is a number, by the last part of its key."""
    return int(OWN.setting(f"camera_monitoring.{name}"))


def networks() -> Networks:
    """Return the networks in which cameras may be probed. Raises NetworkUnreadable."""
    return read_networks(str(OWN.setting("camera_monitoring.networks")))


def watch_hours() -> tuple[Span, ...]:
    """Return the hours in which somebody has to watch; none where the setting names none."""
    try:
        return read_hours(str(OWN.setting("camera_monitoring.watch_hours")))
    except HoursUnreadable:
        return ()


def checklist_codes() -> frozenset[str]:
    """Return the codes of the checklist items that are answered from what is known."""
    words = str(OWN.setting("camera_monitoring.checklist_codes"))
    return frozenset(part.strip() for part in words.replace(";", ",").split(",") if part.strip())

"""How a camera stood through time: stretches of one health each, never a row for each probe.

The rules are pure: what was known, what the probe says, what follows. A stretch begins with the
first probe that says something else. Time in which nobody probed is a stretch of its own, so that
a server that was switched off is not told as a camera that worked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tracker_camera_monitoring.probing import Health, Reason, health_of


@dataclass(frozen=True)
class Standing:
    """How a camera stands now: why, since when, and when it was last asked."""

    reason: Reason
    since: datetime
    checked_at: datetime
    # Since when it has not worked, however often the reason changed meanwhile.
    failing_since: datetime | None = None
    has_incident: bool = False

    @property
    def health(self) -> Health:
        """Return what the reason means."""
        return health_of(self.reason)


@dataclass(frozen=True)
class Stretch:
    """A time in which a camera stood one way; one that still lasts has no end."""

    reason: Reason
    began_at: datetime
    ended_at: datetime | None = None

    @property
    def health(self) -> Health:
        """Return what the reason means."""
        return health_of(self.reason)


@dataclass(frozen=True)
class Step:
    """What follows from one probe: the standing from now on, and the stretches that are over.

    `began` tells whether a new open stretch begins with `standing.since`; `opens` and `closes`
    whether an incident does.
    """

    standing: Standing
    over: Sequence[Stretch] = ()
    began: bool = False
    opens: bool = False
    closes: bool = False


FAILING = {Health.DOWN, Health.FAULT}


def observe(
    known: Standing | None,
    reason: Reason,
    at: datetime,
    *,
    silence: timedelta,
    patience: timedelta,
) -> Step:
    """Return what follows when a probe at `at` says `reason`.

    After `silence` without a probe the time in between counts as not measured. When a camera has
    not worked for `patience`, an incident opens; the first good answer closes it. A probe older
    than what is known changes nothing.
    """
    if known is None:
        began = Standing(reason, at, at, at if health_of(reason) in FAILING else None)
        return _with_incident(Step(began, began=True), at, patience)
    if at <= known.checked_at:
        return Step(known)
    over: list[Stretch] = []
    standing = known
    if at - known.checked_at > silence and known.reason is not Reason.NOT_MEASURED:
        if known.checked_at > known.since:
            over.append(Stretch(known.reason, known.since, known.checked_at))
        standing = replace(known, reason=Reason.NOT_MEASURED, since=known.checked_at)
    if reason is not standing.reason:
        over.append(Stretch(standing.reason, standing.since, at))
        standing = replace(standing, reason=reason, since=at)
    health = health_of(reason)
    failing_since = standing.failing_since
    if health is Health.UP:
        failing_since = None
    elif health in FAILING and failing_since is None:
        failing_since = at
    standing = replace(standing, checked_at=at, failing_since=failing_since)
    is_new = standing.since != known.since or standing.reason is not known.reason
    return _with_incident(Step(standing, tuple(over), began=is_new), at, patience)


def _with_incident(step: Step, at: datetime, patience: timedelta) -> Step:
    standing = step.standing
    if standing.has_incident:
        if standing.health is Health.UP:
            return replace(step, standing=replace(standing, has_incident=False), closes=True)
        return step
    if (
        standing.health in FAILING
        and standing.failing_since is not None
        and at - standing.failing_since >= patience
    ):
        return replace(step, standing=replace(standing, has_incident=True), opens=True)
    return step

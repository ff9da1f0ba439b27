"""Following the wanted set: what another process changed counts here from the next request on.

Each request reads the set's generation along with the sign-in. Only when it differs from what this
process knows is one more query made, for the states.
"""

from __future__ import annotations

from datetime import datetime

from flask import current_app
from sqlalchemy import Label, select, true

from tracker.core.context import current
from tracker.core.db import db
from tracker.plugins.host import Host, host_of
from tracker.plugins.models import PluginInstall, PluginRelease, PluginSet
from tracker.plugins.states import PluginState

# The name of the column that is read along with each session.
GENERATION = "plugin_generation"

_STATES = (
    select(
        PluginSet.generation,
        PluginSet.safe_mode_until,
        PluginInstall.name,
        PluginInstall.state,
        PluginRelease.version,
    )
    .select_from(PluginSet)
    .outerjoin(PluginInstall, true())
    .outerjoin(PluginRelease, PluginRelease.id == PluginInstall.release_id)
)


def generation_column() -> Label[int]:
    """Return the generation as a column, to be read along with each session."""
    return select(PluginSet.generation).limit(1).scalar_subquery().label(GENERATION)


def follow(generation: int | None) -> None:
    """Bring this process to the states of `generation`, as a request has read it."""
    host = host_of(current_app)
    if host.generation is None:
        return
    if (generation or 0) != host.generation or _is_over(host.safe_until):
        refresh(host)


def _is_over(moment: datetime | None) -> bool:
    return moment is not None and moment <= current().clock.now()


def look() -> None:
    """Bring this process to the newest states, outside requests (job process, waiting pages)."""
    host = host_of(current_app)
    if host.generation is not None:
        refresh(host)


def refresh(host: Host) -> None:
    """Read the states and take them over."""
    rows = db.session.execute(_STATES).all()
    states: dict[str, PluginState] = {}
    for row in rows:
        if row.name is None:
            continue
        state = row.state
        plugin = host.plugins.get(row.name)
        if state is PluginState.ENABLED and plugin is not None and plugin.version != row.version:
            # Another version was switched to, and this process still runs the one before.
            state = PluginState.NEEDS_MIGRATION
        states[row.name] = state
    until = rows[0].safe_mode_until if rows else None
    host.safe_until = None if _is_over(until) else until
    host.set_states(
        states,
        generation=rows[0].generation if rows else 0,
        is_safe=host.starts_safe or host.safe_until is not None,
    )

"""Pages of the shell itself: 'Việc của tôi hôm nay' and search."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, render_template, request
from flask_babel import lazy_gettext as _l

from tracker.core.context import current
from tracker.core.text import normalise
from tracker.plugins.descriptors import MyWorkItem, SearchHit, WorkGroup
from tracker.plugins.host import current_registry
from tracker.web.contracts import shell_contracts
from tracker.web.doors import signed_in

blueprint = Blueprint("web", __name__)

GROUP_LABELS = {
    WorkGroup.OVERDUE: _l("Quá hạn"),
    WorkGroup.DUE_SOON: _l("Sắp đến hạn"),
    WorkGroup.URGED: _l("Được đôn đốc"),
    WorkGroup.UNDATED: _l("Chưa có hạn"),
    WorkGroup.TO_DECIDE: _l("Chờ bạn quyết định"),
    WorkGroup.SENT: _l("Bạn đôn đốc, chờ trả lời"),
}
LONGEST_QUERY = 200
HITS = 20


@blueprint.get("/")
@signed_in
def home() -> str:
    """Show what waits for the person, from every feature and plug-in."""
    access = current().actor.access
    groups: dict[WorkGroup, list[MyWorkItem]] = {group: [] for group in WorkGroup}
    for source in current_registry().my_work:
        if not source.permission or access.holds(source.permission):
            for item in source.items():
                groups[item.group].append(item)
    # Each source is in order by itself; together the longest overdue and the soonest due lead.
    for group in (WorkGroup.OVERDUE, WorkGroup.DUE_SOON):
        groups[group].sort(key=lambda item: item.due_on or date.max)
    return render_template(
        "home.html", groups=groups, labels=GROUP_LABELS, greeting=shell_contracts().greeting()
    )


@blueprint.get("/tim")
@signed_in
def search() -> str:
    """Show what was found, best first within each kind."""
    query = normalise(request.args.get("q", ""))[:LONGEST_QUERY]
    access = current().actor.access
    found: list[tuple[str, list[SearchHit]]] = []
    if query:
        for provider in current_registry().search_providers:
            if not provider.permission or access.holds(provider.permission):
                hits = sorted(provider.search(query, HITS), key=lambda hit: -hit.exactness)
                if hits:
                    found.append((str(provider.label), hits))
    return render_template("search.html", query=query, found=found)

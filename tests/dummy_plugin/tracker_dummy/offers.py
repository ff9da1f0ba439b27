"""What the core asks of this plug-in while it shows its own pages and does its own work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import click
from sqlalchemy import select

from tracker.api import hooks as h
from tracker.api.clock import now, today
from tracker.api.i18n import gettext as _
from tracker.api.i18n import lazy_gettext as _l
from tracker.api.imports import ImportColumn, ImportRow, ImportSpec, ParsedRows, RowError
from tracker.api.queries import assignments, match_units, session, setting, units
from tracker.api.text import search_terms
from tracker.api.web import render_template, url_for
from tracker.api.work import Work, actor_name, run
from tracker_dummy import queries, services
from tracker_dummy.models import Thing

SENT: list[h.Outgoing] = []


# -- parts of pages ------------------------------------------------------------------------------


def unit_panel(unit_id: int) -> str:
    """Return the things of a unit."""
    return render_template("dummy/_panel.html", things=queries.things(Thing.unit_id == unit_id))


def task_panel(task_id: int) -> str:
    """Return the things about shares of a task."""
    shares = select(assignments.c.id).where(assignments.c.task_id == task_id)
    return render_template(
        "dummy/_panel.html", things=queries.things(Thing.assignment_id.in_(shares))
    )


def visit_panel(visit_id: int) -> str:
    """Return a word to whoever inspects."""
    return render_template("dummy/_panel.html", things=[])


def entries(record_id: int) -> Iterable[h.TimelineEntry]:
    """Tell that the timeline was looked at."""
    yield h.TimelineEntry(
        at=now(), known_at=now(), who=actor_name(), label=_("Mẫu thử được hỏi tới")
    )


def card(as_of: date) -> str:
    """Return a block for the overview."""
    return render_template("dummy/_panel.html", things=queries.things())


def my_work() -> Sequence[h.MyWorkItem]:
    """Say what waits: each thing."""
    return [
        h.MyWorkItem(
            group=h.WorkGroup.TO_DECIDE,
            title=_("Xem mẫu: %(title)s", title=thing.title),
            url=url_for("dummy.show_thing", thing_id=thing.id),
            due_on=today(),
        )
        for thing in queries.things()
    ]


def search(text: str, limit: int) -> Sequence[h.SearchHit]:
    """Find things by their titles."""
    words = search_terms(text).folded
    found = queries.things(*(Thing.folded.contains(one, autoescape=True) for one in words))
    return [
        h.SearchHit(title=one.title, url=url_for("dummy.show_thing", thing_id=one.id))
        for one in found[:limit]
    ]


# -- figures -------------------------------------------------------------------------------------


def figure(query: h.PeriodQuery) -> h.IndicatorValue:
    """Count things."""
    return h.IndicatorValue(value=queries.count(), rule=_("Đếm mọi mẫu."))


def section(query: h.PeriodQuery) -> h.SectionTable:
    """List things."""
    return h.SectionTable(headings=(_("Tên mẫu"),), rows=[(one.title,) for one in queries.things()])


# -- work with the core --------------------------------------------------------------------------


def preview_handover(handover: h.Handover) -> Sequence[h.HandoverItem]:
    """Say which things would change hands."""
    ended = sorted(handover.successors)
    return [
        h.HandoverItem(one.id, one.title, one.unit_id, next(iter(handover.successors[one.unit_id])))
        for one in queries.things(Thing.unit_id.in_(ended))
        if handover.successors[one.unit_id]
    ]


def apply_handover(work: Work, handover: h.Handover) -> int:
    """Move things to the first successor."""
    moved = {old: new[0] for old, new in handover.successors.items() if new}
    return services.take_over(work, moved)


def parse(rows: Sequence[ImportRow], options: Mapping[str, str]) -> ParsedRows:
    """Read things from rows."""
    found, errors = [], []
    for number, cells in rows:
        match = match_units(str(cells["unit"] or ""))
        if not match or not match[0].is_whole:
            errors.append(RowError(number, "unit", _("Không có đơn vị này.")))
        elif cells["title"]:
            found.append(services.AddThing(match[0].id, str(cells["title"])))
    return ParsedRows(services.AddThings(tuple(found)), errors)


IMPORT = ImportSpec(
    key="dummy.things",
    label=_l("Mẫu thử"),
    columns=(
        ImportColumn(key="unit", heading_vi="Đơn vị", heading_en="Unit", required=True),
        ImportColumn(key="title", heading_vi="Tên mẫu", heading_en="Title", required=True),
    ),
    permission=services.MANAGE,
    parse=parse,
    apply=services.add_things,
)


def prefill(query: h.PrefillQuery) -> Sequence[h.PrefilledAnswer]:
    """Propose that everything is well."""
    return [h.PrefilledAnswer(code, "pass", _("Mẫu thử thấy đạt")) for code in query.codes[:1]]


def progress(as_of: date) -> Iterable[h.SourcedProgress]:
    """Report on the shares that things are about."""
    query = select(assignments.c.public_id, Thing.id).join(
        Thing, Thing.assignment_id == assignments.c.id
    )
    for row in session().execute(query):
        yield h.SourcedProgress(
            assignment=row.public_id,
            key=f"thing-{row.id}",
            reported="in_progress",
            percent=10 * int(setting("dummy.limit")),
            note=_("Theo mẫu thử"),
        )


def words(params: Mapping[str, Any]) -> h.NoticeWords:
    """Say a notice."""
    return h.NoticeWords(_("Mẫu mới: %(title)s", title=params["title"]))


def reachable(user_ids: Sequence[int]) -> frozenset[int]:
    """Reach everybody."""
    return frozenset(user_ids)


def send(message: h.Outgoing) -> None:
    """Keep a message as sent."""
    SENT.append(message)


def calendar(query: h.CalendarQuery) -> Iterable[h.CalendarEntry]:
    """Put things into calendars."""
    for thing in queries.things():
        yield h.CalendarEntry(uid=f"thing-{thing.public_id}", title=thing.title, day=query.start)


def diagnose() -> Iterable[h.Diagnosis]:
    """Say that all is well."""
    yield h.Diagnosis(h.Health.OK, _("Mẫu thử khỏe."))


@click.command("dummy", help="Đếm mẫu thử.")
def command() -> None:
    """Print how many things there are."""
    click.echo(str(queries.count()))


def load_demo(as_of: date) -> None:
    """Add a thing to the first unit, once."""
    first = session().scalar(select(units.c.id).order_by(units.c.id).limit(1))
    if first is not None and not queries.count():
        run(services.add_thing, services.AddThing(first, "Mẫu trình diễn"))

"""The leaders' page: what stands behind its sentences, matrix, ages and trend."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Final

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from tracker.core.kept import kept
from tracker.core.numbers import percent
from tracker.core.periods import Window, WindowRule, current_window, previous_window
from tracker.plans.areas import AreaRow, list_areas
from tracker.plans.rules import COUNTED, Status
from tracker.reports import queries
from tracker.reports.filters import Chosen, homes
from tracker.reports.progress import NOTHING, Groups, Tally, on_days, total, weekly
from tracker.units.queries import names

OLDEST: Final = 10
# More rows than this don't fit on the page; the worst are shown, the others in one row.
MOST_ROWS: Final = 12


@dataclass(frozen=True)
class Figures:
    """All that is counted for a day and a scope; the same for everybody with the same reach."""

    groups: Sequence[queries.Group]
    oldest: Sequence[queries.OverdueRow]
    urges: queries.UrgeCount
    now: Groups
    before: Tally
    # (day, tally) for the weeks of this window and of the last one.
    line: Sequence[tuple[date, Tally]]
    line_before: Sequence[tuple[date, Tally]]
    areas: Sequence[AreaRow]

    # Kept with the figures, as they are the same for each request that finds these.
    @cached_property
    def statuses(self) -> list[tuple[str, int]]:
        """Return the result of `statuses` for these groups."""
        return statuses(self.groups)

    @cached_property
    def ages(self) -> tuple[int, int, int]:
        """Return the result of `ages` for these groups."""
        return ages(self.groups)

    @cached_property
    def due(self) -> Tally:
        """Return the result of `due_figure` for these groups."""
        return due_figure(self.groups)

    @cached_property
    def lacking_evidence(self) -> tuple[int, int]:
        """Return the result of `lacking_evidence` for these groups."""
        return lacking_evidence(self.groups)


def read_figures(
    session: Session,
    as_of: date,
    scope: queries.Scope,
    window: Window | None,
    previous: Window | None,
    soon: int,
    locale: str,
) -> Figures:
    """Return the figures of a day, from the cache where nothing has changed.

    Raises nothing; a window may be absent where the instance's rules leave the day out.
    """

    def read() -> Figures:
        days = [day for day in weekly(window.start, window.end) if day < as_of] if window else []
        days.append(as_of)
        earlier = weekly(previous.start, previous.end) if previous else []
        closed = [previous.end] if previous else []
        history = queries.stretches(session, scope, as_of)
        tallies = on_days(history, [*days, *earlier, *closed])
        totals = {day: total(groups) for day, groups in tallies.items()}
        return Figures(
            groups=queries.groups_on(session, as_of, scope),
            oldest=queries.oldest_overdue(session, as_of, scope, OLDEST),
            urges=queries.open_urges(session, as_of, scope),
            now=tallies[as_of],
            before=totals[previous.end] if previous else NOTHING,
            line=[(day, totals[day]) for day in days],
            line_before=[(day, totals[day]) for day in earlier],
            areas=list_areas(session, locale),
        )

    return kept(session, ("overview", as_of, scope, window, previous, soon, locale), read)


@dataclass(frozen=True)
class MatrixRow:
    """A unit with all under it: overdue and counted assignments for each area."""

    unit_id: int | None
    name: str
    cells: Mapping[int | None, tuple[int, int]]
    late: int
    total: int
    has_units: bool = False
    # Only the unit itself, without what lies under it.
    is_own: bool = False


@dataclass(frozen=True)
class Matrix:
    """Rows by unit, the areas that hold anything, sums by area, and how many rows were gathered."""

    rows: Sequence[MatrixRow]
    areas: Sequence[int | None]
    sums: MatrixRow
    gathered: int


def read_matrix(
    session: Session,
    as_of: date,
    found: Figures,
    here: Chosen,
    soon: int,
    locale: str,
    *,
    show_all: bool,
) -> Matrix:
    """Return the matrix of these figures, from the cache where nothing has changed."""

    def build() -> Matrix:
        order = {area.id: area.position for area in found.areas}
        return build_matrix(found.groups, here, order, show_all=show_all)

    return kept(session, ("matrix", as_of, here.scope, soon, locale, show_all), build)


def build_matrix(
    groups: Sequence[queries.Group],
    chosen: Chosen,
    order: Mapping[int, int],
    *,
    show_all: bool,
) -> Matrix:
    """Return the matrix: one row for each unit at the first level that tells units apart.

    `order` is the position of each area. Rows follow the tree; where there are too many, the
    worst come first and the others are gathered in one.
    """
    busy = {group.unit_id for group in groups if COUNTED[Status(group.status)].in_plan}
    tops, own = _tops(chosen, busy)
    home = homes(chosen.nodes, tops)
    cells: dict[int, dict[int | None, list[int]]] = defaultdict(dict)
    for group in groups:
        if not COUNTED[Status(group.status)].in_plan:
            continue
        # An ended unit, or one outside the reader's tree, stands for itself.
        row = cells[home.get(group.unit_id, group.unit_id)]
        cell = row.setdefault(group.area_id, [0, 0])
        cell[0] += group.count if group.status == Status.OVERDUE else 0
        cell[1] += group.count
    nodes = {node.id: node for node in chosen.nodes}
    places = {node.id: place for place, node in enumerate(chosen.nodes)}
    unknown = names(key for key in cells if key not in nodes)
    rows = [
        _row(
            key,
            nodes[key].name if key in nodes else unknown.get(key, ""),
            row,
            has_units=key in nodes and nodes[key].child_count > 0 and key != own,
            is_own=key == own,
        )
        for key, row in sorted(
            cells.items(), key=lambda one: (places.get(one[0], len(places)), one[0])
        )
    ]
    used = {area for row in cells.values() for area in row}
    areas = sorted(used, key=lambda area: (area is None, order.get(area or 0, 0), area or 0))
    sums = _gather(None, _("Tổng cộng"), rows)
    gathered = 0
    if len(rows) > MOST_ROWS and not show_all:
        worst = sorted(rows, key=lambda row: (-row.late, -row.total))
        rest = worst[MOST_ROWS - 1 :]
        gathered = len(rest)
        rows = [
            *worst[: MOST_ROWS - 1],
            _gather(None, _("%(count)d đơn vị còn lại", count=gathered), rest),
        ]
    return Matrix(rows, areas, sums, gathered)


def _tops(chosen: Chosen, busy: Collection[int]) -> tuple[dict[int, int], int | None]:
    """Return the units that rows stand for, and the one among them that stands for itself alone.

    A matrix of one row says nothing: where all the work lies under one unit, that unit is opened,
    until two rows or more hold work or there is nothing left to open.
    """
    children: dict[int | None, list[int]] = defaultdict(list)
    for node in chosen.nodes:
        children[node.parent_id].append(node.id)
    tops, own = {node.id: node.id for node in chosen.roots}, None
    while True:
        home = homes(chosen.nodes, tops)
        used = {home.get(unit, unit) for unit in busy}
        if len(used) != 1:
            return tops, own
        (only,) = used
        if only not in tops or not children[only] or busy == {only}:
            return tops, own
        tops, own = {one: one for one in (only, *children[only])}, only


def _row(
    unit_id: int | None,
    name: str,
    cells: Mapping[int | None, Sequence[int]],
    *,
    has_units: bool = False,
    is_own: bool = False,
) -> MatrixRow:
    return MatrixRow(
        unit_id=unit_id,
        name=name,
        cells={area: (cell[0], cell[1]) for area, cell in cells.items()},
        late=sum(cell[0] for cell in cells.values()),
        total=sum(cell[1] for cell in cells.values()),
        has_units=has_units,
        is_own=is_own,
    )


def _gather(unit_id: int | None, name: str, rows: Sequence[MatrixRow]) -> MatrixRow:
    cells: dict[int | None, list[int]] = {}
    for row in rows:
        for area, (late, count) in row.cells.items():
            cell = cells.setdefault(area, [0, 0])
            cell[0] += late
            cell[1] += count
    return _row(unit_id, name, cells)


@dataclass(frozen=True)
class Point:
    """A point of a line through time: where it stands (0 to 100 from the left), and its share."""

    x: float
    day: date
    share: Decimal | None


@dataclass(frozen=True)
class Trend:
    """The line of this window up to the day, the last window's line, and their windows."""

    window: Window
    now: Sequence[Point]
    previous: Window | None
    before: Sequence[Point]


def build_trend(figures: Figures, window: Window, previous: Window | None) -> Trend:
    """Return both lines on the same axis, from the first to the last day of their windows.

    The last window's line is left out where nothing was counted in it.
    """
    before = _points(figures.line_before, previous) if previous else []
    if not any(point.share is not None for point in before):
        before, previous = [], None
    return Trend(window, _points(figures.line, window), previous, before)


def _points(line: Sequence[tuple[date, Tally]], window: Window) -> list[Point]:
    days = max((window.end - window.start).days, 1)
    return [
        Point(
            (min(max(day, window.start), window.end) - window.start).days * 100 / days,
            day,
            percent(tally.done, tally.total),
        )
        for day, tally in line
        if window.start <= day <= window.end
    ]


def windows_of(rules: Sequence[WindowRule], as_of: date) -> tuple[Window | None, Window | None]:
    """Return the window whose figures are gathered on a day, and the one closed last before it."""
    return current_window(rules, as_of), previous_window(rules, as_of)


def statuses(groups: Sequence[queries.Group]) -> list[tuple[str, int]]:
    """Return how many assignments have each status, in the order in which people read them."""
    counts: Counter[str] = Counter()
    for group in groups:
        counts[group.status] += group.count
    return [(status.value, counts[status.value]) for status in Status]


def ages(groups: Sequence[queries.Group]) -> tuple[int, int, int]:
    """Return overdue assignments by age band."""
    found = [0, 0, 0]
    for group in groups:
        if group.age is not None:
            found[group.age] += group.count
    return found[0], found[1], found[2]


def due_figure(groups: Sequence[queries.Group]) -> Tally:
    """Return rule 'due': assignments whose deadline has come, and how many of them are done."""
    done = claimed = count = 0
    for group in groups:
        counted = COUNTED[Status(group.status)]
        if counted.in_due and group.is_due:
            count += group.count
            done += group.count if counted.is_done else 0
            claimed += group.count if counted.is_done or group.status == Status.AWAITING else 0
    return Tally(done, claimed, count)


def lacking_evidence(groups: Sequence[queries.Group]) -> tuple[int, int]:
    """Return how many of the done assignments have no evidence, and how many are done."""
    done = [group for group in groups if COUNTED[Status(group.status)].is_done]
    return (
        sum(group.count for group in done if group.lacks_evidence),
        sum(group.count for group in done),
    )

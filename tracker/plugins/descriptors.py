"""What registration hooks return: frozen descriptors, collected once when the app starts.

Labels are lazy strings, so that each request shows them in its own language. `weight` sorts
ascending, then `key`. Callables are called at request time, inside an app context, reading only,
unless their description says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from tracker.core.rights import Role

if TYPE_CHECKING:
    from flask_admin.base import BaseView

    from tracker.core.work import Work


class Label(Protocol):
    """A text, or one that chooses its language when it is shown (flask_babel.lazy_gettext)."""

    def __str__(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Permission:
    """A right by name (`<area>.<verb>`), whether it only reads, and which roles hold it."""

    key: str
    label: Label
    reads: bool = False
    roles: frozenset[Role] = frozenset()


@dataclass(frozen=True, kw_only=True)
class MenuItem:
    """One entry of the menu, shown to whoever holds `permission` ('' = everyone signed in)."""

    key: str
    label: Label
    endpoint: str
    icon: str
    group: str
    permission: str = ""
    weight: int = 100
    # Position 1..5 in the phone's bottom bar; None keeps it in the menu behind 'Thêm'.
    place: int | None = None


@dataclass(frozen=True, kw_only=True)
class AdminViewSpec:
    """A page of the back office: `view` makes a fresh Flask-Admin view for one app."""

    key: str
    label: Label
    group: str
    permission: str
    view: Callable[[], BaseView]
    weight: int = 100


class Place(StrEnum):
    """Pages that others may add panels and timeline entries to."""

    TASK = "task"
    UNIT = "unit"
    VISIT = "visit"


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A block on a task's, a unit's or a visit's page; `render(record_id)` gives safe HTML."""

    key: str
    title: Label
    place: Place
    render: Callable[[int], str]
    permission: str = ""
    weight: int = 100


@dataclass(frozen=True, kw_only=True)
class DashboardCard:
    """A block on the leaders' overview; `render(as_of)` returns safe HTML or ''."""

    key: str
    title: Label
    render: Callable[[date], str]
    permission: str = ""
    weight: int = 100


@dataclass(frozen=True, kw_only=True)
class TimelineEntry:
    """Something that happened to a record: when it took effect, when it was recorded, by whom."""

    at: datetime | date
    known_at: datetime
    who: str
    label: str
    detail: str = ""
    icon: str = "circle"
    url: str = ""
    tone: str = ""
    # (name, url) of attached files or documents.
    links: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, kw_only=True)
class TimelineSource:
    """Adds entries to a record's timeline: `entries(record_id)` in any order."""

    key: str
    place: Place
    entries: Callable[[int], Iterable[TimelineEntry]]


class WorkGroup(StrEnum):
    """The groups of 'Việc của tôi hôm nay', in order."""

    OVERDUE = "overdue"
    DUE_SOON = "due_soon"
    URGED = "urged"
    UNDATED = "undated"
    TO_DECIDE = "to_decide"
    SENT = "sent"


@dataclass(frozen=True, kw_only=True)
class MyWorkItem:
    """One thing that waits for the person: what, from where, until when, and where to do it."""

    group: WorkGroup
    title: str
    url: str
    context: str = ""
    due_on: date | None = None
    status: str = ""
    note: str = ""
    # Where the quick update opens in place; '' when there is none.
    update_url: str = ""
    key: str = ""


@dataclass(frozen=True, kw_only=True)
class MyWorkSource:
    """Fills 'Việc của tôi hôm nay' for the person of the current context."""

    key: str
    items: Callable[[], Sequence[MyWorkItem]]
    permission: str = ""
    weight: int = 100


@dataclass(frozen=True)
class PeriodQuery:
    """What a report asks for: a window of dates (inclusive) and the units it is about."""

    start: date
    end: date
    unit_id: int | None = None
    plan_id: int | None = None


@dataclass(frozen=True)
class IndicatorValue:
    """A figure: a count, or numerator and denominator of a rate; `rule` says how it came."""

    value: Decimal | int | None = None
    numerator: int | None = None
    denominator: int | None = None
    rule: str = ""
    rows_url: str = ""


@dataclass(frozen=True, kw_only=True)
class Indicator:
    """A figure of the period summary with code and unit of measure."""

    key: str
    name: Label
    measure: Label
    compute: Callable[[PeriodQuery], IndicatorValue]
    section: str = ""
    permission: str = ""
    weight: int = 100


@dataclass(frozen=True)
class SectionTable:
    """A table of the period summary: headings, rows of plain values, and a sentence above it."""

    headings: Sequence[str]
    rows: Sequence[Sequence[object]]
    summary: str = ""


@dataclass(frozen=True, kw_only=True)
class ReportSection:
    """A section of the period summary: `table(query)` is shown, printed and exported alike."""

    key: str
    title: Label
    table: Callable[[PeriodQuery], SectionTable]
    permission: str = ""
    weight: int = 100


@dataclass(frozen=True)
class SearchHit:
    """One thing found; `exactness` is higher the nearer the text is to what was typed."""

    title: str
    url: str
    context: str = ""
    icon: str = "search"
    exactness: int = 0


@dataclass(frozen=True, kw_only=True)
class SearchProvider:
    """Finds records by text: `search(query, limit)` within the rights of the current context."""

    key: str
    label: Label
    search: Callable[[str, int], Sequence[SearchHit]]
    permission: str = ""
    weight: int = 100


@dataclass(frozen=True)
class Handover:
    """What a unit operation hands over: old unit -> new units, from a date, by a decision.

    In a preview a unit that the operation would make has a negative number. Where nobody takes
    over, the new units are empty.
    """

    kind: str
    effective_on: date
    decision: str
    successors: Mapping[int, Sequence[int]]
    # What a person chose where a unit has several successors: (contributor, record id) -> unit.
    choices: Mapping[tuple[str, int], int] = field(default_factory=dict)


@dataclass(frozen=True)
class HandoverItem:
    """One open record that would change hands."""

    record_id: int
    title: str
    from_unit_id: int
    to_unit_id: int | None


@dataclass(frozen=True, kw_only=True)
class HandoverContributor:
    """Moves a feature's open records when units merge, split or end.

    `preview` only reads; `apply` runs inside the operation's transaction.
    """

    key: str
    label: Label
    preview: Callable[[Handover], Sequence[HandoverItem]]
    apply: Callable[[Work, Handover], int]


class CellKind(StrEnum):
    """What a column of an import holds; the engine reads cells into these."""

    TEXT = "text"  # str, normalised; line breaks stay
    WHOLE = "whole"  # int
    DECIMAL = "decimal"  # Decimal
    DATE = "date"  # date, from a date cell or text such as 15/12/2026


@dataclass(frozen=True, kw_only=True)
class ImportColumn:
    """A column of an import template: its headings in both languages, and what it holds.

    Headings are found folded (no capitals, no marks needed); `aliases` are further spellings.
    `choices`, asked when a template is made, gives the values of its drop-down list; a cell with
    another value still reaches `parse`.
    """

    key: str
    heading_vi: str
    heading_en: str
    hint: Label = ""
    required: bool = False
    example: str = ""
    kind: CellKind = CellKind.TEXT
    aliases: Sequence[str] = ()
    choices: Callable[[], Sequence[str]] | None = None
    longest: int = 5000
    width: int = 20


@dataclass(frozen=True, kw_only=True)
class ImportOption:
    """Something asked beside the file. With `choices` ((value, label), asked each time) a list."""

    name: str
    label: Label
    hint: Label = ""
    required: bool = False
    choices: Callable[[], Sequence[tuple[str, str]]] | None = None


@dataclass(frozen=True)
class RowError:
    """What is wrong in one cell of an import; `column` is a column's key, '' for the whole row."""

    row: int
    column: str
    message: str


class RowOutcome(StrEnum):
    """What an import would do with one row."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"


# Row number in the file, and by column key what is in the cell (None where it is empty).
ImportRow = tuple[int, Mapping[str, Any]]


@dataclass(frozen=True)
class ParsedRows:
    """What a spec made of the rows: the input of its service, what is wrong, and what it would do.

    `outcomes` says by row number what would happen; `summary` adds a sentence where counts of new
    and changed rows don't say enough.
    """

    data: Any
    errors: Sequence[RowError] = ()
    outcomes: Mapping[int, RowOutcome] = field(default_factory=dict)
    summary: str = ""


@dataclass(frozen=True, kw_only=True)
class ImportSpec:
    """Reads rows of a file: `parse(rows, options)` checks, `apply(work, data)` writes all.

    The engine reads the file, checks headings, required cells and kinds of values, and runs `apply`
    as one unit of work, only when no row has an error. `parse` only reads the database; it gets
    every row that is not blank, those with unreadable cells too (such a cell is None, and the
    engine's error about it stands for any of the spec's), so that all faults are told at once.
    `apply` re-reads what it changes and checks the rights of each record it touches.
    `read` replaces the engine's spreadsheet reader for free-form documents: it gets the file's
    content, returns the rows, and raises ValidationFailed; `suffixes` says which files it takes.
    """

    key: str
    label: Label
    columns: Sequence[ImportColumn]
    permission: str
    parse: Callable[[Sequence[ImportRow], Mapping[str, str]], ParsedRows]
    apply: Callable[[Work, Any], Any]
    # From what `apply` returned to the page that shows it; '' = the import's own page.
    done_url: Callable[[Any], str] = lambda result: ""
    hint: Label = ""
    icon: str = "table"
    options: Sequence[ImportOption] = ()
    read: Callable[[bytes], Sequence[ImportRow]] | None = None
    suffixes: Sequence[str] = ("xlsx",)
    weight: int = 100


@dataclass(frozen=True, kw_only=True)
class SettingSpec:
    """A setting of the instance: its form field is made from this; values are JSON."""

    key: str
    label: Label
    kind: type[str] | type[int] | type[bool]
    default: str | int | bool
    hint: Label = ""
    group: str = "agency"
    minimum: int | None = None
    maximum: int | None = None
    weight: int = 100


@dataclass(frozen=True, kw_only=True)
class ChecklistItemSpec:
    """One item of a checklist: what is looked at, and how grave its failure is by default."""

    code: str
    section: str
    text: str
    severity: str = "minor"
    required: bool = True


@dataclass(frozen=True, kw_only=True)
class ChecklistTemplate:
    """A checklist that comes with the product or a plug-in; a change makes a new version."""

    key: str
    title: str
    items: Sequence[ChecklistItemSpec]


class Health(StrEnum):
    """The outcome of a doctor's check."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Diagnosis:
    """What a check found, and in plain words what to do about it."""

    health: Health
    message: str
    advice: str = ""


@dataclass(frozen=True, kw_only=True)
class DoctorCheck:
    """A check of `tracker doctor`."""

    key: str
    label: Label
    check: Callable[[], Iterable[Diagnosis]]
    weight: int = 100


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """Work that the clock starts: a cron line in local time, and a function of the due moment."""

    key: str
    label: Label
    cron: str
    run: Callable[[datetime], str]
    # A run that was missed is caught up once if it is younger than this.
    catch_up_seconds: int = 86400


@dataclass(frozen=True, kw_only=True)
class DemoData:
    """Demo data: `load(today)` writes it through units of work; loading again changes nothing."""

    key: str
    load: Callable[[date], None]
    weight: int = 100

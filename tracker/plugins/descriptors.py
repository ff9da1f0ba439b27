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
from uuid import UUID

from tracker.core.rights import Role

if TYPE_CHECKING:
    from flask_admin.base import BaseView

    from tracker.core.work import Work


class Label(Protocol):
    """A text, or one that chooses its language when it is shown (flask_babel.lazy_gettext)."""

    def __str__(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Permission:
    """A right by name (`<area>.<verb>`), whether it only reads, and which roles hold it.

    What is changed `everywhere` counts for the whole instance: a role gives such a right only to
    whoever has it over every tree of units.
    """

    key: str
    label: Label
    reads: bool = False
    roles: frozenset[Role] = frozenset()
    everywhere: bool = False


# The groups of the menu, in order; the shell knows their words.
MENU_GROUPS = ("day", "plan", "inspection", "report", "admin")


@dataclass(frozen=True, kw_only=True)
class MenuItem:
    """One entry of the menu, shown to whoever holds `permission` ('' = everyone signed in).

    Raises ValueError for a group that the menu does not have: nobody would find the entry.
    """

    key: str
    label: Label
    endpoint: str
    icon: str
    group: str
    permission: str = ""
    weight: int = 100
    # Position 1..5 in the phone's bottom bar; None keeps it in the menu behind 'Thêm'.
    place: int | None = None

    def __post_init__(self) -> None:
        if self.group not in MENU_GROUPS:
            raise ValueError(f"{self.key}: the menu's groups are {', '.join(MENU_GROUPS)}")


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

    `preview` only reads. A feature's `apply` runs inside the operation's transaction. A plug-in's
    runs after its commit in a unit of work of its own, kept until it succeeds: at least once, so
    that what has changed hands already must be left as it is.
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
class SettingGroup:
    """A heading on the page of settings; settings name it by `group`."""

    key: str
    label: Label
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
    # (value, label) of a text that is one of several.
    choices: Sequence[tuple[str, Label]] = ()
    # Kept encrypted, never shown again, and logged only as changed.
    secret: bool = False
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


@dataclass(frozen=True)
class NoticeWords:
    """What a notice says: one sentence, and what else there is to know."""

    title: str
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class NoticeKind:
    """A kind of notice: its words, how pressing it is, and how it leaves the app by default.

    Notices are kept as `params` (JSON values); `words(params)` says them in the language of the
    moment, on a page, in an e-mail, in a job. `channels` are the keys of those that carry it
    unless the person chose otherwise; in the app everybody is told.
    """

    key: str
    label: Label
    words: Callable[[Mapping[str, Any]], NoticeWords]
    icon: str = "bell"
    # The heading under which the person finds it among the choices.
    group: Label = ""
    # Told at once outside the app, where others wait for the digest of the day.
    urgent: bool = False
    # Told in quiet hours too: for what can't wait for the morning.
    breaks_quiet: bool = False
    channels: frozenset[str] = frozenset({"email"})
    weight: int = 100


@dataclass(frozen=True)
class ShownNotice:
    """A notice in the reader's language, with the full address of the page that it leads to."""

    id: int
    kind: str
    kind_label: str
    title: str
    text: str
    url: str
    at: datetime


@dataclass(frozen=True)
class Receiver:
    """The person whom a channel is to reach."""

    user_id: int
    name: str
    email: str
    locale: str


@dataclass(frozen=True)
class Outgoing:
    """What a channel carries to one person: one notice, or those of a day together.

    `key` is the same at each attempt: a channel makes its message's own identity from it, so that
    what arrives twice is known for the same.
    """

    key: str
    receiver: Receiver
    notices: Sequence[ShownNotice]
    is_digest: bool = False


@dataclass(frozen=True, kw_only=True)
class Channel:
    """A way by which notices leave the app.

    `reachable(user_ids)` says which of these people it can reach at all; `send` is called outside
    any transaction and raises whatever stands in its way: it is tried again, later each time.
    """

    key: str
    label: Label
    reachable: Callable[[Sequence[int]], frozenset[int]]
    send: Callable[[Outgoing], None]
    # What is not urgent waits for one message a day.
    digests: bool = False
    hint: Label = ""
    weight: int = 100


@dataclass(frozen=True)
class CalendarQuery:
    """Whose calendar is asked for: of one unit, or (None) all that concerns the current person."""

    unit_id: int | None
    start: date
    end: date


@dataclass(frozen=True)
class CalendarEntry:
    """A whole day in a calendar. `uid` is the same for the same matter for ever.

    `page` is the endpoint and the values of the page that it leads to; `alarm_days` is how many
    days before a reminder is shown, None for none. `changed_at` is when it last changed.
    """

    uid: str
    title: str
    day: date
    text: str = ""
    page: tuple[str, Mapping[str, Any]] | None = None
    alarm_days: int | None = None
    changed_at: datetime | None = None
    category: str = ""


@dataclass(frozen=True, kw_only=True)
class CalendarSource:
    """Fills calendars outside the app, within the rights of the current context."""

    key: str
    label: Label
    entries: Callable[[CalendarQuery], Iterable[CalendarEntry]]
    permission: str = ""
    weight: int = 100


@dataclass(frozen=True)
class PrefillQuery:
    """A visit whose checklist is open, with the codes of the items that nobody has answered yet."""

    visit: UUID
    visit_id: int
    unit_id: int
    visited_on: date
    codes: Sequence[str]


@dataclass(frozen=True)
class PrefilledAnswer:
    """An answer that a source proposes: 'pass', 'fail' or 'not_applicable', and its ground."""

    code: str
    answer: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class ChecklistPrefill:
    """Proposes answers to a visit's checklist; they count once a person of the team takes them."""

    key: str
    label: Label
    answers: Callable[[PrefillQuery], Sequence[PrefilledAnswer]]
    weight: int = 100


@dataclass(frozen=True)
class SourcedProgress:
    """What a source says of a unit's share of a task; `reported` as in `Progress` of tracker.api.

    `key` names the fact: said again with the same key it is the same report, and not kept twice.
    """

    assignment: UUID
    key: str
    reported: str
    percent: int
    note: str = ""
    done_on: date | None = None
    # Number, date and title of the document that proves it.
    evidence_number: str = ""
    evidence_on: date | None = None
    evidence_title: str = ""


@dataclass(frozen=True, kw_only=True)
class ProgressSource:
    """A register that knows how tasks stand: `read(today)` gives what is new, whenever it is asked.

    A job of the core asks and keeps the answers as reports of this source; pages never ask.
    """

    key: str
    label: Label
    read: Callable[[date], Iterable[SourcedProgress]]
    weight: int = 100


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


class JobCall(Protocol):
    """One run of a job, as its function sees it. Raises RunLost wherever it is no longer ours.

    A process that hung or was cut off loses its run to another one. What it writes afterwards must
    not count, so a job that writes does it in units of work that call `step` or `finish_in`: these
    lock the run's row, and a process that lost the run rolls back there.
    """

    @property
    def run_id(self) -> UUID:
        """The run's identity, in addresses and for whoever queued it."""
        ...

    @property
    def due_at(self) -> datetime:
        """The moment for which it runs (UTC); of a queued run, when it was asked for."""
        ...

    @property
    def input(self) -> Mapping[str, Any]:
        """What it was queued with; empty for a scheduled run."""
        ...

    @property
    def done(self) -> int:
        """How far an earlier attempt that was cut off had come, by its last `step`; 0 at first."""
        ...

    def progress(self, done: int, total: int | None = None, message: str = "") -> None:
        """Show how far the job is, in a unit of work of its own; often called, seldom written."""
        ...

    def say(self, text: str) -> None:
        """Add a line to the run's log; it is written with the next progress or the end."""
        ...

    def link(self, url: str) -> None:
        """Name the page of this site that shows the result."""
        ...

    def step(self, work: Work, done: int, total: int | None = None, message: str = "") -> None:
        """Within a unit of work: make sure that the run is ours, and keep how far it is."""
        ...

    def finish_in(self, work: Work, said: str = "") -> None:
        """Within a unit of work: end the run as done, so that both commit or neither."""
        ...


class MissedPolicy(StrEnum):
    """What becomes of a due moment that passed while no job process ran."""

    CATCH_UP = "catch_up"
    """The newest one is made up for, once; older ones are declared missed."""
    DECLARE = "declare"
    """All are declared missed, and the next due moment comes at its time."""


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """Work that the clock starts, or that pages, commands and other work put in the queue.

    `run` returns what it did, for the ledger. It runs in the job process; a plug-in's, or with
    `own_process`, in a process of its own, which is killed at the budget. Runs of one job don't
    overlap unless `parallel`.
    """

    key: str
    label: Label
    run: Callable[[JobCall], str]
    # Five fields in local time; '' for a job that is only ever queued.
    cron: str = ""
    hint: Label = ""
    missed: MissedPolicy = MissedPolicy.CATCH_UP
    # A run that was missed is caught up once if it is younger than this.
    catch_up_seconds: int = 86400
    # Jobs due at the same minute start up to this much later, each by its own constant share.
    jitter_seconds: int = 0
    budget_seconds: int = 3600
    parallel: bool = False
    # Has the core this one too run in a process of its own? A plug-in's always does.
    own_process: bool = False
    # What the page of a run calls the way to its result.
    result_label: Label = ""
    # May a person start it by hand? Not where it needs an input.
    by_hand: bool = True
    # A run whose process died this often is given up.
    attempts: int = 5
    keep_days: int = 90


@dataclass(frozen=True, kw_only=True)
class DemoData:
    """Demo data: `load(today)` writes it through units of work; loading again changes nothing."""

    key: str
    load: Callable[[date], None]
    weight: int = 100

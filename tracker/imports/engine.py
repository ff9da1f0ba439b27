"""The engine behind every import: check all, show all faults, then write all or nothing."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _

from tracker.core import numbers
from tracker.core.context import Source, acting, current
from tracker.core.db import refresh_statistics
from tracker.core.errors import FieldError, NotFound, PermissionDenied, ValidationFailed
from tracker.core.text import normalise
from tracker.core.work import Work, run
from tracker.files.inspect_content import inspect_content
from tracker.files.names import clean_name, suffix_of
from tracker.imports import workbook
from tracker.imports.services import claim_upload
from tracker.imports.workbook import FIELD, Progress, SheetRows, heading_of, refuse
from tracker.plugins.descriptors import ImportSpec, RowOutcome
from tracker.plugins.host import current_registry
from tracker.web.i18n import locale_code

LONGEST_OPTION = 500
# A page reads, checks and writes so many rows in about a second (10,000 take 7 to 9 s).
MOST_ROWS_AT_ONCE = 1000
# From so many lines on, an import changes what the planner of the database should know.
MANY_LINES = 1000
OPTION_PREFIX = "option_"


@dataclass(frozen=True)
class Problem:
    """One fault as it is shown: the row, its column's heading ('' = the whole row), the words."""

    row: int
    column: str
    message: str


@dataclass(frozen=True)
class Line:
    """One row of a dry run: its cells as text, by column key, and what is wrong where."""

    row: int
    cells: Mapping[str, str]
    outcome: RowOutcome | None
    # Column key ('' = the whole row) -> messages.
    problems: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class DryRun:
    """What an import would do, and all that stands against it."""

    # (column key, heading) of the columns that the file has.
    columns: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]
    problems: tuple[Problem, ...]
    unknown_headings: tuple[str, ...]
    summary: str
    data: Any
    counts: Mapping[RowOutcome, int] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Tell whether it may be applied: no fault, and at least one row."""
        return bool(self.lines) and not self.problems

    @property
    def faulty_lines(self) -> list[Line]:
        """Return the rows with something wrong."""
        return [line for line in self.lines if line.problems]

    def count(self, outcome: str) -> int:
        """Return how many rows would have an outcome ('new', 'changed', 'same')."""
        return self.counts.get(RowOutcome(outcome), 0)


def allowed_specs() -> list[ImportSpec]:
    """Return what the person of the current context may import."""
    access = current().actor.access
    specs = current_registry().import_specs.values()
    return [spec for spec in specs if access.holds(spec.permission)]


def get_spec(key: str) -> ImportSpec:
    """Return a spec by its key. Raises NotFound, and PermissionDenied without the right to it."""
    spec = current_registry().import_specs.get(key)
    if spec is None:
        raise NotFound
    if not current().actor.access.holds(spec.permission):
        raise PermissionDenied
    return spec


def clean_options(spec: ImportSpec, given: Mapping[str, str]) -> dict[str, str]:
    """Return the options of a spec from what was given; those not given are ''.

    Raises ValidationFailed on `option_<name>`: unknown, missing, too long, not among the choices.
    """
    errors: list[FieldError] = []
    known = {option.name for option in spec.options}
    for name in sorted(set(given) - known):
        errors.append(FieldError("", _("Không có lựa chọn “%(name)s”.", name=name)))
    cleaned: dict[str, str] = {}
    for option in spec.options:
        value = cleaned[option.name] = normalise(given.get(option.name, ""))
        message = ""
        if not value:
            message = _("Hãy điền mục này.") if option.required else ""
        elif len(value) > LONGEST_OPTION:
            message = _("Dài quá %(most)d ký tự.", most=LONGEST_OPTION)
        elif option.choices and value not in {choice for choice, _label in option.choices()}:
            message = _("Hãy chọn một giá trị trong danh sách.")
        if message:
            errors.append(FieldError(OPTION_PREFIX + option.name, message))
    if errors:
        raise ValidationFailed(errors)
    return cleaned


def is_large(spec: ImportSpec, content: bytes, name: str) -> bool:
    """Tell whether reading a file would keep a page waiting: such ones are left to the ledger.

    Rows are counted without reading them. Raises ValidationFailed as `read_rows` does for a file
    that cannot be opened.
    """
    _accept(spec, content, name)
    return spec.read is None and workbook.count_rows(content) > MOST_ROWS_AT_ONCE


def _accept(spec: ImportSpec, content: bytes, name: str) -> None:
    """Raise ValidationFailed for an empty file or one of another kind."""
    suffix = suffix_of(clean_name(name))
    if suffix not in spec.suffixes:
        kinds = ", ".join(f".{one}" for one in spec.suffixes)
        if suffix in {"xlsm", "xltm", "xlsb"}:
            raise refuse(_("Không nhận tệp có macro. Hãy lưu lại thành %(kinds)s.", kinds=kinds))
        raise refuse(_("Hãy chọn tệp %(kinds)s.", kinds=kinds))
    if not content:
        raise refuse(_("Tệp trống. Hãy chọn tệp khác."))


def read_rows(
    spec: ImportSpec, content: bytes, name: str, progress: Progress | None = None
) -> SheetRows:
    """Return the rows of a file. Raises ValidationFailed on `file` when it cannot be used."""
    _accept(spec, content, name)
    if spec.read is None:
        return workbook.read_workbook(content, spec.columns, progress)
    if len(content) > workbook.LARGEST_FILE:
        largest = workbook.LARGEST_FILE // 1024 // 1024
        raise refuse(
            _("Tệp nhập lớn hơn %(largest)d MB. Hãy chia thành nhiều tệp.", largest=largest)
        )
    inspect_content(io.BytesIO(content), clean_name(name), FIELD)
    rows = list(spec.read(content))
    present = {key for _row, values in rows for key in values}
    return SheetRows(rows, [], tuple(one.key for one in spec.columns if one.key in present))


def check(
    spec: ImportSpec,
    content: bytes,
    name: str,
    options: Mapping[str, str],
    progress: Progress | None = None,
) -> DryRun:
    """Return what importing a file would do; writes nothing.

    Raises ValidationFailed when the file or an option cannot be used at all; faults of rows are
    in the result.
    """
    options = clean_options(spec, options)
    read = read_rows(spec, content, name, progress)
    headings = {column.key: heading_of(column) for column in spec.columns}
    found: dict[tuple[int, str], list[str]] = defaultdict(list)
    for error in read.errors:
        found[error.row, error.column].append(error.message)
    for row, values in read.rows:
        for column in spec.columns:
            is_missing = column.required and values.get(column.key) is None
            if is_missing and (row, column.key) not in found:
                found[row, column.key].append(_("Chưa có giá trị."))
    of_engine = set(found)
    complete = [
        (row, {column.key: values.get(column.key) for column in spec.columns})
        for row, values in read.rows
    ]
    parsed = spec.parse(complete, options)
    for error in parsed.errors:
        if (error.row, error.column) not in of_engine:
            found[error.row, error.column].append(error.message)
    by_row: dict[int, dict[str, list[str]]] = defaultdict(dict)
    for (row, key), messages in found.items():
        by_row[row][key] = messages
    lines = tuple(
        Line(
            row,
            {
                key: read.unreadable.get((row, key)) or show_value(values[key])
                for key in read.columns
            },
            parsed.outcomes.get(row),
            by_row.pop(row, {}),
        )
        for row, values in complete
    )
    # Faults of the file as a whole (row 0), or of rows that are not in the file.
    lines += tuple(Line(row, {}, None, problems) for row, problems in sorted(by_row.items()))
    problems = tuple(
        Problem(line.row, headings.get(key, key), message)
        for line in lines
        for key, messages in line.problems.items()
        for message in messages
    )
    return DryRun(
        columns=tuple((key, headings[key]) for key in read.columns),
        lines=lines,
        problems=problems,
        unknown_headings=read.unknown_headings,
        summary=parsed.summary,
        data=parsed.data,
        counts=Counter(parsed.outcomes.values()),
    )


def show_value(value: object) -> str:
    """Return a cell's value as text in the person's language."""
    if value is None:
        return ""
    if isinstance(value, date):
        return numbers.format_date(value, locale_code())
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return numbers.format_number(value, locale_code())
    return str(value)


@dataclass(frozen=True)
class ApplyImport:
    """A checked import: the spec, what `parse` made of the rows, and the upload they came from."""

    spec: ImportSpec
    data: Any
    upload_id: int | None = None
    # What belongs into the same transaction, with what the spec's service returned.
    finish: Callable[[Work, Any], None] | None = None


def apply_import(work: Work, data: ApplyImport) -> Any:
    """Write a whole import in one transaction; the spec's service checks rights per record."""
    work.require_held(data.spec.permission)
    if data.upload_id is not None:
        claim_upload(work, data.upload_id)
    result = data.spec.apply(work, data.data)
    if data.finish is not None:
        data.finish(work, result)
    return result


def apply(
    spec: ImportSpec,
    dry_run: DryRun,
    name: str,
    upload_id: int | None = None,
    finish: Callable[[Work, Any], None] | None = None,
) -> Any:
    """Write what a clean dry run found, as one change set; return what the spec's service returns.

    `finish` is called in the same transaction, last.
    Raises ValueError for a dry run that is not clean, and whatever the service raises; then
    nothing is written.
    """
    if not dry_run.is_clean:
        raise ValueError("only a clean dry run can be applied")
    reason = _("Nhập từ tệp %(name)s", name=clean_name(name))
    with acting(replace(current(), source=Source.IMPORT)):
        data = ApplyImport(spec, dry_run.data, upload_id, finish)
        written = run(apply_import, data, reason=reason)
    if len(dry_run.lines) >= MANY_LINES:
        refresh_statistics()
    return written

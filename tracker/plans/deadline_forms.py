"""The part of a form that asks when a task is due: one section for each kind of deadline."""

from __future__ import annotations

import re
from typing import Any, Final

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, RadioField, SelectField
from wtforms.validators import ValidationError

from tracker.core.deadlines import (
    MAX_DATES,
    DeadlineKind,
    Frequency,
    InvalidRecurrence,
    Last,
    RecurrenceRule,
)
from tracker.core.numbers import read_whole
from tracker.core.text import fold
from tracker.plans.assign import LONGEST_DEADLINE_TEXT, Deadline
from tracker.plans.task_forms import options
from tracker.web.forms import Day, Longest, Text, optional_int

KIND_LABELS: Final = (
    (DeadlineKind.DATE, _l("Một ngày")),
    (DeadlineKind.WINDOW, _l("Trong một khoảng")),
    (DeadlineKind.RECURRING, _l("Định kỳ")),
    (DeadlineKind.OPEN_ENDED, _l("Thường xuyên")),
    (DeadlineKind.CONDITIONAL, _l("Chờ điều kiện")),
    (DeadlineKind.ASK, _l("Chưa rõ, cần hỏi")),
)
FREQUENCY_LABELS: Final = (
    ("", _l("Chọn…")),
    (Frequency.MONTHLY.value, _l("Hằng tháng")),
    (Frequency.QUARTERLY.value, _l("Hằng quý")),
    (Frequency.HALF_YEARLY.value, _l("6 tháng một lần")),
    (Frequency.YEARLY.value, _l("Hằng năm")),
    (Frequency.WEEKLY.value, _l("Hằng tuần")),
    (Frequency.DATES.value, _l("Theo danh sách ngày")),
)
WEEKDAY_LABELS: Final = (
    ("1", _l("Thứ Hai")),
    ("2", _l("Thứ Ba")),
    ("3", _l("Thứ Tư")),
    ("4", _l("Thứ Năm")),
    ("5", _l("Thứ Sáu")),
    ("6", _l("Thứ Bảy")),
    ("7", _l("Chủ nhật")),
)
LAST: Final = "last"
# The month of its period in which a report is due unless said otherwise: the last one.
LAST_MONTH: Final = {
    Frequency.QUARTERLY: 3,
    Frequency.HALF_YEARLY: 6,
    Frequency.YEARLY: 12,
}
LONGEST_DATES: Final = 500
# About ten years: the days after a condition within which its task is due.
MOST_DAYS: Final = 3650
_DAY_AND_MONTH = re.compile(r"([0-9]{1,2}) ?[/.-] ?([0-9]{1,2})")
_MONTH = re.compile(r"(?:cuoi )?thang ([0-9]{1,2})|([0-9]{1,2})")


def parse_dates(text: str) -> tuple[tuple[int, int | Last], ...]:
    """Read days of the year: '15/03; 30/06' or 'tháng 3, 6, 9, 12' (a month means its last day).

    Raises ValueError with a sentence for people.
    """
    found: list[tuple[int, int | Last]] = []
    for part in filter(None, (piece.strip() for piece in re.split(r"[;,\n]", text))):
        if match := _DAY_AND_MONTH.fullmatch(part):
            found.append((int(match.group(2)), int(match.group(1))))
        elif match := _MONTH.fullmatch(fold(part)):
            found.append((int(match.group(1) or match.group(2)), "last"))
        else:
            raise ValueError(
                _("“%(text)s” không phải ngày trong năm. Hãy gõ như 15/03; 30/06.", text=part[:40])
            )
    if not found:
        raise ValueError(_("Hãy ghi các ngày, như 15/03; 30/06."))
    if len(found) > MAX_DATES:
        raise ValueError(_("Nhiều nhất %(most)d ngày.", most=MAX_DATES))
    return tuple(found)


def format_dates(dates: tuple[tuple[int, int | Last], ...]) -> str:
    """Return days of the year as they are typed."""
    return "; ".join(
        f"tháng {month}" if day == LAST else f"{day:02}/{month:02}" for month, day in dates
    )


def make_rule(
    frequency: Frequency,
    *,
    weekday: int | None = None,
    day: int | Last = LAST,
    month: int | None = None,
    dates: str = "",
) -> RecurrenceRule:
    """Return the rule of a preset; parts that it does not use are ignored.

    Raises ValueError with a sentence for people.
    """
    try:
        if frequency is Frequency.WEEKLY:
            return RecurrenceRule(frequency, weekday=weekday)
        if frequency is Frequency.DATES:
            return RecurrenceRule(frequency, dates=parse_dates(dates))
        if frequency is Frequency.MONTHLY:
            return RecurrenceRule(frequency, day=day)
        return RecurrenceRule(frequency, month=month or LAST_MONTH[frequency], day=day)
    except InvalidRecurrence as error:
        raise ValueError(_fault(error)) from error


def _fault(error: InvalidRecurrence) -> str:
    words = {
        "weekday": _("Hãy chọn thứ trong tuần."),
        "day": _("Ngày trong tháng phải từ 1 đến 31."),
        "month": _("Tháng trong kỳ chưa đúng."),
        "dates": _("Các ngày chưa đúng hoặc ghi trùng. Hãy gõ như 15/03; 30/06."),
    }
    return str(words.get(error.field, _("Cách lặp lại chưa đúng.")))


class Needed:
    """Marks a field that the service asks for when its section is used; checks nothing itself."""

    field_flags = {"required": True}  # noqa: RUF012 - WTForms reads it from the class

    def __call__(self, form: Any, field: Any) -> None:
        """Leave the check to the service, which knows what was chosen."""


class RecurrenceDay(Text):
    """A day of a month, or empty or 'cuối' for its last."""

    def day(self) -> int | Last:
        """Return the day. Raises ValueError with a sentence for people."""
        words = fold(self.data or "")
        if words in ("", "cuoi", "ngay cuoi", "cuoi thang", "cuoi ky", LAST):
            return "last"
        number = read_whole(words.removeprefix("ngay ").strip(), 31)
        if not number:
            raise ValueError(_("Ngày trong tháng phải từ 1 đến 31."))
        return number


class DeadlineFields:
    """Fields of a deadline; mixed into a form beside its own fields."""

    deadline_text = Text(
        _l("Thời hạn ghi trong văn bản"),
        [Longest(LONGEST_DEADLINE_TEXT)],
        description=_l("Chép nguyên văn, như “Quý II/2026”, “trước ngày 20 tháng cuối quý”."),
    )
    deadline_kind = RadioField(
        _l("Cách tính hạn"),
        choices=options((kind.value, label) for kind, label in KIND_LABELS),
        default=DeadlineKind.DATE.value,
    )
    window_start = Day(_l("Từ ngày"), [Needed()])
    deadline_on = Day(_l("Đến hạn ngày"), [Needed()])
    recurrence = SelectField(
        _l("Lặp lại"), [Needed()], choices=options(FREQUENCY_LABELS), default=""
    )
    recurrence_weekday = SelectField(_l("Vào thứ"), choices=options(WEEKDAY_LABELS), default="3")
    recurrence_day = RecurrenceDay(
        _l("Vào ngày"),
        [Longest(20)],
        description=_l("Số từ 1 đến 31; để trống là ngày cuối tháng (của tháng cuối kỳ)."),
    )
    recurrence_dates = Text(
        _l("Các ngày trong năm"),
        [Longest(LONGEST_DATES)],
        description=_l("Như 15/03; 30/06, hoặc tháng 3; tháng 9 (ngày cuối tháng)."),
    )
    trigger_text = Text(
        _l("Chờ điều gì"),
        [Needed(), Longest(LONGEST_DEADLINE_TEXT)],
        description=_l("Như “có hướng dẫn của Bộ Nội vụ”."),
    )
    awaits_id = SelectField(
        _l("Chờ việc nào của kế hoạch này"),
        coerce=optional_int,
        validate_choice=False,
        render_kw={"data-kind": "combobox"},
        description=_l("Việc ấy xong thì việc này lại hiện trong “Hôm nay” để ghi ngày."),
    )
    trigger_offset = Text(_l("Hạn sau khi có điều kiện (số ngày)"), [Longest(6)])
    trigger_in_working_days = BooleanField(_l("Tính theo ngày làm việc"))
    review_on = Day(_l("Ngày xem lại nếu chưa có điều kiện"))

    def validate_trigger_offset(self, field: Any) -> None:
        """Raise ValidationError for what is no number of days."""
        if field.data and read_whole(field.data, MOST_DAYS) is None:
            raise ValidationError(_("Hãy ghi số ngày, như 15."))

    def rule(self) -> RecurrenceRule | None:
        """Return the rule that was chosen, None for none; puts what is wrong beside its field."""
        name = self.recurrence.data
        if self.deadline_kind.data != DeadlineKind.RECURRING.value or not name:
            return None
        frequency = Frequency(name)
        faulty = {
            Frequency.WEEKLY: self.recurrence_weekday,
            Frequency.DATES: self.recurrence_dates,
        }.get(frequency, self.recurrence_day)
        try:
            return make_rule(
                frequency,
                weekday=int(self.recurrence_weekday.data or 3),
                day=self.recurrence_day.day(),
                dates=self.recurrence_dates.data or "",
            )
        except ValueError as error:
            faulty.errors = [*faulty.errors, str(error)]
            return None

    def has_rule_fault(self) -> bool:
        """Tell whether `rule` has put an error beside one of its fields."""
        fields = (self.recurrence_weekday, self.recurrence_day, self.recurrence_dates)
        return any(field.errors for field in fields)

    def deadline(self) -> Deadline:
        """Return the deadline that was typed."""
        offset = self.trigger_offset.data
        return Deadline(
            kind=DeadlineKind(self.deadline_kind.data),
            text=self.deadline_text.data or "",
            on=self.deadline_on.data,
            starts_on=self.window_start.data,
            rule=self.rule(),
            trigger=self.trigger_text.data or "",
            offset=read_whole(offset, MOST_DAYS) if offset else None,
            in_working_days=bool(self.trigger_in_working_days.data),
            review_on=self.review_on.data,
            awaits_id=self.awaits_id.data,
        )


def deadline_values(deadline: Deadline) -> dict[str, object]:
    """Return a deadline as the values of the fields."""
    rule = deadline.rule
    values: dict[str, object] = {
        "deadline_text": deadline.text,
        "deadline_kind": deadline.kind.value,
        "deadline_on": deadline.on,
        "window_start": deadline.starts_on,
        "trigger_text": deadline.trigger,
        "trigger_offset": "" if deadline.offset is None else str(deadline.offset),
        "trigger_in_working_days": deadline.in_working_days,
        "review_on": deadline.review_on,
        "awaits_id": deadline.awaits_id,
    }
    if rule is None:
        return values
    values["recurrence"] = rule.freq.value
    if rule.weekday is not None:
        values["recurrence_weekday"] = str(rule.weekday)
    if rule.day is not None:
        values["recurrence_day"] = "" if rule.day == LAST else str(rule.day)
    if rule.dates is not None:
        values["recurrence_dates"] = format_dates(rule.dates)
    month = LAST_MONTH.get(rule.freq)
    if month is not None and rule.month != month:
        # A rule with another month is shown as the days of the year that it means.
        values |= {
            "recurrence": Frequency.DATES.value,
            "recurrence_dates": format_dates(_days_of_year(rule)),
        }
    return values


def _days_of_year(rule: RecurrenceRule) -> tuple[tuple[int, int | Last], ...]:
    length = {Frequency.QUARTERLY: 3, Frequency.HALF_YEARLY: 6, Frequency.YEARLY: 12}[rule.freq]
    assert rule.month is not None
    assert rule.day is not None
    return tuple((first + rule.month, rule.day) for first in range(0, 12, length))

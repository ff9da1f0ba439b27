"""Calendar feeds: a private address for each person or unit, read by programs of their own.

Whoever knows the address reads it, so it is random, kept as a hash, shown once, and revoked with a
click. It shows what its owner may see on the day it is read: rights that ended end there too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import func, select

from tracker.accounts.access import access_of, held_grants
from tracker.accounts.models import User
from tracker.accounts.tokens import hash_token
from tracker.core.context import Actor, Context, Source, acting, current
from tracker.core.db import db
from tracker.core.errors import NotFound, PermissionDenied, ValidationFailed
from tracker.core.rights import rights
from tracker.core.work import Work
from tracker.notices.audience import one_at_a_time
from tracker.notices.escalation_models import CalendarFeed, FeedKind
from tracker.notices.queries import page_address
from tracker.plugins.descriptors import CalendarEntry, CalendarQuery
from tracker.plugins.host import current_registry
from tracker.units.models import Unit

if TYPE_CHECKING:
    from icalendar import Event

MOST_FEEDS: Final = 10
BEFORE, AFTER = timedelta(days=90), timedelta(days=550)
# Alarms ring in the morning, not at midnight with which the day begins.
ALARM_HOUR: Final = 8
LONGEST_TITLE: Final = 250
VIEW: Final = "plans.view"


# -- services ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MakeFeed:
    """A new address for a person's own calendar, or for a unit's."""

    user_id: int
    token_hash: str
    unit_id: int | None = None


def make_feed(work: Work, data: MakeFeed) -> int:
    """Make a feed; return its id. Raises ValidationFailed for one too many, PermissionDenied."""
    one_at_a_time(work.session, data.user_id)
    living = work.session.scalar(
        select(func.count())
        .select_from(CalendarFeed)
        .where(CalendarFeed.user_id == data.user_id, CalendarFeed.revoked_at.is_(None))
    )
    if (living or 0) >= MOST_FEEDS:
        raise ValidationFailed(
            {"": _("Mỗi người có nhiều nhất %(most)d địa chỉ lịch. Hãy thu hồi bớt.",
                   most=MOST_FEEDS)}
        )  # fmt: skip
    if data.unit_id is not None:
        unit = work.session.get(Unit, data.unit_id)
        if unit is None or not work.may(VIEW, unit):
            raise PermissionDenied
    feed = CalendarFeed(
        feed_kind=FeedKind.PERSON if data.unit_id is None else FeedKind.UNIT,
        user_id=data.user_id,
        unit_id=data.unit_id,
        token_hash=data.token_hash,
        created_at=work.now,
    )
    work.session.add(feed)
    work.session.flush()
    return feed.id


@dataclass(frozen=True)
class RevokeFeed:
    """An address of one's own that is to be read no longer."""

    user_id: int
    feed_id: int


def revoke_feed(work: Work, data: RevokeFeed) -> None:
    """Revoke a feed at once. Raises NotFound for another's."""
    feed = work.get(CalendarFeed, data.feed_id)
    if feed.user_id != data.user_id:
        raise NotFound
    if feed.revoked_at is None:
        feed.revoked_at = work.now


# -- reading -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FeedRow:
    """A feed as its owner sees it; the address itself is known to nobody any more."""

    id: int
    unit_name: str
    created_at: datetime


def feeds_of(user_id: int) -> list[FeedRow]:
    """Return a person's living feeds, the newest first."""
    rows = db.session.execute(
        select(CalendarFeed.id, CalendarFeed.created_at, Unit.name)
        .outerjoin(Unit, Unit.id == CalendarFeed.unit_id)
        .where(CalendarFeed.user_id == user_id, CalendarFeed.revoked_at.is_(None))
        .order_by(CalendarFeed.id.desc())
    )
    return [FeedRow(row.id, row.name or "", row.created_at) for row in rows]


def read_feed(token: str) -> bytes:
    """Return the calendar behind an address, as text/calendar. Raises NotFound."""
    row = db.session.execute(
        select(
            CalendarFeed.id,
            CalendarFeed.unit_id,
            CalendarFeed.created_at,
            User.id.label("user_id"),
            User.name,
            User.locale,
            Unit.name.label("unit_name"),
        )
        .join(User, User.id == CalendarFeed.user_id)
        .outerjoin(Unit, Unit.id == CalendarFeed.unit_id)
        .where(
            CalendarFeed.token_hash == hash_token(token),
            CalendarFeed.revoked_at.is_(None),
            User.is_active.is_(True),
        )
    ).one_or_none()
    if row is None:
        raise NotFound
    clock = current().clock
    grants = held_grants(db.session(), row.user_id, clock.today())
    access = access_of(row.user_id, grants)
    context = Context(Actor(row.name, row.user_id, access), clock, Source.PAGE)
    with acting(context), force_locale(row.locale):
        if row.unit_id is not None and not _may_read(row.unit_id):
            entries: list[CalendarEntry] = []
        else:
            entries = _entries(row.unit_id)
        title = _("CCHC – %(name)s", name=row.unit_name or row.name)
        return write_calendar(title, entries, row.created_at)


def _may_read(unit_id: int) -> bool:
    unit = db.session.get(Unit, unit_id)
    return unit is not None and rights.may(db.session(), current().actor.access, VIEW, unit)


def _entries(unit_id: int | None) -> list[CalendarEntry]:
    today = current().clock.today()
    query = CalendarQuery(unit_id, today - BEFORE, today + AFTER)
    access = current().actor.access
    found: list[CalendarEntry] = []
    for source in current_registry().calendar_entries:
        if not source.permission or access.holds(source.permission):
            found.extend(source.entries(query))
    return sorted(found, key=lambda one: (one.day, one.uid))


def write_calendar(title: str, entries: list[CalendarEntry], known_since: datetime) -> bytes:
    """Return entries as an iCalendar object (RFC 5545): the same entries give the same bytes."""
    # Here and below: only a calendar program's request needs this large library.
    from icalendar import Calendar

    calendar = Calendar()
    calendar.add("prodid", "-//Theo doi CCHC//Tracker//VI")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("x-wr-calname", title)
    calendar.add("x-wr-timezone", "Asia/Ho_Chi_Minh")
    calendar.add("refresh-interval", timedelta(hours=6), parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT6H")
    for entry in entries:
        calendar.add_component(_event(entry, known_since))
    written: bytes = calendar.to_ical()
    return written


def _event(entry: CalendarEntry, known_since: datetime) -> Event:
    from icalendar import Alarm, Event

    moment = (entry.changed_at or known_since).astimezone(UTC).replace(microsecond=0)
    event = Event()
    event.add("uid", f"{entry.uid}@tracker")
    event.add("dtstamp", moment)
    event.add("last-modified", moment)
    event.add("summary", _one_line(entry.title))
    event.add("dtstart", entry.day)
    event.add("dtend", entry.day + timedelta(days=1))
    # A deadline takes no time of the day.
    event.add("transp", "TRANSPARENT")
    if entry.text:
        event.add("description", entry.text)
    if entry.category:
        event.add("categories", [entry.category])
    if entry.page is not None:
        url = page_address(entry.page[0], entry.page[1])
        if url:
            event.add("url", url)
    if entry.alarm_days is not None:
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", _one_line(entry.title))
        alarm.add("trigger", timedelta(days=-entry.alarm_days, hours=ALARM_HOUR))
        event.add_component(alarm)
    return event


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TITLE else line[: LONGEST_TITLE - 1] + "…"

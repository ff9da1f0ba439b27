"""Tell the time: moments in UTC, days in Vietnam.

A *moment* is an aware ``datetime`` in UTC. A *day* is a ``date`` as the wall calendar in
``LOCAL`` shows it. Rules receive a ``Clock`` and never ask the operating system themselves, so
that a test, a figure "as of" last month and a demo can all choose their own present.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

LOCAL: Final = ZoneInfo("Asia/Ho_Chi_Minh")
"""The zone of every day in the product: UTC+7 without daylight saving since 1975."""


class Clock(Protocol):
    """What rules may know about the present."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...

    def today(self) -> date:
        """Return the present day in ``LOCAL``."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.now(UTC)

    def today(self) -> date:
        """Return the present day in ``LOCAL``."""
        return to_local(self.now()).date()


class FixedClock:
    """A clock that stands still until it is moved."""

    def __init__(self, moment: datetime) -> None:
        """Stop the clock at ``moment``, aware, in any zone.

        Raises ``ValueError`` if ``moment`` is naive.
        """
        self._moment = _to_utc(moment)

    def now(self) -> datetime:
        """Return the moment the clock stands at, aware, in UTC."""
        return self._moment

    def today(self) -> date:
        """Return the day in ``LOCAL`` that the clock stands at."""
        return to_local(self._moment).date()

    def advance(self, **by: float) -> None:
        """Move the clock by what ``timedelta`` takes: ``advance(days=1, hours=-2)``.

        Raises ``TypeError`` for a keyword that ``timedelta`` does not know.
        """
        self._moment += timedelta(**by)

    def move_to(self, moment: datetime) -> None:
        """Stop the clock at another moment, earlier or later, aware, in any zone.

        Raises ``ValueError`` if ``moment`` is naive.
        """
        self._moment = _to_utc(moment)


def to_local(moment: datetime) -> datetime:
    """Return the same moment with the wall time of ``LOCAL``.

    Raises ``ValueError`` if ``moment`` is naive: guessing its zone would shift days silently.
    """
    return _to_utc(moment).astimezone(LOCAL)


def local_day_bounds(day: date) -> tuple[datetime, datetime]:
    """Return the moments (UTC) at which ``day`` begins and at which the next day begins.

    The interval is half-open: a moment ``m`` lies in ``day`` when ``start <= m < end``.
    Raises ``OverflowError`` for the first and the last day that ``date`` can hold.
    """
    start = datetime.combine(day, time.min, tzinfo=LOCAL)
    end = datetime.combine(day + timedelta(days=1), time.min, tzinfo=LOCAL)
    return start.astimezone(UTC), end.astimezone(UTC)


def _to_utc(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError(f"a moment needs a time zone: {moment!r}")
    return moment.astimezone(UTC)

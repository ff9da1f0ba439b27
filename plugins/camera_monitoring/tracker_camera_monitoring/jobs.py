"""Work that the clock starts: probe cameras, roll days up, prune what is old."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from tracker.api.clock import now, today
from tracker.api.i18n import gettext as _
from tracker.api.jobs import JobCall
from tracker.api.queries import session
from tracker.api.work import Work, run
from tracker_camera_monitoring import health_queries, inputs, labels, monitoring, values
from tracker_camera_monitoring.models import StandingRow
from tracker_camera_monitoring.networks import NetworkUnreadable
from tracker_camera_monitoring.probing import Limits, Outcome, Prober, Target

# Outcomes written in one unit of work.
BATCH = 250
# Probes begun in a second at least; more when a round would not fit into its time.
SLOWEST = 60.0
ROUND_SECONDS = 180
MOST_DAYS = 30
DAYS_OF_A_YEAR = 366


def probe(call: JobCall) -> str:
    """Ask the cameras that are due, and keep what they say."""
    targets = health_queries.due_targets(now())
    session().rollback()
    prober = _prober(max(SLOWEST, len(targets) / ROUND_SECONDS))
    if isinstance(prober, str):
        return prober
    asked, changed = ask_and_record(prober, targets, call)
    return _(
        "Đã thăm dò %(asked)d camera, %(changed)d đổi trạng thái.", asked=asked, changed=changed
    )


def probe_one(call: JobCall) -> str:
    """Ask one camera that somebody wants to know of at once, and keep what it says."""
    target = health_queries.target_of(int(call.input.get("camera") or 0))
    session().rollback()
    if target is None:
        return _("Camera này không còn được thăm dò.")
    prober = _prober(SLOWEST)
    if isinstance(prober, str):
        return prober
    ask_and_record(prober, [target], call)
    session().rollback()
    standing = session().get(StandingRow, target.key)
    if standing is None:
        return _("Camera này không còn được thăm dò.")
    return labels.reason_sentence(standing.reason) + "."


def _prober(a_second: float) -> Prober | str:
    """Return who asks, as the settings say; or in words why nobody does."""
    try:
        networks = values.networks()
    except NetworkUnreadable as error:
        return _("Không đọc được mạng “%(word)s” trong thiết lập.", word=error.word)
    if not networks:
        return _("Chưa khai mạng nào được phép thăm dò.")
    return Prober(networks, Limits(seconds=float(values.whole("probe_seconds")), a_second=a_second))


def ask_and_record(
    prober: Prober,
    targets: Sequence[Target],
    call: JobCall | None = None,
    moment: Callable[[], datetime] = now,
) -> tuple[int, int]:
    """Ask cameras and keep what they say; return how many were asked, how many changed.

    Probes run in a thread of their own: a database that makes the writer wait must not look like
    cameras that don't answer.
    """
    answers: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()

    async def round_of_probes() -> None:
        async for outcome in prober.round(targets):
            answers.put(outcome)

    patience = values.whole("incident_minutes")
    waiting: list[tuple[Outcome, datetime]] = []
    asked = changed = 0

    def write() -> int:
        def service(work: Work, data: inputs.RecordOutcomes) -> int:
            found = monitoring.record_outcomes(work, data)
            if call is not None:
                call.step(work, asked, len(targets))
            return found

        data = inputs.RecordOutcomes(tuple(waiting), patience)
        waiting.clear()
        return run(service, data)

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="camera-probes") as pool:
        probing = pool.submit(lambda: asyncio.run(round_of_probes()))
        probing.add_done_callback(lambda _done: answers.put(None))
        while (outcome := answers.get()) is not None:
            waiting.append((outcome, moment()))
            asked += 1
            if len(waiting) >= BATCH:
                changed += write()
        if waiting:
            changed += write()
        probing.result()
    return asked, changed


def roll_up(call: JobCall) -> str:
    """Put the days since the last time, and yesterday, into figures."""
    days = health_queries.days_to_roll_up(today(), MOST_DAYS)
    written = 0
    for number, day in enumerate(days, 1):
        ids = health_queries.cameras_with_stretches(*monitoring.day_bounds(day))
        session().rollback()
        for start in range(0, len(ids), monitoring.BATCH):
            part = ids[start : start + monitoring.BATCH]

            def service(work: Work, data: inputs.RollUp, done: int = number) -> int:
                found = monitoring.roll_up(work, data)
                call.step(work, done, len(days))
                return found

            written += run(service, inputs.RollUp(day, part))
    return _("Đã tổng hợp %(days)d ngày, %(rows)d dòng.", days=len(days), rows=written)


def prune(call: JobCall) -> str:
    """Delete what is older than the settings keep, but nothing that is not rolled up."""
    newest = health_queries.newest_day()
    gone = 0
    if newest is not None:
        rolled_up_until = monitoring.day_bounds(newest)[1]
        cutoff = min(now() - timedelta(days=values.whole("raw_days")), rolled_up_until)
        while ids := health_queries.old_stretches(cutoff, monitoring.BATCH):
            session().rollback()

            def service(work: Work, data: Sequence[int], done: int = gone) -> int:
                call.step(work, done)
                return monitoring.delete_stretches(work, data)

            gone += run(service, ids)
    before = today() - timedelta(days=DAYS_OF_A_YEAR * values.whole("figures_years"))
    days = run(monitoring.delete_days, before)
    return _("Đã xóa %(raw)d dòng diễn biến, %(days)d dòng ngày.", raw=gone, days=days)

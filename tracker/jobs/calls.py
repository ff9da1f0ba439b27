"""A run as its function sees it: input, progress, log, and the fence around its effects."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from flask_babel import gettext as _

from tracker.core.context import current
from tracker.core.work import Work, run
from tracker.jobs.ledger import (
    Claimed,
    Ending,
    Progress,
    RunLost,
    Token,
    end_run,
    local_time,
    note_progress,
)
from tracker.jobs.models import RunState

# Progress is written at most this often; people look about as often.
PROGRESS_SECONDS = 1.0


class Call:
    """What the function of a job gets (tracker.plugins.descriptors.JobCall)."""

    def __init__(self, claimed: Claimed, *, every: float = PROGRESS_SECONDS) -> None:
        self._claimed = claimed
        self._every = every
        self._written_at = float("-inf")
        self._lines: list[str] = []
        self._result_url = ""
        self.token = Token(claimed.id, claimed.attempt)
        # Set by whoever watches the run, when it is lost or its time is up.
        self.lost = threading.Event()
        self.is_over = False

    @property
    def run_id(self) -> UUID:
        """The run's identity, in addresses and for whoever queued it."""
        return self._claimed.run_id

    @property
    def job(self) -> str:
        """The job's key."""
        return self._claimed.job

    @property
    def due_at(self) -> datetime:
        """The moment for which it runs (UTC); of a queued run, when it was asked for."""
        return self._claimed.due_at

    @property
    def input(self) -> Mapping[str, Any]:
        """What it was queued with; empty for a scheduled run."""
        return self._claimed.input

    @property
    def done(self) -> int:
        """How far an earlier attempt had come by its last `step`; 0 at first."""
        return self._claimed.done

    def progress(self, done: int, total: int | None = None, message: str = "") -> None:
        """Show how far the job is, in a unit of work of its own; at most once a second.

        Raises RunLost. For figures to look at: where a job can go on after it was cut off, `step`
        keeps the place.
        """
        self._check()
        now = time.monotonic()
        if now - self._written_at < self._every and done != total:
            return
        self._written_at = now
        lines = tuple(self._lines)
        run(
            note_progress,
            Progress(self.token, done, total, message, lines, self._result_url),
        )
        self._lines = self._lines[len(lines) :]

    def say(self, text: str) -> None:
        """Add a line to the run's log; it is written with the next progress or the end."""
        self._lines.append(f"{local_time(current().clock.now())} {text}")

    def link(self, url: str) -> None:
        """Name the page of this site that shows the result. Raises ValueError for others."""
        if not url.startswith("/") or url.startswith("//") or len(url) > 500:
            raise ValueError(f"not a path of this site: {url!r}")
        self._result_url = url

    def step(self, work: Work, done: int, total: int | None = None, message: str = "") -> None:
        """Within a unit of work: make sure that the run is ours, and keep how far it is.

        Raises RunLost, so that nothing of the unit of work is written.
        """
        self._check()
        note_progress(work, Progress(self.token, done, total, message))

    def finish_in(self, work: Work, said: str = "") -> None:
        """Within a unit of work: end the run as done, so that both commit or neither.

        Raises RunLost.
        """
        self._check()
        end_run(work, self._ending(RunState.DONE, said))
        # A transaction that fails after all has ended nothing.
        work.then(self._note_end)

    def _note_end(self) -> None:
        self.is_over = True

    def end(self, state: RunState, said: str) -> None:
        """End the run in a unit of work of its own. Raises RunLost."""
        run(end_run, self._ending(state, said))

    def _ending(self, state: RunState, said: str) -> Ending:
        return Ending(self.token, state, said, tuple(self._lines), self._result_url)

    def _check(self) -> None:
        if self.lost.is_set():
            raise RunLost(_("Lần chạy này đã thuộc về tiến trình khác."))
